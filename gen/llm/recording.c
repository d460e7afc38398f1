#include "gen/llm/recording.h"

#include "base/file.h"
#include "base/json.h"
#include "base/lines.h"
#include "base/mem.h"
#include "gen/llm/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

/* A line of ours has some 20. jansson needs about 100 bytes a value, so that 64 MiB of "[[[[..." would fill a node. */
enum { MAX_VALUES = 10000 };

#define NOT_AS_SEALED                                                                                        \
    "are not as they were sealed; hint: the file was changed or damaged after it was made: get it again"

static const char format_name[] = "synthgrid bundle";

/* ---- reading ---- */

struct reader {
    const char *path;
    const struct sg_sealed_reader *to;
    int is_sealed, must_be_sealed;
    struct sg_seal seal;
    char key[SG_HEX]; /* of the last completion */
};

static sg_status take_completion(struct reader *r, const json_t *o, const char *text, size_t n,
                                 struct sg_err *err)
{
    const char *request = sg_json_text_or(o, "request", NULL);
    struct sg_request q = {.canonical = (char *)(uintptr_t)request};
    struct sg_answer a = {0};
    sg_status status =
        request ? sg_answer_from_json(text, n, &a, err) : sg_fail(err, SG_INPUT, "no \"request\" in it");
    if (status == SG_OK) {
        sg_sha256_hex(request, strlen(request), q.key);
        if (strcmp(q.key, a.key) != 0)
            status = sg_fail(err, SG_INPUT, "its key is not the hash of its request");
        else if (r->is_sealed && strcmp(q.key, r->key) <= 0)
            status = sg_fail(err, SG_INPUT, "a completion that comes twice, or not in its order (by key)");
    }
    if (status == SG_OK && r->to->each)
        status = r->to->each(r->to->context, &q, &a, err);
    if (status == SG_OK)
        memcpy(r->key, q.key, SG_HEX);
    sg_answer_free(&a);
    return status;
}

/* The first line, when it is a header. */
static sg_status take_header(struct reader *r, const json_t *o, struct sg_err *err)
{
    const char *format = sg_json_text_or(o, "format", NULL);
    const json_t *version = json_object_get(o, "version");
    if (!format || strcmp(format, format_name) != 0 || !json_is_integer(version) ||
        json_integer_value(version) < 1)
        return sg_fail(err, SG_INPUT, "no header of a synthgrid bundle");
    if (json_integer_value(version) > SG_BUNDLE_VERSION)
        return sg_fail(
            err, SG_INPUT,
            "made by a newer synthgrid (bundle version %lld, this program knows %d); hint: use that program",
            (long long)json_integer_value(version), SG_BUNDLE_VERSION);
    r->is_sealed = 1;
    return SG_OK;
}

static sg_status take_seal(struct reader *r, const json_t *o, struct sg_err *err)
{
    const char *said = sg_json_text_or(o, "sha256", NULL);
    const json_t *end = json_object_get(o, "end"), *first = json_object_get(o, "first");
    long long from = (long long)r->seal.first, to = (long long)r->seal.line;
    char hex[SG_HEX];
    if (!said || !json_is_boolean(end) || !json_is_integer(first))
        return sg_fail(err, SG_INPUT, "a seal lacks a field, or holds one of the wrong kind");
    if (!from)
        return sg_fail(err, SG_INPUT, "a seal of no lines");
    SG_TRY(sg_seal_close(&r->seal, json_is_true(end), hex, err));
    if (json_integer_value(first) != from || strcmp(hex, said) != 0)
        return sg_fail(err, SG_INPUT, "lines %lld to %lld " NOT_AS_SEALED, from, to);
    return SG_OK;
}

static sg_status take_sealed(struct reader *r, const json_t *o, const char *text, size_t n,
                             struct sg_err *err)
{
    const json_t *part = json_object_get(o, "part");
    const char *name = json_string_value(part);
    if (r->seal.is_over)
        return sg_fail(err, SG_INPUT, "a line behind the last seal");
    if (name && strcmp(name, "seal") == 0)
        return take_seal(r, o, err);
    SG_TRY(sg_seal_add(&r->seal, text, n, err));
    if (!part)
        return take_completion(r, o, text, n, err);
    if (!name)
        return sg_fail(err, SG_INPUT, "\"part\" must be a text");
    return r->to->part ? r->to->part(r->to->context, name, o, err) : SG_OK;
}

static sg_status check_values(const char *text, size_t n, struct sg_err *err)
{
    int64_t n_values = 0;
    int quoted = 0;
    for (size_t i = 0; i < n; i++) {
        if (quoted && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted)
            n_values += text[i] == ',' || text[i] == '[' || text[i] == '{';
    }
    return n_values <= MAX_VALUES ? SG_OK
                                  : sg_fail(err, SG_INPUT, "%lld values in one line, which no recording has",
                                            (long long)n_values);
}

static sg_status take_line(struct reader *r, int64_t number, const char *text, size_t n, struct sg_err *err)
{
    SG_TRY(check_values(text, n, err));
    json_error_t why;
    json_t *o = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
    if (!o)
        return sg_fail(err, SG_INPUT, "not JSON: %s", why.text);
    const char *part = sg_json_text_or(o, "part", NULL);
    sg_status status =
        json_is_object(o) ? SG_OK : sg_fail(err, SG_INPUT, "a line must be a JSON object {...}");
    if (status == SG_OK && number == 1 && part && strcmp(part, "header") == 0)
        status = take_header(r, o, err);
    else if (status == SG_OK && number == 1 && r->must_be_sealed)
        status = sg_fail(err, SG_INPUT,
                         "no header of a synthgrid bundle; hint: `synthgrid bundle` makes one, and a "
                         "recording is for generator.recording");
    if (status == SG_OK)
        status = r->is_sealed ? take_sealed(r, o, text, n, err) : take_completion(r, o, text, n, err);
    json_decref(o);
    return status;
}

/* The line as a seal; NULL: it is none. */
static json_t *seal_of(const char *text, size_t n)
{
    json_t *o =
        check_values(text, n, NULL) == SG_OK ? json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const char *part = sg_json_text_or(o, "part", NULL);
    if (part && strcmp(part, "seal") == 0)
        return o;
    json_decref(o);
    return NULL;
}

/* A line is refused (err). Where the next seal does not fit, it was changed or damaged since, and getting the file again helps; where
 * it fits, the line was made so. */
static sg_status add_position(struct reader *r, struct sg_lines *l, const char *text, size_t n,
                              struct sg_err *err)
{
    struct sg_err why = {0};
    json_t *seal = NULL;
    if (r->seal.line < sg_lines_number(l) && !r->seal.is_over)
        SG_TRY(sg_seal_add(&r->seal, text, n, err));
    while (r->seal.first && !seal && sg_lines_next(l, &text, &n, &why) == SG_OK && text)
        if (!(seal = seal_of(text, n)))
            SG_TRY(sg_seal_add(&r->seal, text, n, err));
    long long from = (long long)r->seal.first, to = (long long)r->seal.line;
    int is_changed = seal && take_seal(r, seal, &why) != SG_OK;
    json_decref(seal);
    if (!is_changed)
        return SG_INPUT;
    char *hint = strstr(err->text, "; hint: ");
    if (hint)
        *hint = 0;
    why = *err;
    return sg_fail(err, SG_INPUT, "%.600s: lines %lld to %lld " NOT_AS_SEALED, why.text, from, to);
}

static sg_status read_lines(struct reader *r, struct sg_lines *l, struct sg_err *err)
{
    const char *text;
    size_t n;
    for (;;) {
        SG_TRY(sg_lines_next(l, &text, &n, err));
        if (!text)
            break;
        int64_t number = sg_lines_number(l);
        if (!r->is_sealed && !(r->must_be_sealed && number == 1) && strspn(text, " \t\r") == n)
            continue;
        sg_status status = take_line(r, number, text, n, err);
        if (status == SG_INPUT && r->is_sealed)
            status = add_position(r, l, text, n, err);
        if (status == SG_INPUT)
            return sg_err_at(err, "%s:%lld", r->path, (long long)number);
        if (status != SG_OK)
            return status;
    }
    if (r->must_be_sealed && !r->is_sealed)
        return sg_fail(err, SG_INPUT, "%s: nothing in it", r->path);
    if (r->is_sealed && !r->seal.is_over)
        return sg_fail(err, SG_INPUT,
                       "%s: cut off behind line %lld: its last seal is missing; hint: get it again", r->path,
                       (long long)r->seal.line);
    return SG_OK;
}

static sg_status read_file(struct reader *r, struct sg_err *err)
{
    struct sg_lines *l = NULL;
    SG_TRY(sg_lines_open(r->path, &l, err));
    sg_status status = read_lines(r, l, err);
    int single = 1;
    if (status == SG_OK && r->is_sealed)
        status = sg_gzip_is_single(r->path, &single, err);
    if (!single)
        status = sg_fail(err, SG_INPUT, "%s: there is something behind its last seal; hint: get it again",
                         r->path);
    sg_seal_free(&r->seal);
    sg_lines_close(l);
    return status;
}

sg_status sg_recording_read(const char *path, sg_recording_each each, void *context, struct sg_err *err)
{
    struct sg_sealed_reader to = {.each = each, .context = context};
    struct reader r = {.path = path, .to = &to};
    return read_file(&r, err);
}

sg_status sg_sealed_read(const char *path, const struct sg_sealed_reader *to, char digest[SG_HEX],
                         struct sg_err *err)
{
    struct reader r = {.path = path, .to = to, .must_be_sealed = 1};
    SG_TRY(read_file(&r, err));
    memcpy(digest, r.seal.last, SG_HEX);
    return SG_OK;
}

/* ---- writing ---- */

struct sg_recording_writer {
    char *path, *tmp;
    gzFile file;
    int failed, error, is_sealed;
    struct sg_seal seal;
};

static void destroy(struct sg_recording_writer *w)
{
    if (w->file)
        gzclose(w->file);
    if (w->tmp)
        unlink(w->tmp);
    sg_seal_free(&w->seal);
    sg_free(w->path);
    sg_free(w->tmp);
    sg_free(w);
}

/* permissions: before the umask. mode: gzopen's. */
static sg_status create(const char *path, mode_t permissions, const char *mode,
                        struct sg_recording_writer **out, struct sg_err *err)
{
    struct sg_recording_writer *w = sg_alloc(1, sizeof *w);
    if (!w)
        return sg_fail_memory(err, sizeof *w);
    w->path = sg_strdup(path);
    w->tmp = sg_strf("%s.tmp.%ld", path, (long)getpid());
    int fd = w->path && w->tmp ? open(w->tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, permissions) : -1;
    w->file = fd >= 0 ? gzdopen(fd, mode) : NULL;
    if (!w->file) {
        if (fd >= 0)
            close(fd);
        sg_status status = sg_write_status(fd < 0 ? errno : 0);
        destroy(w);
        return status == SG_FULL
                   ? sg_fail(err, status, "%s: the disk is full", path)
                   : sg_fail(err, status, "%s: cannot be written; hint: does the folder exist?", path);
    }
    *out = w;
    return SG_OK;
}

sg_status sg_recording_create(const char *path, struct sg_recording_writer **out, struct sg_err *err)
{
    size_t n = strlen(path);
    int gz = n > 3 && strcmp(path + n - 3, ".gz") == 0;
    return create(path, 0666, gz ? "wb9" : "wbT", out, err); /* T: as it is, without compression */
}

sg_status sg_recording_create_private(const char *path, struct sg_recording_writer **out, struct sg_err *err)
{
    return create(path, 0600, "wb1", out, err);
}

/* zlib says that a write failed, and leaves the system's reason where it was. */
static void note_failure(struct sg_recording_writer *w)
{
    if (!w->failed)
        w->error = errno;
    w->failed = 1;
}

static sg_status cannot_write(const struct sg_recording_writer *w, struct sg_err *err)
{
    return w->error ? sg_fail(err, sg_write_status(w->error), "%s: cannot be written: %s", w->tmp,
                              strerror(w->error))
                    : sg_fail(err, SG_FAILED, "%s: cannot be written; hint: is the disk full?", w->tmp);
}

/* Writes a JSON object, and takes it, as one line. */
static sg_status write_line(struct sg_recording_writer *w, json_t *o, int is_seal, struct sg_err *err)
{
    char *line = o ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(o);
    if (!line)
        return sg_fail_memory(err, 4096);
    size_t n = strlen(line);
    sg_status status = w->is_sealed && !is_seal ? sg_seal_add(&w->seal, line, n, err) : SG_OK;
    line[n] = '\n'; /* over the NUL: written with its length */
    errno = 0;
    if (n >= SG_LINES_MAX_LINE || gzwrite(w->file, line, (unsigned)n + 1) != (int)n + 1)
        note_failure(w);
    free(line);
    if (status == SG_OK && w->failed)
        status =
            n >= SG_LINES_MAX_LINE
                ? sg_fail(err, SG_FAILED, "%s: a line of %zu bytes, which could not be read back", w->path, n)
                : cannot_write(w, err);
    return status;
}

static sg_status write_seal(struct sg_recording_writer *w, int is_end, char hex[SG_HEX], struct sg_err *err)
{
    int64_t first = w->seal.first;
    SG_TRY(sg_seal_close(&w->seal, is_end, hex, err));
    return write_line(w,
                      json_pack("{s:s, s:b, s:I, s:s}", "part", "seal", "end", is_end, "first",
                                (json_int_t)first, "sha256", hex),
                      1, err);
}

static sg_status put(struct sg_recording_writer *w, json_t *o, struct sg_err *err)
{
    char hex[SG_HEX];
    SG_TRY(write_line(w, o, 0, err));
    if (w->is_sealed && w->seal.line - w->seal.first + 1 >= SG_SEAL_EVERY)
        return write_seal(w, 0, hex, err);
    return SG_OK;
}

sg_status sg_recording_add(struct sg_recording_writer *w, const struct sg_request *r,
                           const struct sg_answer *a, struct sg_err *err)
{
    char *answer = sg_answer_to_json(a);
    json_t *o = answer ? json_loads(answer, 0, NULL) : NULL;
    if (o)
        json_object_set_new(o, "request", json_string(r->canonical));
    sg_free(answer);
    return put(w, o, err);
}

sg_status sg_recording_finish(struct sg_recording_writer *w, struct sg_err *err)
{
    sg_status status = SG_OK;
    if (err) {
        errno = 0;
        if (gzclose(w->file) != Z_OK)
            note_failure(w);
        w->file = NULL;
        status = w->failed ? cannot_write(w, err) : sg_file_replace(w->tmp, w->path, err);
    }
    destroy(w);
    return status;
}

sg_status sg_sealed_create(const char *path, struct sg_recording_writer **out, struct sg_err *err)
{
    struct sg_recording_writer *w = NULL;
    SG_TRY(create(path, 0666, "wb9", &w, err));
    w->is_sealed = 1;
    sg_status status = put(w,
                           json_pack("{s:s, s:s, s:i}", "part", "header", "format", format_name, "version",
                                     (int)SG_BUNDLE_VERSION),
                           err);
    if (status != SG_OK)
        destroy(w);
    else
        *out = w;
    return status;
}

sg_status sg_sealed_put(struct sg_recording_writer *w, json_t *part, struct sg_err *err)
{
    return put(w, part, err);
}

sg_status sg_sealed_finish(struct sg_recording_writer *w, char digest[SG_HEX], struct sg_err *err)
{
    sg_status status = SG_OK;
    if (err && !w->seal.first) /* the last line got its seal already, and a seal is of some lines */
        status = write_line(w, json_pack("{s:s}", "part", "end"), 0, err);
    if (err && status == SG_OK)
        status = write_seal(w, 1, digest, err);
    if (status == SG_OK)
        return sg_recording_finish(w, err);
    destroy(w);
    return status;
}
