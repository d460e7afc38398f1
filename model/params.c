#include "model/params.h"

#include "base/mem.h"
#include "base/rng.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { N_TABLES = 3, N_NORM = 2, N_LAYER = 16, N_HEAD = SG_N_HEAD };

static void add_spec(struct sg_layout *l, struct sg_spec spec, const char *prefix, const char *name)
{
    snprintf(spec.name, sizeof spec.name, "%s%s", prefix, name);
    spec.n = spec.rows * (spec.cols ? spec.cols : 1);
    spec.offset = l->n_total;
    l->n_total += spec.n;
    l->spec[l->n_specs++] = spec;
}

static int64_t first_of_layer(const struct sg_layout *l, int layer)
{
    int i = 0;
    while (l->spec[i].layer != layer)
        i++;
    return l->spec[i].offset;
}

sg_status sg_layout_create(const struct sg_family *family, const struct sg_shape *shape,
                           struct sg_layout *out, struct sg_err *err)
{
    const struct sg_shape *s = shape;
    int n = N_TABLES + N_NORM + N_LAYER * (int)s->L + N_HEAD;
    struct sg_layout l = {.family = family, .shape = *shape};
    l.spec = sg_alloc((size_t)n, sizeof *l.spec);
    if (!l.spec)
        return sg_fail_memory(err, (unsigned long long)n * sizeof *l.spec);
    const char *prefix = family->prefix;

#define PLAIN(f, text, r, c, init, dec)                                                                      \
    add_spec(&l,                                                                                             \
             (struct sg_spec){.rows = r,                                                                     \
                              .cols = c,                                                                     \
                              .initial = init,                                                               \
                              .decays = dec,                                                                 \
                              .layer = -1,                                                                   \
                              .field = offsetof(struct sg_params, f)},                                       \
             prefix, text);
    SG_TABLE_TENSORS(PLAIN)
    l.at_dense = l.n_total;
    SG_NORM_TENSORS(PLAIN)
    for (int i = 0; i < s->L; i++) {
        char in_layer[48];
        snprintf(in_layer, sizeof in_layer, "%sencoder.layer.%d.", prefix, i);
#define IN_LAYER(f, text, r, c, init, dec)                                                                   \
    add_spec(&l,                                                                                             \
             (struct sg_spec){.rows = r,                                                                     \
                              .cols = c,                                                                     \
                              .initial = init,                                                               \
                              .decays = dec,                                                                 \
                              .layer = i,                                                                    \
                              .field = offsetof(struct sg_layer, f)},                                        \
             in_layer, text);
        SG_LAYER_TENSORS(IN_LAYER)
    }
    l.at_head = l.n_total;
#define IN_HEAD(f, which, r, c, init, dec)                                                                   \
    add_spec(&l,                                                                                             \
             (struct sg_spec){.rows = r,                                                                     \
                              .cols = c,                                                                     \
                              .initial = init,                                                               \
                              .decays = dec,                                                                 \
                              .layer = -1,                                                                   \
                              .field = offsetof(struct sg_params, f)},                                       \
             "", family->head[which]);
    SG_HEAD_TENSORS(IN_HEAD)
    l.n_layer_vectors = 9 * s->C + s->F;
    if (s->n_frozen > 0)
        l.at_arena = l.at_dense = s->n_frozen < s->L ? first_of_layer(&l, (int)s->n_frozen) : l.at_head;
    *out = l;
    return SG_OK;
}

void sg_layout_destroy(struct sg_layout *l)
{
    sg_free(l->spec);
    *l = (struct sg_layout){0};
}

static sg_status make_params(const struct sg_layout *l, float *arena, int64_t first, struct sg_params *out,
                             struct sg_err *err)
{
    struct sg_params p = {0};
    p.layer = sg_alloc((size_t)l->shape.L, sizeof *p.layer);
    if (!p.layer)
        return sg_fail_memory(err, (unsigned long long)l->shape.L * sizeof *p.layer);
    for (int i = 0; i < l->n_specs; i++) {
        const struct sg_spec *s = &l->spec[i];
        if (s->offset < first)
            continue;
        char *base = s->layer < 0 ? (char *)&p : (char *)&p.layer[s->layer];
        float *at = arena + (s->offset - first);
        memcpy(base + s->field, &at, sizeof at);
    }
    *out = p;
    return SG_OK;
}

sg_status sg_params_create(const struct sg_layout *l, float *arena, struct sg_params *out, struct sg_err *err)
{
    return make_params(l, arena, l->at_arena, out, err);
}

sg_status sg_params_create_dense(const struct sg_layout *l, float *arena, struct sg_params *out,
                                 struct sg_err *err)
{
    return make_params(l, arena, l->at_dense, out, err);
}

void sg_params_destroy(struct sg_params *p)
{
    sg_free(p->layer);
    *p = (struct sg_params){0};
}

int sg_layout_head(const struct sg_layout *l)
{
    return l->n_specs - N_HEAD;
}

/* "...LayerNorm.weight" as TensorFlow's first checkpoints call it; 0 when the name is no such. */
static int old_name(const char *name, char *out, size_t size)
{
    static const char *const pairs[][2] = {{"LayerNorm.weight", "LayerNorm.gamma"},
                                           {"LayerNorm.bias", "LayerNorm.beta"}};
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(name), tail = strlen(pairs[i][0]);
        if (n >= tail && !strcmp(name + n - tail, pairs[i][0])) {
            snprintf(out, size, "%.*s%s", (int)(n - tail), name, pairs[i][1]);
            return 1;
        }
    }
    return 0;
}

/* What stands before all names of a model that was saved inside another: "module." of DataParallel, "_orig_mod." of
 * torch.compile. They say nothing of the model; any other is left alone, and then no name is found. Its length; names: of the
 * first tensor that has one. */
static size_t wrapper_of(const struct sg_safetensors *file, char out[64])
{
    static const char *const wrappers[] = {"module.", "_orig_mod."};
    out[0] = 0;
    const char *name = sg_safetensors_count(file) ? sg_safetensors_at(file, 0)->name : "";
    size_t n = 0;
    for (int i = 0; i < 2; i++) {
        size_t len = strlen(wrappers[i]);
        if (n + len < 32 && strncmp(name + n, wrappers[i], len) == 0) {
            n += len;
            i = -1;
        }
    }
    for (int64_t i = 0; n && i < sg_safetensors_count(file); i++)
        if (strncmp(sg_safetensors_at(file, i)->name, name, n) != 0)
            return 0; /* not around all */
    memcpy(out, name, n);
    out[n] = 0;
    return n;
}

static const struct sg_tensor_info *find_wrapped(const struct sg_safetensors *file, const char *wrapper,
                                                 const char *name)
{
    char all[192];
    snprintf(all, sizeof all, "%s%s", wrapper, name);
    return sg_safetensors_find(file, all);
}

const struct sg_tensor_info *sg_params_find(const struct sg_safetensors *file, const char *name)
{
    char wrapper[64];
    wrapper_of(file, wrapper);
    return find_wrapped(file, wrapper, name);
}

/* The tensor by its name, without the family's prefix, and by its old name. */
static const struct sg_tensor_info *find(const struct sg_safetensors *file, const char *wrapper,
                                         const struct sg_family *family, const char *name)
{
    char old[128];
    const char *candidates[4] = {name, NULL, NULL, NULL};
    size_t n_prefix = strlen(family->prefix);
    if (strncmp(name, family->prefix, n_prefix) == 0)
        candidates[1] = name + n_prefix;
    if (old_name(name, old, sizeof old)) {
        candidates[2] = old;
        if (candidates[1])
            candidates[3] = old + n_prefix;
    }
    for (int i = 0; i < 4; i++) {
        const struct sg_tensor_info *t = candidates[i] ? find_wrapped(file, wrapper, candidates[i]) : NULL;
        if (t)
            return t;
    }
    return NULL;
}

sg_status sg_params_missing(const struct sg_safetensors *file, const char *dir, const char *name, int in_head,
                            struct sg_err *err)
{
    size_t n = strlen(name);
    for (int64_t i = 0; i < sg_safetensors_count(file); i++) {
        const char *other = sg_safetensors_at(file, i)->name;
        size_t n_other = strlen(other);
        if (n_other > n && strcmp(other + n_other - n, name) == 0)
            return sg_fail(err, SG_INPUT,
                           "%s: the weights have %s as \"%.100s\", a name that transformers does not find "
                           "either; hint: take "
                           "\"%.*s\" off the names, or save the model inside with save_pretrained()",
                           dir, name, other, (int)(n_other - n < 60 ? n_other - n : 60), other);
    }
    return sg_fail(err, SG_INPUT, "%s: the weights lack %s; hint: %s", dir, name,
                   in_head ? "this is an encoder, not a trained classifier"
                           : "is this a checkpoint of the kind that config.json names?");
}

/* The first of n numbers that is NaN or infinite, or n. By blocks without a branch inside, which compilers turn into vectors. */
static int64_t first_not_finite(const float *x, int64_t n)
{
    enum { BLOCK = 256 };
    for (int64_t at = 0; at < n; at += BLOCK) {
        int64_t end = n - at < BLOCK ? n : at + BLOCK;
        uint32_t bad = 0;
        for (int64_t i = at; i < end; i++) {
            uint32_t bits;
            memcpy(&bits, &x[i], sizeof bits);
            bad |= (bits & 0x7f800000u) == 0x7f800000u;
        }
        for (int64_t i = at; bad && i < end; i++)
            if (!isfinite(x[i]))
                return i;
    }
    return n;
}

/* Such weights make every loss NaN, which would read as if training had diverged at its first step. */
static sg_status check_finite(const struct sg_spec *s, const struct sg_tensor_info *t,
                              const struct sg_safetensors *file, const float *x, struct sg_err *err)
{
    int64_t i = first_not_finite(x, s->n);
    char where[64];
    if (i == s->n)
        return SG_OK;
    if (s->cols)
        snprintf(where, sizeof where, "%" PRId64 ", %" PRId64, i / s->cols, i % s->cols);
    else
        snprintf(where, sizeof where, "%" PRId64, i);
    return sg_fail(err, SG_INPUT,
                   "%s: %s[%s] is %s; hint: the file is damaged, or comes from a training that diverged: "
                   "fetch or make it again",
                   sg_safetensors_file_of(file, t), t->name, where, isnan(x[i]) ? "NaN" : "infinite");
}

static sg_status load_one(const struct sg_spec *s, const struct sg_tensor_info *t,
                          const struct sg_safetensors *file, const char *dir, float *out, struct sg_err *err)
{
    int n_dims = s->cols ? 2 : 1;
    if (t->n_dims != n_dims || t->shape[0] != s->rows || (s->cols && t->shape[1] != s->cols)) {
        char have[96] = "", want[64];
        for (int i = 0, at = 0; i < t->n_dims && i < 3; i++)
            at += snprintf(have + at, sizeof have - (size_t)at, "%s%" PRId64, i ? ", " : "", t->shape[i]);
        if (s->cols)
            snprintf(want, sizeof want, "%" PRId64 ", %" PRId64, s->rows, s->cols);
        else
            snprintf(want, sizeof want, "%" PRId64, s->rows);
        return sg_fail(err, SG_INPUT,
                       "%s: %s is (%s) in the weights, but config.json means (%s); hint: config.json and "
                       "model.safetensors are of two models",
                       dir, t->name, have, want);
    }
    if (!out)
        return SG_OK;
    SG_TRY(sg_safetensors_read(file, t, out, err));
    return check_finite(s, t, file, out, err);
}

sg_status sg_params_load_other(const struct sg_layout *l, const struct sg_safetensors *file, const char *dir,
                               const char *name, int64_t rows, int64_t cols, float *out, int *found,
                               struct sg_err *err)
{
    char wrapper[64];
    wrapper_of(file, wrapper);
    const struct sg_tensor_info *t = find(file, wrapper, l->family, name);
    *found = t != NULL;
    struct sg_spec s = {.rows = rows, .cols = cols, .n = rows * (cols ? cols : 1)};
    return t ? load_one(&s, t, file, dir, out, err) : SG_OK;
}

static float *place_of(const struct sg_spec *s, float *arena)
{
    return arena ? arena + s->offset : NULL;
}

sg_status sg_params_load(const struct sg_layout *l, const struct sg_safetensors *file, const char *dir,
                         int head, float *arena, int *has_pooler, struct sg_err *err)
{
    int first_head = sg_layout_head(l), pooler = head;
    int n = head ? l->n_specs : first_head;
    char wrapper[64];
    wrapper_of(file, wrapper);
    for (int i = 0; i < n; i++) {
        const struct sg_spec *s = &l->spec[i];
        const struct sg_tensor_info *t = find(file, wrapper, l->family, s->name);
        if (!t)
            return sg_params_missing(file, dir, s->name, i >= first_head, err);
        SG_TRY(load_one(s, t, file, dir, place_of(s, arena), err));
    }
    if (!head && l->family->has_pooler) {
        const struct sg_tensor_info *w = find(file, wrapper, l->family, l->spec[first_head].name),
                                    *b = find(file, wrapper, l->family, l->spec[first_head + 1].name);
        pooler = w && b;
        if (pooler) {
            const struct sg_spec *s = &l->spec[first_head];
            SG_TRY(load_one(s, w, file, dir, place_of(s, arena), err));
            SG_TRY(load_one(s + 1, b, file, dir, place_of(s + 1, arena), err));
        }
    }
    *has_pooler = pooler;
    return SG_OK;
}

void sg_params_init_head(const struct sg_layout *l, int first, double init_std, uint64_t seed, float *arena)
{
    for (int i = first; i < l->n_specs; i++) {
        const struct sg_spec *s = &l->spec[i];
        struct sg_rng rng = sg_rng_make(seed, sg_seed_of("head %s", s->name));
        for (int64_t j = 0; j < s->n; j++)
            arena[s->offset - l->at_arena + j] = s->initial == 'n'   ? (float)(init_std * sg_rng_normal(&rng))
                                                 : s->initial == '1' ? 1.0f
                                                                     : 0.0f;
    }
}
