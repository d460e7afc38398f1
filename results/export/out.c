#include "results/export/out.h"

#include "base/crash.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const size_t BLOCK = (size_t)1 << 16;

sg_status sg_out_open(struct sg_out *o, const char *path, int is_file, struct sg_err *err)
{
    struct stat st;
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    *o = (struct sg_out){.is_file = is_file, .block = sg_buf_make(SIZE_MAX / 4)};
    o->path = sg_strndup(path, n);
    o->temporary = o->path ? sg_strf("%s.tmp.%ld", o->path, (long)getpid()) : NULL;
    sg_status status = o->temporary ? SG_OK : sg_fail_memory(err, n);
    if (status == SG_OK && lstat(o->path, &st) == 0)
        status = sg_fail(err, SG_INPUT, "%s: exists, and is left as it is; hint: name a new %s", o->path,
                         is_file ? "file" : "folder");
    char *above = status == SG_OK ? sg_path_dir(o->path) : NULL;
    if (status == SG_OK)
        status = above ? sg_mkdirs(above, err) : sg_fail_memory(err, n);
    sg_free(above);
    if (status == SG_OK && !is_file && mkdir(o->temporary, 0777) != 0)
        status = sg_fail(err, sg_write_status(errno), "%s: %s", o->temporary, strerror(errno));
    if (status != SG_OK) {
        sg_free(o->path);
        sg_free(o->temporary);
        *o = (struct sg_out){0};
    }
    return status;
}

/* The folders of a path, as far as they are not there. */
static sg_status make_folders(struct sg_out *o, const char *path, struct sg_err *err)
{
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        char *folder = sg_strf("%s/%.*s", o->temporary, (int)(slash - path), path);
        char **list = folder ? sg_grown(o->folder, o->n_folders, sizeof *list) : NULL;
        if (list)
            o->folder = list;
        if (list && mkdir(folder, 0777) == 0) {
            o->folder[o->n_folders++] = folder;
            continue;
        }
        sg_status status = !list ? sg_fail_memory(err, strlen(path))
                           : errno == EEXIST
                               ? SG_OK
                               : sg_fail(err, sg_write_status(errno), "%s: %s", folder, strerror(errno));
        sg_free(folder);
        SG_TRY(status);
    }
    return SG_OK;
}

static char *full_path(const struct sg_out *o, const char *path)
{
    return o->is_file ? sg_strdup(o->temporary) : sg_path_join(o->temporary, path);
}

sg_status sg_out_begin(struct sg_out *o, const char *path, struct sg_err *err)
{
    struct sg_out_file *list = sg_grown(o->file, o->n, sizeof *list);
    if (!list)
        return sg_fail_memory(err, sizeof *list);
    o->file = list;
    if (!o->is_file)
        SG_TRY(make_folders(o, path, err));
    char *full = full_path(o, path), *name = sg_strdup(path);
    sg_status status = full && name ? SG_OK : sg_fail_memory(err, strlen(path));
    if (status == SG_OK && !(o->stream = fopen(full, "wbx")))
        status = sg_fail(err, sg_write_status(errno), "%s: %s", full, strerror(errno));
    if (status == SG_OK)
        o->file[o->n++] = (struct sg_out_file){.path = name};
    else
        sg_free(name);
    sg_free(full);
    if (status == SG_OK && !(o->hash = sg_sha256_create()))
        status = sg_fail_memory(err, 1024);
    return status;
}

static void flush(struct sg_out *o)
{
    size_t n = o->block.len;
    if (!o->error && n && fwrite(o->block.data, 1, n, o->stream) != n)
        o->error = errno ? errno : EIO;
    sg_sha256_add(o->hash, sg_buf_text(&o->block), n);
    o->file[o->n - 1].n_bytes += (int64_t)n;
    sg_buf_clear(&o->block);
}

void sg_out_add(struct sg_out *o, const void *bytes, size_t n)
{
    sg_buf_add(&o->block, bytes, n);
    if (o->block.len >= BLOCK && !o->block.failed)
        flush(o);
}

void sg_out_puts(struct sg_out *o, const char *text)
{
    sg_out_add(o, text, strlen(text));
}

sg_status sg_out_end(struct sg_out *o, struct sg_err *err)
{
    struct sg_out_file *f = &o->file[o->n - 1];
    sg_crash_site("export_half", o->path);
    sg_status status = sg_buf_check(&o->block, f->path, err);
    if (status == SG_OK)
        flush(o);
    if (!o->error && (fflush(o->stream) != 0 || fsync(fileno(o->stream)) != 0))
        o->error = errno;
    if (fclose(o->stream) != 0 && !o->error)
        o->error = errno;
    o->stream = NULL;
    sg_sha256_finish_hex(o->hash, f->sha256);
    o->hash = NULL;
    if (status == SG_OK && o->error)
        status =
            sg_fail(err, sg_write_status(o->error), "%s: %s: %s", o->temporary, f->path, strerror(o->error));
    return status;
}

sg_status sg_out_text(struct sg_out *o, const char *path, const struct sg_buf *text, struct sg_err *err)
{
    SG_TRY(sg_buf_check(text, path, err));
    SG_TRY(sg_out_begin(o, path, err));
    sg_out_add(o, sg_buf_text(text), text->len);
    return sg_out_end(o, err);
}

static void remove_all(struct sg_out *o)
{
    for (int64_t i = 0; i < o->n; i++) {
        char *full = full_path(o, o->file[i].path);
        if (full)
            unlink(full);
        sg_free(full);
    }
    for (int64_t i = o->n_folders - 1; i >= 0; i--)
        rmdir(o->folder[i]);
    if (!o->is_file)
        rmdir(o->temporary);
}

/* That the names in a folder are lasting. Some file systems refuse fsync on a folder (EINVAL). */
static sg_status sync_folder(const char *path, struct sg_err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int bad = fd < 0 || (fsync(fd) != 0 && errno != EINVAL);
    sg_status status = bad ? sg_fail(err, sg_write_status(errno), "%s: %s", path, strerror(errno)) : SG_OK;
    if (fd >= 0)
        close(fd);
    return status;
}

/* As sg_file_replace, but that nothing can fail behind the rename which is not the disk's. */
static sg_status put_in_place(struct sg_out *o, struct sg_err *err)
{
    struct stat st;
    char *above = sg_path_dir(o->path);
    sg_status status = above ? SG_OK : sg_fail_memory(err, strlen(o->path));
    if (status == SG_OK && !o->is_file)
        status = sync_folder(o->temporary, err);
    if (status == SG_OK && lstat(o->path, &st) == 0) /* somebody else was faster */
        status = sg_fail(err, SG_INPUT, "%s: exists now, and is left as it is", o->path);
    sg_crash_site("export_renaming", o->path);
    if (status == SG_OK && rename(o->temporary, o->path) != 0)
        status = sg_fail(err, sg_write_status(errno), "%s: %s", o->path, strerror(errno));
    if (status == SG_OK)
        status = sync_folder(above, err);
    sg_free(above);
    return status;
}

sg_status sg_out_finish(struct sg_out *o, sg_status status, struct sg_err *err)
{
    char unused[SG_HEX];
    if (o->stream) /* left in the middle */
        fclose(o->stream);
    if (o->hash)
        sg_sha256_finish_hex(o->hash, unused);
    for (int64_t i = o->n_folders - 1; i >= 0 && status == SG_OK; i--)
        status = sync_folder(o->folder[i], err);
    if (status == SG_OK)
        status = put_in_place(o, err);
    if (status != SG_OK && o->temporary)
        remove_all(o);
    for (int64_t i = 0; i < o->n; i++)
        sg_free(o->file[i].path);
    for (int64_t i = 0; i < o->n_folders; i++)
        sg_free(o->folder[i]);
    sg_free(o->file);
    sg_free(o->folder);
    sg_free(o->path);
    sg_free(o->temporary);
    sg_buf_free(&o->block);
    *o = (struct sg_out){0};
    return status;
}
