#include "experiments/study/imports.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "experiments/study/paths.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_FILES = 10000 };

/* ---- the study's words ---- */

#define IMPORT(field) .offset = offsetof(struct sg_import, field)
#define COLUMN(key, field, what)                                                                             \
    {                                                                                                        \
        key, SG_SET_TEXT, SG_SET_NULL, IMPORT(field), .unit = "a column's name", .help = what                \
    }

static const struct sg_setting table[] = {
    {"name", SG_SET_TEXT, SG_SET_REQUIRED, IMPORT(name), .check = sg_settings_check_name, .unit = "a name",
     .help = "what tables call the method, like name: theirs"},
    {"pool", SG_SET_TEXT, SG_SET_REQUIRED, IMPORT(pool), .unit = "a file or folder",
     .help = "the rows, like pool: exports/{task}.jsonl; {task} stands for the task's name"},
    COLUMN("text", first, "the column of the text, or of a pair's first one in the encoder's order"),
    COLUMN("text_pair", second, "the column of a pair's second text"),
    COLUMN("label", label, "the label's column"),
    {"tasks", SG_SET_TEXTS, SG_SET_NULL, IMPORT(task), .n_offset = offsetof(struct sg_import, n_tasks),
     .unit = "names", .check = sg_settings_check_name, .help = "the tasks that the rows are for; empty: all"},
};
static const struct sg_schema schema = {table, sizeof table / sizeof table[0], 0};

static sg_status read_one(struct sg_study *s, const struct sg_yaml *at, struct sg_err *err)
{
    struct sg_import *x = &s->import[s->n_imports];
    struct sg_reading r = {.schema = &schema, .arena = s->arena, .base = x};
    struct sg_buf source = sg_buf_make(2000);
    sg_buf_safe(&source, at->source, 1000);
    if (at->line)
        sg_buf_printf(&source, ":%d:%d", at->line, at->column);
    sg_buf_puts(&source, ": methods");
    *x = (struct sg_import){.at = at};
    sg_status status = sg_schema_defaults(&r, err);
    if (status == SG_OK)
        status = sg_schema_apply(&r, at, err);
    if (status == SG_OK)
        status = sg_schema_complete(&r, sg_buf_text(&source), err);
    sg_buf_free(&source);
    SG_TRY(status);
    for (int i = 0; i < s->n_imports; i++)
        if (strcmp(s->import[i].name, x->name) == 0)
            return sg_yaml_fail(at, err, "two methods are called \"%s\"; hint: rename one", x->name);
    if (sg_method_of(x->name) >= 0)
        return sg_yaml_fail(at, err, "\"%s\" is a method of its own; hint: call the import otherwise",
                            x->name);
    if (x->second && !x->first)
        return sg_yaml_fail(at, err,
                            "text_pair is set, but text is not; hint: name both columns of the pair");
    s->n_imports++;
    return SG_OK;
}

sg_status sg_imports_read(struct sg_settings *all, struct sg_err *err)
{
    struct sg_study *s = &all->study;
    int n = 0;
    for (const struct sg_yaml *c = all->imports ? all->imports->child : NULL; c; c = c->next)
        n += c->kind == SG_YAML_MAP;
    if (!n)
        return SG_OK;
    s->import = sg_arena_alloc(s->arena, (size_t)n, sizeof *s->import);
    if (!s->import)
        return sg_fail_memory(err, (size_t)n * sizeof *s->import);
    for (const struct sg_yaml *c = all->imports->child; c; c = c->next)
        if (c->kind == SG_YAML_MAP)
            SG_TRY(read_one(s, c, err));
    return SG_OK;
}

static sg_status check_one(const struct sg_study *s, int import, int is_narrowed, struct sg_err *err)
{
    const struct sg_import *x = &s->import[import];
    int n_of = 0;
    for (int i = 0; i < x->n_tasks && !(is_narrowed && x->at->line > 0); i++) {
        if (sg_study_task_of(s, x->task[i]) < 0)
            return sg_yaml_fail(
                x->at, err,
                "method %s has rows for task %s, which the study does not have; hint: leave it out", x->name,
                x->task[i]);
    }
    for (int t = 0; t < s->n_tasks; t++) {
        const struct sg_task *task = &s->task[t];
        if (!sg_import_is_of(s, import, t))
            continue;
        n_of++;
        if (x->first && task->second && !x->second)
            return sg_yaml_fail(
                x->at, err,
                "method %s names one column, but the texts of task %s are pairs; hint: text is that "
                "of its %s, text_pair that of its %s",
                x->name, task->name, task->first, task->second);
        if (x->second && !task->second)
            return sg_yaml_fail(
                x->at, err, "method %s names a text_pair, but task %s has single texts; hint: leave it out",
                x->name, task->name);
    }
    if (n_of > 1 && !strstr(x->pool, "{task}"))
        return sg_yaml_fail(
            x->at, err,
            "method %s has one pool, \"%s\", for %d tasks; hint: tasks: [%s] says which one it is for, "
            "or {task} in the path stands for the task's name",
            x->name, x->pool, n_of, s->task[0].name);
    return SG_OK;
}

sg_status sg_imports_check(const struct sg_study *s, int is_narrowed, struct sg_err *err)
{
    for (int i = 0; i < s->n_imports; i++)
        SG_TRY(check_one(s, i, is_narrowed, err));
    return SG_OK;
}

void sg_imports_json(const struct sg_study *s, int n, struct sg_buf *out)
{
    for (int i = 0; i < s->n_imports; i++) {
        const struct sg_import *x = &s->import[i];
        json_t *o = json_pack("{s:s, s:s}", "name", x->name, "pool", x->pool), *tasks = json_array();
        const char *const column[][2] = {{"text", x->first}, {"text_pair", x->second}, {"label", x->label}};
        for (size_t k = 0; k < sizeof column / sizeof column[0]; k++)
            if (column[k][1])
                json_object_set_new(o, column[k][0], json_string(column[k][1]));
        for (int k = 0; k < x->n_tasks; k++)
            json_array_append_new(tasks, json_string(x->task[k]));
        if (x->n_tasks)
            json_object_set(o, "tasks", tasks);
        json_decref(tasks);
        char *text = o ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
        sg_buf_puts(out, n + i ? "," : "");
        sg_buf_puts(out, text ? text : "null");
        free(text);
        json_decref(o);
    }
}

/* ---- files ---- */

char *sg_import_path(const struct sg_study *s, int import, int task)
{
    static const char mark[] = "{task}";
    struct sg_buf b = sg_buf_make(1 << 16);
    for (const char *p = s->import[import].pool, *at; *p; p = at + (*at ? sizeof mark - 1 : 0)) {
        at = strstr(p, mark);
        at = at ? at : p + strlen(p);
        sg_buf_add(&b, p, (size_t)(at - p));
        sg_buf_puts(&b, *at ? s->task[task].name : "");
    }
    char *path = sg_buf_take(&b), *found = path ? sg_path_of_study(s->path, path) : NULL;
    sg_free(path);
    return found;
}

static int ends_in(const char *name, const char *const *end)
{
    size_t n = strlen(name);
    if (n > 3 && strcasecmp(name + n - 3, ".gz") == 0)
        n -= 3;
    for (; *end; end++)
        if (n > strlen(*end) && strncasecmp(name + n - strlen(*end), *end, strlen(*end)) == 0)
            return 1;
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct files {
    int64_t n;
    char **path; /* (n) */
};

static void files_free(struct files *f)
{
    for (int64_t i = 0; i < f->n; i++)
        sg_free(f->path[i]);
    sg_free(f->path);
}

static sg_status add_file(struct files *f, char *path, struct sg_err *err)
{
    char **grown = path ? sg_grown(f->path, f->n, sizeof *grown) : NULL;
    if (!grown) {
        sg_free(path);
        return sg_fail_memory(err, 4096);
    }
    f->path = grown;
    f->path[f->n++] = path;
    return SG_OK;
}

/* A pipe would wait for a writer that never comes. */
static sg_status add_found(struct files *f, char *path, struct sg_err *err)
{
    if (!path || sg_file_exists(path))
        return add_file(f, path, err);
    sg_status status = sg_fail(
        err, SG_INPUT, "%s: a folder, or no file of rows; hint: take it out of the pool's folder", path);
    sg_free(path);
    return status;
}

/* Those that end in one of these, in the order of their names. */
static sg_status list_folder(const char *path, const char *const *end, struct files *f, struct sg_err *err)
{
    DIR *d = opendir(path);
    if (!d)
        return sg_fail(err, SG_INPUT, "%s: the folder cannot be read", path);
    sg_status status = SG_OK;
    for (struct dirent *e; status == SG_OK && (e = readdir(d));)
        if (e->d_name[0] != '.' && ends_in(e->d_name, end))
            status = f->n < MAX_FILES ? add_found(f, sg_path_join(path, e->d_name), err)
                                      : sg_fail(err, SG_INPUT, "%s: more than %d files", path, MAX_FILES);
    closedir(d);
    if (f->n)
        qsort(f->path, (size_t)f->n, sizeof *f->path, by_text);
    return status;
}

/* A .json beside others is what the tool says of its run. */
static sg_status find_files(const char *path, struct files *f, struct sg_err *err)
{
    static const char *const rows[] = {".jsonl", ".ndjson", ".csv", ".tsv", ".tab", NULL},
                             *const json[] = {".json", NULL},
                             *const parquet[] = {".parquet", ".arrow", ".feather", NULL};
    if (!sg_dir_exists(path))
        return add_file(f, sg_strdup(path), err);
    SG_TRY(list_folder(path, rows, f, err));
    if (!f->n)
        SG_TRY(list_folder(path, json, f, err));
    if (f->n)
        return SG_OK;
    SG_TRY(list_folder(path, parquet, f, err));
    if (f->n)
        return SG_OK; /* reading it says what it is and which command makes rows of it */
    return sg_fail(err, SG_INPUT, "%s: no .jsonl, .json, .csv or .tsv in this folder", path);
}

/* ---- rows ---- */

/* What was read so far, and the digest of the files. */
struct importing {
    const struct sg_import *x;
    const struct sg_task *task;
    struct sg_imported *out;
    struct sg_sha256_stream *files;
};

static sg_status take_rows(struct sg_rows *to, struct sg_rows *from, struct sg_err *err)
{
    for (int64_t i = 0; i < from->n; i++) {
        struct sg_row *grown = sg_grown(to->row, to->n, sizeof *grown);
        if (!grown)
            return sg_fail_memory(err, 2 * (size_t)to->n * sizeof *grown);
        to->row = grown;
        to->row[to->n++] = from->row[i];
        from->row[i] = (struct sg_row){0};
    }
    return SG_OK;
}

/* A column that no row has a text in is another one than was meant. */
static sg_status check_column(const struct sg_rows *rows, const char *path, const struct sg_fields *f,
                              int second, struct sg_err *err)
{
    const char *name = second ? f->second : f->first;
    for (int64_t i = 0; i < rows->n; i++) {
        const char *text = second ? rows->row[i].second : rows->row[i].first;
        if (!sg_text_is_blank(text))
            return SG_OK;
    }
    return sg_fail(err, SG_INPUT,
                   "%s:%lld: no row has a text in column \"%s\"; hint: text (and text_pair) name "
                   "columns of texts, not of lists or groups",
                   path, (long long)rows->row[0].line, name);
}

static sg_status read_file(struct importing *in, const char *path, struct sg_err *err)
{
    const struct sg_task *t = in->task;
    struct sg_fields fields = {
        .cut = t->cut,
        .quotes = t->quotes,
        .may_lack = 1,
        .is_task = !in->x->first,
        .way = t->second ? "name its columns where the study names the pool: {name: ..., pool: "
                           "..., text: NAME, text_pair: NAME, label: NAME}"
                         : "name its columns where the study names the pool: {name: ..., pool: "
                           "..., text: NAME, label: NAME}"};
    fields.first = in->x->first ? in->x->first : t->first;
    fields.second = in->x->first ? in->x->second : t->second;
    fields.label = in->x->label ? in->x->label : in->x->first ? "label" : t->label;
    struct sg_rows rows = {0};
    char digest[SG_HEX];
    SG_TRY(sg_sha256_file(path, digest, err));
    SG_TRY(sg_rows_read(path, &fields, 1, 0, &rows, err));
    sg_sha256_add_text(in->files, digest);
    sg_status status = check_column(&rows, path, &fields, 0, err);
    if (status == SG_OK && t->second)
        status = check_column(&rows, path, &fields, 1, err);
    if (status == SG_OK)
        status = take_rows(&in->out->rows, &rows, err);
    size_t n_path =
        strlen(path) + 2; /* "<path>: ", with which each begins, and which is put before it again */
    for (const char *s = rows.notes; s && *s; s += strcspn(s, "\n"), s += *s == '\n') {
        size_t n = strcspn(s, "\n"), from = n > n_path && strncmp(s, path, n_path - 2) == 0 ? n_path : 0;
        sg_rows_note(&in->out->rows, path, "%.*s", (int)(n - from), s + from);
    }
    for (int64_t i = 0; i < rows.n; i++)
        sg_row_free(&rows.row[i]);
    rows.n = 0;
    sg_rows_free(&rows);
    in->out->n_files++;
    return status;
}

static sg_status digest_rows(struct sg_imported *x, struct sg_err *err)
{
    struct sg_sha256_stream *h = sg_sha256_create();
    if (!h)
        return sg_fail_memory(err, 256);
    for (int64_t i = 0; i < x->rows.n; i++)
        sg_example_digest_add(h, x->class_[i], x->rows.row[i].first, x->rows.row[i].second);
    sg_sha256_finish_hex(h, x->digest);
    return SG_OK;
}

static sg_status read_files(struct importing *in, const char *path, const struct files *f, struct sg_err *err)
{
    struct sg_imported *x = in->out;
    for (int64_t i = 0; i < f->n; i++)
        SG_TRY(read_file(in, f->path[i], err));
    x->class_ = sg_alloc((size_t)x->rows.n + 1, sizeof *x->class_);
    if (!x->class_)
        return sg_fail_memory(err, (size_t)x->rows.n * sizeof *x->class_);
    SG_TRY(sg_task_read_labels(in->task, path, &x->rows, x->class_, err));
    for (int64_t i = 0; i < x->rows.n; i++)
        if (x->class_[i] >= 0)
            return digest_rows(x, err);
    struct sg_buf label = sg_buf_make(400);
    sg_buf_safe(&label, x->rows.row[0].label ? x->rows.row[0].label : "", 60);
    sg_status status =
        sg_fail(err, SG_INPUT,
                "%s:%lld: no row has a label that is a class of task %s; the first one is \"%s\"; "
                "hint: label names the column",
                f->path[0], (long long)x->rows.row[0].line, in->task->name, sg_buf_text(&label));
    sg_buf_free(&label);
    return status;
}

sg_status sg_import_read(const struct sg_study *s, int import, int task, struct sg_imported *out,
                         struct sg_err *err)
{
    struct sg_imported x = {0};
    struct importing in = {
        .x = &s->import[import], .task = &s->task[task], .out = &x, .files = sg_sha256_create()};
    struct files f = {0};
    char *path = sg_import_path(s, import, task);
    sg_status status = path && in.files ? SG_OK : sg_fail_memory(err, 4096);
    if (status == SG_OK && !sg_file_exists(path) && !sg_dir_exists(path))
        status = sg_yaml_fail(in.x->at, err, "method %s: no file or folder %s", in.x->name, path);
    if (status == SG_OK)
        status = find_files(path, &f, err);
    if (status == SG_OK)
        status = read_files(&in, path, &f, err);
    if (in.files)
        sg_sha256_finish_hex(in.files, x.file_sha256);
    if (status == SG_OK && f.n == 1) /* what sha256sum says */
        status = sg_sha256_file(f.path[0], x.file_sha256, err);
    files_free(&f);
    sg_free(path);
    if (status == SG_OK)
        *out = x;
    else
        sg_imported_free(&x);
    return status;
}

void sg_imported_free(struct sg_imported *x)
{
    sg_rows_free(&x->rows);
    sg_free(x->class_);
    *x = (struct sg_imported){0};
}
