#!/usr/bin/env python3
"""Free methods beside one that is bought: pools, cells and tables like the others', no request and no dollar; one digest on 1, 2 and 4 ranks and after a kill;
an encoder without a masked-LM head is refused with a hint. A study of free methods alone asks nobody."""
import json
import time

import sg

ENCODER = "tests/oracle/mask/roberta"
FREE = ["eda", "mlm_insert", "mlm_replace"]

with sg.Folder() as folder:
    study = [*sg.QUICKSTART, f"train.encoder={ENCODER}", "tasks=[sst2,rte]", "methods=[zero_shot,eda,mlm_insert,mlm_replace]", "sizes=[10]",
             "seeds.data=2", "train.steps=1", "train.max_length=32"]
    plan = json.loads(sg.run("plan", *study, "--json")[0])
    sg.check(plan["n_pools"] == 2 * (1 + 3 * 2) and plan["n_free_pools"] == 2 * 3 * 2, f"{plan['n_pools']} pools, {plan['n_free_pools']} free")
    sg.check(plan["n_requests"] == 20, f"{plan['n_requests']} requests for two pools of 10")
    out, _ = sg.run("plan", *study)
    sg.check("12 of them are free: made of raw rows, without requests" in out and "few-shot pools are bought" not in out, out)

    digest, one = sg.same(folder, study, (1, 2, 4)), folder / "r1"
    sg.run("verify", one)
    report = json.loads(sg.run("report", one, "--format", "json")[0])
    pools = report["pools"]
    sg.check([p["method"] for p in pools if p["task"] == "sst2"] == ["zero_shot", *(m for m in FREE for _ in range(2))], f"{pools}")
    sg.check(all(p["n"] == 10 and p["status"] == "complete" for p in pools), f"{pools}")
    sg.check("eda" in sg.run("report", one, "--section", "diversity")[0] or "eda" in sg.run("report", one, "--section", "pools")[0], "no eda in the report")
    limits = " ".join(sg.run("report", one, "--section", "limits")[0].split())
    sg.check("All LLM examples are by one LLM (" in limits, limits)
    texts = {m: [] for m in FREE}
    for settings, i in sg.ask(one, "SELECT settings, id FROM pools"):
        p = json.loads(settings)
        asked = sg.ask(one, f"SELECT count(*) FROM pool_completions WHERE pool='{i}'")[0][0]
        examples = sg.ask(one, f"SELECT first, completion FROM examples WHERE pool='{i}' ORDER BY position")
        if p["method"] in FREE:
            sg.check(not asked and not any(key for _, key in examples), f"{p}: {asked}, {examples}")
            sg.check("model" not in p and p["recipe"].startswith(p["method"]), f"{p}")
            texts[p["method"]] += [text for text, _ in examples]
        else:
            sg.check(asked >= 10, f"{p}: {asked} completions")
    sg.check(sg.ask(one, "SELECT count(*) FROM cells WHERE status='done'") == [(plan["n_cells"],)], "not all cells are done")
    sg.check(all(len(t) == 40 for t in texts.values()), "a method has other texts than 10 a pool")
    sg.check(len({tuple(t) for t in texts.values()}) == 3, "two methods make the same")

    # The head's words are kept: a run that goes on reads them, and computes what is damaged again.
    kept = sorted((one / "words").iterdir())
    sg.check(len(kept) == 8, f"words of {len(kept)} pools, not 8")
    before = [k.read_bytes() for k in kept]
    kept[0].write_bytes(before[0].replace(b"[[0,0,[", b"[[1,0,["))
    kept[1].unlink()
    kept[2].write_text("{}")
    again, _ = sg.run("run", *study, "--results", one)
    sg.check(sg.digest(again) == digest and "nothing is left to do" in _, "a damaged file of words made another study")
    sg.check([k.read_bytes() for k in kept] == before, "words that were damaged are not kept anew")

    # Cells of all methods trained again, on a folder that must stay as it is: their words are made anew, and kept nowhere.
    (kept[0]).unlink()
    files = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in one.rglob("*") if p.is_file()}
    for ranks in (1, 2):
        out, err = sg.run("verify", one, "--sample", "100%", ranks=ranks)
        sg.check(f"{plan['n_cells']} of {plan['n_cells']} done cells were trained again, {plan['n_cells']} of them to the same weights" in out, out + err)
        sg.check("warning" not in err, err)
    sg.check({p: (p.stat().st_mtime_ns, p.read_bytes()) for p in one.rglob("*") if p.is_file()} == files, "verify --sample has written into the folder")

    # Killed when some cells are done: the rest gives the same.
    killed = folder / "killed"
    process = sg.begin("run", *study, "--results", killed)
    for _ in range(3000):
        try:
            if json.loads((killed / "status.json").read_text())["n_cells_done"] >= 3 or process.poll() is not None:
                break
        except (OSError, ValueError):
            pass
        time.sleep(0.02)
    sg.kill_all(process, killed)
    again, _ = sg.run("run", *study, "--results", killed, ranks=2)
    sg.check(sg.digest(again) == digest, "after a kill the study is another one")
    # Bought first, then run: the pools that take the encoder are made by the run.
    bought, _ = sg.run("generate", *study, "--results", folder / "bought")
    sg.check("made by the run" in bought, bought)
    again, _ = sg.run("run", *study, "--offline", "--results", folder / "bought")
    sg.check(sg.digest(again) == digest, "with `generate` before it the study is another one")

    # No recording, no key, no server: free methods need none.
    alone = folder / "alone.yaml"
    alone.write_text("study: alone\ntasks: [sst2]\nmethods: [eda]\nsizes: [6]\nraw: [10]\ndata: {dir: data/sample}\nmixes: [raw, raw+synthetic]\n"
                     f"train: {{encoder: {ENCODER}, steps: 1, max_length: 32}}\n")
    plan = json.loads(sg.run("plan", alone, "--json")[0])
    sg.check(plan["n_requests"] == 0 and plan["n_requests_missing"] == 0 and plan["cost_usd_missing"] == 0 and not plan["missing"], f"{plan}")
    sg.run("run", alone, "--offline", "--results", folder / "alone")

    # No model has written them: an export names the raw rows, and the licence of the task's data.
    for results, makers, creators in ((folder / "alone", "", ""), (one, "written by language models and ", "- machine-generated\n")):
        for license in ([], ["--license", "cc0-1.0"]):
            out = folder / f"{results.name}-hf{len(license)}"
            sg.run("export", results, "--format", "croissant", "-o", out, *license)
            card, meta = (out / "README.md").read_text(), json.loads((out / "croissant.json").read_text())
            sg.check(f"Texts for text classification, {makers}made of the tasks' raw rows by changing words. " in card, card)
            sg.check(f"language_creators:\n{creators}- found\n" in card and "| raw rows, words changed by eda |" in card, card)
            sg.check(("models named above" in card) == bool(makers and not license), card)
            sg.check(bool(makers) == ("language models" in meta["description"]), meta["description"])
            for text in (card, meta["description"]):
                sg.check("copies of the tasks' data, whose licences apply to them" in text, text)
        sg.check(bool(makers) != ("no language model was asked for these pools" in card), card)

    for command in ("plan", "run"):
        _, err = sg.run(command, *study, "train.encoder=tests/oracle/mask/none", "--results", folder / "none", code=2)
        sg.check("no masked-LM head" in err and "roberta-base or bert-base" in err, err)
    sg.check(not (folder / "none").exists(), "a study that cannot be run has left a folder")
