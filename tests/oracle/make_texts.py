#!/usr/bin/env python3
"""Writes tests/oracle/texts.json: measures of texts, terms of classes and cues by nltk, numpy, scipy, scikit-learn, statsmodels and zlib."""
import json
import math
import pathlib
import zlib

import nltk
import numpy as np
import scipy
import sklearn
import statsmodels
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from scipy.stats import hypergeom, norm
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import BernoulliNB
from statsmodels.stats.proportion import confint_proportions_2indep

rng = np.random.default_rng(20261201)
out = {"made_with": {"nltk": nltk.__version__, "numpy": np.__version__, "scipy": scipy.__version__, "scikit-learn": sklearn.__version__,
                     "statsmodels": statsmodels.__version__, "zlib": zlib.ZLIB_RUNTIME_VERSION}}


def texts(n, mean, vocabulary, own=0.0, classes=3):
    """Words by Zipf's law; a share `own` of a class's words is of a list of its own."""
    p = 1 / np.arange(1, vocabulary + 1)
    p /= p.sum()
    label = rng.integers(0, classes, n)
    rows = []
    for k in label:
        words = [f"w{x}" for x in rng.choice(vocabulary, max(1, rng.poisson(mean)), p=p)]
        rows.append(" ".join(f"k{k}v{rng.integers(0, 5)}" if rng.random() < own else w for w in words))
    return rows, label


def measures(rows):
    words = [t.split() for t in rows]
    m = {}
    left, window = 500, []
    for w in words:
        window.append(w[:left])
        left -= len(window[-1])
    for k in (1, 2, 3):
        runs = [tuple(w[i:i + k]) for w in window for i in range(len(w) - k + 1)]
        m[f"distinct_{k}"] = len(set(runs)) / len(runs) if runs else None
    every = [x for w in words for x in w]
    counts = np.unique(every, return_counts=True)[1]
    m["vocabulary"] = float((1 - hypergeom.pmf(0, len(every), counts, 500)).sum()) if len(every) >= 500 else None
    sample = words[:100]
    smooth = SmoothingFunction().method1
    m["self_bleu"] = float(np.mean([sentence_bleu(sample[:i] + sample[i + 1:], sample[i], smoothing_function=smooth) for i in range(len(sample))]))
    data = "".join(t + "\n" for t in rows).encode()
    blocks = [data[i:i + 4096] for i in range(0, len(data) - 4095, 4096)][:64] or [data]
    m["compression"] = sum(map(len, blocks)) / sum(len(zlib.compress(b, 9)) for b in blocks)
    n = np.array([len(w) for w in words])
    m |= {"mean_words": n.mean(), "sd_words": n.std(ddof=1), "words_q10": np.quantile(n, 0.1), "words_median": np.median(n), "words_q90": np.quantile(n, 0.9)}
    return {k: v if v is None else float(v) for k, v in m.items()}


out["measures"] = []
for n, mean, vocabulary in ((7, 4, 30), (60, 14, 300), (150, 40, 2000)):
    rows, _ = texts(n, mean, vocabulary)
    out["measures"].append({"texts": rows, "want": measures(rows)})
same = ["the same text again", "the same text again", "a", "the same text once more"]
out["measures"].append({"texts": same, "want": measures(same)})

out["terms"] = []
for own, n_prior in ((0.0, 40), (0.15, 0), (0.05, 120)):
    rows, label = texts(90, 12, 150, own)
    prior_rows, _ = texts(n_prior, 12, 150) if n_prior else ([], [])
    x = CountVectorizer(binary=True, token_pattern=r"\S+")
    bag = x.fit_transform(rows + prior_rows).toarray().astype(float)
    terms = x.get_feature_names_out()
    background = bag.sum(0)
    a = 500 * background / background.sum()
    seen = bag[:len(rows)].sum(0) > 0
    want = []
    for k in range(3):
        y, r = bag[:len(rows)][label == k].sum(0), bag[:len(rows)][label != k].sum(0)
        odds = np.log((y + a) / (y.sum() + 500 - y - a)) - np.log((r + a) / (r.sum() + 500 - r - a))
        z = odds / np.sqrt(1 / (y + a) + 1 / (r + a))
        order = sorted((i for i in range(len(terms)) if y[i]), key=lambda i: (-float(f"{z[i]:.9g}"), terms[i]))[:8]
        want.append([{"term": str(terms[i]), "z": float(z[i]), "log_odds": float(odds[i]), "p": min(1.0, float(2 * norm.sf(abs(z[i])) * seen.sum())),
                      "n_in": int(y[i]), "n_out": int(r[i])} for i in order])
    out["terms"].append({"texts": rows + prior_rows, "label": label.tolist() + [-1] * len(prior_rows), "want": want})

out["cues"] = []
for own in (0.0, 0.1, 0.6):
    rows, label = texts(120, 10, 200, own)
    fold = rng.integers(0, 10, len(rows))
    x = CountVectorizer(binary=True, token_pattern=r"\S+").fit_transform(rows)
    right = sum(int((BernoulliNB(alpha=1).fit(x[fold != f], label[fold != f]).predict(x[fold == f]) == label[fold == f]).sum()) for f in range(10))
    length = np.array([len(t.split()) for t in rows])
    tenth = [10 * int((length < n).sum()) // len(rows) for n in length]
    one = np.eye(10)[tenth]
    right_length = sum(int((BernoulliNB(alpha=1).fit(one[fold != f], label[fold != f]).predict(one[fold == f]) == label[fold == f]).sum()) for f in range(10))
    out["cues"].append({"texts": rows, "label": label.tolist(), "fold": fold.tolist(), "right": right, "right_length": right_length})

out["newcombe"] = []
for a, n, b, m, level in ((56, 70, 48, 80, 0.95), (9, 10, 3, 10, 0.95), (6, 7, 2, 7, 0.975), (5, 56, 0, 29, 0.95), (10, 10, 0, 10, 1 - 0.05 / 3)):
    low, high = confint_proportions_2indep(a, n, b, m, method="newcomb", compare="diff", alpha=1 - level)
    out["newcombe"].append({"x": [a, n, b, m], "level": level, "low": float(low), "high": float(high)})
assert not any(isinstance(v, float) and math.isnan(v) for m in out["measures"] for v in m["want"].values())
(pathlib.Path(__file__).parent / "texts.json").write_text(json.dumps(out) + "\n")
