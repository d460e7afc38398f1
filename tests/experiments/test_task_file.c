#include "scratch.h"

#include "base/mem.h"
#include "experiments/study/task_file.h"

static void test_single(void **state)
{
    (void)state;
    struct sg_task t;
    struct sg_err err = {0};
    assert_int_equal(sg_task_read("tasks/single.yaml", &t, &err), SG_OK);
    assert_string_equal(t.name, "single");
    assert_string_equal(t.title, "single");
    assert_string_equal(t.first, "text");
    assert_null(t.second);
    assert_string_equal(t.label, "label");
    assert_int_equal(t.cut, SG_CUT_LONGEST);
    assert_int_equal(t.n_classes, 2);
    assert_string_equal(t.class_[0].name, "no"); /* neither false nor "false" */
    assert_string_equal(t.class_[0].readable, "negative");
    assert_int_equal(sg_task_class(&t, "yes"), 1);
    assert_string_equal(t.train_file, "train.jsonl");
    assert_string_equal(t.test_file, "test.jsonl");
    assert_null(t.hf_id);
    assert_int_equal(t.max_tokens, 0);
    assert_string_equal(t.first_mark, "Review");
    assert_null(t.second_mark);
    assert_string_equal(t.prompt.few_shot, "{examples}\nOne more {class} review.");
    assert_null(t.prompt.system);
    assert_int_equal(strlen(t.digest), 64);
    sg_task_free(&t);
}

static void test_pair(void **state)
{
    (void)state;
    struct sg_task t;
    struct sg_err err = {0};
    assert_int_equal(sg_task_read("tasks/pair.yaml", &t, &err), SG_OK);
    assert_string_equal(t.first, "question");
    assert_string_equal(t.second, "passage");
    assert_string_equal(t.label, "answer");
    assert_int_equal(t.cut, SG_CUT_SECOND);
    assert_int_equal(t.n_classes, 3);
    assert_string_equal(t.train_file, "t.jsonl");
    assert_string_equal(t.hf_id, "some/set");
    assert_int_equal(t.max_tokens, 160);
    assert_string_equal(t.second_mark, "Passage");
    assert_true(t.second_comes_first);
    sg_task_free(&t);
}

static void test_bad(void **state)
{
    (void)state;
#define CLASH(a, b)                                                                                          \
    "t.yaml:2:10: classes: \"" a "\" and \"" b                                                               \
    "\" are two classes, but one name where case, blanks and punctuation do not count, as in an LLM's "      \
    "answers; hint: tell them apart by letters or digits (in the data files too, where these are the "       \
    "names there)"
#define HEAD "task: t\nclasses: {a: A, b: B}\n"
    static const struct {
        const char *text, *message;
    } row[] = {
        {"", "t.yaml: nothing in it; hint: experiments/tasks/boolq.yaml shows what a task file holds"},
        {"task: t\n", "t.yaml: \"classes\" is missing; hint: 2 to 1000 classes, `name in the data: readable "
                      "name in prompts`"},
        {"classes: {a: A, b: B}\n",
         "t.yaml: \"task\" is missing; hint: the task's name, the same as the file's: task: sst2"},
        {"task: t\nclasses: {a: A}\n", "t.yaml:2:10: classes: 1; a task has 2 to 1000"},
        {"task: t\nclasses: a\n",
         "t.yaml:2:10: classes must be a group, `name in the data: readable name`, a line each"},
        {"task: t\nclasses: {a: A, b: [B]}\n",
         "t.yaml:2:20: a class has one readable name, no list or group"},
        {"task: t\nclasses: {a: A, b: A}\n", "t.yaml:2:20: classes \"a\" and \"b\" have the same name"},
        {"task: t\nclasses: [a, a]\n", "t.yaml:2:14: classes \"a\" and \"a\" have the same name"},
        {"task: t\nclasses: {\"-1\": bad, \"1\": good}\n", CLASH("-1", "1")},
        {"task: t\nclasses: [C++, Java, \"C#\"]\n", CLASH("C++", "C#")},
        {"task: t\nclasses: [A, A+]\n", CLASH("A", "A+")},
        {"task: t\nclasses: {x: \"<5\", y: \">5\"}\n", CLASH("<5", ">5")},
        {"task: t\nclasses: [\"😀\", \"😢\"]\n", CLASH("😀", "😢")},
        {"task: t\nclasses: {a: x, b: A}\n", CLASH("a", "A")},
        {"task: t\nclasses: [New York, new-york]\n", CLASH("New York", "new-york")},
        {"task: a/b\nclasses: [a, b]\n", "t.yaml:1:7: task must be a name of at most 64 letters, digits, "
                                         "'.', '_' and '-' that begins with a letter or digit"},
        {HEAD "prompt: {}\n", "t.yaml:3:1: unknown setting \"prompt\"; hint: did you mean \"prompts\"?"},
        {HEAD "prompts: {zero_shots: x}\n",
         "t.yaml:3:11: unknown setting \"prompts.zero_shots\"; hint: did you mean \"prompts.zero_shot\"?"},
        {HEAD "prompts: {zero_shot: '{label}'}\n",
         "t.yaml:3:22: prompts.zero_shot: unknown placeholder {label}; hint: known here: {class}, {classes}; "
         "a brace itself is "
         "written {{ or }}"},
        {HEAD "prompts: {example: '{first} {second}'}\n",
         "t.yaml:3:20: prompts.example: unknown placeholder {second}; hint: known here: {class}, {classes}, "
         "{first}, {text}; a "
         "brace itself is written {{ or }}"},
        {HEAD "prompts: {zero_shot: '{class'}\n", NULL},
        {HEAD "prompts: {zero_shot: '{ class }'}\n", NULL},
        {HEAD "prompts: {zero_shot: '{'}\n", NULL},
        {HEAD "prompts: {zero_shot: '{class} }'}\n",
         "t.yaml:3:22: prompts.zero_shot: a } without its {; hint: a brace itself is written }}"},
        {HEAD "prompts: {zero_shot: 'Write. {{class}}'}\n",
         "t.yaml:3:22: prompts.zero_shot does not use {class}; hint: it must"},
        {HEAD "prompts: {topics: 'Topics.'}\n",
         "t.yaml:3:19: prompts.topics does not use {n}; hint: it must"},
        {HEAD "truncate: second\n",
         "t.yaml:3:11: truncate must be one of longest_first, only_second, not \"second\""},
        {HEAD "truncate: only_second\n",
         "t.yaml: truncate: only_second is for pairs, but fields.second is not set"},
        {HEAD "fields: {first: a, second: b}\n",
         "t.yaml:3:28: a pair needs marks.second; hint: marks: {first: Premise, second: Hypothesis}"},
        {HEAD "fields: {first: a, second: b}\nmarks: {first: X, second: X}\n",
         "t.yaml:4:27: marks.first and marks.second are the same word, \"X\""},
        {HEAD "marks: {first: \"a\\nb\"}\n", "t.yaml:3:16: marks.first must be one line"},
        {HEAD "max_tokens: many\n",
         "t.yaml:3:13: max_tokens must be a whole number from 1 to 1000000 tokens, or empty, not \"many\""},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sg_task t = {.n_classes = 7};
        struct sg_err err = {0};
        size_t before = sg_mem_now();
        put("t.yaml", row[i].text);
        assert_int_equal(sg_task_read("t.yaml", &t, &err), SG_INPUT);
        if (row[i].message)
            assert_string_equal(err.text, row[i].message);
        assert_int_equal(t.n_classes, 7);
        assert_int_equal(sg_mem_now(), before);
    }
}

/* Wordings that only some studies use leave the digest, and so the pools of the others, as they are. */
static void test_wordings(void **state)
{
    (void)state;
    static const char more[] = "unconditioned:\n"
                               "  zero_shot: One of {classes}.\n"
                               "# a remark inside\n"
                               "method_prompts:\n"
                               "  error_driven: |-\n"
                               "    Wrong:\n"
                               "\n"
                               "    {examples}\n"
                               "    One {class} one.\n"
                               "prompt_variants:\n"
                               "  formal:\n"
                               "    system: You are formal.\n"
                               "    zero_shot: |-\n"
                               "      Sir, a {class} one.\n"
                               "\n"
                               "    unconditioned: {zero_shot: 'Sir: {classes}.'}\n"
                               "  terse: {zero_shot: '{class}:'}\n";
    static const char base[] =
        "task: t\nclasses: {a: A, b: B}\nprompts:\n  zero_shot: A {class} one.\n  topics: '{n} things'\n";
    char text[2000];
    struct sg_task plain, t;
    struct sg_prompts w;
    struct sg_err err = {0};
    put("t.yaml", base);
    assert_int_equal(sg_task_read("t.yaml", &plain, &err), SG_OK);
    for (int order = 0; order < 2; order++) {
        snprintf(text, sizeof text, "%s%s", order ? more : base, order ? base : more);
        put("t.yaml", text);
        assert_int_equal(sg_task_read("t.yaml", &t, &err), SG_OK);
        assert_string_equal(t.digest, plain.digest);
        assert_int_equal(t.n_variants, 2);
        assert_true(sg_task_wording(&t, "default", SG_BY_LABEL, &w));
        assert_string_equal(w.zero_shot, "A {class} one.");
        assert_null(w.system);
        assert_string_equal(w.error_driven, "Wrong:\n\n{examples}\nOne {class} one.");
        assert_true(sg_task_wording(&t, "default", SG_BY_NONE, &w));
        assert_null(w.error_driven);
        assert_string_equal(w.zero_shot, "One of {classes}.");
        assert_true(sg_task_wording(&t, "formal", SG_BY_LABEL, &w));
        assert_string_equal(w.zero_shot, "Sir, a {class} one.");
        assert_string_equal(w.system, "You are formal.");
        assert_string_equal(w.topics, "{n} things"); /* the task's own */
        assert_non_null(w.error_driven);
        assert_true(sg_task_wording(&t, "formal", SG_BY_NONE, &w));
        assert_string_equal(w.zero_shot, "Sir: {classes}.");
        assert_true(sg_task_wording(&t, "terse", SG_BY_NONE, &w));
        assert_null(w.zero_shot); /* not the labelled prompt, and not another wording's */
        assert_false(sg_task_wording(&t, "none", SG_BY_LABEL, &w));
        sg_task_free(&t);
    }
    snprintf(text, sizeof text, "%s# another file\n%s", base, more);
    put("t.yaml", text);
    assert_int_equal(sg_task_read("t.yaml", &t, &err), SG_OK);
    assert_string_not_equal(t.digest, plain.digest);
    sg_task_free(&t);
    sg_task_free(&plain);
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"unconditioned: {zero_shot: 'A {class} one of {classes}'}\n", "unknown placeholder {class}"},
        {"method_prompts: {error_driven: 'A {class} one'}\n",
         "method_prompts.error_driven does not use {examples}"},
        {"prompt_variants: {v: {error_driven: '{examples}'}}\n", "error_driven does not use {class}"},
        {"unconditioned: {zero_shot: 'Any.'}\n", "unconditioned.zero_shot does not use {classes}"},
        {"prompt_variants: {x: {zero_shot: 'Any.'}}\n", "zero_shot does not use {class}"},
        {"prompt_variants: {default: {zero_shot: '{class}'}}\n", "another name"},
        {"prompt_variants: {'a b': {zero_shot: '{class}'}}\n", "a prompt variant"},
        {"prompt_variants: [formal]\n", "must be a group"},
        {"prompt_variants: {x: {zero_shott: '{class}'}}\n", "zero_shot"},
        {"prompt_variants: {x: text}\n", ""},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(text, sizeof text, "%s%s", base, bad[i].text);
        put("t.yaml", text);
        assert_int_equal(sg_task_read("t.yaml", &t, &err), SG_INPUT);
        if (!strstr(err.text, bad[i].message) || !strstr(err.text, "t.yaml"))
            fail_msg("\"%s\": %s", bad[i].text, err.text);
    }
}

/* Where rows come from is no part of the digest either. */
static void test_source(void **state)
{
    (void)state;
    struct sg_task plain, t;
    struct sg_err err = {0};
    put("t.yaml", HEAD "title: T\n");
    assert_int_equal(sg_task_read("t.yaml", &plain, &err), SG_OK);
    assert_true(!plain.source.hf && !plain.source.revision && !plain.source.n_train);
    assert_string_equal(plain.source.test_split, "test");
    put("t.yaml", HEAD "source:\n  # a remark\n  hf: me/rows\n  test: validation\n  train_rows: 12\n  "
                       "licence: mine\ntitle: T\n");
    assert_int_equal(sg_task_read("t.yaml", &t, &err), SG_OK);
    assert_string_equal(t.digest, plain.digest);
    assert_string_equal(t.source.hf, "me/rows");
    assert_string_equal(t.source.train_split, "train");
    assert_string_equal(t.source.test_split, "validation");
    assert_string_equal(t.source.licence, "mine");
    assert_int_equal(t.source.n_train, 12);
    sg_task_free(&t);
    sg_task_free(&plain);
    put("t.yaml", HEAD "source: {rows: 3}\n");
    assert_int_equal(sg_task_read("t.yaml", &t, &err), SG_INPUT);
}

/* Further test sets: by name, whatever their order, and no part of the digest. */
static void test_test_sets(void **state)
{
    (void)state;
    struct sg_task plain, t;
    struct sg_err err = {0};
    put("t.yaml", HEAD "title: T\n");
    assert_int_equal(sg_task_read("t.yaml", &plain, &err), SG_OK);
    assert_int_equal(plain.n_test_sets, 0);
    static const char *const good[] = {
        HEAD "test_sets: {medical: m.jsonl, legal: /l/l.csv}\ntitle: T\n",
        HEAD "test_sets:\n  legal: /l/l.csv\n  # a remark\n  medical: m.jsonl\ntitle: T\n",
        HEAD "title: T\ntest_sets:\n  medical: m.jsonl\n  legal: \"/l/l.csv\"\n"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        put("t.yaml", good[i]);
        if (sg_task_read("t.yaml", &t, &err) != SG_OK)
            fail_msg("%zu: %s", i, err.text);
        assert_int_equal(t.n_test_sets, 2);
        assert_string_equal(t.test_set[0].name, "legal");
        assert_string_equal(t.test_set[0].file, "/l/l.csv");
        assert_string_equal(t.test_set[1].name, "medical");
        assert_string_equal(t.test_set[1].file, "m.jsonl");
        assert_string_equal(t.digest, plain.digest);
        sg_task_free(&t);
    }
    put("t.yaml", HEAD "test_sets:\n");
    assert_int_equal(sg_task_read("t.yaml", &t, &err), SG_OK);
    assert_int_equal(t.n_test_sets, 0);
    sg_task_free(&t);
    sg_task_free(&plain);
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"test_sets: medical.jsonl\n", "t.yaml:3:12: test_sets must be a group"},
        {"test_sets: [medical.jsonl]\n", "t.yaml:3:12: test_sets must be a group"},
        {"test_sets: {test: a.jsonl}\n", "t.yaml:3:13: a test set cannot be called \"test\""},
        {"test_sets: {train: a.jsonl}\n", "hint: data.train names that file"},
        {"test_sets: {a/b: a.jsonl}\n", "a test set must be a name"},
        {"test_sets: {a: }\n", "test_sets.a must be the name of a file"},
        {"test_sets: {a: [b, c]}\n", "test_sets.a must be the name of a file"},
        {"test_sets: {a: \"b\\nc\"}\n", "must be one line"},
        {"test_sets: {a: b, a: c}\n", "\"a\""},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[400];
        size_t before = sg_mem_now();
        snprintf(text, sizeof text, HEAD "%s", bad[i].text);
        put("t.yaml", text);
        assert_int_equal(sg_task_read("t.yaml", &t, &err), SG_INPUT);
        if (!strstr(err.text, bad[i].message))
            fail_msg("\"%s\": %s", bad[i].text, err.text);
        assert_int_equal(sg_mem_now(), before);
    }
}

/* What the contamination probe is told leaves the task, and so its pools, as they are. */
static void test_contamination(void **state)
{
    (void)state;
    struct sg_task t, plain;
    struct sg_err err;
    put("t.yaml", HEAD);
    assert_int_equal(sg_task_read("t.yaml", &plain, &err), SG_OK);
    assert_null(plain.contamination.data_set);
    put("t.yaml",
        HEAD "contamination:\n  data_set: SST-2\n  guided: \"{data_set} {split} {label} {first_mark} "
             "{part} {second_mark}\"\n  general: \"{part}\"\n");
    assert_int_equal(sg_task_read("t.yaml", &t, &err), SG_OK);
    assert_string_equal(t.digest, plain.digest);
    assert_string_equal(t.contamination.data_set, "SST-2");
    assert_null(t.contamination.split);
    assert_string_equal(t.contamination.general, "{part}");
    sg_task_free(&t);
    sg_task_free(&plain);
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"contamination: {guided: '{part}'}\n", "t.yaml:3:25: contamination.guided does not use {data_set}"},
        {"contamination: {general: 'go on'}\n", "t.yaml:3:26: contamination.general does not use {part}"},
        {"contamination: {general: '{part} {data_set}'}\n",
         "unknown placeholder {data_set}; hint: known here: {label}, {part}, {first_mark}, {second_mark};"},
        {"contamination: {data_set: \"a\\nb\"}\n", "contamination.data_set must be one line"},
        {"contamination: {dataset: x}\n", "data_set"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[400];
        size_t before = sg_mem_now();
        snprintf(text, sizeof text, HEAD "%s", bad[i].text);
        put("t.yaml", text);
        assert_int_equal(sg_task_read("t.yaml", &t, &err), SG_INPUT);
        if (!strstr(err.text, bad[i].message))
            fail_msg("\"%s\": %s", bad[i].text, err.text);
        assert_int_equal(sg_mem_now(), before);
    }
}

static void test_class_forms(void **state)
{
    (void)state;
    struct sg_task t;
    struct sg_err err = {0};
    put("t.yaml", "task: t\nclasses: [no, 1, 'null']\n");
    assert_int_equal(sg_task_read("t.yaml", &t, &err), SG_OK);
    assert_int_equal(t.n_classes, 3);
    assert_string_equal(t.class_[0].readable, "no");
    assert_string_equal(t.class_[2].name, "null");
    sg_task_free(&t);
    put("t.yaml", "task: t\nclasses:\n  false:\n  2 stars: two stars\n");
    assert_int_equal(sg_task_read("t.yaml", &t, &err), SG_OK);
    assert_string_equal(t.class_[0].name, "false");
    assert_string_equal(t.class_[0].readable, "false");
    assert_string_equal(t.class_[1].name, "2 stars");
    sg_task_free(&t);
}

static void test_memory(void **state)
{
    (void)state;
    size_t before = sg_mem_now();
    for (long n = 1; n < 1000; n++) {
        sg_mem_fail_at(n);
        struct sg_task t;
        struct sg_err err = {0};
        sg_status status = sg_task_read("tasks/pair.yaml", &t, &err);
        int fired = sg_mem_fail_at(0);
        if (status == SG_OK)
            sg_task_free(&t);
        assert_int_equal(sg_mem_now(), before);
        if (!fired)
            return;
        assert_int_equal(status, SG_FAILED);
    }
    fail();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single),        cmocka_unit_test(test_pair),
        cmocka_unit_test(test_bad),           cmocka_unit_test(test_wordings),
        cmocka_unit_test(test_source),        cmocka_unit_test(test_test_sets),
        cmocka_unit_test(test_contamination), cmocka_unit_test(test_class_forms),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
