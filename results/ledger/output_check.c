#include "results/ledger/output_check.h"

#include "base/file.h"
#include "base/magic.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int has_ledger(const char *folder)
{
    char *ledger = sg_path_join(folder, "ledger.sqlite");
    int has = ledger && sg_file_exists(ledger);
    sg_free(ledger);
    return has;
}

static int is_runs_name(const char *name)
{
    size_t n = strlen(name);
    return strncmp(name, "ledger.sqlite", 13) == 0 || strcmp(name, "results.h5") == 0 ||
           strcmp(name, "status.json") == 0 || (n > 4 && strcmp(name + n - 4, ".run") == 0);
}

static const char *database_at(const char *path)
{
    char head[16] = {0};
    FILE *f = sg_file_exists(path) ? fopen(path, "rb") : NULL;
    size_t n = f ? fread(head, 1, sizeof head, f) : 0;
    if (f)
        fclose(f);
    return sg_magic_database(head, n);
}

static int is_named(const char *path)
{
    return path && path[0] && strcmp(path, "-") != 0;
}

sg_status sg_output_check(const char *what, const char *path, const char *const *inputs, int n_inputs,
                          struct sg_err *err)
{
    if (!is_named(path))
        return SG_OK;
    sg_status status = SG_OK;
    char *folder = sg_path_dir(path), *above = folder ? sg_strf("%s/..", folder) : NULL;
    if (!above) {
        sg_free(folder);
        return sg_fail_memory(err, strlen(path) + 4);
    }
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *kind = database_at(path);
    for (int i = 0; i < n_inputs && status == SG_OK; i++)
        /* Of a run's folder only what is the run's is read: an earlier report in it may be written anew. */
        if (is_named(inputs[i]) &&
            (same_file(path, inputs[i]) ||
             (sg_file_exists(path) && same_file(folder, inputs[i]) && !has_ledger(inputs[i]))))
            status = sg_fail(err, SG_INPUT,
                             "%s %s would write over what this command reads; hint: name another file", what,
                             path);
    int in_lock = strcmp(name, "holder") == 0 || strcmp(name, "beat") == 0;
    if (status == SG_OK && (is_runs_name(name) ? has_ledger(folder) : in_lock && has_ledger(above)))
        status =
            sg_fail(err, SG_INPUT, "%s %s: a run keeps its own file under that name; hint: name another file",
                    what, path);
    if (status == SG_OK && kind)
        status = sg_fail(err, SG_INPUT, "%s %s: is %s, and would be lost; hint: name another file", what,
                         path, kind);
    sg_free(folder);
    sg_free(above);
    return status;
}

sg_status sg_output_check_folder(const char *what, const char *path, const char *const *inputs, int n_inputs,
                                 struct sg_err *err)
{
    for (int i = 0; is_named(path) && i < n_inputs; i++)
        if (is_named(inputs[i]) && same_file(path, inputs[i]))
            return sg_fail(err, SG_INPUT,
                           "%s %s is the folder that this command reads; hint: name another folder", what,
                           path);
    if (is_named(path) && has_ledger(path))
        return sg_fail(err, SG_INPUT, "%s %s holds the results of a run; hint: name another folder", what,
                       path);
    return SG_OK;
}
