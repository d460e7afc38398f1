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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(stray_snapshots_go)};
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
