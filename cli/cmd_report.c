#include "base/file.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/guard.h"
#include "results/ledger/output_check.h"
#include "results/report/report.h"
#include "results/report/section.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

static const size_t OUTPUT_MAX = (size_t)1 << 31;

/* What a form has made, until all of it is there: a report that fails leaves no half of itself behind. */
struct made {
    int64_t n;
    struct made_file {
        char *name;
        struct sg_buf text;
    } * file;
};

static sg_status put(void *context, const char *name, const struct sg_buf *content, struct sg_err *err)
{
    struct made *m = context;
    struct made_file *list = sg_grown(m->file, m->n, sizeof *list),
                     f = {sg_strdup(name), sg_buf_make(OUTPUT_MAX)};
    if (list)
        m->file = list;
    sg_buf_add(&f.text, sg_buf_text(content), content->len);
    if (!list || !f.name || f.text.failed) {
        sg_free(f.name);
        sg_buf_free(&f.text);
        return sg_fail_memory(err, content->len);
    }
    list[m->n++] = f;
    return SG_OK;
}

static void free_made(struct made *m)
{
    for (int64_t i = 0; i < m->n; i++) {
        sg_free(m->file[i].name);
        sg_buf_free(&m->file[i].text);
    }
    sg_free(m->file);
}

/* Where file i goes, and under which name it waits until all of them are on the disk: new memory, NULL without. */
static char *path_of(const struct made *m, const char *folder, int64_t i, int waits)
{
    return waits ? sg_strf("%s/%s.new.%ld", folder, m->file[i].name, (long)getpid())
                 : sg_path_join(folder, m->file[i].name);
}

static sg_status write_waiting(const struct made *m, const char *folder, struct sg_err *err)
{
    sg_status status = SG_OK;
    for (int64_t i = 0; i < m->n && status == SG_OK; i++) {
        char *path = path_of(m, folder, i, 1);
        status = path ? sg_file_write(path, sg_buf_text(&m->file[i].text), m->file[i].text.len, err)
                      : sg_fail_memory(err, strlen(folder));
        sg_free(path);
    }
    return status;
}

/* All files or, where the disk is full, none: what is there of an earlier report stays then. */
static sg_status write_folder(const struct made *m, const char *folder, struct sg_err *err)
{
    int is_new = !sg_dir_exists(folder);
    SG_TRY(sg_mkdirs(folder, err));
    sg_status status = write_waiting(m, folder, err);
    for (int64_t i = 0; i < m->n; i++) {
        char *waiting = path_of(m, folder, i, 1), *path = path_of(m, folder, i, 0);
        if (status == SG_OK)
            status =
                waiting && path ? sg_file_replace(waiting, path, err) : sg_fail_memory(err, strlen(folder));
        if (status != SG_OK && waiting)
            unlink(waiting);
        sg_free(waiting);
        sg_free(path);
    }
    if (status != SG_OK && is_new)
        rmdir(folder); /* unless it has something */
    return status;
}

static sg_status write_made(const struct made *m, const char *output, int is_folder, struct sg_err *err)
{
    if (output && is_folder)
        return write_folder(m, output, err);
    for (int64_t i = 0; i < m->n; i++) {
        const struct sg_buf *text = &m->file[i].text;
        if (output && strcmp(output, "-") != 0)
            SG_TRY(sg_file_write(output, sg_buf_text(text), text->len, err));
        else
            fwrite(sg_buf_text(text), 1, text->len, stdout);
    }
    return SG_OK;
}

/* How wide the terminal is, and whether it may be coloured (no-color.org: set and not empty); 100 columns of text elsewhere. */
static void look_at_terminal(const char *output, struct sg_form_options *o)
{
    struct winsize size;
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    if (output || !isatty(STDOUT_FILENO))
        return;
    o->colour = !(no_color && no_color[0]) && !(term && strcmp(term, "dumb") == 0);
    o->width = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 0;
}

/* Several files go to a folder, but to "accuracy.csv" one table alone, unless that is a folder. */
static int is_folder(const struct sg_form *form, const char *output)
{
    size_t n = output ? strlen(output) : 0, n_end = form->file_end ? strlen(form->file_end) : 0;
    return n && n_end && strcmp(output, "-") != 0 &&
           (n <= n_end || strcmp(output + n - n_end, form->file_end) != 0 || sg_dir_exists(output));
}

static sg_status report(const char *path, const char *compare, const struct sg_form *form, const char *output,
                        const struct sg_form_options *o, struct sg_err *err)
{
    const char *const inputs[] = {path, compare};
    struct sg_report_source source = {0}, other = {0};
    struct made made = {0};
    const struct sg_form_output out = {.context = &made, .put = put};
    int to_folder = is_folder(form, output);
    SG_TRY(to_folder ? sg_output_check_folder("--output", output, inputs, compare ? 2 : 1, err)
                     : sg_output_check("--output", output, inputs, compare ? 2 : 1, err));
    sg_status status = sg_report_source_open(path, &source, err);
    if (status == SG_OK && compare)
        status = sg_report_source_open(compare, &other, err);
    if (status == SG_OK) {
        sg_cli_guard_reading(source.file, other.file);
        status = sg_report_draw(&source, compare ? &other : NULL, form, o, &out, err);
    }
    sg_report_source_close(&other);
    sg_report_source_close(&source);
    if (status == SG_OK)
        status = write_made(&made, output, to_folder, err);
    free_made(&made);
    return status;
}

int sg_cmd_report(int argc, char **argv)
{
    const char *format = "terminal", *output = NULL, *section = NULL, *compare = NULL, *classifier = NULL;
    char forms[200], sections[600], about[1200];
    int all = 0, brief = 0, code;
    sg_form_names(forms, sizeof forms);
    sg_section_names(sections, sizeof sections);
    snprintf(
        about, sizeof about,
        "What a study found: answers and the main table on a terminal, all of it in other forms. Of a run "
        "that goes on, too.\nSections: %s.",
        sections);
    const struct sg_option option[] = {
        {.name = "format", .type = SG_OPT_TEXT, .argument = "F", .help = forms, .text = &format},
        {.name = "section",
         .type = SG_OPT_TEXT,
         .argument = "NAME",
         .help = "this section alone",
         .text = &section},
        {.name = "compare",
         .type = SG_OPT_TEXT,
         .argument = "OTHER",
         .help = "another DIR or results.h5 to compare it with",
         .text = &compare},
        {.name = "classifier",
         .type = SG_OPT_TEXT,
         .argument = "NAME",
         .help = "fine_tune or probe: whose cells, where the study has both",
         .text = &classifier},
        {.name = "brief",
         .type = SG_OPT_FLAG,
         .help = "on a terminal: a row a task and five sentences, as a run ends with",
         .flag = &brief},
        {.name = "all", .type = SG_OPT_FLAG, .help = "on a terminal: all sections", .flag = &all},
        {.name = "output",
         .type = SG_OPT_TEXT,
         .argument = "FILE|DIR",
         .help =
             "instead of standard output; of csv and latex a folder, or FILE.csv and FILE.tex for one table",
         .text = &output},
    };
    const struct sg_usage usage = {.command = "report",
                                   .positional = "DIR|results.h5",
                                   .n_positional = 1,
                                   .about = about,
                                   .option = option,
                                   .n_options = sizeof option / sizeof *option};
    struct sg_args args;
    struct sg_err err = {0};
    if (!sg_cli_begin(&usage, argc, argv, &args, NULL, &code))
        return code;
    const struct sg_form *form = sg_form_of(format);
    struct sg_form_options o = {.section = section,
                                .classifier = classifier,
                                .all = all,
                                .brief = brief,
                                .one_file = form && !is_folder(form, output)};
    look_at_terminal(output, &o);
    sg_status status = form ? report(args.positional[0], compare, form, output, &o, &err)
                            : sg_fail(&err, SG_INPUT, "--format %.40s: hint: one of %s", format, forms);
    return sg_cli_end(&args, NULL, status, &err);
}
