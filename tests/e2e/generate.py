#!/usr/bin/env python3
"""Two phases: `generate` buys without a launcher and trains nothing, `run --offline` says what is missing or asks nobody."""
import json
import sqlite3

import sg

with sg.Folder() as folder, sg.Stub(folder) as stub:
    study = [*sg.QUICKSTART, "tasks=[sst2,boolq]", "methods=[zero_shot,zero_shot_topic]", "sizes=[4]",
             "train.steps=2", "train.max_length=32", f"generator.base_url={stub.url}"]
    results = folder / "results"

    _, err = sg.run("run", *study, "--results", results, "--offline", code=2)
    sg.check(stub.requests() == [], "--offline asked the server")
    for words in ("sst2         zero_shot ", "boolq        zero_shot_topic ", "completions are missing", "`synthgrid generate "):
        sg.check(words in err, f"--offline does not say {words!r}:\n{err}")
    sg.check(sum(line.startswith("synthgrid: ") for line in err.splitlines()) == 1, "more than one error:\n" + err)

    bought, _ = sg.run("generate", *study, "--results", results)
    digest = sg.digest(bought)
    rows = [line.split() for line in bought.splitlines() if line.startswith(("sst2 ", "boolq "))]
    sg.check(len(rows) == 4 and all(row[3:5] == ["4", "4"] for row in rows), "the table does not show four full pools:\n" + bought)
    status = json.loads((results / "status.json").read_text())
    sg.check(status["n_cells_done"] == 0 and status["n_pools_done"] == 4, f"status.json: {status}")
    n = len(stub.requests())
    sg.check(n and len({r["key"] for r in stub.requests()}) == n, "a request was sent twice")

    again, _ = sg.run("generate", *study, "--results", results, ranks=2)
    sg.check(sg.digest(again) == digest and len(stub.requests()) == n, "generate does not resume")

    # The key of nobody, and a server that is not there: whatever asked for a socket would fail.
    offline = [a for a in study if not a.startswith("generator.base_url")] + ["generator.base_url=http://127.0.0.1:9/v1"]
    trained, _ = sg.run("run", *offline, "--results", results, "--offline", ranks=2)
    whole, _ = sg.run("run", *study, "--results", folder / "whole", ranks=2)
    sg.check(sg.digest(trained) == sg.digest(whole), "generate and run --offline give other results than run")

    parts = []

    # More than is queued at a time, and a ledger with holes: a list of topics with the first example, and all of the next pool.
    @parts.append
    def queue_and_holes():
        (folder / "queue").mkdir()
        stub = sg.Stub(folder / "queue")
        large = [*study[:-1], f"generator.base_url={stub.url}", "tasks=[sst2]", "methods=[zero_shot_topic,zero_shot]", "sizes=[280]", "mixes=[synthetic]",
                 "--results", folder / "large"]
        full = sg.digest(sg.run("generate", *large)[0])
        db = sqlite3.connect(folder / "large" / "ledger.sqlite")
        holes = db.execute("DELETE FROM completions WHERE key NOT IN (SELECT completion FROM examples e JOIN pools p ON p.id=e.pool"
                           " WHERE p.ordinal=0 AND e.position>0)").rowcount
        db.commit()
        db.close()
        before = len(stub.requests())
        sg.check(sg.digest(sg.run("generate", *large)[0]) == full, "a ledger with holes gives another digest")
        status = json.loads((folder / "large" / "status.json").read_text())
        sg.check(status["n_pools_done"] == 2 and status["n_requests_left"] == 0, f"status.json: {status}")
        asked = len(stub.requests()) - before
        sg.check(asked == holes == 282, f"{asked} requests for {holes} holes")

    # A server that gives no usable text: nothing to train on is told, with its own exit code.
    @parts.append
    def no_text():
        (folder / "refuses").mkdir()
        script = folder / "refuses" / "script.json"
        script.write_text('[{"fault": "refuse"}]')
        with sg.Stub(folder / "refuses", "--script", str(script)) as refuses:
            poor = [*study[:-1], f"generator.base_url={refuses.url}", "tasks=[sst2]", "methods=[zero_shot]"]
            out, err = sg.run("generate", *poor, "--results", folder / "empty", code=4)
            sg.check("short: " in out and "no example" in err, "an empty pool is not told of:\n" + out + err)

    # A server that goes away: resumable.
    @parts.append
    def server_away():
        (folder / "down").mkdir()
        script = folder / "down" / "script.json"
        script.write_text('[{"from": 6, "fault": "status", "status": 503}]')
        with sg.Stub(folder / "down", "--script", str(script)) as down:
            gone = [*study[:-1], f"generator.base_url={down.url}"]
            out, err = sg.run("generate", *gone, "generator.retries=1", "--results", folder / "gone", code=3)
            sg.check("not bought yet" in out and "run again" in err, "it does not say how to go on:\n" + out + err)
        back, _ = sg.run("generate", *study, "--results", folder / "gone")
        sg.check(sg.digest(back) == digest, "a server that was away for a while shows in the pools")

    # The stub's answers fit every way to ask for a pair: a pool that stays short says something about synthgrid, not about the stub.
    @parts.append
    def pairs():
        pairs = [*sg.QUICKSTART, "tasks=[rte,boolq]", "sizes=[4]", "conditioning=[label,none]",
                 f"generator.base_url={stub.url}"]
        for name, ways in (("plain", []), ("many", ["generator.examples_per_request=3"]),
                           ("json", ["generator.examples_per_request=3", "generator.structured_output=true"])):
            out, _ = sg.run("generate", *pairs, *ways, "--results", folder / name)
            full = [line for line in out.splitlines() if line.startswith(("rte ", "boolq ")) and line.split()[-3:-1] == ["4", "4"]]
            sg.check(len(full) == 20, f"{name}: {len(full)} of 20 pools are full:\n{out}")

    sg.at_once(*parts)
    print("ok:", n, "requests")
