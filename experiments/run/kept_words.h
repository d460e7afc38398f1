/* Words that the encoder's masked-LM head has given for a pool, kept in the results folder, so that a run that goes on does not compute them
 * again: words/<pool id>.json, a line with the SHA-256 of the rest, then [[class, draw, [word or null, ...]], ...].
 *
 * A pool's id says all that its words depend on. A file that is missing, damaged or another pool's is no file: the words are asked for again.
 * A study without a results folder keeps none. Rank 0 only. */
#ifndef SG_EXPERIMENTS_RUN_KEPT_WORDS_H
#define SG_EXPERIMENTS_RUN_KEPT_WORDS_H

#include "experiments/study/prepare.h"

#include <jansson.h>

/* What is kept of the pool; NULL: nothing. */
json_t *sg_kept_words_read(const struct sg_prepared *p, int64_t pool);

/* Writes it, by rename. A file that cannot be written is a warning: it is computed again then. */
void sg_kept_words_write(const struct sg_prepared *p, int64_t pool, const json_t *words);

#endif
