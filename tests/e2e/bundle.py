#!/usr/bin/env python3
"""A study is bought from the stub, sealed, and replayed elsewhere without any server, on other numbers of ranks; what was changed is refused."""
import gzip
import hashlib
import json

import sg


def lines(path):
    return gzip.open(path, "rt").read().splitlines(keepends=True)


def put(path, text):
    with gzip.open(path, "wt") as file:
        file.write("".join(text))
    return path


ENCODER = "tests/oracle/model/bert"  # a tiny one

with sg.Folder() as folder:
    # All kinds of askers, and answers that fail: refused, cut off, without content.
    script = folder / "script.json"
    script.write_text(json.dumps([{"from": n, "to": n, "fault": fault, "status": 422} for n, fault in
                                  ((3, "status"), (9, "null"), (14, "refuse"), (20, "length"), (31, "status"), (40, "status"))]))
    study = ["experiments/grid.yaml", "tasks=[sst2,boolq]", "methods=[zero_shot_topic,few_shot_3]", "sizes=[6]",
             "mixes=[raw,synthetic]", "rephrase=[false,true]", "llm_eval.shots=[0,1]", "llm_eval.rows=6", "train.steps=2",
             "train.max_length=32", f"train.encoder={ENCODER}", "generator.usd_per_1m_input=1", "generator.usd_per_1m_output=2", "budget.usd=1"]
    one = folder / "one"
    with sg.Stub(folder, "--script", str(script)) as stub:
        bought = [*study, f"generator.base_url={stub.url}"]
        sg.run("bundle", *bought, "--results", one, folder / "early.bundle", code=2)
        sg.run("generate", *bought, "--results", one)
        out, _ = sg.run("bundle", *bought, "--results", one, folder / "bought.bundle")
        sg.check("not sealed: 10 of 10 cells are not done" in out, "cells that are not there were sealed:\n" + out)
        out, _ = sg.run("run", *bought, "--results", one, ranks=2)
        digest, n_asked = sg.digest(out), len(stub.requests())
    sg.check(not (folder / "early.bundle").exists(), "a study without completions was sealed")

    # Sealed twice it is the same file. A replay needs nothing of the machine that bought it.
    small, whole = folder / "small.bundle", folder / "whole.bundle"
    out, _ = sg.run("bundle", *bought, "--results", one, small)
    sg.check(f"results  sealed, digest {digest}" in out and " 3 of them failed" in out, out)
    again, _ = sg.run("bundle", *bought, "--results", one, folder / "again.bundle")
    sg.check((folder / "again.bundle").read_bytes() == small.read_bytes(), "sealed twice it is not the same")
    seal = out.split("seal ")[1].split()[0]
    sg.run("bundle", *bought, "--results", one, whole, "--with-data")
    sg.check(stub.url not in "".join(json.loads(line).get("settings", "") for line in lines(small)), "the address is in it")
    plan, _ = sg.run("plan", whole)
    sg.check("all rows are in it" in plan and f"digest {digest}" in plan, plan)

    same = "replay   the results are those that were sealed"
    away = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": "no-key"}

    def replay(ranks):
        out, _ = sg.run("run", small, "--results", folder / f"r{ranks}", "--digest", seal, ranks=ranks, env=away)
        sg.check(same in out and sg.digest(out) == digest, f"{ranks} ranks:\n" + out[-2000:])
    elsewhere, text, parts = folder / "elsewhere", lines(whole), [lambda: replay(1), lambda: replay(3)]
    elsewhere.mkdir()

    @parts.append
    def in_another_folder():
        out, _ = sg.run("run", whole, f"train.encoder={sg.ROOT / ENCODER}", ranks=2, env=away, cwd=elsewhere)
        sg.check(same in out and sg.digest(out) == digest, "in another folder, with data:\n" + out[-2000:])
        sg.check((elsewhere / "results" / "grid" / "results.h5").exists(), "results are not in results/<study>")
        out, err = sg.run("run", whole, f"train.encoder={sg.ROOT / ENCODER}", cwd=elsewhere)
        sg.check(same in out and "nothing is left to do" in err, "again:\n" + out[-2000:])

    # Some settings may be others: then nothing is compared. As a recording it serves any study.
    @parts.append
    def as_a_recording():
        out, _ = sg.run("run", folder / "bought.bundle", "--results", folder / "bought")
        sg.check("replay   not compared: no results were sealed" in out and sg.digest(out) == digest, out[-2000:])
        out, _ = sg.run("run", small, "tasks=[boolq]", "train.steps=1", "results=" + str(folder / "other"))
        sg.check("not compared: settings were changed" in out, out[-2000:])
        out, _ = sg.run("run", *study, f"generator.recording={small}", "--results", folder / "recording", "--offline")
        sg.check(sg.digest(out) == digest, "the bundle is no recording")

    # What differs is told before any work.
    def refused(*arguments, words, ranks=0, code=2, cwd=sg.ROOT):
        _, err = sg.run("run", *arguments, "--results", folder / "refused", ranks=ranks, code=code, cwd=cwd)
        sg.check(words in err, f"no \"{words}\" in:\n{err}")

    def refusals():
        refused(small, "data.dir=" + str(elsewhere), words="task sst2: no file", ranks=2)
        refused(small, "data.test=train.jsonl", words="the rows of task sst2 in data/sample/sst2/train.jsonl are others", ranks=3)
        refused(small, f"train.encoder={ENCODER}512", words=f"the encoder in {ENCODER}512 is another one")
        refused(small, "--digest", "0" * 64, words=f"its seal is {seal}, not what --digest says", ranks=2)
        _, err = sg.run("generate", small, code=2)
        sg.check("is a bundle" in err, err)

    # Changed, with the seals as they were: told where, and nothing is written.
    def changed_lines():
        key = next(i for i, line in enumerate(text) if '"key"' in line and '"text":"' in line)
        changed = [*text[:key], text[key].replace('"text":"', '"text":"X'), *text[key + 1:]]
        bad = put(folder / "changed.bundle", changed)
        refused(bad, words=f"lines 1 to {len(text) - 1} are not as they were sealed", ranks=2)
        refused(put(bad, text[:-1]), words="cut off behind line")
        bad.write_bytes(whole.read_bytes()[:-100])
        refused(bad, words="damaged or cut-off gzip data", ranks=3)
        for more in (b"\0" * 20, b"behind\n", gzip.compress(b""), gzip.compress(b'{"part":"end"}\n'), whole.read_bytes()):
            bad.write_bytes(whole.read_bytes() + more)
            refused(bad, words="behind")
        sg.check(not (folder / "refused" / "ledger.sqlite").exists(), "a refused bundle left a ledger")

    parts.append((refusals, changed_lines))

    # What `run` would refuse is not sealed: here rows that lie outside of the task's folder.
    @parts.append
    def outside_rows():
        task = folder / "sst2.yaml"
        task.write_text((sg.ROOT / "experiments/tasks/sst2.yaml").read_text().replace("train: train.jsonl", "train: ../sst2/train.jsonl"))
        outside = [study[0], f"tasks=[{task}]", "methods=[few_shot_3]", "sizes=[6]", "mixes=[raw]", "train.steps=1", f"train.encoder={ENCODER}",
                   "--results", folder / "outside"]
        sg.run("run", *outside, "--offline", code=None)
        _, err = sg.run("bundle", *outside, folder / "outside.bundle", code=2)
        sg.check("no bundle is written" in err and "names of files" in err, err)
        sg.check(not list(folder.glob("outside.bundle*")), "a bundle that run refuses was left")

    sg.at_once(*parts)

    # Results that are others than the sealed ones, under a right seal (as a study that was computed otherwise would have).
    result = json.loads(text[-2])
    result["content_sha256"], result["tables"]["cells"] = "1" * 64, "2" * 64
    forged = [*text[:-2], json.dumps(result, separators=(",", ":"), sort_keys=True) + "\n"]
    end = json.loads(text[-1])
    end["sha256"] = hashlib.sha256("".join(forged).encode() + b"end").hexdigest()
    bad = put(folder / "bad.bundle", [*forged, json.dumps(end) + "\n"])
    _, err = sg.run("run", bad, "--results", folder / "r1", ranks=2, code=1)
    sg.check("the results differ from those that were sealed" in err and "; in /cells; hint" in err, err)
    print("ok:", n_asked, "requests,", len(text), "lines,", small.stat().st_size, "and", whole.stat().st_size, "bytes")
