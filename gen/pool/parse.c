#include "gen/pool/parse.h"

#include "base/mem.h"
#include "base/text.h"
#include "gen/pool/clean.h"
#include "gen/pool/declining.h"
#include "gen/pool/label.h"
#include "gen/pool/preamble.h"
#include "gen/pool/reasoning.h"
#include "gen/pool/records.h"
#include "gen/pool/words.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void sg_parsed_free(struct sg_parsed *p)
{
    sg_free(p->first);
    sg_free(p->second);
    *p = (struct sg_parsed){0};
}

/* --- lines */

/* Where the next line begins; at the text's end, the end. */
static const char *next_line(const char *s)
{
    s += strcspn(s, "\n");
    return *s ? s + 1 : s;
}

static int is_blank_line(const char *s)
{
    s += strspn(s, " ");
    return *s == '\n' || *s == 0;
}

/* The line at s without list sign, quotation sign ("> ...") and opening stars. */
static const char *bare_line(const char *s)
{
    s = sg_skip_bullet(s);
    while (*s == '>')
        s += 1 + strspn(s + 1, " ");
    return s + strspn(s, "*_ ");
}

/* --- one text */

/* Takes <p>...</p> and the like off that stand around the whole text. */
static void strip_element(char *s)
{
    for (size_t n, len; *s == '<'; sg_squeeze(s)) {
        for (n = 1; isalnum((unsigned char)s[n]) && n < 16; n++)
            ;
        len = strlen(s);
        size_t close = n + 2; /* "</" name ">" */
        if (n < 2 || s[n] != '>' || len < n + 1 + close || strncmp(s + len - close, "</", 2) != 0 ||
            strncasecmp(s + len - close + 2, s + 1, n) != 0)
            return;
        memmove(s, s + n + 1, len - close - n - 1);
        s[len - close - n - 1] = 0;
    }
}

/* Takes a closing tag off the end that nothing has opened. */
static void strip_closing(char *s)
{
    size_t n = strlen(s), from = n;
    if (n < 4 || s[n - 1] != '>')
        return;
    while (from && s[from - 1] != '<' && n - from < 40)
        from--;
    if (!from || s[from] != '/' || !isalpha((unsigned char)s[from + 1]))
        return;
    char open[48];
    snprintf(open, sizeof open, "<%.*s", (int)(n - from - 2), s + from + 1);
    if (!sg_find_in(s, from - 1, open))
        s[from - 1] = 0;
}

static void tidy(char *s)
{
    sg_clean_markdown(s);
    sg_squeeze(s);
    const char *body = sg_skip_bullet(s);
    if (body[0] == '>' && body[1] == ' ') /* Markdown's quotation */
        body += 2;
    memmove(s, body, strlen(body) + 1);
    strip_element(s);
    strip_closing(s);
    sg_squeeze(s);
    sg_strip_quotes(s);
    sg_squeeze(s);
}

/* The class that the answer names for a text, so far: -1 none, -2 several. */
static void note_class(int *said, int class_)
{
    if (class_ != -1)
        *said = *said == -1 || *said == class_ ? class_ : -2;
}

/* Takes a label off both ends, and what it has covered. */
static void strip_label(const struct sg_task *t, char *s, int *said)
{
    size_t before = strlen(s);
    note_class(said, sg_label_strip(t, s));
    if (strlen(s) == before)
        return;
    size_t lead = sg_lead_length(t, s);
    if (lead && s[lead])
        memmove(s, s + lead, strlen(s + lead) + 1);
    tidy(s);
}

static enum sg_reject judge_length(const char *s, int one_word)
{
    size_t n = sg_count_words(s);
    return !n ? SG_REJECT_EMPTY : n < (one_word ? 1 : 2) ? SG_REJECT_TOO_SHORT : SG_ACCEPTED;
}

/* --- single texts */

/* Past the first paragraph: the label behind it ("Label: negative"), where the next thing is one. */
static void note_label_behind(const struct sg_task *t, const char *s, int *said)
{
    int class_;
    while (*s && is_blank_line(s))
        s = next_line(s);
    if (*s && !sg_has_bullet(s) && sg_label_line(t, bare_line(s), &class_))
        note_class(said, class_);
}

/* "Note: the sound is poor." and nothing else: what was asked for. Of "Answer: ..." what stands behind it. Where the text
 * begins; NULL: it is a line about a text. */
static const char *lonely_text(const char *line, int class_)
{
    const char *next = next_line(line);
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
    const char *next = next_line(s);
    size_t n = strcspn(s, "\n"), n_beyond = 0;
    *class_ = -1;
    if (!next[strspn(next, " \n")] || n > 120)
        return 0;
    for (int i = 0; field[i]; i++)
        if (sg_starts_with(s, field[i]))
            return 1;
    if (is_blank_line(next) && (*class_ = sg_label_of(t, s, n)) >= 0)
        return 1;
    for (size_t i = 0; i < n; i++)
        n_beyond += (unsigned char)s[i] >= 0x80;
    return n > 3 && n <= 60 && 2 * n_beyond > n && (s[n - 1] == ':' || strncmp(s + n - 3, "：", 3) == 0);
}

/* Copies the first paragraph that is an example into b. *to_the_end: it reaches the completion's end. *said: the class that
 * stands before or behind it. */
static void first_paragraph(const struct sg_task *t, const char *s, struct sg_buf *b, int *to_the_end,
                            int *said)
{
    int numbered = 0, class_;
    *to_the_end = 0;
    while (*s) {
        const char *line = bare_line(s);
        if (is_blank_line(line)) {
            if (b->len) {
                note_label_behind(t, s, said);
                return;
            }
            s = next_line(s);
            continue;
        }
        size_t label = b->len ? 0 : sg_label_before(t, line, &class_);
        if (label && !is_blank_line(line + label)) {
            note_class(said, class_);
            line += label;
        }
        if (!b->len && heads_text(t, line, &class_)) {
            note_class(said, class_);
            s = next_line(s);
            continue;
        }
        if (!b->len && sg_is_title(t, *s == '#' ? s : line)) {
            s = next_line(s);
            continue;
        }
        size_t lead = sg_lead_length(t, line);
        int is_label = sg_label_line(t, line, &class_), is_preamble = sg_is_preamble(line);
        if (b->len &&
            (sg_has_bullet(s) || numbered || lead || is_label || is_preamble || sg_is_note(t, line))) {
            if (is_label && !sg_has_bullet(s))
                note_class(said, class_);
            return;
        }
        const char *lonely = b->len == 0 && !lead && is_label ? lonely_text(line, class_) : NULL;
        if (lonely) {
            line = lonely;
            is_label = 0;
        }
        if (b->len == 0 && (is_preamble || is_label || sg_is_heading(t, line))) {
            /* A preamble can go on with the text on its own line, after the colon. */
            if (lead && !is_blank_line(line + lead + strspn(line + lead, "*_ ")))
                line += lead;
            else {
                if (is_label)
                    note_class(said, class_);
                s = next_line(s);
                continue;
            }
        } else if (lead) {
            line += lead;
            line += strspn(line, "*_ ");
            if (is_blank_line(line)) {
                s = next_line(s);
                continue;
            }
            /* "Positive review: A positive review: ..." */
            size_t again = sg_lead_length(t, line);
            if (again && !is_blank_line(line + again))
                line += again;
        }
        numbered = sg_has_bullet(s) && b->len == 0;
        size_t n = strcspn(line, "\n");
        sg_buf_puts(b, b->len ? " " : "");
        sg_buf_add(b, line, n);
        *to_the_end = line[n] == 0 || strspn(line + n, "\n ") == strlen(line + n);
        s = next_line(s);
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

static enum sg_reject parse_single(const struct sg_task *t, const char *clean, int cut, int one_word,
                                   int *said, char **out)
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
        tidy(text);
        if (sg_is_refusal(text)) {
            r = SG_REJECT_REFUSED;
        } else {
            size_t whole = strlen(text);
            sg_cut_notes(t, text);
            if (strlen(text) < whole)
                tidy(text);
            strip_label(t, text, said);
            r = judge_length(text, one_word);
        }
    }
    if (r == SG_ACCEPTED)
        *out = text;
    else
        sg_free(text);
    return r;
}

/* --- pairs */

struct mark {
    int lead;                       /* the text that the LLM writes first */
    const char *begin, *text, *end; /* the mark, and what it stands before */
};

/* If a mark stands at s, where its text begins; else NULL. "Premise:", "**Premise 1**:", "Question (the
 * answer is no):" */
static const char *after_mark(const char *s, const char *mark)
{
    size_t n = strlen(mark);
    if (strncasecmp(s, mark, n) != 0)
        return NULL;
    s += n;
    s += strspn(s, "*_ #0123456789");
    if (*s == '(') {
        size_t len = strcspn(s, ")\n");
        if (s[len] != ')' || len > 80)
            return NULL;
        s += len + 1;
        s += strspn(s, "*_ ");
    }
    size_t colon = *s == ':' ? 1 : strncmp(s, "：", 3) == 0 ? 3 : 0;
    return colon ? s + colon + strspn(s + colon, "*_ ") : NULL;
}

/* The same of a mark without a colon that is a line of its own ("## Premise", "**Premise**"), or stands in brackets
 * ("[Premise] ..."). */
static const char *after_heading(const char *s, const char *p, const char *mark)
{
    size_t n = strlen(mark);
    if (strncasecmp(p, mark, n) != 0)
        return NULL;
    const char *line = p, *behind = p + n;
    while (line > s && line[-1] != '\n')
        line--;
    if (strspn(line, "#*_[ 0123456789.)") < (size_t)(p - line))
        return NULL;
    if (p > s && p[-1] == '[') {
        behind += strspn(behind, " 0123456789");
        return *behind == ']' ? behind + 1 + strspn(behind + 1, ":*_ ") : NULL;
    }
    behind += strspn(behind, "*_ 0123456789");
    return *behind == '\n' && isupper((unsigned char)*p) ? behind + strspn(behind, "\n ") : NULL;
}

enum { MAX_MARKS = 64 };

/* Where the line's list sign in front of a mark begins ("2. **Question:**"): it is no part of the text
 * before. */
static const char *before_bullet(const char *text, const char *mark)
{
    const char *line = mark;
    while (line > text && line[-1] != '\n')
        line--;
    return strspn(line, "0123456789.)(*_#-[ ") >= (size_t)(mark - line) ? line : mark;
}

static const char *const polite[] = {"sure", "certainly", "of course", "here's", "here is", "here are", NULL};

/* Whether the word at p goes on with a sentence that is no preamble: "The answer to the question: ..." is talk; "... in 1889. Question:
 * ..." and "Here is a question: ..." are not. */
static int is_in_sentence(const char *s, const char *p)
{
    const char *before = p, *line = p;
    int is_polite = 0;
    if (!islower((unsigned char)*p))
        return 0;
    while (before > s && before[-1] == ' ')
        before--;
    if (before == p || before == s ||
        !(isalnum((unsigned char)before[-1]) || (unsigned char)before[-1] >= 0x80 || before[-1] == ','))
        return 0;
    while (line > s && line[-1] != '\n')
        line--;
    line = sg_skip_bullet(line);
    for (int i = 0; polite[i]; i++)
        is_polite |= sg_starts_with(line, polite[i]) && !isalpha((unsigned char)line[strlen(polite[i])]);
    return !is_polite;
}

static int find_marks(const struct sg_task *t, const char *s, struct mark *marks)
{
    const char *lead = t->second_comes_first ? t->second_mark : t->first_mark;
    const char *trail = t->second_comes_first ? t->first_mark : t->second_mark;
    int n = 0;
    for (const char *p = s; *p && n < MAX_MARKS; p++) {
        if (p > s &&
            (isalnum((unsigned char)p[-1]) || ((unsigned char)p[-1] >= 0x80 && (unsigned char)*p < 0x80)))
            continue;
        const char *text = after_mark(p, lead);
        if (!text)
            text = after_heading(s, p, lead);
        int is_lead = text != NULL;
        if (!text)
            text = after_mark(p, trail);
        if (!text)
            text = after_heading(s, p, trail);
        if (!text || is_in_sentence(s, p))
            continue;
        if (n)
            marks[n - 1].end = before_bullet(s, p);
        marks[n++] = (struct mark){is_lead, p, text, text + strlen(text)};
        p = text - 1;
    }
    return n;
}

/* Where the n bytes at s begin to tell about the example ("... Answer: yes"). */
static size_t until_label(const char *s, size_t n)
{
    static const char *const word[] = {
        "answer:", "answer :", "label:", "explanation:", "note:", "correct answer:", "reasoning:", NULL};
    for (size_t i = 1; i < n; i++)
        if ((s[i - 1] == ' ' || s[i - 1] == '(' || s[i - 1] == '*' || s[i - 1] == '\n'))
            for (int w = 0; word[w]; w++)
                if (sg_starts_with(s + i, word[w]))
                    return s[i - 1] == '(' ? i - 1 : i;
    return n;
}

/* Copies a marked text. The trailing text is one paragraph; the leading one may have several, up to the next
 * mark. Of both, lines that are labels end it. *whole: it ends before the completion does. */
static char *copy_text(const struct sg_task *t, const char *s, const char *end, int one_paragraph, int *whole)
{
    struct sg_buf b = sg_buf_make((size_t)64 << 20);
    const char *stop = s + until_label(s, (size_t)(end - s));
    *whole = *stop != 0;
    for (const char *line = s; line < stop;) {
        size_t n = strcspn(line, "\n");
        const char *to = line + n < stop ? line + n : stop;
        const char *body = sg_skip_bullet(line);
        int blank = is_blank_line(line), class_;
        if (b.len && ((blank && one_paragraph) || (!blank && sg_label_line(t, body, &class_)) ||
                      (!blank && sg_is_note(t, body)) || (one_paragraph && sg_has_bullet(line)))) {
            *whole = 1;
            break;
        }
        if (!blank) {
            const char *from = line; /* Markdown's quotation */
            if (from[strspn(from, " ")] == '>' && from[strspn(from, " ") + 1] == ' ')
                from += strspn(from, " ") + 2;
            from = from < to ? from : to;
            sg_buf_puts(&b, b.len ? " " : "");
            sg_buf_add(&b, from, (size_t)(to - from));
        }
        if (one_paragraph && b.len && line[n] == '\n') {
            /* A hypothesis or a question is one line; what comes after it is talk about it. */
            *whole = 1;
            break;
        }
        line = line + n + (line[n] == '\n');
    }
    char *text = sg_buf_take(&b);
    if (text) {
        size_t n = strlen(text); /* list signs and numbers that belonged to the next mark */
        while (n && strchr(" *_-#(\"", text[n - 1]) && !(text[n - 1] == '"' && n > 1 && text[n - 2] != ' '))
            text[--n] = 0;
    }
    return text;
}

/* A text in front of the trailing mark when the leading mark is missing: all but preambles. */
static const char *unmarked_lead(const char *s, const char *end)
{
    static const char *const other[] = {"text",      "context",    "article",   "paragraph",  "story",
                                        "excerpt",   "document",   "sentence",  "premise",    "passage",
                                        "statement", "background", "reference", "sentence 1", "text 1",
                                        "evidence",  NULL};
    while (s < end && (is_blank_line(s) || sg_is_preamble(sg_skip_bullet(s))))
        s = next_line(s);
    /* another name for it than the one that was asked for */
    const char *body = s + strspn(s, "*_# ");
    for (int i = 0; other[i]; i++) {
        const char *text = after_mark(body, other[i]);
        if (text && text < end)
            return text;
    }
    return s < end ? s : end; /* a mark may stand in a preamble: "Here is a question:" */
}

/* The class that stands behind the trailing text: on its line ("... Answer: yes"), or on one of those up to `end`. */
static void note_label_of_pair(const struct sg_task *t, const char *text, const char *end, int *said)
{
    int class_;
    const char *label = text + until_label(text, (size_t)(end - text));
    for (const char *s = label < end ? label : next_line(text); s < end && *s; s = next_line(s))
        if (sg_label_line(t, bare_line(s), &class_) && class_ >= 0) {
            note_class(said, class_);
            return;
        }
}

static enum sg_reject parse_pair(const struct sg_task *t, const char *clean, int cut, int *said, char **lead,
                                 char **trail)
{
    struct mark marks[MAX_MARKS];
    int n = find_marks(t, clean, marks), i_trail = -1, i_lead = -1;
    enum sg_reject broken = cut ? SG_REJECT_CUT_OFF : SG_REJECT_UNPARSABLE;
    for (int i = 0; i < n && i_trail < 0; i++)
        if (!marks[i].lead && marks[i].text + strspn(marks[i].text, " \n*") < marks[i].end)
            i_trail = i;
    if (i_trail < 0)
        return sg_is_refusal(clean) ? SG_REJECT_REFUSED : broken;
    for (int i = 0; i < i_trail; i++)
        if (marks[i].lead && sg_count_words(marks[i].text) &&
            marks[i].text + strspn(marks[i].text, " \n*") < marks[i].end)
            i_lead = i;
    for (int i = i_trail + 1; i < n && i_lead < 0; i++)
        if (marks[i].lead)
            i_lead = i; /* written the other way round */
    const char *from = i_lead >= 0 ? marks[i_lead].text : unmarked_lead(clean, marks[0].begin);
    const char *to = i_lead >= 0 ? marks[i_lead].end : marks[i_trail].begin;
    if (i_lead < 0 && i_trail != 0)
        return broken;
    int whole_lead, whole_trail;
    *lead = copy_text(t, from, to, i_lead > i_trail, &whole_lead);
    *trail = copy_text(t, marks[i_trail].text, marks[i_trail].end, 1, &whole_trail);
    if (!*lead || !*trail)
        return SG_REJECT_FAILED;
    if (cut && ((!whole_trail && !sg_trim_to_sentence(*trail, 4)) ||
                (!whole_lead && !sg_trim_to_sentence(*lead, 4))))
        return SG_REJECT_CUT_OFF;
    tidy(*lead);
    tidy(*trail);
    note_label_of_pair(t, marks[i_trail].text, marks[i_trail].end, said);
    strip_label(t, *lead, said);
    strip_label(t, *trail, said);
    return sg_is_refusal(*lead) ? SG_REJECT_REFUSED : SG_ACCEPTED;
}

/* --- both */

static enum sg_reject judge_pair(const struct sg_parsed *p, const struct sg_wanted *w)
{
    enum sg_reject first = judge_length(p->first, w->one_word[0]),
                   second = judge_length(p->second, w->one_word[1]);
    if (first == SG_REJECT_EMPTY || second == SG_REJECT_EMPTY)
        return SG_REJECT_UNPARSABLE; /* a mark with nothing behind it */
    return first != SG_ACCEPTED ? first : second;
}

sg_status sg_parse_text(const struct sg_task *t, const char *clean, int cut, const struct sg_wanted *w,
                        enum sg_reject *reason, int *said, struct sg_parsed *out, struct sg_err *err)
{
    *out = (struct sg_parsed){0};
    *said = -1;
    if (!clean[strspn(clean, " \n")]) {
        *reason = cut ? SG_REJECT_CUT_OFF : SG_REJECT_EMPTY;
        return SG_OK;
    }
    if (strlen(clean) > SG_MAX_COMPLETION_BYTES) {
        *reason = SG_REJECT_TOO_LONG; /* some steps take the square of it */
        return SG_OK;
    }
    struct sg_parsed p = {0};
    if (t->second)
        *reason = t->second_comes_first ? parse_pair(t, clean, cut, said, &p.second, &p.first)
                                        : parse_pair(t, clean, cut, said, &p.first, &p.second);
    else
        *reason = parse_single(t, clean, cut, w->one_word[0], said, &p.first);
    if (*reason == SG_ACCEPTED && p.second)
        *reason = judge_pair(&p, w);
    if (*reason == SG_ACCEPTED &&
        (strlen(p.first) > SG_MAX_TEXT_BYTES || (p.second && strlen(p.second) > SG_MAX_TEXT_BYTES)))
        *reason = SG_REJECT_TOO_LONG;
    if (*reason == SG_ACCEPTED && p.second && sg_folded_equal(p.first, p.second))
        *reason = SG_REJECT_ECHO;
    if (*reason == SG_ACCEPTED && w->asked && *said != -1 && *said != w->asked - 1)
        *reason = SG_REJECT_WRONG_LABEL;
    if (*reason == SG_ACCEPTED) {
        *out = p;
        return SG_OK;
    }
    sg_parsed_free(&p);
    return *reason == SG_REJECT_FAILED ? sg_fail_memory(err, 1024) : SG_OK;
}

/* --- topic lists */

static sg_status add_topic(struct sg_topics *t, const char *s, size_t n, struct sg_err *err)
{
    char *item = sg_strndup(s, n);
    if (!item)
        return sg_fail_memory(err, n);
    sg_clean_markdown(item);
    /* "Drama: films about ..." and "Drama (serious)" and "Drama - a ..." name the topic first. */
    for (char *p = item; *p; p++)
        if (p > item && (*p == ':' || *p == '(' || strncmp(p, " - ", 3) == 0 || strncmp(p, " – ", 5) == 0 ||
                         strncmp(p, " — ", 5) == 0)) {
            *p = 0;
            break;
        }
    sg_squeeze(item);
    sg_strip_quotes(item);
    size_t len = strlen(item);
    while (len && strchr(" .,;", item[len - 1]))
        item[--len] = 0;
    int keep = len >= 2 && len <= 80 && sg_count_words(item) >= 1 && sg_count_long_words(item) <= 10;
    for (int64_t i = 0; keep && i < t->n; i++)
        keep = !sg_folded_equal(t->item[i], item);
    if (!keep) {
        sg_free(item);
        return SG_OK;
    }
    char **grown = sg_realloc(t->item, (size_t)t->n + 1, sizeof *grown);
    if (!grown) {
        sg_free(item);
        return sg_fail_memory(err, ((size_t)t->n + 1) * sizeof *grown);
    }
    t->item = grown;
    t->item[t->n++] = item;
    return SG_OK;
}

/* The bytes of a comma of any script. */
static size_t comma_at(const char *s)
{
    return *s == ','                                              ? 1
           : strncmp(s, "、", 3) == 0 || strncmp(s, "，", 3) == 0 ? 3
           : strncmp(s, "،", 2) == 0                              ? 2
                                                                  : 0;
}

static int separator_in(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (comma_at(s + i))
            return 1;
    return 0;
}

/* One line: a, b, and c */
static sg_status add_separated(const char *s, size_t n, struct sg_topics *topics, struct sg_err *err)
{
    for (size_t len, comma; n; s += len + comma, n -= len + comma) {
        for (len = comma = 0; len < n && !(comma = comma_at(s + len)); len++)
            ;
        size_t skip = strspn(s, " ");
        if (sg_starts_with(s + skip, "and "))
            skip += 4;
        if (skip < len)
            SG_TRY(add_topic(topics, s + skip, len - skip, err));
    }
    return SG_OK;
}

/* A list that came as JSON, a table or tags: the first text of each record. */
static sg_status add_records(const json_t *records, struct sg_topics *topics, struct sg_err *err)
{
    size_t i;
    const json_t *record;
    json_array_foreach (records, i, record) {
        const char *key;
        json_t *value;
        json_object_foreach ((json_t *)(uintptr_t)record, key, value) {
            const char *s = json_string_value(value);
            if (s && s[strspn(s, " 0123456789.")]) {
                SG_TRY(add_topic(topics, s, strlen(s), err));
                break;
            }
        }
        if (topics->n >= 2 * SG_N_TOPICS)
            break;
    }
    return SG_OK;
}

static sg_status add_lines(const char *clean, int cut, struct sg_topics *topics, struct sg_err *err)
{
    int n_bulleted = 0, n_lines = 0;
    for (const char *s = clean; *s; s = next_line(s)) {
        n_bulleted += sg_has_bullet(s);
        n_lines += !is_blank_line(s);
    }
    sg_status status = SG_OK;
    int64_t n_taken = 0;
    for (const char *s = clean; *s && status == SG_OK && n_taken < 2 * SG_N_TOPICS; s = next_line(s)) {
        size_t n = strcspn(s, "\n");
        if (is_blank_line(s) || sg_is_preamble(s) || (n_bulleted && !sg_has_bullet(s)) || (cut && s[n] == 0))
            continue;
        const char *body = sg_skip_bullet(s);
        if (body > s + n)
            continue;
        n -= (size_t)(body - s);
        if (n_lines == 1 && !n_bulleted && separator_in(body, n))
            status = add_separated(body, n, topics, err);
        else
            status = add_topic(topics, body, n, err);
        n_taken++;
    }
    return status;
}

sg_status sg_parse_topics(const struct sg_task *t, const char *text, const char *finish_reason,
                          struct sg_topics *topics, struct sg_err *err)
{
    if (!text || !sg_utf8_valid(text, strlen(text)))
        return SG_OK;
    int cut = finish_reason && strcmp(finish_reason, "length") == 0, only_reasons, broken;
    char *clean = sg_said_copy(t, text, &only_reasons);
    if (!clean)
        return sg_fail_memory(err, strlen(text));
    json_t *records = strlen(clean) <= SG_MAX_COMPLETION_BYTES ? sg_records_read(t, clean, &broken) : NULL;
    sg_status status = records ? add_records(records, topics, err) : add_lines(clean, cut, topics, err);
    json_decref(records);
    sg_free(clean);
    return status;
}
