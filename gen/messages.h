/* What requests are made of, whatever they ask for: messages, draws, the canonical text. Private to gen/. */
#ifndef SG_GEN_MESSAGES_H
#define SG_GEN_MESSAGES_H

#include "base/rng.h"
#include "gen/prompt.h"

#include <jansson.h>

enum { SG_MAX_PROMPT_BYTES = 4 << 20 };

/* Appends a message: the template with its values. */
sg_status sg_message_add(json_t *messages, const char *role, const char *pattern,
                         const struct sg_prompt_values *v, struct sg_err *err) SG_MUST_USE;

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

/* A sampling seed from the stream: servers take 31 bits everywhere. */
int64_t sg_draw_seed(struct sg_rng r);

/* Draws up to `want` distinct numbers below n without the ones from `skip` on for n_skip places. */
int sg_draw_distinct(struct sg_rng *r, int64_t n, int64_t skip, int64_t n_skip, int want, int64_t *out);

/* All readable names, for {classes}; sg_free. NULL without memory. */
char *sg_class_list(const struct sg_task *t);

/* Adds a required property to a JSON schema; not 0 without memory. Takes over `value`. */
int sg_schema_add(json_t *properties, json_t *required, const char *name, json_t *value);

/* {"type": "string", "enum": [readable names]}; NULL without memory. */
json_t *sg_schema_classes(const struct sg_task *t);

/* An object of these properties and nothing else, all of them required; takes over both. */
json_t *sg_schema_object(json_t *properties, json_t *required);

/* The response_format of a schema, which it takes over. */
json_t *sg_schema_format(const char *name, json_t *schema);

#endif
