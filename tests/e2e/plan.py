#!/usr/bin/env python3
"""`synthgrid plan` of a study of which nothing is there but its task files, and what it says of a job, of money and of models that are gone.
Nothing is asked, no encoder is needed."""
import datetime
import json
import re
import shutil

import sg

QUICK = str(sg.ROOT / "experiments/grid.yaml")
BARE = {"OPENAI_API_KEY": "", "OPENAI_BASE_URL": "", "ANTHROPIC_API_KEY": ""}
NOTHING = ("generator.recording=", "data.dir=/nowhere", "train.encoder=/nowhere/bert-base-uncased")


def plan(*more, code=0, env=BARE, study=QUICK):
    out, _ = sg.run("plan", study, *more, "--json", env=env, code=code)
    return json.loads(out)


def lacks(p):
    return [m["what"] for m in p["missing"]]


# Nothing there: all that is missing at once, and an estimate all the same.
p = plan(*NOTHING, "generator.model=gpt-4o-mini", "generator.usd_per_1m_input=", "generator.usd_per_1m_output=", "tasks=[sst2,boolq]")
sg.check(sorted(lacks(p)) == ["encoder", "key", "limit", "rows", "rows", "rows", "rows"], f"missing: {p['missing']}")
sg.check(p["n_cells"] == 42 and p["n_requests"] > 300 and p["cost_usd_missing"] > 0 and p["core_s"] > 0, f"no estimate: {p}")
sg.check("bert-base-uncased" in p["encoder_assumed"] and "109 million" in p["encoder_assumed"], p["encoder_assumed"])
sg.check(all(t["train_is_assumed"] and t["test_is_assumed"] and t["n_train"] == 40 for t in p["tasks"]) and [t["n_test"] for t in p["tasks"]] == [872, 3270],
         f"not as the task files say: {p['tasks']}")
text = sg.run("plan", QUICK, *NOTHING, env=BARE)[0]
sg.check(text.count("missing  ") == len(plan(*NOTHING)["missing"]) == 14 and "1 x 1 x 1 seeds" in text, "the text tells something else:\n" + text)

# A file that is wrong is listed with what is missing, and the command fails with it.
with sg.Folder() as folder:
    (folder / "data/sst2").mkdir(parents=True)
    (folder / "data/sst2/train.jsonl").write_text('{"text": "a b", "label": "sideways"}\n')
    p = plan(*NOTHING, f"data.dir={folder}/data", "tasks=[sst2]", code=2)
    sg.check(sum(m["is_wrong"] for m in p["missing"]) == 1 and lacks(p).count("rows") == 2 and "encoder" in lacks(p), str(p["missing"]))
    # More raw rows than there are.
    p = plan("generator.recording=", "raw=[500]", "tasks=[sst2]", "train.encoder=/nowhere/x", code=2)
    sg.check(any(m["is_wrong"] and "raw asks for 500 examples" in m["text"] for m in p["missing"]), str(p["missing"]))
    # From any folder: prices, tasks, the sample; and rows beside a task file.
    shutil.copy(QUICK, folder / "mine.yaml")
    there = json.loads(sg.run("plan", folder / "mine.yaml", "generator.model=gpt-4o-mini", "generator.usd_per_1m_input=",
                              "generator.usd_per_1m_output=", "--json", env=BARE, cwd=folder)[0])
    sg.check("rows" not in lacks(there) and there["price"]["usd_per_1m_input"] == 0.15, f"nothing is found from {folder}: {there}")
    (folder / "own").mkdir()
    (folder / "own/sst2.yaml").write_text((sg.ROOT / "experiments/tasks/sst2.yaml").read_text().replace("train: train.jsonl", "train: rows.jsonl"))
    shutil.copy(sg.ROOT / "data/sample/sst2/train.jsonl", folder / "own/rows.jsonl")
    text = sg.run("plan", QUICK, f"tasks=[{folder}/own/sst2.yaml]", env=BARE)[0]
    sg.check(f"rows     sst2: rows.jsonl in {folder}/own, beside the task file" in text, "not found beside the task file:\n" + text)
sg.check("raw_draw: balanced" in text and plan("raw_draw=proportional")["raw_draw"] == "proportional", "raw_draw is not told")

# The shape counts: by name, by what a folder's config.json says, by the family.
shapes = {name: plan(*NOTHING[:2], f"train.encoder=/nowhere/{name}") for name in
          ("all-MiniLM-L6-v2", "MiniLM-L12-H384-uncased", "bert-base-cased", "roberta-base", "roberta-large", "xlm-roberta-base", "unheard-of",
           "models--FacebookAI--roberta-large", "deberta-v3-base")}
millions = {name: int(re.search(r"\((\d+) million", p["encoder_assumed"])[1]) for name, p in shapes.items()}
sg.check(millions == {"all-MiniLM-L6-v2": 23, "MiniLM-L12-H384-uncased": 33, "bert-base-cased": 108, "roberta-base": 124, "roberta-large": 354,
                      "xlm-roberta-base": 277, "unheard-of": 109, "models--FacebookAI--roberta-large": 354, "deberta-v3-base": 109}, str(millions))
sg.check("not trained here" in shapes["deberta-v3-base"]["encoder_assumed"] and "not known" in shapes["unheard-of"]["encoder_assumed"], "unknown names")
cost = {name: p["core_s"] for name, p in shapes.items()}
sg.check(cost["all-MiniLM-L6-v2"] < cost["MiniLM-L12-H384-uncased"] < cost["roberta-base"] < cost["roberta-large"], str(cost))
sg.check(abs(cost["xlm-roberta-base"] / cost["roberta-base"] - 1) < 0.01, "a larger vocabulary costs arithmetic")

# max_length (to the encoder's positions), bf16, steps and min_steps count.
base = ("train.max_length=512", "tasks=[boolq]", "train.batch=16", "train.encoder=/nowhere/roberta-base", "generator.recording=")
long = plan(*base)["core_s"]
sg.check(plan(*base, "train.max_length=64")["core_s"] < 0.95 * long == 0.95 * plan(*base, "train.max_length=4096")["core_s"], "max_length")
sg.check(abs(plan(*base, "train.precision=bf16")["core_s"] * 1.5 / long - 1) < 1e-9, "bf16")
sg.check(plan(*base, "train.min_steps=1000")["core_s"] > 5 * long and plan(*base, "train.steps=1")["core_s"] < long, "steps")

# Layers that are left out or frozen take less time and memory; more than there are is refused, or told where the encoder is a guess.
sizes = [plan(*base, *settings) for settings in ([], ["train.freeze=6"], ["train.layers=6"], ["train.freeze=12"])]
times, mems = [p["core_s"] / long for p in sizes], [p["mem_bytes_per_rank"] for p in sizes]
sg.check(times[0] == 1 and 0.4 < times[2] < times[1] < 0.65 and 0.1 < times[3] < 0.3, f"layers and freeze: {times}")
sg.check(mems[0] > mems[2] > mems[1] > mems[3], f"layers and freeze: {mems}")  # with six layers all embeddings are trained
for settings, says in ((["train.layers=13"], "train.layers is 13, but the encoder has 12 layers"),
                       (["train.freeze=13"], "train.freeze is 13, but the encoder has 12 layers")):
    text = sg.run("plan", QUICK, *base, *settings, env=BARE)[0]
    sg.check(re.search("missing +encoder: " + says, text), text)

# A job: hours, memory of a node, sbatch.
one, job = plan(*base, "--ranks", "1", "--threads", "1"), plan(*base, "--ranks", "4", "--threads", "2")
sg.check(abs(one["hours"] * 3600 / one["core_s"] - 1) < 1e-9 and abs(one["hours"] / job["hours"] - 8) < 1e-6, f"{one['hours']} and {job['hours']} hours")
shared = 4 * job["mem_bytes_per_rank"] - job["mem_bytes_per_node"]  # the encoder's weights: once instead of four times
sg.check(abs(shared / (3 * 4 * 124.6e6) - 1) < 0.02, f"memory: {shared / 1e6} MB are shared")
text = sg.run("plan", QUICK, *base, "--ranks", "4", "--threads", "2", env=BARE)[0]
sg.check(re.search(r"hours .* on 4 ranks with 2 threads each", text) and
         re.search(r"sbatch --ntasks=4 --cpus-per-task=2 --mem-per-cpu=\d+M --time=\d+:\d\d:00 slurm/study.sbatch .*grid.yaml", text), text)
sg.check(plan(*base, "--threads", "64")["hours"] == plan(*base, "--threads", "8")["hours"], "threads beyond the lanes are of use")
sg.run("plan", QUICK, "--ranks", "0", code=2)

# Money: a budget below the estimate, and what none holds.
sg.check("budget" in lacks(plan(*base, "generator.usd_per_1m_output=100", "budget.usd=0.01")) and
         "budget" not in lacks(plan(*base, "generator.usd_per_1m_output=100", "budget.usd=100")), "the budget is not held against the estimate")
free = ("generator.usd_per_1m_input=", "generator.usd_per_1m_output=")
sg.check("prices" in lacks(plan(*base, *free, "generator.base_url=https://llm.example.org/v1")), "unknown prices are not told")
sg.check(lacks(plan(*base, *free, "generator.base_url=http://127.0.0.1:9/v1")) == ["encoder"], "a server of one's own needs a key or prices")
sg.check("recording" in lacks(plan("generator.recording=/nowhere.jsonl.gz")), "a recording that is not there")
sg.check("model" in lacks(plan(*base, "generator.provider=llama", "generator.model_file=/nowhere.gguf")), "a model's file that is not there")

# A model that is gone; one that will be; the same name elsewhere.
gone = plan(*base, "generator.model=gpt-3.5-turbo")
sg.check(any("was retired on 2026-10-23" in m["text"] and "openai.com" in m["text"] for m in gone["missing"]), str(gone["missing"]))
sg.check("model" in lacks(plan(*base, "generator.provider=anthropic", "generator.model=claude-3-opus-20240229", "generator.api_key_env=ANTHROPIC_API_KEY")),
         "claude-3-opus")
sg.check("model" not in lacks(plan(*base, "generator.model=gpt-3.5-turbo", "generator.base_url=http://127.0.0.1:9/v1")), "a server of one's own")
if datetime.date.today() < datetime.date(2027, 1, 14):
    text = sg.run("plan", QUICK, *base, "generator.model=gpt-4o-mini", *free, env=BARE)[0]
    sg.check("gpt-4o-mini will be retired on 2027-01-14" in text, text)

# Packing, by the policy of a run.
packed = json.loads(sg.run("plan", QUICK, *base, "--threads", "1", "--simulate", "1,8", "--json")[0])["simulations"]
one, eight = packed
sg.check([s["n_ranks"] for s in packed] == [1, 8] and one["end_s"] == one["bound_s"] > 0 and one["n_cells"] == eight["n_cells"] > 8, str(packed))
sg.check(one["end_s"] / 8 <= eight["bound_s"] * 1.001 and eight["bound_s"] <= eight["end_s"] * 1.001 < one["end_s"] and eight["end_s"] <= eight["first_come_s"] * 1.001, str(packed))
sg.check("of bound" in sg.run("plan", QUICK, *base, "--simulate", "4")[0], "no table of packing")
for bad in ("0", "4,", "x", "10000000"):
    sg.check("--simulate" in sg.run("plan", QUICK, *base, "--simulate", bad, code=2)[1], bad)
print("ok")
