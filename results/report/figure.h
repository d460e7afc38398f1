/* Figures of a document as SVG inside an HTML page, drawn by gnuplot (5.2 or newer), a child process.
 *
 * No text of the document reaches gnuplot: labels stand for it as words of ours of the same width ("Q7Zxxx"), and become themselves, escaped,
 * when its SVG is read. Of that SVG lines, polygons, marks and texts are written anew, and nothing else. Colours are classes, which the
 * page's style sheet (page/style.css) gives light and dark: k1..k8 strokes and f1..f8 fills of series, q0..q6 and d0..d6 levels of a matrix,
 * ax axes, gr grid, ze the zero line, tx text, td and tl text on dark and light levels. There are no ids, so any number of figures fit one page. */
#ifndef SG_RESULTS_REPORT_FIGURE_H
#define SG_RESULTS_REPORT_FIGURE_H

#include "results/report/doc.h"

/* Whether figures are drawn, and in words why not. */
struct sg_figure_drawer {
    int off;
    char why[300];
};

/* Looks for gnuplot. */
struct sg_figure_drawer sg_figure_drawer_make(void);

/* Local. Appends the legend (`<ul class="legend">`, where it says anything) and the `<svg>`. Where it cannot be drawn nothing is appended, and
 * *why holds a sentence (a figure without numbers; gnuplot is missing, or has failed: then no other is tried). SG_FAILED: no memory. */
sg_status sg_figure_svg(const struct sg_figure *f, struct sg_figure_drawer *drawer, struct sg_buf *out,
                        char why[300], struct sg_err *err) SG_MUST_USE;

#endif
