/* Several ledgers of one study made into one: what clusters have bought and trained apart (`synthgrid merge A B --output C`).
 *
 * Inputs are copied and never written (results/ledger/ledger_copy.h). The result is made in `<out>.merging`, whose lease keeps a second
 * merge away, and renamed when all of it is durable; what a killed merge has left there is removed by the next one.
 *
 * One study: the same name, rows and task files of each task that both have, encoder, and settings; but these may differ:
 *   which part of the grid    tasks, methods, conditioning, prompt_variants, rephrase, rephrase_tasks, sizes, raw, mixes, weighting, verify, classifiers, fine_tune_tasks, seeds.*, which
 *                             generators, llm_eval.shots, .rows and .seeds, contamination.rows: ids of pools and cells say what each comes from
 *   what neither uses         probe.* without probes and views, train.* without fine-tuned cells, settings of questions that nobody asks
 *   where things are          data.dir, .train and .test, generator.base_url, .api_key_env, .recording, .timeout_s and .retries,
 *                             train.encoder: rows and encoder are compared by their digests
 * Where the settings differ, the plan of the result is that of the inputs one after the other, until a run puts it into its own order.
 *
 * What is in one input alone is taken. Of what is in several, by table:
 *   completions   a valid answer before a failure; one that was bought before one that was imported, so that spend is not lost. Two valid
 *                 answers of one request that differ are a CONFLICT. Where both were bought, one is kept, and the other's attempt
 *                 becomes of kind `doubled`: it counts as spent, like all that brought no answer of its own
 *   attempts      all; rows that are equal in every column are one (both come from a copy of the same ledger)
 *   batches       all; of one id the one that is further on. One whose name at the provider is not known yet (a run was killed while it
 *                 sent it) can only be found by the folder that sent it: such an input is refused until it is collected
 *   pools         complete before short before failed, then the one with more examples; two of which neither begins with the
 *                 other are a CONFLICT. Text statistics and diversity go with the pool
 *   cells         done before failed before planned; two that are done and have other weights, predictions or losses are a CONFLICT
 *   evaluations   complete before planned; two that are complete and differ are a CONFLICT; contamination probes likewise
 *   test rows     must be the same
 *   meta          the first input's; `inputs` and the models that answered: of all; run_created: the earliest
 *
 * A conflict means that one of two results cannot be had again from the other's inputs (an LLM that was asked twice, another processor or
 * program, a damaged file): no rule can tell which is right, so nothing is made, unless the caller says that the first input wins. A
 * done cell that was trained on examples which lost is planned again then, so that the result is of one piece.
 *
 *     const char *in[] = {"results/a", "results/b"};
 *     sg_ledger_merge(&(struct sg_merge_options){.n = 2, .input = in, .out = "results/all"}, &found, err); */
#ifndef SG_RESULTS_LEDGER_MERGE_H
#define SG_RESULTS_LEDGER_MERGE_H

#include "results/ledger/ledger.h"

#include <jansson.h>

enum { SG_MERGE_MAX = 64 };

struct sg_merge_found {
    json_t *conflicts, *remarks; /* arrays of sentences, made by the caller */
    int is_same_plan;            /* all inputs have the same settings */
};

struct sg_merge_options {
    int n; /* 2 to SG_MERGE_MAX */
    const char *const *
        input; /* (n) results folders, or ledgers by any name; the first one's conflicts are won by it, and so on */
    const char *out; /* does not exist */
    int first_wins;  /* conflicts are settled; 0: they are listed, and nothing is made */
    int takes_live; /* a folder in which a run goes on gives what is committed; 0: it is refused with the run's name */
    /* The ledger is whole and open, its folder will be `out`: NULL, or puts beside it what else belongs there. */
    sg_status (*built)(void *context, struct sg_ledger *l, const char *folder, struct sg_err *err);
    void *context;
};

/* Local. SG_INPUT: an input that is none, is of another study, or is held by a run; `out` that is there. SG_FAILED: conflicts, all listed;
 * or a disk that is full. `out` is there, whole and durable, with SG_OK alone. */
sg_status sg_ledger_merge(const struct sg_merge_options *o, struct sg_merge_found *found,
                          struct sg_err *err) SG_MUST_USE;

#endif
