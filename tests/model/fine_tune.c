/* One fine-tuning by hand, for comparisons with other trainers (shared/tools/peer_train.py):
 *
 *     [mpirun -n 2] fine_tune ENCODER TRAIN EVAL [--save DIR] [batch=16 epochs=3 steps=0 lr=5e-5 seed=1
 * dropout=-1 lanes=0 threads=0 max_length=256 warmup=0.1 limit=0 cut=second]
 *
 * Classes are the sorted labels of both files. Prints one JSON object. */
#include "base/file.h"
#include "base/mem.h"
#include "model/train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static struct sg_err err;

static void must(sg_status status)
{
    if (status != SG_OK) {
        fprintf(stderr, "error: %s\n", err.text);
        exit((int)status);
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *names[512];
static int n_names;

static void collect(const struct sg_rows *rows)
{
    for (int64_t i = 0; i < rows->n; i++) {
        int known = 0;
        for (int k = 0; k < n_names; k++)
            known |= !strcmp(names[k], rows->row[i].label);
        if (!known && n_names < 512)
            names[n_names++] = rows->row[i].label;
    }
}

static struct sg_examples examples(const struct sg_rows *rows, const struct sg_fields *fields)
{
    int32_t *label = sg_alloc((size_t)rows->n, sizeof *label);
    for (int64_t i = 0; label && i < rows->n; i++) {
        char **at = bsearch(&rows->row[i].label, names, (size_t)n_names, sizeof *names, by_text);
        label[i] = (int32_t)(at - names);
    }
    (void)fields;
    return (struct sg_examples){
        .n = rows->n, .row = rows->row, .label = label, .cut = rows->cut, .n_classes = n_names};
}

int main(int argc, char **argv)
{
    struct sg_team team;
    must(sg_mpi_start(&argc, &argv, &team, &err));
    if (argc < 4)
        return 2;
    struct sg_train_settings s = sg_train_defaults();
    const char *save = NULL;
    double limit = 0;
    for (int i = 4; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (!strcmp(argv[i], "--save") && i + 1 < argc) {
            save = argv[++i];
            continue;
        }
        double x = value ? atof(value + 1) : 0.0;
        struct {
            const char *key;
            int64_t *n;
            double *x;
        } keys[] = {{"batch=", &s.batch, NULL},
                    {"epochs=", &s.epochs, NULL},
                    {"steps=", &s.steps, NULL},
                    {"lanes=", &s.lanes, NULL},
                    {"threads=", &s.threads, NULL},
                    {"max_length=", &s.max_length, NULL},
                    {"lr=", NULL, &s.lr},
                    {"warmup=", NULL, &s.warmup},
                    {"dropout=", NULL, &s.dropout},
                    {"clip=", NULL, &s.clip},
                    {"weight_decay=", NULL, &s.weight_decay},
                    {"limit=", NULL, &limit}};
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            if (!strncmp(argv[i], keys[k].key, strlen(keys[k].key))) {
                if (keys[k].n)
                    *keys[k].n = (int64_t)x;
                else
                    *keys[k].x = x;
            }
        if (!strncmp(argv[i], "seed=", 5))
            s.seed = (uint64_t)x;
    }
    struct sg_rows train_rows = {0}, eval_rows = {0};
    must(sg_rows_read(argv[2], NULL, 1, (int64_t)limit, &train_rows, &err));
    must(sg_rows_read(argv[3], NULL, 1, 0, &eval_rows, &err));
    collect(&train_rows);
    collect(&eval_rows);
    qsort(names, (size_t)n_names, sizeof *names, by_text);
    struct sg_examples train = examples(&train_rows, NULL), eval = examples(&eval_rows, NULL);
    struct sg_encoder *e;
    double t0 = sg_now_s();
    must(sg_encoder_load(argv[1], &e, &err));
    double load_s = sg_now_s() - t0;
    struct sg_train_result r;
    struct sg_model *m = NULL;
    t0 = sg_now_s();
    must(sg_train(e, &s, &train, &eval, &team, NULL, save ? &m : NULL, &r, &err));
    double all_s = sg_now_s() - t0;
    int64_t right = 0;
    for (int64_t i = 0; i < r.n_eval; i++) {
        int best = 0;
        for (int k = 1; k < n_names; k++)
            best = r.logits[i * n_names + k] > r.logits[i * n_names + best] ? k : best;
        right += best == eval.label[i];
    }
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    if (team.rank == 0) {
        printf("{\"train_s\": %.3f, \"tokens_per_s\": %.1f, \"steps\": %lld, \"tokens\": %lld, \"accuracy\": "
               "%.4f, \"eval_s\": %.3f, "
               "\"all_s\": %.3f, \"load_s\": %.3f, \"lanes\": %lld, \"threads\": %lld, \"peak_mb\": %.1f, "
               "\"rss_mb\": %.1f, "
               "\"predicted_mb\": %.1f, \"digest\": \"%.16s\", \"first_loss\": %.9g, \"last_loss\": %.9g}\n",
               r.train_s, r.tokens_per_s, (long long)r.n_steps, (long long)r.n_tokens,
               (double)right / (double)r.n_eval, r.eval_s, all_s, load_s, (long long)r.lanes,
               (long long)r.threads, (double)r.peak_mem_bytes / 1e6, (double)use.ru_maxrss / 1e3,
               (double)sg_train_memory(e, &s, n_names) / 1e6, r.digest, (double)r.loss[0],
               (double)r.loss[r.n_steps - 1]);
        if (getenv("LOSSES"))
            for (int64_t i = 0; i < r.n_steps; i++)
                printf("%.9g\n", (double)r.loss[i]);
        if (save)
            must(sg_model_save(m, (const char *const *)names, save, &err));
        const char *logits = getenv("LOGITS");
        FILE *f = logits ? fopen(logits, "w") : NULL;
        for (int64_t i = 0; f && i < r.n_eval * n_names; i++)
            fprintf(f, "%.9g%c", (double)r.logits[i], (i + 1) % n_names ? ' ' : '\n');
        if (f)
            fclose(f);
    }
    sg_model_destroy(m);
    sg_train_result_free(&r);
    sg_encoder_destroy(e);
    sg_free((void *)train.label);
    sg_free((void *)eval.label);
    sg_rows_free(&train_rows);
    sg_rows_free(&eval_rows);
    sg_mpi_end();
    return 0;
}
