/* Classifiers for the next round of a pool: the bits of two fits beside the engine, each text embedded once, whatever ranks there are; and a run that
 * ends with the reason where there is none. In place of the encoder's embeddings stand numbers of the text. */
#include "experiments/run/round_work.h"

#include "base/mem.h"
#include "base/rng.h"
#include "experiments/run/raw_models.h"
#include "model/checkpoint.h"
#include "tests/mpi/check.h"

#include <string.h>

enum { N = 31, K = 3, C = 8, SIZE = 150, FIRST = 50 };
enum { VECTORS, ROUNDS, N_KINDS };
static const int64_t ends[] = {
    17, 34, 50, 100}; /* where a classifier is asked: more texts than an item of embeddings has */
enum { N_FITS = sizeof ends / sizeof *ends };

static struct sg_team world;
static struct sg_pool *pool;
static struct sg_round_work *work;
static struct sg_engine *engine;
static const struct sg_rows *raw;
static double c;
static int n_fits, breaks; /* rank 0 */
static char *answer, answered[SG_HEX];

static void embed(const char *text, float *x)
{
    struct sg_rng rng = sg_rng_make(sg_seed_of("%s", text), 0);
    for (int i = 0; i < C; i++)
        x[i] = (float)sg_rng_uniform(&rng) - 0.5f;
}

static sg_status embed_rows(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    (void)context;
    json_t *o = json_loadb(w->payload, w->n_payload, 0, NULL);
    const json_t *rows = json_object_get(o, "rows");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        float x[C];
        embed(json_string_value(json_array_get(json_array_get(rows, i), 0)), x);
        sg_buf_add(result, x, sizeof x);
    }
    json_decref(o);
    return breaks ? sg_fail(err, SG_FAILED, "no memory") : SG_OK;
}

/* Every request has an answer of its own at once. */
static sg_status lookup(void *context, const char *key, struct sg_found *out, struct sg_err *err)
{
    static char text[SG_HEX + 20];
    (void)context, (void)err;
    *out = (struct sg_found){.finish_reason = "stop"};
    if (strcmp(key, sg_pool_fit_key(pool)) == 0) {
        out->found = answer && strcmp(key, answered) == 0;
        out->text = answer;
        return SG_OK;
    }
    snprintf(text, sizeof text, "text number %s", key);
    out->found = 1;
    out->text = text;
    return SG_OK;
}

static void advance(void)
{
    struct sg_err err = {0};
    struct sg_request_list missing = {0};
    CHECK_OK(sg_pool_advance(pool, lookup, NULL, &missing, &err), err);
    CHECK(missing.n == 0);
}

/* The same beside the engine: every even row of a class by what was fitted to the odd ones, and the other way round. */
static void check_logits(const float *have)
{
    struct sg_err err = {0};
    struct sg_logistic_settings s = sg_probe_settings(c);
    int64_t n = sg_pool_n(pool);
    float *train = sg_alloc((size_t)(N + n) * C, sizeof *train), x[C], logits[K];
    int32_t *label = sg_alloc((size_t)(N + n), sizeof *label);
    for (int half = 0; half < 2; half++) {
        struct sg_logistic m;
        int64_t n_train = 0, count[K] = {0, 1, 2};
        int mine[N];
        for (int i = 0; i < N; i++) {
            mine[i] = count[i % K]++ % 2 == half;
            if (!mine[i]) {
                label[n_train] = i % K;
                embed(raw->row[i].first, train + C * n_train++);
            }
        }
        for (int64_t i = 0; i < n; i++) {
            label[n_train] = sg_pool_get(pool, i).label;
            embed(sg_pool_get(pool, i).first, train + C * n_train++);
        }
        CHECK_OK(sg_logistic_fit(train, label, NULL, n_train, C, K, &s, &m, &err), err);
        for (int i = 0; i < N; i++) {
            embed(raw->row[i].first, x);
            sg_logistic_logits(&m, x, 1, logits);
            CHECK(!mine[i] || memcmp(logits, have + (size_t)i * K, sizeof logits) == 0);
        }
        sg_logistic_free(&m);
    }
    sg_free(train);
    sg_free(label);
}

static sg_status fitted(void *context, int64_t i, const float *logits, int rank, struct sg_err *err)
{
    (void)context;
    CHECK(i == 0 && rank >= 0 && rank < world.size);
    CHECK(sg_pool_n(pool) == ends[n_fits]);
    n_fits++;
    check_logits(logits);
    sg_free(answer);
    memcpy(answered, sg_pool_fit_key(pool), SG_HEX);
    SG_TRY(sg_pool_fit_answer(pool, logits, &answer, err));
    advance();
    return sg_pool_fit_key(pool)[0] ? sg_round_work_add(work, engine, VECTORS, ROUNDS, 0, err) : SG_OK;
}

static void run(struct sg_prepared *p, const struct sg_pool_spec *spec)
{
    struct sg_err err = {0};
    struct sg_vectors *v;
    n_fits = 0;
    CHECK_OK(sg_pool_create(spec, &pool, &err), err);
    p->pool = &pool;
    CHECK_OK(sg_vectors_create(p, &v, &err), err);
    CHECK_OK(sg_round_work_create(p, v, &work, &err), err);
    struct sg_kind kinds[N_KINDS] = {
        [VECTORS] = sg_vectors_kind(v), [ROUNDS] = sg_round_work_kind(work, fitted, NULL)};
    kinds[VECTORS].work = embed_rows;
    CHECK_OK(sg_engine_create(&world, kinds, N_KINDS, &engine, &err), err);
    if (world.rank == 0) {
        advance();
        CHECK(sg_pool_n(pool) == ends[0] && sg_pool_fit_key(pool)[0]);
        CHECK_OK(sg_round_work_add(work, engine, VECTORS, ROUNDS, 0, &err), err);
    }
    sg_status status = sg_engine_run(engine, NULL, &err);
    CHECK(status == (breaks ? SG_FAILED : SG_OK));
    CHECK(!breaks || strstr(err.text, SG_VECTORS_LACK));
    if (world.rank == 0 && !breaks) {
        /* Each example and row once: an engine's items are the embeddings and the fits. */
        int64_t n_items = sg_engine_state(engine).n_done, n_chunks = 1;
        for (int i = 0; i < N_FITS; i++)
            n_chunks++; /* 128 at most are new each time */
        CHECK(n_fits == N_FITS && n_items == n_chunks + N_FITS);
        CHECK(sg_pool_complete(pool) && sg_pool_n(pool) == SIZE);
    }
    sg_engine_destroy(engine);
    sg_round_work_destroy(work);
    sg_vectors_destroy(v);
    sg_pool_destroy(pool);
    sg_free(answer);
    answer = NULL;
}

int main(int argc, char **argv)
{
    struct sg_err err = {0};
    CHECK_OK(sg_mpi_start(&argc, &argv, &world, &err), err);
    static char name[K][2] = {"a", "b", "c"}, prompt[] = "Write {class}.", shown[] = "{examples} {class}",
                example[] = "{text}", mark[] = "Text";
    char text[N][24];
    struct sg_row row[N] = {0};
    struct sg_class class_[K];
    for (int k = 0; k < K; k++)
        class_[k] = (struct sg_class){name[k], name[k]};
    for (int i = 0; i < N; i++) {
        snprintf(text[i], sizeof text[i], "row no %d", i);
        row[i] = (struct sg_row){.first = text[i], .label = name[i % K]};
    }
    struct sg_task task = {.name = name[0],
                           .first_mark = mark,
                           .n_classes = K,
                           .class_ = class_,
                           .max_tokens = 20,
                           .prompt = {.zero_shot = prompt, .error_driven = shown, .example = example}};
    struct sg_rows shots = {.n = N, .row = row};
    struct sg_task_data data = {.train = shots};
    struct sg_row_lengths length = {1, 1, 1};
    struct sg_generator generator = {.provider = "openai", .model = "m", .max_tokens = 20};
    struct sg_encoder encoder = {.config = {.C = C, .L = 1, .H = 2, .F = 8, .V = 10}};
    struct sg_study study = {.n_tasks = 1, .task = &task, .n_generators = 1, .generator = &generator};
    struct sg_pool_key key = {.arm = {.method = SG_ERROR_DRIVEN}, .source = -1};
    struct sg_prepared p = {.study = &study,
                            .encoder = &encoder,
                            .data = &data,
                            .length = &length,
                            .n_draws = 1,
                            .shots = &shots,
                            .grid = {.n_pools = 1, .pool = &key}};
    struct sg_pool_spec spec = {.task = &task,
                                .method = SG_ERROR_DRIVEN,
                                .generator = &generator,
                                .n = SIZE,
                                .raw = &shots,
                                .rounds = {3, FIRST, "numbers"}};
    static const double strength[] = {1, SG_PROBE_C_AUTO};
    raw = &shots;
    for (int i = 0; i < 2; i++) {
        study.probe.c = c = strength[i];
        for (breaks = 0; breaks < 2; breaks++)
            run(&p, &spec);
    }
    CHECK(sg_mem_now() == 0);
    sg_mpi_end();
    return 0;
}
