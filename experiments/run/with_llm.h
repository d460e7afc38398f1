/* Which generators of a study ask the server that `--with-llm COMMAND` starts (gen/llm/companion.h), and what that makes of them. */
#ifndef SG_EXPERIMENTS_RUN_WITH_LLM_H
#define SG_EXPERIMENTS_RUN_WITH_LLM_H

#include "experiments/study/study.h"
#include "gen/llm/companion.h"

/* Local. asks (n_generators): those whose provider has servers of one's own, and that have no address elsewhere; where the place is given, those
 * that have an address, one on this machine before others. SG_INPUT where there is none, or where one server cannot be all of them: two
 * models, two addresses. */
sg_status sg_with_llm_choose(const struct sg_study *s, enum sg_companion_place place, int *asks,
                             struct sg_err *err) SG_MUST_USE;

/* Local. Its address is this one (borrowed). Where the server has a place of its own, a key is sent only if the study names its variable. What a
 * provider publishes is not its price. */
void sg_with_llm_point(struct sg_generator *g, enum sg_companion_place place, const char *url);

/* Local. For a plan: as if the server were there. */
sg_status sg_with_llm_assume(struct sg_study *s, const char *command, struct sg_err *err) SG_MUST_USE;

#endif
