#include "model/tokenizer/tokenizer_settings.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static const size_t max_file = 32u << 20;
enum { MAX_TOKENS = 10000 };

/* The classes that are known here, by all names that transformers 5.24 has for them (`Fast` behind a name changes nothing).
 * DistilBertTokenizer differs in that its models get no token types. */
static const struct class {
    const char *name;
    enum sg_tokenizer_kind kind;
    int gives_types;
} classes[] = {
    {"BertTokenizer", SG_TOKENIZER_BERT, 1},         {"ConvBertTokenizer", SG_TOKENIZER_BERT, 1},
    {"DistilBertTokenizer", SG_TOKENIZER_BERT, 0},   {"ElectraTokenizer", SG_TOKENIZER_BERT, 1},
    {"LayoutLMTokenizer", SG_TOKENIZER_BERT, 1},     {"LxmertTokenizer", SG_TOKENIZER_BERT, 1},
    {"MobileBertTokenizer", SG_TOKENIZER_BERT, 1},   {"SqueezeBertTokenizer", SG_TOKENIZER_BERT, 1},
    {"RobertaTokenizer", SG_TOKENIZER_ROBERTA, 0},   {"BartTokenizer", SG_TOKENIZER_ROBERTA, 0},
    {"LEDTokenizer", SG_TOKENIZER_ROBERTA, 0},       {"LongformerTokenizer", SG_TOKENIZER_ROBERTA, 0},
    {"MvpTokenizer", SG_TOKENIZER_ROBERTA, 0},       {"PreTrainedTokenizer", SG_TOKENIZER_AS_IT_STANDS, 1},
    {"PythonBackend", SG_TOKENIZER_AS_IT_STANDS, 1}, {"TokenizersBackend", SG_TOKENIZER_AS_IT_STANDS, 1},
};

static const struct {
    const char *model_type, *class_name;
} registered[] = {
    {"bert", "BertTokenizer"}, {"roberta", "RobertaTokenizer"}, {"xlm-roberta", "XLMRobertaTokenizer"}};

/* Keys of the named tokens, and each class's own ones. */
static const struct {
    const char *key, *of[3];
} named_tokens[SG_N_NAMED_TOKENS] = {
    [SG_TOKEN_BOS] = {"bos_token", {NULL, NULL, "<s>"}},
    [SG_TOKEN_EOS] = {"eos_token", {NULL, NULL, "</s>"}},
    [SG_TOKEN_UNK] = {"unk_token", {NULL, "[UNK]", "<unk>"}},
    [SG_TOKEN_SEP] = {"sep_token", {NULL, "[SEP]", "</s>"}},
    [SG_TOKEN_PAD] = {"pad_token", {NULL, "[PAD]", "<pad>"}},
    [SG_TOKEN_CLS] = {"cls_token", {NULL, "[CLS]", "<s>"}},
    [SG_TOKEN_MASK] = {"mask_token", {NULL, "[MASK]", "<mask>"}},
};

void sg_tokenizer_settings_free(struct sg_tokenizer_settings *s)
{
    json_decref(s->config);
    json_decref(s->decoder);
    json_decref(s->named);
    json_decref(s->others);
    *s = (struct sg_tokenizer_settings){0};
}

const char *sg_tokenizer_named(const struct sg_tokenizer_settings *s, int which)
{
    return sg_json_text_or(json_array_get(s->named, (size_t)which), "content", NULL);
}

sg_status sg_tokenizer_flag(const struct sg_tokenizer_settings *s, const char *key, int missing, int *out,
                            struct sg_err *err)
{
    if (json_is_null(json_object_get(s->config, key)))
        return sg_fail(err, SG_INPUT, "%s: \"%s\" is null, which transformers refuses; hint: true or false",
                       s->path, key);
    return sg_json_bool(s->config, key, missing, s->path, out, err);
}

/* A file of the folder as a JSON object; *out stays NULL where it is not there. */
static sg_status read_beside(const char *dir, const char *name, json_t **out, struct sg_err *err)
{
    char *path = sg_path_join(dir, name);
    if (!path)
        return sg_fail_memory(err, strlen(dir));
    sg_status status = sg_file_exists(path) ? sg_json_read(path, max_file, out, err) : SG_OK;
    sg_free(path);
    return status;
}

static sg_status choose_class(struct sg_tokenizer_settings *s, const char *dir, const json_t *model,
                              const json_t *tokenizer_json, int has_vocab_txt, struct sg_err *err)
{
    const char *type = sg_json_text_or(model, "model_type", NULL);
    const char *asked = sg_json_text_or(s->config, "tokenizer_class", NULL);
    if (!asked)
        asked = sg_json_text_or(model, "tokenizer_class", NULL);
    for (size_t i = 0; !asked && type && i < sizeof registered / sizeof registered[0]; i++)
        if (strcmp(type, registered[i].model_type) == 0)
            asked = registered[i].class_name;
    if (!asked && type)
        return sg_fail(err, SG_INPUT,
                       "%s: config.json has the model_type \"%.60s\", and nothing names its tokenizer; hint: "
                       "\"tokenizer_class\" in tokenizer_config.json names one",
                       dir, type);
    if (!asked) /* transformers needs a config.json; without it, files say what they are */
        asked = tokenizer_json ? "TokenizersBackend" : has_vocab_txt ? "BertTokenizer" : "RobertaTokenizer";
    size_t n = strlen(asked);
    if (n > 4 && strcmp(asked + n - 4, "Fast") == 0)
        n -= 4;
    snprintf(s->class_name, sizeof s->class_name, "%.60s", asked);
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (strlen(classes[i].name) == n && memcmp(classes[i].name, asked, n) == 0) {
            s->kind = classes[i].kind;
            s->gives_types = classes[i].gives_types;
            return SG_OK;
        }
    return sg_fail(err, SG_INPUT,
                   "%s: its tokenizer is a %.60s, which is not supported; hint: BertTokenizer and "
                   "RobertaTokenizer are, and "
                   "\"tokenizer_class\": \"PreTrainedTokenizerFast\" in tokenizer_config.json takes "
                   "tokenizer.json as it stands",
                   dir, asked);
}

/* A token as text or object becomes an object; NULL without memory. */
static json_t *token_of(const json_t *v, int special)
{
    if (json_is_string(v))
        return json_pack("{s:O,s:b}", "content", v, "special", special);
    json_t *copy = json_copy((json_t *)(uintptr_t)v); /* it only reads, but takes no const */
    if (copy && special && json_object_set_new(copy, "special", json_true()) != 0) {
        json_decref(copy);
        return NULL;
    }
    return copy;
}

static sg_status append(json_t *list, const json_t *v, int special, const char *key, const char *path,
                        struct sg_err *err)
{
    const json_t *content = json_is_object(v) ? json_object_get(v, "content") : v;
    if (!json_is_string(content) || json_string_length(content) == 0)
        return sg_fail(err, SG_INPUT, "%s: \"%s\" must be a token's text, or an object with its \"content\"",
                       path, key);
    if (json_array_size(list) >= MAX_TOKENS)
        return sg_fail(err, SG_INPUT, "%s: more than %d added tokens", path, MAX_TOKENS);
    return json_array_append_new(list, token_of(v, special)) == 0 ? SG_OK : sg_fail_memory(err, 4096);
}

/* The older name of extra_special_tokens. */
static sg_status rename_additional(struct sg_tokenizer_settings *s, struct sg_err *err)
{
    json_t *old = json_object_get(s->config, "additional_special_tokens"),
           *extra = json_object_get(s->config, "extra_special_tokens");
    if (!old || json_array_size(extra) > 0 || json_object_size(extra) > 0)
        return SG_OK;
    if (json_object_set(s->config, "extra_special_tokens", old) != 0)
        return sg_fail_memory(err, 4096);
    json_object_del(s->config, "additional_special_tokens");
    return SG_OK;
}

/* special_tokens_map.json counts over tokenizer_config.json where that has no added_tokens_decoder: files of transformers
 * before 4.34. */
static sg_status merge_map(struct sg_tokenizer_settings *s, const json_t *map, struct sg_err *err)
{
    const char *key;
    json_t *v;
    json_object_foreach ((json_t *)(uintptr_t)map, key, v) {
        json_t *extra = json_object_get(s->config, key), *kept = NULL;
        int is_list = strcmp(key, "extra_special_tokens") == 0 && json_is_array(v);
        if (is_list && json_is_array(extra)) {
            kept = json_copy(extra);
            if (!kept || json_array_extend(kept, v) != 0) {
                json_decref(kept);
                return sg_fail_memory(err, 4096);
            }
        } else {
            kept = json_is_object(v) && strcmp(key, "extra_special_tokens") != 0 ? token_of(v, 1)
                                                                                 : json_incref(v);
        }
        if (json_object_set_new(s->config, key, kept) != 0)
            return sg_fail_memory(err, 4096);
    }
    return SG_OK;
}

/* Whether tokenizer_config.json (or the map) itself calls the text special. */
static int is_declared(const struct sg_tokenizer_settings *s, const char *text)
{
    for (int i = 0; i < SG_N_NAMED_TOKENS; i++) {
        const json_t *v = json_object_get(s->config, named_tokens[i].key);
        const char *has = json_string_value(json_is_object(v) ? json_object_get(v, "content") : v);
        if (has && strcmp(has, text) == 0)
            return 1;
    }
    const json_t *extra = json_object_get(s->config, "extra_special_tokens");
    for (size_t i = 0; i < json_array_size(extra); i++) {
        const json_t *v = json_array_get(extra, i);
        const char *has = json_string_value(json_is_object(v) ? json_object_get(v, "content") : v);
        if (has && strcmp(has, text) == 0)
            return 1;
    }
    return 0;
}

/* Puts a token under its number; a later one takes its place. */
static sg_status put_numbered(json_t *numbered, int64_t id, json_t *token, struct sg_err *err)
{
    char key[24];
    snprintf(key, sizeof key, "%lld", (long long)id);
    return json_object_set_new(numbered, key, token) == 0 ? SG_OK : sg_fail_memory(err, 4096);
}

static sg_status number_old_files(const struct sg_tokenizer_settings *s, const json_t *added_tokens,
                                  const json_t *tokenizer_json, const char *dir, json_t *numbered,
                                  struct sg_err *err)
{
    const char *text;
    json_t *v;
    json_object_foreach ((json_t *)(uintptr_t)added_tokens, text, v) {
        if (!json_is_integer(v) || !text[0])
            return sg_fail(err, SG_INPUT,
                           "%s/added_tokens.json: token \"%.60s\": its id must be a whole number", dir, text);
        int special = is_declared(s, text);
        SG_TRY(put_numbered(
            numbered, json_integer_value(v),
            json_pack("{s:s,s:b,s:b}", "content", text, "special", special, "normalized", !special), err));
    }
    const json_t *list = json_object_get(tokenizer_json, "added_tokens");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *token = json_array_get(list, i), *id = json_object_get(token, "id");
        const char *content = sg_json_text_or(token, "content", NULL);
        if (!content || !content[0])
            return sg_fail(err, SG_INPUT, "%s/tokenizer.json: an added token has no \"content\"", dir);
        if (!json_is_integer(id))
            return sg_fail(err, SG_INPUT, "%s/tokenizer.json: token \"%.60s\": its id must be a whole number",
                           dir, content);
        SG_TRY(put_numbered(numbered, json_integer_value(id), token_of(token, 0), err));
    }
    return SG_OK;
}

static int by_number(const void *a, const void *b)
{
    int64_t x = strtoll(*(const char *const *)a, NULL, 10), y = strtoll(*(const char *const *)b, NULL, 10);
    return (x > y) - (x < y);
}

static sg_status sort_numbered(struct sg_tokenizer_settings *s, const json_t *numbered, struct sg_err *err)
{
    size_t n = json_object_size(numbered), i = 0;
    if (n > MAX_TOKENS)
        return sg_fail(err, SG_INPUT, "%s: more than %d added tokens", s->path, MAX_TOKENS);
    const char **keys = n ? sg_alloc(n, sizeof *keys) : NULL, *key;
    if (n && !keys)
        return sg_fail_memory(err, n * sizeof *keys);
    json_t *v;
    json_object_foreach ((json_t *)(uintptr_t)numbered, key, v)
        keys[i++] = key;
    if (n)
        qsort(keys, n, sizeof *keys, by_number);
    sg_status status = SG_OK;
    for (i = 0; i < n && status == SG_OK; i++)
        status =
            append(s->decoder, json_object_get(numbered, keys[i]), 0, "added_tokens_decoder", s->path, err);
    sg_free(keys);
    return status;
}

static sg_status check_decoder(const struct sg_tokenizer_settings *s, const json_t *decoder,
                               struct sg_err *err)
{
    const char *key;
    json_t *v;
    if (!json_is_object(decoder))
        return sg_fail(err, SG_INPUT, "%s: \"added_tokens_decoder\" must be an object of ids and tokens",
                       s->path);
    json_object_foreach ((json_t *)(uintptr_t)decoder, key, v)
        if (!key[0] || strlen(key) > 9 || strspn(key, "0123456789") != strlen(key) || !json_is_object(v))
            return sg_fail(err, SG_INPUT,
                           "%s: \"added_tokens_decoder\": \"%.20s\" must be a token's id, and have an object",
                           s->path, key);
    return SG_OK;
}

static sg_status read_numbered(struct sg_tokenizer_settings *s, const char *dir, const json_t *tokenizer_json,
                               struct sg_err *err)
{
    const json_t *decoder = json_object_get(s->config, "added_tokens_decoder");
    if (decoder) {
        SG_TRY(check_decoder(s, decoder, err));
        return sort_numbered(s, decoder, err);
    }
    json_t *map = NULL, *added = NULL, *numbered = json_object();
    sg_status status =
        numbered ? read_beside(dir, "special_tokens_map.json", &map, err) : sg_fail_memory(err, 4096);
    if (status == SG_OK)
        status = merge_map(s, map, err);
    if (status == SG_OK)
        status = read_beside(dir, "added_tokens.json", &added, err);
    if (status == SG_OK)
        status = number_old_files(s, added, tokenizer_json, dir, numbered, err);
    if (status == SG_OK)
        status = sort_numbered(s, numbered, err);
    json_decref(map);
    json_decref(added);
    json_decref(numbered);
    return status;
}

static sg_status read_named(struct sg_tokenizer_settings *s, const json_t *tokenizer_json, struct sg_err *err)
{
    const json_t *pad = json_object_get(json_object_get(tokenizer_json, "padding"), "pad_token");
    for (int i = 0; i < SG_N_NAMED_TOKENS; i++) {
        const json_t *v = json_object_get(s->config, named_tokens[i].key);
        const char *own = named_tokens[i].of[s->kind];
        int needed = s->kind != SG_TOKENIZER_AS_IT_STANDS &&
                     (i == SG_TOKEN_CLS || i == SG_TOKEN_SEP || i == SG_TOKEN_UNK);
        if (json_is_null(v) && needed)
            return sg_fail(err, SG_INPUT,
                           "%s: \"%s\" is null, but a classifier's texts need one; hint: \"%s\"?", s->path,
                           named_tokens[i].key, own);
        if (!v && i == SG_TOKEN_PAD && s->kind == SG_TOKENIZER_AS_IT_STANDS)
            v = pad;
        if (v && !json_is_null(v))
            SG_TRY(append(s->named, v, 1, named_tokens[i].key, s->path, err));
        else if (json_array_append_new(s->named, !v && own
                                                     ? json_pack("{s:s,s:b}", "content", own, "special", 1)
                                                     : json_null()) != 0)
            return sg_fail_memory(err, 4096);
    }
    return SG_OK;
}

static int is_named_key(const char *key)
{
    for (int i = 0; i < SG_N_NAMED_TOKENS; i++)
        if (strcmp(key, named_tokens[i].key) == 0)
            return 1;
    return 0;
}

/* Special tokens that go by another name ("org_token": "[ORG]"), or none. */
static sg_status read_others(struct sg_tokenizer_settings *s, struct sg_err *err)
{
    const char *key;
    json_t *v;
    json_object_foreach (s->config, key, v) {
        size_t n = strlen(key);
        if (n > 6 && strcmp(key + n - 6, "_token") == 0 && !is_named_key(key) &&
            (json_is_string(v) || json_object_get(v, "content")))
            SG_TRY(append(s->others, v, 1, key, s->path, err));
    }
    const json_t *extra = json_object_get(s->config, "extra_special_tokens");
    if (!extra)
        extra = json_object_get(s->config, "additional_special_tokens");
    if (extra && !json_is_null(extra) && !json_is_array(extra) && !json_is_object(extra))
        return sg_fail(err, SG_INPUT, "%s: \"extra_special_tokens\" must be a list of tokens", s->path);
    if (json_is_object(extra))
        json_object_foreach ((json_t *)(uintptr_t)extra, key, v)
            SG_TRY(append(s->others, v, 1, key, s->path, err));
    s->n_others_named = (int)json_array_size(s->others);
    for (size_t i = 0; i < json_array_size(extra); i++)
        SG_TRY(append(s->others, json_array_get(extra, i), 1, "extra_special_tokens", s->path, err));
    return SG_OK;
}

static sg_status read_sides(struct sg_tokenizer_settings *s, const json_t *tokenizer_json, struct sg_err *err)
{
    const json_t *side = json_object_get(s->config, "truncation_side"),
                 *direction = json_object_get(json_object_get(tokenizer_json, "truncation"), "direction"),
                 *inputs = json_object_get(s->config, "model_input_names");
    const char *text = json_string_value(side ? side : direction);
    if (side && (!text || (strcmp(text, "left") != 0 && strcmp(text, "right") != 0)))
        return sg_fail(err, SG_INPUT, "%s: \"truncation_side\" must be \"left\" or \"right\"", s->path);
    s->cuts_left = text && (text[0] == 'l' || text[0] == 'L');
    if (json_is_array(inputs)) {
        s->gives_types = 0;
        for (size_t i = 0; i < json_array_size(inputs); i++) {
            const char *name = json_string_value(json_array_get(inputs, i));
            s->gives_types |= name && strcmp(name, "token_type_ids") == 0;
        }
    }
    return sg_json_bool(s->config, "split_special_tokens", 0, s->path, &s->splits_special, err);
}

sg_status sg_tokenizer_settings_read(const char *dir, const char *config_path, const json_t *tokenizer_json,
                                     int has_vocab_txt, struct sg_tokenizer_settings *out, struct sg_err *err)
{
    sg_status status = SG_OK;
    json_t *model = NULL;
    struct sg_tokenizer_settings *s = out;
    *s = (struct sg_tokenizer_settings){.path = config_path};
    SG_TRY_DONE(read_beside(dir, "config.json", &model, err));
    SG_TRY_DONE(read_beside(dir, "tokenizer_config.json", &s->config, err));
    if (!s->config)
        s->config = json_object();
    s->decoder = json_array();
    s->named = json_array();
    s->others = json_array();
    if (!s->config || !s->decoder || !s->named || !s->others)
        SG_TRY_DONE(sg_fail_memory(err, 4096));
    SG_TRY_DONE(choose_class(s, dir, model, tokenizer_json, has_vocab_txt, err));
    SG_TRY_DONE(rename_additional(s, err));
    SG_TRY_DONE(read_numbered(s, dir, tokenizer_json, err));
    SG_TRY_DONE(read_named(s, tokenizer_json, err));
    SG_TRY_DONE(read_others(s, err));
    SG_TRY_DONE(read_sides(s, tokenizer_json, err));
done:
    json_decref(model);
    return status;
}
