#include "gen/pool/preamble.h"

#include "gen/pool/clean.h"
#include "gen/pool/words.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { MAX_LEAD = 160 };

/* ---- words ---- */

/* The bytes of one of these at s that ends a word there; 0: none. */
static size_t one_of(const char *s, const char *const *list)
{
    for (; *list; list++) {
        if (((*s ^ **list) & 0xdf) != 0 || !sg_starts_with(s, *list))
            continue;
        size_t n = strlen(*list);
        if (!isalnum((unsigned char)s[n]))
            return n;
    }
    return 0;
}

/* The same of the longest of them. */
static size_t longest_of(const char *s, const char *const *list)
{
    size_t best = 0;
    for (; *list; list++) {
        size_t n = one_of(s, (const char *const[]){*list, NULL});
        best = n > best ? n : best;
    }
    return best;
}

static int is_word_of(const char *s, size_t n, const char *const *list)
{
    for (; *list; list++)
        if (strlen(*list) == n && strncasecmp(s, *list, n) == 0)
            return 1;
    return 0;
}

static int is_mark_word(const struct sg_task *t, const char *s, size_t n)
{
    return (strlen(t->first_mark) == n && strncasecmp(s, t->first_mark, n) == 0) ||
           (t->second_mark && strlen(t->second_mark) == n && strncasecmp(s, t->second_mark, n) == 0);
}

/* The bytes of the word at s: letters and digits, and all beyond ASCII. */
static size_t word_length(const char *s)
{
    size_t n = 0;
    while (isalnum((unsigned char)s[n]) || (unsigned char)s[n] >= 0x80)
        n++;
    return n;
}

/* Whether the n bytes at s hold a mark as one of their words, or a mark in a script without blanks anywhere. */
static int holds_mark(const struct sg_task *t, const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t len = word_length(s + i);
        if (len && i + len <= n && is_mark_word(t, s + i, len))
            return 1;
        i += len ? len : 1;
    }
    for (int k = 0; k < 2; k++) {
        const char *mark = k ? t->second_mark : t->first_mark;
        if (mark && (unsigned char)*mark >= 0x80 && sg_find_in(s, n, mark) &&
            sg_count_words(mark) > sg_count_long_words(mark))
            return 1;
    }
    return 0;
}

/* The bytes of a colon at s. */
static size_t colon_at(const char *s)
{
    if (*s == ':')
        return 1;
    return *s == '\xef' && strncmp(s, "：", 3) == 0 ? 3 : 0;
}

/* Where the line's first colon stands; its end when there is none. */
static size_t find_colon(const char *s)
{
    size_t n = 0;
    while (s[n] && s[n] != '\n' && s[n] != ':' && !(s[n] == '\xef' && colon_at(s + n)))
        n++;
    return n;
}

/* ---- before the text ---- */

/* How chat models begin, elsewhere than in English: with a colon at the end of the line, or a quotation behind it. */
static const char *const foreign[] = {
    "voici",  "bien sûr",    "d'accord",  "hier ist", "hier sind",  "gerne",        "natürlich",
    "klar",   "aquí tienes", "aquí está", "aquí hay", "claro",      "por supuesto", "ecco",
    "certo",  "certamente",  "aqui está", "hier is",  "natuurlijk", "вот",          "конечно",
    "oto",    "oczywiście",  "här är",    "işte",     "tabii",      "当然",         "好的",
    "以下",   "这是",        "這是",      "はい",     "もちろん",   "こちら",       "물론",
    "다음은", "네,",         "بالطبع",    "إليك",     "حتما",       "البته",        "यहाँ",
    "ज़रूर",    "dưới đây",    "đây là",    "tentu",    "berikut",    "นี่คือ",          "ได้เลย",
    NULL};

static const char *const polite[] = {"sure",       "sure thing",  "certainly", "of course",  "absolutely",
                                     "okay",       "ok",          "alright",   "no problem", "got it",
                                     "understood", "here you go", "great",     "yes",        NULL};

static const char *const shows[] = {
    "here is",   "here's",           "here’s",        "here are",     "below is",
    "below are", "the following is", "the following", "following is", "here you go",
    "this is a", "this is an",       "here it is",    "here goes",    NULL};

/* What a text is called by who has written it to order. */
static const char *const kinds[] = {
    "sentence",  "sentences",   "review",   "reviews",  "example", "examples",   "text",       "texts",
    "one",       "message",     "messages", "headline", "tweet",   "post",       "statement",  "comment",
    "response",  "answer",      "sample",   "option",   "version", "paraphrase", "rephrasing", "paragraph",
    "snippet",   "pair",        "passage",  "it",       "attempt", "line",       "feedback",   "critique",
    "variation", "alternative", "entry",    "output",   "quote",   NULL};

/* "Sure thing!", "Of course. Here you go!": courtesy alone; "Great movie!" is a text. */
static int is_courtesy(const char *s, size_t n)
{
    static const char *const word[] = {
        "sure thing", "sure",          "certainly", "of course",  "absolutely",    "okay",       "ok",
        "alright",    "no problem",    "got it",    "understood", "here you go",   "here it is", "here goes",
        "great",      "yes",           "will do",   "gladly",     "happy to help", "i can help", "thanks",
        "thank you",  "with pleasure", "let's go",  NULL};
    for (const char *end = s + n; s < end;) {
        size_t k = strspn(s, ",.!- ");
        if (!k && !(k = longest_of(s, word)))
            return 0;
        s += k;
    }
    return 1;
}

int sg_is_preamble(const char *s)
{
    static const char *const opening[] = {"sure",          "certainly", "of course", "absolutely",
                                          "okay",          "ok",        "here",      "here's",
                                          "here’s",        "here is",   "here are",  "below",
                                          "the following", "this is a", "great",     "no problem",
                                          "understood",    "got it",    NULL};
    size_t n = strcspn(s, "\n");
    while (n && strchr(" \"*_", s[n - 1]))
        n--;
    if (!n)
        return 0;
    size_t colon = n >= 3 && colon_at(s + n - 3) == 3 ? 3 : s[n - 1] == ':';
    if (colon && n <= MAX_LEAD && one_of(s, foreign))
        return 1;
    if (!one_of(s, opening))
        return 0;
    return colon || ((s[n - 1] == '!' || s[n - 1] == '.') && is_courtesy(s, n)) ||
           (n <= 40 && sg_starts_with(s, "here you go"));
}

/* Words before the colon, and whether they speak of a text: "here's one sentence", "a short negative one". */
static int speaks_of_text(const struct sg_task *t, const char *s, size_t n, int *last_is_kind, int *n_words)
{
    int found = 0;
    *n_words = *last_is_kind = 0;
    for (size_t i = 0; i < n;) {
        size_t len = word_length(s + i);
        if (len) {
            int kind = is_mark_word(t, s + i, len) || is_word_of(s + i, len, kinds);
            int loose =
                is_word_of(s + i, len, (const char *const[]){"one", "it", "line", "answer", "quote", NULL});
            found |= kind && !loose;
            *last_is_kind = kind;
            ++*n_words;
        }
        i += len ? len : 1;
    }
    return found || *last_is_kind;
}

int sg_is_title(const struct sg_task *t, const char *s)
{
    int last, n_words;
    size_t sign = strspn(s, "#* "), n = strcspn(s + sign, "\n");
    const char *line = s + sign;
    if (!line[n] || n > 60)
        return 0;
    while (n && strchr("*_: ", line[n - 1]))
        n--;
    if (is_mark_word(t, line, n))
        return 1;
    return sign && *s == '#' && speaks_of_text(t, line, n, &last, &n_words) && last && n_words <= 4;
}

int sg_is_heading(const struct sg_task *t, const char *s)
{
    size_t n = strcspn(s, "\n"), end;
    if (!s[n] || n > MAX_LEAD)
        return 0;
    for (end = n; end && strchr(" *_", s[end - 1]);)
        end--;
    if (!end || !(s[end - 1] == ':' || (end >= 3 && colon_at(s + end - 3) == 3)))
        return 0;
    /* "In the Ocean's Dream:" is as much a text as it was: it must speak of one, or be in a language that we do not know. */
    int beyond_ascii = 0, last, n_words;
    for (size_t i = 0; i < end; i++)
        beyond_ascii |= (unsigned char)s[i] >= 0x80 && strncmp(s + i, "’", 3) != 0 && colon_at(s + i) == 0;
    if (!beyond_ascii && !speaks_of_text(t, s, end, &last, &n_words) && !one_of(s, foreign))
        return 0;
    const char *next = s + n + 1;
    next += strspn(next, " ");
    return *next == '\n' || sg_has_bullet(next) || *next == '"' || *next == '>' ||
           strncmp(next, "“", 3) == 0 || strncmp(next, "«", 2) == 0 || strncmp(next, "「", 3) == 0 ||
           strncmp(next, "**", 2) == 0;
}

static int names_class(const struct sg_task *t, const char *s, size_t n)
{
    for (int k = 0; k < t->n_classes; k++)
        if (sg_find_in(s, n, t->class_[k].readable) || sg_find_in(s, n, t->class_[k].name))
            return 1;
    return 0;
}

/* "Sure, here's one sentence:", "Certainly! A short review:", "Here is a sentence that conveys joy:". */
static int is_lead_in(const struct sg_task *t, const char *s, size_t n)
{
    int n_words, last;
    size_t courtesy = one_of(s, polite);
    const char *p = s + courtesy;
    p += strspn(p, ",.!:- ");
    int shown = one_of(p, shows) > 0;
    static const char *const alone[] = {"here you go", "here it is", "here goes", NULL};
    if (one_of(s, alone) == n || one_of(p, alone) == (size_t)(s + n - p))
        return 1;
    if (p >= s + n)
        return 0;
    if (!speaks_of_text(t, p, (size_t)(s + n - p), &last, &n_words))
        return 0;
    if (shown)
        return courtesy || !sg_starts_with(p, "this is") || n_words <= 6;
    static const char *const article[] = {"a", "an", "one", "another", "my", "your", NULL};
    return last && n_words <= 6 &&
           ((courtesy && n_words <= 2) ||
            (one_of(p, article) && (courtesy || names_class(t, p, (size_t)(s + n - p)))));
}

/* "Text:", "Example 1:", "Generated sentence:": what any text may be called. */
static int is_any_mark(const char *s, size_t n)
{
    static const char *const mark[] = {"text",
                                       "sentence",
                                       "example",
                                       "output",
                                       "response",
                                       "sample",
                                       "paraphrase",
                                       "option",
                                       "version",
                                       "generated text",
                                       "generated sentence",
                                       "rephrased",
                                       "rephrased text",
                                       "rephrased sentence",
                                       "rewritten",
                                       "rewritten sentence",
                                       "paraphrased",
                                       "completion",
                                       "result",
                                       "example sentence",
                                       "generated example",
                                       "my response",
                                       "final answer",
                                       "final text",
                                       NULL};
    if (n && s[n - 1] == ')') /* "Sentence (negative):" */
        while (n && s[n - 1] != '(')
            n--;
    while (n && strchr("*_# 0123456789(", s[n - 1]))
        n--;
    return is_word_of(s, n, mark);
}

static size_t count_blanks(const char *s, size_t n)
{
    size_t blanks = 0;
    for (size_t i = 0; i < n; i++)
        blanks += s[i] == ' ';
    return blanks;
}

/* "好的，这是一条影评：...": a politeness, what comes, and the colon, on the text's own line. */
static size_t chinese_lead(const char *s, size_t n)
{
    static const char *const begin[] = {"好的，", "好的！", "当然，", "当然！", "当然可以",
                                        "以下是", "这是一", "这里是", "下面是", NULL};
    static const char *const what[] = {"评论", "影评", "句子", "文本", "例子", "评价", "一条",
                                       "一个", "一段", "一句", "示例", "段落", NULL};
    int begins = 0;
    for (int i = 0; begin[i]; i++)
        begins |= strncmp(s, begin[i], strlen(begin[i])) == 0;
    for (int i = 0; begins && n <= 120 && what[i]; i++)
        if (sg_find_in(s, n, what[i]))
            return 1;
    return 0;
}

size_t sg_lead_length(const struct sg_task *t, const char *s)
{
    static const char *const courteous[] = {"sure",   "certainly", "of course", "here's",
                                            "here’s", "here is",   "here are",  NULL};
    size_t n = find_colon(s), colon = colon_at(s + n);
    if (!colon || n > MAX_LEAD || !n)
        return 0;
    if (holds_mark(t, s, n) && (count_blanks(s, n) < 8 || one_of(s, courteous) || s[n - 1] == ')') &&
        n <= 120)
        return n + colon;
    if (is_any_mark(s, n) || is_lead_in(t, s, n) || chinese_lead(s, n))
        return n + colon;
    const char *behind = s + n + colon;
    behind += strspn(behind, " ");
    int quoted = *behind == '"' || strncmp(behind, "“", 3) == 0 || strncmp(behind, "«", 2) == 0 ||
                 strncmp(behind, "「", 3) == 0 || strncmp(behind, "„", 3) == 0;
    return quoted && one_of(s, foreign) ? n + colon : 0;
}

/* ---- behind the text ---- */

static int speaks_to_user(const char *s)
{
    static const char *const always[] = {"let me know if you",
                                         "please let me know if",
                                         "let me know whether",
                                         "let me know what you think",
                                         "would you like me to",
                                         "would you like another",
                                         "do you want me to",
                                         "would you like to see",
                                         "feel free to ask",
                                         "feel free to let me",
                                         "if you need any",
                                         "if you'd like another",
                                         "if you'd like me to",
                                         "if you want another",
                                         "if you would like another",
                                         "if you would like me to",
                                         "if you need another",
                                         "if you need more",
                                         "please note that this",
                                         "note that this",
                                         "i hope this meets",
                                         "i hope this fits",
                                         "i hope this works for you",
                                         "is there anything else",
                                         "i can also provide",
                                         "i can provide more",
                                         "want another",
                                         "let me know if this",
                                         "let me know if i",
                                         "here's another",
                                         "here is another",
                                         NULL};
    static const char *const hopes[] = {"i hope this helps", "hope this helps", "i hope that helps", NULL};
    size_t n = one_of(s, hopes);
    return one_of(s, always) || (n && (strchr(".!", s[n]) || sg_starts_with(s + n, " you")));
}

/* "This sentence conveys ...", "The above review is negative because ...". */
static int speaks_of_it(const struct sg_task *t, const char *s)
{
    static const char *const this[] = {"this", "the above", "the given", "it", NULL};
    static const char *const verb[] = {
        "conveys",      "expresses", "reflects",   "demonstrates", "captures",    "portrays",   "illustrates",
        "communicates", "indicates", "highlights", "showcases",    "shows",       "clearly",    "uses",
        "evokes",       "depicts",   "suggests",   "describes",    "falls under", "belongs to", "fits",
        "implies",      "reads as",  "has a",      "contains",     NULL};
    static const char *const judged[] = {"is a",        "is an",      "is clearly",        "is meant",
                                         "is intended", "is written", "is classified",     "is labeled",
                                         "is labelled", "would be",   "can be classified", "is considered",
                                         NULL};
    static const char *const judgement[] = {"sentiment", "tone",     "emotion",    "label",
                                            "class",     "category", "classified", NULL};
    size_t n = one_of(s, this), len;
    if (!n)
        return 0;
    int bare = sg_starts_with(s, "it") || s[n] != ' ';
    const char *p = s + n + strspn(s + n, " ");
    len = word_length(p);
    int kind = len && (is_mark_word(t, p, len) ||
                       is_word_of(p, len,
                                  (const char *const[]){"sentence", "review", "text", "message", "headline",
                                                        "example", "tweet", "post", "response", NULL}));
    if (kind)
        p += len + strspn(p + len, " ");
    else if (bare || sg_starts_with(s, "this"))
        return (one_of(p, verb) || one_of(p, judged)) && strcspn(p, ".!?\n") > 0 &&
               sg_find_in(p, strcspn(p, ".!?\n"), "sentiment") != NULL;
    else
        return 0;
    if (one_of(p, verb))
        return 1;
    size_t end = strcspn(p, ".!?\n");
    if (!one_of(p, judged) && !sg_starts_with(p, "is "))
        return 0;
    for (int k = 0; judgement[k]; k++)
        if (sg_find_in(p, end, judgement[k]))
            return 1;
    for (int k = 0; k < t->n_classes; k++)
        if (sg_find_in(p, end, t->class_[k].readable))
            return 1;
    return 0;
}

static int is_note_key(const char *s)
{
    static const char *const key[] = {"note",          "explanation", "rationale", "reasoning", "word count",
                                      "justification", "notes",       "analysis",  NULL};
    size_t n = one_of(s, key);
    if (n && sg_starts_with(s + n, " (")) /* "Note (for you):" */
        n += strcspn(s + n, ":\n");
    n += n ? strspn(s + n, "*_ ") : 0;
    if (n)
        return colon_at(s + n) > 0;
    static const char *const number[] = {"rating", "score", "stars", "star rating", NULL};
    n = one_of(s, number);
    n += n ? strspn(s + n, "*_ ") : 0;
    size_t colon = n ? colon_at(s + n) : 0;
    return colon && isdigit((unsigned char)s[n + colon + strspn(s + n + colon, "*_ ")]);
}

int sg_is_note(const struct sg_task *t, const char *s)
{
    while (*s && strchr("([*_ ", *s))
        s++;
    if (!strchr("LlPpWwDdFfIiNnTtEeRrJjHhAaSs", *s))
        return 0;
    return is_note_key(s) || speaks_to_user(s) || speaks_of_it(t, s);
}

/* "(23 words)" */
static int is_count(const char *s, size_t n)
{
    size_t digits = strspn(s, "0123456789");
    static const char *const unit[] = {" words", " characters", " word", " tokens"};
    for (size_t i = 0; digits && i < sizeof unit / sizeof unit[0]; i++)
        if (digits + strlen(unit[i]) == n && sg_starts_with(s + digits, unit[i]))
            return 1;
    return 0;
}

void sg_cut_notes(const struct sg_task *t, char *s)
{
    size_t n = strlen(s);
    for (size_t i = 1; i < n; i++) {
        if (s[i - 1] != ' ')
            continue;
        int bracket = s[i] == '(' || s[i] == '[';
        if (s[i] == ' ' || !(bracket || sg_ends_sentence(s, i - 1)))
            continue;
        if (sg_is_note(t, s + i) || (bracket && is_count(s + i + 1, strcspn(s + i + 1, ")]")))) {
            s[i - 1] = 0;
            sg_squeeze(s);
            return;
        }
    }
}
