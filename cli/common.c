#include "cli/common.h"

#include "base/file.h"
#include "base/launcher.h"
#include "base/secret.h"
#include "base/tell.h"
#include "base/text.h"
#include "cli/usages.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

int64_t sg_cli_peak_rss(void)
{
    struct rusage use;
    return getrusage(RUSAGE_SELF, &use) == 0 ? (int64_t)use.ru_maxrss * 1024 : 0; /* Linux counts in KiB */
}

int64_t sg_cli_launched_rank(void)
{
    return sg_launcher_rank();
}

int sg_cli_begin(const struct sg_usage *usage, int argc, char **argv, struct sg_args *args,
                 struct sg_team *world, int *code)
{
    struct sg_err err = {0};
    int64_t size = sg_launcher_size(), rank = sg_launcher_rank();
    *args = (struct sg_args){0};
    *code = SG_OK;
    if (sg_usage_shown(usage))
        return 0;
    if (!world && rank > 0)
        return 0; /* `mpirun -n 4 synthgrid predict ...`: rank 0 does it */
    sg_status status = sg_options_parse(usage, argc, argv, args, &err);
    int over = status != SG_OK || args->help;
    /* Of several ranks, one that ends by itself makes the launcher kill the others before rank 0 has spoken;
     * so all meet in MPI first. A single process needs no MPI to print a text. */
    if (world && (!over || size > 1)) {
        struct sg_err why = {0};
        sg_status started = sg_mpi_start(&argc, &argv, world, &why);
        if (started != SG_OK) {
            sg_tell_sentence(why.text);
            sg_args_free(args);
            *code = started;
            return 0;
        }
        rank = world->rank;
    }
    if (!over)
        return 1;
    if (args->help && rank == 0)
        sg_options_help(usage, stdout);
    *code = sg_cli_end(args, world && size > 1 ? world : NULL, status, &err);
    return 0;
}

/* Whoever reads standard output has gone: `report | head`. */
static int reader_is_gone(void)
{
    struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&p, 1, 0) == 1 && (p.revents & POLLERR);
}

int sg_cli_end(struct sg_args *args, const struct sg_team *world, sg_status status, struct sg_err *err)
{
    int speaks = !world || world->rank == 0;
    int broken = fflush(stdout) != 0 || ferror(stdout);
    int why = errno;
    if (broken && !world &&
        reader_is_gone()) { /* a text for people, cut as they wanted it: ends as any filter does */
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    if (broken && status == SG_OK)
        status = sg_fail(err, sg_write_status(why), "standard output: %s", strerror(why));
    /* Only rank 0 writes, so only it can meet a full disk here. */
    if (world) {
        int code = (int)status;
        if (MPI_Bcast(&code, 1, MPI_INT, 0, world->comm) == MPI_SUCCESS && code != SG_OK && status == SG_OK)
            status = (sg_status)code;
    }
    if (status == SG_FULL && !strstr(err->text, "hint:"))
        sg_fail(err, SG_FULL, "%.900s; hint: make room there; the same command then goes on", err->text);
    if (status != SG_OK && speaks)
        sg_tell_sentence(err->text);
    sg_args_free(args);
    if (world)
        sg_mpi_end();
    return (int)(status == SG_FULL ? SG_STOPPED : status);
}

sg_status sg_cli_print_json(json_t *object, const char *what, struct sg_err *err)
{
    int bad = !object || (json_dumpf(object, stdout, JSON_REAL_PRECISION(9)) != 0 && !ferror(stdout));
    putchar('\n');
    json_decref(object);
    return bad ? sg_fail(err, SG_FAILED, "%s cannot be written as JSON", what) : SG_OK;
}

sg_status sg_cli_overrides(const struct sg_args *args, const char *results, struct sg_cli_overrides *out,
                           struct sg_err *err)
{
    out->n = 0;
    if (args->n_overrides > 254)
        return sg_fail(err, SG_INPUT, "more than 254 overrides; hint: write them into a study file");
    for (int i = 0; i < args->n_overrides; i++)
        out->item[out->n++] = args->override[i];
    if (!results)
        return SG_OK;
    if (snprintf(out->results, sizeof out->results, "results=%s", results) >= (int)sizeof out->results)
        return sg_fail(err, SG_INPUT, "--results: the path is too long");
    out->item[out->n++] = out->results;
    return SG_OK;
}
