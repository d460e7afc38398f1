#include "model/tokenizer/unicode.h"

#include "base/text.h"
#include "model/tokenizer/unicode_tables.h"

#include <utf8proc.h>

static int in_table(const struct range *table, size_t n, uint32_t c)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c > table[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && c >= table[low].first;
}
#define IN(table, c) in_table(table, sizeof table / sizeof table[0], c)

static int is_ascii_letter(uint32_t c)
{
    return (c | 32) >= 'a' && (c | 32) <= 'z';
}

int sg_uni_space(uint32_t c)
{
    return c < 0x80 ? c == ' ' || (c >= 9 && c <= 13) : IN(space, c);
}

int sg_uni_letter(uint32_t c)
{
    return c < 0x80 ? is_ascii_letter(c) : IN(letter, c);
}

int sg_uni_number(uint32_t c)
{
    return c < 0x80 ? c >= '0' && c <= '9' : IN(number, c);
}

int sg_uni_punct(uint32_t c)
{
    return IN(bert_punctuation, c);
}

int sg_uni_word(uint32_t c)
{
    if (c < 0x80)
        return is_ascii_letter(c) || sg_uni_number(c) || c == '_';
    static const struct range others[] = {{0x200c, 0x200d}, /* joiners */
                                          {0x24b6, 0x24e9}, /* letters in circles and squares */
                                          {0x1f130, 0x1f149},
                                          {0x1f150, 0x1f169},
                                          {0x1f170, 0x1f189}};
    if (sg_uni_letter(c) || IN(others, c))
        return 1;
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
        return 1;
    default:
        return 0;
    }
}

size_t sg_uni_trimmed(const char *text, size_t n)
{
    while (n > 0) {
        size_t at = n - 1;
        while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80)
            at--;
        uint32_t c;
        sg_utf8_decode(text + at, n - at, &c);
        if (!sg_uni_space(c))
            break;
        n = at;
    }
    return n;
}

static int is_chinese(uint32_t c)
{
    static const struct range cjk[] = {{0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xf900, 0xfaff},
                                       {0x20000, 0x2a6df}, {0x2a700, 0x2b73f}, {0x2b740, 0x2b81f},
                                       {0x2b920, 0x2ceaf}, {0x2f800, 0x2fa1f}};
    return c >= 0x3400 && IN(cjk, c);
}

/* Lower case as Rust has it: utf8proc's, and the pairs of Unicode 15.1 to 17 that utf8proc 2.8 does not know.
 */
static uint32_t lower(uint32_t c)
{
    static const struct {
        uint32_t first, last;
        int32_t plus;
    } later[] = {{0x1c89, 0x1c89, 1},      {0xa7cb, 0xa7cb, 0x264 - 0xa7cb},
                 {0xa7cc, 0xa7cc, 1},      {0xa7ce, 0xa7ce, 1},
                 {0xa7d2, 0xa7d2, 1},      {0xa7d4, 0xa7d4, 1},
                 {0xa7da, 0xa7da, 1},      {0xa7dc, 0xa7dc, 0x19b - 0xa7dc},
                 {0x10d50, 0x10d65, 0x20}, {0x16ea0, 0x16eb8, 0x1b}};
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    for (size_t i = 0; c >= later[0].first && i < sizeof later / sizeof later[0]; i++)
        if (c >= later[i].first && c <= later[i].last)
            return c + (uint32_t)later[i].plus;
    return (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
}

static void put(struct sg_buf *out, uint32_t c)
{
    char bytes[4];
    sg_buf_add(out, bytes, (size_t)sg_utf8_encode(c, bytes));
}

static void put_lower(const struct sg_bert_norm *how, struct sg_buf *out, uint32_t c)
{
    if (!how->lowercase) {
        put(out, c);
    } else if (c == 0x130) { /* the one letter whose lower case is two code points */
        put(out, 'i');
        put(out, 0x307);
    } else {
        put(out, lower(c));
    }
}

/* Marks are put in canonical order by NFD, and then dropped here: so the order is left out. (It would matter
 * for two spacing marks of different classes side by side, which no script writes.) */
static void put_stripped(const struct sg_bert_norm *how, struct sg_buf *out, uint32_t c)
{
    utf8proc_int32_t part[32];
    int last_class = 0;
    utf8proc_ssize_t n = 1;
    part[0] = (utf8proc_int32_t)c;
    if (c >= 0xc0 && c != 0x11938) /* U+11938 is of Unicode 13: tokenizers' NFD does not know it */
        n = utf8proc_decompose_char((utf8proc_int32_t)c, part, 32, UTF8PROC_DECOMPOSE, &last_class);
    for (utf8proc_ssize_t i = 0; i < n; i++)
        if (part[i] < 0x300 || !IN(nonspacing, (uint32_t)part[i]))
            put_lower(how, out, (uint32_t)part[i]);
}

void sg_bert_normalize(const struct sg_bert_norm *how, const char *text, size_t n, struct sg_buf *out)
{
    for (size_t at = 0; at < n;) {
        uint32_t c;
        at += (size_t)sg_utf8_decode(text + at, n - at, &c);
        if (how->clean_text && (c < ' ' || c >= 0x7f) && IN(dropped, c))
            continue;
        if (how->clean_text && sg_uni_space(c))
            c = ' ';
        int spaced = how->chinese_chars && is_chinese(c);
        if (spaced)
            put(out, ' ');
        if (how->strip_accents)
            put_stripped(how, out, c);
        else
            put_lower(how, out, c);
        if (spaced)
            put(out, ' ');
    }
}
