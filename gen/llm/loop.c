#include "gen/llm/loop.h"

#include "base/file.h"
#include "base/mem.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { MAX_EVENTS = 64 };

struct sg_loop {
    CURLM *multi;
    int epoll;
    double due_s; /* when libcurl wants to be called without an event; < 0: never */
};

/* libcurl tells what it waits for on a socket. One that it has told of before carries the loop as its mark. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *known)
{
    struct sg_loop *l = context;
    (void)easy;
    if (what == CURL_POLL_REMOVE) { /* it may be closed already, and then epoll has forgotten it */
        epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    struct epoll_event e = {.events = (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0) |
                                      (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0),
                            .data.fd = fd};
    int rc = epoll_ctl(l->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e);
    if (rc != 0 && (errno == ENOENT || errno == EEXIST))
        rc = epoll_ctl(l->epoll, known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &e);
    if (rc == 0 && !known)
        curl_multi_assign(l->multi, fd, l);
    return rc == 0 ? 0 : -1;
}

static int on_timer(CURLM *multi, long timeout_ms, void *context)
{
    struct sg_loop *l = context;
    (void)multi;
    l->due_s = timeout_ms < 0 ? -1 : sg_now_s() + 1e-3 * (double)timeout_ms;
    return 0;
}

sg_status sg_loop_create(void *multi, struct sg_loop **out, struct sg_err *err)
{
    struct sg_loop *l = sg_alloc(1, sizeof *l);
    if (!l)
        return sg_fail_memory(err, sizeof *l);
    *l = (struct sg_loop){.multi = multi, .epoll = epoll_create1(EPOLL_CLOEXEC), .due_s = -1};
    if (l->epoll < 0) {
        sg_free(l);
        return sg_fail(err, SG_FAILED, "cannot wait for connections: %s", strerror(errno));
    }
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, l);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, l);
    *out = l;
    return SG_OK;
}

void sg_loop_destroy(struct sg_loop *l)
{
    if (!l)
        return;
    curl_multi_setopt(l->multi, CURLMOPT_SOCKETFUNCTION, NULL);
    curl_multi_setopt(l->multi, CURLMOPT_TIMERFUNCTION, NULL);
    close(l->epoll);
    sg_free(l);
}

/* timeout_ms, or until the timer is due, rounded up: a turn that comes too early does nothing. */
static int until_due_ms(const struct sg_loop *l, int timeout_ms)
{
    if (l->due_s < 0)
        return timeout_ms;
    double left_ms = 1e3 * (l->due_s - sg_now_s());
    if (left_ms <= 0)
        return 0;
    return left_ms < timeout_ms ? (int)left_ms + 1 : timeout_ms;
}

int sg_loop_fd(const struct sg_loop *l, int *timeout_ms)
{
    *timeout_ms = until_due_ms(l, *timeout_ms);
    return l->epoll;
}

sg_status sg_loop_turn(struct sg_loop *l, int timeout_ms, struct sg_err *err)
{
    struct epoll_event e[MAX_EVENTS];
    int n_running, n = epoll_wait(l->epoll, e, MAX_EVENTS, until_due_ms(l, timeout_ms));
    if (n < 0 && errno != EINTR)
        return sg_fail(err, SG_FAILED, "cannot wait for connections: %s", strerror(errno));
    CURLMcode rc = CURLM_OK;
    for (int i = 0; i < n && rc == CURLM_OK; i++) {
        int flags = (e[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                    (e[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                    (e[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
        rc = curl_multi_socket_action(l->multi, e[i].data.fd, flags, &n_running);
    }
    if (rc == CURLM_OK && l->due_s >= 0 && l->due_s <= sg_now_s()) {
        l->due_s = -1; /* libcurl sets it anew, also to the same moment */
        rc = curl_multi_socket_action(l->multi, CURL_SOCKET_TIMEOUT, 0, &n_running);
    }
    return rc == CURLM_OK ? SG_OK : sg_fail(err, SG_FAILED, "libcurl: %s", curl_multi_strerror(rc));
}
