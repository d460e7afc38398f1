#include "experiments/run/texts.h"

#include "base/mem.h"
#include "results/ledger/ledger_trained.h"

#include <stdio.h>
#include <string.h>

/* "": not computed yet. */
struct digest {
    char hex[SG_HEX];
};

struct sg_texts {
    const struct sg_prepared *p;
    struct digest
        *rows; /* (n_tasks, n_raw + 1, seeds_data): of raw size i - 1 and data seed; raw size 0: none */
    struct digest *examples; /* (n_pools, n_sizes) */
    struct digest *verdicts; /* the same */
};

sg_status sg_texts_create(const struct sg_prepared *p, struct sg_texts **out, struct sg_err *err)
{
    const struct sg_study *s = p->study;
    size_t n_rows = (size_t)s->n_tasks * (size_t)(s->n_raw + 1) * (size_t)s->seeds_data,
           n_examples = (size_t)p->grid.n_pools * (size_t)s->n_sizes;
    struct sg_texts *t = sg_alloc(1, sizeof *t);
    if (!t)
        return sg_fail_memory(err, sizeof *t);
    t->p = p;
    t->rows = sg_alloc(n_rows + 1, sizeof *t->rows);
    t->examples = sg_alloc(n_examples + 1, sizeof *t->examples);
    t->verdicts = sg_alloc(n_examples + 1, sizeof *t->verdicts);
    if (!t->rows || !t->examples || !t->verdicts) {
        sg_texts_destroy(t);
        return sg_fail_memory(err, (n_rows + 2 * n_examples) * sizeof *t->rows);
    }
    *out = t;
    return SG_OK;
}

void sg_texts_destroy(struct sg_texts *t)
{
    if (!t)
        return;
    sg_free(t->rows);
    sg_free(t->examples);
    sg_free(t->verdicts);
    sg_free(t);
}

sg_status sg_texts_of_pool(const struct sg_pool *pool, int64_t n, char hex[SG_HEX], struct sg_err *err)
{
    struct sg_sha256_stream *h = sg_sha256_create();
    if (!h)
        return sg_fail_memory(err, 256);
    for (int64_t j = 0; j < n; j++) {
        struct sg_pool_example e = sg_pool_get(pool, j);
        sg_example_digest_add(h, e.label, e.first, e.second);
    }
    sg_sha256_finish_hex(h, hex);
    return SG_OK;
}

/* The place of x in a study's list; n where it is not there. */
static int place(const int64_t *list, int n, int64_t x)
{
    int i = 0;
    while (i < n && list[i] != x)
        i++;
    return i;
}

static sg_status digest_rows(const struct sg_prepared *p, const struct sg_cell *c, char hex[SG_HEX],
                             struct sg_err *err)
{
    const struct sg_task_data *d = &p->data[c->task];
    int64_t *index = sg_alloc((size_t)c->raw + 1, sizeof *index);
    if (!index)
        return sg_fail_memory(err, (size_t)c->raw * sizeof *index);
    sg_status status =
        c->raw ? sg_raw_draw(d, p->study->task[c->task].n_classes, c->raw, c->seed_data, index, err) : SG_OK;
    struct sg_sha256_stream *h = status == SG_OK ? sg_sha256_create() : NULL;
    if (status == SG_OK && !h)
        status = sg_fail_memory(err, 256);
    for (int64_t i = 0; h && i < c->raw; i++)
        sg_example_digest_add(h, d->train_label[index[i]], d->train.row[index[i]].first,
                              d->train.row[index[i]].second);
    if (h) {
        sg_sha256_add_text(h, d->test_digest);
        sg_sha256_finish_hex(h, hex);
    }
    sg_free(index);
    return status;
}

sg_status sg_texts_rows(struct sg_texts *t, const struct sg_cell *c, const char **hex, struct sg_err *err)
{
    const struct sg_study *s = t->p->study;
    int64_t raw = c->raw ? 1 + place(s->raw, s->n_raw, c->raw) : 0, seed = c->raw ? c->seed_data : 0,
            at = ((int64_t)c->task * (s->n_raw + 1) + raw) * s->seeds_data + seed;
    struct digest *d = &t->rows[at];
    if (!d->hex[0])
        SG_TRY(digest_rows(t->p, c, d->hex, err));
    *hex = d->hex;
    return SG_OK;
}

sg_status sg_texts_examples(struct sg_texts *t, const struct sg_cell *c, const char **hex, struct sg_err *err)
{
    const struct sg_study *s = t->p->study;
    *hex = "";
    if (c->pool < 0)
        return SG_OK;
    struct digest *d = &t->examples[(int64_t)c->pool * s->n_sizes + place(s->size, s->n_sizes, c->size)];
    if (!d->hex[0])
        SG_TRY(
            sg_texts_of_pool(t->p->pool[c->pool], sg_pool_prefix(t->p->pool[c->pool], c->size), d->hex, err));
    *hex = d->hex;
    return SG_OK;
}

static sg_status digest_verdicts(const struct sg_evaluation *e, int64_t n, char hex[SG_HEX],
                                 struct sg_err *err)
{
    struct sg_sha256_stream *h = sg_sha256_create();
    if (!h)
        return sg_fail_memory(err, 256);
    for (int64_t j = 0; j < n; j++) {
        char said[40];
        snprintf(said, sizeof said, "%d", sg_evaluation_get(e, j).predicted);
        sg_sha256_add_text(h, said);
    }
    sg_sha256_finish_hex(h, hex);
    return SG_OK;
}

sg_status sg_texts_verdicts(struct sg_texts *t, const struct sg_cell *c, const char **hex, struct sg_err *err)
{
    const struct sg_study *s = t->p->study;
    const struct sg_evaluation *e = sg_cell_verification(t->p, c);
    *hex = "";
    if (!e)
        return SG_OK;
    struct digest *d = &t->verdicts[(int64_t)c->pool * s->n_sizes + place(s->size, s->n_sizes, c->size)];
    if (!d->hex[0])
        SG_TRY(digest_verdicts(e, sg_pool_prefix(t->p->pool[c->pool], c->size), d->hex, err));
    *hex = d->hex;
    return SG_OK;
}

static int is_finished(const struct sg_ledger_trained *x)
{
    return strcmp(x->status, "done") == 0 || strcmp(x->status, "failed") == 0;
}

sg_status sg_texts_fits_rows(struct sg_texts *t, struct sg_ledger *l, const struct sg_cell *c, int *yes,
                             struct sg_err *err)
{
    struct sg_ledger_trained x;
    const char *hex;
    *yes = 1;
    SG_TRY(sg_ledger_cell_trained(l, c->id, &x, err));
    if (!is_finished(&x) || !x.rows[0])
        return SG_OK;
    SG_TRY(sg_texts_rows(t, c, &hex, err));
    *yes = strcmp(x.rows, hex) == 0;
    return SG_OK;
}

/* x: the cell in the ledger, finished. */
static sg_status fits_examples(struct sg_texts *t, struct sg_ledger *l, const struct sg_cell *c,
                               const struct sg_ledger_trained *x, int *yes, struct sg_err *err)
{
    char of_ledger[SG_HEX];
    const char *hex, *said, *before = x->examples;
    *yes = 1;
    if (!x->rows[0] && x->n_synthetic < 0) /* it failed under an older program, for whatever reason */
        return SG_OK;
    SG_TRY(sg_texts_examples(t, c, &hex, err));
    if (!x->rows[0]) { /* an older ledger: its own copy of the pool tells */
        SG_TRY(sg_ledger_examples_digest(l, sg_pool_id(t->p->pool[c->pool]), x->n_synthetic, of_ledger, err));
        before = of_ledger;
    }
    SG_TRY(sg_texts_verdicts(t, c, &said, err));
    *yes = strcmp(before, hex) == 0 && strcmp(x->verdicts, said) == 0;
    return SG_OK;
}

sg_status sg_texts_fits_examples(struct sg_texts *t, struct sg_ledger *l, const struct sg_cell *c, int *yes,
                                 struct sg_err *err)
{
    struct sg_ledger_trained x;
    *yes = 1;
    if (c->pool < 0 || !sg_cell_is_ready(t->p, c))
        return SG_OK;
    SG_TRY(sg_ledger_cell_trained(l, c->id, &x, err));
    return is_finished(&x) ? fits_examples(t, l, c, &x, yes, err) : SG_OK;
}

static sg_status settle(struct sg_texts *t, struct sg_ledger *l, const struct sg_cell *c, int64_t *n_reset,
                        struct sg_err *err)
{
    struct sg_ledger_trained x;
    const char *rows, *examples;
    int yes = 1;
    SG_TRY(sg_ledger_cell_trained(l, c->id, &x, err));
    if (!is_finished(&x))
        return SG_OK;
    SG_TRY(fits_examples(t, l, c, &x, &yes, err));
    if (!yes) {
        ++*n_reset;
        return sg_ledger_cell_reset(l, c->id, err);
    }
    if (x.rows[0])
        return SG_OK;
    SG_TRY(sg_texts_rows(t, c, &rows, err));
    SG_TRY(sg_texts_examples(t, c, &examples, err));
    return sg_ledger_cell_trained_set(l, c->id, rows, examples, err);
}

sg_status sg_texts_settle(struct sg_texts *t, struct sg_ledger *l, int64_t consumer, int64_t *n_reset,
                          struct sg_err *err)
{
    for (int64_t i = 0; i < t->p->grid.n_cells; i++)
        if (sg_cell_waits_for(t->p, &t->p->grid.cell[i]) == consumer)
            SG_TRY(settle(t, l, &t->p->grid.cell[i], n_reset, err));
    return SG_OK;
}
