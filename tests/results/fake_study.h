/* A small made-up study in a ledger: two tasks, two pools, eight cells; one failed, one planned. What does
 * not belong to the content (order of insertion, hosts, times, ranks, sources) can be varied. */
#ifndef SG_TESTS_RESULTS_FAKE_STUDY_H
#define SG_TESTS_RESULTS_FAKE_STUDY_H

#include "results/ledger/ledger.h"
#include "results/ledger/ledger_contamination.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct fake {
    int reversed;      /* everything in the opposite order */
    int other_machine; /* other hosts, times, ranks, sources */
    int all_planned;   /* no cell is done yet, no pool filled */
    int evaluated;     /* the LLM as a classifier, too: one done, one planned; and text statistics */
    int probed; /* contamination probes, too: of eight rows and one exact match; of five; of seven without a sign; planned */
    int n_sets;     /* further test sets of sst2, of 3 rows each */
    int other_loss; /* one number of the content differs */
    int one_class; /* cells 2 and 3 predict the second class for all rows; cell 2 has 9 of its 20 synthetic examples */
    const char *evil; /* used as a model's name, a class name and in texts; NULL: harmless */
};

enum { FAKE_CELLS = 8, FAKE_TEST = 10, FAKE_SETS = 2, FAKE_SET_ROWS = 3 };

static const char *const fake_sets[FAKE_SETS] = {"legal", "medical"};

static const char *const fake_tasks[] = {"sst2", "rte"};
static const struct {
    int task, size, raw, seed, pool;
    const char *method, *mix, *status;
} fake_cells[FAKE_CELLS] = {
    {0, 0, 40, 0, -1, "", "raw", "done"},
    {0, 0, 40, 1, -1, "", "raw", "done"},
    {0, 20, 0, 0, 0, "zero_shot", "synthetic", "done"},
    {0, 20, 0, 1, 0, "zero_shot", "synthetic", "done"},
    {0, 20, 40, 0, 0, "zero_shot", "raw+synthetic", "done"},
    {0, 20, 40, 1, 0, "zero_shot", "raw+synthetic", "failed"},
    {1, 0, 40, 0, -1, "", "raw", "done"},
    {1, 20, 0, 0, 1, "few_shot_3", "synthetic", "planned"},
};

static sg_status fake_cell(struct sg_ledger *l, const struct fake *f, int i, struct sg_err *err)
{
    char id[16], settings[600], result[400];
    float logits[FAKE_TEST * 2], loss[3] = {0.75f, 0.5f, 0.25f};
    snprintf(id, sizeof id, "cell%d", i);
    snprintf(
        settings, sizeof settings,
        "{\"class_names\":[\"%s\",\"positive\"],\"method\":\"%s\",\"mix\":\"%s\",\"raw\":%d,\"seed_data\":%d,"
        "\"seed_generation\":%d,\"seed_train\":%d,\"size\":%d,\"task\":\"%s\"}",
        f->evil ? f->evil : "negative", fake_cells[i].method, fake_cells[i].mix, fake_cells[i].raw,
        fake_cells[i].raw ? 0 : -1, fake_cells[i].size ? 0 : -1, fake_cells[i].seed, fake_cells[i].size,
        fake_tasks[fake_cells[i].task]);
    const char *pool = fake_cells[i].pool < 0 ? NULL : fake_cells[i].pool == 0 ? "pool0" : "pool1";
    SG_TRY(sg_ledger_cell_plan(l, id, i, settings, pool, err));
    if (f->all_planned || strcmp(fake_cells[i].status, "planned") == 0)
        return SG_OK;
    struct sg_ledger_cell c = {.id = id, .status = fake_cells[i].status, .result = "{}"};
    if (strcmp(c.status, "failed") == 0) {
        c.reason = f->evil            ? "\x1b[2Jrank 0: \xe2\x80\xae | a\nb <b>"
                   : f->other_machine ? "rank 3: diverged at step 2"
                                      : "diverged at step 2";
        return sg_ledger_cell_finish(l, &c, err);
    }
    /* Cell i is right on the first 5 + i rows (rows alternate between the classes). */
    for (int r = 0; r < FAKE_TEST; r++) {
        int gold = r % 2, predicted = r < 5 + i ? gold : !gold;
        if (f->one_class && (i == 2 || i == 3))
            predicted = 1;
        logits[2 * r + predicted] = 1.5f;
        logits[2 * r + !predicted] = -0.5f;
    }
    if (f->other_loss && i == 0)
        loss[2] = 0.26f;
    snprintf(result, sizeof result,
             "{\"n_train\":%d,\"n_raw\":%d,\"n_synthetic\":%d,\"n_steps\":3,\"n_tokens\":1000,\"train_s\":%s,"
             "\"ranks\":%d,\"lanes\":8,"
             "\"threads\":%d,\"kernels\":\"%s\",\"rounding\":\"fused\",\"weights_sha256\":\"w%d\","
             "\"peak_mem_bytes\":%d,\"host\":\"%s\"}",
             fake_cells[i].raw + fake_cells[i].size, fake_cells[i].raw,
             f->one_class && i == 2 ? 9 : fake_cells[i].size, f->other_machine ? "9.5" : "1.25",
             f->other_machine ? 4 : 1, f->other_machine ? 16 : 2, f->other_machine ? "avx2" : "avx512", i,
             f->other_machine ? 999 : 1000, f->other_machine ? "far" : "near");
    c.result = result;
    c.n_eval = FAKE_TEST;
    c.n_classes = 2;
    c.n_loss = 3;
    c.logits = logits;
    c.loss = loss;
    /* On set k the first k + 1 rows are right, whatever the cell. */
    float of_set[FAKE_SETS][FAKE_SET_ROWS * 2];
    struct sg_ledger_set_predictions set[FAKE_SETS];
    for (int k = 0; k < f->n_sets; k++) {
        for (int r = 0; r < FAKE_SET_ROWS; r++) {
            of_set[k][2 * r + (r <= k ? 0 : 1)] = 2;
            of_set[k][2 * r + (r <= k ? 1 : 0)] = 0;
        }
        set[k] = (struct sg_ledger_set_predictions){fake_sets[k], FAKE_SET_ROWS, of_set[k]};
    }
    c.n_sets = fake_cells[i].task == 0 ? f->n_sets : 0;
    c.set = set;
    return sg_ledger_cell_finish(l, &c, err);
}

static sg_status fake_pool(struct sg_ledger *l, const struct fake *f, int i, struct sg_err *err)
{
    char key[4][16], settings[400];
    const char *id = i ? "pool1" : "pool0", *asked[4];
    for (int k = 0; k < 4; k++) {
        int j = f->reversed ? 3 - k : k;
        snprintf(key[j], sizeof key[j], "p%dk%d", i, j);
        asked[j] = key[j];
        struct sg_ledger_completion c = {.key = key[j],
                                         .request = "{}",
                                         .status = i == 1 && j == 3 ? 1 : 0,
                                         .text = "text",
                                         .finish_reason = "stop",
                                         .attempts = f->other_machine ? 3 : 1,
                                         .tokens_in = 100 + j,
                                         .tokens_out = 10 * j,
                                         .latency_s = f->other_machine ? 7.5 : 0.5,
                                         .cost_usd = i == 1 ? -1 : 0.001 * (j + 1),
                                         .source =
                                             f->other_machine ? "live http://x" : "recording r.jsonl.gz",
                                         .rank = f->other_machine ? 2 : 0};
        SG_TRY(sg_ledger_completion_put(l, &c, err));
    }
    snprintf(settings, sizeof settings,
             "{\"method\":\"%s\",\"model\":\"%s\",\"n_wanted\":4,\"seed_generation\":0,\"task\":\"%s\","
             "\"temperature\":1}",
             i ? "few_shot_3" : "zero_shot", f->evil ? f->evil : "gpt-x", fake_tasks[i]);
    struct sg_ledger_example e[3] = {{0, "A caf\xc3\xa9, dull.", i ? "A second text." : NULL, key[0]},
                                     {1, "Fine \xf0\x9f\x99\x82", i ? "Yes." : NULL, key[1]},
                                     {0, "", i ? "" : NULL, key[2]}};
    if (f->evil)
        e[0].first = f->evil;
    struct sg_ledger_pool p = {
        .id = id,
        .ordinal = i,
        .settings = settings,
        .status = i ? "short" : "complete",
        .rejects = i ? "{\"duplicate\":2,\"empty\":0,\"n_attempts\":7,\"refused\":1,\"source\":[3,1,0]}"
                     : "{\"n_attempts\":4}",
        .shortfall = i ? "class positive: 1 of 2 after 7 attempts" : "",
        .n = 3,
        .example = e,
        .n_asked = 4,
        .asked = asked};
    SG_TRY(sg_ledger_pool_put(l, &p, err));
    return i ? SG_OK
             : sg_ledger_diversity_put(
                   l, id, "{\"effective_rank\":2.5,\"mean_similarity\":0.375,\"n\":3,\"vendi\":2.25}", err);
}

/* Of 4 answers one is wrong and one says nothing. */
static sg_status fake_evaluations(struct sg_ledger *l, const struct fake *f, struct sg_err *err)
{
    static const struct sg_ledger_evaluation_row rows[] = {
        {0, 0, 0, "", "e0"}, {3, 1, 0, "", "e1"}, {4, 0, -1, "several", "e2"}, {7, 1, 1, "", "e3"}};
    for (int i = 0; i < 2; i++) {
        char settings[200];
        snprintf(
            settings, sizeof settings,
            "{\"class_names\":[\"negative\",\"positive\"],\"model\":\"%s\",\"n\":4,\"seed\":0,\"shots\":%d,"
            "\"task\":\"sst2\"}",
            f->evil ? f->evil : "gpt-x", 3 * i);
        SG_TRY(sg_ledger_evaluation_plan(l, i ? "eval1" : "eval0", i, settings, err));
    }
    for (int i = 0; i < 4; i++) {
        struct sg_ledger_completion c = {.key = rows[i].completion,
                                         .request = "{}",
                                         .text = "negative",
                                         .tokens_in = 50,
                                         .tokens_out = 1 + i,
                                         .latency_s = f->other_machine ? 2.5 : 0.5,
                                         .cost_usd = 0.0005,
                                         .source =
                                             f->other_machine ? "live http://x" : "recording r.jsonl.gz"};
        SG_TRY(sg_ledger_completion_put(l, &c, err));
    }
    return f->all_planned ? SG_OK : sg_ledger_evaluation_put(l, "eval0", rows, 4, err);
}

static sg_status fake_probes(struct sg_ledger *l, const struct fake *f, struct sg_err *err)
{
    static const int n_rows[] = {8, 5, 7, 9};
    for (int i = 0; i < 4; i++) {
        struct sg_ledger_contamination_row rows[8];
        char settings[300], id[32], key[8][2][48];
        snprintf(id, sizeof id, "probe%d", i);
        snprintf(
            settings, sizeof settings,
            "{\"data_set\":\"SST-2\",\"generator\":\"%s\",\"model\":\"%s\",\"rows\":%d,\"split\":\"dev\","
            "\"task\":\"%s\"}",
            i % 2 ? "small" : "", f->evil ? f->evil : "gpt-x", n_rows[i], fake_tasks[i / 2]);
        SG_TRY(sg_ledger_contamination_plan(l, id, i, settings, err));
        for (int r = 0; i < 3 && r < n_rows[i]; r++) {
            for (int k = 0; k < 2; k++) {
                snprintf(key[r][k], sizeof key[r][k], "probe%d-%d-%d", i, r, k);
                struct sg_ledger_completion c = {.key = key[r][k],
                                                 .request = "{}",
                                                 .text = "a row",
                                                 .tokens_in = 40,
                                                 .tokens_out = 10,
                                                 .cost_usd = 0.0005,
                                                 .latency_s = f->other_machine ? 2.5 : 0.5,
                                                 .source = "live http://x"};
                SG_TRY(sg_ledger_completion_put(l, &c, err));
            }
            rows[r] = (struct sg_ledger_contamination_row){2 * r,
                                                           {0.25, i == 2 && r % 2 ? 0 : 0.5},
                                                           i == 0 && r == 3 ? "exact" : "",
                                                           {"", ""},
                                                           {key[r][0], key[r][1]}};
        }
        rows[0].rouge_l[0] = i == 0 ? -1 : rows[0].rouge_l[0];
        rows[0].outcome[0] = i == 0 ? "refused" : "";
        if (i < 3 && !f->all_planned)
            SG_TRY(sg_ledger_contamination_put(l, id, rows, n_rows[i], err));
    }
    return SG_OK;
}

/* Of the raw rows of rte, and of its pool, where the LLM chose; and of a pool that no cell names. */
static sg_status fake_text_stats(struct sg_ledger *l, const struct fake *f, struct sg_err *err)
{
    char result[2400];
    static const char *const id[] = {"", "pool1", "elsewhere"};
    for (int i = 0; i < 3; i++) {
        snprintf(
            result, sizeof result,
            "{\"n_chosen\":%d,\"pool\":\"%s\",\"rows\":["
            "{\"chosen\":-1,\"distinct_1\":0.5,\"distinct_2\":0.75,\"label\":-1,\"mean_words\":9.25,\"n\":4,"
            "\"n_words\":%d,\"opening\":\"%s\",\"opening_share\":0.25,\"overlap\":0.5,\"part\":\"text\","
            "\"question_share\":0.75},"
            "{\"chosen\":-1,\"label\":-1,\"mean_words\":20,\"distinct_2\":0.5,\"n\":4,\"n_words\":500,"
            "\"opening\":\"\","
            "\"part\":\"text_pair\"},"
            "{\"chosen\":%d,\"label\":0,\"n\":1,\"n_words\":0,\"opening\":\"\",\"part\":\"text\"}],\"task\":"
            "\"rte\",\"measures\":{\"n\":4,\"n_words\":500,\"distinct_1\":0.5,\"self_bleu\":0.25,\"n_cues\":"
            "4%s},"
            "\"cues\":[{\"view\":\"text\",\"n\":4,\"chance\":0.5,\"accuracy\":0.75,\"accuracy_low\":0.3,"
            "\"accuracy_high\":0.95%s}],\"terms\":[{\"label\":1,\"part\":\"text\",\"place\":0,\"term\":\"%"
            "s\","
            "\"z\":%d.5,\"log_odds\":1.25,\"p\":0.001,\"n_in\":3,\"n_out\":0},"
            "{\"label\":99,\"part\":\"text\",\"place\":\"x\",\"term\":null}]}",
            i ? 4 : -1, id[i], i ? 9 : 500, f->evil ? f->evil : "is the tower", i ? 3 : -1,
            i ? ",\"bias\":0.25,\"bias_low\":0.125,\"bias_high\":0.5" : "",
            i ? ",\"raw\":0.5,\"raw_low\":0.25,\"raw_high\":0.75,\"excess\":0.25,\"excess_low\":-0.25,"
                "\"excess_high\":"
                "0.75"
              : "",
            f->evil ? f->evil : "tower", 2 + i);
        SG_TRY(sg_ledger_text_stats_put(l, i ? id[i] : "raw", i, result, err));
    }
    return SG_OK;
}

static sg_status fake_fill(struct sg_ledger *l, const struct fake *f, struct sg_err *err)
{
    SG_TRY(sg_ledger_cells_retire(l, err));
    SG_TRY(sg_ledger_meta_set(l, "study", "fake", err));
    SG_TRY(sg_ledger_meta_set(l, "study_text",
                              f->other_machine ? "study: fake # elsewhere\n" : "study: fake\n", err));
    SG_TRY(sg_ledger_meta_set(l, "inputs", "{}", err));
    SG_TRY(sg_ledger_meta_set(l, "program", "synthgrid test", err));
    SG_TRY(sg_ledger_meta_set(l, "run_host", f->other_machine ? "far" : "near", err));
    for (int t = 0; t < 2; t++)
        for (int i = 0; i < FAKE_TEST; i++) {
            int r = f->reversed ? FAKE_TEST - 1 - i : i;
            SG_TRY(
                sg_ledger_test_row_put(l, fake_tasks[t], r, r % 2, "a test row", t ? "its pair" : NULL, err));
        }
    for (int k = 0; k < f->n_sets; k++)
        for (int i = 0; i < FAKE_SET_ROWS; i++)
            SG_TRY(sg_ledger_test_set_row_put(l, "sst2", fake_sets[f->reversed ? f->n_sets - 1 - k : k], i, 0,
                                              "elsewhere", NULL, err));
    for (int i = 0; i < FAKE_CELLS; i++)
        SG_TRY(fake_cell(l, f, f->reversed ? FAKE_CELLS - 1 - i : i, err));
    for (int i = 0; i < 2 && !f->all_planned; i++)
        SG_TRY(fake_pool(l, f, f->reversed ? !i : i, err));
    if (f->evaluated)
        SG_TRY(fake_evaluations(l, f, err));
    if (f->evaluated)
        SG_TRY(fake_text_stats(l, f, err));
    if (f->probed)
        SG_TRY(fake_probes(l, f, err));
    return sg_ledger_commit(l, err);
}

#endif
