#define _GNU_SOURCE /* memfd_create, file seals */
#include "mpi/node_memory.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the node's first rank has the memory: a file descriptor of its own, and which file that is. */
struct offer {
    int64_t pid, fd, device, inode;
    int is_made, is_filled; /* made and not filled: the fill failed, and all leave */
};

sg_status sg_node_memory_alone(size_t n_bytes, sg_node_fill *fill, void *context, struct sg_node_memory *out,
                               struct sg_err *err)
{
    void *data = sg_alloc(n_bytes, 1);
    if (!data)
        return sg_fail_memory(err, n_bytes);
    sg_status status = fill(context, data, err);
    if (status != SG_OK)
        sg_free(data);
    else
        *out = (struct sg_node_memory){.data = data, .n_bytes = n_bytes, .n_ranks = 1};
    return status;
}

/* Each rank counts its share, so that the sum over ranks is the node's. */
static int64_t share_of(const struct sg_node_memory *m)
{
    return (int64_t)(m->n_bytes / (size_t)m->n_ranks);
}

void sg_node_memory_free(struct sg_node_memory *m)
{
    void *data = (void *)(uintptr_t)m->data;
    if (m->n_ranks > 1) {
        munmap(data, m->n_bytes);
        sg_mem_count(-share_of(m));
    } else {
        sg_free(data);
    }
    *m = (struct sg_node_memory){0};
}

static int map_readable(int fd, size_t n_bytes, int n_ranks, struct sg_node_memory *out)
{
    void *data = mmap(NULL, n_bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED)
        return 0;
    *out = (struct sg_node_memory){.data = data, .n_bytes = n_bytes, .n_ranks = n_ranks};
    sg_mem_count(share_of(out));
    return 1;
}

#ifdef MFD_ALLOW_SEALING
/* An anonymous file with all its pages; -1 where the system gives none. A file over a limit (ulimit -f) would end the process. */
static int make_file(size_t n_bytes)
{
    struct rlimit limit;
    if (n_bytes == 0 || getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur < n_bytes)
        return -1;
    int fd = memfd_create("synthgrid", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd >= 0 && (ftruncate(fd, (off_t)n_bytes) != 0 || fallocate(fd, 0, 0, (off_t)n_bytes) != 0)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* A seal against writing takes that no mapping can write. One that fails changes nothing: nobody here writes. */
static void seal(int fd)
{
    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
}
#else
static int make_file(size_t n_bytes)
{
    (void)n_bytes;
    return -1;
}
static void seal(int fd)
{
    (void)fd;
}
#endif

/* The node's first rank: makes and fills it. Without a file, *o stays empty and that is no failure. */
static sg_status offer_memory(size_t n_bytes, sg_node_fill *fill, void *context, struct offer *o,
                              struct sg_err *err)
{
    struct stat st;
    int fd = make_file(n_bytes);
    void *data = fd < 0 ? MAP_FAILED : mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED || fstat(fd, &st) != 0) {
        if (data != MAP_FAILED)
            munmap(data, n_bytes);
        if (fd >= 0)
            close(fd);
        return SG_OK;
    }
    *o = (struct offer){
        .pid = getpid(), .fd = fd, .device = (int64_t)st.st_dev, .inode = (int64_t)st.st_ino, .is_made = 1};
    sg_status status = fill(context, data, err);
    o->is_filled = status == SG_OK;
    munmap(data, n_bytes);
    seal(fd);
    return status;
}

/* The others: opens the first rank's file. /proc of another PID namespace may have another process there, hence the inode. */
static int open_offer(const struct offer *o)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%lld/fd/%lld", (long long)o->pid, (long long)o->fd);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 &&
        (fstat(fd, &st) != 0 || (int64_t)st.st_dev != o->device || (int64_t)st.st_ino != o->inode)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static sg_status take(const struct offer *o, const struct sg_team *node, size_t n_bytes, sg_node_fill *fill,
                      void *context, struct sg_node_memory *out, struct sg_err *err)
{
    if (o->is_made && !o->is_filled)
        return SG_OK; /* the first rank says why */
    int fd = !o->is_made ? -1 : node->rank == 0 ? (int)o->fd : open_offer(o);
    int is_there = fd >= 0 && map_readable(fd, n_bytes, node->size, out);
    if (fd >= 0 && node->rank != 0)
        close(fd);
    return is_there ? SG_OK : sg_node_memory_alone(n_bytes, fill, context, out, err);
}

static sg_status make_on_node(const struct sg_team *team, const struct sg_team *node, size_t n_bytes,
                              sg_node_fill *fill, void *context, struct sg_node_memory *out,
                              struct sg_err *err)
{
    struct offer o = {0};
    sg_status status = node->rank == 0 ? offer_memory(n_bytes, fill, context, &o, err) : SG_OK;
    struct sg_err mpi_err = {0};
    sg_status sent = sg_mpi_check(MPI_Bcast(&o, sizeof o, MPI_BYTE, 0, node->comm), "MPI_Bcast", &mpi_err);
    if (status == SG_OK && sent != SG_OK)
        status = sg_fail(err, sent, "%s", mpi_err.text);
    if (status == SG_OK)
        status = take(&o, node, n_bytes, fill, context, out, err);
    status = sg_agree(team, status, err); /* and all have opened the first rank's file */
    if (o.is_made && node->rank == 0)
        close((int)o.fd);
    return status;
}

sg_status sg_node_memory_make(const struct sg_team *team, size_t n_bytes, sg_node_fill *fill, void *context,
                              struct sg_node_memory *out, struct sg_err *err)
{
    if (team->size == 1)
        return sg_node_memory_alone(n_bytes, fill, context, out, err);
    struct sg_team node = {0};
    struct sg_node_memory m = {0};
    SG_TRY(sg_mpi_check(
        MPI_Comm_split_type(team->comm, MPI_COMM_TYPE_SHARED, team->rank, MPI_INFO_NULL, &node.comm),
        "MPI_Comm_split_type", err));
    MPI_Comm_rank(node.comm, &node.rank);
    MPI_Comm_size(node.comm, &node.size);
    sg_status status = node.size > 1
                           ? make_on_node(team, &node, n_bytes, fill, context, &m, err)
                           : sg_agree(team, sg_node_memory_alone(n_bytes, fill, context, &m, err), err);
    MPI_Comm_free(&node.comm);
    if (status == SG_OK)
        *out = m;
    else
        sg_node_memory_free(&m);
    return status;
}
