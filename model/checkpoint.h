/* What stands behind sg_encoder and sg_model: weights in one arena, with config and tokenizer. Inside model/
 * only. */
#ifndef SG_MODEL_CHECKPOINT_H
#define SG_MODEL_CHECKPOINT_H

#include "model/config.h"
#include "model/params.h"
#include "model/tokenizer/tokenizer.h"
#include "model/train.h"
#include "mpi/node_memory.h"

#include <stdatomic.h>

/* A tokenizer and the folder it came from, shared by an encoder and the models trained on it. */
struct sg_source {
    atomic_int n_users;
    struct sg_tokenizer *tokenizer;
    char *dir;
};
struct sg_source *sg_source_share(struct sg_source *s);
void sg_source_release(struct sg_source *s);

struct sg_encoder {
    struct sg_config config;
    struct sg_source *source;
    struct sg_layout layout; /* K = 1: a base checkpoint has no classes; its head part holds BERT's pooler */
    struct sg_node_memory weights; /* as laid out; empty: they are still in `file` */
    struct sg_params params;       /* pointers into it: read only */
    struct sg_safetensors *file;   /* until the weights are read */
    int has_pooler;
    char digest[SG_HEX];
    char *files; /* as sg_encoder_files adds them */
};

struct sg_model {
    struct sg_config config;
    struct sg_source *source;
    struct sg_layout layout;
    float *arena;
    struct sg_params params;
    int n_classes;
    struct sg_outputs outputs; /* of a classifier that was loaded; empty: not named yet */
};

static inline const float *sg_encoder_arena(const struct sg_encoder *e)
{
    return e->weights.data;
}

/* Local. A model of the encoder's first n_layers with room for the weights; they are zero. */
sg_status sg_model_create(const struct sg_encoder *e, int64_t n_layers, int n_classes, struct sg_model **out,
                          struct sg_err *err) SG_MUST_USE;

#endif
