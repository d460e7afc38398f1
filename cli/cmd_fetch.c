/* synthgrid fetch: models and data sets from the Hugging Face Hub. */
#include "cli/commands.h"
#include "cli/common.h"
#include "experiments/fetch/fetch.h"
#include "experiments/study/study.h"

#include <string.h>

int sg_cmd_fetch(int argc, char **argv)
{
    struct sg_fetch_options o = {.dir = SG_ROWS_USUAL_DIR};
    const struct sg_option option[] = {
        {"dir", SG_OPT_TEXT, "DIR",
         "of data: where the tasks' rows go, as data.dir of a study (" SG_ROWS_USUAL_DIR ")", .text = &o.dir},
        {"update", SG_OPT_FLAG, NULL, "ask the Hub anew what main (or another branch) is", .flag = &o.update},
    };
    const struct sg_usage usage = {
        .command = "fetch",
        .positional = "model|data NAME",
        .n_positional = 2,
        .about = "From the Hugging Face Hub, before a run and where there is a network.\n"
                 "  fetch model FacebookAI/roberta-base[@REVISION]   an encoder into the Hub's cache, for "
                 "train.encoder or --encoder\n"
                 "  fetch data TASK[@REVISION]|all                   a task's rows into DIR/TASK/train.jsonl "
                 "and test.jsonl\n"
                 "Files are checked by their digests, rows by their number; an interrupted fetch goes on "
                 "where it was.\n"
                 "HF_HOME, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE are heeded. It needs python3, and "
                 "installs huggingface_hub with pip\n"
                 "into a virtual environment below ~/.cache/synthgrid where that cannot be imported "
                 "(SYNTHGRID_PYTHON names another python).",
        .option = option,
        .n_options = sizeof option / sizeof option[0],
    };
    struct sg_args args;
    struct sg_err err = {0};
    int code;
    if (!sg_cli_begin(&usage, argc, argv, &args, NULL, &code))
        return code;
    const char *what = args.positional[0], *name = args.positional[1];
    sg_status status =
        strcmp(what, "model") == 0 ? sg_fetch_model(name, &o, &err)
        : strcmp(what, "data") == 0
            ? sg_fetch_data(name, &o, &err)
            : sg_fail(&err, SG_INPUT,
                      "fetch what? \"%.40s\" is neither model nor data; hint: `synthgrid fetch "
                      "--help`",
                      what);
    return sg_cli_end(&args, NULL, status, &err);
}
