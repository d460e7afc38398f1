#!/usr/bin/env python3
"""A classifier of scikit-learn's for the fine-tuned cells of a study (docs/external.md): TF-IDF of words and word pairs, logistic regression.

    train.external="python3 examples/train_sklearn.py"          pip install scikit-learn
"""
import json
import pathlib
import sys

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

folder = pathlib.Path(sys.argv[1])
cell = json.loads((folder / "cell.json").read_text())


def rows(name):
    return [json.loads(line) for line in (folder / name).open(encoding="utf-8")]


def texts(of):
    return [row["text"] + " \n " + row.get("text_pair", "") for row in of]


train, test = rows("train.jsonl"), rows("test.jsonl")
model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10, max_iter=1000, random_state=cell["seed"]))
labels = [row["label"] for row in train]
if len(set(labels)) > 1:
    said = model.fit(texts(train), labels).predict_proba(texts(test))
    classes = model.classes_
else:  # a cell of one class alone
    said, classes = [[1.0]] * len(test), labels[:1]
with (folder / "predictions.jsonl").open("w") as out:
    for row in said:
        p = [0.0] * len(cell["classes"])  # a class without training rows has none
        for k, value in zip(classes, row):
            p[k] = float(value)
        print(json.dumps({"probabilities": p}), file=out)
