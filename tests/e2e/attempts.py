#!/usr/bin/env python3
"""The ledger has every request that left: what it cost, how long it took, which model answered, or why it failed; the provider's bill is
the sum of them. Whatever had to be sent again, the results are the same."""
import contextlib
import json
import sqlite3

import sg
from sg import ask

PRICE = 1000, 2000
STUDY = [*sg.QUICKSTART, "tasks=[sst2]", "methods=[zero_shot]", "mixes=[synthetic]", "sizes=[20]", "train.steps=2",
         "train.max_length=32", f"generator.usd_per_1m_input={PRICE[0]}", f"generator.usd_per_1m_output={PRICE[1]}", "budget.usd=50",
         "generator.connections=4", "generator.timeout_s=1"]
FAULTS = [{"from": 3, "to": 4, "fault": "status", "status": 429, "headers": {"retry-after-ms": "50"}},
          {"from": 6, "to": 8, "fault": "status", "status": 500}, {"from": 10, "to": 10, "fault": "hang", "seconds": 3},
          {"from": 12, "to": 12, "fault": "cut"}, {"from": 14, "to": 14, "fault": "empty"}, {"from": 16, "to": 16, "fault": "html"},
          {"from": 18, "to": 18, "fault": "reset"}]


def buy(folder, name, faults, ranks, *more):
    (folder / name).mkdir()
    script = folder / name / "script.json"
    script.write_text(json.dumps(faults))
    with sg.Stub(folder / name, "--script", str(script), "--price", *map(str, PRICE)) as stub:
        out, _ = sg.run("run", *STUDY, *more, f"generator.base_url={stub.url}", "--results", folder / name / "r", ranks=ranks)
        return out, stub.requests(), folder / name / "r"


with sg.Folder() as folder:
    bought = {}
    sg.at_once(lambda: bought.update(calm=buy(folder, "calm", [], 2)), lambda: bought.update(stormy=buy(folder, "stormy", FAULTS, 2)))
    calm, log, results = bought["calm"]
    n = len(log)
    sg.check(f"requests {n} answered\n" in calm, "the summary does not tell what was answered:\n" + calm)
    rows = ask(results, "SELECT count(*), total(cost_usd), min(settled), count(DISTINCT key), min(latency_s)>0, max(number) FROM attempts "
                        "WHERE kind='answered' AND fate='answered' AND http_status=200 AND model='stub-1' AND request_id LIKE 'req-%'")[0]
    sg.check(rows[0] == rows[3] == n and rows[2] == rows[4] == rows[5] == 1, f"{n} answers, and attempts {rows}")
    sg.check(abs(rows[1] - sum(r["usd"] for r in log)) < 1e-9, f"{rows[1]} USD, and a bill of {sum(r['usd'] for r in log)}")

    stormy, log, results = bought["stormy"]
    sg.check(sg.digest(stormy) == sg.digest(calm), "what was sent again shows in the results")
    sg.check(f"requests {n} answered, 10 sent again (2 rate limit, 1 timeout, 3 server error, 1 network, 3 damaged); up to " in stormy,
             "the summary does not tell what was sent again:\n" + stormy)
    rows = ask(results, "SELECT kind, http_status, count(*), min(settled), count(cost_usd) FROM attempts WHERE fate='again' GROUP BY 1, 2 ORDER BY 1, 2")
    sg.check([r[:3] for r in rows] == [("fault", 0, 1), ("fault", 200, 3), ("fault", 500, 3), ("rate", 429, 2), ("timeout", 0, 1)], f"attempts {rows}")
    sg.check([r[3:] for r in rows] == [(0, 0), (0, 1), (1, 0), (1, 0), (0, 0)], f"what was surely not paid for is settled, the rest is not: {rows}")
    sg.check(ask(results, "SELECT count(*) FROM attempts")[0][0] == len(log) == n + 10,
             f"{len(log)} requests came to the stub")  # libcurl would send one again by itself
    sg.check(not ask(results, "SELECT 1 FROM attempts WHERE fate='again' AND reason IS NULL"), "a failure without a reason")
    sg.check(not ask(results, "SELECT 1 FROM attempts a WHERE number<>(SELECT count(*) FROM attempts b WHERE b.key=a.key AND b.id<=a.id)"),
             "the attempts of a request are not counted")
    bill = sum(r["usd"] for r in log)
    known, worst = ask(results, "SELECT total(cost_usd) FILTER (WHERE settled), total(worst_usd) FILTER (WHERE NOT settled) FROM attempts")[0]
    answered = sum(r["usd"] for r in log if r["fault"] in (None, "empty"))  # this one says what it is charged with
    sg.check(abs(known - answered) < 1e-9 and known < bill <= known + worst, f"a bill of {bill} USD; {known} known, at most {worst} lost")

    told = json.loads((results / "status.json").read_text())
    sg.check(abs(told["cost_usd"] - known - worst) < 1e-9 and told["n_completions"] == n and told["n_given_up"] == 0,
             f"status.json ends with {told['cost_usd']} USD and {told['n_completions']} answers; the ledger has {known + worst} and {n}")

    # Which model answered before is told from a ledger that may come from elsewhere: what it says does not reach the terminal as it is.
    with contextlib.closing(sqlite3.connect(results / "ledger.sqlite", isolation_level=None)) as db:
        db.execute("UPDATE meta SET value='old' || char(27) || '[2J' WHERE name='generator_models'")
        db.execute("DELETE FROM completions WHERE key IN (SELECT key FROM completions ORDER BY key LIMIT 1)")
    with sg.Stub(folder / "stormy") as stub:
        _, err = sg.run("generate", *STUDY, f"generator.base_url={stub.url}", "--results", results)
    sg.check("before it was old_[2J;" in err and "\x1b" not in err, f"another model is not told of, or as the ledger has it: {err!r}")
    print(f"ok: {n} answers, {len(log)} attempts, a bill of {bill:.4f} USD: {known:.4f} known, at most {worst:.4f} lost")
