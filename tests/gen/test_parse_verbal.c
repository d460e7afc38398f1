#include "fixture.h"

#include "gen/pool/parse_many.h"
#include "gen/pool/parse_verbal.h"

#include <math.h>

enum { MOST = 4 };
#define UNKNOWN (-1.0)

/* The value as it is written, never normalised; what is none is not known. */
static void numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double p;
    } cases[] = {
        {"0.12", 0.12},
        {".12", 0.12},
        {"12%", 0.12},
        {"12 %", 0.12},
        {"0,12", 0.12},
        {"1e-3", 0.001},
        {"**0.3**", 0.3},
        {"~0.05", 0.05},
        {"≈ 5 percent", 0.05},
        {"\"0.4\"", 0.4},
        {"0", 0},
        {"1.0", 1},
        {"100%", 1},
        {"0.35 (likely)", 0.35},
        {"12\\%", 0.12},
        {"7", UNKNOWN},
        {"high", UNKNOWN},
        {"-0.1", UNKNOWN},
        {"<0.1", UNKNOWN},
        {"0.1-0.2", UNKNOWN},
        {"1/5", UNKNOWN},
        {"0.1 to 0.2", UNKNOWN},
        {"120%", UNKNOWN},
        {"", UNKNOWN},
        {"NaN", UNKNOWN},
        {"0.12.3", 0.12},
        {"0.2, likely", 0.2},
        {"0.5 - a film", 0.5},
        {"12 to", UNKNOWN},
        {"1e400", UNKNOWN},
        {"0.1234567890123456789012345678e-5", UNKNOWN},
        {"0.12345678901234567890", 0.12345678901234567890},
    };
    for (int i = 0; i < N_OF(cases); i++) {
        double p = sg_probability_read(cases[i].text, NULL);
        if (cases[i].p < 0 ? !isnan(p) : p != cases[i].p)
            fail_msg("%s: %g", cases[i].text, p);
    }
}

/* Off an item, with all that belongs to it. */
static void items(void **state)
{
    (void)state;
    static const struct {
        const char *item, *left;
        double p;
    } cases[] = {
        {"A dull film. (0.12)", "A dull film.", 0.12},
        {"A dull film. (12%)", "A dull film.", 0.12},
        {"A dull film. [0.12].", "A dull film.", 0.12},
        {"A dull film. - 0.12", "A dull film.", 0.12},
        {"A dull film. — **0.12**", "A dull film.", 0.12},
        {"A dull film. | 0.12", "A dull film.", 0.12},
        {"A dull film.\n0.12", "A dull film.", 0.12},
        {"A dull film. (probability: 0.12)", "A dull film.", 0.12},
        {"A dull film. (p = 0.12)", "A dull film.", 0.12},
        {"A dull film. [Prob.: 12%]", "A dull film.", 0.12},
        {"A dull film. Probability: 5%", "A dull film.", 0.05},
        {"A dull film. - Probability: 0.12.", "A dull film.", 0.12},
        {"A dull film.\n   - **Probability:** 0.12", "A dull film.", 0.12},
        {"A dull film.\n* Likelihood: 0.12 (quite likely)\n", "A dull film.", 0.12},
        {"\"A dull film.\"\nprobability = 0.12", "\"A dull film.\"", 0.12},
        {"A dull film (probability 0.1) that drags.", "A dull film that drags.", 0.1},
        {"(0.12) A dull film.", "A dull film.", 0.12},
        {"**[0.12]** A dull film.", "A dull film.", 0.12},
        {"0.12: A dull film.", "A dull film.", 0.12},
        {"12% - A dull film.", "A dull film.", 0.12},
        {"[Probability: 0.12] A dull film.", "A dull film.", 0.12},
        {"Probability: 0.12\nText: A dull film.", "Text: A dull film.", 0.12},
        {"A dull film.\nProbability: high", "A dull film.", UNKNOWN},
        {"A dull film. Probability: <0.1", "A dull film.", UNKNOWN},
        {"A dull film. (probability: 7)", "A dull film.", UNKNOWN},
        /* texts' own */
        {"A dull film of 2014.", "A dull film of 2014.", UNKNOWN},
        {"A dull film (2014)", "A dull film (2014)", UNKNOWN},
        {"I give it 9.5", "I give it 9.5", UNKNOWN},
        {"I give it 0.5", "I give it 0.5", UNKNOWN},
        {"In all probability a dull film.", "In all probability a dull film.", UNKNOWN},
        {"The probability: so small that nobody laughed at all.",
         "The probability: so small that nobody laughed at all.", UNKNOWN},
        {"Stop: a film", "Stop: a film", UNKNOWN},
        {"", "", UNKNOWN},
    };
    for (int i = 0; i < N_OF(cases); i++) {
        char item[200];
        snprintf(item, sizeof item, "%s", cases[i].item);
        double p = sg_probability_take(item);
        const char *left = item + strspn(item, " \n");
        size_t n = strlen(left);
        while (n && strchr(" \n", left[n - 1]))
            n--;
        if (cases[i].p < 0 ? !isnan(p) : p != cases[i].p)
            fail_msg("%s: %g", cases[i].item, p);
        if (strlen(cases[i].left) != n || strncmp(left, cases[i].left, n) != 0)
            fail_msg("%s: <%s> is left", cases[i].item, item);
    }
}

struct expected {
    const char *text, *finish;
    int64_t n;
    struct {
        const char *first, *second; /* first NULL: rejected */
        double p;
    } of[MOST];
};

static void check(const struct sg_task *t, const struct expected *e, int n_cases, int label)
{
    for (int i = 0; i < n_cases; i++) {
        struct sg_candidate c[MOST];
        int64_t n = 0;
        struct sg_err err;
        size_t before = sg_mem_now();
        assert_int_equal(sg_parse_examples(t, e[i].text, e[i].finish ? e[i].finish : "stop",
                                           (struct sg_wanted){.n = MOST, .probability = 1, .label = label}, c,
                                           &n, &err),
                         SG_OK);
        if (n != e[i].n)
            fail_msg("case %d: %d examples, the first %s, in\n%s", i, (int)n,
                     c[0].x.first ? c[0].x.first : "none", e[i].text);
        for (int64_t k = 0; k < n; k++) {
            const char *first = e[i].of[k].first, *second = e[i].of[k].second;
            double p = e[i].of[k].p;
            if (!first != !c[k].x.first || (first && strcmp(first, c[k].x.first) != 0) ||
                (second && strcmp(second, c[k].x.second) != 0))
                fail_msg("case %d, %d: %s (%s)", i, (int)k, c[k].x.first ? c[k].x.first : "none",
                         sg_reject_name(c[k].reason));
            if (first && (p < 0 ? !isnan(c[k].probability) : p != c[k].probability))
                fail_msg("case %d, %d: %g", i, (int)k, c[k].probability);
            if (label && first)
                assert_int_equal(c[k].class_, k % 2);
            sg_parsed_free(&c[k].x);
        }
        assert_int_equal(sg_mem_now(), before);
    }
}

#define A "A dull film."
#define B "A loud film."
#define BOTH                                                                                                 \
    {                                                                                                        \
        {A, NULL, 0.3},                                                                                      \
        {                                                                                                    \
            B, NULL, 0.12                                                                                    \
        }                                                                                                    \
    }

static void shapes(void **state)
{
    (void)state;
    const struct sg_task t = mood_task();
    static const struct expected cases[] = {
        /* the paper's tags, and what becomes of them */
        {"<response>\n<text>" A "</text>\n<probability>0.3</probability>\n</response>\n"
         "<response>\n<text>" B "</text>\n<probability>0.12</probability>\n</response>",
         NULL, 2, BOTH},
        {"Sure!\n<response><text>" A "</text><probability>30%</probability></response><response><text>\n" B
         "\n</text><probability>0.12</probability>",
         NULL, 2, BOTH},
        {"<response>\n<text>" A "\n<probability>0.3\n</response>\n<response>\n<text>" B "\n<probability>0.12",
         NULL, 2, BOTH},
        {"<text>" A "</text> <probability>0.3</probability>\n<text>" B
         "</text> <probability>0.12</probability>",
         NULL, 2, BOTH},
        {"<response>" A " <probability>0.3</probability></response>\n<response>" B
         " <probability>0.12</probability></response>",
         NULL, 2, BOTH},
        {"<response><probability>0.3</probability><text>" A
         "</text></response><response><probability>0.12</probability><text>" B "</text></response>",
         NULL, 2, BOTH},
        {"<response probability=\"0.3\"><text>" A
         "</text></response>\n<response probability=\"0.12\"><text>" B "</text></response>",
         NULL, 2, BOTH},
        {"<text>" A "</text>\nProbability: 0.3\n<text>" B "</text>\nProbability: 0.12", NULL, 2, BOTH},
        {"<answer><text>" A "</text><probability>0.3</probability></answer><answer><text>" B
         "</text><probability>0.12</probability></answer>",
         NULL, 2, BOTH},
        {"<think>Two of them.</think>\n<response><text>" A
         "</text><probability>0.3</probability></response>\n"
         "<response><text>" B "</text><probability>0.12</probability></response>",
         NULL, 2, BOTH},
        {"<response><text>" A "</text><probability>0.3</probability></response>\n<response><text>A loud",
         "length",
         1,
         {{A, NULL, 0.3}}},
        {"<response><text>" A "</text></response>\n<response><text>" B
         "</text><probability>likely</probability></response>",
         NULL,
         2,
         {{A, NULL, UNKNOWN}, {B, NULL, UNKNOWN}}},
        /* JSON, whole, repaired, cut */
        {"{\"responses\": [{\"text\": \"" A "\", \"probability\": 0.3}, {\"text\": \"" B
         "\", \"probability\": 0.12}]}",
         NULL, 2, BOTH},
        {"Here you are:\n```json\n[{\"text\": \"" A "\", \"probability\": \"0.3\"},\n {\"text\": \"" B
         "\", \"probability\": \"12%\"}]\n```",
         NULL, 2, BOTH},
        {"[{'text': '" A "', 'probability': 0.3,}, {'text': '" B "', 'probability': 0.12}]", NULL, 2, BOTH},
        {"{\"text\": \"" A "\", \"probability\": 0.3}\n{\"text\": \"" B "\", \"probability\": 0.12}", NULL, 2,
         BOTH},
        {"{\"examples\": [{\"Review\": \"" A "\", \"Probability\": 0.3}, {\"Review\": \"" B
         "\", \"Probability\": 0.12}]}",
         NULL, 2, BOTH},
        {"{\"responses\": [{\"text\": \"" A "\", \"probability\": 0.3}, {\"text\": \"" B
         "\", \"probability\": 0.12}, {\"text\": \"A lo",
         "length", 2, BOTH},
        {"{\"responses\": [{\"text\": \"" A "\", \"probability\": 0.3}, {\"text\": \"" B
         "\", \"probability\": 0.12}, {\"text\": nothing}]}",
         NULL, 2, BOTH},
        {"[{\"text\": \"" A "\", \"probability\": 30}, {\"text\": \"" B "\"}]",
         NULL,
         2,
         {{A, NULL, UNKNOWN}, {B, NULL, UNKNOWN}}},
        /* lists */
        {"1. " A " (0.3)\n2. " B " (0.12)", NULL, 2, BOTH},
        {"1. " A " (probability: 30%)\n2. " B " (probability: 12%)", NULL, 2, BOTH},
        {"1. " A "\n   Probability: 0.3\n\n2. " B "\n   Probability: 0.12", NULL, 2, BOTH},
        {"1. (0.3) " A "\n2. (0.12) " B, NULL, 2, BOTH},
        {"1. **Text:** " A "\n   **Probability:** 0.3\n2. **Text:** " B "\n   **Probability:** 0.12", NULL, 2,
         BOTH},
        {"**Response 1** (probability: 0.3)\n" A "\n\n**Response 2** (probability: 0.12)\n" B, NULL, 2, BOTH},
        {"Response 1: " A "\nProbability: 0.3\nResponse 2: " B "\nProbability: 0.12", NULL, 2, BOTH},
        {"Review 1 (0.3): " A "\nReview 2 (0.12): " B, NULL, 2, BOTH},
        {"### Response 1\nProbability: 0.3\nText: " A "\n\n### Response 2\nProbability: 0.12\nText: " B, NULL,
         2, BOTH},
        {"- " A " - 0.3\n- " B " - 0.12", NULL, 2, BOTH},
        {"Here are two reviews:\n\n" A "\nProbability: 0.3\n\n" B "\nProbability: 0.12", NULL, 2, BOTH},
        {"Sure.\n\nProbability: 0.3\n" A "\n\nProbability: 0.12\n" B, NULL, 2, BOTH},
        {"- " A "\n- Probability: 0.3\n- " B "\n- Probability: 0.12", NULL, 2, BOTH},
        {"| Text | Probability |\n|---|---|\n| " A " | 0.3 |\n| " B " | 0.12 |", NULL, 2, BOTH},
        {"text,probability\n\"" A "\",0.3\n\"" B "\",0.12", NULL, 2, BOTH},
        {"1. " A " (0.3)\n2. " B " (0.1", "length", 2, {{A, NULL, 0.3}, {NULL, NULL, 0}}},
        /* one text; nothing */
        {A " (0.3)", NULL, 1, {{A, NULL, 0.3}}},
        {A, NULL, 1, {{A, NULL, UNKNOWN}}},
        {"<probability>0.3</probability>", NULL, 1, {{NULL, NULL, 0}}},
        {"<text></text><probability>0.3</probability>", NULL, 1, {{NULL, NULL, 0}}},
        {"<response>", NULL, 1, {{NULL, NULL, 0}}},
        {"1. (0.3)\n2. " B " (0.12)", NULL, 2, {{NULL, NULL, 0}, {B, NULL, 0.12}}},
    };
    check(&t, cases, N_OF(cases), 0);
}

#define P1  "Owls fly at night."
#define Q1  "Do owls fly at noon?"
#define P2  "Cats see well."
#define Q2  "Do cats see?"
#define ONE "Passage: " P1 "\nQuestion: " Q1
#define TWO "Passage: " P2 "\nQuestion: " Q2
#define PAIR                                                                                                 \
    {                                                                                                        \
        {Q1, P1, 0.3},                                                                                       \
        {                                                                                                    \
            Q2, P2, 0.12                                                                                     \
        }                                                                                                    \
    }

static void pairs(void **state)
{
    (void)state;
    const struct sg_task t = quiz_task();
    static const struct expected cases[] = {
        {"<response>\n<text>\n" ONE
         "\n</text>\n<probability>0.3</probability>\n</response>\n<response>\n<text>\n" TWO
         "\n</text>\n<probability>0.12</probability>\n</response>",
         NULL, 2, PAIR},
        {"<response>\n" ONE "\n<probability>0.3</probability>\n</response>\n<response>\n" TWO
         "\n<probability>0.12</probability>\n</response>",
         NULL, 2, PAIR},
        {"<response><passage>" P1 "</passage><question>" Q1
         "</question><probability>0.3</probability></response>\n"
         "<response><passage>" P2 "</passage><question>" Q2
         "</question><probability>0.12</probability></response>",
         NULL, 2, PAIR},
        {"[{\"passage\": \"" P1 "\", \"question\": \"" Q1 "\", \"probability\": 0.3},"
         " {\"passage\": \"" P2 "\", \"question\": \"" Q2 "\", \"probability\": 0.12}]",
         NULL, 2, PAIR},
        {"[{\"text\": \"Passage: " P1 "\\nQuestion: " Q1 "\", \"probability\": 0.3},"
         " {\"text\": \"Passage: " P2 "\\nQuestion: " Q2 "\", \"probability\": 0.12}]",
         NULL, 2, PAIR},
        {"1. " ONE "\nProbability: 0.3\n\n2. " TWO "\nProbability: 0.12", NULL, 2, PAIR},
        {"1. " ONE " (0.3)\n\n2. " TWO " (12%)", NULL, 2, PAIR},
        {ONE "\nProbability: 0.3\n\n" TWO "\nProbability: 0.12", NULL, 2, PAIR},
        {"Response 1 (0.3):\n" ONE "\n\nResponse 2 (0.12):\n" TWO, NULL, 2, PAIR},
        {"<text>" P1 "</text><probability>0.3</probability>", NULL, 1, {{NULL, NULL, 0}}},
    };
    check(&t, cases, N_OF(cases), 0);
}

/* The LLM chooses the class, too: wherever the label and the probability stand. */
static void labels(void **state)
{
    (void)state;
    const struct sg_task t = mood_task();
    static const struct expected cases[] = {
        {"<response><text>" A "\nLabel: negative</text><probability>0.3</probability></response>\n"
         "<response><text>" B "\nLabel: positive</text><probability>0.12</probability></response>",
         NULL, 2, BOTH},
        {"[{\"text\": \"" A "\", \"label\": \"negative\", \"probability\": 0.3}, {\"text\": \"" B
         "\", \"label\": \"positive\", \"probability\": 0.12}]",
         NULL, 2, BOTH},
        {"[{\"text\": \"" A "\\nLabel: negative\", \"probability\": 0.3}, {\"text\": \"" B
         "\\nLabel: positive\", \"probability\": 0.12}]",
         NULL, 2, BOTH},
        {"1. " A "\nLabel: negative\nProbability: 0.3\n2. " B "\nProbability: 0.12\nLabel: positive", NULL, 2,
         BOTH},
        {"1. " A "\nLabel: negative (0.3)\n2. " B "\nLabel: positive (12%)", NULL, 2, BOTH},
    };
    check(&t, cases, N_OF(cases), 1);
}

/* Where no probabilities were asked for nothing is taken for one. */
static void not_asked(void **state)
{
    (void)state;
    const struct sg_task t = mood_task();
    struct sg_candidate c[MOST];
    int64_t n;
    struct sg_err err;
    assert_int_equal(sg_parse_examples(&t, "1. A dull film - 0.12\n2. " B, "stop", (struct sg_wanted){.n = 2},
                                       c, &n, &err),
                     SG_OK);
    assert_int_equal(n, 2);
    assert_string_equal(c[0].x.first, "A dull film - 0.12");
    assert_true(isnan(c[0].probability) && isnan(c[1].probability));
    for (int i = 0; i < 2; i++)
        sg_parsed_free(&c[i].x);
    assert_int_equal(sg_parse_examples(&t, "{\"text\": \"" A "\", \"probability\": 0.3}", "stop",
                                       (struct sg_wanted){.n = 1}, c, &n, &err),
                     SG_OK);
    assert_true(n == 1 && isnan(c->probability));
    sg_parsed_free(&c->x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers), cmocka_unit_test(items),  cmocka_unit_test(shapes),
        cmocka_unit_test(pairs),   cmocka_unit_test(labels), cmocka_unit_test(not_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
