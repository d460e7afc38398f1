#!/usr/bin/env python3
"""The master oracle: the same study on 1, 2, 3, 4 and 8 ranks, and killed half-way, gives the same results.h5 (by digest)."""
import contextlib
import json
import os
import sqlite3
import time

import sg



def cells_done(results):
    """From status.json, which is replaced whole; 0 before it is there."""
    try:
        return json.loads((results / "status.json").read_text())["n_cells_done"]
    except FileNotFoundError:
        return 0


sg.need_encoder()
with sg.Folder() as folder:
    expected = None
    for ranks in (1, 2, 3, 4, 8):
        out, _ = sg.run("run", *sg.SMALL, "--results", folder / f"r{ranks}", ranks=ranks)
        found = sg.digest(out)
        print(ranks, "ranks:", found)
        expected = expected or found
        sg.check(found == expected, f"{ranks} ranks give another digest")

    # Killed with SIGKILL at several moments, then started again, on another number of ranks each time.
    results = folder / "killed"
    n_hit = 0
    for attempt, ranks in enumerate((2, 3, 1, 4)):
        process = sg.begin("run", *sg.SMALL, "--results", results, ranks=ranks)
        # In the middle of the work: once more cells are done than at the start, or, first, while there are none.
        deadline, start = time.monotonic() + 60, cells_done(results)
        while time.monotonic() < deadline and process.poll() is None:
            if cells_done(results) > start + (attempt > 0):
                break
            time.sleep(0.02)
        n_hit += 0 < cells_done(results) < 10
        sg.kill_all(process, results)
    sg.check(n_hit > 0, "no kill hit a run that had some of its cells")
    out, _ = sg.run("run", *sg.SMALL, "--results", results, ranks=2)
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
    out, err = sg.run("run", *sg.SMALL, "--results", results, ranks=2)
    sg.check(sg.digest(out) == expected, "a run with nothing left to do changed the results")
    sg.check("nothing is left to do" in err, "it does not say that nothing is left to do:\n" + err)
    sg.check(not stray.exists(), "a snapshot that nothing goes on from stays")
print("ok")
