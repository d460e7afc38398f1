/* The generators of a study: one (generator:), or several as an axis (generators:).
 *
 *     generator: {max_tokens: 128}            what they share
 *     generators:
 *       large: {provider: anthropic, model: claude-haiku-4-5}
 *       small: {model: llama3, base_url: http://127.0.0.1:8080/v1, api_key_env: LOCAL_KEY}
 *
 * Who it is that answers, where, for which key and at which price, each says for itself (SG_SET_OWN): nothing of that can
 * come from another's by oversight. Everything else that an entry does not say is as in generator:, or its default. */
#ifndef SG_EXPERIMENTS_STUDY_GENERATORS_H
#define SG_EXPERIMENTS_STUDY_GENERATORS_H

#include "experiments/study/settings.h"

/* As many as a run keeps keys for. */
enum { SG_MAX_GENERATORS = 16, SG_GENERATOR_NAME = 32 };

/* Local. Whether an override is for one of several generators: "generators.small.model=a". */
int sg_generators_is_override(const char *key_value);

/* Local, after file and overrides: fills study.generator from what has been read, and from those overrides that are
 * sg_generators_is_override (the others are not looked at). r: of the study. */
sg_status sg_generators_read(const struct sg_reading *r, struct sg_settings *all, int n_overrides,
                             const char *const *overrides, struct sg_err *err) SG_MUST_USE;

/* Which of n generators a request (canonical JSON) was asked of: one of its provider and model, most like it in temperature and
 * top_p, the first of several that are so; of them the one of this name, where there is one. -1: none. A classification has a
 * temperature of its own, and is asked of the first of a model alone. provider: what the request calls a generator's. */
int sg_generators_find(int n, const struct sg_generator *g,
                       const char *(*provider)(const struct sg_generator *g), const char *name,
                       const char *canonical);

#endif
