#include "results/report/section.h"

#include <stdio.h>

/* A study where all cells fail for one reason needs no more of them. */
enum { MAX_FAILED = 20 };

/* "pool 0, draw 1, training 2", as far as the cell has them. */
static void seeds(struct sg_doc *doc, const struct sg_report_cell *c)
{
    char pool[40] = "", draw[40] = "";
    if (c->seed_generation >= 0)
        snprintf(pool, sizeof pool, "pool %lld, ", (long long)c->seed_generation);
    if (c->seed_data >= 0)
        snprintf(draw, sizeof draw, "draw %lld, ", (long long)c->seed_data);
    sg_doc_textf(doc, "%s%straining %lld", pool, draw, (long long)c->seed_train);
}

sg_status sg_section_failed(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    static const struct sg_doc_column column[] = {{"cell", SG_DOC_NUMBER, ""}, {"task", SG_DOC_TEXT, ""},
                                                  {"method", SG_DOC_TEXT, ""}, {"mix", SG_DOC_TEXT, ""},
                                                  {"size", SG_DOC_NUMBER, ""}, {"raw", SG_DOC_NUMBER, ""},
                                                  {"seeds", SG_DOC_TEXT, ""},  {"reason", SG_DOC_TEXT, ""}};
    const struct sg_report_data *d = in->d;
    int64_t n = 0;
    (void)err;
    if (!d->n_failed)
        return SG_OK;
    sg_doc_table(doc, "failed", "Failed cells", 0, 8, column);
    for (int64_t i = 0; i < d->n_cells && n < MAX_FAILED; i++) {
        const struct sg_report_cell *c = &d->cell[i];
        if (c->status != 'f')
            continue;
        n++;
        sg_doc_int(doc, c->cell);
        sg_doc_text(doc, d->task[c->task].name);
        sg_doc_text(doc, c->method[0] ? c->method : "-");
        sg_doc_textf(doc, "%s%s", c->mix_name, c->classifier == SG_REPORT_PROBE ? " (probe)" : "");
        sg_doc_int(doc, c->size);
        sg_doc_int(doc, c->raw);
        seeds(doc, c);
        sg_doc_text(doc, c->reason);
    }
    if (d->n_failed > n)
        sg_doc_note(doc, "And %lld more: /cells in results.h5 has all reasons.",
                    (long long)(d->n_failed - n));
    return SG_OK;
}
