#!/usr/bin/env python3
"""A live run against a real server (SG_LIVE_BASE_URL, for example a llama.cpp server on loopback): two tasks, all five methods, rephrased pools, the
LLM as a classifier; few examples of each. What a small model writes is printed, not judged."""
import json
import os
import subprocess

import sg

sg.need_encoder()
url = os.environ.get("SG_LIVE_BASE_URL") or sg.skip("SG_LIVE_BASE_URL names no server; start one and set it")
with sg.Folder() as folder:
    done = subprocess.run(sg.command(
        "run", "experiments/grid.yaml", f"generator.base_url={url}", "tasks=[sst2,boolq]", "sizes=[4]", "mixes=[raw,synthetic]",
        "rephrase=[false,true]", "llm_eval.shots=[0,3]", "llm_eval.rows=10", "train.steps=4", "--results", folder / "r", ranks=2),
        cwd=sg.ROOT, env=sg.ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=570)
    print(done.stdout)
    # Pools may stay empty: a model of 135 M parameters says few pairs in other words.
    sg.check(done.returncode in (0, 4), f"exit code {done.returncode}")
    report = json.loads(sg.run("report", folder / "r", "--format", "json")[0])
    sg.check(len(report["pools"]) == 20 and all(p["status"] != "planned" for p in report["pools"]), "not all pools are there")
    for rephrased in (False, True):
        for task in ("sst2", "boolq"):
            some = [p for p in report["pools"] if p["task"] == task and p["method"].endswith(" rephrased") == rephrased]
            sg.check(rephrased and task == "boolq" or any(p["n"] > 0 for p in some), f"{task}: no example at all")
    sg.check([e["n"] for e in report["llm_eval"]] == [10] * 4, f"the LLM was not asked: {report['llm_eval']}")
    sg.check(any(e["n_unparsable"] < 10 for e in report["llm_eval"]), "no answer could be read")
