#include "model/infer.h"

#include "base/mem.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum { CHUNK_TOKENS = 512 };

struct worker {
    struct sg_batch batch;
    struct sg_acts acts;
    float *scratch;
};

static void destroy_worker(struct worker *w)
{
    sg_batch_destroy(&w->batch);
    sg_acts_destroy(&w->acts);
    sg_free(w->scratch);
}

/* B: of the chunk with most examples. */
static sg_status create_worker(const struct sg_infer *job, int64_t longest, int64_t B, struct worker *w,
                               struct sg_err *err)
{
    int64_t T = longest > CHUNK_TOKENS ? longest : CHUNK_TOKENS;
    *w = (struct worker){0};
    SG_TRY(sg_batch_create(B, T, 1, &w->batch, err));
    SG_TRY(sg_acts_create(job->shape, T, B, 0, 0, job->embed, &w->acts, err));
    int64_t n_scratch = sg_pass_scratch(job->shape, 0, longest, 0, 1);
    w->scratch = sg_alloc((size_t)n_scratch, sizeof *w->scratch);
    return w->scratch ? SG_OK : sg_fail_memory(err, (unsigned long long)n_scratch * sizeof *w->scratch);
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

/* Examples [from, to): at most CHUNK_TOKENS tokens, or one example. */
static void run_chunk(const struct sg_infer *job, struct worker *w, int64_t from, int64_t to, float *out)
{
    int64_t C = job->shape->C, K = job->shape->K;
    struct sg_batch *b = &w->batch;
    sg_batch_clear(b);
    for (int64_t i = from; i < to; i++)
        sg_batch_add(b, job->config, job->tokens, i, job->word_row, i - from, 0);
    sg_batch_close_lane(b);
    struct sg_pass pass = {
        .s = job->shape, .config = job->config, .ops = job->ops, .p = job->params, .b = b, .a = &w->acts};
    sg_encoder_forward(&pass, 0, 1, w->scratch);
    if (!job->embed) {
        sg_head_forward(&pass, 0, 1, w->scratch);
        memcpy(out, w->acts.logits, (size_t)((to - from) * K) * sizeof *out);
        return;
    }
    for (int64_t s = 0; s < b->B; s++)
        mean_rows(b->start[s + 1] - b->start[s], C, w->acts.all.x + b->start[s] * C, out + s * C);
}

size_t sg_infer_bytes(const struct sg_shape *s, int64_t longest, int threads)
{
    int64_t T = longest > CHUNK_TOKENS ? longest : CHUNK_TOKENS, B = T / 16;
    size_t scratch = (size_t)sg_pass_scratch(s, 0, longest, 0, 1) * sizeof(float);
    return (size_t)threads * (sg_acts_bytes(s, T, B, 0, 0, 0) + scratch);
}

sg_status sg_infer_run(const struct sg_infer *job, int64_t first, int64_t n, int threads, float *out,
                       struct sg_err *err)
{
    sg_status status = SG_OK;
    const struct sg_tokens *t = job->tokens;
    int64_t wide = job->embed ? job->shape->C : job->shape->K, n_chunks = 0, longest = 1, B = 1;
    int64_t *chunk = sg_alloc((size_t)n + 1, sizeof *chunk);
    struct worker *w = sg_alloc((size_t)threads, sizeof *w);
    if (!chunk || !w)
        SG_TRY_DONE(sg_fail_memory(err, (unsigned long long)n * sizeof *chunk));
    for (int64_t i = first; i < first + n; i++) {
        if (i == first || t->start[i + 1] - t->start[chunk[n_chunks - 1]] > CHUNK_TOKENS)
            chunk[n_chunks++] = i;
        int64_t len = t->start[i + 1] - t->start[i];
        longest = len > longest ? len : longest;
    }
    chunk[n_chunks] = first + n;
    for (int64_t i = 0; i < n_chunks; i++)
        B = chunk[i + 1] - chunk[i] > B ? chunk[i + 1] - chunk[i] : B;
    if (threads > n_chunks)
        threads = n_chunks > 1 ? (int)n_chunks : 1;
    for (int i = 0; i < threads; i++)
        SG_TRY_DONE(create_worker(job, longest, B, &w[i], err));
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int64_t i = 0; i < n_chunks; i++)
        run_chunk(job, &w[omp_get_thread_num()], chunk[i], chunk[i + 1], out + (chunk[i] - first) * wide);
done:
    for (int i = 0; w && i < threads; i++)
        destroy_worker(&w[i]);
    sg_free(w);
    sg_free(chunk);
    return status;
}
