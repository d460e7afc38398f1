/* Which tokens are whole words? For choosing a word by a masked-LM head's logits. */
#ifndef SG_MODEL_TOKENIZER_TOKEN_WORDS_H
#define SG_MODEL_TOKENIZER_TOKEN_WORDS_H

#include "model/tokenizer/tokenizer.h"

/* How a token may begin a word: behind a blank, or where none stands before it. WordPiece's may do both. */
enum { SG_TOKEN_AFTER_BLANK = 1, SG_TOKEN_ALONE = 2 };

struct sg_token_words {
    int32_t n;               /* ids */
    const char **text;       /* (n) of letters alone; NULL: the token is no word */
    unsigned char *position; /* (n) */
    char *memory;
};

sg_status sg_token_words_create(const struct sg_tokenizer *t, struct sg_token_words *out,
                                struct sg_err *err) SG_MUST_USE;
void sg_token_words_free(struct sg_token_words *w); /* leaves it empty */

/* The mask token as a text spells it, and its id; NULL where the tokenizer has none, or does not read it in texts. */
const char *sg_tokenizer_mask(const struct sg_tokenizer *t, int32_t *id);

#endif
