/* Pools that others have made: rows of a file, by any program or person, as a method of a study. They go the way of completions: every row is
 * checked against raw rows, test rows and the rows before it, what is rejected is counted with its reason, and position j of the pool
 * takes the next good row of class j mod K, in the file's order. All rows are looked at, whatever the sizes: a smaller pool is a prefix of
 * a larger. A class that has fewer rows than wanted is short, as others are.
 *
 * A row is an attempt. Reasons of its own: `empty` (a text is missing or blank), `wrong_label` (no class of the task, or none).
 * Nobody is asked, and nothing is paid. What the pool is known by is the rows' digest. Local, pure. */
#ifndef SG_GEN_POOL_IMPORTED_H
#define SG_GEN_POOL_IMPORTED_H

#include "base/rows.h"
#include "base/sha256.h"

/* Rows of one file or folder for one task. */
struct sg_imported {
    struct sg_rows rows;
    int32_t *class_;          /* (rows.n) -1: no class of the task */
    char digest[SG_HEX];      /* over classes and texts, in order */
    char file_sha256[SG_HEX]; /* of the bytes that they were read from */
    int64_t n_files;
};

#endif
