#include "base/mem.h"
#include "results/h5/store_fill_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static sg_status fill_rejects(struct fill *f, int64_t at, const json_t *rejects, struct sg_err *err)
{
    struct pool *p = &f->pool[at];
    const char *reason; /* jansson keeps the order of insertion; the ledger's writer sorts */
    json_t *count;
    p->n_rejected = rejects ? 0 : (double)NAN;
    json_object_foreach ((json_t *)(uintptr_t)rejects, reason, count) {
        if (strncmp(reason, "n_", 2) == 0 || !json_is_integer(count) || json_integer_value(count) == 0)
            continue;
        p->n_rejected += (double)json_integer_value(count);
        union sg_value row[SG_N_REJECTS] = {
            [SG_REJECTS_pool].i = at,
            [SG_REJECTS_task].text = p->task,
            [SG_REJECTS_method].text = p->method,
            [SG_REJECTS_reason].text = reason,
            [SG_REJECTS_count].i = json_integer_value(count),
        };
        SG_TRY(sg_h5_table_add(f->table[SG_T_REJECTS], row, err));
    }
    return SG_OK;
}

/* "near" of struct sg_ledger_pool's rejects. */
static sg_status fill_near(struct fill *f, int64_t at, const json_t *near, struct sg_err *err)
{
    struct pool *p = &f->pool[at];
    p->n_near_raw = p->n_near_test = p->n_near_pool = near ? 0 : (double)NAN;
    for (size_t i = 0; i < json_array_size(near); i++) {
        const json_t *x = json_array_get(near, i);
        const char *key = json_string_value(json_array_get(x, 0)),
                   *kind = json_string_value(json_array_get(x, 2));
        int64_t position = json_integer_value(json_array_get(x, 1));
        if (!key || !kind)
            return sg_fail(err, SG_INPUT, "the ledger is damaged: a pool's near-duplicates");
        if (position >= 0) {
            p->n_near_raw += strcmp(kind, "raw") == 0;
            p->n_near_test += strcmp(kind, "test") == 0;
            p->n_near_pool += strcmp(kind, "pool") == 0;
        }
        union sg_value row[SG_N_NEAR] = {
            [SG_NEAR_pool].i = at,
            [SG_NEAR_task].text = p->task,
            [SG_NEAR_method].text = p->method,
            [SG_NEAR_position].i = position,
            [SG_NEAR_resembles].text = kind,
            [SG_NEAR_row].i = json_integer_value(json_array_get(x, 3)),
            [SG_NEAR_similarity].x = json_number_value(json_array_get(x, 4)),
            [SG_NEAR_completion].text = key,
        };
        SG_TRY(sg_h5_table_add(f->table[SG_T_NEAR], row, err));
    }
    return SG_OK;
}

static int64_t number_of(const json_t *list, int64_t position)
{
    const json_t *x = position < 0 ? NULL : json_array_get(list, (size_t)position);
    return json_is_integer(x) ? (int64_t)json_integer_value(x) : -1;
}

static double probability_of(const json_t *probability, int64_t position)
{
    const json_t *x = position < 0 ? NULL : json_array_get(probability, (size_t)position);
    return json_is_number(x) ? json_number_value(x) : (double)NAN;
}

/* rejects: of struct sg_ledger_pool; NULL: none. */
static sg_status fill_examples(struct fill *f, int64_t at, const json_t *rejects, struct sg_err *err)
{
    const struct pool *p = &f->pool[at];
    struct task *t = find_task(f, p->task);
    const json_t *source = json_object_get(rejects, "source"), *round = json_object_get(rejects, "round"),
                 *probability = json_object_get(rejects, "probability");
    sqlite3_stmt *s = NULL;
    int more = 0;
    sg_status status = SG_OK;
    SG_TRY_DONE(query(
        f, "SELECT position, label, first, second, completion FROM examples WHERE pool=?1 ORDER BY position",
        p->id, &s, err));
    for (;;) {
        SG_TRY_DONE(next(f, s, &more, err));
        if (!more)
            break;
        union sg_value row[SG_N_EXAMPLES] = {
            [SG_EXAMPLES_pool].i = at,
            [SG_EXAMPLES_position].i = sqlite3_column_int64(s, 0),
            [SG_EXAMPLES_task].text = p->task,
            [SG_EXAMPLES_method].text = p->method,
            [SG_EXAMPLES_label].i = sqlite3_column_int64(s, 1),
            [SG_EXAMPLES_class].text = t ? class_name(t, sqlite3_column_int64(s, 1)) : "",
            [SG_EXAMPLES_text].text = column(s, 2),
            [SG_EXAMPLES_text_pair].text = column(s, 3),
            [SG_EXAMPLES_completion].text = column(s, 4),
            [SG_EXAMPLES_source].i = number_of(source, sqlite3_column_int64(s, 0)),
            [SG_EXAMPLES_probability].x = probability_of(probability, sqlite3_column_int64(s, 0)),
            [SG_EXAMPLES_round].i = number_of(round, sqlite3_column_int64(s, 0)),
        };
        SG_TRY_DONE(sg_h5_table_add(f->table[SG_T_EXAMPLES], row, err));
    }
done:
    sqlite3_finalize(s);
    return status;
}

static sg_status fill_diversity(struct fill *f, int64_t at, struct sg_err *err)
{
    const struct pool *p = &f->pool[at];
    sqlite3_stmt *s = NULL;
    json_t *result = NULL;
    int more = 0;
    sg_status status = SG_OK;
    SG_TRY_DONE(query(f, "SELECT result FROM diversity WHERE pool=?1", p->id, &s, err));
    SG_TRY_DONE(next(f, s, &more, err));
    if (more)
        SG_TRY_DONE(object_of(column(s, 0), "a pool's diversity", &result, err));
    union sg_value row[SG_N_DIVERSITY] = {
        [SG_DIVERSITY_pool].i = at,
        [SG_DIVERSITY_task].text = p->task,
        [SG_DIVERSITY_method].text = p->method,
        [SG_DIVERSITY_n].x = real_of(result, "n"),
        [SG_DIVERSITY_mean_similarity].x = real_of(result, "mean_similarity"),
        [SG_DIVERSITY_vendi].x = real_of(result, "vendi"),
        [SG_DIVERSITY_effective_rank].x = real_of(result, "effective_rank"),
    };
    status = sg_h5_table_add(f->table[SG_T_DIVERSITY], row, err);
done:
    json_decref(result);
    sqlite3_finalize(s);
    return status;
}

struct asked {
    char *key;
    int once; /* of equal keys one counts */
};

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct asked *)a)->key, ((const struct asked *)b)->key);
}

/* In the order of their keys, so that the sums of reals have one order. Here, as SQLite sorts rows of three times the size. */
static sg_status find_asked(const struct fill *f, const char *keys, const char *id, struct asked **asked,
                            int64_t *n, struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    int more = 0;
    sg_status status = SG_OK;
    SG_TRY_DONE(query(f, keys, id, &s, err));
    for (;;) {
        SG_TRY_DONE(next(f, s, &more, err));
        if (!more)
            break;
        struct asked *longer = sg_grown(*asked, *n, sizeof *longer);
        char *key = longer ? sg_strdup(column(s, 0)) : NULL;
        *asked = longer ? longer : *asked;
        if (!key)
            SG_TRY_DONE(sg_fail_memory(err, (size_t)*n * 100));
        longer[(*n)++] = (struct asked){key, sqlite3_column_int(s, 1)};
    }
    if (*n)
        qsort(*asked, (size_t)*n, sizeof **asked, by_key);
done:
    sqlite3_finalize(s);
    return status;
}

static void add_completion(struct spend *x, sqlite3_stmt *s)
{
    x->n++;
    x->n_failed += sqlite3_column_int(s, 0) != 0;
    x->tokens_in += sqlite3_column_int64(s, 1);
    x->tokens_out += sqlite3_column_int64(s, 2);
    x->n_estimated += sqlite3_column_int(s, 3) != 0;
    /* What failed was not charged for: what may have been all the same is among the attempts. */
    x->n_unknown += sqlite3_column_int(s, 0) == 0 && sqlite3_column_type(s, 4) == SQLITE_NULL;
    x->cost_usd += sqlite3_column_double(s, 4);
    x->n_recorded += sg_ledger_is_imported(column(s, 5));
    x->latency_s += sqlite3_column_double(s, 6);
}

sg_status sg_fill_sum(const struct fill *f, const char *keys, const char *id, struct spend *out,
                      struct sg_err *err)
{
    sqlite3_stmt *s = NULL;
    struct asked *asked = NULL;
    struct spend x = {0};
    int64_t n = 0;
    int there = 0;
    sg_status status = SG_OK;
    SG_TRY_DONE(find_asked(f, keys, id, &asked, &n, err));
    SG_TRY_DONE(query(f,
                      "SELECT status, tokens_in, tokens_out, tokens_estimated, cost_usd, source, latency_s"
                      " FROM completions WHERE key=?1",
                      NULL, &s, err));
    for (int64_t i = 0; i < n; i++) {
        if (i && asked[i].once && strcmp(asked[i].key, asked[i - 1].key) == 0)
            continue;
        sqlite3_reset(s);
        if (sqlite3_bind_text(s, 1, asked[i].key, -1, SQLITE_STATIC) != SQLITE_OK)
            SG_TRY_DONE(sql_fail(f, err));
        SG_TRY_DONE(next(f, s, &there, err));
        if (there)
            add_completion(&x, s);
    }
    if (x.n_unknown)
        x.cost_usd = NAN;
    *out = x;
done:
    sqlite3_finalize(s);
    for (int64_t i = 0; i < n; i++)
        sg_free(asked[i].key);
    sg_free(asked);
    return status;
}

static sg_status fill_spend(struct fill *f, int64_t at, struct sg_err *err)
{
    /* A pool whose keys were not told has those of its examples; else they are among the ones told. */
    static const char keys[] =
        "SELECT completion, 0 FROM pool_completions WHERE pool=?1 UNION ALL"
        " SELECT completion, 1 FROM examples WHERE pool=?1 AND completion IS NOT NULL AND"
        " NOT EXISTS (SELECT 1 FROM pool_completions WHERE pool=?1)";
    const struct pool *p = &f->pool[at];
    struct spend x;
    SG_TRY(sg_fill_sum(f, keys, p->id, &x, err));
    union sg_value row[SG_N_SPEND] = {
        [SG_SPEND_pool].i = at,
        [SG_SPEND_task].text = p->task,
        [SG_SPEND_method].text = p->method,
        [SG_SPEND_model].text = p->model,
        [SG_SPEND_n_requests].i = x.n,
        [SG_SPEND_n_failed].i = x.n_failed,
        [SG_SPEND_n_rejected].x = p->n_rejected,
        [SG_SPEND_tokens_in].i = x.tokens_in,
        [SG_SPEND_tokens_out].i = x.tokens_out,
        [SG_SPEND_n_tokens_estimated].i = x.n_estimated,
        [SG_SPEND_cost_usd].x = x.cost_usd,
        [SG_SPEND_n_cost_unknown].i = x.n_unknown,
        [SG_SPEND_n_recorded].i = x.n_recorded,
        [SG_SPEND_latency_s].x = x.latency_s,
    };
    return sg_h5_table_add(f->table[SG_T_SPEND], row, err);
}

sg_status sg_fill_pool(struct fill *f, int64_t at, struct sg_err *err)
{
    struct pool *p = &f->pool[at];
    sqlite3_stmt *s = NULL;
    json_t *rejects = NULL;
    int there = 0;
    sg_status status = SG_OK;
    SG_TRY_DONE(
        query(f, "SELECT settings, status, n, rejects, shortfall FROM pools WHERE id=?1", p->id, &s, err));
    SG_TRY_DONE(next(f, s, &there, err));
    if (there) {
        json_t *settings = NULL;
        SG_TRY_DONE(object_of(column(s, 0), "a pool's settings", &settings, err));
        json_decref(p->settings);
        p->settings = settings;
        if (column(s, 3)[0])
            SG_TRY_DONE(object_of(column(s, 3), "a pool's rejects", &rejects, err));
    }
    p->task = sg_json_text_or(p->settings, "task", "");
    p->method = sg_json_text_or(p->settings, "method", "");
    p->model = sg_json_text_or(p->settings, "model", "");
    SG_TRY_DONE(fill_rejects(f, at, rejects, err));
    SG_TRY_DONE(fill_near(f, at, json_object_get(rejects, "near"), err));
    union sg_value row[SG_N_POOLS] = {
        [SG_POOLS_pool].i = at,
        [SG_POOLS_task].text = p->task,
        [SG_POOLS_method].text = p->method,
        [SG_POOLS_seed_generation].i = sg_json_int_or(p->settings, "seed_generation", -1),
        [SG_POOLS_model].text = p->model,
        [SG_POOLS_status].text = there ? column(s, 1) : "planned",
        [SG_POOLS_n_wanted].x = there ? real_of(p->settings, "n_wanted") : (double)NAN,
        [SG_POOLS_n].x = there ? (double)sqlite3_column_int64(s, 2) : (double)NAN,
        [SG_POOLS_n_attempts].x = real_of(rejects, "n_attempts"),
        [SG_POOLS_n_rejected].x = p->n_rejected,
        [SG_POOLS_seed_data].i = sg_json_int_or(p->settings, there ? "seed_data" : "", -1),
        [SG_POOLS_n_near_raw].x = p->n_near_raw,
        [SG_POOLS_n_near_test].x = p->n_near_test,
        [SG_POOLS_n_near_pool].x = p->n_near_pool,
        [SG_POOLS_shortfall].text = there ? column(s, 4) : "",
        [SG_POOLS_id].text = p->id,
        [SG_POOLS_settings].text = there ? column(s, 0) : "",
    };
    SG_TRY_DONE(sg_h5_table_add(f->table[SG_T_POOLS], row, err));
    SG_TRY_DONE(fill_examples(f, at, rejects, err));
    SG_TRY_DONE(fill_diversity(f, at, err));
    status = fill_spend(f, at, err);
done:
    json_decref(rejects);
    sqlite3_finalize(s);
    return status;
}
