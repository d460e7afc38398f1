#include "gen/pool.h"

#include "base/mem.h"
#include "gen/parse.h"
#include "gen/prompt.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { MIN_TOPICS = 5, MAX_TOPIC_LISTS = 8 };

struct example {
    int32_t label;
    char *first, *second;
    char key[SG_HEX];
};

struct sg_pool {
    struct sg_pool_spec spec;
    struct sg_prompter *prompter;
    char id[SG_HEX];
    struct sg_topics topics;
    int64_t n_lists; /* topic lists read so far */
    int topics_done;
    int64_t position;        /* the next to fill */
    int64_t n;               /* filled */
    struct example *example; /* (n) */
    int64_t *filled;         /* (spec.n + 1): examples among the first j positions */
    int64_t *cursor;         /* (K): the next attempt */
    json_t *taken;           /* folded texts of raw rows and earlier positions */
    json_t *test;            /* folded texts of test rows */
    struct sg_near *near;    /* the examples, for near-duplicates; NULL: not looked for */
    int64_t n_pairs;
    struct sg_pool_near *pair;
    int64_t rejects[SG_N_REJECTS], n_attempts;
    char shortfall[1000];
};

const char *sg_reject_name(enum sg_reject r)
{
    static const char *const names[SG_N_REJECTS] = {
        "accepted",  "failed",  "empty",    "cut_off",  "refused",   "unparsable", "echo",
        "duplicate", "leakage", "too_long", "near_raw", "near_test", "near_pool"};
    return names[r];
}

/* ---- identity ---- */

static void add_text(struct sg_sha256_stream *s, const char *text)
{
    /* With its NUL, so that "ab","c" and "a","bc" differ; NULL is not "". */
    sg_sha256_add(s, text ? text : "\1", text ? strlen(text) + 1 : 1);
}

static void add_rows(struct sg_sha256_stream *s, const struct sg_rows *rows)
{
    for (int64_t i = 0; rows && i < rows->n; i++) {
        add_text(s, rows->row[i].first);
        add_text(s, rows->row[i].second);
        add_text(s, rows->row[i].label);
    }
    add_text(s, "end of rows");
}

static sg_status make_id(struct sg_pool *p, struct sg_err *err)
{
    const struct sg_pool_spec *s = &p->spec;
    struct sg_sha256_stream *sha = sg_sha256_create();
    if (!sha)
        return sg_fail_memory(err, 256);
    char numbers[200];
    int64_t max_tokens = s->task->max_tokens ? s->task->max_tokens : s->generator->max_tokens;
    snprintf(numbers, sizeof numbers, "%.17g %.17g %lld %lld %d", s->generator->temperature,
             s->generator->top_p, (long long)max_tokens, (long long)s->seed, s->check_duplicates);
    add_text(sha, s->task->digest);
    add_text(sha, sg_method_name(s->method));
    add_text(sha, s->generator->provider);
    add_text(sha, s->generator->model);
    add_text(sha, numbers);
    add_rows(sha, s->raw);
    add_rows(sha, s->test);
    if (s->near && s->near_filter > 0) { /* else the id is what it was before there was this filter */
        snprintf(numbers, sizeof numbers, "near_duplicates %.17g", s->near_filter);
        add_text(sha, numbers);
        add_text(sha, s->near_digest);
    }
    sg_sha256_finish_hex(sha, p->id);
    return SG_OK;
}

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

static sg_status remember(json_t *set, const char *first, const char *second, struct sg_err *err)
{
    struct sg_buf b = sg_buf_make((size_t)1 << 26);
    sg_status status = fold(first, second, &b, err);
    if (status == SG_OK && json_object_set_new(set, sg_buf_text(&b), json_true()) != 0)
        status = sg_fail_memory(err, b.len);
    sg_buf_free(&b);
    return status;
}

static sg_status remember_rows(json_t *set, const struct sg_rows *rows, struct sg_err *err)
{
    for (int64_t i = 0; rows && i < rows->n; i++)
        SG_TRY(remember(set, rows->row[i].first, rows->row[i].second, err));
    return SG_OK;
}

/* Whether the example repeats the prompt or an example in it. Up to three words stand in any prompt by
 * chance. */
static sg_status is_echo(const struct sg_request *q, const struct sg_parsed *x, int *yes, struct sg_err *err)
{
    struct sg_buf text = sg_buf_make((size_t)1 << 26), prompt = sg_buf_make((size_t)1 << 26);
    json_t *o = json_loads(q->canonical, 0, NULL);
    const json_t *message;
    size_t i;
    *yes = 0;
    sg_buf_folded(&text, x->first);
    sg_status status = sg_buf_check(&text, "a text", err);
    int n_words = 1;
    for (const char *s = sg_buf_text(&text); (s = strchr(s, ' ')); s++)
        n_words++;
    json_array_foreach (json_object_get(o, "messages"), i, message) {
        const char *content = json_string_value(json_object_get(message, "content"));
        sg_buf_clear(&prompt);
        if (content)
            sg_buf_folded(&prompt, content);
        if (status == SG_OK)
            status = sg_buf_check(&prompt, "a prompt", err);
        *yes |= n_words > 3 && strstr(sg_buf_text(&prompt), sg_buf_text(&text)) != NULL;
    }
    json_decref(o);
    sg_buf_free(&text);
    sg_buf_free(&prompt);
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
    if ((p->n_pairs & (p->n_pairs - 1)) == 0) { /* full at each power of two */
        struct sg_pool_near *more =
            sg_realloc(p->pair, p->n_pairs ? 2 * (size_t)p->n_pairs : 1, sizeof *more);
        if (!more)
            return sg_fail_memory(err, 2 * (size_t)p->n_pairs * sizeof *more);
        p->pair = more;
    }
    struct sg_pool_near *n = &p->pair[p->n_pairs++];
    *n = (struct sg_pool_near){.position = position, .match = *match};
    memcpy(n->key, key, SG_HEX);
    return SG_OK;
}

/* Looks for a near-duplicate of an example that passed all else; rejects it where the study says so. */
static sg_status judge_near(struct sg_pool *p, const struct sg_request *q, const struct sg_parsed *x,
                            enum sg_reject *reason, struct sg_err *err)
{
    static const enum sg_reject of[SG_N_NEAR_KINDS] = {[SG_NEAR_RAW] = SG_REJECT_NEAR_RAW,
                                                       [SG_NEAR_TEST] = SG_REJECT_NEAR_TEST,
                                                       [SG_NEAR_POOL] = SG_REJECT_NEAR_POOL};
    struct sg_near_match match = {0};
    SG_TRY(find_near(p, x, &match, err));
    if (p->spec.near_filter > 0)
        *reason = of[match.kind];
    if (match.kind)
        SG_TRY(note_pair(p, q->key, *reason == SG_ACCEPTED ? p->n : -1, &match, err));
    return *reason == SG_ACCEPTED ? sg_near_add(p->near, SG_NEAR_POOL, p->n, x->first, x->second, err)
                                  : SG_OK;
}

static sg_status judge(struct sg_pool *p, const struct sg_request *q, const struct sg_parsed *x,
                       enum sg_reject *reason, struct sg_err *err)
{
    struct sg_buf b = sg_buf_make((size_t)1 << 26);
    int echo = 0;
    sg_status status = fold(x->first, x->second, &b, err);
    const char *folded = sg_buf_text(&b);
    if (status == SG_OK)
        status = is_echo(q, x, &echo, err);
    if (echo)
        *reason = SG_REJECT_ECHO;
    else if (json_object_get(p->test, folded))
        *reason = SG_REJECT_LEAKAGE;
    else if (p->spec.check_duplicates && json_object_get(p->taken, folded))
        *reason = SG_REJECT_DUPLICATE;
    if (status == SG_OK && *reason == SG_ACCEPTED && p->near)
        status = judge_near(p, q, x, reason, err);
    sg_buf_free(&b);
    return status;
}

/* ---- life ---- */

sg_status sg_pool_create(const struct sg_pool_spec *spec, struct sg_pool **out, struct sg_err *err)
{
    struct sg_pool *p = sg_alloc(1, sizeof *p);
    if (!p)
        return sg_fail_memory(err, sizeof *p);
    p->spec = *spec;
    p->topics_done = spec->method != SG_ZERO_SHOT_TOPIC;
    p->example = sg_alloc((size_t)spec->n + 1, sizeof *p->example);
    p->filled = sg_alloc((size_t)spec->n + 1, sizeof *p->filled);
    p->cursor = sg_alloc((size_t)spec->task->n_classes, sizeof *p->cursor);
    p->taken = json_object();
    p->test = json_object();
    sg_status status = p->example && p->filled && p->cursor && p->taken && p->test
                           ? SG_OK
                           : sg_fail_memory(err, (size_t)spec->n * sizeof *p->example);
    struct sg_prompter_spec ps = {spec->task, spec->method, spec->generator, spec->seed, spec->raw};
    if (status == SG_OK)
        status = sg_prompter_create(&ps, &p->prompter, err);
    if (status == SG_OK)
        status = make_id(p, err);
    if (status == SG_OK && spec->check_duplicates)
        status = remember_rows(p->taken, spec->raw, err);
    if (status == SG_OK)
        status = remember_rows(p->test, spec->test, err);
    if (status == SG_OK && spec->near)
        status = sg_near_create(sg_near_threshold(spec->near), &p->near, err);
    if (status != SG_OK) {
        sg_pool_destroy(p);
        return status;
    }
    *out = p;
    return SG_OK;
}

void sg_pool_destroy(struct sg_pool *p)
{
    if (!p)
        return;
    for (int64_t i = 0; i < p->n; i++) {
        sg_free(p->example[i].first);
        sg_free(p->example[i].second);
    }
    sg_prompter_destroy(p->prompter);
    sg_topics_free(&p->topics);
    sg_free(p->example);
    sg_free(p->filled);
    sg_free(p->cursor);
    sg_near_destroy(p->near);
    sg_free(p->pair);
    json_decref(p->taken);
    json_decref(p->test);
    sg_free(p);
}

const char *sg_pool_id(const struct sg_pool *p)
{
    return p->id;
}

/* ---- filling ---- */

static sg_status list_request(struct sg_requests *list, struct sg_request *q, struct sg_err *err)
{
    if ((list->n & (list->n - 1)) == 0) { /* full at each power of two */
        struct sg_request *more = sg_realloc(list->item, list->n ? 2 * (size_t)list->n : 1, sizeof *more);
        if (!more)
            return sg_fail_memory(err, 2 * (size_t)list->n * sizeof *more);
        list->item = more;
    }
    list->item[list->n++] = *q;
    q->canonical = NULL;
    return SG_OK;
}

/* The attempt of its class at which position j is given up: a function of j alone, so that a pool which asks
 * for more begins with the same examples. */
static int64_t attempts_cap(const struct sg_pool *p, int64_t j)
{
    return 4 * (j / p->spec.task->n_classes + 1) + 16;
}

/* Reads topic lists until there are enough topics; lists the next one when it is not there yet. */
static sg_status advance_topics(struct sg_pool *p, sg_completion_lookup lookup, void *context,
                                struct sg_requests *missing, struct sg_err *err)
{
    while (!p->topics_done) {
        struct sg_request q = {0};
        struct sg_found f = {0};
        SG_TRY(sg_prompter_topics(p->prompter, p->n_lists, &q, err));
        sg_status status = lookup(context, q.key, &f, err);
        if (status == SG_OK && !f.found) {
            status = list_request(missing, &q, err);
            sg_free(q.canonical);
            return status;
        }
        sg_free(q.canonical);
        if (status == SG_OK && f.status == SG_OK && f.text)
            status = sg_parse_topics(f.text, f.finish_reason, &p->topics, err);
        SG_TRY(status);
        p->n_lists++;
        p->topics_done = p->topics.n >= MIN_TOPICS || p->n_lists == MAX_TOPIC_LISTS;
    }
    return SG_OK;
}

static sg_status take_attempt(struct sg_pool *p, const struct sg_request *q, const struct sg_found *f,
                              int class_, int *accepted, struct sg_err *err)
{
    struct sg_parsed x = {0};
    enum sg_reject reason = SG_REJECT_FAILED;
    sg_status status = SG_OK;
    *accepted = 0;
    if (f->status == SG_OK)
        status = sg_parse_completion(p->spec.task, f->text, f->finish_reason, &reason, &x, err);
    if (status == SG_OK && reason == SG_ACCEPTED)
        status = judge(p, q, &x, &reason, err);
    if (status == SG_OK && reason == SG_ACCEPTED)
        status = remember(p->taken, x.first, x.second, err);
    if (status == SG_OK) {
        p->n_attempts++;
        p->rejects[reason]++;
        p->cursor[class_]++;
        if (reason == SG_ACCEPTED) {
            struct example *e = &p->example[p->n++];
            *e = (struct example){.label = class_, .first = x.first, .second = x.second};
            memcpy(e->key, q->key, SG_HEX);
            x = (struct sg_parsed){0};
            *accepted = 1;
        }
    }
    sg_parsed_free(&x);
    return status;
}

/* Tries attempts for the position until one is accepted (*state 1), one is not there yet (0), or the class is
 * short (2). */
static sg_status fill_position(struct sg_pool *p, sg_completion_lookup lookup, void *context, int *state,
                               struct sg_err *err)
{
    int class_ = (int)(p->position % p->spec.task->n_classes);
    *state = 2;
    while (p->cursor[class_] < attempts_cap(p, p->position) &&
           (p->topics.n || p->spec.method != SG_ZERO_SHOT_TOPIC)) {
        struct sg_request q = {0};
        struct sg_found f = {0};
        int accepted = 0;
        SG_TRY(sg_prompter_attempt(p->prompter, class_, p->cursor[class_], &p->topics, &q, err));
        sg_status status = lookup(context, q.key, &f, err);
        if (status == SG_OK && f.found)
            status = take_attempt(p, &q, &f, class_, &accepted, err);
        sg_free(q.canonical);
        SG_TRY(status);
        if (!f.found || accepted) {
            *state = accepted;
            return SG_OK;
        }
    }
    return SG_OK;
}

/* As many attempts a class as it has open positions: those that are not there yet. */
static sg_status list_missing(struct sg_pool *p, sg_completion_lookup lookup, void *context,
                              struct sg_requests *missing, struct sg_err *err)
{
    int64_t k = p->spec.task->n_classes;
    for (int64_t j = p->position; j < p->spec.n; j++) {
        int class_ = (int)(j % k);
        int64_t attempt = p->cursor[class_] + (j - p->position) / k;
        if (attempt >= attempts_cap(p, j))
            continue;
        struct sg_request q = {0};
        struct sg_found f = {0};
        SG_TRY(sg_prompter_attempt(p->prompter, class_, attempt, &p->topics, &q, err));
        sg_status status = lookup(context, q.key, &f, err);
        if (status == SG_OK && !f.found)
            status = list_request(missing, &q, err);
        sg_free(q.canonical);
        SG_TRY(status);
    }
    return SG_OK;
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
                                   (long long)p->cursor[c]);
    }
}

sg_status sg_pool_advance(struct sg_pool *p, sg_completion_lookup lookup, void *context,
                          struct sg_requests *missing, struct sg_err *err)
{
    SG_TRY(advance_topics(p, lookup, context, missing, err));
    if (!p->topics_done)
        return SG_OK;
    while (p->position < p->spec.n) {
        int state;
        SG_TRY(fill_position(p, lookup, context, &state, err));
        if (state == 0)
            return list_missing(p, lookup, context, missing, err);
        p->filled[++p->position] = p->n;
    }
    name_shortfall(p);
    return SG_OK;
}

int sg_pool_complete(const struct sg_pool *p)
{
    return p->topics_done && p->position == p->spec.n;
}

/* ---- what it holds ---- */

void sg_pool_estimate(const struct sg_pool *p, int64_t *n_requests, int64_t *tokens_in, int64_t *tokens_out)
{
    char word[] = "a topic of a few words", *item[] = {word};
    struct sg_topics one = {1, item};
    struct sg_request q = {0};
    struct sg_err ignored;
    int64_t max_tokens = p->spec.task->max_tokens ? p->spec.task->max_tokens : p->spec.generator->max_tokens;
    *n_requests = p->spec.n + (p->spec.method == SG_ZERO_SHOT_TOPIC);
    *tokens_in = 0;
    if (sg_prompter_attempt(p->prompter, 0, 0, &one, &q, &ignored) == SG_OK)
        *tokens_in = (int64_t)strlen(q.canonical) / 4; /* about four bytes of English a token */
    sg_free(q.canonical);
    *tokens_out =
        max_tokens * 6 / 10; /* measured: recorded completions use about this share of their limit */
}

int64_t sg_pool_n(const struct sg_pool *p)
{
    return p->n;
}

struct sg_pool_example sg_pool_get(const struct sg_pool *p, int64_t j)
{
    const struct example *e = &p->example[j];
    return (struct sg_pool_example){e->label, e->first, e->second, e->key};
}

int64_t sg_pool_prefix(const struct sg_pool *p, int64_t size)
{
    return p->filled[size < p->position ? size : p->position];
}

const int64_t *sg_pool_rejects(const struct sg_pool *p)
{
    return p->rejects;
}

int64_t sg_pool_n_attempts(const struct sg_pool *p)
{
    return p->n_attempts;
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
