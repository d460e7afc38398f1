#include "cli/status_text.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "experiments/run/progress.h"
#include "results/ledger/lease.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* What it is doing, and for how long: silent_s ago it was work_s. */
static void put_rank(const json_t *x, double silent_s, struct sg_buf *out)
{
    char since[24];
    int64_t n_team = sg_json_int_or(x, "n_team", 0), n_in_flight = sg_json_int_or(x, "n_in_flight", 0),
            rank = sg_json_int_or(x, "rank", 0), first = sg_json_int_or(x, "team", rank);
    sg_buf_printf(out, "%8lld ", (long long)rank);
    size_t host_at = out->len;
    sg_buf_safe(out, sg_json_text_or(x, "host", ""), 40);
    do
        sg_buf_puts(out, " ");
    while (!out->failed && out->len < host_at + 16);
    if (!n_team)
        sg_buf_puts(out, "idle");
    else if (first != rank)
        sg_buf_printf(out, "with rank %lld", (long long)first);
    else {
        sg_buf_safe(out, sg_json_text_or(x, "work", ""), 240);
        sg_format_duration(sg_json_number_or(x, "work_s", 0) + silent_s, since);
        sg_buf_printf(out, " (%s", since);
        if (n_team > 1)
            sg_buf_printf(out, ", %lld ranks", (long long)n_team);
        if (sg_json_text_or(x, "cell", "")[0]) {
            sg_buf_puts(out, ", cell ");
            sg_buf_safe(out, sg_json_text_or(x, "cell", ""), 12);
        }
        sg_buf_puts(out, ")");
    }
    if (n_in_flight)
        sg_buf_printf(out, "; %lld %s in flight", (long long)n_in_flight,
                      sg_plural(n_in_flight, "request", "requests"));
    sg_buf_puts(out, "\n");
}

/* A row a rank; nothing where the run said nothing of its ranks (older programs, phases in which all do the same). */
static void put_ranks(const json_t *o, int gone, double silent_s, struct sg_buf *out)
{
    const json_t *list = json_object_get(o, "ranks");
    size_t n = json_array_size(list);
    int64_t n_ranks = sg_json_int_or(o, "n_ranks", 0), n_busy = sg_json_int_or(o, "n_ranks_busy", 0),
            n_in_flight = sg_json_int_or(o, "n_in_flight", 0);
    if (!n)
        return;
    sg_buf_printf(out, "ranks    %lld %s at work, %lld idle", (long long)n_busy,
                  gone ? sg_plural(n_busy, "was", "were") : sg_plural(n_busy, "is", "are"),
                  (long long)(n_ranks - n_busy));
    if (n_in_flight)
        sg_buf_printf(out, "; %lld %s in flight", (long long)n_in_flight,
                      sg_plural(n_in_flight, "request", "requests"));
    sg_buf_puts(out, "\n");
    for (size_t i = 0; i < n; i++)
        put_rank(json_array_get(list, i), gone ? 0 : silent_s, out);
    if (n_ranks > (int64_t)n)
        sg_buf_printf(out, "     ... %lld more ranks\n", (long long)(n_ranks - (int64_t)n));
}

sg_status sg_status_text(const json_t *o, const char *folder, const char *path, struct sg_buf *out,
                         enum sg_status_end *end, struct sg_err *err)
{
    if (!json_is_object(o) || !json_is_string(json_object_get(o, "phase")))
        return sg_fail(err, SG_INPUT, "%s: not a status file of synthgrid", path);
    char seal[SG_HEX];
    if (sg_json_text_or(o, "sha256", "")[0] &&
        (!sg_progress_seal(o, seal) || strcmp(seal, sg_json_text_or(o, "sha256", "")) != 0))
        return sg_fail(
            err, SG_INPUT,
            "%s: its numbers are not those that a run wrote there; hint: the next run writes it anew", path);
    char elapsed[24], eta[24];
    sg_format_duration(sg_json_number_or(o, "elapsed_s", 0), elapsed);
    sg_buf_puts(out, "study    ");
    sg_buf_safe(out, sg_json_text_or(o, "study", ""), 200);
    sg_buf_puts(out, "\nphase    ");
    sg_buf_safe(out, sg_json_text_or(o, "phase", ""), 40);
    sg_buf_printf(out, " after %s", elapsed);
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
        sg_buf_printf(out, ", about %s left", eta);
    }
    sg_buf_printf(out, ", on %lld %s (written ", (long long)sg_json_int_or(o, "n_ranks", 0),
                  sg_plural(sg_json_int_or(o, "n_ranks", 0), "rank", "ranks"));
    sg_buf_safe(out, sg_json_text_or(o, "updated", ""), 40);
    sg_buf_printf(out, ")\n");
    sg_format_duration(silent_s, eta);
    if (gone)
        sg_buf_printf(out, "         the run is gone: it %s, %s ago; run it again to resume\n",
                      strcmp(sg_json_text_or(o, "phase", ""), "stopping") == 0
                          ? "was told to stop"
                          : "has ended without a word (killed, or its node went)",
                      eta);
    else if (!ended && hangs) {
        sg_buf_printf(out, "         no sign of it for %s: rank 0 hangs or is stopped (", eta);
        sg_buf_safe(out, holder, 200);
        sg_buf_puts(out, "), or its node went; a run that is started again finds out\n");
    } else if (!ended && sg_json_text_or(o, "silent", "")[0]) {
        sg_buf_puts(out, "         ");
        sg_buf_safe(out, sg_json_text_or(o, "silent", ""), 400);
        sg_buf_puts(out, "\n");
    }
    sg_free(holder);
    sg_buf_printf(out, "cells    %lld of %lld done, %lld failed\npools    %lld of %lld filled\n",
                  (long long)sg_json_int_or(o, "n_cells_done", 0), (long long)sg_json_int_or(o, "n_cells", 0),
                  (long long)sg_json_int_or(o, "n_cells_failed", 0),
                  (long long)sg_json_int_or(o, "n_pools_done", 0),
                  (long long)sg_json_int_or(o, "n_pools", 0));
    if (!ended)
        put_ranks(o, gone, silent_s, out);
    sg_buf_printf(out, "LLM      %lld %s in this run, %lld asked for; %lld %s in, %lld out",
                  (long long)sg_json_int_or(o, "n_completions", 0),
                  sg_plural(sg_json_int_or(o, "n_completions", 0), "answer", "answers"),
                  (long long)sg_json_int_or(o, "n_requests_left", 0),
                  (long long)sg_json_int_or(o, "tokens_in", 0),
                  sg_plural(sg_json_int_or(o, "tokens_in", 0), "token", "tokens"),
                  (long long)sg_json_int_or(o, "tokens_out", 0));
    if (sg_json_int_or(o, "n_given_up", 0) > 0)
        sg_buf_printf(out, "; %lld given up", (long long)sg_json_int_or(o, "n_given_up", 0));
    double usd = sg_json_number_or(o, "cost_usd", 0);
    if (usd > 0)
        sg_buf_printf(out, "; %.4f USD so far", usd);
    sg_buf_puts(out, "\n");
    if (sg_json_text_or(o, "failure", "")[0] && !ended) {
        sg_buf_puts(out, "failure  the last one: ");
        sg_buf_safe(out, sg_json_text_or(o, "failure", ""), 300);
        sg_buf_puts(out, "\n");
    }
    if (sg_json_int_or(o, "n_batches", 0) > 0)
        sg_buf_printf(
            out, "batches  %lld with the provider, %lld %s; synthgrid generate STUDY --collect fetches %s\n",
            (long long)sg_json_int_or(o, "n_batches", 0), (long long)sg_json_int_or(o, "n_batch_requests", 0),
            sg_plural(sg_json_int_or(o, "n_batch_requests", 0), "request", "requests"),
            sg_plural(sg_json_int_or(o, "n_batch_requests", 0), "it", "them"));
    if (sg_json_text_or(o, "message", "")[0]) {
        sg_buf_puts(out, "message  ");
        sg_buf_safe(out, sg_json_text_or(o, "message", ""), 600);
        sg_buf_puts(out, "\n");
    }
    *end = ended ? SG_STATUS_ENDED : gone ? SG_STATUS_GONE : SG_STATUS_ON;
    return sg_buf_check(out, "the status", err);
}
