#include "gen/pool/reject.h"

const char *sg_reject_name(enum sg_reject r)
{
    static const char *const names[SG_N_REJECTS] = {
        "accepted", "failed",    "empty",     "cut_off",  "refused",     "unparsable",
        "echo",     "duplicate", "leakage",   "too_long", "wrong_label", "surplus",
        "near_raw", "near_test", "near_pool", "marked",   "reasoning",   "too_short"};
    return names[r];
}
