#!/usr/bin/env python3
"""Views of pools (weighting, verify): the same digest on any number of ranks and after a run that went on; a view leaves the other cells as they are; both
classifiers see the same examples removed, which are what the ledger counts; weights change what is trained; what cannot be is refused."""
import json

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
    out, _ = sg.run("verify", folder / "r1", "--sample", "100%", ranks=2)
    sg.check("18 of 18" in out, out)

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
    _, error = sg.run("plan", *STUDY, "mixes=[raw,synthetic]", "weighting=[none,dimp]", code=2)
    sg.check("raw+synthetic" in error, error)
    _, error = sg.run("plan", *STUDY, "verify=[llm]", code=2)
    sg.check("raw_classifier" in error, error)
