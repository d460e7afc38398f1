#!/usr/bin/env python3
"""Views of pools (weighting, verify): the same digest on any number of ranks and after a run that went on; a view leaves the other cells as they are; both
classifiers see the same examples removed, which are what the ledger counts; weights change what is trained; what cannot be is refused; examples that an LLM
verifies."""
import contextlib
import json
import sqlite3

import sg

STUDY = [*sg.QUICKSTART, "tasks=[sst2,emotion]", "methods=[zero_shot]", "sizes=[30]", "llm_eval.shots=[]", "train.steps=3", "fine_tune_tasks=[sst2]",
         "classifiers=[fine_tune,probe]"]
VIEWS = ["weighting=[none,dimp]", "verify=[none,raw_classifier]"]


def cells(results):
    """{(task, classifier, method, mix): (id, result)}"""
    found = {}
    for key, settings, result in sg.ask(results, "SELECT id, settings, result FROM cells WHERE ordinal >= 0"):
        s = json.loads(settings)
        found[s["task"], s.get("classifier", "fine_tune"), s["method"], s["mix"]] = key, json.loads(result), s
    return found


with sg.Folder() as folder:
    sg.same(folder, [*STUDY, *VIEWS], [1, 2, 3])
    plain, went_on = folder / "plain", folder / "went_on"

    def without():
        sg.run("run", *STUDY, "--results", plain)

    def in_two_runs():
        sg.run("run", *STUDY, *VIEWS, "fine_tune_tasks=", "classifiers=[probe]", "--results", went_on)
        out, _ = sg.run("run", *STUDY, *VIEWS, "--results", went_on)
        at_once, _ = sg.run("run", *STUDY, *VIEWS, "--results", folder / "r1")
        sg.check(sg.digest(out) == sg.digest(at_once), "another digest where the probes came first")

    sg.at_once(without, in_two_runs)
    have, before = cells(folder / "r1"), cells(plain)
    sg.check(len(before) == 9 and len(have) == 18, f"{len(before)} and {len(have)} cells")
    for key, (cell, result, _) in before.items():
        sg.check(have[key][0] == cell and have[key][1]["weights_sha256"] == result["weights_sha256"], f"{key} is not what it is without views")

    for (task, classifier, method, mix), (_, result, settings) in have.items():
        view = result.get("view")
        sg.check((view is None) == (method in ("", "zero_shot")), f"{task} {classifier} {method}: {view}")
        if view is None:
            continue
        removed = view["removed"]
        sg.check(mix == "raw+synthetic" and view["n_removed"] == len(removed) and result["n_synthetic"] == 30 - len(removed), f"{method}: {result['n_synthetic']}")
        sg.check((len(removed) > 0) == ("verified" in method) and len(removed) < 30, f"{task} {method}: {len(removed)} went")
        places = [place for place, _, _ in removed]
        sg.check(places == sorted(set(places)) and all(0 <= p < 30 for p in places) and all(label != said for _, label, said in removed), f"{method}: {removed}")
        sg.check(removed == have[task, "probe", method, mix][1]["view"]["removed"], f"{task} {method}: the classifiers see other examples removed")
        unweighted = have[task, classifier, method.replace(" dimp", ""), mix][1]
        sg.check((result["weights_sha256"] != unweighted["weights_sha256"]) == ("dimp" in method), f"{task} {classifier} {method}: weights as without")

    # All of them are trained again to the same weights.
    out, told = sg.run("verify", folder / "r1", "--sample", "100%", ranks=2)
    sg.check("18 of 18" in out, out)
    for cell in ("(sst2, fine_tune, raw+synthetic, zero_shot dimp, 30 synthetic, 40 raw, seed_generation 0, seed_data 0, seed_train 0): the same",
                 "(emotion, probe, raw, 0 synthetic, 40 raw, seed_data 0): the same"):
        sg.check(told.count(cell) == 1, f"{cell} is not in\n{told}")

    # The report counts them by class, of the classifier that is shown.
    text, _ = sg.run("report", folder / "r1", "--classifier", "probe", "--section", "removed", "--format", "csv")
    of = [p for p in have["sst2", "probe", "zero_shot verified", "raw+synthetic"][1]["view"]["removed"]]
    by_class = [sum(label == k for _, label, _ in of) for k in (0, 1)]
    sg.check("zero_shot verified dimp" in text and all(f" {n:.1f}" in text for n in by_class if n), f"{by_class}: {text}")

    # What verification takes out makes no pool a short one.
    page = json.loads(sg.run("report", folder / "r1", "--classifier", "probe", "--format", "json")[0])
    rows = [r for t in page["tasks"] for r in t["rows"] if r["method"] and "verified" in r["method"]]
    sg.check(rows and all(r["size_had_least"] == r["size_had_most"] == 30 for r in rows), f"verified cells have short pools: {rows}")
    sg.check("the pool has" not in sg.run("report", folder / "r1", "--section", "accuracy")[0], "the report tells of short pools")

    out, _ = sg.run("plan", *STUDY, *VIEWS)
    sg.check("views    9 of the cells" in out, out)
    plan, without = (json.loads(sg.run("plan", *STUDY, *views, "classifiers=[probe]", "fine_tune_tasks=", "probe.c=auto", "--json")[0])
                     for views in (["weighting=[dimp]"], ["weighting=[none]"]))
    sg.check((plan["n_cells_probe"], plan["n_cells_fine_tuned"]) == (6, 0), f"{plan['n_cells_probe']} probes")
    # Two fits that cells share: of the same cells and texts, as many fits of raw rows as two raw-only cells, but for their test rows.
    sg.check(plan["core_s"] > 1.1 * without["core_s"] > 0, f"{plan['core_s']} core s with views, {without['core_s']} without")
    plan = json.loads(sg.run("plan", *STUDY, *VIEWS, "--json")[0])
    sg.check((plan["n_cells_probe"], plan["n_cells_fine_tuned"]) == (12, 6), f"{plan['n_cells_probe']} probes")
    _, error = sg.run("plan", *STUDY, "mixes=[raw,synthetic]", "weighting=[none,dimp]", code=2)
    sg.check("raw+synthetic" in error, error)
    _, error = sg.run("plan", *STUDY, "verify=[oracle]", code=2)
    sg.check("raw_classifier, llm" in error or "raw_classifier or llm" in error, error)

# verify: llm. Each example of a pool is asked about once, whoever wrote the pool and however many cells see it: LLM, free, rephrased and imported
# pools, with weights and without; the same on 1 and 2 ranks, as a batch, offline, and after a run that stopped at its budget.
with sg.Folder() as folder:
    LABELS = ("negative", "positive")
    theirs = folder / "theirs.jsonl"
    theirs.write_text("".join(json.dumps({"text": f"reel {i} has {3 * i + 1} jokes and {i + 2} songs", "label": LABELS[i % 2]}) + "\n" for i in range(8)))
    GRID = [*sg.QUICKSTART, "tasks=[sst2]", "sizes=[4,8]", "llm_eval.shots=[]", "classifiers=[probe]", "mixes=[raw,raw+synthetic]", "generator.recording=",
            "rephrase=[false,true]", "weighting=[none,dimp]", f"methods=[zero_shot,eda,{{name: theirs, pool: '{theirs}'}}]"]
    BOUGHT, VERIFIED = 8 + 8, 4 * 8  # of the pools zero_shot and its rephrasing at least; of the examples of all four
    price = "generator.usd_per_1m_input=1000", "generator.usd_per_1m_output=2000"

    def server(name, *options):
        (folder / name).mkdir()
        (folder / name / "batches.json").write_text("{}")
        stub = sg.Stub(folder / name, "--price", "1000", "2000", "--batches", str(folder / name / "batches.json"), *options)
        return stub, [*GRID, "verify=[none,llm]", *price, f"generator.base_url={stub.url}"]

    def asked(stub):
        return [r["key"] for r in stub.requests() if r["status"] == 200 and r.get("key")]

    digests = {}

    def whole():
        stub, study = server("whole")
        plan = json.loads(sg.run("plan", *study, "budget.usd=10", "--results", folder / "one", "--json")[0])
        sg.check((plan["n_evaluations"], plan["n_requests_verify"], plan["n_requests_missing"]) == (4, VERIFIED, BOUGHT + VERIFIED), f"plan: {plan}")
        with_verdicts = plan["cost_usd_missing"]
        without = json.loads(sg.run("plan", *study, "verify=[none]", "budget.usd=10", "--results", folder / "one", "--json")[0])
        sg.check(without["n_requests_verify"] == 0 and without["cost_usd_missing"] < with_verdicts, "plan does not price the verification")
        text, _ = sg.run("plan", *study, "--results", folder / "one")
        sg.check(f"asked for the class of {VERIFIED} synthetic examples, of 4 pools (verify: llm)" in text and
                 "16 of the cells leave examples out of which an LLM says another class" in text, text)
        _, error = sg.run("run", *study, "budget.usd=10", "--results", folder / "one", "--offline", code=2)
        sg.check("verification of zero_shot rephrased" in error and "verification of theirs" in error, "--offline does not list it:\n" + error)

        out, _ = sg.run("run", *study, "budget.usd=10", "--results", folder / "one", ranks=1)
        digests["one rank"] = sg.digest(out)
        n = len(asked(stub))
        sg.check(n == len(set(asked(stub))) >= BOUGHT + VERIFIED, f"{n} requests, {len(set(asked(stub)))} different ones")
        left = ["status.json.tmp.7", "results.h5.tmp.8", "words/a.json.tmp.9"]  # of killed runs; what is of others, and no such file, stays
        others = ["status.json.tmp.mine", "export.tmp.7", "words/a.json"]
        (folder / "one" / "words").mkdir()
        for name in [*left, *others]:
            (folder / "one" / name).write_text("half")
        digests["again"] = sg.digest(sg.run("run", *study, "budget.usd=10", "--results", folder / "one", ranks=2)[0])
        there = [name for name in [*left, *others] if (folder / "one" / name).exists()]
        sg.check(there == others, f"what killed runs have left: {there}")
        nobody = "generator.base_url=http://127.0.0.1:9/v1"
        digests["offline"] = sg.digest(sg.run("run", *study, nobody, "budget.usd=10", "--results", folder / "one", "--offline", ranks=1)[0])
        sg.check(len(asked(stub)) == n, "something was bought again")

        # What went is what the LLM said: of every cell, and of what the report counts and prices.
        have = cells_of_sizes(folder / "one")
        verdicts = {}  # pool -> [class, or -1]
        for settings, place, said in sg.ask(folder / "one", "SELECT settings, row, predicted FROM evaluation_rows JOIN evaluations ON id = evaluation ORDER BY row"):
            verdicts.setdefault(json.loads(settings)["method"], []).append(said)
        labels = {}
        for settings, label in sg.ask(folder / "one", "SELECT settings, label FROM examples JOIN pools ON id = pool ORDER BY position"):
            labels.setdefault(json.loads(settings)["method"], []).append(label)
        sg.check(sorted(verdicts) == ["eda", "theirs", "zero_shot", "zero_shot rephrased"] and all(len(v) == 8 for v in verdicts.values()), f"{verdicts}")
        sg.check(any(-1 in v for v in verdicts.values()), "no answer was unparsable")
        for (method, size), (result, settings) in have.items():
            if "llm_verified" not in method:
                continue
            pool = method.replace(" llm_verified", "").replace(" dimp", "")
            went = [[i, labels[pool][i], said] for i, said in enumerate(verdicts[pool][:size]) if said not in (-1, labels[pool][i])]
            view = result["view"]
            sg.check(settings["verify"] == "llm" and view["removed"] == went and view["n_removed"] == len(went), f"{method} {size}: {view}, not {went}")
            sg.check(view["n_unparsable"] == verdicts[pool][:size].count(-1) and result["n_synthetic"] == size - len(went), f"{method} {size}: {result}")
        page = json.loads(sg.run("report", folder / "one", "--format", "json")[0])
        for p in page["pools"]:
            v, said, label = p["llm_verified"], verdicts[p["method"]], labels[p["method"]]
            sg.check((v["n"], v["n_other"], v["n_unparsable"], v["n_requests"]) == (8, sum(a not in (-1, b) for a, b in zip(said, label)), said.count(-1), 8) and
                     v["cost_usd"] > 0, f"{p}")
        text, _ = sg.run("report", folder / "one", "--section", "spend", "--format", "csv")
        sg.check('"eda, llm_verified"' in text, text)
        text, _ = sg.run("report", folder / "one", "--section", "removed")
        sg.check("which stay" in text and "of which an LLM says another class" in text, text)
        text, _ = sg.run("report", folder / "one", "--section", "help")
        sg.check("Means over methods are of zero_shot, zero_shot rephrased. Not in them" in " ".join(text.split()), text)
        out, _ = sg.run("verify", folder / "one", "--sample", "100%", ranks=2)
        sg.check(f"{len(have) + 1} of {len(have) + 1}" in out, out)

    def cells_of_sizes(results):
        """{(method, size): (result, settings)} of the raw+synthetic cells."""
        found = {}
        for settings, result in sg.ask(results, "SELECT settings, result FROM cells WHERE ordinal >= 0"):
            s = json.loads(settings)
            if s["size"]:
                found[s["method"], s["size"]] = json.loads(result), s
        return found

    # The budget ends it in the middle of the verification; with more of it the rest is bought, and nothing twice. Then other verdicts than a cell was trained by.
    def stopped():
        stub, study = server("stopped")
        results = folder / "two"
        out, _ = sg.run("generate", *study, "verify=[none]", "budget.usd=10", "--results", results)
        spent = sum(r["usd"] or 0 for r in stub.requests())
        before = len(asked(stub))
        sg.run("run", *study, f"budget.usd={spent + 1.5}", "--results", results, ranks=2, code=3)
        n = len(asked(stub))
        sg.check(before < n < before + VERIFIED, f"the budget ended it at {n} of {before + VERIFIED} requests")
        digests["two ranks and a budget"] = sg.digest(sg.run("run", *study, "budget.usd=10", "--results", results, ranks=2)[0])
        sg.check(len(asked(stub)) == len(set(asked(stub))) == before + VERIFIED, f"{len(asked(stub))} requests after {before}")
        with contextlib.closing(sqlite3.connect(results / "ledger.sqlite")) as db, db:
            db.execute("UPDATE cells SET result = json_set(result, '$.verdicts_sha256', 'other') WHERE id IN "
                       "(SELECT id FROM cells WHERE json_extract(settings, '$.verify') = 'llm' LIMIT 2)")
        out, error = sg.run("run", *study, "budget.usd=10", "--results", results)
        sg.check("2 cells were trained on other texts" in error, error)
        digests["after other verdicts"] = sg.digest(out)

    def batched():
        stub, study = server("batched")
        for _ in range(12):
            out, _ = sg.run("generate", *study, "budget.usd=10", "--batch", "--wait", "--results", folder / "three", code=None)
            if not json.loads((folder / "three" / "status.json").read_text())["n_requests_left"]:
                break
        n = len(stub.requests())
        sg.run("run", *study, "budget.usd=10", "--results", folder / "three", "--offline")
        sg.check(len(stub.requests()) == n, "the run asked for more")

    sg.at_once(whole, stopped, batched)
    sg.check(len(set(digests.values())) == 1, f"{digests}")
    weights = [{k: r["weights_sha256"] for k, (r, _) in cells_of_sizes(folder / name).items()} for name in ("one", "three")]  # batches have another price
    sg.check(weights[0] == weights[1] and len(weights[0]) == 32, f"batches give other cells: {weights}")
