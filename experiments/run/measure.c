#include "experiments/run/measure.h"

#include "base/json.h"
#include "base/mem.h"
#include "experiments/run/texts.h"
#include "model/kernels/ops.h"
#include "mpi/engine.h"
#include "results/ledger/ledger_trained.h"
#include "results/stats/diversity.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

/* The texts of a pool for all ranks: {"cut", "rows": [[first, second?], ...]}; rank 0 writes it. */
static sg_status pool_message(const struct sg_prepared *p, int64_t i, struct sg_buf *b, struct sg_err *err)
{
    const struct sg_pool *pool = p->pool[i];
    json_t *rows = json_array();
    for (int64_t j = 0; j < sg_pool_n(pool); j++) {
        struct sg_pool_example e = sg_pool_get(pool, j);
        json_array_append_new(rows,
                              e.second ? json_pack("[ss]", e.first, e.second) : json_pack("[s]", e.first));
    }
    json_t *o = json_pack("{s:i,s:o}", "cut", (int)p->study->task[p->grid.pool[i].task].cut, "rows", rows);
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    if (!text)
        return sg_fail_memory(err, 1 << 16);
    sg_buf_puts(b, text);
    free(text);
    return sg_buf_check(b, "the texts of a pool", err);
}

/* This rank's share of the rows: a contiguous piece. */
static sg_status embed_share(const struct sg_team *world, const struct sg_prepared *p,
                             const struct sg_buf *message, float **x, int64_t *n_local, struct sg_err *err)
{
    json_error_t why;
    json_t *o = json_loadb(message->data, message->len, 0, &why);
    const json_t *rows = json_object_get(o, "rows");
    int64_t n = (int64_t)json_array_size(rows), from = n * world->rank / world->size,
            to = n * (world->rank + 1) / world->size;
    int c = sg_encoder_channels(p->encoder);
    struct sg_row *row = sg_alloc((size_t)(to - from) + 1, sizeof *row);
    *x = sg_alloc((size_t)(to - from) * (size_t)c + 1, sizeof **x);
    *n_local = to - from;
    sg_status status =
        row && *x && o ? SG_OK : sg_fail_memory(err, (size_t)(to - from) * (size_t)c * sizeof **x);
    if (status == SG_OK) {
        for (int64_t i = from; i < to; i++) {
            const json_t *r = json_array_get(rows, (size_t)i);
            row[i - from].first = (char *)(uintptr_t)json_string_value(json_array_get(r, 0));
            row[i - from].second = (char *)(uintptr_t)json_string_value(json_array_get(r, 1));
        }
        struct sg_examples e = {.n = to - from, .row = row, .cut = (enum sg_cut)sg_json_int_or(o, "cut", 0)};
        if (e.n)
            status = sg_embed(p->encoder, &e, p->study->train.max_length, p->study->train.threads, *x, err);
    }
    sg_free(row);
    json_decref(o);
    return status;
}

/* What the numbers depend on besides the texts: {"encoder_sha256", "max_length", "rounding"}; embeddings are always in fp32. */
static json_t *measured_with(const struct sg_prepared *p)
{
    return json_pack("{s:s,s:I,s:s}", "encoder_sha256", sg_encoder_digest(p->encoder), "max_length",
                     (json_int_t)p->study->train.max_length, "rounding",
                     sg_rounding_name(sg_ops_best(SG_FP32)->rounding));
}

static sg_status put(struct sg_ledger *l, const struct sg_prepared *p, int64_t i,
                     const struct sg_diversity *d, struct sg_err *err)
{
    char hex[SG_HEX];
    SG_TRY(sg_texts_of_pool(p->pool[i], sg_pool_n(p->pool[i]), hex, err));
    json_t *o = measured_with(p);
    json_object_set_new(o, "n", json_integer(d->n));
    json_object_set_new(o, "examples_sha256", json_string(hex));
    /* JSON has no NaN: an absent name is a number that does not exist. */
    if (isfinite(d->mean_similarity))
        json_object_set_new(o, "mean_similarity", json_real(d->mean_similarity));
    if (isfinite(d->vendi))
        json_object_set_new(o, "vendi", json_real(d->vendi));
    if (isfinite(d->effective_rank))
        json_object_set_new(o, "effective_rank", json_real(d->effective_rank));
    char *text = o ? json_dumps(o, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    json_decref(o);
    sg_status status =
        text ? sg_ledger_diversity_put(l, sg_pool_id(p->pool[i]), text, err) : sg_fail_memory(err, 256);
    free(text);
    return status;
}

/* Whether all of `part` stands in `whole`. */
static int contains(const json_t *whole, json_t *part)
{
    const char *key;
    json_t *value;
    json_object_foreach (part, key, value)
        if (!json_equal(json_object_get(whole, key), value))
            return 0;
    return 1;
}

/* The ledger's result of this pool. 0: there is none; 1: it still holds; -1: it does not. texts 0: they are not looked at. */
static sg_status look(struct sg_ledger *l, const struct sg_prepared *p, int64_t i, int texts, int *holds,
                      struct sg_err *err)
{
    char *text = NULL, hex[SG_HEX];
    SG_TRY(sg_ledger_diversity_get(l, sg_pool_id(p->pool[i]), &text, err));
    *holds = text != NULL;
    json_t *o = text ? json_loads(text, 0, NULL) : NULL, *with = measured_with(p);
    sg_status status = with ? SG_OK : sg_fail_memory(err, 256);
    if (status == SG_OK && text && !contains(o, with))
        *holds = -1;
    if (status == SG_OK && *holds == 1 && texts) {
        status = sg_texts_of_pool(p->pool[i], sg_pool_n(p->pool[i]), hex, err);
        const char *before = sg_json_text_or(o, "examples_sha256", NULL);
        *holds = before && strcmp(before, hex) == 0 ? 1 : -1;
    }
    json_decref(o);
    json_decref(with);
    sg_free(text);
    return status;
}

sg_status sg_measure_diversity_forget(const struct sg_prepared *p, int64_t i, int texts,
                                      struct sg_ledger *ledger, struct sg_err *err)
{
    int holds;
    SG_TRY(look(ledger, p, i, texts, &holds, err));
    return holds < 0 ? sg_ledger_diversity_clear(ledger, sg_pool_id(p->pool[i]), err) : SG_OK;
}

/* Rank 0: the next pool from `i` on that needs a result, as a message; an empty one when there is none. */
static sg_status next_message(const struct sg_prepared *p, struct sg_ledger *l, int64_t *i, struct sg_buf *b,
                              struct sg_err *err)
{
    for (; *i < p->grid.n_pools; ++*i) {
        int holds = 1;
        if (sg_pool_complete(p->pool[*i]))
            SG_TRY(look(l, p, *i, 1, &holds, err));
        if (holds != 1)
            return pool_message(p, *i, b, err);
    }
    return SG_OK;
}

sg_status sg_measure_diversity(const struct sg_team *world, const struct sg_prepared *p,
                               struct sg_ledger *ledger, int64_t *n_measured, struct sg_err *err)
{
    struct sg_buf message = sg_buf_make((size_t)1 << 31);
    sg_status status = SG_OK;
    int64_t done = 0;
    for (int64_t i = 0;; i++) {
        sg_buf_clear(&message);
        if (world->rank == 0 && sg_engine_stop_requested())
            status = sg_fail(err, SG_STOPPED, "stopped as asked, while the pools' diversity was measured");
        else if (world->rank == 0)
            status = next_message(p, ledger, &i, &message, err);
        SG_TRY_DONE(sg_agree(world, status, err));
        SG_TRY_DONE(sg_bcast_buf(world, 0, &message, err));
        if (message.len == 0)
            break;
        float *x = NULL;
        int64_t n_local = 0;
        struct sg_diversity d;
        status = sg_agree(world, embed_share(world, p, &message, &x, &n_local, err), err);
        if (status == SG_OK)
            status = sg_diversity_of(world, x, n_local, sg_encoder_channels(p->encoder), &d, NULL, err);
        sg_free(x);
        if (status == SG_OK && world->rank == 0)
            status = put(ledger, p, i, &d, err);
        SG_TRY_DONE(sg_agree(world, status, err));
        done++;
    }
    if (world->rank == 0)
        status = sg_ledger_commit(ledger, err);
    status = sg_agree(world, status, err);
    if (n_measured)
        *n_measured = done;
done:
    sg_buf_free(&message);
    return status;
}
