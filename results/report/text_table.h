/* A table of text, drawn for a terminal (aligned columns, by the width that characters take there) or as
 * GitHub Markdown.
 *
 *     struct sg_text_table s = sg_text_table_make("<>", (const char *const[]){"method", "size"});     < left, > right
 *     sg_text_table_own(&s, "%d", 7);         one cell after another, row by row; our own words
 *     sg_text_table_foreign(&s, name);        text from outside: made harmless, shortened
 *     sg_text_table_draw(&s, form, out);
 *     sg_text_table_free(&s);
 *
 * Errors are sticky and come out in the buffer that it is drawn into. */
#ifndef SG_RESULTS_REPORT_TEXT_TABLE_H
#define SG_RESULTS_REPORT_TEXT_TABLE_H

#include "base/buf.h"
#include "results/report/report.h"

struct sg_text_table {
    int n_columns;
    const char *align;
    struct sg_buf text; /* cells, each ended by NUL, heads first */
};

struct sg_text_table sg_text_table_make(const char *align, const char *const *heads);
void sg_text_table_own(struct sg_text_table *s, const char *format, ...) SG_PRINTF(2, 3);
void sg_text_table_foreign(struct sg_text_table *s, const char *text);
void sg_text_table_draw(const struct sg_text_table *s, enum sg_report_form form, struct sg_buf *out);
void sg_text_table_free(struct sg_text_table *s);

/* Adds text from outside to a line: no control characters, at most max_chars; Markdown's marks lose their
 * meaning. */
void sg_add_foreign(struct sg_buf *out, enum sg_report_form form, const char *text, size_t max_chars);

#endif
