/* The forms of a report: a row each, found by name (--format). Adding one is a line of SG_FORMS and its function, sg_form_NAME in
 * form_NAME.c. */
#ifndef SG_RESULTS_REPORT_FORM_H
#define SG_RESULTS_REPORT_FORM_H

#include "results/report/doc.h"
#include "results/report/report_data.h"

struct sg_form_options {
    const char *section;    /* NULL: all of them; the document holds no other then */
    const char *classifier; /* whose cells are shown; NULL: those of which there are most */
    int all;                /* a terminal: everything, not answers and main tables alone */
    int brief;              /* a terminal: section `short` and a few sentences */
    int colour;             /* the caller has looked at isatty and NO_COLOR */
    int width;              /* of the terminal; 0: 100 */
    int one_file; /* of a form that writes several files: there is no folder for them, so one table alone */
};

/* A file that a form makes: name (table-sst2.tex); "" for the one that goes to standard output or --output FILE. */
struct sg_form_output {
    void *context;
    sg_status (*put)(void *context, const char *name, const struct sg_buf *content, struct sg_err *err);
};

/* name, how the name of one of its files ends where it writes several (NULL: it writes one), about. */
#define SG_FORMS(X)                                                                                          \
    X(terminal, NULL, "answers and the main table; --all for everything")                                    \
    X(markdown, NULL, "GitHub Markdown")                                                                     \
    X(latex, ".tex", "a table a file (booktabs), and report.tex, which shows them")                          \
    X(html, NULL, "one page with figures, in one file that asks nobody for anything")                        \
    X(json, NULL, "one object for programs")                                                                 \
    X(csv, ".csv", "a file a table (RFC 4180), numbers as they are")

struct sg_form {
    const char *name, *about; /* about: for --help */
    const char *
        file_end; /* not NULL: it writes several files, and --output is a folder, but for FILE.csv and FILE.tex */
    sg_status (*draw)(const struct sg_doc *doc, const struct sg_report_data *d,
                      const struct sg_form_options *o, const struct sg_form_output *out, struct sg_err *err);
};

#define SG_FORM(name, file_end, about)                                                                       \
    sg_status sg_form_##name(const struct sg_doc *doc, const struct sg_report_data *d,                       \
                             const struct sg_form_options *o, const struct sg_form_output *out,              \
                             struct sg_err *err);
SG_FORMS(SG_FORM)
#undef SG_FORM

/* "html"; NULL for none. */
const struct sg_form *sg_form_of(const char *name);
extern const struct sg_form sg_forms[];
extern const int sg_n_forms;

/* "terminal, markdown, ...": all names, for messages and --help. */
void sg_form_names(char *out, size_t n_bytes);

/* What the forms share: text without control characters and bidirectional marks, at most max_chars (0: any), into `out`, each character
 * that `escape` has words for replaced by them. */
struct sg_escape {
    char c;
    const char *words;
};
void sg_form_text(struct sg_buf *out, const char *text, size_t max_chars, const struct sg_escape *escape,
                  int n);

/* A column's head: "accuracy, %"; "cost, USD". */
void sg_form_head(struct sg_buf *out, const struct sg_doc_table *t, int64_t column,
                  const struct sg_escape *escape, int n);

/* Of a form whose o->one_file is set: the document's only table; NULL where its only section has nothing to say; SG_INPUT with the tables'
 * names where it has none or several. */
sg_status sg_form_only_table(const struct sg_doc *doc, const struct sg_doc_table **out,
                             struct sg_err *err) SG_MUST_USE;

#endif
