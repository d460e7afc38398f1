#include "experiments/measure.h"

#include "base/mem.h"
#include "results/diversity.h"

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
        struct sg_examples e = {
            .n = to - from, .row = row, .cut = (enum sg_cut)json_integer_value(json_object_get(o, "cut"))};
        if (e.n)
            status = sg_embed(p->encoder, &e, p->study->train.max_length, p->study->train.threads, *x, err);
    }
    sg_free(row);
    json_decref(o);
    return status;
}

static sg_status store(struct sg_ledger *l, const struct sg_prepared *p, int64_t i,
                       const struct sg_diversity *d, struct sg_err *err)
{
    json_t *o =
        json_pack("{s:I,s:s}", "n", (json_int_t)d->n, "encoder_sha256", sg_encoder_digest(p->encoder));
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

/* Whether the ledger has this pool's result, for as many examples and the same encoder. */
static sg_status is_measured(struct sg_ledger *l, const struct sg_prepared *p, int64_t i, int *yes,
                             struct sg_err *err)
{
    char *text = NULL;
    SG_TRY(sg_ledger_diversity_get(l, sg_pool_id(p->pool[i]), &text, err));
    json_t *o = text ? json_loads(text, 0, NULL) : NULL;
    const char *encoder = json_string_value(json_object_get(o, "encoder_sha256"));
    *yes = encoder && strcmp(encoder, sg_encoder_digest(p->encoder)) == 0 &&
           json_integer_value(json_object_get(o, "n")) == sg_pool_n(p->pool[i]);
    json_decref(o);
    sg_free(text);
    return SG_OK;
}

/* Rank 0: the next pool from `i` on that needs a result, as a message; an empty one when there is none. */
static sg_status next_message(const struct sg_prepared *p, struct sg_ledger *l, int64_t *i, struct sg_buf *b,
                              struct sg_err *err)
{
    for (; *i < p->grid.n_pools; ++*i) {
        int yes = 1;
        if (sg_pool_complete(p->pool[*i]))
            SG_TRY(is_measured(l, p, *i, &yes, err));
        if (!yes)
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
        if (world->rank == 0)
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
            status = store(ledger, p, i, &d, err);
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
