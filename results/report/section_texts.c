/* What the texts of the pools look like beside the raw rows, and which classes the LLM chose. */
#include "base/buf.h"
#include "results/report/section.h"
#include "results/report/section_impl.h"
#include "results/stats/text_stats.h"

#include <math.h>
#include <stdio.h>
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
static void length_cell(struct sg_doc *doc, const struct sg_report_text_stats *b,
                        const struct sg_report_text_stats *pair)
{
    if (!pair || isnan(b->mean_words) || isnan(pair->mean_words))
        sg_doc_real(doc, b->mean_words, 1);
    else
        sg_doc_number(doc, b->mean_words, "%.1f / %.1f", b->mean_words, pair->mean_words);
}

/* Marked where there were too few words to compare it. */
static void variety_cell(struct sg_doc *doc, const struct sg_report_text_stats *b,
                         const struct sg_report_text_stats *pair)
{
    const char *mark =
        b->n_words < SG_TEXT_STATS_WORDS || (pair && pair->n_words < SG_TEXT_STATS_WORDS) ? "*" : "";
    if (isnan(b->distinct_2) || (pair && isnan(pair->distinct_2)))
        sg_doc_real(doc, NAN, 2);
    else if (pair)
        sg_doc_number(doc, b->distinct_2, "%.2f / %.2f%s", b->distinct_2, pair->distinct_2, mark);
    else
        sg_doc_number(doc, b->distinct_2, "%.2f%s", b->distinct_2, mark);
}

static void name_cells(struct sg_doc *doc, const struct sg_report_data *d,
                       const struct sg_report_text_stats *b)
{
    sg_doc_text(doc, d->task[b->task].name);
    if (b->pool < 0) {
        sg_doc_text(doc, "(raw rows)");
        sg_doc_real(doc, NAN, 0);
    } else {
        sg_doc_text(doc, d->pool[b->pool].method);
        sg_section_pool_seed(doc, d, &d->pool[b->pool]);
    }
}

static void texts_table(struct sg_doc *doc, const struct sg_report_data *d, int64_t task)
{
    static const struct sg_doc_column column[] = {{"task", SG_DOC_TEXT, ""},
                                                  {"method", SG_DOC_TEXT, ""},
                                                  {"seed", SG_DOC_NUMBER, ""},
                                                  {"texts", SG_DOC_NUMBER, ""},
                                                  {"words", SG_DOC_NUMBER, ""},
                                                  {"distinct-2", SG_DOC_NUMBER, ""},
                                                  {"yes/no", SG_DOC_NUMBER, "%"},
                                                  {"overlap", SG_DOC_NUMBER, "%"},
                                                  {"most common opening", SG_DOC_TEXT, ""}};
    char name[200], title[200];
    snprintf(name, sizeof name, "texts-%.100s", d->task[task].name);
    snprintf(title, sizeof title, "%.100s: texts of the pools beside the raw rows", d->task[task].name);
    sg_doc_table(doc, name, title, 0, 9, column);
    for (int64_t i = 0; i < d->n_text_stats; i++) {
        const struct sg_report_text_stats *b = &d->text_stats[i], *pair = partner_of(d, i);
        if (b->task != task || b->label >= 0 || is_second(b))
            continue;
        name_cells(doc, d, b);
        sg_doc_int(doc, b->n);
        length_cell(doc, b, pair);
        variety_cell(doc, b, pair);
        sg_doc_real(doc, pair ? 100 * b->question_share : (double)NAN, 0);
        sg_doc_real(doc, 100 * b->overlap, 0);
        if (isnan(b->opening_share))
            sg_doc_text(doc, "-");
        else
            sg_doc_textf(doc, "%.0f %% \"%s\"", 100 * b->opening_share, b->opening);
    }
}

static int is_chosen(const struct sg_report_data *d, const struct sg_report_text_stats *b)
{
    return b->chosen >= 0 && !is_second(b) && !isnan(b->chosen_share) &&
           d->task[b->task].n_classes <= MAX_NAMED;
}

static void chosen_table(struct sg_doc *doc, const struct sg_report_data *d)
{
    static const struct sg_doc_column column[] = {
        {"task", SG_DOC_TEXT, ""},  {"method", SG_DOC_TEXT, ""},   {"seed", SG_DOC_NUMBER, ""},
        {"class", SG_DOC_TEXT, ""}, {"chosen", SG_DOC_NUMBER, ""}, {"share", SG_DOC_NUMBER, "%"}};
    int any = 0;
    for (int64_t i = 0; i < d->n_text_stats; i++)
        any |= is_chosen(d, &d->text_stats[i]);
    if (!any)
        return;
    sg_doc_table(doc, "chosen", "Classes that the LLM chose", 0, 6, column);
    for (int64_t i = 0; i < d->n_text_stats; i++) {
        const struct sg_report_text_stats *b = &d->text_stats[i];
        if (!is_chosen(d, b))
            continue;
        name_cells(doc, d, b);
        sg_doc_text(doc, b->class_);
        sg_doc_int(doc, b->chosen);
        sg_doc_estimate(doc, b->chosen_share, b->chosen_low, b->chosen_high, 100, 1, "");
    }
    sg_doc_note(
        doc,
        "Good examples before the pool was balanced; 95 %% interval (Wilson). Asking ends when the rarest "
        "class has enough, so shares of small pools are rough.");
}

sg_status sg_section_texts(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    const struct sg_report_data *d = in->d;
    (void)err;
    if (!d->n_text_stats)
        return SG_OK;
    for (int64_t t = 0; t < d->n_tasks; t++)
        texts_table(doc, d, t);
    sg_doc_note(doc,
                "Words: mean length. Distinct-2: different pairs of neighbouring words among the first 500 "
                "words; *: there are fewer, which makes it larger.");
    sg_doc_note(doc,
                "Of pairs: first / second text; yes/no: first texts that begin like a yes/no question; "
                "overlap: words of the first that the second has, too. By class: /text_stats in results.h5.");
    chosen_table(doc, d);
    return SG_OK;
}
