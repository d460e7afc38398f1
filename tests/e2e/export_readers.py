#!/usr/bin/env python3
"""Whether the programs that `synthgrid export` writes for read it: Hugging Face's datasets each configuration, mlcroissant its metadata (no error, no
warning but what is not known) and every record set, to the same texts. Skipped without them: SG_LIVE_VENV names a virtual environment with both
(tried with datasets 5.2.0, mlcroissant 1.1.1)."""
import json
import os
import pathlib
import subprocess
import sys

import sg

READ = """
import json, os, sys
os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_CACHE=sys.argv[2], HF_DATASETS_DISABLE_PROGRESS_BARS="1")
import datasets, mlcroissant
folder, out = sys.argv[1], {"hf": {}, "sets": {}, "names": {}}
for name in datasets.get_dataset_config_names(folder):
    d = datasets.load_dataset(folder, name, split="train")
    out["hf"][name] = d.to_list()
    out["names"][name] = d.features["label"].names
c = mlcroissant.Dataset(folder + "/croissant.json")
out["warnings"] = sorted(c.metadata.ctx.issues.warnings)
out["version"] = str(c.metadata.ctx.conforms_to.value)
for r in c.metadata.record_sets:
    rows = [{k.split("/")[-1]: v.decode() if isinstance(v, bytes) else v for k, v in x.items()} for x in c.records(r.id)]
    out["sets"][r.id] = rows
json.dump(out, open(sys.argv[3], "w"), default=float)
"""


def python():
    for venv in filter(None, os.environ.get("SG_LIVE_VENV", "").split(":")):
        path = pathlib.Path(venv) / "bin" / "python"
        if path.exists() and subprocess.run([path, "-c", "import datasets, mlcroissant"], stderr=subprocess.DEVNULL).returncode == 0:
            return path
    sg.skip("no environment in SG_LIVE_VENV has datasets and mlcroissant; hint: python3 -m venv V && V/bin/pip install datasets mlcroissant, "
            "then SG_LIVE_VENV=V")


reader = python()
with sg.Folder() as folder:
    sg.run("run", *sg.SMALL, "--results", folder / "r", ranks=2)
    sg.run("export", folder / "r", "--format", "croissant", "-o", folder / "out", "--license", "mit", "--creator", "A group", "--url",
           "https://example.org/data")
    subprocess.run([reader, "-c", READ, folder / "out", folder / "cache", folder / "read.json"], check=True, stdout=sys.stderr)
    read = json.loads((folder / "read.json").read_text())
    sg.check(read["version"] == "http://mlcommons.org/croissant/1.1" and not read["warnings"], f"{read['version']}: {read['warnings']}")
    lines = {str(p.relative_to(folder / "out" / "data")): [json.loads(x) for x in p.read_text().split("\n")[:-1]]
             for p in (folder / "out" / "data").rglob("*.jsonl")}
    sg.check(len(lines) == 4 and len(read["hf"]) == 4, f"{list(lines)} {list(read['hf'])}")
    for name, rows in lines.items():
        task, stem = name.removesuffix(".jsonl").split("/")
        config = f"{task}-{stem.split('-')[0]}"
        sg.check(read["hf"][config] == rows, f"datasets reads other rows of {config}")
        sg.check([read["names"][config][x["label"]] for x in rows] == [x["class"] for x in rows], f"{config}: names of labels")
        mine = [{k: v for k, v in x.items() if v is not None} for x in read["sets"][f"{task}-{stem}"]]
        sg.check(mine == [{k: v for k, v in x.items() if v is not None} for x in rows], f"mlcroissant reads other rows of {name}")
    done = [c for c in read["sets"]["cells"] if c["status"] == "done"]
    sg.check(len(done) == 10 and all(0 <= c["accuracy"] <= 1 for c in done), f"{len(done)} cells")
    n = sum(c["n_test"] for c in done)
    sg.check(len(read["sets"]["predictions"]) == n and len(read["sets"]["examples"]) == sum(map(len, lines.values())), "rows are missing")
    print(f"{len(read['sets'])} record sets, {len(read['hf'])} configurations")
