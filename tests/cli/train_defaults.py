#!/usr/bin/env python3
"""60 rows of 4 classes are learned without any setting: 95 % of the training rows, and plan says which studies have too few steps."""
import json

import sg

sg.need_encoder()
JOINED = {"joy": "good", "love": "good", "fear": "sudden", "surprise": "sudden"}

with sg.Folder() as folder:
    rows = [json.loads(line) for line in (sg.ROOT / "data" / "sample" / "emotion" / "train.jsonl").read_text().splitlines()]
    four = folder / "four.jsonl"
    rows = [{"text": " ".join(r["text"].split()[:5]), "label": JOINED.get(r["label"], r["label"])} for r in rows]  # short, for speed
    four.write_text("".join(json.dumps(r) + "\n" for r in rows))
    sg.check(len(rows) == 60 and len({r["label"] for r in rows}) == 4, "not 60 rows of 4 classes")

    def train(encoder, *settings):
        out, _ = sg.run("train", "--encoder", encoder, "--train", four, "--eval", four, "--json", *settings, env={"OMP_NUM_THREADS": "2"})
        return json.loads(out)

    TINY = sg.ROOT / "tests" / "oracle" / "model" / "bert"  # knows 25 words: nothing can be learned with it
    for encoder, rate, least in ((sg.ENCODER, 2e-4, 0.95), (TINY, 1e-3, 0)):
        result = train(encoder)
        sg.check(result["steps"] == 100 and abs(result["lr"] - rate) < 1e-12, f"{encoder}: {result['steps']} steps at {result['lr']}")
        sg.check(result["accuracy"] >= least, f"{encoder}: {result['accuracy']} of its training rows")
    # What is set counts, and more rows than the least number of steps takes have their epochs.
    few = train(TINY, "train.min_steps=0", "train.lr=5e-5")
    sg.check(few["steps"] == 12 and few["lr"] == 5e-5, f"{few['steps']} steps at {few['lr']}")
    sg.check(train(TINY, "train.epochs=40")["steps"] == 160, "fewer than its epochs")

    def plan(*settings):
        study = [*sg.QUICKSTART, "tasks=[emotion]", *settings]
        return sg.run("plan", *study)[0], json.loads(sg.run("plan", *study, "--json")[0])["n_cells_few_steps"]

    text, n = plan("train.lr=auto", "train.min_steps=100")
    sg.check(n == 0 and "too few steps" not in text, f"a warning of defaults that learn: {text}")
    text, n = plan("train.lr=5e-5", "train.min_steps=0")
    sg.check(n == 21 and "warning: 21 of 21 cells have too few steps to learn much (6 and more, at a rate of 5e-05)" in text, text)
