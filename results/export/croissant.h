/* croissant.json: Croissant 1.1 (docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html) of what an export has written. */
#ifndef SG_RESULTS_EXPORT_CROISSANT_H
#define SG_RESULTS_EXPORT_CROISSANT_H

#include "results/export/card.h"
#include "results/export/out.h"
#include "results/export/tables.h"

/* Describes each file that o has so far; a record set a table (its CSV lies in `prefix`) and one a pool. */
sg_status sg_croissant_write(struct sg_out *o, const struct sg_export_origin *from,
                             const struct sg_export_options *options, const struct sg_export_table *table,
                             const char *prefix, const struct sg_export_pools *p,
                             struct sg_err *err) SG_MUST_USE;

#endif
