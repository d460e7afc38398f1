#include "fixture.h"

#include "gen/pool/parse_many.h"

#include <stdlib.h>

enum { MOST = 4 };
static int structured;

static int64_t parse(const struct sg_task *t, const char *text, const char *finish, int64_t n, int label,
                     struct sg_candidate out[MOST])
{
    int64_t n_out = 0;
    struct sg_err err;
    assert_int_equal(sg_parse_examples(t, text, finish,
                                       ((struct sg_wanted){.n = n, .label = label, .structured = structured}),
                                       out, &n_out, &err),
                     SG_OK);
    assert_in_range(n_out, 1, n);
    return n_out;
}

static void labels(void **state)
{
    (void)state;
    const struct sg_task t = mood_task();
    static const struct {
        const char *text, *finish;
        enum sg_reject reason;
        int class_;
        const char *first;
    } cases[] = {
        {"A film to forget.\nLabel: negative", "stop", SG_ACCEPTED, 0, "A film to forget."},
        {"A film to forget.\nLabel: good", "stop", SG_ACCEPTED, 1, "A film to forget."}, /* the data's name */
        {"Review: A film to keep.\n\n**Label:** Positive.", "stop", SG_ACCEPTED, 1, "A film to keep."},
        {"A film to keep. (Label: POSITIVE)", "stop", SG_ACCEPTED, 1, "A film to keep."},
        {"The label: on it was odd.\nLabel: positive", "stop", SG_ACCEPTED, 1, "The label: on it was odd."},
        {"A film to keep.\nLabel: positive", "length", SG_ACCEPTED, 1, "A film to keep."}, /* whole in time */
        {"A film to keep.\nLabel: very positive", "stop", SG_REJECT_WRONG_LABEL, -1, NULL},
        {"A film to keep.\nLabel:", "stop", SG_REJECT_WRONG_LABEL, -1, NULL},
        {"A film to keep.\nLabel: posi", "length", SG_REJECT_CUT_OFF, -1, NULL},
        {"A film to keep.", "stop", SG_REJECT_UNPARSABLE, -1, NULL},
        {"A film to keep. It was so", "length", SG_REJECT_CUT_OFF, -1, NULL},
        {"Label: positive", "stop", SG_REJECT_EMPTY, -1, NULL},
        {"I cannot write that.\nLabel: negative", "stop", SG_REJECT_REFUSED, -1, NULL},
        {"", "stop", SG_REJECT_EMPTY, -1, NULL},
        {NULL, "content_filter", SG_REJECT_REFUSED, -1, NULL},
        {"bad \xff\xfe\nLabel: positive", "stop", SG_REJECT_UNPARSABLE, -1, NULL},
    };
    for (int i = 0; i < N_OF(cases); i++) {
        struct sg_candidate c[MOST];
        assert_int_equal(parse(&t, cases[i].text, cases[i].finish, 1, 1, c), 1);
        if (c->reason != cases[i].reason)
            fail_msg("case %d: %s, not %s", i, sg_reject_name(c->reason), sg_reject_name(cases[i].reason));
        if (cases[i].first) {
            assert_string_equal(c->x.first, cases[i].first);
            assert_int_equal(c->class_, cases[i].class_);
        } else {
            assert_null(c->x.first);
        }
        sg_parsed_free(&c->x);
    }
}

/* Exactly first, decoration off, then folded; names of which folding leaves nothing. */
static void labels_of_signs(void **state)
{
    (void)state;
    struct sg_class sign[] = {{TEXT("-1"), TEXT("-1")},
                              {TEXT("1"), TEXT("1")},
                              {TEXT("+"), TEXT("\U0001f600")},
                              {TEXT("C++"), TEXT("C++")}};
    struct sg_task t = mood_task();
    t.n_classes = N_OF(sign);
    t.class_ = sign;
    static const struct {
        const char *label;
        int class_;
    } cases[] = {{"-1", 0}, {"1", 1},   {"**-1**", 0},      {"+", 2},   {"\U0001f600", 2},
                 {"!", -1}, {"C#", -1}, {"\U0001f622", -1}, {"c++", 3}, {"\"C++\".", 3}};
    for (int i = 0; i < N_OF(cases); i++) {
        struct sg_candidate c[MOST];
        char text[200];
        snprintf(text, sizeof text, "A film to forget.\nLabel: %s", cases[i].label);
        assert_int_equal(parse(&t, text, "stop", 1, 1, c), 1);
        if (c->class_ != cases[i].class_)
            fail_msg("%s: class %d, not %d", cases[i].label, c->class_, cases[i].class_);
        sg_parsed_free(&c->x);
    }
}

static void pairs_with_labels(void **state)
{
    (void)state;
    const struct sg_task t = quiz_task();
    struct sg_candidate c[MOST];
    assert_int_equal(parse(&t,
                           "1. Passage: Owls fly at night.\nQuestion: Do owls fly at noon?\nLabel: no\n\n"
                           "2. Passage: Cats see well.\nQuestion: Do cats see?\nLabel: maybe\n",
                           "stop", 3, 1, c),
                     2);
    assert_int_equal(c[0].reason, SG_ACCEPTED);
    assert_int_equal(c[0].class_, 0);
    assert_string_equal(c[0].x.first, "Do owls fly at noon?");
    assert_string_equal(c[0].x.second, "Owls fly at night.");
    assert_int_equal(c[1].reason, SG_REJECT_WRONG_LABEL);
    sg_parsed_free(&c[0].x);
}

static void lists(void **state)
{
    (void)state;
    const struct sg_task t = mood_task();
    static const struct {
        const char *text, *finish;
        int64_t n, n_out;
        const char *first[MOST]; /* NULL: rejected */
        enum sg_reject last;     /* why the last one was, or SG_ACCEPTED */
    } cases[] = {
        {"1. A dull film.\n2. A loud film.\n3. A long film.",
         "stop",
         3,
         3,
         {"A dull film.", "A loud film.", "A long film."},
         SG_ACCEPTED},
        {"Sure, here they are:\n\n1) \"A dull film.\"\n\n**2)** A loud film.",
         "stop",
         3,
         2,
         {"A dull film.", "A loud film."},
         SG_ACCEPTED},
        {"1. A dull film.\n2. A loud film.\n3. A long film.",
         "stop",
         2,
         2,
         {"A dull film.", "A loud film."},
         SG_ACCEPTED},
        {"1. A dull film.\n2. A loud", "length", 3, 2, {"A dull film."}, SG_REJECT_CUT_OFF},
        {"1. A dull film.\n2. I cannot write that.\n3. A long film.",
         "stop",
         3,
         3,
         {"A dull film.", NULL, "A long film."},
         SG_ACCEPTED},
        {"A dull film without any number.", "stop", 3, 1, {"A dull film without any number."}, SG_ACCEPTED},
        {"1. A dull film that took 2. hours in 2014.\n2. A loud film.",
         "stop",
         3,
         2,
         {"A dull film that took 2. hours in 2014.", "A loud film."},
         SG_ACCEPTED},
        {"99999999999999999999999. A dull film.", "stop", 3, 1, {NULL}, SG_N_REJECTS}, /* whatever it is */
        {"1.", "stop", 3, 1, {NULL}, SG_REJECT_EMPTY},
        {"", "stop", 3, 1, {NULL}, SG_REJECT_EMPTY},
    };
    for (int i = 0; i < N_OF(cases); i++) {
        struct sg_candidate c[MOST];
        int64_t n = parse(&t, cases[i].text, cases[i].finish, cases[i].n, 0, c);
        assert_int_equal(n, cases[i].n_out);
        for (int64_t k = 0; k < n; k++) {
            if (cases[i].first[k]) {
                assert_int_equal(c[k].reason, SG_ACCEPTED);
                assert_string_equal(c[k].x.first, cases[i].first[k]);
            } else if (cases[i].last != SG_N_REJECTS) {
                assert_int_not_equal(c[k].reason, SG_ACCEPTED);
            }
            sg_parsed_free(&c[k].x);
        }
        if (cases[i].last != SG_N_REJECTS)
            assert_int_equal(c[n - 1].reason, cases[i].last);
    }
}

static void json(void **state)
{
    (void)state;
    const struct sg_task t = mood_task(), pair = quiz_task();
    static const struct {
        const char *text, *finish;
        int is_pair, label;
        int64_t n_out;
        enum sg_reject reason[MOST];
        const char *first;
    } cases[] = {
        {"{\"examples\": [{\"Review\": \"A dull\\nfilm.\"}]}",
         "stop",
         0,
         0,
         1,
         {SG_ACCEPTED},
         "A dull film."},
        {"```json\n{\"examples\": [{\"Review\": \"A dull film.\", \"Label\": \"negative\"}, {\"Review\": \"A "
         "loud "
         "film.\", \"Label\": \"loud\"}]}\n```",
         "stop",
         0,
         1,
         2,
         {SG_ACCEPTED, SG_REJECT_WRONG_LABEL},
         "A dull film."},
        {"{\"examples\": [{\"Passage\": \"Owls fly.\", \"Question\": \"Do owls fly?\", \"Label\": \"yes\"}]}",
         "stop",
         1,
         1,
         1,
         {SG_ACCEPTED},
         "Do owls fly?"},
        {"{\"examples\": [{\"Question\": \"Do owls fly?\"}]}", "stop", 1, 0, 1, {SG_REJECT_UNPARSABLE}, NULL},
        {"{\"examples\": [{\"Review\": 3}, 4, {\"Review\": \"\"}]}",
         "stop",
         0,
         0,
         3,
         {SG_REJECT_UNPARSABLE, SG_REJECT_UNPARSABLE, SG_REJECT_EMPTY},
         NULL},
        {"{\"examples\": [{\"Review\": \"A dull fi", "length", 0, 0, 1, {SG_REJECT_CUT_OFF}, NULL},
        {"{\"examples\": [{\"Review\": \"A dull fi", "stop", 0, 0, 1, {SG_REJECT_UNPARSABLE}, NULL},
        {"{\"examples\": []}", "stop", 0, 0, 1, {SG_REJECT_EMPTY}, NULL},
        {"{\"reviews\": []}", "stop", 0, 0, 1, {SG_REJECT_EMPTY}, NULL},
        {"Review: A dull film.", "stop", 0, 0, 1, {SG_ACCEPTED}, "A dull film."}, /* no JSON: plain */
        {"", "stop", 0, 0, 1, {SG_REJECT_EMPTY}, NULL},
    };
    structured = 1;
    for (int i = 0; i < N_OF(cases); i++) {
        struct sg_candidate c[MOST];
        int64_t n =
            parse(cases[i].is_pair ? &pair : &t, cases[i].text, cases[i].finish, MOST, cases[i].label, c);
        assert_int_equal(n, cases[i].n_out);
        for (int64_t k = 0; k < n; k++)
            if (c[k].reason != cases[i].reason[k])
                fail_msg("case %d: %s, not %s", i, sg_reject_name(c[k].reason),
                         sg_reject_name(cases[i].reason[k]));
        if (cases[i].first)
            assert_string_equal(c[0].x.first, cases[i].first);
        for (int64_t k = 0; k < n; k++)
            sg_parsed_free(&c[k].x);
    }
    structured = 0;
}

/* A megabyte of what a list or a label is recognised by: an answer in linear time, and no read outside. */
static void hostile(void **state)
{
    (void)state;
    const struct sg_task t = mood_task(), pair = quiz_task();
    static const char *const piece[] = {"1. ",      "label:",   "Label: \n",       "\n1.\n2.",
                                        "[[[[[[[[", "{\"a\":",  "\xf0\x9f",        "** ** _",
                                        "(1) ",     "Passage:", "Question: \n1. ", "\"\"\""};
#ifdef __SANITIZE_ADDRESS__
    enum { N = 1 << 14 }; /* strict_string_checks: each strspn and strchr walks to the text's end */
#else
    enum { N = 1 << 20 };
#endif
    char *text = malloc(N + 20);
    for (int i = 0; i < N_OF(piece); i++) {
        size_t n = 0;
        while (n < N) {
            memcpy(text + n, piece[i], strlen(piece[i]));
            n += strlen(piece[i]);
        }
        text[n] = 0;
        for (int p = 0; p < 4; p++) {
            structured = p > 1;
            struct sg_candidate c[MOST];
            int64_t m = parse(p % 2 ? &pair : &t, text, i % 2 ? "stop" : "length", MOST, 1, c);
            for (int64_t k = 0; k < m; k++)
                sg_parsed_free(&c[k].x);
        }
    }
    free(text);
}

/* Three texts in the forms of lists that models write: no number, letter or heading is left in them, and none is two. */
static void lists_of_all_kinds(void **state)
{
    (void)state;
    const struct sg_task t = mood_task();
    static const char *const list[] = {
        "1 - @1\n2 - @2\n3 - @3",
        "1\\. @1\n2\\. @2\n3\\. @3",
        "① @1\n② @2\n③ @3",
        "1️⃣ @1\n2️⃣ @2\n3️⃣ @3",
        "a) @1\nb) @2\nc) @3",
        "A. @1\nB. @2\nC. @3",
        "### 1\n@1\n### 2\n@2\n### 3\n@3",
        "**Review 1**\n@1\n\n**Review 2**\n@2\n\n**Review 3**\n@3",
        "@1\n\n@2\n\n@3",
        "@1\n---\n@2\n---\n@3",
        "@1\n@2\n@3",
        "Sure, here are three reviews:\n\n@1\n\n@2\n\n@3\n\nLet me know if you want more.",
        "Text,Label\n\"@1\",negative\n\"@2\",negative\n\"@3\",negative",
        "\"@1\",negative\n\"@2\",negative\n\"@3\",negative"};
    static const char *const text[] = {"The plot drags badly.", "The jokes never land.",
                                       "I slept, and twice."};
    for (int i = 0; i < N_OF(list); i++) {
        char said[600] = "";
        for (const char *s = list[i]; *s; s++) {
            if (*s == '@') {
                strcat(said, text[*++s - '1']);
            } else {
                strncat(said, s, 1);
            }
        }
        struct sg_candidate c[MOST];
        if (parse(&t, said, "stop", 3, 0, c) != 3)
            fail_msg("%s: not three", said);
        for (int k = 0; k < 3; k++) {
            assert_int_equal(c[k].reason, SG_ACCEPTED);
            assert_string_equal(c[k].x.first, text[k]);
            sg_parsed_free(&c[k].x);
        }
    }
}

/* Texts of the other class under its heading are not the class's that was asked for. */
static void headings_of_classes(void **state)
{
    (void)state;
    const struct sg_task t = mood_task();
    static const char said[] =
        "Positive:\n1. The plot holds.\nNegative:\n1. The jokes never land.\n2. It drags.";
    struct sg_candidate c[MOST];
    struct sg_err err;
    int64_t n;
    assert_int_equal(
        sg_parse_examples(&t, said, "stop", ((struct sg_wanted){.n = 3, .asked = 1}), c, &n, &err), SG_OK);
    assert_int_equal(n, 1);
    assert_int_equal(c->reason, SG_REJECT_WRONG_LABEL);
    assert_int_equal(sg_parse_examples(&t, said + strlen("Positive:\n1. The plot holds.\n"), "stop",
                                       ((struct sg_wanted){.n = 3, .asked = 1}), c, &n, &err),
                     SG_OK);
    assert_int_equal(n, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(c[i].reason, SG_ACCEPTED);
        sg_parsed_free(&c[i].x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(labels),
                                       cmocka_unit_test(labels_of_signs),
                                       cmocka_unit_test(pairs_with_labels),
                                       cmocka_unit_test(lists),
                                       cmocka_unit_test(json),
                                       cmocka_unit_test(lists_of_all_kinds),
                                       cmocka_unit_test(headings_of_classes),
                                       cmocka_unit_test(hostile)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
