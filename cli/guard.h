/* Reading a results.h5 that may be damaged, or made to do harm.
 *
 *     sg_cli_guard_reading("results.h5", NULL);     before HDF5 opens it
 *
 * Local, once a process: signal handlers and a limit on CPU time, which stay until sg_cli_guard_end. */
#ifndef SG_CLI_GUARD_H
#define SG_CLI_GUARD_H

/* From now on the program ends with a sentence and exit code 2 where HDF5 crashes, or computes far longer than files of their size
 * take. `other`: a second file, or NULL. */
void sg_cli_guard_reading(const char *path, const char *other);

/* Reading is over: what comes now may take its time. */
void sg_cli_guard_end(void);

#endif
