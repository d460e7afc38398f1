#include "gen/pool/rounds.h"

#include "base/json.h"
#include "base/mem.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int64_t sg_rounds_of(const struct sg_rounds *r, int64_t j, int64_t *end)
{
    int64_t round = 0;
    for (; round < r->n; round++) {
        *end = (r->first * (round + 1) + r->n - 1) / r->n;
        if (j < *end)
            return round;
    }
    for (*end = 2 * r->first; j >= *end; *end *= 2)
        round++;
    return round;
}

void sg_rounds_halves(const int32_t *label, int64_t n, int K, int64_t *count, int32_t *half)
{
    for (int k = 0; k < K; k++)
        count[k] = k;
    for (int64_t i = 0; i < n; i++)
        half[i] = (int32_t)(count[label[i]]++ % 2);
}

void sg_hard_rows_free(struct sg_hard_rows *h)
{
    sg_free(h->row);
    sg_free(h->start);
    *h = (struct sg_hard_rows){0};
}

static sg_status hard_rows_create(int64_t n, int K, struct sg_hard_rows *out, struct sg_err *err)
{
    *out = (struct sg_hard_rows){.row = sg_alloc((size_t)n + 1, sizeof *out->row),
                                 .start = sg_alloc((size_t)K + 1, sizeof *out->start)};
    if (out->row && out->start)
        return SG_OK;
    sg_hard_rows_free(out);
    return sg_fail_memory(err, (size_t)n * sizeof *out->row);
}

struct scored {
    int64_t row;
    double margin;
    int32_t label;
    int is_wrong;
};

static int by_class_and_margin(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    if (x->label != y->label)
        return x->label < y->label ? -1 : 1;
    if (x->margin != y->margin)
        return x->margin < y->margin ? -1 : 1;
    return x->row < y->row ? -1 : 1;
}

static struct scored score(const float *logits, int32_t label, int64_t row, int K)
{
    int said = 0;
    double other = 0;
    int has_other = 0;
    for (int k = 0; k < K; k++) {
        said = logits[k] > logits[said] ? k : said;
        if (k != label && (!has_other || (double)logits[k] > other)) {
            other = (double)logits[k];
            has_other = 1;
        }
    }
    return (struct scored){row, (double)logits[label] - other, label, said != label};
}

sg_status sg_rounds_choose(const float *logits, const int32_t *label, int64_t n, int K,
                           struct sg_hard_rows *out, struct sg_err *err)
{
    struct sg_hard_rows h;
    struct scored *x = sg_alloc((size_t)n + 1, sizeof *x);
    if (!x)
        return sg_fail_memory(err, (size_t)n * sizeof *x);
    sg_status status = hard_rows_create(n, K, &h, err);
    if (status != SG_OK) {
        sg_free(x);
        return status;
    }
    for (int64_t i = 0; i < n; i++)
        x[i] = score(logits + i * K, label[i], i, K);
    qsort(x, (size_t)n, sizeof *x, by_class_and_margin);
    int64_t n_chosen = 0, i = 0;
    for (int k = 0; k < K; k++) {
        h.start[k] = n_chosen;
        /* What is wrong has a margin of 0 at most, and comes first, but for what is right by being the first of equals. */
        for (; i < n && x[i].label == k; i++) {
            h.n_wrong += x[i].is_wrong;
            if (x[i].is_wrong || n_chosen - h.start[k] < SG_ROUNDS_LEAST)
                h.row[n_chosen++] = x[i].row;
        }
    }
    h.start[K] = n_chosen;
    sg_free(x);
    *out = h;
    return SG_OK;
}

char *sg_hard_rows_text(const struct sg_hard_rows *h, int64_t n, int K)
{
    json_t *all = json_array();
    for (int k = 0; k < K; k++) {
        json_t *of = json_array();
        for (int64_t i = h->start[k]; i < h->start[k + 1]; i++)
            json_array_append_new(of, json_integer(h->row[i]));
        json_array_append_new(all, of);
    }
    int is_whole = json_array_size(all) == (size_t)K;
    json_t *o =
        json_pack("{s:I, s:I, s:o}", "n_rows", (json_int_t)n, "n_wrong", (json_int_t)h->n_wrong, "rows", all);
    char *text = o && is_whole ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS) : NULL,
         *copy = text ? sg_strdup(text) : NULL;
    free(text);
    json_decref(o);
    return copy;
}

/* Whether the list of class k is one: rows of that class, each once. seen: (n), of all classes. */
static int take_class(const json_t *of, int k, const int32_t *label, int64_t n, char *seen,
                      struct sg_hard_rows *h, int64_t *n_chosen)
{
    h->start[k] = *n_chosen;
    for (size_t i = 0; i < json_array_size(of); i++) {
        const json_t *x = json_array_get(of, i);
        json_int_t row = json_integer_value(x);
        if (!json_is_integer(x) || row < 0 || row >= n || label[row] != k || seen[row])
            return 0;
        seen[row] = 1;
        h->row[(*n_chosen)++] = (int64_t)row;
    }
    return json_is_array(of);
}

sg_status sg_hard_rows_read(const char *text, const int32_t *label, int64_t n, int K,
                            struct sg_hard_rows *out, struct sg_err *err)
{
    struct sg_hard_rows h;
    int64_t n_chosen = 0;
    SG_TRY(hard_rows_create(n, K, &h, err));
    char *seen = sg_alloc((size_t)n + 1, 1);
    json_t *o = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const json_t *rows = json_object_get(o, "rows");
    int is_good = seen && json_is_array(rows) && json_array_size(rows) == (size_t)K &&
                  sg_json_int_or(o, "n_rows", -1) == n;
    for (int k = 0; is_good && k < K; k++)
        is_good = take_class(json_array_get(rows, (size_t)k), k, label, n, seen, &h, &n_chosen);
    h.start[K] = n_chosen;
    h.n_wrong = sg_json_int_or(o, "n_wrong", -1);
    is_good = is_good && h.n_wrong >= 0 && h.n_wrong <= n_chosen;
    json_decref(o);
    sg_free(seen);
    if (is_good) {
        *out = h;
        return SG_OK;
    }
    sg_hard_rows_free(&h);
    return sg_fail(err, SG_INPUT, "what a classifier said of the raw rows is damaged, or of other rows");
}
