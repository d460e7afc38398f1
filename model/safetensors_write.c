#include "base/file.h"
#include "base/mem.h"
#include "model/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* {"dtype": "F32", "shape": [..], "data_offsets": [at, end]}; moves *at. NULL without memory or with an
 * impossible shape. */
static json_t *describe(const struct sg_tensor *t, int64_t *at)
{
    int64_t n = 1, n_bytes, end;
    json_t *shape = json_array();
    int bad = !shape || t->n_dims < 0 || t->n_dims > SG_TENSOR_DIMS;
    for (int i = 0; !bad && i < t->n_dims; i++)
        bad = t->shape[i] < 0 || __builtin_mul_overflow(n, t->shape[i], &n) ||
              json_array_append_new(shape, json_integer(t->shape[i])) != 0;
    bad = bad || __builtin_mul_overflow(n, (int64_t)sizeof(float), &n_bytes) ||
          __builtin_add_overflow(*at, n_bytes, &end);
    if (bad) {
        json_decref(shape);
        return NULL;
    }
    json_t *v = json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape, "data_offsets",
                          (json_int_t)*at, (json_int_t)end);
    *at = end;
    return v;
}

static sg_status make_header(const struct sg_tensor *tensor, int64_t n, char **text, struct sg_err *err)
{
    json_t *json = json_pack("{s:{s:s}}", "__metadata__", "format", "pt");
    if (!json)
        return sg_fail_memory(err, 1024);
    int64_t at = 0;
    for (int64_t i = 0; i < n; i++) {
        json_t *v = json_object_get(json, tensor[i].name) ? NULL : describe(&tensor[i], &at);
        if (!v || json_object_set_new(json, tensor[i].name, v) != 0) {
            json_decref(json);
            return sg_fail(
                err, SG_FAILED,
                "tensor \"%.100s\" cannot be written: its name is there twice or its shape is impossible",
                tensor[i].name);
        }
    }
    *text = json_dumps(json, JSON_COMPACT); /* keeps the order */
    json_decref(json);
    return *text ? SG_OK : sg_fail_memory(err, (size_t)n * 100);
}

static sg_status put(int fd, const char *path, const void *data, size_t n, struct sg_err *err)
{
    for (size_t at = 0; at < n;) {
        ssize_t k = write(fd, (const char *)data + at, n - at);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return sg_fail(err, SG_FAILED, "%s: %s", path, strerror(errno));
        at += (size_t)k;
    }
    return SG_OK;
}

static sg_status put_all(int fd, const char *path, const char *header, const struct sg_tensor *tensor,
                         int64_t n, struct sg_err *err)
{
    size_t len = strlen(header);
    uint64_t padded = (len + 7) / 8 * 8; /* so that the data is aligned for whoever maps the file */
    SG_TRY(put(fd, path, &padded, sizeof padded, err));
    SG_TRY(put(fd, path, header, len, err));
    SG_TRY(put(fd, path, "        ", padded - len, err));
    for (int64_t i = 0; i < n; i++) {
        size_t count = 1;
        for (int d = 0; d < tensor[i].n_dims; d++)
            count *= (size_t)tensor[i].shape[d];
        SG_TRY(put(fd, path, tensor[i].data, count * sizeof(float), err));
    }
    return SG_OK;
}

sg_status sg_safetensors_write(const char *path, const struct sg_tensor *tensor, int64_t n,
                               struct sg_err *err)
{
    char *header = NULL;
    SG_TRY(make_header(tensor, n, &header, err));
    char *tmp = sg_strf("%s.tmp.%ld", path, (long)getpid());
    sg_status status = SG_OK;
    int fd = tmp ? open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
    if (!tmp)
        status = sg_fail_memory(err, strlen(path));
    else if (fd < 0)
        status = sg_fail(err, SG_FAILED, "%s: %s", tmp, strerror(errno));
    else
        status = put_all(fd, tmp, header, tensor, n, err);
    if (fd >= 0 && close(fd) != 0 && status == SG_OK)
        status = sg_fail(err, SG_FAILED, "%s: %s", tmp, strerror(errno));
    if (status == SG_OK)
        status = sg_file_replace(tmp, path, err);
    if (status != SG_OK && fd >= 0)
        unlink(tmp);
    sg_free(tmp);
    free(header); /* jansson's heap */
    return status;
}
