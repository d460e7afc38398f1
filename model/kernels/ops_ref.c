/* The specification: what every kernel means, in plain C. Sums are in double, but for products, whose order and
 * rounding are part of the specification. */
#include "model/kernels/ops_table.h"
#include "model/kernels/vmath_double.h"

#include "base/rng.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* To bfloat16: to nearest, ties to even. */
static float to_bf16(float x)
{
    uint32_t u;
    if (isnan(x))
        return x;
    memcpy(&u, &x, sizeof u);
    u = (u + 0x7FFF + (u >> 16 & 1)) & 0xFFFF0000;
    memcpy(&x, &u, sizeof u);
    return x;
}

static float normal_or_zero(float x)
{
    return fabsf(x) < FLT_MIN ? copysignf(0.0f, x) : x;
}

/* One step of a chain: sum + a b. */
static float step(enum sg_precision p, float a, float b, float sum)
{
    if (p == SG_FP32)
        return fmaf(a, b, sum);
    return normal_or_zero(fmaf(to_bf16(normal_or_zero(a)), to_bf16(normal_or_zero(b)), normal_or_zero(sum)));
}

/* y = x w' */
static void linear_in(enum sg_precision p, int64_t T, int64_t N, int64_t C, const float *x, int64_t ld_x,
                      const float *w, float *y, int64_t ld_y)
{
    for (int64_t t = 0; t < T; t++)
        for (int64_t n = 0; n < N; n++) {
            float sum = 0.0f;
            for (int64_t c = 0; c < C; c++)
                sum = step(p, x[t * ld_x + c], w[n * C + c], sum);
            y[t * ld_y + n] = sum;
        }
}

static void linear_dx_in(enum sg_precision p, int64_t T, int64_t N, int64_t C, const float *dy, int64_t ld_dy,
                         const float *w, int add_to, float *dx, int64_t ld_dx)
{
    for (int64_t t = 0; t < T; t++)
        for (int64_t c = 0; c < C; c++) {
            float sum = add_to ? dx[t * ld_dx + c] : 0.0f;
            for (int64_t n = 0; n < N; n++)
                sum = step(p, dy[t * ld_dy + n], w[n * C + c], sum);
            dx[t * ld_dx + c] = sum;
        }
}

/* The tree sum over lanes of dy[t] x[t]. */
static float sum_lanes(enum sg_precision p, int lo, int hi, const int64_t *lane, const float *dy,
                       int64_t ld_dy, const float *x, int64_t ld_x)
{
    if (hi - lo == 1) {
        float sum = 0.0f;
        for (int64_t t = lane[lo]; t < lane[hi]; t++)
            sum = step(p, dy[t * ld_dy], x[t * ld_x], sum);
        return sum;
    }
    int mid = lo + (hi - lo) / 2;
    if (lane[lo] == lane[mid])
        return sum_lanes(p, mid, hi, lane, dy, ld_dy, x, ld_x);
    float sum = sum_lanes(p, lo, mid, lane, dy, ld_dy, x, ld_x);
    if (lane[mid] == lane[hi])
        return sum;
    sum += sum_lanes(p, mid, hi, lane, dy, ld_dy, x, ld_x);
    return p == SG_FP32 ? sum : normal_or_zero(sum);
}

static void linear_dw_in(enum sg_precision p, int n_lanes, const int64_t *lane, int64_t N, int64_t C,
                         const float *dy, int64_t ld_dy, const float *x, int64_t ld_x, float *dw,
                         int64_t ld_dw)
{
    for (int64_t n = 0; n < N; n++)
        for (int64_t c = 0; c < C; c++)
            dw[n * ld_dw + c] =
                n_lanes > 0 ? sum_lanes(p, 0, n_lanes, lane, dy + n, ld_dy, x + c, ld_x) : 0.0f;
}

/* clang-format off */
#define PRODUCTS(suffix, precision)                                                                          \
    static void linear##suffix(int64_t T, int64_t N, int64_t C, const float *x, int64_t ld_x,                \
                               const float *w, float *y, int64_t ld_y, float *pack)                          \
    {                                                                                                        \
        (void)pack;                                                                                          \
        linear_in(precision, T, N, C, x, ld_x, w, y, ld_y);                                                  \
    }                                                                                                        \
    static void linear_dx##suffix(int64_t T, int64_t N, int64_t C, const float *dy, int64_t ld_dy,           \
                                  const float *w, int add_to, float *dx, int64_t ld_dx, float *pack)         \
    {                                                                                                        \
        (void)pack;                                                                                          \
        linear_dx_in(precision, T, N, C, dy, ld_dy, w, add_to, dx, ld_dx);                                   \
    }                                                                                                        \
    static void linear_dw##suffix(int n_lanes, const int64_t *lane, int64_t N, int64_t C, const float *dy,   \
                                  int64_t ld_dy, const float *x, int64_t ld_x, float *dw, int64_t ld_dw,     \
                                  float *pack)                                                               \
    {                                                                                                        \
        (void)pack;                                                                                          \
        linear_dw_in(precision, n_lanes, lane, N, C, dy, ld_dy, x, ld_x, dw, ld_dw);                         \
    }
PRODUCTS(, SG_FP32)
PRODUCTS(_bf16, SG_BF16)
/* clang-format on */

static void add(int64_t n, float *y, const float *x)
{
    for (int64_t i = 0; i < n; i++)
        y[i] += x[i];
}

static void add_bias(int64_t T, int64_t N, float *y, const float *b)
{
    for (int64_t t = 0; t < T; t++)
        add(N, y + t * N, b);
}

static void column_sum(int64_t T, int64_t N, const float *y, int64_t ld_y, float *sum)
{
    for (int64_t n = 0; n < N; n++) {
        double s = 0.0;
        for (int64_t t = 0; t < T; t++)
            s += (double)y[t * ld_y + n];
        sum[n] = (float)s;
    }
}

static double gelu_of(int approximate, double x, double *slope)
{
    if (approximate) {
        double k = sqrt(2.0 / M_PI), t = tanh(k * (x + 0.044715 * x * x * x));
        *slope = 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * k * (1.0 + 3.0 * 0.044715 * x * x);
        return 0.5 * x * (1.0 + t);
    }
    double p = 0.5 * erfc(-x / M_SQRT2);
    *slope = p + x * exp(-0.5 * x * x) / sqrt(2.0 * M_PI);
    return x * p;
}

static void gelu(int approximate, int64_t T, int64_t F, const float *b, float *h, float *a)
{
    double slope;
    add_bias(T, F, h, b);
    for (int64_t i = 0; i < T * F; i++)
        a[i] = (float)gelu_of(approximate, (double)h[i], &slope);
}

static void gelu_slope(int approximate, int64_t n, float *h, float *a)
{
    for (int64_t i = 0; i < n; i++) {
        double slope;
        a[i] = (float)gelu_of(approximate, (double)h[i], &slope);
        h[i] = (float)slope;
    }
}

static void gelu_back(int64_t T, int64_t F, const float *slope, float *dh, float *db)
{
    for (int64_t i = 0; i < T * F; i++)
        dh[i] *= slope[i];
    column_sum(T, F, dh, F, db);
}

static void tanh_all(int64_t n, float *x)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = tanhf(x[i]);
}

/* The mask of one element: see struct sg_drop. */
static float mask(const struct sg_drop *d, uint32_t item, uint32_t example, uint32_t site, int64_t e)
{
    int64_t r = e % 128;
    uint32_t counter[4] = {(uint32_t)(e / 128 * 16 + r % 16), item, example, site}, word[4];
    sg_philox(counter, d->key, word);
    uint32_t bits = word[r / 32] >> (r / 16 % 2 ? 16 : 0) & 0xFFFFu;
    return bits >= d->threshold ? d->scale : 0.0f;
}

static void dropout(int64_t T, int64_t C, const struct sg_drop *d, const struct sg_rows_id *id, float *x)
{
    for (int64_t t = 0; t < T && d->threshold; t++)
        for (int64_t c = 0; c < C; c++)
            x[t * C + c] *= mask(d, (uint32_t)id->token[t], (uint32_t)id->example[t], id->site, c);
}

static void norm_again(int64_t T, int64_t C, const float *xhat, const float *gain, const float *shift,
                       float *y)
{
    for (int64_t t = 0; t < T; t++)
        for (int64_t c = 0; c < C; c++)
            y[t * C + c] = xhat[t * C + c] * gain[c] + shift[c];
}

static void norm(int64_t T, int64_t C, const float *gain, const float *shift, float eps, float *x,
                 float *rstd, float *y)
{
    for (int64_t t = 0; t < T; t++) {
        float *row = x + t * C;
        double mean = 0.0, var = 0.0;
        for (int64_t c = 0; c < C; c++)
            mean += (double)row[c] / (double)C;
        for (int64_t c = 0; c < C; c++)
            var += ((double)row[c] - mean) * ((double)row[c] - mean) / (double)C;
        rstd[t] = (float)(1.0 / sqrt(var + (double)eps));
        for (int64_t c = 0; c < C; c++)
            row[c] = (float)(((double)row[c] - mean) * (double)rstd[t]);
    }
    norm_again(T, C, x, gain, shift, y);
}

static void residual_norm(int64_t T, int64_t C, const float *b, const float *residual,
                          const struct sg_drop *d, const struct sg_rows_id *id, const float *gain,
                          const float *shift, float eps, const float *x, float *xhat, float *rstd, float *y)
{
    memcpy(xhat, x, (size_t)(T * C) * sizeof *xhat);
    add_bias(T, C, xhat, b);
    dropout(T, C, d, id, xhat);
    add(T * C, xhat, residual);
    norm(T, C, gain, shift, eps, xhat, rstd, y);
}

static void norm_back(int64_t T, int64_t C, const float *xhat, const float *rstd, const float *gain,
                      float *dy, float *dgain, float *dshift)
{
    column_sum(T, C, dy, C, dshift);
    for (int64_t c = 0; c < C; c++) {
        double sum = 0.0;
        for (int64_t t = 0; t < T; t++)
            sum += (double)dy[t * C + c] * (double)xhat[t * C + c];
        dgain[c] = (float)sum;
    }
    for (int64_t t = 0; t < T; t++) {
        const float *x = xhat + t * C;
        float *d = dy + t * C;
        double mean = 0.0, dot = 0.0;
        for (int64_t c = 0; c < C; c++) {
            double g = (double)d[c] * (double)gain[c];
            mean += g / (double)C;
            dot += g * (double)x[c] / (double)C;
        }
        for (int64_t c = 0; c < C; c++)
            d[c] = (float)((double)rstd[t] * ((double)d[c] * (double)gain[c] - mean - (double)x[c] * dot));
    }
}

static void residual_norm_back(int64_t T, int64_t C, const float *xhat, const float *rstd, const float *gain,
                               const struct sg_drop *d, const struct sg_rows_id *id, float *dy, float *dx,
                               float *dgain, float *dshift, float *db)
{
    norm_back(T, C, xhat, rstd, gain, dy, dgain, dshift);
    memcpy(dx, dy, (size_t)(T * C) * sizeof *dx);
    dropout(T, C, d, id, dx);
    column_sum(T, C, dx, C, db);
}

/* p (n_key): the softmax of query i's scores in head h; returns the log of the sum of their exponentials. */
static double softmax_row(const struct sg_attention *a, int64_t i, int64_t h, float *p)
{
    double largest = -INFINITY, sum = 0.0;
    for (int64_t j = 0; j < a->n_key; j++) {
        double s = 0.0;
        for (int64_t d = 0; d < a->D; d++)
            s += (double)a->q[i * a->ld_q + h * a->D + d] * (double)a->k[j * a->ld_kv + h * a->D + d];
        p[j] = (float)(s * (double)a->scale);
        largest = fmax(largest, (double)p[j]);
    }
    for (int64_t j = 0; j < a->n_key; j++)
        sum += exp((double)p[j] - largest);
    for (int64_t j = 0; j < a->n_key; j++)
        p[j] = (float)(exp((double)p[j] - largest) / sum);
    return largest + log(sum);
}

static float attention_mask(const struct sg_attention *a, int64_t h, int64_t i, int64_t j)
{
    return a->drop->threshold
               ? mask(a->drop, (uint32_t)h, a->example, a->site, i * ((a->n_key + 15) / 16 * 16) + j)
               : 1.0f;
}

static void attention(const struct sg_attention *a, float *out, float *lse, float *scratch)
{
    int64_t C = a->H * a->D;
    memset(out, 0, (size_t)(a->n_q * C) * sizeof *out);
    for (int64_t h = 0; h < a->H; h++)
        for (int64_t i = 0; i < a->n_q; i++) {
            lse[i * a->H + h] = (float)softmax_row(a, i, h, scratch);
            for (int64_t j = 0; j < a->n_key; j++)
                for (int64_t d = h * a->D; d < (h + 1) * a->D; d++)
                    out[i * C + d] += scratch[j] * attention_mask(a, h, i, j) * a->v[j * a->ld_kv + d];
        }
}

static void attention_back(const struct sg_attention *a, const float *out, const float *lse,
                           const float *dout, float *dq, int64_t ld_dq, float *dk, float *dv, int64_t ld_dkv,
                           float *scratch)
{
    (void)lse;
    int64_t C = a->H * a->D, n = a->n_key;
    for (int64_t j = 0; j < n; j++) {
        memset(dk + j * ld_dkv, 0, (size_t)C * sizeof *dk);
        memset(dv + j * ld_dkv, 0, (size_t)C * sizeof *dv);
    }
    for (int64_t i = 0; i < a->n_q; i++)
        memset(dq + i * ld_dq, 0, (size_t)C * sizeof *dq);
    for (int64_t h = 0; h < a->H; h++)
        for (int64_t i = 0; i < a->n_q; i++) {
            double delta = 0.0;
            softmax_row(a, i, h, scratch);
            for (int64_t d = h * a->D; d < (h + 1) * a->D; d++)
                delta += (double)dout[i * C + d] * (double)out[i * C + d];
            for (int64_t j = 0; j < n; j++) {
                float m = attention_mask(a, h, i, j);
                double dp = 0.0;
                for (int64_t d = h * a->D; d < (h + 1) * a->D; d++) {
                    dp += (double)dout[i * C + d] * (double)a->v[j * a->ld_kv + d];
                    dv[j * ld_dkv + d] += scratch[j] * m * dout[i * C + d];
                }
                float ds = (float)((double)scratch[j] * (dp * (double)m - delta)) * a->scale;
                for (int64_t d = h * a->D; d < (h + 1) * a->D; d++) {
                    dq[i * ld_dq + d] += ds * a->k[j * a->ld_kv + d];
                    dk[j * ld_dkv + d] += ds * a->q[i * a->ld_q + d];
                }
            }
        }
}

static void adam(int64_t n, const struct sg_adam *s, float *p, float *m, float *v, const float *g)
{
    for (int64_t i = 0; i < n; i++) {
        float x = p[i] * s->keep, d = g ? g[i] * s->clip : 0.0f;
        m[i] = m[i] + (d - m[i]) * s->take1;
        v[i] = v[i] * s->beta2 + d * d * s->take2;
        p[i] = x - s->rate * (m[i] / (sqrtf(v[i]) * s->inverse_root + s->eps));
    }
}

static void adam_idle(int64_t n, const struct sg_adam *s, int64_t n_steps, float *p, float *m, float *v)
{
    for (int64_t k = 0; k < n_steps; k++)
        adam(n, s + k, p, m, v, NULL);
}

static void decay(int64_t n, const struct sg_adam *s, int64_t n_steps, float *p)
{
    for (int64_t k = 0; k < n_steps; k++)
        for (int64_t i = 0; i < n; i++)
            p[i] *= s[k].keep;
}

static double sum_squares(int64_t n, const float *x)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sum;
}

static void scores(int64_t T, int64_t N, int64_t C, const float *x, const double *w, double *y)
{
    for (int64_t t = 0; t < T; t++)
        for (int64_t n = 0; n < N; n++) {
            double part[8] = {0};
            for (int64_t c = 0; c < C; c++)
                part[c % 8] += (double)x[t * C + c] * w[n * C + c];
            y[t * N + n] =
                ((part[0] + part[4]) + (part[2] + part[6])) + ((part[1] + part[5]) + (part[3] + part[7]));
        }
}

static void scores_back(int64_t T, int64_t N, int64_t C, const double *dy, const float *x, double *dw)
{
    for (int64_t n = 0; n < N; n++)
        for (int64_t c = 0; c < C; c++)
            for (int64_t t = 0; t < T; t++)
                dw[n * C + c] += dy[t * N + n] * (double)x[t * C + c];
}

static void exp_all(int64_t n, double *x)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = sg_exp_double(x[i]);
}

static void log_all(int64_t n, double *x)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = sg_log_double(x[i]);
}

const struct sg_ops sg_ops_ref = SG_OPS_TABLE("ref", SG_REFERENCE, linear, linear_dx, linear_dw);
extern const struct sg_ops sg_ops_ref_bf16;
const struct sg_ops sg_ops_ref_bf16 =
    SG_OPS_TABLE("ref", SG_REFERENCE_BF16, linear_bf16, linear_dx_bf16, linear_dw_bf16);
