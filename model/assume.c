#include "model/assume.h"

#include "base/file.h"
#include "base/mem.h"
#include "model/checkpoint.h"
#include "model/frozen.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

/* Shapes as the models' config.json on the Hugging Face Hub have them. The first pattern that fits counts. */
static const struct known {
    const char *pattern, *name;
    const char *type; /* NULL: a family that is not trained here */
    int V, C, L, H, F, positions;
} known[] = {
    {"*distilroberta*", "distilroberta-base", "roberta", 50265, 768, 6, 12, 3072, 514},
    {"*distilbert*", "DistilBERT", NULL, 0, 0, 0, 0, 0, 0},
    {"*deberta*", "DeBERTa", NULL, 0, 0, 0, 0, 0, 0},
    {"*modernbert*", "ModernBERT", NULL, 0, 0, 0, 0, 0, 0},
    {"*albert*", "ALBERT", NULL, 0, 0, 0, 0, 0, 0},
    {"*electra*", "ELECTRA", NULL, 0, 0, 0, 0, 0, 0},
    {"*mpnet*", "MPNet", NULL, 0, 0, 0, 0, 0, 0},
    {"*xlm-r*large*", "xlm-roberta-large", "xlm-roberta", 250002, 1024, 24, 16, 4096, 514},
    {"*xlm-r*", "xlm-roberta-base", "xlm-roberta", 250002, 768, 12, 12, 3072, 514},
    {"*bge-m3*", "bge-m3", "xlm-roberta", 250002, 1024, 24, 16, 4096, 8194},
    {"*roberta*large*", "roberta-large", "roberta", 50265, 1024, 24, 16, 4096, 514},
    {"*roberta*", "roberta-base", "roberta", 50265, 768, 12, 12, 3072, 514},
    {"*multilingual*minilm*", "multilingual MiniLM-L12", "bert", 250037, 384, 12, 12, 1536, 512},
    {"*minilm*l12*", "MiniLM-L12", "bert", 30522, 384, 12, 12, 1536, 512},
    {"*minilm*l6*", "MiniLM-L6", "bert", 30522, 384, 6, 12, 1536, 512},
    {"*minilm*l3*", "MiniLM-L3", "bert", 30522, 384, 3, 12, 1536, 512},
    {"*minilm*", "MiniLM-L12", "bert", 30522, 384, 12, 12, 1536, 512},
    {"*multilingual-e5-small*", "multilingual-e5-small", "bert", 250037, 384, 12, 12, 1536, 512},
    {"*multilingual-e5-large*", "multilingual-e5-large", "xlm-roberta", 250002, 1024, 24, 16, 4096, 514},
    {"*multilingual-e5*", "multilingual-e5-base", "xlm-roberta", 250002, 768, 12, 12, 3072, 514},
    {"*bge-large*", "bge-large", "bert", 30522, 1024, 24, 16, 4096, 512},
    {"*bge-small*", "bge-small", "bert", 30522, 384, 12, 12, 1536, 512},
    {"*e5-large*", "e5-large", "bert", 30522, 1024, 24, 16, 4096, 512},
    {"*e5-small*", "e5-small", "bert", 30522, 384, 12, 12, 1536, 512},
    {"*gte-large*", "gte-large", "bert", 30522, 1024, 24, 16, 4096, 512},
    {"*gte-small*", "gte-small", "bert", 30522, 384, 12, 12, 1536, 512},
    {"*bert*multilingual*uncased*", "bert-base-multilingual-uncased", "bert", 105879, 768, 12, 12, 3072, 512},
    {"*bert*multilingual*", "bert-base-multilingual-cased", "bert", 119547, 768, 12, 12, 3072, 512},
    {"*bert*chinese*", "bert-base-chinese", "bert", 21128, 768, 12, 12, 3072, 512},
    {"*bert*large*uncased*", "bert-large-uncased", "bert", 30522, 1024, 24, 16, 4096, 512},
    {"*bert*large*cased*", "bert-large-cased", "bert", 28996, 1024, 24, 16, 4096, 512},
    {"*bert*large*", "bert-large-uncased", "bert", 30522, 1024, 24, 16, 4096, 512},
    {"*bert*tiny*", "bert-tiny", "bert", 30522, 128, 2, 2, 512, 512},
    {"*bert*l-2_h-128*", "bert-tiny", "bert", 30522, 128, 2, 2, 512, 512},
    {"*bert*mini*", "bert-mini", "bert", 30522, 256, 4, 4, 1024, 512},
    {"*bert*l-4_h-256*", "bert-mini", "bert", 30522, 256, 4, 4, 1024, 512},
    {"*bert*small*", "bert-small", "bert", 30522, 512, 4, 8, 2048, 512},
    {"*bert*medium*", "bert-medium", "bert", 30522, 512, 8, 8, 2048, 512},
    {"*scibert*", "scibert", "bert", 31090, 768, 12, 12, 3072, 512},
    {"*biobert*", "biobert", "bert", 28996, 768, 12, 12, 3072, 512},
    {"*bert*base*uncased*", "bert-base-uncased", "bert", 30522, 768, 12, 12, 3072, 512},
    {"*bert*base*cased*", "bert-base-cased", "bert", 28996, 768, 12, 12, 3072, 512},
    {"*bert*", "bert-base-uncased", "bert", 30522, 768, 12, 12, 3072, 512},
    {"*bge-base*", "bge-base", "bert", 30522, 768, 12, 12, 3072, 512},
    {"*e5-base*", "e5-base", "bert", 30522, 768, 12, 12, 3072, 512},
    {"*gte-base*", "gte-base", "bert", 30522, 768, 12, 12, 3072, 512},
};
enum { N_KNOWN = sizeof known / sizeof known[0] };
static const struct known otherwise = {"", "bert-base-uncased", "bert", 30522, 768, 12, 12, 3072, 512};

/* By the folder's name, or the model's in the Hub's cache (models--owner--name/snapshots/...). */
static const struct known *find(const char *dir)
{
    const char *cached = strstr(dir, "models--");
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/')
        n--;
    const char *begin = dir + n;
    while (begin > dir && begin[-1] != '/')
        begin--;
    char name[256];
    snprintf(name, sizeof name, "%.*s", cached ? (int)strcspn(cached, "/") : (int)(dir + n - begin),
             cached ? cached : begin);
    for (char *p = name; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    for (int i = 0; i < N_KNOWN; i++)
        if (fnmatch(known[i].pattern, name, 0) == 0)
            return &known[i];
    return NULL;
}

/* The folder's own config.json, where that is all there is. 0: it does not help. */
static int from_config(const char *dir, struct sg_config *out)
{
    struct sg_err ignored;
    char *path = sg_path_join(dir, "config.json");
    int good = path && sg_file_exists(path) && sg_config_load(dir, out, &ignored) == SG_OK;
    sg_free(path);
    return good;
}

static sg_status from_table(const struct known *k, struct sg_config *out, struct sg_err *err)
{
    char json[400];
    int n = snprintf(json, sizeof json,
                     "{\"model_type\":\"%s\",\"vocab_size\":%d,\"hidden_size\":%d,\"num_hidden_layers\":%d,"
                     "\"num_attention_heads\":%d,\"intermediate_size\":%d,\"max_position_embeddings\":%d,"
                     "\"type_vocab_size\":%d}",
                     k->type, k->V, k->C, k->L, k->H, k->F, k->positions,
                     sg_family_find(k->type)->n_types_on_hub);
    return sg_config_parse(json, (size_t)n, k->name, out, err);
}

sg_status sg_encoder_assume(const char *dir, struct sg_encoder **out, char what[SG_ASSUMED],
                            struct sg_err *err)
{
    struct sg_encoder *e = sg_alloc(1, sizeof *e);
    if (!e)
        return sg_fail_memory(err, sizeof *e);
    const struct known *k = find(dir);
    sg_status status = SG_OK;
    int has_config = from_config(dir, &e->config);
    if (!has_config)
        status = from_table(k && k->type ? k : &otherwise, &e->config, err);
    struct sg_shape shape = {0};
    if (status == SG_OK) {
        shape = sg_shape_of(&e->config, e->config.V, 1);
        status = sg_layout_create(e->config.family, &shape, &e->layout, err);
    }
    if (status != SG_OK) {
        sg_encoder_destroy(e);
        return status;
    }
    memset(e->digest, '0', SG_HEX - 1);
    char size[120];
    snprintf(size, sizeof size, "%.0f million parameters, %lld positions",
             (double)sg_encoder_n_parameters(e) / 1e6, (long long)e->config.max_length);
    if (has_config)
        snprintf(what, SG_ASSUMED, "the shape that its config.json says (%s)", size);
    else if (k && k->type)
        snprintf(what, SG_ASSUMED, "the shape of %s (%s)", k->name, size);
    else if (k)
        snprintf(what, SG_ASSUMED, "the shape of %s (%s); %s is of a family that is not trained here",
                 otherwise.name, size, k->name);
    else
        snprintf(what, SG_ASSUMED, "the shape of %s (%s), as its name is not known", otherwise.name, size);
    *out = e;
    return SG_OK;
}

/* Of a forward pass through layers [first, end) of the L that are used; the last one reads the first token. */
static double forward_flops(const struct sg_encoder *e, int64_t first, int64_t end, int64_t L, double n)
{
    const struct sg_config *c = &e->config;
    double C = (double)c->C, F = (double)c->F, n_full = (double)((end < L ? end : L - 1) - first);
    double all = first < L ? n_full * (n * (8 * C * C + 4 * C * F) + 4 * n * n * C) : 0;
    return first < L && end == L ? all + 4 * n * C * C + 4 * C * C + 4 * C * F + 4 * n * C : all;
}

double sg_train_flops(const struct sg_encoder *e, const struct sg_train_settings *s, double n)
{
    struct sg_shape shape = sg_train_shape(&e->config, s, e->config.V, 1);
    return 3 * forward_flops(e, shape.n_frozen, shape.L, shape.L, n);
}

double sg_frozen_flops(const struct sg_encoder *e, const struct sg_train_settings *s, double n)
{
    struct sg_shape shape = sg_train_shape(&e->config, s, e->config.V, 1);
    return shape.n_frozen ? forward_flops(e, 0, shape.n_frozen, shape.L, n) : 0;
}

double sg_infer_flops(const struct sg_encoder *e, const struct sg_train_settings *s, double n)
{
    struct sg_shape shape = sg_train_shape(&e->config, s, e->config.V, 1);
    return forward_flops(e, 0, shape.L, shape.L, n);
}

double sg_frozen_passes(const struct sg_encoder *e, const struct sg_train_settings *s, int64_t n_texts,
                        double mean_tokens, double n_passes)
{
    struct sg_shape shape = sg_train_shape(&e->config, s, e->config.V, 1);
    double n = (double)n_texts, share = sg_frozen_share(&shape, n_texts, n * mean_tokens);
    return n_passes <= n ? n_passes : share * n + (1 - share) * n_passes;
}

int64_t sg_encoder_max_length(const struct sg_encoder *e)
{
    return e->config.max_length;
}
