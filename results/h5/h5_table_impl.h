/* Inside of results/h5/h5_table*.c: how rows lie in memory. */
#ifndef SG_RESULTS_H5_H5_TABLE_IMPL_H
#define SG_RESULTS_H5_H5_TABLE_IMPL_H

#include "results/h5/h5_table.h"

#include <string.h>

enum { SG_H5_COLUMNS = 64, SG_H5_CHUNK_BYTES = 1 << 18 };

/* Rows in memory: one after another, each column at its offset, texts as pointers. */
struct sg_h5_layout {
    size_t row_bytes, offset[SG_H5_COLUMNS];
    int64_t n_chunk; /* rows of a chunk, and of our block */
    int has_gaps;    /* bytes between or behind the columns */
};

struct sg_h5_layout sg_h5_layout_of(const struct sg_h5_table_spec *s);

/* The type of a row in the file, or in memory; H5Tclose. < 0: HDF5 failed. */
hid_t sg_h5_row_type(const struct sg_h5_table_spec *s, const struct sg_h5_layout *l, int in_file);

/* A value as it lies in memory. */
static inline void sg_h5_value_of(enum sg_column_type t, const char *p, union sg_value *v)
{
    int32_t i;
    float x;
    switch (t) {
    case SG_COL_INT32:
        memcpy(&i, p, sizeof i);
        v->i = i;
        break;
    case SG_COL_REAL32:
        memcpy(&x, p, sizeof x);
        v->x = (double)x;
        break;
    default:
        memcpy(v, p, 8);
        if (t == SG_COL_TEXT && !v->text)
            v->text = "";
    }
}

int sg_h5_has_texts(const struct sg_h5_table_spec *s);

/* Adds rows as they lie in memory; a text as its length and its bytes. */
void sg_h5_sums_add(struct sg_h5_table_sums *s, const struct sg_h5_table_spec *spec,
                    const struct sg_h5_layout *l, const char *rows, int64_t n);

/* The content digest of a table without rows: of the columns of the first files, so that it stays when later ones are added. */
sg_status sg_h5_digest_of_none(const struct sg_h5_table_spec *spec, char content[SG_HEX],
                               struct sg_err *err) SG_MUST_USE;

#endif
