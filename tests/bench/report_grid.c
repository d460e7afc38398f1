/* A finished paper grid, made up, and the rebuilding of its results.h5: what tests/bench/report measures.
 *
 * 5 tasks; each has cells of raw rows alone, then 7 methods (pools / 5) x synthetic with and without raw rows x 4 sizes x 3 draws x 2 trainings;
 * cells beyond that are further trainings. Methods differ in accuracy.
 *
 *     report_grid make DIR [cells=1734] [rows=1000] [pools=35] [examples=2000]     DIR/ledger.sqlite
 *     report_grid rebuild DIR                                                      DIR/results.h5; prints its digest
 *
 * Built against another state of the project it makes the same ledger, so that both can be compared. */
#include "base/mem.h"
#include "base/text.h"
#include "results/h5/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_TASKS = 5, N_CLASSES = 2, N_LOSS = 100 };

struct grid {
    int64_t n_cells, n_rows, n_pools, n_examples;
};

static const char *const tasks[N_TASKS] = {"sst2", "rte", "emotion", "agnews", "qnli"};

/* A number in 0..n-1 that looks random and is the same everywhere. */
static int64_t scatter(uint64_t a, uint64_t b, int64_t n)
{
    uint64_t x = (a * 0x9e3779b97f4a7c15u) ^ (b + 0x632be59bd9b4e019u);
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return (int64_t)((x ^ (x >> 31)) % (uint64_t)n);
}

/* Some 25 words. */
static void text_of(int64_t which, char text[400])
{
    size_t at = 0;
    for (int w = 0; w < 25; w++)
        at += (size_t)snprintf(text + at, 400 - at, "%sword%lld", w ? " " : "",
                               (long long)scatter((uint64_t)which, (uint64_t)w, 5000));
}

static sg_status put_pool(struct sg_ledger *l, const struct grid *g, int64_t p, struct sg_err *err)
{
    char id[32], settings[400], rejects[60];
    size_t n = (size_t)g->n_examples;
    struct sg_ledger_example *e = sg_alloc(n, sizeof *e);
    char(*text)[400] = sg_alloc(n, sizeof *text), (*key)[SG_HEX] = sg_alloc(n, sizeof *key);
    sg_status status = e && text && key ? SG_OK : sg_fail_memory(err, n * 500);
    for (size_t i = 0; i < n && status == SG_OK; i++) {
        int64_t which = p * g->n_examples + (int64_t)i;
        sg_sha256_hex(&which, sizeof which, key[i]);
        text_of(which, text[i]);
        e[i] = (struct sg_ledger_example){(int)(i % N_CLASSES), text[i], NULL, key[i]};
        struct sg_ledger_completion c = {.key = key[i],
                                         .request = "{}",
                                         .text = text[i],
                                         .finish_reason = "stop",
                                         .attempts = 1,
                                         .tokens_in = 100,
                                         .tokens_out = 30,
                                         .latency_s = 0.5,
                                         .cost_usd = 0.001,
                                         .source = "recording r.jsonl.gz"};
        status = sg_ledger_completion_put(l, &c, err);
    }
    snprintf(id, sizeof id, "pool%lld", (long long)p);
    snprintf(rejects, sizeof rejects, "{\"duplicate\":12,\"n_attempts\":%lld}",
             (long long)g->n_examples + 12);
    snprintf(settings, sizeof settings,
             "{\"method\":\"method%lld\",\"model\":\"gpt-x\",\"n_wanted\":%lld,\"seed_generation\":0,"
             "\"task\":\"%s\"}",
             (long long)(p / N_TASKS), (long long)g->n_examples, tasks[p % N_TASKS]);
    struct sg_ledger_pool pool = {.id = id,
                                  .ordinal = p,
                                  .settings = settings,
                                  .status = "complete",
                                  .rejects = rejects,
                                  .shortfall = "",
                                  .n = (int64_t)n,
                                  .example = e};
    if (status == SG_OK)
        status = sg_ledger_pool_put(l, &pool, err);
    sg_free(e);
    sg_free(text);
    sg_free(key);
    return status;
}

/* What a cell of the grid is. */
struct cell {
    int64_t task, method, size, raw, seed_data, seed_train; /* method -1: raw rows alone */
};

static struct cell cell_of(const struct grid *g, int64_t i)
{
    enum { N_RAW = 12, N_METHOD = 48 };
    static const int64_t size[] = {100, 500, 1000, 2000};
    int64_t k = i / N_TASKS, n = N_METHOD * (g->n_pools / N_TASKS), m = (k - N_RAW) % n;
    if (k < N_RAW)
        return (struct cell){i % N_TASKS, -1, 0, k < N_RAW / 2 ? 100 : 1000, k % 6 / 2, k % 2};
    return (struct cell){i % N_TASKS,
                         m / N_METHOD,
                         size[m / 6 % 4],
                         m / 24 % 2 ? 100 : 0,
                         m / 24 % 2 ? m / 2 % 3 : -1,
                         (m / 24 % 2 ? m % 2 : m % 6) + 6 * ((k - N_RAW) / n)};
}

static sg_status put_cell(struct sg_ledger *l, const struct grid *g, int64_t i, float *logits,
                          struct sg_err *err)
{
    char id[SG_HEX], pool[32], method[32], settings[1600], more[1001], result[600];
    float loss[N_LOSS];
    struct cell x = cell_of(g, i);
    int is_raw = x.method < 0;
    sg_sha256_hex(&i, sizeof i, id);
    memset(more, 'x', 1000); /* a study's settings of a cell are a kilobyte */
    more[1000] = 0;
    snprintf(pool, sizeof pool, "pool%lld", (long long)(x.task + N_TASKS * x.method));
    snprintf(method, sizeof method, "method%lld", (long long)x.method);
    snprintf(settings, sizeof settings,
             "{\"class_names\":[\"a\",\"b\"],\"method\":\"%s\",\"mix\":\"%s\",\"more\":\"%s\",\"raw\":%lld,"
             "\"seed_data\":%lld,"
             "\"seed_generation\":%d,\"seed_train\":%lld,\"size\":%lld,\"task\":\"%s\"}",
             is_raw ? "" : method,
             is_raw  ? "raw"
             : x.raw ? "raw+synthetic"
                     : "synthetic",
             more, (long long)x.raw, (long long)x.seed_data, is_raw ? -1 : 0, (long long)x.seed_train,
             (long long)x.size, tasks[x.task]);
    SG_TRY(sg_ledger_cell_plan(l, id, i, settings, is_raw ? NULL : pool, err));
    for (int64_t k = 0; k < g->n_rows * N_CLASSES; k++) {
        int64_t row = k / N_CLASSES, is_gold = row % N_CLASSES == k % N_CLASSES;
        logits[k] = (float)scatter((uint64_t)i, (uint64_t)k, 1000003) * 4e-6f - 2 +
                    (is_gold ? 1 + 0.1f * (float)x.method : 0);
    }
    for (int s = 0; s < N_LOSS; s++)
        loss[s] = 0.7f / (float)(s + 1) + (float)scatter((uint64_t)i, (uint64_t)(s + 7), 1000) * 1e-4f;
    snprintf(
        result, sizeof result,
        "{\"kernels\":\"avx2\",\"n_raw\":%lld,\"n_steps\":%d,\"n_synthetic\":%lld,\"n_train\":%lld,\"train_"
        "s\":1.5,"
        "\"weights_sha256\":\"%s\"}",
        (long long)x.raw, N_LOSS, (long long)x.size, (long long)(x.raw + x.size), id);
    struct sg_ledger_cell c = {.id = id,
                               .status = "done",
                               .result = result,
                               .n_eval = g->n_rows,
                               .n_classes = N_CLASSES,
                               .n_loss = N_LOSS,
                               .logits = logits,
                               .loss = loss};
    return sg_ledger_cell_finish(l, &c, err);
}

static sg_status make(struct sg_ledger *l, const struct grid *g, struct sg_err *err)
{
    char text[400];
    float *logits = sg_alloc((size_t)g->n_rows * N_CLASSES, sizeof *logits);
    sg_status status = logits ? sg_ledger_meta_set(l, "study", "bench", err) : sg_fail_memory(err, 8);
    for (int64_t i = 0; i < N_TASKS * g->n_rows && status == SG_OK; i++) {
        text_of(-1 - i, text);
        status = sg_ledger_test_row_put(l, tasks[i / g->n_rows], i % g->n_rows,
                                        (int)(i % g->n_rows % N_CLASSES), text, NULL, err);
    }
    for (int64_t p = 0; p < g->n_pools && status == SG_OK; p++)
        status = put_pool(l, g, p, err);
    for (int64_t i = 0; i < g->n_cells && status == SG_OK; i++)
        status = put_cell(l, g, i, logits, err);
    sg_free(logits);
    return status == SG_OK ? sg_ledger_commit(l, err) : status;
}

static int read_option(const char *word, struct grid *g)
{
    const struct {
        const char *name;
        int64_t *value;
    } option[] = {{"cells=", &g->n_cells},
                  {"rows=", &g->n_rows},
                  {"pools=", &g->n_pools},
                  {"examples=", &g->n_examples}};
    for (size_t i = 0; i < sizeof option / sizeof option[0]; i++)
        if (strncmp(word, option[i].name, strlen(option[i].name)) == 0)
            return sg_parse_int64(word + strlen(option[i].name), option[i].value) && *option[i].value > 0;
    return 0;
}

int main(int argc, char **argv)
{
    struct grid g = {1734, 1000, 35, 2000};
    struct sg_ledger *l = NULL;
    struct sg_err err = {0};
    char path[1100], digest[SG_HEX];
    int is_make = argc >= 3 && strcmp(argv[1], "make") == 0,
        ok = is_make || (argc == 3 && !strcmp(argv[1], "rebuild"));
    for (int i = 3; i < argc; i++)
        ok = ok && read_option(argv[i], &g);
    if (!ok || g.n_pools < N_TASKS ||
        snprintf(path, sizeof path, "%s/results.h5", argv[2]) >= (int)sizeof path) {
        fprintf(stderr,
                "report_grid make DIR [cells=N] [rows=N] [pools=N, at least %d] [examples=N]; report_grid "
                "rebuild DIR\n",
                N_TASKS);
        return 2;
    }
    sg_status status = sg_ledger_open(argv[2], SG_LEDGER_WRITE, &l, &err);
    if (status == SG_OK)
        status = is_make ? make(l, &g, &err) : sg_store_write(l, path, digest, &err);
    sg_ledger_close(l);
    if (status != SG_OK)
        fprintf(stderr, "%s\n", err.text);
    else if (!is_make)
        printf("%s\n", digest);
    return status;
}
