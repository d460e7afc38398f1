/* How varied the texts of a pool are, each measure on an amount of text that does not grow with the pool, so that pools of
 * different sizes compare. Definitions with their sources: docs/bias.md.
 *
 * An example counts as one text: a pair's texts a blank apart. Texts come folded (gen/pool/parse.h).
 * Local, pure, one thread, linear in words; fractions are rounded to 9 digits, so that they do not hang on a libm. */
#ifndef SG_RESULTS_STATS_TEXT_MEASURES_H
#define SG_RESULTS_STATS_TEXT_MEASURES_H

#include "results/stats/words.h"

enum {
    SG_VARIETY_WORDS = 500,   /* distinct-n: the first; vocabulary: so many drawn */
    SG_BLEU_TEXTS = 100,      /* self-BLEU: the first */
    SG_COMPRESS_BLOCK = 4096, /* bytes that are compressed together */
    SG_COMPRESS_MOST = 64,    /* blocks */
    SG_COMPRESS_LEVEL = 9,    /* zlib's */
};

struct sg_text_measures {
    int64_t n;           /* texts */
    int64_t n_all_words; /* in all of them */
    int64_t n_words;     /* that distinct-n is of: SG_VARIETY_WORDS, or all there are */
    double
        distinct[3]; /* different runs of 1, 2, 3 words within a text among all such runs (Li et al. 2016) */
    /* Expected number of different words among SG_VARIETY_WORDS that are drawn without replacement from all (Hurlbert 1971); NaN where there
     * are fewer. */
    double vocabulary;
    int64_t n_bleu; /* texts that self-BLEU is of */
    double
        self_bleu; /* mean BLEU-4 of each against the others (Zhu et al. 2018), + 0.1 for counts of 0; NaN below two texts */
    int64_t n_bytes;    /* that compression is of: whole blocks, or all there are */
    double compression; /* bytes before by bytes after, in blocks (Shaib et al. 2024) */
    double mean_words, sd_words, words_q10, words_median,
        words_q90; /* of a text; quantiles interpolated linearly */
};

/* text (n). NaN where there is no number. */
sg_status sg_text_measures_of(const char *const *text, int64_t n, struct sg_text_measures *out,
                              struct sg_err *err) SG_MUST_USE;

/* To 9 significant digits; NaN and infinities as they are. */
double sg_round9(double x);

/* Whether a folded text has a negation word of English: no, not, never, ... and the contractions with n't. */
int sg_has_negation(const char *text);

#endif
