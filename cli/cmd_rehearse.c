#include "cli/commands.h"
#include "cli/common.h"
#include "experiments/run/rehearsal.h"

/* Before MPI starts, since a process that forks after that may break it. What is wrong with the command line is left to
 * sg_cli_begin to tell. */
static sg_status begin(const struct sg_usage *usage, int argc, char **argv, struct sg_rehearsal_options *o,
                       struct sg_rehearsal **r, struct sg_err *err)
{
    struct sg_args args;
    struct sg_err ignored = {0};
    if (sg_options_parse(usage, argc, argv, &args, &ignored) != SG_OK)
        return SG_OK;
    sg_status status = SG_OK;
    if (!args.help) {
        o->study = args.positional[0];
        o->n_overrides = args.n_overrides;
        o->overrides = args.override;
        status = sg_rehearsal_begin(o, sg_cli_launched_rank() == 0, r, err);
    }
    sg_args_free(&args);
    return status;
}

int sg_cmd_rehearse(int argc, char **argv)
{
    struct sg_rehearsal_options o = {.max_usd = -1};
    const struct sg_option option[] = {
        {.name = "results",
         .type = SG_OPT_TEXT,
         .argument = "DIR",
         .help = "instead of the study's `results` with -rehearsal behind it; emptied first",
         .text = &o.results},
        {.name = "buy-only", .type = SG_OPT_FLAG, .help = "train nothing", .flag = &o.buy_only},
        {.name = "keep-pace",
         .type = SG_OPT_FLAG,
         .help = "keep the study's requests_per_min and tokens_per_min, on which the stub insists, too",
         .flag = &o.keep_pace},
        {.name = "latency",
         .type = SG_OPT_NUMBER,
         .argument = "S",
         .help = "seconds that the stub takes for each answer",
         .number = &o.latency_s},
        {.name = "faults",
         .type = SG_OPT_TEXT,
         .argument = "FILE",
         .help = "the stub's faults, a script as in docs/buying.md",
         .text = &o.faults},
        {.name = "max-usd",
         .type = SG_OPT_NUMBER,
         .argument = "USD",
         .help = "limit, instead of budget.usd",
         .number = &o.max_usd},
    };
    const struct sg_usage usage = {
        .command = "rehearse",
        .positional = "STUDY",
        .n_positional = 1,
        .overrides = "key=value",
        .about =
            "Runs the whole study against a stub LLM server on this machine: with no money, no key and no "
            "network, from the first file to results.h5, under mpirun as well (on one node). Prints what was "
            "asked for, what it costs at the study's prices, and how long it takes at the study's limits. "
            "The "
            "stub's texts mean nothing, so its tables do not either. Needs python3.",
        .option = option,
        .n_options = sizeof option / sizeof option[0]};
    struct sg_args args;
    struct sg_team world;
    struct sg_err err = {0};
    struct sg_rehearsal *r = NULL;
    int code;
    sg_status status = begin(&usage, argc, argv, &o, &r, &err);
    if (!sg_cli_begin(&usage, argc, argv, &args, &world, &code)) {
        sg_rehearsal_end(r);
        return code;
    }
    status = sg_agree(&world, status, &err);
    if (status == SG_OK)
        status = sg_rehearsal_run(&world, r, &err);
    sg_rehearsal_end(r);
    return sg_cli_end(&args, &world, status, &err);
}
