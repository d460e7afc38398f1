#include "model/lanes.h"

#include "base/mem.h"

#include <string.h>

sg_status sg_tokens_create(const struct sg_config *c, const struct sg_tokenizer *t,
                           const struct sg_examples *x, int64_t max_length, struct sg_tokens *out,
                           struct sg_err *err)
{
    sg_status status = SG_OK;
    struct sg_tokens r = {.n = x->n};
    if (max_length > c->max_length)
        max_length = c->max_length;
    int64_t cap = x->n * 32 + max_length;
    r.start = sg_alloc((size_t)x->n + 1, sizeof *r.start);
    r.id = sg_alloc((size_t)cap, sizeof *r.id);
    r.type = sg_alloc((size_t)cap, sizeof *r.type);
    if (!r.start || !r.id || !r.type)
        SG_TRY_DONE(sg_fail_memory(err, (unsigned long long)cap * 2 * sizeof *r.id));
    for (int64_t i = 0, at = 0; i < x->n; i++) {
        if (cap - at < max_length) {
            cap = cap * 2 + max_length;
            int32_t *id = sg_realloc(r.id, (size_t)cap, sizeof *id);
            if (id)
                r.id = id;
            int32_t *type = id ? sg_realloc(r.type, (size_t)cap, sizeof *type) : NULL;
            if (!type)
                SG_TRY_DONE(sg_fail_memory(err, (unsigned long long)cap * sizeof *id));
            r.type = type;
        }
        int64_t n = 0;
        status = sg_tokenizer_encode(t, x->row[i].first, x->row[i].second, x->cut, max_length, r.id + at,
                                     r.type + at, &n, err);
        if (status != SG_OK) {
            sg_err_at(err, "example %lld", (long long)i);
            goto done;
        }
        for (int64_t j = at; j < at + n; j++) {
            if (r.id[j] < 0 || r.id[j] >= c->V)
                SG_TRY_DONE(sg_fail(err, SG_INPUT,
                                    "the tokenizer gives id %d, but the encoder's vocabulary has %lld rows; "
                                    "hint: tokenizer and "
                                    "weights are of two models",
                                    r.id[j], (long long)c->V));
            if (r.type[j] >= c->n_types)
                r.type[j] = 0;
        }
        at += n;
        r.start[i + 1] = at;
        r.longest = n > r.longest ? n : r.longest;
    }
    *out = r;
    return SG_OK;
done:
    sg_tokens_destroy(&r);
    return status;
}

void sg_tokens_destroy(struct sg_tokens *t)
{
    sg_free(t->start);
    sg_free(t->id);
    sg_free(t->type);
    *t = (struct sg_tokens){0};
}

int64_t sg_lanes_auto(const struct sg_tokens *t, int64_t batch)
{
    int64_t B = batch < t->n ? batch : t->n, lanes = 1;
    double mean = t->n ? (double)t->start[t->n] / (double)t->n * (double)B : 0.0;
    while (lanes < 8 && mean / (double)(2 * lanes) >= 48.0)
        lanes *= 2;
    return lanes;
}

void sg_lanes_deal(const struct sg_tokens *t, const int64_t *index, int64_t n, int64_t lanes, int64_t C,
                   int64_t *lane_of, int64_t *scratch)
{
    int64_t *order = scratch, *load = scratch + n;
    for (int64_t i = 0; i < n; i++) {
        /* Insertion keeps equal lengths in their order; batches are small. */
        int64_t len = t->start[index[i] + 1] - t->start[index[i]], j = i;
        for (; j > 0 && t->start[index[order[j - 1]] + 1] - t->start[index[order[j - 1]]] < len; j--)
            order[j] = order[j - 1];
        order[j] = i;
        lane_of[i] = 0;
    }
    for (int64_t half = lanes / 2; half >= 1; half /= 2) {
        memset(load, 0, (size_t)lanes * sizeof *load);
        for (int64_t i = 0; i < n; i++) {
            int64_t len = t->start[index[order[i]] + 1] - t->start[index[order[i]]],
                    *lane = &lane_of[order[i]];
            *lane += load[*lane + half] < load[*lane] ? half : 0;
            load[*lane] += len * (6 * C + len);
        }
    }
}

sg_status sg_batch_create(int64_t max_B, int64_t max_T, int max_lanes, struct sg_batch *out,
                          struct sg_err *err)
{
    struct sg_batch b = {0};
    b.lane = sg_alloc((size_t)max_lanes + 1, sizeof *b.lane);
    b.lane_token = sg_alloc((size_t)max_lanes + 1, sizeof *b.lane_token);
    b.start = sg_alloc((size_t)max_B + 1, sizeof *b.start);
    b.quality = sg_alloc((size_t)max_B + 1, sizeof *b.quality);
    int32_t *ints = sg_alloc((size_t)(5 * max_T + 3 * max_B), sizeof *ints);
    if (!b.lane || !b.lane_token || !b.start || !b.quality || !ints) {
        sg_free(b.lane);
        sg_free(b.lane_token);
        sg_free(b.start);
        sg_free(b.quality);
        sg_free(ints);
        return sg_fail_memory(err, (unsigned long long)(5 * max_T + 3 * max_B) * sizeof *ints);
    }
    for (int k = 0; k < 3; k++)
        b.row[k] = ints + k * max_T;
    b.token = ints + 3 * max_T;
    b.example = ints + 4 * max_T;
    b.first = ints + 5 * max_T;
    b.seq_example = b.first + max_B;
    b.label = b.seq_example + max_B;
    *out = b;
    return SG_OK;
}

void sg_batch_destroy(struct sg_batch *b)
{
    sg_free(b->lane);
    sg_free(b->lane_token);
    sg_free(b->start);
    sg_free(b->quality);
    sg_free(b->row[0]);
    *b = (struct sg_batch){0};
}

void sg_batch_clear(struct sg_batch *b)
{
    b->B = b->T = 0;
    b->n_lanes = 0;
}

void sg_table_rows(const struct sg_config *c, const struct sg_tokens *t, int64_t i, const int32_t *word_row,
                   int32_t *word, int32_t *position, int32_t *type)
{
    int64_t n = t->start[i + 1] - t->start[i];
    const int32_t *id = t->id + t->start[i];
    memcpy(type, t->type + t->start[i], (size_t)n * sizeof *type);
    int32_t next = c->family->counts_behind_pad ? (int32_t)c->pad_id : -1;
    for (int64_t j = 0; j < n; j++) {
        word[j] = word_row ? word_row[id[j]] : id[j];
        /* RoBERTa: positions count what is not padding; a "<pad>" written in a text stays at pad_id, as in
         * transformers. */
        if (c->family->counts_behind_pad && id[j] == (int32_t)c->pad_id)
            position[j] = (int32_t)c->pad_id;
        else
            position[j] = ++next;
    }
}

void sg_batch_add(struct sg_batch *b, const struct sg_config *c, const struct sg_tokens *t, int64_t i,
                  const int32_t *word_row, int64_t place, int32_t label, float quality)
{
    int64_t n = t->start[i + 1] - t->start[i], at = b->T, s = b->B;
    sg_table_rows(c, t, i, word_row, b->row[0] + at, b->row[1] + at, b->row[2] + at);
    for (int64_t j = 0; j < n; j++) {
        b->token[at + j] = (int32_t)j;
        b->example[at + j] = (int32_t)place;
    }
    b->first[s] = 0;
    b->seq_example[s] = (int32_t)place;
    b->label[s] = label;
    b->quality[s] = quality;
    b->start[s] = at;
    b->start[s + 1] = at + n;
    b->T += n;
    b->B++;
}

void sg_batch_close_lane(struct sg_batch *b)
{
    if (b->n_lanes == 0) {
        b->lane[0] = b->lane_token[0] = 0;
        b->start[0] = 0;
    }
    b->lane[++b->n_lanes] = b->B;
    b->lane_token[b->n_lanes] = b->T;
}
