/* Private to base/rows*.c: what the readers of the formats share. */
#ifndef SG_BASE_ROWS_IMPL_H
#define SG_BASE_ROWS_IMPL_H

#include "base/buf.h"
#include "base/rows.h"

#include <stddef.h>

enum {
    SG_MAX_COLUMNS = 256,
    SG_SAMPLE_ROWS = 256, /* the columns are found by these first ones */
};

/* A column of the first rows. */
struct sg_column {
    char *name;
    int64_t n_texts, n_words, n_flags; /* non-empty strings, the words in them; booleans */
    int holds_rows;                    /* a list or an object: {"data": [...]} */
    int n_distinct;
    uint64_t *hash; /* (SG_SAMPLE_ROWS) of its values, where it has any */
};

struct sg_columns {
    int n, failed; /* failed: memory ran out */
    int64_t n_rows;
    struct sg_column column[SG_MAX_COLUMNS];
};

enum sg_cell { SG_CELL_TEXT, SG_CELL_NUMBER, SG_CELL_FLAG, SG_CELL_LIST, SG_CELL_NONE };

/* A cell of the sample. */
void sg_columns_see(struct sg_columns *c, const char *name, size_t n_name, enum sg_cell kind,
                    const char *value, size_t n);
void sg_columns_free(struct sg_columns *c);

struct sg_rows_reader {
    const char *path;
    struct sg_fields fields; /* as given, then as found: names that live in `columns` or with the caller */
    int need_label;
    int64_t limit, n_skipped; /* lines that stood before the text */
    struct sg_columns columns;
    struct sg_rows rows;
};

/* Fills in->fields from the sample: `line` is where the first row stands. */
sg_status sg_rows_find_fields(struct sg_rows_reader *in, int is_table, int64_t line,
                              struct sg_err *err) SG_MUST_USE;

/* Whether enough rows were read. */
static inline int sg_rows_done(const struct sg_rows_reader *in)
{
    return in->limit && in->rows.n >= in->limit;
}

/* Adds a row that owns its texts; they are freed on failure. */
sg_status sg_rows_push(struct sg_rows *rows, struct sg_row row, struct sg_err *err) SG_MUST_USE;

/* "path:line: field "x" is missing, empty or no text". */
sg_status sg_rows_fail_field(const struct sg_rows_reader *in, int64_t line, const char *name,
                             struct sg_err *err);
sg_status sg_rows_fail_utf8(const struct sg_rows_reader *in, int64_t line, const char *name,
                            struct sg_err *err);

/* text: n bytes and a NUL. That of JSON is worth nothing afterwards: its memory goes back to the system as it is read. */
sg_status sg_rows_read_json(struct sg_rows_reader *in, char *text, size_t n, struct sg_err *err) SG_MUST_USE;
sg_status sg_rows_read_table(struct sg_rows_reader *in, char *text, size_t n, char delimiter,
                             struct sg_err *err) SG_MUST_USE;

/* Quoting in force, and the rule of a file. */
enum sg_quoting { SG_QUOTING_NONE, SG_QUOTING_DOUBLED, SG_QUOTING_BACKSLASH };
struct sg_h5_table_form {
    char delimiter;
    int cr; /* lines end with \r alone */
};
sg_status sg_quoting_find(struct sg_rows_reader *in, const char *text, size_t n, struct sg_h5_table_form form,
                          enum sg_quoting *out, struct sg_err *err) SG_MUST_USE;

#endif
