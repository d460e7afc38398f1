/* Pools that are made in rounds: where rounds end, which rows are chosen (a few by hand), and that the content is a function of the answers. */
#include "fixture.h"

#include "base/rng.h"
#include "gen/pool/rounds.h"

#include <stdlib.h>

/* ---- the rules ---- */

static void rounds_end_at_parts_and_doublings(void **state)
{
    (void)state;
    static const struct {
        int64_t n, first, end[8]; /* ascending, 0 behind the last */
    } cases[] = {
        {3, 20, {7, 14, 20, 40, 80}},
        {3, 100, {34, 67, 100, 200, 400}},
        {2, 1, {1, 2, 4, 8}}, /* fewer positions than rounds: some have none */
        {3, 2, {1, 2, 4, 8, 16}},
    };
    for (int c = 0; c < N_OF(cases); c++) {
        const struct sg_rounds r = {.n = cases[c].n, .first = cases[c].first};
        int64_t j = 0, last = -1, end;
        for (int e = 0; e < 8 && cases[c].end[e]; e++) {
            int64_t round = sg_rounds_of(&r, j, &end);
            assert_true(round > last);
            for (; j < cases[c].end[e]; j++) {
                assert_int_equal(sg_rounds_of(&r, j, &end), round);
                assert_int_equal(end, cases[c].end[e]);
            }
            last = round;
        }
    }
}

static void rows_of_a_class_go_to_halves_in_turn(void **state)
{
    (void)state;
    const int32_t label[] = {0, 1, 0, 2, 1, 0, 0, 1}, want[] = {0, 1, 1, 0, 0, 0, 1, 1};
    int32_t half[N_OF(label)];
    int64_t count[3];
    sg_rounds_halves(label, N_OF(label), 3, count, half);
    assert_memory_equal(half, want, sizeof want);
}

/* Margins by hand. Class 0: rows 0 to 5, of which two are wrong; 1: rows 6 to 11, five wrong; 2: row 12 alone, right. */
static const float logits[13][3] = {
    {2, 1, 0},  /* 1 */
    {1, 3, 0},  /* -2, wrong */
    {5, 0, 0},  /* 5 */
    {2, 0, 1},  /* 1: the same as row 0, which comes first */
    {9, 0, 0},  /* 9: not chosen, four are there */
    {1, 0, 2},  /* -1, wrong */
    {1, 0, 0},  /* -1, wrong */
    {0, 0, 0},  /* 0, and taken for class 0: wrong */
    {0, 1, 0},  /* 1: not chosen, as five are wrong */
    {3, 0, 0},  /* -3 */
    {0, 0, 2},  /* -2 */
    {0, 0, .5}, /* -0.5 */
    {0, 0, 4},
};
static const int32_t labels[13] = {0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2};

static void wrong_rows_and_narrow_ones_are_chosen(void **state)
{
    (void)state;
    const int64_t start[] = {0, 4, 9, 10}, row[] = {1, 5, 0, 3, 9, 10, 6, 11, 7, 12};
    struct sg_hard_rows h, again;
    struct sg_err err;
    assert_int_equal(sg_rounds_choose(&logits[0][0], labels, 13, 3, &h, &err), SG_OK);
    assert_memory_equal(h.start, start, sizeof start);
    assert_memory_equal(h.row, row, sizeof row);
    assert_int_equal(h.n_wrong, 7);
    char *text = sg_hard_rows_text(&h, 13, 3);
    assert_string_equal(text, "{\"n_rows\":13,\"n_wrong\":7,\"rows\":[[1,5,0,3],[9,10,6,11,7],[12]]}");
    assert_int_equal(sg_hard_rows_read(text, labels, 13, 3, &again, &err), SG_OK);
    assert_memory_equal(again.start, start, sizeof start);
    assert_memory_equal(again.row, row, sizeof row);
    sg_hard_rows_free(&h);
    sg_hard_rows_free(&again);
    sg_free(text);
}

static void what_does_not_fit_the_rows_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"n_rows\":13,\"n_wrong\":0,\"rows\":[[],[]]}",              /* of two classes */
        "{\"n_rows\":12,\"n_wrong\":0,\"rows\":[[],[],[]]}",           /* of other rows */
        "{\"n_rows\":13,\"n_wrong\":0,\"rows\":[[6],[],[]]}",          /* of another class */
        "{\"n_rows\":13,\"n_wrong\":0,\"rows\":[[0,0],[],[]]}",        /* twice */
        "{\"n_rows\":13,\"n_wrong\":0,\"rows\":[[],[],[13]]}",         /* behind the last */
        "{\"n_rows\":13,\"n_wrong\":0,\"rows\":[[-1],[],[]]}",         /**/
        "{\"n_rows\":13,\"n_wrong\":0,\"rows\":[[1.0],[],[]]}",        /**/
        "{\"n_rows\":13,\"n_wrong\":3,\"rows\":[[0],[6],[]]}",         /* more than there are */
        "{\"n_rows\":13,\"n_wrong\":0,\"rows\":[{\"0\":1},[],[]]}",    /**/
        "{\"n_rows\":13,\"n_wrong\":0,\"rows\":[[],[],[]],\"rows\":1}" /* twice */
    };
    struct sg_hard_rows h;
    struct sg_err err;
    for (int i = 0; i < N_OF(bad); i++)
        assert_int_equal(sg_hard_rows_read(bad[i], labels, 13, 3, &h, &err), SG_INPUT);
    assert_int_equal(sg_hard_rows_read(NULL, labels, 13, 3, &h, &err), SG_INPUT);
    assert_int_equal(
        sg_hard_rows_read("{\"n_rows\":13,\"n_wrong\":0,\"rows\":[[],[],[]]}", labels, 13, 3, &h, &err),
        SG_OK);
    sg_hard_rows_free(&h);
}

/* ---- a pool ---- */

/* Every request has one completion, a function of its key, once it was bought; every classifier's question one answer, once it was
 * computed. */
struct world {
    int n_bought, n_fits, reject_every, n_shown;
    char bought[2000][SG_HEX], fit[20][SG_HEX];
    char *answer[20]; /* (n_fits) */
    char text[200];
};

static sg_status lookup(void *context, const char *key, struct sg_found *out, struct sg_err *err)
{
    struct world *w = context;
    (void)err;
    *out = (struct sg_found){.finish_reason = "stop"};
    for (int i = 0; i < w->n_fits && !out->found; i++)
        if (strcmp(w->fit[i], key) == 0)
            *out = (struct sg_found){.found = 1, .text = w->answer[i]};
    for (int i = 0; i < w->n_bought && !out->found; i++)
        if (strcmp(w->bought[i], key) == 0) {
            char head[9] = {0};
            memcpy(head, key, 8);
            int bad = w->reject_every && strtoul(head, NULL, 16) % (unsigned)w->reject_every == 0;
            snprintf(w->text, sizeof w->text, bad ? "..." : "text number %.16s", key);
            out->found = 1;
            out->text = w->text;
        }
    return SG_OK;
}

/* In place of a classifier: a row's margin is a number of the row and the examples so far. */
static void compute(struct world *w, const struct sg_pool *p, int64_t n_raw)
{
    float *x = sg_alloc((size_t)(2 * n_raw), sizeof *x);
    struct sg_err err;
    char *question = sg_pool_fit_question(p), key[SG_HEX];
    for (int64_t i = 0; i < n_raw; i++) {
        struct sg_rng r = sg_rng_make((uint64_t)sg_pool_n(p), (uint64_t)i);
        x[2 * i + sg_pool_raw_labels(p)[i]] = (float)sg_rng_uniform(&r) - 0.3f;
    }
    sg_sha256_hex(question, strlen(question), key);
    assert_string_equal(key, sg_pool_fit_key(p));
    for (int i = 0; i < w->n_fits; i++)
        assert_string_not_equal(w->fit[i], key); /* nor is anything computed twice */
    assert_int_equal(sg_pool_fit_answer(p, x, &w->answer[w->n_fits], &err), SG_OK);
    memcpy(w->fit[w->n_fits++], key, SG_HEX);
    sg_free(question);
    sg_free(x);
}

static void forget(struct world *w)
{
    for (int i = 0; i < w->n_fits; i++)
        sg_free(w->answer[i]);
    w->n_fits = w->n_bought = 0;
}

/* Rows that the prompt of a request shows: all of them of its class, none in the first round. */
static void check_shown(struct world *w, const struct sg_pool_spec *spec, const char *request, int is_first)
{
    int n = 0, is_good = strstr(request, "One more positive review.") != NULL;
    for (int64_t i = 0; i < spec->raw->n; i++) {
        char line[100];
        const struct sg_row *r = &spec->raw->row[i];
        snprintf(line, sizeof line, ": %s\\n", r->first);
        if (strstr(request, line)) {
            n++;
            assert_string_equal(r->label, is_good ? "good" : "bad");
        }
    }
    assert_int_equal(n, is_first ? 0 : SG_ROUNDS_SHOWN);
    assert_int_equal(strstr(request, "Wrong:") != NULL, !is_first);
    w->n_shown += n;
}

/* Completes the pool, some of what is missing at a time, in an order of its own. */
static struct sg_pool *complete(const struct sg_pool_spec *spec, struct world *w, int chunk, uint64_t order)
{
    struct sg_pool *p = NULL;
    struct sg_rng r = sg_rng_make(order, 0);
    struct sg_err err;
    assert_int_equal(sg_pool_create(spec, &p, &err), SG_OK);
    int n_waits = 0;
    for (int turns = 0; !sg_pool_complete(p); turns++) {
        struct sg_request_list missing = {0};
        int64_t pick[200];
        assert_true(turns < 1000);
        assert_int_equal(sg_pool_advance(p, lookup, w, &missing, &err), SG_OK);
        int waits = sg_pool_fit_key(p)[0] != 0;
        assert_int_equal(missing.n == 0, waits || sg_pool_complete(p));
        if (!sg_pool_complete(p) && !waits)
            assert_true(missing.n + sg_pool_n_behind(p) <= spec->n - sg_pool_n(p) || w->reject_every);
        for (int64_t i = 0; i < missing.n; i++)
            pick[i] = i;
        sg_rng_shuffle(&r, pick, missing.n);
        for (int64_t i = 0; i < missing.n && (!chunk || i < chunk); i++) {
            const struct sg_request *q = &missing.item[pick[i]];
            check_shown(w, spec, q->canonical, n_waits == 0);
            for (int k = 0; k < w->n_bought; k++)
                assert_string_not_equal(w->bought[k], q->key); /* nothing is bought twice */
            memcpy(w->bought[w->n_bought++], q->key, SG_HEX);
        }
        sg_request_list_free(&missing);
        if (waits) {
            compute(w, p, spec->raw->n);
            n_waits++;
        }
    }
    return p;
}

static struct sg_pool_spec spec_of(const struct sg_task *t, const struct sg_generator *g,
                                   const struct sg_rows *raw, int64_t n)
{
    return (struct sg_pool_spec){.task = t,
                                 .method = SG_ERROR_DRIVEN,
                                 .generator = g,
                                 .n = n,
                                 .raw = raw,
                                 .check_duplicates = 1,
                                 .rounds = {3, 20, "a classifier"}};
}

static void assert_same(const struct sg_pool *a, const struct sg_pool *b, int64_t n)
{
    for (int64_t j = 0; j < n; j++) {
        struct sg_pool_example x = sg_pool_get(a, j), y = sg_pool_get(b, j);
        assert_string_equal(x.key, y.key);
        assert_string_equal(x.first, y.first);
        assert_int_equal(x.label, y.label);
        assert_int_equal(x.round, y.round);
    }
}

/* Whatever the order, with rejects and without; a larger pool begins with the smaller; and what is there is not asked for again. */
static void content_is_a_function_of_the_answers(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_rows raw = some_rows(12);
    struct world *w = sg_alloc(1, sizeof *w), *other = sg_alloc(1, sizeof *other);
    for (int reject_every = 0; reject_every < 4; reject_every += 3) {
        struct sg_pool_spec small = spec_of(&t, &g, &raw, 20), large = spec_of(&t, &g, &raw, 60);
        w->reject_every = other->reject_every = reject_every;
        struct sg_pool *a = complete(&large, w, 0, 1), *b = complete(&large, other, 3, 2);
        assert_int_equal(sg_pool_n(a), 60);
        assert_int_equal(w->n_fits, 4); /* 7, 14, 20, 40 */
        assert_same(a, b, 60);
        for (int64_t j = 0; j < 60; j++)
            assert_int_equal(sg_pool_get(a, j).round, (j >= 7) + (j >= 14) + (j >= 20) + (j >= 40));
        forget(other);
        struct sg_pool *c = complete(&small, other, 0, 3);
        assert_same(a, c, 20);
        assert_string_equal(sg_pool_id(a), sg_pool_id(c));
        int n_bought = w->n_bought, n_fits = w->n_fits;
        struct sg_pool *again = complete(&large, w, 0, 4);
        assert_same(a, again, 60);
        assert_int_equal(w->n_bought, n_bought);
        assert_int_equal(w->n_fits, n_fits);
        forget(w);
        forget(other);
        sg_pool_destroy(a);
        sg_pool_destroy(b);
        sg_pool_destroy(c);
        sg_pool_destroy(again);
    }
    assert_true(w->n_shown > 0);
    sg_free(w);
    sg_free(other);
    sg_rows_free(&raw);
}

/* The first round is bought once for both methods. */
static void the_first_round_is_that_of_zero_shot(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_rows raw = some_rows(12);
    struct world *w = sg_alloc(1, sizeof *w);
    struct sg_pool_spec spec = spec_of(&t, &g, &raw, 20), plain = spec;
    struct sg_pool *rounds = complete(&spec, w, 0, 1), *zero = NULL;
    struct sg_request_list missing = {0};
    struct sg_err err;
    plain.method = SG_ZERO_SHOT;
    assert_int_equal(sg_pool_create(&plain, &zero, &err), SG_OK);
    assert_int_equal(sg_pool_advance(zero, lookup, w, &missing, &err), SG_OK);
    assert_int_equal(sg_pool_n(zero), 7);
    assert_int_equal(missing.n, 13);
    assert_int_equal(sg_pool_n_plain(rounds), 7);
    assert_int_equal(sg_pool_n_plain(zero), 0);
    assert_int_equal(sg_pool_n_behind(zero), 0);
    assert_int_equal(sg_pool_get(zero, 6).round, -1);
    sg_request_list_free(&missing);
    sg_pool_destroy(rounds);
    sg_pool_destroy(zero);
    forget(w);
    sg_free(w);
    sg_rows_free(&raw);
}

static void the_id_has_what_the_rounds_depend_on(void **state)
{
    (void)state;
    struct sg_task t = mood_task(), worded = t;
    struct sg_generator g = some_generator();
    struct sg_rows raw = some_rows(12);
    worded.prompt.error_driven = TEXT("{examples}: one more {class} one.");
    struct sg_pool_spec base = spec_of(&t, &g, &raw, 20), spec[5];
    for (int i = 0; i < 5; i++)
        spec[i] = base;
    spec[0].rounds.n = 4;
    spec[1].rounds.first = 30;
    spec[2].rounds.classifier = "another";
    spec[3].task = &worded;
    spec[4].method = SG_FEW_SHOT_3; /* nothing of this is any other method's */
    struct sg_err err;
    char first[SG_HEX] = "", few[SG_HEX] = "";
    for (int i = -1; i < 6; i++) {
        struct sg_pool *p = NULL;
        struct sg_pool_spec x = i < 0 ? base : spec[i < 5 ? i : 4];
        if (i == 5)
            x.rounds = (struct sg_rounds){0};
        assert_int_equal(sg_pool_create(&x, &p, &err), SG_OK);
        if (i < 0)
            memcpy(first, sg_pool_id(p), SG_HEX);
        else
            assert_string_not_equal(sg_pool_id(p), first);
        if (i == 4)
            memcpy(few, sg_pool_id(p), SG_HEX);
        if (i == 5)
            assert_string_equal(sg_pool_id(p), few);
        sg_pool_destroy(p);
    }
    struct sg_pool *none = NULL;
    base.conditioning = SG_BY_NONE;
    assert_int_equal(sg_pool_create(&base, &none, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "conditioning: [label]"));
    sg_rows_free(&raw);
}

/* A class without raw rows is asked for as at first; a pool that stays short in its first round goes on. */
static void what_is_missing_holds_nobody_up(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_rows raw = {0};
    struct sg_err err;
    struct world *w = sg_alloc(1, sizeof *w);
    for (int i = 0; i < 3; i++) {
        char text[20];
        snprintf(text, sizeof text, "bad row %d", i);
        add_row(&raw, text, NULL, "bad");
    }
    struct sg_pool_spec spec = spec_of(&t, &g, &raw, 20);
    struct sg_pool *p = NULL;
    assert_int_equal(sg_pool_create(&spec, &p, &err), SG_OK);
    int n_turns = 0, n_wrong = 0, n_plain = 0;
    while (!sg_pool_complete(p)) {
        struct sg_request_list missing = {0};
        assert_true(n_turns++ < 500);
        assert_int_equal(sg_pool_advance(p, lookup, w, &missing, &err), SG_OK);
        for (int64_t i = 0; i < missing.n; i++) {
            n_wrong += strstr(missing.item[i].canonical, "Wrong:") != NULL;
            n_plain += strstr(missing.item[i].canonical, "Write a positive") != NULL;
            memcpy(w->bought[w->n_bought++], missing.item[i].key, SG_HEX);
        }
        sg_request_list_free(&missing);
        if (sg_pool_fit_key(p)[0])
            compute(w, p, raw.n);
        w->reject_every = w->n_fits == 0; /* all of the first round's answers are rejected */
    }
    assert_int_equal(w->n_fits, 2);
    assert_true(n_wrong > 0 && n_plain > 0);
    assert_int_equal(sg_pool_n(p), 20 - 7);
    assert_non_null(strstr(sg_pool_shortfall(p), "class bad"));
    assert_int_equal(sg_pool_get(p, 0).round, 1);
    sg_pool_destroy(p);
    forget(w);
    sg_free(w);
    sg_rows_free(&raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_end_at_parts_and_doublings),
        cmocka_unit_test(rows_of_a_class_go_to_halves_in_turn),
        cmocka_unit_test(wrong_rows_and_narrow_ones_are_chosen),
        cmocka_unit_test(what_does_not_fit_the_rows_is_refused),
        cmocka_unit_test(content_is_a_function_of_the_answers),
        cmocka_unit_test(the_first_round_is_that_of_zero_shot),
        cmocka_unit_test(the_id_has_what_the_rounds_depend_on),
        cmocka_unit_test(what_is_missing_holds_nobody_up),
    };
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    return n_failed ? n_failed : sg_mem_now() != 0;
}
