#include "gen/pool/parse_many.h"

#include "base/mem.h"
#include "base/text.h"
#include "gen/pool/class_name.h"
#include "gen/pool/clean.h"
#include "gen/pool/label.h"
#include "gen/pool/parse_verbal.h"
#include "gen/pool/preamble.h"
#include "gen/pool/reasoning.h"
#include "gen/pool/records.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Past the characters of `set`. A loop, since strspn and its like may read to the end of the text (as sanitizers do): the
 * square of its length, when it is called line by line. */
static char *past(char *p, const char *set)
{
    while (*p && strchr(set, *p))
        p++;
    return p;
}

/* ---- the label ---- */

/* Where the last "Label:" begins that stands at a line's start or after a blank, a bracket or decoration. */
static char *last_label(char *s)
{
    char *last = NULL;
    for (char *p = s; *p; p++)
        if ((p == s || strchr(" \n*_([\"", p[-1])) && sg_starts_with(p, "label"))
            if (*past(p + 5, " *_\"") == ':')
                last = p;
    return last;
}

/* Takes the label line off the item. *class_: -1 when it names no class. 0 in *found: there is none. */
static sg_status take_label(const struct sg_task *t, char *item, int *found, int *class_, struct sg_err *err)
{
    char *label = last_label(item);
    *class_ = -1;
    *found = label != NULL;
    if (!label)
        return SG_OK;
    char *value = strchr(label, ':') + 1;
    size_t n = strcspn(value, "\n");
    if (n > 1000) /* no class has such a name */
        n = 1000;
    char *copy = sg_strndup(value, n);
    struct sg_class_names names = {0};
    sg_status status = copy ? sg_class_names_create(t, &names, err) : sg_fail_memory(err, n);
    while (copy && !sg_utf8_valid(copy, strlen(copy)))
        copy[strlen(copy) - 1] = 0; /* cut inside a character */
    if (status == SG_OK)
        status = sg_class_names_find(&names, copy, strlen(copy), class_, err);
    sg_class_names_free(&names);
    sg_free(copy);
    while (label > item && strchr(" \n*_([\"", label[-1]))
        label--;
    *label = 0;
    return status;
}

static sg_status parse_one(const struct sg_task *t, char *item, int cut, const struct sg_wanted *w,
                           struct sg_candidate *out, struct sg_err *err)
{
    int found = 1, said;
    *out = (struct sg_candidate){.class_ = -1, .probability = (double)NAN};
    if (w->probability)
        out->probability = sg_probability_take(item);
    if (w->label)
        SG_TRY(take_label(t, item, &found, &out->class_, err));
    /* With its label a text is whole, wherever the completion was cut. */
    int open = cut && !(w->label && out->class_ >= 0);
    SG_TRY(sg_parse_text(t, item, open, w, &out->reason, &said, &out->x, err));
    if (!w->label || out->reason != SG_ACCEPTED)
        return SG_OK;
    if (!found && said != -1) { /* "Sentiment: negative", "(negative)" */
        found = 1;
        out->class_ = said >= 0 ? said : -1;
    }
    if (out->class_ >= 0)
        return SG_OK;
    out->reason = cut ? SG_REJECT_CUT_OFF : found ? SG_REJECT_WRONG_LABEL : SG_REJECT_UNPARSABLE;
    sg_parsed_free(&out->x);
    return SG_OK;
}

/* ---- the list ---- */

/* Behind the sign of a list's number at s; NULL: there is none. */
static char *past_number_sign(char *s)
{
    /* the last two: a keycap, as emoji have it */
    static const char *const sign[] = {"、",          "．",  "）",  "：",  "\\.",
                                       "\\)",         " - ", " – ", " — ", "\xef\xb8\x8f\xe2\x83\xa3",
                                       "\xe2\x83\xa3"};
    if (*s && strchr(".):", *s))
        return s + 1;
    for (size_t i = 0; i < sizeof sign / sizeof sign[0]; i++)
        if (strncmp(s, sign[i], strlen(sign[i])) == 0)
            return s + strlen(sign[i]);
    return NULL;
}

/* Behind "①" to "⑳" at s; NULL: it is not this number. */
static char *past_circled(char *s, int64_t number)
{
    const char sign[4] = {'\xe2', '\x91', (char)(0x9f + number), 0};
    return number >= 1 && number <= 20 && strncmp(s, sign, 3) == 0 ? s + 3 : NULL;
}

/* A number alone on a line that Markdown sets off: "### 3", "**3**". */
static char *past_number_line(const char *line, char *digits, size_t n)
{
    char *behind = past(digits + n, "*_ ");
    return *behind == '\n' && (strchr("#*", *line)) ? behind + 1 : NULL;
}

/* Where the item with this number begins ("3. ", "**3)** "), its text in *text; NULL when there is none. */
static char *find_item(const struct sg_task *t, char *s, int64_t number, char **text)
{
    (void)t;
    char digits[24];
    size_t n = (size_t)snprintf(digits, sizeof digits, "%lld", (long long)number);
    for (char *line = s; *line;) {
        char *p = past(past(line, " *_#("), "0");
        char *behind = strncmp(p, digits, n) == 0 ? past_number_sign(p + n) : past_circled(p, number);
        if (!behind && strncmp(p, digits, n) == 0)
            behind = past_number_line(line, p, n);
        if (behind) {
            *text = past(behind, "*_): ");
            return line;
        }
        while (*line && *line != '\n')
            line++;
        line += *line == '\n';
    }
    return NULL;
}

/* The same for "Review 3: ...", "Example 3:", "**Premise 3:** ..."; its text begins with that. */
static char *find_marked(const struct sg_task *t, char *s, int64_t number, char **text)
{
    const char *const word[] = {t->second_comes_first ? t->second_mark : t->first_mark,
                                "example",
                                "sentence",
                                "text",
                                "pair",
                                "sample"};
    char digits[24];
    size_t n = (size_t)snprintf(digits, sizeof digits, "%lld", (long long)number);
    for (char *line = s; *line;) {
        char *p = past(line, " *_#(");
        for (size_t i = 0; i < sizeof word / sizeof word[0]; i++) {
            if (!sg_starts_with(p, word[i]))
                continue;
            char *digit = past(p + strlen(word[i]), " #");
            char *behind = strncmp(digit, digits, n) == 0 ? past(digit + n, "*_ ") : NULL;
            if (behind && past_number_sign(behind)) {
                *text = i ? past(past_number_sign(behind), "*_ ") : p;
                return line;
            }
            if (behind && *behind == '\n') {
                *text = t->second && i == 0 ? p : behind + 1;
                return line;
            }
        }
        while (*line && *line != '\n')
            line++;
        line += *line == '\n';
    }
    return NULL;
}

/* The same for lists with signs, each line an item. */
static char *find_bullet(const struct sg_task *t, char *s, int64_t number, char **text)
{
    (void)t;
    (void)number;
    for (char *line = s; *line;) {
        if (sg_has_bullet(line)) {
            *text = line + (sg_skip_bullet(line) - line);
            return line;
        }
        while (*line && *line != '\n')
            line++;
        line += *line == '\n';
    }
    return NULL;
}

/* The same for "a) ...", "B. ..." */
static char *find_lettered(const struct sg_task *t, char *s, int64_t number, char **text)
{
    (void)t;
    for (char *line = s; *line && number <= 26;) {
        char *p = past(line, " *_(");
        if ((*p == 'a' + number - 1 || *p == 'A' + number - 1) && (p[1] == ')' || p[1] == '.') &&
            strchr(" *", p[2])) {
            *text = past(p + 2, "*_ ");
            return line;
        }
        while (*line && *line != '\n')
            line++;
        line += *line == '\n';
    }
    return NULL;
}

/* ---- no list ---- */

/* The next text where they stand one below the other: lines, or paragraphs with blank lines or rules ("---") between them. What
 * only speaks of texts is none. Returns where the rest begins, NULL at the end. */
static char *next_block(const struct sg_task *t, char *s, int by_line, char **text, char **end)
{
    for (;;) {
        size_t n = strcspn(s, "\n");
        if (!*s)
            return NULL;
        int is_rule = strspn(s, "-*_= ") >= n;
        if (!is_rule && !sg_is_preamble(s) && !sg_is_heading(t, s) && !sg_is_note(t, s))
            break;
        s += n + (s[n] == '\n');
    }
    *text = s;
    for (;;) {
        size_t n = strcspn(s, "\n");
        *end = s += n;
        s += *s == '\n';
        if (by_line || !*s || strspn(s, "-*_= ") >= strcspn(s, "\n"))
            return s;
    }
}

static int64_t count_blocks(const struct sg_task *t, char *s, int by_line)
{
    int64_t n = 0;
    for (char *text, *end; (s = next_block(t, s, by_line, &text, &end));)
        n++;
    return n;
}

/* As many paragraphs, or lines, as texts were asked for: each is one. *n_out 0: they are not. */
static sg_status parse_blocks(const struct sg_task *t, char *s, int cut, const struct sg_wanted *w,
                              struct sg_candidate *out, int64_t *n_out, struct sg_err *err)
{
    *n_out = 0;
    int by_line = 0;
    if (w->n < 2 || t->second || w->label)
        return SG_OK;
    while (count_blocks(t, s, by_line) != w->n)
        if (++by_line > 1)
            return SG_OK;
    for (char *text, *end; (s = next_block(t, s, by_line, &text, &end)); ++*n_out) {
        int is_last = !*s;
        *end = 0;
        SG_TRY(parse_one(t, text, cut && is_last, w, &out[*n_out], err));
    }
    return SG_OK;
}

/* Whether a line heads texts of another class than the one that was asked for: "Positive:", "## Positive reviews". */
static int has_other_heading(const struct sg_task *t, const char *s, const struct sg_wanted *w)
{
    for (int class_; w->asked && *s; s += *s == '\n') {
        size_t n = strcspn(s, "\n"), last = n;
        while (last && strchr("*_ ", s[last - 1]))
            last--;
        if (n < 80 && n && (*s == '#' || *s == '*' || s[last - 1] == ':') &&
            sg_label_line(t, sg_skip_bullet(s), &class_) && class_ >= 0 && class_ != w->asked - 1 &&
            !memchr(s, ':', last - 1))
            return 1;
        s += n;
    }
    return 0;
}

static sg_status parse_list(const struct sg_task *t, char *s, int cut, const struct sg_wanted *w,
                            struct sg_candidate *out, int64_t *n_out, struct sg_err *err);

/* Items without numbers, parted by their probabilities. *n_out 0: they are not. */
static sg_status parse_parted(const struct sg_task *t, const char *s, int cut, const struct sg_wanted *w,
                              struct sg_candidate *out, int64_t *n_out, struct sg_err *err)
{
    char *numbered = w->probability ? sg_verbal_number(s) : NULL;
    *n_out = 0;
    sg_status status = numbered ? parse_list(t, numbered, cut, w, out, n_out, err) : SG_OK;
    sg_free(numbered);
    return status;
}

static sg_status parse_list(const struct sg_task *t, char *s, int cut, const struct sg_wanted *w,
                            struct sg_candidate *out, int64_t *n_out, struct sg_err *err)
{
    char *text, *next = NULL, *next_text = NULL;
    char *(*const finder[])(const struct sg_task *, char *, int64_t, char **) = {find_item, find_marked,
                                                                                 find_bullet, find_lettered};
    int kind = 0, is_list = w->n > 1 && find_item(t, s, 1, &text) != NULL;
    while (w->n > 1 && !is_list && ++kind < (t->second ? 2 : 4)) { /* a pair's texts may be a list, too */
        is_list = finder[kind](t, s, 1, &text) && finder[kind](t, text + 1, 2, &next_text);
        if (kind == 1 && !is_list) {
            SG_TRY(parse_parted(t, s, cut, w, out, n_out, err));
            if (*n_out)
                return SG_OK;
        }
    }
    if (is_list && has_other_heading(t, s, w)) { /* which text is of which class, nobody can know */
        out->reason = SG_REJECT_WRONG_LABEL;
        *n_out = 1;
        return SG_OK;
    }
    if (!is_list)
        SG_TRY(parse_blocks(t, s, cut, w, out, n_out, err));
    if (!is_list && *n_out)
        return SG_OK;
    if (!is_list) {
        *n_out = 1;
        return parse_one(t, s, cut, w, out, err);
    }
    *n_out = 0;
    for (int64_t i = 1; i <= w->n; i++, text = next_text) {
        next = *text ? finder[kind](t, text + 1, i + 1, &next_text) : NULL;
        if (next)
            next[next == next_text ? -1 : 0] = 0;
        SG_TRY(parse_one(t, text, cut && !next, w, &out[i - 1], err));
        *n_out = i;
        if (!next)
            break;
    }
    return SG_OK;
}

/* ---- records ---- */

/* Adds "Mark: value" on a line of its own. */
static void add_line(struct sg_buf *b, const char *mark, const char *value)
{
    sg_buf_printf(b, "%s%s: ", b->len ? "\n" : "", mark);
    for (const char *s = value; *s; s++)
        sg_buf_add(b, *s == '\n' || *s == '\r' ? " " : s, 1);
}

/* A record's texts as a plain answer would have them; NULL when one is missing. */
static char *as_text(const struct sg_task *t, const struct sg_record *r)
{
    if (!r->first || (t->second && !r->second))
        return NULL;
    struct sg_buf b = sg_buf_make((size_t)64 << 20);
    if (t->second_comes_first)
        add_line(&b, t->second_mark, r->second);
    add_line(&b, t->first_mark, r->first);
    if (t->second && !t->second_comes_first)
        add_line(&b, t->second_mark, r->second);
    return sg_buf_take(&b);
}

/* Whether the record's label agrees with what was asked for. Where a class was, a number may count classes from 0. */
static enum sg_reject check_label(const struct sg_task *t, const struct sg_record *r,
                                  const struct sg_wanted *w)
{
    int class_ = r->class_;
    if (w->label)
        return class_ >= 0 ? SG_ACCEPTED : r->label ? SG_REJECT_WRONG_LABEL : SG_REJECT_UNPARSABLE;
    if (!w->asked || !r->label)
        return SG_ACCEPTED;
    if (class_ < 0 && t->n_classes <= 10 && r->label[0] >= '0' && r->label[0] <= '9' && !r->label[1])
        class_ = r->label[0] - '0';
    return class_ == w->asked - 1 ? SG_ACCEPTED : SG_REJECT_WRONG_LABEL;
}

static sg_status parse_record(const struct sg_task *t, const struct sg_record *r, const struct sg_wanted *w,
                              struct sg_candidate *out, struct sg_err *err)
{
    int said;
    *out = (struct sg_candidate){.class_ = -1,
                                 .reason = SG_REJECT_UNPARSABLE,
                                 .probability = w->probability ? sg_record_probability(r) : (double)NAN};
    char *text = as_text(t, r), *clean = text ? sg_clean_copy(text, strlen(text)) : NULL;
    sg_free(text);
    if (text && !clean)
        return sg_fail_memory(err, 1024);
    if (!clean)
        return SG_OK;
    sg_status status = sg_parse_text(t, clean, 0, w, &out->reason, &said, &out->x, err);
    sg_free(clean);
    if (status != SG_OK || out->reason != SG_ACCEPTED)
        return status;
    out->reason = check_label(t, r, w);
    if (out->reason == SG_ACCEPTED)
        out->class_ = w->label ? r->class_ : -1;
    else
        sg_parsed_free(&out->x);
    return SG_OK;
}

/* A record whose text may hold more than a text: a pair's marks, a line "Label: ...", a probability. NULL: it has none. */
static const char *rich_text(const struct sg_task *t, const struct sg_record *r, const struct sg_wanted *w)
{
    if (!w->probability || r->label || (t->second && r->first && r->second))
        return NULL;
    return t->second ? r->text : r->first;
}

static sg_status parse_rich(const struct sg_task *t, const struct sg_record *r, const char *text,
                            const struct sg_wanted *w, struct sg_candidate *out, struct sg_err *err)
{
    char *clean = sg_clean_copy(text, strlen(text));
    sg_status status = clean ? parse_one(t, clean, 0, w, out, err) : sg_fail_memory(err, strlen(text));
    sg_free(clean);
    if (status == SG_OK && !isnan(sg_record_probability(r)))
        out->probability = sg_record_probability(r);
    return status;
}

static sg_status parse_records(const struct sg_task *t, const json_t *records, const struct sg_wanted *w,
                               struct sg_candidate *out, int64_t *n_out, struct sg_err *err)
{
    size_t n = json_array_size(records);
    *n_out = 1;
    *out = (struct sg_candidate){.class_ = -1, .reason = SG_REJECT_EMPTY, .probability = (double)NAN};
    for (size_t i = 0; i < n && i < (size_t)w->n; i++) {
        struct sg_record r = sg_record_pick(t, json_array_get(records, i));
        const char *rich = rich_text(t, &r, w);
        out[i] = (struct sg_candidate){.class_ = -1};
        *n_out = (int64_t)i + 1;
        SG_TRY(rich ? parse_rich(t, &r, rich, w, &out[i], err) : parse_record(t, &r, w, &out[i], err));
    }
    return SG_OK;
}

/* ---- all of it ---- */

/* What is no text at all, before anything is looked for in it. SG_ACCEPTED: it is one. */
static enum sg_reject check_answer(const char *text, const char *finish_reason)
{
    if (finish_reason &&
        (strcmp(finish_reason, "content_filter") == 0 || strcmp(finish_reason, "refusal") == 0))
        return SG_REJECT_REFUSED;
    if (text && !sg_utf8_valid(text, strlen(text)))
        return SG_REJECT_UNPARSABLE;
    int cut = finish_reason && strcmp(finish_reason, "length") == 0;
    /* Nothing came, or all of it went where the server does not show it. */
    return text && *text ? SG_ACCEPTED : cut ? SG_REJECT_CUT_OFF : SG_REJECT_EMPTY;
}

/* A copy in which a tab between a class and a text is a bar, which parts them where blanks are all alike. Without memory NULL: the
 * tabs stay. */
static char *bars_for_tabs(const struct sg_task *t, const char *text)
{
    struct sg_buf b = sg_buf_make((size_t)64 << 20);
    for (const char *line = text; *line;) {
        size_t n = strcspn(line, "\n");
        const char *tab = memchr(line, '\t', n), *last = tab;
        for (const char *p = tab; p && (p = memchr(p, '\t', n - (size_t)(p - line))); p++)
            last = p;
        if (tab && sg_label_of(t, line, (size_t)(tab - line)) < 0)
            tab = sg_label_of(t, last + 1, n - (size_t)(last + 1 - line)) >= 0 ? last : NULL;
        if (tab) {
            sg_buf_add(&b, line, (size_t)(tab - line));
            sg_buf_puts(&b, " | ");
            sg_buf_add(&b, tab + 1, n - (size_t)(tab + 1 - line));
        } else {
            sg_buf_add(&b, line, n);
        }
        line += n;
        if (*line)
            sg_buf_add(&b, line++, 1);
    }
    return sg_buf_take(&b);
}

/* What the answer holds as data: records, or NULL for text. *broken: it is neither. */
static json_t *read_records(const struct sg_task *t, const char *clean, int cut, const struct sg_wanted *w,
                            int *broken)
{
    *broken = 0;
    if (strlen(clean) > SG_MAX_COMPLETION_BYTES)
        return NULL;
    json_t *records = w->probability ? sg_verbal_tags(clean, cut) : NULL;
    if (!records)
        records = sg_records_read(t, clean, broken);
    if (*broken && w->probability && (records = sg_records_salvage(t, clean)))
        *broken = 0;
    return records;
}

/* A text that is no record. */
static sg_status parse_plain(const struct sg_task *t, char *clean, int cut, const struct sg_wanted *w,
                             struct sg_candidate *out, int64_t *n_out, struct sg_err *err)
{
    char *lines = w->probability ? sg_verbal_lines(t, clean) : NULL;
    sg_status status = w->probability && !lines
                           ? sg_fail_memory(err, strlen(clean))
                           : parse_list(t, lines ? lines : clean, cut, w, out, n_out, err);
    sg_free(lines);
    return status;
}

sg_status sg_parse_examples(const struct sg_task *t, const char *text, const char *finish_reason,
                            struct sg_wanted w, struct sg_candidate *out, int64_t *n_out, struct sg_err *err)
{
    int cut = finish_reason && strcmp(finish_reason, "length") == 0, only_reasons, broken = 0;
    *n_out = 1;
    *out = (struct sg_candidate){
        .class_ = -1, .reason = check_answer(text, finish_reason), .probability = (double)NAN};
    if (out->reason != SG_ACCEPTED)
        return SG_OK;
    char *barred = strchr(text, '\t') ? bars_for_tabs(t, text) : NULL;
    char *opened = w.probability ? sg_verbal_open(barred ? barred : text) : NULL;
    char *clean = w.probability && !opened ? NULL
                                           : sg_said_copy(t,
                                                          opened   ? opened
                                                          : barred ? barred
                                                                   : text,
                                                          &only_reasons);
    sg_free(opened);
    sg_free(barred);
    if (!clean)
        return sg_fail_memory(err, strlen(text));
    sg_status status = SG_OK;
    json_t *records = read_records(t, clean, cut, &w, &broken);
    if (only_reasons)
        out->reason = SG_REJECT_REASONING;
    else if (broken)
        out->reason = cut ? SG_REJECT_CUT_OFF : SG_REJECT_UNPARSABLE;
    else if (records)
        status = parse_records(t, records, &w, out, n_out, err);
    else
        status = parse_plain(t, clean, cut, &w, out, n_out, err);
    json_decref(records);
    if (status != SG_OK)
        for (int64_t i = 0; i < *n_out; i++)
            sg_parsed_free(&out[i].x);
    sg_free(clean);
    return status;
}
