/* client_probe URL N CONNECTIONS RETRIES TIMEOUT_S [REQUESTS_PER_MIN]: sends N requests with the key of
 * $PROBE_KEY (to $PROBE_PROVIDER, openai) and prints one JSON object an answer, then one with the status, the error and the seconds. Stops
 * when answer number $PROBE_STOP has come. */
#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"
#include "gen/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int n_answers, stop_after;

static sg_status on_answer(void *context, const struct sg_answer *a, struct sg_err *err)
{
    (void)context;
    char *json = sg_answer_to_json(a);
    if (!json)
        return sg_fail_memory(err, 1);
    printf("%s\n", json);
    sg_free(json);
    n_answers++;
    return SG_OK;
}

static int stopping(void *context)
{
    (void)context;
    return stop_after && n_answers >= stop_after;
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
    struct sg_requests requests = {.item = sg_alloc((size_t)atoi(argv[2]), sizeof *requests.item)};
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
    struct sg_client_calls calls = {.answer = on_answer, .stopping = stopping};
    double start = sg_now_s();
    if (status == SG_OK)
        status = sg_client_create(&g, key, g.connections, &c, &err);
    if (status == SG_OK && getenv("PROBE_CHECK"))
        status = sg_client_check(c, &err);
    if (status == SG_OK)
        status = sg_client_run(c, &requests, &calls, &err);
    /* Its text is plain: no quote or backslash but those of addresses. */
    printf("{\"end\":%d,\"seconds\":%.3f}\n%s\n", (int)status, sg_now_s() - start,
           status == SG_OK ? "" : err.text);
    sg_client_destroy(c);
    sg_requests_free(&requests);
    sg_secret_wipe();
    return 0;
}
