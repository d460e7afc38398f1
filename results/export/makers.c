#include "results/export/makers.h"

#include "base/text.h"

#include <string.h>

enum { NAME_CHARS = 60 };

enum sg_pool_maker sg_maker_of(const struct sg_export_pool *x)
{
    enum sg_pool_maker m = sg_pool_maker_of(x->settings, x->model, x->status);
    return m == SG_MADE_UNKNOWN ? SG_MADE_BY_LLM : m;
}

int sg_makers_have(const struct sg_export_pools *p, enum sg_pool_maker m)
{
    for (int64_t i = 0; i < p->n; i++)
        if (p->pool[i].n && sg_maker_of(&p->pool[i]) == m)
            return 1;
    return 0;
}

/* Without its folder, which is of a machine. */
static void name_file(struct sg_buf *out, const json_t *settings)
{
    const char *path = json_string_value(json_object_get(settings, "pool_file")),
               *sha256 = json_string_value(json_object_get(settings, "file_sha256"));
    const char *slash = path ? strrchr(path, '/') : NULL;
    sg_buf_puts(out, "file ");
    sg_buf_safe(out, slash && slash[1] ? slash + 1 : path ? path : "without a name", NAME_CHARS);
    if (!sha256)
        return;
    sg_buf_puts(out, ", SHA-256 ");
    sg_buf_safe(out, sha256, SG_HEX);
}

void sg_makers_name(struct sg_buf *out, const struct sg_export_pool *x)
{
    switch (sg_maker_of(x)) {
    case SG_MADE_FILE:
        name_file(out, x->settings);
        return;
    case SG_MADE_FREE:
        sg_buf_puts(out, "raw rows, words changed by ");
        sg_buf_safe(out, x->method, NAME_CHARS);
        return;
    default:
        sg_buf_safe(out, x->model, 200);
    }
}

void sg_makers_say(struct sg_buf *out, const struct sg_export_pools *p)
{
    static const char *const words[SG_MADE_UNKNOWN] = {"written by language models",
                                                       "made of the tasks' raw rows by changing words",
                                                       "taken from files of others"};
    int n = 0, at = 0;
    for (int m = 0; m < SG_MADE_UNKNOWN; m++)
        n += sg_makers_have(p, (enum sg_pool_maker)m);
    for (int m = 0; m < SG_MADE_UNKNOWN; m++)
        if (sg_makers_have(p, (enum sg_pool_maker)m)) {
            sg_buf_puts(out, !at ? "" : at == n - 1 ? " and " : ", ");
            sg_buf_puts(out, words[m]);
            at++;
        }
}

void sg_makers_licences(struct sg_buf *out, const struct sg_export_pools *p)
{
    if (sg_makers_have(p, SG_MADE_FREE))
        sg_buf_puts(out, " Pools of raw rows whose words were changed are copies of the tasks' data, whose "
                         "licences apply to them.");
    if (sg_makers_have(p, SG_MADE_FILE))
        sg_buf_puts(out, " Pools of files are rows that others have made, and stand under the licences of "
                         "those files.");
}
