/* train.layers and train.freeze: against PyTorch (tests/oracle/make_freeze.py), against training of everything, and with
 * what frozen layers give kept, partly kept and computed anew.
 *
 * Tolerances are those of test_train_oracle.c, which runs the same steps: 1e-5 of a loss, 1e-4 for what 40 steps leave. A
 * tensor's length is held against PyTorch's within 1e-4; the key's bias has a gradient of noise and is left out. */
#include "oracle.h"

static const struct {
    int64_t layers, freeze;
} of_pytorch[] = {{4, 0}, {3, 0}, {4, 1}, {4, 2}, {3, 2}, {4, 3}, {3, 3}};
enum { N_STEPS = 40, N_CASES = sizeof of_pytorch / sizeof *of_pytorch };

static struct sg_rows rows, held_out;
static int32_t label[ORACLE_ROWS], held_out_label[ORACLE_ROWS];
static struct sg_examples train_rows, eval_rows;

static int set_up(void **state)
{
    (void)state;
    if (!tiny_texts(TINY "bert", "train", &rows, label) ||
        !tiny_texts(TINY "bert", "rows", &held_out, held_out_label))
        return -1;
    train_rows = tiny_examples(&rows, label);
    eval_rows = tiny_examples(&held_out, held_out_label);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sg_rows_free(&rows);
    sg_rows_free(&held_out);
    return 0;
}

static struct sg_train_settings settings(int64_t layers, int64_t freeze)
{
    struct sg_train_settings s = tiny_settings();
    s.batch = 4;
    s.steps = N_STEPS;
    s.lr = 3e-3;
    s.warmup = 0.1;
    s.weight_decay = 0.05;
    s.dropout = 0.0;
    s.lanes = 4;
    s.threads = 2;
    s.layers = layers;
    s.freeze = freeze;
    return s;
}

static void run(const struct sg_encoder *e, const struct sg_train_settings *s, struct sg_model **m,
                struct sg_train_result *r)
{
    if (sg_train(e, s, &train_rows, &eval_rows, &alone, NULL, m, r, &err) != SG_OK)
        fail_msg("layers %lld, freeze %lld: %s", (long long)s->layers, (long long)s->freeze, err.text);
}

static int place_of(const struct sg_layout *l, const char *name)
{
    int at = 0;
    for (int i = 0; i < l->n_specs; i++)
        at += strcmp(l->spec[i].name, name) < 0;
    return at;
}

static double length_of(const float *x, int64_t n)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sqrt(sum);
}

static void check_final(const struct oracle *o, const char *name, const struct sg_model *m, int64_t freeze)
{
    const struct sg_layout *l = &m->layout;
    float *want = oracle_read(o, name, "final", l->n_specs);
    for (int i = 0; i < l->n_specs; i++) {
        const struct sg_spec *s = &l->spec[i];
        double have = length_of(m->arena + s->offset, s->n);
        if (!strstr(s->name, "key.bias") && !(fabs(have - (double)want[place_of(l, s->name)]) <= 1e-4))
            fail_msg("%s: %s has length %.8g, not %.8g", name, s->name, have,
                     (double)want[place_of(l, s->name)]);
        /* What is frozen is the encoder's, to the bit; the rest is not. */
        int frozen = freeze && i < sg_layout_head(l) && s->layer < freeze,
            same = i < sg_layout_head(l) &&
                   memcmp(m->arena + s->offset, sg_encoder_arena(o->encoder) + s->offset,
                          (size_t)s->n * sizeof(float)) == 0;
        if (frozen != same)
            fail_msg("%s: %s is%s as it was", name, s->name, same ? "" : " not");
    }
    sg_free(want);
}

static void steps_equal_pytorch(void **state)
{
    (void)state;
    struct oracle o;
    oracle_open("bert4", &o);
    for (int i = 0; i < N_CASES; i++) {
        char name[16];
        struct sg_train_settings s = settings(of_pytorch[i].layers, of_pytorch[i].freeze);
        struct sg_train_result r;
        struct sg_model *m;
        snprintf(name, sizeof name, "l%df%d", (int)s.layers, (int)s.freeze);
        run(o.encoder, &s, &m, &r);
        int64_t n = eval_rows.n * TINY_CLASSES;
        float *loss = oracle_read(&o, name, "loss", N_STEPS), *logits = oracle_read(&o, name, "eval", n);
        for (int step = 0; step < N_STEPS; step++)
            if (!(fabsf(r.loss[step] - loss[step]) <= 1e-5f * loss[step]))
                fail_msg("%s, step %d: loss %.8g, not %.8g", name, step, (double)r.loss[step],
                         (double)loss[step]);
        for (int64_t j = 0; j < n; j++)
            assert_float_equal(r.logits[j], logits[j], 1e-4);
        check_final(&o, name, m, s.freeze);
        sg_free(loss);
        sg_free(logits);
        sg_model_destroy(m);
        sg_train_result_free(&r);
    }
    oracle_free(&o);
}

/* The first step of a run in which everything is trained, without dropout, has the same loss and the same gradient of what
 * the other leaves free, to the bit. */
static void gradients_equal_those_of_all(void **state)
{
    (void)state;
    struct oracle o;
    oracle_open("bert4", &o);
    for (int i = 0; i < N_CASES; i++) {
        struct sg_train_settings s = settings(of_pytorch[i].layers, 0);
        struct sg_trainer all, part;
        double loss[2];
        int64_t n_tokens[2];
        int stop;
        assert_int_equal(sg_trainer_create(o.encoder, &s, &train_rows, NULL, &alone, &all, &err), SG_OK);
        s.freeze = of_pytorch[i].freeze;
        assert_int_equal(sg_trainer_create(o.encoder, &s, &train_rows, NULL, &alone, &part, &err), SG_OK);
        assert_int_equal(sg_trainer_freeze(&part, &err), SG_OK);
        assert_int_equal(sg_trainer_step(&all, 0, 0, &stop, &loss[0], &n_tokens[0], &err), SG_OK);
        assert_int_equal(sg_trainer_step(&part, 0, 0, &stop, &loss[1], &n_tokens[1], &err), SG_OK);
        assert_true(loss[0] == loss[1] && n_tokens[0] == n_tokens[1]);
        int64_t n = part.adamw.n_dense;
        assert_true(s.freeze ? n < all.adamw.n_dense : n == all.adamw.n_dense);
        assert_memory_equal(part.adamw.g, all.adamw.g + (all.adamw.n_dense - n), (size_t)n * sizeof(float));
        assert_true(s.freeze == 0 || sg_adamw_norm(&part.adamw) < sg_adamw_norm(&all.adamw));
        sg_trainer_destroy(&all);
        sg_trainer_destroy(&part);
    }
    oracle_free(&o);
}

/* How many texts are kept with so much room. */
static int64_t kept_with(const struct sg_encoder *e, struct sg_train_settings s, const char *bytes)
{
    struct sg_trainer t;
    if (bytes)
        assert_int_equal(setenv("SG_FROZEN_BYTES", bytes, 1), 0);
    else
        assert_int_equal(unsetenv("SG_FROZEN_BYTES"), 0);
    assert_int_equal(sg_trainer_create(e, &s, &train_rows, NULL, &alone, &t, &err), SG_OK);
    assert_int_equal(sg_trainer_freeze(&t, &err), SG_OK);
    int64_t n = t.frozen.n_kept;
    sg_trainer_destroy(&t);
    return n;
}

/* Everything kept, a part of it, nothing: the same bits, with dropout in what is trained. */
static void keeping_changes_nothing(void **state)
{
    (void)state;
    static const char *const few[] = {"3000", "600"}; /* some texts' tokens; some texts' first tokens */
    struct oracle o;
    oracle_open("bert4", &o);
    for (int i = 0; i < N_CASES; i++)
        for (int bf16 = 0; bf16 <= (sg_ops_best(SG_BF16) && i == 3); bf16++) {
            struct sg_train_settings s = settings(of_pytorch[i].layers, of_pytorch[i].freeze);
            struct sg_train_result kept, r;
            if (!s.freeze)
                continue;
            s.dropout = 0.3;
            s.precision = bf16 ? SG_BF16 : SG_FP32;
            const char *const bytes[] = {few[s.freeze == s.layers], "0"};
            assert_int_equal(kept_with(o.encoder, s, NULL), train_rows.n);
            run(o.encoder, &s, NULL, &kept);
            for (int k = 0; k < 2; k++) {
                int64_t n = kept_with(o.encoder, s, bytes[k]);
                assert_true(k ? n == 0 : n > 3 && n < train_rows.n - 3);
                s.threads = 1 + k;
                run(o.encoder, &s, NULL, &r);
                assert_string_equal(r.digest, kept.digest);
                assert_memory_equal(r.loss, kept.loss, N_STEPS * sizeof *r.loss);
                assert_memory_equal(r.logits, kept.logits,
                                    (size_t)(eval_rows.n * TINY_CLASSES) * sizeof *r.logits);
                sg_train_result_free(&r);
            }
            assert_int_equal(unsetenv("SG_FROZEN_BYTES"), 0);
            s.dropout = 0.2; /* it is somewhere */
            run(o.encoder, &s, NULL, &r);
            assert_string_not_equal(r.digest, kept.digest);
            sg_train_result_free(&r);
            sg_train_result_free(&kept);
            s.steps = (train_rows.n + s.batch - 1) / s.batch; /* no text comes twice */
            assert_int_equal(kept_with(o.encoder, s, NULL), 0);
        }
    oracle_free(&o);
}

/* A checkpoint of as many layers as are used, which is read back. */
static void saves_the_layers_in_use(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b", "c"};
    char dir[] = "/tmp/sg-frozen-test-XXXXXX", command[64], *text, *path;
    struct sg_encoder *e;
    struct sg_model *m, *again;
    struct sg_train_result r;
    float logits[ORACLE_ROWS * TINY_CLASSES];
    struct sg_train_settings s = settings(3, 2);
    assert_non_null(mkdtemp(dir));
    assert_int_equal(sg_encoder_load(TINY "bert4", &e, &err), SG_OK);
    run(e, &s, &m, &r);
    assert_int_equal(sg_model_save(m, names, dir, &err), SG_OK);
    assert_int_equal(sg_model_load(dir, &again, &err), SG_OK);
    assert_int_equal(again->config.L, 3);
    assert_int_equal(again->layout.n_total, m->layout.n_total);
    assert_memory_equal(again->arena, m->arena, (size_t)m->layout.n_total * sizeof(float));
    char digest[SG_HEX];
    sg_sha256_hex(again->arena, (size_t)again->layout.n_total * sizeof(float), digest);
    assert_string_equal(digest, r.digest);
    assert_int_equal(sg_predict(again, &eval_rows, TINY_LENGTH, 2, SG_FP32, logits, &err), SG_OK);
    assert_memory_equal(logits, r.logits, (size_t)(eval_rows.n * TINY_CLASSES) * sizeof *logits);
    path = sg_path_join(dir, "config.json");
    assert_int_equal(sg_file_read(path, 1 << 20, &text, NULL, &err), SG_OK);
    assert_non_null(strstr(text, "\"num_hidden_layers\": 3,"));
    sg_free(text);
    sg_free(path);
    sg_model_destroy(again);
    sg_model_destroy(m);
    sg_encoder_destroy(e);
    sg_train_result_free(&r);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

static void more_than_there_are_is_refused(void **state)
{
    (void)state;
    static const struct {
        int64_t layers, freeze;
        const char *says;
    } cases[] = {{5, 0, "train.layers is 5, but the encoder has 4 layers"},
                 {-1, 0, "train.layers is -1, but"},
                 {0, 5, "train.freeze is 5, but the encoder has 4 layers"},
                 {2, 3, "train.freeze is 3, but train.layers uses 2"},
                 {0, -1, "train.freeze is -1"}};
    struct sg_encoder *e;
    assert_int_equal(sg_encoder_load(TINY "bert4", &e, &err), SG_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sg_train_settings s = settings(cases[i].layers, cases[i].freeze);
        struct sg_train_result r;
        assert_int_equal(sg_train(e, &s, &train_rows, NULL, &alone, NULL, NULL, &r, &err), SG_INPUT);
        if (!strstr(err.text, cases[i].says) || !strstr(err.text, "hint"))
            fail_msg("case %zu: %s", i, err.text);
    }
    sg_encoder_destroy(e);
}

/* As it is foretold: the more is frozen, the less; and what is kept has its limit. */
static void takes_less_memory(void **state)
{
    (void)state;
    struct sg_encoder *e;
    struct sg_train_settings s = settings(0, 0);
    const struct sg_train_rows few = {10, 10}, many = {1000000, 100}, more = {2000000, 100};
    size_t before = 0;
    s.batch = 256; /* steps, and not the evaluation behind them, take most */
    assert_int_equal(sg_encoder_load(TINY "bert4", &e, &err), SG_OK);
    for (; s.freeze <= 4; s.freeze++) {
        size_t n = sg_train_memory(e, &s, TINY_CLASSES, few, 1);
        assert_true(before == 0 || n < before);
        before = n;
    }
    s.freeze = 2;
    size_t kept = sg_train_memory(e, &s, TINY_CLASSES, few, 1);
    assert_true(sg_train_memory(e, &s, TINY_CLASSES, (struct sg_train_rows){20, 10}, 1) ==
                kept + 100 * 16 * sizeof(float));
    size_t most = sg_train_memory(e, &s, TINY_CLASSES, many, 1);
    assert_true(most > kept + SG_FROZEN_BYTES && most < kept + SG_FROZEN_BYTES + (8 << 20));
    assert_true(sg_train_memory(e, &s, TINY_CLASSES, more, 1) <= most + 64);
    sg_encoder_destroy(e);
}

/* Each allocation fails once: an error, no leak, no crash. */
static void survives_without_memory(void **state)
{
    (void)state;
    struct sg_encoder *e;
    struct sg_train_settings s = settings(3, 2);
    s.steps = 7;
    assert_int_equal(setenv("SG_FROZEN_BYTES", "3000", 1), 0);
    assert_int_equal(sg_encoder_load(TINY "bert4", &e, &err), SG_OK);
    size_t before = sg_mem_now();
    for (long n = 1;; n++) {
        struct sg_train_result r;
        struct sg_model *m;
        sg_mem_fail_at(n);
        sg_status status = sg_train(e, &s, &train_rows, &eval_rows, &alone, NULL, &m, &r, &err);
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
    assert_int_equal(unsetenv("SG_FROZEN_BYTES"), 0);
    sg_encoder_destroy(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_equal_pytorch),     cmocka_unit_test(gradients_equal_those_of_all),
        cmocka_unit_test(keeping_changes_nothing), cmocka_unit_test(saves_the_layers_in_use),
        cmocka_unit_test(takes_less_memory),       cmocka_unit_test(more_than_there_are_is_refused),
        cmocka_unit_test(survives_without_memory),
    };
    MPI_Init(NULL, NULL);
    int n_failed = cmocka_run_group_tests(tests, set_up, tear_down);
    MPI_Finalize();
    return n_failed;
}
