/* Single-threaded products of the encoders' shapes: synthgrid's own kernels beside the libraries that are installed.
 *
 *     gemm [--quick] [--channels 384|768]
 *
 * Rows T of a lane, weights (N,C): forward y = x w', dx = dy w, dw = dy' x; then attention of one head, scores = q k'
 * and context = p v. GF/s of each candidate, and in brackets its ratio to the first one; "-" where a library has no kernel for a
 * shape. Every candidate's result is compared with the first one's. "bf16" rounds the operands of our own products. */
#include "base/mem.h"
#include "blas.h"
#include "model/kernels/ops.h"
#include "timing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum op { FORWARD, DX, DW, SCORES, CONTEXT };
static const char *const op_name[] = {"y = x w'", "dx = dy w", "dw = dy' x", "s = q k'", "c = p v"};

/* A product as BLAS sees it: c (M,N) = op(a) op(b). */
struct product {
    enum op op;
    int T, n_out, n_in; /* of the weights; for attention: keys and head's width */
    int M, N, K, turn_a, turn_b;
    float *a, *b, *c, *pack;
    sg_bench_gemm *gemm;      /* NULL: synthgrid's own, */
    const struct sg_ops *ops; /* of these kernels */
};

/* The one place that knows the kernels' signatures. Attention has no kernel of its own for a single product. */
static int own(const struct product *p)
{
    const struct sg_ops *ops = p->ops;
    int64_t T = p->T, N = p->n_out, C = p->n_in;
    if (p->op == FORWARD)
        ops->linear(T, N, C, p->a, C, p->b, p->c, N, p->pack);
    else if (p->op == DX)
        ops->linear_dx(T, N, C, p->a, N, p->b, 0, p->c, C, p->pack);
    else if (p->op == DW)
        for (int64_t at = 0; at < N; at += SG_DW_ROWS) {
            const int64_t lane[] = {0, T};
            int64_t n = N - at < SG_DW_ROWS ? N - at : SG_DW_ROWS;
            ops->linear_dw(1, lane, n, C, p->a + at, N, p->b, C, p->c + at * C, C, p->pack);
        }
    else
        return 0;
    return 1;
}

static int run(void *context)
{
    struct product *p = context;
    return p->gemm ? p->gemm(p->turn_a, p->turn_b, p->M, p->N, p->K, p->a, p->b, p->c) : own(p);
}

static struct product product_of(enum op op, int T, int n_out, int n_in)
{
    struct product p = {.op = op, .T = T, .n_out = n_out, .n_in = n_in};
    switch (op) {
    case FORWARD:
    case SCORES:
        p.M = T, p.N = n_out, p.K = n_in, p.turn_b = 1;
        break;
    case DW:
        p.M = n_out, p.N = n_in, p.K = T, p.turn_a = 1;
        break;
    case DX:
    case CONTEXT:
        p.M = T, p.N = n_in, p.K = n_out;
        break;
    }
    return p;
}

static double difference(int n, const float *x, const float *y)
{
    double most = 0, size = 1e-30;
    for (int i = 0; i < n; i++) {
        most = fmax(most, fabs((double)x[i] - (double)y[i]));
        size = fmax(size, fabs((double)y[i]));
    }
    return most / size;
}

struct bench {
    struct sg_bench_blas candidate[SG_BENCH_MAX_BLAS + 2];
    const struct sg_ops *ops[SG_BENCH_MAX_BLAS + 2]; /* of those that are our own */
    double off[SG_BENCH_MAX_BLAS + 2];               /* how far a result may lie from the first one's */
    int n, quick, wrong;
    float *a, *b, *c, *first, *pack;
};

static void row(struct bench *g, enum op op, int T, int n_out, int n_in)
{
    struct product p = product_of(op, T, n_out, n_in);
    double first_s = 0;
    p.a = g->a, p.b = g->b, p.c = g->c, p.pack = g->pack;
    printf("%-11s %4d %5d %5d", op_name[op], T, n_out, n_in);
    for (int i = 0; i < g->n; i++) {
        p.gemm = g->candidate[i].gemm;
        p.ops = g->ops[i];
        double s = sg_bench_seconds(run, &p, g->quick ? 1 : 3, g->quick ? 0 : 0.02);
        if (s <= 0) {
            printf(" %16s", "-");
            continue;
        }
        if (first_s <= 0) {
            first_s = s;
            memcpy(g->first, p.c, (size_t)(p.M * p.N) * sizeof *p.c);
        }
        g->wrong += difference(p.M * p.N, p.c, g->first) > g->off[i];
        printf("   %6.1f (%.2fx)", 2e-9 * p.M * p.N * p.K / s, first_s / s);
    }
    printf("\n");
}

static void shapes_of(struct bench *g, int C)
{
    static const int rows[] = {16, 32, 64, 128, 256, 512};
    int F = 4 * C, D = C == 384 ? 32 : 64, n_rows = g->quick ? 1 : 6;
    const int weights[][2] = {{C, C}, {3 * C, C}, {F, C}, {C, F}};
    for (int op = FORWARD; op <= DW; op++)
        for (int w = 0; w < 4; w++)
            for (int i = 0; i < n_rows; i++)
                row(g, (enum op)op, rows[i], weights[w][0], weights[w][1]);
    for (int i = 0; i < n_rows - !g->quick; i++) { /* a sequence has no more than 256 tokens here */
        row(g, SCORES, rows[i], rows[i], D);
        row(g, CONTEXT, rows[i], rows[i], D);
    }
}

static void add_own(struct bench *g, const char *name, const struct sg_ops *ops, double off)
{
    g->ops[g->n] = ops;
    g->off[g->n] = off;
    g->candidate[g->n++] = (struct sg_bench_blas){name, NULL};
}

static int create(struct bench *g)
{
    enum { LARGEST = 768 * 3072 }; /* more than 512 x 3072 */
    g->n = sg_bench_blas_open(g->candidate);
    for (int i = 0; i < g->n; i++)
        g->off[i] = 1e-4;
    add_own(g, "own", sg_ops_best(SG_FP32), 1e-4);
    if (sg_ops_best(SG_BF16))
        add_own(g, "own, bf16", sg_ops_best(SG_BF16), 2e-2);
    float **array[] = {&g->a, &g->b, &g->c, &g->first};
    for (int k = 0; k < 4; k++)
        if (!(*array[k] = sg_alloc(LARGEST, sizeof **array[k])))
            return 0;
    for (int i = 0; i < LARGEST; i++) {
        g->a[i] = (float)(i * 7 % 31) / 31.0f - 0.5f;
        g->b[i] = (float)(i * 11 % 37) / 37.0f - 0.5f;
    }
    return (g->pack = sg_alloc((size_t)sg_pack_floats(512), sizeof *g->pack)) != NULL;
}

int main(int argc, char **argv)
{
    struct bench g = {.quick = 0};
    int channels = 0;
    for (int i = 1; i < argc; i++) {
        g.quick |= !strcmp(argv[i], "--quick");
        if (!strcmp(argv[i], "--channels") && i + 1 < argc)
            channels = atoi(argv[++i]);
    }
    if (!create(&g)) {
        fprintf(stderr, "gemm: no memory\n");
        return 1;
    }
    printf("GF/s, one thread (x: ratio to the first); own: %s\n%-11s %4s %5s %5s", sg_ops_best(SG_FP32)->name,
           "product", "T", "N", "C");
    for (int i = 0; i < g.n; i++)
        printf(" %16s", g.candidate[i].name);
    printf("\n");
    if (channels != 768)
        shapes_of(&g, 384);
    if (channels != 384)
        shapes_of(&g, 768);
    if (g.wrong)
        fprintf(stderr, "gemm: %d products differ from the first one's by more than their precision allows\n",
                g.wrong);
    float *array[] = {g.a, g.b, g.c, g.first, g.pack};
    for (int k = 0; k < 5; k++)
        sg_free(array[k]);
    return g.wrong != 0;
}
