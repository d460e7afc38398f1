/* Tokenizers from Hugging Face files: WordPiece (BERT) and byte-level BPE (RoBERTa), with the same ids as
 * transformers' AutoTokenizer.
 *
 * Read from tokenizer.json, or vocab.txt (WordPiece), or vocab.json + merges.txt (BPE), with what config.json,
 * tokenizer_config.json, special_tokens_map.json and added_tokens.json say of it (model/tokenizer/tokenizer_settings.h). A loaded
 * tokenizer is read-only and may be used by several threads at once. */
#ifndef SG_MODEL_TOKENIZER_TOKENIZER_H
#define SG_MODEL_TOKENIZER_TOKENIZER_H

#include "base/rows.h"

#include <stdint.h>

struct sg_tokenizer;

/* Local. SG_INPUT with the file and the reason for what is missing or hostile (ids out of range or twice,
 * merges of unknown tokens, kinds of tokenizer that are not these two). */
sg_status sg_tokenizer_load(const char *dir, struct sg_tokenizer **out, struct sg_err *err) SG_MUST_USE;
void sg_tokenizer_destroy(struct sg_tokenizer *t);

int32_t sg_tokenizer_vocab_size(const struct sg_tokenizer *t); /* largest id + 1, added tokens included */
/* The same without special tokens that no file gives a place, such as [MASK] for a vocabulary without it: a model needs rows
 * for so many, and a text that spells one of the others has an id behind them. */
int32_t sg_tokenizer_n_needed(const struct sg_tokenizer *t);
int32_t sg_tokenizer_pad_id(const struct sg_tokenizer *t); /* of [PAD] or <pad>; -1 without one */

/* The names of the folder's tokenizer files, tokenizer_config.json and special_tokens_map.json included, for
 * copying next to a checkpoint; NULL ends the list. */
const char *const *sg_tokenizer_files(const struct sg_tokenizer *t);
/* All names that such files can have; NULL ends the list. */
const char *const *sg_tokenizer_file_names(void);

/* Encodes a text or a pair with special tokens, cut to max_length (>= 5) by `cut`. ids and types: max_length
 * entries of the caller's; types (0/1 for BERT pairs, all 0 for RoBERTa) may be NULL. n gets the length. Text
 * is valid UTF-8. Special tokens that the text itself spells ("[SEP]", "<s>") become those tokens, as with
 * `tokenizers`. Truncation and padding that a tokenizer.json asks for are
 * ignored, but for the side that is cut. SG_CUT_SECOND where the
 * first text alone fills max_length (an error in `tokenizers`): the first is cut, nothing of the second is
 * left. */
sg_status sg_tokenizer_encode(const struct sg_tokenizer *t, const char *first, const char *second,
                              enum sg_cut cut, int64_t max_length, int32_t *ids, int32_t *types, int64_t *n,
                              struct sg_err *err) SG_MUST_USE;

#endif
