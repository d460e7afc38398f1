"""What `synthgrid export` makes of a finished study, read back with Python's csv and json alone and held against the ledger."""
import csv
import hashlib
import json

import sg


def tables(folder):
    """{table: its rows as dictionaries}, and {table: {column: type}} of columns.csv; each file as strict as csv can be."""
    rows, types = {}, {}
    for path in sorted(folder.glob("*.csv")):
        with open(path, newline="", encoding="utf-8") as f:
            rows[path.stem] = list(csv.DictReader(f, strict=True))
        sg.check(all(None not in r and None not in r.values() for r in rows[path.stem]), f"{path}: rows of different lengths")
    for c in rows.pop("columns"):
        types.setdefault(c["table"], {})[c["column"]] = c["type"]
        sg.check(c["description"], f"{c} says nothing")
    return rows, types


def check_tables(results, folder):
    rows, types = tables(folder)
    sg.check({t: list(types[t]) for t in types} == {t: list(r[0]) for t, r in rows.items()}, "columns.csv has other columns than the files")
    ledger = {"cells": "cells", "pools": "pools", "examples": "examples", "test_rows": "test_rows"}
    for table, theirs in ledger.items():
        ((n,),) = sg.ask(results, f"SELECT count(*) FROM {theirs}")
        sg.check(len(rows[table]) == n, f"{table}.csv has {len(rows[table])} rows, the ledger {n}")
    for table, columns in types.items():
        for name, kind in columns.items():
            for r in rows[table]:
                if kind.startswith("int"):
                    int(r[name])
                elif kind.startswith("float") and r[name]:
                    float(r[name])
    # Accuracy, exactly, from the predictions; probabilities of a prediction sum to 1.
    right, n = {}, {}
    for p in rows["predictions"]:
        n[p["cell"]] = n.get(p["cell"], 0) + 1
        right[p["cell"]] = right.get(p["cell"], 0) + (p["gold"] == p["predicted"])
    for c in rows["cells"]:
        if c["status"] == "done":
            sg.check(float(c["accuracy"]) == right[c["cell"]] / n[c["cell"]], f"cell {c['cell']}: {c['accuracy']}")
    sums = sum(float(p["probability"]) for p in rows["probabilities"])
    sg.check(abs(sums - len(rows["predictions"])) < 1e-3, f"probabilities sum to {sums}")
    texts = sg.ask(results, "SELECT e.first, coalesce(e.second, '') FROM examples e JOIN pools p ON p.id = e.pool ORDER BY p.ordinal, e.position")
    sg.check(sorted((r["text"], r["text_pair"]) for r in rows["examples"]) == sorted(texts), "other texts than the ledger's")
    return rows


def check_pools(rows, folder):
    card = (folder / "README.md").read_text()
    sg.check(card.startswith("---\n") and "\nlicense: \"unknown\"\n" in card and "## Licence\n\nUnknown." in card, card[:2000])
    found = []
    for path in sorted(folder.glob("data/*/*.jsonl")):
        name = str(path.relative_to(folder))
        sg.check(f'    - "{name}"\n' in card and f"`{name}`" in card, f"the card does not name {name}")
        lines = [json.loads(line) for line in path.read_bytes().decode().split("\n")[:-1]]
        sg.check([x["position"] for x in lines] == list(range(len(lines))), f"{name} is out of order")
        found += lines
    by = {(int(e["pool"]), int(e["position"])): e for e in rows["examples"]}
    sg.check(len(found) == len(by), f"{len(found)} examples in the files, not {len(by)}")
    for x in found:
        e = by[x["pool"], x["position"]]
        sg.check((x["text"], x.get("text_pair", ""), x["label"], x["class"], x["completion"]) ==
                 (e["text"], e["text_pair"], int(e["label"]), e["class"], e["completion"]), f"{x} is not {e}")
        sg.check((x["source"] is None) == (e["source"] == "-1"), f"{x}")
    return card, found


def check_export(results, folder):
    """Exports the study in all formats into `folder`."""
    before = {p: p.read_bytes() for p in results.iterdir() if p.is_file()}
    for name in ("csv", "hf", "croissant"):
        _, err = sg.run("export", results, "--format", name, "-o", folder / name)
        sg.check(("--creator" in err) == (name == "croissant"), err)
    sg.check({p: p.read_bytes() for p in results.iterdir() if p.is_file()} == before, "export has changed the results folder")
    rows = check_tables(results, folder / "csv")
    card, found = check_pools(rows, folder / "hf")

    # Croissant: every file but itself is named with its digest; it holds what the others do.
    meta = json.loads((folder / "croissant" / "croissant.json").read_text())
    named = {f["contentUrl"]: f for f in meta["distribution"]}
    files = {str(p.relative_to(folder / "croissant")): p.read_bytes() for p in (folder / "croissant").rglob("*") if p.is_file()}
    sg.check(set(named) == set(files) - {"croissant.json"}, f"{set(named) ^ set(files)}")
    for name, f in named.items():
        sg.check(f["sha256"] == hashlib.sha256(files[name]).hexdigest() and f["contentSize"] == f"{len(files[name])} B", f"{f}")
    for p in list((folder / "csv").iterdir()) + list((folder / "hf").rglob("*.*l")):
        name = f"tables/{p.name}" if p.parent == folder / "csv" else str(p.relative_to(folder / "hf"))
        sg.check(files[name] == p.read_bytes(), f"{name} differs")
    fields = {f["@id"] for r in meta["recordSet"] for f in r["field"]}
    sg.check("cells/accuracy" in fields and len(fields) == sum(len(r["field"]) for r in meta["recordSet"]), "fields")

    # Again: refused, and nothing is touched; one table is the same bytes.
    sg.check("exists" in sg.run("export", results, "--format", "hf", "-o", folder / "hf", code=2)[1], "it writes over a folder")
    sg.run("export", results / "results.h5", "--format", "csv", "--table", "cells", "--output", folder / "cells.csv")
    sg.check((folder / "cells.csv").read_bytes() == (folder / "csv" / "cells.csv").read_bytes(), "--table")
    sg.check(not list(folder.glob("*.tmp.*")), "temporary files are left")
    return card, found
