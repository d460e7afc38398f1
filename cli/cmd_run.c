#include "base/lines.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "experiments/bundle/bundle.h"
#include "experiments/run/rehearsal.h"
#include "experiments/run/watch.h"

#include <stdio.h>
#include <string.h>

enum action { PLAN, RUN, GENERATE };

static const struct {
    const char *name, *about;
} actions[] = {
    [PLAN] = {"plan",
              "Prints the grid of a study: cells, requests, tokens, cost, hours, memory, what is there "
              "already, and all that is missing. "
              "An encoder or rows that are missing are estimated. "
              "Asks nobody and spends nothing. Of a bundle: checks all of it, and prints what is in it."},
    [RUN] =
        {"run",
         "Runs a study: buys the data once, trains every cell, writes results.h5 and prints the main table. "
         "Run it again to resume. A bundle (`synthgrid bundle`) is run offline, after all of it was checked, "
         "and "
         "its results are compared with those that were sealed."},
    [GENERATE] =
        {"generate",
         "Buys what a study asks of its LLM and trains nothing: for a machine with a network, before `run "
         "--offline` on one without. Needs no mpirun. Prints what each pool has and is short of; run it "
         "again to resume. Ends with 3 at a limit, when the server is away, or when batches are out, and "
         "with 4 "
         "when a pool stayed empty. With --batch it asks through OpenAI's batch API, at half the price, and "
         "ends; "
         "--collect, from any machine that has the results folder, fetches the answers within 24 hours. What "
         "is still missing then (rejected answers, requests that expired) goes into the next --batch."},
};

/* A study cannot be gzip: it is a bundle then (experiments/bundle/bundle.h). With `world` as rank 0 sees it. */
static int is_gzip(const char *path, const struct sg_team *world)
{
    int yes = !world || world->rank == 0 ? sg_file_is_gzip(path) : 0;
    if (world && MPI_Bcast(&yes, 1, MPI_INT, 0, world->comm) != MPI_SUCCESS)
        yes = 0;
    return yes;
}

static sg_status plan_of_bundle(const char *path, struct sg_buf *out, struct sg_err *err)
{
    struct sg_bundle b;
    SG_TRY(sg_bundle_open(path, &b, err));
    sg_bundle_describe(&b, out);
    sg_bundle_free(&b);
    return SG_OK;
}

static sg_status print_plan(const struct sg_run_options *o, int as_json, int is_bundle, struct sg_err *err)
{
    struct sg_buf text = sg_buf_make(1 << 24);
    sg_status status = is_bundle ? plan_of_bundle(o->study, &text, err) : sg_plan(o, as_json, &text, err);
    sg_status whole = status == SG_OK ? sg_buf_check(&text, "the plan", err) : SG_OK;
    if (whole == SG_OK) /* what is wrong in a study comes behind its plan */
        fputs(sg_buf_text(&text), stdout);
    status = status == SG_OK ? whole : status;
    sg_buf_free(&text);
    return status;
}

/* Its results folder is not the study's to say: the last results=DIR counts, and is taken out of the overrides. */
static sg_status run_bundle(const struct sg_team *world, struct sg_run_options *o, const char **overrides,
                            const char *digest, struct sg_err *err)
{
    const char *results = NULL;
    int n = 0;
    for (int i = 0; i < o->n_overrides; i++)
        if (strncmp(overrides[i], "results=", 8) == 0)
            results = overrides[i][8] ? overrides[i] + 8 : NULL;
        else
            overrides[n++] = overrides[i];
    o->n_overrides = n;
    return sg_bundle_run(world, o, results, digest, err);
}

/* "2/8" */
static sg_status read_share(const char *text, struct sg_run_options *o, struct sg_err *err)
{
    char number[24];
    size_t n = strcspn(text, "/");
    snprintf(number, sizeof number, "%.*s", (int)(n < 20 ? n : 20), text);
    if (text[n] && sg_parse_int64(number, &o->share) && sg_parse_int64(text + n + 1, &o->n_shares) &&
        o->n_shares >= 1 && o->n_shares <= 1000000 && o->share >= 1 && o->share <= o->n_shares)
        return SG_OK;
    return sg_fail(err, SG_INPUT, "--share %.60s: must be I/N, like 2/8: part 2 of 8", text);
}

/* The options that these commands share end up in the same struct; --results DIR is the override
 * results=DIR. */
static int study_command(enum action action, int argc, char **argv)
{
    const char *results = NULL, *digest = NULL, *share = NULL;
    int as_json = 0, submit = 0, collect = 0, abandon = 0;
    int is_plan = action == PLAN;
    struct sg_run_options o = {.max_usd = -1, .buy_only = action == GENERATE, .check = sg_rehearsal_check};
    const struct sg_option option_results = {.name = "results",
                                             .type = SG_OPT_TEXT,
                                             .argument = "DIR",
                                             .help = "instead of the study's `results`",
                                             .text = &results},
                           option_usd = {.name = "max-usd",
                                         .type = SG_OPT_NUMBER,
                                         .argument = "USD",
                                         .help = "hard limit, instead of budget.usd",
                                         .number = &o.max_usd},
                           option_quiet = {.name = "quiet",
                                           .type = SG_OPT_FLAG,
                                           .help = "no progress, no closing table",
                                           .flag = &o.quiet},
                           option_failed = {.name = "retry-failed",
                                            .type = SG_OPT_FLAG,
                                            .help = "try again what failed before: requests, cells",
                                            .flag = &o.retry_failed},
                           option_refused = {.name = "retry-refused",
                                             .type = SG_OPT_FLAG,
                                             .help = "ask again what the server has refused before",
                                             .flag = &o.retry_refused};
    const struct sg_option option_llm = {
        .name = "with-llm",
        .type = SG_OPT_TEXT,
        .argument = "COMMAND",
        .help = "start this LLM server beside rank 0 and ask it; {socket} or {port}",
        .text = &o.with_llm};
    const struct sg_option option_events = {.name = "json",
                                            .type = SG_OPT_FLAG,
                                            .help = "what happens, a JSON object a line on standard output",
                                            .flag = &o.events};
    const struct sg_option plan_options[] = {
        option_results,
        option_llm,
        {.name = "json", .type = SG_OPT_FLAG, .help = "a JSON object instead of text", .flag = &as_json},
        {.name = "ranks",
         .type = SG_OPT_COUNT,
         .argument = "N",
         .help = "hours, memory and sbatch line of a job with so many ranks",
         .count = &o.n_ranks,
         .min = 1,
         .max = 1000000},
        {.name = "threads",
         .type = SG_OPT_COUNT,
         .argument = "T",
         .help = "the same: threads of each rank",
         .count = &o.n_threads,
         .min = 1,
         .max = 1024},
        {.name = "simulate",
         .type = SG_OPT_TEXT,
         .argument = "N,...",
         .help = "how the cells that are left pack onto so many ranks: when the last one ends, against what "
                 "nothing can beat",
         .text = &o.simulate},
    };
    const struct sg_option run_options[] = {
        option_results,
        option_usd,
        option_quiet,
        option_llm,
        option_events,
        {.name = "offline",
         .type = SG_OPT_FLAG,
         .help = "open no socket; list first what is missing",
         .flag = &o.offline},
        option_failed,
        option_refused,
        {.name = "digest",
         .type = SG_OPT_TEXT,
         .argument = "HEX",
         .help = "of a bundle: the seal that it must have",
         .text = &digest},
        {.name = "share",
         .type = SG_OPT_TEXT,
         .argument = "I/N",
         .help = "train the I-th of N parts of the cells alone; `merge` joins them",
         .text = &share},
    };
    const struct sg_option generate_options[] = {
        option_results,
        option_usd,
        option_quiet,
        option_llm,
        option_events,
        {.name = "batch",
         .type = SG_OPT_FLAG,
         .help = "send what is missing to the batch API",
         .flag = &submit},
        {.name = "collect",
         .type = SG_OPT_FLAG,
         .help = "fetch what batches have answered",
         .flag = &collect},
        {.name = "wait",
         .type = SG_OPT_FLAG,
         .help = "with --collect or --batch: until it is all there",
         .flag = &o.wait},
        {.name = "abandon-batches",
         .type = SG_OPT_FLAG,
         .help = "cancel batches, to buy their requests anew",
         .flag = &abandon},
        option_failed,
        option_refused,
    };
    const struct sg_option *const options[] = {
        [PLAN] = plan_options, [RUN] = run_options, [GENERATE] = generate_options};
    const int n_options[] = {[PLAN] = sizeof plan_options / sizeof plan_options[0],
                             [RUN] = sizeof run_options / sizeof run_options[0],
                             [GENERATE] = sizeof generate_options / sizeof generate_options[0]};
    const struct sg_usage usage = {.command = actions[action].name,
                                   .positional = action == GENERATE ? "STUDY" : "STUDY|BUNDLE",
                                   .n_positional = 1,
                                   .overrides = "key=value",
                                   .about = actions[action].about,
                                   .option = options[action],
                                   .n_options = n_options[action]};
    if (!is_plan)
        sg_watch_early_signals();
    struct sg_args args;
    struct sg_team world;
    struct sg_err err = {0};
    int code;
    if (!sg_cli_begin(&usage, argc, argv, &args, is_plan ? NULL : &world, &code))
        return code;
    struct sg_cli_overrides overrides;
    sg_status status = sg_cli_overrides(&args, results, &overrides, &err);
    o.batch = submit    ? SG_BATCH_SUBMIT
              : collect ? SG_BATCH_COLLECT
              : abandon ? SG_BATCH_ABANDON
                        : SG_BATCH_NONE;
    if (status == SG_OK && submit + collect + abandon > 1)
        status = sg_fail(&err, SG_INPUT, "--batch, --collect and --abandon-batches exclude each other");
    if (status == SG_OK && o.wait && !submit && !collect)
        status = sg_fail(&err, SG_INPUT, "--wait waits for batches; hint: give --collect or --batch with it");
    if (status == SG_OK && o.with_llm && (o.offline || o.batch))
        status = sg_fail(&err, SG_INPUT, "--with-llm starts a server to be asked now: it does not go with %s",
                         o.offline ? "--offline" : "batches");
    if (status == SG_OK && share)
        status = read_share(share, &o, &err);
    o.study = args.n_positional ? args.positional[0] : "";
    o.n_overrides = overrides.n;
    o.overrides = overrides.item;
    int is_bundle = status == SG_OK && is_gzip(o.study, is_plan ? NULL : &world);
    if (is_bundle && (action == GENERATE || as_json))
        status =
            sg_fail(&err, SG_INPUT, "%s is a bundle, which has all that was bought; hint: `synthgrid %s %s`",
                    o.study, as_json ? "plan" : "run", o.study);
    else if (is_bundle && o.with_llm && status == SG_OK)
        status =
            sg_fail(&err, SG_INPUT, "%s is a bundle, which asks nobody; hint: leave out --with-llm", o.study);
    else if (is_bundle && o.events)
        status =
            sg_fail(&err, SG_INPUT,
                    "--json is for a study: of a bundle's run the comparison is printed; hint: leave it out");
    else if (is_bundle && share)
        status = sg_fail(&err, SG_INPUT,
                         "--share is for a study: the results of a bundle are compared as a whole");
    else if (digest && !is_bundle && status == SG_OK)
        status = sg_fail(&err, SG_INPUT, "--digest is for a bundle, and %s is none", o.study);
    if (status == SG_OK && is_plan)
        status = print_plan(&o, as_json, is_bundle, &err);
    else if (status == SG_OK)
        status = is_bundle ? run_bundle(&world, &o, overrides.item, digest, &err) : sg_run(&world, &o, &err);
    return sg_cli_end(&args, is_plan ? NULL : &world, status, &err);
}

int sg_cmd_run(int argc, char **argv)
{
    return study_command(RUN, argc, argv);
}

int sg_cmd_plan(int argc, char **argv)
{
    return study_command(PLAN, argc, argv);
}

int sg_cmd_generate(int argc, char **argv)
{
    return study_command(GENERATE, argc, argv);
}
