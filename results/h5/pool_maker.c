#include "results/h5/pool_maker.h"

#include <string.h>

enum sg_pool_maker sg_pool_maker_of(const json_t *settings, const char *model, const char *status)
{
    if (json_object_get(settings, "pool_file"))
        return SG_MADE_FILE;
    if (model[0])
        return SG_MADE_BY_LLM;
    return strcmp(status, "planned") == 0 ? SG_MADE_UNKNOWN : SG_MADE_FREE;
}
