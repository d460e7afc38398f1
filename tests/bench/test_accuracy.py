#!/usr/bin/env python3
"""`accuracy` on results that are there already: what it reads, its verdict, and its exit code."""
import json
import pathlib
import subprocess
import sys
import tempfile

import common

if not (common.MINILM / "model.safetensors").exists():
    common.skip(f"no encoder in {common.MINILM}; ./setup fetches it")


def judge(folder, tasks, code):
    done = subprocess.run([sys.executable, common.HERE / "accuracy", "--tasks", tasks, "--seeds", "3", "--data",
                           common.ROOT / "data" / "sample", "--results", folder / "ours", "--peer-results", folder / "peer"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == code, f"{tasks}: exit code {done.returncode}, not {code}:\n{done.stdout}"
    return done.stdout


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    for side, accuracies in (("ours", {"sst2": (0.80, 0.81, 0.82), "rte": (0.60, 0.61, 0.62)}),
                             ("peer", {"sst2": (0.79, 0.81, 0.83), "rte": (0.55, 0.56, 0.57)})):
        (folder / side).mkdir()
        for task, values in accuracies.items():
            for seed, value in enumerate(values):
                (folder / side / f"{side}-{task}-{seed}.json").write_text(json.dumps({"accuracy": value}))
    assert "NOT EQUAL" not in judge(folder, "sst2", 0)
    both = judge(folder, "sst2,rte", 1)
    assert both.count("NOT EQUAL") == 1 and "+5.00" in both and "+2.73 .. +7.27" in both, both  # 5 -+ 2.776 * 0.816
    (folder / "peer" / "peer-rte-2.json").unlink()
    if not common.find_peer(None)[0]:
        assert "pip install" in judge(folder, "rte", 1)
print("ok")
