#include "results/report/figure_impl.h"

#include "base/child.h"
#include "results/report/html_impl.h"

#include <stdio.h>
#include <string.h>

static const size_t SVG_MAX = (size_t)1 << 26;
/* A figure takes 0.05 s; a loaded machine takes longer. */
static const double LIMIT_S = 30;

struct sg_figure_drawer sg_figure_drawer_make(void)
{
    struct sg_figure_drawer d = {0};
    if (sg_child_exists("gnuplot"))
        return d;
    d.off = 1;
    snprintf(d.why, sizeof d.why,
             "There is no gnuplot here, which draws the figures: their numbers stand in their place (hint: "
             "./setup installs it).");
    return d;
}

static void draw_legend(const struct sg_figure_plot *p, struct sg_buf *out)
{
    if (!p->n_legend)
        return;
    sg_buf_puts(out, "<ul class=\"legend\">");
    for (int64_t i = 0; i < p->n_legend; i++) {
        const struct sg_figure_legend *l = &p->legend[i];
        sg_buf_puts(out, "<li>");
        sg_figure_mark_svg(l, out);
        sg_html_text(out, l->foreign ? l->foreign : l->text, 80);
        sg_buf_puts(out, "</li>");
    }
    sg_buf_puts(out, "</ul>");
}

/* 0: it is no SVG. */
static int draw(const struct sg_figure_plot *p, const char *svg, struct sg_buf *out)
{
    draw_legend(p, out);
    sg_buf_printf(
        out,
        "<div class=\"box\" tabindex=\"0\"><svg class=\"plot\" viewBox=\"0 0 %d %lld\" role=\"img\" "
        "aria-label=\"",
        SG_FIGURE_WIDTH, (long long)p->height);
    sg_html_text(out, p->f->title, 200);
    sg_buf_puts(out, "\"><title>");
    sg_html_text(out, p->f->title, 200);
    sg_buf_printf(out, "</title><desc>%lld of %lld points; all numbers stand below as CSV</desc>",
                  (long long)p->n_drawn, (long long)p->f->n_points);
    int good = sg_figure_read(svg, p, out);
    sg_buf_puts(out, "</svg></div>");
    return good;
}

/* What is wrong with gnuplot is a reason to draw no more. */
static void run(const struct sg_figure_plot *p, struct sg_figure_drawer *drawer, struct sg_buf *out)
{
    static const char *const argv[] = {"gnuplot", "-d", NULL};
    struct sg_err said = {0};
    struct sg_buf svg = sg_buf_make(SVG_MAX), drawn = sg_buf_make(SVG_MAX);
    if (sg_child_run(argv, p->script.data, p->script.len, LIMIT_S, &svg, &said) == SG_OK &&
        draw(p, sg_buf_text(&svg), &drawn))
        sg_buf_add(out, drawn.data, drawn.len);
    else {
        drawer->off = 1;
        snprintf(drawer->why, sizeof drawer->why,
                 "gnuplot draws no figures here (%.150s): their numbers stand in their place.",
                 said.text[0] ? said.text : "what it wrote is no SVG");
    }
    if (drawn.failed == 1)
        out->failed = 1;
    sg_buf_free(&svg);
    sg_buf_free(&drawn);
}

sg_status sg_figure_svg(const struct sg_figure *f, struct sg_figure_drawer *drawer, struct sg_buf *out,
                        char why[300], struct sg_err *err)
{
    struct sg_figure_plot p = {.f = f};
    why[0] = 0;
    if (drawer->off) {
        snprintf(why, 300, "%s", drawer->why);
        return SG_OK;
    }
    sg_status status = sg_figure_script(&p, err);
    if (status == SG_OK && !p.n_drawn)
        snprintf(why, 300, "This figure has no numbers yet.");
    else if (status == SG_OK) {
        run(&p, drawer, out);
        snprintf(why, 300, "%s", drawer->why);
    }
    sg_figure_plot_free(&p);
    return status;
}
