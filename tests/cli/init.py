#!/usr/bin/env python3
"""A file of one's own becomes a study: written, planned from any folder, run; and what is wrong with the file is said."""
import csv
import json
import random

import sg

ENCODER = f"train.encoder={sg.ROOT}/tests/oracle/model/bert"
WORDS = {"Billing": "invoice charge refund card payment", "Login": "password reset account locked code",
         "C++ & C#: \"odd\"": "compiler linker header template macro", "Other": "question idea hello thanks form"}

with sg.Folder() as folder:
    random.seed(3)
    rows = []
    while len({r[0] for r in rows}) < 300:
        label = random.choice(list(WORDS))
        rows.append((" ".join(random.choices(WORDS[label].split(), k=3)) + f", see note {len(rows)}", label))
    with open(folder / "my tickets.csv", "w", newline="") as file:
        table = csv.writer(file, delimiter=";")
        table.writerow(["No", "Body", "Queue"])
        table.writerows([i, *row] for i, row in enumerate(rows))
        table.writerow([900, rows[0][0], rows[0][1]])
        table.writerow([901, "", "Other"])
        table.writerow([902, "a label with blanks around it", " Login "])

    _, err = sg.run("init", "my tickets.csv", cwd=folder, code=2)
    sg.check("Body" in err and "Queue" in err and "hint" in err, err)
    _, err = sg.run("init", "my tickets.csv", "--text", "Body", "--label", "No", cwd=folder, code=2)
    sg.check("different labels" in err and "--label" in err, err)
    sg.check(len(list(folder.iterdir())) == 1, "a refused file left something")
    out, _ = sg.run("init", "my tickets.csv", "--text", "Body", "--label", "Queue", cwd=folder)
    sg.check("226 training rows and 75 test rows, of 4 classes" in out and "semicolons" in out, out)
    sg.check("left out 1 row" in out and "whose text was there before" in out and "without a text or label" in out, out)
    sg.check("synthgrid plan ./my-tickets-study.yaml" in out, out)
    _, err = sg.run("init", "my tickets.csv", "--text", "Body", "--label", "Queue", cwd=folder, code=2)
    sg.check("is there already" in err, err)

    parts = {part: [json.loads(line) for line in open(folder / f"my-tickets-data/my-tickets/{part}.jsonl")] for part in ("train", "test")}
    sg.check({r["text"] for r in parts["train"]}.isdisjoint(r["text"] for r in parts["test"]), "test rows are training rows")
    sg.check(sorted((r["text"], r["label"]) for part in parts.values() for r in part) == sorted([*rows, ("a label with blanks around it", "Login")]), "rows were lost or changed")
    for label in WORDS:
        n = [sum(r["label"] == label for r in parts[part]) for part in ("train", "test")]
        sg.check(abs(n[1] - sum(n) / 4) <= 1, f"class {label}: {n}")

    # Planned from here and from elsewhere; run, with the texts from the stub.
    study = folder / "my-tickets-study.yaml"
    for cwd in (folder, sg.ROOT):
        out, _ = sg.run("plan", study, ENCODER, cwd=cwd)
        sg.check("15 cells" in out and "226 train rows, 75 test rows" in out and "\ndata " not in out, out)
    with sg.Stub(folder) as stub:
        out, err = sg.run("run", study, ENCODER, f"generator.base_url={stub.url}", "generator.usd_per_1m_input=0", "generator.usd_per_1m_output=0",
                          "sizes=8", "raw=40", "seeds.train=1", "train.steps=2", "--results", folder / "results", code=None)
    sg.check("digest" in out, out + err)

    # A pair, with test rows of their own, one of which is a training row.
    pairs = folder / "pairs.jsonl"
    pairs.write_text("".join(json.dumps({"question": f"is it {w} {i}?", "sentence": f"they say {w} {i}", "label": w}) + "\n"
                             for i in range(20) for w in ("yes", "no")))
    test = folder / "pairs-test.jsonl"
    test.write_text(json.dumps({"question": "is it yes 3?", "sentence": "they say yes 3", "label": "yes"}) + "\n" +
                    json.dumps({"question": "is it so?", "sentence": "they say no", "label": "no"}) + "\n")
    out, _ = sg.run("init", pairs, "--test", test, "--name", "p", "--output", folder / "pair")
    sg.check("40 training rows and 1 test row" in out and "left out 1 row" in out, out)
    out, _ = sg.run("plan", folder / "pair/p-study.yaml", ENCODER)
    sg.check("p: no test row of class yes" in out, out)

    # -1 is a class where the others do not show that it is none, and no label where they do. Beside 1 no answer could tell it.
    for name, labels, classes in (("half", (-1, 0), 2), ("sign", (-1, 1), 0), ("mood", (-1, 0, 1), 0), ("snli", (-1, 0, 1, 2), 3)):
        (folder / f"{name}.csv").write_text("text,label\n" + "".join(f"{name} {v} {i},{v}\n" for i in range(20) for v in labels))
        out, err = sg.run("init", folder / f"{name}.csv", "--output", folder / name, code=0 if classes else 2)
        sg.check(f"of {classes} classes" in out if classes else '"-1" and "1" are two classes' in err, out + err)
        sg.check(("20 of 80 rows have the label -1, no gold label" in out) == (name == "snli"), out)
        sg.check(("label -1 is read as a class" in out) == (name == "half"), out)

    # Rows that lack something: plan says it with counts, and run once.
    bad = folder / "my-tickets-data/my-tickets/test.jsonl"
    bad.write_text(bad.read_text() + open(folder / "my-tickets-data/my-tickets/train.jsonl").readline())
    out, _ = sg.run("plan", study, ENCODER)
    sg.check("my-tickets: 1 of 76 test rows are also a training row" in out, out)
    sg.check("my-tickets: 1 of 76" in json.loads(sg.run("plan", study, ENCODER, "--json")[0])["data"][0], "not in plan --json")
    raw_only = ["run", study, ENCODER, "mixes=raw", "raw=40", "seeds.train=1", "train.steps=1", "--results", folder / "told"]
    said = [sg.run(*raw_only, code=None)[1].count("also a training row") for _ in range(2)]
    sg.check(said == [1, 0], f"a run says it {said}")

    # Four lines make a task.
    (folder / "four.yaml").write_text("task: four\nfields: {first: text, label: label}\nclasses: {yes: yes, no: no}\ndata: {train: a.jsonl, test: b.jsonl}\n")
    (folder / "rows/four").mkdir(parents=True)
    for name in "ab":
        (folder / f"rows/four/{name}.jsonl").write_text("".join(json.dumps({"text": f"{name} {w} {i}", "label": w}) + "\n" for i in range(9) for w in ("yes", "no")))
    (folder / "s.yaml").write_text("study: s\ntasks: ./four.yaml\nmixes: raw\nraw: 10\ndata: {dir: rows}\n")
    out, _ = sg.run("plan", folder / "s.yaml", ENCODER)
    sg.check("1 cell" in out, out)
print("ok")
