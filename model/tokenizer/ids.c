#include "model/tokenizer/ids.h"

#include "base/mem.h"

void sg_ids_add(struct sg_ids *ids, int32_t id)
{
    if (ids->n == ids->cap) {
        int64_t cap = ids->cap ? 2 * ids->cap : 256;
        int32_t *more = ids->failed ? NULL : sg_realloc(ids->id, (size_t)cap, sizeof *more);
        if (!more) {
            ids->failed = 1;
            return;
        }
        ids->id = more;
        ids->cap = cap;
    }
    ids->id[ids->n++] = id;
}
