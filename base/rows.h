/* Task rows: labelled texts or text pairs, read from JSON Lines, CSV or TSV (by the file name's end; .gz of
 * them too).
 *
 * Fields are named by the caller, or found: `text`; `sentence1`, `sentence2`; `question`, `passage`. The
 * order of a pair is the encoder's: premise, hypothesis; for BoolQ the question first, and only the passage
 * is cut when the pair is too long. */
#ifndef SG_BASE_ROWS_H
#define SG_BASE_ROWS_H

#include "base/err.h"

#include <stdint.h>

enum sg_cut {
    SG_CUT_LONGEST, /* Hugging Face's longest_first: a token at a time off the longer text */
    SG_CUT_SECOND,  /* only_second */
};

/* Which columns to read. All NULL: found from the first row. `second` NULL: a single text. */
struct sg_fields {
    const char *first, *second, *label;
    enum sg_cut cut;
};

struct sg_row {
    char *first;  /* valid UTF-8, may be "" */
    char *second; /* NULL for a single text */
    char *label;  /* NULL where the file has none (predict); a number or boolean label as its text ("1",
                     "true") */
    int64_t line; /* where it begins in its file, counted from 1; 0: not from a file */
};

struct sg_rows {
    int64_t n;
    struct sg_row *row;
    enum sg_cut cut; /* as found or given */
};

/* Reads at most `limit` rows (0: all). SG_INPUT with path:line for a row that is no object, lacks a field, is
 * not UTF-8, or an empty file. need_label 0: rows without labels are fine. `out` is untouched on failure. */
sg_status sg_rows_read(const char *path, const struct sg_fields *fields, int need_label, int64_t limit,
                       struct sg_rows *out, struct sg_err *err) SG_MUST_USE;

void sg_rows_free(struct sg_rows *rows); /* leaves it empty */

/* Adds a copy of one row. */
sg_status sg_rows_add(struct sg_rows *rows, const char *first, const char *second, const char *label,
                      struct sg_err *err) SG_MUST_USE;

#endif
