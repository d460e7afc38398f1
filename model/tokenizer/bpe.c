#include "base/heap.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/tokenizer/tokenizer_parts.h"

#include <string.h>

struct sg_bpe_merge {
    int32_t left, right; /* left -1: an empty slot */
    int32_t rank, id;
};

struct sg_bpe_symbol {
    int32_t id;         /* -1: merged into the one before it */
    int32_t prev, next; /* -1: none */
};

struct sg_bpe_candidate {
    int32_t rank, at, id; /* merge the symbol `at` with its right neighbour into `id` */
};

/* GPT-2's bytes_to_unicode: printable Latin-1 bytes stand for themselves, the others for U+0100, U+0101, ...
 */
static uint32_t byte_char(int byte)
{
    uint32_t next = 256;
    for (int b = 0; b < 256; b++) {
        int printable = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
        if (b == byte)
            return printable ? (uint32_t)b : next;
        next += !printable;
    }
    return 0;
}

void sg_bpe_bytes(int16_t of[SG_BPE_CHARS])
{
    for (int c = 0; c < SG_BPE_CHARS; c++)
        of[c] = -1;
    for (int b = 0; b < 256; b++)
        of[byte_char(b)] = (int16_t)b;
}

void sg_bpe_init(struct sg_bpe *b, const struct sg_vocab *vocab)
{
    for (int byte = 0; byte < 256; byte++) {
        char utf8[4];
        int n = sg_utf8_encode(byte_char(byte), utf8);
        b->byte_id[byte] = sg_vocab_find(vocab, utf8, (size_t)n);
    }
}

static size_t slot_of(const struct sg_bpe *b, int32_t left, int32_t right)
{
    uint64_t h = sg_hash_more(&b->key, sg_hash_more(&b->key, 0, (uint32_t)left), (uint32_t)right);
    size_t i = sg_hash_place(&b->key, h) & (b->n_slots - 1);
    while (b->merge[i].left >= 0 && (b->merge[i].left != left || b->merge[i].right != right))
        i = (i + 1) & (b->n_slots - 1);
    return i;
}

sg_status sg_bpe_reserve(struct sg_bpe *b, size_t n_merges, struct sg_err *err)
{
    SG_TRY(sg_hash_draw(&b->key, err));
    size_t n_slots = 16;
    while (n_slots < 2 * n_merges)
        n_slots *= 2;
    b->merge = sg_alloc(n_slots, sizeof *b->merge);
    if (!b->merge)
        return sg_fail_memory(err, n_slots * sizeof *b->merge);
    b->n_slots = n_slots;
    for (size_t i = 0; i < n_slots; i++)
        b->merge[i].left = -1;
    return SG_OK;
}

void sg_bpe_put(struct sg_bpe *b, int32_t left, int32_t right, int32_t rank, int32_t id)
{
    struct sg_bpe_merge *m = &b->merge[slot_of(b, left, right)];
    b->n_merges += m->left < 0;
    *m = (struct sg_bpe_merge){left, right, rank, id};
}

void sg_bpe_free(struct sg_bpe *b)
{
    sg_free(b->merge);
    *b = (struct sg_bpe){0};
}

void sg_bpe_scratch_free(struct sg_bpe_scratch *scratch)
{
    sg_free(scratch->symbol);
    sg_free(scratch->heap);
    *scratch = (struct sg_bpe_scratch){0};
}

/* Lowest rank first, then the leftmost: the order in which merges are learnt and applied. */
static int before(const void *none, const struct sg_bpe_candidate *a, const struct sg_bpe_candidate *b)
{
    (void)none;
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

SG_HEAP(heap, struct sg_bpe_candidate, void, before)

/* Room for a word of n bytes. Each merge takes a symbol away and adds at most two candidates. */
static int reserve(struct sg_bpe_scratch *s, size_t n)
{
    if (n <= s->n_symbols)
        return 1;
    n = n < 64 ? 64 : n + n / 2;
    sg_bpe_scratch_free(s);
    s->symbol = sg_alloc(n, sizeof *s->symbol);
    s->heap = sg_alloc(3 * n, sizeof *s->heap);
    if (!s->symbol || !s->heap) {
        sg_bpe_scratch_free(s);
        return 0;
    }
    s->n_symbols = n;
    return 1;
}

static void consider(const struct sg_bpe *b, const struct sg_bpe_symbol *symbol, int32_t at,
                     struct sg_bpe_candidate *heap, int64_t *n_heap)
{
    if (at < 0 || symbol[at].next < 0)
        return;
    const struct sg_bpe_merge *m = &b->merge[slot_of(b, symbol[at].id, symbol[symbol[at].next].id)];
    if (m->left >= 0)
        heap_push(heap, n_heap, (struct sg_bpe_candidate){m->rank, at, m->id}, NULL);
}

/* The word's bytes as symbols; returns how many. */
static int32_t split_bytes(const struct sg_bpe *b, const char *word, size_t n, struct sg_bpe_symbol *symbol)
{
    int32_t count = 0;
    int after_unk = 0;
    for (size_t i = 0; i < n; i++) {
        int32_t id = b->byte_id[(unsigned char)word[i]];
        int unk = id < 0;
        if (unk && (b->unk_id < 0 || (after_unk && b->fuse_unk)))
            continue;
        after_unk = unk;
        symbol[count] = (struct sg_bpe_symbol){unk ? b->unk_id : id, count - 1, count + 1};
        count++;
    }
    if (count)
        symbol[count - 1].next = -1;
    return count;
}

/* Merges by a heap of candidates, O(n log n) (models/bpe/word.rs): a megabyte without a blank is no attack.
 */
static void encode_word(const struct sg_bpe *b, struct sg_bpe_scratch *scratch, const char *word, size_t n,
                        struct sg_ids *ids)
{
    if (!reserve(scratch, n)) {
        ids->failed = 1;
        return;
    }
    struct sg_bpe_symbol *symbol = scratch->symbol;
    struct sg_bpe_candidate *heap = scratch->heap;
    int64_t n_heap = 0;
    int32_t count = split_bytes(b, word, n, symbol);
    for (int32_t i = 0; i < count; i++)
        consider(b, symbol, i, heap, &n_heap);
    while (n_heap) {
        struct sg_bpe_candidate c = heap_pop(heap, &n_heap, NULL);
        struct sg_bpe_symbol *left = &symbol[c.at];
        if (left->id < 0 || left->next < 0)
            continue;
        struct sg_bpe_symbol *right = &symbol[left->next];
        const struct sg_bpe_merge *m = &b->merge[slot_of(b, left->id, right->id)];
        if (m->left < 0 || m->id != c.id) /* one of the two has been merged since */
            continue;
        left->id = c.id;
        left->next = right->next;
        right->id = -1;
        if (left->next >= 0)
            symbol[left->next].prev = c.at;
        consider(b, symbol, left->prev, heap, &n_heap);
        consider(b, symbol, c.at, heap, &n_heap);
    }
    for (int32_t i = 0; i >= 0 && i < count; i = symbol[i].next)
        sg_ids_add(ids, symbol[i].id);
}

enum kind { SPACE, LETTER, NUMBER, OTHER };

static enum kind kind_at(const char *text, size_t n, size_t at, size_t *len)
{
    uint32_t c;
    *len = (size_t)sg_utf8_decode(text + at, n - at, &c);
    return sg_uni_letter(c) ? LETTER : sg_uni_space(c) ? SPACE : sg_uni_number(c) ? NUMBER : OTHER;
}

static size_t contraction(const char *s, size_t n)
{
    static const char *const tails[] = {"s", "t", "re", "ve", "m", "ll", "d"};
    for (size_t i = 0; n > 1 && s[0] == '\'' && i < sizeof tails / sizeof tails[0]; i++) {
        size_t len = strlen(tails[i]);
        if (n > len && memcmp(s + 1, tails[i], len) == 0)
            return 1 + len;
    }
    return 0;
}

/* The length of the piece that begins at s, by GPT-2's pattern
 *     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * By hand, since its alternatives are classes: the regular expression libraries differ from Hugging Face's in
 * which code points are letters and blanks (PCRE2 10.42 in 9,393 of them), our tables do not. */
static size_t piece_length(const char *s, size_t n)
{
    size_t len = contraction(s, n), first, at;
    if (len)
        return len;
    enum kind kind = kind_at(s, n, 0, &first);
    at = first;
    if (s[0] == ' ' && n > 1)
        kind = kind_at(s, n, 1, &len); /* the blank goes with what follows */
    if (kind != SPACE) {
        while (at < n && kind_at(s, n, at, &len) == kind)
            at += len;
        return at;
    }
    size_t last = 0; /* where the run's last blank begins: it is left for the next piece, unless it is alone
                        or at the end */
    at = 0;
    while (at < n && kind_at(s, n, at, &len) == SPACE) {
        last = at;
        at += len;
    }
    return at == n || last == 0 ? at : last;
}

static void encode_pieces(const struct sg_bpe *b, struct sg_bpe_scratch *scratch, const char *text, size_t n,
                          struct sg_ids *ids)
{
    for (size_t at = 0; at < n && !ids->failed;) {
        size_t len = piece_length(text + at, n - at);
        encode_word(b, scratch, text + at, len, ids);
        at += len;
    }
}

void sg_bpe_encode(const struct sg_bpe *b, struct sg_bpe_scratch *scratch, const char *text, size_t n,
                   struct sg_ids *ids)
{
    if (!b->add_prefix_space || n == 0 || text[0] == ' ') {
        encode_pieces(b, scratch, text, n, ids);
        return;
    }
    char *spaced = sg_alloc(n + 2, 1);
    if (!spaced) {
        ids->failed = 1;
        return;
    }
    spaced[0] = ' ';
    memcpy(spaced + 1, text, n);
    encode_pieces(b, scratch, spaced, n + 1, ids);
    sg_free(spaced);
}
