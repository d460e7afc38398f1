#include "experiments/study/evaluation_impl.h"

void sg_evaluation_destroy_classes(struct sg_evaluation *e)
{
    struct sg_evaluation_classes *o = e->own;
    sg_classifier_destroy(o->classifier);
    sg_free(o->answer);
}

static void make_id(struct sg_evaluation *e)
{
    const struct sg_evaluation_classes *o = e->own;
    char text[300];
    int n = snprintf(text, sizeof text, "synthgrid evaluation 1\nclassifier %s\ndata %s\nrows %lld\n",
                     sg_classifier_id(o->classifier), e->data->digest, (long long)e->n);
    sg_sha256_hex(text, (size_t)n, e->id); /* the rows follow from the data and their number */
}

static sg_status make(const struct sg_evaluation_source *from, struct sg_evaluation *e, int task, int shots,
                      int64_t seed, struct sg_err *err)
{
    const struct sg_study *s = from->study;
    struct sg_evaluation_classes *o = e->own;
    int64_t n_test = e->data->test.n, n = s->eval.rows && s->eval.rows < n_test ? s->eval.rows : n_test;
    o->spec = (struct sg_classifier_spec){.task = e->task,
                                          .generator = e->generator,
                                          .raw = &from->shots[task * from->n_draws],
                                          .n_shots = shots,
                                          .seed = seed,
                                          .temperature = s->eval.temperature,
                                          .max_tokens = s->eval.max_tokens,
                                          .structured = s->structured_output};
    SG_TRY(sg_evaluation_make_room(e, n, err));
    o->answer = sg_alloc((size_t)n + 1, sizeof *o->answer);
    if (!o->answer)
        return sg_fail_memory(err, (size_t)n * sizeof *o->answer);
    SG_TRY(sg_classifier_create(&o->spec, &o->classifier, err));
    SG_TRY(sg_test_draw(e->data, e->task->n_classes, n, e->row, err));
    make_id(e);
    return SG_OK;
}

/* Without examples, another seed asks the same; and a temperature of 0 gives the same answer. */
static int64_t n_seeds(const struct sg_eval_settings *s, int shots)
{
    return shots == 0 && s->temperature == 0 ? 1 : s->seeds;
}

int64_t sg_evaluations_classify_most(const struct sg_study *s)
{
    int64_t n = 0;
    for (int i = 0; i < s->eval.n_shots; i++)
        n += s->n_generators * n_seeds(&s->eval, (int)s->eval.shots[i]);
    return n * s->n_tasks;
}

sg_status sg_evaluations_classify(const struct sg_evaluation_source *from, struct sg_evaluation **list,
                                  int64_t *n, struct sg_err *err)
{
    const struct sg_study *s = from->study;
    for (int t = 0; t < s->n_tasks; t++)
        for (int g = 0; g < s->n_generators; g++)
            for (int i = 0; i < s->eval.n_shots; i++)
                for (int64_t seed = 0; seed < n_seeds(&s->eval, (int)s->eval.shots[i]); seed++) {
                    struct sg_evaluation *e;
                    SG_TRY(sg_evaluation_begin(&sg_evaluation_classify, from, t, g,
                                               sizeof(struct sg_evaluation_classes), &e, err));
                    sg_status status = make(from, e, t, (int)s->eval.shots[i], seed, err);
                    if (status != SG_OK) {
                        sg_evaluation_destroy(e);
                        return status;
                    }
                    sg_evaluation_add_take(e, list, n);
                }
    return SG_OK;
}

/* ---- asking ---- */

static sg_status request(const struct sg_evaluation *e, int64_t i, struct sg_request *out, struct sg_err *err)
{
    const struct sg_evaluation_classes *o = e->own;
    return sg_classifier_request(o->classifier, e->row[i], &e->data->test.row[e->row[i]], out, err);
}

sg_status sg_evaluation_read_class(struct sg_evaluation *e, int64_t i, const struct sg_found *f,
                                   struct sg_err *err)
{
    struct sg_evaluation_classes *o = e->own;
    o->answer[i].outcome = SG_CLASS_FAILED;
    o->answer[i].class_ = -1;
    return f->status == SG_OK ? sg_classify_answer(e->task, f->text, f->finish_reason, &o->answer[i].outcome,
                                                   &o->answer[i].class_, err)
                              : SG_OK;
}

sg_status sg_evaluation_preview_class(const struct sg_evaluation *e, const struct sg_found *f,
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

int sg_evaluation_is_no_class(const struct sg_evaluation *e, int64_t i)
{
    const struct sg_evaluation_classes *o = e->own;
    return o->answer[i].class_ < 0;
}

int64_t sg_evaluation_tokens_of_class(const struct sg_evaluation *e)
{
    (void)e;
    return 6; /* a class name */
}

/* ---- what there is ---- */

static int64_t seed(const struct sg_evaluation *e)
{
    const struct sg_evaluation_classes *o = e->own;
    return o->spec.seed;
}

static void name(const struct sg_evaluation *e, char *what, size_t size)
{
    const struct sg_evaluation_classes *o = e->own;
    snprintf(what, size, "classifier, %d %s", o->spec.n_shots, sg_plural(o->spec.n_shots, "shot", "shots"));
}

static json_t *settings(const struct sg_evaluation *e)
{
    const struct sg_evaluation_classes *o = e->own;
    return json_pack("{s:I, s:I, s:I, s:f, s:I, s:b}", "shots", (json_int_t)o->spec.n_shots, "seed",
                     (json_int_t)o->spec.seed, "n", (json_int_t)e->n, "temperature", o->spec.temperature,
                     "max_tokens", (json_int_t)o->spec.max_tokens, "structured", o->spec.structured);
}

struct sg_evaluation_row sg_evaluation_class_row(const struct sg_evaluation *e, int64_t i, int64_t row,
                                                 int gold)
{
    const struct sg_evaluation_classes *o = e->own;
    return (struct sg_evaluation_row){.row = row,
                                      .gold = gold,
                                      .predicted = o->answer[i].class_,
                                      .outcome = sg_class_answer_name(o->answer[i].outcome),
                                      .key = e->asked[i].key};
}

static struct sg_evaluation_row get(const struct sg_evaluation *e, int64_t i)
{
    return sg_evaluation_class_row(e, i, e->row[i], e->data->test_label[e->row[i]]);
}

const struct sg_evaluation_kind sg_evaluation_classify = {.destroy = sg_evaluation_destroy_classes,
                                                          .request = request,
                                                          .read = sg_evaluation_read_class,
                                                          .preview = sg_evaluation_preview_class,
                                                          .is_unparsable = sg_evaluation_is_no_class,
                                                          .tokens_out = sg_evaluation_tokens_of_class,
                                                          .seed = seed,
                                                          .name = name,
                                                          .settings = settings,
                                                          .get = get};
