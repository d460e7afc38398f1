#include "experiments/study.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "results/ledger_trained.h"

#include <stdlib.h>
#include <string.h>

/* "sadness, joy, love, ..." */
static void add_classes(const struct sg_task *t, struct sg_buf *b)
{
    for (int k = 0; k < t->n_classes && b->len < 500; k++) {
        sg_buf_puts(b, k ? ", " : "");
        sg_buf_safe(b, t->class_[k].name, 60);
    }
    if (b->len >= 500)
        sg_buf_puts(b, ", ...");
}

static sg_status fail_label(const struct sg_task *t, const struct sg_row *row, const char *path,
                            struct sg_err *err)
{
    struct sg_buf known = sg_buf_make(2000), label = sg_buf_make(2000);
    add_classes(t, &known);
    sg_buf_safe(&label, row->label, 60);
    sg_status status =
        sg_fail(err, SG_INPUT, "%s:%lld: unknown label \"%s\"; hint: task %s knows the classes %s", path,
                (long long)row->line, sg_buf_text(&label), t->name, sg_buf_text(&known));
    sg_buf_free(&known);
    sg_buf_free(&label);
    return status;
}

static sg_status read_rows(const struct sg_task *t, const char *path, struct sg_rows *rows, int32_t **label,
                           struct sg_err *err)
{
    if (!sg_file_exists(path))
        return sg_fail(err, SG_INPUT,
                       "task %s: no file %s; hint: data.dir, data.train and data.test say where the rows are",
                       t->name, path);
    struct sg_fields fields = {t->first, t->second, t->label, t->cut};
    SG_TRY(sg_rows_read(path, &fields, 1, 0, rows, err));
    *label = sg_alloc((size_t)rows->n, sizeof **label);
    if (!*label)
        return sg_fail_memory(err, (size_t)rows->n * sizeof **label);
    for (int64_t i = 0; i < rows->n; i++) {
        int k = sg_task_class(t, rows->row[i].label);
        if (k < 0)
            return fail_label(t, &rows->row[i], path, err);
        (*label)[i] = k;
    }
    return SG_OK;
}

static void add_text(struct sg_sha256_stream *h, const char *text)
{
    /* No text holds a NUL, so that it separates; a missing text is not an empty one. */
    sg_sha256_add(h, text ? "+" : "-", 1);
    if (text)
        sg_sha256_add(h, text, strlen(text) + 1);
}

static sg_status make_digest(struct sg_task_data *d, struct sg_err *err)
{
    struct sg_sha256_stream *h = sg_sha256_create();
    if (!h)
        return sg_fail_memory(err, 256);
    for (int part = 0; part < 2; part++) {
        const struct sg_rows *rows = part ? &d->test : &d->train;
        sg_sha256_add(h, part ? "test" : "train", part ? 5 : 6);
        for (int64_t i = 0; i < rows->n; i++) {
            add_text(h, rows->row[i].first);
            add_text(h, rows->row[i].second);
            add_text(h, rows->row[i].label);
        }
    }
    sg_sha256_finish_hex(h, d->digest);
    h = sg_sha256_create();
    if (!h)
        return sg_fail_memory(err, 256);
    for (int64_t i = 0; i < d->test.n; i++)
        sg_example_digest_add(h, d->test_label[i], d->test.row[i].first, d->test.row[i].second);
    sg_sha256_finish_hex(h, d->test_digest);
    return SG_OK;
}

sg_status sg_task_data_read(const struct sg_study *s, int task, struct sg_task_data *out, struct sg_err *err)
{
    const struct sg_task *t = &s->task[task];
    struct sg_task_data d = {0};
    char *test_path = sg_strf("%s/%s/%s", s->data_dir, t->name, s->test_name ? s->test_name : t->test_file);
    d.train_path = sg_strf("%s/%s/%s", s->data_dir, t->name, s->train_name ? s->train_name : t->train_file);
    sg_status status = test_path && d.train_path ? SG_OK : sg_fail_memory(err, 256);
    if (status == SG_OK)
        status = read_rows(t, d.train_path, &d.train, &d.train_label, err);
    if (status == SG_OK)
        status = read_rows(t, test_path, &d.test, &d.test_label, err);
    if (status == SG_OK)
        status = make_digest(&d, err);
    sg_free(test_path);
    if (status == SG_OK)
        *out = d;
    else
        sg_task_data_free(&d);
    return status;
}

void sg_task_data_free(struct sg_task_data *d)
{
    if (!d)
        return;
    sg_rows_free(&d->train);
    sg_rows_free(&d->test);
    sg_free(d->train_label);
    sg_free(d->test_label);
    sg_free(d->train_path);
    *d = (struct sg_task_data){0};
}

sg_status sg_raw_draw(const struct sg_task_data *d, int n_classes, int64_t n, int64_t data_seed,
                      int64_t *index, struct sg_err *err)
{
    int64_t n_rows = d->train.n;
    if (n > n_rows)
        return sg_fail(err, SG_INPUT,
                       "raw asks for %lld %s, but %s has %lld %s; hint: smaller numbers in raw, or more data",
                       (long long)n, sg_plural(n, "example", "examples"),
                       d->train_path ? d->train_path : "the training file", (long long)n_rows,
                       sg_plural(n_rows, "row", "rows"));
    /* Rows by class (start[k] .. start[k+1]), each class shuffled on its own; the order of classes too. */
    int64_t *by_class = sg_alloc((size_t)(n_rows + 3 * n_classes + 1), sizeof *by_class);
    if (!by_class)
        return sg_fail_memory(err, (size_t)n_rows * sizeof *by_class);
    int64_t *start = by_class + n_rows, *next = start + n_classes + 1, *order = next + n_classes;
    for (int64_t i = 0; i < n_rows; i++)
        start[d->train_label[i] + 1]++;
    for (int k = 0; k < n_classes; k++) {
        start[k + 1] += start[k];
        next[k] = start[k];
        order[k] = k;
    }
    for (int64_t i = 0; i < n_rows; i++)
        by_class[next[d->train_label[i]]++] = i;
    uint64_t seed = sg_seed_of("raw rows, data seed %lld", (long long)data_seed);
    struct sg_rng rng = sg_rng_make(seed, 0);
    sg_rng_shuffle(&rng, order, n_classes);
    for (int k = 0; k < n_classes; k++) {
        rng = sg_rng_make(seed, (uint64_t)k + 1);
        sg_rng_shuffle(&rng, by_class + start[k], start[k + 1] - start[k]);
        next[k] = start[k];
    }
    /* Class after class in turn; one that is used up is passed over, so that the others share its places
     * evenly. */
    for (int64_t j = 0, turn = 0; j < n; j++, turn++) {
        int64_t k = order[turn % n_classes];
        while (next[k] == start[k + 1])
            k = order[++turn % n_classes];
        index[j] = by_class[next[k]++];
    }
    sg_free(by_class);
    return SG_OK;
}

struct place {
    double at; /* of the row among those of its class: 0 to 1 */
    int64_t row;
};

static int by_place(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int order = (x->at > y->at) - (x->at < y->at);
    return order ? order : (x->row > y->row) - (x->row < y->row);
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

sg_status sg_test_draw(const struct sg_task_data *d, int n_classes, int64_t n, int64_t *index,
                       struct sg_err *err)
{
    int64_t n_rows = d->test.n, *of_class = sg_alloc((size_t)n_rows + 1, sizeof *of_class);
    struct place *place = sg_alloc((size_t)n_rows + 1, sizeof *place);
    if (!of_class || !place) {
        sg_free(of_class);
        sg_free(place);
        return sg_fail_memory(err, (size_t)n_rows * sizeof *place);
    }
    /* The i-th of the m shuffled rows of a class stands at (i + 1/2) / m: the first n of all have each class's share. */
    for (int k = 0; k < n_classes; k++) {
        struct sg_rng rng = sg_rng_make(sg_seed_of("test rows"), (uint64_t)k);
        int64_t m = 0;
        for (int64_t i = 0; i < n_rows; i++)
            if (d->test_label[i] == k)
                of_class[m++] = i;
        sg_rng_shuffle(&rng, of_class, m);
        for (int64_t i = 0; i < m; i++)
            place[of_class[i]] = (struct place){((double)i + 0.5) / (double)m, of_class[i]};
    }
    qsort(place, (size_t)n_rows, sizeof *place, by_place);
    for (int64_t i = 0; i < n; i++)
        index[i] = place[i].row;
    qsort(index, (size_t)n, sizeof *index, ascending);
    sg_free(of_class);
    sg_free(place);
    return SG_OK;
}
