#include "gen/pool/label.h"

#include "gen/pool/class_name.h"
#include "gen/pool/clean.h"
#include "gen/pool/words.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

enum { MAX_VALUE = 120 }; /* bytes of a label where one is looked for in a text */

static const char decoration[] = " *_#\"'`";

/* ---- names ---- */

/* The next letter of a text that is compared folded, ' ' between words; 0 at the end, -1 beyond ASCII. */
static int next_folded(const char **s, const char *end)
{
    int gap = 0;
    for (; *s < end; ++*s) {
        unsigned char c = (unsigned char)**s;
        if (c >= 0x80)
            return -1;
        if (isalnum(c)) {
            if (gap)
                return ' ';
            ++*s;
            return tolower(c);
        }
        gap |= c != '\'';
    }
    return 0;
}

/* Whether the n bytes at s may be this name: most pieces of texts are told apart without memory. */
static int may_be(const char *s, size_t n, const char *name)
{
    if (n && isalnum((unsigned char)*s) && isalnum((unsigned char)*name) && ((*s ^ *name) & 0xdf) != 0)
        return 0;
    const char *end = s + n, *name_end = name + strlen(name);
    while (s < end && (unsigned char)*s < 0x80 && !isalnum((unsigned char)*s))
        s++;
    while (name < name_end && (unsigned char)*name < 0x80 && !isalnum((unsigned char)*name))
        name++;
    for (;;) {
        int x = next_folded(&s, end), y = next_folded(&name, name_end);
        if (x == ' ' && y == ' ') {
            while (s < end && !isalnum((unsigned char)*s) && (unsigned char)*s < 0x80)
                s++;
            while (name < name_end && !isalnum((unsigned char)*name) && (unsigned char)*name < 0x80)
                name++;
            continue;
        }
        if (x < 0 || y < 0 || (!x && !y))
            return 1;
        if (x != y)
            return 0;
    }
}

static int may_be_name(const struct sg_task *t, const char *s, size_t n)
{
    for (int k = 0; k < t->n_classes; k++)
        if (may_be(s, n, t->class_[k].name) || may_be(s, n, t->class_[k].readable))
            return 1;
    return 0;
}

static int class_of(const struct sg_task *t, const char *s, size_t n)
{
    struct sg_class_names names;
    struct sg_err ignored; /* without memory no class is found: what needs memory next says so */
    int class_ = -1;
    if (!n || n > 1000 || !may_be_name(t, s, n) || sg_class_names_create(t, &names, &ignored) != SG_OK)
        return -1;
    if (sg_class_names_find(&names, s, n, &class_, &ignored) != SG_OK)
        class_ = -1;
    sg_class_names_free(&names);
    return class_;
}

/* The last word of the n bytes at s, when it says what kind of text they are about; n without it. */
static size_t without_kind(const struct sg_task *t, const char *s, size_t n)
{
    static const char *const kind[] = {"review",    "sentence", "sentiment", "text",  "example", "message",
                                       "class",     "label",    "emotion",   "tone",  "tweet",   "headline",
                                       "statement", "feeling",  "category",  "rating"};
    while (n && strchr(" .:*_", s[n - 1]))
        n--;
    size_t from = n;
    while (from && s[from - 1] != ' ')
        from--;
    int found = strlen(t->first_mark) == n - from && strncasecmp(s + from, t->first_mark, n - from) == 0;
    for (size_t i = 0; !found && i < sizeof kind / sizeof kind[0]; i++)
        found = strlen(kind[i]) == n - from && strncasecmp(s + from, kind[i], n - from) == 0;
    return found && from ? from - 1 : n;
}

int sg_label_of(const struct sg_task *t, const char *s, size_t n)
{
    while (n && strchr(decoration, *s)) {
        s++;
        n--;
    }
    int class_ = class_of(t, s, n);
    if (class_ >= 0)
        return class_;
    size_t shorter = without_kind(t, s, n);
    static const char *const article[] = {"a ", "an ", "the ", "this is ", "very "};
    for (size_t i = 0; i < sizeof article / sizeof article[0] && shorter < n; i++) {
        size_t len = strlen(article[i]);
        if (shorter > len && strncasecmp(s, article[i], len) == 0) {
            s += len;
            shorter -= len;
            n -= len;
        }
    }
    return shorter < n ? class_of(t, s, shorter) : -1;
}

/* ---- keys ---- */

static const char *const keys[] = {"label",           "class",
                                   "rating",          "sentiment",
                                   "emotion",         "answer",
                                   "explanation",     "note",
                                   "topic",           "category",
                                   "reasoning",       "correct answer",
                                   "relationship",    "yes/no",
                                   "word count",      "classification",
                                   "sentiment label", "emotion label",
                                   "class label",     "star rating",
                                   "polarity",        "rationale",
                                   "justification",   "final label",
                                   "gold label",      "overall sentiment",
                                   "notes",           "predicted label",
                                   "entailment",      "mood"};

/* Keys whose value must be a class, alone: texts have such lines, too. */
static const char *const weak_keys[] = {
    "tone", "attitude", "stance",     "opinion",  "feeling",          "verdict", "type",
    "kind", "result",   "prediction", "output",   "target",           "gold",    "tag",
    "tags", "judgment", "valence",    "relation", "emotion expressed"};

/* Words of the line at s, where it has only some. */
static size_t words_of_line(const char *s)
{
    char line[MAX_VALUE + 1];
    size_t n = strcspn(s, "\n");
    if (n > MAX_VALUE)
        return SIZE_MAX;
    memcpy(line, s, n);
    line[n] = 0;
    return sg_count_words(line);
}

/* Past a colon or an equals sign behind decoration; NULL: there is none. */
static const char *past_colon(const char *s)
{
    while (*s && strchr("*_\"' ", *s))
        s++;
    if (*s == ':' || *s == '=')
        s++;
    else if (strncmp(s, "：", 3) == 0)
        s += 3;
    else
        return NULL;
    while (*s && strchr("*_\"' ", *s))
        s++;
    return s;
}

static int is_own_mark(const struct sg_task *t, const char *s, size_t n)
{
    return (strlen(t->first_mark) == n && strncasecmp(t->first_mark, s, n) == 0) ||
           (t->second_mark && strlen(t->second_mark) == n && strncasecmp(t->second_mark, s, n) == 0);
}

/* Where the value of the label's key at s begins; NULL: there is no key. *strict 0: words stand between key and colon ("Emotion
 * that is felt: joy"). */
static const char *value_at(const struct sg_task *t, const char *s, int *strict)
{
    while (*s && strchr(decoration, *s))
        s++;
    if (!isalpha((unsigned char)*s))
        return NULL;
    for (size_t i = 0; i <= sizeof keys / sizeof keys[0]; i++) {
        const char *key = i < sizeof keys / sizeof keys[0] ? keys[i] : t->label ? t->label : "label";
        size_t n = strlen(key);
        if (!sg_starts_with(s, key) || isalnum((unsigned char)s[n]) || is_own_mark(t, s, n))
            continue;
        const char *value = past_colon(s + n);
        *strict = value != NULL;
        for (size_t more = 0; !value && more < 24 && s[n + more] && s[n + more] != '\n'; more++)
            if (s[n + more] == ':')
                value = past_colon(s + n + more);
        if (value)
            return value;
    }
    return NULL;
}

/* The class at the beginning of a value, up to what ends it; *to: where. */
static int class_at(const struct sg_task *t, const char *value, const char **to)
{
    size_t n = strcspn(value, "\n"), most = n < MAX_VALUE ? n : MAX_VALUE;
    *to = value + n;
    int class_ = n <= MAX_VALUE ? sg_label_of(t, value, n) : -1;
    for (size_t i = 1; class_ < 0 && i < most; i++)
        if (strchr(".,;|()[]!-\"*", value[i])) {
            class_ = sg_label_of(t, value, i);
            *to = value + i;
        }
    return class_;
}

/* "Tone: negative" and nothing else on the line. */
static int weak_label(const struct sg_task *t, const char *s)
{
    s += strspn(s, "*_([ ");
    for (size_t i = 0; i < sizeof weak_keys / sizeof weak_keys[0]; i++) {
        size_t n = strlen(weak_keys[i]);
        const char *value =
            sg_starts_with(s, weak_keys[i]) && !is_own_mark(t, s, n) ? past_colon(s + n) : NULL;
        if (!value)
            continue;
        size_t len = strcspn(value, "\n");
        while (len && strchr("*_)] .", value[len - 1]))
            len--;
        return len && len <= MAX_VALUE ? sg_label_of(t, value, len) : -1;
    }
    return -1;
}

int sg_label_line(const struct sg_task *t, const char *s, int *class_)
{
    const char *end, *p;
    int strict, named;
    *class_ = -1;
    if ((p = value_at(t, s, &strict))) {
        named = class_at(t, p, &end);
        *class_ = named;
        if (strict || named >= 0)
            return 1;
    }
    if ((*class_ = weak_label(t, s)) >= 0)
        return 1;
    /* "A: Yes", "The answer is no." */
    if ((sg_starts_with(s, "A:") || sg_starts_with(s, "The answer is")) && words_of_line(s) <= 6) {
        p = s + (s[1] == ':' ? 2 : strlen("The answer is"));
        *class_ = class_at(t, p, &end);
        return 1;
    }
    for (p = s; *p && strchr("([\"*_ ", *p); p++)
        ;
    size_t n = strcspn(p, "\n");
    while (n && strchr(".)]\":*_ ", p[n - 1]))
        n--;
    *class_ = n && n <= MAX_VALUE ? class_of(t, p, n) : -1;
    return *class_ >= 0;
}

/* ---- both ends ---- */

static size_t sign_at(const char *s, const char *const *list)
{
    for (; *list; list++)
        if (strncmp(s, *list, strlen(*list)) == 0)
            return strlen(*list);
    return 0;
}

/* What stands in brackets: a class, or a key with one. */
static int class_inside(const struct sg_task *t, const char *s, size_t n)
{
    char inside[MAX_VALUE + 1];
    int strict, class_;
    const char *end, *value;
    if (!n || n > MAX_VALUE)
        return -1;
    memcpy(inside, s, n);
    inside[n] = 0;
    if ((class_ = sg_label_of(t, inside, n)) >= 0)
        return class_;
    return (value = value_at(t, inside, &strict)) ? class_at(t, value, &end) : -1;
}

static const char *past_signs(const char *s)
{
    static const char *const sign[] = {" ", ":", "-", "–", "—", "|", "*", "_", ".", "：", ",", ";", NULL};
    for (size_t n; (n = sign_at(s, sign)) > 0;)
        s += n;
    return s;
}

size_t sg_label_before(const struct sg_task *t, const char *s, int *class_)
{
    static const char *const sign[] = {" - ", " – ", " — ", " | ", ": ", "：", ":** ", "** ", NULL};
    const char *p = s, *end = NULL;
    int strict;
    *class_ = -1;
    while (*p == '*' || *p == '_')
        p++;
    if (*p == '[' || *p == '(' || *p == '{') {
        const char *close = strchr("])}", *p == '[' ? ']' : *p == '(' ? ')' : '}');
        const char *to = memchr(p + 1, *close, strnlen(p + 1, MAX_VALUE));
        if (!to || (*class_ = class_inside(t, p + 1, (size_t)(to - p - 1))) < 0)
            return 0;
        return (size_t)(past_signs(to + 1) - s);
    }
    if ((end = value_at(t, p, &strict))) {
        *class_ = class_at(t, end, &end);
        return *class_ < 0 ? 0 : (size_t)(past_signs(end) - s);
    }
    for (size_t i = 1; p[i] && p[i] != '\n' && i < MAX_VALUE; i++) {
        int may_sign = (unsigned char)p[i] >= 0x80 || p[i] == ':' || p[i] == '*' ||
                       (p[i] == ' ' && !isalnum((unsigned char)p[i + 1]));
        size_t n = may_sign ? sign_at(p + i, sign) : 0;
        if (!n)
            continue;
        *class_ = p[i] == ' ' ? sg_label_of(t, p, i) : class_of(t, p, i);
        return *class_ < 0 ? 0 : (size_t)(past_signs(p + i + n) - s);
    }
    return 0;
}

/* Where the text ends before a label that ends it; n: there is none. */
static size_t label_behind(const struct sg_task *t, const char *s, size_t n, int *class_)
{
    static const char *const dash[] = {"- ", "– ", "— ", NULL};
    static const char *const sign[] = {"| ", "→ ", "=> ", "-> ", "#", "|", NULL};
    size_t last = n;
    *class_ = -1;
    while (last && strchr(" *_`", s[last - 1]))
        last--;
    if (last > 2 && strchr(")]}", s[last - 1])) {
        char open = s[last - 1] == ')' ? '(' : s[last - 1] == ']' ? '[' : '{';
        for (size_t i = last - 1; i > 0 && last - i < MAX_VALUE; i--)
            if (s[i - 1] == open) {
                *class_ = class_inside(t, s + i, last - 1 - i);
                return *class_ < 0 || i == 1 ? n : i - 1;
            }
        return n;
    }
    while (last && strchr(". ", s[last - 1]))
        last--; /* of a label, a full stop may be */
    for (size_t i = last; i > 1 && last - i < MAX_VALUE; i--) {
        const char *p = s + i - 1;
        size_t len, before = i - 1;
        int strict, follows = s[before - 1] == ' ',
                    may_sign = (unsigned char)*p >= 0x80 || *p == '|' || *p == '#' || *p == '=' || *p == '-';
        const char *value, *end;
        if (!follows && !may_sign)
            continue;
        while (before && s[before - 1] == ' ')
            before--;
        if (!before)
            return n;
        if (!may_sign && isalnum((unsigned char)s[before - 1]))
            continue; /* a word behind a word */
        int whole =
            sg_ends_sentence(s, before) || (s[before - 1] == ',' && before > 1 && s[before - 2] == '"');
        if (follows && (whole || strchr(",;|-(", s[before - 1])) && (value = value_at(t, p, &strict)) &&
            strict && value < s + last && (*class_ = class_at(t, value, &end)) >= 0)
            return before;
        if (may_sign && ((len = sign_at(p, sign)) || (whole && follows && (len = sign_at(p, dash)))) &&
            i - 1 + len < last) {
            if ((*p != '#' || isalpha((unsigned char)p[1])) &&
                (*class_ = sg_label_of(t, p + len, last - (i - 1) - len)) >= 0)
                return before;
        } else if (whole && follows && last == n && (*class_ = class_of(t, p, last - (i - 1))) >= 0) {
            return before;
        }
    }
    return n;
}

static void note_class(int *all, int class_)
{
    *all = *all == -1 || *all == class_ ? class_ : -2;
}

int sg_label_strip(const struct sg_task *t, char *s)
{
    int all = -1, class_;
    for (int i = 0; i < 3; i++) {
        size_t n = sg_label_before(t, s, &class_);
        if (!n || !s[n])
            break;
        memmove(s, s + n, strlen(s + n) + 1);
        note_class(&all, class_);
    }
    for (int i = 0; i < 3; i++) {
        size_t n = strlen(s), to = label_behind(t, s, n, &class_);
        if (to == n)
            break;
        while (to && strchr(" ,;|-(", s[to - 1]))
            to--;
        if (!to)
            break;
        s[to] = 0;
        note_class(&all, class_);
    }
    return all;
}
