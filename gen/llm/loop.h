/* libcurl's transfers driven by what the kernel says of their sockets (epoll): a turn costs what happens in it. Source: libcurl,
 * "libcurl multi interface", curl_multi_socket_action.
 *
 * curl_multi_poll and curl_multi_perform would do without this file, but ask about each transfer at each call: 1.2 to 1.5 times the
 * CPU a request with 64 in flight (4,791 requests a CPU second against 5,884), 1.7 to 2.0 times with 256 (3,983 against 6,865;
 * libcurl 7.88, `tests/bench/generate --only loop`). They also wait for one multi handle alone, and a rank has one a generator.
 *
 *     sg_loop_create(multi, &loop, err);      before the first curl_multi_add_handle
 *     sg_loop_turn(loop, 100, err);           then curl_multi_info_read as ever
 *     sg_loop_destroy(loop);                  before curl_multi_cleanup
 */
#ifndef SG_GEN_LLM_LOOP_H
#define SG_GEN_LLM_LOOP_H

#include "base/err.h"

struct sg_loop;

/* Local. `multi`: a CURLM, borrowed until sg_loop_destroy; its callbacks for sockets and the timer are the loop's. */
sg_status sg_loop_create(void *multi, struct sg_loop **out, struct sg_err *err) SG_MUST_USE;
void sg_loop_destroy(struct sg_loop *l); /* NULL is fine */

/* Local. Waits for at most timeout_ms until something happens, and lets libcurl act on it. */
sg_status sg_loop_turn(struct sg_loop *l, int timeout_ms, struct sg_err *err) SG_MUST_USE;

/* Local. For a caller that waits for other things, too: poll() says of this descriptor that a turn has something to do (POLLIN), and
 * after *timeout_ms, which is cut to when libcurl's timer is due, one has. */
int sg_loop_fd(const struct sg_loop *l, int *timeout_ms);

#endif
