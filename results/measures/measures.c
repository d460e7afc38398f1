#include "base/mem.h"
#include "base/rng.h"
#include "results/measures/measures_impl.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

/* Rows 0 to n - 1 are the pool's, then come the raw ones. What is found of a row alone stands in stat (rows, N_STATS), made by the rank
 * that has the row's tile; sums over rows are taken by rank 0, in order. */
enum {
    RADIUS,   /* pass 1: squared distance to the k-th neighbour in its own cloud */
    NEAREST,  /* the nearest row of both, as many of one as of the other */
    COSINES,  /* pass 2: sum over the other cloud */
    BALLS,    /* of the other cloud's rows that it lies in */
    OCCUPIED, /* whether a row of the other cloud lies in its ball */
    SELF,     /* exp of its cosine with itself, over the sum of those with its cloud */
    N_STATS
};

struct compare {
    const struct sg_tiles *t;
    int64_t n, m; /* rows of the pool, raw rows */
    double gamma;
    double *stat;  /* (n + m, N_STATS) */
    double *label; /* (n + m, N_LABELS): 1 for rows that are the pool's: in truth, then in each permutation */
    double *sum;   /* (tiles, N_SUMS): of the kernel, for each labelling */
    double *product; /* (TILE, N_LABELS) */
};
enum { N_LABELS = SG_MEASURES_PERMUTATIONS + 1, N_SUMS = 2 * N_LABELS + 1 };

/* The k-th smallest of d[from..to) without d[self]; k is small. */
static double kth(const double *d, int64_t from, int64_t to, int64_t self)
{
    double least[SG_MEASURES_NEIGHBOURS];
    int n = 0;
    for (int64_t j = from; j < to; j++) {
        if (j == self || (n == SG_MEASURES_NEIGHBOURS && d[j] >= least[n - 1]))
            continue;
        int at = n < SG_MEASURES_NEIGHBOURS ? n++ : n - 1;
        for (; at > 0 && least[at - 1] > d[j]; at--)
            least[at] = least[at - 1];
        least[at] = d[j];
    }
    return n == SG_MEASURES_NEIGHBOURS ? least[n - 1] : -1;
}

static void find_neighbours(void *context, int64_t tile, int64_t from, int64_t to, double *d2)
{
    struct compare *p = context;
    int64_t least = p->n < p->m ? p->n : p->m, all = p->n + p->m;
    (void)tile;
    for (int64_t i = from; i < to; i++) {
        const double *d = d2 + (i - from) * all;
        double *stat = p->stat + i * N_STATS;
        int64_t nearest = -1;
        stat[RADIUS] = i < p->n ? kth(d, 0, p->n, i) : kth(d, p->n, all, i);
        for (int64_t j = 0; j < all; j++)
            if (j != i && (j < p->n ? j < least : j - p->n < least) && (nearest < 0 || d[j] < d[nearest]))
                nearest = j;
        stat[NEAREST] = (double)nearest;
    }
}

/* Of one row: the other cloud, its own cloud. */
static void look_around(const struct compare *p, int64_t i, const double *d)
{
    const struct sg_tiles *t = p->t;
    int64_t all = p->n + p->m, from = i < p->n ? p->n : 0, to = i < p->n ? all : p->n;
    double *stat = p->stat + i * N_STATS, own = stat[RADIUS], sum = 0;
    for (int64_t j = from; j < to; j++) {
        double radius = p->stat[j * N_STATS + RADIUS];
        stat[COSINES] += (t->square[i] + t->square[j] - d[j]) / 2;
        stat[BALLS] += radius >= 0 && d[j] <= radius;
        stat[OCCUPIED] = stat[OCCUPIED] > 0 || (own >= 0 && d[j] <= own);
    }
    for (int64_t j = i < p->n ? 0 : p->n; j < (i < p->n ? p->n : all); j++)
        sum += exp((t->square[i] + t->square[j] - d[j]) / 2 - t->square[i]);
    stat[SELF] = 1 / sum;
}

/* With z the labels and K without its diagonal: z'Kz and z'K1 of each labelling, and 1'K1. */
static void sum_kernel(struct compare *p, int64_t tile, int64_t from, int64_t to, double *d2)
{
    int64_t all = p->n + p->m, n_rows = to - from;
    double *sum = p->sum + tile * N_SUMS;
    for (int64_t i = from; i < to; i++)
        for (int64_t j = 0; j < all; j++) {
            double *v = &d2[(i - from) * all + j];
            *v = j == i ? 0 : exp(-*v * p->gamma);
        }
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)n_rows, N_LABELS, (int)all, 1.0, d2, (int)all,
                p->label, N_LABELS, 0.0, p->product, N_LABELS);
    for (int64_t i = from; i < to; i++) {
        double row = 0;
        for (int64_t j = 0; j < all; j++)
            row += d2[(i - from) * all + j];
        sum[2 * N_LABELS] += row;
        for (int b = 0; b < N_LABELS; b++)
            if (p->label[i * N_LABELS + b] > 0) {
                sum[b] += p->product[(i - from) * N_LABELS + b];
                sum[N_LABELS + b] += row;
            }
    }
}

static void compare_rows(void *context, int64_t tile, int64_t from, int64_t to, double *d2)
{
    struct compare *p = context;
    for (int64_t i = from; i < to; i++)
        look_around(p, i, d2 + (i - from) * (p->n + p->m));
    if (isfinite(p->gamma))
        sum_kernel(p, tile, from, to, d2);
}

/* Labels in truth, then shuffled: as many rows keep the pool's. */
static void draw_labels(struct compare *p, int64_t *order)
{
    int64_t all = p->n + p->m;
    for (int b = 0; b < N_LABELS; b++) {
        struct sg_rng rng = sg_rng_make(sg_seed_of("measures permutation"), (uint64_t)b);
        for (int64_t i = 0; i < all; i++)
            order[i] = i;
        if (b)
            sg_rng_shuffle(&rng, order, all);
        for (int64_t i = 0; i < all; i++)
            p->label[i * N_LABELS + b] = order[i] < p->n;
    }
}

/* The share of labellings that are at least as extreme, the true one (0) included (Phipson & Smyth 2010). Sums differ in their last bits, equal
 * ones too. */
static double p_of(const double *statistic)
{
    int n = 0;
    for (int b = 0; b < N_LABELS; b++)
        n += statistic[b] >= statistic[0] - 1e-12;
    return (double)n / N_LABELS;
}

static void finish_mmd(const struct compare *p, struct sg_measures *out)
{
    double total[N_SUMS] = {0}, mmd2[N_LABELS], n = (double)p->n, m = (double)p->m;
    if (p->n < 2 || p->m < 2 || !isfinite(p->gamma))
        return;
    for (int64_t tile = 0; tile < sg_tiles_number(p->t); tile++)
        for (int i = 0; i < N_SUMS; i++)
            total[i] += p->sum[tile * N_SUMS + i];
    for (int b = 0; b < N_LABELS; b++) {
        double within = total[b], across = total[N_LABELS + b] - within,
               other = total[2 * N_LABELS] - within - 2 * across;
        mmd2[b] = within / (n * (n - 1)) + other / (m * (m - 1)) - 2 * across / (n * m);
    }
    out->mmd2 = sg_measures_decimals(mmd2[0]);
    out->mmd_p = p_of(mmd2);
}

/* Accuracy of the nearest neighbour left one out, on as many rows of one cloud as of the other; the neighbours stay as they are while labels are
 * shuffled (Schilling 1986; Lopez-Paz & Oquab 2017). */
static void finish_c2st(const struct compare *p, int64_t *order, struct sg_measures *out)
{
    int64_t least = p->n < p->m ? p->n : p->m;
    double hits[N_LABELS];
    if (least < 2)
        return;
    for (int b = 0; b < N_LABELS; b++) {
        struct sg_rng rng = sg_rng_make(sg_seed_of("measures two-sample permutation"), (uint64_t)b);
        for (int64_t i = 0; i < 2 * least; i++)
            order[i] = i;
        if (b)
            sg_rng_shuffle(&rng, order, 2 * least);
        hits[b] = 0;
        for (int64_t i = 0; i < 2 * least; i++) {
            int64_t row = i < least ? i : p->n + i - least, near = (int64_t)p->stat[row * N_STATS + NEAREST],
                    at = near < p->n ? near : near - p->n + least;
            hits[b] += (order[i] < least) == (order[at] < least);
        }
    }
    out->c2st = sg_measures_decimals(hits[0] / (double)(2 * least));
    out->c2st_p = p_of(hits);
}

static void finish_rows(const struct compare *p, struct sg_measures *out)
{
    double cosines = 0, self = 0, inside = 0, balls = 0, recalled = 0, covered = 0, n = (double)p->n,
           m = (double)p->m;
    for (int64_t i = 0; i < p->n + p->m; i++) {
        const double *stat = p->stat + i * N_STATS;
        if (i < p->n) {
            cosines += stat[COSINES];
            self += stat[SELF];
            inside += stat[BALLS] > 0;
            balls += stat[BALLS];
        } else {
            recalled += stat[BALLS] > 0;
            covered += stat[OCCUPIED];
        }
    }
    if (p->n > 0)
        out->dcscore = sg_measures_decimals(self);
    if (p->n > 0 && p->m > 0)
        out->similarity_raw = sg_measures_decimals(cosines / (n * m));
    if (p->n > 0 && p->m > SG_MEASURES_NEIGHBOURS) {
        out->precision = sg_measures_decimals(inside / n);
        out->density = sg_measures_decimals(balls / (SG_MEASURES_NEIGHBOURS * n));
        out->coverage = sg_measures_decimals(covered / m);
    }
    if (p->m > 0 && p->n > SG_MEASURES_NEIGHBOURS)
        out->recall = sg_measures_decimals(recalled / m);
}

static sg_status allocate(struct compare *p, int64_t **order, struct sg_err *err)
{
    size_t rows = (size_t)(p->n + p->m), tiles = (size_t)sg_tiles_number(p->t);
    p->stat = sg_alloc(rows * N_STATS + 1, sizeof *p->stat);
    p->label = sg_alloc(rows * N_LABELS + 1, sizeof *p->label);
    p->sum = sg_alloc(tiles * N_SUMS + 1, sizeof *p->sum);
    p->product = sg_alloc((size_t)SG_TILE * N_LABELS, sizeof *p->product);
    *order = sg_alloc(rows + 1, sizeof **order);
    return p->stat && p->label && p->sum && p->product && *order ? SG_OK
                                                                 : sg_fail_memory(err, 8 * rows * N_LABELS);
}

/* A row's neighbours go to all before the second pass looks at their balls; what that finds is added to nothing of its own. */
static sg_status passes(struct compare *p, struct sg_err *err)
{
    const struct sg_team *team = p->t->team;
    int64_t rows = p->n + p->m;
    sg_tiles_each(p->t, find_neighbours, p);
    SG_TRY(sg_tiles_gather(team, p->stat, rows * N_STATS, err));
    sg_tiles_each(p->t, compare_rows, p);
    for (int64_t i = 0; i < rows; i++)
        if (i / SG_TILE % team->size != team->rank)
            p->stat[i * N_STATS + RADIUS] = p->stat[i * N_STATS + NEAREST] = 0;
    SG_TRY(sg_tiles_gather(team, p->stat, rows * N_STATS, err));
    return sg_tiles_gather(team, p->sum, sg_tiles_number(p->t) * N_SUMS, err);
}

sg_status sg_measures_of_pairs(const struct sg_team *team, struct sg_cloud x, struct sg_cloud y, int c,
                               double bandwidth, struct sg_measures *out, struct sg_err *err)
{
    struct sg_cloud both[2] = {x, y};
    struct sg_measures found = {.n = x.n, .n_raw = y.n, .bandwidth = bandwidth};
#define X_NAN(name, ...) found.name = NAN;
    SG_MEASURES(X_NAN)
    struct sg_tiles t;
    int64_t *order = NULL;
    sg_status status = sg_tiles_create(team, both, 2, c, &t, err);
    struct compare p = {.t = &t, .n = x.n, .m = y.n, .gamma = 0.5 / (bandwidth * bandwidth)};
    if (status == SG_OK)
        status = allocate(&p, &order, err);
    SG_TRY_DONE(sg_agree(team, status, err));
    draw_labels(&p, order);
    SG_TRY_DONE(passes(&p, err));
    finish_rows(&p, &found);
    finish_mmd(&p, &found);
    finish_c2st(&p, order, &found);
    SG_TRY_DONE(sg_agree(
        team,
        sg_mpi_check(MPI_Bcast(&found, sizeof found, MPI_BYTE, 0, team->comm), "MPI_Bcast of measures", err),
        err));
    *out = found;
done:
    sg_free(p.stat);
    sg_free(p.label);
    sg_free(p.sum);
    sg_free(p.product);
    sg_free(order);
    sg_tiles_free(&t);
    return status;
}

sg_status sg_measures_of(const struct sg_team *team, struct sg_cloud x, struct sg_cloud y, int c,
                         double bandwidth, struct sg_measures *out, struct sg_err *err)
{
    struct sg_measures found;
    int last = team->size - 1; /* rank 0 has other things to do */
    SG_TRY(sg_measures_of_pairs(team, x, y, c, bandwidth, &found, err));
    sg_status status = team->rank == last ? sg_frechet_distance(x, y, c, &found.frechet, err) : SG_OK;
    SG_TRY(sg_agree(team, status, err));
    SG_TRY(sg_agree(team,
                    sg_mpi_check(MPI_Bcast(&found.frechet, 1, MPI_DOUBLE, last, team->comm),
                                 "MPI_Bcast of a distance", err),
                    err));
    if (x.n > 0 && x.n <= SG_MEASURES_SPECTRUM_MAX && isfinite(bandwidth))
        SG_TRY(sg_rbf_spectrum(team, x, c, bandwidth, NULL, &found.rbf_vendi, err));
    *out = found;
    return SG_OK;
}
