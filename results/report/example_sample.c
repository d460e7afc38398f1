#include "results/report/example_sample.h"

#include "base/mem.h"
#include "results/h5/store_open.h"
#include "results/h5/store_tables.h"

#include <stdlib.h>
#include <string.h>

/* What a row is in a page beside its texts. */
enum { ROW_BYTES = 400, N_LABELS = 4096 };

struct reader {
    const struct sg_report_data *d;
    struct sg_sample *s;
    int64_t *first; /* (n_pools + 1): where a pool's examples begin */
    int64_t *rank;  /* (N_LABELS): examples of the pool at hand, by class */
    int64_t *bytes; /* of all examples of a rank */
    int64_t n_ranks;
    int64_t pool; /* at hand */
};

static sg_status damaged(struct sg_err *err, const char *table, int64_t row)
{
    return sg_fail(err, SG_INPUT, "damaged: row %lld of /%s names what is not there", (long long)row, table);
}

/* First pass: places, classes and lengths. */
static sg_status read_place(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct reader *r = context;
    struct sg_sample *s = r->s;
    int64_t pool = row[SG_EXAMPLES_pool].i;
    if (pool < r->pool || pool >= r->d->n_pools)
        return damaged(err, "examples", at);
    for (; r->pool < pool; r->pool++) {
        r->first[r->pool + 1] = s->n;
        memset(r->rank, 0, N_LABELS * sizeof *r->rank);
    }
    struct sg_sample_example *list = sg_grown(s->example, s->n, sizeof *list);
    if (!list)
        return sg_fail_memory(err, sizeof *list);
    s->example = list;
    struct sg_sample_example *e = &list[s->n++];
    *e = (struct sg_sample_example){.pool = pool,
                                    .position = row[SG_EXAMPLES_position].i,
                                    .source = row[SG_EXAMPLES_source].i,
                                    .rank = r->rank[(uint64_t)row[SG_EXAMPLES_label].i % N_LABELS]++,
                                    .probability = row[SG_EXAMPLES_probability].x,
                                    .near = -1};
    if (e->rank >= r->n_ranks) {
        int64_t *bytes = sg_grown(r->bytes, r->n_ranks, sizeof *bytes);
        if (!bytes)
            return sg_fail_memory(err, sizeof *bytes);
        r->bytes = bytes;
        r->bytes[r->n_ranks++] = 0;
    }
    r->bytes[e->rank] +=
        ROW_BYTES + (int64_t)(strlen(row[SG_EXAMPLES_text].text) + strlen(row[SG_EXAMPLES_text_pair].text)) *
                        (e->source >= 0 ? 2 : 1);
    return SG_OK;
}

/* The example at a place of a pool; -1: there is none. */
static int64_t find(const struct reader *r, int64_t pool, int64_t position)
{
    int64_t low = r->first[pool], high = r->first[pool + 1];
    if (position >= 0 && position < high - low && r->s->example[low + position].position == position)
        return low + position;
    for (int64_t i = low; i < high; i++)
        if (r->s->example[i].position == position)
            return i;
    return -1;
}

/* Whether a method's name is another's without the word that says that its pools are rephrased ("zero_shot rephrased by small"). */
static int is_source_of(const char *plain, const char *rephrased)
{
    static const char word[] = " rephrased";
    const char *at = strstr(rephrased, word);
    size_t n = at ? (size_t)(at - rephrased) : 0;
    return at && strncmp(plain, rephrased, n) == 0 && strcmp(plain + n, at + strlen(word)) == 0;
}

/* The pool whose examples this one's are in other words; -1: none. */
static int64_t source_pool(const struct reader *r, int64_t pool)
{
    const struct sg_report_pool *p = &r->d->pool[pool];
    for (int64_t i = 0; i < r->d->n_pools; i++) {
        const struct sg_report_pool *q = &r->d->pool[i];
        if (strcmp(p->task, q->task) == 0 && is_source_of(q->method, p->method) &&
            p->seed_generation == q->seed_generation && p->seed_data == q->seed_data)
            return i;
    }
    return -1;
}

static sg_status read_near(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct reader *r = context;
    struct sg_sample *s = r->s;
    int64_t pool = row[SG_NEAR_pool].i, position = row[SG_NEAR_position].i, example = -1;
    if (pool < 0 || pool >= r->d->n_pools)
        return damaged(err, "near_duplicates", at);
    if (position < 0 && s->n_rejected++ >= SG_SAMPLE_MAX_REJECTED)
        return SG_OK;
    if (position >= 0) {
        example = find(r, pool, position);
        if (example < 0)
            return damaged(err, "near_duplicates", at);
        struct sg_sample_example *e = &s->example[example];
        if (e->rank >= s->per_class ||
            (e->near >= 0 && s->near[e->near].similarity >= row[SG_NEAR_similarity].x))
            return SG_OK;
        e->near = s->n_near;
    }
    struct sg_sample_near *list = sg_grown(s->near, s->n_near, sizeof *list);
    if (!list)
        return sg_fail_memory(err, sizeof *list);
    s->near = list;
    struct sg_sample_near *near = &list[s->n_near++];
    *near = (struct sg_sample_near){.pool = pool,
                                    .row = row[SG_NEAR_row].i,
                                    .example = -1,
                                    .similarity = row[SG_NEAR_similarity].x,
                                    .is_rejected = position < 0,
                                    .resembles = sg_strdup(row[SG_NEAR_resembles].text),
                                    .completion = sg_strdup(row[SG_NEAR_completion].text)};
    if (!near->resembles || !near->completion)
        return sg_fail_memory(err, 100);
    if (strcmp(near->resembles, "pool") == 0)
        near->example = find(r, pool, near->row);
    return SG_OK;
}

/* Second pass: the texts that are shown. */
static sg_status read_texts(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct sg_sample_example *e = &((struct reader *)context)->s->example[at];
    if (!e->is_needed)
        return SG_OK;
    e->text = sg_strdup(row[SG_EXAMPLES_text].text);
    e->text_pair = sg_strdup(row[SG_EXAMPLES_text_pair].text);
    e->class_ = sg_strdup(row[SG_EXAMPLES_class].text);
    e->completion = sg_strdup(row[SG_EXAMPLES_completion].text);
    return e->text && e->text_pair && e->class_ && e->completion ? SG_OK : sg_fail_memory(err, 1000);
}

static sg_status read_test_row(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct reader *r = context;
    (void)at;
    for (int64_t i = 0; i < r->s->n_near; i++) {
        struct sg_sample_near *near = &r->s->near[i];
        if (near->text || near->row != row[SG_TEST_ROWS_row].i || strcmp(near->resembles, "test") != 0 ||
            strcmp(r->d->pool[near->pool].task, row[SG_TEST_ROWS_task].text) != 0)
            continue;
        near->text =
            sg_strf("%s%s%s", row[SG_TEST_ROWS_text].text, row[SG_TEST_ROWS_text_pair].text[0] ? " | " : "",
                    row[SG_TEST_ROWS_text_pair].text);
        if (!near->text)
            return sg_fail_memory(err, 1000);
    }
    return SG_OK;
}

/* The most of each class that fit, and whose texts that takes. */
static void choose(struct reader *r)
{
    struct sg_sample *s = r->s;
    int64_t total = 0;
    while (s->per_class < r->n_ranks && (total += r->bytes[s->per_class]) <= SG_SAMPLE_BYTES)
        s->per_class++;
    if (r->n_ranks && !s->per_class)
        s->per_class = 1;
    for (int64_t i = 0; i < s->n; i++) {
        struct sg_sample_example *e = &s->example[i];
        if (e->source >= 0) {
            int64_t pool = source_pool(r, e->pool);
            e->source = pool < 0 ? -1 : find(r, pool, e->source);
        }
        if (e->rank >= s->per_class)
            continue;
        s->n_shown++;
        e->is_needed = 1;
        if (e->source >= 0)
            s->example[e->source].is_needed = 1;
    }
}

static sg_status read_all(hid_t file, const char *path, struct reader *r, struct sg_err *err)
{
    struct sg_sample *s = r->s;
    SG_TRY(sg_h5_table_each(file, &sg_store_tables[SG_T_EXAMPLES], path, read_place, r, err));
    for (; r->pool < r->d->n_pools; r->pool++)
        r->first[r->pool + 1] = s->n;
    choose(r);
    SG_TRY(sg_h5_table_each(file, &sg_store_tables[SG_T_NEAR], path, read_near, r, err));
    for (int64_t i = 0; i < s->n_near; i++)
        if (s->near[i].example >= 0)
            s->example[s->near[i].example].is_needed = 1;
    SG_TRY(sg_h5_table_each(file, &sg_store_tables[SG_T_EXAMPLES], path, read_texts, r, err));
    return sg_h5_table_each(file, &sg_store_tables[SG_T_TEST_ROWS], path, read_test_row, r, err);
}

sg_status sg_sample_read(const char *path, const struct sg_report_data *d, struct sg_sample *out,
                         struct sg_err *err)
{
    struct sg_sample s = {0};
    struct reader r = {.d = d,
                       .s = &s,
                       .first = sg_alloc((size_t)d->n_pools + 2, sizeof *r.first),
                       .rank = sg_alloc(N_LABELS, sizeof *r.rank)};
    hid_t file = -1;
    sg_status status = r.first && r.rank ? sg_store_open(path, &file, err) : sg_fail_memory(err, N_LABELS);
    if (status == SG_OK) {
        status = read_all(file, path, &r, err);
        H5Fclose(file);
    }
    sg_free(r.first);
    sg_free(r.rank);
    sg_free(r.bytes);
    if (status == SG_OK)
        *out = s;
    else
        sg_sample_free(&s);
    return status;
}

void sg_sample_free(struct sg_sample *s)
{
    for (int64_t i = 0; i < s->n; i++) {
        sg_free(s->example[i].text);
        sg_free(s->example[i].text_pair);
        sg_free(s->example[i].class_);
        sg_free(s->example[i].completion);
    }
    for (int64_t i = 0; i < s->n_near; i++) {
        sg_free(s->near[i].resembles);
        sg_free(s->near[i].completion);
        sg_free(s->near[i].text);
    }
    sg_free(s->example);
    sg_free(s->near);
    *s = (struct sg_sample){0};
}
