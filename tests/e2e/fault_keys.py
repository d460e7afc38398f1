#!/usr/bin/env python3
"""Row 19 without a server's part in it: keys that are none, and where a key can be seen while a run works: nowhere."""
import os
import pathlib
import shutil
import stat
import subprocess
import time

import fault
import killing
import sg
from fault import KEY, check


def odd_key(key, word):
    """It is refused before any request, and the message does not repeat it."""
    with sg.Folder() as folder, sg.Stub(folder) as stub:
        for ranks in (0, 2):
            o = fault.buy(folder / "r", stub.url, key=key, ranks=ranks)
            check(o.code == 2, f"exit code {o.code}")
            fault.check_message(o, "OPENAI_API_KEY", word)
            fault.check_no_key(folder, o.out, o.err)
        check(not stub.requests(), "a request was sent")


def no_key():
    """A server of one's own wants none: no header is sent, and a server that does want one is named."""
    with sg.Folder() as folder, sg.Stub(folder) as stub:
        o = fault.buy(folder / "r", stub.url, key=None)
        check(o.code == 0, o.err)
    with sg.Folder() as folder, sg.Stub(folder, "--key", KEY) as stub:
        o = fault.buy(folder / "r", stub.url, key=None)
        check(o.code == 2, f"exit code {o.code}")
        fault.check_message(o, "OPENAI_API_KEY")


def key_in_a_file():
    """OPENAI_API_KEY_FILE names it: refused while others could read it, with the cure; then it is sent, by `generate` on two ranks, and kept nowhere."""
    with sg.Folder() as folder, sg.Folder() as elsewhere, sg.Stub(folder, "--key", KEY) as stub:
        file = elsewhere / "key"
        file.write_text(KEY + "\n")
        file.chmod(0o644)
        o = fault.buy(folder / "r", stub.url, key=None, env={"OPENAI_API_KEY_FILE": str(file)})
        check(o.code == 2 and not stub.requests(), f"exit code {o.code}")
        fault.check_message(o, "OPENAI_API_KEY_FILE", f"chmod 600 {file}")
        file.chmod(0o600)
        o = fault.buy(folder / "r", stub.url, key=None, env={"OPENAI_API_KEY_FILE": str(file)}, ranks=2)
        check(o.code == 0, o.err)
        fault.check_no_key(folder, o.out, o.err)


def key_in_the_address():
    """A gateway that takes its key behind a ?: from the provider's variable alone, and it is nowhere in what is kept or said."""
    with sg.Folder() as folder, sg.Stub(folder) as stub:
        address = f"{stub.url}?subscription={KEY}"
        o = fault.buy(folder / "r", address.replace(KEY, "gateway-canary"))
        check(o.code == 2, f"exit code {o.code}")
        fault.check_message(o, "generator.base_url", "OPENAI_BASE_URL")
        check("gateway-canary" not in o.err, o.err)
        check(not stub.requests(), "a request was sent")
        o = fault.buy(folder / "r", None, "generator.recording=", key=None, env={"OPENAI_BASE_URL": address}, ranks=2)
        check(o.code == 0, o.err)
        fault.check_no_key(folder / "r", o.out, o.err)
    with sg.Folder() as folder:
        o = fault.buy(folder / "r", None, "generator.recording=", "generator.retries=0", key=None,
                      env={"OPENAI_BASE_URL": f"http://127.0.0.1:9/v1?subscription={KEY}"})
        check(o.code in (2, 3), f"exit code {o.code}")
        fault.check_no_key(folder, o.out, o.err)


def ranks_below(pid):
    """The synthgrid processes that pid has started, or itself."""
    return [p for p in (pid, *killing.family(pid)) if killing.name(p) == "synthgrid"]


def while_it_runs(results, stub, ranks, look, before=()):
    """Calls look(pid) for each rank while requests are in flight."""
    command = [*before, *sg.command("generate", *fault.STUDY, f"generator.base_url={stub.url}", "--results", results, ranks=ranks)]
    process = subprocess.Popen(command, cwd=sg.ROOT, env=dict(sg.ENVIRONMENT, OPENAI_API_KEY=KEY), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 30
        while not stub.requests():
            check(process.poll() is None, f"it ends early: {process.stderr.read() if process.poll() is not None else ''}")
            check(time.monotonic() < deadline, "it sends no request")
            time.sleep(0.01)
        pids = ranks_below(process.pid)
        check(len(pids) == max(ranks, 1), f"{len(pids)} ranks run, not {max(ranks, 1)}")
        for pid in pids:
            look(pathlib.Path(f"/proc/{pid}"))
        check(process.wait(60) == 0, "the run fails")
    finally:
        process.kill()
        process.wait()


def proc():
    """Not in the arguments or the environment of any rank; and a crash leaves no core that would hold it."""
    def look(of):
        for name in ("cmdline", "environ"):
            try:
                check(b"canary" not in (of / name).read_bytes(), f"the key is in {of / name}")
            except PermissionError:
                pass  # what is wanted
        limit = next(line for line in (of / "limits").read_text().splitlines() if line.startswith("Max core file size"))
        check(limit.split()[4:6] == ["0", "0"], f"a core may be written: {limit}")

    with sg.Folder() as folder, sg.Stub(folder, "--key", KEY, "--latency", "0.4") as stub:
        while_it_runs(folder / "r", stub, 2, look)
        fault.check_no_key(folder)


def closed_to_the_user():
    """Another process of the same user cannot read the environment: PR_SET_DUMPABLE 0 gives these files to root."""
    def look(of):
        check((of / "environ").stat().st_uid == 0, "a rank is dumpable")

    with sg.Folder() as folder, sg.Stub(folder, "--key", KEY, "--latency", "0.4") as stub:
        before = []
        if os.getuid() == 0:
            if not shutil.which("setpriv"):
                raise fault.NotTried("needs setpriv (util-linux) when run by root")
            before = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
            folder.chmod(folder.stat().st_mode | stat.S_IRWXO)
        while_it_runs(folder / "r", stub, 0, look, before)


fault.play([
    ("empty", lambda: odd_key("", "empty")),
    ("blank", lambda: odd_key("  ", "blank")),
    ("newline", lambda: odd_key(KEY + "\n", "newline")),
    ("header", lambda: odd_key(KEY + "\r\nX-Other: 1", "newline")),
    ("not_ascii", lambda: odd_key(KEY + "\u00e9", "character")),
    ("no_key", no_key),
    ("file", key_in_a_file),
    ("address", key_in_the_address),
    ("proc", proc),
    ("closed_to_the_user", closed_to_the_user),
])
