/* What a program says to its user while it works: on standard error, whole lines, from any thread. The one place that knows the progress
 * line: on a terminal that is the last line of the screen, and what is told in between stands above it.
 *
 *     sg_tell_progress("training: cells 3 of 126", 0);
 *     sg_tell_warning("%s; tried again in 5 minutes", err.text);
 *
 * Texts may come from anywhere: control characters become '?', what is or looks like an API key becomes '*'. */
#ifndef SG_BASE_TELL_H
#define SG_BASE_TELL_H

#include "base/err.h"

/* A line, as it is; "synthgrid: warning: " or "synthgrid: " before it. */
void sg_tell(const char *format, ...) SG_PRINTF(1, 2);
void sg_tell_warning(const char *format, ...) SG_PRINTF(1, 2);
void sg_tell_sentence(const char *sentence);

/* Several lines. */
void sg_tell_text(const char *text);

/* On a terminal, in place of the last such line; elsewhere a line of its own. last: nothing will replace it. "" on a terminal takes it
 * away. */
void sg_tell_progress(const char *line, int last);

/* A line on standard output: what the command was asked for, as it is, since programs read it. */
void sg_tell_result(const char *format, ...) SG_PRINTF(1, 2);

/* Whether the progress line is replaced: standard error is a terminal that can do so. */
int sg_tell_is_terminal(void);

#endif
