#!/usr/bin/env python3
"""Writes tests/oracle/contamination.json: ROUGE-L by rouge-score, one-sided sign-flip tests by scipy."""
import importlib.metadata
import json
import pathlib
import random

import numpy as np
import scipy
from rouge_score import rouge_scorer

rng = random.Random(20261201)
scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
out = {"made_with": {"rouge-score": importlib.metadata.version("rouge-score"), "numpy": np.__version__, "scipy": scipy.__version__}}

WORDS = "the a film is not It's good, BAD. plot (drags) never; well-made 10/10 o'clock don't actor's score_of 3.5 and or e.g. -- ! cafe".split()


def text(n):
    return " ".join(rng.choice(WORDS) for _ in range(n))


pairs = [("", ""), ("one", ""), ("", "one"), ("same words here", "same words here"), ("a b c d", "d c b a"), ("  A-b  ", "a B"), ("?!", "?!")]
for n in (1, 2, 5, 9, 17, 40, 90):
    for _ in range(6):
        reference = text(n)
        kept = [w for w in reference.split() if rng.random() < 0.6]
        pairs.append((reference, rng.choice([text(rng.randint(1, 2 * n)), " ".join(kept), text(3) + " " + reference, reference.upper()])))
out["rouge_l"] = [{"reference": a, "candidate": b, "f1": scorer.score(a, b)["rougeL"].fmeasure} for a, b in pairs]

out["sign_flip"] = []
for n, shift in ((2, 0.1), (4, 0.5), (7, 0.2), (7, 0.0), (10, 0.05), (10, -0.1), (13, 0.02), (16, 0.03)):
    x = [round(rng.gauss(shift, 0.1), 3) for _ in range(n)]
    test = scipy.stats.permutation_test((np.array(x),), np.sum, permutation_type="samples", alternative="greater", n_resamples=np.inf)
    out["sign_flip"].append({"x": x, "p": float(test.pvalue)})
out["sign_flip"].append({"x": [0.0] * 8, "p": 1.0})

path = pathlib.Path(__file__).with_name("contamination.json")
path.write_text(json.dumps(out, indent=1) + "\n")
