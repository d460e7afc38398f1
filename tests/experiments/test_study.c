#include "scratch.h"

#include "base/mem.h"
#include "experiments/study/generators.h"
#include "experiments/study/settings.h"

#include <jansson.h>

static sg_status read_study(const char *text, const char *override, struct sg_study **s, struct sg_err *err)
{
    put("s.yaml", text);
    *s = NULL;
    return sg_study_read("s.yaml", override != NULL, &override, s, err);
}

static const char *provider_of(const struct sg_generator *g)
{
    return g->provider;
}

/* Whose a request is: of its provider and model, and then the one that was named, or that is most like it. */
static void test_whose_request(void **state)
{
    (void)state;
    static const struct sg_generator g[] = {
        {.name = "cold", .provider = "openai", .model = "m", .temperature = 0, .top_p = 1},
        {.name = "other", .provider = "anthropic", .model = "m", .temperature = 0.7, .top_p = 1},
        {.name = "warm", .provider = "openai", .model = "m", .temperature = 0.7, .top_p = 1},
        {.name = "x", .provider = "openai", .model = "n", .temperature = 0.7, .top_p = 1},
    };
    static const struct {
        const char *name, *request;
        int found;
    } rows[] = {
        {"", "{\"provider\":\"openai\",\"model\":\"m\",\"temperature\":0.7,\"top_p\":1.0}", 2},
        {"", "{\"provider\":\"openai\",\"model\":\"m\",\"temperature\":0.0,\"top_p\":1.0}", 0},
        {"", "{\"provider\":\"openai\",\"model\":\"m\",\"temperature\":0.3,\"top_p\":1.0}", 0},
        /* a classification, at 0, that warm was asked for */
        {"warm", "{\"provider\":\"openai\",\"model\":\"m\",\"temperature\":0.0,\"top_p\":1.0}", 2},
        {"warm", "{\"provider\":\"openai\",\"model\":\"n\",\"temperature\":0.3,\"top_p\":1.0}", 3},
        {"warm", "{\"provider\":\"openai\",\"model\":\"o\",\"temperature\":0.7,\"top_p\":1.0}", -1},
        {"warm", "{\"provider\":\"azure\",\"model\":\"m\",\"temperature\":0.7,\"top_p\":1.0}", -1},
        {"warm", "{\"model\":\"m\"}", -1},
        {"warm", "[", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(sg_generators_find(4, g, provider_of, rows[i].name, rows[i].request), rows[i].found);
    const struct sg_generator only = {.provider = "openai", .model = "n", .temperature = 1, .top_p = 1};
    assert_int_equal(sg_generators_find(1, &only, provider_of, "warm", rows[4].request), 0);
}

/* What is left out by hand, and what is sent besides: canonical, checked, part of the settings; and how many connections. */
static void test_omit_and_extra(void **state)
{
    (void)state;
    struct sg_study *s, *again;
    struct sg_err err = {0};
    char text[1000];
    snprintf(text, sizeof text, "%s%s", base_study,
             "generator: {omit: [seed, temperature], extra: {top_k: 20, name: '1', \"\\u00e9\": [true, null, "
             "0.5, no]}}\n");
    assert_int_equal(read_study(text, NULL, &s, &err), SG_OK);
    assert_int_equal(s->generator->n_omit, 2);
    assert_string_equal(sg_omit_name(s->generator->omit[0]), "temperature");
    assert_string_equal(sg_omit_name(s->generator->omit[1]), "seed");
    assert_string_equal(s->generator->extra,
                        "{\"name\":\"1\",\"top_k\":20,\"\\u00E9\":[true,null,0.5,\"no\"]}");
    json_t *o = json_loads(s->resolved, 0, NULL), *of = json_object_get(o, "generator");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(of, "extra"), "top_k")), 20);
    assert_null(sg_settings_foreign(o));
    json_decref(o);
    assert_int_equal(read_study(s->resolved, NULL, &again, &err), SG_OK);
    assert_string_equal(again->resolved, s->resolved);
    sg_study_destroy(again);
    sg_study_destroy(s);
    static const char *const refused[][2] = {
        {"generator.extra={seed: 7}", "generator.extra cannot hold seed; hint: seeds.generation"},
        {"generator.extra={stream: true}", "cannot hold stream"},
        {"generator.extra={api_key: mine}", "generator.extra cannot hold api_key; hint: a key goes into"},
        {"generator.extra={max_completion_tokens: 7}", "generator.max_tokens"},
        {"generator.extra=[1]", "a group of members"},
        {"generator.omit=[max_tokens]", "temperature, top_p, seed"},
        {"generator.omit=[seed, seed]", "twice"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_int_equal(read_study(base_study, refused[i][0], &s, &err), SG_INPUT);
        if (!strstr(err.text, refused[i][1]))
            fail_msg("%s: %s", refused[i][0], err.text);
    }
    static const struct {
        const char *override;
        int64_t connections;
    } row[] = {{"generator.extra={}", 16},
               {"generator.base_url=http://127.0.0.1:1/v1", 4},
               {"generator.base_url=http://[::1]:1/v1", 4},
               {"generator.base_url=http://127.0.0.1.example.org/v1", 16}};
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        assert_int_equal(read_study(base_study, row[i].override, &s, &err), SG_OK);
        assert_int_equal(s->generator->connections, row[i].connections);
        assert_null(s->generator->extra);
        sg_study_destroy(s);
    }
    /* Two that differ in what is sent besides alone are two. */
    snprintf(text, sizeof text, "%s%s", base_study,
             "generators: {a: {model: m}, b: {model: m, extra: {k: 1}}, c: {model: m, omit: [top_p]}}\n");
    assert_int_equal(read_study(text, NULL, &s, &err), SG_OK);
    sg_study_destroy(s);
}

/* Several generators: each has its own, and what they share. */
static void test_generators(void **state)
{
    (void)state;
    struct sg_study *s, *one;
    struct sg_err err = {0};
    char text[1000];
    snprintf(text, sizeof text, "%s%s", base_study,
             "generator: {max_tokens: 99, recording: r.gz, connections: 3}\n"
             "generators:\n"
             "  small: {model: b, base_url: 'http://127.0.0.1:9/v1', api_key_env: NO_KEY, connections: 2}\n"
             "  large: {provider: anthropic, model: a, temperature: 0.5, usd_per_1m_input: 1, "
             "usd_per_1m_output: 2}\n");
    assert_int_equal(read_study(text, "generators.small.requests_per_min=60", &s, &err), SG_OK);
    assert_int_equal(s->n_generators, 2);
    const struct sg_generator *large = &s->generator[0], *small = &s->generator[1]; /* by name */
    assert_string_equal(large->name, "large");
    assert_string_equal(large->provider, "anthropic");
    assert_string_equal(large->api_key_env, "ANTHROPIC_API_KEY");
    assert_null(large->base_url);
    assert_true(large->temperature == 0.5 && large->usd_per_1m_input == 1 && large->usd_per_1m_output == 2);
    assert_true(large->max_tokens == 99 && large->connections == 3 && large->requests_per_min == 0);
    assert_string_equal(small->name, "small");
    assert_string_equal(small->provider, "openai");
    assert_string_equal(small->model, "b");
    assert_string_equal(small->api_key_env, "NO_KEY");
    assert_string_equal(small->base_url, "http://127.0.0.1:9/v1");
    assert_true(small->temperature == 1 && small->usd_per_1m_input < 0 && small->requests_per_min == 60);
    assert_true(small->max_tokens == 99 && small->connections == 2);
    assert_string_equal(small->recording, "r.gz");
    assert_true(sg_study_reads_recording(s)); /* large has no address */
    json_t *o = json_loads(s->resolved, 0, NULL), *of = json_object_get(o, "generators");
    char *again = json_dumps(o, JSON_COMPACT), *sorted = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(again, sorted);
    assert_int_equal(json_object_size(of), 2);
    assert_string_equal(json_string_value(json_object_get(json_object_get(of, "small"), "model")), "b");
    assert_null(json_object_get(json_object_get(of, "small"), "requests_per_min"));
    assert_int_equal(json_object_size(json_object_get(o, "generator")), 3); /* what is shared */
    assert_null(sg_settings_foreign(o));
    json_object_set_new(json_object_get(of, "small"), "connections", json_integer(1));
    assert_string_equal(sg_settings_foreign(o), "connections");
    json_decref(o);
    /* The settings are a study again, the same one. */
    assert_int_equal(read_study(s->resolved, NULL, &one, &err), SG_OK);
    assert_string_equal(one->resolved, s->resolved);
    free(again);
    free(sorted);
    sg_study_destroy(one);
    sg_study_destroy(s);
    assert_int_equal(read_study(text, "generators={only: {model: c, base_url: 'http://h'}}", &s, &err),
                     SG_OK);
    assert_int_equal(s->n_generators, 1);
    assert_string_equal(s->generator->model, "c");
    assert_false(sg_study_reads_recording(s));
    sg_study_destroy(s);
    assert_int_equal(read_study(text, "generators=", &s, &err), SG_OK);
    assert_int_equal(s->n_generators, 1);
    assert_null(s->generator->name);
    assert_null(strstr(s->resolved, "generators"));
    sg_study_destroy(s);
}

static void test_defaults(void **state)
{
    (void)state;
    struct sg_study *s;
    struct sg_err err = {0};
    assert_int_equal(read_study(base_study, NULL, &s, &err), SG_OK);
    assert_string_equal(s->name, "small");
    assert_string_equal(s->path, "s.yaml");
    assert_string_equal(s->text, base_study);
    assert_int_equal(s->n_tasks, 1);
    assert_string_equal(s->task[0].name, "single");
    assert_int_equal(s->n_methods, 5);
    assert_int_equal(s->method[4], SG_FEW_SHOT_5);
    assert_int_equal(s->n_mixes, 3);
    assert_int_equal(s->n_sizes, 2);
    assert_int_equal(s->size[1], 60);
    assert_int_equal(s->raw[0], 40);
    assert_int_equal(s->seeds_generation * s->seeds_data * s->seeds_train, 1);
    assert_string_equal(s->data_dir, "data");
    assert_null(s->train_name);
    assert_string_equal(s->generator->provider, "openai");
    assert_string_equal(s->generator->model, "gpt-3.5-turbo");
    assert_string_equal(s->generator->api_key_env, "OPENAI_API_KEY");
    assert_null(s->generator->base_url);
    assert_null(s->generator->recording);
    assert_true(s->generator->temperature == 1 && s->generator->top_p == 1 && s->generator->timeout_s == 600);
    assert_int_equal(s->generator->max_tokens, 256);
    assert_int_equal(s->generator->connections, 16);
    assert_true(s->generator->n_omit == 0 && !s->generator->extra);
    assert_int_equal(s->generator->retries, 8);
    assert_int_equal(s->generator->requests_per_min, 0);
    assert_int_equal(s->generator->tokens_per_min, 0);
    assert_true(s->generator->usd_per_1m_input < 0 && s->generator->usd_per_1m_output < 0 &&
                s->budget_usd < 0);
    assert_true(s->filter_duplicates && s->filter_leakage);
    assert_string_equal(s->encoder, "data/encoders/minilm-l6");
    assert_string_equal(s->results, "results/small");
    sg_study_destroy(s);
}

static void test_train_defaults(void **state)
{
    (void)state;
    struct sg_train_settings t;
    struct sg_err err = {0};
    assert_int_equal(sg_settings_train(0, NULL, &t, &err), SG_OK);
    assert_int_equal(t.epochs, 3);
    assert_int_equal(t.steps, 0);
    assert_int_equal(t.batch, 16);
    assert_int_equal(t.max_length, 256);
    assert_int_equal(t.lanes, 0);
    assert_int_equal(t.precision, SG_FP32);
    assert_int_equal(t.threads, 0);
    assert_int_equal(t.seed, 0);
    assert_int_equal(t.min_steps, 100);
    assert_true(t.lr == -1 && t.warmup == 0.1 && t.weight_decay == 0.01 && t.clip == 1.0 && t.dropout < 0);
}

/* Each field of the trainer's settings has one row, of its name and its kind, or says that no study sets it. */
static void test_train_rows(void **state)
{
    (void)state;
    for (int i = 0; i < SG_N_TRAIN_FIELDS; i++) {
        const struct sg_train_field *f = &sg_train_field[i];
        size_t at = offsetof(struct sg_settings, study.train) + f->offset;
        int n = 0;
        for (int k = 0; k < sg_study_schema.n; k++) {
            const struct sg_setting *row = &sg_study_schema.row[k];
            if (row->offset != at)
                continue;
            n++;
            assert_memory_equal(row->key, "train.", 6);
            assert_string_equal(row->key + 6, f->name);
            assert_int_equal(row->type, f->kind == SG_TRAIN_REAL    ? SG_SET_REAL
                                        : f->kind == SG_TRAIN_WHOLE ? SG_SET_INT
                                                                    : SG_SET_CHOICE);
        }
        assert_int_equal(n, f->in_study == SG_STUDY_YES);
    }
}

static void test_train_overrides(void **state)
{
    (void)state;
    struct sg_train_settings t;
    struct sg_err err = {0};
    const char *good[] = {"train.epochs=5", "train.seed=4000000000", "train.lanes=4",       "train.dropout=0",
                          "train.epochs=6", "train.lr=1e-4",         "train.precision=bf16"};
    assert_int_equal(sg_settings_train(7, good, &t, &err), SG_OK);
    assert_int_equal(t.epochs, 6);
    assert_true(t.seed == 4000000000u);
    assert_int_equal(t.lanes, 4);
    assert_int_equal(t.precision, SG_BF16);
    assert_true(t.dropout == 0 && t.lr == 1e-4);
    const char *automatic[] = {"train.lr=1e-4", "train.lr=auto", "train.min_steps=0"};
    assert_int_equal(sg_settings_train(3, automatic, &t, &err), SG_OK);
    assert_true(t.lr == -1 && t.min_steps == 0);
    static const struct {
        const char *override, *message;
    } bad[] = {
        {"train.epoch=5",
         "override train.epoch: unknown setting \"train.epoch\"; hint: did you mean \"train.epochs\"?"},
        {"sizes=[1]", "override sizes: unknown setting \"sizes\"; hint: known here: train.*"},
        {"train.seed=-1",
         "override train.seed: train.seed must be a whole number from 0 to 4294967295, not \"-1\""},
        {"train.lanes=3",
         "override train.lanes: train.lanes must be a power of two (1, 2, 4, ... 64), not 3"},
        {"train.precision=fp16", "override train.precision: train.precision must be one of fp32, bf16, not "
                                 "\"fp16\"; hint: did you mean \"fp32\"?"},
        {"train.batch=",
         "override train.batch: train.batch must be a whole number from 1 to 65536 examples, not empty"},
        {"train.lr", "\"train.lr\" is no override; hint: key=value, like train.epochs=5 or sizes=[100,500]"},
    };
    t.epochs = 77;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(sg_settings_train(1, &bad[i].override, &t, &err), SG_INPUT);
        assert_string_equal(err.text, bad[i].message);
    }
    assert_int_equal(t.epochs, 77);
}

static void test_overrides(void **state)
{
    (void)state;
    put("s.yaml",
        "study: small\ntasks: [single]\nraw: [40]\ngenerator: {base_url: 'http://h/v1', recording: r.gz}\n");
    const char *o[] = {"sizes=[500,100]",
                       "mixes=[raw+synthetic, synthetic]",
                       "generator.base_url=",
                       "generator.model=org/model:free",
                       "tasks=[pair, single]",
                       "methods=zero_shot", /* a single value passes for a list */
                       "train={epochs: 5, lr: .001}",
                       "seeds.train=3",
                       "budget.usd=2.5",
                       "filter.leakage=false",
                       "filter.near_duplicates=0.9",
                       "train.lanes=auto",
                       "data.test=dev.jsonl",
                       "results=/tmp/r"};
    struct sg_study *s;
    struct sg_err err = {0};
    assert_int_equal(sg_study_read("s.yaml", sizeof o / sizeof o[0], o, &s, &err), SG_OK);
    assert_int_equal(s->n_sizes, 2);
    assert_int_equal(s->size[0], 100);
    assert_int_equal(s->size[1], 500);
    assert_int_equal(s->n_mixes, 2);
    assert_int_equal(s->mix[0], SG_MIX_BOTH);
    assert_int_equal(s->mix[1], SG_MIX_SYNTHETIC);
    assert_null(s->generator->base_url);
    assert_string_equal(s->generator->recording, "r.gz");
    assert_string_equal(s->generator->model, "org/model:free");
    assert_int_equal(s->n_tasks, 2);
    assert_string_equal(s->task[0].name, "pair");
    assert_int_equal(s->n_methods, 1);
    assert_int_equal(s->train.epochs, 5);
    assert_true(s->train.lr == .001 && s->budget_usd == 2.5);
    assert_int_equal(s->seeds_train, 3);
    assert_false(s->filter_leakage);
    assert_true(s->filter_near == 0.9);
    assert_string_equal(s->test_name, "dev.jsonl");
    assert_string_equal(s->results, "/tmp/r");
    sg_study_destroy(s);
}

static void test_resolved(void **state)
{
    (void)state;
    struct sg_study *s;
    struct sg_err err = {0};
    assert_int_equal(read_study(base_study, "generator.model=a\"b", &s, &err), SG_OK);
    assert_string_equal(
        s->resolved,
        "{\"classifiers\":[\"fine_tune\"],\"conditioning\":[\"label\"],\"contamination\":{\"max_tokens\":256,"
        "\"rows\":0},"
        "\"data\":{\"dir\":\"data\",\"test\":null,\"train\":null},\"error_driven\":{\"rounds\":3},\"few_shot_"
        "rows\":\"own\",\"filter\":{"
        "\"duplicates\":true,"
        "\"leakage\":true,\"near_duplicates\":null},\"fine_tune_tasks\":[],"
        "\"generator\":{\"api_key_env\":\"OPENAI_API_KEY\",\"base_url\":null,\"examples_per_request\":1,"
        "\"extra\":null,\"max_tokens\":256,\"model\":"
        "\"a\\\"b\",\"omit\":[],"
        "\"provider\":\"openai\",\"recording\":null,\"retries\":8,\"structured_output\":false,"
        "\"temperature\":1,\"timeout_s\":600,\"top_"
        "p\":1,"
        "\"usd_per_1m_input\":null,\"usd_per_1m_output\":null},\"llm_eval\":{\"max_tokens\":32,\"rows\":null,"
        "\"seeds\":1,\"shots\":[],\"temperature\":0},\"methods\":[\"zero_shot\",\"zero_shot_"
        "topic\",\"one_shot\","
        "\"few_shot_3\",\"few_shot_5\"],\"mixes\":[\"raw\",\"synthetic\",\"raw+synthetic\"],\"probe\":{\"c\":"
        "1,\"pooling\":\"mean\"},\"prompt_"
        "variants\":[\"default\"],\"raw\":[40],\"raw_draw\":\"balanced\",\"rephrase\":[\"false\"],\"rephrase_"
        "tasks\":[],"
        "\"seeds\":{\"data\":1,\"generation\":1,\"train\":1},\"sizes\":[20,60],\"study\":\"small\",\"tasks\":"
        "[\"single\"],"
        "\"train\":{\"batch\":16,\"clip\":1,\"dropout\":null,\"encoder\":\"data/encoders/"
        "minilm-l6\",\"epochs\":3,\"external\":null,\"freeze\":0,"
        "\"lanes\":null,\"layers\":null,\"lr\":null,\"max_length\":256,\"min_steps\":100,\"precision\":"
        "\"fp32\",\"steps\":"
        "null,\"warmup\":0.1,"
        "\"weight_decay\":0.01},\"tree_topic\":{\"subtopics\":5,\"topics\":5},\"verbalized\":{\"below\":null,"
        "\"texts\":5},\"verify\":[\"none\"],"
        "\"verify_generator\":null,\"weighting\":[\"none\"]"
        "}");
    json_t *o = json_loads(s->resolved, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(o);
    json_decref(o);
    char *before = sg_strdup(s->resolved);
    sg_study_destroy(s);
    static const char *const place[] = {
        "results=/elsewhere",           "train.threads=3", "budget.usd=1", "generator.connections=2",
        "generator.requests_per_min=9", "cache=/somewhere"};
    for (size_t i = 0; i < sizeof place / sizeof place[0]; i++) {
        const char *o2[] = {"generator.model=a\"b", place[i]};
        assert_int_equal(sg_study_read("s.yaml", 2, o2, &s, &err), SG_OK);
        assert_string_equal(s->resolved, before);
        sg_study_destroy(s);
    }
    sg_free(before);
}

/* The study's own word goes before the environment's. */
static void test_cache(void **state)
{
    (void)state;
    static const struct {
        const char *environment, *override, *cache;
    } cases[] = {{NULL, NULL, NULL},       {"", NULL, NULL},         {"/env", NULL, "/env"},
                 {"/env", "cache=", NULL}, {"/env", "cache=c", "c"}, {NULL, "cache=c", "c"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sg_study *s;
        struct sg_err err;
        if (cases[i].environment)
            setenv("SYNTHGRID_CACHE", cases[i].environment, 1);
        else
            unsetenv("SYNTHGRID_CACHE");
        assert_int_equal(sg_study_read("s.yaml", cases[i].override != NULL, &cases[i].override, &s, &err),
                         SG_OK);
        if (cases[i].cache)
            assert_string_equal(s->cache, cases[i].cache);
        else
            assert_null(s->cache);
        sg_study_destroy(s);
    }
    unsetenv("SYNTHGRID_CACHE");
}

static void test_help(void **state)
{
    (void)state;
    struct sg_buf b = sg_buf_make(1 << 20);
    sg_settings_help(&b);
    assert_non_null(strstr(b.data, "  train.epochs: a whole number from 1 to 10000 (default 3)\n"));
    assert_non_null(
        strstr(b.data,
               "  train.lanes: a whole number from 1 to 64 lanes, a power of two, or auto (default auto)\n"));
    assert_non_null(strstr(b.data, "  tasks: a list [...] of names or paths (required)\n"));
    assert_non_null(strstr(b.data, "  budget.usd: a number from 0 to 1000000000 USD, or empty\n"));
    assert_non_null(strstr(b.data, "train.seed"));
    sg_buf_free(&b);
}

/* What is added to the base study, or overridden, and what is then said. */
static void test_max_failed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t n_cells, allowed;
    } row[] = {{NULL, 10, -1},  {"", 10, -1},    {"0", 10, 0},   {"7", 3, 7},      {"5%", 100, 5},
               {"5%", 99, 4},   {"0%", 99, 0},   {"100%", 9, 9}, {"12.5%", 16, 2}, {"101%", 9, -1},
               {"-1", 9, -1},   {"-1%", 9, -1},  {"%", 9, -1},   {"5 %", 9, -1},   {"5%%", 9, -1},
               {"nan%", 9, -1}, {"some", 9, -1}, {"1.5", 9, -1}, {"0x10%", 9, -1}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (sg_max_failed(row[i].text, row[i].n_cells) != row[i].allowed)
            fail_msg("%s of %lld: %lld", row[i].text ? row[i].text : "NULL", (long long)row[i].n_cells,
                     (long long)sg_max_failed(row[i].text, row[i].n_cells));
}

static void test_bad(void **state)
{
    (void)state;
    static const struct {
        const char *more, *override, *message;
    } row[] = {
        {"train: {epoch: 3}\n", NULL,
         "s.yaml:5:9: unknown setting \"train.epoch\"; hint: did you mean \"train.epochs\"?"},
        {"epochs: 3\n", NULL, "s.yaml:5:1: unknown setting \"epochs\"; hint: did you mean \"train.epochs\"?"},
        {"trian:\n  epochs: 3\n", NULL,
         "s.yaml:5:1: unknown setting \"trian\"; hint: did you mean \"train\"?"},
        {"seeds: {foo: 3}\n", NULL,
         "s.yaml:5:9: unknown setting \"seeds.foo\"; hint: known here: seeds.generation, seeds.data, "
         "seeds.train"},
        {"verify_generator: judge\n", NULL,
         "s.yaml:5:19: verify_generator names \"judge\", which is none of the study's generators; hint: give "
         "the "
         "generators names in `generators`"},
        {"generators: {a: {model: m}, b: {model: n}}\nverify: [llm]\nmethods: [eda]\n", NULL,
         "s.yaml:6:9: verify: llm asks the generator that wrote a pool, and no LLM wrote those of free and "
         "imported methods; hint: verify_generator: a"},
        {"wholly_unheard_of: 3\n", NULL,
         "s.yaml:5:1: unknown setting \"wholly_unheard_of\"; hint: known here: study, tasks, methods, "
         "conditioning, "
         "prompt_variants, rephrase, rephrase_tasks, verbalized.*, tree_topic.*, error_driven.*, sizes, "
         "raw, raw_draw, few_shot_rows, mixes, weighting, verify, verify_generator, classifiers, "
         "fine_tune_tasks, probe.*, "
         "seeds.*, data.*, generator.*, generators, cache, budget.*, max_failed, filter.*, llm_eval.*, "
         "contamination.*, "
         "train.*, results"},
        {"train: {seed: 3}\n", NULL,
         "s.yaml:5:9: train.seed cannot be set here; hint: the seed of `synthgrid train` alone; a study says "
         "how many it wants "
         "in seeds.train"},
        {"train: 5\n", NULL,
         "s.yaml:5:8: train: a group of settings is wanted here, `name: value`; hint: known here: "
         "train.encoder, train.external, train.layers, train.freeze, train.epochs, "
         "train.steps, train.min_steps, train.batch, train.lr, train.max_length, train.warmup, "
         "train.weight_decay, "
         "train.clip, train.dropout, "
         "train.lanes, train.precision, train.threads"},
        {"train: {layers: 4, freeze: 5}\n", NULL,
         "s.yaml:5:28: train.freeze is 5, but train.layers uses 4; hint: 0 to 4"},
        {"train: {layers: 0}\n", NULL,
         "s.yaml:5:17: train.layers must be a whole number from 1 to 1000 layers, or empty, not \"0\""},
        {"train: {freeze: -1}\n", NULL,
         "s.yaml:5:17: train.freeze must be a whole number from 0 to 1000 layers, not \"-1\""},
        {"train: {epochs: three}\n", NULL,
         "s.yaml:5:17: train.epochs must be a whole number from 1 to 10000, not \"three\""},
        {"train: {epochs: 0}\n", NULL,
         "s.yaml:5:17: train.epochs must be a whole number from 1 to 10000, not \"0\""},
        {"train: {epochs: 3.0}\n", NULL,
         "s.yaml:5:17: train.epochs must be a whole number from 1 to 10000, not \"3.0\""},
        {"train: {epochs: [3]}\n", NULL,
         "s.yaml:5:17: train.epochs must be a whole number from 1 to 10000, not a list"},
        {"train: {epochs: {a: b}}\n", NULL,
         "s.yaml:5:17: train.epochs must be a whole number from 1 to 10000, not a group"},
        {"train: {epochs: }\n", NULL,
         "s.yaml:5:17: train.epochs must be a whole number from 1 to 10000, not empty"},
        {"train: {epochs: 99999999999999999999}\n", NULL,
         "s.yaml:5:17: train.epochs must be a whole number from 1 to 10000, not \"99999999999999999999\""},
        {"train: {lr: 0}\n", NULL,
         "s.yaml:5:13: train.lr must be a number from 1e-12 to 1, or auto, not \"0\""},
        {"train: {lr: nan}\n", NULL,
         "s.yaml:5:13: train.lr must be a number from 1e-12 to 1, or auto, not \"nan\""},
        {"train: {lanes: 6}\n", NULL,
         "s.yaml:5:16: train.lanes must be a power of two (1, 2, 4, ... 64), not 6"},
        {"rephrase: [true]\n", NULL,
         "s.yaml:2:9: task single has no prompts.rephrase, which rephrase: [true] needs; hint: add it to the "
         "task file"},
        {"rephrase: [maybe]\n", NULL,
         "s.yaml:5:12: rephrase must be a list [...] of false, true, not \"maybe\""},
        {"prompt_variants: [formal]\n", NULL,
         "s.yaml:2:9: task single has no prompt variant \"formal\"; hint: add it to prompt_variants in the "
         "task file"},
        {"methods: [zero_shot]\nconditioning: [none]\n", NULL,
         "s.yaml:2:9: task single has no unconditioned.zero_shot, which method zero_shot needs; hint: add it "
         "to the "
         "task file"},
        {"methods: [zero_shot, error_driven]\n", NULL,
         "s.yaml:2:9: task single has no method_prompts.error_driven, which method error_driven needs; hint: "
         "add it "
         "to the task file"},
        {"methods: [error_driven]\nconditioning: [none]\n", NULL,
         "s.yaml:2:9: method error_driven asks for examples of a class that a classifier gets wrong, and the "
         "LLM "
         "cannot choose the class; hint: conditioning: [label], or a study of its own for conditioning: "
         "[none]"},
        {"error_driven: {rounds: 1}\n", NULL,
         "s.yaml:5:24: error_driven.rounds must be a whole number from 2 to 20 rounds, not \"1\""},
        {"conditioning: [nothing]\n", NULL,
         "s.yaml:5:16: conditioning must be a list [...] of label, none, not \"nothing\""},
        {"generator: {examples_per_request: 51}\n", NULL,
         "s.yaml:5:35: generator.examples_per_request must be a whole number from 1 to 50 examples, not "
         "\"51\""},
        {"tree_topic: {topics: 21}\n", NULL,
         "s.yaml:5:22: tree_topic.topics must be a whole number from 2 to 20 topics, not \"21\""},
        {"verbalized: {texts: 1}\n", NULL,
         "s.yaml:5:21: verbalized.texts must be a whole number from 2 to 50 examples, not \"1\""},
        {"verbalized: {below: 12%}\n", NULL,
         "s.yaml:5:21: verbalized.below must be a number from 1e-06 to 1, or empty, not \"12%\""},
        {"filter: {near_duplicates: 0.2}\n", NULL,
         "s.yaml:5:27: filter.near_duplicates must be a number from 0.5 to 1, or false, not \"0.2\""},
        {"filter: {leakage: yes}\n", NULL, "s.yaml:5:19: filter.leakage must be true or false, not \"yes\""},
        {"mixes: [raw, syntetic]\n", NULL,
         "s.yaml:5:14: mixes must be a list [...] of raw, synthetic, raw+synthetic, not \"syntetic\"; hint: "
         "did you mean "
         "\"synthetic\"?"},
        {"mixes: [raw, raw]\n", NULL, "s.yaml:5:14: mixes holds raw twice; hint: keep one"},
        {"methods: []\n", NULL,
         "s.yaml:5:10: methods must be a list [...] of zero_shot, zero_shot_topic, one_shot, few_shot_3, "
         "few_shot_5, verbalized, tree_topic, eda, mlm_insert, mlm_replace, error_driven, not an "
         "empty list"},
        {"sizes: [1]\n", NULL, "s.yaml:5:1: \"sizes\" stands twice, first in line 3; hint: keep one of them"},
        {"train.epochs: 3\ntrain: {epochs: 4}\n", NULL,
         "s.yaml:6:9: train.epochs is set twice; hint: keep one"},
        {"", "sizes=[5,5]", "override sizes: sizes holds 5 twice; hint: keep one"},
        {"", "sizes=-100",
         "override sizes: sizes must be a list [...] of whole numbers from 1 to 10000000 examples, or empty, "
         "not \"-100\""},
        {"", "tasks=nowhere", NULL},
        {"", "sizes=[-5]",
         "override sizes: sizes must be a list [...] of whole numbers from 1 to 10000000 examples, or empty, "
         "not \"-5\""},
        {"", "sizes=[1", NULL},
        {"", "sizes=",
         "override sizes: sizes is empty, but the mixes need synthetic examples; hint: sizes: [100, 500], or "
         "mixes: [raw]"},
        {"", "raw=[]",
         "override raw: raw is empty, but the mixes need raw examples; hint: raw: [100], or mixes: "
         "[synthetic]"},
        {"", "study=a b",
         "override study: study must be a name of at most 64 letters, digits, '.', '_' and '-' that begins "
         "with a letter or "
         "digit"},
        {"", "study=../x", NULL},
        {"", "train.epoch=3",
         "override train.epoch: unknown setting \"train.epoch\"; hint: did you mean \"train.epochs\"?"},
        {"", "generator.provider=mistral",
         "override generator.provider: generator.provider must be openai, anthropic, azure or llama; hint: "
         "openai "
         "is "
         "any endpoint that speaks its chat completions, and the address goes into generator.base_url"},
        {"", "generator.provider=azure",
         "override generator.provider: generator.provider azure needs generator.model; hint: name one of its "
         "models"},
        {"", "generator.provider=llama",
         "override generator.provider: generator.provider llama needs generator.model_file; hint: the path "
         "of "
         "a model in GGUF format"},
        {"generator: {provider: llama, model_file: m.gguf}\n", NULL,
         "s.yaml:5:23: generator.provider llama needs generator.model; hint: name one of its models"},
        {"", "generator.model_file=m.gguf",
         "override generator.model_file: generator.model_file is for generator.provider: llama alone"},
        {"", "generator.provider=anthropic",
         "override generator.provider: generator.provider anthropic needs generator.model; hint: name one of "
         "its "
         "models"},
        {"", "generator.provider=cohere", NULL},
        {"", "generator.base_url=localhost:8080",
         "override generator.base_url: generator.base_url must be an address like http://127.0.0.1:8080/v1 "
         "or unix:///tmp/me/llm.sock"},
        {"", "generator.base_url=unix://llm.sock",
         "override generator.base_url: generator.base_url must name a socket by its whole path, like "
         "unix:///run/user/1000/llm/server.sock"},
        {"", "generator.base_url=https://host/v1?key=AIzaSyDwhatever",
         "override generator.base_url: generator.base_url must have nothing behind a ? but api-version, as a "
         "study is kept with its "
         "results; hint: an address with a key in it goes into the provider's variable (OPENAI_BASE_URL), "
         "which is not"},
        {"generators: {a: {model: x, base_url: 'https://h/v1?api-version=2024&code=secret'}, b: {model: "
         "y}}\n",
         NULL,
         "s.yaml:5:38: generators.a.base_url must have nothing behind a ? but api-version, as a study is "
         "kept with its results; hint: an "
         "address with a key in it goes into the provider's variable (OPENAI_BASE_URL), which is not"},
        {"", "generator.base_url=https://me:pw@host/v1",
         "override generator.base_url: generator.base_url must hold no user or password; hint: the key goes "
         "into an "
         "environment variable"},
        {"generator: {api_key_env: sk-abcdefghijklmnop}\n", NULL,
         "s.yaml:5:26: this looks like an API key; hint: keys stay out of files: put it into an environment "
         "variable and write "
         "the variable's name (generator.api_key_env: OPENAI_API_KEY)"},
        {"", "generator.api_key_env=sk-abcdefghijklmnop",
         "override generator.api_key_env: this looks like an API key; hint: keys stay out of files: put it "
         "into an environment "
         "variable and write the variable's name (generator.api_key_env: OPENAI_API_KEY)"},
        {"generator: {api_key_env: sk-ab}\n", NULL,
         "s.yaml:5:26: generator.api_key_env must be the name of an environment variable, like "
         "OPENAI_API_KEY; hint: the key "
         "itself belongs into that variable, never into a file"},
        {"generators: [a]\n", NULL,
         "s.yaml:5:13: generators must be a group of 1 to 16 names with settings each, like small: {model: "
         "a}"},
        {"generators: {}\n", NULL,
         "s.yaml:5:13: generators must be a group of 1 to 16 names with settings each, like small: {model: "
         "a}"},
        {"generators: {a.b: {model: x}}\n", NULL,
         "s.yaml:5:14: the name of a generator must be at most 32 letters, digits, '_' and '-', and begin "
         "with a "
         "letter or digit"},
        {"generator: {model: x}\ngenerators: {a: {model: y}}\n", NULL,
         "s.yaml:5:20: generator.model is each generator's own where a study has several; hint: say it in "
         "each "
         "entry of generators"},
        {"generators: {a: {model: x, recording: r.gz}}\n", NULL,
         "s.yaml:5:28: generators.a.recording cannot be set here; hint: it holds for all generators; set it "
         "in "
         "generator"},
        {"generators: {a: {modle: x}}\n", NULL,
         "s.yaml:5:18: unknown setting \"generators.a.modle\"; hint: did you mean \"generators.a.model\"?"},
        {"generators: {a: {model: x, top_p: 7}}\n", NULL,
         "s.yaml:5:35: generators.a.top_p must be a number from 0 to 1, not \"7\""},
        {"generators: {a: {provider: anthropic}}\n", NULL,
         "s.yaml:5:28: generators.a.provider anthropic needs generators.a.model; hint: name one of its "
         "models"},
        {"generators: {a: {model: x}, b: {model: x, max_tokens: 9}}\n", NULL,
         "s.yaml:5:29: generators.b asks the same as generators.a: provider, model, temperature, top_p, omit "
         "and extra "
         "are "
         "those of the other; hint: results know a model by its name, not by its address"},
        {"generators: {a: {model: x}, b: {model: y, base_url: 'http://h/v1'}}\n", NULL,
         "s.yaml:5:29: generators.a and generators.b have different addresses, and both would be sent the "
         "key in "
         "OPENAI_API_KEY; hint: set api_key_env in both (a variable that is never set, for a server that "
         "needs no "
         "key)"},
        {"generators: {a: {model: x}}\n", "generators.b.model=y",
         "override generators.b: the study has no such generator; hint: generators.a"},
        {"", "generators.b.model=y",
         "override generators.b: the study has no such generator: it has no generators"},
        {"generators: {a: {model: x}}\n", "generators.a=y",
         "override generators.a: the study has no such "
         "generator; hint: generators.a"},
        {"generators: {a: {model: x}}\n", "generators.a.retries=-1",
         "override generators.a.retries: generators.a.retries must be a whole number from 0 to 100 times, "
         "not "
         "\"-1\""},
        {"", "tasks=[singel]", NULL},
        {"", "tasks=[./none.yaml]",
         "override tasks: no task file ./none.yaml, nor in .; hint: a path is seen from the current folder, "
         "then from the "
         "study's"},
        {"", "tasks=[single, tasks/single.yaml]",
         "override tasks: two tasks are called \"single\"; hint: rename one"},
        {"", "tasks=[pair]",
         "override tasks: task pair has no prompts.zero_shot_topic, which method zero_shot_topic needs; "
         "hint: add it to the task "
         "file"},
        {"", "tasks=[]", "override tasks: tasks must be a list [...] of names or paths, not an empty list"},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        char text[1000];
        struct sg_study *s;
        struct sg_err err = {0};
        size_t before = sg_mem_now();
        snprintf(text, sizeof text, "%s%s", base_study, row[i].more);
        assert_int_equal(read_study(text, row[i].override, &s, &err), SG_INPUT);
        assert_null(s);
        assert_null(strstr(err.text, "abcdefghijklmnop")); /* no message repeats a key */
        if (row[i].message)
            assert_string_equal(err.text, row[i].message);
        assert_int_equal(sg_mem_now(), before);
    }
}

static void test_missing(void **state)
{
    (void)state;
    struct sg_study *s;
    struct sg_err err = {0};
    assert_int_equal(read_study("study: x\n", NULL, &s, &err), SG_INPUT);
    assert_string_equal(
        err.text, "s.yaml: \"tasks\" is missing; hint: which tasks, like tasks: [sst2, emotion]: names in "
                  "experiments/tasks/, or paths to task files of one's own");
    assert_int_equal(read_study("# nothing\n", NULL, &s, &err), SG_INPUT);
    assert_string_equal(err.text,
                        "s.yaml: nothing in it; hint: experiments/quickstart.yaml shows what a study holds");
    assert_int_equal(read_study("- a\n", NULL, &s, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "s.yaml:1:1: a group of settings is wanted here"));
    assert_int_equal(sg_study_read("no/such.yaml", 0, NULL, &s, &err), SG_INPUT);
    assert_string_equal(err.text, "no/such.yaml: No such file or directory");
    assert_int_equal(read_study(base_study, "tasks=[singel]", &s, &err), SG_INPUT);
    assert_non_null(
        strstr(err.text, "override tasks: unknown task \"singel\"; hint: did you mean \"single\"? known: "));
    assert_non_null(strstr(err.text, "pair"));
    assert_int_equal(
        read_study("study: x\ntasks:\n  - single\n  - zzzzzzzzzzzz\nsizes: [1]\nraw: [1]\n", NULL, &s, &err),
        SG_INPUT);
    assert_non_null(strstr(err.text, "s.yaml:4:5: unknown task \"zzzzzzzzzzzz\"; hint: known: "));
}

static void test_memory(void **state)
{
    (void)state;
    size_t before = sg_mem_now();
    for (long n = 1; n < 1000; n++) {
        sg_mem_fail_at(n);
        struct sg_study *s;
        struct sg_err err = {0};
        sg_status status = read_study(base_study, "train.epochs=5", &s, &err);
        int fired = sg_mem_fail_at(0);
        if (status == SG_OK)
            sg_study_destroy(s);
        assert_int_equal(sg_mem_now(), before);
        if (!fired) {
            assert_int_equal(status, SG_OK);
            assert_true(n > 10);
            return;
        }
    }
    fail();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_omit_and_extra),
        cmocka_unit_test(test_generators),
        cmocka_unit_test(test_train_defaults),
        cmocka_unit_test(test_train_overrides),
        cmocka_unit_test(test_train_rows),
        cmocka_unit_test(test_overrides),
        cmocka_unit_test(test_resolved),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_whose_request),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_max_failed),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
