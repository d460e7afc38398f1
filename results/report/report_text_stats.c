#include "results/report/report_draw.h"
#include "results/stats/text_stats.h"

#include <string.h>

/* Classes are named where a task has no more. */
enum { MAX_NAMED = 6 };

static int is_second(const struct sg_report_text_stats *b)
{
    return strcmp(b->part, "text_pair") == 0;
}

/* The other text of the pair: the next row; NULL for single texts. */
static const struct sg_report_text_stats *partner_of(const struct sg_report_data *d, int64_t i)
{
    const struct sg_report_text_stats *b = &d->text_stats[i], *next = i + 1 < d->n_text_stats ? b + 1 : NULL;
    return next && is_second(next) && next->pool == b->pool && next->label == b->label &&
                   next->task == b->task
               ? next
               : NULL;
}

/* "12.3", or "9.1 / 43.2" for a pair. */
static void length_cell(struct sg_text_table *s, const struct sg_report_text_stats *b,
                        const struct sg_report_text_stats *pair)
{
    if (!pair || isnan(b->mean_words) || isnan(pair->mean_words))
        number(s, b->mean_words, 1);
    else
        sg_text_table_own(s, "%.1f / %.1f", b->mean_words, pair->mean_words);
}

/* Marked where there were too few words to compare it. */
static void variety_cell(struct sg_text_table *s, const struct sg_report_text_stats *b,
                         const struct sg_report_text_stats *pair)
{
    const char *mark =
        b->n_words < SG_TEXT_STATS_WORDS || (pair && pair->n_words < SG_TEXT_STATS_WORDS) ? "*" : "";
    if (isnan(b->distinct_2) || (pair && isnan(pair->distinct_2)))
        sg_text_table_own(s, "-");
    else if (pair)
        sg_text_table_own(s, "%.2f / %.2f%s", b->distinct_2, pair->distinct_2, mark);
    else
        sg_text_table_own(s, "%.2f%s", b->distinct_2, mark);
}

static void opening_cell(struct sg_text_table *s, const struct sg_report_text_stats *b)
{
    struct sg_buf text = sg_buf_make(1 << 12);
    if (!isnan(b->opening_share))
        sg_buf_printf(&text, "%.0f %% \"%s\"", 100 * b->opening_share, b->opening);
    sg_text_table_foreign(s, text.len ? sg_buf_text(&text) : "-");
    sg_buf_free(&text);
}

static void name_cells(const struct draw *r, struct sg_text_table *s, const struct sg_report_text_stats *b)
{
    sg_text_table_foreign(s, r->d->task[b->task].name);
    if (b->pool < 0) {
        sg_text_table_own(s, "(raw rows)");
        sg_text_table_own(s, "-");
    } else {
        sg_text_table_foreign(s, r->d->pool[b->pool].method);
        pool_seed(s, r->d, &r->d->pool[b->pool]);
    }
}

static void texts_table(const struct draw *r, int64_t task)
{
    static const char *const heads[] = {"task",     "method",    "seed",
                                        "texts",    "words",     "distinct-2",
                                        "yes/no %", "overlap %", "most common opening"};
    struct sg_text_table s = sg_text_table_make("<<>>>>>><", heads);
    for (int64_t i = 0; i < r->d->n_text_stats; i++) {
        const struct sg_report_text_stats *b = &r->d->text_stats[i], *pair = partner_of(r->d, i);
        if (b->task != task || b->label >= 0 || is_second(b))
            continue;
        name_cells(r, &s, b);
        sg_text_table_own(&s, "%lld", (long long)b->n);
        length_cell(&s, b, pair);
        variety_cell(&s, b, pair);
        number(&s, pair ? 100 * b->question_share : (double)NAN, 0);
        number(&s, 100 * b->overlap, 0);
        opening_cell(&s, b);
    }
    sg_text_table_draw(&s, r->form, r->out);
    sg_text_table_free(&s);
}

/* Which classes the LLM chose. Returns whether it did anywhere. */
static int chosen_table(const struct draw *r)
{
    static const char *const heads[] = {"task", "method", "seed", "class", "chosen", "share % [95 %]"};
    struct sg_text_table s = sg_text_table_make("<<><>>", heads);
    int any = 0;
    for (int64_t i = 0; i < r->d->n_text_stats; i++) {
        const struct sg_report_text_stats *b = &r->d->text_stats[i];
        if (b->chosen < 0 || is_second(b) || isnan(b->chosen_share) ||
            r->d->task[b->task].n_classes > MAX_NAMED)
            continue;
        any = 1;
        name_cells(r, &s, b);
        sg_text_table_foreign(&s, b->class_);
        sg_text_table_own(&s, "%lld", (long long)b->chosen);
        sg_text_table_own(&s, "%.1f [%.1f, %.1f]", 100 * b->chosen_share, 100 * b->chosen_low,
                          100 * b->chosen_high);
    }
    if (any) {
        heading(r, "Classes that the LLM chose");
        sg_text_table_draw(&s, r->form, r->out);
    }
    sg_text_table_free(&s);
    return any;
}

sg_status sg_draw_text_stats(const struct draw *r, struct sg_err *err)
{
    if (!r->d->n_text_stats)
        return SG_OK;
    heading(r, "Texts of the pools beside the raw rows");
    for (int64_t t = 0; t < r->d->n_tasks; t++) {
        texts_table(r, t);
        sg_buf_puts(r->out, "\n");
    }
    caption(r, "Words: mean length. Distinct-2: different pairs of neighbouring words among the first 500 "
               "words; *: there are "
               "fewer, which makes it larger.");
    caption(r, "Of pairs: first / second text; yes/no: first texts that begin like a yes/no question; "
               "overlap: words of the "
               "first that the second has, too. By class: /text_stats in results.h5.");
    if (chosen_table(r)) {
        sg_buf_puts(r->out, r->form == SG_REPORT_MARKDOWN ? "" : "\n");
        caption(r, "Good examples before the pool was balanced. Asking ends when the rarest class has "
                   "enough, so shares of small "
                   "pools are rough.");
    }
    return sg_buf_check(r->out, "the report", err);
}
