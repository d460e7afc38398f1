#include "gen/control.h"

#include "base/mem.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sg_status sg_control_make(const char *canonical, uint64_t number, struct sg_request *out, struct sg_err *err)
{
    char prompt[120];
    snprintf(prompt, sizeof prompt,
             "Describe the weather in a small town in a few sentences. This is note %llu.",
             (unsigned long long)number);
    json_t *o = json_loads(canonical, 0, NULL),
           *messages = json_pack("[{s:s, s:s}]", "role", "user", "content", prompt);
    char *text = NULL;
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
