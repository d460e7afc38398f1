#include "base/json.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int sg_is_lfs_pointer(const char *text, size_t n)
{
    static const char start[] = "version https://git-lfs";
    return n >= sizeof start - 1 && memcmp(text, start, sizeof start - 1) == 0;
}

sg_status sg_json_parse(const char *text, size_t n, const char *where, json_t **out, struct sg_err *err)
{
    if (sg_is_lfs_pointer(text, n))
        return sg_fail(err, SG_INPUT,
                       "%s: a Git LFS pointer, not the file itself; hint: run `git lfs pull` in its folder",
                       where);
    if (memchr(text, 0, n)) /* jansson 2.14 takes one behind a number, and what comes after it would be lost
                               with our copies */
        return sg_fail(err, SG_INPUT, "%s: not JSON: it holds a NUL byte; hint: is it damaged?", where);
    json_error_t why;
    json_t *json = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
    if (!json)
        return sg_fail(err, SG_INPUT, "%s:%d: not JSON: %s", where, why.line, why.text);
    if (!json_is_object(json)) {
        json_decref(json);
        return sg_fail(err, SG_INPUT, "%s: must be a JSON object {...}", where);
    }
    *out = json;
    return SG_OK;
}

sg_status sg_json_read(const char *path, size_t max_bytes, json_t **out, struct sg_err *err)
{
    char *text = NULL;
    size_t n = 0;
    SG_TRY(sg_file_read(path, max_bytes, &text, &n, err));
    sg_status status = sg_json_parse(text, n, path, out, err);
    sg_free(text);
    return status;
}

const char *sg_json_type(const json_t *object)
{
    const char *type = json_string_value(json_object_get(object, "type"));
    return type ? type : json_is_object(object) ? "(no type)" : "none";
}

const char *sg_json_text_or(const json_t *object, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : otherwise;
}

int64_t sg_json_int_or(const json_t *object, const char *key, int64_t otherwise)
{
    const json_t *v = json_object_get(object, key);
    return json_is_integer(v) ? (int64_t)json_integer_value(v) : otherwise;
}

double sg_json_number_or(const json_t *object, const char *key, double otherwise)
{
    const json_t *v = json_object_get(object, key);
    return json_is_number(v) ? json_number_value(v) : otherwise;
}

sg_status sg_json_text(const json_t *object, const char *key, const char *missing, const char *where,
                       const char **out, struct sg_err *err)
{
    const json_t *v = json_object_get(object, key);
    if (v && !json_is_null(v) && !json_is_string(v))
        return sg_fail(err, SG_INPUT, "%s: \"%s\" must be a text", where, key);
    *out = json_is_string(v) ? json_string_value(v) : missing;
    return SG_OK;
}

sg_status sg_json_int(const json_t *object, const char *key, int64_t missing, int64_t low, int64_t high,
                      const char *where, int64_t *out, struct sg_err *err)
{
    const json_t *v = json_object_get(object, key);
    int64_t value = missing;
    if (v && !json_is_null(v)) {
        if (!json_is_integer(v))
            return sg_fail(err, SG_INPUT, "%s: \"%s\" must be a whole number", where, key);
        value = json_integer_value(v);
    }
    if (value < low || value > high)
        return sg_fail(err, SG_INPUT, "%s: \"%s\" is %lld, but must be from %lld to %lld", where, key,
                       (long long)value, (long long)low, (long long)high);
    *out = value;
    return SG_OK;
}

sg_status sg_json_number(const json_t *object, const char *key, double missing, const char *where,
                         double *out, struct sg_err *err)
{
    const json_t *v = json_object_get(object, key);
    double value = missing;
    if (v && !json_is_null(v)) {
        if (!json_is_number(v))
            return sg_fail(err, SG_INPUT, "%s: \"%s\" must be a number", where, key);
        value = json_number_value(v);
    }
    *out = value;
    return SG_OK;
}

sg_status sg_json_bool(const json_t *object, const char *key, int missing, const char *where, int *out,
                       struct sg_err *err)
{
    const json_t *v = json_object_get(object, key);
    int value = missing;
    if (v && !json_is_null(v)) {
        if (!json_is_boolean(v))
            return sg_fail(err, SG_INPUT, "%s: \"%s\" must be true or false", where, key);
        value = json_is_true(v);
    }
    *out = value;
    return SG_OK;
}

/* with_length: behind an int64 that says how long it is. */
static sg_status put(struct sg_buf *b, json_t *value, int with_length, struct sg_err *err)
{
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
    json_decref(value);
    if (!text)
        return sg_fail_memory(err, 1 << 20);
    int64_t n = (int64_t)strlen(text);
    if (with_length)
        sg_buf_add(b, &n, sizeof n);
    sg_buf_add(b, text, (size_t)n);
    free(text);
    return SG_OK;
}

sg_status sg_json_put(struct sg_buf *b, json_t *value, struct sg_err *err)
{
    return put(b, value, 0, err);
}

sg_status sg_json_put_head(struct sg_buf *b, json_t *head, struct sg_err *err)
{
    return put(b, head, 1, err);
}

sg_status sg_json_take_head(const void *bytes, size_t n, const char *what, json_t **head, size_t *at,
                            struct sg_err *err)
{
    int64_t len = 0;
    json_error_t why = {.text = "it is too short"};
    if (n >= sizeof len)
        memcpy(&len, bytes, sizeof len);
    int fits = len > 0 && (size_t)len <= n - sizeof len;
    *head = fits ? json_loadb((const char *)bytes + sizeof len, (size_t)len, 0, &why) : NULL;
    *at = sizeof len + (size_t)len;
    return *head ? SG_OK : sg_fail(err, SG_FAILED, "%s is damaged: %s", what, why.text);
}

json_t *sg_json_safe(const char *text, size_t n)
{
    struct sg_buf b = sg_buf_make(1 << 16);
    sg_buf_safe(&b, text ? text : "", n);
    json_t *o = b.failed ? NULL : json_string(sg_buf_text(&b));
    sg_buf_free(&b);
    return o;
}

json_t *sg_json_real(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

sg_status sg_json_add_sentence(json_t *list, char *text, struct sg_err *err)
{
    json_t *s = text ? sg_json_safe(text, 1000) : NULL;
    sg_free(text);
    return s && json_array_append_new(list, s) == 0 ? SG_OK : sg_fail_memory(err, 1000);
}
