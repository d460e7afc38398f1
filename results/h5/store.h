/* results.h5: built from the ledger, whole or not at all. In Python:
 *
 *     import h5py, pandas
 *     cells = pandas.DataFrame(h5py.File("results.h5")["cells"][:])
 *     cells = cells.map(lambda x: x.decode() if isinstance(x, bytes) else x)       texts are UTF-8 bytes in h5py; pandas >= 2.1
 *
 * The tree, version 1 (columns with units and descriptions: results/h5/store_tables.h, and the attributes of each dataset):
 *
 *   /               attributes: format "synthgrid results", format_version, content_sha256, how_to_read, written, the ledger's meta
 *                   (study, study_text, settings, inputs, encoder_sha256, program, run_*), and what everything in the ledger cost
 *                   (total_requests, total_tokens_in, total_tokens_out, total_cost_usd)
 *   /cells          one row a cell: task, method, mix, size, raw, seeds, status, accuracy, f1, macro_f1, loss, times, kernels and
 *                   rounding (the arithmetic that it was trained with), pool, id
 *   /pools          one row a pool: wanted, got, attempts, rejected, shortfall
 *   /rejects        pool x reason -> count
 *   /near_duplicates  pool x example that nearly repeats another text, kept or rejected: what it resembles, how much
 *   /examples       pool x position: label, class, text, text_pair, the completion that it came from
 *   /classes        task x class: name, test rows
 *   /test_rows      task x row: label, text, text_pair
 *   /predictions    cell x row: gold, predicted, p_predicted, p_gold, first (place in /probabilities)
 *   /probabilities  float32, n_classes numbers a prediction
 *   /curves         cell x step: training loss
 *   /per_class      cell x class: precision, recall, F1
 *   /spend          one row a pool: requests, tokens, cost
 *   /attempts       what all requests came to, failed ones too, summed by server, model, kind, fate and HTTP status: number, tokens,
 *                   cost, what may have been paid for, latency. One by one they are in the ledger (results/ledger/ledger_attempts.h)
 *   /diversity      one row a pool: mean similarity, Vendi score, effective rank
 *   /measures       one row a pool, and one a task's test rows: how close they are to its raw rows (docs/measures.md)
 *   /pool_distances each two pools of a task: how far apart they are
 *   /text_stats     pool (and a task's raw rows) x class x text: length, variety, openings, and what the LLM chose
 *                   (older files: /bias)
 *   /text_measures  one row a pool, and a task's raw rows: distinct-n, vocabulary, self-BLEU, compression, lengths, negation, bias score
 *   /cues           pool x view: how much of the label the first text alone, the second or the length gives away, beside raw rows
 *   /class_terms    pool x class x text: the words that go with the class
 *   /llm_eval       one row an evaluation of the LLM as a classifier: accuracy with interval, macro-F1, unparsable answers, cost
 *   /llm_predictions  evaluation x test row: gold, predicted, why an answer was unparsable
 *   /contamination  one row a task and generator: whether the LLM has seen the test rows (docs/contamination.md)
 *   /contamination_rows  probe x test row: ROUGE-L of both replies, what the guided one matches
 *   /verification   one row a pool that an LLM verifies (docs/views.md): how many examples it says another class of, cost
 *   /verdicts       verification x example: label, predicted, why an answer was unparsable
 *   /transfer       cell x further test set of its task (test_sets: in the task file): accuracy, f1, macro_f1, loss
 *   /test_set_rows  task x set x row: label, text, text_pair
 *   /transfer_predictions  cell x set x row: gold, predicted, p_predicted, p_gold
 *
 * A table without rows is left out, with its attributes (a study of raw-only cells has no /pools, /rejects, /examples, ...): R's hdf5r
 * and rhdf5 fail on such tables. In Python: `f["rejects"][:] if "rejects" in f else []`.
 *
 * What came later (kernels and rounding of /cells, n_near_* of /pools, source of /examples, /near_duplicates, /text_stats, /attempts) is empty
 * in files that were written before, and no part of the content digest; /llm_eval, /llm_predictions, /contamination, /contamination_rows, /verification, /verdicts,
 * /transfer, /test_set_rows and /transfer_predictions are part of it where they have rows, and n_classes_predicted, balanced_accuracy, weighted_f1,
 * mcc, brier and ece of /cells where the file has them.
 * Cells of this study's plan alone, and the tasks and pools that they name. A number that does not exist (a cell that is planned or
 * failed, an unknown price) is NaN; -1 is "does not apply".
 *
 * HDF5 is not thread-safe here: call from one thread at a time. It is written table by table, and opens with HDF5 1.8 and later. */
#ifndef SG_RESULTS_H5_STORE_H
#define SG_RESULTS_H5_STORE_H

#include "base/err.h"
#include "base/sha256.h"
#include "results/ledger/ledger.h"

#include <jansson.h>
#include <stdatomic.h>

/* Rank 0 only. Commits what is pending in the ledger; writes <path>.tmp.<pid> with everything that it holds, checks every return code,
 * opens it again and compares each table with what was read from the ledger (SHA-256 of all rows), fsyncs, renames. It takes about
 * a microsecond a prediction: at the end of a run, or in a thread of its own (experiments/run/results_thread.h), not in the coordinator's
 * turn. digest (may be NULL) gets the content digest: SHA-256 over all tables but the columns named in their
 * attribute `volatile` (times, hosts, ranks, threads, kernels, memory, reasons, sources), and of the attributes study, encoder_sha256
 * and inputs: equal for equal studies on any number of ranks, killed or not. On failure `path` is as it was. */
sg_status sg_store_write(struct sg_ledger *l, const char *path, char digest[SG_HEX],
                         struct sg_err *err) SG_MUST_USE;

/* The same, but given up soon after *stop is set by another thread: SG_STOPPED, and `path` is as it was. NULL: never. */
sg_status sg_store_write_unless(struct sg_ledger *l, const char *path, const atomic_int *stop,
                                char digest[SG_HEX], struct sg_err *err) SG_MUST_USE;

/* Rank 0 only, while nobody else writes there: removes `<path>.tmp.*`, which killed runs left behind. */
void sg_store_tidy(const char *path);

/* The digest that is stored in a file. SG_INPUT for a file that is none of ours, or of a newer version. */
sg_status sg_store_digest(const char *path, char digest[SG_HEX], struct sg_err *err) SG_MUST_USE;

/* The content digests of all tables with rows, as a JSON object by their names (json_decref): {"cells": "...", ...}. What differs
 * between two files of different digests. */
sg_status sg_store_tables_digests(const char *path, json_t **out, struct sg_err *err) SG_MUST_USE;

/* Reads the whole file and compares it with its digests: SG_INPUT "damaged" when they differ. */
sg_status sg_store_verify(const char *path, struct sg_err *err) SG_MUST_USE;

#endif
