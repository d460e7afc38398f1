/* Rows as parts: what a rank reads of them is what rank 0 has, whatever is damaged is an error and not read, draws are those of sg_raw_draw;
 * and a cell's message, there and back, cut and damaged. */
#include "experiments/run/shared_rows.h"

#include "base/mem.h"
#include "base/rng.h"
#include "experiments/run/cell_message.h"
#include "experiments/run/cell_work.h"
#include "tests/mpi/check.h"

#include <stdlib.h>
#include <string.h>

enum { N = 50, K = 2, N_SEEDS = 3, N_TEST = 7 };

static struct sg_team world;
static struct sg_task task = {.n_classes = K};
static struct sg_row row[N], test_row[N_TEST];
static int32_t label[N], test_label[N_TEST];
static int64_t raw[] = {4, 9};
static struct sg_task_data data = {.train = {.n = N, .row = row},
                                   .train_label = label,
                                   .held_out = {.n = N_TEST, .row = test_row},
                                   .held_out_label = test_label};
static struct sg_study study = {.n_tasks = 1, .task = &task, .n_raw = 2, .raw = raw, .seeds_data = N_SEEDS};
static struct sg_prepared p = {.study = &study, .data = &data};

static char *text_of(const char *what, int i)
{
    return i % 11 == 3
               ? sg_strdup("")
               : sg_strf("%s %d%.*s", what, i, i, "....................................................");
}

static void make_rows(void)
{
    for (int i = 0; i < N; i++) {
        row[i] = (struct sg_row){.first = text_of("row", i), .second = i % 2 ? text_of("pair", i) : NULL};
        label[i] = i / 3 % K;
    }
    for (int i = 0; i < N_TEST; i++) {
        test_row[i] = (struct sg_row){.first = text_of("test", i)};
        test_label[i] = i % K;
    }
}

static void free_rows(void)
{
    for (int i = 0; i < N; i++) {
        sg_free(row[i].first);
        sg_free(row[i].second);
    }
    for (int i = 0; i < N_TEST; i++)
        sg_free(test_row[i].first);
}

static int same_row(const struct sg_row *a, const struct sg_row *b)
{
    return strcmp(a->first, b->first) == 0 && !a->second == !b->second &&
           (!a->second || strcmp(a->second, b->second) == 0);
}

/* ---- through an engine: every cell's rows ---- */

static struct sg_engine *engine;
static struct sg_shared_rows *rows;
static const struct sg_cell cells[] = {{.raw = 4, .pool = -1},
                                       {.raw = 9, .seed_data = 2, .pool = -1},
                                       {.raw = 4, .seed_data = 1, .pool = -1},
                                       {.raw = 9, .pool = -1}};
static struct sg_buf kept_part; /* one rank's copy of the task's rows, for what follows */

static sg_status prepare(void *context, void *user, struct sg_buf *payload, struct sg_err *err)
{
    const struct sg_cell *c = user;
    const int64_t *drawn;
    int64_t want[9];
    (void)context;
    SG_TRY(sg_shared_rows_draw(rows, c, &drawn, err));
    CHECK_OK(sg_raw_draw(&data, K, c->raw, c->seed_data, want, err), *err);
    CHECK(memcmp(drawn, want, (size_t)c->raw * sizeof *want) == 0);
    SG_TRY(sg_shared_rows_need(rows, engine, SG_SHARED_TRAIN, 0, err));
    SG_TRY(sg_shared_rows_need(rows, engine, SG_SHARED_HELD_OUT, 0, err));
    for (int64_t i = 0; i < c->raw; i++) {
        int64_t pair[2] = {drawn[i], sg_shared_rows_place(rows, 0, drawn[i])};
        sg_buf_add(payload, pair, sizeof pair);
    }
    return SG_OK;
}

static sg_status work(void *context, const struct sg_work *w, struct sg_buf *result, struct sg_err *err)
{
    struct sg_packed_rows x;
    struct sg_row r;
    int32_t of;
    (void)context, (void)result;
    CHECK_OK(sg_shared_rows_get(w, SG_SHARED_HELD_OUT, 0, &x, err), *err);
    CHECK(x.n == N_TEST);
    for (int i = 0; i < N_TEST; i++) {
        CHECK_OK(sg_packed_rows_row(&x, i, &r, &of, err), *err);
        CHECK(same_row(&r, &test_row[i]) && of == test_label[i]);
    }
    CHECK_OK(sg_shared_rows_get(w, SG_SHARED_TRAIN, 0, &x, err), *err);
    CHECK(x.n >= 9 && x.n <= 9 * N_SEEDS); /* no row but those of draws */
    for (size_t i = 0; i < w->n_payload / 16; i++) {
        int64_t pair[2];
        memcpy(pair, (const char *)w->payload + 16 * i, sizeof pair);
        CHECK_OK(sg_packed_rows_row(&x, pair[1], &r, &of, err), *err);
        CHECK(same_row(&r, &row[pair[0]]) && of == label[pair[0]]);
    }
    if (!kept_part.len)
        sg_buf_add(&kept_part, x.bytes, x.n_bytes);
    CHECK(sg_shared_rows_get(w, SG_SHARED_POOL, 0, &x, err) == SG_FAILED &&
          strstr(err->text, "did not arrive"));
    return SG_OK;
}

static void by_engine(void)
{
    struct sg_err err = {0};
    struct sg_kind kind = {.name = "reader", .slot = SG_SLOT_COMPUTE, .prepare = prepare, .work = work};
    CHECK_OK(sg_shared_rows_create(&p, &rows, &err), err);
    CHECK_OK(sg_engine_create(&world, &kind, 1, &engine, &err), err);
    for (size_t i = 0; world.rank == 0 && i < sizeof cells / sizeof *cells; i++)
        CHECK_OK(
            sg_engine_add(engine,
                          &(struct sg_item){.cost = 1, .max_ranks = 1, .user = (void *)(uintptr_t)&cells[i]},
                          NULL, &err),
            err);
    CHECK_OK(sg_engine_run(engine, NULL, &err), err);
    sg_engine_destroy(engine);
    const int64_t *none;
    CHECK(sg_shared_rows_draw(rows, &(struct sg_cell){.raw = 10}, &none, &err) == SG_FAILED);
    CHECK(sg_shared_rows_draw(rows, &(struct sg_cell){.raw = 4, .seed_data = N_SEEDS}, &none, &err) ==
          SG_FAILED);
    CHECK_OK(sg_shared_rows_draw(rows, &(struct sg_cell){.raw = 0}, &none, &err), err);
    CHECK(!none);
    sg_shared_rows_destroy(rows);
}

/* ---- damaged parts: an error, or rows within the bytes ---- */

static void read_all(const char *bytes, size_t n)
{
    struct sg_err err = {0};
    struct sg_packed_rows x;
    struct sg_row r;
    int32_t of;
    size_t sum = 0;
    if (sg_packed_rows_read(bytes, n, &x, &err) != SG_OK)
        return;
    for (int64_t i = -1; i <= x.n && i < 1000; i++)
        if (sg_packed_rows_row(&x, i, &r, &of, &err) == SG_OK) {
            CHECK(r.first >= bytes && r.first + strlen(r.first) < bytes + n);
            CHECK(!r.second || (r.second >= bytes && r.second + strlen(r.second) < bytes + n));
            sum += strlen(r.first);
        }
    CHECK(sum <= 1000 * n);
}

static void damaged(void)
{
    struct sg_err err = {0};
    struct sg_packed_rows x;
    struct sg_row r;
    int32_t of;
    for (size_t n = 0; n < kept_part.len;
         n++) { /* cut; a copy of its own size, so that a reader beyond it is seen */
        char *copy = sg_alloc(n, 1);
        if (n)
            memcpy(copy, kept_part.data, n);
        read_all(copy, n);
        sg_free(copy);
    }
    struct sg_rng rng = sg_rng_make(5, 6);
    char *copy = sg_alloc(kept_part.len, 1);
    for (int i = 0; i < 3000; i++) {
        memcpy(copy, kept_part.data, kept_part.len);
        for (int k = 0; k < 3; k++) {
            size_t at = (size_t)(sg_rng_uniform(&rng) * (double)(k ? kept_part.len : 200));
            copy[at] = (char)(sg_rng_uniform(&rng) < 0.3 ? -1 : (int)(256 * sg_rng_uniform(&rng)));
        }
        read_all(copy, kept_part.len);
    }
    sg_free(copy);
    CHECK_OK(sg_packed_rows_read(kept_part.data, kept_part.len, &x, &err), err);
    CHECK(sg_packed_rows_row(&x, x.n, &r, &of, &err) == SG_FAILED &&
          sg_packed_rows_row(&x, -1, &r, &of, &err) == SG_FAILED);
    CHECK(sg_packed_rows_read(kept_part.data, 5, &x, &err) == SG_FAILED);
}

/* ---- a cell's message ---- */

static void messages(void)
{
    struct sg_err err = {0};
    struct sg_cell_message m, back;
    struct sg_buf b = sg_buf_make(1 << 16);
    CHECK_OK(sg_shared_rows_create(&p, &rows, &err), err);
    CHECK(sg_cell_message_make(rows, NULL, NULL, &p, &(struct sg_cell){.raw = 4, .size = 5, .pool = -1}, 0,
                               &m, &err) == SG_FAILED &&
          strcmp(err.text, SG_CELL_EMPTY_POOL) == 0);
    CHECK_OK(sg_cell_message_make(rows, NULL, NULL, &p, &cells[1], 1, &m, &err), err);
    CHECK(m.n_raw == 9 && m.n_synthetic == 0 && m.label[3] == label[m.raw[3]]);
    m.n_synthetic = 2; /* as if of a view of a pool */
    m.kept = sg_alloc(2, sizeof *m.kept);
    m.kept[1] = 6;
    m.quality = sg_alloc(11, sizeof *m.quality);
    m.quality[10] = 0.25f;
    m.label = sg_realloc(m.label, 11, sizeof *m.label);
    CHECK_OK(sg_cell_message_put(&m, &b, &err), err);
    struct sg_work w = {.payload = b.data, .n_payload = b.len};
    CHECK_OK(sg_cell_message_take(&p, &w, &back, &err), err);
    CHECK(back.n_raw == 9 && back.n_synthetic == 2 && back.pool == -1 &&
          sg_cell_message_example(&back, 1) == 6 && back.quality[10] == 0.25f);
    CHECK(memcmp(back.raw, m.raw, 9 * sizeof *m.raw) == 0 &&
          memcmp(back.label, m.label, 11 * sizeof *m.label) == 0);
    sg_cell_message_free(&back);
    for (size_t n = 0; n < b.len; n++) { /* cut */
        w.n_payload = n;
        CHECK(sg_cell_message_take(&p, &w, &back, &err) == SG_FAILED && err.text[0]);
    }
    sg_buf_add(&b, "more", 4);
    w = (struct sg_work){.payload = b.data, .n_payload = b.len};
    CHECK(sg_cell_message_take(&p, &w, &back, &err) == SG_FAILED && strstr(err.text, "too long"));
    sg_cell_message_free(&m);
    static const char *const wrong[] = {
        "{\"task\": 1, \"raw\": 0, \"synthetic\": 0}", "{\"task\": 0, \"raw\": -1, \"synthetic\": 0}",
        "{\"task\": 0, \"raw\": 99999999999, \"synthetic\": 0}", "{}", "{\"failed\": \"no luck\"}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int64_t n = (int64_t)strlen(wrong[i]);
        sg_buf_clear(&b);
        sg_buf_add(&b, &n, sizeof n);
        sg_buf_puts(&b, wrong[i]);
        w = (struct sg_work){.payload = b.data, .n_payload = b.len};
        CHECK(sg_cell_message_take(&p, &w, &back, &err) == SG_FAILED &&
              strstr(err.text, i == 4 ? "no luck" : "damaged"));
    }
    sg_buf_free(&b);
    sg_shared_rows_destroy(rows);
}

/* What a team sends back, cut and damaged. */
static void results(void)
{
    struct sg_err err = {0};
    struct sg_cell_found found;
    int64_t head[] = {10, 2, 3, 4, 1};
    const char text[16] = "{\"a\":\"bc\"}";
    float x[2 + 12] = {[1] = 7, [13] = 9};
    struct sg_buf b = sg_buf_make(1 << 12);
    sg_buf_add(&b, head, sizeof head);
    sg_buf_add(&b, text, sizeof text);
    sg_buf_add(&b, x, sizeof x);
    CHECK_OK(sg_cell_result_take(b.data, b.len, &found, &err), err);
    CHECK(found.n_text == 10 && found.loss[1] == 7 && found.logits[11] == 9 && found.n_removed == 1);
    for (size_t n = 0; n < b.len; n++)
        CHECK(sg_cell_result_take(b.data, n, &found, &err) == SG_FAILED && strstr(err.text, "damaged"));
    for (int i = 0; i < 4; i++) {
        int64_t was = head[i];
        static const int64_t wrong[] = {-1, INT64_MAX, INT64_MIN, (int64_t)1 << 62, 100};
        for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
            head[i] = wrong[k];
            memcpy(b.data, head, sizeof head);
            CHECK(sg_cell_result_take(b.data, b.len, &found, &err) == SG_FAILED);
        }
        head[i] = was;
    }
    sg_buf_free(&b);
}

int main(int argc, char **argv)
{
    struct sg_err err = {0};
    CHECK_OK(sg_mpi_start(&argc, &argv, &world, &err), err);
    kept_part = sg_buf_make(1 << 20);
    make_rows();
    by_engine();
    if (kept_part.len)
        damaged();
    messages();
    results();
    sg_buf_free(&kept_part);
    free_rows();
    CHECK(sg_mem_now() == 0);
    sg_mpi_end();
    return 0;
}
