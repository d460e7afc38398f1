/* The dataset card of exported pools: README.md with a head in YAML, as huggingface.co/docs/hub/datasets-cards has it. */
#ifndef SG_RESULTS_EXPORT_CARD_H
#define SG_RESULTS_EXPORT_CARD_H

#include "base/buf.h"
#include "results/export/export.h"
#include "results/export/pools.h"

/* What all of an export says of where it comes from; texts of results.h5, "" where it has none. */
struct sg_export_origin {
    char *study, *program, *digest, *written, *rehearsal;
    int is_unfinished;           /* a run is at work on it or was cut off, or cells are still planned */
    int64_t n_cells, n_finished; /* done or failed */
};

/* One paragraph of Markdown: study, program, digest, and what is not to be overlooked. */
void sg_card_origin(struct sg_buf *out, const struct sg_export_origin *from);
/* "The study was not finished when this was exported: 3 of 8 cells were." */
void sg_card_unfinished(struct sg_buf *out, const struct sg_export_origin *from);

/* SG_FAILED without memory, or for a ledger that breaks while it is read. */
sg_status sg_card_write(struct sg_buf *out, const struct sg_export_origin *from,
                        const struct sg_export_options *o, const struct sg_export_pools *p,
                        struct sg_err *err) SG_MUST_USE;

#endif
