#!/usr/bin/env python3
"""60 problems of L2-regularised logistic regression solved with scikit-learn, for tests/model/test_logistic.c.

    /tmp/oracle-venv/bin/python tests/oracle/make_logistic.py > tests/oracle/logistic.json

Rows, labels and weights are made of a hash of their position, here and in the test, so that the file holds coefficients alone. Made with the
versions that the file names; the gradient of what is written is checked here, in double, since solvers may stop early."""
import json
import sys
import warnings

import numpy as np
import scipy
import sklearn
from sklearn.linear_model import LogisticRegression

warnings.filterwarnings("ignore")  # of line searches at the limit of double: gradients are checked below
N_TEST, N_COEF = 20, 40


def mix(z):
    """splitmix64 of an array of counters"""
    z = (z + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def unit(seed, what, i):
    """24 bits in [-1, 1), exact in float"""
    z = mix(np.uint64(seed) * np.uint64(1 << 40) + np.uint64(what) * np.uint64(1 << 36) + i.astype(np.uint64))
    return ((z >> np.uint64(40)).astype(np.int64) - (1 << 23)) / float(1 << 23)


def problem(p):
    n, C, K, seed = p["n"] + N_TEST, p["C"], p["K"], p["seed"]
    with np.errstate(over="ignore"):
        u = (unit(seed, 1, np.arange(n)) + 1) / 2
        label = np.floor(u * u * K).astype(np.int64)
        scale = 2.0 ** -(1 + np.floor(np.log2(np.arange(C) + 1)))
        own = unit(seed, 2, np.arange(n * C)).reshape(n, C)
        center = unit(seed, 3, np.arange(K * C)).reshape(K, C)[label]
        x = ((own + 0.5 * center + 0.25) * scale).astype(np.float32)
        weight = np.maximum(unit(seed, 4, np.arange(n)) + 0.75, 0) if p["weighted"] else np.ones(n)
    return x, label, weight


def main():
    problems = []
    shapes = [(30, 5), (100, 16), (300, 48), (100, 384), (600, 384)]
    for i in range(60):
        n, C = shapes[i % 5]
        K = [2, 3, 6, 26][i // 5 % 4]
        c = [1.0, 0.01, 100.0][i // 20]
        problems.append({"n": n + i, "C": C, "K": K, "c": c, "weighted": i % 3 == 1, "seed": i + 1})
    for p in problems:
        x, y, w = problem(p)
        n, C, K = p["n"], p["C"], p["K"]
        X, Y, W = x[:n].astype(np.float64), y[:n], w[:n]
        keep = W > 0  # a class whose rows all weigh nothing is not there
        N = len(set(Y[keep]))
        solver = "newton-cholesky" if N * C < 1500 else "newton-cg"
        m = LogisticRegression(C=p["c"], solver=solver, tol=1e-13, max_iter=100000)
        m.fit(X[keep], Y[keep], sample_weight=W[keep] if p["weighted"] else None)
        prob = m.predict_proba(X)[keep]
        hot = (Y[keep][:, None] == m.classes_).astype(float)
        diff = p["c"] * W[keep][:, None] * (prob - hot)
        if N == 2:
            diff = diff[:, 1:]
        grad = np.concatenate([(m.coef_ + diff.T @ X[keep]).ravel(), diff.sum(0)])
        if np.linalg.norm(grad) > 3e-8:
            sys.exit(f"{p}: gradient {np.linalg.norm(grad)}")
        flat = m.coef_.ravel()
        p["classes"] = [int(k) for k in m.classes_]
        p["stride"] = -(-len(flat) // N_COEF)
        p["coef"] = [round(float(v), 9) for v in flat[:: p["stride"]]]
        p["coef_abs_sum"] = float(f"{np.abs(flat).sum():.12g}")
        # The same number on all intercepts changes nothing. Begun at 0, lbfgs and newton-cholesky keep their sum at 0; newton-cg drifts where rows are few.
        b = m.intercept_ - (m.intercept_.mean() if N > 2 else 0.0)
        p["intercept"] = [round(float(v), 9) for v in b]
        T = x[n:].astype(np.float64)
        p["probability"] = [round(float(v), 9) for v in m.predict_proba(T)[:2].ravel()]
        p["predicted"] = [int(v) for v in m.predict(T)]
    print(json.dumps({"scikit-learn": sklearn.__version__, "numpy": np.__version__, "scipy": scipy.__version__}, indent=None)[:-1] + ', "problems": [')
    print(",\n".join(json.dumps(p, separators=(",", ":")) for p in problems))
    print("]}")


main()
