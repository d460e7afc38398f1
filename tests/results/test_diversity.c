/* results/stats/diversity.c against numpy (tests/oracle/make_diversity.py), for several splits of the rows over any
 * number of ranks.
 *
 * A wrong answer ends the job by MPI_Abort: a rank that merely left would make the others wait for it. */
#include "results/stats/diversity.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mpi_check.h"

/* As in make_diversity.py: integers, an exact sum, one square root, one division, so the same floats. */
static float *make_rows(int64_t n, int c, int seed)
{
    float *x = sg_alloc((size_t)(n * c), sizeof *x);
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
    return x;
}

/* The rows [begin, end) that this rank of the team brings: even; all on the last rank; more and more. */
enum { N_SPLITS = 3 };
static void split_rows(const struct sg_team *team, int split, int64_t n, int64_t *begin, int64_t *end)
{
    int64_t r = team->rank, size = team->size;
    if (split == 0) {
        *begin = n * r / size;
        *end = n * (r + 1) / size;
    } else if (split == 1) {
        *begin = 0;
        *end = r == size - 1 ? n : 0;
    } else {
        *begin = n * r * r / (size * size);
        *end = n * (r + 1) * (r + 1) / (size * size);
    }
}

static struct sg_diversity run(const struct sg_team *team, int split, const float *x, int64_t n, int c,
                               double *spectrum)
{
    struct sg_diversity d = {0};
    struct sg_err err = {0};
    int64_t begin, end;
    split_rows(team, split, n, &begin, &end);
    sg_status status = sg_diversity_of(team, x + begin * c, end - begin, c, &d, spectrum, &err);
    CHECK(status == SG_OK, "%s", err.text);
    return d;
}

static int same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* The same to the last bit as what one rank finds alone. */
static void check_same(const struct sg_team *team, const float *x, int64_t n, int c,
                       const struct sg_diversity *expected, const double *expected_spectrum)
{
    double spectrum[512];
    for (int split = 0; split < N_SPLITS; split++) {
        struct sg_diversity d = run(team, split, x, n, c, spectrum);
        CHECK(d.n == n, "n %lld", (long long)d.n);
        CHECK(same(d.mean_similarity, expected->mean_similarity), "%.17g %.17g", d.mean_similarity,
              expected->mean_similarity);
        CHECK(d.vendi == expected->vendi, "%.17g %.17g", d.vendi, expected->vendi);
        CHECK(d.effective_rank == expected->effective_rank, "%.17g %.17g", d.effective_rank,
              expected->effective_rank);
        CHECK(memcmp(spectrum, expected_spectrum, (size_t)c * sizeof *spectrum) == 0, "n %lld, c %d",
              (long long)n, c);
    }
    struct sg_diversity d = run(team, 0, x, n, c, NULL);
    CHECK(d.vendi == expected->vendi, "without a spectrum");
}

/* Both sides are rounded, so they may differ by one unit of the last digit. */
static int near(double value, double expected, double unit)
{
    return (isnan(value) && isnan(expected)) || fabs(value - expected) < 1.01 * unit;
}

static void test_oracle(const struct sg_team *half)
{
    const struct sg_team self = {MPI_COMM_SELF, 0, 1};
    FILE *file = fopen("tests/results/diversity.txt", "r");
    CHECK(file, "tests/results/diversity.txt; run it in the source folder");
    char line[200];
    int n_cases = 0;
    CHECK(fgets(line, sizeof line, file), "no first line");
    while (fgets(line, sizeof line, file)) {
        int n, c, seed;
        double mean, vendi, rank, spectrum[512];
        CHECK(sscanf(line, "case %d %d %d %lf %lf %lf", &n, &c, &seed, &mean, &vendi, &rank) == 6, "%s",
              line);
        float *x = make_rows(n, c, seed);
        struct sg_diversity d = run(&self, 0, x, n, c, spectrum);
        CHECK(near(d.mean_similarity, mean, 1e-9), "case %d: %.12g, numpy %.12g", n, d.mean_similarity, mean);
        CHECK(near(d.vendi, vendi, 1e-8 * vendi), "case %d: %.12g, numpy %.12g", n, d.vendi, vendi);
        CHECK(near(d.effective_rank, rank, 1e-8 * rank), "case %d: %.12g, numpy %.12g", n, d.effective_rank,
              rank);
        for (int k = 0; k < c; k++) {
            double expected;
            CHECK(fscanf(file, "%lf ", &expected) == 1, "case %d ends early", n);
            CHECK(near(spectrum[k], expected, 1e-9), "case %d, eigenvalue %d: %.12g, numpy %.12g", n, k,
                  spectrum[k], expected);
        }
        check_same(&world, x, n, c, &d, spectrum);
        check_same(half, x, n, c, &d, spectrum);
        sg_free(x);
        n_cases++;
    }
    fclose(file);
    CHECK(n_cases == 9, "%d cases", n_cases);
}

static void test_nothing(void)
{
    double spectrum[3] = {7, 7, 7};
    struct sg_diversity d = run(&world, 0, NULL, 0, 3, spectrum);
    CHECK(d.n == 0 && isnan(d.mean_similarity) && isnan(d.vendi) && isnan(d.effective_rank), "n = 0");
    CHECK(spectrum[0] == 0 && spectrum[2] == 0, "spectrum of nothing");
}

/* Refused on all ranks, with the words of the rank that is at fault (the last), and nothing written. */
static void check_refused(const float *x, int64_t n_local, int c, const char *words)
{
    struct sg_diversity d, before;
    double spectrum[4] = {7, 7, 7, 7};
    struct sg_err err = {0};
    memset(&d, 7, sizeof d);
    before = d;
    sg_status status = sg_diversity_of(&world, x, n_local, c, &d, spectrum, &err);
    CHECK(status == SG_FAILED, "%d, %s", (int)status, words);
    CHECK(strstr(err.text, words), "%s, not %s", err.text, words);
    CHECK(memcmp(&d, &before, sizeof d) == 0 && spectrum[0] == 7, "written in spite of: %s", words);
}

static void test_refused(void)
{
    int last = world.rank == world.size - 1;
    float good[8] = {1, 0, 0, 0, 0, 1, 0, 0}, bad[8] = {1, 0, 0, 0, 0, 1, 0, 0};
    bad[5] = last ? NAN : 1;
    check_refused(bad, 2, 4, "embedding 1 has length nan");
    bad[5] = last ? 2 : 1;
    check_refused(bad, 2, 4, "embedding 1 has length 2");
    bad[5] = last ? 0 : 1;
    check_refused(bad, 2, 4, "embedding 1 has length 0");
    check_refused(good, 2, 0, "2 rows of 0 columns");
    check_refused(good, last ? -1 : 2, 4, "-1 rows");
    check_refused(last ? NULL : good, 2, 4, "2 rows of 4 columns");
}

/* Each allocation of the last rank fails in turn: all ranks leave together, nothing leaks, and the next call
 * works. */
static void test_memory(void)
{
    float *x = make_rows(200, 70, 1);
    size_t before = sg_mem_now();
    int fired = 1, n = 0;
    while (fired) {
        struct sg_diversity d = {.n = -1};
        struct sg_err err = {0};
        if (world.rank == world.size - 1)
            sg_mem_fail_at(++n);
        sg_status status = sg_diversity_of(&world, x, 200, 70, &d, NULL, &err);
        fired = world.rank == world.size - 1 ? sg_mem_fail_at(0) : 0;
        MPI_Bcast(&fired, 1, MPI_INT, world.size - 1, world.comm);
        CHECK(status == (fired ? SG_FAILED : SG_OK), "%d: %s", n, err.text);
        CHECK(fired ? d.n == -1 && strstr(err.text, "out of memory") : d.n == 200 * world.size, "%s",
              err.text);
        CHECK(sg_mem_now() == before, "%zu bytes leaked", sg_mem_now() - before);
    }
    CHECK(world.rank < world.size - 1 || n > 6, "only %d allocations", n);
    sg_free(x);
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
    test_nothing();
    test_refused();
    test_memory();
    MPI_Comm_free(&half.comm);
    sg_mpi_end();
    return 0;
}
