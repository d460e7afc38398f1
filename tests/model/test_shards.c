/* The plan of the exact reduction for 1 to 64 ranks, without MPI: who sends what to whom; and how the encoders'
 * parameters are cut into pieces. */
#include "../bench/scaling_model.h"
#include "base/mem.h"
#include "model/shards.h"
#include "mpi/reduce.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct sg_err err;
enum { MAX_RANKS = 64 };

/* Rounds fit together: what a rank sends, its partner expects; the halving ends with one piece a rank, each
 * once; the doubling ends with all. A rank sends n floats less its own piece, there and back. */
static void check_plan(int size, const int64_t *cut)
{
    int k = sg_reduce_rounds(size), seen[MAX_RANKS] = {0};
    assert_int_equal(1 << k, size);
    for (int rank = 0; rank < size; rank++) {
        int64_t lo = 0, hi = cut[size];
        struct sg_reduce_count scatter = {0}, gather = {0}, both = {0};
        for (int j = 0; j < k; j++) {
            struct sg_reduce_round r = sg_reduce_halving(rank, size, cut, j),
                                   s = sg_reduce_halving(r.partner, size, cut, j);
            assert_int_equal(r.partner, rank ^ (1 << j));
            assert_int_equal(s.partner, rank);
            assert_int_equal(r.send, s.receive);
            assert_int_equal(r.n_send, s.n_receive);
            assert_int_equal(r.n_send + r.n_receive, hi - lo);
            assert_true(r.send >= lo && r.send + r.n_send <= hi);
            lo = r.receive;
            hi = lo + r.n_receive;
        }
        int piece = sg_reduce_piece(rank, size);
        assert_int_equal(seen[piece]++, 0);
        assert_int_equal(lo, cut[piece]);
        assert_int_equal(hi, cut[piece + 1]);
        for (int j = 0; j < k; j++) {
            struct sg_reduce_round r = sg_reduce_doubling(rank, size, cut, j);
            assert_int_equal(r.send, lo);
            assert_int_equal(r.n_send, hi - lo);
            assert_true(r.receive + r.n_receive == lo || r.receive == hi);
            lo = r.receive < lo ? r.receive : lo;
            hi += r.n_receive - (r.receive < hi ? r.n_receive : 0);
        }
        assert_int_equal(lo, 0);
        assert_int_equal(hi, cut[size]);
        sg_reduce_foretell(rank, size, cut, SG_SCATTER, &scatter);
        sg_reduce_foretell(rank, size, cut, SG_GATHER, &gather);
        sg_reduce_foretell(rank, size, cut, SG_ALLREDUCE, &both);
        assert_int_equal(scatter.n_bytes, 4 * (cut[size] - (cut[piece + 1] - cut[piece])));
        assert_int_equal(both.n_bytes, scatter.n_bytes + gather.n_bytes);
        assert_int_equal(both.n_messages, scatter.n_messages + gather.n_messages);
    }
}

static void rounds_fit_together(void **state)
{
    (void)state;
    static const int64_t lengths[] = {0, 1, 7, 64, 1000003};
    int64_t cut[MAX_RANKS + 1];
    for (int size = 1; size <= MAX_RANKS; size *= 2)
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            sg_reduce_cut(lengths[i], size, cut);
            check_plan(size, cut);
            for (int piece = 0; piece < size; piece++)
                assert_true(cut[piece + 1] - cut[piece] <= lengths[i] / size + 1);
        }
}

static void check_shards(const struct sg_layout *l)
{
    int64_t n_blocks = sg_shards_blocks(l, NULL), end = 0, cut[MAX_RANKS + 1], lo, hi;
    struct sg_block *block = sg_alloc((size_t)n_blocks, sizeof *block);
    sg_shards_blocks(l, block);
    for (int64_t i = 0; i < n_blocks; i++) {
        assert_int_equal(block[i].offset, end);
        assert_true(block[i].n >= 1 && block[i].n <= SG_BLOCK);
        end += block[i].n;
    }
    assert_int_equal(end, l->n_total - l->at_dense);
    for (int size = 1; size <= MAX_RANKS; size *= 2) {
        int64_t next = 0, at = 0;
        for (int b = 0; b < sg_shards_buckets(l); b++) {
            sg_shards_range(l, b, &lo, &hi);
            assert_int_equal(lo, next);
            next = hi;
            sg_shards_cut(l, b, size, cut);
            assert_int_equal(cut[0], 0);
            assert_int_equal(cut[size], hi - lo);
            for (int i = 1; i <= size; i++) {
                assert_true(cut[i] >= cut[i - 1]);
                while (at < n_blocks && block[at].offset < lo + cut[i])
                    at++;
                assert_int_equal(at < n_blocks ? block[at].offset : end, lo + cut[i]);
                int64_t share = (hi - lo) * i / size, off = cut[i] - share;
                assert_true(off <= SG_BLOCK && off >= -SG_BLOCK);
            }
            check_plan(size, cut);
        }
        assert_int_equal(next, end);
    }
    sg_free(block);
}

static void pieces_end_with_blocks(void **state)
{
    (void)state;
    static const struct sg_shape shapes[] = {
        {.C = 24, .H = 2, .D = 12, .F = 40, .V = 30, .L = 2, .K = 3, .n_positions = 44, .n_types = 2},
        {.C = 384, .H = 12, .D = 32, .F = 1536, .V = 900, .L = 6, .K = 2, .n_positions = 512, .n_types = 2},
        {.C = 768, .H = 12, .D = 64, .F = 3072, .V = 99, .L = 12, .K = 26, .n_positions = 514, .n_types = 1},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct sg_layout l;
        assert_int_equal(sg_layout_create(sg_family_find("bert"), &shapes[i], &l, &err), SG_OK);
        check_shards(&l);
        sg_layout_destroy(&l);
    }
}

/* What the plan sends in a step of 1 to 64 ranks is what the formula of tests/bench/scaling says. */
static void step_sends_what_the_formula_says(void **state)
{
    (void)state;
    const struct sg_shape shapes[] = {scaling_shape(24, 2, 30), scaling_shape(384, 6, 3000),
                                      scaling_shape(768, 12, 3000)};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct sg_layout l;
        assert_int_equal(sg_layout_create(sg_family_find("roberta"), &shapes[i], &l, &err), SG_OK);
        for (int size = 1; size <= SCALING_MAX_RANKS; size *= 2) {
            struct scaling_counts c = scaling_count(&l, 16, 600, size);
            assert_int_equal(c.total.n_bytes, scaling_total_bytes(&c, size));
            assert_true(c.most.n_messages <= scaling_most_messages(&c, size));
            /* Pieces end with blocks, so no rank has much more than the mean to send. */
            assert_true(c.most.n_bytes * size <= c.total.n_bytes + c.total.n_bytes / 4 || i == 0);
        }
        sg_layout_destroy(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rounds_fit_together),
                                       cmocka_unit_test(pieces_end_with_blocks),
                                       cmocka_unit_test(step_sends_what_the_formula_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
