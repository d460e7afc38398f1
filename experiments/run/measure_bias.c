#include "experiments/run/measure_bias.h"
#include "base/mem.h"
#include "results/stats/class_terms.h"
#include "results/stats/cues.h"
#include "results/stats/text_measures.h"
#include "results/stats/text_stats.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static sg_status no_memory(struct sg_err *err)
{
    return sg_fail_memory(err, 1024);
}

static void set_estimate(json_t *o, const char *name, const struct sg_estimate *e)
{
    char key[40];
    sg_measure_set_real(o, name, e->mean);
    snprintf(key, sizeof key, "%s_low", name);
    sg_measure_set_real(o, key, e->low);
    snprintf(key, sizeof key, "%s_high", name);
    sg_measure_set_real(o, key, e->high);
}

/* ---- variety, of examples whole ---- */

static sg_status add_variety(const struct texts *x, json_t *o, struct sg_err *err)
{
    struct sg_text_measures m = {0};
    char **whole = x->part[0];
    sg_status status = SG_OK;
    if (x->part[1]) {
        whole = sg_alloc((size_t)x->n + 1, sizeof *whole);
        for (int64_t i = 0; whole && i < x->n && status == SG_OK; i++)
            if (!(whole[i] = sg_strf("%s %s", x->part[0][i], x->part[1][i])))
                status = no_memory(err);
        if (!whole)
            return no_memory(err);
    }
    if (status == SG_OK)
        status = sg_text_measures_of((const char *const *)whole, x->n, &m, err);
    if (whole != x->part[0]) {
        for (int64_t i = 0; i < x->n; i++)
            sg_free(whole[i]);
        sg_free(whole);
    }
    if (status != SG_OK)
        return status;
    json_object_set_new(o, "n", json_integer(m.n));
    json_object_set_new(o, "n_all_words", json_integer(m.n_all_words));
    json_object_set_new(o, "n_words", json_integer(m.n_words));
    json_object_set_new(o, "n_bleu", json_integer(m.n_bleu));
    json_object_set_new(o, "n_bytes", json_integer(m.n_bytes));
    sg_measure_set_real(o, "distinct_1", m.distinct[0]);
    sg_measure_set_real(o, "distinct_2", m.distinct[1]);
    sg_measure_set_real(o, "distinct_3", m.distinct[2]);
    sg_measure_set_real(o, "vocabulary", m.vocabulary);
    sg_measure_set_real(o, "self_bleu", m.self_bleu);
    sg_measure_set_real(o, "compression", m.compression);
    sg_measure_set_real(o, "mean_words", m.mean_words);
    sg_measure_set_real(o, "sd_words", m.sd_words);
    sg_measure_set_real(o, "words_q10", m.words_q10);
    sg_measure_set_real(o, "words_median", m.words_median);
    sg_measure_set_real(o, "words_q90", m.words_q90);
    return SG_OK;
}

/* ---- negation, overlap, openings, classes ---- */

/* Of the first texts; the gap is between the classes with the largest and the smallest share. */
static sg_status add_negation(const struct texts *x, json_t *o, struct sg_err *err)
{
    int n_classes = x->task->n_classes, n_seen = 0;
    int64_t *with = sg_alloc((size_t)n_classes, 2 * sizeof *with), all = 0;
    if (!with)
        return no_memory(err);
    int64_t *of = with + n_classes;
    for (int64_t i = 0; i < x->n; i++) {
        int has = sg_has_negation(x->part[0][i]);
        with[x->label[i]] += has;
        of[x->label[i]]++;
        all += has;
    }
    double least = 1, most = 0;
    for (int k = 0; k < n_classes; k++)
        if (of[k]) {
            double share = (double)with[k] / (double)of[k];
            least = fmin(least, share);
            most = fmax(most, share);
            n_seen++;
        }
    sg_free(with);
    struct sg_estimate e = sg_wilson_ci((double)all, x->n);
    e = (struct sg_estimate){e.n, sg_round9(e.mean), sg_round9(e.low), sg_round9(e.high)};
    set_estimate(o, "negation", &e);
    if (n_seen > 1)
        sg_measure_set_real(o, "negation_gap", sg_round9(most - least));
    return SG_OK;
}

/* Half the sum of what each class has more or less than its even share of those that the LLM chose. */
static double drift(const int64_t *chosen, int n_classes)
{
    int64_t n = 0;
    double sum = 0;
    for (int k = 0; k < n_classes; k++)
        n += chosen[k];
    for (int k = 0; k < n_classes; k++)
        sum += fabs((double)chosen[k] / (double)n - 1.0 / n_classes);
    return n ? sg_round9(sum / 2) : (double)NAN;
}

static sg_status add_counts(const struct texts *x, const int64_t *chosen, json_t *o, struct sg_err *err)
{
    struct sg_text_stats s;
    SG_TRY(sg_text_stats_of((const char *const *)x->part[0], (const char *const *)x->part[1], x->n, &s, err));
    sg_measure_set_real(o, "opening_share", sg_round9(s.opening_share));
    sg_measure_set_real(o, "overlap", sg_round9(s.overlap));
    if (chosen)
        sg_measure_set_real(o, "class_drift", drift(chosen, x->task->n_classes));
    return add_negation(x, o, err);
}

/* ---- words that go with a class ---- */

static json_t *term_json(const struct sg_class_term *t, int label, int part, int place)
{
    json_t *o = json_pack("{s:i, s:s, s:i, s:s%, s:I, s:I}", "label", label, "part",
                          part ? "text_pair" : "text", "place", place, "term", t->term.at, t->term.n, "n_in",
                          (json_int_t)t->n_in, "n_out", (json_int_t)t->n_out);
    sg_measure_set_real(o, "log_odds", t->log_odds);
    sg_measure_set_real(o, "z", t->z);
    sg_measure_set_real(o, "p", t->p);
    return o;
}

/* n: examples of x, then n_raw of raw, which are prior alone. */
static sg_status add_terms_of(const struct texts *x, int64_t n, const struct texts *raw, int64_t n_raw,
                              int part, json_t *terms, struct sg_err *err)
{
    int n_classes = x->task->n_classes;
    const char **text = sg_alloc((size_t)(n + n_raw) + 1, sizeof *text);
    int32_t *label = sg_alloc((size_t)(n + n_raw) + 1, sizeof *label);
    struct sg_class_term *term = sg_alloc((size_t)n_classes * SG_MEASURE_TERMS, sizeof *term);
    int *n_found = sg_alloc((size_t)n_classes, sizeof *n_found);
    struct sg_words w = {0};
    sg_status status = text && label && term && n_found ? SG_OK : no_memory(err);
    for (int64_t i = 0; i < n + n_raw && status == SG_OK; i++) {
        text[i] = i < n ? x->part[part][i] : raw->part[part][i - n];
        label[i] = i < n ? x->label[i] : -1;
    }
    if (status == SG_OK)
        status = sg_words_of(text, n + n_raw, &w, err);
    if (status == SG_OK)
        status = sg_words_once(&w, err);
    if (status == SG_OK)
        status = sg_class_terms(&w, label, n_classes, SG_MEASURE_TERMS, term, n_found, err);
    for (int k = 0; k < n_classes && status == SG_OK; k++)
        for (int i = 0; i < n_found[k] && status == SG_OK; i++)
            if (json_array_append_new(terms, term_json(&term[k * SG_MEASURE_TERMS + i], k, part, i)) != 0)
                status = no_memory(err);
    sg_words_free(&w);
    sg_free(text);
    sg_free(label);
    sg_free(term);
    sg_free(n_found);
    return status;
}

/* ---- cues ---- */

/* Examples of each class, in their order, as many as the class has in both; raw NULL: all of x. */
struct matched {
    struct sg_cue_texts view;
    const char **part[2];
    int32_t *label;
};

static void matched_free(struct matched *m)
{
    sg_free(m->part[0]);
    sg_free(m->part[1]);
    sg_free(m->label);
}

static sg_status match(const struct texts *x, int64_t n, const int64_t *most, struct matched *m,
                       struct sg_err *err)
{
    int64_t *taken = sg_alloc((size_t)x->task->n_classes, sizeof *taken), n_taken = 0;
    int whole = taken != NULL;
    *m = (struct matched){.label = sg_alloc((size_t)n + 1, sizeof *m->label)};
    for (int k = 0; k < 2 && x->part[k]; k++)
        whole &= (m->part[k] = sg_alloc((size_t)n + 1, sizeof(char *))) != NULL;
    whole &= m->label != NULL;
    for (int64_t i = 0; i < n && whole; i++) {
        if (taken[x->label[i]]++ >= most[x->label[i]])
            continue;
        m->label[n_taken] = x->label[i];
        for (int k = 0; k < 2 && x->part[k]; k++)
            m->part[k][n_taken] = x->part[k][i];
        n_taken++;
    }
    sg_free(taken);
    m->view = (struct sg_cue_texts){n_taken, m->part[0], m->part[1], m->label, x->task->n_classes};
    return whole ? SG_OK : no_memory(err);
}

static void count_classes(const struct texts *x, int64_t n, int64_t *count)
{
    for (int64_t i = 0; i < n; i++)
        count[x->label[i]]++;
}

static json_t *cue_json(const struct sg_cue *c, int view, double chance)
{
    json_t *o =
        json_pack("{s:s, s:I}", "view", sg_cue_view_name((enum sg_cue_view)view), "n", (json_int_t)c->n);
    sg_measure_set_real(o, "chance", chance);
    set_estimate(o, "accuracy", &c->pool);
    set_estimate(o, "raw", &c->raw);
    set_estimate(o, "excess", &c->excess);
    return o;
}

static sg_status add_cues(const struct texts *x, int64_t n, const struct texts *raw, int64_t n_raw,
                          json_t *cues, json_t *o, struct sg_err *err)
{
    int n_classes = x->task->n_classes;
    int64_t *count = sg_alloc((size_t)n_classes, 2 * sizeof *count);
    struct matched m = {0}, r = {0};
    struct sg_bias b;
    sg_status status = SG_OK;
    if (!count)
        return no_memory(err);
    int64_t *of_raw = count + n_classes;
    count_classes(x, n, count);
    if (raw)
        count_classes(raw, n_raw, of_raw);
    for (int k = 0; k < n_classes && raw; k++)
        count[k] = count[k] < of_raw[k] ? count[k] : of_raw[k];
    SG_TRY_DONE(match(x, n, count, &m, err));
    if (raw)
        SG_TRY_DONE(match(raw, n_raw, count, &r, err));
    SG_TRY_DONE(sg_bias_of(&m.view, raw ? &r.view : NULL, &b, err));
    for (int v = 0; v < SG_N_CUE_VIEWS; v++)
        if (b.cue[v].n && json_array_append_new(cues, cue_json(&b.cue[v], v, b.chance)) != 0) {
            status = no_memory(err);
            goto done;
        }
    json_object_set_new(o, "n_cues", json_integer(b.cue[SG_CUE_FIRST].n));
    struct sg_estimate score = {b.cue[SG_CUE_FIRST].n, b.score, b.low, b.high};
    set_estimate(o, "bias", &score);
done:
    matched_free(&m);
    matched_free(&r);
    sg_free(count);
    return status;
}

sg_status sg_measure_bias(const struct texts *x, const struct texts *raw, const int64_t *chosen,
                          json_t *result, struct sg_err *err)
{
    json_t *measures = json_object(), *terms = json_array(), *cues = json_array();
    int64_t n = x->n < SG_MEASURE_SAMPLE ? x->n : SG_MEASURE_SAMPLE, n_raw = raw ? raw->n : 0;
    sg_status status = measures && terms && cues ? SG_OK : no_memory(err);
    SG_TRY_DONE(status);
    SG_TRY_DONE(add_variety(x, measures, err));
    SG_TRY_DONE(add_counts(x, chosen, measures, err));
    SG_TRY_DONE(add_cues(x, n, raw, n_raw, cues, measures, err));
    for (int k = 0; k < 2 && x->part[k]; k++)
        SG_TRY_DONE(add_terms_of(x, n, raw, n_raw, k, terms, err));
    if (json_object_set(result, "measures", measures) != 0 || json_object_set(result, "terms", terms) != 0 ||
        json_object_set(result, "cues", cues) != 0)
        status = no_memory(err);
done:
    json_decref(measures);
    json_decref(terms);
    json_decref(cues);
    return status;
}
