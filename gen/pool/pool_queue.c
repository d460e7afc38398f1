#include "base/mem.h"
#include "base/text.h"
#include "gen/pool/pool_impl.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

int64_t sg_pool_n_waiting(const struct sg_pool *p, int class_)
{
    return p->queue[class_].n - p->queue[class_].head;
}

/* Takes the texts of c. */
static sg_status enqueue(struct sg_pool *p, int class_, const char *key, struct sg_candidate *c,
                         struct sg_err *err)
{
    struct queue *q = &p->queue[class_];
    struct example *item = sg_grown(q->item, q->n, sizeof *item);
    if (!item)
        return sg_fail_memory(err, 2 * (size_t)q->n * sizeof *item);
    q->item = item;
    q->n_good++;
    struct example *e = &q->item[q->n++];
    *e = (struct example){.label = class_,
                          .first = c->x.first,
                          .second = c->x.second,
                          .source = -1,
                          .ordinal = p->n_good++,
                          .probability = sg_pool_has_probabilities(p) ? c->probability : (double)NAN,
                          .round = p->plain ? p->round : -1};
    snprintf(e->key, SG_HEX, "%s", key);
    c->x = (struct sg_parsed){0};
    return SG_OK;
}

sg_status sg_pool_take_candidate(struct sg_pool *p, const struct sg_request *q, struct sg_candidate *c,
                                 int class_, struct sg_err *err)
{
    if (c->reason == SG_ACCEPTED)
        SG_TRY(sg_pool_check_for_good(p, q, &c->x, &c->reason, err));
    if (c->reason == SG_ACCEPTED)
        return enqueue(p, class_, q ? q->key : "", c, err);
    p->rejects[c->reason]++;
    return SG_OK;
}

int64_t *sg_pool_cursor(struct sg_pool *p, int class_)
{
    return &p->cursor[p->spec.conditioning == SG_BY_NONE && !p->spec.source ? 0 : class_];
}

struct sg_wanted sg_pool_wanted(const struct sg_pool *p, int asked)
{
    return (struct sg_wanted){.n = p->spec.n_examples,
                              .label = asked < 0,
                              .structured = p->spec.structured,
                              .probability = sg_pool_has_probabilities(p),
                              .asked = asked + 1,
                              .one_word = {p->one_word[0], p->one_word[1]}};
}

sg_status sg_pool_parse(const struct sg_pool *p, const struct sg_found *f, struct sg_wanted w,
                        struct sg_candidate c[SG_MAX_EXAMPLES], int64_t *n, struct sg_err *err)
{
    if (sg_text_is_blank(f->text) && f->finish_reason && strcmp(f->finish_reason, SG_FINISH_REASONING) == 0) {
        *n = 1;
        c[0] = (struct sg_candidate){.class_ = -1, .reason = SG_REJECT_REASONING};
        return SG_OK;
    }
    return sg_parse_examples(p->spec.task, f->text, f->finish_reason, w, c, n, err);
}

void sg_pool_take_from_queue(struct sg_pool *p, int class_)
{
    struct queue *q = &p->queue[class_];
    p->example[p->n++] = q->item[q->head++];
    if (q->head == q->n)
        q->head = q->n = 0;
    p->rejects[SG_ACCEPTED]++;
}

static void name_shortfall(struct sg_pool *p)
{
    int64_t k = p->spec.task->n_classes;
    size_t at = 0;
    p->shortfall[0] = 0;
    for (int64_t c = 0; c < k && at < sizeof p->shortfall - 1; c++) {
        int64_t wanted = p->spec.n / k + (c < p->spec.n % k), got = 0;
        for (int64_t i = 0; i < p->n; i++)
            got += p->example[i].label == c;
        if (got < wanted)
            at += (size_t)snprintf(p->shortfall + at, sizeof p->shortfall - at,
                                   "%sclass %s: %lld of %lld after %lld attempts", at ? "; " : "",
                                   p->spec.task->class_[c].name, (long long)got, (long long)wanted,
                                   (long long)*sg_pool_cursor(p, (int)c));
    }
}

/* Where the good example with this ordinal went; -1: nowhere. */
static int64_t position_of(const int64_t *place, int64_t ordinal)
{
    return ordinal < 0 ? -1 : place[ordinal] - 1;
}

sg_status sg_pool_finish(struct sg_pool *p, struct sg_err *err)
{
    if (p->finished)
        return SG_OK;
    int64_t *place = sg_alloc((size_t)p->n_good + 1, sizeof *place); /* position + 1; 0: left over */
    if (!place)
        return sg_fail_memory(err, (size_t)p->n_good * sizeof *place);
    for (int64_t i = 0; i < p->n; i++)
        place[p->example[i].ordinal] = i + 1;
    for (int64_t i = 0; i < p->n_pairs; i++) {
        struct sg_pool_near *x = &p->pair[i];
        x->position = position_of(place, x->position);
        if (x->match.kind == SG_NEAR_POOL)
            x->match.index = position_of(place, x->match.index);
    }
    sg_free(place);
    for (int k = 0; k < p->spec.task->n_classes; k++)
        p->rejects[SG_REJECT_SURPLUS] += sg_pool_n_waiting(p, k);
    name_shortfall(p);
    sg_near_destroy(p->near); /* nothing is looked for any more, and it is most of a large pool's memory */
    p->near = NULL;
    if (p->maker)
        sg_maker_forget_words(p->maker);
    p->finished = 1;
    return SG_OK;
}
