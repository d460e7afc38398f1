/* Another program that does a longer piece of work: its messages are kept, and it is ended with us.
 *
 *     const char *const argv[] = {"python3", "train.py", folder, NULL}, *const environment[] = {"PATH=/usr/bin", NULL};
 *     struct sg_job job = {.argv = argv, .environment = environment, .stopping = stopping, .context = w};
 *     SG_TRY(sg_job_run(&job, &last_words, err));
 *
 * There is no shell. It has a process group of its own, no standard input, and no file of ours. (sg_child_run gives a program a text and takes
 * one, within a time.) */
#ifndef SG_BASE_JOB_H
#define SG_BASE_JOB_H

#include "base/buf.h"
#include "base/err.h"

struct sg_job {
    const char *const *argv;        /* ends in NULL; the program is looked for in our PATH */
    const char *const *environment; /* "NAME=value", ends in NULL: all that it has */
    int (*stopping)(void *context); /* asked several times a second; NULL: never */
    void *context;
};

enum { SG_JOB_LAST_WORDS = 2000 };

/* Local. Until the program has ended; what is left of its process group is killed then. last_words: gets the last SG_JOB_LAST_WORDS bytes at
 * most of what it wrote to standard output and error; foreign text (sg_buf_foreign). SG_INPUT where it cannot be started, SG_FAILED where it
 * ends in anything but 0, SG_STOPPED once stopping() says so: it has 5 s to end after SIGTERM. It is killed when the thread that runs it
 * dies. */
sg_status sg_job_run(const struct sg_job *job, struct sg_buf *last_words, struct sg_err *err) SG_MUST_USE;

#endif
