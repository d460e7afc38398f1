/* The dispatcher against a fake of the ranks. */
#include "fake_sender.h"

#include "base/file.h"

enum { MAX_OVER = 16 };

static struct sg_err err;

/* What the dispatcher said of requests that are over. */
struct over {
    int64_t consumer;
    int is_left;
    sg_status status;
};

struct fixture {
    struct sg_generator generator[2];
    struct sg_endpoint endpoint[2];
    struct sg_endpoints endpoints;
    struct sg_ledger *ledger;
    struct sg_dispatch *d;
    int n_generators, n_over;
    struct over over[MAX_OVER];
    char dir[40];
};

static sg_status on_over(void *context, int64_t consumer, const char *request, const struct sg_answer *a,
                         struct sg_err *why)
{
    struct fixture *f = context;
    (void)why;
    assert_non_null(strstr(request, "\"index\""));
    assert_true(f->n_over < MAX_OVER);
    f->over[f->n_over++] = (struct over){consumer, a == NULL, a ? a->status : SG_OK};
    if (a) { /* the ledger has it first */
        struct sg_ledger_completion c;
        int found;
        assert_int_equal(sg_ledger_completion_get(f->ledger, a->key, &found, &c, &err), SG_OK);
        assert_true(found && c.status == (int)a->status);
        assert_string_equal(c.source, "live http://127.0.0.1:1/v1");
    }
    return SG_OK;
}

static void begin(struct fixture *f, int n_generators, double usd_per_1m, double budget_usd, int n_ranks)
{
    static int number;
    *f = (struct fixture){.n_generators = n_generators};
    fake_begin();
    snprintf(f->dir, sizeof f->dir, "results%d", number++);
    for (int g = 0; g < n_generators; g++) {
        f->generator[g] = (struct sg_generator){.name = n_generators > 1 ? g ? "b" : "a" : NULL,
                                                .provider = "openai",
                                                .model = "m",
                                                .connections = 4,
                                                .retries = 3,
                                                .max_tokens = 10,
                                                .usd_per_1m_input = usd_per_1m,
                                                .usd_per_1m_output = usd_per_1m};
        f->endpoint[g].origin = "http://127.0.0.1:1/v1";
    }
    f->endpoints = (struct sg_endpoints){.n = n_generators, .endpoint = f->endpoint};
    assert_int_equal(sg_ledger_open(f->dir, SG_LEDGER_WRITE, &f->ledger, &err), SG_OK);
    assert_int_equal(sg_dispatch_create(&(struct sg_dispatch_settings){.n_generators = n_generators,
                                                                       .generator = f->generator,
                                                                       .ledger = f->ledger,
                                                                       .budget_usd = budget_usd,
                                                                       .n_ranks = n_ranks},
                                        &f->d, &err),
                     SG_OK);
    sg_dispatch_listen(f->d, on_over, f);
    sg_dispatch_attach(f->d, NULL, 0, &f->endpoints);
}

static void end(struct fixture *f)
{
    sg_dispatch_destroy(f->d);
    sg_ledger_close(f->ledger);
    fake_end();
}

static void add(struct fixture *f, int generator, int64_t consumer, int index)
{
    struct sg_request q = {
        .canonical = sg_strf("{\"index\":%d,\"max_tokens\":10,\"messages\":[{\"content\":\"Write.\",\"role\":"
                             "\"user\"}],\"model\":\"m\",\"provider\":\"openai\",\"seed\":%d}",
                             index, index)};
    sg_sha256_hex(q.canonical, strlen(q.canonical), q.key);
    assert_int_equal(sg_dispatch_add_take(f->d, generator, consumer, &q, &err), SG_OK);
}

static void turn(struct fixture *f)
{
    if (sg_dispatch_turn(f->d, &err) != SG_OK)
        fail_msg("%s", err.text);
}

/* Turns until there are so many commands. */
static void turn_until(struct fixture *f, int n)
{
    for (double late_s = sg_now_s() + 20; fake.n < n && sg_now_s() < late_s;) {
        turn(f);
        sg_sleep_us(2000);
    }
    assert_int_equal(fake.n, n);
}

static void count_is(const struct fixture *f, int generator, const char *text)
{
    struct sg_buf b = sg_buf_make(1000);
    struct sg_dispatch_count n = sg_dispatch_counted(f->d, generator);
    sg_dispatch_count_text(&n, &b);
    assert_string_equal(sg_buf_text(&b), text);
    sg_buf_free(&b);
}

static void answered_in_order(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 1, 0, -1, 1);
    add(&f, 0, 2, 1);
    add(&f, 0, 1, 2); /* a lower consumer leaves first */
    turn(&f);
    assert_int_equal(fake.n_items, 1);
    assert_int_equal(fake.n, 0); /* nobody is ready */
    fake_ready(0, 1, 1);
    turn(&f);
    assert_int_equal(fake.n, 1); /* as far as the capacity goes */
    assert_non_null(strstr(fake.command[0].canonical, "\"index\":2"));
    fake_answer(0, "yes");
    turn(&f);
    assert_int_equal(fake.n, 2);
    assert_false(fake.has_ended[0]);
    fake_answer(1, "yes");
    assert_int_equal(f.n_over, 2);
    assert_true(f.over[0].consumer == 1 && f.over[1].consumer == 2 && !f.over[1].is_left);
    turn(&f);
    assert_true(fake.has_ended[0]);
    count_is(&f, 0, "2 answered");
    assert_int_equal(sg_dispatch_counted(f.d, 0).tokens_in, 20);
    assert_int_equal(sg_dispatch_outcome(f.d, &err), SG_OK);
    end(&f);
}

static void the_freest_rank_sends(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 1, 0, -1, 2);
    for (int i = 0; i < 3; i++)
        add(&f, 0, 0, i);
    fake_ready(0, 1, 1);
    fake_ready(1, 1, 3);
    turn(&f);
    assert_int_equal(fake.n, 3);
    /* 3 to 1, 2 to 1, 1 to 1. */
    assert_true(fake.command[0].item == 1 && fake.command[1].item == 1 && fake.command[2].item == 0);
    end(&f);
}

static void a_far_rank_sends_nothing(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 1, 0, -1, 2);
    for (int i = 0; i < 3; i++)
        add(&f, 0, 0, i);
    fake_ready(0, 1, SG_SENDER_FAR);
    turn(&f);
    assert_int_equal(fake.n, 0);
    fake_ready(1, 1, 2);
    turn(&f);
    assert_int_equal(fake.n, 2);
    fake_answer(0, "yes");
    turn(&f);
    fake_answer(1, "yes");
    fake_answer(2, "yes");
    for (int c = 0; c < 3; c++)
        assert_int_equal(fake.command[c].item, 1);
    turn(&f);
    assert_true(fake.has_ended[0] && fake.has_ended[1]);
    end(&f);
}

static void sent_again_after_429(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 1, 0, -1, 1);
    add(&f, 0, 0, 1);
    fake_ready(0, 1, 4);
    turn(&f);
    fake_fail(0, SG_ATTEMPT_RATE, SG_CAUSE_OPEN, 429);
    assert_int_equal(f.n_over, 0);
    turn_until(&f, 2);
    fake_answer(1, "yes");
    assert_true(f.n_over == 1 && f.over[0].status == SG_OK);
    count_is(&f, 0, "1 answered, 1 sent again (1 rate limit)");
    assert_string_equal(sg_dispatch_counted(f.d, 0).failure, "scripted");
    end(&f);
}

static void given_up_for_its_content(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 1, 0, -1, 1);
    add(&f, 0, 0, 1);
    fake_ready(0, 1, 4);
    turn(&f);
    fake_fail(0, SG_ATTEMPT_REFUSED, SG_CAUSE_CONTENT, 400);
    assert_true(f.n_over == 1 && !f.over[0].is_left && f.over[0].status == SG_FAILED);
    count_is(&f, 0, "0 answered, 1 given up (refused)");
    assert_int_equal(sg_dispatch_outcome(f.d, &err), SG_OK);
    end(&f);
}

/* A failure is held until another request that left later is answered. */
static void held_until_another_is_answered(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 1, 0, -1, 1);
    add(&f, 0, 0, 1);
    add(&f, 0, 1, 2);
    add(&f, 0, 2, 3);
    fake_ready(0, 1, 1);
    turn(&f);
    fake_answer(0, "yes"); /* so that the endpoint has worked */
    turn(&f);
    fake_fail(1, SG_ATTEMPT_REFUSED, SG_CAUSE_OPEN, 400);
    assert_int_equal(f.n_over, 1);
    turn(&f);
    assert_int_equal(fake.n, 3);
    fake_answer(2, "yes");
    assert_int_equal(f.n_over, 3);
    int n_failed = 0;
    for (int i = 0; i < 3; i++)
        n_failed += f.over[i].status == SG_FAILED && f.over[i].consumer == 1;
    assert_int_equal(n_failed, 1);
    count_is(&f, 0, "2 answered, 1 given up (refused)");
    end(&f);
}

/* Nothing else is left to tell whose failure it is: a control does. */
static void a_control_decides(void **state)
{
    (void)state;
    for (int is_alive = 0; is_alive < 2; is_alive++) {
        struct fixture f;
        begin(&f, 1, 0, -1, 1);
        add(&f, 0, 0, 1);
        fake_ready(0, 1, 4);
        turn(&f);
        fake_fail(0, SG_ATTEMPT_REFUSED, SG_CAUSE_OPEN, 400);
        turn_until(&f, 2);
        assert_string_not_equal(fake.command[0].canonical, fake.command[1].canonical);
        if (is_alive) {
            fake_answer(1, "hello");
            assert_int_equal(f.n_over, 0); /* nobody hears of a control */
            turn_until(&f, 3);
            assert_string_equal(fake.command[0].canonical, fake.command[2].canonical);
            fake_fail(2, SG_ATTEMPT_REFUSED, SG_CAUSE_OPEN, 400);
            assert_true(f.n_over == 1 && !f.over[0].is_left && f.over[0].status == SG_FAILED);
            assert_int_equal(sg_dispatch_outcome(f.d, &err), SG_OK);
            count_is(&f, 0, "0 answered, 1 sent again (1 server error), 1 control, 1 given up (refused)");
        } else {
            fake_fail(1, SG_ATTEMPT_REFUSED, SG_CAUSE_OPEN, 400);
            turn(&f);
            assert_true(f.n_over == 1 && f.over[0].is_left);
            assert_false(sg_dispatch_is_open(f.d, 0));
            assert_int_equal(sg_dispatch_outcome(f.d, &err), SG_STOPPED);
            assert_non_null(strstr(err.text, "scripted"));
            count_is(&f, 0, "0 answered, 1 control, 1 left to a later run");
        }
        turn(&f);
        assert_true(fake.has_ended[0]);
        end(&f);
    }
}

static void a_lost_rank_leaves_its_requests(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 1, 1, 100, 1);
    add(&f, 0, 0, 1);
    fake_ready(0, 1, 4);
    turn(&f);
    struct sg_outcome o = {.status = SG_FAILED, .reason = "no memory", .rank = 0};
    assert_int_equal(fake.kind.done(NULL, fake.user[0], &o, NULL, &err), SG_OK);
    assert_true(f.n_over == 1 && f.over[0].is_left);
    assert_int_equal(sg_dispatch_outcome(f.d, &err), SG_STOPPED);
    assert_non_null(strstr(err.text, "no memory"));
    struct sg_ledger_unsettled u; /* it may have been paid for */
    assert_int_equal(sg_ledger_commit(f.ledger, &err), SG_OK);
    assert_int_equal(sg_ledger_unsettled(f.ledger, &u, &err), SG_OK);
    assert_true(u.n == 1 && u.usd > 0 && sg_dispatch_spent_usd(f.d) == u.usd);
    end(&f);
}

static void the_budget_ends_it(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 1, 1, 200e-6, 1); /* one request of at most some 150 tokens and bytes */
    add(&f, 0, 0, 1);
    add(&f, 0, 0, 2);
    fake_ready(0, 1, 4);
    turn(&f);
    assert_int_equal(fake.n, 1);
    struct sg_ledger_unsettled u; /* durable before it leaves: another process sees it */
    struct sg_ledger *copy;
    assert_int_equal(sg_ledger_open(f.dir, SG_LEDGER_COPY, &copy, &err), SG_OK);
    assert_int_equal(sg_ledger_unsettled(copy, &u, &err), SG_OK);
    assert_int_equal(u.n, 1);
    sg_ledger_close(copy);
    struct sg_attempt a = sg_attempt_make();
    a.kind = SG_ATTEMPT_ANSWERED;
    a.cost_usd = 150e-6;
    fake_result(0, &a, 200, "yes");
    turn(&f);
    assert_int_equal(fake.n, 1);
    assert_true(f.n_over == 2 && f.over[1].is_left);
    assert_int_equal(sg_dispatch_outcome(f.d, &err), SG_STOPPED);
    assert_non_null(strstr(err.text, "budget"));
    double usd;
    assert_int_equal(sg_ledger_commit(f.ledger, &err), SG_OK);
    assert_int_equal(sg_dispatch_cost(f.ledger, &usd, &err), SG_OK);
    assert_float_equal(usd, 150e-6, 1e-12);
    end(&f);
}

static void one_endpoint_of_two_is_dead(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 2, 0, -1, 1);
    add(&f, 0, 0, 1);
    add(&f, 1, 1, 2);
    fake_ready(0, 2, 4);
    turn(&f);
    assert_int_equal(fake.n, 2);
    add(&f, 0, 0, 3);
    add(&f, 1, 1, 4);
    fake_fail(0, SG_ATTEMPT_ENDPOINT, SG_CAUSE_OPEN, 401);
    assert_false(sg_dispatch_is_open(f.d, 0));
    assert_true(sg_dispatch_is_open(f.d, 1));
    fake_answer(1, "yes");
    turn(&f);
    assert_int_equal(fake.n, 3);
    assert_int_equal(fake.command[2].generator, 1);
    assert_false(fake.has_ended[0]);
    fake_answer(2, "yes");
    turn(&f);
    assert_true(fake.has_ended[0]);
    assert_int_equal(f.n_over, 4);
    assert_int_equal(sg_dispatch_outcome(f.d, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "generators.a: scripted"));
    count_is(&f, 1, "2 answered");
    end(&f);
}

/* What waits is left; what is on its way is taken. */
static void stopped(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 1, 0, -1, 1);
    add(&f, 0, 0, 1);
    add(&f, 0, 0, 2);
    fake_ready(0, 1, 1);
    turn(&f);
    sg_dispatch_stop(f.d, "as asked");
    turn(&f);
    assert_true(f.n_over == 1 && f.over[0].is_left);
    assert_false(fake.has_ended[0]);
    fake_answer(0, "yes");
    assert_true(f.n_over == 2 && !f.over[1].is_left);
    turn(&f);
    assert_true(fake.has_ended[0] && fake.n == 1);
    assert_int_equal(sg_dispatch_outcome(f.d, &err), SG_STOPPED);
    assert_string_equal(err.text, "as asked");
    end(&f);
}

/* Nothing is left when the second rank is ready: its work ends at once. */
static void a_late_rank_ends_at_once(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 2, 0, -1, 2);
    add(&f, 0, 0, 1);
    fake_ready(0, 2, 4);
    turn(&f);
    fake_answer(0, "yes");
    turn(&f);
    assert_true(fake.has_ended[0] && !fake.has_ended[1]);
    fake_ready(1, 2, 4);
    assert_true(fake.has_ended[1]);
    end(&f);
}

/* What a rank cannot know is no answer. */
static void strange_reports(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 1, 0, -1, 1);
    add(&f, 0, 0, 1);
    fake_ready(0, 1, 4);
    struct sg_sender_event e = {.generator = 0, .result = {.id = 0, .attempt = sg_attempt_make()}};
    assert_int_equal(fake_report(0, &e, &err), SG_FAILED); /* it has not left */
    e.result.id = 7;
    assert_int_equal(fake_report(0, &e, &err), SG_FAILED);
    e.generator = 1;
    assert_int_equal(fake_report(0, &e, &err), SG_FAILED);
    assert_int_equal(f.n_over, 0);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answered_in_order),
        cmocka_unit_test(the_freest_rank_sends),
        cmocka_unit_test(a_far_rank_sends_nothing),
        cmocka_unit_test(sent_again_after_429),
        cmocka_unit_test(given_up_for_its_content),
        cmocka_unit_test(held_until_another_is_answered),
        cmocka_unit_test(a_control_decides),
        cmocka_unit_test(a_lost_rank_leaves_its_requests),
        cmocka_unit_test(the_budget_ends_it),
        cmocka_unit_test(one_endpoint_of_two_is_dead),
        cmocka_unit_test(stopped),
        cmocka_unit_test(a_late_rank_ends_at_once),
        cmocka_unit_test(strange_reports),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
