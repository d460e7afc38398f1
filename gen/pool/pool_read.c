#include "gen/pool/pool_impl.h"

const char *sg_pool_id(const struct sg_pool *p)
{
    return p->id;
}

int sg_pool_complete(const struct sg_pool *p)
{
    return p->topics_done && p->position == p->spec.n;
}

int sg_pool_waits(const struct sg_pool *p)
{
    return !p->topics_done || (p->spec.source && !sg_pool_complete(p->spec.source));
}

int64_t sg_pool_n_good(const struct sg_pool *p, int class_)
{
    return p->queue[class_].n_good;
}

int64_t sg_pool_n(const struct sg_pool *p)
{
    return p->n;
}

struct sg_pool_example sg_pool_get(const struct sg_pool *p, int64_t j)
{
    const struct example *e = &p->example[j];
    return (struct sg_pool_example){e->label,  e->first,       e->second, e->key,
                                    e->source, e->probability, e->round};
}

int sg_pool_has_probabilities(const struct sg_pool *p)
{
    return p->method->has_probabilities && !p->spec.source;
}

int64_t sg_pool_prefix(const struct sg_pool *p, int64_t size)
{
    return p->filled[size < p->position ? size : p->position];
}

const int64_t *sg_pool_rejects(const struct sg_pool *p)
{
    return p->rejects;
}

int64_t sg_pool_n_draws(const struct sg_pool *p)
{
    return p->n_draws;
}

const struct sg_pool_near *sg_pool_near(const struct sg_pool *p, int64_t *n)
{
    *n = p->n_pairs;
    return p->pair;
}

const char *sg_pool_shortfall(const struct sg_pool *p)
{
    return p->shortfall;
}
