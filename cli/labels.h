/* Classes as a training file's labels define them. */
#ifndef SG_CLI_LABELS_H
#define SG_CLI_LABELS_H

#include "base/rows.h"

#include <stdint.h>

struct sg_labels {
    int n;
    char **name; /* ascending: as numbers where all are whole numbers, else byte by byte */
};

/* The distinct labels of rows that all have one. SG_INPUT when there is only one, or more than
 * SG_MAX_CLASSES; `path` is named then. */
sg_status sg_labels_find(const char *path, const struct sg_rows *rows, struct sg_labels *out,
                         struct sg_err *err) SG_MUST_USE;
void sg_labels_free(struct sg_labels *l);

/* Class indices of rows: index (rows->n) of the caller's. SG_INPUT names the row and the classes for a label
 * that is none. */
sg_status sg_labels_index(const struct sg_labels *l, const char *path, const struct sg_rows *rows,
                          int32_t *index, struct sg_err *err) SG_MUST_USE;

#endif
