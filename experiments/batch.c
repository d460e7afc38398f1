#include "experiments/batch_impl.h"

#include "base/file.h"
#include "base/mem.h"
#include "mpi/engine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static int is_stopping(void)
{
    return sg_engine_stop_requested() != 0;
}

void sg_batch_pause(const struct sg_batch_desk *d, double seconds)
{
    for (double end = sg_now_s() + seconds; sg_now_s() < end && !d->api.stopping();)
        sg_sleep_us(20000);
}

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

sg_status sg_batch_check(const struct sg_study *s, struct sg_err *err)
{
    if (s->n_generators > 1)
        return sg_fail(
            err, SG_INPUT,
            "--batch: %s has several generators, which are not bought in batches; hint: `synthgrid "
            "generate %s` buys one request at a time",
            s->path, s->path);
    return strcmp(s->generator->provider, "openai") == 0
               ? SG_OK
               : sg_fail(err, SG_INPUT,
                         "--batch: the batch API of generator.provider %s is not spoken, only OpenAI's; "
                         "hint: `synthgrid "
                         "generate %s` buys one request at a time",
                         s->generator->provider, s->path);
}

sg_status sg_batch_refuse(struct sg_ledger *l, const struct sg_study *s, struct sg_err *err)
{
    struct sg_batches_out out;
    SG_TRY(sg_batch_count(l, &out, err));
    if (!out.n)
        return SG_OK;
    return sg_fail(
        err, SG_STOPPED,
        "%lld requests are out in %lld batches, and would be bought twice; hint: `synthgrid generate %s "
        "results=%s "
        "--collect` fetches their answers (--wait waits for them), --abandon-batches gives them up",
        (long long)out.n_requests, (long long)out.n, s->path, s->results);
}

/* ---- the desk ---- */

/* The results folder's own name at the provider, made once. */
static sg_status read_run_key(struct sg_batch_desk *d, struct sg_err *err)
{
    struct sg_ledger *l = d->job->ledger;
    SG_TRY(sg_ledger_meta_get(l, "batch_run_key", &d->run_key, err));
    if (d->run_key && strlen(d->run_key) == SG_HEX - 1 &&
        strspn(d->run_key, "0123456789abcdef") == SG_HEX - 1)
        return SG_OK;
    unsigned char bits[32];
    char key[SG_HEX];
    if (getrandom(bits, sizeof bits, 0) != (ssize_t)sizeof bits)
        return sg_fail(err, SG_FAILED, "no random bits for the name of a batch: %s", strerror(errno));
    sg_sha256_hex(bits, sizeof bits, key);
    sg_free(d->run_key);
    if (!(d->run_key = sg_strdup(key)))
        return sg_fail_memory(err, SG_HEX);
    SG_TRY(sg_ledger_meta_set(l, "batch_run_key", key, err));
    return sg_ledger_commit(l, err);
}

static sg_status open_desk(struct sg_batch_desk *d, struct sg_http **http, struct sg_err *err)
{
    if (!d->job->endpoint)
        return SG_OK;
    const struct sg_endpoint *e = d->job->endpoint;
    double share = 1 - d->study->generator->batch_discount;
    char *refused = NULL, meta[120];
    d->generator = *d->study->generator;
    sg_generator_meta(&d->generator, "refused", meta);
    d->generator.base_url = e->base_url;
    if (sg_generator_has_prices(&d->generator)) {
        d->generator.usd_per_1m_input *= share;
        d->generator.usd_per_1m_output *= share;
        d->generator.usd_per_1m_cached_input = -1; /* whether both discounts add up is not known */
    }
    SG_TRY(sg_http_create(&d->generator, e->api_key, http, err));
    d->api = (struct sg_batch_api){.http = *http,
                                   .api_key_env = d->generator.api_key_env,
                                   .retries = d->generator.retries,
                                   .stopping = is_stopping};
    SG_TRY(sg_ledger_meta_get(d->job->ledger, meta, &refused, err));
    sg_adapt_read(&d->adapt, refused ? refused : "");
    sg_free(refused);
    return read_run_key(d, err);
}

typedef sg_status (*each_batch)(struct sg_batch_desk *d, struct sg_ledger_batch *b, void *context,
                                struct sg_err *err);

/* All that are not settled. */
static sg_status for_each(struct sg_batch_desk *d, each_batch each, void *context, struct sg_err *err)
{
    struct sg_ledger_batch *list;
    int64_t n;
    SG_TRY(sg_ledger_batches(d->job->ledger, &list, &n, err));
    sg_status status = SG_OK;
    for (int64_t i = 0; status == SG_OK && i < n; i++)
        status = each(d, &list[i], context, err);
    sg_free(list);
    return status;
}

/* ---- send ---- */

/* context: how the last batch of an earlier process is numbered. */
static sg_status send_one(struct sg_batch_desk *d, struct sg_ledger_batch *b, void *context,
                          struct sg_err *err)
{
    if (b->state >= SG_BATCH_OPEN)
        return SG_OK;
    SG_TRY(sg_batch_send(d, b, b->part > *(const int64_t *)context, err));
    if (!d->job->quiet)
        fprintf(stderr, "batch %lld (%s): %lld requests\n", (long long)b->part, b->id, (long long)b->n);
    return SG_OK;
}

static sg_status note_last(struct sg_batch_desk *d, struct sg_ledger_batch *b, void *context,
                           struct sg_err *err)
{
    (void)d, (void)err;
    *(int64_t *)context = b->part;
    return SG_OK;
}

/* What the provider has refused it does not have: that does not count as spent, nor keep anybody from buying live. */
static sg_status drop_one(struct sg_batch_desk *d, struct sg_ledger_batch *b, void *context,
                          struct sg_err *err)
{
    struct sg_err ignored;
    int is_there = b->state >= SG_BATCH_OPEN || (b->state == SG_BATCH_UPLOADED && d->is_unclear);
    if (is_there || b->part <= *(const int64_t *)context)
        return SG_OK;
    if (b->input_file[0])
        (void)!sg_batch_api_delete_file(&d->api, b->input_file, &ignored);
    SG_TRY(sg_ledger_batch_settle(d->job->ledger, b->part, 0, err));
    return sg_ledger_commit(d->job->ledger, err);
}

static sg_status submit(struct sg_batch_desk *d, struct sg_err *err)
{
    int64_t last = 0;
    struct sg_err second;
    SG_TRY(for_each(d, note_last, &last, err));
    SG_TRY(sg_batch_plan(d, err));
    sg_status status = for_each(d, send_one, &last, err);
    if (status == SG_INPUT && for_each(d, drop_one, &last, &second) != SG_OK)
        return sg_fail(err, SG_FAILED, "%s", second.text);
    return status;
}

/* ---- collect ---- */

struct round {
    int64_t n_left; /* that are not over, but for abandoned ones */
};

static sg_status collect_one(struct sg_batch_desk *d, struct sg_ledger_batch *b, void *context,
                             struct sg_err *err)
{
    struct round *r = context;
    int is_over = 0, is_there = b->id[0] != 0;
    if (!is_there)
        SG_TRY(sg_batch_adopt(d, b, &is_there, err));
    if (is_there)
        SG_TRY(sg_batch_collect(d, b, &is_over, err));
    r->n_left += is_there && !is_over && b->state != SG_BATCH_ABANDONED;
    return SG_OK;
}

/* --wait outlasts a network that is away. */
static sg_status collect(struct sg_batch_desk *d, struct sg_err *err)
{
    for (double pause_s = 0.5;; pause_s = pause_s < 40 ? 1.5 * pause_s : 60) {
        struct round r = {0};
        sg_status status = for_each(d, collect_one, &r, err);
        int again = d->job->wait && !is_stopping();
        if (status != SG_OK && (status != SG_STOPPED || !again))
            return status;
        if (status == SG_OK && (!r.n_left || !again))
            return SG_OK;
        if (status != SG_OK)
            fprintf(stderr, "synthgrid: warning: %s; tried again in %.0f s\n", err->text, pause_s);
        sg_batch_pause(d, pause_s);
    }
}

/* ---- abandon ---- */

/* The provider's part of it; *is_over: there is nothing left to be abandoned. */
static sg_status cancel(struct sg_batch_desk *d, struct sg_ledger_batch *b, int *is_over, struct sg_err *err)
{
    int is_there = b->id[0] != 0;
    struct sg_batch_info now;
    if (!is_there)
        SG_TRY(sg_batch_adopt(d, b, &is_there, err));
    if (!is_there) { /* never got there: costs nothing */
        *is_over = 1;
        SG_TRY(sg_ledger_batch_settle(d->job->ledger, b->part, 0, err));
        return sg_ledger_commit(d->job->ledger, err);
    }
    SG_TRY(sg_batch_collect(d, b, is_over, err));
    if (*is_over || strcmp(b->status, "cancelling") == 0)
        return SG_OK;
    return sg_batch_api_cancel(&d->api, b->id, &now, err);
}

static sg_status abandon_one(struct sg_batch_desk *d, struct sg_ledger_batch *b, void *context,
                             struct sg_err *err)
{
    int is_over = 0;
    struct sg_err why = {0};
    (void)context;
    if (b->state == SG_BATCH_ABANDONED)
        return SG_OK;
    sg_status status = d->job->endpoint ? cancel(d, b, &is_over, &why) : SG_OK;
    if (status == SG_FAILED)
        return sg_fail(err, status, "%s", why.text);
    if (is_over)
        return SG_OK;
    if (status != SG_OK)
        fprintf(stderr, "synthgrid: warning: batch %lld could not be cancelled: %s\n", (long long)b->part,
                why.text);
    b->state = SG_BATCH_ABANDONED;
    SG_TRY(sg_ledger_batch_set(d->job->ledger, b, err));
    return sg_ledger_commit(d->job->ledger, err);
}

/* ---- what is to be run next ---- */

static sg_status say_next(struct sg_batch_desk *d, struct sg_err *err)
{
    const struct sg_study *s = d->study;
    struct sg_batches_out out;
    int64_t n_missing;
    SG_TRY(sg_asking_count(d->job->asking, &n_missing, NULL, err));
    SG_TRY(sg_batch_count(d->job->ledger, &out, err));
    if (!n_missing)
        return SG_OK;
    struct sg_buf b = sg_buf_make(4096);
    const char *command = d->job->action == SG_BATCH_ABANDON ? "" : " --batch";
    if (out.n)
        sg_buf_printf(
            &b,
            "%lld requests are with the batch API in %lld batches (unsettled ones cost at most %.4f USD); "
            "hint: "
            "`synthgrid generate %s results=%s --collect` fetches what is answered, --wait until all is",
            (long long)out.n_requests, (long long)out.n, out.usd, s->path, s->results);
    else
        sg_buf_printf(
            &b, "%lld requests are missing%s%s; hint: `synthgrid generate %s results=%s%s` asks for them",
            (long long)n_missing, d->why[0] ? "; the first that failed: " : "", d->why, s->path, s->results,
            command);
    if (out.n_unsent)
        sg_buf_printf(&b, "; %lld of the batches did not get to the provider: --batch sends them",
                      (long long)out.n_unsent);
    if (d->n_too_dear)
        sg_buf_printf(&b, "; %lld more could pass the limit of %.4f USD: give a larger --max-usd",
                      (long long)d->n_too_dear, d->job->budget_usd);
    if (out.n_abandoned)
        sg_buf_printf(
            &b, "; %lld abandoned batches count as spent at their worst until --collect has fetched them",
            (long long)out.n_abandoned);
    sg_status status = sg_fail(err, SG_STOPPED, "%s", sg_buf_text(&b));
    sg_buf_free(&b);
    return status;
}

/* ---- all of it ---- */

static sg_status act(struct sg_batch_desk *d, struct sg_err *err)
{
    if (d->job->action == SG_BATCH_ABANDON)
        return for_each(d, abandon_one, NULL, err);
    if (d->job->action == SG_BATCH_COLLECT)
        return collect(d, err);
    for (;;) {
        int64_t n_before = d->n_new;
        SG_TRY(submit(d, err));
        if (!d->job->wait)
            return SG_OK;
        SG_TRY(collect(d, err));
        int64_t n_missing;
        SG_TRY(sg_asking_count(d->job->asking, &n_missing, NULL, err));
        /* A round without a single answer would be followed by more of its kind. */
        if (!n_missing || d->n_new == n_before || d->n_too_dear || is_stopping())
            return SG_OK;
    }
}

sg_status sg_batch_run(const struct sg_batch_job *job, struct sg_err *err)
{
    struct sg_batch_desk d = {.job = job, .study = job->p->study};
    struct sg_http *http = NULL;
    struct sg_err why = {0};
    sg_status status = open_desk(&d, &http, &why);
    if (status == SG_OK)
        status = act(&d, &why);
    if (status == SG_OK)
        status = say_next(&d, err);
    else if (status == SG_STOPPED)
        status = sg_fail(err, SG_STOPPED, "%.700s; hint: run the same command again, it goes on from there",
                         why.text);
    else
        *err = why;
    sg_http_destroy(http);
    sg_free(d.run_key);
    return status;
}
