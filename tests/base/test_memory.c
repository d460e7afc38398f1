/* What a machine has left: /proc/meminfo and control groups of both versions, as files in a throwaway folder. */
#include "base/memory.h"

#include "base/err.h"
#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char root[] = "/tmp/sg-memory-XXXXXX";

static void put(const char *path, const char *text)
{
    char full[400];
    struct sg_err err = {0};
    snprintf(full, sizeof full, "%s/%s", root, path);
    char *slash = strrchr(full, '/');
    *slash = 0;
    assert_int_equal(sg_mkdirs(full, &err), SG_OK);
    *slash = '/';
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void empty(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s/proc %s/sys", root, root);
    assert_int_equal(system(command), 0);
}

static void memory(void **state)
{
    (void)state;
    struct {
        const char *group, *file[8]; /* path, text */
        double mb;
    } row[] = {
        /* What is available counts, not what is free. */
        {"0::/\n", {0}, 8192},
        {"", {0}, 8192},
        /* A limit, of which 3 MB are used and 1 MB can be dropped. */
        {"0::/job\n",
         {"sys/fs/cgroup/job/memory.max", "10485760\n", "sys/fs/cgroup/job/memory.current", "3145728\n",
          "sys/fs/cgroup/job/memory.stat", "anon 2097152\ninactive_file 1048576\n"},
         8},
        /* The limit of a group above; its own has none. */
        {"0::/job/step\n",
         {"sys/fs/cgroup/job/memory.max", "10485760\n", "sys/fs/cgroup/job/step/memory.max", "max\n"},
         10},
        /* In a container its group is the root. */
        {"0::/\n", {"sys/fs/cgroup/memory.max", "10485760\n"}, 10},
        /* More is used than is allowed. */
        {"0::/\n", {"sys/fs/cgroup/memory.max", "1048576\n", "sys/fs/cgroup/memory.current", "3145728\n"}, 0},
        /* Version 1, as Slurm sets it; and its word for no limit. */
        {"4:cpu,cpuacct:/x\n3:memory:/slurm/job_7\n",
         {"sys/fs/cgroup/memory/slurm/job_7/memory.limit_in_bytes", "20971520\n",
          "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"},
         20},
        {"3:memory:/\n", {"sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"}, 8192},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        empty();
        put("proc/meminfo", "MemTotal:  16000000 kB\nMemFree:  1000000 kB\nMemAvailable:    8388608 kB\n");
        put("proc/self/cgroup", row[i].group);
        for (int k = 0; k < 8 && row[i].file[k]; k += 2)
            put(row[i].file[k], row[i].file[k + 1]);
        double mb = sg_mem_available(root) / 1048576;
        if (mb != row[i].mb)
            fail_msg("row %zu: %g MB instead of %g", i, mb, row[i].mb);
    }
    empty();
    assert_true(sg_mem_available(root) < 0);
}

static void quota(void **state)
{
    (void)state;
    empty();
    assert_int_equal(sg_cpu_quota(root), 0);
    put("proc/self/cgroup", "0::/job\n");
    put("sys/fs/cgroup/job/cpu.max", "max 100000\n");
    assert_int_equal(sg_cpu_quota(root), 0);
    put("sys/fs/cgroup/job/cpu.max", "150000 100000\n");
    assert_int_equal(sg_cpu_quota(root), 2);
    empty();
    put("proc/self/cgroup", "4:cpu,cpuacct:/job\n");
    put("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "-1\n");
    put("sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
    assert_int_equal(sg_cpu_quota(root), 0);
    put("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "400000\n");
    assert_int_equal(sg_cpu_quota(root), 4);
}

static int enter(void **state)
{
    (void)state;
    return mkdtemp(root) ? 0 : 1;
}

static int leave(void **state)
{
    (void)state;
    empty();
    return rmdir(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory), cmocka_unit_test(quota)};
    return cmocka_run_group_tests(tests, enter, leave);
}
