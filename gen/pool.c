#include "gen/pool.h"

#include "base/mem.h"
#include "gen/parse_many.h"
#include "gen/prompt.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { MIN_TOPICS = 5, MAX_TOPIC_LISTS = 8 };

struct example {
    int32_t label;
    char *first, *second;
    char key[SG_HEX];
    int64_t ordinal; /* among all good examples of the pool, in the order of the attempts */
};

/* Good examples of one class that wait for their position. */
struct queue {
    int64_t n, head;
    struct example *item;
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
    int64_t *cursor;         /* (K): the next attempt; all classes use the first where the LLM chooses */
    struct queue *queue;     /* (K) */
    int finished;            /* all positions are filled or given up */
    int64_t n_good;          /* examples that queued up, used or not */
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
        "accepted", "failed",   "empty",       "cut_off", "refused",  "unparsable", "echo",     "duplicate",
        "leakage",  "too_long", "wrong_label", "surplus", "near_raw", "near_test",  "near_pool"};
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

/* What differs from one labelled example a request in the task's own words: nothing is added for that, so that ids stay what
 * they were before there was anything else. */
static void add_arm(struct sg_sha256_stream *sha, const struct sg_pool_spec *s)
{
    struct sg_prompts w;
    char number[64];
    if (s->n_examples > 1) {
        snprintf(number, sizeof number, "examples_per_request %lld", (long long)s->n_examples);
        add_text(sha, number);
    }
    if (s->structured)
        add_text(sha, "structured");
    if ((!s->variant || strcmp(s->variant, "default") == 0) && s->conditioning == SG_BY_LABEL)
        return;
    if (!sg_task_wording(s->task, s->variant ? s->variant : "default", s->conditioning, &w))
        return; /* the prompter has refused it */
    const char *const text[] = {sg_conditioning_name(s->conditioning),
                                w.system,
                                w.zero_shot,
                                w.zero_shot_topic,
                                w.few_shot,
                                w.example,
                                w.topics};
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++)
        add_text(sha, text[i]);
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
    add_arm(sha, s);
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
    struct sg_pool_near *pair = sg_grown(p->pair, p->n_pairs, sizeof *pair);
    if (!pair)
        return sg_fail_memory(err, 2 * (size_t)p->n_pairs * sizeof *pair);
    p->pair = pair;
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
        SG_TRY(note_pair(p, q->key, *reason == SG_ACCEPTED ? p->n_good : -1, &match, err));
    return *reason == SG_ACCEPTED ? sg_near_add(p->near, SG_NEAR_POOL, p->n_good, x->first, x->second, err)
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
    p->spec.n_examples = spec->n_examples > 1 ? spec->n_examples : 1;
    p->cursor = sg_alloc((size_t)spec->task->n_classes, sizeof *p->cursor);
    p->queue = sg_alloc((size_t)spec->task->n_classes, sizeof *p->queue);
    p->taken = json_object();
    p->test = json_object();
    sg_status status = p->example && p->filled && p->cursor && p->queue && p->taken && p->test
                           ? SG_OK
                           : sg_fail_memory(err, (size_t)spec->n * sizeof *p->example);
    struct sg_prompter_spec ps = {.task = spec->task,
                                  .method = spec->method,
                                  .generator = spec->generator,
                                  .seed = spec->seed,
                                  .raw = spec->raw,
                                  .variant = spec->variant,
                                  .conditioning = spec->conditioning,
                                  .n_examples = p->spec.n_examples,
                                  .structured = spec->structured};
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

static void example_free(struct example *e)
{
    sg_free(e->first);
    sg_free(e->second);
}

void sg_pool_destroy(struct sg_pool *p)
{
    if (!p)
        return;
    for (int64_t i = 0; i < p->n; i++)
        example_free(&p->example[i]);
    for (int k = 0; p->queue && k < p->spec.task->n_classes; k++) {
        for (int64_t i = p->queue[k].head; i < p->queue[k].n; i++)
            example_free(&p->queue[k].item[i]);
        sg_free(p->queue[k].item);
    }
    sg_free(p->queue);
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

/* The attempt of its class at which position j is given up: a function of j alone, so that a pool which asks
 * for more begins with the same examples. */
static int64_t attempts_cap(const struct sg_pool *p, int64_t j)
{
    int64_t k = p->spec.task->n_classes, cap = 4 * (j / k + 1) + 16;
    return p->spec.conditioning == SG_BY_NONE ? k * cap : cap;
}

/* What an attempt asks for: a class, or -1. */
static int asked_class(const struct sg_pool *p, int class_)
{
    return p->spec.conditioning == SG_BY_NONE ? -1 : class_;
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
            status = sg_requests_add_take(missing, &q, err);
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

static int64_t n_waiting(const struct queue *q)
{
    return q->n - q->head;
}

/* Takes the texts of x. */
static sg_status enqueue(struct sg_pool *p, int class_, const char *key, struct sg_parsed *x,
                         struct sg_err *err)
{
    struct queue *q = &p->queue[class_];
    struct example *item = sg_grown(q->item, q->n, sizeof *item);
    if (!item)
        return sg_fail_memory(err, 2 * (size_t)q->n * sizeof *item);
    q->item = item;
    struct example *e = &q->item[q->n++];
    *e = (struct example){.label = class_, .first = x->first, .second = x->second, .ordinal = p->n_good++};
    memcpy(e->key, key, SG_HEX);
    *x = (struct sg_parsed){0};
    return SG_OK;
}

/* Judges one example of a completion, and puts a good one into its class's queue. */
static sg_status take_candidate(struct sg_pool *p, const struct sg_request *q, struct sg_candidate *c,
                                int class_, struct sg_err *err)
{
    if (c->reason == SG_ACCEPTED)
        SG_TRY(judge(p, q, &c->x, &c->reason, err));
    if (c->reason == SG_ACCEPTED) {
        SG_TRY(remember(p->taken, c->x.first, c->x.second, err));
        SG_TRY(enqueue(p, class_, q->key, &c->x, err));
    } else {
        p->rejects[c->reason]++;
    }
    return SG_OK;
}

/* The attempts that class k draws from. */
static int64_t *cursor_of(struct sg_pool *p, int class_)
{
    return &p->cursor[p->spec.conditioning == SG_BY_NONE ? 0 : class_];
}

static sg_status take_attempt(struct sg_pool *p, const struct sg_request *q, const struct sg_found *f,
                              int class_, struct sg_err *err)
{
    struct sg_candidate c[SG_MAX_EXAMPLES] = {{.reason = SG_REJECT_FAILED}};
    int64_t n = 1;
    sg_status status = SG_OK;
    int chooses = p->spec.conditioning == SG_BY_NONE;
    if (f->status == SG_OK)
        status = sg_parse_examples(p->spec.task, f->text, f->finish_reason,
                                   (struct sg_wanted){p->spec.n_examples, chooses, p->spec.structured}, c, &n,
                                   err);
    if (status != SG_OK)
        return status;
    for (int64_t i = 0; status == SG_OK && i < n; i++)
        status = take_candidate(p, q, &c[i], chooses ? c[i].class_ : class_, err);
    for (int64_t i = 0; i < n; i++)
        sg_parsed_free(&c[i].x);
    if (status == SG_OK) {
        p->n_attempts++;
        ++*cursor_of(p, class_);
    }
    return status;
}

static void take_from_queue(struct sg_pool *p, int class_)
{
    struct queue *q = &p->queue[class_];
    p->example[p->n++] = q->item[q->head++];
    p->rejects[SG_ACCEPTED]++;
}

/* Tries attempts for the position until its class has an example (*state 1), one is not there yet (0), or the class is
 * short (2). */
static sg_status fill_position(struct sg_pool *p, sg_completion_lookup lookup, void *context, int *state,
                               struct sg_err *err)
{
    int class_ = (int)(p->position % p->spec.task->n_classes);
    int64_t *cursor = cursor_of(p, class_);
    *state = 2;
    while (!n_waiting(&p->queue[class_]) && *cursor < attempts_cap(p, p->position) &&
           (p->topics.n || p->spec.method != SG_ZERO_SHOT_TOPIC)) {
        struct sg_request q = {0};
        struct sg_found f = {0};
        SG_TRY(sg_prompter_attempt(p->prompter, asked_class(p, class_), *cursor, &p->topics, &q, err));
        sg_status status = lookup(context, q.key, &f, err);
        if (status == SG_OK && f.found)
            status = take_attempt(p, &q, &f, class_, err);
        sg_free(q.canonical);
        SG_TRY(status);
        if (!f.found) {
            *state = 0;
            return SG_OK;
        }
    }
    if (n_waiting(&p->queue[class_])) {
        take_from_queue(p, class_);
        *state = 1;
    }
    return SG_OK;
}

static sg_status list_attempt(struct sg_pool *p, int class_, int64_t attempt, sg_completion_lookup lookup,
                              void *context, struct sg_requests *missing, struct sg_err *err)
{
    struct sg_request q = {0};
    struct sg_found f = {0};
    SG_TRY(sg_prompter_attempt(p->prompter, asked_class(p, class_), attempt, &p->topics, &q, err));
    sg_status status = lookup(context, q.key, &f, err);
    if (status == SG_OK && !f.found)
        status = sg_requests_add_take(missing, &q, err);
    sg_free(q.canonical);
    return status;
}

/* As many attempts as the open positions need if each gives all its examples: those that are not there yet. What waits in a
 * queue needs none. Each attempt is counted for the position that it would fill, whose cap holds. */
static sg_status list_missing(struct sg_pool *p, sg_completion_lookup lookup, void *context,
                              struct sg_requests *missing, struct sg_err *err)
{
    int k = p->spec.task->n_classes, streams = p->spec.conditioning == SG_BY_NONE ? 1 : k;
    for (int s = 0; s < streams; s++) {
        int64_t need = 0;
        for (int64_t j = p->position; j < p->spec.n; j++) {
            int class_ = (int)(j % k);
            if (streams > 1 && class_ != s)
                continue;
            int64_t before = (j - p->position) / k; /* open positions of this class before j */
            if (before < n_waiting(&p->queue[class_]))
                continue;
            int64_t attempt = p->cursor[s] + need / p->spec.n_examples;
            if (need++ % p->spec.n_examples == 0 && attempt < attempts_cap(p, j))
                SG_TRY(list_attempt(p, s, attempt, lookup, context, missing, err));
        }
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
                                   (long long)*cursor_of(p, (int)c));
    }
}

/* Where the good example with this ordinal went; -1: nowhere. */
static int64_t position_of(const int64_t *place, int64_t ordinal)
{
    return ordinal < 0 ? -1 : place[ordinal] - 1;
}

/* Names what is missing and what is left over; near-duplicates get positions for ordinals. Done once. */
static sg_status finish(struct sg_pool *p, struct sg_err *err)
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
        p->rejects[SG_REJECT_SURPLUS] += n_waiting(&p->queue[k]);
    name_shortfall(p);
    p->finished = 1;
    return SG_OK;
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
    return finish(p, err);
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
    int64_t max_tokens = sg_prompter_max_tokens(p->prompter);
    *n_requests =
        (p->spec.n + p->spec.n_examples - 1) / p->spec.n_examples + (p->spec.method == SG_ZERO_SHOT_TOPIC);
    *tokens_in = 0;
    if (sg_prompter_attempt(p->prompter, asked_class(p, 0), 0, &one, &q, &ignored) == SG_OK)
        *tokens_in = (int64_t)strlen(q.canonical) / 4; /* about four bytes of English a token */
    sg_free(q.canonical);
    *tokens_out =
        max_tokens * 6 / 10; /* measured: recorded completions use about this share of their limit */
}

int64_t sg_pool_max_tokens(const struct sg_pool *p)
{
    int64_t n = sg_prompter_max_tokens(p->prompter);
    return p->topics_done || n > SG_TOPICS_MAX_TOKENS ? n : SG_TOPICS_MAX_TOKENS;
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
