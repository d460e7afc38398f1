#!/usr/bin/env python3
"""A live run against the stub server: pools are bought once, spend is recorded, a second run asks nothing, the key stays secret."""
import csv
import json
import pathlib
import re

import sg

KEY = "sk-canary-0123456789abcdef"
with sg.Folder() as folder, sg.Stub(folder) as stub:
    study = [*sg.QUICKSTART, "tasks=[sst2,boolq]", "methods=[zero_shot,zero_shot_topic]", "sizes=[4]",
             "train.steps=2", "train.max_length=32", f"generator.base_url={stub.url}"]
    results = folder / "results"
    out, err = sg.run("run", *study, "--results", results, ranks=2, env={"OPENAI_API_KEY": KEY})
    digest = sg.digest(out)
    asked = [r for r in stub.requests() if r.get("path", "").endswith("/chat/completions")]
    sg.check(asked, "the stub was asked nothing")
    bodies = [str(r.get("key") or r.get("body")) for r in asked]
    sg.check(len(set(bodies)) == len(bodies), "a request was sent twice")
    n = len(asked)

    out2, err2 = sg.run("run", *study, "--results", results, ranks=1, env={"OPENAI_API_KEY": KEY})
    sg.check(sg.digest(out2) == digest, "the second run gives another digest")
    asked = [r for r in stub.requests() if r.get("path", "").endswith("/chat/completions")]
    sg.check(len(asked) == n, "the second run bought something again")

    for text in (out, err, out2, err2):
        sg.check(KEY not in text, "the key is in the output")

    parts = []

    @parts.append
    def other_ranks():
        out, _ = sg.run("run", *study, "--results", folder / "other", "--json", ranks=3, env={"OPENAI_API_KEY": KEY})
        events = [json.loads(line) for line in out.splitlines()]
        named = lambda name: [e for e in events if e["event"] == name]
        first, last = events[0], events[-1]
        sg.check(last["event"] == "run_ended" and last["digest"] == digest, f"three ranks buy other pools than two: {last}")
        cells, = sg.ask(folder / "other", "SELECT count(*), sum(status='done') FROM cells")
        sg.check(last["exit_code"] == 0 and last["n_cells_done"] == cells[1] == cells[0] and last["why"] == "", str(last))
        sg.check([e["event"] for e in events].count("run_started") == 1 and named("run_started")[0]["n_ranks"] == 3 and
                 named("run_started")[0]["n_cells_to_train"] == cells[0], str(first))
        sg.check({e["pool"]: e["n"] for e in named("pool_filled")} == dict(sg.ask(folder / "other", "SELECT id, n FROM pools")), str(named("pool_filled")))
        begun, done = {e["cell"]: e for e in named("cell_started")}, {e["cell"]: e for e in named("cell_done")}
        sg.check(len(named("cell_started")) == len(begun) == cells[0] and begun.keys() == done.keys(), "cells start and are done once")
        for id, e in done.items():
            b = begun[id]
            sg.check(all(b[k] == e[k] for k in b if k not in ("event", "time", "elapsed_s")) and b["elapsed_s"] <= e["elapsed_s"] and e["wall_s"] > 0, f"{b} {e}")
        with_rank = sg.ask(folder / "other", "SELECT id, json_extract(result,'$.rank'), json_extract(result,'$.ranks') FROM cells")
        sg.check(sorted(with_rank) == sorted((id, e["rank"], e["n_ranks"]) for id, e in done.items()), "the ledger has other ranks than the events")
        sg.check([e["phase"] for e in named("phase")][-3:] == ["training", "diversity", "writing"], str(named("phase")))
        sg.run("export", folder / "other", "--format", "csv", "-o", folder / "csv")
        with open(folder / "csv" / "cells.csv", newline="") as file:
            accuracy = {row["id"]: float(row["accuracy"]) for row in csv.DictReader(file)}
        id = next(id for id, e in done.items() if e["mix"] == "raw+synthetic" and e["task"] == "sst2" and e["method"] == "zero_shot")
        text, _ = sg.run("explain", folder / "other", id[:9])
        told = json.loads(sg.run("explain", folder / "other", "task=sst2", "method=zero_shot", "mix=raw+synthetic", "train.steps=2", "--json")[0])
        sg.check(told["cell"] == id and told["status"] == "done" and told["in_study"] and told["where"]["rank"] == done[id]["rank"] and
                 told["where"]["attempts"] == 1 and abs(told["result"]["accuracy"] - accuracy[id]) < 1e-6 and told["snapshot"] is None, str(told))
        pool, = sg.ask(folder / "other", f"SELECT pool, json_extract(result, '$.rows_sha256') FROM cells WHERE id='{id}'")
        used, = sg.ask(folder / "other", f"SELECT count(*), total(tokens_in) FROM completions WHERE key IN (SELECT completion FROM pool_completions WHERE pool='{pool[0]}')")
        sg.check(told["pool"]["id"] == pool[0] and told["pool"]["n_cells"] == 2 and told["trained_on"]["rows_sha256"] == pool[1] and
                 (told["pool"]["n_requests"], told["pool"]["tokens_in"]) == used, str(told))
        sg.check(f"cell     {id}\n" in text and f"rank {done[id]['rank']}" in text and f"accuracy {accuracy[id]:.4f}" in text and "waits" not in text, text)
        several, _ = sg.run("explain", folder / "other", "task=boolq")
        sg.check(len(several.splitlines()) == sum(e["task"] == "boolq" for e in done.values()), several)
        for wrong, words in ((["ffffffffffffffff"], "no cell is that"), (["nothing=1"], "no cell has \"nothing\""), (["size=5"], "no cell is that")):
            _, err = sg.run("explain", folder / "other", *wrong, code=2)
            sg.check(words in err, err)
        sg.check(accuracy.keys() == done.keys() and all(abs(accuracy[id] - e["accuracy"]) < 1e-6 for id, e in done.items()), "accuracies differ from results.h5's")

    # A limit below what the requests could cost at worst, but above what they do cost, buys everything; a lower one stops.
    @parts.append
    def limits():
        priced = [*study, "generator.usd_per_1m_input=1", "generator.usd_per_1m_output=2"]
        bought, _ = sg.run("run", *priced, "budget.usd=0.005", "--results", folder / "budget", ranks=2, env={"OPENAI_API_KEY": KEY})
        sg.digest(bought)
        _, err = sg.run("run", *priced, "budget.usd=0.0004", "--results", folder / "poor", ranks=2, env={"OPENAI_API_KEY": KEY}, code=3)
        sg.check("--max-usd" in err, "it does not say how to go on:\n" + err)

    # What waits for what, as a run that could buy nothing has noted it.
    @parts.append
    def waits():
        sg.run("run", *study, "tasks=[sst2]", "methods=[zero_shot]", "rephrase=[false,true]", "verify=[none,llm]", "--results", folder / "none", "--offline", code=2)
        def of(*words):
            return json.loads(sg.run("explain", folder / "none", "mix=raw+synthetic", *words, "--json")[0])["waits"]
        plain = of("method=zero_shot")
        sg.check(plain["for"] == "pool" and plain["n_have"] == 0 and plain["n_wanted"] == 4 and plain["n_missing"] == 4 and
                 "for its pool sst2 zero_shot, which has 0 of 4 examples and lacks at least 4 answers; no run is at work here" in plain["words"], str(plain))
        rephrased = of("method=zero_shot rephrased")
        sg.check(rephrased["for"] == "pool" and rephrased["waits_for"] == plain["id"] and
                 "that waits for sst2 zero_shot, which lacks at least 4 answers" in rephrased["words"], str(rephrased))
        verified = of("method=zero_shot llm_verified")
        sg.check(verified["for"] == "pool" and verified["id"] == plain["id"], str(verified))
        sg.run("generate", *study, "tasks=[sst2]", "methods=[zero_shot]", "--results", folder / "none", env={"OPENAI_API_KEY": KEY})
        sg.run("run", *study, "tasks=[sst2]", "methods=[zero_shot]", "verify=[none,llm]", "--results", folder / "none", "--offline", code=2)
        verified, plain = of("method=zero_shot llm_verified"), of("method=zero_shot")
        sg.check(verified["for"] == "evaluation" and verified["n_missing"] == 4 and "for what the LLM says of its pool:" in verified["words"], str(verified))
        sg.check(plain["for"] == "run" and "all that it needs is there" in plain["words"], str(plain))

    # A server that goes away is no failed completion: what can be trained is, and a later run buys the rest.
    @parts.append
    def server_away():
        script = folder / "script.json"
        script.write_text('[{"from": 6, "fault": "status", "status": 503}]')
        (folder / "down").mkdir()
        with sg.Stub(folder / "down", "--script", str(script)) as down:
            gone = [f"generator.base_url={down.url}" if a.startswith("generator.base_url") else a for a in study]
            out, err = sg.run("run", *gone, "generator.retries=1", "--results", folder / "gone", "--json", ranks=2, code=3)
            sg.check("run again" in err, "it does not say how to go on:\n" + err)
            events = [json.loads(line) for line in out.splitlines()]
            failures = [e for e in events if e["event"] == "request_failures"]
            sg.check(failures and "503" in failures[0]["last"] and failures[-1]["n_sent_again"] >= sum(e["n_new"] for e in failures) > 0, str(failures))
            out, _ = sg.run("explain", folder / "gone", "status=planned")
            waiting = out if out.startswith("cell") else sg.run("explain", folder / "gone", out.split()[0])[0]
            sg.check(re.search(r"waits    for its pool \w+ zero_shot.*, which has \d of 4 examples and lacks at least \d+ answers?; no run is at work here", waiting) and
                     "failure  the last request without an answer, " in waiting and "503" in waiting, waiting)
            sg.check(events[-1]["event"] == "run_ended" and events[-1]["exit_code"] == 3 and "run again" in events[-1]["why"], str(events[-1]))
        back, _ = sg.run("run", *study, "--results", folder / "gone", ranks=2, env={"OPENAI_API_KEY": KEY})
        sg.check(sg.digest(back) == digest, "a server that was away for a while shows in the results")

    # A rank whose processor cannot train as the study says is told of before anything is bought; to buy alone, it can.
    old = folder / "old"
    old.write_text(f'#!/bin/sh\n[ "$OMPI_COMM_WORLD_RANK" != 1 ] || export SG_OPS=base\nexec {sg.SYNTHGRID} "$@"\n')
    old.chmod(0o755)
    before = len(stub.requests())
    good, sg.SYNTHGRID = sg.SYNTHGRID, str(old)
    half = [*study, "train.precision=bf16", "--results", folder / "half"]
    _, err = sg.run("run", *half, ranks=2, code=2)
    sg.check("synthgrid: rank 1: train.precision on " in err and "AVX2" in err and err.count("synthgrid: ") == 1, err)
    sg.check(len(stub.requests()) == before, "it has bought what it cannot train with")
    sg.run("generate", *half, ranks=2)
    sg.SYNTHGRID = good
    if "avx2" in pathlib.Path("/proc/cpuinfo").read_text():
        sg.run("run", *half)
        _, err = sg.run("run", *half, env={"SG_OPS": "base"})
        sg.check("nothing is left to do" in err, "what is done cannot be looked at there:\n" + err)

    # A recording of it replays without server or key.
    @parts.append
    def replays():
        sg.run("recording", results, folder / "r.jsonl.gz")
        replay = [a for a in study if not a.startswith("generator.base_url")] + [f"generator.recording={folder / 'r.jsonl.gz'}"]
        out3, _ = sg.run("run", *replay, "--results", folder / "replay", "--offline", ranks=1)
        sg.check(sg.digest(out3) == digest, "the replay gives another digest")

    sg.at_once(*parts)
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "stub.jsonl":
            sg.check(KEY.encode() not in path.read_bytes(), f"the key is in {path}")
    print("ok:", n, "requests")
