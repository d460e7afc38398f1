#!/usr/bin/env python3
"""Buying that is killed again and again: `kills.py [N]`, or KILLS=N, default 4.

Each life runs on 1, 2 or 4 ranks and gets SIGKILL at a random moment: one rank, or all of them and their launcher. The pools
must be those of an undisturbed run, and the server must have been paid once for each request, but for those that were in
flight at a kill: at most `connections` a kill."""
import collections
import os
import random
import sqlite3
import sys
import time

import sg
from killing import family, name, send, wait_gone

CONNECTIONS = 4
N_KILLS = int(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("KILLS", "4"))


random.seed(20261124)
with sg.Folder() as folder, sg.Stub(folder, "--latency", "0.05") as stub:
    study = [*sg.QUICKSTART, "tasks=[sst2,emotion]", "methods=[zero_shot,zero_shot_topic,few_shot_3]",
             f"sizes=[{4 * (1 + N_KILLS)}]", f"generator.connections={CONNECTIONS}", f"generator.base_url={stub.url}",
             "generator.usd_per_1m_input=1", "generator.usd_per_1m_output=1", "budget.usd=10"]
    started = time.monotonic()
    calm, _ = sg.run("generate", *study, "--results", folder / "calm", ranks=2)
    lasts = time.monotonic() - started
    n_calm = len(stub.requests())
    sg.check(len({r["key"] for r in stub.requests()}) == n_calm, "the undisturbed run asked twice")

    n_killed = n_ended = 0
    while n_killed < N_KILLS and n_ended == 0:
        ranks = random.choice((1, 2, 4))
        before = len(stub.requests())
        run = sg.begin("generate", *study, "--quiet", "--results", folder / "killed", ranks=ranks)
        # A life ends after some answers of it, so that all kills together fall into one buying.
        enough = before + random.randint(1, max(2, 2 * n_calm // (3 * N_KILLS)))
        while len(stub.requests()) < enough and run.poll() is None:
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.1))
        if run.poll() is not None:
            n_ended += 1
            break
        processes = family(run.pid)
        workers = [p for p in processes if name(p) == "synthgrid"]
        if random.random() < 0.5 and workers:
            victim = random.choice(workers)
            send(victim)
        else:
            for p in [run.pid, *processes]:
                send(p)
        n_killed += 1
        run.wait(timeout=60)
        wait_gone(processes)
    sg.check(n_killed == N_KILLS, f"the buying was over after {n_killed} kills, not {N_KILLS}")
    ends, _ = sg.run("generate", *study, "--results", folder / "killed", ranks=random.choice((1, 2, 4)))
    sg.check(sg.digest(ends) == sg.digest(calm), "kills show in the pools")
    bill = collections.Counter(r["key"] for r in stub.requests()[n_calm:] if r["status"] == 200)
    again = sum(n - 1 for n in bill.values())
    sg.check(len(bill) == n_calm, f"{len(bill)} requests, and {n_calm} undisturbed")
    sg.check(again <= CONNECTIONS * N_KILLS, f"{again} requests were paid again after {N_KILLS} kills of {CONNECTIONS} connections")
    with sqlite3.connect(f"file:{folder}/killed/ledger.sqlite?mode=ro", uri=True) as db:
        listed = db.execute("SELECT count(*) FROM sent").fetchone()[0]
    sg.check(again <= listed <= CONNECTIONS * N_KILLS, f"{again} requests were paid again, and the ledger lists {listed}")
    print(f"ok: {n_killed} kills, {len(bill)} requests, {again} paid again (at most {CONNECTIONS * N_KILLS} in flight), "
          f"undisturbed {lasts:.1f} s, in all {time.monotonic() - started:.1f} s")
