#!/usr/bin/env python3
"""`--with-llm COMMAND`: a run starts its LLM server, on a Unix socket of its own or a free port, and whatever is killed (server, rank, mpirun),
nothing is left running and the command goes on to the same digest, without buying an answer twice that it has. The server gets no key, no
file of ours, and no rank's environment. `generator.base_url: unix://...` of a server that somebody else has started. Generated with a
network, trained without one."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import sg

KEY = "sk-canary-0123456789abcdef"
STUB = f"{sys.executable} -S {sg.ROOT / 'stub/llm_stub.py'}"
CONNECTIONS = 4
STUDY = [*sg.QUICKSTART, "tasks=[sst2,rte]", "methods=[zero_shot]", "sizes=[10]", "mixes=[synthetic]", "train.steps=1", "train.max_length=32",
         "generator.recording=", f"generator.connections={CONNECTIONS}"]


def until(what, condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        sg.check(time.monotonic() < deadline, f"{what} within {seconds} s")
        time.sleep(0.02)
    return found


def asked(log):
    """The keys of the requests that were answered, as the server has them."""
    return [r["key"] for r in map(json.loads, open(log)) if r["status"] == 200] if log.exists() else []


def pids(*words):
    """The processes whose command lines have these words."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if all(str(w) in line for w in words):
            found.append(int(path.parent.name))
    return found


def nothing_left(place):
    until(f"no process of {place} is left", lambda: not pids(place), 15)


with sg.Folder() as folder:
    whole = {}

    # A server of one's own on a Unix socket: the digest that all others must have.
    def plain():
        place = folder / "plain"
        place.mkdir()
        place.chmod(0o700)
        with sg.Stub(place, "--uds", str(place / "llm.sock")) as stub:
            out, _ = sg.run("run", *STUDY, f"generator.base_url={stub.url}", "--results", place / "r", ranks=2)
            whole["digest"], whole["asked"] = sg.digest(out), sorted(asked(stub.log))
            # A command without a place listens at the study's address, where this one answers already.
            _, err = sg.run("generate", *STUDY, f"generator.base_url={stub.url}", "--results", place / "again", "--with-llm", "sleep 60",
                            code=2)
            sg.check("another server answers at its address already" in err, err)
            place.chmod(0o750)
            _, err = sg.run("generate", *STUDY, f"generator.base_url={stub.url}", "--results", place / "again", code=2)
            sg.check(f"hint: `chmod 700 {place}`" in err, err)
        sg.check(len(set(whole["asked"])) == len(whole["asked"]) > 15, "the stub was asked something else")

    # From the command to the table, key and all. What the server is given, it writes down.
    def beside():
        place = folder / "beside"
        place.mkdir()
        command = f"ls -l /proc/self/fd > {place}/files; env > {place}/env; exec {STUB} --uds {{socket}} --loading 0.5 --log {place}/log"
        out, err = sg.run("run", *STUDY, "--results", place / "r", "--with-llm", command, ranks=2,
                          env={"OPENAI_API_KEY": KEY, "COPY_OF_IT": KEY, "HARMLESS": "1"})
        nothing_left(place)
        sg.check(sg.digest(out) == whole["digest"], "another digest than with a server of one's own")
        sg.check(sorted(asked(place / "log")) == whole["asked"], "it was asked something else")
        env, files = (place / "env").read_text(), (place / "files").read_text()
        sg.check("HARMLESS=1" in env and "PATH=" in env, f"the environment is not handed on:\n{env}")
        for word in ("OPENAI_API_KEY", "COPY_OF_IT", KEY, "OMPI_COMM_WORLD_RANK", "PMIX_RANK"):
            sg.check(word not in env, f"the server is given {word}")
        # 0 to 2, and the folder that ls reads
        sg.check(files.count(" -> ") == 4 and "/dev/null" in files, f"the server has inherited files:\n{files}")
        sg.check("the LLM server answers after" in err, err)
        said = (place / "r/llm_server.log").read_text()
        sg.check("synthgrid starts the LLM server" in said and "/llm.sock\n" in said, said)
        socket_folder = pathlib.Path(said.split("unix://")[1].split()[0]).parent
        sg.check(not socket_folder.exists(), "the socket's folder is left")
        for path in [place, *place.rglob("*")]:
            sg.check(path.is_dir() or KEY.encode() not in path.read_bytes(), f"the key is in {path}")
        sg.check(KEY not in out + err, "the key is in the output")
        # All is bought: no server is started.
        out, err = sg.run("run", *STUDY, "--results", place / "r", "--with-llm", "false {port}")
        sg.check(sg.digest(out) == whole["digest"] and "LLM server" not in err, err)

    def command_of(place, latency=0.1, more=""):
        return f"{more}{STUB} --port {{port}} --latency {latency} --log {place}/log; exit $?"  # not exec: a shell stands between

    def goes_on(place, what):
        """Nothing runs any more; the same command again has the digest, and has bought again no more than was on its way."""
        nothing_left(place)
        n_known = sg.ask(place / "r", "select count(*) from completions")[0][0]
        before = len(asked(place / "log"))
        out, _ = sg.run("run", *STUDY, "--results", place / "r", "--with-llm", command_of(place, 0))
        nothing_left(place)
        all_asked = asked(place / "log")
        sg.check(sg.digest(out) == whole["digest"], f"{what} killed: another digest")
        sg.check(sorted(set(all_asked)) == whole["asked"] and len(all_asked) - before == len(whole["asked"]) - n_known,
                 f"{what} killed: {n_known} answers known, {len(all_asked) - before} bought after it")

    def server():
        place = folder / "server"
        place.mkdir()
        done = subprocess.Popen(sg.command("run", *STUDY, "--results", place / "r", "--with-llm", command_of(place), ranks=2), cwd=sg.ROOT,
                                env=sg.ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        until("some are answered", lambda: len(asked(place / "log")) > 4)
        for pid in pids("llm_stub.py", place):  # the command stands in those of others, too
            if pathlib.Path(f"/proc/{pid}/comm").read_text().startswith("python"):
                os.kill(pid, signal.SIGKILL)
        out, err = done.communicate(timeout=120)
        sg.check(done.returncode == 0 and "it is started again (1 of 3)" in err, f"exit code {done.returncode}\n{err}")
        nothing_left(place)
        all_asked = asked(place / "log")
        sg.check(sg.digest(out) == whole["digest"], "server killed: another digest")
        sg.check(sorted(set(all_asked)) == whole["asked"] and len(all_asked) <= len(whole["asked"]) + CONNECTIONS,
                 f"server killed: {len(all_asked)} requests for {len(whole['asked'])}")

    # It dies again and again: what it has answered until then is kept.
    def dying():
        place = folder / "dying"
        place.mkdir()
        lines = f"$(wc -l < {place}/log)"  # each life answers two more
        command = (f"touch {place}/log; n={lines}; {STUB} --uds {{socket}} --latency 0.15 --log {place}/log & "
                   f"while [ {lines} -lt $((n + 2)) ]; do sleep 0.02; done; kill -9 $!; echo out of memory; exit 7")
        _, err = sg.run("run", *STUDY, "generator.connections=1", "generator.retries=30", "--results", place / "r", "--with-llm", command, ranks=2, code=3)
        sg.check("ended with exit code 7: " in err and "out of memory; it has died 4 times" in err and "run again" in err, err)
        goes_on(place, "the server again and again")

    # SIGKILL in the middle of it, for whom it may be.
    def kill(what, find):
        place = folder / what.replace(" ", "-")
        place.mkdir()
        process = sg.begin("run", *STUDY, "--results", place / "r", "--with-llm", command_of(place), ranks=2)
        until("some are answered", lambda: len(asked(place / "log")) > 4)
        os.kill(find(process, place), signal.SIGKILL)
        sg.wait(process)
        goes_on(place, what)

    def keeper(process, place):
        return pids("companion-keeper", place)[0]

    def rank_0(process, place):
        return int(pathlib.Path(f"/proc/{keeper(process, place)}/stat").read_text().rsplit(")", 1)[1].split()[1])

    def rank_1(process, place):
        ranks = {p for p in pids(place / "r") if pathlib.Path(f"/proc/{p}/cmdline").read_bytes().startswith(f"{sg.SYNTHGRID}\0run\0".encode())}
        (found,) = ranks - {rank_0(process, place)}
        return found

    # What cannot be: said before anything is bought, with the server's own words.
    def wrong():
        place = folder / "wrong"
        for command, words, study in (
                ("no-such-server {socket}", ["exit code 127: ", "not found", "llm_server.log"], []),
                ("echo one; echo 'ValueError: no model' >&2; exit 3; : {port}", ["exit code 3: one | ValueError: no model"], []),
                ("true {port}", ["exit code 0"], []), ("sleep 9", ["where will the server listen?"], []),
                ("x {port} {socket}", ["both {socket} and {port}"], []),
                ("x {port}", ["no address elsewhere"], ["generator.base_url=https://a.example/v1"]),
                ("x {port}", ["no address elsewhere"], ["generator.provider=anthropic", "generator.model=claude-haiku-4-5"])):
            _, err = sg.run("generate", *STUDY, *study, "--results", place, "--with-llm", command, code=2)
            sg.check(all(w in err for w in words) and "Traceback" not in err, f"{command}:\n{err}")
            nothing_left(place)
        # A plan with it misses nothing, and starts nothing; without it, it does.
        out, _ = sg.run("plan", *STUDY, "budget.usd=1", "--with-llm", "false {socket}")
        sg.check("about 0.0000 USD" in out and "missing" not in out, out)
        sg.check("missing  key" in sg.run("plan", *STUDY, code=(0, 2))[0], "a plan without a server misses no key")
        # A job's script has it, quoted, and no key.
        out, _ = sg.run("submit", *STUDY, f"results={place}", "--scheduler", "slurm", "--print", "--with-llm", "vllm 'a b' --uds {socket}",
                        env={"OPENAI_API_KEY": KEY})
        sg.check(r"""'--with-llm' 'vllm '\''a b'\'' --uds {socket}'""" in out and KEY not in out, out)
        for more in (["--offline"], ["--array", "3"]):
            _, err = sg.run("submit", *STUDY, f"results={place}", "--scheduler", "slurm", "--print", "--with-llm", "x {port}", *more, code=2)
            sg.check(f"{more[0]} asks nobody" in err, err)
        for command, words in (("run --offline", "--offline"), ("generate --batch", "batches")):
            _, err = sg.run(*command.split()[:1], *STUDY, *command.split()[1:], "--with-llm", "x {port}", code=2)
            sg.check(f"it does not go with {words}" in err, err)

    # Of several generators it is the one that is not elsewhere.
    def several():
        place = folder / "several"
        place.mkdir()
        study = place / "study.yaml"
        text = """study: several
tasks: [sst2]
methods: [zero_shot]
sizes: [4]
mixes: [synthetic]
data: {dir: DATA}
train: {encoder: ENCODER, steps: 1, max_length: 32}
generators:
  cold: {model: smol, temperature: 0.2, api_key_env: COLD}
  hot: {model: smol, api_key_env: HOT}
  far: {model: stub, api_key_env: FAR, base_url: "AWAY"}
"""
        text = text.replace("DATA", str(sg.ROOT / "data/sample")).replace("ENCODER", str(sg.ROOT / "tests/oracle/model/bert"))
        study.write_text(text.replace(', base_url: "AWAY"', ""))
        command = f"exec {STUB} --uds {{socket}} --log {place}/log"
        _, err = sg.run("generate", study, "--results", place / "r", "--with-llm", command, code=2)
        sg.check("generators.cold and generators.far may be meant" in err and "generators.far.base_url=" in err, err)
        (place / "far").mkdir()
        with sg.Stub(place / "far") as far:
            # A name of this machine would be taken for the server's own place.
            study.write_text(text.replace("AWAY", far.url.replace("127.0.0.1", "0.0.0.0")))
            prices = [f"generators.far.{k}=0" for k in ("usd_per_1m_input", "usd_per_1m_output")]
            sg.run("generate", study, *prices, "--results", place / "r", "--with-llm", command)
            sg.check(len(asked(place / "log")) == 8 and len(far.requests()) == 4, "not each has asked its own server")

    # Compute nodes have no network.
    def two_phases():
        place = folder / "phases"
        place.mkdir()
        apart = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
        if not shutil.which("unshare") or subprocess.run([*apart, "true"], stderr=subprocess.DEVNULL).returncode:
            return print("not tried: training without a network, as unshare -n is not permitted here")
        sg.run("generate", *STUDY, "--results", place / "r", "--with-llm", f"exec {STUB} --port {{port}}")
        good = sg.SYNTHGRID
        done = subprocess.run([*apart, good, "run", *STUDY, "--results", place / "r", "--offline"], cwd=sg.ROOT, env=sg.ENVIRONMENT,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        sg.check(done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return sg.check(sg.digest(done.stdout) == whole["digest"], "two phases: another digest")

    def killed(what, find):
        return lambda: kill(what, find)

    plain()
    sg.at_once(dying, beside, server, wrong, several, two_phases, killed("mpirun", lambda process, place: process.pid),
               killed("rank 0", rank_0), killed("rank 1", rank_1), killed("the keeper", keeper))
    print("one digest however it ends:", whole["digest"])
