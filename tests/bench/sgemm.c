/* The rate that a training step is held against: single-threaded cblas_sgemm of the library that synthgrid links, the
 * best of the encoders' shapes and 2048^3.
 *
 *     sgemm [--quick]          {"gflops": 101.2, "shapes": {"512x768x768": 97.1, ...}} */
#include "base/mem.h"
#include "timing.h"

#include <cblas.h>
#include <stdio.h>
#include <string.h>

/* A BLAS's threads have no standard interface. */
extern void openblas_set_num_threads(int) __attribute__((weak));

struct product {
    int M, N, K;
    float *a, *b, *c;
};

static int multiply(void *context)
{
    struct product *p = context;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, p->M, p->N, p->K, 1.0f, p->a, p->K, p->b, p->K, 0.0f,
                p->c, p->N);
    return 1;
}

int main(int argc, char **argv)
{
    static const int shape[][3] = {{512, 384, 384},  {512, 1536, 384}, {512, 384, 1536},  {512, 768, 768},
                                   {512, 3072, 768}, {512, 768, 3072}, {2048, 2048, 2048}};
    enum { N_SHAPES = sizeof shape / sizeof shape[0], LARGEST = 2048 * 2048 };
    int quick = argc > 1 && !strcmp(argv[1], "--quick");
    struct product p = {.a = sg_alloc(LARGEST, sizeof *p.a),
                        .b = sg_alloc(LARGEST, sizeof *p.b),
                        .c = sg_alloc(LARGEST, sizeof *p.c)};
    if (!p.a || !p.b || !p.c) {
        fprintf(stderr, "sgemm: no memory\n");
        return 1;
    }
    for (int i = 0; i < LARGEST; i++) {
        p.a[i] = (float)(i % 13) - 6.0f;
        p.b[i] = (float)(i % 17) - 8.0f;
    }
    if (openblas_set_num_threads)
        openblas_set_num_threads(1);
    double best = 0;
    printf("{\"shapes\": {");
    for (int i = 0; i < N_SHAPES - quick; i++) {
        p.M = shape[i][0], p.N = shape[i][1], p.K = shape[i][2];
        double s = sg_bench_seconds(multiply, &p, quick ? 1 : 5, quick ? 0 : 0.2);
        double rate = 2e-9 * p.M * p.N * p.K / s;
        best = rate > best ? rate : best;
        printf("%s\"%dx%dx%d\": %.2f", i ? ", " : "", p.M, p.N, p.K, rate);
    }
    printf("}, \"gflops\": %.2f}\n", best);
    sg_free(p.a);
    sg_free(p.b);
    sg_free(p.c);
    return 0;
}
