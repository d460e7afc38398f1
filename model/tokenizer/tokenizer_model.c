#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/tokenizer/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

static const size_t max_file = 32u << 20;  /* XLM-R's tokenizer.json has 9 MB */
static const int64_t max_word_chars = 100; /* max_input_chars_per_word where nothing else is said */

sg_status sg_loader_take_id(struct sg_loader *l, const char *token, const json_t *v, int32_t *id,
                            struct sg_err *err)
{
    int64_t x = json_is_integer(v) ? json_integer_value(v) : -1;
    if (x < 0 || x > SG_MAX_ID)
        return sg_fail(err, SG_INPUT, "%s: token \"%.60s\": its id must be a whole number from 0 to %d",
                       l->path, token, SG_MAX_ID);
    if (l->seen[x / 8] & 1 << x % 8)
        return sg_fail(err, SG_INPUT, "%s: token \"%.60s\": id %d is already taken", l->path, token, (int)x);
    l->seen[x / 8] |= (unsigned char)(1 << x % 8);
    if (x >= l->t->vocab_size)
        l->t->vocab_size = (int32_t)x + 1;
    *id = (int32_t)x;
    return SG_OK;
}

static sg_status read_vocab(struct sg_loader *l, const json_t *vocab, struct sg_err *err)
{
    if (!json_is_object(vocab) || json_object_size(vocab) == 0)
        return sg_fail(err, SG_INPUT, "%s: its vocabulary must be an object of tokens and ids", l->path);
    const char *token;
    json_t *v;
    json_object_foreach ((json_t *)(uintptr_t)vocab, token,
                         v) /* it only reads, but its macro takes no const */
    {
        int32_t id = 0;
        SG_TRY(sg_loader_take_id(l, token, v, &id, err));
        SG_TRY(sg_vocab_put(&l->t->vocab, token, strlen(token), id, err));
    }
    return SG_OK;
}

/* vocab.txt: a token a line, ids are line numbers. A token that comes twice has the later id, as in
 * `tokenizers`. */
static sg_status read_vocab_txt(struct sg_loader *l, struct sg_err *err)
{
    char *text = NULL;
    size_t n = 0;
    SG_TRY(sg_file_read(l->path, max_file, &text, &n, err));
    sg_status status = SG_OK;
    if (sg_is_lfs_pointer(text, n))
        status = sg_fail(err, SG_INPUT,
                         "%s: a Git LFS pointer, not the file itself; hint: run `git lfs pull`", l->path);
    else if (!sg_utf8_valid(text, n))
        status = sg_fail(err, SG_INPUT, "%s: not valid UTF-8", l->path);
    int32_t id = 0;
    for (size_t at = 0; at < n && status == SG_OK; id++) {
        const char *end = memchr(text + at, '\n', n - at);
        size_t len = end ? (size_t)(end - text) - at : n - at, kept = len;
        kept = sg_uni_trimmed(text + at, kept);
        status = id <= SG_MAX_ID ? sg_vocab_put(&l->t->vocab, text + at, kept, id, err)
                                 : sg_fail(err, SG_INPUT, "%s: more than %d tokens", l->path, SG_MAX_ID);
        at += len + 1;
    }
    l->t->vocab_size = id;
    sg_free(text);
    return status;
}

static sg_status init_wordpiece(struct sg_loader *l, const char *unk, const char *prefix, struct sg_err *err)
{
    struct sg_tokenizer *t = l->t;
    t->wordpiece.unk_id = sg_vocab_find(&t->vocab, unk, strlen(unk));
    if (t->wordpiece.unk_id < 0)
        return sg_fail(err, SG_INPUT, "%s: its unknown token \"%.60s\" is not in the vocabulary", l->path,
                       unk);
    return sg_vocab_put_tails(&t->wordpiece.continuing, &t->vocab, prefix, err);
}

sg_status sg_wordpiece_read(struct sg_loader *l, const json_t *model, int plain, const char *unk,
                            struct sg_err *err)
{
    const json_t *own = json_object_get(model, "unk_token"),
                 *prefix = json_object_get(model, "continuing_subword_prefix");
    SG_TRY(read_vocab(l, json_object_get(model, "vocab"), err));
    if (plain) {
        l->t->wordpiece.max_word_chars = max_word_chars;
        return init_wordpiece(l, unk, "##", err);
    }
    SG_TRY(sg_json_int(model, "max_input_chars_per_word", max_word_chars, 1, SG_MAX_PREFIX / 4, l->path,
                       &l->t->wordpiece.max_word_chars, err));
    return init_wordpiece(l, json_is_string(own) ? json_string_value(own) : "[UNK]",
                          json_is_string(prefix) ? json_string_value(prefix) : "##", err);
}

sg_status sg_wordpiece_read_txt(struct sg_loader *l, const char *unk, struct sg_err *err)
{
    SG_TRY(read_vocab_txt(l, err));
    l->t->wordpiece.max_word_chars = max_word_chars;
    return init_wordpiece(l, unk, "##", err);
}

/* One merge: both sides and what they make must be tokens. */
static sg_status put_merge(struct sg_loader *l, const char *left, size_t n_left, const char *right,
                           size_t n_right, int32_t rank, struct sg_err *err)
{
    const struct sg_vocab *vocab = &l->t->vocab;
    char both[512];
    int32_t a = sg_vocab_find(vocab, left, n_left), b = sg_vocab_find(vocab, right, n_right), ab = -1;
    if (n_left + n_right <= sizeof both) {
        memcpy(both, left, n_left);
        memcpy(both + n_left, right, n_right);
        ab = sg_vocab_find(vocab, both, n_left + n_right);
    }
    if (a < 0 || b < 0 || ab < 0)
        return sg_fail(
            err, SG_INPUT, "%s: merge %d (\"%.*s %.*s\") is of tokens that are not in the vocabulary",
            l->path, rank + 1, n_left < 60 ? (int)n_left : 60, left, n_right < 60 ? (int)n_right : 60, right);
    sg_bpe_put(&l->t->bpe, a, b, rank, ab);
    return SG_OK;
}

/* "a b": tokens of a byte-level vocabulary hold no blank. */
static sg_status put_merge_line(struct sg_loader *l, const char *line, size_t n, int32_t rank,
                                struct sg_err *err)
{
    const char *blank = memchr(line, ' ', n);
    size_t n_left = blank ? (size_t)(blank - line) : 0, n_right = blank ? n - n_left - 1 : 0;
    if (!n_left || !n_right || memchr(blank + 1, ' ', n_right))
        return sg_fail(err, SG_INPUT, "%s: merge %d must be two tokens with a blank between them", l->path,
                       rank + 1);
    return put_merge(l, line, n_left, blank + 1, n_right, rank, err);
}

static sg_status read_merges(struct sg_loader *l, const json_t *merges, struct sg_err *err)
{
    if (!json_is_array(merges))
        return sg_fail(err, SG_INPUT, "%s: its \"merges\" must be a list", l->path);
    SG_TRY(sg_bpe_reserve(&l->t->bpe, json_array_size(merges), err));
    for (size_t i = 0; i < json_array_size(merges); i++) {
        const json_t *m = json_array_get(merges, i);
        const json_t *left = json_array_get(m, 0), *right = json_array_get(m, 1);
        if (json_is_string(m))
            SG_TRY(put_merge_line(l, json_string_value(m), json_string_length(m), (int32_t)i, err));
        else if (json_array_size(m) == 2 && json_is_string(left) && json_is_string(right))
            SG_TRY(put_merge(l, json_string_value(left), json_string_length(left), json_string_value(right),
                             json_string_length(right), (int32_t)i, err));
        else
            return sg_fail(err, SG_INPUT, "%s: merge %zu must be \"a b\" or [\"a\", \"b\"]", l->path, i + 1);
    }
    return SG_OK;
}

static sg_status read_merges_txt(struct sg_loader *l, struct sg_err *err)
{
    char *text = NULL;
    size_t n = 0;
    SG_TRY(sg_file_read(l->path, max_file, &text, &n, err));
    size_t n_lines = 1;
    for (size_t i = 0; i < n; i++)
        n_lines += text[i] == '\n';
    sg_status status = sg_utf8_valid(text, n) ? sg_bpe_reserve(&l->t->bpe, n_lines, err)
                                              : sg_fail(err, SG_INPUT, "%s: not valid UTF-8", l->path);
    int32_t rank = 0;
    for (size_t at = 0; at < n && status == SG_OK;) {
        const char *line = text + at, *end = memchr(line, '\n', n - at);
        size_t len = end ? (size_t)(end - line) : n - at, kept = len;
        if (kept && line[kept - 1] == '\r')
            kept--;
        if (kept && (kept < 8 || memcmp(line, "#version", 8) != 0))
            status = put_merge_line(l, line, kept, rank++, err);
        at += len + 1;
    }
    sg_free(text);
    return status;
}

sg_status sg_bpe_read_files(struct sg_loader *l, const char *vocab_path, const char *merges_path,
                            struct sg_err *err)
{
    json_t *vocab = NULL;
    l->path = vocab_path;
    SG_TRY(sg_json_read(vocab_path, max_file, &vocab, err));
    sg_status status = read_vocab(l, vocab, err);
    json_decref(vocab);
    SG_TRY(status);
    l->path = merges_path;
    SG_TRY(read_merges_txt(l, err));
    sg_bpe_init(&l->t->bpe, &l->t->vocab);
    l->path = vocab_path;
    return SG_OK;
}

static int is_empty(const json_t *v)
{
    return !v || json_is_null(v) || (json_is_string(v) && json_string_length(v) == 0);
}

/* What the class RobertaTokenizer does without. */
static sg_status read_bpe_options(struct sg_loader *l, const json_t *model, struct sg_err *err)
{
    double dropout;
    int ignore_merges, byte_fallback;
    SG_TRY(sg_json_number(model, "dropout", 0, l->path, &dropout, err));
    SG_TRY(sg_json_bool(model, "ignore_merges", 0, l->path, &ignore_merges, err));
    SG_TRY(sg_json_bool(model, "byte_fallback", 0, l->path, &byte_fallback, err));
    if (dropout != 0 || ignore_merges || byte_fallback ||
        !is_empty(json_object_get(model, "continuing_subword_prefix")) ||
        !is_empty(json_object_get(model, "end_of_word_suffix")))
        return sg_fail(
            err, SG_INPUT,
            "%s: BPE with dropout, ignore_merges, byte_fallback, or marks on parts of words is not "
            "supported",
            l->path);
    return sg_json_bool(model, "fuse_unk", 0, l->path, &l->t->bpe.fuse_unk, err);
}

sg_status sg_bpe_read(struct sg_loader *l, const json_t *model, int plain, struct sg_err *err)
{
    struct sg_bpe *bpe = &l->t->bpe;
    if (!plain)
        SG_TRY(read_bpe_options(l, model, err));
    SG_TRY(read_vocab(l, json_object_get(model, "vocab"), err));
    SG_TRY(read_merges(l, json_object_get(model, "merges"), err));
    const json_t *unk = plain ? NULL : json_object_get(model, "unk_token");
    if (json_is_string(unk)) {
        bpe->unk_id = sg_vocab_find(&l->t->vocab, json_string_value(unk), json_string_length(unk));
        if (bpe->unk_id < 0)
            return sg_fail(err, SG_INPUT, "%s: its unknown token \"%.60s\" is not in the vocabulary", l->path,
                           json_string_value(unk));
    }
    sg_bpe_init(bpe, &l->t->vocab);
    return SG_OK;
}
