#!/usr/bin/env python3
"""The peer: fine-tuning and inference with PyTorch and transformers, the way people do them.

    peer_train.py train   --encoder DIR --train F.jsonl [--eval F.jsonl] [--sort] [--compile] ...
    peer_train.py predict --model DIR --input F.jsonl [--sort] [--compile] ...

Training: AutoModelForSequenceClassification, batches padded to their longest sequence, fused AdamW (decay 0.01, none on
biases and LayerNorm), a tenth of the steps warm-up and then linear decay, gradients clipped to norm 1. --sort groups rows
of like length as the Hugging Face Trainer does with group_by_length: shuffled, then sorted within runs of 50 batches.
Inference: batches of 64, padded; --sort takes the rows by length.

--warm-up puts untimed steps before it all, so that compilation and first touches are not in the numbers.
Prints one JSON object; tokens are real ones, without padding.
Rows: {"text"}, {"sentence1", "sentence2"} or {"question", "passage"}, and "label".
"""
import argparse
import json
import platform
import random
import resource
import sys
import time

try:
    import torch
    import transformers
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, get_linear_schedule_with_warmup
except ImportError as error:
    sys.exit(f"peer_train.py: {error}; hint: python3 -m venv peer && peer/bin/pip install torch transformers")

NO_DECAY = ("bias", "LayerNorm.weight", "LayerNorm.bias")


def peak_rss_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


IMPORT_RSS_BYTES = peak_rss_bytes()  # before a model is there


def read_rows(path, limit=0):
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return rows[:limit] if limit else rows


def texts_of(row):
    if "text" in row:
        return (row["text"],)
    return (row["question"], row["passage"]) if "passage" in row else (row["sentence1"], row["sentence2"])


def encode(tokenizer, rows, max_length):
    return [tokenizer(*texts_of(row), truncation=True, max_length=max_length) for row in rows]


def n_tokens(encoded):
    return len(encoded["input_ids"])


def by_length(order, encoded):
    return sorted(order, key=lambda i: -n_tokens(encoded[i]))


def epoch_order(n, batch, encoded, sort, rng):
    """The order of an epoch. In the Trainer's, the longest batch comes first, so that memory runs out early or never."""
    order = list(range(n))
    rng.shuffle(order)
    if sort:
        run = 50 * batch
        order = [i for at in range(0, n, run) for i in by_length(order[at:at + run], encoded)]
    return order


def slices(order, batch):
    return [order[at:at + batch] for at in range(0, len(order), batch)]


class Trainer:
    def __init__(self, a, names, encoded, labels, tokenizer):
        dropout = {} if a.dropout < 0 else {"hidden_dropout_prob": a.dropout, "attention_probs_dropout_prob": a.dropout}
        self.model = AutoModelForSequenceClassification.from_pretrained(a.encoder, num_labels=len(names), **dropout)
        self.run = torch.compile(self.model, dynamic=True) if a.compile else self.model
        self.encoded, self.labels, self.tokenizer = encoded, labels, tokenizer
        named = list(self.model.named_parameters())
        self.optimizer = torch.optim.AdamW(
            [{"params": [p for name, p in named if not name.endswith(NO_DECAY)], "weight_decay": 0.01},
             {"params": [p for name, p in named if name.endswith(NO_DECAY)], "weight_decay": 0.0}], lr=a.lr, fused=True)

    def start_schedule(self, total):
        self.schedule = get_linear_schedule_with_warmup(self.optimizer, total // 10, total)

    def step(self, rows):
        inputs = self.tokenizer.pad([self.encoded[i] for i in rows], return_tensors="pt")
        gold = torch.tensor([self.labels[i] for i in rows])
        loss = torch.nn.functional.cross_entropy(self.run(**inputs).logits, gold)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        return loss.item()

    def warm_up(self, batch):
        """The longest, the shortest and a middle batch, with a learning rate of 0: weights stay as they are."""
        order = by_length(range(len(self.encoded)), self.encoded)
        rates = [group["lr"] for group in self.optimizer.param_groups]
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda _: 0.0)
        middle = max(0, (len(order) - batch) // 2)
        for rows in (order[:batch], order[-batch:], order[middle:middle + batch]):
            self.step(rows)
        for state in self.optimizer.state.values():
            for tensor in state.values():
                tensor.zero_()
        for group, rate in zip(self.optimizer.param_groups, rates):
            group["lr"] = group["initial_lr"] = rate


def measures(predicted, gold, n_classes):
    f1 = []
    for k in range(n_classes):
        hit = sum(p == k == g for p, g in zip(predicted, gold))
        f1.append(2 * hit / max(1, predicted.count(k) + gold.count(k)))
    return {"accuracy": sum(p == g for p, g in zip(predicted, gold)) / len(gold), "macro_f1": sum(f1) / n_classes}


def infer(run, tokenizer, rows, a):
    """Class of each row, and the real tokens: tokenizing, padding and the model, as one would time it."""
    encoded = encode(tokenizer, rows, a.max_length)
    order = by_length(range(len(rows)), encoded) if a.sort else list(range(len(rows)))
    found = [0] * len(rows)
    with torch.inference_mode():
        for part in slices(order, a.eval_batch):
            inputs = tokenizer.pad([encoded[i] for i in part], return_tensors="pt")
            for i, k in zip(part, run(**inputs).logits.argmax(-1).tolist()):
                found[i] = k
    return found, sum(map(n_tokens, encoded))


def train(a):
    tokenizer = AutoTokenizer.from_pretrained(a.encoder)
    rows = read_rows(a.train, a.limit)
    held_out = read_rows(a.eval) if a.eval else []
    names = sorted({str(row["label"]) for row in rows + held_out})
    encoded = encode(tokenizer, rows, a.max_length)
    torch.manual_seed(a.seed)
    t = Trainer(a, names, encoded, [names.index(str(row["label"])) for row in rows], tokenizer)
    t.model.train()
    if a.warm_up:
        t.warm_up(a.batch)
        torch.manual_seed(a.seed)
    per_epoch = -(-len(rows) // a.batch)
    total = a.steps or a.epochs * per_epoch
    t.start_schedule(total)
    rng, losses, step_seconds, tokens = random.Random(a.seed), [], [], 0
    while len(losses) < total:
        for part in slices(epoch_order(len(rows), a.batch, encoded, a.sort, rng), a.batch)[:total - len(losses)]:
            begin = time.perf_counter()
            losses.append(t.step(part))
            step_seconds.append(time.perf_counter() - begin)
            tokens += sum(n_tokens(encoded[i]) for i in part)
    seconds = sum(step_seconds)
    result = {"seconds": seconds, "tokens": tokens, "tokens_per_s": tokens / seconds, "steps": total, "loss": losses,
              "step_seconds": step_seconds, "peak_rss_bytes": peak_rss_bytes(), "import_rss_bytes": IMPORT_RSS_BYTES}
    if held_out:
        t.model.eval()
        found, _ = infer(t.model, tokenizer, held_out, a)
        result.update(measures(found, [names.index(str(row["label"])) for row in held_out], len(names)))
    return result


def predict(a):
    tokenizer = AutoTokenizer.from_pretrained(a.model)
    model = AutoModelForSequenceClassification.from_pretrained(a.model).eval()
    run = torch.compile(model, dynamic=True) if a.compile else model
    rows = read_rows(a.input, a.limit)
    if a.warm_up:
        infer(run, tokenizer, rows[:a.eval_batch], a)
    begin = time.perf_counter()
    found, tokens = infer(run, tokenizer, rows, a)
    seconds = time.perf_counter() - begin
    return {"seconds": seconds, "tokens": tokens, "tokens_per_s": tokens / seconds, "rows": len(rows),
            "peak_rss_bytes": peak_rss_bytes(), "labels": [model.config.id2label[k] for k in found]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "predict", "versions"))
    for name in ("encoder", "train", "eval", "model", "input"):
        parser.add_argument("--" + name)
    for name, value in (("epochs", 3), ("steps", 0), ("batch", 16), ("eval-batch", 64), ("seed", 0), ("threads", 0), ("limit", 0),
                        ("max-length", 256)):
        parser.add_argument("--" + name, type=int, default=value)
    parser.add_argument("--lr", type=float, default=5e-5)
    parser.add_argument("--dropout", type=float, default=-1, help="below 0: as config.json says")
    parser.add_argument("--sort", action="store_true")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--warm-up", action="store_true", help="untimed steps first")
    a = parser.parse_args()
    if a.threads:
        torch.set_num_threads(a.threads)
    transformers.logging.set_verbosity_error()
    if a.what == "versions":
        result = {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__,
                  "cpu": torch.backends.cpu.get_cpu_capability()}
    else:
        result = train(a) if a.what == "train" else predict(a)
    print(json.dumps(result))


main()
