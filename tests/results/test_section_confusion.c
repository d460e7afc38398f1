/* results/report/section_confusion.c: counts as the predictions have them; many classes show their most confused pairs; holes show none. */
#include "base/mem.h"
#include "results/h5/store.h"
#include "results/report/report.h"

#include "fake_study.h"

#include "tests/base/check.h"

#include "scratch.h"

static void has_line(const struct sg_buf *b, const char *words)
{
    char *text = sg_strdup(sg_buf_text(b)), *to = text;
    for (const char *s = text; *s; s++)
        if (*s != ' ' || to == text || to[-1] != ' ')
            *to++ = *s;
    *to = 0;
    if (!strstr(text, words))
        fail_msg("'%s' is not in:\n%s", words, text);
    sg_free(text);
}

static void show(const char *study, struct sg_buf *b)
{
    sg_buf_clear(b);
    OK(sg_report(in_scratch(study), "terminal",
                 &(struct sg_form_options){.section = "confusion", .width = 200}, b, &err));
}

/* Cell i has the first 5 + i rows right, which alternate between the classes; of raw+synthetic one cell failed. */
static void counts_are_summed_over_cells(void **state)
{
    (void)state;
    struct sg_ledger *l = NULL;
    struct sg_buf b = sg_buf_make(1 << 20);
    char path[600];
    snprintf(path, sizeof path, "%s/results.h5", in_scratch("few"));
    OK(sg_ledger_open(in_scratch("few"), SG_LEDGER_WRITE, &l, &err));
    OK(fake_fill(l, &(struct fake){0}, &err));
    OK(sg_store_write(l, path, NULL, &err));
    sg_ledger_close(l);
    show("few", &b);
    has_line(&b, "sst2: raw only, 40 raw rows; 2 cells of 10 test rows");
    has_line(&b, "\n negative 6 4 10 60.0\n positive 5 5 10 50.0\n");
    has_line(&b, "Most often \"positive\" is taken for \"negative\": 5 of 10 times.");
    assert_null(strstr(sg_buf_text(&b), "raw+synthetic zero_shot"));
    sg_buf_free(&b);
}

enum { CLASSES = 24, ROWS = 3 * CLASSES };

/* Of a class's three rows two are taken for the next class, of class 7 all three, and of class 9 none. */
static int32_t guess(int row)
{
    int gold = row % CLASSES;
    return gold == 7 || (gold != 9 && row < 2 * CLASSES) ? (gold + 1) % CLASSES : gold;
}

static void many_classes_show_pairs(void **state)
{
    (void)state;
    struct sg_ledger *l = NULL;
    struct sg_buf b = sg_buf_make(1 << 20);
    char path[600], settings[2000], names[800] = "";
    static float logits[ROWS * CLASSES];
    for (int k = 0; k < CLASSES; k++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s\"class %d\"", k ? "," : "", k);
    snprintf(settings, sizeof settings,
             "{\"class_names\":[%s],\"method\":\"\",\"mix\":\"raw\",\"raw\":40,\"seed_data\":0,\"seed_"
             "generation\":"
             "-1,\"seed_train\":0,\"size\":0,\"task\":\"many\"}",
             names);
    OK(sg_ledger_open(in_scratch("many"), SG_LEDGER_WRITE, &l, &err));
    for (int r = 0; r < ROWS; r++) {
        OK(sg_ledger_test_row_put(l, "many", r, r % CLASSES, "a row", NULL, &err));
        logits[r * CLASSES + guess(r)] = 2;
    }
    OK(sg_ledger_cell_plan(l, "cell", 0, settings, NULL, &err));
    OK(sg_ledger_cell_finish(l,
                             &(struct sg_ledger_cell){.id = "cell",
                                                      .status = "done",
                                                      .result = "{}",
                                                      .n_eval = ROWS,
                                                      .n_classes = CLASSES,
                                                      .logits = logits},
                             &err));
    snprintf(path, sizeof path, "%s/results.h5", in_scratch("many"));
    OK(sg_store_write(l, path, NULL, &err));
    sg_ledger_close(l);
    show("many", &b);
    has_line(&b, "many: most confused pairs of classes, raw only, 40 raw rows; 1 cell of 72 test rows");
    has_line(&b, "\n class 7 class 8 3 3 100.0\n class 0 class 1 2 3 66.7\n class 1 class 2 2 3 66.7\n");
    has_line(&b, "The first 20 of 23 pairs that occur: the task has 24 classes.");
    assert_null(strstr(sg_buf_text(&b), "\n  class 9 "));
    sg_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(counts_are_summed_over_cells),
                                       cmocka_unit_test(many_classes_show_pairs)};
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
