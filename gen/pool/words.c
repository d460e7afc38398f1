#include "gen/pool/words.h"

#include "base/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* How a letter makes words with its neighbours. */
enum script { WITH_BLANKS, WITHOUT_BLANKS, KATAKANA };

/* Blocks of Unicode 15 whose scripts are written without blanks between words: Han and kana, and those that UAX #14 has in
 * class SA (complex context). utf8proc knows neither scripts nor word boundaries. */
static enum script script_of(uint32_t c)
{
    static const struct {
        uint32_t from, to;
        enum script script;
    } block[] = {{0x0e00, 0x0eff, WITHOUT_BLANKS}, /* Thai, Lao */
                 {0x1000, 0x109f, WITHOUT_BLANKS}, /* Myanmar */
                 {0x1780, 0x17ff, WITHOUT_BLANKS}, /* Khmer */
                 {0x1950, 0x19df, WITHOUT_BLANKS}, /* Tai Le, New Tai Lue */
                 {0x1a20, 0x1aaf, WITHOUT_BLANKS}, /* Tai Tham */
                 {0x1b00, 0x1b7f, WITHOUT_BLANKS}, /* Balinese */
                 {0x2e80, 0x2fdf, WITHOUT_BLANKS}, /* Han radicals */
                 {0x3005, 0x3007, WITHOUT_BLANKS}, /* iteration mark, zero */
                 {0x3021, 0x303c, WITHOUT_BLANKS}, /* Hangzhou numerals */
                 {0x3041, 0x309f, WITHOUT_BLANKS}, /* Hiragana */
                 {0x30a0, 0x30ff, KATAKANA},         {0x31f0, 0x31ff, KATAKANA},
                 {0x3400, 0x4dbf, WITHOUT_BLANKS},    /* Han */
                 {0x4e00, 0x9fff, WITHOUT_BLANKS},    /* Han */
                 {0xa980, 0xa9ff, WITHOUT_BLANKS},    /* Javanese, Myanmar */
                 {0xaa60, 0xaadf, WITHOUT_BLANKS},    /* Myanmar, Tai Viet */
                 {0xf900, 0xfaff, WITHOUT_BLANKS},    /* Han */
                 {0xff66, 0xff9f, KATAKANA},          /* half width */
                 {0x11700, 0x1174f, WITHOUT_BLANKS},  /* Ahom */
                 {0x1b000, 0x1b16f, WITHOUT_BLANKS},  /* kana supplements */
                 {0x20000, 0x3ffff, WITHOUT_BLANKS}}; /* Han */
    if (c < block[0].from)
        return WITH_BLANKS;
    for (size_t i = 0; i < sizeof block / sizeof block[0]; i++)
        if (c <= block[i].to)
            return c >= block[i].from ? block[i].script : WITH_BLANKS;
    return WITH_BLANKS;
}

/* ---- folding ---- */

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
    const utf8proc_option_t how =
        UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE;
    utf8proc_ssize_t n =
        utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)strlen(text), &folded, how);
    int gap = 0;
    enum script before = WITH_BLANKS;
    size_t start = b->len;
    for (utf8proc_ssize_t i = 0; i < n;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t len = utf8proc_iterate(folded + i, n - i, &c);
        if (len <= 0)
            break;
        utf8proc_category_t kind = utf8proc_category(c);
        if (kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_NO) { /* letters, marks, numbers */
            int is_mark = kind >= UTF8PROC_CATEGORY_MN && kind <= UTF8PROC_CATEGORY_ME;
            enum script script = is_mark ? before : script_of((uint32_t)c);
            gap |= !is_mark && (script != before || script == WITHOUT_BLANKS);
            if (gap && b->len > start)
                sg_buf_puts(b, " ");
            sg_buf_add(b, folded + i, (size_t)len);
            gap = 0;
            before = script;
        } else if (c != '\'' && c != 0x2019) {
            gap = 1; /* "don't" and "dont" are the same */
        }
        i += len;
    }
    free(folded);
}

int sg_folded_equal(const char *a, const char *b)
{
    struct sg_buf x = sg_buf_make((size_t)64 << 20), y = sg_buf_make((size_t)64 << 20);
    sg_buf_folded(&x, a);
    sg_buf_folded(&y, b);
    int same = strcmp(sg_buf_text(&x), sg_buf_text(&y)) == 0;
    sg_buf_free(&x);
    sg_buf_free(&y);
    return same;
}

/* ---- counting ---- */

/* Words between blanks, and letters of scripts without them. */
static void count(const char *s, size_t *n_words, size_t *n_letters)
{
    size_t left = strlen(s);
    enum script before = WITH_BLANKS;
    *n_words = *n_letters = 0;
    for (int inside = 0; left;) {
        uint32_t c = (unsigned char)*s;
        int len = 1, is_word, is_mark = 0;
        enum script script = WITH_BLANKS;
        if (c < 0x80) {
            is_word = isalnum((int)c);
        } else {
            len = sg_utf8_decode(s, left, &c);
            utf8proc_category_t kind = utf8proc_category((utf8proc_int32_t)c);
            is_mark = kind >= UTF8PROC_CATEGORY_MN && kind <= UTF8PROC_CATEGORY_ME;
            is_word = !is_mark && ((kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_NO) ||
                                   (kind >= UTF8PROC_CATEGORY_SM && kind <= UTF8PROC_CATEGORY_SO));
            script = is_mark ? before : script_of(c);
        }
        if (is_word && script == WITHOUT_BLANKS)
            ++*n_letters;
        else if (is_word && (!inside || script != before))
            ++*n_words;
        inside = c == ' ' || c == '\n' ? 0 : inside || is_word;
        before = is_word || is_mark ? script : before;
        s += len;
        left -= (size_t)len;
    }
}

size_t sg_count_words(const char *s)
{
    size_t n_words, n_letters;
    count(s, &n_words, &n_letters);
    return n_words + n_letters;
}

size_t sg_count_long_words(const char *s)
{
    size_t n_words, n_letters;
    count(s, &n_words, &n_letters);
    return n_words + n_letters / 2;
}
