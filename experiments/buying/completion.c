#include "experiments/buying/completion.h"

#include <stdio.h>

sg_status sg_completion_put(struct sg_ledger *l, const char *request, const struct sg_answer *answer,
                            const char *source, int rank, struct sg_err *err)
{
    struct sg_ledger_completion c = {
        .key = answer->key,
        .request = request,
        .status = (int)answer->status,
        .reason = answer->reason,
        .text = answer->text,
        .finish_reason = answer->finish_reason,
        .model = answer->model,
        .request_id = answer->request_id,
        .http_status = answer->http_status,
        .attempts = answer->attempts,
        .tokens_in = answer->tokens_in,
        .tokens_out = answer->tokens_out,
        .tokens_estimated = answer->tokens_estimated,
        .latency_s = answer->latency_s,
        .cost_usd = answer->cost_usd,
        .source = source,
        .rank = rank,
    };
    return sg_ledger_completion_put(l, &c, err);
}

sg_status sg_completion_record(struct sg_recording_writer *w, const struct sg_ledger_completion *c,
                               struct sg_err *err)
{
    struct sg_request q = {.canonical = (char *)(uintptr_t)c->request};
    struct sg_answer a = {.status = (sg_status)c->status,
                          .reason = (char *)(uintptr_t)c->reason,
                          .text = (char *)(uintptr_t)c->text,
                          .finish_reason = (char *)(uintptr_t)c->finish_reason,
                          .model = (char *)(uintptr_t)c->model,
                          .request_id = (char *)(uintptr_t)c->request_id,
                          .http_status = c->http_status,
                          .attempts = c->attempts,
                          .tokens_in = c->tokens_in,
                          .tokens_out = c->tokens_out,
                          .tokens_estimated = c->tokens_estimated,
                          .latency_s = c->latency_s,
                          .cost_usd = c->cost_usd};
    snprintf(q.key, sizeof q.key, "%s", c->key);
    snprintf(a.key, sizeof a.key, "%s", c->key);
    return sg_recording_add(w, &q, &a, err);
}
