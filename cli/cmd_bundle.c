#include "cli/commands.h"
#include "cli/common.h"
#include "experiments/bundle/bundle.h"

#include <stdio.h>
#include <sys/stat.h>

static sg_status print(const char *file, const struct sg_bundle *b, struct sg_err *err)
{
    struct sg_buf text = sg_buf_make(1 << 16);
    struct stat st;
    double n_bytes = stat(file, &st) == 0 ? (double)st.st_size : 0;
    sg_bundle_describe(b, &text);
    sg_status status = sg_buf_check(&text, "the description", err);
    if (status == SG_OK)
        printf("bundle   %s, %.1f kB\n%s", file, n_bytes / 1000, sg_buf_text(&text));
    sg_buf_free(&text);
    return status;
}

int sg_cmd_bundle(int argc, char **argv)
{
    const char *results = NULL;
    struct sg_seal_options o = {0};
    const struct sg_option option[] = {
        {.name = "results",
         .type = SG_OPT_TEXT,
         .argument = "DIR",
         .help = "instead of the study's `results`",
         .text = &results},
        {.name = "with-data",
         .type = SG_OPT_FLAG,
         .help =
             "put the rows in as well, where their licence allows to pass them on; else their digests alone",
         .flag = &o.with_data},
    };
    const struct sg_usage usage = {
        .command = "bundle",
        .positional = "STUDY FILE",
        .n_positional = 2,
        .overrides = "key=value",
        .about =
            "Seals a study with all that was bought for it into one file, which `synthgrid run FILE` replays "
            "anywhere, with no key, server or network, to the same results. All completions must be there "
            "(`run` or `generate` first). Prints the seal, which `run --digest` insists on.",
        .option = option,
        .n_options = 2};
    struct sg_args args;
    struct sg_err err = {0};
    int code;
    if (!sg_cli_begin(&usage, argc, argv, &args, NULL, &code))
        return code;
    struct sg_cli_overrides overrides;
    struct sg_bundle b = {0};
    sg_status status = sg_cli_overrides(&args, results, &overrides, &err);
    if (status == SG_OK) {
        o.study = args.positional[0];
        o.file = args.positional[1];
        o.n_overrides = overrides.n;
        o.overrides = overrides.item;
        status = sg_bundle_seal(&o, &b, &err);
    }
    if (status == SG_OK)
        status = print(o.file, &b, &err);
    sg_bundle_free(&b);
    return sg_cli_end(&args, NULL, status, &err);
}
