#include "experiments/buying/cache.h"

#include "base/crash.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/tell.h"
#include "experiments/buying/completion.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char suffix[] = ".jsonl.gz";

/* A file, and the first 8 bytes of each of its keys, ascending: enough to tell whether it is worth reading. */
struct file {
    char *name;
    int64_t n;
    uint64_t *prefix; /* (n) */
};

struct sg_cache {
    char *dir, *own; /* own: the name of the study's file */
    int is_read, is_merged;
    int64_t n;
    struct file *file; /* (n) by name; damaged ones are not among them */
    int64_t n_wanted;
    struct wanted {
        char key[SG_HEX];
        char found;
    } * wanted; /* (n_wanted) */
};

static void warn(const struct sg_err *why)
{
    sg_tell_warning("the cache: %s; it is left out", why->text);
}

/* "<study>-<hash>.jsonl.gz" */
static char *own_name(const struct sg_study *s)
{
    /* A folder that is not there yet (`plan`) has no run that writes. */
    char hex[SG_HEX], *real = realpath(s->results, NULL);
    const char *path = real ? real : s->results;
    sg_sha256_hex(path, strlen(path), hex);
    free(real);
    return sg_strf("%s-%.16s%s", s->name, hex, suffix);
}

sg_status sg_cache_open(const struct sg_study *s, struct sg_cache **out, struct sg_err *err)
{
    *out = NULL;
    if (!s->cache)
        return SG_OK;
    struct sg_cache *c = sg_alloc(1, sizeof *c);
    if (!c)
        return sg_fail_memory(err, sizeof *c);
    c->dir = sg_strdup(s->cache);
    c->own = own_name(s);
    if (!c->dir || !c->own) {
        sg_cache_close(c);
        return sg_fail_memory(err, strlen(s->cache));
    }
    *out = c;
    return SG_OK;
}

void sg_cache_close(struct sg_cache *c)
{
    if (!c)
        return;
    for (int64_t i = 0; i < c->n; i++) {
        sg_free(c->file[i].name);
        sg_free(c->file[i].prefix);
    }
    sg_free(c->file);
    sg_free(c->wanted);
    sg_free(c->dir);
    sg_free(c->own);
    sg_free(c);
}

/* ---- what is there ---- */

static uint64_t prefix_of(const char *key)
{
    char head[17];
    memcpy(head, key, 16);
    head[16] = 0;
    return strtoull(head, NULL, 16);
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static sg_status note_key(void *context, const struct sg_request *q, const struct sg_answer *a,
                          struct sg_err *err)
{
    struct file *f = context;
    if (a->status != SG_OK)
        return SG_OK;
    uint64_t *more = sg_grown(f->prefix, f->n, sizeof *more);
    if (!more)
        return sg_fail_memory(err, (size_t)f->n * sizeof *more);
    f->prefix = more;
    f->prefix[f->n++] = prefix_of(q->key);
    return SG_OK;
}

/* Takes the name. All of the file is read, its end included, before anything of it is believed. */
static sg_status enter_file_take(struct sg_cache *c, char *name, struct sg_err *err)
{
    struct file f = {.name = name}, *more = sg_grown(c->file, c->n, sizeof *more);
    char *path = sg_path_join(c->dir, name);
    struct sg_err why = {0};
    sg_status status = more && path ? SG_OK : sg_fail_memory(err, strlen(name));
    if (more)
        c->file = more;
    if (status == SG_OK && sg_recording_read(path, note_key, &f, &why) == SG_OK) {
        if (f.n > 0)
            qsort(f.prefix, (size_t)f.n, sizeof *f.prefix, by_number);
        c->file[c->n++] = f;
    } else {
        if (status == SG_OK)
            warn(&why);
        sg_free(f.prefix);
        sg_free(name);
    }
    sg_free(path);
    return status;
}

static int is_recording(const struct dirent *d)
{
    size_t n = strlen(d->d_name), m = sizeof suffix - 1;
    return n > m && d->d_name[0] != '.' && strcmp(d->d_name + n - m, suffix) == 0;
}

static sg_status read_folder(struct sg_cache *c, struct sg_err *err)
{
    struct dirent **entry = NULL;
    int n = scandir(c->dir, &entry, is_recording, alphasort);
    c->is_read = 1;
    if (n < 0) {
        struct sg_err why = {0};
        if (errno != ENOENT) {
            (void)!sg_fail(&why, SG_INPUT, "%s: %s", c->dir, strerror(errno));
            warn(&why);
        }
        return SG_OK;
    }
    sg_status status = SG_OK;
    for (int i = 0; i < n; i++) {
        char *name = status == SG_OK ? sg_strdup(entry[i]->d_name) : NULL;
        if (status == SG_OK)
            status = name ? enter_file_take(c, name, err) : sg_fail_memory(err, 256);
        free(entry[i]);
    }
    free(entry);
    return status;
}

/* ---- what is wanted ---- */

sg_status sg_cache_want_key(struct sg_cache *c, const char *key, struct sg_err *err)
{
    struct wanted *more = c && key[0] ? sg_grown(c->wanted, c->n_wanted, sizeof *more) : NULL;
    if (!c || !key[0])
        return SG_OK;
    if (!more)
        return sg_fail_memory(err, (size_t)c->n_wanted * sizeof *more);
    c->wanted = more;
    memcpy(c->wanted[c->n_wanted].key, key, SG_HEX);
    c->wanted[c->n_wanted++].found = 0;
    return SG_OK;
}

sg_status sg_cache_want(struct sg_cache *c, const struct sg_request_list *missing, struct sg_err *err)
{
    for (int64_t i = 0; c && i < missing->n; i++)
        SG_TRY(sg_cache_want_key(c, missing->item[i].key, err));
    return SG_OK;
}

static int by_key(const void *a, const void *b)
{
    return memcmp(((const struct wanted *)a)->key, ((const struct wanted *)b)->key, SG_HEX);
}

static int has_some(const struct sg_cache *c, const struct file *f)
{
    for (int64_t i = 0; i < c->n_wanted && f->n; i++) {
        uint64_t x = prefix_of(c->wanted[i].key);
        if (!c->wanted[i].found && bsearch(&x, f->prefix, (size_t)f->n, sizeof x, by_number))
            return 1;
    }
    return 0;
}

struct fetch {
    struct sg_cache *c;
    sg_cache_each each;
    void *context;
    char *source;
    int64_t n;
    sg_status status; /* of `each` */
};

static sg_status hand_on(void *context, const struct sg_request *q, const struct sg_answer *a,
                         struct sg_err *err)
{
    struct fetch *f = context;
    struct wanted x, *w;
    memcpy(x.key, q->key, SG_HEX);
    w = bsearch(&x, f->c->wanted, (size_t)f->c->n_wanted, sizeof x, by_key);
    if (a->status != SG_OK || !w || w->found)
        return SG_OK;
    f->status = f->each(f->context, f->source, q, a, err);
    w->found = 1;
    f->n++;
    return f->status;
}

static sg_status fetch_file(struct fetch *f, const struct file *file, struct sg_err *err)
{
    char *path = sg_path_join(f->c->dir, file->name);
    struct sg_err why = {0};
    f->source = sg_strf("cache %s", file->name);
    sg_status status = path && f->source ? SG_OK : sg_fail_memory(err, strlen(file->name));
    if (status == SG_OK && sg_recording_read(path, hand_on, f, &why) != SG_OK) {
        if (f->status != SG_OK)
            *err = why;
        else
            warn(&why); /* it was whole a moment ago: replaced, or gone */
        status = f->status;
    }
    sg_free(f->source);
    sg_free(path);
    return status;
}

sg_status sg_cache_fetch(struct sg_cache *c, sg_cache_each each, void *context, int64_t *n,
                         struct sg_err *err)
{
    *n = 0;
    if (!c || !c->n_wanted)
        return SG_OK;
    struct fetch f = {.c = c, .each = each, .context = context};
    sg_status status = c->is_read ? SG_OK : read_folder(c, err);
    int64_t n_distinct = 0;
    qsort(c->wanted, (size_t)c->n_wanted, sizeof *c->wanted, by_key);
    for (int64_t i = 0; i < c->n_wanted; i++)
        if (!n_distinct || by_key(&c->wanted[i], &c->wanted[n_distinct - 1]) != 0)
            c->wanted[n_distinct++] = c->wanted[i];
    c->n_wanted = n_distinct;
    for (int64_t i = 0; status == SG_OK && i < c->n; i++)
        if (has_some(c, &c->file[i]))
            status = fetch_file(&f, &c->file[i], err);
    sg_free(c->wanted);
    c->wanted = NULL;
    c->n_wanted = 0;
    *n = f.n;
    return status;
}

static sg_status put_one(void *context, const char *source, const struct sg_request *q,
                         const struct sg_answer *a, struct sg_err *err)
{
    return sg_completion_put(context, q->canonical, a, source, -1, err);
}

sg_status sg_cache_import(struct sg_cache *c, struct sg_requests *r, struct sg_ledger *l, int64_t *n,
                          struct sg_err *err)
{
    *n = 0;
    for (int64_t found = c != NULL; found; *n += found) {
        for (int64_t i = 0; i < sg_requests_n_consumers(r); i++) {
            struct sg_request_list slice = {.max = SG_REQUESTS_SLICE};
            do {
                sg_status status = sg_requests_advance(r, i, &slice, err);
                if (status == SG_OK)
                    status = sg_cache_want(c, &slice, err);
                sg_request_list_free(&slice);
                SG_TRY(status);
            } while (slice.next);
            SG_TRY(sg_cache_want_key(c, sg_requests_fit_key(r, i), err));
        }
        SG_TRY(sg_cache_fetch(c, put_one, l, &found, err));
    }
    return SG_OK;
}

/* ---- the study's own file ---- */

int sg_cache_has_own(const struct sg_cache *c)
{
    char *path = c ? sg_path_join(c->dir, c->own) : NULL;
    int has = !c || (path && sg_file_exists(path));
    sg_free(path);
    return has;
}

struct own {
    const struct sg_cache *c;
    struct sg_ledger *ledger;
    struct sg_recording_writer *writer;
    int64_t n;
    sg_status status; /* of the ledger */
};

static sg_status merge_one(void *context, const struct sg_request *q, const struct sg_answer *a,
                           struct sg_err *err)
{
    struct own *o = context;
    char *source = a->status == SG_OK ? sg_strf("cache %s", o->c->own) : NULL;
    if (a->status == SG_OK)
        o->status = source ? sg_completion_put(o->ledger, q->canonical, a, source, -1, err)
                           : sg_fail_memory(err, strlen(o->c->own));
    sg_free(source);
    return o->status;
}

/* Keeps what an earlier file has. One that is damaged is replaced. */
static sg_status merge(struct sg_cache *c, const char *path, struct own *o, struct sg_err *err)
{
    struct sg_err why = {0};
    if (c->is_merged || !sg_file_exists(path))
        return SG_OK;
    if (sg_recording_read(path, merge_one, o, &why) != SG_OK) {
        if (o->status != SG_OK)
            *err = why;
        else
            sg_tell_warning("the cache: %s; it is written anew", why.text);
    }
    c->is_merged = 1;
    return o->status;
}

/* The answers that this study has bought, now or before its results folder was deleted. */
static sg_status add_one(void *context, const struct sg_ledger_completion *x, struct sg_err *err)
{
    struct own *o = context;
    const char *source = x->source ? x->source : "";
    int is_own = strncmp(source, "cache ", 6) == 0 && strcmp(source + 6, o->c->own) == 0;
    if (x->status != SG_OK || (sg_ledger_is_imported(source) && !is_own))
        return SG_OK;
    o->n++;
    return sg_completion_record(o->writer, x, err);
}

/* What a crash has left under this file's temporary names. */
static void tidy(const struct sg_cache *c)
{
    DIR *d = opendir(c->dir);
    size_t n = strlen(c->own);
    for (const struct dirent *e; d && (e = readdir(d));)
        if (strncmp(e->d_name, c->own, n) == 0 && strncmp(e->d_name + n, ".tmp.", 5) == 0)
            unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
}

static sg_status make_folder(const char *dir, struct sg_err *err)
{
    char *above = sg_path_dir(dir);
    sg_status status = above ? sg_mkdirs(above, err) : sg_fail_memory(err, strlen(dir));
    sg_free(above);
    if (status == SG_OK && mkdir(dir, 0700) != 0 && errno != EEXIST)
        status = sg_fail(err, sg_write_status(errno), "%s: cannot be made: %s", dir, strerror(errno));
    return status;
}

static sg_status write_own(struct sg_cache *c, const char *path, struct own *o, struct sg_err *err)
{
    SG_TRY(make_folder(c->dir, err));
    SG_TRY(merge(c, path, o, err));
    SG_TRY(sg_ledger_commit(o->ledger, err)); /* what another study believes must not be lost here */
    tidy(c);
    SG_TRY(sg_recording_create_private(path, &o->writer, err));
    sg_status status = sg_ledger_completions_each(o->ledger, add_one, o, err);
    sg_crash_site("cache_half", NULL);
    sg_status finished = sg_recording_finish(o->writer, status == SG_OK && o->n ? err : NULL);
    return status == SG_OK ? finished : status;
}

sg_status sg_cache_write(struct sg_cache *c, struct sg_ledger *l, struct sg_err *err)
{
    if (!c)
        return SG_OK;
    struct own o = {.c = c, .ledger = l};
    char *path = sg_path_join(c->dir, c->own);
    sg_status status = path ? write_own(c, path, &o, err) : sg_fail_memory(err, strlen(c->dir));
    sg_free(path);
    return status;
}
