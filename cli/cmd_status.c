#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "experiments/run/progress.h"
#include "results/ledger/lease.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static sg_status print_status(const json_t *o, const char *folder, const char *path, struct sg_err *err)
{
    if (!json_is_object(o) || !json_is_string(json_object_get(o, "phase")))
        return sg_fail(err, SG_INPUT, "%s: not a status file of synthgrid", path);
    char seal[SG_HEX];
    if (sg_json_text_or(o, "sha256", "")[0] &&
        (!sg_progress_seal(o, seal) || strcmp(seal, sg_json_text_or(o, "sha256", "")) != 0))
        return sg_fail(
            err, SG_INPUT,
            "%s: its numbers are not those that a run wrote there; hint: the next run writes it anew", path);
    struct sg_buf b = sg_buf_make(1 << 16);
    char elapsed[24], eta[24];
    sg_format_duration(sg_json_number_or(o, "elapsed_s", 0), elapsed);
    sg_buf_puts(&b, "study    ");
    sg_buf_safe(&b, sg_json_text_or(o, "study", ""), 200);
    sg_buf_puts(&b, "\nphase    ");
    sg_buf_safe(&b, sg_json_text_or(o, "phase", ""), 40);
    sg_buf_printf(&b, " after %s", elapsed);
    struct stat st;
    int ended = strcmp(sg_json_text_or(o, "phase", ""), "done") == 0 ||
                strcmp(sg_json_text_or(o, "phase", ""), "stopped") == 0;
    double silent_s = stat(path, &st) == 0 ? difftime(time(NULL), st.st_mtime) : 0;
    char *holder = ended ? NULL : sg_lease_holder(folder);
    int hangs = silent_s > 30, gone = !ended && !holder; /* a run writes every 2 s */
    double left = sg_json_number_or(o, "eta_s", 0);
    if (left >= 0 && !hangs && !gone && !sg_json_text_or(o, "silent", "")[0] &&
        strcmp(sg_json_text_or(o, "phase", ""), "done") != 0) {
        sg_format_duration(left, eta);
        sg_buf_printf(&b, ", about %s left", eta);
    }
    sg_buf_printf(&b, ", on %lld %s (written ", (long long)sg_json_int_or(o, "n_ranks", 0),
                  sg_plural(sg_json_int_or(o, "n_ranks", 0), "rank", "ranks"));
    sg_buf_safe(&b, sg_json_text_or(o, "updated", ""), 40);
    sg_buf_printf(&b, ")\n");
    sg_format_duration(silent_s, eta);
    if (gone)
        sg_buf_printf(&b, "         the run is gone: it %s, %s ago; run it again to resume\n",
                      strcmp(sg_json_text_or(o, "phase", ""), "stopping") == 0
                          ? "was told to stop"
                          : "has ended without a word (killed, or its node went)",
                      eta);
    else if (!ended && hangs) {
        sg_buf_printf(&b, "         no sign of it for %s: rank 0 hangs or is stopped (", eta);
        sg_buf_safe(&b, holder, 200);
        sg_buf_puts(&b, "), or its node went; a run that is started again finds out\n");
    } else if (!ended && sg_json_text_or(o, "silent", "")[0]) {
        sg_buf_puts(&b, "         ");
        sg_buf_safe(&b, sg_json_text_or(o, "silent", ""), 400);
        sg_buf_puts(&b, "\n");
    }
    sg_free(holder);
    sg_buf_printf(&b, "cells    %lld of %lld done, %lld failed\npools    %lld of %lld filled\n",
                  (long long)sg_json_int_or(o, "n_cells_done", 0), (long long)sg_json_int_or(o, "n_cells", 0),
                  (long long)sg_json_int_or(o, "n_cells_failed", 0),
                  (long long)sg_json_int_or(o, "n_pools_done", 0),
                  (long long)sg_json_int_or(o, "n_pools", 0));
    sg_buf_printf(&b, "LLM      %lld %s in this run, %lld asked for; %lld %s in, %lld out",
                  (long long)sg_json_int_or(o, "n_completions", 0),
                  sg_plural(sg_json_int_or(o, "n_completions", 0), "answer", "answers"),
                  (long long)sg_json_int_or(o, "n_requests_left", 0),
                  (long long)sg_json_int_or(o, "tokens_in", 0),
                  sg_plural(sg_json_int_or(o, "tokens_in", 0), "token", "tokens"),
                  (long long)sg_json_int_or(o, "tokens_out", 0));
    if (sg_json_int_or(o, "n_given_up", 0) > 0)
        sg_buf_printf(&b, "; %lld given up", (long long)sg_json_int_or(o, "n_given_up", 0));
    double usd = sg_json_number_or(o, "cost_usd", 0);
    if (usd > 0)
        sg_buf_printf(&b, "; %.4f USD so far", usd);
    sg_buf_puts(&b, "\n");
    if (sg_json_text_or(o, "failure", "")[0] && !ended) {
        sg_buf_puts(&b, "failure  the last one: ");
        sg_buf_safe(&b, sg_json_text_or(o, "failure", ""), 300);
        sg_buf_puts(&b, "\n");
    }
    if (sg_json_int_or(o, "n_batches", 0) > 0)
        sg_buf_printf(
            &b, "batches  %lld with the provider, %lld %s; synthgrid generate STUDY --collect fetches %s\n",
            (long long)sg_json_int_or(o, "n_batches", 0), (long long)sg_json_int_or(o, "n_batch_requests", 0),
            sg_plural(sg_json_int_or(o, "n_batch_requests", 0), "request", "requests"),
            sg_plural(sg_json_int_or(o, "n_batch_requests", 0), "it", "them"));
    if (sg_json_text_or(o, "message", "")[0]) {
        sg_buf_puts(&b, "message  ");
        sg_buf_safe(&b, sg_json_text_or(o, "message", ""), 600);
        sg_buf_puts(&b, "\n");
    }
    sg_status status = sg_buf_check(&b, "the status", err);
    if (status == SG_OK)
        fputs(sg_buf_text(&b), stdout);
    sg_buf_free(&b);
    return status;
}

int sg_cmd_status(int argc, char **argv)
{
    int as_json = 0;
    const struct sg_option option[] = {
        {.name = "json", .type = SG_OPT_FLAG, .help = "the status file as it is", .flag = &as_json},
    };
    const struct sg_usage usage = {
        .command = "status",
        .positional = "DIR",
        .n_positional = 1,
        .about =
            "How far a run is: cells, ETA, money, failures. Reads one small file; never disturbs the run.",
        .option = option,
        .n_options = 1};
    struct sg_args args;
    struct sg_err err = {0};
    int code;
    if (!sg_cli_begin(&usage, argc, argv, &args, NULL, &code))
        return code;
    char *path = sg_path_join(args.positional[0], "status.json"), *bytes = NULL;
    sg_status status = path ? SG_OK : sg_fail_memory(&err, 64);
    if (status == SG_OK && !sg_file_exists(path))
        status = sg_fail(&err, SG_INPUT,
                         "%s: no run has written there; hint: give the `results` folder of a study",
                         args.positional[0]);
    if (status == SG_OK)
        status = sg_file_read(path, 1 << 20, &bytes, NULL, &err);
    json_t *o = status == SG_OK ? json_loads(bytes, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (status == SG_OK && as_json && o)
        fputs(bytes, stdout), fputs("\n", stdout);
    else if (status == SG_OK)
        status = print_status(o, args.positional[0], path, &err);
    json_decref(o);
    sg_free(bytes);
    sg_free(path);
    return sg_cli_end(&args, NULL, status, &err);
}
