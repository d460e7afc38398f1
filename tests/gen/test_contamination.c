/* The contamination probe: ROUGE-L against rouge-score (tests/oracle/contamination.json), what is asked, how replies are read; 20 LLMs that
 * have memorised the rows are caught, and 20 that have not are not. */
#include "fixture.h"

#include "base/file.h"
#include "base/rng.h"
#include "gen/pool/contamination.h"
#include "gen/pool/rouge.h"
#include "results/stats/contamination.h"

#include <jansson.h>
#include <math.h>

static struct sg_err err;

#define OK(call)                                                                                             \
    do {                                                                                                     \
        if ((call) != SG_OK)                                                                                 \
            fail_msg("%s: %s", #call, err.text);                                                             \
    } while (0)

static double rouge_of(const char *reference, const char *candidate)
{
    struct sg_word_list a = {0}, b = {0};
    double f1 = -1;
    OK(sg_word_list_read(reference, &a, &err));
    OK(sg_word_list_read(candidate, &b, &err));
    OK(sg_rouge_l(&a, &b, 0, &f1, &err));
    sg_word_list_free(&a);
    sg_word_list_free(&b);
    return f1;
}

static void as_others_have_it(void **state)
{
    (void)state;
    char *text = NULL;
    OK(sg_file_read("tests/oracle/contamination.json", 1 << 22, &text, NULL, &err));
    json_t *oracle = json_loads(text, 0, NULL);
    const json_t *list = json_object_get(oracle, "rouge_l"), *x;
    size_t i;
    assert_true(json_array_size(list) > 40);
    json_array_foreach (list, i, x) {
        double f1 = rouge_of(json_string_value(json_object_get(x, "reference")),
                             json_string_value(json_object_get(x, "candidate")));
        if (!(fabs(f1 - json_number_value(json_object_get(x, "f1"))) < 1e-12))
            fail_msg("case %zu: %.17g, not %.17g", i, f1, json_number_value(json_object_get(x, "f1")));
    }
    list = json_object_get(oracle, "sign_flip");
    assert_true(json_array_size(list) > 8);
    json_array_foreach (list, i, x) {
        double d[SG_CONTAMINATION_EXACT];
        const json_t *values = json_object_get(x, "x"), *v;
        size_t k;
        json_array_foreach (values, k, v)
            d[k] = json_number_value(v);
        double p = sg_sign_flip(d, (int64_t)json_array_size(values));
        if (!(fabs(p - json_number_value(json_object_get(x, "p"))) < 1e-12))
            fail_msg("signs %zu: %.17g, not %.17g", i, p, json_number_value(json_object_get(x, "p")));
    }
    json_decref(oracle);
    sg_free(text);
}

/* Other scripts and odd texts: no words of theirs are lost. */
static void other_texts(void **state)
{
    (void)state;
    assert_true(rouge_of("caf\xc3\xa9 CR\xc3\x88ME br\xc3\xbbl\xc3\xa9"
                         "e",
                         "Caf\xc3\xa9 cr\xc3\xa8me br\xc3\xbbl\xc3\xa9"
                         "e") == 1);
    assert_true(rouge_of("\xe6\x98\xa5\xe5\xa4\xa9\xe5\xbe\x88\xe5\xa5\xbd",
                         "\xe6\x98\xa5\xe5\xa4\xa9\xe4\xb8\x8d\xe5\xa5\xbd") == 0.75);
    assert_true(rouge_of("it\xe2\x80\x99s", "it's") == 1 && rouge_of("it's", "its") == 0);
    /* What nobody would write is looked at in part, and ends. */
    char *a = sg_alloc(400001, 1);
    memset(a, 'a', 400000);
    for (int i = 1; i < 400000; i += 2)
        a[i] = ' ';
    assert_true(rouge_of(a, a) == 1);
    memset(a, '\xc3', 400000);
    a[400000] = 0;
    (void)rouge_of(a, "a");
    sg_free(a);
}

/* ---- asking ---- */

static char film[] =
    "It is a film of so very many closed doors, and behind every one of them somebody is waiting to explain.";

static struct sg_row film_row = {.first = film, .label = TEXT("bad")};
static struct sg_row quiz_row = {.first = TEXT("do the eels of the amazon need air"),
                                 .second = TEXT("Eels -- They live in water with little oxygen."),
                                 .label = TEXT("true")};
static const struct sg_generator generator = {
    .provider = "openai", .model = "m", .top_p = 1, .max_tokens = 64};

static char *asked(const struct sg_task *t, const struct sg_row *row, int guided, int *max_tokens)
{
    struct sg_contamination_probe *p = NULL;
    struct sg_request q = {0};
    OK(sg_contamination_probe_create(
        &(struct sg_contamination_spec){.task = t, .generator = &generator, .max_tokens = 99}, &p, &err));
    assert_int_equal(strlen(sg_contamination_probe_id(p)), 64);
    OK(sg_contamination_request(p, 3, row, guided, &q, &err));
    json_t *o = json_loads(q.canonical, 0, NULL), *messages = json_object_get(o, "messages");
    assert_int_equal(json_array_size(messages), 1);
    char *text = sg_strdup(json_string_value(json_object_get(json_array_get(messages, 0), "content")));
    assert_true(json_number_value(json_object_get(o, "temperature")) == 0);
    if (max_tokens)
        *max_tokens = (int)json_integer_value(json_object_get(o, "max_tokens"));
    json_decref(o);
    sg_free(q.canonical);
    sg_contamination_probe_destroy(p);
    return text;
}

static void asks(void **state)
{
    (void)state;
    struct sg_task mood = mood_task(), quiz = quiz_task();
    int max_tokens = 0;
    mood.contamination.data_set = TEXT("Moods {2}");
    char *guided = asked(&mood, &film_row, 1, &max_tokens), *general = asked(&mood, &film_row, 0, NULL);
    assert_int_equal(max_tokens, 99);
    assert_non_null(strstr(guided, "row of the test split of the data set Moods {2}."));
    static const char given[] =
        "Label: bad\nFirst part: It is a film of so very many closed doors, and behind\nSecond part:";
    if (!strstr(guided, given) || !strstr(general, given))
        fail_msg("no '%s' in: %s, %s", given, guided, general);
    assert_null(strstr(general, "data set"));
    assert_null(strstr(general, "Moods"));
    assert_null(strstr(guided, "every")); /* nothing of what is to be remembered */
    sg_free(guided);
    sg_free(general);
    quiz.hf_id = TEXT("google/boolq");
    quiz.contamination.split = TEXT("validation");
    guided = asked(&quiz, &quiz_row, 1, NULL);
    assert_non_null(strstr(guided, "validation split of the data set google/boolq."));
    assert_non_null(
        strstr(guided, "Label: true\nPassage: Eels -- They live in water with little oxygen.\nQuestion:"));
    assert_null(strstr(guided, "do the eels"));
    sg_free(guided);
    quiz.contamination.guided = TEXT("{label} {part} {data_set} {split} {{}}");
    guided = asked(&quiz, &quiz_row, 1, NULL);
    assert_string_equal(guided,
                        "true Eels -- They live in water with little oxygen. google/boolq validation {}");
    sg_free(guided);
    assert_string_equal(sg_contamination_data_set(&(struct sg_task){.name = TEXT("n")}), "n");
}

static void ids(void **state)
{
    (void)state;
    char first[SG_HEX] = "";
    for (int k = 0; k < 6; k++) {
        struct sg_task t = mood_task();
        struct sg_generator g = generator;
        struct sg_contamination_probe *p = NULL;
        t.contamination.data_set = k == 1 ? TEXT("x") : NULL;
        t.contamination.split = k == 2 ? TEXT("x") : NULL;
        t.contamination.general = k == 3 ? TEXT("x {part}") : NULL;
        g.model = k == 4 ? "other" : g.model;
        OK(sg_contamination_probe_create(
            &(struct sg_contamination_spec){.task = &t, .generator = &g, .max_tokens = k == 5 ? 98 : 99}, &p,
            &err));
        if (k)
            assert_string_not_equal(sg_contamination_probe_id(p), first);
        else
            memcpy(first, sg_contamination_probe_id(p), SG_HEX);
        sg_contamination_probe_destroy(p);
    }
}

static void rows_that_fit(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second;
        int fits;
    } rows[] = {
        {film, NULL, 1},
        {"a great film", NULL, 0},
        {"aa bb cc dd ee ff gg hh ii jj", NULL, 1},
        {"aa bb cc dd ee ff gg hh ii", NULL, 0},
        {"", NULL, 0},
        {"is it so, is it", "It is said in many books that it is.", 1},
        {"is it so", "It is said in many books that it is.", 0},
        {"\xe6\x98\xa5\xe5\xa4\xa9\xe5\xbe\x88\xe5\xa5\xbd\xe6\x98\xa5\xe5\xa4\xa9\xe5\xbe\x88\xe5\xa5\xbd"
         "\xe6\x98\xa5\xe5\xa4\xa9\xe5\xbe\x88\xe5\xa5\xbd",
         NULL, 1}};
    for (int i = 0; i < N_OF(rows); i++) {
        struct sg_task t = rows[i].second ? quiz_task() : mood_task();
        struct sg_row row = {.first = TEXT(rows[i].first), .second = TEXT(rows[i].second)};
        int fits = -1;
        OK(sg_contamination_fits(&t, &row, &fits, &err));
        if (fits != rows[i].fits)
            fail_msg("row %d: %d", i, fits);
    }
}

/* ---- replies ---- */

static void replies(void **state)
{
    (void)state;
    static const struct {
        int quiz;
        const char *text, *finish;
        enum sg_contamination_outcome outcome;
        enum sg_contamination_match match;
        double least, most; /* ROUGE-L */
    } rows[] = {
        {0, "every one of them somebody is waiting to explain.", "stop", SG_REPLY_TEXT, SG_MATCH_EXACT, 1, 1},
        {0, "  EVERY one of them, somebody is waiting to explain", NULL, SG_REPLY_TEXT, SG_MATCH_EXACT, 1, 1},
        {0, "**Second part:** every one of them somebody is waiting to explain.", "stop", SG_REPLY_TEXT,
         SG_MATCH_EXACT, 1, 1},
        {0,
         "It is a film of so very many closed doors, and behind every one of them somebody is waiting to "
         "explain.",
         "stop", SG_REPLY_TEXT, SG_MATCH_EXACT, 1, 1},
        {0,
         "First part: It is a film of so very many closed doors, and behind\nSecond part: every one of them "
         "somebody is waiting to explain.",
         "stop", SG_REPLY_TEXT, SG_MATCH_EXACT, 1, 1},
        {0, "<think>What was it?</think>every one of them somebody is waiting to explain.", "stop",
         SG_REPLY_TEXT, SG_MATCH_EXACT, 1, 1},
        {0, "each one of them somebody is waiting to explain.", "stop", SG_REPLY_TEXT, SG_MATCH_NEAR, 0.88,
         0.9},
        {0, "each one of us somebody was about to explain.", "stop", SG_REPLY_TEXT, SG_MATCH_NONE, 0.4, 0.6},
        {0, "there is nothing at all", "stop", SG_REPLY_TEXT, SG_MATCH_NONE, 0, 0.2},
        {0, "It is a film of so very many closed doors, and behind", "stop", SG_REPLY_TEXT, SG_MATCH_NONE, 0,
         0.2},
        {0, "I'm sorry, but I cannot reproduce rows of that data set.", "stop", SG_REPLY_REFUSED,
         SG_MATCH_NONE, 0, 0},
        {0, "I don\xe2\x80\x99t have access to the SST-2 dataset, so I can't say.", "stop", SG_REPLY_REFUSED,
         SG_MATCH_NONE, 0, 0},
        {0, "I don't know why every one of them is there.", "stop", SG_REPLY_TEXT, SG_MATCH_NONE, 0.1, 0.9},
        {0, NULL, "content_filter", SG_REPLY_REFUSED, SG_MATCH_NONE, 0, 0},
        {0, NULL, "stop", SG_REPLY_EMPTY, SG_MATCH_NONE, 0, 0},
        {0, " \n", NULL, SG_REPLY_EMPTY, SG_MATCH_NONE, 0, 0},
        {0, "\xff\xfe", NULL, SG_REPLY_EMPTY, SG_MATCH_NONE, 0, 0},
        {0, "<think>hm, every one of them somebody", "length", SG_REPLY_REASONING, SG_MATCH_NONE, 0, 0},
        {0, "...", "stop", SG_REPLY_TEXT, SG_MATCH_NONE, 0, 0},
        {1, "Question: Do the eels of the Amazon need air?", "stop", SG_REPLY_TEXT, SG_MATCH_EXACT, 1, 1},
        {1,
         "Passage: Eels -- They live in water with little oxygen.\nQuestion: do the eels of the amazon need "
         "air",
         "stop", SG_REPLY_TEXT, SG_MATCH_EXACT, 1, 1},
        {1, "They live in water with little oxygen.", "stop", SG_REPLY_TEXT, SG_MATCH_NONE, 0, 0.2},
    };
    for (int i = 0; i < N_OF(rows); i++) {
        struct sg_task t = rows[i].quiz ? quiz_task() : mood_task();
        struct sg_contamination_reply r;
        OK(sg_contamination_read(&t, rows[i].quiz ? &quiz_row : &film_row, rows[i].text, rows[i].finish, &r,
                                 &err));
        if (r.outcome != rows[i].outcome || r.match != rows[i].match || !(r.rouge_l >= rows[i].least) ||
            !(r.rouge_l <= rows[i].most))
            fail_msg("reply %d: \"%s\" \"%s\" %g", i, sg_contamination_outcome_name(r.outcome),
                     sg_contamination_match_name(r.match), r.rouge_l);
    }
}

/* ---- what it says ---- */

static void verdicts(void **state)
{
    (void)state;
    struct sg_contamination_pair row[40];
    struct sg_contamination c;
    for (int i = 0; i < 40; i++)
        row[i] = (struct sg_contamination_pair){.guided = 0.3, .general = 0.2};
    static const struct {
        int64_t n;
        enum sg_contamination_verdict v;
    } by_number[] = {{0, SG_SEEN_TOO_FEW},
                     {6, SG_SEEN_TOO_FEW},
                     {7, SG_SEEN_LIKELY},
                     {20, SG_SEEN_LIKELY},
                     {40, SG_SEEN_LIKELY}};
    for (int i = 0; i < N_OF(by_number); i++) {
        OK(sg_contamination_decide(row, by_number[i].n, &c, &err));
        if (c.verdict != by_number[i].v || c.n != by_number[i].n)
            fail_msg("%lld rows: %s, p %g", (long long)by_number[i].n,
                     sg_contamination_verdict_name(c.verdict), c.p);
    }
    assert_true(fabs(c.difference - 0.1) < 1e-12 && fabs(c.guided - 0.3) < 1e-12);
    row[0].is_near = 1;
    OK(sg_contamination_decide(row, 6, &c, &err));
    assert_int_equal(c.verdict, SG_SEEN_TOO_FEW);
    row[1].is_near = 1;
    OK(sg_contamination_decide(row, 6, &c, &err));
    assert_int_equal(c.verdict, SG_SEEN_LIKELY);
    row[0].is_near = row[1].is_near = 0;
    row[5].is_exact = 1;
    OK(sg_contamination_decide(row, 6, &c, &err));
    assert_int_equal(c.verdict, SG_SEEN_LIKELY);
    row[5].is_exact = 0;
    for (int i = 0; i < 40; i++)
        row[i].guided = row[i].general;
    OK(sg_contamination_decide(row, 40, &c, &err));
    assert_true(c.verdict == SG_SEEN_NO_SIGN && c.p == 1);
    /* One side alone is no pair, but a match is a match. */
    for (int i = 0; i < 10; i++)
        row[i] = (struct sg_contamination_pair){.guided = i < 4 ? 0.9 : (double)NAN, .general = 0.1};
    OK(sg_contamination_decide(row, 10, &c, &err));
    assert_true(c.verdict == SG_SEEN_TOO_FEW && c.n == 4 && fabs(c.p - 1.0 / 16) < 1e-12);
    row[0].general = NAN;
    row[0].is_exact = 1;
    OK(sg_contamination_decide(row, 10, &c, &err));
    assert_true(c.verdict == SG_SEEN_LIKELY && c.n == 3);
}

static const char *const words[] = {"a",     "the",   "film",  "of",   "quiet", "doors", "and",  "long",
                                    "rooms", "where", "one",   "man",  "waits", "for",   "rain", "while",
                                    "every", "other", "plot",  "goes", "home",  "with",  "some", "charm",
                                    "but",   "no",    "hurry", "at",   "all",   "then"};

static void write_words(struct sg_rng *r, int n, char *out, size_t size)
{
    size_t at = 0;
    for (int i = 0; i < n; i++)
        at +=
            (size_t)snprintf(out + at, size - at, "%s%s", i ? " " : "", words[sg_rng_below(r, N_OF(words))]);
}

/* A reply of an LLM that has the row by heart but for some words, or that writes as it likes. */
static void reply_of(struct sg_rng *r, const char *rest, double knows, char *out, size_t size)
{
    char copy[400], *save = NULL;
    if (knows <= 0) {
        write_words(r, 8 + (int)sg_rng_below(r, 8), out, size);
        return;
    }
    snprintf(copy, sizeof copy, "%s", rest);
    size_t at = 0;
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
        at += (size_t)snprintf(out + at, size - at, "%s%s", at ? " " : "",
                               sg_rng_uniform(r) < knows ? w : words[sg_rng_below(r, N_OF(words))]);
}

/* Ten rows; the LLM knows this much of each when the data set is named. */
static struct sg_contamination probed(uint64_t seed, double knows)
{
    struct sg_task t = mood_task();
    struct sg_contamination_pair pair[10];
    struct sg_contamination c;
    struct sg_rng r = sg_rng_make(2308, seed);
    for (int i = 0; i < 10; i++) {
        char text[600], reply[600];
        struct sg_contamination_reply got[2];
        write_words(&r, 16 + (int)sg_rng_below(&r, 12), text, sizeof text);
        struct sg_row row = {.first = text, .label = TEXT("bad")};
        char *request = asked(&t, &row, 1, NULL), *given = strstr(request, "First part: ");
        assert_non_null(given);
        size_t n_given = strcspn(given + 12, "\n");
        for (int guided = 0; guided < 2; guided++) {
            reply_of(&r, text + n_given, guided ? knows : 0, reply, sizeof reply);
            OK(sg_contamination_read(&t, &row, reply, "stop", &got[guided], &err));
        }
        sg_free(request);
        pair[i] = (struct sg_contamination_pair){
            got[1].rouge_l, got[0].rouge_l, got[1].match == SG_MATCH_NEAR, got[1].match == SG_MATCH_EXACT};
    }
    OK(sg_contamination_decide(pair, 10, &c, &err));
    return c;
}

static void twenty_of_twenty(void **state)
{
    (void)state;
    int n_by_heart = 0, n_roughly = 0, n_not = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        n_by_heart += probed(seed, 1).verdict == SG_SEEN_LIKELY;
        n_roughly += probed(100 + seed, 0.6).verdict == SG_SEEN_LIKELY;
        n_not += probed(200 + seed, 0).verdict == SG_SEEN_NO_SIGN;
    }
    assert_int_equal(n_by_heart, 20);
    assert_int_equal(n_roughly, 20);
    assert_int_equal(n_not, 20);
}

/* What has seen nothing is called so at most as often as the test says. */
static void false_alarms(void **state)
{
    (void)state;
    int n = 0;
    for (uint64_t seed = 0; seed < 400; seed++)
        n += probed(1000 + seed, 0).verdict == SG_SEEN_LIKELY;
    if (n > 11) /* 1 in 100, and what a binomial of 400 reaches in 1 of 1,000 */
        fail_msg("%d of 400", n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_others_have_it),
                                       cmocka_unit_test(other_texts),
                                       cmocka_unit_test(asks),
                                       cmocka_unit_test(ids),
                                       cmocka_unit_test(rows_that_fit),
                                       cmocka_unit_test(replies),
                                       cmocka_unit_test(verdicts),
                                       cmocka_unit_test(twenty_of_twenty),
                                       cmocka_unit_test(false_alarms)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
