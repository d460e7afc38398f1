/* How close the texts of a pool are to raw rows, by their embeddings: /measures, a row a pool; docs/measures.md explains each number. */
#include "results/report/section.h"

#include "base/mem.h"
#include "results/h5/store_open.h"
#include "results/h5/store_tables.h"
#include "results/report/answer.h"
#include "results/report/section_impl.h"

#include <math.h>
#include <string.h>

struct measured {
    int64_t pool; /* -1: the task's test rows */
    int64_t task;
    double n, n_raw, value[SG_N_POOL_MEASURES]; /* by column; NaN where there is none */
};

struct reading {
    const struct sg_report_data *d;
    struct measured *row;
    int64_t n;
};

static sg_status read_row(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct reading *r = context;
    struct measured *list = sg_grown(r->row, r->n, sizeof *list);
    if (!list)
        return sg_fail_memory(err, sizeof *list);
    r->row = list;
    struct measured *m = &list[r->n++];
    *m = (struct measured){.pool = row[SG_POOL_MEASURES_pool].i,
                           .task = -1,
                           .n = row[SG_POOL_MEASURES_n].x,
                           .n_raw = row[SG_POOL_MEASURES_n_raw].x};
    for (int64_t t = 0; t < r->d->n_tasks; t++)
        if (strcmp(r->d->task[t].name, row[SG_POOL_MEASURES_task].text) == 0)
            m->task = t;
    for (int c = SG_POOL_MEASURES_bandwidth; c < SG_N_POOL_MEASURES; c++)
        m->value[c] = row[c].x;
    return m->task >= 0 && m->pool >= -1 && m->pool < r->d->n_pools
               ? SG_OK
               : sg_fail(err, SG_INPUT, "damaged: row %lld of /measures has no task or pool", (long long)at);
}

/* Task, method, seed and n of a row. */
static void begin_row(const struct sg_report_data *d, const struct measured *m, struct sg_doc *doc)
{
    sg_doc_text(doc, d->task[m->task].name);
    sg_doc_text(doc, m->pool < 0 ? "(test rows)" : d->pool[m->pool].method);
    if (m->pool < 0)
        sg_doc_real(doc, NAN, 0);
    else
        sg_section_pool_seed(doc, d, &d->pool[m->pool]);
    sg_doc_real(doc, m->n, 0);
}

static void closeness(const struct reading *r, struct sg_doc *doc)
{
    static const struct sg_doc_column column[] = {{"task", SG_DOC_TEXT, ""},
                                                  {"method", SG_DOC_TEXT, ""},
                                                  {"seed", SG_DOC_NUMBER, ""},
                                                  {"n", SG_DOC_NUMBER, ""},
                                                  {"raw rows", SG_DOC_NUMBER, ""},
                                                  {"similarity", SG_DOC_NUMBER, ""},
                                                  {"MMD\xc2\xb2", SG_DOC_NUMBER, ""},
                                                  {"p of MMD", SG_DOC_NUMBER, ""},
                                                  {"Fr\xc3\xa9"
                                                   "chet",
                                                   SG_DOC_NUMBER, ""},
                                                  {"told apart", SG_DOC_NUMBER, "%"},
                                                  {"p of that", SG_DOC_NUMBER, ""}};
    sg_doc_table(doc, "closeness", "How close the pools are to raw rows", 0, 11, column);
    for (int64_t i = 0; i < r->n; i++) {
        const struct measured *m = &r->row[i];
        begin_row(r->d, m, doc);
        sg_doc_real(doc, m->n_raw, 0);
        sg_doc_real(doc, m->value[SG_POOL_MEASURES_similarity_raw], 3);
        sg_doc_real(doc, m->value[SG_POOL_MEASURES_mmd2], 4);
        sg_answer_p_cell(doc, m->value[SG_POOL_MEASURES_mmd_p]);
        sg_doc_real(doc, m->value[SG_POOL_MEASURES_frechet], 3);
        sg_doc_real(doc, 100 * m->value[SG_POOL_MEASURES_c2st], 1);
        sg_answer_p_cell(doc, m->value[SG_POOL_MEASURES_c2st_p]);
    }
    sg_doc_note(
        doc,
        "Similarity: mean cosine with raw rows. MMD\xc2\xb2: squared maximum mean discrepancy, RBF kernel, "
        "about 0 for texts of one kind. Fr\xc3\xa9"
        "chet: distance of Gaussians fitted to both, smaller with more texts. Told apart: accuracy of "
        "the nearest other text as a classifier of pool and raw rows; 50 %% for texts of one kind. p "
        "is each test's own, not corrected for their number.");
}

static void coverage(const struct reading *r, struct sg_doc *doc)
{
    static const struct sg_doc_column column[] = {
        {"task", SG_DOC_TEXT, ""},      {"method", SG_DOC_TEXT, ""},       {"seed", SG_DOC_NUMBER, ""},
        {"n", SG_DOC_NUMBER, ""},       {"precision", SG_DOC_NUMBER, "%"}, {"recall", SG_DOC_NUMBER, "%"},
        {"density", SG_DOC_NUMBER, ""}, {"coverage", SG_DOC_NUMBER, "%"},  {"RBF-Vendi", SG_DOC_NUMBER, ""},
        {"DCScore", SG_DOC_NUMBER, ""}};
    sg_doc_table(doc, "coverage", "How much of the raw rows' kinds the pools cover", 0, 10, column);
    for (int64_t i = 0; i < r->n; i++) {
        const struct measured *m = &r->row[i];
        begin_row(r->d, m, doc);
        sg_doc_real(doc, 100 * m->value[SG_POOL_MEASURES_precision], 1);
        sg_doc_real(doc, 100 * m->value[SG_POOL_MEASURES_recall], 1);
        sg_doc_real(doc, m->value[SG_POOL_MEASURES_density], 3);
        sg_doc_real(doc, 100 * m->value[SG_POOL_MEASURES_coverage], 1);
        sg_doc_real(doc, m->value[SG_POOL_MEASURES_rbf_vendi], 1);
        sg_doc_real(doc, m->value[SG_POOL_MEASURES_dcscore], 1);
    }
    sg_doc_note(doc,
                "Precision: examples near a raw row, within the distance of its 5 neighbours; recall: raw "
                "rows near an example; density: how many raw rows an example is near, over 5; coverage: "
                "raw rows with an example among what is nearer than their 5 neighbours. RBF-Vendi and "
                "DCScore: effective number of different examples. All of them depend on n.");
}

sg_status sg_section_measures(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    struct reading r = {.d = in->d};
    hid_t file = -1;
    SG_TRY(sg_store_open(in->file, &file, err));
    sg_status status =
        sg_h5_table_each(file, &sg_store_tables[SG_T_POOL_MEASURES], in->file, read_row, &r, err);
    H5Fclose(file);
    if (status == SG_OK && r.n) {
        closeness(&r, doc);
        coverage(&r, doc);
    }
    sg_free(r.row);
    return status;
}
