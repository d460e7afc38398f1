#include "gen/pool/pool.h"

#include "base/mem.h"
#include "base/text.h"
#include "gen/pool/pool_impl.h"

#include <stdio.h>
#include <string.h>

enum { MIN_TOPICS = 5, MAX_TOPIC_LISTS = 8 };

const char *sg_reject_name(enum sg_reject r)
{
    static const char *const names[SG_N_REJECTS] = {
        "accepted", "failed",    "empty",     "cut_off",  "refused",     "unparsable",
        "echo",     "duplicate", "leakage",   "too_long", "wrong_label", "surplus",
        "near_raw", "near_test", "near_pool", "marked",   "reasoning",   "too_short"};
    return names[r];
}

/* ---- identity ---- */

static void add_rows(struct sg_sha256_stream *s, const struct sg_rows *rows)
{
    for (int64_t i = 0; rows && i < rows->n; i++) {
        sg_sha256_add_text(s, rows->row[i].first);
        sg_sha256_add_text(s, rows->row[i].second);
        sg_sha256_add_text(s, rows->row[i].label);
    }
    sg_sha256_add_text(s, "end of rows");
}

/* What differs from one labelled example a request in the task's own words: nothing is added for that, so that ids stay what
 * they were before there was anything else. */
static void add_arm(struct sg_sha256_stream *sha, const struct sg_pool_spec *s)
{
    struct sg_prompts w;
    char number[64];
    if (s->n_examples > 1) {
        snprintf(number, sizeof number, "examples_per_request %lld", (long long)s->n_examples);
        sg_sha256_add_text(sha, number);
    }
    if (s->structured)
        sg_sha256_add_text(sha, "structured");
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
        sg_sha256_add_text(sha, text[i]);
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
    sg_sha256_add_text(sha, s->task->digest);
    sg_sha256_add_text(sha, sg_method_name(s->method));
    sg_sha256_add_text(sha, s->generator->provider);
    sg_sha256_add_text(sha, s->generator->model);
    sg_sha256_add_text(sha, numbers);
    add_rows(sha, s->raw);
    add_rows(sha, s->test);
    add_arm(sha, s);
    struct sg_buf more = sg_buf_make((size_t)1 << 24);
    sg_generator_more(s->generator, &more);
    if (more.len) /* else the id is what it was before there was such a thing */
        sg_sha256_add_text(sha, sg_buf_text(&more));
    sg_buf_free(&more);
    if (s->near && s->near_filter > 0) { /* else the id is what it was before there was this filter */
        snprintf(numbers, sizeof numbers, "near_duplicates %.17g", s->near_filter);
        sg_sha256_add_text(sha, numbers);
        sg_sha256_add_text(sha, s->near_digest);
    }
    if (s->draw > 0) { /* the first one's id is what it was before there were others */
        snprintf(numbers, sizeof numbers, "draw %lld", (long long)s->draw);
        sg_sha256_add_text(sha, numbers);
    }
    if (s->source) {
        struct sg_prompts w;
        snprintf(numbers, sizeof numbers, "rephrased in a form, repeats none, %d attempts",
                 SG_MAX_REPHRASINGS);
        sg_sha256_add_text(sha, numbers);
        sg_sha256_add_text(sha, sg_pool_id(s->source));
        sg_sha256_add_text(sha, SG_REPHRASE_SYSTEM);
        if (sg_task_wording(s->task, s->variant ? s->variant : "default", s->conditioning, &w))
            sg_sha256_add_text(sha, w.rephrase);
    }
    sg_sha256_finish_hex(sha, p->id);
    return SG_OK;
}

/* ---- life ---- */

static sg_status remember_rows(struct sg_set *set, const struct sg_rows *rows, struct sg_err *err)
{
    for (int64_t i = 0; rows && i < rows->n; i++)
        SG_TRY(sg_pool_remember(set, rows->row[i].first, rows->row[i].second, err));
    return SG_OK;
}

/* Whether raw rows have texts of a single word: then examples may, too. */
static void note_short_rows(struct sg_pool *p)
{
    const struct sg_rows *raw = p->spec.raw;
    for (int64_t i = 0; raw && i < raw->n; i++) {
        p->one_word[0] |= sg_count_words(raw->row[i].first) == 1;
        p->one_word[1] |= raw->row[i].second && sg_count_words(raw->row[i].second) == 1;
    }
}

sg_status sg_pool_create(const struct sg_pool_spec *spec, struct sg_pool **out, struct sg_err *err)
{
    struct sg_pool *p = sg_alloc(1, sizeof *p);
    if (!p)
        return sg_fail_memory(err, sizeof *p);
    p->spec = *spec;
    p->folded = sg_buf_make((size_t)1 << 26);
    p->topics_done = spec->method != SG_ZERO_SHOT_TOPIC || spec->source;
    p->example = sg_alloc((size_t)spec->n + 1, sizeof *p->example);
    p->filled = sg_alloc((size_t)spec->n + 1, sizeof *p->filled);
    p->spec.n_examples = spec->n_examples > 1 && !spec->source ? spec->n_examples : 1;
    p->cursor = sg_alloc((size_t)spec->task->n_classes, sizeof *p->cursor);
    p->queue = sg_alloc((size_t)spec->task->n_classes, sizeof *p->queue);
    sg_status status = p->example && p->filled && p->cursor && p->queue
                           ? SG_OK
                           : sg_fail_memory(err, (size_t)spec->n * sizeof *p->example);
    if (status == SG_OK)
        status = sg_set_create(&p->taken, err);
    if (status == SG_OK)
        status = sg_set_create(&p->test, err);
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
    note_short_rows(p);
    if (status == SG_OK && spec->check_duplicates)
        status = remember_rows(p->taken, spec->raw, err);
    if (status == SG_OK)
        status = remember_rows(p->test, spec->test, err);
    if (status == SG_OK && spec->near)
        status = sg_near_create(sg_near_threshold(spec->near), &p->near, err);
    if (status == SG_OK && spec->near)
        sg_near_expect(p->near, spec->n);
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
    sg_set_destroy(p->taken);
    sg_set_destroy(p->test);
    sg_pool_prompts_free(&p->prompts);
    sg_buf_free(&p->folded);
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
                                struct sg_request_list *missing, struct sg_err *err)
{
    while (!p->topics_done) {
        struct sg_request q = {0};
        struct sg_found f = {0};
        SG_TRY(sg_prompter_topics(p->prompter, p->n_lists, &q, err));
        sg_status status = lookup(context, q.key, &f, err);
        if (status == SG_OK && !f.found) {
            status = sg_request_list_add_take(missing, &q, err);
            sg_free(q.canonical);
            return status;
        }
        sg_free(q.canonical);
        if (status == SG_OK && f.status == SG_OK && f.text)
            status = sg_parse_topics(p->spec.task, f.text, f.finish_reason, &p->topics, err);
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
    q->n_good++;
    struct example *e = &q->item[q->n++];
    *e = (struct example){
        .label = class_, .first = x->first, .second = x->second, .source = -1, .ordinal = p->n_good++};
    memcpy(e->key, key, SG_HEX);
    *x = (struct sg_parsed){0};
    return SG_OK;
}

sg_status sg_pool_take_candidate(struct sg_pool *p, const struct sg_request *q, struct sg_candidate *c,
                                 int class_, struct sg_err *err)
{
    if (c->reason == SG_ACCEPTED)
        SG_TRY(sg_pool_judge(p, q, &c->x, &c->reason, err));
    if (c->reason == SG_ACCEPTED) {
        SG_TRY(enqueue(p, class_, q->key, &c->x, err));
    } else {
        p->rejects[c->reason]++;
    }
    return SG_OK;
}

/* The attempts that class k draws from. */
static int64_t *cursor_of(struct sg_pool *p, int class_)
{
    return &p->cursor[p->spec.conditioning == SG_BY_NONE && !p->spec.source ? 0 : class_];
}

struct sg_wanted sg_pool_wanted(const struct sg_pool *p, int asked)
{
    return (struct sg_wanted){.n = p->spec.n_examples,
                              .label = asked < 0,
                              .structured = p->spec.structured,
                              .asked = asked + 1,
                              .one_word = {p->one_word[0], p->one_word[1]}};
}

/* An answer's examples; c holds one at least. */
static sg_status parse_attempt(const struct sg_pool *p, const struct sg_found *f, struct sg_wanted w,
                               struct sg_candidate c[SG_MAX_EXAMPLES], int64_t *n, struct sg_err *err)
{
    if (sg_text_is_blank(f->text) && f->finish_reason && strcmp(f->finish_reason, SG_FINISH_REASONING) == 0) {
        *n = 1;
        c[0] = (struct sg_candidate){.class_ = -1, .reason = SG_REJECT_REASONING};
        return SG_OK;
    }
    return sg_parse_examples(p->spec.task, f->text, f->finish_reason, w, c, n, err);
}

sg_status sg_pool_preview(struct sg_pool *p, const struct sg_request *q, const struct sg_found *f,
                          enum sg_reject *reason, struct sg_err *err)
{
    struct sg_candidate c[SG_MAX_EXAMPLES] = {{.reason = SG_REJECT_EMPTY}};
    int64_t n = 1;
    if (p->spec.source && !sg_text_is_blank(f->text)) {
        *reason = SG_ACCEPTED;
        return SG_OK;
    }
    if (!p->topics_done && !sg_text_is_blank(f->text)) {
        struct sg_topics topics = {0};
        sg_status status = sg_parse_topics(p->spec.task, f->text, f->finish_reason, &topics, err);
        *reason = topics.n ? SG_ACCEPTED : SG_REJECT_UNPARSABLE;
        sg_topics_free(&topics);
        return status;
    }
    struct sg_wanted w = sg_pool_wanted(p, p->spec.conditioning == SG_BY_NONE ? -1 : 0);
    w.asked = 0; /* which class it was asked for is not known here */
    sg_status status = parse_attempt(p, f, w, c, &n, err);
    *reason = c[0].reason;
    for (int64_t i = 0; status == SG_OK && i < n; i++) {
        if (c[i].reason == SG_ACCEPTED)
            status = sg_pool_check(p, q, &c[i].x, &c[i].reason, err);
        if (i == 0 || c[i].reason == SG_ACCEPTED)
            *reason = c[i].reason;
    }
    for (int64_t i = 0; i < n; i++)
        sg_parsed_free(&c[i].x);
    return status;
}

static sg_status take_attempt(struct sg_pool *p, const struct sg_request *q, const struct sg_found *f,
                              int class_, struct sg_err *err)
{
    struct sg_candidate c[SG_MAX_EXAMPLES] = {{.reason = SG_REJECT_FAILED}};
    int64_t n = 1;
    sg_status status = SG_OK;
    int chooses = p->spec.conditioning == SG_BY_NONE;
    if (f->status == SG_OK)
        status = parse_attempt(p, f, sg_pool_wanted(p, chooses ? -1 : class_), c, &n, err);
    if (status != SG_OK)
        return status;
    for (int64_t i = 0; status == SG_OK && i < n; i++)
        status = sg_pool_take_candidate(p, q, &c[i], chooses ? c[i].class_ : class_, err);
    for (int64_t i = 0; i < n; i++)
        sg_parsed_free(&c[i].x);
    if (status == SG_OK) {
        p->n_attempts++;
        ++*cursor_of(p, class_);
    }
    return status;
}

void sg_pool_take_from_queue(struct sg_pool *p, int class_)
{
    struct queue *q = &p->queue[class_];
    p->example[p->n++] = q->item[q->head++];
    if (q->head == q->n)
        q->head = q->n = 0;
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
        sg_pool_take_from_queue(p, class_);
        *state = 1;
    }
    return SG_OK;
}

static sg_status list_attempt(struct sg_pool *p, int class_, int64_t attempt, sg_completion_lookup lookup,
                              void *context, struct sg_request_list *missing, struct sg_err *err)
{
    struct sg_request q = {0};
    struct sg_found f = {0};
    SG_TRY(sg_prompter_attempt(p->prompter, asked_class(p, class_), attempt, &p->topics, &q, err));
    sg_status status = lookup(context, q.key, &f, err);
    if (status == SG_OK && !f.found)
        status = sg_request_list_add_take(missing, &q, err);
    sg_free(q.canonical);
    return status;
}

/* As many attempts as the open positions need if each gives all its examples: those that are not there yet. What waits in a
 * queue needs none. Each attempt is counted for the position that it would fill, whose cap holds. */
static sg_status list_missing(struct sg_pool *p, sg_completion_lookup lookup, void *context,
                              struct sg_request_list *missing, struct sg_err *err)
{
    int k = p->spec.task->n_classes, streams = p->spec.conditioning == SG_BY_NONE ? 1 : k;
    int64_t from = sg_request_list_begin(missing), at = 0;
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
            if (need++ % p->spec.n_examples != 0 || attempt >= attempts_cap(p, j) || at++ < from)
                continue;
            if (sg_request_list_has_room(missing, at - 1))
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
    sg_near_destroy(p->near); /* nothing is looked for any more, and it is most of a large pool's memory */
    p->near = NULL;
    p->finished = 1;
    return SG_OK;
}

sg_status sg_pool_advance(struct sg_pool *p, sg_completion_lookup lookup, void *context,
                          struct sg_request_list *missing, struct sg_err *err)
{
    int goes_on = missing->next > 0;
    if (!goes_on)
        SG_TRY(advance_topics(p, lookup, context, missing, err));
    if (!p->topics_done)
        return SG_OK;
    if (p->spec.source) {
        if (!sg_pool_complete(p->spec.source))
            return SG_OK;
        SG_TRY(sg_rephrase_fill(p, lookup, context, missing, err));
        return p->position == p->spec.n ? finish(p, err) : SG_OK;
    }
    while (p->position < p->spec.n) {
        int state = 0;
        if (!goes_on)
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
    sg_status made = p->spec.source
                         ? sg_prompter_rephrase(p->prompter, 0, 0, 0, "", "", &q, &ignored)
                         : sg_prompter_attempt(p->prompter, asked_class(p, 0), 0, &one, &q, &ignored);
    if (made == SG_OK)
        *tokens_in = (int64_t)strlen(q.canonical) / 4; /* about four bytes of English a token */
    sg_free(q.canonical);
    *tokens_out =
        max_tokens * 6 / 10; /* measured: recorded completions use about this share of their limit */
    if (p->spec.source) {
        *n_requests = p->spec.n;
        *tokens_in += *tokens_out;
    }
}

int sg_pool_lacks_topics(const struct sg_pool *p)
{
    return !p->topics_done;
}

sg_status sg_pool_topics_key(const struct sg_pool *p, char key[SG_HEX], struct sg_err *err)
{
    struct sg_request q = {0};
    key[0] = 0;
    if (p->spec.method != SG_ZERO_SHOT_TOPIC || p->spec.source)
        return SG_OK;
    SG_TRY(sg_prompter_topics(p->prompter, 0, &q, err));
    memcpy(key, q.key, SG_HEX);
    sg_free(q.canonical);
    return SG_OK;
}

int64_t sg_pool_max_tokens(const struct sg_pool *p)
{
    int64_t n =
        p->spec.source ? sg_prompter_rephrase_tokens(p->prompter) : sg_prompter_max_tokens(p->prompter);
    return p->topics_done || n > SG_TOPICS_MAX_TOKENS ? n : SG_TOPICS_MAX_TOKENS;
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
    return (struct sg_pool_example){e->label, e->first, e->second, e->key, e->source};
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
