#!/usr/bin/env python3
"""Faults of LLM servers, a file a case in tests/stub/faults: `faults.py` plays all, `faults.py ROW [CASE...]` those of a row of
docs/faults.md.

    {"about": "what goes wrong",
     "script": [...]        the stub's script (stub/llm_stub.py)
     "stub": [...]          its options
     "study": [...]         settings of the study, beside fault.STUDY
     "env": {...}           environment of the program
     "ranks": N             0, the default: without a launcher
     "exit": N              exit code, 0 when missing
     "says": [...]          what the program prints on stderr
     "pools": "same"        results as an undisturbed run's; "examples": the examples, since tokens may differ; "other": not (the
                            default where rejects are told); "any"
     "rejects": {...}       what the pool counts of these reasons: a number, or [at least, at most]
     "requests": [a, b]     how many reach the stub
     "seconds": [a, b]      how long it takes on a machine with nothing else to do
     "meta": {...}          what the ledger says of the run
     "after": "other"}      failures were recorded: the pools of the next run are not an undisturbed run's; "none": it fails, too

Whatever it is: no answer is lost, one message, no key in any output; and after a failure the next run buys what is missing, and no more."""
import json
import pathlib
import sys

import fault
import sg
from fault import check

CASES = sg.ROOT / "tests" / "stub" / "faults"
digests = {}


def undisturbed(study):
    """Settings that do not change what is asked for share one run."""
    shaping = tuple(s for s in study if not s.startswith(("generator.retries", "generator.timeout_s", "generator.usd", "budget")))
    if shaping not in digests:
        digests[shaping] = fault.undisturbed(*shaping)
    return digests[shaping]


def check_pool(results, wanted):
    rejects = json.loads(fault.ask(results, "SELECT rejects FROM pools")[0][0])
    for reason, n in wanted.items():
        low, high = n if isinstance(n, list) else (n, n)
        check(low <= rejects[reason] <= high, f"{rejects[reason]} rejected as {reason}, not {n}: {rejects}")


def check_results(o, wanted, digest, examples):
    same = (o.digest == digest, fault.examples(o.results) == examples)
    good = {"same": same[0], "examples": same[1], "other": not same[0], "any": True}[wanted]
    check(good, f"the pools are not \"{wanted}\" to an undisturbed run's (results equal, examples equal: {same})")


def within(what, value, bounds):
    check(bounds[0] <= value <= bounds[1], f"{value:.1f} {what}, not {bounds[0]} to {bounds[1]}")


def run_case(case):
    study, ranks = case.get("study", []), case.get("ranks", 0)
    digest, examples = undisturbed(study)
    with sg.Folder() as folder:
        (folder / "script.json").write_text(json.dumps(case["script"]))
        results = folder / "r"
        options = case.get("stub", [])
        key = [] if "--key" in options else ["--key", fault.KEY]
        with sg.Stub(folder, "--script", str(folder / "script.json"), *key, *options) as stub:
            o = fault.buy(results, stub.url, *study, ranks=ranks, env=case.get("env"))
            log = [r for r in stub.requests() if r["number"]]
        check(o.code == case.get("exit", 0), f"exit code {o.code}, not {case.get('exit', 0)}: {o.err[-800:]}")
        fault.check_message(o, *case.get("says", []))
        fault.check_nothing_lost(results, log)
        fault.check_paid_once(log)
        fault.check_no_key(folder, o.out, o.err)
        least, most = case.get("seconds", [0, 20])
        within("s", o.seconds, [least, most * fault.LOADED])
        within("requests", len(log), case.get("requests", [0, 60]))
        if "rejects" in case:
            check_pool(results, case["rejects"])
        for name, value in case.get("meta", {}).items():
            found = fault.ask(results, f"SELECT value FROM meta WHERE name='{name}'")
            check(found == [(value,)], f"{name} is {found}, not {value}")
        if o.code == 0:
            check_results(o, case.get("pools", "other" if "rejects" in case else "same"), digest, examples)
        elif case.get("after") != "none":
            fault.check_resumes(folder, results, digest, *study, ranks=ranks, same=case.get("after") != "other")


row, chosen = (sys.argv[1:2] or ["*"])[0], sys.argv[2:]
files = sorted(CASES.glob(f"{row}-*.json"))
if chosen:
    files = [f for f in files if f.stem in chosen]
if not files:
    sys.exit(f"there is no case of row {row} in {CASES}")
cases = [(f.stem, lambda f=f: run_case(json.loads(f.read_text()))) for f in files]
undisturbed([])
fault.play(cases)
