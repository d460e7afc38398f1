#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 4096 };

/* The number behind `key` in a file of "key value" lines; key NULL: the file's first word. < 0: none, also for "max". */
static double number_in(const char *path, const char *key)
{
    char line[LINE];
    double x = -1;
    FILE *f = fopen(path, "r");
    size_t n = key ? strlen(key) : 0;
    while (f && x < 0 && fgets(line, sizeof line, f)) {
        char *end = line + n, *begin = end;
        if (n && (strncmp(line, key, n) != 0 || !strchr(": \t", line[n])))
            continue;
        begin += strspn(begin, ": \t");
        x = strtod(begin, &end);
        if (end == begin)
            x = -1;
        if (!key)
            break;
    }
    if (f)
        fclose(f);
    return x;
}

/* The process's group in a hierarchy: of "0::/a/b" for version 2 (controller NULL), of "4:cpu,memory:/a/b" else. 0: none. */
static int group_of(const char *root, const char *controller, char out[LINE])
{
    char path[LINE], line[LINE];
    int found = 0;
    snprintf(path, sizeof path, "%.3000s/proc/self/cgroup", root);
    FILE *f = fopen(path, "r");
    while (f && !found && fgets(line, sizeof line, f)) {
        char *names = strchr(line, ':'), *group = names ? strchr(names + 1, ':') : NULL;
        if (!group)
            continue;
        *group++ = 0;
        group[strcspn(group, "\n")] = 0;
        if (!controller)
            found = !names[1];
        for (char *rest = NULL, *name = controller ? strtok_r(names + 1, ",", &rest) : NULL; name;
             name = strtok_r(NULL, ",", &rest))
            found |= strcmp(name, controller) == 0;
        if (found)
            snprintf(out, LINE, "%s", strcmp(group, "/") == 0 ? "" : group);
    }
    if (f)
        fclose(f);
    return found;
}

static double less(double a, double b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

struct hierarchy {
    const char *controller, *mount, *limit, *used, *dropped; /* dropped: in memory.stat */
};

/* What a group leaves. Limits of 2^60 and more are version 1's word for none. */
static double left_in(const char *dir, const struct hierarchy *h)
{
    char path[2 * LINE];
    snprintf(path, sizeof path, "%s/%s", dir, h->limit);
    double limit = number_in(path, NULL);
    if (limit < 0 || limit > 1e18)
        return -1;
    snprintf(path, sizeof path, "%s/%s", dir, h->used);
    double used = number_in(path, NULL);
    snprintf(path, sizeof path, "%s/memory.stat", dir);
    double dropped = number_in(path, h->dropped);
    used = (used < 0 ? 0 : used) - (dropped < 0 ? 0 : dropped);
    return limit > used ? limit - used : 0;
}

/* Calls for the group and all above it: the mount itself is the last. */
static double least_in(const char *root, const struct hierarchy *h,
                       double (*of)(const char *, const struct hierarchy *))
{
    char group[LINE], dir[2 * LINE];
    double least = -1;
    if (!group_of(root, h->controller, group))
        return -1;
    for (;;) {
        snprintf(dir, sizeof dir, "%.2000s/sys/fs/cgroup%s%.4000s", root, h->mount, group);
        least = less(least, of(dir, h));
        char *slash = strrchr(group, '/');
        if (!slash)
            return least;
        *slash = 0;
    }
}

double sg_mem_available(const char *root)
{
    static const struct hierarchy v2 = {NULL, "", "memory.max", "memory.current", "inactive_file"},
                                  v1 = {"memory", "/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
                                        "total_inactive_file"};
    char path[LINE];
    snprintf(path, sizeof path, "%.3000s/proc/meminfo", root);
    double kb = number_in(path, "MemAvailable");
    if (kb < 0)
        kb = number_in(path, "MemFree");
    return less(less(kb < 0 ? -1 : kb * 1024, least_in(root, &v2, left_in)), least_in(root, &v1, left_in));
}

static double quota_v2(const char *dir, const struct hierarchy *h)
{
    char path[2 * LINE], line[100] = "";
    double quota = -1, period = -1;
    (void)h;
    snprintf(path, sizeof path, "%s/cpu.max", dir);
    FILE *f = fopen(path, "r");
    int n = f && fgets(line, sizeof line, f) ? sscanf(line, "%lf %lf", &quota, &period) : 0;
    if (f)
        fclose(f);
    return n == 2 && period > 0 ? quota / period : -1;
}

static double quota_v1(const char *dir, const struct hierarchy *h)
{
    char path[2 * LINE];
    (void)h;
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", dir);
    double quota = number_in(path, NULL);
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", dir);
    double period = number_in(path, NULL);
    return quota > 0 && period > 0 ? quota / period : -1;
}

int sg_cpu_quota(const char *root)
{
    static const struct hierarchy v2 = {.mount = ""}, v1 = {.controller = "cpu", .mount = "/cpu"};
    double cores = less(least_in(root, &v2, quota_v2), least_in(root, &v1, quota_v1));
    return cores < 0 ? 0 : (int)cores + (cores > (int)cores);
}
