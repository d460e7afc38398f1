#!/usr/bin/env python3
"""Two halves of a study, run apart and merged, are the undivided run; conflicts and another study are told; a kill leaves nothing.
`verify` says of a folder that it is whole, or what is not; with `--sample` it trains cells again."""
import contextlib
import hashlib
import json
import re
import shutil
import signal
import sqlite3
import subprocess

import sg


def change(folder, *statements):
    with contextlib.closing(sqlite3.connect(folder / "ledger.sqlite")) as db, db:
        for statement in statements:
            db.execute(statement)


def state(folder):
    return {str(p.relative_to(folder)): (hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_mtime_ns)
            for p in folder.rglob("*") if p.is_file()}


def merging(folder):
    """A merge of these halves of a study with a stub generator."""
    with sg.Stub(folder) as stub:
        study = [*sg.QUICKSTART, "methods=[zero_shot,few_shot_3]", "sizes=[4]", "raw=[8]", "train.steps=2", "llm_eval.shots=[0]", "llm_eval.rows=3",
                 f"generator.base_url={stub.url}", "generator.usd_per_1m_input=1", "generator.usd_per_1m_output=2", "budget.usd=1"]
        for name, tasks in (("whole", "[sst2,rte]"), ("a", "[sst2]"), ("b", "[rte]")):
            out, _ = sg.run("run", *study, f"tasks={tasks}", "--results", folder / name, ranks=2)
            if name == "whole":
                whole = sg.digest(out)
        before = {name: state(folder / name) for name in "ab"}
        asked = len(stub.requests())

        out, _ = sg.run("merge", folder / "b", folder / "a", "-o", folder / "c")
        sg.check("10 of 10 cells are done" in out and "synthgrid run STUDY" in out, out)
        sg.check({name: state(folder / name) for name in "ab"} == before, "the merge has written into its inputs")
        out, err = sg.run("run", *study, "tasks=[sst2,rte]", "--results", folder / "c", "--offline")
        sg.check(sg.digest(out) == whole, "the merged study is another one than the undivided run")
        sg.check("nothing is left to do" in err, "it had something to train:\n" + err)
        sg.check(len(stub.requests()) == asked, "it has bought again")
        money = "SELECT count(*), round(total(cost_usd), 9) FROM "
        for table in ("completions", "attempts"):
            sg.check(sg.ask(folder / "c", money + table) == sg.ask(folder / "whole", money + table), f"{table}: other numbers, or money")

        # Three shares of the cells, each in a copy of a folder that has bought: all cells once, and together the undivided run.
        sg.run("generate", *study, "tasks=[sst2,rte]", "--results", folder / "s0")
        shares = [folder / f"s{i}" for i in (1, 2, 3)]
        asked = len(stub.requests())
        _, err = sg.run("run", *study, "tasks=[sst2,rte]", "--share=1/3", "--retry-failed", "--results", folder / "poor", code=2)
        sg.check("--share trains on what is bought" in err and "`synthgrid generate" in err and len(stub.requests()) == asked, "a share buys: " + err)
        trained = []
        for i, share in enumerate(shares, 1):
            shutil.copytree(folder / "s0", share)
            out, _ = sg.run("run", *study, "tasks=[sst2,rte]", *["--offline"][: i < 3], f"--share={i}/3", "--results", share)
            sg.check(f"share    {i} of 3" in out and json.loads((share / "status.json").read_text())["phase"] == "done", out)
            trained.append({row[0] for row in sg.ask(share, "SELECT id FROM cells WHERE status='done'")})
        sg.check(sorted(map(len, trained)) == [3, 3, 4] and len(set.union(*trained)) == 10, f"shares of {list(map(len, trained))} cells")
        sg.run("merge", *shares, "-o", folder / "s")
        out, err = sg.run("run", *study, "tasks=[sst2,rte]", "--results", folder / "s", "--offline")
        sg.check(sg.digest(out) == whole and "nothing is left to do" in err, "the shares are not the undivided run:\n" + err)

        # One clusters buys, its folder is copied, the other goes on: the same plan, so that results.h5 comes with the merge.
        sg.run("generate", *study, "tasks=[sst2,rte]", "--results", folder / "d")
        shutil.copytree(folder / "d", folder / "e")
        sg.run("run", *study, "tasks=[sst2,rte]", "--results", folder / "e", "--offline")
        out, _ = sg.run("merge", folder / "d", folder / "e", "--output", folder / "f")
        sg.check(sg.digest(out) == whole, "what a copy of the folder has trained is not the undivided run")
        sg.check(sg.ask(folder / "f", money + "attempts") == sg.ask(folder / "d", money + "attempts"), "attempts of the copy count twice")
        out, _ = sg.run("verify", folder / "f")
        sg.check("whole and complete" in out, out)
        out, _ = sg.run("merge", folder / "f", folder / "d", folder / "whole", "-o", folder / "g")
        sg.check(sg.digest(out) == whole and "bought there and elsewhere" in out, "what was bought twice is not told:\n" + out)

        # A cell that ends apart: named, refused, or taken from where one says.
        cell = sg.ask(folder / "e", "SELECT id FROM cells ORDER BY ordinal LIMIT 1")[0][0]
        shutil.copytree(folder / "e", folder / "h")
        change(folder / "h", f"UPDATE cells SET result=json_set(result, '$.weights_sha256', 'swapped') WHERE id='{cell}'")
        out, err = sg.run("merge", folder / "e", folder / "h", "-o", folder / "i", code=1)
        sg.check(f"conflict: cell {cell}: its weights are " in out and "1 conflict, and nothing was made" in err, out + err)
        sg.check(not (folder / "i").exists() and not (folder / "i.merging").exists(), "a refused merge leaves something")
        for prefer, weights in (("A", None), (folder / "h", "swapped")):
            shutil.rmtree(folder / "i", ignore_errors=True)
            out, _ = sg.run("merge", folder / "e", folder / "h", "-o", folder / "i", "--prefer", prefer)
            found = json.loads(sg.ask(folder / "i", f"SELECT result FROM cells WHERE id='{cell}'")[0][0])["weights_sha256"]
            sg.check(f"conflict: cell {cell}" in out and (found == weights if weights else found != "swapped"), f"--prefer {prefer}: {found}\n{out}")

        # Another study; what is there; no input.
        sg.run("generate", *study, "tasks=[sst2]", "train.epochs=9", "--results", folder / "j")
        for inputs, said in (((folder / "a", folder / "j"), "train.epochs is 3 and 9"), ((folder / "a",), "needs A B"),
                             ((folder / "a", folder / "none"), "no file there"), ((folder / "a", folder / "a"), "the same ledger")):
            _, err = sg.run("merge", *inputs, "-o", folder / "k", code=2)
            sg.check(said in err and not (folder / "k").exists(), f"not {said}: {err}")
        _, err = sg.run("merge", folder / "a", folder / "b", "-o", folder / "c", code=2)
        sg.check("is there already" in err, err)

    # Killed at some place, again and again: nothing, or all of it.
    for after in (0.01, 0.03, 0.06):
        process = subprocess.Popen(sg.command("merge", folder / "a", folder / "b", "-o", folder / "l"), env=sg.ENVIRONMENT,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(after)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if (folder / "l").exists():
            sg.check(sg.ask(folder / "l", "SELECT count(*) FROM cells WHERE status='done'") == [(10,)], "half a merge")
            shutil.rmtree(folder / "l")
    out, _ = sg.run("merge", folder / "a", folder / "b", "-o", folder / "l")
    sg.check("10 of 10 cells" in out and not (folder / "l.merging").exists(), out)
    return whole


def sampling(folder):
    """Cells of the finished study trained again: the same ones on any number of ranks; a digest that was changed is found."""
    before, trained = state(folder / "whole"), []
    for ranks in (1, 3):
        out, err = sg.run("verify", folder / "whole", "--sample", "25%", ranks=ranks)
        sg.check("3 of 10 done cells were trained again, 3 of them to the same weights" in out and "whole and complete" in out, out + err)
        trained.append(sorted(re.findall(r"^cell (\w+)\.\.\. .*: the same weights$", err, re.M)))
    sg.check(len(trained[0]) == 3 and trained[0] == trained[1], f"not the same cells on any number of ranks: {trained}")
    sg.check(state(folder / "whole") == before, "verify --sample has written into the folder")

    # What ledger and results.h5 agree on, and is wrong all the same.
    shutil.copytree(folder / "whole", folder / "swapped")
    ids = sg.ask(folder / "swapped", "SELECT id FROM cells WHERE id GLOB '%s*'" % trained[0][1])[0][0]
    change(folder / "swapped", f"UPDATE cells SET result=json_set(result, '$.weights_sha256', '{64 * '0'}') WHERE id='{ids}'")
    study = json.loads(sg.ask(folder / "swapped", "SELECT value FROM meta WHERE name='settings'")[0][0])
    (folder / "study.json").write_text(json.dumps(study))
    sg.run("run", folder / "study.json", "--results", folder / "swapped", "--offline", "--quiet")
    out, _ = sg.run("verify", folder / "swapped")
    sg.check("whole and complete" in out, out)
    out, err = sg.run("verify", folder / "swapped", "--sample=25", "--study", folder / "study.json", ranks=2, code=1)
    sg.check(re.search(rf"^cell {ids} \(.*\): its weights are {64 * '0'} in the ledger, and [0-9a-f]{{64}} when it is trained again", out, re.M) and
             "3 of 10 done cells were trained again, 2 of them to the same weights" in out and "1 thing does not fit" in err, out + err)

    for arguments, cwd, said in (((folder / "whole", "--sample", "10%", "train.encoder=/no/such"), sg.ROOT, "/no/such"),
                                 ((folder / "whole", "--sample", "10%", "data.dir=/no/such"), sg.ROOT, "/no/such"),
                                 ((folder / "whole", "--sample", "10%", "train.encoder=tests/oracle/model/roberta"), sg.ROOT, "another one than the cells were trained with"),
                                 ((folder / "whole", "--sample", "10%"), folder, ".yaml: the study file that"),
                                 ((folder / "whole", "--sample", "0%"), sg.ROOT, "above 0"), ((folder / "whole", "--study", "x"), sg.ROOT, "for --sample"),
                                 ((folder / "whole" / "results.h5", "--sample", "10%"), sg.ROOT, "needs the results folder")):
        out, err = sg.run("verify", *arguments, cwd=cwd, code=2)
        sg.check(said in err, f"not {said}: {out}{err}")


def verifying(folder):
    """Of finished studies: what is whole, and each thing that is not, by its name."""
    before = state(folder / "whole")
    out, _ = sg.run("verify", folder / "whole")
    sg.check("results.h5: whole and complete" in out, out)
    sg.check(state(folder / "whole") == before, "verify has written into the folder")
    cell = sg.ask(folder / "whole", "SELECT id FROM cells ORDER BY ordinal LIMIT 1 OFFSET 3")[0][0]
    for name, statement, said in (
            ("prediction", f"UPDATE predictions SET logits=zeroblob(length(logits)) WHERE cell='{cell}'",
             r"/predictions holds something else than the ledger; first in row \d+ \(cell 3, "),
            ("cell", f"DELETE FROM cells WHERE id='{cell}'", r"/cells holds something else than the ledger; 10 rows, not 9; first in row 3 \(cell 3, task \w+, id " + cell)):
        shutil.copytree(folder / "whole", folder / name)
        change(folder / name, statement)
        out, err = sg.run("verify", folder / name, code=1)
        sg.check(re.search(said, out), f"no {said}:\n{out}{err}")
    path = folder / "prediction" / "results.h5"
    path.write_bytes(path.read_bytes()[:-1000])
    out, err = sg.run("verify", path, code=1)
    sg.check(str(path) in out and "1 thing does not fit" in err, out + err)

    # A pool that is short by the rules: the run ended with 0, and so does this.
    sg.run("run", *sg.QUICKSTART, "tasks=[boolq]", "methods=[zero_shot_topic]", "mixes=[synthetic]", "sizes=[30]", "train.steps=2", "--results", folder / "short")
    out, _ = sg.run("verify", folder / "short")
    sg.check("remark: pool 0 (boolq, zero_shot_topic) has 18 of 30 examples: class false: 8 of 15 after 76 attempts" in out, out)


with sg.Folder() as folder:
    whole = merging(folder)
    verifying(folder)
    sampling(folder)
    print("ok:", whole)
