/* What the files of the HTML form share. All texts of a document go through sg_html_text: it is the only way into the page. */
#ifndef SG_RESULTS_REPORT_HTML_IMPL_H
#define SG_RESULTS_REPORT_HTML_IMPL_H

#include "base/buf.h"
#include "results/report/doc.h"

/* page/style.css and page/page.js (cmake/embed.cmake). */
extern const char sg_embedded_page_style[], sg_embedded_page_script[];

/* For an element and for an attribute in double quotes alike; max_chars 0: whole. */
void sg_html_text(struct sg_buf *out, const char *text, size_t max_chars);

/* A table that can be sorted and filtered, or the browser of a SG_DOC_BROWSE one. */
/* With a title of its own, unless it stands under the same. */
void sg_html_table(struct sg_buf *out, const struct sg_doc_table *t, const char *above);

#endif
