#include "model/trainer.h"

#include <math.h>
#include <omp.h>
#include <string.h>

/* Fills the batches and lists the tables' rows; returns the number of examples. */
static int64_t deal(struct sg_trainer *t, int64_t step, int64_t *n_tokens)
{
    int64_t n;
    const struct sg_config *c = &t->e->config;
    if (step % t->steps_per_epoch == 0)
        sg_trainer_shuffle(t, step / t->steps_per_epoch);
    const int64_t *x = sg_trainer_examples(t, step, &n);
    sg_lanes_deal(&t->train_tokens, x, n, t->lanes, t->layout.shape.C, t->lane_of, t->deal_scratch);
    sg_batch_clear(&t->global);
    for (int64_t i = 0; i < n; i++)
        sg_batch_add(&t->global, c, &t->train_tokens, x[i], t->word_row, i, t->train->label[x[i]]);
    sg_batch_clear(&t->local);
    for (int lane = t->lane_lo; lane < t->lane_hi; lane++) {
        for (int64_t i = 0; i < n; i++)
            if (t->lane_of[i] == lane)
                sg_batch_add(&t->local, c, &t->train_tokens, x[i], t->word_row, i, t->train->label[x[i]]);
        sg_batch_close_lane(&t->local);
    }
    for (int k = 0; k < 3; k++)
        sg_adamw_list(&t->adamw, k, t->global.row[k], t->global.T);
    *n_tokens = t->global.T;
    return n;
}

/* This rank's tokens by slot (a counting sort, so that lanes ascend within a slot). */
static void sort_tokens(struct sg_trainer *t)
{
    int64_t first = 0, *start = t->slot_start;
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

static void slot_gradient(struct sg_trainer *t, int64_t slot, float *scratch)
{
    float *g = sg_adamw_slot_gradient(&t->adamw, slot);
    const int64_t *at = t->slot_token + t->slot_start[slot], *end = t->slot_token + t->slot_start[slot + 1];
    if (t->local.n_lanes == 0 || !sum_tokens(t, 0, t->local.n_lanes, &at, end, g, scratch))
        memset(g, 0, (size_t)t->layout.shape.C * sizeof *g);
}

/* Forward and backward of this rank's lanes: one parallel region, a lane a thread; a barrier before and after
 * each part's weight gradients, which all threads share. */
static void compute(struct sg_trainer *t, int64_t step, int64_t n_batch)
{
    struct sg_pass pass = {.s = &t->layout.shape,
                           .config = &t->e->config,
                           .ops = t->ops,
                           .p = &t->params,
                           .b = &t->local,
                           .a = &t->acts,
                           .drop = sg_drop_make(t->dropout, t->seed, step),
                           .drop_attention = sg_drop_make(t->attention_dropout, t->seed, step),
                           .drop_head = sg_drop_make(t->head_dropout, t->seed, step)};
    int n_lanes = t->local.n_lanes, L = (int)t->layout.shape.L;
    int64_t n_slots = sg_adamw_n_slots(&t->adamw);
#pragma omp parallel num_threads(t->threads)
    {
        int me = omp_get_thread_num(), n_threads = omp_get_num_threads();
        int lo = me * n_lanes / n_threads, hi = (me + 1) * n_lanes / n_threads;
        float *scratch = t->thread_scratch + me * t->n_thread_scratch;
#pragma omp for schedule(dynamic, 8)
        for (int64_t i = 0; i < n_slots; i++)
            sg_adamw_follow(&t->adamw, i);
        if (hi > lo) {
            sg_encoder_forward(&pass, lo, hi, scratch);
            sg_head_forward(&pass, lo, hi);
            sg_head_backward(&pass, lo, hi, n_batch);
        }
        for (int part = L; part >= -1; part--) {
            if (part < 0 && hi > lo)
                sg_embedding_backward(&pass, lo, hi);
            else if (part < L && hi > lo)
                sg_encoder_backward(&pass, part, lo, hi, scratch);
#pragma omp barrier
            int64_t n_tiles = sg_weights_tiles(&pass, part, &t->gradients);
#pragma omp for schedule(dynamic)
            for (int64_t i = 0; i < n_tiles; i++)
                sg_weights_tile(&pass, part, i, &t->gradients, scratch);
        }
#pragma omp for schedule(dynamic, 8)
        for (int64_t i = 0; i < n_slots; i++)
            slot_gradient(t, i, scratch);
    }
}

static double gradient_norm(struct sg_trainer *t)
{
    int64_t n = t->adamw.n_blocks + sg_adamw_n_slots(&t->adamw);
#pragma omp parallel for num_threads(t->threads) schedule(dynamic, 8)
    for (int64_t i = 0; i < n; i++)
        sg_adamw_square(&t->adamw, i);
    return sg_adamw_norm(&t->adamw);
}

static void update(struct sg_trainer *t, double norm)
{
    int64_t n = t->adamw.n_blocks + sg_adamw_n_slots(&t->adamw);
    sg_adamw_begin(&t->adamw, norm);
#pragma omp parallel for num_threads(t->threads) schedule(dynamic, 8)
    for (int64_t i = 0; i < n; i++)
        sg_adamw_update(&t->adamw, i);
    sg_adamw_end(&t->adamw);
}

sg_status sg_trainer_step(struct sg_trainer *t, int64_t step, int stopping, int *stop, double *loss,
                          int64_t *n_tokens, struct sg_err *err)
{
    int64_t n = deal(t, step, n_tokens);
    sort_tokens(t);
    compute(t, step, n);

    /* Each example's loss is one rank's, the others add 0: so the sum below has one order for any team. */
    memset(t->losses, 0, (size_t)(t->batch + 1) * sizeof *t->losses);
    for (int64_t s = 0; s < t->local.B; s++)
        t->losses[t->local.seq_example[s]] = t->acts.loss[s];
    t->losses[t->batch] = stopping ? 1.0 : 0.0;
    SG_TRY(sg_reduce_exact_f64(t->team, t->losses, (int)t->batch + 1, err));
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += t->losses[i];
    *loss = sum / (double)n;
    *stop = t->losses[t->batch] > 0.0;

    int64_t n_floats = t->adamw.n_dense + sg_adamw_n_slots(&t->adamw) * t->layout.shape.C;
    SG_TRY(sg_reduce_exact(t->team, t->adamw.g, n_floats, t->reduce_scratch, &t->count, err));
    double norm = gradient_norm(t);
    if (!isfinite(*loss) || !isfinite(norm))
        return sg_fail(err, SG_FAILED, "diverged at step %lld: loss %g, gradient norm %g; hint: a smaller lr",
                       (long long)step + 1, *loss, norm);
    update(t, norm);
    return SG_OK;
}
