/* The sections of texts: what is told of a pool that gives its class away, of one that does not, of one that was not measured. */
#include "results/h5/store.h"
#include "results/report/section.h"

#include "fake_study.h"

#include "tests/base/check.h"

#include <math.h>

#include "scratch.h"

static struct sg_report_data data;
static struct sg_doc *doc;

static void make(const char *name, const char *only, const char *bias, int evaluated)
{
    struct sg_ledger *l = NULL;
    char path[400], result[600];
    snprintf(path, sizeof path, "%s.h5", in_scratch(name));
    OK(sg_ledger_open(in_scratch(name), SG_LEDGER_WRITE, &l, &err));
    OK(fake_fill(l, &(struct fake){.evaluated = evaluated}, &err));
    if (bias) {
        snprintf(result, sizeof result,
                 "{\"pool\":\"pool1\",\"rows\":[],\"task\":\"rte\",\"measures\":{\"n\":4%s}}", bias);
        OK(sg_ledger_text_stats_put(l, "pool1", 1, result, &err));
        OK(sg_ledger_commit(l, &err));
    }
    OK(sg_store_write(l, path, NULL, &err));
    sg_ledger_close(l);
    OK(sg_report_read(path, &data, &err));
    OK(sg_sections_write(&(struct sg_section_input){.d = &data, .file = path, .only = only}, &doc, &err));
}

static void forget(void)
{
    sg_doc_destroy(doc);
    sg_report_data_free(&data);
}

static const struct sg_doc_block *block(enum sg_doc_kind kind, int i)
{
    for (int64_t k = 0; doc->n_sections && k < doc->section[0].n_blocks; k++)
        if (doc->section[0].block[k].kind == kind && i-- == 0)
            return &doc->section[0].block[k];
    fail_msg("no block %d of kind %d", i, (int)kind);
    return NULL;
}

static void says(const char *part)
{
    const char *text = block(SG_DOC_SENTENCE, 0)->text;
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in \"%s\"", part, text);
}

static void a_pool_that_gives_away(void **state)
{
    (void)state;
    make("given", "bias", NULL, 1);
    says("On rte, 1 of 1 pool gives the class away");
    says("+25.0 points");
    const struct sg_doc_table *scores = block(SG_DOC_TABLE, 0)->table, *terms = block(SG_DOC_TABLE, 1)->table;
    assert_int_equal(scores->n_rows, 2);
    assert_string_equal(scores->cell[1].text, "(raw rows)");
    assert_true(scores->cell[13 + 4].value == 25 && scores->cell[13 + 4].low == 12.5);
    assert_true(scores->cell[13 + 4].mark_at >= 0 && scores->cell[13 + 7].value == 75);
    assert_true(isnan(scores->cell[4].value) &&
                isnan(scores->cell[13 + 9].value)); /* raw rows; the second text */
    assert_int_equal(terms->n_rows, 2);
    assert_string_equal(terms->cell[10 + 5].text, "tower");
    assert_true(terms->cell[10 + 6].value == 3.5);
    assert_int_equal(block(SG_DOC_FIGURE, 0)->figure->n_points, 1);
    forget();
}

static void what_cannot_be_told(void **state)
{
    (void)state;
    make("untold", "bias", ",\"bias\":0.25,\"bias_low\":-0.125,\"bias_high\":0.5", 1);
    says("cannot be told from this study: the largest score of 1 is that of");
    forget();
    make("few", "bias", "", 1);
    says("it takes 20 examples, and 5 of each class");
    forget();
    make("older", "bias", NULL, 0);
    assert_true(doc->n_sections == 1 && doc->section[0].is_empty);
    forget();
}

static void variety(void **state)
{
    (void)state;
    make("variety", "variety", ",\"vocabulary\":100", 1);
    const struct sg_doc_table *t = block(SG_DOC_TABLE, 0)->table;
    assert_int_equal(t->n_rows, 2);
    assert_string_equal(t->cell[13].text, "0.250 (0)");
    assert_string_equal(t->cell[15 + 13].text, "-");
    assert_true(t->cell[15 + 9].value == 100);
    forget();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_pool_that_gives_away),
                                       cmocka_unit_test(what_cannot_be_told), cmocka_unit_test(variety)};
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
