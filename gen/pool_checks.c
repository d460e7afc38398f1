#include "base/mem.h"
#include "gen/pool_impl.h"

#include <string.h>

/* ---- what counts as the same text ---- */

static sg_status fold(const char *first, const char *second, struct sg_buf *b, struct sg_err *err)
{
    sg_buf_clear(b);
    sg_buf_folded(b, first);
    if (second) {
        sg_buf_puts(b, "|");
        sg_buf_folded(b, second);
    }
    return sg_buf_check(b, "a text", err);
}

sg_status sg_pool_remember(json_t *set, const char *first, const char *second, struct sg_err *err)
{
    struct sg_buf b = sg_buf_make((size_t)1 << 26);
    sg_status status = fold(first, second, &b, err);
    if (status == SG_OK && json_object_set_new(set, sg_buf_text(&b), json_true()) != 0)
        status = sg_fail_memory(err, b.len);
    sg_buf_free(&b);
    return status;
}

/* Whether the text stands in one of the prompt's messages. Up to three words stand in any prompt by chance. */
static sg_status is_in_prompt(const json_t *messages, const char *first, int *yes, struct sg_err *err)
{
    struct sg_buf text = sg_buf_make((size_t)1 << 26), prompt = sg_buf_make((size_t)1 << 26);
    const json_t *message;
    size_t i;
    *yes = 0;
    sg_buf_folded(&text, first);
    sg_status status = sg_buf_check(&text, "a text", err);
    int n_words = 1;
    for (const char *s = sg_buf_text(&text); (s = strchr(s, ' ')); s++)
        n_words++;
    json_array_foreach (messages, i, message) {
        const char *content = json_string_value(json_object_get(message, "content"));
        sg_buf_clear(&prompt);
        if (content)
            sg_buf_folded(&prompt, content);
        if (status == SG_OK)
            status = sg_buf_check(&prompt, "a prompt", err);
        *yes |= n_words > 3 && strstr(sg_buf_text(&prompt), sg_buf_text(&text)) != NULL;
    }
    sg_buf_free(&text);
    sg_buf_free(&prompt);
    return status;
}

/* Whether the example repeats the prompt or an example in it. A rephrased pair may leave one of its texts as it was. */
static sg_status is_echo(const struct sg_pool *p, const struct sg_request *q, const struct sg_parsed *x,
                         int *yes, struct sg_err *err)
{
    json_t *o = json_loads(q->canonical, 0, NULL);
    const json_t *messages = json_object_get(o, "messages");
    sg_status status = is_in_prompt(messages, x->first, yes, err);
    if (status == SG_OK && *yes && p->spec.source && x->second)
        status = is_in_prompt(messages, x->second, yes, err);
    json_decref(o);
    return status;
}

/* The most similar text of the rows and of the examples so far. */
static sg_status find_near(struct sg_pool *p, const struct sg_parsed *x, struct sg_near_match *out,
                           struct sg_err *err)
{
    struct sg_near_match own;
    SG_TRY(sg_near_find(p->spec.near, x->first, x->second, out, err));
    SG_TRY(sg_near_find(p->near, x->first, x->second, &own, err));
    if (own.similarity > out->similarity)
        *out = own;
    return SG_OK;
}

static sg_status note_pair(struct sg_pool *p, const char *key, int64_t position,
                           const struct sg_near_match *match, struct sg_err *err)
{
    struct sg_pool_near *pair = sg_grown(p->pair, p->n_pairs, sizeof *pair);
    if (!pair)
        return sg_fail_memory(err, 2 * (size_t)p->n_pairs * sizeof *pair);
    p->pair = pair;
    struct sg_pool_near *n = &p->pair[p->n_pairs++];
    *n = (struct sg_pool_near){.position = position, .match = *match};
    memcpy(n->key, key, SG_HEX);
    return SG_OK;
}

static const enum sg_reject of_kind[SG_N_NEAR_KINDS] = {[SG_NEAR_RAW] = SG_REJECT_NEAR_RAW,
                                                        [SG_NEAR_TEST] = SG_REJECT_NEAR_TEST,
                                                        [SG_NEAR_POOL] = SG_REJECT_NEAR_POOL};

/* *match: its near-duplicate, whether or not that rejects it. */
static sg_status check(struct sg_pool *p, const struct sg_request *q, const struct sg_parsed *x,
                       enum sg_reject *reason, struct sg_near_match *match, struct sg_err *err)
{
    struct sg_buf b = sg_buf_make((size_t)1 << 26);
    int echo = 0;
    *match = (struct sg_near_match){0};
    *reason = SG_ACCEPTED;
    sg_status status = fold(x->first, x->second, &b, err);
    const char *folded = sg_buf_text(&b);
    if (status == SG_OK)
        status = is_echo(p, q, x, &echo, err);
    if (echo)
        *reason = SG_REJECT_ECHO;
    else if (json_object_get(p->test, folded))
        *reason = SG_REJECT_LEAKAGE;
    else if (p->spec.check_duplicates && json_object_get(p->taken, folded))
        *reason = SG_REJECT_DUPLICATE;
    if (status == SG_OK && *reason == SG_ACCEPTED && p->near)
        status = find_near(p, x, match, err);
    if (status == SG_OK && *reason == SG_ACCEPTED && p->spec.near_filter > 0)
        *reason = of_kind[match->kind];
    sg_buf_free(&b);
    return status;
}

sg_status sg_pool_check(struct sg_pool *p, const struct sg_request *q, const struct sg_parsed *x,
                        enum sg_reject *reason, struct sg_err *err)
{
    struct sg_near_match match;
    return check(p, q, x, reason, &match, err);
}

sg_status sg_pool_judge(struct sg_pool *p, const struct sg_request *q, const struct sg_parsed *x,
                        enum sg_reject *reason, struct sg_err *err)
{
    struct sg_near_match match;
    SG_TRY(check(p, q, x, reason, &match, err));
    if (match.kind)
        SG_TRY(note_pair(p, q->key, *reason == SG_ACCEPTED ? p->n_good : -1, &match, err));
    if (*reason == SG_ACCEPTED && p->near)
        return sg_near_add(p->near, SG_NEAR_POOL, p->n_good, x->first, x->second, err);
    return SG_OK;
}
