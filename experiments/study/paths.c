#include "experiments/study/paths.h"

#include "base/file.h"
#include "base/hub.h"
#include "base/mem.h"

#include <string.h>
#include <unistd.h>

/* What stands at `path` seen from the program's own folder; NULL: nothing. */
static char *beside_program(const char *path)
{
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n <= 0)
        return NULL;
    exe[n] = 0;
    char *bin = sg_path_dir(exe), *found = bin ? sg_path_join(bin, path) : NULL;
    sg_free(bin);
    if (!found || access(found, F_OK) == 0)
        return found;
    sg_free(found);
    return NULL;
}

/* The sources of a program that is run where it was built: above its folder (they may have been moved together), or where they were
 * then. NULL: it is not, or they are gone. */
static char *sources(void)
{
    char *built = beside_program("CMakeCache.txt"), *above = NULL;
    if (built && (above = beside_program("../experiments/tasks"))) {
        char *in = sg_path_dir(above), *root = in ? sg_path_dir(in) : NULL;
        sg_free(in);
        sg_free(above);
        above = root;
    } else if (built && access(SG_SOURCE_DIR "/experiments/tasks", F_OK) == 0)
        above = sg_strdup(SG_SOURCE_DIR);
    sg_free(built);
    return above;
}

char *sg_path_share(void)
{
    char *share = beside_program("../share/synthgrid");
    if (!share)
        share = sources();
    return share ? share : sg_strdup(SG_SHARE_DIR);
}

char *sg_path_helper(const char *file)
{
    char *built = beside_program(file);
    if (built)
        return built;
    char *share = sg_path_share(), *installed = share ? sg_path_join(share, file) : NULL;
    sg_free(share);
    return installed;
}

char *sg_path_find(const char *path)
{
    if (path[0] == '/' || access(path, F_OK) == 0)
        return sg_strdup(path);
    char *share = sg_path_share(), *installed = share ? sg_path_join(share, path) : NULL;
    sg_free(share);
    if (!installed || access(installed, F_OK) == 0)
        return installed;
    sg_free(installed);
    return sg_strdup(path);
}

char *sg_path_of_study(const char *study, const char *path)
{
    char *dir = sg_path_dir(study), *beside = dir ? sg_path_join(dir, path) : NULL, *found = NULL;
    if (beside && access(path, F_OK) != 0 && access(beside, F_OK) == 0)
        found = sg_strdup(beside);
    else if (beside)
        found = sg_path_find(path);
    sg_free(dir);
    sg_free(beside);
    return found;
}

char *sg_path_of_encoder(const char *study, const char *path)
{
    char *found = study ? sg_path_of_study(study, path) : sg_strdup(path);
    char *cached = found && !sg_dir_exists(found) ? sg_hub_find_model(path) : NULL;
    if (!cached)
        return found;
    sg_free(found);
    return cached;
}

sg_status sg_path_fail_hub(const char *what, const char *name, struct sg_err *err)
{
    char *cache = sg_hub_cache();
    sg_fail(err, SG_INPUT,
            "%s: no folder %s, and no such model in the Hub's cache, %s; hint: `synthgrid fetch model %s` "
            "fetches it from the "
            "Hugging Face Hub",
            what, name, cache ? cache : "", name);
    sg_free(cache);
    return SG_INPUT;
}

sg_status sg_path_encoder(const char *option, const char *text, char **dir, struct sg_err *err)
{
    struct sg_hub_name name;
    char *found = sg_path_of_encoder(NULL, text);
    if (!found)
        return sg_fail_memory(err, strlen(text));
    if (access(found, F_OK) != 0 && sg_hub_name_parse(found, &name)) {
        sg_free(found);
        return sg_path_fail_hub(option, text, err);
    }
    *dir = found;
    return SG_OK;
}
