#include "experiments/run/pools_text.h"
#include "base/mem.h"
#include "base/tell.h"

#include <stdio.h>
#include <string.h>

static void name_of(const struct sg_prepared *p, int64_t i, struct sg_buf *out)
{
    const struct sg_pool_key *k = &p->grid.pool[i];
    char arm[SG_ARM_NAME + 40];
    sg_arm_name(p->study, &k->arm, arm);
    if (sg_arm_draws(p->study, &k->arm) > 1)
        snprintf(arm + strlen(arm), 40, ", draw %lld", (long long)k->seed_data);
    sg_buf_printf(out, "%-12s %-34s %4lld", p->study->task[k->task].name, arm, (long long)k->seed_generation);
}

static void name_of_evaluation(const struct sg_evaluation *e, struct sg_buf *out)
{
    const char *task;
    char what[SG_EVALUATION_NAME];
    sg_evaluation_name(e, &task, what);
    sg_buf_printf(out, "%-12s %-34s %4lld", task, what, (long long)sg_evaluation_seed(e));
}

static int64_t wanted(const struct sg_prepared *p)
{
    return p->study->n_sizes ? p->study->size[p->study->n_sizes - 1] : 0;
}

void sg_pools_text_bought(const struct sg_prepared *p, struct sg_buf *out)
{
    sg_buf_printf(out, "%-12s %-34s %4s %9s %7s %9s\n", "task", "method", "seed", "examples", "wanted",
                  "rejected");
    for (int64_t i = 0; i < p->grid.n_pools; i++) {
        const struct sg_pool *pool = p->pool[i];
        const int64_t *rejects = sg_pool_rejects(pool);
        int64_t n_rejected = 0;
        for (int k = SG_ACCEPTED + 1; k < SG_N_REJECTS; k++)
            n_rejected += rejects[k];
        name_of(p, i, out);
        sg_buf_printf(out, " %9lld %7lld %9lld", (long long)sg_pool_n(pool), (long long)wanted(p),
                      (long long)n_rejected);
        if (sg_pool_shortfall(pool)[0])
            sg_buf_printf(out, "   short: %s", sg_pool_shortfall(pool));
        else if (!sg_pool_complete(pool))
            sg_buf_puts(out, sg_pool_needs_words(pool) ? "   made by the run" : "   not bought yet");
        sg_buf_puts(out, "\n");
    }
    for (int64_t i = 0; i < p->n_evaluations; i++) {
        const struct sg_evaluation *e = p->evaluation[i];
        name_of_evaluation(e, out);
        sg_buf_printf(out, " %9lld %7lld %9lld%s\n", (long long)sg_evaluation_n_answered(e),
                      (long long)sg_evaluation_n(e), (long long)sg_evaluation_n_unparsable(e),
                      sg_evaluation_complete(e) ? "" : "   not bought yet");
    }
}

void sg_pools_text_missing(const struct sg_prepared *p, const int64_t *n_missing, struct sg_buf *out)
{
    sg_buf_printf(out, "%-12s %-34s %4s %9s %7s %12s\n", "task", "method", "seed", "examples", "wanted",
                  "completions");
    for (int64_t i = 0; i < p->grid.n_pools; i++) {
        if (sg_pool_complete(p->pool[i]) || sg_pool_needs_words(p->pool[i]))
            continue;
        name_of(p, i, out);
        sg_buf_printf(out, " %9lld %7lld %12lld or more\n", (long long)sg_pool_n(p->pool[i]),
                      (long long)wanted(p), (long long)n_missing[i]);
    }
    for (int64_t i = 0; i < p->n_evaluations; i++) {
        const struct sg_evaluation *e = p->evaluation[i];
        if (sg_evaluation_complete(e))
            continue;
        name_of_evaluation(e, out);
        sg_buf_printf(out, " %9lld %7lld %12lld\n", (long long)sg_evaluation_n_answered(e),
                      (long long)sg_evaluation_n(e), (long long)n_missing[p->grid.n_pools + i]);
    }
}

int64_t sg_pools_text_n_empty(const struct sg_prepared *p)
{
    int64_t n = 0;
    for (int64_t i = 0; i < p->grid.n_pools; i++)
        n += sg_pool_complete(p->pool[i]) && sg_pool_n(p->pool[i]) == 0;
    return n;
}

sg_status sg_pools_text_tell_missing(const struct sg_prepared *p, struct sg_requests *r, int64_t *n,
                                     struct sg_err *err)
{
    int64_t n_consumers = sg_requests_n_consumers(r), *of = sg_alloc((size_t)n_consumers + 1, sizeof *of);
    if (!of)
        return sg_fail_memory(err, (size_t)n_consumers * sizeof *of);
    struct sg_buf text = sg_buf_make((size_t)1 << 28);
    sg_status status = sg_requests_count(r, n, of, err);
    if (status == SG_OK && *n) {
        sg_pools_text_missing(p, of, &text);
        status = sg_buf_check(&text, "the list of what is missing", err);
    }
    if (status == SG_OK)
        sg_tell_text(sg_buf_text(&text));
    sg_buf_free(&text);
    sg_free(of);
    return status;
}
