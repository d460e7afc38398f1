#include "base/json.h"
#include "base/mem.h"
#include "base/tell.h"
#include "experiments/run/measure_impl.h"
#include "mpi/engine.h"

#include <math.h>
#include <string.h>

/* What all ranks have; parts and at are rank 0's. */
struct measuring {
    const struct sg_team *world;
    const struct sg_prepared *p;
    const struct sg_vectors *vectors;
    struct sg_ledger *ledger;
    char *path;                  /* of embeddings.h5 */
    struct sg_embeddings *store; /* NULL: it is not written */
    struct sg_parts parts;
    int64_t at, begin; /* the part in hand; the first one of its task */
    int64_t n_done;
    int c;
    int64_t n_clouds;
    struct sg_cloud *cloud; /* of the task: raw rows, test rows, pools; owned */
    double bandwidth;
    struct sg_measures test;
};

static void forget_task(struct measuring *m)
{
    for (int64_t i = 0; i < m->n_clouds; i++)
        sg_free((void *)(uintptr_t)m->cloud[i].x);
    sg_free(m->cloud);
    m->cloud = NULL;
    m->n_clouds = 0;
}

static struct sg_cloud first(struct sg_cloud x, int64_t most)
{
    return (struct sg_cloud){x.x, x.n < most ? x.n : most};
}

/* A file that cannot be kept is made again some other time: what was measured stands in the ledger. All ranks are told the same. */
static void give_up_store(struct measuring *m, const struct sg_err *err)
{
    if (m->world->rank == 0)
        sg_tell_warning("the embeddings are not kept: %s", err->text);
    sg_embeddings_discard(m->store);
    m->store = NULL;
}

/* Collective. The distances of the task's pools, then its record. */
static sg_status end_task(struct measuring *m, struct sg_err *err)
{
    int64_t n = m->n_clouds - 2;
    double *distance = sg_alloc((size_t)(n * n) + 1, sizeof *distance);
    struct sg_cloud *pool = sg_alloc((size_t)n + 1, sizeof *pool);
    sg_status status = distance && pool ? SG_OK : sg_fail_memory(err, 8 * (size_t)(n * n));
    SG_TRY_DONE(sg_agree(m->world, status, err));
    for (int64_t i = 0; i < n; i++)
        pool[i] = first(m->cloud[2 + i], SG_MEASURE_DISTANCE_ROWS);
    SG_TRY_DONE(sg_cloud_distances(m->world, pool, n, m->c, m->bandwidth, distance, err));
    if (m->world->rank == 0)
        status = sg_record_put_task(m->ledger, m->p, &m->parts.part[m->begin], m->n_clouds, &m->test,
                                    distance, err);
    status = sg_agree(m->world, status, err);
done:
    sg_free(distance);
    sg_free(pool);
    return status;
}

/* Collective. What the ledger lacks of a part whose embeddings are the last cloud. */
static sg_status measure_part(struct measuring *m, const json_t *o, struct sg_err *err)
{
    int64_t i = m->n_clouds - 1, n = m->cloud[i].n, from = n * m->world->rank / m->world->size,
            to = n * (m->world->rank + 1) / m->world->size;
    struct sg_diversity d;
    struct sg_measures against;
    int diversity = sg_json_int_or(o, "diversity", 0) != 0,
        has_against = sg_json_int_or(o, "against", 0) != 0;
    if (i == 0)
        return sg_bandwidth_of(m->world, first(m->cloud[0], SG_MEASURE_ROWS), m->c, &m->bandwidth, err);
    if (diversity)
        SG_TRY(sg_diversity_of(m->world, m->cloud[i].x + from * m->c, to - from, m->c, &d, NULL, err));
    if (has_against)
        SG_TRY(sg_measures_of(m->world, first(m->cloud[i], SG_MEASURE_ROWS),
                              first(m->cloud[0], SG_MEASURE_ROWS), m->c, m->bandwidth, &against, err));
    if (i == 1 && has_against)
        m->test = against;
    sg_status status = SG_OK;
    if (i > 1 && (diversity || has_against)) {
        if (m->world->rank == 0)
            status = sg_record_put_pool(m->ledger, m->p, &m->parts.part[m->at], &m->parts.part[m->begin],
                                        diversity ? &d : NULL, has_against ? &against : NULL, err);
        m->n_done++;
    }
    return sg_agree(m->world, status, err);
}

/* Collective. One part, as rank 0 says. */
static sg_status take_part(struct measuring *m, const json_t *o, struct sg_err *err)
{
    float *x = NULL;
    if (sg_json_int_or(o, "first", 0))
        forget_task(m);
    struct sg_part_source from = {m->path, m->vectors, m->world->rank == 0 ? &m->parts.part[m->at] : NULL};
    SG_TRY(sg_part_embed(m->world, m->p, o, &from, &x, err));
    struct sg_cloud *grown = sg_grown(m->cloud, m->n_clouds, sizeof *grown);
    if (!grown)
        sg_free(x);
    SG_TRY(sg_agree(m->world, grown ? SG_OK : sg_fail_memory(err, 1024), err));
    m->cloud = grown;
    int64_t n = sg_json_int_or(o, "n", 0), rank = m->world->rank, size = m->world->size;
    m->cloud[m->n_clouds++] = (struct sg_cloud){x, n};
    if (m->store) {
        struct sg_err why = {0};
        struct sg_embedded d = {m->p->study->task[sg_json_int_or(o, "task", 0)].name,
                                sg_json_text_or(o, "name", ""), sg_json_text_or(o, "texts_sha256", ""), n,
                                m->c};
        if (sg_embeddings_add(m->store, &d, x + n * rank / size * m->c, n * rank / size,
                              n * (rank + 1) / size, &why) != SG_OK)
            give_up_store(m, &why);
    }
    if (sg_json_int_or(o, "needed", 0))
        SG_TRY(measure_part(m, o, err));
    return sg_json_int_or(o, "last", 0) && sg_json_int_or(o, "record", 0) ? end_task(m, err) : SG_OK;
}

/* Rank 0: the next part that anything is to be done with, as a message; an empty one when there is none. */
static sg_status next_message(struct measuring *m, struct sg_buf *b, struct sg_err *err)
{
    for (; m->at < m->parts.n; m->at++) {
        const struct sg_part *x = &m->parts.part[m->at];
        if (x->is_first)
            m->begin = m->at;
        if (sg_engine_stop_requested())
            return sg_fail(err, SG_STOPPED, "stopped as asked, while the pools were measured");
        if (x->is_needed || m->store)
            return sg_part_message(m->p, x, b, err);
    }
    return SG_OK;
}

/* Rank 0. What there is to do. bytes: of embeddings.h5, 0 where it is whole. */
static sg_status look(struct measuring *m, const char *made_with, int64_t *bytes, struct sg_err *err)
{
    int whole = 1;
    char *sha256 = NULL;
    SG_TRY(sg_ledger_meta_get(m->ledger, "embeddings_sha256", &sha256, err));
    int is_ours = sha256 && sg_embeddings_is(m->path, sha256);
    sg_free(sha256);
    SG_TRY(sg_parts_list(m->p, &m->parts, err));
    SG_TRY(sg_records_lack(m->ledger, m->p, &m->parts, err));
    for (int64_t i = 0; i < m->parts.n; i++) {
        struct sg_part *x = &m->parts.part[i];
        struct sg_embedded d = {m->p->study->task[x->task].name, sg_part_name(m->p, x), x->texts, x->n, m->c};
        x->is_stored = is_ours && sg_embeddings_hold(m->path, made_with, &d);
        x->is_held = !x->is_stored && sg_part_is_held(m->p, x, m->vectors);
        whole &= x->is_stored;
        *bytes += 4 * x->n * m->c + 4096;
    }
    *bytes = whole ? 0 : *bytes + (1 << 20);
    return SG_OK;
}

/* Collective. */
static sg_status begin(struct measuring *m, struct sg_err *err)
{
    json_t *with = sg_measured_with(m->p);
    char *made_with = with ? json_dumps(with, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    int64_t bytes = 0;
    json_decref(with);
    m->path = sg_strf("%s/embeddings.h5", m->p->study->results);
    sg_status status = made_with && m->path ? SG_OK : sg_fail_memory(err, 1024);
    if (status == SG_OK && m->world->rank == 0)
        status = look(m, made_with, &bytes, err);
    status = sg_agree(m->world, status, err);
    if (status == SG_OK)
        status = sg_agree(
            m->world, sg_mpi_check(MPI_Bcast(&bytes, 1, MPI_INT64_T, 0, m->world->comm), "MPI_Bcast", err),
            err);
    if (status == SG_OK && bytes) {
        struct sg_err why = {0};
        if (sg_embeddings_create(m->world, m->path, made_with, bytes, &m->store, &why) != SG_OK)
            give_up_store(m, &why);
    }
    free(made_with);
    return status;
}

static sg_status go(struct measuring *m, struct sg_buf *message, struct sg_err *err)
{
    SG_TRY(begin(m, err));
    for (;; m->at++) {
        sg_status status = SG_OK;
        sg_buf_clear(message);
        if (m->world->rank == 0)
            status = next_message(m, message, err);
        SG_TRY(sg_agree(m->world, status, err));
        SG_TRY(sg_bcast_buf(m->world, 0, message, err));
        if (message->len == 0)
            break;
        json_t *o = json_loadb(message->data, message->len, 0, NULL);
        status = sg_agree(m->world, o ? SG_OK : sg_fail_memory(err, message->len), err);
        if (status == SG_OK)
            status = take_part(m, o, err);
        json_decref(o);
        SG_TRY(status);
    }
    struct sg_err why = {0};
    struct sg_embeddings *store = m->store;
    m->store = NULL;
    char sha256[SG_HEX] = "";
    if (store && sg_embeddings_finish(store, sha256, &why) != SG_OK)
        give_up_store(m, &why);
    sg_status status = SG_OK;
    if (m->world->rank == 0 && sha256[0])
        status = sg_ledger_meta_set(m->ledger, "embeddings_sha256", sha256, err);
    if (status == SG_OK && m->world->rank == 0)
        status = sg_ledger_commit(m->ledger, err);
    return sg_agree(m->world, status, err);
}

sg_status sg_measure_embeddings(const struct sg_team *world, const struct sg_prepared *p,
                                const struct sg_vectors *vectors, struct sg_ledger *ledger,
                                int64_t *n_measured, struct sg_err *err)
{
    struct sg_buf message = sg_buf_make((size_t)1 << 31);
    struct measuring m = {
        .world = world, .p = p, .vectors = vectors, .ledger = ledger, .c = sg_encoder_channels(p->encoder)};
    sg_status status = go(&m, &message, err);
    if (n_measured)
        *n_measured = m.n_done;
    sg_embeddings_discard(m.store);
    forget_task(&m);
    sg_parts_free(&m.parts);
    sg_free(m.path);
    sg_buf_free(&message);
    return status;
}
