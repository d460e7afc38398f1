#include "base/file.h"
#include "base/mem.h"
#include "base/tell.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/guard.h"
#include "results/export/export.h"
#include "results/h5/store.h"
#include "results/ledger/output_check.h"

#include <stdio.h>
#include <string.h>

static sg_status export(const char *path, struct sg_export_options *o, struct sg_err *err)
{
    struct sg_report_source source = {0};
    char *above = sg_dir_exists(path) ? sg_strdup(path) : sg_path_dir(path), *notes = NULL;
    if (!above)
        return sg_fail_memory(err, strlen(path));
    o->ledger = above;
    sg_status status = sg_output_check("--output", o->output, &path, 1, err);
    if (status == SG_OK)
        status = sg_report_source_open(path, &source, err);
    if (status == SG_OK) {
        sg_cli_guard_reading(source.file, NULL);
        status =
            sg_store_verify(source.file, err); /* nothing goes out under a digest that it does not have */
        sg_cli_guard_end();
    }
    if (status == SG_OK)
        status = sg_export(&source, o, &notes, err);
    for (char *line = notes, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        sg_tell_sentence(line);
    }
    sg_report_source_close(&source);
    sg_free(notes);
    sg_free(above);
    return status;
}

int sg_cmd_export(int argc, char **argv)
{
    struct sg_export_options o = {0};
    const char *format = NULL;
    char names[100];
    sg_export_format_names(names, sizeof names);
    const struct sg_option option[] = {
        {.name = "format",
         .type = SG_OPT_TEXT,
         .argument = "F",
         .help = names,
         .text = &format,
         .required = 1},
        {.name = "output",
         .letter = 'o',
         .type = SG_OPT_TEXT,
         .argument = "OUT",
         .help = "a new folder; with --table a new file",
         .text = &o.output,
         .required = 1},
        {.name = "table",
         .type = SG_OPT_TEXT,
         .argument = "NAME",
         .help = "of csv: this table alone",
         .text = &o.table},
        {.name = "license",
         .type = SG_OPT_TEXT,
         .argument = "L",
         .help = "of hf and croissant: what it is published under; else unknown",
         .text = &o.license},
        {.name = "creator",
         .type = SG_OPT_TEXT,
         .argument = "NAME",
         .help = "of croissant: who publishes it",
         .text = &o.creator},
        {.name = "url",
         .type = SG_OPT_TEXT,
         .argument = "URL",
         .help = "of croissant: where it is published",
         .text = &o.url},
    };
    const struct sg_usage usage = {
        .command = "export",
        .positional = "DIR|results.h5",
        .n_positional = 1,
        .about =
            "Writes a study's results for other programs. csv: each table as a file, with units and "
            "descriptions of all columns. hf: the synthetic examples as JSON Lines with a dataset card, for "
            "Hugging Face's `datasets`. croissant: both, with Croissant 1.1 metadata.",
        .option = option,
        .n_options = sizeof option / sizeof *option};
    struct sg_args args;
    struct sg_err err = {0};
    int code;
    if (!sg_cli_begin(&usage, argc, argv, &args, NULL, &code))
        return code;
    o.format = sg_export_format_of(format);
    sg_status status = o.format ? export(args.positional[0], &o, &err)
                                : sg_fail(&err, SG_INPUT, "--format %.40s: hint: one of %s", format, names);
    return sg_cli_end(&args, NULL, status, &err);
}
