#include "fixture.h"

#include "base/mem.h"
#include "gen/pool/methods.h"
#include "gen/pool/prompt.h"

/* Of each row of the table: a name of its own, shots that a prompt can hold, and what it shows asked for by its templates. */
static void rows_are_whole(void **state)
{
    (void)state;
    for (int m = 0; m < SG_N_METHODS; m++) {
        const struct sg_method_row *row = sg_method_row((enum sg_method)m);
        assert_int_equal(sg_method_of(row->name), m);
        assert_string_equal(sg_method_name((enum sg_method)m), row->name);
        assert_in_range(row->n_shots, 0, SG_MAX_SHOTS);
        assert_int_equal(sg_method_is_free((enum sg_method)m), row->ask == NULL); /* one of both */
        assert_int_equal(sg_method_is_free((enum sg_method)m), row->make != NULL);
        assert_int_equal(sg_method_shows_rows((enum sg_method)m), row->n_shots > 0 || row->make);
        assert_int_equal(row->recipe != NULL, row->make != NULL);
        assert_int_equal(row->needs[0].name != NULL, row->ask != NULL);
        assert_false(row->is_same && (row->n_shots || row->has_topics)); /* these draw for each prompt */
    }
    assert_int_equal(sg_method_of("few_shot_4"), -1);
    assert_int_equal(sg_method_row(SG_FEW_SHOT_3)->n_shots, 3);
    assert_true(sg_method_row(SG_ZERO_SHOT_TOPIC)->has_topics);
    assert_true(sg_method_row(SG_TREE_TOPIC)->has_topics && sg_method_row(SG_TREE_TOPIC)->has_tree);
    assert_true(sg_method_row(SG_VERBALIZED)->has_probabilities);
    assert_true(sg_method_is_free(SG_EDA));
}

static void missing_templates_are_named(void **state)
{
    (void)state;
    char text[] = "x";
    const struct {
        enum sg_method method;
        struct sg_prompts has;
        const char *lacks;
    } cases[] = {
        {SG_ZERO_SHOT, {0}, "zero_shot"},
        {SG_ZERO_SHOT, {.zero_shot = text}, NULL},
        {SG_ZERO_SHOT_TOPIC, {.zero_shot = text, .topics = text}, "zero_shot_topic"},
        {SG_ZERO_SHOT_TOPIC, {.zero_shot_topic = text}, "topics"},
        {SG_ZERO_SHOT_TOPIC, {.zero_shot_topic = text, .topics = text}, NULL},
        {SG_TREE_TOPIC, {.zero_shot_topic = text}, "topics"},
        {SG_ONE_SHOT, {.example = text}, "few_shot"},
        {SG_VERBALIZED, {.few_shot = text}, "zero_shot"},
        {SG_FEW_SHOT_5, {.few_shot = text}, "example"},
        {SG_FEW_SHOT_5, {.few_shot = text, .example = text}, NULL},
        {SG_ERROR_DRIVEN, {.zero_shot = text, .example = text}, "error_driven"},
        {SG_ERROR_DRIVEN, {.error_driven = text, .example = text}, "zero_shot"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *lacks = sg_method_lacks(cases[i].method, &cases[i].has);
        assert_true(!lacks == !cases[i].lacks);
        if (lacks)
            assert_string_equal(lacks, cases[i].lacks);
    }
}

/* Whatever the method that is bought, its prompter makes the request that its row describes. */
static void each_asks(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_rows raw = some_rows(60);
    char a[] = "the sea", *item[] = {a};
    struct sg_topics topics = {1, item};
    int64_t wrong[] = {2, 4, 8, 1}, start[] = {0, 3, 4}; /* three rows of the class that is asked for */
    const struct sg_hard_rows hard = {.row = wrong, .start = start};
    struct sg_err err;
    for (int m = 0; m < SG_N_METHODS; m++) {
        const struct sg_method_row *row = sg_method_row((enum sg_method)m);
        struct sg_prompter_spec spec = {
            .task = &t, .method = (enum sg_method)m, .generator = &g, .raw = &raw};
        struct sg_prompter *p = NULL;
        struct sg_request q = {0}, next = {0};
        int64_t shot[SG_MAX_SHOTS];
        if (!row->ask)
            continue;
        assert_int_equal(sg_prompter_create(&spec, &p, &err), SG_OK);
        assert_int_equal(sg_prompter_shots(p, 0, 0, shot), row->n_shots);
        assert_int_equal(sg_prompter_draw(p, &(struct sg_draw){0, 0, &topics, &hard}, &q, &err), SG_OK);
        assert_int_equal(sg_prompter_draw(p, &(struct sg_draw){0, 1, &topics, &hard}, &next, &err), SG_OK);
        assert_string_not_equal(q.key, next.key);
        assert_int_equal(strstr(q.canonical, "the sea") != NULL, row->has_topics);
        for (int i = 0; i < row->n_shots; i++)
            assert_non_null(strstr(q.canonical, raw.row[row->has_rounds ? wrong[i] : shot[i]].first));
        sg_free(q.canonical);
        sg_free(next.canonical);
        sg_prompter_destroy(p);
    }
    sg_rows_free(&raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_whole),
        cmocka_unit_test(missing_templates_are_named),
        cmocka_unit_test(each_asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
