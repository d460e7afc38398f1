#include "results/stats/compare.h"

#include "base/mem.h"
#include "base/rng.h"
#include "results/stats/stats.h"

#include <math.h>
#include <stdlib.h>

double sg_mcnemar(int64_t n_first, int64_t n_second)
{
    int64_t least = n_first < n_second ? n_first : n_second, n = n_first + n_second;
    if (2 * least == n)
        return 1;
    /* P(X <= k) of n fair coins is I_1/2(n - k, k + 1). */
    return fmin(1, 2 * sg_beta_regularised((double)(n - least), (double)least + 1, 0.5));
}

void sg_holm(double *p, int64_t n)
{
    int64_t n_left = 0;
    double least = 0;
    for (int64_t i = 0; i < n; i++)
        n_left += p[i] >= 0;
    for (; n_left > 0; n_left--) { /* what is done is stored as -1 - p */
        int64_t at = -1;
        for (int64_t i = 0; i < n; i++)
            if (p[i] >= 0 && (at < 0 || p[i] < p[at]))
                at = i;
        least = fmax(least, fmin(1, p[at] * (double)n_left));
        p[at] = -1 - least;
    }
    for (int64_t i = 0; i < n; i++)
        p[i] = isnan(p[i]) ? p[i] : -1 - p[i];
}

struct ranked {
    double x;
    int64_t at;
};

static int by_x(const void *a, const void *b)
{
    double x = ((const struct ranked *)a)->x, y = ((const struct ranked *)b)->x;
    return (x > y) - (x < y);
}

/* Ranks less their mean, equal ones at the middle of theirs; the sum of their squares. */
static double ranks_of(struct ranked *r, int64_t n, double *rank)
{
    double squares = 0;
    qsort(r, (size_t)n, sizeof *r, by_x);
    for (int64_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && !(r[end].x > r[i].x); end++) {
        }
        for (int64_t k = i; k < end; k++) {
            rank[r[k].at] = 0.5 * (double)(i + end - n);
            squares += rank[r[k].at] * rank[r[k].at];
        }
    }
    return squares;
}

/* What a correlation of up to n values needs. */
struct scratch {
    struct ranked *ranked;
    double *x, *y, *rank_x, *rank_y; /* (n) each */
};

static int scratch_create(int64_t n, struct scratch *s)
{
    char *memory = sg_alloc((size_t)n + 1, sizeof(struct ranked) + 4 * sizeof(double));
    if (!memory)
        return 0;
    s->ranked = (struct ranked *)(void *)memory;
    s->x = (double *)(void *)(s->ranked + n);
    s->y = s->x + n;
    s->rank_x = s->y + n;
    s->rank_y = s->rank_x + n;
    return 1;
}

static double rho_of(struct scratch *s, const double *x, const double *y, int64_t n)
{
    double product = 0;
    if (n < 3)
        return NAN;
    for (int64_t i = 0; i < n; i++)
        s->ranked[i] = (struct ranked){x[i], i};
    double xx = ranks_of(s->ranked, n, s->rank_x);
    for (int64_t i = 0; i < n; i++)
        s->ranked[i] = (struct ranked){y[i], i};
    double yy = ranks_of(s->ranked, n, s->rank_y);
    for (int64_t i = 0; i < n; i++)
        product += s->rank_x[i] * s->rank_y[i];
    return xx > 0 && yy > 0 ? product / sqrt(xx * yy) : (double)NAN;
}

double sg_spearman(const double *x, const double *y, int64_t n)
{
    struct scratch s;
    if (n < 3 || !scratch_create(n, &s))
        return NAN;
    double rho = rho_of(&s, x, y, n);
    sg_free(s.ranked);
    return rho;
}

/* Values in the order of their groups, without NaN: group g's are at [first[g], first[g + 1]). */
struct grouped {
    double *x, *y;
    int64_t *first, n_groups, n;
};

static int grouped_create(const double *x, const double *y, const int64_t *group, int64_t n,
                          struct grouped *g)
{
    char *memory = sg_alloc((size_t)n + 2, 2 * sizeof(double) + sizeof(int64_t));
    if (!memory)
        return 0;
    *g = (struct grouped){.x = (double *)(void *)memory};
    g->y = g->x + n;
    g->first = (int64_t *)(void *)(g->y + n);
    for (int64_t i = 0; i < n; i++) {
        int is_new = !isnan(x[i]) && !isnan(y[i]);
        for (int64_t k = 0; k < i && is_new; k++)
            is_new = group[k] != group[i] || isnan(x[k]) || isnan(y[k]);
        for (int64_t k = i; k < n && is_new; k++)
            if (group[k] == group[i] && !isnan(x[k]) && !isnan(y[k])) {
                g->x[g->n] = x[k];
                g->y[g->n++] = y[k];
            }
        if (is_new)
            g->first[++g->n_groups] = g->n;
    }
    return 1;
}

/* The groups' correlations averaged by n - 1; rng: of values drawn anew within each. */
static double within(struct scratch *s, const struct grouped *g, struct sg_rng *rng, int64_t *n_groups)
{
    double sum = 0, weight = 0;
    *n_groups = 0;
    for (int64_t k = 0; k < g->n_groups; k++) {
        int64_t first = g->first[k], n = g->first[k + 1] - first;
        for (int64_t i = 0; i < n; i++) {
            int64_t at = first + (rng ? (int64_t)sg_rng_below(rng, (uint64_t)n) : i);
            s->x[i] = g->x[at];
            s->y[i] = g->y[at];
        }
        double rho = rho_of(s, s->x, s->y, n);
        if (isnan(rho))
            continue;
        sum += rho * (double)(n - 1);
        weight += (double)(n - 1);
        ++*n_groups;
    }
    return weight > 0 ? sum / weight : (double)NAN;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

enum { N_DRAWS = 2000, LEAST_VALUES = 5 };

/* The 2.5 % and 97.5 % points of the draws in which there is a correlation. */
static void bootstrap(struct scratch *s, const struct grouped *g, uint64_t seed, struct sg_correlation *c)
{
    double *rho = sg_alloc(N_DRAWS, sizeof *rho);
    int64_t n = 0, n_groups;
    for (uint64_t i = 0; rho && i < N_DRAWS; i++) {
        struct sg_rng rng = sg_rng_make(seed, i);
        rho[n] = within(s, g, &rng, &n_groups);
        n += !isnan(rho[n]);
    }
    if (n > N_DRAWS / 2) {
        qsort(rho, (size_t)n, sizeof *rho, by_value);
        int64_t cut = (int64_t)(0.025 * (double)n);
        c->low = rho[cut];
        c->high = rho[n - 1 - cut];
    }
    sg_free(rho);
}

struct sg_correlation sg_spearman_within(const double *x, const double *y, const int64_t *group, int64_t n,
                                         uint64_t seed)
{
    struct sg_correlation c = {.rho = NAN, .low = NAN, .high = NAN};
    struct scratch s;
    struct grouped g;
    if (n < 1 || !scratch_create(n, &s))
        return c;
    if (grouped_create(x, y, group, n, &g)) {
        c.n = g.n;
        c.rho = within(&s, &g, NULL, &c.n_groups);
        if (c.n >= LEAST_VALUES && !isnan(c.rho))
            bootstrap(&s, &g, seed, &c);
        sg_free(g.x);
    }
    sg_free(s.ranked);
    return c;
}
