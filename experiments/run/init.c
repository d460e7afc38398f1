#include "experiments/run/init.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/set.h"
#include "base/text.h"
#include "experiments/study/settings.h"
#include "experiments/study/study.h"
#include "experiments/study/task_file.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEST_SHARE = 4, MIN_OF_CLASS = 2 };

struct init {
    const struct sg_init_options *o;
    struct sg_buf *said;
    char name[80];
    struct sg_task_data d; /* the rows: first all in `test`, as sg_test_draw splits these; then apart */
    int n_classes, is_pair;
    char **class_name; /* (n_classes), by strcmp */
    int64_t *n_of;     /* (n_classes) training rows */
    char *path[4];     /* the files, in the order in which they are written */
    int n_written;
};

/* ---- rows ---- */

/* A row's texts, and its label where `with_label`. */
static void key_of(const struct sg_row *r, int with_label, struct sg_buf *key)
{
    sg_buf_clear(key);
    sg_buf_puts(key, r->first);
    sg_buf_add(key, "", 1);
    sg_buf_puts(key, r->second ? r->second : "");
    sg_buf_add(key, "", 1);
    sg_buf_puts(key, with_label ? r->label : "");
}

/* Takes out empty texts, and rows that are in `seen`, to which the others are added. */
static sg_status tidy(struct init *i, struct sg_rows *rows, struct sg_set *seen, const char *what,
                      struct sg_err *err)
{
    struct sg_buf key = sg_buf_make((size_t)1 << 30);
    int64_t kept = 0, n_blank = 0, n_repeated = 0;
    sg_status status = SG_OK;
    for (int64_t r = 0; r < rows->n && status == SG_OK; r++) {
        struct sg_row *row = &rows->row[r];
        key_of(row, 0, &key);
        int blank = sg_text_is_blank(row->first) || (row->second && sg_text_is_blank(row->second)) ||
                    sg_text_is_blank(row->label);
        int repeated = !blank && sg_set_has(seen, sg_buf_text(&key), key.len);
        n_blank += blank;
        n_repeated += repeated;
        if (!blank && !repeated)
            status = sg_set_add(seen, sg_buf_text(&key), key.len, err);
        struct sg_row moved = rows->row[kept];
        if (!blank && !repeated && status == SG_OK) {
            rows->row[kept++] = *row;
            *row = moved; /* freed with the rest */
        }
    }
    int64_t n = rows->n;
    for (int64_t r = kept; r < n; r++) { /* what is left out goes: rows->n alone would leak it */
        sg_free(rows->row[r].first);
        sg_free(rows->row[r].second);
        sg_free(rows->row[r].label);
        rows->row[r] = (struct sg_row){0};
    }
    rows->n = kept;
    sg_buf_free(&key);
    if (n_blank)
        sg_buf_printf(i->said, "left out %lld %s of %s without a text or label\n", (long long)n_blank,
                      sg_plural(n_blank, "row", "rows"), what);
    if (n_repeated)
        sg_buf_printf(
            i->said,
            "left out %lld %s of %s whose text was there before (the first one is kept, with its label)\n",
            (long long)n_repeated, sg_plural(n_repeated, "row", "rows"), what);
    return status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int class_of(const struct init *i, const char *label)
{
    char **found = bsearch(&label, i->class_name, (size_t)i->n_classes, sizeof *i->class_name, by_name);
    return found ? (int)(found - i->class_name) : -1;
}

static sg_status find_classes(struct init *i, const struct sg_rows *rows, struct sg_err *err)
{
    int64_t n = 0;
    i->class_name = sg_alloc((size_t)rows->n + 1, sizeof *i->class_name);
    i->n_of = sg_alloc((size_t)rows->n + 1, sizeof *i->n_of);
    if (!i->class_name || !i->n_of)
        return sg_fail_memory(err, (size_t)rows->n * sizeof *i->class_name);
    for (int64_t r = 0; r < rows->n; r++)
        i->class_name[r] = rows->row[r].label;
    qsort(i->class_name, (size_t)rows->n, sizeof *i->class_name, by_name);
    for (int64_t r = 0; r < rows->n; r++)
        if (n == 0 || strcmp(i->class_name[n - 1], i->class_name[r]) != 0)
            i->class_name[n++] = i->class_name[r];
    if (n < 2)
        return sg_fail(err, SG_INPUT, "%s: %s; hint: --label names the label's column", i->o->file,
                       rows->n ? "all rows have one label" : "no rows are left");
    if (n > SG_TASK_MAX_CLASSES || (n > 20 && 3 * n > rows->n))
        return sg_fail(err, SG_INPUT,
                       "%s: %lld different labels in %lld rows, as many as texts have; hint: --label names "
                       "the label's column",
                       i->o->file, (long long)n, (long long)rows->n);
    for (; i->n_classes < n; i->n_classes++) /* the rows will be moved */
        if (!(i->class_name[i->n_classes] = sg_strdup(i->class_name[i->n_classes])))
            return sg_fail_memory(err, 64);
    return SG_OK;
}

static sg_status label_rows(const struct init *i, const struct sg_rows *rows, int32_t **label,
                            const char *path, struct sg_err *err)
{
    *label = sg_alloc((size_t)rows->n + 1, sizeof **label);
    if (!*label)
        return sg_fail_memory(err, (size_t)rows->n * sizeof **label);
    for (int64_t r = 0; r < rows->n; r++) {
        int k = class_of(i, rows->row[r].label);
        if (k < 0)
            return sg_fail(err, SG_INPUT, "%s:%lld: the label \"%.60s\" is in no training row", path,
                           (long long)rows->row[r].line, rows->row[r].label);
        (*label)[r] = k;
    }
    return SG_OK;
}

/* Every fourth row of each class, by the draw that a study uses for its test rows; d.test then holds these, d.train the others. */
static sg_status split(struct init *i, struct sg_err *err)
{
    struct sg_rows all = i->d.test;
    int64_t n_test = all.n / TEST_SHARE > 0 ? all.n / TEST_SHARE : 1,
            *index = sg_alloc((size_t)n_test, sizeof *index);
    if (!index)
        return sg_fail_memory(err, (size_t)n_test * sizeof *index);
    sg_status status = sg_test_draw(&i->d, i->n_classes, n_test, index, err);
    struct sg_rows test = {0};
    for (int64_t r = 0, t = 0; r < all.n && status == SG_OK; r++) {
        const struct sg_row *row = &all.row[r];
        int is_test = t < n_test && index[t] == r;
        t += is_test;
        status = sg_rows_add(is_test ? &test : &i->d.train, row->first, row->second, row->label, err);
        i->n_of[class_of(i, row->label)] += !is_test;
    }
    sg_free(index);
    if (status == SG_OK) {
        i->d.test = test;
        sg_rows_free(&all);
    } else
        sg_rows_free(&test);
    return status;
}

static sg_status read_rows(struct init *i, struct sg_err *err)
{
    struct sg_set *seen = NULL;
    const struct sg_init_options *o = i->o;
    SG_TRY(sg_set_create(&seen, err));
    sg_status status = sg_rows_read(o->file, &o->fields, 1, 0, &i->d.test, err);
    if (status == SG_OK)
        status = sg_rows_drop_none(o->file, &i->d.test, err);
    if (status == SG_OK && i->d.test.notes)
        sg_buf_printf(i->said, "%s\n", i->d.test.notes);
    if (status == SG_OK)
        status = tidy(i, &i->d.test, seen, o->file, err);
    if (status == SG_OK)
        status = find_classes(i, &i->d.test, err);
    if (status == SG_OK)
        status = label_rows(i, &i->d.test, &i->d.test_label, o->file, err);
    i->is_pair = status == SG_OK && i->d.test.row[0].second;
    if (status == SG_OK && !o->test_file)
        status = split(i, err);
    else if (status == SG_OK) {
        i->d.train = i->d.test;
        i->d.test = (struct sg_rows){0};
        for (int64_t r = 0; r < i->d.train.n; r++)
            i->n_of[i->d.test_label[r]]++;
        status = sg_rows_read(o->test_file, &o->fields, 1, 0, &i->d.test, err);
        if (status == SG_OK && class_of(i, "-1") < 0 && class_of(i, "-") < 0)
            status = sg_rows_drop_all_none(o->test_file, &i->d.test, err);
        if (status == SG_OK && i->d.test.notes)
            sg_buf_printf(i->said, "%s\n", i->d.test.notes);
        if (status == SG_OK)
            status = tidy(i, &i->d.test, seen, o->test_file, err);
        sg_free(i->d.test_label);
        i->d.test_label = NULL;
        if (status == SG_OK)
            status = label_rows(i, &i->d.test, &i->d.test_label, o->test_file, err);
        if (status == SG_OK && i->d.test.n && (i->d.test.row[0].second != NULL) != i->is_pair)
            status = sg_fail(err, SG_INPUT, "%s holds %s, and %s %s", o->test_file,
                             i->is_pair ? "single texts" : "pairs", o->file,
                             i->is_pair ? "pairs" : "single texts");
    }
    sg_set_destroy(seen);
    if (status == SG_OK && (!i->d.train.n || !i->d.test.n))
        status = sg_fail(err, SG_INPUT, "%s: too few rows for a training and a test part (%lld)", o->file,
                         (long long)(i->d.train.n + i->d.test.n));
    return status;
}

/* ---- files ---- */

/* A text as YAML: JSON's double quotes are YAML's. */
static void quoted(const char *text, struct sg_buf *out)
{
    json_t *s = json_string(text);
    char *dumped = s ? json_dumps(s, JSON_ENCODE_ANY) : NULL;
    sg_buf_puts(out, dumped ? dumped : "\"\"");
    free(dumped);
    json_decref(s);
}

static void write_task(const struct init *i, struct sg_buf *b)
{
    const char *form =
        i->is_pair ? " Use this form:\n    First: ...\n    Second: ..." : " Reply with the text alone.";
    const char *noun = i->is_pair ? "pair of texts" : "text",
               *texts = i->is_pair ? "First: {first}\n    Second: {second}" : "{text}";
    sg_buf_printf(b,
                  "# Made by `synthgrid init` from %s. The prompts are a beginning: what they say of the "
                  "texts (what they are, how long,\n"
                  "# in which language, who writes them) is what makes synthetic examples good. "
                  "experiments/tasks/boolq.yaml explains the format.\n"
                  "task: %s\nfields: {first: text%s, label: label}\n"
                  "# `name in the data: how prompts call it`. Say more where a name does not speak for "
                  "itself.\nclasses:\n",
                  strrchr(i->o->file, '/') ? strrchr(i->o->file, '/') + 1 : i->o->file, i->name,
                  i->is_pair ? ", second: text2" : "");
    for (int k = 0; k < i->n_classes; k++) {
        sg_buf_puts(b, "  ");
        quoted(i->class_name[k], b);
        sg_buf_puts(b, ": ");
        quoted(i->class_name[k], b);
        sg_buf_puts(b, "\n");
    }
    sg_buf_puts(b, i->is_pair ? "marks: {first: First, second: Second}\n" : "marks: {first: Text}\n");
    sg_buf_printf(
        b,
        "prompts:\n"
        "  zero_shot: |-\n    Write one %s of the class \"{class}\".%s\n"
        "  zero_shot_topic: |-\n    Write one %s of the class \"{class}\" about {topic}.%s\n"
        "  few_shot: |-\n    Write one more %s of the class \"{class}\".\n"
        "  example: |-\n    %s\n"
        "  topics: |-\n    List {n} topics that such texts are about.\n"
        "  rephrase: |-\n    Say this %s of the class \"{class}\" in other words:\n\n    %s\n"
        "  classify: |-\n    Which class is this %s? Reply with one of: {classes}.\n\n    %s\n    Class:\n"
        "method_prompts:\n"
        "  error_driven: |-\n    A classifier gets %ss like these wrong:\n\n    {examples}\n\n"
        "    All of them are of the class \"{class}\". Write one more %s of this class that it would get "
        "wrong, "
        "too.%s\n",
        noun, form, noun, form, noun, texts, noun, texts, noun, texts, noun, noun, form);
}

static void write_study(const struct init *i, struct sg_buf *b)
{
    int64_t n_raw = i->d.train.n < 100 ? i->d.train.n : 100;
    sg_buf_printf(
        b,
        "# Made by `synthgrid init`: a small study of %s. `synthgrid plan %s` says what it costs "
        "and what it lacks;\n"
        "# `synthgrid settings` explains every setting.\n"
        "study: %s\n# Paths are looked for from the current folder, then from this file's.\ntasks: ./%s.yaml",
        i->name, i->path[3], i->name, i->name);
    sg_buf_printf(b,
                  "\nmethods: [zero_shot, few_shot_3]\n"
                  "# Synthetic examples, and raw ones of the %lld training rows.\nsizes: [100]\nraw: [%lld]\n"
                  "# One pool, one draw of raw rows, three trainings; more of each make the intervals mean "
                  "more, and cost more.\n"
                  "seeds: {generation: 1, data: 1, train: 3}\ndata: {dir: ",
                  (long long)i->d.train.n, (long long)n_raw);
    sg_buf_printf(b, "%s-data}\n", i->name);
    sg_buf_puts(b, "generator:\n"
                   "  # Any server that speaks OpenAI's protocol; one of your own: base_url: "
                   "http://127.0.0.1:8080/v1, prices 0.\n"
                   "  # Its key goes into the variable OPENAI_API_KEY, never into a file.\n"
                   "  model: gpt-4o-mini\n"
                   "# What may be spent, at most.\n"
                   "budget: {usd: 1}\n"
                   "train: {encoder: data/encoders/minilm-l6}\n");
}

static void write_rows(const struct init *i, const struct sg_rows *rows, struct sg_buf *b)
{
    for (int64_t r = 0; r < rows->n; r++) {
        json_t *o = i->is_pair
                        ? json_pack("{s:s, s:s, s:s}", "text", rows->row[r].first, "text2",
                                    rows->row[r].second, "label", rows->row[r].label)
                        : json_pack("{s:s, s:s}", "text", rows->row[r].first, "label", rows->row[r].label);
        char *line = o ? json_dumps(o, JSON_COMPACT) : NULL;
        sg_buf_puts(b, line ? line : "");
        sg_buf_puts(b, "\n");
        b->failed |= !line;
        free(line);
        json_decref(o);
    }
}

static sg_status put(struct init *i, int which, struct sg_buf *b, struct sg_err *err)
{
    sg_status status = sg_buf_check(b, i->path[which], err);
    char *folder = sg_path_dir(i->path[which]);
    if (status == SG_OK)
        status = folder ? sg_mkdirs(folder, err) : sg_fail_memory(err, 256);
    if (status == SG_OK)
        status = sg_file_write(i->path[which], sg_buf_text(b), b->len, err);
    i->n_written += status == SG_OK;
    sg_free(folder);
    sg_buf_free(b);
    return status;
}

/* "reviews 2024.csv.gz" -> "reviews-2024" */
static sg_status find_name(struct init *i, struct sg_err *err)
{
    const char *slash = strrchr(i->o->file, '/'), *base = i->o->name ? i->o->name
                                                          : slash    ? slash + 1
                                                                     : i->o->file;
    size_t n = 0, stop = i->o->name ? strlen(base) : strcspn(base, ".");
    for (size_t k = 0; k < stop && n < 60; k++) {
        int is_good = isalnum((unsigned char)base[k]) || (n && strchr("._-", base[k]));
        i->name[n] = is_good ? base[k] : n ? '-' : 't';
        n++;
    }
    if (!n)
        strcpy(i->name, "mine");
    if (i->o->name && strcmp(i->o->name, i->name) != 0)
        return sg_fail(err, SG_INPUT,
                       "--name %.80s: a name has letters, digits, '.', '_' and '-'; hint: --name %s",
                       i->o->name, i->name);
    return SG_OK;
}

static sg_status find_paths(struct init *i, struct sg_err *err)
{
    for (int k = 0; k < 4; k++) {
        char *file = k == 0   ? sg_strf("%s.yaml", i->name)
                     : k == 3 ? sg_strf("%s-study.yaml", i->name)
                              : sg_strf("%s-data/%s/%s.jsonl", i->name, i->name, k == 1 ? "train" : "test");
        i->path[k] = file ? sg_path_join(i->o->output, file) : NULL;
        sg_free(file);
        if (!i->path[k])
            return sg_fail_memory(err, 256);
        if (access(i->path[k], F_OK) == 0)
            return sg_fail(err, SG_INPUT, "%s is there already; hint: --name or --output names another",
                           i->path[k]);
    }
    return SG_OK;
}

static sg_status write_all(struct init *i, struct sg_err *err)
{
    struct sg_buf b = sg_buf_make(SG_YAML_MAX_BYTES);
    write_task(i, &b);
    SG_TRY(put(i, 0, &b, err));
    struct sg_task task = {0};
    SG_TRY(
        sg_task_read(i->path[0], &task, err)); /* class names that no answer can tell apart, and the like */
    sg_task_free(&task);
    for (int part = 1; part <= 2; part++) {
        b = sg_buf_make((size_t)1 << 32);
        write_rows(i, part == 1 ? &i->d.train : &i->d.test, &b);
        SG_TRY(put(i, part, &b, err));
    }
    b = sg_buf_make(SG_YAML_MAX_BYTES);
    write_study(i, &b);
    return put(i, 3, &b, err);
}

static void tell(struct init *i)
{
    sg_buf_printf(i->said, "%lld training %s and %lld test %s, of %d classes:\n", (long long)i->d.train.n,
                  sg_plural(i->d.train.n, "row", "rows"), (long long)i->d.test.n,
                  sg_plural(i->d.test.n, "row", "rows"), i->n_classes);
    for (int k = 0; k < i->n_classes; k++) {
        sg_buf_puts(i->said, "  ");
        sg_buf_safe(i->said, i->class_name[k], 60);
        sg_buf_printf(i->said, ": %lld training %s%s\n", (long long)i->n_of[k],
                      sg_plural(i->n_of[k], "row", "rows"),
                      i->n_of[k] < MIN_OF_CLASS ? ", too few to learn from" : "");
    }
    sg_buf_printf(i->said,
                  "task     %s   (make its prompts better: say what the texts are)\nrows     %s, "
                  "test.jsonl\nstudy    %s\n"
                  "next     synthgrid plan %s\n",
                  i->path[0], i->path[1], i->path[3], i->path[3]);
}

sg_status sg_init(const struct sg_init_options *o, struct sg_buf *said, struct sg_err *err)
{
    struct init i = {.o = o, .said = said};
    sg_status status = find_name(&i, err);
    if (status == SG_OK)
        status = find_paths(&i, err);
    if (status == SG_OK)
        status = read_rows(&i, err);
    if (status == SG_OK)
        status = write_all(&i, err);
    if (status == SG_OK)
        tell(&i);
    for (int k = 0; k < 4; k++) {
        if (status != SG_OK && k < i.n_written)
            unlink(i.path[k]);
        sg_free(i.path[k]);
    }
    for (int k = 0; k < i.n_classes; k++)
        sg_free(i.class_name[k]);
    sg_free(i.class_name);
    sg_free(i.n_of);
    sg_task_data_free(&i.d);
    return status == SG_OK ? sg_buf_check(said, "what is to be said", err) : status;
}
