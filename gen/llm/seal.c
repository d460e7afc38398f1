#include "gen/llm/seal.h"

#include <string.h>

static sg_status begin(struct sg_seal *s, struct sg_err *err)
{
    s->sha = sg_sha256_create();
    if (!s->sha)
        return sg_fail_memory(err, 256);
    s->first = s->line + 1;
    sg_sha256_add(s->sha, s->last, strlen(s->last));
    return SG_OK;
}

sg_status sg_seal_add(struct sg_seal *s, const char *line, size_t n, struct sg_err *err)
{
    if (!s->sha)
        SG_TRY(begin(s, err));
    sg_sha256_add(s->sha, line, n);
    sg_sha256_add(s->sha, "\n", 1);
    s->line++;
    return SG_OK;
}

sg_status sg_seal_close(struct sg_seal *s, int is_end, char hex[SG_HEX], struct sg_err *err)
{
    if (!s->sha)
        SG_TRY(begin(s, err));
    sg_sha256_add(s->sha, is_end ? "end" : "more", is_end ? 3 : 4);
    sg_sha256_finish_hex(s->sha, s->last);
    s->sha = NULL;
    s->first = 0;
    s->line++;
    s->is_over = is_end;
    memcpy(hex, s->last, SG_HEX);
    return SG_OK;
}

void sg_seal_free(struct sg_seal *s)
{
    char hex[SG_HEX];
    if (s->sha)
        sg_sha256_finish_hex(s->sha, hex);
    s->sha = NULL;
}
