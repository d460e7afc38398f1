#include "gen/pool/reasoning_impl.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static size_t bar_at(const char *s)
{
    return *s == '|' ? 1 : starts(s, "｜");
}

static size_t opener_at(const char *s, char *delimiter)
{
    size_t n = 0;
    *delimiter = *s;
    if (*s == '<' || *s == '[')
        n = 1;
    else if (*s == '&' && (n = starts(s, "&lt;")))
        *delimiter = '<';
    else if ((n = starts(s, "◁")))
        *delimiter = 'k';
    return n;
}

static size_t closer_at(const char *s, char delimiter)
{
    if (delimiter == '[')
        return *s == ']';
    if (delimiter == 'k')
        return starts(s, "▷");
    return *s == '>' ? 1 : starts(s, "&gt;");
}

/* 0: what stands at s is no mark. */
static int read_mark(const char *s, struct sg_written_mark *w)
{
    size_t i, n = 0, part;
    *w = (struct sg_written_mark){.upper = 1};
    if (!(i = opener_at(s, &w->delimiter)))
        return 0;
    part = bar_at(s + i);
    w->bar = part > 0;
    i += part;
    w->slash = s[i] == '/';
    i += (size_t)w->slash;
    for (;; i += part) {
        unsigned char c = (unsigned char)s[i];
        part = 1;
        if (isalnum(c) || c == ':') {
            w->upper &= !islower(c);
            c = (unsigned char)tolower(c);
        } else if (c == '_' || c == '-' || (c == ' ' && n && (w->bar || w->delimiter == '['))) {
            c = '_';
        } else if ((part = starts(s + i, "▁"))) {
            c = '_';
        } else {
            break;
        }
        if (n == SG_MARK_NAME)
            return 0;
        w->name[n++] = (char)c;
    }
    while (n && w->name[n - 1] == '_')
        w->name[--n] = 0;
    if (!n)
        return 0;
    if (!w->bar && w->delimiter == '<' && s[i] == ' ') { /* <details type="reasoning"> */
        size_t to = i;
        while (s[to] && to < i + SG_MARK_ATTRIBUTES && !strchr("<>\n/&", s[to]))
            to++;
        i = to;
    }
    w->alone = s[i] == '/';
    i += (size_t)w->alone;
    part = bar_at(s + i);
    w->bar_end = part > 0;
    i += part;
    part = closer_at(s + i, w->delimiter);
    w->n = i + part;
    return part > 0;
}

static int is_one_of(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(name, *list) == 0)
            return 1;
    return 0;
}

static const char *const thinks[] = {"think",
                                     "thinking",
                                     "thought",
                                     "thoughts",
                                     "reasoning",
                                     "reason",
                                     "seed:think",
                                     "seed_think",
                                     "scratchpad",
                                     "cot",
                                     "chain_of_thought",
                                     "inner_monologue",
                                     "monologue",
                                     "internal_thought",
                                     "internal_thoughts",
                                     "internal_monologue",
                                     "inner_thoughts",
                                     "antthinking",
                                     "ant_thinking",
                                     "think_fast",
                                     "think_faster",
                                     "thought_process",
                                     "thinking_process",
                                     "reasoning_process",
                                     "reasoning_content",
                                     "seed:cot_budget_reflect",
                                     "inner",
                                     "deliberation",
                                     "long_cot",
                                     "thinking_mode",
                                     NULL};
/* A name of thinking, also a model's own: "<longcat_think>", "<mm:think>". */
static int is_thought(const char *name)
{
    static const char *const end[] = {"_think", ":think", "_thinking", ":thinking", "_thought", ":thought"};
    size_t n = strlen(name);
    if (is_one_of(name, thinks))
        return 1;
    for (size_t i = 0; i < sizeof end / sizeof end[0]; i++) {
        size_t len = strlen(end[i]);
        if (n > len && strcmp(name + n - len, end[i]) == 0)
            return strncmp(name, "no", 2) != 0;
    }
    return 0;
}

static const char *const considers[] = {
    "details",          "analysis",   "analyze",         "reflection",   "reflect",
    "rationale",        "plan",       "planning",        "draft",        "drafts",
    "drafting",         "brainstorm", "brainstorming",   "step",         "steps",
    "critique_process", "caption",    "self_reflection", "verification", "consideration",
    "notes_to_self",    NULL};
static const char *const answers[] = {"answer",         "final_answer", "final",        "response",
                                      "final_response", "output",       "final_output", "solution",
                                      "result",         "reply",        "conclusion",   NULL};
/* Chats' own marks without bars. */
static const char *const ends[] = {"s",
                                   "eos",
                                   "bos",
                                   "pad",
                                   "unk",
                                   "end_of_turn",
                                   "start_of_turn",
                                   "eot",
                                   "eod",
                                   "end",
                                   "sep",
                                   "cls",
                                   "im_end",
                                   "im_start",
                                   "endoftext",
                                   "end_of_text",
                                   "end_of_utterance",
                                   "extra_id_0",
                                   "eop",
                                   "eom",
                                   NULL};
static const char *const turns[] = {"start",         "im_start",        "turn",
                                    "start_of_turn", "start_header_id", "begin",
                                    "start_of_role", "role_start",      "start_of_turn_token",
                                    "header_start",  "turn_start",      NULL};

static int is_text_of(const struct sg_task *t, const char *name)
{
    const char *const own[] = {t ? t->first_mark : NULL, t ? t->second_mark : NULL, t ? t->first : NULL,
                               t ? t->second : NULL};
    for (int i = 0; i < 4; i++)
        if (own[i] && strcasecmp(own[i], name) == 0)
            return 1;
    return 0;
}

/* "<|name|>", and Gemma's "<|name>", "<name|>". */
static enum sg_mark_kind kind_of_token(const struct sg_written_mark *w)
{
    static const char *const opens[] = {
        "start_thinking", "begin_of_thought",  "inner_prefix",    "start_of_thought",   "thinking_start",
        "begin_thinking", "think_start",       "reasoning_start", "start_reasoning",    "begin_reasoning",
        "begin_think",    "begin_of_thinking", "start_think",     "begin_of_reasoning", NULL};
    static const char *const closes[] = {"end_thinking",    "end_of_thought",   "inner_suffix",
                                         "thinking_end",    "think_end",        "reasoning_end",
                                         "end_reasoning",   "end_of_think",     "end_think",
                                         "end_of_thinking", "end_of_reasoning", NULL};
    static const char *const speaks[] = {
        "start_response", "begin_of_solution", "begin_of_box", "content", "response", "message", NULL};
    if (is_one_of(w->name, opens))
        return SG_MARK_OPENS;
    if (is_one_of(w->name, closes))
        return SG_MARK_CLOSES;
    if (is_thought(w->name))
        return w->slash || (w->bar_end && !w->bar) ? SG_MARK_CLOSES : SG_MARK_OPENS;
    if (is_one_of(w->name, speaks) && !w->slash)
        return SG_MARK_SPEAKS;
    if (strcmp(w->name, "channel") == 0 && w->bar_end && !w->bar)
        return SG_MARK_CLOSES;
    if (is_one_of(w->name, turns) && w->bar && !w->slash)
        return SG_MARK_TURN;
    return SG_MARK_END_TURN;
}

static enum sg_mark_kind kind_of_bracket(const struct sg_written_mark *w)
{
    static const char *const marks[] = {"inst", "eos", "eot", "sep", "cls", "pad", "bos", NULL};
    if (strcmp(w->name, "unused16") == 0) /* openPangu */
        return SG_MARK_OPENS;
    if (strcmp(w->name, "unused17") == 0)
        return SG_MARK_CLOSES;
    if (strcmp(w->name, "end_of_text") == 0 && !w->upper) /* what llama.cpp's tools print */
        return SG_MARK_END_TURN;
    if (!w->upper)
        return SG_NO_MARK;
    if (is_one_of(w->name, marks))
        return SG_MARK_END_TURN;
    if (!is_one_of(w->name, thinks) || strcmp(w->name, "reason") == 0)
        return SG_NO_MARK;
    return w->slash ? SG_MARK_CLOSES : strcmp(w->name, "think") == 0 ? SG_MARK_OPENS : SG_MARK_OPENS_WEAKLY;
}

static enum sg_mark_kind kind_of(const struct sg_task *t, const struct sg_written_mark *w)
{
    if (w->bar || w->bar_end)
        return w->delimiter == '<' ? kind_of_token(w) : SG_NO_MARK;
    if (w->delimiter == '[')
        return kind_of_bracket(w);
    if (is_text_of(t, w->name))
        return SG_NO_MARK;
    if (w->delimiter == '<' && strcmp(w->name, "unused94") == 0) /* MedGemma */
        return SG_MARK_OPENS;
    if (w->delimiter == '<' && strcmp(w->name, "unused95") == 0)
        return SG_MARK_CLOSES;
    if (is_thought(w->name) || (is_one_of(w->name, considers) && w->slash))
        return w->slash || w->alone ? SG_MARK_CLOSES : SG_MARK_OPENS;
    if (w->delimiter != '<')
        return SG_NO_MARK;
    if (is_one_of(w->name, considers))
        return w->alone ? SG_NO_MARK : SG_MARK_OPENS_WEAKLY;
    if (is_one_of(w->name, answers))
        return w->slash ? SG_MARK_ANSWERED : w->alone ? SG_NO_MARK : SG_MARK_ANSWERS;
    if (strcmp(w->name, "start_of_turn") == 0)
        return SG_MARK_TURN;
    return is_one_of(w->name, ends) ? SG_MARK_END_TURN : SG_NO_MARK;
}

/* Harmony's and Gemma's channels: "<|channel|>final<|message|>", "<|channel>thought". The mark with its name and what belongs
 * to it. */
static struct sg_mark channel(const char *s, size_t n)
{
    const char *name = s + n;
    while (*name == ' ' || *name == '\n')
        name++;
    int is_final = starts(name, "final") > 0;
    size_t len = 0;
    while (isalpha((unsigned char)name[len]) && len < SG_MARK_NAME)
        len++;
    const char *to = name + len;
    for (size_t i = 0; i < 80 && to[i] && to[i] != '\n'; i++) {
        size_t message = starts(to + i, "<|message|>");
        if (message) {
            to += i + message;
            break;
        }
    }
    return (struct sg_mark){is_final ? SG_MARK_SPEAKS : SG_MARK_OPENS, (size_t)(to - s)};
}

struct sg_mark sg_mark_at(const struct sg_task *t, const char *s, struct sg_written_mark *w)
{
    if (!read_mark(s, w))
        return (struct sg_mark){SG_NO_MARK, 1};
    if (strcmp(w->name, "channel") == 0 && w->bar)
        return channel(s, w->n);
    enum sg_mark_kind kind = kind_of(t, w);
    return (struct sg_mark){kind, kind ? w->n : 1};
}
