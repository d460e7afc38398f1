/* status.json (experiments/run/progress.h) as text for people. */
#ifndef SG_CLI_STATUS_TEXT_H
#define SG_CLI_STATUS_TEXT_H

#include "base/buf.h"

#include <jansson.h>

/* Whether its run goes on; has ended with a word; or without one. */
enum sg_status_end { SG_STATUS_ON, SG_STATUS_ENDED, SG_STATUS_GONE };

/* Local. Adds the text. path: of the file, in `folder`, whose age and lease count. SG_INPUT where it is none of synthgrid's, or its
 * numbers are not those that a run wrote. */
sg_status sg_status_text(const json_t *o, const char *folder, const char *path, struct sg_buf *out,
                         enum sg_status_end *end, struct sg_err *err) SG_MUST_USE;

#endif
