/* What the files of figures share: figure.c runs gnuplot, figure_script.c and figure_kinds.c write its script, figure_read.c reads its SVG. */
#ifndef SG_RESULTS_REPORT_FIGURE_IMPL_H
#define SG_RESULTS_REPORT_FIGURE_IMPL_H

#include "base/buf.h"
#include "results/report/figure.h"

enum {
    SG_FIGURE_WIDTH = 760,
    SG_FIGURE_FONT = 13,
    SG_FIGURE_CHAR = 8, /* pixels of a character at this size, rounded up */
    SG_FIGURE_MAX_LABEL = 44,
    SG_FIGURE_COLOURS = 8,
    SG_FIGURE_LEVELS = 7,
    SG_FIGURE_MAX_LEGEND = 64,
};

/* A colour in the script is the blue of "#0000xx", and a class in the page. */
enum sg_figure_paint {
    SG_PAINT_SERIES = 1, /* to 8 */
    SG_PAINT_AXIS = 16,
    SG_PAINT_GRID,
    SG_PAINT_ZERO,
    SG_PAINT_TEXT,
    SG_PAINT_ON_DARK, /* text on a level of a matrix, whose colours are the same light and dark */
    SG_PAINT_ON_LIGHT,
    SG_PAINT_LEVEL = 32,  /* to 38: low to high */
    SG_PAINT_DIVERGE = 48 /* to 54: negative to positive */
};

struct sg_figure_legend {
    int paint, mark; /* mark: gnuplot's point type; 0: a square of the colour */
    char text[24];   /* of ours, where `foreign` is NULL */
    const char *foreign;
};

struct sg_figure_plot {
    const struct sg_figure *f;
    int64_t width, height;
    struct sg_buf script, rows, commands; /* of the open data block; "plot" and what follows it */
    int64_t n_words;
    struct {
        const char *text; /* the document's */
        size_t max_chars;
    } * word;
    int64_t n_legend;
    struct sg_figure_legend legend[SG_FIGURE_MAX_LEGEND];
    int64_t n_drawn; /* points, bars, ... that are in it */
    int64_t n_plots;
    int failed; /* no memory */
};

/* The script for f: p is zero, but for f. Free it in any case. */
sg_status sg_figure_script(struct sg_figure_plot *p, struct sg_err *err) SG_MUST_USE;
void sg_figure_plot_free(struct sg_figure_plot *p);

/* How each kind fills p; a row a kind in figure_script.c. */
void sg_figure_lines(struct sg_figure_plot *p);
void sg_figure_points(struct sg_figure_plot *p);
void sg_figure_bars(struct sg_figure_plot *p);
void sg_figure_matrix(struct sg_figure_plot *p);
void sg_figure_spans(struct sg_figure_plot *p);

/* Script words: "Q7Zxxx" in place of a text, whose number is the order of calls. */
void sg_figure_word(struct sg_figure_plot *p, struct sg_buf *out, const char *text, size_t max_chars);
/* Columns that a text takes, cut to max_chars. */
int64_t sg_figure_columns(const char *text, size_t max_chars);

struct sg_figure_range {
    double low, high;
};
void sg_figure_widen(struct sg_figure_range *r, double x); /* finite x alone */
void sg_figure_pad(struct sg_figure_range *r, double share,
                   int log); /* also makes one of no width or no numbers wide */

/* Settings that all kinds have: size, axes' names (NULL: none) and ranges. */
void sg_figure_begin(struct sg_figure_plot *p, int64_t height, const char *x_label, const char *y_label,
                     const struct sg_figure_range *x, const struct sg_figure_range *y);
/* A row of a data block, which the last sg_figure_data has opened. */
void sg_figure_data(struct sg_figure_plot *p);
void sg_figure_row(struct sg_figure_plot *p, const double *x, int n);
/* Draws the last data block: `how` is what follows its name; the block is closed. Without rows it is left out. */
void sg_figure_draw(struct sg_figure_plot *p, const char *how, ...) SG_PRINTF(2, 3);
void sg_figure_legend_add(struct sg_figure_plot *p, int paint, int mark, const char *foreign);

int sg_figure_series_paint(int64_t series);
int sg_figure_series_mark(int64_t series);

/* Unique labels of the figure's points in their order, at most `max` (sg_free); and each point's place among them, -1 beyond. */
int64_t sg_figure_labels(struct sg_figure_plot *p, int64_t max, const char ***label, int64_t **at);

/* gnuplot's SVG, read and written anew. 0: it is none. */
int sg_figure_read(const char *svg, const struct sg_figure_plot *p, struct sg_buf *out);
/* A mark of a legend. */
void sg_figure_mark_svg(const struct sg_figure_legend *l, struct sg_buf *out);
const char *sg_figure_class(int paint, int is_fill, char out[8]);

#endif
