/* config.json's part about logits: classes, their names, problem_type. */
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/config.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_CLASSES = 10000 };

void sg_outputs_free(struct sg_outputs *o)
{
    for (int k = 0; o->class_name && k < o->n_classes; k++)
        sg_free(o->class_name[k]);
    sg_free(o->class_name);
    *o = (struct sg_outputs){0};
}

/* The index that a key of id2label means ("0", also "00"), or -1. */
static int64_t class_of_key(const char *key)
{
    size_t n = strlen(key);
    return n > 0 && n < 10 && strspn(key, "0123456789") == n ? strtoll(key, NULL, 10) : -1;
}

static char *class_name_of(const json_t *name)
{
    if (json_is_integer(name)) /* {"0": 0}: seen where labels are numbers */
        return sg_strf("%lld", (long long)json_integer_value(name));
    return sg_strdup(json_string_value(name));
}

static sg_status take_names(const json_t *map, const char *where, struct sg_outputs *o, struct sg_err *err)
{
    const char *key;
    json_t *name;
    json_object_foreach ((json_t *)(uintptr_t)map, key, name) {
        int64_t k = class_of_key(key);
        if (k < 0)
            return sg_fail(err, SG_INPUT, "%s: \"id2label\": \"%.40s\" is no class's number", where, key);
        if (!json_is_integer(name) && !json_is_string(name))
            return sg_fail(err, SG_INPUT, "%s: \"id2label\": the name of class %lld must be a text", where,
                           (long long)k);
        if (k >= o->n_classes)
            continue; /* then one of those below is missing */
        if (o->class_name[k])
            return sg_fail(err, SG_INPUT, "%s: \"id2label\" has class %lld twice", where, (long long)k);
        o->class_name[k] = class_name_of(name);
        if (!o->class_name[k])
            return sg_fail_memory(err, 64);
    }
    for (int k = 0; k < o->n_classes; k++)
        if (!o->class_name[k])
            return sg_fail(
                err, SG_INPUT,
                "%s: \"id2label\" has %d %s, but none for class %d; hint: classes are counted from 0", where,
                o->n_classes, sg_plural(o->n_classes, "name", "names"), k);
    return SG_OK;
}

/* As transformers does: id2label, or else num_labels, or else two; label2id is not asked. */
static sg_status read_classes(const json_t *json, const char *where, struct sg_outputs *o, struct sg_err *err)
{
    const json_t *map = json_object_get(json, "id2label"), *count = json_object_get(json, "num_labels");
    int has_map = map && !json_is_null(map), has_count = count && !json_is_null(count);
    size_t n = json_object_size(map);
    if (has_map && (!json_is_object(map) || n < 1 || n > MAX_CLASSES))
        return sg_fail(err, SG_INPUT, "%s: \"id2label\" must be an object of 1 to %d names", where,
                       MAX_CLASSES);
    int64_t n_labels;
    SG_TRY(sg_json_int(json, "num_labels", has_map ? (int64_t)n : 2, 1, MAX_CLASSES, where, &n_labels, err));
    if (has_map && n_labels != (int64_t)n)
        return sg_fail(err, SG_INPUT,
                       "%s: \"num_labels\" is %lld, but \"id2label\" has %zu %s; hint: which is right?",
                       where, (long long)n_labels, n, sg_plural((int64_t)n, "name", "names"));
    o->n_classes = (int)n_labels;
    o->is_default = !has_map && !has_count;
    o->class_name = sg_alloc((size_t)n_labels, sizeof *o->class_name);
    if (!o->class_name)
        return sg_fail_memory(err, (unsigned long long)n_labels * sizeof *o->class_name);
    if (has_map)
        return take_names(map, where, o, err);
    for (int k = 0; k < o->n_classes; k++) {
        o->class_name[k] = sg_strf("LABEL_%d", k);
        if (!o->class_name[k])
            return sg_fail_memory(err, 64);
    }
    return SG_OK;
}

/* What CrossEncoder of sentence-transformers does with a sole logit: its activation_fn, or the older key. */
static sg_status read_value(const json_t *json, const char *where, struct sg_outputs *o, struct sg_err *err)
{
    const json_t *v = json_object_get(json_object_get(json, "sentence_transformers"), "activation_fn");
    if (!v)
        v = json_object_get(json, "sbert_ce_default_activation_function");
    const char *name = json_string_value(v), *last = name ? strrchr(name, '.') : NULL;
    last = last ? last + 1 : name;
    if (o->n_classes != 1 || !name || strcmp(last, "Identity") == 0)
        return SG_OK;
    o->value_is_sigmoid = strcmp(last, "Sigmoid") == 0;
    return o->value_is_sigmoid
               ? SG_OK
               : sg_fail(err, SG_INPUT,
                         "%s: the activation \"%.80s\" of sentence-transformers is not supported; hint: "
                         "torch.nn.modules.linear.Identity and torch.nn.modules.activation.Sigmoid are",
                         where, name);
}

static sg_status read_problem(const json_t *json, const char *where, struct sg_outputs *o, struct sg_err *err)
{
    static const struct {
        const char *name;
        enum sg_problem problem;
    } problems[] = {{"single_label_classification", SG_SINGLE_LABEL},
                    {"multi_label_classification", SG_MULTI_LABEL},
                    {"regression", SG_REGRESSION}};
    const json_t *v = json_object_get(json, "problem_type");
    const char *name = json_string_value(v);
    o->problem = o->n_classes == 1 ? SG_ONE_LABEL : SG_SINGLE_LABEL;
    if (!v || json_is_null(v))
        return read_value(json, where, o, err);
    for (size_t i = 0; name && i < sizeof problems / sizeof problems[0]; i++)
        if (strcmp(name, problems[i].name) == 0) {
            if (problems[i].problem == SG_SINGLE_LABEL && o->n_classes == 1)
                return sg_fail(err, SG_INPUT,
                               "%s: problem_type \"%s\" with a sole class, which transformers refuses; hint: "
                               "\"regression\" "
                               "for a value, or no problem_type",
                               where, name);
            o->problem = problems[i].problem;
            return read_value(json, where, o, err);
        }
    return sg_fail(err, SG_INPUT,
                   "%s: problem_type \"%.60s\" is not known; hint: single_label_classification, "
                   "multi_label_classification or "
                   "regression",
                   where, name ? name : "(no text)");
}

sg_status sg_config_outputs(const struct sg_config *c, const char *where, struct sg_outputs *out,
                            struct sg_err *err)
{
    json_t *json = NULL;
    SG_TRY(sg_json_parse(c->json, strlen(c->json), where, &json, err));
    struct sg_outputs o = {0};
    sg_status status = read_classes(json, where, &o, err);
    if (status == SG_OK)
        status = read_problem(json, where, &o, err);
    json_decref(json);
    if (status == SG_OK)
        *out = o;
    else
        sg_outputs_free(&o);
    return status;
}
