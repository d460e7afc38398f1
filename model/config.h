/* config.json of a BERT or RoBERTa checkpoint: read with transformers' defaults, checked, written for a
 * classifier.
 *
 *     SG_TRY(sg_config_load("data/encoders/minilm-l6", &c, err));
 *     ... c.C, c.L, c.eps ...
 *     sg_config_free(&c);
 *
 * A key that is missing has the default of the family's class in transformers (BertConfig, RobertaConfig).
 * Keys that are not listed here are kept, and come out again in sg_config_write. Letters are those of
 * model/shapes.h. */
#ifndef SG_MODEL_CONFIG_H
#define SG_MODEL_CONFIG_H

#include "base/err.h"
#include "model/families.h"
#include "model/problem.h"

#include <stddef.h>
#include <stdint.h>

enum sg_activation { SG_GELU_ERF, SG_GELU_TANH };

struct sg_config {
    const struct sg_family *family; /* never NULL */
    enum sg_activation activation;
    int64_t V, C, L, H, F;        /* vocabulary, channels, layers, heads, feed-forward; H divides C */
    int64_t n_positions, n_types; /* rows of the position and token type tables */
    int64_t max_length;           /* tokens that have a position: n_positions, or n_positions - pad_id - 1 */
    int64_t pad_id;               /* in [0, V) */
    double eps;                   /* of LayerNorm */
    double init_std;              /* initializer_range: of the new head's weights */
    double dropout, attention_dropout; /* hidden_dropout_prob, attention_probs_dropout_prob */
    double classifier_dropout;         /* of the head; dropout where the file has null */
    char *json;                        /* the file's text */
};

/* Local. Reads DIR/config.json. SG_INPUT with the key and its value for what is missing, of the wrong type,
 * out of bounds, or a kind of model without a row in model/families.h. `out` is untouched on failure. */
sg_status sg_config_load(const char *dir, struct sg_config *out, struct sg_err *err) SG_MUST_USE;

/* Local. The same from memory; `where` names the text in messages. */
sg_status sg_config_parse(const char *text, size_t n, const char *where, struct sg_config *out,
                          struct sg_err *err) SG_MUST_USE;

/* What a classifier's config.json says of its logits. An encoder's may say what it will. */
struct sg_outputs {
    int n_classes;     /* K: of id2label, or else num_labels, or else 2, as transformers has it */
    char **class_name; /* (K) in the order of their indices; LABEL_0 ... without id2label */
    int is_default;    /* neither id2label nor num_labels is there */
    enum sg_problem problem;
    int value_is_sigmoid; /* of a sole class: sentence-transformers' settings ask for the sigmoid */
};

/* Local. SG_INPUT for names that are missing or no text, a problem_type or an activation that is not known. `out` is
 * untouched on failure; else sg_outputs_free it. */
sg_status sg_config_outputs(const struct sg_config *c, const char *where, struct sg_outputs *out,
                            struct sg_err *err) SG_MUST_USE;
void sg_outputs_free(struct sg_outputs *o); /* leaves it empty */

/* Local. A deep copy; free both. */
sg_status sg_config_copy(const struct sg_config *c, struct sg_config *out, struct sg_err *err) SG_MUST_USE;
void sg_config_free(struct sg_config *c); /* leaves it empty */

/* Local. Writes DIR/config.json for a trained classifier of n_classes: architectures, id2label, label2id,
 * dtype and all shape keys; the source's other keys are kept. class_names NULL: "LABEL_0" ... as transformers
 * calls them. */
sg_status sg_config_write(const struct sg_config *c, const char *const *class_names, int n_classes,
                          const char *dir, struct sg_err *err) SG_MUST_USE;

#endif
