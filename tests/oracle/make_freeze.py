#!/usr/bin/env python3
"""What PyTorch and transformers make of `train.layers` and `train.freeze`: tests/oracle/model/bert4/

    config.json, model.safetensors, vocab.txt   a tiny random BERT of four layers
    train.safetensors                           of each case of CASES, "l<layers>f<frozen>":
        <case>.loss, <case>.norm                (40) of AdamW's steps; norm: of the gradient before clipping at CLIP
        <case>.eval                             (n,K) logits of bert's `rows` after them
        <case>.final                            (tensors) the length of each tensor after them, in the order of their names

Of the case's model the first `layers` layers are read (num_hidden_layers). Embeddings and the first `frozen` layers have
requires_grad False: they are no part of AdamW or of clip_grad_norm_. 0 frozen: the embeddings are trained, too.
The run is make_train.py's, on bert's `train`, in float64. Made with torch 2.15.0, transformers 5.24.0 (see the metadata).
"""
import os
import shutil

import torch
import transformers
from make_train import (CLIP, DECAY, LR, STEPS, WARMUP, batches, encode, here, loss_of, new_head, read_rows)
from safetensors.torch import save_file
from transformers import (AutoModelForSequenceClassification, AutoTokenizer, BertConfig, BertForSequenceClassification,
                          get_linear_schedule_with_warmup)

CASES = [(4, 0), (3, 0), (4, 1), (4, 2), (3, 2), (4, 3), (3, 3)]
N_STEPS = 40
folder, texts = os.path.join(here, "model", "bert4"), os.path.join(here, "model", "bert")


def make():
    torch.manual_seed(11)
    os.makedirs(folder, exist_ok=True)
    shutil.copy(os.path.join(texts, "vocab.txt"), folder)
    config = BertConfig(vocab_size=25, max_position_embeddings=48, hidden_size=16, num_hidden_layers=4, num_attention_heads=2,
                        intermediate_size=20, num_labels=3, initializer_range=0.1)
    model = BertForSequenceClassification(config)
    with torch.no_grad():
        for _, p in model.named_parameters():
            if p.dim() == 1:
                p.add_(torch.randn_like(p) * 0.1)
    model.save_pretrained(folder)


def run(layers, frozen, tokenizer, dtype):
    rows, labels = read_rows(texts, "train")
    encoded = encode(tokenizer, rows, "longest_first", 40)
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32, num_hidden_layers=layers,
                                                               attn_implementation="eager").to(dtype).eval()
    new_head(model)
    if frozen:
        for part in [model.bert.embeddings, *model.bert.encoder.layer[:frozen]]:
            part.requires_grad_(False)
    trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    plain = ("bias", "LayerNorm.weight")
    optimizer = torch.optim.AdamW([{"params": [p for n, p in trained if not n.endswith(plain)], "weight_decay": DECAY},
                                   {"params": [p for n, p in trained if n.endswith(plain)], "weight_decay": 0.0}], lr=LR)
    schedule = get_linear_schedule_with_warmup(optimizer, N_STEPS // 10, N_STEPS)
    losses, norms = [], []
    for x in batches(len(rows))[:N_STEPS]:
        loss, _ = loss_of(model, tokenizer, [encoded[i] for i in x], [labels[i] for i in x])
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_([p for _, p in trained], CLIP).item())
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    held_out, held_labels = read_rows(texts, "rows")
    with torch.no_grad():
        _, logits = loss_of(model, tokenizer, encode(tokenizer, held_out, "longest_first", 40), held_labels)
    assert 3 <= sum(n > CLIP for n in norms) <= N_STEPS - 3, norms
    return model, losses, norms, logits


assert N_STEPS <= STEPS and WARMUP
make()
tokenizer, out = AutoTokenizer.from_pretrained(folder), {}
for layers, frozen in CASES:
    name = f"l{layers}f{frozen}"
    model, losses, norms, logits = run(layers, frozen, tokenizer, torch.float64)
    _, rough, _, rough_logits = run(layers, frozen, tokenizer, torch.float32)
    print(name, "loss %.4f to %.4f; float32 is off by %.2g in a loss, %.2g in a logit" % (
        losses[0], losses[-1], max(abs(a - b) for a, b in zip(losses, rough)), (logits - rough_logits).abs().max()))
    out[name + ".loss"], out[name + ".norm"] = torch.tensor(losses).float(), torch.tensor(norms).float()
    out[name + ".eval"] = logits.float()
    out[name + ".final"] = torch.tensor([p.norm().item() for _, p in sorted(model.named_parameters())]).float()
save_file({k: v.contiguous() for k, v in out.items()}, os.path.join(folder, "train.safetensors"),
          {"torch": torch.__version__, "transformers": transformers.__version__})
