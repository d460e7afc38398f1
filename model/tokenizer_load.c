#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/json.h"
#include "model/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

static const size_t max_file = 32u << 20; /* XLM-R's tokenizer.json has 9 MB */
enum { MAX_ADDED = 10000 };

/* A tokenizer while it is loaded. */
struct loader {
    struct sg_tokenizer *t;
    const char *path;    /* of the file being read */
    unsigned char *seen; /* a bit for each id that has a token */
};

static sg_status take_id(struct loader *l, const char *token, const json_t *v, int32_t *id,
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

static sg_status read_vocab(struct loader *l, const json_t *vocab, struct sg_err *err)
{
    if (!json_is_object(vocab) || json_object_size(vocab) == 0)
        return sg_fail(err, SG_INPUT, "%s: its vocabulary must be an object of tokens and ids", l->path);
    const char *token;
    json_t *v;
    json_object_foreach ((json_t *)(uintptr_t)vocab, token,
                         v) /* it only reads, but its macro takes no const */
    {
        int32_t id = 0;
        SG_TRY(take_id(l, token, v, &id, err));
        SG_TRY(sg_vocab_put(&l->t->vocab, token, strlen(token), id, err));
    }
    return SG_OK;
}

/* vocab.txt: a token a line, ids are line numbers. A token that comes twice has the later id, as in
 * `tokenizers`. */
static sg_status read_vocab_txt(struct loader *l, struct sg_err *err)
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
        while (kept &&
               (text[at + kept - 1] == '\r' || text[at + kept - 1] == ' ' || text[at + kept - 1] == '\t'))
            kept--;
        status = id <= SG_MAX_ID ? sg_vocab_put(&l->t->vocab, text + at, kept, id, err)
                                 : sg_fail(err, SG_INPUT, "%s: more than %d tokens", l->path, SG_MAX_ID);
        at += len + 1;
    }
    l->t->vocab_size = id;
    sg_free(text);
    return status;
}

static sg_status add_token(struct loader *l, const char *text, int32_t id, const struct sg_added *options,
                           struct sg_err *err)
{
    struct sg_tokenizer *t = l->t;
    struct sg_buf normal = sg_buf_make(1 << 20);
    if (options->normalized && t->normalizes)
        sg_bert_normalize(&t->norm, text, strlen(text), &normal);
    else
        sg_buf_puts(&normal, text);
    struct sg_added a = *options;
    a.id = id;
    a.text = sg_strdup(text);
    a.len = normal.len;
    a.match = sg_buf_take(&normal);
    t->added[t->n_added++] = a;
    return a.text && a.match ? SG_OK : sg_fail_memory(err, strlen(text));
}

static sg_status read_added_one(struct loader *l, const json_t *v, struct sg_err *err)
{
    const char *text = json_string_value(json_object_get(v, "content"));
    if (!text || !text[0])
        return sg_fail(err, SG_INPUT, "%s: an added token has no \"content\"", l->path);
    if (strlen(text) > SG_MAX_PREFIX / 4) /* normalised, it may be longer */
        return sg_fail(err, SG_INPUT, "%s: added token \"%.60s...\" is longer than %d bytes", l->path, text,
                       SG_MAX_PREFIX / 4);
    for (int i = 0; i < l->t->n_added; i++)
        if (strcmp(l->t->added[i].text, text) == 0)
            return sg_fail(err, SG_INPUT, "%s: added token \"%.60s\" is there twice", l->path, text);
    const json_t *given = json_object_get(v, "id");
    int32_t id = sg_vocab_find(&l->t->vocab, text, strlen(text));
    if (id < 0)
        SG_TRY(take_id(l, text, given, &id, err));
    else if (!json_is_integer(given) || json_integer_value(given) != id)
        return sg_fail(err, SG_INPUT, "%s: added token \"%.60s\" has another id in the vocabulary (%d)",
                       l->path, text, id);
    struct sg_added options = {0};
    SG_TRY(sg_json_bool(v, "single_word", 0, l->path, &options.single_word, err));
    SG_TRY(sg_json_bool(v, "lstrip", 0, l->path, &options.lstrip, err));
    SG_TRY(sg_json_bool(v, "rstrip", 0, l->path, &options.rstrip, err));
    SG_TRY(sg_json_bool(v, "normalized", 0, l->path, &options.normalized, err));
    return add_token(l, text, id, &options, err);
}

static sg_status reserve_added(struct loader *l, size_t n, struct sg_err *err)
{
    if (n > MAX_ADDED)
        return sg_fail(err, SG_INPUT, "%s: more than %d added tokens", l->path, MAX_ADDED);
    l->t->added = sg_alloc(n, sizeof *l->t->added);
    return l->t->added ? SG_OK : sg_fail_memory(err, n * sizeof *l->t->added);
}

static sg_status read_added(struct loader *l, const json_t *list, struct sg_err *err)
{
    if (list && !json_is_null(list) && !json_is_array(list))
        return sg_fail(err, SG_INPUT, "%s: \"added_tokens\" must be a list", l->path);
    SG_TRY(reserve_added(l, json_array_size(list), err));
    for (size_t i = 0; i < json_array_size(list); i++)
        SG_TRY(read_added_one(l, json_array_get(list, i), err));
    return SG_OK;
}

static sg_status make_set(const struct sg_tokenizer *t, int normalized, struct sg_added_set *set,
                          struct sg_err *err)
{
    set->token = sg_alloc((size_t)t->n_added, sizeof *set->token);
    if (!set->token)
        return sg_fail_memory(err, (size_t)t->n_added * sizeof *set->token);
    for (int i = 0; i < t->n_added; i++) {
        const struct sg_added *a = &t->added[i];
        if (a->normalized != normalized || !a->len || sg_vocab_find(&set->match, a->match, a->len) >= 0)
            continue; /* of two that are the same when normalised, the first */
        SG_TRY(sg_vocab_put(&set->match, a->match, a->len, set->n, err));
        set->begins[(unsigned char)a->match[0]] = 1;
        set->token[set->n++] = *a;
    }
    return SG_OK;
}

/* {"type": "Sequence", "<list>": [x]} is x. */
static const json_t *unwrap(const json_t *v, const char *list)
{
    const char *type = json_string_value(json_object_get(v, "type"));
    const json_t *inner = json_object_get(v, list);
    if (type && strcmp(type, "Sequence") == 0 && json_array_size(inner) == 1)
        return json_array_get(inner, 0);
    return v;
}

static sg_status read_bert_norm(struct loader *l, const json_t *v, const char *lowercase, const char *chinese,
                                struct sg_err *err)
{
    struct sg_bert_norm *norm = &l->t->norm;
    l->t->normalizes = 1;
    SG_TRY(sg_json_bool(v, "clean_text", 1, l->path, &norm->clean_text, err));
    SG_TRY(sg_json_bool(v, chinese, 1, l->path, &norm->chinese_chars, err));
    SG_TRY(sg_json_bool(v, lowercase, 1, l->path, &norm->lowercase, err));
    return sg_json_bool(v, "strip_accents", norm->lowercase, l->path, &norm->strip_accents, err);
}

static sg_status read_steps(struct loader *l, const json_t *json, struct sg_err *err)
{
    struct sg_tokenizer *t = l->t;
    const json_t *normalizer = unwrap(json_object_get(json, "normalizer"), "normalizers");
    const json_t *splitter = unwrap(json_object_get(json, "pre_tokenizer"), "pretokenizers");
    const char *norm_type = sg_json_type(normalizer), *split_type = sg_json_type(splitter);
    if (strcmp(norm_type, "BertNormalizer") == 0 && !t->is_bpe)
        SG_TRY(read_bert_norm(l, normalizer, "lowercase", "handle_chinese_chars", err));
    else if (strcmp(norm_type, "none") != 0)
        return sg_fail(err, SG_INPUT, "%s: normalizer %.60s is not supported here", l->path, norm_type);
    if (strcmp(split_type, t->is_bpe ? "ByteLevel" : "BertPreTokenizer") != 0)
        return sg_fail(err, SG_INPUT,
                       "%s: pre_tokenizer %.60s is not supported; hint: %s is, for this kind of model",
                       l->path, split_type, t->is_bpe ? "ByteLevel" : "BertPreTokenizer");
    if (!t->is_bpe)
        return SG_OK;
    int use_regex;
    SG_TRY(sg_json_bool(splitter, "use_regex", 1, l->path, &use_regex, err));
    if (!use_regex)
        return sg_fail(err, SG_INPUT, "%s: a ByteLevel pre_tokenizer without its pattern is not supported",
                       l->path);
    return sg_json_bool(splitter, "add_prefix_space", 1, l->path, &t->bpe.add_prefix_space, err);
}

static sg_status init_wordpiece(struct loader *l, const char *unk, const char *prefix, struct sg_err *err)
{
    struct sg_tokenizer *t = l->t;
    t->wordpiece.unk_id = sg_vocab_find(&t->vocab, unk, strlen(unk));
    if (t->wordpiece.unk_id < 0)
        return sg_fail(err, SG_INPUT, "%s: its unknown token \"%.60s\" is not in the vocabulary", l->path,
                       unk);
    return sg_vocab_put_tails(&t->wordpiece.continuing, &t->vocab, prefix, err);
}

static sg_status read_wordpiece(struct loader *l, const json_t *model, struct sg_err *err)
{
    const json_t *unk = json_object_get(model, "unk_token"),
                 *prefix = json_object_get(model, "continuing_subword_prefix");
    SG_TRY(read_vocab(l, json_object_get(model, "vocab"), err));
    SG_TRY(sg_json_int(model, "max_input_chars_per_word", 100, 1, SG_MAX_PREFIX / 4, l->path,
                       &l->t->wordpiece.max_word_chars, err));
    return init_wordpiece(l, json_is_string(unk) ? json_string_value(unk) : "[UNK]",
                          json_is_string(prefix) ? json_string_value(prefix) : "##", err);
}

/* One merge: both sides and what they make must be tokens. */
static sg_status put_merge(struct loader *l, const char *left, size_t n_left, const char *right,
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
static sg_status put_merge_line(struct loader *l, const char *line, size_t n, int32_t rank,
                                struct sg_err *err)
{
    const char *blank = memchr(line, ' ', n);
    size_t n_left = blank ? (size_t)(blank - line) : 0, n_right = blank ? n - n_left - 1 : 0;
    if (!n_left || !n_right || memchr(blank + 1, ' ', n_right))
        return sg_fail(err, SG_INPUT, "%s: merge %d must be two tokens with a blank between them", l->path,
                       rank + 1);
    return put_merge(l, line, n_left, blank + 1, n_right, rank, err);
}

static sg_status read_merges(struct loader *l, const json_t *merges, struct sg_err *err)
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

static sg_status read_merges_txt(struct loader *l, struct sg_err *err)
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

static int is_empty(const json_t *v)
{
    return !v || json_is_null(v) || (json_is_string(v) && json_string_length(v) == 0);
}

static sg_status read_bpe(struct loader *l, const json_t *model, struct sg_err *err)
{
    struct sg_bpe *bpe = &l->t->bpe;
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
    SG_TRY(sg_json_bool(model, "fuse_unk", 0, l->path, &bpe->fuse_unk, err));
    SG_TRY(read_vocab(l, json_object_get(model, "vocab"), err));
    SG_TRY(read_merges(l, json_object_get(model, "merges"), err));
    const json_t *unk = json_object_get(model, "unk_token");
    if (json_is_string(unk)) {
        bpe->unk_id = sg_vocab_find(&l->t->vocab, json_string_value(unk), json_string_length(unk));
        if (bpe->unk_id < 0)
            return sg_fail(err, SG_INPUT, "%s: its unknown token \"%.60s\" is not in the vocabulary", l->path,
                           json_string_value(unk));
    }
    sg_bpe_init(bpe, &l->t->vocab);
    return SG_OK;
}

/* Truncation and padding of the file are left aside: those are the caller's. */
static sg_status read_tokenizer_json(struct loader *l, const json_t *json, struct sg_err *err)
{
    const json_t *model = json_object_get(json, "model");
    const char *type = json_string_value(json_object_get(model, "type"));
    if (!json_is_object(model))
        return sg_fail(err, SG_INPUT, "%s: no \"model\"", l->path);
    if (!type) /* files of before tokenizers 0.10 */
        type = json_object_get(model, "merges") ? "BPE" : "WordPiece";
    l->t->is_bpe = strcmp(type, "BPE") == 0;
    if (!l->t->is_bpe && strcmp(type, "WordPiece") != 0)
        return sg_fail(err, SG_INPUT,
                       "%s: a %.60s tokenizer is not supported; hint: WordPiece (BERT) and byte-level BPE "
                       "(RoBERTa) are",
                       l->path, type);
    SG_TRY(read_steps(l, json, err));
    SG_TRY(l->t->is_bpe ? read_bpe(l, model, err) : read_wordpiece(l, model, err));
    SG_TRY(read_added(l, json_object_get(json, "added_tokens"), err));
    return sg_layout_read(l->t, json_object_get(json, "post_processor"), l->path, err);
}

/* The special tokens of a folder without tokenizer.json: the family's own, as transformers adds them. */
static sg_status add_usual(struct loader *l, struct sg_err *err)
{
    static const char *const usual[2][5] = {{"[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]"},
                                            {"<s>", "</s>", "<pad>", "<unk>", "<mask>"}};
    struct sg_tokenizer *t = l->t;
    int32_t id[5];
    SG_TRY(reserve_added(l, 5, err));
    for (int i = 0; i < 5; i++) {
        const char *text = usual[t->is_bpe][i];
        id[i] = sg_vocab_find(&t->vocab, text, strlen(text));
        if (id[i] < 0 && i < 2)
            return sg_fail(err, SG_INPUT, "%s: no token \"%s\"", l->path, text);
        /* RoBERTa's <mask> takes the blank before it along. */
        struct sg_added options = {.lstrip = t->is_bpe && i == 4};
        if (id[i] >= 0)
            SG_TRY(add_token(l, text, id[i], &options, err));
    }
    sg_layout_usual(t, id[0], id[1], t->is_bpe);
    return SG_OK;
}

/* vocab.txt, or vocab.json and merges.txt; settings from tokenizer_config.json where it is there. */
static sg_status read_vocab_files(struct loader *l, char *const path[], const json_t *settings,
                                  struct sg_err *err)
{
    struct sg_tokenizer *t = l->t;
    if (!t->is_bpe) {
        l->path = path[1];
        SG_TRY(read_vocab_txt(l, err));
        t->wordpiece.max_word_chars = 100;
        SG_TRY(init_wordpiece(l, "[UNK]", "##", err));
        l->path = path[4];
        SG_TRY(read_bert_norm(l, settings, "do_lower_case", "tokenize_chinese_chars", err));
        l->path = path[1];
        return add_usual(l, err);
    }
    json_t *vocab = NULL;
    l->path = path[2];
    SG_TRY(sg_json_read(l->path, max_file, &vocab, err));
    sg_status status = read_vocab(l, vocab, err);
    json_decref(vocab);
    if (status != SG_OK)
        return status;
    l->path = path[3];
    SG_TRY(read_merges_txt(l, err));
    sg_bpe_init(&t->bpe, &t->vocab);
    l->path = path[4];
    SG_TRY(sg_json_bool(settings, "add_prefix_space", 0, l->path, &t->bpe.add_prefix_space, err));
    l->path = path[2];
    return add_usual(l, err);
}

static const char *const file_names[] = {
    "tokenizer.json",         "vocab.txt", "vocab.json", "merges.txt", "tokenizer_config.json",
    "special_tokens_map.json"};
enum { N_FILES = sizeof file_names / sizeof file_names[0] };

static sg_status load(struct loader *l, const char *dir, char *const path[], struct sg_err *err)
{
    json_t *json = NULL;
    sg_status status;
    int n = 0;
    for (int i = 0; i < N_FILES; i++)
        if (sg_file_exists(path[i]))
            l->t->files[n++] = file_names[i];
    l->path = path[0];
    if (sg_file_exists(path[0])) {
        SG_TRY(sg_json_read(path[0], max_file, &json, err));
        status = read_tokenizer_json(l, json, err);
    } else {
        l->t->is_bpe = !sg_file_exists(path[1]);
        if (l->t->is_bpe && (!sg_file_exists(path[2]) || !sg_file_exists(path[3])))
            return sg_fail(err, SG_INPUT,
                           "%s: no tokenizer.json, no vocab.txt, no vocab.json with merges.txt", dir);
        if (sg_file_exists(path[4]))
            SG_TRY(sg_json_read(path[4], max_file, &json, err));
        status = read_vocab_files(l, path, json, err);
    }
    json_decref(json);
    if (status == SG_OK)
        status = make_set(l->t, 0, &l->t->raw, err);
    if (status == SG_OK)
        status = make_set(l->t, 1, &l->t->normalized, err);
    const char *pad = l->t->is_bpe ? "<pad>" : "[PAD]";
    l->t->pad_id = sg_vocab_find(&l->t->vocab, pad, strlen(pad));
    return status;
}

sg_status sg_tokenizer_load(const char *dir, struct sg_tokenizer **out, struct sg_err *err)
{
    struct loader l = {.t = sg_alloc(1, sizeof *l.t), .seen = sg_alloc(SG_MAX_ID / 8 + 1, 1)};
    char *path[N_FILES] = {0};
    int bad = !l.t || !l.seen;
    for (int i = 0; i < N_FILES; i++) {
        path[i] = sg_path_join(dir, file_names[i]);
        bad |= !path[i];
    }
    sg_status status = bad ? sg_fail_memory(err, SG_MAX_ID / 8) : SG_OK;
    if (status == SG_OK) {
        l.t->bpe.unk_id = -1;
        status = load(&l, dir, path, err);
    }
    for (int i = 0; i < N_FILES; i++)
        sg_free(path[i]);
    sg_free(l.seen);
    if (status != SG_OK) {
        sg_tokenizer_destroy(l.t);
        return status;
    }
    *out = l.t;
    return SG_OK;
}
