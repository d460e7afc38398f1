#include "experiments/run/rehearsal.h"

#include "base/file.h"
#include "base/mem.h"
#include "experiments/study/prepare.h"
#include "results/ledger/lease.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char MARK[] = "REHEARSAL";
static const char MARK_TEXT[] =
    "`synthgrid rehearse` wrote this folder, and empties it the next time. Its texts are a stub server's:\n"
    "they show that the study runs, and nothing else.\n";

enum { MAX_DEPTH = 16 };

/* What is in the folder goes, but for the lease and the mark of the topmost: a removal that is cut short leaves a folder that
 * is still known for what it is. Links are removed, not followed. Takes fd. */
static int empty(int fd, int depth)
{
    DIR *d = fdopendir(fd);
    struct dirent *e;
    int ok = d && depth < MAX_DEPTH;
    if (!d)
        close(fd);
    while (ok && (e = readdir(d))) {
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            (depth == 0 && (strcmp(e->d_name, MARK) == 0 || strcmp(e->d_name, "lock") == 0)))
            continue;
        ok = fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0;
        if (ok && S_ISDIR(st.st_mode)) {
            int below = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            ok = below >= 0 && empty(below, depth + 1) && unlinkat(fd, e->d_name, AT_REMOVEDIR) == 0;
        } else if (ok)
            ok = unlinkat(fd, e->d_name, 0) == 0;
    }
    int why = errno;
    if (d)
        closedir(d);
    errno = why;
    return ok;
}

static int is_empty(const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    int n = 0;
    while (d && (e = readdir(d)))
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    if (d)
        closedir(d);
    return d && n == 0;
}

static sg_status make_empty(const char *dir, const char *mark, struct sg_err *err)
{
    struct stat st;
    if (lstat(dir, &st) != 0)
        return sg_mkdirs(dir, err);
    if (!sg_file_exists(mark)) {
        if (is_empty(dir))
            return SG_OK;
        return sg_fail(
            err, SG_INPUT,
            "%s holds what no rehearsal put there; hint: --results with a folder that is not there yet", dir);
    }
    struct sg_lease *lease = NULL; /* a rehearsal that is under way there keeps its files */
    SG_TRY(sg_lease_take(dir, &lease, err));
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sg_status status = fd >= 0 && empty(fd, 0)
                           ? SG_OK
                           : sg_fail(err, SG_FAILED, "%s: what the last rehearsal left cannot be removed: %s",
                                     dir, strerror(errno));
    sg_lease_release(lease);
    return status;
}

sg_status sg_rehearsal_folder(const char *dir, struct sg_err *err)
{
    char *mark = sg_path_join(dir, MARK);
    if (!mark)
        return sg_fail_memory(err, sizeof MARK);
    sg_status status = make_empty(dir, mark, err);
    if (status == SG_OK)
        status = sg_file_write(mark, MARK_TEXT, sizeof MARK_TEXT - 1, err);
    sg_free(mark);
    return status;
}

sg_status sg_rehearsal_refuse(const char *dir, struct sg_err *err)
{
    char *mark = sg_path_join(dir, MARK);
    if (!mark)
        return sg_fail_memory(err, sizeof MARK);
    int there = sg_file_exists(mark);
    sg_free(mark);
    return there ? sg_fail(err, SG_INPUT,
                           "%s is the folder of a rehearsal, whose texts a stub server wrote; hint: name the "
                           "study's own",
                           dir)
                 : SG_OK;
}

sg_status sg_rehearsal_check(void *unused, const struct sg_prepared *p, struct sg_err *err)
{
    (void)unused;
    return sg_rehearsal_refuse(p->study->results, err);
}
