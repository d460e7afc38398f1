#!/usr/bin/env python3
"""`synthgrid rehearse`: a whole study against the stub that it starts itself; nobody else is asked, no key is needed or shown, the
stub never outlives its run, and neither kind of folder is taken for the other."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import sg

KEY = "sk-canary-0123456789abcdefgh"
ENCODER = sg.ROOT / "tests/oracle/model/bert"
SEVERAL = """
study: several
tasks: [sst2]
methods: [zero_shot]
sizes: [4]
mixes: [synthetic]
data: {dir: data/sample}
train: {encoder: ENCODER, steps: 1, max_length: 32}
generators:
  slow: {model: turtle, base_url: "https://slow.example/v1", requests_per_min: 60, usd_per_1m_input: 10, usd_per_1m_output: 20}
  cold: {model: turtle, base_url: "https://slow.example/v1", temperature: 0.3, requests_per_min: 240, usd_per_1m_input: 0, usd_per_1m_output: 0}
  fast: {provider: anthropic, model: claude-haiku-4-5}
  here: {provider: llama, model: x, model_file: x.gguf}
  sky: {provider: azure, model: turtle, base_url: "https://sky.openai.azure.com", usd_per_1m_input: 0, usd_per_1m_output: 0}
budget: {usd: 1}
results: RESULTS
"""


def number(pattern, text):
    found = re.search(pattern, text)
    sg.check(found, f"no {pattern!r} in:\n{text[-2500:]}")
    return float(found.group(1))


def read(path):
    try:
        return path.read_bytes()
    except OSError:  # it has just ended
        return b""


def stubs_of(results):
    """The stubs that log into this folder."""
    return [p for p in pathlib.Path("/proc").iterdir() if p.name.isdigit() and
            b"llm_stub.py" in read(p / "cmdline") and f"--log={results}/".encode() in read(p / "cmdline")]


def until(what, condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        sg.check(time.monotonic() < deadline, f"{what} within {seconds} s")
        time.sleep(0.02)
    return found


with sg.Folder() as folder, sg.Stub(folder) as other:
    study = [sg.ROOT / "experiments/grid.yaml", f"train.encoder={ENCODER}", "tasks=[sst2,rte]", "methods=[zero_shot,few_shot_3]", "sizes=[4]", "mixes=[synthetic]",
             "train.steps=1", "train.max_length=32", "generator.usd_per_1m_input=10", "generator.usd_per_1m_output=20",
             "budget.usd=1", "generator.requests_per_min=60", f"results={folder / 'r'}"]
    rehearsed = folder / "r-rehearsal"
    elsewhere = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": other.url}

    one, parts = [*study, "tasks=[sst2]", "methods=[zero_shot]", "--buy-only"], []

    # From the first file to the tables, faster than the study's limits; the address and the key of the study are left alone.
    @parts.append
    def whole():
        outs = []
        for ranks, environment in ((0, {}), (2, elsewhere)):
            out, err = sg.run("rehearse", *study, f"generator.base_url={other.url}" if ranks else "generator.base_url=", ranks=ranks,
                              env=environment)
            outs.append(out)
            sg.check(KEY not in out + err, "the key is in the output")
            sg.check("Study grid-rehearsal: 4 cells, 4 done" in out, "not all of it has run:\n" + out[-3000:])
            n = number(r"requests +(\d+), of which \1 answered", out)
            log = [json.loads(line) for line in open(rehearsed / "stub.jsonl")]
            sg.check(len(log) == n == 16, f"{n} requests, {len(log)} in the stub's log")
            spent, most = number(r"cost +([0-9.]+) USD", out), number(r"at most ([0-9.]+) USD", out)
            sg.check(abs(spent - sum(r["usd"] for r in log)) < 1e-4 and 2 * spent < most < 1, f"cost {spent}, at most {most}")
            sg.check(number(r"pace +(\d+) s at", out) == 16, "16 requests at 60 a minute do not take 16 s")
            for path in rehearsed.rglob("*"):
                sg.check(KEY.encode() not in path.read_bytes(), f"the key is in {path}")
        sg.check(other.requests() == [], "somebody else was asked")
        sg.check(sg.digest(outs[0]) == sg.digest(outs[1]), "two ranks rehearse something else than one")
        sg.check(not (folder / "r").exists(), "a rehearsal wrote into the study's own folder")

        # Neither kind of folder is taken for the other.
        _, err = sg.run("generate", *study, f"results={rehearsed}", code=2)
        sg.check("is the folder of a rehearsal" in err, err)
        sg.run("generate", *study, f"generator.base_url={other.url}", "generator.requests_per_min=")
        before = {p: p.read_bytes() for p in (folder / "r").iterdir()}
        for options in (["--results", folder / "r"], [f"results={folder / 'x'}", "--results", folder / "r"]):
            _, err = sg.run("rehearse", *study, *options, code=2)
            sg.check("hint: --results with " in err, err)
        sg.check({p: p.read_bytes() for p in (folder / "r").iterdir()} == before, "a refused rehearsal changed a study's folder")

    # Money, faults and limits act as they will; each is a rehearsal from the start.
    @parts.append
    def limits():
        mine = [f"results={folder / 'limited'}"]
        out, err = sg.run("rehearse", *study, *mine, "--buy-only", "--max-usd", "0.02", code=3)
        sg.check("larger --max-usd" in err and number(r"cost +([0-9.]+) USD", out) <= 0.02, "the limit does not act:\n" + out + err)
        script = folder / "faults.json"
        script.write_text('[{"to": 3, "fault": "status", "status": 429, "headers": {"retry-after": "0.1"}}, '
                          '{"from": 5, "to": 5, "fault": "status", "status": 500}]')
        out, _ = sg.run("rehearse", *study, *mine, "--buy-only", "--faults", script)
        sg.check("requests   20, of which 16 answered, 3 refused for their pace (429), 1 failed" in out, "faults:\n" + out)
        script.write_text("[{")
        _, err = sg.run("rehearse", *study, *mine, "--faults", script, code=2)
        sg.check("faults.json: " in err and "Traceback" not in err, err)
        start = time.monotonic()
        out, _ = sg.run("rehearse", *study, *mine, "generator.requests_per_min=400", "--buy-only", "--keep-pace")
        sg.check("16 answered, 0 refused" in out and time.monotonic() - start > 15 * 60 / 400, "the pace is not kept:\n" + out)
        script.write_text('[{"fault": "deluge"}]')
        _, err = sg.run("rehearse", *study, *mine, "--faults", script, code=2)
        sg.check("each with a fault: status, " in err, err)
        for place in os.environ["PATH"].split(":"):  # all but python3: MPI needs its own programs
            for program in pathlib.Path(place).glob("*"):
                if not program.name.startswith("python3") and not (folder / "bin" / program.name).exists():
                    (folder / "bin").mkdir(exist_ok=True)
                    (folder / "bin" / program.name).symlink_to(program)
        _, err = sg.run("rehearse", *study, *mine, env={"PATH": str(folder / "bin")}, code=2)
        sg.check("needs python3, which is not on $PATH" in err, err)

    # Whoever the study would ask: a model in the process, another API, a published price, a cache, all kinds of requests.
    @parts.append
    def askers():
        mine = [f"results={folder / 'asked'}"]
        out, _ = sg.run("rehearse", *one, *mine, "generator.provider=llama", "generator.model=x", "generator.model_file=x.gguf")
        sg.check(number(r"requests +(\d+), of which", out) == 4, out)
        out, _ = sg.run("rehearse", *one, *mine, "generator.provider=anthropic")  # whose requests have no seed, so that bodies repeat
        sg.check("4 answered, 0 refused" in out, out)
        sg.run("rehearse", *one, *mine, "generator.provider=azure", "generator.base_url=https://x.openai.azure.com")
        out, err = sg.run("rehearse", *one, *mine, "generator.model=gpt-4o-mini", "generator.usd_per_1m_input=", "generator.usd_per_1m_output=",
                          "generator.base_url=", f"cache={folder / 'cache'}", env={"SYNTHGRID_CACHE": str(folder / "cache")})
        sg.check(re.search(r"price +0.15 and 0.6 USD .*, as of 20", out) and number(r"cost +([0-9.]+) USD", out) > 0, out)
        sg.check(not (folder / "cache").exists(), "a rehearsal wrote into the cache")
        out, _ = sg.run("rehearse", *study, *mine, "tasks=[sst2]", "methods=[zero_shot_topic]", "conditioning=[label,none]", "rephrase=[false,true]",
                        "llm_eval.shots=[0,1]", "llm_eval.rows=8", "generator.structured_output=true", "generator.examples_per_request=2")
        sg.check("A rehearsal: a stub server wrote the texts" in out, "the report does not say what it is:\n" + out)
        _, err = sg.run("recording", folder / "asked-rehearsal", folder / "x.jsonl.gz", code=2)
        sg.check("is the folder of a rehearsal" in err, err)

    # Several: a stub for each, at its prices and limits.
    @parts.append
    def several_generators():
        several = folder / "several.yaml"
        several.write_text(SEVERAL.replace("ENCODER", str(ENCODER)).replace("RESULTS", str(folder / "s")))
        out, _ = sg.run("rehearse", several, ranks=2)
        logs = {g: [json.loads(line) for line in open(folder / f"s-rehearsal/stub-{g}.jsonl")] for g in ("cold", "fast", "here", "sky", "slow")}
        # sky is slow's model at another provider: its own questions, though both stubs speak the same.
        sg.check(all(len(log) == 4 for log in logs.values()), f"requests: { {g: len(log) for g, log in logs.items()} }")
        sg.check(abs(number(r"cost +([0-9.]+) USD", out) - sum(r["usd"] for log in logs.values() for r in log)) < 2e-4, out)
        for line in (r"price +slow: 10 and 20 USD", r"price +fast: 1 and 5 USD .* as of 20", r"pace +cold: \d s at", r"pace +here: the study sets no"):
            sg.check(re.search(line, out), f"no {line} in:\n{out}")

    # Killed, and the stub is gone; while it lives it knows no key, and leaves no file of the job open.
    @parts.append
    def killed_ones():
        for ranks in (0, 2):
            killed = folder / f"killed{ranks}"
            process = subprocess.Popen(sg.command("rehearse", *study, "--buy-only", "--latency", "60", "--results", killed, ranks=ranks),
                                       cwd=sg.ROOT, env={**sg.ENVIRONMENT, "OPENAI_API_KEY": KEY}, start_new_session=True,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            stub, = until("a stub", lambda: stubs_of(killed))
            until("its ledger", (killed / "ledger.sqlite").exists)
            sg.check(b"canary" not in read(stub / "environ") + read(stub / "cmdline"), "the stub has the key")
            sg.check(b"OMPI" not in read(stub / "environ"), "the stub has the job's environment")
            parent = int(read(stub / "stat").rsplit(b")", 1)[1].split()[1])
            sg.check(b"synthgrid" in read(pathlib.Path(f"/proc/{parent}/comm")), "the stub is not a child of the run")
            _, err = sg.run("rehearse", *study, "--results", killed, code=2)
            sg.check("another run is writing there" in err, err)
            os.kill(parent, signal.SIGKILL)
            until("the end of a stub whose run was killed", lambda: not stubs_of(killed), 10)
            sg.kill_all(process, killed)
        out, _ = sg.run("rehearse", *study, "--buy-only", "--results", killed)
        sg.check("16 answered" in out and not stubs_of(killed), "after a kill it does not begin again:\n" + out)

    sg.at_once(*parts)

    # Installed.
    if shutil.which("cmake"):
        subprocess.run(["cmake", "--install", pathlib.Path(sg.SYNTHGRID).parent, "--component", "synthgrid", "--prefix", folder / "i"], check=True,
                       stdout=subprocess.DEVNULL)
        built, sg.SYNTHGRID = sg.SYNTHGRID, str(folder / "i/bin/synthgrid")
        out, _ = sg.run("rehearse", *one, cwd=folder)
        sg.check(" 4 answered" in out, out)
        sg.SYNTHGRID = built

    print("ok: 16 requests,", len(list(rehearsed.iterdir())), "files")
