/* What a study needs, bought from a fake of the ranks by the dispatcher as it is. */
#include "fake_sender.h"

#include "base/file.h"
#include "experiments/buying/requests.h"
#include "results/ledger/ledger_trained.h"

static struct sg_err err;

struct fixture {
    struct sg_prepared *p;
    struct sg_endpoint endpoint[1];
    struct sg_endpoints endpoints;
    struct sg_ledger *ledger;
    struct sg_dispatch *d;
    struct sg_requests *r;
    int n_complete, is_complete[16];
    char dir[40];
};

static sg_status on_complete(void *context, int64_t i, struct sg_err *why)
{
    struct fixture *f = context;
    (void)why;
    assert_false(f->is_complete[i]);
    f->is_complete[i] = 1;
    f->n_complete++;
    return SG_OK;
}

/* methods: of one task; sizes. */
static void begin(struct fixture *f, const char *methods, const char *sizes, const char *more)
{
    const char *const o[] = {"train.encoder=tests/oracle/model/bert",
                             "train.max_length=48",
                             "tasks=[sst2]",
                             "raw=[8]",
                             "generator.recording=",
                             "generator.connections=16",
                             methods,
                             sizes,
                             more};
    *f = (struct fixture){0};
    fake_begin();
    if (sg_prepare("experiments/grid.yaml", sizeof o / sizeof *o, o, SG_PREPARE_NO_WEIGHTS, &f->p, &err) !=
        SG_OK)
        fail_msg("%s", err.text);
    snprintf(f->dir, sizeof f->dir, "/tmp/sg-requests-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->endpoint[0].origin = "http://127.0.0.1:1/v1";
    f->endpoints = (struct sg_endpoints){.n = 1, .endpoint = f->endpoint};
    assert_int_equal(sg_ledger_open(f->dir, SG_LEDGER_WRITE, &f->ledger, &err), SG_OK);
    assert_int_equal(sg_dispatch_create(&(struct sg_dispatch_settings){.n_generators = 1,
                                                                       .generator = f->p->study->generator,
                                                                       .ledger = f->ledger,
                                                                       .budget_usd = -1,
                                                                       .n_ranks = 1},
                                        &f->d, &err),
                     SG_OK);
    sg_dispatch_attach(f->d, NULL, 0, &f->endpoints);
    for (int64_t i = 0; i < f->p->n_evaluations; i++)
        assert_int_equal(
            sg_ledger_evaluation_plan(f->ledger, sg_evaluation_id(f->p->evaluation[i]), i, "{}", &err),
            SG_OK);
    assert_int_equal(sg_requests_create(f->p, f->ledger, &f->r, &err), SG_OK);
    assert_int_equal(sg_requests_attach(f->r, f->d, on_complete, f, &err), SG_OK);
    if (sg_requests_start(f->r, &err) != SG_OK)
        fail_msg("%s", err.text);
    if (fake.n_items)
        fake_ready(0, 1, 16);
}

static void end(struct fixture *f)
{
    char command[80];
    sg_requests_destroy(f->r);
    sg_dispatch_destroy(f->d);
    sg_ledger_close(f->ledger);
    sg_prepared_destroy(f->p);
    fake_end();
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    assert_int_equal(system(command), 0);
}

static int is_topics(const struct fake_command *c)
{
    return strstr(c->canonical, "Write one sentence") == NULL;
}

static int is_verdict(const struct fake_command *c)
{
    return strstr(c->canonical, "Reply with one of") != NULL;
}

/* What the k-th question for a class is answered with. */
static const char *const said[] = {"positive", "Label: negative", "I am not sure."};

/* A text that is like no other; or a class. */
static void answer(int c)
{
    char text[400];
    if (is_verdict(&fake.command[c])) {
        int k = 0;
        for (int i = 0; i < c; i++)
            k += is_verdict(&fake.command[i]);
        snprintf(text, sizeof text, "%s", said[k % 3]);
    } else if (is_topics(&fake.command[c])) {
        size_t n = 0;
        for (int i = 0; i < 30 && n < sizeof text - 20; i++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%d. kind%c%c\n", i + 1, 'a' + i % 26,
                                  'a' + i / 26);
    } else {
        const char *label = !strstr(fake.command[c].canonical, "Label:") ? ""
                            : c % 2                                      ? "\nLabel: positive"
                                                                         : "\nLabel: negative";
        snprintf(text, sizeof text, "Scene %d of reel %d is told with %d quiet jokes and %d good songs.%s", c,
                 7 * c + 1, 13 * c + 2, 29 * c + 3, label);
    }
    fake_answer(c, text);
}

/* Answers commands from *at on, in turns, until `most` of them are or nothing comes. */
static void answer_until(struct fixture *f, int *at, int most)
{
    for (;;) {
        if (sg_dispatch_turn(f->d, &err) != SG_OK)
            fail_msg("%s", err.text);
        if (*at >= most || *at == fake.n)
            return;
        while (*at < fake.n && *at < most)
            answer((*at)++);
    }
}

static int64_t n_distinct(void)
{
    int64_t n = 0;
    for (int i = 0; i < fake.n; i++) {
        int is_new = 1;
        for (int k = 0; k < i; k++)
            is_new &= strcmp(fake.command[i].canonical, fake.command[k].canonical) != 0;
        n += is_new;
    }
    return n;
}

static void a_pool_is_filled_and_stored(void **state)
{
    (void)state;
    struct fixture f;
    int at = 0;
    begin(&f, "methods=[zero_shot]", "sizes=[12]", "seeds={generation: 1, data: 1, train: 1}");
    assert_int_equal(sg_requests_n_consumers(f.r), 1);
    assert_int_equal(sg_requests_n_left(f.r), 12);
    answer_until(&f, &at, 1000);
    assert_int_equal(f.n_complete, 1);
    assert_int_equal(at, 12);
    assert_int_equal(sg_requests_n_left(f.r), 0);
    assert_true(fake.has_ended[0]);
    assert_int_equal(sg_pool_n(f.p->pool[0]), 12);
    char digest[SG_HEX];
    assert_int_equal(sg_ledger_commit(f.ledger, &err), SG_OK);
    assert_int_equal(sg_ledger_examples_digest(f.ledger, sg_pool_id(f.p->pool[0]), 12, digest, &err), SG_OK);
    assert_int_equal(strlen(digest), SG_HEX - 1);
    /* Another process finds it all in the ledger. */
    int64_t n_missing;
    struct sg_requests *again;
    assert_int_equal(sg_requests_create(f.p, f.ledger, &again, &err), SG_OK);
    assert_int_equal(sg_requests_count(again, &n_missing, NULL, &err), SG_OK);
    assert_int_equal(n_missing, 0);
    sg_requests_destroy(again);
    end(&f);
}

/* 256 of 600 are made ahead; more are made when half of them have left. */
static void the_window_is_refilled(void **state)
{
    (void)state;
    struct fixture f;
    int at = 0;
    begin(&f, "methods=[zero_shot]", "sizes=[600]", "seeds={generation: 1, data: 1, train: 1}");
    assert_int_equal(sg_requests_n_left(f.r), 600);
    assert_int_equal(sg_dispatch_turn(f.d, &err), SG_OK);
    assert_int_equal(fake.n, 16);
    answer_until(&f, &at, 127);
    size_t before = sg_mem_now();
    answer_until(&f, &at, 129);
    assert_true(sg_mem_now() > before + 20000); /* texts of 128 more */
    answer_until(&f, &at, 100000);
    assert_int_equal(f.n_complete, 1);
    assert_int_equal(at, 600);
    assert_int_equal(n_distinct(), 600);
    assert_int_equal(sg_pool_n(f.p->pool[0]), 600);
    end(&f);
}

/* Each example of a pool is asked about once, when the pool is complete, whatever sizes and cells see it. */
static void an_llm_verifies_a_pool(void **state)
{
    (void)state;
    struct fixture f;
    int at = 0;
    begin(&f, "methods=[zero_shot]", "sizes=[6,12]", "verify=[none,llm]");
    assert_int_equal(f.p->n_evaluations, 1);
    assert_int_equal(sg_requests_n_consumers(f.r), 2);
    const struct sg_evaluation *e = f.p->evaluation[0];
    int64_t requests, in, out, n_views = 0, n_missing;
    sg_evaluation_estimate(e, &requests, &in, &out);
    assert_true(sg_evaluation_pool(e) == 0 && requests == 12 && in > 10 && out > 0);
    assert_false(sg_evaluation_complete(e)); /* of a pool that is not there nothing is known */
    assert_int_equal(sg_requests_count(f.r, &n_missing, NULL, &err), SG_OK);
    assert_int_equal(n_missing, 24);
    for (int64_t i = 0; i < f.p->grid.n_cells; i++) {
        const struct sg_cell *c = &f.p->grid.cell[i];
        int is_llm = c->arm.verify == SG_VERIFY_LLM;
        assert_int_equal(sg_cell_waits_for(f.p, c), c->pool < 0 ? -1 : is_llm);
        assert_true((sg_cell_verification(f.p, c) == e) == is_llm);
        assert_int_equal(sg_cell_is_ready(f.p, c), c->pool < 0);
        n_views += is_llm;
    }
    assert_true(n_views > 1);
    answer_until(&f, &at, 12);
    assert_true(f.is_complete[0] && !f.is_complete[1]);
    assert_int_equal(sg_requests_n_left(f.r), 12);
    answer_until(&f, &at, 23);
    assert_false(sg_evaluation_complete(e));
    answer_until(&f, &at, 1000);
    assert_true(at == 24 && f.is_complete[1] && sg_evaluation_complete(e));
    assert_int_equal(n_distinct(), 24);
    assert_int_equal(sg_evaluation_n_unparsable(e), 4);
    for (int i = 0; i < 12; i++) {
        struct sg_evaluation_row x = sg_evaluation_get(e, i);
        assert_int_equal(x.row, i);
        assert_int_equal(x.gold, sg_pool_get(f.p->pool[0], i).label);
        assert_int_equal(x.predicted, i % 3 == 0   ? sg_task_class(&f.p->study->task[0], "positive")
                                      : i % 3 == 1 ? sg_task_class(&f.p->study->task[0], "negative")
                                                   : -1);
        assert_string_equal(x.outcome, i % 3 == 2 ? "no class" : "");
    }
    /* Another process finds it all in the ledger. */
    struct sg_requests *again;
    assert_int_equal(sg_ledger_commit(f.ledger, &err), SG_OK);
    assert_int_equal(sg_requests_create(f.p, f.ledger, &again, &err), SG_OK);
    assert_int_equal(sg_requests_count(again, &n_missing, NULL, &err), SG_OK);
    assert_int_equal(n_missing, 0);
    sg_requests_destroy(again);
    end(&f);
}

/* The list of topics is the same for both conditionings. */
static void what_two_miss_is_bought_once(void **state)
{
    (void)state;
    struct fixture f;
    int at = 0, n_topics = 0;
    begin(&f, "methods=[zero_shot_topic]", "sizes=[6]", "conditioning=[label,none]");
    assert_int_equal(sg_requests_n_consumers(f.r), 2);
    answer_until(&f, &at, 1000);
    for (int i = 0; i < fake.n; i++)
        n_topics += is_topics(&fake.command[i]);
    assert_int_equal(n_topics, 1);
    assert_int_equal(n_distinct(), fake.n);
    assert_true(f.is_complete[0]);
    assert_int_equal(sg_requests_n_left(f.r), 0);
    assert_int_equal(f.n_complete, 2);
    end(&f);
}

/* Answers of which none is of use end the buying; what waits is left. */
static void useless_answers_end_the_buying(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "methods=[zero_shot]", "sizes=[100]", "generator.max_rejected=25");
    int n_answered = 0;
    for (int at = 0; n_answered < 1000;) {
        assert_int_equal(sg_dispatch_turn(f.d, &err), SG_OK);
        if (at == fake.n)
            break;
        for (; at < fake.n; at++, n_answered++)
            fake_answer(at, "");
    }
    assert_true(n_answered >= 25 && n_answered <= 25 + 16);
    assert_false(sg_dispatch_is_open(f.d, 0));
    assert_int_equal(sg_dispatch_outcome(f.d, &err), SG_STOPPED);
    assert_non_null(strstr(err.text, "25 paid answers in a row"));
    assert_int_equal(f.n_complete, 0);
    assert_int_equal(sg_requests_n_left(f.r), 0);
    end(&f);
}

/* A request that was given up on is data: its pool asks for another one. */
static void given_up_is_made_up_for(void **state)
{
    (void)state;
    struct fixture f;
    int at = 1;
    begin(&f, "methods=[zero_shot]", "sizes=[12]", "seeds={generation: 1, data: 1, train: 1}");
    assert_int_equal(sg_dispatch_turn(f.d, &err), SG_OK);
    fake_fail(0, SG_ATTEMPT_REFUSED, SG_CAUSE_CONTENT, 400);
    answer_until(&f, &at, 1000);
    assert_int_equal(f.n_complete, 1);
    assert_int_equal(at, 13);
    assert_int_equal(sg_pool_n(f.p->pool[0]), 12);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pool_is_filled_and_stored),    cmocka_unit_test(the_window_is_refilled),
        cmocka_unit_test(an_llm_verifies_a_pool),         cmocka_unit_test(what_two_miss_is_bought_once),
        cmocka_unit_test(useless_answers_end_the_buying), cmocka_unit_test(given_up_is_made_up_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
