/* The options of all commands, for what is made of them: completions and manual pages. A command's table stands in its function, so it is
 * called, and shows its table in place of doing anything. */
#ifndef SG_CLI_USAGES_H
#define SG_CLI_USAGES_H

#include "base/buf.h"
#include "cli/commands.h"
#include "cli/options.h"

#include <stdint.h>

typedef void sg_usage_visit(const struct sg_command *command, const struct sg_usage *usage, void *context);

/* Local. Calls `visit` with the command's table, which is gone afterwards. */
void sg_usage_of(const struct sg_command *command, sg_usage_visit *visit, void *context);

/* For sg_cli_begin: whether sg_usage_of is asking, which has its answer then. */
int sg_usage_shown(const struct sg_usage *usage);

/* Local. Adds completions for bash, zsh or fish: commands, options, the settings of a study with their choices, files. SG_INPUT for another shell. */
sg_status sg_completion(const char *shell, struct sg_buf *out, struct sg_err *err) SG_MUST_USE;

/* Local. Adds the page in mdoc(7) of "synthgrid" (the commands), of a command, or of "study" (the settings); SG_INPUT for another name.
 * Its date is now, or $SOURCE_DATE_EPOCH (reproducible-builds.org). */
sg_status sg_manual(const char *name, struct sg_buf *out, struct sg_err *err) SG_MUST_USE;

/* "synthgrid.1", "synthgrid-run.1", "synthgrid-study.5": what the page's file is called. */
void sg_manual_file(const char *name, char file[80]);

#endif
