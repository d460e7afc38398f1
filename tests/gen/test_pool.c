#include "fixture.h"

#include "base/rng.h"
#include "base/text.h"

#include <stdlib.h>

/* A world in which every request has one completion, a function of its key; `bought` says which ones are at
 * hand. */
struct world {
    int n_bought, fail_every, reject_every, same_every, nearly_every, lean;
    char bought[20000][SG_HEX];
    char text[400];
    int all; /* everything is at hand */
    const char *always;
};

static unsigned of_key(const char *key)
{
    char head[9] = {0};
    memcpy(head, key, 8);
    return (unsigned)strtoul(head, NULL, 16);
}

static sg_status lookup(void *context, const char *key, struct sg_found *out, struct sg_err *err)
{
    (void)err;
    struct world *w = context;
    int found = w->all;
    for (int i = 0; i < w->n_bought && !found; i++)
        found = strcmp(w->bought[i], key) == 0;
    *out = (struct sg_found){.found = found};
    if (!found)
        return SG_OK;
    unsigned x = of_key(key);
    out->finish_reason = "stop";
    out->status = w->fail_every && x % (unsigned)w->fail_every == 0 ? SG_FAILED : SG_OK;
    if (w->always)
        snprintf(w->text, sizeof w->text, "%s", w->always);
    else if (w->reject_every && x % (unsigned)w->reject_every == 1)
        snprintf(w->text, sizeof w->text, "...");
    else if (w->same_every && x % (unsigned)w->same_every == 2)
        snprintf(w->text, sizeof w->text, "the same old text");
    else if (w->nearly_every && x % (unsigned)w->nearly_every == 1)
        snprintf(w->text, sizeof w->text, "the same old text in nearly the same old words %.16s", key);
    else
        snprintf(w->text, sizeof w->text, "text number %.16s", key);
    out->text = w->text;
    return SG_OK;
}

static void buy(struct world *w, const char *key)
{
    for (int i = 0; i < w->n_bought; i++)
        assert_string_not_equal(w->bought[i], key); /* nothing is bought twice */
    assert_in_range(w->n_bought, 0, N_OF(w->bought) - 1);
    memcpy(w->bought[w->n_bought++], key, SG_HEX);
}

static struct sg_pool *new_pool(const struct sg_pool_spec *spec)
{
    struct sg_pool *p = NULL;
    struct sg_err err;
    assert_int_equal(sg_pool_create(spec, &p, &err), SG_OK);
    return p;
}

/* Completes the pool, buying `chunk` of the missing ones a time, in an order of its own (0: all of them). */
static struct sg_pool *complete_by(const struct sg_pool_spec *spec, struct world *w, int chunk,
                                   uint64_t order, sg_completion_lookup look)
{
    struct sg_pool *p = new_pool(spec);
    struct sg_rng r = sg_rng_make(order, 0);
    struct sg_err err;
    for (int rounds = 0; !sg_pool_complete(p); rounds++) {
        struct sg_request_list missing = {0};
        assert_int_equal(sg_pool_advance(p, look, w, &missing, &err), SG_OK);
        assert_true(rounds < 5000);
        assert_int_equal(missing.n == 0, sg_pool_complete(p));
        int64_t pick[4000];
        assert_true(missing.n <= N_OF(pick));
        for (int64_t i = 0; i < missing.n; i++)
            pick[i] = i;
        sg_rng_shuffle(&r, pick, missing.n);
        int64_t n = chunk && chunk < missing.n ? chunk : missing.n;
        for (int64_t i = 0; i < n; i++)
            buy(w, missing.item[pick[i]].key);
        sg_request_list_free(&missing);
    }
    return p;
}

static struct sg_pool *complete(const struct sg_pool_spec *spec, struct world *w, int chunk, uint64_t order)
{
    return complete_by(spec, w, chunk, order, lookup);
}

static void assert_same(const struct sg_pool *a, const struct sg_pool *b, int64_t n)
{
    for (int64_t j = 0; j < n; j++) {
        struct sg_pool_example x = sg_pool_get(a, j), y = sg_pool_get(b, j);
        assert_string_equal(x.first, y.first);
        assert_string_equal(x.key, y.key);
        assert_int_equal(x.label, y.label);
    }
}

static void order_and_chunks_do_not_matter(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_rows raw = some_rows(10);
    static const enum sg_method methods[] = {SG_ZERO_SHOT, SG_ZERO_SHOT_TOPIC, SG_ONE_SHOT, SG_FEW_SHOT_5};
    for (int m = 0; m < N_OF(methods); m++) {
        struct sg_pool_spec spec = {
            .task = &t, .method = methods[m], .generator = &g, .n = 41, .raw = &raw, .check_duplicates = 1};
        struct world *w = sg_alloc(1, sizeof *w), *v = sg_alloc(1, sizeof *v);
        w->fail_every = v->fail_every = 11;
        w->reject_every = v->reject_every = 3;
        w->same_every = v->same_every = 4;
        struct sg_pool *a = complete(&spec, w, 0, 1), *b = complete(&spec, v, 3, 2);
        assert_int_equal(sg_pool_n(a), 41);
        assert_int_equal(sg_pool_n(b), 41);
        assert_same(a, b, 41);
        for (int64_t j = 0; j < 41; j++)
            assert_int_equal(sg_pool_get(a, j).label, j % 2);
        assert_string_equal(sg_pool_shortfall(a), "");
        /* No more is bought in small steps than at once, and all that was bought was used. */
        assert_int_equal(w->n_bought, v->n_bought);
        if (methods[m] != SG_ZERO_SHOT_TOPIC)
            assert_int_equal(sg_pool_n_draws(a), w->n_bought);
        const int64_t *rejects = sg_pool_rejects(a);
        int64_t sum = 0;
        for (int r = 0; r < SG_N_REJECTS; r++)
            sum += rejects[r];
        assert_int_equal(sum, sg_pool_n_draws(a));
        assert_int_equal(rejects[SG_ACCEPTED], 41);
        assert_true(rejects[SG_REJECT_EMPTY] > 0 && rejects[SG_REJECT_DUPLICATE] > 0 &&
                    rejects[SG_REJECT_FAILED] > 0);
        sg_pool_destroy(a);
        sg_pool_destroy(b);
        sg_free(w);
        sg_free(v);
    }
    sg_rows_free(&raw);
}

static void smaller_pools_are_prefixes(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_pool_spec spec = {
        .task = &t, .method = SG_ZERO_SHOT, .generator = &g, .n = 60, .check_duplicates = 1};
    struct world *w = sg_alloc(1, sizeof *w);
    w->reject_every = 3;
    w->all = 1;
    struct sg_pool *large = complete(&spec, w, 0, 0);
    for (int64_t n = 0; n <= 60; n += 7) {
        spec.n = n;
        struct sg_pool *small = complete(&spec, w, 0, 0);
        assert_int_equal(sg_pool_n(small), n);
        assert_int_equal(sg_pool_prefix(large, n), n);
        assert_same(small, large, n);
        assert_string_equal(sg_pool_id(small), sg_pool_id(large)); /* n is no part of it */
        sg_pool_destroy(small);
    }
    assert_int_equal(sg_pool_prefix(large, 1000), 60);
    sg_pool_destroy(large);
    sg_free(w);
}

static void a_class_that_stays_short(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_pool_spec spec = {
        .task = &t, .method = SG_ZERO_SHOT, .generator = &g, .n = 10, .check_duplicates = 1};
    struct world *w = sg_alloc(1, sizeof *w);
    w->always = "the one text that it knows";
    struct sg_pool *p = complete(&spec, w, 0, 0);
    assert_int_equal(sg_pool_n(p), 1);
    assert_int_equal(sg_pool_prefix(p, 10), 1);
    assert_int_equal(sg_pool_prefix(p, 1), 1);
    assert_int_equal(sg_pool_n_draws(p), 2 * (4 * 5 + 16)); /* the cap, and never more */
    assert_string_equal(sg_pool_shortfall(p),
                        "class bad: 1 of 5 after 36 attempts; class good: 0 of 5 after 36 attempts");
    assert_int_equal(sg_pool_rejects(p)[SG_REJECT_DUPLICATE], 71);
    sg_pool_destroy(p);
    sg_free(w);
}

static void no_topics_at_all(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_pool_spec spec = {.task = &t, .method = SG_ZERO_SHOT_TOPIC, .generator = &g, .n = 10};
    struct world *w = sg_alloc(1, sizeof *w);
    w->always = "...";
    struct sg_pool *p = complete(&spec, w, 0, 0);
    assert_int_equal(sg_pool_n(p), 0);
    assert_int_equal(w->n_bought, 8); /* lists, and nothing else */
    assert_string_not_equal(sg_pool_shortfall(p), "");
    sg_pool_destroy(p);
    sg_free(w);
}

static void checks_against_rows(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_rows raw = some_rows(3), test = {0};
    add_row(&test, "A TEST row, it is!", NULL, "bad");
    static const struct {
        const char *text;
        enum sg_method method;
        int duplicates;
        enum sg_reject reason;
    } cases[] = {{"Raw bad text 1!", SG_ZERO_SHOT, 1, SG_REJECT_DUPLICATE},
                 {"Raw bad text 1!", SG_ZERO_SHOT, 0, SG_ACCEPTED},
                 {"a test row it is", SG_ZERO_SHOT, 1, SG_REJECT_LEAKAGE},
                 {"a test row it is", SG_ZERO_SHOT, 0, SG_REJECT_LEAKAGE},
                 {"Write a negative review.", SG_ZERO_SHOT, 0, SG_REJECT_ECHO},
                 {"one of its own", SG_ZERO_SHOT, 0, SG_ACCEPTED}};
    for (int i = 0; i < N_OF(cases); i++) {
        struct sg_pool_spec spec = {.task = &t,
                                    .method = cases[i].method,
                                    .generator = &g,
                                    .n = 1,
                                    .raw = &raw,
                                    .test = &test,
                                    .check_duplicates = cases[i].duplicates};
        struct world *w = sg_alloc(1, sizeof *w);
        w->always = cases[i].text;
        struct sg_pool *p = complete(&spec, w, 0, 0);
        assert_true(sg_pool_rejects(p)[cases[i].reason] > 0);
        assert_int_equal(sg_pool_n(p), cases[i].reason == SG_ACCEPTED);
        sg_pool_destroy(p);
        sg_free(w);
    }
    sg_rows_free(&raw);
    sg_rows_free(&test);
}

static void near_duplicates_are_marked_or_rejected(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_rows raw = {0}, test = {0};
    add_row(&raw, "the first film of the year that one must see twice", NULL, "bad");
    add_row(&test, "no other film has so many sheep in its last scene", NULL, "good");
    static const struct {
        const char *text;
        double filter;
        enum sg_reject reason;
        enum sg_near_kind kind;
        int64_t n; /* kept of 2: the second one, with the same text, is its exact duplicate */
    } cases[] = {{"the first film of the year that one must see", 0, SG_ACCEPTED, SG_NEAR_RAW, 1},
                 {"the first film of the year that one must see", 0.8, SG_REJECT_NEAR_RAW, SG_NEAR_RAW, 0},
                 {"the first film of the year that one must see", 0.95, SG_ACCEPTED, SG_NEAR_NONE, 1},
                 {"No other film has so many sheep in its last", 0, SG_ACCEPTED, SG_NEAR_TEST, 1},
                 {"No other film has so many sheep in its last", 0.8, SG_REJECT_NEAR_TEST, SG_NEAR_TEST, 0}};
    for (int i = 0; i < N_OF(cases); i++) {
        struct sg_near *rows = NULL;
        struct sg_err err;
        assert_int_equal(sg_near_create(cases[i].filter > 0 ? cases[i].filter : SG_NEAR_MARK, &rows, &err),
                         SG_OK);
        sg_near_add_rows(rows, SG_NEAR_RAW, &raw);
        sg_near_add_rows(rows, SG_NEAR_TEST, &test);
        struct sg_pool_spec spec = {.task = &t,
                                    .method = SG_ZERO_SHOT,
                                    .generator = &g,
                                    .n = 2,
                                    .raw = &raw,
                                    .test = &test,
                                    .check_duplicates = 1,
                                    .near = rows,
                                    .near_filter = cases[i].filter,
                                    .near_digest = "d"};
        struct world *w = sg_alloc(1, sizeof *w);
        w->always = cases[i].text;
        struct sg_pool *p = complete(&spec, w, 0, 0);
        int64_t n;
        const struct sg_pool_near *pair = sg_pool_near(p, &n);
        assert_int_equal(sg_pool_n(p), cases[i].n);
        assert_true(sg_pool_rejects(p)[cases[i].reason] > 0);
        assert_int_equal(n, cases[i].kind == SG_NEAR_NONE ? 0 : cases[i].n ? 1 : sg_pool_n_draws(p));
        if (n) {
            assert_int_equal(pair->match.kind, cases[i].kind);
            assert_int_equal(pair->position, cases[i].n ? 0 : -1);
            assert_int_equal(pair->match.index, 0);
            assert_int_equal(strlen(pair->key), 64);
            assert_true(pair->match.similarity >= 0.8 && pair->match.similarity < 1);
        }
        /* Only a filter makes another pool of it. */
        spec.near = NULL;
        struct sg_pool *plain = new_pool(&spec);
        assert_int_equal(strcmp(sg_pool_id(plain), sg_pool_id(p)) == 0, cases[i].filter == 0);
        sg_pool_destroy(plain);
        sg_pool_destroy(p);
        sg_near_destroy(rows);
        sg_free(w);
    }
    sg_rows_free(&raw);
    sg_rows_free(&test);
}

/* A filter is a view: the pool with it takes the completions that the pool without it bought, then only buys what
 * replaces the dropped ones. */
static void a_filter_buys_replacements_alone(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_near *rows = NULL;
    struct sg_err err;
    assert_int_equal(sg_near_create(0.5, &rows, &err), SG_OK);
    struct sg_pool_spec spec = {
        .task = &t, .method = SG_ZERO_SHOT, .generator = &g, .n = 30, .check_duplicates = 1};
    struct world *w = sg_alloc(1, sizeof *w);
    w->nearly_every = 3;
    sg_pool_destroy(complete(&spec, w, 0, 0));
    int before = w->n_bought;
    spec.near = rows;
    spec.near_filter = 0.5;
    spec.near_digest = "";
    struct sg_pool *p = complete(&spec, w, 0, 0); /* `buy` fails at a key that was bought before */
    int64_t n_near = sg_pool_rejects(p)[SG_REJECT_NEAR_POOL];
    assert_int_equal(sg_pool_n(p), 30);
    assert_true(n_near > 0);
    assert_in_range(w->n_bought, before + 1, before + n_near);
    spec.near = NULL;
    sg_pool_destroy(complete(&spec, w, 0, 0)); /* and back again */
    assert_in_range(w->n_bought, before + 1, before + n_near);
    sg_pool_destroy(p);
    sg_near_destroy(rows);
    sg_free(w);
}

/* Lookup in which the LLM chooses the class: the world's text, then a label that leans to "good", or none at all. */
static sg_status labelled_lookup(void *context, const char *key, struct sg_found *out, struct sg_err *err)
{
    struct world *w = context;
    SG_TRY(lookup(context, key, out, err));
    unsigned x = of_key(key) / 64;
    static const char *const label[] = {"positive", "negative", "positive", "positive", "odd"};
    if (out->found && w->lean)
        snprintf(w->text + strlen(w->text), 40, "\nLabel: %s", w->lean == 2 ? "positive" : label[x % 5]);
    return SG_OK;
}

/* The whole list, and the same in parts; then some of it is bought, in an order that leaves holes. */
static void assert_parts_make_whole(struct sg_pool *p, struct world *w, int64_t max,
                                    sg_completion_lookup look)
{
    struct sg_request_list whole = {0}, part = {.max = max};
    struct sg_err err;
    int64_t at = 0;
    assert_int_equal(sg_pool_advance(p, look, w, &whole, &err), SG_OK);
    do {
        assert_int_equal(sg_pool_advance(p, look, w, &part, &err), SG_OK);
        assert_true(part.n <= max && (part.n == max || !part.next));
        assert_true((part.next > 0) == (part.n_behind > 0));
        assert_true(at + part.n + part.n_behind >= whole.n);
        for (int64_t i = 0; i < part.n; i++)
            assert_string_equal(part.item[i].key, whole.item[at++].key);
        sg_request_list_free(&part);
    } while (part.next);
    assert_int_equal(at, whole.n);
    for (int64_t i = 0; i < whole.n; i += 1 + i % 3)
        buy(w, whole.item[i].key);
    sg_request_list_free(&whole);
}

static void a_list_comes_in_parts(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    t.unconditioned.zero_shot = TEXT("Write a review. Label: one of {classes}.");
    struct sg_generator g = some_generator();
    struct sg_rows raw = some_rows(10);
    static const enum sg_method methods[] = {SG_ZERO_SHOT, SG_ZERO_SHOT_TOPIC, SG_ONE_SHOT};
    for (int m = 0; m < N_OF(methods); m++)
        for (int64_t max = 1; max <= 9; max += 4)
            for (int by_none = 0; by_none < 2 - (m > 0); by_none++) {
                struct sg_pool_spec spec = {.task = &t,
                                            .method = methods[m],
                                            .generator = &g,
                                            .n = 33,
                                            .raw = &raw,
                                            .conditioning = by_none ? SG_BY_NONE : SG_BY_LABEL,
                                            .check_duplicates = 1};
                struct world *w = sg_alloc(1, sizeof *w);
                w->reject_every = 3;
                struct sg_pool *p = new_pool(&spec);
                for (int rounds = 0; rounds < 12; rounds++)
                    assert_parts_make_whole(p, w, max, by_none ? labelled_lookup : lookup);
                sg_pool_destroy(p);
                sg_free(w);
            }
    sg_rows_free(&raw);
}

static void the_llm_chooses_the_class(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    t.unconditioned.zero_shot = TEXT("Write a review. Label: one of {classes}.");
    struct sg_generator g = some_generator();
    struct sg_pool_spec spec = {.task = &t,
                                .method = SG_ZERO_SHOT,
                                .generator = &g,
                                .n = 31,
                                .conditioning = SG_BY_NONE,
                                .check_duplicates = 1};
    struct world *w = sg_alloc(1, sizeof *w), *v = sg_alloc(1, sizeof *v);
    w->lean = v->lean = 1;
    w->reject_every = v->reject_every = 7;
    struct sg_pool *a = complete_by(&spec, w, 0, 1, labelled_lookup),
                   *b = complete_by(&spec, v, 3, 2, labelled_lookup);
    assert_int_equal(sg_pool_n(a), 31); /* balanced, though the LLM is not */
    assert_string_equal(sg_pool_shortfall(a), "");
    assert_same(a, b, 31);
    for (int64_t j = 0; j < 31; j++)
        assert_int_equal(sg_pool_get(a, j).label, j % 2);
    const int64_t *r = sg_pool_rejects(a);
    assert_true(r[SG_REJECT_SURPLUS] > 0 && r[SG_REJECT_WRONG_LABEL] > 0);
    int64_t sum = 0;
    for (int i = 0; i < SG_N_REJECTS; i++)
        sum += r[i];
    assert_int_equal(sum, sg_pool_n_draws(a));
    /* A smaller pool is a prefix, its id the same; a labelled one has another. */
    for (int64_t n = 1; n < 31; n += 6) {
        spec.n = n;
        struct sg_pool *small = complete_by(&spec, w, 0, 0, labelled_lookup);
        assert_int_equal(sg_pool_n(small), n);
        assert_same(small, a, n);
        assert_string_equal(sg_pool_id(small), sg_pool_id(a));
        sg_pool_destroy(small);
    }
    spec.conditioning = SG_BY_LABEL;
    struct sg_pool *labelled = new_pool(&spec);
    assert_string_not_equal(sg_pool_id(labelled), sg_pool_id(a));
    sg_pool_destroy(labelled);
    sg_pool_destroy(a);
    sg_pool_destroy(b);
    /* One class alone: the other is given up on after the attempts of all classes together. */
    memset(w, 0, sizeof *w);
    w->lean = 2;
    spec.conditioning = SG_BY_NONE;
    spec.n = 10;
    a = complete_by(&spec, w, 0, 0, labelled_lookup);
    assert_int_equal(sg_pool_n(a), 5);
    assert_int_equal(sg_pool_n_draws(a), 2 * (4 * 5 + 16));
    assert_string_equal(sg_pool_shortfall(a), "class bad: 0 of 5 after 72 attempts");
    sg_pool_destroy(a);
    sg_free(w);
    sg_free(v);
}

/* Three examples a completion, of which the middle one is the same everywhere. */
static sg_status listed_lookup(void *context, const char *key, struct sg_found *out, struct sg_err *err)
{
    struct world *w = context;
    SG_TRY(lookup(context, key, out, err));
    snprintf(w->text, sizeof w->text,
             "Here they are:\n1. first text %.12s\n2. the one that all have\n3. third text %.12s", key, key);
    return SG_OK;
}

static void several_examples_a_request(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_pool_spec spec = {
        .task = &t, .method = SG_ZERO_SHOT, .generator = &g, .n = 30, .n_examples = 3, .check_duplicates = 1};
    struct world *w = sg_alloc(1, sizeof *w), *v = sg_alloc(1, sizeof *v);
    struct sg_pool *a = complete_by(&spec, w, 0, 1, listed_lookup),
                   *b = complete_by(&spec, v, 2, 2, listed_lookup);
    int64_t n, in, out;
    sg_pool_estimate(a, &n, &in, &out);
    assert_int_equal(n, 10);
    assert_int_equal(sg_pool_max_tokens(a), 3 * 48);
    assert_int_equal(sg_pool_n(a), 30);
    assert_same(a, b, 30);
    assert_int_equal(w->n_bought, v->n_bought);
    assert_in_range(w->n_bought, 14, 16); /* two of three are good */
    assert_int_equal(sg_pool_n_draws(a), w->n_bought);
    assert_int_equal(sg_pool_rejects(a)[SG_REJECT_DUPLICATE], w->n_bought - 1);
    assert_string_equal(sg_pool_get(a, 0).key, sg_pool_get(a, 2).key); /* class bad: both of one completion */
    spec.structured = 1;
    struct sg_pool *json = new_pool(&spec);
    assert_string_not_equal(sg_pool_id(json), sg_pool_id(a));
    assert_int_equal(sg_pool_max_tokens(json), 3 * (48 + 24));
    sg_pool_destroy(json);
    spec.structured = 0;
    spec.n_examples = 1;
    struct sg_pool *single = new_pool(&spec);
    assert_string_not_equal(sg_pool_id(single), sg_pool_id(a));
    sg_pool_destroy(single);
    sg_pool_destroy(a);
    sg_pool_destroy(b);
    sg_free(w);
    sg_free(v);
}

static void wordings_are_pools_of_their_own(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_variant variant = {.name = TEXT("formal"),
                                 .prompt = {.zero_shot = TEXT("Sir, a {class} review.")}};
    struct sg_generator g = some_generator();
    struct sg_pool_spec spec = {.task = &t, .method = SG_ZERO_SHOT, .generator = &g, .n = 4};
    struct sg_pool *before = new_pool(&spec);
    t.n_variants = 1;
    t.variant = &variant;
    struct sg_pool *same = new_pool(&spec);
    assert_string_equal(sg_pool_id(before), sg_pool_id(same));
    spec.variant = "formal";
    struct world *w = sg_alloc(1, sizeof *w);
    struct sg_pool *formal = complete(&spec, w, 0, 0);
    assert_string_not_equal(sg_pool_id(before), sg_pool_id(formal));
    spec.variant = "default";
    struct sg_pool *plain = complete(&spec, w, 0, 0); /* other keys: `buy` would fail */
    assert_int_equal(w->n_bought, 8);
    spec.variant = "none";
    struct sg_pool *none = NULL;
    struct sg_err err;
    assert_int_equal(sg_pool_create(&spec, &none, &err), SG_INPUT);
    sg_pool_destroy(before);
    sg_pool_destroy(same);
    sg_pool_destroy(formal);
    sg_pool_destroy(plain);
    sg_free(w);
}

static void ids(void **state)
{
    (void)state;
    struct sg_task t = mood_task(), edited = mood_task();
    edited.digest[0] = 'f';
    struct sg_generator g = some_generator(), other = g, elsewhere = g;
    other.model = "large";
    elsewhere.base_url = "http://127.0.0.1:1/v1";
    elsewhere.retries = 1;
    struct sg_rows raw = some_rows(3), fewer = some_rows(2);
    const struct sg_pool_spec base = {
        .task = &t, .method = SG_ONE_SHOT, .generator = &g, .n = 5, .raw = &raw};
    struct sg_pool_spec spec[7];
    for (int i = 0; i < N_OF(spec); i++)
        spec[i] = base;
    spec[1].generator = &elsewhere; /* where it lives does not matter */
    spec[2].task = &edited;
    spec[3].method = SG_ZERO_SHOT;
    spec[4].generator = &other;
    spec[5].seed = 1;
    spec[6].raw = &fewer;
    struct sg_pool *p[7];
    for (int i = 0; i < N_OF(spec); i++) {
        p[i] = new_pool(&spec[i]);
        assert_int_equal(strlen(sg_pool_id(p[i])), 64);
    }
    assert_string_equal(sg_pool_id(p[0]), sg_pool_id(p[1]));
    for (int i = 2; i < N_OF(spec); i++)
        assert_string_not_equal(sg_pool_id(p[0]), sg_pool_id(p[i]));
    for (int i = 0; i < N_OF(spec); i++)
        sg_pool_destroy(p[i]);
    sg_rows_free(&raw);
    sg_rows_free(&fewer);
}

static void estimates_and_bad_specs(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_pool_spec spec = {.task = &t, .method = SG_ZERO_SHOT_TOPIC, .generator = &g, .n = 50};
    struct sg_pool *p = new_pool(&spec);
    int64_t n, in, out;
    sg_pool_estimate(p, &n, &in, &out);
    assert_int_equal(n, 51);
    assert_in_range(in, 10, 200);
    assert_in_range(out, 10, 48);
    sg_pool_destroy(p);
    p = NULL;
    spec.method = SG_FEW_SHOT_3;
    struct sg_err err;
    assert_int_equal(sg_pool_create(&spec, &p, &err), SG_INPUT);
    assert_null(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(order_and_chunks_do_not_matter),
                                       cmocka_unit_test(smaller_pools_are_prefixes),
                                       cmocka_unit_test(a_class_that_stays_short),
                                       cmocka_unit_test(no_topics_at_all),
                                       cmocka_unit_test(checks_against_rows),
                                       cmocka_unit_test(near_duplicates_are_marked_or_rejected),
                                       cmocka_unit_test(a_filter_buys_replacements_alone),
                                       cmocka_unit_test(the_llm_chooses_the_class),
                                       cmocka_unit_test(several_examples_a_request),
                                       cmocka_unit_test(a_list_comes_in_parts),
                                       cmocka_unit_test(wordings_are_pools_of_their_own),
                                       cmocka_unit_test(ids),
                                       cmocka_unit_test(estimates_and_bad_specs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
