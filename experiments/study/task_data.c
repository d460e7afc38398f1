#include "base/tell.h"
#include "experiments/study/study.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/sha256.h"
#include "base/text.h"
#include "experiments/study/lacks.h"

#include <stdio.h>
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
    int64_t number;
    int is_number = sg_parse_int64(row->label, &number);
    sg_status status = sg_fail(
        err, SG_INPUT, "%s:%lld: unknown label \"%s\"; hint: task %s knows the classes %s%s", path,
        (long long)row->line, sg_buf_text(&label), t->name, sg_buf_text(&known),
        is_number ? "; numbers are read as their indices, from 0, where all labels of the file are" : "");
    sg_buf_free(&known);
    sg_buf_free(&label);
    return status;
}

/* -1: none. Exactly, else as a number or boolean that is otherwise written. */
static int class_of(const struct sg_task *t, const char *label)
{
    int k = sg_task_class(t, label);
    char a[SG_LABEL_PLAIN], b[SG_LABEL_PLAIN];
    const char *plain = sg_label_plain(label, a);
    for (int i = 0; k < 0 && i < t->n_classes; i++)
        if (strcmp(sg_label_plain(t->class_[i].name, b), plain) == 0)
            k = i;
    return k;
}

/* *n_dropped: rows that say that there is no gold label, where that is no class of the task. */
static sg_status drop_unlabelled(const struct sg_task *t, const char *path, struct sg_rows *rows,
                                 int64_t *n_dropped, struct sg_err *err)
{
    int64_t n = rows->n;
    *n_dropped = 0;
    for (int64_t i = 0; i < n; i++)
        if (sg_label_is_none(rows->row[i].label) && class_of(t, rows->row[i].label) >= 0)
            return SG_OK;
    SG_TRY(sg_rows_drop_all_none(path, rows, err));
    *n_dropped = n - rows->n;
    return SG_OK;
}

/* The index that a label is, -1: none. */
static int index_of(const struct sg_task *t, const char *label)
{
    char plain[SG_LABEL_PLAIN];
    int64_t k;
    return sg_parse_int64(sg_label_plain(label, plain), &k) && k >= 0 && k < t->n_classes ? (int)k : -1;
}

/* "0 is sadness, 1 is joy, ..." */
static void note_indices(const struct sg_task *t, const char *path, struct sg_rows *rows)
{
    struct sg_buf b = sg_buf_make(2000);
    for (int k = 0; k < t->n_classes && b.len < 300; k++) {
        sg_buf_printf(&b, "%s%d is ", k ? ", " : "", k);
        sg_buf_safe(&b, t->class_[k].name, 40);
    }
    sg_rows_note(rows, path, "labels are numbers, read as classes in the task file's order: %s%s",
                 sg_buf_text(&b), b.len >= 300 ? ", ..." : "");
    sg_buf_free(&b);
}

/* Whether all labels are whole numbers from 0 to K-1, none of them a class's name. Training rows have a 0 among them, unless
 * the numbers begin at 1, which no index does. */
static int are_indices(const struct sg_task *t, const struct sg_rows *rows, int is_training)
{
    int has_zero = !is_training;
    for (int64_t i = 0; i < rows->n; i++) {
        int k = index_of(t, rows->row[i].label);
        if (k < 0 || class_of(t, rows->row[i].label) >= 0)
            return 0;
        has_zero |= k == 0;
    }
    return has_zero;
}

/* Numbers that run from -1 to K-2 are K classes, and the first of them would be left out: the last index is never there. */
static sg_status check_indices(const struct sg_task *t, const struct sg_rows *rows, const char *path,
                               int64_t n_dropped, struct sg_err *err)
{
    int last = t->n_classes - 1;
    for (int64_t i = 0; i < rows->n; i++)
        if (index_of(t, rows->row[i].label) == last)
            return SG_OK;
    return sg_fail(
        err, SG_INPUT,
        "%s: %lld %s the label -1, and none has %d, the index of the last class (%.60s): are "
        "the %d classes numbered from -1? hint: name them so in the task file (classes: {\"-1\": ..., "
        "\"0\": ...}), or take the rows with -1 out",
        path, (long long)n_dropped, sg_plural(n_dropped, "row has", "rows have"), last, t->class_[last].name,
        t->n_classes);
}

/* A row keeps its class's name: prompts look its class up by it. */
static sg_status rename_label(struct sg_row *row, const char *name, struct sg_err *err)
{
    if (strcmp(row->label, name) == 0)
        return SG_OK;
    char *copy = sg_strdup(name);
    if (!copy)
        return sg_fail_memory(err, strlen(name));
    sg_free(row->label);
    row->label = copy;
    return SG_OK;
}

static sg_status read_rows(const struct sg_study *s, const struct sg_task *t, const char *path,
                           int is_training, struct sg_rows *rows, int32_t **label, struct sg_err *err)
{
    if (!sg_file_exists(path)) {
        const char *by_study = is_training ? s->train_name : s->test_name,
                   *file = is_training ? t->train_file : t->test_file;
        int may_be_beside = !by_study && file[0] != '/';
        return sg_fail(
            err, SG_INPUT,
            "task %s: no file %s%s%s%s; hint: data.dir, data.train and data.test say where the rows are",
            t->name, path, may_be_beside ? ", nor " : "", may_be_beside ? file : "",
            may_be_beside ? " beside the task file" : "");
    }
    const struct sg_fields fields = {.first = t->fields_unnamed ? NULL : t->first,
                                     .second = t->second,
                                     .label = t->label,
                                     .cut = t->cut,
                                     .quotes = s->quotes == SG_QUOTES_FOUND ? t->quotes : s->quotes,
                                     .is_task = 1};
    SG_TRY(sg_rows_read(path, &fields, 1, 0, rows, err));
    rows->cut = t->cut;
    int64_t n_dropped;
    SG_TRY(drop_unlabelled(t, path, rows, &n_dropped, err));
    *label = sg_alloc((size_t)rows->n, sizeof **label);
    if (!*label)
        return sg_fail_memory(err, (size_t)rows->n * sizeof **label);
    int by_index = are_indices(t, rows, is_training);
    if (by_index && is_training && n_dropped)
        SG_TRY(check_indices(t, rows, path, n_dropped, err));
    if (by_index)
        note_indices(t, path, rows);
    for (int64_t i = 0; i < rows->n; i++) {
        int k = by_index ? index_of(t, rows->row[i].label) : class_of(t, rows->row[i].label);
        if (k < 0)
            return fail_label(t, &rows->row[i], path, err);
        SG_TRY(rename_label(&rows->row[i], t->class_[k].name, err));
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
    for (int is_test = 0; is_test < 2; is_test++) {
        const struct sg_rows *rows = is_test ? &d->test : &d->train;
        sg_sha256_add(h, is_test ? "test" : "train", is_test ? 5 : 6);
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

/* In new memory: the study's file name, or the task file's, in the task's folder of data.dir; the task file's is looked for beside the task
 * file where it is not there, and may be an absolute path. */
static char *find_file(const struct sg_study *s, const struct sg_task *t, const char *by_study,
                       const char *by_task, int *is_beside)
{
    *is_beside = 0;
    if (!by_study && by_task[0] == '/')
        return sg_strdup(by_task);
    char *path = sg_strf("%s/%s/%s", s->data_dir, t->name, by_study ? by_study : by_task);
    if (!path || by_study || !t->dir || sg_file_exists(path))
        return path;
    char *beside = sg_path_join(t->dir, by_task);
    if (!beside || !sg_file_exists(beside)) {
        sg_free(beside);
        return path;
    }
    sg_free(path);
    *is_beside = 1;
    return beside;
}

/* n rows of no content, all different, classes in turn. */
static sg_status assume_rows(const struct sg_study *s, const struct sg_task *t, int64_t n, const char *part,
                             struct sg_rows *rows, int32_t **label, struct sg_err *err)
{
    int64_t max_tokens = t->max_tokens ? t->max_tokens : s->generator->max_tokens;
    /* As sg_pool_estimate: completions use 0.6 of their limit; a token is 4.5 bytes of English. */
    int64_t n_bytes = max_tokens * 6 / 10 * 9 / 2 / (t->second ? 2 : 1);
    n_bytes = n_bytes < 40 ? 40 : n_bytes > 20000 ? 20000 : n_bytes;
    char *text = sg_alloc((size_t)n_bytes + 1, 1);
    if (!text || !(*label = sg_alloc((size_t)n, sizeof **label))) {
        sg_free(text);
        return sg_fail_memory(err, (size_t)n * sizeof **label);
    }
    rows->cut = t->cut;
    sg_status status = SG_OK;
    for (int64_t i = 0; status == SG_OK && i < n; i++) {
        for (int64_t j = 0; j < n_bytes; j++)
            text[j] = "some words "[j % 11];
        text[snprintf(text, 40, "%s row %lld", part, (long long)i + 1)] = ' ';
        (*label)[i] = (int32_t)(i % t->n_classes);
        status = sg_rows_add(rows, text, t->second ? text : NULL, t->class_[i % t->n_classes].name, err);
    }
    sg_free(text);
    return status;
}

/* One of the two files, or with `lacks` what stands for it. */
static sg_status read_part(const struct sg_study *s, const struct sg_task *t, const char *path,
                           int is_training, struct sg_lacks *lacks, struct sg_task_data *d,
                           struct sg_err *err)
{
    struct sg_rows *rows = is_training ? &d->train : &d->test;
    int32_t **label = is_training ? &d->train_label : &d->test_label;
    struct sg_err why = {0};
    sg_status status = read_rows(s, t, path, is_training, rows, label, lacks ? &why : err);
    if (status == SG_OK || !lacks)
        return status;
    SG_TRY(sg_file_exists(path) ? sg_lacks_add(lacks, "rows", 1, err, "%s", why.text)
                                : sg_lacks_add(lacks, "rows", 0, err, "task %s: no file %s with %s rows",
                                               t->name, path, is_training ? "training" : "test"));
    sg_rows_free(rows);
    sg_free(*label);
    *label = NULL;
    *(is_training ? &d->train_is_assumed : &d->test_is_assumed) = 1;
    int64_t n = s->eval.rows > 0 ? s->eval.rows : SG_ASSUMED_TEST_ROWS;
    if (is_training)
        n = s->n_raw ? s->raw[s->n_raw - 1] : 100;
    return assume_rows(s, t, n < t->n_classes ? t->n_classes : n, is_training ? "training" : "test", rows,
                       label, err);
}

sg_status sg_task_data_assume(const struct sg_study *s, int task, struct sg_task_data *out,
                              struct sg_lacks *lacks, struct sg_err *err)
{
    const struct sg_task *t = &s->task[task];
    struct sg_task_data d = {.draw = s->raw_draw};
    char *test_path = find_file(s, t, s->test_name, t->test_file, &d.test_is_beside);
    d.train_path = find_file(s, t, s->train_name, t->train_file, &d.train_is_beside);
    sg_status status = test_path && d.train_path ? SG_OK : sg_fail_memory(err, 256);
    if (status == SG_OK)
        status = read_part(s, t, d.train_path, 1, lacks, &d, err);
    if (status == SG_OK)
        status = read_part(s, t, test_path, 0, lacks, &d, err);
    if (status == SG_OK)
        status = make_digest(&d, err);
    sg_free(test_path);
    if (status == SG_OK)
        *out = d;
    else
        sg_task_data_free(&d);
    return status;
}

sg_status sg_task_data_read(const struct sg_study *s, int task, struct sg_task_data *out, struct sg_err *err)
{
    return sg_task_data_assume(s, task, out, NULL, err);
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

void sg_task_data_tell(const struct sg_task_data *d)
{
    const char *const notes[] = {d->train.notes, d->test.notes};
    for (int i = 0; i < 2; i++)
        for (const char *s = notes[i]; s && *s; s += strcspn(s, "\n"), s += *s == '\n')
            sg_tell_warning("%.*s", (int)strcspn(s, "\n"), s);
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

/* The first n of all rows, each class with its share at every n: the i-th of the m shuffled rows of a class stands at (i + 1/2) / m. */
static sg_status draw_shares(const int32_t *label, int64_t n_rows, int n_classes, uint64_t seed, int64_t n,
                             int64_t *index, struct sg_err *err)
{
    int64_t *of_class = sg_alloc((size_t)n_rows + 1, sizeof *of_class);
    struct place *place = sg_alloc((size_t)n_rows + 1, sizeof *place);
    if (!of_class || !place) {
        sg_free(of_class);
        sg_free(place);
        return sg_fail_memory(err, (size_t)n_rows * sizeof *place);
    }
    for (int k = 0; k < n_classes; k++) {
        struct sg_rng rng = sg_rng_make(seed, (uint64_t)k);
        int64_t m = 0;
        for (int64_t i = 0; i < n_rows; i++)
            if (label[i] == k)
                of_class[m++] = i;
        sg_rng_shuffle(&rng, of_class, m);
        for (int64_t i = 0; i < m; i++)
            place[of_class[i]] = (struct place){((double)i + 0.5) / (double)m, of_class[i]};
    }
    qsort(place, (size_t)n_rows, sizeof *place, by_place);
    for (int64_t i = 0; i < n; i++)
        index[i] = place[i].row;
    sg_free(of_class);
    sg_free(place);
    return SG_OK;
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
    if (d->draw == SG_RAW_PROPORTIONAL)
        return draw_shares(d->train_label, n_rows, n_classes,
                           sg_seed_of("raw rows by share, data seed %lld", (long long)data_seed), n, index,
                           err);
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

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

sg_status sg_test_draw(const struct sg_task_data *d, int n_classes, int64_t n, int64_t *index,
                       struct sg_err *err)
{
    SG_TRY(draw_shares(d->test_label, d->test.n, n_classes, sg_seed_of("test rows"), n, index, err));
    qsort(index, (size_t)n, sizeof *index, ascending);
    return SG_OK;
}
