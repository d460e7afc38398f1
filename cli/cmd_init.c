#include "base/mem.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/row_options.h"
#include "experiments/run/init.h"

#include <stdio.h>

int sg_cmd_init(int argc, char **argv)
{
    struct sg_row_options rows = {0};
    struct sg_init_options o = {.output = "."};
    const struct sg_option option[] = {
        {"text", SG_OPT_TEXT, "COL", "the column of the text; else found (docs/data.md)",
         .text = &o.fields.first},
        {"text2", SG_OPT_TEXT, "COL", "of a pair: the column of the second text", .text = &o.fields.second},
        {"label", SG_OPT_TEXT, "COL", "the label's column; else found", .text = &o.fields.label},
        {"test", SG_OPT_TEXT, "FILE", "test rows; else a fourth of the rows of each class becomes them",
         .text = &o.test_file},
        {"name", SG_OPT_TEXT, "NAME", "of the task; else as the file is called", .text = &o.name},
        {"output", SG_OPT_TEXT, "DIR", "where the files go (the current folder)", .text = &o.output},
        SG_ROW_OPTIONS(&rows),
    };
    const struct sg_usage usage = {.command = "init",
                                   .positional = "FILE",
                                   .n_positional = 1,
                                   .about = "Makes a study of one's own labelled rows (CSV, TSV, JSON): a "
                                            "task file with its classes and first prompts, the rows split\n"
                                            "into training and test ones, and a small study. `synthgrid "
                                            "plan` then says what it costs and what it lacks.",
                                   .option = option,
                                   .n_options = sizeof option / sizeof option[0]};
    struct sg_args args;
    struct sg_err err = {0};
    int code;
    if (!sg_cli_begin(&usage, argc, argv, &args, NULL, &code))
        return code;
    struct sg_buf said = sg_buf_make(1 << 20);
    o.file = args.positional[0];
    sg_status status = sg_row_options_parse(&rows, &err);
    o.fields.quotes = rows.fields.quotes;
    if (rows.names) /* --fields says all at once */
        o.fields = rows.fields;
    if (status == SG_OK && o.fields.second && !o.fields.first)
        status = sg_fail(&err, SG_INPUT, "--text2 needs --text; hint: --text is the pair's first text");
    if (status == SG_OK)
        status = sg_init(&o, &said, &err);
    if (status == SG_OK)
        fputs(sg_buf_text(&said), stdout);
    sg_row_options_free(&rows);
    sg_buf_free(&said);
    return sg_cli_end(&args, NULL, status, &err);
}
