/* Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011).
 *
 * A draw depends on its key and its counter alone, never on who draws first; so dropout, shuffles and prompts
 * are the same on any number of ranks and threads, and after a resume. */
#ifndef SG_BASE_RNG_H
#define SG_BASE_RNG_H

#include <stdint.h>

/* The block function: 128 random bits for a 128-bit counter under a 64-bit key. */
void sg_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* A stream: draws 0, 1, 2, ... of (seed, stream). Two streams of one seed are independent. */
struct sg_rng {
    uint64_t seed, stream;
    uint64_t block; /* the next block of four */
    uint32_t word[4];
    int n_left;
};

struct sg_rng sg_rng_make(uint64_t seed, uint64_t stream);
uint32_t sg_rng_u32(struct sg_rng *r);
uint64_t sg_rng_u64(struct sg_rng *r);
double sg_rng_uniform(struct sg_rng *r);                      /* in [0, 1), 53 bits */
uint64_t sg_rng_below(struct sg_rng *r, uint64_t n);          /* in [0, n), without bias; n >= 1 */
double sg_rng_normal(struct sg_rng *r);                       /* Box-Muller, one a pair of draws */
void sg_rng_shuffle(struct sg_rng *r, int64_t *x, int64_t n); /* Fisher-Yates */

/* A seed made of text: the first 8 bytes of its SHA-256. Names what is drawn: sg_seed_of("pool %s prompt %d",
 * ...). Only the first 2047 bytes count. */
uint64_t sg_seed_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
