/* Weight gradients, tile by tile, summed over the lanes in their tree. */
#include "model/encoder_rows.h"

#include <string.h>

/* Enough rows and columns to be worth the packing of their operands; enough tiles to share out among threads. */
enum { TILE_ROWS = SG_DW_ROWS, TILE_COLS = 768 };

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
        out[n++] = (struct product){2 * C, C, a->dqkv, input_of(p, part), w->key_w, 0};
    } else {
        out[n++] = (struct product){3 * C, C, a->dqkv, input_of(p, part), w->query_w, 0};
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

/* Tile i's part of n: the parts differ by at most one. */
static void cut(int64_t n, int64_t most, int64_t i, int64_t *at, int64_t *size)
{
    int64_t parts = (n + most - 1) / most;
    *at = n * i / parts;
    *size = n * (i + 1) / parts - *at;
}

static void product_tile(const struct sg_pass *p, const struct product *q, int64_t i, float *scratch)
{
    int64_t across = (q->C + TILE_COLS - 1) / TILE_COLS, row, n_rows, col, n_cols;
    cut(q->N, TILE_ROWS, i / across, &row, &n_rows);
    cut(q->C, TILE_COLS, i % across, &col, &n_cols);
    p->ops->linear_dw(p->b->n_lanes, lane_rows(p->b, q->narrow), n_rows, n_cols, q->dy + row, q->N,
                      q->x + col, q->C, q->dw + row * q->C + col, q->C, scratch);
}

/* The tree sum over lanes [lo, hi) of a part's vectors, which lanes have left in a->vectors; 0 when they are empty. */
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
        product_tile(p, &q[j], i, scratch);
        return;
    }
    vectors_of(p, part, g, scratch);
}

int64_t sg_pass_scratch(const struct sg_shape *s, int64_t T, int64_t longest, int64_t n_vectors, int lanes)
{
    int64_t depth = 2, attention = sg_attention_scratch(longest, s->D), most = sg_pack_floats(T);
    for (int l = 1; l < lanes; l *= 2)
        depth++;
    most = attention > most ? attention : most;
    return depth * n_vectors > most ? depth * n_vectors : most;
}
