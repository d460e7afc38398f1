#include "results/export/words.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>

/* The length of the well-formed character at s (n >= 1 bytes left); 0: there is none. */
static size_t length(const char *s, size_t n)
{
    for (size_t k = 1; k <= 4 && k <= n; k++)
        if (sg_utf8_valid(s, k))
            return k;
    return 0;
}

void sg_words_utf8(struct sg_buf *out, const char *text)
{
    size_t n = strlen(text);
    if (sg_utf8_valid(text, n)) {
        sg_buf_add(out, text, n);
        return;
    }
    for (size_t i = 0, k; i < n; i += k ? k : 1) {
        k = length(text + i, n - i);
        sg_buf_add(out, k ? text + i : "\xef\xbf\xbd", k ? k : 3);
    }
}

json_t *sg_words_json(const char *text)
{
    size_t n = strlen(text);
    if (sg_utf8_valid(text, n))
        return json_stringn(text, n);
    struct sg_buf b = sg_buf_make(SIZE_MAX / 4);
    sg_words_utf8(&b, text);
    json_t *j = b.failed ? NULL : json_stringn(sg_buf_text(&b), b.len);
    sg_buf_free(&b);
    return j;
}

void sg_words_csv(struct sg_buf *out, const char *text, int quoted)
{
    quoted |= strpbrk(text, ",\"\r\n") != NULL;
    if (!quoted) {
        sg_words_utf8(out, text);
        return;
    }
    struct sg_buf b = sg_buf_make(SIZE_MAX / 4);
    sg_words_utf8(&b, text);
    sg_buf_puts(out, "\"");
    for (const char *from = sg_buf_text(&b); *from;) {
        size_t n = strcspn(from, "\"");
        sg_buf_add(out, from, n);
        sg_buf_puts(out, from[n] ? "\"\"" : "");
        from += n + (from[n] != 0);
    }
    sg_buf_puts(out, "\"");
    if (b.failed)
        out->failed = b.failed;
    sg_buf_free(&b);
}

/* What YAML 1.2.2, section 5.1, does not count as printable, or takes for a line end, and what turns or hides text. */
static int needs_escape(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || c == 0xfffe ||
           c == 0xffff || (c > 0xffff && (c & 0xfffe) == 0xfffe) || (c >= 0xe0000 && c <= 0xe007f);
}

void sg_words_yaml(struct sg_buf *out, const char *text)
{
    size_t n = strlen(text);
    sg_buf_puts(out, "\"");
    for (size_t i = 0, k; i < n; i += k ? k : 1) {
        uint32_t c = 0xfffd;
        if ((k = length(text + i, n - i)))
            sg_utf8_decode(text + i, k, &c);
        if (c == '"' || c == '\\')
            sg_buf_printf(out, "\\%c", (int)c);
        else if (needs_escape(c))
            sg_buf_printf(out, c > 0xffff ? "\\U%08X" : "\\u%04X", (unsigned)c);
        else
            sg_buf_add(out, k ? text + i : "\xef\xbf\xbd", k ? k : 3);
    }
    sg_buf_puts(out, "\"");
}

void sg_words_fenced(struct sg_buf *out, const char *text)
{
    int run = 0, longest = 2;
    for (const char *s = text; *s; s++) {
        run = *s == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    for (int i = 0; i <= longest; i++)
        sg_buf_puts(out, "`");
    sg_buf_puts(out, "text\n");
    for (const char *from = text; *from;) {
        size_t n = strcspn(from, "\n");
        struct sg_buf line = sg_buf_make(SIZE_MAX / 4);
        sg_buf_add(&line, from, n);
        sg_buf_safe(out, sg_buf_text(&line), SIZE_MAX);
        sg_buf_puts(out, "\n");
        if (line.failed)
            out->failed = line.failed;
        sg_buf_free(&line);
        from += n + (from[n] != 0);
    }
    for (int i = 0; i <= longest; i++)
        sg_buf_puts(out, "`");
    sg_buf_puts(out, "\n");
}

enum { NAME_BYTES = 100 };

void sg_words_name(struct sg_buf *out, const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < n && i < NAME_BYTES; i++) {
        int good = isalnum((unsigned char)text[i]) || strchr("_-", text[i]) || (text[i] == '.' && i);
        sg_buf_add(out, good ? text + i : "_", 1);
    }
    sg_buf_puts(out, n ? "" : "_");
}
