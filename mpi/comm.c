#include "mpi/comm.h"

#include "base/file.h"
#include "base/mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

sg_status sg_mpi_check(int rc, const char *what, struct sg_err *err)
{
    if (rc == MPI_SUCCESS)
        return SG_OK;
    char text[MPI_MAX_ERROR_STRING] = "";
    int len = 0;
    if (MPI_Error_string(rc, text, &len) != MPI_SUCCESS)
        return sg_fail(err, SG_FAILED, "%s: MPI error %d", what, rc);
    return sg_fail(err, SG_FAILED, "%s: %s", what, text);
}

sg_status sg_comm_duplicate(MPI_Comm from, MPI_Comm *to, struct sg_err *err)
{
    SG_TRY(sg_mpi_check(MPI_Comm_dup(from, to), "MPI_Comm_dup", err));
    MPI_Comm_set_errhandler(*to, MPI_ERRORS_RETURN);
    return SG_OK;
}

sg_status sg_int(int64_t n, int *out, struct sg_err *err)
{
    if (n < 0 || n > INT_MAX)
        return sg_fail(err, SG_FAILED, "a count of %lld does not fit into the int of MPI and BLAS",
                       (long long)n);
    *out = (int)n;
    return SG_OK;
}

int sg_pow2_floor(int n)
{
    int p = 1;
    while (p <= n / 2)
        p *= 2;
    return p;
}

sg_status sg_agree(const struct sg_team *team, sg_status status, struct sg_err *err)
{
    if (team->size <= 1)
        return status;
    int mine = status == SG_OK ? team->size : team->rank, lowest = 0;
    SG_TRY(sg_mpi_check(MPI_Allreduce(&mine, &lowest, 1, MPI_INT, MPI_MIN, team->comm), "sg_agree", err));
    if (lowest == team->size)
        return SG_OK;

    /* A team's own ranks mean nothing to a reader, so the sentence names the rank of the whole job. */
    struct {
        int status, rank;
        char text[sizeof err->text];
    } first = {0};
    if (team->rank == lowest) {
        first.status = (int)status;
        MPI_Comm_rank(MPI_COMM_WORLD, &first.rank);
        if (err)
            memcpy(first.text, err->text, sizeof first.text);
    }
    SG_TRY(sg_mpi_check(MPI_Bcast(&first, sizeof first, MPI_BYTE, lowest, team->comm), "sg_agree", err));
    first.text[sizeof first.text - 1] = 0;
    /* Rank 0 reads what the user gave: that it was rank 0 that found the mistake in it tells nobody anything. */
    if (first.rank == 0 && first.status == SG_INPUT)
        return sg_fail(err, SG_INPUT, "%s", first.text);
    return sg_fail(err, (sg_status)first.status, "rank %d: %s", first.rank, first.text);
}

sg_status sg_wait_all(const struct sg_team *world, struct sg_err *err)
{
    MPI_Request request;
    int done = 0;
    SG_TRY(sg_mpi_check(MPI_Ibarrier(world->comm, &request), "MPI_Ibarrier", err));
    for (;;) {
        SG_TRY(sg_mpi_check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test", err));
        if (done)
            return SG_OK;
        sg_sleep_us(5000);
    }
}

/* Room for n bytes and the NUL, within the buffer's ceiling. */
static sg_status make_room(struct sg_buf *b, int64_t n, struct sg_err *err)
{
    if ((uint64_t)n > b->max)
        return sg_fail(err, SG_FAILED, "a message of %lld bytes is over its ceiling of %zu bytes",
                       (long long)n, b->max);
    if ((size_t)n + 1 <= b->cap)
        return SG_OK;
    char *data = sg_realloc(b->data, (size_t)n + 1, 1);
    if (!data)
        return sg_fail_memory(err, (unsigned long long)n + 1);
    b->data = data;
    b->cap = (size_t)n + 1;
    return SG_OK;
}

sg_status sg_bcast_buf(const struct sg_team *team, int root, struct sg_buf *b, struct sg_err *err)
{
    if (team->size <= 1)
        return sg_buf_check(b, "broadcast", err);
    sg_status status = SG_OK;
    int64_t n = 0;
    if (team->rank == root) {
        status = sg_buf_check(b, "broadcast", err);
        n = status == SG_OK ? (int64_t)b->len : 0;
    }
    SG_TRY(sg_mpi_check(MPI_Bcast(&n, 1, MPI_INT64_T, root, team->comm), "sg_bcast_buf", err));
    if (team->rank != root) {
        sg_buf_clear(b);
        status = make_room(b, n, err);
    }
    SG_TRY(sg_agree(team, status, err));

    enum { PIECE = 1 << 30 };
    for (int64_t at = 0; at < n; at += PIECE) {
        int n_piece = n - at < PIECE ? (int)(n - at) : PIECE;
        SG_TRY(
            sg_mpi_check(MPI_Bcast(b->data + at, n_piece, MPI_BYTE, root, team->comm), "sg_bcast_buf", err));
    }
    if (team->rank != root && b->data) {
        b->len = (size_t)n;
        b->data[n] = 0;
    }
    return SG_OK;
}
