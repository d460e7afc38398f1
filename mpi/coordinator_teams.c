#include "mpi/coordinator_impl.h"

#include "base/file.h"

#include <math.h>

static const double LOOK_S = 0.2; /* between two looks at whether a team should change */

static double team_speed(int n_ranks)
{
    double speed = 1;
    for (int n = 1; n < n_ranks; n *= 2)
        speed *= SG_POLICY_TEAM_GAIN;
    return speed;
}

/* What a running item will take as its team is now; < 0: not known. What does not say is taken at its estimate, once it has been seen
 * what estimates of its kind are worth. */
static double left_s(const struct sg_coordinator *c, int64_t id, double now_s)
{
    const struct sg_item_record *r = &c->items.record[id];
    if (r->left_at_s > 0)
        return fmax(0, r->left_s - (now_s - r->left_at_s));
    if (!c->items.speed[r->item.kind].n || r->n_teams > 1)
        return -1;
    return fmax(0, sg_items_cost(&c->items, id) / team_speed(r->n_ranks) - (now_s - r->start_s));
}

static int list_running(struct sg_coordinator *c, double now_s)
{
    int n = 0;
    for (int rank = 0; rank < c->s.n_ranks; rank++) {
        int64_t id = c->holds[SG_SLOT_COMPUTE][rank];
        if (id < 0 || c->items.record[id].rank != rank)
            continue;
        const struct sg_item_record *r = &c->items.record[id];
        int may = c->s.kinds[r->item.kind].yields && !r->stays && !r->wanted_ranks && !r->broken;
        c->running_id[n] = id;
        c->running[n++] =
            (struct sg_policy_running){.left_s = may ? left_s(c, id, now_s) : -1,
                                       .since_s = r->n_teams > 1 ? now_s - r->start_s : HUGE_VAL,
                                       .n_ranks = r->n_ranks,
                                       .max_ranks = r->item.max_ranks,
                                       .base_ranks = r->base_ranks};
    }
    return n;
}

void sg_coordinator_look_at_teams(struct sg_coordinator *c)
{
    double now_s = sg_now_s();
    int n_free = c->n_free[SG_SLOT_COMPUTE];
    int64_t n_ready = c->items.ready[SG_SLOT_COMPUTE].n;
    if (c->level || c->s.n_ranks < 2 || now_s < c->next_look_s || n_free == c->s.n_ranks ||
        (n_free == 0 && n_ready == 0))
        return;
    c->next_look_s = now_s + LOOK_S;
    int n = list_running(c, now_s);
    if (!sg_policy_change(c->running, n, n_free, n_ready, sg_engine_change_s, c->order))
        return;
    for (int i = 0; i < n; i++) {
        struct sg_item_record *r = &c->items.record[c->running_id[i]];
        if (c->running[i].want == r->n_ranks)
            continue;
        struct sg_message *message = sg_message_new(SG_MESSAGE_YIELD, c->running_id[i]);
        if (!message)
            return; /* at the next look */
        r->wanted_ranks = c->running[i].want;
        sg_mailbox_send_take(c->s.mailbox, r->rank, message);
    }
}

/* The ranks of an item's next team: the one that has its state, then those nearest to it. All of them are in free_ranks. */
static int choose_team(struct sg_coordinator *c, int first, int wanted)
{
    int n_free = sg_coordinator_list_free(c, SG_SLOT_COMPUTE), n = 1,
        most = sg_pow2_floor(n_free < wanted ? n_free : wanted);
    c->order[0] = first;
    for (int near = 1; near >= 0; near--)
        for (int i = 0; i < n_free && n < most; i++) {
            int rank = c->free_ranks[i];
            if (rank != first && (c->nodes.of[rank] == c->nodes.of[first]) == near)
                c->order[n++] = rank;
        }
    return n;
}

void sg_coordinator_hand_over(struct sg_coordinator *c, int64_t id, double wall_s)
{
    struct sg_item_record *r = &c->items.record[id];
    int wanted = c->level >= STOP_NOW           ? 1
                 : c->level || !r->wanted_ranks ? r->base_ranks
                                                : r->wanted_ranks,
        first = r->rank;
    double now_s = sg_now_s(), left_of_one_s = left_s(c, id, now_s) * team_speed(r->n_ranks);
    struct sg_err err = {0};
    if (c->items.ready[SG_SLOT_COMPUTE].n && wanted > r->base_ranks)
        wanted = r->base_ranks;
    sg_items_leave(&c->items, id, wall_s, now_s);
    int n = choose_team(c, first, wanted);
    sg_status status = sg_coordinator_start(c, id, c->order, n, &err);
    sg_coordinator_note(c, status, &err, "prepare");
    if (status != SG_OK) {
        sg_items_unstart(&c->items, id, sg_now_s());
        return;
    }
    r = &c->items.record[id]; /* prepare may have added items */
    c->n_changes++;
    if (left_of_one_s >= 0) { /* until it says so itself */
        r->left_s = left_of_one_s / team_speed(n) + sg_engine_change_s;
        r->left_at_s = now_s;
    }
}

void sg_coordinator_take_progress(struct sg_coordinator *c, const struct sg_message *message)
{
    int64_t id = message->head.item;
    if (id < 0 || id >= c->items.n)
        return;
    struct sg_item_record *r = &c->items.record[id];
    if (r->state != SG_ITEM_RUNNING || r->rank != message->peer)
        return;
    r->left_s = message->head.wall_s;
    r->left_at_s = sg_now_s();
}
