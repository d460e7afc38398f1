/* Pieces that the parts of a report are drawn with. Private to results/. */
#ifndef SG_RESULTS_REPORT_REPORT_DRAW_H
#define SG_RESULTS_REPORT_REPORT_DRAW_H

#include "results/report/report.h"
#include "results/report/report_data.h"
#include "results/report/text_table.h"

#include <math.h>

struct draw {
    const struct sg_report_data *d;
    enum sg_report_form form;
    struct sg_buf *out;
    const struct sg_report_source *source;
};

static inline const char *attribute(const struct draw *r, const char *name)
{
    const char *text = json_string_value(json_object_get(r->d->provenance, name));
    return text ? text : "";
}

static inline void foreign(const struct draw *r, const char *text, size_t max_chars)
{
    sg_add_foreign(r->out, r->form, text, max_chars);
}

static inline void heading(const struct draw *r, const char *text)
{
    sg_buf_printf(r->out, r->form == SG_REPORT_MARKDOWN ? "\n## %s\n\n" : "\n%s\n\n", text);
}

/* A paragraph below a table. */
static inline void caption(const struct draw *r, const char *text)
{
    sg_buf_printf(r->out, r->form == SG_REPORT_MARKDOWN ? "\n%s\n" : "  %s\n", text);
}

static inline void number(struct sg_text_table *s, double x, int decimals)
{
    if (isnan(x))
        sg_text_table_own(s, "-");
    else
        sg_text_table_own(s, "%.*f", decimals, x);
}

/* A pool's generation seed, and where that tells pools apart, the draw of the rows that its prompts show. */
static inline void pool_seed(struct sg_text_table *s, const struct sg_report_data *d,
                             const struct sg_report_pool *p)
{
    if (d->has_draws && p->seed_data >= 0)
        sg_text_table_own(s, "%lld, draw %lld", (long long)p->seed_generation, (long long)p->seed_data);
    else
        sg_text_table_own(s, "%lld", (long long)p->seed_generation);
}

static inline void cost_cell(struct sg_text_table *s, double usd)
{
    if (isnan(usd))
        sg_text_table_own(s, "unknown");
    else
        sg_text_table_own(s, "%.4f", usd);
}

/* The LLM as a classifier, beside the encoder; nothing where the study has none. */
sg_status sg_draw_evaluations(const struct draw *r, struct sg_err *err) SG_MUST_USE;

/* What the texts of the pools look like beside the raw rows, and which classes the LLM chose; nothing where it is not known. */
sg_status sg_draw_text_stats(const struct draw *r, struct sg_err *err) SG_MUST_USE;

#endif
