#include "cli/commands.h"
#include "cli/common.h"
#include "experiments/study/settings.h"

#include <stdio.h>

int sg_cmd_settings(int argc, char **argv)
{
    int as_json = 0;
    const struct sg_option option[] = {
        {.name = "json",
         .type = SG_OPT_FLAG,
         .help = "with STUDY: a JSON object instead of lines",
         .flag = &as_json},
    };
    const struct sg_usage usage = {.command = "settings",
                                   .positional = "STUDY",
                                   .n_positional = 1,
                                   .n_optional = 1,
                                   .overrides = "key=value",
                                   .about = "All settings of a study: what they take, their defaults, what "
                                            "they do. With STUDY its values, and where each "
                                            "comes from: the file's line, the command line, or the default.",
                                   .option = option,
                                   .n_options = 1};
    struct sg_args args;
    struct sg_err err = {0};
    int code;
    if (!sg_cli_begin(&usage, argc, argv, &args, NULL, &code))
        return code;
    struct sg_buf text = sg_buf_make((size_t)1 << 24);
    sg_status status = SG_OK;
    struct sg_cli_overrides overrides;
    if (!args.n_positional && (args.n_overrides || as_json))
        status = sg_fail(&err, SG_INPUT, "values are a study's; hint: synthgrid settings STUDY");
    else if (!args.n_positional)
        sg_settings_help(&text);
    else {
        status = sg_cli_overrides(&args, NULL, &overrides, &err);
        if (status == SG_OK)
            status = sg_study_settings(args.positional[0], overrides.n, overrides.item, as_json, &text, &err);
    }
    if (status == SG_OK)
        status = sg_buf_check(&text, "the settings", &err);
    if (status == SG_OK)
        fputs(sg_buf_text(&text), stdout);
    sg_buf_free(&text);
    return sg_cli_end(&args, NULL, status, &err);
}
