/* Where files are looked for: the current folder, then the data that is installed with the program, or its sources where it was built. */
#ifndef SG_EXPERIMENTS_STUDY_PATHS_H
#define SG_EXPERIMENTS_STUDY_PATHS_H

#include "base/err.h"

/* Local. `path` as it is when something stands there, or it is absolute; else <share>/path when that exists;
 * else `path` as it is (whoever opens it says that it is missing). In new memory (sg_free); NULL without
 * memory. */
char *sg_path_find(const char *path);

/* Local. Where a path of the study file `study` is: from the current folder, then from the study's, then as sg_path_find. In new memory;
 * NULL without memory. */
char *sg_path_of_study(const char *study, const char *path);

/* Local. An encoder's folder: `path` from the study (NULL: from the current folder), as sg_path_of_study; where no folder is there and `path` is a name on the
 * Hugging Face Hub, its folder in the Hub's cache (base/hub.h); else `path` as it is. In new memory; NULL without memory. */
char *sg_path_of_encoder(const char *study, const char *path);

/* Local. The same of what an option names (NULL for the study). A name on the Hub that is neither a folder nor in its cache is SG_INPUT with the command that
 * fetches it; what is no such name stays as it is, for whoever opens it. In new memory. */
sg_status sg_path_encoder(const char *option, const char *text, char **dir, struct sg_err *err) SG_MUST_USE;
/* Local. That sentence: `name` is no folder, and the cache has no such model. Returns SG_INPUT. */
sg_status sg_path_fail_hub(const char *what, const char *name, struct sg_err *err);

/* Local. The folder of installed data, in new memory: ../share/synthgrid beside the program's own folder (so
 * that an installed tree can be moved), else the sources of a program that is run from its build folder, else where it was configured
 * to go. NULL without memory. */
char *sg_path_share(void);

/* Local. A program that comes with this one, "stub/llm_stub.py" say: beside this program where it was built, else in the folder of
 * installed data; never one that just lies in the current folder. In new memory; NULL without memory. */
char *sg_path_helper(const char *file);

#endif
