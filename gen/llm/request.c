#include "gen/llm/request.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sg_status sg_request_list_add_take(struct sg_request_list *list, struct sg_request *q, struct sg_err *err)
{
    struct sg_request *item = sg_grown(list->item, list->n, sizeof *item);
    if (!item)
        return sg_fail_memory(err, 2 * (size_t)list->n * sizeof *item);
    list->item = item;
    list->item[list->n++] = *q;
    q->canonical = NULL;
    return SG_OK;
}

void sg_request_list_free(struct sg_request_list *r)
{
    for (int64_t i = 0; i < r->n; i++)
        sg_free(r->item[i].canonical);
    sg_free(r->item);
    r->item = NULL;
    r->n = 0;
}

int64_t sg_request_list_begin(struct sg_request_list *list)
{
    int64_t from = list->next;
    list->next = list->n_behind = 0;
    return from;
}

int sg_request_list_has_room(struct sg_request_list *list, int64_t at)
{
    if (!list->max || list->n < list->max)
        return 1;
    if (!list->next)
        list->next = at;
    list->n_behind++;
    return 0;
}

void sg_request_list_set_behind(struct sg_request_list *list, int64_t n)
{
    list->n_behind = n;
}

static double max_tokens(const struct sg_request *q)
{
    json_t *o = json_loads(q->canonical, 0, NULL);
    json_int_t n = sg_json_int_or(o, "max_tokens", 0);
    json_decref(o);
    return (double)n;
}

double sg_request_tokens(const struct sg_request *q)
{
    return (double)strlen(q->canonical) / 4 + max_tokens(q);
}

void sg_generator_meta(const struct sg_generator *g, const char *what, char name[120])
{
    snprintf(name, 120, "generator_%s%s%s", g->name ? g->name : "", g->name ? "_" : "", what);
}

const char *sg_omit_name(int i)
{
    static const char *const name[] = {"temperature", "top_p", "seed"};
    return i < (int)(sizeof name / sizeof name[0]) ? name[i] : NULL;
}

void sg_generator_more(const struct sg_generator *g, struct sg_buf *out)
{
    for (int i = 0; i < g->n_omit; i++)
        sg_buf_printf(out, "omit %s\n", sg_omit_name(g->omit[i]));
    if (g->extra)
        sg_buf_printf(out, "extra %s\n", g->extra);
}

json_t *sg_generator_omitted(const struct sg_generator *g)
{
    json_t *list = json_array();
    for (int i = 0; i < g->n_omit; i++)
        if (json_array_append_new(list, json_string(sg_omit_name(g->omit[i])))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

void sg_generator_put_more(const struct sg_generator *g, json_t *settings)
{
    if (g->n_omit)
        json_object_set_new(settings, "omit", sg_generator_omitted(g));
    if (g->extra)
        json_object_set_new(settings, "extra", json_loads(g->extra, 0, NULL));
}

int sg_generator_same_more(const struct sg_generator *a, const struct sg_generator *b)
{
    int same = a->n_omit == b->n_omit && strcmp(a->extra ? a->extra : "", b->extra ? b->extra : "") == 0;
    for (int i = 0; same && i < a->n_omit; i++)
        same = a->omit[i] == b->omit[i];
    return same;
}

int sg_generator_has_prices(const struct sg_generator *g)
{
    return g->usd_per_1m_input >= 0 && g->usd_per_1m_output >= 0;
}

double sg_generator_usd(const struct sg_generator *g, double tokens_in, double tokens_out)
{
    if (!sg_generator_has_prices(g))
        return -1;
    return (tokens_in * g->usd_per_1m_input + tokens_out * g->usd_per_1m_output) / 1e6;
}

double sg_generator_usd_cached(const struct sg_generator *g, double tokens_in, double tokens_cached,
                               double tokens_out)
{
    double usd = sg_generator_usd(g, tokens_in, tokens_out);
    if (usd < 0 || g->usd_per_1m_cached_input <= 0 || tokens_cached <= 0)
        return usd;
    double cached = tokens_cached < tokens_in ? tokens_cached : tokens_in;
    return usd - cached * (g->usd_per_1m_input - g->usd_per_1m_cached_input) / 1e6;
}

double sg_request_worst_usd(const struct sg_generator *g, const struct sg_request *q)
{
    double in = (double)strlen(q->canonical), out = max_tokens(q), usd = sg_generator_usd(g, in, out),
           cached = sg_generator_usd_cached(g, in, in, out); /* somebody's may be dearer */
    usd = usd < cached ? cached : usd;
    return usd < 0 ? 0 : usd;
}

void sg_answer_free(struct sg_answer *a)
{
    sg_free(a->reason);
    sg_free(a->text);
    sg_free(a->finish_reason);
    sg_free(a->model);
    sg_free(a->request_id);
    *a = (struct sg_answer){0};
}

void sg_answer_fail(struct sg_answer *a, const char *reason)
{
    a->status = SG_FAILED;
    sg_free(a->reason);
    a->reason = sg_strdup(reason);
    a->tokens_in = a->tokens_out = a->tokens_estimated = 0;
    a->cost_usd = -1;
}

/* jansson takes valid UTF-8 only; a server's text is checked where it comes in, ours is valid anyway. */
static int put_text(json_t *object, const char *name, const char *text)
{
    return json_object_set_new(object, name, text ? json_string(text) : json_null());
}

char *sg_answer_to_json(const struct sg_answer *a)
{
    json_t *o = json_object();
    int bad = o == NULL;
    bad = bad || put_text(o, "key", a->key);
    bad = bad || json_object_set_new(o, "status", json_integer(a->status));
    bad = bad || put_text(o, "reason", a->reason);
    bad = bad || put_text(o, "text", a->text);
    bad = bad || put_text(o, "finish_reason", a->finish_reason);
    bad = bad || put_text(o, "model", a->model);
    bad = bad || put_text(o, "request_id", a->request_id);
    bad = bad || json_object_set_new(o, "http_status", json_integer(a->http_status));
    bad = bad || json_object_set_new(o, "attempts", json_integer(a->attempts));
    bad = bad || json_object_set_new(o, "tokens_in", json_integer(a->tokens_in));
    bad = bad || json_object_set_new(o, "tokens_out", json_integer(a->tokens_out));
    bad = bad || json_object_set_new(o, "tokens_estimated", json_boolean(a->tokens_estimated));
    bad = bad || json_object_set_new(o, "latency_s", json_real(a->latency_s));
    bad = bad || json_object_set_new(o, "cost_usd", json_real(a->cost_usd));
    char *text = bad ? NULL : json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS), *copy = sg_strdup(text);
    free(text);
    json_decref(o);
    return copy;
}

/* No answer has so many tokens; sums of what is below cannot overflow. */
static const int64_t max_count = (int64_t)1 << 44;

/* Each reader returns 0 when the member has another type. A missing or null text is NULL. */
static int take_text(const json_t *o, const char *name, char **out)
{
    const char *text = NULL;
    if (sg_json_text(o, name, NULL, "", &text, NULL) != SG_OK)
        return 0;
    *out = sg_strdup(text);
    return !text || *out;
}

static int take_integer(const json_t *o, const char *name, int64_t high, int64_t *out)
{
    return sg_json_int(o, name, -1, 0, high, "", out, NULL) == SG_OK;
}

static int take_number(const json_t *o, const char *name, double *out)
{
    *out = sg_json_number_or(o, name, (double)NAN);
    return !isnan(*out);
}

static int is_key(const char *text)
{
    return strlen(text) == SG_HEX - 1 && strspn(text, "0123456789abcdef") == SG_HEX - 1;
}

sg_status sg_answer_from_json(const char *json, size_t n, struct sg_answer *out, struct sg_err *err)
{
    json_error_t where;
    json_t *o = json_loadb(json, n, JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(o)) {
        json_decref(o);
        return sg_fail(err, SG_INPUT, "a stored answer is no JSON object");
    }
    struct sg_answer a = {0};
    int64_t status = 0, http = 0, attempts = 0;
    const char *key = sg_json_text_or(o, "key", NULL);
    const json_t *estimated = json_object_get(o, "tokens_estimated");
    int good = key && is_key(key) && take_integer(o, "status", SG_STOPPED, &status) &&
               take_integer(o, "http_status", 999, &http) &&
               take_integer(o, "attempts", INT32_MAX, &attempts) &&
               take_integer(o, "tokens_in", max_count, &a.tokens_in) &&
               take_integer(o, "tokens_out", max_count, &a.tokens_out) &&
               take_number(o, "latency_s", &a.latency_s) && take_number(o, "cost_usd", &a.cost_usd) &&
               json_is_boolean(estimated) && take_text(o, "reason", &a.reason) &&
               take_text(o, "text", &a.text) && take_text(o, "finish_reason", &a.finish_reason) &&
               take_text(o, "model", &a.model) && take_text(o, "request_id", &a.request_id);
    if (good) {
        memcpy(a.key, key, SG_HEX);
        a.status = (sg_status)status;
        a.http_status = (int)http;
        a.attempts = (int)attempts;
        a.tokens_estimated = json_is_true(estimated);
        *out = a;
    } else {
        sg_answer_free(&a);
    }
    json_decref(o);
    return good ? SG_OK
                : sg_fail(err, SG_INPUT, "a stored answer lacks a field, or holds one of the wrong kind");
}
