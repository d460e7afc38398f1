/* What the ledger and results.h5 cost rank 0 in a study of many cells: the coordinator's turn while cells end, and the end of the run.
 *
 *     ledger [cells=30000] [rows=1000] [turns=300] [dir=DIR]
 *
 * A made-up ledger of so many planned cells with results is filled; then `turns` more cells end one by one. Prints the time of each part
 * of a turn that could grow with the cells (median and longest), and the seconds and CPU seconds of building results.h5 from `turns` cells
 * and from all. */
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "experiments/run/progress.h"
#include "results/h5/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { N_CLASSES = 2, N_LOSS = 30 };

struct study {
    int64_t n_cells, n_rows, n_turns;
    const char *dir;
    float *logits, *loss; /* (n_rows, N_CLASSES), (N_LOSS) */
};

static double cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void cell_id(int64_t i, char id[SG_HEX])
{
    sg_sha256_hex(&i, sizeof i, id);
}

static sg_status plan(struct sg_ledger *l, const struct study *s, struct sg_err *err)
{
    char id[SG_HEX], settings[1500], more[1001];
    memset(more, 'x', 1000); /* a study's settings of a cell are a kilobyte */
    more[1000] = 0;
    SG_TRY(sg_ledger_meta_set(l, "study", "bench", err));
    for (int64_t i = 0; i < s->n_rows; i++)
        SG_TRY(sg_ledger_test_row_put(l, "task", i, i % N_CLASSES, "a test row", NULL, err));
    for (int64_t i = 0; i < s->n_cells + s->n_turns; i++) {
        cell_id(i, id);
        snprintf(settings, sizeof settings,
                 "{\"class_names\":[\"a\",\"b\"],\"method\":\"\",\"mix\":\"raw\",\"more\":\"%s\",\"raw\":4,"
                 "\"seed_data\":0,"
                 "\"seed_generation\":-1,\"seed_train\":%lld,\"size\":0,\"task\":\"task\"}",
                 more, (long long)i);
        SG_TRY(sg_ledger_cell_plan(l, id, i, settings, NULL, err));
    }
    return sg_ledger_commit(l, err);
}

static sg_status finish(struct sg_ledger *l, const struct study *s, int64_t i, struct sg_err *err)
{
    char id[SG_HEX];
    cell_id(i, id);
    for (int64_t k = 0; k < s->n_rows * N_CLASSES; k++)
        s->logits[k] = (float)((i * 7919 + k * 104729) % 1000003) * 4e-6f - 2;
    struct sg_ledger_cell c = {
        .id = id,
        .status = "done",
        .result = "{\"n_raw\":4,\"n_steps\":30,\"n_synthetic\":0,\"n_train\":4,\"train_s\":1.5}",
        .n_eval = s->n_rows,
        .n_classes = N_CLASSES,
        .n_loss = N_LOSS,
        .logits = s->logits,
        .loss = s->loss};
    return sg_ledger_cell_finish(l, &c, err);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_times(const char *what, double *s, int64_t n)
{
    qsort(s, (size_t)n, sizeof *s, by_value);
    printf("%-52s median %8.3f ms, longest %8.3f ms (a turn: 50)\n", what, 1e3 * s[n / 2], 1e3 * s[n - 1]);
}

/* Cells that end one by one, each committed at once, as in a run. */
static sg_status measure_turns(struct sg_ledger *l, const struct study *s, struct sg_err *err)
{
    struct sg_progress p = {.study = "bench", .phase = "training", .n_cells = s->n_cells, .message = ""};
    double *commit = sg_alloc((size_t)s->n_turns, sizeof *commit),
           *progress = sg_alloc((size_t)s->n_turns, sizeof *progress);
    sg_status status = commit && progress ? SG_OK : sg_fail_memory(err, 8 * (size_t)s->n_turns);
    for (int64_t i = 0; i < s->n_turns && status == SG_OK; i++) {
        double began = sg_now_s();
        SG_TRY_DONE(finish(l, s, s->n_cells + i, err));
        SG_TRY_DONE(sg_ledger_commit(l, err));
        commit[i] = sg_now_s() - began;
        began = sg_now_s();
        p.n_cells_done++;
        SG_TRY_DONE(sg_progress_write(&p, s->dir, 1, err));
        progress[i] = sg_now_s() - began;
    }
    if (status == SG_OK) {
        print_times("a cell's end, committed (two fsyncs, checkpoints):", commit, s->n_turns);
        print_times("status.json:", progress, s->n_turns);
    }
done:
    sg_free(commit);
    sg_free(progress);
    return status;
}

static sg_status measure_store(struct sg_ledger *l, const struct study *s, struct sg_err *err)
{
    char *path = sg_path_join(s->dir, "results.h5"), digest[SG_HEX];
    double n = (double)(s->n_cells + s->n_turns) * (double)s->n_rows, began = sg_now_s(), cpu = cpu_s();
    sg_status status = path ? sg_store_write(l, path, digest, err) : sg_fail_memory(err, 100);
    if (status == SG_OK)
        printf("results.h5 of %.0f predictions: %.2f s, %.2f s CPU, %.3f us CPU a prediction, digest %.12s\n",
               n, sg_now_s() - began, cpu_s() - cpu, 1e6 * (cpu_s() - cpu) / n, digest);
    sg_free(path);
    return status;
}

static sg_status measure(const struct study *s, struct sg_err *err)
{
    struct sg_ledger *l = NULL;
    SG_TRY(sg_ledger_open(s->dir, SG_LEDGER_WRITE, &l, err));
    sg_status status = plan(l, s, err);
    for (int64_t i = 0; i < s->n_cells && status == SG_OK; i++) {
        status = finish(l, s, i, err);
        if (status == SG_OK && i % 500 == 499)
            status = sg_ledger_commit(l, err);
    }
    if (status == SG_OK)
        status = sg_ledger_commit(l, err);
    if (status == SG_OK)
        status = measure_turns(l, s, err);
    if (status == SG_OK)
        status = measure_store(l, s, err);
    sg_ledger_close(l);
    return status;
}

static int read_option(const char *word, struct study *s)
{
    struct {
        const char *name;
        int64_t *value;
    } option[] = {{"cells=", &s->n_cells}, {"rows=", &s->n_rows}, {"turns=", &s->n_turns}};
    for (size_t i = 0; i < sizeof option / sizeof option[0]; i++)
        if (strncmp(word, option[i].name, strlen(option[i].name)) == 0)
            return sg_parse_int64(word + strlen(option[i].name), option[i].value) && *option[i].value > 0;
    if (strncmp(word, "dir=", 4) == 0)
        s->dir = word + 4;
    return strncmp(word, "dir=", 4) == 0;
}

static void remove_files(const char *dir)
{
    static const char *const name[] = {"ledger.sqlite", "results.h5", "status.json"};
    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
        char *path = sg_path_join(dir, name[i]);
        if (path)
            unlink(path);
        sg_free(path);
    }
    rmdir(dir);
}

int main(int argc, char **argv)
{
    struct study s = {.n_cells = 30000, .n_rows = 1000, .n_turns = 300};
    struct sg_err err = {0};
    char *own = NULL;
    for (int i = 1; i < argc; i++)
        if (!read_option(argv[i], &s)) {
            fprintf(stderr, "%s: cells=N, rows=N, turns=N, dir=DIR\n", argv[i]);
            return 2;
        }
    s.logits = sg_alloc((size_t)(s.n_rows * N_CLASSES), sizeof *s.logits);
    s.loss = sg_alloc(N_LOSS, sizeof *s.loss);
    sg_status status = s.logits && s.loss ? SG_OK : sg_fail_memory(&err, (size_t)s.n_rows * 8);
    if (status == SG_OK && !s.dir)
        status = sg_temp_dir(&own, &err);
    if (status == SG_OK && !s.dir)
        s.dir = own;
    if (status == SG_OK)
        status = measure(&s, &err);
    if (own)
        remove_files(own);
    sg_free(own);
    sg_free(s.logits);
    sg_free(s.loss);
    if (status != SG_OK)
        fprintf(stderr, "%s\n", err.text);
    return status != SG_OK;
}
