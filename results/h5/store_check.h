/* Whether results.h5 is whole, fits its ledger, and is complete: what `synthgrid verify` says.
 *
 * A misfit is a sentence, and so is a remark, which is none; all are found, not only the first. A file that is no results.h5 at all is one misfit.
 *
 * Rank 0 only. HDF5 is not thread-safe here: one thread at a time. */
#ifndef SG_RESULTS_H5_STORE_CHECK_H
#define SG_RESULTS_H5_STORE_CHECK_H

#include "base/err.h"
#include "results/ledger/ledger.h"

#include <jansson.h>

/* Appends to the array `misfits` what is damaged in the file: each table whose rows do not fit its digests, and the digest of all. */
sg_status sg_store_check_file(const char *path, json_t *misfits, struct sg_err *err) SG_MUST_USE;

/* Appends each table of the file that holds something else than the ledger, with the first row that differs. The ledger's own results.h5
 * is built in a temporary folder; for files that sg_store_check_file found whole. */
sg_status sg_store_check_ledger(const char *path, struct sg_ledger *l, json_t *misfits,
                                struct sg_err *err) SG_MUST_USE;

/* Appends "cells: 3 of 5 are done" and the like for what is planned and missing. A pool that says why it is short is over by the
 * study's rules (its completions, rows or draws ran out): `remarks` gets it, with its reason. One without any example is missing, as its cells fail. */
sg_status sg_store_check_complete(const char *path, json_t *misfits, json_t *remarks,
                                  struct sg_err *err) SG_MUST_USE;

#endif
