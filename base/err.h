/* Errors: a status that travels up, and one sentence that travels with it.
 *
 * What can fail returns sg_status and takes a `struct sg_err *` last; the leaf that finds the trouble writes
 * the sentence (what, where, what to do: "hint: ..."), callers pass it up with SG_TRY or add where with
 * sg_err_at, and only cli/ prints. The numbers are the program's exit codes (docs: README, "Exit codes").
 *
 *     SG_TRY(sg_file_read(path, SG_FILE_MAX, &text, err));
 *     if (n < 1) return sg_fail(err, SG_INPUT, "%s: no rows; hint: ...", path);
 */
#ifndef SG_BASE_ERR_H
#define SG_BASE_ERR_H

typedef enum {
    SG_OK = 0,
    SG_FAILED = 1,  /* something broke: disk, memory, MPI, a server */
    SG_INPUT = 2,   /* wrong usage, study, data or model file */
    SG_STOPPED = 3, /* stopped at a limit (money, wall time, signal); running again resumes */
    SG_PARTIAL = 4, /* finished, but some cells failed */
    SG_FULL =
        5, /* a disk is full, or a quota or a limit on a file's size is reached: nothing is lost, and what was told to
                     * write can be told again when there is room. As an exit code it is 3 */
} sg_status;

struct sg_err {
    sg_status status;
    char text[1000];
};

#define SG_MUST_USE          __attribute__((warn_unused_result))
#define SG_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Writes the sentence and returns `status`. `err` may be NULL. */
sg_status sg_fail(struct sg_err *err, sg_status status, const char *format, ...) SG_PRINTF(3, 4);

/* What a write that failed with this errno is: SG_FULL (ENOSPC, EDQUOT, EFBIG) or SG_FAILED. */
sg_status sg_write_status(int error_number);

/* "out of memory (N bytes)"; returns SG_FAILED. */
sg_status sg_fail_memory(struct sg_err *err, unsigned long long n_bytes);

/* Puts "<where>: " before the sentence; returns the status that `err` holds. */
sg_status sg_err_at(struct sg_err *err, const char *format, ...) SG_PRINTF(2, 3);

#define SG_TRY(call)                                                                                         \
    do {                                                                                                     \
        sg_status sg_try_ = (call);                                                                          \
        if (sg_try_ != SG_OK)                                                                                \
            return sg_try_;                                                                                  \
    } while (0)

/* The same inside a function with `sg_status status` and a label `done:`. */
#define SG_TRY_DONE(call)                                                                                    \
    do {                                                                                                     \
        status = (call);                                                                                     \
        if (status != SG_OK)                                                                                 \
            goto done;                                                                                       \
    } while (0)

#endif
