#!/usr/bin/env python3
"""The ledgers and results.h5 of an older build (commit a2806e1; tests/oracle/old/make_old.py) are read, and resumed with no request: to the weights and
the report that it gave, and to one digest. It is another than the older build's: /cells has metrics that came later (test_store.c: no other table differs)."""
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




def weights(results):
    return set(sg.ask(results, "SELECT id, json_extract(result, '$.weights_sha256') FROM cells WHERE status='done'"))


def told(path):
    """The report for programs, but for what names the program and the run; `sections` is for people, and says more of a newer file."""
    out, _ = sg.run("report", path, "--format", "json")
    report = json.loads(out)
    sg.check(report.pop("sections"), "no sections")
    return report.pop("provenance"), report


def is_in(old, new):
    """Whether new tells all that old does; what old does not know (null) may be known now."""
    if isinstance(old, dict):
        return isinstance(new, dict) and all(k in new and is_in(v, new[k]) for k, v in old.items())
    if isinstance(old, list):
        return isinstance(new, list) and len(old) == len(new) and all(map(is_in, old, new))
    return old is None or old == new


with sg.Folder() as folder:
    h5 = unpack("results.h5.gz", folder / "results.h5")
    out, _ = sg.run("report", h5, "--all")
    sg.check("few_shot_3" in out and "Distinct-2" in out, "report of the old results.h5:\n" + out)
    provenance, old = told(h5)
    sg.check("distinct_2" in json.dumps(old), f"no text statistics in JSON:\n{old}")
    sg.check(provenance["content_sha256"] == digests["full"], "report tells another digest")

    seen, trained = {}, None
    for name in ("full", "half"):
        results = folder / name
        unpack(f"{name}.sqlite.gz", results / "ledger.sqlite")
        trained = trained or weights(results)
        asked = sg.ask(results, "SELECT count(*) FROM sent")
        out, err = sg.run("run", *STUDY, DEAD, "generator.retries=0", "--results", results)
        seen[name] = sg.digest(out)
        sg.check(len(trained) == 3 and weights(results) == trained, f"{name}: other weights than the old build's: {weights(results)}")
        provenance, new = told(results)
        sg.check(is_in(old, new), f"{name}: the report tells something else than of the old file:\n{new}\n{old}")
        sg.check(provenance["content_sha256"] == seen[name] != digests["full"], "the digest is not that of new columns")
        sg.check(name == "half" or "nothing is left to do" in err, "it has trained again:\n" + err)
        sg.check(sg.ask(results, "SELECT count(*) FROM sent") == asked, "it has asked")
        sg.run("status", results)
    sg.check(seen["full"] == seen["half"], f"what is resumed has another digest than what is read: {seen}")
    sg.run("bundle", *STUDY[:1], folder / "b.jsonl.gz", *STUDY[1:], DEAD, "--results", folder / "full")
    print("ok")
