#include "gen/pool/prompt_ask.h"

uint64_t sg_prompter_seed(const struct sg_prompter *p, const char *purpose, int class_)
{
    const struct sg_task *t = p->spec.task;
    return sg_seed_of("%s task %s method %s seed %lld class %s", purpose, t->name, p->method->name,
                      (long long)p->spec.seed, class_ < 0 ? "" : t->class_[class_].name);
}

struct sg_rng sg_prompter_rng(const struct sg_prompter *p, const char *purpose, int class_, int64_t draw)
{
    return sg_rng_make(sg_prompter_seed(p, purpose, class_), (uint64_t)draw);
}

int sg_prompter_shots(const struct sg_prompter *p, int class_, int64_t draw, int64_t shot[SG_MAX_SHOTS])
{
    int want = p->method->n_shots;
    if (want == 0)
        return 0;
    struct sg_rng r = sg_prompter_rng(p, "examples", class_, draw);
    /* Without a class all rows are others. */
    int64_t first = class_ < 0 ? 0 : p->start[class_], n_own = class_ < 0 ? 0 : p->start[class_ + 1] - first;
    int64_t own[SG_MAX_SHOTS], other[SG_MAX_SHOTS];
    int n_shown_own = sg_draw_distinct(&r, n_own, n_own, 0, want, own);
    int n_other = sg_draw_distinct(&r, p->spec.raw->n, first, n_own, want - n_shown_own, other);
    int n = 0;
    for (int i = 0; i < n_other; i++)
        shot[n++] = p->by_class[other[i]];
    for (int i = 0; i < n_shown_own; i++)
        shot[n++] = p->by_class[first + own[i]];
    return n;
}
