#!/usr/bin/env python3
"""`synthgrid doctor`: what it says of a machine, of a good endpoint and of bad ones, on 1 and 2 ranks; it never shows the key."""
import atexit
import json
import os
import pathlib
import re
import subprocess

import sg

KEY = "sk-canary-0123456789abcdef"
STUDY = "experiments/grid.yaml"
sg.need_encoder()


def findings(*arguments, ranks=0, code=0, env=None):
    """code: without what it says of this machine's memory, which may be short for reasons of others."""
    out, err = sg.run("doctor", STUDY, "--json", *arguments, ranks=ranks, code=(0, 1), env=env)
    sg.check(KEY not in out + err, "the key is in the output")
    found = json.loads(out.strip().splitlines()[-1])["findings"]
    problems = [f for f in found if f["health"] == "PROBLEM" and f["topic"] != "memory"]
    sg.check(bool(problems) == (code == 1), f"{arguments}: {problems}, exit code {code} was expected")
    return {(f["topic"], f["health"]): f["text"] for f in found}


def expect(found, topic, health, words):
    text = found.get((topic, health), "")
    sg.check(words in text, f"{topic} is not {health} with \"{words}\" in:\n{json.dumps([f'{k}: {v}' for k, v in found.items()], indent=1)}")


out, err = sg.run("doctor", ranks=2, code=(0, 1))
sg.check("2 ranks, threads may all send" in out and "2 on 1 node" in out, f"two ranks are not seen:\n{out}")
sg.check("endpoint" not in out, "an endpoint was looked at without a study")
# Of this machine; and as if it had other kernels.
BF16 = "train.precision=bf16 "
cpu = pathlib.Path("/proc/cpuinfo").read_text()
here = "by AVX512-BF16, faster than fp32" if "avx512_bf16" in cpu else "by AVX2, not faster than fp32 there" if "avx2" in cpu else "not possible"
sg.check(re.search("training .*up to 1 thread a rank; fp32 by kernels .*; " + BF16 + here, out), f"what training can use is not told:\n{out}")
for kernels, words in (("base", "not possible: it takes AVX2 with FMA"), ("avx2", "by AVX2, not faster than fp32 there")) if "avx2" in cpu else ():
    out, _ = sg.run("doctor", env={"SG_OPS": kernels}, code=(0, 1))
    sg.check(f"fp32 by kernels {kernels}; {BF16}{words}" in out, f"with kernels {kernels}:\n{out}")

# How the ranks were started, and what their processes may have.
def machine(*before, env=None):
    done = subprocess.run([*before, *sg.command("doctor", "--json")], cwd=sg.ROOT, env=sg.ENVIRONMENT | (env or {}), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    sg.check(done.returncode in (0, 1), f"{before}: {done.stderr}")
    return {(f["topic"], f["health"]): f["text"] for f in json.loads(done.stdout)["findings"]}


expect(machine(), "limits", "ok", "no core dumps")
expect(machine(), "blas", "ok", "1 thread a rank")
expect(machine("prlimit", "--nofile=300"), "limits", "note", "300 open files")
expect(machine(env={"OMPI_COMM_WORLD_SIZE": "4"}), "launcher", "PROBLEM", "started 4 processes (OMPI_COMM_WORLD_SIZE), of which MPI sees 1")
expect(machine(env={"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4"}), "slurm", "PROBLEM", "job 7 has 4 tasks, and MPI 1 rank")
expect(machine(env={"SLURM_JOB_ID": "7", "SLURM_NTASKS": "1"}), "slurm", "ok", "job 7, 1 task")
if os.cpu_count() > 1:
    bound = machine(sg.MPIEXEC, "-n", "2", "taskset", "-c", "0")
    expect(bound, "binding", "PROBLEM", "2 ranks on")
    expect(bound, "binding", "PROBLEM", "mpirun --bind-to none")
    expect(machine("taskset", "-c", "0"), "binding", "note", "may use 1 of its")

with sg.Folder() as folder:
    # A server that takes the request and says nothing: no longer than generator.timeout_s, nor than a minute. Looked at in the end.
    (folder / "hang").mkdir()
    (folder / "hang" / "script.json").write_text(json.dumps([{"from": 1, "fault": "hang"}]))
    silent = sg.Stub(folder / "hang", "--script", str(folder / "hang" / "script.json"))
    waiting = subprocess.Popen(sg.command("doctor", STUDY, "--json", f"results={folder / 'hang' / 'r'}", f"generator.base_url={silent.url}",
                                          "generator.timeout_s=5"), cwd=sg.ROOT, env=sg.ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    atexit.register(waiting.kill)

    # A model that thinks aloud in its answers.
    (folder / "aloud").mkdir()
    (folder / "aloud" / "script.json").write_text(json.dumps([{"from": 1, "fault": "say", "text": "<think>Okay, the user wants one"}]))
    with sg.Stub(folder / "aloud", "--script", str(folder / "aloud" / "script.json")) as aloud:
        expect(findings(f"results={folder / 'aloud' / 'r'}", f"generator.base_url={aloud.url}", code=1), "reasoning", "note", "thinks aloud")

    results = f"results={folder / 'new' / 'results'}"
    expect(findings(results), "endpoint", "note", "completions come from data/recordings")
    expect(findings(results, "generator.recording=", code=1), "endpoint", "PROBLEM", "export OPENAI_API_KEY")
    expect(findings(results, "generator.base_url=http://127.0.0.1:1/v1", code=1), "endpoint", "PROBLEM", "no LLM server answers")
    expect(findings(results, "train.epoch=1", code=1), "study", "PROBLEM", "did you mean")
    expect(findings(results, "generator.base_url=http://example.org/v1", code=1, env={"OPENAI_API_KEY": KEY}), "endpoint",
           "PROBLEM", "use https://")
    found = findings(f"results={folder / 'file' / 'x'}", code=0)
    expect(found, "results", "ok", "results.h5 can be written")
    expect(found, "files", "ok", "locks work")
    memory = pathlib.Path("/dev/shm")
    if os.access(memory, os.W_OK) and os.path.ismount(memory):
        expect(findings(f"results={memory / folder.name}", code=0), "files", "note" if "tmpfs" in pathlib.Path("/proc/mounts").read_text() else "ok", "memory of this node")
    (folder / "key").write_text(KEY)
    (folder / "key").chmod(0o640)
    expect(findings(results, "generator.base_url=http://127.0.0.1:1/v1", code=1, env={"OPENAI_API_KEY_FILE": str(folder / "key")}), "key", "PROBLEM",
           f"chmod 600 {folder / 'key'}")
    (folder / "key").unlink()
    (folder / "file").write_text("in the way")
    expect(findings(f"results={folder / 'file' / 'x'}", code=1), "results", "PROBLEM", "could not write there")
    (folder / "file").unlink()

    with sg.Stub(folder, "--key", KEY, "--limit-requests", "600", "--limit-tokens", "60000") as stub:
        there = (results, f"generator.base_url={stub.url}")
        for ranks in (1, 2):
            found = findings(*there, ranks=ranks, env={"OPENAI_API_KEY": KEY})
            expect(found, "key", "ok", "OPENAI_API_KEY is set (26 characters)")
            expect(found, "answer", "ok", "over HTTP/1")
            expect(found, "limits", "ok", "600 requests and 60000 tokens a minute")
            expect(found, "endpoint", "ok", "answers")
            expect(found, "seeds", "ok", "another seed gives another text")
        log = stub.requests()
        sg.check(len(log) == 4 and all(r["tokens_in"] > 100 for r in log), f"not two of the study's requests for each call: {log}")
        wrong = findings(*there, code=1, env={"OPENAI_API_KEY": "sk-another-0123456789"})
        sg.check("OPENAI_API_KEY" in wrong.get(("endpoint", "PROBLEM"), "") + wrong.get(("answer", "PROBLEM"), ""),
                 f"a wrong key is not told: {wrong}")

    SCRIPTS = [  # what the server does with the first request, what is said of it
        ([{"from": 1, "to": 1, "fault": "status", "status": 400,
           "body": json.dumps({"error": {"message": "Unsupported parameter: 'max_tokens' is not supported with this model.",
                                         "code": "unsupported_parameter", "param": "max_tokens"}})}],
         "parameters", "note", "refuses max_tokens", 0),
        ([{"from": 1, "fault": "status", "status": 429, "body": json.dumps({"error": {"message": "No credit", "code": "insufficient_quota"}})}],
         "answer", "PROBLEM", "no money or quota left", 1),
        ([{"from": 1, "fault": "status", "status": 400, "body": json.dumps({"error": {
            "message": "request (731 tokens) exceeds the available context size (64 tokens), try increasing it", "code": 400,
            "type": "exceed_context_size_error"}})}], "answer", "PROBLEM", "larger context", 1),
        ([{"from": 1, "fault": "status", "status": 400, "body": json.dumps({"error": {
            "message": "No connected db.", "type": "no_db_connection", "param": None, "code": "400"}})}],
         "answer", "PROBLEM", "OPENAI_API_KEY", 1),
        ([{"from": 1, "fault": "status", "status": 429}], "answer", "PROBLEM", "too many requests for now", 1),
        ([{"from": 1, "fault": "status", "status": 503}], "answer", "PROBLEM", "no room now", 1),
        ([{"from": 1, "fault": "html"}], "answer", "PROBLEM", "not a chat completion", 1),
        ([{"from": 1, "fault": "reset"}], "answer", "PROBLEM", "hint:", 1),
        ([{"from": 1, "fault": "echo"}], "answer", "PROBLEM", "refuses the key", 1),
        ([{"from": 1, "fault": "null"}], "answer", "note", "holds no text", 0),
        ([{"from": 1, "fault": "nousage"}], "answer", "ok", "estimated", 0),
        ([{"from": 1, "fault": "say", "text": "The film drags through two dull hours."}], "seeds", "PROBLEM", "same text for two seeds", 1),
        ([{"from": 1, "fault": "body", "answered": True, "body": json.dumps({"choices": [{"index": 0, "message": {
            "role": "assistant", "content": None, "reasoning_content": "Let me think"}, "finish_reason": "length"}]})}],
         "answer", "note", "all of it is reasoning", 0),
        ([{"on": "models", "from": 1, "fault": "status", "status": 500, "body": "Internal Server Error"}], "endpoint", "note",
         "HTTP 500: Internal Server Error", 0),
        ([{"on": "models", "from": 1, "fault": "status", "status": 400, "body": json.dumps({"error": {"message": "No connected db."}})}],
         "endpoint", "note", "HTTP 400: No connected db.", 0),
    ]
    def scripted(case):
        i, (script, topic, health, words, code) = case
        (folder / str(i)).mkdir()
        path = folder / str(i) / "script.json"
        path.write_text(json.dumps(script))
        with sg.Stub(folder / str(i), "--script", str(path)) as stub:
            found = findings(results, f"generator.base_url={stub.url}", "train.encoder=tests/oracle/model/bert", code=code, env={"OPENAI_API_KEY": KEY})
            expect(found, topic, health, words)
            sg.check(topic != "endpoint" or ("endpoint", "ok") not in found, f"an endpoint that answers {words} is called fine")

    sg.side_by_side(scripted, enumerate(SCRIPTS))

    priced = ("generator.usd_per_1m_input=1", "generator.usd_per_1m_output=2")
    (folder / "p").mkdir()
    with sg.Stub(folder / "p") as stub:
        there = (results, f"generator.base_url={stub.url}", *priced)
        expect(findings(*there, code=1), "price", "PROBLEM", "set budget.usd")
        expect(findings(*there, "budget.usd=1"), "answer", "ok", "USD (not counted in the study)")
    out, _ = waiting.communicate(timeout=200)
    sg.check(waiting.returncode == 1 and "this test waits 60 s at most" in out, f"a server that says nothing:\n{out}")
    silent.stop()
    sg.check(not (folder / "new").exists(), "it leaves something behind")
    for path in folder.rglob("*"):
        sg.check(not path.name.startswith(".synthgrid-doctor"), f"it leaves {path}")
        sg.check(not path.is_file() or KEY.encode() not in path.read_bytes(), f"the key is in {path}")
print("ok")
