/* What prompts are made of, whatever they ask for: messages, draws, schemas. Private to gen/pool. */
#ifndef SG_GEN_POOL_MESSAGES_H
#define SG_GEN_POOL_MESSAGES_H

#include "base/rng.h"
#include "gen/llm/request_frame.h"
#include "gen/pool/task.h"
#include "gen/pool/template.h"

#include <jansson.h>

enum { SG_MAX_PROMPT_BYTES = 4 << 20 };

/* Appends a message: the template with its values. */
sg_status sg_message_add(json_t *messages, const char *role, const char *pattern,
                         const struct sg_template_values *v, struct sg_err *err) SG_MUST_USE;

/* Adds `more` to the beginning, or the end, of the last message, and takes it over; NULL is lack of memory. */
sg_status sg_message_begin_with(json_t *messages, char *more, struct sg_err *err) SG_MUST_USE;
sg_status sg_message_end_with(json_t *messages, char *more, struct sg_err *err) SG_MUST_USE;

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
