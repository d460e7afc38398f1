#include "base/rng.h"

#include "base/sha256.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

static uint32_t mul_hi_lo(uint32_t a, uint32_t b, uint32_t *hi)
{
    uint64_t p = (uint64_t)a * b;
    *hi = (uint32_t)(p >> 32);
    return (uint32_t)p;
}

void sg_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t x0 = counter[0], x1 = counter[1], x2 = counter[2], x3 = counter[3], k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint32_t hi0, hi1;
        uint32_t lo0 = mul_hi_lo(0xD2511F53u, x0, &hi0), lo1 = mul_hi_lo(0xCD9E8D57u, x2, &hi1);
        x0 = hi1 ^ x1 ^ k0;
        x1 = lo1;
        x2 = hi0 ^ x3 ^ k1;
        x3 = lo0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = x0;
    out[1] = x1;
    out[2] = x2;
    out[3] = x3;
}

struct sg_rng sg_rng_make(uint64_t seed, uint64_t stream)
{
    return (struct sg_rng){.seed = seed, .stream = stream};
}

uint32_t sg_rng_u32(struct sg_rng *r)
{
    if (r->n_left == 0) {
        uint32_t counter[4] = {(uint32_t)r->block, (uint32_t)(r->block >> 32), (uint32_t)r->stream,
                               (uint32_t)(r->stream >> 32)};
        uint32_t key[2] = {(uint32_t)r->seed, (uint32_t)(r->seed >> 32)};
        sg_philox(counter, key, r->word);
        r->block++;
        r->n_left = 4;
    }
    return r->word[4 - r->n_left--];
}

uint64_t sg_rng_u64(struct sg_rng *r)
{
    uint64_t hi = sg_rng_u32(r);
    return hi << 32 | sg_rng_u32(r);
}

double sg_rng_uniform(struct sg_rng *r)
{
    return (double)(sg_rng_u64(r) >> 11) * 0x1p-53;
}

uint64_t sg_rng_below(struct sg_rng *r, uint64_t n)
{
    uint64_t skip = (0 - n) % n; /* 2^64 mod n: below it the low residues would come once too often */
    uint64_t x;
    do
        x = sg_rng_u64(r);
    while (x < skip);
    return x % n;
}

double sg_rng_normal(struct sg_rng *r)
{
    double u = 1.0 - sg_rng_uniform(r), v = sg_rng_uniform(r);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

void sg_rng_shuffle(struct sg_rng *r, int64_t *x, int64_t n)
{
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = (int64_t)sg_rng_below(r, (uint64_t)i + 1), t = x[i];
        x[i] = x[j];
        x[j] = t;
    }
}

uint64_t sg_seed_of(const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    unsigned char digest[32];
    sg_sha256(text, n < 0 ? 0 : n < (int)sizeof text ? (size_t)n : sizeof text - 1, digest);
    uint64_t seed = 0;
    for (int i = 0; i < 8; i++)
        seed = seed << 8 | digest[i];
    return seed;
}
