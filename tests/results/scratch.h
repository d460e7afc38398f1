/* A scratch folder for one test program; removed at the end. */
#ifndef SG_TESTS_RESULTS_SCRATCH_H
#define SG_TESTS_RESULTS_SCRATCH_H

#include "base/mem.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch[256];

static inline void scratch_remove(const char *path)
{
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        char below[1024];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            snprintf(below, sizeof below, "%s/%s", path, e->d_name) >= (int)sizeof below)
            continue;
        scratch_remove(below);
    }
    if (d)
        closedir(d);
    remove(path);
}

static inline int scratch_make(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(scratch, sizeof scratch, "%s/sg-results-XXXXXX", base ? base : "/tmp");
    return mkdtemp(scratch) ? 0 : -1;
}

/* cmocka's, around all tests of a program: the folder, and that no memory is left. */
static inline int scratch_setup(void **state)
{
    (void)state;
    return scratch_make();
}

static inline int scratch_teardown(void **state)
{
    (void)state;
    scratch_remove(scratch);
    return sg_mem_now() ? -1 : 0;
}

/* "<scratch>/<name>"; a ring of eight buffers. */
static inline const char *in_scratch(const char *name)
{
    static char ring[8][512];
    static int at;
    char *s = ring[at++ % 8];
    snprintf(s, sizeof ring[0], "%s/%s", scratch, name);
    return s;
}

#endif
