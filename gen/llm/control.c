#include "gen/llm/control.h"

#include "base/buf.h"
#include "base/mem.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* About as long as what these say, together. */
static char *prompt_like(const json_t *messages, uint64_t number)
{
    static const char sentence[] = "The wind came from the west, and the sky was grey with a little rain. ";
    struct sg_buf b = sg_buf_make((size_t)64 << 20);
    const json_t *m;
    size_t i, n = 0;
    json_array_foreach (messages, i, m)
        n += json_string_length(json_object_get(m, "content"));
    sg_buf_printf(&b, "Describe the weather in a small town in a few sentences. This is note %llu. ",
                  (unsigned long long)number);
    while (b.len + sizeof sentence <= n && !b.failed)
        sg_buf_puts(&b, sentence);
    char *prompt = b.failed ? NULL : sg_strdup(sg_buf_text(&b));
    sg_buf_free(&b);
    return prompt;
}

sg_status sg_control_make(const char *canonical, uint64_t number, struct sg_request *out, struct sg_err *err)
{
    json_t *o = json_loads(canonical, 0, NULL);
    char *prompt = prompt_like(json_object_get(o, "messages"), number);
    json_t *messages = prompt ? json_pack("[{s:s, s:s}]", "role", "user", "content", prompt) : NULL;
    char *text = NULL;
    sg_free(prompt);
    if (o && messages && json_object_set(o, "messages", messages) == 0)
        text = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(o);
    json_decref(messages);
    char *copy = text ? sg_strdup(text) : NULL;
    free(text);
    if (!copy)
        return sg_fail_memory(err, strlen(canonical));
    *out = (struct sg_request){.canonical = copy};
    sg_sha256_hex(copy, strlen(copy), out->key);
    return SG_OK;
}
