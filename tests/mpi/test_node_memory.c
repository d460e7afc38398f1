/* What the ranks of a node share: filled once, the same on all, counted once, gone at the end; and what becomes of it where it cannot
 * be had. Every rank runs every check; a failed one ends the job. */
#include "base/mem.h"
#include "mpi/node_memory.h"
#include "tests/mpi/check.h"

#include <string.h>
#include <sys/resource.h>

enum { N = 3 << 20 };

struct filler {
    int n_calls, fails;
};

static sg_status fill(void *context, void *data, struct sg_err *err)
{
    struct filler *f = context;
    f->n_calls++;
    for (size_t i = 0; i < N; i++)
        CHECK(((char *)data)[i] == 0);
    memset(data, 42, N);
    return f->fails ? sg_fail(err, SG_INPUT, "tensor x is NaN") : SG_OK;
}

static int sum(const struct sg_team *w, int x)
{
    int all = 0;
    MPI_Allreduce(&x, &all, 1, MPI_INT, MPI_SUM, w->comm);
    return all;
}

static void is_filled(const struct sg_node_memory *m)
{
    CHECK(m->n_bytes == N && (uintptr_t)m->data % 64 == 0);
    for (size_t i = 0; i < N; i++)
        CHECK(((const char *)m->data)[i] == 42);
}

/* All ranks of a test are on one node. */
static void is_shared(const struct sg_team *w)
{
    struct sg_err err = {0};
    struct filler f = {0};
    struct sg_node_memory m;
    size_t before = sg_mem_now();
    CHECK_OK(sg_node_memory_make(w, N, fill, &f, &m, &err), err);
    is_filled(&m);
    CHECK(sum(w, f.n_calls) == 1);
    CHECK(m.n_ranks == w->size);
    CHECK(sg_mem_now() - before == N / (size_t)w->size);
    MPI_Barrier(w->comm);
    if (w->rank == 0) /* others keep it when the first goes */
        sg_node_memory_free(&m);
    MPI_Barrier(w->comm);
    if (w->rank != 0) {
        is_filled(&m);
        sg_node_memory_free(&m);
    }
    CHECK(sg_mem_now() == before && !m.data);
}

static void all_fail_as_one(const struct sg_team *w)
{
    struct sg_err err = {0};
    struct filler f = {.fails = 1};
    struct sg_node_memory m = {.n_bytes = 7};
    size_t before = sg_mem_now();
    CHECK(sg_node_memory_make(w, N, fill, &f, &m, &err) == SG_INPUT);
    CHECK(strstr(err.text, "tensor x is NaN") != NULL);
    CHECK(m.n_bytes == 7 && sg_mem_now() == before);
}

/* A limit on files' sizes, on the rank that makes them: each rank has its own. */
static void falls_back(const struct sg_team *w)
{
    struct sg_err err = {0};
    struct filler f = {0};
    struct sg_node_memory m;
    struct rlimit was, low;
    size_t before = sg_mem_now();
    CHECK(getrlimit(RLIMIT_FSIZE, &was) == 0);
    low = was;
    low.rlim_cur = N - 1;
    CHECK(setrlimit(RLIMIT_FSIZE, &low) == 0);
    CHECK_OK(sg_node_memory_make(w, N, fill, &f, &m, &err), err);
    CHECK(setrlimit(RLIMIT_FSIZE, &was) == 0);
    is_filled(&m);
    CHECK(f.n_calls == 1 && m.n_ranks == 1 && sg_mem_now() - before == N);
    sg_node_memory_free(&m);
    CHECK(sg_mem_now() == before);
}

/* One rank cannot open anything: it alone has a copy. */
static void one_has_its_own(const struct sg_team *w)
{
    struct sg_err err = {0};
    struct filler f = {0};
    struct sg_node_memory m;
    struct rlimit was, none;
    int mine = w->size > 1 && w->rank == w->size - 1;
    CHECK(getrlimit(RLIMIT_NOFILE, &was) == 0);
    none = was;
    none.rlim_cur = 0;
    if (mine)
        CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    CHECK_OK(sg_node_memory_make(w, N, fill, &f, &m, &err), err);
    if (mine)
        CHECK(setrlimit(RLIMIT_NOFILE, &was) == 0);
    is_filled(&m);
    CHECK(f.n_calls == (w->rank == 0 || mine) && (m.n_ranks == 1) == (mine || w->size == 1));
    sg_node_memory_free(&m);
}

int main(int argc, char **argv)
{
    struct sg_team world;
    struct sg_err err = {0};
    CHECK_OK(sg_mpi_start(&argc, &argv, &world, &err), err);
    is_shared(&world);
    all_fail_as_one(&world);
    falls_back(&world);
    one_has_its_own(&world);
    sg_mpi_end();
    return 0;
}
