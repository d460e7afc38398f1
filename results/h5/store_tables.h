/* The tables of results.h5, column by column: one list a table, from which come its description, its digest and the names of its
 * columns for store.c (which writes it) and report.c (which reads it). Missing numbers are NaN; -1 is "does not apply". */
#ifndef SG_RESULTS_H5_STORE_TABLES_H
#define SG_RESULTS_H5_STORE_TABLES_H

#include "results/h5/h5_table.h"
#include "results/measures/measures.h"
#include "results/stats/metrics.h"

/* Columns that came after the first files of this version are empty, -1 or NaN in a file without them. Two kinds: what differs from
 * run to run (or was left out of the digest to keep those of older files) is volatile, too; SG_COL_LATER alone is science, which counts
 * in the digest of files that have it. */
#define SG_LATER (SG_COL_VOLATILE | SG_COL_LATER)

/* X(name, type, unit, flags: 0, SG_COL_VOLATILE, SG_COL_LATER or both (SG_LATER), description) */
#define SG_CELLS(X)                                                                                          \
    X(cell, INT, "", 0, "ordinal of the cell in the study; other tables refer to it")                        \
    X(task, TEXT, "", 0, "task")                                                                             \
    X(method, TEXT, "", 0, "generation method; empty for raw-only cells")                                    \
    X(mix, TEXT, "", 0, "raw, synthetic or raw+synthetic")                                                   \
    X(size, INT, "examples", 0, "synthetic examples asked for; 0 for raw-only cells")                        \
    X(raw, INT, "examples", 0, "raw examples asked for; 0 for synthetic-only cells")                         \
    X(seed_generation, INT, "", 0, "generation seed; -1 where there is none")                                \
    X(seed_data, INT, "", 0, "seed of the raw draw; -1 where there is none")                                 \
    X(seed_train, INT, "", 0, "training seed")                                                               \
    X(status, TEXT, "", 0, "planned, done or failed")                                                        \
    X(reason, TEXT, "", SG_COL_VOLATILE, "why it failed, or what is to be known about a finished one")       \
    X(n_classes, INT, "classes", 0, "classes of the task")                                                   \
    X(n_train, REAL, "examples", 0, "examples trained on")                                                   \
    X(n_raw, REAL, "examples", 0, "raw ones among them")                                                     \
    X(n_synthetic, REAL, "examples", 0, "synthetic ones among them")                                         \
    X(n_test, REAL, "rows", 0, "test rows predicted")                                                        \
    SG_METRICS(X)                                                                                            \
    X(loss, REAL, "nat", 0, "mean cross-entropy on the test rows")                                           \
    X(train_loss, REAL, "nat", 0, "mean cross-entropy of the last training step")                            \
    X(n_steps, REAL, "steps", 0, "optimiser steps")                                                          \
    X(n_tokens, REAL, "tokens", 0, "tokens trained on, padding excluded")                                    \
    X(lanes, REAL, "", 0, "fixed shares of a batch")                                                         \
    X(weights_sha256, TEXT, "", 0, "SHA-256 of the final weights")                                           \
    X(train_s, REAL, "s", SG_COL_VOLATILE, "wall time of training")                                          \
    X(eval_s, REAL, "s", SG_COL_VOLATILE, "wall time of evaluation")                                         \
    X(ranks, REAL, "ranks", SG_COL_VOLATILE, "MPI ranks that trained it together, the most at a time")       \
    X(teams, REAL, "teams", SG_LATER, "one after the other: it grew, shrank or was resumed; 1: none of it")  \
    X(rank_s, REAL, "s", SG_LATER, "train_s of each team times its ranks")                                   \
    X(threads, REAL, "threads", SG_COL_VOLATILE, "threads a rank")                                           \
    X(kernels, TEXT, "", SG_LATER, "kernels of the team's first rank: avx512, avx2, base, ref")              \
    X(rounding, TEXT, "", SG_LATER, "of products: fused, plain, reference, bf16; equal bits need the same")  \
    X(encoder_sha256, TEXT, "", SG_LATER, "of the encoder that it was trained with")                         \
    X(program, TEXT, "", SG_LATER, "that trained it: version, commit, build id")                             \
    X(rows_sha256, TEXT, "", SG_LATER, "of the raw rows trained on and the test rows, with their labels")    \
    X(examples_sha256, TEXT, "", SG_LATER, "of the examples trained on, with their labels; empty: none")     \
    X(peak_mem_bytes, REAL, "byte", SG_COL_VOLATILE, "largest memory of a rank")                             \
    X(host, TEXT, "", SG_COL_VOLATILE, "host of the team's first rank")                                      \
    X(rank, REAL, "", SG_LATER, "the lowest MPI rank of those that trained it")                              \
    X(recorded, TEXT, "", SG_COL_VOLATILE, "UTC time of its last change in the ledger")                      \
    X(pool, INT, "", 0, "ordinal in /pools; -1 for raw-only cells")                                          \
    X(classifier, TEXT, "", SG_LATER, "fine_tune or probe; empty in older files: fine_tune")                 \
    X(weighting, TEXT, "", SG_LATER, "of its synthetic examples: none or dimp; empty in older files: none")  \
    X(verify, TEXT, "", SG_LATER, "of its synthetic examples: none, raw_classifier or llm; empty: none")     \
    X(n_removed, REAL, "examples", SG_LATER, "synthetic ones that verification took out, see /removed")      \
    X(probe_c, REAL, "", SG_LATER, "inverse strength of a probe's penalty, as set or chosen")                \
    X(id, TEXT, "", 0, "SHA-256 of all that determines the result")                                          \
    X(settings, TEXT, "", SG_COL_VOLATILE, "all settings, a JSON object")

#define SG_POOLS(X)                                                                                          \
    X(pool, INT, "", 0, "ordinal of the pool; other tables refer to it")                                     \
    X(task, TEXT, "", 0, "task")                                                                             \
    X(method, TEXT, "", 0, "generation method")                                                              \
    X(seed_generation, INT, "", 0, "generation seed")                                                        \
    X(model, TEXT, "", 0, "the LLM")                                                                         \
    X(status, TEXT, "", 0, "planned, complete, short or failed")                                             \
    X(n_wanted, REAL, "examples", 0, "examples asked for")                                                   \
    X(n, REAL, "examples", 0, "examples in it")                                                              \
    X(n_attempts, REAL, "", 0, "completions tried")                                                          \
    X(n_rejected, REAL, "", 0, "examples rejected, and answers without one; reasons in /rejects")            \
    X(shortfall, TEXT, "", 0, "what is missing")                                                             \
    X(seed_data, INT, "", SG_LATER, "draw of the raw rows that its prompts show; -1: they show none")        \
    X(n_near_raw, REAL, "examples", SG_LATER, "kept ones that are near-duplicates of a training row")        \
    X(n_near_test, REAL, "examples", SG_LATER, "kept ones that are near-duplicates of a test row")           \
    X(n_near_pool, REAL, "examples", SG_LATER, "kept ones that are near-duplicates of an earlier example")   \
    X(id, TEXT, "", 0, "SHA-256 of all that determines the content")                                         \
    X(settings, TEXT, "", SG_COL_VOLATILE, "generator settings, a JSON object")

#define SG_REJECTS(X)                                                                                        \
    X(pool, INT, "", 0, "ordinal in /pools")                                                                 \
    X(task, TEXT, "", 0, "task")                                                                             \
    X(method, TEXT, "", 0, "generation method")                                                              \
    X(reason, TEXT, "", 0, "why an example was rejected, or an answer held none: see docs/pools.md")         \
    X(count, INT, "", 0, "examples, and answers without one")

#define SG_NEAR(X)                                                                                           \
    X(pool, INT, "", SG_LATER, "ordinal in /pools")                                                          \
    X(task, TEXT, "", SG_LATER, "task")                                                                      \
    X(method, TEXT, "", SG_LATER, "generation method")                                                       \
    X(position, INT, "", SG_LATER, "place of the example in the pool; -1: rejected")                         \
    X(resembles, TEXT, "", SG_LATER, "raw: a training row; test: a test row; pool: an earlier example")      \
    X(row, INT, "", SG_LATER, "place of what it resembles, in its file or in the pool")                      \
    X(similarity, REAL, "1", SG_LATER, "Jaccard index of both texts' runs of three words")                   \
    X(completion, TEXT, "", SG_LATER, "key of the completion in the ledger: SHA-256 of the request")

#define SG_REMOVED(X)                                                                                        \
    X(cell, INT, "", SG_LATER, "ordinal in /cells")                                                          \
    X(pool, INT, "", SG_LATER, "ordinal in /pools")                                                          \
    X(position, INT, "", SG_LATER, "place of the example in the pool")                                       \
    X(label, INT, "", SG_LATER, "class index of the example")                                                \
    X(class, TEXT, "", SG_LATER, "class name of the example")                                                \
    X(predicted, INT, "", SG_LATER, "class index that the classifier of the cell's raw rows says")           \
    X(predicted_class, TEXT, "", SG_LATER, "its name")

#define SG_EXAMPLES(X)                                                                                       \
    X(pool, INT, "", 0, "ordinal in /pools")                                                                 \
    X(position, INT, "", 0, "place in the pool; a size is a prefix of it")                                   \
    X(task, TEXT, "", 0, "task")                                                                             \
    X(method, TEXT, "", 0, "generation method")                                                              \
    X(label, INT, "", 0, "class index")                                                                      \
    X(class, TEXT, "", 0, "class name")                                                                      \
    X(text, TEXT, "", 0, "the text; the first one of a pair")                                                \
    X(text_pair, TEXT, "", 0, "the second text of a pair")                                                   \
    X(completion, TEXT, "", 0, "key of the completion in the ledger: SHA-256 of the request")                \
    X(source, INT, "", SG_LATER, "of a rephrased pool: position in the other pool; -1: none")                \
    X(probability, REAL, "1", SG_LATER,                                                                      \
      "that the LLM gave it (method verbalized), as written; NaN: not known")                                \
    X(round, INT, "", SG_LATER,                                                                              \
      "of a pool that is made in rounds: that it was asked for in, from 0; -1: none")

#define SG_CLASSES(X)                                                                                        \
    X(task, TEXT, "", 0, "task")                                                                             \
    X(label, INT, "", 0, "class index")                                                                      \
    X(class, TEXT, "", 0, "class name")                                                                      \
    X(n_test, INT, "rows", 0, "test rows of the class")

#define SG_TEST_ROWS(X)                                                                                      \
    X(task, TEXT, "", 0, "task")                                                                             \
    X(row, INT, "", 0, "place in the test file")                                                             \
    X(label, INT, "", 0, "class index")                                                                      \
    X(class, TEXT, "", 0, "class name")                                                                      \
    X(text, TEXT, "", 0, "the text; the first one of a pair")                                                \
    X(text_pair, TEXT, "", 0, "the second text of a pair")

#define SG_PREDICTIONS(X)                                                                                    \
    X(cell, INT32, "", 0, "ordinal in /cells")                                                               \
    X(row, INT32, "", 0, "place in the test file")                                                           \
    X(gold, INT32, "", 0, "class index of the row")                                                          \
    X(predicted, INT32, "", 0, "class index with the largest logit")                                         \
    X(p_predicted, REAL32, "1", 0, "probability of the predicted class")                                     \
    X(p_gold, REAL32, "1", 0, "probability of the row's class")                                              \
    X(first, INT, "", 0, "where the row's probabilities begin in /probabilities, n_classes of them")

#define SG_PROBABILITIES(X)                                                                                  \
    X(probability, REAL32, "1", 0, "softmax of the logits, class after class, prediction after prediction")

#define SG_CURVES(X)                                                                                         \
    X(cell, INT32, "", 0, "ordinal in /cells")                                                               \
    X(step, INT32, "", 0, "optimiser step, from 0")                                                          \
    X(loss, REAL32, "nat", 0, "mean cross-entropy of the step's batch")

#define SG_PER_CLASS(X)                                                                                      \
    X(cell, INT, "", 0, "ordinal in /cells")                                                                 \
    X(task, TEXT, "", 0, "task")                                                                             \
    X(label, INT, "", 0, "class index")                                                                      \
    X(class, TEXT, "", 0, "class name")                                                                      \
    X(precision, REAL, "1", 0, "right ones among the rows predicted as the class; 0 where there are none")   \
    X(recall, REAL, "1", 0, "right ones among the rows of the class; 0 where there are none")                \
    X(f1, REAL, "1", 0, "harmonic mean of both")                                                             \
    X(n_gold, INT, "rows", 0, "rows of the class")                                                           \
    X(n_predicted, INT, "rows", 0, "rows predicted as the class")                                            \
    X(n_correct, INT, "rows", 0, "rows of the class predicted as it")

#define SG_SPEND(X)                                                                                          \
    X(pool, INT, "", 0, "ordinal in /pools")                                                                 \
    X(task, TEXT, "", 0, "task")                                                                             \
    X(method, TEXT, "", 0, "generation method")                                                              \
    X(model, TEXT, "", 0, "the LLM")                                                                         \
    X(n_requests, INT, "", 0, "completions that the pool used; one that two pools share counts in both")     \
    X(n_failed, INT, "", 0, "requests given up on")                                                          \
    X(n_rejected, REAL, "", 0, "examples rejected, and answers without one")                                 \
    X(tokens_in, INT, "tokens", 0, "prompt tokens")                                                          \
    X(tokens_out, INT, "tokens", 0, "completion tokens")                                                     \
    X(n_tokens_estimated, INT, "", 0, "requests whose tokens the server did not tell")                       \
    X(cost_usd, REAL, "USD", 0, "cost; NaN when the price of any of them is unknown")                        \
    X(n_cost_unknown, INT, "", 0, "answers of unknown price")                                                \
    X(n_recorded, INT, "", SG_COL_VOLATILE,                                                                  \
      "of them from a recording or the cache, not bought by this study")                                     \
    X(latency_s, REAL, "s", SG_COL_VOLATILE, "sum of the times to answer")

#define SG_DIVERSITY(X)                                                                                      \
    X(pool, INT, "", 0, "ordinal in /pools")                                                                 \
    X(task, TEXT, "", 0, "task")                                                                             \
    X(method, TEXT, "", 0, "generation method")                                                              \
    X(n, REAL, "examples", 0, "examples compared")                                                           \
    X(mean_similarity, REAL, "1", 0, "mean cosine between two examples' embeddings")                         \
    X(vendi, REAL, "examples", 0, "Vendi score: effective number of different examples")                     \
    X(effective_rank, REAL, "1", 0, "participation ratio of the spectrum")

#define SG_POOL_MEASURES(X)                                                                                  \
    X(pool, INT, "", SG_COL_LATER, "ordinal in /pools; -1: the task's test rows, for comparison")            \
    X(task, TEXT, "", SG_COL_LATER, "task")                                                                  \
    X(method, TEXT, "", SG_COL_LATER, "generation method; empty: the task's test rows")                      \
    X(n, REAL, "examples", SG_COL_LATER, "examples compared: the pool's first 2,000 at most")                \
    X(n_raw, REAL, "rows", SG_COL_LATER, "raw rows compared with: 2,000 of the training rows at most")       \
    X(bandwidth, REAL, "1", SG_COL_LATER, "of the RBF kernel: median distance between two raw rows")         \
    SG_MEASURES(X)

#define SG_DISTANCES(X)                                                                                      \
    X(task, TEXT, "", SG_COL_LATER, "task")                                                                  \
    X(pool_a, INT, "", SG_COL_LATER, "ordinal in /pools")                                                    \
    X(pool_b, INT, "", SG_COL_LATER, "ordinal in /pools; larger than pool_a")                                \
    X(distance, REAL, "1", SG_COL_LATER,                                                                     \
      "unbiased squared MMD between the first 1,000 examples of each; bandwidth of /measures")

#define SG_TEXT_STATS(X)                                                                                     \
    X(pool, INT, "", SG_LATER, "ordinal in /pools; -1: the task's raw rows")                                 \
    X(task, TEXT, "", SG_LATER, "task")                                                                      \
    X(method, TEXT, "", SG_LATER, "generation method; empty: the task's raw rows")                           \
    X(label, INT, "", SG_LATER, "class index; -1: all of them")                                              \
    X(class, TEXT, "", SG_LATER, "class name; empty: all of them")                                           \
    X(part, TEXT, "", SG_LATER, "which text: text or text_pair, as in /examples")                            \
    X(n, INT, "texts", SG_LATER, "texts of the class")                                                       \
    X(chosen, INT, "examples", SG_LATER,                                                                     \
      "good examples that the LLM gave this class, before balancing; -1: it did not choose")                 \
    X(chosen_share, REAL, "1", SG_LATER, "of all that it chose a class for")                                 \
    X(chosen_low, REAL, "1", SG_LATER, "95 % interval (Wilson)")                                             \
    X(chosen_high, REAL, "1", SG_LATER, "95 % interval (Wilson)")                                            \
    X(mean_words, REAL, "words", SG_LATER, "mean length")                                                    \
    X(n_words, INT, "words", SG_LATER, "words that the next two are taken from: the first 500 at most")      \
    X(distinct_1, REAL, "1", SG_LATER, "different words among them")                                         \
    X(distinct_2, REAL, "1", SG_LATER, "different pairs of neighbouring words among all pairs")              \
    X(opening, TEXT, "", SG_LATER, "the most common first three words")                                      \
    X(opening_share, REAL, "1", SG_LATER, "texts that begin so")                                             \
    X(question_share, REAL, "1", SG_LATER,                                                                   \
      "texts that begin like a yes/no question: is, are, do, can, has, ...")                                 \
    X(overlap, REAL, "1", SG_LATER, "pairs: mean share of the first text's words that the second has, too")

#define SG_TEXT_MEASURES(X)                                                                                  \
    X(pool, INT, "", SG_COL_LATER, "ordinal in /pools; -1: a sample of the task's raw rows")                 \
    X(task, TEXT, "", SG_COL_LATER, "task")                                                                  \
    X(method, TEXT, "", SG_COL_LATER, "generation method; empty: raw rows")                                  \
    X(rephrases, INT, "", SG_COL_LATER, "ordinal of the pool that it says in other words; -1: none")         \
    X(n, INT, "examples", SG_COL_LATER, "examples; a pair counts as one text")                               \
    X(n_all_words, INT, "words", SG_COL_LATER, "words in all of them")                                       \
    X(n_words, INT, "words", SG_COL_LATER,                                                                   \
      "words that the next three are taken from: the first 500 at most")                                     \
    X(distinct_1, REAL, "1", SG_COL_LATER, "different words among them")                                     \
    X(distinct_2, REAL, "1", SG_COL_LATER, "different runs of two words of a text among all such runs")      \
    X(distinct_3, REAL, "1", SG_COL_LATER, "different runs of three words of a text among all such runs")    \
    X(vocabulary, REAL, "words", SG_COL_LATER,                                                               \
      "expected number of different words among 500 drawn from all of the pool's")                           \
    X(n_bleu, INT, "examples", SG_COL_LATER, "examples that self_bleu is of: the first 100 at most")         \
    X(self_bleu, REAL, "1", SG_COL_LATER,                                                                    \
      "mean BLEU-4 of each against all others, counts of 0 taken as 0.1")                                    \
    X(n_bytes, INT, "byte", SG_COL_LATER,                                                                    \
      "bytes that compression is of: whole blocks of 4,096, or all there are")                               \
    X(compression, REAL, "1", SG_LATER,                                                                      \
      "bytes before by bytes after zlib, level 9; hangs on the zlib at hand")                                \
    X(mean_words, REAL, "words", SG_COL_LATER, "mean length")                                                \
    X(sd_words, REAL, "words", SG_COL_LATER, "standard deviation of the lengths")                            \
    X(words_q10, REAL, "words", SG_COL_LATER, "length that a tenth of the examples stays below")             \
    X(words_median, REAL, "words", SG_COL_LATER, "median length")                                            \
    X(words_q90, REAL, "words", SG_COL_LATER, "length that nine tenths stay below")                          \
    X(negation, REAL, "1", SG_COL_LATER, "first texts with a negation word (English)")                       \
    X(negation_low, REAL, "1", SG_COL_LATER, "95 % interval (Wilson)")                                       \
    X(negation_high, REAL, "1", SG_COL_LATER, "95 % interval (Wilson)")                                      \
    X(negation_gap, REAL, "1", SG_COL_LATER, "largest share of a class less the smallest")                   \
    X(overlap, REAL, "1", SG_COL_LATER,                                                                      \
      "pairs: mean share of the first text's words that the second has, too")                                \
    X(opening_share, REAL, "1", SG_COL_LATER, "first texts that begin with the most common three words")     \
    X(class_drift, REAL, "1", SG_COL_LATER,                                                                  \
      "share of examples whose class the LLM chose too often; NaN: it did not choose")                       \
    X(n_cues, INT, "examples", SG_COL_LATER,                                                                 \
      "examples that the next are of: of each class as many as both have")                                   \
    X(bias, REAL, "1", SG_COL_LATER,                                                                         \
      "bias score: largest excess of /cues; NaN for raw rows, and for few examples")                         \
    X(bias_low, REAL, "1", SG_COL_LATER, "95 % interval of the largest excess, over all views")              \
    X(bias_high, REAL, "1", SG_COL_LATER, "95 % interval of the largest excess, over all views")

#define SG_CUES(X)                                                                                           \
    X(pool, INT, "", SG_COL_LATER, "ordinal in /pools; -1: a sample of the task's raw rows")                 \
    X(task, TEXT, "", SG_COL_LATER, "task")                                                                  \
    X(method, TEXT, "", SG_COL_LATER, "generation method; empty: raw rows")                                  \
    X(view, TEXT, "", SG_COL_LATER,                                                                          \
      "what the classifier sees: text, text_pair (alone) or length (of all texts)")                          \
    X(n, INT, "examples", SG_COL_LATER, "examples: of each class as many as pool and raw rows have")         \
    X(chance, REAL, "1", SG_COL_LATER, "share of the largest class")                                         \
    X(accuracy, REAL, "1", SG_COL_LATER, "cross-validated accuracy of naive Bayes that sees this alone")     \
    X(accuracy_low, REAL, "1", SG_COL_LATER, "95 % interval (Wilson)")                                       \
    X(accuracy_high, REAL, "1", SG_COL_LATER, "95 % interval (Wilson)")                                      \
    X(raw, REAL, "1", SG_COL_LATER,                                                                          \
      "the same of as many raw rows of each class; NaN for raw rows themselves")                             \
    X(raw_low, REAL, "1", SG_COL_LATER, "95 % interval (Wilson)")                                            \
    X(raw_high, REAL, "1", SG_COL_LATER, "95 % interval (Wilson)")                                           \
    X(excess, REAL, "1", SG_COL_LATER, "accuracy less that of raw rows; each is chance where it is below")   \
    X(excess_low, REAL, "1", SG_COL_LATER, "95 % interval (Newcombe)")                                       \
    X(excess_high, REAL, "1", SG_COL_LATER, "95 % interval (Newcombe)")

#define SG_CLASS_TERMS(X)                                                                                    \
    X(pool, INT, "", SG_COL_LATER, "ordinal in /pools; -1: a sample of the task's raw rows")                 \
    X(task, TEXT, "", SG_COL_LATER, "task")                                                                  \
    X(method, TEXT, "", SG_COL_LATER, "generation method; empty: raw rows")                                  \
    X(label, INT, "", SG_COL_LATER, "class index")                                                           \
    X(class, TEXT, "", SG_COL_LATER, "class name")                                                           \
    X(part, TEXT, "", SG_COL_LATER, "which text: text or text_pair, as in /examples")                        \
    X(place, INT, "", SG_COL_LATER, "0: the term with the largest z of the class and text")                  \
    X(term, TEXT, "", SG_COL_LATER, "word, folded")                                                          \
    X(z, REAL, "1", SG_COL_LATER, "log_odds by its standard error")                                          \
    X(log_odds, REAL, "nat", SG_COL_LATER,                                                                   \
      "of the class against all others, with an informative Dirichlet prior")                                \
    X(p, REAL, "1", SG_COL_LATER, "two-sided, times the number of different words (Bonferroni)")             \
    X(n_in, INT, "texts", SG_COL_LATER, "texts of the class that have it")                                   \
    X(n_out, INT, "texts", SG_COL_LATER, "texts of other classes that have it")

#define SG_ATTEMPTS(X)                                                                                       \
    X(origin, TEXT, "", SG_LATER, "server, or model file; batch ...: its batch API")                         \
    X(model, TEXT, "", SG_LATER, "the model that answered, in the provider's words; empty: none said so")    \
    X(kind, TEXT, "", SG_LATER,                                                                              \
      "answered, rate, overload, fault, adapt (refused a parameter), refused, endpoint, doubled (by "        \
      "`merge`);"                                                                                            \
      " empty: lost")                                                                                        \
    X(fate, TEXT, "", SG_LATER, "of the request then: answered, failed, again, left; empty: not known")      \
    X(http_status, INT, "", SG_LATER, "HTTP status; 0: no answer; -1: not known")                            \
    X(n, INT, "requests", SG_LATER, "attempts that ended so")                                                \
    X(n_unsettled, INT, "requests", SG_LATER, "of them those that may have been paid for or not")            \
    X(tokens_in, INT, "tokens", SG_LATER, "prompt tokens, as far as they are known")                         \
    X(tokens_out, INT, "tokens", SG_LATER, "completion tokens, as far as they are known")                    \
    X(cost_usd, REAL, "USD", SG_LATER, "cost, as far as it is known")                                        \
    X(worst_usd, REAL, "USD", SG_LATER, "the most that the unsettled ones cost; counts as spent")            \
    X(latency_s, REAL, "s", SG_LATER, "sum of the times to answer or failure")                               \
    X(latency_max_s, REAL, "s", SG_LATER, "the longest")                                                     \
    X(first, TEXT, "", SG_LATER, "UTC time when the first of them left")                                     \
    X(last, TEXT, "", SG_LATER, "UTC time when the last of them left")

/* What the requests of an evaluation or a probe cost. */
#define SG_SPENT_COLUMNS(X)                                                                                  \
    X(n_requests, INT, "", 0, "requests answered or given up on")                                            \
    X(n_failed, INT, "", 0, "requests given up on")                                                          \
    X(tokens_in, INT, "tokens", 0, "prompt tokens")                                                          \
    X(tokens_out, INT, "tokens", 0, "completion tokens")                                                     \
    X(cost_usd, REAL, "USD", 0, "cost; NaN when the price of any of them is unknown")                        \
    X(n_recorded, INT, "", SG_COL_VOLATILE,                                                                  \
      "of the requests from a recording or the cache, not bought by this study")                             \
    X(latency_s, REAL, "s", SG_COL_VOLATILE, "sum of the times to answer")

#define SG_LLM_EVAL(X)                                                                                       \
    X(evaluation, INT, "", 0, "ordinal of the evaluation; /llm_predictions refers to it")                    \
    X(task, TEXT, "", 0, "task")                                                                             \
    X(model, TEXT, "", 0, "the LLM")                                                                         \
    X(shots, INT, "examples", 0, "labelled examples shown with each row")                                    \
    X(seed, INT, "", 0, "seed of the draw of the examples")                                                  \
    X(status, TEXT, "", 0, "planned or complete")                                                            \
    X(n, REAL, "rows", 0, "test rows asked about")                                                           \
    X(n_correct, REAL, "rows", 0, "answered with the row's class")                                           \
    X(accuracy, REAL, "1", 0, "n_correct / n: an answer that names no class is wrong")                       \
    X(accuracy_low, REAL, "1", 0, "95 % interval over the test rows (Wilson)")                               \
    X(accuracy_high, REAL, "1", 0, "95 % interval over the test rows (Wilson)")                              \
    X(n_unparsable, REAL, "rows", 0,                                                                         \
      "answers that name no class, or several; refusals; requests that failed")                              \
    X(accuracy_parsed, REAL, "1", 0, "n_correct / (n - n_unparsable)")                                       \
    X(macro_f1, REAL, "1", 0, "mean F1 over all classes of the task; an unparsable answer is of none")       \
    SG_SPENT_COLUMNS(X)                                                                                      \
    X(id, TEXT, "", 0, "SHA-256 of all that determines the answers")                                         \
    X(settings, TEXT, "", SG_COL_VOLATILE, "settings, a JSON object")

#define SG_LLM_PREDICTIONS(X)                                                                                \
    X(evaluation, INT, "", 0, "ordinal in /llm_eval")                                                        \
    X(row, INT, "", 0, "place in the test file")                                                             \
    X(gold, INT, "", 0, "class index of the row")                                                            \
    X(predicted, INT, "", 0, "class index that the answer names; -1: unparsable")                            \
    X(verdict, TEXT, "", 0,                                                                                  \
      "empty, or why it is unparsable: failed, empty, refused, no class, several, reasoning")                \
    X(completion, TEXT, "", 0, "key of the completion in the ledger: SHA-256 of the request")

/* What an LLM says of a pool's examples (verify: llm). */
#define SG_VERIFICATION(X)                                                                                   \
    X(verification, INT, "", 0, "ordinal of the verification; /verdicts refers to it")                       \
    X(pool, INT, "", 0, "ordinal in /pools of the pool whose examples are shown; -1: it has no cells")       \
    X(task, TEXT, "", 0, "task")                                                                             \
    X(method, TEXT, "", 0, "generation method of the pool")                                                  \
    X(model, TEXT, "", 0, "the LLM that is asked")                                                           \
    X(generator, TEXT, "", 0, "its name in the study, where that has several")                               \
    X(status, TEXT, "", 0, "planned or complete")                                                            \
    X(n, REAL, "examples", 0, "examples asked about")                                                        \
    X(n_other, REAL, "examples", 0, "of which it says another class: views leave them out")                  \
    X(n_unparsable, REAL, "examples", 0,                                                                     \
      "answers that name no class, or several; refusals; requests that failed: views keep them")             \
    SG_SPENT_COLUMNS(X)                                                                                      \
    X(id, TEXT, "", 0, "SHA-256 of all that determines the answers")                                         \
    X(settings, TEXT, "", SG_COL_VOLATILE, "settings, a JSON object")

#define SG_VERDICTS(X)                                                                                       \
    X(verification, INT, "", 0, "ordinal in /verification")                                                  \
    X(position, INT, "", 0, "of the example in its pool, as in /examples")                                   \
    X(label, INT, "", 0, "class index of the example")                                                       \
    X(predicted, INT, "", 0, "class index that the answer names; -1: unparsable")                            \
    X(verdict, TEXT, "", 0,                                                                                  \
      "empty, or why it is unparsable: failed, empty, refused, no class, several, reasoning")                \
    X(completion, TEXT, "", 0, "key of the completion in the ledger: SHA-256 of the request")

/* Whether an LLM has seen the test rows: what its replies came to, asked to complete them by the name of their data set and without. */
#define SG_CONTAMINATION(X)                                                                                  \
    X(contamination, INT, "", 0, "ordinal of the probe; /contamination_rows refers to it")                   \
    X(task, TEXT, "", 0, "task")                                                                             \
    X(model, TEXT, "", 0, "the LLM")                                                                         \
    X(generator, TEXT, "", 0, "its name in the study, where that has several")                               \
    X(data_set, TEXT, "", 0, "what the guided instruction calls the data set")                               \
    X(split, TEXT, "", 0, "and the part of it")                                                              \
    X(status, TEXT, "", 0, "planned or complete")                                                            \
    X(verdict, TEXT, "", 0,                                                                                  \
      "likely seen, no sign, too few rows to tell (docs/contamination.md); empty: not known yet")            \
    X(n_rows, INT, "rows", 0, "test rows asked about")                                                       \
    X(n, INT, "rows", 0, "with a reply to both instructions; -1: not known yet")                             \
    X(guided_rouge_l, REAL, "1", 0,                                                                          \
      "mean ROUGE-L (F1) of replies to the instruction that names the data set")                             \
    X(general_rouge_l, REAL, "1", 0, "mean ROUGE-L (F1) of replies to the one that does not")                \
    X(difference, REAL, "1", 0, "guided_rouge_l - general_rouge_l, over the n rows")                         \
    X(p, REAL, "1", 0, "one-sided, paired over rows: sign-flip test that the difference is above 0")         \
    X(n_exact, INT, "rows", 0, "guided replies that are the row's second part; -1: not known yet")           \
    X(n_near_exact, INT, "rows", 0,                                                                          \
      "guided replies of ROUGE-L 0.8 and more that are not; -1: not known yet")                              \
    X(n_unanswered, INT, "replies", 0, "refused, empty or failed; -1: not known yet")                        \
    SG_SPENT_COLUMNS(X)                                                                                      \
    X(id, TEXT, "", 0, "SHA-256 of all that determines the replies")                                         \
    X(settings, TEXT, "", SG_COL_VOLATILE, "settings, a JSON object")

#define SG_CONTAMINATION_ROWS(X)                                                                             \
    X(contamination, INT, "", 0, "ordinal in /contamination")                                                \
    X(row, INT, "", 0, "place in the test file")                                                             \
    X(guided_rouge_l, REAL, "1", 0, "ROUGE-L (F1) of the reply by name; NaN: there is no text")              \
    X(general_rouge_l, REAL, "1", 0, "ROUGE-L (F1) of the reply without; NaN: there is no text")             \
    X(match, TEXT, "", 0, "of the reply by name: exact, near-exact, or empty")                               \
    X(guided_outcome, TEXT, "", 0, "empty, or why there is no text: failed, empty, refused, reasoning")      \
    X(general_outcome, TEXT, "", 0, "the same of the reply without")                                         \
    X(guided_completion, TEXT, "", 0, "key of the completion in the ledger: SHA-256 of the request")         \
    X(general_completion, TEXT, "", 0, "key of the completion in the ledger: SHA-256 of the request")

/* What cells made of further test sets of their task (test_sets: in its file). */
#define SG_TRANSFER(X)                                                                                       \
    X(cell, INT, "", 0, "ordinal in /cells")                                                                 \
    X(task, TEXT, "", 0, "task")                                                                             \
    X(set, INT, "", 0, "ordinal of the test set in its task, by name")                                       \
    X(test_set, TEXT, "", 0, "name of the test set")                                                         \
    X(n_test, INT, "rows", 0, "its rows, all of them predicted")                                             \
    SG_METRICS(X)                                                                                            \
    X(loss, REAL, "nat", 0, "mean cross-entropy on its rows")

#define SG_TEST_SET_ROWS(X)                                                                                  \
    X(task, TEXT, "", 0, "task")                                                                             \
    X(set, INT, "", 0, "ordinal of the test set in its task, as in /transfer")                               \
    X(test_set, TEXT, "", 0, "name of the test set")                                                         \
    X(row, INT, "", 0, "place in its file")                                                                  \
    X(label, INT, "", 0, "class index")                                                                      \
    X(class, TEXT, "", 0, "class name")                                                                      \
    X(text, TEXT, "", 0, "the text; the first one of a pair")                                                \
    X(text_pair, TEXT, "", 0, "the second text of a pair")

#define SG_TRANSFER_PREDICTIONS(X)                                                                           \
    X(cell, INT32, "", 0, "ordinal in /cells")                                                               \
    X(set, INT32, "", 0, "ordinal of the test set in the cell's task, as in /transfer")                      \
    X(row, INT32, "", 0, "place in the set's file")                                                          \
    X(gold, INT32, "", 0, "class index of the row")                                                          \
    X(predicted, INT32, "", 0, "class index with the largest logit")                                         \
    X(p_predicted, REAL32, "1", 0, "probability of the predicted class")                                     \
    X(p_gold, REAL32, "1", 0, "probability of the row's class")

/* SG_TABLES(Y): Y(list, dataset, its older name or NULL, flags: 0, SG_H5_TABLE_PLAIN, SG_H5_TABLE_LATER, description), in the order in which they enter the
 * file's digest. */
#define SG_TABLES(Y)                                                                                         \
    Y(CELLS, cells, NULL, 0, "One row a cell: one training run of the study")                                \
    Y(POOLS, pools, NULL, 0, "One row a pool: the synthetic examples of a task, method and generation seed") \
    Y(REJECTS, rejects, NULL, 0, "Attempts of each pool that gave no example, by reason")                    \
    Y(EXAMPLES, examples, NULL, 0, "The synthetic examples")                                                 \
    Y(CLASSES, classes, NULL, 0, "The classes of each task")                                                 \
    Y(TEST_ROWS, test_rows, NULL, 0, "The test rows that every cell of a task predicts")                     \
    Y(PREDICTIONS, predictions, NULL, 0, "What each finished cell predicts for each test row")               \
    Y(PROBABILITIES, probabilities, NULL, SG_H5_TABLE_PLAIN, "Class probabilities, see /predictions")        \
    Y(CURVES, curves, NULL, 0, "Training loss of each finished cell")                                        \
    Y(PER_CLASS, per_class, NULL, 0, "Precision, recall and F1 of each class in each finished cell")         \
    Y(SPEND, spend, NULL, 0, "What each pool's completions cost")                                            \
    Y(DIVERSITY, diversity, NULL, 0, "How different the examples of each pool are from one another")         \
    Y(NEAR, near_duplicates, NULL, SG_H5_TABLE_LATER,                                                        \
      "Examples that nearly repeat another text, kept or rejected")                                          \
    Y(REMOVED, removed, NULL, SG_H5_TABLE_LATER,                                                             \
      "Synthetic examples that verification took out of a cell's training rows")                             \
    Y(TEXT_STATS, text_stats, "bias", SG_H5_TABLE_LATER,                                                     \
      "What the texts of each pool look like, by class, beside the raw rows")                                \
    Y(TEXT_MEASURES, text_measures, NULL, SG_H5_TABLE_LATER,                                                 \
      "How varied the texts of each pool are, and its bias score, beside the raw rows")                      \
    Y(CUES, cues, NULL, SG_H5_TABLE_LATER,                                                                   \
      "How much of the label each text alone, or its length, gives away")                                    \
    Y(CLASS_TERMS, class_terms, NULL, SG_H5_TABLE_LATER,                                                     \
      "Words that go with a class, of each pool and the raw rows")                                           \
    Y(ATTEMPTS, attempts, NULL, SG_H5_TABLE_LATER,                                                           \
      "What the requests of all runs came to, failed ones too, by kind")                                     \
    Y(POOL_MEASURES, measures, NULL, SG_H5_TABLE_LATER,                                                      \
      "How close the examples of each pool are to the task's raw rows, by their embeddings")                 \
    Y(DISTANCES, pool_distances, NULL, SG_H5_TABLE_LATER, "How far apart each two pools of a task are")      \
    Y(LLM_EVAL, llm_eval, NULL, SG_H5_TABLE_LATER,                                                           \
      "The LLM as a classifier: one row an evaluation on test rows")                                         \
    Y(LLM_PREDICTIONS, llm_predictions, NULL, SG_H5_TABLE_LATER, "What the LLM said of each test row")       \
    Y(TRANSFER, transfer, NULL, SG_H5_TABLE_LATER,                                                           \
      "Each finished cell on each further test set of its task")                                             \
    Y(TEST_SET_ROWS, test_set_rows, NULL, SG_H5_TABLE_LATER, "The rows of the further test sets")            \
    Y(TRANSFER_PREDICTIONS, transfer_predictions, NULL, SG_H5_TABLE_LATER,                                   \
      "What each finished cell predicts for each row of a further test set")                                 \
    Y(CONTAMINATION, contamination, NULL, SG_H5_TABLE_LATER,                                                 \
      "Whether the LLM has seen the test rows: one row a task and generator")                                \
    Y(CONTAMINATION_ROWS, contamination_rows, NULL, SG_H5_TABLE_LATER,                                       \
      "How near the LLM's replies come to each of those test rows")                                          \
    Y(VERIFICATION, verification, NULL, SG_H5_TABLE_LATER,                                                   \
      "What an LLM says of synthetic examples: one row a pool")                                              \
    Y(VERDICTS, verdicts, NULL, SG_H5_TABLE_LATER, "The class that the LLM says of each example")

/* SG_T_<LIST>: index of a table; SG_<LIST>_<column>: index of a column; SG_N_<LIST>: their number. */
#define SG_Y_INDEX(list, dataset, older, flags, text) SG_T_##list,
enum sg_h5_table_index { SG_TABLES(SG_Y_INDEX) SG_N_TABLES };
#undef SG_Y_INDEX

#define SG_X_CELLS(name, ...)                           SG_CELLS_##name,
#define SG_X_POOLS(name, ...)                           SG_POOLS_##name,
#define SG_X_REJECTS(name, ...)                         SG_REJECTS_##name,
#define SG_X_NEAR(name, ...)                            SG_NEAR_##name,
#define SG_X_REMOVED(name, ...)                         SG_REMOVED_##name,
#define SG_X_TEXT_STATS(name, ...)                      SG_TEXT_STATS_##name,
#define SG_X_POOL_MEASURES(name, ...)                   SG_POOL_MEASURES_##name,
#define SG_X_DISTANCES(name, ...)                       SG_DISTANCES_##name,
#define SG_X_TEXT_MEASURES(name, ...)                   SG_TEXT_MEASURES_##name,
#define SG_X_CUES(name, ...)                            SG_CUES_##name,
#define SG_X_CLASS_TERMS(name, ...)                     SG_CLASS_TERMS_##name,
#define SG_X_ATTEMPTS(name, ...)                        SG_ATTEMPTS_##name,
#define SG_X_LLM_EVAL(name, ...)                        SG_LLM_EVAL_##name,
#define SG_X_LLM_PREDICTIONS(name, ...)                 SG_LLM_PREDICTIONS_##name,
#define SG_X_EXAMPLES(name, ...)                        SG_EXAMPLES_##name,
#define SG_X_CLASSES(name, ...)                         SG_CLASSES_##name,
#define SG_X_TEST_ROWS(name, ...)                       SG_TEST_ROWS_##name,
#define SG_X_PREDICTIONS(name, ...)                     SG_PREDICTIONS_##name,
#define SG_X_PROBABILITIES(name, ...)                   SG_PROBABILITIES_##name,
#define SG_X_CURVES(name, ...)                          SG_CURVES_##name,
#define SG_X_PER_CLASS(name, ...)                       SG_PER_CLASS_##name,
#define SG_X_SPEND(name, ...)                           SG_SPEND_##name,
#define SG_X_DIVERSITY(name, ...)                       SG_DIVERSITY_##name,
#define SG_X_TRANSFER(name, ...)                        SG_TRANSFER_##name,
#define SG_X_TEST_SET_ROWS(name, ...)                   SG_TEST_SET_ROWS_##name,
#define SG_X_TRANSFER_PREDICTIONS(name, ...)            SG_TRANSFER_PREDICTIONS_##name,
#define SG_X_CONTAMINATION(name, ...)                   SG_CONTAMINATION_##name,
#define SG_X_CONTAMINATION_ROWS(name, ...)              SG_CONTAMINATION_ROWS_##name,
#define SG_X_VERIFICATION(name, ...)                    SG_VERIFICATION_##name,
#define SG_X_VERDICTS(name, ...)                        SG_VERDICTS_##name,
#define SG_Y_COLUMNS(list, dataset, older, flags, text) enum { SG_##list(SG_X_##list) SG_N_##list };
SG_TABLES(SG_Y_COLUMNS)
#undef SG_Y_COLUMNS

extern const struct sg_h5_table_spec sg_store_tables[SG_N_TABLES];

#endif
