/* A control: the request that tells whether an endpoint answers at all (gen/governor.h). It asks as one of the study's does
 * (model, parameters, longest answer), but with a prompt of ours, so that what the study's prompt says or how long it is cannot be why
 * it fails, and a server that is too slow for such an answer is too slow for this one. Nobody looks at its text. */
#ifndef SG_GEN_CONTROL_H
#define SG_GEN_CONTROL_H

#include "gen/request.h"

/* Makes the control of a request, as its canonical text has it. number: of the run's controls, in its prompt, so that none is the
 * same request as another. out: sg_free its canonical text. */
sg_status sg_control_make(const char *canonical, uint64_t number, struct sg_request *out,
                          struct sg_err *err) SG_MUST_USE;

#endif
