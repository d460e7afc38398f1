/* What an HTTP error that is no passing failure is about: the key, the account, the model, the address, or this one request.
 *
 * One request is not the endpoint: an error ends the run at once only where its code or its words name the key, the account or
 * the model. All else is a refusal, which carries how the run ends when it turns out to be the endpoint's; the limiter
 * (gen/llm/limiter.h) finds that out by what becomes of other requests. */
#ifndef SG_GEN_LLM_REFUSAL_H
#define SG_GEN_LLM_REFUSAL_H

#include "gen/llm/attempt.h"
#include "gen/llm/request.h"

/* Of an error (gen/llm/server_error.h); "" where it says none. Strings borrowed. */
struct sg_refusal {
    long http_status;
    const char *message, *text, *code, *type, *param; /* message: to be printed; text: to be searched */
    int is_json;
};

/* 1: *t says whom it ends, or is a refusal, with its reason. 0: it may pass, or another part of the request is meant; *t has
 * what there is to say of its cause, and of how the run ends if it is the endpoint's. */
int sg_refusal_classify(const struct sg_generator *g, const struct sg_refusal *r, struct sg_attempt *t);

#endif
