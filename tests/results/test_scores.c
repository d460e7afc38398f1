/* Groups of cells and their differences, read from results.h5 of a made-up study whose effects are known. */
#include "results/h5/store.h"
#include "results/report/scores.h"

#include "made_study.h"

#include "tests/base/check.h"

#include <math.h>

#include "scratch.h"

static double helps(int task, const char *method, int size, int raw)
{
    (void)task;
    return (raw == 80 ? 0.3 : 0) + (size && strcmp(method, "good") == 0 ? 1.4 : 0) - (size && !raw ? 0.4 : 0);
}

static const char *const methods[] = {"good", "plain", "plain_too", NULL};
static const int sizes[] = {20, 60, 0}, raws[] = {40, 80, 0};

static void read_study(const char *name, const struct made *m, struct sg_report_data *d, struct sg_scores *s)
{
    char path[400];
    snprintf(path, sizeof path, "%s.h5", in_scratch(name));
    OK(made_write(in_scratch(name), path, m, &err));
    OK(sg_report_read(path, d, &err));
    OK(sg_scores_read(path, d, s, &err));
}

static void known_effects(void **state)
{
    (void)state;
    struct made m = {.n_tasks = 2,
                     .n_rows = 200,
                     .n_draws = 3,
                     .n_trainings = 2,
                     .method = methods,
                     .size = sizes,
                     .raw = raws,
                     .gain = helps,
                     .seed = 5};
    struct sg_report_data d = {0};
    struct sg_scores s = {0};
    struct sg_effect e, back;
    char text[200];
    read_study("known", &m, &d, &s);
    assert_int_equal(s.n_groups, 2 * (2 + 3 * 2 * 3));
    assert_true(s.group[0].mix == SG_REPORT_RAW && s.group[0].raw == 40 && s.group[1].raw == 80 &&
                s.group[2].mix != SG_REPORT_RAW);
    for (int64_t i = 0; i < s.n_groups; i++) {
        const struct sg_score_group *g = &s.group[i];
        double sum = 0;
        for (int64_t k = 0; k < g->n_cells; k++)
            sum += d.cell[g->cell[k]].accuracy / (double)g->n_cells;
        assert_true(fabs(sum - g->effect[SG_SCORE_ACCURACY].mean) < 1e-9); /* as /cells has it */
        sum = 0;
        for (int64_t k = 0; k < g->n_cells; k++)
            sum += d.cell[g->cell[k]].macro_f1 / (double)g->n_cells;
        assert_true(fabs(sum - g->effect[SG_SCORE_MACRO_F1].mean) < 1e-6);
        assert_true(g->effect[0].low >= 0 && g->effect[0].low < g->effect[0].mean && g->effect[0].high <= 1);
        assert_int_equal(g->n[SG_AXIS_DRAWS], g->mix == SG_REPORT_SYNTHETIC ? 1 : 3);
    }
    const struct sg_score_group *raw = sg_scores_find(&s, 1, SG_REPORT_RAW, NULL, 0, 40),
                                *both = sg_scores_find(&s, 1, SG_REPORT_BOTH, "good", 60, 40),
                                *plain = sg_scores_find(&s, 1, SG_REPORT_BOTH, "plain", 60, 40),
                                *alone = sg_scores_find(&s, 1, SG_REPORT_SYNTHETIC, "good", 60, 0);
    assert_true(raw && both && plain && alone && !sg_scores_find(&s, 1, SG_REPORT_BOTH, "bad", 60, 40));
    OK(sg_scores_difference(&s, both, raw, SG_SCORE_ACCURACY, &e, &err));
    assert_true(e.mean > 0.1 && e.low > 0 && e.p < 0.01);
    OK(sg_scores_difference(&s, raw, both, SG_SCORE_ACCURACY, &back, &err));
    assert_true(fabs(back.mean + e.mean) < 1e-12 && fabs(back.low + e.high) < 1e-12 && back.p == e.p);
    OK(sg_scores_difference(&s, plain, raw, SG_SCORE_ACCURACY, &e, &err));
    assert_true(e.low < 0 && e.high > 0 && e.p > 0.05);
    OK(sg_scores_difference(&s, alone, raw, SG_SCORE_MACRO_F1, &e, &err)); /* no draws against three */
    assert_true(e.sources & 1u << SG_AXIS_DRAWS);

    const struct sg_score_group *list[4] = {plain, both, NULL,
                                            sg_scores_find(&s, 1, SG_REPORT_BOTH, "plain_too", 60, 40)};
    enum sg_rank rank[4];
    double detectable[4], p[4];
    OK(sg_scores_rank(&s, list, 4, SG_SCORE_ACCURACY, rank, detectable, p, &err));
    assert_true(rank[0] == SG_RANK_BELOW && rank[1] == SG_RANK_BEST && rank[2] == SG_RANK_NONE &&
                rank[3] == SG_RANK_BELOW);
    assert_true(p[0] < 0.05 && isnan(p[1]) && detectable[0] > 0.01 && isnan(detectable[1]));
    OK(sg_scores_rank(&s, (const struct sg_score_group *const[]){plain, list[3]}, 2, SG_SCORE_ACCURACY, rank,
                      NULL, NULL, &err));
    assert_true((rank[0] == SG_RANK_BEST) + (rank[1] == SG_RANK_BEST) == 1 &&
                (rank[0] == SG_RANK_TIED) + (rank[1] == SG_RANK_TIED) == 1);

    sg_scores_sources(both, text, sizeof text);
    assert_string_equal(text, "200 rows, 3 draws, 2 trainings; one pool: its luck is not in here");
    sg_scores_sources(raw, text, sizeof text);
    assert_string_equal(text, "200 rows, 3 draws, 2 trainings");
    sg_scores_free(&s);
    sg_report_data_free(&d);
}

/* Cells of the first draw alone are compared with raw-only cells of that draw, not with the mean of all. */
static void first_draw_alone(void **state)
{
    (void)state;
    static const char *const first[] = {"first", NULL};
    static const int size[] = {20, 0}, raw[] = {40, 0};
    struct made m = {.n_tasks = 1,
                     .n_rows = 50,
                     .n_draws = 3,
                     .n_trainings = 2,
                     .method = first,
                     .size = size,
                     .raw = raw,
                     .seed = 9};
    struct sg_report_data d = {0};
    struct sg_scores s = {0};
    struct sg_effect e;
    double of[2] = {0}, all = 0;
    read_study("first", &m, &d, &s);
    const struct sg_score_group *a = sg_scores_find(&s, 0, SG_REPORT_BOTH, "first", 20, 40),
                                *b = sg_scores_find(&s, 0, SG_REPORT_RAW, NULL, 0, 40);
    assert_true(a && b && a->n[SG_AXIS_DRAWS] == 1 && b->n[SG_AXIS_DRAWS] == 3);
    for (int64_t i = 0; i < d.n_cells; i++) {
        if (d.cell[i].mix == SG_REPORT_RAW)
            all += d.cell[i].accuracy / 6;
        if (d.cell[i].seed_data == 0 && d.cell[i].mix != SG_REPORT_SYNTHETIC)
            of[d.cell[i].mix == SG_REPORT_RAW] += d.cell[i].accuracy / 2;
    }
    OK(sg_scores_difference(&s, a, b, SG_SCORE_ACCURACY, &e, &err));
    assert_true(fabs(of[1] - all) > 1e-3 && fabs(e.mean - (of[0] - of[1])) < 1e-9);
    assert_true(!(e.sources & 1u << SG_AXIS_DRAWS) && e.sources & 1u << SG_AXIS_TRAININGS);
    OK(sg_scores_difference(&s, b, a, SG_SCORE_ACCURACY, &e, &err));
    assert_true(fabs(e.mean - (of[1] - of[0])) < 1e-9);
    sg_scores_free(&s);
    sg_report_data_free(&d);
}

static void holes(void **state)
{
    (void)state;
    struct made m = {.n_tasks = 1,
                     .n_rows = 20,
                     .n_draws = 2,
                     .n_trainings = 2,
                     .method = methods,
                     .size = sizes,
                     .raw = raws,
                     .hole = 1};
    struct sg_report_data d = {0};
    struct sg_scores s = {0};
    struct sg_crossed y;
    read_study("hole", &m, &d, &s);
    const struct sg_score_group *g = sg_scores_find(&s, 0, SG_REPORT_BOTH, "plain_too", 60, 80);
    assert_true(g && g->n_done == 3 && g->n_planned == 1 && !g->cell && isnan(g->effect[0].mean));
    assert_int_equal(sg_scores_of(&s, g, SG_SCORE_ACCURACY, &y, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "3 of 4"));
    sg_scores_free(&s);
    sg_report_data_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_effects), cmocka_unit_test(first_draw_alone),
                                       cmocka_unit_test(holes)};
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
