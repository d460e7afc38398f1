#include "experiments/run/own_sets.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/set.h"
#include "base/tell.h"
#include "base/text.h"

#include <jansson.h>
#include <string.h>

/* ---- rows ---- */

static sg_status key_of(const struct sg_row *r, char key[SG_HEX], struct sg_err *err)
{
    struct sg_sha256_stream *h = sg_sha256_create();
    if (!h)
        return sg_fail_memory(err, 256);
    sg_sha256_add_text(h, r->first);
    sg_sha256_add_text(h, r->second);
    sg_sha256_finish_hex(h, key);
    return SG_OK;
}

static sg_status collect(const struct sg_rows *rows, struct sg_set **out, struct sg_err *err)
{
    char key[SG_HEX];
    SG_TRY(sg_set_create(out, err));
    for (int64_t i = 0; i < rows->n; i++) {
        SG_TRY(key_of(&rows->row[i], key, err));
        SG_TRY(sg_set_add(*out, key, SG_HEX - 1, err));
    }
    return SG_OK;
}

static sg_status count_known(const struct sg_rows *rows, const struct sg_set *known, int64_t *n,
                             struct sg_err *err)
{
    char key[SG_HEX];
    *n = 0;
    for (int64_t i = 0; i < rows->n; i++) {
        SG_TRY(key_of(&rows->row[i], key, err));
        *n += sg_set_has(known, key, SG_HEX - 1);
    }
    return SG_OK;
}

static void say_known(const struct sg_task *t, const struct sg_test_set *x, int64_t n, const char *one,
                      const char *many, const char *why, struct sg_buf *out)
{
    if (n)
        sg_buf_printf(out, "%s: %lld of %lld %s of %s %s also %s, word for word%s\n", t->name, (long long)n,
                      (long long)x->rows.n, sg_plural(x->rows.n, "row", "rows"), x->name,
                      sg_plural(n, "is", "are"), sg_plural(n, one, many), why);
}

/* Blank texts, and classes that no row has. */
static sg_status look_within(const struct sg_task *t, const struct sg_test_set *x, struct sg_buf *out,
                             struct sg_err *err)
{
    int64_t n_blank = 0, *n_of = sg_alloc((size_t)t->n_classes, sizeof *n_of);
    if (!n_of)
        return sg_fail_memory(err, (size_t)t->n_classes * sizeof *n_of);
    for (int64_t i = 0; i < x->rows.n; i++) {
        const struct sg_row *r = &x->rows.row[i];
        n_blank += sg_text_is_blank(r->first) || (r->second && sg_text_is_blank(r->second));
        n_of[x->label[i]]++;
    }
    if (n_blank)
        sg_buf_printf(out, "%s: %lld %s of %s %s an empty text\n", t->name, (long long)n_blank,
                      sg_plural(n_blank, "row", "rows"), x->name, sg_plural(n_blank, "has", "have"));
    struct sg_buf names = sg_buf_make(4000);
    int n_without = 0;
    for (int k = 0; k < t->n_classes; k++)
        if (!n_of[k] && n_without++ < 5) {
            sg_buf_puts(&names, names.len ? ", " : "");
            sg_buf_safe(&names, t->class_[k].name, 40);
        }
    if (n_without > 5)
        sg_buf_printf(&names, " and %d more", n_without - 5);
    if (n_without)
        sg_buf_printf(out, "%s: %s has no row of %s %s: its macro-F1 counts %s as 0\n", t->name, x->name,
                      sg_plural(n_without, "class", "classes"), sg_buf_text(&names),
                      sg_plural(n_without, "it", "each"));
    sg_buf_free(&names);
    sg_free(n_of);
    return SG_OK;
}

sg_status sg_own_sets_look(const struct sg_task *task, const struct sg_task_data *d, struct sg_buf *out,
                           struct sg_err *err)
{
    struct sg_set *train = NULL, *test = NULL;
    sg_status status = SG_OK;
    if (!d->n_sets)
        return SG_OK;
    SG_TRY_DONE(collect(&d->train, &train, err));
    SG_TRY_DONE(collect(&d->test, &test, err));
    for (int i = 0; i < d->n_sets; i++) {
        const struct sg_test_set *x = &d->set[i];
        int64_t n = 0;
        if (x->is_assumed)
            continue;
        if (!d->train_is_assumed)
            SG_TRY_DONE(count_known(&x->rows, train, &n, err));
        say_known(task, x, n, "a training row", "training rows",
                  ": its accuracy would be of rows that were learned by heart", out);
        n = 0;
        if (!d->test_is_assumed)
            SG_TRY_DONE(count_known(&x->rows, test, &n, err));
        say_known(task, x, n, "a test row", "test rows", "", out);
        SG_TRY_DONE(look_within(task, x, out, err));
    }
done:
    sg_set_destroy(train);
    sg_set_destroy(test);
    return status;
}

/* ---- changes ---- */

/* "medical (new), legal (other rows)", of those that are not as they were; before: the sets of the last run, or NULL. */
static void add_changes(const struct sg_task_data *d, const json_t *before, struct sg_buf *out)
{
    for (int i = 0; i < d->n_sets; i++) {
        const json_t *x = json_object_get(before, d->set[i].name);
        if (x && strcmp(sg_json_text_or(x, "data_sha256", ""), d->set[i].digest) == 0)
            continue;
        sg_buf_printf(out, "%s%s (%s)", out->len ? ", " : "", d->set[i].name, x ? "other rows" : "new");
    }
    const char *name;
    json_t *x;
    json_object_foreach ((json_t *)(uintptr_t)before, name, x) {
        int is_there = 0;
        for (int i = 0; i < d->n_sets; i++)
            is_there |= strcmp(d->set[i].name, name) == 0;
        if (is_there)
            continue;
        sg_buf_puts(out, out->len ? ", " : "");
        sg_buf_safe(out, name, 64);
        sg_buf_puts(out, " (gone)");
    }
}

static sg_status count_open(const struct sg_prepared *p, int task, struct sg_ledger *l, int64_t *n_open,
                            int64_t *n, struct sg_err *err)
{
    char status[16];
    *n_open = *n = 0;
    for (int64_t i = 0; i < p->grid.n_cells; i++)
        if (p->grid.cell[i].task == task) {
            SG_TRY(sg_ledger_cell_status(l, p->grid.cell[i].id, status, err));
            *n_open += strcmp(status, "done") != 0;
            ++*n;
        }
    return SG_OK;
}

static sg_status look_at_changes(const struct sg_prepared *p, int task, const json_t *inputs,
                                 struct sg_ledger *l, struct sg_buf *out, struct sg_err *err)
{
    const struct sg_task *t = &p->study->task[task];
    const json_t *before = json_object_get(inputs, t->name);
    struct sg_buf what = sg_buf_make(1 << 16);
    int64_t n_open = 0, n = 0;
    if (before)
        add_changes(&p->data[task], json_object_get(before, "test_sets"), &what);
    sg_status status = what.len ? count_open(p, task, l, &n_open, &n, err) : SG_OK;
    if (status == SG_OK && n_open)
        sg_buf_printf(out,
                      "%s: its test sets are not those of the last run: %s. %lld of %lld %s not been "
                      "measured on these, "
                      "and %s trained again (weights are not kept); what was bought is used again\n",
                      t->name, sg_buf_text(&what), (long long)n_open, (long long)n,
                      sg_plural(n, "cell has", "cells have"), sg_plural(n_open, "is", "are"));
    sg_buf_free(&what);
    return status;
}

sg_status sg_own_sets_changed(const struct sg_prepared *p, struct sg_ledger *l, struct sg_buf *out,
                              struct sg_err *err)
{
    char *text = NULL;
    SG_TRY(sg_ledger_meta_get(l, "inputs", &text, err));
    json_t *inputs = text ? json_loads(text, 0, NULL) : NULL;
    sg_status status = SG_OK;
    for (int t = 0; status == SG_OK && t < p->study->n_tasks; t++)
        status = look_at_changes(p, t, inputs, l, out, err);
    json_decref(inputs);
    sg_free(text);
    return status;
}

sg_status sg_own_sets_tell(const struct sg_prepared *p, struct sg_ledger *l, struct sg_err *err)
{
    struct sg_buf text = sg_buf_make(1 << 20);
    sg_status status = sg_own_sets_changed(p, l, &text, err);
    if (status == SG_OK)
        status = sg_buf_check(&text, "what became of the test sets", err);
    for (const char *line = sg_buf_text(&text); status == SG_OK && *line; line += strcspn(line, "\n") + 1)
        sg_tell("synthgrid: note: %.*s", (int)strcspn(line, "\n"), line);
    sg_buf_free(&text);
    return status;
}
