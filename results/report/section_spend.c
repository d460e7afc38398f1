#include "base/text.h"
#include "results/report/section.h"
#include "results/report/section_impl.h"

#include <math.h>
#include <stdio.h>

static void row(struct sg_doc *doc, const char *task, const char *method, const char *model,
                const struct sg_report_spend *x)
{
    sg_doc_text(doc, task);
    sg_doc_text(doc, method);
    sg_doc_text(doc, model);
    sg_doc_int(doc, x->n_requests);
    sg_doc_int(doc, x->n_failed);
    sg_doc_int(doc, x->tokens_in);
    sg_doc_int(doc, x->tokens_out);
    sg_section_cost(doc, x->n_requests ? x->cost_usd : 0);
}

sg_status sg_section_spend(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    static const struct sg_doc_column column[] = {
        {"task", SG_DOC_TEXT, ""},         {"method", SG_DOC_TEXT, ""},   {"model", SG_DOC_TEXT, ""},
        {"requests", SG_DOC_NUMBER, ""},   {"failed", SG_DOC_NUMBER, ""}, {"tokens in", SG_DOC_NUMBER, ""},
        {"tokens out", SG_DOC_NUMBER, ""}, {"cost", SG_DOC_NUMBER, "USD"}};
    const struct sg_report_data *d = in->d;
    double total;
    (void)err;
    if (!d->n_pools && !d->total_requests)
        return SG_OK;
    sg_doc_table(doc, "spend", "Spend", 0, 8, column);
    for (int64_t i = 0; i < d->n_pools; i++) {
        const struct sg_report_pool *p = &d->pool[i];
        row(doc, p->task, p->method, p->model,
            &(struct sg_report_spend){p->n_requests, p->n_failed, p->tokens_in, p->tokens_out, p->cost_usd});
    }
    for (int64_t i = 0; i < d->n_pools; i++) {
        const struct sg_report_pool *p = &d->pool[i];
        char what[200];
        snprintf(what, sizeof what, "%.150s, llm_verified", p->method);
        if (p->verified.is_asked)
            row(doc, p->task, what, p->verifier, &p->verified.spend);
    }
    if (d->n_evaluations) {
        struct sg_report_spend evaluations = sg_report_evaluations_spend(d);
        row(doc, "the LLM as a classifier", "", "", &evaluations);
    }
    if (d->n_contaminations) {
        struct sg_report_spend probes = sg_report_contaminations_spend(d);
        row(doc, "contamination probes", "", "", &probes);
    }
    row(doc, "all in the ledger", "", "",
        &(struct sg_report_spend){d->total_requests, d->total_failed_requests, d->total_tokens_in,
                                  d->total_tokens_out,
                                  sg_parse_double(d->total_cost_usd, &total) ? total : (double)NAN});
    if (d->total_from_recording)
        sg_doc_note(doc, "%lld of the %lld %s %s from a recording or the cache: this study did not buy %s.",
                    (long long)d->total_from_recording, (long long)d->total_requests,
                    sg_plural(d->total_requests, "completion", "completions"),
                    sg_plural(d->total_from_recording, "comes", "come"),
                    sg_plural(d->total_from_recording, "it", "them"));
    return SG_OK;
}
