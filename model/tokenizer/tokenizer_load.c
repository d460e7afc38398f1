#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/tokenizer/tokenizer_parts.h"
#include "model/tokenizer/tokenizer_settings.h"

#include <stdlib.h>
#include <string.h>

static const size_t max_file = 32u << 20;
enum { MAX_ADDED = 20000 };

/* What is looked for: the text, normalised where its option says so. */
static sg_status make_match(const struct sg_tokenizer *t, struct sg_added *a, struct sg_err *err)
{
    struct sg_buf normal = sg_buf_make(1 << 20);
    if (a->normalized && t->normalizes)
        sg_bert_normalize(&t->norm, a->text, strlen(a->text), &normal);
    else
        sg_buf_puts(&normal, a->text);
    sg_free(a->match);
    a->len = normal.len;
    a->match = sg_buf_take(&normal);
    return a->match ? SG_OK : sg_fail_memory(err, strlen(a->text));
}

static struct sg_added *find_added(const struct sg_tokenizer *t, const char *text)
{
    for (int i = 0; i < t->n_added; i++)
        if (strcmp(t->added[i].text, text) == 0)
            return &t->added[i];
    return NULL;
}

static sg_status read_options(const struct sg_loader *l, const json_t *v, int special, struct sg_added *out,
                              struct sg_err *err)
{
    SG_TRY(sg_json_bool(v, "special", 0, l->path, &out->special, err));
    out->special |= special;
    SG_TRY(sg_json_bool(v, "single_word", 0, l->path, &out->single_word, err));
    SG_TRY(sg_json_bool(v, "lstrip", 0, l->path, &out->lstrip, err));
    SG_TRY(sg_json_bool(v, "rstrip", 0, l->path, &out->rstrip, err));
    return sg_json_bool(v, "normalized", !out->special, l->path, &out->normalized, err);
}

/* The id that `tokenizers` gives a new token, whatever number a file has for it: the vocabulary's, or the one behind all
 * others (added_vocabulary.rs). */
static int32_t next_id(const struct sg_tokenizer *t, const char *text)
{
    int32_t id = sg_vocab_find(&t->vocab, text, strlen(text));
    if (id >= 0)
        return id;
    id = (int32_t)t->vocab.n;
    for (int i = 0; i < t->n_added; i++)
        if (t->added[i].id >= id)
            id = t->added[i].id + 1;
    return id;
}

/* Adds the token, or gives one that is there these options. `needed`: a file gives it a place. */
static sg_status add_token(struct sg_loader *l, const json_t *v, int special, int needed, struct sg_err *err)
{
    struct sg_tokenizer *t = l->t;
    const char *text = sg_json_text_or(v, "content", NULL);
    if (!text || !text[0])
        return sg_fail(err, SG_INPUT, "%s: an added token has no \"content\"", l->path);
    if (strlen(text) > SG_MAX_PREFIX / 4) /* normalised, it may be longer */
        return sg_fail(err, SG_INPUT, "%s: added token \"%.60s...\" is longer than %d bytes", l->path, text,
                       SG_MAX_PREFIX / 4);
    struct sg_added options = {0}, *a = find_added(t, text);
    SG_TRY(read_options(l, v, special, &options, err));
    if (!a) {
        int32_t id = next_id(t, text);
        if (id > SG_MAX_ID)
            return sg_fail(err, SG_INPUT, "%s: more than %d tokens", l->path, SG_MAX_ID);
        a = &t->added[t->n_added];
        *a = (struct sg_added){.id = id, .text = sg_strdup(text)};
        if (!a->text)
            return sg_fail_memory(err, strlen(text));
        t->n_added++;
    }
    options.placed = needed || a->placed || sg_vocab_find(&t->vocab, text, strlen(text)) >= 0;
    options.id = a->id;
    options.text = a->text;
    options.match = a->match;
    *a = options;
    if (a->id >= t->vocab_size)
        t->vocab_size = a->id + 1;
    if (a->placed && a->id >= t->n_needed)
        t->n_needed = a->id + 1;
    return make_match(t, a, err);
}

/* One of tokenizer.json's own list: its number must make sense, though `tokenizers` only warns where it does not. */
static sg_status read_added_one(struct sg_loader *l, const json_t *v, struct sg_err *err)
{
    const char *text = sg_json_text_or(v, "content", NULL);
    const json_t *given = json_object_get(v, "id");
    int32_t id = text ? sg_vocab_find(&l->t->vocab, text, strlen(text)) : 0;
    if (text && find_added(l->t, text))
        return sg_fail(err, SG_INPUT, "%s: added token \"%.60s\" is there twice", l->path, text);
    if (text && text[0] && id < 0)
        SG_TRY(sg_loader_take_id(l, text, given, &id, err));
    else if (text && text[0] && (!json_is_integer(given) || json_integer_value(given) != id))
        return sg_fail(err, SG_INPUT, "%s: added token \"%.60s\" has another id in the vocabulary (%d)",
                       l->path, text, id);
    return add_token(l, v, 0, 1, err);
}

static sg_status read_added(struct sg_loader *l, const json_t *list, struct sg_err *err)
{
    if (list && !json_is_null(list) && !json_is_array(list))
        return sg_fail(err, SG_INPUT, "%s: \"added_tokens\" must be a list", l->path);
    for (size_t i = 0; i < json_array_size(list); i++)
        SG_TRY(read_added_one(l, json_array_get(list, i), err));
    return SG_OK;
}

static sg_status reserve_added(struct sg_loader *l, const struct sg_tokenizer_settings *s, const json_t *json,
                               struct sg_err *err)
{
    size_t n = json_array_size(json_object_get(json, "added_tokens")) + json_array_size(s->decoder) +
               json_array_size(s->others) + SG_N_NAMED_TOKENS;
    if (n > MAX_ADDED)
        return sg_fail(err, SG_INPUT, "%s: more than %d added tokens", l->path, MAX_ADDED);
    l->t->added = sg_alloc(n, sizeof *l->t->added);
    return l->t->added ? SG_OK : sg_fail_memory(err, n * sizeof *l->t->added);
}

static int has_name(const struct sg_tokenizer_settings *s, const char *text)
{
    for (int i = 0; text && i < SG_N_NAMED_TOKENS + s->n_others_named; i++) {
        const json_t *v = i < SG_N_NAMED_TOKENS ? json_array_get(s->named, (size_t)i)
                                                : json_array_get(s->others, (size_t)(i - SG_N_NAMED_TOKENS));
        const char *name = sg_json_text_or(v, "content", NULL);
        if (name && strcmp(name, text) == 0)
            return 1;
    }
    return 0;
}

/* The tokens that the class adds: those with a number, and special ones that are not there yet
 * (TokenizersBackend.__init__). */
static sg_status add_tokens(struct sg_loader *l, const struct sg_tokenizer_settings *s, struct sg_err *err)
{
    l->path = s->path;
    for (size_t i = 0; i < json_array_size(s->decoder); i++) {
        const json_t *v = json_array_get(s->decoder, i);
        SG_TRY(add_token(l, v, has_name(s, sg_json_text_or(v, "content", NULL)), 1, err));
    }
    for (size_t i = 0; i < SG_N_NAMED_TOKENS + json_array_size(s->others); i++) {
        int named = i < SG_N_NAMED_TOKENS;
        const json_t *v =
            named ? json_array_get(s->named, i) : json_array_get(s->others, i - SG_N_NAMED_TOKENS);
        const char *text = sg_json_text_or(v, "content", NULL);
        if (text && !find_added(l->t, text))
            SG_TRY(add_token(l, v, 0, 0, err));
    }
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
    const char *type = sg_json_text_or(v, "type", NULL);
    const json_t *inner = json_object_get(v, list);
    if (type && strcmp(type, "Sequence") == 0 && json_array_size(inner) == 1)
        return json_array_get(inner, 0);
    return v;
}

static sg_status read_bert_norm(struct sg_loader *l, const json_t *v, struct sg_err *err)
{
    struct sg_bert_norm *norm = &l->t->norm;
    l->t->normalizes = 1;
    SG_TRY(sg_json_bool(v, "clean_text", 1, l->path, &norm->clean_text, err));
    SG_TRY(sg_json_bool(v, "handle_chinese_chars", 1, l->path, &norm->chinese_chars, err));
    SG_TRY(sg_json_bool(v, "lowercase", 1, l->path, &norm->lowercase, err));
    return sg_json_bool(v, "strip_accents", norm->lowercase, l->path, &norm->strip_accents, err);
}

static sg_status read_steps(struct sg_loader *l, const json_t *json, struct sg_err *err)
{
    struct sg_tokenizer *t = l->t;
    const json_t *normalizer = unwrap(json_object_get(json, "normalizer"), "normalizers");
    const json_t *splitter = unwrap(json_object_get(json, "pre_tokenizer"), "pretokenizers");
    const char *norm_type = sg_json_type(normalizer), *split_type = sg_json_type(splitter);
    if (strcmp(norm_type, "BertNormalizer") == 0 && !t->is_bpe)
        SG_TRY(read_bert_norm(l, normalizer, err));
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

/* Whether a tokenizer.json holds a BPE; files of before tokenizers 0.10 do not say so. */
static sg_status find_model(struct sg_loader *l, const json_t *json, const json_t **out, struct sg_err *err)
{
    const json_t *model = json_object_get(json, "model");
    const char *type = sg_json_text_or(model, "type", NULL);
    if (!json_is_object(model))
        return sg_fail(err, SG_INPUT, "%s: no \"model\"", l->path);
    if (!type)
        type = json_object_get(model, "merges") ? "BPE" : "WordPiece";
    l->t->is_bpe = strcmp(type, "BPE") == 0;
    if (!l->t->is_bpe && strcmp(type, "WordPiece") != 0)
        return sg_fail(err, SG_INPUT,
                       "%s: a %.60s tokenizer is not supported; hint: WordPiece (BERT) and byte-level BPE "
                       "(RoBERTa) are",
                       l->path, type);
    *out = model;
    return SG_OK;
}

/* tokenizer.json as it stands. Its truncation and padding are left aside: those are the caller's. */
static sg_status read_as_it_stands(struct sg_loader *l, const json_t *json, const json_t *model,
                                   const struct sg_tokenizer_settings *s, struct sg_err *err)
{
    const char *path = l->path;
    SG_TRY(read_steps(l, json, err));
    SG_TRY(l->t->is_bpe ? sg_bpe_read(l, model, 0, err) : sg_wordpiece_read(l, model, 0, NULL, err));
    l->t->n_needed = l->t->vocab_size;
    SG_TRY(read_added(l, json_object_get(json, "added_tokens"), err));
    SG_TRY(add_tokens(l, s, err));
    return sg_layout_read(l->t, json_object_get(json, "post_processor"), path, err);
}

/* The first and the last token around texts, which a vocabulary must have. */
static sg_status find_around(const struct sg_loader *l, const struct sg_tokenizer_settings *s, int which,
                             int32_t *id, struct sg_err *err)
{
    const char *text = sg_tokenizer_named(s, which);
    const struct sg_added *a = find_added(l->t, text);
    if (!a || !a->placed)
        return sg_fail(
            err, SG_INPUT,
            "%s: no token \"%.60s\", which the class %s puts around texts; hint: do the files belong "
            "together? \"cls_token\" and \"sep_token\" in tokenizer_config.json name others",
            l->path, text, s->class_name);
    *id = a->id;
    return SG_OK;
}

/* The class BertTokenizer or RobertaTokenizer around a vocabulary that was read. */
static sg_status make_class(struct sg_loader *l, const struct sg_tokenizer_settings *s, struct sg_err *err)
{
    struct sg_tokenizer *t = l->t;
    const char *path = l->path;
    int roberta = s->kind == SG_TOKENIZER_ROBERTA;
    int32_t cls = 0, sep = 0;
    t->n_needed = t->vocab_size;
    if (roberta) {
        SG_TRY(sg_tokenizer_flag(s, "add_prefix_space", 0, &t->bpe.add_prefix_space, err));
    } else {
        t->normalizes = 1;
        t->norm.clean_text = 1;
        SG_TRY(sg_tokenizer_flag(s, "tokenize_chinese_chars", 1, &t->norm.chinese_chars, err));
        SG_TRY(sg_tokenizer_flag(s, "do_lower_case", 1, &t->norm.lowercase, err));
        SG_TRY(sg_json_bool(s->config, "strip_accents", t->norm.lowercase, s->path, &t->norm.strip_accents,
                            err));
    }
    SG_TRY(add_tokens(l, s, err));
    l->path = path;
    SG_TRY(find_around(l, s, SG_TOKEN_CLS, &cls, err));
    SG_TRY(find_around(l, s, SG_TOKEN_SEP, &sep, err));
    sg_layout_usual(t, cls, sep, roberta);
    return SG_OK;
}

/* vocab.txt, or vocab.json and merges.txt. */
static sg_status read_vocab_files(struct sg_loader *l, char *const path[],
                                  const struct sg_tokenizer_settings *s, const char *dir, struct sg_err *err)
{
    int roberta = s->kind == SG_TOKENIZER_ROBERTA, has_txt = sg_file_exists(path[1]),
        has_bpe = sg_file_exists(path[2]) && sg_file_exists(path[3]);
    if (!has_txt && !has_bpe)
        return sg_fail(err, SG_INPUT, "%s: no tokenizer.json, no vocab.txt, no vocab.json with merges.txt",
                       dir);
    if (s->kind == SG_TOKENIZER_AS_IT_STANDS || (roberta ? !has_bpe : !has_txt))
        return sg_fail(
            err, SG_INPUT,
            "%s: its tokenizer is a %s, which needs tokenizer.json%s; hint: is \"tokenizer_class\" in "
            "tokenizer_config.json right? BertTokenizer reads vocab.txt, RobertaTokenizer vocab.json with "
            "merges.txt",
            dir, s->class_name,
            s->kind == SG_TOKENIZER_AS_IT_STANDS ? ""
            : roberta                            ? ", or vocab.json with merges.txt"
                                                 : " or vocab.txt");
    l->t->is_bpe = roberta;
    l->path = path[1];
    SG_TRY(roberta ? sg_bpe_read_files(l, path[2], path[3], err)
                   : sg_wordpiece_read_txt(l, sg_tokenizer_named(s, SG_TOKEN_UNK), err));
    return make_class(l, s, err);
}

static sg_status read_tokenizer_json(struct sg_loader *l, const json_t *json,
                                     const struct sg_tokenizer_settings *s, struct sg_err *err)
{
    const json_t *model = NULL;
    SG_TRY(find_model(l, json, &model, err));
    if (s->kind == SG_TOKENIZER_AS_IT_STANDS)
        return read_as_it_stands(l, json, model, s, err);
    int roberta = s->kind == SG_TOKENIZER_ROBERTA;
    if (roberta != l->t->is_bpe)
        return sg_fail(
            err, SG_INPUT,
            "%s: holds a %s vocabulary, but the folder's tokenizer is a %s; hint: \"tokenizer_class\": "
            "\"PreTrainedTokenizerFast\" in tokenizer_config.json takes the file as it stands",
            l->path, l->t->is_bpe ? "BPE" : "WordPiece", s->class_name);
    SG_TRY(roberta ? sg_bpe_read(l, model, 1, err)
                   : sg_wordpiece_read(l, model, 1, sg_tokenizer_named(s, SG_TOKEN_UNK), err));
    return make_class(l, s, err);
}

static const char *const file_names[] = {
    "tokenizer.json",          "vocab.txt",         "vocab.json", "merges.txt", "tokenizer_config.json",
    "special_tokens_map.json", "added_tokens.json", NULL};
enum { N_FILES = sizeof file_names / sizeof file_names[0] - 1 };

const char *const *sg_tokenizer_file_names(void)
{
    return file_names;
}

static sg_status load_with(struct sg_loader *l, const char *dir, char *const path[], const json_t *json,
                           const struct sg_tokenizer_settings *s, struct sg_err *err)
{
    struct sg_tokenizer *t = l->t;
    SG_TRY(reserve_added(l, s, json, err));
    SG_TRY(json ? read_tokenizer_json(l, json, s, err) : read_vocab_files(l, path, s, dir, err));
    SG_TRY(make_set(t, 0, &t->raw, err));
    SG_TRY(make_set(t, 1, &t->normalized, err));
    t->cuts_left = s->cuts_left;
    t->splits_special = s->splits_special;
    if (!s->gives_types)
        sg_layout_drop_types(t);
    const char *pad = sg_tokenizer_named(s, SG_TOKEN_PAD);
    if (!pad)
        pad = t->is_bpe ? "<pad>" : "[PAD]";
    t->pad_id = sg_vocab_find(&t->vocab, pad, strlen(pad));
    return SG_OK;
}

static sg_status load(struct sg_loader *l, const char *dir, char *const path[], struct sg_err *err)
{
    sg_status status = SG_OK;
    json_t *json = NULL;
    struct sg_tokenizer_settings settings = {0};
    int n = 0;
    for (int i = 0; i < N_FILES; i++)
        if (sg_file_exists(path[i]))
            l->t->files[n++] = file_names[i];
    l->path = path[0];
    if (sg_file_exists(path[0]))
        SG_TRY_DONE(sg_json_read(path[0], max_file, &json, err));
    SG_TRY_DONE(sg_tokenizer_settings_read(dir, path[4], json, sg_file_exists(path[1]), &settings, err));
    SG_TRY_DONE(load_with(l, dir, path, json, &settings, err));
done:
    sg_tokenizer_settings_free(&settings);
    json_decref(json);
    return status;
}

sg_status sg_tokenizer_load(const char *dir, struct sg_tokenizer **out, struct sg_err *err)
{
    struct sg_loader l = {.t = sg_alloc(1, sizeof *l.t), .seen = sg_alloc(SG_MAX_ID / 8 + 1, 1)};
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
