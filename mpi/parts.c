#include "mpi/parts.h"

#include "base/mem.h"

#include <string.h>

/* What a PART message says in `how`. */
enum { BYTES, DROP, DROP_ALL };

static const size_t PIECE = (size_t)64 << 20; /* of a message: a larger part comes in several */

size_t sg_engine_parts_max = (size_t)256 << 20;

sg_status sg_part_needs_add(struct sg_part_needs *x, const struct sg_engine_part *part, struct sg_err *err)
{
    struct sg_engine_part *list = sg_grown(x->part, x->n, sizeof *list);
    if (!list)
        return sg_fail_memory(err, (size_t)x->n * sizeof *list);
    x->part = list;
    x->part[x->n++] = *part;
    return SG_OK;
}

/* ---- rank 0 ---- */

struct held {
    int64_t number, used; /* used: when it was needed last, in items */
    size_t n;
};
struct rank {
    struct held *held;
    int64_t n;
    size_t n_bytes;
    int is_unknown;
};
struct sg_part_table {
    struct rank *rank;
    int n_ranks;
    int64_t now;
};

sg_status sg_part_table_create(int n_ranks, struct sg_part_table **out, struct sg_err *err)
{
    struct sg_part_table *t = sg_alloc(1, sizeof *t);
    if (!t || !(t->rank = sg_alloc((size_t)n_ranks, sizeof *t->rank))) {
        sg_free(t);
        return sg_fail_memory(err, (size_t)n_ranks * sizeof *t->rank);
    }
    t->n_ranks = n_ranks;
    *out = t;
    return SG_OK;
}

void sg_part_table_destroy(struct sg_part_table *t)
{
    for (int r = 0; t && r < t->n_ranks; r++)
        sg_free(t->rank[r].held);
    if (t)
        sg_free(t->rank);
    sg_free(t);
}

void sg_part_table_forget(struct sg_part_table *t, int rank)
{
    struct rank *r = &t->rank[rank];
    r->is_unknown = 1;
    r->n = 0;
    r->n_bytes = 0;
}

static struct sg_message *message_new(int64_t number, int how, size_t from)
{
    struct sg_message *m = sg_message_new(SG_MESSAGE_PART, number);
    if (m) {
        m->head.slot = SG_SLOT_COMPUTE;
        m->head.how = how;
        m->head.from = (int64_t)from;
    }
    return m;
}

static sg_status tell(struct sg_message_list *out, int64_t number, int how, struct sg_err *err)
{
    struct sg_message *m = message_new(number, how, 0);
    if (!m)
        return sg_fail_memory(err, sizeof *m);
    sg_message_push(out, m);
    return SG_OK;
}

/* Bytes [from, to) of the part. */
static sg_status send_piece(const struct sg_engine_part *part, size_t from, size_t to,
                            struct sg_message_list *out, struct sg_err *err)
{
    struct sg_buf b = sg_buf_make(to - from);
    struct sg_message *m = message_new(part->number, BYTES, from);
    sg_status status =
        m ? part->write(part->context, part->number, from, to, &b, err) : sg_fail_memory(err, sizeof *m);
    if (status == SG_OK)
        status = sg_buf_check(&b, "what the work of many items reads", err);
    if (status == SG_OK && b.len != to - from)
        status = sg_fail(err, SG_FAILED, "part %lld of an item's work has %zu bytes from %zu to %zu",
                         (long long)part->number, b.len, from, to);
    if (status == SG_OK) {
        m->head.n_body = (int64_t)b.len;
        m->body = sg_buf_take(&b);
        sg_message_push(out, m);
        m = NULL;
    }
    sg_message_free(m);
    sg_buf_free(&b);
    return status;
}

static struct held *find(struct rank *r, int64_t number)
{
    for (int64_t i = 0; i < r->n; i++)
        if (r->held[i].number == number)
            return &r->held[i];
    return NULL;
}

static sg_status give_part(struct sg_part_table *t, struct rank *r, const struct sg_engine_part *part,
                           struct sg_message_list *out, struct sg_err *err)
{
    struct held *h = find(r, part->number);
    if (!h) {
        struct held *list = sg_grown(r->held, r->n, sizeof *list);
        if (!list)
            return sg_fail_memory(err, (size_t)r->n * sizeof *list);
        r->held = list;
        h = &list[r->n++];
        *h = (struct held){.number = part->number};
    }
    h->used = t->now;
    while (h->n < part->n_bytes) {
        size_t left = part->n_bytes - h->n, n = left < PIECE ? left : PIECE;
        SG_TRY(send_piece(part, h->n, h->n + n, out, err));
        h->n += n;
        r->n_bytes += n;
    }
    return SG_OK;
}

/* What was not needed for the longest time goes, as long as the rank has too much; never what is needed now. */
static sg_status drop_oldest(struct sg_part_table *t, struct rank *r, struct sg_message_list *out,
                             struct sg_err *err)
{
    while (r->n_bytes > sg_engine_parts_max) {
        struct held *oldest = &r->held[0];
        for (int64_t i = 1; i < r->n; i++)
            oldest = r->held[i].used < oldest->used ? &r->held[i] : oldest;
        if (oldest->used == t->now)
            return SG_OK;
        SG_TRY(tell(out, oldest->number, DROP, err));
        r->n_bytes -= oldest->n;
        *oldest = r->held[--r->n];
    }
    return SG_OK;
}

static sg_status give(struct sg_part_table *t, struct rank *r, const struct sg_part_needs *needs,
                      struct sg_message_list *out, struct sg_err *err)
{
    if (r->is_unknown)
        SG_TRY(tell(out, -1, DROP_ALL, err));
    r->is_unknown = 0;
    for (int64_t i = 0; i < needs->n; i++)
        SG_TRY(give_part(t, r, &needs->part[i], out, err));
    return drop_oldest(t, r, out, err);
}

sg_status sg_part_table_give(struct sg_part_table *t, int rank, const struct sg_part_needs *needs,
                             struct sg_message_list *out, struct sg_err *err)
{
    t->now++;
    sg_status status = give(t, &t->rank[rank], needs, out, err);
    if (status != SG_OK) {
        sg_part_table_forget(t, rank);
        t->rank[rank].is_unknown = 1;
    }
    return status;
}

/* ---- each rank ---- */

static int64_t place(const struct sg_part_store *s, int64_t number)
{
    int64_t i = 0;
    while (i < s->n && s->part[i].number != number)
        i++;
    return i;
}

static void drop(struct sg_part_store *s, int64_t i)
{
    if (i >= s->n)
        return;
    sg_free(s->part[i].data);
    s->part[i] = s->part[--s->n];
}

/* Bytes that lack, for want of memory here or there, leave a part that is not there: the work that reads it says so. */
static int put(struct sg_part_store *s, struct sg_message *m)
{
    int64_t i = place(s, m->head.item);
    size_t n = (size_t)m->head.n_body, from = (size_t)m->head.from;
    if (!m->body || from != (i < s->n ? s->part[i].n : 0))
        return 0;
    if (i < s->n) {
        char *data = sg_realloc(s->part[i].data, from + n, 1);
        if (!data)
            return 0;
        memcpy(data + from, m->body, n);
        s->part[i].data = data;
        s->part[i].n = from + n;
        return 1;
    }
    struct sg_stored_part *list = sg_grown(s->part, s->n, sizeof *list);
    if (!list)
        return 0;
    s->part = list;
    s->part[s->n++] = (struct sg_stored_part){m->head.item, n, m->body};
    m->body = NULL;
    return 1;
}

void sg_part_store_message_take(struct sg_part_store *s, struct sg_message *message)
{
    if (message->head.how == DROP_ALL)
        sg_part_store_free(s);
    else if (message->head.how == DROP || !put(s, message))
        drop(s, place(s, message->head.item));
    sg_message_free(message);
}

const void *sg_part_store_get(const struct sg_part_store *s, int64_t number, size_t *n)
{
    int64_t i = place(s, number);
    *n = i < s->n ? s->part[i].n : 0;
    return i < s->n ? s->part[i].data : NULL;
}

void sg_part_store_free(struct sg_part_store *s)
{
    while (s->n)
        drop(s, s->n - 1);
    sg_free(s->part);
    *s = (struct sg_part_store){0};
}
