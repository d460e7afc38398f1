/* Inside of the keeper (gen/llm/companion.h): companion_keeper.c (when the server is started, asked and ended, and what the run is told),
 * companion_server.c (its processes, and what they write). */
#ifndef SG_GEN_LLM_COMPANION_IMPL_H
#define SG_GEN_LLM_COMPANION_IMPL_H

#include "base/buf.h"
#include "base/cores.h"
#include "gen/llm/companion.h"

#include <stdint.h>
#include <sys/types.h>

enum { SG_KEPT_TAIL = 4096 };

/* The keeper's one child, and what becomes of its output. */
struct sg_kept_server {
    const char *command, *url, *log_path;
    int has_cores;
    _Alignas(16) unsigned char cores[SG_CORE_MASK];
    pid_t pid;    /* 0: none runs */
    int out, log; /* what it writes, -1: closed; where that goes, -1: nowhere */
    int64_t n_log;
    char tail[SG_KEPT_TAIL];
    size_t n_tail;
};

/* Opens the log, or the next one where it is full. One that cannot be written is no reason to stop reading: the server would wait for ever. */
void sg_kept_open_log(struct sg_kept_server *s);

/* 0, or the errno for which it cannot be started. */
int sg_kept_start(struct sg_kept_server *s);

/* Takes all that it has written until now. */
void sg_kept_drain(struct sg_kept_server *s);

/* Appends its last lines, with " | " between them; the end of what is too long. */
void sg_kept_last_words(const struct sg_kept_server *s, struct sg_buf *out);

/* Waits until nothing is left of it: SIGKILL to all children, which its own become as their parents die. */
void sg_kept_sweep(struct sg_kept_server *s);

/* SIGTERM to its group, and time to leave in good order; then the same. */
void sg_kept_end(struct sg_kept_server *s);

#endif
