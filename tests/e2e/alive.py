#!/usr/bin/env python3
"""A rank that is stopped (SIGSTOP), at places where others wait for it: the job ends with exit code 3 and one sentence that names it, leaves no process,
and the same command goes on to the digest of an undisturbed run. A job that is stopped as a whole for longer goes on as if nothing had been."""
import os
import signal
import subprocess
import time

import sg
from killing import family, name, rank_of, send, visits, wait_gone

LIMIT_S = 3
STOP = int(signal.SIGSTOP)


def begin(results, ranks, env):
    return subprocess.Popen(sg.command("run", *STUDY, "--results", results, ranks=ranks), cwd=sg.ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, env={**sg.ENVIRONMENT, **sg.AT_ONCE, "SG_ALIVE_S": str(LIMIT_S), **env})


def lost(rank, place, ranks):
    def play():
        results, log = folder / f"{place}-{rank}", folder / f"{place}-{rank}.visits"
        run = begin(results, ranks, {"SG_CRASH": f"{place}:{STOP}", "SG_CRASH_RANK": str(rank), "SG_CRASH_LOG": str(log)})
        while not any(v.startswith(place.partition(":")[0]) for _, pid, v in visits(log) if rank_of(pid) == rank) and run.poll() is None:
            time.sleep(0.05)
        stopped, processes = time.monotonic(), family(run.pid)
        out, err = run.communicate(timeout=60)
        took = time.monotonic() - stopped
        said = [line for line in err.splitlines() if line.startswith("synthgrid: ") and "no sign of life" in line and "ends; hint" in line]
        sg.check(run.returncode == 3, f"rank {rank} stopped at {place}: exit code {run.returncode}\n{err}")
        sg.check(len(said) == 1 and f"rank {rank} on " in said[0] and "same command" in said[0], f"rank {rank} stopped at {place} says:\n{err}")
        sg.check(took < LIMIT_S + 5 + 20, f"rank {rank} stopped at {place}: {took:.1f} s until the job's end")
        wait_gone(processes)
        out, _ = sg.run("run", *STUDY, "--results", results, ranks=2)
        sg.check(sg.digest(out) == calm, f"rank {rank} stopped at {place}: another digest after it")
        print(f"rank {rank} of {ranks} stopped at {place}: over after {took:.1f} s")

    return play


def suspended():
    """All processes of it for longer than the limit, as `scontrol suspend` does."""
    results, log = folder / "suspended", folder / "suspended.visits"
    run = begin(results, 2, {"SG_CRASH_LOG": str(log)})
    while not any(v == "step_begins" for _, _, v in visits(log)):
        sg.check(run.poll() is None, "over before it could be stopped")
        time.sleep(0.02)
    ranks = [p for p in family(run.pid) if name(p) == "synthgrid"]
    for p in ranks:
        send(p, signal.SIGSTOP)
    time.sleep(2 * LIMIT_S)
    for p in ranks:
        send(p, signal.SIGCONT)
    out, err = run.communicate(timeout=120)
    sg.check(run.returncode == 0 and "sign of life" not in err, f"suspended as a whole: exit code {run.returncode}\n{err}")
    sg.check(sg.digest(out) == calm, "suspended as a whole: another digest")


STUDY = [*sg.QUICKSTART, "tasks=[sst2]", "methods=[zero_shot]", "sizes=[10]", "train.steps=400"]
with sg.Folder() as folder:
    calm = sg.digest(sg.run("run", *STUDY, "--results", folder / "calm", ranks=2)[0])
    sg.at_once(lost(1, "step_begins:40", 2), lost(0, "step_begins:40", 3), lost(2, "embeddings_half:1", 3), suspended)
print("ok")
