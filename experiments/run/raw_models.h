/* The classifiers of raw rows that a study's views share (experiments/run/views.h): one for each task, number of raw rows and draw, fitted once, by
 * any rank, as work of the engine. Rank 0 keeps the coefficients for the run.
 *
 *     sg_raw_models_create(p, vectors, &m, err);
 *     kinds[k] = sg_raw_models_kind(m);                                   each rank
 *     sg_raw_models_need(m, engine, kind_of_vectors, k, cell, &after, err);  rank 0: queues what it takes, once
 *     sg_raw_models_get(m, cell, &model, err);                            when these items are done
 *
 * The classifier is the study's probe (probe.pooling, probe.c; model/logistic.h), on the embeddings of the cell's raw rows.
 *
 * Payload: a head {int64 rows, int64 task, int32 channels, int32 classes, double c (SG_PROBE_C_AUTO: chosen)}, then int32 labels (n), int32
 * places of the rows' embeddings in the task's part (vectors.h); 0 rows: why there is no classifier, in words. Result: a head {int64 Newton steps, double c, int32 classes present, int32
 * vectors}, then int32 classes (n_present), doubles w (n_vectors,C) and b (n_vectors). */
#ifndef SG_EXPERIMENTS_RUN_RAW_MODELS_H
#define SG_EXPERIMENTS_RUN_RAW_MODELS_H

#include "experiments/run/vectors.h"
#include "model/logistic.h"

/* Each rank; p and vectors are borrowed. */
struct sg_raw_models;
sg_status sg_raw_models_create(const struct sg_prepared *p, struct sg_vectors *vectors,
                               struct sg_raw_models **out, struct sg_err *err) SG_MUST_USE;
void sg_raw_models_destroy(struct sg_raw_models *m); /* NULL is fine */

struct sg_kind sg_raw_models_kind(struct sg_raw_models *m);

/* Rank 0. Queues the classifier of the cell's raw rows with this kind unless it was, and their embeddings before it; adds its item to
 * *after (sg_free(after->item)). */
sg_status sg_raw_models_need(struct sg_raw_models *m, struct sg_engine *e, int kind_of_vectors, int kind,
                             const struct sg_cell *c, struct sg_vectors_after *after,
                             struct sg_err *err) SG_MUST_USE;

/* Rank 0. *out is borrowed. SG_FAILED, with the reason, where it could not be fitted. */
sg_status sg_raw_models_get(const struct sg_raw_models *m, const struct sg_cell *c,
                            const struct sg_logistic **out, struct sg_err *err) SG_MUST_USE;

/* The settings of the study's probes. */
struct sg_logistic_settings sg_probe_settings(double c);

/* What fitting all of a study's takes, as sg_cell_cost: each once, whoever shares it. */
double sg_raw_models_cost(const struct sg_prepared *p);

#endif
