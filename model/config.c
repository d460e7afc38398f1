#include "model/config.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* Bounds: generous against the field's largest encoders (XLM-R XXL: V 250,880, C 4096, L 48, F 16384), and
 * such that no product of two of them leaves 64 bits. */
static const size_t max_file = 16u << 20;
static const int64_t max_parameters = (int64_t)1 << 36;
enum { MAX_V = 1 << 24, MAX_C = 1 << 16, MAX_L = 1024, MAX_F = 1 << 20, MAX_POSITIONS = 1 << 20 };

static sg_status find_family(const json_t *json, const char *where, const struct sg_family **out,
                             struct sg_err *err)
{
    const char *type = sg_json_text_or(json, "model_type", NULL);
    char names[SG_FAMILY_NAMES];
    if ((*out = sg_family_find(type)))
        return SG_OK;
    if (!type)
        return sg_fail(err, SG_INPUT,
                       "%s: no \"model_type\"; hint: add \"model_type\": \"bert\" or \"roberta\"", where);
    sg_family_names(names);
    return sg_fail(err, SG_INPUT, "%s: model_type \"%.60s\" is not supported; hint: %s are", where, type,
                   names);
}

/* What other models of the same types may ask for, and what would silently give other numbers. */
static sg_status refuse_variants(const json_t *json, const char *where, struct sg_err *err)
{
    static const char *const off[] = {"is_decoder", "add_cross_attention"};
    for (int i = 0; i < 2; i++) {
        int on;
        SG_TRY(sg_json_bool(json, off[i], 0, where, &on, err));
        if (on)
            return sg_fail(err, SG_INPUT, "%s: \"%s\" is true; hint: only encoders can be fine-tuned", where,
                           off[i]);
    }
    const char *positions = sg_json_text_or(json, "position_embedding_type", NULL);
    if (positions && strcmp(positions, "absolute") != 0)
        return sg_fail(err, SG_INPUT,
                       "%s: position_embedding_type \"%.60s\" is not supported; hint: only \"absolute\" is",
                       where, positions);
    if (json_object_size(json_object_get(json, "pruned_heads")) > 0)
        return sg_fail(err, SG_INPUT,
                       "%s: pruned_heads are not supported; hint: use the checkpoint before pruning", where);
    return SG_OK;
}

static sg_status read_shape(const json_t *json, const char *where, struct sg_config *c, struct sg_err *err)
{
    const struct sg_family *f = c->family;
    SG_TRY(sg_json_int(json, "vocab_size", f->vocab_size, 1, MAX_V, where, &c->V, err));
    SG_TRY(sg_json_int(json, "hidden_size", 768, 1, MAX_C, where, &c->C, err));
    SG_TRY(sg_json_int(json, "num_hidden_layers", 12, 1, MAX_L, where, &c->L, err));
    SG_TRY(sg_json_int(json, "num_attention_heads", 12, 1, MAX_C, where, &c->H, err));
    SG_TRY(sg_json_int(json, "intermediate_size", 3072, 1, MAX_F, where, &c->F, err));
    SG_TRY(sg_json_int(json, "max_position_embeddings", 512, 1, MAX_POSITIONS, where, &c->n_positions, err));
    SG_TRY(sg_json_int(json, "type_vocab_size", 2, 1, MAX_C, where, &c->n_types, err));
    SG_TRY(sg_json_int(json, "pad_token_id", f->pad_id, 0, c->V - 1, where, &c->pad_id, err));
    if (c->C % c->H != 0)
        return sg_fail(err, SG_INPUT, "%s: hidden_size %lld is no multiple of num_attention_heads %lld",
                       where, (long long)c->C, (long long)c->H);
    c->max_length = f->counts_behind_pad ? c->n_positions - c->pad_id - 1 : c->n_positions;
    if (c->max_length < 5) /* a pair with its special tokens and one token of text */
        return sg_fail(err, SG_INPUT, "%s: max_position_embeddings %lld leaves no room for text", where,
                       (long long)c->n_positions);
    /* (V + positions + types) C + L (4 C C + 2 C F), in 64 bits that are seen not to overflow */
    int64_t tables, attention, feed, layer, layers, all;
    int bad = __builtin_mul_overflow(c->V + c->n_positions + c->n_types, c->C, &tables) ||
              __builtin_mul_overflow(4 * c->C, c->C, &attention) ||
              __builtin_mul_overflow(2 * c->F, c->C, &feed) ||
              __builtin_add_overflow(attention, feed, &layer) ||
              __builtin_mul_overflow(layer, c->L, &layers) || __builtin_add_overflow(layers, tables, &all);
    if (bad || all > max_parameters)
        return sg_fail(err, SG_INPUT, "%s: its sizes make more than %lld parameters, which no encoder has",
                       where, (long long)max_parameters);
    return SG_OK;
}

static sg_status read_rate(const json_t *json, const char *key, double missing, const char *where,
                           double *out, struct sg_err *err)
{
    SG_TRY(sg_json_number(json, key, missing, where, out, err));
    if (!(*out >= 0 && *out < 1))
        return sg_fail(err, SG_INPUT, "%s: \"%s\" is %g, but must be at least 0 and below 1", where, key,
                       *out);
    return SG_OK;
}

/* Names of transformers 5.24 (activations.py), by what they compute: some differ in their last bits alone. */
static const struct {
    const char *name;
    enum sg_activation activation;
} activations[] = {
    {"gelu", SG_GELU_ERF},
    {"gelu_python", SG_GELU_ERF},
    {"gelu_new", SG_GELU_TANH},
    {"gelu_fast", SG_GELU_TANH},
    {"gelu_accurate", SG_GELU_TANH},
    {"gelu_pytorch_tanh", SG_GELU_TANH},
    {"gelu_python_tanh", SG_GELU_TANH},
};

static sg_status read_activation(const json_t *json, const char *where, struct sg_config *c,
                                 struct sg_err *err)
{
    const json_t *act = json_object_get(json, "hidden_act");
    const char *name = act && !json_is_null(act) ? json_string_value(act) : c->family->hidden_act;
    for (size_t i = 0; name && i < sizeof activations / sizeof activations[0]; i++)
        if (strcmp(name, activations[i].name) == 0) {
            c->activation = activations[i].activation;
            return SG_OK;
        }
    return sg_fail(err, SG_INPUT,
                   "%s: hidden_act \"%.60s\" is not supported; hint: gelu, gelu_python, gelu_new, gelu_fast, "
                   "gelu_accurate, "
                   "gelu_pytorch_tanh and gelu_python_tanh are",
                   where, name ? name : "(no text)");
}

static sg_status read_numbers(const json_t *json, const char *where, struct sg_config *c, struct sg_err *err)
{
    SG_TRY(sg_json_number(json, "layer_norm_eps", 1e-12, where, &c->eps, err));
    if (!(c->eps > 0 && c->eps < 1))
        return sg_fail(err, SG_INPUT, "%s: \"layer_norm_eps\" is %g, but must be above 0 and below 1", where,
                       c->eps);
    SG_TRY(sg_json_number(json, "initializer_range", 0.02, where, &c->init_std, err));
    if (!(c->init_std >= 0 && c->init_std <= 10))
        return sg_fail(err, SG_INPUT, "%s: \"initializer_range\" is %g, but must be from 0 to 10", where,
                       c->init_std);
    SG_TRY(read_rate(json, "hidden_dropout_prob", 0.1, where, &c->dropout, err));
    SG_TRY(read_rate(json, "attention_probs_dropout_prob", 0.1, where, &c->attention_dropout, err));
    SG_TRY(read_rate(json, "classifier_dropout", c->dropout, where, &c->classifier_dropout, err));
    return read_activation(json, where, c, err);
}

static sg_status read_all(const json_t *json, const char *where, struct sg_config *c, struct sg_err *err)
{
    SG_TRY(find_family(json, where, &c->family, err));
    SG_TRY(refuse_variants(json, where, err));
    SG_TRY(read_shape(json, where, c, err));
    return read_numbers(json, where, c, err);
}

sg_status sg_config_parse(const char *text, size_t n, const char *where, struct sg_config *out,
                          struct sg_err *err)
{
    json_t *json = NULL;
    SG_TRY(sg_json_parse(text, n, where, &json, err));
    struct sg_config c = {0};
    sg_status status = read_all(json, where, &c, err);
    json_decref(json);
    if (status == SG_OK && !(c.json = sg_strndup(text, n)))
        status = sg_fail_memory(err, n);
    if (status != SG_OK) {
        sg_config_free(&c);
        return status;
    }
    *out = c;
    return SG_OK;
}

sg_status sg_config_load(const char *dir, struct sg_config *out, struct sg_err *err)
{
    char *path = sg_path_join(dir, "config.json"), *text = NULL;
    if (!path)
        return sg_fail_memory(err, strlen(dir));
    size_t n = 0;
    /* Anything but a file could hang us, or never end. */
    sg_status status = !sg_file_exists(path)
                           ? sg_fail(err, SG_INPUT,
                                     "%s: no such file, or no regular one; hint: an encoder is a folder of "
                                     "config.json, model.safetensors and a tokenizer's files",
                                     path)
                           : sg_file_read(path, max_file, &text, &n, err);
    if (status == SG_OK)
        status = sg_config_parse(text, n, path, out, err);
    sg_free(text);
    sg_free(path);
    return status;
}

sg_status sg_config_copy(const struct sg_config *c, struct sg_config *out, struct sg_err *err)
{
    struct sg_config copy = *c;
    copy.json = sg_strdup(c->json);
    int bad = c->json && !copy.json;
    if (bad) {
        sg_config_free(&copy);
        return sg_fail_memory(err, 4096);
    }
    *out = copy;
    return SG_OK;
}

void sg_config_free(struct sg_config *c)
{
    if (!c)
        return;
    sg_free(c->json);
    *c = (struct sg_config){0};
}

/* Sets key to value, which it takes; returns whether that failed. */
static int set(json_t *json, const char *key, json_t *value)
{
    return json_object_set_new(json, key, value) != 0;
}

static int set_classes(json_t *json, const char *const *class_names, int n_classes)
{
    json_t *names = json_object(), *ids = json_object();
    int bad = !names || !ids;
    for (int k = 0; !bad && k < n_classes; k++) {
        char index[24], label[32];
        snprintf(index, sizeof index, "%d", k);
        snprintf(label, sizeof label, "LABEL_%d", k);
        const char *name = class_names ? class_names[k] : label;
        bad = set(names, index, json_string(name)) || set(ids, name, json_integer(k));
    }
    bad |= set(json, "id2label", names);
    bad |= set(json, "label2id", ids);
    return bad;
}

static int set_all(json_t *json, const struct sg_config *c, const char *const *class_names, int n_classes)
{
    /* What speaks of the checkpoint it came from: its storage type, its task, its own count of labels. */
    static const char *const gone[] = {"torch_dtype",
                                       "num_labels",
                                       "_num_labels",
                                       "_name_or_path",
                                       "problem_type",
                                       "sentence_transformers",
                                       "sbert_ce_default_activation_function"};
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
        json_object_del(json, gone[i]);
    json_t *architectures = json_array();
    int bad =
        !architectures || json_array_append_new(architectures, json_string(c->family->architecture)) != 0;
    bad |= set(json, "architectures", architectures);
    bad |= set(json, "dtype", json_string("float32"));
    bad |= set(json, "problem_type", json_string("single_label_classification"));
    bad |= set(json, "vocab_size", json_integer(c->V));
    bad |= set(json, "hidden_size", json_integer(c->C));
    bad |= set(json, "num_hidden_layers", json_integer(c->L));
    bad |= set(json, "num_attention_heads", json_integer(c->H));
    bad |= set(json, "intermediate_size", json_integer(c->F));
    bad |= set(json, "max_position_embeddings", json_integer(c->n_positions));
    bad |= set(json, "type_vocab_size", json_integer(c->n_types));
    bad |= set(json, "pad_token_id", json_integer(c->pad_id));
    bad |= set(json, "layer_norm_eps", json_real(c->eps));
    bad |= set(json, "initializer_range", json_real(c->init_std));
    bad |= set(json, "hidden_dropout_prob", json_real(c->dropout));
    bad |= set(json, "attention_probs_dropout_prob", json_real(c->attention_dropout));
    bad |= set(json, "classifier_dropout", json_real(c->classifier_dropout));
    if (!json_is_string(json_object_get(json, "hidden_act")))
        bad |=
            set(json, "hidden_act", json_string(c->activation == SG_GELU_ERF ? "gelu" : "gelu_pytorch_tanh"));
    return bad | set_classes(json, class_names, n_classes);
}

sg_status sg_config_write(const struct sg_config *c, const char *const *class_names, int n_classes,
                          const char *dir, struct sg_err *err)
{
    json_t *json = NULL;
    SG_TRY(sg_json_parse(c->json, strlen(c->json), "config.json", &json, err));
    for (int k = 0; class_names && k < n_classes; k++)
        for (int j = 0; j < k; j++)
            if (strcmp(class_names[j], class_names[k]) == 0) {
                json_decref(json);
                return sg_fail(err, SG_INPUT, "classes %d and %d are both named \"%.60s\"", j, k,
                               class_names[k]);
            }
    char *text = NULL, *path = sg_path_join(dir, "config.json");
    if (!set_all(json, c, class_names, n_classes))
        text = json_dumps(json, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
    json_decref(json);
    sg_status status =
        text && path
            ? sg_file_write(path, text, strlen(text), err)
            : sg_fail(err, SG_FAILED, "%s/config.json: out of memory, or a class name is not UTF-8", dir);
    free(text); /* jansson's heap */
    sg_free(path);
    return status;
}
