/* A control: the request that tells whether an endpoint answers at all (gen/llm/limiter.h). It asks as one of the study's does
 * (model, parameters, longest answer), with a prompt of ours that is as long, so that what the study's prompt says cannot be why
 * it fails, and a server whose context is too small or that is too slow for the one is so for the other. Nobody looks at its text. */
#ifndef SG_GEN_LLM_CONTROL_H
#define SG_GEN_LLM_CONTROL_H

#include "gen/llm/request.h"

/* Makes the control of a request, as its canonical text has it. number: of the run's controls, in its prompt, so that none is the
 * same request as another. out: sg_free its canonical text. */
sg_status sg_control_make(const char *canonical, uint64_t number, struct sg_request *out,
                          struct sg_err *err) SG_MUST_USE;

#endif
