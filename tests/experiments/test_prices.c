#include "scratch.h"

#include "base/mem.h"
#include "experiments/study/prices.h"

static const char base_prices[] =
    "prices:\n"
    "  - {address: https://api.openai.com, models: [m, m-*], usd_per_1m_input: 2, "
    "usd_per_1m_cached_input: 0.5,\n"
    "     usd_per_1m_output: 4, as_of: 2026-05-27, source: 'https://x/y'}\n"
    "  - {address: https://api.openai.com, models: ['*'], usd_per_1m_input: 7, "
    "usd_per_1m_output: 8, as_of: 2026-01-01, source: s}\n"
    "  - {address: https://api.anthropic.com, models: [m], usd_per_1m_input: 3, "
    "usd_per_1m_output: 9, as_of: 2026-01-01, source: s}\n";

static struct sg_study *priced(const char *generator, const char *prices)
{
    char text[500];
    snprintf(text, sizeof text, "%sgenerator: {%s}\n", base_study, generator);
    put("s.yaml", text);
    put("prices.yaml", prices);
    struct sg_study *s = NULL;
    struct sg_err err = {0};
    assert_int_equal(sg_study_read("s.yaml", 0, NULL, &s, &err), SG_OK);
    assert_int_equal(sg_prices_fill(s, "prices.yaml", &err), SG_OK);
    return s;
}

static void test_lookup(void **state)
{
    (void)state;
    static const struct {
        const char *generator, *address; /* of the environment */
        double in;                       /* -1: unknown */
    } cases[] = {
        {"model: m", NULL, 2},
        {"model: m-2026", NULL, 2},
        {"model: mm", NULL, 7},
        {"model: m, provider: anthropic", NULL, 3},
        {"model: other, provider: anthropic", NULL, -1},
        {"model: m, base_url: 'https://api.openai.com/v1'", NULL, 2},
        {"model: m, base_url: 'https://API.openai.com'", NULL, 2},
        {"model: m, base_url: 'https://api.openai.com.evil.org/v1'", NULL, -1},
        {"model: m, base_url: 'https://api.openai.com:8443/v1'", NULL, -1},
        {"model: m, base_url: 'http://api.openai.com/v1'", NULL, -1},
        {"model: m, base_url: 'http://127.0.0.1:8080/v1'", NULL, -1},
        {"model: m", "https://gateway.example.org/v1", -1},
        /* the study's own win, and half a price is not made up for */
        {"model: m, usd_per_1m_input: 0, usd_per_1m_output: 0", NULL, 0},
        {"model: m, usd_per_1m_output: 1", NULL, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsetenv("OPENAI_BASE_URL");
        if (cases[i].address)
            setenv("OPENAI_BASE_URL", cases[i].address, 1);
        struct sg_study *s = priced(cases[i].generator, base_prices);
        if (s->generator->usd_per_1m_input != cases[i].in)
            fail_msg("case %zu: %g", i, s->generator->usd_per_1m_input);
        assert_true((cases[i].in > 0) == (s->generator->price_source != NULL));
        sg_study_destroy(s);
    }
    unsetenv("OPENAI_BASE_URL");
}

static void test_telling(void **state)
{
    (void)state;
    struct sg_study *s = priced("model: m", base_prices);
    const struct sg_generator *g = s->generator;
    struct sg_buf b = sg_buf_make(4000);
    sg_price_describe(g, &b);
    assert_string_equal(
        sg_buf_text(&b),
        "2 and 4 USD for a million tokens in and out (cached in: 0.5), as of 2026-05-27 (https://x/y)");
    char *json = sg_price_json(g);
    assert_string_equal(json,
                        "{\"as_of\":\"2026-05-27\",\"model\":\"m\",\"source\":\"https://x/y\",\"usd_per_1m_"
                        "cached_input\":0.5,\"usd_per_1m_input\":2.0,\"usd_per_1m_output\":4.0}");
    sg_free(json);
    double day = 20600.0 * 86400; /* 2026-05-27 */
    sg_buf_clear(&b);
    assert_int_equal(sg_price_warn(g, day + 180.9 * 86400, &b), 0);
    assert_int_equal(b.len, 0);
    assert_int_equal(sg_price_warn(g, day + 181.0 * 86400, &b), 1);
    assert_non_null(strstr(sg_buf_text(&b), "price of m is 181 days old"));
    assert_non_null(
        strstr(sg_buf_text(&b), "set generator.usd_per_1m_input and generator.usd_per_1m_output"));
    struct sg_generator named = *g;
    named.name = "small";
    sg_buf_clear(&b);
    assert_int_equal(sg_price_warn(&named, day + 181.0 * 86400, &b), 1);
    assert_non_null(
        strstr(sg_buf_text(&b), "set generators.small.usd_per_1m_input and generators.small.usd"));
    /* cached tokens cost less, but never less than nothing, whatever a server counts */
    assert_true(sg_generator_usd_cached(g, 1e6, 0, 1e6) == 6);
    assert_true(sg_generator_usd_cached(g, 1e6, 5e5, 0) == 1.25);
    assert_true(sg_generator_usd_cached(g, 1e6, 9e9, 0) == 0.5);
    assert_true(sg_generator_usd_cached(g, 1e6, -9e9, 0) == 2);
    sg_buf_free(&b);
    sg_study_destroy(s);
    s = priced("model: m, provider: anthropic", base_prices);
    assert_true(sg_generator_usd_cached(s->generator, 1e6, 1e6, 0) == 3);
    sg_study_destroy(s);
}

static void test_bad_files(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "p.yaml: \"prices\" is missing"},
        {"prices: 3\n", "p.yaml:1:9: prices must be a list"},
        {"price: []\n", "did you mean \"prices\"?"},
        {"prices:\n  - {address: https://a}\n", "p.yaml:2: \"models\" is missing"},
        {"prices:\n  - {address: 'https://a/v1'}\n", "address must be https:// and a host"},
        {"prices:\n  - {address: 'http://a'}\n", "address must be https:// and a host"},
        {"prices:\n  - {as_of: 2026-02-30}\n", "p.yaml:2:13: as_of must be a date like 2026-05-27"},
        {"prices:\n  - {as_of: May}\n", "as_of must be a date like 2026-05-27"},
        {"prices:\n  - {usd_per_1m_input: -1}\n", "usd_per_1m_input must be a number from 0"},
        {"prices:\n  - {usd: 1}\n", "unknown setting \"usd\""},
        {"prices:\n  - 4\n", "p.yaml:2:5: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sg_study *s = priced("model: m", base_prices);
        struct sg_err err = {0};
        put("p.yaml", cases[i].text);
        assert_int_equal(sg_prices_fill(s, "p.yaml", &err), SG_INPUT);
        if (!strstr(err.text, cases[i].message))
            fail_msg("case %zu: %s", i, err.text);
        sg_study_destroy(s);
    }
}

/* The file that is shipped: whole, and no model priced twice. */
static void test_shipped(void **state)
{
    (void)state;
    static const struct {
        const char *generator;
        double in, out;
    } cases[] = {{"model: gpt-4o-mini", 0.15, 0.6},
                 {"model: gpt-3.5-turbo", 0.5, 1.5},
                 {"model: gpt-4.1-nano-2025-04-14", 0.1, 0.4},
                 {"model: claude-haiku-4-5, provider: anthropic", 1, 5},
                 {"model: gemini-2.5-flash-lite, base_url: "
                  "'https://generativelanguage.googleapis.com/v1beta/openai'",
                  0.1, 0.4},
                 {"model: gpt-4o-2024-05-13", -1, -1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sg_study *s = priced(cases[i].generator, "prices: []\n");
        struct sg_err err = {0};
        assert_int_equal(sg_prices_fill(s, SG_TESTS_DATA_DIR "/prices.yaml", &err), SG_OK);
        assert_true(s->generator->usd_per_1m_input == cases[i].in &&
                    s->generator->usd_per_1m_output == cases[i].out);
        sg_study_destroy(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_telling),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_shipped),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
