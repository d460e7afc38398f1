#include "base/buf.h"
#include "results/report/section.h"
#include "results/report/section_impl.h"

#include <math.h>

/* "duplicate 2, refused 1" */
static void rejects(struct sg_doc *doc, const struct sg_report_pool *p)
{
    struct sg_buf b = sg_buf_make(1 << 16);
    const char *reason;
    json_t *count;
    json_object_foreach (p->rejects, reason, count)
        sg_buf_printf(&b, "%s%s %lld", b.len ? ", " : "", reason, (long long)json_integer_value(count));
    sg_doc_text(doc, b.len ? sg_buf_text(&b) : isnan(p->n_rejected) ? "-" : "0");
    sg_buf_free(&b);
}

static void got(struct sg_doc *doc, const struct sg_report_pool *p)
{
    if (isnan(p->n) || isnan(p->n_wanted))
        sg_doc_real(doc, p->n, 0);
    else
        sg_doc_number(doc, p->n, "%.0f of %.0f", p->n, p->n_wanted);
}

static void notes(struct sg_doc *doc, const struct sg_report_data *d)
{
    for (int64_t i = 0; i < d->n_pools; i++) {
        const struct sg_report_pool *p = &d->pool[i];
        if (p->shortfall[0])
            sg_doc_note(doc, "Short: %s %s: %s", p->task, p->method, p->shortfall);
    }
    for (int64_t i = 0; i < d->n_pools; i++) {
        const struct sg_report_pool *p = &d->pool[i];
        if (p->n_near_raw + p->n_near_test + p->n_near_pool > 0)
            sg_doc_note(
                doc,
                "Near-duplicates kept: %s %s: %.0f of a test row, %.0f of a training row, %.0f of another "
                "example.",
                p->task, p->method, p->n_near_test, p->n_near_raw, p->n_near_pool);
    }
    sg_doc_note(doc, "Similarity: mean cosine between two examples' embeddings. Vendi: effective number of "
                     "different examples.");
}

sg_status sg_section_pools(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    static const struct sg_doc_column column[] = {
        {"task", SG_DOC_TEXT, ""},     {"method", SG_DOC_TEXT, ""},       {"seed", SG_DOC_NUMBER, ""},
        {"status", SG_DOC_TEXT, ""},   {"got", SG_DOC_NUMBER, ""},        {"attempts", SG_DOC_NUMBER, ""},
        {"rejected", SG_DOC_TEXT, ""}, {"similarity", SG_DOC_NUMBER, ""}, {"Vendi", SG_DOC_NUMBER, ""}};
    const struct sg_report_data *d = in->d;
    (void)err;
    if (!d->n_pools)
        return SG_OK;
    sg_doc_table(doc, "pools", "Pools of synthetic examples", 0, 9, column);
    for (int64_t i = 0; i < d->n_pools; i++) {
        const struct sg_report_pool *p = &d->pool[i];
        sg_doc_text(doc, p->task);
        sg_doc_text(doc, p->method);
        sg_section_pool_seed(doc, d, p);
        sg_doc_text(doc, p->status);
        got(doc, p);
        sg_doc_real(doc, p->n_attempts, 0);
        rejects(doc, p);
        sg_doc_real(doc, p->mean_similarity, 3);
        sg_doc_real(doc, p->vendi, 1);
    }
    notes(doc, d);
    return SG_OK;
}
