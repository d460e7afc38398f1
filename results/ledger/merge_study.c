#include "results/ledger/merge_impl.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What may differ, with all below it: which part of the grid, and where things are. */
static const char *const free_settings[] = {"tasks",
                                            "classifiers",
                                            "fine_tune_tasks",
                                            "weighting",
                                            "verify",
                                            "methods",
                                            "conditioning",
                                            "prompt_variants",
                                            "rephrase",
                                            "rephrase_tasks",
                                            "sizes",
                                            "raw",
                                            "mixes",
                                            "seeds",
                                            "llm_eval.shots",
                                            "llm_eval.rows",
                                            "llm_eval.seeds",
                                            "data.dir",
                                            "data.train",
                                            "data.test",
                                            "train.encoder",
                                            "generator.base_url",
                                            "generator.api_key_env",
                                            "generator.recording",
                                            "contamination.rows",
                                            "error_driven.rounds",
                                            "generator.retries",
                                            "generator.timeout_s"};

static int is_free(const char *path)
{
    for (size_t i = 0; i < sizeof free_settings / sizeof free_settings[0]; i++)
        if (strcmp(path, free_settings[i]) == 0)
            return 1;
    return 0;
}

/* One meta value of main ("main") or of the input in hand ("src"): new memory, NULL where there is none. */
static sg_status meta(struct sg_merging *m, const char *schema, const char *name, char **value,
                      struct sg_err *err)
{
    char sql[64];
    sqlite3_stmt *s = NULL;
    snprintf(sql, sizeof sql, "SELECT value FROM %s.meta WHERE name=?1", schema);
    int bad = sqlite3_prepare_v2(m->l->db, sql, -1, &s, NULL) != SQLITE_OK;
    sg_status status = SG_OK;
    *value = NULL;
    if (!bad) {
        sg_ledger_bind_text(s, 1, name);
        int rc = sqlite3_step(s);
        bad = rc != SQLITE_ROW && rc != SQLITE_DONE;
        if (rc == SQLITE_ROW && !(*value = sg_strdup(sg_merge_text(s, 0))))
            status = sg_fail_memory(err, 1000);
    }
    if (bad)
        status = sg_ledger_fail(m->l, name, err);
    sqlite3_finalize(s);
    return status;
}

/* Whether a list of the settings has a word other than `but`. */
static int lists(const json_t *settings, const char *key, const char *word, const char *but)
{
    const json_t *list = json_object_get(settings, key);
    int yes = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *x = json_string_value(json_array_get(list, i));
        yes |= x && (word ? strcmp(x, word) == 0 : strcmp(x, but) != 0);
    }
    return yes;
}

static int has_probe(const json_t *s)
{
    return lists(s, "classifiers", "probe", NULL) || lists(s, "weighting", NULL, "none") ||
           lists(s, "verify", "raw_classifier", NULL);
}

static int is_fine_tuned(const json_t *s) /* older settings do not say it */
{
    return !json_object_get(s, "classifiers") || lists(s, "classifiers", "fine_tune", NULL);
}

static int asks_for_classes(const json_t *s)
{
    return json_array_size(json_object_get(json_object_get(s, "llm_eval"), "shots")) > 0;
}

static int has_llm_views(const json_t *s)
{
    return lists(s, "verify", "llm", NULL);
}

static int asks_for_class_names(const json_t *s)
{
    return asks_for_classes(s) || has_llm_views(s);
}

/* What no cell uses where no study of the two has what it is of. */
static int is_unused(const json_t *a, const json_t *b, const char *path)
{
    static const struct {
        const char *begins, *but;
        int (*is_used)(const json_t *settings);
    } table[] = {{"probe.", NULL, has_probe},
                 {"train.", "train.max_length", is_fine_tuned},
                 {"verify_generator", NULL, has_llm_views},
                 {"llm_eval.max_tokens", NULL, asks_for_class_names},
                 {"llm_eval.temperature", NULL, asks_for_classes}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strncmp(path, table[i].begins, strlen(table[i].begins)) == 0 &&
            !(table[i].but && strcmp(path, table[i].but) == 0))
            return !table[i].is_used(a) && !table[i].is_used(b);
    return 0;
}

/* Settings whose null is a choice of the program's (experiments/study/settings.c, none_word). */
static int is_auto(const char *path)
{
    static const char *const name[] = {"probe.c", "train.lr", "train.lanes", "train.threads"};
    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++)
        if (strcmp(path, name[i]) == 0)
            return 1;
    return 0;
}

static void shorten(const json_t *value, char out[80])
{
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    snprintf(out, 80, "%.70s%s", text ? text : "not set", text && strlen(text) > 70 ? "..." : "");
    free(text);
}

/* Of several generators each has what `generator` has; one that only one input has is a part of the grid. */
static int is_free_generator(const char *path, int is_in_both)
{
    char alike[200];
    const char *name = path + strlen("generators.");
    if (strncmp(path, "generators", 10) != 0 || (path[10] && path[10] != '.'))
        return 0;
    if (!path[10])
        return !is_in_both;
    const char *member = strchr(name, '.');
    if (!member)
        return !is_in_both;
    snprintf(alike, sizeof alike, "generator%s", member);
    return is_free(alike);
}

static void shorten_setting(const char *path, const json_t *value, char out[80])
{
    if (json_is_null(value))
        snprintf(out, 80, "%s", is_auto(path) ? "auto" : "empty");
    else
        shorten(value, out);
}

/* An older program does not know the setting that another one left empty. */
static int is_alike(const json_t *x, const json_t *y)
{
    return json_equal(x, y) || ((!x || json_is_null(x)) && (!y || json_is_null(y)));
}

/* The first setting that differs, "" when none does; a and b are objects, of the settings all[0] and all[1]. */
static void difference(const json_t *const all[2], const json_t *a, const json_t *b, const char *above,
                       char found[400])
{
    const json_t *both[] = {a, b};
    for (int side = 0; side < 2 && !found[0]; side++) {
        const char *key;
        json_t *value;
        json_object_foreach ((json_t *)(uintptr_t)both[side], key, value) {
            const json_t *x = json_object_get(a, key), *y = json_object_get(b, key);
            char path[160], left[80], right[80];
            snprintf(path, sizeof path, "%.100s%s%.50s", above, above[0] ? "." : "", key);
            if (found[0] || (side && x) || is_alike(x, y) || is_free(path) ||
                is_free_generator(path, x && y) || is_unused(all[0], all[1], path))
                continue;
            if (json_is_object(x) && json_is_object(y)) {
                difference(all, x, y, path, found);
                continue;
            }
            shorten_setting(path, x, left);
            shorten_setting(path, y, right);
            snprintf(found, 400, "%s is %s and %s", path, left, right);
        }
    }
}

static sg_status parse(const char *text, const char *what, const char *from, json_t **out, struct sg_err *err)
{
    json_error_t why;
    *out = text ? json_loads(text, 0, &why) : json_object();
    if (json_is_object(*out))
        return SG_OK;
    json_decref(*out);
    *out = NULL;
    return sg_fail(err, SG_INPUT, "%s: damaged: its %s are no JSON; hint: restore it from a copy", from,
                   what);
}

static sg_status other_study(const struct sg_merging *m, const char *what, struct sg_err *err)
{
    return sg_fail(err, SG_INPUT, "%s and %s are not of one study: %.600s", m->o->input[0], m->from, what);
}

static sg_status check_settings(struct sg_merging *m, const char *mine, const char *theirs,
                                struct sg_err *err)
{
    json_t *a = NULL, *b = NULL;
    char found[400] = "";
    sg_status status = parse(mine, "settings", m->o->input[0], &a, err);
    if (status == SG_OK)
        status = parse(theirs, "settings", m->from, &b, err);
    if (status == SG_OK)
        difference((const json_t *const[]){a, b}, a, b, "", found);
    if (found[0])
        status = other_study(m, found, err);
    json_decref(a);
    json_decref(b);
    return status;
}

/* Texts that must be the same; that one has none and the other one has some is a difference, too. */
static sg_status check_equal(struct sg_merging *m, const char *name, const char *what, struct sg_err *err)
{
    char *mine = NULL, *theirs = NULL, text[300];
    sg_status status = meta(m, "main", name, &mine, err);
    if (status == SG_OK)
        status = meta(m, "src", name, &theirs, err);
    if (status == SG_OK && ((!mine != !theirs) || (mine && strcmp(mine, theirs) != 0))) {
        snprintf(text, sizeof text, "%s %.64s and %.64s", what, mine ? mine : "(none)",
                 theirs ? theirs : "(none)");
        status = other_study(m, text, err);
    }
    sg_free(mine);
    sg_free(theirs);
    return status;
}

/* Tasks that both have must have the same rows and task file; *all gets those of both. */
static sg_status join_inputs(struct sg_merging *m, json_t *mine, const json_t *theirs, struct sg_err *err)
{
    const char *task, *part;
    json_t *x, *y;
    char text[300];
    json_object_foreach ((json_t *)(uintptr_t)theirs, task, x) {
        const json_t *own = json_object_get(mine, task);
        if (!own) {
            if (json_object_set(mine, task, x) != 0)
                return sg_fail_memory(err, 1000);
            continue;
        }
        json_object_foreach (x, part, y)
            if (!json_equal(y, json_object_get(own, part))) {
                char left[80], right[80];
                shorten(json_object_get(own, part), left);
                shorten(y, right);
                snprintf(text, sizeof text, "the task %.64s: %.40s is %s and %s", task, part, left, right);
                return other_study(m, text, err);
            }
        if (!json_equal(own, x)) {
            snprintf(text, sizeof text, "the task %.64s has other rows", task);
            return other_study(m, text, err);
        }
    }
    return SG_OK;
}

static sg_status check_inputs(struct sg_merging *m, struct sg_err *err)
{
    char *mine = NULL, *theirs = NULL, *text = NULL;
    json_t *a = NULL, *b = NULL;
    sg_status status;
    SG_TRY_DONE(meta(m, "main", "inputs", &mine, err));
    SG_TRY_DONE(meta(m, "src", "inputs", &theirs, err));
    SG_TRY_DONE(parse(mine, "inputs", m->o->input[0], &a, err));
    SG_TRY_DONE(parse(theirs, "inputs", m->from, &b, err));
    SG_TRY_DONE(join_inputs(m, a, b, err));
    text = json_dumps(a, JSON_SORT_KEYS | JSON_COMPACT);
    status = text ? sg_ledger_meta_set(m->l, "inputs", text, err) : sg_fail_memory(err, 1000);
done:
    sg_free(mine);
    sg_free(theirs);
    free(text);
    json_decref(a);
    json_decref(b);
    return status;
}

/* Whether a list of words holds one. */
static int has_word(const char *list, const char *word, size_t n)
{
    for (const char *p = list; *p; p += strcspn(p, " "), p += *p == ' ')
        if (strncmp(p, word, n) == 0 && (p[n] == ' ' || !p[n]))
            return 1;
    return 0;
}

/* Which models have answered, and what their servers refuse: the words of both. */
static sg_status join_words(struct sg_merging *m, sqlite3_stmt *row, struct sg_err *err)
{
    struct sg_buf all = sg_buf_make(1 << 16);
    const char *name = sg_merge_text(row, 0);
    sg_buf_puts(&all, sg_merge_text(row, 1));
    for (const char *p = sg_merge_text(row, 2); *p; p += *p == ' ') {
        size_t n = strcspn(p, " ");
        if (n && !has_word(sg_buf_text(&all), p, n)) {
            sg_buf_puts(&all, all.len ? " " : "");
            sg_buf_add(&all, p, n);
        }
        p += n;
    }
    sg_status status = sg_buf_check(&all, "the models that answered", err);
    if (status == SG_OK)
        status = sg_ledger_meta_set(m->l, name, sg_buf_text(&all), err);
    sg_buf_free(&all);
    return status;
}

static sg_status join_meta(struct sg_merging *m, struct sg_err *err)
{
    SG_TRY(sg_merge_each(m,
                         "SELECT a.name, a.value, b.value FROM main.meta a JOIN src.meta b ON b.name=a.name"
                         " WHERE a.value<>b.value AND (a.name GLOB 'generator_*models' OR a.name GLOB "
                         "'generator_*refused')",
                         join_words, err));
    /* embeddings.h5 is not carried along: a run makes it again. */
    SG_TRY(sg_merge_do(m,
                       "INSERT OR IGNORE INTO main.meta(name, value) SELECT name, value FROM src.meta"
                       " WHERE name NOT IN ('version', 'embeddings_sha256')",
                       0, NULL, err));
    return sg_merge_do(m,
                       "UPDATE main.meta SET value=(SELECT min(value) FROM (SELECT value FROM src.meta WHERE "
                       "name='run_created' UNION ALL SELECT value FROM main.meta WHERE name='run_created'))"
                       " WHERE name='run_created'",
                       0, NULL, err);
}

static sg_status next_shift(struct sg_merging *m, sqlite3_stmt *row, struct sg_err *err)
{
    (void)err;
    m->shift = sqlite3_column_int64(row, 0) + 1;
    return SG_OK;
}

/* An input with the settings of an earlier one has its plan; another's comes behind all of them. */
static sg_status place(struct sg_merging *m, struct sg_err *err)
{
    SG_TRY(sg_merge_each(m,
                         "SELECT max(max(ifnull((SELECT max(ordinal) FROM main.cells), -1),"
                         " ifnull((SELECT max(ordinal) FROM main.pools), -1),"
                         " ifnull((SELECT max(ordinal) FROM main.evaluations), -1),"
                         " ifnull((SELECT max(ordinal) FROM main.contaminations), -1),"
                         " ifnull((SELECT max(ordinal) FROM main.bias), -1)), -1)",
                         next_shift, err));
    int is_new = 1;
    for (int i = 0; i < m->k && is_new; i++)
        if (strcmp(m->plan[i].settings, m->plan[m->k].settings) == 0) {
            m->shift = m->plan[i].shift;
            is_new = 0;
        }
    m->plan[m->k].shift = m->shift;
    if (m->k && is_new)
        m->found->is_same_plan = 0;
    return SG_OK;
}

static sg_status other_pool(struct sg_merging *m, sqlite3_stmt *row, struct sg_err *err)
{
    char what[400];
    snprintf(what, sizeof what,
             "the pool %.100s of %.100s is another one there (other prompts or rows, or an imported file "
             "with other content)",
             sg_merge_text(row, 1), sg_merge_text(row, 0));
    return other_study(m, what, err);
}

/* Settings name the task files and the files of imported pools, but not what is in them. */
static sg_status check_pools(struct sg_merging *m, struct sg_err *err)
{
#define SAME(key)                                                                                            \
    "ifnull(json_extract(a.settings,'$." key "'),'')=ifnull(json_extract(b.settings,'$." key "'),'')"
    return sg_merge_each(
        m,
        "SELECT json_extract(a.settings,'$.task'), json_extract(a.settings,'$.method') FROM "
        "main.pools a JOIN src.pools b ON " SAME("task") " AND " SAME("method") " AND " SAME(
            "seed_generation") " AND " SAME("seed_data") " WHERE a.id<>b.id AND "
                                                         "a.ordinal>=0 AND b.ordinal>=0 LIMIT 1",
        other_pool, err);
#undef SAME
}

sg_status sg_merge_study(struct sg_merging *m, struct sg_err *err)
{
    char *study = NULL, *settings = NULL;
    SG_TRY(meta(m, "src", "study", &study, err));
    int has_study = study != NULL;
    sg_free(study);
    if (!has_study)
        return sg_fail(err, SG_INPUT,
                       "%s: no study has been run there; hint: merge results folders of `synthgrid run` or "
                       "`generate`",
                       m->from);
    SG_TRY(meta(m, "src", "settings", &settings, err));
    m->plan[m->k].settings = settings ? settings : sg_strdup("{}");
    if (!m->plan[m->k].settings)
        return sg_fail_memory(err, 10);
    if (m->k) {
        SG_TRY(check_equal(m, "study", "they are called", err));
        SG_TRY(check_settings(m, m->plan[0].settings, m->plan[m->k].settings, err));
        SG_TRY(check_equal(m, "encoder_sha256", "the digests of their encoders are", err));
        SG_TRY(check_equal(m, "rehearsal", "one was rehearsed with a stub server:", err));
        SG_TRY(check_pools(m, err));
    }
    SG_TRY(check_inputs(m, err));
    SG_TRY(join_meta(m, err));
    return place(m, err);
}
