#include "base/tell.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "slurm/script.h"
#include "slurm/submit.h"

#include <stdio.h>
#include <string.h>

enum { MAX_PASSED = 16 };

/* What the command line gives, before it is a struct sg_submit_options. */
struct given {
    struct sg_submit_options o;
    const char *results, *time, *mem;
    int print, json, retry_failed, retry_refused;
    double max_usd;
    char usd[40];
    int n_passed;
    const char *passed[MAX_PASSED];
};

static void print_scripts(const struct sg_submitted *s)
{
    if (s->has_generate)
        printf("%s\n# ---- %s, when that has ended well ----\n", s->generate.script,
               s->n_shares ? s->shares.path : s->run.path);
    if (s->n_shares)
        printf("%s\n# ---- %s, when all of them have ended ----\n", s->shares.script, s->run.path);
    fputs(s->run.script, stdout);
}

static void print_job(const struct sg_submitted *s)
{
    const struct sg_job_size *z = &s->size;
    char time[24];
    sg_format_duration((double)z->time_s, time);
    if (s->has_generate)
        sg_tell_result("generate %s\n         script %s, log %s", s->generate.id, s->generate.path,
                       s->generate.log);
    if (s->n_shares)
        sg_tell_result("array    %s of %lld tasks, which the job behind it joins\n         script %s, log %s",
                       s->shares.id, (long long)s->n_shares, s->shares.path, s->shares.log);
    sg_tell_result("job      %s", s->run.id);
    char mem[60] = "";
    if (z->mem_mb > 0)
        snprintf(mem, sizeof mem, ", %lld MB a core", (long long)z->mem_mb);
    sg_tell_result("takes    %lld %s of %lld %s%s, %s; %lld %s left", (long long)z->n_ranks,
                   sg_plural(z->n_ranks, "rank", "ranks"), (long long)z->n_threads,
                   sg_plural(z->n_threads, "core", "cores"), mem, time, (long long)s->n_cells_left,
                   sg_plural(s->n_cells_left, "cell is", "cells are"));
    sg_tell_result("script   %s\nlog      %s", s->run.path, s->run.log);
}

static sg_status print_json(const struct sg_submitted *s, struct sg_err *err)
{
    const struct sg_job_size *z = &s->size;
    return sg_cli_print_json(
        json_pack("{s:s,s:s,s:s?,s:s?,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:f}", "scheduler", s->scheduler->name,
                  "job", s->run.id, "generate_job", s->has_generate ? s->generate.id : NULL, "array_job",
                  s->n_shares ? s->shares.id : NULL, "script", s->run.path, "log", s->run.log, "n_ranks",
                  (json_int_t)z->n_ranks, "n_threads", (json_int_t)z->n_threads, "mem_mb_per_core",
                  (json_int_t)z->mem_mb, "time_s", (json_int_t)z->time_s, "n_cells_left",
                  (json_int_t)s->n_cells_left, "core_h", s->core_h),
        "the job", err);
}

/* "2000M", "4G", "4000": of one core. */
static sg_status read_mem(const char *text, int64_t *mb, struct sg_err *err)
{
    char number[32];
    size_t n = strspn(text, "0123456789");
    snprintf(number, sizeof number, "%.*s", (int)(n < 20 ? n : 20), text);
    int is_g = strcmp(text + n, "G") == 0;
    if (!sg_parse_int64(number, mb) || *mb < 0 || *mb > 1 << 24 ||
        (!is_g && text[n] && strcmp(text + n, "M") != 0))
        return sg_fail(err, SG_INPUT, "--mem-per-cpu %.60s: must be like 2000M or 4G, or 0", text);
    *mb = *mb == 0 ? SG_JOB_NO_MEM : *mb * (is_g ? 1000 : 1);
    return SG_OK;
}

static void pass(struct given *g, const char *word)
{
    g->passed[g->n_passed++] = word;
}

static sg_status complete(struct given *g, struct sg_err *err)
{
    if (g->time && !sg_time_parse(g->time, &g->o.wish.time_s))
        return sg_fail(err, SG_INPUT, "--time %.60s: must be like 04:00:00, 2-00:00:00 or 90 (minutes)",
                       g->time);
    if (g->mem)
        SG_TRY(read_mem(g->mem, &g->o.wish.mem_mb, err));
    /* Options of `run` that a job may have. */
    if (g->retry_failed)
        pass(g, "--retry-failed");
    if (g->retry_refused)
        pass(g, "--retry-refused");
    if (g->max_usd >= 0) {
        sg_format_double(g->max_usd, g->usd);
        pass(g, "--max-usd");
        pass(g, g->usd);
    }
    g->o.n_passed = g->n_passed;
    g->o.passed = g->passed;
    return SG_OK;
}

static sg_status submit(struct given *g, const struct sg_args *args, struct sg_err *err)
{
    struct sg_cli_overrides overrides;
    struct sg_submitted s = {0};
    if (g->print && g->json)
        return sg_fail(err, SG_INPUT, "--print shows the script as it is: it does not go with --json");
    SG_TRY(complete(g, err));
    SG_TRY(sg_cli_overrides(args, g->results, &overrides, err));
    g->o.study = args->positional[0];
    g->o.n_overrides = overrides.n;
    g->o.overrides = overrides.item;
    sg_status status = sg_submit_make(&g->o, &s, err);
    if (status == SG_OK && g->print)
        print_scripts(&s);
    else if (status == SG_OK && (status = sg_submit_send(&s, err)) == SG_OK) {
        if (g->json)
            status = print_json(&s, err);
        else
            print_job(&s);
    }
    sg_submitted_free(&s);
    return status;
}

#define COUNT(n, to, text)                                                                                   \
    {                                                                                                        \
        .name = n, .type = SG_OPT_COUNT, .argument = "N", .help = text, .count = &g.o.wish.to, .min = 1,     \
        .max = 1000000                                                                                       \
    }
#define TEXT(n, a, to, t)                                                                                    \
    {                                                                                                        \
        .name = n, .type = SG_OPT_TEXT, .argument = a, .help = t, .text = &g.to                              \
    }
#define FLAG(n, to, t)                                                                                       \
    {                                                                                                        \
        .name = n, .type = SG_OPT_FLAG, .help = t, .flag = &g.to                                             \
    }

int sg_cmd_submit(int argc, char **argv)
{
    struct given g = {.max_usd = -1};
    int n_ours = 0;
    while (n_ours < argc && strcmp(argv[n_ours], "--") != 0)
        n_ours++;
    g.o.n_extra = n_ours < argc ? argc - n_ours - 1 : 0;
    g.o.extra = (const char *const *)argv + n_ours + 1;
    const struct sg_option option[] = {
        FLAG("print", print, "show the script, and submit nothing"),
        COUNT("nodes", n_nodes, "nodes (default: as the batch system places the ranks)"),
        COUNT("ntasks-per-node", n_per_node, "ranks of each node"),
        COUNT("ntasks", n_ranks, "ranks in all (default: a node full, no more than cells)"),
        COUNT("cpus-per-task", n_threads, "cores of each rank (default: what a cell can use)"),
        TEXT("mem-per-cpu", "MEM", mem,
             "memory of each core, 2000M or 4G (default: as `plan` reckons; 0: say nothing of it)"),
        TEXT("time", "T", time,
             "limit of one job, like 04:00:00 (default: half as much again as `plan` reckons)"),
        TEXT("partition", "P", o.partition, "partition, or queue"),
        TEXT("account", "A", o.account, "who is charged"),
        TEXT("qos", "Q", o.qos, "quality of service (Slurm)"),
        TEXT("constraint", "C", o.constraint, "features that the nodes must have (Slurm)"),
        FLAG("ahead", o.ahead, "queue each next job when one begins, not when its time is up"),
        TEXT("generate-on", "P", o.generate_on,
             "buy in a job of partition P first, train offline behind it (Slurm)"),
        {.name = "array",
         .type = SG_OPT_COUNT,
         .argument = "N",
         .help = "an array of N tasks, each for a share of the cells, and a job that joins them (Slurm)",
         .count = &g.o.n_shares,
         .min = 2,
         .max = 1000000},
        TEXT("with-llm", "COMMAND", o.with_llm,
             "an LLM server that the job which buys starts and ends (docs/servers.md)"),
        FLAG("offline", o.offline, "the job opens no socket"),
        TEXT("scheduler", "S", o.scheduler, "slurm, pbs, lsf or auto: whichever is there (default)"),
        TEXT("site", "FILE", o.site,
             "settings of the site (default: $SYNTHGRID_SITE, ~/.config/synthgrid/site.yaml)"),
        TEXT("results", "DIR", results, "instead of the study's `results`"),
        {.name = "max-usd",
         .type = SG_OPT_NUMBER,
         .argument = "USD",
         .help = "hard limit, instead of budget.usd",
         .number = &g.max_usd},
        FLAG("retry-failed", retry_failed, "try again what failed before: requests, cells"),
        FLAG("retry-refused", retry_refused, "ask again what the server has refused before"),
        FLAG("force", o.force, "also where rows or the encoder are missing here"),
        FLAG("json", json, "a JSON object instead of text"),
    };
    const struct sg_usage usage = {
        .command = "submit",
        .positional = "STUDY",
        .n_positional = 1,
        .overrides = "key=value",
        .about =
            "Writes a job's script for a study into its results folder, and submits it to Slurm, PBS or LSF. "
            "What is not said comes from `plan` and from the site's file (docs/cluster.md). The job stops "
            "before its "
            "time is up, goes on when it is its turn again, and ends when the grid is done. Behind `--` "
            "comes "
            "anything that sbatch, qsub or bsub knows.",
        .option = option,
        .n_options = sizeof option / sizeof option[0]};
    struct sg_args args;
    struct sg_err err = {0};
    int code;
    if (!sg_cli_begin(&usage, n_ours, argv, &args, NULL, &code))
        return code;
    return sg_cli_end(&args, NULL, submit(&g, &args, &err), &err);
}
