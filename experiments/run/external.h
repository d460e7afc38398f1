/* A cell that another program trains (train.external): the rows and settings as files in a folder of its own, predictions back.
 *
 * The program gets the folder as its last argument. There is in it
 *     cell.json     {"format": 1, "task", "classes": [names], "pairs": whether rows have two texts, "n_train", "n_test",
 *                   "seed", "threads", "steps": optimiser steps that our trainer would take, "settings": train.* (model/train_settings.h;
 *                   "lr" as a number), "encoder": the folder train.encoder}
 *     train.jsonl   {"text", "text_pair"?, "label": index of the class} a line: raw rows, then synthetic ones
 *     test.jsonl    {"text", "text_pair"?} a line: no labels
 * and it writes
 *     predictions.jsonl   {"probabilities": [K numbers]} or {"logits": [K numbers]} a line, as test.jsonl
 * and may write what else it likes there: the folder goes when the cell is done. It runs in the current folder of the run, and its
 * environment is a list of names (docs/external.md) without keys and without MPI, with OMP_NUM_THREADS and SYNTHGRID_LOCAL_RANK. */
#ifndef SG_EXPERIMENTS_RUN_EXTERNAL_H
#define SG_EXPERIMENTS_RUN_EXTERNAL_H

#include "experiments/study/study.h"
#include "model/train.h"
#include "mpi/engine.h"

/* Local: the team is one rank. train, test: a cell's rows; their class names are task's. Fills *r but for what a training by others does
 * not tell (steps, losses, digest of the weights); sg_train_result_free. SG_FAILED with the program's last words, or with the line of
 * predictions.jsonl that is wrong; SG_STOPPED as w->stopping says. */
sg_status sg_external_train(const struct sg_study *s, const struct sg_task *task,
                            const struct sg_train_settings *settings, const struct sg_examples *train,
                            const struct sg_examples *test, const struct sg_work *w,
                            struct sg_train_result *r, struct sg_err *err) SG_MUST_USE;

#endif
