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

/* Notes two labels that differ in nothing but case: they are two classes, and perhaps should not be. */
void sg_labels_note_alike(const struct sg_labels *l, const char *path, struct sg_rows *rows);

/* Takes rows without a gold label out (-1, or "-" as in SNLI's files), and notes how many. Of the training rows, `l` NULL: where
 * the others' labels show that it is none - they are words, or 0 to K-1 of three classes and more; beside 0 and 1 alone it stays
 * a class, and that is noted. Of other rows: where the training rows have no such class. SG_INPUT when nothing is left. */
sg_status sg_labels_drop_none(const struct sg_labels *l, const char *path, struct sg_rows *rows,
                              struct sg_err *err) SG_MUST_USE;

/* Class indices of rows, compared exactly, else as sg_label_plain has them ("1.0" is "1"): index (rows->n) of the caller's. SG_INPUT names the row and the classes for a label
 * that is none. */
sg_status sg_labels_index(const struct sg_labels *l, const char *path, const struct sg_rows *rows,
                          int32_t *index, struct sg_err *err) SG_MUST_USE;

#endif
