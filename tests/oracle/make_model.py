#!/usr/bin/env python3
"""Tiny random BERT and RoBERTa classifiers and texts for them: tests/oracle/model/<model>/

    config.json, model.safetensors, vocab files   the classifier, as transformers saves it
    <case>.txt                                     texts and labels, a line each: label|first or label|first|second

`bert` and `roberta` have 3 classes and 64 positions, with odd shapes (C = 24, D = 8, F = 40), and two cases: `rows` (pairs, an
empty text, one token, one that is cut) and `train` (rows to train on, which leave some words of `rows` and of the vocabulary
unused). `bert512` and `roberta512` have 26 classes, 512 tokens' positions and half floats (C = 16, F = 36); their cases go through
the lengths. What PyTorch makes of all that is written by make_train.py. Made with torch 2.15.0, transformers 5.23.0.
"""
import json
import os
import random

import torch
from transformers import (AutoTokenizer, BertConfig, BertForSequenceClassification, RobertaConfig,
                          RobertaForSequenceClassification)

here = os.path.dirname(os.path.abspath(__file__))
torch.manual_seed(7)
random.seed(7)
WORDS = "the a film was not good bad very plot of actors dull bright and but never again it is so".split()
ROWS = [(" ".join(random.choices(WORDS, k=n)), None) for n in (3, 9, 1, 17, 30, 60)]
ROWS += [("", None), ("dull", "the plot was bright"), (" ".join(random.choices(WORDS, k=40)), " ".join(random.choices(WORDS, k=25)))]
ROWS += [(" ".join(random.choices(WORDS, k=5)), " ".join(random.choices(WORDS, k=4))) for _ in range(3)]
SMALL = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40, num_labels=3,
             hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1, initializer_range=0.1)
LONG = dict(SMALL, hidden_size=16, num_attention_heads=2, intermediate_size=36, num_labels=26, initializer_range=0.15)
# All short ones, then both sides of the blocks' borders.
LENGTHS = [*range(2, 21), 31, 32, 33, 47, 48, 49, 63, 64, 65, 95, 96, 97, 127, 128, 129, 130, 159, 160, 161, 191, 193, 255, 256,
           257, 258, 319, 320, 383, 384, 385, 447, 449, 510, 511, 512]


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


def make(name, shape, n_positions, dtype, activation):
    """Writes the model; returns its folder and tokenizer."""
    folder = os.path.join(here, "model", name)
    os.makedirs(folder, exist_ok=True)
    if name.startswith("bert"):
        vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + WORDS
        open(os.path.join(folder, "vocab.txt"), "w").write("\n".join(vocab) + "\n")
        config = BertConfig(vocab_size=len(vocab), max_position_embeddings=n_positions, hidden_act=activation, **shape)
        model = BertForSequenceClassification(config)
    else:
        letters = sorted({c for w in WORDS for c in w}) + [bytes_to_unicode()[32]]
        merges = [("t", "h"), ("th", "e"), ("a", "n"), (bytes_to_unicode()[32], "b")]
        tokens = ["<s>", "<pad>", "</s>", "<unk>"] + letters + ["".join(m) for m in merges] + ["<mask>"]
        json.dump({t: i for i, t in enumerate(tokens)}, open(os.path.join(folder, "vocab.json"), "w"), ensure_ascii=False)
        open(os.path.join(folder, "merges.txt"), "w").write("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
        config = RobertaConfig(vocab_size=len(tokens), max_position_embeddings=n_positions + 2, type_vocab_size=1, pad_token_id=1,
                               bos_token_id=0, eos_token_id=2, layer_norm_eps=1e-5, hidden_act=activation, **shape)
        model = RobertaForSequenceClassification(config)
    with torch.no_grad():  # biases and gains away from 0 and 1, or their places could be confused unseen
        for _, p in model.named_parameters():
            if p.dim() == 1:
                p.add_(torch.randn_like(p) * 0.1)
    model.to(dtype).save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for extra in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        if os.path.exists(os.path.join(folder, extra)):
            os.remove(os.path.join(folder, extra))
    return folder, tokenizer


def write(folder, case, rows, n_classes):
    with open(os.path.join(folder, case + ".txt"), "w") as f:
        for i, row in enumerate(rows):
            f.write("|".join([str(i % n_classes)] + [t for t in row if t is not None]) + "\n")


def words(n, of=WORDS):
    return " ".join(random.choices(of, k=n))


def text_of(tokenizer, n):
    """A text of exactly n tokens with the special ones; "b" is one token, after a space too."""
    text = ""
    while len(tokenizer(text)["input_ids"]) < n:
        longer = (text + " " + random.choice(WORDS)).strip()
        text = longer if len(tokenizer(longer)["input_ids"]) <= n - 1 else (text + " b").strip()
    assert len(tokenizer(text)["input_ids"]) == n
    return text


for family in ("bert", "roberta"):
    folder, _ = make(family, SMALL, 64, torch.float32, "gelu")
    write(folder, "rows", ROWS, 3)
random.seed(8)
TRAIN = [(words(n, WORDS[:9]), None) for n in (1, 2, 3, 4, 5, 6, 7, 9, 12, 15, 20, 33)] + [("", None)]
TRAIN += [(words(a, WORDS[:9]), words(b, WORDS[:9])) for a, b in ((1, 1), (3, 8), (8, 3), (15, 30), (2, 5), (6, 6), (0, 3))]
TRAIN += [("dull", None), (words(5, WORDS[:9]), None)]  # 22 rows: batches of 4 end in one of 2
for family in ("bert", "roberta"):
    write(os.path.join(here, "model", family), "train", TRAIN, 3)
for family, activation in (("bert", "gelu"), ("roberta", "gelu_new")):
    folder, tokenizer = make(family + "512", LONG, 512, torch.float16, activation)
    write(folder, "lengths", [(text_of(tokenizer, n), None) for n in LENGTHS], 26)
    # longest_first: nothing cut, one cut, both cut (then each gets half), with an odd token on either side
    sizes = [(1, 1), (0, 4), (4, 0), (0, 0), (30, 60), (200, 150), (5, 600), (600, 5), (300, 301), (301, 300), (300, 300), (254, 255)]
    write(folder, "pairs", [(words(a), words(b)) for a, b in sizes], 26)
    # only_second: a question and its passage, as in BoolQ
    write(folder, "passage", [(words(a), words(b)) for a, b in ((9, 20), (9, 500), (12, 600), (40, 700), (1, 0))], 26)
    write(folder, "one", [("b", None)], 26)
    write(folder, "empty", [("", None)], 26)
    write(folder, "longest", [(words(600), None)], 26)
