#!/usr/bin/env python3
"""The contamination probe, against a stub that has memorised the test rows and one that has not: the verdict in /contamination, in the report
and its JSON; planned, bought once, the same digest on 1 and 2 ranks and after a kill; a study without it keeps its digest; faults."""
import json
import re
import time

import sg

TASKS = ("sst2", "emotion", "rte", "boolq")
ROWS = [str(sg.ROOT / "data" / "sample" / t / "test.jsonl") for t in TASKS]


def probes(results):
    return json.loads(sg.run("report", results, "--format", "json")[0]).get("contamination")


with sg.Folder() as folder, sg.Stub(folder, "--latency", "0.01", "--memorised", *ROWS) as stub:
    (folder / "fresh").mkdir()
    with sg.Stub(folder / "fresh") as fresh:
        plain = [*sg.QUICKSTART, f"tasks=[{','.join(TASKS)}]", "methods=[zero_shot]", "sizes=[2]", "mixes=[raw,synthetic]", "raw=[6]", "train.steps=1",
                 "train.max_length=32", f"generator.base_url={stub.url}", "generator.usd_per_1m_input=0.01", "generator.usd_per_1m_output=0.01",
                 "budget.usd=10"]
        study = [*plain, "contamination.rows=10"]
        without = sg.digest(sg.run("run", *plain, "--results", folder / "plain")[0])
        sg.check(probes(folder / "plain") is None, "a study without probes has some")
        n_pools = len(stub.requests())

        plan = json.loads(sg.run("plan", *study, "--results", folder / "one", "--json")[0])
        sg.check(plan["n_requests_contamination"] == 80 and plan["n_requests_missing"] == 88 and plan["cost_usd_missing"] > 0, f"plan: {plan}")
        text, _ = sg.run("plan", *study, "--results", folder / "one")
        sg.check("asked to complete 40 test rows" in text and "4 contamination probes" in text and "evaluation" not in text, text)
        _, err = sg.run("run", *study, "--results", folder / "one", "--offline", code=2)
        sg.check("contamination probe" in err and "88 completions are missing" in err, err)

        digest = sg.digest(sg.run("run", *study, "--results", folder / "one")[0])
        sg.check(digest != without, "the digest does not cover the probes")
        asked = [r["key"] for r in stub.requests()[n_pools:]]
        sg.check(len(asked) == 88 == len(set(asked)), f"{len(asked)} requests, {len(set(asked))} different ones")
        found = probes(folder / "one")
        sg.check([p["task"] for p in found] == list(TASKS), f"{found}")
        for p in found:
            sg.check(p["verdict"] == "likely seen" and p["n"] == p["n_exact"] == 10 and p["guided_rouge_l"] == 1 and p["general_rouge_l"] < 0.4 and
                     p["p"] == 1 / 1024 and p["n_requests"] == 20 and p["status"] == "complete" and p["cost_usd"] > 0, f"{p}")
        sg.check((found[0]["data_set"], found[0]["split"], found[1]["split"]) == ("SST-2 (GLUE)", "validation", "test"), f"{found}")
        text = " ".join(sg.run("report", folder / "one", "--all")[0].split())
        sg.check(text.count("its test rows were likely seen by ") == 8 and "Test rows were likely seen before: sst2 by" in text,
                 "the verdict is not in the report:\n" + text)
        spend = json.loads(sg.run("report", folder / "one", "--format", "json")[0])["spend"]
        sg.check(spend["contamination"]["n_requests"] == 80 and spend["n_requests"] == 88, f"{spend}")

        # On two ranks, killed in the middle: the same, and nothing is asked twice but what was in flight. Without the probes it is what it was.
        before = len(stub.requests())
        process = sg.begin("generate", *study, "--results", folder / "two", ranks=2)
        deadline = time.monotonic() + 60
        while len(stub.requests()) < before + 40 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        sg.check(process.poll() is None, "the kill hit nothing")
        sg.kill_all(process, folder / "two")
        sg.check(sg.digest(sg.run("run", *study, "--results", folder / "two", ranks=2)[0]) == digest, "two ranks and a kill give another digest")
        again = [r["key"] for r in stub.requests()[before:]]
        sg.check(len(again) - len(set(again)) <= 4, f"{len(again) - len(set(again))} requests were sent twice")
        sg.check(sg.digest(sg.run("run", *plain, "--results", folder / "two")[0]) == without, "the probes do not go again")

        # An LLM that has not seen them, and rows of which most are too short.
        few = folder / "data" / "sst2"
        few.mkdir(parents=True)
        (few / "train.jsonl").write_text("".join(json.dumps({"text": f"a film of number {i}", "label": ("negative", "positive")[i % 2]}) + "\n" for i in range(12)))
        (few / "test.jsonl").write_text("".join(json.dumps({"text": "a great film" if i > 4 else f"row {i} is of words enough so that it has two parts", "label": ("negative", "positive")[i % 2]}) + "\n" for i in range(12)))
        other = [a.replace(stub.url, fresh.url) for a in study]
        sg.run("generate", *other, "--results", folder / "not")
        found = probes(folder / "not")
        sg.check([p["verdict"] for p in found] == ["no sign"] * 4 and all(p["p"] > 0.01 and p["n_exact"] == 0 for p in found), f"{found}")
        out, _ = sg.run("generate", *other, "tasks=[sst2]", f"data.dir={folder / 'data'}", "--results", folder / "few")
        p = probes(folder / "few")[0]
        sg.check((p["verdict"], p["n_rows"], p["n"]) == ("too few rows to tell", 5, 5), f"{p}")
        sg.check(re.search(r"sst2 +contamination probe +0 +10 +10 +0", out), "generate does not show the probe:\n" + out)
        text = " ".join(sg.run("report", folder / "few", "--section", "accuracy")[0].split())
        sg.check("too few rows to tell whether its test rows were seen" in text, text)

        # Refusals are no sign, and end nothing; a wording without the row's first part is an error.
        (folder / "refuses").mkdir()
        (folder / "refuses" / "script.json").write_text('[{"fault": "say", "text": "I am sorry, but I cannot reproduce rows of that data set."}]')
        with sg.Stub(folder / "refuses", "--script", str(folder / "refuses" / "script.json")) as refuses:
            sg.run("generate", *[a.replace(stub.url, refuses.url) for a in study], "tasks=[sst2]", "mixes=[raw]", "contamination.rows=60",
                   "--results", folder / "refused")
        p = probes(folder / "refused")[0]
        sg.check((p["verdict"], p["n"], p["n_unanswered"], p["p"]) == ("too few rows to tell", 0, 2 * p["n_rows"], None), f"{p}")
        task = (sg.ROOT / "experiments" / "tasks" / "sst2.yaml").read_text()
        own = folder / "sst2.yaml"
        own.write_text(task.replace("split: validation}", "split: validation, guided: 'Go on in {data_set}'}"))
        _, err = sg.run("plan", *study, f"tasks=[{own}]", code=2)
        sg.check(re.search(r"sst2.yaml:\d+:\d+: contamination.guided does not use \{part\}", err), err)
        own.write_text(task.replace("split: validation}", "split: validation, guided: 'Name {data_set}, go on: {part}'}"))
        plan = json.loads(sg.run("plan", *study, f"tasks=[{own}]", "--results", folder / "one", "--json")[0])
        sg.check(plan["n_requests_missing"] == 10, f"another wording asks {plan['n_requests_missing']} anew, and no pool")
print(f"ok: {len(asked)} requests")
