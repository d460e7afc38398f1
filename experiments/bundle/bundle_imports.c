#include "experiments/bundle/bundle_imports.h"

#include "base/json.h"
#include "base/mem.h"
#include "experiments/study/imports.h"

#include <string.h>

/* Where the rows of an import are; new memory. */
static char *place(const char *dir, const char *name)
{
    return sg_strf("%s%spools/{task}/%s.jsonl", dir ? dir : "", dir ? "/" : "", name);
}

int sg_bundle_imports_settle(json_t *settings, const char *dir)
{
    json_t *methods = json_object_get(settings, "methods"), *x;
    size_t i;
    int bad = 0;
    json_array_foreach (methods, i, x) {
        if (!json_is_object(x))
            continue;
        char *path = place(dir, sg_json_text_or(x, "name", ""));
        bad |= json_object_set_new(x, "pool", path ? json_string(path) : NULL);
        static const char *const column[] = {"text", "text_pair", "label"};
        for (size_t k = 0; k < sizeof column / sizeof column[0]; k++)
            json_object_del(x, column[k]);
        sg_free(path);
    }
    return bad;
}

sg_status sg_bundle_imports_check(const json_t *settings, struct sg_err *err)
{
    const json_t *methods = json_object_get(settings, "methods"), *x;
    size_t i;
    json_array_foreach (methods, i, x) {
        if (json_is_string(x))
            continue;
        const char *name = sg_json_text_or(x, "name", NULL), *pool = sg_json_text_or(x, "pool", NULL), *key;
        json_t *value, *own = (json_t *)(uintptr_t)x; /* jansson's loops take no const */
        char *path = name && sg_settings_is_name(name) ? place(NULL, name) : NULL;
        int good = path && pool && strcmp(path, pool) == 0;
        json_object_foreach (own, key, value)
            good &= strcmp(key, "name") == 0 || strcmp(key, "pool") == 0 || strcmp(key, "tasks") == 0;
        sg_free(path);
        if (!good)
            return sg_fail(
                err, SG_INPUT,
                "its setting methods names a pool that is not in it, or a file elsewhere, which a bundle "
                "must not");
    }
    return SG_OK;
}

sg_status sg_bundle_import_row(const json_t *settings, const json_t *part, struct sg_err *err)
{
    const char *method = sg_json_text_or(part, "method", NULL);
    const json_t *methods = json_object_get(settings, "methods"), *x,
                 *second = json_object_get(part, "second"), *label = json_object_get(part, "label");
    size_t i;
    int known = 0;
    json_array_foreach (methods, i, x)
        known |= json_is_object(x) && method && strcmp(sg_json_text_or(x, "name", ""), method) == 0;
    if (!known)
        return sg_fail(err, SG_INPUT, "a row of a pool that the study does not have");
    if (!json_is_string(json_object_get(part, "first")) ||
        (!json_is_string(second) && !json_is_null(second)) ||
        (!json_is_string(label) && !json_is_null(label)))
        return sg_fail(err, SG_INPUT, "a row of a pool lacks a text, or has one of the wrong kind");
    return SG_OK;
}

sg_status sg_bundle_imports_each(const struct sg_prepared *p,
                                 sg_status (*put)(void *context, json_t *part, struct sg_err *err),
                                 void *context, struct sg_err *err)
{
    const struct sg_study *s = p->study;
    for (int t = 0; t < s->n_tasks; t++)
        for (int i = 0; i < s->n_imports; i++) {
            const struct sg_imported *x = &p->imported[t * s->n_imports + i];
            for (int64_t r = 0; r < x->rows.n; r++) {
                const struct sg_row *row = &x->rows.row[r];
                const char *label = x->class_[r] < 0 ? NULL : s->task[t].class_[x->class_[r]].name;
                SG_TRY(put(context,
                           json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s?}", "part", "imported", "task",
                                     s->task[t].name, "method", s->import[i].name, "first", row->first,
                                     "second", row->second, "label", label),
                           err));
            }
        }
    return SG_OK;
}
