/* What other files show as Markdown. */
#ifndef SG_RESULTS_REPORT_FORM_MARKDOWN_H
#define SG_RESULTS_REPORT_FORM_MARKDOWN_H

#include "base/buf.h"

/* Local. Appends a foreign text as words of a paragraph or a table's cell, without meaning of its own, at most max_chars (0: any). */
void sg_form_markdown_text(struct sg_buf *out, const char *text, size_t max_chars);

#endif
