#include "scratch.h"

#include "base/mem.h"
#include "experiments/study/lacks.h"
#include "experiments/study/study.h"

static struct sg_study *make(const char *override)
{
    struct sg_study *s = NULL;
    struct sg_err err = {0};
    put("s.yaml", "study: x\ntasks: [single, pair]\nmethods: [zero_shot]\nsizes: [1]\nraw: [1]\n");
    if (sg_study_read("s.yaml", override != NULL, &override, &s, &err) != SG_OK)
        fail_msg("%s", err.text);
    return s;
}

static int enter(void **state)
{
    scratch_enter(state);
    assert_int_equal(mkdir("data", 0777) | mkdir("data/single", 0777) | mkdir("data/pair", 0777), 0);
    put("data/single/train.jsonl",
        "{\"text\": \"a\", \"label\": \"no\"}\n\n{\"text\": \"b\", \"label\": \"yes\"}\n");
    put("data/single/test.jsonl", "{\"text\": \"c\", \"label\": \"yes\"}\n");
    put("data/pair/t.jsonl", "{\"question\": \"q\", \"passage\": \"p\", \"answer\": \"c\"}\n");
    put("data/pair/test.csv", "passage,answer,question\n\"p\n2\",a,q2\np3,b,q3\n");
    return 0;
}

static void test_read(void **state)
{
    (void)state;
    struct sg_study *s = make(NULL);
    struct sg_task_data d;
    struct sg_err err = {0};
    assert_int_equal(sg_task_data_read(s, 0, &d, &err), SG_OK);
    assert_int_equal(d.train.n, 2);
    assert_int_equal(d.train_label[0], 0);
    assert_int_equal(d.train_label[1], 1);
    assert_int_equal(d.train.row[1].line, 3);
    assert_int_equal(d.test_label[0], 1);
    assert_int_equal(strlen(d.digest), 64);
    sg_task_data_free(&d);
    sg_study_destroy(s);
    s = make("data.test=test.csv");
    assert_int_equal(sg_task_data_read(s, 1, &d, &err), SG_OK);
    assert_string_equal(d.test.row[0].first, "q2");
    assert_string_equal(d.test.row[0].second, "p\n2");
    assert_int_equal(d.test.row[0].line, 2);
    assert_int_equal(d.test.row[1].line, 4);
    assert_int_equal(d.train_label[0], 2);
    sg_task_data_free(&d);
    sg_study_destroy(s);
}

/* Columns and labels as the Hub, pandas and R have them read as the task's own; what was read so is in the notes. */
static void test_as_elsewhere(void **state)
{
    (void)state;
    static const struct {
        int task;
        const char *text, *label, *note; /* label: of each row, as a digit */
    } row[] = {
        {0, "{\"sentence\": \"a\", \"label\": 1, \"idx\": 0}\n{\"sentence\": \"b\", \"label\": 0}\n", "10",
         "labels are numbers, read as classes in the task file's order: 0 is no, 1 is yes"},
        {0, "{\"text\": \"a\", \"label\": 1.0}\n{\"text\": \"b\", \"label\": \"0\"}\n", "10",
         "0 is no, 1 is yes"},
        {0,
         "{\"text\": \"a\", \"label\": 1}\n{\"text\": \"b\", \"label\": -1}\n{\"text\": \"c\", \"label\": "
         "0}\n",
         "10", "1 of 3 rows have the label -1"},
        {0, "{\"text\": \"a\", \"gold_label\": \"yes\"}\n{\"text\": \"b\", \"gold_label\": \"-\"}\n", "1",
         "labels are read from `gold_label`"},
        {0, "{\"text\": \"a\", \"label\": \"yes\", \"score\": NaN}\n", "1", NULL},
        {1,
         "{\"question\": \"q\", \"passage\": \"p\", \"label\": 2}\n{\"question\": \"q\", \"passage\": \"r\", "
         "\"label\": 0}\n",
         "20", "has no column `answer`: labels are read from `label`"},
        {2,
         "{\"question\": \"q\", \"answer\": true, \"passage\": \"p\"}\n{\"question\": \"q\", \"answer\": "
         "false, \"passage\": \"r\"}\n",
         "10", "has no column `label`: labels are read from `answer`"},
        {2, "{\"question\": \"q\", \"passage\": \"p\", \"label\": \"TRUE\"}\n", "1", NULL},
        {3, "{\"text\": \"a\", \"label\": -1}\n{\"text\": \"b\", \"label\": 5.0}\n", "01",
         NULL}, /* -1 is a class */
    };
    put("tasks/truth.yaml", "task: truth\nfields: {first: question, second: passage, label: label}\nclasses: "
                            "{\"false\": \"no\", \"true\": "
                            "\"yes\"}\nmarks: {first: Q, second: P}\nprompts:\n  zero_shot: A {class}.\n");
    put("tasks/minus.yaml",
        "task: minus\nclasses: {\"-1\": bad, \"5\": good}\nprompts:\n  zero_shot: A {class}.\n");
    put("s.yaml", "study: x\ntasks: [single, pair, truth, minus]\nmixes: [raw]\nraw: [1]\ndata: {dir: data, "
                  "train: e.jsonl, test: e.jsonl}\n");
    struct sg_study *s = NULL;
    struct sg_err err = {0};
    if (sg_study_read("s.yaml", 0, NULL, &s, &err) != SG_OK)
        fail_msg("%s", err.text);
    mkdir("data/truth", 0777);
    mkdir("data/minus", 0777);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        char path[64];
        struct sg_task_data d;
        snprintf(path, sizeof path, "data/%s/e.jsonl", s->task[row[i].task].name);
        put(path, row[i].text);
        if (sg_task_data_read(s, row[i].task, &d, &err) != SG_OK)
            fail_msg("%zu: %s", i, err.text);
        assert_int_equal(d.train.n, strlen(row[i].label));
        for (int64_t k = 0; k < d.train.n; k++) {
            assert_int_equal(d.train_label[k], row[i].label[k] - '0');
            assert_string_equal(d.train.row[k].label, s->task[row[i].task].class_[d.train_label[k]].name);
        }
        if (row[i].note ? !d.train.notes || !strstr(d.train.notes, row[i].note) : d.train.notes != NULL)
            fail_msg("%zu: %s", i, d.train.notes ? d.train.notes : "no note");
        sg_task_data_free(&d);
    }
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"{\"text\": \"a\", \"label\": -1}\n{\"text\": \"b\", \"label\": -1}\n",
         "data/single/e.jsonl: all 2 rows have the label -1, which says that there is none"},
        {"{\"text\": \"a\", \"label\": -1}\n{\"text\": \"b\", \"label\": 0}\n", /* from -1 to K-2 */
         "data/single/e.jsonl: 1 row has the label -1, and none has 1, the index of the last class (yes)"},
        {"{\"text\": \"a\", \"label\": 1}\n{\"text\": \"b\", \"label\": 2}\n",
         "data/single/e.jsonl:1: unknown label \"1\"; hint: task single knows the classes no, yes; numbers "
         "are read as their indices, "
         "from 0, where all labels of the file are"},
        {"{\"text\": \"a\", \"label\": 1}\n{\"text\": \"b\", \"label\": 1}\n",
         "data/single/e.jsonl:1: unknown label \"1\""},
        {"{\"text\": \"When is it?\", \"text_pair\": \"In May.\", \"label\": \"no\"}\n",
         "data/single/e.jsonl: pairs of `text` and `text_pair`, but the task has single texts"},
        {"{\"text\": \"a\", \"label\": [\"no\"]}\n", "data/single/e.jsonl:1: field \"label\" is a list"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sg_task_data d;
        put("data/single/e.jsonl", bad[i].text);
        assert_int_equal(sg_task_data_read(s, 0, &d, &err), SG_INPUT);
        if (strncmp(err.text, bad[i].message, strlen(bad[i].message)) != 0)
            fail_msg("%zu: %s", i, err.text);
    }
    sg_study_destroy(s);
}

/* data.quotes of the task file, and of the study, which comes first. */
static void test_quotes(void **state)
{
    (void)state;
    put("tasks/quoted.yaml", "task: quoted\nclasses: [\"no\", \"yes\"]\ndata: {train: q.tsv, test: q.tsv, "
                             "quotes: csv}\nprompts:\n  zero_shot: A {class}.\n");
    mkdir("data/quoted", 0777);
    put("data/quoted/q.tsv", "text\tlabel\n\"great film\"\tyes\nno, I think\tno\n");
    static const char *const override[] = {NULL, "data.quotes=plain", "data.quotes=csv"};
    for (int i = 0; i < 3; i++) {
        struct sg_study *s = NULL;
        struct sg_task_data d;
        struct sg_err err = {0};
        put("s.yaml", "study: x\ntasks: [quoted]\nmixes: [raw]\nraw: [1]\n");
        if (sg_study_read("s.yaml", override[i] != NULL, &override[i], &s, &err) != SG_OK ||
            sg_task_data_read(s, 0, &d, &err) != SG_OK)
            fail_msg("%s", err.text);
        assert_string_equal(d.train.row[0].first, i == 1 ? "\"great film\"" : "great film");
        sg_task_data_free(&d);
        sg_study_destroy(s);
    }
}

static void test_digest(void **state)
{
    (void)state;
    static const char *const text[] = {
        "{\"text\": \"a\", \"label\": \"no\"}\n{\"text\": \"b\", \"label\": \"yes\"}\n",
        "{\"label\": \"no\", \"text\": \"a\", \"x\": 1}\n{\"text\": \"b\", \"label\": \"yes\"}", /* the same
                                                                                                    rows */
        "{\"text\": \"b\", \"label\": \"yes\"}\n{\"text\": \"a\", \"label\": \"no\"}\n",
        "{\"text\": \"a\", \"label\": \"yes\"}\n{\"text\": \"b\", \"label\": \"yes\"}\n",
    };
    char digest[4][SG_HEX], test[2][SG_HEX];
    struct sg_study *s = make("data.train=d.jsonl");
    for (int i = 0; i < 4; i++) {
        struct sg_task_data d;
        struct sg_err err = {0};
        put("data/single/d.jsonl", text[i]);
        assert_int_equal(sg_task_data_read(s, 0, &d, &err), SG_OK);
        memcpy(digest[i], d.digest, SG_HEX);
        sg_task_data_free(&d);
    }
    assert_string_equal(digest[0], digest[1]);
    assert_string_not_equal(digest[0], digest[2]);
    assert_string_not_equal(digest[0], digest[3]);
    /* The same rows, whose labels are read otherwise. */
    for (int i = 0; i < 2; i++) {
        struct sg_task_data d;
        struct sg_err err = {0};
        assert_int_equal(sg_task_data_read(s, 0, &d, &err), SG_OK);
        memcpy(test[i], d.test_digest, SG_HEX);
        memcpy(digest[i], d.digest, SG_HEX);
        sg_task_data_free(&d);
        struct sg_class swap = s->task[0].class_[0];
        s->task[0].class_[0] = s->task[0].class_[1];
        s->task[0].class_[1] = swap;
    }
    assert_string_equal(digest[0], digest[1]);
    assert_string_not_equal(test[0], test[1]);
    sg_study_destroy(s);
}

static void test_bad(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } row[] = {
        {"{\"text\": \"a\", \"label\": \"no\"}\n\n{\"text\": \"b\", \"label\": \"maybe\\u001b\"}\n",
         "data/single/bad.jsonl:3: unknown label \"maybe?\"; hint: task single knows the classes no, yes"},
        {"{\"text\": \"a\", \"label\": true}\n",
         "data/single/bad.jsonl:1: unknown label \"true\"; hint: task single knows the classes no, yes"},
        {"", "data/single/bad.jsonl: no rows in it"},
        {"{\"text\": \"a\"}\n", "data/single/bad.jsonl:1: field \"label\" is missing"},
        {NULL, "task single: no file data/single/bad.jsonl; hint: data.dir, data.train and data.test say "
               "where the rows are"},
    };
    struct sg_study *s = make("data.train=bad.jsonl");
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sg_task_data d = {.train.n = 7};
        struct sg_err err = {0};
        size_t before = sg_mem_now();
        unlink("data/single/bad.jsonl");
        if (row[i].text)
            put("data/single/bad.jsonl", row[i].text);
        assert_int_equal(sg_task_data_read(s, 0, &d, &err), SG_INPUT);
        assert_memory_equal(err.text, row[i].message, strlen(row[i].message));
        assert_int_equal(d.train.n, 7);
        assert_int_equal(sg_mem_now(), before);
    }
    sg_study_destroy(s);
}

/* A file that `synthgrid fetch` can write is asked for with its command; one that it cannot is not. */
static void test_fetch_hint(void **state)
{
    (void)state;
    static const struct {
        const char *override, *more, *says;
    } row[] = {
        {"data.dir=none", "source: {hf: me/x}\n", "; `synthgrid fetch data single --dir none` gets it"},
        {NULL, "source: {hf: me/x}\ndata: {train: train.jsonl}\n", "; `synthgrid fetch data single` gets it"},
        {NULL, "source: {hf: me/x}\ndata: {train: other.jsonl}\n", NULL},
        {NULL, "", NULL},
        {NULL, "source: {elsewhere: the rows are in a drawer}\n", "; the rows are in a drawer"},
    };
    char text[2000];
    assert_int_equal(rename("data/single", "data/away"), 0);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sg_task_data d;
        struct sg_lacks lacks = {0};
        struct sg_err err = {0};
        snprintf(text, sizeof text, "%s%s", single_task, row[i].more);
        put("tasks/single.yaml", text);
        struct sg_study *s = make(row[i].override);
        assert_int_equal(sg_task_data_read(s, 0, &d, &err), SG_INPUT);
        assert_int_equal(sg_task_data_assume(s, 0, &d, &lacks, &err), SG_OK);
        int in_error = strstr(err.text, row[i].says ? row[i].says : "; `synthgrid") != NULL,
            in_lacks = strstr(lacks.item[0].text, row[i].says ? row[i].says : "; `synthgrid") != NULL;
        if (in_error != (row[i].says != NULL) || in_lacks != in_error)
            fail_msg("%zu: %s / %s", i, err.text, lacks.item[0].text);
        sg_task_data_free(&d);
        sg_lacks_free(&lacks);
        sg_study_destroy(s);
    }
    put("tasks/single.yaml", single_task);
    assert_int_equal(rename("data/away", "data/single"), 0);
}

enum { K = 3, N = 40 };

/* 10 rows of class 0, 25 of class 1, 5 of class 2. */
static void fill(struct sg_task_data *d, int32_t label[N])
{
    for (int i = 0; i < N; i++)
        label[i] = i % 4 == 0 ? 0 : i % 8 == 1 ? 2 : 1;
    *d = (struct sg_task_data){.train = {.n = N}, .train_label = label};
}

static void test_draw(void **state)
{
    (void)state;
    struct sg_task_data d;
    int32_t label[N];
    struct sg_err err = {0};
    fill(&d, label);
    int first_differs = 0;
    int64_t seed0[N];
    for (int64_t seed = 0; seed < 20; seed++) {
        int64_t all[N], part[N];
        assert_int_equal(sg_raw_draw(&d, K, N, seed, all, &err), SG_OK);
        if (seed == 0)
            memcpy(seed0, all, sizeof all);
        first_differs |= all[0] != seed0[0];
        int seen[N] = {0}, n_class[K] = {0};
        for (int j = 0; j < N; j++) {
            assert_true(all[j] >= 0 && all[j] < N && !seen[all[j]]++); /* each row once */
            n_class[label[all[j]]]++;
            if (j < 15) /* nobody is exhausted yet: counts differ by one at most */
                for (int k = 0; k < K; k++)
                    assert_in_range(n_class[k], (j + 1) / K, (j + 1 + K - 1) / K);
            if (j + 1 == 25) /* class 2 is used up, the others share */
                assert_true(n_class[0] == 10 && n_class[1] == 10 && n_class[2] == 5);
        }
        for (int64_t n = 0; n < N; n++) { /* a prefix of the larger */
            assert_int_equal(sg_raw_draw(&d, K, n, seed, part, &err), SG_OK);
            assert_memory_equal(part, all, (size_t)n * sizeof all[0]);
        }
    }
    assert_true(first_differs);
}

/* Where n is no multiple of K, which classes have a row more than others is drawn, too: no class has it in each draw. */
static void test_draw_class_order(void **state)
{
    (void)state;
    enum { N_SEEDS = 90 };
    struct sg_task_data d;
    int32_t label[N];
    struct sg_err err = {0};
    fill(&d, label);
    for (int64_t n = 1; n < 15; n++) {
        int n_more[K] = {0};
        for (int64_t seed = 0; seed < N_SEEDS; seed++) {
            int64_t index[N], n_class[K] = {0};
            assert_int_equal(sg_raw_draw(&d, K, n, seed, index, &err), SG_OK);
            for (int64_t j = 0; j < n; j++)
                n_class[label[index[j]]]++;
            for (int k = 0; k < K; k++)
                n_more[k] += n_class[k] > n / K;
        }
        for (int k = 0; k < K;
             k++) /* expected: 0, 30 or 60, with a standard deviation of 4.5; the seeds are fixed */
            assert_in_range(n_more[k], n % K * 30 - (n % K ? 16 : 0), n % K * 30 + (n % K ? 16 : 0));
    }
}

/* raw_draw: proportional. At every n each class is within a row of its share, a smaller number is the beginning of a larger, draws differ. */
static void test_draw_shares(void **state)
{
    (void)state;
    struct sg_task_data d;
    int32_t label[N];
    int64_t all[N], other[N], part[N];
    struct sg_err err = {0};
    fill(&d, label);
    d.draw = SG_RAW_PROPORTIONAL;
    assert_int_equal(sg_raw_draw(&d, K, N, 0, all, &err), SG_OK);
    assert_int_equal(sg_raw_draw(&d, K, N, 1, other, &err), SG_OK);
    assert_memory_not_equal(all, other, sizeof all);
    int n_class[K] = {0}, share[K] = {10, 25, 5}, seen[N] = {0};
    for (int n = 1; n <= N; n++) {
        assert_false(seen[all[n - 1]]++);
        n_class[label[all[n - 1]]]++;
        for (int k = 0; k < K; k++)
            assert_true(abs(N * n_class[k] - n * share[k]) <= N);
        assert_int_equal(sg_raw_draw(&d, K, n, 0, part, &err), SG_OK);
        assert_memory_equal(part, all, (size_t)n * sizeof all[0]);
    }
    assert_int_equal(sg_raw_draw(&d, K, N + 1, 0, all, &err), SG_INPUT);
}

/* Files are looked for in the task's folder, then beside the task file; the study's own names in the folder alone. */
static void test_beside(void **state)
{
    (void)state;
    struct sg_err err = {0};
    struct sg_task_data d;
    char absolute[300], cwd[200];
    assert_non_null(getcwd(cwd, sizeof cwd));
    put("tasks/mine.csv", "text,label\nbeside,no\nothers,yes\n");
    snprintf(absolute, sizeof absolute, "%s/tasks/mine.csv", cwd);
    struct sg_study *s = make(NULL);
    char *train = s->task[0].train_file;
    s->task[0].train_file = (char *)(uintptr_t) "mine.csv";
    assert_int_equal(sg_task_data_read(s, 0, &d, &err), SG_OK);
    assert_true(d.train_is_beside && !d.test_is_beside);
    assert_string_equal(d.train.row[0].first, "beside");
    assert_string_equal(d.train_path, "./tasks/mine.csv");
    sg_task_data_free(&d);
    put("data/single/mine.csv", "text,label\nin the folder,no\nothers,yes\n");
    assert_int_equal(sg_task_data_read(s, 0, &d, &err), SG_OK);
    assert_string_equal(d.train.row[0].first, "in the folder");
    assert_false(d.train_is_beside);
    sg_task_data_free(&d);
    s->task[0].train_file = absolute;
    assert_int_equal(sg_task_data_read(s, 0, &d, &err), SG_OK);
    assert_string_equal(d.train.row[0].first, "beside");
    sg_task_data_free(&d);
    s->task[0].train_file = (char *)(uintptr_t) "none.csv";
    assert_int_equal(sg_task_data_read(s, 0, &d, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "no file data/single/none.csv, nor none.csv beside the task file"));
    assert_int_equal(unlink("data/single/mine.csv"), 0);
    s->train_name = (char *)(uintptr_t) "mine.csv";
    assert_int_equal(sg_task_data_read(s, 0, &d, &err), SG_INPUT);
    s->task[0].train_file = train;
    sg_study_destroy(s);
}

/* A study with the task "single" and these further test sets. */
static struct sg_study *make_with_sets(const char *sets)
{
    static const char task[] = "task: sets\nclasses: {\"no\": negative, \"yes\": positive}\nprompts: "
                               "{zero_shot: 'A {class}.'}\n";
    char text[600];
    struct sg_study *s = NULL;
    struct sg_err err = {0};
    snprintf(text, sizeof text, "%s%s", task, sets);
    put("tasks/sets.yaml", text);
    put("s.yaml", "study: x\ntasks: [sets]\nmethods: [zero_shot]\nsizes: [1]\nraw: [1]\n");
    if (sg_study_read("s.yaml", 0, NULL, &s, &err) != SG_OK)
        fail_msg("%s", err.text);
    return s;
}

/* What a cell predicts: the test rows, then each set by name; which counts for cells, and leaves the digest of the task's own rows. */
static void test_sets_of_rows(void **state)
{
    (void)state;
    struct sg_err err = {0};
    struct sg_task_data none, d, e;
    char digest[SG_HEX];
    size_t before = sg_mem_now();
    mkdir("data/sets", 0777);
    put("data/sets/train.jsonl",
        "{\"text\": \"a\", \"label\": \"no\"}\n{\"text\": \"b\", \"label\": \"yes\"}\n");
    put("data/sets/test.jsonl", "{\"text\": \"c\", \"label\": \"yes\"}\n");
    struct sg_study *s = make_with_sets("");
    assert_int_equal(sg_task_data_read(s, 0, &none, &err), SG_OK);
    assert_string_equal(none.cell_digest, none.digest);
    assert_true(none.held_out.n == 1 && none.held_out.row == none.test.row);
    sg_study_destroy(s);

    put("data/sets/m.csv", "label,text\n1,m1\n0,m2\n");             /* indices, as in any file */
    put("tasks/l.jsonl", "{\"text\": \"l\", \"label\": \"no\"}\n"); /* beside the task file */
    put("data/sets/bundled.jsonl", "{\"text\": \"x\", \"label\": \"yes\"}\n");
    s = make_with_sets("test_sets: {medical: m.csv, legal: l.jsonl, bundled: gone.csv}\n");
    assert_int_equal(sg_task_data_read(s, 0, &d, &err), SG_OK);
    static const char *const first[] = {"c", "x", "l", "m1", "m2"};
    static const int label[] = {1, 1, 0, 1, 0};
    assert_int_equal(d.held_out.n, 5);
    for (int i = 0; i < 5; i++) {
        assert_string_equal(d.held_out.row[i].first, first[i]);
        assert_int_equal(d.held_out_label[i], label[i]);
    }
    assert_true(d.n_sets == 3 && d.set[1].is_beside && !d.set[2].is_beside && d.set[2].rows.n == 2);
    assert_string_equal(d.set[2].name, "medical");
    assert_string_equal(d.digest, none.digest);
    assert_string_not_equal(d.cell_digest, none.digest);
    memcpy(digest, d.cell_digest, SG_HEX);
    sg_task_data_free(&d);
    sg_study_destroy(s);

    s = make_with_sets("test_sets:\n  legal: l.jsonl\n  bundled: gone.csv\n  medical: m.csv\n");
    assert_int_equal(sg_task_data_read(s, 0, &e, &err), SG_OK);
    assert_string_equal(e.cell_digest, digest);
    sg_task_data_free(&e);
    /* A label, a text, a name: each counts. */
    static const char *const rows[] = {"label,text\n1,m1\n1,m2\n", "label,text\n1,m1\n0,m3\n",
                                       "label,text\n1,m1\n0,m2\n"};
    for (int i = 0; i < 3; i++) {
        put("data/sets/m.csv", rows[i]);
        assert_int_equal(sg_task_data_read(s, 0, &e, &err), SG_OK);
        assert_int_equal(strcmp(e.cell_digest, digest) == 0, i == 2);
        sg_task_data_free(&e);
    }
    sg_study_destroy(s);
    s = make_with_sets("test_sets: {medicine: m.csv, legal: l.jsonl, bundled: gone.csv}\n");
    assert_int_equal(sg_task_data_read(s, 0, &e, &err), SG_OK);
    assert_string_not_equal(e.cell_digest, digest);
    sg_task_data_free(&e);
    sg_study_destroy(s);
    sg_task_data_free(&none);
    assert_int_equal(sg_mem_now(), before);
}

static void test_bad_sets(void **state)
{
    (void)state;
    static const struct {
        const char *rows, *message;
        int is_wrong;
    } row[] = {
        {NULL,
         "task sets: no file data/sets/w.jsonl, nor w.jsonl beside the task file; hint: data.dir and the "
         "task "
         "file's test_sets.wrong say where the rows are",
         0},
        {"{\"text\": \"a\", \"label\": \"maybe\"}\n", "w.jsonl:1: unknown label \"maybe\"", 1},
        {"{\"text\": \"a\"}\n", "w.jsonl:1", 1},
        {"{\"question\": \"a b\", \"passage\": \"c d\", \"label\": \"no\"}\n", "w.jsonl", 1},
        {"", "w.jsonl", 1},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct sg_err err = {0};
        struct sg_task_data d;
        struct sg_lacks lacks = {0};
        size_t before = sg_mem_now();
        struct sg_study *s = make_with_sets("test_sets: {wrong: w.jsonl, good: test.jsonl}\n");
        if (row[i].rows)
            put("data/sets/w.jsonl", row[i].rows);
        assert_int_equal(sg_task_data_read(s, 0, &d, &err), SG_INPUT);
        if (!strstr(err.text, row[i].message))
            fail_msg("%zu: %s", i, err.text);
        /* For an estimate something stands for it. */
        assert_int_equal(sg_task_data_assume(s, 0, &d, &lacks, &err), SG_OK);
        assert_true(lacks.n == 1 && lacks.item[0].is_wrong == row[i].is_wrong);
        assert_true(d.set[1].is_assumed && d.set[1].rows.n == SG_ASSUMED_TEST_ROWS && !d.set[0].is_assumed);
        assert_int_equal(d.held_out.n, 2 + SG_ASSUMED_TEST_ROWS);
        sg_task_data_free(&d);
        sg_lacks_free(&lacks);
        sg_study_destroy(s);
        assert_int_equal(sg_mem_now(), before);
    }
}

static void test_draw_too_many(void **state)
{
    (void)state;
    struct sg_task_data d;
    int32_t label[N];
    int64_t index[N + 1];
    struct sg_err err = {0};
    fill(&d, label);
    d.train_path = (char *)(uintptr_t) "data/x/train.jsonl";
    assert_int_equal(sg_raw_draw(&d, K, N + 1, 0, index, &err), SG_INPUT);
    assert_string_equal(
        err.text,
        "raw asks for 41 examples, but data/x/train.jsonl has 40 rows; hint: smaller numbers in raw, or "
        "more data");
}

/* Each class with its share, the same rows each time, a larger number holds a smaller one. */
static void test_test_draw(void **state)
{
    (void)state;
    enum { N_TEST = 100 };
    int32_t label[N_TEST];
    int64_t index[N_TEST], small[N_TEST];
    struct sg_err err = {0};
    for (int i = 0; i < N_TEST; i++)
        label[i] = i % 10 == 0 ? 1 : i % 10 < 4 ? 2 : 0; /* 60, 10, 30 */
    struct sg_task_data d = {.test = {.n = N_TEST}, .test_label = label};
    for (int64_t n = 0; n <= N_TEST; n += 10) {
        int64_t of[3] = {0}, seen = 0;
        assert_int_equal(sg_test_draw(&d, 3, n, index, &err), SG_OK);
        for (int64_t i = 0; i < n; i++) {
            assert_true(i == 0 || index[i] > index[i - 1]);
            of[label[index[i]]]++;
        }
        assert_true(llabs(10 * of[0] - 6 * n) <= 10 && llabs(10 * of[1] - n) <= 10 &&
                    llabs(10 * of[2] - 3 * n) <= 10);
        for (int64_t i = 0, k = 0; n && k < n - 10; k++) { /* both ascend */
            while (i < n && index[i] < small[k])
                i++;
            seen += i < n && index[i] == small[k];
        }
        assert_int_equal(seen, n ? n - 10 : 0);
        memcpy(small, index, sizeof small);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_test_draw),     cmocka_unit_test(test_read),
        cmocka_unit_test(test_as_elsewhere),  cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_digest),        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_fetch_hint),    cmocka_unit_test(test_draw),
        cmocka_unit_test(test_draw_too_many), cmocka_unit_test(test_draw_class_order),
        cmocka_unit_test(test_draw_shares),   cmocka_unit_test(test_beside),
        cmocka_unit_test(test_sets_of_rows),  cmocka_unit_test(test_bad_sets),
    };
    return cmocka_run_group_tests(tests, enter, scratch_leave);
}
