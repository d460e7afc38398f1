#include "experiments/paths.h"

#include "base/file.h"
#include "base/mem.h"

#include <string.h>
#include <unistd.h>

char *sg_path_share(void)
{
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n > 0) {
        exe[n] = 0;
        char *bin = sg_path_dir(exe);
        char *share = bin ? sg_path_join(bin, "../share/synthgrid") : NULL;
        sg_free(bin);
        if (!share || sg_dir_exists(share))
            return share;
        sg_free(share);
    }
    return sg_strdup(SG_SHARE_DIR);
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
