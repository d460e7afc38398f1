/* How many labelled rows a cell has used: those in its prompts and those that it is trained on. Never more than its raw size. */
#include "base/mem.h"
#include "experiments/study/prepare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char *const common[] = {"train.encoder=tests/oracle/model/bert",
                                     "train.max_length=48",
                                     "seeds={generation: 2, data: 3, train: 1}",
                                     "raw=[8,16]",
                                     "sizes=[30]",
                                     "conditioning=[label,none]",
                                     "rephrase=[false,true]",
                                     "rephrase_tasks=[sst2]",
                                     "tasks=[sst2,rte]"};
enum { N_COMMON = sizeof common / sizeof *common };

static struct sg_prepared *prepare(const char *override)
{
    const char *o[N_COMMON + 1];
    struct sg_prepared *p = NULL;
    struct sg_err err = {0};
    memcpy(o, common, sizeof common);
    o[N_COMMON] = override;
    if (sg_prepare("experiments/grid.yaml", N_COMMON + (override != NULL), o, SG_PREPARE_NO_WEIGHTS, &p,
                   &err) != SG_OK)
        fail_msg("%s", err.text);
    return p;
}

/* Which training rows stand in the messages. */
static void mark_shown(const struct sg_task_data *d, const char *request, char *used)
{
    json_t *o = json_loads(request, 0, NULL);
    const json_t *message;
    size_t k;
    assert_non_null(o);
    json_array_foreach (json_object_get(o, "messages"), k, message)
        for (int64_t i = 0; i < d->train.n; i++)
            if (strstr(json_string_value(json_object_get(message, "content")), d->train.row[i].first))
                used[i] = 1;
    json_decref(o);
}

static sg_status nothing(void *context, const char *key, struct sg_found *out, struct sg_err *err)
{
    (void)context, (void)key, (void)err;
    out->found = 0;
    return SG_OK;
}

static void mark_prompts(const struct sg_prepared *p, int64_t pool, char *used)
{
    struct sg_request_list missing = {0};
    struct sg_err err = {0};
    int64_t source = p->grid.pool[pool].source;
    assert_int_equal(sg_pool_advance(p->pool[source < 0 ? pool : source], nothing, NULL, &missing, &err),
                     SG_OK);
    for (int64_t i = 0; i < missing.n; i++)
        mark_shown(&p->data[p->grid.pool[pool].task], missing.item[i].canonical, used);
    sg_request_list_free(&missing);
}

/* Labelled rows of a cell, were its raw rows those of this draw; *n_shown: in its prompts. */
static int64_t n_labelled(const struct sg_prepared *p, const struct sg_cell *c, int64_t draw,
                          int64_t *n_shown)
{
    const struct sg_task_data *d = &p->data[c->task];
    struct sg_err err = {0};
    char *used = sg_alloc((size_t)d->train.n, 1);
    int64_t *index = sg_alloc((size_t)c->raw + 1, sizeof *index), n = 0;
    assert_true(used && index);
    mark_prompts(p, c->pool, used);
    *n_shown = 0;
    for (int64_t i = 0; i < d->train.n; i++)
        *n_shown += used[i];
    if (c->raw)
        assert_int_equal(sg_raw_draw(d, p->study->task[c->task].n_classes, c->raw, draw, index, &err), SG_OK);
    for (int64_t i = 0; i < c->raw; i++)
        used[index[i]] = 1;
    for (int64_t i = 0; i < d->train.n; i++)
        n += used[i];
    sg_free(used);
    sg_free(index);
    return n;
}

static void labelled_rows(void **state)
{
    (void)state;
    static const char *const override[] = {NULL, "few_shot_rows=first"};
    for (int way = 0; way < 2; way++) {
        struct sg_prepared *p = prepare(override[way]);
        int64_t n_mixed = 0, most_of_another = 0, draws = 0;
        for (int64_t i = 0; i < p->grid.n_cells; i++) {
            const struct sg_cell *c = &p->grid.cell[i];
            int64_t n_shown, raw = c->raw ? c->raw : p->study->raw[0];
            if (c->pool < 0)
                continue;
            int shots = sg_method_row((enum sg_method)c->arm.method)->n_shots;
            int64_t n = n_labelled(p, c, c->seed_data, &n_shown);
            assert_true(n <= raw);
            assert_true(shots ? n_shown > 0 && n_shown <= p->study->raw[0] : n_shown == 0);
            if (!shots || c->mix != SG_MIX_BOTH)
                continue;
            n_mixed++;
            draws |= 1 << c->seed_data;
            /* As it was: rows of one draw, and a pool that shows those of another. */
            n = n_labelled(p, c, (c->seed_data + 1) % 3, &n_shown);
            most_of_another = n - raw > most_of_another ? n - raw : most_of_another;
        }
        assert_true(n_mixed > 0 && most_of_another > 3);
        assert_int_equal(draws, way ? 1 : 7);
        sg_prepared_destroy(p);
    }
}

/* Pools and cells of the first draw are what they are without others, and no two have one id. */
static void ids(void **state)
{
    (void)state;
    struct sg_prepared *p = prepare(NULL), *one = prepare("seeds.data=1"),
                       *first = prepare("few_shot_rows=first");
    int64_t n_pools = 0, n_cells = 0;
    for (int64_t i = 0; i < p->grid.n_pools; i++) {
        const struct sg_pool_key *k = &p->grid.pool[i];
        int shows = sg_method_shows_rows((enum sg_method)k->arm.method);
        assert_true(shows ? k->seed_data >= 0 && k->seed_data < 3 : k->seed_data == -1);
        if (k->source >= 0) {
            const struct sg_pool_key *from = &p->grid.pool[k->source];
            assert_true(from->seed_data == k->seed_data && from->seed_generation == k->seed_generation &&
                        from->arm.method == k->arm.method && from->arm.conditioning == k->arm.conditioning &&
                        from->task == k->task && !from->arm.rephrase && k->arm.rephrase);
        }
        for (int64_t j = 0; j < i; j++)
            assert_string_not_equal(sg_pool_id(p->pool[i]), sg_pool_id(p->pool[j]));
        if (k->seed_data <= 0) { /* in the same order, too */
            assert_string_equal(sg_pool_id(p->pool[i]), sg_pool_id(one->pool[n_pools]));
            assert_string_equal(sg_pool_id(p->pool[i]), sg_pool_id(first->pool[n_pools]));
            n_pools++;
        }
    }
    assert_true(one->grid.n_pools == n_pools && first->grid.n_pools == n_pools && p->grid.n_pools > n_pools);
    for (int64_t i = 0; i < p->grid.n_cells; i++) {
        for (int64_t j = 0; j < i; j++)
            assert_string_not_equal(p->grid.cell[i].id, p->grid.cell[j].id);
        if (p->grid.cell[i].seed_data <= 0)
            assert_string_equal(p->grid.cell[i].id, one->grid.cell[n_cells++].id);
    }
    assert_int_equal(one->grid.n_cells, n_cells);
    sg_prepared_destroy(p);
    sg_prepared_destroy(one);
    sg_prepared_destroy(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(labelled_rows), cmocka_unit_test(ids)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
