/* The settings of a study: one table (experiments/study/schema.h says what a row is).
 *
 * The file is YAML in groups (`train: {epochs: 3}`), an override is a dotted path of it (`train.epochs=5
 * sizes=[100,500] generator.base_url=`; nothing behind the = is null). Overrides come after the file, the
 * last one counts. */
#ifndef SG_EXPERIMENTS_STUDY_SETTINGS_H
#define SG_EXPERIMENTS_STUDY_SETTINGS_H

#include "experiments/study/schema.h"
#include "experiments/study/study.h"

#include <jansson.h>

/* What the table fills: the study, and the tasks' names before their files are read. */
struct sg_settings {
    struct sg_study study;
    struct sg_generator generator;    /* generator: */
    const struct sg_yaml *generators; /* generators:, or NULL */
    const struct sg_yaml *imports;    /* methods:, where groups are among them, or NULL */
    int n_task_names;
    char **task_name;
};

extern const struct sg_schema sg_study_schema;

/* Local. The settings of `synthgrid train`: *s gets the defaults, then the overrides (train.* without
 * train.encoder, and train.seed, which only this command has). SG_INPUT as for a study; *s is untouched then.
 */
sg_status sg_settings_train(int n_overrides, const char *const *overrides, struct sg_train_settings *s,
                            struct sg_err *err) SG_MUST_USE;

/* Local. Checks that reach over one row: lanes a power of two, no settings that contradict. Used by both
 * readers. */
sg_status sg_settings_check_train(const struct sg_reading *r, const char *source,
                                  const struct sg_train_settings *s, struct sg_err *err) SG_MUST_USE;

/* Adds the table as text for people: key, what it takes, default, help. */
void sg_settings_help(struct sg_buf *out);

/* Adds one row's value as JSON, null where nothing is set; of `generators` the names. */
void sg_settings_value(const struct sg_setting *s, const struct sg_settings *of, struct sg_buf *out);

/* Adds the settings of a study, but those no result depends on (SG_SET_PLACE), as canonical JSON: compact,
 * sorted keys, groups nested, null where nothing is set. */
void sg_settings_json(const struct sg_settings *s, struct sg_buf *out);

/* Whether such JSON, from elsewhere, holds settings alone that sg_settings_json writes: NULL, or the first other key ("results"),
 * borrowed. Their values are not looked at. */
const char *sg_settings_foreign(const json_t *settings);

/* A study's or a task's name: [A-Za-z0-9][A-Za-z0-9._-]{0,63}, so that it can name folders, files and HDF5
 * groups. */
int sg_settings_is_name(const char *text);
sg_status sg_settings_check_name(const struct sg_yaml *at, const char *key, const char *text,
                                 struct sg_err *err) SG_MUST_USE;

#endif
