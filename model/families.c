#include "model/families.h"

#include <stdio.h>
#include <string.h>

/* Pooler (dense, tanh), dropout, classifier: BertForSequenceClassification. */
#define BERT_HEAD                                                                                            \
    {                                                                                                        \
        "bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight", "classifier.bias"         \
    }
/* Dropout, dense, tanh, dropout, out_proj: RobertaClassificationHead. */
#define ROBERTA_HEAD                                                                                         \
    {                                                                                                        \
        "classifier.dense.weight", "classifier.dense.bias", "classifier.out_proj.weight",                    \
            "classifier.out_proj.bias"                                                                       \
    }

#define BERT_MASK_HEAD                                                                                       \
    {                                                                                                        \
        "cls.predictions.transform.dense.weight", "cls.predictions.transform.dense.bias",                    \
            "cls.predictions.transform.LayerNorm.weight", "cls.predictions.transform.LayerNorm.bias",        \
            "cls.predictions.bias", "cls.predictions.decoder.bias", "cls.predictions.decoder.weight"         \
    }
#define ROBERTA_MASK_HEAD                                                                                    \
    {                                                                                                        \
        "lm_head.dense.weight", "lm_head.dense.bias", "lm_head.layer_norm.weight",                           \
            "lm_head.layer_norm.bias", "lm_head.bias", "lm_head.decoder.bias", "lm_head.decoder.weight"      \
    }

/* Defaults of transformers 5.23. */
static const struct sg_family families[] = {
    {.model_type = "bert",
     .architecture = "BertForSequenceClassification",
     .prefix = "bert.",
     .head = BERT_HEAD,
     .mask_head = BERT_MASK_HEAD,
     .has_pooler = 1,
     .vocab_size = 30522,
     .pad_id = 0,
     .hidden_act = "gelu",
     .n_types_on_hub = 2},
    {.model_type = "roberta",
     .architecture = "RobertaForSequenceClassification",
     .prefix = "roberta.",
     .head = ROBERTA_HEAD,
     .mask_head = ROBERTA_MASK_HEAD,
     .mask_head_is_erf = 1,
     .drops_head_input = 1,
     .counts_behind_pad = 1,
     .vocab_size = 50265,
     .pad_id = 1,
     .hidden_act = "gelu",
     .n_types_on_hub = 1},
    {.model_type = "xlm-roberta",
     .architecture = "XLMRobertaForSequenceClassification",
     .prefix = "roberta.",
     .head = ROBERTA_HEAD,
     .mask_head = ROBERTA_MASK_HEAD,
     .mask_head_is_erf = 1,
     .drops_head_input = 1,
     .counts_behind_pad = 1,
     .vocab_size = 30522,
     .pad_id = 1,
     .hidden_act = "gelu",
     .n_types_on_hub = 1},
};
enum { N_FAMILIES = sizeof families / sizeof families[0] };

const struct sg_family *sg_family_find(const char *model_type)
{
    for (int i = 0; model_type && i < N_FAMILIES; i++)
        if (strcmp(model_type, families[i].model_type) == 0)
            return &families[i];
    return NULL;
}

const struct sg_family *sg_family_at(int i)
{
    return i >= 0 && i < N_FAMILIES ? &families[i] : NULL;
}

void sg_family_names(char out[SG_FAMILY_NAMES])
{
    size_t n = 0;
    out[0] = 0;
    for (int i = 0; i < N_FAMILIES && n < SG_FAMILY_NAMES; i++)
        n += (size_t)snprintf(out + n, SG_FAMILY_NAMES - n, "%s%s",
                              i == 0                ? ""
                              : i == N_FAMILIES - 1 ? " and "
                                                    : ", ",
                              families[i].model_type);
}
