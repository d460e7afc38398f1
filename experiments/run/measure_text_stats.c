#include "base/mem.h"
#include "base/rng.h"
#include "experiments/run/measure_bias.h"
#include "gen/pool/parse.h"
#include "results/stats/text_stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void texts_free(struct texts *x)
{
    for (int k = 0; k < 2; k++) {
        for (int64_t i = 0; x->part[k] && i < x->n; i++)
            sg_free(x->part[k][i]);
        sg_free(x->part[k]);
        sg_free(x->of_class[k]);
    }
    sg_free(x->label);
}

static sg_status texts_make(const struct sg_task *t, int64_t n, struct texts *x, struct sg_err *err)
{
    *x = (struct texts){.task = t, .n = n, .label = sg_alloc((size_t)n + 1, sizeof *x->label)};
    int whole = x->label != NULL;
    for (int k = 0; k < (t->second ? 2 : 1); k++) {
        x->part[k] = sg_alloc((size_t)n + 1, sizeof(char *));
        x->of_class[k] = sg_alloc((size_t)n + 1, sizeof(char *));
        whole &= x->part[k] && x->of_class[k];
    }
    return whole ? SG_OK : sg_fail_memory(err, (size_t)n * sizeof(char *));
}

static sg_status texts_set(struct texts *x, int64_t i, int32_t label, const char *first, const char *second,
                           struct sg_err *err)
{
    const char *const text[] = {first, second ? second : ""};
    struct sg_buf b = sg_buf_make((size_t)1 << 26);
    sg_status status = SG_OK;
    x->label[i] = label;
    for (int k = 0; k < 2 && x->part[k] && status == SG_OK; k++) {
        sg_buf_clear(&b);
        sg_buf_folded(&b, text[k]);
        status = sg_buf_check(&b, "a text", err);
        if (status == SG_OK && !(x->part[k][i] = sg_strdup(sg_buf_text(&b))))
            status = sg_fail_memory(err, b.len);
    }
    sg_buf_free(&b);
    return status;
}

void sg_measure_set_real(json_t *o, const char *name, double x)
{
    if (isfinite(x))
        json_object_set_new(o, name, json_real(x));
}

static json_t *row_json(int label, int part, int64_t chosen, const struct sg_text_stats *b)
{
    json_t *o = json_pack("{s:i, s:s, s:I, s:I, s:I, s:s}", "label", label, "part",
                          part ? "text_pair" : "text", "n", (json_int_t)b->n, "chosen", (json_int_t)chosen,
                          "n_words", (json_int_t)b->n_words, "opening", b->opening);
    sg_measure_set_real(o, "mean_words", b->mean_words);
    sg_measure_set_real(o, "distinct_1", b->distinct_1);
    sg_measure_set_real(o, "distinct_2", b->distinct_2);
    sg_measure_set_real(o, "opening_share", b->opening_share);
    sg_measure_set_real(o, "question_share", b->question_share);
    sg_measure_set_real(o, "overlap", b->overlap);
    return o;
}

/* All classes (label -1), then each. chosen: (K), or NULL. */
static sg_status add_rows(struct texts *x, const int64_t *chosen, json_t *rows, struct sg_err *err)
{
    for (int label = -1; label < x->task->n_classes; label++) {
        int64_t n = 0;
        for (int64_t i = 0; i < x->n; i++)
            if (label < 0 || x->label[i] == label) {
                for (int k = 0; k < 2 && x->part[k]; k++)
                    x->of_class[k][n] = x->part[k][i];
                n++;
            }
        for (int k = 0; k < 2 && x->part[k]; k++) {
            struct sg_text_stats b;
            SG_TRY(
                sg_text_stats_of(x->of_class[k], k == 0 && x->part[1] ? x->of_class[1] : NULL, n, &b, err));
            int64_t of_label = chosen && label >= 0 ? chosen[label] : -1;
            if (json_array_append_new(rows, row_json(label, k, of_label, &b)) != 0)
                return sg_fail_memory(err, 1024);
        }
    }
    return SG_OK;
}

/* A sample of the task's raw rows, folded: drawn once for all of its pools, the same everywhere. */
static sg_status sample_raw(const struct sg_task *t, const struct sg_task_data *d, struct texts *x,
                            struct sg_err *err)
{
    int64_t n = d->train.n < SG_MEASURE_SAMPLE ? d->train.n : SG_MEASURE_SAMPLE,
            *row = sg_alloc((size_t)d->train.n + 1, sizeof *row);
    if (!row)
        return sg_fail_memory(err, (size_t)d->train.n * sizeof *row);
    for (int64_t i = 0; i < d->train.n; i++)
        row[i] = i;
    struct sg_rng rng = sg_rng_make(sg_seed_of("raw rows whose texts are measured"), 0);
    sg_rng_shuffle(&rng, row, d->train.n);
    sg_status status = texts_make(t, n, x, err);
    for (int64_t i = 0; i < n && status == SG_OK; i++)
        status = texts_set(x, i, d->train_label[row[i]], d->train.row[row[i]].first,
                           d->train.row[row[i]].second, err);
    sg_free(row);
    return status;
}

/* x: all texts. sample: those that the measures of measure_bias.c are of. raw: what they are compared with, or NULL. */
static sg_status put(struct sg_ledger *l, const char *id, const char *pool, int64_t ordinal, struct texts *x,
                     const struct texts *sample, const struct texts *raw, const int64_t *chosen,
                     struct sg_err *err)
{
    int64_t n_chosen = chosen ? 0 : -1;
    for (int k = 0; chosen && k < x->task->n_classes; k++)
        n_chosen += chosen[k];
    json_t *rows = json_array();
    sg_status status = rows ? add_rows(x, chosen, rows, err) : sg_fail_memory(err, 1024);
    json_t *o = json_pack("{s:s, s:s, s:I, s:o}", "task", x->task->name, "pool", pool, "n_chosen",
                          (json_int_t)n_chosen, "rows", rows);
    if (o && status == SG_OK)
        status = sg_measure_bias(sample, raw, chosen, o, err);
    char *text = o && status == SG_OK ? json_dumps(o, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    json_decref(o);
    if (status == SG_OK)
        status = text ? sg_ledger_text_stats_put(l, id, ordinal, text, err) : sg_fail_memory(err, 1024);
    free(text);
    return status;
}

/* The task's rows, what their labels are read as, and the order of its classes. */
static void raw_id(const struct sg_task *t, const struct sg_task_data *d, char id[SG_HEX])
{
    struct sg_buf b = sg_buf_make(1 << 24);
    char labels[SG_HEX];
    sg_sha256_hex(d->train_label, (size_t)d->train.n * sizeof *d->train_label, labels);
    sg_buf_printf(&b, "synthgrid raw bias 3\n%s\n%s\n%s\n", t->name, d->digest, labels);
    for (int k = 0; k < t->n_classes; k++)
        sg_buf_printf(&b, "%s\n", t->class_[k].name);
    sg_sha256_hex(sg_buf_text(&b), b.len, id);
    sg_buf_free(&b);
}

static sg_status raw_text_stats(const struct sg_prepared *p, int task, struct sg_ledger *l,
                                struct sg_err *err)
{
    const struct sg_task *t = &p->study->task[task];
    const struct sg_task_data *d = &p->data[task];
    char id[SG_HEX], *there = NULL;
    raw_id(t, d, id);
    SG_TRY(sg_ledger_text_stats_get(l, id, &there, err));
    struct texts x = {0}, sample = {0};
    sg_status status = SG_OK;
    if (there) { /* of an earlier run: shown again */
        status = sg_ledger_text_stats_put(l, id, task, there, err);
        goto done;
    }
    SG_TRY_DONE(texts_make(t, d->train.n, &x, err));
    for (int64_t i = 0; i < d->train.n; i++)
        SG_TRY_DONE(texts_set(&x, i, d->train_label[i], d->train.row[i].first, d->train.row[i].second, err));
    SG_TRY_DONE(sample_raw(t, d, &sample, err));
    status = put(l, id, "", task, &x, &sample, NULL, NULL, err);
done:
    texts_free(&x);
    texts_free(&sample);
    sg_free(there);
    return status;
}

sg_status sg_measure_raw_text_stats(const struct sg_prepared *p, struct sg_ledger *ledger, struct sg_err *err)
{
    for (int t = 0; t < p->study->n_tasks && p->grid.n_pools; t++)
        SG_TRY(raw_text_stats(p, t, ledger, err));
    return SG_OK;
}

sg_status sg_measure_pool_text_stats(const struct sg_prepared *p, int64_t pool, struct sg_ledger *ledger,
                                     struct sg_err *err)
{
    const struct sg_pool_key *key = &p->grid.pool[pool];
    const struct sg_task *t = &p->study->task[key->task];
    const struct sg_pool *from = p->pool[pool];
    struct texts x = {0}, raw = {0};
    int64_t *chosen = NULL;
    sg_status status = SG_OK;
    SG_TRY_DONE(sample_raw(t, &p->data[key->task], &raw, err));
    SG_TRY_DONE(texts_make(t, sg_pool_n(from), &x, err));
    for (int64_t i = 0; i < x.n; i++) {
        struct sg_pool_example e = sg_pool_get(from, i);
        SG_TRY_DONE(texts_set(&x, i, e.label, e.first, e.second, err));
    }
    if (key->arm.conditioning == SG_BY_NONE && key->source < 0) {
        chosen = sg_alloc((size_t)t->n_classes, sizeof *chosen);
        if (!chosen) {
            status = sg_fail_memory(err, (size_t)t->n_classes * sizeof *chosen);
            goto done;
        }
        for (int k = 0; k < t->n_classes; k++)
            chosen[k] = sg_pool_n_good(from, k);
    }
    status =
        put(ledger, sg_pool_id(from), sg_pool_id(from), p->study->n_tasks + pool, &x, &x, &raw, chosen, err);
done:
    texts_free(&x);
    texts_free(&raw);
    sg_free(chosen);
    return status;
}
