/* A study's results in files that other programs read: `synthgrid export`.
 *
 *     sg_report_source_open("results/quickstart", &source, &err)
 *     sg_store_verify(source.file, &err)               nothing goes out under a digest that it does not have
 *     sg_export(&source, &(struct sg_export_options){.format = sg_export_format_of("csv"), .output = "out"}, &err)
 *     sg_report_source_close(&source)
 *
 *   csv         OUT/<table>.csv    each table of results.h5 that has rows, RFC 4180
 *               OUT/columns.csv    table, column, type, unit, description, varies: 1 where it differs from run to run
 *               OUT/README.md      what the files are
 *   hf          OUT/data/<task>/<method>-g<seed>[-d<draw>].jsonl    the examples of a pool, an object a line
 *               OUT/README.md      a dataset card: its head names a configuration a task and method, for `datasets`
 *   croissant   all of hf, all of csv in OUT/tables/, and OUT/croissant.json, which describes both (Croissant 1.1, JSON-LD)
 *
 * Texts stand as they are, but for bytes that are no UTF-8 (U+FFFD). Numbers read back exactly: a float32 in as many digits as make it
 * the same float32. What there is none of (NaN) is an empty field, in JSON null; a column that an older results.h5 does not have is left out.
 * The same results.h5 gives the same bytes.
 *
 * Local. HDF5 is not thread-safe here: one thread at a time. */
#ifndef SG_RESULTS_EXPORT_EXPORT_H
#define SG_RESULTS_EXPORT_EXPORT_H

#include "base/err.h"
#include "results/report/report_source.h"

#include <stddef.h>

struct sg_export_format;

/* "hf"; NULL for none. */
const struct sg_export_format *sg_export_format_of(const char *name);
/* "csv, hf, ...": all names, for messages and --help. */
void sg_export_format_names(char *out, size_t n_bytes);

struct sg_export_options {
    const struct sg_export_format *format;
    const char *output; /* OUT */
    const char *table;  /* of csv: this table alone, and OUT is a file; NULL: all */
    const char *
        ledger; /* folder with the ledger that prompts are shown from; NULL, or without one: none are shown */
    const char *license, *creator, *url; /* for whom it is published by; NULL: not known */
};

/* Of a file that sg_store_verify has found whole. Writes OUT, under a temporary name until it is whole and synced. *notes: that the study is not
 * finished, and what the metadata lack for want of options, a line each; NULL where there is nothing to say (sg_free). SG_INPUT when OUT exists, for a file that is none of ours or damaged, and for a table that there is not. */
sg_status sg_export(const struct sg_report_source *s, const struct sg_export_options *o, char **notes,
                    struct sg_err *err) SG_MUST_USE;

#endif
