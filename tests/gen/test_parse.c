#include "fixture.h"

#include "gen/pool/clean.h"
#include "gen/pool/declining.h"
#include "gen/pool/parse_many.h"

struct parse_case {
    const char *text, *finish; /* finish NULL: "stop" */
    enum sg_reject reason;
    const char *first, *second;
};

static struct sg_wanted one = {.n = 1};

static enum sg_reject parse(const struct sg_task *t, const char *text, const char *finish,
                            struct sg_parsed *x)
{
    struct sg_candidate c;
    struct sg_err err;
    int64_t n;
    assert_int_equal(sg_parse_examples(t, text, finish, one, &c, &n, &err), SG_OK);
    assert_int_equal(n, 1);
    *x = c.x;
    return c.reason;
}

static void check(const struct sg_task *t, const struct parse_case *c)
{
    struct sg_parsed x;
    enum sg_reject reason = parse(t, c->text, c->finish ? c->finish : "stop", &x);
    if (reason != c->reason)
        print_error("%s: %s, expected %s\n", c->text, sg_reject_name(reason), sg_reject_name(c->reason));
    assert_int_equal(reason, c->reason);
    if (reason == SG_ACCEPTED) {
        assert_string_equal(x.first, c->first);
        if (c->second)
            assert_string_equal(x.second, c->second);
        else
            assert_null(x.second);
    } else {
        assert_null(x.first);
        assert_null(x.second);
    }
    sg_parsed_free(&x);
}

static void single_texts(void **state)
{
    (void)state;
    static const struct parse_case cases[] = {
        {"A dull film.", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"  \n\n A dull film. \n\n", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"\"A dull film.\"", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"\"A dull film.", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"A dull film.\"", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"“A dull film.”", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"'A dull film.'", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"**\"A dull film.\"**", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"*A dull film.*", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"A *very* dull `film`.", NULL, SG_ACCEPTED, "A very dull film.", NULL},
        {"\"Jaws\" is not \"Up\"", NULL, SG_ACCEPTED, "\"Jaws\" is not \"Up\"", NULL},
        {"\"The film \"Jaws\" is dull.\"", NULL, SG_ACCEPTED, "The film \"Jaws\" is dull.", NULL},
        {"\"Jaws\" is a dull film.", NULL, SG_ACCEPTED, "\"Jaws\" is a dull film.", NULL},
        {"What a f**king mess, 2 * 3 times.", NULL, SG_ACCEPTED, "What a f**king mess, 2 * 3 times.", NULL},
        {"1. A dull film.\n2. A bright film.", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"- A dull film.\n- A bright film.", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"1) \"A dull film.\"", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"Review: A dull film.", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"REVIEW:\nA dull film.", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"**Review:** A dull film.", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"**Review**: A dull film.", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"Review 1: A dull film.\nReview 2: A bright film.", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"A negative review: A dull film.", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"Negative: A dull film.", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"Sure, here is a negative review:\n\nA dull film.", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"Sure! Here's a negative review:\n\n\"A dull film.\"\n\nThis review is negative because it is.",
         NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"Sure! Here's a negative review: \"A dull film.\"", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"Certainly!\n\nA dull film.", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"Here is one sentence:\nA dull film.", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"Here we have a dull film.", NULL, SG_ACCEPTED, "Here we have a dull film.", NULL},
        {"A dull film.\n\nNote: this shows a negative mood.", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"A dull film.\nLabel: negative", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"A dull film.\nnegative", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"A dull film. (negative)", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"Rating: 2 stars\nReview: A dull film.", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"A dull film,\nand a long one.", NULL, SG_ACCEPTED, "A dull film, and a long one.", NULL},
        {"A dull film\xe2\x86\x92 *", NULL, SG_ACCEPTED, "A dull film\xe2\x86\x92 *",
         NULL}, /* an arrow at the end */
        {"Negative review\n\nA dull film.", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"Negative Review \xe2\x80\x93 A dull film.", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"Title: Boring\n\nA dull film.", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"Subject: Boring\n\nReview: A dull film.", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"Title: it should be Boring.", NULL, SG_ACCEPTED, "Title: it should be Boring.", NULL},
        {"Tone: Negative\nA dull film.", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"Tone: a bit flat, all of it.", NULL, SG_ACCEPTED, "Tone: a bit flat, all of it.", NULL},
        {"> A dull film.", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"negative\tA dull film.", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"A dull film.\tnegative", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"\"A dull, long film.\",negative", NULL, SG_ACCEPTED, "A dull, long film.", NULL},
        {"negative,A dull, long film.", NULL, SG_ACCEPTED, "A dull, long film.", NULL},
        {"A dull, long film.,negative", NULL, SG_ACCEPTED, "A dull, long film.", NULL},
        {"text,label\n\"A \"\"dull\"\" film, I say.\",negative", NULL, SG_ACCEPTED, "A \"dull\" film, I say.",
         NULL},
        {"id;review;sentiment\n1;A dull film.;negative", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"text,label\nA dull, long film.,negative", NULL, SG_REJECT_UNPARSABLE, NULL, NULL},
        {"Negative, dull, and long.", NULL, SG_ACCEPTED, "Negative, dull, and long.", NULL},
        {"Long,dull and loud it was.", NULL, SG_ACCEPTED, "Long,dull and loud it was.", NULL},
        {"{text: \"A dull film.\"}", NULL, SG_REJECT_UNPARSABLE, NULL, NULL},
        {"\"{\\\"text\\\": \\\"A dull film.\\\"}\"", NULL, SG_REJECT_UNPARSABLE, NULL, NULL},
        {"好的，这是一条影评：剧情拖沓，不好笑。", NULL, SG_ACCEPTED, "剧情拖沓，不好笑。", NULL},
        {"レビュー：\n物語は退屈だ。", NULL, SG_ACCEPTED, "物語は退屈だ。", NULL},
        {"用户体验很差，别买。", NULL, SG_ACCEPTED, "用户体验很差，别买。", NULL},
        {"好的，用户让我写一条差评。首先", NULL, SG_REJECT_REASONING, NULL, NULL},
        {"总之：剧情拖沓，不好笑。", NULL, SG_ACCEPTED, "总之：剧情拖沓，不好笑。", NULL},
        {"Let me think about this. The user wants a dull one.\n\nA dull film.", NULL, SG_REJECT_REASONING,
         NULL, NULL},
        {"We need to write a negative review. Let me craft one: \"A dull film.\"", NULL, SG_REJECT_REASONING,
         NULL, NULL},
        {"We need to write about films like this more often.", NULL, SG_ACCEPTED,
         "We need to write about films like this more often.", NULL},
        {"Let me think about this film: it is dull.", NULL, SG_ACCEPTED,
         "Let me think about this film: it is dull.", NULL},
        {"One thing: a dull film.", NULL, SG_ACCEPTED, "One thing: a dull film.", NULL},
        {"```\nA dull film.\n```", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"<think>Let me write: A bright film.</think>A dull film.", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"<think>Let me write: A bright film.", NULL, SG_REJECT_REASONING, NULL, NULL},
        {"<think>Let me write a long", "length", SG_REJECT_REASONING, NULL, NULL},
        {"A\tdull\x01 \xc2\xa0"
         "film\xe2\x80\x8b.\x7f",
         NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"A dull\r\nfilm.", NULL, SG_ACCEPTED, "A dull film.", NULL},
        {"Caf\xc3\xa9 d\xc3\xa9j\xc3\xa0 vu \xf0\x9f\x98\x80", NULL, SG_ACCEPTED,
         "Caf\xc3\xa9 d\xc3\xa9j\xc3\xa0 vu \xf0\x9f\x98\x80", NULL},
        {"not \xff utf-8 at all", NULL, SG_REJECT_UNPARSABLE, NULL, NULL},
        {"", NULL, SG_REJECT_EMPTY, NULL, NULL},
        {NULL, NULL, SG_REJECT_EMPTY, NULL, NULL},
        {" \n\t ", NULL, SG_REJECT_EMPTY, NULL, NULL},
        {"...", NULL, SG_REJECT_EMPTY, NULL, NULL},
        {"Review:", NULL, SG_REJECT_EMPTY, NULL, NULL},
        {"Sure, here is a review:", NULL, SG_REJECT_EMPTY, NULL, NULL},
        {"\"\"", NULL, SG_REJECT_EMPTY, NULL, NULL},
        {"I'm sorry, but I cannot write that.", NULL, SG_REJECT_REFUSED, NULL, NULL},
        {"I cannot create content of that kind.", NULL, SG_REJECT_REFUSED, NULL, NULL},
        {"As an AI language model, I have no opinion.", NULL, SG_REJECT_REFUSED, NULL, NULL},
        {"As an AI, I can't watch films.", NULL, SG_REJECT_REFUSED, NULL, NULL},
        {"I am an AI assistant and have seen none.", NULL, SG_REJECT_REFUSED, NULL, NULL},
        {"I'm here to help you with reviews!", NULL, SG_REJECT_REFUSED, NULL, NULL},
        {"Please provide the text that you'd like me to rephrase.", NULL, SG_REJECT_REFUSED, NULL, NULL},
        {"Please share the review you want rephrased.", NULL, SG_REJECT_REFUSED, NULL, NULL},
        {"I can't write such a review, it is against my guidelines.", NULL, SG_REJECT_REFUSED, NULL, NULL},
        {"The user wants a negative review. I", NULL, SG_REJECT_REASONING, NULL, NULL},
        {"Okay, the user wants one about", "length", SG_REJECT_REASONING, NULL, NULL},
        {"I can't believe how dull it was.", NULL, SG_ACCEPTED, "I can't believe how dull it was.", NULL},
        {"I'm sorry I saw it.", NULL, SG_ACCEPTED, "I'm sorry I saw it.", NULL},
        {"A dull film.", "content_filter", SG_REJECT_REFUSED, NULL, NULL},
        {NULL, "refusal", SG_REJECT_REFUSED, NULL, NULL},
        {"A dull and long film. It went on and", "length", SG_ACCEPTED, "A dull and long film.", NULL},
        {"A dull film. It went", "length", SG_REJECT_CUT_OFF, NULL, NULL},
        {"It went on and on and", "length", SG_REJECT_CUT_OFF, NULL, NULL},
        {"Dull and overlong\n\nThis review says that it is dull because it", "length", SG_ACCEPTED,
         "Dull and overlong", NULL},
        {"I saw it with Mr. Lee in the", "length", SG_REJECT_CUT_OFF, NULL, NULL},
    };
    struct sg_task t = mood_task();
    for (int i = 0; i < N_OF(cases); i++)
        check(&t, &cases[i]);
}

/* The passage is the second text, and is written first. */
static void pairs(void **state)
{
    (void)state;
    static const struct parse_case cases[] = {
        {"Passage: Rice is a grass.\nQuestion: is rice a grass", NULL, SG_ACCEPTED, "is rice a grass",
         "Rice is a grass."},
        {"passage: Rice is a grass.\n\nQUESTION: is rice a grass?", NULL, SG_ACCEPTED, "is rice a grass?",
         "Rice is a grass."},
        {"**Passage:** Rice is a grass.\n**Question:** is rice a grass?", NULL, SG_ACCEPTED,
         "is rice a grass?", "Rice is a grass."},
        {"**Passage**: Rice is a grass.\n\n**Question 1**: is rice a grass?\n\n**Answer**: yes", NULL,
         SG_ACCEPTED, "is rice a grass?", "Rice is a grass."},
        {"Here is a question:\nis rice a grass?", NULL, SG_REJECT_UNPARSABLE, NULL, NULL},
        {"Sure! Here is a passage and a question:\nis rice a grass?", NULL, SG_REJECT_UNPARSABLE, NULL, NULL},
        {"## Passage\nRice is a grass.\n## Question\nis rice a grass?", NULL, SG_ACCEPTED, "is rice a grass?",
         "Rice is a grass."},
        {"**Passage**\n\nRice is a grass.\n\n**Question**\n\nis rice a grass?", NULL, SG_ACCEPTED,
         "is rice a grass?", "Rice is a grass."},
        {"[Passage] Rice is a grass.\n[Question] is rice a grass?", NULL, SG_ACCEPTED, "is rice a grass?",
         "Rice is a grass."},
        {"Passage:\n> Rice is a grass.\n\nQuestion:\n> is rice a grass?", NULL, SG_ACCEPTED,
         "is rice a grass?", "Rice is a grass."},
        {"Context: Rice is a grass.\nQuestion: is rice a grass?", NULL, SG_ACCEPTED, "is rice a grass?",
         "Rice is a grass."},
        {"1. Passage: Rice is a grass.\n2. Question: is rice a grass?", NULL, SG_ACCEPTED, "is rice a grass?",
         "Rice is a grass."},
        {"### Passage:\nRice is a grass.\nIt grows in water.\n\n### Question:\nis rice a grass?", NULL,
         SG_ACCEPTED, "is rice a grass?", "Rice is a grass. It grows in water."},
        {"Passage: Rice is a grass. Question: is rice a grass? Answer: yes", NULL, SG_ACCEPTED,
         "is rice a grass?", "Rice is a grass."},
        {"Sure, here you are:\n\nPassage: Rice is a grass.\nQuestion: is rice a grass?\n\nI hope this helps!",
         NULL, SG_ACCEPTED, "is rice a grass?", "Rice is a grass."},
        {"Passage: \"Rice is a grass.\"\nQuestion (the answer is yes): \"is rice a grass?\"", NULL,
         SG_ACCEPTED, "is rice a grass?", "Rice is a grass."},
        {"Question: is rice a grass?\nPassage: Rice is a grass.", NULL, SG_ACCEPTED, "is rice a grass?",
         "Rice is a grass."},
        {"In this form, the answer to the question: \"is rice a grass?\" should be yes.", NULL,
         SG_REJECT_UNPARSABLE, NULL, NULL},
        {"Passage: Rice is a grass, which answers the question: it is.\nQuestion: is rice a grass?", NULL,
         SG_ACCEPTED, "is rice a grass?", "Rice is a grass, which answers the question: it is."},
        {"Here is a question: is rice a grass?\nPassage: Rice is a plant.", NULL, SG_ACCEPTED,
         "is rice a grass?", "Rice is a plant."},
        {"passage: Rice is a grass. question: is rice a grass?", NULL, SG_ACCEPTED, "is rice a grass?",
         "Rice is a grass."},
        {"Rice is a grass.\nQuestion: is rice a grass?", NULL, SG_ACCEPTED, "is rice a grass?",
         "Rice is a grass."},
        {"Here is a passage:\n\nRice is a grass.\n\nQuestion: is rice a grass?", NULL, SG_ACCEPTED,
         "is rice a grass?", "Rice is a grass."},
        {"Passage: Rice is a grass.\nQuestion: is rice a grass?\n\nPassage: Oats are too.\nQuestion: are "
         "oats?",
         NULL, SG_ACCEPTED, "is rice a grass?", "Rice is a grass."},
        {"Passage: Rice is a grass.\nQuestion: is rice a grass?\n\nPassage: Oats are", "length", SG_ACCEPTED,
         "is rice a grass?", "Rice is a grass."},
        {"Passage: Rice is a grass.\nQuestion: is rice really a grass? If not then", "length", SG_ACCEPTED,
         "is rice really a grass?", "Rice is a grass."},
        {"Passage: Rice is a grass.\nQuestion: is rice", "length", SG_REJECT_CUT_OFF, NULL, NULL},
        {"Passage: Rice is a grass that grows", "length", SG_REJECT_CUT_OFF, NULL, NULL},
        {"Passage: Rice is a grass.", NULL, SG_REJECT_UNPARSABLE, NULL, NULL},
        {"Rice is a grass.", NULL, SG_REJECT_UNPARSABLE, NULL, NULL},
        {"Question: is rice a grass?", NULL, SG_REJECT_UNPARSABLE, NULL, NULL},
        {"Passage:\nQuestion: is rice a grass?", NULL, SG_REJECT_UNPARSABLE, NULL, NULL},
        {"Passage: ...\nQuestion: ...", NULL, SG_REJECT_UNPARSABLE, NULL, NULL},
        {"Passage: Is rice a grass\nQuestion: is rice a grass?", NULL, SG_REJECT_ECHO, NULL, NULL},
        {"I'm sorry, but I cannot help.", NULL, SG_REJECT_REFUSED, NULL, NULL},
        {"The passage says much. Its questions: many", NULL, SG_REJECT_UNPARSABLE, NULL, NULL},
    };
    struct sg_task t = quiz_task();
    for (int i = 0; i < N_OF(cases); i++)
        check(&t, &cases[i]);
}

static void too_long(void **state)
{
    (void)state;
    struct sg_task t = mood_task();
    char *text = sg_alloc(SG_MAX_TEXT_BYTES + 100, 1);
    for (int i = 0; i < SG_MAX_TEXT_BYTES + 50; i++)
        text[i] = i % 5 ? 'a' : ' ';
    struct parse_case c = {text, NULL, SG_REJECT_TOO_LONG, NULL, NULL};
    check(&t, &c);
    sg_free(text);
}

/* Whatever bytes come: no crash, and what is accepted is valid and not empty. Cut and shuffled real-looking
 * pieces. */
static void any_bytes(void **state)
{
    (void)state;
    static const char *const piece[] = {
        "Passage", ":",          "**",          "Question",  "\n",        "\"",
        "1. ",     "- ",         "(",           ")",         "word ",     "<think>",
        "`",       "#",          "Answer:",     " ",         "*",         "\xe2\x80\x9c",
        "...",     "Sure",       "</think>",    "Review:",   "```",       "no",
        "a b c. ", "Here is a ", "question:\n", "Passage: ", "Question: "};
    struct sg_task task[] = {mood_task(), quiz_task()};
    uint32_t x = 1;
    for (int round = 0; round < 20000; round++) {
        char text[400] = "";
        for (int i = 0; i < 12; i++) {
            x = x * 1664525u + 1013904223u;
            strcat(text, piece[(x >> 16) % (unsigned)N_OF(piece)]);
        }
        struct sg_parsed out;
        enum sg_reject reason = parse(&task[round % 2], text, round % 3 ? "stop" : "length", &out);
        assert_in_range(reason, 0, SG_N_REJECTS - 1);
        assert_int_equal(out.first != NULL, reason == SG_ACCEPTED);
        if (reason == SG_ACCEPTED)
            assert_true(sg_count_words(out.first) >= 2 && (!out.second || sg_count_words(out.second) >= 2));
        sg_parsed_free(&out);
    }
}

static void topic_lists(void **state)
{
    (void)state;
    static const struct {
        const char *text, *finish, *joined;
    } cases[] = {
        {"1. Drama\n2. Sci-fi\n3. drama\n4. Horror films", "stop", "Drama|Sci-fi|Horror films"},
        {"Here are 3 topics:\n\n- **Sea**: all about it\n- Sky (blue)\n* Stone - hard\n\nI hope this helps.",
         "stop", "Sea|Sky|Stone"},
        {"Sea\nSky\nStone", "stop", "Sea|Sky|Stone"},
        {"sea, sky, and stone.", "stop", "sea|sky|stone"},
        {"1. Sea\n2. Sky\n3. Sto", "length", "Sea|Sky"},
        {"1. \"Sea\"\n2.\n3. ---", "stop", "Sea"},
        {"", "stop", ""},
        {NULL, "stop", ""},
        {"\xff\xfe", "stop", ""},
        {"1. a topic with far too many words in it to be of any use here", "stop", ""},
    };
    const struct sg_task task = mood_task();
    for (int i = 0; i < N_OF(cases); i++) {
        struct sg_topics t = {0};
        struct sg_err err;
        assert_int_equal(sg_parse_topics(&task, cases[i].text, cases[i].finish, &t, &err), SG_OK);
        char joined[400] = "";
        for (int64_t k = 0; k < t.n; k++) {
            strcat(joined, k ? "|" : "");
            strcat(joined, t.item[k]);
        }
        assert_string_equal(joined, cases[i].joined);
        sg_topics_free(&t);
    }
}

static void folding(void **state)
{
    (void)state;
    static const char *const same[][2] = {{"A dull  film.", "a DULL film"},
                                          {"don't", "Dont"},
                                          {"well-made", "well made"},
                                          {"Caf\xc3\xa9", "CAFE\xcc\x81"},
                                          {"Stra\xc3\x9f"
                                           "e",
                                           "strasse"},
                                          {"...", ""}};
    static const char *const differ[][2] = {{"a dull film", "a dull films"}, {"ab", "a b"}, {"1", "2"}};
    for (int i = 0; i < N_OF(same) + N_OF(differ); i++) {
        const char *const *p = i < N_OF(same) ? same[i] : differ[i - N_OF(same)];
        struct sg_buf a = sg_buf_make(1000), b = sg_buf_make(1000);
        sg_buf_folded(&a, p[0]);
        sg_buf_folded(&b, p[1]);
        if (i < N_OF(same))
            assert_string_equal(sg_buf_text(&a), sg_buf_text(&b));
        else
            assert_string_not_equal(sg_buf_text(&a), sg_buf_text(&b));
        sg_buf_free(&a);
        sg_buf_free(&b);
    }
}

/* ASCII takes a way of its own: it must end where Unicode's ends, which a last letter beyond ASCII forces. */
static void folding_ascii(void **state)
{
    (void)state;
    unsigned seed = 1;
    for (int round = 0; round < 2000; round++) {
        char text[700], beyond[704];
        int n = round % 600;
        for (int i = 0; i < n; i++) {
            seed = seed * 1103515245u + 12345u;
            text[i] = (char)(round < 600 ? (int)(1 + (seed >> 16) % 127) : "aZ9 '-"[(seed >> 16) % 6]);
        }
        text[n] = 0;
        snprintf(beyond, sizeof beyond, "%sq\xc3\xa9", text);
        text[n] = 'q';
        text[n + 1] = 0;
        struct sg_buf a = sg_buf_make(2000), b = sg_buf_make(2000);
        sg_buf_puts(&a, "before ");
        sg_buf_puts(&b, "before ");
        sg_buf_folded(&a, text);
        sg_buf_puts(&a, "\xc3\xa9");
        sg_buf_folded(&b, beyond);
        assert_string_equal(sg_buf_text(&a), sg_buf_text(&b));
        sg_buf_free(&a);
        sg_buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(folding_ascii), cmocka_unit_test(single_texts),
                                       cmocka_unit_test(pairs),         cmocka_unit_test(too_long),
                                       cmocka_unit_test(any_bytes),     cmocka_unit_test(topic_lists),
                                       cmocka_unit_test(folding)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
