#include "results/stats/contamination.h"

#include "base/mem.h"
#include "base/rng.h"

#include <math.h>

/* Sums of the same differences in another order are the same but for rounding; two that differ differ by more, as ROUGE-L is a ratio of
 * small numbers. */
#define ROUNDING 1e-9

const char *sg_contamination_verdict_name(enum sg_contamination_verdict v)
{
    static const char *const name[SG_N_SEEN] = {"likely seen", "no sign", "too few rows to tell"};
    return name[v];
}

/* All 2^n signs, each differing from the one before in one place (Gray code). */
static double all_signs(const double *difference, int64_t n, double observed)
{
    uint32_t n_all = (uint32_t)1 << n, n_reached = 0, minus = 0;
    double sum = observed;
    for (uint32_t i = 0; i < n_all; i++) {
        if (i) {
            int at = 0;
            while (!(i >> at & 1))
                at++;
            minus ^= (uint32_t)1 << at;
            sum += minus >> at & 1 ? -2 * difference[at] : 2 * difference[at];
        }
        n_reached += sum >= observed - ROUNDING;
    }
    return (double)n_reached / (double)n_all;
}

static double drawn_signs(const double *difference, int64_t n, double observed)
{
    int64_t n_reached = 1;
    uint64_t seed = sg_seed_of("contamination signs of %lld rows", (long long)n);
    for (uint64_t d = 0; d < SG_CONTAMINATION_DRAWS; d++) {
        struct sg_rng r = sg_rng_make(seed, d);
        double sum = 0;
        uint32_t bits = 0;
        for (int64_t i = 0; i < n; i++, bits >>= 1) {
            if (i % 32 == 0)
                bits = sg_rng_u32(&r);
            sum += bits & 1 ? difference[i] : -difference[i];
        }
        n_reached += sum >= observed - ROUNDING;
    }
    return (double)n_reached / (double)(SG_CONTAMINATION_DRAWS + 1);
}

double sg_sign_flip(const double *difference, int64_t n)
{
    double observed = 0;
    for (int64_t i = 0; i < n; i++)
        observed += difference[i];
    return n <= SG_CONTAMINATION_EXACT ? all_signs(difference, n, observed)
                                       : drawn_signs(difference, n, observed);
}

sg_status sg_contamination_decide(const struct sg_contamination_pair *row, int64_t n_rows,
                                  struct sg_contamination *out, struct sg_err *err)
{
    double *difference = sg_alloc((size_t)n_rows, sizeof *difference);
    if (!difference)
        return sg_fail_memory(err, (size_t)n_rows * sizeof *difference);
    struct sg_contamination x = {0};
    for (int64_t i = 0; i < n_rows; i++) {
        x.n_near += row[i].is_near;
        x.n_exact += row[i].is_exact;
        if (isnan(row[i].guided) || isnan(row[i].general))
            continue;
        x.guided += row[i].guided;
        x.general += row[i].general;
        difference[x.n++] = row[i].guided - row[i].general;
    }
    double n = x.n ? (double)x.n : (double)NAN;
    x.guided /= n;
    x.general /= n;
    x.difference = x.guided - x.general;
    x.p = x.n ? sg_sign_flip(difference, x.n) : (double)NAN;
    sg_free(difference);
    x.verdict = x.n_exact >= 1 || x.n_near >= 2 || x.p <= SG_CONTAMINATION_P ? SG_SEEN_LIKELY
                : x.n < SG_CONTAMINATION_LEAST                               ? SG_SEEN_TOO_FEW
                                                                             : SG_SEEN_NO_SIGN;
    *out = x;
    return SG_OK;
}
