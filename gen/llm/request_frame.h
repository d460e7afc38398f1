/* Requests as canonical text (gen/llm/request.h), made of their messages and parameters. */
#ifndef SG_GEN_LLM_REQUEST_FRAME_H
#define SG_GEN_LLM_REQUEST_FRAME_H

#include "gen/llm/request.h"

struct sg_sampling {
    int64_t index, seed, max_tokens;
    double temperature;
};

/* The canonical text of requests that differ in index and seed alone. */
struct sg_request_frame {
    char *begin;        /* what stands before index: "{", and extra members */
    char *middle, *end; /* what stands between index and seed, and after; NULL: not made */
};

/* Takes over `messages` and `format` (the response_format; NULL: none), also when it fails. */
sg_status sg_request_frame_make(const struct sg_generator *g, json_t *messages, json_t *format,
                                int64_t max_tokens, double temperature, struct sg_request_frame *out,
                                struct sg_err *err) SG_MUST_USE;
void sg_request_frame_free(struct sg_request_frame *f);
sg_status sg_request_frame_fill(const struct sg_request_frame *f, int64_t index, int64_t seed,
                                struct sg_request *out, struct sg_err *err) SG_MUST_USE;

/* All at once. */
sg_status sg_request_make(const struct sg_generator *g, json_t *messages, json_t *format,
                          const struct sg_sampling *s, struct sg_request *out,
                          struct sg_err *err) SG_MUST_USE;

#endif
