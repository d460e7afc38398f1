/* The answers of a report: a study with known effects is told as such, one without any makes no claim, one with holes or a single cell says why. */
#include "results/h5/store.h"
#include "results/report/answer.h"

#include "made_study.h"

#include "tests/base/check.h"

#include <math.h>
#include <stdlib.h>

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
    struct sg_ledger *l = NULL;
    char path[400];
    snprintf(path, sizeof path, "%s.h5", in_scratch(name));
    OK(sg_ledger_open(in_scratch(name), SG_LEDGER_WRITE, &l, &err));
    OK(made_fill(l, m, &err));
    OK(sg_store_write(l, path, NULL, &err));
    sg_ledger_close(l);
    *t = (struct study){0};
    OK(sg_report_read(path, &t->d, &err));
    OK(sg_scores_read(path, &t->d, &t->s, &err));
    OK(sg_sections_write(&(struct sg_section_input){.d = &t->d, .scores = &t->s, .file = path, .only = only},
                         &t->doc, &err));
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
    expect(&t, "help", 0, "Adding synthetic examples to 40 raw rows helps: accuracy changes by +");
    expect(&t, "help", 0, "mean of 2 tasks");
    expect(&t, "help", 1, "helps on task0, by +");
    expect(&t, "replace", 0, "loses");
    expect(&t, "method", 0, "On average over 2 tasks, good is above plain by +");
    expect(&t, "method", 1, "on task0, good is above ");
    study_free(&t);
}

/* Every sentence of a study without effects says that it cannot be told; a claim is one that does not. */
static int n_claims(const struct study *t)
{
    static const char *const sections[] = {"help", "replace", "method"};
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

static void no_effect_no_claim(void **state)
{
    (void)state;
    int n_studies = getenv("SG_STUDIES") ? atoi(getenv("SG_STUDIES")) : 100, n = 0;
    uint64_t seed = getenv("SG_SEED") ? (uint64_t)atoi(getenv("SG_SEED")) : 1;
    for (int i = 0; i < n_studies; i++) {
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
                            .raw = raws,
                            .seed = 1000 * seed + (uint64_t)i},
             NULL, &t);
        n += n_claims(&t) > 0;
        study_free(&t);
    }
    printf("seed %llu: %d of %d studies without an effect make a claim\n", (unsigned long long)seed, n,
           n_studies);
    assert_true(n * 100 <= 5 * n_studies);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_effects), cmocka_unit_test(holes),
                                       cmocka_unit_test(one_cell), cmocka_unit_test(no_effect_no_claim)};
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
