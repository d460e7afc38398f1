/* Snapshots of cells: those that a run of the study can go on from stay, others go, and nothing else does. */
#include "experiments/run/cell_work.h"

#include "base/file.h"
#include "base/mem.h"

#include "scratch.h"

static struct sg_err err;

/* The id of cell k: 64 times one digit. */
static void id_of(int k, char id[SG_HEX])
{
    memset(id, "0123456789abcdef"[k], SG_HEX - 1);
    id[SG_HEX - 1] = 0;
}

static const char *name_of(int k, const char *end)
{
    static char name[SG_HEX + 40];
    char id[SG_HEX];
    id_of(k, id);
    snprintf(name, sizeof name, "results/%s%s", id, end);
    return name;
}

static void stray_snapshots_go(void **state)
{
    (void)state;
    enum { PLANNED, DONE, FAILED, N_CELLS, RETIRED = N_CELLS, STRANGE };
    static const char *const ends[] = {".run", ".run.tmp"};
    static const char *const status[] = {"planned", "done", "failed"};
    struct sg_cell cell[N_CELLS] = {0};
    char results[] = "results";
    struct sg_study study = {.results = results};
    struct sg_prepared p = {.study = &study, .grid = {.n_cells = N_CELLS, .cell = cell}};
    struct sg_ledger *l;
    char id[SG_HEX];
    size_t before = sg_mem_now();
    assert_int_equal(sg_ledger_open("results", SG_LEDGER_WRITE, &l, &err), SG_OK);
    id_of(RETIRED, id); /* planned by an earlier study in this folder */
    assert_int_equal(sg_ledger_cell_plan(l, id, 0, "{}", NULL, &err), SG_OK);
    assert_int_equal(sg_ledger_cells_retire(l, &err), SG_OK);
    for (int i = 0; i < N_CELLS; i++) {
        struct sg_ledger_cell c = {.id = cell[i].id, .status = status[i], .result = "{}"};
        id_of(i, cell[i].id);
        assert_int_equal(sg_ledger_cell_plan(l, cell[i].id, i, "{}", NULL, &err), SG_OK);
        if (i != PLANNED)
            assert_int_equal(sg_ledger_cell_finish(l, &c, &err), SG_OK);
    }
    assert_int_equal(sg_ledger_commit(l, &err), SG_OK);
    for (int i = 0; i <= STRANGE; i++)
        for (int e = 0; e < 2; e++)
            put(name_of(i, ends[e]), "");
    /* Names that are close to it, and a folder that cannot be unlinked. */
    const char *const others[] = {"results/notes.run", "results/0.run", "results/results.h5"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        put(others[i], "");
    put(name_of(DONE, ".run2"), "");
    put(name_of(DONE, "0.run"), "");
    put(name_of(DONE, ""), "");
    assert_int_equal(mkdir(name_of(STRANGE + 1, ".run"), 0777), 0);

    assert_int_equal(sg_cell_tidy(&p, l, &err), SG_OK);
    for (int i = 0; i <= STRANGE; i++)
        for (int e = 0; e < 2; e++)
            assert_int_equal(sg_file_exists(name_of(i, ends[e])), i == PLANNED || i == FAILED);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_true(sg_file_exists(others[i]));
    assert_true(sg_file_exists(name_of(DONE, ".run2")));
    assert_true(sg_file_exists(name_of(DONE, "0.run")));
    assert_true(sg_file_exists(name_of(DONE, "")));
    assert_true(sg_file_exists("results/ledger.sqlite"));
    assert_true(sg_dir_exists(name_of(STRANGE + 1, ".run")));
    sg_ledger_close(l);
    assert_int_equal(sg_mem_now(), before);
}

/* A rank that trains a cell gets every setting: each byte of them is another one on the way out. What is not on the list would come
 * back as the filling. */
static void each_setting_reaches_a_worker(void **state)
{
    (void)state;
    struct sg_train_settings s, back;
    memset(&s, 0, sizeof s);
    memset(&back, 0, sizeof back);
    int64_t *whole[] = {&s.epochs, &s.steps, &s.min_steps, &s.batch, &s.max_length, &s.lanes, &s.threads};
    double *real[] = {&s.lr, &s.warmup, &s.weight_decay, &s.clip, &s.dropout};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        *whole[i] = (int64_t)(1000003 * (i + 1));
    for (size_t i = 0; i < sizeof real / sizeof *real; i++)
        *real[i] = 1.0 / (double)(3 + i);
    s.seed = 4294967295u;
    s.precision = SG_BF16;
    /* Not one field of the struct was forgotten above, but for how gradients meet, which is 0: of a new one the bytes are 0. */
    const unsigned char *byte = (const unsigned char *)&s;
    size_t n_fields = sizeof whole / sizeof *whole + sizeof real / sizeof *real + 1;
    assert_int_equal(sizeof s, n_fields * 8 + 2 * sizeof(int));
    for (size_t i = 0; i < n_fields; i++) {
        int any = 0;
        for (size_t k = 0; k < 8; k++)
            any |= byte[8 * i + k];
        assert_true(any);
    }
    json_t *o = sg_cell_settings_pack(&s);
    char *text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    o = json_loads(text, 0, NULL);
    free(text);
    sg_cell_settings_unpack(o, &back);
    json_decref(o);
    assert_memory_equal(&s, &back, sizeof s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(stray_snapshots_go),
                                       cmocka_unit_test(each_setting_reaches_a_worker)};
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
