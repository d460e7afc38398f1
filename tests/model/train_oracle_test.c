/* Against PyTorch and transformers (tests/oracle/make_model.py): ids, logits, the gradient of every tensor,
 * and 20 steps of AdamW.
 *
 * Tolerances. Logits 1e-5 and gradients 1e-5 (relative L2): float32 in another order. The key's bias has a
 * gradient that is zero in exact arithmetic (softmax does not see a shift), so it is noise on both sides: its
 * gradient is held against that of the query's bias, and it is left out after AdamW, which makes noise of any
 * size into steps of size lr. */
#include "model/trainer.h"
#include "tiny.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct sg_err err;

static float *oracle(const struct sg_safetensors *file, const char *prefix, const char *name, int64_t n)
{
    char full[160];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    const struct sg_tensor_info *t = sg_safetensors_find(file, full);
    if (!t)
        fail_msg("%s is not in the oracle", full);
    if (n && t->n != n)
        fail_msg("%s has %lld values", full, (long long)t->n);
    float *x = sg_alloc((size_t)t->n, sizeof *x);
    assert_int_equal(sg_safetensors_read(file, t, x, &err), SG_OK);
    return x;
}

static double distance(const float *a, const float *b, int64_t n, double *length)
{
    double d = 0.0, l = 0.0;
    for (int64_t i = 0; i < n; i++) {
        d += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        l += (double)b[i] * (double)b[i];
    }
    *length = sqrt(l);
    return sqrt(d);
}

static void check_logits(const char *dir, const struct sg_examples *x, const struct sg_safetensors *file)
{
    struct sg_model *m;
    float logits[64 * TINY_CLASSES];
    assert_int_equal(sg_model_load(dir, &m, &err), SG_OK);
    assert_int_equal(sg_predict(m, x, TINY_LENGTH, 2, logits, &err), SG_OK);
    float *want = oracle(file, "", "logits", x->n * TINY_CLASSES);
    for (int64_t i = 0; i < x->n * TINY_CLASSES; i++)
        assert_float_equal(logits[i], want[i], 1e-5);
    sg_free(want);
    sg_model_destroy(m);
}

/* A trainer whose head is that of the saved classifier. */
static void make(const char *dir, const struct sg_examples *x, int64_t lanes, struct sg_encoder **e,
                 struct sg_trainer *t)
{
    static const struct sg_team alone = {.comm = MPI_COMM_SELF, .size = 1};
    struct sg_train_settings s = tiny_settings();
    struct sg_model *m;
    s.batch = x->n;
    s.steps = 20;
    s.dropout = 0.0;
    s.lanes = lanes;
    s.threads = 2;
    assert_int_equal(sg_encoder_load(dir, e, &err), SG_OK);
    assert_int_equal(sg_trainer_create(*e, &s, x, x, &alone, t, &err), SG_OK);
    assert_int_equal(sg_model_load(dir, &m, &err), SG_OK);
    memcpy(t->params.dense_w, m->params.dense_w,
           (size_t)(m->layout.n_total - m->layout.at_head) * sizeof(float));
    sg_model_destroy(m);
}

static void check_gradients(struct sg_trainer *t, const struct sg_safetensors *file)
{
    int64_t C = t->layout.shape.C;
    float *query = NULL;
    for (int i = 0; i < t->layout.n_specs; i++) {
        const struct sg_spec *s = &t->layout.spec[i];
        float *want = oracle(file, "grad.", s->name, 0), *have = sg_alloc((size_t)s->n, sizeof *have);
        if (s->offset >= t->layout.at_dense) {
            memcpy(have, t->adamw.g + (s->offset - t->layout.at_dense), (size_t)s->n * sizeof *have);
        } else {
            int64_t first = 0;
            for (int k = 0; k < i; k++)
                first += t->adamw.table[k].n_slots;
            for (int64_t slot = 0; slot < t->adamw.table[i].n_slots; slot++)
                memcpy(have + t->adamw.table[i].row[slot] * C,
                       sg_adamw_slot_gradient(&t->adamw, first + slot), (size_t)C * sizeof *have);
            if (i == 0) /* the trainer's word table has the rows in use alone */
                for (int64_t r = 0; r < s->rows; r++)
                    memmove(want + r * C, want + t->row_id[r] * C, (size_t)C * sizeof *want);
        }
        double length, d = distance(have, want, s->n, &length);
        if (strstr(s->name, "query.bias"))
            query = want;
        if (strstr(s->name, "key.bias"))
            distance(query, query, s->n, &length);
        if (!(d <= 1e-5 * length))
            fail_msg("gradient of %s: off by %g of %g", s->name, d, length);
        if (query != want && !strstr(s->name, "query.bias"))
            sg_free(want);
        if (strstr(s->name, "key.bias")) {
            sg_free(query);
            query = NULL;
        }
        sg_free(have);
    }
}

static void check_family(const char *family, int64_t lanes)
{
    char dir[64], path[96];
    struct sg_rows rows;
    int32_t label[64];
    struct sg_safetensors *file;
    struct sg_encoder *e;
    struct sg_trainer t;
    snprintf(dir, sizeof dir, TINY "%s", family);
    snprintf(path, sizeof path, "%s/oracle.safetensors", dir);
    assert_int_equal(sg_safetensors_open(path, &file, &err), SG_OK);
    assert_true(tiny_rows(family, &rows, label) > 8);
    struct sg_examples x = tiny_examples(&rows, label);
    check_logits(dir, &x, file);

    make(dir, &x, lanes, &e, &t);
    float *ids = oracle(file, "", "ids", t.train_tokens.start[x.n]), *loss = oracle(file, "", "loss", 20);
    for (int64_t i = 0; i < t.train_tokens.start[x.n]; i++)
        assert_int_equal(t.train_tokens.id[i], (int)ids[i]);
    for (int64_t step = 0; step < 20; step++) {
        int stop;
        double have;
        int64_t n_tokens;
        assert_int_equal(sg_trainer_step(&t, step, 0, &stop, &have, &n_tokens, &err), SG_OK);
        assert_float_equal(have, (double)loss[step], 1e-5);
        if (step == 0)
            check_gradients(&t, file);
    }
    for (int i = 0; i < t.layout.n_specs; i++) {
        const struct sg_spec *s = &t.layout.spec[i];
        float *want = oracle(file, "final.", s->name, 0), *have = t.arena + s->offset;
        int64_t C = s->cols;
        for (int64_t r = 0; r < s->rows && i < 3; r++)
            sg_adamw_finish_row(&t.adamw, i, r);
        for (int64_t r = 0; r < s->rows && i == 0; r++)
            memmove(want + r * C, want + t.row_id[r] * C, (size_t)C * sizeof *want);
        for (int64_t j = 0; j < s->n && !strstr(s->name, "key.bias"); j++)
            if (!(fabsf(have[j] - want[j]) <= 1e-4f))
                fail_msg("%s[%lld] after 20 steps: %g, not %g", s->name, (long long)j, (double)have[j],
                         (double)want[j]);
        sg_free(want);
    }
    sg_free(ids);
    sg_free(loss);
    sg_trainer_destroy(&t);
    sg_encoder_destroy(e);
    sg_rows_free(&rows);
    sg_safetensors_close(file);
}

static void bert_equals_pytorch(void **state)
{
    (void)state;
    check_family("bert", 1);
    check_family("bert", 4);
}

static void roberta_equals_pytorch(void **state)
{
    (void)state;
    check_family("roberta", 1);
    check_family("roberta", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bert_equals_pytorch),
                                       cmocka_unit_test(roberta_equals_pytorch)};
    MPI_Init(NULL, NULL);
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return n_failed;
}
