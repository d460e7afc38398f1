/* Fuzzes what reads study and task files: YAML to a tree, the table of settings, the resolved JSON.
 *
 *     build-fuzz/tests/fuzz/fuzz_study -max_total_time=60 tests/fuzz/corpus/study experiments
 * experiments/tasks */
#include "base/mem.h"
#include "experiments/study/settings.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct sg_err err = {0};
    struct sg_settings all = {0};
    struct sg_arena *arena = sg_arena_create();
    struct sg_reading r = {.schema = &sg_study_schema, .arena = arena, .base = &all};
    struct sg_yaml *root = NULL;
    if (!arena || sg_schema_defaults(&r, &err) != SG_OK)
        abort();
    sg_status status = sg_yaml_parse("f", 1, (const char *)data, n, arena, &root, &err);
    if (status == SG_OK && root)
        status = sg_schema_apply(&r, root, &err);
    if (status == SG_OK) { /* what was accepted can be written, and is JSON */
        struct sg_buf b = sg_buf_make((size_t)16 << 20);
        sg_settings_json(&all, &b);
        json_t *o = json_loads(sg_buf_text(&b), JSON_REJECT_DUPLICATES, NULL);
        if (!o)
            abort();
        json_decref(o);
        sg_buf_free(&b);
    }
    if (status != SG_OK && (status != SG_INPUT || !err.text[0]))
        abort();
    char *text = sg_strndup((const char *)data, n);
    if (sg_schema_override(&r, text, &err) != SG_OK && !err.text[0])
        abort();
    sg_free(text);
    sg_arena_destroy(arena);
    if (sg_mem_now() != 0)
        abort();
    return 0;
}
