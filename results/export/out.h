/* A folder, or one file, that is written under a temporary name and renamed when it is whole.
 *
 *     struct sg_out o = {0};
 *     sg_out_open(&o, "dataset", 0, &err)             dataset.tmp.<pid>/
 *     sg_out_begin(&o, "data/sst2/a.jsonl", &err)     folders are made as needed
 *     sg_out_puts(&o, "..."); ...                     errors wait for sg_out_end
 *     sg_out_end(&o, &err)                            synced; its size and SHA-256 are in o.file[]
 *     sg_out_finish(&o, status, &err)                 renames, or removes all of it where the status is not SG_OK
 */
#ifndef SG_RESULTS_EXPORT_OUT_H
#define SG_RESULTS_EXPORT_OUT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/sha256.h"

#include <stdint.h>
#include <stdio.h>

struct sg_out_file {
    char *path; /* from the folder on */
    char sha256[SG_HEX];
    int64_t n_bytes;
};

struct sg_out {
    char *path, *temporary;
    int is_file;
    int64_t n, n_folders;
    struct sg_out_file *file;
    char **folder; /* that were made, in order */
    FILE *stream;  /* of the file at work: file[n - 1] */
    struct sg_sha256_stream *hash;
    struct sg_buf block;
    int error; /* errno of the first write that failed */
};

/* SG_INPUT where `path` exists. is_file: OUT is one file, whatever name sg_out_begin is given. */
sg_status sg_out_open(struct sg_out *o, const char *path, int is_file, struct sg_err *err) SG_MUST_USE;
sg_status sg_out_begin(struct sg_out *o, const char *path, struct sg_err *err) SG_MUST_USE;
void sg_out_add(struct sg_out *o, const void *bytes, size_t n);
void sg_out_puts(struct sg_out *o, const char *text);
sg_status sg_out_end(struct sg_out *o, struct sg_err *err) SG_MUST_USE;
/* A whole file. */
sg_status sg_out_text(struct sg_out *o, const char *path, const struct sg_buf *text,
                      struct sg_err *err) SG_MUST_USE;
/* Returns `status`, or why it could not be renamed; o is empty after it. */
sg_status sg_out_finish(struct sg_out *o, sg_status status, struct sg_err *err) SG_MUST_USE;

#endif
