#include "experiments/buying/requests_impl.h"

#include "base/mem.h"
#include "experiments/buying/acceptance.h"
#include "experiments/buying/completion.h"

#include <stdio.h>
#include <string.h>

static sg_status make_consumers(struct sg_requests *r, struct sg_err *err)
{
    r->consumer = sg_alloc((size_t)r->n + 1, sizeof *r->consumer);
    if (!r->consumer)
        return sg_fail_memory(err, (size_t)r->n * sizeof *r->consumer);
    for (int64_t i = 0; i < r->n; i++) {
        SG_TRY(sg_set_create(&r->consumer[i].used, err));
        SG_TRY(sg_set_create(&r->consumer[i].fits, err));
    }
    return sg_set_create(&r->asked, err);
}

sg_status sg_requests_create(const struct sg_prepared *p, struct sg_ledger *l, struct sg_requests **out,
                             struct sg_err *err)
{
    struct sg_requests *r = sg_alloc(1, sizeof *r);
    if (!r)
        return sg_fail_memory(err, sizeof *r);
    *r = (struct sg_requests){.p = p, .ledger = l, .n = p->grid.n_pools + p->n_evaluations};
    sg_status status = make_consumers(r, err);
    if (status == SG_OK)
        *out = r;
    else
        sg_requests_destroy(r);
    return status;
}

void sg_requests_destroy(struct sg_requests *r)
{
    if (!r)
        return;
    for (int64_t i = 0; r->consumer && i < r->n; i++) {
        sg_set_destroy(r->consumer[i].used);
        sg_set_destroy(r->consumer[i].fits);
    }
    sg_acceptance_destroy(r->acceptance);
    sg_set_destroy(r->asked);
    sg_free(r->shared);
    sg_free(r->consumer);
    sg_free(r);
}

int64_t sg_requests_n_consumers(const struct sg_requests *r)
{
    return r->n;
}

/* ---- completions ---- */

struct lookup {
    struct sg_requests *requests;
    int64_t consumer;
};

static sg_status lookup(void *context, const char *key, struct sg_found *out, struct sg_err *err)
{
    struct lookup *l = context;
    struct sg_ledger_answer a;
    SG_TRY(sg_ledger_answer_get(l->requests->ledger, key, &out->found, &a, err));
    if (out->found) {
        out->status = (sg_status)a.status;
        out->text = a.text;
        out->finish_reason = a.finish_reason;
        struct sg_consumer *c = &l->requests->consumer[l->consumer];
        int is_fit = strcmp(key, sg_requests_fit_key(l->requests, l->consumer)) == 0;
        SG_TRY(sg_set_add_hex(is_fit ? c->fits : c->used, key, err));
    }
    return SG_OK;
}

struct import {
    struct sg_ledger *ledger;
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
    return sg_completion_put(i->ledger, q->canonical, answer, source, -1, err);
}

sg_status sg_requests_import(struct sg_requests *r, const char *recording, int without_failed,
                             struct sg_err *err)
{
    struct import i = {r->ledger, recording, without_failed};
    if (sg_recording_read(recording, import_one, &i, err) != SG_OK)
        return sg_err_at(err, "generator.recording");
    return sg_ledger_commit(r->ledger, err);
}

/* ---- consumers ---- */

struct sg_evaluation *sg_requests_evaluation(const struct sg_requests *r, int64_t i)
{
    return i < r->p->grid.n_pools ? NULL : r->p->evaluation[i - r->p->grid.n_pools];
}

int64_t sg_requests_waits_for(const struct sg_requests *r, int64_t i)
{
    const struct sg_evaluation *e = sg_requests_evaluation(r, i);
    return e ? sg_evaluation_pool(e) : r->p->grid.pool[i].source;
}

struct sg_requests_need sg_requests_need(const struct sg_requests *r, int64_t i)
{
    const struct sg_evaluation *e = sg_requests_evaluation(r, i);
    const struct sg_study *s = r->p->study;
    int64_t before = sg_requests_waits_for(r, i);
    return (struct sg_requests_need){.id = e ? sg_evaluation_id(e) : sg_pool_id(r->p->pool[i]),
                                     .n_have = e ? sg_evaluation_n_answered(e) : sg_pool_n(r->p->pool[i]),
                                     .n_wanted = e            ? sg_evaluation_n(e)
                                                 : s->n_sizes ? s->size[s->n_sizes - 1]
                                                              : 0,
                                     .n_missing = r->consumer[i].n_open + r->consumer[i].n_behind,
                                     .waits_for =
                                         before >= 0 && !sg_requests_is_complete(r, before) ? before : -1,
                                     .waits_for_fit = sg_requests_fit_key(r, i)[0] != 0};
}

int sg_requests_generator(const struct sg_requests *r, int64_t i)
{
    const struct sg_evaluation *e = sg_requests_evaluation(r, i);
    return e ? sg_evaluation_generator(e) : r->p->grid.pool[i].arm.generator;
}

sg_status sg_requests_advance(struct sg_requests *r, int64_t i, struct sg_request_list *missing,
                              struct sg_err *err)
{
    struct lookup l = {r, i};
    struct sg_evaluation *e = sg_requests_evaluation(r, i);
    return e ? sg_evaluation_advance(e, lookup, &l, missing, err)
             : sg_pool_advance(r->p->pool[i], lookup, &l, missing, err);
}

int sg_requests_is_complete(const struct sg_requests *r, int64_t i)
{
    const struct sg_evaluation *e = sg_requests_evaluation(r, i);
    return e ? sg_evaluation_complete(e) : sg_pool_complete(r->p->pool[i]);
}

const char *sg_requests_fit_key(const struct sg_requests *r, int64_t i)
{
    return sg_requests_evaluation(r, i) ? "" : sg_pool_fit_key(r->p->pool[i]);
}

void sg_requests_name(const struct sg_requests *r, int64_t i, struct sg_buf *out)
{
    const char *task;
    char what[SG_EVALUATION_NAME], arm[SG_ARM_NAME];
    const struct sg_evaluation *e = sg_requests_evaluation(r, i);
    if (e) {
        sg_evaluation_name(e, &task, what);
        sg_buf_printf(out, "%s %s", task, what);
    } else {
        const struct sg_pool_key *k = &r->p->grid.pool[i];
        sg_arm_name(r->p->study, &k->arm, arm);
        sg_buf_printf(out, "%s %s", r->p->study->task[k->task].name, arm);
    }
}

sg_status sg_requests_preview(struct sg_requests *r, int64_t i, const struct sg_request *q,
                              const struct sg_found *f, enum sg_reject *reason, struct sg_err *err)
{
    struct sg_evaluation *e = sg_requests_evaluation(r, i);
    return e ? sg_evaluation_preview(e, f, reason, err) : sg_pool_preview(r->p->pool[i], q, f, reason, err);
}

int sg_requests_may_repeat(const struct sg_requests *r, int64_t i)
{
    return sg_requests_evaluation(r, i) != NULL;
}

/* ---- all of them ---- */

/* *n: what consumer i needs next; *n_new: without what is in `seen`, to which it is added. */
static sg_status count_one(struct sg_requests *r, int64_t i, struct sg_set *seen, int64_t *n, int64_t *n_new,
                           struct sg_err *err)
{
    struct sg_request_list slice = {.max = SG_REQUESTS_SLICE};
    int64_t before = sg_set_n(seen), in, out, source = sg_requests_waits_for(r, i);
    *n = 0;
    do {
        sg_status status = sg_requests_advance(r, i, &slice, err);
        for (int64_t k = 0; status == SG_OK && k < slice.n; k++)
            status = sg_set_add_hex(seen, slice.item[k].key, err);
        *n += slice.n;
        sg_request_list_free(&slice);
        SG_TRY(status);
    } while (slice.next);
    int64_t behind = sg_requests_evaluation(r, i) ? 0 : sg_pool_n_behind(r->p->pool[i]);
    *n += behind;
    *n_new = sg_set_n(seen) - before + behind;
    if (source >= 0 && !sg_requests_is_complete(r, source)) {
        const struct sg_evaluation *e = sg_requests_evaluation(r, i);
        if (e)
            sg_evaluation_estimate(e, n, &in, &out);
        else
            sg_pool_estimate(r->p->pool[i], n, &in, &out);
        *n_new = *n;
    }
    return SG_OK;
}

sg_status sg_requests_count(struct sg_requests *r, int64_t *n, int64_t *of, struct sg_err *err)
{
    struct sg_set *seen = NULL;
    int64_t sum = 0;
    SG_TRY(sg_set_create(&seen, err));
    sg_status status = SG_OK;
    for (int64_t i = 0; status == SG_OK && i < r->n; i++) {
        int64_t n_next = 0, n_new = 0;
        status = count_one(r, i, seen, &n_next, &n_new, err);
        sum += n_new;
        if (of)
            of[i] = n_next;
    }
    sg_set_destroy(seen);
    if (status == SG_OK)
        *n = sum;
    return status;
}

sg_status sg_requests_expect(struct sg_requests *r, int generator, int64_t *n, struct sg_err *err)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < r->n; i++) {
        struct sg_request_list first = {.max = 1};
        if (generator >= 0 && sg_requests_generator(r, i) != generator)
            continue;
        SG_TRY(sg_requests_advance(r, i, &first, err));
        sum += first.n + first.n_behind;
        sg_request_list_free(&first);
    }
    *n = sum;
    return SG_OK;
}

const char **sg_requests_keys(const struct sg_set *s)
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

static sg_status add_used(const struct sg_requests *r, struct sg_set *all, struct sg_err *err)
{
    sg_status status = SG_OK;
    for (int64_t i = 0; status == SG_OK && i < 2 * r->n; i++) {
        const struct sg_consumer *c = &r->consumer[i / 2];
        const struct sg_set *used = i % 2 ? c->fits : c->used;
        const char **key = sg_requests_keys(used);
        status = key ? SG_OK : sg_fail_memory(err, 64);
        for (int64_t k = 0; status == SG_OK && k < sg_set_n(used); k++)
            status = sg_set_add_hex(all, key[k], err);
        sg_free(key);
    }
    return status;
}

sg_status sg_requests_each(struct sg_requests *r,
                           sg_status (*each)(void *context, const struct sg_ledger_completion *c,
                                             struct sg_err *err),
                           void *context, struct sg_err *err)
{
    struct sg_set *all = NULL;
    SG_TRY(sg_set_create(&all, err));
    sg_status status = add_used(r, all, err);
    const char **key = status == SG_OK ? sg_requests_keys(all) : NULL;
    if (status == SG_OK && !key)
        status = sg_fail_memory(err, (size_t)sg_set_n(all) * SG_HEX);
    for (int64_t k = 0; status == SG_OK && k < sg_set_n(all); k++) {
        struct sg_ledger_completion c;
        int found = 0;
        status = sg_ledger_completion_get(r->ledger, key[k], &found, &c, err);
        if (status == SG_OK && found)
            status = each(context, &c, err);
    }
    sg_free(key);
    sg_set_destroy(all);
    return status;
}

sg_status sg_requests_end_complete(struct sg_requests *r, sg_requests_complete complete, void *context,
                                   struct sg_err *err)
{
    for (int64_t i = 0; i < r->n; i++)
        if (sg_requests_is_complete(r, i)) {
            SG_TRY(complete(context, i, err));
            SG_TRY(sg_requests_store(r, i, err));
        }
    return SG_OK;
}
