#include "experiments/buying/batch_impl.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/tell.h"
#include "base/text.h"
#include "experiments/buying/completion.h"
#include "results/ledger/ledger_attempts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct taking {
    struct sg_batch_endpoint *e;
    const struct sg_ledger_batch *b;
    struct sg_adapt sent;
    int64_t n_known, n_paid, n_strange, n_damaged;
    int has_answers; /* the provider says that it has answered some of the batch */
};

/* ---- one line ---- */

static void keep_reason(struct sg_batch_endpoint *e, const char *reason)
{
    if (!e->batches->why[0])
        snprintf(e->batches->why, sizeof e->batches->why, "%.399s", reason);
}

/* usd: what it has cost beside the completion's own cost; 0: nothing. */
static sg_status note_attempt(struct taking *t, const struct sg_request *q, const struct sg_attempt *attempt,
                              const struct sg_answer *a, enum sg_request_outcome outcome, double usd,
                              struct sg_err *err)
{
    char origin[300];
    int64_t unused;
    int answered = attempt->kind == SG_ATTEMPT_ANSWERED;
    snprintf(origin, sizeof origin, "batch %s", t->e->origin);
    struct sg_ledger_attempt x = {.key = q->key,
                                  .number = 1,
                                  .origin = origin,
                                  .worst_usd = usd,
                                  .settled = usd <= 0,
                                  .kind = sg_attempt_name(attempt->kind),
                                  .outcome = sg_request_outcome_name(outcome),
                                  .http_status = a->http_status,
                                  .reason = answered ? NULL : attempt->reason,
                                  .tokens_in = answered ? a->tokens_in : -1,
                                  .tokens_out = answered ? a->tokens_out : -1,
                                  .cost_usd = answered ? a->cost_usd : -1,
                                  .latency_s = -1,
                                  .request_id = a->request_id,
                                  .model = a->model};
    return sg_ledger_attempt_put(t->e->batches->job->ledger, &x, &unused, err);
}

/* An answer that was bought live in the meantime (its batch was abandoned) is paid for, too. */
static sg_status put(struct taking *t, const struct sg_request *q, const struct sg_attempt *attempt,
                     const struct sg_answer *a, struct sg_err *err)
{
    struct sg_ledger *l = t->e->batches->job->ledger;
    struct sg_ledger_completion there;
    enum sg_request_outcome outcome =
        attempt->kind == SG_ATTEMPT_ANSWERED ? SG_OUTCOME_ANSWERED : SG_OUTCOME_REFUSED;
    int found;
    SG_TRY(sg_ledger_completion_get(l, q->key, &found, &there, err));
    if (found && there.status == SG_OK)
        return note_attempt(t, q, attempt, a, outcome, a->cost_usd > 0 ? a->cost_usd : 0, err);
    SG_TRY(note_attempt(t, q, attempt, a, outcome, 0, err));
    char source[300];
    snprintf(source, sizeof source, "batch %s", t->e->origin);
    t->e->batches->n_new += outcome == SG_OUTCOME_ANSWERED;
    return sg_completion_put(l, q->canonical, a, source, 0, err);
}

static sg_status take_answer(struct taking *t, const struct sg_request *q, const struct sg_batch_line *line,
                             struct sg_answer *a, struct sg_err *err)
{
    struct sg_ledger *l = t->e->batches->job->ledger;
    struct sg_attempt attempt = sg_batch_classify(&t->e->generator, q, line, &t->sent, &t->e->adapt, a);
    if (attempt.kind == SG_ATTEMPT_ANSWERED) {
        t->n_paid++;
        SG_TRY(put(t, q, &attempt, a, err));
        return sg_ledger_batch_answered(l, t->b->part, q->key, err);
    }
    if (attempt.maybe_paid || attempt.cost_usd >= 0) { /* stays, to be counted as lost */
        t->n_damaged++;
        return SG_OK;
    }
    keep_reason(t->e, attempt.dead != SG_OK ? attempt.endpoint_reason : attempt.reason);
    /* Where none of a batch is answered, what is refused is not the requests' own failure (gen/llm/limiter.h). */
    int is_own = attempt.cause == SG_CAUSE_CONTENT || t->has_answers || t->n_paid;
    if (attempt.kind != SG_ATTEMPT_REFUSED || !is_own) {
        SG_TRY(note_attempt(t, q, &attempt, a, SG_OUTCOME_LEFT, 0, err));
        return sg_ledger_batch_unpaid(l, t->b->part, q->key, err);
    }
    sg_answer_fail(a, attempt.reason);
    SG_TRY(put(t, q, &attempt, a, err));
    return sg_ledger_batch_answered(l, t->b->part, q->key, err);
}

static sg_status take_line(void *context, const struct sg_batch_line *line, struct sg_err *err)
{
    struct taking *t = context;
    struct sg_request q = {0};
    SG_TRY(
        sg_ledger_batch_request(t->e->batches->job->ledger, t->b->part, line->custom_id, &q.canonical, err));
    if (!q.canonical) { /* nobody's, or it was answered by an earlier line */
        t->n_strange++;
        return SG_OK;
    }
    t->n_known++;
    snprintf(q.key, sizeof q.key, "%s", line->custom_id);
    struct sg_answer a = {0};
    sg_status status = take_answer(t, &q, line, &a, err);
    sg_answer_free(&a);
    sg_free(q.canonical);
    return status;
}

/* ---- a batch that is over ---- */

/* A file that has no name any more: whatever becomes of the program, it leaves nothing behind. */
static sg_status scratch(const struct sg_batch_endpoint *e, FILE **f, struct sg_err *err)
{
    char *path = sg_path_join(e->batches->study->results, "batch-answers.XXXXXX");
    int fd = path ? mkstemp(path) : -1;
    if (fd < 0) {
        sg_free(path);
        return sg_fail(err, SG_FAILED, "%s: no file can be made there: %s", e->batches->study->results,
                       strerror(errno));
    }
    unlink(path);
    sg_free(path);
    if (!(*f = fdopen(fd, "w+b"))) {
        close(fd);
        return sg_fail_memory(err, 4096);
    }
    return SG_OK;
}

static sg_status note_adapt(struct sg_batch_endpoint *e, struct sg_err *err)
{
    char names[80], meta[120];
    sg_adapt_text(&e->adapt, names);
    sg_generator_meta(&e->generator, "refused", meta);
    return names[0] ? sg_ledger_meta_set(e->batches->job->ledger, meta, names, err) : SG_OK;
}

/* How many answers were charged for that did not arrive here; -1: of all that nothing was said of. */
static int64_t n_lost(const struct taking *t, const struct sg_batch_info *now)
{
    if (strcmp(now->status, "failed") == 0)
        return 0; /* its file was refused: nothing was asked */
    if (now->n_completed < 0)
        return -1;
    return now->n_completed > t->n_paid ? now->n_completed - t->n_paid : 0;
}

/* Another's file, or a page that something on the way has put in its place: nothing is settled by it, as the answers may still be there. What
 * was given up on is settled all the same. */
static sg_status check_output(const struct taking *t, const struct sg_batch_info *now, struct sg_err *err)
{
    if (t->n_known || now->n_completed == 0 || t->b->state == SG_BATCH_ABANDONED)
        return SG_OK;
    return sg_fail(err, SG_INPUT,
                   "batch %s: its output file %s answers none of its %lld %s (%lld %s of other "
                   "requests, %lld %s damaged), so nothing of it is taken; hint: is a proxy between here and "
                   "the provider? Run --collect again; --abandon-batches gives it up, and counts it as spent",
                   t->b->id, now->output_file, (long long)t->b->n, sg_plural(t->b->n, "request", "requests"),
                   (long long)t->n_strange, sg_plural(t->n_strange, "line is", "lines are"),
                   (long long)t->n_damaged, sg_plural(t->n_damaged, "is", "are"));
}

static sg_status take_files(struct taking *t, const struct sg_batch_info *now, FILE *const f[2],
                            struct sg_err *err)
{
    struct sg_batch_endpoint *e = t->e;
    struct sg_ledger *l = e->batches->job->ledger;
    for (int i = 0; i < 2; i++)
        if (f[i]) {
            SG_TRY(sg_batch_read(f[i], take_line, t, &t->n_damaged, err));
            SG_TRY(i == 0 ? check_output(t, now, err) : SG_OK);
        }
    SG_TRY(note_adapt(e, err));
    SG_TRY(sg_ledger_batch_settle(l, t->b->part, n_lost(t, now), err));
    SG_TRY(sg_ledger_commit(l, err));
    if (t->n_strange || t->n_damaged)
        sg_tell_warning("batch %s: %lld %s repeated or never asked for, %lld damaged", t->b->id,
                        (long long)t->n_strange, sg_plural(t->n_strange, "line was", "lines were"),
                        (long long)t->n_damaged);
    return SG_OK;
}

/* Both files are here before anything is put: a connection that breaks leaves the ledger as it was. */
static sg_status fetch_and_take(struct sg_batch_endpoint *e, const struct sg_ledger_batch *b,
                                const struct sg_batch_info *now, struct sg_err *err)
{
    struct taking t = {
        .e = e, .b = b, .has_answers = now->n_completed > 0, .sent = {.refused = (unsigned)b->refused}};
    const char *const id[] = {now->output_file, now->error_file};
    FILE *f[2] = {NULL, NULL};
    sg_status status = SG_OK;
    for (int i = 0; status == SG_OK && i < 2; i++)
        if (id[i][0]) {
            status = scratch(e, &f[i], err);
            if (status == SG_OK)
                status = sg_batch_api_fetch(&e->api, id[i], f[i], err);
        }
    if (status == SG_OK)
        status = take_files(&t, now, f, err);
    for (int i = 0; i < 2; i++)
        if (f[i])
            fclose(f[i]);
    return status;
}

static void show_status(const struct sg_batch_endpoint *e, const struct sg_ledger_batch *b,
                        const struct sg_batch_info *now)
{
    if (e->batches->job->quiet || strcmp(b->status, now->status) == 0)
        return;
    char answered[64] = "";
    if (now->n_completed >= 0)
        snprintf(answered, sizeof answered, ", %lld of %lld answered", (long long)now->n_completed,
                 (long long)b->n);
    sg_tell("batch %lld (%s): %s%s%s%s", (long long)b->part, b->id, now->status, answered,
            now->why[0] ? ": " : "", now->why);
}

sg_status sg_batch_collect(struct sg_batch_endpoint *e, struct sg_ledger_batch *b, int *is_over,
                           struct sg_err *err)
{
    struct sg_batch_info now;
    struct sg_err ignored;
    *is_over = 0;
    SG_TRY(sg_batch_api_get(&e->api, b->id, &now, err));
    show_status(e, b, &now);
    snprintf(b->status, sizeof b->status, "%s", now.status);
    SG_TRY(sg_ledger_batch_set(e->batches->job->ledger, b, err));
    SG_TRY(sg_ledger_commit(e->batches->job->ledger, err));
    if (!sg_batch_info_is_over(&now))
        return SG_OK;
    if (strcmp(now.status, "failed") == 0)
        keep_reason(e, now.why[0] ? now.why : "the batch failed");
    SG_TRY(fetch_and_take(e, b, &now, err));
    *is_over = 1;
    b->state = SG_BATCH_SETTLED;
    if (b->input_file[0]) /* of no more use; what it costs to keep it is the provider's */
        (void)!sg_batch_api_delete_file(&e->api, b->input_file, &ignored);
    return SG_OK;
}
