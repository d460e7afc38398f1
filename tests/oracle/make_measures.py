"""Writes tests/results/measures.txt: what results/measures/ finds between two clouds, by numpy and scipy.

    python3 tests/oracle/make_measures.py        (versions: see the file's first line)

The rows come from a formula in integers (test_measures.c has the same), so that the file needs to hold the answers only. A case: "case nx ny c
seed_x seed_y", the bandwidth, the measures in the order of SG_MEASURES, then the eigenvalues of K / n of the first cloud. p is of 20,000
permutations, so it is near the program's, no more; the others are exact. Where the covariances have full rank the Frechet distance is checked
here against scipy's square root of a matrix.
"""

import os
import sys

import numpy as np
import scipy
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist

CASES = [(60, 90, 8, 1, 2), (130, 70, 33, 3, 3), (40, 200, 70, 4, 5), (6, 7, 5, 6, 7), (7, 2, 3, 8, 9), (1, 5, 4, 1, 2), (3, 4, 129, 1, 2),
         (300, 280, 3, 5, 6)]
K, DIGITS, PERMUTATIONS = 5, 2.0**40, 20000


def rows(n, c, seed):
    i = np.arange(n, dtype=np.int64)[:, None]
    k = np.arange(c, dtype=np.int64)[None, :]
    x = (i * i * 31 + i * k * (13 + seed) + k * 101 + seed * 7) % 257 - 90 + 40 * ((i + k) % 3)
    x = x + (x == 0)
    length = np.sqrt((x * x).sum(axis=1, keepdims=True).astype(np.float64))
    return (x / length).astype(np.float32)


def squared(x, y):
    return np.rint(cdist(x, y, "sqeuclidean") * DIGITS) / DIGITS


def mmd2(k, z):
    n, m = z.sum(), (1 - z).sum()
    within, across = z @ k @ z, z @ k @ (1 - z)
    other = k.sum() - within - 2 * across
    return within / (n * (n - 1)) + other / (m * (m - 1)) - 2 * across / (n * m)


def balls(d):
    """Squared distance to the k-th neighbour."""
    return np.sort(d + np.diag(np.full(len(d), np.inf)), axis=1)[:, K - 1] if len(d) > K else None


def frechet(x, y):
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    fx = (x - x.mean(0)) / np.sqrt(len(x) - 1)
    fy = (y - y.mean(0)) / np.sqrt(len(y) - 1)
    apart = ((x.mean(0) - y.mean(0)) ** 2).sum()
    value = apart + np.trace(a) + np.trace(b) - 2 * np.linalg.svd(fx @ fy.T, compute_uv=False).sum()
    if min(len(x), len(y)) > 2 * x.shape[1]:
        usual = apart + np.trace(a + b - 2 * sqrtm(a @ b).real)
        assert abs(value - usual) < 1e-9 * usual, (value, usual)
    return value


def case(n, m, c, seed_x, seed_y):
    rng = np.random.default_rng(1)
    x, y = rows(n, c, seed_x).astype(np.float64), rows(m, c, seed_y).astype(np.float64)
    both = np.vstack([x, y])
    dxx, dyy, dxy, all_ = squared(x, x), squared(y, y), squared(x, y), squared(both, both)
    sigma = np.median(np.sqrt(dyy[np.triu_indices(m, 1)]))
    gamma = 1 / (2 * sigma**2)
    out = dict.fromkeys("similarity_raw rbf_vendi dcscore mmd2 mmd_p frechet precision recall density coverage c2st c2st_p".split(), np.nan)
    out["similarity_raw"] = (x @ y.T).mean()
    lambdas = np.linalg.eigvalsh(np.exp(-gamma * cdist(x, x, "sqeuclidean")) / n)[::-1]
    share = lambdas[lambdas > n * 2e-16]
    out["rbf_vendi"] = np.exp(-(share * np.log(share)).sum())
    softmax = np.exp(x @ x.T)
    out["dcscore"] = (np.diag(softmax) / softmax.sum(1)).sum()
    if n > 1 and m > 1:
        k = np.exp(-gamma * all_)
        np.fill_diagonal(k, 0)
        z = (np.arange(n + m) < n).astype(float)
        out["mmd2"] = mmd2(k, z)
        zs = np.stack([rng.permutation(z) for _ in range(PERMUTATIONS)])
        within, row = ((zs @ k) * zs).sum(1), zs @ k.sum(1)
        across = row - within
        other = k.sum() - within - 2 * across
        permuted = within / (n * (n - 1)) + other / (m * (m - 1)) - 2 * across / (n * m)
        out["mmd_p"] = (1 + (permuted >= out["mmd2"] - 1e-12).sum()) / (1 + PERMUTATIONS)
        out["frechet"] = frechet(x, y)
        least = min(n, m)
        keep = np.r_[0:least, n : n + least]
        d = all_[np.ix_(keep, keep)] + np.diag(np.full(2 * least, np.inf))
        near, is_x = d.argmin(1), np.arange(2 * least) < least
        out["c2st"] = (is_x == is_x[near]).mean()
        shuffled = np.stack([rng.permutation(is_x) for _ in range(PERMUTATIONS)])
        hits = (shuffled == shuffled[:, near]).sum(1)
        out["c2st_p"] = (1 + (hits >= (is_x == is_x[near]).sum()).sum()) / (1 + PERMUTATIONS)
    rx, ry = balls(dxx), balls(dyy)
    if ry is not None:
        inside = dxy <= ry[None, :]
        out["precision"], out["density"] = inside.any(1).mean(), inside.sum() / (K * n)
        out["coverage"] = inside.any(0).mean()
    if rx is not None:
        out["recall"] = (dxy <= rx[:, None]).any(0).mean()
    return sigma, out, lambdas


def main():
    path = os.path.join(os.path.dirname(__file__), "..", "results", "measures.txt")
    with open(path, "w") as file:
        file.write(f"# make_measures.py, Python {sys.version.split()[0]}, numpy {np.__version__}, scipy {scipy.__version__}\n")
        for args in CASES:
            sigma, out, lambdas = case(*args)
            file.write("case " + " ".join(map(str, args)) + f"\n{sigma:.14e}\n")
            file.writelines(f"{value:.14e}\n" for value in out.values())
            file.writelines(f"{value:.9f}\n" for value in np.maximum(lambdas, 0))


main()
