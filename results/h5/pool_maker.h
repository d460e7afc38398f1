/* Who has made a pool's examples, told by its row of /pools: one rule for reports and exports. */
#ifndef SG_RESULTS_H5_POOL_MAKER_H
#define SG_RESULTS_H5_POOL_MAKER_H

#include <jansson.h>

enum sg_pool_maker {
    SG_MADE_BY_LLM,  /* bought */
    SG_MADE_FREE,    /* of the task's raw rows, with words changed (eda, mlm_*) */
    SG_MADE_FILE,    /* others have: imported */
    SG_MADE_UNKNOWN, /* it is planned, and names no model */
    SG_N_POOL_MAKERS
};

/* settings: of the row, or NULL where they are none. */
enum sg_pool_maker sg_pool_maker_of(const json_t *settings, const char *model, const char *status);

#endif
