"""Writes tests/results/diversity.txt: mean similarity, Vendi score, effective rank and spectrum, by numpy.

    python3 tests/oracle/make_diversity.py        (made with Python 3.11, numpy 2.x; see the file's first line)

The rows come from a formula in integers (test_diversity.c has the same), so that the file needs to hold the answers only. The
Gram matrix here is the n x n one, XX' / n: another way to the same spectrum than the program's. A case: a line
"case n c seed", the three measures, then the c eigenvalues.
"""

import os
import sys

import numpy as np

CASES = [(200, 70, 1), (5, 70, 2), (64, 33, 3), (1, 4, 4), (2, 3, 5), (400, 3, 6), (3, 129, 7), (40, 1, 8), (4500, 40, 9)]


def rows(n, c, seed):
    i = np.arange(n, dtype=np.int64)[:, None]
    k = np.arange(c, dtype=np.int64)[None, :]
    x = (i * i * 31 + i * k * (13 + seed) + k * 101 + seed * 7) % 257 - 90 + 40 * ((i + k) % 3)
    x = x + (x == 0)
    length = np.sqrt((x * x).sum(axis=1, keepdims=True).astype(np.float64))
    return (x / length).astype(np.float32)


def case(n, c, seed):
    x = rows(n, c, seed).astype(np.float64)
    gram = x @ x.T
    mean = (gram.sum() - np.trace(gram)) / (n * (n - 1)) if n > 1 else float("nan")
    spectrum = np.zeros(max(n, c))
    spectrum[:n] = np.sort(np.linalg.eigvalsh(gram / n))[::-1]
    spectrum = np.where(spectrum < 1e-13, 0, spectrum)[:c]
    share = spectrum[spectrum > 0] / spectrum.sum()
    vendi = np.exp(-(share * np.log(share)).sum())
    return mean, vendi, 1 / (share**2).sum(), spectrum


def main():
    path = os.path.join(os.path.dirname(__file__), "..", "results", "diversity.txt")
    with open(path, "w") as out:
        out.write(f"# make_diversity.py, Python {sys.version.split()[0]}, numpy {np.__version__}\n")
        for n, c, seed in CASES:
            mean, vendi, rank, spectrum = case(n, c, seed)
            out.write(f"case {n} {c} {seed} {mean:.9f} {vendi:.8e} {rank:.8e}\n")
            out.writelines(f"{value:.9f}\n" for value in spectrum)


main()
