/* Recordings: completions as JSON Lines (gzip by the name's end), one {"key","request",...answer} a line, so
 * that a study can be replayed with no key, server or network. Written by `synthgrid recording`, imported by
 * `run`.
 *
 * A sealed recording (`synthgrid bundle`, always gzip) has other lines beside the completions, told by their "part", and seals
 * (gen/llm/seal.h), of which nothing may be missing. It is a recording as well: whoever wants completions alone passes over the
 * rest, but finds what was changed.
 *
 *     {"part":"header","format":"synthgrid bundle","version":1,...}          the first line
 *     {"part":"...",...}                                                     what they are: experiments/bundle/bundle.h
 *     {"key":...,"request":...,...}                                          keys ascend, so that none comes twice
 *     {"part":"seal","end":false,"first":1,"sha256":"..."}                   of the lines from `first` on; one with "end":true is the last line
 */
#ifndef SG_GEN_LLM_RECORDING_H
#define SG_GEN_LLM_RECORDING_H

#include "gen/llm/request.h"

#include <jansson.h>

enum { SG_BUNDLE_VERSION = 1 };

typedef sg_status (*sg_recording_each)(void *context, const struct sg_request *r, const struct sg_answer *a,
                                       struct sg_err *err);

/* Calls `each` for every completion, one line in memory at a time. SG_INPUT with path:line for a damaged one, or one whose key is
 * not the hash of its request; for a sealed recording also where a seal does not fit: what `each` was given is void then. */
sg_status sg_recording_read(const char *path, sg_recording_each each, void *context,
                            struct sg_err *err) SG_MUST_USE;

/* The same for a sealed recording alone (others are refused), with its parts but for the seals. What `part` or `each` refuse with
 * SG_INPUT gets path:line before it. digest: the last seal. */
struct sg_sealed_reader {
    sg_status (*part)(void *context, const char *part, const json_t *object, struct sg_err *err);
    sg_recording_each each; /* may be NULL */
    void *context;
};
sg_status sg_sealed_read(const char *path, const struct sg_sealed_reader *r, char digest[SG_HEX],
                         struct sg_err *err) SG_MUST_USE;

struct sg_recording_writer;
sg_status sg_recording_create(const char *path, struct sg_recording_writer **out,
                              struct sg_err *err) SG_MUST_USE;
/* One that only its owner may read, made faster and somewhat larger: it is written again and again. */
sg_status sg_recording_create_private(const char *path, struct sg_recording_writer **out,
                                      struct sg_err *err) SG_MUST_USE;
sg_status sg_recording_add(struct sg_recording_writer *w, const struct sg_request *r,
                           const struct sg_answer *a, struct sg_err *err) SG_MUST_USE;
/* Makes the file durable under its name and destroys the writer. With err NULL it throws the file away
 * instead. */
sg_status sg_recording_finish(struct sg_recording_writer *w, struct sg_err *err) SG_MUST_USE;

/* A sealed one. `put` takes a part (NULL: SG_FAILED, without memory); completions are added as above, keys ascending; `finish` puts the
 * last seal, whose digest it gives, and works as sg_recording_finish. */
sg_status sg_sealed_create(const char *path, struct sg_recording_writer **out,
                           struct sg_err *err) SG_MUST_USE;
sg_status sg_sealed_put(struct sg_recording_writer *w, json_t *part, struct sg_err *err) SG_MUST_USE;
sg_status sg_sealed_finish(struct sg_recording_writer *w, char digest[SG_HEX],
                           struct sg_err *err) SG_MUST_USE;

#endif
