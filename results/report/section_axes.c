/* The axes of a study that are compared level by level: method, wording, rephrased or not, generator, conditioning. */
#include "results/report/answer.h"

#include "base/mem.h"
#include "results/h5/store_open.h"
#include "results/h5/store_tables.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static int method_level(const void *context, int64_t task, const char *method, char level[200],
                        char rest[200])
{
    (void)context;
    (void)task;
    snprintf(level, 200, "%.199s", method);
    rest[0] = 0;
    return 1;
}

sg_status sg_section_method(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    static const struct sg_answer_axis axis = {.name = "method",
                                               .one = "method",
                                               .many = "methods",
                                               .level = method_level,
                                               .with_free = 1,
                                               .if_single =
                                                   "This study has one method: which is best " SG_CANNOT
                                                   "; a second one in methods: would tell."};
    return in->scores ? sg_answer_compare(in, &axis, doc, err) : SG_OK;
}

/* The name without its words " word"; 0 where it does not have them. */
static int without(const char *method, const char *word, char rest[200])
{
    char with[210];
    snprintf(with, sizeof with, " %.200s", word);
    size_t n = strlen(with);
    for (const char *at = strstr(method, with); at; at = strstr(at + 1, with))
        if (at[n] == 0 || at[n] == ' ') {
            snprintf(rest, 200, "%.*s%s", (int)(at - method), method, at + n);
            return 1;
        }
    snprintf(rest, 200, "%.199s", method);
    return 0;
}

static int rephrase_level(const void *context, int64_t task, const char *method, char level[200],
                          char rest[200])
{
    (void)context;
    (void)task;
    snprintf(level, 200, "%s", without(method, "rephrased", rest) ? "rephrased" : "as bought");
    return 1;
}

sg_status sg_section_rephrase(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    static const struct sg_answer_axis axis = {
        .name = "rephrase",
        .one = "form",
        .many = "forms (as bought, rephrased)",
        .level = rephrase_level,
        .if_single =
            "What rephrasing the synthetic examples does " SG_CANNOT
            ": it has no rephrased pools beside their sources (rephrase: [false, true] makes them)."};
    return in->scores ? sg_answer_compare(in, &axis, doc, err) : SG_OK;
}

static int conditioning_level(const void *context, int64_t task, const char *method, char level[200],
                              char rest[200])
{
    (void)context;
    (void)task;
    snprintf(level, 200, "%s", without(method, "unconditioned", rest) ? "text first" : "label first");
    return 1;
}

sg_status sg_section_conditioning(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    static const struct sg_answer_axis axis = {.name = "conditioning",
                                               .one = "conditioning",
                                               .many = "conditionings (label first, text first)",
                                               .level = conditioning_level};
    return in->scores ? sg_answer_compare(in, &axis, doc, err) : SG_OK;
}

/* ---- axes that the pools' settings name ---- */

struct pool_axis {
    const struct sg_report_data *d;
    char **level;                /* by pool */
    const char *setting, *other; /* its key; the level that methods' names do not show */
    int64_t n;
};

static sg_status read_pool(void *context, int64_t at, const union sg_value *row, struct sg_err *err)
{
    struct pool_axis *a = context;
    json_t *settings = json_loads(row[SG_POOLS_settings].text, 0, NULL);
    const char *level = json_string_value(json_object_get(settings, a->setting));
    if (at < a->d->n_pools) {
        a->level[at] = sg_strdup(level ? level : "");
        a->n = at + 1;
    }
    json_decref(settings);
    return at < a->d->n_pools && !a->level[at] ? sg_fail_memory(err, 100) : SG_OK;
}

static int pool_level(const void *context, int64_t task, const char *method, char level[200], char rest[200])
{
    const struct pool_axis *a = context;
    for (int64_t i = 0; i < a->n; i++) {
        const struct sg_report_pool *p = &a->d->pool[i];
        if (strcmp(p->method, method) != 0 || strcmp(p->task, a->d->task[task].name) != 0 || !a->level[i][0])
            continue;
        snprintf(level, 200, "%.199s", a->level[i]);
        return without(method, level, rest) || strcmp(level, a->other) == 0;
    }
    return 0;
}

static sg_status by_pools(const struct sg_section_input *in, struct sg_answer_axis *axis, struct pool_axis *a,
                          struct sg_doc *doc, struct sg_err *err)
{
    hid_t file = -1;
    if (!in->scores)
        return SG_OK;
    a->d = in->d;
    if (!(a->level = sg_alloc((size_t)in->d->n_pools + 1, sizeof *a->level)))
        return sg_fail_memory(err, (size_t)in->d->n_pools * sizeof *a->level);
    sg_status status = sg_store_open(in->file, &file, err);
    if (status == SG_OK) {
        status = sg_h5_table_each(file, &sg_store_tables[SG_T_POOLS], in->file, read_pool, a, err);
        H5Fclose(file);
    }
    axis->context = a;
    axis->level = pool_level;
    if (status == SG_OK)
        status = sg_answer_compare(in, axis, doc, err);
    for (int64_t i = 0; i < a->n; i++)
        sg_free(a->level[i]);
    sg_free(a->level);
    return status;
}

sg_status sg_section_wording(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    struct pool_axis a = {.setting = "prompt_variant", .other = "default"};
    struct sg_answer_axis axis = {
        .name = "wording",
        .one = "wording",
        .many = "wordings",
        .with_share = 1,
        .if_single = "How much of the spread is the prompt's " SG_CANNOT
                     ": it has one wording of its prompts (prompt_variants: [default, plain] "
                     "has two)."};
    return by_pools(in, &axis, &a, doc, err);
}

/* The generators' names stand in the methods' names, where the study has several. */
static int generator_level(const void *context, int64_t task, const char *method, char level[200],
                           char rest[200])
{
    (void)context;
    (void)task;
    const char *by = strstr(method, " by ");
    if (!by)
        return 0;
    snprintf(level, 200, "%.199s", by + 4);
    snprintf(rest, 200, "%.*s", (int)(by - method), method);
    return 1;
}

sg_status sg_section_generator(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    static const struct sg_answer_axis axis = {
        .name = "generator", .one = "generator", .many = "generators", .level = generator_level};
    return in->scores ? sg_answer_compare(in, &axis, doc, err) : SG_OK;
}
