#include "experiments/run/same_ranks.h"

#include "base/build.h"
#include "base/mem.h"
#include "model/kernels/ops.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What a rank says to rank 0: where it is, and what differs there ("": nothing). */
struct note {
    char host[64], differs[448];
};

void sg_same_ranks_describe(const struct sg_encoder *e, struct sg_buf *out)
{
    sg_buf_printf(out, "the program (%s)\t%s\n", sg_build_name(), sg_build_id());
    sg_encoder_files(e, out);
}

sg_status sg_same_ranks_rounding(const struct sg_team *world, enum sg_precision precision, struct sg_buf *out,
                                 struct sg_err *err)
{
    const struct sg_ops *ops = sg_ops_best(precision);
    int can = ops != NULL, all_can = 0;
    SG_TRY(
        sg_mpi_check(MPI_Allreduce(&can, &all_can, 1, MPI_INT, MPI_MIN, world->comm), "MPI_Allreduce", err));
    if (all_can)
        sg_buf_printf(out, "the rounding of products\t%s\n", sg_rounding_name(ops->rounding));
    return SG_OK;
}

/* The value of a line with this name of n bytes; NULL: there is none. *n_value: its bytes. */
static const char *value_of(const char *lines, const char *name, size_t n, size_t *n_value)
{
    for (const char *at = lines; *at; at += strcspn(at, "\n"), at += *at == '\n')
        if (strncmp(at, name, n) == 0 && at[n] == '\t') {
            *n_value = strcspn(at + n + 1, "\n");
            return at + n + 1;
        }
    return NULL;
}

/* Of `lines`, those that `others` has not just so; known 1: but for those that it has otherwise. */
static void add_differing(const char *lines, const char *others, int known, struct sg_buf *out)
{
    for (const char *at = lines; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        size_t n = strcspn(at, "\t\n"), n_other = 0, n_mine = strcspn(at + n + 1, "\n");
        const char *other = value_of(others, at, n, &n_other);
        if (other && (known || (n_other == n_mine && strncmp(other, at + n + 1, n_mine) == 0)))
            continue;
        sg_buf_puts(out, out->len ? ", " : "");
        sg_buf_add(out, at, n);
    }
}

void sg_same_ranks_differ(const char *mine, const char *theirs, struct sg_buf *out)
{
    add_differing(mine, theirs, 0, out);
    add_differing(theirs, mine, 1, out);
}

static sg_status compare(const struct sg_team *world, const struct sg_buf *mine, struct note *note,
                         struct sg_err *err)
{
    struct sg_buf theirs = sg_buf_make(1 << 20), differs = sg_buf_make(1 << 20);
    gethostname(note->host, sizeof note->host - 1);
    if (world->rank == 0)
        sg_buf_puts(&theirs, sg_buf_text(mine));
    sg_status status = sg_bcast_buf(world, 0, &theirs, err);
    if (status == SG_OK && strcmp(sg_buf_text(mine), sg_buf_text(&theirs)) != 0)
        sg_same_ranks_differ(sg_buf_text(mine), sg_buf_text(&theirs), &differs);
    snprintf(note->differs, sizeof note->differs, "%s", sg_buf_text(&differs));
    sg_buf_free(&theirs);
    sg_buf_free(&differs);
    return sg_agree(world, status, err);
}

/* "ranks 1, 2, 3": those whose note is that of rank `first`. */
static void name_alike(const struct note *note, int n, int first, struct sg_buf *out)
{
    enum { MOST = 8 };
    int n_alike = 0;
    for (int i = first; i < n; i++)
        n_alike +=
            strcmp(note[i].differs, note[first].differs) == 0 && strcmp(note[i].host, note[first].host) == 0;
    sg_buf_puts(out, n_alike > 1 ? "ranks " : "rank ");
    for (int i = first, k = 0; i < n && k < MOST; i++)
        if (strcmp(note[i].differs, note[first].differs) == 0 && strcmp(note[i].host, note[first].host) == 0)
            sg_buf_printf(out, "%s%d", k++ ? ", " : "", i);
    if (n_alike > MOST)
        sg_buf_printf(out, " and %d more", n_alike - MOST);
}

/* Rank 0: all notes as one sentence. */
static sg_status find_odd_rank(const struct note *note, int n, struct sg_err *err)
{
    enum { MOST_GROUPS = 3 };
    struct sg_buf b = sg_buf_make(1 << 20);
    int n_groups = 0;
    for (int i = 1; i < n; i++) {
        int seen = !note[i].differs[0];
        for (int k = 1; k < i && !seen; k++)
            seen = strcmp(note[i].differs, note[k].differs) == 0 && strcmp(note[i].host, note[k].host) == 0;
        if (seen || n_groups++ >= MOST_GROUPS)
            continue;
        sg_buf_puts(&b, b.len ? "; " : "");
        name_alike(note, n, i, &b);
        sg_buf_printf(&b, " (%s): %.250s", note[i].host, note[i].differs);
    }
    if (n_groups > MOST_GROUPS)
        sg_buf_puts(&b, "; and others");
    sg_status status = SG_OK;
    if (n_groups)
        status = sg_fail(
            err, SG_INPUT,
            "not all ranks are the same, and would train other weights than rank 0 (%s) does: %s; hint: the "
            "same files and one build on every node, or all of it on a file system that they share; nodes of "
            "one kind",
            note[0].host, sg_buf_text(&b));
    sg_buf_free(&b);
    return status;
}

sg_status sg_same_ranks(const struct sg_team *world, const struct sg_buf *mine, struct sg_err *err)
{
    struct note own = {0};
    if (world->size <= 1)
        return SG_OK;
    SG_TRY(sg_agree(world, sg_buf_check(mine, "what a rank is", err), err));
    SG_TRY(compare(world, mine, &own, err));
    struct note *all = world->rank == 0 ? sg_alloc((size_t)world->size, sizeof *all) : NULL;
    sg_status status = world->rank == 0 && !all ? sg_fail_memory(err, sizeof *all) : SG_OK;
    status = sg_agree(world, status, err);
    if (status == SG_OK)
        status =
            sg_mpi_check(MPI_Gather(&own, sizeof own, MPI_BYTE, all, sizeof own, MPI_BYTE, 0, world->comm),
                         "MPI_Gather", err);
    if (status == SG_OK && world->rank == 0)
        status = find_odd_rank(all, world->size, err);
    sg_free(all);
    return sg_agree(world, status, err);
}

/* Rank 0's settings are compared byte by byte. */
static sg_status same_settings(const struct sg_team *world, const struct sg_prepared *p, struct sg_err *err)
{
    struct sg_buf b = sg_buf_make(1 << 24);
    if (world->rank == 0)
        sg_buf_puts(&b, p->study->resolved);
    sg_status status = sg_bcast_buf(world, 0, &b, err);
    if (status == SG_OK && strcmp(sg_buf_text(&b), p->study->resolved) != 0)
        status =
            sg_fail(err, SG_INPUT,
                    "%s reads differently here than on rank 0; hint: it must lie on a file system that all "
                    "nodes share",
                    p->study->path);
    sg_buf_free(&b);
    return sg_agree(world, status, err);
}

sg_status sg_same_ranks_of_study(const struct sg_team *world, const struct sg_prepared *p, int trains,
                                 struct sg_err *err)
{
    struct sg_buf mine = sg_buf_make(1 << 20);
    SG_TRY(same_settings(world, p, err));
    sg_same_ranks_describe(p->encoder, &mine);
    sg_status status = trains ? sg_same_ranks_rounding(world, p->study->train.precision, &mine, err) : SG_OK;
    if (status == SG_OK)
        status = sg_same_ranks(world, &mine, err);
    sg_buf_free(&mine);
    return status;
}
