#include "experiments/study/yaml_json.h"

#include "base/text.h"

#include <string.h>

static json_t *scalar(const struct sg_yaml *v)
{
    int64_t whole;
    double x;
    if (v->quoted)
        return json_string(v->text);
    if (sg_yaml_is_null(v))
        return json_null();
    if (strcmp(v->text, "true") == 0 || strcmp(v->text, "false") == 0)
        return json_boolean(v->text[0] == 't');
    if (sg_parse_int64(v->text, &whole))
        return json_integer((json_int_t)whole);
    return sg_parse_double(v->text, &x) ? json_real(x) : json_string(v->text);
}

json_t *sg_yaml_to_json(const struct sg_yaml *v)
{
    if (v->kind == SG_YAML_SCALAR)
        return scalar(v);
    json_t *o = v->kind == SG_YAML_LIST ? json_array() : json_object();
    int bad = o == NULL;
    for (const struct sg_yaml *c = v->child; c && !bad; c = c->next)
        bad = v->kind == SG_YAML_LIST ? json_array_append_new(o, sg_yaml_to_json(c))
                                      : json_object_set_new(o, c->key, sg_yaml_to_json(c));
    if (!bad)
        return o;
    json_decref(o);
    return NULL;
}
