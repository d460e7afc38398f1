#include "base/file.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/status_text.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { STATUS_BYTES = 1 << 20 };

struct shown {
    const char *folder;
    char *path;
    int as_json, watches;
    char *before; /* what the file had when it was shown last; NULL: it was not */
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

/* On a terminal in place of the block before; elsewhere below it, and in one line a JSON object. */
static sg_status print_block(const struct shown *x, const json_t *o, const char *text, struct sg_err *err)
{
    int over = x->watches && isatty(STDOUT_FILENO);
    if (x->as_json && x->watches)
        return sg_cli_print_json(json_deep_copy(o), "the status", err);
    fputs(over ? "\033[H\033[2J" : x->watches && x->before ? "\n" : "", stdout);
    fputs(text, stdout);
    if (x->as_json)
        fputs("\n", stdout);
    fflush(stdout);
    return ferror(stdout) ? sg_fail(err, SG_FAILED, "standard output cannot be written") : SG_OK;
}

/* Reads the file, and shows it where it has news: on a terminal each time, since what runs goes on. */
static sg_status show(struct shown *x, enum sg_status_end *end, struct sg_err *err)
{
    char *bytes = NULL;
    struct sg_buf text = sg_buf_make(1 << 16);
    SG_TRY(sg_file_read(x->path, STATUS_BYTES, &bytes, NULL, err));
    json_t *o = json_loads(bytes, JSON_REJECT_DUPLICATES, NULL);
    sg_status status = SG_OK;
    int is_news = !x->before || strcmp(x->before, bytes) != 0;
    if (!x->as_json || x->watches || !o)
        status = sg_status_text(o, x->folder, x->path, &text, end, err);
    /* A run that ends gives its lease back after its last word: what is gone was not just ending when it is so twice. */
    if (status == SG_OK && x->watches && *end == SG_STATUS_GONE && is_news && x->before)
        *end = SG_STATUS_ON;
    if (status == SG_OK && (is_news || *end != SG_STATUS_ON || (isatty(STDOUT_FILENO) && !x->as_json)))
        status = print_block(x, o, x->as_json ? bytes : sg_buf_text(&text), err);
    json_decref(o);
    sg_buf_free(&text);
    sg_free(x->before);
    x->before = bytes;
    return status;
}

/* Until the run ends, or Ctrl-C. */
static sg_status watch(struct shown *x, struct sg_err *err)
{
    struct sigaction a = {.sa_handler = on_interrupt};
    enum sg_status_end end = SG_STATUS_ON;
    sigemptyset(&a.sa_mask);
    sigaction(SIGINT, &a, NULL);
    for (;;) {
        SG_TRY(show(x, &end, err));
        if (end != SG_STATUS_ON || interrupted)
            return SG_OK;
        for (int i = 0; i < 10 && !interrupted; i++)
            sg_sleep_us(100000);
        if (interrupted)
            return SG_OK;
    }
}

int sg_cmd_status(int argc, char **argv)
{
    struct shown x = {0};
    const struct sg_option option[] = {
        {.name = "json", .type = SG_OPT_FLAG, .help = "the status file as it is", .flag = &x.as_json},
        {.name = "watch",
         .type = SG_OPT_FLAG,
         .help = "again each second until the run ends; Ctrl-C ends it before",
         .flag = &x.watches},
    };
    const struct sg_usage usage = {.command = "status",
                                   .positional = "DIR",
                                   .n_positional = 1,
                                   .about =
                                       "How far a run is: cells, what each rank does, ETA, money, failures. "
                                       "Reads one small file; never disturbs the run. Of many ranks the "
                                       "first 32 have a row.",
                                   .option = option,
                                   .n_options = 2};
    struct sg_args args;
    struct sg_err err = {0};
    enum sg_status_end end = SG_STATUS_ON;
    int code;
    if (!sg_cli_begin(&usage, argc, argv, &args, NULL, &code))
        return code;
    x.folder = args.positional[0];
    x.path = sg_path_join(x.folder, "status.json");
    sg_status status = x.path ? SG_OK : sg_fail_memory(&err, 64);
    if (status == SG_OK && !sg_file_exists(x.path))
        status =
            sg_fail(&err, SG_INPUT,
                    "%s: no run has written there; hint: give the `results` folder of a study", x.folder);
    if (status == SG_OK)
        status = x.watches ? watch(&x, &err) : show(&x, &end, &err);
    sg_free(x.before);
    sg_free(x.path);
    return sg_cli_end(&args, NULL, status, &err);
}
