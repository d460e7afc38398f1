/* Agreement, broadcasts, counts. Every rank runs every check; a failed one ends the job. */
#include "base/cores.h"
#include "base/mem.h"
#include "mpi/comm.h"
#include "tests/mpi/check.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

static void agree(const struct sg_team *w)
{
    struct sg_err err = {0};
    CHECK(sg_agree(w, SG_OK, &err) == SG_OK && !err.text[0]);

    /* the last rank alone fails */
    sg_status mine = w->rank == w->size - 1 ? sg_fail(&err, SG_INPUT, "row %d is bad", 7) : SG_OK;
    CHECK(sg_agree(w, mine, &err) == SG_INPUT && err.status == SG_INPUT);
    char want[100] = "row 7 is bad";
    if (w->size > 1)
        snprintf(want, sizeof want, "rank %d: row 7 is bad", w->size - 1);
    CHECK(strcmp(err.text, want) == 0);

    /* all fail, each with its own words: the lowest speaks */
    mine = sg_fail(&err, w->rank == 0 ? SG_STOPPED : SG_FAILED, "I am %d", w->rank);
    CHECK(sg_agree(w, mine, &err) == SG_STOPPED);
    CHECK(strstr(err.text, "I am 0") != NULL);
    CHECK(sg_agree(w, w->rank == 0 ? SG_FAILED : SG_OK, NULL) == SG_FAILED); /* no words wanted */
}

static void broadcast(const struct sg_team *w)
{
    static const size_t sizes[] = {0, 1, 1000, 5000000};
    for (int root = 0; root < w->size; root++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            struct sg_err err = {0};
            struct sg_buf b = sg_buf_make(1 << 23);
            sg_buf_puts(&b, "what was here before"); /* others' buffers are cleared */
            if (w->rank == root) {
                sg_buf_clear(&b);
                for (size_t k = 0; k < sizes[i]; k++)
                    sg_buf_add(&b, &(char){(char)(k * 31 + (size_t)root)}, 1);
            }
            CHECK_OK(sg_bcast_buf(w, root, &b, &err), err);
            CHECK(b.len == sizes[i]);
            for (size_t k = 0; k < sizes[i]; k++)
                CHECK(b.data[k] == (char)(k * 31 + (size_t)root));
            CHECK(!b.data || b.data[b.len] == 0);
            sg_buf_free(&b);
        }
    }
}

/* One rank without room, or without memory: all fail alike, and the next collective works. */
static void broadcast_fails(const struct sg_team *w)
{
    struct sg_err err = {0};
    struct sg_buf b = sg_buf_make(w->rank == w->size - 1 && w->size > 1 ? 10 : 1000);
    if (w->rank == 0)
        sg_buf_puts(&b, "more than ten bytes");
    sg_status status = sg_bcast_buf(w, 0, &b, &err);
    CHECK(status == (w->size > 1 ? SG_FAILED : SG_OK));
    CHECK(w->size == 1 || strstr(err.text, "ceiling") != NULL);
    sg_buf_free(&b);

    b = sg_buf_make(1000);
    if (w->rank == 0)
        sg_buf_puts(&b, "more than ten bytes");
    if (w->rank == 1)
        sg_mem_fail_at(1);
    status = sg_bcast_buf(w, 0, &b, &err);
    CHECK(status == (w->size > 1 ? SG_FAILED : SG_OK));
    CHECK(w->size == 1 || strstr(err.text, "rank 1: out of memory") != NULL);
    sg_mem_fail_at(0);
    sg_buf_free(&b);

    b = sg_buf_make(4); /* the root's own buffer has failed */
    if (w->rank == 0)
        sg_buf_puts(&b, "more than four bytes");
    CHECK(sg_bcast_buf(w, 0, &b, &err) == SG_FAILED);
    sg_buf_free(&b);
    CHECK(sg_agree(w, SG_OK, &err) == SG_OK);
}

static void small_things(void)
{
    struct sg_err err = {0};
    int n = -1;
    CHECK(sg_int(0, &n, &err) == SG_OK && n == 0);
    CHECK(sg_int(INT_MAX, &n, &err) == SG_OK && n == INT_MAX);
    CHECK(sg_int((int64_t)INT_MAX + 1, &n, &err) == SG_FAILED && n == INT_MAX);
    CHECK(sg_int(-1, &n, &err) == SG_FAILED);
    static const int pow2[][2] = {{1, 1}, {2, 2}, {3, 2}, {4, 4}, {7, 4}, {8, 8}, {INT_MAX, 1 << 30}};
    for (size_t i = 0; i < sizeof pow2 / sizeof *pow2; i++)
        CHECK(sg_pow2_floor(pow2[i][0]) == pow2[i][1]);
    CHECK(sg_cores() == 1); /* the tests run with OMP_NUM_THREADS=1 */
    CHECK(sg_mpi_check(MPI_SUCCESS, "x", &err) == SG_OK);
    CHECK(sg_mpi_check(MPI_ERR_TRUNCATE, "receiving", &err) == SG_FAILED && strstr(err.text, "receiving: "));
    int dummy = 0;
    CHECK(sg_mpi_check(MPI_Send(&dummy, 1, MPI_INT, 99999, 0, MPI_COMM_WORLD), "sending", &err) == SG_FAILED);
}

int main(int argc, char **argv)
{
    struct sg_err err = {0};
    struct sg_team w;
    CHECK_OK(sg_mpi_start(&argc, &argv, &w, &err), err);
    agree(&w);
    broadcast(&w);
    broadcast_fails(&w);
    small_things();
    sg_mpi_end();
    return 0;
}
