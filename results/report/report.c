#include "results/report/report.h"

#include "base/mem.h"
#include "base/text.h"
#include "results/h5/store.h"
#include "results/report/report_draw.h"
#include "results/report/report_json.h"

#include <stdio.h>
#include <string.h>

enum { MAX_FAILED = 20 };

#define SG_REPORT_MARK "\xe2\x80\xa0" /* a dagger */

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
    if (r->source->is_unfinished)
        sg_buf_printf(r->out,
                      r->form == SG_REPORT_MARKDOWN ? "**Unfinished: %lld of %lld %s so far; %s.**\n"
                                                    : "Unfinished: %lld of %lld %s so far; %s.\n",
                      (long long)(d->n_done + d->n_failed), (long long)d->n_cells,
                      sg_plural(d->n_cells, "cell", "cells"),
                      r->source->runs ? "a run is at work on it"
                                      : "its run was cut off, and the same command goes on from there");
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

/* "†": the one finished cell, or all of them, predict one class alone; "†2/9": some of them. */
static void add_mark(char *text, size_t n, const struct sg_report_group *g)
{
    size_t len = strlen(text);
    if (g->n_degenerate && g->n_degenerate == g->n_done)
        snprintf(text + len, n - len, " " SG_REPORT_MARK);
    else if (g->n_degenerate)
        snprintf(text + len, n - len, " " SG_REPORT_MARK "%lld/%lld", (long long)g->n_degenerate,
                 (long long)g->n_done);
}

/* "64.2 ±3.1", "64.2 [50.1, 76.3]", "64.2", or what is missing: "1 of 2 done, 1 failed". is_first: the group's first number says what
 * is missing, and has its mark. */
static void estimate_cell(struct sg_text_table *s, const struct sg_report_group *g,
                          const struct sg_estimate *e, int is_first)
{
    int64_t n = g->n_done + g->n_failed + g->n_planned;
    char text[100] = "-";
    if (n && (g->n_failed || g->n_planned)) {
        if (is_first && g->n_failed)
            snprintf(text, sizeof text, "%lld of %lld done, %lld failed", (long long)g->n_done, (long long)n,
                     (long long)g->n_failed);
        else if (is_first)
            snprintf(text, sizeof text, "%lld of %lld done", (long long)g->n_done, (long long)n);
    } else if (n && isnan(e->low))
        snprintf(text, sizeof text, "%.1f", 100 * e->mean);
    else if (n && g->interval == SG_INTERVAL_ROWS)
        snprintf(text, sizeof text, "%.1f [%.1f, %.1f]", 100 * e->mean, 100 * e->low, 100 * e->high);
    else if (n)
        snprintf(text, sizeof text, "%.1f \xc2\xb1%.1f", 100 * e->mean, 50 * (e->high - e->low));
    if (is_first)
        add_mark(text, sizeof text, g);
    sg_text_table_own(s, "%s", text);
}

/* "30", or of a short pool "30 (19)"; of several pools "30 (19 to 28)". */
static void size_cell(const struct draw *r, struct sg_text_table *s, const struct sg_report_row *row)
{
    int64_t least, most;
    sg_report_had(r->d, row, &least, &most);
    if (least < 0 || least >= row->size)
        sg_text_table_own(s, "%lld", (long long)row->size);
    else if (least == most)
        sg_text_table_own(s, "%lld (%lld)", (long long)row->size, (long long)least);
    else
        sg_text_table_own(s, "%lld (%lld to %lld)", (long long)row->size, (long long)least, (long long)most);
}

/* What the numbers of a table are, for the lines below it: how many pools, draws and trainings, least and most, by interval and mix. */
struct kinds {
    int holes;
    struct {
        int64_t least[SG_N_REPORT_SEEDS], most[SG_N_REPORT_SEEDS];
    } of[SG_INTERVAL_SEEDS + 1][SG_N_REPORT_MIXES];
};

static void note_kind(struct kinds *k, int mix, const struct sg_report_group *g)
{
    k->holes |= g->n_failed || g->n_planned;
    for (int f = 0; f < SG_N_REPORT_SEEDS; f++) {
        int64_t n = g->n_levels[f], *least = &k->of[g->interval][mix].least[f],
                *most = &k->of[g->interval][mix].most[f];
        *least = n && (!*least || n < *least) ? n : *least;
        *most = n > *most ? n : *most;
    }
}

static sg_status task_sheet(const struct draw *r, const struct sg_report_row *row, int64_t n,
                            struct kinds *kinds, struct sg_err *err)
{
    static const char *const heads[] = {"method",    "size",     "raw",           "raw only", "macro-F1",
                                        "synthetic", "macro-F1", "raw+synthetic", "macro-F1"};
    struct sg_text_table s = sg_text_table_make("<>>>>>>>>", heads);
    sg_status status = SG_OK;
    for (int64_t i = 0; i < n && status == SG_OK; i++) {
        if (row[i].method) {
            sg_text_table_foreign(&s, row[i].method);
            size_cell(r, &s, &row[i]);
        } else {
            sg_text_table_own(&s, "-");
            sg_text_table_own(&s, "-");
        }
        sg_text_table_own(&s, "%lld", (long long)row[i].raw);
        for (int m = 0; m < SG_N_REPORT_MIXES && status == SG_OK; m++) {
            struct sg_report_group g;
            status = sg_report_group(r->d, &row[i], m, &g, err);
            if (status != SG_OK)
                break;
            estimate_cell(&s, &g, &g.accuracy, 1);
            estimate_cell(&s, &g, &g.macro_f1, 0);
            note_kind(kinds, m, &g);
        }
    }
    if (status == SG_OK)
        sg_text_table_draw(&s, r->form, r->out);
    sg_text_table_free(&s);
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

/* "raw only: 3 draws x 3 trainings; synthetic: 2 pools x 3 trainings"; 0: no mix has this interval. */
static int add_levels(const struct kinds *k, enum sg_report_interval interval, struct sg_buf *out)
{
    static const char *const mix[SG_N_REPORT_MIXES] = {"raw only", "synthetic", "raw+synthetic"};
    static const char *const one[SG_N_REPORT_SEEDS] = {"pool", "draw", "training"},
                             *const many[SG_N_REPORT_SEEDS] = {"pools", "draws", "trainings"};
    int n_mixes = 0;
    for (int m = 0; m < SG_N_REPORT_MIXES; m++) {
        int n_named = 0;
        for (int f = 0; f < SG_N_REPORT_SEEDS; f++) {
            int64_t least = k->of[interval][m].least[f], most = k->of[interval][m].most[f];
            if (!most)
                continue;
            if (n_named++)
                sg_buf_puts(out, " x ");
            else
                sg_buf_printf(out, "%s%s: ", n_mixes++ ? "; " : "", mix[m]);
            if (least < most)
                sg_buf_printf(out, "%lld to ", (long long)least);
            sg_buf_printf(out, "%lld %s", (long long)most, sg_plural(most, one[f], many[f]));
        }
    }
    return n_mixes;
}

static void seeds_captions(const struct draw *r, const struct kinds *k)
{
    struct sg_buf b = sg_buf_make(2000);
    sg_buf_puts(&b, "\xc2\xb1: 95 % confidence interval of the mean (Student's t). ");
    if (add_levels(k, SG_INTERVAL_SEEDS, &b)) {
        sg_buf_puts(&b,
                    ". Pools and draws are the units; the trainings of each are averaged (docs/report.md).");
        caption(r, sg_buf_text(&b));
        caption(r, "All seeds have the same test rows: how the numbers vary with other test rows is not in "
                   "\xc2\xb1, "
                   "nor is what there is one of.");
    }
    sg_buf_clear(&b);
    sg_buf_puts(&b, "Brackets: one unit (");
    if (add_levels(k, SG_INTERVAL_ROWS, &b)) {
        sg_buf_puts(
            &b, "); 95 % interval of the accuracy over the test rows (Wilson), without the variation between "
                "pools, draws and trainings.");
        caption(r, sg_buf_text(&b));
    }
    sg_buf_free(&b);
}

/* What the mark means, and how many there are. */
static void degenerate_caption(const struct draw *r)
{
    char text[300];
    snprintf(text, sizeof text,
             SG_REPORT_MARK
             ": predicts one class for all test rows, so nothing was learned that could be compared: "
             "%lld of %lld finished %s. More steps (train.min_steps) or another rate (train.lr) may help.",
             (long long)r->d->n_degenerate, (long long)r->d->n_done,
             sg_plural(r->d->n_done, "cell", "cells"));
    caption(r, text);
}

static int has_short_pools(const struct sg_report_data *d)
{
    for (int64_t i = 0; i < d->n_cells; i++)
        if (d->cell[i].status == 'd' && d->cell[i].n_synthetic < (double)d->cell[i].size)
            return 1;
    return 0;
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
    seeds_captions(r, &kinds);
    if (r->d->n_degenerate)
        degenerate_caption(r);
    if (has_short_pools(r->d))
        caption(r, "Size 30 (19): 30 examples were asked for, and the pool has 19.");
    if (kinds.holes)
        caption(r, "Where cells are missing or failed there is no mean: nothing is averaged over a hole.");
    return SG_OK;
}

/* "duplicate 2, refused 1" */
static void rejects_cell(struct sg_text_table *s, const struct sg_report_pool *p)
{
    struct sg_buf b = sg_buf_make(1 << 16);
    const char *reason;
    json_t *count;
    json_object_foreach (p->rejects, reason, count)
        sg_buf_printf(&b, "%s%s %lld", b.len ? ", " : "", reason, (long long)json_integer_value(count));
    sg_text_table_own(s, "%s", b.len ? sg_buf_text(&b) : isnan(p->n_rejected) ? "-" : "0");
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
    struct sg_text_table s = sg_text_table_make("<<><>><>>", heads);
    for (int64_t i = 0; i < r->d->n_pools; i++) {
        const struct sg_report_pool *p = &r->d->pool[i];
        sg_text_table_foreign(&s, p->task);
        sg_text_table_foreign(&s, p->method);
        pool_seed(&s, r->d, p);
        sg_text_table_foreign(&s, p->status);
        if (isnan(p->n))
            sg_text_table_own(&s, "-");
        else if (isnan(p->n_wanted))
            sg_text_table_own(&s, "%.0f", p->n);
        else
            sg_text_table_own(&s, "%.0f of %.0f", p->n, p->n_wanted);
        number(&s, p->n_attempts, 0);
        rejects_cell(&s, p);
        number(&s, p->mean_similarity, 3);
        number(&s, p->vendi, 1);
    }
    sg_text_table_draw(&s, r->form, r->out);
    sg_text_table_free(&s);
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
static void spend_cells(struct sg_text_table *s, const struct sg_report_spend *x)
{
    sg_text_table_own(s, "%lld", (long long)x->n_requests);
    sg_text_table_own(s, "%lld", (long long)x->n_failed);
    sg_text_table_own(s, "%lld", (long long)x->tokens_in);
    sg_text_table_own(s, "%lld", (long long)x->tokens_out);
    cost_cell(s, x->n_requests ? x->cost_usd : 0);
}

/* A row of no task. */
static void spend_sum(struct sg_text_table *s, const char *name, const struct sg_report_spend *x)
{
    for (int c = 0; c < 3; c++)
        sg_text_table_own(s, "%s", c ? "" : name);
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
    struct sg_text_table s = sg_text_table_make("<<<>>>>>", heads);
    for (int64_t i = 0; i < d->n_pools; i++) {
        const struct sg_report_pool *p = &d->pool[i];
        sg_text_table_foreign(&s, p->task);
        sg_text_table_foreign(&s, p->method);
        sg_text_table_foreign(&s, p->model);
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
    sg_text_table_draw(&s, r->form, r->out);
    sg_text_table_free(&s);
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
    SG_TRY(sg_draw_text_stats(r, err));
    spend_table(r);
    failed_cells(r);
    return sg_buf_check(r->out, "the report", err);
}

sg_status sg_report_degenerate(const char *path, int64_t *n, int64_t *n_done, struct sg_err *err)
{
    struct sg_report_data d = {0};
    SG_TRY(sg_report_read(path, &d, err));
    *n = d.n_degenerate;
    *n_done = d.n_done;
    sg_report_data_free(&d);
    return SG_OK;
}

sg_status sg_report_draw(const struct sg_report_source *s, enum sg_report_form form, struct sg_buf *out,
                         struct sg_err *err)
{
    struct sg_report_data d = {0};
    SG_TRY(sg_store_verify(s->file, err)); /* nothing is shown under a digest that it does not have */
    SG_TRY(sg_report_read(s->file, &d, err));
    sg_status status = form == SG_REPORT_JSON
                           ? sg_report_json(&d, s, out, err)
                           : draw_text(&(struct draw){.d = &d, .form = form, .out = out, .source = s}, err);
    sg_report_data_free(&d);
    return status;
}

sg_status sg_report(const char *path, enum sg_report_form form, struct sg_buf *out, struct sg_err *err)
{
    struct sg_report_source source;
    SG_TRY(sg_report_source_open(path, &source, err));
    sg_status status = sg_report_draw(&source, form, out, err);
    sg_report_source_close(&source);
    return status;
}
