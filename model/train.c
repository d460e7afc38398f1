#include "model/train.h"

#include "base/cores.h"
#include "base/crash.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/memory.h"
#include "model/frozen.h"
#include "model/snapshot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct sg_train_settings sg_train_defaults(void)
{
    return (struct sg_train_settings){.epochs = 3,
                                      .min_steps = 100,
                                      .batch = 16,
                                      .max_length = 256,
                                      .lr = SG_TRAIN_LR_AUTO,
                                      .warmup = 0.1,
                                      .weight_decay = 0.01,
                                      .clip = 1.0,
                                      .dropout = -1.0};
}

int64_t sg_train_n_steps(const struct sg_train_settings *s, int64_t n)
{
    int64_t batch = s->batch < n ? s->batch : n;
    if (s->steps > 0 || n < 1)
        return s->steps;
    int64_t steps = s->epochs * ((n + batch - 1) / batch);
    return steps > s->min_steps ? steps : s->min_steps;
}

int64_t sg_train_n_warmup(const struct sg_train_settings *s, int64_t n_steps)
{
    return (int64_t)(s->warmup * (double)n_steps + 1e-9); /* 0.1 * 30 may be a little less than 3 */
}

double sg_train_auto_lr(const struct sg_encoder *e)
{
    double ratio = 768.0 / (double)e->config.C;
    return fmin(fmax(5e-5 * ratio * ratio, 1e-5), 1e-3);
}

double sg_train_lr(const struct sg_encoder *e, const struct sg_train_settings *s)
{
    return s->lr == SG_TRAIN_LR_AUTO ? sg_train_auto_lr(e) : s->lr;
}

double sg_train_effective_steps(const struct sg_encoder *e, const struct sg_train_settings *s, int64_t n)
{
    return (double)sg_train_n_steps(s, n) * fmin(sg_train_lr(e, s) / sg_train_auto_lr(e), 4.0);
}

void sg_train_result_free(struct sg_train_result *r)
{
    sg_free(r->loss);
    sg_free(r->logits);
    r->loss = r->logits = NULL;
}

size_t sg_train_memory(const struct sg_encoder *e, const struct sg_train_settings *s, int n_classes,
                       struct sg_train_rows rows, int64_t n_ranks)
{
    int64_t longest = s->max_length < e->config.max_length ? s->max_length : e->config.max_length;
    int64_t T = s->batch * longest;
    struct sg_shape shape = sg_train_shape(&e->config, s, e->config.V, n_classes);
    struct sg_layout l;
    if (sg_layout_create(e->config.family, &shape, &l, NULL) != SG_OK)
        return 0;
    int64_t lanes = s->lanes ? s->lanes : 8, threads = s->threads ? s->threads : sg_cores(),
            useful = threads < lanes ? threads : lanes,
            scratch = sg_pass_scratch(&shape, T, longest, l.n_layer_vectors, (int)lanes);
    size_t steps = sg_adamw_bytes(&l, T) + sg_acts_bytes(&shape, T, s->batch, (int)lanes, 1, 0) +
                   (size_t)(useful * scratch) * sizeof(float),
           evaluation = sg_infer_bytes(&shape, longest, (int)threads);
    if (shape.n_frozen)
        steps += sg_frozen_bytes(&shape, rows.n, (double)rows.n * rows.mean_tokens, longest, (int)useful);
    size_t each =
        (size_t)(l.n_total - l.at_arena) * sizeof(float) + (steps > evaluation ? steps : evaluation);
    sg_layout_destroy(&l);
    return (size_t)e->layout.n_total * sizeof(float) + (size_t)n_ranks * each;
}

/* The run of the steps, and when it was last put on disk. */
struct run {
    struct sg_trainer *t;
    const struct sg_train_hooks *hooks;
    struct sg_snapshot_at at;
    double begin_s, saved_s, took_s; /* took_s: of the last writing */
    double setup_s;                  /* what it took until the first step */
    int64_t first_step, saved_step;
    int is_warned; /* that it cannot be put there now */
    int must_stay; /* there is no memory to hand it over */
};

/* Rank 0's word on the run's snapshot: not worth it yet; worth it if the run stops; due. Beside it: the team ends here, and another goes
 * on. */
enum { KEEP_NONE, KEEP_AT_STOP, KEEP_NOW, YIELD = 4 };

/* Whether the team should become another one, and what is left of the run is worth it. A new team tokenizes and gathers anew. */
static int yield_word(const struct run *r, int64_t step)
{
    const struct sg_train_handover *h = r->hooks->handover;
    if (!h || !h->yielding || r->must_stay || r->t->team->rank != 0 || step == r->first_step ||
        !h->yielding(r->hooks->context))
        return 0;
    double step_s = (sg_now_s() - r->begin_s) / (double)(step - r->first_step),
           left_s = step_s * (double)(r->t->n_steps - step);
    return h->least_s < 0 || left_s > fmax(h->least_s, 6.0 * r->setup_s) ? YIELD : 0;
}

static int keep_word(const struct run *r)
{
    const struct sg_train_snapshot *s = &r->hooks->snapshot;
    double now_s = sg_now_s();
    if (!s->path || r->t->team->rank != 0)
        return KEEP_NONE;
    /* However slow the disk, writing takes a few per cent of the time. */
    if (now_s - r->saved_s >= fmax(s->every_s, 30.0 * r->took_s))
        return KEEP_NOW;
    return r->at.step > 0 || now_s - r->begin_s >= s->least_s ? KEEP_AT_STOP : KEEP_NONE;
}

static void note_teams(const struct run *r, int64_t step, struct sg_snapshot_at *at)
{
    double now_s = sg_now_s() - r->begin_s;
    int64_t n_ranks = r->t->team->size;
    at->step = step;
    at->train_s += now_s;
    at->rank_s += now_s * (double)n_ranks;
    at->n_teams++;
    at->most_ranks = at->most_ranks > n_ranks ? at->most_ranks : n_ranks;
}

/* Collective. What the disk refuses is in *why, on all ranks. */
static sg_status save(struct run *r, int64_t step, struct sg_err *why, struct sg_err *err)
{
    struct sg_snapshot_at at = r->at;
    *why = (struct sg_err){0};
    if (step == r->saved_step)
        return SG_OK;
    note_teams(r, step, &at);
    double begin_s = sg_now_s();
    SG_TRY(sg_snapshot_write(r->t, r->hooks->snapshot.path, &at, why, err));
    r->saved_s = sg_now_s();
    r->took_s = r->saved_s - begin_s;
    if (why->status != SG_OK)
        return SG_OK;
    r->saved_step = step;
    if (r->hooks->saved && r->t->team->rank == 0)
        r->hooks->saved(r->hooks->context, step);
    return SG_OK;
}

/* Collective. A disk that is full now ends no run that can go on; a person hears of it once, until it works again. */
static sg_status save_in_passing(struct run *r, int64_t step, struct sg_err *err)
{
    struct sg_err why;
    char text[sizeof why.text + 100];
    SG_TRY(save(r, step, &why, err));
    if (why.status != SG_OK && !r->is_warned && r->t->team->rank == 0 && r->hooks->warn) {
        snprintf(text, sizeof text, "no checkpoint can be written, training goes on and tries again: %s",
                 why.text);
        r->hooks->warn(r->hooks->context, text);
    }
    r->is_warned = why.status != SG_OK;
    return SG_OK;
}

/* Collective. Ends the run before a step; word: whether what it has is worth keeping. */
static sg_status stop_before(struct run *r, int64_t step, int word, struct sg_err *err)
{
    const struct sg_train_snapshot *s = &r->hooks->snapshot;
    struct sg_err why = {0};
    if (word >= KEEP_AT_STOP)
        SG_TRY(save(r, step, &why, err));
    if (why.status != SG_OK && !s->may_fail)
        return sg_fail(err, SG_FAILED,
                       "training stopped before step %lld of %lld, and its checkpoint cannot be written, so "
                       "that what was trained after step %lld is lost: %s",
                       (long long)step + 1, (long long)r->t->n_steps, (long long)r->saved_step, why.text);
    return sg_fail(err, SG_STOPPED, "training stopped before step %lld of %lld", (long long)step + 1,
                   (long long)r->t->n_steps);
}

/* Collective. The run is left to another team; without the memory for that it stays with this one. */
static sg_status yield(struct run *r, int64_t step, struct sg_err *err)
{
    struct sg_snapshot_at at = r->at;
    struct sg_err why = {0};
    void *state;
    double available = sg_mem_available(""), needs = (double)sg_snapshot_bytes(r->t);
    int fits = r->t->team->rank != 0 || available < 0 || available > 2 * needs;
    sg_status status = sg_agree(r->t->team, fits ? SG_OK : sg_fail_memory(&why, (size_t)needs), &why);
    r->must_stay = status != SG_OK;
    if (r->must_stay)
        return SG_OK;
    note_teams(r, step, &at);
    at.unsaved_s = sg_now_s() - r->saved_s;
    SG_TRY(sg_snapshot_keep(r->t, &at, &state, &why, err));
    r->must_stay = why.status != SG_OK;
    if (r->must_stay)
        return SG_OK;
    r->hooks->handover->state = state;
    r->hooks->handover->n_state = (size_t)needs;
    return sg_fail(err, SG_STOPPED, "another team goes on with the training before step %lld of %lld",
                   (long long)step + 1, (long long)r->t->n_steps);
}

static sg_status resume(struct run *r, struct sg_err *err)
{
    const struct sg_train_snapshot *s = &r->hooks->snapshot;
    struct sg_train_handover *h = r->hooks->handover;
    if (!s->path && !h)
        return SG_OK;
    void *state = h ? h->state : NULL;
    if (h)
        h->state = NULL;
    sg_status status = sg_snapshot_read(r->t, state, h ? h->n_state : 0, s->path, &r->at, err);
    sg_free(state);
    r->first_step = r->at.step;
    r->saved_step = r->at.is_memory ? 0 : r->at.step;
    if (status != SG_INPUT || !s->may_fail || !s->path)
        return status;
    if (r->t->team->rank == 0)
        sg_train_snapshot_remove(s->path);
    return SG_OK;
}

static sg_status run_steps(struct run *r, struct sg_err *err)
{
    struct sg_trainer *t = r->t;
    const struct sg_train_hooks *h = r->hooks;
    int stop = 0;
    for (int64_t step = r->at.step; step < t->n_steps; step++) {
        int wish = h->stopping && h->stopping(h->context), word = keep_word(r);
        /* A wish travels with the losses of the step that it came in; the team acts on it before the next
         * one. */
        if (stop || (t->team->size == 1 && wish))
            return stop_before(r, step, t->team->size == 1 ? word : (int)t->keep & ~YIELD, err);
        double loss;
        int64_t n_tokens;
        sg_crash_site("step_begins", NULL);
        t->keep = word | yield_word(r, step);
        SG_TRY(sg_trainer_step(t, step, wish, &stop, &loss, &n_tokens, err));
        int keep = (int)t->keep & ~YIELD, yields = (int)t->keep & YIELD, is_last = step + 1 == t->n_steps;
        r->at.loss[step] = (float)loss;
        r->at.n_tokens += n_tokens;
        if (keep >= KEEP_NOW && !is_last)
            SG_TRY(save_in_passing(r, step + 1, err));
        if (h->progress && t->team->rank == 0)
            h->progress(h->context, step + 1, t->n_steps, loss);
        if (yields && !stop && !is_last)
            SG_TRY(yield(r, step + 1, err));
    }
    return SG_OK;
}

/* From where it was left, if it was, to the last step. created_s: when this began. */
static sg_status fit(struct sg_trainer *t, const struct sg_train_hooks *hooks, double created_s,
                     struct sg_train_result *out, struct sg_err *err)
{
    static const struct sg_train_hooks none = {0};
    struct run r = {.t = t, .hooks = hooks ? hooks : &none, .at = {.loss = out->loss}};
    SG_TRY(resume(&r, err));
    int64_t n_before = r.at.n_tokens;
    out->first_step = r.at.first_step;
    r.begin_s = sg_now_s();
    r.saved_s = r.begin_s - r.at.unsaved_s;
    if (r.at.is_memory &&
        r.hooks->stopping) { /* what was handed over is on no disk, and freezing takes its time */
        struct sg_err told = {0};
        sg_status wish = r.hooks->stopping(r.hooks->context) ? sg_fail(&told, SG_STOPPED, "told to") : SG_OK;
        wish = sg_agree(t->team, wish, &told);
        if (wish == SG_STOPPED)
            return stop_before(&r, r.at.step, r.hooks->snapshot.path ? KEEP_AT_STOP : KEEP_NONE, err);
        if (wish != SG_OK)
            return sg_fail(err, wish, "%s", told.text);
    }
    SG_TRY(sg_trainer_freeze(t, err));
    r.setup_s = sg_now_s() - created_s;
    SG_TRY(run_steps(&r, err));
    double now_s = sg_now_s() - r.begin_s;
    note_teams(&r, t->n_steps, &r.at);
    struct sg_reduce_count more =
        t->reduction ? sg_reduction_count(t->reduction) : (struct sg_reduce_count){0};
    out->n_tokens = r.at.n_tokens;
    out->train_s = r.at.train_s;
    out->rank_s = r.at.rank_s;
    out->n_teams = r.at.n_teams;
    out->most_ranks = r.at.most_ranks;
    out->tokens_per_s = now_s > 0.0 ? (double)(out->n_tokens - n_before) / now_s : 0.0;
    out->n_messages = t->count.n_messages + more.n_messages;
    out->n_sent_bytes = t->count.n_bytes + more.n_bytes;
    out->wait_s = t->wait_s;
    return SG_OK;
}

/* All tables' rows as a dense optimiser would leave them. */
static void finish_tables(struct sg_trainer *t)
{
    for (int k = 0; k < 3; k++) {
#pragma omp parallel for num_threads(t->threads) schedule(dynamic, 64)
        for (int64_t r = 0; r < t->adamw.table[k].n_rows; r++)
            sg_adamw_finish_row(&t->adamw, k, r);
    }
}

enum { WORDS = 1024 }; /* at a time */

/* Words [id, id + n) of the whole vocabulary after training, into out: those outside the small table have
 * only decayed. */
static void final_words(const struct sg_trainer *t, int64_t id, int64_t n, float *out)
{
    int64_t C = t->layout.shape.C;
#pragma omp parallel for num_threads(t->threads) schedule(static)
    for (int64_t i = 0; i < n; i++) {
        int32_t row = t->word_row[id + i];
        float *to = out + i * C;
        memcpy(to, row >= 0 ? t->arena + row * C : sg_encoder_arena(t->e) + (id + i) * C,
               (size_t)C * sizeof *to);
        if (row < 0)
            t->ops->decay(C, t->adamw.step, t->adamw.n_done, to);
    }
}

/* What lies before the rest of the arena, block by block: words, or all that is frozen. */
static void finish_begin(struct sg_trainer *t, struct sg_model *m, float *block,
                         struct sg_sha256_stream *hash)
{
    int64_t C = t->layout.shape.C, V = t->e->config.V;
    size_t frozen = (size_t)t->layout.at_arena * sizeof(float);
    if (frozen && m)
        memcpy(m->arena, sg_encoder_arena(t->e), frozen);
    if (frozen)
        sg_sha256_add(hash, sg_encoder_arena(t->e), frozen);
    for (int64_t id = 0; id < V && !frozen; id += WORDS) {
        int64_t n = V - id < WORDS ? V - id : WORDS;
        float *to = m ? m->arena + id * C : block;
        final_words(t, id, n, to);
        sg_sha256_add(hash, to, (size_t)(n * C) * sizeof *to);
    }
}

/* The whole model into m's arena, or NULL; its digest either way. */
static sg_status finish(struct sg_trainer *t, struct sg_model *m, char digest[SG_HEX], struct sg_err *err)
{
    const struct sg_layout *l = &t->layout;
    float *block = m ? m->arena : sg_alloc((size_t)(WORDS * l->shape.C), sizeof *block);
    struct sg_sha256_stream *hash = sg_sha256_create();
    if (!block || !hash) {
        if (hash)
            sg_sha256_finish_hex(hash, digest);
        if (!m)
            sg_free(block);
        return sg_fail_memory(err, (unsigned long long)(WORDS * l->shape.C) * sizeof *block);
    }
    finish_tables(t);
    finish_begin(t, m, block, hash);
    int64_t begin = l->at_arena ? 0 : l->spec[0].n; /* in the arena: words went before */
    size_t rest = (size_t)(l->n_total - l->at_arena - begin) * sizeof(float);
    sg_sha256_add(hash, t->arena + begin, rest);
    sg_sha256_finish_hex(hash, digest);
    if (m)
        memcpy(m->arena + m->layout.n_total - (int64_t)(rest / sizeof(float)), t->arena + begin, rest);
    else
        sg_free(block);
    return SG_OK;
}

/* Rank r infers its share of rows; then all get all. */
static sg_status evaluate(struct sg_trainer *t, struct sg_train_result *r, struct sg_err *err)
{
    sg_status status;
    double begin = sg_now_s();
    const struct sg_team *team = t->team;
    int64_t n = t->eval->n, K = t->layout.shape.K, lo = n * team->rank / team->size,
            hi = n * (team->rank + 1) / team->size;
    struct sg_infer job = {.config = &t->config,
                           .ops = t->ops,
                           .shape = &t->layout.shape,
                           .params = &t->params,
                           .word_row = t->word_row,
                           .tokens = &t->eval_tokens};
    status = hi > lo ? sg_infer_run(&job, lo, hi - lo, t->cores, r->logits + lo * K, err) : SG_OK;
    SG_TRY(sg_agree(team, status, err));
    for (int root = 0; root < team->size && team->size > 1; root++) {
        int64_t from = n * root / team->size, to = n * (root + 1) / team->size;
        int count;
        SG_TRY(sg_int((to - from) * K, &count, err));
        SG_TRY(sg_mpi_check(MPI_Bcast(r->logits + from * K, count, MPI_FLOAT, root, team->comm), "evaluation",
                            err));
    }
    r->n_eval = n;
    r->eval_s = sg_now_s() - begin;
    return SG_OK;
}

static sg_status make_result(const struct sg_trainer *t, struct sg_train_result *r, struct sg_err *err)
{
    r->n_steps = t->n_steps;
    r->n_classes = t->train->n_classes;
    r->lanes = t->lanes;
    r->threads = t->threads;
    r->kernels = t->ops->name;
    r->rounding = sg_rounding_name(t->ops->rounding);
    r->loss = sg_alloc((size_t)t->n_steps, sizeof *r->loss);
    int64_t n = t->eval ? t->eval->n * r->n_classes : 0;
    if (t->eval)
        r->logits = sg_alloc((size_t)n, sizeof *r->logits);
    if (!r->loss || (t->eval && !r->logits))
        return sg_fail_memory(err, (unsigned long long)(t->n_steps + n) * sizeof(float));
    return SG_OK;
}

/* Collective. Processors with and without fused multiply-adds round differently: together they would make a result that
 * none of them makes alone. */
static sg_status same_arithmetic(const struct sg_trainer *t, struct sg_err *err)
{
    int mine = (int)t->ops->rounding, lowest = 0;
    SG_TRY(sg_mpi_check(MPI_Allreduce(&mine, &lowest, 1, MPI_INT, MPI_MIN, t->team->comm), "sg_train", err));
    sg_status status =
        mine == lowest ? SG_OK
                       : sg_fail(err, SG_INPUT,
                                 "this processor or SG_OPS rounds products otherwise than the other ranks "
                                 "do; hint: run on nodes of one kind");
    return sg_agree(t->team, status, err);
}

sg_status sg_train(const struct sg_encoder *e, const struct sg_train_settings *s,
                   const struct sg_examples *train, const struct sg_examples *eval,
                   const struct sg_team *team, const struct sg_train_hooks *hooks,
                   struct sg_model **out_model, struct sg_train_result *result, struct sg_err *err)
{
    struct sg_trainer t;
    struct sg_train_result r = {0};
    struct sg_model *m = NULL;
    double created_s = sg_now_s();
    sg_status status = sg_trainer_create(e, s, train, eval, team, &t, err);
    if (status == SG_OK)
        status = make_result(&t, &r, err);
    if (status == SG_OK && out_model)
        status = sg_model_create(e, t.config.L, train->n_classes, &m, err);
    SG_TRY_DONE(sg_agree(team, status, err));
    SG_TRY_DONE(same_arithmetic(&t, err));
    SG_TRY_DONE(fit(&t, hooks, created_s, &r, err));
    SG_TRY_DONE(sg_agree(team, finish(&t, m, r.digest, err), err));
    sg_trainer_end_steps(&t);
    if (eval)
        SG_TRY_DONE(evaluate(&t, &r, err));
    r.peak_mem_bytes = sg_mem_peak();
    *result = r;
    r = (struct sg_train_result){0};
    if (out_model)
        *out_model = m;
    m = NULL;
done:
    if (status != SG_STOPPED && hooks &&
        hooks->handover) { /* it began with a state, and broke before it was read */
        sg_free(hooks->handover->state);
        hooks->handover->state = NULL;
    }
    sg_trainer_destroy(&t);
    sg_model_destroy(m);
    sg_train_result_free(&r);
    return status;
}
