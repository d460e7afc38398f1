#!/usr/bin/env python3
"""What is measured of embeddings: the same on any number of ranks; embeddings.h5 is kept, used again, and made again when it is missing, damaged or of
other texts; what a ledger lacks is measured, and no more. With a true encoder: ranks.py."""
import hashlib
import json
import shutil

import sg

STUDY = [*sg.QUICKSTART, "tasks=[sst2,rte]", "methods=[zero_shot,one_shot]", "sizes=[10]", "mixes=[synthetic]",
         "train.steps=1", "llm_eval.shots=[]"]


def records(results):
    return dict(sg.ask(results, "SELECT pool, result FROM diversity"))


def edit(results, statement):
    import sqlite3

    db = sqlite3.connect(results / "ledger.sqlite")
    with db:
        db.execute(statement)
    db.close()


with sg.Folder() as folder:
    one = folder / "one"
    out, _ = sg.run("run", *STUDY, "--results", one)
    digest, kept = sg.digest(out), records(one)
    sg.check(len(kept) == 6 and "task:sst2" in kept and "task:rte" in kept, f"records: {sorted(kept)}")
    for name, text in kept.items():
        x = json.loads(text)
        numbers = x["test"] if name.startswith("task:") else x["against"]
        sg.check(0 <= numbers["mmd_p"] <= 1 and numbers["frechet"] > 0 and numbers["n_raw"] == 60, f"{name}: {numbers}")
    sg.check(json.loads(kept["task:sst2"])["test"]["mmd_p"] > 0.05 > min(json.loads(v)["against"]["mmd_p"] for k, v in kept.items() if k[0] != "t"),
             "test rows are told from training rows, or pools are not")

    # The report shows them, a row a pool and one a task's test rows.
    (section,) = json.loads(sg.run("report", one, "--section", "measures", "--format", "json")[0])["sections"]
    for table, column, name, scale in (("closeness", 6, "mmd2", 1), ("closeness", 8, "frechet", 1), ("closeness", 9, "c2st", 100),
                                       ("coverage", 7, "coverage", 100), ("coverage", 9, "dcscore", 1)):
        (rows,) = [t["rows"] for t in section["tables"] if t["name"] == table]
        shown = sorted(scale * (x["test"] if k.startswith("task:") else x["against"])[name] for k, x in ((k, json.loads(v)) for k, v in kept.items()))
        found = sorted(r[column]["value"] for r in rows)
        sg.check(len(rows) == 6 and all(abs(a - b) <= 1e-9 * (1 + abs(a)) for a, b in zip(shown, found)), f"{name}: {found}, not {shown}")

    def again(ranks):
        other = folder / f"ranks{ranks}"
        out, _ = sg.run("run", *STUDY, "--results", other, ranks=ranks)
        sg.check(sg.digest(out) == digest, f"another digest on {ranks} ranks")
        sg.check(records(other) == kept, f"other records on {ranks} ranks")

    def blocked():
        """A file that cannot be written is a warning, and the numbers are there."""
        other = folder / "blocked"
        (other / "embeddings.h5.tmp").mkdir(parents=True)
        out, error = sg.run("run", *STUDY, "--results", other)
        sg.check("the embeddings are not kept" in error and sg.digest(out) == digest, f"blocked: {error}")

    sg.at_once(lambda: again(2), lambda: again(3), blocked)

    # It stays as it is while it holds what is asked for.
    file = one / "embeddings.h5"
    whole = file.read_bytes()
    sg.run("run", *STUDY, "--results", one)
    sg.check(file.read_bytes() == whole, "embeddings.h5 was written again")

    # Measured again from what it holds, to the same numbers.
    edit(one, "DELETE FROM diversity")
    out, _ = sg.run("run", *STUDY, "--results", one, ranks=2)
    sg.check(sg.digest(out) == digest and records(one) == kept, "other numbers from the kept embeddings")
    sg.check(file.read_bytes() == whole, "embeddings.h5 was written again")

    # An older ledger has diversity alone: that stays, the rest is added.
    edit(one, "UPDATE diversity SET result = json_set(json_remove(result, '$.against'), '$.vendi', 1.5)")
    sg.run("run", *STUDY, "--results", one)
    for name, text in records(one).items():
        old, new = json.loads(kept[name]), json.loads(text)
        sg.check(name.startswith("task:") or new.pop("vendi") == 1.5 and old.pop("vendi") != 1.5, "diversity was measured again")
        sg.check(name.startswith("task:") or old == new, f"{name}: {new}, not {old}")
    edit(one, "DELETE FROM diversity")

    # Missing, damaged anywhere, none of ours: made again.
    def made_again(results, content=None):
        file = results / "embeddings.h5"
        file.unlink()
        if content:
            file.write_bytes(content)
        out, _ = sg.run("run", *STUDY, "--results", results, ranks=2)
        sg.check(sg.digest(out) == digest and records(results) == kept, f"{results.name}: other numbers")
        sg.check(hashlib.sha256(file.read_bytes()).hexdigest() != hashlib.sha256(content or b"").hexdigest() and file.stat().st_size == len(whole),
                 f"{results.name}: not made again")

    made_again(one)
    sg.at_once(*(lambda name=name, content=content: made_again(shutil.copytree(one, folder / name), content) for name, content in (
        ("damaged", whole[:40] + bytes([whole[40] ^ 255]) + whole[41:]), ("half", whole[: len(whole) // 2]), ("foreign", b"what is this"))))

    # A study that grows: parts that hold are taken from the file, others are added.
    out, _ = sg.run("run", *STUDY, "methods=[zero_shot,one_shot,few_shot_3]", "--results", one)
    grown = records(one)
    sg.check(len(grown) == 8 and all(grown[k] == kept[k] for k in kept if k[0] != "t"), "a further method changes the others' numbers")
    sg.check(len(json.loads(grown["task:rte"])["distances"]) == 3, "distances of three pools")
    sg.check(not list(one.glob("*.tmp*")), "a temporary file is left")
