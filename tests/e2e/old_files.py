#!/usr/bin/env python3
"""The ledgers and results.h5 of an older build (commit a2806e1; tests/oracle/old/make_old.py) are read, and resumed to its digest with no request."""
import gzip
import json
import pathlib
import sys

import sg

OLD = sg.ROOT / "tests" / "oracle" / "old"
sys.path.insert(0, str(OLD))
from make_old import STUDY

if "avx2" not in pathlib.Path("/proc/cpuinfo").read_text().split():
    sg.skip("the files were made with AVX-512's kernels, which AVX2's equal to the bit; this processor has neither")
DEAD = "generator.base_url=http://127.0.0.1:9/v1"  # nobody listens: a request would end the run with exit code 3
digests = json.loads((OLD / "digests.json").read_text())


def unpack(name, path):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.decompress((OLD / name).read_bytes()))
    return path


with sg.Folder() as folder:
    h5 = unpack("results.h5.gz", folder / "results.h5")
    out, _ = sg.run("report", h5)
    sg.check("few_shot_3" in out and "Distinct-2" in out, "report of the old results.h5:\n" + out)
    out, _ = sg.run("report", h5, "--format", "json")
    sg.check("distinct_2" in json.dumps(json.loads(out)), "no text statistics in JSON:\n" + out[:2000])
    sg.check(json.loads(out)["provenance"]["content_sha256"] == digests["full"], "report tells another digest")

    for name in ("full", "half"):
        results = folder / name
        unpack(f"{name}.sqlite.gz", results / "ledger.sqlite")
        asked = sg.ask(results, "SELECT count(*) FROM sent")
        out, err = sg.run("run", *STUDY, DEAD, "generator.retries=0", "--results", results)
        sg.check(sg.digest(out) == digests["full"], f"{name} gives another digest than the old build:\n" + out)
        sg.check(name == "half" or "nothing is left to do" in err, "it has trained again:\n" + err)
        sg.check(sg.ask(results, "SELECT count(*) FROM sent") == asked, "it has asked")
        sg.run("status", results)
    sg.run("bundle", *STUDY[:1], folder / "b.jsonl.gz", *STUDY[1:], DEAD, "--results", folder / "full")
    print("ok")
