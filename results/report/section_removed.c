/* What verification took out of the training rows, by class (/removed). */
#include "base/mem.h"
#include "results/h5/store_open.h"
#include "results/h5/store_tables.h"
#include "results/report/section.h"

#include <stdio.h>
#include <string.h>

/* Cells that differ in their seeds alone. */
struct group {
    const struct sg_report_cell *of; /* the first */
    int64_t n_cells;
    double n_kept;
    int64_t *n_removed; /* (classes of its task) */
};

struct table {
    const struct sg_report_data *d;
    int64_t *group; /* (n_cells) of each, -1: none */
    struct group *list;
    int64_t n;
};

static int is_same(const struct sg_report_cell *a, const struct sg_report_cell *b)
{
    return a->task == b->task && a->size == b->size && a->raw == b->raw && a->mix == b->mix &&
           strcmp(a->method, b->method) == 0;
}

static sg_status enter(struct table *t, int64_t cell, struct sg_err *err)
{
    const struct sg_report_cell *c = &t->d->cell[cell];
    int64_t g = t->n;
    while (g > 0 && !is_same(t->list[g - 1].of, c))
        g--;
    if (g == 0) {
        struct group *list = sg_grown(t->list, t->n, sizeof *list);
        if (!list)
            return sg_fail_memory(err, sizeof *list);
        t->list = list;
        size_t n_classes = (size_t)t->d->task[c->task].n_classes;
        list[t->n] = (struct group){.of = c, .n_removed = sg_alloc(n_classes, sizeof *list->n_removed)};
        if (!list[t->n].n_removed)
            return sg_fail_memory(err, n_classes * sizeof *list->n_removed);
        g = ++t->n;
    }
    t->list[g - 1].n_cells++;
    t->list[g - 1].n_kept += c->n_synthetic;
    t->group[cell] = g - 1;
    return SG_OK;
}

static sg_status read_row(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct table *t = context;
    int64_t cell = row[SG_REMOVED_cell].i, label = row[SG_REMOVED_label].i;
    if (cell < 0 || cell >= t->d->n_cells)
        return sg_fail(err, SG_INPUT, "damaged: row %lld of /removed is of no cell", (long long)at);
    const struct sg_report_cell *c = &t->d->cell[cell];
    if (label < 0 || label >= t->d->task[c->task].n_classes)
        return sg_fail(err, SG_INPUT, "damaged: row %lld of /removed is of no class", (long long)at);
    if (t->group[cell] >= 0)
        t->list[t->group[cell]].n_removed[label]++;
    return SG_OK;
}

static void write_group(const struct table *t, const struct group *g, struct sg_doc *doc)
{
    const struct sg_report_task *task = &t->d->task[g->of->task];
    struct sg_buf by_class = sg_buf_make(1 << 16);
    int64_t all = 0;
    for (int64_t k = 0; k < task->n_classes; k++) {
        all += g->n_removed[k];
        if (g->n_removed[k])
            sg_buf_printf(&by_class, "%s%s %.1f", by_class.len ? ", " : "",
                          json_string_value(json_array_get(task->classes, (size_t)k)),
                          (double)g->n_removed[k] / (double)g->n_cells);
    }
    sg_doc_text(doc, task->name);
    sg_doc_text(doc, g->of->method);
    sg_doc_int(doc, g->of->raw);
    sg_doc_real(doc, (g->n_kept + (double)all) / (double)g->n_cells, 1);
    sg_doc_real(doc, (double)all / (double)g->n_cells, 1);
    sg_doc_text(doc, sg_buf_text(&by_class));
    sg_buf_free(&by_class);
}

/* What was asked of LLMs: of whole pools, whatever the cells' sizes. */
static void note_llm(const struct sg_report_data *d, struct sg_doc *doc)
{
    for (int64_t i = 0; i < d->n_pools; i++) {
        const struct sg_report_pool *p = &d->pool[i];
        const struct sg_report_verified *v = &p->verified;
        char seed[60] = "";
        if (!v->is_complete)
            continue;
        if (p->seed_generation > 0 || p->seed_data > 0)
            snprintf(seed, sizeof seed, " (seed %lld, draw %lld)", (long long)p->seed_generation,
                     (long long)(p->seed_data > 0 ? p->seed_data : 0));
        sg_doc_note(doc,
                    "%s %s%s: of all %.0f examples %s says another class of %.0f, and names none for %.0f, "
                    "which stay.",
                    p->task, p->method, seed, v->n, p->verifier, v->n_other, v->n_unparsable);
    }
}

sg_status sg_section_removed(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    static const struct sg_doc_column column[] = {
        {"task", SG_DOC_TEXT, ""},       {"method", SG_DOC_TEXT, ""},    {"raw", SG_DOC_NUMBER, ""},
        {"examples", SG_DOC_NUMBER, ""}, {"removed", SG_DOC_NUMBER, ""}, {"by class", SG_DOC_TEXT, ""}};
    struct table t = {.d = in->d, .group = sg_alloc((size_t)in->d->n_cells + 1, sizeof *t.group)};
    hid_t file = -1;
    sg_status status = t.group ? SG_OK : sg_fail_memory(err, (size_t)in->d->n_cells * sizeof *t.group);
    for (int64_t i = 0; status == SG_OK && i < in->d->n_cells; i++) {
        const struct sg_report_cell *c = &in->d->cell[i];
        t.group[i] = -1;
        if (c->is_verified && !c->is_hidden && c->status == 'd')
            status = enter(&t, i, err);
    }
    if (status == SG_OK && t.n)
        status = sg_store_open(in->file, &file, err);
    if (status == SG_OK && t.n)
        status = sg_h5_table_each(file, &sg_store_tables[SG_T_REMOVED], in->file, read_row, &t, err);
    if (file >= 0)
        H5Fclose(file);
    if (status == SG_OK && t.n) {
        sg_doc_table(doc, "removed", "What verification removed, mean over cells", 0, 6, column);
        for (int64_t i = 0; i < t.n; i++)
            write_group(&t, &t.list[i], doc);
        sg_doc_note(doc,
                    "verified: examples whose label a classifier of the cell's raw rows does not agree with; "
                    "llm_verified: of which an LLM says another class. /removed of results.h5 lists "
                    "them.");
        note_llm(in->d, doc);
    }
    for (int64_t i = 0; i < t.n; i++)
        sg_free(t.list[i].n_removed);
    sg_free(t.list);
    sg_free(t.group);
    return status;
}
