/* What breaks in a cell breaks that cell alone: a loss that is no number, an allocation that fails on one rank of its team, a message that
 * arrives damaged. Each has its reason, and all other cells come to the weights that they have without it. */
#include "base/json.h"
#include "base/mem.h"
#include "experiments/run/cell_items.h"
#include "tests/mpi/check.h"

#include <string.h>
#include <unistd.h>

enum { N_CELLS = 9 };
enum trouble { NONE, DIVERGES, NO_MEMORY, DAMAGED };
static const struct {
    enum trouble trouble;
    long nth; /* allocation of its work that fails */
    const char *reason;
} what[N_CELLS] = {[1] = {DIVERGES, 0, "diverged at step"},
                   [3] = {NO_MEMORY, 1, "memory"},
                   [4] = {NO_MEMORY, 7, "memory"},
                   [6] = {DAMAGED, 0, "damaged"},
                   [7] = {NO_MEMORY, 40, "memory"}};

static struct sg_team world;
static struct sg_prepared *p;
static int is_troubled;
static struct sg_kind ours[SG_CELL_N_KINDS];
static struct came {
    int n;
    sg_status status;
    char reason[500], weights[SG_HEX];
} came[N_CELLS]; /* rank 0 */

/* The settings reach the trainer from here, by the message or from each rank's own study. */
static double set_lr(int64_t cell)
{
    double lr = p->study->train.lr;
    if (is_troubled && what[cell].trouble == DIVERGES) {
        p->study->train.lr = 1e30;
        p->study->train.clip = 0;
    }
    return lr;
}

static void restore_lr(double lr, double clip)
{
    p->study->train.lr = lr;
    p->study->train.clip = clip;
}

/* On rank 0 of several the coordinator allocates at the same time: it would be hit. */
static int lacks_memory(void)
{
    return world.size == 1 || world.rank > 0;
}

static sg_status prepare(void *context, void *user, struct sg_buf *payload, struct sg_err *err)
{
    double clip = p->study->train.clip, lr = set_lr(((struct sg_cell_item *)user)->cell - p->grid.cell);
    sg_status status = ours[SG_CELL_FINE_TUNE].prepare(context, user, payload, err);
    restore_lr(lr, clip);
    return status;
}

static sg_status work(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    struct sg_work mine = *w;
    int64_t i = w->item;
    double clip = p->study->train.clip, lr = set_lr(i);
    if (is_troubled && what[i].trouble == DAMAGED)
        mine.n_payload /= 2;
    int fails = is_troubled && what[i].trouble == NO_MEMORY && lacks_memory();
    if (fails)
        sg_mem_fail_at(what[i].nth);
    sg_status status = ours[SG_CELL_FINE_TUNE].work(context, &mine, result, err);
    if (fails)
        CHECK(sg_mem_fail_at(0));
    restore_lr(lr, clip);
    return status;
}

static sg_status done(void *context, void *user, const struct sg_outcome *o, struct sg_engine *e,
                      struct sg_err *err)
{
    (void)context, (void)e;
    struct came *c = &came[((struct sg_cell_item *)user)->cell - p->grid.cell];
    struct sg_cell_found found;
    json_error_t why;
    c->n++;
    c->status = o->status;
    snprintf(c->reason, sizeof c->reason, "%s", o->reason);
    if (o->status != SG_OK)
        return SG_OK;
    SG_TRY(sg_cell_result_take(o->result, o->n_result, &found, err));
    json_t *head = json_loadb(found.text, (size_t)found.n_text, 0, &why);
    snprintf(c->weights, sizeof c->weights, "%s", sg_json_text_or(head, "weights_sha256", ""));
    json_decref(head);
    return SG_OK;
}

/* All cells, once; what came of each is in `came`. */
static void run(void)
{
    struct sg_err err = {0};
    struct sg_cell_items items;
    struct sg_cell_item item[N_CELLS];
    struct sg_kind kinds[SG_CELL_N_KINDS];
    struct sg_engine *e = NULL;
    memset(came, 0, sizeof came);
    CHECK_OK(sg_cell_items_create(p, 0, &items, &err), err);
    sg_cell_items_kinds(&items, done, ours);
    memcpy(kinds, ours, sizeof kinds);
    kinds[SG_CELL_FINE_TUNE].prepare = prepare;
    kinds[SG_CELL_FINE_TUNE].work = work;
    CHECK_OK(sg_engine_create(&world, kinds, SG_CELL_N_KINDS, &e, &err), err);
    for (int i = 0; world.rank == 0 && i < N_CELLS; i++) {
        item[i] = (struct sg_cell_item){.cell = &p->grid.cell[i]};
        CHECK_OK(sg_cell_items_add(&items, e, &item[i], &err), err);
    }
    CHECK_OK(sg_engine_run(e, NULL, &err), err);
    sg_engine_destroy(e);
    sg_cell_items_destroy(&items);
}

int main(int argc, char **argv)
{
    static const char *const set[] = {"tasks=[sst2]",
                                      "mixes=[raw]",
                                      "raw=[16]",
                                      "seeds.train=9",
                                      "llm_eval.shots=[]",
                                      "train.encoder=tests/oracle/model/bert",
                                      "train.max_length=32",
                                      "train.steps=3",
                                      "train.threads=1",
                                      "generator.recording=",
                                      "results=/nonexistent/isolation"};
    struct sg_err err = {0};
    CHECK(chdir(SG_SOURCE_DIR) == 0);
    CHECK_OK(sg_mpi_start(&argc, &argv, &world, &err), err);
    CHECK_OK(sg_prepare("experiments/grid.yaml", sizeof set / sizeof *set, set,
                        (world.rank ? SG_PREPARE_WORKER : 0) | SG_PREPARE_NO_WEIGHTS, &p, &err),
             err);
    CHECK(world.rank || p->grid.n_cells == N_CELLS);
    CHECK_OK(sg_encoder_read(p->encoder, &world, &err), err);
    struct came calm[N_CELLS];
    run();
    memcpy(calm, came, sizeof calm);
    is_troubled = 1;
    run();
    for (int i = 0; world.rank == 0 && i < N_CELLS; i++) {
        CHECK(calm[i].n == 1 && calm[i].status == SG_OK && strlen(calm[i].weights) == SG_HEX - 1);
        CHECK(came[i].n == 1);
        int is_right = came[i].status == SG_OK && strcmp(came[i].weights, calm[i].weights) == 0;
        if (came[i].status != SG_OK)
            fprintf(stderr, "cell %d: %s\n", i, came[i].reason);
        if (what[i].trouble == NONE)
            CHECK(is_right);
        else if (world.size == 1 || what[i].trouble != NO_MEMORY || !is_right)
            CHECK(came[i].status == SG_FAILED && strstr(came[i].reason, what[i].reason));
    }
    sg_prepared_destroy(p);
    sg_mem_trim();
    CHECK(sg_mem_now() == 0);
    sg_mpi_end();
    return 0;
}
