/* Inside model/: what stands beside a tokenizer's vocabulary, read as AutoTokenizer of transformers 5.24 does.
 *
 * config.json and tokenizer_config.json name a class. BertTokenizer and RobertaTokenizer take the vocabulary alone from
 * tokenizer.json, or from vocab.txt, or vocab.json and merges.txt: case, accents, the blank in front, the template and the
 * added tokens are those of tokenizer_config.json, or the class's defaults. PreTrainedTokenizerFast takes tokenizer.json as it
 * stands and adds tokens to it. docs/encoders.md has the rules. */
#ifndef SG_MODEL_TOKENIZER_TOKENIZER_SETTINGS_H
#define SG_MODEL_TOKENIZER_TOKENIZER_SETTINGS_H

#include "base/err.h"

#include <jansson.h>
#include <stdint.h>

enum sg_tokenizer_kind { SG_TOKENIZER_AS_IT_STANDS, SG_TOKENIZER_BERT, SG_TOKENIZER_ROBERTA };

/* The special tokens that have a name, in the order in which they are added. */
enum {
    SG_TOKEN_BOS,
    SG_TOKEN_EOS,
    SG_TOKEN_UNK,
    SG_TOKEN_SEP,
    SG_TOKEN_PAD,
    SG_TOKEN_CLS,
    SG_TOKEN_MASK,
    SG_N_NAMED_TOKENS
};

struct sg_tokenizer_settings {
    enum sg_tokenizer_kind kind;
    char class_name[64]; /* for messages */
    const char *path;    /* of tokenizer_config.json, for messages; borrowed */
    json_t *config;      /* tokenizer_config.json, with what special_tokens_map.json adds; never NULL */
    json_t *decoder;     /* [AddedToken...] with a number of their own, in the order of their numbers */
    json_t *named;       /* [AddedToken or null...] the seven above */
    json_t *others;      /* [AddedToken...] special tokens of other names, then extra_special_tokens */
    int n_others_named;  /* so many of others have a name */
    int gives_types;     /* the model gets token types, otherwise 0 */
    int cuts_left, splits_special;
};

/* Local. `tokenizer_json` is the file's content, or NULL without it; has_vocab_txt is asked where nothing names a class.
 * An AddedToken is an object with "content", "special", ...: as tokenizer.json has them. sg_tokenizer_settings_free it, also on
 * failure. SG_INPUT for what cannot be understood, or a class that is neither of those above. */
sg_status sg_tokenizer_settings_read(const char *dir, const char *config_path, const json_t *tokenizer_json,
                                     int has_vocab_txt, struct sg_tokenizer_settings *out,
                                     struct sg_err *err) SG_MUST_USE;
void sg_tokenizer_settings_free(struct sg_tokenizer_settings *s);

/* The text of a named token, or NULL. */
const char *sg_tokenizer_named(const struct sg_tokenizer_settings *s, int which);

/* config[key] as a boolean; null is refused, as transformers does. */
sg_status sg_tokenizer_flag(const struct sg_tokenizer_settings *s, const char *key, int missing, int *out,
                            struct sg_err *err) SG_MUST_USE;

#endif
