/* What tokenizers ask of a code point, with Hugging Face's answers: see unicode_tables.h for why the classes
 * are ours. */
#ifndef SG_MODEL_TOKENIZER_UNICODE_H
#define SG_MODEL_TOKENIZER_UNICODE_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

int sg_uni_space(uint32_t c);  /* White_Space: Rust's char::is_whitespace, the regex's \s */
int sg_uni_letter(uint32_t c); /* \p{L} */
int sg_uni_number(uint32_t c); /* \p{N} */
int sg_uni_punct(uint32_t c);  /* ASCII punctuation and P*, as BERT splits it */
int sg_uni_word(uint32_t c);   /* \w, near enough to tell whether an added token stands alone */

/* How many of n bytes of valid UTF-8 are left without the white space at their end. */
size_t sg_uni_trimmed(const char *text, size_t n);

/* BertNormalizer: the four steps of normalizers/bert.rs, in its order. */
struct sg_bert_norm {
    int clean_text;    /* drops control characters, U+FFFD and private use; white space becomes U+0020 */
    int chinese_chars; /* blanks around CJK ideographs */
    int strip_accents; /* NFD, then without nonspacing marks */
    int lowercase;
};

/* Adds the normalised text (n bytes of valid UTF-8) to out. Linear in n. */
void sg_bert_normalize(const struct sg_bert_norm *how, const char *text, size_t n, struct sg_buf *out);

#endif
