#include "base/tell.h"
#include "experiments/study/study.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/text.h"
#include "experiments/study/lacks.h"
#include "experiments/study/paths.h"
#include "gen/pool/class_name.h"

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

/* One of a task's files. */
struct part {
    const char *what; /* "training", "test", or the name of a further test set */
    int is_training, is_set;
    const char *by_study; /* the file's name for all tasks, or NULL */
    const char *file;     /* in the task file */
};

/* The command that would fetch a task's file; "" where it is not the one that fetch writes, or no data set on the Hub has its rows. */
static void say_fetch(const struct sg_study *s, const struct sg_task *t, const struct part *part,
                      char out[400])
{
    const char *wanted = part->is_training ? "train.jsonl" : "test.jsonl";
    int is_fetched = !part->is_set && (t->source.hf || t->hf_id) && !t->source.elsewhere &&
                     strcmp(part->by_study ? part->by_study : part->file, wanted) == 0;
    char *usual = is_fetched ? sg_path_find(SG_ROWS_USUAL_DIR) : NULL;
    int is_usual = !usual || strcmp(s->data_dir, usual) == 0 || strcmp(s->data_dir, SG_ROWS_USUAL_DIR) == 0;
    sg_free(usual);
    out[0] = 0;
    if (is_fetched)
        snprintf(out, 400, "; `synthgrid fetch data %s%s%.250s` gets it from the Hugging Face Hub", t->name,
                 is_usual ? "" : " --dir ", is_usual ? "" : s->data_dir);
    else if (!part->is_set && t->source.elsewhere)
        snprintf(out, 400, "; %.380s", t->source.elsewhere);
}

static sg_status fail_no_file(const struct sg_study *s, const struct sg_task *t, const struct part *part,
                              const char *path, struct sg_err *err)
{
    char fetch[400];
    say_fetch(s, t, part, fetch);
    int may_be_beside = !part->by_study && part->file[0] != '/';
    return sg_fail(err, SG_INPUT, "task %s: no file %s%s%s%s; hint: data.dir%s%s say where the rows are%s",
                   t->name, path, may_be_beside ? ", nor " : "", may_be_beside ? part->file : "",
                   may_be_beside ? " beside the task file" : "",
                   part->is_set ? " and the task file's test_sets." : ", data.train and data.test",
                   part->is_set ? part->what : "", fetch);
}

static sg_status read_rows(const struct sg_study *s, const struct sg_task *t, const char *path,
                           const struct part *part, struct sg_rows *rows, int32_t **label, struct sg_err *err)
{
    int is_training = part->is_training;
    if (!sg_file_exists(path))
        return fail_no_file(s, t, part, path, err);
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

sg_status sg_task_rows_read(const struct sg_task *t, const char *path, int is_training, struct sg_rows *out,
                            struct sg_err *err)
{
    const struct sg_study s = {.quotes = SG_QUOTES_FOUND};
    const struct part part = {
        .what = is_training ? "training" : "test", .is_training = is_training, .file = path};
    struct sg_rows rows = {0};
    int32_t *label = NULL;
    sg_status status = read_rows(&s, t, path, &part, &rows, &label, err);
    sg_free(label);
    if (status == SG_OK)
        *out = rows;
    else
        sg_rows_free(&rows);
    return status;
}

/* As are_indices, of rows that may lack a label or have one that is none. */
static int all_are_indices(const struct sg_task *t, const struct sg_rows *rows)
{
    int64_t n_labels = 0, has_zero = 0;
    for (int64_t i = 0; i < rows->n; i++) {
        const char *label = rows->row[i].label;
        if (!label)
            continue;
        int k = index_of(t, label);
        if (k < 0 || class_of(t, label) >= 0)
            return 0;
        has_zero |= k == 0;
        n_labels++;
    }
    return n_labels && has_zero;
}

sg_status sg_task_read_labels(const struct sg_task *t, const char *path, struct sg_rows *rows,
                              int32_t *class_, struct sg_err *err)
{
    struct sg_class_names names;
    int by_index = all_are_indices(t, rows);
    if (by_index)
        note_indices(t, path, rows);
    SG_TRY(sg_class_names_create(t, &names, err));
    sg_status status = SG_OK;
    for (int64_t i = 0; status == SG_OK && i < rows->n; i++) {
        const char *label = rows->row[i].label;
        int k = !label ? -1 : by_index ? index_of(t, label) : class_of(t, label);
        if (label && k < 0 && !by_index)
            status = sg_class_names_find(&names, label, strlen(label), &k, err);
        class_[i] = k;
    }
    sg_class_names_free(&names);
    return status;
}

static void add_text(struct sg_sha256_stream *h, const char *text)
{
    /* No text holds a NUL, so that it separates; a missing text is not an empty one. */
    sg_sha256_add(h, text ? "+" : "-", 1);
    if (text)
        sg_sha256_add(h, text, strlen(text) + 1);
}

/* Texts and what their labels are read as. */
static sg_status digest_examples(const struct sg_rows *rows, const int32_t *label, char hex[SG_HEX],
                                 struct sg_err *err)
{
    struct sg_sha256_stream *h = sg_sha256_create();
    if (!h)
        return sg_fail_memory(err, 256);
    for (int64_t i = 0; i < rows->n; i++)
        sg_example_digest_add(h, label[i], rows->row[i].first, rows->row[i].second);
    sg_sha256_finish_hex(h, hex);
    return SG_OK;
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
    return digest_examples(&d->test, d->test_label, d->test_digest, err);
}

/* Of the training and test rows, and of each set: its name and rows. */
static sg_status make_cell_digest(struct sg_task_data *d, struct sg_err *err)
{
    memcpy(d->cell_digest, d->digest, SG_HEX);
    if (!d->n_sets)
        return SG_OK;
    struct sg_sha256_stream *all = sg_sha256_create();
    if (!all)
        return sg_fail_memory(err, 256);
    sg_status status = SG_OK;
    sg_sha256_add_text(all, d->digest);
    for (int i = 0; status == SG_OK && i < d->n_sets; i++) {
        struct sg_test_set *x = &d->set[i];
        status = digest_examples(&x->rows, x->label, x->digest, err);
        sg_sha256_add_text(all, x->name);
        sg_sha256_add_text(all, x->digest);
    }
    sg_sha256_finish_hex(all, d->cell_digest);
    return status;
}

/* In new memory: the study's file name, or the task file's, in the task's folder of data.dir; the task file's is looked for beside the task
 * file where it is not there, and may be an absolute path. A test set may also be <its name>.jsonl in the task's folder, as a bundle
 * has it. */
static char *find_file(const struct sg_study *s, const struct sg_task *t, const struct part *part,
                       int *is_beside)
{
    *is_beside = 0;
    if (!part->by_study && part->file[0] == '/')
        return sg_strdup(part->file);
    char *path = sg_strf("%s/%s/%s", s->data_dir, t->name, part->by_study ? part->by_study : part->file);
    if (!path || part->by_study || !t->dir || sg_file_exists(path))
        return path;
    char *beside = sg_path_join(t->dir, part->file);
    if (beside && sg_file_exists(beside)) {
        sg_free(path);
        *is_beside = 1;
        return beside;
    }
    sg_free(beside);
    char *named = part->is_set ? sg_strf("%s/%s/%s.jsonl", s->data_dir, t->name, part->what) : NULL;
    if (!named || !sg_file_exists(named)) {
        sg_free(named);
        return path;
    }
    sg_free(path);
    return named;
}

/* n rows of no content, all different, classes in turn, as long as the task file says. */
static sg_status assume_rows(const struct sg_study *s, const struct sg_task *t, int64_t n, const char *part,
                             struct sg_rows *rows, int32_t **label, struct sg_err *err)
{
    int64_t max_tokens = t->max_tokens ? t->max_tokens : s->generator->max_tokens;
    /* As sg_pool_estimate: completions use 0.6 of their limit; a token is 4.5 bytes of English. */
    int64_t n_bytes = t->source.row_bytes ? t->source.row_bytes : max_tokens * 6 / 10 * 9 / 2;
    n_bytes /= t->second ? 2 : 1;
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

/* One of the files, or with `lacks` what stands for it. */
static sg_status read_part(const struct sg_study *s, const struct sg_task *t, const char *path,
                           const struct part *part, struct sg_lacks *lacks, struct sg_rows *rows,
                           int32_t **label, int *is_assumed, struct sg_err *err)
{
    struct sg_err why = {0};
    sg_status status = read_rows(s, t, path, part, rows, label, lacks ? &why : err);
    if (status == SG_OK || !lacks)
        return status;
    char fetch[400];
    say_fetch(s, t, part, fetch);
    SG_TRY(sg_file_exists(path) ? sg_lacks_add(lacks, "rows", 1, err, "%s", why.text)
                                : sg_lacks_add(lacks, "rows", 0, err, "task %s: no file %s with %s rows%s",
                                               t->name, path, part->what, fetch));
    sg_rows_free(rows);
    sg_free(*label);
    *label = NULL;
    *is_assumed = 1;
    int64_t n_known = part->is_set ? 0 : part->is_training ? t->source.n_train : t->source.n_test;
    int64_t n = n_known ? n_known : s->eval.rows > 0 ? s->eval.rows : SG_ASSUMED_TEST_ROWS;
    if (part->is_training) {
        n = s->n_raw ? s->raw[s->n_raw - 1] : 100;
        n = n_known && n_known < n ? n_known : n;
    }
    return assume_rows(s, t, n < t->n_classes ? t->n_classes : n, part->what, rows, label, err);
}

static sg_status read_sets(const struct sg_study *s, const struct sg_task *t, struct sg_lacks *lacks,
                           struct sg_task_data *d, struct sg_err *err)
{
    d->set = sg_alloc((size_t)t->n_test_sets + 1, sizeof *d->set);
    if (!d->set)
        return sg_fail_memory(err, (size_t)t->n_test_sets * sizeof *d->set);
    for (int i = 0; i < t->n_test_sets; i++) {
        struct sg_test_set *x = &d->set[d->n_sets++];
        const struct part part = {.what = t->test_set[i].name, .is_set = 1, .file = t->test_set[i].file};
        x->name = t->test_set[i].name;
        x->path = find_file(s, t, &part, &x->is_beside);
        if (!x->path)
            return sg_fail_memory(err, 256);
        SG_TRY(read_part(s, t, x->path, &part, lacks, &x->rows, &x->label, &x->is_assumed, err));
    }
    return SG_OK;
}

/* The test rows and the sets', one after the other. */
static sg_status hold_out(struct sg_task_data *d, struct sg_err *err)
{
    int64_t n = d->test.n;
    d->held_out = (struct sg_rows){.n = n, .row = d->test.row, .cut = d->test.cut};
    d->held_out_label = d->test_label;
    if (!d->n_sets)
        return SG_OK;
    for (int i = 0; i < d->n_sets; i++)
        n += d->set[i].rows.n;
    struct sg_row *row = sg_alloc((size_t)n + 1, sizeof *row);
    int32_t *label = sg_alloc((size_t)n + 1, sizeof *label);
    d->held_out.row = row;
    d->held_out_label = label;
    if (!row || !label)
        return sg_fail_memory(err, (size_t)n * sizeof *row);
    n = 0;
    for (int i = -1; i < d->n_sets; i++) {
        const struct sg_rows *rows = i < 0 ? &d->test : &d->set[i].rows;
        memcpy(row + n, rows->row, (size_t)rows->n * sizeof *row);
        memcpy(label + n, i < 0 ? d->test_label : d->set[i].label, (size_t)rows->n * sizeof *label);
        n += rows->n;
    }
    d->held_out.n = n;
    return SG_OK;
}

sg_status sg_task_data_assume(const struct sg_study *s, int task, struct sg_task_data *out,
                              struct sg_lacks *lacks, struct sg_err *err)
{
    const struct sg_task *t = &s->task[task];
    struct sg_task_data d = {.draw = s->raw_draw};
    const struct part train = {"training", 1, 0, s->train_name, t->train_file},
                      test = {"test", 0, 0, s->test_name, t->test_file};
    char *test_path = find_file(s, t, &test, &d.test_is_beside);
    d.train_path = find_file(s, t, &train, &d.train_is_beside);
    sg_status status = SG_OK;
    if (!test_path || !d.train_path)
        SG_TRY_DONE(sg_fail_memory(err, 256));
    SG_TRY_DONE(
        read_part(s, t, d.train_path, &train, lacks, &d.train, &d.train_label, &d.train_is_assumed, err));
    SG_TRY_DONE(read_part(s, t, test_path, &test, lacks, &d.test, &d.test_label, &d.test_is_assumed, err));
    SG_TRY_DONE(read_sets(s, t, lacks, &d, err));
    SG_TRY_DONE(hold_out(&d, err));
    SG_TRY_DONE(make_digest(&d, err));
    status = make_cell_digest(&d, err);
done:
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
    if (d->held_out.row != d->test.row)
        sg_free(d->held_out.row);
    if (d->held_out_label != d->test_label)
        sg_free(d->held_out_label);
    for (int i = 0; i < d->n_sets; i++) {
        sg_rows_free(&d->set[i].rows);
        sg_free(d->set[i].label);
        sg_free(d->set[i].path);
    }
    sg_free(d->set);
    sg_rows_free(&d->train);
    sg_rows_free(&d->test);
    sg_free(d->train_label);
    sg_free(d->test_label);
    sg_free(d->train_path);
    *d = (struct sg_task_data){0};
}

static void tell_notes(const struct sg_rows *rows)
{
    for (const char *s = rows->notes; s && *s; s += strcspn(s, "\n"), s += *s == '\n')
        sg_tell_warning("%.*s", (int)strcspn(s, "\n"), s);
}

void sg_task_data_tell(const struct sg_task_data *d)
{
    tell_notes(&d->train);
    tell_notes(&d->test);
    for (int i = 0; i < d->n_sets; i++)
        tell_notes(&d->set[i].rows);
}
