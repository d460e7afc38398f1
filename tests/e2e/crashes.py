#!/usr/bin/env python3
"""Runs that end by SIGKILL at named places (base/crash.h), one after the other in one folder, on 1, 4 and 2 ranks in turns: `crashes.py`, or with sites.

What goes on from it has the digest of an undisturbed run, and its folder the same files. Then `export` and `merge` are ended so, too."""
import itertools
import os
import sys
import time

import sg
from killing import visits

# In the order in which a run comes to them: each life gets as far as its place, and leaves something to do for the next.
PLACES = ["lease_enters", "lease_taken", "renaming/status.json", "renamed/status.json", "answer_came:3", "answer_recorded:5", "ledger_commits:6", "ledger_committed:6",
          "cell_begins:2", "step_begins:9", "snapshot_half", "renaming/?*.run", "renamed/?*.run:2", "cell_over:2", "cache_half",
          "renaming/*.jsonl.gz", "renamed/*.jsonl.gz", "embeddings_half", "renaming/embeddings.h5", "renamed/embeddings.h5", "h5_half", "renaming/results.h5",
          "renamed/results.h5", "lease_released"]
places = sys.argv[1:] or PLACES


def ends_at(place, log, *arguments, ranks=0, env=None):
    """Runs the program until that place ends it."""
    began = time.monotonic()
    site = place.partition(":")[0]
    run = sg.begin(*arguments, ranks=ranks, env={"SG_CRASH": place, "SG_CRASH_LOG": str(log), **sg.AT_ONCE, **(env or {})})
    sg.check(sg.wait(run, 120) != 0, f"{place} on {ranks} ranks: nothing ended it")
    seen = [(at, v) for at, _, v in visits(log, began)]
    name, _, what = site.partition("/")
    at = [t for t, v in seen if v.partition("/")[0] == name]
    sg.check(at, f"{place} on {ranks} ranks: it ended before it came there; it was at {[v for _, v in seen][-5:]}")
    return time.monotonic() - began


def files(folder):
    return {p.name for p in folder.iterdir()}


with sg.Folder() as folder, sg.Stub(folder, "--latency", "0.02") as stub:
    study = [*sg.QUICKSTART, "tasks=[sst2]", "methods=[zero_shot,few_shot_3]", "sizes=[10,20]", "raw=[20]", "train.steps=300", "generator.connections=4",
             f"generator.base_url={stub.url}", "generator.usd_per_1m_input=1", "generator.usd_per_1m_output=1", "budget.usd=10"]
    calm, _ = sg.run("run", *study, f"cache={folder}/calm-cache", "--results", folder / "calm", ranks=2)
    killed, log, cache = folder / "killed", folder / "visits", f"cache={folder}/cache"
    on = itertools.cycle((1, 4, 2))
    for place in places:
        if "gz" in place or place == "cache_half":  # the cache is written where there is none yet
            for path in (folder / "cache").glob("*"):
                path.unlink()
        if "embeddings" in place:
            (killed / "embeddings.h5").unlink(missing_ok=True)
        env = {"SG_SNAPSHOT_S": "0.05"} if ".run" in place or place == "snapshot_half" else {}
        ranks = next(on)
        took = ends_at(place, log, "run", *study, cache, "--results", killed, ranks=ranks, env=env)
        print(f"{place} on {ranks} ranks, after {took:.1f} s")
    out, _ = sg.run("run", *study, cache, "--results", killed, ranks=next(on))
    sg.check(sg.digest(out) == sg.digest(calm), "the digest is not the undisturbed run's")
    sg.check(files(killed) == files(folder / "calm"), f"left: {files(killed) ^ files(folder / 'calm')}")
    sg.check(not [p for p in (folder / "cache").iterdir() if ".tmp" in p.name], "the cache holds half a file")

    if places is PLACES:
        # The lease beats every few seconds: what is bought must take longer.
        (folder / "slow").mkdir()
        with sg.Stub(folder / "slow", "--latency", "1") as slow:
            took = ends_at("lease_beats", log, "run", *study, f"generator.base_url={slow.url}", "--results", folder / "beats", ranks=2)
        print(f"lease_beats on 2 ranks, after {took:.1f} s")
        out, _ = sg.run("run", *study, cache, "--results", folder / "beats", ranks=4)
        sg.check(sg.digest(out) == sg.digest(calm), "ended at lease_beats, the digest is not the undisturbed run's")

        # What is made beside a folder: nothing of its name is there, or all of it, and it can be made again.
        sg.run("generate", *study, "tasks=[emotion]", "--results", folder / "other")
        for place in ("export_half:2", "export_renaming"):
            ends_at(place, log, "export", killed, "--format", "csv", "-o", folder / "csv")
            sg.check(not (folder / "csv").exists(), f"{place}: half an export has its name")
        sg.run("export", killed, "--format", "csv", "-o", folder / "csv")
        for place in ("merge_half", "h5_half", "renaming/*"):
            ends_at(place, log, "merge", killed, folder / "calm", "-o", folder / "merged")
            sg.check(not (folder / "merged").exists(), f"{place}: half a merge has its name")
        sg.run("merge", killed, folder / "calm", "-o", folder / "merged")
        sg.check(files(folder) >= {"merged", "csv"} and not [n for n in files(folder) if n.startswith("merged.")], f"left: {files(folder)}")
print("ok")
