#include "experiments/run/events.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "experiments/run/cell_words.h"
#include "generated/version.h"
#include "results/stats/metrics.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_text(json_t *o, const char *key, const char *text)
{
    json_object_set_new(o, key, sg_json_safe(text, 4000));
}

static void set_int(json_t *o, const char *key, int64_t x)
{
    json_object_set_new(o, key, json_integer((json_int_t)x));
}

static void set_real(json_t *o, const char *key, double x)
{
    json_object_set_new(o, key, sg_json_real(x));
}

/* NULL: nobody wants it. Members stand in the order in which they are set. */
static json_t *make(const struct sg_run *r, const char *event)
{
    char stamp[21];
    json_t *o = r->options->events ? json_object() : NULL;
    if (!o)
        return NULL;
    sg_utc(stamp);
    set_text(o, "event", event);
    set_text(o, "time", stamp);
    set_real(o, "elapsed_s", sg_now_s() - r->began);
    return o;
}

/* An event that there is no memory for is left out: it must not end a run. */
static void print_take(json_t *o)
{
    char *line = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(9));
    if (line) {
        fputs(line, stdout);
        putchar('\n');
        fflush(stdout);
    }
    free(line);
    json_decref(o);
}

static void set_counts(json_t *o, const struct sg_run *r)
{
    const struct sg_progress *g = &r->progress;
    set_int(o, "n_cells", g->n_cells);
    set_int(o, "n_cells_done", g->n_cells_done);
    set_int(o, "n_cells_failed", g->n_cells_failed);
    set_int(o, "n_pools", g->n_pools);
    set_int(o, "n_pools_done", g->n_pools_done);
}

void sg_event_run_started(const struct sg_run *r)
{
    json_t *o = make(r, "run_started");
    if (!o)
        return;
    set_text(o, "study", r->p->study->name);
    set_text(o, "results", r->p->study->results);
    set_text(o, "program", "synthgrid " SG_VERSION);
    set_int(o, "n_ranks", r->world->size);
    set_int(o, "n_cells", r->progress.n_cells);
    set_int(o, "n_pools", r->progress.n_pools);
    set_int(o, "n_cells_to_train", r->options->buy_only ? 0 : r->resume.n_to_train);
    set_int(o, "n_requests_missing", r->n_missing);
    print_take(o);
}

void sg_event_run_ended(const struct sg_run *r, sg_status status, const char *why)
{
    json_t *o = make(r, "run_ended");
    if (!o)
        return;
    set_int(o, "exit_code", status == SG_FULL ? SG_STOPPED : (int64_t)status);
    set_text(o, "why", status == SG_OK ? "" : why);
    set_counts(o, r);
    set_real(o, "cost_usd", r->progress.cost_usd < 0 ? (double)NAN : r->progress.cost_usd);
    set_text(o, "digest", r->digest);
    print_take(o);
}

void sg_event_phase(struct sg_run *r)
{
    json_t *o = r->told_phase && strcmp(r->told_phase, r->progress.phase) == 0 ? NULL : make(r, "phase");
    r->told_phase = r->progress.phase;
    if (!o)
        return;
    set_text(o, "phase", r->progress.phase);
    print_take(o);
}

void sg_event_stopping(const struct sg_run *r)
{
    json_t *o = make(r, "stopping");
    if (!o)
        return;
    set_text(o, "signal", sg_watch_signal());
    set_counts(o, r);
    print_take(o);
}

static void set_cell(json_t *o, const struct sg_run *r, const struct sg_cell *c)
{
    struct sg_cell_words w;
    sg_cell_words_of(r->p, c, &w);
    set_text(o, "cell", c->id);
    set_text(o, "task", w.task);
    set_text(o, "method", w.method);
    set_text(o, "mix", w.mix);
    set_int(o, "size", w.size);
    set_int(o, "raw", w.raw);
    set_text(o, "classifier", w.classifier);
    set_int(o, "seed_generation", w.seed_generation);
    set_int(o, "seed_data", w.seed_data);
    set_int(o, "seed_train", w.seed_train);
}

static void set_place(json_t *o, const struct sg_run *r, int rank, int n_ranks)
{
    set_int(o, "rank", rank);
    set_int(o, "n_ranks", n_ranks);
    set_text(o, "host", rank < r->watch.n_ranks ? r->watch.host[rank] : "");
}

void sg_event_cell_started(const struct sg_run *r, const struct sg_cell *c, const int *ranks, int n_ranks)
{
    json_t *o = make(r, "cell_started");
    if (!o)
        return;
    set_cell(o, r, c);
    set_place(o, r, ranks[0], n_ranks);
    print_take(o);
}

/* Of the own test rows; NaN where it cannot be read. */
static double accuracy_of(const struct sg_run *r, const struct sg_cell *c, const struct sg_outcome *o)
{
    const struct sg_task_data *d = &r->p->data[c->task];
    struct sg_err unsaid = {0};
    struct sg_metrics m = sg_metrics_none();
    struct sg_cell_found found;
    if (sg_cell_result_take(o->result, o->n_result, &found, &unsaid) == SG_OK && found.n_eval >= d->test.n)
        (void)!sg_metrics_of(d->test_label, found.logits, d->test.n, (int)found.n_classes, &m, NULL, &unsaid);
    return m.accuracy;
}

void sg_event_cell_over(const struct sg_run *r, const struct sg_cell *c, const struct sg_outcome *o)
{
    json_t *e = make(r, o->status == SG_OK ? "cell_done" : "cell_failed");
    if (!e)
        return;
    set_cell(e, r, c);
    set_place(e, r, o->rank, o->n_ranks);
    set_real(e, "wall_s", o->wall_s);
    if (o->status == SG_OK)
        set_real(e, "accuracy", accuracy_of(r, c, o));
    else
        set_text(e, "reason", o->reason);
    print_take(e);
}

void sg_event_checkpoint(const struct sg_run *r, const struct sg_cell *c, int64_t step)
{
    json_t *o = make(r, "checkpoint");
    if (!o)
        return;
    set_text(o, "cell", c->id);
    set_int(o, "step", step);
    print_take(o);
}

static void pool_filled(const struct sg_run *r, int64_t i)
{
    json_t *o = make(r, "pool_filled");
    const struct sg_pool_key *k = &r->p->grid.pool[i];
    char arm[SG_ARM_NAME];
    if (!o)
        return;
    sg_arm_name(r->p->study, &k->arm, arm);
    set_text(o, "pool", sg_pool_id(r->p->pool[i]));
    set_text(o, "task", r->p->study->task[k->task].name);
    set_text(o, "method", arm);
    set_int(o, "seed_generation", k->seed_generation);
    set_int(o, "seed_data", k->seed_data);
    set_int(o, "n", sg_pool_n(r->p->pool[i]));
    set_text(o, "shortfall", sg_pool_shortfall(r->p->pool[i]));
    print_take(o);
}

void sg_event_filled(const struct sg_run *r, int64_t i)
{
    if (i < r->p->grid.n_pools) {
        pool_filled(r, i);
        return;
    }
    json_t *o = make(r, "evaluation_filled");
    const struct sg_evaluation *e = r->p->evaluation[i - r->p->grid.n_pools];
    const char *task;
    char what[SG_EVALUATION_NAME];
    if (!o)
        return;
    sg_evaluation_name(e, &task, what);
    set_text(o, "evaluation", sg_evaluation_id(e));
    set_text(o, "task", task);
    set_text(o, "what", what);
    set_int(o, "n_answered", sg_evaluation_n_answered(e));
    set_int(o, "n_unparsable", sg_evaluation_n_unparsable(e));
    print_take(o);
}

void sg_event_failures(struct sg_run *r, int generator, const struct sg_dispatch_count *n)
{
    int64_t n_now = n->n_again + n->n_failed + n->n_refused;
    json_t *o = n_now > r->told_failures[generator] ? make(r, "request_failures") : NULL;
    if (!o)
        return;
    set_text(o, "generator",
             r->p->study->generator[generator].name ? r->p->study->generator[generator].name : "");
    set_int(o, "n_new", n_now - r->told_failures[generator]);
    set_int(o, "n_sent_again", n->n_again);
    set_int(o, "n_given_up", n->n_failed + n->n_refused);
    set_text(o, "last", n->failure);
    r->told_failures[generator] = n_now;
    print_take(o);
}
