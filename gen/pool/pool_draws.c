#include "base/mem.h"
#include "base/text.h"
#include "gen/pool/pool_impl.h"

#include <string.h>

enum { MIN_TOPICS = 5, MAX_TOPIC_LISTS = 8 };

int64_t sg_pool_draws_cap(const struct sg_pool *p, int64_t j)
{
    int64_t k = p->spec.task->n_classes, cap = 4 * (j / k + 1) + 16;
    return p->spec.conditioning == SG_BY_NONE ? k * cap : cap;
}

/* What a draw asks for: a class, or -1. */
static int asked_class(const struct sg_pool *p, int class_)
{
    return p->spec.conditioning == SG_BY_NONE ? -1 : class_;
}

static sg_status tree_request(const struct sg_pool *p, int64_t branch, int64_t index, struct sg_request *out,
                              struct sg_err *err)
{
    int64_t n = branch < 0 ? p->tree.n_topics : p->tree.n_subtopics;
    return sg_prompter_tree(p->prompter, &p->tree.top, branch, n, index, out, err);
}

/* Lists what the branches behind the one that is read now need first. */
static sg_status list_branches(const struct sg_pool *p, sg_completion_lookup lookup, void *context,
                               struct sg_request_list *missing, struct sg_err *err)
{
    int64_t from = sg_request_list_begin(missing);
    for (int64_t b = p->tree.branch; b < (p->tree.branch < 0 ? 0 : p->tree.top.n); b++) {
        struct sg_request q = {0};
        struct sg_found f = {0};
        if (b + 1 < from || !sg_request_list_has_room(missing, b + 1))
            continue;
        SG_TRY(tree_request(p, b, b == p->tree.branch ? p->tree.n_lists : 0, &q, err));
        sg_status status = lookup(context, q.key, &f, err);
        if (status == SG_OK && !f.found)
            status = sg_request_list_add_take(missing, &q, err);
        sg_free(q.canonical);
        SG_TRY(status);
    }
    return SG_OK;
}

/* Reads a tree's lists in their order, as far as they are there; lists the missing ones. */
static sg_status advance_tree(struct sg_pool *p, sg_completion_lookup lookup, void *context,
                              struct sg_request_list *missing, struct sg_err *err)
{
    while (!missing->next && !sg_tree_is_done(&p->tree)) {
        struct sg_request q = {0};
        struct sg_found f = {0};
        SG_TRY(tree_request(p, p->tree.branch, p->tree.n_lists, &q, err));
        sg_status status = lookup(context, q.key, &f, err);
        int ends = status == SG_OK && !f.found;
        if (status == SG_OK && f.found)
            status =
                sg_tree_read(&p->tree, p->spec.task, f.status == SG_OK ? f.text : NULL, f.finish_reason, err);
        sg_free(q.canonical);
        SG_TRY(status);
        if (ends)
            break;
    }
    if (!sg_tree_is_done(&p->tree))
        return list_branches(p, lookup, context, missing, err);
    SG_TRY(sg_tree_leaves(&p->tree, &p->topics, err));
    p->topics_done = 1;
    return SG_OK;
}

/* Reads topic lists until there are enough topics; lists the next one when it is not there yet. */
static sg_status advance_topics(struct sg_pool *p, sg_completion_lookup lookup, void *context,
                                struct sg_request_list *missing, struct sg_err *err)
{
    if (!p->topics_done && p->method->has_tree)
        return advance_tree(p, lookup, context, missing, err);
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

static sg_status make_request(const struct sg_pool *p, int class_, int64_t draw, struct sg_request *out,
                              struct sg_err *err)
{
    int is_plain = p->plain && p->round == 0;
    struct sg_draw d = {asked_class(p, class_), draw, &p->topics, p->plain && !is_plain ? &p->hard : NULL};
    return sg_prompter_draw(is_plain ? p->plain : p->prompter, &d, out, err);
}

static sg_status take_draw(struct sg_pool *p, const struct sg_request *q, const struct sg_found *f,
                           int class_, struct sg_err *err)
{
    struct sg_candidate c[SG_MAX_EXAMPLES] = {{.reason = SG_REJECT_FAILED}};
    int64_t n = 1;
    sg_status status = SG_OK;
    int chooses = p->spec.conditioning == SG_BY_NONE;
    if (f->status == SG_OK)
        status = sg_pool_parse(p, f, sg_pool_wanted(p, chooses ? -1 : class_), c, &n, err);
    if (status != SG_OK)
        return status;
    for (int64_t i = 0; status == SG_OK && i < n; i++)
        status = sg_pool_take_candidate(p, q, &c[i], chooses ? c[i].class_ : class_, err);
    for (int64_t i = 0; i < n; i++)
        sg_parsed_free(&c[i].x);
    if (status == SG_OK) {
        p->n_draws++;
        ++*sg_pool_cursor(p, class_);
    }
    return status;
}

/* Takes draws for the position until its class has an example (*state 1), one is not there yet (0), or the class is
 * short (2). */
static sg_status fill_position(struct sg_pool *p, sg_completion_lookup lookup, void *context, int *state,
                               struct sg_err *err)
{
    int class_ = (int)(p->position % p->spec.task->n_classes);
    int64_t *cursor = sg_pool_cursor(p, class_);
    *state = 2;
    while (!sg_pool_n_waiting(p, class_) && *cursor < sg_pool_draws_cap(p, p->position) &&
           (p->topics.n || !p->method->has_topics)) {
        struct sg_request q = {0};
        struct sg_found f = {0};
        SG_TRY(make_request(p, class_, *cursor, &q, err));
        sg_status status = lookup(context, q.key, &f, err);
        if (status == SG_OK && f.found)
            status = take_draw(p, &q, &f, class_, err);
        sg_free(q.canonical);
        SG_TRY(status);
        if (!f.found) {
            *state = 0;
            return SG_OK;
        }
    }
    if (sg_pool_n_waiting(p, class_)) {
        sg_pool_take_from_queue(p, class_);
        *state = 1;
    }
    return SG_OK;
}

static sg_status list_draw(struct sg_pool *p, int class_, int64_t draw, sg_completion_lookup lookup,
                           void *context, struct sg_request_list *missing, struct sg_err *err)
{
    struct sg_request q = {0};
    struct sg_found f = {0};
    SG_TRY(make_request(p, class_, draw, &q, err));
    sg_status status = lookup(context, q.key, &f, err);
    if (status == SG_OK && !f.found)
        status = sg_request_list_add_take(missing, &q, err);
    sg_free(q.canonical);
    return status;
}

/* Where the draws of stream s begin: its first open position. */
static void begin_stream(const struct sg_pool *p, int s, struct listing *l)
{
    int64_t k = p->spec.task->n_classes;
    l->stream = s;
    l->need = 0;
    l->j = p->position + (p->spec.conditioning == SG_BY_NONE ? 0 : (s - p->position % k + k) % k);
}

/* The next draw of those that list_missing lists; 0: there is none. */
static int next_draw(const struct sg_pool *p, struct listing *l, int64_t *draw)
{
    int k = p->spec.task->n_classes, streams = p->spec.conditioning == SG_BY_NONE ? 1 : k;
    while (l->stream < streams) {
        while (l->j < p->round_end) {
            int64_t j = l->j, before = (j - p->position) / k; /* open positions of its class before j */
            l->j += streams > 1 ? k : 1;
            if (before < sg_pool_n_waiting(p, (int)(j % k)))
                continue;
            *draw = p->cursor[l->stream] + l->need / p->spec.n_examples;
            if (l->need++ % p->spec.n_examples == 0 && *draw < sg_pool_draws_cap(p, j))
                return 1;
        }
        begin_stream(p, l->stream + 1, l);
    }
    return 0;
}

/* The list's beginning, or where its last part has ended: a part must not take as long as the list. */
static struct listing listing_for(const struct sg_pool *p, int64_t from)
{
    struct listing l = p->listing;
    if (from && l.at == from && l.position == p->position && l.n_draws == p->n_draws &&
        l.round_end == p->round_end)
        return l;
    l = (struct listing){.position = p->position, .n_draws = p->n_draws, .round_end = p->round_end};
    begin_stream(p, 0, &l);
    return l;
}

static int64_t n_from(const struct sg_pool *p, struct listing l)
{
    int64_t n = 0, draw;
    while (next_draw(p, &l, &draw))
        n++;
    return n;
}

/* As many draws as the open positions need if each gives all its examples: those that are not there yet. What waits in a
 * queue needs none. Each draw is counted for the position that it would fill, whose cap holds. */
static sg_status list_missing(struct sg_pool *p, sg_completion_lookup lookup, void *context,
                              struct sg_request_list *missing, struct sg_err *err)
{
    int64_t from = sg_request_list_begin(missing), draw;
    struct listing l = listing_for(p, from), here = l;
    for (; next_draw(p, &l, &draw); here = l) {
        int64_t at = l.at++;
        if (at < from)
            continue;
        if (!sg_request_list_has_room(missing, at)) {
            here.n = here.n ? here.n : at + n_from(p, here);
            p->listing = here;
            sg_request_list_set_behind(missing, here.n - at);
            return SG_OK;
        }
        SG_TRY(list_draw(p, l.stream, draw, lookup, context, missing, err));
    }
    return SG_OK;
}

static sg_status fill(struct sg_pool *p, sg_completion_lookup lookup, void *context,
                      struct sg_request_list *missing, struct sg_err *err)
{
    int goes_on = missing->next > 0;
    if (!goes_on || !p->topics_done)
        SG_TRY(advance_topics(p, lookup, context, missing, err));
    while (p->topics_done && p->position < p->spec.n) {
        int state = 0;
        if (!goes_on)
            SG_TRY(sg_pool_begin_round(p, lookup, context, err));
        if (p->fit_key[0])
            return SG_OK;
        if (!goes_on)
            SG_TRY(fill_position(p, lookup, context, &state, err));
        if (state == 0)
            return list_missing(p, lookup, context, missing, err);
        p->filled[++p->position] = p->n;
    }
    return SG_OK;
}

/* ---- before it is filled ---- */

static sg_status preview_topics(const struct sg_pool *p, const struct sg_found *f, enum sg_reject *reason,
                                struct sg_err *err)
{
    struct sg_topics topics = {0};
    sg_status status = sg_parse_topics(p->spec.task, f->text, f->finish_reason, &topics, err);
    *reason = topics.n ? SG_ACCEPTED : SG_REJECT_UNPARSABLE;
    sg_topics_free(&topics);
    return status;
}

static sg_status preview(struct sg_pool *p, const struct sg_request *q, const struct sg_found *f,
                         enum sg_reject *reason, struct sg_err *err)
{
    struct sg_candidate c[SG_MAX_EXAMPLES] = {{.reason = SG_REJECT_EMPTY}};
    int64_t n = 1;
    if (!p->topics_done && !sg_text_is_blank(f->text))
        return preview_topics(p, f, reason, err);
    struct sg_wanted w = sg_pool_wanted(p, asked_class(p, 0));
    w.asked = 0; /* which class it was asked for is not known here */
    sg_status status = sg_pool_parse(p, f, w, c, &n, err);
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

static sg_status specimen(const struct sg_pool *p, struct sg_request *out, struct sg_err *err)
{
    char word[] = "a topic of a few words", *item[] = {word};
    struct sg_topics one = {1, item};
    struct sg_hard_rows some = {0};
    if (p->plain)
        SG_TRY(sg_pool_some_rows(p, &some, err));
    struct sg_draw d = {asked_class(p, 0), 0, &one, p->plain ? &some : NULL};
    sg_status status = sg_prompter_draw(p->prompter, &d, out, err);
    sg_hard_rows_free(&some);
    return status;
}

/* As many as the draws of each class need if each gives all its examples. */
static int64_t n_requests(const struct sg_pool *p)
{
    int64_t k = p->spec.conditioning == SG_BY_NONE ? 1 : p->spec.task->n_classes, n = sg_pool_n_lists(p);
    for (int64_t c = 0; c < k; c++)
        n += (p->spec.n / k + (c < p->spec.n % k) + p->spec.n_examples - 1) / p->spec.n_examples;
    return n;
}

static int64_t max_tokens(const struct sg_pool *p)
{
    return sg_prompter_max_tokens(p->prompter);
}

const struct sg_filling sg_fill_by_draws = {.fill = fill,
                                            .preview = preview,
                                            .specimen = specimen,
                                            .n_requests = n_requests,
                                            .max_tokens = max_tokens};
