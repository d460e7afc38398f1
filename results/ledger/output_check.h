/* Whether a command may write a file: never over what it reads, nor over what a run owns. */
#ifndef SG_RESULTS_LEDGER_OUTPUT_CHECK_H
#define SG_RESULTS_LEDGER_OUTPUT_CHECK_H

#include "base/err.h"

/* Local, before anything is written. path: the file that `what` ("--output") names; NULL and "-" are fine. inputs: (n_inputs) files, and
 * folders whose files are inputs; NULL, "-" and what is not there are passed over. SG_INPUT when path
 *   - is one of them, by whatever name or link, or a file that is already in one of the folders;
 *   - has a name that a run gives its own files, beside a ledger: ledger.sqlite*, results.h5, status.json, *.run, or lies in its lock;
 *   - is an existing SQLite or HDF5 file, whatever its name: these are ledgers and results. */
sg_status sg_output_check(const char *what, const char *path, const char *const *inputs, int n_inputs,
                          struct sg_err *err) SG_MUST_USE;

/* The same for a folder that gets files: SG_INPUT when it is one of the folders `inputs`, or a run's results folder. */
sg_status sg_output_check_folder(const char *what, const char *path, const char *const *inputs, int n_inputs,
                                 struct sg_err *err) SG_MUST_USE;

#endif
