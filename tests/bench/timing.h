/* How fast something runs that takes micro- or milliseconds. */
#ifndef SG_BENCH_TIMING_H
#define SG_BENCH_TIMING_H

#include "base/file.h"

/* Seconds of one call of `run`: the best of `n_rounds` rounds that last about `round_s` each. A round of 0 s is one call. 0 when
 * `run` says (by returning 0) that it cannot. */
static inline double sg_bench_seconds(int (*run)(void *), void *context, int n_rounds, double round_s)
{
    double best = 0;
    if (!run(context))
        return 0;
    for (int round = 0; round < n_rounds; round++) {
        double begin = sg_now_s(), took;
        long n = 0;
        do {
            run(context);
            n++;
            took = sg_now_s() - begin;
        } while (took < round_s);
        if (round == 0 || took / (double)n < best)
            best = took / (double)n;
    }
    return best;
}

#endif
