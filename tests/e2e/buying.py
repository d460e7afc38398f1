#!/usr/bin/env python3
"""Buying for real money, against the stub: one rate for all ranks, a budget that holds through faults, kills and restarts, nothing bought
twice unknowingly, another provider, and what an endpoint refuses in the results."""
import collections
import json
import subprocess
import time

import sg
from sg import ask

SMALL = [*sg.QUICKSTART, "tasks=[sst2]", "methods=[zero_shot]", "mixes=[synthetic]", "train.steps=2",
         "train.max_length=32"]


def study(stub, *more):
    return [*SMALL, f"generator.base_url={stub.url}", *more]


def script(folder, entries):
    (folder / "script.json").write_text(json.dumps(entries))
    return "--script", str(folder / "script.json")


def fullest(times, seconds):
    return max(sum(t <= u < t + seconds for u in times) for t in times)


def billed(stub):
    return sum(r["usd"] for r in stub.requests())


def twice(stub):
    """How often each body was billed again."""
    count = collections.Counter(r["key"] for r in stub.requests() if r["usd"])
    return sum(n - 1 for n in count.values())


def one_rate(folder, ranks):
    """600 requests a minute: the stub's minute is 6 s long, and it refuses what is over; 5 more than are due, as requests that leave at
    their pace may arrive closer where the machine has much to do. How fast they leave is test_limiter's."""
    with sg.Stub(folder, "--limit-requests", "65", "--window", "6") as stub:
        sg.run("run", *study(stub, "sizes=[75]", "generator.requests_per_min=600"), "--results", folder / "r", ranks=ranks)
        log = stub.requests()
        times = sorted(r["time"] for r in log)
        print(f"{ranks} ranks: {len(log)} requests, at most {fullest(times, 6)} of 60 in a window")
        sg.check(all(r["status"] == 200 for r in log), "the stub refused some")
        sg.check(len(log) >= 75 and fullest(times, 6) <= 65, "over the limit")


def budget(folder):
    """A budget with every kind of fault; stops, and goes on with a higher one. What the stub has billed never passes the limit."""
    faults = [{"from": 3, "to": 5, "fault": "cut"}, {"from": 8, "to": 8, "fault": "reset"}, {"from": 10, "to": 11, "fault": "status", "status": 500},
              {"from": 14, "to": 15, "fault": "length"}, {"from": 17, "to": 17, "fault": "nousage"},
              {"from": 19, "to": 20, "fault": "status", "status": 429, "headers": {"retry-after-ms": "100"}}]
    with sg.Stub(folder, *script(folder, faults), "--price", "1000", "2000") as stub:
        priced = study(stub, "sizes=[40]", "generator.usd_per_1m_input=1000", "generator.usd_per_1m_output=2000", "generator.connections=4")
        results, limit, stops = folder / "r", 1.5, 0
        while True:
            done = subprocess.run(sg.command("run", *priced, f"budget.usd={limit}", "--results", results, ranks=2), cwd=sg.ROOT,
                                  env=sg.ENVIRONMENT | sg.AT_ONCE | {"TMPDIR": str(folder)}, capture_output=True, text=True, timeout=100)
            print(f"limit {limit:.2f} USD: exit code {done.returncode}, {billed(stub):.4f} billed")
            sg.check(billed(stub) <= limit, "over the budget")
            if done.returncode == 0:
                break
            sg.check(done.returncode == 3 and "--max-usd" in done.stderr, f"exit code {done.returncode}: {done.stderr[-500:]}")
            stops += 1
            limit *= 2
            sg.check(stops < 12, "it never ends")
        sg.check(stops >= 1, "the first limit was no limit")
        spent = ask(results, "SELECT total(cost_usd) FROM completions")[0][0] + ask(results, "SELECT total(usd) FROM sent")[0][0]
        sg.check(billed(stub) <= spent + 1e-9, f"the ledger knows of {spent} USD, the stub billed {billed(stub)}")
        sg.check(twice(stub) <= ask(results, "SELECT count(*) FROM sent")[0][0] <= 4, "something was bought twice without a word")


def killed(folder):
    """Killed in the middle: the bill shows no key twice, but for those that the ledger lists, at most as many as were in flight."""
    with sg.Stub(folder, "--price", "1", "1", "--latency", "0.1") as stub:
        priced = study(stub, "sizes=[60]", "generator.usd_per_1m_input=1", "generator.usd_per_1m_output=1", "generator.connections=4", "budget.usd=1")
        results, n_kills = folder / "r", 0
        for ranks, after in ((1, 12), (2, 25), (2, 40)):
            process = sg.begin("run", *priced, "--results", results, ranks=ranks)
            deadline = time.monotonic() + 60
            while len(stub.requests()) < after and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            n_kills += process.poll() is None
            sg.kill_all(process, results)
        sg.run("run", *priced, "--results", results, ranks=1)
        listed = ask(results, "SELECT count(*) FROM sent")[0][0]
        print(f"{n_kills} kills: {twice(stub)} bought twice, {listed} listed as possibly paid for")
        sg.check(n_kills == 3, "a kill hit nothing")
        sg.check(twice(stub) <= listed <= 4 * n_kills, "bought twice without being listed")


def others(folder):
    """Anthropic's messages; and an endpoint that refuses parameters, which shows in the results."""
    with sg.Stub(folder) as stub:
        sg.run("run", *study(stub, "sizes=[4]", "generator.provider=anthropic", "generator.model=stub"), "--results", folder / "r", ranks=2)
        sg.check({r["path"] for r in stub.requests()} == {"/v1/messages"}, "not Anthropic's address")
    (folder / "refuses").mkdir()
    refusal = {"fault": "status", "status": 400, "needs": "max_tokens", "body": json.dumps(
        {"error": {"message": "use max_completion_tokens", "param": "max_tokens", "code": "unsupported_parameter"}})}
    with sg.Stub(folder / "refuses", *script(folder, [refusal])) as stub:
        sg.run("run", *study(stub, "sizes=[8]", "generator.connections=2"), "--results", folder / "adapted", ranks=2)
        sg.check(sum(r["status"] == 400 for r in stub.requests()) <= 2, "not every rank was told")
    sg.check(ask(folder / "adapted", "SELECT value FROM meta WHERE name='generator_refused'") == [("max_tokens",)], "not in the ledger")
    sg.check(b"generator_refused" in (folder / "adapted" / "results.h5").read_bytes(), "not in results.h5")


def unpriced(_):
    """Somebody else's server without a price is refused before any work."""
    _, err = sg.run("run", *SMALL, "sizes=[4]", "generator.base_url=https://llm.example.invalid/v1", "generator.recording=",
                    "generator.usd_per_1m_input=", code=2)
    sg.check("usd_per_1m_input" in err, "it does not ask for the price:\n" + err)


PARTS = [lambda folder: one_rate(folder, 1), lambda folder: one_rate(folder, 3), budget, killed, others, unpriced]


def play(part):
    with sg.Folder() as folder:
        part(folder)


sg.side_by_side(play, PARTS)
print("ok")
