/* How long to wait before the next try: exponential back-off with a ceiling and jitter (AWS, "Exponential backoff and jitter").
 *
 *     static const struct sg_backoff slowly = {.first_s = 0.5, .factor = 2, .most_s = 60, .jitter = 1};
 *     wait(sg_backoff_s(&slowly, n_failures, &rng)); */
#ifndef SG_BASE_BACKOFF_H
#define SG_BASE_BACKOFF_H

#include "base/rng.h"

struct sg_backoff {
    double first_s, factor, most_s;
    double jitter; /* the share of a delay that is drawn: 0 none of it, 0.5 its half, 1 all */
};

/* The delay before try n + 1 (n = 0, 1, ...): first_s * factor^n, at most most_s, less what jitter takes off. rng: NULL without
 * jitter; one number is drawn of it else. */
double sg_backoff_s(const struct sg_backoff *b, int64_t n, struct sg_rng *rng);

#endif
