#include "experiments/run/results_thread.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "results/h5/store.h"
#include "results/report/report.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

struct sg_results_thread {
    pthread_t thread;
    atomic_int has_copy, is_over, stop;
    struct sg_ledger *ledger; /* borrowed */
    int holds;                /* the ledger */
    char *path;
    int wants_verdict;
    double began, ended;
    sg_status status; /* these, once it is over */
    struct sg_err err;
    struct sg_buf verdict;
};

static sg_status build(struct sg_results_thread *t, struct sg_err *err)
{
    struct sg_ledger *copy = NULL;
    sg_status status = sg_ledger_open_held(t->ledger, &copy, err);
    atomic_store(&t->has_copy, 1);
    SG_TRY(status);
    status = sg_store_write_unless(copy, t->path, &t->stop, NULL, err);
    sg_ledger_close(copy);
    if (status == SG_OK && t->wants_verdict)
        status = sg_report(t->path, "terminal", &(struct sg_form_options){.brief = 1}, &t->verdict, err);
    return status;
}

static void *work(void *context)
{
    struct sg_results_thread *t = context;
    t->status = build(t, &t->err);
    t->ended = sg_now_s();
    atomic_store(&t->is_over, 1);
    return NULL;
}

static void let_go(struct sg_results_thread *t)
{
    if (t->holds)
        sg_ledger_let_go(t->ledger);
    t->holds = 0;
}

static void destroy(struct sg_results_thread *t)
{
    sg_buf_free(&t->verdict);
    sg_free(t->path);
    sg_free(t);
}

sg_status sg_results_thread_start(struct sg_ledger *l, const char *path, int wants_verdict,
                                  struct sg_results_thread **out, struct sg_err *err)
{
    struct sg_results_thread *t = sg_alloc(1, sizeof *t);
    if (!t)
        return sg_fail_memory(err, sizeof *t);
    *t = (struct sg_results_thread){.ledger = l,
                                    .path = sg_strdup(path),
                                    .wants_verdict = wants_verdict,
                                    .began = sg_now_s(),
                                    .verdict = sg_buf_make((size_t)1 << 28)};
    sg_status status = t->path ? sg_ledger_hold(l, err) : sg_fail_memory(err, strlen(path));
    if (status != SG_OK) {
        destroy(t);
        return status;
    }
    t->holds = 1;
    sigset_t all, before; /* signals are for the run's own threads */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&t->thread, NULL, work, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        let_go(t);
        destroy(t);
        return sg_fail(err, SG_FAILED, "the thread that writes %s cannot start: %s", path, strerror(rc));
    }
    *out = t;
    return SG_OK;
}

int sg_results_thread_is_over(struct sg_results_thread *t)
{
    if (atomic_load(&t->has_copy))
        let_go(t);
    return atomic_load(&t->is_over);
}

sg_status sg_results_thread_end(struct sg_results_thread *t, struct sg_buf *verdict, double *took_s,
                                struct sg_err *err)
{
    atomic_store(&t->stop, 1);
    pthread_join(t->thread, NULL);
    let_go(t);
    sg_status status = t->status;
    *took_s = t->ended - t->began;
    if (status != SG_OK)
        *err = t->err;
    else if (t->wants_verdict)
        sg_buf_puts(verdict, sg_buf_text(&t->verdict));
    destroy(t);
    return status;
}
