#include "experiments/buying/rounds.h"

#include "base/mem.h"
#include "base/set.h"
#include "experiments/study/generators.h"

#include <string.h>

/* What an asker needs at once, as far as it is queued. */
struct round {
    int64_t n_asked;        /* requests that are not over */
    int64_t next, n_behind; /* those that are not made yet: as in struct sg_request_list */
};

/* An asker that misses what another one has asked for already. */
struct waiter {
    int64_t asker;
    char key[SG_HEX];
};

struct sg_rounds {
    struct sg_rounds_settings s;
    struct round *round;                 /* (sg_asking_n) */
    int64_t n_queued[SG_MAX_GENERATORS]; /* requests whose text is in memory */
    struct sg_set *in_flight;            /* keys of this run: one that is still missing is on its way */
    struct waiter *waiter;               /* (n_waiters) */
    int64_t n_waiters;
};

sg_status sg_rounds_create(const struct sg_rounds_settings *s, struct sg_rounds **out, struct sg_err *err)
{
    struct sg_rounds *r = sg_alloc(1, sizeof *r);
    if (!r)
        return sg_fail_memory(err, sizeof *r);
    r->s = *s;
    r->round = sg_alloc((size_t)sg_asking_n(s->asking) + 1, sizeof *r->round);
    sg_status status = r->round ? sg_set_create(&r->in_flight, err)
                                : sg_fail_memory(err, (size_t)sg_asking_n(s->asking) * sizeof *r->round);
    if (status == SG_OK)
        *out = r;
    else
        sg_rounds_destroy(r);
    return status;
}

void sg_rounds_destroy(struct sg_rounds *r)
{
    if (!r)
        return;
    sg_set_destroy(r->in_flight);
    sg_free(r->waiter);
    sg_free(r->round);
    sg_free(r);
}

/* Askers may miss the same (a list of topics, where all conditionings word its prompt alike): it is bought once. */
static sg_status ask_take(struct sg_rounds *r, int64_t i, struct sg_request *q, struct sg_err *err)
{
    if (sg_set_has(r->in_flight, q->key, SG_HEX - 1)) {
        struct waiter *w = sg_grown(r->waiter, r->n_waiters, sizeof *w);
        if (!w)
            return sg_fail_memory(err, 2 * (size_t)r->n_waiters * sizeof *w);
        r->waiter = w;
        w += r->n_waiters++;
        w->asker = i;
        memcpy(w->key, q->key, SG_HEX);
    } else {
        SG_TRY(sg_set_add(r->in_flight, q->key, SG_HEX - 1, err));
        int g = sg_asking_generator(r->s.asking, i);
        SG_TRY(sg_office_ask_take(r->s.office, g, i, q, err));
        r->n_queued[g]++;
        ++*r->s.n_left;
    }
    r->round[i].n_asked++;
    return SG_OK;
}

/* An evaluation of 20,000 rows, or a large pool, is hundreds of megabytes of requests: so many of a generator are made ahead. Half
 * of them are there at any time, enough to keep its connections busy. */
static int64_t most_queued(const struct sg_rounds *r, int generator)
{
    int64_t n = 8 * r->s.generator[generator].connections;
    return n > 256 ? n : 256;
}

/* The next part of what asker i needs. */
static sg_status queue_part(struct sg_rounds *r, int64_t i, struct sg_err *err)
{
    struct round *round = &r->round[i];
    int g = sg_asking_generator(r->s.asking, i), is_open = sg_office_is_open(r->s.office, g);
    int64_t room = most_queued(r, g) - r->n_queued[g];
    /* One at least: more may depend on it (a list of topics). */
    struct sg_request_list part = {.max = room > 1 ? room : 1, .next = round->next};
    sg_status status = sg_asking_advance(r->s.asking, i, &part, err);
    int64_t n_behind = is_open ? part.n_behind : 0;
    *r->s.n_left += n_behind - round->n_behind;
    round->next = is_open ? part.next : 0;
    round->n_behind = n_behind;
    for (int64_t k = 0; is_open && status == SG_OK && k < part.n; k++)
        status = ask_take(r, i, &part.item[k], err);
    sg_request_list_free(&part);
    return status;
}

sg_status sg_rounds_step(struct sg_rounds *r, int64_t i, struct sg_err *err)
{
    struct round *round = &r->round[i];
    int goes_on = round->next > 0;
    int g = sg_asking_generator(r->s.asking, i);
    do /* again, where all of a part was asked for by others */
        SG_TRY(queue_part(r, i, err));
    while (round->next && r->n_queued[g] < most_queued(r, g));
    if (goes_on && !round->n_asked && !round->next) /* what was left of its list has come by another way */
        return sg_rounds_step(r, i, err);
    return sg_asking_complete(r->s.asking, i) ? r->s.complete(r->s.context, i, err) : SG_OK;
}

/* Makes what had no room, of earlier askers first, as it leaves. */
static sg_status refill(struct sg_rounds *r, int generator, struct sg_err *err)
{
    int64_t most = most_queued(r, generator);
    if (r->n_queued[generator] > most / 2)
        return SG_OK;
    for (int64_t i = 0; i < sg_asking_n(r->s.asking) && r->n_queued[generator] < most; i++)
        if (r->round[i].next && sg_asking_generator(r->s.asking, i) == generator) {
            SG_TRY(sg_ledger_commit(r->s.ledger, err));
            SG_TRY(sg_rounds_step(r, i, err));
        }
    return SG_OK;
}

/* One of the requests that asker i waits for is over. */
static sg_status count_over(struct sg_rounds *r, int64_t i, struct sg_err *err)
{
    if (--r->round[i].n_asked || r->round[i].next)
        return SG_OK;
    SG_TRY(sg_ledger_commit(r->s.ledger, err)); /* paid answers are durable before an asker counts them */
    return sg_rounds_step(r, i, err);
}

sg_status sg_rounds_over(struct sg_rounds *r, int64_t i, const char *request, struct sg_err *err)
{
    int g = sg_asking_generator(r->s.asking, i);
    char key[SG_HEX] = "";
    --*r->s.n_left;
    r->n_queued[g]--;
    if (r->n_waiters)
        sg_sha256_hex(request, strlen(request), key);
    SG_TRY(count_over(r, i, err));
    for (int64_t w = 0; key[0] && w < r->n_waiters;) {
        if (strcmp(r->waiter[w].key, key) != 0) {
            w++;
            continue;
        }
        int64_t asker = r->waiter[w].asker;
        r->waiter[w] = r->waiter[--r->n_waiters];
        SG_TRY(count_over(r, asker, err));
    }
    return refill(r, g, err);
}
