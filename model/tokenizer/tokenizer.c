#include "model/tokenizer/tokenizer.h"

#include "base/mem.h"
#include "base/text.h"
#include "model/tokenizer/tokenizer_parts.h"

#include <string.h>

static const size_t max_text = (size_t)1 << 30; /* so that positions in a word fit 32 bits */
static const int64_t min_max_length = 5;        /* a pair's special tokens and one of text */

void sg_tokenizer_destroy(struct sg_tokenizer *t)
{
    if (!t)
        return;
    sg_vocab_free(&t->vocab);
    sg_vocab_free(&t->wordpiece.continuing);
    sg_bpe_free(&t->bpe);
    for (int i = 0; i < t->n_added; i++) {
        sg_free(t->added[i].text);
        sg_free(t->added[i].match);
    }
    sg_free(t->added);
    sg_free(t->raw.token);
    sg_vocab_free(&t->raw.match);
    sg_free(t->normalized.token);
    sg_vocab_free(&t->normalized.match);
    sg_free(t);
}

int32_t sg_tokenizer_vocab_size(const struct sg_tokenizer *t)
{
    return t->vocab_size;
}

int32_t sg_tokenizer_n_needed(const struct sg_tokenizer *t)
{
    return t->n_needed;
}

int32_t sg_tokenizer_pad_id(const struct sg_tokenizer *t)
{
    return t->pad_id;
}

const char *const *sg_tokenizer_files(const struct sg_tokenizer *t)
{
    return t->files;
}

/* One text on its way to ids. */
struct encoding {
    const struct sg_tokenizer *t;
    struct sg_bpe_scratch scratch;
    struct sg_buf normal;
    struct sg_ids ids;
};

typedef void piece_fn(struct encoding *e, const char *text, size_t n);

static size_t blanks_after(const char *text, size_t at, size_t n)
{
    while (at < n) {
        uint32_t c;
        size_t len = (size_t)sg_utf8_decode(text + at, n - at, &c);
        if (!sg_uni_space(c))
            break;
        at += len;
    }
    return at;
}

static int stands_alone(const char *text, size_t start, size_t stop, size_t n)
{
    uint32_t c;
    if (stop < n) {
        sg_utf8_decode(text + stop, n - stop, &c);
        if (sg_uni_word(c))
            return 0;
    }
    if (start == 0)
        return 1;
    size_t at = start - 1;
    while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80)
        at--;
    sg_utf8_decode(text + at, start - at, &c);
    return !sg_uni_word(c);
}

/* The leftmost added token at or after *at, and of those that begin there the longest; NULL when there is
 * none. */
static const struct sg_added *next_added(const struct sg_added_set *set, const char *text, size_t n,
                                         size_t *at)
{
    for (size_t i = *at; i < n; i++) {
        int32_t k;
        if (set->begins[(unsigned char)text[i]] && sg_vocab_longest(&set->match, text + i, n - i, &k)) {
            *at = i;
            return &set->token[k];
        }
    }
    return NULL;
}

/* Adds the ids of the added tokens in the text, and hands what lies between them to `rest`
 * (added_vocabulary.rs). */
static void split(struct encoding *e, const struct sg_added_set *set, const char *text, size_t n,
                  piece_fn *rest)
{
    size_t done = 0, at = 0;
    const struct sg_added *token;
    while (set->n && (token = next_added(set, text, n, &at))) {
        size_t start = at, stop = at + token->len;
        at = stop;
        if ((token->single_word && !stands_alone(text, start, stop, n)) ||
            (token->special && e->t->splits_special))
            continue;
        if (token->lstrip)
            start = sg_uni_trimmed(text, start);
        if (token->rstrip)
            stop = blanks_after(text, stop, n);
        if (start > done)
            rest(e, text + done, start - done);
        sg_ids_add(&e->ids, token->id);
        done = stop;
    }
    if (done < n)
        rest(e, text + done, n - done);
}

static void encode_plain(struct encoding *e, const char *text, size_t n)
{
    if (e->t->is_bpe)
        sg_bpe_encode(&e->t->bpe, &e->scratch, text, n, &e->ids);
    else
        sg_wordpiece_encode(e->t, text, n, &e->ids);
}

static void encode_unmarked(struct encoding *e, const char *text, size_t n)
{
    if (e->t->normalizes) {
        sg_buf_clear(&e->normal);
        sg_bert_normalize(&e->t->norm, text, n, &e->normal);
        e->ids.failed |= e->normal.failed; /* the next stretch of text clears the buffer */
        text = sg_buf_text(&e->normal);
        n = e->normal.len;
    }
    split(e, &e->t->normalized, text, n, encode_plain);
}

/* All ids of a text, without special tokens around it; ids is the caller's to free, also on failure. */
static sg_status encode_text(const struct sg_tokenizer *t, const char *text, struct sg_ids *ids,
                             struct sg_err *err)
{
    size_t n = strlen(text);
    if (n > max_text)
        return sg_fail(err, SG_INPUT, "a text of %zu bytes is too long for a tokenizer", n);
    struct encoding e = {.t = t, .normal = sg_buf_make(16 * max_text)};
    split(&e, &t->raw, text, n, encode_unmarked);
    sg_status status = sg_buf_check(&e.normal, "normalised text", err);
    if (status == SG_OK && e.ids.failed)
        status = sg_fail_memory(err, n);
    sg_bpe_scratch_free(&e.scratch);
    sg_buf_free(&e.normal);
    *ids = e.ids;
    return status;
}

/* longest_first of `tokenizers` (utils/truncation.rs), which differs from taking a token at a time off the
 * longer text: when both must be cut, each gets half, and the odd token goes to the one that was longer (the
 * second, if they were equal). */
static void cut_longest(int64_t *n1, int64_t *n2, int64_t room)
{
    int64_t *shorter = *n1 > *n2 ? n2 : n1, *longer = *n1 > *n2 ? n1 : n2;
    if (*shorter + *longer <= room)
        return;
    *longer = *shorter > room - *shorter ? *shorter : room - *shorter;
    if (*shorter + *longer > room) {
        *shorter = room / 2;
        *longer = room - room / 2;
    }
}

/* only_second; where the first text leaves the second nothing, `tokenizers` gives up, and we cut the first as
 * well. */
static void cut_second(int64_t *n1, int64_t *n2, int64_t room)
{
    if (*n1 + *n2 <= room)
        return;
    if (*n1 > room)
        *n1 = room;
    *n2 = room - *n1;
}

sg_status sg_tokenizer_encode(const struct sg_tokenizer *t, const char *first, const char *second,
                              enum sg_cut cut, int64_t max_length, int32_t *ids, int32_t *types, int64_t *n,
                              struct sg_err *err)
{
    const struct sg_layout *layout = second ? &t->pair : &t->single;
    if (max_length < min_max_length || max_length <= layout->n_special)
        return sg_fail(
            err, SG_INPUT, "a length of %lld tokens leaves no room for text; hint: at least %lld",
            (long long)max_length,
            (long long)(min_max_length > layout->n_special ? min_max_length : layout->n_special + 1));
    struct sg_ids text[2] = {{0}, {0}};
    int64_t n_all[2];
    sg_status status = encode_text(t, first, &text[0], err);
    if (status == SG_OK && second)
        status = encode_text(t, second, &text[1], err);
    if (status == SG_OK) {
        for (int i = 0; i < 2; i++)
            n_all[i] = text[i].n;
        if (cut == SG_CUT_SECOND)
            cut_second(&text[0].n, &text[1].n, max_length - layout->n_special);
        else
            cut_longest(&text[0].n, &text[1].n, max_length - layout->n_special);
        int64_t at = 0;
        for (int p = 0; p < layout->n; p++) {
            int32_t id = layout->part[p].id;
            int which = id != SG_PART_FIRST;
            int64_t count = id >= 0 ? 1 : text[which].n,
                    skip = t->cuts_left ? n_all[which] - text[which].n : 0;
            for (int64_t i = 0; i < count; i++) {
                ids[at] = id >= 0 ? id : text[which].id[skip + i];
                if (types)
                    types[at] = layout->part[p].type;
                at++;
            }
        }
        *n = at;
    }
    sg_free(text[0].id);
    sg_free(text[1].id);
    return status;
}
