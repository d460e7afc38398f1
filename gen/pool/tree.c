#include "gen/pool/tree.h"

#include "base/mem.h"
#include "gen/pool/parse.h"
#include "gen/pool/words.h"

sg_status sg_tree_create(int64_t n_topics, int64_t n_subtopics, struct sg_tree *out, struct sg_err *err)
{
    struct sg_topics *under = sg_alloc((size_t)n_topics, sizeof *under);
    if (!under)
        return sg_fail_memory(err, (size_t)n_topics * sizeof *under);
    *out = (struct sg_tree){.n_topics = n_topics, .n_subtopics = n_subtopics, .under = under, .branch = -1};
    return SG_OK;
}

void sg_tree_free(struct sg_tree *t)
{
    for (int64_t b = 0; t->under && b < t->n_topics; b++)
        sg_topics_free(&t->under[b]);
    sg_free(t->under);
    sg_topics_free(&t->top);
    *t = (struct sg_tree){0};
}

int sg_tree_is_done(const struct sg_tree *t)
{
    return t->branch >= 0 && t->branch == t->top.n;
}

static int holds(const struct sg_topics *t, const char *item)
{
    for (int64_t i = 0; i < t->n; i++)
        if (sg_folded_equal(t->item[i], item))
            return 1;
    return 0;
}

/* Whether another part of the tree is called so. */
static int is_taken(const struct sg_tree *t, const char *item)
{
    int taken = holds(&t->top, item);
    for (int64_t b = 0; !taken && b <= t->branch; b++)
        taken = holds(&t->under[b], item);
    return taken;
}

/* Moves what is new, up to `most` in all. */
static sg_status take_new(struct sg_tree *t, struct sg_topics *from, struct sg_topics *to, int64_t most,
                          struct sg_err *err)
{
    for (int64_t i = 0; i < from->n && to->n < most; i++) {
        if (is_taken(t, from->item[i]))
            continue;
        char **item = sg_realloc(to->item, (size_t)to->n + 1, sizeof *item);
        if (!item)
            return sg_fail_memory(err, ((size_t)to->n + 1) * sizeof *item);
        to->item = item;
        to->item[to->n++] = from->item[i];
        from->item[i] = NULL;
    }
    return SG_OK;
}

sg_status sg_tree_read(struct sg_tree *t, const struct sg_task *task, const char *text,
                       const char *finish_reason, struct sg_err *err)
{
    int is_top = t->branch < 0;
    struct sg_topics list = {0}, *to = is_top ? &t->top : &t->under[t->branch];
    int64_t most = is_top ? t->n_topics : t->n_subtopics;
    sg_status status = text ? sg_parse_topics(task, text, finish_reason, &list, err) : SG_OK;
    if (status == SG_OK)
        status = take_new(t, &list, to, most, err);
    sg_topics_free(&list);
    if (status != SG_OK)
        return status;
    if (2 * to->n >= most || ++t->n_lists == SG_MAX_TREE_LISTS) {
        t->branch++;
        t->n_lists = 0;
    }
    return SG_OK;
}

sg_status sg_tree_leaves(const struct sg_tree *t, struct sg_topics *out, struct sg_err *err)
{
    size_t most = (size_t)(t->n_topics * (t->n_subtopics + 1));
    char **item = sg_alloc(most + 1, sizeof *item);
    if (!item)
        return sg_fail_memory(err, most * sizeof *item);
    *out = (struct sg_topics){.item = item};
    for (int64_t s = 0; s < t->n_subtopics; s++)
        for (int64_t b = 0; b < t->top.n; b++) {
            if (s >= t->under[b].n && (s || t->under[b].n))
                continue;
            char *leaf = t->under[b].n ? sg_strf("%s (%s)", t->under[b].item[s], t->top.item[b])
                                       : sg_strdup(t->top.item[b]);
            if (!leaf) {
                sg_topics_free(out);
                return sg_fail_memory(err, 1024);
            }
            item[out->n++] = leaf;
        }
    return SG_OK;
}
