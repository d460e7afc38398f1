/* gen/llm/loop.h by curl_multi_poll, in place of epoll: what `generate --only loop` measures against. */
#include "gen/llm/loop.h"

#include "base/mem.h"

#include <curl/curl.h>

struct sg_loop {
    CURLM *multi;
};

sg_status sg_loop_create(void *multi, struct sg_loop **out, struct sg_err *err)
{
    struct sg_loop *l = sg_alloc(1, sizeof *l);
    if (!l)
        return sg_fail_memory(err, sizeof *l);
    l->multi = multi;
    *out = l;
    return SG_OK;
}

void sg_loop_destroy(struct sg_loop *l)
{
    sg_free(l);
}

int sg_loop_fd(const struct sg_loop *l, int *timeout_ms)
{
    (void)l, (void)timeout_ms;
    return -1;
}

sg_status sg_loop_turn(struct sg_loop *l, int timeout_ms, struct sg_err *err)
{
    int n_running;
    CURLMcode rc = curl_multi_poll(l->multi, NULL, 0, timeout_ms, NULL);
    if (rc == CURLM_OK)
        rc = curl_multi_perform(l->multi, &n_running);
    return rc == CURLM_OK ? SG_OK : sg_fail(err, SG_FAILED, "libcurl: %s", curl_multi_strerror(rc));
}
