/* Another program, run for what it makes of a text: its standard input is given, its standard output is taken.
 *
 *     const char *const argv[] = {"gnuplot", "-d", NULL};
 *     SG_TRY(sg_child_run(argv, script, strlen(script), 20, &out, err));
 *
 * There is no shell. The program is looked for in PATH, and its environment is PATH and LC_ALL=C.UTF-8 alone: no keys. What it writes to
 * standard error is thrown away. */
#ifndef SG_BASE_CHILD_H
#define SG_BASE_CHILD_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>

/* Whether PATH has a program of this name that can be started. */
int sg_child_exists(const char *name);

/* Local. Whether a variable, NAME=value, is one of the names; one that ends in '*' is a beginning. names ends in NULL. */
int sg_child_is_one_of(const char *variable, const char *const names[]);

/* Local. Appends to `out`, whose ceiling holds. SG_INPUT where there is no such program; SG_FAILED where it ends in anything but 0, or does
 * not end within limit_s: it is killed then. `out` may hold a part of what it wrote after a failure. */
sg_status sg_child_run(const char *const argv[], const char *input, size_t n, double limit_s,
                       struct sg_buf *out, struct sg_err *err) SG_MUST_USE;

/* The same for a program that needs more of ours: `environment` ("NAME=value", NULL at the end) instead, borrowed; and what it writes to
 * standard error is appended to `out`, too, as it comes. *code gets its exit code, which is no failure then. */
sg_status sg_child_ask(const char *const argv[], const char *const environment[], const char *input, size_t n,
                       double limit_s, struct sg_buf *out, int *code, struct sg_err *err) SG_MUST_USE;

/* Local. As sg_child_run, of a program that works for long and says how far it is: its environment is the one given, its standard error is ours, no time
 * limits it, and each line that it writes goes to `line`, without its newline, at most 1 MiB long. Its exit code is in *code; SG_FAILED where it could
 * not be started, or a signal ended it. */
sg_status sg_child_talk(const char *const argv[], const char *const environment[], const char *input,
                        size_t n, void (*line)(void *arg, const char *text), void *arg, int *code,
                        struct sg_err *err) SG_MUST_USE;

#endif
