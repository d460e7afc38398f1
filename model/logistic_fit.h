/* The solver of model/logistic.h: one minimum for labels, weights and c that logistic.c has checked. Inside model/ only.
 *
 * Newton's method, each step by conjugate gradients (truncated Newton: Nocedal and Wright 2006, section 7.1), on columns less
 * their mean, which takes the intercepts out of the way of the rest. */
#ifndef SG_MODEL_LOGISTIC_FIT_H
#define SG_MODEL_LOGISTIC_FIT_H

#include "base/err.h"
#include "model/kernels/ops.h"

/* How far coefficients lie from the minimum, in the length of all of them or against theirs: the penalty's curvature is 1. */
#define SG_LOGISTIC_TOLERANCE 1e-8

/* N vectors over C channels: 1 of two classes. theta is w (N,C), then the intercepts b (N) for the centred columns. The caller sets
 * ops, x, n, C before it is opened; then N, size, weight, label, mean and theta for each fit. */
struct sg_logistic_fit {
    const struct sg_ops *ops;
    const float *x; /* (n,C), borrowed */
    int64_t n, C, N, size;
    double *weight; /* (n) times c */
    int32_t *label; /* (n) among the classes present */
    double *mean;   /* (C) */
    double *theta;  /* (size) where it begins, then the minimum; size: N (C + 1) */
    int64_t n_iterations, n_products;

    double *p; /* (n,N) probabilities; of two classes that of the second */
    double *y; /* of a block of rows */
    double *row, *shift;
    double *g, *step, *residual, *direction, *product, *tried;
    float *v_rough, *out_rough, *y_rough, *pack; /* of passes in float */
    double *arena;
    float *arena_rough;
};

/* Room for up to N vectors. */
sg_status sg_logistic_fit_open(struct sg_logistic_fit *f, int64_t N, struct sg_err *err) SG_MUST_USE;

/* Whether the minimum was reached. */
int sg_logistic_fit_run(struct sg_logistic_fit *f);

void sg_logistic_fit_close(struct sg_logistic_fit *f);

#endif
