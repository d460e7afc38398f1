#include "model/tokenizer/tokenizer.h"

#include "base/buf.h"
#include "base/mem.h"
#include "tests/model/temp.h"

#include <jansson.h>
#include <time.h>

/* Small tokenizers, and what `tokenizers` makes of some lines with them: made by make_tokenizer.py. */
static const char oracle[] = "tests/oracle";
static const char *const names[] = {"wordpiece",  "wordpiece_cased", "bpe",
                                    "bpe_prefix", "vocab_txt",       "vocab_json"};
enum { N_TOKENIZERS = sizeof names / sizeof names[0], MAX_LENGTH = 512 };

static struct sg_tokenizer *load(const char *name)
{
    struct sg_tokenizer *t = NULL;
    struct sg_err err = {0};
    char *dir = sg_path_join(oracle, name);
    if (sg_tokenizer_load(dir, &t, &err) != SG_OK)
        fail_msg("%s", err.text);
    sg_free(dir);
    return t;
}

static void check_case(const struct sg_tokenizer *t, const char *line, const json_t *c)
{
    int32_t ids[MAX_LENGTH], types[MAX_LENGTH];
    int64_t n = 0;
    struct sg_err err = {0};
    enum sg_cut cut = strcmp(json_string_value(json_object_get(c, "cut")), "only_second") == 0
                          ? SG_CUT_SECOND
                          : SG_CUT_LONGEST;
    if (sg_tokenizer_encode(t, json_string_value(json_object_get(c, "first")),
                            json_string_value(json_object_get(c, "second")), cut,
                            json_integer_value(json_object_get(c, "max_length")), ids, types, &n,
                            &err) != SG_OK)
        fail_msg("%s", err.text);
    const json_t *want_ids = json_object_get(c, "ids"), *want_types = json_object_get(c, "types");
    int same = (size_t)n == json_array_size(want_ids);
    for (int64_t i = 0; same && i < n; i++)
        same = ids[i] == json_integer_value(json_array_get(want_ids, (size_t)i)) &&
               types[i] == json_integer_value(json_array_get(want_types, (size_t)i));
    if (!same) {
        for (int64_t i = 0; i < n; i++)
            print_error("%d/%d ", (int)ids[i], (int)types[i]);
        fail_msg("differs from: %s", line);
    }
}

static void has_the_ids_of_tokenizers(void **state)
{
    (void)state;
    struct sg_tokenizer *t[N_TOKENIZERS];
    for (int i = 0; i < N_TOKENIZERS; i++)
        t[i] = load(names[i]);
    char *text = NULL, *rest = NULL;
    int count = 0;
    assert_int_equal(sg_file_read("tests/oracle/tokenizer.jsonl", 1 << 24, &text, NULL, NULL), SG_OK);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest), count++) {
        json_t *c = json_loads(line, 0, NULL);
        const char *name = json_string_value(json_object_get(c, "tokenizer"));
        int i = 0;
        while (i < N_TOKENIZERS && strcmp(name, names[i]) != 0)
            i++;
        assert_true(i < N_TOKENIZERS);
        check_case(t[i], line, c);
        json_decref(c);
    }
    assert_true(count > 1000);
    sg_free(text);
    for (int i = 0; i < N_TOKENIZERS; i++)
        sg_tokenizer_destroy(t[i]);
}

static void tells_about_itself(void **state)
{
    (void)state;
    struct sg_tokenizer *t = load("wordpiece_cased");
    assert_int_equal(sg_tokenizer_vocab_size(t), 424); /* 420 and 4 added tokens */
    assert_int_equal(sg_tokenizer_pad_id(t), 0);
    assert_string_equal(sg_tokenizer_files(t)[0], "tokenizer.json");
    assert_null(sg_tokenizer_files(t)[1]);
    sg_tokenizer_destroy(t);
    t = load("vocab_json");
    assert_int_equal(sg_tokenizer_vocab_size(t), 420);
    assert_int_equal(sg_tokenizer_pad_id(t), 1);
    assert_string_equal(sg_tokenizer_files(t)[0], "vocab.json");
    assert_string_equal(sg_tokenizer_files(t)[1], "merges.txt");
    assert_null(sg_tokenizer_files(t)[2]);
    sg_tokenizer_destroy(t);
}

static void refuses_a_length_without_room(void **state)
{
    (void)state;
    struct sg_tokenizer *t = load("bpe");
    int32_t ids[8];
    int64_t n = -1;
    struct sg_err err = {0};
    assert_int_equal(sg_tokenizer_encode(t, "a", "b", SG_CUT_LONGEST, 4, ids, NULL, &n, &err), SG_INPUT);
    assert_int_equal(sg_tokenizer_encode(t, "a", "b", SG_CUT_LONGEST, -1, ids, NULL, &n, &err), SG_INPUT);
    assert_int_equal(n, -1);
    sg_tokenizer_destroy(t);
}

/* Where `tokenizers` gives up, a row must not: the first text is cut as well. */
static void only_second_cuts_the_first_when_it_must(void **state)
{
    (void)state;
    struct sg_tokenizer *t = load("bpe");
    int32_t ids[8];
    int64_t n = 0;
    struct sg_err err = {0};
    assert_int_equal(
        sg_tokenizer_encode(t, "1 2 3 4 5 6 7 8 9", "a b", SG_CUT_SECOND, 8, ids, NULL, &n, &err), SG_OK);
    assert_int_equal(n, 8);
    assert_true(ids[0] == 0 && ids[5] == 2 && ids[6] == 2 && ids[7] == 2);
    assert_int_equal(sg_tokenizer_encode(t, "1 2 3 4 5 6 7 8 9", NULL, SG_CUT_SECOND, 8, ids, NULL, &n, &err),
                     SG_OK);
    assert_true(n == 8 && ids[7] == 2);
    sg_tokenizer_destroy(t);
}

/* A megabyte without a blank takes well under a second where merging is not quadratic; ctest's time limit is
 * the judge. */
static void takes_a_megabyte_of_one_word(void **state)
{
    (void)state;
    static char word[1000001];
    static const char *const units[] = {"a", "e ", "the", "\xcc\x81", "\xe4\xb8\xad", "<s>", "[SEP]", "'"};
    int32_t ids[16];
    for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
        size_t len = strlen(units[u]);
        memset(word, 0, sizeof word);
        for (size_t i = 0; i + len < sizeof word; i += len)
            memcpy(word + i, units[u], len);
        for (int i = 0; i < 4; i++) {
            struct sg_tokenizer *t = load(names[i]);
            int64_t n = 0;
            assert_int_equal(sg_tokenizer_encode(t, word, "a b", SG_CUT_LONGEST, 16, ids, NULL, &n, NULL),
                             SG_OK);
            assert_true(n > 2 && n <= 16);
            sg_tokenizer_destroy(t);
        }
    }
}

#define WP_VOCAB "\"vocab\":{\"[UNK]\":0,\"[CLS]\":1,\"[SEP]\":2,\"a\":3,\"##b\":4}"
#define WP_MODEL "\"model\":{\"type\":\"WordPiece\"," WP_VOCAB "}"
#define WP_STEPS                                                                                             \
    "\"normalizer\":{\"type\":\"BertNormalizer\"},\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"}"
#define WP_POST   "\"post_processor\":{\"type\":\"BertProcessing\",\"cls\":[\"[CLS]\",1],\"sep\":[\"[SEP]\",2]}"
#define BPE_STEPS "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false}"
#define BPE_POST                                                                                             \
    "\"post_processor\":{\"type\":\"RobertaProcessing\",\"cls\":[\"<s>\",0],\"sep\":[\"</s>\",1]}"
#define BPE(model)   "{" BPE_STEPS "," BPE_POST ",\"model\":{\"type\":\"BPE\"," model "}}"
#define BPE_VOCAB    "\"vocab\":{\"<s>\":0,\"</s>\":1,\"a\":2,\"b\":3,\"ab\":4}"
#define ADDED(token) "{" WP_STEPS "," WP_POST "," WP_MODEL ",\"added_tokens\":[" token "]}"
#define POST(post)   "{" WP_STEPS "," WP_MODEL ",\"post_processor\":" post "}"

static void refuses_hostile_files(void **state)
{
    static const struct {
        const char *json, *reason;
    } cases[] = {
        {"{" WP_STEPS "," WP_POST "," WP_MODEL "}", NULL},
        {BPE(BPE_VOCAB ",\"merges\":[\"a b\"]"), NULL},
        {BPE(BPE_VOCAB ",\"merges\":[[\"a\",\"b\"]]"), NULL},
        {BPE(BPE_VOCAB ",\"merges\":[]"), NULL},
        {ADDED("{\"id\":5,\"content\":\"new\",\"special\":false}"), NULL},

        {"", "not JSON"},
        {"[]", "object"},
        {"{}", "model"},
        {"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"},
        {"{" WP_STEPS "," WP_POST ",\"model\":{\"type\":\"Unigram\",\"vocab\":[]}}", "Unigram"},
        {"{" WP_STEPS "," WP_POST ",\"model\":{\"type\":\"WordPiece\",\"vocab\":{}}}", "vocabulary"},
        {"{" WP_STEPS "," WP_POST ",\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"[UNK]\":-1}}}", "its id"},
        {"{" WP_STEPS "," WP_POST ",\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"[UNK]\":1.5}}}", "its id"},
        {"{" WP_STEPS "," WP_POST ",\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"[UNK]\":4294967296}}}",
         "its id"},
        {"{" WP_STEPS "," WP_POST ",\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"[UNK]\":0,\"a\":0}}}",
         "already taken"},
        {"{" WP_STEPS "," WP_POST ",\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":0,\"a\":1}}}",
         "duplicate"},
        {"{" WP_STEPS "," WP_POST ",\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":0}}}",
         "unknown token"},
        {"{" WP_STEPS "," WP_POST
         ",\"model\":{\"type\":\"WordPiece\",\"max_input_chars_per_word\":-1," WP_VOCAB "}}",
         "max_input_chars_per_word"},
        {"{\"pre_tokenizer\":{\"type\":\"Whitespace\"}," WP_POST "," WP_MODEL "}", "Whitespace"},
        {"{" WP_POST "," WP_MODEL "}", "pre_tokenizer none"},
        {"{\"normalizer\":{\"type\":\"NFKC\"},\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"}," WP_POST
         "," WP_MODEL "}",
         "NFKC"},
        {"{" WP_STEPS "," WP_MODEL "}", "post_processor"},
        {POST("{\"type\":\"BertProcessing\",\"cls\":[\"[CLS]\",9],\"sep\":[\"[SEP]\",2]}"), "id 9"},
        {POST("{\"type\":\"BertProcessing\",\"cls\":[\"[CLS]\",-1],\"sep\":[\"[SEP]\",2]}"), "cls"},
        {POST("{\"type\":\"BertProcessing\"}"), "cls"},
        {POST("{\"type\":\"TemplateProcessing\"}"), "template"},
        {POST("{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"[X]\",\"type_id\":0}}"
              "],\"pair\":[]}"),
         "template"},
        {POST("{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],"
              "\"pair\":[]}"),
         "begin with a special token"},
        {POST("{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"A\",\"type_id\":-7}}],"
              "\"pair\":[]}"),
         "template"},
        {ADDED("{\"id\":5}"), "content"},
        {ADDED("{\"id\":5,\"content\":\"\"}"), "content"},
        {ADDED("7"), "content"},
        {ADDED("{\"id\":-5,\"content\":\"x\"}"), "its id"},
        {ADDED("{\"content\":\"x\"}"), "its id"},
        {ADDED("{\"id\":3,\"content\":\"x\"}"), "already taken"},
        {ADDED("{\"id\":5,\"content\":\"a\"}"), "another id"},
        {ADDED("{\"id\":5,\"content\":\"x\"},{\"id\":6,\"content\":\"x\"}"), "twice"},
        {ADDED("{\"id\":5,\"content\":\"x\",\"lstrip\":1}"), "lstrip"},
        {"{" WP_STEPS "," WP_POST
         ",\"model\":{\"type\":\"WordPiece\",\"max_input_chars_per_word\":1025," WP_VOCAB "}}",
         "max_input_chars_per_word"},
        {BPE(BPE_VOCAB), "merges"},
        {BPE(BPE_VOCAB ",\"merges\":[\"a c\"]"), "merge 1"},
        {BPE(BPE_VOCAB ",\"merges\":[\"a b\",\"b a\"]"), "merge 2"},
        {BPE(BPE_VOCAB ",\"merges\":[\"ab\"]"), "two tokens"},
        {BPE(BPE_VOCAB ",\"merges\":[\"a  b\"]"), "two tokens"},
        {BPE(BPE_VOCAB ",\"merges\":[\" b\"]"), "two tokens"},
        {BPE(BPE_VOCAB ",\"merges\":[[\"a\"]]"), "merge 1"},
        {BPE(BPE_VOCAB ",\"merges\":[7]"), "merge 1"},
        {BPE(BPE_VOCAB ",\"merges\":[],\"unk_token\":\"<unk>\""), "unknown token"},
        {BPE(BPE_VOCAB ",\"merges\":[],\"dropout\":0.1"), "dropout"},
        {BPE(BPE_VOCAB ",\"merges\":[],\"end_of_word_suffix\":\"</w>\""), "not supported"},
    };
    char *path = temp_path(*state, "tokenizer.json");
    struct sg_err err = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sg_tokenizer *t = NULL;
        assert_int_equal(sg_file_write(path, cases[i].json, strlen(cases[i].json), &err), SG_OK);
        sg_status status = sg_tokenizer_load(*state, &t, &err);
        if (cases[i].reason ? status != SG_INPUT || !strstr(err.text, cases[i].reason) : status != SG_OK)
            fail_msg("%s: status %d, \"%s\"", cases[i].json, (int)status, err.text);
        sg_tokenizer_destroy(t);
    }
    assert_int_equal(unlink(path), 0);
    sg_free(path);
}

static void refuses_hostile_vocab_files(void **state)
{
    static const struct {
        const char *txt, *json, *merges, *reason;
    } cases[] = {
        {"[UNK]\n[CLS]\n[SEP]\na\n", NULL, NULL, NULL},
        {"[UNK]\r\n[CLS]\r\n[SEP]", NULL, NULL, NULL},
        {"[UNK]\n[CLS]\na\n", NULL, NULL, "no token \"[SEP]\""},
        {"", NULL, NULL, "unknown token"},
        {"[UNK]\n\xff\n", NULL, NULL, "UTF-8"},
        {"version https://git-lfs.github.com/spec/v1\n", NULL, NULL, "git lfs pull"},
        {NULL, "{\"<s>\":0,\"</s>\":1,\"a\":2,\"aa\":3}", "#version: 0.2\na a\n\n", NULL},
        {NULL, "{\"<s>\":0,\"</s>\":1,\"a\":2,\"aa\":3}", "a b\n", "merge 1"},
        {NULL, "{\"<s>\":0,\"</s>\":1,\"a\":2,\"aa\":3}", "aa\n", "two tokens"},
        {NULL, "{\"<s>\":0,\"</s>\":1,\"a\":2,\"aa\":3}", "\xff \xff\n", "UTF-8"},
        {NULL, "{\"<s>\":0,\"a\":2}", "", "no token \"</s>\""},
        {NULL, "[]", "", "object"},
        {NULL, "{\"<s>\":0,\"</s>\":0}", "", "already taken"},
        {NULL, "{\"<s>\":0,\"</s>\":1}", NULL, "no tokenizer.json"},
        {NULL, NULL, NULL, "no tokenizer.json"},
    };
    static const char *const files[3] = {"vocab.txt", "vocab.json", "merges.txt"};
    struct sg_err err = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *texts[3] = {cases[i].txt, cases[i].json, cases[i].merges};
        for (int f = 0; f < 3; f++) {
            char *path = temp_path(*state, files[f]);
            unlink(path);
            if (texts[f])
                assert_int_equal(sg_file_write(path, texts[f], strlen(texts[f]), &err), SG_OK);
            sg_free(path);
        }
        struct sg_tokenizer *t = NULL;
        sg_status status = sg_tokenizer_load(*state, &t, &err);
        if (cases[i].reason ? status != SG_INPUT || !strstr(err.text, cases[i].reason) : status != SG_OK)
            fail_msg("case %zu: status %d, \"%s\"", i, (int)status, err.text);
        sg_tokenizer_destroy(t);
    }
}

/* Loads what is put at NAME in the folder, and takes it away again; NULL and a message in err if it is refused. */
static struct sg_tokenizer *load_text(void *dir, const char *name, const char *text, size_t n,
                                      struct sg_err *err)
{
    struct sg_tokenizer *t = NULL;
    char *path = temp_path(dir, name);
    assert_int_equal(sg_file_write(path, text, n, err), SG_OK);
    sg_status status = sg_tokenizer_load(dir, &t, err);
    assert_true(status == SG_OK || status == SG_INPUT);
    assert_int_equal(unlink(path), 0);
    sg_free(path);
    return t;
}

static char *repeat(const char *unit, size_t n)
{
    size_t len = strlen(unit);
    char *text = sg_alloc(n * len + 1, 1);
    assert_non_null(text);
    for (size_t i = 0; i < n; i++)
        memcpy(text + i * len, unit, len);
    return text;
}

/* Processor time that is left for sanitizers to use; without a bound each of these tests takes minutes. */
static void assert_quick(clock_t begin)
{
    assert_true((double)(clock() - begin) / CLOCKS_PER_SEC < 60.0);
}

/* WordPiece: the longest words that a file can ask for, no part of which is longer than a letter, beside tokens of a
 * million letters. */
static void long_words_and_tokens_take_no_time(void **state)
{
    struct sg_err err;
    char *token = repeat("a", 1000000), *text = repeat("aaaaaaaab", 110 * 200);
    struct sg_buf b = sg_buf_make(4 << 20);
    int32_t ids[16];
    int64_t n;
    sg_buf_printf(
        &b,
        "{" WP_STEPS "," WP_POST
        ",\"model\":{\"type\":\"WordPiece\",\"max_input_chars_per_word\":1024,\"vocab\":{\"[UNK]\":0,"
        "\"[CLS]\":1,\"[SEP]\":2,\"a\":3,\"##a\":4,\"##b\":5,\"%s\":6,\"##%s\":7}}}",
        token, token);
    clock_t begin = clock();
    struct sg_tokenizer *t = load_text(*state, "tokenizer.json", sg_buf_text(&b), b.len, &err);
    assert_non_null(t);
    for (size_t at = 990; text[at]; at += 990)
        text[at] = ' ';
    assert_int_equal(sg_tokenizer_encode(t, text, NULL, SG_CUT_LONGEST, 16, ids, NULL, &n, NULL), SG_OK);
    assert_int_equal(n, 16);
    assert_int_equal(ids[2], 4);
    assert_quick(begin);
    sg_tokenizer_destroy(t);
    sg_buf_free(&b);
    sg_free(token);
    sg_free(text);
}

/* Added tokens that agree with the text for a long time, and one that would agree for too long. */
static void many_added_tokens_take_no_time(void **state)
{
    struct sg_err err;
    char *text = repeat("a", 300000);
    struct sg_buf b = sg_buf_make(4 << 20);
    int32_t ids[16];
    int64_t n;
    sg_buf_puts(&b, "{" WP_STEPS "," WP_POST "," WP_MODEL ",\"added_tokens\":[{\"id\":5,\"content\":\"x\"}");
    for (int i = 6; i < 5000; i++)
        sg_buf_printf(&b, ",{\"id\":%d,\"content\":\"%.500s%d\"}", i, text, i);
    sg_buf_puts(&b, "]}");
    clock_t begin = clock();
    struct sg_tokenizer *t = load_text(*state, "tokenizer.json", sg_buf_text(&b), b.len, &err);
    assert_non_null(t);
    assert_int_equal(sg_tokenizer_encode(t, text, NULL, SG_CUT_LONGEST, 16, ids, NULL, &n, NULL), SG_OK);
    assert_quick(begin);
    sg_tokenizer_destroy(t);
    sg_buf_clear(&b);
    sg_buf_printf(&b, ADDED("{\"id\":5,\"content\":\"%.1025s\"}"), text);
    assert_null(load_text(*state, "tokenizer.json", sg_buf_text(&b), b.len, &err));
    assert_non_null(strstr(err.text, "longer than 1024 bytes"));
    sg_buf_free(&b);
    sg_free(text);
}

/* Ten million merges are more than a file may hold; two million are not. */
static void many_merges_take_no_time(void **state)
{
    static const char vocab[] = "{\"<s>\":0,\"</s>\":1,\"a\":2,\"aa\":3}";
    struct sg_err err;
    char *merges = repeat("a a\n", 10000000), *path = temp_path(*state, "vocab.json");
    assert_int_equal(sg_file_write(path, vocab, sizeof vocab - 1, &err), SG_OK);
    clock_t begin = clock();
    struct sg_tokenizer *t = load_text(*state, "merges.txt", merges, 8000000, &err);
    assert_non_null(t);
    sg_tokenizer_destroy(t);
    assert_null(load_text(*state, "merges.txt", merges, 40000000, &err));
    assert_non_null(strstr(err.text, "larger than"));
    assert_quick(begin);
    assert_int_equal(unlink(path), 0);
    sg_free(path);
    sg_free(merges);
}

static void survives_without_memory(void **state)
{
    (void)state;
    size_t before = sg_mem_now();
    for (int i = 0; i < N_TOKENIZERS; i++)
        for (long n = 1, fired = 1; fired; n++) {
            struct sg_tokenizer *t = NULL;
            struct sg_err err = {0};
            int32_t ids[16];
            int64_t n_ids;
            char *dir = sg_path_join(oracle, names[i]);
            sg_mem_fail_at(n);
            sg_status status = sg_tokenizer_load(dir, &t, &err);
            if (status == SG_OK)
                status = sg_tokenizer_encode(t, "The <mask> tram", "[SEP] a", SG_CUT_LONGEST, 16, ids, NULL,
                                             &n_ids, &err);
            fired = sg_mem_fail_at(0);
            assert_int_equal(status, fired ? SG_FAILED : SG_OK);
            sg_tokenizer_destroy(t);
            sg_free(dir);
            assert_int_equal(sg_mem_now(), before);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_ids_of_tokenizers),
        cmocka_unit_test(tells_about_itself),
        cmocka_unit_test(refuses_a_length_without_room),
        cmocka_unit_test(only_second_cuts_the_first_when_it_must),
        cmocka_unit_test(long_words_and_tokens_take_no_time),
        cmocka_unit_test(many_added_tokens_take_no_time),
        cmocka_unit_test(many_merges_take_no_time),
        cmocka_unit_test(takes_a_megabyte_of_one_word),
        cmocka_unit_test(refuses_hostile_files),
        cmocka_unit_test(refuses_hostile_vocab_files),
        cmocka_unit_test(survives_without_memory),
    };
    return cmocka_run_group_tests(tests, temp_setup, temp_teardown);
}
