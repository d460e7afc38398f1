/* Pools that others have made, in a bundle: their rows go in, as what was bought does, and the study's setting names where they are unpacked.
 * Private to experiments/bundle/.
 *
 * A part a row, behind the tasks' rows:
 *   imported   task, method, first, second (null: a single text), label (null: no class of the task)
 *
 * An entry of the setting methods is then {name, pool: "pools/{task}/NAME.jsonl", tasks}: the columns are the task's. */
#ifndef SG_EXPERIMENTS_BUNDLE_BUNDLE_IMPORTS_H
#define SG_EXPERIMENTS_BUNDLE_BUNDLE_IMPORTS_H

#include "experiments/bundle/bundle.h"
#include "experiments/study/prepare.h"

/* Not 0 without memory: the entries of methods that are imports, as they are in a bundle; below `dir`, or NULL: as they are sealed. */
int sg_bundle_imports_settle(json_t *settings, const char *dir);

/* SG_INPUT for an import whose setting says anything else than a bundle's. */
sg_status sg_bundle_imports_check(const json_t *settings, struct sg_err *err) SG_MUST_USE;

/* SG_INPUT for a part that is no row of an import of the settings. The caller has the tasks checked. */
sg_status sg_bundle_import_row(const json_t *settings, const json_t *part, struct sg_err *err) SG_MUST_USE;

/* All rows of the study's imports, each for `put`. */
sg_status sg_bundle_imports_each(const struct sg_prepared *p,
                                 sg_status (*put)(void *context, json_t *part, struct sg_err *err),
                                 void *context, struct sg_err *err) SG_MUST_USE;

#endif
