#!/usr/bin/env python3
"""A cell belongs to the texts that it was trained on: a damaged completion, an answer that is read otherwise, labels that are read otherwise. What
no longer fits is told with its number and trained again, and nothing old stands beside new examples on the way."""
import contextlib
import json
import shutil
import sqlite3

import sg

WORDS = "trained on other texts than the study has now"


def change(results, *statements):
    with contextlib.closing(sqlite3.connect(results / "ledger.sqlite")) as ledger, ledger:
        for statement in statements:
            ledger.execute(statement)


def cells(results):
    """{id: (status, mix, size, weights)}"""
    rows = sg.ask(results, "SELECT id, status, json_extract(settings, '$.mix'), json_extract(settings, '$.size'), "
                           "json_extract(result, '$.weights_sha256') FROM cells WHERE ordinal >= 0")
    return {row[0]: row[1:] for row in rows}


with sg.Folder() as folder:
    # Two sizes of one pool, raw rows alone: 1 + 2 + 2 cells. A completion of the pool's second half is damaged.
    study = [*sg.QUICKSTART, "tasks=[sst2]", "methods=[zero_shot]", "sizes=[4,10]", "train.steps=2", "train.max_length=32"]
    results = folder / "r"
    calm = sg.digest(sg.run("run", *study, "--results", results)[0])
    before = cells(results)
    [(key,)] = sg.ask(results, "SELECT completion FROM examples WHERE position=9")
    [(text,)] = sg.ask(results, f"SELECT text FROM completions WHERE key='{key}'")
    change(results, f"UPDATE completions SET text='another text of some words that nobody has trained on' WHERE key='{key}'")
    plan = json.loads(sg.run("plan", *study, "--results", results, "--json")[0])
    sg.check(plan["n_cells_stale"] == 2 and plan["n_cells_done"] == 3, f"plan: {plan}")
    sg.check(cells(results) == before, "plan changes the ledger")

    # generate puts the new example into the ledger: the numbers of those that saw the old one go.
    _, err = sg.run("generate", *study, "--results", results)
    sg.check(err.count(WORDS) == 1 and "2 cells" in err and "the next run" in err, f"generate says: {err}")
    found = cells(results)
    sg.check(sorted((c[0], c[2]) for c in found.values()) == [("done", 0), ("done", 4), ("done", 4), ("planned", 10), ("planned", 10)],
             f"after generate: {found}")
    sg.check(sg.ask(results, "SELECT count(*) FROM predictions") == [(3,)] and sg.ask(results, "SELECT count(*) FROM diversity") == [(0,)],
             "numbers of other texts are left")
    out, err = sg.run("run", *study, "--results", results)
    sg.check(WORDS not in err, "told twice")
    changed = cells(results)
    sg.check(sg.digest(out) != calm and all(changed[i][3] == before[i][3] for i in before if before[i][2] < 10)
             and all(changed[i][3] != before[i][3] for i in before if before[i][2] == 10), f"trained again: {before} {changed}")

    # A cell that is kept says what it was trained with, and on what.
    result = [json.loads(r) for (r,) in sg.ask(results, "SELECT result FROM cells")]
    sg.check(all(len(r["rows_sha256"]) == len(r["encoder_sha256"]) == 64 and "build" in r["program"] for r in result), f"{result[0]}")
    sg.check(sorted(len({r["examples_sha256"] for r in result if r["n_synthetic"] == n}) for n in (0, 4, 10)) == [1, 1, 1], f"{result}")

    # The right text again: the run trains them and ends where the undisturbed one was.
    change(results, f"UPDATE completions SET text='{text.replace(chr(39), chr(39) * 2)}' WHERE key='{key}'")
    out, err = sg.run("run", *study, "--results", results)
    sg.check("2 cells were" in err and sg.digest(out) == calm, f"not what it was before:\n{err}")

    # What a pool's diversity depends on besides its texts: kept by pool, size and encoder alone, it would be that of the longer texts.
    shorter = [*study, "train.max_length=16", "mixes=[synthetic]"]
    plan = json.loads(sg.run("plan", *shorter, "--results", results, "--json")[0])
    sg.check(plan["n_cells_left_behind"] == 5 and plan["left_behind"] == "5 finished cells are in the ledger and no part of this study; they stay: "
             "2 of train.max_length 32, 2 of mix raw+synthetic, 1 of mix raw", f"plan: {plan['left_behind']}")
    resumed, fresh = (sg.digest(sg.run("run", *shorter, "--results", path)[0]) for path in (results, folder / "shorter"))
    sg.check(resumed == fresh, "diversity is kept over another max_length")
    out, err = sg.run("run", *study, "--results", results)
    left = "2 finished cells of train.max_length 16 are in the ledger and no part of this study; they stay"
    sg.check(sg.digest(out) == calm and err.count(left) == 1, f"and back: {err}")
    sg.check(left in sg.run("plan", *study, "--results", results)[0] and "finished" not in sg.run("plan", *study, "--results", folder / "none")[0], "plan says otherwise")

    # A ledger of an older version: what its own copy of the pool vouches for stays, the rest is trained again.
    forget = "UPDATE cells SET result=json_remove(result, '$.rows_sha256', '$.examples_sha256')"
    change(results, forget)
    weights = cells(results)
    out, err = sg.run("run", *study, "--results", results)
    sg.check(WORDS not in err and "nothing is left to do" in err and sg.digest(out) == calm, f"an older ledger is not believed: {err}")
    change(results, forget, "UPDATE examples SET first='not what was asked for' WHERE position=5", "UPDATE pools SET digest=NULL")
    out, err = sg.run("run", *study, "--results", results)
    sg.check("2 cells were" in err and sg.digest(out) == calm and cells(results) == weights, f"an older ledger: {err}")

    # A completion that is given up on now, so that the pool asks for another: told at the end, when the pool is complete.
    with sg.Stub(folder) as stub:
        change(results, f"DELETE FROM completions WHERE key='{key}'")
        live = [*study, f"generator.base_url={stub.url}"]
        shutil.copytree(results, folder / "offline")
        sg.run("run", *study, "generator.recording=", "--results", folder / "offline", "--offline", code=2)
        sg.check(cells(folder / "offline") == weights, "a run that could not begin takes results away")
        out, err = sg.run("run", *live, "--results", results)
        sg.check(err.count(WORDS) == 1 and "2 cells" in err and len(stub.requests()) == 1, f"bought again: {err}")

    # Rows that were read otherwise (other labels, another draw): known when the run begins, for raw-only cells too.
    raw = [*study, "mixes=[raw]", "seeds.data=2", "seeds.train=2", "--results", folder / "rows"]
    calm = sg.digest(sg.run("run", *raw)[0])
    change(folder / "rows", "UPDATE cells SET result=json_set(result, '$.rows_sha256', 'another') WHERE ordinal < 3")
    plan = json.loads(sg.run("plan", *raw, "--json")[0])
    sg.check(plan["n_cells_stale"] == 3 and plan["n_cells_done"] == 1, f"plan: {plan}")
    out, err = sg.run("run", *raw)
    sg.check("3 cells were" in err and sg.digest(out) == calm, f"rows read otherwise: {err}")
print("ok")
