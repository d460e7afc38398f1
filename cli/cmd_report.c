#include "base/file.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "results/ledger/output_check.h"
#include "results/report/report.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

/* What damaged HDF5 files do to the library (seen with 1.10.8): it reads for ever (a link that leads back to its own group), or
 * writes where it must not (a length in the heap of texts). A file that is whole takes seconds a gigabyte; the time counts while we
 * compute alone, so that a slow file system is none. */
static const char endless[] = "synthgrid: damaged: reading results.h5 does not end; hint: `synthgrid run` "
                              "builds it again from the ledger\n";
static const char unreadable[] =
    "synthgrid: damaged: HDF5 breaks down over results.h5; hint: `synthgrid run` "
    "builds it again from the ledger\n";

static void on_endless(int signal_number)
{
    (void)signal_number;
    (void)!write(2, endless, sizeof endless - 1);
    _exit(2);
}

static void on_fault(int signal_number)
{
    (void)signal_number;
    (void)!write(2, unreadable, sizeof unreadable - 1);
    _exit(2);
}

static void guard_reading(const char *path)
{
    static char stack[65536]; /* the library's own may be used up */
    const stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    struct stat st;
    double size = stat(path, &st) == 0 ? (double)st.st_size : 0;
    struct itimerval limit = {.it_value.tv_sec = 8 + (time_t)(size / 4e6)};
    signal(SIGPROF, on_endless);
    setitimer(ITIMER_PROF, &limit, NULL);
    static const int fault[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK};
    sigaltstack(&own, NULL);
    for (size_t i = 0; i < sizeof fault / sizeof fault[0]; i++)
        sigaction(fault[i], &action, NULL);
}

int sg_cmd_report(int argc, char **argv)
{
    const char *format = "terminal", *output = NULL;
    const struct sg_option option[] = {
        {.name = "format",
         .type = SG_OPT_TEXT,
         .argument = "F",
         .help = "terminal (default), markdown or json",
         .text = &format},
        {.name = "output",
         .type = SG_OPT_TEXT,
         .argument = "FILE",
         .help = "instead of standard output",
         .text = &output},
    };
    const struct sg_usage usage = {.command = "report",
                                   .positional = "DIR|results.h5",
                                   .n_positional = 1,
                                   .about = "Tables of a study: task x method x size x mix with raw-only "
                                            "beside it, pools, money. Of a run that goes on, too.",
                                   .option = option,
                                   .n_options = 2};
    struct sg_args args;
    struct sg_err err = {0};
    int code;
    if (!sg_cli_begin(&usage, argc, argv, &args, NULL, &code))
        return code;
    static const char *const forms[] = {"terminal", "markdown", "json"};
    int form = -1;
    for (int i = 0; i < 3; i++)
        if (strcmp(format, forms[i]) == 0)
            form = i;
    sg_status status = SG_OK;
    struct sg_buf text = sg_buf_make((size_t)1 << 28);
    if (form < 0)
        status = sg_fail(&err, SG_INPUT, "--format %.40s: hint: terminal, markdown or json", format);
    if (status == SG_OK)
        status = sg_output_check("--output", output, args.positional, 1, &err);
    struct sg_report_source source = {0};
    if (status == SG_OK)
        status = sg_report_source_open(args.positional[0], &source, &err);
    if (status == SG_OK) {
        guard_reading(source.file);
        status = sg_report_draw(&source, (enum sg_report_form)form, &text, &err);
    }
    sg_report_source_close(&source);
    if (status == SG_OK)
        status = sg_buf_check(&text, "the report", &err);
    if (status == SG_OK && output)
        status = sg_file_write(output, sg_buf_text(&text), text.len, &err);
    else if (status == SG_OK)
        fputs(sg_buf_text(&text), stdout);
    sg_buf_free(&text);
    return sg_cli_end(&args, NULL, status, &err);
}
