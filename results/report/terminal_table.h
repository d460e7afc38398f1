/* A table of a document on a terminal: aligned columns by the width that characters take there, no line above the terminal's width. */
#ifndef SG_RESULTS_REPORT_TERMINAL_TABLE_H
#define SG_RESULTS_REPORT_TERMINAL_TABLE_H

#include "base/buf.h"
#include "results/report/doc.h"

/* Columns of a terminal that a text takes. */
size_t sg_terminal_width(const char *text);

/* Bytes of the first line of `text` when it is wrapped at `width`: at a blank where there is one. At least one character of what is not
 * empty. *next: where the second line begins. */
size_t sg_terminal_line(const char *text, size_t width, const char **next);

/* Too wide a table is made to fit: its heads take several lines, then its longest texts do, then its last columns stand below, beside a
 * copy of the first ones. */
void sg_terminal_table(const struct sg_doc_table *t, size_t width, struct sg_buf *out);

#endif
