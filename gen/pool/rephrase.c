#include "base/mem.h"
#include "base/text.h"
#include "gen/pool/pool_impl.h"

#include <string.h>
#include <strings.h>

/* What the source has at a position; 0 for nothing. */
static int source_at(const struct sg_pool *p, int64_t position, struct sg_pool_example *out)
{
    int64_t before = sg_pool_prefix(p->spec.source, position);
    if (sg_pool_prefix(p->spec.source, position + 1) == before)
        return 0;
    *out = sg_pool_get(p->spec.source, before);
    return 1;
}

static char *find_mark(char *s, const char *mark)
{
    for (size_t n = strlen(mark); *s; s++)
        if (strncasecmp(s, mark, n) == 0)
            return s;
    return NULL;
}

static int holds_mark(const char *text)
{
    char *s = (char *)(uintptr_t)text;
    return text && (find_mark(s, SG_MARK_BEGIN) || find_mark(s, SG_MARK_END));
}

/* Takes the marks off that a model has copied. */
static void drop_marks(char *s)
{
    const char *const mark[] = {SG_MARK_BEGIN, SG_MARK_END};
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(mark[i]);
        char *out = s;
        for (char *p = s; *p;)
            if (*p == '<' && strncasecmp(p, mark[i], n) == 0)
                p += n;
            else
                *out++ = *p++;
        *out = 0;
    }
}

static sg_status parse(const struct sg_pool *p, int label, const struct sg_found *f, struct sg_candidate *out,
                       struct sg_err *err)
{
    *out = (struct sg_candidate){.reason = SG_REJECT_FAILED, .class_ = -1};
    if (f->status != SG_OK)
        return SG_OK;
    char *text = sg_strdup(f->text);
    if (f->text && !text)
        return sg_fail_memory(err, strlen(f->text));
    if (text)
        drop_marks(text);
    int64_t n;
    sg_status status =
        sg_parse_examples(p->spec.task, text, f->finish_reason, sg_pool_wanted(p, label), out, &n, err);
    sg_free(text);
    return status;
}

/* The completion of a draw, parsed. *found 0: it is not there, and q is left to the caller. */
static sg_status look(const struct sg_pool *p, const struct sg_pool_example *e, int64_t position,
                      int64_t draw, sg_completion_lookup lookup, void *context, struct sg_request *q,
                      int *found, struct sg_candidate *out, struct sg_err *err)
{
    struct sg_found f = {0};
    SG_TRY(sg_prompter_rephrase(p->prompter, e->label, position, draw, e->first, e->second, q, err));
    sg_status status = lookup(context, q->key, &f, err);
    *found = f.found;
    if (status == SG_OK && f.found)
        status = parse(p, e->label, &f, out, err);
    if (status != SG_OK) {
        sg_free(q->canonical);
        q->canonical = NULL;
    }
    return status;
}

/* Whether `said` repeats the text, alone or with words around it ("The movie is ..."). Up to three words may come back by
 * chance, unless they are all that does. */
static sg_status repeats(const char *text, const char *said, int *yes, struct sg_err *err)
{
    struct sg_buf a = sg_buf_make((size_t)1 << 26), b = sg_buf_make((size_t)1 << 26);
    sg_buf_folded(&a, text);
    sg_buf_folded(&b, said);
    sg_status status = sg_buf_check(&a, "a text", err);
    if (status == SG_OK)
        status = sg_buf_check(&b, "a text", err);
    const char *x = sg_buf_text(&a), *y = sg_buf_text(&b);
    *yes = status == SG_OK && (strcmp(x, y) == 0 || (sg_count_long_words(x) > 3 && strstr(y, x) != NULL));
    sg_buf_free(&a);
    sg_buf_free(&b);
    return status;
}

/* Of a pair, one text may stay. */
static sg_status is_unchanged(const struct sg_pool_example *e, const struct sg_parsed *x, int *yes,
                              struct sg_err *err)
{
    SG_TRY(repeats(e->first, x->first, yes, err));
    return *yes && e->second && x->second ? repeats(e->second, x->second, yes, err) : SG_OK;
}

static sg_status reject_unchanged(const struct sg_pool_example *e, struct sg_candidate *c, struct sg_err *err)
{
    int same = 0;
    if (c->reason == SG_ACCEPTED)
        SG_TRY(is_unchanged(e, &c->x, &same, err));
    if (same)
        c->reason = SG_REJECT_ECHO;
    return SG_OK;
}

/* Takes draws for the position until one is good (*state 1), one is not there yet (0), or all have failed (2). */
static sg_status fill_position(struct sg_pool *p, sg_completion_lookup lookup, void *context, int *state,
                               struct sg_err *err)
{
    struct sg_pool_example e;
    *state = 2;
    if (!source_at(p, p->position, &e))
        return SG_OK;
    if (holds_mark(e.first) || holds_mark(e.second)) {
        p->rejects[SG_REJECT_MARKED]++;
        return SG_OK;
    }
    while (p->n_tries < SG_MAX_REPHRASINGS && !sg_pool_n_waiting(p, e.label)) {
        struct sg_request q = {0};
        struct sg_candidate c = {.class_ = -1};
        int found;
        SG_TRY(look(p, &e, p->position, p->n_tries, lookup, context, &q, &found, &c, err));
        sg_status status = found ? reject_unchanged(&e, &c, err) : SG_OK;
        if (status == SG_OK && found)
            status = sg_pool_take_candidate(p, &q, &c, e.label, err);
        sg_parsed_free(&c.x);
        sg_free(q.canonical);
        SG_TRY(status);
        if (!found) {
            *state = 0;
            return SG_OK;
        }
        p->n_tries++;
        p->n_draws++;
        p->cursor[e.label]++;
    }
    if (sg_pool_n_waiting(p, e.label)) {
        sg_pool_take_from_queue(p, e.label);
        p->example[p->n - 1].source = sg_pool_prefix(p->spec.source, p->position);
        *state = 1;
    }
    return SG_OK;
}

/* Lists the next draw for a position that is not there: behind those that are there and would be rejected as things stand. So
 * what earlier positions still miss makes later ones wait only where they repeat each other. */
static sg_status list_position(struct sg_pool *p, int64_t position, sg_completion_lookup lookup,
                               void *context, struct sg_request_list *missing, struct sg_err *err)
{
    struct sg_pool_example e;
    if (!source_at(p, position, &e) || holds_mark(e.first) || holds_mark(e.second))
        return SG_OK;
    for (int64_t i = position == p->position ? p->n_tries : 0; i < SG_MAX_REPHRASINGS; i++) {
        struct sg_request q = {0};
        struct sg_candidate c = {.class_ = -1};
        int found;
        SG_TRY(look(p, &e, position, i, lookup, context, &q, &found, &c, err));
        sg_status status = found ? reject_unchanged(&e, &c, err) : sg_request_list_add_take(missing, &q, err);
        if (status == SG_OK && found && c.reason == SG_ACCEPTED)
            status = sg_pool_check(p, &q, &c.x, &c.reason, err);
        sg_parsed_free(&c.x);
        sg_free(q.canonical);
        SG_TRY(status);
        if (!found || c.reason == SG_ACCEPTED)
            return SG_OK;
    }
    return SG_OK;
}

static sg_status fill(struct sg_pool *p, sg_completion_lookup lookup, void *context,
                      struct sg_request_list *missing, struct sg_err *err)
{
    if (!sg_pool_complete(p->spec.source))
        return SG_OK;
    while (!missing->next && p->position < p->spec.n) {
        int state;
        SG_TRY(fill_position(p, lookup, context, &state, err));
        if (state == 0)
            break;
        p->n_tries = 0;
        p->filled[++p->position] = p->n;
    }
    int64_t from = sg_request_list_begin(missing);
    for (int64_t j = from ? from : p->position; j < p->spec.n; j++) {
        if (!sg_request_list_has_room(missing, j)) {
            sg_request_list_set_behind(missing, p->spec.n - j);
            break;
        }
        SG_TRY(list_position(p, j, lookup, context, missing, err));
    }
    return SG_OK;
}

static sg_status preview(struct sg_pool *p, const struct sg_request *q, const struct sg_found *f,
                         enum sg_reject *reason, struct sg_err *err)
{
    struct sg_candidate c[SG_MAX_EXAMPLES] = {{.reason = SG_REJECT_EMPTY}};
    int64_t n = 1;
    (void)q;
    *reason = SG_ACCEPTED; /* which text it rephrases is not known here */
    if (!sg_text_is_blank(f->text))
        return SG_OK;
    sg_status status = sg_pool_parse(p, f, sg_pool_wanted(p, 0), c, &n, err);
    *reason = c[0].reason;
    for (int64_t i = 0; i < n; i++)
        sg_parsed_free(&c[i].x);
    return status;
}

static sg_status specimen(const struct sg_pool *p, struct sg_request *out, struct sg_err *err)
{
    return sg_prompter_rephrase(p->prompter, 0, 0, 0, "", "", out, err);
}

static int64_t n_requests(const struct sg_pool *p)
{
    return p->spec.n;
}

static int64_t max_tokens(const struct sg_pool *p)
{
    return sg_prompter_rephrase_tokens(p->prompter);
}

const struct sg_filling sg_fill_by_rephrasing = {.fill = fill,
                                                 .preview = preview,
                                                 .specimen = specimen,
                                                 .n_requests = n_requests,
                                                 .shows_text = 1,
                                                 .max_tokens = max_tokens};
