/* The LLM as a classifier, beside the encoder. */
#include "base/text.h"
#include "results/report/section.h"
#include "results/report/section_impl.h"

#include <math.h>
#include <stdio.h>

/* "71.2: raw+synthetic zero_shot 100, raw 40" */
static void best_cell(struct sg_doc *doc, const struct sg_report_encoder *e)
{
    static const char *const mix[SG_N_REPORT_MIXES] = {"raw", "synthetic", "raw+synthetic"};
    char method[200] = "", raw[40] = "";
    if (e->best_mix < 0) {
        sg_doc_text(doc, "-");
        return;
    }
    if (e->best_mix != SG_REPORT_RAW)
        snprintf(method, sizeof method, " %.100s %lld", e->best_row.method, (long long)e->best_row.size);
    if (e->best_mix != SG_REPORT_SYNTHETIC)
        snprintf(raw, sizeof raw, ", raw %lld", (long long)e->best_row.raw);
    sg_doc_textf(doc, "%.1f: %s%s%s", 100 * e->best.accuracy, mix[e->best_mix], method, raw);
}

sg_status sg_section_llm(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    static const struct sg_doc_column column[] = {
        {"task", SG_DOC_TEXT, ""},           {"model", SG_DOC_TEXT, ""},
        {"shots", SG_DOC_NUMBER, ""},        {"seed", SG_DOC_NUMBER, ""},
        {"rows", SG_DOC_NUMBER, ""},         {"accuracy", SG_DOC_NUMBER, "%"},
        {"unparsable", SG_DOC_NUMBER, ""},   {"of parsed", SG_DOC_NUMBER, "%"},
        {"macro-F1", SG_DOC_NUMBER, "%"},    {"encoder, raw only", SG_DOC_NUMBER, "%"},
        {"encoder, best", SG_DOC_TEXT, "%"}, {"cost", SG_DOC_NUMBER, "USD"}};
    const struct sg_report_data *d = in->d;
    if (!d->n_evaluations)
        return SG_OK;
    sg_doc_table(doc, "llm", "The LLM as a classifier", 0, 12, column);
    for (int64_t i = 0; i < d->n_evaluations; i++) {
        const struct sg_report_evaluation *e = &d->evaluation[i];
        struct sg_report_encoder encoder;
        SG_TRY(sg_report_encoder_of(d, e->task, &encoder, err));
        sg_doc_text(doc, d->task[e->task].name);
        sg_doc_text(doc, e->model);
        sg_doc_int(doc, e->shots);
        sg_doc_int(doc, e->seed);
        sg_doc_real(doc, e->n, 0);
        sg_doc_estimate(doc, e->accuracy, e->low, e->high, 100, 1, "");
        sg_doc_real(doc, e->n_unparsable, 0);
        sg_doc_real(doc, 100 * e->accuracy_parsed, 1);
        sg_doc_real(doc, 100 * e->macro_f1, 1);
        sg_doc_real(doc, encoder.raw_only.n_done ? 100 * encoder.raw_only.accuracy : (double)NAN, 1);
        best_cell(doc, &encoder);
        sg_section_cost(doc, e->n_requests ? e->cost_usd : 0);
    }
    sg_doc_note(
        doc,
        "Accuracy: with its 95 %% interval over the test rows (Wilson). Unparsable answers name no class or "
        "several: they are wrong in the accuracy, and left out of \"of parsed\".");
    sg_doc_note(doc,
                "Encoder: its accuracy on all test rows, from above; the best one was chosen by that very "
                "number, so it is an upper limit of what one would get.");
    return SG_OK;
}
