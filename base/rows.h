/* Task rows: labelled texts or text pairs, read from JSON (an object a line, or a list of objects), CSV or TSV (by the file
 * name's end); gzip of them too. docs/data.md says the rules; in short:
 *
 * Columns are named by the caller, or found: one of the known pairs (`sentence1`, `sentence2`; `question`, `passage`; ...
 * base/rows_fields.c), else `text` or `sentence`. A file with two columns of texts that are no known pair is refused, so that
 * half of a pair is never lost. The order of a pair is the encoder's: premise, hypothesis; question, passage.
 * Columns that are not used are not looked into: a NaN there harms nobody.
 *
 *     struct sg_rows rows = {0};
 *     SG_TRY(sg_rows_read(path, NULL, 1, 0, &rows, err));
 *     ... rows.notes: what a person should know of how the file was read ...
 *     sg_rows_free(&rows); */
#ifndef SG_BASE_ROWS_H
#define SG_BASE_ROWS_H

#include "base/err.h"

#include <stdint.h>

enum sg_cut {
    SG_CUT_LONGEST, /* Hugging Face's longest_first: a token at a time off the longer text */
    SG_CUT_SECOND,  /* only_second */
};

/* What a quote is in a table. */
enum sg_quotes {
    SG_QUOTES_FOUND, /* CSV: RFC 4180's; TSV: told apart by the whole file (base/rows_quotes.c) */
    SG_QUOTES_PLAIN, /* a character, as in GLUE's files */
    SG_QUOTES_CSV,   /* opens and closes a field, doubled inside */
    SG_N_QUOTES
};
const char *sg_quotes_name(enum sg_quotes q); /* "auto", "plain", "csv" */

/* Which columns to read, and how. All NULL: found. `second` NULL beside `first`: a single text. `label` NULL: found. */
struct sg_fields {
    const char *first, *second, *label;
    enum sg_cut cut; /* where `first` is given; else the found columns' */
    enum sg_quotes quotes;
    /* A task's columns: one that the file lacks is looked for under the known names, and texts stay what the task has: a
     * pair where `second` is given, else single ones. 0: exactly these columns. */
    int is_task;
    /* Rows may lack what they are read for: a text that is missing, null, empty, no text or with \u0000 in it is "", such a label NULL. For texts that a
     * program has written, where that is data too. A column that no row has is an error all the same. */
    int may_lack;
    const char
        *way; /* how the person names columns here, for messages; NULL: with --fields, or in a task file */
};

struct sg_row {
    char *first;  /* valid UTF-8, may be "" */
    char *second; /* NULL for a single text */
    char *label;  /* NULL where the file has none (predict); a number or boolean label as its text ("1" for 1
                     and 1.0, "true") */
    int64_t line; /* where it begins in its file, counted from 1; 0: not from a file */
};

struct sg_rows {
    int64_t n;
    struct sg_row *row;
    enum sg_cut cut; /* as found or given */
    char *
        notes; /* how the file was read where that could be otherwise: a sentence a line; NULL: as anyone would */
};

/* Reads at most `limit` rows (0: all). SG_INPUT with path:line for a row that is no object, lacks a field, is
 * not UTF-8, or an empty file; for what is no text (Parquet, zip, UTF-16, ...) with the command that converts it.
 * need_label 0: rows without labels are fine. `out` is untouched on failure. */
sg_status sg_rows_read(const char *path, const struct sg_fields *fields, int need_label, int64_t limit,
                       struct sg_rows *out, struct sg_err *err) SG_MUST_USE;

void sg_rows_free(struct sg_rows *rows); /* leaves it empty */

/* Adds a copy of one row. */
sg_status sg_rows_add(struct sg_rows *rows, const char *first, const char *second, const char *label,
                      struct sg_err *err) SG_MUST_USE;

/* "first=question,second=sentence,label=gold" or some of them, as --fields takes it. The names point into *copy, new memory
 * (sg_free). SG_INPUT says what is wrong. */
sg_status sg_fields_parse(const char *text, struct sg_fields *out, char **copy,
                          struct sg_err *err) SG_MUST_USE;

/* ---- labels ---- */

enum { SG_LABEL_PLAIN = 64 };

/* A label as it is compared where it is not the same text: "1.0" is "1", "True" and "TRUE" are "true"; all else is itself. */
const char *sg_label_plain(const char *label, char out[SG_LABEL_PLAIN]);

/* Whether a label says that there is none: -1 (as numbers on the Hugging Face Hub), "-" (SNLI's files). */
int sg_label_is_none(const char *label);

/* Takes the rows out whose label says that there is none, and notes how many (`path`: their file's). All rows have labels. SG_INPUT when
 * nothing is left. */
sg_status sg_rows_drop_all_none(const char *path, struct sg_rows *rows, struct sg_err *err) SG_MUST_USE;
/* The same where the other labels show that it is none: they are words, or 0 to K-1 of three classes and more. Beside 0 and 1 alone
 * it stays a class, and that is noted; so it does beside other numbers. */
sg_status sg_rows_drop_none(const char *path, struct sg_rows *rows, struct sg_err *err) SG_MUST_USE;

/* Frees what a row owns. */
void sg_row_free(struct sg_row *r);

/* Adds a line to rows->notes: "<path>: ...". Without memory nothing is added. */
void sg_rows_note(struct sg_rows *rows, const char *path, const char *format, ...) SG_PRINTF(3, 4);

#endif
