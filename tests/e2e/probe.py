#!/usr/bin/env python3
"""Probes beside fine-tuned cells: one digest on any number of ranks and after a kill, ids that stay, and what report and plan say."""
import json
import time

import sg

sg.need_encoder()  # of SMALL's recording only the texts count
BOTH = [*sg.SMALL, "classifiers=[fine_tune,probe]"]


def cells(results):
    return {id: json.loads(settings) for id, settings in sg.ask(results, "SELECT id, settings FROM cells WHERE ordinal>=0")}


with sg.Folder() as folder:
    expected = sg.same(folder / "both", BOTH, (1, 2, 3, 4))
    all_cells = cells(folder / "both" / "r2")
    probes = {id for id, s in all_cells.items() if s.get("classifier") == "probe"}
    sg.check(len(all_cells) == 20 and len(probes) == 10, f"{len(all_cells)} cells, {len(probes)} probes")

    # What was there before this axis keeps its ids, and is not trained again; the seed of a training means nothing to a probe.
    sg.run("run", *sg.SMALL, "seeds.train=2", "--results", folder / "before", ranks=2)
    fine_tuned = set(cells(folder / "before"))
    sg.check(set(all_cells) - probes < fine_tuned, "the ids of fine-tuned cells have changed")
    out, err = sg.run("run", *BOTH, "seeds.train=2", "--results", folder / "before", ranks=1)
    sg.check("20 of 30 cells are there already" in err, "fine-tuned cells are trained again:\n" + err)
    sg.check(set(cells(folder / "before")) == fine_tuned | probes, "the probes of two trainings are others than those of one")

    # Killed at any moment, and gone on with on another number of ranks.
    for ranks, wait in ((2, 1.3), (3, 1.6), (1, 1.9)):
        process = sg.begin("run", *BOTH, "--results", folder / "killed", ranks=ranks)
        time.sleep(wait)
        sg.kill_all(process, folder / "killed")
    out, _ = sg.run("run", *BOTH, "--results", folder / "killed", ranks=2)
    sg.check(sg.digest(out) == expected, "a killed and resumed run gives another digest")

    # Each has results of its own: predictions for all test rows, and the digest of its weights.
    n_weights = len({json.loads(r)["weights_sha256"] for (r,) in sg.ask(folder / "killed", "SELECT result FROM cells")})
    sg.check(n_weights == 20, f"20 cells have {n_weights} different weights")

    # C is a setting of the probe, and of nothing else.
    other = sg.run("run", *BOTH, "probe.c=auto", "probe.pooling=first", "fine_tune_tasks=[rte]", "--results", folder / "auto", ranks=2)[0]
    auto = cells(folder / "auto")
    sg.check(len(auto) == 15 and len(set(auto) & probes) == 0 and len(set(auto) - set(all_cells)) == 10, "ids of other probes")
    chosen = {json.loads(r).get("probe_c") for (r,) in sg.ask(folder / "auto", "SELECT result FROM cells")} - {None}
    sg.check(chosen <= {0.01, 0.1, 1.0, 10.0, 100.0}, f"C is one of {chosen}")

    # The report shows one of them, and compares them where both are.
    page = json.loads(sg.run("report", folder / "auto", "--format", "json")[0])
    table = [t for s in page["sections"] if s["name"] == "classifier" for t in s["tables"]]
    sg.check([row[0] for row in table[0]["rows"]] == ["rte"], f"compared: {table}")
    sg.check("15 cells, 15 done; shown: 10 of probe" in sg.run("report", folder / "auto", "--format", "markdown")[0], "what is shown is not said")
    shown = sg.run("report", folder / "auto", "--classifier", "fine_tune")[0]
    sg.check("rte: accuracy" in shown and "sst2: accuracy" not in shown, "the wrong cells are shown:\n" + shown)
    _, err = sg.run("report", folder / "auto", "--classifier", "svm", code=2)
    sg.check("fine_tune, probe" in err, err)

    plan = json.loads(sg.run("plan", *BOTH, "--json")[0])
    sg.check(plan["n_cells"] == 20 and plan["settings"]["classifiers"] == ["fine_tune", "probe"], "plan --json")
    sg.check("10 probes (mean pooling, C 1), 10 fine-tuned" in sg.run("plan", *BOTH)[0], "plan does not tell of probes")
    for wrong, words in ((["fine_tune_tasks=[boolq]"], "none of the study's tasks"), (["classifiers=[probe]", "fine_tune_tasks=[rte]"], "both"),
                         (["classifiers=[svm]"], "probe"), (["probe.c=0"], "probe.c")):
        _, err = sg.run("plan", *BOTH, *wrong, code=2)
        sg.check(words in err, f"{wrong}: {err}")
print("ok")
