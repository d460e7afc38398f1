/* What a study of this make cannot tell, from what it has one of, and what went wrong in it. */
#include "results/report/answer.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Least and most levels of an axis over the groups that have it. */
static void levels(const struct sg_scores *s, int axis, int64_t *least, int64_t *most)
{
    *least = *most = 0;
    for (int64_t i = 0; i < s->n_groups; i++) {
        const struct sg_score_group *g = &s->group[i];
        if (!g->cell || (axis == SG_AXIS_POOLS && g->mix == SG_REPORT_RAW) ||
            (axis == SG_AXIS_DRAWS && g->mix == SG_REPORT_SYNTHETIC))
            continue;
        *least = !*least || g->n[axis] < *least ? g->n[axis] : *least;
        *most = g->n[axis] > *most ? g->n[axis] : *most;
    }
}

static void say_seeds(const struct sg_scores *s, struct sg_doc *doc)
{
    static const struct {
        const char *one, *few, *what;
    } axis[] = {{"one pool of each kind", "two pools of each kind", "other generation seeds"},
                {"one draw of raw rows", "two draws of raw rows", "other raw rows"},
                {"one training of each cell", "two trainings of each cell", "other training seeds"}};
    for (int f = 0; f < SG_AXIS_ROWS; f++) {
        int64_t least, most;
        levels(s, f, &least, &most);
        if (most == 1)
            sg_doc_paragraph(doc, "The study has %s: how numbers change with %s is in none of its intervals.",
                             axis[f].one, axis[f].what);
        else if (most == 2)
            sg_doc_paragraph(doc,
                             "The study has %s: intervals have one degree of freedom there, and are wide; a "
                             "third one helps most.",
                             axis[f].few);
    }
}

static int is_by_llm(const struct sg_report_pool *p)
{
    return p->maker == SG_MADE_BY_LLM;
}

/* LLMs that have made pools; free ones are by none. */
static int64_t n_models(const struct sg_report_data *d)
{
    int64_t n = 0;
    for (int64_t i = 0; i < d->n_pools; i++) {
        int is_new = is_by_llm(&d->pool[i]);
        for (int64_t k = 0; k < i; k++)
            is_new &= !is_by_llm(&d->pool[k]) || strcmp(d->pool[k].model, d->pool[i].model) != 0;
        n += is_new;
    }
    return n;
}

/* Of pools that others have made. */
static void say_imports(const struct sg_report_data *d, struct sg_doc *doc)
{
    struct sg_buf b = sg_buf_make(1 << 14);
    int64_t n = 0;
    for (int64_t i = 0; i < d->n_pools; i++)
        if (d->pool[i].maker == SG_MADE_FILE)
            sg_buf_printf(&b, "%s%.100s on %.100s", n++ ? ", " : "", d->pool[i].method, d->pool[i].task);
    if (n)
        sg_doc_paragraph(
            doc,
            "Others have made the pools of %s: what wrote them, with which prompts, and whether it had "
            "seen the test rows, is not known here.",
            sg_buf_text(&b));
    sg_buf_free(&b);
}

static const char *first_model(const struct sg_report_data *d)
{
    for (int64_t i = 0; i < d->n_pools; i++)
        if (is_by_llm(&d->pool[i]))
            return d->pool[i].model;
    return "";
}

/* Where training taught nothing that shows, a method that is as good as raw rows is as good as guessing. */
static void say_chance(const struct sg_section_input *in, struct sg_doc *doc)
{
    const struct sg_report_data *d = in->d;
    struct sg_buf b = sg_buf_make(1 << 14);
    int64_t n = 0;
    for (int64_t t = 0; t < d->n_tasks; t++) {
        double chance = d->task[t].n_test ? (double)d->task[t].n_largest / (double)d->task[t].n_test : 1,
               best = -1;
        for (int64_t i = 0; i < in->scores->n_groups; i++) {
            const struct sg_score_group *g = &in->scores->group[i];
            if (g->task == t && g->mix == SG_REPORT_RAW && g->cell && g->effect[SG_SCORE_ACCURACY].low > best)
                best = g->effect[SG_SCORE_ACCURACY].low;
        }
        if (best >= 0 && best <= chance)
            sg_buf_printf(&b, "%s%.100s", n++ ? ", " : "", d->task[t].name);
    }
    if (n)
        sg_doc_paragraph(
            doc,
            "Raw rows alone are not above always naming the largest class on %s: what replaces or beats "
            "them there says little.",
            sg_buf_text(&b));
    sg_buf_free(&b);
}

/* An encoder that learns from an LLM which knows the test rows may be flattered there. */
static void say_contamination(const struct sg_report_data *d, struct sg_doc *doc)
{
    struct sg_buf seen = sg_buf_make(1 << 14), other = sg_buf_make(1 << 14);
    int64_t n_seen = 0, n_other = 0;
    for (int64_t i = 0; i < d->n_contaminations; i++) {
        const struct sg_report_contamination *c = &d->contamination[i];
        int is_seen = strcmp(c->verdict, "likely seen") == 0;
        struct sg_buf *b = is_seen ? &seen : &other;
        int64_t *n = is_seen ? &n_seen : &n_other;
        const char *by = c->generator[0] ? c->generator : c->model;
        sg_buf_printf(b, "%s%.100s by %.100s", (*n)++ ? ", " : "", d->task[c->task].name, by);
        if (!is_seen)
            sg_buf_printf(b, " (%.40s)", c->verdict[0] ? c->verdict : "not known yet");
    }
    if (n_seen)
        sg_doc_paragraph(
            doc,
            "Test rows were likely seen before: %s. What the LLM writes or answers there may be what it "
            "remembers, and says less of other rows.",
            sg_buf_text(&seen));
    if (n_other)
        sg_doc_paragraph(
            doc,
            "The contamination probe has not found that test rows were seen: %s. That is no proof that they "
            "were not: it asks about some rows, in two wordings.",
            sg_buf_text(&other));
    sg_buf_free(&seen);
    sg_buf_free(&other);
}

sg_status sg_section_limits(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    const struct sg_report_data *d = in->d;
    int64_t n_holes = 0, n_short = 0, n_rows = 0;
    double n_near_test = 0;
    (void)err;
    if (!in->scores || !in->scores->n_groups)
        return SG_OK;
    for (int64_t i = 0; i < in->scores->n_groups; i++)
        n_holes += !in->scores->group[i].cell;
    for (int64_t i = 0; i < d->n_pools; i++) {
        n_short += d->pool[i].n < d->pool[i].n_wanted;
        n_near_test += isnan(d->pool[i].n_near_test) ? 0 : d->pool[i].n_near_test;
    }
    for (int64_t t = 0; t < d->n_tasks; t++)
        n_rows = t == 0 || d->task[t].n_test < n_rows ? d->task[t].n_test : n_rows;
    say_seeds(in->scores, doc);
    say_chance(in, doc);
    say_imports(d, doc);
    if (n_models(d) == 1)
        sg_doc_paragraph(doc, "All LLM examples are by one LLM (%s); another may write other ones.",
                         first_model(d));
    sg_doc_paragraph(
        doc,
        "All cells train one encoder, on %lld %s; a larger encoder may gain less, other tasks more or less.",
        (long long)d->n_tasks, sg_plural(d->n_tasks, "task", "tasks"));
    if (n_rows < 500)
        sg_doc_paragraph(doc,
                         "The smallest test set has %lld rows: an accuracy of 50 %% on it is \xc2\xb1%.1f "
                         "points from the rows alone.",
                         (long long)n_rows, 196 * sqrt(0.25 / (double)n_rows));
    if (n_holes)
        sg_doc_paragraph(doc, "%lld of %lld groups have cells that are missing or failed, and no number.",
                         (long long)n_holes, (long long)in->scores->n_groups);
    if (d->n_shown_degenerate)
        sg_doc_paragraph(doc,
                         "%lld of %lld finished cells predict one class for all test rows: they learned "
                         "nothing, and pull the means that are marked to "
                         "chance (%s).",
                         (long long)d->n_shown_degenerate, (long long)d->n_shown_done,
                         d->classifier == SG_REPORT_PROBE ? "probe.c, more raw rows"
                                                          : "train.min_steps, train.lr");
    if (n_short)
        sg_doc_paragraph(doc, "%lld of %lld pools have fewer examples than the study asked for.",
                         (long long)n_short, (long long)d->n_pools);
    if (n_near_test > 0)
        sg_doc_paragraph(doc,
                         "%.0f kept examples nearly repeat a test row: accuracy may be flattered "
                         "(filter.near_duplicates drops them).",
                         n_near_test);
    say_contamination(d, doc);
    sg_doc_paragraph(
        doc, "p values are adjusted within each table's own family (Holm), not over all "
             "sections; a difference that cannot be told "
             "is not shown to be none. Intervals stand by themselves: one that leaves out 0 may be of a "
             "difference that cannot be told.");
    return SG_OK;
}
