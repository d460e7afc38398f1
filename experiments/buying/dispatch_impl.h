/* Inside of the dispatcher: dispatch.c (all endpoints, and the ranks' worker slots), dispatch_queue.c (one endpoint's queue),
 * dispatch_count.c (what became of its requests), dispatch_record.c (what the ledger has of them). */
#ifndef SG_EXPERIMENTS_BUYING_DISPATCH_IMPL_H
#define SG_EXPERIMENTS_BUYING_DISPATCH_IMPL_H

#include "base/buf.h"
#include "experiments/buying/dispatch.h"
#include "gen/llm/limiter.h"

/* ---- dispatch_record.c ---- */

/* So many names of models are kept: a router may know hundreds, and a hostile server any number. */
enum { SG_RECORD_MODELS = 16, SG_RECORD_MODEL_NAME = 80 };

/* What the ledger has of one endpoint. */
struct sg_dispatch_record {
    struct sg_ledger *ledger;
    const struct sg_generator *generator;
    const char *origin;                                   /* who is asked; NULL: not known */
    struct sg_adapt adapt;                                /* what the endpoint has refused */
    char models[SG_RECORD_MODELS * SG_RECORD_MODEL_NAME]; /* who has answered so far, blanks between them */
    int n_models;
};

/* What earlier runs of this ledger have noted: another model may have come in between. */
sg_status sg_record_recall(struct sg_dispatch_record *r, struct sg_err *err) SG_MUST_USE;

/* An attempt leaves; *row is for its end. number: of the request's attempts in this run, from 1. */
sg_status sg_record_send(struct sg_dispatch_record *r, const struct sg_request *q, int number, int rank,
                         double worst_usd, int64_t *row, struct sg_err *err) SG_MUST_USE;

/* What came of an attempt, and so of its request. One that may have been paid for stays unsettled. */
sg_status sg_record_end(struct sg_dispatch_record *r, int64_t row, const struct sg_attempt *attempt,
                        const struct sg_answer *answer, enum sg_request_outcome outcome,
                        struct sg_err *err) SG_MUST_USE;

/* Puts the answer to a request (uncommitted), also one that was given up on. is_control: nobody looks for it, it is kept for what it
 * has cost. */
sg_status sg_record_completion(struct sg_dispatch_record *r, const char *request,
                               const struct sg_answer *answer, int rank, int is_control,
                               struct sg_err *err) SG_MUST_USE;

/* What the endpoint has refused goes into the results: their requests were not what the study says. */
sg_status sg_record_adapt(struct sg_dispatch_record *r, const struct sg_adapt *news,
                          struct sg_err *err) SG_MUST_USE;

/* Who has answered. A server whose answers name another model than before has been given a new one, or routes: pools would be mixed
 * without a word. */
sg_status sg_record_model(struct sg_dispatch_record *r, const char *model, struct sg_err *err) SG_MUST_USE;

/* ---- dispatch_count.c ---- */

/* An attempt that was followed by another one. http_status 0: there was no answer. */
void sg_dispatch_count_again(struct sg_dispatch_count *n, enum sg_attempt_kind kind, int http_status);

/* What came of an attempt, and so of its request; not of a control's. */
void sg_dispatch_count_end(struct sg_dispatch_count *n, enum sg_request_outcome outcome,
                           const struct sg_attempt *attempt, int http_status);

/* ---- dispatch_queue.c ---- */

/* What a rank's worker slot does for one endpoint. */
struct sg_slot_load {
    int64_t item;               /* of the engine */
    int64_t capacity, n_flying; /* requests at once; capacity 0: not ready yet, or over */
    int rank;                   /* of the job, once it is ready */
};

struct sg_queued_request;

/* One endpoint's queue. */
struct sg_endpoint_queue {
    struct sg_dispatch_record record;
    struct sg_dispatch_count count;
    const struct sg_generator *generator;
    int number; /* the generator's in the study */
    struct sg_engine *engine;
    sg_dispatch_over over;
    void *context;
    struct sg_limiter *limiter;
    struct sg_set *refused;         /* keys that earlier runs have given up on */
    struct sg_queued_request *item; /* (n) by the limiter's id */
    int64_t n;
    int n_slots;
    struct sg_slot_load *slot; /* (n_slots) */
    int64_t *leaving;          /* (connections) scratch */
    int is_swept, has_warned_of_timeouts;
    int is_held;    /* nothing leaves */
    int n_expected; /* sg_dispatch_expect */
};

/* *q: zero. destroy also after a failure. */
sg_status sg_queue_create(struct sg_endpoint_queue *q, const struct sg_generator *g, int number,
                          struct sg_ledger *l, struct sg_budget *budget, int n_slots,
                          struct sg_err *err) SG_MUST_USE;
void sg_queue_destroy(struct sg_endpoint_queue *q);

/* Queues a request of a consumer; takes its text. */
sg_status sg_queue_add_take(struct sg_endpoint_queue *q, int64_t consumer, struct sg_request *request,
                            struct sg_err *err) SG_MUST_USE;

/* A slot's item is ready on a rank for so many requests at once; 0: it is over. */
void sg_queue_slot(struct sg_endpoint_queue *q, int slot, int64_t item, int rank, int64_t capacity);

/* Sends what may leave. */
sg_status sg_queue_turn(struct sg_endpoint_queue *q, struct sg_err *err) SG_MUST_USE;

/* What a slot's rank reports of an attempt. */
sg_status sg_queue_result(struct sg_endpoint_queue *q, int slot, struct sg_sender_event *e,
                          struct sg_err *err) SG_MUST_USE;

/* A slot's rank cannot send any more. */
sg_status sg_queue_lost(struct sg_endpoint_queue *q, int slot, const struct sg_outcome *o,
                        struct sg_err *err) SG_MUST_USE;

#endif
