#include "model/encoder.h"

#include "base/mem.h"

#include <string.h>

/* Hands out an arena piece by piece; without a base it only counts. */
struct carver {
    char *base;
    size_t used;
};

static void *carve(struct carver *c, int64_t n, size_t size)
{
    void *at = c->base ? c->base + c->used : NULL;
    c->used += ((size_t)n * size + 63) / 64 * 64;
    return at;
}

static float *floats(struct carver *c, int64_t n)
{
    return carve(c, n, sizeof(float));
}

static void lay_rows(struct carver *c, const struct sg_shape *s, int64_t rows, int training,
                     struct sg_rows_acts *r)
{
    r->x = floats(c, rows * s->C);
    r->y = floats(c, rows * s->C);
    r->t = floats(c, rows * s->C);
    r->a = floats(c, rows * s->F);
    if (!training)
        return;
    r->dx = floats(c, rows * s->C);
    r->dout1 = floats(c, rows * s->C);
    r->dout2 = floats(c, rows * s->C);
    r->dh = floats(c, rows * s->F);
    r->dctx = r->t; /* the product's array is free in the backward pass */
}

/* Frozen layers have none in training. In inference all layers but a narrow last one share their arrays. */
static void lay_layers(struct carver *c, const struct sg_shape *s, int64_t T, int64_t B, struct sg_acts *a)
{
    for (int64_t l = a->training ? s->n_frozen : 0; l < s->L; l++) {
        int narrow = l == s->L - 1 && !a->full;
        if (!a->training && l > 0 && !narrow) {
            if (a->layer)
                a->layer[l] = a->layer[0];
            continue;
        }
        int64_t rows = narrow ? B : T;
        struct sg_layer_acts y;
        y.q = floats(c, narrow ? B * s->C : T * 3 * s->C);
        y.kv = narrow ? floats(c, T * 2 * s->C) : y.q ? y.q + s->C : NULL;
        y.lse = floats(c, rows * s->H);
        y.ctx = floats(c, rows * s->C);
        y.xhat1 = floats(c, rows * s->C);
        y.xhat2 = floats(c, rows * s->C);
        y.rstd1 = floats(c, rows);
        y.rstd2 = floats(c, rows);
        y.h = floats(c, rows * s->F);
        if (a->layer)
            a->layer[l] = y;
    }
}

static size_t lay(const struct sg_shape *s, int64_t T, int64_t B, int lanes, struct sg_acts *a, char *base)
{
    struct carver c = {.base = base};
    int64_t head = s->C + (s->K > s->C ? s->K : s->C);
    a->n_vectors = 9 * s->C + s->F > head ? 9 * s->C + s->F : head;
    int freezes = a->training && s->n_frozen > 0;
    if (freezes && s->n_frozen == s->L)
        T = 0; /* the head alone, which reads first tokens */
    lay_layers(&c, s, T, B, a);
    if (!freezes) {
        a->xhat0 = floats(&c, T * s->C);
        a->rstd0 = floats(&c, T);
    }
    lay_rows(&c, s, T, a->training, &a->all);
    lay_rows(&c, s, a->full ? 0 : B, a->training, &a->first);
    a->cls = floats(&c, B * s->C);
    if (freezes)
        a->input = s->n_frozen == s->L ? a->cls : floats(&c, T * s->C);
    a->u = floats(&c, B * s->C);
    a->v = floats(&c, B * s->C);
    a->logits = floats(&c, B * s->K);
    if (a->training) {
        a->dqkv = floats(&c, T * 3 * s->C);
        a->first.dq = floats(&c, B * s->C);
        a->du = floats(&c, B * s->C);
        a->dlogits = floats(&c, B * s->K);
        a->loss = carve(&c, B, sizeof(double));
        a->vectors = floats(&c, lanes * a->n_vectors);
    }
    return c.used;
}

size_t sg_acts_bytes(const struct sg_shape *s, int64_t T, int64_t B, int lanes, int training, int full)
{
    struct sg_acts a = {.training = training, .full = full};
    return lay(s, T, B, lanes, &a, NULL);
}

sg_status sg_acts_create(const struct sg_shape *s, int64_t T, int64_t B, int lanes, int training, int full,
                         struct sg_acts *out, struct sg_err *err)
{
    struct sg_acts a = {.training = training, .full = full};
    a.n_bytes = sg_acts_bytes(s, T, B, lanes, training, full);
    a.layer = sg_alloc((size_t)s->L, sizeof *a.layer);
    a.arena = sg_alloc_unset(a.n_bytes, 1);
    if (!a.layer || !a.arena) {
        sg_acts_destroy(&a);
        return sg_fail_memory(err, a.n_bytes);
    }
    lay(s, T, B, lanes, &a, (char *)a.arena);
    *out = a;
    return SG_OK;
}

void sg_acts_destroy(struct sg_acts *a)
{
    sg_free(a->layer);
    sg_free(a->arena);
    *a = (struct sg_acts){0};
}
