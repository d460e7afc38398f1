#include "base/file.h"
#include "model/trainer.h"

#include <math.h>
#include <omp.h>
#include <string.h>

static void add_example(const struct sg_trainer *t, struct sg_batch *b, int64_t example, int64_t place)
{
    const struct sg_examples *x = t->train;
    sg_batch_add(b, &t->config, &t->train_tokens, example, t->word_row, place, x->label[example],
                 x->quality ? x->quality[example] : -1.0f);
}

/* Fills the batches and lists the tables' rows; returns the number of examples. */
static int64_t deal(struct sg_trainer *t, int64_t step, int64_t *n_tokens)
{
    int64_t n;
    if (step % t->steps_per_epoch == 0)
        sg_trainer_shuffle(t, step / t->steps_per_epoch);
    const int64_t *x = sg_trainer_examples(t, step, &n);
    sg_lanes_deal(&t->train_tokens, x, n, t->lanes, t->layout.shape.C, t->lane_of, t->deal_scratch);
    *n_tokens = 0;
    for (int64_t i = 0; i < n; i++)
        *n_tokens += t->train_tokens.start[x[i] + 1] - t->train_tokens.start[x[i]];
    sg_batch_clear(&t->global);
    for (int64_t i = 0; i < n && !t->n_frozen; i++)
        add_example(t, &t->global, x[i], i);
    sg_batch_clear(&t->local);
    for (int lane = t->lane_lo; lane < t->lane_hi; lane++) {
        for (int64_t i = 0; i < n; i++)
            if (t->lane_of[i] == lane)
                add_example(t, &t->local, x[i], i);
        sg_batch_close_lane(&t->local);
    }
    for (int64_t s = 0; s < t->local.B; s++)
        t->local_text[s] = x[t->local.seq_example[s]];
    for (int k = 0; k < 3 && !t->n_frozen; k++)
        sg_adamw_list(&t->adamw, k, t->global.row[k], t->global.T);
    return n;
}

/* This rank's tokens by slot (a counting sort, so that lanes ascend within a slot). */
static void sort_tokens(struct sg_trainer *t)
{
    int64_t first = 0, *start = t->slot_start;
    if (t->n_frozen)
        return;
    memset(start, 0, (size_t)(sg_adamw_n_slots(&t->adamw) + 1) * sizeof *start);
    for (int k = 0; k < 3; k++) {
        for (int64_t i = 0; i < t->local.T; i++)
            start[first + t->adamw.table[k].slot[t->local.row[k][i]] + 1]++;
        first += t->adamw.table[k].n_slots;
    }
    for (int64_t s = 0; s < first; s++)
        start[s + 1] += start[s];
    first = 0;
    for (int k = 0; k < 3; k++) {
        for (int64_t i = 0; i < t->local.T; i++)
            t->slot_token[start[first + t->adamw.table[k].slot[t->local.row[k][i]]]++] = i;
        first += t->adamw.table[k].n_slots;
    }
    /* Each start has moved to the next one's place. */
    memmove(start + 1, start, (size_t)first * sizeof *start);
    start[0] = 0;
}

/* The sum of the slot's tokens in lanes [lo, hi) into out, from *at on; 0 when there are none. */
static int sum_tokens(const struct sg_trainer *t, int lo, int hi, const int64_t **at, const int64_t *end,
                      float *out, float *scratch)
{
    int64_t C = t->layout.shape.C;
    if (hi - lo == 1) {
        int64_t stop = t->local.start[t->local.lane[hi]];
        int any = 0;
        for (; *at < end && **at < stop; ++*at) {
            const float *d = t->acts.all.dx + **at * C;
            if (any)
                t->ops->add(C, out, d);
            else
                memcpy(out, d, (size_t)C * sizeof *out);
            any = 1;
        }
        return any;
    }
    int mid = lo + (hi - lo) / 2;
    if (!sum_tokens(t, lo, mid, at, end, out, scratch))
        return sum_tokens(t, mid, hi, at, end, out, scratch);
    if (sum_tokens(t, mid, hi, at, end, scratch, scratch + C))
        t->ops->add(C, out, scratch);
    return 1;
}

/* Whether this rank's gradients are the team's: their squares are then summed while they lie in the cache. */
static int is_alone(const struct sg_trainer *t)
{
    return t->team->size == 1;
}

static void slot_gradient(struct sg_trainer *t, int64_t slot, float *scratch)
{
    float *g = sg_adamw_slot_gradient(&t->adamw, slot);
    const int64_t *at = t->slot_token + t->slot_start[slot], *end = t->slot_token + t->slot_start[slot + 1];
    if (t->local.n_lanes == 0 || !sum_tokens(t, 0, t->local.n_lanes, &at, end, g, scratch))
        memset(g, 0, (size_t)t->layout.shape.C * sizeof *g);
    if (is_alone(t))
        sg_adamw_square(&t->adamw, t->adamw.n_own + slot);
}

/* The network moves only while it is asked to: the master thread does so between two pieces of work. */
static void poke(const struct sg_trainer *t)
{
    if (t->reduction)
        sg_reduction_poke(t->reduction);
}

static void start(const struct sg_trainer *t, int bucket, enum sg_reduce_job job, float *dense)
{
    int64_t lo, hi;
    if (!t->reduction)
        return;
    sg_shards_range(&t->layout, bucket, &lo, &hi);
    sg_reduction_start(t->reduction, bucket, job, dense + lo, sg_adamw_cut(&t->adamw, bucket));
    sg_reduction_poke(t->reduction);
}

static void take_frozen(struct sg_trainer *t, int thread, int lo, int hi)
{
    const struct sg_batch *b = &t->local;
    int64_t C = t->layout.shape.C, s = b->lane[lo],
            row = t->n_frozen == t->layout.shape.L ? s : b->lane_token[lo];
    sg_frozen_take(&t->frozen, thread, t->local_text + s, b->lane[hi] - s, t->acts.input + row * C);
}

/* Forward and backward of this rank's lanes: one parallel region, a lane a thread; a barrier before and after
 * each part's weight gradients, which all threads share. Then the part's sum over the team begins. */
static void compute(struct sg_trainer *t, int64_t step, int64_t n_batch)
{
    struct sg_pass pass = {.s = &t->layout.shape,
                           .config = &t->config,
                           .ops = t->ops,
                           .p = &t->params,
                           .b = &t->local,
                           .a = &t->acts,
                           .drop = sg_drop_make(t->dropout, t->seed, step),
                           .drop_attention = sg_drop_make(t->attention_dropout, t->seed, step),
                           .drop_head = sg_drop_make(t->head_dropout, t->seed, step)};
    int n_lanes = t->local.n_lanes, L = (int)t->layout.shape.L, first = sg_shards_first(&t->layout);
    int64_t n_slots = sg_adamw_n_slots(&t->adamw), *own = t->adamw.own_start;
#pragma omp parallel num_threads(t->threads)
    {
        int me = omp_get_thread_num(), n_threads = omp_get_num_threads();
        int lo = me * n_lanes / n_threads, hi = (me + 1) * n_lanes / n_threads;
        float *scratch = t->thread_scratch + me * t->n_thread_scratch;
#pragma omp for schedule(dynamic, 8)
        for (int64_t i = 0; i < n_slots; i++)
            sg_adamw_follow(&t->adamw, i);
        if (hi > lo) {
            if (t->n_frozen)
                take_frozen(t, me, lo, hi);
            sg_encoder_forward(&pass, lo, hi, scratch);
            sg_head_forward(&pass, lo, hi, scratch);
            sg_head_backward(&pass, lo, hi, n_batch, scratch);
        }
        for (int part = L; part >= first; part--) {
            if (part < 0 && hi > lo)
                sg_embedding_backward(&pass, lo, hi);
            else if (part < L && hi > lo)
                sg_encoder_backward(&pass, part, lo, hi, scratch);
            if (me == 0)
                poke(t);
#pragma omp barrier
            int64_t n_tiles = sg_weights_tiles(&pass, part, &t->gradients);
#pragma omp for schedule(dynamic)
            for (int64_t i = 0; i < n_tiles; i++) {
                sg_weights_tile(&pass, part, i, &t->gradients, scratch);
                if (me == 0)
                    poke(t);
            }
            int bucket = part - first;
            int64_t end = is_alone(t) ? own[bucket + 1] : own[bucket];
            if (me == 0)
                start(t, bucket, SG_SCATTER, t->adamw.g);
#pragma omp for schedule(dynamic, 8) nowait
            for (int64_t i = own[bucket]; i < end; i++)
                sg_adamw_square(&t->adamw, i);
        }
#pragma omp for schedule(dynamic, 8)
        for (int64_t i = 0; i < n_slots; i++)
            slot_gradient(t, i, scratch);
    }
}

/* The tables' rows: all of their sum is for every rank. */
static void start_rows(struct sg_trainer *t)
{
    int64_t n = sg_adamw_n_slots(&t->adamw) * t->layout.shape.C;
    sg_reduce_cut(n, t->team->size, t->row_cut);
    sg_reduction_start(t->reduction, sg_shards_buckets(&t->layout), SG_ALLREDUCE,
                       t->adamw.g + t->adamw.n_dense, t->row_cut);
}

static sg_status wait(struct sg_trainer *t, struct sg_err *err)
{
    double begin = sg_now_s();
    sg_status status = sg_reduction_wait(t->reduction, err);
    t->wait_s += sg_now_s() - begin;
    return status;
}

/* What MPI has of its own, whose sum depends on the number of ranks: for comparison alone. */
static sg_status reduce_by_mpi(struct sg_trainer *t, struct sg_err *err)
{
    enum { PIECE = 1 << 28 };
    double begin = sg_now_s();
    int64_t n = t->adamw.n_dense + sg_adamw_n_slots(&t->adamw) * t->layout.shape.C;
    for (int64_t at = 0; at < n; at += PIECE)
        SG_TRY(
            sg_mpi_check(MPI_Allreduce(MPI_IN_PLACE, t->adamw.g + at, (int)(n - at < PIECE ? n - at : PIECE),
                                       MPI_FLOAT, MPI_SUM, t->team->comm),
                         "MPI_Allreduce", err));
    t->wait_s += sg_now_s() - begin;
    return SG_OK;
}

static sg_status reduce(struct sg_trainer *t, struct sg_err *err)
{
    if (t->reduction) {
        start_rows(t);
        return wait(t, err);
    }
    return t->team->size > 1 ? reduce_by_mpi(t, err) : SG_OK;
}

/* Sums over the team what is one rank's alone, the others adding 0, so that the sum has one order for any
 * team: each example's loss, each block's squares, rank 0's word; and counts those who want to stop. */
static sg_status exchange(struct sg_trainer *t, int stopping, struct sg_err *err)
{
    double *loss = t->shared, *stop = loss + t->batch, *keep = stop + 1, *square = keep + 1,
           *partial = t->adamw.partial;
    int64_t n_blocks = t->reduction ? t->adamw.n_blocks : 0;
    memset(t->shared, 0, (size_t)(t->batch + 2 + n_blocks) * sizeof *t->shared);
    for (int64_t s = 0; s < t->local.B; s++)
        loss[t->local.seq_example[s]] = t->acts.loss[s];
    *stop = stopping ? 1.0 : 0.0;
    *keep = t->keep;
    for (int64_t i = 0; i < t->adamw.n_own && n_blocks; i++)
        square[t->adamw.own[i]] = partial[t->adamw.own[i]];
    double begin = sg_now_s();
    SG_TRY(sg_reduce_exact_f64(t->team, t->shared, t->batch + 2 + n_blocks, &t->count, err));
    t->wait_s += sg_now_s() - begin;
    memcpy(partial, square, (size_t)n_blocks * sizeof *partial);
    t->keep = *keep;
    return SG_OK;
}

static void square_all(struct sg_trainer *t)
{
    int64_t n = is_alone(t) ? 0 : sg_adamw_n_items(&t->adamw);
#pragma omp parallel for num_threads(t->threads) schedule(dynamic, 8)
    for (int64_t i = 0; i < n; i++)
        sg_adamw_square(&t->adamw, i);
}

static void update_items(struct sg_trainer *t, int64_t lo, int64_t hi)
{
#pragma omp parallel for num_threads(t->threads) schedule(dynamic, 8)
    for (int64_t i = lo; i < hi; i++)
        sg_adamw_update(&t->adamw, i);
}

/* Each bucket's new parameters set out while the next bucket is updated. */
static sg_status update(struct sg_trainer *t, double norm, struct sg_err *err)
{
    struct sg_adamw *o = &t->adamw;
    int n_buckets = t->reduction ? sg_shards_buckets(&t->layout) : 0;
    sg_adamw_begin(o, norm);
    for (int b = 0; b < n_buckets; b++) {
        update_items(t, o->own_start[b], o->own_start[b + 1]);
        start(t, b, SG_GATHER, t->adamw.p);
    }
    update_items(t, n_buckets ? o->n_own : 0, sg_adamw_n_items(o));
    sg_adamw_end(o);
    return t->reduction ? wait(t, err) : SG_OK;
}

sg_status sg_trainer_step(struct sg_trainer *t, int64_t step, int stopping, int *stop, double *loss,
                          int64_t *n_tokens, struct sg_err *err)
{
    int64_t n = deal(t, step, n_tokens);
    sort_tokens(t);
    compute(t, step, n);
    SG_TRY(reduce(t, err));
    square_all(t);
    SG_TRY(exchange(t, stopping, err));

    double sum = 0.0, norm = sg_adamw_norm(&t->adamw);
    for (int64_t i = 0; i < n; i++)
        sum += t->shared[i];
    *loss = sum / (double)n;
    *stop = t->shared[t->batch] > 0.0;
    if (!isfinite(*loss) || !isfinite(norm))
        return sg_fail(err, SG_FAILED, "diverged at step %lld: loss %g, gradient norm %g; hint: a smaller lr",
                       (long long)step + 1, *loss, norm);
    return update(t, norm, err);
}
