#include "gen/pool/clean.h"
#include "gen/pool/parse_verbal_impl.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *sg_past(const char *s, const char *set)
{
    while (*s && strchr(set, *s))
        s++;
    return s;
}

static const char decoration[] = " *_\"'`~$\\";

/* ---- numbers ---- */

/* The sign of a range behind a number ("0.1-0.2", "0.1 to 0.2"), or of a fraction: then it is no number of its own. */
static int goes_on(const char *s)
{
    static const char *const sign[] = {"-", "–", "—", "/", "to "};
    s = sg_past(s, " ");
    for (size_t i = 0; i < sizeof sign / sizeof sign[0]; i++)
        if (strncmp(s, sign[i], strlen(sign[i])) == 0 &&
            isdigit((unsigned char)*sg_past(s + strlen(sign[i]), " ")))
            return 1;
    return 0;
}

double sg_probability_read(const char *s, const char **end)
{
    char number[32];
    size_t n = 0, digits = 0;
    const char *from = sg_past(s, decoration);
    if (strncmp(from, "≈", 3) == 0)
        from = sg_past(from + 3, " ");
    if (end)
        *end = s;
    for (const char *p = from; n < sizeof number - 2; p++, n++) { /* an exponent's sign needs one more */
        int point = (*p == '.' || *p == ',') && isdigit((unsigned char)p[1]) && !memchr(number, '.', n);
        int exponent = digits && (*p == 'e' || *p == 'E') && isdigit((unsigned char)p[1 + (p[1] == '-')]);
        if (!isdigit((unsigned char)*p) && !point && !exponent)
            break;
        digits += isdigit((unsigned char)*p) != 0;
        number[n] = (char)(point ? '.' : *p);
        if (exponent && p[1] == '-')
            number[++n] = *++p;
    }
    number[n] = 0;
    if (!digits || n >= sizeof number - 2)
        return (double)NAN;
    double x = strtod(number, NULL);
    const char *to = from + n, *unit = sg_past(to, " \\");
    if (*unit == '%' || strncmp(unit, "％", 3) == 0) {
        x /= 100;
        to = unit + (*unit == '%' ? 1 : 3);
    } else if (sg_starts_with(unit, "percent")) {
        x /= 100;
        to = unit + 7;
    }
    if (end)
        *end = to;
    return x >= 0 && x <= 1 && !goes_on(to) ? x : (double)NAN;
}

size_t sg_tag_at(const char *s, const char *name, int *closes)
{
    size_t n = strlen(name), i = 1;
    if (*s != '<')
        return 0;
    *closes = s[i] == '/';
    i += (size_t)*closes;
    if (!sg_starts_with(s + i, name) || !strchr("> \n=/", s[i + n]))
        return 0;
    for (i += n; s[i] && s[i] != '>' && s[i] != '<' && s[i] != '\n'; i++)
        ;
    return s[i] == '>' ? i + 1 : i;
}

/* ---- what an item says ---- */

const char *sg_past_key(const char *s)
{
    static const char *const key[] = {"probability", "likelihood", "prob.", "prob", "p"};
    for (size_t i = 0; i < sizeof key / sizeof key[0]; i++) {
        if (!sg_starts_with(s, key[i]))
            continue;
        const char *p = sg_past(s + strlen(key[i]), decoration);
        if (*p == '=' || (*p == ':' && key[i][1]))
            return p + 1;
        if (strncmp(p, "≈", 3) == 0)
            return p;
        if (key[i][1] && isdigit((unsigned char)*p)) /* "(probability 0.12)" */
            return p;
    }
    return NULL;
}

const char *sg_line_end(const char *s)
{
    while (*s && *s != '\n')
        s++;
    return s;
}

/* Behind the bracket that closes the one at `open`, near by on its line; NULL: nothing does. */
static const char *past_bracket(const char *open)
{
    enum { NEAR = 200 };
    char closing = *open == '(' ? ')' : *open == '[' ? ']' : '}';
    for (const char *s = open + 1; *s && *s != '\n' && s - open < NEAR; s++)
        if (*s == closing)
            return s + 1;
    return NULL;
}

/* The bytes of a dash or bullet beyond ASCII that ends at s. */
static size_t wide_before(const char *item, const char *s)
{
    static const char *const sign[] = {"–", "—", "•"};
    for (size_t i = 0; s - item >= 3 && i < sizeof sign / sizeof sign[0]; i++)
        if (strncmp(s - 3, sign[i], 3) == 0)
            return 3;
    return 0;
}

/* Without blanks and what parts a text from what follows it. */
static const char *trim_back(const char *item, const char *s)
{
    for (size_t n = 1; n; s -= n)
        n = s > item && strchr(" -|,;", s[-1]) ? 1 : wide_before(item, s);
    return s;
}

/* Where what belongs to a key at s begins: its line's sign, or its bracket and what parts it from the text. */
static const char *before_key(const char *item, const char *s, const char **bracket)
{
    *bracket = NULL;
    while (s > item && strchr("*_\"'`", s[-1]))
        s--;
    const char *line = s;
    while (line > item && strchr(" *_-#>", line[-1]))
        line--;
    if (line == item || line[-1] == '\n')
        return line;
    s = trim_back(item, s);
    if (s == item || !strchr("([{", s[-1]))
        return s;
    *bracket = --s;
    return trim_back(item, s);
}

/* What stands in an item for its probability. */
struct stated {
    const char *from, *to; /* to: behind it; from NULL: nothing */
    double p;
};

/* "Probability: 0.12" as a line or its end, at the item's beginning, or in brackets. */
static struct stated find_keyed(const char *item)
{
    for (const char *s = item; *s; s++) {
        const char *value =
            (s == item || !isalnum((unsigned char)s[-1])) && strchr("pPlL", *s) ? sg_past_key(s) : NULL;
        if (!value)
            continue;
        const char *bracket, *end, *from = before_key(item, s, &bracket);
        double p = sg_probability_read(value, &end);
        if (bracket && past_bracket(bracket)) {
            end = past_bracket(bracket);
        } else if (end == value) { /* a word, or nothing: all of the line, where it is nothing else */
            enum { FEW = 24 };
            end = sg_line_end(value);
            if (from > item && from[-1] != '\n' && !(end - value <= FEW && strchr(".!?\"", from[-1])))
                continue;
        }
        const char *rest = sg_past(end, " *_\"'`.;,)]");
        if (*rest == '(' && past_bracket(rest)) /* "0.12 (quite likely)" */
            rest = sg_past(past_bracket(rest), " *_.");
        int begins = from == item, ends = !*rest || *rest == '\n';
        if (!begins && !ends && !bracket)
            continue;
        if (begins)
            rest = sg_past(end, " *_:-|,.;)]");
        return (struct stated){from, ends || begins ? rest : end, p};
    }
    return (struct stated){0};
}

/* Whether the bytes are a number that can only be a probability: with a point or a per cent sign, from 0 to 1. */
static int is_bare(const char *s, const char *to, double *p)
{
    const char *end;
    *p = sg_probability_read(s, &end);
    return !isnan(*p) && end <= to && sg_past(end, decoration) >= to &&
           (memchr(s, '.', (size_t)(to - s)) || memchr(s, ',', (size_t)(to - s)) || to[-1] == '%');
}

/* "... (0.12)", "... - 0.12", "0.12" as the last line. */
static struct stated find_behind(const char *item)
{
    const char *to = item + strlen(item), *end = to;
    double p;
    while (end > item && strchr(" \n*_.", end[-1]))
        end--;
    if (end > item && strchr(")]", end[-1])) {
        const char *open = end - 1;
        while (open > item && end - open < 24 && !strchr("([", *open))
            open--;
        const char *from = sg_past(open + 1, decoration);
        if (strchr("([", *open) && is_bare(from, end - 1, &p))
            return (struct stated){open, to, p};
        return (struct stated){0};
    }
    const char *from = end;
    while (from > item && !strchr(" \n", from[-1]))
        from--;
    if (end == from || !is_bare(from, end, &p))
        return (struct stated){0};
    const char *before = from;
    while (before > item && strchr(" *_", before[-1]))
        before--;
    if (before > item && before[-1] == '\n')
        return (struct stated){before, to, p};
    if (before > item && strchr("-|:=", before[-1]) &&
        (before - item < 2 || before[-2] == ' ' || before[-1] != '-'))
        return (struct stated){before - 1, to, p};
    if (before - item >= 3 && (strncmp(before - 3, "–", 3) == 0 || strncmp(before - 3, "—", 3) == 0))
        return (struct stated){before - 3, to, p};
    return (struct stated){0};
}

/* "(0.12) ...", "0.12: ...", "0.12" as the first line. */
static struct stated find_ahead(const char *item)
{
    const char *s = sg_past(item, " *_"), *end = s;
    double p;
    if (*s == '(' || *s == '[') {
        end = past_bracket(s);
        if (end && is_bare(sg_past(s + 1, decoration), end - 1, &p))
            return (struct stated){item, sg_past(end, " *_:-|"), p};
        return (struct stated){0};
    }
    (void)sg_probability_read(s, &end);
    const char *sign = sg_past(end, " *_");
    if (end > s && is_bare(s, end, &p) &&
        (*sign == '\n' || *sign == ':' || *sign == '|' || (*sign == '-' && sign[1] == ' ')))
        return (struct stated){item, sg_past(sign, " *_:-|\n"), p};
    return (struct stated){0};
}

static void cut_out(char *item, const struct stated *x)
{
    size_t at = (size_t)(x->from - item);
    memmove(item + at, x->to, strlen(x->to) + 1);
}

static struct stated find_tag(const char *item)
{
    int closes;
    for (const char *s = item, *end; (s = strchr(s, '<')); s++) {
        size_t n = sg_tag_at(s, "probability", &closes);
        if (!n)
            continue;
        double p = sg_probability_read(sg_past(s + n, " \n"), &end);
        const char *to = strchr(end, '<');
        size_t close = to ? sg_tag_at(to, "probability", &closes) : 0;
        return (struct stated){s, close ? to + close : end, p};
    }
    return (struct stated){0};
}

double sg_probability_take(char *item)
{
    enum { TIMES = 4 };
    double p = (double)NAN;
    struct stated x = find_tag(item);
    if (x.from) {
        p = x.p;
        cut_out(item, &x);
    }
    for (int i = 0; i < TIMES && (x = find_keyed(item)).from; i++) {
        if (isnan(p))
            p = x.p;
        cut_out(item, &x);
    }
    if (isnan(p) && ((x = find_behind(item)).from || (x = find_ahead(item)).from)) {
        p = x.p;
        cut_out(item, &x);
    }
    return p;
}
