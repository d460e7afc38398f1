#!/usr/bin/env python3
"""Ways to fill a pool, against the stub: who chooses the class, wordings, several examples a request, near-duplicates as a view."""
import json

import sg

with sg.Folder() as folder, sg.Stub(folder, "--near", "5") as stub:
    study = [*sg.QUICKSTART, "tasks=[sst2]", "methods=[zero_shot,few_shot_3]", "sizes=[11]", "mixes=[raw,synthetic]",
             "conditioning=[label,none]", "prompt_variants=[default,plain]", "generator.examples_per_request=3",
             "generator.max_tokens=64", "train.steps=1", "train.max_length=32", f"generator.base_url={stub.url}"]

    def keys():
        return [r["key"] for r in stub.requests() if r["path"].endswith("/chat/completions")]

    def pools(results):
        return json.loads(sg.run("report", results, "--format", "json")[0])["pools"]

    one = folder / "one"
    out, _ = sg.run("run", *study, "--results", one, ranks=1)
    digest, bought = sg.digest(out), keys()
    sg.check(len(set(bought)) == len(bought), "a request was sent twice")
    names = [f"{m}{c}{v}" for m in ("zero_shot", "few_shot_3") for c in ("", " unconditioned") for v in ("", " plain")]
    found = pools(one)
    sg.check([p["method"] for p in found] == names, f"pools {[p['method'] for p in found]}")
    for p in found:
        sg.check(p["status"] == "complete" and p["n"] == 11, f"{p['method']}: {p['n']} of 11, {p['shortfall']}")
        sg.check(p["n_attempts"] < 11, f"{p['method']}: {p['n_attempts']} requests for 11 examples, three a request")
        sg.check(("wrong_label" in p["rejects"]) <= ("unconditioned" in p["method"]), f"{p['method']}: {p['rejects']}")
    sg.check(any("wrong_label" in p["rejects"] for p in found), "no label was wrong")
    # What the LLM chose is all that was good; raw rows and label-conditioned pools have no choice.
    stats = json.loads(sg.run("report", one, "--format", "json")[0])["text_stats"]
    sg.check([b["n"] for b in stats if b["method"] is None] == [60, 30, 30], f"raw rows: {stats[:3]}")
    for p in found:
        rows = [b for b in stats if b["method"] == p["method"]]
        chosen = [b["chosen"] for b in rows if b["class"] is not None]
        sg.check([b["n"] for b in rows] == [11, 6, 5], f"{rows}")
        expected = p["n"] + p["rejects"].get("surplus", 0) if "unconditioned" in p["method"] else None
        sg.check((sum(chosen) if None not in chosen else None) == expected, f"{p['method']}: chosen {chosen}, not {expected}")
    out, _ = sg.run("report", folder / "one", "--all")
    sg.check("Classes that the LLM chose" in out and "Texts of the pools" in out, "not in the report:\n" + out[-3000:])
    n_near = sum(p["n_near_pool"] for p in found)
    sg.check(n_near > 0, "no near-duplicates among the examples")
    sg.check("Near-duplicates kept" in out, "the report does not count them:\n" + out[-3000:])

    two, _ = sg.run("run", *study, "--results", folder / "two", ranks=2)
    sg.check(sg.digest(two) == digest, "two ranks fill other pools than one")
    sg.check(sorted(set(keys())) == sorted(bought), "two ranks ask for something else")

    # A filter is a view of what was bought: only what replaces the dropped ones is asked for, and nothing when it goes again.
    before = len(keys())
    sg.run("run", *study, "filter.near_duplicates=0.8", "--results", one, ranks=2)
    more = keys()[before:]
    found = pools(one)
    dropped = sum(p["rejects"].get("near_pool", 0) for p in found)
    sg.check(dropped > 0 and all(p["n_near_pool"] == 0 and p["n"] == 11 for p in found), f"the filter dropped {dropped}")
    sg.check(len(more) <= dropped and not set(more) & set(bought), f"{len(more)} requests for {dropped} dropped examples")
    before = len(keys())
    again, _ = sg.run("run", *study, "--results", one, ranks=1)
    sg.check(sg.digest(again) == digest and len(keys()) == before, "without the filter the study is not what it was")
    # What several pools ask for alike, a list of topics, is bought once.
    before = len(keys())
    topics = [*study, "methods=[zero_shot_topic]", "mixes=[synthetic]", "--results", folder / "topics"]
    plan = json.loads(sg.run("plan", *topics, "--json")[0])  # 4 pools of 4 requests
    sg.check(plan["n_requests"] == plan["n_requests_missing"] == 17, f"the plan counts the list of topics more than once: {plan}")
    _, err = sg.run("run", *topics, "--offline", code=2)
    sg.check("but 1 completion is missing" in err, err)
    sg.run("generate", *topics, ranks=2)
    plan = json.loads(sg.run("plan", *topics, "--json")[0])
    sg.check(plan["n_requests"] == 17 and plan["n_requests_missing"] == 0, f"the plan after it: {plan}")
    left = sorted(p.name for p in (folder / "topics").iterdir() if p.name.startswith("ledger.sqlite"))
    sg.check(left == ["ledger.sqlite"], f"the plan leaves {left}")
    more = keys()[before:]
    sg.check(more and len(set(more)) == len(more), f"{len(more) - len(set(more))} requests of {len(more)} were sent twice")
    # JSON by a schema; an endpoint that knows none is asked in plain words, and the answers are good as well.
    structured = [*study, "methods=[zero_shot]", "prompt_variants=[default]", "mixes=[synthetic]", "generator.structured_output=true"]
    sg.run("run", *structured, "--results", folder / "json", ranks=1)
    sg.check(all(p["status"] == "complete" for p in pools(folder / "json")), f"JSON: {pools(folder / 'json')}")
    sg.check(all("response_format" in r["fields"] for r in stub.requests()[-3:]), "no schema was sent")
    script = folder / "script.json"
    script.write_text(json.dumps([{"fault": "status", "status": 400, "needs": "response_format", "body": json.dumps({"error": {
        "message": "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
        "param": "response_format", "code": None}})}]))
    (folder / "old").mkdir()
    with sg.Stub(folder / "old", "--script", str(script)) as old:
        plain = [f"generator.base_url={old.url}" if a.startswith("generator.base_url") else a for a in structured]
        sg.run("run", *plain, "--results", folder / "plain", ranks=1)
        sg.check(all(p["status"] == "complete" for p in pools(folder / "plain")), f"plain: {pools(folder / 'plain')}")
        sg.check("response_format" not in old.requests()[-1]["fields"], "the refused parameter was sent again")
    print("ok:", before, "requests,", int(n_near), "near-duplicates")
