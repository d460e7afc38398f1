#!/usr/bin/env python3
"""The master oracle: the same study on 1, 2, 3, 4 and 8 ranks, and killed half-way, gives the same results.h5 (by digest)."""
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import time

import sg


def cells_done(results):
    """Of a run that has ended: while it goes on, nobody else can read its ledger. 0 when it ended before there was one."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{results}/ledger.sqlite?mode=rw", uri=True)) as ledger:
            return ledger.execute("SELECT count(*) FROM cells WHERE status='done'").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


def grows(folder):
    """Five long cells on four ranks: those that are done with the others join the fifth. Stopped then, it goes on on two ranks; the digest is that of one."""
    study = [*sg.QUICKSTART, "tasks=[sst2]", "mixes=[raw]", "raw=[8]", "seeds.data=5"]
    os.environ["SG_TEAM_CHANGE_S"] = sg.ENVIRONMENT["SG_TEAM_CHANGE_S"] = "0.02"  # ranks join for less than seconds, too
    for steps in (1500, 4000, 12000):
        longer, results = [*study, f"train.steps={steps}", "--offline"], folder / f"grown{steps}"
        process = subprocess.Popen(sg.command("run", *longer, "--json", "--results", results, ranks=4), cwd=sg.ROOT, env=sg.ENVIRONMENT, start_new_session=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in process.stdout:  # a cell is started once more when it has another team
            event = json.loads(line)
            if event["event"] == "cell_started" and event["n_ranks"] > 1:
                break
        time.sleep(steps / 20000)
        for _ in range(2):  # the second one: at once
            if process.poll() is None:
                process.send_signal(signal.SIGUSR1)
                time.sleep(0.1)
        process.stdout.read()
        sg.wait(process)
        # So short a cell leaves a checkpoint only when it has had another team.
        if list(results.glob("*.run")):
            break
    sg.check(list(results.glob("*.run")), "no cell was stopped that had grown")
    digest = sg.digest(sg.run("run", *longer, "--results", results, ranks=2)[0])
    sg.check(not list(results.glob("*.run")), "a checkpoint stays")
    del sg.ENVIRONMENT["SG_TEAM_CHANGE_S"], os.environ["SG_TEAM_CHANGE_S"]
    sg.check(digest == sg.digest(sg.run("run", *longer, "--results", folder / "stays", ranks=1)[0]), "a cell that grew gives another digest")
    cells = [json.loads(result) for (result,) in sg.ask(results, "SELECT result FROM cells")]
    grown = [c for c in cells if c["teams"] > 2 and c["ranks"] > 1 and c["rank_s"] > c["train_s"] * 1.01]
    sg.check(len(grown) == 1, f"no cell says that it grew and was resumed: {[(c['teams'], c['ranks'], c['rank_s'], c['train_s']) for c in cells]}")
    print(f"a cell of {grown[0]['teams']} teams, the largest of {grown[0]['ranks']} ranks: {grown[0]['train_s']:.1f} s, {grown[0]['rank_s']:.1f} s x ranks")


sg.need_encoder()
# Cells that take some tenths of a second each, so that kills find some done and others not.
LONGER = [*sg.SMALL, "train.steps=200"]
ONE_CELL = ["tasks=[sst2]", "methods=[zero_shot]", "mixes=[synthetic]", "sizes=[10]", "train.steps=2", "train.max_length=32"]
with sg.Folder() as folder:
    grows(folder)
    longer = []
    # One cell alone is trained by all ranks; with an encoder of the usual shape, too.
    sg.at_once(lambda: sg.same(folder / "true", ["experiments/grid.yaml", *ONE_CELL], (1, 4)),
               (lambda: sg.same(folder / "one", [*sg.QUICKSTART, *ONE_CELL], (1, 2, 3, 8)), lambda: longer.append(sg.same(folder / "longer", LONGER, (1, 4)))),
               lambda: sg.same(folder / "small", sg.SMALL, (1, 2, 3, 4, 8)))
    # With that, test rows are as raw rows are, and synthetic ones are not (measures.py has the rest).
    measured = {name[:5]: json.loads(result) for name, result in sg.ask(folder / "true" / "r4", "SELECT pool, result FROM diversity")}
    p_test, p_pool = measured.pop("task:")["test"]["mmd_p"], [m["against"]["mmd_p"] for m in measured.values()]
    sg.check(p_test > 0.05 > min(p_pool), f"test rows are told from training rows (p {p_test}), or the pool is not (p {p_pool})")

    # Frozen layers, which the ranks of a team share out; what they give is kept, or computed anew.
    frozen = [*sg.QUICKSTART, *ONE_CELL, "train.steps=12", "train.batch=4", "train.freeze=1"]
    kept = sg.same(folder / "frozen", frozen, (1, 3, 4))
    out, _ = sg.run("run", *frozen, "--results", folder / "anew", ranks=2, env={"SG_FROZEN_BYTES": "0"})
    sg.check(sg.digest(out) == kept, "what is not kept gives another digest")

    # Killed with SIGKILL in the middle of the work, which takes so long when nobody does; then started again, on another number of ranks
    # each time.
    began, expected = time.monotonic(), longer[0]
    sg.check(sg.same(folder / "calm", LONGER, (2,)) == expected, "2 ranks give another digest than 1 and 4")
    wait, n_hit, fresh = (time.monotonic() - began) / 2, 0, 0
    for ranks in (2, 3, 1, 4, 2, 3, 1, 4):
        results = folder / f"killed{fresh}"
        process = sg.begin("run", *LONGER, "--results", results, ranks=ranks)
        time.sleep(wait)
        sg.kill_all(process, results)
        n_done = cells_done(results)
        n_hit += 0 < n_done < 10
        if n_hit > 2:
            break
        if n_done == 10:  # too late: once more, from the start
            fresh, wait = fresh + 1, 0.7 * wait
        elif n_done == 0:
            wait *= 1.3
    sg.check(n_hit > 0, "no kill hit a run that had some of its cells")
    print(f"{n_hit} kills of runs that had some of their cells")
    out, _ = sg.run("run", *LONGER, "--results", results, ranks=2)
    sg.check(sg.digest(out) == expected, "a killed and resumed run gives another digest")

    # Each cell tells the arithmetic that it was trained with.
    with contextlib.closing(sqlite3.connect(results / "ledger.sqlite")) as ledger:  # an open one is in the next run's way
        found = ledger.execute("SELECT result FROM cells WHERE status='done'").fetchall()
    for result in (json.loads(text) for (text,) in found):
        sg.check(result["kernels"] in ("avx512", "avx2", "base", "ref") and result["rounding"] in ("fused", "plain", "reference"),
                 f"trained with {result}")

    # Nothing is left to do: the same again trains nothing, and removes what another study's cell has left.
    stray = results / ("0123456789abcdef" * 4 + ".run")
    stray.write_text("")
    before = os.stat(results / "ledger.sqlite").st_size
    out, err = sg.run("run", *LONGER, "--results", results, ranks=2)
    sg.check(sg.digest(out) == expected, "a run with nothing left to do changed the results")
    sg.check("nothing is left to do" in err, "it does not say that nothing is left to do:\n" + err)
    sg.check(not stray.exists(), "a snapshot that nothing goes on from stays")
print("ok")
