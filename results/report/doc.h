/* A report before it has a form: sections of sentences, tables and figures. Sections write it (results/report/section.h), forms draw it
 * (results/report/form.h); neither knows the other.
 *
 * Every text in it is plain UTF-8, ours and foreign alike: a form escapes all of it for what it writes (control characters and
 * bidirectional marks go everywhere). What is no UTF-8 becomes U+FFFD here. Names of tables and figures may hold foreign words: they are
 * made into file names that are unique. Errors are sticky (no memory, a ceiling) and come out in sg_doc_check.
 *
 *     sg_doc_section(doc, "method", "Which method?");                             sg_sections_write does it for a section
 *     sg_doc_say(doc, "On %s, %s is best: %.1f points above ...", ...);          the answer, one plain sentence
 *     sg_doc_table(doc, "method-sst2", "Methods on sst2", 3, columns);
 *     sg_doc_text(doc, "zero_shot");  sg_doc_int(doc, 60);  sg_doc_estimate(doc, &e, 100, 1, "=");    cell after cell, row by row
 *     sg_doc_note(doc, "Holm over 10 differences");                               below the last table or figure
 *     sg_doc_figure(doc, &(struct sg_figure_spec){...});
 *     sg_doc_series(doc, "few_shot_3");  sg_doc_point(doc, x, y, low, high, "label");
 */
#ifndef SG_RESULTS_REPORT_DOC_H
#define SG_RESULTS_REPORT_DOC_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

enum sg_doc_column_type {
    SG_DOC_TEXT,   /* left */
    SG_DOC_NUMBER, /* right; a number, or an estimate: value, low, high */
};
struct sg_doc_column {
    const char *name; /* borrowed for the call */
    enum sg_doc_column_type type;
    const char *unit; /* "", "%", "points", "examples", "USD"; forms show it where they have room */
};

enum sg_doc_table_flag {
    SG_DOC_BRIEF =
        1, /* shown by default on a terminal where its section is no answer; other tables with --all or --section alone */
    SG_DOC_BROWSE =
        2, /* long rows of texts: HTML makes a filterable browser of it, CSV and JSON hold it, terminal and LaTeX name it */
};

struct sg_doc_cell {
    char *text;              /* as it is shown, without escapes */
    int64_t mark_at;         /* bytes of text before the blank and the mark of an estimate; -1: no mark */
    double value, low, high; /* NaN where there is none; what CSV and JSON say, what HTML sorts by */
};
struct sg_doc_table {
    char *name, *title; /* name: unique, [a-z0-9-], a file's name */
    unsigned flags;
    int64_t n_columns, n_rows;
    struct {
        char *name, *unit;
        enum sg_doc_column_type type;
    } * column;
    struct sg_doc_cell *cell; /* (n_rows, n_columns) */
    int64_t n_cells;          /* while it is written */
};

enum sg_figure_kind {
    SG_FIGURE_LINES,  /* points by x, joined, with intervals */
    SG_FIGURE_POINTS, /* scatter, with labels */
    SG_FIGURE_BARS,   /* a value with interval for each label, series side by side */
    SG_FIGURE_MATRIX, /* a value for each (series, label) */
    SG_FIGURE_SPANS,  /* from low to high for each series (a rank's cells) */
};
struct sg_figure_spec {
    const char *name, *title, *x_label, *y_label; /* borrowed for the call */
    enum sg_figure_kind kind;
    int log_x;
    double zero_line; /* NaN: none; a horizontal line (BARS of differences: 0) */
};
struct sg_figure_point {
    int64_t series;
    double x, y, low, high; /* NaN where there is none */
    char *label;
};
struct sg_figure {
    char *name, *title, *x_label, *y_label;
    enum sg_figure_kind kind;
    int log_x;
    double zero_line;
    int64_t n_series, n_points;
    char **series;
    struct sg_figure_point *point;
};

enum sg_doc_kind { SG_DOC_SENTENCE, SG_DOC_PARAGRAPH, SG_DOC_NOTE, SG_DOC_TABLE, SG_DOC_FIGURE };
struct sg_doc_block {
    enum sg_doc_kind kind;
    char *text; /* of the first three */
    struct sg_doc_table *table;
    struct sg_figure *figure;
};
struct sg_doc_section {
    char *name, *title;
    int is_answer; /* its sentences are headlines (results/report/section.h) */
    int is_empty;  /* it was asked for, and says that it has nothing to say */
    int64_t n_blocks;
    struct sg_doc_block *block;
};
struct sg_doc {
    char *title, *subtitle; /* "Study quickstart"; "126 cells, 126 done" */
    int64_t n_warnings;
    char **warning; /* what every form shows on top: unfinished, a rehearsal */
    int64_t n_sections;
    struct sg_doc_section *section;
    void *texts; /* doc.c's own: all texts lie in it */
    size_t n_bytes;
    struct sg_err err; /* the first error */
    sg_status status;
};

struct sg_doc *sg_doc_create(const char *title, const char *subtitle); /* NULL: no memory */
void sg_doc_destroy(struct sg_doc *doc);
/* The first error; or a table whose last row is not whole. */
sg_status sg_doc_check(const struct sg_doc *doc, struct sg_err *err) SG_MUST_USE;

void sg_doc_warn(struct sg_doc *doc, const char *format, ...) SG_PRINTF(2, 3);
void sg_doc_section(struct sg_doc *doc, const char *name, const char *title);
void sg_doc_say(struct sg_doc *doc, const char *format, ...)
    SG_PRINTF(2, 3); /* an answer; the headlines on top are these */
void sg_doc_paragraph(struct sg_doc *doc, const char *format, ...)
    SG_PRINTF(2, 3); /* what else is to be read before a table */
void sg_doc_note(struct sg_doc *doc, const char *format, ...)
    SG_PRINTF(2, 3); /* small, below the last table or figure */

void sg_doc_table(struct sg_doc *doc, const char *name, const char *title, unsigned flags, int64_t n_columns,
                  const struct sg_doc_column *column);
void sg_doc_text(struct sg_doc *doc, const char *text); /* copied, whatever its length: forms shorten it */
void sg_doc_textf(struct sg_doc *doc, const char *format, ...) SG_PRINTF(2, 3);
void sg_doc_int(struct sg_doc *doc, int64_t value);
void sg_doc_real(struct sg_doc *doc, double value, int decimals); /* NaN: "-" */
/* A value with its interval, all times scale: "64.2 ±3.1" where it is symmetric, "64.2 [50.1, 76.3]" otherwise; mark ("" for none) behind. */
void sg_doc_estimate(struct sg_doc *doc, double value, double low, double high, double scale, int decimals,
                     const char *mark);
/* A number that is shown in words of its own: "30 (19)", "3 of 5". */
void sg_doc_number(struct sg_doc *doc, double value, const char *format, ...) SG_PRINTF(3, 4);

void sg_doc_figure(struct sg_doc *doc, const struct sg_figure_spec *spec);
void sg_doc_series(struct sg_doc *doc, const char *name);
void sg_doc_point(struct sg_doc *doc, double x, double y, double low, double high, const char *label);

#endif
