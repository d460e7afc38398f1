#include "experiments/buying/dispatch_impl.h"

#include "base/file.h"
#include "base/text.h"

#include <stdio.h>

void sg_dispatch_count_again(struct sg_dispatch_count *n, enum sg_attempt_kind kind, int http_status)
{
    n->n_again++;
    if (kind == SG_ATTEMPT_ADAPT)
        n->n_reworded++;
    else if (kind == SG_ATTEMPT_TIMEOUT)
        n->n_timeout++;
    else if (http_status == 429)
        n->n_rate++;
    else if (http_status >= 400)
        n->n_server++;
    else if (http_status == 0)
        n->n_network++;
    else
        n->n_damaged++;
}

void sg_dispatch_count_end(struct sg_dispatch_count *n, enum sg_request_outcome outcome,
                           const struct sg_attempt *attempt, int http_status)
{
    n->n_answered += outcome == SG_OUTCOME_ANSWERED;
    n->n_failed += outcome == SG_OUTCOME_FAILED;
    n->n_refused += outcome == SG_OUTCOME_REFUSED;
    n->n_left += outcome == SG_OUTCOME_LEFT;
    if (outcome == SG_OUTCOME_AGAIN)
        sg_dispatch_count_again(n, attempt->kind, http_status);
    if (attempt->kind == SG_ATTEMPT_ANSWERED || attempt->kind == SG_ATTEMPT_ADAPT)
        return;
    snprintf(n->failure, sizeof n->failure, "%.299s", attempt->reason);
    sg_text_whole(n->failure);
    n->failed_s = sg_now_s();
}

void sg_dispatch_count_text(const struct sg_dispatch_count *n, struct sg_buf *out)
{
    const struct {
        int64_t n;
        const char *why;
    } again[] = {{n->n_rate, "rate limit"}, {n->n_timeout, "timeout"}, {n->n_server, "server error"},
                 {n->n_network, "network"}, {n->n_damaged, "damaged"}, {n->n_reworded, "reworded"}};
    const char *between = " (";
    sg_buf_printf(out, "%lld answered", (long long)n->n_answered);
    if (n->n_again) {
        sg_buf_printf(out, ", %lld sent again", (long long)n->n_again);
        for (size_t i = 0; i < sizeof again / sizeof again[0]; i++)
            if (again[i].n) {
                sg_buf_printf(out, "%s%lld %s", between, (long long)again[i].n, again[i].why);
                between = ", ";
            }
        sg_buf_puts(out, ")");
    }
    if (n->n_controls)
        sg_buf_printf(out, ", %lld %s", (long long)n->n_controls,
                      sg_plural(n->n_controls, "control", "controls"));
    if (n->n_failed)
        sg_buf_printf(out, ", %lld given up (failed)", (long long)n->n_failed);
    if (n->n_refused)
        sg_buf_printf(out, ", %lld given up (refused)", (long long)n->n_refused);
    if (n->n_left)
        sg_buf_printf(out, ", %lld left to a later run", (long long)n->n_left);
}
