#include "base/text.h"
#include "gen/pool/clean.h"
#include "gen/pool/reasoning_impl.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

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

int sg_find_headings(struct sg_scan *x)
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

/* "Thought: I need a dull one. Final answer: ...", each on its line; a quotation or a fence of thoughts before the answer. 0: it does
 * not begin so. */
int sg_find_spoken(const struct sg_task *t, struct sg_scan *x)
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
    if (!found && !sg_is_bare_reasoning(t, said))
        return 0;
    x->reasons = 1;
    x->from = found ? found : x->end;
    return 1;
}

/* gpt-oss where the marks of its channels were left out: "analysisWe need ... assistantfinalThe text." */
int sg_find_bare_channels(struct sg_scan *x)
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

/* Past "Okay, so ... Let me think." *talks: it is said as to oneself. */
static const char *past_musing(const char *s, int *talks)
{
    enum { TALKS = 8 }; /* the first ones open no text that is about users */
    static const char *const opener[] = {"okay",   "ok",   "alright", "hmm",   "hm",  "let's see", "wait",
                                         "got it", "well", "so",      "right", "now", "first",     NULL};
    static const char *const musing[] = {"let me think about this",
                                         "let me think step by step",
                                         "let me think",
                                         "let's think step by step",
                                         "let's think about this",
                                         "let's think",
                                         "thinking about this",
                                         NULL};
    static const char *const chinese[] = {"好的，", "好，", "嗯，", "首先，", "现在，", "我需要理解，", NULL};
    *talks = 0;
    for (int turn = 0; turn < 3; turn++)
        for (int i = 0; opener[i]; i++) {
            size_t n = starts_blind(s, opener[i]);
            if (n && (s[n] == ',' || s[n] == '.' || s[n] == ' ' || s[n] == '!')) {
                s += n + strspn(s + n, ",.! ");
                *talks |= i < TALKS;
                break;
            }
        }
    for (int i = 0; musing[i]; i++) {
        size_t n = starts_blind(s, musing[i]);
        if (n && strchr(".:,!", s[n]) && s[n]) {
            s += n + strspn(s + n, ".:,! \n");
            *talks = 1;
            break;
        }
    }
    for (int i = 0; chinese[i]; i++)
        s += starts(s, chinese[i]);
    return s;
}

/* Whether what is to be written, at s, is one thing of the task's: " a sentence", and of `we` also " one Premise". */
static int is_task_object(const struct sg_task *t, const char *s, int is_we)
{
    static const char *const article[] = {" a ", " an ", " one ", " something ", " two ", NULL};
    size_t n = strnlen(s, 60), found = 0;
    for (int i = 0; article[i]; i++)
        found |= starts_blind(s, article[i]);
    return found &&
           (sg_find_in(s, n, "sentence") || (is_we && t && t->first_mark && sg_find_in(s, n, t->first_mark)));
}

/* "I need to write a sentence ..." */
static int plans_to_write(const struct sg_task *t, const char *s)
{
    static const char *const must[] = {"i need to",     "we need to",      "i have to",       "i should",
                                       "we must",       "i must",          "i'm supposed to", "i'm asked to",
                                       "i am asked to", "we are asked to", "we should",       "let me",
                                       "i'll",          "let's",           "we have to",      NULL};
    static const char *const do_what[] = {"write",        "generate",    "produce", "craft",    "create",
                                          "come up with", "output",      "draft",   "think of", "provide",
                                          "compose",      "think about", NULL};
    for (int i = 0; must[i]; i++) {
        size_t n = starts_blind(s, must[i]);
        if (!n || s[n] != ' ')
            continue;
        for (int k = 0; do_what[k]; k++) {
            size_t len = starts_blind(s + n + 1, do_what[k]);
            if (len && is_task_object(t, s + n + 1 + len, starts_blind(must[i], "we ") > 0))
                return 1;
        }
    }
    return 0;
}

int sg_is_bare_reasoning(const struct sg_task *t, const char *s)
{
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
    int talks;
    s = past_musing(s, &talks);
    if (starts(s, "用户") && is_chinese_task(s + strlen("用户")))
        return 1;
    for (int i = 0; says[i]; i++)
        if (starts_blind(s, says[i]))
            return talks || speaks_of_task(t, s);
    return plans_to_write(t, s);
}
