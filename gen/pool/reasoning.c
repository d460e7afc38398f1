#include "gen/pool/reasoning.h"

#include "base/mem.h"
#include "base/text.h"
#include "gen/pool/clean.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum kind {
    NO_MARK,
    OPENS,        /* reasoning begins */
    OPENS_WEAKLY, /* the same, but only where the answer would begin: the name is a word of texts, too */
    CLOSES,
    ANSWERS,  /* the answer begins: a tag, which may stand in reasoning */
    ANSWERED, /* ... ends */
    SPEAKS,   /* the answer begins: a chat's own mark */
    TURN,     /* a turn begins, whose role stands behind */
    END_TURN, /* any other mark of a chat */
};

struct mark {
    enum kind kind;
    size_t n; /* bytes */
};

enum { MAX_NAME = 40, MAX_ATTRIBUTES = 200 };

/* A mark as it is written: delimiters and a name ("_" for what separates words). */
struct written {
    char name[MAX_NAME + 1];
    char delimiter;   /* '<', '[', 'k' (Kimi's triangles) */
    int bar, bar_end; /* <| ... |> */
    int slash, alone; /* </x>, <x/> */
    int upper;        /* no small letter in it */
    size_t n;
};

/* ---- one mark ---- */

static size_t starts(const char *s, const char *what)
{
    size_t n = strlen(what);
    return strncmp(s, what, n) == 0 ? n : 0;
}

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
static int read_mark(const char *s, struct written *w)
{
    size_t i, n = 0, part;
    *w = (struct written){.upper = 1};
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
        if (n == MAX_NAME)
            return 0;
        w->name[n++] = (char)c;
    }
    while (n && w->name[n - 1] == '_')
        w->name[--n] = 0;
    if (!n)
        return 0;
    if (!w->bar && w->delimiter == '<' && s[i] == ' ') { /* <details type="reasoning"> */
        size_t to = i;
        while (s[to] && to < i + MAX_ATTRIBUTES && !strchr("<>\n/&", s[to]))
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
static enum kind kind_of_token(const struct written *w)
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
        return OPENS;
    if (is_one_of(w->name, closes))
        return CLOSES;
    if (is_thought(w->name))
        return w->slash || (w->bar_end && !w->bar) ? CLOSES : OPENS;
    if (is_one_of(w->name, speaks) && !w->slash)
        return SPEAKS;
    if (strcmp(w->name, "channel") == 0 && w->bar_end && !w->bar)
        return CLOSES;
    if (is_one_of(w->name, turns) && w->bar && !w->slash)
        return TURN;
    return END_TURN;
}

static enum kind kind_of_bracket(const struct written *w)
{
    static const char *const marks[] = {"inst", "eos", "eot", "sep", "cls", "pad", "bos", NULL};
    if (strcmp(w->name, "unused16") == 0) /* openPangu */
        return OPENS;
    if (strcmp(w->name, "unused17") == 0)
        return CLOSES;
    if (strcmp(w->name, "end_of_text") == 0 && !w->upper) /* what llama.cpp's tools print */
        return END_TURN;
    if (!w->upper)
        return NO_MARK;
    if (is_one_of(w->name, marks))
        return END_TURN;
    if (!is_one_of(w->name, thinks) || strcmp(w->name, "reason") == 0)
        return NO_MARK;
    return w->slash ? CLOSES : strcmp(w->name, "think") == 0 ? OPENS : OPENS_WEAKLY;
}

static enum kind kind_of(const struct sg_task *t, const struct written *w)
{
    if (w->bar || w->bar_end)
        return w->delimiter == '<' ? kind_of_token(w) : NO_MARK;
    if (w->delimiter == '[')
        return kind_of_bracket(w);
    if (is_text_of(t, w->name))
        return NO_MARK;
    if (w->delimiter == '<' && strcmp(w->name, "unused94") == 0) /* MedGemma */
        return OPENS;
    if (w->delimiter == '<' && strcmp(w->name, "unused95") == 0)
        return CLOSES;
    if (is_thought(w->name) || (is_one_of(w->name, considers) && w->slash))
        return w->slash || w->alone ? CLOSES : OPENS;
    if (w->delimiter != '<')
        return NO_MARK;
    if (is_one_of(w->name, considers))
        return w->alone ? NO_MARK : OPENS_WEAKLY;
    if (is_one_of(w->name, answers))
        return w->slash ? ANSWERED : w->alone ? NO_MARK : ANSWERS;
    if (strcmp(w->name, "start_of_turn") == 0)
        return TURN;
    return is_one_of(w->name, ends) ? END_TURN : NO_MARK;
}

/* Harmony's and Gemma's channels: "<|channel|>final<|message|>", "<|channel>thought". The mark with its name and what belongs
 * to it. */
static struct mark channel(const char *s, size_t n)
{
    const char *name = s + n;
    while (*name == ' ' || *name == '\n')
        name++;
    int is_final = starts(name, "final") > 0;
    size_t len = 0;
    while (isalpha((unsigned char)name[len]) && len < MAX_NAME)
        len++;
    const char *to = name + len;
    for (size_t i = 0; i < 80 && to[i] && to[i] != '\n'; i++) {
        size_t message = starts(to + i, "<|message|>");
        if (message) {
            to += i + message;
            break;
        }
    }
    return (struct mark){is_final ? SPEAKS : OPENS, (size_t)(to - s)};
}

static struct mark mark_at(const struct sg_task *t, const char *s, struct written *w)
{
    if (!read_mark(s, w))
        return (struct mark){NO_MARK, 1};
    if (strcmp(w->name, "channel") == 0 && w->bar)
        return channel(s, w->n);
    enum kind kind = kind_of(t, w);
    return (struct mark){kind, kind ? w->n : 1};
}

/* ---- what they leave ---- */

static const char *past_blanks(const char *s, const char *end)
{
    while (s < end && (*s == ' ' || *s == '\n' || *s == '\t' || *s == '\r'))
        s++;
    return s;
}

static int is_blank(const char *s, const char *end)
{
    return past_blanks(s, end) == end;
}

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

struct scan {
    const char *from, *end; /* the answer so far; end NULL: not yet */
    int open, reasons;
    const char *tag, *answer, *answer_end; /* the last <answer> ... </answer> since the last closing mark */
    int struck;                            /* an <s> that is no chat's: "<s>struck out</s>" */
};

static void restart(struct scan *x, const char *from)
{
    x->from = from;
    x->end = x->answer = x->answer_end = NULL;
    x->open = x->struck = 0;
}

/* A mark of a chat, which begins or ends a turn. 0: the rest is none of the model's. */
static int end_turn(struct scan *x, const char *s, size_t n, const struct written *w, int begins)
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
static int take(struct scan *x, const char *s, struct mark m, const struct written *w)
{
    const char *behind = s + m.n;
    switch (m.kind) {
    case OPENS_WEAKLY:
        if (x->open || !is_blank(x->from, s))
            return 1;
        /* falls through */
    case OPENS:
        if (!x->end)
            x->open = x->reasons = 1;
        return 1;
    case CLOSES:
        x->reasons = 1;
        restart(x, behind);
        return 1;
    case SPEAKS:
        x->reasons |= x->open || !is_blank(x->from, s);
        restart(x, behind);
        return 1;
    case ANSWERS:
        if (!x->end) {
            x->tag = s;
            x->answer = behind;
            x->answer_end = NULL;
        }
        return 1;
    case ANSWERED:
        if (x->answer && !x->answer_end)
            x->answer_end = s;
        else if (!x->answer && !x->open && !x->end) /* the chat template has opened it */
            x->end = s;
        return 1;
    case TURN:
    case END_TURN:
        return end_turn(x, s, m.n, w, m.kind == TURN);
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

/* ---- reasoning without marks ---- */

static size_t starts_blind(const char *s, const char *what)
{
    return sg_starts_with(s, what) ? strlen(what) : 0;
}

/* The n bytes at s without decoration at both ends, as a line of nothing but one of these; blind to case. */
static int is_line_of(const char *s, size_t n, const char *const *list)
{
    while (n && strchr("*#_ \t>", *s)) {
        s++;
        n--;
    }
    while (n && strchr("*_ \t:.\r", s[n - 1]))
        n--;
    for (; *list; list++)
        if (strlen(*list) == n && strncasecmp(s, *list, n) == 0)
            return 1;
    return 0;
}

/* A heading of reasoning in the first line, and the one of the answer behind it. 0: it does not begin so. */
static int find_headings(struct scan *x)
{
    static const char *const first[] = {"here is my thought process",
                                        "here's my thought process",
                                        "my thought process",
                                        "here's a thinking process",
                                        "here is a thinking process",
                                        "thinking process",
                                        "thought process",
                                        "chain of thought",
                                        "chain-of-thought",
                                        "reasoning process",
                                        "thinking",
                                        "thought",
                                        "thoughts",
                                        "internal reasoning",
                                        "step-by-step reasoning",
                                        "let's think step by step",
                                        NULL};
    static const char *const last[] = {"here is my response",
                                       "here's my response",
                                       "done thinking",
                                       "...done thinking",
                                       "final answer",
                                       "final response",
                                       "final output",
                                       "response",
                                       "answer",
                                       "my response",
                                       "my answer",
                                       "output",
                                       "the answer",
                                       "here is my answer",
                                       "end of thinking",
                                       NULL};
    const char *line = past_blanks(x->from, x->end);
    size_t n = strcspn(line, "\n");
    /* "Thinking" alone on its line with nothing behind it would be a text. */
    if (line + n >= x->end || !is_line_of(line, n, first) || is_blank(line + n, x->end))
        return 0;
    x->reasons = 1;
    const char *found = NULL;
    for (line += n; line < x->end;) {
        line++;
        n = strcspn(line, "\n");
        if (is_line_of(line, n, last))
            found = line + n;
        line += n;
    }
    x->from = found && found < x->end ? found : x->end;
    return 1;
}

/* Behind the heading with a colon at s ("**Thinking:** ..."); NULL: there is none. */
static const char *past_heading(const char *s, const char *const *list)
{
    size_t best = 0;
    s += strspn(s, "*#_ >");
    for (; *list; list++) {
        size_t n = starts_blind(s, *list), more = n ? strspn(s + n, "*_ ") : 0;
        if (n && (s[n + more] == ':' || starts(s + n + more, "：")))
            best = n + more + (s[n + more] == ':' ? 1 : 3);
    }
    return best ? s + best + strspn(s + best, "*_ ") : NULL;
}

static int is_bare_reasoning(const struct sg_task *t, const char *s);

/* "Thought: I need a dull one. Final answer: ...", each on its line; a quotation or a fence of thoughts before the answer. 0: it does
 * not begin so. */
static int find_spoken(const struct sg_task *t, struct scan *x)
{
    static const char *const first[] = {"thinking",
                                        "thought",
                                        "thoughts",
                                        "thought process",
                                        "thinking process",
                                        "reasoning",
                                        "reasoning process",
                                        "internal reasoning",
                                        "my reasoning",
                                        "my thoughts",
                                        "my thought process",
                                        "chain of thought",
                                        "思考",
                                        "思考过程",
                                        NULL};
    static const char *const last[] = {
        "final answer", "final response", "final output", "final review", "final text", "final", "answer",
        "response",     "output",         "result",       "回答",         "答案",       NULL};
    static const char *const fence[] = {"```think", "```reason", "```thought", "~~~think"};
    const char *line = past_blanks(x->from, x->end), *found = NULL;
    for (size_t i = 0; i < sizeof fence / sizeof fence[0]; i++) {
        if (!starts_blind(line, fence[i]))
            continue;
        const char *close = sg_find_in(line + 3, (size_t)(x->end - line - 3), "\n```");
        x->reasons = 1;
        x->from = close ? close + 4 : x->end;
        return 1;
    }
    const char *said = past_heading(line, first);
    if (!said)
        return 0;
    const char *const own[] = {t ? t->first_mark : NULL, NULL}, *const own_second[] = {
                                                                    t ? t->second_mark : NULL, NULL};
    int is_quoted = *line == '>';
    for (const char *p = line; p < x->end;) {
        p += strcspn(p, "\n");
        p += *p == '\n';
        if (p >= x->end)
            break;
        const char *behind = past_heading(p, last);
        if (behind)
            found = behind;
        else if (!found &&
                 ((own[0] && past_heading(p, own)) || (own_second[0] && past_heading(p, own_second)) ||
                  (is_quoted && *p != '>' && *p != '\n' && *p != ' ')))
            found = p;
    }
    if (!found && !is_bare_reasoning(t, said))
        return 0;
    x->reasons = 1;
    x->from = found ? found : x->end;
    return 1;
}

/* gpt-oss where the marks of its channels were left out: "analysisWe need ... assistantfinalThe text." */
static int find_bare_channels(struct scan *x)
{
    const char *s = past_blanks(x->from, x->end), *found = NULL;
    size_t n = starts(s, "assistant");
    n += n ? starts(s + n, "analysis") : starts(s, "analysis");
    if (starts(s, "assistantfinal"))
        found = s + strlen("assistantfinal");
    else if (!n || (starts(s, "assistant") == n) || !(isupper((unsigned char)s[n]) || s[n] == '"'))
        return 0;
    for (const char *p = s; (p = strstr(p, "assistantfinal")) && p < x->end;)
        found = p += strlen("assistantfinal");
    x->reasons = 1;
    x->from = found ? found : x->end;
    return 1;
}

/* What a model that thinks of its task speaks of: people write of users, too ("The user wants a simple phone."). */
static int speaks_of_task(const struct sg_task *t, const char *s)
{
    static const char *const word[] = {"sentence", "review",   "text",     "example", "headline", "tweet",
                                       "me to",    "write",    "generate", "classif", "label",    "rephras",
                                       "topic",    "question", "premise",  "passage", "statement"};
    size_t n = strnlen(s, 200);
    for (size_t i = 0; i < sizeof word / sizeof word[0]; i++)
        if (sg_find_in(s, n, word[i]))
            return 1;
    return t && sg_find_in(s, n, t->first_mark) != NULL;
}

/* Behind "用户", the user: wants something written. "用户体验很差" (a bad user experience) is a text. */
static int is_chinese_task(const char *s)
{
    static const char *const wants[] = {"要", "想", "让", "希望", "请", "需要", "现在", "给", NULL};
    static const char *const what[] = {"写",   "生成", "句",   "评论", "文本",
                                       "影评", "差评", "好评", "例子", NULL};
    for (int i = 0; wants[i]; i++)
        for (int k = 0; starts(s, wants[i]) && what[k]; k++)
            if (sg_find_in(s, strnlen(s, 120), what[k]))
                return 1;
    return 0;
}

/* "Okay, the user wants a review ..." with nothing that ends it: the answer was cut before it began. */
static int is_bare_reasoning(const struct sg_task *t, const char *s)
{
    enum { TALKS = 8 }; /* the first ones open no text that is about users */
    static const char *const opener[] = {"okay",   "ok",   "alright", "hmm",   "hm",  "let's see", "wait",
                                         "got it", "well", "so",      "right", "now", "first",     NULL};
    int talks = 0;
    static const char *const says[] = {"the user wants",
                                       "the user is asking",
                                       "the user asks",
                                       "the user asked",
                                       "the user has asked",
                                       "the user needs",
                                       "the user requested",
                                       "the user requests",
                                       "the user provided",
                                       "the user gave",
                                       "the user said",
                                       "the user would like",
                                       "the user wrote",
                                       "the user's request",
                                       "the user just",
                                       "the user is looking",
                                       NULL};
    static const char *const chinese[] = {"好的，", "好，", "嗯，", "首先，", "现在，", "我需要理解，", NULL};
    static const char *const musing[] = {"let me think about this",
                                         "let me think step by step",
                                         "let me think",
                                         "let's think step by step",
                                         "let's think about this",
                                         "let's think",
                                         "thinking about this",
                                         NULL};
    static const char *const must[] = {"i need to",     "we need to",      "i have to",       "i should",
                                       "we must",       "i must",          "i'm supposed to", "i'm asked to",
                                       "i am asked to", "we are asked to", "we should",       "let me",
                                       "i'll",          "let's",           "we have to",      NULL};
    static const char *const do_what[] = {"write",        "generate",    "produce", "craft",    "create",
                                          "come up with", "output",      "draft",   "think of", "provide",
                                          "compose",      "think about", NULL};
    for (int turn = 0; turn < 3; turn++)
        for (int i = 0; opener[i]; i++) {
            size_t n = starts_blind(s, opener[i]);
            if (n && (s[n] == ',' || s[n] == '.' || s[n] == ' ' || s[n] == '!')) {
                s += n + strspn(s + n, ",.! ");
                talks |= i < TALKS;
                break;
            }
        }
    for (int i = 0; musing[i]; i++) {
        size_t n = starts_blind(s, musing[i]);
        if (n && strchr(".:,!", s[n]) && s[n]) {
            s += n + strspn(s + n, ".:,! \n");
            talks = 1;
            break;
        }
    }
    for (int i = 0; chinese[i]; i++)
        s += starts(s, chinese[i]);
    if (starts(s, "用户") && is_chinese_task(s + strlen("用户")))
        return 1;
    for (int i = 0; says[i]; i++)
        if (starts_blind(s, says[i]))
            return talks || speaks_of_task(t, s);
    for (int i = 0; must[i]; i++) {
        size_t n = starts_blind(s, must[i]);
        if (!n || s[n] != ' ')
            continue;
        for (int k = 0; do_what[k]; k++) {
            size_t len = starts_blind(s + n + 1, do_what[k]);
            const char *object = s + n + 1 + len;
            if (len &&
                (starts_blind(object, " a ") || starts_blind(object, " an ") ||
                 starts_blind(object, " one ") || starts_blind(object, " something ") ||
                 starts_blind(object, " two ")) &&
                (sg_find_in(object, strnlen(object, 60), "sentence") ||
                 (starts_blind(must[i], "we ") && t && t->first_mark &&
                  sg_find_in(object, strnlen(object, 60), t->first_mark))))
                return 1;
        }
    }
    return 0;
}

/* ---- all of it ---- */

struct sg_said sg_said_find(const struct sg_task *t, const char *text)
{
    struct scan x = {.from = text};
    const char *whole = text + strlen(text);
    for (const char *s = next_candidate(text); *s;) {
        struct written w;
        struct mark m = mark_at(t, s, &w);
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
    else if (!find_bare_channels(&x) && !find_headings(&x) && !find_spoken(t, &x) &&
             is_bare_reasoning(t, past_blanks(x.from, x.end))) {
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
