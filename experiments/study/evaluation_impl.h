/* Inside of evaluations: evaluation.c (what all kinds have), evaluation_classify.c, evaluation_contamination.c and evaluation_verify.c (the
 * kinds). */
#ifndef SG_EXPERIMENTS_STUDY_EVALUATION_IMPL_H
#define SG_EXPERIMENTS_STUDY_EVALUATION_IMPL_H

#include "base/mem.h"
#include "base/text.h"
#include "experiments/study/evaluation.h"
#include "experiments/study/study.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct sg_evaluation_kind {
    void (*destroy)(struct sg_evaluation *e);
    /* Makes room for the asks when it is known what they are; until then nothing is asked. NULL: it was when it was made. */
    sg_status (*open)(struct sg_evaluation *e, struct sg_err *err);
    /* The request of ask i of e->n, and what its answer says; the caller counts it. */
    sg_status (*request)(const struct sg_evaluation *e, int64_t i, struct sg_request *out,
                         struct sg_err *err) SG_MUST_USE;
    sg_status (*read)(struct sg_evaluation *e, int64_t i, const struct sg_found *f,
                      struct sg_err *err) SG_MUST_USE;
    sg_status (*preview)(const struct sg_evaluation *e, const struct sg_found *f, enum sg_reject *reason,
                         struct sg_err *err) SG_MUST_USE;
    int (*is_unparsable)(const struct sg_evaluation *e, int64_t i); /* of one that is answered */
    int64_t (*tokens_out)(const struct sg_evaluation *e);
    int64_t (*seed)(const struct sg_evaluation *e);
    void (*name)(const struct sg_evaluation *e, char *what, size_t size); /* without the generator's */
    json_t *(*settings)(const struct sg_evaluation *e);                   /* its own, beside what all have */
    /* sg_evaluation_get; NULL: a contamination probe has none. */
    struct sg_evaluation_row (*get)(const struct sg_evaluation *e, int64_t i);
};
extern const struct sg_evaluation_kind sg_evaluation_classify, sg_evaluation_contaminate,
    sg_evaluation_verify;

struct sg_evaluation {
    const struct sg_evaluation_kind *kind;
    const struct sg_task *task;
    const struct sg_task_data *data;
    const struct sg_generator *generator;
    int i_generator; /* its index in the study */
    char id[SG_HEX];
    int is_open;           /* its asks are known */
    int64_t n, n_answered; /* asks */
    int64_t n_expected;    /* n before they are known */
    struct asked {
        int known;
        char key[SG_HEX]; /* of the completion */
    } * asked;            /* (n) */
    int64_t *row;         /* of the test file or the pool, as the kind has them */
    void *own;            /* the kind's, for sg_free; what it holds is the kind's to destroy */
};

/* A new one without rows; *out NULL without memory. The list's functions add the study's, each at e[*n]. */
sg_status sg_evaluation_begin(const struct sg_evaluation_kind *kind, const struct sg_evaluation_source *from,
                              int task, int generator, size_t own, struct sg_evaluation **out,
                              struct sg_err *err) SG_MUST_USE;
/* Room for n asks, which are known then. */
sg_status sg_evaluation_make_room(struct sg_evaluation *e, int64_t n, struct sg_err *err) SG_MUST_USE;
void sg_evaluation_destroy(struct sg_evaluation *e);
/* Adds it, unless one of the list asks the same: generators that differ in what evaluations do not have (generator.temperature). Takes e. */
void sg_evaluation_add_take(struct sg_evaluation *e, struct sg_evaluation **list, int64_t *n);

/* How many a study has at most, and all of them. */
int64_t sg_evaluations_classify_most(const struct sg_study *s);
sg_status sg_evaluations_classify(const struct sg_evaluation_source *from, struct sg_evaluation **list,
                                  int64_t *n, struct sg_err *err) SG_MUST_USE;
int64_t sg_evaluations_contaminate_most(const struct sg_study *s);
sg_status sg_evaluations_contaminate(const struct sg_evaluation_source *from, struct sg_evaluation **list,
                                     int64_t *n, struct sg_err *err) SG_MUST_USE;
int64_t sg_evaluations_verify_most(const struct sg_evaluation_source *from);
sg_status sg_evaluations_verify(const struct sg_evaluation_source *from, struct sg_evaluation **list,
                                int64_t *n, struct sg_err *err) SG_MUST_USE;

/* What kinds that ask for a class share: the first member of their `own`, and members of struct sg_evaluation_kind. */
struct sg_evaluation_classes {
    struct sg_classifier_spec spec;
    struct sg_classifier *classifier;
    struct {
        enum sg_class_answer outcome;
        int class_;
    } * answer; /* (n) */
};
void sg_evaluation_destroy_classes(struct sg_evaluation *e);
sg_status sg_evaluation_read_class(struct sg_evaluation *e, int64_t i, const struct sg_found *f,
                                   struct sg_err *err) SG_MUST_USE;
sg_status sg_evaluation_preview_class(const struct sg_evaluation *e, const struct sg_found *f,
                                      enum sg_reject *reason, struct sg_err *err) SG_MUST_USE;
int sg_evaluation_is_no_class(const struct sg_evaluation *e, int64_t i);
int64_t sg_evaluation_tokens_of_class(const struct sg_evaluation *e);
/* Row i of this number and class, with its answer. */
struct sg_evaluation_row sg_evaluation_class_row(const struct sg_evaluation *e, int64_t i, int64_t row,
                                                 int gold);

#endif
