/* The command line of one command: a table of options, positional arguments, and key=value overrides.
 *
 *     const char *dir = NULL; int as_json = 0;
 *     const struct sg_option option[] = {
 *         {"model", SG_OPT_TEXT, "DIR", "folder of a saved classifier", .text = &dir, .required = 1},
 *         {"json", SG_OPT_FLAG, NULL, "one JSON object instead of a table", .flag = &as_json},
 *     };
 *     const struct sg_usage usage = {.command = "predict", .about = "...", .option = option, .n_options = 2};
 *     SG_TRY(sg_options_parse(&usage, argc, argv, &args, err));
 *
 * `--name value` and `--name=value` are the same, and `-n value` where it has that letter; the last one counts; `--` ends the options; `--help` is
 * known to all. What is no option is an override when it looks like `some.key=value` and the command takes
 * overrides, else a positional argument. */
#ifndef SG_CLI_OPTIONS_H
#define SG_CLI_OPTIONS_H

#include "base/err.h"

#include <stdint.h>
#include <stdio.h>

enum sg_option_type {
    SG_OPT_FLAG,  /* int *flag becomes 1 */
    SG_OPT_TEXT,  /* const char **text, borrowed from argv */
    SG_OPT_COUNT, /* int64_t *count in [min, max] */
    SG_OPT_NUMBER /* double *number, >= 0 */
};

struct sg_option {
    const char *name; /* without the dashes */
    enum sg_option_type type;
    const char *argument; /* its name in the help; NULL for a flag */
    const char *help;
    int *flag;
    const char **text;
    int64_t *count, min, max;
    double *number;
    int required;
    char letter; /* 0, or `-o VALUE` is the same */
};

struct sg_usage {
    const char *command;
    const char *positional; /* as shown in the help, e.g. "STUDY"; NULL: none are taken */
    int n_positional;       /* exactly so many, but for */
    int n_optional;         /* the last ones, which may be left out */
    const char *overrides;  /* what keys there are, e.g. "key=value"; NULL: none are taken */
    const char *about;      /* a paragraph for the help */
    const struct sg_option *option;
    int n_options;
};

struct sg_args {
    int help; /* --help was given; nothing else was checked */
    int n_positional, n_overrides;
    const char **positional, **override; /* the strings are borrowed from argv */
};

/* argv: what follows the command's name. SG_INPUT names the argument, the nearest option and the help. `args`
 * is filled on success only; free it with sg_args_free. */
sg_status sg_options_parse(const struct sg_usage *usage, int argc, char **argv, struct sg_args *args,
                           struct sg_err *err) SG_MUST_USE;
void sg_args_free(struct sg_args *args);

void sg_options_help(const struct sg_usage *usage, FILE *out);

#endif
