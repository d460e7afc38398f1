/* What a bundle may hold, and how it is unpacked. That it replays: tests/e2e/bundle.py; that lines are as they were: tests/gen/test_recording.c. */
#include "scratch.h"

#include "base/file.h"
#include "base/mem.h"
#include "experiments/bundle/bundle.h"
#include "experiments/study/settings.h"
#include "gen/llm/recording.h"

static const char digest_a[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

enum { STUDY, TASK, TRAIN_1, TRAIN_2, TEST_1, ANSWER_1, ANSWER_2, RESULTS, N_LINES };

static json_t *row(const char *set, const char *text, const char *label)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:n, s:s}", "part", "row", "task", "single", "set", set, "first",
                     text, "second", "label", label);
}

static json_t *answer(const char *request, int status)
{
    char key[SG_HEX];
    sg_sha256_hex(request, strlen(request), key);
    return json_pack("{s:s, s:s, s:i, s:n, s:s, s:n, s:n, s:n, s:i, s:i, s:i, s:i, s:b, s:f, s:f}", "key",
                     key, "request", request, "status", status, "reason", "text", "t", "finish_reason",
                     "model", "request_id", "http_status", 200, "attempts", 1, "tokens_in", 1, "tokens_out",
                     1, "tokens_estimated", 0, "latency_s", 0.5, "cost_usd", 0.25);
}

/* The settings of the scratch study, as they are sealed. */
static json_t *settings(void)
{
    struct sg_study *s = NULL;
    struct sg_err err;
    put("study.yaml", base_study);
    assert_int_equal(sg_study_read("study.yaml", 0, NULL, &s, &err), SG_OK);
    json_t *o = json_loads(s->resolved, 0, NULL);
    assert_non_null(o);
    assert_null(sg_settings_foreign(o));
    sg_study_destroy(s);
    json_object_set_new(json_object_get(o, "data"), "train", json_string("train.jsonl"));
    json_object_set_new(json_object_get(o, "data"), "test", json_string("test.jsonl"));
    return o;
}

static void good(json_t *line[N_LINES + 2])
{
    json_t *o = settings();
    char *text = json_dumps(o, JSON_SORT_KEYS);
    line[STUDY] = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "part", "study", "name", "small", "settings",
                            text, "text", base_study, "program", "synthgrid 0", "encoder_sha256", digest_a);
    line[TASK] = json_pack("{s:s, s:s, s:s, s:s, s:i, s:i}", "part", "task", "name", "single", "file",
                           single_task, "data_sha256", digest_a, "n_train", 2, "n_test", 1);
    line[TRAIN_1] = row("train", "one", "no");
    line[TRAIN_2] = row("train", "two \"\xc3\xa4\"", "yes");
    line[TEST_1] = row("test", "three", "no");
    line[ANSWER_1] = answer("{}", SG_OK);
    line[ANSWER_2] = answer("[]", SG_FAILED);
    if (strcmp(json_string_value(json_object_get(line[ANSWER_1], "key")),
               json_string_value(json_object_get(line[ANSWER_2], "key"))) > 0) {
        json_t *x = line[ANSWER_1];
        line[ANSWER_1] = line[ANSWER_2];
        line[ANSWER_2] = x;
    }
    line[RESULTS] =
        json_pack("{s:s, s:i, s:i, s:f, s:i, s:i, s:s, s:s, s:{s:s}, s:s}", "part", "results", "completions",
                  2, "failed", 1, "cost_usd", 0.25, "cells", 3, "pools", 1, "plan_sha256", digest_a,
                  "content_sha256", digest_a, "tables", "cells", digest_a, "why", "");
    json_decref(o);
    free(text);
}

/* Writes the lines that there are, under right seals. */
static void seal(json_t *line[], int n)
{
    struct sg_recording_writer *w = NULL;
    struct sg_err err;
    char digest[SG_HEX];
    assert_int_equal(sg_sealed_create("b", &w, &err), SG_OK);
    for (int i = 0; i < n; i++)
        if (line[i])
            assert_int_equal(sg_sealed_put(w, line[i], &err), SG_OK);
    assert_int_equal(sg_sealed_finish(w, digest, &err), SG_OK);
}

static void reads(void **state)
{
    (void)state;
    json_t *line[N_LINES + 2];
    struct sg_bundle b;
    struct sg_err err = {0};
    size_t before = sg_mem_now();
    good(line);
    seal(line, N_LINES);
    if (sg_bundle_open("b", &b, &err) != SG_OK)
        fail_msg("%s", err.text);
    assert_string_equal(b.name, "small");
    assert_string_equal(b.text, base_study);
    assert_string_equal(b.task[0].file, single_task);
    assert_true(b.has_rows && b.n_tasks == 1 && b.n_completions == 2 && b.n_failed == 1 && b.n_cells == 3);
    assert_string_equal(b.results_sha256, digest_a);
    struct sg_buf text = sg_buf_make(10000);
    sg_bundle_describe(&b, &text);
    assert_non_null(strstr(sg_buf_text(&text), "2 completions, 1 of them failed; they cost 0.2500 USD"));
    assert_non_null(strstr(sg_buf_text(&text), "all rows are in it"));
    sg_buf_free(&text);
    sg_bundle_free(&b);
    assert_int_equal(sg_mem_now(), before);
}

/* Without rows; without results. */
static void reads_less(void **state)
{
    (void)state;
    json_t *line[N_LINES + 2];
    struct sg_bundle b;
    struct sg_err err = {0};
    good(line);
    for (int i = TRAIN_1; i <= TEST_1; i++) {
        json_decref(line[i]);
        line[i] = NULL;
    }
    json_object_set_new(line[RESULTS], "content_sha256", json_null());
    json_object_set_new(line[RESULTS], "tables", json_null());
    json_object_set_new(line[RESULTS], "cost_usd", json_null());
    json_object_set_new(line[RESULTS], "why", json_string("3 of 3 cells are not done"));
    seal(line, N_LINES);
    assert_int_equal(sg_bundle_open("b", &b, &err), SG_OK);
    assert_false(b.has_rows);
    assert_string_equal(b.results_sha256, "");
    assert_true(b.cost_usd < 0);
    sg_bundle_free(&b);
}

enum what { SET, SETTING, DROP, TWICE, SWAP };

/* One line each: what is changed of a good bundle, and what is said about it. */
static const struct hostile {
    enum what what;
    int line, other;
    const char *key, *value, *words;
} hostile[] = {
    {SET, STUDY, 0, "name", "\"../../etc\"", "b:2: \"name\" must be a name"},
    {SET, STUDY, 0, "name", "\"\"", "\"name\" must be a name"},
    {SET, STUDY, 0, "name", "7", "\"name\" must be a text"},
    {SET, STUDY, 0, "name", "\"other\"", "settings are those of another study"},
    {SET, STUDY, 0, "settings", "{}", "\"settings\" must be"},
    {SET, STUDY, 0, "settings", "\"{\"", "\"settings\" must be"},
    {SET, STUDY, 0, "settings", "\"[]\"", "\"settings\" must be"},
    {SET, STUDY, 0, "text", "null", "\"text\" must be a text"},
    {SET, STUDY, 0, "encoder_sha256", "\"AA\"", "\"encoder_sha256\" must be a SHA-256"},
    {SET, STUDY, 0, "part", "\"studio\"", "an unknown part \"studio\""},
    {SET, STUDY, 0, "part", "\"header\"", "a task at the wrong place"},
    {SETTING, 0, 0, "results", "\"/tmp/x\"", "a setting \"results\""},
    {SETTING, 0, 0, "cache", "\"/tmp/x\"", "a setting \"cache\""},
    {SETTING, 0, 0, "train.encoder", "\"/etc\"", "setting train.encoder is no path below"},
    {SETTING, 0, 0, "train.encoder", "\"a/../../b\"", "setting train.encoder is no path below"},
    {SETTING, 0, 0, "train.encoder", "\"..\"", "setting train.encoder is no path below"},
    {SETTING, 0, 0, "train.threads", "64", "a setting \"threads\""},
    {SETTING, 0, 0, "data.dir", "\"/\"", "setting data.dir is no path below"},
    {SETTING, 0, 0, "data.dir", "null", "setting data.dir is no path below"},
    {SETTING, 0, 0, "data.train", "\"../../../etc/passwd\"", "setting data.train is no path below"},
    {SETTING, 0, 0, "data.test", "[]", "setting data.test is no path below"},
    {SETTING, 0, 0, "generator.base_url", "\"http://10.0.0.1/\"", "an address or a recording"},
    {SETTING, 0, 0, "generator.recording", "\"/etc/passwd\"", "an address or a recording"},
    {SETTING, 0, 0, "generator.model_file", "\"/dev/zero\"", "a setting \"model_file\""},
    {SETTING, 0, 0, "budget.usd", "1", "a setting \"usd\""},
    {SETTING, 0, 0, "data", "7", "\"settings\" must be"},
    {SETTING, 0, 0, "tasks", "[\"/etc/passwd\"]", "task 1 of the study is not \"single\""},
    {SETTING, 0, 0, "tasks", "[\"single\", \"pair\"]", "the study has 2 tasks, but only 1 is here"},
    {SETTING, 0, 0, "tasks", "[7]", "task 1 of the study is not"},
    {SETTING, 0, 0, "tasks", "null", "task 1 of the study is not"},
    {SET, TASK, 0, "name", "\"../x\"", "b:3: \"name\" must be a name"},
    {SET, TASK, 0, "name", "\".hidden\"", "\"name\" must be a name"},
    {SET, TASK, 0, "name", "\"single.yaml\"", "would be read as a path"},
    {SET, TASK, 0, "file", "[]", "\"file\" must be a text"},
    {SET, TASK, 0, "n_train", "-1", "\"n_train\" must be a number"},
    {SET, TASK, 0, "n_train", "9000000000000000000", "\"n_train\" must be a number"},
    {SET, TASK, 0, "n_train", "1.5", "\"n_train\" must be a number"},
    {SET, TASK, 0, "n_train", "1", "b:5: a row that is none of task single's test rows"},
    {SET, TASK, 0, "n_test", "2", "rows of task single are missing"},
    {SET, TASK, 0, "n_test", "0", "b:6: more rows than the tasks have"},
    {SET, TRAIN_1, 0, "task", "\"pair\"", "b:4: a row that is none of task single's train rows"},
    {SET, TRAIN_1, 0, "set", "\"../x\"", "a row that is none of"},
    {SET, TRAIN_1, 0, "first", "null", "a row lacks a text"},
    {SET, TRAIN_1, 0, "label", "1", "a row lacks a text or a label"},
    {SET, TRAIN_1, 0, "second", "1", "a row lacks a text"},
    {SET, ANSWER_1, 0, "request", "\"{ }\"", "b:7: its key is not the hash"},
    {SET, ANSWER_1, 0, "status", "9", "lacks a field, or holds one of the wrong kind"},
    {SET, ANSWER_1, 0, "tokens_in", "\"1\"", "lacks a field, or holds one of the wrong kind"},
    {SET, ANSWER_1, 0, "text", "[]", "lacks a field, or holds one of the wrong kind"},
    {SET, RESULTS, 0, "completions", "3", "2 completions are here (1 of them failed), but 3 (1) were sealed"},
    {SET, RESULTS, 0, "failed", "0", "but 2 (0) were sealed"},
    {SET, RESULTS, 0, "cost_usd", "\"\"", "\"cost_usd\" must be"},
    {SET, RESULTS, 0, "tables", "[]", "\"tables\" must be"},
    {SET, RESULTS, 0, "tables", "null", "\"tables\" must be"},
    {SET, RESULTS, 0, "content_sha256", "null", "\"content_sha256\" must be"},
    {SET, RESULTS, 0, "plan_sha256", "\"\"", "\"plan_sha256\" must be"},
    {DROP, STUDY, 0, "", "", "a task at the wrong place"},
    {DROP, TASK, 0, "", "", "a row at the wrong place"},
    {DROP, TRAIN_1, 0, "", "", "none of task single's train rows"},
    {DROP, TEST_1, 0, "", "", "rows of task single are missing"},
    {DROP, ANSWER_1, 0, "", "", "1 completion is here"},
    {DROP, RESULTS, 0, "", "", "b: no bundle of a study: its results are missing"},
    {TWICE, STUDY, 0, "", "", "b:3: a second study"},
    {TWICE, TASK, 0, "", "", "task 2 of the study is not \"single\""},
    {TWICE, TEST_1, 0, "", "", "more rows than the tasks have"},
    {TWICE, ANSWER_1, 0, "", "", "a completion that comes twice"},
    {TWICE, RESULTS, 0, "", "", "results a second time"},
    {SWAP, STUDY, TASK, "", "", "b:2: a task at the wrong place"},
    {SWAP, TRAIN_2, TEST_1, "", "", "none of task single's train rows"},
    {SWAP, TEST_1, ANSWER_1, "", "", "b:6: rows of task single are missing"},
    {SWAP, ANSWER_1, ANSWER_2, "", "", "comes twice, or not in its order"},
    {SWAP, ANSWER_2, RESULTS, "", "", "1 completion is here"},
};

/* Sets "group.key" or "key" of the settings, which are text in the study's line. */
static void set_setting(json_t *study, const char *path, json_t *value)
{
    json_t *o = json_loads(json_string_value(json_object_get(study, "settings")), 0, NULL), *in = o;
    const char *dot = strchr(path, '.');
    char group[64] = "";
    if (dot) {
        snprintf(group, sizeof group, "%.*s", (int)(dot - path), path);
        if (!json_object_get(o, group))
            json_object_set_new(o, group, json_object());
        in = json_object_get(o, group);
    }
    json_object_set_new(in, dot ? dot + 1 : path, value);
    char *text = json_dumps(o, JSON_SORT_KEYS);
    json_object_set_new(study, "settings", json_string(text));
    free(text);
    json_decref(o);
}

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        const struct hostile *h = &hostile[i];
        json_t *line[N_LINES + 2], *value = h->value[0] ? json_loads(h->value, JSON_DECODE_ANY, NULL) : NULL,
                                   *x;
        struct sg_bundle b;
        struct sg_err err = {0};
        size_t before = sg_mem_now();
        int n = N_LINES;
        good(line);
        switch (h->what) {
        case SET:
            json_object_set_new(line[h->line], h->key, value);
            break;
        case SETTING:
            set_setting(line[STUDY], h->key, value);
            break;
        case DROP:
            json_decref(line[h->line]);
            line[h->line] = NULL;
            break;
        case TWICE:
            memmove(line + h->line + 1, line + h->line, (size_t)(n++ - h->line) * sizeof *line);
            line[h->line + 1] = json_deep_copy(line[h->line]);
            break;
        case SWAP:
            x = line[h->line];
            line[h->line] = line[h->other];
            line[h->other] = x;
        }
        seal(line, n);
        sg_status status = sg_bundle_open("b", &b, &err);
        if (status != SG_INPUT || !strstr(err.text, h->words))
            fail_msg("case %zu: status %d, \"%s\" is not in: %s", i, status, h->words, err.text);
        assert_int_equal(sg_mem_now(), before);
    }
}

/* Settings in other places than the canonical ones: a dotted key at the top, a group in a group. */
static void foreign_settings(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"{\"train.encoder\":\"/x\"}", "train.encoder"},
        {"{\"train\":{\"encoder.x\":1}}", "encoder.x"},
        {"{\"\":{\"results\":1}}", ""},
        {"{\"train\":{\"seed\":1}}", "seed"},
        {"{\"sizes\":[1],\"x\":[]}", "x"},
        {"{\"nothing\":{\"dir\":1}}", "dir"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_t *o = json_loads(texts[i][0], 0, NULL);
        const char *found = sg_settings_foreign(o);
        assert_non_null(found);
        assert_string_equal(found, texts[i][1]);
        json_decref(o);
    }
}

static sg_status unpack(char **study, struct sg_err *err)
{
    struct sg_bundle b;
    assert_int_equal(sg_bundle_open("b", &b, err), SG_OK);
    sg_status status = sg_bundle_unpack(&b, "b", "out: #1", study, err);
    sg_bundle_free(&b);
    return status;
}

/* The study that is unpacked reads, and finds its tasks and rows beside itself; whatever its folder is called. */
static void unpacks(void **state)
{
    (void)state;
    for (int llama = 0; llama < 2; llama++) {
        json_t *line[N_LINES + 2];
        char *path = NULL;
        struct sg_study *s = NULL;
        struct sg_task_data d;
        struct sg_err err = {0};
        good(line);
        if (llama) {
            set_setting(line[STUDY], "generator.provider", json_string("llama"));
            set_setting(line[STUDY], "generator.api_key_env", json_string("PATH"));
        }
        seal(line, N_LINES);
        if (unpack(&path, &err) != SG_OK || sg_study_read(path, 0, NULL, &s, &err) != SG_OK)
            fail_msg("%s", err.text);
        assert_string_equal(s->results, "out: #1");
        assert_string_equal(s->data_dir, "out: #1/bundle/data");
        assert_string_equal(s->generator[0].recording, "b");
        assert_string_equal(s->generator[0].api_key_env, "OPENAI_API_KEY");
        assert_string_equal(s->task[0].text, single_task);
        if (sg_task_data_read(s, 0, &d, &err) != SG_OK)
            fail_msg("%s", err.text);
        assert_true(d.train.n == 2 && d.test.n == 1);
        assert_string_equal(d.train.row[1].first, "two \"\xc3\xa4\"");
        assert_string_equal(d.train.row[1].label, "yes");
        sg_task_data_free(&d);
        sg_study_destroy(s);
        sg_free(path);
    }
}

/* A task file that says where its rows are may say names alone; what is no task file is told. */
static void refuses_task_files(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"data: {train: ../../../../etc/passwd}\n", "data.train and data.test must be names"},
        {"data: {test: /etc/passwd}\n", "data.train and data.test must be names"},
        {"what: is this\n", "single.yaml"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *line[N_LINES + 2];
        char *path = NULL, *file = sg_strf("%s%s", single_task, cases[i][0]);
        struct sg_err err = {0};
        good(line);
        json_object_set_new(line[TASK], "file", json_string(file));
        seal(line, N_LINES);
        assert_int_equal(unpack(&path, &err), SG_INPUT);
        if (!strstr(err.text, cases[i][1]))
            fail_msg("\"%s\" is not in: %s", cases[i][1], err.text);
        sg_free(file);
    }
}

static void insides(void **state)
{
    (void)state;
    static const char *const in[] = {"a", "a/b", "./a", "a..", "..a", "a/.../b", "a//b", "a/"},
                             *const out[] = {"",     "/",      "/a",     "..",   "../a",
                                             "a/..", "a/../b", "./../a", "a//.."};
    for (size_t i = 0; i < sizeof in / sizeof in[0]; i++)
        if (!sg_bundle_is_inside(in[i]))
            fail_msg("%s", in[i]);
    for (size_t i = 0; i < sizeof out / sizeof out[0]; i++)
        if (sg_bundle_is_inside(out[i]))
            fail_msg("%s", out[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),   cmocka_unit_test(reads_less),         cmocka_unit_test(refuses),
        cmocka_unit_test(unpacks), cmocka_unit_test(refuses_task_files), cmocka_unit_test(foreign_settings),
        cmocka_unit_test(insides),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
