#include "model/shards.h"

int sg_shards_buckets(const struct sg_layout *l)
{
    return (int)l->shape.L + 1 - sg_shards_first(l);
}

void sg_shards_range(const struct sg_layout *l, int bucket, int64_t *lo, int64_t *hi)
{
    int part = bucket + sg_shards_first(l);
    int64_t L = l->shape.L, dense = l->n_total - l->at_dense, head = l->at_head - l->at_dense;
    int64_t norm = l->shape.n_frozen ? 0 : 2 * l->shape.C, n_layers = L - l->shape.n_frozen,
            layer = n_layers ? (head - norm) / n_layers : 0;
    *lo = part < 0 ? 0 : norm + (part - l->shape.n_frozen) * layer;
    *hi = part < 0 ? norm : part < L ? *lo + layer : dense;
}

int64_t sg_shards_blocks(const struct sg_layout *l, struct sg_block *out)
{
    int64_t n = 0;
    for (int i = 0; i < l->n_specs; i++) {
        const struct sg_spec *s = &l->spec[i];
        if (s->offset < l->at_dense)
            continue;
        for (int64_t at = 0; at < s->n; at += SG_BLOCK, n++)
            if (out)
                out[n] = (struct sg_block){.offset = s->offset - l->at_dense + at,
                                           .n = s->n - at < SG_BLOCK ? s->n - at : SG_BLOCK,
                                           .decays = s->decays,
                                           .state = -1};
    }
    return n;
}

void sg_shards_cut(const struct sg_layout *l, int bucket, int size, int64_t *cut)
{
    int64_t lo, hi;
    sg_shards_range(l, bucket, &lo, &hi);
    int next = 0;
    int64_t before = 0; /* the last end of a block, from the bucket's start */
    cut[next++] = 0;
    for (int i = 0; i < l->n_specs; i++) {
        const struct sg_spec *s = &l->spec[i];
        int64_t at = s->offset - l->at_dense - lo;
        if (at < 0 || at >= hi - lo)
            continue;
        for (int64_t done = 0; done < s->n;) {
            done = done + SG_BLOCK < s->n ? done + SG_BLOCK : s->n;
            int64_t end = at + done, share;
            for (; next < size && (share = (hi - lo) * next / size) <= end; next++)
                cut[next] = share - before <= end - share ? before : end;
            before = end;
        }
    }
    while (next <= size)
        cut[next++] = hi - lo;
}
