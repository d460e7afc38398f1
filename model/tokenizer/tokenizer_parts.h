/* Inside model/: what a tokenizer is made of. tokenizer_load.c fills it from files with tokenizer_settings.c (what stands
 * beside the vocabulary), tokenizer_model.c (vocabulary and merges) and tokenizer_layout.c; tokenizer.c encodes with it,
 * wordpiece.c and bpe.c turn a stretch of text without added tokens into ids. */
#ifndef SG_MODEL_TOKENIZER_TOKENIZER_PARTS_H
#define SG_MODEL_TOKENIZER_TOKENIZER_PARTS_H

#include "base/buf.h"
#include "base/json.h"
#include "model/tokenizer/ids.h"
#include "model/tokenizer/tokenizer.h"
#include "model/tokenizer/unicode.h"
#include "model/tokenizer/vocab.h"

/* What one encode call needs for its time; owned by the call, so that a tokenizer can be shared. */
struct sg_bpe_scratch {
    struct sg_bpe_symbol *symbol;
    struct sg_bpe_candidate *heap;
    size_t n_symbols, n_heap;
};

struct sg_wordpiece {
    struct sg_vocab continuing; /* the tokens that begin with "##", without it */
    int32_t unk_id;
    int64_t max_word_chars; /* at most SG_MAX_PREFIX / 4 */
};

struct sg_bpe {
    struct sg_hash_key key;
    struct sg_bpe_merge *merge; /* hash table of pairs */
    size_t n_merges, n_slots;
    int32_t byte_id[256]; /* of the token that stands for the byte, or -1 */
    int32_t unk_id;       /* for a byte without one; -1: it is left out */
    int fuse_unk;
    int add_prefix_space;
};

/* A text of its own in the vocabulary: a special token, or one that a user added. */
struct sg_added {
    char *text, *match; /* match: as it is looked for, normalised where `normalized` is set */
    size_t len;         /* of match */
    int32_t id;
    int single_word, lstrip, rstrip, normalized, special;
    int placed; /* a file gives it an id */
};

struct sg_added_set {
    struct sg_added *token; /* borrowed texts */
    int n;
    struct sg_vocab match; /* an id is a place in token */
    char begins[256];      /* whether a token begins with the byte */
};

/* The post-processor: special tokens and texts in their order. */
enum { SG_PART_FIRST = -1, SG_PART_SECOND = -2, SG_MAX_PARTS = 16 };
struct sg_layout {
    struct {
        int32_t id; /* >= 0: a special token */
        int32_t type;
    } part[SG_MAX_PARTS];
    int n, n_special;
};

enum { SG_MAX_TOKENIZER_FILES = 8 };

struct sg_tokenizer {
    int is_bpe;
    struct sg_vocab vocab;
    struct sg_wordpiece wordpiece;
    struct sg_bpe bpe;
    int normalizes; /* a BertNormalizer is there */
    struct sg_bert_norm norm;
    struct sg_added *added;
    int n_added;
    struct sg_added_set raw, normalized; /* matched before and after normalisation */
    struct sg_layout single, pair;
    int cuts_left;      /* what is too long loses its beginning */
    int splits_special; /* special tokens in a text are text */
    int32_t vocab_size,
        n_needed; /* largest id + 1: of all tokens, of those that files or texts bring about */
    int32_t pad_id;
    const char *files[SG_MAX_TOKENIZER_FILES + 1]; /* static texts */
};

/* A tokenizer while it is loaded. */
struct sg_loader {
    struct sg_tokenizer *t;
    const char *path;    /* of the file being read */
    unsigned char *seen; /* a bit for each id that has a token */
};

/* An id of a file: a whole number that no token has yet. */
sg_status sg_loader_take_id(struct sg_loader *l, const char *token, const json_t *v, int32_t *id,
                            struct sg_err *err) SG_MUST_USE;

/* Vocabulary and merges from tokenizer.json's "model". `plain`: nothing but them, as the classes BertTokenizer and
 * RobertaTokenizer take them; unk is then the unknown token of WordPiece. */
sg_status sg_wordpiece_read(struct sg_loader *l, const json_t *model, int plain, const char *unk,
                            struct sg_err *err) SG_MUST_USE;
sg_status sg_bpe_read(struct sg_loader *l, const json_t *model, int plain, struct sg_err *err) SG_MUST_USE;

/* The same from vocab.txt (l->path), and from vocab.json and merges.txt. */
sg_status sg_wordpiece_read_txt(struct sg_loader *l, const char *unk, struct sg_err *err) SG_MUST_USE;
sg_status sg_bpe_read_files(struct sg_loader *l, const char *vocab_path, const char *merges_path,
                            struct sg_err *err) SG_MUST_USE;

/* Adds the ids of n bytes of normalised text. */
void sg_wordpiece_encode(const struct sg_tokenizer *t, const char *text, size_t n, struct sg_ids *ids);

/* Makes the byte table from the vocabulary. */
void sg_bpe_init(struct sg_bpe *b, const struct sg_vocab *vocab);
sg_status sg_bpe_reserve(struct sg_bpe *b, size_t n_merges, struct sg_err *err) SG_MUST_USE;
/* The merge of this rank; a pair that comes twice keeps the later one, as in `tokenizers`. Room must be
 * reserved. */
void sg_bpe_put(struct sg_bpe *b, int32_t left, int32_t right, int32_t rank, int32_t id);
void sg_bpe_free(struct sg_bpe *b);
void sg_bpe_encode(const struct sg_bpe *b, struct sg_bpe_scratch *scratch, const char *text, size_t n,
                   struct sg_ids *ids);
/* of[c]: the byte that the character c of a token stands for; -1: none. None stands behind them. */
enum { SG_BPE_CHARS = 512 };
void sg_bpe_bytes(int16_t of[SG_BPE_CHARS]);
void sg_bpe_scratch_free(struct sg_bpe_scratch *scratch);

/* Sets single and pair: [CLS] A [SEP] B [SEP] with types 0 and 1, or <s> A </s></s> B </s> with 0 alone. */
void sg_layout_usual(struct sg_tokenizer *t, int32_t cls, int32_t sep, int roberta);

/* All types 0. */
void sg_layout_drop_types(struct sg_tokenizer *t);

/* Sets them from a tokenizer.json's post_processor; vocab_size must be known. `path` names the file in
 * messages. */
sg_status sg_layout_read(struct sg_tokenizer *t, const json_t *post, const char *path,
                         struct sg_err *err) SG_MUST_USE;

#endif
