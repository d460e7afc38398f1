#include "check.h"

#include "base/heap.h"
#include "base/rng.h"

#include <stdlib.h>

enum { MANY = 300 };

struct card {
    int value, number; /* number: tells equals apart */
};

/* Low values first where *rising, high ones else; equals in the order of their numbers. */
static int comes_first(const int *rising, const struct card *a, const struct card *b)
{
    int less = *rising ? a->value < b->value : a->value > b->value;
    return less || (a->value == b->value && a->number < b->number);
}

SG_HEAP(cards, struct card, int, comes_first)

static struct card drawn(struct sg_rng *r, int number)
{
    return (struct card){(int)sg_rng_below(r, 40), number}; /* with many equals */
}

/* Pushed in any order, with some taken out in between, they come out in order. */
static void in_order(void **state)
{
    (void)state;
    for (int rising = 0; rising < 2; rising++) {
        struct sg_rng r = sg_rng_make(7, (uint64_t)rising);
        for (int size = 0; size <= MANY; size = size < 4 ? size + 1 : 3 * size) {
            struct card heap[MANY], before = {0};
            int64_t n = 0;
            for (int i = 0; i < size; i++)
                cards_push(heap, &n, drawn(&r, i), &rising);
            for (int i = 0; i < size / 3; i++) {
                cards_pop(heap, &n, &rising);
                cards_push(heap, &n, drawn(&r, MANY + i), &rising);
            }
            assert_int_equal(n, size);
            for (int i = 0; i < size; i++) {
                struct card top = cards_pop(heap, &n, &rising);
                assert_true(i == 0 || comes_first(&rising, &before, &top));
                before = top;
            }
            assert_int_equal(n, 0);
        }
    }
}

/* With the last one on top, replaced by what comes before it, the heap keeps the first k of all. */
static void keeps_the_first(void **state)
{
    (void)state;
    enum { KEPT = 10 };
    int falling = 0;
    struct sg_rng r = sg_rng_make(8, 0);
    struct card heap[KEPT];
    int seen[MANY], n_below = 0;
    int64_t n = 0;
    for (int i = 0; i < MANY; i++) {
        struct card c = {(int)sg_rng_below(&r, 1000000), i};
        seen[i] = c.value;
        if (n < KEPT)
            cards_push(heap, &n, c, &falling);
        else if (c.value < heap[0].value)
            cards_replace(heap, n, c, &falling);
    }
    for (int i = 0; i < MANY; i++)
        n_below += seen[i] <= heap[0].value;
    assert_int_equal(n_below, KEPT);
    int last = cards_pop(heap, &n, &falling).value;
    while (n) {
        int value = cards_pop(heap, &n, &falling).value;
        assert_true(value <= last);
        last = value;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_order), cmocka_unit_test(keeps_the_first)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
