/* A wire format: how requests, answers and limits look in the JSON and headers of an API. One file a format (wire_openai.c, which writes
 * requests as they are; wire_anthropic.c, which lays them out anew); the providers that speak it name it in their row (gen/llm/provider.h).
 *
 * Canonical requests (gen/llm/request.h) are OpenAI's chat completions; gen/llm/adapt.c takes out of them what is not sent (and may call max_tokens
 * max_completion_tokens), `write`
 * lays out the rest, and the generator's extra members are added to that. Errors have no reader of their own here: gateways pass on
 * anybody's, so gen/llm/server_error.c reads every shape, and gen/llm/refusal.c every code, of whomever they come. */
#ifndef SG_GEN_LLM_WIRE_H
#define SG_GEN_LLM_WIRE_H

#include "gen/llm/request.h"

#include <jansson.h>

/* What an answer says, in OpenAI's words. Strings are borrowed from the JSON, but for text (sg_free). */
struct sg_wire_answer {
    char *text; /* NULL: the message has none */
    const char *finish, *model, *id;
    int64_t tokens_in, tokens_out; /* -1: not told */
    int64_t apart;                 /* input tokens that tokens_in does not count */
    int64_t cached;                /* input tokens, of either kind, that were read from a cache */
};

/* Headers with the limits a minute, what is left of them, and when they are whole again. */
enum sg_wire_limit {
    SG_WIRE_LIMIT_REQUESTS,
    SG_WIRE_LIMIT_TOKENS,
    SG_WIRE_LEFT_REQUESTS,
    SG_WIRE_LEFT_TOKENS,
    SG_WIRE_RESET_REQUESTS,
    SG_WIRE_RESET_TOKENS,
    SG_WIRE_N_LIMITS
};

struct sg_wire {
    /* Turns a canonical request, without what is not sent, into the body, in place. NULL: it is the body. */
    void (*write)(json_t *request);
    /* 1: o is an answer. 0: it is none (an error, something else); what its usage tells is filled in all the same. *out: tokens are
     * -1 and all else 0 before. */
    int (*read)(const json_t *o, struct sg_wire_answer *out);
    const char *limit_header[SG_WIRE_N_LIMITS]; /* small letters; NULL: there is none */
};

/* ---- for those who write one ---- */

/* A copy of a string, with NUL bytes as blanks (sg_free); NULL for what is no string. */
char *sg_wire_text(const json_t *v);

/* The texts of a list of parts [{"type": "text", "text": ..}, ..], together (sg_free); NULL: there are none. */
char *sg_wire_text_of_parts(const json_t *parts);

/* A count of tokens; `missing` for what is none, or more than any answer has. */
int64_t sg_wire_count(const json_t *usage, const char *name, int64_t missing);

#endif
