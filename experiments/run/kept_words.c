#include "experiments/run/kept_words.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/tell.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 1 << 30, HEX = SG_HEX - 1 };

static char *path_of(const struct sg_prepared *p, int64_t pool)
{
    return sg_strf("%s/words/%s.json", p->study->results, sg_pool_id(p->pool[pool]));
}

json_t *sg_kept_words_read(const struct sg_prepared *p, int64_t pool)
{
    char *path = p->study->results ? path_of(p, pool) : NULL, *text = NULL, hex[SG_HEX];
    struct sg_err ignored;
    json_t *words = NULL;
    size_t n = 0;
    if (path && sg_file_exists(path) && sg_file_read(path, MOST_BYTES, &text, &n, &ignored) == SG_OK &&
        n > HEX + 1 && text[HEX] == '\n') {
        sg_sha256_hex(text + HEX + 1, n - HEX - 1, hex);
        if (memcmp(hex, text, HEX) == 0)
            words = json_loadb(text + HEX + 1, n - HEX - 1, 0, NULL);
    }
    sg_free(text);
    sg_free(path);
    return words;
}

static sg_status write_file(const char *path, const char *text, struct sg_err *err)
{
    char hex[SG_HEX];
    char *slash = strrchr(path, '/'), *dir = sg_strndup(path, (size_t)(slash - path)), *all = NULL;
    sg_status status = dir ? sg_mkdirs(dir, err) : sg_fail_memory(err, strlen(path));
    sg_sha256_hex(text, strlen(text), hex);
    if (status == SG_OK && !(all = sg_strf("%s\n%s", hex, text)))
        status = sg_fail_memory(err, strlen(text));
    if (status == SG_OK)
        status = sg_file_write(path, all, strlen(all), err);
    sg_free(all);
    sg_free(dir);
    return status;
}

void sg_kept_words_write(const struct sg_prepared *p, int64_t pool, const json_t *words)
{
    if (!p->study->results)
        return;
    char *path = path_of(p, pool), *text = json_dumps(words, JSON_COMPACT);
    struct sg_err err = {0};
    sg_status status = path && text ? write_file(path, text, &err) : sg_fail_memory(&err, 1 << 16);
    if (status != SG_OK)
        sg_tell_warning("a pool's words are not kept, and computed again by the next run: %s", err.text);
    free(text);
    sg_free(path);
}
