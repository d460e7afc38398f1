#!/usr/bin/env python3
"""Tiny random masked-LM checkpoints and what transformers makes of texts with masks: tests/oracle/mask/<model>/

    config.json, model.safetensors, vocab files   BertForMaskedLM and RobertaForMaskedLM, as transformers saves them
    masks.json                                    [{"piece": [...], "logits": [[V numbers] for each mask]}]: the pieces of a text between its masks

`bert` and `roberta` are as checkpoints on the Hub are (decoder tied, exact GELU; bert's LayerNorms are called gamma and beta, as in
bert-base-uncased's file). `bert_untied` has a decoder of its own and the tanh GELU. `none` is BERT without a head, as sentence encoders are.
Made with torch 2.15.0, transformers 5.24.0:  python3 tests/oracle/make_mask.py
"""
import json
import os

import torch
from safetensors.torch import load_file, save_file
from transformers import (AutoTokenizer, BertConfig, BertForMaskedLM, BertModel, RobertaConfig, RobertaForMaskedLM)

here = os.path.dirname(os.path.abspath(__file__))
torch.manual_seed(11)
WORDS = "the a film was not good bad very plot of actors dull bright and but never again it is so".split()
TEXTS = [["the ", " was bad"], ["", " film was ", " and not ", ""], ["a dull plot, and (", ")."], ["", ""],
         ["the film was so bad that it ", " never " + "good again " * 40 + "and ", " it is"]]
SHAPE = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40, initializer_range=0.2)
BLANK = "\u0120"


def vocabulary_of_pairs():
    """Letters and marks, then the words, with and without a blank before them, by merges from left to right."""
    letters = sorted({c for w in WORDS for c in w} | set("hetxyz.,()")) + [BLANK]
    tokens, merges = ["<s>", "<pad>", "</s>", "<unk>"] + letters, []
    for word in [w for w in WORDS] + [BLANK + w for w in WORDS]:
        left = word[0]
        for c in word[1:]:
            if left + c not in tokens:
                tokens.append(left + c)
                merges.append((left, c))
            left += c
    return tokens + ["<mask>"], merges


def make(name, has_head=True, tied=True, activation="gelu"):
    folder = os.path.join(here, "mask", name)
    os.makedirs(folder, exist_ok=True)
    if name == "roberta":
        tokens, merges = vocabulary_of_pairs()
        json.dump({t: i for i, t in enumerate(tokens)}, open(os.path.join(folder, "vocab.json"), "w"), ensure_ascii=False)
        open(os.path.join(folder, "merges.txt"), "w").write("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
        config = RobertaConfig(vocab_size=len(tokens), max_position_embeddings=66, type_vocab_size=1, pad_token_id=1, bos_token_id=0,
                               eos_token_id=2, layer_norm_eps=1e-5, hidden_act=activation, **SHAPE)
        model = RobertaForMaskedLM(config)
    else:
        tokens = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", ",", "(", ")", "that", "##s", "##ing"] + WORDS
        open(os.path.join(folder, "vocab.txt"), "w").write("\n".join(tokens) + "\n")
        config = BertConfig(vocab_size=len(tokens), max_position_embeddings=64, hidden_act=activation, tie_word_embeddings=tied, **SHAPE)
        model = BertForMaskedLM(config) if has_head else BertModel(config)
    with torch.no_grad():
        for _, p in model.named_parameters():
            if p.dim() == 1:
                p.add_(torch.randn_like(p) * 0.1)
    model.eval().save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for extra in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json"):
        if os.path.exists(os.path.join(folder, extra)):
            os.remove(os.path.join(folder, extra))
    path = os.path.join(folder, "model.safetensors")
    weights = load_file(path)
    if name == "bert":
        weights = {k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): v.contiguous()
                   for k, v in weights.items()}
        save_file(weights, path, metadata={"format": "pt"})
    print(name, [k for k in weights if "predictions" in k or "lm_head" in k])
    if not has_head:
        return
    out = []
    for piece in TEXTS:
        x = tokenizer(tokenizer.mask_token.join(piece), return_tensors="pt", truncation=True, max_length=64)
        with torch.no_grad():
            logits = model(**x).logits[0]
        rows = [logits[i].tolist() for i in range(len(x["input_ids"][0])) if x["input_ids"][0][i] == tokenizer.mask_token_id]
        out.append({"piece": piece, "logits": [[float("%.8g" % v) for v in row] for row in rows]})
    json.dump(out, open(os.path.join(folder, "masks.json"), "w"))


make("bert")
make("roberta")
make("bert_untied", tied=False, activation="gelu_new")
make("none", has_head=False)
