#include "experiments/buying/batch_impl.h"

#include "base/backoff.h"
#include "base/mem.h"
#include "base/tell.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* ---- what is out ---- */

sg_status sg_batch_count(struct sg_ledger *l, struct sg_batches_out *out, struct sg_err *err)
{
    struct sg_ledger_batch *list;
    int64_t n;
    SG_TRY(sg_ledger_batches(l, &list, &n, err));
    *out = (struct sg_batches_out){0};
    for (int64_t i = 0; i < n; i++) {
        int waits = list[i].state != SG_BATCH_ABANDONED;
        out->n += waits;
        out->n_abandoned += !waits;
        out->n_unsent += list[i].state < SG_BATCH_OPEN;
        out->n_requests += waits ? list[i].n : 0;
        out->usd += list[i].usd;
    }
    sg_free(list);
    return SG_OK;
}

int sg_batch_is_spoken(const struct sg_generator *g)
{
    return sg_provider_find(g->provider)->has_batches;
}

sg_status sg_batch_check(const struct sg_study *s, struct sg_err *err)
{
    for (int g = 0; g < s->n_generators; g++)
        if (sg_batch_is_spoken(&s->generator[g]))
            return SG_OK;
    return sg_fail(
        err, SG_INPUT,
        "--batch: only OpenAI's batch API is spoken, and %s%s; hint: `synthgrid generate %s` buys one "
        "request at a time",
        s->n_generators == 1 ? "generator.provider is " : "none of generators has provider: openai",
        s->n_generators == 1 ? s->generator->provider : "", s->path);
}

sg_status sg_batch_refuse(struct sg_ledger *l, const struct sg_study *s, struct sg_err *err)
{
    struct sg_batches_out out;
    SG_TRY(sg_batch_count(l, &out, err));
    if (!out.n)
        return SG_OK;
    return sg_fail(err, SG_STOPPED,
                   "%lld %s out in %lld %s, and would be bought twice; hint: `synthgrid generate %s "
                   "results=%s --collect` fetches their answers (--wait waits for them), --abandon-batches "
                   "gives them up",
                   (long long)out.n_requests, sg_plural(out.n_requests, "request is", "requests are"),
                   (long long)out.n, sg_plural(out.n, "batch", "batches"), s->path, s->results);
}

/* ---- each batch ---- */

/* e NULL: no generator of the study asks for the like. */
typedef sg_status (*each_batch)(struct sg_batches *all, struct sg_batch_endpoint *e,
                                struct sg_ledger_batch *b, void *context, struct sg_err *err);

/* All that are not settled. */
static sg_status for_each(struct sg_batches *all, each_batch each, void *context, struct sg_err *err)
{
    struct sg_ledger_batch *list;
    int64_t n;
    SG_TRY(sg_ledger_batches(all->job->ledger, &list, &n, err));
    sg_status status = SG_OK;
    for (int64_t i = 0; status == SG_OK && i < n; i++) {
        struct sg_batch_endpoint *e;
        status = sg_batch_endpoint_of(all, &list[i], &e, err);
        if (status == SG_OK)
            status = each(all, e, &list[i], context, err);
    }
    sg_free(list);
    return status;
}

static sg_status keep_orphan(struct sg_batches *all, const struct sg_ledger_batch *b, struct sg_err *err)
{
    struct sg_err why;
    struct sg_buf of = sg_buf_make(1000);
    if (b->generator[0]) {
        sg_buf_puts(&of, "generators.");
        sg_buf_safe(&of, b->generator, sizeof b->generator);
        sg_buf_puts(&of, ", and ");
    }
    (void)!sg_fail(
        &why, SG_INPUT,
        "batch %lld was sent for %sa provider and model that no generator of %s has; hint: give it "
        "back to the study, or --abandon-batches",
        (long long)b->part, sg_buf_text(&of), all->study->path);
    sg_buf_free(&of);
    return sg_batch_keep_failure(all, NULL, b->part, &why, err);
}

/* Whether an endpoint can be asked now. */
static int can_ask(const struct sg_batch_endpoint *e)
{
    return e && e->is_open && !e->is_away;
}

/* ---- send ---- */

static sg_status note_last(struct sg_batches *all, struct sg_batch_endpoint *e, struct sg_ledger_batch *b,
                           void *context, struct sg_err *err)
{
    (void)all, (void)e, (void)err;
    *(int64_t *)context = b->part;
    return SG_OK;
}

/* What the provider has refused it does not have: that does not count as spent, nor keep anybody from buying live.
 * context: as for send_one. */
static sg_status drop_one(struct sg_batches *all, struct sg_batch_endpoint *e, struct sg_ledger_batch *b,
                          void *context, struct sg_err *err)
{
    struct sg_err ignored;
    if (!e || !e->is_refused || b->part <= *(const int64_t *)context || b->state >= SG_BATCH_OPEN ||
        (b->state == SG_BATCH_UPLOADED && e->is_unclear))
        return SG_OK;
    if (b->input_file[0])
        (void)!sg_batch_api_delete_file(&e->api, b->input_file, &ignored);
    SG_TRY(sg_ledger_batch_settle(all->job->ledger, b->part, 0, err));
    return sg_ledger_commit(all->job->ledger, err);
}

/* context: how the last batch of an earlier process is numbered. */
static sg_status send_one(struct sg_batches *all, struct sg_batch_endpoint *e, struct sg_ledger_batch *b,
                          void *context, struct sg_err *err)
{
    int64_t last = *(const int64_t *)context;
    struct sg_err why = {0};
    if (b->state >= SG_BATCH_OPEN)
        return SG_OK;
    if (!e)
        return keep_orphan(all, b, err);
    if (!can_ask(e) || e->is_refused)
        return SG_OK;
    if (sg_batch_send(e, b, b->part > last, &why) != SG_OK) { /* its others would fare as this one */
        e->is_away = 1;
        e->is_refused = why.status == SG_INPUT;
        return sg_batch_keep_failure(all, e, b->part, &why, err);
    }
    if (!all->job->quiet)
        sg_tell("batch %lld (%s): %lld %s", (long long)b->part, b->id, (long long)b->n,
                sg_plural(b->n, "request", "requests"));
    return SG_OK;
}

static sg_status submit(struct sg_batches *all, struct sg_err *err)
{
    int64_t last = 0;
    sg_batch_new_round(all);
    SG_TRY(for_each(all, note_last, &last, err));
    SG_TRY(sg_batch_plan(all, err));
    SG_TRY(for_each(all, send_one, &last, err));
    return for_each(all, drop_one, &last, err);
}

/* ---- collect ---- */

static sg_status look_after(struct sg_batch_endpoint *e, struct sg_ledger_batch *b, int64_t *n_left,
                            struct sg_err *err)
{
    int is_over = 0, is_there = b->id[0] != 0;
    if (!is_there)
        SG_TRY(sg_batch_adopt(e, b, &is_there, err));
    if (is_there)
        SG_TRY(sg_batch_collect(e, b, &is_over, err));
    *n_left += is_there && !is_over && b->state != SG_BATCH_ABANDONED;
    return SG_OK;
}

/* context: how many are not over yet, but for abandoned ones. */
static sg_status collect_one(struct sg_batches *all, struct sg_batch_endpoint *e, struct sg_ledger_batch *b,
                             void *context, struct sg_err *err)
{
    struct sg_err why = {0};
    if (sg_batch_has_failed(all, b->part))
        return SG_OK;
    if (!e)
        return keep_orphan(all, b, err);
    if (!can_ask(e) || look_after(e, b, context, &why) == SG_OK)
        return SG_OK;
    return sg_batch_keep_failure(all, e, b->part, &why, err);
}

/* --wait outlasts a network that is away. */
static sg_status collect(struct sg_batches *all, struct sg_err *err)
{
    static const struct sg_backoff between_rounds = {.first_s = 0.5, .factor = 1.5, .most_s = 60};
    for (int64_t n = 0;; n++) {
        double pause_s = sg_backoff_s(&between_rounds, n, NULL);
        int64_t n_left = 0;
        sg_batch_new_round(all);
        SG_TRY(for_each(all, collect_one, &n_left, err));
        const struct sg_err *passing = sg_batch_passing_failure(all);
        if (!all->job->wait || sg_batch_is_stopping() || (!n_left && !passing))
            return SG_OK;
        if (passing)
            sg_tell_warning("%s; tried again in %.0f s", passing->text, pause_s);
        sg_batch_pause(pause_s);
    }
}

/* ---- abandon ---- */

/* The provider's part of it; *is_over: there is nothing left to be abandoned. */
static sg_status cancel(struct sg_batch_endpoint *e, struct sg_ledger_batch *b, int *is_over,
                        struct sg_err *err)
{
    int is_there = b->id[0] != 0;
    struct sg_batch_info now;
    struct sg_ledger *l = e->batches->job->ledger;
    if (!is_there)
        SG_TRY(sg_batch_adopt(e, b, &is_there, err));
    if (!is_there) { /* never got there: costs nothing */
        *is_over = 1;
        SG_TRY(sg_ledger_batch_settle(l, b->part, 0, err));
        return sg_ledger_commit(l, err);
    }
    SG_TRY(sg_batch_collect(e, b, is_over, err));
    if (*is_over || strcmp(b->status, "cancelling") == 0)
        return SG_OK;
    return sg_batch_api_cancel(&e->api, b->id, &now, err);
}

/* A provider, key or generator that is gone does not keep anybody from going on without. */
static sg_status abandon_one(struct sg_batches *all, struct sg_batch_endpoint *e, struct sg_ledger_batch *b,
                             void *context, struct sg_err *err)
{
    int is_over = 0;
    struct sg_err why = {0};
    (void)context;
    if (b->state == SG_BATCH_ABANDONED)
        return SG_OK;
    sg_status status = SG_OK;
    if (!e)
        status = sg_fail(&why, SG_INPUT, "no generator of the study asks for the like");
    else if (e->is_open)
        status = cancel(e, b, &is_over, &why);
    if (status == SG_FAILED || status == SG_FULL || (status == SG_STOPPED && sg_batch_is_stopping()))
        return sg_fail(err, status, "%s", why.text);
    if (is_over)
        return SG_OK;
    if (status != SG_OK)
        sg_tell_warning("batch %lld could not be cancelled: %s", (long long)b->part, why.text);
    b->state = SG_BATCH_ABANDONED;
    SG_TRY(sg_ledger_batch_set(all->job->ledger, b, err));
    return sg_ledger_commit(all->job->ledger, err);
}

/* ---- what is to be run next ---- */

struct left {
    int64_t n, n_live;            /* requests that are missing; of them those that no batch can ask for */
    char live[400], provider[20]; /* of these: "generators.a, generators.b", and the first one's */
    struct sg_batches_out out;
};

static sg_status count_left(const struct sg_batches *all, struct left *left, struct sg_err *err)
{
    struct sg_requests *r = all->job->requests;
    const struct sg_study *s = all->study;
    int64_t *of = sg_alloc((size_t)sg_requests_n_consumers(r) + 1, sizeof *of);
    *left = (struct left){0};
    sg_status status = of ? sg_requests_count(r, &left->n, of, err)
                          : sg_fail_memory(err, (size_t)sg_requests_n_consumers(r) * sizeof *of);
    for (int g = 0; status == SG_OK && g < s->n_generators; g++) {
        int64_t n = 0;
        for (int64_t i = 0; i < sg_requests_n_consumers(r); i++)
            n += sg_requests_generator(r, i) == g ? of[i] : 0;
        if (!n || sg_batch_is_spoken(&s->generator[g]))
            continue;
        size_t at = strlen(left->live);
        snprintf(left->live + at, sizeof left->live - at, "%sgenerators.%s", at ? ", " : "",
                 s->generator[g].name);
        if (!at)
            snprintf(left->provider, sizeof left->provider, "%s", s->generator[g].provider);
        left->n_live += n;
    }
    sg_free(of);
    return status == SG_OK ? sg_batch_count(all->job->ledger, &left->out, err) : status;
}

/* What is out, or is to be sent. */
static void say_batches(const struct sg_batches *all, const struct left *x, struct sg_buf *b)
{
    const struct sg_study *s = all->study;
    int is_abandon = all->job->action == SG_BATCH_ABANDON;
    int64_t n = is_abandon ? x->n : x->n - x->n_live;
    if (x->out.n)
        sg_buf_printf(
            b,
            "%lld %s with the batch API in %lld %s (unsettled ones cost at most %.4f USD); hint: "
            "`synthgrid generate %s results=%s --collect` fetches what is answered, --wait until all is",
            (long long)x->out.n_requests, sg_plural(x->out.n_requests, "request is", "requests are"),
            (long long)x->out.n, sg_plural(x->out.n, "batch", "batches"), x->out.usd, s->path, s->results);
    else if (n)
        sg_buf_printf(b, "%lld %s missing%s%s; hint: `synthgrid generate %s results=%s%s` asks for %s",
                      (long long)n, sg_plural(n, "request is", "requests are"),
                      all->why[0] ? "; the first that failed: " : "", all->why, s->path, s->results,
                      is_abandon ? "" : " --batch", sg_plural(n, "it", "them"));
    if (x->n_live && !is_abandon)
        sg_buf_printf(b,
                      "%s%lld %s of %s, whose batch API (%s) is not spoken: `synthgrid generate %s "
                      "results=%s`%s asks for %s one at a time",
                      b->len ? "; " : "", (long long)x->n_live,
                      sg_plural(x->n_live, "request is", "requests are"), x->live, x->provider, s->path,
                      s->results, b->len ? ", when the batches are over," : "",
                      sg_plural(x->n_live, "it", "them"));
}

static sg_status say_next(const struct sg_batches *all, struct sg_err *err)
{
    struct left x;
    SG_TRY(count_left(all, &x, err));
    if (!x.n)
        return SG_OK;
    struct sg_buf b = sg_buf_make(4096);
    say_batches(all, &x, &b);
    if (x.out.n_unsent)
        sg_buf_printf(&b, "; %lld of the batches did not get to the provider: --batch sends %s",
                      (long long)x.out.n_unsent, sg_plural(x.out.n_unsent, "it", "them"));
    if (all->n_too_dear)
        sg_buf_printf(&b, "; %lld more could pass the limit of %.4f USD: give a larger --max-usd",
                      (long long)all->n_too_dear, all->job->budget_usd);
    if (x.out.n_abandoned)
        sg_buf_printf(
            &b, "; %lld abandoned %s as spent at %s worst until --collect has fetched %s",
            (long long)x.out.n_abandoned, sg_plural(x.out.n_abandoned, "batch counts", "batches count"),
            sg_plural(x.out.n_abandoned, "its", "their"), sg_plural(x.out.n_abandoned, "it", "them"));
    sg_status status = sg_fail(err, SG_STOPPED, "%s", sg_buf_text(&b));
    sg_buf_free(&b);
    return status;
}

/* ---- all of it ---- */

static int can_ask_any(const struct sg_batches *all)
{
    for (int g = 0; g < all->study->n_generators; g++)
        if (can_ask(&all->endpoint[g]))
            return 1;
    return 0;
}

static sg_status act(struct sg_batches *all, struct sg_err *err)
{
    if (all->job->action == SG_BATCH_ABANDON)
        return for_each(all, abandon_one, NULL, err);
    if (all->job->action == SG_BATCH_COLLECT)
        return collect(all, err);
    for (;;) {
        int64_t n_before = all->n_new;
        SG_TRY(submit(all, err));
        if (!all->job->wait || !can_ask_any(all))
            return SG_OK;
        SG_TRY(collect(all, err));
        int64_t n_missing;
        SG_TRY(sg_requests_count(all->job->requests, &n_missing, NULL, err));
        /* A round without a single answer would be followed by more of its kind. */
        if (!n_missing || all->n_new == n_before || all->n_too_dear || sg_batch_is_stopping())
            return SG_OK;
    }
}

/* How the command ends when nothing broke. */
static sg_status end(const struct sg_batches *all, sg_status *outcome, struct sg_err *why, struct sg_err *err)
{
    /* What --abandon-batches could not reach was told before, and is abandoned all the same. */
    *outcome = all->job->action == SG_BATCH_ABANDON ? SG_OK : sg_batch_outcome(all, why);
    if (*outcome != SG_OK)
        return SG_OK;
    *outcome = say_next(all, why);
    return *outcome == SG_FAILED ? sg_fail(err, SG_FAILED, "%s", why->text) : SG_OK;
}

sg_status sg_batch_run(const struct sg_batch_job *job, sg_status *outcome, struct sg_err *why,
                       struct sg_err *err)
{
    struct sg_batches all;
    sg_status status = sg_batches_open(&all, job, err);
    if (status == SG_OK)
        status = act(&all, err);
    if (status == SG_OK)
        status = end(&all, outcome, why, err);
    else if (status == SG_STOPPED) { /* as asked */
        *outcome = sg_fail(why, SG_STOPPED, "%.700s; hint: run the same command again, it goes on from there",
                           err->text);
        status = SG_OK;
    }
    sg_batches_close(&all);
    return status;
}
