/* Decision 5: the same bits for any number of ranks and threads. Every team (of 1, 2, 4, 8 ranks; 3 ranks
 * make teams of 2 and 1; 7 of 4, 2 and 1) trains with 1 and 2 threads; digest, losses and logits equal those
 * of one rank alone. Batches of 6 over 8 lanes leave lanes empty, and the last batch of an epoch has no
 * example for some ranks. */
#include "tiny.h"

#include "mpi/reduce.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct sg_err err;
static int world_rank, world_size;

/* This rank's team: the largest power of two first, then of the rest. */
static struct sg_team my_team(void)
{
    struct sg_team team;
    int first = 0, size = sg_pow2_floor(world_size), color = 0;
    while (world_rank >= first + size) {
        first += size;
        size = sg_pow2_floor(world_size - first);
        color++;
    }
    MPI_Comm_split(MPI_COMM_WORLD, color, world_rank, &team.comm);
    MPI_Comm_rank(team.comm, &team.rank);
    MPI_Comm_size(team.comm, &team.size);
    return team;
}

static void same_bits(void **state)
{
    (void)state;
    static const char *const family[] = {"bert", "roberta"};
    struct sg_team alone = {.comm = MPI_COMM_SELF, .size = 1}, team = my_team();
    for (int f = 0; f < 2; f++) {
        struct sg_rows rows;
        int32_t label[64];
        char dir[64];
        struct sg_encoder *e;
        snprintf(dir, sizeof dir, TINY "%s", family[f]);
        assert_true(tiny_rows(family[f], &rows, label) > 8);
        struct sg_examples x = tiny_examples(&rows, label);
        assert_int_equal(sg_encoder_load(dir, &e, &err), SG_OK);
        for (int64_t lanes = 1; lanes <= 8; lanes *= 2) {
            struct sg_train_settings s = tiny_settings();
            struct sg_train_result one, many;
            s.lanes = lanes;
            assert_int_equal(sg_train(e, &s, &x, &x, &alone, NULL, NULL, &one, &err), SG_OK);
            for (s.threads = 1; s.threads <= 2; s.threads++) {
                assert_int_equal(sg_train(e, &s, &x, &x, &team, NULL, NULL, &many, &err), SG_OK);
                assert_string_equal(many.digest, one.digest);
                assert_memory_equal(many.loss, one.loss, (size_t)one.n_steps * sizeof *one.loss);
                assert_memory_equal(many.logits, one.logits,
                                    (size_t)(one.n_eval * TINY_CLASSES) * sizeof *one.logits);
                assert_int_equal(many.n_tokens, one.n_tokens);
                sg_train_result_free(&many);
            }
            sg_train_result_free(&one);
        }
        sg_encoder_destroy(e);
        sg_rows_free(&rows);
    }
    MPI_Comm_free(&team.comm);
}

static int stop_on_last(void *context)
{
    const struct sg_team *team = context;
    return team->rank == team->size - 1;
}

/* One rank's wish and one team's divergence end all ranks alike; nobody hangs. */
static void all_leave_together(void **state)
{
    (void)state;
    struct sg_team team = my_team();
    struct sg_rows rows;
    int32_t label[64];
    struct sg_encoder *e;
    struct sg_train_result r;
    struct sg_train_settings s = tiny_settings();
    struct sg_train_hooks hooks = {.stopping = stop_on_last, .context = &team};
    assert_true(tiny_rows("bert", &rows, label) > 8);
    struct sg_examples x = tiny_examples(&rows, label);
    assert_int_equal(sg_encoder_load(TINY "bert", &e, &err), SG_OK);
    assert_int_equal(sg_train(e, &s, &x, NULL, &team, &hooks, NULL, &r, &err), SG_STOPPED);
    s.lr = 1e38;
    s.clip = 0.0;
    assert_int_equal(sg_train(e, &s, &x, NULL, &team, NULL, NULL, &r, &err), SG_FAILED);
    assert_non_null(strstr(err.text, "diverged at step"));
    sg_encoder_destroy(e);
    sg_rows_free(&rows);
    MPI_Comm_free(&team.comm);
}

/* The sum is that of the tree, for lengths that do not divide by the ranks; counts follow the formula. */
static void reduction_is_the_tree(void **state)
{
    (void)state;
    struct sg_team team = my_team();
    static const int64_t sizes[] = {0, 1, 2, 3, 7, 64, 1001};
    static float x[1001], scratch[1001], tree[8][1001];
    for (int k = 0; k < 7; k++) {
        int64_t n = sizes[k];
        for (int r = 0; r < team.size; r++)
            for (int64_t i = 0; i < n; i++)
                tree[r][i] = 1.0f / (float)(1 + (7 * r + 3 * i) % 97) - 0.3f * (float)(r % 3);
        memcpy(x, tree[team.rank], (size_t)n * sizeof *x);
        for (int step = 1; step < team.size; step *= 2)
            for (int r = 0; r < team.size; r += 2 * step)
                for (int64_t i = 0; i < n; i++)
                    tree[r][i] += tree[r + step][i];
        struct sg_reduce_count count = {0};
        assert_int_equal(sg_reduce_exact(&team, x, n, scratch, &count, &err), SG_OK);
        assert_memory_equal(x, tree[0], (size_t)n * sizeof *x);
        if (n % team.size == 0)
            assert_int_equal(count.n_bytes, 2 * (n - n / team.size) * 4);
    }
    double losses[300];
    for (int i = 0; i < 300; i++)
        losses[i] = i % team.size == team.rank ? i + 0.25 : 0.0;
    assert_int_equal(sg_reduce_exact_f64(&team, losses, 300, &err), SG_OK);
    for (int i = 0; i < 300; i++)
        assert_true(losses[i] == i + 0.25);
    struct sg_team odd = {.comm = MPI_COMM_WORLD, .rank = 0, .size = 3};
    assert_int_equal(sg_reduce_exact(&odd, x, 1, scratch, NULL, &err), SG_FAILED);
    MPI_Comm_free(&team.comm);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reduction_is_the_tree), cmocka_unit_test(same_bits),
                                       cmocka_unit_test(all_leave_together)};
    int level;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &world_rank);
    MPI_Comm_size(MPI_COMM_WORLD, &world_size);
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return n_failed;
}
