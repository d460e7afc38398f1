/* Tables in an HDF5 file: one compound dataset a table, which h5py reads as a structured array and pandas as
 * a data frame.
 *
 * A table is described once (struct sg_h5_table_spec); writer, reader, attributes and digest follow from that.
 * A table without rows is not written: R's hdf5r 1.3.8 and rhdf5 2.42 fail on a compound dataset of no elements. A reader takes a
 * dataset that is not there for one without rows; one that was taken away shows in the file's digest.
 * On disk: chunked, shuffle + deflate (but for plain ones) + Fletcher-32 (numbers: h5_chunk.h), little-endian, text as variable-length UTF-8. Each
 * dataset carries `description`, an attribute a column
 * ("unit; what it is"), `volatile` (the columns that the content digest leaves out), `sha256` (content
 * digest) and `sha256_all`.
 *
 * HDF5 is not thread-safe here: one thread at a time. Rank 0 only, serial driver. While it is filled a table of numbers has a thread of its own, which
 * hashes and deflates and knows no HDF5. */
#ifndef SG_RESULTS_H5_H5_TABLE_H
#define SG_RESULTS_H5_H5_TABLE_H

#include "base/err.h"
#include "base/sha256.h"

#include <hdf5.h>
#include <stdatomic.h>
#include <stdint.h>

enum sg_column_type {
    SG_COL_TEXT,
    SG_COL_INT, /* int64 */
    SG_COL_INT32,
    SG_COL_REAL,   /* float64 */
    SG_COL_REAL32, /* float32 */
};

struct sg_column {
    const char *name;
    enum sg_column_type type;
    const char *unit; /* "" for none */
    const char *description;
    int is_volatile; /* differs between runs of the same study: not in the content digest */
    int is_later; /* files that were written before it was added are read without it, and their digest is without it */
};
enum { SG_COL_VOLATILE = 1, SG_COL_LATER = 2 }; /* for lists of columns */

struct sg_h5_table_spec {
    const char *name;
    const char *
        older; /* NULL, or the name that it had in older files: they are read by it, and it stands in the digests of all */
    const char *description;
    const struct sg_column *column;
    int n_columns;
    int plain;    /* one column, stored as itself instead of as a compound */
    int is_later; /* came after the first files: with no rows it is no part of the content digest */
};
enum { SG_H5_TABLE_PLAIN = 1, SG_H5_TABLE_LATER = 2 }; /* for lists of tables */

/* The value of a column; `i` for both integer types, `x` for both real ones. text NULL is written as "". */
union sg_value {
    const char *text;
    int64_t i;
    double x;
};

struct sg_h5_table;

/* What was written of a table, to be compared with what is read back: its digests, and sums of its rows in 8-byte words, which cost a tenth of
 * a digest. */
struct sg_h5_table_sums {
    uint64_t sum, sum_of_sums; /* the latter changes with the words' order */
};
struct sg_h5_table_written {
    int64_t n_rows;
    char content[SG_HEX], all[SG_HEX];
    struct sg_h5_table_sums sums;
};

/* SG_FAILED with the path, what failed and HDF5's own words. */
sg_status sg_h5_fail(struct sg_err *err, sg_status status, const char *path, const char *what);

/* Switches HDF5's printing of errors off; call before anything else of HDF5. */
void sg_h5_quiet(void);

/* Texts of any length, UTF-8; H5Tclose. < 0: no memory. */
hid_t sg_h5_text_type(void);

/* Text (variable-length UTF-8, scalar) and integer attributes. Reading: new memory (sg_free); SG_INPUT when
 * absent or of another kind. */
sg_status sg_h5_set_text(hid_t object, const char *name, const char *text, const char *path,
                         struct sg_err *err) SG_MUST_USE;
sg_status sg_h5_set_int(hid_t object, const char *name, int64_t value, const char *path,
                        struct sg_err *err) SG_MUST_USE;
sg_status sg_h5_get_text(hid_t object, const char *name, char **text, const char *path,
                         struct sg_err *err) SG_MUST_USE;
sg_status sg_h5_get_int(hid_t object, const char *name, int64_t *value, const char *path,
                        struct sg_err *err) SG_MUST_USE;

/* Makes a table, whose dataset comes with its first row. `path` (for messages) and the spec are borrowed until finish or discard. */
sg_status sg_h5_table_create(hid_t file, const struct sg_h5_table_spec *spec, const char *path,
                             struct sg_h5_table **out, struct sg_err *err) SG_MUST_USE;
/* Appends a row (n_columns values, copied). */
sg_status sg_h5_table_add(struct sg_h5_table *t, const union sg_value *row, struct sg_err *err) SG_MUST_USE;
int64_t sg_h5_table_n_rows(const struct sg_h5_table *t);
/* Writes what is left and the attributes, closes, destroys. `written` may be NULL. */
sg_status sg_h5_table_finish(struct sg_h5_table *t, struct sg_h5_table_written *written,
                             struct sg_err *err) SG_MUST_USE;
void sg_h5_table_discard(struct sg_h5_table *t); /* NULL is fine */

/* Calls `each` for every row in order; texts are valid during the call. SG_INPUT when a column is missing, or the table is damaged.
 * A later column that the file does not have is "", -1 or NaN; a table that it does not have has no rows. */
typedef sg_status (*sg_h5_table_row)(void *context, int64_t at, const union sg_value *row,
                                     struct sg_err *err);
sg_status sg_h5_table_each(hid_t file, const struct sg_h5_table_spec *spec, const char *path,
                           sg_h5_table_row each, void *context, struct sg_err *err) SG_MUST_USE;

/* Rows of a table in a file; 0 where it is missing. */
sg_status sg_h5_table_count(hid_t file, const struct sg_h5_table_spec *spec, const char *path, int64_t *n,
                            struct sg_err *err) SG_MUST_USE;

/* has (n_columns): which columns of the spec the file has; none of a table that it does not have. */
sg_status sg_h5_table_has(hid_t file, const struct sg_h5_table_spec *spec, const char *path, int *has,
                          struct sg_err *err) SG_MUST_USE;

/* Reads a table whole and compares both digests with its attributes: SG_INPUT "damaged" when they differ.
 * content as above. The digests are of the columns that the file has; a table that is missing has that of no rows. */
sg_status sg_h5_table_verify(hid_t file, const struct sg_h5_table_spec *spec, const char *path,
                             char content[SG_HEX], struct sg_err *err) SG_MUST_USE;

/* Reads a table back that was just written, whole, and compares its sums, and the digests of its attributes, with what sg_h5_table_finish said.
 * SG_INPUT when they differ, SG_STOPPED when *stop is set (NULL: never). */
sg_status sg_h5_table_reread(hid_t file, const struct sg_h5_table_spec *spec, const char *path,
                             const struct sg_h5_table_written *written, const atomic_int *stop,
                             struct sg_err *err) SG_MUST_USE;

#endif
