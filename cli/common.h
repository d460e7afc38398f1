/* What all commands share: start and end under a launcher, and the one place where errors are printed.
 *
 * A command on one process:                          A command on all ranks of the job:
 *     if (!sg_cli_begin(&usage, argc, argv,              if (!sg_cli_begin(&usage, argc, argv, &args, &world,
 * &code)) &args, NULL, &code))                 return code; return code; status = work(&world, ..., &err);
 * the same on all ranks status = work(..., &err);                          return sg_cli_end(&args, &world,
 * status, &err); return sg_cli_end(&args, NULL, status, &err);
 */
#ifndef SG_CLI_COMMON_H
#define SG_CLI_COMMON_H

#include "cli/options.h"
#include "mpi/comm.h"

#include <jansson.h>
#include <stdint.h>

/* Parses; starts MPI where `world` is given. Returns 0 when the command is over before it began (--help,
 * wrong usage, MPI does not start, or a further rank of a command that needs one process), with the exit code
 * in *code. */
int sg_cli_begin(const struct sg_usage *usage, int argc, char **argv, struct sg_args *args,
                 struct sg_team *world, int *code);

/* Local. This process's rank as its launcher says it, before MPI has started; 0 without a launcher that says one. */
int64_t sg_cli_launched_rank(void);

/* Prints the sentence of a status that is not SG_OK on rank 0, ends MPI, frees args; returns the exit code. A
 * failed write to standard output (disk full, pipe closed) is an error too. */
int sg_cli_end(struct sg_args *args, const struct sg_team *world, sg_status status, struct sg_err *err);

/* Bytes of this process that were in memory at the same time, at most: libraries and all, as the system counts. */
int64_t sg_cli_peak_rss(void);

/* A study's overrides as a command line gives them: (n) strings, borrowed from `args` and from this struct. */
struct sg_cli_overrides {
    int n;
    const char *item[256];
    char results[4096];
};

/* The overrides of `args`, at most 254, and behind them --results DIR as one more; `results` NULL: none. Else SG_INPUT. */
sg_status sg_cli_overrides(const struct sg_args *args, const char *results, struct sg_cli_overrides *out,
                           struct sg_err *err) SG_MUST_USE;

/* Prints the object on a line of its own and takes it; NULL, or one that is no JSON, is SG_FAILED: "`what` cannot be
 * written as JSON". That stdout fails is found at the end, as for all that is printed. */
sg_status sg_cli_print_json(json_t *object, const char *what, struct sg_err *err) SG_MUST_USE;

#endif
