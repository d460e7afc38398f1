/* Decision 5: the same bits for any number of ranks and threads. Every team (of 1, 2, 4, 8 ranks; 3 ranks
 * make teams of 2 and 1; 7 of 4, 2 and 1) trains with 1 and 2 threads; digest, losses and logits equal those
 * of one rank alone. Batches of 6 over 8 lanes leave lanes empty, and the last batch of an epoch has no
 * example for some ranks. */
#include "base/mem.h"
#include "model/checkpoint.h"
#include "tiny.h"

#include "model/kernels/ops.h"
#include "mpi/reduce.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void same_bits_of(const struct sg_encoder *e, const struct sg_examples *x, const struct sg_team *team,
                         struct sg_train_settings s)
{
    const struct sg_team alone = {.comm = MPI_COMM_SELF, .size = 1};
    struct sg_train_result one, many;
    assert_int_equal(sg_train(e, &s, x, x, &alone, NULL, NULL, &one, &err), SG_OK);
    for (s.threads = 1; s.threads <= 2; s.threads++) {
        assert_int_equal(sg_train(e, &s, x, x, team, NULL, NULL, &many, &err), SG_OK);
        assert_string_equal(many.digest, one.digest);
        assert_memory_equal(many.loss, one.loss, (size_t)one.n_steps * sizeof *one.loss);
        assert_memory_equal(many.logits, one.logits,
                            (size_t)(one.n_eval * TINY_CLASSES) * sizeof *one.logits);
        assert_int_equal(many.n_tokens, one.n_tokens);
        sg_train_result_free(&many);
    }
    sg_train_result_free(&one);
}

static void same_bits(void **state)
{
    (void)state;
    static const char *const family[] = {"bert", "roberta"};
    struct sg_team team = my_team();
    for (int f = 0; f < 2; f++) {
        struct sg_rows rows;
        int32_t label[64];
        char dir[64];
        struct sg_encoder *e, *own;
        snprintf(dir, sizeof dir, TINY "%s", family[f]);
        assert_true(tiny_rows(family[f], &rows, label) > 8);
        struct sg_examples x = tiny_examples(&rows, label);
        assert_int_equal(sg_encoder_identify(dir, &e, &err), SG_OK);
        assert_int_equal(sg_encoder_read(e, &team, &err), SG_OK);
        assert_int_equal(e->weights.n_ranks, team.size);
        assert_int_equal(sg_encoder_load(dir, &own, &err), SG_OK);
        assert_memory_equal(sg_encoder_arena(e), sg_encoder_arena(own),
                            (size_t)own->layout.n_total * sizeof(float));
        sg_encoder_destroy(own);
        for (int64_t lanes = 1; lanes <= 8; lanes *= 2) {
            struct sg_train_settings s = tiny_settings();
            s.lanes = lanes;
            same_bits_of(e, &x, &team, s);
            s.precision = SG_BF16;
            if (lanes == 4 && sg_ops_best(SG_BF16))
                same_bits_of(e, &x, &team, s);
        }
        for (int k = 0; k < 3; k++) { /* layers and freeze; all kept, some, none */
            static const char *const bytes[] = {"1000000", "3000", "0"};
            struct sg_train_settings s = tiny_settings();
            s.lanes = k ? 4 : 8;
            s.layers = 1 + f;
            s.freeze = 1 + (f && k == 1); /* of roberta the first layer, then both */
            assert_int_equal(setenv("SG_FROZEN_BYTES", bytes[k], 1), 0);
            same_bits_of(e, &x, &team, s);
        }
        assert_int_equal(unsetenv("SG_FROZEN_BYTES"), 0);
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

enum { N_BUCKETS = 6, MOST = 2500000 };

/* Every rank's value of float i of a bucket. */
static float value(int rank, int bucket, int64_t i)
{
    return 1.0f / (float)(1 + (7 * rank + 3 * i + bucket) % 97) - 0.3f * (float)((rank + bucket) % 3);
}

static float tree(int bucket, int64_t i, int lo, int hi)
{
    if (hi - lo == 1)
        return value(lo, bucket, i);
    int mid = lo + (hi - lo) / 2;
    return tree(bucket, i, lo, mid) + tree(bucket, i, mid, hi);
}

/* Several buckets under way at once, of lengths that do not divide, shorter than the team, empty, and longer
 * than all pieces that may be under way; cut evenly and not. The sums are those of the tree; what was sent is
 * what the plan foretells. */
static void reduction_is_the_tree(void **state)
{
    (void)state;
    struct sg_team team = my_team();
    static const int64_t n[N_BUCKETS] = {1001, 0, 3, MOST, 64, 1};
    static float x[N_BUCKETS][MOST];
    int64_t cut[N_BUCKETS][9];
    struct sg_reduction *r;
    struct sg_reduce_count want = {0};
    assert_int_equal(sg_reduction_create(&team, N_BUCKETS, n, &r, &err), SG_OK);
    for (int round = 0; round < 2; round++) { /* an idle bucket can start again */
        for (int b = 0; b < N_BUCKETS; b++) {
            enum sg_reduce_job job = b % 2 ? SG_SCATTER : SG_ALLREDUCE;
            sg_reduce_cut(n[b], team.size, cut[b]);
            for (int i = 1; i < team.size && b == 4; i++)
                cut[b][i] = 60; /* almost all to the first, nothing to most */
            for (int64_t i = 0; i < n[b]; i++)
                x[b][i] = value(team.rank, b, i);
            sg_reduction_start(r, b, job, x[b], cut[b]);
            sg_reduction_poke(r);
            sg_reduce_foretell(team.rank, team.size, cut[b], job, &want);
        }
        assert_int_equal(sg_reduction_wait(r, &err), SG_OK);
        for (int b = 1; b < N_BUCKETS; b += 2) {
            const int64_t *mine = cut[b] + sg_reduce_piece(team.rank, team.size);
            for (int64_t i = mine[0]; i < mine[1]; i++)
                if (x[b][i] != tree(b, i, 0, team.size))
                    fail_msg("bucket %d, float %lld after the scatter", b, (long long)i);
            sg_reduction_start(r, b, SG_GATHER, x[b], cut[b]);
            sg_reduce_foretell(team.rank, team.size, cut[b], SG_GATHER, &want);
        }
        assert_int_equal(sg_reduction_wait(r, &err), SG_OK);
        for (int b = 0; b < N_BUCKETS; b++)
            for (int64_t i = 0; i < n[b]; i++)
                if (x[b][i] != tree(b, i, 0, team.size))
                    fail_msg("bucket %d, float %lld", b, (long long)i);
    }
    struct sg_reduce_count have = sg_reduction_count(r);
    assert_int_equal(have.n_bytes, want.n_bytes);
    assert_int_equal(have.n_messages, want.n_messages);
    sg_reduction_destroy(r);
    MPI_Comm_free(&team.comm);
}

static void doubles_too(void **state)
{
    (void)state;
    struct sg_team team = my_team();
    enum { N = 5000 };
    static double losses[N];
    struct sg_reduce_count have = {0}, want = {0};
    for (int i = 0; i < N; i++)
        losses[i] = i % team.size == team.rank ? i + 0.25 : 0.0;
    assert_int_equal(sg_reduce_exact_f64(&team, losses, N, &have, &err), SG_OK);
    for (int i = 0; i < N; i++)
        assert_true(losses[i] == i + 0.25);
    sg_reduce_foretell_f64(team.size, N, &want);
    assert_int_equal(have.n_bytes, want.n_bytes);
    assert_int_equal(have.n_messages, want.n_messages);

    struct sg_team odd = {.comm = MPI_COMM_WORLD, .rank = 0, .size = 3};
    struct sg_reduction *r;
    int64_t one = 1;
    assert_int_equal(sg_reduce_exact_f64(&odd, losses, 1, NULL, &err), SG_FAILED);
    assert_int_equal(sg_reduction_create(&odd, 1, &one, &r, &err), SG_FAILED);
    MPI_Comm_free(&team.comm);
}

/* MPI's own sum has other bits, but is a sum: for the benchmark. */
static void mpi_allreduce_trains_too(void **state)
{
    (void)state;
    struct sg_team team = my_team();
    struct sg_rows rows;
    int32_t label[64];
    struct sg_encoder *e;
    struct sg_train_result exact, other;
    struct sg_train_settings s = tiny_settings();
    assert_true(tiny_rows("bert", &rows, label) > 8);
    struct sg_examples x = tiny_examples(&rows, label);
    assert_int_equal(sg_encoder_load(TINY "bert", &e, &err), SG_OK);
    assert_int_equal(sg_train(e, &s, &x, NULL, &team, NULL, NULL, &exact, &err), SG_OK);
    s.reduce = SG_TRAIN_MPI_ALLREDUCE;
    assert_int_equal(sg_train(e, &s, &x, NULL, &team, NULL, NULL, &other, &err), SG_OK);
    for (int64_t i = 0; i < exact.n_steps; i++)
        assert_float_equal(exact.loss[i], other.loss[i], 1e-3);
    sg_train_result_free(&exact);
    sg_train_result_free(&other);
    sg_encoder_destroy(e);
    sg_rows_free(&rows);
    MPI_Comm_free(&team.comm);
}

/* The first `size` ranks; others get 0. */
static int first_ranks(int size, struct sg_team *team)
{
    MPI_Comm_split(MPI_COMM_WORLD, world_rank < size ? 0 : MPI_UNDEFINED, world_rank, &team->comm);
    team->rank = world_rank;
    team->size = size;
    return world_rank < size;
}

struct stopper {
    const struct sg_team *team;
    int asked, after;
};

static int stop_after(void *context)
{
    struct stopper *s = context;
    return ++s->asked > s->after && s->team->rank == s->team->size - 1;
}

static int yield_after_two(void *context)
{
    int *asked = context;
    return ++*asked == 2;
}

/* A run that is handed from team to team by the memory of rank 0, on all ways between two sizes, ends with the bits of one that stayed;
 * and says who trained it. */
static void check_handover(int64_t freeze)
{
    struct sg_team alone = {.comm = MPI_COMM_SELF, .size = 1}, team;
    struct sg_rows rows;
    int32_t label[64];
    struct sg_encoder *e;
    struct sg_train_result one, r;
    struct sg_train_settings s = tiny_settings();
    assert_true(tiny_rows("roberta", &rows, label) > 8);
    struct sg_examples x = tiny_examples(&rows, label);
    s.lanes = 4;
    s.freeze = freeze;
    s.steps = 11;
    assert_int_equal(sg_encoder_load(TINY "roberta", &e, &err), SG_OK);
    assert_int_equal(sg_train(e, &s, &x, &x, &alone, NULL, NULL, &one, &err), SG_OK);
    assert_true(one.n_teams == 1 && one.most_ranks == 1 && one.rank_s == one.train_s);
    for (int first = 1; first <= world_size; first *= 2)
        for (int second = 1; second <= world_size; second *= 2) {
            const int size[] = {first, second, 1, first};
            void *state = NULL;
            size_t n_state = 0, left = sg_mem_now();
            for (int part = 0; part < 4; part++) {
                int asked = 0, is_last = part == 3;
                struct sg_train_handover hand = {.state = state,
                                                 .n_state = n_state,
                                                 .yielding = is_last ? NULL : yield_after_two,
                                                 .least_s = -1};
                struct sg_train_hooks hooks = {.context = &asked, .handover = &hand};
                if (!first_ranks(size[part], &team))
                    continue;
                assert_int_equal(sg_train(e, &s, &x, &x, &team, &hooks, NULL, &r, &err),
                                 is_last ? SG_OK : SG_STOPPED);
                assert_true(is_last || (hand.state != NULL) == (world_rank == 0));
                assert_true(world_rank != 0 || asked == (is_last ? 0 : 2));
                state = hand.state;
                n_state = hand.n_state;
                MPI_Comm_free(&team.comm);
                if (!is_last)
                    continue;
                assert_null(state);
                assert_int_equal(r.first_step, 0); /* it was handed over, not resumed */
                assert_int_equal(r.n_teams, 4);
                assert_int_equal(r.most_ranks, first > second ? first : second);
                assert_true(first + second == 2 ? fabs(r.rank_s - r.train_s) < 1e-9
                                                : r.rank_s > r.train_s * 1.0001);
                assert_string_equal(r.digest, one.digest);
                assert_int_equal(r.n_tokens, one.n_tokens);
                assert_memory_equal(r.loss, one.loss, (size_t)one.n_steps * sizeof *one.loss);
                assert_memory_equal(r.logits, one.logits,
                                    (size_t)(one.n_eval * TINY_CLASSES) * sizeof *one.logits);
                sg_train_result_free(&r);
            }
            assert_int_equal(sg_mem_now(), left);
        }
    sg_train_result_free(&one);
    sg_encoder_destroy(e);
    sg_rows_free(&rows);
}

static void handed_over(void **state)
{
    (void)state;
    check_handover(0);
    check_handover(1);
}

/* A run stopped on one team goes on on another, in the middle of an epoch, and ends with the bits of one that
 * was never stopped. */
static void check_resumes(int64_t freeze)
{
    struct sg_team alone = {.comm = MPI_COMM_SELF, .size = 1}, team;
    struct sg_rows rows;
    int32_t label[64];
    struct sg_encoder *e;
    struct sg_train_result one, r;
    struct sg_train_settings s = tiny_settings();
    char path[64] = "";
    if (world_rank == 0)
        snprintf(path, sizeof path, "/tmp/sg-lanes-test-%ld.snapshot", (long)getpid());
    MPI_Bcast(path, sizeof path, MPI_CHAR, 0, MPI_COMM_WORLD);
    assert_true(tiny_rows("roberta", &rows, label) > 8);
    struct sg_examples x = tiny_examples(&rows, label);
    s.lanes = 4;
    s.freeze = freeze;
    assert_int_equal(sg_encoder_load(TINY "roberta", &e, &err), SG_OK);
    assert_int_equal(sg_train(e, &s, &x, &x, &alone, NULL, NULL, &one, &err), SG_OK);
    for (int before = 1; before <= world_size; before *= 2)
        for (int after = 1; after <= world_size; after *= 2) {
            struct stopper stopper = {&team, 0, 3};
            struct sg_train_hooks hooks = {
                .stopping = stop_after, .context = &stopper, .snapshot = {.path = path, .every_s = 0}};
            if (first_ranks(before, &team)) {
                assert_int_equal(sg_train(e, &s, &x, &x, &team, &hooks, NULL, &r, &err), SG_STOPPED);
                MPI_Comm_free(&team.comm);
            }
            hooks = (struct sg_train_hooks){.snapshot = {.path = path, .every_s = 1e9}};
            MPI_Barrier(MPI_COMM_WORLD);
            if (first_ranks(after, &team)) {
                assert_int_equal(sg_train(e, &s, &x, &x, &team, &hooks, NULL, &r, &err), SG_OK);
                assert_int_equal(r.first_step, before == 1 ? 3 : 4);
                assert_string_equal(r.digest, one.digest);
                assert_int_equal(r.n_tokens, one.n_tokens);
                assert_memory_equal(r.loss, one.loss, (size_t)one.n_steps * sizeof *one.loss);
                assert_memory_equal(r.logits, one.logits,
                                    (size_t)(one.n_eval * TINY_CLASSES) * sizeof *one.logits);
                sg_train_result_free(&r);
                MPI_Comm_free(&team.comm);
            }
            MPI_Barrier(MPI_COMM_WORLD);
            if (world_rank == 0) { /* the result is not safe before the caller says so */
                assert_true(sg_file_exists(path));
                sg_train_snapshot_remove(path);
                assert_false(sg_file_exists(path));
            }
            MPI_Barrier(MPI_COMM_WORLD);
        }
    /* What is no snapshot of this run: all ranks hear of it, or, where that may be, start from the start. */
    for (int may_fail = 0; may_fail <= 1; may_fail++) {
        struct sg_train_hooks hooks = {.snapshot = {.path = path, .every_s = 1e9, .may_fail = may_fail}};
        if (world_rank == 0)
            assert_int_equal(sg_file_write(path, "SGSNAP01 and so on", 18, &err), SG_OK);
        team = my_team();
        int first = world_rank < sg_pow2_floor(world_size);
        MPI_Barrier(MPI_COMM_WORLD);
        if (first) {
            assert_int_equal(sg_train(e, &s, &x, NULL, &team, &hooks, NULL, &r, &err),
                             may_fail ? SG_OK : SG_INPUT);
            if (may_fail) {
                assert_string_equal(r.digest, one.digest);
                sg_train_result_free(&r);
            }
        }
        MPI_Comm_free(&team.comm);
    }
    assert_false(world_rank == 0 && sg_file_exists(path));
    sg_train_result_free(&one);
    sg_encoder_destroy(e);
    sg_rows_free(&rows);
}

static void resumes_on_any_team(void **state)
{
    (void)state;
    check_resumes(0);
    check_resumes(1);
}

struct disk {
    const struct sg_team *team;
    char dir[32], path[48];
    int n_warnings, last_step;
    double last_s;
};

static void disk_warns(void *context, const char *text)
{
    struct disk *d = context;
    assert_non_null(strstr(text, d->path));
    d->n_warnings++;
}

static int disk_stops(void *context)
{
    const struct disk *d = context;
    return d->last_step >= 5;
}

/* The folder goes after steps 1 and 4, each time with a checkpoint in it, and comes back after step 3. */
static void disk_breaks(void *context, int64_t step, int64_t n_steps, double loss)
{
    struct disk *d = context;
    (void)n_steps, (void)loss;
    double took_s = sg_now_s() - d->last_s;
    if (step == 1 || step == 4) {
        assert_true(sg_file_exists(d->path));
        assert_int_equal(unlink(d->path), 0);
        assert_int_equal(rmdir(d->dir), 0);
    } else if (step == 3)
        assert_int_equal(mkdir(d->dir, 0777), 0);
    if (step <= 4) /* the next one is due after 30 times what the last one took */
        sg_sleep_us((int64_t)(31e6 * took_s));
    d->last_step = (int)step;
    d->last_s = sg_now_s();
}

/* A disk that fails ends no run and changes no bit; a run that stops then says on all ranks that nothing is
 * kept. */
static void goes_on_without_a_disk(void **state)
{
    (void)state;
    struct sg_team alone = {.comm = MPI_COMM_SELF, .size = 1}, team;
    struct sg_rows rows;
    int32_t label[64];
    struct sg_encoder *e;
    struct sg_train_result one, r;
    struct sg_train_settings s = tiny_settings();
    assert_true(tiny_rows("bert", &rows, label) > 8);
    struct sg_examples x = tiny_examples(&rows, label);
    s.steps = 8;
    s.lanes = 4;
    assert_int_equal(sg_encoder_load(TINY "bert", &e, &err), SG_OK);
    assert_int_equal(sg_train(e, &s, &x, NULL, &alone, NULL, NULL, &one, &err), SG_OK);
    for (int stops = 0; stops <= 1; stops++) {
        struct disk d = {.team = &team, .dir = "/tmp/sg-disk-XXXXXX", .last_s = sg_now_s()};
        assert_true(world_rank != 0 || mkdtemp(d.dir));
        MPI_Bcast(d.dir, sizeof d.dir, MPI_CHAR, 0, MPI_COMM_WORLD);
        snprintf(d.path, sizeof d.path, "%s/run", d.dir);
        struct sg_train_hooks hooks = {.progress = disk_breaks,
                                       .stopping = stops ? disk_stops : NULL,
                                       .warn = disk_warns,
                                       .context = &d,
                                       .snapshot = {.path = d.path, .every_s = 0}};
        if (!first_ranks(sg_pow2_floor(world_size), &team))
            continue;
        if (stops) {
            assert_int_equal(sg_train(e, &s, &x, NULL, &team, &hooks, NULL, &r, &err), SG_FAILED);
            assert_non_null(strstr(err.text, "after step 4 is lost"));
            assert_non_null(strstr(err.text, d.path));
        } else {
            assert_int_equal(sg_train(e, &s, &x, NULL, &team, &hooks, NULL, &r, &err), SG_OK);
            assert_string_equal(r.digest, one.digest);
            sg_train_result_free(&r);
        }
        assert_int_equal(d.n_warnings, world_rank == 0 ? 2 : 0); /* not of each try */
        MPI_Comm_free(&team.comm);
    }
    sg_train_result_free(&one);
    sg_encoder_destroy(e);
    sg_rows_free(&rows);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reduction_is_the_tree),
                                       cmocka_unit_test(doubles_too),
                                       cmocka_unit_test(same_bits),
                                       cmocka_unit_test(mpi_allreduce_trains_too),
                                       cmocka_unit_test(resumes_on_any_team),
                                       cmocka_unit_test(handed_over),
                                       cmocka_unit_test(goes_on_without_a_disk),
                                       cmocka_unit_test(all_leave_together)};
    int level;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &world_rank);
    MPI_Comm_size(MPI_COMM_WORLD, &world_size);
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return n_failed;
}
