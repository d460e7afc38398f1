#include "base/file.h"

#include "base/buf.h"
#include "base/crash.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

static sg_status read_fd(int fd, const char *path, size_t max_bytes, struct sg_buf *b, struct sg_err *err)
{
    char block[65536];
    for (;;) {
        ssize_t n = read(fd, block, sizeof block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sg_fail(err, errno == EISDIR ? SG_INPUT : SG_FAILED, "%s: %s", path, strerror(errno));
        if (n == 0)
            break;
        sg_buf_add(b, block, (size_t)n);
        if (b->failed == 2)
            return sg_fail(err, SG_INPUT, "%s: larger than the limit of %zu bytes for such a file", path,
                           max_bytes);
        if (b->failed)
            break;
    }
    return sg_buf_check(b, path, err);
}

sg_status sg_file_read(const char *path, size_t max_bytes, char **text, size_t *n_bytes, struct sg_err *err)
{
    int is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? 0 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sg_fail(err, SG_INPUT, "%s: %s", path, strerror(errno));
    struct sg_buf b = sg_buf_make(max_bytes);
    sg_status status = read_fd(fd, path, max_bytes, &b, err);
    if (!is_stdin)
        close(fd);
    size_t n = b.len;
    char *data = status == SG_OK ? sg_buf_take(&b) : NULL;
    sg_buf_free(&b);
    if (status != SG_OK)
        return status;
    if (!data)
        return sg_fail_memory(err, 1);
    *text = data;
    if (n_bytes)
        *n_bytes = n;
    return SG_OK;
}

static sg_status inflate_all(const char *path, const char *data, size_t n, size_t max_bytes, struct sg_buf *b,
                             struct sg_err *err)
{
    z_stream z = {0};
    if (inflateInit2(&z, 15 + 16) != Z_OK) /* 16: a gzip header */
        return sg_fail_memory(err, 65536);
    sg_status status = SG_OK;
    char block[65536];
    z.next_in = (Bytef *)(uintptr_t)data;
    while (status == SG_OK) {
        /* avail_in is 32 bits wide. */
        size_t left = n - (size_t)((const char *)z.next_in - data);
        z.avail_in = left > 1u << 30 ? 1u << 30 : (uInt)left;
        z.next_out = (Bytef *)block;
        z.avail_out = sizeof block;
        int rc = inflate(&z, Z_NO_FLUSH);
        sg_buf_add(b, block, sizeof block - z.avail_out);
        if (b->failed == 2)
            status = sg_fail(err, SG_INPUT, "%s: inflates to more than %zu bytes", path, max_bytes);
        else if (b->failed)
            status = sg_buf_check(b, path, err);
        else if (rc == Z_STREAM_END) {
            if ((size_t)((const char *)z.next_in - data) == n)
                break;
            if (inflateReset(&z) != Z_OK) /* members may follow one another */
                status = sg_fail(err, SG_INPUT, "%s: damaged gzip data", path);
        } else if (rc != Z_OK)
            status = sg_fail(err, SG_INPUT, "%s: damaged or cut-off gzip data", path);
    }
    inflateEnd(&z);
    return status;
}

sg_status sg_file_read_gz(const char *path, size_t max_bytes, char **text, size_t *n_bytes,
                          struct sg_err *err)
{
    char *raw = NULL;
    size_t n = 0;
    SG_TRY(sg_file_read(path, max_bytes, &raw, &n, err));
    if (n < 2 || (unsigned char)raw[0] != 0x1f || (unsigned char)raw[1] != 0x8b) {
        *text = raw;
        if (n_bytes)
            *n_bytes = n;
        return SG_OK;
    }
    struct sg_buf b = sg_buf_make(max_bytes);
    sg_status status = inflate_all(path, raw, n, max_bytes, &b, err);
    sg_free(raw);
    size_t len = b.len;
    char *data = status == SG_OK ? sg_buf_take(&b) : NULL;
    sg_buf_free(&b);
    if (status != SG_OK)
        return status;
    if (!data)
        return sg_fail_memory(err, 1);
    *text = data;
    if (n_bytes)
        *n_bytes = len;
    return SG_OK;
}

static int sync_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int bad = fsync(fd);
    int saved = errno;
    if (close(fd) != 0 && !bad)
        return -1;
    errno = saved;
    return bad;
}

sg_status sg_file_replace(const char *tmp, const char *path, struct sg_err *err)
{
    if (sync_path(tmp, O_RDONLY) != 0)
        return sg_fail(err, sg_write_status(errno), "%s: cannot be made durable: %s", tmp, strerror(errno));
    sg_crash_site("renaming", path);
    if (rename(tmp, path) != 0)
        return sg_fail(err, sg_write_status(errno), "%s: cannot be renamed to %s: %s", tmp, path,
                       strerror(errno));
    sg_crash_site("renamed", path);
    char *dir = sg_path_dir(path);
    if (!dir)
        return sg_fail_memory(err, strlen(path));
    /* Some file systems refuse fsync on a folder (EINVAL); the rename itself is done. */
    int bad = sync_path(dir, O_RDONLY | O_DIRECTORY) != 0 && errno != EINVAL && errno != EACCES;
    sg_status status = bad ? sg_fail(err, sg_write_status(errno), "%s: %s", dir, strerror(errno)) : SG_OK;
    sg_free(dir);
    return status;
}

sg_status sg_file_write(const char *path, const void *data, size_t n, struct sg_err *err)
{
    char *tmp = sg_strf("%s.tmp.%ld", path, (long)getpid());
    if (!tmp)
        return sg_fail_memory(err, strlen(path));
    sg_status status = SG_OK;
    int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        status = sg_fail(err, sg_write_status(errno), "%s: %s", tmp, strerror(errno));
    for (size_t at = 0; status == SG_OK && at < n;) {
        ssize_t k = write(fd, (const char *)data + at, n - at);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            status = sg_fail(err, sg_write_status(errno), "%s: %s", tmp, strerror(errno));
        else
            at += (size_t)k;
    }
    if (fd >= 0 && close(fd) != 0 && status == SG_OK)
        status = sg_fail(err, sg_write_status(errno), "%s: %s", tmp, strerror(errno));
    if (status == SG_OK)
        status = sg_file_replace(tmp, path, err);
    if (status != SG_OK)
        unlink(tmp);
    sg_free(tmp);
    return status;
}

/* Behind the name of what was to be written: ".tmp." and a process. */
static int is_left(const char *name, const char *of)
{
    const char *mark = of ? name + strlen(of) : strstr(name, ".tmp.");
    if (of && strncmp(name, of, strlen(of)) != 0)
        return 0;
    return mark && mark > name && strncmp(mark, ".tmp.", 5) == 0 && mark[5] &&
           mark[5 + strspn(mark + 5, "0123456789")] == 0;
}

void sg_file_tidy(const char *folder, const char *name)
{
    DIR *d = folder ? opendir(folder) : NULL;
    for (struct dirent *e; d && (e = readdir(d));)
        if (is_left(e->d_name, name))
            unlinkat(dirfd(d), e->d_name, 0); /* a folder stays */
    if (d)
        closedir(d);
}

sg_status sg_mkdirs(const char *path, struct sg_err *err)
{
    if (!path[0])
        return sg_fail(err, SG_FAILED, "a folder without a name cannot be made");
    char *p = sg_strdup(path);
    if (!p)
        return sg_fail_memory(err, strlen(path));
    sg_status status = SG_OK;
    for (char *s = p + 1; status == SG_OK; s++) {
        if (*s != '/' && *s != 0)
            continue;
        char kept = *s;
        *s = 0;
        /* Read-only and automounted file systems may refuse (EROFS, EACCES) what is there already. */
        int why = mkdir(p, 0777) == 0 ? 0 : errno;
        if (why && why != EEXIST && !sg_dir_exists(p))
            status = sg_fail(err, sg_write_status(why), "%s: cannot be made: %s", p, strerror(why));
        *s = kept;
        if (!kept)
            break;
    }
    sg_free(p);
    if (status == SG_OK && !sg_dir_exists(path))
        status = sg_fail(err, SG_FAILED, "%s: exists, but is no folder", path);
    return status;
}

sg_status sg_temp_dir(char **path, struct sg_err *err)
{
    const char *base = getenv("TMPDIR");
    char *p = sg_strf("%s/synthgrid-XXXXXX", base && base[0] ? base : "/tmp");
    if (!p)
        return sg_fail_memory(err, 100);
    if (!mkdtemp(p)) {
        sg_status status =
            sg_fail(err, sg_write_status(errno),
                    "%s: a temporary folder cannot be made: %s; hint: TMPDIR names another place", p,
                    strerror(errno));
        sg_free(p);
        return status;
    }
    *path = p;
    return SG_OK;
}

int sg_file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

int sg_dir_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

char *sg_path_join(const char *a, const char *b)
{
    if (b[0] == '/' || !a || !a[0])
        return sg_strdup(b);
    return sg_strf("%s%s%s", a, a[strlen(a) - 1] == '/' ? "" : "/", b);
}

char *sg_path_dir(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return sg_strdup(".");
    return slash == path ? sg_strdup("/") : sg_strndup(path, (size_t)(slash - path));
}

double sg_now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void sg_utc(char stamp[21])
{
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(stamp, 21, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

void sg_sleep_us(int64_t us)
{
    struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    nanosleep(&t, NULL);
}
