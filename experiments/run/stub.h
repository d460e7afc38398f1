/* The stub LLM server (stub/llm_stub.py) as a child of this process: who a rehearsal asks instead of the study's endpoint.
 *
 * It is started before MPI is: a process that has MPI's memory mapped and its threads running should not fork. It gets an
 * environment of three harmless variables and none of this process's files, so it never sees a key. It ends with
 * this process, however that ends: it watches a pipe that only this process holds, and Linux signals it, too. */
#ifndef SG_EXPERIMENTS_RUN_STUB_H
#define SG_EXPERIMENTS_RUN_STUB_H

#include "base/err.h"

#include <stdint.h>

struct sg_stub;

struct sg_stub_settings {
    const char *log;    /* a JSON object a request goes there; its folder may be made later */
    const char *faults; /* its script of them, a file; NULL: none */
    double latency_s, usd_per_1m_input, usd_per_1m_output;
    int64_t requests_per_min, tokens_per_min; /* over these it answers 429; 0: no limit */
};

/* Local. Returns when the server listens. SG_INPUT when there is no python3, or the faults are not to be read. */
sg_status sg_stub_start(const struct sg_stub_settings *s, struct sg_stub **out,
                        struct sg_err *err) SG_MUST_USE;

/* "http://127.0.0.1:PORT/v1", the stub's own. */
const char *sg_stub_url(const struct sg_stub *s);

/* Local. Ends it, and waits until it is gone. NULL is fine. */
void sg_stub_stop(struct sg_stub *s);

/* What the log of a stub that is gone tells. */
struct sg_stub_bill {
    int64_t n_requests, n_answered, n_429, n_other; /* other: errors and broken connections */
};
/* Local. Adds what the log has; none there: nothing. */
sg_status sg_stub_bill_add(const char *log, struct sg_stub_bill *bill, struct sg_err *err) SG_MUST_USE;

#endif
