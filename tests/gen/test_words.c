#include "fixture.h"

#include "gen/pool/clean.h"
#include "gen/pool/near.h"
#include "gen/pool/parse_many.h"
#include "gen/pool/words.h"

static void counts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t words, long_words;
    } cases[] = {
        {"", 0, 0},
        {"... -- \xe2\x80\x94 !", 0, 0},
        {"A dull film.", 3, 3},
        {"Ein schöner Film", 3, 3},
        {"don't well-made", 2, 2},
        {"这部电影很无聊。", 7, 3},                 /* Chinese: each letter */
        {"映画はとても", 6, 3},                     /* Han and hiragana */
        {"スーパーマン", 1, 1},                     /* katakana: a run */
        {"スーパーマンの映画", 4, 2},               /* ... between others */
        {"ภาพยนตร์เรื่องนี้", 12, 6},                    /* Thai: letters without their marks */
        {"이 영화는 지루하다", 3, 3},               /* Korean has blanks */
        {"این فیلم را نمی\xe2\x80\x8cخواهم", 4, 4}, /* a word with a non-joiner */
        {"यह फिल्म उबाऊ है", 4, 4},
        {"Фильм скучный", 2, 2},
        {"iPhone很好用", 4, 2},
    };
    for (int i = 0; i < N_OF(cases); i++) {
        if (sg_count_words(cases[i].text) != cases[i].words ||
            sg_count_long_words(cases[i].text) != cases[i].long_words)
            fail_msg("%s: %zu and %zu words", cases[i].text, sg_count_words(cases[i].text),
                     sg_count_long_words(cases[i].text));
    }
}

/* What nobody sees hides no duplicate. */
static void folded_away(void **state)
{
    (void)state;
    static const char *const same[][2] = {
        {"a du\xe2\x80\x8cll film", "a dull film"},
        {"a du\xe2\x80\x8bll film", "a dull film"},
        {"a du\xc2\xadll film", "a dull film"},
        {"a dull film \xe2\x9d\xa4\xef\xb8\x8f", "a dull film \xe2\x9d\xa4"},
        {"这部 电影", "这部电影。"},
        {"نمی\xe2\x80\x8cخواهم", "نمیخواهم"},
        {"\xef\xbb\xbf"
         "a dull film",
         "a dull film"}};
    for (int i = 0; i < N_OF(same); i++)
        if (!sg_folded_equal(same[i][0], same[i][1]))
            fail_msg("case %d", i);
    assert_false(sg_folded_equal("这部电影", "这个电影"));
}

static void assert_clean(const char *text, const char *expected)
{
    char *clean = sg_clean_copy(text, strlen(text));
    assert_string_equal(clean, expected);
    sg_free(clean);
}

static void joiners(void **state)
{
    (void)state;
    assert_clean("این فیلم را نمی\xe2\x80\x8cخواهم", "این فیلم را نمی\xe2\x80\x8cخواهم");
    assert_clean("क्\xe2\x80\x8dष", "क्\xe2\x80\x8dष");
    assert_clean("\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb",
                 "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb");
    assert_clean("du\xe2\x80\x8cll \xe2\x80\x8d"
                 "film\xe2\x80\x8b.",
                 "dull film.");
    assert_clean("\xe2\x80\x8cنم\xe2\x80\x8c", "نم");
}

/* Texts of scripts without blanks are examples like others, with their own marks, sentences and colons. */
static void examples(void **state)
{
    (void)state;
    struct sg_task t = mood_task(), pair = quiz_task();
    t.first_mark = TEXT("评论");
    pair.first_mark = TEXT("問題");
    pair.second_mark = TEXT("文章");
    static const struct {
        int is_pair;
        const char *text, *finish;
        enum sg_reject reason;
        const char *first;
    } cases[] = {
        {0, "这部电影很无聊。", "stop", SG_ACCEPTED, "这部电影很无聊。"},
        {0, "“这部电影很无聊。”", "stop", SG_ACCEPTED, "这部电影很无聊。"},
        {0, "「とても退屈な映画でした。」", "stop", SG_ACCEPTED, "とても退屈な映画でした。"},
        {0, "评论：这部电影很无聊。", "stop", SG_ACCEPTED, "这部电影很无聊。"},
        {0, "当然，这是一条评论：\n\n这部电影很无聊。", "stop", SG_ACCEPTED, "这部电影很无聊。"},
        {0, "这部电影很无聊，我中途就走了。后来我又", "length", SG_ACCEPTED,
         "这部电影很无聊，我中途就走了。"},
        {0, "这部电影很无", "length", SG_REJECT_CUT_OFF, NULL},
        {0, "ภาพยนตร์เรื่องนี้น่าเบื่อมาก", "stop", SG_ACCEPTED, "ภาพยนตร์เรื่องนี้น่าเบื่อมาก"},
        {0, "好", "stop", SG_REJECT_TOO_SHORT, NULL},
        {0, "。。。", "stop", SG_REJECT_EMPTY, NULL},
        {1, "文章：米は草の一種です。\n問題：米は草ですか？", "stop", SG_ACCEPTED, "米は草ですか？"},
    };
    for (int i = 0; i < N_OF(cases); i++) {
        struct sg_candidate c;
        struct sg_err err;
        int64_t n;
        assert_int_equal(sg_parse_examples(cases[i].is_pair ? &pair : &t, cases[i].text, cases[i].finish,
                                           (struct sg_wanted){.n = 1}, &c, &n, &err),
                         SG_OK);
        if (c.reason != cases[i].reason)
            fail_msg("%s: %s", cases[i].text, sg_reject_name(c.reason));
        if (cases[i].first)
            assert_string_equal(c.x.first, cases[i].first);
        sg_parsed_free(&c.x);
    }
    struct sg_topics topics = {0};
    struct sg_err err;
    assert_int_equal(
        sg_parse_topics(&t, "1、西部片\n2、太空片\n3．关于家庭关系的电影", "stop", &topics, &err), SG_OK);
    assert_int_equal(topics.n, 3);
    assert_string_equal(topics.item[2], "关于家庭关系的电影");
    sg_topics_free(&topics);
}

/* "Too short" is not "empty", and one word is enough where raw rows have such texts. */
static void one_word(void **state)
{
    (void)state;
    const struct sg_task t = mood_task();
    for (int allowed = 0; allowed < 2; allowed++) {
        struct sg_candidate c;
        struct sg_err err;
        int64_t n;
        assert_int_equal(sg_parse_examples(&t, "Dull.", "stop",
                                           (struct sg_wanted){.n = 1, .one_word = {allowed, 0}}, &c, &n,
                                           &err),
                         SG_OK);
        assert_int_equal(c.reason, allowed ? SG_ACCEPTED : SG_REJECT_TOO_SHORT);
        sg_parsed_free(&c.x);
    }
}

/* Runs of three letters make near-duplicates of texts without blanks. */
static void near_duplicates(void **state)
{
    (void)state;
    struct sg_err err;
    struct sg_near *near;
    struct sg_near_match m;
    assert_int_equal(sg_near_create(0.6, &near, &err), SG_OK);
    assert_int_equal(sg_near_add(near, SG_NEAR_RAW, 7, "这部电影的剧情非常无聊而且演员也很差", NULL, &err),
                     SG_OK);
    assert_int_equal(sg_near_find(near, "这部电影的剧情非常无聊而且演员也太差", NULL, &m, &err), SG_OK);
    assert_int_equal(m.kind, SG_NEAR_RAW);
    assert_in_range((int)(100 * m.similarity), 60, 99);
    assert_int_equal(sg_near_find(near, "昨天我和家人一起去海边散步看日落", NULL, &m, &err), SG_OK);
    assert_int_equal(m.kind, SG_NEAR_NONE);
    sg_near_destroy(near);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(counts),   cmocka_unit_test(folded_away),
                                       cmocka_unit_test(joiners),  cmocka_unit_test(examples),
                                       cmocka_unit_test(one_word), cmocka_unit_test(near_duplicates)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
