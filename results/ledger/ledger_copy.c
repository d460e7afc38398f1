#include "results/ledger/ledger_copy.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD_BYTES = 32, BLOCK_BYTES = 1 << 20, N_TRIES = 5 };

static const double TRIED_S = 30;

/* Zeros for a log that is not there, or has nothing in it. */
static void read_head(const char *log, unsigned char head[HEAD_BYTES])
{
    memset(head, 0, HEAD_BYTES);
    int fd = open(log, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (read(fd, head, HEAD_BYTES) != HEAD_BYTES)
        memset(head, 0, HEAD_BYTES);
    close(fd);
}

/* As far as it reaches now: a log that grows faster than it is copied would have no end. */
static sg_status copy_bytes(int from, int to, const char *path, const char *copy, struct sg_err *err)
{
    struct stat st;
    if (fstat(from, &st) != 0)
        return sg_fail(err, SG_FAILED, "%s: cannot be read: %s", path, strerror(errno));
    char *block = sg_alloc(BLOCK_BYTES, 1);
    sg_status status = block ? SG_OK : sg_fail_memory(err, BLOCK_BYTES);
    ssize_t n = 1;
    for (off_t begin = 0; status == SG_OK && begin < st.st_size && n > 0; begin += n) {
        off_t left = st.st_size - begin;
        n = pread(from, block, left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES, begin);
        for (ssize_t at = 0, some; at < n && status == SG_OK; at += some)
            if ((some = write(to, block + at, (size_t)(n - at))) < 0)
                status = sg_fail(
                    err, SG_FAILED,
                    "%s: a copy of the ledger cannot be written: %s; hint: TMPDIR names another place", copy,
                    strerror(errno));
    }
    if (n < 0)
        status = sg_fail(err, SG_FAILED, "%s: cannot be read: %s", path, strerror(errno));
    sg_free(block);
    return status;
}

/* fd: of path, which stays open; -1: there is none. is_log: it may not be there. */
static sg_status copy_file(const char *path, int fd, const char *copy, int is_log, struct sg_err *err)
{
    int from = fd >= 0 ? fd : open(path, O_RDONLY | O_CLOEXEC), why = errno,
        to = open(copy, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    sg_status status = SG_OK;
    if (to < 0)
        status = sg_fail(err, sg_write_status(errno), "%s: cannot be made: %s", copy, strerror(errno));
    else if (from >= 0)
        status = copy_bytes(from, to, path, copy, err);
    else if (!is_log || why != ENOENT)
        status = sg_fail(err, SG_INPUT, "%s: cannot be read: %s", path, strerror(why));
    if (from >= 0 && from != fd)
        close(from);
    if (to >= 0)
        close(to);
    return status;
}

sg_status sg_ledger_copy(const char *path, int fd, const char *to, struct sg_err *err)
{
    char *log = sg_strf("%s-wal", path), *log_to = sg_strf("%s-wal", to);
    sg_status status = log && log_to ? SG_OK : sg_fail_memory(err, strlen(path));
    int is_whole = 0;
    double until = sg_now_s() + TRIED_S;
    for (int i = 0; status == SG_OK && !is_whole && (i < N_TRIES || sg_now_s() < until); i++) {
        unsigned char before[HEAD_BYTES], copied[HEAD_BYTES], after[HEAD_BYTES];
        read_head(log, before);
        SG_TRY_DONE(copy_file(path, fd, to, 0, err));
        SG_TRY_DONE(copy_file(log, -1, log_to, 1, err));
        read_head(log_to, copied);
        read_head(log, after);
        is_whole = memcmp(before, copied, HEAD_BYTES) == 0 && memcmp(copied, after, HEAD_BYTES) == 0;
    }
    if (status == SG_OK && !is_whole)
        status = sg_fail(err, SG_FAILED,
                         "%s: the run writes it faster than it can be copied; hint: try again", path);
done:
    sg_free(log);
    sg_free(log_to);
    return status;
}
