#include "model/frozen.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK_TEXTS = 64 }; /* enough to fill a chunk with all but the shortest texts */

static size_t limit_bytes(void)
{
    const char *text = getenv("SG_FROZEN_BYTES");
    char *end = NULL;
    unsigned long long n = text && *text ? strtoull(text, &end, 10) : 0;
    return end && *end == 0 ? (size_t)n : SG_FROZEN_BYTES;
}

static int is_all(const struct sg_shape *s)
{
    return s->n_frozen == s->L;
}

/* Floats of the first n texts. */
static int64_t floats_of(const struct sg_frozen *f, int64_t n)
{
    int64_t rows = f->job.what == SG_INFER_FIRST ? n : f->job.tokens->start[n];
    return rows * f->shape.C;
}

static int64_t wanted(const struct sg_frozen *f, size_t bytes)
{
    int64_t n = 0;
    while (n < f->job.tokens->n && (size_t)floats_of(f, n + 1) <= bytes / sizeof(float))
        n++;
    return n;
}

static sg_status make_room(struct sg_frozen *f, int threads, struct sg_err *err)
{
    int n_workers = f->n_kept < f->job.tokens->n ? threads : 0;
    f->kept = sg_alloc((size_t)floats_of(f, f->n_kept), sizeof *f->kept);
    f->worker = sg_alloc((size_t)n_workers, sizeof *f->worker);
    if (!f->kept || !f->worker)
        return sg_fail_memory(err, (unsigned long long)floats_of(f, f->n_kept) * sizeof *f->kept);
    for (; f->n_workers < n_workers; f->n_workers++)
        SG_TRY(sg_infer_worker_create(&f->job, f->job.tokens->longest, CHUNK_TEXTS, &f->worker[f->n_workers],
                                      err));
    return SG_OK;
}

/* The first text of rank r's share: equal shares of the tokens. */
static int64_t share_of(const struct sg_frozen *f, const struct sg_team *team, int r)
{
    const int64_t *start = f->job.tokens->start;
    int64_t i = 0;
    while (i < f->n_kept && start[i] < start[f->n_kept] * r / team->size)
        i++;
    return i;
}

static sg_status send(const struct sg_team *team, int root, float *x, int64_t n, struct sg_err *err)
{
    enum { PIECE = 1 << 28 };
    for (int64_t at = 0; at < n; at += PIECE)
        SG_TRY(sg_mpi_check(
            MPI_Bcast(x + at, (int)(n - at < PIECE ? n - at : PIECE), MPI_FLOAT, root, team->comm),
            "frozen layers", err));
    return SG_OK;
}

static sg_status fill(struct sg_frozen *f, int threads, const struct sg_team *team, struct sg_err *err)
{
    int64_t lo = share_of(f, team, team->rank), hi = share_of(f, team, team->rank + 1);
    sg_status status =
        hi > lo ? sg_infer_run(&f->job, lo, hi - lo, threads, f->kept + floats_of(f, lo), err) : SG_OK;
    SG_TRY(sg_agree(team, status, err));
    for (int r = 0; r < team->size && team->size > 1; r++) {
        int64_t at = floats_of(f, share_of(f, team, r)), end = floats_of(f, share_of(f, team, r + 1));
        SG_TRY(send(team, r, f->kept + at, end - at, err));
    }
    return SG_OK;
}

sg_status sg_frozen_make(struct sg_frozen *f, const struct sg_infer *job, int is_kept, int cores, int threads,
                         const struct sg_team *team, struct sg_err *err)
{
    sg_status status = SG_OK;
    *f = (struct sg_frozen){.job = *job, .shape = *job->shape};
    f->shape.L = job->shape->n_frozen;
    f->job.shape = &f->shape;
    f->job.what = is_all(job->shape) ? SG_INFER_FIRST : SG_INFER_TOKENS;
    int64_t n = is_kept ? wanted(f, limit_bytes()) : 0;
    SG_TRY_DONE(sg_mpi_check(MPI_Allreduce(&n, &f->n_kept, 1, MPI_INT64_T, MPI_MIN, team->comm),
                             "frozen layers", err));
    SG_TRY_DONE(sg_agree(team, make_room(f, threads, err), err));
    SG_TRY_DONE(fill(f, cores, team, err));
done:
    if (status != SG_OK)
        sg_frozen_free(f);
    return status;
}

void sg_frozen_free(struct sg_frozen *f)
{
    for (int i = 0; i < f->n_workers; i++)
        sg_infer_worker_destroy(&f->worker[i]);
    sg_free(f->worker);
    sg_free(f->kept);
    *f = (struct sg_frozen){0};
}

void sg_frozen_take(const struct sg_frozen *f, int thread, const int64_t *example, int64_t n, float *out)
{
    const int64_t *start = f->job.tokens->start;
    int64_t C = f->shape.C;
    for (int64_t i = 0, n_texts; i < n; i += n_texts) {
        int64_t rows = 0, first = f->job.what == SG_INFER_FIRST;
        if (example[i] < f->n_kept) {
            n_texts = 1;
            rows = first ? 1 : start[example[i] + 1] - start[example[i]];
            memcpy(out, f->kept + floats_of(f, example[i]), (size_t)(rows * C) * sizeof *out);
        } else {
            int64_t n_tokens = 0;
            for (n_texts = 0; i + n_texts < n && n_texts < CHUNK_TEXTS; n_texts++) {
                int64_t x = example[i + n_texts], len = start[x + 1] - start[x];
                if (x < f->n_kept || (n_texts && n_tokens + len > SG_INFER_CHUNK))
                    break;
                n_tokens += len;
            }
            rows = first ? n_texts : n_tokens;
            sg_infer_chunk(&f->job, &f->worker[thread], example + i, n_texts, out);
        }
        out += rows * C;
    }
}

static double bytes_of_all(const struct sg_shape *s, int64_t n_texts, double n_tokens)
{
    return (is_all(s) ? (double)n_texts : n_tokens) * (double)s->C * sizeof(float);
}

double sg_frozen_share(const struct sg_shape *s, int64_t n_texts, double n_tokens)
{
    double all = bytes_of_all(s, n_texts, n_tokens), most = (double)limit_bytes();
    return all > most ? most / all : 1.0;
}

size_t sg_frozen_bytes(const struct sg_shape *s, int64_t n_texts, double n_tokens, int64_t longest,
                       int threads)
{
    double share = sg_frozen_share(s, n_texts, n_tokens);
    struct sg_shape frozen = *s;
    frozen.L = s->n_frozen;
    size_t workers =
        share < 1.0 ? (size_t)threads * sg_infer_worker_bytes(&frozen, longest, CHUNK_TEXTS,
                                                              is_all(s) ? SG_INFER_FIRST : SG_INFER_TOKENS)
                    : 0;
    return (size_t)(share * bytes_of_all(s, n_texts, n_tokens)) + workers;
}
