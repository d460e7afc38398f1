#include "gen/parse.h"

#include "base/mem.h"
#include "base/text.h"
#include "gen/clean.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <utf8proc.h>

void sg_parsed_free(struct sg_parsed *p)
{
    sg_free(p->first);
    sg_free(p->second);
    *p = (struct sg_parsed){0};
}

static int is_ascii(const char *s)
{
    while (*s && (unsigned char)*s < 0x80)
        s++;
    return !*s;
}

/* What sg_buf_folded makes of ASCII. A ledger's every completion is folded when a study goes on, most are in English, and
 * Unicode's tables take many times as long. */
static void fold_ascii(struct sg_buf *b, const char *text)
{
    char part[256];
    size_t n = 0;
    int gap = 0, begun = 0;
    for (; *text; text++) {
        char c = *text;
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            if (gap && begun)
                part[n++] = ' ';
            part[n++] = c;
            gap = 0;
            begun = 1;
        } else if (c != '\'') {
            gap = 1;
        }
        if (n + 2 > sizeof part) {
            sg_buf_add(b, part, n);
            n = 0;
        }
    }
    sg_buf_add(b, part, n);
}

void sg_buf_folded(struct sg_buf *b, const char *text)
{
    if (is_ascii(text)) {
        fold_ascii(b, text);
        return;
    }
    utf8proc_uint8_t *folded = NULL;
    const utf8proc_option_t how = UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD;
    utf8proc_ssize_t n =
        utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)strlen(text), &folded, how);
    int gap = 0;
    size_t start = b->len;
    for (utf8proc_ssize_t i = 0; i < n;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t len = utf8proc_iterate(folded + i, n - i, &c);
        if (len <= 0)
            break;
        utf8proc_category_t kind = utf8proc_category(c);
        if (kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_NO) { /* letters, marks, numbers */
            if (gap && b->len > start)
                sg_buf_puts(b, " ");
            sg_buf_add(b, folded + i, (size_t)len);
            gap = 0;
        } else if (c != '\'' && c != 0x2019) {
            gap = 1; /* "don't" and "dont" are the same */
        }
        i += len;
    }
    free(folded);
}

/* --- what is no example */

int sg_is_refusal(const char *s)
{
    static const char *const opening[] = {"i'm sorry, but",
                                          "i am sorry, but",
                                          "i apologize, but",
                                          "i can't assist",
                                          "i cannot assist",
                                          "i can't help",
                                          "i cannot help",
                                          "i cannot provide",
                                          "i can't provide",
                                          "i cannot create",
                                          "i can't create",
                                          "i cannot write",
                                          "i can't write",
                                          "i cannot generate",
                                          "i can't generate",
                                          "i cannot fulfill",
                                          "i can't fulfill",
                                          "i am unable to",
                                          "i'm unable to",
                                          "i'm not able to",
                                          "i am not able to",
                                          "i'm not capable of",
                                          "as an ai",
                                          "as a language model",
                                          "as a large language",
                                          "sorry, but i can",
                                          "sorry, i can",
                                          "i'd be happy to",
                                          "i'd be glad to",
                                          "i'm ready to help",
                                          "i'm here to help",
                                          "how can i help",
                                          "please provide",
                                          "could you please provide",
                                          "could you provide"};
    for (size_t i = 0; i < sizeof opening / sizeof opening[0]; i++)
        if (sg_starts_with(s, opening[i]))
            return 1;
    return 0;
}

static int begins_with_one_of(const char *s, const char *const *list)
{
    for (; *list; list++) {
        size_t n = strlen(*list);
        if (sg_starts_with(s, *list) && !isalpha((unsigned char)s[n]))
            return 1;
    }
    return 0;
}

/* Lines that tell about an example and are none: "Label: positive", "Note: ...", "Rating: 5 stars". `s` is a
 * line without bullet. */
static int is_label_line(const struct sg_task *t, const char *s)
{
    static const char *const word[] = {
        "label", "class",    "rating",    "sentiment",      "emotion",      "answer", "explanation", "note",
        "topic", "category", "reasoning", "correct answer", "relationship", "yes/no", "word count",  NULL};
    if (begins_with_one_of(s, word)) {
        size_t n = strcspn(s, ":\n");
        if (s[n] == ':' && n <= 24)
            return 1;
    }
    /* "A: Yes", "The answer is no." */
    if ((sg_starts_with(s, "A:") || sg_starts_with(s, "The answer is")) && sg_count_words(s) <= 6)
        return 1;
    for (int k = 0; k < t->n_classes; k++)
        for (int r = 0; r < 2; r++) {
            const char *name = r ? t->class_[k].readable : t->class_[k].name;
            size_t n = strlen(name), blanks;
            const char *p = s + strspn(s, "([\"");
            if (!sg_starts_with(p, name))
                continue;
            blanks = strspn(p + n, ".)]\": ");
            if (p[n + blanks] == '\n' || p[n + blanks] == 0)
                return 1;
        }
    return 0;
}

static int is_mark_word(const struct sg_task *t, const char *s, size_t n)
{
    return (strlen(t->first_mark) == n && strncasecmp(s, t->first_mark, n) == 0) ||
           (t->second_mark && strlen(t->second_mark) == n && strncasecmp(s, t->second_mark, n) == 0);
}

/* Whether the n bytes at s hold a mark as one of their words. */
static int holds_mark(const struct sg_task *t, const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t len = 0;
        while (i + len < n && (isalnum((unsigned char)s[i + len]) || (unsigned char)s[i + len] >= 0x80))
            len++;
        if (len && is_mark_word(t, s + i, len))
            return 1;
        i += len ? len : 1;
    }
    return 0;
}

/* "Sure, here is a review of the kind:" - what a chat model says before it begins. */
static int is_preamble(const char *s)
{
    static const char *const opening[] = {
        "sure",    "certainly", "of course", "absolutely",    "okay",      "ok",    "here",       "here's",
        "here is", "here are",  "below",     "the following", "this is a", "great", "no problem", NULL};
    size_t n = strcspn(s, "\n");
    while (n && (s[n - 1] == ' ' || s[n - 1] == '"' || s[n - 1] == '*'))
        n--;
    if (!n || !begins_with_one_of(s, opening))
        return 0;
    return s[n - 1] == ':' || ((s[n - 1] == '!' || s[n - 1] == '.') && n <= 16 && !sg_starts_with(s, "here"));
}

/* How long the label is that stands before a single text on its line: "Review:", "A negative review:",
 * "Positive:", "Sure! Here is a review:"; 0 when there is none. */
static size_t label_length(const struct sg_task *t, const char *s)
{
    static const char *const polite[] = {"sure",    "certainly", "of course", "here's",
                                         "here is", "here are",  NULL};
    size_t n = strcspn(s, ":\n");
    if (s[n] != ':' || n > 120)
        return 0;
    int words = 0;
    for (size_t i = 0, inside = 0; i < n; i++) {
        size_t is_word = s[i] != ' ';
        words += is_word && !inside;
        inside = is_word;
    }
    if (holds_mark(t, s, n) && (words <= 5 || begins_with_one_of(s, polite) || s[n - 1] == ')'))
        return n + 1;
    for (int k = 0; k < t->n_classes; k++)
        for (int r = 0; r < 2; r++) {
            const char *name = r ? t->class_[k].readable : t->class_[k].name;
            size_t len = strlen(name);
            if (len <= n && n <= len + 2 && sg_starts_with(s, name))
                return n + 1;
        }
    /* "Headline about health:", "Someone who feels joy:" - the mark or the few_shot wording with the class in
     * it. */
    if (words <= 8 && holds_mark(t, s, n))
        return n + 1;
    return 0;
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

/* Cleans one text in place; 0 when nothing is left of it that could be an example. */
static int tidy(char *s)
{
    sg_clean_markdown(s);
    sg_squeeze(s);
    const char *body = sg_skip_bullet(s);
    memmove(s, body, strlen(body) + 1);
    sg_strip_quotes(s);
    sg_squeeze(s);
    return sg_count_words(s) >= 2;
}

/* Takes "(negative)" or "[positive]" off the end. */
static void strip_class_tag(const struct sg_task *t, char *s)
{
    size_t n = strlen(s);
    if (n < 3 || (s[n - 1] != ')' && s[n - 1] != ']'))
        return;
    size_t open = n - 1;
    while (open > 0 && s[open] != '(' && s[open] != '[')
        open--;
    for (int k = 0; open > 0 && k < t->n_classes; k++)
        for (int r = 0; r < 2; r++) {
            const char *name = r ? t->class_[k].readable : t->class_[k].name;
            if (strlen(name) == n - open - 2 && sg_starts_with(s + open + 1, name)) {
                s[open] = 0;
                sg_squeeze(s);
                return;
            }
        }
}

/* --- single texts */

/* Copies the first paragraph that is an example into b. *to_the_end: it reaches the completion's end. */
static void first_paragraph(const struct sg_task *t, const char *s, struct sg_buf *b, int *to_the_end)
{
    int numbered = 0;
    *to_the_end = 0;
    while (*s) {
        const char *line = sg_skip_bullet(s);
        /* Marks may be bold: look at the line without stars. */
        line += strspn(line, "*_ ");
        if (is_blank_line(line)) {
            if (b->len)
                return;
            s = next_line(s);
            continue;
        }
        if (b->len && (sg_has_bullet(s) || numbered || label_length(t, line) || is_label_line(t, line) ||
                       is_preamble(line)))
            return;
        size_t label = label_length(t, line);
        if (b->len == 0 && (is_preamble(line) || is_label_line(t, line))) {
            /* A preamble can go on with the text on its own line, after the colon. */
            if (label && !is_blank_line(line + label + strspn(line + label, "*_ ")))
                line += label;
            else {
                s = next_line(s);
                continue;
            }
        } else if (label) {
            line += label;
            line += strspn(line, "*_ ");
            if (is_blank_line(line)) {
                s = next_line(s);
                continue;
            }
            /* "Positive review: A positive review: ..." */
            size_t again = label_length(t, line);
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

static enum sg_reject parse_single(const struct sg_task *t, char *clean, int cut, char **out)
{
    struct sg_buf b = sg_buf_make((size_t)64 << 20);
    int to_the_end = 0;
    first_paragraph(t, clean, &b, &to_the_end);
    char *text = sg_buf_take(&b);
    if (!text)
        return SG_REJECT_FAILED;
    enum sg_reject r = SG_ACCEPTED;
    if (strlen(text) > SG_MAX_TEXT_BYTES)
        r = SG_REJECT_TOO_LONG;
    else if (cut && to_the_end && !sg_trim_to_sentence(text, 4))
        r = SG_REJECT_CUT_OFF;
    else if (!tidy(text))
        r = SG_REJECT_EMPTY;
    else if (sg_is_refusal(text))
        r = SG_REJECT_REFUSED;
    strip_class_tag(t, text);
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
    if (*s != ':')
        return NULL;
    s++;
    return s + strspn(s, "*_ ");
}

enum { MAX_MARKS = 64 };

/* Where the line's list sign in front of a mark begins ("2. **Question:**"): it is no part of the text
 * before. */
static const char *before_bullet(const char *text, const char *mark)
{
    const char *line = mark;
    while (line > text && line[-1] != '\n')
        line--;
    return strspn(line, "0123456789.)(*_#- ") >= (size_t)(mark - line) ? line : mark;
}

static int find_marks(const struct sg_task *t, const char *s, struct mark *marks)
{
    const char *lead = t->second_comes_first ? t->second_mark : t->first_mark;
    const char *trail = t->second_comes_first ? t->first_mark : t->second_mark;
    int n = 0;
    for (const char *p = s; *p && n < MAX_MARKS; p++) {
        if (p > s && (isalnum((unsigned char)p[-1]) || (unsigned char)p[-1] >= 0x80))
            continue;
        const char *text = after_mark(p, lead);
        int is_lead = text != NULL;
        if (!text)
            text = after_mark(p, trail);
        if (!text)
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
        int blank = is_blank_line(line);
        if (b.len && ((blank && one_paragraph) || (!blank && is_label_line(t, body)) ||
                      (one_paragraph && sg_has_bullet(line)))) {
            *whole = 1;
            break;
        }
        if (!blank) {
            sg_buf_puts(&b, b.len ? " " : "");
            sg_buf_add(&b, line, (size_t)(to - line));
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
    while (s < end && (is_blank_line(s) || is_preamble(sg_skip_bullet(s))))
        s = next_line(s);
    return s < end ? s : end; /* a mark may stand in a preamble: "Here is a question:" */
}

static enum sg_reject parse_pair(const struct sg_task *t, const char *clean, int cut, char **lead,
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
    if (!tidy(*lead) || !tidy(*trail))
        return SG_REJECT_UNPARSABLE;
    return sg_is_refusal(*lead) ? SG_REJECT_REFUSED : SG_ACCEPTED;
}

/* --- both */

/* Whether the two say the same: then the pair only repeats itself. */
static int same_text(const char *a, const char *b)
{
    struct sg_buf x = sg_buf_make((size_t)64 << 20), y = sg_buf_make((size_t)64 << 20);
    sg_buf_folded(&x, a);
    sg_buf_folded(&y, b);
    int same = strcmp(sg_buf_text(&x), sg_buf_text(&y)) == 0;
    sg_buf_free(&x);
    sg_buf_free(&y);
    return same;
}

sg_status sg_parse_completion(const struct sg_task *t, const char *text, const char *finish_reason,
                              enum sg_reject *reason, struct sg_parsed *out, struct sg_err *err)
{
    *out = (struct sg_parsed){0};
    if (finish_reason &&
        (strcmp(finish_reason, "content_filter") == 0 || strcmp(finish_reason, "refusal") == 0)) {
        *reason = SG_REJECT_REFUSED;
        return SG_OK;
    }
    int cut = finish_reason && strcmp(finish_reason, "length") == 0;
    if (text && !sg_utf8_valid(text, strlen(text))) {
        *reason = SG_REJECT_UNPARSABLE;
        return SG_OK;
    }
    char *clean = text ? sg_clean_copy(text) : NULL;
    if (text && !clean)
        return sg_fail_memory(err, strlen(text));
    if (clean)
        sg_text_trim(clean);
    if (!clean || !*clean) {
        /* All of it went into reasoning, or nothing came. */
        *reason = cut ? SG_REJECT_CUT_OFF : SG_REJECT_EMPTY;
        sg_free(clean);
        return SG_OK;
    }
    if (strlen(clean) > SG_MAX_COMPLETION_BYTES) {
        *reason = SG_REJECT_TOO_LONG; /* some steps take the square of it */
        sg_free(clean);
        return SG_OK;
    }
    struct sg_parsed p = {0};
    if (t->second)
        *reason = t->second_comes_first ? parse_pair(t, clean, cut, &p.second, &p.first)
                                        : parse_pair(t, clean, cut, &p.first, &p.second);
    else
        *reason = parse_single(t, clean, cut, &p.first);
    sg_free(clean);
    if (*reason == SG_ACCEPTED &&
        (strlen(p.first) > SG_MAX_TEXT_BYTES || (p.second && strlen(p.second) > SG_MAX_TEXT_BYTES)))
        *reason = SG_REJECT_TOO_LONG;
    if (*reason == SG_ACCEPTED && p.second && same_text(p.first, p.second))
        *reason = SG_REJECT_ECHO;
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
    int keep = len >= 2 && len <= 80 && sg_count_words(item) >= 1 && sg_count_words(item) <= 10;
    for (int64_t i = 0; keep && i < t->n; i++)
        keep = !same_text(t->item[i], item);
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

sg_status sg_parse_topics(const char *text, const char *finish_reason, struct sg_topics *topics,
                          struct sg_err *err)
{
    if (!text || !sg_utf8_valid(text, strlen(text)))
        return SG_OK;
    int cut = finish_reason && strcmp(finish_reason, "length") == 0;
    char *clean = sg_clean_copy(text);
    if (!clean)
        return sg_fail_memory(err, strlen(text));
    sg_text_trim(clean);
    int n_bulleted = 0, n_lines = 0;
    for (const char *s = clean; *s; s = next_line(s)) {
        n_bulleted += sg_has_bullet(s);
        n_lines += !is_blank_line(s);
    }
    sg_status status = SG_OK;
    int64_t n_taken = 0;
    for (const char *s = clean; *s && status == SG_OK && n_taken < 2 * SG_N_TOPICS; s = next_line(s)) {
        size_t n = strcspn(s, "\n");
        if (is_blank_line(s) || is_preamble(s) || (n_bulleted && !sg_has_bullet(s)) || (cut && s[n] == 0))
            continue;
        const char *body = sg_skip_bullet(s);
        if (body > s + n)
            continue;
        n -= (size_t)(body - s);
        if (n_lines == 1 && !n_bulleted && memchr(body, ',', n)) {
            while (n && status == SG_OK) { /* one line: a, b, and c */
                size_t len = 0;
                while (len < n && body[len] != ',')
                    len++;
                size_t skip = strspn(body, " ");
                if (sg_starts_with(body + skip, "and "))
                    skip += 4;
                if (skip < len)
                    status = add_topic(topics, body + skip, len - skip, err);
                len += len < n;
                body += len;
                n -= len;
            }
        } else {
            status = add_topic(topics, body, n, err);
        }
        n_taken++;
    }
    sg_free(clean);
    return status;
}
