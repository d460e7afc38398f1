#include "base/mem.h"
#include "base/sha256.h"
#include "gen/pool/pool_impl.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a classifier is asked in the words of this version: new words where its answer would be another one for the same rows. */
#define QUESTION "which raw rows a classifier gets wrong, 1"

static int64_t n_raw(const struct sg_pool *p)
{
    return p->spec.raw->n;
}

static void set_round(struct sg_pool *p, int64_t position)
{
    int64_t end;
    p->round = sg_rounds_of(&p->spec.rounds, position, &end);
    p->round_end = end < p->spec.n ? end : p->spec.n;
}

sg_status sg_pool_rounds_create(struct sg_pool *p, struct sg_err *err)
{
    const struct sg_task *t = p->spec.task;
    if (p->spec.conditioning != SG_BY_LABEL)
        return sg_fail(err, SG_INPUT, "method %s asks for examples of a class; hint: conditioning: [label]",
                       p->method->name);
    p->raw_label = sg_alloc((size_t)n_raw(p) + 1, sizeof *p->raw_label);
    if (!p->raw_label)
        return sg_fail_memory(err, (size_t)n_raw(p) * sizeof *p->raw_label);
    for (int64_t i = 0; i < n_raw(p); i++) /* the prompter knows them all */
        p->raw_label[i] = (int32_t)sg_task_class(t, p->spec.raw->row[i].label);
    set_round(p, 0);
    return SG_OK;
}

void sg_pool_rounds_free(struct sg_pool *p)
{
    sg_prompter_destroy(p->plain);
    sg_hard_rows_free(&p->hard);
    sg_free(p->raw_label);
}

/* SHA-256 of the raw rows, and of the examples so far. 0 without memory. */
static int digest_rows(const struct sg_pool *p, char raw[SG_HEX], char examples[SG_HEX])
{
    struct sg_sha256_stream *a = sg_sha256_create(), *b = sg_sha256_create();
    for (int64_t i = 0; a && i < n_raw(p); i++)
        sg_example_digest_add(a, p->raw_label[i], p->spec.raw->row[i].first, p->spec.raw->row[i].second);
    for (int64_t i = 0; b && i < p->n; i++)
        sg_example_digest_add(b, p->example[i].label, p->example[i].first, p->example[i].second);
    if (a)
        sg_sha256_finish_hex(a, raw);
    if (b)
        sg_sha256_finish_hex(b, examples);
    return a && b;
}

char *sg_pool_fit_question(const struct sg_pool *p)
{
    char rows[SG_HEX], examples[SG_HEX];
    json_t *classes = json_array();
    if (!p->fit_key[0] || !digest_rows(p, rows, examples)) {
        json_decref(classes);
        return NULL;
    }
    for (int k = 0; k < p->spec.task->n_classes; k++)
        json_array_append_new(classes, json_string(p->spec.task->class_[k].name));
    json_t *o = json_pack("{s:s, s:s, s:o, s:s, s:I, s:s}", "asked", QUESTION, "classifier",
                          p->spec.rounds.classifier, "classes", classes, "raw_sha256", rows, "n_examples",
                          (json_int_t)p->n, "examples_sha256", examples);
    char *text = o ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS) : NULL,
         *copy = text ? sg_strdup(text) : NULL;
    free(text);
    json_decref(o);
    return copy;
}

sg_status sg_pool_begin_round(struct sg_pool *p, sg_completion_lookup lookup, void *context,
                              struct sg_err *err)
{
    struct sg_found f = {0};
    if (!p->plain || p->position < p->round_end)
        return SG_OK;
    snprintf(p->fit_key, SG_HEX, "?");
    char *question = sg_pool_fit_question(p);
    if (question)
        sg_sha256_hex(question, strlen(question), p->fit_key);
    sg_status status = question ? lookup(context, p->fit_key, &f, err) : sg_fail_memory(err, 1024);
    sg_free(question);
    SG_TRY(status);
    if (!f.found)
        return SG_OK;
    struct sg_hard_rows h;
    if (sg_hard_rows_read(f.text, p->raw_label, n_raw(p), p->spec.task->n_classes, &h, err) != SG_OK)
        return sg_err_at(err, "%s of task %s, round %lld (completion %s)", p->method->name,
                         p->spec.task->name, (long long)p->round + 2, p->fit_key);
    sg_hard_rows_free(&p->hard);
    p->hard = h;
    p->fit_key[0] = 0;
    set_round(p, p->position);
    return SG_OK;
}

const char *sg_pool_fit_key(const struct sg_pool *p)
{
    return p->fit_key;
}

const int32_t *sg_pool_raw_labels(const struct sg_pool *p)
{
    return p->raw_label;
}

static sg_status answer(const struct sg_hard_rows *h, const struct sg_pool *p, char **text,
                        struct sg_err *err)
{
    *text = sg_hard_rows_text(h, n_raw(p), p->spec.task->n_classes);
    return *text ? SG_OK : sg_fail_memory(err, (size_t)n_raw(p) * 8);
}

sg_status sg_pool_fit_answer(const struct sg_pool *p, const float *logits, char **text, struct sg_err *err)
{
    struct sg_hard_rows h;
    SG_TRY(sg_rounds_choose(logits, p->raw_label, n_raw(p), p->spec.task->n_classes, &h, err));
    sg_status status = answer(&h, p, text, err);
    sg_hard_rows_free(&h);
    return status;
}

sg_status sg_pool_some_rows(const struct sg_pool *p, struct sg_hard_rows *out, struct sg_err *err)
{
    int K = p->spec.task->n_classes;
    float *logits = sg_alloc((size_t)(n_raw(p) * K) + 1, sizeof *logits);
    if (!logits)
        return sg_fail_memory(err, (size_t)(n_raw(p) * K) * sizeof *logits);
    sg_status status = sg_rounds_choose(logits, p->raw_label, n_raw(p), K, out, err);
    sg_free(logits);
    return status;
}

/* Requests that positions [from, to) take: each class has its own. */
static int64_t n_requests(const struct sg_pool *p, int64_t from, int64_t to)
{
    int64_t K = p->spec.task->n_classes, n = 0;
    for (int64_t k = 0; k < K; k++) {
        int64_t before = (from + K - 1 - k) / K,
                until = (to + K - 1 - k) / K; /* positions of class k below each */
        n += (until - before + p->spec.n_examples - 1) / p->spec.n_examples;
    }
    return n;
}

int64_t sg_pool_n_behind(const struct sg_pool *p)
{
    return p->plain ? n_requests(p, p->position < p->round_end ? p->round_end : p->position, p->spec.n) : 0;
}

int64_t sg_pool_n_plain(const struct sg_pool *p)
{
    int64_t end = 0;
    if (p->plain)
        sg_rounds_of(&p->spec.rounds, 0, &end);
    return n_requests(p, 0, end < p->spec.n ? end : p->spec.n);
}
