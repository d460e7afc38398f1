/* Weight gradients, tile by tile, summed over the lanes in their tree. */
#include "model/encoder_rows.h"

#include <string.h>

/* A tile of 256 x 384 floats and one to add to it lie in an L2 cache of 1 MB beside the packed operands. */
enum { TILE_ROWS = 256, TILE_COLS = 384, TILE = TILE_ROWS * TILE_COLS };

/* dw (N,C) = dy (rows,N)' x (rows,C), over first tokens alone or all tokens. */
struct product {
    int64_t N, C;
    const float *dy, *x;
    float *dw;
    int narrow;
};

static int products_of(const struct sg_pass *p, int part, const struct sg_params *g, struct product out[5])
{
    const struct sg_acts *a = p->a;
    int64_t C = p->s->C, F = p->s->F, K = p->s->K;
    if (part < 0)
        return 0;
    if (part == (int)p->s->L) {
        out[0] = (struct product){C, C, a->du, a->cls, g->dense_w, 1};
        out[1] = (struct product){K, C, a->dlogits, a->v, g->logit_w, 1};
        return 2;
    }
    const struct sg_layer *w = &g->layer[part];
    int narrow = is_narrow(p, part), n = 0;
    const struct sg_rows_acts *r = narrow ? &a->first : &a->all;
    if (narrow) {
        out[n++] = (struct product){C, C, r->dq, r->x, w->query_w, 1};
        out[n++] = (struct product){2 * C, C, a->dqkv, a->all.x, w->key_w, 0};
    } else {
        out[n++] = (struct product){3 * C, C, a->dqkv, a->all.x, w->query_w, 0};
    }
    out[n++] = (struct product){C, C, r->dout1, a->layer[part].ctx, w->out_w, narrow};
    out[n++] = (struct product){F, C, r->dh, r->y, w->up_w, narrow};
    out[n++] = (struct product){C, F, r->dout2, r->a, w->down_w, narrow};
    return n;
}

static int64_t tiles_of(const struct product *q)
{
    return (q->N + TILE_ROWS - 1) / TILE_ROWS * ((q->C + TILE_COLS - 1) / TILE_COLS);
}

struct tile {
    const struct sg_pass *pass;
    const struct product *q;
    int64_t row, col, n_rows, n_cols;
};

/* The sum over lanes [lo, hi) into out; 0 when they are empty (out is untouched then). */
static int sum_lanes(const struct tile *t, int lo, int hi, float *out, int64_t ld_out, float *scratch)
{
    const struct product *q = t->q;
    const struct sg_ops *ops = t->pass->ops;
    if (hi == lo) /* a rank of a team larger than the lanes has none */
        return 0;
    if (hi - lo == 1) {
        int64_t i = lane_row(t->pass->b, q->narrow, lo), n = lane_row(t->pass->b, q->narrow, hi) - i;
        if (n == 0)
            return 0;
        ops->linear_dw(n, t->n_rows, t->n_cols, q->dy + i * q->N + t->row, q->N, q->x + i * q->C + t->col,
                       q->C, out, ld_out);
        return 1;
    }
    int mid = lo + (hi - lo) / 2;
    if (!sum_lanes(t, lo, mid, out, ld_out, scratch))
        return sum_lanes(t, mid, hi, out, ld_out, scratch);
    if (sum_lanes(t, mid, hi, scratch, t->n_cols, scratch + TILE))
        for (int64_t r = 0; r < t->n_rows; r++)
            ops->add(t->n_cols, out + r * ld_out, scratch + r * t->n_cols);
    return 1;
}

/* The same for a part's vectors, which lanes have left in a->vectors. */
static int sum_vectors(const struct sg_pass *p, int lo, int hi, int64_t n, float *out, float *scratch)
{
    if (hi == lo)
        return 0;
    if (hi - lo == 1) {
        if (p->b->lane[lo] == p->b->lane[hi])
            return 0;
        memcpy(out, p->a->vectors + lo * p->a->n_vectors, (size_t)n * sizeof *out);
        return 1;
    }
    int mid = lo + (hi - lo) / 2;
    if (!sum_vectors(p, lo, mid, n, out, scratch))
        return sum_vectors(p, mid, hi, n, out, scratch);
    if (sum_vectors(p, mid, hi, n, scratch, scratch + n))
        p->ops->add(n, out, scratch);
    return 1;
}

static void vectors_of(const struct sg_pass *p, int part, const struct sg_params *g, float *scratch)
{
    int64_t C = p->s->C, K = p->s->K;
    int64_t n = part < 0 ? 2 * C : part == (int)p->s->L ? C + K : 9 * C + p->s->F;
    float *sum = scratch;
    if (!sum_vectors(p, 0, p->b->n_lanes, n, sum, scratch + n))
        memset(sum, 0, (size_t)n * sizeof *sum);
    if (part == (int)p->s->L) { /* the head's two do not lie side by side */
        memcpy(g->dense_b, sum, (size_t)C * sizeof *sum);
        memcpy(g->logit_b, sum + C, (size_t)K * sizeof *sum);
    } else {
        memcpy(part < 0 ? g->norm_gain : g->layer[part].query_b, sum, (size_t)n * sizeof *sum);
    }
}

int64_t sg_weights_tiles(const struct sg_pass *p, int part, const struct sg_params *g)
{
    struct product q[5];
    int64_t n_tiles = 1; /* the vectors */
    for (int j = products_of(p, part, g, q); j > 0; j--)
        n_tiles += tiles_of(&q[j - 1]);
    return n_tiles;
}

void sg_weights_tile(const struct sg_pass *p, int part, int64_t i, const struct sg_params *g, float *scratch)
{
    struct product q[5];
    int n = products_of(p, part, g, q);
    for (int j = 0; j < n; j++) {
        int64_t tiles = tiles_of(&q[j]);
        if (i >= tiles) {
            i -= tiles;
            continue;
        }
        int64_t across = (q[j].C + TILE_COLS - 1) / TILE_COLS;
        struct tile t = {.pass = p, .q = &q[j], .row = i / across * TILE_ROWS, .col = i % across * TILE_COLS};
        t.n_rows = q[j].N - t.row < TILE_ROWS ? q[j].N - t.row : TILE_ROWS;
        t.n_cols = q[j].C - t.col < TILE_COLS ? q[j].C - t.col : TILE_COLS;
        float *out = q[j].dw + t.row * q[j].C + t.col;
        if (!sum_lanes(&t, 0, p->b->n_lanes, out, q[j].C, scratch))
            for (int64_t r = 0; r < t.n_rows; r++)
                memset(out + r * q[j].C, 0, (size_t)t.n_cols * sizeof *out);
        return;
    }
    vectors_of(p, part, g, scratch);
}

int64_t sg_weights_scratch(int64_t n_vectors, int lanes)
{
    int64_t depth = 1;
    for (int l = 1; l < lanes; l *= 2)
        depth++;
    int64_t tiles = depth * TILE, vectors = (depth + 1) * n_vectors;
    return tiles > vectors ? tiles : vectors;
}
