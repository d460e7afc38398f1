#!/usr/bin/env python3
"""Tiny random BERT and RoBERTa classifiers with what PyTorch makes of them: tests/oracle/model/<family>/

    config.json, model.safetensors, vocab files   the classifier, as transformers saves it
    rows.txt                                       texts and labels: pairs, an empty text, one token, one that is cut
    oracle.safetensors                             logits (n,K); grad.<tensor>; loss (20): full-batch AdamW at lr 2e-3 with
                                                   weight decay 0.01, warm-up 2 of 20 steps, clipping at 1.0, no dropout;
                                                   final.<tensor>: the weights after it
Shapes are odd on purpose (C = 24, D = 8, F = 40). Made with torch 2.x, transformers 5.x (versions in oracle.safetensors' metadata).
"""
import json
import os
import random

import torch
import transformers
from safetensors.torch import save_file
from transformers import (AutoTokenizer, BertConfig, BertForSequenceClassification, RobertaConfig,
                          RobertaForSequenceClassification, get_linear_schedule_with_warmup)

here = os.path.dirname(os.path.abspath(__file__))
torch.manual_seed(7)
random.seed(7)
WORDS = "the a film was not good bad very plot of actors dull bright and but never again it is so".split()
ROWS = [(" ".join(random.choices(WORDS, k=n)), None) for n in (3, 9, 1, 17, 30, 60)]
ROWS += [("", None), ("dull", "the plot was bright"), (" ".join(random.choices(WORDS, k=40)), " ".join(random.choices(WORDS, k=25)))]
ROWS += [(" ".join(random.choices(WORDS, k=5)), " ".join(random.choices(WORDS, k=4))) for _ in range(3)]
LABELS = [i % 3 for i in range(len(ROWS))]
LENGTH = 40


def bytes_to_unicode():
    keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    out, extra = {}, 0
    for b in range(256):
        if b in keep:
            out[b] = chr(b)
        else:
            out[b] = chr(256 + extra)
            extra += 1
    return out


def make(family):
    folder = os.path.join(here, "model", family)
    os.makedirs(folder, exist_ok=True)
    shape = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40, num_labels=3,
                 hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1, initializer_range=0.1)
    if family == "bert":
        vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + WORDS
        open(os.path.join(folder, "vocab.txt"), "w").write("\n".join(vocab) + "\n")
        config = BertConfig(vocab_size=len(vocab), max_position_embeddings=64, **shape)
        model = BertForSequenceClassification(config)
    else:
        letters = sorted({c for w in WORDS for c in w}) + [bytes_to_unicode()[32]]
        merges = [("t", "h"), ("th", "e"), ("a", "n"), (bytes_to_unicode()[32], "b")]
        tokens = ["<s>", "<pad>", "</s>", "<unk>"] + letters + ["".join(m) for m in merges] + ["<mask>"]
        json.dump({t: i for i, t in enumerate(tokens)}, open(os.path.join(folder, "vocab.json"), "w"), ensure_ascii=False)
        open(os.path.join(folder, "merges.txt"), "w").write("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
        config = RobertaConfig(vocab_size=len(tokens), max_position_embeddings=66, type_vocab_size=1, pad_token_id=1,
                               bos_token_id=0, eos_token_id=2, layer_norm_eps=1e-5, **shape)
        model = RobertaForSequenceClassification(config)
    with torch.no_grad():  # biases and gains away from 0 and 1, or their places could be confused unseen
        for name, p in model.named_parameters():
            if p.dim() == 1:
                p.add_(torch.randn_like(p) * 0.1)
    model.save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with open(os.path.join(folder, "rows.txt"), "w") as f:  # label|first, or label|first|second
        for r, y in zip(ROWS, LABELS):
            f.write("|".join([str(y)] + [t for t in r if t is not None]) + "\n")
    encoded = [tokenizer(*[t for t in r if t is not None], truncation=True, max_length=LENGTH) for r in ROWS]
    batch = tokenizer.pad(encoded, return_tensors="pt")
    y = torch.tensor(LABELS)
    out = {"ids": torch.tensor([i for e in encoded for i in e["input_ids"]], dtype=torch.float32),
           "lengths": torch.tensor([len(e["input_ids"]) for e in encoded], dtype=torch.float32)}
    model.eval()
    out["logits"] = model(**batch).logits.detach().clone()
    loss = torch.nn.functional.cross_entropy(model(**batch).logits, y)
    loss.backward()
    for name, p in model.named_parameters():
        out["grad." + name] = p.grad.detach().clone()
    no_decay = ("bias", "LayerNorm.weight", "LayerNorm.bias")
    groups = [{"params": [p for n, p in model.named_parameters() if not n.endswith(no_decay)], "weight_decay": 0.01},
              {"params": [p for n, p in model.named_parameters() if n.endswith(no_decay)], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=2e-3)
    schedule = get_linear_schedule_with_warmup(optimizer, 2, 20)
    losses = []
    for _ in range(20):
        loss = torch.nn.functional.cross_entropy(model(**batch).logits, y)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    out["loss"] = torch.tensor(losses)
    for name, p in model.named_parameters():
        out["final." + name] = p.detach().clone()
    save_file({k: v.contiguous() for k, v in out.items()}, os.path.join(folder, "oracle.safetensors"),
              {"torch": torch.__version__, "transformers": transformers.__version__})
    for extra in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        if os.path.exists(os.path.join(folder, extra)):
            os.remove(os.path.join(folder, extra))


make("bert")
make("roberta")
