#include "results/report.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "results/report_draw.h"
#include "results/report_json.h"
#include "results/store.h"

#include <stdio.h>
#include <string.h>

enum { MAX_FAILED = 20 };

static void provenance(const struct draw *r)
{
    const struct sg_report_data *d = r->d;
    sg_buf_puts(r->out, r->form == SG_REPORT_MARKDOWN ? "# Study " : "Study ");
    foreign(r, attribute(r, "study"), 100);
    sg_buf_printf(r->out, r->form == SG_REPORT_MARKDOWN ? "\n\n%lld %s: %lld done" : ": %lld %s, %lld done",
                  (long long)d->n_cells, sg_plural(d->n_cells, "cell", "cells"), (long long)d->n_done);
    if (d->n_failed)
        sg_buf_printf(r->out, ", %lld failed", (long long)d->n_failed);
    if (d->n_planned)
        sg_buf_printf(r->out, ", %lld still to do", (long long)d->n_planned);
    sg_buf_puts(r->out, r->form == SG_REPORT_MARKDOWN ? ".\n" : "\n");
    if (attribute(r, "rehearsal")[0])
        sg_buf_puts(
            r->out,
            r->form == SG_REPORT_MARKDOWN
                ? "**A rehearsal: a stub server wrote the texts, and no number here means anything.**\n"
                : "A rehearsal: a stub server wrote the texts, and no number here means anything.\n");
    foreign(r, attribute(r, "program"), 60);
    sg_buf_puts(r->out, ", encoder ");
    foreign(r, attribute(r, "encoder_sha256")[0] ? attribute(r, "encoder_sha256") : "unknown", 12);
    sg_buf_puts(r->out, ", written ");
    foreign(r, attribute(r, "written"), 20);
    sg_buf_puts(r->out, r->form == SG_REPORT_MARKDOWN ? ", content `" : ", content ");
    foreign(r, attribute(r, "content_sha256"), 64);
    sg_buf_puts(r->out, r->form == SG_REPORT_MARKDOWN ? "`.\n" : "\n");
}

/* "64.2 ±3.1", "64.2 [50.1, 76.3]", "64.2", or what is missing: "1 of 2 done, 1 failed". */
static void estimate_cell(struct sg_sheet *s, const struct sg_report_group *g, const struct sg_estimate *e,
                          int say_missing)
{
    int64_t n = g->n_done + g->n_failed + g->n_planned;
    if (n == 0)
        sg_sheet_own(s, "-");
    else if (g->n_failed || g->n_planned) {
        if (!say_missing)
            sg_sheet_own(s, "-");
        else if (g->n_failed)
            sg_sheet_own(s, "%lld of %lld done, %lld failed", (long long)g->n_done, (long long)n,
                         (long long)g->n_failed);
        else
            sg_sheet_own(s, "%lld of %lld done", (long long)g->n_done, (long long)n);
    } else if (isnan(e->low))
        sg_sheet_own(s, "%.1f", 100 * e->mean);
    else if (g->by_rows)
        sg_sheet_own(s, "%.1f [%.1f, %.1f]", 100 * e->mean, 100 * e->low, 100 * e->high);
    else
        sg_sheet_own(s, "%.1f \xc2\xb1%.1f", 100 * e->mean, 50 * (e->high - e->low));
}

struct kinds {
    int one_seed, many_seeds, holes;
    int64_t n_seeds_min, n_seeds_max;
};

static void note_kind(struct kinds *k, const struct sg_report_group *g)
{
    int64_t n = g->n_done + g->n_failed + g->n_planned;
    k->holes |= g->n_failed || g->n_planned;
    k->one_seed |= g->by_rows;
    if (g->accuracy.n > 1 && !g->by_rows) {
        k->many_seeds = 1;
        k->n_seeds_min = !k->n_seeds_min || n < k->n_seeds_min ? n : k->n_seeds_min;
        k->n_seeds_max = n > k->n_seeds_max ? n : k->n_seeds_max;
    }
}

static sg_status task_sheet(const struct draw *r, const struct sg_report_row *row, int64_t n,
                            struct kinds *kinds, struct sg_err *err)
{
    static const char *const heads[] = {"method",    "size",     "raw",           "raw only", "macro-F1",
                                        "synthetic", "macro-F1", "raw+synthetic", "macro-F1"};
    struct sg_sheet s = sg_sheet_make("<>>>>>>>>", heads);
    sg_status status = SG_OK;
    for (int64_t i = 0; i < n && status == SG_OK; i++) {
        if (row[i].method) {
            sg_sheet_foreign(&s, row[i].method);
            sg_sheet_own(&s, "%lld", (long long)row[i].size);
        } else {
            sg_sheet_own(&s, "-");
            sg_sheet_own(&s, "-");
        }
        sg_sheet_own(&s, "%lld", (long long)row[i].raw);
        for (int m = 0; m < SG_N_REPORT_MIXES && status == SG_OK; m++) {
            struct sg_report_group g;
            status = sg_report_group(r->d, &row[i], m, &g, err);
            if (status != SG_OK)
                break;
            estimate_cell(&s, &g, &g.accuracy, 1);
            estimate_cell(&s, &g, &g.macro_f1, 0);
            note_kind(kinds, &g);
        }
    }
    if (status == SG_OK)
        sg_sheet_draw(&s, r->form, r->out);
    sg_sheet_free(&s);
    return status;
}

static void task_title(const struct draw *r, const struct sg_report_task *t)
{
    if (t > r->d->task)
        sg_buf_puts(r->out, "\n");
    sg_buf_puts(r->out, r->form == SG_REPORT_MARKDOWN ? "### " : "");
    foreign(r, t->name, 60);
    sg_buf_printf(r->out, r->form == SG_REPORT_MARKDOWN ? "\n\n%lld %s" : ": %lld %s",
                  (long long)t->n_classes, sg_plural(t->n_classes, "class", "classes"));
    for (int64_t k = 0; k < t->n_classes && t->n_classes <= 6; k++) {
        sg_buf_puts(r->out, k ? ", " : " (");
        foreign(r, json_string_value(json_array_get(t->classes, (size_t)k)), 30);
    }
    sg_buf_printf(r->out, "%s, %lld test %s, chance %.1f %%", t->n_classes <= 6 ? ")" : "",
                  (long long)t->n_test, sg_plural(t->n_test, "row", "rows"), 100.0 / (double)t->n_classes);
    if (t->n_test > 0)
        sg_buf_printf(r->out, ", largest class %.1f %%", 100.0 * (double)t->n_largest / (double)t->n_test);
    sg_buf_puts(r->out, r->form == SG_REPORT_MARKDOWN ? "\n\n" : "\n");
}

static sg_status main_table(const struct draw *r, struct sg_err *err)
{
    struct kinds kinds = {0};
    heading(r, "Accuracy and macro-F1 in percent");
    for (int64_t t = 0; t < r->d->n_tasks; t++) {
        struct sg_report_row *row = NULL;
        int64_t n = 0;
        task_title(r, &r->d->task[t]);
        SG_TRY(sg_report_rows(r->d, t, &row, &n, err));
        sg_status status = task_sheet(r, row, n, &kinds, err);
        sg_free(row);
        SG_TRY(status);
    }
    sg_buf_puts(r->out, r->form == SG_REPORT_MARKDOWN ? "" : "\n");
    caption(r, "First accuracy, then macro-F1 of each mix. Raw-only cells know no method and size: the same "
               "number stands in each row.");
    if (kinds.many_seeds) {
        char text[200], seeds[64];
        snprintf(seeds, sizeof seeds, "%lld", (long long)kinds.n_seeds_min);
        if (kinds.n_seeds_max > kinds.n_seeds_min)
            snprintf(seeds, sizeof seeds, "%lld to %lld", (long long)kinds.n_seeds_min,
                     (long long)kinds.n_seeds_max);
        snprintf(text, sizeof text,
                 "\xc2\xb1: 95 %% confidence interval of the mean over %s seeds (Student's t).", seeds);
        caption(r, text);
    }
    if (kinds.one_seed)
        caption(r,
                "Brackets: one seed; 95 % interval of the accuracy over the test rows (Wilson), without the "
                "variation between seeds.");
    if (kinds.holes)
        caption(r, "Where cells are missing or failed there is no mean: nothing is averaged over a hole.");
    return SG_OK;
}

/* "duplicate 2, refused 1" */
static void rejects_cell(struct sg_sheet *s, const struct sg_report_pool *p)
{
    struct sg_buf b = sg_buf_make(1 << 16);
    const char *reason;
    json_t *count;
    json_object_foreach (p->rejects, reason, count)
        sg_buf_printf(&b, "%s%s %lld", b.len ? ", " : "", reason, (long long)json_integer_value(count));
    sg_sheet_own(s, "%s", b.len ? sg_buf_text(&b) : isnan(p->n_rejected) ? "-" : "0");
    sg_buf_free(&b);
}

/* "  near: sst2 one_shot: 3 of a training row, 1 of a test row" */
static void near_lines(const struct draw *r)
{
    for (int64_t i = 0; i < r->d->n_pools; i++) {
        const struct sg_report_pool *p = &r->d->pool[i];
        if (!(p->n_near_raw + p->n_near_test + p->n_near_pool > 0))
            continue;
        sg_buf_puts(r->out, r->form == SG_REPORT_MARKDOWN ? "\n- near-duplicates kept: "
                                                          : "  near-duplicates kept: ");
        foreign(r, p->task, 60);
        sg_buf_puts(r->out, " ");
        foreign(r, p->method, 60);
        sg_buf_printf(r->out, ": %.0f of a test row, %.0f of a training row, %.0f of another example\n",
                      p->n_near_test, p->n_near_raw, p->n_near_pool);
    }
}

static void pools_table(const struct draw *r)
{
    static const char *const heads[] = {"task",     "method",   "seed",       "status", "got",
                                        "attempts", "rejected", "similarity", "Vendi"};
    if (!r->d->n_pools)
        return;
    heading(r, "Pools of synthetic examples");
    struct sg_sheet s = sg_sheet_make("<<><>><>>", heads);
    for (int64_t i = 0; i < r->d->n_pools; i++) {
        const struct sg_report_pool *p = &r->d->pool[i];
        sg_sheet_foreign(&s, p->task);
        sg_sheet_foreign(&s, p->method);
        sg_sheet_own(&s, "%lld", (long long)p->seed_generation);
        sg_sheet_foreign(&s, p->status);
        if (isnan(p->n))
            sg_sheet_own(&s, "-");
        else if (isnan(p->n_wanted))
            sg_sheet_own(&s, "%.0f", p->n);
        else
            sg_sheet_own(&s, "%.0f of %.0f", p->n, p->n_wanted);
        number(&s, p->n_attempts, 0);
        rejects_cell(&s, p);
        number(&s, p->mean_similarity, 3);
        number(&s, p->vendi, 1);
    }
    sg_sheet_draw(&s, r->form, r->out);
    sg_sheet_free(&s);
    for (int64_t i = 0; i < r->d->n_pools; i++) {
        const struct sg_report_pool *p = &r->d->pool[i];
        if (!p->shortfall[0])
            continue;
        sg_buf_puts(r->out, r->form == SG_REPORT_MARKDOWN ? "\n- " : "  short: ");
        foreign(r, p->task, 60);
        sg_buf_puts(r->out, " ");
        foreign(r, p->method, 60);
        sg_buf_puts(r->out, ": ");
        foreign(r, p->shortfall, 300);
        sg_buf_puts(r->out, "\n");
    }
    near_lines(r);
    sg_buf_puts(r->out, r->form == SG_REPORT_MARKDOWN ? "" : "\n");
    caption(r, "Similarity: mean cosine between two examples' embeddings. Vendi: effective number of "
               "different examples.");
}

/* The columns behind task, method and model. */
static void spend_cells(struct sg_sheet *s, const struct sg_report_spend *x)
{
    sg_sheet_own(s, "%lld", (long long)x->n_requests);
    sg_sheet_own(s, "%lld", (long long)x->n_failed);
    sg_sheet_own(s, "%lld", (long long)x->tokens_in);
    sg_sheet_own(s, "%lld", (long long)x->tokens_out);
    cost_cell(s, x->n_requests ? x->cost_usd : 0);
}

/* A row of no task. */
static void spend_sum(struct sg_sheet *s, const char *name, const struct sg_report_spend *x)
{
    for (int c = 0; c < 3; c++)
        sg_sheet_own(s, "%s", c ? "" : name);
    spend_cells(s, x);
}

static void spend_table(const struct draw *r)
{
    static const char *const heads[] = {"task",   "method",    "model",      "requests",
                                        "failed", "tokens in", "tokens out", "USD"};
    const struct sg_report_data *d = r->d;
    double total;
    if (!d->n_pools && !d->total_requests)
        return;
    heading(r, "Spend");
    struct sg_sheet s = sg_sheet_make("<<<>>>>>", heads);
    for (int64_t i = 0; i < d->n_pools; i++) {
        const struct sg_report_pool *p = &d->pool[i];
        sg_sheet_foreign(&s, p->task);
        sg_sheet_foreign(&s, p->method);
        sg_sheet_foreign(&s, p->model);
        spend_cells(&s, &(struct sg_report_spend){p->n_requests, p->n_failed, p->tokens_in, p->tokens_out,
                                                  p->cost_usd});
    }
    if (d->n_evaluations) {
        struct sg_report_spend evaluations = sg_report_evaluations_spend(d);
        spend_sum(&s, "the LLM as a classifier", &evaluations);
    }
    spend_sum(&s, "all in the ledger",
              &(struct sg_report_spend){d->total_requests, d->total_failed_requests, d->total_tokens_in,
                                        d->total_tokens_out,
                                        sg_parse_double(d->total_cost_usd, &total) ? total : (double)NAN});
    sg_sheet_draw(&s, r->form, r->out);
    sg_sheet_free(&s);
    if (d->total_from_recording) {
        char text[200];
        sg_buf_puts(r->out, r->form == SG_REPORT_MARKDOWN ? "" : "\n");
        snprintf(text, sizeof text,
                 "%lld of the %lld %s %s from a recording or the cache: this study did not buy %s.",
                 (long long)d->total_from_recording, (long long)d->total_requests,
                 sg_plural(d->total_requests, "completion", "completions"),
                 sg_plural(d->total_from_recording, "comes", "come"),
                 sg_plural(d->total_from_recording, "it", "them"));
        caption(r, text);
    }
}

static void failed_cells(const struct draw *r)
{
    int64_t n = 0;
    if (!r->d->n_failed)
        return;
    heading(r, "Failed cells");
    for (int64_t i = 0; i < r->d->n_cells && n < MAX_FAILED; i++) {
        const struct sg_report_cell *c = &r->d->cell[i];
        if (c->status != 'f')
            continue;
        n++;
        sg_buf_printf(r->out, "%scell %lld: ", r->form == SG_REPORT_MARKDOWN ? "- " : "  ",
                      (long long)c->cell);
        foreign(r, r->d->task[c->task].name, 60);
        sg_buf_puts(r->out, c->method[0] ? " " : "");
        foreign(r, c->method, 60);
        sg_buf_puts(r->out, " ");
        foreign(r, c->mix_name, 60);
        sg_buf_printf(r->out, ", size %lld, raw %lld, training seed %lld: ", (long long)c->size,
                      (long long)c->raw, (long long)c->seed_train);
        foreign(r, c->reason, 300);
        sg_buf_puts(r->out, "\n");
    }
    if (r->d->n_failed > n)
        sg_buf_printf(r->out, "%sand %lld more: /cells in results.h5 has all reasons\n",
                      r->form == SG_REPORT_MARKDOWN ? "- " : "  ", (long long)(r->d->n_failed - n));
}

static sg_status draw_text(const struct draw *r, struct sg_err *err)
{
    provenance(r);
    SG_TRY(main_table(r, err));
    SG_TRY(sg_draw_evaluations(r, err));
    pools_table(r);
    SG_TRY(sg_draw_bias(r, err));
    spend_table(r);
    failed_cells(r);
    return sg_buf_check(r->out, "the report", err);
}

sg_status sg_report(const char *path, enum sg_report_form form, struct sg_buf *out, struct sg_err *err)
{
    struct sg_report_data d = {0};
    char *file = sg_dir_exists(path) ? sg_path_join(path, "results.h5") : sg_strdup(path);
    if (!file)
        return sg_fail_memory(err, strlen(path));
    sg_status status = sg_store_verify(file, err); /* nothing is shown under a digest that it does not have */
    if (status == SG_OK)
        status = sg_report_read(file, &d, err);
    sg_free(file);
    if (status != SG_OK)
        return status;
    if (form == SG_REPORT_JSON)
        status = sg_report_json(&d, out, err);
    else
        status = draw_text(&(struct draw){.d = &d, .form = form, .out = out}, err);
    sg_report_data_free(&d);
    return status;
}
