#include "cli/commands.h"
#include "cli/common.h"
#include "cli/usages.h"

#include "base/file.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

static sg_status make(const char *name, struct sg_buf *page, struct sg_err *err)
{
    sg_buf_clear(page);
    SG_TRY(sg_manual(name, page, err));
    return sg_buf_check(page, "a manual page", err);
}

/* DIR/man1/synthgrid-run.1 and the others, as man looks for them. */
static sg_status write_page(const char *dir, const char *name, struct sg_buf *page, struct sg_err *err)
{
    char file[80];
    sg_manual_file(name, file);
    char *folder = sg_strf("%s/man%c", dir, file[strlen(file) - 1]),
         *path = folder ? sg_path_join(folder, file) : NULL;
    sg_status status = path ? sg_mkdirs(folder, err) : sg_fail_memory(err, 256);
    if (status == SG_OK)
        status = make(name, page, err);
    if (status == SG_OK)
        status = sg_file_write(path, page->data, page->len, err);
    sg_free(folder);
    sg_free(path);
    return status;
}

static sg_status write_all(const char *dir, struct sg_buf *page, struct sg_err *err)
{
    SG_TRY(write_page(dir, "synthgrid", page, err));
    SG_TRY(write_page(dir, "study", page, err));
    for (int i = 0; i < sg_n_commands; i++)
        SG_TRY(write_page(dir, sg_command[i].name, page, err));
    return SG_OK;
}

int sg_cmd_manual(int argc, char **argv)
{
    const char *dir = NULL;
    const struct sg_option option[] = {
        {.name = "output",
         .type = SG_OPT_TEXT,
         .argument = "DIR",
         .help = "all pages, as DIR/man1/synthgrid.1 and so on",
         .text = &dir,
         .letter = 'o'},
    };
    const struct sg_usage usage = {
        .command = "manual",
        .positional = "NAME",
        .n_positional = 1,
        .n_optional = 1,
        .about = "Prints a manual page, made from the tables that --help and the study's reader use, for "
                 "`man -l -`. NAME is a command, "
                 "or study for the settings of a study. Without NAME: the page of synthgrid itself.",
        .option = option,
        .n_options = 1};
    struct sg_args args;
    struct sg_err err = {0};
    int code;
    if (!sg_cli_begin(&usage, argc, argv, &args, NULL, &code))
        return code;
    struct sg_buf page = sg_buf_make((size_t)1 << 22);
    sg_status status = SG_OK;
    if (dir && args.n_positional)
        status = sg_fail(&err, SG_INPUT, "manual: --output writes all pages; hint: leave out \"%.60s\"",
                         args.positional[0]);
    else if (dir)
        status = write_all(dir, &page, &err);
    else
        status = make(args.n_positional ? args.positional[0] : "synthgrid", &page, &err);
    if (status == SG_OK && !dir)
        fputs(sg_buf_text(&page), stdout);
    sg_buf_free(&page);
    return sg_cli_end(&args, NULL, status, &err);
}
