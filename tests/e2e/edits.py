#!/usr/bin/env python3
"""Nothing stale after a change of the study: `edits.py [N [SEED]]`, or EDITS=N; default 4.

N times: a study is edited at random, run, generated, killed, edited again, all in one results folder; the last one is then run in an empty
folder beside it, and both digests must be equal. The seed is printed; with it the same studies come again (kills fall where they
fall)."""
import concurrent.futures
import json
import os
import random
import shutil
import sys
import time

import sg

N = int(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("EDITS", "4"))
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())

CHOICES = {
    "methods": ["[zero_shot]", "[zero_shot,few_shot_3]", "[one_shot]", "[zero_shot_topic]", "[few_shot_3,one_shot]", "[verbalized,tree_topic]"],
    "sizes": ["[4]", "[9]", "[4,9]", "[14]"],
    "raw": ["[6]", "[6,12]", "[9]"],
    "mixes": ["[raw]", "[raw,synthetic]", "[synthetic]", "[raw+synthetic]", "[raw,synthetic,raw+synthetic]"],
    "raw_draw": ["balanced", "proportional"],
    "few_shot_rows": ["own", "first"],
    "seeds.generation": ["1", "2"],
    "seeds.data": ["1", "2", "3"],
    "seeds.train": ["1", "2"],
    "conditioning": ["[label]", "[none]", "[label,none]"],
    "prompt_variants": ["[default]", "[plain]"],
    "rephrase": ["[false]", "[true]", "[false,true]"],
    "generator.temperature": ["1", "0.5"],
    "generator.max_tokens": ["64", "80"],
    "generator.examples_per_request": ["1", "3"],
    "generator.structured_output": ["false", "true"],
    "filter.duplicates": ["true", "false"],
    "filter.leakage": ["true", "false"],
    "filter.near_duplicates": ["false", "0.8", "0.5"],
    "llm_eval.shots": ["[]", "[0]", "[0,2]"],
    "llm_eval.rows": ["5", "8"],
    "llm_eval.seeds": ["1", "2"],
    "train.encoder": ["tests/oracle/model/bert", "tests/oracle/model/roberta"],
    "train.max_length": ["16", "24", "40"],
    "train.epochs": ["1", "2"],
    "train.steps": ["", "2"],
    "train.batch": ["4", "8"],
    "train.lr": ["1e-3", "1e-4"],
    "train.dropout": ["", "0"],
    "train.lanes": ["auto", "2"],
    "train.weight_decay": ["0.01", "0"],
}
# What a fast study begins with; all else as CHOICES says first.
BEGIN = {"train.steps": "2", "train.max_length": "24", "mixes": "[raw,synthetic]"}


def variants(folder):
    """Data folders and task files that differ in a row or in a wording, as a user edits them."""
    source = sg.ROOT / "data/sample/sst2"
    rows = {name: source.joinpath(name).read_text().splitlines() for name in ("train.jsonl", "test.jsonl")}
    edits = {"same": lambda r: r, "other_train": lambda r: r | {"train.jsonl": [r["train.jsonl"][-1], *r["train.jsonl"][:-1]]},
             "fewer_test": lambda r: r | {"test.jsonl": r["test.jsonl"][:-2]},
             "other_test": lambda r: r | {"test.jsonl": [*r["test.jsonl"][:-1], r["test.jsonl"][-1].replace(" ", "  ", 1).replace("a", "e", 1)]},
             "fewer_train": lambda r: r | {"train.jsonl": r["train.jsonl"][4:]}}
    for name, edit in edits.items():
        path = folder / "data" / name / "sst2"
        path.mkdir(parents=True)
        for file, lines in edit(rows).items():
            (path / file).write_text("\n".join(lines) + "\n")
    task = (sg.ROOT / "experiments/tasks/sst2.yaml").read_text()
    for name, text in {"as_is": task, "worded": task.replace("one sentence of", "a sentence of"),
                       "turned": task.replace("  negative: negative\n  positive: positive", "  positive: positive\n  negative: negative")}.items():
        path = folder / "tasks" / name
        path.mkdir(parents=True)
        (path / "sst2.yaml").write_text(text)
    rows_of_sets = rows["test.jsonl"]
    for name, sets in {"set": {"far": rows_of_sets[:4]}, "other_set": {"far": rows_of_sets[1:5]},
                       "two_sets": {"far": rows_of_sets[:4], "farther": rows_of_sets[5:7]}}.items():
        path = folder / "tasks" / name
        path.mkdir(parents=True)
        (path / "sst2.yaml").write_text(task + "test_sets:\n" + "".join(f"  {s}: {s}.jsonl\n" for s in sets))
        for s, lines in sets.items():
            (path / f"{s}.jsonl").write_text("\n".join(lines) + "\n")
    return {"data.dir": [str(folder / "data" / name) for name in edits],
            "tasks": [f"[{folder}/tasks/{name}/sst2.yaml]" for name in ("as_is", "worded", "turned", "set", "other_set", "two_sets")]}


def arguments(study):
    return ["experiments/grid.yaml", "generator.recording=", f"generator.base_url={stub.url}", *(f"{k}={v}" for k, v in study.items())]


def one(rng, folder, choices):
    """A sequence of edited studies in one folder. Returns how many were killed."""
    study = {key: values[0] for key, values in choices.items()} | BEGIN
    edited, killed, story = folder / "edited", 0, []
    n_steps = rng.randint(2, 5)
    for step in range(n_steps):
        for key in rng.sample(sorted(choices), rng.randint(1, 4)):
            study[key] = rng.choice(choices[key])
            story.append(f"{key}={study[key]}")
        is_last, what = step == n_steps - 1, rng.random()
        story.append("|")
        if what < 0.3 or (is_last and what < 0.5):
            process = sg.begin("run", *arguments(study), "--quiet", "--results", edited, ranks=rng.choice((0, 2)))
            time.sleep(rng.uniform(0.05, 0.6))
            killed += process.poll() is None
            sg.kill_all(process, edited)
        elif what < 0.45:
            sg.run("generate", *arguments(study), "--results", edited, code=None)
        if what >= 0.45 and not is_last:
            sg.run("run", *arguments(study), "--results", edited, code=None)
    resumed = sg.run("run", *arguments(study), "--results", edited, code=None, ranks=rng.choice((0, 2)))[0]
    fresh = sg.run("run", *arguments(study), "--results", folder / "fresh", code=None)[0]
    if sg.digest(resumed) != sg.digest(fresh):
        print("edits:", *story)
        print("the last study:", *arguments(study))
        print("folder:", edited, folder / "fresh")
        tables = [json.loads(sg.run("report", f, "--format", "json")[0]) for f in (edited, folder / "fresh")]
        print("reports differ in:", [k for k in tables[1] if tables[0].get(k) != tables[1][k]])
        sg.fail(f"what is resumed after these edits is not what a fresh run gives; seed {SEED}")
    shutil.rmtree(edited)
    shutil.rmtree(folder / "fresh")
    return killed


print("seed", SEED, flush=True)
with sg.Folder() as folder, sg.Stub(folder, "--near", "6", "--latency", "0.002") as stub:
    choices = CHOICES | variants(folder)
    started = time.monotonic()

    def sequence(i):
        (folder / str(i)).mkdir()
        return one(random.Random(SEED * 1000003 + i), folder / str(i), choices)

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        n_killed = sum(pool.map(sequence, range(N)))
    print(f"ok: {N} sequences, {n_killed} kills, {len(stub.requests())} requests, {time.monotonic() - started:.1f} s")
