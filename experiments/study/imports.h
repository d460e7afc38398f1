/* Pools that others have made, as methods of a study:
 *
 *     methods: [zero_shot, {name: theirs, pool: exports/{task}.jsonl, text: input_text, label: label}]
 *
 * The file is read as task rows are (docs/data.md): JSON Lines, a JSON list, CSV or TSV, gzip of these; of a folder all such files in the
 * order of their names. What its rows lack or say wrongly is counted in the pool (gen/pool/imported.h), not refused. */
#ifndef SG_EXPERIMENTS_STUDY_IMPORTS_H
#define SG_EXPERIMENTS_STUDY_IMPORTS_H

#include "experiments/study/settings.h"
#include "gen/pool/imported.h"

/* Local. Reads the groups among methods: into all->study. SG_INPUT with file:line:column. */
sg_status sg_imports_read(struct sg_settings *all, struct sg_err *err) SG_MUST_USE;

/* Local, when the tasks are known. is_narrowed: they were named on the command line, and an import of the file may be for others, too.
 * SG_INPUT for a task that the study does not have, one file for several tasks, or columns that do not fit a task's texts. */
sg_status sg_imports_check(const struct sg_study *s, int is_narrowed, struct sg_err *err) SG_MUST_USE;

/* Adds them as JSON objects, a comma before each but the first of the list. n: entries of the list so far. */
void sg_imports_json(const struct sg_study *s, int n, struct sg_buf *out);

/* Local. The file or folder of an import for a task, in new memory (sg_free): {task} filled in, then looked for from the current folder, the
 * study's, and the program's data. NULL without memory. */
char *sg_import_path(const struct sg_study *s, int import, int task);

/* Local. Reads its rows and what their labels are. SG_INPUT with path:line. Freed by sg_imported_free. */
sg_status sg_import_read(const struct sg_study *s, int import, int task, struct sg_imported *out,
                         struct sg_err *err) SG_MUST_USE;
void sg_imported_free(struct sg_imported *x); /* leaves it empty */

#endif
