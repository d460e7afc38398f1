#include "results/report/figure_impl.h"

#include "base/mem.h"
#include "base/text.h"
#include "results/report/form.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

static const size_t SCRIPT_MAX = (size_t)1 << 27;

void sg_figure_plot_free(struct sg_figure_plot *p)
{
    sg_buf_free(&p->script);
    sg_buf_free(&p->rows);
    sg_buf_free(&p->commands);
    sg_free(p->word);
    p->word = NULL;
}

int64_t sg_figure_columns(const char *text, size_t max_chars)
{
    struct sg_buf safe = sg_buf_make(SCRIPT_MAX);
    sg_form_text(&safe, text, max_chars, NULL, 0);
    const char *s = sg_buf_text(&safe);
    int64_t width = 0;
    for (size_t i = 0; i < safe.len;) {
        uint32_t c;
        i += (size_t)sg_utf8_decode(s + i, safe.len - i, &c);
        int w = utf8proc_charwidth((utf8proc_int32_t)c);
        width += w > 0 ? w : 0;
    }
    sg_buf_free(&safe);
    return width;
}

void sg_figure_word(struct sg_figure_plot *p, struct sg_buf *out, const char *text, size_t max_chars)
{
    void *list = sg_grown(p->word, p->n_words, sizeof *p->word);
    if (!list) {
        p->failed = 1;
        return;
    }
    p->word = list;
    p->word[p->n_words].text = text;
    p->word[p->n_words].max_chars = max_chars;
    size_t from = out->len;
    sg_buf_printf(out, "Q%lldZ", (long long)p->n_words++);
    for (int64_t n = sg_figure_columns(text, max_chars); out->len - from < (size_t)n && !out->failed;)
        sg_buf_puts(out, "x");
}

void sg_figure_widen(struct sg_figure_range *r, double x)
{
    /* gnuplot computes with differences of them. */
    if (!isfinite(x) || fabs(x) > 1e100)
        return;
    r->low = x < r->low ? x : r->low;
    r->high = x > r->high ? x : r->high;
}

void sg_figure_pad(struct sg_figure_range *r, double share, int log)
{
    if (r->low > r->high)
        *r = log ? (struct sg_figure_range){1, 10} : (struct sg_figure_range){0, 1};
    if (log) {
        double by = r->high > r->low ? pow(r->high / r->low, share) : 2;
        *r = (struct sg_figure_range){r->low / by, r->high * by};
        return;
    }
    double size = fabs(r->high) > fabs(r->low) ? fabs(r->high) : fabs(r->low),
           by = (r->high - r->low) * share;
    if (r->high - r->low <= 1e-12 * size || size == 0)
        by = size > 0 ? 0.1 * size : 1;
    r->low -= by;
    r->high += by;
}

static void set_label(struct sg_figure_plot *p, char axis, const char *text)
{
    if (!text || !text[0])
        return;
    sg_buf_printf(&p->script, "set %clabel \"", axis);
    sg_figure_word(p, &p->script, text, 90);
    sg_buf_printf(&p->script, "\" textcolor rgb \"#%06x\"\n", SG_PAINT_TEXT);
}

void sg_figure_begin(struct sg_figure_plot *p, int64_t height, const char *x_label, const char *y_label,
                     const struct sg_figure_range *x, const struct sg_figure_range *y)
{
    p->height = height;
    sg_buf_printf(&p->script,
                  "set encoding utf8\nset terminal svg size %d,%lld dynamic font \"sans,%d\" noenhanced\n"
                  "set border 3 lw 1 lc rgb \"#%06x\"\nset grid lw 1 lt 1 lc rgb \"#%06x\"\nset key off\n"
                  "set tics nomirror out scale 0.5 textcolor rgb \"#%06x\"\nset style fill solid noborder\n"
                  "set format \"%%.10g\"\nset xtics autofreq\nset rmargin 3\nset tmargin 1\n",
                  SG_FIGURE_WIDTH, (long long)height, SG_FIGURE_FONT, SG_PAINT_AXIS, SG_PAINT_GRID,
                  SG_PAINT_TEXT);
    set_label(p, 'x', x_label);
    set_label(p, 'y', y_label);
    sg_buf_printf(&p->script, "set xrange [%.12g:%.12g]\nset yrange [%.12g:%.12g]\n", x->low, x->high, y->low,
                  y->high);
}

void sg_figure_data(struct sg_figure_plot *p)
{
    sg_buf_clear(&p->rows);
}

void sg_figure_row(struct sg_figure_plot *p, const double *x, int n)
{
    for (int i = 0; i < n; i++)
        sg_buf_printf(&p->rows, "%.12g%s", x[i], i + 1 < n ? " " : "\n");
}

void sg_figure_draw(struct sg_figure_plot *p, const char *how, ...)
{
    char words[400];
    va_list args;
    va_start(args, how);
    vsnprintf(words, sizeof words, how, args);
    va_end(args);
    if (!p->rows.len)
        return;
    sg_buf_printf(&p->script, "$D%lld << ENDOFDATA\n%sENDOFDATA\n", (long long)p->n_plots,
                  sg_buf_text(&p->rows));
    sg_buf_printf(&p->commands, "%s $D%lld %s", p->n_plots ? "," : "plot", (long long)p->n_plots, words);
    p->n_plots++;
}

void sg_figure_legend_add(struct sg_figure_plot *p, int paint, int mark, const char *foreign)
{
    if (p->n_legend < SG_FIGURE_MAX_LEGEND)
        p->legend[p->n_legend++] =
            (struct sg_figure_legend){.paint = paint, .mark = mark, .foreign = foreign};
}

int sg_figure_series_paint(int64_t series)
{
    return SG_PAINT_SERIES + (int)(series % SG_FIGURE_COLOURS);
}

int sg_figure_series_mark(int64_t series)
{
    static const int mark[] = {7, 5, 9, 13, 11, 6, 4, 8};
    return mark[(series + series / SG_FIGURE_COLOURS) % 8];
}

struct by_text {
    const char *text;
    int64_t point;
};

static int compare(const void *a, const void *b)
{
    const struct by_text *x = a, *y = b;
    int c = strcmp(x->text, y->text);
    return c ? c : (x->point > y->point) - (x->point < y->point);
}

int64_t sg_figure_labels(struct sg_figure_plot *p, int64_t max, const char ***label, int64_t **at)
{
    const struct sg_figure *f = p->f;
    size_t n = (size_t)f->n_points;
    struct by_text *sorted = sg_alloc(n + 1, sizeof *sorted);
    int64_t *first = sg_alloc(n + 1, sizeof *first), *place = sg_alloc(n + 1, sizeof *place), n_labels = 0;
    const char **list = sg_alloc((size_t)max + 1, sizeof *list);
    if (sorted && first && place && list) {
        for (size_t i = 0; i < n; i++)
            sorted[i] = (struct by_text){f->point[i].label, (int64_t)i};
        qsort(sorted, n, sizeof *sorted, compare);
        for (size_t i = 0; i < n; i++)
            first[sorted[i].point] = i && strcmp(sorted[i].text, sorted[i - 1].text) == 0
                                         ? first[sorted[i - 1].point]
                                         : sorted[i].point;
        for (size_t i = 0; i < n; i++) {
            place[i] = first[i] < (int64_t)i ? place[first[i]] : n_labels < max ? n_labels : -1;
            if (first[i] == (int64_t)i && place[i] >= 0)
                list[n_labels++] = f->point[i].label;
        }
    } else
        p->failed = 1;
    sg_free(sorted);
    sg_free(first);
    *label = list;
    *at = place;
    return p->failed ? 0 : n_labels;
}

static void (*const kinds[])(struct sg_figure_plot *) = {
    [SG_FIGURE_LINES] = sg_figure_lines, [SG_FIGURE_POINTS] = sg_figure_points,
    [SG_FIGURE_BARS] = sg_figure_bars,   [SG_FIGURE_MATRIX] = sg_figure_matrix,
    [SG_FIGURE_SPANS] = sg_figure_spans,
};

sg_status sg_figure_script(struct sg_figure_plot *p, struct sg_err *err)
{
    p->script = sg_buf_make(SCRIPT_MAX);
    p->rows = sg_buf_make(SCRIPT_MAX);
    p->commands = sg_buf_make(SCRIPT_MAX);
    kinds[p->f->kind](p);
    sg_buf_printf(&p->script, "%s\n", sg_buf_text(&p->commands));
    if (p->failed || p->rows.failed || p->commands.failed)
        return sg_fail_memory(err, 1000);
    return sg_buf_check(&p->script, "a figure", err);
}
