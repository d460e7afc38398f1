#include "results/export/pools.h"

#include "base/json.h"
#include "base/mem.h"
#include "results/export/words.h"
#include "results/h5/store_tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int64_t task_of(const struct sg_export_pools *p, const char *name)
{
    for (int64_t t = 0; t < p->n_tasks; t++)
        if (strcmp(p->task[t].name, name) == 0)
            return t;
    return -1;
}

/* Its place; -1 without memory. */
static int64_t enter_task(struct sg_export_pools *p, const char *name)
{
    int64_t t = task_of(p, name);
    if (t >= 0)
        return t;
    struct sg_export_task *list = sg_grown(p->task, p->n_tasks, sizeof *list);
    if (!list)
        return -1;
    p->task = list;
    list[p->n_tasks] = (struct sg_export_task){.name = sg_strdup(name)};
    return list[p->n_tasks].name ? p->n_tasks++ : -1;
}

static sg_status read_class(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct sg_export_pools *p = context;
    int64_t i = enter_task(p, row[SG_CLASSES_task].text);
    if (i < 0)
        return sg_fail_memory(err, 100);
    struct sg_export_task *t = &p->task[i];
    if (row[SG_CLASSES_label].i != t->n_classes)
        return sg_fail(err, SG_INPUT, "damaged: row %lld of /classes is out of order", (long long)at);
    char **list = sg_grown(t->class_, t->n_classes, sizeof *list);
    if (list)
        t->class_ = list;
    if (!list || !(list[t->n_classes] = sg_strdup(row[SG_CLASSES_class].text)))
        return sg_fail_memory(err, 100);
    t->n_classes++;
    return SG_OK;
}

/* By the bytes that readers see: two names that are no UTF-8 may be the same there. */
static sg_status check_names(struct sg_export_task *t, struct sg_err *err)
{
    int good = t->n_classes > 0;
    struct sg_buf a = sg_buf_make(1 << 24), b = sg_buf_make(1 << 24);
    for (int64_t i = 0; i < t->n_classes && good; i++) {
        sg_buf_clear(&a);
        sg_words_utf8(&a, t->class_[i]);
        good = t->class_[i][0] && !a.failed;
        for (int64_t k = 0; k < i && good; k++) {
            sg_buf_clear(&b);
            sg_words_utf8(&b, t->class_[k]);
            good = !b.failed && strcmp(sg_buf_text(&a), sg_buf_text(&b)) != 0;
        }
    }
    t->has_labels = good;
    sg_status status = sg_buf_check(a.failed ? &a : &b, "the names of classes", err);
    sg_buf_free(&a);
    sg_buf_free(&b);
    return status;
}

static sg_status read_pool(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct sg_export_pools *p = context;
    struct sg_export_pool *list = sg_grown(p->pool, p->n, sizeof *list);
    int64_t task = list ? enter_task(p, row[SG_POOLS_task].text) : -1;
    if (list)
        p->pool = list;
    if (task < 0)
        return sg_fail_memory(err, sizeof *list);
    if (row[SG_POOLS_pool].i != at)
        return sg_fail(err, SG_INPUT, "damaged: row %lld of /pools is out of order", (long long)at);
    struct sg_export_pool *x = &list[p->n++];
    *x = (struct sg_export_pool){
        .task = task,
        .config = -1,
        .method = sg_strdup(row[SG_POOLS_method].text),
        .model = sg_strdup(row[SG_POOLS_model].text),
        .status = sg_strdup(row[SG_POOLS_status].text),
        .shortfall = sg_strdup(row[SG_POOLS_shortfall].text),
        .id = sg_strdup(row[SG_POOLS_id].text),
        .seed_generation = row[SG_POOLS_seed_generation].i,
        .seed_data = row[SG_POOLS_seed_data].i,
        .n_wanted = row[SG_POOLS_n_wanted].x,
        .n_attempts = row[SG_POOLS_n_attempts].x,
        .n_rejected = row[SG_POOLS_n_rejected].x,
    };
    const char *settings = row[SG_POOLS_settings].text;
    if (sg_json_parse(settings, strlen(settings), "a pool's settings", &x->settings, NULL) != SG_OK)
        x->settings = NULL;
    return x->method && x->model && x->status && x->shortfall && x->id ? SG_OK : sg_fail_memory(err, 1000);
}

struct reading {
    struct sg_export_pools *p;
    int64_t last; /* pool of the row before */
};

/* The pool of a row of /examples, which come pool after pool and in their order. */
static sg_status pool_of(struct reading *r, int64_t at, const union sg_value *row,
                         struct sg_export_pool **out, struct sg_err *err)
{
    struct sg_export_pools *p = r->p;
    int64_t i = row[SG_EXAMPLES_pool].i;
    if (i < 0 || i >= p->n || i < r->last)
        return sg_fail(err, SG_INPUT, "damaged: row %lld of /examples has no pool, or is out of order",
                       (long long)at);
    int64_t label = row[SG_EXAMPLES_label].i, n_classes = p->task[p->pool[i].task].n_classes;
    if (label < 0 || (n_classes && label >= n_classes))
        return sg_fail(err, SG_INPUT, "damaged: row %lld of /examples has no class", (long long)at);
    r->last = i;
    *out = &p->pool[i];
    return SG_OK;
}

static sg_status count_example(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct reading *r = context;
    struct sg_export_pool *x = NULL;
    SG_TRY(pool_of(r, at, row, &x, err));
    if (!x->n++ && !(x->completion = sg_strdup(row[SG_EXAMPLES_completion].text)))
        return sg_fail_memory(err, 100);
    r->p->task[x->task].has_pairs |= row[SG_EXAMPLES_text_pair].text[0] != 0;
    r->p->task[x->task].has_probabilities |= !isnan(row[SG_EXAMPLES_probability].x);
    return SG_OK;
}

/* `name`, or where another has it, name-2, name-3, ...: some file systems and readers do not tell a from A. taken: the names so far, folded. */
static char *unique(json_t *taken, const char *name)
{
    for (int64_t i = 1; i < INT32_MAX; i++) {
        char *own = i == 1 ? sg_strdup(name) : sg_strf("%s-%lld", name, (long long)i),
             *folded = sg_strdup(own);
        if (!folded) {
            sg_free(own);
            return NULL;
        }
        for (char *s = folded; *s; s++)
            *s = (char)(*s >= 'A' && *s <= 'Z' ? *s + 32 : *s);
        int is_new = !json_object_get(taken, folded);
        int bad = is_new && json_object_set_new(taken, folded, json_true()) != 0;
        sg_free(folded);
        if (is_new && !bad)
            return own;
        sg_free(own);
        if (bad)
            return NULL;
    }
    return NULL;
}

static int64_t config_of(const struct sg_export_pools *p, const struct sg_export_pool *x)
{
    for (int64_t c = 0; c < p->n_configs; c++)
        if (p->config[c].task == x->task && strcmp(p->config[c].method, x->method) == 0)
            return c;
    return -1;
}

static sg_status name_pool(struct sg_export_pools *p, struct sg_export_pool *x, json_t *taken,
                           struct sg_err *err)
{
    struct sg_buf task = sg_buf_make(1000), method = sg_buf_make(1000), name = sg_buf_make(1000);
    char *own = NULL, *folder = NULL;
    sg_status status = SG_OK;
    sg_words_name(&task, p->task[x->task].name);
    sg_words_name(&method, x->method);
    x->config = config_of(p, x);
    if (x->config < 0) {
        struct sg_export_config *list = sg_grown(p->config, p->n_configs, sizeof *list);
        sg_buf_printf(&name, "%s-%s", sg_buf_text(&task), sg_buf_text(&method));
        own = list && !name.failed ? unique(taken, sg_buf_text(&name)) : NULL;
        if (list)
            p->config = list;
        if (!own)
            SG_TRY_DONE(sg_fail_memory(err, 1000));
        x->config = p->n_configs++;
        list[x->config] = (struct sg_export_config){.name = own, .task = x->task, .method = x->method};
    }
    p->config[x->config].n += x->n;
    sg_buf_clear(&name);
    sg_buf_printf(&name, "data/%s/%s-g%lld", sg_buf_text(&task), sg_buf_text(&method),
                  (long long)x->seed_generation);
    if (x->seed_data >= 0)
        sg_buf_printf(&name, "-d%lld", (long long)x->seed_data);
    if (task.failed || method.failed || name.failed)
        SG_TRY_DONE(sg_fail_memory(err, 1000));
    folder = unique(taken, sg_buf_text(&name));
    x->file = folder ? sg_strf("%s.jsonl", folder) : NULL;
    status = x->file ? SG_OK : sg_fail_memory(err, 1000);
done:
    sg_free(folder);
    sg_buf_free(&task);
    sg_buf_free(&method);
    sg_buf_free(&name);
    return status;
}

sg_status sg_export_pools_read(hid_t file, const char *path, struct sg_export_pools *out, struct sg_err *err)
{
    struct sg_export_pools p = {0};
    struct reading r = {.p = &p};
    json_t *taken = json_object();
    sg_status status = taken ? SG_OK : sg_fail_memory(err, 100);
    if (status == SG_OK)
        status = sg_h5_table_each(file, &sg_store_tables[SG_T_CLASSES], path, read_class, &p, err);
    if (status == SG_OK)
        status = sg_h5_table_each(file, &sg_store_tables[SG_T_POOLS], path, read_pool, &p, err);
    if (status == SG_OK)
        status = sg_h5_table_each(file, &sg_store_tables[SG_T_EXAMPLES], path, count_example, &r, err);
    for (int64_t t = 0; t < p.n_tasks && status == SG_OK; t++)
        status = check_names(&p.task[t], err);
    for (int64_t i = 0; i < p.n && status == SG_OK; i++)
        if (p.pool[i].n)
            status = name_pool(&p, &p.pool[i], taken, err);
    json_decref(taken);
    if (status == SG_OK)
        *out = p;
    else
        sg_export_pools_free(&p);
    return status;
}

void sg_export_pools_free(struct sg_export_pools *p)
{
    for (int64_t t = 0; t < p->n_tasks; t++) {
        for (int64_t c = 0; c < p->task[t].n_classes; c++)
            sg_free(p->task[t].class_[c]);
        sg_free(p->task[t].class_);
        sg_free(p->task[t].name);
    }
    for (int64_t i = 0; i < p->n; i++) {
        struct sg_export_pool *x = &p->pool[i];
        char *const text[] = {x->method, x->model, x->status, x->shortfall, x->id, x->file, x->completion};
        for (size_t k = 0; k < sizeof text / sizeof *text; k++)
            sg_free(text[k]);
        json_decref(x->settings);
    }
    for (int64_t c = 0; c < p->n_configs; c++)
        sg_free(p->config[c].name);
    sg_free(p->task);
    sg_free(p->pool);
    sg_free(p->config);
    *p = (struct sg_export_pools){0};
}

const struct sg_export_field sg_export_fields[] = {
    {"text", "string", "the text; the first one of a pair"},
    {"text_pair", "string", "the second text of a pair"},
    {"label", "int64", "class index"},
    {"class", "string", "class name"},
    {"position", "int64", "place in the pool; a size of the study is a prefix of it"},
    {"pool", "int64", "ordinal of the pool in results.h5"},
    {"seed_generation", "int64", "generation seed"},
    {"seed_data", "int64", "draw of the raw rows that the prompts show; null: they show none"},
    {"model", "string", "the language model that wrote it; empty: none did"},
    {"completion", "string",
     "key of its completion in the study's ledger: SHA-256 of the request; empty: none was asked for"},
    {"source", "int64", "of a rephrased example: position of what it rephrases; null: none"},
    {"probability", "float64", "that the model gave it (method verbalized), as it was written; null: none"},
};
const int sg_n_export_fields = sizeof sg_export_fields / sizeof *sg_export_fields;

int sg_export_has_field(const struct sg_export_task *t, const struct sg_export_field *f)
{
    return strcmp(f->name, "text_pair") == 0     ? t->has_pairs
           : strcmp(f->name, "probability") == 0 ? t->has_probabilities
                                                 : 1;
}

struct writing {
    struct reading r;
    struct sg_out *o;
    int64_t n; /* of the pool, so far */
};

static json_t *number_or_null(int64_t x)
{
    return x < 0 ? json_null() : json_integer(x);
}

static sg_status write_example(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct writing *w = context;
    struct sg_export_pool *x = NULL;
    SG_TRY(pool_of(&w->r, at, row, &x, err));
    const struct sg_export_task *t = &w->r.p->task[x->task];
    if (!w->n++)
        SG_TRY(sg_out_begin(w->o, x->file, err));
    json_t *o = json_pack(
        "{s:o, s:o*, s:I, s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o*}", "text",
        sg_words_json(row[SG_EXAMPLES_text].text), "text_pair",
        t->has_pairs ? sg_words_json(row[SG_EXAMPLES_text_pair].text) : NULL, "label",
        (json_int_t)row[SG_EXAMPLES_label].i, "class", sg_words_json(row[SG_EXAMPLES_class].text), "position",
        (json_int_t)row[SG_EXAMPLES_position].i, "pool", (json_int_t)row[SG_EXAMPLES_pool].i,
        "seed_generation", (json_int_t)x->seed_generation, "seed_data", number_or_null(x->seed_data), "model",
        sg_words_json(x->model), "completion", sg_words_json(row[SG_EXAMPLES_completion].text), "source",
        number_or_null(row[SG_EXAMPLES_source].i), "probability",
        !t->has_probabilities                   ? NULL
        : isnan(row[SG_EXAMPLES_probability].x) ? json_null()
                                                : json_real(row[SG_EXAMPLES_probability].x));
    char *line = o ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    if (!line)
        return sg_fail_memory(err, 1000);
    sg_out_puts(w->o, line);
    sg_out_puts(w->o, "\n");
    free(line);
    if (w->n < x->n)
        return SG_OK;
    w->n = 0;
    return sg_out_end(w->o, err);
}

sg_status sg_export_pools_write(struct sg_out *o, hid_t file, const char *path,
                                const struct sg_export_pools *p, struct sg_err *err)
{
    struct sg_export_pools copy = *p; /* the walk changes none of it */
    struct writing w = {.r = {.p = &copy}, .o = o};
    return sg_h5_table_each(file, &sg_store_tables[SG_T_EXAMPLES], path, write_example, &w, err);
}
