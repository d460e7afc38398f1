#include "gen/llm/probe.h"

#include "base/json.h"
#include "base/mem.h"
#include "gen/llm/request_frame.h"

#include <stdlib.h>
#include <string.h>

enum { PROBE_MAX_TOKENS = 16, MAX_REQUESTS = 8, TURN_MS = 100 };

static sg_status make_request(const struct sg_generator *g, struct sg_request *q, struct sg_err *err)
{
    json_t *messages =
        json_pack("[{s:s, s:s}]", "role", "user", "content", "Reply with this one word: ready");
    if (!messages)
        return sg_fail_memory(err, 256);
    struct sg_sampling s = {.seed = 1, .max_tokens = PROBE_MAX_TOKENS, .temperature = g->temperature};
    return sg_request_make(g, messages, NULL, &s, q, err);
}

struct wait {
    struct sg_probe *probe;
    int over;
};

static sg_status on_result(void *context, struct sg_client_result *r, struct sg_err *err)
{
    struct wait *w = context;
    (void)err;
    w->over = 1;
    w->probe->attempt = r->attempt;
    w->probe->http_major = r->http_major;
    sg_answer_free(&w->probe->answer);
    w->probe->answer = r->answer; /* taken over */
    r->answer = (struct sg_answer){0};
    return SG_OK;
}

sg_status sg_probe_reseed(const struct sg_request *q, struct sg_request *out, struct sg_err *err)
{
    json_t *o = json_loads(q->canonical, 0, NULL);
    json_int_t seed = sg_json_int_or(o, "seed", 0);
    json_object_set_new(o, "seed", json_integer(seed ^ 1));
    char *text = o ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII) : NULL;
    struct sg_request r = {.canonical = sg_strdup(text)};
    free(text);
    json_decref(o);
    if (!r.canonical)
        return sg_fail_memory(err, strlen(q->canonical));
    sg_sha256_hex(r.canonical, strlen(r.canonical), r.key);
    *out = r;
    return SG_OK;
}

sg_status sg_probe_send(struct sg_client *c, const struct sg_generator *g, const struct sg_request *asked,
                        struct sg_probe *out, struct sg_err *err)
{
    struct sg_request q = {0};
    struct sg_probe p = {.attempt = sg_attempt_make()};
    struct wait w = {.probe = &p};
    sg_status status = asked ? SG_OK : make_request(g, &q, err);
    do {
        w.over = 0;
        if (status == SG_OK)
            status = sg_client_send(c, p.n_requests++, asked ? asked : &q, err);
        while (status == SG_OK && !w.over)
            status = sg_client_turn(c, TURN_MS, on_result, &w, err);
    } while (status == SG_OK && p.attempt.kind == SG_ATTEMPT_ADAPT && p.n_requests < MAX_REQUESTS);
    sg_free(q.canonical);
    p.adapt = *sg_client_adapt(c);
    if (status != SG_OK) {
        sg_probe_free(&p);
        return status;
    }
    *out = p;
    return SG_OK;
}

void sg_probe_free(struct sg_probe *p)
{
    sg_answer_free(&p->answer);
    *p = (struct sg_probe){0};
}
