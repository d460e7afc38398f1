/* sg_train, sg_predict, sg_embed, saving and loading, and what must fail. */
#include "model/trainer.h"
#include "tiny.h"

#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

static struct sg_err err;
static const struct sg_team alone = {.comm = MPI_COMM_SELF, .size = 1};
static struct sg_rows rows;
static int32_t label[64];
static struct sg_encoder *encoder;

static int set_up(void **state)
{
    (void)state;
    return tiny_rows("bert", &rows, label) > 8 && sg_encoder_load(TINY "bert", &encoder, &err) == SG_OK ? 0
                                                                                                        : -1;
}

static int tear_down(void **state)
{
    (void)state;
    sg_encoder_destroy(encoder);
    sg_rows_free(&rows);
    return 0;
}

static sg_status train(const struct sg_train_settings *s, struct sg_model **m, struct sg_train_result *r)
{
    struct sg_examples x = tiny_examples(&rows, label);
    return sg_train(encoder, s, &x, &x, &alone, NULL, m, r, &err);
}

static void learns_and_repeats(void **state)
{
    (void)state;
    struct sg_train_settings s = tiny_settings();
    struct sg_train_result a, b;
    s.epochs = 100;
    s.dropout = 0.0;
    assert_int_equal(train(&s, NULL, &a), SG_OK);
    assert_int_equal(a.n_steps, 200);
    assert_string_equal(a.kernels, sg_ops_best(SG_FP32)->name);
    assert_non_null(strstr("fused plain reference", a.rounding));
    assert_true(a.loss[199] < 0.3f * a.loss[0]);
    assert_int_equal(train(&s, NULL, &b), SG_OK);
    assert_string_equal(a.digest, b.digest);
    sg_train_result_free(&b);
    s.seed++;
    assert_int_equal(train(&s, NULL, &b), SG_OK);
    assert_string_not_equal(a.digest, b.digest);
    sg_train_result_free(&b);
    sg_train_result_free(&a);
}

/* Rows of tables that are followed up late have the bits of a dense AdamW; those of words that never occur,
 * too. */
static void late_rows_equal_a_dense_update(void **state)
{
    (void)state;
    struct sg_train_settings s = tiny_settings();
    struct sg_examples x = tiny_examples(&rows, label);
    struct sg_trainer t;
    s.batch = 2;
    s.epochs = 2;
    assert_int_equal(sg_trainer_create(encoder, &s, &x, NULL, &alone, &t, &err), SG_OK);
    int64_t C = t.layout.shape.C, n = t.layout.at_dense;
    float *p = sg_alloc((size_t)n, sizeof *p), *m = sg_alloc((size_t)n, sizeof *m),
          *v = sg_alloc((size_t)n, sizeof *v), *g = sg_alloc((size_t)n, sizeof *g);
    memcpy(p, t.arena, (size_t)n * sizeof *p);
    for (int64_t step = 0; step < t.n_steps; step++) {
        int stop;
        double loss;
        int64_t n_tokens, first = 0;
        assert_int_equal(sg_trainer_step(&t, step, 0, &stop, &loss, &n_tokens, &err), SG_OK);
        memset(g, 0, (size_t)n * sizeof *g);
        for (int k = 0; k < 3; k++) {
            for (int64_t i = 0; i < t.adamw.table[k].n_slots; i++)
                memcpy(g + t.layout.spec[k].offset + t.adamw.table[k].row[i] * C,
                       sg_adamw_slot_gradient(&t.adamw, first + i), (size_t)C * sizeof *g);
            first += t.adamw.table[k].n_slots;
        }
        t.ops->adam(n, &t.adamw.step[step], p, m, v, g);
    }
    for (int k = 0; k < 3; k++)
        for (int64_t r = 0; r < t.adamw.table[k].n_rows; r++)
            sg_adamw_finish_row(&t.adamw, k, r);
    assert_memory_equal(p, t.arena, (size_t)n * sizeof *p);
    sg_free(p);
    sg_free(m);
    sg_free(v);
    sg_free(g);
    sg_trainer_destroy(&t);
}

static void check_saved(enum sg_precision precision)
{
    char dir[] = "/tmp/sg-train-test-XXXXXX", command[64];
    struct sg_train_settings s = tiny_settings();
    struct sg_examples x = tiny_examples(&rows, label);
    struct sg_train_result r;
    struct sg_model *m, *again;
    static const char *const names[] = {"no", "yes", "maybe \"so\""};
    float logits[64 * TINY_CLASSES], one[TINY_CLASSES];
    s.precision = precision;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(train(&s, &m, &r), SG_OK);
    /* What another tokenizer has left in the folder must not count. */
    char *stale = sg_path_join(dir, "added_tokens.json");
    assert_int_equal(sg_file_write(stale, "{\"a\": 99999}", 12, &err), SG_OK);
    assert_int_equal(sg_model_save(m, names, dir, &err), SG_OK);
    assert_false(sg_file_exists(stale));
    sg_free(stale);
    assert_int_equal(sg_model_load(dir, &again, &err), SG_OK);
    assert_string_equal(sg_model_class_name(again, 2), names[2]);
    assert_int_equal(sg_predict(again, &x, TINY_LENGTH, 2, precision, logits, &err), SG_OK);
    assert_memory_equal(logits, r.logits, (size_t)(x.n * TINY_CLASSES) * sizeof *logits);
    for (int64_t i = 0; i < x.n; i++) { /* a row's logits depend on the row alone */
        struct sg_examples row = {
            .n = 1, .row = rows.row + i, .cut = SG_CUT_LONGEST, .n_classes = TINY_CLASSES};
        assert_int_equal(sg_predict(m, &row, TINY_LENGTH, 1, precision, one, &err), SG_OK);
        assert_memory_equal(one, logits + i * TINY_CLASSES, sizeof one);
    }
    struct sg_sha256_stream *hash = sg_sha256_create();
    char digest[SG_HEX];
    sg_sha256_add(hash, ((struct sg_model *)again)->arena, (size_t)again->layout.n_total * sizeof(float));
    sg_sha256_finish_hex(hash, digest);
    assert_string_equal(digest, r.digest);
    sg_model_destroy(again);
    sg_model_destroy(m);
    sg_train_result_free(&r);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

static void saves_what_it_loads(void **state)
{
    (void)state;
    check_saved(SG_FP32);
    if (sg_ops_best(SG_BF16))
        check_saved(SG_BF16);
}

/* Each table with vectors gives the same bits; fp32's are others, and the losses near. */
static void trains_in_bf16(void **state)
{
    (void)state;
    struct sg_train_settings s = tiny_settings();
    struct sg_train_result plain, r;
    const struct sg_ops *const *ops = sg_ops_all(SG_BF16);
    char digest[SG_HEX] = "";
    s.epochs = 100;
    s.dropout = 0.0;
    assert_int_equal(train(&s, NULL, &plain), SG_OK);
    s.precision = SG_BF16;
    for (ops++; *ops; ops++) {
        assert_int_equal(setenv("SG_OPS", (*ops)->name, 1), 0);
        assert_int_equal(train(&s, NULL, &r), SG_OK);
        assert_string_equal(r.kernels, (*ops)->name);
        assert_string_equal(r.rounding, "bf16");
        assert_string_not_equal(r.digest, plain.digest);
        assert_true(digest[0] == 0 || strcmp(digest, r.digest) == 0);
        memcpy(digest, r.digest, sizeof digest);
        assert_float_equal(r.loss[0], plain.loss[0], 2e-3 * (double)plain.loss[0]);
        assert_true(r.loss[199] < 0.3f * r.loss[0]);
        sg_train_result_free(&r);
    }
    assert_int_equal(unsetenv("SG_OPS"), 0);
    sg_train_result_free(&plain);
    if (!digest[0]) { /* nothing but `ref`: a processor to be told of */
        assert_int_equal(train(&s, NULL, &r), SG_INPUT);
        assert_non_null(strstr(err.text, "hint: precision fp32"));
    }
}

static void embeds_unit_rows(void **state)
{
    (void)state;
    struct sg_examples x = tiny_examples(&rows, NULL);
    float out[64 * 24], one[24];
    assert_int_equal(sg_embed(encoder, &x, TINY_LENGTH, SG_POOLING_MEAN, 2, out, &err), SG_OK);
    for (int64_t i = 0; i < x.n; i++) {
        double length = 0.0;
        for (int c = 0; c < 24; c++)
            length += (double)out[i * 24 + c] * (double)out[i * 24 + c];
        assert_float_equal(length, 1.0, 1e-6);
        struct sg_examples row = {.n = 1, .row = rows.row + i, .cut = SG_CUT_LONGEST};
        assert_int_equal(sg_embed(encoder, &row, TINY_LENGTH, SG_POOLING_MEAN, 1, one, &err), SG_OK);
        assert_memory_equal(one, out + i * 24, sizeof one);
    }
}

static void bad_settings_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct sg_train_settings change; /* fields that are not 0 */
    } cases[] = {
        {"batch", {.batch = -1}},     {"lanes", {.lanes = 3}},           {"lanes", {.lanes = -2}},
        {"threads", {.threads = -1}}, {"max_length", {.max_length = 4}}, {"epochs", {.epochs = -1}},
        {"lr", {.lr = -0.5}},         {"min_steps", {.min_steps = -1}},  {"lr", {.lr = NAN}},
        {"warmup", {.warmup = 1.5}},  {"warmup", {.warmup = NAN}},       {"decay", {.weight_decay = -1}},
        {"clip", {.clip = -1}},       {"dropout", {.dropout = 1.0}},     {"dropout", {.dropout = NAN}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sg_train_settings s = tiny_settings();
        struct sg_train_result r;
        const struct sg_train_settings *c = &cases[i].change;
#define TAKE(field)                                                                                          \
    if (c->field != 0)                                                                                       \
    s.field = c->field
        TAKE(batch);
        TAKE(lanes);
        TAKE(threads);
        TAKE(max_length);
        TAKE(epochs);
        TAKE(min_steps);
        TAKE(lr);
        TAKE(warmup);
        TAKE(weight_decay);
        TAKE(clip);
        TAKE(dropout);
        if (train(&s, NULL, &r) != SG_INPUT)
            fail_msg("case %zu, %s", i, cases[i].what);
        assert_non_null(strstr(err.text, "hint"));
    }
}

/* Products that are no whole number are rounded down, never up or to the nearest; those that are one are themselves. */
static void warm_up_is_rounded_down(void **state)
{
    (void)state;
    static const struct {
        double warmup;
        int64_t n_steps, expected;
    } cases[] = {{0.1, 7, 0},  {0.1, 9, 0},    {0.1, 10, 1},          {0.1, 11, 1},  {0.1, 15, 1},
                 {0.1, 19, 1}, {0.1, 30, 3},   {0.25, 7, 1},          {0.06, 50, 3}, {0, 100, 0},
                 {1.0, 7, 7},  {0.999, 10, 9}, {0.1, 1000000, 100000}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sg_train_settings s = {.warmup = cases[i].warmup};
        assert_int_equal(sg_train_n_warmup(&s, cases[i].n_steps), cases[i].expected);
    }
}

/* Epochs, but no fewer steps than asked for at least; the rate by the encoder's width; warm-up is rounded down. */
static void steps_and_rate_by_default(void **state)
{
    (void)state;
    struct sg_train_settings s = sg_train_defaults();
    static const struct {
        int64_t n, epochs, steps, min_steps, batch, expected;
    } cases[] = {
        {60, 3, 0, 100, 16, 100},   {60, 3, 0, 0, 16, 12},  {60, 40, 0, 100, 16, 160},  {1, 3, 0, 0, 16, 3},
        {1, 3, 0, 100, 16, 100},    {60, 3, 7, 100, 16, 7}, {60, 3, 700, 100, 16, 700}, {61, 3, 0, 0, 60, 6},
        {1000, 3, 0, 100, 16, 189}, {10, 3, 0, 12, 16, 12},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        s.epochs = cases[i].epochs;
        s.steps = cases[i].steps;
        s.min_steps = cases[i].min_steps;
        s.batch = cases[i].batch;
        assert_int_equal(sg_train_n_steps(&s, cases[i].n), cases[i].expected);
    }
    /* The tiny encoder has 24 channels: the most that auto gives. */
    s = tiny_settings();
    s.lr = SG_TRAIN_LR_AUTO;
    assert_true(sg_train_lr(encoder, &s) == 1e-3);
    s.steps = 3;
    struct sg_train_result by_auto, by_number;
    assert_int_equal(train(&s, NULL, &by_auto), SG_OK);
    s.lr = 1e-3;
    assert_int_equal(train(&s, NULL, &by_number), SG_OK);
    assert_string_equal(by_auto.digest, by_number.digest);
    assert_int_equal(by_auto.n_steps, 3);
    assert_true(sg_train_effective_steps(encoder, &s, 60) == 3);
    s.lr = 5e-4;
    assert_true(sg_train_effective_steps(encoder, &s, 60) == 1.5);
    s.lr = 1;
    assert_true(sg_train_effective_steps(encoder, &s, 60) == 12);
    sg_train_result_free(&by_auto);
    sg_train_result_free(&by_number);
    /* Nine steps have no warm-up at a tenth (the first would be at rate 0), ten have one. */
    s.lr = 1e-3;
    s.weight_decay = 0;
    struct sg_train_result one, none;
    s.steps = 9;
    s.warmup = 0.1;
    assert_int_equal(train(&s, NULL, &one), SG_OK);
    s.warmup = 0;
    assert_int_equal(train(&s, NULL, &none), SG_OK);
    assert_string_equal(one.digest, none.digest);
    sg_train_result_free(&one);
    sg_train_result_free(&none);
    s.steps = 10;
    s.warmup = 0.1;
    assert_int_equal(train(&s, NULL, &one), SG_OK);
    s.warmup = 0;
    assert_int_equal(train(&s, NULL, &none), SG_OK);
    assert_string_not_equal(one.digest, none.digest);
    sg_train_result_free(&one);
    sg_train_result_free(&none);
}

static void bad_examples_are_refused(void **state)
{
    (void)state;
    struct sg_train_settings s = tiny_settings();
    struct sg_train_result r;
    struct sg_examples x = tiny_examples(&rows, label), none = x, unlabelled = x;
    label[3] += 7;
    assert_int_equal(sg_train(encoder, &s, &x, NULL, &alone, NULL, NULL, &r, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "example 3"));
    label[3] -= 7;
    none.n = 0;
    assert_int_equal(sg_train(encoder, &s, &none, NULL, &alone, NULL, NULL, &r, &err), SG_INPUT);
    assert_int_equal(sg_train(encoder, &s, &x, &none, &alone, NULL, NULL, &r, &err), SG_INPUT);
    unlabelled.label = NULL;
    assert_int_equal(sg_train(encoder, &s, &unlabelled, NULL, &alone, NULL, NULL, &r, &err), SG_INPUT);
}

static int stop_after_three(void *context)
{
    return ++*(int *)context > 3;
}

static void stops_and_diverges(void **state)
{
    (void)state;
    struct sg_train_settings s = tiny_settings();
    struct sg_examples x = tiny_examples(&rows, label);
    struct sg_train_result r;
    int asked = 0;
    struct sg_train_hooks hooks = {.stopping = stop_after_three, .context = &asked};
    assert_int_equal(sg_train(encoder, &s, &x, NULL, &alone, &hooks, NULL, &r, &err), SG_STOPPED);
    assert_int_equal(asked, 4);
    s.lr = 1e38;
    s.clip = 0.0;
    assert_int_equal(train(&s, NULL, &r), SG_FAILED);
    assert_non_null(strstr(err.text, "diverged at step"));
    s.precision = SG_BF16;
    if (sg_ops_best(SG_BF16)) {
        assert_int_equal(train(&s, NULL, &r), SG_FAILED);
        assert_non_null(strstr(err.text, "diverged at step"));
    }
}

static void count_warning(void *context, const char *text)
{
    (void)text;
    ++*(int *)context;
}

static int64_t saved_last;

static void note_saved(void *context, int64_t step)
{
    (void)context;
    assert_true(step > saved_last);
    saved_last = step;
}

/* A snapshot of this run after 3 steps, in new memory; who trains hears of it. */
static void take_snapshot(const struct sg_train_settings *s, const char *path, char **bytes, size_t *n)
{
    struct sg_examples x = tiny_examples(&rows, label);
    struct sg_train_result r;
    int asked = 0;
    struct sg_train_hooks hooks = {.stopping = stop_after_three,
                                   .saved = note_saved,
                                   .context = &asked,
                                   .snapshot = {.path = path, .every_s = 0}};
    saved_last = 0;
    assert_int_equal(sg_train(encoder, s, &x, NULL, &alone, &hooks, NULL, &r, &err), SG_STOPPED);
    assert_int_equal(saved_last, 3);
    assert_int_equal(sg_file_read(path, 1 << 24, bytes, n, &err), SG_OK);
}

/* Files that are cut off, changed, another run's, or that lie with a right digest: a sentence, never a crash,
 * and the file stays. */
static void bad_snapshots_are_refused(void **state)
{
    (void)state;
    char path[] = "/tmp/sg-train-test-XXXXXX", *good, digest_at_end[SG_HEX];
    size_t n;
    struct sg_train_settings s = tiny_settings(), other = s;
    struct sg_examples x = tiny_examples(&rows, label);
    struct sg_train_result r;
    struct sg_train_hooks hooks = {.snapshot = {.path = path, .every_s = 1e9}};
    int fd = mkstemp(path);
    assert_true(fd >= 0 && close(fd) == 0);
    assert_int_equal(sg_train(encoder, &s, &x, NULL, &alone, &hooks, NULL, &r, &err), SG_INPUT); /* empty */
    assert_int_equal(unlink(path), 0);
    take_snapshot(&s, path, &good, &n);
    char *bad = sg_alloc(n + 1, 1);
    for (size_t i = 0; i < 40; i++) {
        size_t at = i < 20 ? i * 6 : (i - 20) * n / 20; /* the head's fields, then the rest */
        assert_int_equal(sg_file_write(path, good, at, &err), SG_OK);
        assert_int_equal(sg_train(encoder, &s, &x, NULL, &alone, &hooks, NULL, &r, &err), SG_INPUT);
        memcpy(bad, good, n);
        bad[at] ^= 0x40;
        assert_int_equal(sg_file_write(path, bad, n + (i == 0), &err), SG_OK);
        assert_int_equal(sg_train(encoder, &s, &x, NULL, &alone, &hooks, NULL, &r, &err), SG_INPUT);
        assert_non_null(strstr(err.text, path));
        assert_non_null(strstr(err.text, "hint"));
    }
    /* step, steps: impossible numbers under a digest that fits */
    static const int64_t step[] = {-1, 0, 8, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof step / sizeof *step; i++) {
        memcpy(bad, good, n);
        memcpy(bad + 80, &step[i], sizeof step[i]);
        sg_sha256_hex(bad, n - 64, digest_at_end);
        memcpy(bad + n - 64, digest_at_end, 64);
        assert_int_equal(sg_file_write(path, bad, n, &err), SG_OK);
        assert_int_equal(sg_train(encoder, &s, &x, NULL, &alone, &hooks, NULL, &r, &err), SG_INPUT);
    }
    assert_int_equal(sg_file_write(path, good, n, &err), SG_OK);
    other.lr *= 2;
    assert_int_equal(sg_train(encoder, &other, &x, NULL, &alone, &hooks, NULL, &r, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "other rows, settings or encoder"));
    other = s;
    other.precision = SG_BF16;
    assert_int_equal(sg_train(encoder, &other, &x, NULL, &alone, &hooks, NULL, &r, &err), SG_INPUT);
    label[2] = (label[2] + 1) % TINY_CLASSES;
    assert_int_equal(sg_train(encoder, &s, &x, NULL, &alone, &hooks, NULL, &r, &err), SG_INPUT);
    label[2] = (label[2] + TINY_CLASSES - 1) % TINY_CLASSES;
    assert_true(sg_file_exists(path));

    /* The good one is taken, and stays until the caller has the result on disk; a folder that is not there is told of, or not. */
    assert_int_equal(sg_train(encoder, &s, &x, NULL, &alone, &hooks, NULL, &r, &err), SG_OK);
    assert_int_equal(r.first_step, 3);
    sg_train_result_free(&r);
    assert_true(sg_file_exists(path));
    sg_train_snapshot_remove(path);
    assert_false(sg_file_exists(path));
    int n_warnings = 0, asked = 0;
    hooks = (struct sg_train_hooks){
        .warn = count_warning, .context = &n_warnings, .snapshot = {.path = "/nonexistent/run"}};
    assert_int_equal(sg_train(encoder, &s, &x, NULL, &alone, &hooks, NULL, &r, &err), SG_OK);
    sg_train_result_free(&r);
    assert_int_equal(n_warnings, 1); /* of all its steps */
    /* A run that is stopped and leaves nothing says so, but where that may be. */
    hooks = (struct sg_train_hooks){
        .stopping = stop_after_three, .context = &asked, .snapshot = {.path = "/nonexistent/run"}};
    assert_int_equal(sg_train(encoder, &s, &x, NULL, &alone, &hooks, NULL, &r, &err), SG_FAILED);
    assert_non_null(strstr(err.text, "stopped before step 4"));
    assert_non_null(strstr(err.text, "/nonexistent/run"));
    asked = 0;
    hooks.snapshot.may_fail = 1;
    assert_int_equal(sg_train(encoder, &s, &x, NULL, &alone, &hooks, NULL, &r, &err), SG_STOPPED);
    sg_free(good);
    sg_free(bad);
}

static void paths_are_tried_first(void **state)
{
    (void)state;
    char dir[] = "/tmp/sg-train-test-XXXXXX", path[6][PATH_MAX];
    assert_non_null(mkdtemp(dir));
    snprintf(path[0], sizeof path[0], "%s/new/run", dir);
    assert_int_equal(sg_train_snapshot_check(path[0], &err), SG_OK);
    assert_int_equal(sg_file_write(path[0], "x", 1, &err), SG_OK);
    assert_int_equal(sg_train_snapshot_check(path[0], &err), SG_OK);
    snprintf(path[1], sizeof path[1], "%s/new", dir); /* a folder */
    snprintf(path[2], sizeof path[2], "%s/new/", dir);
    snprintf(path[3], sizeof path[3], "%s/new/run/below", dir); /* a file's */
    snprintf(path[4], sizeof path[4], "%s/%0300d", dir, 0);     /* too long a name */
    path[5][0] = 0;
    for (int i = 1; i < 6; i++) {
        assert_int_equal(sg_train_snapshot_check(path[i], &err), SG_INPUT);
        assert_non_null(strstr(err.text, "hint: "));
    }
    assert_int_equal(sg_train_snapshot_check("/dev/null", &err), SG_INPUT);
    assert_int_equal(unlink(path[0]), 0);
    assert_int_equal(rmdir(path[1]), 0); /* it leaves nothing behind */
    assert_int_equal(rmdir(dir), 0);
}

/* Each allocation fails once: an error, no leak, no crash. */
static void survives_without_memory(void **state)
{
    (void)state;
    struct sg_train_settings s = tiny_settings();
    s.steps = 1;
    size_t before = sg_mem_now();
    for (long n = 1;; n++) {
        struct sg_train_result r;
        struct sg_model *m;
        sg_mem_fail_at(n);
        sg_status status = train(&s, &m, &r);
        int fired = sg_mem_fail_at(0);
        if (status == SG_OK) {
            sg_model_destroy(m);
            sg_train_result_free(&r);
            if (!fired)
                break;
        } else {
            assert_true(fired);
            assert_int_equal(status, SG_FAILED);
        }
        assert_true(sg_mem_now() == before);
        assert_true(n < 2000);
    }
    for (long n = 1;; n++) {
        struct sg_encoder *e;
        sg_mem_fail_at(n);
        sg_status status = sg_encoder_load(TINY "bert", &e, &err);
        int fired = sg_mem_fail_at(0);
        if (status == SG_OK) {
            sg_encoder_destroy(e);
            if (!fired)
                break;
        }
        assert_true(sg_mem_now() == before);
        assert_true(n < 5000);
    }
}

static void write_copy(const char *dir, const char *name, const char *from, const char *to)
{
    char path[128], target[160];
    char *text;
    size_t n;
    snprintf(path, sizeof path, TINY "bert/%s", name);
    snprintf(target, sizeof target, "%s/%s", dir, name);
    assert_int_equal(sg_file_read(path, 1 << 24, &text, &n, &err), SG_OK);
    char *at = from ? strstr(text, from) : NULL;
    if (from) {
        assert_non_null(at);
        assert_int_equal(strlen(from), strlen(to));
        memcpy(at, to, strlen(to));
    }
    assert_int_equal(sg_file_write(target, text, n, &err), SG_OK);
    sg_free(text);
}

static void an_encoder_is_known_without_its_weights(void **state)
{
    (void)state;
    struct sg_encoder *e;
    assert_int_equal(sg_encoder_identify(TINY "bert", &e, &err), SG_OK);
    assert_string_equal(sg_encoder_digest(e), sg_encoder_digest(encoder));
    assert_int_equal(sg_encoder_n_parameters(e), sg_encoder_n_parameters(encoder));
    assert_int_equal(sg_encoder_channels(e), sg_encoder_channels(encoder));
    sg_encoder_destroy(e);
}

/* DIR/model.safetensors is the tiny classifier's, with number i of one tensor replaced. */
static void write_weights(const char *dir, const char *tensor, int64_t i, float x)
{
    char path[64], *bytes;
    size_t n;
    uint64_t header;
    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    assert_int_equal(sg_file_read(TINY "bert/model.safetensors", 1 << 24, &bytes, &n, &err), SG_OK);
    memcpy(&header, bytes, 8);
    json_t *json = json_loadb(bytes + 8, header, 0, NULL);
    const json_t *begin = json_array_get(json_object_get(json_object_get(json, tensor), "data_offsets"), 0);
    assert_true(json_is_integer(begin));
    memcpy(bytes + 8 + header + json_integer_value(begin) + i * 4, &x, 4);
    json_decref(json);
    assert_int_equal(sg_file_write(path, bytes, n, &err), SG_OK);
    sg_free(bytes);
}

/* Read later: what took the file's place meanwhile does not count, and the file may be gone. */
static void weights_are_those_that_were_identified(void **state)
{
    (void)state;
    char dir[] = "/tmp/sg-train-test-XXXXXX", command[64];
    struct sg_encoder *e;
    assert_non_null(mkdtemp(dir));
    write_copy(dir, "vocab.txt", NULL, NULL);
    write_copy(dir, "config.json", NULL, NULL);
    write_copy(dir, "model.safetensors", NULL, NULL);
    assert_int_equal(sg_encoder_identify(dir, &e, &err), SG_OK);
    write_weights(dir, "bert.embeddings.word_embeddings.weight", 3, 77.0f);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(sg_encoder_read(e, NULL, &err), SG_OK);
    assert_memory_equal(sg_encoder_arena(e), sg_encoder_arena(encoder),
                        (size_t)sg_encoder_n_parameters(encoder) * sizeof(float));
    sg_encoder_destroy(e);
}

static void bad_checkpoints_are_refused(void **state)
{
    (void)state;
    char dir[] = "/tmp/sg-train-test-XXXXXX", command[64];
    struct sg_encoder *e;
    struct sg_model *m;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(sg_encoder_load("/nonexistent", &e, &err), SG_INPUT);
    assert_int_equal(sg_encoder_identify("/nonexistent", &e, &err), SG_INPUT);
    write_copy(dir, "vocab.txt", NULL, NULL);
    write_copy(dir, "model.safetensors", NULL, NULL);
    write_copy(dir, "config.json", "\"intermediate_size\": 40", "\"intermediate_size\": 48");
    assert_int_equal(sg_encoder_load(dir, &e, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "(40, 24)"));
    assert_non_null(strstr(err.text, "(48, 24)"));
    write_copy(dir, "config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3");
    assert_int_equal(sg_encoder_load(dir, &e, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "layer.2."));
    assert_int_equal(sg_encoder_identify(dir, &e, &err),
                     SG_INPUT); /* names and shapes are looked at without weights, too */
    assert_non_null(strstr(err.text, "layer.2."));
    write_copy(dir, "config.json", "\"vocab_size\": 25", "\"vocab_size\": 24");
    assert_int_equal(sg_encoder_load(dir, &e, &err), SG_INPUT);
    write_copy(dir, "config.json", NULL, NULL);
    assert_int_equal(sg_model_load("data/encoders/none", &m, &err), SG_INPUT);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

/* The place of the first number that is none, wherever it stands in its tensor; not that the loss is NaN at step 1. */
static void weights_that_are_no_numbers_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *tensor, *words;
        int64_t i;
        float x;
    } row[] = {
        {"bert.embeddings.word_embeddings.weight", "word_embeddings.weight[0, 0] is NaN", 0, NAN},
        {"bert.embeddings.word_embeddings.weight", "word_embeddings.weight[24, 23] is infinite", 599,
         -INFINITY},
        {"bert.encoder.layer.1.output.dense.weight", "layer.1.output.dense.weight[6, 15] is NaN", 255, -NAN},
        {"bert.encoder.layer.1.output.dense.weight", "layer.1.output.dense.weight[6, 16] is infinite", 256,
         INFINITY},
        {"bert.encoder.layer.0.intermediate.dense.bias", "intermediate.dense.bias[39] is NaN", 39, NAN},
        {"bert.pooler.dense.bias", "pooler.dense.bias[2] is NaN", 2, NAN},
        {"bert.embeddings.word_embeddings.weight", NULL, 7, 3.4e38f},
        {"bert.embeddings.word_embeddings.weight", NULL, 8, 1e-45f},
        {"classifier.weight", NULL, 1, NAN}, /* an encoder has none: nobody reads it */
    };
    char dir[] = "/tmp/sg-train-test-XXXXXX", command[64];
    struct sg_encoder *e;
    struct sg_model *m;
    assert_non_null(mkdtemp(dir));
    write_copy(dir, "vocab.txt", NULL, NULL);
    write_copy(dir, "config.json", NULL, NULL);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        write_weights(dir, row[i].tensor, row[i].i, row[i].x);
        sg_status status = sg_encoder_load(dir, &e, &err);
        if (!row[i].words) {
            assert_int_equal(status, SG_OK);
            sg_encoder_destroy(e);
            continue;
        }
        assert_int_equal(status, SG_INPUT);
        assert_non_null(strstr(err.text, row[i].words));
        assert_non_null(strstr(err.text, "/model.safetensors: "));
        assert_non_null(strstr(err.text, "hint: "));
    }
    assert_int_equal(sg_model_load(dir, &m, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "classifier.weight[0, 1] is NaN"));
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

static void memory_is_foretold(void **state)
{
    (void)state;
    struct sg_train_settings s = tiny_settings();
    const struct sg_train_rows few = {100, 12};
    size_t small = sg_train_memory(encoder, &s, TINY_CLASSES, few, 1);
    size_t weights = 4 * (size_t)sg_encoder_n_parameters(encoder),
           four = sg_train_memory(encoder, &s, TINY_CLASSES, few, 4);
    assert_true(four > 4 * (small - weights) - weights &&
                four < 4 * small - 2 * weights); /* the encoder once */
    s.batch *= 2;
    assert_true(sg_train_memory(encoder, &s, TINY_CLASSES, few, 1) > small);
    assert_true(small > 4 * 4 * (size_t)sg_encoder_n_parameters(encoder));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns_and_repeats),
        cmocka_unit_test(late_rows_equal_a_dense_update),
        cmocka_unit_test(saves_what_it_loads),
        cmocka_unit_test(embeds_unit_rows),
        cmocka_unit_test(trains_in_bf16),
        cmocka_unit_test(bad_settings_are_refused),
        cmocka_unit_test(warm_up_is_rounded_down),
        cmocka_unit_test(steps_and_rate_by_default),
        cmocka_unit_test(bad_examples_are_refused),
        cmocka_unit_test(stops_and_diverges),
        cmocka_unit_test(bad_snapshots_are_refused),
        cmocka_unit_test(survives_without_memory),
        cmocka_unit_test(an_encoder_is_known_without_its_weights),
        cmocka_unit_test(weights_are_those_that_were_identified),
        cmocka_unit_test(bad_checkpoints_are_refused),
        cmocka_unit_test(memory_is_foretold),
        cmocka_unit_test(weights_that_are_no_numbers_are_refused),
        cmocka_unit_test(paths_are_tried_first),
    };
    MPI_Init(NULL, NULL);
    int n_failed = cmocka_run_group_tests(tests, set_up, tear_down);
    MPI_Finalize();
    return n_failed;
}
