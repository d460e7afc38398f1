/* Parameters that an endpoint refuses, and what it is sent since: learned from what its errors say (docs/buying.md,
 * "Parameters that a server refuses"), or set by hand (generator.omit, which is in the request). */
#ifndef SG_GEN_LLM_ADAPT_H
#define SG_GEN_LLM_ADAPT_H

#include "gen/llm/request.h"
#include "gen/llm/server_error.h"

/* What an endpoint has refused so far. */
struct sg_adapt {
    unsigned
        refused; /* parameters, a bit each; max_tokens is sent as max_completion_tokens then, the others are left out */
};

/* Local. Counts a parameter as refused; one that is not among those that can be left out is passed over. */
void sg_adapt_refuse(struct sg_adapt *adapt, const char *parameter);

/* Local. Whether it is one of the refused. */
int sg_adapt_has(const struct sg_adapt *adapt, const char *parameter);

/* The refused parameters by name, "" when there is none; for people and for the results. */
void sg_adapt_text(const struct sg_adapt *adapt, char out[80]);

/* Back from these names; one that is unknown is passed over. */
void sg_adapt_read(struct sg_adapt *adapt, const char *names);

/* Local. *adapt learns what the API of g's provider does not have at all, as far as q has it. */
void sg_adapt_start(struct sg_adapt *adapt, const struct sg_generator *g, const struct sg_request *q);

/* Local. The body that goes over the wire for a canonical request, in the words of its provider (sg_free): without what is refused and
 * what the request omits, with its extra members. */
char *sg_wire_body(const struct sg_request *q, const struct sg_adapt *adapt);

/* Local. 1: the error refuses a parameter that q was sent with (in the form of `sent`) and that can be left out or renamed; *adapt has
 * learned it, or had already. Requests that were on their way when it was learned get the same error: what counts is how this one
 * was sent. An error that only minds the value of a parameter (out of range) teaches nothing: that is the user's to mend. */
int sg_adapt_learn(struct sg_adapt *adapt, const struct sg_adapt *sent, const struct sg_request *q,
                   long http_status, const struct sg_server_error *e);

/* Local. The parameters of q, as it was sent, that the error names whatever it says of them: "temperature top_p"; "": none. */
void sg_adapt_named(const struct sg_adapt *sent, const struct sg_request *q, const struct sg_server_error *e,
                    char out[80]);

#endif
