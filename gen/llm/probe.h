/* One request to an endpoint, to see what it makes of it: for people who set a study up (`synthgrid doctor`).
 *
 * It is one of the study's own, or asks for a single word with the generator's parameters; it is sent again without those that the endpoint
 * refuses, as a run would. Its answer belongs to no study and counts in no budget. */
#ifndef SG_GEN_LLM_PROBE_H
#define SG_GEN_LLM_PROBE_H

#include "gen/llm/client.h"

struct sg_probe {
    int n_requests;            /* sent: more than one where parameters were refused */
    struct sg_attempt attempt; /* of the last one */
    struct sg_answer answer;   /* of the last one */
    struct sg_adapt adapt;     /* what is refused */
    int http_major;            /* 1, 2, 3; 0: no HTTP answer */
};

/* Local. The same request with another seed (sg_free its text). */
sg_status sg_probe_reseed(const struct sg_request *q, struct sg_request *out, struct sg_err *err) SG_MUST_USE;

/* Local, blocking. q NULL: a tiny request. For as long as one request may take. SG_OK also where the endpoint does not answer: attempt.kind and
 * attempt.reason say what came of it. */
sg_status sg_probe_send(struct sg_client *c, const struct sg_generator *g, const struct sg_request *q,
                        struct sg_probe *out, struct sg_err *err) SG_MUST_USE;
void sg_probe_free(struct sg_probe *p);

#endif
