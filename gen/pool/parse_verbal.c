#include "gen/pool/parse_verbal.h"

#include "base/buf.h"
#include "base/mem.h"
#include "gen/pool/clean.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Where no character of `set` stands. A loop, as strspn may read to the text's end. */
static const char *past(const char *s, const char *set)
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
    s = past(s, " ");
    for (size_t i = 0; i < sizeof sign / sizeof sign[0]; i++)
        if (strncmp(s, sign[i], strlen(sign[i])) == 0 &&
            isdigit((unsigned char)*past(s + strlen(sign[i]), " ")))
            return 1;
    return 0;
}

double sg_probability_read(const char *s, const char **end)
{
    char number[32];
    size_t n = 0, digits = 0;
    const char *from = past(s, decoration);
    if (strncmp(from, "≈", 3) == 0)
        from = past(from + 3, " ");
    if (end)
        *end = s;
    for (const char *p = from; n < sizeof number - 1; p++, n++) {
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
    if (!digits || n == sizeof number - 1)
        return (double)NAN;
    double x = strtod(number, NULL);
    const char *to = from + n, *unit = past(to, " \\");
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

/* The bytes of the tag with this name at s: "<name>", "</name>", with attributes; 0: another one. *closes: it closes. */
static size_t tag_at(const char *s, const char *name, int *closes)
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

/* Behind the name of a probability at s and its colon ("Probability:", "**prob** =", "p="); NULL: there is none. */
static const char *past_key(const char *s)
{
    static const char *const key[] = {"probability", "likelihood", "prob.", "prob", "p"};
    for (size_t i = 0; i < sizeof key / sizeof key[0]; i++) {
        if (!sg_starts_with(s, key[i]))
            continue;
        const char *p = past(s + strlen(key[i]), decoration);
        if (*p == '=' || (*p == ':' && key[i][1]))
            return p + 1;
        if (strncmp(p, "≈", 3) == 0)
            return p;
        if (key[i][1] && isdigit((unsigned char)*p)) /* "(probability 0.12)" */
            return p;
    }
    return NULL;
}

static const char *line_end(const char *s)
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
            (s == item || !isalnum((unsigned char)s[-1])) && strchr("pPlL", *s) ? past_key(s) : NULL;
        if (!value)
            continue;
        const char *bracket, *end, *from = before_key(item, s, &bracket);
        double p = sg_probability_read(value, &end);
        if (bracket && past_bracket(bracket)) {
            end = past_bracket(bracket);
        } else if (end == value) { /* a word, or nothing: all of the line, where it is nothing else */
            enum { FEW = 24 };
            end = line_end(value);
            if (from > item && from[-1] != '\n' && !(end - value <= FEW && strchr(".!?\"", from[-1])))
                continue;
        }
        const char *rest = past(end, " *_\"'`.;,)]");
        if (*rest == '(' && past_bracket(rest)) /* "0.12 (quite likely)" */
            rest = past(past_bracket(rest), " *_.");
        int begins = from == item, ends = !*rest || *rest == '\n';
        if (!begins && !ends && !bracket)
            continue;
        if (begins)
            rest = past(end, " *_:-|,.;)]");
        return (struct stated){from, ends || begins ? rest : end, p};
    }
    return (struct stated){0};
}

/* Whether the bytes are a number that can only be a probability: with a point or a per cent sign, from 0 to 1. */
static int is_bare(const char *s, const char *to, double *p)
{
    const char *end;
    *p = sg_probability_read(s, &end);
    return !isnan(*p) && end <= to && past(end, decoration) >= to &&
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
        const char *from = past(open + 1, decoration);
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
    const char *s = past(item, " *_"), *end = s;
    double p;
    if (*s == '(' || *s == '[') {
        end = past_bracket(s);
        if (end && is_bare(past(s + 1, decoration), end - 1, &p))
            return (struct stated){item, past(end, " *_:-|"), p};
        return (struct stated){0};
    }
    (void)sg_probability_read(s, &end);
    const char *sign = past(end, " *_");
    if (end > s && is_bare(s, end, &p) &&
        (*sign == '\n' || *sign == ':' || *sign == '|' || (*sign == '-' && sign[1] == ' ')))
        return (struct stated){item, past(sign, " *_:-|\n"), p};
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
        size_t n = tag_at(s, "probability", &closes);
        if (!n)
            continue;
        double p = sg_probability_read(past(s + n, " \n"), &end);
        const char *to = strchr(end, '<');
        size_t close = to ? tag_at(to, "probability", &closes) : 0;
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

/* ---- tags ---- */

static int has_tag(const char *s, const char *name)
{
    int closes;
    for (; (s = strchr(s, '<')); s++)
        if (tag_at(s, name, &closes))
            return 1;
    return 0;
}

char *sg_verbal_open(const char *text)
{
    static const char *const holder[] = {"response", "answer", "output"};
    struct sg_buf b = sg_buf_make((size_t)64 << 20);
    int rename = has_tag(text, "probability") || has_tag(text, "text"), closes;
    for (const char *s = text; *s;) {
        size_t n = 0;
        for (size_t i = 0; rename && !n && *s == '<' && i < sizeof holder / sizeof holder[0]; i++)
            if (tag_at(s, holder[i], &closes)) {
                n = 1 + (size_t)closes + strlen(holder[i]);
                sg_buf_puts(&b, closes ? "</item" : "<item");
            }
        if (!n) {
            n = *s == '<';
            while (s[n] && s[n] != '<')
                n++;
            sg_buf_add(&b, s, n);
        }
        s += n;
    }
    return sg_buf_take(&b);
}

/* A text between its tags. */
struct tagged {
    const char *from, *to; /* the text */
    const char *rest;      /* behind its closing tag, or where that should be */
    int is_open;           /* it reaches the end without one */
};

/* The next text behind s; 0: there is none. */
static int next_tagged(const char *s, struct tagged *out)
{
    int closes = 0;
    size_t n = 0;
    for (; *s && (!(n = tag_at(s, "text", &closes)) || closes); s++)
        ;
    if (!*s)
        return 0;
    *out = (struct tagged){.from = s + n};
    for (s += n; *s; s++) {
        n = tag_at(s, "text", &closes);
        if (n || tag_at(s, "probability", &closes) || tag_at(s, "item", &closes))
            break;
    }
    out->to = s;
    out->rest = *s && n && closes ? s + n : s;
    out->is_open = !*s;
    return 1;
}

/* What the bytes between two texts say of a probability: in a tag, as an attribute, in words. */
static double stated_between(const char *from, const char *to)
{
    int closes;
    double p = (double)NAN;
    for (const char *s = from; s < to && isnan(p); s++) {
        size_t n = tag_at(s, "probability", &closes);
        const char *value = n && !closes                                                 ? past(s + n, " \n")
                            : s > from && !isalnum((unsigned char)s[-1]) && s[-1] != '<' ? past_key(s)
                                                                                         : NULL;
        if (value)
            p = sg_probability_read(value, NULL);
    }
    return p;
}

/* Whether the probability of each text stands before it. */
static int comes_first(const char *s)
{
    int closes;
    for (; *s; s++) {
        size_t n = tag_at(s, "text", &closes), held = n ? n : tag_at(s, "item", &closes);
        if (tag_at(s, "probability", &closes) || (held && sg_find_in(s, held, " probability=")))
            return 1;
        if (n)
            return 0;
    }
    return 0;
}

json_t *sg_verbal_tags(const char *clean, int cut)
{
    enum { MOST = 200 };
    struct tagged x, next;
    json_t *records = NULL;
    int more = next_tagged(clean, &x), before = comes_first(clean);
    for (const char *begin = clean; more && json_array_size(records) < MOST; begin = x.rest, x = next) {
        more = next_tagged(x.rest, &next);
        double p = before ? stated_between(begin, x.from)
                          : stated_between(x.rest, more ? next.from : x.rest + strlen(x.rest));
        if (!records && !(records = json_array()))
            return NULL;
        if (x.is_open && cut)
            break;
        json_t *o = json_pack("{s:s%}", "text", x.from, (size_t)(x.to - x.from));
        if (o && !isnan(p))
            json_object_set_new(o, "probability", json_sprintf("%.17g", p));
        json_array_append_new(records, o);
    }
    return records;
}

/* ---- lines ---- */

/* Whether the word at s says what an item is, like "Response"; its bytes. *strange: lists of them are not known elsewhere. */
static size_t item_word(const struct sg_task *t, const char *s, int *strange)
{
    static const char *const word[] = {"response", "answer",   "option", "candidate", "variant", "version",
                                       "example",  "sentence", "text",   "pair",      "sample"};
    for (size_t i = 0; i < sizeof word / sizeof word[0]; i++)
        if (sg_starts_with(s, word[i])) {
            *strange = i < 6;
            return strlen(word[i]);
        }
    *strange = 0;
    return !t->second && sg_starts_with(s, t->first_mark) ? strlen(t->first_mark) : 0;
}

/* Behind the words, number and colon that head an item in the line at s, and the number; NULL: nothing does. */
static const char *past_head(const struct sg_task *t, const char *s, long *number)
{
    int strange;
    const char *p = past(s, " *_#-");
    size_t n = item_word(t, p, &strange);
    const char *digit = n ? past(p + n, " #") : p;
    char *behind;
    if (!n || !isdigit((unsigned char)*digit))
        return NULL;
    *number = strtol(digit, &behind, 10);
    const char *to = past(behind, "*_ ");
    if (*number > 1000 || (!strange && *to != '(' && *to != '['))
        return NULL;
    if (*to == '(' || *to == '[') /* only where it says a number */
        return to[1] && strcspn(to, "0123456789\n") < strcspn(to, ")]\n") ? to : NULL;
    if (*to == ':' || *to == '.' || *to == ')')
        return past(to + 1, "*_ ");
    return *to == '\n' || *to == '-' ? to : NULL;
}

char *sg_verbal_lines(const struct sg_task *t, const char *clean)
{
    struct sg_buf b = sg_buf_make((size_t)64 << 20);
    int begins = 1, closes;
    for (const char *s = clean; *s;) {
        long number;
        const char *behind = begins ? past_head(t, s, &number) : NULL;
        size_t n;
        begins = 0;
        if (behind) {
            sg_buf_printf(&b, "%ld. ", number);
            s = behind;
        } else if ((n = tag_at(s, "probability", &closes))) {
            sg_buf_puts(&b, closes ? "\n" : "\nProbability: ");
            s += n;
        } else if ((n = tag_at(s, "item", &closes))) {
            sg_buf_puts(&b, "\n");
            s += n;
        } else {
            begins = *s == '\n';
            sg_buf_add(&b, s++, 1);
        }
    }
    return sg_buf_take(&b);
}

/* Whether the line at s is a probability and nothing else. */
static int is_stated_line(const char *s)
{
    s = past(s, " *_#-([\"");
    const char *value = strchr("pPlL", *s) && *s ? past_key(s) : NULL, *end;
    if (!value)
        return 0;
    (void)sg_probability_read(value, &end);
    const char *rest = past(end, " *_\"'`.;,)]");
    return end > value && (!*rest || *rest == '\n' || *rest == '(');
}

/* Whether the probabilities stand before their texts. */
static int stated_first(const char *clean)
{
    int n_before = 0, n_stated = 0, is_last = 0;
    for (const char *s = clean; *s; s = sg_next_line(s)) {
        const char *said = past(s, " *_");
        if (!*said || *said == '\n')
            continue;
        is_last = is_stated_line(s);
        n_stated += is_last;
        n_before += !n_stated && line_end(s)[-1] != ':';
    }
    return n_before == 0 || (n_before == 1 && !is_last);
}

char *sg_verbal_number(const char *clean)
{
    int n_stated = 0, number = 0, first = stated_first(clean);
    for (const char *s = clean; *s; s = sg_next_line(s))
        n_stated += is_stated_line(s);
    if (n_stated < 2)
        return NULL;
    struct sg_buf b = sg_buf_make((size_t)64 << 20);
    int begins = !first; /* the next line that says something begins an item */
    for (const char *s = clean, *next; *s; s = next) {
        next = sg_next_line(s);
        int stated = is_stated_line(s);
        if (first ? stated : begins && !stated && *past(s, " ") != '\n') {
            sg_buf_printf(&b, "%d. ", ++number);
            begins = 0;
        }
        sg_buf_add(&b, s, (size_t)(next - s));
        begins |= stated && !first;
    }
    return sg_buf_take(&b);
}
