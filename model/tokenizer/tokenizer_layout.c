#include "base/json.h"
#include "model/tokenizer/tokenizer_parts.h"

#include <string.h>

static int put_part(struct sg_layout *layout, int64_t id, int64_t type)
{
    if (layout->n == SG_MAX_PARTS || id < SG_PART_SECOND || id > SG_MAX_ID || type < 0 || type > SG_MAX_ID)
        return 0;
    layout->part[layout->n].id = (int32_t)id;
    layout->part[layout->n++].type = (int32_t)type;
    layout->n_special += id >= 0;
    return 1;
}

void sg_layout_usual(struct sg_tokenizer *t, int32_t cls, int32_t sep, int roberta)
{
    put_part(&t->single, cls, 0);
    put_part(&t->single, SG_PART_FIRST, 0);
    put_part(&t->single, sep, 0);
    t->pair = t->single;
    if (roberta)
        put_part(&t->pair, sep, 0);
    put_part(&t->pair, SG_PART_SECOND, !roberta);
    put_part(&t->pair, sep, !roberta);
}

void sg_layout_drop_types(struct sg_tokenizer *t)
{
    for (int i = 0; i < SG_MAX_PARTS; i++)
        t->single.part[i].type = t->pair.part[i].type = 0;
}

static sg_status read_template(const char *path, const json_t *list, const json_t *specials,
                               struct sg_layout *layout, struct sg_err *err)
{
    int ok = json_is_array(list);
    for (size_t i = 0; ok && i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        const json_t *special = json_object_get(v, "SpecialToken"),
                     *sequence = json_object_get(v, "Sequence");
        const char *name = sg_json_text_or(special ? special : sequence, "id", NULL);
        const json_t *type = json_object_get(special ? special : sequence, "type_id");
        int64_t type_id = json_is_integer(type) ? json_integer_value(type) : -1;
        if (special && name) {
            const json_t *ids = json_object_get(json_object_get(specials, name), "ids");
            ok = json_array_size(ids) > 0;
            for (size_t k = 0; ok && k < json_array_size(ids); k++) {
                const json_t *id = json_array_get(ids, k);
                ok = json_is_integer(id) && json_integer_value(id) >= 0 &&
                     put_part(layout, json_integer_value(id), type_id);
            }
        } else {
            int second = name && strcmp(name, "B") == 0;
            ok = name && (second || strcmp(name, "A") == 0) &&
                 put_part(layout, second ? SG_PART_SECOND : SG_PART_FIRST, type_id);
        }
    }
    if (!ok)
        return sg_fail(err, SG_INPUT, "%s: the template of its post_processor is damaged or too long", path);
    return SG_OK;
}

static sg_status check_layout(const struct sg_tokenizer *t, const char *path, const struct sg_layout *layout,
                              int n_texts, struct sg_err *err)
{
    int count[2] = {0, 0};
    for (int i = 0; i < layout->n; i++) {
        int32_t id = layout->part[i].id;
        if (id >= t->vocab_size)
            return sg_fail(err, SG_INPUT, "%s: its post_processor adds id %d, which no token has", path, id);
        if (id < 0)
            count[id == SG_PART_SECOND]++;
    }
    if (count[0] != 1 || count[1] != n_texts - 1 || layout->part[0].id < 0)
        return sg_fail(
            err, SG_INPUT,
            "%s: its post_processor must begin with a special token and hold each text once; hint: a "
            "classifier reads the first token",
            path);
    return SG_OK;
}

sg_status sg_layout_read(struct sg_tokenizer *t, const json_t *post, const char *path, struct sg_err *err)
{
    /* Of a Sequence: its ByteLevel part only concerns offsets. */
    const json_t *list = json_object_get(post, "processors");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(sg_json_type(json_array_get(list, i)), "ByteLevel") != 0)
            post = json_array_get(list, i);
    const char *type = sg_json_type(post);
    int roberta = strcmp(type, "RobertaProcessing") == 0;
    if (roberta || strcmp(type, "BertProcessing") == 0) {
        const json_t *cls = json_array_get(json_object_get(post, "cls"), 1);
        const json_t *sep = json_array_get(json_object_get(post, "sep"), 1);
        int64_t cls_id = json_is_integer(cls) ? json_integer_value(cls) : -1;
        int64_t sep_id = json_is_integer(sep) ? json_integer_value(sep) : -1;
        if (cls_id < 0 || cls_id > SG_MAX_ID || sep_id < 0 || sep_id > SG_MAX_ID)
            return sg_fail(err, SG_INPUT, "%s: its post_processor lacks \"cls\" or \"sep\"", path);
        sg_layout_usual(t, (int32_t)cls_id, (int32_t)sep_id, roberta);
    } else if (strcmp(type, "TemplateProcessing") == 0) {
        const json_t *specials = json_object_get(post, "special_tokens");
        SG_TRY(read_template(path, json_object_get(post, "single"), specials, &t->single, err));
        SG_TRY(read_template(path, json_object_get(post, "pair"), specials, &t->pair, err));
    } else {
        return sg_fail(
            err, SG_INPUT,
            "%s: post_processor %.60s is not supported; hint: a classifier needs one that adds [CLS] "
            "or <s>",
            path, type);
    }
    SG_TRY(check_layout(t, path, &t->single, 1, err));
    return check_layout(t, path, &t->pair, 2, err);
}
