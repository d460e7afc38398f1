/* Where files are looked for: the current folder, then the data that is installed with the program, or its sources where it was built. */
#ifndef SG_EXPERIMENTS_STUDY_PATHS_H
#define SG_EXPERIMENTS_STUDY_PATHS_H

/* Local. `path` as it is when something stands there, or it is absolute; else <share>/path when that exists;
 * else `path` as it is (whoever opens it says that it is missing). In new memory (sg_free); NULL without
 * memory. */
char *sg_path_find(const char *path);

/* Local. Where a path of the study file `study` is: from the current folder, then from the study's, then as sg_path_find. In new memory;
 * NULL without memory. */
char *sg_path_of_study(const char *study, const char *path);

/* Local. The folder of installed data, in new memory: ../share/synthgrid beside the program's own folder (so
 * that an installed tree can be moved), else the sources of a program that is run from its build folder, else where it was configured
 * to go. NULL without memory. */
char *sg_path_share(void);

/* Local. The program of the stub LLM server: stub/llm_stub.py beside this program where it was built, else in the folder of
 * installed data; never one that just lies in the current folder. In new memory; NULL without memory. */
char *sg_path_stub(void);

#endif
