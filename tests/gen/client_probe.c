/* client_probe URL N CONNECTIONS RETRIES TIMEOUT_S [REQUESTS_PER_MIN]: sends N requests with the key of
 * $PROBE_KEY (to $PROBE_PROVIDER, openai) and prints one JSON object an answer, then one with the status, the error and the seconds. Stops
 * when answer number $PROBE_STOP has come. */
#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"
#include "gen/llm/client.h"
#include "gen/llm/limiter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int n_answers, stop_after;

/* The failures of those that the limiter holds, by id; NULL: none. */
static char *held[1000];

static sg_status print(const struct sg_answer *a, struct sg_err *err)
{
    char *json = sg_answer_to_json(a);
    if (!json)
        return sg_fail_memory(err, 1);
    printf("%s\n", json);
    sg_free(json);
    n_answers++;
    return SG_OK;
}

static sg_status print_given_up(struct sg_limiter *limiter, struct sg_err *err)
{
    int64_t id;
    while (sg_limiter_given_up(limiter, &id)) {
        struct sg_answer a = {.attempts = sg_limiter_attempts(limiter, id)};
        sg_answer_fail(&a, held[id]);
        sg_status status = print(&a, err);
        sg_answer_free(&a);
        SG_TRY(status);
    }
    return SG_OK;
}

static sg_status on_result(void *context, struct sg_client_result *r, struct sg_err *err)
{
    struct sg_limiter *limiter = context;
    enum sg_request_outcome outcome = sg_limiter_done(limiter, sg_now_s(), r->id, &r->attempt);
    if (outcome == SG_OUTCOME_HELD) {
        sg_free(held[r->id]);
        held[r->id] = sg_strdup(r->attempt.reason);
    }
    if (outcome == SG_OUTCOME_ANSWERED || outcome == SG_OUTCOME_FAILED || outcome == SG_OUTCOME_REFUSED) {
        r->answer.attempts = sg_limiter_attempts(limiter, r->id);
        if (outcome != SG_OUTCOME_ANSWERED)
            sg_answer_fail(&r->answer, r->attempt.reason);
        SG_TRY(print(&r->answer, err));
    }
    return print_given_up(limiter, err);
}

static sg_status drive(struct sg_client *c, struct sg_limiter *limiter, const struct sg_generator *g,
                       const struct sg_request_list *requests, struct sg_err *err)
{
    for (int64_t i = 0, id; i < requests->n; i++)
        SG_TRY(sg_limiter_add(limiter, 0, sg_request_tokens(&requests->item[i]),
                              sg_request_worst_usd(g, &requests->item[i]), &id, err));
    for (;;) {
        struct sg_limiter_state s = sg_limiter_state(limiter);
        if (!s.n_waiting && !s.n_flying)
            return s.dead == SG_OK ? SG_OK : sg_fail(err, s.dead, "%s", s.why);
        if (stop_after && n_answers >= stop_after)
            sg_limiter_stop(limiter, SG_STOPPED, "stopped while asking the LLM");
        int64_t id;
        while (sg_limiter_next(limiter, sg_now_s(), &id))
            SG_TRY(sg_client_send(c, id, &requests->item[id], err));
        SG_TRY(sg_client_turn(c, 5, on_result, limiter, err));
    }
}

/* One rank alone, under a limiter of its own. */
static sg_status run(struct sg_client *c, const struct sg_generator *g,
                     const struct sg_request_list *requests, struct sg_err *err)
{
    struct sg_limiter *limiter =
        sg_limiter_create(&(struct sg_limiter_settings){.connections = g->connections,
                                                        .requests_per_min = g->requests_per_min,
                                                        .retries = g->retries,
                                                        .seed = (uint64_t)(sg_now_s() * 1e9)});
    sg_status status = limiter ? drive(c, limiter, g, requests, err) : sg_fail_memory(err, 1024);
    sg_limiter_destroy(limiter);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 6)
        return 2;
    struct sg_err err = {0};
    const char *key = NULL;
    sg_status status = sg_secret_take("PROBE_KEY", &key, &err);
    const char *provider = getenv("PROBE_PROVIDER") ? getenv("PROBE_PROVIDER") : "openai";
    struct sg_generator g = {.provider = provider,
                             .base_url = argv[1],
                             .model = "stub",
                             .api_key_env = "PROBE_KEY",
                             .max_tokens = 48,
                             .connections = atoi(argv[3]),
                             .retries = atoi(argv[4]),
                             .timeout_s = atof(argv[5]),
                             .requests_per_min = argc > 6 ? atoi(argv[6]) : 0,
                             .usd_per_1m_input = 1,
                             .usd_per_1m_output = 2};
    stop_after = getenv("PROBE_STOP") ? atoi(getenv("PROBE_STOP")) : 0;
    struct sg_request_list requests = {.item = sg_alloc((size_t)atoi(argv[2]), sizeof *requests.item)};
    for (int i = 0; i < atoi(argv[2]); i++) {
        struct sg_request *q = &requests.item[requests.n++];
        q->canonical =
            sg_strf("{\"index\":%d,\"max_tokens\":48,\"messages\":[{\"content\":\"Be brief.\",\"role\":"
                    "\"system\"},{\"content\":\"Write %d.\",\"role\":\"user\"}],\"model\":\"stub\","
                    "\"provider\":\"%s\",\"seed\":%d,\"temperature\":1.0,\"top_p\":1.0}",
                    i, i, provider, i);
        sg_sha256_hex(q->canonical, strlen(q->canonical), q->key);
    }
    struct sg_client *c = NULL;
    double start = sg_now_s();
    if (status == SG_OK)
        status = sg_client_create(&g, key, g.connections, &c, &err);
    if (status == SG_OK && getenv("PROBE_CHECK"))
        status = sg_client_check(c, &err);
    if (status == SG_OK)
        status = run(c, &g, &requests, &err);
    /* Its text is plain: no quote or backslash but those of addresses. */
    printf("{\"end\":%d,\"seconds\":%.3f}\n%s\n", (int)status, sg_now_s() - start,
           status == SG_OK ? "" : err.text);
    sg_client_destroy(c);
    sg_request_list_free(&requests);
    sg_secret_wipe();
    return 0;
}
