#include "gen/pool/clean.h"
#include "gen/pool/label.h"
#include "gen/pool/parse_impl.h"
#include "gen/pool/preamble.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

int sg_is_blank_line(const char *s)
{
    s += strspn(s, " ");
    return *s == '\n' || *s == 0;
}

const char *sg_bare_line(const char *s)
{
    s = sg_skip_bullet(s);
    while (*s == '>')
        s += 1 + strspn(s + 1, " ");
    return s + strspn(s, "*_ ");
}

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

void sg_tidy_text(char *s)
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

void sg_note_class(int *said, int class_)
{
    if (class_ != -1)
        *said = *said == -1 || *said == class_ ? class_ : -2;
}

void sg_strip_label(const struct sg_task *t, char *s, int *said)
{
    size_t before = strlen(s);
    sg_note_class(said, sg_label_strip(t, s));
    if (strlen(s) == before)
        return;
    size_t lead = sg_lead_length(t, s);
    if (lead && s[lead])
        memmove(s, s + lead, strlen(s + lead) + 1);
    sg_tidy_text(s);
}

enum sg_reject sg_check_length(const char *s, int one_word)
{
    size_t n = sg_count_words(s);
    return !n ? SG_REJECT_EMPTY : n < (one_word ? 1 : 2) ? SG_REJECT_TOO_SHORT : SG_ACCEPTED;
}
