#include "fixture.h"

#include "base/buf.h"
#include "gen/pool/classify.h"

#include <jansson.h>

static struct sg_err err;

/* ---- answers ---- */

static struct sg_class star_class[] = {{TEXT("1 star"), TEXT("1 star (terrible)")},
                                       {TEXT("2 stars"), TEXT("2 stars (disappointing)")}};
static struct sg_class rte_class[] = {{TEXT("entailment"), TEXT("follows from the premise")},
                                      {TEXT("not_entailment"), TEXT("does not follow from the premise")}};
static struct sg_class nyt_class[] = {
    {TEXT("labor, employment and immigration"), TEXT("labor, employment and immigration")},
    {TEXT("health"), TEXT("health")}};

/* Names that are, or hold, what folding drops. */
static struct sg_class sign_class[] = {{TEXT("C++"), TEXT("C++")}, {TEXT("\U0001f600"), TEXT("\U0001f600")}};
static struct sg_class number_class[] = {{TEXT("1"), TEXT("1")}, {TEXT("2"), TEXT("2")}};
static struct sg_class minus_class[] = {{TEXT("-1"), TEXT("-1")}, {TEXT("1"), TEXT("1")}};

enum { MOOD, QUIZ, STAR, RTE, NYT, SIGN, NUMBER, MINUS };

static struct sg_task task_of(int which)
{
    struct sg_task t = which == QUIZ ? quiz_task() : mood_task();
    if (which >= STAR)
        t.class_ = which == STAR     ? star_class
                   : which == RTE    ? rte_class
                   : which == NYT    ? nyt_class
                   : which == SIGN   ? sign_class
                   : which == NUMBER ? number_class
                                     : minus_class;
    return t;
}

static void answers(void **state)
{
    (void)state;
    static const struct {
        int task;
        const char *text, *finish;
        enum sg_class_answer answer;
        int class_;
    } rows[] = {
        /* names and readable names, but for case, quotes, punctuation, Markdown, labels */
        {MOOD, "negative", "stop", SG_CLASS_ONE, 0},
        {MOOD, "bad", "stop", SG_CLASS_ONE, 0},
        {MOOD, "  POSITIVE.\n", "stop", SG_CLASS_ONE, 1},
        {MOOD, "**Positive**", NULL, SG_CLASS_ONE, 1},
        {MOOD, "\"positive\"", "stop", SG_CLASS_ONE, 1},
        {MOOD, "Label: positive", "stop", SG_CLASS_ONE, 1},
        {MOOD, "**Answer:** Negative!", "stop", SG_CLASS_ONE, 0},
        {MOOD, "The answer is negative.", "stop", SG_CLASS_ONE, 0},
        {MOOD, "2. positive", "stop", SG_CLASS_ONE, 1},
        {MOOD, "```\npositive\n```", "stop", SG_CLASS_ONE, 1},
        {MOOD, "{\"label\": \"positive\"}", "stop", SG_CLASS_ONE, 1},
        {MOOD, "<think>negative or positive?</think>positive", "stop", SG_CLASS_ONE, 1},
        {STAR, "1 star (terrible)", "stop", SG_CLASS_ONE, 0},
        {STAR, "2 Stars", "stop", SG_CLASS_ONE, 1},
        {STAR, "The rating: 2 stars", "stop", SG_CLASS_ONE, 1},
        {STAR, "2", "stop", SG_CLASS_NONE, -1},
        {NYT, "Labor, employment and immigration", "stop", SG_CLASS_ONE, 0},
        {NYT, "labor", "stop", SG_CLASS_NONE, -1},
        /* exactly first; what folding drops may make another name */
        {SIGN, "C++", "stop", SG_CLASS_ONE, 0},
        {SIGN, "Label: **c++**.", "stop", SG_CLASS_ONE, 0},
        {SIGN, "c", "stop", SG_CLASS_ONE, 0},
        {SIGN, "C#", "stop", SG_CLASS_NONE, -1},
        {SIGN, "It is C#, I think.", "stop", SG_CLASS_NONE, -1},
        {SIGN, " \U0001f600\n", "stop", SG_CLASS_ONE, 1},
        {SIGN, "**\U0001f600**", "stop", SG_CLASS_ONE, 1},
        {SIGN, "?!", "stop", SG_CLASS_NONE, -1},
        {NUMBER, "1", "stop", SG_CLASS_ONE, 0},
        {NUMBER, "-1", "stop", SG_CLASS_NONE, -1},
        {NUMBER, "The answer is -2.", "stop", SG_CLASS_NONE, -1},
        {NUMBER, "<2", "stop", SG_CLASS_NONE, -1},
        {MINUS, "-1", "stop", SG_CLASS_ONE, 0}, /* no task file can have these two */
        {MINUS, "**-1**", "stop", SG_CLASS_ONE, 0},
        {MINUS, "1", "stop", SG_CLASS_ONE, 1},
        /* the longer of two names that begin alike or hold each other */
        {RTE, "not_entailment", "stop", SG_CLASS_ONE, 1},
        {RTE, "entailment", "stop", SG_CLASS_ONE, 0},
        {RTE, "This is a case of not entailment, I think", "stop", SG_CLASS_ONE, 1},
        {RTE, "The hypothesis does not follow from the premise.", "stop", SG_CLASS_ONE, 1},
        {RTE, "The hypothesis follows from the premise.", "stop", SG_CLASS_ONE, 0},
        {RTE, "It does not follow", "length", SG_CLASS_NONE, -1},
        /* sentences */
        {MOOD, "The review is positive.", "stop", SG_CLASS_ONE, 1},
        {MOOD, "Positive. It is not a negative one.", "stop", SG_CLASS_ONE, 1},
        {MOOD, "I think that the writer was very negative about", "length", SG_CLASS_ONE, 0},
        {QUIZ, "No, it was built later.", "stop", SG_CLASS_ONE, 0},
        {QUIZ, "Yes, no doubt about it", "stop", SG_CLASS_ONE, 1},
        {QUIZ, "There is no reason given.", "stop", SG_CLASS_NONE, -1},
        {QUIZ, "The answer to that is no", "stop", SG_CLASS_ONE, 0},
        {QUIZ, "The answer is no because it is old", "stop", SG_CLASS_ONE, 0},
        {QUIZ, "true", "stop", SG_CLASS_ONE, 1},
        /* none, several, refusals */
        {MOOD, "negative; positive", "stop", SG_CLASS_SEVERAL, -1},
        {MOOD, "Positive. Negative.", "stop", SG_CLASS_SEVERAL, -1},
        {MOOD, "negative, positive", "stop", SG_CLASS_SEVERAL, -1},
        {MOOD, "It is both positive and negative", "stop", SG_CLASS_SEVERAL, -1},
        {MOOD, "It is not very positive", "stop", SG_CLASS_SEVERAL, -1},
        {MOOD, "It isn't positive", "stop", SG_CLASS_SEVERAL, -1},
        {MOOD, "There is no positive word in it", "stop", SG_CLASS_SEVERAL, -1},
        {MOOD, "non-positive", "stop", SG_CLASS_SEVERAL, -1},
        {MOOD, "far from negative", "stop", SG_CLASS_SEVERAL, -1},
        {MOOD, "Hardly positive, I would say", "stop", SG_CLASS_SEVERAL, -1},
        {MOOD, "the opposite of positive", "stop", SG_CLASS_SEVERAL, -1},
        {MOOD, "neutral", "stop", SG_CLASS_NONE, -1},
        {MOOD, "badly", "stop", SG_CLASS_NONE, -1},
        {MOOD, "positively", "stop", SG_CLASS_NONE, -1},
        {MOOD, "I'm sorry, but I can't say whether it is positive.", "stop", SG_CLASS_REFUSED, -1},
        {MOOD, "positive", "content_filter", SG_CLASS_REFUSED, -1},
        {MOOD, "", "stop", SG_CLASS_EMPTY, -1},
        {MOOD, "  \n", "stop", SG_CLASS_EMPTY, -1},
        {MOOD, NULL, "stop", SG_CLASS_EMPTY, -1},
        {MOOD, "<think>positive", "length", SG_CLASS_REASONING, -1},
        {MOOD, "posit\xff", "stop", SG_CLASS_NONE, -1},
        {MOOD, "Answer:", "stop", SG_CLASS_NONE, -1},
        {MOOD, "...", "stop", SG_CLASS_NONE, -1},
        {MOOD, "{\"label\": 3}", "stop", SG_CLASS_NONE, -1},
    };
    for (int i = 0; i < N_OF(rows); i++) {
        struct sg_task t = task_of(rows[i].task);
        enum sg_class_answer v;
        int class_;
        assert_int_equal(sg_classify_answer(&t, rows[i].text, rows[i].finish, &v, &class_, &err), SG_OK);
        if (v != rows[i].answer || class_ != rows[i].class_)
            fail_msg("%s: %s, class %d", rows[i].text, sg_class_answer_name(v), class_);
    }
}

/* What is long is read in linear time and then given up on. */
static void long_answers(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    enum sg_class_answer v;
    int class_;
    struct sg_buf b = sg_buf_make(1 << 22);
    for (int i = 0; i < 200000; i++)
        sg_buf_puts(&b, "positive ");
    assert_int_equal(sg_classify_answer(&t, sg_buf_text(&b), "stop", &v, &class_, &err), SG_OK);
    assert_int_equal(v, SG_CLASS_NONE);
    sg_buf_free(&b);
}

/* ---- questions ---- */

static struct sg_classifier *classifier(struct sg_classifier_spec *s)
{
    struct sg_classifier *c = NULL;
    if (sg_classifier_create(s, &c, &err) != SG_OK)
        fail_msg("%s", err.text);
    return c;
}

static const char *content(const json_t *o, size_t i)
{
    return json_string_value(json_object_get(json_array_get(json_object_get(o, "messages"), i), "content"));
}

static void questions(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_rows raw = some_rows(4);
    struct sg_row row = {.first = TEXT("It \"works\".")};
    for (int structured = 0; structured < 2; structured++)
        for (int shots = 0; shots <= 5; shots++) {
            struct sg_classifier_spec s = {.task = &t,
                                           .generator = &g,
                                           .raw = &raw,
                                           .n_shots = shots,
                                           .max_tokens = 8,
                                           .structured = structured};
            struct sg_classifier *c = classifier(&s);
            struct sg_request q = {0}, again = {0}, other = {0};
            assert_int_equal(sg_classifier_request(c, 7, &row, &q, &err), SG_OK);
            assert_int_equal(sg_classifier_request(c, 7, &row, &again, &err), SG_OK);
            assert_int_equal(sg_classifier_request(c, 8, &row, &other, &err), SG_OK);
            assert_string_equal(q.canonical, again.canonical);
            assert_string_not_equal(q.key, other.key);
            json_t *o = json_loads(q.canonical, 0, NULL);
            assert_int_equal(json_array_size(json_object_get(o, "messages")), 2 * shots + 1);
            assert_string_equal(content(o, 2 * (size_t)shots), "negative; positive? It \"works\".");
            assert_true(json_number_value(json_object_get(o, "temperature")) == 0);
            assert_int_equal(json_integer_value(json_object_get(o, "max_tokens")), structured ? 32 : 8);
            assert_int_equal(json_object_get(o, "response_format") != NULL, structured);
            if (shots) {
                const char *said = content(o, 1);
                assert_true(strcmp(said, structured ? "{\"label\":\"negative\"}" : "negative") == 0 ||
                            strcmp(said, structured ? "{\"label\":\"positive\"}" : "positive") == 0);
            }
            json_decref(o);
            sg_free(q.canonical);
            sg_free(again.canonical);
            sg_free(other.canonical);
            sg_classifier_destroy(c);
        }
    sg_rows_free(&raw);
}

/* As balanced as the shots allow, distinct, and another draw for each row and seed; a class that has too few rows gives its
 * places to the others. */
static void examples(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    struct sg_generator g = some_generator();
    struct sg_rows raw = some_rows(6), few = {0};
    int n_first_bad = 0, n_three = 0;
    struct sg_classifier_spec s = {.task = &t, .generator = &g, .raw = &raw, .n_shots = 5};
    struct sg_classifier *c = classifier(&s);
    for (int64_t i = 0; i < 200; i++) {
        int64_t shot[5], n_bad = 0;
        sg_classifier_shots(c, i, shot);
        for (int a = 0; a < 5; a++) {
            n_bad += strcmp(raw.row[shot[a]].label, "bad") == 0;
            for (int b = 0; b < a; b++)
                assert_int_not_equal(shot[a], shot[b]);
        }
        assert_true(n_bad == 2 || n_bad == 3);
        n_three += n_bad == 3;
        n_first_bad += strcmp(raw.row[shot[0]].label, "bad") == 0;
    }
    assert_in_range(n_three, 70, 130); /* a fair coin is within it but for 1 in 40,000 */
    assert_in_range(n_first_bad, 70, 130);
    s.seed = 1;
    struct sg_classifier *d = classifier(&s);
    int64_t x[5], y[5];
    sg_classifier_shots(c, 0, x);
    sg_classifier_shots(d, 0, y);
    assert_memory_not_equal(x, y, sizeof x);
    assert_string_not_equal(sg_classifier_id(c), sg_classifier_id(d));
    sg_classifier_destroy(c);
    sg_classifier_destroy(d);

    add_row(&few, "only one of these", NULL, "bad");
    for (int i = 0; i < 4; i++)
        add_row(&few, "many of those", NULL, "good");
    s.raw = &few;
    c = classifier(&s);
    sg_classifier_shots(c, 3, x);
    int seen = 0;
    for (int i = 0; i < 5; i++)
        seen |= 1 << x[i];
    assert_int_equal(seen, 31);
    sg_classifier_destroy(c);

    s.n_shots = 6;
    assert_int_equal(sg_classifier_create(&s, &c, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "hint"));
    t.prompt.classify = NULL;
    s.n_shots = 0;
    assert_int_equal(sg_classifier_create(&s, &c, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "classify"));
    sg_rows_free(&raw);
    sg_rows_free(&few);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(long_answers),
        cmocka_unit_test(questions),
        cmocka_unit_test(examples),
    };
    int bad = cmocka_run_group_tests(tests, NULL, NULL);
    return bad || sg_mem_now() ? 1 : 0;
}
