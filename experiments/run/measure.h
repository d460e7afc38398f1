/* What is measured on pools: after training, of their embeddings, diversity (results/stats/diversity.h) and how close they are to the raw rows
 * and to one another (results/measures/measures.h); what their texts look like beside the raw rows (results/stats/text_stats.h), when they are
 * complete. */
#ifndef SG_EXPERIMENTS_RUN_MEASURE_H
#define SG_EXPERIMENTS_RUN_MEASURE_H

#include "experiments/study/prepare.h"
#include "mpi/comm.h"
#include "results/ledger/ledger.h"

/* Rows of a pool, and of the training and of the test file, that are compared at most: a pool's first, a sample of a file's; of each pool where
 * pools are compared with one another. */
enum { SG_MEASURE_ROWS = 2000, SG_MEASURE_DISTANCE_ROWS = 1000 };

struct sg_vectors;

/* Collective over the job. p: rank 0 complete, others from SG_PREPARE_WORKER. ledger: rank 0, NULL on others. vectors: rank 0's of this run's
 * probes (experiments/run/vectors.h), which are not made again; may be NULL. Embeds what embeddings.h5 in the
 * results folder (results/h5/embeddings.h) does not hold, part by part, and writes that file anew; a file that cannot be written is a warning.
 * What the ledger has and what still holds is left alone; n_measured (may be NULL) counts the pools that something was measured of.
 * SG_STOPPED, after the part in hand, when a signal asks for it; what is measured is in the ledger (uncommitted).
 *
 * The ledger's `diversity`, JSON objects. Of a pool: {"encoder_sha256", "max_length", "rounding", "examples_sha256", "n", "mean_similarity", "vendi",
 * "effective_rank", "against": {"version", "rows", "raw_sha256", "n", "n_raw", "bandwidth", names of SG_MEASURES}}; a number that does
 * not exist is absent. Of a task, as "task:NAME": {the same keys, "parts": [[name, SHA-256 of its texts], ...], "test": {as "against"},
 * "distances": [[pool, pool, number or null], ...]}. */
sg_status sg_measure_embeddings(const struct sg_team *world, const struct sg_prepared *p,
                                const struct sg_vectors *vectors, struct sg_ledger *ledger,
                                int64_t *n_measured, struct sg_err *err) SG_MUST_USE;

/* Rank 0. What the ledger has of pool i's diversity goes (uncommitted), where it was measured with another encoder, max_length or
 * rounding, or, `texts` being 1, on other texts than the pool has, which is complete. */
sg_status sg_measure_diversity_forget(const struct sg_prepared *p, int64_t i, int texts,
                                      struct sg_ledger *ledger, struct sg_err *err) SG_MUST_USE;

/* The rows of a file of n_rows that are measured, ascending in no way: index (n_rows) of the caller's, the first *n of which count. */
void sg_measure_sample(int64_t n_rows, int64_t *index, int64_t *n);

enum { SG_MEASURE_SAMPLE = 2000, SG_MEASURE_TERMS = 10 /* of a class */ };

/* Rank 0. What the texts of each task's raw rows look like, into the ledger (uncommitted), unless they are there.
 *
 * The result, a JSON object: {"task", "pool": id or "", "n_chosen": examples that the LLM chose a class for, -1, "rows": [{"label": -1
 * for all or class, "part": "text" | "text_pair", "n", "chosen", numbers of struct sg_text_stats; one that does not exist is absent}],
 * "measures": {columns of /text_measures}, "terms": [{columns of /class_terms}], "cues": [{columns of /cues}]}, these three since version 3 of
 * the result. They are of a sample of SG_MEASURE_SAMPLE raw rows at most, with which pools are compared, too; of a pool the cues and
 * terms are of its first SG_MEASURE_SAMPLE examples, the rest of all. */
sg_status sg_measure_raw_text_stats(const struct sg_prepared *p, struct sg_ledger *ledger,
                                    struct sg_err *err) SG_MUST_USE;

/* Rank 0. The same of a complete pool. */
sg_status sg_measure_pool_text_stats(const struct sg_prepared *p, int64_t pool, struct sg_ledger *ledger,
                                     struct sg_err *err) SG_MUST_USE;

#endif
