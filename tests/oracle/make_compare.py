#!/usr/bin/env python3
"""Writes tests/oracle/compare.json: statistics by scipy and statsmodels. numpy, scipy, statsmodels, scikit-learn from pip."""
import json
import pathlib

import numpy as np
import scipy
import scipy.stats
import statsmodels
from scipy.optimize import curve_fit
from sklearn.metrics import f1_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

rng = np.random.default_rng(20261201)
out = {"made_with": {"numpy": np.__version__, "scipy": scipy.__version__, "statsmodels": statsmodels.__version__}}
out["t"] = [{"df": df, "p": p, "x": float(scipy.stats.t.ppf(p, df))} for df in (1, 2, 2.5, 7, 40, 1000) for p in (0.6, 0.8, 0.975, 0.9995)]
out["mcnemar"] = [{"a": a, "b": b, "p": float(mcnemar([[9, a], [b, 9]], exact=True).pvalue)} for a, b in ((0, 0), (1, 0), (3, 9), (20, 20), (45, 12), (300, 380))]
p = [0.001, 0.04, 0.03, 0.2, 0.0005, 0.8, 0.01]
out["holm"] = {"p": p, "adjusted": [float(x) for x in multipletests(p, method="holm")[1]]}
out["spearman"] = []
for n in (3, 8, 25):
    x, y = np.round(rng.normal(size=n), 1), np.round(rng.normal(size=n), 1)
    out["spearman"].append({"x": x.tolist(), "y": y.tolist(), "rho": float(scipy.stats.spearmanr(x, y).statistic)})


def law(n, a, b, c):
    return a * n ** -b + c


out["power_law"] = []
for a, b, c, noise in ((2.0, 0.5, 0.1, 0.0), (1.0, 0.9, 0.05, 0.004), (0.8, 0.3, 0.0, 0.002)):
    n = np.array([10.0, 20, 50, 100, 200, 500, 1000])
    e = law(n, a, b, c) + noise * rng.normal(size=n.size)
    se = 0.01 + 0.02 * rng.random(n.size)
    best = min((curve_fit(law, n, e, p0=(1, b0, 0.05), sigma=se, bounds=([0, 0.01, 0], [np.inf, 3, np.inf]), max_nfev=100000)[0] for b0 in (0.2, 0.5, 1)),
               key=lambda q: float((((e - law(n, *q)) / se) ** 2).sum()))
    out["power_law"].append({"n": n.tolist(), "error": e.tolist(), "se": se.tolist(), "rest": float((((e - law(n, *best)) / se) ** 2).sum()),
                             "at_40": float(law(40, *best))})
# Two crossed axes, rows and draws: mean squares by hand.
y = (rng.normal(size=(3, 12)) + rng.normal(size=12) + 0.5 * rng.normal(size=(3, 1)) > 0).astype(float)
d, r = y.shape
grand, md, mr = y.mean(), y.mean(1), y.mean(0)
msd = r * ((md - grand) ** 2).sum() / (d - 1)
msr = d * ((mr - grand) ** 2).sum() / (r - 1)
msdr = ((y - md[:, None] - mr[None] + grand) ** 2).sum() / ((d - 1) * (r - 1))
own = max(0.0, (msd - msdr) / y.size)
rows = msr / y.size
half = np.sqrt(scipy.stats.t.ppf(0.975, r - 1) ** 2 * rows + scipy.stats.t.ppf(0.975, d - 1) ** 2 * own)
out["crossed"] = {"y": y.ravel().tolist(), "n": [1, d, 1, r], "mean": float(grand), "half": float(half), "se": float(np.sqrt(rows + own)),
                  "draw": max(0.0, float((msd - msdr) / r)), "row": max(0.0, float((msr - msdr) / d / r))}
gold, predicted = rng.integers(0, 4, 60), rng.integers(0, 4, 60)
out["macro_f1"] = {"gold": gold.tolist(), "predicted": predicted.tolist(), "f1": float(f1_score(gold, predicted, average="macro", labels=[0, 1, 2, 3], zero_division=0))}
jack = np.array([f1_score(np.delete(gold, i), np.delete(predicted, i), average="macro", labels=[0, 1, 2, 3], zero_division=0) for i in range(60)])
out["macro_f1"]["jackknife_se"] = float(np.sqrt(59 / 60 * ((jack - jack.mean()) ** 2).sum()))
(pathlib.Path(__file__).parent / "compare.json").write_text(json.dumps(out) + "\n")
