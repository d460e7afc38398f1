#include "model/adamw.h"

#include "base/mem.h"
#include "mpi/reduce.h"

#include <math.h>
#include <string.h>

static const double BETA1 = 0.9, BETA2 = 0.999, EPS = 1e-8; /* PyTorch's defaults */

static int n_tables(const struct sg_layout *l)
{
    return l->shape.n_frozen > 0 ? 0 : 3;
}

static int64_t most_slots(const struct sg_layout *l, int table, int64_t max_tokens)
{
    int64_t rows = l->spec[table].rows;
    return rows < max_tokens ? rows : max_tokens;
}

size_t sg_adamw_bytes(const struct sg_layout *l, int64_t max_tokens)
{
    int64_t dense = l->n_total - l->at_dense, slots = 0;
    for (int k = 0; k < n_tables(l); k++)
        slots += most_slots(l, k, max_tokens);
    return (size_t)(3 * dense + 2 * (l->at_dense - l->at_arena) + slots * l->shape.C) * sizeof(float);
}

static sg_status create_table(const struct sg_layout *l, int k, float *arena, int64_t max_tokens,
                              struct sg_adamw_table *t, struct sg_err *err)
{
    const struct sg_spec *s = &l->spec[k];
    *t = (struct sg_adamw_table){.n_rows = s->rows, .C = s->cols, .p = arena + s->offset};
    t->max_slots = most_slots(l, k, max_tokens);
    t->m = sg_alloc((size_t)s->n, sizeof *t->m);
    t->v = sg_alloc((size_t)s->n, sizeof *t->v);
    t->n_done = sg_alloc((size_t)s->rows, sizeof *t->n_done);
    t->has_state = sg_alloc((size_t)s->rows, 1);
    t->slot = sg_alloc((size_t)s->rows, sizeof *t->slot);
    t->row = sg_alloc((size_t)t->max_slots, sizeof *t->row);
    if (!t->m || !t->v || !t->n_done || !t->has_state || !t->slot || !t->row)
        return sg_fail_memory(err, (unsigned long long)s->n * 2 * sizeof *t->m);
    for (int64_t i = 0; i < s->rows; i++)
        t->slot[i] = -1;
    return SG_OK;
}

/* The own piece of a bucket in the dense part. */
static int64_t own_piece(const struct sg_adamw *o, int bucket, int64_t *n)
{
    int64_t lo, hi;
    const int64_t *cut = sg_adamw_cut(o, bucket) + sg_reduce_piece(o->rank, o->size);
    sg_shards_range(o->layout, bucket, &lo, &hi);
    *n = cut[1] - cut[0];
    return lo + cut[0];
}

static sg_status create_shard(struct sg_adamw *o, struct sg_err *err)
{
    int n_buckets = sg_shards_buckets(o->layout);
    o->n_blocks = sg_shards_blocks(o->layout, NULL);
    o->cut = sg_alloc((size_t)n_buckets * (size_t)(o->size + 1), sizeof *o->cut);
    o->block = sg_alloc((size_t)o->n_blocks, sizeof *o->block);
    o->own = sg_alloc((size_t)o->n_blocks, sizeof *o->own);
    o->own_start = sg_alloc((size_t)n_buckets + 1, sizeof *o->own_start);
    if (!o->cut || !o->block || !o->own || !o->own_start)
        return sg_fail_memory(err, (size_t)o->n_blocks * (sizeof *o->block + sizeof *o->own));
    sg_shards_blocks(o->layout, o->block);
    int64_t i = 0, n;
    for (int b = 0; b < n_buckets; b++) {
        sg_shards_cut(o->layout, b, o->size, o->cut + (int64_t)b * (o->size + 1));
        int64_t at = own_piece(o, b, &n);
        while (i < o->n_blocks && o->block[i].offset < at)
            i++;
        for (; i < o->n_blocks && o->block[i].offset < at + n; i++) {
            o->block[i].state = o->n_state + o->block[i].offset - at;
            o->own[o->n_own++] = i;
        }
        o->n_state += n;
        o->own_start[b + 1] = o->n_own;
    }
    return SG_OK;
}

sg_status sg_adamw_create(const struct sg_ops *ops, const struct sg_layout *layout, float *arena,
                          int64_t max_tokens, int64_t n_steps, int rank, int size, struct sg_adamw *out,
                          struct sg_err *err)
{
    sg_status status = SG_OK;
    struct sg_adamw o = {.ops = ops,
                         .layout = layout,
                         .p = arena + (layout->at_dense - layout->at_arena),
                         .n_dense = layout->n_total - layout->at_dense,
                         .rank = rank,
                         .size = size,
                         .n_steps = n_steps};
    int64_t slots = 0;
    for (int k = 0; k < n_tables(layout); k++) {
        SG_TRY_DONE(create_table(layout, k, arena, max_tokens, &o.table[k], err));
        slots += o.table[k].max_slots;
    }
    SG_TRY_DONE(create_shard(&o, err));
    o.m = sg_alloc((size_t)o.n_state, sizeof *o.m);
    o.v = sg_alloc((size_t)o.n_state, sizeof *o.v);
    o.g = sg_alloc_unset((size_t)(o.n_dense + slots * layout->shape.C), sizeof *o.g);
    o.partial = sg_alloc((size_t)(o.n_blocks + slots), sizeof *o.partial);
    o.step = sg_alloc((size_t)n_steps, sizeof *o.step);
    if (!o.m || !o.v || !o.g || !o.partial || !o.step)
        SG_TRY_DONE(sg_fail_memory(err, sg_adamw_bytes(layout, max_tokens)));
    *out = o;
    return SG_OK;
done:
    sg_adamw_destroy(&o);
    return status;
}

void sg_adamw_destroy(struct sg_adamw *o)
{
    for (int k = 0; k < 3; k++) {
        struct sg_adamw_table *t = &o->table[k];
        sg_free(t->m);
        sg_free(t->v);
        sg_free(t->n_done);
        sg_free(t->has_state);
        sg_free(t->slot);
        sg_free(t->row);
    }
    sg_free(o->m);
    sg_free(o->v);
    sg_free(o->g);
    sg_free(o->cut);
    sg_free(o->block);
    sg_free(o->own);
    sg_free(o->own_start);
    sg_free(o->partial);
    sg_free(o->step);
    *o = (struct sg_adamw){0};
}

const int64_t *sg_adamw_cut(const struct sg_adamw *o, int bucket)
{
    return o->cut + (int64_t)bucket * (o->size + 1);
}

void sg_adamw_spread(const struct sg_adamw *o, const float *state, float *dense)
{
    int64_t n;
    for (int b = 0; b < sg_shards_buckets(o->layout); b++, state += n) {
        int64_t at = own_piece(o, b, &n);
        memcpy(dense + at, state, (size_t)n * sizeof *dense);
    }
}

void sg_adamw_collect(const struct sg_adamw *o, const float *dense, float *state)
{
    int64_t n;
    for (int b = 0; b < sg_shards_buckets(o->layout); b++, state += n) {
        int64_t at = own_piece(o, b, &n);
        memcpy(state, dense + at, (size_t)n * sizeof *dense);
    }
}

void sg_adamw_list(struct sg_adamw *o, int table, const int32_t *row, int64_t n)
{
    struct sg_adamw_table *t = &o->table[table];
    for (int64_t i = 0; i < t->n_slots; i++)
        t->slot[t->row[i]] = -1;
    t->n_slots = 0;
    for (int64_t i = 0; i < n; i++) {
        if (t->slot[row[i]] >= 0)
            continue;
        t->slot[row[i]] = (int32_t)t->n_slots;
        t->row[t->n_slots++] = row[i];
    }
}

int64_t sg_adamw_n_slots(const struct sg_adamw *o)
{
    return o->table[0].n_slots + o->table[1].n_slots + o->table[2].n_slots;
}

/* Table and row of slot i, counted over the tables. */
static struct sg_adamw_table *slot_of(struct sg_adamw *o, int64_t i, int64_t *row)
{
    int k = 0;
    for (; i >= o->table[k].n_slots; k++)
        i -= o->table[k].n_slots;
    *row = o->table[k].row[i];
    return &o->table[k];
}

static void follow(struct sg_adamw *o, struct sg_adamw_table *t, int64_t row)
{
    int64_t from = t->n_done[row], n = o->n_done - from, at = row * t->C;
    if (n <= 0)
        return;
    if (t->has_state[row])
        o->ops->adam_idle(t->C, o->step + from, n, t->p + at, t->m + at, t->v + at);
    else
        o->ops->decay(t->C, o->step + from, n, t->p + at);
    t->n_done[row] = o->n_done;
}

void sg_adamw_follow(struct sg_adamw *o, int64_t i)
{
    int64_t row;
    struct sg_adamw_table *t = slot_of(o, i, &row);
    follow(o, t, row);
}

void sg_adamw_finish_row(struct sg_adamw *o, int table, int64_t row)
{
    follow(o, &o->table[table], row);
}

float *sg_adamw_slot_gradient(struct sg_adamw *o, int64_t i)
{
    return o->g + o->n_dense + i * o->layout->shape.C;
}

int64_t sg_adamw_n_items(const struct sg_adamw *o)
{
    return o->n_own + sg_adamw_n_slots(o);
}

void sg_adamw_square(struct sg_adamw *o, int64_t i)
{
    if (i < o->n_own) {
        const struct sg_block *b = &o->block[o->own[i]];
        o->partial[o->own[i]] = o->ops->sum_squares(b->n, o->g + b->offset);
    } else {
        int64_t slot = i - o->n_own;
        o->partial[o->n_blocks + slot] =
            o->ops->sum_squares(o->layout->shape.C, sg_adamw_slot_gradient(o, slot));
    }
}

double sg_adamw_norm(const struct sg_adamw *o)
{
    double sum = 0.0;
    for (int64_t i = 0; i < o->n_blocks + sg_adamw_n_slots(o); i++)
        sum += o->partial[i];
    return sqrt(sum);
}

double sg_adamw_rate(const struct sg_adamw *o, int64_t step)
{
    if (step < o->n_warmup)
        return o->lr * (double)step / (double)(o->n_warmup > 1 ? o->n_warmup : 1);
    int64_t rest = o->n_steps - o->n_warmup;
    return o->lr * (double)(o->n_steps - step) / (double)(rest > 1 ? rest : 1);
}

void sg_adamw_begin(struct sg_adamw *o, double norm)
{
    double lr = sg_adamw_rate(o, o->n_done), t = (double)(o->n_done + 1);
    double scale = o->clip > 0.0 ? o->clip / (norm + 1e-6) : 1.0; /* as torch.nn.utils.clip_grad_norm_ */
    o->step[o->n_done] = (struct sg_adam){.keep = (float)(1.0 - lr * o->weight_decay),
                                          .take1 = (float)(1.0 - BETA1),
                                          .beta2 = (float)BETA2,
                                          .take2 = (float)(1.0 - BETA2),
                                          .rate = (float)(lr / (1.0 - pow(BETA1, t))),
                                          .inverse_root = (float)(1.0 / sqrt(1.0 - pow(BETA2, t))),
                                          .eps = (float)EPS,
                                          .clip = scale < 1.0 ? (float)scale : 1.0f};
}

void sg_adamw_update(struct sg_adamw *o, int64_t i)
{
    const struct sg_adam *s = &o->step[o->n_done];
    if (i < o->n_own) {
        const struct sg_block *b = &o->block[o->own[i]];
        struct sg_adam rule = *s;
        if (!b->decays)
            rule.keep = 1.0f;
        o->ops->adam(b->n, &rule, o->p + b->offset, o->m + b->state, o->v + b->state, o->g + b->offset);
        return;
    }
    int64_t row, slot = i - o->n_own;
    struct sg_adamw_table *t = slot_of(o, slot, &row);
    int64_t at = row * t->C;
    o->ops->adam(t->C, s, t->p + at, t->m + at, t->v + at, sg_adamw_slot_gradient(o, slot));
    t->has_state[row] = 1;
    t->n_done[row] = o->n_done + 1;
}

void sg_adamw_end(struct sg_adamw *o)
{
    o->n_done++;
}
