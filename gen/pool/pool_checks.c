#include "base/json.h"
#include "base/mem.h"
#include "gen/pool/pool_impl.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* ---- what counts as the same text ---- */

static sg_status fold(const char *first, const char *second, struct sg_buf *b, struct sg_err *err)
{
    sg_buf_clear(b);
    sg_near_fold(first, second, b);
    return sg_buf_check(b, "a text", err);
}

/* ---- what is in the prompt ---- */

void sg_pool_prompts_free(struct prompt_cache *c)
{
    for (int i = 0; i < N_PROMPTS; i++) {
        sg_free(c->item[i].messages);
        sg_free(c->item[i].folded);
    }
    *c = (struct prompt_cache){0};
}

/* The messages of a canonical request: [...], *n bytes. What is searched for ends with a quotation mark that no text can
 * hold, as JSON writes \" there. */
static const char *messages_of(const struct sg_request *q, size_t *n)
{
    static const char before[] = "\"messages\":", after[] = "],\"model\":";
    const char *from = strstr(q->canonical, before), *to = from ? strstr(from, after) : NULL;
    if (!to)
        return NULL;
    from += sizeof before - 1;
    *n = (size_t)(to + 1 - from);
    return from;
}

static sg_status fold_messages(const char *messages, size_t n, struct sg_buf *out, struct sg_err *err)
{
    json_t *list = json_loadb(messages, n, 0, NULL);
    const json_t *message;
    size_t i;
    json_array_foreach (list, i, message) {
        const char *content = sg_json_text_or(message, "content", NULL);
        if (content)
            sg_buf_folded(out, content);
        sg_buf_puts(out, "\n"); /* a folded text holds none: what is found is inside of one message */
    }
    json_decref(list);
    return sg_buf_check(out, "a prompt", err);
}

/* *folded: the request's messages, valid until the next call. */
static sg_status folded_prompt(struct prompt_cache *c, const struct sg_request *q, const char **folded,
                               struct sg_err *err)
{
    size_t n;
    const char *messages = messages_of(q, &n);
    if (!messages)
        return sg_fail(err, SG_FAILED, "a request without messages");
    for (int i = 0; i < N_PROMPTS; i++)
        if (c->item[i].messages && strncmp(c->item[i].messages, messages, n) == 0 &&
            !c->item[i].messages[n]) {
            *folded = c->item[i].folded;
            return SG_OK;
        }
    struct sg_buf b = sg_buf_make((size_t)1 << 26), copy = sg_buf_make((size_t)1 << 26);
    sg_buf_add(&copy, messages, n);
    sg_status status = fold_messages(messages, n, &b, err);
    if (status == SG_OK)
        status = sg_buf_check(&copy, "a prompt", err);
    if (status == SG_OK) {
        int i = c->next;
        c->next = (i + 1) % N_PROMPTS;
        sg_free(c->item[i].messages);
        sg_free(c->item[i].folded);
        c->item[i].messages = sg_buf_take(&copy);
        *folded = c->item[i].folded = sg_buf_take(&b);
    }
    sg_buf_free(&copy);
    sg_buf_free(&b);
    return status;
}

/* Whether the text stands in one of the prompt's messages. Up to three words stand in any prompt by chance. */
static sg_status is_in_prompt(struct sg_pool *p, const struct sg_request *q, const char *text, int *yes,
                              struct sg_err *err)
{
    const char *prompt = "";
    *yes = 0;
    SG_TRY(fold(text, NULL, &p->folded, err));
    int n_words = 1;
    for (const char *s = sg_buf_text(&p->folded); (s = strchr(s, ' ')); s++)
        n_words++;
    /* Of scripts without blanks each letter stands alone: seven and fewer may be three words. */
    if (n_words <= 3 || (n_words <= 7 && sg_count_long_words(sg_buf_text(&p->folded)) <= 3))
        return SG_OK;
    SG_TRY(folded_prompt(&p->prompts, q, &prompt, err));
    *yes = strstr(prompt, sg_buf_text(&p->folded)) != NULL;
    return SG_OK;
}

/* Whether the example repeats the prompt or an example in it. A rephrased pair may leave one of its texts as it was. Leaves a text
 * that is no pair folded in p->folded. */
static sg_status is_echo(struct sg_pool *p, const struct sg_request *q, const struct sg_parsed *x, int *yes,
                         struct sg_err *err)
{
    SG_TRY(is_in_prompt(p, q, x->first, yes, err));
    return *yes && p->spec.source && x->second ? is_in_prompt(p, q, x->second, yes, err) : SG_OK;
}

/* ---- near-duplicates ---- */

/* The most similar text of the rows and of the examples so far. */
static sg_status find_near(struct sg_pool *p, const struct sg_near_text *text, struct sg_near_match *out,
                           struct sg_err *err)
{
    struct sg_near_match own;
    SG_TRY(sg_near_search(p->spec.near, text, out, err));
    SG_TRY(sg_near_search(p->near, text, &own, err));
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
    snprintf(n->key, SG_HEX, "%s", key);
    return SG_OK;
}

static const enum sg_reject of_kind[SG_N_NEAR_KINDS] = {[SG_NEAR_RAW] = SG_REJECT_NEAR_RAW,
                                                        [SG_NEAR_TEST] = SG_REJECT_NEAR_TEST,
                                                        [SG_NEAR_POOL] = SG_REJECT_NEAR_POOL};

/* What is found out about an example. */
struct outcome {
    unsigned char digest[32];   /* of the folded text */
    struct sg_near_match match; /* its near-duplicate, whether or not that rejects it */
    struct sg_near_text text;   /* what was looked for (sg_near_text_free), empty where nothing was */
};

/* Whether it repeats an earlier position or a raw row. */
static sg_status is_taken(const struct sg_pool *p, const unsigned char digest[32], int *yes,
                          struct sg_err *err)
{
    *yes = 0;
    if (!p->spec.check_duplicates)
        return SG_OK;
    *yes = sg_set_has_digest(p->taken, digest);
    return *yes ? SG_OK : sg_folded_have(p->spec.raw_folded, digest, yes, err);
}

static sg_status check(struct sg_pool *p, const struct sg_request *q, const struct sg_parsed *x,
                       enum sg_reject *reason, struct outcome *o, struct sg_err *err)
{
    int echo = 0, leaks, taken;
    *o = (struct outcome){0};
    *reason = SG_ACCEPTED;
    if (q)
        SG_TRY(is_echo(p, q, x, &echo, err));
    if (x->second || !q)
        SG_TRY(fold(x->first, x->second, &p->folded, err));
    sg_sha256(sg_buf_text(&p->folded), p->folded.len, o->digest);
    SG_TRY(sg_folded_have(p->spec.test_folded, o->digest, &leaks, err));
    SG_TRY(is_taken(p, o->digest, &taken, err));
    *reason = echo ? SG_REJECT_ECHO : leaks ? SG_REJECT_LEAKAGE : taken ? SG_REJECT_DUPLICATE : SG_ACCEPTED;
    if (*reason != SG_ACCEPTED || !p->near)
        return SG_OK;
    SG_TRY(sg_near_read(p->near, sg_buf_text(&p->folded), &o->text, err));
    SG_TRY(find_near(p, &o->text, &o->match, err));
    if (p->spec.near_filter > 0)
        *reason = of_kind[o->match.kind];
    return SG_OK;
}

sg_status sg_pool_check(struct sg_pool *p, const struct sg_request *q, const struct sg_parsed *x,
                        enum sg_reject *reason, struct sg_err *err)
{
    struct outcome o;
    sg_status status = check(p, q, x, reason, &o, err);
    sg_near_text_free(&o.text);
    return status;
}

sg_status sg_pool_check_for_good(struct sg_pool *p, const struct sg_request *q, const struct sg_parsed *x,
                                 enum sg_reject *reason, struct sg_err *err)
{
    struct outcome o;
    sg_status status = check(p, q, x, reason, &o, err);
    if (status == SG_OK && o.match.kind)
        status = note_pair(p, q ? q->key : "", *reason == SG_ACCEPTED ? p->n_good : -1, &o.match, err);
    if (status == SG_OK && *reason == SG_ACCEPTED && p->near)
        status = sg_near_keep(p->near, SG_NEAR_POOL, p->n_good, &o.text, err);
    if (status == SG_OK && *reason == SG_ACCEPTED)
        status = sg_set_add_digest(p->taken, o.digest, err);
    sg_near_text_free(&o.text);
    return status;
}
