#include "experiments/buying/requests_impl.h"

#include "base/mem.h"
#include "experiments/buying/completion.h"
#include "results/ledger/ledger_contamination.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* "near" of struct sg_ledger_pool's rejects. */
static json_t *near_json(const struct sg_pool *pool)
{
    int64_t n;
    const struct sg_pool_near *x = sg_pool_near(pool, &n);
    json_t *list = json_array();
    for (int64_t i = 0; i < n; i++)
        json_array_append_new(list, json_pack("[sIsIf]", x[i].key, (json_int_t)x[i].position,
                                              sg_near_name(x[i].match.kind), (json_int_t)x[i].match.index,
                                              x[i].match.similarity));
    return list;
}

/* "source" of struct sg_ledger_pool's rejects; NULL for a pool that rephrases none. */
static json_t *source_json(const struct sg_pool *pool)
{
    json_t *list = sg_pool_n(pool) && sg_pool_get(pool, 0).source >= 0 ? json_array() : NULL;
    for (int64_t j = 0; list && j < sg_pool_n(pool); j++)
        json_array_append_new(list, json_integer(sg_pool_get(pool, j).source));
    return list;
}

/* "probability" of struct sg_ledger_pool's rejects; NULL for a pool that was not asked for them. */
static json_t *probability_json(const struct sg_pool *pool)
{
    json_t *list = sg_pool_has_probabilities(pool) ? json_array() : NULL;
    for (int64_t j = 0; list && j < sg_pool_n(pool); j++) {
        double p = sg_pool_get(pool, j).probability;
        json_array_append_new(list, isnan(p) ? json_null() : json_real(p));
    }
    return list;
}

/* "round" of struct sg_ledger_pool's rejects; NULL for a pool that is not made in rounds. */
static json_t *round_json(const struct sg_pool *pool)
{
    json_t *list = sg_pool_n(pool) && sg_pool_get(pool, 0).round >= 0 ? json_array() : NULL;
    for (int64_t j = 0; list && j < sg_pool_n(pool); j++)
        json_array_append_new(list, json_integer(sg_pool_get(pool, j).round));
    return list;
}

static char *rejects_json(const struct sg_pool *pool)
{
    const int64_t *n = sg_pool_rejects(pool);
    json_t *o = json_object();
    for (int k = SG_ACCEPTED + 1; k < SG_N_REJECTS; k++)
        json_object_set_new(o, sg_reject_name((enum sg_reject)k), json_integer(n[k]));
    json_object_set_new(o, "n_attempts", json_integer(sg_pool_n_draws(pool)));
    json_object_set_new(o, "near", near_json(pool));
    json_t *source = source_json(pool);
    if (source)
        json_object_set_new(o, "source", source);
    json_t *probability = probability_json(pool);
    if (probability)
        json_object_set_new(o, "probability", probability);
    json_t *round = round_json(pool);
    if (round)
        json_object_set_new(o, "round", round);
    char *text = json_dumps(o, JSON_SORT_KEYS | JSON_COMPACT);
    json_decref(o);
    return text;
}

static sg_status store_pool(struct sg_requests *r, int64_t i, struct sg_err *err)
{
    const struct sg_pool *pool = r->p->pool[i];
    int64_t n = sg_pool_n(pool);
    const char **asked = sg_requests_keys(r->consumer[i].used);
    struct sg_ledger_example *e = sg_alloc((size_t)n + 1, sizeof *e);
    char *settings = sg_pool_settings(r->p, i), *rejects = rejects_json(pool);
    sg_status status = e && settings && rejects && asked ? SG_OK : sg_fail_memory(err, (size_t)n * sizeof *e);
    if (status == SG_OK) {
        for (int64_t j = 0; j < n; j++) {
            struct sg_pool_example x = sg_pool_get(pool, j);
            e[j] = (struct sg_ledger_example){x.label, x.first, x.second, x.key};
        }
        const char *shortfall = sg_pool_shortfall(pool);
        struct sg_ledger_pool lp = {.id = sg_pool_id(pool),
                                    .ordinal = i,
                                    .settings = settings,
                                    .status = n == 0         ? "failed"
                                              : shortfall[0] ? "short"
                                                             : "complete",
                                    .rejects = rejects,
                                    .shortfall = shortfall,
                                    .n = n,
                                    .example = e,
                                    .n_asked = sg_set_n(r->consumer[i].used),
                                    .asked = asked};
        status = sg_ledger_pool_put(r->ledger, &lp, err);
    }
    sg_free(e);
    sg_free(asked);
    sg_free(settings);
    free(rejects);
    return status;
}

static sg_status store_evaluation(struct sg_requests *r, const struct sg_evaluation *e, struct sg_err *err)
{
    int64_t n = sg_evaluation_n(e);
    struct sg_ledger_evaluation_row *rows = sg_alloc((size_t)n + 1, sizeof *rows);
    if (!rows)
        return sg_fail_memory(err, (size_t)n * sizeof *rows);
    for (int64_t i = 0; i < n; i++) {
        struct sg_evaluation_row x = sg_evaluation_get(e, i);
        rows[i] = (struct sg_ledger_evaluation_row){x.row, x.gold, x.predicted, x.outcome, x.key};
    }
    sg_status status = sg_ledger_evaluation_put(r->ledger, sg_evaluation_id(e), rows, n, err);
    sg_free(rows);
    return status;
}

static sg_status store_contamination(struct sg_requests *r, const struct sg_evaluation *e, struct sg_err *err)
{
    int64_t n = sg_evaluation_n_probed(e);
    struct sg_ledger_contamination_row *rows = sg_alloc((size_t)n + 1, sizeof *rows);
    if (!rows)
        return sg_fail_memory(err, (size_t)n * sizeof *rows);
    for (int64_t i = 0; i < n; i++) {
        struct sg_evaluation_probed x = sg_evaluation_get_probed(e, i);
        rows[i].row = x.row;
        rows[i].match = sg_contamination_match_name(x.reply[1].match);
        for (int k = 0; k < 2; k++) {
            rows[i].rouge_l[k] = x.reply[k].outcome == SG_REPLY_TEXT ? x.reply[k].rouge_l : -1;
            rows[i].outcome[k] = sg_contamination_outcome_name(x.reply[k].outcome);
            rows[i].completion[k] = x.key[k];
        }
    }
    sg_status status = sg_ledger_contamination_put(r->ledger, sg_evaluation_id(e), rows, n, err);
    sg_free(rows);
    return status;
}

sg_status sg_requests_put_fit(struct sg_requests *r, int64_t i, const float *logits, int rank,
                              struct sg_err *err)
{
    const struct sg_pool *pool = r->p->pool[i];
    struct sg_answer a = {.status = SG_OK, .finish_reason = (char *)(uintptr_t)SG_LEDGER_COMPUTED};
    char *question = sg_pool_fit_question(pool);
    struct sg_consumer *c = &r->consumer[i];
    if (c->is_fitting)
        sg_dispatch_expect(r->dispatch, sg_requests_generator(r, i), -1);
    c->is_fitting = 0;
    if (!question)
        return sg_fail_memory(err, 1024);
    memcpy(a.key, sg_pool_fit_key(pool), SG_HEX);
    sg_status status = sg_pool_fit_answer(pool, logits, &a.text, err);
    if (status == SG_OK)
        status = sg_completion_put(r->ledger, question, &a, SG_LEDGER_COMPUTED, rank, err);
    sg_free(a.text);
    sg_free(question);
    return status == SG_OK ? sg_ledger_commit(r->ledger, err) : status;
}

sg_status sg_requests_store(struct sg_requests *r, int64_t i, struct sg_err *err)
{
    struct sg_evaluation *e = sg_requests_evaluation(r, i);
    return !e                                  ? store_pool(r, i, err)
           : sg_evaluation_is_contamination(e) ? store_contamination(r, e, err)
                                               : store_evaluation(r, e, err);
}
