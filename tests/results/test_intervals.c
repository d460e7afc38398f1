/* What intervals and p of results/stats/crossed.h promise, in simulated studies whose truth is known: predictions of several methods on shared rows,
 * under crossed pools, draws and trainings. SG_STUDIES=2000 prints the table of docs/report.md (minutes); by default there are few, and the bounds
 * are what four standard errors of so few leave. */
#include "base/mem.h"
#include "base/rng.h"
#include "results/stats/compare.h"
#include "results/stats/crossed.h"
#include "results/stats/row_scores.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sg_err err;

enum { N_SEEDS = SG_AXIS_ROWS, N_METHODS = 4, N_PAIRS = 6, MAX_LEVELS = 5, MAX_CELLS = 125, MAX_ROWS = 1000 };

/* A row is right where a sum of normal effects is above 0: standard deviations of the seeds' own effects (of pools, draws, trainings), of what
 * each pair of them adds, and of what each level does to each row. Rows have 1.5; each number of a row has noise of 0.4. At 80 % right, an
 * effect of 0.1 is 1.7 points. */
struct world {
    const char *name;
    double seed[N_SEEDS], pair, with_row;
};

static const struct world worlds[] = {
    {"rows alone", {0, 0, 0}, 0, 0.3},
    {"usual", {0.1, 0.15, 0.07}, 0.05, 0.4},
    {"large", {0.2, 0.3, 0.2}, 0.1, 0.4},
};
enum { USUAL = 1, LARGE, N_WORLDS };
_Static_assert(sizeof worlds / sizeof *worlds == N_WORLDS, "worlds");

static const double ROW = 1.5, NOISE = 0.4, SHARED = 0.6,
                    LEVEL = 1.4; /* SHARED: of a seed's variance, by all methods */

struct study {
    int64_t n[SG_N_AXES];
    float *y[N_METHODS];
    double truth[N_METHODS];
};

struct effects {
    double level[N_SEEDS][MAX_LEVELS], pair[N_SEEDS][MAX_LEVELS][MAX_LEVELS];
    double row[N_SEEDS][MAX_LEVELS][MAX_ROWS];
};

/* Of the axes of a pair: 0 1, 1 2, 2 0. */
static int next_axis(int axis)
{
    return (axis + 1) % N_SEEDS;
}

/* A method's effects. An axis of one level is given; with `same` it is given alike to all methods, so that they do not differ. Returns
 * what is given, and adds to the variance of the rest. */
static double draw_effects(const struct study *s, const struct world *w, const struct effects *shared,
                           int same, struct sg_rng *rng, struct effects *e, double *variance)
{
    double given = 0;
    for (int a = 0; a < N_SEEDS; a++) {
        int b = next_axis(a);
        for (int64_t k = 0; k < s->n[a]; k++) {
            double own = sg_rng_normal(rng);
            e->level[a][k] = w->seed[a] * (sqrt(SHARED) * shared->level[a][k] +
                                           (s->n[a] == 1 && same ? 0 : sqrt(1 - SHARED) * own));
            for (int64_t l = 0; l < s->n[b]; l++)
                e->pair[a][k][l] = s->n[a] == 1 && s->n[b] == 1 && same ? 0 : w->pair * sg_rng_normal(rng);
            for (int64_t r = 0; r < s->n[SG_AXIS_ROWS]; r++)
                e->row[a][k][r] = w->with_row * sg_rng_normal(rng);
        }
        *variance += w->with_row * w->with_row;
        if (s->n[a] > 1)
            *variance += w->seed[a] * w->seed[a];
        else
            given += e->level[a][0];
        if (s->n[a] > 1 || s->n[b] > 1)
            *variance += w->pair * w->pair;
        else
            given += e->pair[a][0][0];
    }
    return given;
}

static void predict(const struct study *s, const double *row, const struct effects *e, struct sg_rng *rng,
                    float *y)
{
    for (int64_t p = 0; p < s->n[0]; p++)
        for (int64_t d = 0; d < s->n[1]; d++)
            for (int64_t t = 0; t < s->n[2]; t++) {
                double cell = LEVEL + e->level[0][p] + e->level[1][d] + e->level[2][t] + e->pair[0][p][d] +
                              e->pair[1][d][t] + e->pair[2][t][p];
                for (int64_t r = 0; r < s->n[SG_AXIS_ROWS]; r++)
                    *y++ = (float)(cell + row[r] + e->row[0][p][r] + e->row[1][d][r] + e->row[2][t][r] +
                                       NOISE * sg_rng_normal(rng) >
                                   0);
            }
}

static void simulate(struct study *s, const struct world *w, int same, uint64_t seed, uint64_t number)
{
    static double row[MAX_ROWS];
    static struct effects shared, e;
    struct sg_rng rng = sg_rng_make(seed, number);
    for (int64_t r = 0; r < s->n[SG_AXIS_ROWS]; r++)
        row[r] = ROW * sg_rng_normal(&rng);
    for (int a = 0; a < N_SEEDS; a++)
        for (int k = 0; k < MAX_LEVELS; k++)
            shared.level[a][k] = sg_rng_normal(&rng);
    for (int m = 0; m < N_METHODS; m++) {
        double variance = ROW * ROW + NOISE * NOISE,
               given = draw_effects(s, w, &shared, same, &rng, &e, &variance);
        s->truth[m] = 0.5 * erfc(-(LEVEL + given) / sqrt(2 * variance));
        predict(s, row, &e, &rng, s->y[m]);
    }
}

static struct sg_crossed of_method(const struct study *s, int method)
{
    struct sg_crossed y = {.y = s->y[method]};
    memcpy(y.n, s->n, sizeof y.n);
    return y;
}

/* The p that takes seeds as fixed: of the rows' means alone. A permutation test that flips rows has the same to a digit or two. */
static double p_of_rows(const struct study *s, int a, int b)
{
    static float mean[MAX_ROWS];
    int64_t n_rows = s->n[SG_AXIS_ROWS], n_cells = s->n[0] * s->n[1] * s->n[2];
    struct sg_crossed y = {.n = {1, 1, 1, n_rows}, .y = mean};
    struct sg_effect e;
    for (int64_t r = 0; r < n_rows; r++) {
        double sum = 0;
        for (int64_t c = 0; c < n_cells; c++)
            sum += (double)(s->y[a][c * n_rows + r] - s->y[b][c * n_rows + r]);
        mean[r] = (float)(sum / (double)n_cells);
    }
    assert_int_equal(sg_crossed_mean(&y, &e, &err), SG_OK);
    return e.p;
}

/* Of studies: whose interval holds the mean, and the difference; which have a false claim among all pairs after Holm; of the latter by rows alone. */
struct seen {
    int n, means, differences, claims, claims_of_rows;
    double width; /* sum over studies: of the difference, by that of two independent intervals */
    double
        beside; /* of the last one: by both widths, which is what two intervals that must not overlap come to */
};

static void look(struct study *s, const struct world *w, uint64_t seed, uint64_t number, struct seen *seen)
{
    double p[N_PAIRS], by_rows[N_PAIRS], width[2] = {0};
    int at = 0, claims = 0, claims_of_rows = 0;
    struct sg_effect e;
    simulate(s, w, 0, seed, 2 * number);
    struct sg_crossed a = of_method(s, 0), b = of_method(s, 1);
    for (int m = 0; m < 2; m++) {
        struct sg_crossed y = of_method(s, m);
        assert_int_equal(sg_crossed_mean(&y, &e, &err), SG_OK);
        seen->means += m == 0 && e.low <= s->truth[0] && s->truth[0] <= e.high;
        width[m] = e.high - e.low;
    }
    assert_int_equal(sg_crossed_difference(&a, &b, &e, &err), SG_OK);
    seen->differences += e.low <= s->truth[0] - s->truth[1] && s->truth[0] - s->truth[1] <= e.high;
    seen->width += (e.high - e.low) / sqrt(width[0] * width[0] + width[1] * width[1]);
    seen->beside = (e.high - e.low) / (width[0] + width[1]);

    simulate(s, w, 1, seed, 2 * number + 1);
    for (int i = 0; i < N_METHODS; i++)
        for (int k = i + 1; k < N_METHODS; k++) {
            struct sg_crossed x = of_method(s, i), y = of_method(s, k);
            assert_int_equal(sg_crossed_difference(&x, &y, &e, &err), SG_OK);
            by_rows[at] = p_of_rows(s, i, k);
            p[at++] = e.p;
        }
    sg_holm(p, N_PAIRS);
    sg_holm(by_rows, N_PAIRS);
    for (int i = 0; i < N_PAIRS; i++) {
        claims |= p[i] < 0.05;
        claims_of_rows |= by_rows[i] < 0.05;
    }
    seen->claims += claims;
    seen->claims_of_rows += claims_of_rows;
    seen->n++;
}

static double share(int of, int n)
{
    return (double)of / n;
}

/* Four standard errors of a share of n that is 0.05 or 0.95. */
static double slack(int n)
{
    return 4 * sqrt(0.05 * 0.95 / n);
}

static void print(const char *name, const struct seen *s)
{
    print_message(
        "%-34s %5d studies: mean %.1f %%, difference %.1f %%; false claims %.1f %%, by rows alone %.1f %%; "
        "width %.2f\n",
        name, s->n, 100 * share(s->means, s->n), 100 * share(s->differences, s->n),
        100 * share(s->claims, s->n), 100 * share(s->claims_of_rows, s->n), s->width / s->n);
}

static void add(struct seen *to, const struct seen *s)
{
    to->n += s->n;
    to->means += s->means;
    to->differences += s->differences;
    to->claims += s->claims;
    to->claims_of_rows += s->claims_of_rows;
    to->width += s->width;
}

static const int64_t designs[][SG_N_AXES] = {
    {1, 1, 1, 50},  {1, 1, 1, 1000}, {1, 1, 2, 200}, {1, 2, 1, 1000}, {1, 2, 2, 200},  {2, 2, 2, 50},
    {1, 3, 1, 200}, {1, 3, 1, 1000}, {1, 3, 2, 200}, {1, 3, 3, 50},   {1, 3, 3, 1000}, {2, 3, 2, 200},
    {3, 3, 3, 50},  {1, 5, 1, 200},  {1, 5, 5, 200}, {1, 5, 3, 1000}, {5, 5, 1, 50},
};
enum { N_DESIGNS = sizeof designs / sizeof *designs };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void simulated_studies(void **state)
{
    (void)state;
    const char *many = getenv("SG_STUDIES");
    int n_studies = many ? atoi(many) : 45;
    struct study s = {0};
    struct seen of_world[N_WORLDS] = {0}, all = {0}, few = {0}, more = {0};
    double *beside = sg_alloc((size_t)N_DESIGNS * (size_t)n_studies, sizeof *beside);
    size_t n_beside = 0;
    assert_true(beside && n_studies > 0);
    for (int m = 0; m < N_METHODS; m++)
        assert_non_null(s.y[m] = sg_alloc((size_t)MAX_CELLS * MAX_ROWS, sizeof(float)));
    for (int d = 0; d < N_DESIGNS; d++) {
        struct seen of_design = {0};
        int two_levels = 0;
        char name[60];
        memcpy(s.n, designs[d], sizeof s.n);
        for (int a = 0; a < N_SEEDS; a++)
            two_levels |= s.n[a] == 2;
        for (int w = 0; w < N_WORLDS; w++) {
            struct seen seen = {0};
            for (int k = 0; k < n_studies; k++) {
                look(&s, &worlds[w], (uint64_t)(100 + d * N_WORLDS + w), (uint64_t)k, &seen);
                if (w == USUAL && !two_levels)
                    beside[n_beside++] = seen.beside;
            }
            snprintf(name, sizeof name, "%d x %d x %d, %d rows, %s", (int)s.n[0], (int)s.n[1], (int)s.n[2],
                     (int)s.n[3], worlds[w].name);
            if (many)
                print(name, &seen);
            add(&of_world[w], &seen);
            add(&of_design, &seen);
        }
        snprintf(name, sizeof name, "%d x %d x %d, %d rows", (int)s.n[0], (int)s.n[1], (int)s.n[2],
                 (int)s.n[3]);
        print(name, &of_design);
        add(two_levels ? &few : &more, &of_design);
        add(&all, &of_design);
        int n = of_design.n;
        if (share(of_design.means, n) < 0.94 - slack(n) || share(of_design.differences, n) < 0.94 - slack(n))
            fail_msg("%s: too few intervals hold the truth", name);
        if (share(of_design.claims, n) > 0.05 + slack(n))
            fail_msg("%s: too many false claims", name);
    }
    for (int w = 0; w < N_WORLDS; w++)
        print(worlds[w].name, &of_world[w]);
    print("an axis of two levels", &few);
    print("all others", &more);
    print("all", &all);
    for (int m = 0; m < N_METHODS; m++)
        sg_free(s.y[m]);
    /* 93 to 97 %, but wider where an axis has two levels. */
    double more_slack = slack(more.n);
    assert_true(share(more.means, more.n) > 0.945 - more_slack &&
                share(more.means, more.n) < 0.97 + more_slack);
    assert_true(share(more.differences, more.n) > 0.945 - more_slack &&
                share(more.differences, more.n) < 0.97 + more_slack);
    assert_true(share(few.means, few.n) > 0.95 - slack(few.n) &&
                share(few.differences, few.n) > 0.95 - slack(few.n));
    assert_true(share(all.claims, all.n) < 0.05);
    assert_true(share(of_world[LARGE].claims, of_world[LARGE].n) < 0.05 + slack(of_world[LARGE].n));
    assert_true(share(of_world[LARGE].claims_of_rows, of_world[LARGE].n) > 0.3); /* seeds are not fixed */
    qsort(beside, n_beside, sizeof *beside, by_value);
    print_message("width of a difference, usual world, no axis of two levels: %.2f of two intervals side by "
                  "side (median)\n",
                  beside[n_beside / 2]);
    assert_true(beside[n_beside / 2] <= 0.5);
    sg_free(beside);
    assert_true(sg_mem_now() == 0);
}

/* Macro-F1 by scores of rows: three classes of 60, 30 and 10 %, predicted right in 90, 70 and 40 %, else as one of the others. */
static void intervals_of_macro_f1(void **state)
{
    (void)state;
    static const double has[3] = {0.6, 0.3, 0.1}, right[3] = {0.9, 0.7, 0.4};
    enum { N_STUDIES = 1000 };
    double truth = 0;
    for (int k = 0; k < 3; k++) {
        double predicted = has[k] * right[k];
        for (int g = 0; g < 3; g++)
            predicted += g == k ? 0 : has[g] * (1 - right[g]) / 2;
        truth += 2 * has[k] * right[k] / (has[k] + predicted) / 3;
    }
    for (int n = 100; n <= 1000; n *= 10) {
        struct sg_rng rng = sg_rng_make(16, (uint64_t)n);
        int n_held = 0;
        for (int i = 0; i < N_STUDIES; i++) {
            int32_t gold[MAX_ROWS], predicted[MAX_ROWS];
            float score[MAX_ROWS];
            struct sg_crossed y = {.n = {1, 1, 1, n}, .y = score};
            struct sg_effect e;
            for (int r = 0; r < n; r++) {
                double u = sg_rng_uniform(&rng);
                gold[r] = (u > 0.6) + (u > 0.9);
                predicted[r] = sg_rng_uniform(&rng) < right[gold[r]]
                                   ? gold[r]
                                   : (gold[r] + 1 + (int32_t)sg_rng_below(&rng, 2)) % 3;
            }
            assert_int_equal(sg_row_scores_macro_f1(gold, predicted, n, 3, score, &err), SG_OK);
            assert_int_equal(sg_crossed_mean(&y, &e, &err), SG_OK);
            n_held += e.low <= truth && truth <= e.high;
        }
        print_message("macro-F1 of %d rows: %.1f %%\n", n, 100 * share(n_held, N_STUDIES));
        assert_true(fabs(share(n_held, N_STUDIES) - 0.95) < (n == 100 ? 0.01 : 0) + slack(N_STUDIES));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(intervals_of_macro_f1),
                                       cmocka_unit_test(simulated_studies)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
