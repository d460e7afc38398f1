#include "base/text.h"
#include "model/tokenizer/tokenizer_parts.h"

/* One word by greedy longest match first (Wu et al. 2016; models/wordpiece/mod.rs); [UNK] when any part has
 * no token. */
static void encode_word(const struct sg_tokenizer *t, const char *word, size_t n, int64_t n_chars,
                        struct sg_ids *ids)
{
    const struct sg_wordpiece *w = &t->wordpiece;
    int64_t first = ids->n;
    if (n_chars > w->max_word_chars) {
        sg_ids_add(ids, w->unk_id);
        return;
    }
    for (size_t at = 0; at < n;) {
        const struct sg_vocab *vocab = at == 0 ? &t->vocab : &w->continuing;
        int32_t id;
        size_t len = sg_vocab_longest(vocab, word + at, n - at, &id);
        if (len == 0) {
            ids->n = first;
            sg_ids_add(ids, w->unk_id);
            return;
        }
        sg_ids_add(ids, id);
        at += len;
    }
}

/* BertPreTokenizer: words end at white space, and each punctuation mark is a word. */
void sg_wordpiece_encode(const struct sg_tokenizer *t, const char *text, size_t n, struct sg_ids *ids)
{
    size_t start = 0;
    int64_t n_chars = 0;
    for (size_t at = 0; at < n;) {
        uint32_t c;
        size_t len = (size_t)sg_utf8_decode(text + at, n - at, &c);
        int punct = sg_uni_punct(c);
        if (punct || sg_uni_space(c)) {
            if (at > start)
                encode_word(t, text + start, at - start, n_chars, ids);
            if (punct)
                encode_word(t, text + at, len, 1, ids);
            start = at + len;
            n_chars = 0;
        } else {
            n_chars++;
        }
        at += len;
    }
    if (n > start)
        encode_word(t, text + start, n - start, n_chars, ids);
}
