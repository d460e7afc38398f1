#include "gen/llm/unix_address.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static_assert(sizeof((struct sockaddr_un){0}.sun_path) > SG_UNIX_PATH_MAX, "the kernel takes such a path");

static const char scheme[] = "unix://";

const char *sg_unix_address_path(const char *url)
{
    return strncmp(url, scheme, sizeof scheme - 1) == 0 ? url + sizeof scheme - 1 : NULL;
}

const char *sg_unix_address_fault(const char *url)
{
    const char *path = sg_unix_address_path(url);
    if (path[0] != '/' || !path[1] || path[strlen(path) - 1] == '/')
        return "must name a socket by its whole path, like unix:///run/user/1000/llm/server.sock";
    if (strpbrk(path, "\r\n\t"))
        return "must hold no tab or newline";
    if (strlen(path) > SG_UNIX_PATH_MAX)
        return "names a path of more than 107 bytes, which no socket can have; hint: a folder nearer to the "
               "root, like one in $XDG_RUNTIME_DIR or /tmp";
    return NULL;
}

sg_status sg_unix_address_check(const char *path, struct sg_err *err)
{
    char folder[SG_UNIX_PATH_MAX + 1] = "/";
    struct stat st;
    size_t n = (size_t)(strrchr(path, '/') - path);
    if (n)
        memcpy(folder, path, n);
    folder[n ? n : 1] = 0;
    if (stat(folder, &st) != 0)
        return sg_fail(err, SG_INPUT,
                       "generator.base_url: %s: %s; hint: `mkdir -m 700 %s`, and let the server listen there",
                       folder, strerror(errno), folder);
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid())
        return sg_fail(err, SG_INPUT,
                       "generator.base_url: %s is not a folder of yours: whose it is could put another "
                       "server there; hint: `mkdir -m 700` one of your own for the socket",
                       folder);
    if (st.st_mode & 077)
        return sg_fail(err, SG_INPUT,
                       "generator.base_url: %s is open to other users of this node, and so is its server; "
                       "hint: `chmod 700 %s`",
                       folder, folder);
    if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
        return sg_fail(err, SG_INPUT,
                       "generator.base_url: %s is no socket; hint: name the one that the "
                       "server listens on",
                       path);
    return SG_OK;
}
