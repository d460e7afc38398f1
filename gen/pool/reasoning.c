#include "gen/pool/reasoning.h"

#include "base/mem.h"
#include "base/text.h"
#include "gen/pool/clean.h"
#include "gen/pool/reasoning_impl.h"

#include <ctype.h>
#include <string.h>

/* ---- what they leave ---- */

/* Past the role that a turn's mark names; *other: it is not the assistant's. */
static const char *past_role(const char *s, int *other)
{
    static const char *const mine[] = {"assistant", "model", "ai", "gpt", "bot", NULL};
    static const char *const theirs[] = {"user", "system", "human", "tool", "developer", NULL};
    *other = 0;
    for (int i = 0; mine[i]; i++)
        if (starts(s, mine[i]) && !isalnum((unsigned char)s[strlen(mine[i])]))
            return s + strlen(mine[i]);
    for (int i = 0; theirs[i]; i++)
        *other |= starts(s, theirs[i]) && !isalnum((unsigned char)s[strlen(theirs[i])]);
    return s;
}

static void restart(struct sg_scan *x, const char *from)
{
    x->from = from;
    x->end = x->answer = x->answer_end = NULL;
    x->open = x->struck = 0;
}

/* A mark of a chat, which begins or ends a turn. 0: the rest is none of the model's. */
static int end_turn(struct sg_scan *x, const char *s, size_t n, const struct sg_written_mark *w, int begins)
{
    int other = 0;
    const char *behind = s + n;
    if (begins)
        behind = past_role(behind, &other);
    if (x->open) {
        if (strcmp(w->name, "end") == 0) /* a message of reasoning ends, and another one follows */
            restart(x, behind);
        return !other;
    }
    if (strcmp(w->name, "s") == 0 && !w->bar) {
        if (w->slash ? x->struck : !is_blank(x->from, s)) {
            x->struck = !w->slash;
            return 1;
        }
    }
    if (is_blank(x->from, s))
        x->from = x->end ? x->from : behind;
    else if (!x->end)
        x->end = s;
    return !other;
}

/* 0: nothing behind this mark counts. */
static int take(struct sg_scan *x, const char *s, struct sg_mark m, const struct sg_written_mark *w)
{
    const char *behind = s + m.n;
    switch (m.kind) {
    case SG_MARK_OPENS_WEAKLY:
        if (x->open || !is_blank(x->from, s))
            return 1;
        /* falls through */
    case SG_MARK_OPENS:
        if (!x->end)
            x->open = x->reasons = 1;
        return 1;
    case SG_MARK_CLOSES:
        x->reasons = 1;
        restart(x, behind);
        return 1;
    case SG_MARK_SPEAKS:
        x->reasons |= x->open || !is_blank(x->from, s);
        restart(x, behind);
        return 1;
    case SG_MARK_ANSWERS:
        if (!x->end) {
            x->tag = s;
            x->answer = behind;
            x->answer_end = NULL;
        }
        return 1;
    case SG_MARK_ANSWERED:
        if (x->answer && !x->answer_end)
            x->answer_end = s;
        else if (!x->answer && !x->open && !x->end) /* the chat template has opened it */
            x->end = s;
        return 1;
    case SG_MARK_TURN:
    case SG_MARK_END_TURN:
        return end_turn(x, s, m.n, w, m.kind == SG_MARK_TURN);
    default:
        return 1;
    }
}

static const char *next_candidate(const char *s)
{
    while (*s && *s != '<' && *s != '[' && *s != '&' && *s != '\xe2')
        s++;
    return s;
}

/* ---- all of it ---- */

struct sg_said sg_said_find(const struct sg_task *t, const char *text)
{
    struct sg_scan x = {.from = text};
    const char *whole = text + strlen(text);
    for (const char *s = next_candidate(text); *s;) {
        struct sg_written_mark w;
        struct sg_mark m = sg_mark_at(t, s, &w);
        if (m.kind && !take(&x, s, m, &w))
            break;
        s = next_candidate(s + m.n);
    }
    if (!x.end)
        x.end = whole;
    if (x.answer && x.answer_end && (x.open || x.answer_end <= x.end)) {
        x.reasons |= x.open || !is_blank(x.from, x.tag);
        x.from = x.answer;
        x.end = x.answer_end;
        x.open = 0;
    } else if (x.answer && !x.open && (is_blank(x.from, x.tag) || x.tag[-1] == '\n')) {
        x.reasons |= !is_blank(x.from, x.tag);
        x.from = x.answer; /* cut before </answer> */
    }
    if (x.open)
        x.from = x.end;
    else if (!sg_find_bare_channels(&x) && !sg_find_headings(&x) && !sg_find_spoken(t, &x) &&
             sg_is_bare_reasoning(t, past_blanks(x.from, x.end))) {
        x.reasons = 1;
        x.from = x.end;
    }
    for (const char *s = past_blanks(x.from, x.end), *role; (role = s + starts(s, "assistant\n")) > s ||
                                                            (role = s + starts(s, "model\n")) > s ||
                                                            (role = s + starts_blind(s, "assistant: ")) > s;)
        s = x.from = role; /* a turn's role whose mark was left out */
    int nothing = is_blank(x.from, x.end);
    return (struct sg_said){x.from, nothing ? 0 : (size_t)(x.end - x.from), x.reasons, nothing && x.reasons};
}

char *sg_said_copy(const struct sg_task *t, const char *text, int *only_reasons)
{
    struct sg_said said = sg_said_find(t, text);
    *only_reasons = said.only_reasons;
    char *copy = sg_clean_copy(said.text, said.n);
    if (copy)
        sg_text_trim(copy);
    return copy;
}
