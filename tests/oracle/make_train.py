#!/usr/bin/env python3
"""What PyTorch and transformers make of the models and texts of make_model.py: tests/oracle/model/<model>/train.safetensors

    <case>.ids, <case>.lengths    (T), (n) what the tokenizer gives, cut as CASES says
    <case>.logits, <case>.loss    (n,K), (1)
    <case>.norm, <case>.sketch    (tensors), (tensors,64) of the gradient of one batch with all rows of the case, dropout off
    run.order, run.loss           (50,4), (50) the examples of each step (-1: none) of 50 steps of AdamW, and its mean loss
    run.norm                      (50) of the gradient before clipping at CLIP
    run.eval                      (n,K) logits of `rows` after them
    run.final.<tensor>            the weights after them

A sketch is what 64 vectors of random signs s_k make of a gradient g, s_k . g: for the error e of another gradient, the mean of
(s_k . e)^2 over k is |e|^2 with a standard deviation of 18 %, so 64 numbers bear witness to all of a tensor.
The run starts from the encoder and a head drawn as sg_params_init_head does, and takes rows in sg_trainer_shuffle's order: both
are written here again, from base/rng.h's description.
All is computed in float64. What float32 makes of it is printed, to know what can be asked.
Tensors stand in the order of their names. Made with torch 2.15.0, transformers 5.23.0 (see the metadata).
"""
import hashlib
import math
import os
import sys

import numpy as np
import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer, get_linear_schedule_with_warmup

here = os.path.dirname(os.path.abspath(__file__))
torch.set_num_threads(1)
# model: case, cut, tokens
SMALL = [("rows", "longest_first", 40)]
LONG = [("lengths", "longest_first", 512), ("pairs", "longest_first", 512), ("pairs_short", "longest_first", 24),
        ("passage", "only_second", 512), ("passage_short", "only_second", 200), ("one", "longest_first", 512),
        ("empty", "longest_first", 512), ("longest", "longest_first", 512)]
CASES = {"bert": SMALL, "roberta": SMALL, "bert512": LONG, "roberta512": LONG}
SEED, BATCH, STEPS, WARMUP, LR, DECAY, CLIP, STD = 5, 4, 50, 5, 3e-3, 0.05, 1.0, 0.1


class Rng:
    """base/rng.h: Philox4x32-10 streams."""

    def __init__(self, seed, stream):
        self.key, self.stream, self.block, self.words = seed, stream, 0, []

    def u32(self):
        if not self.words:
            x = [self.block & 0xFFFFFFFF, self.block >> 32, self.stream & 0xFFFFFFFF, self.stream >> 32]
            k0, k1 = self.key & 0xFFFFFFFF, self.key >> 32
            for _ in range(10):
                p0, p1 = 0xD2511F53 * x[0], 0xCD9E8D57 * x[2]
                x = [(p1 >> 32) ^ x[1] ^ k0, p1 & 0xFFFFFFFF, (p0 >> 32) ^ x[3] ^ k1, p0 & 0xFFFFFFFF]
                k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
            self.words, self.block = x, self.block + 1
        return self.words.pop(0)

    def u64(self):
        return self.u32() << 32 | self.u32()

    def uniform(self):
        return (self.u64() >> 11) * 2.0**-53

    def normal(self):
        u, v = 1.0 - self.uniform(), self.uniform()
        return math.sqrt(-2.0 * math.log(u)) * math.cos(2 * math.pi * v)

    def below(self, n):
        while True:
            x = self.u64()
            if x >= 2**64 % n:
                return x % n

    def shuffle(self, x):
        for i in range(len(x) - 1, 0, -1):
            j = self.below(i + 1)
            x[i], x[j] = x[j], x[i]


def seed_of(text):
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def signs(n):
    """(n,64) of +1 and -1: bit k of splitmix64(j), 1 for +1."""
    with np.errstate(over="ignore"):
        z = (np.arange(n, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    bits = (z[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    return bits.astype(np.float64) * 2 - 1


def read_rows(folder, case):
    labels, rows = [], []
    for line in open(os.path.join(folder, case + ".txt")):
        label, *texts = line.rstrip("\n").split("|")
        labels.append(int(label))
        rows.append(texts)
    return rows, labels


def encode(tokenizer, rows, cut, length):
    # In lists, as training scripts do: without them an empty second text would count as none.
    given = [tokenizer(*([t] for t in texts), truncation=cut if len(texts) > 1 else True, max_length=length) for texts in rows]
    return [{k: v[0] for k, v in e.items()} for e in given]


def loss_of(model, tokenizer, encoded, labels):
    logits = model(**tokenizer.pad(encoded, return_tensors="pt")).logits
    return torch.nn.functional.cross_entropy(logits, torch.tensor(labels)), logits


def load(folder, dtype):
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    return model.to(dtype).eval()


def gradients(folder, tokenizer, case, cut, length, out):
    rows, labels = read_rows(folder, case.removesuffix("_short"))
    encoded = encode(tokenizer, rows, cut, length)
    grads = {}
    for dtype in (torch.float64, torch.float32):
        model = load(folder, dtype)
        loss, logits = loss_of(model, tokenizer, encoded, labels)
        loss.backward()
        grads[dtype] = {n: p.grad.double().numpy().ravel() for n, p in sorted(model.named_parameters())}
        if dtype == torch.float64:
            out[case + ".logits"], out[case + ".loss"] = logits.detach().float(), loss.detach().reshape(1)
    exact = grads[torch.float64]
    worst = max((np.linalg.norm(grads[torch.float32][n] - g) / np.linalg.norm(g), n) for n, g in exact.items() if "key.bias" not in n)
    print(os.path.basename(folder), case, "float32 is off by at most %.2g in %s" % worst)
    out[case + ".ids"] = torch.tensor([i for e in encoded for i in e["input_ids"]], dtype=torch.float16)
    out[case + ".lengths"] = torch.tensor([len(e["input_ids"]) for e in encoded], dtype=torch.float16)
    out[case + ".norm"] = torch.tensor([np.linalg.norm(g) for g in exact.values()], dtype=torch.float32)
    out[case + ".sketch"] = torch.tensor(np.stack([g @ signs(g.size) for g in exact.values()]), dtype=torch.float32)


def new_head(model):
    """As sg_params_init_head: BERT's pooler is the encoder's, the rest of the head is drawn."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.startswith("classifier"):
                rng = Rng(SEED, seed_of("head " + name))
                p.copy_(torch.zeros_like(p) if p.dim() == 1 else
                        torch.tensor([np.float32(STD * rng.normal()) for _ in range(p.numel())]).reshape(p.shape))


def batches(n):
    """Rows of each step; every epoch ends in a smaller batch."""
    out = []
    for epoch in range(STEPS):
        order = list(range(n))
        Rng(SEED, seed_of(f"shuffle epoch {epoch}")).shuffle(order)
        out += [order[i:i + BATCH] for i in range(0, n, BATCH)]
    assert len(out[-1]) < BATCH
    return out[:STEPS]


def run(folder, tokenizer, dtype):
    rows, labels = read_rows(folder, "train")
    encoded = encode(tokenizer, rows, "longest_first", 40)
    model = load(folder, dtype)
    new_head(model)
    plain = ("bias", "LayerNorm.weight")
    optimizer = torch.optim.AdamW([{"params": [p for n, p in model.named_parameters() if not n.endswith(plain)], "weight_decay": DECAY},
                                   {"params": [p for n, p in model.named_parameters() if n.endswith(plain)], "weight_decay": 0.0}], lr=LR)
    schedule = get_linear_schedule_with_warmup(optimizer, WARMUP, STEPS)
    losses, norms, order = [], [], batches(len(rows))
    for x in order:
        loss, _ = loss_of(model, tokenizer, [encoded[i] for i in x], [labels[i] for i in x])
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP).item())
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    held_out, held_labels = read_rows(folder, "rows")
    with torch.no_grad():
        _, logits = loss_of(model, tokenizer, encode(tokenizer, held_out, "longest_first", 40), held_labels)
    used, held = ({i for e in es for i in e["input_ids"]} for es in (encoded, encode(tokenizer, held_out, "longest_first", 40)))
    assert held - used and set(range(len(tokenizer))) - held - used, "some words must be in `rows` alone, and some nowhere"
    seen = [sum(bool({i} & {t for r in x for t in encoded[r]["input_ids"]}) for x in order) for i in used]
    assert min(seen) < STEPS / 4, "some words must be in few batches"
    clipped = sum(n > CLIP for n in norms)
    assert 10 <= clipped <= STEPS - 10, norms
    return model, losses, norms, order, logits, clipped


def both_runs(folder, tokenizer, out):
    model, losses, norms, order, logits, clipped = run(folder, tokenizer, torch.float64)
    rough, rough_losses, *_ = run(folder, tokenizer, torch.float32)
    other = dict(rough.named_parameters())
    worst = max(((p - other[n]).abs().max().item(), n) for n, p in model.named_parameters() if "key.bias" not in n)
    print(os.path.basename(folder), "run: %d steps clipped; loss %.4f to %.4f;" % (clipped, losses[0], losses[-1]),
          "float32 is off by at most %.2g in %s," % worst, "%.2g in a loss" % max(abs(a - b) for a, b in zip(losses, rough_losses)))
    out["run.order"] = torch.tensor([x + [-1] * (BATCH - len(x)) for x in order], dtype=torch.float16)
    out["run.loss"], out["run.norm"] = torch.tensor(losses, dtype=torch.float32), torch.tensor(norms, dtype=torch.float32)
    out["run.eval"] = logits.float()
    for name, p in model.named_parameters():
        out["run.final." + name] = p.detach().float()


if __name__ == "__main__":
    for name in sys.argv[1:] or CASES:
        folder, out = os.path.join(here, "model", name), {}
        tokenizer = AutoTokenizer.from_pretrained(folder)
        for case, cut, length in CASES[name]:
            gradients(folder, tokenizer, case, cut, length, out)
        if "512" not in name:
            both_runs(folder, tokenizer, out)
        save_file({k: v.contiguous() for k, v in out.items()}, os.path.join(folder, "train.safetensors"),
                  {"torch": torch.__version__, "transformers": transformers.__version__})
