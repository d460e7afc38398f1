/* The report of the made-up study against golden texts (tests/results/report.{txt,md,json}); holes, hostile
 * names, bad files.
 *
 * SG_REPORT_UPDATE=1 writes the golden texts anew: read the difference before it is committed. */
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "results/h5/store.h"
#include "results/report/report.h"
#include "results/report/scores.h"

#include "fake_study.h"

#include "tests/base/check.h"

#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scratch.h"

/* A terminal shows everything here, and wraps nothing. */
static const char *const forms[] = {"terminal", "markdown", "json"};
enum { TERMINAL, MARKDOWN, JSON, N_FORMS_HERE };
static const struct sg_form_options everything = {.all = 1, .width = 1000};

static void make(const char *name, const struct fake *f)
{
    struct sg_ledger *l = NULL;
    char path[400];
    snprintf(path, sizeof path, "%s/results.h5", in_scratch(name));
    OK(sg_ledger_open(in_scratch(name), SG_LEDGER_WRITE, &l, &err));
    OK(fake_fill(l, f, &err));
    OK(sg_store_write(l, path, NULL, &err));
    sg_ledger_close(l);
}

/* The time of writing changes, and the digest may differ in the last bits of exp between mathematical
 * libraries. */
static void mask(char *text)
{
    for (char *s = text; *s; s++) {
        size_t hex = strspn(s, "0123456789abcdef");
        if (hex == 64)
            memset(s, '#', 64);
        else if (strlen(s) > 20 && s[4] == '-' && s[10] == 'T' && s[19] == 'Z')
            memset(s, '#', 20);
    }
}

/* The words stand in the text, however many blanks are between them. */
static void has(const struct sg_buf *b, const char *words)
{
    char *text = sg_strdup(sg_buf_text(b)), *to = text;
    for (const char *s = text; *s; s++)
        if (*s != ' ' || to == text || to[-1] != ' ')
            *to++ = *s;
    *to = 0;
    int found = strstr(text, words) || strstr(sg_buf_text(b), words);
    sg_free(text);
    if (!found)
        fail_msg("'%s' is not in:\n%s", words, sg_buf_text(b));
}

/* The sections that this file holds to their words; the others have tests of their own. */
static const char *const held[] = {"accuracy", "llm", "pools", "texts", "spend", "failed", "provenance"};

static int is_held(const char *section)
{
    for (int i = 0; i < N_OF(held); i++)
        if (strcmp(held[i], section) == 0)
            return 1;
    return 0;
}

/* The JSON report without the sections that are not held. */
static void only_held(struct sg_buf *b)
{
    json_t *o = json_loads(b->data, 0, NULL), *sections = json_object_get(o, "sections");
    assert_non_null(o);
    for (size_t i = json_array_size(sections); i-- > 0;)
        if (!is_held(json_string_value(json_object_get(json_array_get(sections, i), "name"))))
            json_array_remove(sections, i);
    char *text = json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    sg_buf_clear(b);
    sg_buf_puts(b, text);
    sg_buf_puts(b, "\n");
    free(text);
    json_decref(o);
}

static void golden_texts(void **state)
{
    (void)state;
    static const char *const golden[] = {"tests/results/report.txt", "tests/results/report.md",
                                         "tests/results/report.json"};
    make("golden", &(struct fake){0});
    for (int form = 0; form < N_FORMS_HERE; form++) {
        struct sg_buf b = sg_buf_make(1 << 20);
        char *expected = NULL;
        const char *folder = in_scratch("golden"); /* the folder, not the file */
        if (form == JSON) {
            OK(sg_report(folder, forms[form], NULL, &b, &err));
            only_held(&b);
        }
        for (int i = 0; i < N_OF(held) && form != JSON; i++) {
            const struct sg_form_options o = {.section = held[i]};
            if (strcmp(held[i], "llm") != 0 && strcmp(held[i], "texts") != 0)
                OK(sg_report(folder, forms[form], &o, &b, &err));
        }
        mask(b.data);
        if (getenv("SG_REPORT_UPDATE"))
            OK(sg_file_write(golden[form], b.data, b.len, &err));
        OK(sg_file_read(golden[form], 1 << 20, &expected, NULL, &err));
        if (strcmp(b.data, expected) != 0)
            fail_msg("%s differs; it should be:\n%s", golden[form], b.data);
        sg_free(expected);
        sg_buf_free(&b);
    }
}

/* By default a terminal has the answers and the main table, and names the rest. */
static void the_first_screen(void **state)
{
    (void)state;
    static const char *const there[] = {"Study fake: 8 cells, 6 done, 1 failed, 1 still to do\n",
                                        "sst2: accuracy in percent", "nothing is averaged over a hole",
                                        "More: --all, or --section NAME of", "accuracy, confusion, pools"};
    static const char *const not_there[] = {"macro-F1 in percent", "Vendi", "all in the ledger", "diverged",
                                            "\x1b"};
    struct sg_buf b = sg_buf_make(1 << 20), coloured = sg_buf_make(1 << 20);
    make("screen", &(struct fake){0});
    OK(sg_report(in_scratch("screen"), "terminal", NULL, &b, &err));
    for (int i = 0; i < N_OF(there); i++)
        has(&b, there[i]);
    for (int i = 0; i < N_OF(not_there); i++)
        assert_null(strstr(b.data, not_there[i]));
    OK(sg_report(in_scratch("screen"), "terminal", &(struct sg_form_options){.colour = 1}, &coloured, &err));
    assert_non_null(strstr(coloured.data, "\x1b[1mStudy fake: 8 cells"));
    sg_buf_free(&b);
    sg_buf_free(&coloured);
}

/* A section that was asked for and has nothing to say says so, in all forms. */
static void sections_without_anything_to_say(void **state)
{
    (void)state;
    static const struct {
        const char *section, *words;
    } of[] = {{"llm", "Nothing to say of this study."},
              {"measures", "Nothing to say of this study."},
              {"compare", "There is no other study: "}};
    struct sg_buf b = sg_buf_make(1 << 20);
    make("empty", &(struct fake){0});
    make("planned-only", &(struct fake){.all_planned = 1});
    for (int i = 0; i < N_OF(of); i++)
        for (int form = 0; form < sg_n_forms; form++) {
            const struct sg_form_options o = {.section = of[i].section, .one_file = 1};
            sg_buf_clear(&b);
            OK(sg_report(in_scratch("empty"), sg_forms[form].name, &o, &b, &err));
            if (strcmp(sg_forms[form].name, "csv") == 0)
                assert_int_equal(b.len, 0);
            else
                has(&b, of[i].words);
        }
    sg_buf_clear(&b);
    OK(sg_report(in_scratch("planned-only"), "terminal", &(struct sg_form_options){.section = "failed"}, &b,
                 &err));
    has(&b, "No cell has failed.");
    sg_buf_free(&b);
}

static void wrong_names(void **state)
{
    (void)state;
    struct sg_buf b = sg_buf_make(1 << 20);
    make("names", &(struct fake){0});
    FAILS(SG_INPUT, "hint: one of terminal, markdown", sg_report(in_scratch("names"), "pdf", NULL, &b, &err));
    FAILS(SG_INPUT, "accuracy, confusion, llm, pools",
          sg_report(in_scratch("names"), "terminal", &(struct sg_form_options){.section = "acuracy"}, &b,
                    &err));
    FAILS(SG_INPUT, "one file cannot hold",
          sg_report(in_scratch("names"), "csv",
                    &(struct sg_form_options){.section = "accuracy", .one_file = 1}, &b, &err));
    OK(sg_report(in_scratch("names"), "csv", &(struct sg_form_options){.section = "pools", .one_file = 1}, &b,
                 &err));
    has(&b, "rte,few_shot_3,0,short,3,3 of 4,7,\"duplicate 2, refused 1\",,\r\n");
    sg_buf_free(&b);
}

/* Every form, with nothing finished, and with names that try to get out of their place. */
static void holes_and_hostile_names(void **state)
{
    (void)state;
    /* As it stands in JSON, so that the escapes become control characters. */
    static const char evil[] = "\\u001b[31m|<script>`*x*`\\u202e&\\t@\\u0007";
    make("planned", &(struct fake){.all_planned = 1});
    make("evil", &(struct fake){.evil = evil, .evaluated = 1, .probed = 1});
    for (int form = 0; form < N_FORMS_HERE; form++) {
        struct sg_buf b = sg_buf_make(1 << 20);
        char file[400];
        snprintf(file, sizeof file, "%s/results.h5", in_scratch("planned"));
        OK(sg_report(file, forms[form], &everything, &b, &err)); /* the file itself */
        assert_null(strstr(b.data, " nan"));
        assert_non_null(strstr(b.data, form == JSON ? "\"n_planned\": 2" : "0 of 2 done"));
        sg_buf_free(&b);
        OK(sg_report(in_scratch("evil"), forms[form], &everything, &b, &err));
        assert_true(sg_utf8_valid(b.data, b.len));
        if (form != JSON)
            for (size_t i = 0; i < b.len; i++)
                assert_true((unsigned char)b.data[i] >= 0x20 || b.data[i] == '\n');
        if (form == MARKDOWN) {
            assert_null(strstr(b.data, " <script>"));
            assert_null(strstr(b.data, "|<"));
            assert_non_null(strstr(b.data, "\\|\\<script\\>\\`\\*x\\*\\`"));
        }
        if (form == JSON) {
            json_t *o = json_loads(b.data, 0, NULL);
            assert_non_null(o);
            json_decref(o);
        } else
            assert_null(strstr(b.data, "\xe2\x80\xae"));
        sg_buf_free(&b);
    }
}

/* The LLM's accuracy beside the encoder's. */
static void evaluations(void **state)
{
    (void)state;
    /* The last two: what was spent on it, and in all. */
    static const char *const words[][7] = {
        {"The LLM as a classifier",
         "50.0 \xc2\xb1"
         "35.0",
         "75.0: synthetic zero_shot 20", "0.75 / 0.50*", "75.0 [30.1, 95.4]",
         "the LLM as a classifier 4 0 200 10 0.0020", "all in the ledger 12 1 1012 130 unknown"},
        {"| 50.0 \xc2\xb1"
         "35.0 |",
         "66.7", "| gpt-x | 3 |", "| 9.2 / 20.0 |", "(raw rows)",
         "| the LLM as a classifier |  |  | 4 | 0 | 200 | 10 | 0.0020 |",
         "| all in the ledger |  |  | 12 | 1 | 1012 | 130 | unknown |"},
        {"\"llm_eval\": [", "\"n_unparsable\": 1.0", "\"encoder_best\": {", "\"text_stats\": [",
         "\"opening\": \"is the tower\"",
         "\"llm_eval\": {\n      \"n_requests\": 4,\n      \"n_failed_requests\": 0,\n      \"tokens_in\": "
         "200,\n"
         "      \"tokens_out\": 10,\n      \"cost_usd\": 0.002\n",
         "\"spend\": {\n    \"n_requests\": 12,"}};
    make("evals", &(struct fake){.evaluated = 1});
    for (int form = 0; form < N_FORMS_HERE; form++) {
        struct sg_buf b = sg_buf_make(1 << 20);
        OK(sg_report(in_scratch("evals"), forms[form], &everything, &b, &err));
        for (int i = 0; i < 7; i++)
            has(&b, words[form][i]);
        sg_buf_free(&b);
    }
}

/* Whether an LLM has seen the test rows stands below their tables, and what it cost among the spend. */
static void contamination(void **state)
{
    (void)state;
    static const char *const words[N_FORMS_HERE][5] = {
        {"sst2: its test rows were likely seen by gpt-x (contamination probe: of 8 rows 1 exactly completed, "
         "0 "
         "nearly; ROUGE-L 0.50 by the data set's name, 0.25 without it, p = 0.0078 over 7 rows).",
         "sst2: too few rows to tell whether its test rows were seen by gpt-x, small (",
         "rte: no sign that its test rows were seen by gpt-x (",
         "rte: whether its test rows were seen by gpt-x, small is not known yet (planned).",
         "contamination probes 40 0 1600 400 0.0200"},
        {"likely seen by gpt-x", "too few rows to tell whether", "no sign that its test rows",
         "is not known yet", "| contamination probes |  |  | 40 | 0 | 1600 | 400 | 0.0200 |"},
        {"\"verdict\": \"likely seen\"", "\"verdict\": \"too few rows to tell\"", "\"verdict\": null",
         "\"contamination\": {\n      \"n_requests\": 40,", "\"n_near_exact\": 0"}};
    make("probed", &(struct fake){.probed = 1});
    for (int form = 0; form < N_FORMS_HERE; form++) {
        struct sg_buf b = sg_buf_make(1 << 20);
        OK(sg_report(in_scratch("probed"), forms[form], &everything, &b, &err));
        for (int i = 0; i < 5; i++)
            has(&b, words[form][i]);
        if (form == TERMINAL) {
            has(&b, "Test rows were likely seen before: sst2 by gpt-x.");
            has(&b,
                "sst2 by small (too few rows to tell), rte by gpt-x (no sign), rte by small (not known yet)");
        }
        sg_buf_free(&b);
    }
}

static int n_raw_rows = 40;     /* of cells with raw rows */
static int is_probe, n_removed; /* of all cells that are planned next; removed: by verification */

enum { LEFT_PLANNED = -2 };

/* A cell of a study of draws, pools and trainings: right on so many of 10 rows, of one class alone (-1), or not done. */
static void plan_cell(struct sg_ledger *l, int64_t i, const char *mix, int pool, int draw, int training,
                      int n_right)
{
    char id[32], settings[500], result[100];
    float logits[FAKE_TEST * 2] = {0}, loss = 0.5f;
    int size = pool >= 0 ? 30 : 0, raw = draw >= 0 ? n_raw_rows : 0;
    snprintf(id, sizeof id, "c%lld", (long long)i);
    snprintf(settings, sizeof settings,
             "{\"class_names\":[\"negative\",\"positive\"],\"method\":\"%s\",\"mix\":\"%s\",\"raw\":%d,"
             "\"seed_data\":%d,\"seed_generation\":%d,\"seed_train\":%d,\"size\":%d,\"task\":\"sst2\"%s%s}",
             size ? "zero_shot" : "", mix, raw, draw, pool, training, size,
             is_probe ? ",\"classifier\":\"probe\"" : "",
             n_removed ? ",\"verify\":\"raw_classifier\",\"weighting\":\"none\"" : "");
    OK(sg_ledger_cell_plan(l, id, i, settings, NULL, &err));
    if (n_right == LEFT_PLANNED)
        return;
    for (int r = 0; r < FAKE_TEST; r++)
        logits[2 * r + (n_right < 0 ? 0 : r < n_right ? r % 2 : !(r % 2))] = 1;
    snprintf(result, sizeof result, "{\"n_synthetic\":%d,\"view\":{\"n_removed\":%d,\"removed\":[]}}",
             (pool == 1 ? 19 : size) - n_removed, n_removed);
    struct sg_ledger_cell c = {.id = id,
                               .status = "done",
                               .result = result,
                               .n_eval = FAKE_TEST,
                               .n_classes = 2,
                               .n_loss = 1,
                               .logits = logits,
                               .loss = &loss};
    OK(sg_ledger_cell_finish(l, &c, &err));
}

/* What results/report/scores.h says of raw-only cells is what the table shows. */
static void effect_is_shown(const char *path)
{
    struct sg_report_data d = {0};
    struct sg_scores scores = {0};
    struct sg_buf b = sg_buf_make(1 << 20);
    char number[100];
    OK(sg_report_read(path, &d, &err));
    OK(sg_scores_read(path, &d, &scores, &err));
    const struct sg_effect *e =
        &sg_scores_find(&scores, 0, SG_REPORT_RAW, NULL, 0, 40)->effect[SG_SCORE_ACCURACY];
    assert_true(e->low < 0.7 && e->high > 0.7);
    snprintf(number, sizeof number,
             fabs(e->high + e->low - 2 * e->mean) < 1e-9 ? "%.1f \xc2\xb1%.1f" : "%.1f [%.1f, %.1f]",
             100 * e->mean, 100 * (fabs(e->high + e->low - 2 * e->mean) < 1e-9 ? e->high - e->mean : e->low),
             100 * e->high);
    OK(sg_report(path, "terminal", &everything, &b, &err));
    strcat(number, " *"); /* the best */
    has(&b, number);
    sg_buf_free(&b);
    sg_scores_free(&scores);
    sg_report_data_free(&d);
}

static double number(const json_t *o, const char *key)
{
    const json_t *x = json_object_get(o, key);
    return json_is_number(x) ? json_number_value(x) : (double)NAN;
}

static void same_number(double a, double b)
{
    assert_true((isnan(a) && isnan(b)) || fabs(a - b) < 1e-9);
}

/* `tasks` has the numbers that the main table shows. */
static void members_and_sections_agree(const char *path)
{
    static const char *const mixes[] = {"raw_only", "synthetic", "raw_synthetic"};
    struct sg_buf b = sg_buf_make(1 << 20);
    OK(sg_report(path, "json", &(struct sg_form_options){.section = "accuracy"}, &b, &err));
    json_t *o = json_loads(b.data, 0, NULL);
    const json_t *section = json_array_get(json_object_get(o, "sections"), 0),
                 *tables = json_object_get(section, "tables"),
                 *rows = json_object_get(json_array_get(json_object_get(o, "tasks"), 0), "rows");
    size_t n = json_array_size(rows);
    int n_intervals = 0;
    assert_true(n > 0);
    for (size_t t = 0; t < 2; t++) { /* accuracy, macro-F1 */
        const json_t *shown = json_object_get(json_array_get(tables, t), "rows");
        assert_int_equal(json_array_size(shown), n);
        for (size_t i = 0; i < n; i++)
            for (size_t m = 0; m < 3; m++) {
                const json_t *cell = json_array_get(json_array_get(shown, i), 3 + m),
                             *group = json_object_get(json_array_get(rows, i), mixes[m]),
                             *e = json_object_get(group, t ? "macro_f1" : "accuracy");
                same_number(number(cell, "value"), 100 * number(e, "mean"));
                same_number(number(cell, "low"), 100 * number(e, "low"));
                same_number(number(cell, "high"), 100 * number(e, "high"));
                assert_int_equal(json_is_string(json_object_get(group, "interval")),
                                 t ? json_is_string(json_object_get(group, "interval"))
                                   : !isnan(number(cell, "low")));
                n_intervals += !isnan(number(cell, "low"));
            }
    }
    assert_true(n_intervals >= 2);
    json_decref(o);
    sg_buf_free(&b);
}

/* 3 draws x 3 trainings are three units, not nine; what is short or degenerate stands in its row. */
static void seeds_that_cross(void **state)
{
    (void)state;
    struct sg_ledger *l = NULL;
    char path[400];
    int64_t n = 0;
    OK(sg_ledger_open(in_scratch("seeds"), SG_LEDGER_WRITE, &l, &err));
    OK(fake_fill(l, &(struct fake){0}, &err));
    OK(sg_ledger_cells_retire(l, &err));
    for (int r = 0; r < FAKE_TEST; r++)
        OK(sg_ledger_test_row_put(l, "sst2", r, r % 2, "a row", NULL, &err));
    for (int d = 0; d < 3; d++)
        for (int t = 0; t < 3; t++)
            plan_cell(l, n++, "raw", -1, d, t, 5 + 2 * d);
    for (int g = 0; g < 2; g++)
        for (int t = 0; t < 3; t++)
            plan_cell(l, n++, "synthetic", g, -1, t, g == 1 && t == 2 ? -1 : 7);
    for (int d = 0; d < 3; d++)
        plan_cell(l, n++, "raw+synthetic", 0, d, 0, -1);
    snprintf(path, sizeof path, "%s/results.h5", in_scratch("seeds"));
    OK(sg_store_write(l, path, NULL, &err));
    sg_ledger_close(l);
    static const char *const shown[] = {
        "30 (19 to 30)",
        "\xe2\x80\xa0"
        "1/6",
        "= \xe2\x80\xa0",
        "raw only: 10 rows, 3 draws, 3 trainings.",
        "synthetic: 10 rows, 2 pools, 3 trainings.",
        "raw+synthetic: 10 rows, 3 draws; one pool and one training: their luck is not in here.",
        "4 of 18 finished cells",
        "30 examples were asked for",
        "\xc2\xb1"
        "1 point around the best takes"};
    static const char *const json[] = {
        "\"n_pools\": 0,\n            \"n_draws\": 3,\n            \"n_trainings\": 3,",
        "\"interval\": \"10 rows, 3 draws, 3 trainings\"",
        "\"interval\": \"10 rows, 2 pools, 3 trainings\"",
        "\"size_had_least\": 19",
        "\"size_had_most\": 30",
        "\"n_one_class\": 1",
        "\"n_one_class\": 3",
        "\"one_class\": 4"};
    for (int form = 0; form < N_FORMS_HERE; form++) {
        struct sg_buf b = sg_buf_make(1 << 20);
        OK(sg_report(path, forms[form], &everything, &b, &err));
        for (int i = 0; i < (form == JSON ? N_OF(json) : N_OF(shown)); i++)
            has(&b, form == JSON ? json[i] : shown[i]);
        assert_null(strstr(b.data, "9 seeds"));
        sg_buf_free(&b);
    }
    effect_is_shown(path);
    members_and_sections_agree(path);
    int64_t n_one_class, n_done;
    OK(sg_report_degenerate(path, &n_one_class, &n_done, &err));
    assert_true(n_one_class == 4 && n_done == 18);
}

/* An empty plan over the made-up study, with its evaluations; `finish_plan` builds the file. */
static struct sg_ledger *begin_plan(const char *name)
{
    struct sg_ledger *l = NULL;
    OK(sg_ledger_open(in_scratch(name), SG_LEDGER_WRITE, &l, &err));
    OK(fake_fill(l, &(struct fake){0}, &err));
    OK(sg_ledger_cells_retire(l, &err));
    OK(fake_evaluations(l, &(struct fake){0}, &err));
    for (int r = 0; r < FAKE_TEST; r++)
        OK(sg_ledger_test_row_put(l, "sst2", r, r % 2, "a row", NULL, &err));
    return l;
}

/* The whole report as JSON, and as text. */
static json_t *finish_plan(struct sg_ledger *l, const char *name, struct sg_buf *text)
{
    char path[400];
    struct sg_buf b = sg_buf_make(1 << 20);
    snprintf(path, sizeof path, "%s/results.h5", in_scratch(name));
    OK(sg_store_write(l, path, NULL, &err));
    sg_ledger_close(l);
    OK(sg_report(path, "terminal", &everything, text, &err));
    OK(sg_report(path, "json", NULL, &b, &err));
    json_t *o = json_loads(b.data, 0, NULL);
    assert_non_null(o);
    sg_buf_free(&b);
    return o;
}

/* A group that is done but for one cell has no mean, in no form and whatever it lacks: one that is planned is a hole like one that failed. */
static void nothing_is_averaged_over_a_hole(void **state)
{
    (void)state;
    struct sg_ledger *l = begin_plan("hole");
    struct sg_buf text = sg_buf_make(1 << 20);
    plan_cell(l, 0, "raw", -1, 0, 0, 9);
    plan_cell(l, 1, "raw", -1, 0, 1, LEFT_PLANNED);
    plan_cell(l, 2, "synthetic", 0, -1, 0, 8);
    plan_cell(l, 3, "synthetic", 0, -1, 1, 8);
    struct sg_ledger_cell failed = {.id = "c3", .status = "failed", .reason = "diverged", .result = "{}"};
    OK(sg_ledger_cell_finish(l, &failed, &err));
    json_t *o = finish_plan(l, "hole", &text);
    static const char *const group[] = {"raw_only", "synthetic"}, *const lacks[] = {"n_planned", "n_failed"};
    const json_t *row =
        json_array_get(json_object_get(json_array_get(json_object_get(o, "tasks"), 0), "rows"), 0);
    for (int g = 0; g < 2; g++) {
        const json_t *x = json_object_get(row, group[g]);
        assert_int_equal(json_integer_value(json_object_get(x, "n_done")), 1);
        assert_int_equal(json_integer_value(json_object_get(x, lacks[g])), 1);
        assert_true(json_is_null(json_object_get(x, "interval")));
        for (int m = 0; m < 2; m++) {
            const json_t *e = json_object_get(x, m ? "macro_f1" : "accuracy");
            assert_true(json_is_null(json_object_get(e, "mean")) && json_is_null(json_object_get(e, "low")) &&
                        json_is_null(json_object_get(e, "high")));
        }
    }
    assert_true(
        json_is_null(json_object_get(json_array_get(json_object_get(o, "llm_eval"), 0), "encoder_raw_only")));
    assert_null(strstr(text.data, "90.0"));
    assert_null(strstr(text.data, "80.0"));
    assert_non_null(strstr(text.data, "1 of 2 done, 1 failed"));
    json_decref(o);
    sg_buf_free(&text);
}

/* Beside the LLM stands what the most raw rows have brought, though fewer brought more here. */
static void raw_only_of_the_largest_raw_size(void **state)
{
    (void)state;
    struct sg_ledger *l = begin_plan("sizes");
    struct sg_buf text = sg_buf_make(1 << 20);
    n_raw_rows = 100;
    plan_cell(l, 0, "raw", -1, 0, 0, 7);
    n_raw_rows = 40;
    plan_cell(l, 1, "raw", -1, 0, 0, 9);
    json_t *o = finish_plan(l, "sizes", &text);
    const json_t *e = json_array_get(json_object_get(o, "llm_eval"), 0);
    static const char *const side[] = {"encoder_raw_only", "encoder_best"};
    for (int i = 0; i < 2; i++) {
        double mean = json_number_value(
            json_object_get(json_object_get(json_object_get(e, side[i]), "accuracy"), "mean"));
        assert_true(mean > (i ? 0.899 : 0.699) && mean < (i ? 0.901 : 0.701));
    }
    assert_non_null(strstr(text.data, "70.0  90.0: raw, raw 40"));
    json_decref(o);
    sg_buf_free(&text);
}

/* What is said of cells that learned nothing is of their classifier, and what verification took out makes no pool short. */
static void probes_and_views(void **state)
{
    (void)state;
    char path[400];
    int64_t n = -1, n_done = -1;
    struct sg_ledger *l = begin_plan("probes");
    struct sg_buf text = sg_buf_make(1 << 20), tuned = sg_buf_make(1 << 20);
    plan_cell(l, 0, "raw", -1, 0, 0, 9);
    is_probe = 1;
    plan_cell(l, 1, "raw", -1, 0, 0, 9);
    n_removed = 4;
    plan_cell(l, 2, "synthetic", 0, -1, 0, -1);
    is_probe = n_removed = 0;
    json_t *o = finish_plan(l, "probes", &text);
    has(&text, "1 of 2 finished cells. More raw rows or another penalty (probe.c) may help.");
    has(&text, "1 of 2 finished cells predict one class");
    assert_null(strstr(text.data, "train.min_steps"));
    assert_null(strstr(text.data, "30 (26)"));
    snprintf(path, sizeof path, "%s/results.h5", in_scratch("probes"));
    OK(sg_report_degenerate(path, &n, &n_done, &err));
    assert_true(n == 0 && n_done == 1);
    struct sg_form_options fine_tune = everything;
    fine_tune.classifier = "fine_tune";
    OK(sg_report(path, "terminal", &fine_tune, &tuned, &err));
    assert_null(strstr(tuned.data, "one class for all"));
    json_decref(o);
    sg_buf_free(&text);
    sg_buf_free(&tuned);
}

/* Results from before there was a column for it: /per_class says it. */
static void degenerate_cells_of_older_files(void **state)
{
    (void)state;
    char path[400], *bytes = NULL;
    size_t size = 0;
    int64_t n = -1, n_done = -1;
    make("marked", &(struct fake){.one_class = 1});
    snprintf(path, sizeof path, "%s/results.h5", in_scratch("marked"));
    OK(sg_report_degenerate(path, &n, &n_done, &err));
    assert_true(n == 2 && n_done == 6);
    OK(sg_file_read_gz("tests/results/older/results.h5.gz", 1 << 20, &bytes, &size, &err));
    OK(sg_file_write(path, bytes, size, &err));
    sg_free(bytes);
    OK(sg_report_degenerate(path, &n, &n_done, &err));
    assert_true(n == 0 && n_done == 6);
}

/* A run at work; its results.h5 is one of an earlier end, when nothing was done. */
static pid_t begin_run(const char *name)
{
    int ready[2];
    char byte;
    make(name, &(struct fake){.all_planned = 1});
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        struct sg_ledger *l = NULL;
        if (sg_ledger_open(in_scratch(name), SG_LEDGER_WRITE, &l, &err) != SG_OK ||
            fake_fill(l, &(struct fake){0}, &err) != SG_OK || write(ready[1], "", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return child;
}

static void expect_unfinished(const char *name, const char *const words[3])
{
    for (int form = 0; form < N_FORMS_HERE; form++) {
        struct sg_buf b = sg_buf_make(1 << 20);
        OK(sg_report(in_scratch(name), forms[form], &everything, &b, &err));
        if (!strstr(b.data, words[form]) || (form != JSON && !strstr(b.data, "55.0")))
            fail_msg("'%s' is not in:\n%s", words[form], b.data);
        sg_buf_free(&b);
    }
}

static void studies_that_are_unfinished(void **state)
{
    (void)state;
    pid_t run = begin_run("unfinished");
    expect_unfinished("unfinished",
                      (const char *const[]){"Unfinished: 7 of 8 cells so far; a run is at work on it.\n",
                                            "**Unfinished: 7 of 8 cells so far; a run is at work on it.**\n",
                                            "\"a_run_is_at_work\": true"});
    kill(run, SIGKILL);
    waitpid(run, NULL, 0);
    expect_unfinished("unfinished", (const char *const[]){"7 of 8 cells so far; its run was cut off",
                                                          "its run was cut off", "\"cells_so_far\": 7"});
}

static void bad_files(void **state)
{
    (void)state;
    struct sg_buf b = sg_buf_make(1 << 20);
    assert_int_equal(sg_report(in_scratch("nothing"), "terminal", NULL, &b, &err), SG_INPUT);
    OK(sg_mkdirs(in_scratch("bare"), &err));
    assert_int_equal(sg_report(in_scratch("bare"), "terminal", NULL, &b, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "hint"));
    OK(sg_file_write(in_scratch("bare/results.h5"), "no HDF5", 7, &err));
    assert_int_equal(sg_report(in_scratch("bare"), "json", NULL, &b, &err), SG_INPUT);
    assert_int_equal(b.len, 0);
    sg_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(golden_texts),
                                       cmocka_unit_test(the_first_screen),
                                       cmocka_unit_test(sections_without_anything_to_say),
                                       cmocka_unit_test(wrong_names),
                                       cmocka_unit_test(holes_and_hostile_names),
                                       cmocka_unit_test(evaluations),
                                       cmocka_unit_test(contamination),
                                       cmocka_unit_test(seeds_that_cross),
                                       cmocka_unit_test(degenerate_cells_of_older_files),
                                       cmocka_unit_test(probes_and_views),
                                       cmocka_unit_test(nothing_is_averaged_over_a_hole),
                                       cmocka_unit_test(raw_only_of_the_largest_raw_size),
                                       cmocka_unit_test(studies_that_are_unfinished),
                                       cmocka_unit_test(bad_files)};
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
