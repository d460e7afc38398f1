/* Inside of results/measures/: tiles of the matrix of squared distances. */
#ifndef SG_RESULTS_MEASURES_MEASURES_IMPL_H
#define SG_RESULTS_MEASURES_MEASURES_IMPL_H

#include "results/measures/measures.h"

enum { SG_TILE = 64 }; /* rows; measured: 32 to 128 take the same time at C = 384 */

/* All rows that are compared, in double precision. */
struct sg_tiles {
    const struct sg_team *team;
    int c;
    int64_t n;      /* rows of all clouds */
    double *x;      /* (n, C) */
    double *square; /* (n): squared lengths */
    double *tile;   /* (TILE, n): scratch, what a visitor gets */
};

/* Local. Checks and copies. `done` after a failure, too. */
sg_status sg_tiles_create(const struct sg_team *team, const struct sg_cloud *cloud, int64_t n_clouds, int c,
                          struct sg_tiles *out, struct sg_err *err) SG_MUST_USE;
void sg_tiles_free(struct sg_tiles *t);

/* Local. Calls `visit` for each of this rank's tiles: tile number, its rows [from, to), squared distances d2 (to - from, n), which it may
 * overwrite. */
typedef void (*sg_tile_visit)(void *context, int64_t tile, int64_t from, int64_t to, double *d2);
void sg_tiles_each(const struct sg_tiles *t, sg_tile_visit visit, void *context);
int64_t sg_tiles_number(const struct sg_tiles *t);

/* Collective. Each number was set by one rank, and is 0 on the others: all get all. */
sg_status sg_tiles_gather(const struct sg_team *team, double *x, int64_t n, struct sg_err *err) SG_MUST_USE;

double sg_measures_decimals(double value); /* 12 decimals; never -0 */
double sg_measures_digits(double value);   /* 9 significant digits */

#endif
