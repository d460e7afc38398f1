#include "experiments/study/evaluation.h"

#include "base/mem.h"
#include "base/text.h"
#include "experiments/study/study.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct answer {
    int known;
    enum sg_class_answer outcome;
    int class_;
    char key[SG_HEX]; /* of the completion */
};

struct sg_evaluation {
    const struct sg_task *task;
    const struct sg_task_data *data;
    const struct sg_generator *generator;
    int i_generator; /* its index in the study */
    struct sg_classifier_spec spec;
    struct sg_classifier *classifier;
    char id[SG_HEX];
    int64_t n, n_answered;
    int64_t *row;          /* (n) of the test file */
    struct answer *answer; /* (n) */
};

/* ---- making ---- */

static void evaluation_destroy(struct sg_evaluation *e)
{
    if (!e)
        return;
    sg_classifier_destroy(e->classifier);
    sg_free(e->row);
    sg_free(e->answer);
    sg_free(e);
}

static void make_id(struct sg_evaluation *e)
{
    char text[300];
    int n = snprintf(text, sizeof text, "synthgrid evaluation 1\nclassifier %s\ndata %s\nrows %lld\n",
                     sg_classifier_id(e->classifier), e->data->digest, (long long)e->n);
    sg_sha256_hex(text, (size_t)n, e->id); /* the rows follow from the data and their number */
}

static sg_status evaluation_create(const struct sg_evaluation_source *from, int task, int generator,
                                   int shots, int64_t seed, struct sg_evaluation **out, struct sg_err *err)
{
    const struct sg_study *s = from->study;
    struct sg_evaluation *e = sg_alloc(1, sizeof *e);
    if (!e)
        return sg_fail_memory(err, sizeof *e);
    *e = (struct sg_evaluation){.task = &s->task[task],
                                .data = &from->data[task],
                                .generator = &s->generator[generator],
                                .i_generator = generator};
    e->spec = (struct sg_classifier_spec){.task = e->task,
                                          .generator = e->generator,
                                          .raw = &from->shots[task * from->n_draws],
                                          .n_shots = shots,
                                          .seed = seed,
                                          .temperature = s->eval.temperature,
                                          .max_tokens = s->eval.max_tokens,
                                          .structured = s->structured_output};
    e->n = s->eval.rows && s->eval.rows < e->data->test.n ? s->eval.rows : e->data->test.n;
    e->row = sg_alloc((size_t)e->n + 1, sizeof *e->row);
    e->answer = sg_alloc((size_t)e->n + 1, sizeof *e->answer);
    sg_status status = e->row && e->answer ? SG_OK : sg_fail_memory(err, (size_t)e->n * sizeof *e->answer);
    if (status == SG_OK)
        status = sg_classifier_create(&e->spec, &e->classifier, err);
    if (status == SG_OK)
        status = sg_test_draw(e->data, e->task->n_classes, e->n, e->row, err);
    if (status != SG_OK) {
        evaluation_destroy(e);
        return status;
    }
    make_id(e);
    *out = e;
    return SG_OK;
}

/* Without examples, another seed asks the same; and a temperature of 0 gives the same answer. */
static int64_t n_seeds(const struct sg_eval_settings *s, int shots)
{
    return shots == 0 && s->temperature == 0 ? 1 : s->seeds;
}

/* Generators that differ in what evaluations do not have (generator.temperature) ask the same: the first one does. */
static sg_status add_evaluation(const struct sg_evaluation_source *from, int task, int generator, int shots,
                                int64_t seed, struct sg_evaluation **e, int64_t *n, struct sg_err *err)
{
    SG_TRY(evaluation_create(from, task, generator, shots, seed, &e[*n], err));
    for (int64_t i = 0; from->study->n_generators > 1 && i < *n; i++)
        if (strcmp(e[i]->id, e[*n]->id) == 0) {
            evaluation_destroy(e[*n]);
            e[*n] = NULL;
            return SG_OK;
        }
    ++*n;
    return SG_OK;
}

sg_status sg_evaluations_create(const struct sg_evaluation_source *from, struct sg_evaluation ***out,
                                int64_t *n, struct sg_err *err)
{
    const struct sg_study *s = from->study;
    int64_t n_task = 0, made = 0;
    for (int i = 0; i < s->eval.n_shots; i++)
        n_task += s->n_generators * n_seeds(&s->eval, (int)s->eval.shots[i]);
    struct sg_evaluation **e = sg_alloc((size_t)(n_task * s->n_tasks) + 1, sizeof(struct sg_evaluation *));
    if (!e)
        return sg_fail_memory(err, (size_t)(n_task * s->n_tasks) * sizeof(struct sg_evaluation *));
    sg_status status = SG_OK;
    for (int t = 0; t < s->n_tasks; t++)
        for (int g = 0; g < s->n_generators; g++)
            for (int i = 0; i < s->eval.n_shots; i++)
                for (int64_t seed = 0; status == SG_OK && seed < n_seeds(&s->eval, (int)s->eval.shots[i]);
                     seed++)
                    status = add_evaluation(from, t, g, (int)s->eval.shots[i], seed, e, &made, err);
    if (status != SG_OK) {
        sg_evaluations_destroy(e, made);
        return status;
    }
    *out = e;
    *n = made;
    return SG_OK;
}

void sg_evaluations_destroy(struct sg_evaluation **e, int64_t n)
{
    for (int64_t i = 0; e && i < n; i++)
        evaluation_destroy(e[i]);
    sg_free(e);
}

const char *sg_evaluation_id(const struct sg_evaluation *e)
{
    return e->id;
}

/* ---- asking ---- */

static sg_status read_answer(struct sg_evaluation *e, int64_t i, const char *key, const struct sg_found *f,
                             struct sg_err *err)
{
    struct answer *a = &e->answer[i];
    *a = (struct answer){.known = 1, .outcome = SG_CLASS_FAILED, .class_ = -1};
    memcpy(a->key, key, SG_HEX);
    if (f->status == SG_OK)
        SG_TRY(sg_classify_answer(e->task, f->text, f->finish_reason, &a->outcome, &a->class_, err));
    e->n_answered++;
    return SG_OK;
}

sg_status sg_evaluation_preview(const struct sg_evaluation *e, const struct sg_found *f,
                                enum sg_reject *reason, struct sg_err *err)
{
    enum sg_class_answer outcome = SG_CLASS_FAILED;
    int class_ = -1, thought = f->finish_reason && strcmp(f->finish_reason, SG_FINISH_REASONING) == 0;
    SG_TRY(sg_classify_answer(e->task, f->text, f->finish_reason, &outcome, &class_, err));
    *reason = class_ >= 0                   ? SG_ACCEPTED
              : outcome == SG_CLASS_REFUSED ? SG_REJECT_REFUSED
              : outcome != SG_CLASS_EMPTY   ? SG_REJECT_UNPARSABLE
              : thought                     ? SG_REJECT_REASONING
                                            : SG_REJECT_EMPTY;
    return SG_OK;
}

sg_status sg_evaluation_advance(struct sg_evaluation *e, sg_completion_lookup lookup, void *context,
                                struct sg_request_list *missing, struct sg_err *err)
{
    for (int64_t i = sg_request_list_begin(missing); i < e->n; i++) {
        if (e->answer[i].known || !sg_request_list_has_room(missing, i))
            continue;
        struct sg_request q = {0};
        struct sg_found f = {0};
        SG_TRY(sg_classifier_request(e->classifier, e->row[i], &e->data->test.row[e->row[i]], &q, err));
        sg_status status = lookup(context, q.key, &f, err);
        if (status == SG_OK && f.found)
            status = read_answer(e, i, q.key, &f, err);
        else if (status == SG_OK)
            status = sg_request_list_add_take(missing, &q, err);
        sg_free(q.canonical);
        SG_TRY(status);
    }
    return SG_OK;
}

int sg_evaluation_complete(const struct sg_evaluation *e)
{
    return e->n_answered == e->n;
}

void sg_evaluation_estimate(const struct sg_evaluation *e, int64_t *n_requests, int64_t *tokens_in,
                            int64_t *tokens_out)
{
    struct sg_request q = {0};
    struct sg_err ignored;
    *n_requests = e->n;
    *tokens_in = 0;
    *tokens_out = 6; /* a class name */
    if (e->n &&
        sg_classifier_request(e->classifier, e->row[0], &e->data->test.row[e->row[0]], &q, &ignored) == SG_OK)
        *tokens_in = (int64_t)strlen(q.canonical) / 4; /* about four bytes of English a token */
    sg_free(q.canonical);
}

int sg_evaluation_generator(const struct sg_evaluation *e)
{
    return e->i_generator;
}

int64_t sg_evaluation_n(const struct sg_evaluation *e)
{
    return e->n;
}

int64_t sg_evaluation_n_answered(const struct sg_evaluation *e)
{
    return e->n_answered;
}

int64_t sg_evaluation_n_unparsable(const struct sg_evaluation *e)
{
    int64_t n = 0;
    for (int64_t i = 0; i < e->n; i++)
        n += e->answer[i].known && e->answer[i].class_ < 0;
    return n;
}

int64_t sg_evaluation_seed(const struct sg_evaluation *e)
{
    return e->spec.seed;
}

void sg_evaluation_name(const struct sg_evaluation *e, const char **task, char what[SG_EVALUATION_NAME])
{
    const char *by = e->generator->name;
    *task = e->task->name;
    snprintf(what, SG_EVALUATION_NAME, "classifier, %d %s%s%s", e->spec.n_shots,
             sg_plural(e->spec.n_shots, "shot", "shots"), by ? " by " : "", by ? by : "");
}

/* ---- for the ledger ---- */

char *sg_evaluation_settings(const struct sg_evaluation *e)
{
    json_t *names = json_array();
    for (int k = 0; k < e->task->n_classes; k++)
        json_array_append_new(names, json_string(e->task->class_[k].name));
    json_t *o = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:f, s:f, s:I, s:b, s:o, s:s}", "task",
                          e->task->name, "provider", e->generator->provider, "model", e->generator->model,
                          "shots", (json_int_t)e->spec.n_shots, "seed", (json_int_t)e->spec.seed, "n",
                          (json_int_t)e->n, "temperature", e->spec.temperature, "top_p", e->generator->top_p,
                          "max_tokens", (json_int_t)e->spec.max_tokens, "structured", e->spec.structured,
                          "class_names", names, "data_sha256", e->data->digest);
    if (o)
        sg_generator_put_more(e->generator, o);
    if (o && e->generator->name)
        json_object_set_new(o, "generator", json_string(e->generator->name));
    char *dumped = o ? json_dumps(o, JSON_SORT_KEYS | JSON_COMPACT) : NULL, *text = sg_strdup(dumped);
    json_decref(o);
    free(dumped);
    return text;
}

struct sg_evaluation_row sg_evaluation_get(const struct sg_evaluation *e, int64_t i)
{
    return (struct sg_evaluation_row){.row = e->row[i],
                                      .gold = e->data->test_label[e->row[i]],
                                      .predicted = e->answer[i].class_,
                                      .outcome = sg_class_answer_name(e->answer[i].outcome),
                                      .key = e->answer[i].key};
}
