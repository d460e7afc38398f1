/* The forms of a report: a row each, found by name (--format). */
#ifndef SG_RESULTS_REPORT_FORM_H
#define SG_RESULTS_REPORT_FORM_H

#include "results/report/doc.h"
#include "results/report/report_data.h"

struct sg_form_options {
    const char *section; /* NULL: all of them */
    int all;             /* a terminal: everything, not answers and main tables alone */
    int colour;          /* the caller has looked at isatty and NO_COLOR */
    int width;           /* of the terminal; 0: 100 */
};

/* A file that a form makes: name (table-sst2.tex); "" for the one that goes to standard output or --output FILE. */
struct sg_form_output {
    void *context;
    sg_status (*put)(void *context, const char *name, const struct sg_buf *content, struct sg_err *err);
};

struct sg_form {
    const char *name, *about; /* about: for --help */
    int needs_folder;         /* writes several files: --output is a folder (csv, latex) */
    sg_status (*draw)(const struct sg_doc *doc, const struct sg_report_data *d,
                      const struct sg_form_options *o, const struct sg_form_output *out, struct sg_err *err);
};

/* "html"; NULL for none. */
const struct sg_form *sg_form_of(const char *name);
extern const struct sg_form sg_forms[];
extern const int sg_n_forms;

/* What the forms share: text without control characters and bidirectional marks, at most max_chars (0: any), into `out`, each character
 * that `escape` has words for replaced by them. */
struct sg_escape {
    char c;
    const char *words;
};
void sg_form_text(struct sg_buf *out, const char *text, size_t max_chars, const struct sg_escape *escape,
                  int n);

#endif
