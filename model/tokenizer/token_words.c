#include "model/tokenizer/token_words.h"

#include "base/mem.h"
#include "base/text.h"
#include "model/tokenizer/tokenizer_parts.h"

#include <string.h>

const char *sg_tokenizer_mask(const struct sg_tokenizer *t, int32_t *id)
{
    static const char *const names[] = {"[MASK]", "<mask>"};
    for (int i = 0; i < t->n_added && !t->splits_special; i++)
        for (int k = 0; k < 2; k++)
            if (t->added[i].special && t->added[i].placed && strcmp(t->added[i].text, names[k]) == 0) {
                *id = t->added[i].id;
                return t->added[i].text;
            }
    return NULL;
}

static int is_letters(const char *s, size_t n)
{
    for (size_t at = 0; at < n;) {
        uint32_t c;
        at += (size_t)sg_utf8_decode(s + at, n - at, &c);
        if (!sg_uni_letter(c))
            return 0;
    }
    return n > 0;
}

/* The bytes that a byte-level token stands for; n_out at most n. 0: it holds another character. */
static int decode_bytes(const int16_t *byte_of, const char *s, size_t n, char *out, size_t *n_out)
{
    *n_out = 0;
    for (size_t at = 0; at < n;) {
        uint32_t c;
        at += (size_t)sg_utf8_decode(s + at, n - at, &c);
        if (c >= SG_BPE_CHARS || byte_of[c] < 0)
            return 0;
        out[(*n_out)++] = (char)byte_of[c];
    }
    return 1;
}

struct filling {
    const struct sg_tokenizer *t;
    struct sg_token_words *w;
    size_t used;
    int16_t byte_of[SG_BPE_CHARS];
};

static void take(void *context, const char *text, size_t n, int32_t id)
{
    struct filling *f = context;
    char *out = f->w->memory + f->used;
    size_t n_out = n;
    unsigned char position = SG_TOKEN_AFTER_BLANK | SG_TOKEN_ALONE;
    if (id < 0 || id >= f->w->n || !sg_utf8_valid(text, n))
        return;
    if (f->t->is_bpe) {
        if (!decode_bytes(f->byte_of, text, n, out, &n_out))
            return;
        int blank = n_out > 0 && out[0] == ' ';
        position = blank ? SG_TOKEN_AFTER_BLANK : SG_TOKEN_ALONE;
        memmove(out, out + blank, n_out - (size_t)blank);
        n_out -= (size_t)blank;
    } else
        memcpy(out, text, n);
    if (!sg_utf8_valid(out, n_out) || !is_letters(out, n_out))
        return;
    out[n_out] = 0;
    f->w->text[id] = out;
    f->w->position[id] = position;
    f->used += n_out + 1;
}

sg_status sg_token_words_create(const struct sg_tokenizer *t, struct sg_token_words *out, struct sg_err *err)
{
    struct sg_token_words w = {.n = t->vocab_size};
    size_t bytes = t->vocab.text.len + (size_t)t->vocab.n + 1;
    w.text = sg_alloc((size_t)w.n + 1, sizeof *w.text);
    w.position = sg_alloc((size_t)w.n + 1, 1);
    w.memory = sg_alloc(bytes, 1);
    if (!w.text || !w.position || !w.memory) {
        sg_token_words_free(&w);
        return sg_fail_memory(err, bytes);
    }
    struct filling f = {.t = t, .w = &w};
    sg_bpe_bytes(f.byte_of);
    sg_vocab_each(&t->vocab, take, &f);
    for (int i = 0; i < t->n_added; i++) /* a special token's name is no word */
        if (t->added[i].special)
            w.text[t->added[i].id] = NULL;
    *out = w;
    return SG_OK;
}

void sg_token_words_free(struct sg_token_words *w)
{
    sg_free(w->text);
    sg_free(w->position);
    sg_free(w->memory);
    *w = (struct sg_token_words){0};
}
