#include "gen/pool/declining.h"

#include <ctype.h>
#include <string.h>

/* The beginning of the text in small letters, with plain apostrophes: what is looked at. */
struct opening {
    char text[300];
    const char *at;
};

static void open_text(const char *s, struct opening *o)
{
    size_t n = 0;
    for (; *s && n < sizeof o->text - 1; s++) {
        if (strncmp(s, "’", 3) == 0) {
            o->text[n++] = '\'';
            s += 2;
        } else {
            o->text[n++] = (char)tolower((unsigned char)*s);
        }
    }
    o->text[n] = 0;
    o->at = o->text;
}

/* Passes over `phrase` where it stands next and ends a word. */
static int pass(struct opening *o, const char *phrase)
{
    if (*o->at != *phrase)
        return 0;
    size_t n = strlen(phrase);
    if (strncmp(o->at, phrase, n) != 0 || isalnum((unsigned char)o->at[n]))
        return 0;
    o->at += n + strspn(o->at + n, " ");
    return 1;
}

static int pass_one_of(struct opening *o, const char *const *list)
{
    for (; *list; list++)
        if (pass(o, *list))
            return 1;
    return 0;
}

/* Whether the clause that is left has one of these words. */
static int has_word(const struct opening *o, const char *const *list)
{
    size_t end = strcspn(o->at, ".!?;\n");
    for (; *list; list++) {
        size_t n = strlen(*list);
        for (size_t i = 0; i + n <= end; i++)
            if (strncmp(o->at + i, *list, n) == 0 && (i == 0 || !isalnum((unsigned char)o->at[i - 1])) &&
                !isalnum((unsigned char)o->at[i + n]))
                return 1;
    }
    return 0;
}

static int ends_clause(const struct opening *o)
{
    return !*o->at || strchr(".,!?;\n", *o->at) != NULL;
}

/* What an assistant is asked for, not what people write about. */
static const char *const request[] = {
    "content",       "request",     "requests",       "material",  "text",     "texts",
    "review",        "reviews",     "sentence",       "sentences", "example",  "examples",
    "response",      "hypothesis",  "premise",        "headline",  "passage",  "statement",
    "prompt",        "guidelines",  "such",           "harmful",   "explicit", "offensive",
    "inappropriate", "information", "language model", "ai",        "tweet",    "paraphrase",
    "instructions",  NULL};

/* "I'm sorry, but I can't say whether ...": what a classifier is asked for. */
static int refuses_judgement(struct opening *o)
{
    static const char *const judges[] = {"say",      "determine", "classify", "judge",   "tell",   "decide",
                                         "identify", "assess",    "label",    "predict", "choose", NULL};
    static const char *const what[] = {"whether", "if", "which", NULL};
    static const char *const names[] = {"sentiment", "label", "class",  "answer", "emotion",
                                        "category",  "topic", "rating", NULL};
    return pass_one_of(o, judges) && (pass_one_of(o, what) || has_word(o, names) || has_word(o, request));
}

/* People speak of what is theirs: "I'm here to provide my honest review"; a model of its guidelines. */
static int is_own(const struct opening *o)
{
    static const char *const own[] = {"my", "our", NULL};
    static const char *const models[] = {"guidelines", "programming", "training", "policies",
                                         "principles", "values",      NULL};
    return has_word(o, own) && !has_word(o, models);
}

/* "As an AI, ...", "I am an AI language model"; "As an AI researcher" is a person. */
static int is_model(struct opening *o)
{
    static const char *const model[] = {"as an ai",
                                        "as a language model",
                                        "as a large language model",
                                        "as an artificial intelligence",
                                        "as an assistant",
                                        "i'm an ai",
                                        "i am an ai",
                                        "i'm just an ai",
                                        "i'm a language model",
                                        NULL};
    static const char *const goes_on[] = {
        "language", "model", "assistant", "system",   "chatbot",   "text",    "program", "i",  "my",
        "and",      "so",    "trained",   "designed", "developed", "created", "without", "it", NULL};
    const char *before = o->at;
    if (pass_one_of(o, model) &&
        (ends_clause(o) || *o->at == '-' || *o->at == ':' || pass_one_of(o, goes_on)))
        return 1;
    o->at = before;
    return 0;
}

/* "Please provide the text that you'd like me to rephrase." "Please share the message." is what people write. */
static int asks_for_text(struct opening *o)
{
    static const char *const provide[] = {"please provide", "could you please provide", "could you provide",
                                          "can you please provide", NULL};
    static const char *const share[] = {"please share", "could you please share", NULL};
    static const char *const wants[] = {
        "text",     "sentence", "passage",  "review",  "details", "information", "context", "more",
        "headline", "message",  "question", "premise", "prompt",  "example",     "it",      NULL};
    static const char *const whom[] = {"you", "you'd", "you've", "me", NULL};
    static const char *const which[] = {"the", "more", "your", "some", NULL};
    int provides = pass_one_of(o, provide);
    if (!provides && !pass_one_of(o, share))
        return 0;
    return has_word(o, wants) && (has_word(o, whom) || (provides && pass_one_of(o, which)));
}

/* "... assist with that", "write such content": what is refused. o->at stands behind "I cannot". */
static int refuses_task(struct opening *o)
{
    static const char *const always[] = {"comply", "fulfill", "fulfil", NULL};
    static const char *const helps[] = {"assist", "help", NULL};
    static const char *const whom[] = {"with", "you", "users", NULL};
    static const char *const makes[] = {
        "provide",  "create",  "write",      "generate",  "produce",    "complete", "rephrase", "engage",
        "discuss",  "support", "continue",   "respond",   "answer",     "offer",    "share",    "do",
        "creating", "writing", "generating", "providing", "paraphrase", "rewrite",  NULL};
    static const char *const object[] = {"that", "this", "it", NULL};
    if (pass_one_of(o, always))
        return 1;
    if (pass_one_of(o, helps))
        return ends_clause(o) || pass_one_of(o, whom);
    if (pass(o, "give"))
        return pass(o, "you");
    if (!pass_one_of(o, makes) || is_own(o))
        return 0;
    if (has_word(o, request))
        return 1;
    return pass_one_of(o, object) && ends_clause(o);
}

int sg_is_refusal(const char *s)
{
    static const char *const sorry[] = {
        "i'm sorry", "i am sorry",   "i'm really sorry", "i'm very sorry", "i apologize",  "i apologise",
        "sorry",     "my apologies", "unfortunately",    "apologies",      "i'm so sorry", NULL};
    static const char *const cannot[] = {"i can't",
                                         "i cannot",
                                         "i can not",
                                         "i am unable to",
                                         "i'm unable to",
                                         "i'm not able to",
                                         "i am not able to",
                                         "i won't",
                                         "i will not",
                                         "i'm not capable of",
                                         "i am not capable of",
                                         "i won't be able to",
                                         "i will not be able to",
                                         "i'm afraid i can't",
                                         "i'm afraid i cannot",
                                         "i'm not comfortable",
                                         "i am not comfortable",
                                         "i don't feel comfortable",
                                         NULL};
    static const char *const offers[] = {
        "i'd be happy to", "i'd be glad to", "i would be happy to", "i'm ready to",
        "i'm here to",     "i am here to",   "i'm happy to",        NULL};
    static const char *const service[] = {"help",   "assist",   "provide",  "write",
                                          "create", "generate", "rephrase", NULL};
    static const char *const decline[] = {"i must decline", "i have to decline",
                                          "i must respectfully decline", NULL};
    struct opening o;
    /* Most texts begin with none of these letters. */
    if (!strchr("iIaApPcCsShHmMuU", *s))
        return 0;
    open_text(s, &o);
    int is_sorry = pass_one_of(&o, sorry);
    if (is_sorry) {
        o.at += strspn(o.at, ",.;: ");
        (void)(pass(&o, "but") || pass(&o, "however"));
        o.at += strspn(o.at, ", ");
    }
    if (is_model(&o) || pass_one_of(&o, decline) || pass(&o, "how can i help you") ||
        pass(&o, "how can i assist"))
        return 1;
    if (pass_one_of(&o, cannot))
        return refuses_task(&o) || (is_sorry && refuses_judgement(&o));
    if (pass_one_of(&o, offers))
        return pass_one_of(&o, service) && !is_own(&o) &&
               (has_word(&o, request) || pass(&o, "you") || ends_clause(&o));
    return asks_for_text(&o);
}
