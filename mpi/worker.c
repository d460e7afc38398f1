/* The two slots of a rank: take work, form its team, do it, report. */
#include "mpi/engine_impl.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

static int stopping(const struct sg_work *w)
{
    return atomic_load_explicit(&w->engine->quick, memory_order_relaxed);
}

void sg_worker_end(struct sg_engine *e, sg_status status, const char *text)
{
    pthread_mutex_lock(&e->lock);
    if (!e->ended) {
        e->ended = 1;
        e->end_status = status;
        snprintf(e->end_text, sizeof e->end_text, "%s", text);
    }
    pthread_cond_broadcast(&e->news);
    pthread_mutex_unlock(&e->lock);
}

/* Wakes work that waits at its descriptor; under the lock. */
static void ring(struct sg_engine *e, int slot)
{
    if (!e->is_rung[slot])
        e->is_rung[slot] = eventfd_write(e->bell[slot], 1) == 0;
}

static void silence(struct sg_engine *e, int slot)
{
    eventfd_t n;
    if (e->is_rung[slot])
        e->is_rung[slot] = eventfd_read(e->bell[slot], &n) != 0;
}

int sg_work_fd(const struct sg_work *w)
{
    return w->engine->bell[w->slot];
}

void sg_worker_hurry(struct sg_engine *e)
{
    pthread_mutex_lock(&e->lock);
    atomic_store(&e->quick, 1);
    for (int s = 0; s < SG_N_SLOTS; s++)
        ring(e, s);
    pthread_mutex_unlock(&e->lock);
}

void sg_worker_mail_take(struct sg_engine *e, struct sg_mail *mail)
{
    switch (mail->head.type) {
    case SG_MAIL_WORK:
        pthread_mutex_lock(&e->lock);
        sg_mail_push(&e->work[mail->head.slot], mail);
        pthread_cond_broadcast(&e->news);
        pthread_mutex_unlock(&e->lock);
        return;
    case SG_MAIL_TELL:
        pthread_mutex_lock(&e->lock);
        sg_mail_push(&e->told[mail->head.slot], mail);
        ring(e, mail->head.slot);
        pthread_mutex_unlock(&e->lock);
        return;
    case SG_MAIL_QUICK:
        sg_worker_hurry(e);
        break;
    case SG_MAIL_END:
        sg_worker_end(e, (sg_status)mail->head.status, mail->head.text);
        mail->head = (struct sg_mail_head){.type = SG_MAIL_BYE};
        sg_post_send_take(&e->post, 0, mail);
        return;
    default:
        break;
    }
    sg_mail_free(mail);
}

/* Waits on a condition variable, so an idle slot costs nothing. NULL: the run is over. */
static struct sg_mail *next_work(struct sg_engine *e, enum sg_slot slot)
{
    pthread_mutex_lock(&e->lock);
    while (!e->work[slot].first && !e->ended)
        pthread_cond_wait(&e->news, &e->lock);
    struct sg_mail *mail = sg_mail_pop(&e->work[slot]);
    pthread_mutex_unlock(&e->lock);
    return mail;
}

/* Collective over the ranks that the body names. */
static sg_status make_team(const struct sg_engine *e, const struct sg_mail *mail, struct sg_team *team,
                           struct sg_err *err)
{
    MPI_Group all = MPI_GROUP_NULL, some = MPI_GROUP_NULL;
    sg_status status;
    *team = (struct sg_team){.comm = MPI_COMM_NULL};
    SG_TRY_DONE(sg_mpi_check(MPI_Comm_group(e->teams, &all), "MPI_Comm_group", err));
    SG_TRY_DONE(
        sg_mpi_check(MPI_Group_incl(all, mail->head.n_ranks, (const int *)(const void *)mail->body, &some),
                     "MPI_Group_incl", err));
    int tag = (int)(mail->head.item % ((int64_t)e->tag_bound + 1));
    SG_TRY_DONE(
        sg_mpi_check(MPI_Comm_create_group(e->teams, some, tag, &team->comm), "MPI_Comm_create_group", err));
    MPI_Comm_rank(team->comm, &team->rank);
    MPI_Comm_size(team->comm, &team->size);
done:
    if (some != MPI_GROUP_NULL)
        MPI_Group_free(&some);
    if (all != MPI_GROUP_NULL)
        MPI_Group_free(&all);
    return status;
}

/* Runs the kind's work on a team that stands. The payload of a team of several comes
 * from its first rank, so that the coordinator sends it once. */
static sg_status work_in_team(struct sg_engine *e, const struct sg_mail *mail, struct sg_work *w,
                              struct sg_buf *result, struct sg_err *err)
{
    const struct sg_kind *kind = &e->kinds[mail->head.kind];
    struct sg_buf payload = sg_buf_make(SG_BODY_MAX), view = sg_buf_make(SG_BODY_MAX);
    sg_status status;
    if (w->team.size == 1) {
        w->payload = mail->body;
        w->n_payload = (size_t)mail->head.n_body;
        return kind->work(kind->context, w, result, err);
    }
    struct sg_buf *b = &payload;
    if (w->team.rank == 0) {
        size_t skip = ((size_t)mail->head.n_ranks * sizeof(int) + 63) / 64 * 64;
        view.data = mail->body + skip;
        view.len = (size_t)mail->head.n_body - skip;
        b = &view;
    }
    SG_TRY_DONE(sg_bcast_buf(&w->team, 0, b, err));
    w->payload = b->data;
    w->n_payload = b->len;
    status = kind->work(kind->context, w, result, err);
done:
    sg_buf_free(&payload);
    return status;
}

/* Turns the mail that brought the work into the one that reports it, so that reporting needs no memory. */
static void report_take(struct sg_engine *e, struct sg_mail *mail, sg_status status, struct sg_buf *result,
                        double wall_s, struct sg_err *err)
{
    if (status == SG_OK)
        status = sg_buf_check(result, "result", err);
    sg_free(mail->body);
    mail->body = NULL;
    mail->head.type = SG_MAIL_RESULT;
    mail->head.status = (int)status;
    mail->head.wall_s = wall_s;
    mail->head.n_body = (int64_t)result->len;
    snprintf(mail->head.text, sizeof mail->head.text, "%s",
             status == SG_OK ? "" : (err->text[0] ? err->text : "the work gave no reason"));
    if (result->len)
        mail->body = sg_buf_take(result);
    sg_post_send_take(&e->post, 0, mail);
}

static void do_work(struct sg_engine *e, enum sg_slot slot, struct sg_mail *mail)
{
    struct sg_err err = {0};
    struct sg_buf result = sg_buf_make(SG_BODY_MAX);
    struct sg_work w = {.item = mail->head.item, .slot = slot, .stopping = stopping, .engine = e};
    w.team =
        (struct sg_team){.comm = slot == SG_SLOT_COMPUTE ? e->self : MPI_COMM_NULL, .rank = 0, .size = 1};
    int leader = mail->head.n_ranks == 1;
    double start_s = sg_engine_clock();
    sg_status status = SG_OK;
    if (mail->head.n_ranks > 1) {
        status = make_team(e, mail, &w.team, &err);
        leader = status == SG_OK ? w.team.rank == 0 : mail->head.how;
    } else if (mail->head.n_body && !mail->body) {
        status = sg_fail_memory(&err, (unsigned long long)mail->head.n_body);
    }
    if (status == SG_OK)
        status = work_in_team(e, mail, &w, &result, &err);
    if (mail->head.n_ranks > 1 && w.team.comm != MPI_COMM_NULL)
        MPI_Comm_free(&w.team.comm);
    if (leader)
        report_take(e, mail, status, &result, sg_engine_clock() - start_s, &err);
    else
        sg_mail_free(mail);
    sg_buf_free(&result);
}

void sg_worker_loop(struct sg_engine *e, enum sg_slot slot)
{
    struct sg_mail *mail;
    while ((mail = next_work(e, slot)))
        do_work(e, slot, mail);
}

sg_status sg_work_emit(const struct sg_work *w, const void *bytes, size_t n, struct sg_err *err)
{
    if (w->team.rank != 0)
        return sg_fail(err, SG_FAILED, "sg_work_emit: only the team's rank 0 may call it");
    if (n > SG_BODY_MAX)
        return sg_fail(err, SG_FAILED, "sg_work_emit: %zu bytes are over the ceiling of %zu bytes", n,
                       SG_BODY_MAX);
    struct sg_mail *mail = sg_mail_new(SG_MAIL_EVENT, w->item);
    if (!mail)
        return sg_fail_memory(err, sizeof *mail);
    if (n) {
        mail->body = sg_alloc(n, 1);
        if (!mail->body) {
            sg_mail_free(mail);
            return sg_fail_memory(err, n);
        }
        memcpy(mail->body, bytes, n);
        mail->head.n_body = (int64_t)n;
    }
    sg_post_send_take(&w->engine->post, 0, mail);
    return SG_OK;
}

sg_status sg_work_take(const struct sg_work *w, struct sg_buf *out, int *found, struct sg_err *err)
{
    struct sg_engine *e = w->engine;
    *found = 0;
    pthread_mutex_lock(&e->lock);
    struct sg_mail *mail = sg_mail_pop(&e->told[w->slot]);
    while (mail && mail->head.item != w->item) { /* for work that has ended meanwhile */
        sg_mail_free(mail);
        mail = sg_mail_pop(&e->told[w->slot]);
    }
    if (!mail && !w->stopping(w))
        silence(e, w->slot);
    pthread_mutex_unlock(&e->lock);
    if (!mail)
        return SG_OK;
    sg_status status = SG_OK;
    if (mail->head.n_body && !mail->body) {
        status = sg_fail_memory(err, (unsigned long long)mail->head.n_body);
    } else {
        sg_buf_clear(out);
        sg_buf_add(out, mail->body, (size_t)mail->head.n_body);
        status = sg_buf_check(out, "what the work was told", err);
    }
    *found = status == SG_OK;
    sg_mail_free(mail);
    return status;
}
