/* The answers of a report: a study with known effects is told as such, one without any makes no claim, one with holes or a single cell says why. */
#include "results/h5/store.h"
#include "results/report/answer.h"

#include "made_study.h"

#include "tests/base/check.h"

#include <math.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scratch.h"

static const char *const methods[] = {"good", "plain", "plain_too", NULL};
static const int sizes[] = {20, 60, 0}, one_size[] = {20, 0}, raws[] = {40, 0}, two_raws[] = {40, 80, 0};

struct study {
    struct sg_report_data d;
    struct sg_scores s;
    struct sg_doc *doc;
};

static void make(const char *name, const struct made *m, const char *only, struct study *t)
{
    char path[400];
    snprintf(path, sizeof path, "%s.h5", in_scratch(name));
    OK(made_write(in_scratch(name), path, m, &err));
    *t = (struct study){0};
    OK(sg_report_read(path, &t->d, &err));
    OK(sg_scores_read(path, &t->d, &t->s, &err));
    OK(sg_sections_write(&(struct sg_section_input){.d = &t->d, .scores = &t->s, .file = path, .only = only},
                         &t->doc, &err));
}

/* The sections anew, of data that was changed. */
static void again(struct study *t, const char *name)
{
    char path[400];
    snprintf(path, sizeof path, "%s.h5", in_scratch(name));
    sg_doc_destroy(t->doc);
    t->doc = NULL;
    OK(sg_sections_write(&(struct sg_section_input){.d = &t->d, .scores = &t->s, .file = path}, &t->doc,
                         &err));
}

static void study_free(struct study *t)
{
    sg_doc_destroy(t->doc);
    sg_scores_free(&t->s);
    sg_report_data_free(&t->d);
}

static const struct sg_doc_section *section(const struct study *t, const char *name)
{
    for (int64_t i = 0; i < t->doc->n_sections; i++)
        if (strcmp(t->doc->section[i].name, name) == 0)
            return &t->doc->section[i];
    fail_msg("no section %s", name);
    return NULL;
}

/* The section's i-th sentence. */
static const char *said(const struct study *t, const char *name, int i)
{
    const struct sg_doc_section *s = section(t, name);
    for (int64_t k = 0; k < s->n_blocks; k++)
        if (s->block[k].kind == SG_DOC_SENTENCE && i-- == 0)
            return s->block[k].text;
    return "";
}

static void expect(const struct study *t, const char *name, int i, const char *part)
{
    if (!strstr(said(t, name, i), part))
        fail_msg("section %s says \"%s\", without \"%s\"", name, said(t, name, i), part);
}

/* Whether a paragraph of the section has the text. */
static int has_paragraph(const struct study *t, const char *name, const char *part)
{
    const struct sg_doc_section *s = section(t, name);
    int yes = 0;
    for (int64_t k = 0; k < s->n_blocks; k++)
        yes |= s->block[k].kind == SG_DOC_PARAGRAPH && strstr(s->block[k].text, part) != NULL;
    return yes;
}

static double helps(int task, const char *method, int size, int raw)
{
    (void)task;
    return (size && strcmp(method, "good") == 0 ? 1.2 : 0) + (size ? 0.5 : 0) - (size && !raw ? 2.5 : 0);
}

static void known_effects(void **state)
{
    (void)state;
    struct study t;
    make("known",
         &(struct made){.n_tasks = 2,
                        .n_rows = 200,
                        .n_draws = 3,
                        .n_trainings = 3,
                        .method = methods,
                        .size = sizes,
                        .raw = raws,
                        .gain = helps,
                        .seed = 5},
         NULL, &t);
    expect(&t, "help", 0, "Adding synthetic examples to 40 raw rows helps: +");
    expect(&t, "help", 0, "mean of 2 tasks");
    expect(&t, "help", 1, "helps on task0 by +");
    expect(&t, "replace", 0, "loses");
    expect(&t, "method", 0, "On average over 2 tasks, good is above plain by +");
    expect(&t, "method", 1, "on task0, good is above ");
    study_free(&t);
}

static double free_is_worse(int task, const char *method, int size, int raw)
{
    (void)task, (void)raw;
    return !size ? 0 : strcmp(method, "good") == 0 ? 1.2 : strcmp(method, "free") == 0 ? 0.3 : 0;
}

static double views_help(int task, const char *method, int size, int raw)
{
    (void)task, (void)raw;
    return !size ? 0 : strstr(method, " dimp") ? 0.3 : strcmp(method, "free") == 0 ? -0.2 : 0;
}

static double verified_helps(int task, const char *method, int size, int raw)
{
    (void)task, (void)raw;
    return size && strstr(method, " llm_verified") ? 1.2 : 0;
}

static double free_is_better(int task, const char *method, int size, int raw)
{
    (void)task, (void)raw;
    return size && strcmp(method, "free") == 0 ? 1.2 : 0;
}

/* The best method that was paid for beside the best free one, whichever is better, and where it cannot be told; nothing where a study has one kind. */
static void free_beside_bought(void **state)
{
    (void)state;
    static const char *const both[] = {"good", "free_too", "plain", "free", NULL}, *const views[] = {
                                                                                       "plain",
                                                                                       "plain formal", "free",
                                                                                       "free dimp", NULL};
    struct study t;
    struct made m = {.n_tasks = 2,
                     .n_rows = 200,
                     .n_draws = 3,
                     .n_trainings = 3,
                     .method = both,
                     .size = sizes,
                     .raw = raws,
                     .gain = free_is_worse,
                     .seed = 5,
                     .pools = 1};
    make("free1", &m, NULL, &t);
    expect(&t, "method", 2,
           "On average over 2 tasks, the best LLM method (good) beats the best free one (free) by +");
    expect(&t, "method", 2, "points (95 % interval +");
    expect(&t, "method", 2, " at 40 raw rows, for 2.00 USD; p < 0.001, Holm over 18.");
    expect(&t, "method", 3, "by task: on task0 good minus free is +");
    expect(&t, "method", 3, "points for 1.00 USD; on task1 good minus free is +");
    study_free(&t);
    m.gain = free_is_better;
    make("free2", &m, NULL, &t);
    expect(&t, "method", 2, "the best free method (free) beats the best LLM one (");
    expect(&t, "method", 2, "), which cost 2.00 USD, by +");
    expect(&t, "method", 3, " minus free is -");
    study_free(&t);
    m.gain = NULL;
    m.n_tasks = 1;
    make("free3", &m, NULL, &t);
    expect(&t, "method", 1, "On task0, whether the best LLM method (");
    expect(&t, "method", 1, ", for 1.00 USD) beats the best free one (free");
    expect(&t, "method", 1, ") " SG_CANNOT ": ");
    expect(&t, "method", 1, " at 40 raw rows; a true difference of ");
    study_free(&t);
    m.gain = views_help;
    m.method = views;
    make("free5", &m, NULL, &t);
    expect(&t, "method", 1, "the best free method (free dimp) beats the best LLM one (plain");
    expect(&t, "method", 1, "), which cost 1.00 USD, by +");
    study_free(&t);
    /* A free pool that an LLM was paid to verify is no free method, and its price is that. */
    m.gain = verified_helps;
    m.method = (const char *const[]){"plain", "free", "free llm_verified", NULL};
    make("free6", &m, NULL, &t);
    for (int64_t i = 0; i < t.d.n_pools; i++)
        if (strcmp(t.d.pool[i].method, "free") == 0) {
            t.d.pool[i].verifier = sg_strdup("judge");
            t.d.pool[i].verified = (struct sg_report_verified){
                .is_asked = 1, .is_complete = 1, .n = 2, .spend = {.n_requests = 2, .cost_usd = 0.25}};
        }
    again(&t, "free6");
    expect(&t, "method", 1, "the best LLM method (free llm_verified) beats the best free one (free) by +");
    expect(&t, "method", 1, ", for 0.2500 USD;");
    assert_true(sg_answer_mean_cost(&t.s, 0, SG_REPORT_BOTH) == 0.25 && /* of plain, which is in the means */
                sg_answer_is_llm_verified(&t.d, 0, "free llm_verified") &&
                !sg_answer_is_llm_verified(&t.d, 0, "free dimp"));
    study_free(&t);
    m.method = (const char *const[]){"free llm_verified", NULL};
    make("free7", &m, NULL, &t);
    t.d.pool[0].verified =
        (struct sg_report_verified){.is_asked = 1, .is_complete = 1, .n = 2, .spend = {.cost_usd = 0.25}};
    assert_true(fabs(sg_answer_mean_cost(&t.s, 0, SG_REPORT_BOTH) - 0.125) < 1e-9);
    study_free(&t);
    m.gain = NULL;
    m.method = methods;
    make("free4", &m, NULL, &t);
    expect(&t, "method", 0, "On task0, which of 3 methods is best");
    for (int k = 0; k < 4; k++)
        assert_null(strstr(said(&t, "method", k), "free"));
    study_free(&t);
}

/* The number in a table's cell, with its interval. */
static const struct sg_doc_cell *cell(const struct study *t, const char *name, const char *table, int64_t row,
                                      int64_t column)
{
    const struct sg_doc_section *s = section(t, name);
    for (int64_t k = 0; k < s->n_blocks; k++) {
        const struct sg_doc_table *x = s->block[k].table;
        if (x && strcmp(x->name, table) == 0) {
            assert_true(row < x->n_rows && column < x->n_columns);
            return &x->cell[row * x->n_columns + column];
        }
    }
    fail_msg("no table %s", table);
    return NULL;
}

/* 900 examples beside 40 rows do what 160 rows do alone; what sizes add levels off; a label's price: 900 x 0.25 / 120. */
static double curve(int task, const char *method, int size, int raw)
{
    double alone = raw ? 0.35 * log2((double)raw / 40) : -2;
    (void)task;
    (void)method;
    return raw == 40 && size ? 0.7 - 0.7 * pow((double)size / 100, -1) + 0.7 / 9 : alone;
}

static void curves_and_labels(void **state)
{
    static const int curve_sizes[] = {100, 200, 400, 900, 0}, curve_raws[] = {40, 80, 160, 320, 0};
    struct study t;
    (void)state;
    make("curves",
         &(struct made){.n_tasks = 1,
                        .n_rows = 1000,
                        .n_draws = 3,
                        .n_trainings = 2,
                        .method = methods + 2,
                        .size = curve_sizes,
                        .raw = curve_raws,
                        .gain = curve,
                        .seed = 3,
                        .pools = 1,
                        .n_llm = 1000},
         NULL, &t);
    expect(&t, "worth", 0, "On task0, 900 synthetic examples beside 40 raw rows replace ");
    expect(&t, "worth", 0, "buying pays where a label costs more than USD ");
    const struct sg_doc_table *w = NULL;
    for (int64_t k = 0; k < section(&t, "worth")->n_blocks; k++)
        w = section(&t, "worth")->block[k].table ? section(&t, "worth")->block[k].table : w;
    int64_t n_found = 0;
    for (int64_t r = 0; w && r < w->n_rows; r++) {
        const struct sg_doc_cell *c = &w->cell[r * w->n_columns];
        if (strcmp(c[1].text, "beside raw rows") != 0 || c[2].value != 900 || c[3].value != 40)
            continue;
        assert_true(c[4].value > 80 && c[4].value < 180 && c[5].value < 120 && c[6].value > 120);
        assert_true(fabs(c[7].value - 900 * 0.25 / c[4].value) < 1e-9);
        n_found++;
    }
    assert_int_equal(n_found, 1);
    expect(&t, "encoder", 0, "Against the LLM asked with 0 examples, the encoder on raw rows alone: ");
    expect(&t, "encoder", 2,
           "the LLM's own accuracy tells how much its data helps " SG_CANNOT ": it has 1 task");
    const struct sg_doc_cell *llm = cell(&t, "encoder", "llm-encoder", 0, 3),
                             *less = cell(&t, "encoder", "llm-encoder", 0, 5);
    const struct sg_score_group *most = sg_scores_find(&t.s, 0, SG_REPORT_RAW, NULL, 0, 320);
    assert_true(llm->value == 75);
    assert_true(fabs(less->value - (100 * most->effect[0].mean - 75)) < 1e-6 && less->low < less->value);
    expect(&t, "enough", 0, "The next 100 examples give less than 1 point");
    expect(&t, "enough", 0, "on task0, beside 40 raw rows, from about ");
    study_free(&t);
}

static const struct sg_doc_table *table_of(const struct study *t, const char *name)
{
    const struct sg_doc_section *s = section(t, name);
    for (int64_t k = 0; k < s->n_blocks; k++)
        if (s->block[k].table)
            return s->block[k].table;
    fail_msg("section %s has no table", name);
    return NULL;
}

static double helps_a_little(int task, const char *method, int size, int raw)
{
    (void)method;
    return !size ? 0 : !raw ? -1 : task ? 0.1 : 0.2;
}

/* What `short` marks with a star is what `help` and `replace` tell, which take all raw sizes into their families. */
static void short_agrees_with_help(void **state)
{
    static const char *const question[] = {"help", "replace"};
    int n_told = 0, n_not = 0;
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        struct made m = {.n_tasks = 2,
                         .n_rows = 200,
                         .n_draws = 3,
                         .n_trainings = 3,
                         .method = methods + 2,
                         .size = one_size,
                         .raw = two_raws,
                         .gain = helps_a_little,
                         .seed = seed};
        char name[40];
        struct study t;
        snprintf(name, sizeof name, "short%d", (int)seed);
        make(name, &m, NULL, &t);
        const struct sg_doc_table *x = table_of(&t, "short");
        assert_int_equal(x->n_rows, 2);
        for (int k = 0; k < 2; k++) {
            const struct sg_doc_table *y = table_of(&t, question[k]);
            assert_int_equal(y->n_rows, 6);
            for (int64_t task = 0; task < 2; task++) {
                const struct sg_doc_cell *a = &x->cell[task * x->n_columns],
                                         *b = &y->cell[(3 + task) * y->n_columns];
                assert_string_equal(a[0].text, b[0].text);
                assert_true(a[2].value == 80 && b[1].value == 80 && a[4 + k].value == b[3].value);
                int is_told = strchr(a[4 + k].text, '*') != NULL;
                assert_int_equal(is_told, strchr(b[3].text, '*') != NULL);
                n_told += is_told;
                n_not += !is_told && (a[4 + k].low > 0 || a[4 + k].high < 0);
            }
        }
        study_free(&t);
    }
    assert_true(n_told && n_not); /* stars, and none that one test alone would have had */
}

/* A free method and a view beside a bought one change no price, and are in no mean; alone they are, and a free method costs nothing. */
static void free_methods_have_no_price(void **state)
{
    static const int curve_sizes[] = {100, 400, 900, 0}, curve_raws[] = {40, 80, 160, 320, 0};
    static const char *const mixed[] = {"plain", "plain dimp", "free", NULL};
    struct made m = {.n_tasks = 1,
                     .n_rows = 500,
                     .n_draws = 3,
                     .n_trainings = 2,
                     .method = mixed,
                     .size = curve_sizes,
                     .raw = curve_raws,
                     .gain = curve,
                     .seed = 3,
                     .pools = 1};
    struct study t;
    (void)state;
    make("priced", &m, NULL, &t);
    assert_true(fabs(sg_answer_example_cost(&t.d, 0, NULL) - 0.25) < 1e-9);
    expect(&t, "worth", 0, "mean of 1 LLM method; Holm over 1); buying pays where a label");
    assert_string_equal(table_of(&t, "enough")->title, "Accuracy by size, mean of the LLM methods");
    const struct sg_doc_table *w = table_of(&t, "worth");
    for (int64_t r = 0; r < w->n_rows; r++)
        assert_true(w->cell[r * w->n_columns + 8].value == 1);
    /* The means of help are those of a study that has nothing else; single combinations are told of all. */
    double mean = cell(&t, "help", "help-tasks", 0, 3)->value;
    expect(&t, "help", 0, "Adding synthetic examples of LLM methods to 40 raw rows on task0 helps");
    assert_true(has_paragraph(&t, "help",
                              "Means over methods are of plain. Not in them, but in the tables of single "
                              "methods: plain dimp, free (views, free methods and imported pools count where "
                              "there is nothing else)."));
    assert_non_null(cell(&t, "help", "help", 3 * 3 * 4 - 1, 0)); /* methods, sizes, raw sizes */
    study_free(&t);
    m.method = (const char *const[]){"plain", NULL};
    make("plain", &m, NULL, &t);
    expect(&t, "help", 0, "Adding synthetic examples to 40 raw rows on task0 helps");
    assert_true(fabs(cell(&t, "help", "help-tasks", 0, 3)->value - mean) < 1e-9);
    assert_false(has_paragraph(&t, "help", "Not in them"));
    study_free(&t);
    m.method = (const char *const[]){"plain dimp", NULL};
    make("views", &m, NULL, &t);
    expect(&t, "worth", 0, "mean of 1 view; Holm over 1); buying pays where a label");
    study_free(&t);
    m.method = mixed + 2;
    make("unpriced", &m, NULL, &t);
    expect(&t, "worth", 0, "mean of 1 method; Holm over 1); the examples cost nothing.");
    study_free(&t);
    m.method = methods + 2;
    make("bought", &m, NULL, &t);
    for (int64_t i = 0; i < t.d.n_pools; i++)
        t.d.pool[i].maker = SG_MADE_FILE;
    assert_true(isnan(sg_answer_example_cost(&t.d, 0, NULL)) && !sg_answer_is_bought(&t.d, 0, "plain_too"));
    study_free(&t);
}

static double formal_is_worse(int task, const char *method, int size, int raw)
{
    (void)task;
    (void)raw;
    return size && strstr(method, "formal") ? -1 : size && strstr(method, "rephrased") ? 1 : 0;
}

static void axes(void **state)
{
    static const char *const arms[] = {"good",          "good formal",   "good rephrased",
                                       "good by small", "good by large", NULL};
    struct study t;
    (void)state;
    make("axes",
         &(struct made){.n_tasks = 1,
                        .n_rows = 300,
                        .n_draws = 3,
                        .n_trainings = 2,
                        .method = arms,
                        .size = one_size,
                        .raw = raws,
                        .gain = formal_is_worse,
                        .seed = 4,
                        .pools = 1},
         NULL, &t);
    expect(&t, "wording", 0, "On task0, default is above formal by +");
    expect(&t, "wording", 1, "Of the spread of a single cell's accuracy, about ");
    expect(&t, "rephrase", 0, "On task0, rephrased is above as bought by +");
    expect(&t, "generator", 0, "which of 2 generators is best " SG_CANNOT);
    study_free(&t);
}

static double by_place(int task, const char *method, int size, int raw)
{
    (void)task;
    (void)raw;
    return size ? 0.3 * (method[0] - 'a') : 0;
}

static void diversity(void **state)
{
    static const char *const arms[] = {"a", "b", "c", "d", "e", "f", NULL};
    struct study t;
    (void)state;
    make("diverse",
         &(struct made){.n_tasks = 2,
                        .n_rows = 300,
                        .n_draws = 2,
                        .n_trainings = 2,
                        .method = arms,
                        .size = one_size,
                        .raw = raws,
                        .gain = by_place,
                        .seed = 4,
                        .pools = 1},
         NULL, &t);
    expect(&t, "diversity", 0, "the gain of a pool goes with mean_similarity -");
    expect(&t, "diversity", 0, "and vendi +");
    assert_true(cell(&t, "diversity", "diversity", 1, 1)->value > 0.8); /* vendi */
    assert_true(
        isnan(cell(&t, "diversity", "diversity", 2, 1)->value)); /* the same effective rank everywhere */
    study_free(&t);
}

static double helps_less(int task, const char *method, int size, int raw)
{
    return helps(task, method, size, raw) - (size && strcmp(method, "good") == 0 ? 2.5 : 0);
}

static void two_studies(void **state)
{
    struct study t, other;
    struct sg_doc *doc = NULL;
    struct made m = {.n_tasks = 1,
                     .n_rows = 200,
                     .n_draws = 2,
                     .n_trainings = 2,
                     .method = methods,
                     .size = one_size,
                     .raw = raws,
                     .gain = helps,
                     .seed = 5};
    (void)state;
    make("here", &m, "limits", &t);
    m.gain = helps_less;
    make("there", &m, "limits", &other);
    struct sg_section_input in = {
        .d = &t.d, .scores = &t.s, .other = &other.d, .other_scores = &other.s, .only = "compare"};
    OK(sg_sections_write(&in, &doc, &err));
    sg_doc_destroy(t.doc);
    t.doc = doc;
    expect(&t, "compare", 0,
           "Of 7 groups that both studies have complete, 1 is better here and 0 better there (Holm over 7)");
    assert_string_equal(cell(&t, "compare", "compare", 0, 9)->text, "yes");
    study_free(&other);
    m.n_rows = 100; /* other rows: not paired */
    make("smaller", &m, "limits", &other);
    in.other = &other.d;
    in.other_scores = &other.s;
    OK(sg_sections_write(&in, &doc, &err));
    sg_doc_destroy(t.doc);
    t.doc = doc;
    assert_string_equal(cell(&t, "compare", "compare", 0, 9)->text, "no");
    study_free(&other);
    study_free(&t);
}

/* Every sentence of a study without effects says that it cannot be told; a claim is one that does not. */
static int n_claims(const struct study *t)
{
    static const char *const sections[] = {"help", "replace", "method", "diversity", "worth"};
    int n = 0;
    for (size_t k = 0; k < sizeof sections / sizeof *sections; k++)
        for (int i = 0; said(t, sections[k], i)[0]; i++)
            if (!strstr(said(t, sections[k], i), SG_CANNOT)) {
                n++;
                if (getenv("SG_SHOW"))
                    printf("%s\n", said(t, sections[k], i));
            }
    return n;
}

/* Of studies first, first + 2, ...: those that make a claim. */
static int count_claims(int first, int n_studies, uint64_t seed)
{
    int n = 0;
    for (int i = first; i < n_studies; i += 2) {
        struct study t;
        char name[40];
        snprintf(name, sizeof name, "none%d", i);
        make(name,
             &(struct made){.n_tasks = 2,
                            .n_rows = 40,
                            .n_draws = 3,
                            .n_trainings = 2,
                            .method = methods,
                            .size = one_size,
                            .raw = two_raws,
                            .pools = 1,
                            .seed = 1000 * seed + (uint64_t)i},
             NULL, &t);
        n += n_claims(&t) > 0;
        study_free(&t);
    }
    return n;
}

/* A second process has half of them: a core each. */
static void no_effect_no_claim(void **state)
{
    (void)state;
    int n_studies = getenv("SG_STUDIES") ? atoi(getenv("SG_STUDIES")) : 100, n_theirs = -1, way[2];
    uint64_t seed = getenv("SG_SEED") ? (uint64_t)atoi(getenv("SG_SEED")) : 1;
    assert_int_equal(pipe(way), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        n_theirs = count_claims(1, n_studies, seed);
        _exit(write(way[1], &n_theirs, sizeof n_theirs) != sizeof n_theirs);
    }
    close(way[1]);
    int n = count_claims(0, n_studies, seed), status;
    assert_int_equal(read(way[0], &n_theirs, sizeof n_theirs), sizeof n_theirs);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(way[0]);
    n += n_theirs;
    printf("seed %llu: %d of %d studies without an effect make a claim\n", (unsigned long long)seed, n,
           n_studies);
    assert_true(n * 100 <= 5 * n_studies);
}

static double far(int task, const char *method, int size, int raw)
{
    (void)method, (void)raw;
    return size && task == 0 ? 1.2 : 0;
}

/* On a further test set what helps on one task is told of that one, whatever the own test rows say; a hole is no number. */
static void further_test_sets(void **state)
{
    (void)state;
    struct study t;
    struct made m = {.n_tasks = 2,
                     .n_rows = 150,
                     .n_draws = 3,
                     .n_trainings = 3,
                     .method = methods,
                     .size = one_size,
                     .raw = raws,
                     .far = far,
                     .seed = 9};
    make("far", &m, NULL, &t);
    expect(&t, "transfer", 0,
           "On far, adding synthetic examples to 40 raw rows of task0 helps: accuracy changes by +");
    expect(&t, "transfer", 0, "mean of 3 combinations of method and size; p");
    expect(&t, "transfer", 1, "help task1 on far " SG_CANNOT);
    assert_string_equal(said(&t, "transfer", 2), "");
    if (!strstr(said(&t, "help", 0), SG_CANNOT))
        fail_msg("what helps far away is told of the own test rows: %s", said(&t, "help", 0));
    const struct sg_doc_section *s = section(&t, "transfer");
    assert_int_equal(s->n_blocks, 2 + 2 * 3); /* table, note and figure of each task */
    const struct sg_doc_table *table = s->block[2].table;
    assert_int_equal(table->n_rows, 1 + 3 * 2);
    assert_string_equal(table->cell[0].text, "far");
    assert_string_equal(table->cell[2].text, "raw");
    /* The mean that is shown is that of the rows: read again by hand. */
    int64_t set[] = {0, 0}, n_right = 0, n = 0;
    struct sg_scores far_scores;
    char path[400];
    snprintf(path, sizeof path, "%s.h5", in_scratch("far"));
    OK(sg_scores_read_set(path, &t.d, set, &far_scores, &err));
    const struct sg_score_group *g = sg_scores_find(&far_scores, 0, SG_REPORT_RAW, NULL, 0, 40);
    for (int64_t i = 0; i < g->n_cells; i++)
        for (int64_t r = 0; r < m.n_rows; r++, n++)
            n_right += sg_scores_predicted(&far_scores, g->cell[i], r) == sg_scores_gold(&far_scores, 0, r);
    assert_true(fabs(table->cell[6].value - (double)n_right / (double)n) < 1e-6 ||
                fabs(table->cell[6].value - 100 * (double)n_right / (double)n) < 1e-4);
    sg_scores_free(&far_scores);
    study_free(&t);

    m.hole = 1; /* of the last task */
    make("far_hole", &m, "transfer", &t);
    expect(&t, "transfer", 1, SG_CANNOT " yet: cells are missing");
    study_free(&t);
    m = (struct made){.n_tasks = 1,
                      .n_rows = 20,
                      .n_draws = 1,
                      .n_trainings = 1,
                      .method = methods,
                      .size = one_size,
                      .raw = raws};
    make("far_none", &m, NULL, &t);
    for (int64_t i = 0; i < t.doc->n_sections; i++)
        assert_string_not_equal(t.doc->section[i].name, "transfer");
    study_free(&t);
}

static void holes(void **state)
{
    (void)state;
    struct study t;
    make("hole",
         &(struct made){.n_tasks = 2,
                        .n_rows = 20,
                        .n_draws = 2,
                        .n_trainings = 2,
                        .method = methods,
                        .size = sizes,
                        .raw = two_raws,
                        .hole = 1},
         NULL, &t);
    expect(&t, "help", 0, "Whether it helps to add synthetic examples to 40 raw rows " SG_CANNOT);
    expect(&t, "help", 2, "to 80 raw rows " SG_CANNOT " yet: 1 of 2 tasks are complete");
    expect(&t, "help", 3, "on 1 task cells are missing");
    expect(&t, "method", 0, SG_CANNOT " yet: 1 of 2 tasks are complete");
    study_free(&t);
}

static void one_cell(void **state)
{
    (void)state;
    struct study t;
    make("one",
         &(struct made){.n_tasks = 1,
                        .n_rows = 30,
                        .n_draws = 1,
                        .n_trainings = 1,
                        .method = methods + 2,
                        .size = one_size,
                        .raw = raws},
         NULL, &t);
    expect(&t, "help", 0, "on task0 " SG_CANNOT);
    expect(&t, "method", 0, "This study has one method");
    expect(&t, "wording", 0, "one wording");
    study_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_effects),
                                       cmocka_unit_test(free_beside_bought),
                                       cmocka_unit_test(further_test_sets),
                                       cmocka_unit_test(holes),
                                       cmocka_unit_test(one_cell),
                                       cmocka_unit_test(curves_and_labels),
                                       cmocka_unit_test(free_methods_have_no_price),
                                       cmocka_unit_test(short_agrees_with_help),
                                       cmocka_unit_test(axes),
                                       cmocka_unit_test(diversity),
                                       cmocka_unit_test(two_studies),
                                       cmocka_unit_test(no_effect_no_claim)};
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
