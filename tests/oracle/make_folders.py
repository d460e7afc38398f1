#!/usr/bin/env python3
"""Writes folders.json: what transformers makes of the folders of folders.py (made with torch 2.15.0, transformers 5.24.0,
tokenizers 0.23.3).

    HF_HUB_OFFLINE=1 make_folders.py

`tokenizers`: for each case the ids of TEXTS and PAIRS at each of CUTS, as AutoTokenizer gives them, or `error`. Cases with the same
ids share them (`as`). `models`: logits of ROWS and what the text-classification pipeline prints with top_k=None ([label, score],
in class order), or `error`, or `missing` where transformers makes weights up because it does not find them.
"""
import json
import pathlib
import tempfile

import tokenizers
import torch
import transformers
from transformers import AutoModelForSequenceClassification, AutoTokenizer, TextClassificationPipeline

import folders


def encode(folder):
    t = AutoTokenizer.from_pretrained(folder)
    return [[t(*row, truncation=True, max_length=n)["input_ids"] for row in [(x,) for x in folders.TEXTS] + folders.PAIRS]
            for n in folders.CUTS]


def classify(folder):
    m, info = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    if info["missing_keys"]:
        return {"missing": sorted(info["missing_keys"])[:2]}
    t = AutoTokenizer.from_pretrained(folder)
    pipe = TextClassificationPipeline(model=m.eval(), tokenizer=t, device="cpu")
    logits, scores = [], []
    for a, b in folders.ROWS:
        out = m(**t(a, b, return_tensors="pt"))
        logits.append([round(x, 6) for x in out.logits[0].tolist()])
        said = pipe.postprocess(out, top_k=10000, _legacy=True)  # unsorted
        assert sorted((x["score"] for x in said), reverse=True) == [x["score"] for x in pipe.postprocess(out, top_k=None, _legacy=False)]
        scores.append([[x["label"], float("%.7g" % x["score"])] for x in said])
    return {"logits": logits, "scores": scores}


def ask(cases, question):
    out = {}
    for name, make in cases.items():
        with tempfile.TemporaryDirectory() as folder:
            for file, content in make().items():
                pathlib.Path(folder, file).write_bytes(content)
            try:
                out[name] = question(folder)
            except BaseException as e:  # tokenizers panics
                out[name] = {"error": "%s: %s" % (type(e).__name__, str(e).replace(folder, "FOLDER").split("\n")[0][:160])}
    return out


def share(cases):
    first = {}
    out = {}
    for name, ids in cases.items():
        if isinstance(ids, dict):
            out[name] = ids
        elif json.dumps(ids) in first:
            out[name] = {"as": first[json.dumps(ids)]}
        else:
            first[json.dumps(ids)] = name
            out[name] = {"ids": ids}
    return out


torch.set_grad_enabled(False)
transformers.logging.set_verbosity_error()
made = {"torch": torch.__version__, "transformers": transformers.__version__, "tokenizers": tokenizers.__version__}
lines = ['"made": ' + json.dumps(made)]
for kind, cases in (("tokenizers", share(ask(folders.TOKENIZERS, encode))), ("models", ask(folders.MODELS, classify))):
    lines.append('"%s": {\n%s\n}' % (kind, ",\n".join("%s: %s" % (json.dumps(n), json.dumps(c, separators=(",", ":")))
                                                       for n, c in cases.items())))
(folders.HERE / "folders.json").write_text("{" + ",\n".join(lines) + "}\n", encoding="ascii")
