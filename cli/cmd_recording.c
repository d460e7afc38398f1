#include "base/mem.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "gen/recording.h"
#include "results/ledger.h"

#include <stdio.h>

struct export
{
    struct sg_recording_writer *writer;
    int64_t n;
};

static sg_status each(void *context, const struct sg_ledger_completion *c, struct sg_err *err)
{
    struct export *e = context;
    if (c->status != SG_OK)
        return SG_OK; /* an answer that never came is not worth keeping: a replay should be free to ask again
                       */
    struct sg_request q = {.canonical = (char *)(uintptr_t)c->request};
    struct sg_answer a = {.status = SG_OK,
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
    e->n++;
    return sg_recording_add(e->writer, &q, &a, err);
}

int sg_cmd_recording(int argc, char **argv)
{
    const struct sg_usage usage = {
        .command = "recording",
        .positional = "DIR FILE.jsonl.gz",
        .n_positional = 2,
        .about = "Writes all completions of a run into one file that `generator.recording` of a study "
                 "replays, with no key, server or network."};
    struct sg_args args;
    struct sg_err err = {0};
    int code;
    if (!sg_cli_begin(&usage, argc, argv, &args, NULL, &code))
        return code;
    struct sg_ledger *ledger = NULL;
    struct export e = {0};
    sg_status status = sg_ledger_open(args.positional[0], SG_LEDGER_READ, &ledger, &err);
    if (status == SG_OK)
        status = sg_recording_create(args.positional[1], &e.writer, &err);
    if (status == SG_OK)
        status = sg_ledger_completions_each(ledger, each, &e, &err);
    if (e.writer) {
        sg_status finished = sg_recording_finish(e.writer, status == SG_OK ? &err : NULL);
        if (status == SG_OK)
            status = finished;
    }
    if (status == SG_OK)
        printf("%lld completions in %s\n", (long long)e.n, args.positional[1]);
    sg_ledger_close(ledger);
    return sg_cli_end(&args, NULL, status, &err);
}
