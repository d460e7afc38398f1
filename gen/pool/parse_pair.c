#include "base/mem.h"
#include "gen/pool/clean.h"
#include "gen/pool/declining.h"
#include "gen/pool/label.h"
#include "gen/pool/parse_impl.h"
#include "gen/pool/preamble.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

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
        int blank = sg_is_blank_line(line), class_;
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
    while (s < end && (sg_is_blank_line(s) || sg_is_preamble(sg_skip_bullet(s))))
        s = sg_next_line(s);
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
    for (const char *s = label < end ? label : sg_next_line(text); s < end && *s; s = sg_next_line(s))
        if (sg_label_line(t, sg_bare_line(s), &class_) && class_ >= 0) {
            sg_note_class(said, class_);
            return;
        }
}

enum sg_reject sg_parse_pair(const struct sg_task *t, const char *clean, int cut, int *said, char **lead,
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
    sg_tidy_text(*lead);
    sg_tidy_text(*trail);
    note_label_of_pair(t, marks[i_trail].text, marks[i_trail].end, said);
    sg_strip_label(t, *lead, said);
    sg_strip_label(t, *trail, said);
    return sg_is_refusal(*lead) ? SG_REJECT_REFUSED : SG_ACCEPTED;
}
