#!/usr/bin/env python3
"""PyTorch and transformers for the fine-tuned cells of a study (docs/external.md), on this rank's GPU where there is one.

    train.external="python3 examples/train_transformers.py"     pip install torch transformers
"""
import json
import os
import pathlib
import sys

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, get_linear_schedule_with_warmup, set_seed

folder = pathlib.Path(sys.argv[1])
cell = json.loads((folder / "cell.json").read_text())
s, n_gpus = cell["settings"], torch.cuda.device_count()
device = f"cuda:{int(os.environ['SYNTHGRID_LOCAL_RANK']) % n_gpus}" if n_gpus else "cpu"
set_seed(cell["seed"])
torch.set_num_threads(cell["threads"])
tokenizer = AutoTokenizer.from_pretrained(cell["encoder"])
model = AutoModelForSequenceClassification.from_pretrained(cell["encoder"], num_labels=len(cell["classes"])).to(device)


def rows(name):
    return [json.loads(line) for line in (folder / name).open(encoding="utf-8")]


def batch(of):
    pairs = [row["text_pair"] for row in of] if cell["pairs"] else None
    return tokenizer([row["text"] for row in of], pairs, truncation=True, max_length=s["max_length"], padding=True, return_tensors="pt").to(device)


train, test, size, steps = rows("train.jsonl"), rows("test.jsonl"), s["batch"], cell["steps"]
optimizer = torch.optim.AdamW(model.parameters(), lr=s["lr"], weight_decay=s["weight_decay"])
schedule = get_linear_schedule_with_warmup(optimizer, int(s["warmup"] * steps), steps)
order = []
for _ in range(steps):
    order = order or torch.randperm(len(train)).tolist()
    now, order = [train[i] for i in order[:size]], order[size:]
    loss = model(**batch(now), labels=torch.tensor([row["label"] for row in now], device=device)).loss
    loss.backward()
    if s["clip"] > 0:
        torch.nn.utils.clip_grad_norm_(model.parameters(), s["clip"])
    optimizer.step(), schedule.step(), optimizer.zero_grad()
model.eval()
with torch.no_grad(), (folder / "predictions.jsonl").open("w") as out:
    for i in range(0, len(test), 64):
        for logits in model(**batch(test[i:i + 64])).logits.tolist():
            print(json.dumps({"logits": logits}), file=out)
