/* The files of a batch: what is asked, and what is read of the answers whatever they look like. The calls are in
 * tests/e2e/batch.py. */
#include "fixture.h"

#include "base/text.h"
#include "gen/llm/batch.h"

#include <jansson.h>

static const char canonical[] = "{\"index\":3,\"max_tokens\":48,\"messages\":[{\"content\":\"Write "
                                "\\\"it\\\".\\n\",\"role\":\"user\"}],\"model\":\"m\","
                                "\"provider\":\"openai\",\"seed\":1,\"temperature\":1.0,\"top_p\":1.0}";

static struct sg_request question(void)
{
    struct sg_request q = {.canonical = TEXT(canonical)};
    sg_sha256_hex(canonical, strlen(canonical), q.key);
    return q;
}

static void a_line_asks(void **state)
{
    (void)state;
    struct sg_request q = question();
    struct sg_adapt plain = {0}, without_seed = {.refused = 1U << 3};
    struct sg_err err = {0};
    struct sg_buf b = sg_buf_make(1 << 16);
    assert_int_equal(sg_batch_line_add(&b, &q, &plain, &err), SG_OK);
    size_t n = b.len;
    assert_int_equal(sg_batch_line_add(&b, &q, &without_seed, &err), SG_OK);
    assert_true(b.data[n - 1] == '\n' && !memchr(b.data, '\n', n - 1));
    for (int i = 0; i < 2; i++) {
        json_t *o = json_loadb(b.data + (i ? n : 0), i ? b.len - n : n, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(o);
        assert_string_equal(json_string_value(json_object_get(o, "custom_id")), q.key);
        assert_string_equal(json_string_value(json_object_get(o, "method")), "POST");
        assert_string_equal(json_string_value(json_object_get(o, "url")), "/v1/chat/completions");
        char *live = sg_wire_body(&q, i ? &without_seed : &plain);
        char *body = json_dumps(json_object_get(o, "body"), JSON_COMPACT | JSON_SORT_KEYS);
        assert_string_equal(body, live);
        sg_free(live);
        free(body);
        json_decref(o);
    }
    sg_buf_free(&b);
    struct sg_buf small = sg_buf_make(64);
    assert_int_not_equal(sg_batch_line_add(&small, &q, &plain, &err), SG_OK);
    sg_buf_free(&small);
}

/* What was read, as text: "<id> <http> <why>;" a line. */
static sg_status note(void *context, const struct sg_batch_line *line, struct sg_err *err)
{
    (void)err;
    sg_buf_printf(context, "%s %ld %s;", line->custom_id, line->http_status, line->why);
    return SG_OK;
}

static int64_t read_text(const char *text, size_t n, struct sg_buf *seen)
{
    struct sg_err err = {0};
    FILE *f = tmpfile();
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    rewind(f);
    int64_t n_damaged = 0;
    sg_buf_clear(seen);
    assert_int_equal(sg_batch_read(f, note, seen, &n_damaged, &err), SG_OK);
    fclose(f);
    return n_damaged;
}

#define GOOD(id) "{\"custom_id\":\"" id "\",\"response\":{\"status_code\":200,\"body\":{}},\"error\":null}"

static void lines_of_any_kind(void **state)
{
    (void)state;
    static const struct {
        const char *text, *seen;
        int n_damaged;
    } rows[] = {
        {"", "", 0},
        {"\n\r\n  \n", "", 0},
        {GOOD("b") "\n" GOOD("a") "\n", "b 200 ;a 200 ;", 0},
        {GOOD("a") "\r\n" GOOD("a"), "a 200 ;a 200 ;", 0},
        {"{\"custom_id\":\"a\",\"resp\n" GOOD("b"), "b 200 ;", 1},
        {"null\n[]\n3\n\"x\"\n{}\n", "", 5},
        {"{\"custom_id\":7,\"response\":{\"status_code\":200,\"body\":{}}}\n", "", 1},
        {"{\"custom_id\":\"a\",\"response\":{\"status_code\":\"200\",\"body\":{}}}\n", "", 1},
        {"{\"custom_id\":\"a\",\"response\":{\"status_code\":-1,\"body\":{}}}\n", "", 1},
        {"{\"custom_id\":\"a\",\"response\":null,\"error\":null}\n", "", 1},
        {"{\"custom_id\":\"a\",\"custom_id\":\"b\",\"response\":{\"status_code\":200}}\n", "", 1},
        {"{\"custom_id\":\"a\",\"response\":null,\"error\":{\"code\":\"batch_expired\",\"message\":\"too "
         "\\u001b late\"}}\n",
         "a 0 batch_expired: too ? late;", 0},
        {"{\"custom_id\":\"a\",\"response\":null,\"error\":{\"message\":\"key sk-1234567890abcdef\"}}",
         "a 0 key sk-****************;", 0},
        {"{\"custom_id\":\"a\",\"response\":null,\"error\":{}}", "a 0 no answer;", 0},
        {"{\"custom_id\":\"a\",\"response\":{\"status_code\":500}}", "a 500 ;", 0},
    };
    struct sg_buf seen = sg_buf_make(1 << 16);
    for (int i = 0; i < N_OF(rows); i++) {
        assert_int_equal(read_text(rows[i].text, strlen(rows[i].text), &seen), rows[i].n_damaged);
        assert_string_equal(sg_buf_text(&seen), rows[i].seen);
    }
    /* Bytes that are no text, and a line longer than any answer, beside good ones. */
    static const char nul[] = GOOD("a") "\n\0\0{\xff\n" GOOD("b") "\n";
    assert_int_equal(read_text(nul, sizeof nul - 1, &seen), 1);
    assert_string_equal(sg_buf_text(&seen), "a 200 ;b 200 ;");
    size_t n_long = (size_t)40 << 20;
    struct sg_buf b = sg_buf_make(n_long + 4096);
    char *padding = sg_alloc(n_long, 1);
    memset(padding, 'x', n_long);
    sg_buf_puts(&b, GOOD("a") "\n{\"custom_id\":\"");
    sg_buf_add(&b, padding, n_long);
    sg_buf_puts(&b, "\"}\n" GOOD("b") "\n");
    size_t before = sg_mem_now();
    assert_int_equal(read_text(b.data, b.len, &seen), 1);
    assert_string_equal(sg_buf_text(&seen), "a 200 ;b 200 ;");
    assert_true(sg_mem_now() <= before + 4096);
    sg_free(padding);
    sg_buf_free(&b);
    sg_buf_free(&seen);
}

static sg_status refuse(void *context, const struct sg_batch_line *line, struct sg_err *err)
{
    (void)line;
    ++*(int *)context;
    return sg_fail(err, SG_FAILED, "the disk is full");
}

static void a_failure_ends_the_reading(void **state)
{
    (void)state;
    struct sg_err err = {0};
    FILE *f = tmpfile();
    fputs(GOOD("a") "\n" GOOD("b") "\n", f);
    rewind(f);
    int64_t n_damaged = 0;
    int n = 0;
    assert_int_equal(sg_batch_read(f, refuse, &n, &n_damaged, &err), SG_FAILED);
    assert_int_equal(n, 1);
    fclose(f);
}

static void classifications(void **state)
{
    (void)state;
    static const char answer[] =
        "{\"id\":\"c\",\"model\":\"m-1\",\"choices\":[{\"message\":{\"content\":\"Hello.\"},"
        "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":500}}";
    static const struct {
        long http;
        const char *body;
        enum sg_attempt_kind kind;
        int outage, maybe_paid;
        unsigned learned;
    } rows[] = {
        {200, answer, SG_ATTEMPT_ANSWERED, 0, 0, 0},
        {200, "null", SG_ATTEMPT_FAULT, 0, 1, 0},
        {0, NULL, SG_ATTEMPT_OVERLOAD, 1, 0, 0},
        {429, "{\"error\":{\"message\":\"slow\"}}", SG_ATTEMPT_RATE, 1, 0, 0},
        {500, "null", SG_ATTEMPT_FAULT, 0, 0, 0},
        {400, "{\"error\":{\"message\":\"too long\"}}", SG_ATTEMPT_REFUSED, 0, 0, 0},
        {400,
         "{\"error\":{\"message\":\"Unsupported\",\"code\":\"unsupported_parameter\",\"param\":\"seed\"}}",
         SG_ATTEMPT_ADAPT, 0, 0, 1U << 3},
    };
    struct sg_generator g = some_generator();
    g.usd_per_1m_input = 0.5;
    g.usd_per_1m_output = 1;
    for (int i = 0; i < N_OF(rows); i++) {
        struct sg_request q = question();
        struct sg_adapt sent = {0}, adapt = {0};
        struct sg_answer a = {0};
        struct sg_batch_line line = {.custom_id = q.key,
                                     .http_status = rows[i].http,
                                     .request_id = "req-1",
                                     .body = rows[i].body,
                                     .n_body = rows[i].body ? strlen(rows[i].body) : 0,
                                     .why = "batch_expired"};
        struct sg_attempt t = sg_batch_classify(&g, &q, &line, &sent, &adapt, &a);
        assert_int_equal(t.kind, rows[i].kind);
        assert_int_equal(t.outage, rows[i].outage);
        assert_int_equal(t.maybe_paid, rows[i].maybe_paid);
        assert_int_equal(adapt.refused, rows[i].learned);
        assert_string_equal(a.key, q.key);
        if (t.kind == SG_ATTEMPT_ANSWERED) {
            assert_string_equal(a.text, "Hello.");
            assert_string_equal(a.request_id, "req-1");
            assert_float_equal(a.cost_usd, 0.001, 1e-12);
            assert_int_equal(a.attempts, 1);
        } else
            assert_null(a.text);
        if (!rows[i].http)
            assert_string_equal(t.reason, "batch_expired");
        sg_answer_free(&a);
    }
}

/* A request's name is cut behind a whole character: else its answer could be stored in no recording. */
static void long_request_ids(void **state)
{
    (void)state;
    struct sg_generator g = some_generator();
    struct sg_request q = question();
    for (size_t n = 195; n < 200; n++) {
        char id[300] = "";
        memset(id, 'r', n);
        strcpy(id + n, "\xe8\xbe\x93\xe8\xbe\x93");
        struct sg_adapt sent = {0}, adapt = {0};
        struct sg_answer a = {0};
        struct sg_batch_line line = {
            .custom_id = q.key, .http_status = 500, .request_id = id, .body = "null", .n_body = 4};
        (void)sg_batch_classify(&g, &q, &line, &sent, &adapt, &a);
        assert_true(strlen(a.request_id) >= 195 && sg_utf8_valid(a.request_id, strlen(a.request_id)));
        sg_answer_free(&a);
    }
}

static void ends(void **state)
{
    (void)state;
    static const char *const over[] = {"completed", "failed", "expired", "cancelled"},
                             *const open[] = {"validating", "in_progress", "finalizing", "cancelling",
                                              "",           "whatever"};
    struct sg_batch_info b = {.part = 0};
    for (int i = 0; i < N_OF(over); i++) {
        snprintf(b.status, sizeof b.status, "%s", over[i]);
        assert_true(sg_batch_info_is_over(&b));
    }
    for (int i = 0; i < N_OF(open); i++) {
        snprintf(b.status, sizeof b.status, "%s", open[i]);
        assert_false(sg_batch_info_is_over(&b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_asks),
        cmocka_unit_test(lines_of_any_kind),
        cmocka_unit_test(a_failure_ends_the_reading),
        cmocka_unit_test(classifications),
        cmocka_unit_test(ends),
        cmocka_unit_test(long_request_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
