/* How varied the texts of the pools are, and how much they give their class away: /text_measures, /cues and /class_terms. */
#include "base/mem.h"
#include "base/text.h"
#include "results/h5/store_open.h"
#include "results/h5/store_tables.h"
#include "results/report/answer.h"
#include "results/stats/compare.h"
#include "results/stats/cues.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_TERMS = 500 /* shown; all are in /class_terms */ };

struct measured { /* a row of /text_measures */
    int64_t pool, task, rephrases, n, n_words, n_bleu, n_bytes, n_cues;
    double real[SG_N_TEXT_MEASURES];                                  /* by column */
    struct sg_estimate accuracy[SG_N_CUE_VIEWS], raw[SG_N_CUE_VIEWS]; /* n 0: the view is not there */
    double chance, p; /* p: of the bias score, Holm over all pools */
};
struct guilty { /* a row of /class_terms with p below 5 % */
    int64_t pool, task, n_in, n_out;
    double z, p;
    char *class_, *part, *term;
};
struct bias {
    const struct sg_report_data *d;
    int64_t n, n_terms, n_guilty; /* n_guilty: with those that are not kept */
    struct measured *row;
    struct guilty *term;
    double *p;
};

static void bias_free(struct bias *b)
{
    for (int64_t i = 0; i < b->n_terms; i++) {
        sg_free(b->term[i].class_);
        sg_free(b->term[i].part);
        sg_free(b->term[i].term);
    }
    sg_free(b->term);
    sg_free(b->row);
    sg_free(b->p);
}

static int64_t task_of(const struct sg_report_data *d, const char *name)
{
    for (int64_t t = 0; t < d->n_tasks; t++)
        if (strcmp(d->task[t].name, name) == 0)
            return t;
    return -1;
}

static sg_status bad_row(const char *table, int64_t at, struct sg_err *err)
{
    return sg_fail(err, SG_INPUT, "damaged: row %lld of /%s has no task or pool", (long long)at, table);
}

static int is_known(const struct sg_report_data *d, int64_t task, int64_t pool)
{
    return task >= 0 && pool >= -1 && pool < d->n_pools;
}

static sg_status read_measures(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct bias *b = context;
    struct measured *grown = sg_grown(b->row, at, sizeof *b->row);
    if (!grown)
        return sg_fail_memory(err, sizeof *grown);
    b->row = grown;
    b->n = at + 1;
    struct measured *m = &b->row[at];
    *m = (struct measured){.pool = row[SG_TEXT_MEASURES_pool].i,
                           .task = task_of(b->d, row[SG_TEXT_MEASURES_task].text),
                           .rephrases = row[SG_TEXT_MEASURES_rephrases].i,
                           .n = row[SG_TEXT_MEASURES_n].i,
                           .n_words = row[SG_TEXT_MEASURES_n_words].i,
                           .n_bleu = row[SG_TEXT_MEASURES_n_bleu].i,
                           .n_bytes = row[SG_TEXT_MEASURES_n_bytes].i,
                           .n_cues = row[SG_TEXT_MEASURES_n_cues].i,
                           .chance = NAN,
                           .p = NAN};
    for (int c = 0; c < SG_N_TEXT_MEASURES; c++)
        m->real[c] =
            sg_store_tables[SG_T_TEXT_MEASURES].column[c].type == SG_COL_REAL ? row[c].x : (double)NAN;
    return is_known(b->d, m->task, m->pool) ? SG_OK : bad_row("text_measures", at, err);
}

static sg_status read_cue(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct bias *b = context;
    int64_t task = task_of(b->d, row[SG_CUES_task].text), pool = row[SG_CUES_pool].i, n = row[SG_CUES_n].i;
    if (!is_known(b->d, task, pool))
        return bad_row("cues", at, err);
    for (int64_t i = 0; i < b->n; i++)
        for (int v = 0; v < SG_N_CUE_VIEWS; v++)
            if (b->row[i].pool == pool && b->row[i].task == task &&
                strcmp(sg_cue_view_name((enum sg_cue_view)v), row[SG_CUES_view].text) == 0) {
                b->row[i].accuracy[v] = (struct sg_estimate){
                    n, row[SG_CUES_accuracy].x, row[SG_CUES_accuracy_low].x, row[SG_CUES_accuracy_high].x};
                b->row[i].raw[v] = (struct sg_estimate){n, row[SG_CUES_raw].x, row[SG_CUES_raw_low].x,
                                                        row[SG_CUES_raw_high].x};
                b->row[i].chance = row[SG_CUES_chance].x;
            }
    return SG_OK;
}

static sg_status read_term(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct bias *b = context;
    struct guilty x = {.pool = row[SG_CLASS_TERMS_pool].i,
                       .task = task_of(b->d, row[SG_CLASS_TERMS_task].text),
                       .n_in = row[SG_CLASS_TERMS_n_in].i,
                       .n_out = row[SG_CLASS_TERMS_n_out].i,
                       .z = row[SG_CLASS_TERMS_z].x,
                       .p = row[SG_CLASS_TERMS_p].x};
    if (!is_known(b->d, x.task, x.pool))
        return bad_row("class_terms", at, err);
    if (!sg_answer_told(x.p) || !(x.z > 0))
        return SG_OK;
    if (b->n_guilty++ >= MAX_TERMS)
        return SG_OK;
    struct guilty *grown = sg_grown(b->term, b->n_terms, sizeof *b->term);
    if (!grown)
        return sg_fail_memory(err, sizeof *grown);
    b->term = grown;
    x.class_ = sg_strdup(row[SG_CLASS_TERMS_class].text);
    x.part = sg_strdup(row[SG_CLASS_TERMS_part].text);
    x.term = sg_strdup(row[SG_CLASS_TERMS_term].text);
    b->term[b->n_terms++] = x;
    return x.class_ && x.part && x.term ? SG_OK : sg_fail_memory(err, 64);
}

/* p of a score, from how far its lower limit reaches; that limit holds for all views together. */
static void test_scores(struct bias *b)
{
    for (int64_t i = 0; i < b->n; i++) {
        double score = b->row[i].real[SG_TEXT_MEASURES_bias], low = b->row[i].real[SG_TEXT_MEASURES_bias_low],
               se = (score - low) / 1.959963984540054;
        b->p[i] = isnan(low)            ? (double)NAN
                  : score > 0 && se > 0 ? sg_t_two_sided(score / se, (double)INFINITY)
                                        : 1;
    }
    sg_holm(b->p, b->n);
    for (int64_t i = 0; i < b->n; i++)
        b->row[i].p = b->p[i];
}

static sg_status bias_read(const struct sg_section_input *in, struct bias *b, struct sg_err *err)
{
    static const struct {
        enum sg_h5_table_index table;
        sg_h5_table_row read;
    } parts[] = {{SG_T_TEXT_MEASURES, read_measures}, {SG_T_CUES, read_cue}, {SG_T_CLASS_TERMS, read_term}};
    hid_t file = -1;
    *b = (struct bias){.d = in->d};
    SG_TRY(sg_store_open(in->file, &file, err));
    sg_status status = SG_OK;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && status == SG_OK; i++)
        status = sg_h5_table_each(file, &sg_store_tables[parts[i].table], in->file, parts[i].read, b, err);
    H5Fclose(file);
    if (status == SG_OK && !(b->p = sg_alloc((size_t)b->n + 1, sizeof *b->p)))
        status = sg_fail_memory(err, (size_t)b->n * sizeof *b->p);
    if (status == SG_OK)
        test_scores(b);
    else
        bias_free(b);
    return status;
}

/* ---- words ---- */

static struct sg_effect score_of(const struct measured *m)
{
    struct sg_effect e = sg_answer_none();
    e.mean = m->real[SG_TEXT_MEASURES_bias];
    e.low = m->real[SG_TEXT_MEASURES_bias_low];
    e.high = m->real[SG_TEXT_MEASURES_bias_high];
    return e;
}

static void say_task(const struct bias *b, int64_t task, struct sg_doc *doc)
{
    const struct measured *most = NULL;
    const char *name = b->d->task[task].name;
    int64_t n = 0, n_told = 0, n_family = 0;
    char points[SG_ANSWER_TEXT];
    for (int64_t i = 0; i < b->n; i++) {
        const struct measured *m = &b->row[i];
        n_family += !isnan(m->p);
        if (m->task != task || m->pool < 0 || isnan(m->real[SG_TEXT_MEASURES_bias]))
            continue;
        n++;
        n_told += sg_answer_told(m->p);
        int told = sg_answer_told(m->p), before = most && sg_answer_told(most->p);
        if (!most || told > before ||
            (told == before && m->real[SG_TEXT_MEASURES_bias] > most->real[SG_TEXT_MEASURES_bias]))
            most = m; /* the largest of those that can be told */
    }
    if (!most) {
        sg_doc_say(doc,
                   "Whether the pools of %s give their class away " SG_CANNOT
                   ": it takes %d examples, and %d of each class.",
                   name, SG_CUE_LEAST, SG_CUE_LEAST_OF_CLASS);
        return;
    }
    struct sg_effect e = score_of(most);
    sg_answer_points(&e, points);
    if (n_told)
        sg_doc_say(doc,
                   "On %s, %lld of %lld %s the class away more than raw rows do, %s most: a simple "
                   "classifier of one text's words, or of lengths, has %s more right on it.",
                   name, (long long)n_told, (long long)n, n == 1 ? "pool gives" : "pools give",
                   b->d->pool[most->pool].method, points);
    else
        sg_doc_say(doc,
                   "Whether the pools of %s give the class away more than raw rows do " SG_CANNOT
                   ": the largest score of %lld is that of %s, %s; Holm over %lld pools.",
                   name, (long long)n, b->d->pool[most->pool].method, points, (long long)n_family);
}

static void name_cells(const struct bias *b, int64_t task, int64_t pool, struct sg_doc *doc)
{
    sg_doc_text(doc, b->d->task[task].name);
    if (pool < 0) {
        sg_doc_text(doc, "(raw rows)");
        sg_doc_text(doc, "-");
        return;
    }
    const struct sg_report_pool *p = &b->d->pool[pool];
    sg_doc_text(doc, p->method);
    if (p->seed_data >= 0 && b->d->has_draws)
        sg_doc_textf(doc, "%lld, draw %lld", (long long)p->seed_generation, (long long)p->seed_data);
    else
        sg_doc_textf(doc, "%lld", (long long)p->seed_generation);
}

static void scores_table(const struct bias *b, struct sg_doc *doc)
{
    static const struct sg_doc_column column[] = {
        {"task", SG_DOC_TEXT, ""},         {"method", SG_DOC_TEXT, ""},
        {"seed", SG_DOC_TEXT, ""},         {"n", SG_DOC_NUMBER, "examples"},
        {"bias", SG_DOC_NUMBER, "points"}, {"p (Holm)", SG_DOC_NUMBER, ""},
        {"chance", SG_DOC_NUMBER, "%"},    {"text", SG_DOC_NUMBER, "%"},
        {"raw text", SG_DOC_NUMBER, "%"},  {"pair", SG_DOC_NUMBER, "%"},
        {"raw pair", SG_DOC_NUMBER, "%"},  {"length", SG_DOC_NUMBER, "%"},
        {"raw length", SG_DOC_NUMBER, "%"}};
    sg_doc_table(doc, "bias", "How much the pools give their class away, beside raw rows", 0, 13, column);
    for (int64_t i = 0; i < b->n; i++) {
        const struct measured *m = &b->row[i];
        struct sg_effect e = score_of(m);
        name_cells(b, m->task, m->pool, doc);
        sg_doc_int(doc, m->n_cues);
        sg_doc_estimate(doc, e.mean, e.low, e.high, 100, 1, sg_answer_told(m->p) ? "*" : "");
        sg_answer_p_cell(doc, m->p);
        sg_doc_real(doc, 100 * m->chance, 0);
        for (int v = 0; v < SG_N_CUE_VIEWS; v++) {
            const struct sg_estimate none = {0, NAN, NAN, NAN},
                                     *x = m->accuracy[v].n ? &m->accuracy[v] : &none,
                                     *raw = m->accuracy[v].n ? &m->raw[v] : &none;
            sg_doc_estimate(doc, x->mean, x->low, x->high, 100, 0, "");
            sg_doc_estimate(doc, raw->mean, raw->low, raw->high, 100, 0, "");
        }
    }
    sg_doc_note(
        doc, "Accuracy of a naive Bayes, cross-validated, that sees the first text alone, the second of a "
             "pair alone, or the lengths alone; of the pool and of as many raw rows of each class. Bias: the "
             "largest excess over raw rows, each taken as chance where it is below, with a 95 %% interval "
             "over all views; *: above 0 at 5 %%, Holm over the pools. In a task of single texts, the text "
             "is the task: there bias says how much easier the pool is. docs/bias.md.");
}

static void terms_table(const struct bias *b, struct sg_doc *doc)
{
    static const struct sg_doc_column column[] = {{"task", SG_DOC_TEXT, ""},
                                                  {"method", SG_DOC_TEXT, ""},
                                                  {"seed", SG_DOC_TEXT, ""},
                                                  {"class", SG_DOC_TEXT, ""},
                                                  {"text", SG_DOC_TEXT, ""},
                                                  {"term", SG_DOC_TEXT, ""},
                                                  {"z", SG_DOC_NUMBER, ""},
                                                  {"p", SG_DOC_NUMBER, ""},
                                                  {"in class", SG_DOC_NUMBER, "texts"},
                                                  {"elsewhere", SG_DOC_NUMBER, "texts"}};
    if (!b->n_guilty) {
        sg_doc_paragraph(doc,
                         "No word goes with a class at 5 %% in any pool, Bonferroni over the pool's words; "
                         "the first ten of each class are in /class_terms of results.h5.");
        return;
    }
    sg_doc_table(doc, "class-terms", "Words that go with a class", 0, 10, column);
    for (int64_t i = 0; i < b->n_terms; i++) {
        const struct guilty *x = &b->term[i];
        name_cells(b, x->task, x->pool, doc);
        sg_doc_text(doc, x->class_);
        sg_doc_text(doc, strcmp(x->part, "text_pair") == 0 ? "second" : "first");
        sg_doc_text(doc, x->term);
        sg_doc_real(doc, x->z, 1);
        sg_answer_p_cell(doc, x->p);
        sg_doc_int(doc, x->n_in);
        sg_doc_int(doc, x->n_out);
    }
    sg_doc_note(
        doc,
        "Weighted log-odds with an informative Dirichlet prior (Monroe et al. 2008), in texts that have the "
        "word; p below 5 %%, Bonferroni over the pool's words.");
    if (b->n_guilty > b->n_terms)
        sg_doc_note(doc, "The first %lld of %lld; all are in /class_terms of results.h5.",
                    (long long)b->n_terms, (long long)b->n_guilty);
}

static void counts_table(const struct bias *b, struct sg_doc *doc)
{
    static const struct sg_doc_column column[] = {{"task", SG_DOC_TEXT, ""},
                                                  {"method", SG_DOC_TEXT, ""},
                                                  {"seed", SG_DOC_TEXT, ""},
                                                  {"negation", SG_DOC_NUMBER, "%"},
                                                  {"between classes", SG_DOC_NUMBER, "points"},
                                                  {"overlap", SG_DOC_NUMBER, "%"},
                                                  {"same opening", SG_DOC_NUMBER, "%"},
                                                  {"class drift", SG_DOC_NUMBER, "%"},
                                                  {"rephrases", SG_DOC_TEXT, ""}};
    sg_doc_table(doc, "bias-counts", "Negation, overlap, openings and classes", 0, 9, column);
    for (int64_t i = 0; i < b->n; i++) {
        const struct measured *m = &b->row[i];
        const double *x = m->real;
        name_cells(b, m->task, m->pool, doc);
        sg_doc_estimate(doc, x[SG_TEXT_MEASURES_negation], x[SG_TEXT_MEASURES_negation_low],
                        x[SG_TEXT_MEASURES_negation_high], 100, 0, "");
        sg_doc_real(doc, 100 * x[SG_TEXT_MEASURES_negation_gap], 0);
        sg_doc_real(doc, 100 * x[SG_TEXT_MEASURES_overlap], 0);
        sg_doc_real(doc, 100 * x[SG_TEXT_MEASURES_opening_share], 0);
        sg_doc_real(doc, 100 * x[SG_TEXT_MEASURES_class_drift], 1);
        sg_doc_text(doc, m->rephrases >= 0 && m->rephrases < b->d->n_pools ? b->d->pool[m->rephrases].method
                                                                           : "-");
    }
    sg_doc_note(doc,
                "Negation: first texts with a negation word (English), and the largest difference between "
                "two classes. Overlap: "
                "words of the first text that the second has, too. Class drift: examples whose class the LLM "
                "chose too often, where it chose.");
}

static void figure(const struct bias *b, struct sg_doc *doc)
{
    char label[300];
    sg_doc_figure(doc, &(struct sg_figure_spec){.name = "figure-bias",
                                                .title = "Bias score of each pool",
                                                .x_label = "",
                                                .y_label = "excess over raw rows, points",
                                                .kind = SG_FIGURE_BARS,
                                                .zero_line = 0});
    for (int64_t i = 0; i < b->n; i++) { /* a series a method */
        const struct measured *m = &b->row[i];
        int is_first = m->pool >= 0 && !isnan(m->real[SG_TEXT_MEASURES_bias]);
        for (int64_t k = 0; k < i && is_first; k++)
            is_first = b->row[k].pool < 0 || isnan(b->row[k].real[SG_TEXT_MEASURES_bias]) ||
                       strcmp(b->d->pool[b->row[k].pool].method, b->d->pool[m->pool].method) != 0;
        if (!is_first)
            continue;
        sg_doc_series(doc, b->d->pool[m->pool].method);
        for (int64_t k = i; k < b->n; k++) {
            const struct measured *x = &b->row[k];
            struct sg_effect e = score_of(x);
            if (x->pool < 0 || isnan(e.mean) ||
                strcmp(b->d->pool[x->pool].method, b->d->pool[m->pool].method) != 0)
                continue;
            const struct sg_report_pool *p = &b->d->pool[x->pool];
            int64_t draw = p->seed_data > 0 && b->d->has_draws ? p->seed_data : 0;
            if (p->seed_generation > 0 || draw)
                snprintf(label, sizeof label, "%.200s %lld.%lld", b->d->task[x->task].name,
                         (long long)p->seed_generation, (long long)draw);
            else
                snprintf(label, sizeof label, "%.200s", b->d->task[x->task].name);
            sg_text_whole(label);
            sg_doc_point(doc, NAN, 100 * e.mean, 100 * e.low, 100 * e.high, label);
        }
    }
    sg_doc_note(doc, "A label's numbers are the pool's generation seed and draw, where it is not the first.");
}

sg_status sg_section_bias(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    struct bias b;
    int any = 0;
    SG_TRY(bias_read(in, &b, err));
    for (int64_t t = 0; t < b.d->n_tasks; t++) {
        int has_pool = 0;
        for (int64_t i = 0; i < b.n; i++)
            has_pool |= b.row[i].task == t && b.row[i].pool >= 0;
        if (has_pool)
            say_task(&b, t, doc);
        any |= has_pool;
    }
    if (any) {
        int scored = 0;
        for (int64_t i = 0; i < b.n; i++)
            scored |= !isnan(b.row[i].real[SG_TEXT_MEASURES_bias]);
        scores_table(&b, doc);
        if (scored)
            figure(&b, doc);
        terms_table(&b, doc);
        counts_table(&b, doc);
    }
    bias_free(&b);
    return SG_OK;
}

/* ---- variety ---- */

static void say_variety(const struct bias *b, struct sg_doc *doc)
{
    int64_t n = 0, fewer = 0;
    for (int64_t i = 0; i < b->n; i++)
        for (int64_t k = 0; k < b->n; k++) {
            double x = b->row[i].real[SG_TEXT_MEASURES_vocabulary],
                   raw = b->row[k].real[SG_TEXT_MEASURES_vocabulary];
            if (b->row[i].pool < 0 || b->row[k].pool >= 0 || b->row[i].task != b->row[k].task || isnan(x) ||
                isnan(raw))
                continue;
            n++;
            fewer += x < raw;
        }
    if (n)
        sg_doc_paragraph(
            doc, "Among as many words, %lld of %lld %s fewer different ones than the task's raw rows.",
            (long long)fewer, (long long)n, n == 1 ? "pool has" : "pools have");
}

static void of_how_many(struct sg_doc *doc, double x, int decimals, int64_t n)
{
    if (isnan(x))
        sg_doc_real(doc, x, decimals);
    else
        sg_doc_number(doc, x, "%.*f (%lld)", decimals, x, (long long)n);
}

sg_status sg_section_variety(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    static const struct sg_doc_column column[] = {
        {"task", SG_DOC_TEXT, ""},         {"method", SG_DOC_TEXT, ""},
        {"seed", SG_DOC_TEXT, ""},         {"n", SG_DOC_NUMBER, "examples"},
        {"words", SG_DOC_NUMBER, "words"}, {"sd", SG_DOC_NUMBER, "words"},
        {"10 %", SG_DOC_NUMBER, "words"},  {"median", SG_DOC_NUMBER, "words"},
        {"90 %", SG_DOC_NUMBER, "words"},  {"vocabulary", SG_DOC_NUMBER, ""},
        {"distinct-1", SG_DOC_NUMBER, ""}, {"distinct-2", SG_DOC_NUMBER, ""},
        {"distinct-3", SG_DOC_NUMBER, ""}, {"self-BLEU", SG_DOC_NUMBER, ""},
        {"compression", SG_DOC_NUMBER, ""}};
    struct bias b;
    SG_TRY(bias_read(in, &b, err));
    if (b.n) {
        say_variety(&b, doc);
        sg_doc_table(doc, "variety", "How long and how varied the texts are", 0, 15, column);
    }
    for (int64_t i = 0; i < b.n; i++) {
        const struct measured *m = &b.row[i];
        const double *x = m->real;
        name_cells(&b, m->task, m->pool, doc);
        sg_doc_int(doc, m->n);
        sg_doc_real(doc, x[SG_TEXT_MEASURES_mean_words], 1);
        sg_doc_real(doc, x[SG_TEXT_MEASURES_sd_words], 1);
        sg_doc_real(doc, x[SG_TEXT_MEASURES_words_q10], 0);
        sg_doc_real(doc, x[SG_TEXT_MEASURES_words_median], 0);
        sg_doc_real(doc, x[SG_TEXT_MEASURES_words_q90], 0);
        sg_doc_real(doc, x[SG_TEXT_MEASURES_vocabulary], 0);
        sg_doc_real(doc, x[SG_TEXT_MEASURES_distinct_1], 2);
        sg_doc_real(doc, x[SG_TEXT_MEASURES_distinct_2], 2);
        sg_doc_real(doc, x[SG_TEXT_MEASURES_distinct_3], 2);
        of_how_many(doc, x[SG_TEXT_MEASURES_self_bleu], 3, m->n_bleu);
        of_how_many(doc, x[SG_TEXT_MEASURES_compression], 2, m->n_bytes);
    }
    if (b.n)
        sg_doc_note(
            doc, "A pair counts as one text. Vocabulary: different words expected among 500 of them; "
                 "distinct-n: of the first "
                 "500 words; self-BLEU: of the first 100 texts, in brackets how many there are; compression: "
                 "by zlib in blocks of 4,096 bytes, in brackets how many bytes. Only equal amounts compare. "
                 "docs/bias.md.");
    bias_free(&b);
    return SG_OK;
}
