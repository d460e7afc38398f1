/* `synthgrid init`: a study from one's own file of labelled rows.
 *
 *     <output>/<name>.yaml             the task: columns, classes, prompts to be made better by hand
 *     <output>/<name>-data/<name>/train.jsonl, test.jsonl      the rows, split
 *     <output>/<name>-study.yaml       a small study of it, every line explained */
#ifndef SG_EXPERIMENTS_RUN_INIT_H
#define SG_EXPERIMENTS_RUN_INIT_H

#include "base/buf.h"
#include "base/rows.h"

struct sg_init_options {
    const char *file;        /* rows, as docs/data.md says */
    const char *test_file;   /* NULL: a fourth of the rows of each class */
    struct sg_fields fields; /* NULL names: found */
    const char *name;        /* of the task; NULL: made from the file's */
    const char *output;      /* folder */
};

/* Local. Writes the four files, of which none may be there yet; on failure none is left. Adds to `said` what a person should know, a line
 * each: the split, what was left out (empty texts, repeated rows, test rows that repeat training rows), and the next command. SG_INPUT for
 * rows without two classes, or labels that are none (almost as many as rows). */
sg_status sg_init(const struct sg_init_options *o, struct sg_buf *said, struct sg_err *err) SG_MUST_USE;

#endif
