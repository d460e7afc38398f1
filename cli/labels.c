#include "cli/labels.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "results/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* Whether the labels other than it show that -1 is none; *beside: they are 0 and 1, or only one of them. */
static int is_none_here(const struct sg_rows *rows, int *beside)
{
    int seen[3] = {0}, is_plus = 0, n_words = 0, n_numbers = 0;
    int64_t most = -1, value;
    uint64_t low = 0; /* bit i: i was seen, up to 63 */
    for (int64_t i = 0; i < rows->n; i++) {
        const char *label = rows->row[i].label;
        char plain[SG_LABEL_PLAIN];
        if (sg_label_is_none(label)) {
            seen[2] |= label[0] == '-' && !label[1];
            continue;
        }
        if (!sg_parse_int64(sg_label_plain(label, plain), &value)) {
            n_words = 1;
            is_plus |= strcmp(label, "+") == 0;
            continue;
        }
        n_numbers = 1;
        if (value < 0 || value > 63)
            most = 64; /* no plain numbering that could be checked */
        else
            low |= (uint64_t)1 << value;
        most = value > most ? value : most;
    }
    *beside = !n_words && n_numbers && (low & 3) && !(low >> 2) && most < 2 && (low & 1);
    if (seen[2])
        return !is_plus;
    return (n_words && !n_numbers) ||
           (!n_words && most >= 2 && most < 63 && low == ((uint64_t)2 << most) - 1);
}

sg_status sg_labels_drop_none(const struct sg_labels *l, const char *path, struct sg_rows *rows,
                              struct sg_err *err)
{
    int64_t n_none = 0, n = rows->n;
    char mark[8] = "-1";
    for (int64_t i = 0; i < n; i++)
        if (sg_label_is_none(rows->row[i].label) && !(l && find_label(l, rows->row[i].label) >= 0)) {
            snprintf(mark, sizeof mark, "%.6s", rows->row[i].label);
            n_none++;
        }
    if (n_none == 0)
        return SG_OK;
    if (n_none == n)
        return sg_fail(err, SG_INPUT,
                       "%s: all %lld rows have the label %s, which says that there is none (test splits of "
                       "GLUE on the Hub); "
                       "hint: rows of a split that has labels, like validation",
                       path, (long long)n, mark);
    int beside = 0;
    if (!l && !is_none_here(rows, &beside)) {
        if (beside)
            sg_rows_note(
                rows, path,
                "label %s is read as a class beside the others; hint: where it means \"no gold label\", take "
                "those %lld rows out",
                mark, (long long)n_none);
        return SG_OK;
    }
    sg_rows_drop_unlabelled(rows);
    sg_rows_note(rows, path, "%lld of %lld rows have the label %s, no gold label, and are left out",
                 (long long)n_none, (long long)n, mark);
    return SG_OK;
}
