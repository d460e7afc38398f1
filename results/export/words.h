/* Foreign texts in the forms that an export has. */
#ifndef SG_RESULTS_EXPORT_WORDS_H
#define SG_RESULTS_EXPORT_WORDS_H

#include "base/buf.h"

#include <jansson.h>

/* The text as it is, but that each byte which belongs to no well-formed UTF-8 is U+FFFD. */
void sg_words_utf8(struct sg_buf *out, const char *text);

/* A JSON string of it; NULL without memory. */
json_t *sg_words_json(const char *text);

/* A field of RFC 4180: in quotes where it has a comma, a quote or a line end, or `quoted` is set. */
void sg_words_csv(struct sg_buf *out, const char *text, int quoted);

/* A double-quoted scalar of YAML 1.2 on one line: what YAML does not print, and marks that turn the direction of writing, as escapes. */
void sg_words_yaml(struct sg_buf *out, const char *text);

/* A fenced block of Markdown, which no text can leave: control characters and bidirectional marks are '?', line ends stay. */
void sg_words_fenced(struct sg_buf *out, const char *text);

/* A name for files and configurations: letters, digits, '.', '_' and '-', all else '_'; no dot in front; never empty; cut at 100 bytes. */
void sg_words_name(struct sg_buf *out, const char *text);

#endif
