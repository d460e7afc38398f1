/* Pools that others have made: exports in the shape of three tools (tests/experiments/pools), what of their rows is rejected and why; the grid;
 * what cannot be read. */
#include "experiments/bundle/bundle_imports.h"
#include "experiments/study/prepare.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sg_err err;

static sg_status prepare(const char *methods, const char *tasks, const char *sizes, const char *more, int how,
                         struct sg_prepared **out)
{
    const char *const o[] = {"train.encoder=tests/oracle/model/bert",
                             "train.max_length=48",
                             "raw=[8]",
                             "generator.recording=",
                             "seeds={generation: 2, data: 2, train: 1}",
                             tasks,
                             sizes,
                             methods,
                             more};
    err.text[0] = 0;
    return sg_prepare("experiments/quickstart.yaml", sizeof o / sizeof *o, o, SG_PREPARE_NO_WEIGHTS | how,
                      out, &err);
}

static sg_status nothing(void *context, const char *key, struct sg_found *out, struct sg_err *e)
{
    (void)context, (void)key, (void)e;
    *out = (struct sg_found){0};
    return SG_OK;
}

/* Its pools, filled; nothing is asked for. */
static struct sg_prepared *filled(const char *methods, const char *tasks, const char *sizes, const char *more)
{
    struct sg_prepared *p = NULL;
    if (prepare(methods, tasks, sizes, more, 0, &p) != SG_OK)
        fail_msg("%s", err.text);
    for (int64_t i = 0; i < p->grid.n_pools; i++) {
        struct sg_request_list missing = {0};
        int64_t requests, in, out;
        assert_int_equal(sg_pool_advance(p->pool[i], nothing, NULL, &missing, &err), SG_OK);
        int64_t n_missing = missing.n;
        sg_request_list_free(&missing);
        if (p->grid.pool[i].arm.method != SG_IMPORTED)
            continue;
        assert_int_equal(n_missing, 0);
        assert_true(sg_pool_complete(p->pool[i]) && !sg_pool_waits(p->pool[i]));
        sg_pool_estimate(p->pool[i], &requests, &in, &out);
        assert_int_equal(requests + in + out, 0);
    }
    return p;
}

static const struct sg_pool *pool_of(const struct sg_prepared *p, const char *name)
{
    char arm[SG_ARM_NAME];
    for (int64_t i = 0; i < p->grid.n_pools; i++) {
        sg_arm_name(p->study, &p->grid.pool[i].arm, arm);
        if (strcmp(arm, name) == 0)
            return p->pool[i];
    }
    fail_msg("no pool of %s", name);
    return NULL;
}

#define HERE       "tests/experiments/pools/"
#define DISTILABEL "{name: distilabel, pool: " HERE "distilabel.jsonl, text: input_text}"
#define DESIGNER   "{name: designer, pool: " HERE "datadesigner.jsonl, text: review, label: sentiment}"
#define CURATOR                                                                                              \
    "{name: curator, pool: " HERE "curator.csv, text: premise, text_pair: hypothesis, label: verdict}"
#define HUB "{name: hub, pool: " HERE "hub}"

static void exports(void **state)
{
    (void)state;
    static const struct {
        const char *name, *methods, *tasks;
        int64_t n, n_draws, empty, wrong_label, duplicate, leakage;
        const char *first;
    } rows[] = {
        {"distilabel", "methods=[" DISTILABEL "]", "tasks=[sst2]", 12, 16, 1, 1, 1, 1,
         "Two hours of shouting in search of a second joke."},
        {"designer", "methods=[" DESIGNER "]", "tasks=[sst2]", 12, 12, 0, 0, 0, 0,
         "Two hours of shouting in search of a second joke."},
        {"curator", "methods=[" CURATOR "]", "tasks=[rte]", 12, 13, 1, 0, 0, 0,
         "The council of Tromso voted on Monday to keep the old ferry line open for another two years."},
        {"hub", "methods=[" HUB "]", "tasks=[sst2]", 12, 12, 0, 0, 0, 0,
         "Two hours of shouting in search of a second joke."},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sg_prepared *p = filled(rows[i].methods, rows[i].tasks, "sizes=[4,12]", "few_shot_rows=own");
        const struct sg_pool *pool = pool_of(p, rows[i].name);
        const int64_t *n = sg_pool_rejects(pool);
        if (p->grid.n_pools != 1 || sg_pool_n(pool) != rows[i].n ||
            sg_pool_n_draws(pool) != rows[i].n_draws || n[SG_REJECT_EMPTY] != rows[i].empty ||
            n[SG_REJECT_WRONG_LABEL] != rows[i].wrong_label || n[SG_REJECT_DUPLICATE] != rows[i].duplicate ||
            n[SG_REJECT_LEAKAGE] != rows[i].leakage)
            fail_msg("%s: %lld pools, %lld of %lld; empty %lld, label %lld, duplicate %lld, leakage %lld; %s",
                     rows[i].name, (long long)p->grid.n_pools, (long long)sg_pool_n(pool),
                     (long long)sg_pool_n_draws(pool), (long long)n[SG_REJECT_EMPTY],
                     (long long)n[SG_REJECT_WRONG_LABEL], (long long)n[SG_REJECT_DUPLICATE],
                     (long long)n[SG_REJECT_LEAKAGE], sg_pool_shortfall(pool));
        assert_string_equal(sg_pool_shortfall(pool), "");
        assert_string_equal(sg_pool_get(pool, 0).first, rows[i].first);
        for (int64_t j = 0; j < 12; j++)
            assert_int_equal(sg_pool_get(pool, j).label, j % 2);
        assert_int_equal(sg_pool_prefix(pool, 4), 4);
        /* One generation seed: raw-only 2, synthetic 2 sizes, both 2 sizes of 2 draws. */
        assert_int_equal(p->grid.n_cells, 2 + 2 + 4);
        sg_prepared_destroy(p);
    }
}

/* Beside methods that are bought: their pools and cells are what they are without. */
static void leaves_others_alone(void **state)
{
    (void)state;
    struct sg_prepared *plain = filled("methods=[zero_shot, few_shot_3, eda]", "tasks=[sst2,emotion]",
                                       "sizes=[4,12]", "rephrase=[false,true]");
    struct sg_prepared *p = filled("methods=[zero_shot, {name: one, pool: " HERE
                                   "hub, tasks: [sst2]}, few_shot_3, eda, " DISTILABEL "]",
                                   "tasks=[sst2]", "sizes=[4,12]", "rephrase=[false,true]");
    struct sg_prepared *both =
        filled("methods=[zero_shot, {name: one, pool: " HERE "hub, tasks: [sst2]}, few_shot_3, eda]",
               "tasks=[sst2,emotion]", "sizes=[4,12]", "rephrase=[false,true]");
    assert_int_equal(both->grid.n_pools, plain->grid.n_pools + 1);
    assert_int_equal(p->study->n_imports, 2);
    int64_t n_same = 0, n_same_cells = 0;
    for (int64_t i = 0; i < plain->grid.n_pools; i++)
        for (int64_t k = 0; k < both->grid.n_pools; k++)
            n_same += strcmp(sg_pool_id(plain->pool[i]), sg_pool_id(both->pool[k])) == 0;
    for (int64_t i = 0; i < plain->grid.n_cells; i++)
        for (int64_t k = 0; k < both->grid.n_cells; k++)
            n_same_cells += strcmp(plain->grid.cell[i].id, both->grid.cell[k].id) == 0;
    assert_int_equal(n_same, plain->grid.n_pools);
    assert_int_equal(n_same_cells, plain->grid.n_cells);
    assert_int_equal(both->grid.n_cells, plain->grid.n_cells + 6);
    for (int64_t k = 0; k < both->grid.n_pools; k++) {
        const struct sg_pool_key *key = &both->grid.pool[k];
        assert_true(key->source < k && (key->source >= 0) == key->arm.rephrase);
        if (key->source >= 0)
            assert_int_equal(both->grid.pool[key->source].arm.method, key->arm.method);
        assert_true(key->arm.method != SG_IMPORTED || key->task == 0);
    }
    sg_prepared_destroy(plain);
    sg_prepared_destroy(p);
    sg_prepared_destroy(both);
}

/* The id follows the rows, not where they lie or what else is in the file. */
static void ids(void **state)
{
    (void)state;
    struct sg_prepared *hub = filled("methods=[" HUB "]", "tasks=[sst2]", "sizes=[4]", "mixes=[synthetic]");
    struct sg_prepared *designer =
        filled("methods=[{name: again, pool: " HERE "datadesigner.jsonl, text: review, label: sentiment}]",
               "tasks=[sst2]", "sizes=[12]", "mixes=[synthetic]");
    struct sg_prepared *distilabel =
        filled("methods=[" DISTILABEL "]", "tasks=[sst2]", "sizes=[4]", "mixes=[synthetic]");
    const char *a = sg_pool_id(pool_of(hub, "hub")), *c = sg_pool_id(pool_of(distilabel, "distilabel"));
    assert_string_not_equal(a, c);
    assert_string_not_equal(a, sg_pool_id(pool_of(designer, "again"))); /* a line end more in each text */
    char *settings = sg_pool_settings(hub, 0);
    assert_non_null(strstr(settings, "\"method\":\"hub\""));
    assert_non_null(strstr(settings, "\"n_files\":2"));
    assert_non_null(strstr(settings, "\"pool_file\":\"" HERE "hub\""));
    assert_null(strstr(settings, "\"model\""));
    sg_free(settings);
    settings = sg_pool_settings(distilabel, 0);
    assert_non_null(strstr(settings, "\"n_rows\":16"));
    sg_free(settings);
    sg_prepared_destroy(hub);
    sg_prepared_destroy(designer);
    sg_prepared_destroy(distilabel);
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void short_ones(void **state)
{
    (void)state;
    char dir[] = "/tmp/sg-imports-XXXXXX", path[64], methods[300];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/sst2.jsonl", dir);
    put(path, "{\"text\":\"A long and winding film about a road.\",\"label\":\"Positive \"}\n"
              "{\"text\":\"  \",\"label\":\"positive\"}\n{\"text\":{\"said\":\"x\"},\"label\":\"positive\"}\n"
              "{\"label\":\"negative\"}\n{\"text\":\"What a mess of a film this has become.\"}\n"
              "{\"text\":\"A second one that is good.\",\"label\":\"positive\"}\n"
              "{\"text\":\"a SECOND one, that is good\",\"label\":\"negative\"}\n"
              "{\"text\":\"Third.\",\"label\":\"positive\"}\n"
              "{\"text\":\"An \\u0000 end\",\"label\":\"negative\"}\n"
              "{\"text\":\"A fine film\",\"label\":\"nega\\u0000tive\"}\n");
    snprintf(methods, sizeof methods, "methods=[{name: few, pool: '%s/{task}.jsonl'}]", dir);
    struct sg_prepared *p = filled(methods, "tasks=[sst2]", "sizes=[4]", "mixes=[synthetic]");
    const struct sg_pool *pool = pool_of(p, "few");
    const int64_t *n = sg_pool_rejects(pool);
    assert_int_equal(sg_pool_n(pool), 2);
    assert_true(n[SG_REJECT_EMPTY] == 4 && n[SG_REJECT_WRONG_LABEL] == 2 && n[SG_REJECT_DUPLICATE] == 1 &&
                n[SG_REJECT_SURPLUS] == 1 && n[SG_ACCEPTED] == 2);
    assert_non_null(strstr(sg_pool_shortfall(pool), "class negative: 0 of 2 after 3 attempts"));
    const char *notes = p->imported[0].rows.notes, *nul = strstr(notes, "\\u0000");
    char said[200];
    snprintf(said, sizeof said,
             "%s: field \"text\" of line 9 holds the character \\u0000: it counts as empty", path);
    assert_int_equal(strncmp(notes, said, strlen(said)), 0); /* the path once, and of the first alone */
    assert_null(strstr(nul + 1, "\\u0000"));
    sg_prepared_destroy(p);
    assert_int_equal(remove(path), 0);
    assert_int_equal(remove(dir), 0);
}

static void bad(void **state)
{
    (void)state;
    char dir[] = "/tmp/sg-imports-XXXXXX", methods[300];
    assert_non_null(mkdtemp(dir));
    static const struct {
        const char *file, *text, *methods, *tasks, *message;
    } rows[] = {
        {"a.jsonl", "{\"text\":\"x\",\"label\":\"positive\"}\n{\"text\":\"y\",\n", "[{name: a, pool: %s}]",
         "tasks=[sst2]", "a.jsonl:3: not JSON"},
        {"a.jsonl", "{\"text\":\"a text of words\",\"label\":\"happy\"}\n", "[{name: a, pool: %s}]",
         "tasks=[sst2]",
         "a.jsonl:1: no row has a label that is a class of task sst2; the first one is \"happy\"; hint: "
         "label names"},
        {"a.jsonl", "{\"text\":{\"a\":\"b\"},\"label\":\"positive\"}\n", "[{name: a, pool: %s, text: text}]",
         "tasks=[sst2]", "a.jsonl:1: no row has a text in column \"text\""},
        {"a.jsonl", "{\"txt\":\"a\",\"label\":\"positive\"}\n", "[{name: a, pool: %s, text: text}]",
         "tasks=[sst2]",
         "a.jsonl:1: field \"text\" is missing; the columns are txt, label; hint: name its columns where the "
         "study names the pool: {name: ..., pool: ..., text: NAME, label: NAME}"},
        {"a.jsonl", "{\"txt\":\"a\",\"label\":\"positive\"}\n", "[{name: a, pool: %s}]", "tasks=[sst2]",
         "or say which they are: name its columns where the study names the pool"},
        {"a.jsonl", "{\"text\":\"a\",\"label\":\"entailment\"}\n", "[{name: a, pool: %s}]", "tasks=[rte]",
         "a.jsonl: single texts (`text`), but the task has pairs; hint: name its columns where the study "
         "names "
         "the pool: {name: ..., pool: ..., text: NAME, text_pair: NAME, label: NAME}"},
        {"a.csv", "text,label\n", "[{name: a, pool: %s}]", "tasks=[sst2]", "a.csv: no rows in it"},
        {"a.parquet", "PAR1xxxxxxxxPAR1", "[{name: a, pool: %s}]", "tasks=[sst2]", "to_json"},
        {NULL, NULL, "[{name: a, pool: nowhere.jsonl}]", "tasks=[sst2]",
         "override methods: method a: no file or folder nowhere.jsonl"},
        {NULL, NULL, "[{name: a, pool: " HERE "hub}]", "tasks=[sst2,emotion]",
         "method a has one pool, \"" HERE "hub\", for 2 tasks; hint: tasks: [sst2]"},
        {NULL, NULL, "[{name: a, pool: x, tasks: [rte]}]", "tasks=[sst2]",
         "has rows for task rte, which the study does not have"},
        {NULL, NULL, "[{name: a, pool: x, text: t}]", "tasks=[rte]", "text_pair that of its sentence2"},
        {NULL, NULL, "[{name: a, pool: x, text: t, text_pair: u}]", "tasks=[sst2]",
         "has single texts; hint: leave it out"},
        {NULL, NULL, "[{name: a, pool: x, text_pair: u}]", "tasks=[rte]",
         "text_pair is set, but text is not"},
        {NULL, NULL, "[{name: zero_shot, pool: x}]", "tasks=[sst2]", "\"zero_shot\" is a method of its own"},
        {NULL, NULL, "[{name: a, pool: x}, {name: a, pool: y}]", "tasks=[sst2]",
         "two methods are called \"a\""},
        {NULL, NULL, "[{pool: x}]", "tasks=[sst2]", "override methods: methods: \"name\" is missing"},
        {NULL, NULL, "[{name: a}]", "tasks=[sst2]", "\"pool\" is missing; hint: the rows"},
        {NULL, NULL, "[{name: a, pool: x, texts: y}]", "tasks=[sst2]",
         "unknown setting \"texts\"; hint: did you mean \"text\"?"},
        {NULL, NULL, "[{name: 'a b', pool: x}]", "tasks=[sst2]", "name must be a name"},
        {NULL, NULL, "{name: a, pool: x}", "tasks=[sst2]", "methods must be a list"},
        {NULL, NULL, "[zero_shot, zeroshot, {name: a, pool: x}]", "tasks=[sst2]",
         "did you mean \"zero_shot\"?"},
        {NULL, NULL, "[]", "tasks=[sst2]", "not an empty list"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[64], text[300];
        struct sg_prepared *p = NULL;
        snprintf(path, sizeof path, "%s/%s", dir, rows[i].file ? rows[i].file : "none");
        if (rows[i].file)
            put(path, rows[i].text);
        const char *at = strstr(rows[i].methods, "%s");
        snprintf(text, sizeof text, "%.*s%s%s", at ? (int)(at - rows[i].methods) : 0, rows[i].methods,
                 at ? path : "", at ? at + 2 : rows[i].methods);
        snprintf(methods, sizeof methods, "methods=%.280s", text);
        size_t before = sg_mem_now();
        assert_int_equal(prepare(methods, rows[i].tasks, "sizes=[4]", "mixes=[synthetic]", 0, &p), SG_INPUT);
        if (!strstr(err.text, rows[i].message))
            fail_msg("%s: no '%s' in: %s", text, rows[i].message, err.text);
        assert_int_equal(sg_mem_now(), before);
        if (rows[i].file)
            assert_int_equal(remove(path), 0);
    }
    /* A plan goes on with what is missing. */
    struct sg_prepared *p = NULL;
    assert_int_equal(prepare("methods=[{name: a, pool: nowhere.jsonl}]", "tasks=[sst2]", "sizes=[4]",
                             "mixes=[synthetic]", SG_PREPARE_ASSUME, &p),
                     SG_OK);
    assert_int_equal(p->lacks.n, 1);
    assert_non_null(strstr(p->lacks.item[0].text, "nowhere.jsonl"));
    sg_prepared_destroy(p);
    /* A study of raw rows alone reads no pool. */
    assert_int_equal(
        prepare("methods=[{name: a, pool: nowhere.jsonl}]", "tasks=[sst2]", "sizes=", "mixes=[raw]", 0, &p),
        SG_OK);
    sg_prepared_destroy(p);
    assert_int_equal(remove(dir), 0);
}

/* A bundle is made by others: no path in it is followed. */
static void bundles(void **state)
{
    (void)state;
    static const struct {
        const char *methods;
        int good;
    } rows[] = {
        {"[\"zero_shot\"]", 1},
        {"[\"zero_shot\",{\"name\":\"x\",\"pool\":\"pools/{task}/x.jsonl\",\"tasks\":[\"sst2\"]}]", 1},
        {"[{\"name\":\"x\",\"pool\":\"/etc/passwd\"}]", 0},
        {"[{\"name\":\"x\",\"pool\":\"pools/{task}/y.jsonl\"}]", 0},
        {"[{\"name\":\"../x\",\"pool\":\"pools/{task}/../x.jsonl\"}]", 0},
        {"[{\"name\":\"x\",\"pool\":\"pools/{task}/x.jsonl\",\"text\":\"t\"}]", 0},
        {"[{\"pool\":\"pools/{task}/x.jsonl\"}]", 0},
        {"[7]", 0},
        {"[[]]", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[300];
        snprintf(text, sizeof text, "{\"methods\":%s}", rows[i].methods);
        json_t *settings = json_loads(text, 0, NULL);
        assert_non_null(settings);
        if ((sg_bundle_imports_check(settings, &err) == SG_OK) != rows[i].good)
            fail_msg("%s", text);
        json_decref(settings);
    }
    static const struct {
        const char *part;
        int good;
    } parts[] = {{"{\"method\":\"x\",\"first\":\"a\",\"second\":null,\"label\":null}", 1},
                 {"{\"method\":\"x\",\"first\":\"a\",\"second\":\"b\",\"label\":\"c\"}", 1},
                 {"{\"method\":\"y\",\"first\":\"a\",\"second\":null,\"label\":null}", 0},
                 {"{\"first\":\"a\",\"second\":null,\"label\":null}", 0},
                 {"{\"method\":\"x\",\"first\":null,\"second\":null,\"label\":null}", 0},
                 {"{\"method\":\"x\",\"first\":\"a\",\"second\":7,\"label\":null}", 0},
                 {"{\"method\":\"x\",\"first\":\"a\",\"second\":null,\"label\":[]}", 0}};
    json_t *settings = json_pack("{s:[s,{s:s}]}", "methods", "zero_shot", "name", "x");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        json_t *part = json_loads(parts[i].part, 0, NULL);
        if ((sg_bundle_import_row(settings, part, &err) == SG_OK) != parts[i].good)
            fail_msg("%s", parts[i].part);
        json_decref(part);
    }
    json_decref(settings);
}

/* A file's import for a task that the command line leaves out is for none, and stands in nobody's way. */
static void narrowed(void **state)
{
    (void)state;
    static const struct {
        const char *override[2];
        const char *message;
    } rows[] = {
        {{"tasks=[sst2]", NULL}, NULL},
        {{"tasks=[sst2]", "methods=[eda, {name: a, pool: x, tasks: [emotion]}]"},
         "has rows for task emotion, which the study does not have"},
        {{"tasks=[emotion]", NULL}, NULL},
        {{"sizes=[5]", NULL}, "has rows for task emotion, which the study does not have"},
    };
    char dir[] = "/tmp/sg-imports-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/study.yaml", dir);
    put(path, "study: s\ntasks: [sst2]\nmethods: [eda, {name: a, pool: x, tasks: [emotion]}]\nsizes: [4]\n"
              "raw: [8]\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sg_study *s = NULL;
        size_t before = sg_mem_now();
        sg_status status = sg_study_read(path, rows[i].override[1] ? 2 : 1, rows[i].override, &s, &err);
        if ((status == SG_OK) != !rows[i].message || (rows[i].message && !strstr(err.text, rows[i].message)))
            fail_msg("%s: %s", rows[i].override[0], err.text);
        if (s) {
            assert_int_equal(s->n_imports, 1);
            assert_int_equal(sg_import_is_of(s, 0, 0), strcmp(s->task[0].name, "emotion") == 0);
        }
        sg_study_destroy(s);
        assert_int_equal(sg_mem_now(), before);
    }
    assert_int_equal(remove(path), 0);
    assert_int_equal(remove(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(exports), cmocka_unit_test(leaves_others_alone),
                                       cmocka_unit_test(ids),     cmocka_unit_test(short_ones),
                                       cmocka_unit_test(bad),     cmocka_unit_test(narrowed),
                                       cmocka_unit_test(bundles)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
