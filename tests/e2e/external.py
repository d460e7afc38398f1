#!/usr/bin/env python3
"""Cells that another program trains (train.external): what it gets, no labels of test rows and no keys among it; what it gives comes back as it was, on
any number of ranks; another script makes other cells; its faults fail their cell alone, with its words; it ends when the run is stopped; a bundle starts
no program; the examples."""
import csv
import json
import math
import os
import re
import signal
import subprocess
import sys
import time

import sg

STUDY = [*sg.QUICKSTART, "tasks=[sst2,rte]", "methods=[zero_shot]", "mixes=[raw,raw+synthetic]", "sizes=[10]", "llm_eval.shots=[]"]

# Counts words by class; keeps what it saw in a folder of the test's.
TRAINER = """
import json, math, os, pathlib, shutil, sys
seen, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
cell = json.loads((folder / "cell.json").read_text())
train, test = ([json.loads(l) for l in open(folder / n)] for n in ("train.jsonl", "test.jsonl"))
K, count = len(cell["classes"]), {}
for r in train:
    for w in (r["text"] + " " + r.get("text_pair", "")).lower().split():
        count.setdefault(w, [0] * K)[r["label"]] += 1
with open(folder / "predictions.jsonl", "w") as out:
    for r in test:
        x = [0.0] * K
        for w in r["text"].lower().split():
            c = count.get(w, [0] * K)
            x = [a + math.log((b + 1) / (sum(c) + K)) for a, b in zip(x, c)]
        out.write(json.dumps({"logits": x}) + "\\n")
name = "%s-%d" % (cell["task"], cell["n_train"])
shutil.copytree(folder, seen / name, dirs_exist_ok=True)
(seen / (name + ".env")).write_text("\\n".join(sorted(os.environ)))
(seen / (name + ".dir")).write_text(str(folder))
"""


def command(script, *arguments):
    return "train.external=" + " ".join(map(str, ["python3", script, *arguments]))


def reasons(results):
    return [r for r, in sg.ask(results, "SELECT reason FROM cells WHERE status = 'failed'")]


with sg.Folder() as folder:
    seen, script = folder / "seen", folder / "trainer.py"
    seen.mkdir()
    script.write_text(TRAINER)
    study = [*STUDY, command(script, seen)]
    secret = {"OPENAI_API_KEY": "canary-1234567890", "HF_TOKEN": "canary-1234567890", "MY_API_KEY": "canary-1234567890"}
    by_ranks = {n: sg.digest(sg.run("run", *study, "--results", folder / f"r{n}", ranks=n, env=secret)[0]) for n in (1, 3)}
    sg.check(by_ranks[1] == by_ranks[3], f"digests by ranks: {by_ranks}")

    files = sorted(p.name for p in seen.iterdir() if p.is_dir())
    sg.check(files == ["rte-40", "rte-50", "sst2-40", "sst2-50"], files)
    for name in files:
        cell = json.loads((seen / name / "cell.json").read_text())
        train, test = ([json.loads(line) for line in (seen / name / f).open()] for f in ("train.jsonl", "test.jsonl"))
        sg.check(len(train) == cell["n_train"] == int(name.split("-")[1]) and len(test) == cell["n_test"] == 60, f"{name}: {len(train)} {len(test)}")
        sg.check(all(set(r) == {"text", "label"} | ({"text_pair"} if cell["pairs"] else set()) for r in train), train[0])
        sg.check(all("label" not in r for r in test) and cell["pairs"] == name.startswith("rte"), test[0])
        sg.check(cell["format"] == 1 and len(cell["classes"]) == 2 and cell["steps"] >= 15 and cell["settings"]["lr"] > 0, cell)
        environment = (seen / f"{name}.env").read_text().split("\n")
        sg.check("OMP_NUM_THREADS" in environment and "SYNTHGRID_LOCAL_RANK" in environment and "PATH" in environment, environment)
        sg.check(not any(n.startswith(("OMPI", "PMIX", "PRTE", "SLURM")) or "KEY" in n or "TOKEN" in n for n in environment), environment)
        sg.check(not os.path.exists((seen / f"{name}.dir").read_text()), "the folder of a cell is left behind")

    # The predictions are the program's.
    lines = [json.loads(line)["logits"] for line in (seen / "sst2-40" / "predictions.jsonl").open()]
    sg.run("export", folder / "r1", "--format", "csv", "--table", "predictions", "-o", folder / "p.csv")
    sg.run("export", folder / "r1", "--format", "csv", "--table", "cells", "-o", folder / "c.csv")
    cells = {r["cell"]: r for r in csv.DictReader((folder / "c.csv").open())}
    mine = next(c for c, r in cells.items() if r["task"] == "sst2" and r["mix"] == "raw")
    sg.check(cells[mine]["kernels"] == "external" and json.loads(cells[mine]["settings"])["external"].startswith("python3 "), cells[mine])
    told = [r for r in csv.DictReader((folder / "p.csv").open()) if r["cell"] == mine]
    sg.check(len(told) == len(lines) == 60, f"{len(told)} predictions")
    for row, logits in zip(told, lines):
        best, p = max(logits), max(1 / sum(math.exp(x - y) for x in logits) for y in logits)
        sg.check(int(row["predicted"]) == logits.index(best) and abs(float(row["p_predicted"]) - p) < 1e-4, f"{row}: {logits}")

    # A script that was changed trains its cells anew, one that was moved does not.
    moved = folder / "moved.py"
    moved.write_text(TRAINER)
    out, _ = sg.run("plan", *STUDY, command(moved, seen), "--results", folder / "r1")
    sg.check("4 done" in out, out)
    moved.write_text(TRAINER + "# another one\n")
    out, _ = sg.run("plan", *STUDY, command(moved, seen), "--results", folder / "r1")
    sg.check("0 done" in out, out)

    # What fails is the cell, with the program's last words.
    for text, words in (("import sys; sys.exit('no module named torch')", "no module named torch"),
                        ("", "without predictions.jsonl"),
                        ("open(__import__('sys').argv[1] + '/predictions.jsonl', 'w').write('{\"logits\": [0, 1]}\\n' * 59)", "59 lines for 60 test rows"),
                        ("open(__import__('sys').argv[1] + '/predictions.jsonl', 'w').write('{\"logits\": [0, 1e99]}\\n' * 60)", "predictions.jsonl:1: a value that is no finite"),
                        ("open(__import__('sys').argv[1] + '/predictions.jsonl', 'w').write('{\"probabilities\": [0, 0]}\\n' * 60)", "all zero"),
                        ("open(__import__('sys').argv[1] + '/predictions.jsonl', 'w').write('{\"probabilities\": [1]}\\n' * 60)", "not a number for each class"),
                        ("open(__import__('sys').argv[1] + '/predictions.jsonl', 'w').write('{\"logits\": [NaN, 1]}\\n' * 60)", "has the training diverged"),
                        ("import os, sys; os.mkfifo(sys.argv[1] + '/predictions.jsonl')", "no regular file"),
                        ("import os, sys; os.symlink('/dev/zero', sys.argv[1] + '/predictions.jsonl')", "no regular file"),
                        ("import sys; sys.stderr.buffer.write(b'\\x00\\xffred'); sys.exit(1)", "red"),
                        ("import os; os.kill(os.getpid(), 9)", "ended by signal 9")):
        bad = folder / "bad.py"
        bad.write_text(text)
        sg.run("run", *STUDY, "tasks=[sst2]", "mixes=[raw]", command(bad), "--results", folder / "bad", code=(1, 4))
        found = reasons(folder / "bad")
        sg.check(len(found) == 1 and words in found[0], f"{text}: {found}")
        for path in (folder / "bad").iterdir():
            path.unlink()
    sg.run("run", *STUDY, "tasks=[sst2]", "mixes=[raw]", "train.external=sg-no-such-program", "--results", folder / "bad", code=(1, 4))
    sg.check("cannot be started" in reasons(folder / "bad")[0], reasons(folder / "bad"))

    # More failures than the study allows stop it, and stop the next run before it trains; what failed is tried again where that is asked for.
    flaky, well = folder / "flaky.py", folder / "well"
    flaky.write_text(f"import os, sys\nif not os.path.exists({str(well)!r}): sys.exit('the disk is full')\n" + TRAINER)
    limited = [*STUDY, command(flaky, seen), "train.threads=1", "--results", folder / "flaky"]
    count = lambda: sg.ask(folder / "flaky", "SELECT sum(status='done'), sum(status='failed') FROM cells")[0]
    out, err = sg.run("run", *limited, "max_failed=1", "--json", code=3)
    sg.check(count() == (0, 2) and "2 cells have failed, and max_failed allows 1; the last one: " in err and "the disk is full" in err, f"{count()}: {err}")
    events = [json.loads(line) for line in out.splitlines()]
    failed = [e for e in events if e["event"] == "cell_failed"]
    sg.check(len(failed) == 2 and all("the disk is full" in e["reason"] for e in failed) and events[-1]["exit_code"] == 3, out)
    out, _ = sg.run("explain", folder / "flaky", failed[0]["cell"])
    sg.check("\nreason   " in out and "the disk is full" in out and "rank 0, 1 rank\n" in out and "; 1 attempt\n" in out, out)
    _, err = sg.run("run", *limited, "max_failed=25%", code=3)
    sg.check(count() == (0, 2) and "2 cells have failed in earlier runs, and max_failed allows 1; hint" in err, f"{count()}: {err}")
    _, err = sg.run("run", *limited, "max_failed=1", "--retry-failed", code=3)
    sg.check(count() == (0, 2), f"{count()}: {err}")
    well.write_text("")
    sg.run("run", *limited, "max_failed=2", code=4)
    sg.check(count() == (2, 2), str(count()))
    sg.run("run", *limited, "--retry-failed", "max_failed=0")
    told = json.loads(sg.run("explain", folder / "flaky", failed[0]["cell"], "--json")[0])
    sg.check(count() == (4, 0) and told["status"] == "done" and told["where"]["attempts"] == 3, f"{count()}: {told}")
    for wrong in ("max_failed=-1", "max_failed=some", "max_failed=101%", "max_failed=x%"):
        _, err = sg.run("plan", *limited, wrong, code=2)
        sg.check("max_failed must be a number of cells" in err, err)

    # It ends with the run.
    slow, pid = folder / "slow.py", folder / "pid"
    before = time.monotonic()
    slow.write_text("import os, sys, time\nopen(sys.argv[1], 'w').write(str(os.getpid()))\ntime.sleep(600)\n")
    run = sg.begin("run", *STUDY, "tasks=[sst2]", command(slow, pid), "--results", folder / "slow")
    for _ in range(600):
        if pid.exists() and pid.read_text():
            break
        time.sleep(0.05)
    # Meanwhile `status` and `explain` know who trains what, and disturb nobody.
    for _ in range(100):
        out, _ = sg.run("status", folder / "slow")
        row = re.search(r"\n +0 (\S+) +sst2 (?:raw, 40 raw|zero_shot raw\+synthetic, 10 synthetic \+ 40 raw), fine_tune, seeds \S+ \((\d+) s, cell ([0-9a-f]{12})\.\.\.\)\n", out)
        if row:
            break
        time.sleep(0.1)
    sg.check(row and int(row[2]) <= time.monotonic() - before + 1 and "ranks    1 is at work, 0 idle" in out, out)
    out, _ = sg.run("explain", folder / "slow", row[3])
    sg.check(f"\nwaits    for nothing: rank 0 on {row[1]} trains it, for " in out, out)
    out, _ = sg.run("explain", folder / "slow", "status=planned")
    other = next(line.split()[0] for line in out.splitlines() if not line.startswith(row[3]))
    out, _ = sg.run("explain", folder / "slow", other)
    sg.check("\nwaits    for a free rank: all that it needs is there\n" in out, out)
    run.send_signal(signal.SIGTERM)
    sg.check(run.wait(60) == 3, f"exit code {run.returncode}")
    for _ in range(100):
        if not os.path.exists(f"/proc/{pid.read_text()}"):
            break
        time.sleep(0.05)
    sg.check(not os.path.exists(f"/proc/{pid.read_text()}"), "the program runs on")

    _, error = sg.run("plan", *STUDY, command(script, seen), "weighting=[dimp]", code=2)
    sg.check("does not tell" in error, error)
    _, error = sg.run("plan", *STUDY, "train.external=python3 'x", code=2)
    sg.check("split into words" in error, error)

    _, error = sg.run("plan", *STUDY, command(script, "--key", "canary-1234567890"), code=2, env=secret)
    sg.check("holds the API key of OPENAI_API_KEY" in error and "canary" not in error, error)

    # A bundle starts no program that its user has not named.
    sg.run("bundle", *study[:1], folder / "s.bundle", *study[1:], f"results={folder / 'r1'}")
    _, error = sg.run("run", folder / "s.bundle", "--results", folder / "replay", code=2)
    sg.check("starts none by itself" in error, error)
    out, _ = sg.run("run", folder / "s.bundle", study[-1], "--results", folder / "replay")
    sg.check(sg.digest(out) == by_ranks[1] and "those that were sealed" in out, out)

    for python in (os.environ.get("SG_EXTERNAL_PYTHON", ""), sg.ROOT / "build/venv/bin/python", sys.executable):
        has = {m for m in ("sklearn", "transformers") if python and os.access(python, os.X_OK) and
               subprocess.run([python, "-c", f"import {m}" + (", torch" if m == "transformers" else "")], capture_output=True).returncode == 0}
        for name in sorted(has):
            out, _ = sg.run("run", *STUDY, "mixes=[raw]", "tasks=[rte]", "train.steps=3", f"train.external={python} examples/train_{name}.py", "--results", folder / name)
            sg.check("1 done" in out or sg.digest(out), out)
            print(f"examples/train_{name}.py: {sg.digest(out)}")
        if has:
            break
    else:
        print("examples: not run, there is no Python with scikit-learn or transformers; hint: SG_EXTERNAL_PYTHON names one")
