#!/usr/bin/env python3
"""Writes metrics.json: accuracy, balanced accuracy, F1 (binary, macro, weighted), MCC, per-class precision/recall/F1, confusion matrix, cross-entropy and
Brier score of scikit-learn on random logits, the calibration error of equal-mass bins by numpy, and Student's t and Wilson intervals of scipy/statsmodels'
formulas. Made with the versions named in it; needed only to make it again:

    python3 tests/oracle/make_metrics.py > tests/oracle/metrics.json
"""
import json

import numpy as np
import scipy
import scipy.stats
import sklearn
import warnings

from sklearn.metrics import (accuracy_score, balanced_accuracy_score, brier_score_loss, confusion_matrix, f1_score, log_loss, matthews_corrcoef,
                             precision_recall_fscore_support)

warnings.filterwarnings("ignore")  # classes that are absent


def ece(p, gold):
    """15 bins of equal mass; a run of equal probabilities is in the bin of its first."""
    sure, right = p.max(1), p.argmax(1) == gold
    order = np.argsort(sure, kind="stable")
    sure, right = sure[order], right[order]
    first = np.searchsorted(sure, sure, side="left")
    bins = first * 15 // len(sure)
    return float(sum(abs(right[bins == b].mean() - sure[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins)))


rng = np.random.default_rng(7)
cases = []
for k, n, skew in [(2, 1, 0), (2, 40, 0), (2, 200, 2), (3, 7, 0), (5, 100, 0), (6, 60, 1), (26, 52, 0), (26, 80, 3), (2, 30, 9), (4, 14, 0), (3, 400, 0)]:
    # Few decimals, so that ties between logits occur; float32, as the encoder gives them.
    logits = np.round(rng.normal(size=(n, k)) * 2, 1).astype(np.float32)
    logits[:, 0] += skew  # classes that are never predicted
    gold = rng.integers(0, k, n)
    predicted = logits.argmax(1)  # the first of equals
    labels = list(range(k))
    x = logits.astype(np.float64)
    p = np.exp(x - x.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    precision, recall, f1, _ = precision_recall_fscore_support(gold, predicted, labels=labels, zero_division=0)
    cases.append({
        "n_classes": k, "gold": gold.tolist(), "logits": [[float(f"{v:.9g}") for v in row] for row in logits],
        "accuracy": accuracy_score(gold, predicted),
        "macro_f1": f1_score(gold, predicted, labels=labels, average="macro", zero_division=0),
        "f1": f1_score(gold, predicted, labels=labels, pos_label=1, zero_division=0) if k == 2 else None,
        "loss": log_loss(gold, p, labels=labels) if n > 1 else float(-np.log(p[0, gold[0]])),
        "balanced_accuracy": balanced_accuracy_score(gold, predicted),
        "weighted_f1": f1_score(gold, predicted, labels=labels, average="weighted", zero_division=0),
        "mcc": matthews_corrcoef(gold, predicted),
        # the sum over classes; of one row scikit-learn makes none
        "brier": float(((p - np.eye(k)[gold]) ** 2).sum(1).mean()) if n == 1 else brier_score_loss(gold, p, labels=labels, scale_by_half=False),
        "ece": ece(p, gold), "confusion": confusion_matrix(gold, predicted, labels=labels).ravel().tolist(),
        "precision": precision.tolist(), "recall": recall.tolist(), "per_class_f1": f1.tolist(),
    })
t = [[df, float(scipy.stats.t.ppf(0.975, df))] for df in [*range(1, 41), 50, 99, 1000, 100000]]
wilson = []
for right, n in [(0, 10), (1, 10), (5, 10), (10, 10), (47, 60), (999, 1000), (1, 1)]:
    ci = scipy.stats.binomtest(right, n).proportion_ci(0.95, method="wilson")
    wilson.append([right, n, float(ci.low), float(ci.high)])
print(json.dumps({"versions": {"numpy": np.__version__, "scipy": scipy.__version__, "scikit-learn": sklearn.__version__},
                  "cases": cases, "t975": t, "wilson95": wilson}))
