/* The parameters: one list of tensors that checkpoint, optimiser, digest and tests read.
 *
 * All of them lie in one arena without gaps, in this order: the tables (word, position, type), then the dense
 * part: the embeddings' LayerNorm, the layers (of each the matrices, then the vectors), the head. A gradient
 * arena repeats the dense part alone; tables have gradients by row (model/adamw.h). query, key and value lie
 * side by side, so that one product (3C, C) computes all three.
 *
 * Of a shape with frozen layers, the dense part begins behind them, and an arena holds nothing else: what is frozen
 * stays the encoder's. */
#ifndef SG_MODEL_PARAMS_H
#define SG_MODEL_PARAMS_H

#include "model/safetensors.h"
#include "model/shapes.h"

/* X(field, name in the file, rows, columns (0: a vector), initial, decays). s is the struct sg_shape.
 * Initial: 'n' normal(0, initializer_range), '0', '1'. */
#define SG_TABLE_TENSORS(X)                                                                                  \
    X(word, "embeddings.word_embeddings.weight", s->V, s->C, 'n', 1)                                         \
    X(position, "embeddings.position_embeddings.weight", s->n_positions, s->C, 'n', 1)                       \
    X(type, "embeddings.token_type_embeddings.weight", s->n_types, s->C, 'n', 1)

#define SG_NORM_TENSORS(X)                                                                                   \
    X(norm_gain, "embeddings.LayerNorm.weight", s->C, 0, '1', 0)                                             \
    X(norm_shift, "embeddings.LayerNorm.bias", s->C, 0, '0', 0)

#define SG_LAYER_TENSORS(X)                                                                                  \
    X(query_w, "attention.self.query.weight", s->C, s->C, 'n', 1)                                            \
    X(key_w, "attention.self.key.weight", s->C, s->C, 'n', 1)                                                \
    X(value_w, "attention.self.value.weight", s->C, s->C, 'n', 1)                                            \
    X(out_w, "attention.output.dense.weight", s->C, s->C, 'n', 1)                                            \
    X(up_w, "intermediate.dense.weight", s->F, s->C, 'n', 1)                                                 \
    X(down_w, "output.dense.weight", s->C, s->F, 'n', 1)                                                     \
    X(query_b, "attention.self.query.bias", s->C, 0, '0', 0)                                                 \
    X(key_b, "attention.self.key.bias", s->C, 0, '0', 0)                                                     \
    X(value_b, "attention.self.value.bias", s->C, 0, '0', 0)                                                 \
    X(out_b, "attention.output.dense.bias", s->C, 0, '0', 0)                                                 \
    X(norm1_gain, "attention.output.LayerNorm.weight", s->C, 0, '1', 0)                                      \
    X(norm1_shift, "attention.output.LayerNorm.bias", s->C, 0, '0', 0)                                       \
    X(up_b, "intermediate.dense.bias", s->F, 0, '0', 0)                                                      \
    X(down_b, "output.dense.bias", s->C, 0, '0', 0)                                                          \
    X(norm2_gain, "output.LayerNorm.weight", s->C, 0, '1', 0)                                                \
    X(norm2_shift, "output.LayerNorm.bias", s->C, 0, '0', 0)

/* The head's names are its family's (model/families.h). */
#define SG_HEAD_TENSORS(X)                                                                                   \
    X(dense_w, SG_HEAD_DENSE_W, s->C, s->C, 'n', 1)                                                          \
    X(dense_b, SG_HEAD_DENSE_B, s->C, 0, '0', 0)                                                             \
    X(logit_w, SG_HEAD_LOGIT_W, s->K, s->C, 'n', 1)                                                          \
    X(logit_b, SG_HEAD_LOGIT_B, s->K, 0, '0', 0)

struct sg_layer {
#define FIELD(field, ...) float *field;
    SG_LAYER_TENSORS(FIELD)
};

/* Pointers into an arena: parameters, or gradients of the dense part (tables NULL). */
struct sg_params {
    SG_TABLE_TENSORS(FIELD)
    SG_NORM_TENSORS(FIELD)
    struct sg_layer *layer; /* (L) */
    SG_HEAD_TENSORS(FIELD)
#undef FIELD
};

struct sg_spec {
    char name[96];      /* as transformers' classifier of the family calls it: "bert.encoder.layer.0...." */
    int64_t rows, cols; /* cols 0: a vector of `rows` */
    int64_t offset, n;  /* floats from the start of the arena; how many */
    char initial;
    char decays;
    int layer;    /* or -1 */
    size_t field; /* offset of its pointer in struct sg_layer or struct sg_params */
};

struct sg_layout {
    const struct sg_family *family;
    struct sg_shape shape;
    int n_specs;
    struct sg_spec *spec;
    int64_t n_total;         /* floats of the arena */
    int64_t at_dense;        /* where the dense part starts */
    int64_t at_arena;        /* where the arena starts: 0, or with frozen layers at_dense */
    int64_t at_head;         /* where the head starts */
    int64_t n_layer_vectors; /* floats of one layer's vectors, which lie together: 9C + F */
};

sg_status sg_layout_create(const struct sg_family *family, const struct sg_shape *shape,
                           struct sg_layout *out, struct sg_err *err) SG_MUST_USE;
void sg_layout_destroy(struct sg_layout *l);

/* Pointers into an arena of n_total - at_arena floats; NULL for what is frozen. */
sg_status sg_params_create(const struct sg_layout *l, float *arena, struct sg_params *out,
                           struct sg_err *err) SG_MUST_USE;
/* Pointers into a gradient arena of n_total - at_dense floats. */
sg_status sg_params_create_dense(const struct sg_layout *l, float *arena, struct sg_params *out,
                                 struct sg_err *err) SG_MUST_USE;
void sg_params_destroy(struct sg_params *p);

/* Reads a base checkpoint's tensors (everything before the head, and the pooler, where the family has one and the file, too:
 * has_pooler) or, with head 1, all of a classifier's. Names may lack the family's prefix, and LayerNorms may
 * be called gamma and beta, as in old files; all may stand behind "module." or "_orig_mod."; what is not a parameter here (lm_head, position_ids) is left
 * alone. SG_INPUT names a tensor that is missing, of another shape, or holds a NaN or an infinity. arena NULL: nothing is read,
 * but names and shapes are checked. */
sg_status sg_params_load(const struct sg_layout *l, const struct sg_safetensors *file, const char *dir,
                         int head, float *arena, int *has_pooler, struct sg_err *err) SG_MUST_USE;

/* Reads one tensor that is no parameter here, (rows, cols) or a vector with cols 0, by its full name or an older one, with the checks of
 * sg_params_load. *found 0: the file has none. out NULL: name and shape alone are checked. */
sg_status sg_params_load_other(const struct sg_layout *l, const struct sg_safetensors *file, const char *dir,
                               const char *name, int64_t rows, int64_t cols, float *out, int *found,
                               struct sg_err *err) SG_MUST_USE;

/* A tensor by its full name, behind "module." or "_orig_mod." where all names have it; or NULL. */
const struct sg_tensor_info *sg_params_find(const struct sg_safetensors *file, const char *name);

/* Fails for a tensor that is not there: tells of one that has its name behind a prefix, of a program that trained something
 * around the model. */
sg_status sg_params_missing(const struct sg_safetensors *file, const char *dir, const char *name, int in_head,
                            struct sg_err *err) SG_MUST_USE;

/* Fills the tensors of the head, from `first` (an index into spec), by a counter RNG keyed with seed and
 * name. */
void sg_params_init_head(const struct sg_layout *l, int first, double init_std, uint64_t seed, float *arena);

/* The index of the head's first spec (dense_w). logit_w is two after it. */
int sg_layout_head(const struct sg_layout *l);

#endif
