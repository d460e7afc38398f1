/* Task files: one YAML file a task (experiments/tasks/boolq.yaml explains the format), read into struct
 * sg_task. */
#ifndef SG_EXPERIMENTS_STUDY_TASK_FILE_H
#define SG_EXPERIMENTS_STUDY_TASK_FILE_H

#include "base/err.h"
#include "experiments/study/yaml.h"
#include "gen/pool/task.h"

enum { SG_TASK_MAX_CLASSES = 1000, SG_TASK_MAX_TEST_SETS = 32 };

/* Local. Reads and checks a task file: known keys, 2 to 1000 classes whose names and readable names differ by more
 * than case, blanks and punctuation (gen/pool/class_name.h), a pair's marks, templates whose {placeholders} are known and that use the ones they cannot do without.
 * SG_INPUT with file:line:column; *out is untouched then. Freed by sg_task_free. */
sg_status sg_task_read(const char *path, struct sg_task *out, struct sg_err *err) SG_MUST_USE;

/* Local. The file of an entry of `tasks:`, in new memory. A name is looked for as
 * <study_dir>/tasks/<name>.yaml, then experiments/tasks/<name>.yaml, then in the installed experiments/tasks;
 * what holds a '/' or ends in .yaml or .yml is a path, from the current folder, then from study_dir. SG_INPUT
 * names the tasks that there are. `at`: where the entry stands. */
sg_status sg_task_find(const char *entry, const char *study_dir, const struct sg_yaml *at, char **path,
                       struct sg_err *err) SG_MUST_USE;

/* Local. The names of the tasks that there are in those places, sorted: at most `max` of them, each in new memory. Returns how many. */
int sg_task_names(const char *study_dir, char *name[], int max);

#endif
