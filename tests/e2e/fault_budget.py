#!/usr/bin/env python3
"""Row 20: budgets that are used up, under faults and long answers drawn by chance: `fault_budget.py [N [SEED]]` studies, 8, from a seed
that is printed. Every fifth has 4 ranks
with 16 connections each, the others one process with 64.

Whatever happens, what the stub has billed stays within --max-usd and within what the ledger knows of. Such a run ends with exit code 3;
run again with a larger limit, in the end the study has the pools of an undisturbed one."""
import atexit
import json
import random
import sys

import fault
import sg
from fault import check

KINDS = [{"fault": "cut"}, {"fault": "reset"}, {"fault": "raw", "send": [], "end": "reset"}, {"fault": "status", "status": 500},
         {"fault": "status", "status": 502}, {"fault": "status", "status": 503},
         {"fault": "status", "status": 429, "headers": {"retry-after-ms": "50"}}, {"fault": "body", "body": "<<half>>"},
         {"fault": "raw", "send": ["HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<<half>>"]}]
PRICED = ["sizes=[100]", "generator.connections=64", "generator.usd_per_1m_input=1000", "generator.usd_per_1m_output=2000"]


# 47 of the task's 48 max_tokens: as much as one answer can cost.
LONG = {"fault": "say", "text": "word " * 37, "finish": "length"}
runs = []


def some_faults(rng, kinds):
    """Up to 40 requests meet a fault. The last ones do not: one request that meets seven waits for minutes."""
    script = []
    for _ in range(10):
        first = rng.randrange(1, 90)
        script.append({"from": first, "to": first + rng.randrange(4)} | rng.choice(kinds))
    return script


def run(seed, digest, wanted):
    rng = random.Random(seed)
    ranks, is_long = 0 if seed % 5 else 4, seed % 2
    with sg.Folder() as folder:
        (folder / "script.json").write_text(json.dumps(some_faults(rng, KINDS + 3 * is_long * [LONG])))
        with sg.Stub(folder, "--key", fault.KEY, "--script", str(folder / "script.json"), "--price", "1000", "2000", "--latency",
                     str(rng.choice((0, 0.02, 0.1)))) as stub:
            limit, stops = rng.uniform(0.5, 4), 0
            while True:
                o = fault.buy(folder / "r", stub.url, *PRICED, "--max-usd", limit, ranks=ranks, timeout=200)
                runs.append(o.code)
                log = [r for r in stub.requests() if r["number"]]
                billed = sum(r["usd"] for r in log)
                check(billed <= limit + 1e-9, f"seed {seed}: {billed} USD billed, the limit is {limit}")
                known = sum(fault.ask(folder / "r", query)[0][0] for query in
                            ("SELECT total(cost_usd) FROM completions", "SELECT total(usd) FROM sent"))
                check(billed <= known + 1e-9, f"seed {seed}: {billed} USD billed, the ledger knows of {known}")
                fault.check_nothing_lost(folder / "r", log)
                fault.check_paid_once(log)
                fault.check_no_key(folder, o.out, o.err)
                if o.code == 0:
                    break
                check(o.code == 3, f"seed {seed}: exit code {o.code}: {o.err[-500:]}")
                fault.check_message(o, "--max-usd" if "budget" in o.err else "run again")
                stops += 1
                limit *= 2
                check(stops < 12, f"seed {seed}: it never ends")
        check(stops, f"seed {seed}: the limit was none")
        was_long = any(r["fault"] == "say" for r in log)  # such answers are rejected, and others asked for
        check(was_long or fault.examples(folder / "r") == wanted and o.digest == digest, f"seed {seed}: other pools than an undisturbed run's")
        check(len(fault.examples(folder / "r")) == len(wanted), f"seed {seed}: a pool of another size")
        print(f"seed {seed}: {ranks} ranks, stopped {stops} times, {billed:.3f} of {limit:.3f} USD, {len(log)} requests")


undisturbed = fault.undisturbed(*PRICED, "budget.usd=1000")
atexit.register(lambda: print(f"{len(runs)} runs, {runs.count(3)} of them ended by the limit or a fault (exit code 3)"))
n, first = int((sys.argv[1:] or ["8"])[0]), int((sys.argv[2:] or [random.SystemRandom().randrange(1 << 30)])[0])
print(f"again: {sys.argv[0]} {n} {first}", flush=True)
fault.play([(f"seed_{s}", lambda s=s: run(s, *undisturbed)) for s in range(first, first + n)])
