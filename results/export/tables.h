/* The tables of results.h5 as CSV. */
#ifndef SG_RESULTS_EXPORT_TABLES_H
#define SG_RESULTS_EXPORT_TABLES_H

#include "results/export/out.h"
#include "results/h5/store_tables.h"

/* What a table of the file has. */
struct sg_export_table {
    int64_t n_rows; /* 0: it is left out */
    int has[64];    /* of each column of the spec, whether the file has it */
};

/* All of them (SG_N_TABLES), without reading a row. `path` is for messages. */
sg_status sg_export_tables_look(hid_t file, const char *path, struct sg_export_table *table,
                                struct sg_err *err) SG_MUST_USE;

/* "int64": as columns.csv and Croissant name it. */
const char *sg_export_type_name(enum sg_column_type type);

/* A table as the file `name` of o. */
sg_status sg_export_table(struct sg_out *o, hid_t file, const char *path, int at,
                          const struct sg_export_table *table, const char *name,
                          struct sg_err *err) SG_MUST_USE;

/* Each table with rows, columns.csv and README.md, in the folder `prefix` ("", or "tables/"). title: of README.md, one line of Markdown. */
sg_status sg_export_tables(struct sg_out *o, hid_t file, const char *path,
                           const struct sg_export_table *table, const char *prefix,
                           const struct sg_buf *title, struct sg_err *err) SG_MUST_USE;

#endif
