#include "scratch.h"

#include "experiments/run/plan_job.h"

/* A study of 40 cells of an hour, with 8 lanes each. */
static struct sg_study study;
static struct sg_prepared prepared = {.study = &study};

static double one_gb_a_rank(const struct sg_job_facts *f, int64_t n_ranks, int64_t n_threads)
{
    (void)f, (void)n_threads;
    return 1e9 * (double)n_ranks;
}

static const struct {
    const char *what;
    struct sg_job_wish wish;
    struct sg_job_limits limits;
    int64_t n_left, train_threads;
    struct sg_job_size size; /* as wanted; n_ranks 0: refused with `words` */
    const char *words;
} rows[] = {
    {"nothing is known", {0}, {0}, 40, 0, {0, 0, 4, 4, 400, 54060}, NULL},
    {"a node full, no more threads than lanes", {0}, {.cores = 64}, 40, 0, {0, 0, 8, 8, 200, 13560}, NULL},
    {"no more ranks than cells", {0}, {.cores = 64}, 3, 0, {0, 0, 3, 8, 200, 0}, NULL},
    {"a small node", {0}, {.cores = 6}, 40, 0, {0, 0, 1, 6, 300, 0}, NULL},
    {"memory for two ranks", {0}, {.cores = 64, .mem_bytes = 3e9}, 40, 0, {0, 0, 2, 8, 200, 0}, NULL},
    {"train.threads", {0}, {.cores = 64}, 40, 2, {0, 0, 32, 2, 800, 0}, NULL},
    {"two nodes", {.n_nodes = 2}, {.cores = 16}, 40, 0, {2, 0, 4, 8, 200, 0}, NULL},
    {"nodes and ranks of each",
     {.n_nodes = 2, .n_per_node = 4},
     {.cores = 16},
     40,
     0,
     {2, 4, 8, 4, 400, 0},
     NULL},
    {"ranks of each node alone", {.n_per_node = 4}, {0}, 40, 0, {1, 4, 4, 4, 400, 0}, NULL},
    {"nodes from ranks", {.n_per_node = 4, .n_ranks = 10}, {0}, 40, 0, {3, 4, 10, 4, 400, 0}, NULL},
    {"the site's longest job", {0}, {.time_s = 7200}, 40, 0, {0, 0, 4, 4, 400, 7200}, NULL},
    {"all said", {1, 2, 2, 3, 500, 600}, {0}, 40, 0, {1, 2, 2, 3, 500, 600}, NULL},
    {"memory is not asked for",
     {.mem_mb = SG_JOB_NO_MEM},
     {.mem_bytes = 64e9},
     40,
     0,
     {0, 0, 4, 4, -1, 0},
     NULL},
    {"too many cores",
     {.n_threads = 65},
     {.cores = 64},
     40,
     0,
     {0},
     "--cpus-per-task 65: site.yaml allows 64 cores a node"},
    {"too many in all", {.n_per_node = 9, .n_threads = 8}, {.cores = 64}, 40, 0, {0}, "--cpus-per-task 72"},
    {"too many nodes", {.n_nodes = 3}, {.n_nodes = 2}, 40, 0, {0}, "allows 2 nodes"},
    {"too long", {.time_s = 7201}, {.time_s = 7200}, 40, 0, {0}, "allows 7200 seconds"},
    {"too much memory",
     {.mem_mb = 8000, .n_threads = 4},
     {.mem_bytes = 16e9},
     40,
     0,
     {0},
     "32000: site.yaml allows 16000 MB a node"},
    {"more ranks than places",
     {.n_nodes = 2, .n_per_node = 2, .n_ranks = 5},
     {0},
     40,
     0,
     {0},
     "--ntasks 5: more than 2 nodes with 2 each"},
    {"nodes without a rank", {.n_nodes = 3, .n_ranks = 2}, {0}, 40, 0, {0}, "more nodes than ranks (2)"},
};

static void jobs_are_chosen(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sg_job_facts f = {.p = &prepared, .memory = one_gb_a_rank};
        struct sg_job_limits limits = rows[i].limits;
        struct sg_job_size size = {.n_ranks = 77};
        struct sg_err err = {0};
        limits.source = "site.yaml";
        study.train.threads = rows[i].train_threads;
        f.n.n_cells = 50;
        f.n.n_cells_done = 50 - rows[i].n_left;
        f.n.cost = 40 * 3600.0 * 4;
        f.n.longest = 3600;
        sg_status status = sg_job_choose(&f, &rows[i].wish, &limits, &size, &err);
        if (rows[i].words) {
            if (status != SG_INPUT || !strstr(err.text, rows[i].words) || size.n_ranks != 77)
                fail_msg("%s: %d \"%s\"", rows[i].what, status, err.text);
            continue;
        }
        const struct sg_job_size *w = &rows[i].size;
        if (status != SG_OK || size.n_nodes != w->n_nodes || size.n_per_node != w->n_per_node ||
            size.n_ranks != w->n_ranks || size.n_threads != w->n_threads || size.mem_mb != w->mem_mb ||
            (w->time_s && size.time_s != w->time_s))
            fail_msg("%s: %d \"%s\": %d x %d, %d ranks x %d, %d MB, %d s", rows[i].what, status, err.text,
                     (int)size.n_nodes, (int)size.n_per_node, (int)size.n_ranks, (int)size.n_threads,
                     (int)size.mem_mb, (int)size.time_s);
    }
}

static void margins(void **state)
{
    (void)state;
    assert_int_equal(sg_job_minutes(0), 10);
    assert_int_equal(sg_job_minutes(10), 901);
    assert_true(sg_job_minutes(1e30) > 0);
    assert_int_equal(sg_job_mem_mb(0, 4), 100);
    assert_int_equal(sg_job_mem_mb(4e9, 1), 5400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(jobs_are_chosen), cmocka_unit_test(margins)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
