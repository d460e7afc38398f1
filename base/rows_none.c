/* Rows that have no gold label, though a number or a sign stands in the label's place. */
#include "base/rows.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

int sg_label_is_none(const char *label)
{
    char plain[SG_LABEL_PLAIN];
    return strcmp(label, "-") == 0 || strcmp(sg_label_plain(label, plain), "-1") == 0;
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
        const char *number = sg_label_plain(label, plain);
        if (!sg_parse_int64(number + (*number == '+'), &value)) {
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

/* How many rows have such a label, and which. SG_INPUT when all have. */
static sg_status count_none(const char *path, const struct sg_rows *rows, int64_t *n_none, char mark[8],
                            struct sg_err *err)
{
    *n_none = 0;
    for (int64_t i = 0; i < rows->n; i++)
        if (sg_label_is_none(rows->row[i].label)) {
            snprintf(mark, 8, "%.6s", rows->row[i].label);
            ++*n_none;
        }
    if (!*n_none || *n_none < rows->n)
        return SG_OK;
    return sg_fail(
        err, SG_INPUT,
        "%s: all %lld rows have the label %s, which says that there is none (test splits of GLUE on "
        "the Hugging Face Hub); hint: rows of a split that has labels, like validation",
        path, (long long)rows->n, mark);
}

sg_status sg_rows_drop_all_none(const char *path, struct sg_rows *rows, struct sg_err *err)
{
    int64_t n = rows->n, n_none, kept = 0;
    char mark[8] = "";
    SG_TRY(count_none(path, rows, &n_none, mark, err));
    if (!n_none)
        return SG_OK;
    for (int64_t i = 0; i < n; i++) {
        if (sg_label_is_none(rows->row[i].label))
            sg_row_free(&rows->row[i]);
        else
            rows->row[kept++] = rows->row[i];
    }
    rows->n = kept;
    sg_rows_note(rows, path, "%lld of %lld rows have the label %s, no gold label, and are left out",
                 (long long)n_none, (long long)n, mark);
    return SG_OK;
}

sg_status sg_rows_drop_none(const char *path, struct sg_rows *rows, struct sg_err *err)
{
    int64_t n_none;
    char mark[8] = "";
    int beside;
    SG_TRY(count_none(path, rows, &n_none, mark, err));
    if (!n_none || is_none_here(rows, &beside))
        return sg_rows_drop_all_none(path, rows, err);
    if (beside)
        sg_rows_note(
            rows, path,
            "label %s is read as a class beside the others; hint: where it means \"no gold label\", take "
            "those %lld rows out",
            mark, (long long)n_none);
    return SG_OK;
}
