/* The best method that an LLM was asked for beside the best free one: the section `method`'s own pairs, intervals and Holm. */
#include "results/report/section_levels.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum kind { UNKNOWN, BOUGHT, FREE };

/* How many bytes of the name are the pool's own; the rest is how its examples are seen ("eda dimp", "eda verified", "eda llm_verified"). 0: it is not of this pool. */
static size_t matches(const struct sides *a, const struct sg_report_data *d, const struct sg_report_pool *p,
                      int64_t task, const char *name)
{
    char level[200], rest[200];
    if (strcmp(p->task, d->task[task].name) != 0 ||
        !a->axis->level(a->axis->context, task, p->method, level, rest))
        return 0;
    size_t n = strlen(level);
    return strncmp(level, name, n) == 0 && (name[n] == 0 || name[n] == ' ') ? n : 0;
}

/* Of a pool that is only planned, or that others have made, it is not known. A free pool that an LLM has verified is none. usd: what all
 * pools of the level have cost is added, and what an LLM was paid for verifying them. */
static enum kind kind_of(const struct sides *a, const struct sg_report_data *d, int64_t task,
                         const char *name, double *usd)
{
    enum kind k = UNKNOWN;
    size_t most = 0;
    for (int64_t i = 0; i < d->n_pools; i++) {
        size_t n = matches(a, d, &d->pool[i], task, name);
        most = n > most ? n : most;
    }
    int is_verified = most && strstr(name + most, " llm_verified") != NULL;
    for (int64_t i = 0; i < d->n_pools && most; i++) {
        const struct sg_report_pool *p = &d->pool[i];
        if (strcmp(p->status, "planned") == 0 || p->maker == SG_MADE_FILE ||
            matches(a, d, p, task, name) != most)
            continue;
        k = p->maker == SG_MADE_BY_LLM || is_verified ? BOUGHT : FREE;
        *usd += p->maker == SG_MADE_BY_LLM ? p->cost_usd : 0;
        *usd += is_verified ? p->verified.spend.cost_usd : 0;
    }
    return k;
}

/* The same of a side, which may be the mean of all tasks. */
static enum kind kind_on(const struct sides *a, const struct sg_report_data *d, const struct side *x,
                         const char *name, double *usd)
{
    enum kind k = UNKNOWN;
    *usd = 0;
    for (int64_t t = 0; t < a->n; t++) {
        int64_t task = a->side[t].task;
        if (task >= 0 && (x->task < 0 || x->task == task)) {
            enum kind of_task = kind_of(a, d, task, name, usd);
            k = of_task == UNKNOWN ? k : of_task;
        }
    }
    return k;
}

/* What is said of one side. */
struct duel {
    const struct level *bought, *free;
    double usd, p;
    struct sg_effect e; /* bought - free */
};

/* 0: the side lacks numbers, or one of the kinds. */
static int find_duel(const struct sides *a, const struct sg_report_data *d, const struct side *x,
                     struct duel *out)
{
    int64_t at[2] = {-1, -1};
    *out = (struct duel){0};
    for (int64_t i = 0; i < x->n && x->best >= 0; i++) {
        double usd;
        enum kind k = kind_on(a, d, x, x->level[i].name, &usd);
        int64_t *best = &at[k == FREE];
        if (k == UNKNOWN || (*best >= 0 && !(x->level[i].mean.mean > x->level[*best].mean.mean)))
            continue;
        *best = i;
        if (k == BOUGHT)
            out->usd = usd;
    }
    if (at[0] < 0 || at[1] < 0)
        return 0;
    int64_t low = at[0] < at[1] ? at[0] : at[1], high = at[0] < at[1] ? at[1] : at[0];
    struct sg_effect e = x->pair[low * x->n + high];
    if (at[0] > at[1]) /* it is free - bought */
        e = (struct sg_effect){-e.mean, -e.high, -e.low, e.se, e.df, e.p, e.sources};
    out->bought = &x->level[at[0]];
    out->free = &x->level[at[1]];
    out->p = x->p[low * x->n + high];
    out->e = e;
    return !isnan(e.mean);
}

/* ", at 40 raw rows"; "" where all cells are synthetic. */
static void add_raws(const struct sides *a, const struct side *x, struct sg_buf *b)
{
    int64_t least = -1, most = -1;
    for (int64_t t = 0; t < a->n; t++) {
        const struct side *y = &a->side[t];
        for (int64_t i = 0; y->task >= 0 && y->n && (x->task < 0 || x == y) && i < y->level[0].n; i++) {
            int64_t raw = y->level[0].group[i]->raw;
            if (raw <= 0)
                continue;
            least = least < 0 || raw < least ? raw : least;
            most = raw > most ? raw : most;
        }
    }
    if (most > 0 && least == most)
        sg_buf_printf(b, " at %lld raw %s", (long long)most, sg_plural(most, "row", "rows"));
    else if (most > 0)
        sg_buf_printf(b, " at %lld to %lld raw rows", (long long)least, (long long)most);
}

static void add_price(double usd, struct sg_buf *b)
{
    if (isnan(usd))
        sg_buf_puts(b, "an unknown price");
    else
        sg_buf_printf(b, "%.*f USD", usd > 0 && usd < 0.995 ? 4 : 2, usd);
}

static void say_duel(const struct sides *a, const struct side *x, const struct duel *y, const char *where,
                     struct sg_doc *doc)
{
    struct sg_buf raws = sg_buf_make(200), price = sg_buf_make(200);
    char points[SG_ANSWER_TEXT], p[SG_ANSWER_TEXT];
    struct sg_effect e = y->e;
    int told = sg_answer_told(y->p);
    double detectable = sg_answer_detectable(&e, a->n_family);
    add_raws(a, x, &raws);
    add_price(y->usd, &price);
    if (told && e.mean < 0)
        e = (struct sg_effect){.mean = -e.mean, .low = -e.high, .high = -e.low};
    sg_answer_points(&e, points);
    sg_answer_p(y->p, p);
    if (told && y->e.mean > 0)
        sg_doc_say(
            doc,
            "%s, the best LLM method (%s) beats the best free one (%s) by %s%s, for %s; %s, Holm over %lld.",
            where, y->bought->name, y->free->name, points, sg_buf_text(&raws), sg_buf_text(&price), p,
            (long long)a->n_family);
    else if (told)
        sg_doc_say(doc,
                   "%s, the best free method (%s) beats the best LLM one (%s), which cost %s, by %s%s; %s, "
                   "Holm over %lld.",
                   where, y->free->name, y->bought->name, sg_buf_text(&price), points, sg_buf_text(&raws), p,
                   (long long)a->n_family);
    else if (isnan(detectable))
        sg_doc_say(doc,
                   "%s, whether the best LLM method (%s, for %s) beats the best free one (%s) " SG_CANNOT
                   ": with one cell of each there is no interval.",
                   where, y->bought->name, sg_buf_text(&price), y->free->name);
    else
        sg_doc_say(doc,
                   "%s, whether the best LLM method (%s, for %s) beats the best free one (%s) " SG_CANNOT
                   ": %s%s; a true difference of %.1f points would have shown in 80 of 100 such studies "
                   "(Holm over %lld).",
                   where, y->bought->name, sg_buf_text(&price), y->free->name, points, sg_buf_text(&raws),
                   100 * detectable, (long long)a->n_family);
    sg_buf_free(&raws);
    sg_buf_free(&price);
}

/* One sentence for all tasks, where there are several. */
static void say_tasks(const struct sides *a, const struct sg_report_data *d, struct sg_doc *doc)
{
    struct sg_buf b = sg_buf_make(1 << 18);
    char text[SG_ANSWER_TEXT];
    int64_t n = 0;
    for (int64_t t = 0; t < a->n; t++) {
        struct duel y;
        if (a->side[t].task < 0 || !find_duel(a, d, &a->side[t], &y))
            continue;
        sg_buf_printf(&b, "%s on %s %s minus %s is %s points for ", n++ ? ";" : "",
                      d->task[a->side[t].task].name, y.bought->name, y.free->name,
                      sg_answer_brief(&y.e, text));
        add_price(y.usd, &b);
        sg_buf_puts(&b, sg_answer_told(y.p) ? "" : ", which " SG_CANNOT);
    }
    if (n)
        sg_doc_say(doc, "The best LLM method and the best free one by task:%s.", sg_buf_text(&b));
    sg_buf_free(&b);
}

void sg_levels_say_free(const struct sides *a, const struct sg_report_data *d, struct sg_doc *doc)
{
    const struct side *last = &a->side[a->n - 1];
    char where[300];
    struct duel y;
    if (last->task < 0)
        snprintf(where, sizeof where, "On average over %lld tasks", (long long)(a->n - 1));
    else
        snprintf(where, sizeof where, "On %.200s", d->task[last->task].name);
    if (find_duel(a, d, last, &y))
        say_duel(a, last, &y, where, doc);
    if (last->task < 0)
        say_tasks(a, d, doc);
}
