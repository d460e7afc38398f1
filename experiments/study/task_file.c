#include "experiments/study/task_file.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/text.h"
#include "experiments/study/paths.h"
#include "experiments/study/settings.h"
#include "gen/pool/class_name.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the table fills; classes are read from their tree. */
struct task_fill {
    struct sg_task task;
    const struct sg_yaml *classes, *variants, *test_sets;
    struct sg_variant *variant; /* (task.n_variants), read from `variants` */
};

static const char *cut_choice(int i)
{
    static const char *const name[] = {[SG_CUT_LONGEST] = "longest_first", [SG_CUT_SECOND] = "only_second"};
    return i < 2 ? name[i] : NULL;
}

static sg_status check_line(const struct sg_yaml *at, const char *key, const char *text, struct sg_err *err)
{
    return strpbrk(text, "\r\n") ? sg_yaml_fail(at, err, "%s must be one line", key) : SG_OK;
}

static const char *quotes_choice(int i)
{
    return i < SG_N_QUOTES ? sg_quotes_name((enum sg_quotes)i) : NULL;
}

#define TASK(field) .offset = offsetof(struct task_fill, task.field)
#define UNCONDITIONED(name, use)                                                                             \
    {                                                                                                        \
        "unconditioned." #name, SG_SET_TEXT, SG_SET_NULL, TASK(unconditioned.name), .unit = "a template",    \
                                                                                    .help = use              \
    }
#define PROMPT(name, use)                                                                                    \
    {                                                                                                        \
        "prompts." #name, SG_SET_TEXT, SG_SET_NULL, TASK(prompt.name), .unit = "a template", .help = use     \
    }
#define METHOD_PROMPT(name, use)                                                                             \
    {                                                                                                        \
        "method_prompts." #name, SG_SET_TEXT, SG_SET_NULL, TASK(prompt.name), .unit = "a template",          \
                                                                              .help = use                    \
    }

static const struct sg_setting table[] = {
    {"task", SG_SET_TEXT, SG_SET_REQUIRED, TASK(name), .check = sg_settings_check_name, .unit = "a name",
     .help = "the task's name, the same as the file's: task: sst2"},
    {"title", SG_SET_TEXT, SG_SET_NULL, TASK(title), .check = check_line,
     .help = "what people read; empty: the name"},
    {"fields.first", SG_SET_TEXT, 0, TASK(first), .initial = "text", .unit = "a column's name",
     .help = "the column of the text, or of a pair's first one in the encoder's order"},
    {"fields.second", SG_SET_TEXT, SG_SET_NULL, TASK(second), .unit = "a column's name",
     .help = "the column of a pair's second text; empty: a single text"},
    {"fields.label", SG_SET_TEXT, 0, TASK(label), .initial = "label", .unit = "a column's name",
     .help = "the label's column"},
    {"truncate", SG_SET_CHOICE, 0, TASK(cut), .choice = cut_choice, .initial = "longest_first",
     .help = "which text of a pair is cut when both are too long"},
    {"classes", SG_SET_TREE, SG_SET_REQUIRED, .offset = offsetof(struct task_fill, classes),
     .unit = "a group of classes", .help = "2 to 1000 classes, `name in the data: readable name in prompts`"},
    {"data.train", SG_SET_TEXT, 0, TASK(train_file), .initial = "train.jsonl", .unit = "a file name",
     .help = "training rows, in the task's folder of data.dir, else beside this file"},
    {"data.test", SG_SET_TEXT, 0, TASK(test_file), .initial = "test.jsonl", .unit = "a file name",
     .help = "test rows, likewise"},
    {"test_sets", SG_SET_TREE, SG_SET_NULL, .offset = offsetof(struct task_fill, test_sets),
     .unit = "a group of files",
     .help = "further test files of the same classes, `name: file`; every cell is measured on each of them"},
    {"data.quotes", SG_SET_CHOICE, 0, TASK(quotes), .choice = quotes_choice, .initial = "auto",
     .help = "quotes in CSV and TSV files: csv (they open and close a field), plain (characters of the "
             "texts), auto (told apart by the "
             "whole file)"},
    {"data.hf", SG_SET_TEXT, SG_SET_NULL, TASK(hf_id), .help = "the data set's name on the Hugging Face Hub"},
    {"source.hf", SG_SET_TEXT, SG_SET_NULL, TASK(source.hf), .check = check_line, .unit = "owner/name",
     .help = "what `synthgrid fetch data` gets from the Hub; empty: data.hf"},
    {"source.config", SG_SET_TEXT, SG_SET_NULL, TASK(source.config), .check = check_line, .unit = "a name",
     .help = "which of the data set's configurations; empty: it has one"},
    {"source.revision", SG_SET_TEXT, SG_SET_NULL, TASK(source.revision), .check = check_line,
     .unit = "a commit", .help = "the state that is fetched; empty: main, as it is the first time"},
    {"source.train", SG_SET_TEXT, 0, TASK(source.train_split), .check = check_line, .initial = "train",
     .unit = "a split", .help = "the split of the training rows"},
    {"source.test", SG_SET_TEXT, 0, TASK(source.test_split), .check = check_line, .initial = "test",
     .unit = "a split", .help = "the split of the test rows"},
    {"source.train_rows", SG_SET_INT, SG_SET_NULL, TASK(source.n_train), .min = 1, .max = 1e9, .unit = "rows",
     .help = "how many training rows there must be; `plan` estimates with it"},
    {"source.test_rows", SG_SET_INT, SG_SET_NULL, TASK(source.n_test), .min = 1, .max = 1e9, .unit = "rows",
     .help = "the same of the test rows"},
    {"source.row_bytes", SG_SET_INT, SG_SET_NULL, TASK(source.row_bytes), .min = 1, .max = 1e6,
     .unit = "bytes", .help = "mean length of a row's texts; `plan` estimates with it"},
    {"source.train_sha256", SG_SET_TEXT, SG_SET_NULL, TASK(source.train_sha256), .check = check_line,
     .unit = "64 hex digits", .help = "of the training rows' file that fetch writes"},
    {"source.test_sha256", SG_SET_TEXT, SG_SET_NULL, TASK(source.test_sha256), .check = check_line,
     .unit = "64 hex digits", .help = "the same of the test rows"},
    {"source.licence", SG_SET_TEXT, SG_SET_NULL, TASK(source.licence), .check = check_line,
     .help = "of the data set; fetch says it"},
    {"source.elsewhere", SG_SET_TEXT, SG_SET_NULL, TASK(source.elsewhere), .check = check_line,
     .help = "where the rows are that no data set on the Hub has; fetch says it"},
    {"max_tokens", SG_SET_INT, SG_SET_NULL, TASK(max_tokens), .min = 1, .max = 1e6, .unit = "tokens",
     .help = "of one completion; empty: generator.max_tokens"},
    {"marks.first", SG_SET_TEXT, 0, TASK(first_mark), .check = check_line, .initial = "Text",
     .unit = "a word", .help = "the name before the first text in prompts and completions"},
    {"marks.second", SG_SET_TEXT, SG_SET_NULL, TASK(second_mark), .check = check_line, .unit = "a word",
     .help = "the same for a pair's second text"},
    {"marks.second_comes_first", SG_SET_FLAG, 0, TASK(second_comes_first), .initial = "false",
     .help = "the LLM writes the second text before the first"},
    PROMPT(system, "the system message"),
    PROMPT(zero_shot, "asks for an example of {class}"),
    PROMPT(zero_shot_topic, "asks for an example of {class} about {topic}"),
    PROMPT(few_shot, "asks for an example of {class} after {examples}; without them they come as a dialogue"),
    PROMPT(example, "how one example reads"),
    PROMPT(topics, "asks for a list of {n} topics"),
    PROMPT(rephrase, "asks to say an example in other words"),
    PROMPT(classify, "asks for the class of a row"),
    METHOD_PROMPT(error_driven,
                  "asks for an example of {class} after {examples} that a classifier gets wrong"),
    UNCONDITIONED(zero_shot,
                  "asks for an example and, in a last line \"Label: ...\", which of {classes} it is"),
    UNCONDITIONED(zero_shot_topic, "the same, about {topic}"),
    UNCONDITIONED(few_shot, "the same, after {examples}; without them they come as a dialogue"),
    UNCONDITIONED(example, "how one example with its label reads"),
    {"contamination.data_set", SG_SET_TEXT, SG_SET_NULL, TASK(contamination.data_set), .check = check_line,
     .help = "what the contamination probe calls the data set; empty: data.hf, else the title"},
    {"contamination.split", SG_SET_TEXT, SG_SET_NULL, TASK(contamination.split), .check = check_line,
     .help = "which part of it the test rows are; empty: test"},
    {"contamination.guided", SG_SET_TEXT, SG_SET_NULL, TASK(contamination.guided), .unit = "a template",
     .help = "asks for the second part of a row by the name of the data set; empty: the program's own words"},
    {"contamination.general", SG_SET_TEXT, SG_SET_NULL, TASK(contamination.general), .unit = "a template",
     .help = "the same without that name"},
    {"prompt_variants", SG_SET_TREE, SG_SET_NULL, .offset = offsetof(struct task_fill, variants),
     .unit = "a group of variants",
     .help = "other wordings, `name: {zero_shot: ..., unconditioned: {...}}`; what one does not say is as in "
             "prompts"},
};
enum { N_TABLE = sizeof table / sizeof table[0] };
_Static_assert((int)N_TABLE <= (int)SG_SCHEMA_MAX, "sg_reading.at has a place for every row");

static const struct sg_schema schema = {table, N_TABLE, 0};

#define VARIANT(key, field)                                                                                  \
    {                                                                                                        \
        key, SG_SET_TEXT, SG_SET_NULL, .offset = offsetof(struct sg_variant, field), .unit = "a template"    \
    }
static const struct sg_setting variant_table[] = {
    VARIANT("system", prompt.system),
    VARIANT("zero_shot", prompt.zero_shot),
    VARIANT("zero_shot_topic", prompt.zero_shot_topic),
    VARIANT("few_shot", prompt.few_shot),
    VARIANT("example", prompt.example),
    VARIANT("topics", prompt.topics),
    VARIANT("error_driven", prompt.error_driven),
    VARIANT("unconditioned.zero_shot", unconditioned.zero_shot),
    VARIANT("unconditioned.zero_shot_topic", unconditioned.zero_shot_topic),
    VARIANT("unconditioned.few_shot", unconditioned.few_shot),
    VARIANT("unconditioned.example", unconditioned.example),
};
enum { N_VARIANT_TABLE = sizeof variant_table / sizeof variant_table[0] };
static const struct sg_schema variant_schema = {variant_table, N_VARIANT_TABLE, 0};

/* Which placeholders a template may hold, and which it must (the first word of each pair; {text} is {first}). The last N_PROBE are the
 * contamination probe's, at their place in struct sg_task. */
enum { N_PROBE = 2 };
static const struct {
    const char *key;
    size_t offset;
    const char *known, *needed;
} templates[] = {
    {"prompts.system", offsetof(struct sg_variant, prompt.system), "classes", ""},
    {"prompts.zero_shot", offsetof(struct sg_variant, prompt.zero_shot), "class classes", "class"},
    {"prompts.zero_shot_topic", offsetof(struct sg_variant, prompt.zero_shot_topic), "class classes topic",
     "class topic"},
    {"prompts.few_shot", offsetof(struct sg_variant, prompt.few_shot), "class classes examples", "class"},
    {"prompts.example", offsetof(struct sg_variant, prompt.example), "class classes first second text",
     "first second"},
    {"prompts.topics", offsetof(struct sg_variant, prompt.topics), "n classes", "n"},
    {"prompts.rephrase", offsetof(struct sg_variant, prompt.rephrase), "class classes first second text",
     "first second"},
    {"prompts.classify", offsetof(struct sg_variant, prompt.classify), "classes first second text",
     "classes first second"},
    {"method_prompts.error_driven", offsetof(struct sg_variant, prompt.error_driven),
     "class classes examples", "class examples"},
    {"unconditioned.zero_shot", offsetof(struct sg_variant, unconditioned.zero_shot), "classes", "classes"},
    {"unconditioned.zero_shot_topic", offsetof(struct sg_variant, unconditioned.zero_shot_topic),
     "classes topic", "classes topic"},
    {"unconditioned.few_shot", offsetof(struct sg_variant, unconditioned.few_shot), "classes examples",
     "classes"},
    {"unconditioned.example", offsetof(struct sg_variant, unconditioned.example),
     "class classes first second text", "class first second"},
    {"contamination.guided", offsetof(struct sg_task, contamination.guided),
     "data_set split label part first_mark second_mark", "data_set part"},
    {"contamination.general", offsetof(struct sg_task, contamination.general),
     "label part first_mark second_mark", "part"},
};
enum { N_TEMPLATES = sizeof templates / sizeof templates[0] };

/* Whether `word` (n bytes) is one of the words of a list. */
static int has_word(const char *list, const char *word, size_t n)
{
    for (const char *p = list; *p; p += strspn(p, " ")) {
        size_t len = strcspn(p, " ");
        if (len == n && strncmp(p, word, n) == 0)
            return 1;
        p += len;
    }
    return 0;
}

static void add_placeholders(struct sg_buf *b, const char *list, int is_pair)
{
    int n = 0;
    for (const char *p = list; *p; p += strspn(p, " ")) {
        int len = (int)strcspn(p, " ");
        if (is_pair || len != 6 || strncmp(p, "second", 6) != 0)
            sg_buf_printf(b, "%s{%.*s}", n++ ? ", " : "", len, p);
        p += len;
    }
}

/* As `r` calls the template: a variant's key has no "prompts." or "method_prompts." before it. */
static const char *key_of(const struct sg_reading *r, int t)
{
    const char *key = templates[t].key, *dot = strchr(key, '.');
    return r->schema == &variant_schema && strncmp(dot - strlen("prompts"), "prompts.", 8) == 0 ? dot + 1
                                                                                                : key;
}

static sg_status fail_template(const struct sg_reading *r, int t, int is_pair, const char *path,
                               struct sg_err *err, const char *what, const char *word)
{
    struct sg_buf b = sg_buf_make(sizeof err->text), shown = sg_buf_make(sizeof err->text);
    add_placeholders(&b, templates[t].known, is_pair);
    sg_buf_safe(&shown, word, 40);
    sg_status status = sg_schema_fail(r, key_of(r, t), path, err,
                                      "%s: %s{%s; hint: known here: %s; a brace itself is written {{ or }}",
                                      key_of(r, t), what, sg_buf_text(&shown), sg_buf_text(&b));
    sg_buf_free(&b);
    sg_buf_free(&shown);
    return status;
}

static sg_status check_template(const struct sg_reading *r, int t, const char *text, int is_pair,
                                const char *path, struct sg_err *err)
{
    char used[256] = " "; /* every word at most once: the known ones take 60 bytes */
    for (const char *p = text; *p; p++) {
        if ((*p == '{' || *p == '}') && p[1] == *p) {
            p++;
            continue;
        }
        if (*p == '}')
            return sg_schema_fail(r, key_of(r, t), path, err,
                                  "%s: a } without its {; hint: a brace itself is written }}", key_of(r, t));
        if (*p != '{')
            continue;
        size_t n = 0;
        while (isalnum((unsigned char)p[1 + n]) || p[1 + n] == '_')
            n++;
        if (p[1 + n] != '}' || !has_word(templates[t].known, p + 1, n) ||
            (!is_pair && strncmp(p + 1, "second}", 7) == 0)) {
            char word[64];
            snprintf(word, sizeof word, "%.*s", (int)(p[1 + n] == '}' ? n + 1 : 20), p + 1);
            return fail_template(r, t, is_pair, path, err, "unknown placeholder ", word);
        }
        const char *word = n == 4 && strncmp(p + 1, "text", 4) == 0 ? "first" : p + 1;
        n = word == p + 1 ? n : 5;
        if (!has_word(used, word, n))
            snprintf(used + strlen(used), sizeof used - strlen(used), "%.*s ", (int)n, word);
        p = strchr(p, '}');
    }
    for (const char *need = templates[t].needed; *need; need += strspn(need, " ")) {
        size_t n = strcspn(need, " ");
        if (!has_word(used + 1, need, n) && (is_pair || strncmp(need, "second", n) != 0))
            return sg_schema_fail(r, key_of(r, t), path, err, "%s does not use {%.*s}; hint: it must",
                                  key_of(r, t), (int)n, need);
        need += n;
    }
    return SG_OK;
}

/* The templates of a wording. `r` knows them as prompts.zero_shot (the task's own) or zero_shot (a variant's). */
static sg_status check_templates(const struct sg_reading *r, const struct sg_variant *v, int is_pair,
                                 const char *path, struct sg_err *err)
{
    for (int t = 0; t < N_TEMPLATES - N_PROBE; t++) {
        const char *text;
        memcpy(&text, (const char *)v + templates[t].offset, sizeof text);
        if (text)
            SG_TRY(check_template(r, t, text, is_pair, path, err));
    }
    return SG_OK;
}

static sg_status check_probe(const struct sg_reading *r, const struct sg_task *task, const char *path,
                             struct sg_err *err)
{
    for (int t = N_TEMPLATES - N_PROBE; t < N_TEMPLATES; t++) {
        const char *text;
        memcpy(&text, (const char *)task + templates[t].offset, sizeof text);
        if (text)
            SG_TRY(check_template(r, t, text, task->second != NULL, path, err));
    }
    return SG_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct sg_test_set_file *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* Reads `test_sets:` into a list of the arena. By name: their order in the file is no part of a study. */
static sg_status read_test_sets(struct task_fill *f, struct sg_arena *arena, struct sg_err *err)
{
    const struct sg_yaml *tree = f->test_sets;
    if (!tree || sg_yaml_is_null(tree))
        return SG_OK;
    if (tree->kind != SG_YAML_MAP)
        return sg_yaml_fail(tree, err,
                            "test_sets must be a group; hint: test_sets: {medical: medical.jsonl}");
    if (tree->n > SG_TASK_MAX_TEST_SETS)
        return sg_yaml_fail(tree, err, "test_sets: %d; a task has at most %d", tree->n,
                            SG_TASK_MAX_TEST_SETS);
    struct sg_test_set_file *list = sg_arena_alloc(arena, (size_t)tree->n + 1, sizeof *list);
    if (!list)
        return sg_fail_memory(err, (size_t)tree->n * sizeof *list);
    int n = 0;
    for (const struct sg_yaml *c = tree->child; c; c = c->next) {
        SG_TRY(sg_settings_check_name(c, "a test set", c->key, err));
        if (strcmp(c->key, "train") == 0 || strcmp(c->key, "test") == 0)
            return sg_yaml_fail_key(
                c, err, "a test set cannot be called \"%s\"; hint: data.%s names that file", c->key, c->key);
        if (c->kind != SG_YAML_SCALAR || !c->text[0] || sg_yaml_is_null(c))
            return sg_yaml_fail(c, err, "test_sets.%s must be the name of a file", c->key);
        SG_TRY(check_line(c, "a test set's file", c->text, err));
        list[n++] = (struct sg_test_set_file){(char *)(uintptr_t)c->key, (char *)(uintptr_t)c->text};
    }
    qsort(list, (size_t)n, sizeof *list, by_name);
    f->task.test_set = list;
    f->task.n_test_sets = n;
    return SG_OK;
}

/* Reads `prompt_variants:` into a list of the arena. */
static sg_status read_variants(struct task_fill *f, const char *path, struct sg_arena *arena,
                               struct sg_err *err)
{
    const struct sg_yaml *tree = f->variants;
    if (!tree)
        return SG_OK;
    if (tree->kind != SG_YAML_MAP)
        return sg_yaml_fail(
            tree, err, "prompt_variants must be a group; hint: prompt_variants: {formal: {zero_shot: ...}}");
    f->variant = sg_arena_alloc(arena, (size_t)tree->n + 1, sizeof *f->variant);
    if (!f->variant)
        return sg_fail_memory(err, (size_t)tree->n * sizeof *f->variant);
    for (const struct sg_yaml *c = tree->child; c; c = c->next) {
        struct sg_variant *v = &f->variant[f->task.n_variants++];
        struct sg_reading r = {.schema = &variant_schema, .arena = arena, .base = v};
        SG_TRY(sg_settings_check_name(c, "a prompt variant", c->key, err));
        if (strcmp(c->key, "default") == 0)
            return sg_yaml_fail(c, err, "the variant \"default\" is what prompts: says; hint: another name");
        v->name = (char *)(uintptr_t)c->key;
        SG_TRY(sg_schema_apply(&r, c, err));
        SG_TRY(check_templates(&r, v, f->task.second != NULL, path, err));
    }
    return SG_OK;
}

static sg_status read_classes(struct task_fill *f, struct sg_arena *arena, struct sg_err *err)
{
    const struct sg_yaml *tree = f->classes;
    if (tree->kind == SG_YAML_SCALAR)
        return sg_yaml_fail(tree, err,
                            "classes must be a group, `name in the data: readable name`, a line each");
    if (tree->n < 2 || tree->n > SG_TASK_MAX_CLASSES)
        return sg_yaml_fail(tree, err, "classes: %d; a task has 2 to %d", tree->n, SG_TASK_MAX_CLASSES);
    struct sg_class *list = sg_arena_alloc(arena, (size_t)tree->n, sizeof *list);
    if (!list)
        return sg_fail_memory(err, (size_t)tree->n * sizeof *list);
    int k = 0;
    for (const struct sg_yaml *c = tree->child; c; c = c->next, k++) {
        if (c->kind != SG_YAML_SCALAR)
            return sg_yaml_fail(c, err, "a class has one readable name, no list or group");
        /* A list of names, or a name without a readable one, reads as it is. */
        const char *name = tree->kind == SG_YAML_MAP ? c->key : c->text;
        const char *readable = sg_yaml_is_null(c) && c->text[0] == 0 ? name : c->text;
        if (!name[0] || !readable[0] || strpbrk(name, "\r\n"))
            return sg_yaml_fail(c, err, "a class needs a name of one line");
        for (int i = 0; i < k; i++)
            if (strcmp(list[i].name, name) == 0 || strcmp(list[i].readable, readable) == 0)
                return sg_yaml_fail(c, err, "classes \"%s\" and \"%s\" have the same name", list[i].name,
                                    name);
        list[k] = (struct sg_class){(char *)(uintptr_t)name, (char *)(uintptr_t)readable};
    }
    f->task.class_ = list;
    f->task.n_classes = k;
    return SG_OK;
}

/* An answer or a label line that names one of two such classes could not be told from one that names the other. */
static sg_status check_class_names(const struct sg_reading *r, const struct sg_task *t, const char *path,
                                   struct sg_err *err)
{
    struct sg_class_names names;
    int a, b;
    SG_TRY(sg_class_names_create(t, &names, err));
    sg_status status = sg_class_names_clash(&names, &a, &b, err);
    if (status == SG_OK && a >= 0) {
        struct sg_buf x = sg_buf_make(1024), y = sg_buf_make(1024);
        sg_buf_safe(&x, sg_class_names_text(&names, a), 60);
        sg_buf_safe(&y, sg_class_names_text(&names, b), 60);
        status = sg_schema_fail(r, "classes", path, err,
                                "classes: \"%s\" and \"%s\" are two classes, but one name where case, blanks "
                                "and punctuation do not "
                                "count, as in an LLM's answers; hint: tell them apart by letters or digits "
                                "(in the data files too, "
                                "where these are the names there)",
                                sg_buf_text(&x), sg_buf_text(&y));
        sg_buf_free(&x);
        sg_buf_free(&y);
    }
    sg_class_names_free(&names);
    return status;
}

static sg_status check_pair(const struct sg_reading *r, const struct sg_task *t, const char *path,
                            struct sg_err *err)
{
    if (t->second && !t->second_mark)
        return sg_schema_fail(r, "fields.second", path, err,
                              "a pair needs marks.second; hint: marks: {first: Premise, second: Hypothesis}");
    const char *pair_only = t->cut == SG_CUT_SECOND ? "truncate: only_second"
                            : t->second_mark        ? "marks.second"
                            : t->second_comes_first ? "marks.second_comes_first"
                                                    : NULL;
    if (!t->second && pair_only)
        return sg_fail(err, SG_INPUT, "%s: %s is for pairs, but fields.second is not set", path, pair_only);
    if (t->second && strcmp(t->first_mark, t->second_mark) == 0)
        return sg_schema_fail(r, "marks.second", path, err,
                              "marks.first and marks.second are the same word, \"%s\"", t->first_mark);
    return SG_OK;
}

/* 0 without memory; what there is already is the task's. */
static int own_variant(const struct sg_variant *in, struct sg_variant *out)
{
    int good = (out->name = sg_strdup(in->name)) != NULL;
    for (int i = 0; i < N_VARIANT_TABLE; i++) {
        char *text;
        memcpy(&text, (const char *)in + variant_table[i].offset, sizeof text);
        char *copy = sg_strdup(text);
        good &= !text || copy;
        memcpy((char *)out + variant_table[i].offset, &copy, sizeof copy);
    }
    return good;
}

/* The tree's texts live in an arena; a task owns its own. */
static sg_status own(const struct sg_task *in, struct sg_task *out, struct sg_err *err)
{
    struct sg_task t = *in;
    int failed = 0;
    t.class_ = sg_alloc((size_t)t.n_classes, sizeof *t.class_);
    t.n_classes = t.class_ ? t.n_classes : 0;
    failed |= !t.class_;
    for (int k = 0; k < t.n_classes; k++) {
        t.class_[k].name = sg_strdup(in->class_[k].name);
        t.class_[k].readable = sg_strdup(in->class_[k].readable);
        failed |= !t.class_[k].name || !t.class_[k].readable;
    }
    for (int i = 0; i < N_TABLE; i++)
        if (table[i].type == SG_SET_TEXT) {
            char **slot = (char **)(void *)((char *)&t + table[i].offset - offsetof(struct task_fill, task));
            int had = *slot != NULL;
            *slot = sg_strdup(*slot);
            failed |= had && !*slot;
        }
    t.variant = sg_alloc((size_t)in->n_variants + 1, sizeof *t.variant);
    t.n_variants = t.variant ? in->n_variants : 0;
    failed |= !t.variant;
    for (int i = 0; i < t.n_variants; i++)
        failed |= !own_variant(&in->variant[i], &t.variant[i]);
    t.test_set = sg_alloc((size_t)in->n_test_sets + 1, sizeof *t.test_set);
    t.n_test_sets = t.test_set ? in->n_test_sets : 0;
    failed |= !t.test_set;
    for (int i = 0; i < t.n_test_sets; i++) {
        t.test_set[i] =
            (struct sg_test_set_file){sg_strdup(in->test_set[i].name), sg_strdup(in->test_set[i].file)};
        failed |= !t.test_set[i].name || !t.test_set[i].file;
    }
    t.text = sg_strdup(in->text);
    failed |= !t.text;
    if (failed) {
        sg_task_free(&t);
        return sg_fail_memory(err, sizeof t);
    }
    *out = t;
    return SG_OK;
}

/* Of the text without the groups that only some studies use: their wordings enter the ids of their own pools and probes alone
 * (gen/pool/pool_id.c, gen/pool/contamination.c), the test sets' rows those of the cells and pools (sg_task_data), as
 * the rows do that came from a source. A group ends where the next line begins with another key. */
static sg_status digest_of(const char *text, size_t n, char hex[SG_HEX], struct sg_err *err)
{
    static const char *const group[] = {
        "unconditioned:", "prompt_variants:", "method_prompts:", "test_sets:", "contamination:", "source:"};
    enum { N_GROUPS = sizeof group / sizeof group[0] };
    struct sg_sha256_stream *sha = sg_sha256_create();
    if (!sha)
        return sg_fail_memory(err, 256);
    int skips = 0;
    for (size_t at = 0; at < n;) {
        const char *line = text + at, *end = memchr(line, '\n', n - at);
        size_t len = end ? (size_t)(end - line) + 1 : n - at;
        if (!strchr(" \t\r\n#", *line))
            skips = 0;
        for (int g = 0; g < N_GROUPS; g++)
            skips |= len >= strlen(group[g]) && strncmp(line, group[g], strlen(group[g])) == 0;
        if (!skips)
            sg_sha256_add(sha, line, len);
        at += len;
    }
    sg_sha256_finish_hex(sha, hex);
    return SG_OK;
}

static sg_status parse(const char *path, const char *text, size_t n, struct sg_arena *arena,
                       struct sg_task *out, struct sg_err *err)
{
    struct task_fill fill = {0};
    struct sg_reading r = {.schema = &schema, .arena = arena, .base = &fill};
    struct sg_yaml *root = NULL;
    SG_TRY(sg_yaml_parse(path, 1, text, n, arena, &root, err));
    if (!root)
        return sg_fail(err, SG_INPUT,
                       "%s: nothing in it; hint: experiments/tasks/boolq.yaml shows what a task file holds",
                       path);
    SG_TRY(sg_schema_defaults(&r, err));
    SG_TRY(sg_schema_apply(&r, root, err));
    SG_TRY(sg_schema_complete(&r, path, err));
    fill.task.fields_unnamed = !sg_schema_at(&r, "fields.first") && !fill.task.second;
    SG_TRY(read_classes(&fill, arena, err));
    SG_TRY(check_class_names(&r, &fill.task, path, err));
    SG_TRY(check_pair(&r, &fill.task, path, err));
    const struct sg_variant own_wording = {.prompt = fill.task.prompt,
                                           .unconditioned = fill.task.unconditioned};
    SG_TRY(check_templates(&r, &own_wording, fill.task.second != NULL, path, err));
    SG_TRY(check_probe(&r, &fill.task, path, err));
    SG_TRY(read_variants(&fill, path, arena, err));
    SG_TRY(read_test_sets(&fill, arena, err));
    if (!fill.task.title)
        fill.task.title = fill.task.name;
    SG_TRY(digest_of(text, n, fill.task.digest, err));
    fill.task.variant = fill.variant;
    fill.task.text =
        (char *)(uintptr_t)text; /* sg_file_read ends it with a NUL; what holds one itself is no YAML */
    return own(&fill.task, out, err);
}

sg_status sg_task_read(const char *path, struct sg_task *out, struct sg_err *err)
{
    char *text = NULL;
    size_t n = 0;
    SG_TRY(sg_file_read(path, SG_YAML_MAX_BYTES, &text, &n, err));
    struct sg_arena *arena = sg_arena_create();
    sg_status status = arena ? parse(path, text, n, arena, out, err) : sg_fail_memory(err, 64);
    sg_arena_destroy(arena);
    sg_free(text);
    if (status == SG_OK && !(out->dir = sg_path_dir(path))) {
        sg_task_free(out);
        status = sg_fail_memory(err, strlen(path));
    }
    return status;
}
