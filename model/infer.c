#include "model/infer.h"

#include "base/mem.h"

#include <math.h>
#include <omp.h>
#include <string.h>

static int64_t chunk_tokens(int64_t longest)
{
    return longest > SG_INFER_CHUNK ? longest : SG_INFER_CHUNK;
}

/* Whether the last layer computes all tokens. */
static int is_full(enum sg_infer_what what)
{
    return what == SG_INFER_EMBEDDING || what == SG_INFER_TOKENS;
}

void sg_infer_worker_destroy(struct sg_infer_worker *w)
{
    sg_batch_destroy(&w->batch);
    sg_acts_destroy(&w->acts);
    sg_free(w->scratch);
    *w = (struct sg_infer_worker){0};
}

size_t sg_infer_worker_bytes(const struct sg_shape *s, int64_t longest, int64_t B, enum sg_infer_what what)
{
    return sg_acts_bytes(s, chunk_tokens(longest), B, 0, 0, is_full(what)) +
           (size_t)sg_pass_scratch(s, 0, longest, 0, 1) * sizeof(float);
}

sg_status sg_infer_worker_create(const struct sg_infer *job, int64_t longest, int64_t B,
                                 struct sg_infer_worker *w, struct sg_err *err)
{
    sg_status status = SG_OK;
    int64_t T = chunk_tokens(longest), n_scratch = sg_pass_scratch(job->shape, 0, longest, 0, 1);
    struct sg_infer_worker r = {0};
    SG_TRY_DONE(sg_batch_create(B, T, 1, &r.batch, err));
    SG_TRY_DONE(sg_acts_create(job->shape, T, B, 0, 0, is_full(job->what), &r.acts, err));
    r.scratch = sg_alloc((size_t)n_scratch, sizeof *r.scratch);
    if (!r.scratch)
        SG_TRY_DONE(sg_fail_memory(err, (unsigned long long)n_scratch * sizeof *r.scratch));
    *w = r;
    return SG_OK;
done:
    sg_infer_worker_destroy(&r);
    return status;
}

static void mean_rows(int64_t n, int64_t C, const float *x, float *out)
{
    double length = 0.0;
    for (int64_t c = 0; c < C; c++) {
        double sum = 0.0;
        for (int64_t t = 0; t < n; t++)
            sum += (double)x[t * C + c];
        out[c] = (float)(sum / (double)n);
        length += (double)out[c] * (double)out[c];
    }
    float scale = (float)(1.0 / fmax(sqrt(length), 1e-12));
    for (int64_t c = 0; c < C; c++)
        out[c] *= scale;
}

void sg_infer_chunk(const struct sg_infer *job, struct sg_infer_worker *w, const int64_t *example, int64_t n,
                    float *out)
{
    int64_t C = job->shape->C;
    struct sg_batch *b = &w->batch;
    const struct sg_acts *a = &w->acts;
    sg_batch_clear(b);
    for (int64_t i = 0; i < n; i++)
        sg_batch_add(b, job->config, job->tokens, example[i], job->word_row, i, 0, -1.0f);
    sg_batch_close_lane(b);
    struct sg_pass pass = {
        .s = job->shape, .config = job->config, .ops = job->ops, .p = job->params, .b = b, .a = &w->acts};
    sg_encoder_forward(&pass, 0, 1, w->scratch);
    if (job->what == SG_INFER_TOKENS)
        memcpy(out, a->all.x, (size_t)(b->T * C) * sizeof *out);
    else if (job->what == SG_INFER_FIRST)
        memcpy(out, a->cls, (size_t)(n * C) * sizeof *out);
    else if (job->what == SG_INFER_EMBEDDING) {
        for (int64_t s = 0; s < n; s++)
            mean_rows(job->pooling == SG_POOLING_FIRST ? 1 : b->start[s + 1] - b->start[s], C,
                      a->all.x + b->start[s] * C, out + s * C);
    } else {
        sg_head_forward(&pass, 0, 1, w->scratch);
        memcpy(out, a->logits, (size_t)(n * job->shape->K) * sizeof *out);
    }
}

size_t sg_infer_bytes(const struct sg_shape *s, int64_t longest, int threads)
{
    return (size_t)threads * sg_infer_worker_bytes(s, longest, chunk_tokens(longest) / 16, SG_INFER_LOGITS);
}

/* Where the results of example i are, in floats from those of `first`. */
static int64_t place_of(const struct sg_infer *job, int64_t first, int64_t i)
{
    if (job->what == SG_INFER_TOKENS)
        return (job->tokens->start[i] - job->tokens->start[first]) * job->shape->C;
    return (i - first) * (job->what == SG_INFER_LOGITS ? job->shape->K : job->shape->C);
}

sg_status sg_infer_run(const struct sg_infer *job, int64_t first, int64_t n, int threads, float *out,
                       struct sg_err *err)
{
    sg_status status = SG_OK;
    const struct sg_tokens *t = job->tokens;
    int64_t n_chunks = 0, longest = 1, B = 1;
    int64_t *chunk = sg_alloc((size_t)n + 1, sizeof *chunk), *example = sg_alloc((size_t)n, sizeof *example);
    struct sg_infer_worker *w = sg_alloc((size_t)threads, sizeof *w);
    if (!chunk || !example || !w)
        SG_TRY_DONE(sg_fail_memory(err, (unsigned long long)n * 2 * sizeof *chunk));
    for (int64_t i = first; i < first + n; i++) {
        if (i == first || t->start[i + 1] - t->start[chunk[n_chunks - 1]] > SG_INFER_CHUNK)
            chunk[n_chunks++] = i;
        int64_t len = t->start[i + 1] - t->start[i];
        longest = len > longest ? len : longest;
        example[i - first] = i;
    }
    chunk[n_chunks] = first + n;
    for (int64_t i = 0; i < n_chunks; i++)
        B = chunk[i + 1] - chunk[i] > B ? chunk[i + 1] - chunk[i] : B;
    if (threads > n_chunks)
        threads = n_chunks > 1 ? (int)n_chunks : 1;
    for (int i = 0; i < threads; i++)
        SG_TRY_DONE(sg_infer_worker_create(job, longest, B, &w[i], err));
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int64_t i = 0; i < n_chunks; i++)
        sg_infer_chunk(job, &w[omp_get_thread_num()], example + (chunk[i] - first), chunk[i + 1] - chunk[i],
                       out + place_of(job, first, chunk[i]));
done:
    for (int i = 0; w && i < threads; i++)
        sg_infer_worker_destroy(&w[i]);
    sg_free(w);
    sg_free(chunk);
    sg_free(example);
    return status;
}
