/* Whether replies to the contamination probe (gen/pool/contamination.h) say that an LLM has seen a data set's rows. Pure.
 *
 * "likely seen" where one of these holds:
 *   - the guided instruction brought one exact match, or two near-exact ones (the paper's criterion: Golchin & Surdeanu, arXiv 2308.08493,
 *     section 3.2);
 *   - guided replies are nearer to the rows than general ones: p <= SG_CONTAMINATION_P, where p is that of a one-sided sign-flip test over
 *     the rows' differences of ROUGE-L, guided minus general. It is exact up to SG_CONTAMINATION_EXACT rows, from there on by
 *     SG_CONTAMINATION_DRAWS counter-based draws, the observed signs counted as one of them. (The paper resamples rows, and takes 0.05; a
 *     study asks several tasks and generators.)
 * Else "too few rows to tell" below SG_CONTAMINATION_LEAST rows with both replies, the fewest of which any can reach that p; else "no sign",
 * which does not say that it has not: other rows, another wording or a larger model may show one.
 *
 * Where nothing is remembered, signs of differences are as likely one way as the other, so that the second criterion says "likely seen" of at
 * most one in a hundred. */
#ifndef SG_RESULTS_STATS_CONTAMINATION_H
#define SG_RESULTS_STATS_CONTAMINATION_H

#include "base/err.h"

#include <stdint.h>

#define SG_CONTAMINATION_P 0.01
enum { SG_CONTAMINATION_LEAST = 7, SG_CONTAMINATION_EXACT = 20, SG_CONTAMINATION_DRAWS = 20000 };

enum sg_contamination_verdict { SG_SEEN_LIKELY, SG_SEEN_NO_SIGN, SG_SEEN_TOO_FEW, SG_N_SEEN };
const char *sg_contamination_verdict_name(
    enum sg_contamination_verdict v); /* "likely seen", "no sign", "too few rows to tell" */

/* A row's two replies: ROUGE-L, NaN where there was none; what the guided one matches. */
struct sg_contamination_pair {
    double guided, general;
    int is_near, is_exact;
};

struct sg_contamination {
    int64_t n;                             /* rows with both replies */
    int64_t n_near, n_exact;               /* of all rows */
    double guided, general, difference, p; /* means over the n rows; NaN where there are none */
    enum sg_contamination_verdict verdict;
};

/* Rows in any order that does not change from run to run. */
sg_status sg_contamination_decide(const struct sg_contamination_pair *row, int64_t n_rows,
                                  struct sg_contamination *out, struct sg_err *err) SG_MUST_USE;

/* The one-sided p alone: of n differences, that their sum is as large as it is or larger. 1 for none. */
double sg_sign_flip(const double *difference, int64_t n);

#endif
