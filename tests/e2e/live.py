#!/usr/bin/env python3
"""A live run against a real server (SG_LIVE_BASE_URL, for example a llama.cpp server on loopback): two tasks, few examples."""
import os

import sg

sg.need_encoder()
url = os.environ.get("SG_LIVE_BASE_URL") or sg.skip("SG_LIVE_BASE_URL names no server; start one and set it")
with sg.Folder() as folder:
    out, _ = sg.run("run", "experiments/quickstart.yaml", f"generator.base_url={url}", "tasks=[sst2,emotion]", "sizes=[6]",
                    "methods=[zero_shot,zero_shot_topic,few_shot_3]", "train.steps=4", "--results", folder / "r", ranks=2,
                    timeout=570)
    print(out)
    sg.check((folder / "r" / "results.h5").exists(), "no results.h5")
