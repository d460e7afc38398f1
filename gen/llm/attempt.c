#include "gen/llm/attempt.h"

struct sg_server_limits sg_server_limits_make(void)
{
    return (struct sg_server_limits){-1, -1, -1, -1, -1, -1, -1};
}

const char *sg_attempt_name(enum sg_attempt_kind k)
{
    static const char *const name[] = {
        [SG_ATTEMPT_ANSWERED] = "answered", [SG_ATTEMPT_RATE] = "rate",
        [SG_ATTEMPT_OVERLOAD] = "overload", [SG_ATTEMPT_TIMEOUT] = "timeout",
        [SG_ATTEMPT_FAULT] = "fault",       [SG_ATTEMPT_ADAPT] = "adapt",
        [SG_ATTEMPT_REFUSED] = "refused",   [SG_ATTEMPT_ENDPOINT] = "endpoint"};
    return name[k];
}

struct sg_attempt sg_attempt_make(void)
{
    return (struct sg_attempt){.kind = SG_ATTEMPT_FAULT, .cost_usd = -1, .limits = sg_server_limits_make()};
}

const char *sg_request_outcome_name(enum sg_request_outcome o)
{
    static const char *const name[] = {
        [SG_OUTCOME_ANSWERED] = "answered", [SG_OUTCOME_FAILED] = "failed", [SG_OUTCOME_REFUSED] = "refused",
        [SG_OUTCOME_AGAIN] = "again",       [SG_OUTCOME_HELD] = "held",     [SG_OUTCOME_LEFT] = "left"};
    return name[o];
}
