/* A cell in words, for people: "sst2 zero_shot raw+synthetic, 20 synthetic + 40 raw, fine_tune, seeds 0/0/0" (generation, data, training; "-"
 * where there is none). As the program has it, or as the ledger does. */
#ifndef SG_EXPERIMENTS_RUN_CELL_WORDS_H
#define SG_EXPERIMENTS_RUN_CELL_WORDS_H

#include "base/buf.h"
#include "experiments/study/prepare.h"

#include <jansson.h>

struct sg_cell_words {
    const char *task, *method, *mix, *classifier;              /* borrowed; method "": raw-only */
    int64_t size, raw, seed_generation, seed_data, seed_train; /* a seed < 0: none */
    char arm[SG_ARM_NAME]; /* what method points to, if to anything here */
};

void sg_cell_words_of(const struct sg_prepared *p, const struct sg_cell *c, struct sg_cell_words *out);

/* settings: of the ledger's row (sg_cell_settings); what is missing there is empty. */
void sg_cell_words_read(const json_t *settings, struct sg_cell_words *out);

/* Adds them. */
void sg_cell_words_put(const struct sg_cell_words *w, struct sg_buf *out);

#endif
