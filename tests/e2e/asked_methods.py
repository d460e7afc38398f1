#!/usr/bin/env python3
"""Methods that ask an LLM in other ways than one text a prompt, against the stub: verbalized (several texts with their probabilities), tree_topic (two rounds
of topics first). One digest on 1 and 2 ranks, nothing is asked again, and a recording of it gives the same offline."""
import json
import re

import sg

with sg.Folder() as folder, sg.Stub(folder) as stub:
    study = [*sg.QUICKSTART, "tasks=[sst2,rte]", "methods=[tree_topic,verbalized]", "sizes=[12]", "mixes=[synthetic]", "conditioning=[label,none]",
             "tree_topic.topics=2", "tree_topic.subtopics=3", "train.steps=1", "train.max_length=32", f"generator.base_url={stub.url}"]

    def keys():
        return [r["key"] for r in stub.requests()]

    def probabilities(results):
        """By task and method: the list that the ledger has, or None."""
        rows = sg.ask(results, "SELECT settings, rejects FROM pools ORDER BY ordinal")
        return {(json.loads(s)["task"], json.loads(s)["method"]): json.loads(r).get("probability") for s, r in rows}

    plan = json.loads(sg.run("plan", *study, "--json")[0])
    # A task's tree, a list and one for each of its topics, is the same whoever chooses the class.
    sg.check(plan["n_pools"] == 8 and plan["n_requests"] == 2 * (1 + 2 + 2 * 12) + 2 * (4 + 3), f"{plan['n_requests']} requests")
    one = folder / "r1"
    digest = sg.digest(sg.run("run", *study, "--results", one)[0])
    bought = keys()
    sg.check(len(set(bought)) == len(bought), "a request was sent twice")
    pools = {(p["task"], p["method"]): p for p in json.loads(sg.run("report", one, "--format", "json")[0])["pools"]}
    sg.check(all(p["status"] == "complete" and p["n"] == 12 for p in pools.values()), f"{pools}")
    given = probabilities(one)
    # Each class's texts go over the leaves in turn: 6 of each, 6 leaves, each once where no text was rejected.
    asked = [json.loads(r)["messages"][-1]["content"] for r, in sg.ask(
        one, "SELECT request FROM completions JOIN examples ON completion=key JOIN pools ON pool=id WHERE settings LIKE '%\"tree_topic\"%' AND label=0")]
    leaves = [found for p in asked if (found := re.search(r"(?:kind|about) ?:? ([\w ]+ \([\w ]+\))", p))]
    sg.check(len(leaves) == len(asked) == 12 and len({found[1] for found in leaves}) == 12, f"{asked}")
    for (task, method), said in given.items():
        sg.check((said is not None) == method.startswith("verbalized"), f"{task}, {method}: {said}")
        if said:
            known = [p for p in said if p is not None]
            sg.check(len(said) == 12 and 4 <= len(known) <= 12 and all(0.01 <= p <= 0.5 for p in known), f"{task}, {method}: {said}")
            sg.check(pools[task, method]["n_attempts"] < 12, f"{task}, {method}: {pools[task, method]['n_attempts']} requests")
    sg.check(any(None in said for said in given.values() if said), "no probability is unknown: the stub leaves some out")

    two = folder / "r2"
    sg.check(sg.digest(sg.run("run", *study, "--results", two, ranks=2)[0]) == digest and probabilities(two) == given, "two ranks fill other pools")
    before = len(keys())
    out, _ = sg.run("run", *study, "--results", one)
    sg.check(sg.digest(out) == digest and len(keys()) == before, "a run that is done has asked again")
    sg.run("verify", one)

    sg.run("recording", one, folder / "made.jsonl.gz")
    out, _ = sg.run("run", *study, f"generator.recording={folder / 'made.jsonl.gz'}", "generator.base_url=", "--offline", "--results", folder / "offline")
    sg.check(sg.digest(out) == digest and probabilities(folder / "offline") == given, "the recording gives another study")

    out, _ = sg.run("report", one, "--section", "examples")
    for task, method in (key for key, said in given.items() if said):
        known = sorted(p for p in given[task, method] if p is not None)
        median = (known[(len(known) - 1) // 2] + known[len(known) // 2]) / 2
        line = rf"{task} +{method} +0 +{len(known)} of 12 +{known[0]:.3f} +{median:.3f} +{known[-1]:.3f} "
        sg.check(re.search(line, out), f"no {line} in:\n{out[-4000:]}")

    # Beside the texts in an export, of tasks that have them alone.
    sg.run("export", one, "--format", "hf", "-o", folder / "hf")
    for file in sorted((folder / "hf").rglob("*.jsonl")):
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        sg.check(all(("probability" in row) for row in rows), f"{file.name}: {rows[0]}")
        sg.check(any(row["probability"] for row in rows) == ("verbalized" in file.name), f"{file.name}: {rows}")

    # JSON by a schema, rephrasings (whose text is another, so that its probability is not known), and the tails of the distribution.
    small = [*study, "tasks=[rte]", "methods=[verbalized]", "conditioning=[label]", "sizes=[6]"]
    for name, more in (("json", ["generator.structured_output=true"]), ("tails", ["verbalized.below=0.1", "verbalized.texts=3", "rephrase=[false,true]"])):
        sg.run("run", *small, *more, "--results", folder / name)
        found = probabilities(folder / name)
        sg.check(all(p in (None, *(i / 100 for i in range(1, 51))) for p in found["rte", "verbalized"]) and any(found["rte", "verbalized"]), f"{found}")
        sg.check(found.get(("rte", "verbalized rephrased")) is None, f"{found}")
    for setting in ("verbalized.texts=1", "verbalized.below=2"):
        _, err = sg.run("plan", *small, setting, code=2)
        sg.check("verbalized." in err, err)
    print("ok:", len(bought), "requests")
