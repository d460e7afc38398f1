#include "experiments/run/resample_impl.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/tell.h"
#include "base/text.h"
#include "experiments/buying/requests.h"
#include "experiments/run/cell_items.h"
#include "experiments/run/fill_words.h"
#include "experiments/run/texts.h"
#include "experiments/run/watch.h"
#include "results/ledger/ledger_trained.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One cell of the sample. */
struct again {
    struct sg_cell_item item;
    struct resample *of;
    struct sg_ledger_trained stored;
    unsigned char digest[32]; /* of its id */
};

struct resample {
    const struct sg_team *world;
    struct sg_resample_options *o;
    struct sg_prepared *p;
    struct sg_mask_head *head;  /* NULL: no pool needs its words */
    struct sg_cell_items items; /* all ranks; the rest is rank 0's */
    struct sg_ledger *ledger;
    struct sg_requests *requests;
    struct sg_texts *texts;
    int64_t n;
    struct again *again; /* (n) */
};

/* Takes the text. */
static sg_status note(struct resample *r, char *text, struct sg_err *err)
{
    return sg_json_add_sentence(r->o->misfits, text, err);
}

enum { NAME = SG_ARM_NAME + 300 };

/* ", seed_data 1"; nothing where no seed of that kind changes the cell. */
static void add_seed(const char *what, int64_t seed, char name[NAME])
{
    size_t n = strlen(name);
    if (seed >= 0)
        snprintf(name + n, NAME - n, ", %s %lld", what, (long long)seed);
}

/* "sst2, probe, synthetic, zero_shot, 30 synthetic, 0 raw, seed_generation 0" */
static void name_cell(const struct resample *r, const struct sg_cell *c, char name[NAME])
{
    char arm[SG_ARM_NAME] = "";
    sg_arm_name(r->p->study, &c->arm, arm);
    snprintf(name, NAME, "%.64s, %s, %s%s%s, %lld synthetic, %lld raw", r->p->study->task[c->task].name,
             sg_cell_classifier_name(c->classifier), sg_mix_name(c->mix), arm[0] ? ", " : "", arm,
             (long long)c->size, (long long)c->raw);
    add_seed("seed_generation", c->seed_generation, name);
    add_seed("seed_data", c->seed_data, name);
    add_seed("seed_train", c->seed_train, name);
}

/* ---- which ---- */

static int by_digest(const void *a, const void *b)
{
    const struct again *x = a, *y = b;
    return memcmp(x->digest, y->digest, sizeof x->digest);
}

/* Cells of the ledger that are not in the study as it is read here were not found by any of its ids. */
static sg_status check_all_found(struct resample *r, int64_t n_done, struct sg_err *err)
{
    struct sg_ledger_totals t;
    SG_TRY(sg_ledger_totals(r->ledger, &t, err));
    r->o->n_done = t.n_cells_done;
    if (n_done == t.n_cells_done)
        return SG_OK;
    return sg_fail(err, SG_INPUT,
                   "%lld of %lld done cells are not in the study as it is read here; hint: task files, data, "
                   "encoder and "
                   "study file must be as they were (--study FILE, data.dir=DIR, train.encoder=DIR)",
                   (long long)(t.n_cells_done - n_done), (long long)t.n_cells_done);
}

static sg_status choose(struct resample *r, struct sg_err *err)
{
    const struct sg_grid *g = &r->p->grid;
    r->again = sg_alloc((size_t)g->n_cells + 1, sizeof *r->again);
    if (!r->again)
        return sg_fail_memory(err, (size_t)g->n_cells * sizeof *r->again);
    for (int64_t i = 0; i < g->n_cells; i++) {
        struct again *a = &r->again[r->n];
        *a = (struct again){.item.cell = &g->cell[i], .of = r};
        SG_TRY(sg_ledger_cell_trained(r->ledger, a->item.cell->id, &a->stored, err));
        if (strcmp(a->stored.status, "done") != 0)
            continue;
        sg_sha256(a->item.cell->id, strlen(a->item.cell->id), a->digest);
        r->n++;
    }
    SG_TRY(check_all_found(r, r->n, err));
    qsort(r->again, (size_t)r->n, sizeof *r->again, by_digest);
    int64_t n = (int64_t)ceil(r->o->share * (double)r->n - 1e-9); /* 10 % of 30 are 3 */
    r->n = n < 1 && r->n ? 1 : n;
    return SG_OK;
}

/* Whether the completions still give what it was trained on; *fits 0: a misfit is noted. */
static sg_status check_texts(struct resample *r, const struct again *a, int *fits, struct sg_err *err)
{
    const struct sg_cell *c = a->item.cell;
    char name[NAME];
    name_cell(r, c, name);
    *fits = sg_cell_is_ready(r->p, c);
    if (!*fits)
        return note(r,
                    sg_strf("cell %s (%s): the ledger lacks completions of its pool or its verification",
                            c->id, name),
                    err);
    SG_TRY(sg_texts_fits_rows(r->texts, r->ledger, c, fits, err));
    if (!*fits)
        return note(r, sg_strf("cell %s (%s): it was trained on other rows than the study has", c->id, name),
                    err);
    SG_TRY(sg_texts_fits_examples(r->texts, r->ledger, c, fits, err));
    return *fits ? SG_OK
                 : note(r,
                        sg_strf("cell %s (%s): it was trained on other examples than its completions give",
                                c->id, name),
                        err);
}

/* ---- training ---- */

static sg_status compare(struct again *a, const json_t *found, const char *name, struct sg_err *err)
{
    struct resample *r = a->of;
    const char *weights = sg_json_text_or(found, "weights_sha256", ""),
               *rounding = sg_json_text_or(found, "rounding", ""),
               *program = sg_json_text_or(found, "program", "");
    r->o->n_trained++;
    if (strcmp(weights, a->stored.weights) == 0) {
        r->o->n_same++;
        sg_tell("cell %.16s... (%s): the same weights", a->item.cell->id, name);
        return SG_OK;
    }
    struct sg_buf b = sg_buf_make(1 << 14);
    sg_buf_printf(&b, "cell %s (%s): its weights are %s in the ledger, and %s when it is trained again",
                  a->item.cell->id, name, a->stored.weights[0] ? a->stored.weights : "not", weights);
    if (a->stored.rounding[0] && strcmp(rounding, a->stored.rounding) != 0)
        sg_buf_printf(&b, "; products were rounded %s then, and %s here", a->stored.rounding, rounding);
    else if (a->stored.program[0] && strcmp(program, a->stored.program) != 0)
        sg_buf_printf(&b, "; it was trained by %s, and here by %s", a->stored.program, program);
    return note(r, sg_buf_take(&b), err);
}

static sg_status on_done(void *context, void *user, const struct sg_outcome *o, struct sg_engine *e,
                         struct sg_err *err)
{
    struct again *a = user;
    char name[NAME];
    struct sg_cell_found found;
    json_t *head;
    (void)context, (void)e;
    name_cell(a->of, a->item.cell, name);
    if (o->status != SG_OK)
        return note(
            a->of, sg_strf("cell %s (%s): it cannot be trained again: %s", a->item.cell->id, name, o->reason),
            err);
    SG_TRY(sg_cell_result_take(o->result, o->n_result, &found, err));
    SG_TRY(sg_json_parse(found.text, (size_t)found.n_text, "the result of a cell", &head, err));
    sg_status status = compare(a, head, name, err);
    json_decref(head);
    return status;
}

/* Rank 0. What is to be trained, into the engine. */
static sg_status queue(struct resample *r, struct sg_engine *engine, struct sg_err *err)
{
    int64_t n_missing, n_queued = 0;
    SG_TRY(choose(r, err));
    SG_TRY(sg_texts_create(r->p, &r->texts, err));
    SG_TRY(sg_requests_create(r->p, r->ledger, &r->requests, err));
    SG_TRY(sg_requests_count(r->requests, &n_missing, NULL, err));
    for (int64_t i = 0; i < r->n; i++) {
        int fits;
        SG_TRY(check_texts(r, &r->again[i], &fits, err));
        if (fits)
            SG_TRY(sg_cell_items_add(&r->items, engine, &r->again[i].item, err));
        n_queued += fits;
    }
    sg_tell("verify trains %lld of %lld done %s again on %d %s", (long long)n_queued, (long long)r->o->n_done,
            sg_plural(r->o->n_done, "cell", "cells"), r->world->size,
            sg_plural(r->world->size, "rank", "ranks"));
    return SG_OK;
}

/* Collective. */
static sg_status train(struct resample *r, struct sg_err *err)
{
    struct sg_kind kinds[SG_CELL_N_KINDS];
    struct sg_engine *engine = NULL;
    sg_cell_items_kinds(&r->items, on_done, kinds);
    SG_TRY(sg_engine_create(r->world, kinds, SG_CELL_N_KINDS, &engine, err));
    sg_status status = r->world->rank == 0 ? queue(r, engine, err) : SG_OK;
    status = sg_agree(r->world, status, err);
    if (status == SG_OK)
        status = sg_engine_run(engine, NULL, err);
    sg_engine_destroy(engine);
    return status;
}

sg_status sg_resample(const struct sg_team *world, struct sg_resample_options *o, struct sg_err *err)
{
    struct resample r = {.world = world, .o = o};
    sg_status status = SG_OK;
    o->n_done = o->n_trained = o->n_same = 0;
    sg_watch_signals(world, "nothing is kept of it; the same command begins anew");
    if (world->rank == 0)
        status = sg_ledger_open(o->folder, SG_LEDGER_COPY, &r.ledger, err);
    SG_TRY_DONE(sg_agree(world, status, err));
    SG_TRY_DONE(sg_resample_prepare(world, o, r.ledger, &r.p, &r.head, err));
    SG_TRY_DONE(sg_agree(world, sg_cell_items_create(r.p, 0, &r.items, err), err));
    if (r.head)
        SG_TRY_DONE(sg_fill_words(world, r.p, r.head, err));
    status = train(&r, err);
done:
    sg_requests_destroy(r.requests);
    sg_texts_destroy(r.texts);
    sg_cell_items_destroy(&r.items);
    sg_ledger_close(r.ledger);
    sg_mask_head_destroy(r.head);
    sg_prepared_destroy(r.p);
    sg_free(r.again);
    return status;
}
