/* exp, erfc and tanh without branches or calls, so that a loop over them becomes vector code.
 *
 * Relative error against libm in double, measured over the whole range (tests/model/test_ops.c states and
 * checks it): exp 2e-7; Phi 8e-6 down to x = -9, and 2e-7 absolute; tanh 3e-7. */
#ifndef SG_MODEL_KERNELS_VMATH_H
#define SG_MODEL_KERNELS_VMATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float sg_exp(float x)
{
    /* exp(x) = 2^n exp(r), |r| <= ln2 / 2; ln2 in two parts so that r is exact (Cephes expf, S. Moshier). */
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    /* Adding 1.5 * 2^23 rounds to the nearest integer, which then stands in the low bits. */
    float shifted = x * 1.44269504088896341f + 12582912.0f, n = shifted - 12582912.0f;
    float r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    int32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (int32_t)((uint32_t)(bits + 127) << 23);
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}

/* Phi(x), the normal distribution function, and phi(x), its density: gelu(x) = x Phi(x), gelu'(x) = Phi(x) +
 * x phi(x). Phi(-|x|) = erfc(z) / 2 with z = |x| / sqrt(2), erfc(z) = exp(-z z) t P(t), t = 1 / (1 + 0.44 z):
 * the form of Abramowitz and Stegun 7.1.26; P of degree 9 fitted to the least relative error over z in [0,
 * 10] (Lawson's iteration; 9e-9 in exact arithmetic). */
static inline float sg_normal(float x, float *density)
{
    float z = fabsf(x) * 0.70710678118654752f;
    z = z < 9.0f ? z : 9.0f;
    float t = 1.0f / (1.0f + 0.44f * z), e = sg_exp(-z * z);
    float p = -0.0385164768f;
    p = p * t + 0.187868536f;
    p = p * t - 0.318887055f;
    p = p * t + 0.172025636f;
    p = p * t - 0.0187735129f;
    p = p * t + 0.117984481f;
    p = p * t + 0.178441361f;
    p = p * t + 0.223236024f;
    p = p * t + 0.248385146f;
    p = p * t + 0.248235866f;
    p = 0.5f * e * (t * p);
    *density = 0.3989422804014327f * e;
    return x > 0.0f ? 1.0f - p : p;
}

static inline float sg_tanh(float x)
{
    /* Near 0 the quotient would cancel; there Cephes' polynomial for tanhf. */
    float a = fabsf(x), s = x * x;
    float e = sg_exp(-2.0f * a), far = (1.0f - e) / (1.0f + e);
    float p = -5.70498872745e-3f;
    p = p * s + 2.06390887954e-2f;
    p = p * s - 5.37397155531e-2f;
    p = p * s + 1.33314422036e-1f;
    p = p * s - 3.33332819422e-1f;
    float near = p * s * a + a;
    float y = a < 0.625f ? near : far;
    return x < 0.0f ? -y : y;
}

#endif
