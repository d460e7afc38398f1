#!/usr/bin/env python3
"""Row 20: a budget that is used up by 4 ranks with 16 connections each, under faults drawn by chance: `fault_budget.py [N]` runs, 4.

Whatever happens, what the stub has billed stays within the limit and within what the ledger knows of; and a larger one goes on to the
pools of an undisturbed run."""
import random
import sys

import fault
import sg
from fault import check

PRICED = ["sizes=[100]", "generator.connections=64", "generator.usd_per_1m_input=1000", "generator.usd_per_1m_output=2000"]


def some_faults(rng):
    """Up to 40 requests meet a fault, most of which pass."""
    kinds = [{"fault": "cut"}, {"fault": "reset"}, {"fault": "raw", "send": [], "end": "reset"}, {"fault": "status", "status": 500},
             {"fault": "status", "status": 502}, {"fault": "status", "status": 503},
             {"fault": "status", "status": 429, "headers": {"retry-after-ms": "50"}}, {"fault": "body", "body": "<<half>>"},
             {"fault": "raw", "send": ["HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<<half>>"]}]
    script = []
    for _ in range(10):
        first = rng.randrange(1, 150)
        script.append({"from": first, "to": first + rng.randrange(4)} | rng.choice(kinds))
    return script


def run(seed, digest, wanted):
    import json
    rng = random.Random(seed)
    with sg.Folder() as folder:
        (folder / "script.json").write_text(json.dumps(some_faults(rng)))
        with sg.Stub(folder, "--key", fault.KEY, "--script", str(folder / "script.json"), "--price", "1000", "2000", "--latency",
                     str(rng.choice((0, 0.02, 0.1)))) as stub:
            limit, stops = rng.uniform(0.5, 4), 0
            while True:
                o = fault.buy(folder / "r", stub.url, *PRICED, f"budget.usd={limit}", ranks=4)
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
        check(fault.examples(folder / "r") == wanted and o.digest == digest, f"seed {seed}: other pools than an undisturbed run's")
        print(f"seed {seed}: stopped {stops} times, {billed:.3f} of {limit:.3f} USD, {len(log)} requests")


sg.need_encoder()
undisturbed = fault.undisturbed(*PRICED, "budget.usd=1000")
first = random.SystemRandom().randrange(1 << 30)
fault.play([(f"seed_{s}", lambda s=s: run(s, *undisturbed)) for s in range(first, first + int((sys.argv[1:] or ["4"])[0]))])
