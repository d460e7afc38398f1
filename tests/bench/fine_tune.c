/* One fine-tuning by the library's own call, for what the command line does not offer:
 *
 *     [mpirun -n 2] fine_tune ENCODER TRAIN EVAL [--save DIR] [batch=16 epochs=3 steps=0 lr=5e-5 seed=1
 *         dropout=-1 lanes=0 threads=0 max_length=256 warmup=0.1 clip=1 weight_decay=0.01 limit=0 reduce=exact
 *         precision=fp32]
 *
 * Classes are the sorted labels of both files. reduce=mpi sums gradients by MPI_Allreduce, which is not exact: to
 * be measured against. Prints one JSON object; with $LOSSES set, then a line a step; $LOGITS names a file for those
 * of EVAL. hands=N: the training is handed over every N steps, in memory to the same team, as a cell's is whose team grows; what
 * that takes is said on standard error. */
#include "base/file.h"
#include "base/mem.h"
#include "model/train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { MAX_NAMES = 512, MAX_STEPS = 100000 };

static struct sg_err err;
static char *names[MAX_NAMES];
static int n_names;

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

static void collect(const struct sg_rows *rows)
{
    for (int64_t i = 0; i < rows->n; i++) {
        int known = 0;
        for (int k = 0; k < n_names; k++)
            known |= !strcmp(names[k], rows->row[i].label);
        if (!known && n_names < MAX_NAMES)
            names[n_names++] = rows->row[i].label;
    }
}

static struct sg_examples examples(const struct sg_rows *rows)
{
    int32_t *label = sg_alloc((size_t)rows->n, sizeof *label);
    for (int64_t i = 0; label && i < rows->n; i++) {
        char **at = bsearch(&rows->row[i].label, names, (size_t)n_names, sizeof *names, by_text);
        label[i] = at ? (int32_t)(at - names) : 0;
    }
    return (struct sg_examples){
        .n = rows->n, .row = rows->row, .label = label, .cut = rows->cut, .n_classes = n_names};
}

struct steps;

/* Hand-overs: a step's end to the next one's begin. */
static struct {
    double every, begun_s, last_s, spent_s;
    int64_t step, n;
    int is_new;
    struct steps *steps;
} hands;

/* One key=value; 0: no such key. */
static int set(struct sg_train_settings *s, double *limit, const char *word)
{
    double seed = (double)s->seed;
    const struct {
        const char *key;
        int64_t *n;
        double *x;
    } keys[] = {
        {"batch", &s->batch, NULL}, {"epochs", &s->epochs, NULL},   {"steps", &s->steps, NULL},
        {"lanes", &s->lanes, NULL}, {"threads", &s->threads, NULL}, {"max_length", &s->max_length, NULL},
        {"lr", NULL, &s->lr},       {"warmup", NULL, &s->warmup},   {"dropout", NULL, &s->dropout},
        {"clip", NULL, &s->clip},   {"limit", NULL, limit},         {"weight_decay", NULL, &s->weight_decay},
        {"seed", NULL, &seed},      {"hands", NULL, &hands.every}};
    const char *value = strchr(word, '=');
    size_t length = value ? (size_t)(value - word) : 0;
    for (size_t k = 0; value && k < sizeof keys / sizeof *keys; k++)
        if (strlen(keys[k].key) == length && !strncmp(word, keys[k].key, length)) {
            double x = atof(value + 1);
            if (keys[k].n)
                *keys[k].n = (int64_t)x;
            else
                *keys[k].x = x;
            s->seed = (uint64_t)seed;
            return 1;
        }
    if (!strcmp(word, "reduce=exact") || !strcmp(word, "reduce=mpi")) {
        s->reduce = word[7] == 'm' ? SG_TRAIN_MPI_ALLREDUCE : SG_TRAIN_EXACT;
        return 1;
    }
    if (!strcmp(word, "precision=fp32") || !strcmp(word, "precision=bf16")) {
        s->precision = word[10] == 'b' ? SG_BF16 : SG_FP32;
        return 1;
    }
    return 0;
}

struct steps {
    double end_s[MAX_STEPS];
};

static void note_step(void *context, int64_t step, int64_t n_steps, double loss)
{
    struct steps *steps = context;
    (void)n_steps;
    (void)loss;
    if (step <= MAX_STEPS)
        steps->end_s[step - 1] = sg_now_s();
}

static double accuracy(const struct sg_train_result *r, const int32_t *label)
{
    int64_t right = 0;
    for (int64_t i = 0; i < r->n_eval; i++) {
        int best = 0;
        for (int k = 1; k < n_names; k++)
            best = r->logits[i * n_names + k] > r->logits[i * n_names + best] ? k : best;
        right += best == label[i];
    }
    return (double)right / (double)r->n_eval;
}

static void print(const struct sg_train_result *r, const struct steps *steps, double right,
                  double predicted_mb)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    printf(
        "{\"seconds\": %.6f, \"tokens_per_s\": %.1f, \"steps\": %lld, \"tokens\": %lld, \"accuracy\": %.4f, "
        "\"eval_seconds\": %.3f, \"lanes\": %lld, \"threads\": %lld, \"peak_mb\": %.1f, \"rss_mb\": %.1f, "
        "\"predicted_mb\": %.1f, \"digest\": \"%.16s\", \"first_loss\": %.9g, \"last_loss\": %.9g, "
        "\"step_seconds\": [",
        r->train_s, r->tokens_per_s, (long long)r->n_steps, (long long)r->n_tokens, right, r->eval_s,
        (long long)r->lanes, (long long)r->threads, (double)r->peak_mem_bytes / 1e6,
        (double)use.ru_maxrss / 1e3, predicted_mb, r->digest, (double)r->loss[0],
        (double)r->loss[r->n_steps - 1]);
    int64_t n = r->n_steps < MAX_STEPS ? r->n_steps : MAX_STEPS;
    for (int64_t i = 0; i < n; i++) /* the first has what the others leave of the whole */
        printf("%s%.6f", i ? ", " : "",
               i ? steps->end_s[i] - steps->end_s[i - 1]
                 : r->train_s - (steps->end_s[n - 1] - steps->end_s[0]));
    printf("]}\n");
    if (getenv("LOSSES"))
        for (int64_t i = 0; i < r->n_steps; i++)
            printf("%.9g\n", (double)r->loss[i]);
}

static void write_logits(const struct sg_train_result *r, const char *path)
{
    FILE *f = fopen(path, "w");
    for (int64_t i = 0; f && i < r->n_eval * n_names; i++)
        fprintf(f, "%.9g%c", (double)r->logits[i], (i + 1) % n_names ? ' ' : '\n');
    if (f)
        fclose(f);
}

static int hands_over(void *context)
{
    (void)context;
    return hands.every > 0 && (hands.step + 1) % (int64_t)hands.every == 0;
}

static void note_hands(void *context, int64_t step, int64_t n_steps, double loss)
{
    double now_s = sg_now_s();
    note_step(hands.steps, step, n_steps, loss);
    (void)context;
    if (hands.is_new)
        hands.spent_s += now_s - hands.last_s - (hands.last_s - hands.begun_s) / hands.every;
    if (hands.is_new || hands.step == 0)
        hands.begun_s = now_s;
    hands.is_new = 0;
    hands.last_s = now_s;
    hands.step = step;
}

int main(int argc, char **argv)
{
    static struct steps steps;
    struct sg_team team;
    must(sg_mpi_start(&argc, &argv, &team, &err));
    struct sg_train_settings s = sg_train_defaults();
    s.min_steps = 0; /* as many as are asked for */
    s.lr = 5e-5;
    const char *save = NULL;
    double limit = 0;
    int bad = argc < 4;
    for (int i = 4; i < argc; i++) {
        if (!strcmp(argv[i], "--save") && i + 1 < argc)
            save = argv[++i];
        else
            bad |= !set(&s, &limit, argv[i]);
    }
    if (bad) {
        fprintf(stderr, "usage: fine_tune ENCODER TRAIN EVAL [--save DIR] [key=value...]; the keys stand in "
                        "fine_tune.c\n");
        sg_mpi_end();
        return 2;
    }
    struct sg_rows train_rows = {0}, eval_rows = {0};
    must(sg_rows_read(argv[2], NULL, 1, (int64_t)limit, &train_rows, &err));
    must(sg_rows_read(argv[3], NULL, 1, 0, &eval_rows, &err));
    collect(&train_rows);
    collect(&eval_rows);
    qsort(names, (size_t)n_names, sizeof *names, by_text);
    struct sg_examples train = examples(&train_rows), eval = examples(&eval_rows);
    struct sg_encoder *e;
    must(sg_encoder_load(argv[1], &e, &err));
    struct sg_train_result r;
    struct sg_model *m = NULL;
    struct sg_train_handover hand = {.yielding = hands_over, .least_s = -1};
    const struct sg_train_hooks hooks = {.progress = note_hands, .context = &steps, .handover = &hand};
    hands.steps = &steps;
    sg_status status;
    while ((status = sg_train(e, &s, &train, &eval, &team, &hooks, save ? &m : NULL, &r, &err)) ==
           SG_STOPPED) {
        hands.is_new = 1;
        hands.n++;
    }
    must(status);
    if (team.rank == 0 && hands.n)
        fprintf(stderr, "%lld hand-overs of %.1f MB, %.3f s each\n", (long long)hands.n,
                (double)hand.n_state / 1e6, hands.spent_s / (double)hands.n);
    if (team.rank == 0) {
        print(&r, &steps, accuracy(&r, eval.label),
              (double)sg_train_memory(e, &s, n_names, (struct sg_train_rows){0}, 1) / 1e6);
        if (save)
            must(sg_model_save(m, (const char *const *)names, save, &err));
        if (getenv("LOGITS"))
            write_logits(&r, getenv("LOGITS"));
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
