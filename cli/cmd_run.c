#include "cli/commands.h"
#include "cli/common.h"
#include "experiments/run.h"

#include <stdio.h>

/* The options that `run` and `plan` share end up in the same struct; --results DIR is the override
 * results=DIR. */
static int study_command(const char *command, int argc, char **argv, int is_plan)
{
    const char *results = NULL;
    int as_json = 0;
    struct sg_run_options o = {.max_usd = -1};
    const struct sg_option run_options[] = {
        {.name = "results",
         .type = SG_OPT_TEXT,
         .argument = "DIR",
         .help = "instead of the study's `results`",
         .text = &results},
        {.name = "max-usd",
         .type = SG_OPT_NUMBER,
         .argument = "USD",
         .help = "hard limit, instead of budget.usd",
         .number = &o.max_usd},
        {.name = "offline",
         .type = SG_OPT_FLAG,
         .help = "open no socket; say first what is missing",
         .flag = &o.offline},
        {.name = "retry-failed",
         .type = SG_OPT_FLAG,
         .help = "train cells again that failed before",
         .flag = &o.retry_failed},
        {.name = "quiet", .type = SG_OPT_FLAG, .help = "no progress, no closing table", .flag = &o.quiet},
    };
    const struct sg_option plan_options[] = {
        run_options[0],
        {.name = "json", .type = SG_OPT_FLAG, .help = "a JSON object instead of text", .flag = &as_json},
    };
    const struct sg_usage usage = {.command = command,
                                   .positional = "STUDY",
                                   .n_positional = 1,
                                   .overrides = "key=value",
                                   .about = is_plan ? "Prints the grid of a study: cells, requests, tokens, "
                                                      "cost, memory, and what is there already. "
                                                      "Asks nobody and spends nothing."
                                                    : "Runs a study: buys the data once, trains every cell, "
                                                      "writes results.h5 and prints the main table. "
                                                      "Run it again to resume.",
                                   .option = is_plan ? plan_options : run_options,
                                   .n_options =
                                       is_plan ? 2 : (int)(sizeof run_options / sizeof run_options[0])};
    struct sg_args args;
    struct sg_team world;
    struct sg_err err = {0};
    int code;
    if (!sg_cli_begin(&usage, argc, argv, &args, is_plan ? NULL : &world, &code))
        return code;
    const char *overrides[256];
    char results_override[4096];
    int n = 0;
    sg_status status = SG_OK;
    if (args.n_overrides > 254)
        status = sg_fail(&err, SG_INPUT, "more than 254 overrides; hint: write them into a study file");
    for (int i = 0; status == SG_OK && i < args.n_overrides; i++)
        overrides[n++] = args.override[i];
    if (status == SG_OK && results) {
        if (snprintf(results_override, sizeof results_override, "results=%s", results) >=
            (int)sizeof results_override)
            status = sg_fail(&err, SG_INPUT, "--results: the path is too long");
        overrides[n++] = results_override;
    }
    o.study = args.n_positional ? args.positional[0] : "";
    o.n_overrides = n;
    o.overrides = overrides;
    if (status == SG_OK && is_plan) {
        struct sg_buf text = sg_buf_make(1 << 24);
        status = sg_plan(&o, as_json, &text, &err);
        if (status == SG_OK)
            status = sg_buf_check(&text, "the plan", &err);
        if (status == SG_OK)
            fputs(sg_buf_text(&text), stdout);
        sg_buf_free(&text);
    } else if (status == SG_OK)
        status = sg_run(&world, &o, &err);
    return sg_cli_end(&args, is_plan ? NULL : &world, status, &err);
}

int sg_cmd_run(int argc, char **argv)
{
    return study_command("run", argc, argv, 0);
}

int sg_cmd_plan(int argc, char **argv)
{
    return study_command("plan", argc, argv, 1);
}
