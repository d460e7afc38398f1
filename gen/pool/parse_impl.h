/* Inside of parsing one answer: shared by parse_single.c (one text), parse_pair.c (two texts behind their marks), parse_topics.c (a list)
 * and parse.c, which chooses. */
#ifndef SG_GEN_POOL_PARSE_IMPL_H
#define SG_GEN_POOL_PARSE_IMPL_H

#include "gen/pool/parse.h"

/* ---- parse_tidy.c ---- */

int sg_is_blank_line(const char *s);

/* The line at s without list sign, quotation sign ("> ...") and opening stars. */
const char *sg_bare_line(const char *s);

/* Takes off, in place, what stands around a whole text: Markdown, list and quotation signs, an element's tags, quotation marks. */
void sg_tidy_text(char *s);

/* The class that the answer names for a text, so far: -1 none, -2 several. */
void sg_note_class(int *said, int class_);

/* Takes a label off both ends, and what it has covered. */
void sg_strip_label(const struct sg_task *t, char *s, int *said);

/* Whether the text has enough words: SG_ACCEPTED, or why not. */
enum sg_reject sg_check_length(const char *s, int one_word);

/* ---- parse_single.c, parse_pair.c: as sg_parse_text ---- */

/* *out: new memory where SG_ACCEPTED. */
enum sg_reject sg_parse_single(const struct sg_task *t, const char *clean, int cut, int one_word, int *said,
                               char **out);

/* *lead, *trail: the texts that the LLM writes first and last, new memory whatever the outcome; NULL: not there. */
enum sg_reject sg_parse_pair(const struct sg_task *t, const char *clean, int cut, int *said, char **lead,
                             char **trail);

#endif
