#include "model/logistic_fit.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

enum {
    EXACT_ROWS = 16, /* at a time: they stay in the cache between their scores and the way back */
    ROUGH_ROWS = 448,
    MAX_NEWTON = 200,
    MAX_CG = 5000,
    MAX_HALVINGS = 40
};

/* While a step's promised fall of the objective is larger, against the objective itself, float's rounding of the scores does not matter:
 * it changes the objective by some 1e-8 of itself. */
static const double ROUGH_FALL = 1e-6;
static const double LEAST_SHARE = 1e-4;

static double dot(int64_t n, const double *x, const double *y)
{
    double part[8] = {0};
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int j = 0; j < 8; j++)
            part[j] += x[i + j] * y[i + j];
    for (int j = 0; i < n; i++, j++)
        part[j] += x[i] * y[i];
    return ((part[0] + part[4]) + (part[2] + part[6])) + ((part[1] + part[5]) + (part[3] + part[7]));
}

static void add_scaled(int64_t n, double *y, double a, const double *x)
{
    for (int64_t i = 0; i < n; i++)
        y[i] += a * x[i];
}

/* ---- passes over the rows ---- */

/* y (rows,N) becomes derivatives of the loss by the scores y, p their probabilities; returns the loss. Of two classes, with
 * e = exp(-|y|): p = 1 / (1 + e) or e / (1 + e), loss = log(1 + e) + max(y, 0) - label y. */
static double binary_block(const struct sg_logistic_fit *f, int64_t first, int64_t rows, double *y, double *p)
{
    double loss = 0.0, *e = f->row;
    for (int64_t t = 0; t < rows; t++)
        e[t] = -fabs(y[t]);
    f->ops->exp(rows, e);
    for (int64_t t = 0; t < rows; t++) {
        double weight = f->weight[first + t], small = e[t] / (1.0 + e[t]), large = 1.0 / (1.0 + e[t]);
        int second = f->label[first + t];
        p[t] = y[t] < 0.0 ? small : large;
        loss += weight * ((y[t] > 0.0 ? y[t] : 0.0) - (second ? y[t] : 0.0));
        y[t] = weight * (second ? -(y[t] < 0.0 ? large : small) : p[t]);
        e[t] += 1.0;
    }
    f->ops->log(rows, e);
    for (int64_t t = 0; t < rows; t++)
        loss += f->weight[first + t] * e[t];
    return loss;
}

/* The same of more classes: p = softmax(y), loss = log(sum of exp(y - max)) + max - y[label]. */
static double softmax_block(const struct sg_logistic_fit *f, int64_t first, int64_t rows, double *y,
                            double *p)
{
    int64_t N = f->N;
    double loss = 0.0;
    for (int64_t t = 0; t < rows; t++) {
        double *at = y + t * N, max = at[0];
        for (int64_t k = 1; k < N; k++)
            max = at[k] > max ? at[k] : max;
        loss += f->weight[first + t] * (max - at[f->label[first + t]]);
        for (int64_t k = 0; k < N; k++)
            p[t * N + k] = at[k] - max;
    }
    f->ops->exp(rows * N, p);
    for (int64_t t = 0; t < rows; t++) {
        double sum = 0.0, weight = f->weight[first + t], *at = p + t * N;
        for (int64_t k = 0; k < N; k++)
            sum += at[k];
        f->row[t] = sum;
        sum = 1.0 / sum;
        for (int64_t k = 0; k < N; k++) {
            at[k] *= sum;
            y[t * N + k] = weight * at[k];
        }
        y[t * N + f->label[first + t]] -= weight;
    }
    f->ops->log(rows, f->row);
    for (int64_t t = 0; t < rows; t++)
        loss += f->weight[first + t] * f->row[t];
    return loss;
}

/* y (rows,N), a direction's scores, becomes what they change the derivatives by: weight (p y - p sum of p y). */
static void curvature_block(const struct sg_logistic_fit *f, int64_t first, int64_t rows, double *y,
                            const double *p)
{
    for (int64_t t = 0; t < rows; t++, y += f->N, p += f->N) {
        double sum = 0.0, weight = f->weight[first + t];
        for (int64_t k = 0; k < f->N; k++)
            sum += p[k] * y[k];
        for (int64_t k = 0; k < f->N; k++)
            y[k] = weight * (p[k] * (y[k] - sum));
    }
}

/* y (rows,N) = X v; exact: in double. Else in float, by the encoder's products, which are several times as fast. */
static void scores_of(const struct sg_logistic_fit *f, int exact, int64_t rows, const float *x,
                      const double *v, double *y)
{
    int64_t N = f->N;
    if (exact)
        f->ops->scores(rows, N, f->C, x, v, y);
    else {
        f->ops->linear(rows, N, f->C, x, f->C, f->v_rough, f->y_rough, N, f->pack);
        for (int64_t i = 0; i < rows * N; i++)
            y[i] = (double)f->y_rough[i];
    }
    for (int64_t t = 0; t < rows; t++)
        for (int64_t k = 0; k < N; k++)
            y[t * N + k] += f->shift[k];
}

/* out (N,C) += y' X, sum (N) += the columns' sums of y. */
static void scores_back(const struct sg_logistic_fit *f, int exact, int64_t rows, const double *y,
                        const float *x, double *out, double *sum)
{
    int64_t N = f->N, lane[2] = {0, rows};
    if (exact)
        f->ops->scores_back(rows, N, f->C, y, x, out);
    else {
        for (int64_t i = 0; i < rows * N; i++)
            f->y_rough[i] = (float)y[i];
        for (int64_t k = 0; k < N; k += SG_DW_ROWS)
            f->ops->linear_dw(1, lane, N - k < SG_DW_ROWS ? N - k : SG_DW_ROWS, f->C, f->y_rough + k, N, x,
                              f->C, f->out_rough + k * f->C, f->C, f->pack);
        for (int64_t i = 0; i < N * f->C; i++)
            out[i] += (double)f->out_rough[i];
    }
    for (int64_t t = 0; t < rows; t++)
        for (int64_t k = 0; k < N; k++)
            sum[k] += y[t * N + k];
}

/* out = v + X' y, where y are the derivatives at the scores X v. The columns are centred: (x - mean) w + b is a score, so the mean is
 * taken out of both products instead of out of x. loss NULL: y is the derivatives' change along v. */
static void pass(const struct sg_logistic_fit *f, int exact, const double *v, double *loss, double *out)
{
    int64_t N = f->N, C = f->C, block = exact || N == 1 ? EXACT_ROWS : ROUGH_ROWS;
    double *sum = out + N * C;
    exact = exact || N == 1; /* one vector leaves most of a tile of products unused */
    memcpy(out, v, (size_t)(N * C) * sizeof *out);
    memset(sum, 0, (size_t)N * sizeof *out);
    for (int64_t k = 0; k < N; k++)
        f->shift[k] = v[N * C + k] - dot(C, v + k * C, f->mean);
    for (int64_t i = 0; i < N * C && !exact; i++)
        f->v_rough[i] = (float)v[i];
    for (int64_t first = 0; first < f->n; first += block) {
        int64_t rows = f->n - first < block ? f->n - first : block;
        const float *x = f->x + first * C;
        double *y = f->y, *p = f->p + first * N;
        scores_of(f, exact, rows, x, v, y);
        if (!loss)
            curvature_block(f, first, rows, y, p);
        else if (N == 1)
            *loss += binary_block(f, first, rows, y, p);
        else
            *loss += softmax_block(f, first, rows, y, p);
        scores_back(f, exact, rows, y, x, out, sum);
    }
    for (int64_t k = 0; k < N; k++)
        add_scaled(C, out + k * C, -sum[k], f->mean);
}

/* The objective at v, its gradient, and the probabilities there. */
static double evaluate(const struct sg_logistic_fit *f, int exact, const double *v, double *g)
{
    double loss = 0.0;
    pass(f, exact, v, &loss, g);
    return loss + 0.5 * dot(f->N * f->C, v, v);
}

/* ---- Newton's method ---- */

/* The intercepts' second derivative in the mean over classes: what conjugate gradients divide theirs by. That of w is 1 and more. */
static double intercept_curve(const struct sg_logistic_fit *f)
{
    double curve = 0.0;
    for (int64_t i = 0; i < f->n; i++) {
        double sum = 0.0;
        for (int64_t k = 0; k < f->N; k++)
            sum += f->p[i * f->N + k] * (1.0 - f->p[i * f->N + k]);
        curve += f->weight[i] * sum;
    }
    curve /= (double)f->N;
    return curve > 1e-12 ? curve : 1e-12;
}

/* The product of a gradient with itself in the metric of the curvature's lower bound, so that its root bounds the distance from the
 * minimum. */
static double square(const struct sg_logistic_fit *f, double curve, const double *g)
{
    const double *b = g + f->N * f->C;
    return dot(f->N * f->C, g, g) + dot(f->N, b, b) / curve;
}

/* step: where the quadratic model at theta has its minimum, up to `share` of the gradient's length. */
static void newton_step(struct sg_logistic_fit *f, double curve, double share)
{
    int64_t n_w = f->N * f->C;
    double rho = square(f, curve, f->g), enough = share * share * rho;
    memset(f->step, 0, (size_t)f->size * sizeof *f->step);
    for (int64_t i = 0; i < f->size; i++) {
        f->residual[i] = -f->g[i];
        f->direction[i] = i < n_w ? f->residual[i] : f->residual[i] / curve;
    }
    for (int i = 0; i < MAX_CG && rho > enough; i++) {
        pass(f, 0, f->direction, NULL, f->product);
        double bend = dot(f->size, f->direction, f->product);
        if (!(bend > 0.0))
            return;
        add_scaled(f->size, f->step, rho / bend, f->direction);
        add_scaled(f->size, f->residual, -rho / bend, f->product);
        double next = square(f, curve, f->residual), keep = next / rho;
        for (int64_t j = 0; j < f->size; j++)
            f->direction[j] = (j < n_w ? f->residual[j] : f->residual[j] / curve) + keep * f->direction[j];
        rho = next;
        f->n_products++;
    }
}

/* theta moves along step: by all of it, half, a quarter ... until the objective falls enough (Armijo), or where rounding hides
 * whether it falls, until the slope does (Hager and Zhang 2005, section 2). 0: nowhere. */
static int move(struct sg_logistic_fit *f, double *objective, int *exact)
{
    double slope = dot(f->size, f->g, f->step), length = 1.0;
    double unsure = 1e-10 * fabs(*objective); /* what rounding may make of the objective */
    if (!*exact && -slope < ROUGH_FALL * fabs(*objective)) {
        *exact = 1;
        unsure = ROUGH_FALL * fabs(*objective); /* the one to compare with is rough */
    }
    for (int i = 0; i < MAX_HALVINGS; i++, length *= 0.5) {
        memcpy(f->tried, f->theta, (size_t)f->size * sizeof *f->tried);
        add_scaled(f->size, f->tried, length, f->step);
        double there = evaluate(f, *exact, f->tried, f->product),
               slope_there = dot(f->size, f->product, f->step);
        if (there <= *objective + 1e-4 * length * slope ||
            (there <= *objective + unsure && fabs(slope_there) <= -0.8 * slope)) {
            double *theta = f->theta, *g = f->g;
            f->theta = f->tried;
            f->tried = theta;
            f->g = f->product;
            f->product = g;
            *objective = there;
            return 1;
        }
    }
    return 0;
}

int sg_logistic_fit_run(struct sg_logistic_fit *f)
{
    int exact = 0;
    double objective = evaluate(f, exact, f->theta, f->g);
    for (f->n_iterations = 0; f->n_iterations < MAX_NEWTON; f->n_iterations++) {
        double curve = intercept_curve(f), length = sqrt(square(f, curve, f->g));
        double size = sqrt(dot(f->size, f->theta, f->theta)),
               goal = SG_LOGISTIC_TOLERANCE * (size > 1.0 ? size : 1.0);
        if (length < ROUGH_FALL && !exact) {
            exact = 1;
            objective = evaluate(f, exact, f->theta, f->g);
            continue;
        }
        if (length <= goal)
            return 1;
        /* Less than quadratic convergence takes fewer products (Nocedal and Wright 2006, theorem 7.2); no step goes further than it
         * has to, or than products in float can tell. */
        double share = length < 0.25 ? length : 0.25;
        share = share < LEAST_SHARE ? LEAST_SHARE : share;
        share = share * length < 0.5 * goal ? 0.5 * goal / length : share;
        newton_step(f, curve, share);
        if (!move(f, &objective, &exact))
            return exact && length <= 1e2 * goal;
    }
    return 0;
}

void sg_logistic_fit_close(struct sg_logistic_fit *f)
{
    sg_free(f->arena);
    sg_free(f->arena_rough);
    sg_free(f->label);
    *f = (struct sg_logistic_fit){0};
}

sg_status sg_logistic_fit_open(struct sg_logistic_fit *f, int64_t N, struct sg_err *err)
{
    double *at,
        **part[] = {&f->weight, &f->mean, &f->p,        &f->y,         &f->row,     &f->shift, &f->theta,
                    &f->g,      &f->step, &f->residual, &f->direction, &f->product, &f->tried};
    float *at_rough, **part_rough[] = {&f->v_rough, &f->out_rough, &f->y_rough, &f->pack};
    int64_t size = N * (f->C + 1), n_rough = N > 1 ? N : 0;
    int64_t n_of[] = {f->n, f->C, f->n * N, ROUGH_ROWS * N, ROUGH_ROWS, N,   size,
                      size, size, size,     size,           size,       size};
    int64_t n_of_rough[] = {n_rough * f->C, n_rough * f->C, n_rough * ROUGH_ROWS, sg_pack_floats(ROUGH_ROWS)};
    int64_t total = 0, total_rough = 0;
    enum {
        N_PARTS = sizeof part / sizeof *part,
        N_ROUGH = sizeof part_rough / sizeof *part_rough,
        LINE = 16
    };
    for (int i = 0; i < N_PARTS; i++)
        total += (n_of[i] + LINE - 1) / LINE * LINE;
    for (int i = 0; i < N_ROUGH; i++)
        total_rough += (n_of_rough[i] + LINE - 1) / LINE * LINE;
    f->arena = at = sg_alloc((size_t)total, sizeof *at);
    f->arena_rough = at_rough = sg_alloc((size_t)total_rough, sizeof *at_rough);
    f->label = sg_alloc((size_t)f->n, sizeof *f->label);
    if (!f->arena || !f->arena_rough || !f->label) {
        sg_logistic_fit_close(f);
        return sg_fail_memory(err, (unsigned long long)total * sizeof *at);
    }
    for (int i = 0; i < N_PARTS; at += (n_of[i] + LINE - 1) / LINE * LINE, i++)
        *part[i] = at;
    for (int i = 0; i < N_ROUGH; at_rough += (n_of_rough[i] + LINE - 1) / LINE * LINE, i++)
        *part_rough[i] = at_rough;
    return SG_OK;
}
