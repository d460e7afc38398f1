/* Token ids that grow: what the steps of a tokenizer add to. */
#ifndef SG_MODEL_TOKENIZER_IDS_H
#define SG_MODEL_TOKENIZER_IDS_H

#include <stdint.h>

struct sg_ids {
    int32_t *id;
    int64_t n, cap;
    int failed; /* no memory: sticks until it is asked */
};

/* Local. The caller frees id. */
void sg_ids_add(struct sg_ids *ids, int32_t id);

#endif
