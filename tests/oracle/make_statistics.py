#!/usr/bin/env python3
"""Writes statistics.json: crossed intervals written out with numpy's axes and scipy's t and root finder; McNemar and Holm of statsmodels;
Spearman and noncentral t of scipy; power laws of scipy.optimize.curve_fit; macro-F1 of scikit-learn and its jackknife. Made with the versions named in it; needed only to make it again:

    python3 tests/oracle/make_statistics.py > tests/oracle/statistics.json
"""
import itertools
import json

import numpy as np
import scipy
import scipy.optimize
import scipy.stats
import sklearn
import statsmodels
from sklearn.metrics import f1_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

rng = np.random.default_rng(16)
SETS = [s for k in range(1, 5) for s in itertools.combinations(range(4), k)]


def mean_squares(y):
    """Of every set of axes: mean square of its effect, by the number of values."""
    v = {}
    for s in SETS:
        others = [a for a in range(4) if a not in s]
        effect = y.mean(axis=tuple(others), keepdims=True)
        for a in s:
            effect = effect - effect.mean(axis=a, keepdims=True)
        df = np.prod([y.shape[a] - 1 for a in s])
        v[s] = float((effect**2).sum() / df / np.prod([y.shape[a] for a in s])) if df > 0 else 0.0
    return v


def components(v):
    return {s: sum((-1) ** (len(t) - len(s)) * v[t] for t in SETS if set(s) <= set(t)) for s in SETS}


def crossed(y, share=False, difference=False):
    """half^2 = t_rows^2 rows + the widest of t^2 seeds, with Satterthwaite's df, and of t^2 a fifth of each seed axis's mean square (two levels
    beside another axis: by t of 2 degrees of freedom, and the same at 95 %)."""
    v, n, mean = mean_squares(y), y.shape, float(y.mean())
    u = {s: x for s, x in components(v).items() if all(n[a] > 1 for a in s)}
    df = {s: np.prod([n[a] - 1 for a in s]) for s in u}
    rows = v[(3,)] + (1 / n[3] ** 2 if share and difference and n[3] > 1 else 0)
    own = {s: max(0.0, x) for s, x in u.items() if 3 not in s}
    seeds = sum(own.values())
    seed_axes = [a for a in range(3) if n[a] > 1]
    variance = rows + max([seeds] + [0.2 * v[(a,)] for a in seed_axes])
    t2 = scipy.stats.t.isf(0.025, [1, 2])
    parts = [(0.2 * v[(a,)], n[a] - 1) if n[a] > 2 or len(seed_axes) == 1 else (0.2 * (t2[0] / t2[1]) ** 2 * v[(a,)], 2) for a in seed_axes]
    if seeds > 0:
        parts.append((seeds, max(1.0, seeds**2 / sum(x**2 / df[s] for s, x in own.items()))))

    def half(log_p):
        t = lambda k: scipy.stats.norm.isf(np.exp(log_p) / 2) if np.isinf(k) else scipy.stats.t.isf(np.exp(log_p) / 2, k)
        return float(np.sqrt((t(np.inf if share else n[3] - 1) ** 2 * rows if rows > 0 else 0) + max([t(k) ** 2 * x for x, k in parts], default=0)))

    h, se = half(np.log(0.05)), float(np.sqrt(variance))
    low, high = mean - h, mean + h
    if share and not difference:
        t = h / se if se > 0 else scipy.stats.norm.isf(0.025)
        m = mean * (1 - mean) / se**2 * n[3] / max(1, n[3] - 1) if se > 0 else n[3]
        middle, h = (mean + t * t / 2 / m) / (1 + t * t / m), t / (1 + t * t / m) * np.sqrt(mean * (1 - mean) / m + t * t / 4 / m**2)
        low, high = middle - h if mean > 0 else 0.0, middle + h if mean < 1 else 1.0
    p = np.exp(scipy.optimize.brentq(lambda x: half(x) - abs(mean), -60, -1e-12, xtol=1e-13)) if mean != 0 else 1.0
    return {"mean": mean, "se": se, "low": float(low), "high": float(high), "p": float(p)}


def spread(y):
    v = mean_squares(y)
    cell = {s: float(x * np.prod([y.shape[a] for a in s if a < 3])) for s, x in components(v).items()}
    return {"variance": [max(0.0, cell[(a,)]) for a in range(4)], "negative": [cell[(a,)] < 0 for a in range(4)],
            "rest": max(0.0, sum(x for s, x in cell.items() if len(s) > 1))}


def latent(shape, sd):
    """A sum of normal effects of all sets, standard deviations sd[size of the set]."""
    z = np.zeros(shape)
    for s in SETS:
        z = z + rng.normal(size=[shape[a] if a in s else 1 for a in range(4)]) * sd[len(s)]
    return z


designs, differences = [], []
for shape in [(1, 1, 1, 12), (1, 3, 1, 10), (1, 2, 2, 9), (2, 3, 2, 8), (3, 1, 2, 11), (2, 2, 1, 1), (1, 1, 5, 6), (4, 1, 1, 3)]:
    for share in (False, True):
        z = latent(shape, [0, 0.5, 0.3, 0.3, 0.2])
        y = (z > -0.3).astype(np.float32) if share else z.astype(np.float32)
        y64 = y.astype(np.float64)
        designs.append({"n": shape, "y": [float(f"{x:.9g}") for x in y.ravel()], "share": share, "spread": spread(y64), **crossed(y64, share)})
for a_shape, b_shape in [((1, 2, 3, 9), (1, 2, 3, 9)), ((2, 1, 2, 8), (1, 3, 2, 8)), ((2, 3, 1, 7), (1, 3, 1, 7)), ((1, 1, 1, 14), (1, 1, 1, 14))]:
    for share in (False, True):
        a, b = latent(a_shape, [0, 0.5, 0.3, 0.3, 0.2]), latent(b_shape, [0, 0.5, 0.3, 0.3, 0.2]) + 0.3
        a, b = ((x > 0).astype(np.float32) if share else x.astype(np.float32) for x in (a, b))
        d = a.astype(np.float64) - b.astype(np.float64)
        row = {"a": {"n": a_shape, "y": [float(f"{x:.9g}") for x in a.ravel()]}, "b": {"n": b_shape, "y": [float(f"{x:.9g}") for x in b.ravel()]},
               "share": share, **crossed(d, share, True)}
        if share and d.shape[:3] == (1, 1, 1):
            row["p"] = float(mcnemar([[0, int((d > 0).sum())], [int((d < 0).sum()), 0]], exact=True).pvalue)
        differences.append(row)

detectable = []
for df in [1, 2, 3.7, 5, 12, 60, 999]:
    t = scipy.stats.t.ppf(0.975, df)
    detectable.append([df, scipy.optimize.brentq(lambda x: scipy.stats.nct.sf(t, df, x) - 0.8, 1, 30)])

tests = [[b, c, float(mcnemar([[0, b], [c, 0]], exact=True).pvalue)] for b, c in
         [(0, 0), (1, 0), (0, 5), (3, 3), (2, 9), (25, 40), (400, 470), (5, 1000), (30000, 30500)]]
holm = []
for n in (1, 2, 7, 20):
    p = np.round(rng.uniform(size=n) ** 3, 3)
    holm.append([p.tolist(), multipletests(p, method="holm")[1].tolist()])

ranks = []
for n, digits in [(3, 2), (8, 1), (30, 0), (100, 3)]:
    x = np.round(rng.normal(size=n), digits)
    y = np.round(0.6 * x + rng.normal(size=n), digits)
    ranks.append([x.tolist(), y.tolist(), float(scipy.stats.spearmanr(x, y).statistic)])

curves = []
for n, a, b, c, noise, with_se in [([20, 60, 180, 540], 0.9, 0.5, 0.1, 0, False), ([100, 500, 1000, 2000], 2.0, 0.7, 0.08, 0.004, False),
                                   ([100, 200, 400, 800, 1600], 1.2, 0.35, 0.05, 0.006, True), ([50, 500, 5000], 0.8, 0.3, 0, 0, False),
                                   ([10, 20, 40, 80, 160, 320], 1.5, 1.1, 0.2, 0.01, True)]:
    n = np.array(n, float)
    error = a * n**-b + c + noise * rng.normal(size=len(n))
    se = noise * rng.uniform(0.5, 2, len(n)) if with_se else None
    best = None
    for start in (0.1, 0.3, 0.6, 1.0, 2.0):  # local minima: the best of several starts
        fit, _ = scipy.optimize.curve_fit(lambda x, a, b, c: a * x**-b + c, n, error, p0=[1, start, 0.05], sigma=se, bounds=([0, 0.01, 0], [np.inf, 3, np.inf]),
                                          ftol=1e-15, xtol=1e-15, gtol=1e-15, max_nfev=100000)
        w = 1 / se**2 if with_se else np.ones(len(n))
        left = float((w * (error - fit[0] * n ** -fit[1] - fit[2]) ** 2).sum())
        if best is None or left < best[0]:
            best = left, fit, w
    left, fit, w = best
    middle = (w * error).sum() / w.sum()
    curves.append({"n": n.tolist(), "error": error.tolist(), "se": se.tolist() if with_se else None, "fit": fit.tolist(), "left": left,
                   "r2": float(1 - left / (w * (error - middle) ** 2).sum())})

macro_f1 = []
for n, k in [(200, 2), (150, 4), (60, 4), (100, 6)]:
    gold = rng.integers(0, k, n)
    predicted = np.where(rng.uniform(size=n) < 0.6, gold, rng.integers(0, k - (k > 4), n))  # six classes: the last is predicted where it is right alone
    f1 = lambda g, p: f1_score(g, p, average="macro", labels=list(range(k)), zero_division=0)
    jack = np.array([f1(np.delete(gold, i), np.delete(predicted, i)) for i in range(n)])
    macro_f1.append({"n_classes": k, "gold": gold.tolist(), "predicted": predicted.tolist(), "f1": float(f1(gold, predicted)),
                     "jackknife_se": float(np.sqrt((n - 1) / n * ((jack - jack.mean()) ** 2).sum()))})

print(json.dumps({"versions": {"numpy": np.__version__, "scipy": scipy.__version__, "scikit-learn": sklearn.__version__, "statsmodels": statsmodels.__version__},
                  "designs": designs, "differences": differences, "detectable": detectable, "mcnemar": tests, "holm": holm, "spearman": ranks,
                  "curves": curves, "macro_f1": macro_f1}, indent=None, separators=(",", ":")))
