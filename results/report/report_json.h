/* The report as one JSON object; used by form_json.c alone. */
#ifndef SG_RESULTS_REPORT_REPORT_JSON_H
#define SG_RESULTS_REPORT_REPORT_JSON_H

#include "results/report/report_data.h"

/* {"provenance", "cells": counts, "tasks": [{"task", "classes", "n_test", "chance_accuracy", "largest_class",
 * "rows": [{"method", "size", "raw", "raw_only" | "synthetic" | "raw_synthetic": {"n_done", "n_failed",
 * "n_planned", "n_one_class", "n_pools", "n_draws", "n_trainings", "interval": what is in it (null: there is none), "accuracy", "macro_f1": {"mean",
 * "low", "high"}: as in the main table}}]}], "pools": [...], "spend":
 * {...}, "failed": [...], "llm_eval": [{"task", "model", "shots", "seed", "n", "accuracy", "n_unparsable", "accuracy_parsed",
 * "macro_f1", cost, "encoder_raw_only", "encoder_best"}], "text_stats": [{"task", "method" (null: raw rows), "class" (null: all), "part",
 * numbers of /text_stats}]; these two where the study has any, and
 * "unfinished": {"cells_so_far", "cells", "a_run_is_at_work"} where it was read from a ledger}. Shares are fractions; what does not exist is null.
 *
 * form_json.c adds what a person is shown: "title", "subtitle", "warnings", and "sections": [{"name", "title", "is_answer", "sentences", "notes",
 * "tables": [{"name", "title", "columns": [{"name", "unit", "type": "text" | "number"}], "rows": [[cell]]}], "figures": [{"name", "title",
 * "kind", "x", "y", "log_x", "zero_line", "points": [{"series", "label", "x", "y", "low", "high"}]}]}]. A cell of a column of texts is a
 * string, one of numbers {"value", "low", "high", "text": as it is shown}. */
sg_status sg_report_json(const struct sg_report_data *d, json_t **out, struct sg_err *err) SG_MUST_USE;

#endif
