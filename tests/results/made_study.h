/* A study in a ledger whose predictions are made up: which share of rows a cell has right is the caller's. Crossed as real ones are: rows, draws and
 * trainings have effects of their own, which all cells share. */
#ifndef SG_TESTS_RESULTS_MADE_STUDY_H
#define SG_TESTS_RESULTS_MADE_STUDY_H

#include "base/mem.h"
#include "base/rng.h"
#include "results/h5/store.h"
#include "results/ledger/ledger.h"

#include <stdio.h>
#include <string.h>

struct made {
    int n_tasks, n_rows, n_draws, n_trainings; /* of each task */
    const char *const *method;                 /* NULL-terminated */
    const int *size, *raw;                     /* 0-terminated */
    /* What a cell adds to a row's score, which is right where it is above 0; size 0: raw only; raw 0: synthetic only. NULL: nothing. */
    double (*gain)(int task, const char *method, int size, int raw);
    double (*far)(int task, const char *method, int size,
                  int raw); /* the same on a further test set "far", of as many rows; NULL: there is none */
    uint64_t seed;
    int hole;  /* the last cell is planned */
    int pools; /* a pool a method, of four examples at USD 0.25, the more different the later the method stands in the list */
    int n_llm; /* of each task, the LLM is asked about these first rows, and is right on three of four; 0: no row */
};

/* Where the name says how another's pool is seen; NULL: it is the pool's own. */
static const char *made_view(const char *method)
{
    const char *dimp = strstr(method, " dimp"), *said = strstr(method, " llm_verified");
    return said ? said : dimp;
}

static sg_status made_cell(struct sg_ledger *l, const struct made *m, int task, const char *method, int size,
                           int raw, int draw, int training, int *ordinal, int planned, struct sg_err *err)
{
    char id[40], settings[500], pool[40], result[200];
    float *logits = sg_alloc((size_t)m->n_rows * 4, sizeof *logits);
    double shift = 0.6 + (m->gain ? m->gain(task, method, size, raw) : 0);
    int n_sets = m->far != NULL;
    if (!logits)
        return sg_fail_memory(err, 8);
    struct sg_rng d = sg_rng_make(m->seed, (uint64_t)(1000 + task * 100 + draw)),
                  t = sg_rng_make(m->seed, (uint64_t)(5000 + task * 100 + training)),
                  own = sg_rng_make(m->seed, (uint64_t)(100000 + *ordinal));
    shift += 0.1 * sg_rng_normal(&d) + 0.05 * sg_rng_normal(&t);
    for (int r = 0; r < m->n_rows * (1 + n_sets); r++) {
        struct sg_rng row = sg_rng_make(m->seed, (uint64_t)(900000 + task * 10000 + r));
        if (r == m->n_rows)
            shift += m->far(task, method, size, raw) - (m->gain ? m->gain(task, method, size, raw) : 0);
        int gold = r % 2, right = shift + sg_rng_normal(&row) + 0.5 * sg_rng_normal(&own) > 0,
            predicted = right ? gold : !gold;
        logits[2 * r + predicted] = 1.5f;
        logits[2 * r + !predicted] = -0.5f;
    }
    snprintf(id, sizeof id, "cell%05d", *ordinal);
    const char *view = made_view(method);
    snprintf(pool, sizeof pool, "pool-%d-%.*s", task, view ? (int)(view - method) : 30, method);
    snprintf(settings, sizeof settings,
             "{\"class_names\":[\"negative\",\"positive\"],\"method\":\"%s\",\"mix\":\"%s\",\"raw\":%d,"
             "\"seed_data\":%d,"
             "\"seed_generation\":%d,\"seed_train\":%d,\"size\":%d,\"task\":\"task%d\"}",
             method,
             !size ? "raw"
             : raw ? "raw+synthetic"
                   : "synthetic",
             raw, raw ? draw : -1, size ? 0 : -1, training, size, task);
    snprintf(result, sizeof result,
             "{\"n_raw\":%d,\"n_synthetic\":%d,\"train_s\":1.5,\"ranks\":1,\"host\":\"near\"}", raw, size);
    sg_status status = sg_ledger_cell_plan(l, id, *ordinal, settings, size ? pool : NULL, err);
    const struct sg_ledger_set_predictions far = {"far", m->n_rows,
                                                  logits ? logits + 2 * (size_t)m->n_rows : NULL};
    struct sg_ledger_cell c = {.id = id,
                               .status = "done",
                               .result = result,
                               .n_eval = m->n_rows,
                               .n_classes = 2,
                               .logits = logits,
                               .n_sets = n_sets,
                               .set = &far};
    if (status == SG_OK && !planned)
        status = sg_ledger_cell_finish(l, &c, err);
    ++*ordinal;
    sg_free(logits);
    return status;
}

static sg_status made_group(struct sg_ledger *l, const struct made *m, int task, const char *method, int size,
                            int raw, int *ordinal, int hole, struct sg_err *err)
{
    int n_draws = raw && strcmp(method, "first") != 0 ? m->n_draws : 1; /* "first": of the first draw alone */
    for (int d = 0; d < n_draws; d++)
        for (int t = 0; t < m->n_trainings; t++)
            SG_TRY(made_cell(l, m, task, method, size, raw, d, t, ordinal,
                             hole && d == n_draws - 1 && t == m->n_trainings - 1, err));
    return SG_OK;
}

/* "good formal" is of another wording; "free" and what begins so is made without an LLM, and costs nothing. */
static sg_status made_pool(struct sg_ledger *l, int task, const char *method, int place, int ordinal,
                           struct sg_err *err)
{
    char id[60], settings[400], key[4][80], diversity[100];
    const char *variant = strstr(method, " formal") ? "formal" : "default", *asked[4];
    int is_free = strncmp(method, "free", 4) == 0;
    struct sg_ledger_example e[4];
    snprintf(id, sizeof id, "pool-%d-%s", task, method);
    for (int k = 0; k < 4; k++) {
        snprintf(key[k], sizeof key[k], "%.50s-%d", id, k);
        struct sg_ledger_completion c = {
            .key = key[k], .request = "{}", .text = "text", .cost_usd = 0.25, .source = "live"};
        if (!is_free)
            SG_TRY(sg_ledger_completion_put(l, &c, err));
        e[k] = (struct sg_ledger_example){k % 2, key[k], NULL, is_free ? "" : key[k]};
        asked[k] = key[k];
    }
    snprintf(settings, sizeof settings,
             "{\"method\":\"%s\",%s\"n_wanted\":4,\"prompt_variant\":\"%s\",\"seed_"
             "generation\":0,\"task\":\"task%d\"}",
             method, is_free ? "" : "\"model\":\"m\",", variant, task);
    struct sg_ledger_pool p = {.id = id,
                               .ordinal = ordinal,
                               .settings = settings,
                               .status = "complete",
                               .rejects = "{\"n_attempts\":4}",
                               .shortfall = "",
                               .n = 4,
                               .example = e,
                               .n_asked = is_free ? 0 : 4,
                               .asked = asked};
    SG_TRY(sg_ledger_pool_put(l, &p, err));
    snprintf(diversity, sizeof diversity,
             "{\"effective_rank\":2,\"mean_similarity\":%.2f,\"n\":4,\"vendi\":%.2f}", 0.9 - 0.1 * place,
             1 + 0.3 * place);
    return sg_ledger_diversity_put(l, id, diversity, err);
}

static sg_status made_pools(struct sg_ledger *l, const struct made *m, struct sg_err *err)
{
    int ordinal = 0;
    for (int task = 0; task < m->n_tasks; task++)
        for (int i = 0; m->method[i]; i++)
            if (!made_view(m->method[i]))
                SG_TRY(made_pool(l, task, m->method[i], i, ordinal++, err));
            else if (i == 0) { /* of a pool that has no other cells */
                char method[40];
                snprintf(method, sizeof method, "%.*s", (int)(made_view(m->method[i]) - m->method[i]),
                         m->method[i]);
                SG_TRY(made_pool(l, task, method, i, ordinal++, err));
            }
    return SG_OK;
}

static sg_status made_evaluations(struct sg_ledger *l, const struct made *m, struct sg_err *err)
{
    struct sg_ledger_evaluation_row *row = sg_alloc((size_t)m->n_llm + 1, sizeof *row);
    sg_status status = row ? SG_OK : sg_fail_memory(err, 8);
    for (int task = 0; task < m->n_tasks && status == SG_OK; task++) {
        char id[40], settings[300];
        snprintf(id, sizeof id, "eval%d", task);
        snprintf(settings, sizeof settings,
                 "{\"class_names\":[\"negative\",\"positive\"],\"model\":\"m\",\"n\":%d,\"seed\":0,\"shots\":"
                 "0,\"task\":\"task%d\"}",
                 m->n_llm, task);
        status = sg_ledger_evaluation_plan(l, id, task, settings, err);
        for (int r = 0; r < m->n_llm; r++)
            row[r] = (struct sg_ledger_evaluation_row){r, r % 2, r % 4 ? r % 2 : !(r % 2), "", "k"};
        if (status == SG_OK)
            status = sg_ledger_evaluation_put(l, id, row, m->n_llm, err);
    }
    sg_free(row);
    return status;
}

static sg_status made_fill(struct sg_ledger *l, const struct made *m, struct sg_err *err)
{
    int ordinal = 0;
    SG_TRY(sg_ledger_meta_set(l, "study", "made", err));
    for (int task = 0; task < m->n_tasks; task++) {
        char name[40];
        snprintf(name, sizeof name, "task%d", task);
        for (int r = 0; r < m->n_rows; r++)
            SG_TRY(sg_ledger_test_row_put(l, name, r, r % 2, "A test row.", NULL, err));
        for (int r = 0; m->far && r < m->n_rows; r++)
            SG_TRY(sg_ledger_test_set_row_put(l, name, "far", r, (m->n_rows + r) % 2, "A row from far away.",
                                              NULL, err));
        for (const int *raw = m->raw; *raw; raw++)
            SG_TRY(made_group(l, m, task, "", 0, *raw, &ordinal, 0, err));
        for (const char *const *method = m->method; *method; method++)
            for (const int *size = m->size; *size; size++) {
                SG_TRY(made_group(l, m, task, *method, *size, 0, &ordinal, 0, err));
                for (const int *raw = m->raw; *raw; raw++)
                    SG_TRY(made_group(l, m, task, *method, *size, *raw, &ordinal,
                                      m->hole && task == m->n_tasks - 1 && !method[1] && !size[1] && !raw[1],
                                      err));
            }
    }
    if (m->pools)
        SG_TRY(made_pools(l, m, err));
    if (m->n_llm)
        SG_TRY(made_evaluations(l, m, err));
    return sg_ledger_commit(l, err);
}

/* The study's ledger in a folder, and its results.h5 at path. */
static sg_status made_write(const char *folder, const char *path, const struct made *m, struct sg_err *err)
{
    struct sg_ledger *l = NULL;
    SG_TRY(sg_ledger_open(folder, SG_LEDGER_WRITE, &l, err));
    sg_status status = made_fill(l, m, err);
    if (status == SG_OK)
        status = sg_store_write(l, path, NULL, err);
    sg_ledger_close(l);
    return status;
}

#endif
