#include "gen/pool.h"

#include "base/mem.h"
#include "base/text.h"
#include "gen/parse.h"
#include "gen/prompt.h"
#include "gen/seen.h"

#include <stdio.h>
#include <string.h>

enum {
    MIN_TOPICS = 5, /* a list with fewer is asked for again */
    MAX_TOPIC_LISTS = 8,
    ATTEMPTS_EACH = 4,  /* attempts a position has on average, */
    ATTEMPTS_MORE = 16, /* and some more at the start of a class */
};

static const char *const reject_name[SG_N_REJECTS] = {
    [SG_ACCEPTED] = "accepted",      [SG_REJECT_FAILED] = "failed",
    [SG_REJECT_EMPTY] = "empty",     [SG_REJECT_CUT_OFF] = "cut_off",
    [SG_REJECT_REFUSED] = "refused", [SG_REJECT_UNPARSABLE] = "unparsable",
    [SG_REJECT_ECHO] = "echo",       [SG_REJECT_DUPLICATE] = "duplicate",
    [SG_REJECT_LEAKAGE] = "leakage", [SG_REJECT_TOO_LONG] = "too_long",
};

const char *sg_reject_name(enum sg_reject r)
{
    return reject_name[r];
}

struct example {
    int32_t label;
    char *first, *second; /* NULL: an open position */
    char key[SG_HEX];
};

struct class_state {
    int64_t attempt;  /* the next one */
    int64_t position; /* how many of its positions are decided */
    int64_t n;        /* how many of them have an example */
};

struct sg_pool {
    struct sg_pool_spec spec;
    struct sg_prompter *prompter;
    char id[SG_HEX];
    int64_t position;        /* decided ones */
    struct example *example; /* (spec.n), of decided positions; open ones have no text */
    int64_t *filled;         /* (spec.n) position of the j-th example */
    int64_t n;               /* examples */
    struct class_state *class_;
    struct sg_topics topics;
    int64_t n_topic_lists;
    int topics_ready;
    struct sg_seen seen, test; /* raw rows and earlier positions; test rows */
    int64_t rejects[SG_N_REJECTS], n_attempts;
    char *shortfall;
};

/* --- making one */

static void add_field(struct sg_sha256_stream *s, const char *name, const char *value)
{
    char size[64];
    snprintf(size, sizeof size, "%s %zu ", name, value ? strlen(value) : (size_t)0);
    sg_sha256_add(s, size, strlen(size));
    if (value)
        sg_sha256_add(s, value, strlen(value));
}

static void add_number(struct sg_sha256_stream *s, const char *name, double value)
{
    char text[32];
    sg_format_double(value, text);
    add_field(s, name, text);
}

static void add_rows(struct sg_sha256_stream *s, const char *name, const struct sg_rows *rows)
{
    add_number(s, name, rows ? (double)rows->n : -1);
    for (int64_t i = 0; rows && i < rows->n; i++) {
        add_field(s, "first", rows->row[i].first);
        add_field(s, "second", rows->row[i].second);
        add_field(s, "label", rows->row[i].label);
    }
}

static sg_status make_id(struct sg_pool *p, struct sg_err *err)
{
    const struct sg_pool_spec *c = &p->spec;
    struct sg_sha256_stream *s = sg_sha256_create();
    if (!s)
        return sg_fail_memory(err, 256);
    add_field(s, "synthgrid", "pool 1");
    add_field(s, "task", c->task->name);
    add_field(s, "task file", c->task->digest);
    add_field(s, "method", sg_method_name(c->method));
    add_field(s, "provider", c->generator->provider);
    add_field(s, "model", c->generator->model);
    add_number(s, "temperature", c->generator->temperature);
    add_number(s, "top_p", c->generator->top_p);
    add_number(s, "max_tokens",
               (double)(c->task->max_tokens ? c->task->max_tokens : c->generator->max_tokens));
    add_number(s, "seed", (double)c->seed);
    add_number(s, "check_duplicates", c->check_duplicates != 0);
    add_rows(s, "raw", c->raw);
    add_rows(s, "test", c->test);
    sg_sha256_finish_hex(s, p->id);
    return SG_OK;
}

static sg_status add_seen(struct sg_seen *seen, const struct sg_rows *rows, struct sg_err *err)
{
    for (int64_t i = 0; rows && i < rows->n; i++)
        SG_TRY(sg_seen_add(seen, sg_seen_digest(rows->row[i].first, rows->row[i].second), err));
    return SG_OK;
}

static sg_status fill_new(struct sg_pool *p, struct sg_err *err)
{
    const struct sg_pool_spec *c = &p->spec;
    p->example = sg_alloc((size_t)c->n, sizeof *p->example);
    p->filled = sg_alloc((size_t)c->n, sizeof *p->filled);
    p->class_ = sg_alloc((size_t)c->task->n_classes, sizeof *p->class_);
    p->shortfall = sg_strdup("");
    if (!p->example || !p->filled || !p->class_ || !p->shortfall)
        return sg_fail_memory(err, (unsigned long long)c->n * sizeof *p->example);
    struct sg_prompter_spec prompter = {c->task, c->method, c->generator, c->seed, c->raw};
    SG_TRY(sg_prompter_create(&prompter, &p->prompter, err));
    SG_TRY(make_id(p, err));
    if (c->check_duplicates)
        SG_TRY(add_seen(&p->seen, c->raw, err));
    return add_seen(&p->test, c->test, err);
}

sg_status sg_pool_create(const struct sg_pool_spec *spec, struct sg_pool **out, struct sg_err *err)
{
    if (spec->n < 0 || spec->task->n_classes < 1)
        return sg_fail(err, SG_INPUT, "a pool of %lld examples in %d classes cannot be made",
                       (long long)spec->n, spec->task->n_classes);
    struct sg_pool *p = sg_alloc(1, sizeof *p);
    if (!p)
        return sg_fail_memory(err, sizeof *p);
    p->spec = *spec;
    p->topics_ready = spec->method != SG_ZERO_SHOT_TOPIC;
    sg_status status = fill_new(p, err);
    if (status == SG_OK)
        *out = p;
    else
        sg_pool_destroy(p);
    return status;
}

void sg_pool_destroy(struct sg_pool *p)
{
    if (!p)
        return;
    for (int64_t j = 0; p->example && j < p->spec.n; j++) {
        sg_free(p->example[j].first);
        sg_free(p->example[j].second);
    }
    sg_free(p->example);
    sg_free(p->filled);
    sg_free(p->class_);
    sg_free(p->shortfall);
    sg_prompter_destroy(p->prompter);
    sg_topics_free(&p->topics);
    sg_seen_free(&p->seen);
    sg_seen_free(&p->test);
    sg_free(p);
}

/* --- asking */

/* Looks a request up. An answer that says the endpoint is unusable tells nothing about this request: it is
 * still to be bought. */
static sg_status look_up(const struct sg_request *q, sg_completion_lookup lookup, void *context,
                         struct sg_found *found, struct sg_err *err)
{
    *found = (struct sg_found){0};
    SG_TRY(lookup(context, q->key, found, err));
    if (found->found && found->status != SG_OK && found->status != SG_FAILED)
        found->found = 0;
    return SG_OK;
}

/* Takes q over into the list. */
static sg_status push(struct sg_requests *list, struct sg_request *q, struct sg_err *err)
{
    struct sg_request *grown = list->item;
    if ((list->n & (list->n - 1)) == 0) { /* a power of two, or empty: full */
        grown = sg_realloc(list->item, (size_t)(list->n ? 2 * list->n : 1), sizeof *grown);
        if (!grown) {
            sg_free(q->canonical);
            return sg_fail_memory(err, (size_t)list->n * sizeof *grown);
        }
    }
    list->item = grown;
    list->item[list->n++] = *q;
    return SG_OK;
}

/* --- topics */

/* Reads the lists at hand in their order, until there are enough topics. */
static sg_status advance_topics(struct sg_pool *p, sg_completion_lookup lookup, void *context,
                                struct sg_requests *missing, struct sg_err *err)
{
    while (!p->topics_ready) {
        if (p->topics.n >= MIN_TOPICS || p->n_topic_lists == MAX_TOPIC_LISTS) {
            p->topics_ready = 1;
            break;
        }
        struct sg_request q = {0};
        SG_TRY(sg_prompter_topics(p->prompter, p->n_topic_lists, &q, err));
        struct sg_found found;
        sg_status status = look_up(&q, lookup, context, &found, err);
        if (status == SG_OK && !found.found)
            return push(missing, &q, err);
        sg_free(q.canonical);
        SG_TRY(status);
        if (found.status == SG_OK)
            SG_TRY(sg_parse_topics(found.text, found.finish_reason, &p->topics, err));
        p->n_topic_lists++;
    }
    return SG_OK;
}

/* --- filling */

/* Whether the example says the same as a text that the prompt showed. */
static int repeats_prompt(const struct sg_pool *p, int class_, int64_t attempt, const struct sg_parsed *x)
{
    int64_t shot[SG_MAX_SHOTS];
    int n = sg_prompter_shots(p->prompter, class_, attempt, shot);
    struct sg_digest d = sg_seen_digest(x->first, x->second);
    for (int i = 0; i < n; i++) {
        const struct sg_row *row = &p->spec.raw->row[shot[i]];
        struct sg_digest other = sg_seen_digest(row->first, row->second);
        if (memcmp(&d, &other, sizeof d) == 0)
            return 1;
    }
    return 0;
}

/* Whether one text holds the other, after folding. Only what has six words or more can tell an echo. */
static int repeats_instruction(const struct sg_pool *p, const char *text)
{
    enum sg_method m = p->spec.method;
    const char *asked = m == SG_ZERO_SHOT         ? p->spec.task->prompt.zero_shot
                        : m == SG_ZERO_SHOT_TOPIC ? p->spec.task->prompt.zero_shot_topic
                                                  : p->spec.task->prompt.few_shot;
    struct sg_buf x = sg_buf_make((size_t)1 << 24), y = sg_buf_make((size_t)1 << 24);
    sg_buf_folded(&x, text);
    /* The longest piece of the wording between placeholders, since those differ from request to request. */
    size_t best = 0, n_best = 0;
    for (size_t i = 0; asked[i];) {
        size_t n = strcspn(asked + i, "{}\n");
        if (n > n_best) {
            best = i;
            n_best = n;
        }
        i += n;
        if (asked[i] == '{')
            i += strcspn(asked + i, "}");
        i += asked[i] != 0;
    }
    char *piece = sg_strndup(asked + best, n_best);
    if (piece)
        sg_buf_folded(&y, piece);
    int echo = y.len >= 20 && strstr(sg_buf_text(&x), sg_buf_text(&y)) != NULL;
    sg_free(piece);
    sg_buf_free(&x);
    sg_buf_free(&y);
    return echo;
}

static enum sg_reject judge(const struct sg_pool *p, int class_, int64_t attempt, const struct sg_parsed *x)
{
    if (repeats_instruction(p, x->first) || (x->second && repeats_instruction(p, x->second)) ||
        repeats_prompt(p, class_, attempt, x))
        return SG_REJECT_ECHO;
    struct sg_digest d = sg_seen_digest(x->first, x->second);
    if (sg_seen_has(&p->test, d))
        return SG_REJECT_LEAKAGE;
    return p->spec.check_duplicates && sg_seen_has(&p->seen, d) ? SG_REJECT_DUPLICATE : SG_ACCEPTED;
}

/* Uses up the next attempt of a class, whose completion was found: either it decides the position, or it is
 * counted. */
static sg_status use(struct sg_pool *p, int class_, const char *key, const struct sg_found *found,
                     struct sg_err *err)
{
    struct class_state *c = &p->class_[class_];
    struct sg_parsed x = {0};
    enum sg_reject why = SG_REJECT_FAILED;
    if (found->status == SG_OK)
        SG_TRY(sg_parse_completion(p->spec.task, found->text, found->finish_reason, &why, &x, err));
    if (why == SG_ACCEPTED)
        why = judge(p, class_, c->attempt, &x);
    if (why == SG_ACCEPTED && p->spec.check_duplicates) {
        sg_status status = sg_seen_add(&p->seen, sg_seen_digest(x.first, x.second), err);
        if (status != SG_OK) {
            sg_parsed_free(&x);
            return status;
        }
    }
    c->attempt++;
    p->n_attempts++;
    p->rejects[why]++;
    if (why != SG_ACCEPTED) {
        sg_parsed_free(&x);
        return SG_OK;
    }
    struct example *e = &p->example[p->position];
    *e = (struct example){.label = class_, .first = x.first, .second = x.second};
    memcpy(e->key, key, SG_HEX);
    p->filled[p->n++] = p->position++;
    c->position++;
    c->n++;
    return SG_OK;
}

/* A position is left open when its class has had so many attempts by then; the count does not depend on n, so
 * that a longer pool begins as the shorter one. */
static int64_t attempts_until(int64_t position_in_class)
{
    return ATTEMPTS_EACH * (position_in_class + 1) + ATTEMPTS_MORE;
}

static sg_status fill(struct sg_pool *p, sg_completion_lookup lookup, void *context, struct sg_err *err)
{
    while (p->position < p->spec.n) {
        int k = (int)(p->position % p->spec.task->n_classes);
        struct class_state *c = &p->class_[k];
        int no_topics = p->spec.method == SG_ZERO_SHOT_TOPIC && p->topics.n == 0;
        if (no_topics || c->attempt >= attempts_until(c->position)) {
            p->example[p->position++] = (struct example){.label = k};
            c->position++;
            continue;
        }
        struct sg_request q = {0};
        SG_TRY(sg_prompter_attempt(p->prompter, k, c->attempt, &p->topics, &q, err));
        sg_free(q.canonical);
        struct sg_found found;
        SG_TRY(look_up(&q, lookup, context, &found, err));
        if (!found.found)
            return SG_OK;
        SG_TRY(use(p, k, q.key, &found, err));
    }
    return SG_OK;
}

/* How many positions of a class there are among the first n. */
static int64_t positions_of(const struct sg_pool *p, int class_, int64_t n)
{
    int64_t k = p->spec.task->n_classes;
    return n / k + (class_ < n % k);
}

/* Each open position takes at least one attempt (or the class has had even more by its cap), so that none of
 * these is bought in vain, whatever the completions say. Round by round over the classes, in the order in
 * which they will be used. */
static sg_status list_missing(struct sg_pool *p, sg_completion_lookup lookup, void *context,
                              struct sg_requests *missing, struct sg_err *err)
{
    int64_t most = 0;
    for (int k = 0; k < p->spec.task->n_classes; k++) {
        int64_t left = positions_of(p, k, p->spec.n) - p->class_[k].position;
        most = left > most ? left : most;
    }
    for (int64_t i = 0; i < most; i++)
        for (int k = 0; k < p->spec.task->n_classes; k++) {
            if (i >= positions_of(p, k, p->spec.n) - p->class_[k].position)
                continue;
            struct sg_request q = {0};
            SG_TRY(sg_prompter_attempt(p->prompter, k, p->class_[k].attempt + i, &p->topics, &q, err));
            struct sg_found found;
            sg_status status = look_up(&q, lookup, context, &found, err);
            if (status == SG_OK && !found.found) {
                SG_TRY(push(missing, &q, err));
                continue;
            }
            sg_free(q.canonical);
            SG_TRY(status);
        }
    return SG_OK;
}

static sg_status name_shortfall(struct sg_pool *p, struct sg_err *err)
{
    struct sg_buf b = sg_buf_make((size_t)1 << 20);
    if (p->spec.method == SG_ZERO_SHOT_TOPIC && p->topics.n == 0 && p->spec.n > 0)
        sg_buf_printf(&b, "no topics in %lld lists", (long long)p->n_topic_lists);
    else
        for (int k = 0; k < p->spec.task->n_classes; k++) {
            const struct class_state *c = &p->class_[k];
            if (c->n < c->position)
                sg_buf_printf(&b, "%sclass %s: %lld of %lld after %lld attempts", b.len ? "; " : "",
                              p->spec.task->class_[k].name, (long long)c->n, (long long)c->position,
                              (long long)c->attempt);
        }
    SG_TRY(sg_buf_check(&b, "a pool's shortfall", err));
    char *text = sg_buf_take(&b);
    if (!text)
        return sg_fail_memory(err, 1);
    sg_free(p->shortfall);
    p->shortfall = text;
    return SG_OK;
}

sg_status sg_pool_advance(struct sg_pool *p, sg_completion_lookup lookup, void *context,
                          struct sg_requests *missing, struct sg_err *err)
{
    *missing = (struct sg_requests){0};
    sg_status status = advance_topics(p, lookup, context, missing, err);
    if (status == SG_OK && p->topics_ready)
        status = fill(p, lookup, context, err);
    if (status == SG_OK && p->topics_ready)
        status =
            sg_pool_complete(p) ? name_shortfall(p, err) : list_missing(p, lookup, context, missing, err);
    if (status != SG_OK)
        sg_requests_free(missing);
    return status;
}

/* --- reading */

int sg_pool_complete(const struct sg_pool *p)
{
    return p->position == p->spec.n;
}

const char *sg_pool_id(const struct sg_pool *p)
{
    return p->id;
}

int64_t sg_pool_n(const struct sg_pool *p)
{
    return p->n;
}

struct sg_pool_example sg_pool_get(const struct sg_pool *p, int64_t j)
{
    const struct example *e = &p->example[p->filled[j]];
    return (struct sg_pool_example){e->label, e->first, e->second, e->key};
}

int64_t sg_pool_prefix(const struct sg_pool *p, int64_t size)
{
    int64_t n = 0;
    while (n < p->n && p->filled[n] < size)
        n++;
    return n;
}

const int64_t *sg_pool_rejects(const struct sg_pool *p)
{
    return p->rejects;
}

int64_t sg_pool_n_attempts(const struct sg_pool *p)
{
    return p->n_attempts;
}

const char *sg_pool_shortfall(const struct sg_pool *p)
{
    return p->shortfall;
}

void sg_pool_estimate(const struct sg_pool *p, int64_t *n_requests, int64_t *tokens_in, int64_t *tokens_out)
{
    const struct sg_task *t = p->spec.task;
    char topic[] = "a topic of a few words", *one = topic;
    struct sg_topics topics = {1, &one};
    int64_t bytes = 0, n = 0;
    for (int k = 0; k < t->n_classes; k++) {
        struct sg_request q = {0};
        if (sg_prompter_attempt(p->prompter, k, 0, &topics, &q, NULL) != SG_OK)
            continue;
        bytes += (int64_t)strlen(q.canonical);
        sg_free(q.canonical);
        n++;
    }
    *n_requests = p->spec.n + (p->spec.method == SG_ZERO_SHOT_TOPIC && p->spec.n > 0);
    /* A token is about four bytes of English; the JSON around the messages makes up for the chat template. */
    *tokens_in = n ? bytes / n / 4 : 0;
    /* Most completions end before their limit; two thirds is a careful mean. */
    *tokens_out = (2 * (t->max_tokens ? t->max_tokens : p->spec.generator->max_tokens) + 2) / 3;
}
