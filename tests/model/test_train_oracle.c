/* Against PyTorch and transformers in float64 (tests/oracle/make_train.py): ids, logits, loss and the gradient of every
 * tensor, by every table of kernels, in one lane and in several; and 50 steps of AdamW.
 *
 * Tolerances. Gradients 1e-5, relative L2 (PyTorch's own float32 is off by up to 2.5e-6 here); the error's length is
 * estimated from 64 projections, to 9 %. Logits 2e-5, and 1e-5 of the loss. Weights after 50 steps 1e-4, whatever the
 * rows have seen: batches, few batches, none. The key's bias has a gradient that is zero in exact arithmetic (softmax
 * does not see a shift), so it is noise: it is held against that of the query's bias, and left out after AdamW, which
 * makes noise of any size into steps of size lr. */
#include "oracle.h"

static const struct grad_case {
    const char *name, *texts;
    enum sg_cut cut;
    int64_t max_length;
} rows_case = {"rows", "rows", SG_CUT_LONGEST, 40},
  long_cases[] = {
      {"lengths", "lengths", SG_CUT_LONGEST, 512}, /* 2 to 512 tokens */
      {"pairs", "pairs", SG_CUT_LONGEST, 512},     /* both texts cut, one, none; empty ones */
      {"pairs_short", "pairs", SG_CUT_LONGEST, 24},
      {"passage", "passage", SG_CUT_SECOND, 512}, /* as BoolQ */
      {"passage_short", "passage", SG_CUT_SECOND, 200},
      {"one", "one", SG_CUT_LONGEST, 512},         /* a batch of one text of one token */
      {"empty", "empty", SG_CUT_LONGEST, 512},     /* of one text without any */
      {"longest", "longest", SG_CUT_LONGEST, 512}, /* of one text that is cut to 512 tokens */
};

/* Element j's 64 signs are the bits of splitmix64(j), as in make_train.py. */
static uint64_t signs(uint64_t j)
{
    uint64_t z = (j + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Adds g (n) at elements j, j + 1, ... of a tensor to its sketch. */
static void project(const float *g, int64_t n, int64_t j, double sketch[ORACLE_SKETCH])
{
    for (int64_t i = 0; i < n; i++) {
        uint64_t bits = signs((uint64_t)(j + i));
        for (int k = 0; k < ORACLE_SKETCH; k++)
            sketch[k] += (bits >> k & 1) ? (double)g[i] : -(double)g[i];
    }
}

/* The error's length by the sketch. The trainer's word table has only the rows in use; the others' gradient is 0. */
static double error_of(struct sg_trainer *t, int i, const float *want)
{
    const struct sg_spec *s = &t->layout.spec[i];
    double sketch[ORACLE_SKETCH] = {0}, sum = 0.0;
    float *g = oracle_gradient(t, i);
    if (i == 0)
        for (int64_t r = 0; r < s->rows; r++)
            project(g + r * s->cols, s->cols, t->row_id[r] * s->cols, sketch);
    else
        project(g, s->n, 0, sketch);
    sg_free(g);
    for (int k = 0; k < ORACLE_SKETCH; k++)
        sum += (sketch[k] - (double)want[k]) * (sketch[k] - (double)want[k]);
    return sqrt(sum / ORACLE_SKETCH);
}

/* Tensors stand in the order of their names. */
static int place_of(const struct sg_layout *l, const char *name)
{
    int at = 0;
    for (int i = 0; i < l->n_specs; i++)
        at += strcmp(l->spec[i].name, name) < 0;
    return at;
}

static void check_gradients(struct oracle *o, const char *name)
{
    struct sg_trainer *t = &o->trainer;
    int n = t->layout.n_specs;
    float *norm = oracle_read(o, name, "norm", n),
          *sketch = oracle_read(o, name, "sketch", n * ORACLE_SKETCH);
    for (int i = 0; i < n; i++) {
        const char *tensor = t->layout.spec[i].name;
        int at = place_of(&t->layout, tensor), scale = at;
        if (strstr(tensor, "key.bias")) {
            char query[96];
            snprintf(query, sizeof query, "%s", tensor);
            memcpy(strstr(query, "key.bias"), "query.bias", sizeof "query.bias");
            scale = place_of(&t->layout, query);
        }
        double off = error_of(t, i, sketch + at * ORACLE_SKETCH);
        if (!(off <= 1e-5 * (double)norm[scale]))
            fail_msg("%s, %s, %s kernels, %lld lanes: gradient of %s is off by %g of %g", o->dir, name,
                     t->ops->name, (long long)t->lanes, tensor, off, (double)norm[scale]);
    }
    sg_free(norm);
    sg_free(sketch);
}

static void check_case(struct oracle *o, const struct grad_case *c, int64_t lanes)
{
    oracle_trainer(o, c->max_length, lanes, 0.0);
    const struct sg_tokens *x = &o->trainer.train_tokens;
    float *ids = oracle_read(o, c->name, "ids", x->start[x->n]),
          *n = oracle_read(o, c->name, "lengths", x->n), *loss = oracle_read(o, c->name, "loss", 1);
    for (int64_t i = 0; i < x->n; i++)
        assert_int_equal(x->start[i + 1] - x->start[i], (int64_t)n[i]);
    for (int64_t i = 0; i < x->start[x->n]; i++)
        assert_int_equal(x->id[i], (int)ids[i]);
    double have = oracle_step(o);
    if (!(fabs(have - (double)*loss) <= 1e-5 * (double)*loss))
        fail_msg("%s, %s: loss %.8g, not %.8g", o->dir, c->name, have, (double)*loss);
    check_gradients(o, c->name);
    sg_trainer_destroy(&o->trainer);
    sg_free(ids);
    sg_free(n);
    sg_free(loss);
}

static void check_logits(struct oracle *o, const struct grad_case *c)
{
    struct sg_model *m;
    int64_t n = o->examples.n * o->examples.n_classes;
    float *want = oracle_read(o, c->name, "logits", n), *have = sg_alloc((size_t)n, sizeof *have);
    assert_int_equal(sg_model_load(o->dir, &m, &err), SG_OK);
    assert_int_equal(sg_predict(m, &o->examples, c->max_length, 2, SG_FP32, have, &err), SG_OK);
    for (int64_t i = 0; i < n; i++)
        if (!(fabsf(have[i] - want[i]) <= 2e-5f))
            fail_msg("%s, %s: logit %lld is %.8g, not %.8g", o->dir, c->name, (long long)i, (double)have[i],
                     (double)want[i]);
    sg_model_destroy(m);
    sg_free(want);
    sg_free(have);
}

/* By every table of kernels, which sg_ops_best takes when SG_OPS names it, in four lanes; by the best in one, too. */
static void check_cases(const char *model, const struct grad_case *c, size_t n_cases, int n_classes)
{
    struct oracle o;
    oracle_open(model, &o);
    for (size_t i = 0; i < n_cases; i++) {
        oracle_rows(&o, c[i].texts, n_classes, c[i].cut);
        for (const struct sg_ops *const *ops = sg_ops_all(SG_FP32); *ops; ops++) {
            assert_int_equal(setenv("SG_OPS", (*ops)->name, 1), 0);
            assert_ptr_equal(sg_ops_best(SG_FP32), *ops);
            check_case(&o, &c[i], 4);
        }
        assert_int_equal(unsetenv("SG_OPS"), 0);
        check_case(&o, &c[i], 1);
        check_logits(&o, &c[i]);
    }
    oracle_free(&o);
}

static void small_gradients_equal_pytorch(void **state)
{
    (void)state;
    check_cases("bert", &rows_case, 1, 3);
    check_cases("roberta", &rows_case, 1, 3);
}

static void long_gradients_equal_pytorch(void **state)
{
    (void)state;
    size_t n = sizeof long_cases / sizeof *long_cases;
    check_cases("bert512", long_cases, n, 26);
    check_cases("roberta512", long_cases, n, 26);
}

static struct sg_train_settings run_settings(int64_t lanes)
{
    struct sg_train_settings s = tiny_settings();
    s.batch = 4;
    s.steps = 50;
    s.lr = 3e-3;
    s.warmup = 0.1;
    s.weight_decay = 0.05;
    s.clip = 1.0;
    s.dropout = 0.0;
    s.lanes = lanes;
    s.threads = 2;
    return s;
}

static void check_final(const struct oracle *o, const struct sg_model *m)
{
    for (int i = 0; i < m->layout.n_specs; i++) {
        const struct sg_spec *s = &m->layout.spec[i];
        float *want = oracle_read(o, "run.final", s->name, s->n), *have = m->arena + s->offset;
        for (int64_t j = 0; j < s->n && !strstr(s->name, "key.bias"); j++)
            if (!(fabsf(have[j] - want[j]) <= 1e-4f))
                fail_msg("%s: %s[%lld] after 50 steps: %.8g, not %.8g", o->dir, s->name, (long long)j,
                         (double)have[j], (double)want[j]);
        sg_free(want);
    }
}

/* All that a user runs: the head as it is drawn, the rows as they are shuffled, words of eval and of neither. */
static void check_run(const char *model, int64_t lanes)
{
    struct oracle o;
    struct sg_train_settings s = run_settings(lanes);
    struct sg_train_result r;
    struct sg_model *m;
    struct sg_rows eval_rows;
    int32_t eval_label[ORACLE_ROWS];
    oracle_open(model, &o);
    oracle_rows(&o, "train", TINY_CLASSES, SG_CUT_LONGEST);
    assert_true(tiny_rows(model, &eval_rows, eval_label) > 8);
    struct sg_examples eval = tiny_examples(&eval_rows, eval_label);
    if (sg_train(o.encoder, &s, &o.examples, &eval, &alone, NULL, &m, &r, &err) != SG_OK)
        fail_msg("%s", err.text);
    float *loss = oracle_read(&o, "run", "loss", 50),
          *logits = oracle_read(&o, "run", "eval", eval.n * TINY_CLASSES);
    assert_int_equal(r.n_steps, 50);
    for (int step = 0; step < 50; step++)
        if (!(fabsf(r.loss[step] - loss[step]) <= 1e-5f * loss[step]))
            fail_msg("%s, step %d: loss %.8g, not %.8g", model, step, (double)r.loss[step],
                     (double)loss[step]);
    for (int64_t i = 0; i < eval.n * TINY_CLASSES; i++)
        assert_float_equal(r.logits[i], logits[i], 1e-4);
    check_final(&o, m);
    sg_free(loss);
    sg_free(logits);
    sg_rows_free(&eval_rows);
    sg_train_result_free(&r);
    sg_model_destroy(m);
    oracle_free(&o);
}

static void fifty_steps_equal_pytorch(void **state)
{
    (void)state;
    for (const struct sg_ops *const *ops = sg_ops_all(SG_FP32); *ops; ops++) {
        assert_int_equal(setenv("SG_OPS", (*ops)->name, 1), 0);
        check_run("bert", 4);
    }
    assert_int_equal(unsetenv("SG_OPS"), 0);
    check_run("bert", 1);
    check_run("roberta", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(small_gradients_equal_pytorch),
                                       cmocka_unit_test(long_gradients_equal_pytorch),
                                       cmocka_unit_test(fifty_steps_equal_pytorch)};
    MPI_Init(NULL, NULL);
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return n_failed;
}
