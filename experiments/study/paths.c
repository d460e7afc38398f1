#include "experiments/study/paths.h"

#include "base/file.h"
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

char *sg_path_stub(void)
{
    char *built = beside_program("stub/llm_stub.py");
    if (built)
        return built;
    char *share = sg_path_share(), *installed = share ? sg_path_join(share, "stub/llm_stub.py") : NULL;
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
