#include "cli/commands.h"
#include "cli/common.h"
#include "cli/usages.h"

#include <stdio.h>

int sg_cmd_completion(int argc, char **argv)
{
    const struct sg_usage usage = {.command = "completion",
                                   .positional = "bash|zsh|fish",
                                   .n_positional = 1,
                                   .about = "Prints completions of commands, options and settings for a "
                                            "shell. An installed synthgrid has them in the "
                                            "shells' own folders; else\n`source <(synthgrid completion "
                                            "bash)`, `source <(synthgrid completion zsh)` "
                                            "after compinit, or `synthgrid completion fish | source`."};
    struct sg_args args;
    struct sg_err err = {0};
    int code;
    if (!sg_cli_begin(&usage, argc, argv, &args, NULL, &code))
        return code;
    struct sg_buf text = sg_buf_make((size_t)1 << 22);
    sg_status status = sg_completion(args.positional[0], &text, &err);
    if (status == SG_OK)
        status = sg_buf_check(&text, "the completions", &err);
    if (status == SG_OK)
        fputs(sg_buf_text(&text), stdout);
    sg_buf_free(&text);
    return sg_cli_end(&args, NULL, status, &err);
}
