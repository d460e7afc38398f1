#include "base/text.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "experiments/buying/completion.h"
#include "experiments/run/rehearsal.h"
#include "results/ledger/output_check.h"

#include <stdio.h>
#include <string.h>

struct export
{
    const char *path;
    struct sg_recording_writer *writer;
    int64_t n;
};

/* What a run has imported stands in its ledger as "recording FILE" (experiments/buying/requests.c): that file may hold more than the run used. */
static sg_status check_source(void *context, const struct sg_ledger_completion *c, struct sg_err *err)
{
    const struct export *e = context;
    if (!c->source || strncmp(c->source, "recording ", 10) != 0)
        return SG_OK;
    const char *source = c->source + 10;
    return sg_output_check("FILE", e->path, &source, 1, err);
}

static sg_status each(void *context, const struct sg_ledger_completion *c, struct sg_err *err)
{
    struct export *e = context;
    if (c->status != SG_OK)
        return SG_OK; /* an answer that never came is not worth keeping: a replay should be free to ask again
                       */
    e->n++;
    return sg_completion_record(e->writer, c, err);
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
    struct export e = {.path = args.positional[1]};
    sg_status status = sg_rehearsal_refuse(args.positional[0], &err);
    if (status == SG_OK)
        status = sg_output_check("FILE", e.path, NULL, 0, &err);
    if (status == SG_OK)
        status = sg_ledger_open(args.positional[0], SG_LEDGER_READ, &ledger, &err);
    if (status == SG_OK)
        status = sg_ledger_completions_each(ledger, check_source, &e, &err);
    if (status == SG_OK)
        status = sg_recording_create(e.path, &e.writer, &err);
    if (status == SG_OK)
        status = sg_ledger_completions_each(ledger, each, &e, &err);
    if (e.writer) {
        sg_status finished = sg_recording_finish(e.writer, status == SG_OK ? &err : NULL);
        if (status == SG_OK)
            status = finished;
    }
    if (status == SG_OK)
        printf("%lld %s in %s\n", (long long)e.n, sg_plural(e.n, "completion", "completions"), e.path);
    sg_ledger_close(ledger);
    return sg_cli_end(&args, NULL, status, &err);
}
