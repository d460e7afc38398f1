#include "fixture.h"

#include "gen/pool/tree.h"

static struct sg_err err;

static void read_list(struct sg_tree *t, const char *text)
{
    const struct sg_task task = mood_task();
    assert_int_equal(sg_tree_read(t, &task, text, "stop", &err), SG_OK);
}

static void assert_leaves(const struct sg_tree *t, const char *const *leaf, int64_t n)
{
    struct sg_topics leaves = {0};
    assert_true(sg_tree_is_done(t));
    assert_int_equal(sg_tree_leaves(t, &leaves, &err), SG_OK);
    for (int64_t i = 0; i < leaves.n && i < n; i++)
        assert_string_equal(leaves.item[i], leaf[i]);
    assert_int_equal(leaves.n, n);
    sg_topics_free(&leaves);
}

/* All branches alike at every prefix; no name stands twice, and there are no more than were asked for. */
static void leaves_exclude_each_other(void **state)
{
    (void)state;
    size_t before = sg_mem_now();
    struct sg_tree t = {0};
    assert_int_equal(sg_tree_create(3, 3, &t, &err), SG_OK);
    read_list(&t, "Here are three:\n1. Drama\n2. Comedy\n3. **drama**\n4. Horror\n5. Western");
    assert_int_equal(t.top.n, 3); /* Western is one too many */
    assert_int_equal(t.branch, 0);
    read_list(
        &t, "1. Courtroom drama\n2. Drama\n3. Family drama\n4. courtroom DRAMA!\n5. War drama\n6. Sea drama");
    read_list(&t, "1. Family drama\n2. Horror\n3. Slapstick\n4. Satire"); /* a cousin's name, a topic's */
    assert_false(sg_tree_is_done(&t));
    read_list(&t, "[\"Ghosts\", \"Slapstick\", \"Slashers\", \"Zombies\"]");
    static const char *const leaf[] = {"Courtroom drama (Drama)", "Slapstick (Comedy)", "Ghosts (Horror)",
                                       "Family drama (Drama)",    "Satire (Comedy)",    "Slashers (Horror)",
                                       "War drama (Drama)",       "Zombies (Horror)"};
    assert_leaves(&t, leaf, N_OF(leaf));
    sg_tree_free(&t);
    assert_int_equal(sg_mem_now(), before);
}

/* A list with less than half is asked for again; a topic that cannot be divided is a leaf. */
static void poor_lists(void **state)
{
    (void)state;
    struct sg_tree t = {0};
    assert_int_equal(sg_tree_create(4, 4, &t, &err), SG_OK);
    read_list(&t, "1. Drama");
    assert_int_equal(t.branch, -1);
    read_list(&t, NULL); /* a request that failed */
    read_list(&t, "1. Drama\n2. Comedy");
    assert_int_equal(t.branch, 0);
    for (int i = 0; i < SG_MAX_TREE_LISTS; i++) {
        assert_int_equal(t.branch, 0);
        read_list(&t, "It cannot be divided any further than that by anybody who knows what it is about.");
    }
    assert_int_equal(t.branch, 1);
    read_list(&t, "1. Satire");
    read_list(&t, "1. Slapstick");
    static const char *const leaf[] = {"Drama", "Satire (Comedy)", "Slapstick (Comedy)"};
    assert_leaves(&t, leaf, N_OF(leaf));
    sg_tree_free(&t);

    assert_int_equal(sg_tree_create(4, 4, &t, &err), SG_OK);
    for (int i = 0; i < SG_MAX_TREE_LISTS; i++) {
        assert_false(sg_tree_is_done(&t));
        read_list(&t, "...");
    }
    assert_leaves(&t, NULL, 0);
    sg_tree_free(&t);
}

/* ---- in a pool ---- */

struct world {
    int n_bought, n_lists;
    char bought[400][SG_HEX];
    char text[200];
};

/* A list for what asks for one, in the order in which they come; else a text. */
static sg_status lookup(void *context, const char *key, struct sg_found *out, struct sg_err *e)
{
    (void)e;
    struct world *w = context;
    *out = (struct sg_found){.finish_reason = "stop", .text = w->text};
    for (int i = 0; i < w->n_bought && !out->found; i++)
        out->found = strcmp(w->bought[i], key) == 0;
    snprintf(w->text, sizeof w->text, "1. one %.8s\n2. two %.8s\n3. three %.8s", key, key, key);
    return SG_OK;
}

static void buy(struct world *w, const struct sg_request_list *missing)
{
    for (int64_t i = 0; i < missing->n; i++) {
        assert_in_range(w->n_bought, 0, N_OF(w->bought) - 1);
        memcpy(w->bought[w->n_bought++], missing->item[i].key, SG_HEX);
    }
}

/* One list, then those of all its topics at once, then texts whose prompts take the leaves in turn. */
static void rounds_of_a_pool(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_pool_spec spec = {
        .task = &t, .method = SG_TREE_TOPIC, .generator = &g, .n = 18, .n_topics = 3, .n_subtopics = 3};
    struct world *w = sg_alloc(1, sizeof *w);
    struct sg_pool *p = NULL;
    int64_t n, in, out;
    assert_int_equal(sg_pool_create(&spec, &p, &err), SG_OK);
    sg_pool_estimate(p, &n, &in, &out);
    assert_int_equal(n, 18 + 1 + 3);
    assert_int_equal(sg_pool_n_lists(p), 4);
    static const int64_t expected[] = {1, 3, 18};
    for (int round = 0; round < N_OF(expected); round++) {
        struct sg_request_list missing = {0}, part = {.max = 2};
        int64_t n_parts = 0;
        assert_true(sg_pool_waits(p) == (round < 3));
        assert_int_equal(sg_pool_advance(p, lookup, w, &missing, &err), SG_OK);
        assert_int_equal(missing.n, expected[round]);
        do { /* in parts it is the same list */
            assert_int_equal(sg_pool_advance(p, lookup, w, &part, &err), SG_OK);
            for (int64_t i = 0; i < part.n; i++)
                assert_string_equal(part.item[i].key, missing.item[n_parts++].key);
            sg_request_list_free(&part);
        } while (part.next);
        assert_int_equal(n_parts, missing.n);
        if (round == 1)
            for (int64_t i = 0; i < missing.n; i++)
                assert_non_null(strstr(missing.item[i].canonical, "kinds or parts of "));
        for (int64_t i = 0; round == 2 && i < 9; i++) { /* a class's nine draws: nine leaves */
            const char *about = strstr(missing.item[i].canonical, "about ");
            assert_non_null(about);
            for (int64_t k = 0; k < i; k++)
                assert_null(strstr(missing.item[k].canonical, about));
        }
        buy(w, &missing);
        sg_request_list_free(&missing);
    }
    sg_pool_destroy(p);
    sg_free(w);

    struct sg_pool *other = NULL;
    char id[SG_HEX];
    assert_int_equal(sg_pool_create(&spec, &p, &err), SG_OK);
    memcpy(id, sg_pool_id(p), SG_HEX);
    spec.n_subtopics = 4;
    assert_int_equal(sg_pool_create(&spec, &other, &err), SG_OK);
    assert_string_not_equal(id, sg_pool_id(other));
    sg_pool_destroy(p);
    sg_pool_destroy(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_exclude_each_other),
        cmocka_unit_test(poor_lists),
        cmocka_unit_test(rounds_of_a_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
