/* The families of encoders: a row each. What differs between their encoders stands here and nowhere else.
 *
 * A new one is a row in families.c; its tokenizer, where config.json alone names it, a row of `registered` in
 * model/tokenizer/tokenizer_settings.c; its shapes on the Hub, for estimates, rows in model/assume.c, above
 * a wider pattern that fits its names, too. A model_type without a row is refused. */
#ifndef SG_MODEL_FAMILIES_H
#define SG_MODEL_FAMILIES_H

#include <stdint.h>

/* The head's tensors, in their order in the arena (model/params.h). */
enum { SG_HEAD_DENSE_W, SG_HEAD_DENSE_B, SG_HEAD_LOGIT_W, SG_HEAD_LOGIT_B, SG_N_HEAD };

/* The masked-LM head's tensors (model/mask_head.h). The decoder's own two count where it is not the word table, the bias where it is. */
enum {
    SG_MASK_DENSE_W,
    SG_MASK_DENSE_B,
    SG_MASK_GAIN,
    SG_MASK_SHIFT,
    SG_MASK_BIAS,
    SG_MASK_DECODER_B,
    SG_MASK_DECODER_W,
    SG_N_MASK
};

struct sg_family {
    const char *model_type;   /* as config.json has it */
    const char *architecture; /* transformers' class of its classifiers */
    const char
        *prefix; /* before the encoder's names in a classifier, with its "."; a base checkpoint may lack it */
    const char *head[SG_N_HEAD];      /* full names */
    const char *mask_head[SG_N_MASK]; /* full names */
    int mask_head_is_erf;             /* its GELU is the exact one, whatever hidden_act says */
    int has_pooler; /* the head's first layer has the prefix, as BERT's pooler: a base checkpoint may bring it */
    int drops_head_input;  /* dropout before the head's first layer, too, and not behind it alone */
    int counts_behind_pad; /* positions from pad_id + 1, padding has pad_id; else from 0 */
    /* Defaults of its configuration class in transformers. */
    int64_t vocab_size, pad_id;
    const char *hidden_act;
    int n_types_on_hub; /* rows of the type table that its checkpoints there have */
};

/* NULL: not known. */
const struct sg_family *sg_family_find(const char *model_type);

/* The i-th, from 0; NULL behind the last. */
const struct sg_family *sg_family_at(int i);

/* "bert, roberta and xlm-roberta" */
enum { SG_FAMILY_NAMES = 400 };
void sg_family_names(char out[SG_FAMILY_NAMES]);

#endif
