/* Manual pages in mdoc(7), from the same tables as --help. */
#include "cli/usages.h"

#include "base/text.h"
#include "experiments/study/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char STUDY[] = "study";

static void word(struct sg_buf *b, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sg_buf_printf(b, text[i] == '\\' ? "\\e" : "%c", text[i]);
}

/* A paragraph as mdoc wants it: each sentence begins a line, lines are short, and no line begins as a request does. */
static void paragraph(struct sg_buf *b, const char *text)
{
    size_t width = 0, ends = 1;
    while (*(text += strspn(text, " \n"))) {
        size_t n = strcspn(text, " \n");
        if (width && (ends || width + 1 + n > 78))
            sg_buf_puts(b, "\n"), width = 0;
        sg_buf_puts(b, width ? " " : *text == '.' || *text == '\'' ? "\\&" : "");
        word(b, text, n);
        width += n + 1;
        ends = strchr(".!?", text[n - 1]) != NULL;
        text += n;
    }
    sg_buf_puts(b, "\n");
}

/* On a line of macros: what could be one of them, or splits words, is held together. */
static void argument(struct sg_buf *b, const char *text)
{
    sg_buf_puts(b, "\\&");
    for (; *text; text++)
        sg_buf_printf(b, *text == ' ' ? "\\ " : *text == '\\' ? "\\e" : *text == '"' ? "\\(dq" : "%c", *text);
}

/* Of now, or of the day that the builder says. */
static void head(struct sg_buf *b, const char *title, const char *section)
{
    static const char *const month[] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};
    const char *said = getenv("SOURCE_DATE_EPOCH");
    int64_t seconds = 0;
    time_t now = said && sg_parse_int64(said, &seconds) ? (time_t)seconds : time(NULL);
    struct tm day = {0};
    gmtime_r(&now, &day);
    sg_buf_printf(b, ".\\\" made by `synthgrid manual`\n.Dd %s %d, %d\n.Dt ", month[day.tm_mon], day.tm_mday,
                  day.tm_year + 1900);
    for (const char *p = title; *p; p++)
        sg_buf_printf(b, "%c", *p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
    sg_buf_printf(b, " %s\n.Os\n.Sh NAME\n", section);
}

static void option(struct sg_buf *b, const struct sg_option *o)
{
    sg_buf_puts(b, ".It ");
    if (o->letter)
        sg_buf_printf(b, "Fl %c , ", o->letter);
    sg_buf_printf(b, "Fl -%s", o->name);
    if (o->argument) {
        sg_buf_puts(b, " Ar ");
        argument(b, o->argument);
    }
    sg_buf_puts(b, "\n");
    paragraph(b, o->help);
}

static void exit_codes(struct sg_buf *b)
{
    sg_buf_puts(b, ".Sh EXIT STATUS\n.Bl -tag -width Ds -compact\n.It 0\ndone\n.It 1\nfailed\n.It 2\nwrong "
                   "usage, study or data\n"
                   ".It 3\nstopped at a limit (money, wall time, signal): run again to resume\n.It "
                   "4\nfinished, but some cells failed\n.El\n");
}

static void command_page(const struct sg_command *c, const struct sg_usage *u, void *out)
{
    struct sg_buf *b = out;
    char file[80];
    snprintf(file, sizeof file, "synthgrid-%s", c->name);
    head(b, file, "1");
    sg_buf_printf(b, ".Nm synthgrid-%s\n.Nd %s\n.Sh SYNOPSIS\n.Nm synthgrid %s\n", c->name, c->help, c->name);
    if (u->positional) {
        sg_buf_puts(b, ".Ar ");
        argument(b, u->positional);
        sg_buf_puts(b, "\n");
    }
    for (int i = 0; i < u->n_options; i++) {
        const struct sg_option *o = &u->option[i];
        sg_buf_printf(b, ".%sFl -%s", o->required ? "" : "Op ", o->name);
        if (o->argument) {
            sg_buf_puts(b, " Ar ");
            argument(b, o->argument);
        }
        sg_buf_puts(b, "\n");
    }
    if (u->overrides) {
        sg_buf_puts(b, ".Op Ar ");
        argument(b, u->overrides);
        sg_buf_puts(b, " ...\n");
    }
    sg_buf_puts(b, ".Sh DESCRIPTION\n");
    paragraph(b, u->about);
    sg_buf_puts(b, ".Pp\nOptions:\n.Bl -tag -width Ds\n");
    for (int i = 0; i < u->n_options; i++)
        option(b, &u->option[i]);
    sg_buf_puts(b, ".It Fl -help\nthe usage\n.El\n");
    exit_codes(b);
    sg_buf_printf(b, ".Sh SEE ALSO\n.Xr synthgrid 1%s\n", u->overrides ? " ,\n.Xr synthgrid-study 5" : "");
}

static void study_page(struct sg_buf *b)
{
    head(b, "synthgrid-study", "5");
    sg_buf_puts(
        b, ".Nm synthgrid-study\n.Nd a study: what synthgrid buys, trains and compares\n.Sh DESCRIPTION\n"
           "A study is a YAML file of these settings.\n"
           "A dot is a group:\n.Ic train.epochs\nis\n.Ic epochs\nunder\n.Ic train .\n"
           "On a command line\n.Ar key=value\nstands for the same, and the last one counts:\n"
           ".Ql train.epochs=5 sizes=[100,500] .\n.Bl -tag -width Ds\n");
    for (int i = 0; i < sg_study_schema.n; i++) {
        const struct sg_setting *s = &sg_study_schema.row[i];
        if (s->flags & SG_SET_TRAIN_ONLY)
            continue;
        struct sg_buf takes = sg_buf_make(1 << 16);
        sg_buf_puts(&takes, "Takes ");
        sg_setting_describe(s, &takes);
        if (s->initial)
            sg_buf_printf(&takes, "; default: %s", s->initial);
        sg_buf_printf(&takes, "%s.", s->flags & SG_SET_REQUIRED ? "; required" : "");
        sg_buf_puts(b, ".It Ic ");
        argument(b, s->key);
        sg_buf_puts(b, "\n");
        paragraph(b, s->help);
        sg_buf_puts(b, ".br\n");
        paragraph(b, sg_buf_text(&takes));
        sg_buf_free(&takes);
    }
    sg_buf_puts(b, ".El\n.Sh SEE ALSO\n.Xr synthgrid 1 ,\n.Xr synthgrid-settings 1\n");
}

static void program_page(struct sg_buf *b)
{
    head(b, "synthgrid", "1");
    sg_buf_puts(
        b, ".Nm synthgrid\n.Nd whether data written by a language model helps to train a text classifier\n"
           ".Sh SYNOPSIS\n.Nm synthgrid\n.Ar COMMAND\n.Op Ar argument ...\n.Nm mpirun\n.Fl n Ar RANKS\n.Nm "
           "synthgrid\n"
           ".Ar COMMAND\n.Op Ar argument ...\n.Sh DESCRIPTION\n"
           "One YAML file describes a grid: tasks, generation methods, amounts of\nsynthetic and raw data, "
           "seeds.\n"
           "One command buys the synthetic data once, trains a classifier for every\ncell of the grid over "
           "MPI, and leaves "
           "one HDF5 file with all numbers,\nand a verdict.\n.Bl -tag -width Ds\n");
    for (int i = 0; i < sg_n_commands; i++) {
        sg_buf_printf(b, ".It Ic %s Ar ", sg_command[i].name);
        argument(b, sg_command[i].arguments);
        sg_buf_puts(b, "\n");
        paragraph(b, sg_command[i].help);
    }
    sg_buf_puts(
        b,
        ".El\n.Pp\nEach has a page of its own, as\n.Xr synthgrid-run 1 .\n.Sh ENVIRONMENT\n.Bl -tag -width "
        "Ds\n"
        ".It Ev OPENAI_API_KEY , Ev OPENAI_BASE_URL\nthe key of the endpoint, or the variable that the "
        "study's\n"
        ".Ic generator.api_key_env\nnames; the endpoint where the study names none\n"
        ".It Ev OMP_NUM_THREADS , Ev SLURM_CPUS_PER_TASK\nthreads of a rank; otherwise the cores that it may "
        "use\n"
        ".It Ev NO_COLOR\nno colour on a terminal\n.El\n.Sh FILES\n.Bl -tag -width Ds\n"
        ".It Pa PREFIX/share/synthgrid/experiments\nstudies and tasks, found by their names from any folder\n"
        ".It Pa PREFIX/share/synthgrid/slurm/study.sbatch\na study as a batch job\n"
        ".It Pa results/STUDY/results.h5\nwhat a study found\n.El\n");
    exit_codes(b);
    sg_buf_puts(b,
                ".Sh EXAMPLES\n.Dl mpirun -n 2 synthgrid run experiments/quickstart.yaml\n"
                ".Dl synthgrid report results/quickstart --format html --output report.html\n.Sh SEE ALSO\n");
    sg_buf_puts(b, ".Xr synthgrid-run 1 ,\n.Xr synthgrid-study 5\n");
}

void sg_manual_file(const char *name, char file[80])
{
    if (strcmp(name, "synthgrid") == 0)
        snprintf(file, 80, "synthgrid.1");
    else
        snprintf(file, 80, "synthgrid-%.60s.%s", name, strcmp(name, STUDY) == 0 ? "5" : "1");
}

sg_status sg_manual(const char *name, struct sg_buf *out, struct sg_err *err)
{
    if (strcmp(name, "synthgrid") == 0)
        return program_page(out), SG_OK;
    if (strcmp(name, STUDY) == 0)
        return study_page(out), SG_OK;
    for (int i = 0; i < sg_n_commands; i++)
        if (strcmp(name, sg_command[i].name) == 0)
            return sg_usage_of(&sg_command[i], command_page, out), SG_OK;
    return sg_fail(err, SG_INPUT,
                   "manual: there is no page \"%.60s\"; hint: synthgrid, study, or a command's name", name);
}
