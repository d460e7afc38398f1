/* From the ledger into the tables of results.h5; used by store.c alone. */
#ifndef SG_RESULTS_H5_STORE_FILL_H
#define SG_RESULTS_H5_STORE_FILL_H

#include "results/h5/store_tables.h"
#include "results/ledger/ledger.h"

/* Adds all rows, in an order that depends on the study alone: cells by ordinal, tasks and pools as the cells name them. */
sg_status sg_store_fill(struct sg_ledger *l, struct sg_h5_table *const table[SG_N_TABLES],
                        struct sg_err *err) SG_MUST_USE;

#endif
