#!/usr/bin/env python3
"""Further test sets (test_sets: in a task file): each is predicted by every cell, without another training; and what becomes of the results when one is
added, changed or taken out."""
import json
import re
import shutil
import time

import sg

HEAD = ["experiments/grid.yaml", "train.encoder=tests/oracle/model/bert", "train.max_length=48", "methods=[zero_shot]", "sizes=[10]",
        "train.steps=3"]
TASK = (sg.ROOT / "experiments/tasks/sst2.yaml").read_text()


def task(folder, name, sets):
    """A folder of its own with the task file and the sets' files beside it: {name: (file, rows)}; the study that names it."""
    path = folder / name
    path.mkdir()
    text = TASK
    if sets:
        text += "\ntest_sets:\n" + "".join(f"  {s}: {file}\n" for s, (file, _) in sets.items())
    (path / "sst2.yaml").write_text(text)
    for file, rows in sets.values():
        if file.endswith(".csv"):
            (path / file).write_text("label,text\n" + "".join(f'{label},"{t}"\n' for label, t in rows))
        else:
            (path / file).write_text("".join(json.dumps({"text": t, "label": label}) + "\n" for label, t in rows))
    return [*HEAD, f"tasks=[{path}/sst2.yaml]"]


def cells(results):
    """{(mix, size): (weights, logits)} of the cells in the plan."""
    return {(m, s): (w, x) for m, s, w, x in sg.ask(
        results, "SELECT json_extract(settings,'$.mix'), json_extract(settings,'$.size'), json_extract(result,'$.weights_sha256'), logits"
                 " FROM cells JOIN predictions ON cell=id WHERE ordinal>=0")}


MEDICAL = ("medical.jsonl", [("negative", "The patient was left waiting for hours and nobody explained the results."),
                             ("positive", "Everyone on the ward was kind, and the treatment worked."),
                             ("positive", "A clear diagnosis and a doctor who listened.")])
LEGAL = ("legal.csv", [("positive", "The court granted the appeal, to the relief of all."), ("negative", "The contract was badly drafted and void.")])

with sg.Folder() as folder:
    none = task(folder, "none", {})
    both = task(folder, "both", {"medical": MEDICAL, "legal": LEGAL})
    turned = task(folder, "turned", {"legal": LEGAL, "medical": MEDICAL})

    # The bits do not depend on the number of ranks, nor on the order in the file.
    found = {}
    sg.at_once(*(lambda name=name, study=study, ranks=ranks: found.update({name: sg.same(folder / f"{name}_r", study, ranks)}) for name, study, ranks in (
        ("none", none, (1, 2)), ("both", both, (1, 2, 3, 4)), ("turned", turned, (1, 2)))))
    plain, digest, parts = found["none"], found["both"], []
    sg.check(digest != plain and found["turned"] == digest, "the order of the sets counts")

    # What a cell learns and makes of its own test rows is as it was; the sets stand beside.
    @parts.append
    def beside():
        a, b = cells(folder / "none_r/r2"), cells(folder / "both_r/r2")
        sg.check(a == b and len(a) == 3, "further test sets change the cells")
        found = sg.ask(folder / "both_r/r2", "SELECT test_set, n, n_classes, length(logits), count(*) FROM set_predictions GROUP BY 1, 2, 3, 4")
        sg.check(found == [("legal", 2, 2, 16, 3), ("medical", 3, 2, 24, 3)], f"predictions of the sets: {found}")
        out = sg.run("plan", *both)[0]
        sg.check("test set legal: 2 rows in " in out and "test set medical: 3 rows in " in out, "plan does not name the sets:\n" + out)

    # Added to a finished study: what is trained again is told before, and nothing is bought.
    @parts.append
    def edited():
        results, both = folder / "edited", task(folder, "changes", {"medical": MEDICAL, "legal": LEGAL})
        sg.run("run", *none, "--results", results, ranks=2)
        plan = json.loads(sg.run("plan", *both, "--results", results, "--json")[0])
        sg.check(plan["n_cells_done"] == 0, f"plan keeps cells that have not seen the sets: {plan['n_cells_done']}")
        out, err = sg.run("run", *both, "--results", results, ranks=2)
        sg.check(sg.digest(out) == digest, "a study that got test sets later has other results")
        sg.check("legal (new), medical (new). 3 of 3 cells have not been measured" in err, "it is not said that cells are trained again:\n" + err)
        # Taken out again: the cells of before are still there.
        out, err = sg.run("run", *none, "--results", results, ranks=2)
        sg.check(sg.digest(out) == plain and "nothing is left to do" in err, "taking the sets out: " + err)
        # A row changed, in place: nothing stale.
        changed = folder / "changes" / "medical.jsonl"
        good = changed.read_text()
        changed.write_text(good.replace("kind", "rude"))
        out, err = sg.run("run", *both, "--results", results, ranks=2)
        sg.check(sg.digest(out) not in (digest, plain), "another row, the same results")
        changed.write_text(good)
        sg.check(sg.digest(sg.run("run", *both, "--results", results)[0]) == digest, "the old row again, other results")

    # Killed half-way and resumed, on another number of ranks.
    @parts.append
    def killed():
        longer, began = [*both, "train.steps=150"], time.monotonic()
        expected = sg.digest(sg.run("run", *longer, "--results", folder / "calm", ranks=2)[0])
        wait = (time.monotonic() - began) / 2
        for ranks in (2, 1, 4, 2, 3):
            process = sg.begin("run", *longer, "--results", folder / "killed", ranks=ranks)
            time.sleep(wait)
            sg.kill_all(process, folder / "killed")
        sg.check(sg.digest(sg.run("run", *longer, "--results", folder / "killed", ranks=2)[0]) == expected, "killed and resumed: another digest")

    # A row means the same in a set as among the test rows: each set's logits are its own rows'.
    @parts.append
    def own_rows():
        own = [json.loads(line) for line in open(sg.ROOT / "data/sample/sst2/test.jsonl")]
        mirror = task(folder, "mirror", {"a": ("a.jsonl", [(r["label"], r["text"]) for r in own[5:9]]),
                                         "b": ("b.jsonl", [(r["label"], r["text"]) for r in own[20:27]])})
        sg.run("run", *mirror, "--results", folder / "mirror_r", ranks=2)
        for name, first, n in (("a", 5, 4), ("b", 20, 7)):
            for all_of, of_set in sg.ask(folder / "mirror_r", "SELECT p.logits, s.logits FROM predictions p JOIN set_predictions s USING(cell) "
                                                              f"WHERE test_set='{name}'"):
                sg.check(all_of[first * 8:(first + n) * 8] == of_set, f"set {name} has the predictions of other rows")

    # A synthetic example that repeats a row of a set is leakage, as of a test row.
    @parts.append
    def leakage():
        [(leak,)] = sg.ask(folder / "none_r/r1", "SELECT first FROM examples WHERE position=0")
        leaky = task(folder, "leaky", {"copied": ("copied.jsonl", [("positive", leak), ("negative", "Not one of them at all, this.")])})
        sg.run("run", *leaky, "--results", folder / "leaky_r", code=(0, 4))
        sg.check(sg.ask(folder / "leaky_r", "SELECT count(*) FROM examples WHERE first=(SELECT first FROM test_set_rows WHERE position=0)") == [(0,)],
                 "an example that stands in a further test set is in a pool")
        sg.check("leak" in sg.ask(folder / "leaky_r", "SELECT rejects FROM pools")[0][0], "it is not counted as leakage")

    # A bundle has them, and replays elsewhere to the same results; rows that are others are refused.
    @parts.append
    def bundle():
        sealed = folder / "sets.bundle"
        sg.run("bundle", *both, "--results", folder / "both_r/r1", sealed, "--with-data")
        away = folder / "away"
        away.mkdir()
        out, _ = sg.run("run", sealed, f"train.encoder={sg.ROOT}/tests/oracle/model/bert", "--results", away / "r", ranks=2, cwd=away)
        sg.check("the results are those that were sealed" in out and sg.digest(out) == digest, "the replay of a bundle:\n" + out[-2000:])
        small = folder / "small.bundle"
        sg.run("bundle", *both, "--results", folder / "both_r/r1", small)
        rows = away / "data" / "sst2"
        shutil.copytree(sg.ROOT / "data/sample/sst2", rows)
        for name in ("medical.jsonl", "legal.csv"):
            shutil.copy(folder / "both" / name, rows)
        replay = [small, f"train.encoder={sg.ROOT}/tests/oracle/model/bert", f"data.dir={away}/data"]
        out, _ = sg.run("run", *replay, "--results", away / "r2")
        sg.check("the results are those that were sealed" in out, "the replay of a bundle without rows:\n" + out[-2000:])
        (rows / "medical.jsonl").write_text((rows / "medical.jsonl").read_text().replace("kind", "rude"))
        sg.check("further test sets" in sg.run("run", *replay, "--results", away / "r3", code=2)[1], "other rows of a set are not told")

    # What is wrong is said at once, with the place.
    @parts.append
    def wrong_sets():
        for name, rows, words in (("label", [("neither", "x")], "wrong.jsonl:1: unknown label"), ("empty", [], "wrong.jsonl")):
            wrong = task(folder, name, {"wrong": ("wrong.jsonl", rows)})
            sg.check(words in sg.run("run", *wrong, "--results", folder / "bad", code=2)[1], f"{name}: it is not said")
            sg.check(words in sg.run("plan", *wrong, code=(0, 2))[0], f"{name}: plan does not say it")
        missing = task(folder, "missing", {"absent": ("absent.jsonl", [("positive", "a")])})
        (folder / "missing/absent.jsonl").unlink()
        sg.check("test_sets.absent" in sg.run("run", *missing, "--results", folder / "bad", code=2)[1], "no file: it is not said")
        sg.check("absent" in sg.run("plan", *missing)[0], "no file: plan does not say it")
        copied = task(folder, "repeats", {"same": ("same.jsonl", [(r["label"], r["text"]) for r in
                                          map(json.loads, open(sg.ROOT / "data/sample/sst2/train.jsonl"))][:3])})
        sg.check("3 of 3 rows of same are also training rows" in sg.run("plan", *copied)[0], "rows that are trained on are not told")

    sg.at_once(*parts)
print("ok")
