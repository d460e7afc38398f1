/* Classifiers of raw rows: one for all cells of the same rows, the bits of a fit beside the engine, and reasons where there is none; and
 * a probe's message without embeddings. In place of the encoder's embeddings stand numbers of the row. */
#include "experiments/run/raw_models.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "experiments/run/probe_work.h"
#include "model/checkpoint.h"
#include "tests/mpi/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 90, K = 3, C = 8, RAW = 40, N_SEEDS = 2, N_TEST = 5 };
enum { VECTORS, MODELS, N_KINDS };
enum broken { NOTHING, EMBEDDING, NUMBERS };

static struct sg_team world;
static enum broken broken;
static int n_fits; /* rank 0 */
static sg_status (*model_done)(void *, void *, const struct sg_outcome *, struct sg_engine *,
                               struct sg_err *);

static void embed(int64_t i, float *x)
{
    struct sg_rng rng = sg_rng_make(7, (uint64_t)i);
    for (int c = 0; c < C; c++)
        x[c] = (float)(i % K == c) + (float)sg_rng_uniform(&rng);
}

static sg_status embed_rows(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    (void)context;
    json_t *o = json_loadb(w->payload, w->n_payload, 0, NULL);
    const json_t *rows = json_object_get(o, "rows");
    CHECK(json_array_size(rows) > 0);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        float x[C];
        embed(atoi(json_string_value(json_array_get(json_array_get(rows, i), 0))), x);
        if (broken == NUMBERS)
            x[0] = NAN;
        sg_buf_add(result, x, sizeof x);
    }
    json_decref(o);
    return broken == EMBEDDING ? sg_fail(err, SG_FAILED, "no memory") : SG_OK;
}

static sg_status count_fits(void *context, void *user, const struct sg_outcome *o, struct sg_engine *e,
                            struct sg_err *err)
{
    n_fits++;
    return model_done(context, user, o, e, err);
}

/* Of cells whose views share classifiers: rows of seed 0, again, and of seed 1. */
static const struct sg_cell cells[] = {{.raw = RAW, .size = 10},
                                       {.raw = RAW, .size = 20, .seed_train = 1, .classifier = SG_PROBE},
                                       {.raw = RAW, .size = 10, .seed_data = 1}};
enum { N_CELLS = sizeof cells / sizeof *cells };

static void queue(struct sg_raw_models *m, struct sg_engine *e)
{
    struct sg_err err = {0};
    struct sg_vectors_after after = {0};
    const struct sg_logistic *none;
    CHECK(sg_raw_models_get(m, &cells[0], &none, &err) == SG_FAILED);
    for (int i = 0; i < N_CELLS; i++)
        CHECK_OK(sg_raw_models_need(m, e, VECTORS, MODELS, &cells[i], &after, &err), err);
    CHECK(after.n == N_CELLS && after.item[0] == after.item[1] && after.item[0] != after.item[2]);
    sg_free(after.item);
}

static void check_same(const struct sg_prepared *p, const struct sg_cell *c, const struct sg_logistic *have)
{
    struct sg_err err = {0};
    struct sg_logistic want;
    int64_t index[RAW];
    int32_t label[RAW];
    float *x = sg_alloc((size_t)RAW * C, sizeof *x), logits[2][RAW * K];
    CHECK_OK(sg_raw_draw(p->data, K, RAW, c->seed_data, index, &err), err);
    for (int i = 0; i < RAW; i++) {
        embed(index[i], x + (size_t)i * C);
        label[i] = p->data->train_label[index[i]];
    }
    struct sg_logistic_settings s = sg_probe_settings(p->study->probe.c);
    CHECK_OK(sg_logistic_fit(x, label, NULL, RAW, C, K, &s, &want, &err), err);
    CHECK(have->n_vectors == K && have->n_present == K && have->chosen_c == want.chosen_c &&
          have->n_iterations == want.n_iterations);
    CHECK(memcmp(have->w, want.w, (size_t)K * C * sizeof *want.w) == 0 &&
          memcmp(have->b, want.b, K * sizeof *want.b) == 0);
    sg_logistic_logits(have, x, RAW, logits[0]);
    sg_logistic_logits(&want, x, RAW, logits[1]);
    CHECK(memcmp(logits[0], logits[1], sizeof logits[0]) == 0);
    sg_logistic_free(&want);
    sg_free(x);
}

static void check_models(const struct sg_prepared *p, const struct sg_raw_models *m)
{
    static const char *const why[] = {
        [EMBEDDING] = "its raw rows have no classifier: " SG_VECTORS_LACK,
        [NUMBERS] = "not finite",
    };
    const struct sg_logistic *have[N_CELLS] = {0};
    for (int i = 0; i < N_CELLS; i++) {
        struct sg_err err = {0};
        sg_status status = sg_raw_models_get(m, &cells[i], &have[i], &err);
        if (broken)
            CHECK(status == SG_FAILED && strstr(err.text, why[broken]));
        else
            CHECK_OK(status, err);
        if (!broken)
            check_same(p, &cells[i], have[i]);
    }
    CHECK(n_fits == N_SEEDS && have[0] == have[1]);
}

/* A probe's message has no embedding, and where there are none it has the reason. */
static void check_message(const struct sg_prepared *p, struct sg_vectors *v)
{
    struct sg_err err = {0};
    struct sg_cell c = {.raw = RAW, .pool = -1, .classifier = SG_PROBE};
    struct sg_buf payload = sg_buf_make(1 << 20);
    struct sg_shared_rows *rows;
    CHECK_OK(sg_shared_rows_create(p, &rows, &err), err);
    CHECK_OK(sg_probe_payload(rows, NULL, v, NULL, p, &c, &payload, &err), err);
    const char *head = sg_buf_text(&payload) + sizeof(int64_t);
    CHECK(payload.len > sizeof(int64_t) && payload.len < RAW * C);
    CHECK(strstr(head, "{\"failed\":") && strstr(head, SG_VECTORS_LACK)); /* no test row is embedded */
    sg_buf_free(&payload);
    sg_shared_rows_destroy(rows);
}

static void fit(struct sg_prepared *p)
{
    struct sg_err err = {0};
    struct sg_vectors *v;
    struct sg_raw_models *m;
    struct sg_engine *e;
    n_fits = 0;
    CHECK_OK(sg_vectors_create(p, &v, &err), err);
    CHECK_OK(sg_raw_models_create(p, v, &m, &err), err);
    struct sg_kind kinds[N_KINDS] = {[VECTORS] = sg_vectors_kind(v), [MODELS] = sg_raw_models_kind(m)};
    kinds[VECTORS].work = embed_rows;
    model_done = kinds[MODELS].done;
    kinds[MODELS].done = count_fits;
    CHECK_OK(sg_engine_create(&world, kinds, N_KINDS, &e, &err), err);
    if (world.rank == 0)
        queue(m, e);
    CHECK_OK(sg_engine_run(e, NULL, &err), err);
    if (world.rank == 0)
        check_models(p, m);
    if (world.rank == 0)
        check_message(p, v);
    sg_engine_destroy(e);
    sg_raw_models_destroy(m);
    sg_vectors_destroy(v);
}

int main(int argc, char **argv)
{
    struct sg_err err = {0};
    CHECK_OK(sg_mpi_start(&argc, &argv, &world, &err), err);
    char text[N][12];
    struct sg_row row[N] = {0};
    int32_t label[N];
    int64_t raw[] = {RAW};
    for (int i = 0; i < N; i++) {
        snprintf(text[i], sizeof text[i], "%d", i);
        row[i].first = text[i];
        label[i] = i / 7 % K;
    }
    struct sg_task task = {.n_classes = K};
    struct sg_task_data data = {.train = {.n = N, .row = row},
                                .train_label = label,
                                .held_out = {.n = N_TEST, .row = row},
                                .held_out_label = label};
    struct sg_row_lengths length = {1, 1, 1};
    struct sg_encoder encoder = {.config = {.C = C, .L = 1, .H = 2, .F = 8, .V = 10}};
    struct sg_study study = {.n_tasks = 1, .task = &task, .n_raw = 1, .raw = raw, .seeds_data = N_SEEDS};
    struct sg_prepared p = {.study = &study, .encoder = &encoder, .data = &data, .length = &length};
    static const double c[] = {1, SG_PROBE_C_AUTO};
    for (int i = 0; i < 2; i++) {
        study.probe.c = c[i];
        for (broken = NOTHING; broken <= NUMBERS; broken++)
            fit(&p);
    }
    CHECK(sg_mem_now() == 0);
    sg_mpi_end();
    return 0;
}
