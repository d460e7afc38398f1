#include "results/report/answer.h"

#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "results/stats/compare.h"
#include "results/stats/stats.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct sg_effect sg_answer_none(void)
{
    return (struct sg_effect){.mean = NAN, .low = NAN, .high = NAN, .se = NAN, .df = NAN, .p = NAN};
}

double sg_answer_detectable(const struct sg_effect *e, int64_t n_family)
{
    double df = fmin(e->df, 1e6), p = SG_ANSWER_LEVEL / (n_family > 1 ? (double)n_family : 1);
    return sg_effect_detectable(e) + (sg_t_critical(p, df) - sg_t_critical(SG_ANSWER_LEVEL, df)) * e->se;
}

int sg_answer_told(double p)
{
    return p < SG_ANSWER_LEVEL;
}

void sg_answer_release(struct sg_crossed *y)
{
    sg_free((void *)(uintptr_t)y->y);
    *y = (struct sg_crossed){0};
}

static int64_t levels(const struct sg_crossed *y, int f)
{
    return y->n[f] > 1 ? y->n[f] : 1;
}

/* Where the rows of y's cell begin that meets (pool, draw, training) of what `of` has. */
static const float *cell_of(const struct sg_crossed *y, const struct sg_crossed *of,
                            const int64_t at[SG_AXIS_ROWS])
{
    int64_t i = 0;
    for (int f = 0; f < SG_AXIS_ROWS; f++) {
        int64_t level = levels(of, f) > 1 ? at[f] : of->only[f] ? of->only[f] - 1 : 0;
        i = i * levels(y, f) + (levels(y, f) > 1 ? level : 0);
    }
    return y->y + i * y->n[SG_AXIS_ROWS];
}

/* Adds times * y to sum, whose levels are those of `of`. */
static void add(float *sum, const struct sg_crossed *of, const struct sg_crossed *y, float times)
{
    int64_t at[SG_AXIS_ROWS];
    for (at[0] = 0; at[0] < levels(of, 0); at[0]++)
        for (at[1] = 0; at[1] < levels(of, 1); at[1]++)
            for (at[2] = 0; at[2] < levels(of, 2); at[2]++) {
                const float *from = cell_of(y, of, at);
                for (int64_t r = 0; r < of->n[SG_AXIS_ROWS]; r++)
                    sum[r] += times * from[r];
                sum += of->n[SG_AXIS_ROWS];
            }
}

/* Whether y fits to what is there; `of` becomes the levels that both have. */
static int meet(struct sg_crossed *of, const struct sg_crossed *y)
{
    if (of->n[SG_AXIS_ROWS] != y->n[SG_AXIS_ROWS])
        return 0;
    for (int f = 0; f < SG_AXIS_ROWS; f++) {
        int64_t a = levels(of, f), b = levels(y, f), one = a == 1 ? of->only[f] : b == 1 ? y->only[f] : 0;
        if (a != b && a > 1 && b > 1)
            return 0;
        if (a == 1 && b == 1) {
            if (of->only[f] && y->only[f] && of->only[f] != y->only[f])
                return 0;
            of->only[f] = of->only[f] ? of->only[f] : y->only[f];
            continue;
        }
        if (one > (a > b ? a : b))
            return 0;
        of->n[f] = one ? 1 : a > b ? a : b;
        of->only[f] = one;
    }
    return 1;
}

int sg_answer_fits(const struct sg_crossed *a, const struct sg_crossed *b)
{
    struct sg_crossed of = *a;
    return meet(&of, b);
}

static sg_status make_sum(const int64_t n[SG_N_AXES], float **out, struct sg_err *err)
{
    size_t size = (size_t)(n[0] * n[1] * n[2] * n[SG_AXIS_ROWS]);
    *out = sg_alloc(size + 1, sizeof **out);
    return *out ? SG_OK : sg_fail_memory(err, size * sizeof **out);
}

sg_status sg_answer_mean(const struct sg_scores *s, const struct sg_score_group *const *group, int64_t n,
                         struct sg_crossed *out, struct sg_err *err)
{
    struct sg_crossed sum = {0};
    float *y = NULL;
    *out = sum;
    for (int64_t i = 0; i < n; i++) {
        if (!group[i] || !group[i]->cell)
            return SG_OK;
        struct sg_crossed one = {0};
        memcpy(one.n, group[i]->n, sizeof one.n);
        memcpy(one.only, group[i]->only, sizeof one.only);
        if (i == 0)
            sum = one;
        if (!meet(&sum, &one))
            return SG_OK;
    }
    if (n < 1)
        return SG_OK;
    SG_TRY(make_sum(sum.n, &y, err));
    sg_status status = SG_OK;
    for (int64_t i = 0; i < n && status == SG_OK; i++) {
        struct sg_crossed one = {0};
        status = sg_scores_of(s, group[i], SG_SCORE_ACCURACY, &one, err);
        if (status == SG_OK)
            add(y, &sum, &one, 1 / (float)n);
        sg_answer_release(&one);
    }
    sum.y = y;
    if (status == SG_OK)
        *out = sum;
    else
        sg_free(y);
    return status;
}

sg_status sg_answer_subtract(const struct sg_crossed *a, const struct sg_crossed *b, struct sg_crossed *out,
                             struct sg_err *err)
{
    *out = (struct sg_crossed){0};
    return a->y && b->y && sg_answer_fits(a, b) ? sg_crossed_subtract(a, b, out, err) : SG_OK;
}

sg_status sg_answer_difference(const struct sg_scores *s, const struct sg_score_group *const *a, int64_t n_a,
                               const struct sg_score_group *const *b, int64_t n_b, struct sg_effect *out,
                               int64_t *needed, struct sg_err *err)
{
    struct sg_crossed x = {0}, y = {0}, d = {0};
    *out = sg_answer_none();
    if (needed)
        memset(needed, 0, SG_N_AXES * sizeof *needed);
    SG_TRY(sg_answer_mean(s, a, n_a, &x, err));
    sg_status status = sg_answer_mean(s, b, n_b, &y, err);
    if (status == SG_OK)
        status = sg_answer_subtract(&x, &y, &d, err);
    if (status == SG_OK && d.y)
        status = sg_crossed_difference(&x, &y, out, err); /* McNemar's p where both are one cell */
    if (status == SG_OK && d.y && needed)
        status = sg_crossed_needed(&d, 0.01, needed, err);
    sg_answer_release(&x);
    sg_answer_release(&y);
    sg_answer_release(&d);
    return status;
}

/* ---- words ---- */

static double points(double share)
{
    double x = round(1000 * share) / 10;
    return x == 0 ? 0 : x; /* no -0.0 */
}

/* No difference of shares is beyond 100 points, though an interval of one degree of freedom would be. */
static struct sg_effect clipped(struct sg_effect e)
{
    if (!isnan(e.low)) {
        e.low = fmax(e.low, -1);
        e.high = fmin(e.high, 1);
    }
    return e;
}

const char *sg_answer_points(const struct sg_effect *e, char text[SG_ANSWER_TEXT])
{
    if (isnan(e->low))
        snprintf(text, SG_ANSWER_TEXT, "%+.1f points (no interval)", points(e->mean));
    else
        snprintf(text, SG_ANSWER_TEXT, "%+.1f points (95 %% interval %+.1f to %+.1f)", points(e->mean),
                 points(clipped(*e).low), points(clipped(*e).high));
    return text;
}

const char *sg_answer_brief(const struct sg_effect *e, char text[SG_ANSWER_TEXT])
{
    if (isnan(e->low))
        snprintf(text, SG_ANSWER_TEXT, "%+.1f", points(e->mean));
    else
        snprintf(text, SG_ANSWER_TEXT, "%+.1f (%+.1f to %+.1f)", points(e->mean), points(clipped(*e).low),
                 points(clipped(*e).high));
    return text;
}

const char *sg_answer_p(double p, char text[SG_ANSWER_TEXT])
{
    if (isnan(p))
        snprintf(text, SG_ANSWER_TEXT, "no p");
    else if (p < 0.001)
        snprintf(text, SG_ANSWER_TEXT, "p < 0.001");
    else
        snprintf(text, SG_ANSWER_TEXT, "p = %.3f", p);
    return text;
}

const char *sg_answer_needed(const int64_t needed[SG_N_AXES], char text[SG_ANSWER_TEXT])
{
    static const char *const many[] = {"pools", "draws", "trainings", "test rows"};
    size_t at = 0;
    int n_seen = 0;
    text[0] = 0;
    for (int f = 0; f < SG_N_AXES && at < SG_ANSWER_TEXT; f++) {
        n_seen += needed[f] != 0;
        if (needed[f] > 0)
            at += (size_t)snprintf(text + at, SG_ANSWER_TEXT - at, "%s%lld %s", at ? " or " : "",
                                   (long long)needed[f], many[f]);
    }
    if (!at)
        snprintf(text, SG_ANSWER_TEXT, n_seen ? "more of both rows and seeds" : "-");
    return text;
}

void sg_answer_join(struct sg_buf *b, int64_t i, int64_t n, const char *word)
{
    sg_buf_printf(b, "%s%s", i == 0 ? "" : i == n - 1 ? " and " : ", ", word);
}

static int verdict_of(const struct sg_answer_case *x)
{
    return !sg_answer_told(x->p) ? 0 : x->e->mean > 0 ? 1 : -1;
}

int64_t sg_answer_better(const struct sg_answer_case *x, int64_t n, struct sg_buf *b)
{
    static const struct {
        int verdict;
        const char *words;
    } part[] = {{1, "better on "}, {-1, "worse on "}, {0, "which is better " SG_CANNOT " on "}};
    char text[SG_ANSWER_TEXT], word[2 * SG_ANSWER_TEXT];
    int64_t n_all = 0;
    for (size_t v = 0; v < sizeof part / sizeof *part; v++) {
        int64_t m = 0, k = 0;
        for (int64_t i = 0; i < n; i++)
            m += !isnan(x[i].e->mean) && verdict_of(&x[i]) == part[v].verdict;
        if (m)
            sg_buf_printf(b, "%s%s", n_all ? "; " : "", part[v].words);
        for (int64_t i = 0; i < n && m; i++)
            if (!isnan(x[i].e->mean) && verdict_of(&x[i]) == part[v].verdict) {
                snprintf(word, sizeof word, "%.100s by %s", x[i].task, sg_answer_brief(x[i].e, text));
                sg_answer_join(b, k++, m, word);
            }
        n_all += m;
    }
    return n_all;
}

void sg_answer_effect_cell(struct sg_doc *doc, const struct sg_effect *e, const char *mark)
{
    struct sg_effect c = clipped(*e);
    sg_doc_estimate(doc, c.mean, c.low, c.high, 100, 1, mark);
}

sg_status sg_answer_share(const struct sg_crossed *y, struct sg_effect *out, struct sg_err *err)
{
    SG_TRY(sg_crossed_mean(y, out, err));
    if (!isnan(out->low)) {
        out->low = fmax(out->low, 0);
        out->high = fmin(out->high, 1);
    }
    return SG_OK;
}

void sg_answer_p_cell(struct sg_doc *doc, double p)
{
    if (p < 0.001)
        sg_doc_number(doc, p, "< 0.001");
    else
        sg_doc_real(doc, p, 3);
}

/* ---- what a task has ---- */

sg_status sg_answer_raws(const struct sg_scores *s, int64_t task, int64_t **out, int64_t *n,
                         struct sg_err *err)
{
    int64_t *raw = sg_alloc((size_t)s->n_groups + 1, sizeof *raw), m = 0;
    if (!raw)
        return sg_fail_memory(err, (size_t)s->n_groups * sizeof *raw);
    for (int64_t i = 0; i < s->n_groups; i++) {
        const struct sg_score_group *g = &s->group[i];
        if ((task >= 0 && g->task != task) || g->mix == SG_REPORT_SYNTHETIC)
            continue;
        int64_t at = m, is_new = 1;
        for (int64_t k = 0; k < m; k++)
            is_new &= raw[k] != g->raw;
        if (!is_new)
            continue;
        for (; at > 0 && raw[at - 1] > g->raw; at--)
            raw[at] = raw[at - 1];
        raw[at] = g->raw;
        m++;
    }
    *out = raw;
    *n = m;
    return SG_OK;
}

/* How many bytes of a group's method are the name of this pool's. */
static size_t of_pool(const struct sg_report_data *d, const struct sg_report_pool *p, int64_t task,
                      const char *method)
{
    size_t n = strlen(p->method);
    return strcmp(p->task, d->task[task].name) == 0 && strncmp(method, p->method, n) == 0 &&
                   (method[n] == 0 || method[n] == ' ')
               ? n
               : 0;
}

static size_t longest(const struct sg_report_data *d, int64_t task, const char *method)
{
    size_t most = 0;
    for (int64_t i = 0; i < d->n_pools; i++) {
        size_t n = of_pool(d, &d->pool[i], task, method);
        most = n > most ? n : most;
    }
    return most;
}

static int is_planned(const struct sg_report_pool *p)
{
    return strcmp(p->status, "planned") == 0;
}

int sg_answer_is_bought(const struct sg_report_data *d, int64_t task, const char *method)
{
    size_t most = longest(d, task, method);
    for (int64_t i = 0; i < d->n_pools && most; i++) {
        const struct sg_report_pool *p = &d->pool[i];
        if (of_pool(d, p, task, method) == most && !is_planned(p))
            return p->maker == SG_MADE_BY_LLM;
    }
    return 1;
}

int sg_answer_is_view(const struct sg_report_data *d, int64_t task, const char *method)
{
    size_t n = longest(d, task, method);
    return n && method[n];
}

int sg_answer_is_llm_verified(const struct sg_report_data *d, int64_t task, const char *method)
{
    size_t n = longest(d, task, method);
    return n && strstr(method + n, " llm_verified") != NULL;
}

enum sg_answer_part sg_answer_part(const struct sg_report_data *d, const struct sg_score_group *g)
{
    int is_view = sg_answer_is_view(d, g->task, g->method);
    if (sg_answer_is_bought(d, g->task, g->method))
        return is_view ? SG_PART_LLM_VIEWS : SG_PART_LLM;
    return is_view ? SG_PART_OTHER_VIEWS : SG_PART_OTHERS;
}

enum sg_answer_part sg_answer_mean_part(const struct sg_scores *s, int64_t task, int mix)
{
    enum sg_answer_part least = SG_PART_OTHER_VIEWS;
    for (int64_t i = 0; i < s->n_groups && least != SG_PART_LLM; i++)
        if (s->group[i].task == task && s->group[i].mix == mix) {
            enum sg_answer_part part = sg_answer_part(s->d, &s->group[i]);
            least = part < least ? part : least;
        }
    return least;
}

int sg_answer_is_in_mean(const struct sg_scores *s, const struct sg_score_group *g)
{
    return sg_answer_part(s->d, g) == sg_answer_mean_part(s, g->task, g->mix);
}

const char *sg_answer_methods(int64_t n, enum sg_answer_part part, int is_some, char text[SG_ANSWER_TEXT])
{
    int is_view = part == SG_PART_LLM_VIEWS || part == SG_PART_OTHER_VIEWS;
    snprintf(text, SG_ANSWER_TEXT, "%lld %s%s", (long long)n,
             is_some && (part == SG_PART_LLM || part == SG_PART_LLM_VIEWS) ? "LLM " : "",
             is_view ? sg_plural(n, "view", "views") : sg_plural(n, "method", "methods"));
    return text;
}

/* "zero_shot, one_shot": the methods of the mix that are in the means, or are not; each once. Returns how many. */
static int64_t list_methods(const struct sg_scores *s, int mix, int in, struct sg_buf *out)
{
    int64_t n = 0;
    for (int64_t i = 0; i < s->n_groups; i++) {
        const struct sg_score_group *g = &s->group[i];
        int is_new = g->mix == mix && sg_answer_is_in_mean(s, g) == in;
        for (int64_t k = 0; k < i && is_new; k++)
            is_new = s->group[k].mix != mix || strcmp(s->group[k].method, g->method) != 0 ||
                     sg_answer_is_in_mean(s, &s->group[k]) != in;
        if (is_new)
            sg_buf_printf(out, "%s%s", n++ ? ", " : "", g->method);
    }
    return n;
}

sg_status sg_answer_say_left_out(const struct sg_scores *s, int mix, struct sg_doc *doc, struct sg_err *err)
{
    struct sg_buf in = sg_buf_make(1 << 20), out = sg_buf_make(1 << 20);
    int64_t n_in = list_methods(s, mix, 1, &in), n_out = list_methods(s, mix, 0, &out);
    sg_status status = sg_buf_check(&in, "the methods of a mean", err);
    if (status == SG_OK)
        status = sg_buf_check(&out, "the methods of a mean", err);
    if (status == SG_OK && n_in && n_out)
        sg_doc_paragraph(doc,
                         "Means over methods are of %s. Not in them, but in the tables of single methods: %s "
                         "(views, free methods and imported pools count where there is nothing else).",
                         sg_buf_text(&in), sg_buf_text(&out));
    sg_buf_free(&in);
    sg_buf_free(&out);
    return status;
}

double sg_answer_example_cost(const struct sg_report_data *d, int64_t task, const char *method)
{
    double usd = 0, n = 0;
    int64_t n_free = 0, n_other = 0; /* other: bought, or of unknown cost */
    for (int64_t i = 0; i < d->n_pools; i++) {
        const struct sg_report_pool *p = &d->pool[i];
        if (strcmp(p->task, d->task[task].name) != 0 || (method && strcmp(p->method, method) != 0))
            continue;
        n_free += p->maker == SG_MADE_FREE;
        n_other += p->maker != SG_MADE_FREE;
        if (p->maker == SG_MADE_FREE || p->maker == SG_MADE_FILE)
            continue;
        usd += p->cost_usd; /* NaN stays */
        n += p->n;
    }
    if (n_free && !n_other)
        return 0;
    return n > 0 ? usd / n : (double)NAN;
}

/* What verifying an example costs, over the pools that an LLM verified. */
static double verifying_cost(const struct sg_report_data *d, int64_t task)
{
    double usd = 0, n = 0;
    for (int64_t i = 0; i < d->n_pools; i++) {
        const struct sg_report_pool *p = &d->pool[i];
        if (strcmp(p->task, d->task[task].name) != 0 || !p->verified.is_asked)
            continue;
        usd += p->verified.spend.cost_usd; /* NaN stays */
        n += p->verified.n;
    }
    return n > 0 ? usd / n : (double)NAN;
}

double sg_answer_mean_cost(const struct sg_scores *s, int64_t task, int mix)
{
    enum sg_answer_part part = sg_answer_mean_part(s, task, mix);
    int64_t n = 0, n_verified = 0, n_imported = 0;
    for (int64_t i = 0; i < s->n_groups; i++) {
        const struct sg_score_group *g = &s->group[i];
        if (g->task != task || g->mix != mix || sg_answer_part(s->d, g) != part)
            continue;
        n++;
        n_verified += sg_answer_is_llm_verified(s->d, task, g->method);
    }
    for (int64_t i = 0; i < s->d->n_pools; i++)
        n_imported +=
            strcmp(s->d->pool[i].task, s->d->task[task].name) == 0 && s->d->pool[i].maker == SG_MADE_FILE;
    double usd = part == SG_PART_LLM || part == SG_PART_LLM_VIEWS ? sg_answer_example_cost(s->d, task, NULL)
                 : n_imported                                     ? (double)NAN
                                                                  : 0;
    return n_verified ? usd + verifying_cost(s->d, task) * (double)n_verified / (double)n : usd;
}

/* ---- correlation within tasks ---- */

/* sg_spearman_within without its interval, of n values that are sorted by group. */
static double rho_within(const double *x, const double *y, const int64_t *group, int64_t n)
{
    double sum = 0, weight = 0;
    for (int64_t i = 0, k; i < n; i = k) {
        for (k = i + 1; k < n && group[k] == group[i];)
            k++;
        double r = sg_spearman(x + i, y + i, k - i);
        if (!isnan(r)) {
            sum += r * (double)(k - i - 1);
            weight += (double)(k - i - 1);
        }
    }
    return weight > 0 ? sum / weight : (double)NAN;
}

double sg_answer_permutation_p(const double *x, double *y, const int64_t *group, int64_t n, uint64_t seed)
{
    enum { N = 2000 };
    int64_t n_more = 1; /* as they are */
    double rho = rho_within(x, y, group, n);
    for (int b = 0; b < N && !isnan(rho); b++) {
        struct sg_rng rng = sg_rng_make(seed, (uint64_t)b);
        for (int64_t i = 0, k; i < n; i = k) {
            for (k = i + 1; k < n && group[k] == group[i];)
                k++;
            for (int64_t j = k - 1; j > i; j--) { /* Fisher-Yates */
                int64_t from = i + (int64_t)sg_rng_below(&rng, (uint64_t)(j - i + 1));
                double keep = y[j];
                y[j] = y[from];
                y[from] = keep;
            }
        }
        n_more += fabs(rho_within(x, y, group, n)) >= fabs(rho) - 1e-12;
    }
    return isnan(rho) ? (double)NAN : (double)n_more / (N + 1);
}

double sg_answer_round(double x)
{
    if (!(fabs(x) > 0) || isinf(x))
        return x;
    double unit = pow(10, floor(log10(fabs(x))) - 1);
    return round(x / unit) * unit;
}
