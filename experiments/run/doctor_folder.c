/* The file system of the results. */
#define _GNU_SOURCE /* F_OFD_SETLK */
#include "experiments/run/doctor_impl.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Magic numbers of statfs(2) and linux/magic.h; of Lustre, GPFS, BeeGFS and Panasas by their own headers. */
static const struct {
    long magic;
    const char *name;
    int is_memory, is_network;
} kinds[] = {
    {0x6969, "NFS", 0, 1},         {0x0BD00BD0, "Lustre", 0, 1}, {0x47504653, "GPFS", 0, 1},
    {0x19830326, "BeeGFS", 0, 1},  {0x00C36400, "CephFS", 0, 1}, {0xAAD7AAEA, "PanFS", 0, 1},
    {0xFF534D42, "CIFS", 0, 1},    {0xFE534D42, "SMB", 0, 1},    {0x5346414F, "AFS", 0, 1},
    {0x65735546, "FUSE", 0, 0},    {0x01021994, "tmpfs", 1, 0},  {0x858458F6, "ramfs", 1, 0},
    {0x794C7630, "overlay", 0, 0}, {0xEF53, "ext4", 0, 0},       {0x58465342, "XFS", 0, 0},
    {0x9123683E, "Btrfs", 0, 0},   {0x2FC12FC1, "ZFS", 0, 0},
};

/* Two descriptions of one file: the second must not get the lock that the first has. *why: errno where there are no locks at all. */
static int locks_work(const char *dir, int *why)
{
    char *path = sg_path_join(dir, "lock");
    struct flock first = {.l_type = F_WRLCK, .l_whence = SEEK_SET}, second = first;
    int a = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1,
        b = a >= 0 ? open(path, O_RDWR | O_CLOEXEC) : -1, works = 0;
    *why = 0;
    if (b >= 0 && fcntl(a, F_OFD_SETLK, &first) != 0)
        *why = errno;
    else if (b >= 0)
        works = fcntl(b, F_OFD_SETLK, &second) != 0;
    if (a >= 0)
        close(a);
    if (b >= 0)
        close(b);
    sg_free(path);
    return works;
}

sg_status sg_doctor_check_files(const char *dir, double commit_s, struct sg_findings *f, struct sg_err *err)
{
    struct statfs st;
    int why, works = locks_work(dir, &why), kind = -1, n_kinds = sizeof kinds / sizeof kinds[0];
    const char *name = "of unknown kind";
    if (statfs(dir, &st) == 0)
        for (int k = 0; k < n_kinds; k++)
            if ((unsigned long)kinds[k].magic == ((unsigned long)st.f_type & 0xFFFFFFFFUL))
                kind = k;
    if (kind >= 0)
        name = kinds[kind].name;
    if (kind >= 0 && kinds[kind].is_memory)
        SG_TRY(sg_doctor_note(f, "files", SG_HEALTH_NOTE, err,
                              "the results' file system is %s: memory of this node, and gone with it; hint: "
                              "results=DIR in a home "
                              "or project folder",
                              name));
    if (commit_s > 0.5)
        SG_TRY(sg_doctor_note(
            f, "files", SG_HEALTH_NOTE, err,
            "a durable write takes %.1f s on %s: each answer and cell waits for one; hint: results=DIR on a "
            "faster file system",
            commit_s, name));
    if (!works)
        return sg_doctor_note(f, "files", SG_HEALTH_NOTE, err,
                              "%s %s locks (%s): synthgrid needs none, but other readers of results.h5 may "
                              "refuse it; hint: export "
                              "HDF5_USE_FILE_LOCKING=FALSE for them, or mount with locks (Lustre: -o flock)",
                              name, why ? "without" : "does not keep",
                              why ? strerror(why) : "two may have one");
    return sg_doctor_note(f, "files", SG_HEALTH_FINE, err, "%s, %s; locks work, fsync takes %.1f ms", name,
                          kind >= 0 && kinds[kind].is_network ? "seen by all nodes that mount it"
                                                              : "of this machine, unless it is exported",
                          commit_s * 1e3);
}
