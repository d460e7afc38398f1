#include "base/buf.h"
#include "base/mem.h"
#include "gen/pool/clean.h"
#include "gen/pool/parse_verbal_impl.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- tags ---- */

static int has_tag(const char *s, const char *name)
{
    int closes;
    for (; (s = strchr(s, '<')); s++)
        if (sg_tag_at(s, name, &closes))
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
            if (sg_tag_at(s, holder[i], &closes)) {
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
    for (; *s && (!(n = sg_tag_at(s, "text", &closes)) || closes); s++)
        ;
    if (!*s)
        return 0;
    *out = (struct tagged){.from = s + n};
    for (s += n; *s; s++) {
        n = sg_tag_at(s, "text", &closes);
        if (n || sg_tag_at(s, "probability", &closes) || sg_tag_at(s, "item", &closes))
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
        size_t n = sg_tag_at(s, "probability", &closes);
        const char *value = n && !closes ? sg_past(s + n, " \n")
                            : s > from && !isalnum((unsigned char)s[-1]) && s[-1] != '<' ? sg_past_key(s)
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
        size_t n = sg_tag_at(s, "text", &closes), held = n ? n : sg_tag_at(s, "item", &closes);
        if (sg_tag_at(s, "probability", &closes) || (held && sg_find_in(s, held, " probability=")))
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
    const char *p = sg_past(s, " *_#-");
    size_t n = item_word(t, p, &strange);
    const char *digit = n ? sg_past(p + n, " #") : p;
    char *behind;
    if (!n || !isdigit((unsigned char)*digit))
        return NULL;
    *number = strtol(digit, &behind, 10);
    const char *to = sg_past(behind, "*_ ");
    if (*number > 1000 || (!strange && *to != '(' && *to != '['))
        return NULL;
    if (*to == '(' || *to == '[') /* only where it says a number */
        return to[1] && strcspn(to, "0123456789\n") < strcspn(to, ")]\n") ? to : NULL;
    if (*to == ':' || *to == '.' || *to == ')')
        return sg_past(to + 1, "*_ ");
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
        } else if ((n = sg_tag_at(s, "probability", &closes))) {
            sg_buf_puts(&b, closes ? "\n" : "\nProbability: ");
            s += n;
        } else if ((n = sg_tag_at(s, "item", &closes))) {
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
    s = sg_past(s, " *_#-([\"");
    const char *value = strchr("pPlL", *s) && *s ? sg_past_key(s) : NULL, *end;
    if (!value)
        return 0;
    (void)sg_probability_read(value, &end);
    const char *rest = sg_past(end, " *_\"'`.;,)]");
    return end > value && (!*rest || *rest == '\n' || *rest == '(');
}

/* Whether the probabilities stand before their texts. */
static int stated_first(const char *clean)
{
    int n_before = 0, n_stated = 0, is_last = 0;
    for (const char *s = clean; *s; s = sg_next_line(s)) {
        const char *said = sg_past(s, " *_");
        if (!*said || *said == '\n')
            continue;
        is_last = is_stated_line(s);
        n_stated += is_last;
        n_before += !n_stated && sg_line_end(s)[-1] != ':';
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
        if (first ? stated : begins && !stated && *sg_past(s, " ") != '\n') {
            sg_buf_printf(&b, "%d. ", ++number);
            begins = 0;
        }
        sg_buf_add(&b, s, (size_t)(next - s));
        begins |= stated && !first;
    }
    return sg_buf_take(&b);
}
