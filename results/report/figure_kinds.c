/* Intervals are lines without caps, drawn before the marks. Values of a category lie on a horizontal axis, so that names are read without
 * turning the head. */
#include "results/report/figure_impl.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_TICKS = 12, MAX_ROWS = 400, MAX_COLUMNS = 60, TICK_PIXELS = 46, MAX_LABELLED = 40 };
static const struct sg_figure_range EMPTY = {INFINITY, -INFINITY};

static int has_interval(const struct sg_figure_point *q)
{
    return isfinite(q->low) && isfinite(q->high) && q->high > q->low;
}

static int is_drawn(const struct sg_figure *f, const struct sg_figure_point *q)
{
    return isfinite(q->x) && isfinite(q->y) && fabs(q->x) < 1e100 && fabs(q->y) < 1e100 &&
           (!f->log_x || q->x > 0);
}

/* Both ranges of the points, not padded. */
static void ranges(const struct sg_figure *f, struct sg_figure_range *x, struct sg_figure_range *y)
{
    *x = *y = EMPTY;
    for (int64_t i = 0; i < f->n_points; i++) {
        const struct sg_figure_point *q = &f->point[i];
        if (!is_drawn(f, q))
            continue;
        sg_figure_widen(x, q->x);
        sg_figure_widen(y, q->y);
        if (has_interval(q)) {
            sg_figure_widen(y, q->low);
            sg_figure_widen(y, q->high);
        }
    }
    sg_figure_widen(y, f->zero_line);
}

static void zero_line(struct sg_figure_plot *p, int is_vertical)
{
    double z = p->f->zero_line;
    if (!isfinite(z))
        return;
    if (is_vertical)
        sg_buf_printf(&p->script, "set arrow from first %.12g, graph 0 to first %.12g, graph 1", z, z);
    else
        sg_buf_printf(&p->script, "set arrow from graph 0, first %.12g to graph 1, first %.12g", z, z);
    sg_buf_printf(&p->script, " nohead lc rgb \"#%06x\"\n", SG_PAINT_ZERO);
}

static void series_legend(struct sg_figure_plot *p)
{
    for (int64_t s = 0; s < p->f->n_series && (p->f->n_series > 1 || p->f->series[0][0]); s++)
        sg_figure_legend_add(p, sg_figure_series_paint(s), sg_figure_series_mark(s), p->f->series[s]);
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The sizes of a study are few and uneven: ticks stand where there are points, as far as their numbers find room. */
static void ticks_at_points(struct sg_figure_plot *p, const struct sg_figure_range *range)
{
    const struct sg_figure *f = p->f;
    double x[MAX_TICKS];
    int n = 0;
    for (int64_t i = 0; i < f->n_points; i++) {
        int seen = !is_drawn(f, &f->point[i]);
        for (int k = 0; k < n && !seen; k++)
            seen = x[k] == f->point[i].x;
        if (seen)
            continue;
        if (n == MAX_TICKS) {
            sg_buf_puts(&p->script, f->log_x ? "set logscale x\n" : "");
            return;
        }
        x[n++] = f->point[i].x;
    }
    qsort(x, (size_t)n, sizeof *x, ascending);
    sg_buf_puts(&p->script, f->log_x ? "set logscale x\nset xtics (" : "set xtics (");
    double last = -INFINITY, width = f->log_x ? log(range->high / range->low) : range->high - range->low;
    for (int k = 0; k < n; k++) {
        double at = (f->log_x ? log(x[k] / range->low) : x[k] - range->low) / width * 640;
        int fits = at - last >= TICK_PIXELS;
        sg_buf_printf(&p->script, "%s\"", k ? ", " : "");
        if (fits)
            sg_buf_printf(&p->script, "%.6g", x[k]);
        sg_buf_printf(&p->script, "\" %.12g", x[k]);
        last = fits ? at : last;
    }
    sg_buf_puts(&p->script, ")\n");
}

/* Series beside one another where their points have the same x. */
static double dodged(const struct sg_figure *f, int64_t s, double x, const struct sg_figure_range *r)
{
    double share = ((double)s - (double)(f->n_series - 1) / 2) * 0.009;
    if (f->n_series > 12)
        share = 0;
    return f->log_x ? x * pow(r->high / r->low, share) : x + share * (r->high - r->low);
}

static void xy_series(struct sg_figure_plot *p, const struct sg_figure_range *r, int is_line)
{
    const struct sg_figure *f = p->f;
    for (int part = 0; part < 2; part++)
        for (int64_t s = 0; s < f->n_series; s++) {
            sg_figure_data(p);
            for (int64_t i = 0; i < f->n_points; i++) {
                const struct sg_figure_point *q = &f->point[i];
                if (q->series != s || !is_drawn(f, q))
                    continue;
                double x = is_line ? dodged(f, s, q->x, r) : q->x;
                p->n_drawn += part;
                if (part)
                    sg_figure_row(p, (double[]){x, q->y}, 2);
                else if (has_interval(q))
                    sg_figure_row(p, (double[]){x, q->low, 0, q->high - q->low}, 4);
            }
            if (part)
                sg_figure_draw(p, "using 1:2 with %s lc rgb \"#%06x\" lw 1.5 pt %d ps %s",
                               is_line ? "linespoints" : "points", sg_figure_series_paint(s),
                               sg_figure_series_mark(s), is_line ? "0.7" : "0.8");
            else
                sg_figure_draw(p, "using 1:2:3:4 with vectors nohead lc rgb \"#%06x\" lw 1.5",
                               sg_figure_series_paint(s));
        }
}

void sg_figure_lines(struct sg_figure_plot *p)
{
    struct sg_figure_range x, y;
    ranges(p->f, &x, &y);
    sg_figure_pad(&x, 0.06, p->f->log_x);
    sg_figure_pad(&y, 0.06, 0);
    sg_figure_begin(p, 400, p->f->x_label, p->f->y_label, &x, &y);
    ticks_at_points(p, &x);
    zero_line(p, 0);
    xy_series(p, &x, 1);
    series_legend(p);
}

struct box {
    double x0, x1, y0, y1; /* pixels */
};

static int is_free(const struct box *b, const struct box *taken, int64_t n)
{
    if (b->x0 < 0 || b->x1 > 1 + SG_FIGURE_WIDTH * 0.88 || b->y0 < 0 || b->y1 > 400 * 0.8)
        return 0;
    for (int64_t i = 0; i < n; i++)
        if (b->x0 < taken[i].x1 && taken[i].x0 < b->x1 && b->y0 < taken[i].y1 && taken[i].y0 < b->y1)
            return 0;
    return 1;
}

/* Names beside the points where they hide nothing: right, left, above or below; else the CSV has them. */
static void name_points(struct sg_figure_plot *p, const struct sg_figure_range *rx,
                        const struct sg_figure_range *ry)
{
    static const struct {
        double dx, dy;
        const char *how;
    } place[] = {{8, 0, "left offset 1,0"},
                 {-8, 0, "right offset -1,0"},
                 {0, 14, "center offset 0,0.8"},
                 {0, -14, "center offset 0,-0.8"}};
    const struct sg_figure *f = p->f;
    struct box taken[2 * MAX_LABELLED + 1];
    int64_t n = 0;
    double px[MAX_LABELLED], py[MAX_LABELLED],
        z = (f->zero_line - ry->low) / (ry->high - ry->low) * 400 * 0.8;
    if (isfinite(z))
        taken[n++] = (struct box){0, SG_FIGURE_WIDTH, z - 1, z + 1};
    for (int64_t i = 0; i < f->n_points && f->n_points <= MAX_LABELLED; i++) {
        const struct sg_figure_point *q = &f->point[i];
        double x = f->log_x ? log(q->x / rx->low) / log(rx->high / rx->low)
                            : (q->x - rx->low) / (rx->high - rx->low);
        px[i] = x * SG_FIGURE_WIDTH * 0.88;
        py[i] = (q->y - ry->low) / (ry->high - ry->low) * 400 * 0.8;
        if (is_drawn(f, q))
            taken[n++] = (struct box){px[i] - 6, px[i] + 6, py[i] - 6, py[i] + 6};
    }
    for (int64_t i = 0; i < f->n_points && f->n_points <= MAX_LABELLED; i++) {
        const struct sg_figure_point *q = &f->point[i];
        double w = (double)sg_figure_columns(q->label, SG_FIGURE_MAX_LABEL) * SG_FIGURE_CHAR;
        for (size_t k = 0; k < sizeof place / sizeof *place && q->label[0] && is_drawn(f, q); k++) {
            double x = px[i] + place[k].dx, y = py[i] + place[k].dy;
            double x0 = place[k].dx > 0 ? x : place[k].dx < 0 ? x - w : x - w / 2;
            struct box b = {x0, x0 + w, y - 7, y + 7};
            if (!is_free(&b, taken, n))
                continue;
            taken[n++] = b;
            sg_buf_puts(&p->script, "set label \"");
            sg_figure_word(p, &p->script, q->label, SG_FIGURE_MAX_LABEL);
            sg_buf_printf(&p->script, "\" at first %.12g, first %.12g %s front textcolor rgb \"#%06x\"\n",
                          q->x, q->y, place[k].how, SG_PAINT_TEXT);
            break;
        }
    }
}

void sg_figure_points(struct sg_figure_plot *p)
{
    struct sg_figure_range x, y;
    ranges(p->f, &x, &y);
    sg_figure_pad(&x, 0.05, p->f->log_x);
    sg_figure_pad(&y, 0.06, 0);
    sg_figure_begin(p, 400, p->f->x_label, p->f->y_label, &x, &y);
    sg_buf_puts(&p->script, p->f->log_x ? "set logscale x\n" : "");
    sg_buf_puts(&p->script, "set lmargin at screen 0.1\nset rmargin at screen 0.98\n"
                            "set bmargin at screen 0.16\nset tmargin at screen 0.96\n");
    zero_line(p, 0);
    xy_series(p, &x, 0);
    name_points(p, &x, &y);
    series_legend(p);
}

/* Names along an axis at 0, 1, ... */
static void names(struct sg_figure_plot *p, char axis, const char *const *name, int64_t n, const char *how)
{
    sg_buf_printf(&p->script, "set %ctics %s (", axis, how);
    for (int64_t i = 0; i < n; i++) {
        sg_buf_puts(&p->script, i ? ", \"" : "\"");
        sg_figure_word(p, &p->script, name[i], SG_FIGURE_MAX_LABEL);
        sg_buf_printf(&p->script, "\" %lld", (long long)i);
    }
    sg_buf_puts(&p->script, ")\n");
}

void sg_figure_bars(struct sg_figure_plot *p)
{
    const struct sg_figure *f = p->f;
    const char **label = NULL;
    int64_t *at = NULL, n = sg_figure_labels(p, MAX_ROWS, &label, &at), n_series = f->n_series;
    struct sg_figure_range x = EMPTY, y = {(double)n - 0.5, -0.5};
    for (int64_t i = 0; i < f->n_points; i++)
        if (isfinite(f->point[i].y)) {
            sg_figure_widen(&x, f->point[i].y);
            sg_figure_widen(&x, f->point[i].low);
            sg_figure_widen(&x, f->point[i].high);
        }
    sg_figure_widen(&x, f->zero_line);
    sg_figure_pad(&x, 0.04, 0);
    if (n == 0)
        y.low = 0.5;
    double step = n_series ? 0.66 / (double)n_series : 1, pixels = (double)(n_series * 13 + 16);
    sg_figure_begin(p, 70 + (int64_t)((double)n * (pixels > 24 ? pixels : 24)), f->y_label, f->x_label, &x,
                    &y);
    names(p, 'y', label, n, "scale 0");
    sg_buf_puts(&p->script, "set border 1\n");
    zero_line(p, 1);
    for (int part = 0; part < 3 && !p->failed; part++)
        for (int64_t s = 0; s < n_series; s++) {
            sg_figure_data(p);
            for (int64_t i = 0; i < f->n_points; i++) {
                const struct sg_figure_point *q = &f->point[i];
                double row = (double)at[i] + ((double)s - (double)(n_series - 1) / 2) * step,
                       z = f->zero_line;
                if (q->series != s || at[i] < 0 || !isfinite(q->y) || fabs(q->y) > 1e100)
                    continue;
                if (part == 0 && isfinite(z))
                    sg_figure_row(p, (double[]){q->y, row, z, q->y, row - step * 0.4, row + step * 0.4}, 6);
                else if (part == 1 && has_interval(q))
                    sg_figure_row(p, (double[]){q->low, row, q->high - q->low, 0}, 4);
                else if (part == 2)
                    sg_figure_row(p, (double[]){q->y, row}, 2);
                p->n_drawn += part == 2;
            }
            int paint = sg_figure_series_paint(s);
            if (part == 0)
                sg_figure_draw(
                    p, "using 1:2:3:4:5:6 with boxxyerror fs transparent solid 0.3 noborder lc rgb \"#%06x\"",
                    paint);
            else if (part == 1)
                sg_figure_draw(p, "using 1:2:3:4 with vectors nohead lc rgb \"#%06x\" lw 2", paint);
            else
                sg_figure_draw(p, "using 1:2 with points lc rgb \"#%06x\" pt %d ps 0.8", paint,
                               sg_figure_series_mark(s));
        }
    series_legend(p);
    sg_free(label);
    sg_free(at);
}

/* A value's level, by its place between the extremes; from negative to positive where there is a zero line and both are there. */
static int level_of(double v, const struct sg_figure_range *r, int diverges)
{
    double most = fabs(r->low) > fabs(r->high) ? fabs(r->low) : fabs(r->high);
    double share = diverges ? (v / most + 1) / 2 : r->high > r->low ? (v - r->low) / (r->high - r->low) : 0.5;
    int level = (int)(share * SG_FIGURE_LEVELS);
    return level < 0 ? 0 : level >= SG_FIGURE_LEVELS ? SG_FIGURE_LEVELS - 1 : level;
}

static void level_legend(struct sg_figure_plot *p, const struct sg_figure_range *r, int first, int diverges)
{
    double most = fabs(r->low) > fabs(r->high) ? fabs(r->low) : fabs(r->high),
           low = diverges ? -most : r->low, high = diverges ? most : r->high;
    for (int l = 0; l < SG_FIGURE_LEVELS && p->n_drawn; l += 3) {
        sg_figure_legend_add(p, first + l, 0, NULL);
        snprintf(p->legend[p->n_legend - 1].text, sizeof p->legend->text, "%.3g",
                 low + (high - low) *
                           ((double)l + (l == 3 ? 0.5
                                         : l    ? 1
                                                : 0)) /
                           SG_FIGURE_LEVELS);
    }
}

void sg_figure_matrix(struct sg_figure_plot *p)
{
    const struct sg_figure *f = p->f;
    const char **label = NULL;
    int64_t *at = NULL, n = sg_figure_labels(p, MAX_COLUMNS, &label, &at),
            rows = f->n_series < MAX_ROWS ? f->n_series : MAX_ROWS, longest = 0, left = 0;
    struct sg_figure_range value = EMPTY, x = {-0.5, (double)(n ? n : 1) - 0.5},
                           y = {(double)(rows ? rows : 1) - 0.5, -0.5};
    for (int64_t i = 0; i < f->n_points; i++)
        sg_figure_widen(&value, f->point[i].y);
    for (int64_t i = 0; i < n || i < rows; i++) {
        int64_t wide = i < n ? sg_figure_columns(label[i], SG_FIGURE_MAX_LABEL) : 0,
                name = i < rows ? sg_figure_columns(f->series[i], SG_FIGURE_MAX_LABEL) : 0;
        longest = wide > longest ? wide : longest;
        left = name > left ? name : left;
    }
    double column = (SG_FIGURE_WIDTH - 60.0 - (double)(left * SG_FIGURE_CHAR)) / (double)(n ? n : 1);
    int turned = (double)(longest * SG_FIGURE_CHAR) > column - 6,
        diverges = value.low < 0 && value.high > 0 && isfinite(f->zero_line);
    sg_figure_begin(p, 80 + rows * 26 + (turned ? longest * 6 : 16), f->x_label, f->y_label, &x, &y);
    names(p, 'x', label, n, turned ? "scale 0 rotate by 40 right" : "scale 0");
    names(p, 'y', (const char *const *)f->series, rows, "scale 0");
    sg_buf_puts(&p->script, "set border 0\nunset grid\n");
    double size = fabs(value.low) > fabs(value.high) ? fabs(value.low) : fabs(value.high);
    int decimals = size >= 100 ? 0 : size >= 10 ? 1 : 2, first = diverges ? SG_PAINT_DIVERGE : SG_PAINT_LEVEL;
    for (int l = 0; l < SG_FIGURE_LEVELS && !p->failed; l++) {
        sg_figure_data(p);
        for (int64_t i = 0; i < f->n_points; i++) {
            const struct sg_figure_point *q = &f->point[i];
            double c = (double)at[i], r = (double)q->series;
            if (at[i] < 0 || q->series >= rows || !isfinite(q->y) || level_of(q->y, &value, diverges) != l)
                continue;
            p->n_drawn++;
            sg_figure_row(p, (double[]){c, r, c - 0.48, c + 0.48, r - 0.46, r + 0.46}, 6);
            if (column < 30)
                continue;
            int dark = diverges ? l < 1 || l > 5 : l > 3;
            sg_buf_printf(&p->script,
                          "set label \"%.*f\" at %.12g, %.12g center front textcolor rgb \"#%06x\"\n",
                          decimals, q->y, c, r, dark ? SG_PAINT_ON_DARK : SG_PAINT_ON_LIGHT);
        }
        sg_figure_draw(p, "using 1:2:3:4:5:6 with boxxyerror fs solid noborder lc rgb \"#%06x\"", first + l);
    }
    level_legend(p, &value, first, diverges);
    sg_free(label);
    sg_free(at);
}

void sg_figure_spans(struct sg_figure_plot *p)
{
    const struct sg_figure *f = p->f;
    const char **label = NULL;
    int64_t *at = NULL, n = sg_figure_labels(p, SG_FIGURE_COLOURS + 1, &label, &at),
            rows = f->n_series < MAX_ROWS ? f->n_series : MAX_ROWS;
    int by_label = n <= SG_FIGURE_COLOURS;
    struct sg_figure_range x = EMPTY, y = {(double)(rows ? rows : 1) - 0.5, -0.5};
    for (int64_t i = 0; i < f->n_points; i++) {
        sg_figure_widen(&x, f->point[i].low);
        sg_figure_widen(&x, f->point[i].high);
    }
    sg_figure_pad(&x, 0.01, 0);
    double pixel = (x.high - x.low) / SG_FIGURE_WIDTH;
    sg_figure_begin(p, 76 + rows * 26, f->x_label, f->y_label, &x, &y);
    names(p, 'y', (const char *const *)f->series, rows, "scale 0");
    sg_buf_puts(&p->script, "set border 1\n");
    for (int64_t k = 0; k < (by_label ? n : 1) && !p->failed; k++) {
        sg_figure_data(p);
        for (int64_t i = 0; i < f->n_points; i++) {
            const struct sg_figure_point *q = &f->point[i];
            double r = (double)q->series;
            if ((by_label && at[i] != k) || q->series >= rows || !(q->high >= q->low) ||
                !isfinite(q->high - q->low))
                continue;
            p->n_drawn++;
            /* Neighbours are told apart by a gap, where there is room for one. */
            double gap = q->high - q->low > 6 * pixel ? pixel / 2 : 0;
            sg_figure_row(p, (double[]){q->low, r, q->low + gap, q->high - gap, r - 0.36, r + 0.36}, 6);
        }
        sg_figure_draw(p, "using 1:2:3:4:5:6 with boxxyerror fs solid noborder lc rgb \"#%06x\"",
                       sg_figure_series_paint(k));
        if (by_label && (n > 1 || label[k][0]))
            sg_figure_legend_add(p, sg_figure_series_paint(k), 0, label[k]);
    }
    sg_free(label);
    sg_free(at);
}
