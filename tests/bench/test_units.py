#!/usr/bin/env python3
"""The arithmetic of the benchmarks against numbers known otherwise."""
import math

import flops
import welch


def near(x, y, tolerance=1e-4):
    assert math.isclose(x, y, rel_tol=tolerance), (x, y)


# Student's 97.5 % points: scipy.stats.t.ppf.
for df, t in ((1.5, 6.016663), (2, 4.302653), (4, 2.776445), (8, 2.306004), (10, 2.228139), (1e5, 1.959988)):
    near(welch.t_quantile(df), t, 5e-4)

# Equal variances and sizes: df = 2 n - 2, so 4 here; difference 0.02, each variance 0.0001, error sqrt(2e-4 / 3).
found = welch.compare([0.79, 0.80, 0.81], [0.77, 0.78, 0.79])
near(found["difference"], 0.02)
near(found["error"], math.sqrt(2e-4 / 3))
near(found["interval"][1] - 0.02, 2.776445 * math.sqrt(2e-4 / 3))
assert not found["equal"]
assert welch.compare([0.80, 0.80, 0.80], [0.80, 0.80, 0.80])["equal"]
assert welch.compare([0.805] * 3, [0.80] * 3)["equal"] and not welch.compare([0.815] * 3, [0.80] * 3)["equal"]
assert welch.compare([0.70, 0.80, 0.90], [0.75, 0.85, 0.95])["equal"]  # within the noise

# One layer, one token: keys and values, then one query of one key, output and feed-forward; thrice for the gradients.
one = {"num_hidden_layers": 1, "hidden_size": 2, "intermediate_size": 8}
assert flops.step_flops([1], one) == 3 * (2 * (2 * 4) + 2 * (2 * 4 + 2 * 16) + 4 * 2)
# A second layer, two sequences: all of it for every token.
two = dict(one, num_hidden_layers=2)
assert flops.step_flops([3, 5], two) - flops.step_flops([3, 5], one) == 3 * (8 * 2 * (4 * 4 + 2 * 16) + 4 * 2 * (9 + 25))
print("ok")
