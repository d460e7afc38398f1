/* The headers of a server's answer: its limits and delays, its clock, the request's id. */
#ifndef SG_GEN_LLM_HEADERS_H
#define SG_GEN_LLM_HEADERS_H

#include "gen/llm/attempt.h"

struct sg_headers {
    struct sg_server_limits limits;
    int is_exact;         /* retry_after_s was told in milliseconds, which wins */
    int should_retry;     /* x-should-retry: -1 not told, 0, 1 */
    char request_id[200]; /* "" when not told */
    double date_s;        /* the server's clock, in seconds since 1970; -1: not told */
    double
        moment[3]; /* of retry-after and the two resets, where they were told as moments; -1: they were not */
};
struct sg_headers sg_headers_make(void);

/* Local. Reads one header line (not NUL-terminated). unix_s: the time, for those who send a date and do
 * not tell their own time (the header Date, before or after it). retry-after-ms is
 * preferred to retry-after, whose date may lie in the past (0); nonsense is passed over. */
void sg_headers_add(struct sg_headers *h, const char *line, size_t n, double unix_s);

#endif
