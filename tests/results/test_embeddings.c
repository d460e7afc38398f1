/* embeddings.h5: written by all ranks, whole or not at all, known again or made again. */
#include "results/h5/embeddings.h"

#include "base/file.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mpi_check.h"

static char path[200], tmp[220];
enum { C = 7 };

static const struct sg_embedded set[] = {
    {"a", "raw", "1234", 50, C}, {"a", "pool", "5678", 1, C}, {"b", "raw", "9", 0, C}};
enum { N_SETS = 3 };

static float value(int k, int64_t i)
{
    return (float)(k * 1000 + i) / 3;
}

/* Fewer rows than ranks, and none, included. add(): the status of the first that fails. */
static sg_status write_all(struct sg_err *err)
{
    struct sg_embeddings *e = NULL;
    SG_TRY(sg_embeddings_create(&world, path, "with", 1 << 20, &e, err));
    for (int k = 0; k < N_SETS; k++) {
        int64_t n = set[k].n, from = n * world.rank / world.size, to = n * (world.rank + 1) / world.size;
        float x[50 * C + 1] = {0};
        for (int64_t i = from * C; i < to * C; i++)
            x[i - from * C] = value(k, i);
        sg_status status = sg_embeddings_add(e, &set[k], x, from, to, err);
        if (status != SG_OK) {
            sg_embeddings_discard(e);
            return status;
        }
    }
    char hex[SG_HEX] = "";
    SG_TRY(sg_embeddings_finish(e, hex, err));
    CHECK(world.rank || sg_embeddings_is(path, hex), "another digest");
    return SG_OK;
}

static int holds(const char *with, struct sg_embedded d)
{
    return sg_embeddings_hold(path, with, &d);
}

static void barrier(void)
{
    MPI_Barrier(world.comm);
}

static void check_held(void)
{
    struct sg_err err = {0};
    for (int k = 0; k < N_SETS; k++) {
        float x[50 * C + 1] = {0};
        CHECK(holds("with", set[k]), "set %d", k);
        CHECK(sg_embeddings_read(path, &set[k], x, &err) == SG_OK, "%s", err.text);
        for (int64_t i = 0; i < set[k].n * C; i++)
            CHECK(x[i] == value(k, i), "set %d, number %d: %g", k, (int)i, x[i]);
    }
    CHECK(!sg_file_exists(tmp), "%s is left", tmp);
}

/* What is of other texts, another encoder or another shape is not it. */
static void check_others(void)
{
    struct sg_err err = {0};
    float x[60 * (C + 1)];
    struct sg_embedded d = set[0];
    CHECK(!holds("other", d), "another encoder");
    d.texts_sha256 = "4321";
    CHECK(!holds("with", d), "other texts");
    CHECK(sg_embeddings_read(path, &d, x, &err) == SG_FAILED && strstr(err.text, "a/raw"), "%s", err.text);
    d = set[0], d.n = 49;
    CHECK(!holds("with", d), "fewer rows");
    d = set[0], d.c = C + 1;
    CHECK(!holds("with", d), "more columns");
    d = set[0], d.name = "nothing";
    CHECK(!holds("with", d), "no such name");
    d = set[0], d.task = "nothing";
    CHECK(!holds("with", d), "no such task");
}

/* Where in the file the numbers of the first set stand. */
static size_t place_of_numbers(const char *bytes, size_t n)
{
    float x[50 * C];
    for (int64_t i = 0; i < 50 * C; i++)
        x[i] = value(0, i);
    for (size_t at = 0; at + sizeof x <= n; at++)
        if (memcmp(bytes + at, x, sizeof x) == 0)
            return at;
    CHECK(0, "the numbers stand nowhere");
    return 0;
}

static void write_bytes(const char *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(bytes, 1, n, file) == n && fclose(file) == 0, "write");
}

/* A byte of the numbers that is turned is noticed by their digest; any other, by the file's. */
static void check_damaged(void)
{
    char *bytes = NULL, hex[SG_HEX];
    size_t n = 0;
    struct sg_err err = {0};
    float x[50 * C];
    CHECK(sg_sha256_file(path, hex, &err) == SG_OK && sg_embeddings_is(path, hex), "%s", err.text);
    CHECK(sg_file_read(path, 1 << 20, &bytes, &n, &err) == SG_OK, "%s", err.text);
    size_t at = place_of_numbers(bytes, n);
    for (size_t i = at; i < at + sizeof x; i += 7) {
        bytes[i] = (char)(bytes[i] ^ 0x55);
        write_bytes(bytes, n);
        CHECK(!holds("with", set[0]) && sg_embeddings_read(path, &set[0], x, &err) == SG_FAILED, "byte %zu",
              i);
        bytes[i] = (char)(bytes[i] ^ 0x55);
    }
    for (size_t i = 0; i < n; i += 11) {
        bytes[i] = (char)(bytes[i] ^ 0x55);
        write_bytes(bytes, n);
        CHECK(!sg_embeddings_is(path, hex), "byte %zu", i);
        bytes[i] = (char)(bytes[i] ^ 0x55);
    }
    write_bytes(bytes, n / 2);
    CHECK(!sg_embeddings_is(path, hex), "half a file");
    sg_free(bytes);
}

/* Each allocation of the last rank fails in turn: all ranks leave together, nothing leaks or is left. */
static void test_memory(void)
{
    size_t before = sg_mem_now();
    int fired = 1, n = 0;
    while (fired) {
        struct sg_err err = {0};
        if (world.rank == 0)
            unlink(path);
        barrier();
        if (world.rank == world.size - 1)
            sg_mem_fail_at(++n);
        sg_status status = write_all(&err);
        fired = world.rank == world.size - 1 ? sg_mem_fail_at(0) : 0;
        MPI_Bcast(&fired, 1, MPI_INT, world.size - 1, world.comm);
        CHECK(status == (fired ? SG_FAILED : SG_OK), "%d: %s", n, err.text);
        CHECK(sg_mem_now() == before, "%d: %zu bytes leaked", n, sg_mem_now() - before);
        barrier();
        /* The last allocation is of sg_file_replace, after the renaming: the file is whole then, or not there. */
        CHECK(!sg_file_exists(tmp) && (sg_file_exists(path) ? holds("with", set[0]) : fired), "%d: %s", n,
              err.text);
        barrier();
    }
    CHECK(world.rank < world.size - 1 || n > 8, "only %d allocations", n);
}

int main(int argc, char **argv)
{
    struct sg_err err = {0};
    if (sg_mpi_start(&argc, &argv, &world, &err) != SG_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    int pid = (int)getpid();
    MPI_Bcast(&pid, 1, MPI_INT, 0, world.comm);
    snprintf(path, sizeof path, "%s/sg-test-embeddings-%d.h5", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp",
             pid);
    snprintf(tmp, sizeof tmp, "%s.tmp", path);

    CHECK(!holds("with", set[0]), "there is no file yet");
    barrier();
    CHECK(write_all(&err) == SG_OK, "%s", err.text);
    check_held();
    check_others();
    barrier();

    struct sg_embeddings *e = NULL; /* more than any disk has */
    CHECK(sg_embeddings_create(&world, path, "with", (int64_t)1 << 60, &e, &err) == SG_FULL && !e, "room");
    CHECK(strstr(err.text, "make room"), "%s", err.text);
    CHECK(sg_embeddings_create(&world, path, "other", 1 << 20, &e, &err) == SG_OK, "%s", err.text);
    sg_embeddings_discard(e); /* the old one stays */
    barrier();
    check_held();
    barrier();
    if (world.rank == 0)
        check_damaged();
    barrier();
    test_memory();
    check_held();
    barrier();
    if (world.rank == 0)
        unlink(path);
    sg_mpi_end();
    return 0;
}
