/* The free pools that need words of the encoder's masked-LM head (mlm_insert, mlm_replace): filled before any cell is handed out. */
#ifndef SG_EXPERIMENTS_RUN_FILL_WORDS_H
#define SG_EXPERIMENTS_RUN_FILL_WORDS_H

#include "experiments/study/prepare.h"
#include "model/mask_head.h"
#include "mpi/comm.h"

/* Collective over the job. p: rank 0 complete, others from SG_PREPARE_WORKER; head: every rank's. Rank 0 says which texts have which gaps, the
 * ranks fill them, a share each, and rank 0's pools go on with the words, until they are complete. A text's words depend on the text
 * alone, so the pools are the same on any number of ranks. SG_STOPPED, after the texts in hand, when a signal asks for it. */
sg_status sg_fill_words(const struct sg_team *world, const struct sg_prepared *p,
                        const struct sg_mask_head *head, struct sg_err *err) SG_MUST_USE;

#endif
