/* What texts look like, for comparing those that an LLM wrote with those of people: length, variety, how they begin, and what a
 * question has of its passage. Counts, not judgements: whether a label is right, or a question easy, is not measured.
 *
 * Texts come folded: letters and digits, words a blank apart (gen/pool/parse.h). Variety falls with the number of words, so it
 * is taken from the first SG_TEXT_STATS_WORDS words alone, and the number of words that there were is told.
 * Local, pure, one thread: the same texts give the same numbers everywhere. */
#ifndef SG_RESULTS_STATS_TEXT_STATS_H
#define SG_RESULTS_STATS_TEXT_STATS_H

#include "base/err.h"

#include <stdint.h>

enum { SG_TEXT_STATS_WORDS = 500 };

struct sg_text_stats {
    int64_t n; /* texts */
    double mean_words;
    int64_t n_words; /* that variety is taken from: SG_TEXT_STATS_WORDS, or all there are */
    double distinct_1,
        distinct_2; /* different words among them; different pairs of neighbours in a text among all pairs */
    char opening
        [100]; /* the most common first three words (fewer where a text has fewer), the first by the alphabet
                                      where several are equal; cut */
    double opening_share;  /* of the texts that begin so */
    double question_share; /* of the texts that begin like a yes/no question: is, are, do, can, has, ... */
    double
        overlap; /* mean share of a text's different words that its partner has, too; NaN without partners */
};

/* text, partner: (n), folded; partner NULL: single texts. NaN where there is no number: no text, no word. */
sg_status sg_text_stats_of(const char *const *text, const char *const *partner, int64_t n,
                           struct sg_text_stats *out, struct sg_err *err) SG_MUST_USE;

#endif
