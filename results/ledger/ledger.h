/* The ledger: the run's durable record, one SQLite file written by rank 0 alone. results.h5 is built from it
 * (results/h5/store.h).
 *
 * <dir>/ledger.sqlite, exclusive locking, WAL, synchronous=FULL, no shared memory; <dir>/lock is the run's
 * lease (results/ledger/lease.h): a second run is refused with the holder's name; a lease whose holder is provably
 * gone is taken over. A reader opens read-only and copies nothing; while a run writes it is refused with the
 * run's name: `report` and `status` look at a private copy then (SG_LEDGER_COPY). Where the file system has no locks, the lease
 * alone keeps others out.
 *
 * Tables, version 2 (meta.version; a writer brings a file of version 1 to it, a reader leaves it as it is). A name before = is the key;
 * JSON: an object; f32: little-endian.
 *
 *   meta              name = value                                  study text, program version, digests, ...
 *   completions       key = request, status, reason, text, finish_reason, model, request_id, http_status, attempts, tokens_in,
 *                     tokens_out, tokens_estimated, latency_s, cost_usd, source, rank, created
 *   pools             id = ordinal, settings (JSON), status, n, rejects (JSON), shortfall, digest
 *   examples          pool, position = label, first, second, completion
 *   pool_completions  pool, position = completion                   what a pool asked for, rejected answers too
 *   cells             id = ordinal, settings, pool, status (planned | done | failed), reason, result, created
 *   predictions       cell = n, n_classes, logits                   f32 (n, K)
 *   curves            cell = n, loss                                f32 (n)
 *   test_rows         task, position = label, first, second
 *   test_set_rows     task, test_set, position = label, first, second        rows of further test sets, and
 *   set_predictions   cell, test_set = n, n_classes, logits         what cells predict for them
 *   diversity         pool = result (JSON)                          a pool's id, or task:NAME (experiments/run/measure.h)
 *   bias              id = ordinal, result (JSON)                   text statistics of a pool, or of a task's raw rows
 *   evaluations       id = ordinal, settings, status                the LLM as a classifier: planned | complete. With
 *                                                                   "pool" (an id) in its settings: it verifies that pool
 *   evaluation_rows   evaluation, row = gold, predicted, verdict, completion      row: of the test rows, or the place in the pool
 *   contaminations, contamination_rows                              contamination probes: results/ledger/ledger_contamination.h
 *   attempts, sent                                                  every request that left: results/ledger/ledger_attempts.h
 *   waiting                                                     what cells wait for: results/ledger/ledger_look.h
 *   batches           part = state, id, input_file, status, n, n_answered, usd, refused, created, generator
 *   batch_requests    part, key = request, usd                      both: results/ledger/ledger_batches.h
 *
 * All functions: rank 0 only. A transaction is opened by the first write and committed by sg_ledger_commit
 * (fsync): what was put before a commit counts only after it. */
#ifndef SG_RESULTS_LEDGER_LEDGER_H
#define SG_RESULTS_LEDGER_LEDGER_H

#include "base/err.h"
#include "base/sha256.h"

#include <stddef.h>
#include <stdint.h>

struct sg_ledger;

enum sg_ledger_mode { SG_LEDGER_WRITE, SG_LEDGER_READ, SG_LEDGER_COPY };

/* WRITE makes the folder and file and takes the lease (SG_INPUT with the holder's name when it is held).
 * READ: SG_INPUT when there is no ledger, or a run is writing it. COPY: what a run has committed so far (or had, when it was killed), from a
 * private copy in $TMPDIR that goes with the ledger: the run does not notice (results/ledger/ledger_copy.h). A foreign, damaged or newer
 * file: SG_INPUT. */
sg_status sg_ledger_open(const char *dir, enum sg_ledger_mode mode, struct sg_ledger **out,
                         struct sg_err *err) SG_MUST_USE;
/* For a thread that reads what there is while the ledger is written. hold, of who writes it: commits; until let_go nothing of its log goes
 * into the database, and the log grows. open_held, of any thread meanwhile: as COPY, of what was committed at some moment since hold. `l`
 * may not be closed meanwhile. */
sg_status sg_ledger_hold(struct sg_ledger *l, struct sg_err *err) SG_MUST_USE;
void sg_ledger_let_go(struct sg_ledger *l);
sg_status sg_ledger_open_held(const struct sg_ledger *l, struct sg_ledger **out,
                              struct sg_err *err) SG_MUST_USE;

/* Commits nothing: what is uncommitted is lost. Gives the lease back. */
void sg_ledger_close(struct sg_ledger *l);
sg_status sg_ledger_commit(struct sg_ledger *l, struct sg_err *err) SG_MUST_USE;
/* Gives back the memory that keeps what was read and written last: it is read from the file again where it is needed. */
void sg_ledger_trim(struct sg_ledger *l);
/* Whether what lies beside it may be written, too: no other run has taken the folder over. */
int sg_ledger_is_ours(const struct sg_ledger *l);
/* Seconds since the oldest uncommitted write; 0 when nothing waits. */
double sg_ledger_pending_s(const struct sg_ledger *l);

sg_status sg_ledger_meta_set(struct sg_ledger *l, const char *name, const char *value,
                             struct sg_err *err) SG_MUST_USE;
/* value: new memory (sg_free), NULL when unset. */
sg_status sg_ledger_meta_get(struct sg_ledger *l, const char *name, char **value,
                             struct sg_err *err) SG_MUST_USE;

/* One LLM answer. The first valid record of a key wins; a later one of the same key is ignored, but for one
 * that replaces a failed record (status != 0). Strings borrowed; NULL where unknown. */
struct sg_ledger_completion {
    const char *key, *request; /* canonical JSON of the request */
    int status;                /* sg_status of the answer */
    const char *reason, *text, *finish_reason, *model, *request_id;
    int http_status, attempts;
    int64_t tokens_in, tokens_out;
    int tokens_estimated;
    double latency_s, cost_usd; /* cost < 0: unknown */
    const char *
        source; /* "live <origin>"; "control": no part of the study (gen/llm/control.h); or what others have bought: "recording <file>", "cache <file>" */
    int rank;
};
/* finish_reason, and of the run that did it the source, of what is no LLM's answer: what a classifier says of raw rows, which decides the
 * prompts of a pool that is made in rounds (gen/pool/rounds.h). It is kept among the answers since a replay needs it as it needs them;
 * counts of completions leave it out. */
#define SG_LEDGER_COMPUTED "computed"
/* Whether this study did not buy what has that source. */
int sg_ledger_is_imported(const char *source);
sg_status sg_ledger_completion_put(struct sg_ledger *l, const struct sg_ledger_completion *c,
                                   struct sg_err *err) SG_MUST_USE;
/* found 0 when there is none. Strings of `out` are valid until the next call of this function on this ledger.
 */
sg_status sg_ledger_completion_get(struct sg_ledger *l, const char *key, int *found,
                                   struct sg_ledger_completion *out, struct sg_err *err) SG_MUST_USE;
/* The part of it that a pool is made of; likewise. */
struct sg_ledger_answer {
    int status;
    const char *text, *finish_reason;
};
sg_status sg_ledger_answer_get(struct sg_ledger *l, const char *key, int *found, struct sg_ledger_answer *out,
                               struct sg_err *err) SG_MUST_USE;

/* What has left and brought no answer, but may have been paid for (it was never settled), or was, as the server said; batches
 * too. A ledger that is open for writing. */
struct sg_ledger_unsettled {
    int64_t n;
    double usd;
};
sg_status sg_ledger_unsettled(struct sg_ledger *l, struct sg_ledger_unsettled *out,
                              struct sg_err *err) SG_MUST_USE;

/* All of them, by key. */
sg_status sg_ledger_completions_each(struct sg_ledger *l,
                                     sg_status (*each)(void *context, const struct sg_ledger_completion *c,
                                                       struct sg_err *err),
                                     void *context, struct sg_err *err) SG_MUST_USE;

/* Replaces a pool's row and its examples (in one transaction with what else is pending); one that is there just so stays. */
struct sg_ledger_example {
    int64_t label;
    const char *first, *second, *completion;
};
struct sg_ledger_pool {
    const char *id;
    int64_t ordinal;
    const char *settings; /* JSON: task, method, generator..., generation_seed, n_wanted */
    const char *status;   /* "complete" | "short" | "failed" */
    /* JSON: reason -> count; "n_attempts"; "near": each near-duplicate as [completion's key, position or -1 (rejected),
     * "raw" | "test" | "pool", its row or position, similarity]; "source" of a pool of rephrasings: the position in the other pool of
     * what each example says in other words; "probability" of a pool of method verbalized: what the LLM gave each example, or null;
     * "round" of a pool that is made in rounds: that of each example, from 0. */
    const char *rejects;
    const char *shortfall;
    int64_t n;
    const struct sg_ledger_example *example;
    /* Keys of every completion that the pool used, those of rejected attempts and of topic lists too: for the
     * pool's spend. NULL: only the completions of its examples are counted as its own. */
    int64_t n_asked;
    const char *const *asked;
};
sg_status sg_ledger_pool_put(struct sg_ledger *l, const struct sg_ledger_pool *p,
                             struct sg_err *err) SG_MUST_USE;

/* Enters a planned cell; one that is there already keeps its status and result (its ordinal and settings are
 * renewed). settings JSON: task, method ("" for raw-only), mix, size, raw, seed_generation, seed_data,
 * seed_train, prompt and train settings, class_names (array). pool NULL for raw-only. */
sg_status sg_ledger_cell_plan(struct sg_ledger *l, const char *id, int64_t ordinal, const char *settings,
                              const char *pool, struct sg_err *err) SG_MUST_USE;
/* "planned", "done", "failed", or "" when it is not there. status: at least 16 bytes. */
sg_status sg_ledger_cell_status(struct sg_ledger *l, const char *id, char status[16],
                                struct sg_err *err) SG_MUST_USE;
struct sg_ledger_set_predictions {
    const char *name; /* of a further test set of the task */
    int64_t n;
    const float *logits; /* (n, n_classes) */
};
struct sg_ledger_cell {
    const char *id, *status, *reason; /* "done" or "failed" */
    const char *result; /* JSON: n_train, n_raw, n_synthetic, n_steps, n_tokens, train_s, eval_s, ranks,
                           lanes, threads, kernels, rounding, weights_sha256, peak_mem_bytes, host, encoder_sha256, program,
                           rows_sha256, examples_sha256 (results/ledger/ledger_trained.h; these two of failed ones, too) */
    int64_t n_eval, n_classes, n_loss;
    const float *logits, *loss; /* (n_eval, n_classes), (n_loss); NULL when failed */
    int n_sets;
    const struct sg_ledger_set_predictions *set;
};
sg_status sg_ledger_cell_finish(struct sg_ledger *l, const struct sg_ledger_cell *c,
                                struct sg_err *err) SG_MUST_USE;
/* Marks every cell, evaluation and text statistic that is in the ledger but whose ordinal was not renewed by this run's plan: ordinal = -1
 * (kept, not shown). Forgets the test rows, too: they are put anew. Call before the first sg_ledger_cell_plan and
 * sg_ledger_test_row_put; one commit then covers all of it. */
sg_status sg_ledger_cells_retire(struct sg_ledger *l, struct sg_err *err) SG_MUST_USE;

sg_status sg_ledger_test_row_put(struct sg_ledger *l, const char *task, int64_t position, int64_t label,
                                 const char *first, const char *second, struct sg_err *err) SG_MUST_USE;
sg_status sg_ledger_test_set_row_put(struct sg_ledger *l, const char *task, const char *test_set,
                                     int64_t position, int64_t label, const char *first, const char *second,
                                     struct sg_err *err) SG_MUST_USE;
sg_status sg_ledger_diversity_put(struct sg_ledger *l, const char *pool, const char *result,
                                  struct sg_err *err) SG_MUST_USE;
/* found 0 when there is none. result: new memory. */
sg_status sg_ledger_diversity_get(struct sg_ledger *l, const char *pool, char **result,
                                  struct sg_err *err) SG_MUST_USE;

/* Enters a planned evaluation of the LLM as a classifier; one that is there already keeps its status and rows. settings
 * JSON: task, model, shots, seed, ... */
sg_status sg_ledger_evaluation_plan(struct sg_ledger *l, const char *id, int64_t ordinal,
                                    const char *settings, struct sg_err *err) SG_MUST_USE;

/* What it has come to: one row a test row. It becomes complete. */
struct sg_ledger_evaluation_row {
    int64_t row, gold, predicted; /* -1: names no class */
    const char *outcome;          /* the column verdict: "", or why it names none */
    const char *completion;       /* key */
};
sg_status sg_ledger_evaluation_put(struct sg_ledger *l, const char *id,
                                   const struct sg_ledger_evaluation_row *rows, int64_t n,
                                   struct sg_err *err) SG_MUST_USE;

/* What the texts of a pool (id: the pool's), or of a task's raw rows, look like. result JSON: experiments/run/measure.h. ordinal: the
 * order in which they are shown. */
sg_status sg_ledger_text_stats_put(struct sg_ledger *l, const char *id, int64_t ordinal, const char *result,
                                   struct sg_err *err) SG_MUST_USE;
/* found 0 when there is none. result: new memory. */
sg_status sg_ledger_text_stats_get(struct sg_ledger *l, const char *id, char **result,
                                   struct sg_err *err) SG_MUST_USE;

struct sg_ledger_totals {
    int64_t n_completions, n_failed_completions, n_imported, tokens_in, tokens_out;
    double cost_usd; /* of those with a known price */
    double paid_usd; /* of these, what is not imported */
    int64_t n_cost_unknown;
    int64_t n_cells, n_cells_done, n_cells_failed, n_pools, n_pools_short;
};
sg_status sg_ledger_totals(struct sg_ledger *l, struct sg_ledger_totals *out, struct sg_err *err) SG_MUST_USE;

/* For results/h5/store.c: the SQLite handle, as void * so that nobody else needs sqlite3.h. */
void *sg_ledger_handle(struct sg_ledger *l);

#endif
