#include "experiments/run/plan.h"
#include "base/cores.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "experiments/buying/cache.h"
#include "experiments/run/left_behind.h"
#include "experiments/run/own_data.h"
#include "experiments/run/own_sets.h"
#include "experiments/run/run.h"
#include "experiments/run/with_llm.h"
#include "gen/llm/recording.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sg_status remember(void *context, const struct sg_request *q, const struct sg_answer *a,
                          struct sg_err *err)
{
    struct sg_plan_sources *s = context;
    (void)err;
    json_object_set_new(
        s->recorded, q->key,
        json_pack("[iss]", (int)a->status, a->text ? a->text : "", a->finish_reason ? a->finish_reason : ""));
    s->n_recorded++;
    return SG_OK;
}

static sg_status lookup(void *context, const char *key, struct sg_found *out, struct sg_err *err)
{
    struct sg_plan_sources *s = context;
    out->found = 0;
    if (s->ledger) {
        struct sg_ledger_answer a;
        SG_TRY(sg_ledger_answer_get(s->ledger, key, &out->found, &a, err));
        if (out->found) {
            *out = (struct sg_found){1, (sg_status)a.status, a.text, a.finish_reason};
            return SG_OK;
        }
    }
    const json_t *a = json_object_get(s->recorded, key);
    if (a)
        *out = (struct sg_found){1, (sg_status)json_integer_value(json_array_get(a, 0)),
                                 json_string_value(json_array_get(a, 1)),
                                 json_string_value(json_array_get(a, 2))};
    return SG_OK;
}

static sg_status remember_cached(void *context, const char *source, const struct sg_request *q,
                                 const struct sg_answer *a, struct sg_err *err)
{
    struct sg_plan_sources *s = context;
    (void)source;
    s->n_recorded--;
    s->n_cached++;
    return remember(s, q, a, err);
}

/* What pool or evaluation i needs next, part by slice. */
static sg_status advance(struct sg_prepared *p, int64_t i, struct sg_plan_sources *from,
                         struct sg_request_list *slice, struct sg_err *err)
{
    int64_t e = i - p->grid.n_pools;
    return e < 0 ? sg_pool_advance(p->pool[i], lookup, from, slice, err)
                 : sg_evaluation_advance(p->evaluation[e], lookup, from, slice, err);
}

/* Adds to what is wanted of the cache what pool or evaluation i misses. */
static sg_status want(struct sg_prepared *p, int64_t i, struct sg_plan_sources *from, struct sg_cache *c,
                      struct sg_err *err)
{
    struct sg_request_list slice = {.max = SG_REQUESTS_SLICE};
    do {
        sg_status status = advance(p, i, from, &slice, err);
        if (status == SG_OK)
            status = sg_cache_want(c, &slice, err);
        sg_request_list_free(&slice);
        SG_TRY(status);
    } while (slice.next);
    return i < p->grid.n_pools ? sg_cache_want_key(c, sg_pool_fit_key(p->pool[i]), err) : SG_OK;
}

static sg_status look_into_cache(struct sg_prepared *p, struct sg_plan_sources *from, struct sg_err *err)
{
    struct sg_cache *c = NULL;
    SG_TRY(sg_cache_open(p->study, &c, err));
    sg_status status = SG_OK;
    for (int64_t found = c != NULL; status == SG_OK && found;) {
        for (int64_t i = 0; status == SG_OK && i < p->grid.n_pools + p->n_evaluations; i++)
            status = want(p, i, from, c, err);
        if (status == SG_OK)
            status = sg_cache_fetch(c, remember_cached, from, &found, err);
    }
    sg_cache_close(c);
    return status;
}

static void add_missing(struct sg_plan_counts *n, int generator, int64_t missing, int64_t in, int64_t out)
{
    n->n_missing += missing;
    n->missing_in += missing * in;
    n->missing_out += missing * out;
    n->of[generator].n += missing;
    n->of[generator].in += missing * in;
    n->of[generator].out += missing * out;
}

/* What pool or evaluation i needs next that nobody before it does: a run buys it once for all. */
static sg_status count_new(struct sg_prepared *p, int64_t i, struct sg_plan_sources *from,
                           struct sg_plan_counts *n, int64_t *n_new, struct sg_err *err)
{
    struct sg_request_list slice = {.max = SG_REQUESTS_SLICE};
    int64_t before = sg_set_n(n->seen);
    do {
        sg_status status = advance(p, i, from, &slice, err);
        for (int64_t k = 0; status == SG_OK && k < slice.n; k++)
            status = sg_set_add_hex(n->seen, slice.item[k].key, err);
        sg_request_list_free(&slice);
        SG_TRY(status);
    } while (slice.next);
    *n_new = sg_set_n(n->seen) - before;
    return SG_OK;
}

/* Whether another pool has asked for its first round: a zero_shot one, or another draw's of its method. */
static int shares_round(const struct sg_prepared *p, int64_t i)
{
    const struct sg_pool_key *k = &p->grid.pool[i], *x;
    for (int64_t j = 0; sg_method_has_rounds((enum sg_method)k->arm.method) && j < p->grid.n_pools; j++) {
        x = &p->grid.pool[j];
        int asks = x->arm.method == SG_ZERO_SHOT || (x->arm.method == k->arm.method && j < i);
        if (asks && x->task == k->task && x->seed_generation == k->seed_generation && x->source < 0 &&
            x->arm.generator == k->arm.generator && x->arm.variant == k->arm.variant &&
            x->arm.conditioning == k->arm.conditioning)
            return 1;
    }
    return 0;
}

static sg_status count_pools(struct sg_prepared *p, struct sg_plan_sources *from, struct sg_plan_counts *n,
                             struct sg_err *err)
{
    for (int64_t i = 0; i < p->grid.n_pools; i++) {
        int64_t requests, in, out, left, lists = sg_set_n(n->lists);
        char list[SG_HEX];
        SG_TRY(sg_pool_topics_key(p->pool[i], list, err));
        if (list[0])
            SG_TRY(sg_set_add_hex(n->lists, list, err));
        sg_pool_estimate(p->pool[i], &requests, &in, &out);
        if (list[0] && sg_set_n(n->lists) == lists) /* another pool has the same lists */
            requests -= sg_pool_n_lists(p->pool[i]);
        requests -= shares_round(p, i) ? sg_pool_n_plain(p->pool[i]) : 0;
        n->n_requests += requests;
        n->tokens_in += requests * in;
        n->tokens_out += requests * out;
        SG_TRY(count_new(p, i, from, n, &left, err));
        /* A pool that still lacks its topic list, or its source, lacks all its examples, too. */
        if (sg_pool_waits(p->pool[i]))
            left = left < requests ? requests : left;
        left += sg_pool_n_behind(p->pool[i]);
        add_missing(n, p->grid.pool[i].arm.generator, left, in, out);
    }
    return SG_OK;
}

static sg_status count_evaluations(struct sg_prepared *p, struct sg_plan_sources *from,
                                   struct sg_plan_counts *n, struct sg_err *err)
{
    for (int64_t i = 0; i < p->n_evaluations; i++) {
        int64_t requests, in, out, left;
        sg_evaluation_estimate(p->evaluation[i], &requests, &in, &out);
        SG_TRY(count_new(p, p->grid.n_pools + i, from, n, &left, err));
        int64_t pool = sg_evaluation_pool(p->evaluation[i]);
        if (pool >= 0 && !sg_pool_complete(p->pool[pool])) /* all of its examples are still to come */
            left = requests;
        n->n_requests += requests;
        n->tokens_in += requests * in;
        n->tokens_out += requests * out;
        add_missing(n, sg_evaluation_generator(p->evaluation[i]), left, in, out);
        *(pool >= 0                                          ? &n->n_verify
          : sg_evaluation_is_contamination(p->evaluation[i]) ? &n->n_contamination
                                                             : &n->n_classify) += requests;
    }
    return SG_OK;
}

static sg_status count_spent(struct sg_plan_sources *from, struct sg_plan_counts *n, struct sg_err *err)
{
    struct sg_ledger_totals totals;
    SG_TRY(sg_batch_count(from->ledger, &n->batches, err));
    SG_TRY(sg_ledger_totals(from->ledger, &totals, err));
    n->spent_usd = totals.paid_usd + n->batches.usd;
    return SG_OK;
}

/* What is there and wrong is an error, when all has been said: the first of them. */
sg_status sg_plan_fail_wrong(const struct sg_prepared *p, const struct sg_plan_counts *n, struct sg_err *err)
{
    const struct sg_lacks *list[] = {&p->lacks, &n->lacks};
    const char *first = NULL;
    int64_t more = -1;
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < list[k]->n; i++)
            if (list[k]->item[i].is_wrong) {
                first = first ? first : list[k]->item[i].text;
                more++;
            }
    if (!first)
        return SG_OK;
    if (more == 0)
        return sg_fail(err, SG_INPUT, "%s", first);
    return sg_fail(err, SG_INPUT, "%s (and %lld more, see `missing` in the plan)", first, (long long)more);
}

void sg_plan_sources_free(struct sg_plan_sources *from)
{
    sg_ledger_close(from->ledger);
    json_decref(from->recorded);
    *from = (struct sg_plan_sources){0};
}

void sg_plan_counts_free(struct sg_plan_counts *n)
{
    sg_buf_free(&n->data);
    sg_free(n->left);
    sg_free(n->simulated);
    sg_buf_free(&n->left_behind);
    sg_lacks_free(&n->lacks);
    sg_set_destroy(n->seen);
    sg_set_destroy(n->lists);
    *n = (struct sg_plan_counts){0};
}

sg_status sg_plan_gather(const struct sg_run_options *o, struct sg_prepared **p_out,
                         struct sg_plan_sources *from, struct sg_plan_counts *n, struct sg_err *err)
{
    *p_out = NULL;
    *from = (struct sg_plan_sources){.recorded = json_object()};
    *n = (struct sg_plan_counts){.data = sg_buf_make(1 << 20), .left_behind = sg_buf_make(10000)};
    SG_TRY(sg_prepare(o->study, o->n_overrides, o->overrides, SG_PREPARE_NO_WEIGHTS | SG_PREPARE_ASSUME,
                      p_out, err));
    struct sg_prepared *p = *p_out;
    if (o->with_llm)
        SG_TRY(sg_with_llm_assume(p->study, o->with_llm, err));
    char *ledger = sg_path_join(p->study->results, "ledger.sqlite");
    int has_ledger = ledger && sg_file_exists(ledger);
    sg_free(ledger);
    if (has_ledger)
        SG_TRY(sg_ledger_open(p->study->results, SG_LEDGER_READ, &from->ledger, err));
    n->is_asked = o->n_ranks > 0 || o->n_threads > 0;
    n->n_ranks = o->n_ranks > 0 ? o->n_ranks : 1;
    n->n_threads = o->n_threads > 0          ? o->n_threads
                   : p->study->train.threads ? p->study->train.threads
                                             : sg_cores();
    if (sg_study_reads_recording(p->study) && !sg_file_exists(p->study->generator->recording))
        SG_TRY(sg_lacks_add(&n->lacks, "recording", 0, err,
                            "generator.recording: no file %s; hint: leave it out to buy all anew",
                            p->study->generator->recording));
    else if (sg_study_reads_recording(p->study) &&
             sg_recording_read(p->study->generator->recording, remember, from, err) != SG_OK)
        return sg_err_at(err, "generator.recording");
    SG_TRY(sg_own_data_look(p->study, p->data, &n->data, err));
    if (from->ledger)
        SG_TRY(sg_own_sets_changed(p, from->ledger, &n->data, err));
    SG_TRY(sg_set_create(&n->seen, err));
    SG_TRY(sg_set_create(&n->lists, err));
    SG_TRY(look_into_cache(p, from, err));
    SG_TRY(count_pools(p, from, n, err));
    SG_TRY(count_evaluations(p, from, n, err));
    SG_TRY(sg_plan_count_cells(p, from, n, err));
    if (o->simulate)
        SG_TRY(sg_plan_simulate(p->study, o->simulate, n, err));
    if (from->ledger)
        SG_TRY(count_spent(from, n, err));
    if (from->ledger && !p->lacks.n) /* else the ids are of what stands for it */
        SG_TRY(sg_left_behind(p, from->ledger, &n->n_left_behind, &n->left_behind, err));
    return sg_plan_needs(p->study, n, err);
}

sg_status sg_plan(const struct sg_run_options *o, int json, struct sg_buf *out, struct sg_err *err)
{
    struct sg_prepared *p = NULL;
    struct sg_plan_sources from;
    struct sg_plan_counts n;
    sg_status status = sg_plan_gather(o, &p, &from, &n, err);
    if (status == SG_OK && json)
        status = sg_plan_json(p, &n, out, err);
    else if (status == SG_OK)
        sg_plan_text(p, &from, &n, out);
    if (status == SG_OK)
        status = sg_plan_fail_wrong(p, &n, err);
    sg_plan_counts_free(&n);
    sg_plan_sources_free(&from);
    sg_prepared_destroy(p);
    return status;
}
