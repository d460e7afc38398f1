#include "model/checkpoint.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/text.h"
#include "mpi/comm.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct sg_source *sg_source_share(struct sg_source *s)
{
    atomic_fetch_add(&s->n_users, 1);
    return s;
}

void sg_source_release(struct sg_source *s)
{
    if (!s || atomic_fetch_sub(&s->n_users, 1) != 1)
        return;
    sg_tokenizer_destroy(s->tokenizer);
    sg_free(s->dir);
    sg_free(s);
}

static sg_status load_source(const char *dir, struct sg_source **out, struct sg_err *err)
{
    struct sg_source *s = sg_alloc(1, sizeof *s);
    if (!s)
        return sg_fail_memory(err, sizeof *s);
    atomic_init(&s->n_users, 1);
    sg_status status = SG_OK;
    s->dir = sg_strdup(dir);
    if (!s->dir)
        SG_TRY_DONE(sg_fail_memory(err, strlen(dir)));
    SG_TRY_DONE(sg_tokenizer_load(dir, &s->tokenizer, err));
    *out = s;
    return SG_OK;
done:
    sg_source_release(s);
    return status;
}

/* One file, by name and digest. */
static sg_status digest_file(const char *path, struct sg_sha256_stream *all, struct sg_buf *files,
                             struct sg_err *err)
{
    char one[SG_HEX];
    const char *slash = strrchr(path, '/');
    SG_TRY(sg_sha256_file(path, one, err));
    sg_sha256_add(all, one, SG_HEX - 1);
    sg_sha256_add(all, "\n", 1);
    sg_buf_printf(files, "the encoder's %s\t%s\n", slash ? slash + 1 : path, one);
    return SG_OK;
}

static sg_status digest_in(const char *dir, const char *name, struct sg_sha256_stream *all,
                           struct sg_buf *files, struct sg_err *err)
{
    char *path = sg_path_join(dir, name);
    if (!path)
        return sg_fail_memory(err, strlen(dir));
    sg_status status = sg_file_exists(path) ? digest_file(path, all, files, err) : SG_OK;
    sg_free(path);
    return status;
}

/* The digests of all files in a fixed order, digested again. */
static sg_status digest_files(const char *dir, const struct sg_safetensors *weights,
                              const struct sg_tokenizer *t, struct sg_encoder *e, struct sg_err *err)
{
    struct sg_buf files = sg_buf_make(1 << 20);
    struct sg_sha256_stream *all = sg_sha256_create();
    sg_status status = all ? digest_in(dir, "config.json", all, &files, err) : sg_fail_memory(err, 256);
    for (const char *const *f = sg_safetensors_files(weights); status == SG_OK && *f; f++)
        status = digest_file(*f, all, &files, err);
    for (const char *const *f = sg_tokenizer_files(t); status == SG_OK && *f; f++)
        status = digest_in(dir, *f, all, &files, err);
    if (all)
        sg_sha256_finish_hex(all, e->digest);
    if (status == SG_OK)
        status = sg_buf_check(&files, "the encoder's files", err);
    if (status == SG_OK && !(e->files = sg_buf_take(&files)))
        status = sg_fail_memory(err, 1024);
    sg_buf_free(&files);
    return status;
}

static sg_status lay_out(const struct sg_config *c, int64_t n_classes, struct sg_layout *layout,
                         struct sg_err *err)
{
    struct sg_shape shape = sg_shape_of(c, c->V, n_classes);
    return sg_layout_create(c->family, &shape, layout, err);
}

/* Layout, arena and pointers for K classes. */
static sg_status make_arena(const struct sg_config *c, int64_t n_classes, struct sg_layout *layout,
                            float **arena, struct sg_params *params, struct sg_err *err)
{
    SG_TRY(lay_out(c, n_classes, layout, err));
    *arena = sg_alloc((size_t)layout->n_total, sizeof **arena);
    if (!*arena)
        return sg_fail_memory(err, (unsigned long long)layout->n_total * sizeof **arena);
    return sg_params_create(layout, *arena, params, err);
}

static sg_status check_vocabulary(const struct sg_config *c, const struct sg_source *s, struct sg_err *err)
{
    if (sg_tokenizer_n_needed(s->tokenizer) > c->V)
        return sg_fail(err, SG_INPUT,
                       "%s: the tokenizer has ids up to %d, but config.json a vocab_size of %lld; hint: the "
                       "files are of two models",
                       s->dir, sg_tokenizer_n_needed(s->tokenizer) - 1, (long long)c->V);
    return SG_OK;
}

sg_status sg_encoder_identify(const char *dir, struct sg_encoder **out, struct sg_err *err)
{
    sg_status status = SG_OK;
    struct sg_encoder *e = sg_alloc(1, sizeof *e);
    if (!e)
        return sg_fail_memory(err, sizeof *e);
    SG_TRY_DONE(sg_config_load(dir, &e->config, err));
    SG_TRY_DONE(load_source(dir, &e->source, err));
    SG_TRY_DONE(check_vocabulary(&e->config, e->source, err));
    SG_TRY_DONE(sg_safetensors_open(dir, &e->file, err));
    SG_TRY_DONE(lay_out(&e->config, 1, &e->layout, err));
    SG_TRY_DONE(sg_params_load(&e->layout, e->file, dir, 0, NULL, &e->has_pooler, err));
    SG_TRY_DONE(digest_files(dir, e->file, e->source->tokenizer, e, err));
    *out = e;
    e = NULL;
done:
    sg_encoder_destroy(e);
    return status;
}

static sg_status fill(void *context, void *data, struct sg_err *err)
{
    struct sg_encoder *e = context;
    int has_pooler; /* as it is known already */
    return sg_params_load(&e->layout, e->file, e->source->dir, 0, data, &has_pooler, err);
}

sg_status sg_encoder_read(struct sg_encoder *e, const struct sg_team *team, struct sg_err *err)
{
    size_t n = (size_t)e->layout.n_total * sizeof(float);
    SG_TRY(team ? sg_node_memory_make(team, n, fill, e, &e->weights, err)
                : sg_node_memory_alone(n, fill, e, &e->weights, err));
    sg_safetensors_close(e->file);
    e->file = NULL;
    sg_status status = sg_params_create(&e->layout, (float *)(uintptr_t)e->weights.data, &e->params, err);
    return team ? sg_agree(team, status, err) : status;
}

sg_status sg_encoder_load(const char *dir, struct sg_encoder **out, struct sg_err *err)
{
    struct sg_encoder *e;
    SG_TRY(sg_encoder_identify(dir, &e, err));
    sg_status status = sg_encoder_read(e, NULL, err);
    if (status == SG_OK)
        *out = e;
    else
        sg_encoder_destroy(e);
    return status;
}

void sg_encoder_destroy(struct sg_encoder *e)
{
    if (!e)
        return;
    sg_source_release(e->source);
    sg_config_free(&e->config);
    sg_layout_destroy(&e->layout);
    sg_params_destroy(&e->params);
    sg_node_memory_free(&e->weights);
    sg_safetensors_close(e->file);
    sg_free(e->files);
    sg_free(e);
}

const char *sg_encoder_digest(const struct sg_encoder *e)
{
    return e->digest;
}

void sg_encoder_files(const struct sg_encoder *e, struct sg_buf *out)
{
    sg_buf_puts(out, e->files);
}

int sg_encoder_channels(const struct sg_encoder *e)
{
    return (int)e->config.C;
}

int64_t sg_encoder_n_parameters(const struct sg_encoder *e)
{
    return e->layout.at_head;
}

sg_status sg_model_create(const struct sg_encoder *e, int64_t n_layers, int n_classes, struct sg_model **out,
                          struct sg_err *err)
{
    sg_status status = SG_OK;
    struct sg_model *m = sg_alloc(1, sizeof *m);
    if (!m)
        return sg_fail_memory(err, sizeof *m);
    m->n_classes = n_classes;
    SG_TRY_DONE(sg_config_copy(&e->config, &m->config, err));
    m->config.L = n_layers;
    m->source = sg_source_share(e->source);
    SG_TRY_DONE(make_arena(&m->config, n_classes, &m->layout, &m->arena, &m->params, err));
    *out = m;
    return SG_OK;
done:
    sg_model_destroy(m);
    return status;
}

void sg_model_destroy(struct sg_model *m)
{
    if (!m)
        return;
    sg_outputs_free(&m->outputs);
    sg_source_release(m->source);
    sg_config_free(&m->config);
    sg_layout_destroy(&m->layout);
    sg_params_destroy(&m->params);
    sg_free(m->arena);
    sg_free(m);
}

int sg_model_n_classes(const struct sg_model *m)
{
    return m->n_classes;
}

enum sg_problem sg_model_problem(const struct sg_model *m)
{
    return m->outputs.problem;
}

double sg_model_value(const struct sg_model *m, double logit)
{
    return m->outputs.value_is_sigmoid ? 1.0 / (1.0 + exp(-logit)) : logit;
}

const char *sg_model_class_name(const struct sg_model *m, int k)
{
    return k >= 0 && k < m->outputs.n_classes ? m->outputs.class_name[k] : "";
}

/* config.json says it, as transformers reads it; the head must agree. */
static sg_status count_classes(struct sg_model *m, const struct sg_safetensors *file, const char *dir,
                               struct sg_err *err)
{
    const char *head = m->config.family->head[SG_HEAD_LOGIT_W];
    const struct sg_tensor_info *info = sg_params_find(file, head);
    char *path = sg_path_join(dir, "config.json");
    if (!path)
        return sg_fail_memory(err, strlen(dir));
    sg_status status = sg_config_outputs(&m->config, path, &m->outputs, err);
    sg_free(path);
    SG_TRY(status);
    m->n_classes = m->outputs.n_classes;
    if (!info)
        return sg_params_missing(file, dir, head, 1, err);
    if (info->n_dims == 2 && info->shape[0] != m->n_classes)
        return sg_fail(err, SG_INPUT,
                       "%s: config.json means %d %s (%s), but %s has %lld rows; hint: give config.json an "
                       "\"id2label\" with the "
                       "names of all classes, in their order",
                       dir, m->n_classes, sg_plural(m->n_classes, "class", "classes"),
                       m->outputs.is_default ? "transformers' default without id2label"
                                             : "id2label or num_labels",
                       head, (long long)info->shape[0]);
    return SG_OK;
}

sg_status sg_model_load(const char *dir, struct sg_model **out, struct sg_err *err)
{
    sg_status status = SG_OK;
    struct sg_safetensors *file = NULL;
    struct sg_model *m = sg_alloc(1, sizeof *m);
    if (!m)
        return sg_fail_memory(err, sizeof *m);
    SG_TRY_DONE(sg_config_load(dir, &m->config, err));
    SG_TRY_DONE(load_source(dir, &m->source, err));
    SG_TRY_DONE(check_vocabulary(&m->config, m->source, err));
    SG_TRY_DONE(sg_safetensors_open(dir, &file, err));
    SG_TRY_DONE(count_classes(m, file, dir, err));
    SG_TRY_DONE(make_arena(&m->config, m->n_classes, &m->layout, &m->arena, &m->params, err));
    int has_pooler;
    SG_TRY_DONE(sg_params_load(&m->layout, file, dir, 1, m->arena, &has_pooler, err));
    *out = m;
    m = NULL;
done:
    sg_safetensors_close(file);
    sg_model_destroy(m);
    return status;
}

static sg_status save_weights(const struct sg_model *m, const char *dir, struct sg_err *err)
{
    sg_status status;
    const struct sg_layout *l = &m->layout;
    struct sg_tensor *t = sg_alloc((size_t)l->n_specs, sizeof *t);
    char *path = sg_path_join(dir, "model.safetensors");
    if (t && path) {
        for (int i = 0; i < l->n_specs; i++) {
            const struct sg_spec *s = &l->spec[i];
            t[i] = (struct sg_tensor){.name = s->name,
                                      .n_dims = s->cols ? 2 : 1,
                                      .shape = {s->rows, s->cols},
                                      .data = m->arena + s->offset};
        }
        status = sg_safetensors_write(path, t, l->n_specs, err);
    } else {
        status = sg_fail_memory(err, (unsigned long long)l->n_specs * sizeof *t);
    }
    sg_free(t);
    sg_free(path);
    return status;
}

static sg_status copy_file(const char *from_dir, const char *to_dir, const char *name, struct sg_err *err)
{
    enum { MOST = 1 << 28 };
    sg_status status = SG_OK;
    char *from = sg_path_join(from_dir, name), *to = sg_path_join(to_dir, name), *bytes = NULL;
    size_t n;
    if (!from || !to)
        SG_TRY_DONE(sg_fail_memory(err, strlen(to_dir)));
    SG_TRY_DONE(sg_file_read(from, MOST, &bytes, &n, err));
    SG_TRY_DONE(sg_file_write(to, bytes, n, err));
done:
    sg_free(bytes);
    sg_free(from);
    sg_free(to);
    return status;
}

/* What another tokenizer has left in the folder would count when the model is read. */
static sg_status take_away(const char *dir, const char *name, struct sg_err *err)
{
    char *path = sg_path_join(dir, name);
    if (!path)
        return sg_fail_memory(err, strlen(dir));
    sg_status status = SG_OK;
    if (unlink(path) != 0 && errno != ENOENT)
        status = sg_fail(err, SG_FAILED, "%s: %s; hint: it is of another tokenizer, and must go", path,
                         strerror(errno));
    sg_free(path);
    return status;
}

static sg_status save_tokenizer(const struct sg_source *source, const char *dir, struct sg_err *err)
{
    for (const char *const *name = sg_tokenizer_file_names(); *name; name++) {
        const char *const *has = sg_tokenizer_files(source->tokenizer);
        while (*has && strcmp(*has, *name) != 0)
            has++;
        SG_TRY(*has ? copy_file(source->dir, dir, *name, err) : take_away(dir, *name, err));
    }
    return SG_OK;
}

sg_status sg_model_save(const struct sg_model *m, const char *const *class_names, const char *dir,
                        struct sg_err *err)
{
    SG_TRY(sg_mkdirs(dir, err));
    if (!class_names)
        class_names = (const char *const *)m->outputs.class_name;
    SG_TRY(save_tokenizer(m->source, dir, err));
    SG_TRY(sg_config_write(&m->config, class_names, m->n_classes, dir, err));
    return save_weights(m, dir, err);
}
