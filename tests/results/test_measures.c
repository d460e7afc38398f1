/* results/measures/ against numpy and scipy (tests/oracle/make_measures.py), and the same bits on any number of ranks.
 *
 * A wrong answer ends the job by MPI_Abort: a rank that merely left would make the others wait for it. */
#include "results/measures/measures.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mpi_check.h"

static const struct sg_team self = {MPI_COMM_SELF, 0, 1};

/* As in make_measures.py: integers, an exact sum, one square root, one division, so the same floats. */
static struct sg_cloud make_rows(int64_t n, int c, int seed)
{
    float *x = sg_alloc((size_t)(n * c) + 1, sizeof *x);
    CHECK(x, "memory");
    for (int64_t i = 0; i < n; i++) {
        int64_t v[512], square = 0;
        for (int k = 0; k < c; k++) {
            v[k] = (i * i * 31 + i * k * (13 + seed) + k * 101 + seed * 7) % 257 - 90 + 40 * ((i + k) % 3);
            v[k] += v[k] == 0;
            square += v[k] * v[k];
        }
        for (int k = 0; k < c; k++)
            x[i * c + k] = (float)((double)v[k] / sqrt((double)square));
    }
    return (struct sg_cloud){x, n};
}

static void free_rows(struct sg_cloud x)
{
    sg_free((void *)(uintptr_t)x.x);
}

static void check(const char *name, double value, double expected, double tolerance)
{
    CHECK((isnan(value) && isnan(expected)) || fabs(value - expected) <= tolerance, "%s: %.14g, numpy %.14g",
          name, value, expected);
}

/* What was rounded to 12 decimals is within 1e-8 of its size and of these; an entropy is to 9 digits; p is another draw of permutations: 4
 * standard errors. */
static double tolerance_of(const char *name, double expected)
{
    size_t n = strlen(name);
    if (strcmp(name + n - 2, "_p") == 0)
        return 4 * sqrt(expected * (1 - expected) / SG_MEASURES_PERMUTATIONS) + 3e-3;
    return 1e-8 * fabs(expected) + 1e-12;
}

static double next_number(FILE *file)
{
    double x = 0;
    CHECK(fscanf(file, "%lf ", &x) == 1, "the dump ends early");
    return x;
}

static void same_bits(const struct sg_measures *a, const struct sg_measures *b)
{
#define X_SAME(name, ...)                                                                                    \
    CHECK(a->name == b->name || (isnan(a->name) && isnan(b->name)), #name ": %.17g %.17g", a->name, b->name);
    SG_MEASURES(X_SAME)
}

static void test_oracle(const struct sg_team *half)
{
    FILE *file = fopen("tests/results/measures.txt", "r");
    CHECK(file, "tests/results/measures.txt; run it in the source folder");
    char line[200];
    int n_cases = 0, n, m, c, seed_x, seed_y;
    CHECK(fgets(line, sizeof line, file), "no first line");
    for (; fscanf(file, "case %d %d %d %d %d ", &n, &m, &c, &seed_x, &seed_y) == 5; n_cases++) {
        struct sg_cloud x = make_rows(n, c, seed_x), y = make_rows(m, c, seed_y);
        struct sg_err err = {0};
        struct sg_measures alone, all;
        double s_alone = 0, s = 0, lambda[512], effective = 0;
        CHECK(sg_bandwidth_of(&self, y, c, &s_alone, &err) == SG_OK, "%s", err.text);
        CHECK(sg_bandwidth_of(&world, y, c, &s, &err) == SG_OK, "%s", err.text);
        CHECK(s == s_alone, "bandwidth %.17g %.17g", s, s_alone);
        double expected = next_number(file);
        check("bandwidth", s, expected, 1e-11);
        CHECK(sg_measures_of(&self, x, y, c, s, &alone, &err) == SG_OK, "%s", err.text);
        CHECK(alone.n == n && alone.n_raw == m && alone.bandwidth == s, "n");
#define X_CHECK(name, ...)                                                                                   \
    expected = next_number(file);                                                                            \
    check(#name, alone.name, expected, tolerance_of(#name, expected));
        SG_MEASURES(X_CHECK)
        CHECK(sg_rbf_spectrum(&world, x, c, s, lambda, &effective, &err) == SG_OK, "%s", err.text);
        CHECK(effective == alone.rbf_vendi, "%.17g %.17g", effective, alone.rbf_vendi);
        for (int i = 0; i < n; i++)
            check("eigenvalue", lambda[i], next_number(file), 1.01e-9);
        CHECK(sg_measures_of(&world, x, y, c, s, &all, &err) == SG_OK, "%s", err.text);
        same_bits(&all, &alone);
        CHECK(sg_measures_of(half, x, y, c, s, &all, &err) == SG_OK, "%s", err.text);
        same_bits(&all, &alone);
        free_rows(x);
        free_rows(y);
    }
    fclose(file);
    CHECK(n_cases == 8, "%d cases", n_cases);
}

/* The matrix of distances holds what two clouds alone give. */
static void test_distances(void)
{
    struct sg_cloud cloud[4] = {make_rows(70, 20, 1), make_rows(130, 20, 2), make_rows(1, 20, 3),
                                make_rows(65, 20, 4)};
    double d[16], s;
    struct sg_err err = {0};
    CHECK(sg_bandwidth_of(&world, cloud[1], 20, &s, &err) == SG_OK, "%s", err.text);
    CHECK(sg_cloud_distances(&world, cloud, 4, 20, s, d, &err) == SG_OK, "%s", err.text);
    for (int a = 0; a < 4; a++)
        for (int b = 0; b < 4; b++) {
            struct sg_measures m;
            CHECK(sg_measures_of_pairs(&world, cloud[a], cloud[b], 20, s, &m, &err) == SG_OK, "%s", err.text);
            if (a == 2 || b == 2)
                CHECK(isnan(d[4 * a + b]) && isnan(m.mmd2), "one row");
            else
                check("distance", d[4 * a + b], a == b ? 0 : m.mmd2, 2e-12);
            CHECK(a == 2 || b == 2 || d[4 * a + b] == d[4 * b + a], "not symmetric");
        }
    for (int a = 0; a < 4; a++)
        free_rows(cloud[a]);
}

/* Nothing, one text, all the same: stated values, no failure. */
static void test_edges(void)
{
    struct sg_cloud none = {NULL, 0}, raw = make_rows(30, 8, 1), one = {raw.x, 1}, same = make_rows(12, 8, 2);
    struct sg_measures m;
    struct sg_err err = {0};
    double s, zero;
    for (int i = 1; i < 12; i++)
        memcpy((float *)(uintptr_t)same.x + 8 * i, same.x, 8 * sizeof(float));
    CHECK(sg_bandwidth_of(&world, none, 8, &zero, &err) == SG_OK && isnan(zero), "no rows");
    CHECK(sg_bandwidth_of(&world, one, 8, &zero, &err) == SG_OK && isnan(zero), "one row");
    CHECK(sg_bandwidth_of(&world, same, 8, &zero, &err) == SG_OK && isnan(zero), "equal rows");
    CHECK(sg_bandwidth_of(&world, raw, 8, &s, &err) == SG_OK && s > 0, "%s", err.text);

    CHECK(sg_measures_of(&world, none, raw, 8, s, &m, &err) == SG_OK, "%s", err.text);
#define X_NONE(name, ...) CHECK(isnan(m.name), #name " of nothing: %g", m.name);
    SG_MEASURES(X_NONE)
    CHECK(sg_measures_of(&world, raw, none, 8, s, &m, &err) == SG_OK, "%s", err.text);
    CHECK(isnan(m.mmd2) && isnan(m.recall + m.precision) && m.rbf_vendi > 1, "no raw rows");
    CHECK(sg_measures_of(&world, one, raw, 8, s, &m, &err) == SG_OK, "%s", err.text);
    CHECK(isnan(m.mmd2) && isnan(m.frechet) && isnan(m.recall) && isnan(m.c2st), "one text");
    CHECK(m.rbf_vendi == 1 && m.dcscore == 1 && m.precision == 1, "one text: %g %g %g", m.rbf_vendi,
          m.dcscore, m.precision);
    CHECK(sg_measures_of(&world, same, raw, 8, s, &m, &err) == SG_OK, "%s", err.text);
    CHECK(m.rbf_vendi == 1 && m.dcscore == 1 && m.mmd2 > 0.1 && m.mmd_p == 0.002 && m.c2st_p == 0.002,
          "all the same: %g %g %g %g", m.rbf_vendi, m.dcscore, m.mmd2, m.mmd_p);
    CHECK(sg_measures_of(&world, same, same, 8, s, &m, &err) == SG_OK, "%s", err.text);
    CHECK(m.mmd2 == 0 && m.mmd_p == 1 && m.frechet == 0 && m.precision == 1 && m.coverage == 1,
          "all the same on both sides: %g %g %g", m.mmd2, m.mmd_p, m.frechet);
    CHECK(sg_measures_of(&world, raw, raw, 8, (double)NAN, &m, &err) == SG_OK, "%s", err.text);
    CHECK(isnan(m.mmd2) && isnan(m.mmd_p) && isnan(m.rbf_vendi) && m.precision == 1, "no bandwidth");
    free_rows(raw);
    free_rows(same);
}

static void test_refused(void)
{
    struct sg_cloud x = make_rows(9, 4, 1), y = make_rows(9, 4, 2);
    struct sg_measures m = {.n = -1};
    struct sg_err err = {0};
    double s = 0;
    ((float *)(uintptr_t)x.x)[17] = world.rank == world.size - 1 ? (float)NAN : x.x[17];
    CHECK(sg_measures_of(&world, x, y, 4, 1, &m, &err) == SG_FAILED, "NaN on one rank");
    CHECK(strstr(err.text, "embedding 4 has length nan") && m.n == -1, "%s", err.text);
    CHECK(sg_rbf_spectrum(&world, (struct sg_cloud){y.x, 0}, 4, 1, NULL, &s, &err) == SG_FAILED, "no rows");
    CHECK(sg_rbf_spectrum(&world, y, 4, 0, NULL, &s, &err) == SG_FAILED, "no bandwidth");
    free_rows(x);
    free_rows(y);
}

/* Each allocation of the last rank fails in turn: all ranks leave together, and nothing leaks. */
static void test_memory(void)
{
    struct sg_cloud x = make_rows(90, 12, 1), y = make_rows(70, 12, 2);
    size_t before = sg_mem_now();
    int fired = 1, n = 0;
    while (fired) {
        struct sg_measures m = {.n = -1};
        struct sg_err err = {0};
        double s = 1, d[4];
        struct sg_cloud both[2] = {x, y};
        if (world.rank == world.size - 1)
            sg_mem_fail_at(++n);
        sg_status status = sg_bandwidth_of(&world, y, 12, &s, &err);
        if (status == SG_OK)
            status = sg_cloud_distances(&world, both, 2, 12, s, d, &err);
        if (status == SG_OK)
            status = sg_measures_of(&world, x, y, 12, s, &m, &err);
        fired = world.rank == world.size - 1 ? sg_mem_fail_at(0) : 0;
        MPI_Bcast(&fired, 1, MPI_INT, world.size - 1, world.comm);
        CHECK(status == (fired ? SG_FAILED : SG_OK), "%d: %s", n, err.text);
        CHECK(fired ? m.n == -1 && strstr(err.text, "out of memory") : m.n == 90, "%d: %s", n, err.text);
        CHECK(sg_mem_now() == before, "%zu bytes leaked", sg_mem_now() - before);
    }
    CHECK(world.rank < world.size - 1 || n > 20, "only %d allocations", n);
    free_rows(x);
    free_rows(y);
}

int main(int argc, char **argv)
{
    struct sg_err err = {0};
    if (sg_mpi_start(&argc, &argv, &world, &err) != SG_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    struct sg_team half = half_of_world();

    test_oracle(&half);
    test_distances();
    test_edges();
    test_refused();
    test_memory();
    MPI_Comm_free(&half.comm);
    sg_mpi_end();
    return 0;
}
