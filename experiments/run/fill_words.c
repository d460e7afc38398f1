#include "experiments/run/fill_words.h"

#include "base/json.h"
#include "base/mem.h"
#include "experiments/run/kept_words.h"
#include "mpi/engine.h"

#include <stdlib.h>
#include <string.h>

enum { TEXTS_OF_A_RANK = 64 }; /* asked for at a time: a second or so of roberta-base on a few cores */

static sg_status nobody(void *context, const char *key, struct sg_found *out, struct sg_err *err)
{
    (void)context, (void)key;
    out->found = 0;
    return sg_fail(err, SG_FAILED, "a free pool looked for a completion");
}

/* Takes the list. */
static sg_status dump_into(struct sg_buf *b, json_t *list, struct sg_err *err)
{
    sg_buf_clear(b);
    SG_TRY(sg_json_put(b, list, err));
    return sg_buf_check(b, "texts with gaps", err);
}

/* Rank 0's place among the pools. */
struct place {
    int64_t pool;
    json_t *words;  /* what the pool has been given; NULL: it was not looked at yet */
    int64_t n_kept; /* of them those that its file has */
};

/* One draw's words, of a file or of a rank. */
static sg_status put_draw(struct sg_pool *pool, const json_t *draw, struct sg_err *err)
{
    int64_t class_ = json_integer_value(json_array_get(draw, 0));
    return sg_pool_put_words(pool, class_ >= 0 && class_ < INT32_MAX ? (int)class_ : -1,
                             json_integer_value(json_array_get(draw, 1)), json_array_get(draw, 2), err);
}

/* What an earlier run has kept. */
static sg_status take_kept(const struct sg_prepared *p, struct place *at, struct sg_err *err)
{
    const json_t *draw;
    size_t i;
    at->words = sg_kept_words_read(p, at->pool);
    if (!json_is_array(at->words)) {
        json_decref(at->words);
        at->words = json_array();
    }
    at->n_kept = (int64_t)json_array_size(at->words);
    json_array_foreach (at->words, i,
                        draw) { /* of a study with larger sizes there are more than this pool takes */
        sg_status status = put_draw(p->pool[at->pool], draw, err);
        if (status != SG_INPUT)
            SG_TRY(status);
    }
    return at->words ? SG_OK : sg_fail_memory(err, 64);
}

/* The pool is complete, or needs no words. */
static void leave_pool(const struct sg_prepared *p, struct place *at)
{
    if (at->words && (int64_t)json_array_size(at->words) > at->n_kept)
        sg_kept_words_write(p, at->pool, at->words);
    json_decref(at->words);
    at->words = NULL;
    at->pool++;
}

/* Rank 0: what is asked next of the pool in hand or one behind it; an empty message when all are complete. */
static sg_status next_message(const struct sg_team *world, const struct sg_prepared *p, struct place *at,
                              struct sg_buf *b, struct sg_err *err)
{
    struct sg_request_list none = {0};
    if (sg_engine_stop_requested())
        return sg_fail(err, SG_STOPPED, "stopped as asked, while free pools were made");
    for (; at->pool < p->grid.n_pools; leave_pool(p, at)) {
        struct sg_pool *pool = p->pool[at->pool];
        if (!sg_pool_needs_words(pool))
            continue;
        if (!at->words)
            SG_TRY(take_kept(p, at, err));
        SG_TRY(sg_pool_advance(pool, nobody, NULL, &none, err));
        if (!sg_pool_needs_words(pool))
            continue;
        json_t *list = json_array();
        sg_status status = sg_pool_ask_words(pool, (int64_t)TEXTS_OF_A_RANK * world->size, list, err);
        if (status == SG_OK && json_array_size(list) == 0)
            status = sg_fail(err, SG_FAILED, "a free pool is not complete, and asks for nothing");
        if (status == SG_OK)
            return dump_into(b, list, err);
        json_decref(list);
        return status;
    }
    return SG_OK;
}

/* ---- a rank's share ---- */

/* Texts [from, to) of a message, as the head takes them. */
struct share {
    int64_t n, n_gaps;
    struct sg_mask_text *text;
    const char **piece, **not_;
    double *u;
    char **word; /* (n_gaps) */
};

static void free_share(struct share *s)
{
    for (int64_t g = 0; s->word && g < s->n_gaps; g++)
        sg_free(s->word[g]);
    sg_free(s->text);
    sg_free(s->piece);
    sg_free(s->not_);
    sg_free(s->u);
    sg_free(s->word);
}

static sg_status read_share(const json_t *list, int64_t from, int64_t to, struct share *s, struct sg_err *err)
{
    s->n = to - from;
    for (int64_t i = from; i < to; i++)
        s->n_gaps += (int64_t)json_array_size(json_object_get(json_array_get(list, (size_t)i), "u"));
    s->text = sg_alloc((size_t)s->n + 1, sizeof *s->text);
    s->piece = sg_alloc((size_t)(s->n_gaps + s->n) + 1, sizeof *s->piece);
    s->not_ = sg_alloc((size_t)s->n_gaps + 1, sizeof *s->not_);
    s->u = sg_alloc((size_t)s->n_gaps + 1, sizeof *s->u);
    s->word = sg_alloc((size_t)s->n_gaps + 1, sizeof *s->word);
    if (!s->text || !s->piece || !s->not_ || !s->u || !s->word)
        return sg_fail_memory(err, (size_t)s->n_gaps * sizeof *s->u);
    int64_t at = 0, at_piece = 0;
    for (int64_t i = from; i < to; i++) {
        const json_t *o = json_array_get(list, (size_t)i), *piece = json_object_get(o, "piece");
        size_t n_gaps = json_array_size(json_object_get(o, "u"));
        s->text[i - from] =
            (struct sg_mask_text){(int64_t)n_gaps, s->piece + at_piece, s->not_ + at, s->u + at};
        for (size_t g = 0; g <= n_gaps; g++) {
            const char *text = json_string_value(json_array_get(piece, g));
            s->piece[at_piece++] = text ? text : "";
        }
        for (size_t g = 0; g < n_gaps; g++, at++) {
            s->not_[at] = json_string_value(json_array_get(json_object_get(o, "not"), g));
            s->u[at] = json_real_value(json_array_get(json_object_get(o, "u"), g));
        }
    }
    return SG_OK;
}

/* [[word or null, ...], ...] of the share's texts. */
static sg_status write_words(const struct share *s, struct sg_buf *b, struct sg_err *err)
{
    json_t *all = json_array();
    int bad = 0;
    for (int64_t i = 0, at = 0; i < s->n; i++) {
        json_t *words = json_array();
        for (int64_t g = 0; g < s->text[i].n_gaps; g++, at++)
            bad |= json_array_append_new(words, s->word[at] ? json_string(s->word[at]) : json_null());
        bad |= json_array_append_new(all, words);
    }
    if (!bad)
        return dump_into(b, all, err);
    json_decref(all);
    return sg_fail_memory(err, 4096);
}

static sg_status fill_share(const struct sg_team *world, const struct sg_prepared *p,
                            const struct sg_mask_head *head, const json_t *list, struct sg_buf *b,
                            struct sg_err *err)
{
    struct share s = {0};
    int64_t n = (int64_t)json_array_size(list);
    sg_status status =
        read_share(list, n * world->rank / world->size, n * (world->rank + 1) / world->size, &s, err);
    if (status == SG_OK)
        status = sg_mask_guess(head, s.text, s.n, p->study->train.threads, s.word, err);
    if (status == SG_OK)
        status = write_words(&s, b, err);
    free_share(&s);
    return status;
}

/* ---- rank 0's pools ---- */

static sg_status put_words(const struct sg_prepared *p, struct place *at, const json_t *list, int64_t from,
                           const struct sg_buf *b, struct sg_err *err)
{
    json_t *all = json_loadb(b->data, b->len, 0, NULL);
    const json_t *words;
    size_t i;
    sg_status status = all ? SG_OK : sg_fail_memory(err, b->len);
    json_array_foreach (all, i, words) {
        const json_t *o = json_array_get(list, (size_t)from + i);
        json_t *draw = json_pack("[OOO]", json_object_get(o, "class"), json_object_get(o, "draw"), words);
        if (status == SG_OK)
            status = draw ? put_draw(p->pool[at->pool], draw, err) : sg_fail_memory(err, 1024);
        if (status == SG_OK && json_array_append(at->words, draw))
            status = sg_fail_memory(err, 1024);
        json_decref(draw);
    }
    json_decref(all);
    return status;
}

/* Collective. One message: every rank its share, whose words go to all, as messages of a few kilobytes. */
static sg_status take_message(const struct sg_team *world, const struct sg_prepared *p,
                              const struct sg_mask_head *head, const json_t *list, struct place *at,
                              struct sg_err *err)
{
    struct sg_buf mine = sg_buf_make((size_t)1 << 30), theirs = sg_buf_make((size_t)1 << 30);
    int64_t n = (int64_t)json_array_size(list);
    sg_status status = sg_agree(world, fill_share(world, p, head, list, &mine, err), err);
    for (int r = 0; status == SG_OK && r < world->size; r++) {
        struct sg_buf *b = r == world->rank ? &mine : &theirs;
        status = sg_bcast_buf(world, r, b, err);
        if (status == SG_OK && world->rank == 0)
            status = put_words(p, at, list, n * r / world->size, b, err);
        status = sg_agree(world, status, err);
    }
    sg_buf_free(&mine);
    sg_buf_free(&theirs);
    return status;
}

sg_status sg_fill_words(const struct sg_team *world, const struct sg_prepared *p,
                        const struct sg_mask_head *head, struct sg_err *err)
{
    struct sg_buf message = sg_buf_make((size_t)1 << 30);
    sg_status status = SG_OK;
    struct place at = {0};
    for (;;) {
        sg_buf_clear(&message);
        if (world->rank == 0)
            status = next_message(world, p, &at, &message, err);
        status = sg_agree(world, status, err);
        if (status == SG_OK)
            status = sg_bcast_buf(world, 0, &message, err);
        if (status != SG_OK || message.len == 0)
            break;
        json_t *list = json_loadb(message.data, message.len, 0, NULL);
        status = sg_agree(world, list ? SG_OK : sg_fail_memory(err, message.len), err);
        if (status == SG_OK)
            status = take_message(world, p, head, list, &at, err);
        json_decref(list);
        if (status != SG_OK)
            break;
    }
    /* What was computed before a stop is kept, too. */
    if (at.words)
        leave_pool(p, &at);
    sg_buf_free(&message);
    return status;
}
