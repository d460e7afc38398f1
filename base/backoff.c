#include "base/backoff.h"

#include <math.h>

double sg_backoff_s(const struct sg_backoff *b, int64_t n, struct sg_rng *rng)
{
    double longest_s = fmin(b->first_s * pow(b->factor, (double)n), b->most_s);
    return rng ? longest_s * (1 - b->jitter + b->jitter * sg_rng_uniform(rng)) : longest_s;
}
