#include "gen/pool/delimited.h"
#include "gen/pool/records_impl.h"

#include <ctype.h>
#include <string.h>

void sg_key_of(const char *s, char out[SG_MAX_KEY])
{
    size_t n = 0;
    for (; *s && n < SG_MAX_KEY - 1; s++)
        if (isalnum((unsigned char)*s) || (unsigned char)*s >= 0x80)
            out[n++] = (char)tolower((unsigned char)*s);
    out[n] = 0;
}

void sg_key_without_number(char *key)
{
    size_t n = strlen(key);
    while (n > 1 && isdigit((unsigned char)key[n - 1]))
        key[--n] = 0;
}

static int is_key_of(const char *key, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(key, *list) == 0)
            return 1;
    return 0;
}

static int is_named(const char *key, const char *name)
{
    char own[SG_MAX_KEY];
    if (!name)
        return 0;
    sg_key_of(name, own);
    return strcmp(key, own) == 0;
}

enum sg_role sg_role_of(const struct sg_task *t, const char *name)
{
    static const char *const text[] = {"text",
                                       "sentence",
                                       "content",
                                       "review",
                                       "example",
                                       "message",
                                       "generatedtext",
                                       "output",
                                       "response",
                                       "generated",
                                       "result",
                                       "body",
                                       "tweet",
                                       "post",
                                       "comment",
                                       "headline",
                                       "answer",
                                       "statement",
                                       "reviewtext",
                                       "utterance",
                                       "input",
                                       "completion",
                                       "paraphrase",
                                       "rephrased",
                                       "rephrasedtext",
                                       "generatedsentence",
                                       "generatedreview",
                                       "sample",
                                       "moviereview",
                                       "filmreview",
                                       "quote",
                                       "rewritten",
                                       "final",
                                       "finalanswer",
                                       NULL};
    static const char *const label[] = {
        "label",  "class",        "sentiment",  "emotion",   "classification",   "sentimentlabel",
        "labels", "emotionlabel", "classlabel", "goldlabel", "overallsentiment", NULL};
    static const char *const maybe[] = {"category",     "rating",     "stars",    "polarity", "mood",
                                        "relationship", "entailment", "relation", "tag",      "tone",
                                        "target",       "type",       "topic",    NULL};
    static const char *const about[] = {
        "reasoning",  "explanation", "note",       "notes",       "thought",        "thoughts",
        "thinking",   "analysis",    "rationale",  "id",          "index",          "title",
        "language",   "score",       "confidence", "number",      "wordcount",      "source",
        "genre",      "metadata",    "comments",   "keywords",    "movie",          "film",
        "product",    "author",      "date",       "instruction", "prompt",         "justification",
        "scratchpad", "plan",        "draft",      "description", "chainofthought", "stepbystep",
        NULL};
    static const char *const probability[] = {"probability", "prob", "likelihood", NULL};
    char key[SG_MAX_KEY];
    sg_key_of(name, key);
    if (is_named(key, t->first_mark) || is_named(key, t->first))
        return SG_ROLE_FIRST;
    if (is_named(key, t->second_mark) || is_named(key, t->second))
        return SG_ROLE_SECOND;
    if (is_named(key, t->label))
        return SG_ROLE_LABEL;
    sg_key_without_number(key);
    if (is_named(key, t->first_mark))
        return SG_ROLE_FIRST;
    if (is_named(key, t->second_mark))
        return SG_ROLE_SECOND;
    return is_key_of(key, text)          ? SG_ROLE_TEXT
           : is_key_of(key, label)       ? SG_ROLE_LABEL
           : is_key_of(key, maybe)       ? SG_ROLE_MAYBE_LABEL
           : is_key_of(key, about)       ? SG_ROLE_ABOUT
           : is_key_of(key, probability) ? SG_ROLE_PROBABILITY
                                         : SG_ROLE_OTHER;
}

enum sg_column_kind sg_column_kind_of(const struct sg_task *t, const char *name)
{
    enum sg_role role = sg_role_of(t, name);
    return role == SG_ROLE_OTHER                                                     ? SG_COLUMN_OTHER
           : role == SG_ROLE_FIRST || role == SG_ROLE_SECOND || role == SG_ROLE_TEXT ? SG_COLUMN_TEXT
                                                                                     : SG_COLUMN_BESIDE;
}
