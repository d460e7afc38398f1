/* exp and log in double, as vmath.h: without branches, calls or fused operations, so the same bits from any compiler and
 * processor.
 *
 * Relative error against libm measured over the whole range (tests/model/test_ops.c states and checks it): exp 5e-16; log 5e-16, near
 * 1 that of the argument. */
#ifndef SG_MODEL_KERNELS_VMATH_DOUBLE_H
#define SG_MODEL_KERNELS_VMATH_DOUBLE_H

#include <stdint.h>
#include <string.h>

#define SG_LN2_HIGH 6.93147180369123816490e-01 /* its last 21 bits are 0: n times it is exact */
#define SG_LN2_LOW  1.90821492927058770002e-10

/* exp(x) = 2^n exp(r), |r| <= ln2 / 2, by Taylor's series; x below -708 counts as -708, above 709 as 709. */
static inline double sg_exp_double(double x)
{
    x = x < -708.0 ? -708.0 : x;
    x = x > 709.0 ? 709.0 : x;
    /* Adding 1.5 * 2^52 rounds to the nearest integer, which then stands in the low bits. */
    double shifted = x * 1.44269504088896340736 + 6755399441055744.0, n = shifted - 6755399441055744.0;
    double r = x - n * SG_LN2_HIGH;
    r = r - n * SG_LN2_LOW;
    double p = 1.0 / 6227020800.0;
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r * r + r;
    p = p + 1.0;
    uint64_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 1023) << 52;
    double scale;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}

/* log(2^e m) = e ln2 + 2 atanh(s), s = (m - 1) / (m + 1), sqrt(1/2) <= m < sqrt(2), by atanh's series. x: a normal number
 * above 0. */
static inline double sg_log_double(double x)
{
    uint64_t bits, low;
    memcpy(&bits, &x, sizeof bits);
    /* sqrt(1/2)'s bits are taken off so that the exponent counts from there. */
    bits -= 0x3FE6A09E667F3BCDu;
    low = (bits & 0x000FFFFFFFFFFFFFu) + 0x3FE6A09E667F3BCDu;
    double m, e;
    memcpy(&m, &low, sizeof m);
    /* The exponent, 2048 added so that it is positive, as the low bits of 2^52. */
    bits = (((bits >> 52) + 2048) & 0xFFFu) | 0x4330000000000000u;
    memcpy(&e, &bits, sizeof e);
    e -= 4503599627370496.0 + 2048.0;
    double s = (m - 1.0) / (m + 1.0), z = s * s;
    double p = 1.0 / 23.0;
    p = p * z + 1.0 / 21.0;
    p = p * z + 1.0 / 19.0;
    p = p * z + 1.0 / 17.0;
    p = p * z + 1.0 / 15.0;
    p = p * z + 1.0 / 13.0;
    p = p * z + 1.0 / 11.0;
    p = p * z + 1.0 / 9.0;
    p = p * z + 1.0 / 7.0;
    p = p * z + 1.0 / 5.0;
    p = p * z + 1.0 / 3.0;
    return e * SG_LN2_HIGH + (2.0 * s + (2.0 * s * z * p + e * SG_LN2_LOW));
}

#endif
