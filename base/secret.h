/* API keys: read once from the environment, wiped there, or from a file that it names; kept out of everything that is written.
 *
 * The key lives in process memory and in the request header only. Every text that comes from a server or goes
 * into a message passes sg_redact first (servers echo keys in their error texts). */
#ifndef SG_BASE_SECRET_H
#define SG_BASE_SECRET_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>

/* Before anything else in main: no core dumps, and /proc/PID/{environ,mem} closed to others of the same user
 * (PR_SET_DUMPABLE 0, RLIMIT_CORE 0). */
void sg_secret_harden(void);

/* Takes the variable out of the environment: its value is remembered (for sg_redact too) and its bytes are
 * overwritten, so that children and /proc do not have it. Returns the key, owned by this module and the same
 * at each call, or NULL when the variable was never set. SG_INPUT when it is empty or holds anything but
 * printable ASCII (a newline would break the header).
 *
 * Where the variable is not set and <variable>_FILE is (OPENAI_API_KEY_FILE), the key is the one line of the file that it names, as in
 * the records of a batch system a path may stand, but no key. SG_INPUT unless sg_secret_file_check agrees. */
sg_status sg_secret_take(const char *variable, const char **key, struct sg_err *err) SG_MUST_USE;

/* Whether a key file is one: a file, and for its owner alone (0600 or 0400). SG_INPUT says what is wrong, and the chmod command. */
sg_status sg_secret_file_check(const char *path, struct sg_err *err) SG_MUST_USE;

/* A key that arrived by MPI from rank 0; *kept is this module's copy. */
sg_status sg_secret_remember(const char *key, const char **kept, struct sg_err *err) SG_MUST_USE;

/* Overwrites every known key of 8 characters or more in `text` with '*', and what looks like one ("sk-..."
 * and "Bearer ..." with a digit or 20 characters behind it). In place. */
void sg_redact(char *text);

/* Whether a known key of 8 characters or more is in `text`. */
int sg_secret_is_in(const char *text);

/* Adds what others have written for a message: redacted before it is cut (half a key is not found any more), then as
 * sg_buf_safe. Nothing without memory. */
void sg_buf_foreign(struct sg_buf *b, const char *text, size_t max_chars);

/* Overwrites all known keys in memory: at exit. */
void sg_secret_wipe(void);

#endif
