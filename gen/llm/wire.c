#include "gen/llm/wire.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

#include <string.h>

char *sg_wire_text(const json_t *v)
{
    size_t n = json_string_length(v);
    char *copy = json_is_string(v) ? sg_alloc(n + 1, 1) : NULL;
    for (size_t i = 0; copy && i < n; i++)
        copy[i] = json_string_value(v)[i] ? json_string_value(v)[i] : ' ';
    return copy;
}

char *sg_wire_text_of_parts(const json_t *parts)
{
    struct sg_buf b = sg_buf_make((size_t)16 << 20);
    const json_t *part;
    size_t i;
    json_array_foreach (parts, i, part) {
        const char *type = sg_json_text_or(part, "type", NULL);
        char *text = type && strcmp(type, "text") == 0 ? sg_wire_text(json_object_get(part, "text")) : NULL;
        if (text)
            sg_buf_puts(&b, text);
        sg_free(text);
    }
    char *whole = b.len && !b.failed ? sg_strdup(sg_buf_text(&b)) : NULL;
    sg_buf_free(&b);
    return whole;
}

int64_t sg_wire_count(const json_t *usage, const char *name, int64_t missing)
{
    static const int64_t max_count = (int64_t)1 << 40; /* sums of these cannot overflow */
    int64_t n = sg_json_int_or(usage, name, -1);
    return n >= 0 && n <= max_count ? n : missing;
}
