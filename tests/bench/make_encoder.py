#!/usr/bin/env python3
"""Write an encoder of roberta-base's shape with random weights: for speed, the values do not matter.

    make_encoder.py OUT --tokenizer DIR [--layers 12 --channels 768 --heads 12 --feed-forward 3072]

DIR has a RoBERTa tokenizer (vocab.json and merges.txt, or tokenizer.json). Standard library only: normal values of
standard deviation 0.02 are drawn once (a million of them) and each tensor reads them from a place of its own.
"""
import argparse
import array
import json
import os
import pathlib
import random
import shutil
import struct
import sys

N_DRAWN = 1 << 20
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt")


def shapes(a):
    C, F, V = a.channels, a.feed_forward, 50265
    yield "roberta.embeddings.word_embeddings.weight", (V, C)
    yield "roberta.embeddings.position_embeddings.weight", (514, C)
    yield "roberta.embeddings.token_type_embeddings.weight", (1, C)
    yield "roberta.embeddings.LayerNorm.weight", (C,)
    yield "roberta.embeddings.LayerNorm.bias", (C,)
    for layer in range(a.layers):
        at = f"roberta.encoder.layer.{layer}."
        for name, n_out, n_in in (("attention.self.query", C, C), ("attention.self.key", C, C), ("attention.self.value", C, C),
                                  ("attention.output.dense", C, C), ("intermediate.dense", F, C), ("output.dense", C, F)):
            yield f"{at}{name}.weight", (n_out, n_in)
            yield f"{at}{name}.bias", (n_out,)
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            yield f"{at}{name}.weight", (C,)
            yield f"{at}{name}.bias", (C,)


def n_of(shape):
    n = 1
    for size in shape:
        n *= size
    return n


def values(name, shape, drawn, rng):
    """The tensor's bytes: gains 1, biases 0, else normal."""
    n = n_of(shape)
    if name.endswith("LayerNorm.weight"):
        return array.array("f", [1.0]) * n
    if name.endswith(".bias"):
        return array.array("f", bytes(4 * n))
    at = rng.randrange(N_DRAWN)
    turned = drawn[at:] + drawn[:at]
    return turned * (n // N_DRAWN) + turned[:n % N_DRAWN]


def write_weights(path, tensors):
    header, at = {}, 0
    for name, shape in tensors:
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + 4 * n_of(shape)]}
        at += 4 * n_of(shape)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    rng = random.Random(20240719)
    drawn = array.array("f", (rng.gauss(0.0, 0.02) for _ in range(N_DRAWN)))
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, shape in tensors:
            data = values(name, shape, drawn, rng)
            if sys.byteorder == "big":
                data.byteswap()
            data.tofile(file)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--tokenizer", type=pathlib.Path, required=True)
    for name, value in (("layers", 12), ("channels", 768), ("heads", 12), ("feed-forward", 3072)):
        parser.add_argument("--" + name, type=int, default=value)
    a = parser.parse_args()
    found = [name for name in TOKENIZER if (a.tokenizer / name).exists()]
    if "tokenizer.json" not in found and not {"vocab.json", "merges.txt"} <= set(found):
        sys.exit(f"{a.tokenizer}: no tokenizer; hint: it needs tokenizer.json, or vocab.json and merges.txt, of roberta-base")
    a.out.mkdir(parents=True, exist_ok=True)
    for name in found:
        shutil.copyfile(a.tokenizer / name, a.out / name)
    config = {"model_type": "roberta", "architectures": ["RobertaForSequenceClassification"], "vocab_size": 50265,
              "hidden_size": a.channels, "num_hidden_layers": a.layers, "num_attention_heads": a.heads,
              "intermediate_size": a.feed_forward, "max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5,
              "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "bos_token_id": 0,
              "pad_token_id": 1, "eos_token_id": 2}
    (a.out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    part = a.out / "model.safetensors.part"
    write_weights(part, list(shapes(a)))
    os.replace(part, a.out / "model.safetensors")  # whole or not at all


main()
