#include "experiments/run/progress.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/tell.h"
#include "base/text.h"

#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

double sg_progress_every_s = 2;

double sg_progress_eta_s(const struct sg_progress *p, double training_s)
{
    if (!p->n_requests_left)
        return training_s;
    if (!p->n_completions)
        return -1;
    double buying_s = (double)p->n_requests_left * p->elapsed_s / (double)p->n_completions;
    return training_s > buying_s ? training_s : buying_s;
}

/* A failure is told for so long: what went well since then is no news of it. */
static const double FAILURE_S = 120;

static void line_of(const struct sg_progress *p, char *line, size_t n)
{
    char elapsed[24], eta[48] = "", money[64] = "", waiting[64] = "";
    sg_format_duration(p->elapsed_s, elapsed);
    if (p->eta_s >= 0 && p->n_cells_done + p->n_cells_failed < p->n_cells) {
        char left[24];
        sg_format_duration(p->eta_s, left);
        snprintf(eta, sizeof eta, ", %s left", left);
    }
    if (p->n_completions && p->cost_usd >= 0)
        snprintf(money, sizeof money, ", %.4f USD", p->cost_usd);
    if (p->n_requests_left || p->n_completions)
        snprintf(waiting, sizeof waiting, ", LLM answers %lld + %lld to come", (long long)p->n_completions,
                 (long long)p->n_requests_left);
    char given_up[48] = "", last[160] = "";
    if (p->n_given_up)
        snprintf(given_up, sizeof given_up, ", %lld given up", (long long)p->n_given_up);
    if (p->failure[0] && sg_now_s() - p->failed_s < FAILURE_S) {
        snprintf(last, sizeof last, ", last failure: %.100s", p->failure);
        sg_text_whole(last);
    }
    char failed[48] = "";
    if (p->n_cells_failed)
        snprintf(failed, sizeof failed, ", %lld failed", (long long)p->n_cells_failed);
    snprintf(line, n, "%s: cells %lld of %lld%s, pools %lld of %lld%s%s%s, %s%s%s", p->phase,
             (long long)(p->n_cells_done + p->n_cells_failed), (long long)p->n_cells, failed,
             (long long)p->n_pools_done, (long long)p->n_pools, waiting, given_up, money, elapsed, eta, last);
}

void sg_progress_show(const struct sg_progress *p, int last)
{
    static double shown = -1e9;
    static const double line_at_s[] = {5, 15, 30, 60}; /* without a terminal; then one a minute */
    static double begun = -1e9;
    static size_t n_lines;
    double now = sg_now_s();
    int is_terminal = sg_tell_is_terminal();
    if (begun < 0)
        begun = now;
    int is_due = is_terminal   ? now - shown >= 0.5
                 : n_lines < 4 ? now - begun >= line_at_s[n_lines]
                               : now - shown >= 60;
    if (!last && !is_due)
        return;
    while (n_lines < 4 && now - begun >= line_at_s[n_lines])
        n_lines++;
    shown = now;
    char line[600];
    line_of(p, line, sizeof line);
    if (!is_terminal) {
        sg_tell_progress(line, last);
        return;
    }
    enum { WIDTH = 24 };
    char bar[WIDTH + 1];
    double share = p->n_cells ? (double)(p->n_cells_done + p->n_cells_failed) / (double)p->n_cells : 1;
    for (int i = 0; i < WIDTH; i++)
        bar[i] = i < (int)(share * WIDTH) ? '#' : '.';
    bar[WIDTH] = 0;
    char with_bar[sizeof line + WIDTH + 8];
    snprintf(with_bar, sizeof with_bar, "[%s] %s", bar, line);
    sg_tell_progress(with_bar, last);
}

int sg_progress_seal(const json_t *status, char seal[SG_HEX])
{
    json_t *copy = json_copy((json_t *)status); /* jansson has no const copy */
    json_object_del(copy, "sha256");
    char *text = copy ? json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (text)
        sg_sha256_hex(text, strlen(text), seal);
    free(text);
    json_decref(copy);
    return text != NULL;
}

static json_t *ranks_json(const struct sg_progress *p)
{
    json_t *list = json_array();
    for (int i = 0; i < p->n_ranks_shown; i++) {
        const struct sg_progress_rank *x = &p->rank[i];
        json_array_append_new(list, json_pack("{s:i,s:o,s:o,s:s,s:f,s:i,s:i,s:I}", "rank", x->rank, "host",
                                              sg_json_safe(x->host, sizeof x->host), "work",
                                              sg_json_safe(x->work, sizeof x->work), "cell", x->cell,
                                              "work_s", x->work_s, "n_team", x->n_team, "team", x->first,
                                              "n_in_flight", (json_int_t)x->n_in_flight));
    }
    return list;
}

sg_status sg_progress_write(const struct sg_progress *p, const char *dir, int last, struct sg_err *err)
{
    static double written = -1e9;
    double now = sg_now_s();
    if (!last && now - written < sg_progress_every_s)
        return SG_OK;
    written = now;
    char stamp[21];
    sg_utc(stamp);
    /* jansson takes UTF-8 alone, and gives no object at all otherwise; a path in an error's sentence may be anything, and
     * why a run stopped must not be lost for it. */
    struct sg_buf message = sg_buf_make(8192);
    sg_buf_safe(&message, p->message, 1000);
    struct sg_buf failure = sg_buf_make(8192);
    sg_buf_safe(&failure, p->failure, 300);
    json_t *o =
        message.failed || failure.failed
            ? NULL
            : json_pack(
                  "{s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:f,s:f,s:f,s:i,s:s,s:i,s:I,s:s}",
                  "study", p->study, "phase", p->phase, "updated", stamp, "n_cells", (json_int_t)p->n_cells,
                  "n_cells_done", (json_int_t)p->n_cells_done, "n_cells_failed",
                  (json_int_t)p->n_cells_failed, "n_pools", (json_int_t)p->n_pools, "n_pools_done",
                  (json_int_t)p->n_pools_done, "n_completions", (json_int_t)p->n_completions,
                  "n_requests_left", (json_int_t)p->n_requests_left, "n_batches", (json_int_t)p->n_batches,
                  "n_batch_requests", (json_int_t)p->n_batch_requests, "tokens_in", (json_int_t)p->tokens_in,
                  "tokens_out", (json_int_t)p->tokens_out, "cost_usd", p->cost_usd, "elapsed_s", p->elapsed_s,
                  "eta_s", p->eta_s, "n_ranks", p->n_ranks, "message", sg_buf_text(&message), "pid",
                  (int)getpid(), "n_given_up", (json_int_t)p->n_given_up, "failure", sg_buf_text(&failure));
    if (o)
        json_object_set_new(o, "silent", json_string(p->silent ? p->silent : ""));
    if (o)
        json_object_set_new(o, "signal", json_string(p->signal ? p->signal : ""));
    if (o) {
        json_object_set_new(o, "n_ranks_busy", json_integer(p->n_busy));
        json_object_set_new(o, "n_in_flight", json_integer((json_int_t)p->n_in_flight));
        json_object_set_new(o, "ranks", ranks_json(p));
    }
    char seal[SG_HEX];
    char *text = sg_progress_seal(o, seal) && json_object_set_new(o, "sha256", json_string(seal)) == 0
                     ? json_dumps(o, JSON_INDENT(2))
                     : NULL,
         *path = sg_path_join(dir, "status.json");
    json_decref(o);
    sg_status status =
        text && path ? sg_file_write(path, text, strlen(text), err) : sg_fail_memory(err, 1024);
    sg_buf_free(&message);
    sg_buf_free(&failure);
    free(text);
    sg_free(path);
    return status;
}

struct sg_progress_keeper {
    struct sg_progress progress;
    const char *dir;
    double started;
    int quiet, stop; /* stop: under the lock */
    pthread_t thread;
    pthread_mutex_t lock;
};

static int keeps_on(struct sg_progress_keeper *k)
{
    pthread_mutex_lock(&k->lock);
    int on = !k->stop;
    pthread_mutex_unlock(&k->lock);
    return on;
}

static void *keep(void *context)
{
    struct sg_progress_keeper *k = context;
    struct sg_err unsaid;
    while (keeps_on(k)) {
        k->progress.elapsed_s = sg_now_s() - k->started;
        if (!k->quiet)
            sg_progress_show(&k->progress, 0);
        (void)!sg_progress_write(&k->progress, k->dir, 0, &unsaid);
        sg_sleep_us(5000); /* whoever ends the phase waits for it */
    }
    return NULL;
}

sg_status sg_progress_keep(const struct sg_progress *p, const char *dir, double started, int quiet,
                           struct sg_progress_keeper **out, struct sg_err *err)
{
    struct sg_progress_keeper *k = sg_alloc(1, sizeof *k);
    if (!k)
        return sg_fail_memory(err, sizeof *k);
    *k = (struct sg_progress_keeper){.progress = *p, .dir = dir, .started = started, .quiet = quiet};
    sigset_t all, before; /* signals are for the run's own threads */
    sigfillset(&all);
    pthread_mutex_init(&k->lock, NULL);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&k->thread, NULL, keep, k);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        pthread_mutex_destroy(&k->lock);
        sg_free(k);
        return sg_fail(err, SG_FAILED, "the thread that shows the progress cannot start: %s", strerror(rc));
    }
    *out = k;
    return SG_OK;
}

void sg_progress_keep_end(struct sg_progress_keeper *k)
{
    if (!k)
        return;
    pthread_mutex_lock(&k->lock);
    k->stop = 1;
    pthread_mutex_unlock(&k->lock);
    pthread_join(k->thread, NULL);
    pthread_mutex_destroy(&k->lock);
    sg_free(k);
}
