#include "base/mem.h"
#include "gen/pool/clean.h"
#include "gen/pool/declining.h"
#include "gen/pool/label.h"
#include "gen/pool/parse_impl.h"
#include "gen/pool/preamble.h"

#include <ctype.h>
#include <string.h>

/* Past the first paragraph: the label behind it ("Label: negative"), where the next thing is one. */
static void note_label_behind(const struct sg_task *t, const char *s, int *said)
{
    int class_;
    while (*s && sg_is_blank_line(s))
        s = sg_next_line(s);
    if (*s && !sg_has_bullet(s) && sg_label_line(t, sg_bare_line(s), &class_))
        sg_note_class(said, class_);
}

/* "Note: the sound is poor." and nothing else: what was asked for. Of "Answer: ..." what stands behind it. Where the text
 * begins; NULL: it is a line about a text. */
static const char *lonely_text(const char *line, int class_)
{
    const char *next = sg_next_line(line);
    if (class_ >= 0 || next[strspn(next, " \n")] || sg_count_words(line) <= 3)
        return NULL;
    if (sg_starts_with(line, "answer:"))
        return line + strlen("answer:") + strspn(line + strlen("answer:"), "*_ ");
    return sg_starts_with(line, "note") || sg_starts_with(line, "mood") ? line : NULL;
}

/* Whether the line at s, the first one, only heads the text that follows it: "Title: Boring", "Negative review" before a blank line,
 * in another language a short line with its colon at the end. *class_: what it names, or -1. */
static int heads_text(const struct sg_task *t, const char *s, int *class_)
{
    static const char *const field[] = {
        "title:",        "subject:", "headline:",   "film:",        "movie:",   "author:", "reviewer:",
        "review title:", "date:",    "film title:", "movie title:", "product:", NULL};
    const char *next = sg_next_line(s);
    size_t n = strcspn(s, "\n"), n_beyond = 0;
    *class_ = -1;
    if (!next[strspn(next, " \n")] || n > 120)
        return 0;
    for (int i = 0; field[i]; i++)
        if (sg_starts_with(s, field[i]))
            return 1;
    if (sg_is_blank_line(next) && (*class_ = sg_label_of(t, s, n)) >= 0)
        return 1;
    for (size_t i = 0; i < n; i++)
        n_beyond += (unsigned char)s[i] >= 0x80;
    return n > 3 && n <= 60 && 2 * n_beyond > n && (s[n - 1] == ':' || strncmp(s + n - 3, "：", 3) == 0);
}

/* Of the line at s that a mark or a preamble opens: where the text begins. NULL: on a later line. */
static const char *behind_lead(const struct sg_task *t, const char *line, size_t lead)
{
    line += lead;
    line += strspn(line, "*_ ");
    if (sg_is_blank_line(line))
        return NULL;
    /* "Positive review: A positive review: ..." */
    size_t again = sg_lead_length(t, line);
    return again && !sg_is_blank_line(line + again) ? line + again : line;
}

/* Where in the line at s, with which the paragraph may begin, its text does. NULL: the line is about a text. *said: the class that it
 * names. */
static const char *first_line(const struct sg_task *t, const char *s, int *said)
{
    int class_;
    const char *line = sg_bare_line(s);
    size_t label = sg_label_before(t, line, &class_);
    if (label && !sg_is_blank_line(line + label)) {
        sg_note_class(said, class_);
        line += label;
    }
    if (heads_text(t, line, &class_)) {
        sg_note_class(said, class_);
        return NULL;
    }
    if (sg_is_title(t, *s == '#' ? s : line))
        return NULL;
    size_t lead = sg_lead_length(t, line);
    int is_label = sg_label_line(t, line, &class_), is_preamble = sg_is_preamble(line);
    const char *lonely = !lead && is_label ? lonely_text(line, class_) : NULL;
    if (lonely) {
        line = lonely;
        is_label = 0;
    }
    if (!is_preamble && !is_label && !sg_is_heading(t, line))
        return lead ? behind_lead(t, line, lead) : line;
    /* A preamble can go on with the text on its own line, after the colon. */
    if (lead && !sg_is_blank_line(line + lead + strspn(line + lead, "*_ ")))
        return line + lead;
    if (is_label)
        sg_note_class(said, class_);
    return NULL;
}

/* Whether the line at s goes on with the paragraph. *said: the class that one names which does not. */
static int goes_on(const struct sg_task *t, const char *s, int numbered, int *said)
{
    int class_;
    const char *line = sg_bare_line(s);
    int is_label = sg_label_line(t, line, &class_);
    if (!sg_has_bullet(s) && !numbered && !sg_lead_length(t, line) && !is_label && !sg_is_preamble(line) &&
        !sg_is_note(t, line))
        return 1;
    if (is_label && !sg_has_bullet(s))
        sg_note_class(said, class_);
    return 0;
}

/* Copies the first paragraph that is an example into b. *to_the_end: it reaches the completion's end. *said: the class that
 * stands before or behind it. */
static void first_paragraph(const struct sg_task *t, const char *s, struct sg_buf *b, int *to_the_end,
                            int *said)
{
    int numbered = 0;
    *to_the_end = 0;
    for (; *s; s = sg_next_line(s)) {
        const char *line = sg_bare_line(s);
        if (sg_is_blank_line(line)) {
            if (!b->len)
                continue;
            note_label_behind(t, s, said);
            return;
        }
        if (!b->len) {
            if (!(line = first_line(t, s, said)))
                continue;
            numbered = sg_has_bullet(s);
        } else if (!goes_on(t, s, numbered, said)) {
            return;
        }
        size_t n = strcspn(line, "\n");
        sg_buf_puts(b, b->len ? " " : "");
        sg_buf_add(b, line, n);
        *to_the_end = line[n] == 0 || strspn(line + n, "\n ") == strlen(line + n);
    }
}

/* Whether the text is one plain sentence: nothing stands around it, there is nothing to take off, and n_words is what
 * sg_count_words says. Most answers are: what follows would look for what cannot be there. */
static int is_plain_sentence(const struct sg_task *t, const char *s, size_t *n_words)
{
    size_t n = 0;
    *n_words = 1;
    for (; isalpha((unsigned char)s[n]) || s[n] == ' ' || s[n] == ',' || s[n] == '\''; n++)
        if (s[n] == ' ') {
            if (!isalpha((unsigned char)s[n + 1]))
                return 0;
            ++*n_words;
        }
    if (!n || !isalpha((unsigned char)*s) || !isalpha((unsigned char)s[n - 1]) ||
        s[n + (s[n] == '.' || s[n] == '!' || s[n] == '?')])
        return 0;
    return !sg_starts_with(s, "the answer is") && !sg_is_preamble(s) && sg_label_of(t, s, n) < 0;
}

static enum sg_reject parse_plain_sentence(const char *s, size_t n_words, int one_word, char **out)
{
    if (sg_is_refusal(s))
        return SG_REJECT_REFUSED;
    if (n_words < 2 && !one_word)
        return SG_REJECT_TOO_SHORT;
    return (*out = sg_strdup(s)) ? SG_ACCEPTED : SG_REJECT_FAILED;
}

enum sg_reject sg_parse_single(const struct sg_task *t, const char *clean, int cut, int one_word, int *said,
                               char **out)
{
    struct sg_buf b = sg_buf_make((size_t)64 << 20);
    int to_the_end = 0;
    size_t n_words;
    if (!cut && is_plain_sentence(t, clean, &n_words))
        return parse_plain_sentence(clean, n_words, one_word, out);
    first_paragraph(t, clean, &b, &to_the_end, said);
    char *text = sg_buf_take(&b);
    if (!text)
        return SG_REJECT_FAILED;
    enum sg_reject r = SG_ACCEPTED;
    if (strlen(text) > SG_MAX_TEXT_BYTES) {
        r = SG_REJECT_TOO_LONG;
    } else if (cut && to_the_end && !sg_trim_to_sentence(text, 4)) {
        r = SG_REJECT_CUT_OFF;
    } else {
        sg_tidy_text(text);
        if (sg_is_refusal(text)) {
            r = SG_REJECT_REFUSED;
        } else {
            size_t whole = strlen(text);
            sg_cut_notes(t, text);
            if (strlen(text) < whole)
                sg_tidy_text(text);
            sg_strip_label(t, text, said);
            r = sg_check_length(text, one_word);
        }
    }
    if (r == SG_ACCEPTED)
        *out = text;
    else
        sg_free(text);
    return r;
}
