#include "results/report/figure_impl.h"

#include "results/report/form.h"
#include "results/report/html_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tag {
    const char *name, *end; /* from "<" to ">" */
    size_t n_name;
};

struct reader {
    const struct sg_figure_plot *p;
    struct sg_buf *out;
    /* Of the group that is open: a text is one in gnuplot's SVG. */
    char transform[80], anchor[12], width[12];
    int paint;
};

const char *sg_figure_class(int paint, int is_fill, char out[8])
{
    if (paint >= SG_PAINT_SERIES && paint < SG_PAINT_SERIES + SG_FIGURE_COLOURS)
        snprintf(out, 8, "%c%d", is_fill ? 'f' : 'k', paint - SG_PAINT_SERIES + 1);
    else if (paint >= SG_PAINT_LEVEL && paint < SG_PAINT_LEVEL + SG_FIGURE_LEVELS)
        snprintf(out, 8, "q%d", paint - SG_PAINT_LEVEL);
    else if (paint >= SG_PAINT_DIVERGE && paint < SG_PAINT_DIVERGE + SG_FIGURE_LEVELS)
        snprintf(out, 8, "d%d", paint - SG_PAINT_DIVERGE);
    else
        snprintf(out, 8, "%s",
                 paint == SG_PAINT_GRID       ? "gr"
                 : paint == SG_PAINT_ZERO     ? "ze"
                 : paint == SG_PAINT_TEXT     ? "tx"
                 : paint == SG_PAINT_ON_DARK  ? "td"
                 : paint == SG_PAINT_ON_LIGHT ? "tl"
                                              : "ax");
    return out;
}

static int is_named(const struct tag *t, const char *name)
{
    return t->n_name == strlen(name) && memcmp(t->name, name, t->n_name) == 0;
}

/* An attribute's value made of these characters alone, or "". gnuplot writes blanks around some "=". */
static int attribute(const struct tag *t, const char *name, const char *made_of, char *out, size_t n_bytes)
{
    size_t len = strlen(name);
    out[0] = 0;
    for (const char *s = t->name + t->n_name; s + len < t->end; s++) {
        if (strncmp(s, name, len) != 0 || !strchr(" \t\n", s[-1]))
            continue;
        const char *v = s + len;
        v += strspn(v, " ");
        if (*v++ != '=')
            continue;
        v += strspn(v, " ");
        const char *stop = *v == '"' || *v == '\'' ? memchr(v + 1, *v, (size_t)(t->end - v - 1)) : NULL;
        size_t n = stop ? (size_t)(stop - v - 1) : 0;
        if (!stop || n >= n_bytes)
            return 0;
        memcpy(out, v + 1, n);
        out[n] = 0;
        if (strspn(out, made_of) != n)
            out[0] = 0;
        return out[0] != 0;
    }
    return 0;
}

/* The blue of "rgb(  0,   0,  17)"; -1 for any other colour. */
static int paint_of(const struct tag *t, const char *name)
{
    char value[40];
    int r, g, b;
    if (!attribute(t, name, "rgb(), 0123456789", value, sizeof value) ||
        sscanf(value, "rgb( %d , %d , %d )", &r, &g, &b) != 3 || r || g)
        return -1;
    return b;
}

static void mark(int type, struct sg_buf *out)
{
    static const char *const path[] = {[7] = "<circle r=\"1\"",
                                       [6] = "<circle r=\".8\"",
                                       [5] = "<path d=\"M-.9-.9h1.8v1.8h-1.8z\"",
                                       [4] = "<path d=\"M-.7-.7h1.4v1.4h-1.4z\"",
                                       [9] = "<path d=\"M0-1.2 1.1.8h-2.2z\"",
                                       [8] = "<path d=\"M0-1 .9.6h-1.8z\"",
                                       [11] = "<path d=\"M0 1.2 1.1-.8h-2.2z\"",
                                       [13] = "<path d=\"M0-1.3 1.1 0 0 1.3-1.1 0z\""};
    int known = type >= 0 && type < (int)(sizeof path / sizeof *path) && path[type];
    sg_buf_puts(out, path[known ? type : 7]);
}

static int is_open_mark(int type)
{
    return type == 4 || type == 6 || type == 8;
}

static void add_mark(struct sg_buf *out, int type, int paint, const char *transform)
{
    char class_[8];
    mark(type, out);
    sg_buf_printf(out, " class=\"%s\" transform=\"%s\"", sg_figure_class(paint, !is_open_mark(type), class_),
                  transform);
    sg_buf_puts(out, is_open_mark(type) ? " stroke-width=\".5\"/>" : "/>");
}

void sg_figure_mark_svg(const struct sg_figure_legend *l, struct sg_buf *out)
{
    char class_[8];
    sg_buf_puts(out, "<svg width=\"14\" height=\"14\" viewBox=\"0 0 14 14\" aria-hidden=\"true\">");
    if (l->mark)
        add_mark(out, l->mark, l->paint, "translate(7,7) scale(4.5)");
    else
        sg_buf_printf(out, "<path class=\"%s\" d=\"M1 1h12v12h-12z\"/>",
                      sg_figure_class(l->paint, 1, class_));
    sg_buf_puts(out, "</svg>");
}

static void read_use(struct reader *r, const struct tag *t)
{
    char transform[80], href[12];
    int paint = paint_of(t, "color");
    if (!attribute(t, "transform", "translatescale(),.-0123456789 ", transform, sizeof transform) ||
        !attribute(t, "xlink:href", "#gpPt0123456789", href, sizeof href) || strncmp(href, "#gpPt", 5) != 0 ||
        paint < 0)
        return;
    /* Its names count from 0, its point types from 1. */
    add_mark(r->out, atoi(href + 5) + 1, paint, transform);
}

static void read_path(struct reader *r, const struct tag *t)
{
    int paint = paint_of(t, "stroke");
    char class_[8];
    const char *d = NULL;
    for (const char *s = t->name; s + 3 < t->end && !d; s++)
        if (memcmp(s, " d='", 4) == 0)
            d = s + 4;
    size_t n = d ? strspn(d, "MLhvz0123456789.,- \t\n") : 0;
    if (!n || d[n] != '\'' || paint < 0)
        return;
    while (n && strchr(" \t\n", d[n - 1]))
        n--;
    sg_buf_printf(r->out, "<path class=\"%s\"", sg_figure_class(paint, 0, class_));
    if (r->width[0] && strcmp(r->width, "1.00") != 0)
        sg_buf_printf(r->out, " stroke-width=\"%s\"", r->width);
    sg_buf_puts(r->out, " d=\"");
    sg_buf_add(r->out, d, n);
    sg_buf_puts(r->out, "\"/>");
}

static void read_polygon(struct reader *r, const struct tag *t)
{
    char points[400], opacity[12], class_[8];
    int paint = paint_of(t, "fill");
    if (paint < 0 || !attribute(t, "points", "0123456789.,- ", points, sizeof points))
        return;
    sg_buf_printf(r->out, "<polygon class=\"%s\"", sg_figure_class(paint, 1, class_));
    if (attribute(t, "fill-opacity", "0123456789. ", opacity, sizeof opacity))
        sg_buf_printf(r->out, " fill-opacity=\"%.2f\"", atof(opacity));
    sg_buf_printf(r->out, " points=\"%s\"/>", points);
}

/* What stands between <text> and </text>: words of ours, whose texts come in their place, and numbers. */
static void read_text(struct reader *r, const char *s, const char *end)
{
    char class_[8];
    s += strspn(s, " ");
    if (s >= end || !r->transform[0])
        return;
    sg_buf_printf(r->out, "<text class=\"%s\" transform=\"%s\"",
                  sg_figure_class(r->paint < 0 ? SG_PAINT_TEXT : r->paint, 1, class_), r->transform);
    if (strcmp(r->anchor, "start") != 0)
        sg_buf_printf(r->out, " text-anchor=\"%s\"", r->anchor);
    sg_buf_puts(r->out, ">");
    long long at;
    if (sscanf(s, "Q%lldZ", &at) == 1 && at >= 0 && at < r->p->n_words)
        sg_html_text(r->out, r->p->word[at].text, r->p->word[at].max_chars);
    else
        sg_buf_add(r->out, s,
                   strspn(s, "0123456789.+-eE") < (size_t)(end - s) ? strspn(s, "0123456789.+-eE")
                                                                    : (size_t)(end - s));
    sg_buf_puts(r->out, "</text>");
}

static void read_group(struct reader *r, const struct tag *t)
{
    attribute(t, "transform", "translate(),.-0123456789 o", r->transform, sizeof r->transform);
    attribute(t, "text-anchor", "startmidleend", r->anchor, sizeof r->anchor);
    char width[12];
    if (attribute(t, "stroke-width", "0123456789.", width, sizeof width))
        memcpy(r->width, width, sizeof width);
    r->paint = paint_of(t, "fill");
}

int sg_figure_read(const char *svg, const struct sg_figure_plot *p, struct sg_buf *out)
{
    struct reader r = {.p = p, .out = out};
    int is_hidden = 0, is_whole = 0;
    for (const char *s = svg; (s = strchr(s, '<'));) {
        struct tag t = {.name = s + 1};
        t.n_name = strcspn(t.name, " \t\n/>");
        if (s[1] == '/')
            t.n_name = strcspn(t.name, " \t\n>");
        t.end = strchr(s, '>');
        if (!t.end)
            return 0;
        s = t.end + 1;
        if (is_named(&t, "defs"))
            is_hidden = 1;
        else if (is_named(&t, "/defs"))
            is_hidden = 0;
        else if (is_named(&t, "/svg"))
            is_whole = 1;
        else if (is_hidden)
            continue;
        else if (is_named(&t, "g"))
            read_group(&r, &t);
        else if (is_named(&t, "/g"))
            r.transform[0] = 0;
        else if (is_named(&t, "path"))
            read_path(&r, &t);
        else if (is_named(&t, "polygon"))
            read_polygon(&r, &t);
        else if (is_named(&t, "use"))
            read_use(&r, &t);
        else if (is_named(&t, "text")) {
            const char *end = strchr(s, '<');
            if (!end)
                return 0;
            read_text(&r, s, end);
        }
    }
    return is_whole;
}
