#!/usr/bin/env python3
"""train, predict and tokenize on the sample data: one result for any number of ranks, what is saved predicts what was measured,
and bad input gives one clear message and exit code 2."""
import json
import math
import pathlib

import sg

sg.need_encoder()
SST2 = sg.ROOT / "data" / "sample" / "sst2"
RTE = sg.ROOT / "data" / "sample" / "rte"
KEYS = ("seconds", "tokens_per_s", "steps", "accuracy", "macro_f1", "loss", "digest", "peak_mem_bytes", "step_seconds",
        "peak_rss_bytes")


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def train(*arguments, ranks=0):
    out, _ = sg.run("train", "--encoder", sg.ENCODER, *arguments, "--json", ranks=ranks)
    result = lines(out)[-1]
    for key in KEYS:
        sg.check(key in result, f"train --json lacks {key}")
    return result


with sg.Folder() as folder:
    # Token ids: BERT's first and last token, and the cut.
    (folder / "two.jsonl").write_text('{"text": "Hello, world!"}\n{"idx": 1, "text": "x"}\n')
    rows = lines(sg.run("tokenize", "--encoder", sg.ENCODER, "--input", folder / "two.jsonl")[0])
    sg.check(rows == [[101, 7592, 1010, 2088, 999, 102], [101, 1060, 102]], f"tokenize gives {rows}")
    rows = lines(sg.run("tokenize", "--encoder", sg.ENCODER, "--input", RTE / "test.jsonl", "--max-length", "20")[0])
    n_rte = len((RTE / "test.jsonl").read_text().splitlines())
    sg.check(len(rows) == n_rte and max(map(len, rows)) == 20, "tokenize does not cut pairs to --max-length")
    sg.check(all(r[0] == 101 and r.count(102) == 2 for r in rows), "a pair is not [CLS] a [SEP] b [SEP]")

    # The same weights on any number of ranks, one of them idle with three.
    data = ["--train", SST2 / "train.jsonl", "--eval", SST2 / "test.jsonl", "train.steps=4", "train.batch=8", "train.max_length=32"]
    has_bf16, trained = "avx2" in pathlib.Path("/proc/cpuinfo").read_text(), {}
    runs = [(0, ()), (2, ()), (3, ()), (0, ("train.seed=1",)), (2, ("--save", folder / "saved"))]
    runs += [(n, ("train.precision=bf16", "--save", folder / f"half{n}")) for n in (0, 2)] * has_bf16
    sg.side_by_side(lambda run: trained.update({run: train(*data, *run[1], ranks=run[0])}), runs)
    results, seed, saved, *half = [trained[run] for run in runs[:3]], *(trained[run] for run in runs[3:])
    first = results[0]
    sg.check(first["steps"] == 4 and len(first["loss"]) == 4, f"4 steps were asked for: {first}")
    for other in results:
        took = other["step_seconds"]
        sg.check(len(took) == 4 and min(took) > 0, f"not the time of each of 4 steps: {took}")
        sg.check(math.isclose(sum(took), other["seconds"], rel_tol=1e-6), f"{took} is not {other['seconds']} s together")
        sg.check(other["peak_rss_bytes"] > 1e7, f"no process this small: {other['peak_rss_bytes']}")
    sg.check(first["peak_rss_bytes"] > first["peak_mem_bytes"] / 2, f"less memory in use than was asked for: {first}")
    sg.check(all(math.isfinite(x) for x in first["loss"]), f"the loss is no number: {first['loss']}")
    for other in results[1:]:
        for key in ("digest", "loss", "accuracy", "macro_f1", "tokens"):
            sg.check(other[key] == first[key], f"{key} depends on the number of ranks: {other[key]} {first[key]}")
    sg.check(seed["digest"] != first["digest"], "the seed changes nothing")

    # What was saved predicts what was measured.
    sg.check(saved["digest"] == first["digest"], "--save changes the result")
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        sg.check((folder / "saved" / name).exists(), f"--save writes no {name}")
    out, _ = sg.run("predict", "--model", folder / "saved", "--input", SST2 / "test.jsonl", "--max-length", "32")
    found, gold = lines(out), lines((SST2 / "test.jsonl").read_text())
    sg.check(len(found) == len(gold), "predict gives another number of rows")
    correct = sum(f["label"] == g["label"] for f, g in zip(found, gold))
    sg.check(abs(correct / len(gold) - saved["accuracy"]) < 1e-6, f"predict: {correct}/{len(gold)}, train: {saved['accuracy']}")
    for f in found:
        p = f["probabilities"]
        sg.check(sorted(p) == ["negative", "positive"] and abs(sum(p.values()) - 1) < 1e-6, f"no probabilities: {f}")
        sg.check(p[f["label"]] == max(p.values()) and len(f["logits"]) == 2, f"the label is not the likeliest: {f}")

    out, _ = sg.run("predict", "--model", folder / "saved", "--input", SST2 / "test.jsonl", "--max-length", "32", "--json")
    *rows, summary = lines(out)
    sg.check(rows == found, "predict --json changes the rows")
    sg.check(summary["rows"] == len(gold) and summary["seconds"] > 0 and summary["peak_rss_bytes"] > 1e7,
             f"predict --json ends with {summary}")
    sg.check(math.isclose(summary["rows_per_s"] * summary["seconds"], len(gold), rel_tol=1e-6), f"rows a second: {summary}")

    # Products in bfloat16: on any number of ranks the same bits, others than in fp32, and what is saved predicts so too.
    if has_bf16:
        sg.check(half[0]["digest"] == half[1]["digest"] != first["digest"], f"bf16: {half[0]['digest']} {half[1]['digest']}")
        sg.check(abs(half[0]["loss"][-1] - first["loss"][-1]) < 0.02, f"bf16: {half[0]['loss']} is far from {first['loss']}")
        out, _ = sg.run("predict", "--model", folder / "half0", "--input", SST2 / "test.jsonl", "--max-length", "32", "--precision", "bf16")
        right = sum(f["label"] == g["label"] for f, g in zip(lines(out), gold)) / len(gold)
        sg.check(abs(right - half[0]["accuracy"]) < 1e-6, f"predict --precision bf16: {right}, train: {half[0]['accuracy']}")
    _, err = sg.run("predict", "--model", folder / "saved", "--input", SST2 / "test.jsonl", "--precision", "half", code=2)
    sg.check("--precision" in err and "half" in err and "hint: fp32 or bf16" in err, err)

    # transformers leaves id2label out of config.json where the names are LABEL_0, LABEL_1.
    config = json.loads((folder / "saved" / "config.json").read_text())
    for name in ("id2label", "label2id"):
        del config[name]
    (folder / "saved" / "config.json").write_text(json.dumps(config))
    out, _ = sg.run("predict", "--model", folder / "saved", "--input", SST2 / "test.jsonl", "--max-length", "32")
    for f, g in zip(found, lines(out)):
        sg.check(g["label"] == {"negative": "LABEL_0", "positive": "LABEL_1"}[f["label"]] and g["logits"] == f["logits"],
                 f"without id2label: {g}, with it: {f}")

    # The table for people.
    out, _ = sg.run("train", "--encoder", sg.ENCODER, *data)
    sg.check("accuracy" in out and "macro-F1" in out and first["digest"] in out, f"the table lacks something:\n{out}")

    def file(name, text):
        (folder / name).write_text(text)
        return folder / name

    good = SST2 / "train.jsonl"
    csv = file("good.csv", "label,text\nx,one\ny,two\n")
    bad = [
        (["--train", file("empty.jsonl", ""), "--eval", good], ["empty.jsonl", "no rows"]),
        (["--train", folder / "nowhere.jsonl", "--eval", good], ["nowhere.jsonl", "No such file"]),
        (["--train", file("cut.jsonl", '{"text": "a", "label": "x"}\n{"text'), "--eval", good], ["cut.jsonl:2", "JSON"]),
        (["--train", file("bare.jsonl", '{"text": "a"}\n'), "--eval", good], ["bare.jsonl:1", "label"]),
        (["--train", file("same.jsonl", '{"text": "a", "label": "x"}\n' * 3), "--eval", good], ["same.jsonl", "same label"]),
        (["--train", good, "--eval", csv], ["good.csv", "row 1", "\"x\"", "negative", "positive"]),
        (["--train", good, "--eval", RTE / "test.jsonl"], ["rte/test.jsonl", "text pairs", "single texts"]),
        (["--train", good, "--eval", good, "train.epoch=3"], ["train.epoch", "train.epochs"]),
        (["--train", good, "--eval", good, "train.lr=fast"], ["train.lr", "fast"]),
        (["--train", good, "--eval", good, "train.lanes=3"], ["lanes"]),
        (["--train", good, "--eval", good, "train.precision=fp16"], ["train.precision", "fp32, bf16", "fp16"]),
        (["--train", "-", "--eval", good], ["no rows", "standard input"]),
    ]

    def refused(case):
        arguments, words = case
        for ranks in (0, 2):
            out, err = sg.run("train", "--encoder", sg.ENCODER, *arguments, ranks=ranks, code=2)
            said = [line for line in err.splitlines() if line.startswith("synthgrid: ")]
            sg.check(len(said) == 1, f"{arguments} on {ranks} ranks: not one message:\n{err}")
            if arguments[1] == "-":
                sg.check(any(word in said[0] for word in words), said[0])
                continue
            for word in words:
                sg.check(word in said[0], f"{arguments}: no \"{word}\" in: {said[0]}")

    sg.side_by_side(refused, bad)
    out, err = sg.run("train", "--encoder", folder, "--train", good, "--eval", good, code=2)
    sg.check("config.json" in err, f"an empty encoder folder: {err}")
    file("blocked", "")
    out, err = sg.run("train", "--encoder", sg.ENCODER, *data, "--save", folder / "blocked", ranks=2, code=1)
    sg.check("is no folder" in err, f"--save into a file: {err}")
print("ok")
