#include "gen/recording.h"

#include "base/file.h"
#include "base/mem.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

static const size_t max_recording = (size_t)4 << 30;

typedef sg_status (*each_fn)(void *, const struct sg_request *, const struct sg_answer *, struct sg_err *);

static sg_status read_line(const char *text, size_t n, each_fn each, void *context, struct sg_err *err)
{
    json_error_t why;
    json_t *o = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
    if (!o)
        return sg_fail(err, SG_INPUT, "not JSON: %s", why.text);
    const char *request = json_string_value(json_object_get(o, "request"));
    struct sg_request q = {.canonical = (char *)(uintptr_t)request};
    struct sg_answer a = {0};
    sg_status status =
        request ? sg_answer_from_json(text, n, &a, err) : sg_fail(err, SG_INPUT, "no \"request\" in it");
    if (status == SG_OK) {
        sg_sha256_hex(request, strlen(request), q.key);
        if (strcmp(q.key, a.key) != 0)
            status = sg_fail(err, SG_INPUT, "its key is not the hash of its request");
    }
    if (status == SG_OK)
        status = each(context, &q, &a, err);
    sg_answer_free(&a);
    json_decref(o);
    return status;
}

sg_status sg_recording_read(const char *path, each_fn each, void *context, struct sg_err *err)
{
    char *text = NULL;
    size_t n = 0;
    sg_status status = sg_file_read_gz(path, max_recording, &text, &n, err);
    if (status != SG_OK)
        return sg_err_at(err, "generator.recording");
    long long line = 0;
    for (size_t at = 0; status == SG_OK && at < n;) {
        const char *nl = memchr(text + at, '\n', n - at);
        size_t len = nl ? (size_t)(nl - text) - at : n - at;
        line++;
        if (strspn(text + at, " \t\r") < len)
            status = read_line(text + at, len, each, context, err);
        if (status == SG_INPUT)
            sg_err_at(err, "%s:%lld", path, line);
        at += len + 1;
    }
    sg_free(text);
    return status;
}

struct sg_recording_writer {
    char *path, *tmp;
    gzFile file;
    int failed;
};

static void destroy(struct sg_recording_writer *w)
{
    if (w->file)
        gzclose(w->file);
    if (w->tmp)
        unlink(w->tmp);
    sg_free(w->path);
    sg_free(w->tmp);
    sg_free(w);
}

sg_status sg_recording_create(const char *path, struct sg_recording_writer **out, struct sg_err *err)
{
    struct sg_recording_writer *w = sg_alloc(1, sizeof *w);
    if (!w)
        return sg_fail_memory(err, sizeof *w);
    size_t n = strlen(path);
    int gz = n > 3 && strcmp(path + n - 3, ".gz") == 0;
    w->path = sg_strdup(path);
    w->tmp = sg_strf("%s.tmp.%ld", path, (long)getpid());
    w->file =
        w->path && w->tmp ? gzopen(w->tmp, gz ? "wb9" : "wbT") : NULL; /* T: as it is, without compression */
    if (!w->file) {
        destroy(w);
        return sg_fail(err, SG_FAILED, "%s: cannot be written; hint: does the folder exist?", path);
    }
    *out = w;
    return SG_OK;
}

sg_status sg_recording_add(struct sg_recording_writer *w, const struct sg_request *r,
                           const struct sg_answer *a, struct sg_err *err)
{
    char *answer = sg_answer_to_json(a);
    json_t *o = answer ? json_loads(answer, 0, NULL) : NULL;
    if (o)
        json_object_set_new(o, "request", json_string(r->canonical));
    char *line = o ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    sg_free(answer);
    json_decref(o);
    if (!line)
        return sg_fail_memory(err, strlen(r->canonical));
    size_t n = strlen(line);
    line[n] = '\n'; /* over the NUL: written with its length */
    w->failed |= gzwrite(w->file, line, (unsigned)n + 1) != (int)n + 1;
    free(line);
    return w->failed ? sg_fail(err, SG_FAILED, "%s: cannot be written; hint: is the disk full?", w->tmp)
                     : SG_OK;
}

sg_status sg_recording_finish(struct sg_recording_writer *w, struct sg_err *err)
{
    sg_status status = SG_OK;
    if (err) {
        int bad = gzclose(w->file) != Z_OK;
        w->file = NULL;
        status = bad || w->failed
                     ? sg_fail(err, SG_FAILED, "%s: cannot be written; hint: is the disk full?", w->tmp)
                     : sg_file_replace(w->tmp, w->path, err);
    }
    destroy(w);
    return status;
}
