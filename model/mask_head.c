#include "model/mask_head.h"

#include "base/buf.h"
#include "base/cores.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/checkpoint.h"
#include "model/encoder.h"
#include "model/tokenizer/token_words.h"

#include <math.h>
#include <omp.h>
#include <string.h>
#include <strings.h>

enum {
    ROWS = 16,    /* of logits at a time: 3 MB for 50,000 words */
    SPECIALS = 16 /* tokens around a text, at most */
};

struct sg_mask_head {
    const struct sg_encoder *e;
    float *arena;
    float *dense_w, *dense_b, *gain, *shift, *bias; /* (C,C) (C) (C) (C) (V) */
    float *decoder;                                 /* (V,C); NULL: the word table */
    int is_tanh;                                    /* which GELU */
    int32_t mask_id;
    const char *mask;
    struct sg_token_words words;
};

/* ---- loading ---- */

static int is_tied(const struct sg_config *c)
{
    json_t *json = json_loads(c->json, 0, NULL);
    const json_t *tied = json_object_get(json, "tie_word_embeddings");
    int yes = !json_is_false(tied);
    json_decref(json);
    return yes;
}

/* One tensor into *at, which moves on; at NULL: checked alone. */
static sg_status take(const struct sg_encoder *e, const struct sg_safetensors *file, int which, int64_t rows,
                      int64_t cols, float **at, struct sg_err *err)
{
    const char *name = e->config.family->mask_head[which];
    int found = 0;
    SG_TRY(sg_params_load_other(&e->layout, file, e->source->dir, name, rows, cols, at ? *at : NULL, &found,
                                err));
    if (!found)
        return sg_fail(
            err, SG_INPUT,
            "%s: no masked-LM head (%s), which mlm_insert and mlm_replace need; hint: train.encoder: a "
            "folder of "
            "roberta-base or bert-base as the Hub has it; sentence encoders like MiniLM come without",
            e->source->dir, name);
    if (at)
        *at += rows * (cols ? cols : 1);
    return SG_OK;
}

/* In the order of struct sg_mask_head. */
static sg_status take_tensors(const struct sg_encoder *e, const struct sg_safetensors *file, float **at,
                              struct sg_err *err)
{
    int64_t C = e->config.C, V = e->config.V;
    SG_TRY(take(e, file, SG_MASK_DENSE_W, C, C, at, err));
    SG_TRY(take(e, file, SG_MASK_DENSE_B, C, 0, at, err));
    SG_TRY(take(e, file, SG_MASK_GAIN, C, 0, at, err));
    SG_TRY(take(e, file, SG_MASK_SHIFT, C, 0, at, err));
    if (is_tied(&e->config))
        return take(e, file, SG_MASK_BIAS, V, 0, at, err);
    SG_TRY(take(e, file, SG_MASK_DECODER_B, V, 0, at, err));
    return take(e, file, SG_MASK_DECODER_W, V, C, at, err);
}

/* The encoder's own file where it is open still. */
static sg_status take_all(const struct sg_encoder *e, float **at, struct sg_err *err)
{
    struct sg_safetensors *own = NULL;
    if (!e->file)
        SG_TRY(sg_safetensors_open(e->source->dir, &own, err));
    sg_status status = take_tensors(e, e->file ? e->file : own, at, err);
    sg_safetensors_close(own);
    return status;
}

sg_status sg_mask_head_check(const struct sg_encoder *e, struct sg_err *err)
{
    int32_t id;
    SG_TRY(take_all(e, NULL, err));
    if (!sg_tokenizer_mask(e->source->tokenizer, &id) || id >= e->config.V)
        return sg_fail(
            err, SG_INPUT,
            "%s: the tokenizer has no mask token ([MASK] or <mask>) with a place in the vocabulary, which "
            "mlm_insert and mlm_replace need; hint: the tokenizer files of the checkpoint as the Hub has it",
            e->source->dir);
    return SG_OK;
}

sg_status sg_mask_head_load(const struct sg_encoder *e, struct sg_mask_head **out, struct sg_err *err)
{
    SG_TRY(sg_mask_head_check(e, err));
    int64_t C = e->config.C, V = e->config.V, n = C * C + 3 * C + V;
    int tied = is_tied(&e->config);
    struct sg_mask_head *h = sg_alloc(1, sizeof *h);
    sg_status status = h ? SG_OK : sg_fail_memory(err, sizeof *h);
    if (status == SG_OK && !(h->arena = sg_alloc((size_t)(n + (tied ? 0 : V * C)), sizeof(float))))
        status = sg_fail_memory(err, (size_t)n * sizeof(float));
    if (status == SG_OK) {
        float *at = h->arena;
        h->e = e;
        h->is_tanh = !e->config.family->mask_head_is_erf && e->config.activation == SG_GELU_TANH;
        h->dense_w = h->arena;
        h->dense_b = h->dense_w + C * C;
        h->gain = h->dense_b + C;
        h->shift = h->gain + C;
        h->bias = h->shift + C;
        h->decoder = tied ? NULL : h->bias + V;
        h->mask = sg_tokenizer_mask(e->source->tokenizer, &h->mask_id);
        status = take_all(e, &at, err);
    }
    if (status == SG_OK)
        status = sg_token_words_create(e->source->tokenizer, &h->words, err);
    if (status == SG_OK)
        *out = h;
    else
        sg_mask_head_destroy(h);
    return status;
}

void sg_mask_head_destroy(struct sg_mask_head *h)
{
    if (!h)
        return;
    sg_free(h->arena);
    sg_token_words_free(&h->words);
    sg_free(h);
}

/* ---- texts with gaps as tokens ---- */

static int64_t count_masks(const struct sg_mask_head *h, const int32_t *id, int64_t n)
{
    int64_t found = 0;
    for (int64_t i = 0; i < n; i++)
        found += id[i] == h->mask_id;
    return found;
}

/* Adds a text's ids to t, which has room, cut behind what has a position. A text that spells the mask itself becomes one without masks: which
 * of them are gaps could not be told. */
static sg_status add_tokens(const struct sg_mask_head *h, const struct sg_mask_text *x, struct sg_tokens *t,
                            struct sg_err *err)
{
    struct sg_buf b = sg_buf_make((size_t)1 << 26);
    for (int64_t g = 0; g <= x->n_gaps; g++) {
        sg_buf_puts(&b, x->piece[g]);
        sg_buf_puts(&b, g < x->n_gaps ? h->mask : "");
    }
    /* A byte gives a token at most, and a mask is spelled with more bytes than one. */
    int64_t most = (int64_t)b.len + SPECIALS, n = 0, max = h->e->config.max_length, at = t->start[t->n];
    int32_t *id = sg_alloc((size_t)most, sizeof *id);
    sg_status status = id ? sg_buf_check(&b, "a text", err) : sg_fail_memory(err, (size_t)most * sizeof *id);
    if (status == SG_OK)
        status = sg_tokenizer_encode(h->e->source->tokenizer, sg_buf_text(&b), NULL, SG_CUT_LONGEST, most, id,
                                     NULL, &n, err);
    if (status == SG_OK && count_masks(h, id, n) != x->n_gaps)
        n = 0;
    if (n > max) {
        id[max - 1] = id[n - 1]; /* the last special token ends what is cut, too */
        n = max;
    }
    for (int64_t i = 0; status == SG_OK && i < n; i++)
        t->id[at + i] = id[i];
    t->start[++t->n] = at + n;
    t->longest = n > t->longest ? n : t->longest;
    sg_free(id);
    sg_buf_free(&b);
    return status;
}

static sg_status make_tokens(const struct sg_mask_head *h, const struct sg_mask_text *x, int64_t n,
                             struct sg_tokens *t, struct sg_err *err)
{
    int64_t max = h->e->config.max_length;
    *t = (struct sg_tokens){.longest = 1};
    t->start = sg_alloc((size_t)n + 1, sizeof *t->start);
    t->id = sg_alloc((size_t)(n * max) + 1, sizeof *t->id);
    t->type = sg_alloc((size_t)(n * max) + 1, sizeof *t->type);
    sg_status status = t->start && t->id && t->type ? SG_OK : sg_fail_memory(err, 8 * (size_t)(n * max));
    for (int64_t i = 0; status == SG_OK && i < n; i++)
        status = add_tokens(h, &x[i], t, err);
    if (status != SG_OK)
        sg_tokens_destroy(t);
    return status;
}

/* ---- arithmetic ---- */

/* A thread's own. */
struct worker {
    struct sg_batch batch;
    struct sg_acts acts;
    float *scratch;
    float *x, *t, *a, *y, *rstd; /* (ROWS,C) but rstd (ROWS) */
    float *logits;               /* (ROWS,V) */
};

static void destroy_worker(struct worker *w)
{
    sg_batch_destroy(&w->batch);
    sg_acts_destroy(&w->acts);
    sg_free(w->scratch);
    sg_free(w->x);
}

static sg_status create_worker(const struct sg_mask_head *h, int64_t longest, struct worker *w,
                               struct sg_err *err)
{
    const struct sg_shape *s = &h->e->layout.shape;
    int64_t C = s->C, V = s->V, pack = sg_pack_floats(ROWS), n = sg_pass_scratch(s, 0, longest, 0, 1);
    *w = (struct worker){0};
    SG_TRY(sg_batch_create(1, longest, 1, &w->batch, err));
    SG_TRY(sg_acts_create(s, longest, 1, 0, 0, 1, &w->acts, err));
    w->scratch = sg_alloc((size_t)(n > pack ? n : pack), sizeof *w->scratch);
    w->x = sg_alloc((size_t)(4 * ROWS * C + ROWS + ROWS * V), sizeof *w->x);
    if (!w->scratch || !w->x)
        return sg_fail_memory(err, (size_t)(ROWS * V) * sizeof *w->x);
    w->t = w->x + ROWS * C;
    w->a = w->t + ROWS * C;
    w->y = w->a + ROWS * C;
    w->logits = w->y + ROWS * C;
    w->rstd = w->logits + ROWS * V;
    return SG_OK;
}

/* w->logits of the n rows of w->x. */
static void head_forward(const struct sg_mask_head *h, const struct sg_ops *ops, struct worker *w, int64_t n)
{
    int64_t C = h->e->config.C, V = h->e->config.V;
    const float *decoder = h->decoder ? h->decoder : h->e->params.word;
    ops->linear(n, C, C, w->x, C, h->dense_w, w->t, C, w->scratch);
    ops->gelu(h->is_tanh, n, C, h->dense_b, w->t, w->a);
    ops->norm(n, C, h->gain, h->shift, (float)h->e->config.eps, w->a, w->rstd, w->y);
    ops->linear(n, V, C, w->y, C, decoder, w->logits, V, w->scratch);
    ops->add_bias(n, V, w->logits, h->bias);
}

typedef void use_logits(void *context, int64_t gap, const float *logits);

/* Text i alone: the encoder's last hidden states, then the head on its masks, ROWS at a time. */
static void run_text(const struct sg_mask_head *h, const struct sg_ops *ops, const struct sg_tokens *t,
                     int64_t i, struct worker *w, use_logits *use, void *context)
{
    int64_t C = h->e->config.C, V = h->e->config.V, from = t->start[i], n = t->start[i + 1] - from, gap = 0,
            rows = 0;
    if (count_masks(h, t->id + from, n) == 0)
        return;
    sg_batch_clear(&w->batch);
    sg_batch_add(&w->batch, &h->e->config, t, i, NULL, 0, 0, -1.0f);
    sg_batch_close_lane(&w->batch);
    struct sg_pass pass = {.s = &h->e->layout.shape,
                           .config = &h->e->config,
                           .ops = ops,
                           .p = &h->e->params,
                           .b = &w->batch,
                           .a = &w->acts};
    sg_encoder_forward(&pass, 0, 1, w->scratch);
    for (int64_t p = 0; p < n; p++) {
        if (t->id[from + p] == h->mask_id)
            memcpy(w->x + rows++ * C, w->acts.all.x + p * C, (size_t)C * sizeof(float));
        if (rows && (rows == ROWS || p == n - 1)) {
            head_forward(h, ops, w, rows);
            for (int64_t r = 0; r < rows; r++)
                use(context, gap++, w->logits + r * V);
            rows = 0;
        }
    }
}

/* ---- choosing ---- */

static int ends_with_blank(const char *s)
{
    size_t n = strlen(s);
    return n && strchr(" \t\n\r\f\v", s[n - 1]) != NULL;
}

struct choosing {
    const struct sg_mask_head *h;
    const struct sg_mask_text *x;
    char **word; /* (n_gaps) */
    int failed;  /* no memory */
};

/* The likeliest tokens that are a word there, the likeliest first; of equal ones the lower id. */
static int best_words(const struct choosing *c, int64_t gap, const float *logits, int32_t best[SG_MASK_TOP])
{
    const struct sg_token_words *w = &c->h->words;
    const char *not_ = c->x->not_[gap];
    unsigned char position = ends_with_blank(c->x->piece[gap]) ? SG_TOKEN_AFTER_BLANK : SG_TOKEN_ALONE;
    int n = 0;
    for (int32_t id = 0; id < w->n && id < c->h->e->config.V; id++) {
        if (!w->text[id] || !(w->position[id] & position) ||
            (n == SG_MASK_TOP && !(logits[id] > logits[best[n - 1]])) ||
            (not_ && strcasecmp(not_, w->text[id]) == 0))
            continue;
        int at = n < SG_MASK_TOP ? n++ : n - 1;
        for (; at > 0 && logits[id] > logits[best[at - 1]]; at--)
            best[at] = best[at - 1];
        best[at] = id;
    }
    return n;
}

static void choose(void *context, int64_t gap, const float *logits)
{
    struct choosing *c = context;
    int32_t best[SG_MASK_TOP];
    int n = best_words(c, gap, logits, best), k = 0;
    double sum = 0, below = 0;
    for (int i = 0; i < n; i++)
        sum += exp((double)logits[best[i]] - (double)logits[best[0]]);
    for (; k < n - 1; k++) {
        below += exp((double)logits[best[k]] - (double)logits[best[0]]);
        if (c->x->u[gap] * sum < below)
            break;
    }
    if (n && !(c->word[gap] = sg_strdup(c->h->words.text[best[k]])))
        c->failed = 1;
}

/* ---- all of it ---- */

sg_status sg_mask_guess(const struct sg_mask_head *h, const struct sg_mask_text *x, int64_t n,
                        int64_t threads, char **word, struct sg_err *err)
{
    struct sg_tokens t = {0};
    const struct sg_ops *ops;
    sg_status status = SG_OK;
    int failed = 0, wide = threads > 0 ? (int)threads : sg_cores();
    wide = wide > n ? (n > 1 ? (int)n : 1) : wide;
    struct worker *w = sg_alloc((size_t)wide, sizeof *w);
    int64_t *first = sg_alloc((size_t)n + 1, sizeof *first); /* gap of all */
    if (!w || !first)
        SG_TRY_DONE(sg_fail_memory(err, (size_t)n * sizeof *first));
    for (int64_t i = 0; i < n; i++)
        first[i + 1] = first[i] + x[i].n_gaps;
    for (int64_t g = 0; g < first[n]; g++)
        word[g] = NULL;
    SG_TRY_DONE(sg_ops_choose(SG_FP32, &ops, err));
    SG_TRY_DONE(make_tokens(h, x, n, &t, err));
    for (int i = 0; i < wide; i++)
        SG_TRY_DONE(create_worker(h, t.longest, &w[i], err));
#pragma omp parallel for num_threads(wide) schedule(dynamic) reduction(|| : failed)
    for (int64_t i = 0; i < n; i++) {
        struct choosing c = {h, &x[i], word + first[i], 0};
        run_text(h, ops, &t, i, &w[omp_get_thread_num()], choose, &c);
        failed = failed || c.failed;
    }
    if (failed)
        status = sg_fail_memory(err, 64);
    for (int64_t g = 0; failed && g < first[n]; g++) {
        sg_free(word[g]);
        word[g] = NULL;
    }
done:
    for (int i = 0; w && i < wide; i++)
        destroy_worker(&w[i]);
    sg_tokens_destroy(&t);
    sg_free(w);
    sg_free(first);
    return status;
}

struct copying {
    float *logits;
    int64_t V;
};

static void copy(void *context, int64_t gap, const float *logits)
{
    struct copying *c = context;
    memcpy(c->logits + gap * c->V, logits, (size_t)c->V * sizeof *logits);
}

sg_status sg_mask_logits(const struct sg_mask_head *h, const struct sg_mask_text *x, float *logits,
                         struct sg_err *err)
{
    struct sg_tokens t = {0};
    struct worker w = {0};
    const struct sg_ops *ops;
    struct copying c = {logits, h->e->config.V};
    SG_TRY(sg_ops_choose(SG_FP32, &ops, err));
    SG_TRY(make_tokens(h, x, 1, &t, err));
    sg_status status = create_worker(h, t.longest, &w, err);
    if (status == SG_OK)
        run_text(h, ops, &t, 0, &w, copy, &c);
    destroy_worker(&w);
    sg_tokens_destroy(&t);
    return status;
}
