#include "experiments/study/evaluation_impl.h"

#include <stdlib.h>

/* ---- making ---- */

sg_status sg_evaluation_begin(const struct sg_evaluation_kind *kind, const struct sg_evaluation_source *from,
                              int task, int generator, size_t own, struct sg_evaluation **out,
                              struct sg_err *err)
{
    struct sg_evaluation *e = sg_alloc(1, sizeof *e);
    void *of_kind = sg_alloc(1, own);
    *out = NULL;
    if (!e || !of_kind) {
        sg_free(e);
        sg_free(of_kind);
        return sg_fail_memory(err, sizeof *e + own);
    }
    *e = (struct sg_evaluation){.kind = kind,
                                .task = &from->study->task[task],
                                .data = &from->data[task],
                                .generator = &from->study->generator[generator],
                                .i_generator = generator,
                                .own = of_kind};
    *out = e;
    return SG_OK;
}

sg_status sg_evaluation_make_room(struct sg_evaluation *e, int64_t n, struct sg_err *err)
{
    e->row = sg_alloc((size_t)n + 1, sizeof *e->row);
    e->asked = sg_alloc((size_t)n + 1, sizeof *e->asked);
    if (!e->row || !e->asked)
        return sg_fail_memory(err, (size_t)n * sizeof *e->asked);
    e->n = n;
    e->is_open = 1;
    return SG_OK;
}

void sg_evaluation_destroy(struct sg_evaluation *e)
{
    if (!e)
        return;
    e->kind->destroy(e);
    sg_free(e->own);
    sg_free(e->row);
    sg_free(e->asked);
    sg_free(e);
}

void sg_evaluation_add_take(struct sg_evaluation *e, struct sg_evaluation **list, int64_t *n)
{
    for (int64_t i = 0; i < *n; i++)
        if (strcmp(list[i]->id, e->id) == 0) {
            sg_evaluation_destroy(e);
            return;
        }
    list[(*n)++] = e;
}

sg_status sg_evaluations_create(const struct sg_evaluation_source *from, struct sg_evaluation ***out,
                                int64_t *n, struct sg_err *err)
{
    int64_t most = sg_evaluations_classify_most(from->study) + sg_evaluations_contaminate_most(from->study) +
                   sg_evaluations_verify_most(from);
    int64_t made = 0;
    struct sg_evaluation **e = sg_alloc((size_t)most + 1, sizeof(struct sg_evaluation *));
    if (!e)
        return sg_fail_memory(err, (size_t)most * sizeof(struct sg_evaluation *));
    sg_status status = sg_evaluations_classify(from, e, &made, err);
    if (status == SG_OK)
        status = sg_evaluations_contaminate(from, e, &made, err);
    if (status == SG_OK)
        status = sg_evaluations_verify(from, e, &made, err);
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
        sg_evaluation_destroy(e[i]);
    sg_free(e);
}

const char *sg_evaluation_id(const struct sg_evaluation *e)
{
    return e->id;
}

int sg_evaluation_is_contamination(const struct sg_evaluation *e)
{
    return e->kind == &sg_evaluation_contaminate;
}

/* ---- asking ---- */

sg_status sg_evaluation_preview(const struct sg_evaluation *e, const struct sg_found *f,
                                enum sg_reject *reason, struct sg_err *err)
{
    return e->kind->preview(e, f, reason, err);
}

sg_status sg_evaluation_advance(struct sg_evaluation *e, sg_completion_lookup lookup, void *context,
                                struct sg_request_list *missing, struct sg_err *err)
{
    if (!e->is_open)
        SG_TRY(e->kind->open(e, err));
    for (int64_t i = sg_request_list_begin(missing); i < e->n; i++) {
        struct asked *a = &e->asked[i];
        if (a->known)
            continue;
        if (!sg_request_list_has_room(missing, i)) {
            int64_t n_open = e->n - e->n_answered;
            sg_request_list_set_behind(missing, n_open < e->n - i ? n_open : e->n - i);
            break;
        }
        struct sg_request q = {0};
        struct sg_found f = {0};
        SG_TRY(e->kind->request(e, i, &q, err));
        sg_status status = lookup(context, q.key, &f, err);
        if (status == SG_OK && f.found) {
            status = e->kind->read(e, i, &f, err);
            a->known = status == SG_OK;
            e->n_answered += a->known;
            memcpy(a->key, q.key, SG_HEX);
        } else if (status == SG_OK) {
            status = sg_request_list_add_take(missing, &q, err);
        }
        sg_free(q.canonical);
        SG_TRY(status);
    }
    return SG_OK;
}

int sg_evaluation_complete(const struct sg_evaluation *e)
{
    return e->is_open && e->n_answered == e->n;
}

void sg_evaluation_estimate(const struct sg_evaluation *e, int64_t *n_requests, int64_t *tokens_in,
                            int64_t *tokens_out)
{
    struct sg_request q = {0};
    struct sg_err ignored;
    *n_requests = sg_evaluation_n(e);
    *tokens_in = 0;
    *tokens_out = e->kind->tokens_out(e);
    if (*n_requests && e->kind->request(e, 0, &q, &ignored) == SG_OK)
        *tokens_in = (int64_t)strlen(q.canonical) / 4; /* about four bytes of English a token */
    sg_free(q.canonical);
}

/* ---- what there is ---- */

int sg_evaluation_generator(const struct sg_evaluation *e)
{
    return e->i_generator;
}

int64_t sg_evaluation_n(const struct sg_evaluation *e)
{
    return e->is_open ? e->n : e->n_expected;
}

int64_t sg_evaluation_n_answered(const struct sg_evaluation *e)
{
    return e->n_answered;
}

int64_t sg_evaluation_n_unparsable(const struct sg_evaluation *e)
{
    int64_t n = 0;
    for (int64_t i = 0; i < e->n; i++)
        n += e->asked[i].known && e->kind->is_unparsable(e, i);
    return n;
}

struct sg_evaluation_row sg_evaluation_get(const struct sg_evaluation *e, int64_t i)
{
    return e->kind->get(e, i);
}

int64_t sg_evaluation_seed(const struct sg_evaluation *e)
{
    return e->kind->seed(e);
}

void sg_evaluation_name(const struct sg_evaluation *e, const char **task, char what[SG_EVALUATION_NAME])
{
    const char *by = e->generator->name;
    char kind[SG_ARM_NAME + 20];
    *task = e->task->name;
    e->kind->name(e, kind, sizeof kind);
    snprintf(what, SG_EVALUATION_NAME, "%s%s%.54s", kind, by ? " by " : "", by ? by : "");
}

/* ---- for the ledger ---- */

char *sg_evaluation_settings(const struct sg_evaluation *e)
{
    json_t *names = json_array(), *o = e->kind->settings(e);
    for (int k = 0; k < e->task->n_classes; k++)
        json_array_append_new(names, json_string(e->task->class_[k].name));
    json_t *all = json_pack("{s:s, s:s, s:s, s:f, s:o, s:s}", "task", e->task->name, "provider",
                            e->generator->provider, "model", e->generator->model, "top_p",
                            e->generator->top_p, "class_names", names, "data_sha256", e->data->digest);
    if (o && (!all || json_object_update(o, all) != 0)) {
        json_decref(o);
        o = NULL;
    }
    json_decref(all);
    if (o)
        sg_generator_put_more(e->generator, o);
    if (o && e->generator->name)
        json_object_set_new(o, "generator", json_string(e->generator->name));
    char *dumped = o ? json_dumps(o, JSON_SORT_KEYS | JSON_COMPACT) : NULL, *text = sg_strdup(dumped);
    json_decref(o);
    free(dumped);
    return text;
}
