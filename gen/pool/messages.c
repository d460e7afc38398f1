#include "gen/pool/messages.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sg_status sg_message_add(json_t *messages, const char *role, const char *pattern,
                         const struct sg_template_values *v, struct sg_err *err)
{
    struct sg_buf b = sg_buf_make(SG_MAX_PROMPT_BYTES);
    sg_status status = sg_template_fill(&b, pattern, v, err);
    if (status == SG_OK)
        status = sg_buf_check(&b, "a prompt", err);
    if (status == SG_OK) {
        json_t *m = json_pack("{ss ss}", "role", role, "content", sg_buf_text(&b));
        if (!m || json_array_append_new(messages, m))
            status = sg_fail(err, SG_FAILED, "a prompt is not valid UTF-8, or memory ran out");
    }
    sg_buf_free(&b);
    return status;
}

/* Takes over before and behind; NULL is lack of memory. */
static sg_status put_around(json_t *messages, char *before, char *behind, struct sg_err *err)
{
    json_t *last = json_array_get(messages, json_array_size(messages) - 1);
    const char *content = sg_json_text_or(last, "content", NULL);
    char *text = before && behind ? sg_strf("%s%s%s", before, content ? content : "", behind) : NULL;
    int bad = !text || json_object_set_new(last, "content", json_string(text));
    sg_free(text);
    sg_free(before);
    sg_free(behind);
    return bad ? sg_fail_memory(err, 1 << 16) : SG_OK;
}

sg_status sg_message_begin_with(json_t *messages, char *more, struct sg_err *err)
{
    return put_around(messages, more, sg_strdup(""), err);
}

sg_status sg_message_end_with(json_t *messages, char *more, struct sg_err *err)
{
    return put_around(messages, sg_strdup(""), more, err);
}

int64_t sg_draw_seed(struct sg_rng r)
{
    return (int64_t)(sg_rng_u32(&r) >> 1);
}

int sg_draw_distinct(struct sg_rng *r, int64_t n, int64_t skip, int64_t n_skip, int want, int64_t *out)
{
    int n_out = 0;
    int64_t n_left = n - n_skip;
    while (n_out < want && n_out < n_left) {
        int64_t x = (int64_t)sg_rng_below(r, (uint64_t)n_left);
        if (x >= skip)
            x += n_skip;
        int seen = 0;
        for (int i = 0; i < n_out; i++)
            seen |= out[i] == x;
        if (!seen)
            out[n_out++] = x;
    }
    return n_out;
}

char *sg_class_list(const struct sg_task *t)
{
    struct sg_buf b = sg_buf_make(SG_MAX_PROMPT_BYTES);
    for (int k = 0; k < t->n_classes; k++)
        /* A class name may hold commas ("space, science, technology"). */
        sg_buf_printf(&b, "%s%s", k ? "; " : "", t->class_[k].readable);
    struct sg_err ignored;
    if (sg_buf_check(&b, "the list of classes", &ignored) == SG_OK)
        return sg_buf_take(&b);
    sg_buf_free(&b);
    return NULL;
}

int sg_schema_add(json_t *properties, json_t *required, const char *name, json_t *value)
{
    return json_object_set_new(properties, name, value) || json_array_append_new(required, json_string(name));
}

json_t *sg_schema_classes(const struct sg_task *t)
{
    json_t *classes = json_array();
    int bad = !classes;
    for (int k = 0; k < t->n_classes && !bad; k++)
        bad = json_array_append_new(classes, json_string(t->class_[k].readable));
    if (!bad)
        return json_pack("{ss so}", "type", "string", "enum", classes);
    json_decref(classes);
    return NULL;
}

json_t *sg_schema_object(json_t *properties, json_t *required)
{
    return json_pack("{ss so so sb}", "type", "object", "properties", properties, "required", required,
                     "additionalProperties", 0);
}

json_t *sg_schema_format(const char *name, json_t *schema)
{
    return json_pack("{ss s{ss sb so}}", "type", "json_schema", "json_schema", "name", name, "strict", 1,
                     "schema", schema);
}
