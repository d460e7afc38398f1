/* The models, texts and numbers of tests/oracle/model, and a trainer over them whose head is the saved one. */
#ifndef SG_TESTS_MODEL_ORACLE_H
#define SG_TESTS_MODEL_ORACLE_H

#include "model/trainer.h"
#include "tiny.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { ORACLE_ROWS = 64, ORACLE_SKETCH = 64 };
static struct sg_err err;
static const struct sg_team alone = {.comm = MPI_COMM_SELF, .size = 1};

/* A model's folder, one of its text files, and a trainer on these texts; free with oracle_free. */
struct oracle {
    char dir[64];
    struct sg_safetensors *file; /* train.safetensors */
    struct sg_rows rows;
    int32_t label[ORACLE_ROWS];
    struct sg_examples examples;
    struct sg_encoder *encoder;
    enum sg_precision precision; /* of trainers that are made */
    struct sg_trainer trainer;
};

static inline void oracle_open(const char *model, struct oracle *o)
{
    char path[96];
    *o = (struct oracle){0};
    snprintf(o->dir, sizeof o->dir, TINY "%s", model);
    snprintf(path, sizeof path, "%s/train.safetensors", o->dir);
    if (sg_safetensors_open(path, &o->file, &err) != SG_OK ||
        sg_encoder_load(o->dir, &o->encoder, &err) != SG_OK)
        fail_msg("%s", err.text);
}

static inline void oracle_rows(struct oracle *o, const char *name, int n_classes, enum sg_cut cut)
{
    sg_rows_free(&o->rows);
    if (!tiny_texts(o->dir, name, &o->rows, o->label))
        fail_msg("%s/%s.txt cannot be read", o->dir, name);
    o->examples = (struct sg_examples){
        .n = o->rows.n, .row = o->rows.row, .label = o->label, .cut = cut, .n_classes = n_classes};
}

/* One batch of all rows; the learning rate is 0, so that a step may be repeated. */
static inline void oracle_trainer(struct oracle *o, int64_t max_length, int64_t lanes, double dropout)
{
    struct sg_train_settings s = tiny_settings();
    struct sg_model *m = NULL;
    s.batch = o->rows.n;
    s.steps = 1000;
    s.lr = 0.0;
    s.max_length = max_length;
    s.dropout = dropout;
    s.lanes = lanes;
    s.threads = 2;
    s.precision = o->precision;
    if (sg_trainer_create(o->encoder, &s, &o->examples, NULL, &alone, &o->trainer, &err) != SG_OK ||
        sg_model_load(o->dir, &m, &err) != SG_OK)
        fail_msg("%s", err.text);
    memcpy(o->trainer.params.dense_w, m->params.dense_w,
           (size_t)(m->layout.n_total - m->layout.at_head) * sizeof(float));
    sg_model_destroy(m);
}

/* The first step, whose dropout masks are always the same; the loss is returned. */
static inline double oracle_step(struct oracle *o)
{
    int stop;
    double loss;
    int64_t n_tokens;
    if (sg_trainer_step(&o->trainer, 0, 0, &stop, &loss, &n_tokens, &err) != SG_OK)
        fail_msg("%s", err.text);
    return loss;
}

/* The last step's gradient of tensor i as the trainer has it: of the word table, the rows of words in use. Free with
 * sg_free. */
static inline float *oracle_gradient(struct sg_trainer *t, int i)
{
    const struct sg_spec *s = &t->layout.spec[i];
    float *g = sg_alloc((size_t)s->n, sizeof *g);
    assert_non_null(g);
    if (s->offset >= t->layout.at_dense) {
        memcpy(g, t->adamw.g + (s->offset - t->layout.at_dense), (size_t)s->n * sizeof *g);
        return g;
    }
    int64_t first = 0;
    for (int k = 0; k < i; k++)
        first += t->adamw.table[k].n_slots;
    for (int64_t slot = 0; slot < t->adamw.table[i].n_slots; slot++)
        memcpy(g + t->adamw.table[i].row[slot] * s->cols, sg_adamw_slot_gradient(&t->adamw, first + slot),
               (size_t)s->cols * sizeof *g);
    return g;
}

static inline void oracle_free(struct oracle *o)
{
    sg_trainer_destroy(&o->trainer);
    sg_encoder_destroy(o->encoder);
    sg_rows_free(&o->rows);
    sg_safetensors_close(o->file);
}

/* Values of "<group>.<name>" of train.safetensors, n of them (0: as many as there are). Free with sg_free. */
static inline float *oracle_read(const struct oracle *o, const char *group, const char *name, int64_t n)
{
    char full[160];
    snprintf(full, sizeof full, "%s.%s", group, name);
    const struct sg_tensor_info *t = sg_safetensors_find(o->file, full);
    if (!t)
        fail_msg("%s is not in the oracle", full);
    if (n && t->n != n)
        fail_msg("%s has %lld values, not %lld", full, (long long)t->n, (long long)n);
    float *x = sg_alloc((size_t)t->n, sizeof *x);
    assert_int_equal(sg_safetensors_read(o->file, t, x, &err), SG_OK);
    return x;
}

#endif
