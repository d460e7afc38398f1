#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "experiments/run/measure_impl.h"
#include "experiments/run/texts.h"

#include <string.h>

/* A stated sample: the first of a shuffle that depends on the number of rows alone. */
void sg_measure_sample(int64_t n_rows, int64_t *index, int64_t *n)
{
    struct sg_rng rng = sg_rng_make(sg_seed_of("measures rows"), (uint64_t)n_rows);
    for (int64_t i = 0; i < n_rows; i++)
        index[i] = i;
    if (n_rows > SG_MEASURE_ROWS)
        sg_rng_shuffle(&rng, index, n_rows);
    *n = n_rows < SG_MEASURE_ROWS ? n_rows : SG_MEASURE_ROWS;
}

static const struct sg_rows *rows_of(const struct sg_prepared *p, const struct sg_part *x)
{
    return x->is_test ? &p->data[x->task].test : &p->data[x->task].train;
}

static sg_status add_rows(const struct sg_prepared *p, struct sg_part *x, struct sg_err *err)
{
    const struct sg_rows *rows = rows_of(p, x);
    const int32_t *label = x->is_test ? p->data[x->task].test_label : p->data[x->task].train_label;
    x->index = sg_alloc((size_t)rows->n + 1, sizeof *x->index);
    if (!x->index)
        return sg_fail_memory(err, 8 * (size_t)rows->n);
    sg_measure_sample(rows->n, x->index, &x->n);
    struct sg_sha256_stream *h = sg_sha256_create();
    if (!h)
        return sg_fail_memory(err, 256);
    for (int64_t i = 0; i < x->n; i++) {
        const struct sg_row *row = &rows->row[x->index[i]];
        sg_example_digest_add(h, label[x->index[i]], row->first, row->second);
    }
    sg_sha256_finish_hex(h, x->texts);
    return SG_OK;
}

static sg_status list_task(const struct sg_prepared *p, int task, struct sg_parts *out, struct sg_err *err)
{
    int64_t first = out->n;
    for (int64_t i = 0; i < p->grid.n_pools; i++) {
        if (p->grid.pool[i].task != task || !sg_pool_complete(p->pool[i]))
            continue;
        for (int k = out->n == first ? 0 : 2; k < 3; k++) {
            struct sg_part *x = &out->part[out->n++];
            *x = (struct sg_part){.task = task, .pool = k < 2 ? -1 : i, .is_test = k == 1};
            if (k < 2) {
                SG_TRY(add_rows(p, x, err));
            } else {
                x->n = sg_pool_n(p->pool[i]);
                SG_TRY(sg_texts_of_pool(p->pool[i], x->n, x->texts, err));
            }
        }
    }
    if (out->n > first)
        out->part[first].is_first = out->part[out->n - 1].is_last = 1;
    return SG_OK;
}

sg_status sg_parts_list(const struct sg_prepared *p, struct sg_parts *out, struct sg_err *err)
{
    *out = (struct sg_parts){
        0, sg_alloc((size_t)p->grid.n_pools + 2 * (size_t)p->study->n_tasks + 1, sizeof *out->part)};
    if (!out->part)
        return sg_fail_memory(err, (size_t)p->grid.n_pools * sizeof *out->part);
    for (int t = 0; t < p->study->n_tasks; t++)
        SG_TRY(list_task(p, t, out, err));
    return SG_OK;
}

void sg_parts_free(struct sg_parts *x)
{
    for (int64_t i = 0; i < x->n; i++)
        sg_free(x->part[i].index);
    sg_free(x->part);
    *x = (struct sg_parts){0};
}

const char *sg_part_name(const struct sg_prepared *p, const struct sg_part *x)
{
    return x->pool >= 0 ? sg_pool_id(p->pool[x->pool]) : x->is_test ? "test" : "raw";
}

static json_t *texts_of(const struct sg_prepared *p, const struct sg_part *x)
{
    json_t *rows = json_array();
    for (int64_t j = 0; j < x->n; j++) {
        const char *first, *second;
        if (x->pool >= 0) {
            struct sg_pool_example e = sg_pool_get(p->pool[x->pool], j);
            first = e.first, second = e.second;
        } else {
            const struct sg_row *row = &rows_of(p, x)->row[x->index[j]];
            first = row->first, second = row->second;
        }
        json_array_append_new(rows, sg_vectors_text(first, second));
    }
    return rows;
}

/* The embedding of the part's row i, or NULL. */
static const float *held_row(const struct sg_part *x, const struct sg_vectors *vectors, int64_t i)
{
    struct sg_vectors_part of = {x->pool >= 0 ? SG_VECTORS_POOL
                                 : x->is_test ? SG_VECTORS_HELD_OUT
                                              : SG_VECTORS_TRAIN,
                                 x->pool >= 0 ? x->pool : x->task};
    return sg_vectors_get(vectors, of, x->index ? x->index[i] : i);
}

int sg_part_is_held(const struct sg_prepared *p, const struct sg_part *x, const struct sg_vectors *vectors)
{
    int all = vectors != NULL && p->study->probe.pooling == SG_POOLING_MEAN;
    for (int64_t i = 0; i < x->n && all; i++)
        all = held_row(x, vectors, i) != NULL;
    return all;
}

sg_status sg_part_message(const struct sg_prepared *p, const struct sg_part *x, struct sg_buf *b,
                          struct sg_err *err)
{
    json_t *o =
        json_pack("{s:i,s:s,s:s,s:I,s:i,s:i,s:i,s:i,s:i,s:i,s:i}", "task", x->task, "name",
                  sg_part_name(p, x), "texts_sha256", x->texts, "n", (json_int_t)x->n, "first", x->is_first,
                  "last", x->is_last, "diversity", x->diversity, "against", x->against, "record",
                  x->task_record, "needed", x->is_needed, "cut", (int)p->study->task[x->task].cut);
    if (o && !x->is_stored && !x->is_held)
        json_object_set_new(o, "rows", texts_of(p, x));
    SG_TRY(sg_json_put(b, o, err));
    return sg_buf_check(b, "the texts of a pool", err);
}

/* From each rank its share, in pieces whose counts are an int. */
static sg_status share_all(const struct sg_team *world, float *x, int64_t n, int c, struct sg_err *err)
{
    const int64_t piece = (int64_t)1 << 28;
    for (int r = 0; r < world->size; r++) {
        int64_t begin = n * r / world->size * c, end = n * (r + 1) / world->size * c;
        for (int64_t at = begin; at < end; at += piece)
            SG_TRY(sg_mpi_check(
                MPI_Bcast(x + at, (int)(end - at < piece ? end - at : piece), MPI_FLOAT, r, world->comm),
                "MPI_Bcast of embeddings", err));
    }
    return SG_OK;
}

static sg_status bcast_all(const struct sg_team *world, float *x, int64_t n, struct sg_err *err)
{
    const int64_t piece = (int64_t)1 << 28;
    for (int64_t at = 0; at < n; at += piece)
        SG_TRY(
            sg_mpi_check(MPI_Bcast(x + at, (int)(n - at < piece ? n - at : piece), MPI_FLOAT, 0, world->comm),
                         "MPI_Bcast of embeddings", err));
    return SG_OK;
}

sg_status sg_part_embed(const struct sg_team *world, const struct sg_prepared *p, const json_t *message,
                        const struct sg_part_source *from, float **out, struct sg_err *err)
{
    int c = sg_encoder_channels(p->encoder), has = !json_object_get(message, "rows");
    int64_t n = sg_json_int_or(message, "n", 0), begin = n * world->rank / world->size,
            end = n * (world->rank + 1) / world->size;
    float *x = sg_alloc((size_t)n * (size_t)c + 1, sizeof *x);
    sg_status status = x ? SG_OK : sg_fail_memory(err, 4 * (size_t)n * (size_t)c);
    struct sg_embedded d = {p->study->task[sg_json_int_or(message, "task", 0)].name,
                            sg_json_text_or(message, "name", ""),
                            sg_json_text_or(message, "texts_sha256", ""), n, c};
    if (status == SG_OK && !has)
        status = sg_vectors_embed(p, json_object_get(message, "rows"), begin, end,
                                  (enum sg_cut)sg_json_int_or(message, "cut", 0), SG_POOLING_MEAN,
                                  x + begin * c, err);
    if (status == SG_OK && has && world->rank == 0 && from->part->is_stored)
        status = sg_embeddings_read(from->path, &d, x, err);
    for (int64_t i = 0; status == SG_OK && has && world->rank == 0 && !from->part->is_stored && i < n; i++)
        memcpy(x + i * c, held_row(from->part, from->vectors, i), (size_t)c * sizeof *x);
    status = sg_agree(world, status, err);
    if (status == SG_OK)
        status = sg_agree(world, has ? bcast_all(world, x, n * c, err) : share_all(world, x, n, c, err), err);
    if (status == SG_OK)
        *out = x;
    else
        sg_free(x);
    return status;
}
