#include "cli/labels.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "results/stats/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int by_number(const void *a, const void *b)
{
    int64_t x = 0, y = 0;
    if (!sg_parse_int64(*(char *const *)a, &x) || !sg_parse_int64(*(char *const *)b, &y) || x == y)
        return by_text(a, b); /* "1" and "01" are two labels */
    return x < y ? -1 : 1;
}

void sg_labels_free(struct sg_labels *l)
{
    for (int i = 0; i < l->n; i++)
        sg_free(l->name[i]);
    sg_free(l->name);
    *l = (struct sg_labels){0};
}

static sg_status keep_distinct(char **sorted, int64_t n, const char *path, struct sg_labels *l,
                               struct sg_err *err)
{
    for (int64_t i = 0; i < n; i++) {
        if (i > 0 && strcmp(sorted[i], sorted[i - 1]) == 0)
            continue;
        if (l->n == SG_MAX_CLASSES)
            return sg_fail(err, SG_INPUT,
                           "%s: more than %d different labels; hint: is the label column a class, not a "
                           "number or a text?",
                           path, SG_MAX_CLASSES);
        char *copy = sg_strdup(sorted[i]);
        if (!copy)
            return sg_fail_memory(err, strlen(sorted[i]));
        l->name[l->n++] = copy;
    }
    if (l->n < 2)
        return sg_fail(err, SG_INPUT,
                       "%s: all rows have the same label \"%.100s\"; hint: a classifier needs two or more",
                       path, l->name[0]);
    return SG_OK;
}

/* "1" and "1.0" would be two classes here, and one for a file that writes only one of them. */
static sg_status check_plain(const char *path, const struct sg_labels *l, struct sg_err *err)
{
    for (int i = 0; i < l->n; i++) {
        char a[SG_LABEL_PLAIN], b[SG_LABEL_PLAIN];
        const char *plain = sg_label_plain(l->name[i], a);
        for (int k = 0; plain != l->name[i] && k < l->n; k++)
            if (k != i && strcmp(plain, sg_label_plain(l->name[k], b)) == 0)
                return sg_fail(err, SG_INPUT, "%s: labels \"%s\" and \"%s\" are one; hint: write them alike",
                               path, l->name[k], l->name[i]);
    }
    return SG_OK;
}

sg_status sg_labels_find(const char *path, const struct sg_rows *rows, struct sg_labels *out,
                         struct sg_err *err)
{
    struct sg_labels l = {0};
    char **sorted = sg_alloc((size_t)rows->n, sizeof *sorted);
    l.name = sg_alloc(SG_MAX_CLASSES, sizeof *l.name);
    sg_status status = SG_OK;
    if (!sorted || !l.name) {
        status = sg_fail_memory(err, (size_t)rows->n * sizeof *sorted);
        goto done;
    }
    for (int64_t i = 0; i < rows->n; i++)
        sorted[i] = rows->row[i].label;
    qsort(sorted, (size_t)rows->n, sizeof *sorted, by_text);
    SG_TRY_DONE(keep_distinct(sorted, rows->n, path, &l, err));
    SG_TRY_DONE(check_plain(path, &l, err));
    int all_numbers = 1;
    int64_t unused;
    for (int i = 0; i < l.n; i++)
        all_numbers &= sg_parse_int64(l.name[i], &unused);
    if (all_numbers)
        qsort(l.name, (size_t)l.n, sizeof *l.name, by_number);
    *out = l;
done:
    sg_free(sorted);
    if (status != SG_OK)
        sg_labels_free(&l);
    return status;
}

void sg_labels_note_alike(const struct sg_labels *l, const char *path, struct sg_rows *rows)
{
    for (int i = 0; i < l->n; i++)
        for (int k = 0; k < i; k++)
            if (strcasecmp(l->name[i], l->name[k]) == 0) {
                sg_rows_note(rows, path,
                             "labels \"%.60s\" and \"%.60s\" differ in case alone and are two classes; hint: "
                             "write them alike",
                             l->name[k], l->name[i]);
                return;
            }
}

static sg_status no_such_label(const struct sg_labels *l, const char *path, int64_t row, const char *label,
                               struct sg_err *err)
{
    struct sg_buf known = sg_buf_make(4096);
    for (int i = 0; i < l->n && known.len < 300; i++)
        sg_buf_printf(&known, "%s\"%.60s\"", i ? ", " : "", l->name[i]);
    if (known.len >= 300)
        sg_buf_puts(&known, ", ...");
    sg_fail(err, SG_INPUT,
            "%s: row %lld has the label \"%.100s\", which the training rows do not have; hint: theirs are %s",
            path, (long long)row + 1, label, sg_buf_text(&known));
    sg_buf_free(&known);
    return SG_INPUT;
}

/* -1: none. */
static int find_label(const struct sg_labels *l, const char *label)
{
    for (int k = 0; k < l->n; k++)
        if (strcmp(l->name[k], label) == 0)
            return k;
    char a[SG_LABEL_PLAIN], b[SG_LABEL_PLAIN];
    const char *plain = sg_label_plain(label, a);
    for (int k = 0; k < l->n; k++)
        if (strcmp(sg_label_plain(l->name[k], b), plain) == 0)
            return k;
    return -1;
}

sg_status sg_labels_index(const struct sg_labels *l, const char *path, const struct sg_rows *rows,
                          int32_t *index, struct sg_err *err)
{
    for (int64_t i = 0; i < rows->n; i++) {
        index[i] = find_label(l, rows->row[i].label);
        if (index[i] < 0)
            return no_such_label(l, path, i, rows->row[i].label, err);
    }
    return SG_OK;
}

sg_status sg_labels_drop_none(const struct sg_labels *l, const char *path, struct sg_rows *rows,
                              struct sg_err *err)
{
    if (!l)
        return sg_rows_drop_none(path, rows, err);
    for (int64_t i = 0; i < rows->n; i++)
        if (sg_label_is_none(rows->row[i].label) && find_label(l, rows->row[i].label) >= 0)
            return SG_OK; /* a class, as in the training rows */
    return sg_rows_drop_all_none(path, rows, err);
}
