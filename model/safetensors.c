#include "model/safetensors.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors are little-endian, and this file copies numbers as they are"
#endif

static const uint64_t max_header =
    100000000; /* the format's own limit (safetensors, tensor.rs MAX_HEADER_SIZE) */
static const size_t max_index = 64u << 20;
enum { MAX_SHARDS = 256, BLOCK = 1 << 16 };

static const struct {
    char name[12];
    enum sg_dtype dtype;
    unsigned bits;
} dtypes[] = {
    {"F32", SG_DTYPE_F32, 32},      {"F16", SG_DTYPE_F16, 16},      {"BF16", SG_DTYPE_BF16, 16},
    {"F64", SG_DTYPE_F64, 64},      {"I64", SG_DTYPE_OTHER, 64},    {"I32", SG_DTYPE_OTHER, 32},
    {"I16", SG_DTYPE_OTHER, 16},    {"I8", SG_DTYPE_OTHER, 8},      {"U64", SG_DTYPE_OTHER, 64},
    {"U32", SG_DTYPE_OTHER, 32},    {"U16", SG_DTYPE_OTHER, 16},    {"U8", SG_DTYPE_OTHER, 8},
    {"BOOL", SG_DTYPE_OTHER, 8},    {"F8_E4M3", SG_DTYPE_OTHER, 8}, {"F8_E5M2", SG_DTYPE_OTHER, 8},
    {"F8_E8M0", SG_DTYPE_OTHER, 8}, {"C64", SG_DTYPE_OTHER, 64},
};
enum { N_DTYPES = sizeof dtypes / sizeof dtypes[0] };

struct entry {
    struct sg_tensor_info info; /* first: an info pointer is an entry pointer */
    char *name;
    int shard;
    unsigned bits;
    int64_t begin, end; /* in the shard's data */
};

struct shard {
    char *path;
    int fd;
    int64_t data_at; /* where the data begins in the file */
};

struct sg_safetensors {
    struct shard shard[MAX_SHARDS];
    int n_shards;
    struct entry *entry; /* sorted by name when all shards are read */
    int64_t n, cap;
    char *index_path;
    const char *files[MAX_SHARDS + 2];
};

void sg_safetensors_close(struct sg_safetensors *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->n_shards; i++) {
        if (s->shard[i].fd >= 0)
            close(s->shard[i].fd);
        sg_free(s->shard[i].path);
    }
    for (int64_t i = 0; i < s->n; i++)
        sg_free(s->entry[i].name);
    sg_free(s->entry);
    sg_free(s->index_path);
    sg_free(s);
}

/* All n bytes at `at`, or an error: a file that ends early has changed since it was opened. */
static sg_status read_at(const struct shard *f, void *out, size_t n, int64_t at, struct sg_err *err)
{
    for (size_t done = 0; done < n;) {
        ssize_t k = pread(f->fd, (char *)out + done, n - done, (off_t)(at + (int64_t)done));
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return sg_fail(err, SG_FAILED, "%s: %s", f->path, strerror(errno));
        if (k == 0)
            return sg_fail(
                err, SG_FAILED,
                "%s: ends before byte %lld; hint: it was changed while it was read, or copied in part",
                f->path, (long long)(at + (int64_t)n));
        done += (size_t)k;
    }
    return SG_OK;
}

/* One tensor of the header: {"dtype": .., "shape": [..], "data_offsets": [begin, end]}. */
static sg_status read_entry(const char *path, const char *name, const json_t *v, struct entry *e,
                            struct sg_err *err)
{
    const char *dtype = sg_json_text_or(v, "dtype", NULL);
    const json_t *shape = json_object_get(v, "shape"), *offsets = json_object_get(v, "data_offsets");
    if (!dtype || !json_is_array(shape) || !json_is_array(offsets) || json_array_size(offsets) != 2)
        return sg_fail(err, SG_INPUT, "%s: tensor \"%.100s\" lacks its dtype, shape or data_offsets", path,
                       name);
    int kind = 0;
    while (kind < N_DTYPES && strcmp(dtype, dtypes[kind].name) != 0)
        kind++;
    if (kind == N_DTYPES)
        return sg_fail(err, SG_INPUT, "%s: tensor \"%.100s\" is of the unknown dtype \"%.40s\"", path, name,
                       dtype);
    e->info.dtype = dtypes[kind].dtype;
    e->bits = dtypes[kind].bits;
    memcpy(e->info.dtype_name, dtypes[kind].name, sizeof e->info.dtype_name);

    size_t n_dims = json_array_size(shape);
    if (n_dims > SG_TENSOR_DIMS)
        return sg_fail(err, SG_INPUT, "%s: tensor \"%.100s\" has %zu dimensions; at most %d are supported",
                       path, name, n_dims, SG_TENSOR_DIMS);
    e->info.n_dims = (int)n_dims;
    e->info.n = 1;
    for (size_t i = 0; i < n_dims; i++) {
        const json_t *d = json_array_get(shape, i);
        e->info.shape[i] = json_is_integer(d) ? json_integer_value(d) : -1;
        if (e->info.shape[i] < 0 || __builtin_mul_overflow(e->info.n, e->info.shape[i], &e->info.n))
            return sg_fail(err, SG_INPUT, "%s: tensor \"%.100s\" has an impossible shape", path, name);
    }
    const json_t *b = json_array_get(offsets, 0), *z = json_array_get(offsets, 1);
    e->begin = json_is_integer(b) ? json_integer_value(b) : -1;
    e->end = json_is_integer(z) ? json_integer_value(z) : -1;
    int64_t n_bytes;
    if (e->begin < 0 || e->end < e->begin ||
        __builtin_mul_overflow(e->info.n, (int64_t)e->bits / 8, &n_bytes) || n_bytes != e->end - e->begin)
        return sg_fail(err, SG_INPUT, "%s: tensor \"%.100s\": data_offsets do not fit its shape and dtype",
                       path, name);
    return SG_OK;
}

static sg_status add_entry(struct sg_safetensors *s, const char *name, const json_t *v, struct sg_err *err)
{
    if (s->n == s->cap) {
        int64_t cap = s->cap ? 2 * s->cap : 64;
        struct entry *more = sg_realloc(s->entry, (size_t)cap, sizeof *more);
        if (!more)
            return sg_fail_memory(err, (size_t)cap * sizeof *more);
        s->entry = more;
        s->cap = cap;
    }
    struct entry e = {.shard = s->n_shards - 1};
    SG_TRY(read_entry(s->shard[e.shard].path, name, v, &e, err));
    e.name = sg_strdup(name);
    if (!e.name)
        return sg_fail_memory(err, strlen(name));
    s->entry[s->n++] = e;
    return SG_OK;
}

static int by_offset(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end
               ? -1
               : x->end > y->end; /* empty tensors come before the one that begins where they do */
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static sg_status read_header_json(struct sg_safetensors *s, const json_t *json, int64_t data_bytes,
                                  struct sg_err *err)
{
    const char *path = s->shard[s->n_shards - 1].path, *name;
    int64_t first = s->n;
    json_t *v;
    json_object_foreach ((json_t *)(uintptr_t)json, name, v) /* it only reads, but its macro takes no const */
    {
        if (strcmp(name, "__metadata__") == 0) {
            const char *key;
            json_t *text;
            if (!json_is_object(v))
                return sg_fail(err, SG_INPUT, "%s: __metadata__ must be an object", path);
            json_object_foreach (v, key, text) {
                if (!json_is_string(text))
                    return sg_fail(err, SG_INPUT, "%s: __metadata__: \"%.60s\" must be a text", path, key);
            }
            continue;
        }
        SG_TRY(add_entry(s, name, v, err));
    }
    if (s->n > first)
        qsort(s->entry + first, (size_t)(s->n - first), sizeof *s->entry, by_offset);
    int64_t at = 0;
    for (int64_t i = first; i < s->n; i++) {
        if (s->entry[i].begin != at)
            return sg_fail(err, SG_INPUT, "%s: tensor \"%.100s\" %s", path, s->entry[i].name,
                           s->entry[i].begin < at ? "overlaps another" : "leaves a hole before it");
        at = s->entry[i].end;
    }
    if (at != data_bytes)
        return sg_fail(err, SG_INPUT,
                       "%s: holds %lld bytes of data, but its header speaks of %lld; hint: fetch it again",
                       path, (long long)data_bytes, (long long)at);
    return SG_OK;
}

#define SAVE_AGAIN                                                                                           \
    "load it with transformers (AutoModel.from_pretrained, or AutoModelForSequenceClassification for a "     \
    "classifier) and save it "                                                                               \
    "with save_pretrained(), which writes model.safetensors"

/* What people have in place of a safetensors file. */
static sg_status refuse_other(const char *path, const unsigned char *start, struct sg_err *err)
{
    if (sg_is_lfs_pointer((const char *)start, 24))
        return sg_fail(err, SG_INPUT,
                       "%s: a Git LFS pointer, not the weights; hint: run `git lfs pull` in its folder",
                       path);
    if (memcmp(start, "PK\3\4", 4) == 0 || (start[0] == 0x80 && start[1] <= 5))
        return sg_fail(err, SG_INPUT, "%s: a PyTorch pickle, not safetensors; hint: " SAVE_AGAIN, path);
    if (start[0] == '<')
        return sg_fail(err, SG_INPUT, "%s: a web page, not the weights; hint: fetch it again", path);
    return SG_OK;
}

static sg_status read_header(struct sg_safetensors *s, struct sg_err *err)
{
    struct shard *f = &s->shard[s->n_shards - 1];
    struct stat st;
    if (fstat(f->fd, &st) != 0)
        return sg_fail(err, SG_FAILED, "%s: %s", f->path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return sg_fail(err, SG_INPUT, "%s: no regular file", f->path);
    unsigned char start[24] = {0};
    size_t n_start = st.st_size < 24 ? (size_t)st.st_size : 24;
    SG_TRY(read_at(f, start, n_start, 0, err));
    SG_TRY(refuse_other(f->path, start, err));
    if (n_start < 8)
        return sg_fail(err, SG_INPUT, "%s: %lld bytes are too few for a safetensors file", f->path,
                       (long long)st.st_size);
    uint64_t n = 0;
    memcpy(&n, start, 8);
    if (n < 2 || n > max_header || n > (uint64_t)st.st_size - 8 || start[8] != '{')
        return sg_fail(
            err, SG_INPUT,
            "%s: no safetensors header (it would have %llu bytes); hint: is it damaged or cut off?", f->path,
            (unsigned long long)n);
    char *text = sg_alloc(n + 1, 1);
    if (!text)
        return sg_fail_memory(err, n);
    json_t *json = NULL;
    sg_status status = read_at(f, text, n, 8, err);
    if (status == SG_OK)
        status = sg_json_parse(text, n, f->path, &json, err);
    sg_free(text);
    if (status != SG_OK)
        return status;
    f->data_at = 8 + (int64_t)n;
    status = read_header_json(s, json, (int64_t)st.st_size - f->data_at, err);
    json_decref(json);
    return status;
}

static sg_status open_shard(struct sg_safetensors *s, const char *path, struct sg_err *err)
{
    if (s->n_shards == MAX_SHARDS)
        return sg_fail(err, SG_INPUT, "%s: more than %d shards", path, MAX_SHARDS);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hang us; files do not care */
    if (fd < 0)
        return sg_fail(err, SG_INPUT, "%s: %s", path, strerror(errno));
    struct shard *f = &s->shard[s->n_shards++];
    f->fd = fd;
    f->path = sg_strdup(path);
    if (!f->path)
        return sg_fail_memory(err, strlen(path));
    return read_header(s, err);
}

/* A shard is a file beside the index: a name with a folder part could read anything. */
static int is_plain_name(const char *name)
{
    size_t n = strlen(name);
    return n > 12 && n < 256 && name[0] != '.' && !strchr(name, '/') &&
           strcmp(name + n - 12, ".safetensors") == 0;
}

static sg_status open_index(struct sg_safetensors *s, const char *dir, const json_t *index,
                            struct sg_err *err)
{
    const json_t *map = json_object_get(index, "weight_map");
    if (!json_is_object(map) || json_object_size(map) == 0)
        return sg_fail(err, SG_INPUT, "%s: no \"weight_map\"", s->index_path);
    json_t *seen = json_object();
    if (!seen)
        return sg_fail_memory(err, 1024);
    sg_status status = SG_OK;
    const char *name;
    json_t *v;
    json_object_foreach ((json_t *)(uintptr_t)map, name, v) {
        const char *file = json_string_value(v);
        if (!file || !is_plain_name(file)) {
            status = sg_fail(err, SG_INPUT,
                             "%s: tensor \"%.100s\": its file must be a .safetensors name without folders",
                             s->index_path, name);
            break;
        }
        if (json_object_get(seen, file))
            continue;
        char *path = json_object_set_new(seen, file, json_true()) == 0 ? sg_path_join(dir, file) : NULL;
        status = path ? open_shard(s, path, err) : sg_fail_memory(err, strlen(file));
        sg_free(path);
        if (status != SG_OK)
            break;
    }
    json_decref(seen);
    return status;
}

static sg_status sort_names(struct sg_safetensors *s, struct sg_err *err)
{
    if (s->n > 1)
        qsort(s->entry, (size_t)s->n, sizeof *s->entry, by_name);
    for (int64_t i = 0; i < s->n; i++) {
        s->entry[i].info.name = s->entry[i].name;
        if (i > 0 && strcmp(s->entry[i - 1].name, s->entry[i].name) == 0)
            return sg_fail(err, SG_INPUT, "%s: tensor \"%.100s\" is also in %s",
                           s->shard[s->entry[i].shard].path, s->entry[i].name,
                           s->shard[s->entry[i - 1].shard].path);
    }
    return SG_OK;
}

static sg_status check_index(const struct sg_safetensors *s, const json_t *index, struct sg_err *err)
{
    const char *name;
    json_t *v;
    json_object_foreach (json_object_get(index, "weight_map"), name, v) {
        const struct entry *e = (const struct entry *)sg_safetensors_find(s, name);
        const char *path = e ? s->shard[e->shard].path : "", *base = strrchr(path, '/');
        if (!e || strcmp(base ? base + 1 : path, json_string_value(v)) != 0)
            return sg_fail(err, SG_INPUT, "%s: tensor \"%.100s\" is not in the file that it names",
                           s->index_path, name);
    }
    return SG_OK;
}

/* What people have in place of model.safetensors, in a folder. */
static sg_status fail_without_weights(const char *dir, struct sg_err *err)
{
    static const struct {
        const char *name, *hint;
    } others[] = {
        {"pytorch_model.bin", SAVE_AGAIN},
        {"pytorch_model.bin.index.json", SAVE_AGAIN},
        {"tf_model.h5", SAVE_AGAIN},
        {"flax_model.msgpack", SAVE_AGAIN},
        {"model.fp16.safetensors", "it is read under the name model.safetensors alone"},
        {"adapter_model.safetensors",
         "the folder holds an adapter: with peft, merge_and_unload() and save_pretrained() make a "
         "whole model of it"},
    };
    const char *name = NULL, *hint = NULL;
    for (size_t i = 0; !name && i < sizeof others / sizeof others[0]; i++) {
        char *path = sg_path_join(dir, others[i].name);
        if (!path)
            return sg_fail_memory(err, strlen(dir));
        if (sg_file_exists(path)) {
            name = others[i].name;
            hint = others[i].hint;
        }
        sg_free(path);
    }
    return name ? sg_fail(err, SG_INPUT, "%s: no model.safetensors, but %s, which is not read; hint: %s", dir,
                          name, hint)
                : sg_fail(err, SG_INPUT, "%s: no model.safetensors and no model.safetensors.index.json", dir);
}

static sg_status open_dir(struct sg_safetensors *s, const char *dir, struct sg_err *err)
{
    char *single = sg_path_join(dir, "model.safetensors");
    s->index_path = sg_path_join(dir, "model.safetensors.index.json");
    json_t *index = NULL;
    sg_status status = SG_OK;
    if (!single || !s->index_path) {
        status = sg_fail_memory(err, strlen(dir));
    } else if (sg_file_exists(single)) {
        sg_free(s->index_path);
        s->index_path = NULL;
        status = open_shard(s, single, err);
    } else if (sg_file_exists(s->index_path)) {
        status = sg_json_read(s->index_path, max_index, &index, err);
        if (status == SG_OK)
            status = open_index(s, dir, index, err);
    } else {
        status = fail_without_weights(dir, err);
    }
    if (status == SG_OK)
        status = sort_names(s, err);
    if (status == SG_OK && index)
        status = check_index(s, index, err);
    if (index)
        json_decref(index);
    sg_free(single);
    return status;
}

sg_status sg_safetensors_open(const char *path, struct sg_safetensors **out, struct sg_err *err)
{
    struct sg_safetensors *s = sg_alloc(1, sizeof *s);
    if (!s)
        return sg_fail_memory(err, sizeof *s);
    sg_status status;
    if (sg_dir_exists(path)) {
        status = open_dir(s, path, err);
    } else {
        status = open_shard(s, path, err);
        if (status == SG_OK)
            status = sort_names(s, err);
    }
    if (status != SG_OK) {
        sg_safetensors_close(s);
        return status;
    }
    int n = 0;
    if (s->index_path)
        s->files[n++] = s->index_path;
    for (int i = 0; i < s->n_shards; i++)
        s->files[n++] = s->shard[i].path;
    *out = s;
    return SG_OK;
}

int64_t sg_safetensors_count(const struct sg_safetensors *s)
{
    return s->n;
}

const struct sg_tensor_info *sg_safetensors_at(const struct sg_safetensors *s, int64_t i)
{
    return &s->entry[i].info;
}

const struct sg_tensor_info *sg_safetensors_find(const struct sg_safetensors *s, const char *name)
{
    int64_t low = 0, high = s->n;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        int order = strcmp(name, s->entry[middle].name);
        if (order == 0)
            return &s->entry[middle].info;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const char *const *sg_safetensors_files(const struct sg_safetensors *s)
{
    return s->files;
}

const char *sg_safetensors_file_of(const struct sg_safetensors *s, const struct sg_tensor_info *info)
{
    return s->shard[((const struct entry *)info)->shard].path;
}

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* IEEE 754 binary16 to binary32, exactly. */
static float from_f16(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, mantissa = h & 0x3ffu;
    if (exponent == 31)
        return from_bits(sign | 0x7f800000u | mantissa << 13);
    if (exponent)
        return from_bits(sign | (exponent + 112) << 23 | mantissa << 13);
    float subnormal = (float)mantissa * 0x1p-24f;
    return sign ? -subnormal : subnormal;
}

static void convert(enum sg_dtype dtype, const unsigned char *in, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t half;
        double wide;
        if (dtype == SG_DTYPE_F64) {
            memcpy(&wide, in + 8 * i, 8);
            out[i] = (float)wide;
        } else {
            memcpy(&half, in + 2 * i, 2);
            out[i] = dtype == SG_DTYPE_F16 ? from_f16(half) : from_bits((uint32_t)half << 16);
        }
    }
}

sg_status sg_safetensors_read(const struct sg_safetensors *s, const struct sg_tensor_info *info, float *out,
                              struct sg_err *err)
{
    const struct entry *e = (const struct entry *)info;
    const struct shard *f = &s->shard[e->shard];
    int64_t at = f->data_at + e->begin;
    if (info->dtype == SG_DTYPE_OTHER)
        return sg_fail(err, SG_INPUT,
                       "%s: tensor \"%.100s\" is %s; hint: weights must be F32, F16, BF16 or F64", f->path,
                       info->name, info->dtype_name);
    if (info->dtype == SG_DTYPE_F32)
        return read_at(f, out, (size_t)(e->end - e->begin), at, err);
    unsigned char block[BLOCK];
    size_t width = e->bits / 8;
    for (int64_t done = 0; done < info->n;) {
        size_t n = sizeof block / width;
        if ((int64_t)n > info->n - done)
            n = (size_t)(info->n - done);
        SG_TRY(read_at(f, block, n * width, at + done * (int64_t)width, err));
        convert(info->dtype, block, n, out + done);
        done += (int64_t)n;
    }
    return SG_OK;
}
