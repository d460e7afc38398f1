#include "mpi/reduce.h"

#include <string.h>

/* Floats a message: far below MPI's int, and small enough that shared-memory transports keep their buffers in
 * the cache. */
enum { PIECE = 1 << 22 };

static sg_status check_team(const struct sg_team *team, struct sg_err *err)
{
    if (team->size < 1 || sg_pow2_floor(team->size) != team->size)
        return sg_fail(err, SG_FAILED, "an exact reduction needs 2^k ranks, not %d", team->size);
    return SG_OK;
}

static sg_status swap(const struct sg_team *team, int partner, const float *send, int64_t n_send,
                      float *receive, int64_t n_receive, struct sg_reduce_count *count, struct sg_err *err)
{
    int64_t most = n_send > n_receive ? n_send : n_receive;
    for (int64_t at = 0; at < most; at += PIECE) {
        int64_t s = n_send - at, r = n_receive - at;
        s = s < 0 ? 0 : s > PIECE ? PIECE : s;
        r = r < 0 ? 0 : r > PIECE ? PIECE : r;
        SG_TRY(sg_mpi_check(MPI_Sendrecv(send + at, (int)s, MPI_FLOAT, partner, 0, receive + at, (int)r,
                                         MPI_FLOAT, partner, 0, team->comm, MPI_STATUS_IGNORE),
                            "exact reduction", err));
        if (count) {
            count->n_messages++;
            count->n_bytes += s * (int64_t)sizeof(float);
        }
    }
    return SG_OK;
}

/* The part of [0, n) that this rank holds after the halvings with partners 1, 2, ... below `bit`. */
static void my_part(int rank, int bit, int64_t n, int64_t *lo, int64_t *hi)
{
    *lo = 0;
    *hi = n;
    for (int b = 1; b < bit; b *= 2) {
        int64_t mid = *lo + (*hi - *lo) / 2;
        if (rank & b)
            *lo = mid;
        else
            *hi = mid;
    }
}

sg_status sg_reduce_exact(const struct sg_team *team, float *x, int64_t n, float *scratch,
                          struct sg_reduce_count *count, struct sg_err *err)
{
    SG_TRY(check_team(team, err));
    /* Halving: with rank^1 first, so that neighbours in the tree meet first; each keeps the sum of one half.
     */
    for (int bit = 1; bit < team->size; bit *= 2) {
        int64_t lo, hi;
        my_part(team->rank, bit, n, &lo, &hi);
        int64_t mid = lo + (hi - lo) / 2;
        int upper = (team->rank & bit) != 0;
        int64_t keep = upper ? mid : lo, n_keep = upper ? hi - mid : mid - lo;
        int64_t give = upper ? lo : mid, n_give = upper ? mid - lo : hi - mid;
        SG_TRY(swap(team, team->rank ^ bit, x + give, n_give, scratch, n_keep, count, err));
        float *restrict sum = x + keep;
        const float *restrict other = scratch;
        for (int64_t i = 0; i < n_keep; i++)
            sum[i] += other[i];
    }
    for (int bit = team->size / 2; bit >= 1; bit /= 2) {
        int64_t lo, hi;
        my_part(team->rank, bit, n, &lo, &hi);
        int64_t mid = lo + (hi - lo) / 2;
        int upper = (team->rank & bit) != 0;
        int64_t mine = upper ? mid : lo, n_mine = upper ? hi - mid : mid - lo;
        int64_t theirs = upper ? lo : mid, n_theirs = upper ? mid - lo : hi - mid;
        SG_TRY(swap(team, team->rank ^ bit, x + mine, n_mine, x + theirs, n_theirs, count, err));
    }
    return SG_OK;
}

sg_status sg_reduce_exact_f64(const struct sg_team *team, double *x, int n, struct sg_err *err)
{
    SG_TRY(check_team(team, err));
    double other[256];
    for (int at = 0; at < n; at += 256) {
        int m = n - at < 256 ? n - at : 256;
        for (int bit = 1; bit < team->size; bit *= 2) {
            SG_TRY(sg_mpi_check(MPI_Sendrecv(x + at, m, MPI_DOUBLE, team->rank ^ bit, 0, other, m, MPI_DOUBLE,
                                             team->rank ^ bit, 0, team->comm, MPI_STATUS_IGNORE),
                                "exact reduction", err));
            for (int i = 0; i < m; i++)
                x[at + i] += other[i];
        }
    }
    return SG_OK;
}
