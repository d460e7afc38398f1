#!/usr/bin/env python3
"""Row 22: names that are not found, servers that cannot be reached, and those that are gone for a while."""
import contextlib
import os
import signal
import socket
import subprocess
import threading
import time

import fault
import sg
from fault import KEY, check

FOREIGN = ["generator.usd_per_1m_input=1", "generator.usd_per_1m_output=1", "budget.usd=1"]
# 24 requests, 4 at a time, 0.2 s each: time enough for something to happen in the middle.
LONG = ["sizes=[24]"]
SLOW = ["--latency", "0.2"]


def nobody(url, *words, study=(), env=None, at_most_s=10):
    """No work begins, the message has the address and a hint, and the next run with a server that is there is an undisturbed one."""
    with sg.Folder() as folder:
        o = fault.buy(folder / "r", url, *study, env=env)
        check(o.code == 2, f"exit code {o.code}: {o.err}")
        check(o.seconds < at_most_s * fault.LOADED, f"{o.seconds:.1f} s")
        fault.check_message(o, "hint", *words)
        fault.check_no_key(folder, o.out, o.err)
        fault.check_resumes(folder, folder / "r", wanted["short"][0])


def black_hole():
    """A port whose queue is full: connections are neither taken nor refused, as behind a firewall that drops."""
    with socket.socket() as full, contextlib.ExitStack() as held:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            s = held.enter_context(socket.socket())
            s.setblocking(False)
            s.connect_ex(full.getsockname())
        time.sleep(0.1)
        nobody(f"http://127.0.0.1:{full.getsockname()[1]}/v1", at_most_s=15)


def another_stub(folder, port, *options):
    """The stub again, on the same port and with the same log."""
    return subprocess.Popen([os.sys.executable, str(sg.ROOT / "stub" / "llm_stub.py"), "--log", str(folder / "stub.jsonl"), "--port",
                             str(port), "--key", KEY, *options], stdout=subprocess.DEVNULL)


def after(stub, n, action):
    """Does it in a thread when the stub has logged n requests."""
    def wait():
        deadline = time.monotonic() + 30
        while len(stub.requests()) < n and time.monotonic() < deadline:
            time.sleep(0.01)
        action()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def gone_for_a_while(ranks, seconds):
    """The server dies and comes back on the same port: the run waits for it."""
    started = []
    with sg.Folder() as folder, sg.Stub(folder, "--key", KEY, *SLOW) as stub:
        port = stub.url.split(":")[2].split("/")[0]

        def restart():
            stub.process.kill()
            stub.process.wait()
            time.sleep(seconds)
            started.append(another_stub(folder, port))

        thread = after(stub, 8, restart)
        try:
            o = fault.buy(folder / "r", stub.url, *LONG, ranks=ranks)
            thread.join()
            check(o.code == 0, o.err)
            check(o.seconds > seconds and o.digest == wanted["long"][0], "other pools than an undisturbed run's")
            fault.check_nothing_lost(folder / "r", [])
        finally:
            thread.join()
            for process in started:
                process.kill()
                process.wait()


def gone_for_good(ranks):
    """It says so, keeps what came, and the next run buys the rest."""
    with sg.Folder() as folder, sg.Stub(folder, "--key", KEY, *SLOW) as stub:
        thread = after(stub, 8, stub.process.kill)
        o = fault.buy(folder / "r", stub.url, *LONG, "generator.retries=1", ranks=ranks)
        thread.join()
        check(o.code == 3, f"exit code {o.code}: {o.err}")
        fault.check_message(o, "run again")
        check(fault.bodies(folder / "r"), "nothing was kept")
        fault.check_resumes(folder, folder / "r", wanted["long"][0], *LONG, ranks=ranks)


def silent_for_a_while(ranks):
    """The server stands still, as over a VPN that has dropped: connections stay open, nothing comes; then it goes on."""
    with sg.Folder() as folder, sg.Stub(folder, "--key", KEY, *SLOW) as stub:
        def pause():
            stub.process.send_signal(signal.SIGSTOP)
            time.sleep(3)
            stub.process.send_signal(signal.SIGCONT)

        thread = after(stub, 8, pause)
        o = fault.buy(folder / "r", stub.url, *LONG, "generator.timeout_s=1", ranks=ranks)
        thread.join()
        check(o.code == 0, o.err)
        check(o.digest == wanted["long"][0], "other pools than an undisturbed run's")


def only_ipv4():
    """localhost is ::1 first, where nobody listens."""
    with sg.Folder() as folder, sg.Stub(folder, "--key", KEY) as stub:
        o = fault.buy(folder / "r", stub.url.replace("127.0.0.1", "localhost"))
        check(o.code == 0 and o.digest == wanted["short"][0], o.err)


def rank_0_names_the_server(variable):
    """Rank 0's environment says where requests go; another rank's variable does not, were it set there alone."""
    with sg.Folder() as folder, sg.Stub(folder, "--key", KEY) as stub:
        met = []
        with socket.create_server(("127.0.0.1", 0)) as other:
            def accept():
                with contextlib.suppress(OSError):
                    met.append(other.accept())

            threading.Thread(target=accept, daemon=True).start()
            elsewhere = f"http://127.0.0.1:{other.getsockname()[1]}/v1"
            wrapper = folder / "rank.sh"
            wrapper.write_text(f'#!/bin/sh\nif [ "$OMPI_COMM_WORLD_RANK" = 0 ]; then export {variable}={stub.url}; '
                               f'else export {variable}={elsewhere}; fi\nexec "$@"\n')
            wrapper.chmod(0o755)
            command = [sg.MPIEXEC, "-n", "2", str(wrapper), *sg.command("generate", *fault.STUDY, "generator.recording=", "--results",
                                                                       folder / "r")]
            done = subprocess.run(command, cwd=sg.ROOT, env=dict(sg.ENVIRONMENT, OPENAI_API_KEY=KEY), capture_output=True, text=True, timeout=240)
            check(done.returncode == 0, done.stderr)
            check(len(fault.bodies(folder / "r")) == 8 and not met, "a rank asked another server")
            ranks = {r for (r,) in fault.ask(folder / "r", "SELECT DISTINCT rank FROM completions")}
            check(ranks == {0, 1}, f"only ranks {ranks} have asked")


wanted = {"short": fault.undisturbed(), "long": fault.undisturbed(*LONG)}
fault.play([
    ("black_hole", black_hole),
    ("gone_for_a_while", lambda: gone_for_a_while(0, 3)),
    ("gone_for_a_while_two_ranks", lambda: gone_for_a_while(2, 3)),
    ("silent_for_a_while", lambda: silent_for_a_while(2)),
    ("gone_for_good", lambda: gone_for_good(0)),
    ("gone_for_good_two_ranks", lambda: gone_for_good(2)),
    ("no_such_name", lambda: nobody("https://nowhere.invalid/v1", "nowhere.invalid", study=FOREIGN)),
    ("no_such_proxy", lambda: nobody("https://llm.invalid/v1", "https_proxy", study=FOREIGN,
                                     env={"https_proxy": "http://proxy.invalid:3128"})),
    ("refused", lambda: nobody("http://127.0.0.1:9/v1", "127.0.0.1:9")),
    ("only_ipv4", only_ipv4),
    ("rank_0_names_the_server", lambda: rank_0_names_the_server("OPENAI_BASE_URL")),
])
