#include "experiments/study/task_file.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "experiments/study/paths.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static int ends_in(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n > m && strcmp(text + n - m, end) == 0;
}

enum { N_PLACES = 3, MAX_KNOWN = 200 };

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Adds the tasks of a folder to the list, once each. */
static void list_folder(const char *dir, char **name, int *n, int max)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d)) && *n < max;) {
        if (!ends_in(e->d_name, ".yaml") || e->d_name[0] == '.')
            continue;
        char *found = sg_strndup(e->d_name, strlen(e->d_name) - 5);
        int twice = !found;
        for (int i = 0; i < *n && found; i++)
            twice |= strcmp(name[i], found) == 0;
        if (twice)
            sg_free(found);
        else
            name[(*n)++] = found;
    }
    if (d)
        closedir(d);
}

/* Where a task's file is looked for by its name; 0 without memory. */
static int places_of(const char *study_dir, char *place[N_PLACES])
{
    char *share = sg_path_share();
    place[0] = sg_path_join(study_dir, "tasks");
    place[1] = sg_strdup("experiments/tasks");
    place[2] = share ? sg_path_join(share, "experiments/tasks") : NULL;
    sg_free(share);
    return place[0] && place[1] && place[2];
}

static void free_places(char *place[N_PLACES])
{
    for (int i = 0; i < N_PLACES; i++)
        sg_free(place[i]);
}

int sg_task_names(const char *study_dir, char *name[], int max)
{
    char *place[N_PLACES];
    int n = 0;
    if (places_of(study_dir, place))
        for (int i = 0; i < N_PLACES; i++)
            list_folder(place[i], name, &n, max);
    free_places(place);
    qsort(name, (size_t)n, sizeof name[0], by_text);
    return n;
}

static sg_status fail_unknown(const char *entry, const char *study_dir, const struct sg_yaml *at,
                              struct sg_err *err)
{
    char *name[MAX_KNOWN];
    int n = sg_task_names(study_dir, name, MAX_KNOWN);
    struct sg_buf b = sg_buf_make(sizeof err->text);
    sg_buf_puts(&b, "unknown task \"");
    sg_buf_safe(&b, entry, 64);
    int near = sg_text_nearest(entry, (const char *const *)name, n);
    sg_buf_puts(&b, "\"; hint: ");
    if (near >= 0)
        sg_buf_printf(&b, "did you mean \"%s\"? ", name[near]);
    sg_buf_puts(&b, n ? "known: " : "no task files were found; name a path to one's own");
    for (int i = 0; i < n && b.len < 600; i++)
        sg_buf_printf(&b, "%s%s", i ? ", " : "", name[i]);
    sg_buf_puts(&b, n ? "; or a path to a task file of your own" : "");
    sg_status status = sg_yaml_fail(at, err, "%s", sg_buf_text(&b));
    sg_buf_free(&b);
    for (int i = 0; i < n; i++)
        sg_free(name[i]);
    return status;
}

static sg_status find_path(const char *entry, const char *study_dir, const struct sg_yaml *at, char **path,
                           struct sg_err *err)
{
    char *found = sg_path_find(entry);
    if (found && !sg_file_exists(found)) {
        sg_free(found);
        found = sg_path_join(study_dir, entry);
    }
    if (!found)
        return sg_fail_memory(err, strlen(entry));
    if (sg_file_exists(found)) {
        *path = found;
        return SG_OK;
    }
    sg_free(found);
    return sg_yaml_fail(
        at, err,
        "no task file %s, nor in %s; hint: a path is seen from the current folder, then from the study's",
        entry, study_dir);
}

sg_status sg_task_find(const char *entry, const char *study_dir, const struct sg_yaml *at, char **path,
                       struct sg_err *err)
{
    if (strchr(entry, '/') || ends_in(entry, ".yaml") || ends_in(entry, ".yml"))
        return find_path(entry, study_dir, at, path, err);
    char *place[N_PLACES];
    sg_status status = places_of(study_dir, place) ? SG_OK : sg_fail_memory(err, strlen(entry));
    int done = 0;
    for (int i = 0; status == SG_OK && !done && i < N_PLACES; i++) {
        char *file = sg_strf("%s/%s.yaml", place[i], entry);
        if (!file)
            status = sg_fail_memory(err, strlen(entry));
        else if (sg_file_exists(file)) {
            *path = file;
            done = 1;
        } else
            sg_free(file);
    }
    if (status == SG_OK && !done)
        status = fail_unknown(entry, study_dir, at, err);
    free_places(place);
    return status;
}
