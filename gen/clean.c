#include "gen/clean.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

int sg_starts_with(const char *s, const char *prefix)
{
    /* Letters differ from their other case in one bit: most texts are told apart without a call. */
    return !*prefix || (((*s ^ *prefix) & 0xdf) == 0 && strncasecmp(s, prefix, strlen(prefix)) == 0);
}

/* What a code point of an LLM's text becomes: itself, a blank, a newline, or nothing (0). */
static uint32_t plain(uint32_t c)
{
    if (c == '\n' || c == 0x2028 || c == 0x2029 || c == 0x85)
        return '\n';
    if (c == 0x200b || c == 0x200c || c == 0x200d || c == 0x2060 || c == 0xfeff || c == 0xad || c == '\r')
        return 0;
    if ((c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f)
        return 0; /* marks of writing direction: invisible, and a way to hide text */
    if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xa0 || c == 0x3000 || (c >= 0x2000 && c <= 0x200a) ||
        c == 0x202f)
        return ' ';
    return c;
}

/* Where a reasoning block that begins at s ends; NULL when none begins here. An open block ends with the
 * text. */
static const char *end_of_reasoning(const char *s)
{
    static const char *const tag[] = {"think", "thinking", "reasoning"};
    for (size_t i = 0; i < sizeof tag / sizeof tag[0]; i++) {
        size_t n = strlen(tag[i]);
        if (strncasecmp(s + 1, tag[i], n) != 0 || s[1 + n] != '>')
            continue;
        for (const char *p = s; *p; p++)
            if (p[0] == '<' && p[1] == '/' && strncasecmp(p + 2, tag[i], n) == 0 && p[2 + n] == '>')
                return p + 3 + n;
        return s + strlen(s);
    }
    return NULL;
}

/* How many bytes from here on stay as they are, whatever stands before them. */
static size_t plain_length(const char *s)
{
    size_t n = 0;
    while (s[n] >= 0x20 && s[n] < 0x7f && s[n] != '<' && s[n] != '`')
        n++;
    return n;
}

char *sg_clean_copy(const char *text)
{
    struct sg_buf b = sg_buf_make((size_t)64 << 20);
    size_t left = strlen(text);
    while (left) {
        const char *end = *text == '<' ? end_of_reasoning(text) : NULL;
        if (end) {
            left -= (size_t)(end - text);
            text = end;
            continue;
        }
        if ((b.len == 0 || b.data[b.len - 1] == '\n') && strncmp(text, "```", 3) == 0) {
            size_t n = strcspn(text, "\n");
            text += n;
            left -= n;
            continue;
        }
        size_t n_plain = plain_length(text);
        if (n_plain) {
            sg_buf_add(&b, text, n_plain);
            text += n_plain;
            left -= n_plain;
            continue;
        }
        uint32_t c;
        char out[4];
        int n = sg_utf8_decode(text, left, &c);
        c = plain(c);
        if (c)
            sg_buf_add(&b, out, (size_t)sg_utf8_encode(c, out));
        text += n;
        left -= (size_t)n;
    }
    return sg_buf_take(&b);
}

void sg_clean_markdown(char *s)
{
    char *to = s;
    for (const char *p = s; *p;) {
        if (*p == '`') {
            p++;
        } else if ((*p == '*' || *p == '_') && p[1] == *p &&
                   !(p > s && isalnum((unsigned char)p[-1]) && isalnum((unsigned char)p[2]))) {
            p += 2; /* but not the stars of a swear word */
        } else if (*p == '*' && p[1] && p[1] != ' ' && p[1] != '\n' && p[1] != '*' &&
                   (p == s || strchr(" \n\"(", p[-1]))) {
            p++; /* opens *emphasis* */
        } else if (*p == '*' && p > s && p[-1] != ' ' && p[-1] != '*' && p[1] != '*' &&
                   !isalnum((unsigned char)p[1])) {
            p++; /* closes it */
        } else {
            *to++ = *p++;
        }
    }
    *to = 0;
}

static size_t bullet_length(const char *s)
{
    size_t n = strspn(s, " ");
    const char *p = s + n;
    size_t sharp = strspn(p, "#");
    if (sharp && p[sharp] == ' ')
        return n + sharp;
    if ((*p == '-' || *p == '*' || *p == '+') && p[1] == ' ')
        return n + 1;
    if (strncmp(p, "•", 3) == 0 || strncmp(p, "–", 3) == 0)
        return n + 3;
    size_t open = *p == '(', digits = strspn(p + open, "0123456789");
    if (digits >= 1 && digits <= 3) {
        const char *q = p + open + digits;
        if ((*q == ')' || (*q == '.' && !open)) &&
            (q[1] == ' ' || q[1] == '\n' || q[1] == 0 || q[1] == '*' || q[1] == '"'))
            return n + open + digits + 1;
    }
    return 0;
}

int sg_has_bullet(const char *s)
{
    return bullet_length(s) > 0;
}

const char *sg_skip_bullet(const char *s)
{
    for (size_t n; (n = bullet_length(s)) > 0;)
        s += n;
    return s + strspn(s, " ");
}

/* The bytes of an opening or closing quotation mark at s, 0 when there is none. */
static size_t quote_at(const char *s)
{
    static const char *const mark[] = {"\"", "“", "”", "„", "«", "»"};
    for (size_t i = 0; i < sizeof mark / sizeof mark[0]; i++)
        if (strncmp(s, mark[i], strlen(mark[i])) == 0)
            return strlen(mark[i]);
    return 0;
}

static size_t quote_before(const char *s, size_t n)
{
    for (size_t len = 1; len <= 3 && len <= n; len++)
        if (quote_at(s + n - len) == len)
            return len;
    return 0;
}

static size_t count_quotes(const char *s)
{
    size_t count = 0;
    for (size_t n; *s; s += n ? n : 1) {
        n = quote_at(s);
        count += n > 0;
    }
    return count;
}

/* Whether the first quote inside text[0..n) opens one (stands after a blank or a bracket): then the pair
 * around it all is real. */
static int next_quote_opens(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (quote_at(text + i))
            return i == 0 || strchr(" ([-", text[i - 1]) != NULL;
    return 1;
}

void sg_strip_quotes(char *s)
{
    for (;;) {
        size_t n = strlen(s), open = quote_at(s), close = n > open ? quote_before(s, n) : 0;
        if (open && close && n >= open + close && next_quote_opens(s + open, n - open - close)) {
            memmove(s, s + open, n - open - close);
            s[n - open - close] = 0;
        } else if (open && !close && count_quotes(s) == 1) {
            memmove(s, s + open, n - open + 1);
        } else if (close && !open && count_quotes(s) == 1) {
            s[n - close] = 0;
        } else if (n >= 2 && s[0] == '\'' && s[n - 1] == '\'' && !strstr(s + 1, " '")) {
            memmove(s, s + 1, n - 2);
            s[n - 2] = 0;
        } else {
            break;
        }
        sg_text_trim(s);
    }
}

void sg_squeeze(char *s)
{
    char *to = s;
    for (const char *p = s; *p; p++)
        if (*p != ' ' && *p != '\n')
            *to++ = *p;
        else if (to > s && to[-1] != ' ')
            *to++ = ' ';
    while (to > s && to[-1] == ' ')
        to--;
    *to = 0;
}

size_t sg_count_words(const char *s)
{
    size_t n = 0;
    for (int inside = 0; *s; s++) {
        int word = isalnum((unsigned char)*s) || (unsigned char)*s >= 0x80;
        int blank = *s == ' ' || *s == '\n';
        if (word && !inside)
            n++;
        inside = blank ? 0 : inside || word;
    }
    return n;
}

int sg_trim_to_sentence(char *s, size_t min_words)
{
    size_t n = strlen(s), end = 0;
    for (size_t i = 0; i < n; i++) {
        size_t dots = strspn(s + i, ".!?");
        size_t mark = dots ? dots : strncmp(s + i, "…", 3) == 0 ? 3 : 0;
        if (!mark)
            continue;
        size_t after = i + mark;
        while (quote_at(s + after) || s[after] == ')' || s[after] == '\'')
            after += s[after] == ')' || s[after] == '\'' ? 1 : quote_at(s + after);
        /* "Mr. X", "J. Smith", "3.5": a sentence ends before a blank, not after an initial or a short title.
         */
        size_t word = i;
        while (word > 0 && isalpha((unsigned char)s[word - 1]))
            word--;
        int title = s[i] == '.' && isupper((unsigned char)s[word]) && i - word <= 2;
        if ((s[after] == ' ' || s[after] == '\n' || s[after] == 0) && !title)
            end = after;
        i = after - 1;
    }
    char kept = s[end];
    s[end] = 0;
    if (sg_count_words(s) >= min_words)
        return 1;
    s[end] = kept;
    return 0;
}
