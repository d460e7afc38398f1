#include "model/snapshot.h"

#include "base/crash.h"
#include "base/file.h"
#include "base/mem.h"
#include "generated/version.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct head {
    char magic[8];
    int64_t n_bytes;
    char run[64];
    int64_t step, n_steps, n_tokens;
    double train_s, rank_s;
    int64_t n_teams, most_ranks;
};
static const char MAGIC[8] = {'S', 'G', 'S', 'N', 'A', 'P', '0', '2'};
enum { N_DIGEST = 64 };

/* What memory has before the head. */
struct memory_head {
    double unsaved_s;
    int64_t first_step;
};

/* An array of the file, as it lies in memory. */
struct span {
    void *at;
    size_t n;      /* bytes */
    int are_steps; /* int64, each a number of steps done */
};
enum { N_SPANS = 3 + 3 * 4, BLOCK = 1 << 16 };

static void spans_of(struct sg_trainer *t, float *loss, struct span out[N_SPANS])
{
    struct sg_adamw *o = &t->adamw;
    size_t n_steps = (size_t)t->n_steps;
    *out++ = (struct span){loss, n_steps * sizeof *loss, 0};
    *out++ = (struct span){o->step, n_steps * sizeof *o->step, 0};
    *out++ = (struct span){t->arena, (size_t)(t->layout.n_total - t->layout.at_arena) * sizeof *t->arena, 0};
    for (int k = 0; k < 3; k++) {
        struct sg_adamw_table *a = &o->table[k];
        size_t rows = (size_t)a->n_rows, n = rows * (size_t)a->C;
        *out++ = (struct span){a->m, n * sizeof *a->m, 0};
        *out++ = (struct span){a->v, n * sizeof *a->v, 0};
        *out++ = (struct span){a->n_done, rows * sizeof *a->n_done, 1};
        *out++ = (struct span){a->has_state, rows, 0};
    }
}

static int64_t file_bytes(struct sg_trainer *t)
{
    struct span span[N_SPANS];
    size_t n = sizeof(struct head) + 2 * (size_t)t->adamw.n_dense * sizeof(float) + N_DIGEST;
    spans_of(t, NULL, span);
    for (int i = 0; i < N_SPANS; i++)
        n += span[i].n;
    return (int64_t)n;
}

size_t sg_snapshot_bytes(struct sg_trainer *t)
{
    return sizeof(struct memory_head) + (size_t)file_bytes(t) - N_DIGEST;
}

static void add_tokens(struct sg_sha256_stream *h, const struct sg_tokens *x, const struct sg_examples *rows)
{
    int64_t n = x->n, total = n ? x->start[n] : 0;
    sg_sha256_add(h, &n, sizeof n);
    if (n == 0)
        return;
    sg_sha256_add(h, x->start, (size_t)(n + 1) * sizeof *x->start);
    sg_sha256_add(h, x->id, (size_t)total * sizeof *x->id);
    sg_sha256_add(h, x->type, (size_t)total * sizeof *x->type);
    if (rows->label)
        sg_sha256_add(h, rows->label, (size_t)n * sizeof *rows->label);
    if (rows->quality)
        sg_sha256_add(h, rows->quality, (size_t)n * sizeof *rows->quality);
}

/* Everything that the bits of the result depend on, and the program, whose next version may add up in another
 * order. Neither ranks nor threads, unless MPI sums. */
static sg_status run_of(const struct sg_trainer *t, char hex[SG_HEX], struct sg_err *err)
{
    struct sg_sha256_stream *h = sg_sha256_create();
    if (!h)
        return sg_fail_memory(err, 1024);
    const struct sg_adamw *o = &t->adamw;
    const char program[] = SG_VERSION " " SG_GIT;
    int64_t whole[] = {(int64_t)t->ops->rounding,
                       t->batch,
                       t->n_steps,
                       (int64_t)t->seed,
                       t->lanes,
                       t->layout.shape.K,
                       t->layout.shape.L,
                       t->n_frozen,
                       o->n_warmup,
                       t->team->size > 1 && !t->reduction ? t->team->size : 0};
    double real[] = {o->lr, o->weight_decay, o->clip, t->dropout, t->attention_dropout, t->head_dropout};
    sg_sha256_add(h, program, sizeof program);
    sg_sha256_add(h, sg_encoder_digest(t->e), SG_HEX);
    sg_sha256_add(h, whole, sizeof whole);
    sg_sha256_add(h, real, sizeof real);
    add_tokens(h, &t->train_tokens, t->train);
    add_tokens(h, &t->eval_tokens, t->eval);
    sg_sha256_finish_hex(h, hex);
    return SG_OK;
}

/* --- writing --- */

struct writer {
    const char *path;
    char *tmp;
    FILE *file;
    struct sg_sha256_stream *hash;
    char *memory;     /* instead of these: where the next byte goes; there is room for all */
    sg_status status; /* sticky: the others of the team wait for this rank to take part */
    struct sg_err *err;
};

static void put(struct writer *w, const void *data, size_t n)
{
    if (w->status != SG_OK || n == 0)
        return;
    if (w->memory) {
        memcpy(w->memory, data, n);
        w->memory += n;
        return;
    }
    sg_sha256_add(w->hash, data, n);
    if (fwrite(data, 1, n, w->file) != n)
        w->status = sg_fail(w->err, sg_write_status(errno), "%s: %s", w->tmp, strerror(errno));
}

/* All but the dense part of the optimiser. */
static void put_begin(struct writer *w, struct sg_trainer *t, const struct sg_snapshot_at *at)
{
    struct span span[N_SPANS];
    char run[SG_HEX];
    struct head head = {.n_bytes = file_bytes(t),
                        .step = at->step,
                        .n_steps = t->n_steps,
                        .n_tokens = at->n_tokens,
                        .train_s = at->train_s,
                        .rank_s = at->rank_s,
                        .n_teams = at->n_teams,
                        .most_ranks = at->most_ranks};
    if (w->status == SG_OK)
        w->status = run_of(t, run, w->err);
    if (w->status != SG_OK)
        return;
    memcpy(head.magic, MAGIC, sizeof MAGIC);
    memcpy(head.run, run, sizeof head.run);
    put(w, &head, sizeof head);
    spans_of(t, at->loss, span);
    for (int i = 0; i < N_SPANS; i++)
        put(w, span[i].at, span[i].n);
}

static void open_writer(struct writer *w)
{
    w->tmp = sg_strf("%s.tmp", w->path);
    w->hash = sg_sha256_create();
    if (!w->tmp || !w->hash) {
        w->status = sg_fail_memory(w->err, strlen(w->path));
        return;
    }
    w->file = fopen(w->tmp, "wb");
    if (!w->file)
        w->status = sg_fail(w->err, sg_write_status(errno), "%s: %s", w->tmp, strerror(errno));
}

static sg_status close_writer(struct writer *w)
{
    char digest[SG_HEX] = "";
    if (w->hash)
        sg_sha256_finish_hex(w->hash, digest);
    if (w->file) {
        int bad = w->status == SG_OK && fwrite(digest, 1, 64, w->file) != 64;
        bad |= fclose(w->file) != 0;
        if (bad && w->status == SG_OK)
            w->status = sg_fail(w->err, sg_write_status(errno), "%s: %s", w->tmp, strerror(errno));
        if (w->status == SG_OK)
            w->status = sg_file_replace(w->tmp, w->path, w->err);
        if (w->status != SG_OK)
            unlink(w->tmp);
    }
    sg_free(w->tmp);
    return w->status;
}

/* Collective. All ranks' pieces of m or v into t->adamw.g: the way that parameters go in a step. */
static sg_status gather_state(struct sg_trainer *t, const float *state, struct sg_err *err)
{
    sg_adamw_spread(&t->adamw, state, t->adamw.g);
    if (!t->reduction)
        return SG_OK;
    for (int b = 0; b < sg_shards_buckets(&t->layout); b++) {
        int64_t lo, hi;
        sg_shards_range(&t->layout, b, &lo, &hi);
        sg_reduction_start(t->reduction, b, SG_GATHER, t->adamw.g + lo, sg_adamw_cut(&t->adamw, b));
    }
    return sg_reduction_wait(t->reduction, err);
}

/* Collective. w: rank 0's. Only MPI makes it fail; else rank 0 has what came of it in w->status. */
static sg_status put_all(struct sg_trainer *t, const struct sg_snapshot_at *at, struct writer *w,
                         struct sg_err *err)
{
    int root = t->team->rank == 0;
    const float *state[2] = {t->adamw.m, t->adamw.v};
    if (root)
        put_begin(w, t, at);
    if (w->path)
        sg_crash_site("snapshot_half", w->path);
    for (int k = 0; k < 2; k++) {
        SG_TRY(gather_state(t, state[k], err));
        if (root)
            put(w, t->adamw.g, (size_t)t->adamw.n_dense * sizeof *t->adamw.g);
    }
    return SG_OK;
}

sg_status sg_snapshot_write(struct sg_trainer *t, const char *path, const struct sg_snapshot_at *at,
                            struct sg_err *why, struct sg_err *err)
{
    int root = t->team->rank == 0;
    struct writer w = {.path = path, .err = why};
    if (root)
        open_writer(&w);
    sg_status status = put_all(t, at, &w, err);
    if (status != SG_OK && w.status == SG_OK) /* MPI is gone */
        w.status = status;
    sg_status wrote = root ? close_writer(&w) : SG_OK;
    if (status == SG_OK)
        why->status = sg_agree(t->team, wrote, why);
    return status;
}

sg_status sg_snapshot_keep(struct sg_trainer *t, const struct sg_snapshot_at *at, void **out,
                           struct sg_err *why, struct sg_err *err)
{
    int root = t->team->rank == 0;
    size_t n = sg_snapshot_bytes(t);
    char *bytes = root ? sg_alloc(n, 1) : NULL;
    struct writer w = {.memory = bytes, .err = why};
    *out = NULL;
    why->status = sg_agree(t->team, root && !bytes ? sg_fail_memory(why, n) : SG_OK, why);
    if (why->status != SG_OK)
        return SG_OK;
    struct memory_head first = {at->unsaved_s, at->first_step};
    put(&w, &first, root ? sizeof first : 0);
    sg_status status = put_all(t, at, &w, err);
    if (status == SG_OK)
        why->status = sg_agree(t->team, w.status, why);
    if (status == SG_OK && why->status == SG_OK)
        *out = bytes;
    else
        sg_free(bytes);
    return status;
}

/* --- reading --- */

static sg_status damaged(const char *path, struct sg_err *err)
{
    return sg_fail(err, SG_INPUT, "%s: damaged or cut off; hint: delete it to train from the start", path);
}

/* Where team rank 0 reads: a file, or memory; neither on others. */
struct source {
    FILE *file;
    const char *memory;
    size_t n_memory;  /* left of it */
    const char *path; /* or a name for it */
};

static int get(struct source *s, void *to, size_t n)
{
    if (!s->memory)
        return fread(to, 1, n, s->file) == n;
    if (s->n_memory < n)
        return 0;
    memcpy(to, s->memory, n);
    s->memory += n;
    s->n_memory -= n;
    return 1;
}

static sg_status check_head(struct sg_trainer *t, struct source *s, struct head *head, struct sg_err *err)
{
    char run[SG_HEX];
    struct stat st;
    const char *path = s->path;
    if (!get(s, head, sizeof *head) || memcmp(head->magic, MAGIC, sizeof MAGIC) != 0)
        return sg_fail(err, SG_INPUT, "%s: no checkpoint of a training run; hint: another file name", path);
    SG_TRY(run_of(t, run, err));
    if (memcmp(head->run, run, sizeof head->run) != 0)
        return sg_fail(
            err, SG_INPUT,
            "%s: the checkpoint of a run with other rows, settings or encoder, or by another version "
            "of synthgrid; hint: delete it, or give another file name",
            path);
    int64_t n_bytes = (int64_t)(sizeof *head + s->n_memory) + N_DIGEST;
    if (s->file)
        n_bytes = fstat(fileno(s->file), &st) == 0 ? st.st_size : -1;
    if (n_bytes != head->n_bytes || head->n_bytes != file_bytes(t) || head->n_steps != t->n_steps ||
        head->step < 1 || head->step >= t->n_steps || head->n_tokens < 0)
        return damaged(path, err);
    return SG_OK;
}

/* Reads n bytes into the hash; where they are numbers of steps, these must be possible. */
static int hash_span(FILE *f, struct sg_sha256_stream *hash, const struct span *s, int64_t most)
{
    char block[BLOCK];
    for (size_t at = 0; at < s->n;) {
        size_t n = s->n - at < BLOCK ? s->n - at : BLOCK;
        if (fread(block, 1, n, f) != n)
            return 0;
        sg_sha256_add(hash, block, n);
        for (size_t i = 0; s->are_steps && i < n; i += sizeof(int64_t)) {
            int64_t steps;
            memcpy(&steps, block + i, sizeof steps);
            if (steps < 0 || steps > most)
                return 0;
        }
        at += n;
    }
    return 1;
}

/* The whole file, before any of it is believed; what lies in memory we have put there. */
static sg_status check_all(struct sg_trainer *t, struct source *source, struct head *head, struct sg_err *err)
{
    FILE *f = source->file;
    const char *path = source->path;
    SG_TRY(check_head(t, source, head, err));
    if (!f)
        return SG_OK;
    struct span span[N_SPANS + 1];
    char have[SG_HEX], want[64];
    struct sg_sha256_stream *hash = sg_sha256_create();
    if (!hash)
        return sg_fail_memory(err, 1024);
    sg_sha256_add(hash, head, sizeof *head);
    spans_of(t, NULL, span);
    span[N_SPANS] = (struct span){NULL, 2 * (size_t)t->adamw.n_dense * sizeof(float), 0};
    int good = 1;
    for (int i = 0; i <= N_SPANS && good; i++)
        good = hash_span(f, hash, &span[i], head->step);
    sg_sha256_finish_hex(hash, have);
    if (!good || fread(want, 1, 64, f) != 64 || memcmp(have, want, 64) != 0)
        return damaged(path, err);
    return fseek(f, sizeof *head, SEEK_SET) == 0 ? SG_OK
                                                 : sg_fail(err, SG_FAILED, "%s: %s", path, strerror(errno));
}

/* Collective. The next n bytes, from rank 0 to all. */
static sg_status take(const struct sg_team *team, struct source *from, void *to, size_t n, struct sg_err *err)
{
    enum { PIECE = 1 << 30 };
    sg_status status = SG_OK;
    if (team->rank == 0 && n && !get(from, to, n))
        status = sg_fail(err, SG_FAILED, "%s: cannot be read again", from->path);
    SG_TRY(sg_agree(team, status, err));
    for (size_t at = 0; at < n && team->size > 1; at += PIECE)
        SG_TRY(sg_mpi_check(
            MPI_Bcast((char *)to + at, (int)(n - at < PIECE ? n - at : PIECE), MPI_BYTE, 0, team->comm),
            "checkpoint", err));
    return SG_OK;
}

static sg_status take_all(struct sg_trainer *t, struct source *from, float *loss, struct sg_err *err)
{
    struct span span[N_SPANS];
    spans_of(t, loss, span);
    for (int i = 0; i < N_SPANS; i++)
        SG_TRY(take(t->team, from, span[i].at, span[i].n, err));
    float *state[2] = {t->adamw.m, t->adamw.v};
    for (int k = 0; k < 2; k++) {
        SG_TRY(take(t->team, from, t->adamw.g, (size_t)t->adamw.n_dense * sizeof *t->adamw.g, err));
        sg_adamw_collect(&t->adamw, t->adamw.g, state[k]);
    }
    return SG_OK;
}

/* Local, team rank 0. head->step stays 0 where there is nothing. */
static sg_status open_source(struct sg_trainer *t, struct source *s, struct head *head,
                             struct memory_head *first, struct sg_err *err)
{
    if (s->memory && !get(s, first, sizeof *first))
        return damaged(s->path, err);
    if (!s->memory && s->path)
        s->file = fopen(s->path, "rb");
    if (s->memory || s->file)
        return check_all(t, s, head, err);
    return s->path && errno != ENOENT ? sg_fail(err, SG_INPUT, "%s: %s", s->path, strerror(errno)) : SG_OK;
}

sg_status sg_snapshot_read(struct sg_trainer *t, const void *memory, size_t n, const char *path,
                           struct sg_snapshot_at *at, struct sg_err *err)
{
    struct source from = {
        .memory = memory, .n_memory = memory ? n : 0, .path = memory ? "what the team before left" : path};
    struct {
        struct head head;
        struct memory_head first;
        int is_memory;
    } x = {.is_memory = memory != NULL};
    sg_status status = SG_OK;
    if (t->team->rank == 0)
        status = open_source(t, &from, &x.head, &x.first, err);
    SG_TRY_DONE(sg_agree(t->team, status, err));
    if (t->team->size > 1)
        SG_TRY_DONE(sg_mpi_check(MPI_Bcast(&x, sizeof x, MPI_BYTE, 0, t->team->comm), "checkpoint", err));
    if (x.head.step == 0)
        goto done;
    SG_TRY_DONE(take_all(t, &from, at->loss, err));
    at->step = t->adamw.n_done = x.head.step;
    at->n_tokens = x.head.n_tokens;
    at->train_s = x.head.train_s;
    at->rank_s = x.head.rank_s;
    at->n_teams = x.head.n_teams;
    at->most_ranks = x.head.most_ranks;
    at->unsaved_s = x.first.unsaved_s;
    at->first_step = x.is_memory ? x.first.first_step : x.head.step;
    at->is_memory = x.is_memory;
    if (x.head.step % t->steps_per_epoch)
        sg_trainer_shuffle(t, x.head.step / t->steps_per_epoch);
done:
    if (from.file)
        fclose(from.file);
    return status;
}

sg_status sg_train_snapshot_check(const char *path, struct sg_err *err)
{
    static const char hint[] = "hint: name a file in a folder that can be written to";
    struct stat st;
    char *dir = sg_path_dir(path), *tmp = sg_strf("%s.tmp", path);
    int fd = -1;
    struct sg_err why;
    sg_status status = SG_OK;
    if (!dir || !tmp)
        SG_TRY_DONE(sg_fail_memory(err, strlen(path)));
    if (!path[0])
        SG_TRY_DONE(sg_fail(err, SG_INPUT, "no name of a file; %s", hint));
    if (sg_mkdirs(dir, &why) != SG_OK)
        SG_TRY_DONE(sg_fail(err, SG_INPUT, "%s; %s", why.text, hint));
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        SG_TRY_DONE(sg_fail(err, SG_INPUT, "%s: no regular file; %s", path, hint));
    fd = open(tmp, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        SG_TRY_DONE(sg_fail(err, SG_INPUT, "%s: cannot be written: %s; %s", path, strerror(errno), hint));
    close(fd);
    unlink(tmp);
done:
    sg_free(dir);
    sg_free(tmp);
    return status;
}

void sg_train_snapshot_remove(const char *path)
{
    char *tmp = sg_strf("%s.tmp", path);
    unlink(path);
    if (tmp)
        unlink(tmp);
    sg_free(tmp);
}
