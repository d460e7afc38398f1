#include "cli/commands.h"
#include "cli/common.h"
#include "experiments/run/explain.h"

#include <stdio.h>

int sg_cmd_explain(int argc, char **argv)
{
    struct sg_explain_options o = {0};
    const struct sg_option option[] = {
        {.name = "json", .type = SG_OPT_FLAG, .help = "one JSON object", .flag = &o.as_json},
    };
    const struct sg_usage usage = {
        .command = "explain",
        .positional = "DIR [CELL]",
        .n_positional = 2,
        .n_optional = 1,
        .overrides = "setting=value",
        .about =
            "Why a cell waits, why it failed, where it ran, what it was trained on and what that has cost, "
            "and "
            "what came of it. CELL is the beginning of its id; or say what it is: task=sst2 method=zero_shot "
            "size=20 status=failed. Where several cells are that, they are listed. Reads a copy of the "
            "ledger; never disturbs a run.",
        .option = option,
        .n_options = 1};
    struct sg_args args;
    struct sg_err err = {0};
    int code;
    if (!sg_cli_begin(&usage, argc, argv, &args, NULL, &code))
        return code;
    o.folder = args.positional[0];
    o.id = args.n_positional > 1 ? args.positional[1] : NULL;
    o.n_words = args.n_overrides;
    o.word = args.override;
    struct sg_buf text = sg_buf_make(1 << 22);
    sg_status status = sg_explain(&o, &text, &err);
    if (status == SG_OK)
        fputs(sg_buf_text(&text), stdout);
    sg_buf_free(&text);
    return sg_cli_end(&args, NULL, status, &err);
}
