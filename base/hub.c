#include "base/hub.h"

#include "base/file.h"
#include "base/mem.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A part of a path that stays below where it is put. */
static int is_part(const char *text, size_t n, const char *also)
{
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr(also, text[i]))
            return 0;
    return n > 0 && text[0] != '.' && text[0] != '-' && text[0] != '/' && text[n - 1] != '/';
}

int sg_hub_name_parse(const char *text, struct sg_hub_name *out)
{
    struct sg_hub_name name = {0};
    size_t n = strcspn(text, "@"), owner = strcspn(text, "/");
    const char *revision = text[n] ? text + n + 1 : NULL;
    if (owner >= n || n >= sizeof name.repo || !is_part(text, owner, "-_.") ||
        !is_part(text + owner + 1, n - owner - 1, "-_."))
        return 0;
    memcpy(name.repo, text, n);
    if (strstr(name.repo, "--") || strstr(name.repo, "..")) /* which the Hub allows nowhere */
        return 0;
    if (revision) {
        size_t len = strlen(revision);
        if (len >= sizeof name.revision || !is_part(revision, len, "-_./") || strstr(revision, "..") ||
            strstr(revision, "//"))
            return 0;
        memcpy(name.revision, revision, len);
    }
    *out = name;
    return 1;
}

char *sg_hub_cache(void)
{
    static const struct {
        const char *variable, *below;
    } place[] = {{"HF_HUB_CACHE", ""},
                 {"HUGGINGFACE_HUB_CACHE", ""},
                 {"HF_HOME", "/hub"},
                 {"XDG_CACHE_HOME", "/huggingface/hub"}};
    const char *home = getenv("HOME"), *value;
    for (size_t i = 0; i < sizeof place / sizeof *place; i++)
        if ((value = getenv(place[i].variable)) && value[0]) {
            int is_home = value[0] == '~' && (value[1] == '/' || !value[1]) && home;
            return sg_strf("%s%s%s", is_home ? home : "", value + is_home, place[i].below);
        }
    return sg_strf("%s/.cache/huggingface/hub", home ? home : "");
}

/* The commit that a ref stands for; 0: it is not there, or no commit. */
static int read_ref(const char *repo, const char *revision, char commit[65])
{
    char *path = sg_strf("%s/refs/%s", repo, revision), *text = NULL;
    struct sg_err ignored;
    size_t n = 0;
    if (path && sg_file_exists(path) && sg_file_read(path, 200, &text, &n, &ignored) == SG_OK)
        n = strcspn(text, "\r\n \t");
    int good = text && n < 65 && is_part(text, n, "");
    if (good)
        snprintf(commit, 65, "%.*s", (int)n, text);
    sg_free(text);
    sg_free(path);
    return good;
}

/* The only folder of snapshots/; 0: there are none, or several. */
static int only_snapshot(const char *repo, char commit[65])
{
    char *path = sg_path_join(repo, "snapshots");
    DIR *d = path ? opendir(path) : NULL;
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d));)
        if (is_part(e->d_name, strlen(e->d_name), "") && strlen(e->d_name) < 65 && ++n == 1)
            snprintf(commit, 65, "%.64s", e->d_name);
    if (d)
        closedir(d);
    sg_free(path);
    return n == 1;
}

/* <repo>/snapshots/<commit> if a model is there. */
static char *snapshot(const char *repo, const char *commit)
{
    char *dir = sg_strf("%s/snapshots/%s", repo, commit),
         *config = dir ? sg_path_join(dir, "config.json") : NULL;
    int is_there = config && sg_file_exists(config);
    sg_free(config);
    if (is_there)
        return dir;
    sg_free(dir);
    return NULL;
}

char *sg_hub_find_model(const char *text)
{
    struct sg_hub_name name;
    char commit[65], folder[SG_HUB_REPO + 16];
    if (!sg_hub_name_parse(text, &name))
        return NULL;
    size_t owner = strcspn(name.repo, "/");
    snprintf(folder, sizeof folder, "models--%.*s--%s", (int)owner, name.repo, name.repo + owner + 1);
    char *cache = sg_hub_cache(), *repo = cache ? sg_path_join(cache, folder) : NULL, *found = NULL;
    sg_free(cache);
    if (!repo)
        return NULL;
    if (read_ref(repo, name.revision[0] ? name.revision : "main", commit))
        found = snapshot(repo, commit);
    else if (name.revision[0])
        found = strchr(name.revision, '/') ? NULL : snapshot(repo, name.revision);
    else if (only_snapshot(repo, commit))
        found = snapshot(repo, commit);
    sg_free(repo);
    return found;
}
