/* Texts that the LLM is asked about in a study, each with a request of its own: its class (llm_eval:, gen/pool/classify.h), one
 * evaluation a task, generator, number of shots and seed; or how they go on (contamination:, gen/pool/contamination.h), one a task and
 * generator. Or examples of a pool, whose class it is to say (verify: llm), one a pool that cells see so: their requests are known when the
 * pool is complete. What is asked and how answers are read is gen/pool's; this keeps what has been answered.
 *
 * A kind of evaluation is a row of functions (evaluation_impl.h). */
#ifndef SG_EXPERIMENTS_STUDY_EVALUATION_H
#define SG_EXPERIMENTS_STUDY_EVALUATION_H

#include "gen/pool/classify.h"
#include "gen/pool/contamination.h"
#include "gen/pool/pool.h"

struct sg_study;
struct sg_grid;
struct sg_task_data;
struct sg_evaluation;

/* What evaluations are made of; borrowed until they are destroyed. */
struct sg_evaluation_source {
    const struct sg_study *study;
    const struct sg_task_data *data; /* (n_tasks) */
    const struct sg_rows
        *shots; /* (n_tasks, n_draws): where examples come from; those of the first draw are taken */
    int64_t n_draws;
    const struct sg_grid *grid;
    struct sg_pool *const *pool; /* (grid->n_pools) */
};

/* All evaluations of the study: those of classes in the order task, generator, shots, seed; then the contamination probes, in the order
 * task, generator; then the verifications, in the order of the pools; *out NULL for none. SG_INPUT when a task lacks prompts.classify or has fewer raw rows than shots. */
sg_status sg_evaluations_create(const struct sg_evaluation_source *from, struct sg_evaluation ***out,
                                int64_t *n, struct sg_err *err) SG_MUST_USE;
void sg_evaluations_destroy(struct sg_evaluation **e, int64_t n);

/* SHA-256 over all that determines the answers, the test rows and which of them are asked about included. */
const char *sg_evaluation_id(const struct sg_evaluation *e);

/* Reads the answers that are there, and lists the requests for the others. */
sg_status sg_evaluation_advance(struct sg_evaluation *e, sg_completion_lookup lookup, void *context,
                                struct sg_request_list *missing, struct sg_err *err) SG_MUST_USE;
int sg_evaluation_complete(const struct sg_evaluation *e);

/* As sg_pool_estimate. */
void sg_evaluation_estimate(const struct sg_evaluation *e, int64_t *n_requests, int64_t *tokens_in,
                            int64_t *tokens_out);

/* Which of the study's generators is asked. */
int sg_evaluation_generator(const struct sg_evaluation *e);

/* Requests (of a verification as many as its pool is to have, until it is complete), and those that have been answered; "sst2", "classifier,
 * 3 shots by small", "contamination probe" or "verification of zero_shot": for people. */
enum { SG_EVALUATION_NAME = 300 };
int64_t sg_evaluation_n(const struct sg_evaluation *e);
int64_t sg_evaluation_n_answered(const struct sg_evaluation *e);
int64_t sg_evaluation_n_unparsable(const struct sg_evaluation *e);
int64_t sg_evaluation_seed(const struct sg_evaluation *e);
void sg_evaluation_name(const struct sg_evaluation *e, const char **task, char what[SG_EVALUATION_NAME]);

/* A JSON object for the ledger (sg_free): what is asked. NULL without memory. */
char *sg_evaluation_settings(const struct sg_evaluation *e);

/* Whether it is a contamination probe: then what it came to is in sg_evaluation_get_probed. Which pool of the grid's it verifies;
 * -1: none, its rows are test rows. */
int sg_evaluation_is_contamination(const struct sg_evaluation *e);
int64_t sg_evaluation_pool(const struct sg_evaluation *e);

/* What row i of sg_evaluation_n has come to. Strings are borrowed. */
struct sg_evaluation_row {
    int64_t row;         /* of the test rows; place in the pool */
    int gold, predicted; /* classes; -1: the answer names none */
    const char *outcome; /* "", or why it names none */
    const char *key;     /* of the completion */
};
struct sg_evaluation_row sg_evaluation_get(const struct sg_evaluation *e, int64_t i);

/* The same of a contamination probe: row i of half as many, with its replies to the general and to the guided instruction. */
struct sg_evaluation_probed {
    int64_t row;
    struct sg_contamination_reply reply[2]; /* general, guided */
    const char *key[2];
};
int64_t sg_evaluation_n_probed(const struct sg_evaluation *e);
struct sg_evaluation_probed sg_evaluation_get_probed(const struct sg_evaluation *e, int64_t i);

/* What would become of an answer: SG_ACCEPTED where it names a class, or is a reply that can be compared or a refusal. */
sg_status sg_evaluation_preview(const struct sg_evaluation *e, const struct sg_found *f,
                                enum sg_reject *reason, struct sg_err *err) SG_MUST_USE;

#endif
