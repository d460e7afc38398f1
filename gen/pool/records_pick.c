#include "base/buf.h"
#include "gen/pool/label.h"
#include "gen/pool/parse_verbal.h"
#include "gen/pool/records_impl.h"
#include "gen/pool/words.h"

#include <math.h>
#include <string.h>

static int has_words(const char *s)
{
    return s && sg_count_words(s) > 0;
}

/* The text among members whose names say nothing: the only one, or the only one that is longer than a few words. */
static void offer(const char **best, int *several, const char *value)
{
    enum { FEW = 3 };
    int is_long = sg_count_long_words(value) > FEW, was_long = *best && sg_count_long_words(*best) > FEW;
    if (!*best || (is_long && !was_long)) {
        *best = value;
        *several = 0;
    } else if (is_long == was_long) {
        *several = 1;
    }
}

/* Whether a label names the class asked for in more words than its name: "very negative". The class whose name stands in it, when
 * there is one only; -1. */
static int class_within(const struct sg_task *t, const char *s)
{
    int found = -1;
    struct sg_buf b = sg_buf_make(1 << 16), name = sg_buf_make(1 << 16);
    sg_buf_puts(&b, " ");
    sg_buf_folded(&b, s);
    sg_buf_puts(&b, " ");
    for (int k = 0; k < t->n_classes && found > -2; k++)
        for (int r = 0; r < 2; r++) {
            sg_buf_clear(&name);
            sg_buf_puts(&name, " ");
            sg_buf_folded(&name, r ? t->class_[k].readable : t->class_[k].name);
            sg_buf_puts(&name, " ");
            if (name.len > 2 && strstr(sg_buf_text(&b), sg_buf_text(&name)))
                found = found == -1 || found == k ? k : -2;
        }
    sg_buf_free(&b);
    sg_buf_free(&name);
    return found;
}

struct sg_record sg_record_pick(const struct sg_task *t, const json_t *record)
{
    struct sg_record out = {.class_ = -1};
    const char *key, *text = NULL, *other = NULL;
    json_t *value;
    int texts = 0, others = 0;
    json_object_foreach ((json_t *)(uintptr_t)record, key, value) {
        const char *s = json_string_value(value);
        enum sg_role role = sg_role_of(t, key);
        if (!s)
            continue;
        int class_ = role == SG_ROLE_FIRST || role == SG_ROLE_SECOND ? -1 : sg_label_of(t, s, strlen(s));
        int named = class_ >= 0 &&
                    (role == SG_ROLE_MAYBE_LABEL || s[strspn(s, "0123456789")]); /* an id is no class */
        if (role == SG_ROLE_LABEL || named) {
            if (!out.label || (out.class_ < 0 && class_ >= 0)) {
                out.label = s;
                out.class_ = class_;
            }
        } else if (role == SG_ROLE_PROBABILITY) {
            out.probability = out.probability ? out.probability : s;
        } else if (role == SG_ROLE_FIRST && !has_words(out.first)) {
            out.first = s;
        } else if (role == SG_ROLE_SECOND && !has_words(out.second)) {
            out.second = s;
        } else if (role == SG_ROLE_TEXT && has_words(s)) {
            offer(&text, &texts, s);
        } else if (role == SG_ROLE_OTHER && has_words(s)) {
            offer(&other, &others, s);
        }
    }
    /* A text whose name says nothing: of a pair, where the other one's does. */
    const char *rest = text && !texts ? text : !text && other && !others ? other : NULL;
    out.text = rest;
    if (!t->second && !out.first)
        out.first = rest;
    else if (t->second && !out.first && out.second)
        out.first = rest;
    else if (t->second && out.first && !out.second)
        out.second = rest;
    if (out.label && out.class_ < 0) {
        out.class_ = class_within(t, out.label);
        if (out.class_ < 0)
            out.class_ = -1;
    }
    return out;
}

double sg_record_probability(const struct sg_record *r)
{
    return r->probability ? sg_probability_read(r->probability, NULL) : (double)NAN;
}
