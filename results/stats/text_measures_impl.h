/* Inside of text_measures.h. */
#ifndef SG_RESULTS_STATS_TEXT_MEASURES_IMPL_H
#define SG_RESULTS_STATS_TEXT_MEASURES_IMPL_H

#include "results/stats/text_measures.h"

/* Numbers the runs of `length` words by those of length - 1. gram (n): the number of the shorter run that begins at i (at length 1: 0), -1 for
 * none; becomes that of the longer. end (n): where i's text ends. room: sg_grams_room(n) bytes. Returns how many different ones there are. */
int64_t sg_grams_next(int32_t *gram, const int32_t *word, int64_t n, int length, const int64_t *end,
                      void *room);
size_t sg_grams_room(int64_t n);

/* self_bleu and n_bleu. */
sg_status sg_self_bleu(const struct sg_words *w, struct sg_text_measures *out,
                       struct sg_err *err) SG_MUST_USE;

#endif
