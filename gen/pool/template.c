#include "gen/pool/template.h"

#include <stdio.h>
#include <string.h>

static const char *value_of(const struct sg_template_values *v, const char *name, size_t n, char number[24])
{
    const struct {
        const char *name, *value;
    } all[] = {{"class", v->class_},          {"classes", v->classes},
               {"topic", v->topic},           {"examples", v->examples},
               {"first", v->first},           {"text", v->first},
               {"second", v->second},         {"n", number},
               {"label", v->label},           {"part", v->part},
               {"first_mark", v->first_mark}, {"second_mark", v->second_mark},
               {"data_set", v->data_set},     {"split", v->split}};
    snprintf(number, 24, "%lld", (long long)v->n);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strlen(all[i].name) == n && strncmp(all[i].name, name, n) == 0)
            return all[i].value;
    return NULL;
}

sg_status sg_template_fill(struct sg_buf *b, const char *pattern, const struct sg_template_values *v,
                           struct sg_err *err)
{
    char number[24];
    for (const char *p = pattern; *p;) {
        size_t n = strcspn(p, "{}");
        sg_buf_add(b, p, n);
        p += n;
        if (!*p)
            break;
        if (p[1] == p[0]) {
            sg_buf_add(b, p, 1);
            p += 2;
            continue;
        }
        size_t len = *p == '{' ? strcspn(p + 1, "}") : 0;
        const char *value = *p == '{' && p[1 + len] == '}' ? value_of(v, p + 1, len, number) : NULL;
        if (!value)
            return sg_fail(err, SG_INPUT,
                           "a prompt template has no value for '%.*s'; hint: a brace itself is written twice",
                           (int)(len + 2 > 40 ? 40 : len + 2), p);
        sg_buf_puts(b, value);
        p += len + 2;
    }
    return SG_OK;
}
