#include "base/text.h"

#include "base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int sg_utf8_decode(const char *s, size_t n, uint32_t *code_point)
{
    const unsigned char *u = (const unsigned char *)s;
    if (u[0] < 0x80 || n < 2) {
        *code_point = u[0];
        return 1;
    }
    if (u[0] < 0xe0) {
        *code_point = (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu);
        return 2;
    }
    if (u[0] < 0xf0 && n >= 3) {
        *code_point = (u[0] & 0xfu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
        return 3;
    }
    if (n >= 4) {
        *code_point = (u[0] & 7u) << 18 | (u[1] & 0x3fu) << 12 | (u[2] & 0x3fu) << 6 | (u[3] & 0x3fu);
        return 4;
    }
    *code_point = 0xfffd;
    return 1;
}

int sg_utf8_encode(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* The bytes of the well-formed sequence at s (n >= 1 bytes left), or 0. */
static size_t sequence(const char *s, size_t n)
{
    unsigned char lead = (unsigned char)s[0];
    size_t len = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (!len || len > n)
        return 0;
    for (size_t k = 1; k < len; k++)
        if (((unsigned char)s[k] & 0xc0) != 0x80)
            return 0;
    uint32_t c;
    sg_utf8_decode(s, n, &c);
    if ((len == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) ||
        (len == 4 && (c < 0x10000 || c > 0x10ffff)))
        return 0;
    return len;
}

int sg_utf8_valid(const char *s, size_t n)
{
    for (size_t i = 0, len; i < n; i += len) {
        uint64_t eight;
        while (n - i >= sizeof eight) { /* ASCII, most of most texts */
            memcpy(&eight, s + i, sizeof eight);
            if (eight & 0x8080808080808080u)
                break;
            i += sizeof eight;
        }
        if (i == n)
            break;
        if (!(len = sequence(s + i, n - i)))
            return 0;
    }
    return 1;
}

enum { NEAREST_MAX = 64 };

static int distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    if (n > NEAREST_MAX || m > NEAREST_MAX)
        return INT_MAX; /* no typing error is so long */
    int row[NEAREST_MAX + 1];
    for (size_t j = 0; j <= m; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            int cost = diagonal + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
            diagonal = row[j];
            int best = row[j] + 1 < row[j - 1] + 1 ? row[j] + 1 : row[j - 1] + 1;
            row[j] = cost < best ? cost : best;
        }
    }
    return row[m];
}

int sg_text_nearest(const char *word, const char *const *words, int n_words)
{
    int best = -1, best_distance = (int)strlen(word) / 3 + 2;
    for (int i = 0; i < n_words; i++) {
        int d = distance(word, words[i]);
        if (d < best_distance) {
            best = i;
            best_distance = d;
        }
    }
    return best;
}

int sg_parse_int64(const char *text, int64_t *value)
{
    if (!isdigit((unsigned char)text[0]) && !(text[0] == '-' && isdigit((unsigned char)text[1])))
        return 0;
    errno = 0;
    char *end;
    long long x = strtoll(text, &end, 10);
    if (errno || *end)
        return 0;
    *value = x;
    return 1;
}

int sg_parse_double(const char *text, double *value)
{
    if (strspn(text, "0123456789+-.eE") != strlen(text) || !text[0])
        return 0;
    errno = 0;
    char *end;
    double x = strtod(text, &end); /* the program never leaves the "C" locale */
    if (*end || end == text || !isfinite(x))
        return 0;
    *value = x;
    return 1;
}

void sg_format_double(double x, char out[32])
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, 32, "%.*g", digits, x);
        if (strtod(out, NULL) == x)
            return;
    }
}

void sg_format_duration(double seconds, char out[24])
{
    int s = seconds > 0 && seconds < 1e9 ? (int)(seconds + 0.5) : 0;
    if (s >= 3600)
        snprintf(out, 24, "%d h %02d min", s / 3600, s / 60 % 60);
    else if (s >= 60)
        snprintf(out, 24, "%d min %02d s", s / 60, s % 60);
    else
        snprintf(out, 24, "%d s", s);
}

int sg_text_is_blank(const char *text)
{
    return !text || !text[strspn(text, " \t\r\n")];
}

const char *sg_plural(int64_t n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}

void sg_buf_safe(struct sg_buf *b, const char *text, size_t max_chars)
{
    size_t n = strlen(text), count = 0, len;
    for (size_t i = 0; i < n; i += len, count++) {
        if (count == max_chars) {
            sg_buf_puts(b, "...");
            return;
        }
        uint32_t c = 0;
        int valid = (len = sequence(text + i, n - i)) > 0;
        if (valid)
            sg_utf8_decode(text + i, n - i, &c);
        else
            len = 1; /* printf's %.100s may have cut a character in two */
        if (c == '\n' || c == '\t')
            sg_buf_puts(b, " ");
        else if (!valid || c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c ||
                 (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
                 (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xe0000 && c <= 0xe007f))
            sg_buf_puts(b, "?");
        else
            sg_buf_add(b, text + i, len);
    }
}

void sg_text_whole(char *s)
{
    size_t n = strlen(s);
    for (size_t k = 1; k <= 3 && k <= n; k++) {
        unsigned char c = (unsigned char)s[n - k];
        if ((c & 0xc0) == 0x80)
            continue;
        if (c >= 0xc0 && !sequence(s + n - k, k))
            s[n - k] = 0;
        return;
    }
}

char *sg_text_trim(char *s)
{
    size_t n = strlen(s), start = strspn(s, " \t\r\n\v\f");
    while (n > start && strchr(" \t\r\n\v\f", s[n - 1]))
        n--;
    memmove(s, s + start, n - start);
    s[n - start] = 0;
    return s;
}
