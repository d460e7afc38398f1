"""Do two trainers reach the same mean accuracy? Welch's interval for the difference of two means."""
import math
import statistics


def t_tail(t, df):
    """P(T > t) of Student's distribution, t >= 0: with T = sqrt(df) tan x the density is proportional to cos(x)^(df-1)."""
    n = 2000
    lo = math.atan(t / math.sqrt(df))
    width = (math.pi / 2 - lo) / n
    weights = [1 if i in (0, n) else 4 if i % 2 else 2 for i in range(n + 1)]  # Simpson's
    area = sum(w * max(0.0, math.cos(lo + i * width)) ** (df - 1) for i, w in enumerate(weights)) * width / 3
    return area * math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(math.pi)


def t_quantile(df, tail=0.025):
    lo, hi = 0.0, 1e3
    for _ in range(60):
        middle = (lo + hi) / 2
        lo, hi = (middle, hi) if t_tail(middle, df) > tail else (lo, middle)
    return (lo + hi) / 2


def compare(a, b, points=0.01):
    """a - b of two lists of accuracies. Equal: |difference of means| <= 2 standard errors of it, or <= `points`."""
    va, vb = statistics.variance(a) / len(a), statistics.variance(b) / len(b)
    difference, error = statistics.mean(a) - statistics.mean(b), math.sqrt(va + vb)
    half = 0.0
    if error > 0:
        df = (va + vb) ** 2 / (va ** 2 / (len(a) - 1) + vb ** 2 / (len(b) - 1))
        half = t_quantile(df) * error
    return {"mean": (statistics.mean(a), statistics.mean(b)), "deviation": (statistics.stdev(a), statistics.stdev(b)),
            "difference": difference, "error": error, "interval": (difference - half, difference + half),
            "equal": abs(difference) <= max(2 * error, points)}
