#include "base/lines.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { BLOCK = 65536 };

struct sg_lines {
    char *path;
    gzFile file;
    char *data;                /* [at, end): read and not handed out; room for a NUL behind it */
    size_t at, end, seen, cap; /* no newline in [at, seen) */
    int64_t number, total;
    int is_over; /* the file has no more */
};

int sg_file_is_gzip(const char *path)
{
    unsigned char magic[2] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, magic, 2);
    close(fd);
    return n == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
}

sg_status sg_gzip_is_single(const char *path, int *single, struct sg_err *err)
{
    unsigned char in[BLOCK], out[BLOCK];
    z_stream z = {0};
    FILE *f = fopen(path, "rbe");
    if (!f)
        return sg_fail(err, SG_INPUT, "%s: %s", path, strerror(errno));
    int rc = inflateInit2(&z, 15 + 16); /* gzip alone */
    while (rc == Z_OK) {
        if (!z.avail_in) {
            z.avail_in = (unsigned)fread(in, 1, BLOCK, f);
            z.next_in = in;
        }
        if (!z.avail_in)
            break;
        z.next_out = out;
        z.avail_out = BLOCK;
        rc = inflate(&z, Z_NO_FLUSH);
    }
    *single = rc == Z_STREAM_END && !z.avail_in && fgetc(f) == EOF;
    inflateEnd(&z);
    fclose(f);
    return rc == Z_STREAM_END ? SG_OK : sg_fail(err, SG_INPUT, "%s: damaged or cut off gzip data", path);
}

sg_status sg_lines_open(const char *path, struct sg_lines **out, struct sg_err *err)
{
    struct sg_lines *l = sg_alloc(1, sizeof *l);
    if (!l)
        return sg_fail_memory(err, sizeof *l);
    l->path = sg_strdup(path);
    l->cap = 4 * BLOCK;
    l->data = sg_alloc(l->cap, 1);
    errno = 0;
    l->file = l->path && l->data ? gzopen(path, "rbe") : NULL; /* e: close-on-exec */
    int why = errno;
    if (!l->file || gzbuffer(l->file, BLOCK) != 0) {
        int no_memory = !l->path || !l->data || !why;
        sg_lines_close(l);
        return no_memory ? sg_fail_memory(err, 4 * BLOCK)
                         : sg_fail(err, SG_INPUT, "%s: %s", path, strerror(why));
    }
    *out = l;
    return SG_OK;
}

void sg_lines_close(struct sg_lines *l)
{
    if (!l)
        return;
    if (l->file)
        gzclose(l->file);
    sg_free(l->path);
    sg_free(l->data);
    sg_free(l);
}

int64_t sg_lines_number(const struct sg_lines *l)
{
    return l->number;
}

static int has_room(const struct sg_lines *l)
{
    return l->end + BLOCK + 1 <= l->cap;
}

/* A line moves once at most, then the room doubles: moved at every block, a long one would be copied in quadratic time. */
static sg_status make_room(struct sg_lines *l, struct sg_err *err)
{
    if (has_room(l))
        return SG_OK;
    if (l->at > 0) {
        memmove(l->data, l->data + l->at, l->end - l->at);
        l->end -= l->at;
        l->seen -= l->at;
        l->at = 0;
    }
    if (has_room(l))
        return SG_OK;
    char *more = sg_realloc(l->data, 2 * l->cap, 1);
    if (!more)
        return sg_fail_memory(err, 2 * l->cap);
    l->data = more;
    l->cap *= 2;
    return SG_OK;
}

/* What a bomb looks like. A plain file's offset grows with its text. */
static sg_status check_size(const struct sg_lines *l, struct sg_err *err)
{
    long long line = (long long)l->number + 1;
    if (l->end - l->at > SG_LINES_MAX_LINE)
        return sg_fail(err, SG_INPUT, "%s:%lld: a line of more than %zu MiB", l->path, line,
                       SG_LINES_MAX_LINE >> 20);
    if (l->total > SG_LINES_MAX_TOTAL)
        return sg_fail(err, SG_INPUT, "%s:%lld: more than %lld GiB of text", l->path, line,
                       (long long)(SG_LINES_MAX_TOTAL >> 30));
    int64_t inside = (int64_t)gzoffset(l->file);
    if (l->total > SG_LINES_FREE && inside > 0 && l->total / SG_LINES_MAX_RATIO > inside)
        return sg_fail(
            err, SG_INPUT,
            "%s:%lld: %lld MiB of text in %lld bytes of gzip, which no recording is; hint: was it made to "
            "fill a machine's memory?",
            l->path, line, (long long)(l->total >> 20), (long long)inside);
    return SG_OK;
}

static sg_status read_more(struct sg_lines *l, struct sg_err *err)
{
    SG_TRY(make_room(l, err));
    int n = gzread(l->file, l->data + l->end, BLOCK), code = Z_OK;
    int why = errno;
    const char *text = gzerror(l->file, &code);
    if (code == Z_ERRNO)
        return sg_fail(err, why == EISDIR ? SG_INPUT : SG_FAILED, "%s: %s", l->path, strerror(why));
    if (n < 0 ||
        (code != Z_OK && code != Z_STREAM_END)) /* a cut-off file gives what it has, and Z_BUF_ERROR */
        return sg_fail(err, SG_INPUT, "%s:%lld: damaged or cut-off gzip data (%s); hint: copy the file again",
                       l->path, (long long)l->number + 1, text);
    l->is_over = n == 0;
    l->end += (size_t)n;
    l->total += n;
    return check_size(l, err);
}

sg_status sg_lines_next(struct sg_lines *l, const char **text, size_t *n, struct sg_err *err)
{
    char *newline;
    while (!(newline = memchr(l->data + l->seen, '\n', l->end - l->seen)) && !l->is_over) {
        l->seen = l->end;
        SG_TRY(read_more(l, err));
    }
    *text = NULL;
    *n = 0;
    if (!newline && l->at == l->end)
        return SG_OK;
    size_t stop = newline ? (size_t)(newline - l->data) : l->end;
    l->data[stop] = 0;
    *text = l->data + l->at;
    *n = stop - l->at;
    l->at = l->seen = newline ? stop + 1 : l->end;
    l->number++;
    return SG_OK;
}
