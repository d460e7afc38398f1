#include "model/trainer.h"

#include "base/cores.h"
#include "base/mem.h"
#include "base/rng.h"

#include <string.h>

static sg_status check(const struct sg_train_settings *s, const struct sg_examples *x, int n_classes,
                       const char *what, struct sg_err *err)
{
    if (x->n < 1)
        return sg_fail(err, SG_INPUT, "no examples to %s on", what);
    for (int64_t i = 0; i < x->n && x->label; i++)
        if (x->label[i] < 0 || x->label[i] >= n_classes)
            return sg_fail(err, SG_INPUT, "example %lld has class %d, but there are %d", (long long)i,
                           x->label[i], n_classes);
    for (int64_t i = 0; i < x->n && x->quality; i++)
        if (!(x->quality[i] >= 0.0f && x->quality[i] <= 1.0f) && x->quality[i] != -1.0f)
            return sg_fail(err, SG_INPUT, "example %lld has the quality %g, which is no probability",
                           (long long)i, (double)x->quality[i]);
    if (s->batch < 1 || s->max_length < 5 || (s->steps < 1 && s->epochs < 1) || s->lanes < 0 ||
        s->min_steps < 0 || s->lanes > SG_MAX_LANES || (s->lanes & (s->lanes - 1)) || s->threads < 0)
        return sg_fail(err, SG_INPUT,
                       "train settings out of bounds; hint: batch >= 1, max_length >= 5, epochs or steps >= "
                       "1, lanes a power of "
                       "two (0: automatic)");
    if (!(s->lr >= 0.0 || s->lr == SG_TRAIN_LR_AUTO) || !(s->warmup >= 0.0 && s->warmup <= 1.0) ||
        !(s->weight_decay >= 0.0) || !(s->clip >= 0.0) || !(s->dropout < 1.0))
        return sg_fail(err, SG_INPUT,
                       "train settings out of bounds; hint: lr, weight_decay and clip >= 0, warmup in [0, "
                       "1], dropout < 1");
    return SG_OK;
}

sg_status sg_train_check_layers(const struct sg_encoder *e, const struct sg_train_settings *s,
                                struct sg_err *err)
{
    long long has = e->config.L, layers = s->layers, freeze = s->freeze, used = layers ? layers : has;
    if (layers < 0 || layers > has)
        return sg_fail(
            err, SG_INPUT,
            "train.layers is %lld, but the encoder has %lld layers; hint: 1 to %lld, or empty for all",
            layers, has, has);
    if (freeze >= 0 && freeze <= used)
        return SG_OK;
    return layers
               ? sg_fail(err, SG_INPUT, "train.freeze is %lld, but train.layers uses %lld; hint: 0 to %lld",
                         freeze, used, used)
               : sg_fail(err, SG_INPUT,
                         "train.freeze is %lld, but the encoder has %lld layers; hint: 0 to %lld", freeze,
                         used, used);
}

/* The words that occur, in the order of their ids, get the rows of the small word table. */
static sg_status choose_words(struct sg_trainer *t, int64_t *n_words, struct sg_err *err)
{
    int64_t V = t->e->config.V, n = 0;
    *n_words = V;
    if (t->n_frozen)
        return SG_OK;
    t->word_row = sg_alloc((size_t)V, sizeof *t->word_row);
    t->row_id = sg_alloc((size_t)V, sizeof *t->row_id);
    if (!t->word_row || !t->row_id)
        return sg_fail_memory(err, (unsigned long long)V * 2 * sizeof *t->row_id);
    const struct sg_tokens *both[2] = {&t->train_tokens, &t->eval_tokens};
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; both[k]->n && i < both[k]->start[both[k]->n]; i++)
            t->word_row[both[k]->id[i]] = 1;
    for (int64_t id = 0; id < V; id++) {
        if (t->word_row[id]) {
            t->row_id[n] = (int32_t)id;
            t->word_row[id] = (int32_t)n++;
        } else {
            t->word_row[id] = -1;
        }
    }
    *n_words = n;
    return SG_OK;
}

/* What is frozen stays where it is: pointers go to the encoder. */
static sg_status borrow_frozen(struct sg_trainer *t, struct sg_err *err)
{
    struct sg_params *p = &t->params, all = t->e->params;
    SG_TRY(sg_params_create(&t->layout, t->arena, p, err));
    if (!t->layout.shape.n_frozen)
        return SG_OK;
    p->word = all.word;
    p->position = all.position;
    p->type = all.type;
    p->norm_gain = all.norm_gain;
    p->norm_shift = all.norm_shift;
    memcpy(p->layer, all.layer, (size_t)t->layout.shape.n_frozen * sizeof *p->layer);
    return SG_OK;
}

/* The encoder's, from the arena's start to the head. */
static void copy_encoder(struct sg_trainer *t)
{
    const struct sg_layout *l = &t->layout;
    const float *from = sg_encoder_arena(t->e);
    int64_t C = l->shape.C, words = l->spec[0].n;
    if (l->shape.n_frozen) {
        memcpy(t->arena, from + l->at_arena, (size_t)(l->at_head - l->at_arena) * sizeof *t->arena);
        return;
    }
    for (int64_t r = 0; r < l->shape.V; r++)
        memcpy(t->arena + r * C, from + t->row_id[r] * C, (size_t)C * sizeof *t->arena);
    memcpy(t->arena + words, from + t->e->layout.spec[0].n, (size_t)(l->at_head - words) * sizeof *t->arena);
}

static sg_status copy_weights(struct sg_trainer *t, int64_t n_words, struct sg_err *err)
{
    const struct sg_encoder *e = t->e;
    struct sg_shape shape = sg_shape_of(&t->config, n_words, t->train->n_classes);
    shape.n_frozen = t->n_frozen;
    SG_TRY(sg_layout_create(t->config.family, &shape, &t->layout, err));
    int64_t n = t->layout.n_total - t->layout.at_arena, C = shape.C;
    t->arena = sg_alloc((size_t)n, sizeof *t->arena);
    if (!t->arena)
        return sg_fail_memory(err, (unsigned long long)n * sizeof *t->arena);
    SG_TRY(borrow_frozen(t, err));
    copy_encoder(t);
    int head = sg_layout_head(&t->layout);
    if (e->has_pooler) {
        memcpy(t->params.dense_w, e->params.dense_w, (size_t)(C * C) * sizeof(float));
        memcpy(t->params.dense_b, e->params.dense_b, (size_t)C * sizeof(float));
    }
    sg_params_init_head(&t->layout, e->has_pooler ? head + 2 : head, e->config.init_std, t->seed, t->arena);
    return SG_OK;
}

void sg_trainer_shuffle(struct sg_trainer *t, int64_t epoch)
{
    struct sg_rng rng = sg_rng_make(t->seed, sg_seed_of("shuffle epoch %lld", (long long)epoch));
    for (int64_t i = 0; i < t->train->n; i++)
        t->order[i] = i;
    sg_rng_shuffle(&rng, t->order, t->train->n);
}

const int64_t *sg_trainer_examples(const struct sg_trainer *t, int64_t step, int64_t *n)
{
    int64_t at = step % t->steps_per_epoch * t->batch;
    *n = t->train->n - at < t->batch ? t->train->n - at : t->batch;
    return t->order + at;
}

/* Deals all batches once, to know the most that a step needs: nothing is allocated later. */
static void most_of_all(struct sg_trainer *t, int64_t *local_T, int64_t *local_B, int64_t *global_T)
{
    *local_T = *local_B = *global_T = 0;
    for (int64_t step = 0; step < t->n_steps; step++) {
        if (step % t->steps_per_epoch == 0)
            sg_trainer_shuffle(t, step / t->steps_per_epoch);
        int64_t n, T = 0, B = 0, all = 0;
        const int64_t *x = sg_trainer_examples(t, step, &n);
        sg_lanes_deal(&t->train_tokens, x, n, t->lanes, t->layout.shape.C, t->lane_of, t->deal_scratch);
        for (int64_t i = 0; i < n; i++) {
            int64_t len = t->train_tokens.start[x[i] + 1] - t->train_tokens.start[x[i]];
            int mine = t->lane_of[i] >= t->lane_lo && t->lane_of[i] < t->lane_hi;
            all += len;
            T += mine ? len : 0;
            B += mine;
        }
        *local_T = T > *local_T ? T : *local_T;
        *local_B = B > *local_B ? B : *local_B;
        *global_T = all > *global_T ? all : *global_T;
    }
}

static sg_status make_reduction(struct sg_trainer *t, int64_t max_slots, struct sg_err *err)
{
    int n = sg_shards_buckets(&t->layout);
    int64_t *n_most = sg_alloc((size_t)n + 1, sizeof *n_most), lo, hi;
    t->row_cut = sg_alloc((size_t)t->team->size + 1, sizeof *t->row_cut);
    if (!n_most || !t->row_cut) {
        sg_free(n_most);
        return sg_fail_memory(err, (size_t)t->team->size * sizeof *t->row_cut);
    }
    for (int b = 0; b < n; b++) {
        sg_shards_range(&t->layout, b, &lo, &hi);
        n_most[b] = hi - lo;
    }
    n_most[n] = max_slots * t->layout.shape.C;
    sg_status status = sg_reduction_create(t->team, n + 1, n_most, &t->reduction, err);
    sg_free(n_most);
    return status;
}

static sg_status make_buffers(struct sg_trainer *t, int shares, struct sg_err *err)
{
    const struct sg_layout *l = &t->layout;
    int n_lanes = t->lane_hi - t->lane_lo;
    t->order = sg_alloc((size_t)t->train->n, sizeof *t->order);
    t->lane_of = sg_alloc((size_t)t->batch, sizeof *t->lane_of);
    t->deal_scratch = sg_alloc((size_t)(t->batch + t->lanes), sizeof *t->deal_scratch);
    if (!t->order || !t->lane_of || !t->deal_scratch)
        return sg_fail_memory(err, (unsigned long long)t->train->n * sizeof *t->order);
    int64_t local_T, local_B, global_T;
    most_of_all(t, &local_T, &local_B, &global_T);
    SG_TRY(sg_batch_create(local_B, local_T, n_lanes, &t->local, err));
    if (!t->n_frozen) /* nothing else is asked of it than tables' rows */
        SG_TRY(sg_batch_create(t->batch, global_T, 1, &t->global, err));
    t->local_text = sg_alloc((size_t)local_B, sizeof *t->local_text);
    if (!t->local_text)
        return sg_fail_memory(err, (unsigned long long)local_B * sizeof *t->local_text);
    SG_TRY(sg_acts_create(&l->shape, local_T, local_B, n_lanes, 1, 0, &t->acts, err));
    SG_TRY(sg_adamw_create(t->ops, l, t->arena, global_T, t->n_steps, shares ? t->team->rank : 0,
                           shares ? t->team->size : 1, &t->adamw, err));
    SG_TRY(sg_params_create_dense(l, t->adamw.g, &t->gradients, err));

    int64_t max_slots = 0;
    for (int k = 0; k < 3; k++)
        max_slots += t->adamw.table[k].max_slots;
    t->slot_start = sg_alloc((size_t)max_slots + 1, sizeof *t->slot_start);
    t->slot_token = sg_alloc((size_t)(3 * local_T), sizeof *t->slot_token);
    int64_t n_scratch =
        sg_pass_scratch(&l->shape, local_T, t->train_tokens.longest, t->acts.n_vectors, n_lanes);
    t->n_thread_scratch = (n_scratch + 15) / 16 * 16;
    t->thread_scratch = sg_alloc((size_t)(t->threads * t->n_thread_scratch), sizeof *t->thread_scratch);
    t->shared = sg_alloc((size_t)(t->batch + 2 + t->adamw.n_blocks), sizeof *t->shared);
    if (!t->slot_start || !t->slot_token || !t->thread_scratch || !t->shared)
        return sg_fail_memory(err, (unsigned long long)(t->threads * t->n_thread_scratch) * sizeof(float));
    if (shares)
        SG_TRY(make_reduction(t, max_slots, err));
    return SG_OK;
}

sg_status sg_trainer_create(const struct sg_encoder *e, const struct sg_train_settings *s,
                            const struct sg_examples *train, const struct sg_examples *eval,
                            const struct sg_team *team, struct sg_trainer *t, struct sg_err *err)
{
    *t = (struct sg_trainer){.e = e, .train = train, .eval = eval, .team = team};
    SG_TRY(sg_ops_choose(s->precision, &t->ops, err));
    int K = train->n_classes;
    if (K < 1 || !train->label)
        return sg_fail(err, SG_INPUT, "training needs rows with labels");
    SG_TRY(check(s, train, K, "train", err));
    if (eval)
        SG_TRY(check(s, eval, K, "evaluate", err));
    SG_TRY(sg_train_check_layers(e, s, err));
    t->config = e->config;
    t->config.L = s->layers ? s->layers : e->config.L;
    t->n_frozen = s->freeze;
    t->seed = s->seed;
    t->dropout = s->dropout < 0.0 ? e->config.dropout : s->dropout;
    t->attention_dropout = s->dropout < 0.0 ? e->config.attention_dropout : s->dropout;
    t->head_dropout = s->dropout < 0.0 ? e->config.classifier_dropout : s->dropout;
    t->batch = s->batch < train->n ? s->batch : train->n;
    t->steps_per_epoch = (train->n + t->batch - 1) / t->batch;
    t->n_steps = sg_train_n_steps(s, train->n);

    SG_TRY(sg_tokens_create(&e->config, e->source->tokenizer, train, s->max_length, &t->train_tokens, err));
    if (eval)
        SG_TRY(sg_tokens_create(&e->config, e->source->tokenizer, eval, s->max_length, &t->eval_tokens, err));
    t->lanes = s->lanes ? s->lanes : sg_lanes_auto(&t->train_tokens, t->batch);
    /* Rank r of R owns lanes [r L/R, (r+1) L/R); with more ranks than lanes, rank r < L owns lane r and the
     * rest own none. */
    int64_t each = t->lanes > team->size ? t->lanes / team->size : 1, first = team->rank * each;
    t->lane_lo = (int)(first < t->lanes ? first : t->lanes);
    t->lane_hi = (int)(first + each < t->lanes ? first + each : t->lanes);
    int64_t wanted = s->threads ? s->threads : sg_cores(), useful = t->lane_hi - t->lane_lo;
    t->cores = (int)wanted;
    t->threads = (int)(wanted < useful ? wanted : useful > 0 ? useful : 1);

    int64_t n_words = 0;
    SG_TRY(choose_words(t, &n_words, err));
    SG_TRY(copy_weights(t, n_words, err));
    SG_TRY(make_buffers(t, team->size > 1 && s->reduce == SG_TRAIN_EXACT, err));
    t->adamw.lr = sg_train_lr(e, s);
    t->adamw.weight_decay = s->weight_decay;
    t->adamw.clip = s->clip;
    t->adamw.n_warmup = sg_train_n_warmup(s, t->n_steps);
    return SG_OK;
}

sg_status sg_trainer_freeze(struct sg_trainer *t, struct sg_err *err)
{
    struct sg_infer job = {.config = &t->config,
                           .ops = t->ops,
                           .shape = &t->layout.shape,
                           .params = &t->params,
                           .tokens = &t->train_tokens};
    if (!t->n_frozen)
        return SG_OK;
    return sg_frozen_make(&t->frozen, &job, t->n_steps > t->steps_per_epoch, t->cores, t->threads, t->team,
                          err);
}

void sg_trainer_end_steps(struct sg_trainer *t)
{
    sg_reduction_destroy(
        t->reduction); /* first: after a failure its messages may still read and write the arrays */
    t->reduction = NULL;
    sg_params_destroy(&t->gradients);
    sg_adamw_destroy(&t->adamw);
    sg_batch_destroy(&t->local);
    sg_batch_destroy(&t->global);
    sg_acts_destroy(&t->acts);
    sg_frozen_free(&t->frozen);
    sg_free(t->thread_scratch);
    t->thread_scratch = NULL;
}

void sg_trainer_destroy(struct sg_trainer *t)
{
    sg_trainer_end_steps(t);
    sg_tokens_destroy(&t->train_tokens);
    sg_tokens_destroy(&t->eval_tokens);
    sg_free(t->word_row);
    sg_free(t->row_id);
    sg_layout_destroy(&t->layout);
    sg_params_destroy(&t->params);
    sg_free(t->arena);
    sg_free(t->order);
    sg_free(t->local_text);
    sg_free(t->lane_of);
    sg_free(t->deal_scratch);
    sg_free(t->slot_start);
    sg_free(t->slot_token);
    sg_free(t->row_cut);
    sg_free(t->shared);
    *t = (struct sg_trainer){0};
}
