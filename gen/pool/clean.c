#include "gen/pool/clean.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "gen/pool/words.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

int sg_starts_with(const char *s, const char *prefix)
{
    /* Letters differ from their other case in one bit: most texts are told apart without a call. */
    return !*prefix || (((*s ^ *prefix) & 0xdf) == 0 && strncasecmp(s, prefix, strlen(prefix)) == 0);
}

const char *sg_find_in(const char *s, size_t n, const char *what)
{
    size_t len = strlen(what);
    for (size_t i = 0; i + len <= n; i++)
        if (sg_starts_with(s + i, what))
            return s + i;
    return NULL;
}

/* Zero-width space, non-joiner and joiner. */
static int is_joiner(uint32_t c)
{
    return c >= 0x200b && c <= 0x200d;
}

/* What a code point of an LLM's text becomes: itself, a blank, a newline, or nothing (0). */
static uint32_t plain(uint32_t c)
{
    if (c == '\n' || c == 0x2028 || c == 0x2029 || c == 0x85)
        return '\n';
    if (is_joiner(c) || c == 0x2060 || c == 0xfeff || c == 0xad || c == '\r')
        return 0;
    if ((c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f)
        return 0; /* marks of writing direction: invisible, and a way to hide text */
    if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xa0 || c == 0x3000 || (c >= 0x2000 && c <= 0x200a) ||
        c == 0x202f)
        return ' ';
    return c;
}

/* The bytes of a code fence at a line's beginning: the line, when nothing but a language stands in it, else the ticks and
 * the language. 0: there is none. */
static size_t fence_length(const char *s, size_t left)
{
    static const char *const language[] = {"json", "text", "txt",  "plaintext", "markdown", "md",
                                           "xml",  "html", "yaml", "csv",       "python",   "jsonl"};
    size_t n = 0, word;
    if (*s != '`' && *s != '~')
        return 0;
    while (n < left && s[n] == *s)
        n++;
    if (n < 3)
        return 0;
    for (word = n; word < left && (isalnum((unsigned char)s[word]) || strchr("+-_", s[word]));)
        word++;
    if (word == left || s[word] == '\n' || s[word] == '\r')
        return word;
    for (size_t i = 0; i < sizeof language / sizeof language[0]; i++)
        if (strlen(language[i]) == word - n && strncasecmp(s + n, language[i], word - n) == 0)
            return word;
    return n;
}

/* How many bytes from here on stay as they are, whatever stands before them. */
static size_t plain_length(const char *s, size_t left)
{
    size_t n = 0;
    while (n < left && s[n] >= 0x20 && s[n] < 0x7f && s[n] != '`' && s[n] != '~')
        n++;
    return n;
}

char *sg_clean_copy(const char *text, size_t left)
{
    struct sg_buf b = sg_buf_make((size_t)64 << 20);
    while (left) {
        size_t n_fence = b.len == 0 || b.data[b.len - 1] == '\n' ? fence_length(text, left) : 0;
        size_t n_plain = n_fence ? 0 : plain_length(text, left);
        if (n_plain)
            sg_buf_add(&b, text, n_plain);
        if (n_plain || n_fence) {
            text += n_plain + n_fence;
            left -= n_plain + n_fence;
            continue;
        }
        uint32_t c;
        char out[4];
        size_t n = (size_t)sg_utf8_decode(text, left, &c);
        int spells = is_joiner(c) && b.len && (unsigned char)b.data[b.len - 1] >= 0x80 && left > n &&
                     (unsigned char)text[n] >= 0x80;
        c = spells ? c : plain(c);
        if (c)
            sg_buf_add(&b, out, (size_t)sg_utf8_encode(c, out));
        text += n;
        left -= n;
    }
    return sg_buf_take(&b);
}

/* "***a***" and "_a_", where all of it stands between them. */
static void strip_emphasis(char *s)
{
    for (size_t n = strlen(s); n > 2 && s[0] == s[n - 1]; n -= 2) {
        if (!(s[0] == '_' && !memchr(s + 1, '_', n - 2)) &&
            !((s[0] == '*' || s[0] == '_') && n > 6 && s[1] == s[0] && s[2] == s[0] && s[n - 2] == s[0] &&
              s[n - 3] == s[0]))
            return;
        memmove(s, s + 1, n - 2);
        s[n - 2] = 0;
    }
}

/* "a dull film.*": what closes emphasis that began where the text did, before it. */
static void strip_closing_sign(char *s)
{
    size_t n = strlen(s), to = n;
    while (to && (s[to - 1] == '*' || s[to - 1] == '_'))
        to--;
    if (to < n && to && strchr(".!?\"')", s[to - 1]) && !memchr(s, s[n - 1], to))
        s[to] = 0;
}

void sg_clean_markdown(char *s)
{
    strip_emphasis(s);
    char *to = s;
    for (const char *p = s; *p;) {
        if (*p == '`' || (*p == '\\' && p[1] == '"')) {
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
    strip_closing_sign(s);
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
    static const char *const sign[] = {"•", "–", "▪", "●", "○", "◦", "‣", "■", "□", "➢", "・"};
    if ((unsigned char)*p >= 0x80)
        for (size_t i = 0; i < sizeof sign / sizeof sign[0]; i++)
            if (strncmp(p, sign[i], strlen(sign[i])) == 0)
                return n + strlen(sign[i]);
    size_t open = *p == '(', digits = strspn(p + open, "0123456789");
    if (digits >= 1 && digits <= 3) {
        const char *q = p + open + digits;
        if ((*q == ')' || (*q == '.' && !open)) &&
            (q[1] == ' ' || q[1] == '\n' || q[1] == 0 || q[1] == '*' || q[1] == '"'))
            return n + open + digits + 1;
        static const char *const wide[] = {"、", "．", "）", "。"};
        for (size_t i = 0; !open && i < sizeof wide / sizeof wide[0]; i++)
            if (strncmp(q, wide[i], 3) == 0)
                return n + digits + 3;
    }
    return 0;
}

int sg_has_bullet(const char *s)
{
    return bullet_length(s) > 0;
}

const char *sg_next_line(const char *s)
{
    s += strcspn(s, "\n");
    return *s ? s + 1 : s;
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
    static const char *const mark[] = {"\"", "“", "”", "„", "«", "»", "「", "」", "『", "』", "＂", "‟"};
    if (*s != '"' && (unsigned char)*s < 0x80)
        return 0;
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
        } else if (n > 6 && strncmp(s, "‘", 3) == 0 && strncmp(s + n - 3, "’", 3) == 0 &&
                   !strstr(s + 3, "‘")) {
            memmove(s, s + 3, n - 6);
            s[n - 6] = 0;
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

size_t sg_sentence_end(const char *s)
{
    /* Unicode's Sentence_Terminal that end sentences whether or not a blank follows, and those of scripts with blanks. */
    static const char *const mark[] = {"。", "！", "？", "．", "｡", "…", "।", "॥", "؟",
                                       "۔",  "။",  "។",  "։",  "።", "‽", "⁇", "⁉", "⁈"};
    size_t n = strspn(s, ".!?");
    if (n || (unsigned char)*s < 0x80)
        return n;
    for (size_t i = 0; i < sizeof mark / sizeof mark[0]; i++)
        if (strncmp(s, mark[i], strlen(mark[i])) == 0)
            return strlen(mark[i]);
    return 0;
}

int sg_ends_sentence(const char *s, size_t n)
{
    if (!n || isalnum((unsigned char)s[n - 1]) || s[n - 1] == ',')
        return 0;
    if (strchr(".!?\"')]*", s[n - 1]))
        return 1;
    return (n >= 2 && sg_sentence_end(s + n - 2) == 2) || (n >= 3 && sg_sentence_end(s + n - 3) == 3) ||
           quote_before(s, n) > 0;
}

/* A mark of a script without blanks ends a sentence whatever follows. */
static int needs_no_blank(const char *s)
{
    return strncmp(s, "。", 3) == 0 || strncmp(s, "！", 3) == 0 || strncmp(s, "？", 3) == 0 ||
           strncmp(s, "｡", 3) == 0;
}

static size_t closing_at(const char *s)
{
    static const char *const mark[] = {")", "'", "’", "）", "」", "』", "】", "》"};
    size_t n = quote_at(s);
    for (size_t i = 0; !n && i < sizeof mark / sizeof mark[0]; i++)
        if (strncmp(s, mark[i], strlen(mark[i])) == 0)
            n = strlen(mark[i]);
    return n;
}

int sg_trim_to_sentence(char *s, size_t min_words)
{
    size_t n = strlen(s), end = 0;
    for (size_t i = 0; i < n; i++) {
        size_t mark = sg_sentence_end(s + i);
        if (!mark)
            continue;
        size_t after = i + mark;
        for (size_t more; (more = sg_sentence_end(s + after)) || (more = closing_at(s + after));)
            after += more;
        /* "Mr. X", "J. Smith", "3.5": a sentence ends before a blank, not after an initial or a short title.
         */
        size_t word = i;
        while (word > 0 && isalpha((unsigned char)s[word - 1]))
            word--;
        int title = s[i] == '.' && isupper((unsigned char)s[word]) && i - word <= 2;
        if ((s[after] == ' ' || s[after] == '\n' || s[after] == 0 || needs_no_blank(s + i)) && !title)
            end = after;
        i = after - 1;
    }
    char kept = s[end];
    s[end] = 0;
    if (sg_count_long_words(s) >= min_words)
        return 1;
    s[end] = kept;
    return 0;
}
