#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "experiments/study/study.h"

#include <stdlib.h>

struct place {
    double at; /* of the row among those of its class: 0 to 1 */
    int64_t row;
};

static int by_place(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int order = (x->at > y->at) - (x->at < y->at);
    return order ? order : (x->row > y->row) - (x->row < y->row);
}

/* The first n of all rows, each class with its share at every n: the i-th of the m shuffled rows of a class stands at (i + 1/2) / m. */
static sg_status draw_shares(const int32_t *label, int64_t n_rows, int n_classes, uint64_t seed, int64_t n,
                             int64_t *index, struct sg_err *err)
{
    int64_t *of_class = sg_alloc((size_t)n_rows + 1, sizeof *of_class);
    struct place *place = sg_alloc((size_t)n_rows + 1, sizeof *place);
    if (!of_class || !place) {
        sg_free(of_class);
        sg_free(place);
        return sg_fail_memory(err, (size_t)n_rows * sizeof *place);
    }
    for (int k = 0; k < n_classes; k++) {
        struct sg_rng rng = sg_rng_make(seed, (uint64_t)k);
        int64_t m = 0;
        for (int64_t i = 0; i < n_rows; i++)
            if (label[i] == k)
                of_class[m++] = i;
        sg_rng_shuffle(&rng, of_class, m);
        for (int64_t i = 0; i < m; i++)
            place[of_class[i]] = (struct place){((double)i + 0.5) / (double)m, of_class[i]};
    }
    qsort(place, (size_t)n_rows, sizeof *place, by_place);
    for (int64_t i = 0; i < n; i++)
        index[i] = place[i].row;
    sg_free(of_class);
    sg_free(place);
    return SG_OK;
}

sg_status sg_raw_draw(const struct sg_task_data *d, int n_classes, int64_t n, int64_t data_seed,
                      int64_t *index, struct sg_err *err)
{
    int64_t n_rows = d->train.n;
    if (n > n_rows)
        return sg_fail(err, SG_INPUT,
                       "raw asks for %lld %s, but %s has %lld %s; hint: smaller numbers in raw, or more data",
                       (long long)n, sg_plural(n, "example", "examples"),
                       d->train_path ? d->train_path : "the training file", (long long)n_rows,
                       sg_plural(n_rows, "row", "rows"));
    if (d->draw == SG_RAW_PROPORTIONAL)
        return draw_shares(d->train_label, n_rows, n_classes,
                           sg_seed_of("raw rows by share, data seed %lld", (long long)data_seed), n, index,
                           err);
    /* Rows by class (start[k] .. start[k+1]), each class shuffled on its own; the order of classes too. */
    int64_t *by_class = sg_alloc((size_t)(n_rows + 3 * n_classes + 1), sizeof *by_class);
    if (!by_class)
        return sg_fail_memory(err, (size_t)n_rows * sizeof *by_class);
    int64_t *start = by_class + n_rows, *next = start + n_classes + 1, *order = next + n_classes;
    for (int64_t i = 0; i < n_rows; i++)
        start[d->train_label[i] + 1]++;
    for (int k = 0; k < n_classes; k++) {
        start[k + 1] += start[k];
        next[k] = start[k];
        order[k] = k;
    }
    for (int64_t i = 0; i < n_rows; i++)
        by_class[next[d->train_label[i]]++] = i;
    uint64_t seed = sg_seed_of("raw rows, data seed %lld", (long long)data_seed);
    struct sg_rng rng = sg_rng_make(seed, 0);
    sg_rng_shuffle(&rng, order, n_classes);
    for (int k = 0; k < n_classes; k++) {
        rng = sg_rng_make(seed, (uint64_t)k + 1);
        sg_rng_shuffle(&rng, by_class + start[k], start[k + 1] - start[k]);
        next[k] = start[k];
    }
    /* Class after class in turn; one that is used up is passed over, so that the others share its places
     * evenly. */
    for (int64_t j = 0, turn = 0; j < n; j++, turn++) {
        int64_t k = order[turn % n_classes];
        while (next[k] == start[k + 1])
            k = order[++turn % n_classes];
        index[j] = by_class[next[k]++];
    }
    sg_free(by_class);
    return SG_OK;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

sg_status sg_test_draw(const struct sg_task_data *d, int n_classes, int64_t n, int64_t *index,
                       struct sg_err *err)
{
    SG_TRY(draw_shares(d->test_label, d->test.n, n_classes, sg_seed_of("test rows"), n, index, err));
    qsort(index, (size_t)n, sizeof *index, ascending);
    return SG_OK;
}
