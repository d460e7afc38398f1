/* Recordings: completions as JSON Lines (gzip by the name's end), one {"key","request",...answer} a line, so
 * that a study can be replayed with no key, server or network. Written by `synthgrid recording`, imported by
 * `run`. */
#ifndef SG_GEN_RECORDING_H
#define SG_GEN_RECORDING_H

#include "gen/request.h"

/* Calls `each` for every line. SG_INPUT with path:line for a damaged one, or one whose key is not the hash of
 * its request. */
sg_status sg_recording_read(const char *path,
                            sg_status (*each)(void *context, const struct sg_request *r,
                                              const struct sg_answer *a, struct sg_err *err),
                            void *context, struct sg_err *err) SG_MUST_USE;

struct sg_recording_writer;
sg_status sg_recording_create(const char *path, struct sg_recording_writer **out,
                              struct sg_err *err) SG_MUST_USE;
sg_status sg_recording_add(struct sg_recording_writer *w, const struct sg_request *r,
                           const struct sg_answer *a, struct sg_err *err) SG_MUST_USE;
/* Makes the file durable under its name and destroys the writer. With err NULL it throws the file away
 * instead. */
sg_status sg_recording_finish(struct sg_recording_writer *w, struct sg_err *err) SG_MUST_USE;

#endif
