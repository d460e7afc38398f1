#!/usr/bin/env python3
"""Pools that others have made as methods of a study: planned, run on 1 and 2 ranks to the same digest, in the tables and results' reasons, edited,
resumed, offline; sealed into a bundle that replays without the files. Nobody is asked for them."""
import gzip
import hashlib
import json
import os
import shutil

import sg

POOLS = sg.ROOT / "tests" / "experiments" / "pools"

with sg.Folder() as folder:
    shutil.copytree(POOLS, folder / "pools")
    distilabel = folder / "pools" / "distilabel.jsonl"
    names = [f"{{name: distilabel, pool: {distilabel}, text: input_text, tasks: [sst2]}}",
             f"{{name: curator, pool: '{folder}/pools/curator.csv', text: premise, text_pair: hypothesis, label: verdict, tasks: [rte]}}"]
    small = [a for a in sg.SMALL if not a.startswith(("methods", "sizes"))] + ["sizes=[4,20]", "train.steps=2"]
    study = [*small, f"methods=[zero_shot,{','.join(names)}]"]

    plan = json.loads(sg.run("plan", *study, "--json")[0])
    plain = json.loads(sg.run("plan", *small, "methods=[zero_shot]", "--json")[0])
    sg.check((plan["n_imported_pools"], plan["n_free_pools"], plan["n_pools"]) == (2, 0, 4), f"plan: {plan}")
    sg.check(plan["n_requests"] == plain["n_requests"] and plan["n_cells"] == plain["n_cells"] + 8, "imports ask for something")
    text, _ = sg.run("plan", *study)
    sg.check("imports  distilabel for sst2: 16 rows" in text and "short: class negative: 6 of 10" in text and "3 methods" in text, text)
    sg.run("doctor", *study)
    settings = json.loads(sg.run("settings", *study, "--json")[0])["methods"]["value"]
    sg.check(settings[0] == "zero_shot" and settings[1]["name"] == "distilabel" and settings[2]["text_pair"] == "hypothesis", f"{settings}")

    digest = sg.same(folder, study, (1, 2))
    report = json.loads(sg.run("report", folder / "r1", "--format", "json")[0])
    pools = {(p["task"], p["method"]): p for p in report["pools"]}
    p = pools["sst2", "distilabel"]
    sg.check(p["status"] == "short" and (p["n"], p["n_wanted"], p["n_attempts"]) == (12, 20, 16), f"{p}")
    sg.check({k: n for k, n in p["rejects"].items() if n and k != "accepted"} == {"empty": 1, "wrong_label": 1, "duplicate": 1, "leakage": 1}, f"{p}")
    sg.check(p["n_requests"] == 0 and p["cost_usd"] == 0, f"{p}")
    sg.check(pools["rte", "curator"]["n"] == 12 and set(pools) == {("sst2", "zero_shot"), ("sst2", "distilabel"), ("rte", "zero_shot"), ("rte", "curator")}, f"{set(pools)}")
    text = " ".join(sg.run("report", folder / "r1", "--section", "limits")[0].split())
    sg.check("Others have made the pools of distilabel on sst2, curator on rte: " in text and "All LLM examples are by one LLM (" in text, text)
    text, _ = sg.run("report", folder / "r1", "--all")
    sg.check("best free one" not in text, "an imported method is called a free one:\n" + text)
    text, _ = sg.run("report", folder / "r1", "--section", "accuracy")
    sg.check("distilabel" in text and "20 (12)" in text, text)
    sg.run("verify", folder / "r1")
    sha256 = hashlib.sha256(distilabel.read_bytes()).hexdigest()
    for license in ([], ["--license", "cc0-1.0"]):
        out = folder / f"hf{len(license)}"
        sg.run("export", folder / "r1", "--format", "croissant", "-o", out, *license)
        card, meta = (out / "README.md").read_text(), json.loads((out / "croissant.json").read_text())
        sg.check(f"SHA-256 {sha256}" in card and "language_creators:\n- machine-generated\n- other\n" in card, card)
        sg.check("written by language models and taken from files of others. " in card and "words changed" not in card, card)
        for text in (card, meta["description"]):
            sg.check("Pools of files are rows that others have made, and stand under the licences of those files." in text, text)
        about = {r["name"]: r["description"] for r in meta["recordSet"]}
        sg.check(f"made by: file distilabel.jsonl, SHA-256 {sha256}" in about["sst2-distilabel-g0"], f"{about}")
    keys = sg.ask(folder / "r1", "SELECT count(*) FROM examples e JOIN pools p ON p.id=e.pool WHERE p.settings LIKE '%pool_file%' AND e.completion<>''")
    sg.check(keys == [(0,)], f"imported examples have completions: {keys}")

    # The same rows elsewhere, packed, are the same pool; other rows are another one, and only its cells are trained again.
    (folder / "pools" / "packed.jsonl.gz").write_bytes(gzip.compress(distilabel.read_bytes()))
    packed = [a.replace("distilabel.jsonl", "packed.jsonl.gz") for a in study]
    plan = json.loads(sg.run("plan", *packed, "--results", folder / "r1", "--json")[0])
    sg.check(plan["n_cells_done"] == plan["n_cells"], f"a file that moved: {plan['n_cells_done']} of {plan['n_cells']} done")
    lines = distilabel.read_text().splitlines()
    (folder / "pools" / "less.jsonl").write_text("\n".join(lines[1:]) + "\n")
    less = [a.replace("distilabel.jsonl", "less.jsonl") for a in study]
    plan = json.loads(sg.run("plan", *less, "--results", folder / "r1", "--json")[0])
    sg.check(plan["n_cells"] - plan["n_cells_done"] == 4, f"other rows: {plan['n_cells_done']} of {plan['n_cells']} done")
    sg.check(sg.digest(sg.run("run", *study, "--results", folder / "r1", "--offline")[0]) == digest, "offline, again")

    # Results of two files by one name are not of one study.
    sg.run("run", *less, "--results", folder / "less", "--offline")
    _, err = sg.run("merge", folder / "r1", folder / "less", "-o", folder / "both", code=2)
    sg.check("the pool distilabel of sst2 is another one there" in err and not (folder / "both").exists(), err)

    # A bundle has their rows, with data or without, and replays when the files are gone.
    for data in ([], ["--with-data"]):
        out, _ = sg.run("bundle", *study[:1], folder / "b.bundle", *study[1:], "--results", folder / "r1", *data)
        sg.check("imports  29 rows of pools that others have made" in out, out)
        shutil.move(folder / "pools", folder / "gone")
        out, _ = sg.run("run", folder / "b.bundle", "--results", folder / f"replay{len(data)}")
        sg.check("the results are those that were sealed" in out and sg.digest(out) == digest, out)
        shutil.move(folder / "gone", folder / "pools")

    # Of which nothing is left: the cells fail, those with raw rows as well, of either classifier.
    leaks = folder / "leaks.jsonl"
    shutil.copy(sg.ROOT / "data" / "sample" / "sst2" / "test.jsonl", leaks)
    nothing = [*[a for a in small if not a.startswith("tasks")], "tasks=[sst2]", f"methods=[{{name: leaks, pool: {leaks}}}]", "sizes=[4]", "classifiers=[fine_tune,probe]"]
    sg.run("run", *nothing, "--results", folder / "nothing", "--offline", code=4)
    found = sg.ask(folder / "nothing", "SELECT status, reason, count(*) FROM cells GROUP BY status, reason ORDER BY status")
    sg.check(found == [("done", "", 2), ("failed", "nothing to train on: the pool has no examples", 4)], f"{found}")

    # What is missing or wrong.
    pipe = folder / "pipes" / "x.jsonl"
    pipe.parent.mkdir()
    os.mkfifo(pipe)
    _, err = sg.run("plan", *small, f"methods=[{{name: pipes, pool: {pipe.parent}, tasks: [sst2]}}]", code=2, timeout=60)
    sg.check("x.jsonl: a folder, or no file of rows" in err, err)
    distilabel.write_text(distilabel.read_text() + "{broken\n")
    _, err = sg.run("run", *study, "--results", folder / "r3", code=2)
    sg.check("distilabel.jsonl:17: " in err, err)
    distilabel.unlink()
    _, err = sg.run("run", *study, "--results", folder / "r3", code=2)
    sg.check("method distilabel: no file or folder" in err, err)
    out, err = sg.run("plan", *study, code=2)
    sg.check("method distilabel: no file or folder" in out + err, out + err)
print("ok")
