/* What stands around a text: JSON, tables, tags, fences, quotes, preambles, notes, labels (the table in wrapped.h), and several
 * texts and pairs in them. */
#include "fixture.h"
#include "wrapped.h"

#include "gen/pool/parse_many.h"
#include "gen/pool/records.h"

#define ONE "The film drags through two dull hours."
#define TWO "The lead actor drags every scene."

static int64_t parse(const struct sg_task *t, const char *text, const char *finish, struct sg_wanted w,
                     struct sg_candidate *out)
{
    struct sg_err err;
    int64_t n;
    assert_int_equal(sg_parse_examples(t, text, finish, w, out, &n, &err), SG_OK);
    return n;
}

/* The text with ONE for each '@'. */
static const char *filled(const char *text)
{
    static char out[2000];
    size_t n = 0;
    for (; *text && n + sizeof ONE < sizeof out; text++)
        n += (size_t)snprintf(out + n, sizeof out - n, *text == '@' ? "%s" : "%.1s",
                              *text == '@' ? ONE : text);
    out[n] = 0;
    return out;
}

static void single_texts(void **state)
{
    (void)state;
    const struct sg_task t = mood_task();
    for (int i = 0; i < N_OF(wrapped); i++) {
        const char *text = filled(wrapped[i].text);
        struct sg_candidate c;
        parse(&t, text, wrapped[i].finish ? wrapped[i].finish : "stop",
              (struct sg_wanted){.n = 1, .asked = wrapped[i].asked}, &c);
        if (wrapped[i].reason == ANY ? c.reason == SG_ACCEPTED : (int)c.reason != wrapped[i].reason)
            fail_msg("%s: %s", text, sg_reject_name(c.reason));
        if (c.reason == SG_ACCEPTED) {
            const char *first = wrapped[i].first[0] == '@' ? ONE : wrapped[i].first;
            if (strcmp(c.x.first, first) != 0)
                fail_msg("%s: \"%s\"", text, c.x.first);
        }
        sg_parsed_free(&c.x);
    }
}

static void several(void **state)
{
    (void)state;
    const struct sg_task t = mood_task();
    static const char *const text[] = {
        "[{\"text\": \"" ONE "\"}, {\"text\": \"" TWO "\"}]",
        "[\"" ONE "\", \"" TWO "\"]",
        "{\"reviews\": [\"" ONE "\", \"" TWO "\"]}",
        "{\"1\": \"" ONE "\", \"2\": \"" TWO "\"}",
        "{\"review_1\": \"" ONE "\", \"review_2\": \"" TWO "\"}",
        "{\"negative\": [\"" ONE "\", \"" TWO "\"]}",
        "{\"text\": \"" ONE "\"}\n{\"text\": \"" TWO "\"}",
        "{\"a\": {\"text\": \"" ONE "\"}, \"b\": {\"text\": \"" TWO "\"}}",
        "<review>" ONE "</review>\n<review>" TWO "</review>",
        "1. <review>" ONE "</review>\n2. <review>" TWO "</review>",
        "<list><example><text>" ONE "</text></example><example><text>" TWO "</text></example></list>",
        "| # | Review | Label |\n|---|---|---|\n| 1 | " ONE " | negative |\n| 2 | " TWO " | negative |",
        "- " ONE "\n- " TWO,
        "1. " ONE " (negative)\n2. \"" TWO "\" - negative",
        "Here are two:\n\n1\xe3\x80\x81" ONE "\n2\xe3\x80\x81" TWO "\n\nLet me know if you need more!",
        "Review 1: " ONE "\nReview 2: " TWO,
        "**Example 1:**\n" ONE "\n\n**Example 2:**\n" TWO,
    };
    for (int i = 0; i < N_OF(text); i++) {
        struct sg_candidate c[4];
        int64_t n = parse(&t, text[i], "stop", (struct sg_wanted){.n = 4, .asked = 1}, c);
        if (n != 2 || c[0].reason || c[1].reason)
            fail_msg("%s: %d, %s", text[i], (int)n, sg_reject_name(c[0].reason));
        assert_string_equal(c[0].x.first, ONE);
        assert_string_equal(c[1].x.first, TWO);
        sg_parsed_free(&c[0].x);
        sg_parsed_free(&c[1].x);
    }
}

static void pairs(void **state)
{
    (void)state;
    const struct sg_task t = quiz_task();
    static const struct {
        const char *text;
        enum sg_reject reason;
    } cases[] = {
        {"{\"passage\": \"Owls fly.\", \"question\": \"do owls fly?\"}", SG_ACCEPTED},
        {"```json\n{\"question\": \"do owls fly?\", \"passage\": \"Owls fly.\", \"answer\": \"yes\"}\n```",
         SG_ACCEPTED},
        {"{\"question\": \"do owls fly?\", \"passage\": \"Owls fly.\", \"answer\": false}",
         SG_REJECT_WRONG_LABEL},
        {"{\"question\": \"do owls fly?\", \"passage\": \"Owls fly.\", \"label\": false}",
         SG_REJECT_WRONG_LABEL},
        {"{\"question\": \"do owls fly?\", \"passage\": \"Owls fly.\", \"answer\": \"No.\"}",
         SG_REJECT_WRONG_LABEL},
        {"{\"text\": \"Owls fly.\", \"question\": \"do owls fly?\"}",
         SG_ACCEPTED}, /* one name tells the other */
        {"{\"a\": \"Owls fly.\", \"b\": \"do owls fly?\"}", SG_REJECT_UNPARSABLE},
        {"<passage>Owls fly.</passage>\n<question>do owls fly?</question>", SG_ACCEPTED},
        {"| Passage | Question | Answer |\n|---|---|---|\n| Owls fly. | do owls fly? | yes |", SG_ACCEPTED},
        {"Passage: Owls fly.\nQuestion: do owls fly?\nAnswer: yes", SG_ACCEPTED},
        {"Passage: Owls fly.\nQuestion: do owls fly? (yes)", SG_ACCEPTED},
        {"Passage: Owls fly.\nQuestion: do owls fly?\n\n**Answer:** No", SG_REJECT_WRONG_LABEL},
        {"Passage: Owls fly.\nQuestion: do owls fly? Answer: no", SG_REJECT_WRONG_LABEL},
        {"Passage\xef\xbc\x9a Owls fly.\nQuestion\xef\xbc\x9a do owls fly?", SG_ACCEPTED},
    };
    for (int i = 0; i < N_OF(cases); i++) {
        struct sg_candidate c;
        parse(&t, cases[i].text, "stop", (struct sg_wanted){.n = 1, .asked = 2}, &c);
        if (c.reason != cases[i].reason)
            fail_msg("%s: %s", cases[i].text, sg_reject_name(c.reason));
        if (c.reason == SG_ACCEPTED) {
            assert_string_equal(c.x.first, "do owls fly?");
            assert_string_equal(c.x.second, "Owls fly.");
        }
        sg_parsed_free(&c.x);
    }
}

/* The class that an LLM chose, where it does not say "Label:". */
static void chosen_labels(void **state)
{
    (void)state;
    const struct sg_task t = mood_task();
    static const struct {
        const char *text;
        int class_;
    } cases[] = {{"{\"review\": \"" ONE "\", \"sentiment\": \"Negative\"}", 0},
                 {"{\"positive\": \"" ONE "\"}", 1},
                 {ONE "\nSentiment: negative", 0},
                 {ONE " (positive)", 1},
                 {"<review label=\"positive\">" ONE "</review>", 1},
                 {"{\"review\": \"" ONE "\"}", -1},
                 {"{\"review\": \"" ONE "\", \"label\": \"dull\"}", -1}};
    for (int i = 0; i < N_OF(cases); i++) {
        struct sg_candidate c;
        parse(&t, cases[i].text, "stop", (struct sg_wanted){.n = 1, .label = 1}, &c);
        assert_int_equal(c.class_, cases[i].class_);
        assert_int_equal(c.reason == SG_ACCEPTED, cases[i].class_ >= 0);
        sg_parsed_free(&c.x);
    }
}

/* Much of what is looked for: an answer in linear time, or the test takes minutes. */
static void hostile(void **state)
{
    (void)state;
    const struct sg_task t = mood_task(), pair = quiz_task();
    static const char *const piece[] = {"{\"a\":",
                                        "[\"a\",",
                                        "| a | b |\n",
                                        "<a>",
                                        "<a></a>",
                                        "<review>",
                                        "'",
                                        "{'a': '",
                                        "a: \n",
                                        "</think>",
                                        "<answer>",
                                        "<|",
                                        "&lt;",
                                        "[/THINK]",
                                        "Review 1:\n",
                                        ": ",
                                        "\xe3\x80\x82",
                                        "\xe5\xad\x97",
                                        "(negative) ",
                                        "Label: ",
                                        "This review is ",
                                        "A. ",
                                        "{\"text\": \"a\"}\n",
                                        "Sure, here is a review: ",
                                        "\\\"",
                                        "_",
                                        "#negative "};
    enum { N = 90000 };
    char *text = sg_alloc(N + 100, 1);
    for (int i = 0; i < N_OF(piece); i++)
        for (int p = 0; p < 4; p++) {
            size_t n = p / 2 ? (size_t)sprintf(text, "A dull film. ") : 0;
            for (; n < N; n += strlen(piece[i]))
                memcpy(text + n, piece[i], strlen(piece[i]));
            text[n] = 0;
            struct sg_candidate c[50];
            int64_t m = parse(p % 2 ? &pair : &t, text, "stop",
                              (struct sg_wanted){.n = p < 2 ? 50 : 1, .asked = 1}, c);
            for (int64_t k = 0; k < m; k++)
                sg_parsed_free(&c[k].x);
        }
    sg_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(single_texts), cmocka_unit_test(several),
                                       cmocka_unit_test(pairs), cmocka_unit_test(chosen_labels),
                                       cmocka_unit_test(hostile)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
