#include "experiments/buying/asking.h"

#include "base/mem.h"
#include "base/set.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct asker {
    struct sg_set *asked; /* keys of the completions that it has looked at */
};

struct sg_asking {
    const struct sg_prepared *p;
    struct sg_ledger *ledger;
    int64_t n;
    struct asker *asker; /* (n) */
};

sg_status sg_asking_create(const struct sg_prepared *p, struct sg_ledger *l, struct sg_asking **out,
                           struct sg_err *err)
{
    struct sg_asking *a = sg_alloc(1, sizeof *a);
    if (!a)
        return sg_fail_memory(err, sizeof *a);
    *a = (struct sg_asking){.p = p, .ledger = l, .n = p->grid.n_pools + p->n_evaluations};
    a->asker = sg_alloc((size_t)a->n + 1, sizeof *a->asker);
    sg_status status = a->asker ? SG_OK : sg_fail_memory(err, (size_t)a->n * sizeof *a->asker);
    for (int64_t i = 0; status == SG_OK && i < a->n; i++)
        status = sg_set_create(&a->asker[i].asked, err);
    if (status != SG_OK) {
        sg_asking_destroy(a);
        return status;
    }
    *out = a;
    return SG_OK;
}

void sg_asking_destroy(struct sg_asking *a)
{
    if (!a)
        return;
    for (int64_t i = 0; a->asker && i < a->n; i++)
        sg_set_destroy(a->asker[i].asked);
    sg_free(a->asker);
    sg_free(a);
}

int64_t sg_asking_n(const struct sg_asking *a)
{
    return a->n;
}

/* ---- completions ---- */

struct lookup {
    struct sg_asking *asking;
    int64_t asker;
};

static sg_status lookup(void *context, const char *key, struct sg_found *out, struct sg_err *err)
{
    struct lookup *l = context;
    struct sg_ledger_answer a;
    SG_TRY(sg_ledger_answer_get(l->asking->ledger, key, &out->found, &a, err));
    if (out->found) {
        out->status = (sg_status)a.status;
        out->text = a.text;
        out->finish_reason = a.finish_reason;
        SG_TRY(sg_set_add_hex(l->asking->asker[l->asker].asked, key, err));
    }
    return SG_OK;
}

sg_status sg_asking_put(struct sg_asking *a, const char *request, const struct sg_answer *answer,
                        const char *source, int rank, struct sg_err *err)
{
    struct sg_ledger_completion c = {
        .key = answer->key,
        .request = request,
        .status = (int)answer->status,
        .reason = answer->reason,
        .text = answer->text,
        .finish_reason = answer->finish_reason,
        .model = answer->model,
        .request_id = answer->request_id,
        .http_status = answer->http_status,
        .attempts = answer->attempts,
        .tokens_in = answer->tokens_in,
        .tokens_out = answer->tokens_out,
        .tokens_estimated = answer->tokens_estimated,
        .latency_s = answer->latency_s,
        .cost_usd = answer->cost_usd,
        .source = source,
        .rank = rank,
    };
    return sg_ledger_completion_put(a->ledger, &c, err);
}

sg_status sg_asking_record(struct sg_recording_writer *w, const struct sg_ledger_completion *c,
                           struct sg_err *err)
{
    struct sg_request q = {.canonical = (char *)(uintptr_t)c->request};
    struct sg_answer a = {.status = (sg_status)c->status,
                          .reason = (char *)(uintptr_t)c->reason,
                          .text = (char *)(uintptr_t)c->text,
                          .finish_reason = (char *)(uintptr_t)c->finish_reason,
                          .model = (char *)(uintptr_t)c->model,
                          .request_id = (char *)(uintptr_t)c->request_id,
                          .http_status = c->http_status,
                          .attempts = c->attempts,
                          .tokens_in = c->tokens_in,
                          .tokens_out = c->tokens_out,
                          .tokens_estimated = c->tokens_estimated,
                          .latency_s = c->latency_s,
                          .cost_usd = c->cost_usd};
    snprintf(q.key, sizeof q.key, "%s", c->key);
    snprintf(a.key, sizeof a.key, "%s", c->key);
    return sg_recording_add(w, &q, &a, err);
}

struct import {
    struct sg_asking *asking;
    const char *path;
    int without_failed;
};

static sg_status import_one(void *context, const struct sg_request *q, const struct sg_answer *answer,
                            struct sg_err *err)
{
    struct import *i = context;
    char source[300];
    if (i->without_failed && answer->status != SG_OK)
        return SG_OK;
    snprintf(source, sizeof source, "recording %s", i->path);
    return sg_asking_put(i->asking, q->canonical, answer, source, -1, err);
}

sg_status sg_asking_import(struct sg_asking *a, const char *recording, int without_failed, struct sg_err *err)
{
    struct import i = {a, recording, without_failed};
    if (sg_recording_read(recording, import_one, &i, err) != SG_OK)
        return sg_err_at(err, "generator.recording");
    return sg_ledger_commit(a->ledger, err);
}

/* ---- askers ---- */

/* NULL: the asker is a pool. */
static struct sg_evaluation *evaluation_of(const struct sg_asking *a, int64_t i)
{
    return i < a->p->grid.n_pools ? NULL : a->p->evaluation[i - a->p->grid.n_pools];
}

int64_t sg_asking_waits_for(const struct sg_asking *a, int64_t i)
{
    return evaluation_of(a, i) ? -1 : a->p->grid.pool[i].source;
}

int sg_asking_generator(const struct sg_asking *a, int64_t i)
{
    return evaluation_of(a, i) ? sg_evaluation_generator(evaluation_of(a, i))
                               : a->p->grid.pool[i].arm.generator;
}

sg_status sg_asking_advance(struct sg_asking *a, int64_t i, struct sg_request_list *missing,
                            struct sg_err *err)
{
    struct lookup l = {a, i};
    if (evaluation_of(a, i))
        return sg_evaluation_advance(evaluation_of(a, i), lookup, &l, missing, err);
    return sg_pool_advance(a->p->pool[i], lookup, &l, missing, err);
}

int sg_asking_complete(const struct sg_asking *a, int64_t i)
{
    return evaluation_of(a, i) ? sg_evaluation_complete(evaluation_of(a, i))
                               : sg_pool_complete(a->p->pool[i]);
}

/* *n: what asker i needs next; *n_new: without what is in `seen`, to which it is added. */
static sg_status count_one(struct sg_asking *a, int64_t i, struct sg_set *seen, int64_t *n, int64_t *n_new,
                           struct sg_err *err)
{
    struct sg_request_list part = {.max = SG_ASKING_PART};
    int64_t before = sg_set_n(seen), in, out, source = sg_asking_waits_for(a, i);
    *n = 0;
    do {
        sg_status status = sg_asking_advance(a, i, &part, err);
        for (int64_t k = 0; status == SG_OK && k < part.n; k++)
            status = sg_set_add_hex(seen, part.item[k].key, err);
        *n += part.n;
        sg_request_list_free(&part);
        SG_TRY(status);
    } while (part.next);
    *n_new = sg_set_n(seen) - before;
    if (source >= 0 && !sg_asking_complete(a, source)) {
        sg_pool_estimate(a->p->pool[i], n, &in, &out);
        *n_new = *n;
    }
    return SG_OK;
}

sg_status sg_asking_count(struct sg_asking *a, int64_t *n, int64_t *of, struct sg_err *err)
{
    struct sg_set *seen = NULL;
    int64_t sum = 0;
    SG_TRY(sg_set_create(&seen, err));
    sg_status status = SG_OK;
    for (int64_t i = 0; status == SG_OK && i < a->n; i++) {
        int64_t n_next = 0, n_new = 0;
        status = count_one(a, i, seen, &n_next, &n_new, err);
        sum += n_new;
        if (of)
            of[i] = n_next;
    }
    sg_set_destroy(seen);
    if (status == SG_OK)
        *n = sum;
    return status;
}

/* ---- what a pool leaves in the ledger ---- */

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
    char *text = json_dumps(o, JSON_SORT_KEYS | JSON_COMPACT);
    json_decref(o);
    return text;
}

/* The keys of a set of them, sorted, since the order in which answers arrive must not show: pointers and, behind
 * them, what they point to. */
static const char **asked_keys(const struct sg_set *s)
{
    size_t n = (size_t)sg_set_n(s);
    unsigned char *digest = sg_set_sorted(s);
    const char **keys = sg_alloc(n + 1, sizeof *keys + SG_HEX);
    char(*hex)[SG_HEX] = (char(*)[SG_HEX])(keys + n + 1);
    for (size_t i = 0; digest && keys && i < n; i++) {
        sg_hex(digest + 32 * i, hex[i]);
        keys[i] = hex[i];
    }
    if (!digest) {
        sg_free(keys);
        return NULL;
    }
    sg_free(digest);
    return keys;
}

static sg_status store_pool(struct sg_asking *a, int64_t i, struct sg_err *err)
{
    const struct sg_pool *pool = a->p->pool[i];
    int64_t n = sg_pool_n(pool);
    const char **asked = asked_keys(a->asker[i].asked);
    struct sg_ledger_example *e = sg_alloc((size_t)n + 1, sizeof *e);
    char *settings = sg_pool_settings(a->p, i), *rejects = rejects_json(pool);
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
                                    .n_asked = sg_set_n(a->asker[i].asked),
                                    .asked = asked};
        status = sg_ledger_pool_put(a->ledger, &lp, err);
    }
    sg_free(e);
    sg_free(asked);
    sg_free(settings);
    free(rejects);
    return status;
}

static sg_status store_evaluation(struct sg_asking *a, const struct sg_evaluation *e, struct sg_err *err)
{
    int64_t n = sg_evaluation_n(e);
    struct sg_ledger_verdict *rows = sg_alloc((size_t)n + 1, sizeof *rows);
    if (!rows)
        return sg_fail_memory(err, (size_t)n * sizeof *rows);
    for (int64_t i = 0; i < n; i++) {
        struct sg_evaluation_row x = sg_evaluation_get(e, i);
        rows[i] = (struct sg_ledger_verdict){x.row, x.gold, x.predicted, x.verdict, x.key};
    }
    sg_status status = sg_ledger_evaluation_put(a->ledger, sg_evaluation_id(e), rows, n, err);
    sg_free(rows);
    return status;
}

sg_status sg_asking_store(struct sg_asking *a, int64_t i, struct sg_err *err)
{
    return evaluation_of(a, i) ? store_evaluation(a, evaluation_of(a, i), err) : store_pool(a, i, err);
}

sg_status sg_asking_each(struct sg_asking *a,
                         sg_status (*each)(void *context, const struct sg_ledger_completion *c,
                                           struct sg_err *err),
                         void *context, struct sg_err *err)
{
    struct sg_set *all = NULL;
    const char **key = NULL;
    SG_TRY(sg_set_create(&all, err));
    sg_status status = SG_OK;
    for (int64_t i = 0; status == SG_OK && i < a->n; i++) {
        key = asked_keys(a->asker[i].asked);
        status = key ? SG_OK : sg_fail_memory(err, 64);
        for (int64_t k = 0; status == SG_OK && k < sg_set_n(a->asker[i].asked); k++)
            status = sg_set_add_hex(all, key[k], err);
        sg_free(key);
    }
    key = status == SG_OK ? asked_keys(all) : NULL;
    if (status == SG_OK && !key)
        status = sg_fail_memory(err, (size_t)sg_set_n(all) * SG_HEX);
    for (int64_t k = 0; status == SG_OK && k < sg_set_n(all); k++) {
        struct sg_ledger_completion c;
        int found = 0;
        status = sg_ledger_completion_get(a->ledger, key[k], &found, &c, err);
        if (status == SG_OK && found)
            status = each(context, &c, err);
    }
    sg_free(key);
    sg_set_destroy(all);
    return status;
}

/* ---- an answer that has just come ---- */

void sg_asking_name(const struct sg_asking *a, int64_t i, struct sg_buf *out)
{
    const char *task;
    char what[SG_EVALUATION_NAME], arm[SG_ARM_NAME];
    if (evaluation_of(a, i)) {
        sg_evaluation_name(evaluation_of(a, i), &task, what);
        sg_buf_printf(out, "%s %s", task, what);
    } else {
        const struct sg_pool_key *k = &a->p->grid.pool[i];
        sg_arm_name(a->p->study, &k->arm, arm);
        sg_buf_printf(out, "%s %s", a->p->study->task[k->task].name, arm);
    }
}

sg_status sg_asking_preview(struct sg_asking *a, int64_t i, const struct sg_request *q,
                            const struct sg_found *f, enum sg_reject *reason, struct sg_err *err)
{
    return evaluation_of(a, i) ? sg_evaluation_preview(evaluation_of(a, i), f, reason, err)
                               : sg_pool_preview(a->p->pool[i], q, f, reason, err);
}

int sg_asking_repeats(const struct sg_asking *a, int64_t i)
{
    return evaluation_of(a, i) != NULL;
}
