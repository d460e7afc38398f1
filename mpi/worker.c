#include "mpi/worker.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* What one rank can fail at alone. */
static sg_status open_local(struct sg_worker *w, struct sg_err *err)
{
    int *bound = NULL, flag = 0;
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &bound, &flag);
    w->tag_bound = flag && *bound > 0 ? *bound : 32767; /* the least that MPI promises */
    for (int s = 0; s < SG_N_SLOTS; s++)
        if ((w->wake_fd[s] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
            return sg_fail(err, SG_FAILED, "cannot make a descriptor to wait at: %s", strerror(errno));
    return sg_comm_duplicate(MPI_COMM_SELF, &w->self, err);
}

sg_status sg_worker_open(struct sg_worker *w, const struct sg_team *world, const struct sg_kind *kinds,
                         struct sg_mailbox *mailbox, struct sg_err *err)
{
    *w =
        (struct sg_worker){.kinds = kinds, .mailbox = mailbox, .teams = MPI_COMM_NULL, .self = MPI_COMM_NULL};
    for (int s = 0; s < SG_N_SLOTS; s++)
        w->wake_fd[s] = -1;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->news, NULL);
    SG_TRY(sg_comm_duplicate(world->comm, &w->teams, err));
    return sg_agree(world, open_local(w, err), err);
}

void sg_worker_close(struct sg_worker *w)
{
    for (int s = 0; s < SG_N_SLOTS; s++) {
        sg_message_free_all(&w->work[s]);
        sg_message_free_all(&w->commands[s]);
        if (w->wake_fd[s] >= 0)
            close(w->wake_fd[s]);
    }
    sg_part_store_free(&w->parts);
    sg_free(w->left.state);
    if (w->self != MPI_COMM_NULL)
        MPI_Comm_free(&w->self);
    if (w->teams != MPI_COMM_NULL)
        MPI_Comm_free(&w->teams);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->news);
}

void sg_worker_begin(struct sg_worker *w)
{
    w->go = w->ended = 0;
    atomic_store(&w->stop_now, 0);
    atomic_store(&w->yield, -1);
    w->progress.item = -1;
}

void sg_worker_go(struct sg_worker *w)
{
    pthread_mutex_lock(&w->lock);
    w->go = 1;
    pthread_cond_broadcast(&w->news);
    pthread_mutex_unlock(&w->lock);
}

int sg_worker_wait_go(struct sg_worker *w)
{
    pthread_mutex_lock(&w->lock);
    while (!w->go && !w->ended)
        pthread_cond_wait(&w->news, &w->lock);
    int go = w->go;
    pthread_mutex_unlock(&w->lock);
    return go;
}

static int is_stopping(const struct sg_work *w)
{
    return atomic_load_explicit(&w->worker->stop_now, memory_order_relaxed);
}

static int is_yielding(const struct sg_work *w)
{
    return atomic_load_explicit(&w->worker->yield, memory_order_relaxed) == w->item;
}

void sg_worker_end(struct sg_worker *w, sg_status status, const char *text)
{
    pthread_mutex_lock(&w->lock);
    if (!w->ended) {
        w->ended = 1;
        w->end_status = status;
        snprintf(w->end_text, sizeof w->end_text, "%s", text);
    }
    pthread_cond_broadcast(&w->news);
    pthread_mutex_unlock(&w->lock);
}

/* Wakes work that waits at its descriptor; under the lock. */
static void notify(struct sg_worker *w, int slot)
{
    if (!w->is_notified[slot])
        w->is_notified[slot] = eventfd_write(w->wake_fd[slot], 1) == 0;
}

static void clear_notification(struct sg_worker *w, int slot)
{
    eventfd_t n;
    if (w->is_notified[slot])
        w->is_notified[slot] = eventfd_read(w->wake_fd[slot], &n) != 0;
}

int sg_work_fd(const struct sg_work *w)
{
    return w->worker->wake_fd[w->slot];
}

void sg_worker_stop_now(struct sg_worker *w)
{
    pthread_mutex_lock(&w->lock);
    atomic_store(&w->stop_now, 1);
    for (int s = 0; s < SG_N_SLOTS; s++)
        notify(w, s);
    pthread_mutex_unlock(&w->lock);
}

void sg_worker_message_take(struct sg_worker *w, struct sg_message *message)
{
    switch (message->head.type) {
    case SG_MESSAGE_WORK:
    case SG_MESSAGE_PART: /* in their order: no part changes under work that reads it */
        pthread_mutex_lock(&w->lock);
        sg_message_push(&w->work[message->head.slot], message);
        pthread_cond_broadcast(&w->news);
        pthread_mutex_unlock(&w->lock);
        return;
    case SG_MESSAGE_COMMAND:
        pthread_mutex_lock(&w->lock);
        sg_message_push(&w->commands[message->head.slot], message);
        notify(w, message->head.slot);
        pthread_mutex_unlock(&w->lock);
        return;
    case SG_MESSAGE_YIELD:
        atomic_store(&w->yield, message->head.item);
        break;
    case SG_MESSAGE_STOP_NOW:
        sg_worker_stop_now(w);
        break;
    case SG_MESSAGE_END:
        sg_worker_end(w, (sg_status)message->head.status, message->head.text);
        message->head = (struct sg_message_head){.type = SG_MESSAGE_FINISHED};
        sg_mailbox_send_take(w->mailbox, 0, message);
        return;
    default:
        break;
    }
    sg_message_free(message);
}

/* Waits on a condition variable, so an idle slot costs nothing. NULL: the run is over. */
static struct sg_message *next_work(struct sg_worker *w, enum sg_slot slot)
{
    pthread_mutex_lock(&w->lock);
    while (!w->work[slot].first && !w->ended)
        pthread_cond_wait(&w->news, &w->lock);
    struct sg_message *message = sg_message_pop(&w->work[slot]);
    pthread_mutex_unlock(&w->lock);
    return message;
}

/* Collective over the ranks that the body names. */
static sg_status make_team(const struct sg_worker *w, const struct sg_message *message, struct sg_team *team,
                           struct sg_err *err)
{
    MPI_Group all = MPI_GROUP_NULL, some = MPI_GROUP_NULL;
    sg_status status;
    *team = (struct sg_team){.comm = MPI_COMM_NULL};
    SG_TRY_DONE(sg_mpi_check(MPI_Comm_group(w->teams, &all), "MPI_Comm_group", err));
    SG_TRY_DONE(sg_mpi_check(
        MPI_Group_incl(all, message->head.n_ranks, (const int *)(const void *)message->body, &some),
        "MPI_Group_incl", err));
    int tag = (int)(message->head.item % ((int64_t)w->tag_bound + 1));
    SG_TRY_DONE(
        sg_mpi_check(MPI_Comm_create_group(w->teams, some, tag, &team->comm), "MPI_Comm_create_group", err));
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
static sg_status work_in_team(const struct sg_worker *worker, const struct sg_message *message,
                              struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    const struct sg_kind *kind = &worker->kinds[message->head.kind];
    struct sg_buf payload = sg_buf_make(SG_BODY_MAX), view = sg_buf_make(SG_BODY_MAX);
    sg_status status;
    if (w->team.size == 1) {
        w->payload = message->body;
        w->n_payload = (size_t)message->head.n_body;
        return kind->work(kind->context, w, result, err);
    }
    struct sg_buf *b = &payload;
    if (w->team.rank == 0) {
        size_t skip = ((size_t)message->head.n_ranks * sizeof(int) + 63) / 64 * 64;
        view.data = message->body + skip;
        view.len = (size_t)message->head.n_body - skip;
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

void sg_work_leave_take(const struct sg_work *w, void *state, size_t n)
{
    struct sg_worker *worker = w->worker;
    sg_free(worker->left.state);
    worker->left.item = w->item;
    worker->left.state = state;
    worker->left.n = n;
}

void *sg_work_state_take(const struct sg_work *w, size_t *n)
{
    struct sg_worker *worker = w->worker;
    void *state = worker->left.state;
    *n = worker->left.n;
    worker->left.state = NULL;
    return state;
}

void sg_work_progress(const struct sg_work *w, double done)
{
    struct sg_worker *worker = w->worker;
    struct sg_worker_progress *p = &worker->progress;
    pthread_mutex_lock(&worker->lock);
    p->done = done;
    p->done_s = sg_now_s();
    if (p->item != w->item) {
        p->item = w->item;
        p->first = done;
        p->first_s = p->done_s;
    }
    pthread_mutex_unlock(&worker->lock);
}

double sg_worker_left_s(struct sg_worker *w, int64_t *item, double *begun_s)
{
    pthread_mutex_lock(&w->lock);
    struct sg_worker_progress p = w->progress;
    pthread_mutex_unlock(&w->lock);
    *item = p.item;
    *begun_s = p.first_s;
    if (p.item < 0 || !(p.done > p.first) || !(p.done_s > p.first_s))
        return -1;
    return fmax(0, (1 - p.done) * (p.done_s - p.first_s) / (p.done - p.first) - (sg_now_s() - p.done_s));
}

/* What it finds of a team before is the item's own: the coordinator hands such an item out at once. */
static void begin_compute(struct sg_worker *w, int64_t item)
{
    if (w->left.item != item) {
        sg_free(w->left.state);
        w->left.state = NULL;
    }
}

/* Returns whether the work hands over. */
static int end_compute(struct sg_worker *w, int64_t item, sg_status status)
{
    int64_t own = item; /* the next item's wish may have come already */
    atomic_compare_exchange_strong(&w->yield, &own, -1);
    pthread_mutex_lock(&w->lock);
    w->progress.item = -1;
    pthread_mutex_unlock(&w->lock);
    if (status == SG_STOPPED && w->left.state)
        return 1;
    sg_free(w->left.state);
    w->left.state = NULL;
    return 0;
}

/* Turns the message that brought the work into the one that reports it, so that reporting needs no memory. */
static void report_take(struct sg_worker *w, struct sg_message *message, sg_status status,
                        struct sg_buf *result, double wall_s, struct sg_err *err)
{
    if (status == SG_OK)
        status = sg_buf_check(result, "result", err);
    sg_free(message->body);
    message->body = NULL;
    message->head.type = SG_MESSAGE_RESULT;
    message->head.status = (int)status;
    message->head.wall_s = wall_s;
    message->head.n_body = (int64_t)result->len;
    snprintf(message->head.text, sizeof message->head.text, "%s",
             status == SG_OK ? "" : (err->text[0] ? err->text : "the work gave no reason"));
    if (result->len)
        message->body = sg_buf_take(result);
    sg_mailbox_send_take(w->mailbox, 0, message);
}

static void do_work(struct sg_worker *w, enum sg_slot slot, struct sg_message *message)
{
    struct sg_err err = {0};
    struct sg_buf result = sg_buf_make(SG_BODY_MAX);
    struct sg_work work = {.item = message->head.item,
                           .slot = slot,
                           .stopping = is_stopping,
                           .yielding = is_yielding,
                           .worker = w};
    work.team =
        (struct sg_team){.comm = slot == SG_SLOT_COMPUTE ? w->self : MPI_COMM_NULL, .rank = 0, .size = 1};
    int leader = message->head.n_ranks == 1;
    double start_s = sg_now_s();
    sg_status status = SG_OK;
    int hands_over = 0;
    if (slot == SG_SLOT_COMPUTE)
        begin_compute(w, work.item);
    if (message->head.n_ranks > 1) {
        status = make_team(w, message, &work.team, &err);
        leader = status == SG_OK ? work.team.rank == 0 : message->head.how;
    } else if (message->head.n_body && !message->body) {
        status = sg_fail_memory(&err, (unsigned long long)message->head.n_body);
    }
    if (status == SG_OK)
        status = work_in_team(w, message, &work, &result, &err);
    if (message->head.n_ranks > 1 && work.team.comm != MPI_COMM_NULL)
        MPI_Comm_free(&work.team.comm);
    if (slot == SG_SLOT_COMPUTE)
        hands_over = end_compute(w, message->head.item, status);
    message->head.how = hands_over;
    if (leader)
        report_take(w, message, status, &result, sg_now_s() - start_s, &err);
    else
        sg_message_free(message);
    sg_buf_free(&result);
}

void sg_worker_loop(struct sg_worker *w, enum sg_slot slot)
{
    struct sg_message *message;
    while ((message = next_work(w, slot))) {
        if (message->head.type == SG_MESSAGE_PART)
            sg_part_store_message_take(&w->parts, message);
        else
            do_work(w, slot, message);
    }
}

const void *sg_work_part(const struct sg_work *w, int64_t number, size_t *n)
{
    return sg_part_store_get(&w->worker->parts, number, n);
}

sg_status sg_work_emit(const struct sg_work *w, const void *bytes, size_t n, struct sg_err *err)
{
    if (w->team.rank != 0)
        return sg_fail(err, SG_FAILED, "sg_work_emit: only the team's rank 0 may call it");
    if (n > SG_BODY_MAX)
        return sg_fail(err, SG_FAILED, "sg_work_emit: %zu bytes are over the ceiling of %zu bytes", n,
                       SG_BODY_MAX);
    struct sg_message *message = sg_message_new(SG_MESSAGE_EVENT, w->item);
    if (!message)
        return sg_fail_memory(err, sizeof *message);
    if (n) {
        message->body = sg_alloc(n, 1);
        if (!message->body) {
            sg_message_free(message);
            return sg_fail_memory(err, n);
        }
        memcpy(message->body, bytes, n);
        message->head.n_body = (int64_t)n;
    }
    sg_mailbox_send_take(w->worker->mailbox, 0, message);
    return SG_OK;
}

sg_status sg_work_take(const struct sg_work *w, struct sg_buf *out, int *found, struct sg_err *err)
{
    struct sg_worker *worker = w->worker;
    *found = 0;
    pthread_mutex_lock(&worker->lock);
    struct sg_message *message = sg_message_pop(&worker->commands[w->slot]);
    while (message && message->head.item != w->item) { /* for work that has ended meanwhile */
        sg_message_free(message);
        message = sg_message_pop(&worker->commands[w->slot]);
    }
    if (!message && !w->stopping(w))
        clear_notification(worker, w->slot);
    pthread_mutex_unlock(&worker->lock);
    if (!message)
        return SG_OK;
    sg_status status = SG_OK;
    if (message->head.n_body && !message->body) {
        status = sg_fail_memory(err, (unsigned long long)message->head.n_body);
    } else {
        sg_buf_clear(out);
        sg_buf_add(out, message->body, (size_t)message->head.n_body);
        status = sg_buf_check(out, "what the work was told", err);
    }
    *found = status == SG_OK;
    sg_message_free(message);
    return status;
}
