#include "gen/llm/adapt.h"

#include "base/json.h"
#include "base/mem.h"
#include "gen/llm/provider.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What an endpoint may refuse and be spoken to without: bit i of sg_adapt. */
static const char *const parameters[] = {"max_tokens", "temperature", "top_p", "seed", "response_format"};
enum { MAX_TOKENS, TEMPERATURE, TOP_P, SEED, RESPONSE_FORMAT, N_PARAMETERS };
static const char renamed[] = "max_completion_tokens";

static int is_refused(const struct sg_adapt *adapt, int i)
{
    return adapt->refused >> i & 1;
}

static unsigned bit_of(const char *name, size_t n)
{
    for (int i = 0; i < N_PARAMETERS; i++)
        if (n == strlen(parameters[i]) && strncmp(name, parameters[i], n) == 0)
            return 1U << i;
    return 0;
}

void sg_adapt_refuse(struct sg_adapt *adapt, const char *parameter)
{
    adapt->refused |= bit_of(parameter, strlen(parameter));
}

int sg_adapt_has(const struct sg_adapt *adapt, const char *parameter)
{
    return (adapt->refused & bit_of(parameter, strlen(parameter))) != 0;
}

static void bits_text(unsigned bits, char out[80])
{
    out[0] = 0;
    for (int i = 0; i < N_PARAMETERS; i++)
        if (bits >> i & 1)
            snprintf(out + strlen(out), 80 - strlen(out), "%s%s", out[0] ? " " : "", parameters[i]);
}

void sg_adapt_text(const struct sg_adapt *adapt, char out[80])
{
    bits_text(adapt->refused, out);
}

void sg_adapt_read(struct sg_adapt *adapt, const char *names)
{
    adapt->refused = 0;
    for (const char *p = names; *p;) {
        size_t n = strcspn(p, " ");
        adapt->refused |= bit_of(p, n);
        p += n + strspn(p + n, " ");
    }
}

/* ---- the wire ---- */

static int is_omitted(const json_t *request, const char *name)
{
    const json_t *item;
    size_t i;
    json_array_foreach (json_object_get(request, "omit"), i, item)
        if (strcmp(json_string_value(item), name) == 0)
            return 1;
    return 0;
}

static const char *const *lacks(const struct sg_provider *p)
{
    static const char *const nothing[] = {NULL};
    return p && p->lacks ? p->lacks : nothing;
}

void sg_adapt_start(struct sg_adapt *adapt, const struct sg_generator *g, const struct sg_request *q)
{
    const char *const *name = lacks(sg_provider_find(g->provider));
    json_t *o = *name ? json_loads(q->canonical, 0, NULL) : NULL;
    for (; *name; name++)
        if (json_object_get(o, *name) && !is_omitted(o, *name))
            sg_adapt_refuse(adapt, *name);
    json_decref(o);
}

/* Takes out what is not sent; max_tokens that is refused gets its other name. */
static void leave_out(json_t *o, const struct sg_provider *p, const struct sg_adapt *adapt)
{
    for (const char *const *name = lacks(p); *name; name++)
        json_object_del(o, *name);
    for (int i = 0; i < N_PARAMETERS; i++) {
        if (is_refused(adapt, i) && i == MAX_TOKENS)
            json_object_set(o, renamed, json_object_get(o, parameters[i]));
        if (is_refused(adapt, i) || is_omitted(o, parameters[i]))
            json_object_del(o, parameters[i]);
    }
    static const char *const ours[] = {"provider", "index", "omit", "extra"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        json_object_del(o, ours[i]);
}

static json_t *wire_of(const struct sg_request *q, const struct sg_adapt *adapt)
{
    json_t *o = json_loads(q->canonical, 0, NULL), *extra = json_incref(json_object_get(o, "extra"));
    const char *name = sg_json_text_or(o, "provider", NULL);
    const struct sg_provider *p = name ? sg_provider_find(name) : NULL;
    leave_out(o, p, adapt);
    if (p && p->wire && p->wire->write)
        p->wire->write(o);
    if (extra)
        json_object_update(o, extra); /* the settings' reader has refused what we set ourselves */
    json_decref(extra);
    return o;
}

char *sg_wire_body(const struct sg_request *q, const struct sg_adapt *adapt)
{
    json_t *o = wire_of(q, adapt);
    char *text = o ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS) : NULL, *copy = sg_strdup(text);
    free(text);
    json_decref(o);
    return copy;
}

/* ---- learning ---- */

/* What follows is said of small letters alone. The words in which servers say that they do not take a parameter at all. */
static const char *const refusals[] = {"unsupported",      "not supported",    "not support",
                                       "n't support",      "unknown name",     "unknown param",
                                       "unknown field",    "unknown arg",      "unrecognized",
                                       "unrecognised",     "not recognized",   "unexpected",
                                       "not permitted",    "not allowed",      "n't allowed",
                                       "may not be",       "no longer",        "cannot",
                                       "can not",          "can't be",         "not be set",
                                       "not be specified", "not be used",      "not accept",
                                       "n't accept",       "deprecated",       "extra inputs",
                                       "extra fields",     "additional prop",  "must be omitted",
                                       "must not be",      "mutually excl",    "not both",
                                       "only one of",      "not available",    "unavailable",
                                       "not implemented",  "only the default", "disallow",
                                       "forbidden",        "is not a valid",   "not a known",
                                       "invalid param",    "invalid arg",      "invalid field",
                                       "does not exist",   "not exist",        "removed",
                                       "incompatible",     "is disabled",      "is allowed for this",
                                       "may only",         "only support",     NULL};

/* What is said of a value that is out of range, or of a prompt: nothing of that is mended without the parameter. */
static const char *const of_values[] = {"must be between", "less than",     "greater than",
                                        "at most",         "at least",      " range",
                                        "exceed",          "maximum",       "minimum",
                                        "too large",       "too long",      "too high",
                                        "too low",         "too small",     "but got",
                                        "must be below",   "must be above", "must be positive",
                                        "valid integer",   "valid number",  NULL};

/* Of the prompt's content; in these texts a bare word is no parameter. */
static const char *const of_content[] = {"flagged", "content", "policy", "moderat", "safety", "prompt", NULL};

/* What comes behind is advice, and names what should be used. */
static const char *const advice[] = {" use ",
                                     ". use",
                                     " supported param",
                                     " allowed param",
                                     "did you mean",
                                     "consider ",
                                     " supported fields",
                                     " allowed fields",
                                     "expected one of",
                                     " valid param",
                                     " supported values",
                                     " permitted fields",
                                     NULL};

/* One of several parameters is enough. */
static const char *const of_several[] = {"both",     "mutually excl",    "only one of",    "either",
                                         "together", "at the same time", "simultaneously", NULL};

/* What else an error says of response_format: the shape is ours, not the user's. */
static const char *const of_format[] = {"response_format", "json_schema",       "json schema",
                                        "grammar",         "structured output", NULL};

static const char *find_any(const char *text, const char *const *phrases)
{
    const char *first = NULL;
    for (; *phrases; phrases++) {
        const char *p = strstr(text, *phrases);
        if (p && (!first || p < first))
            first = p;
    }
    return first;
}

static int is_part(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Whether the word stands in the text; between two quotes of a kind, where quoted is set. */
static int has_word(const char *text, const char *word, int quoted)
{
    size_t n = strlen(word);
    for (const char *p = text; (p = strstr(p, word)); p += n) {
        char before = p > text ? p[-1] : ' ', after = p[n];
        if (quoted ? strchr("'\"`", before) && before == after : !is_part(before) && !is_part(after))
            return 1;
    }
    return 0;
}

static unsigned words_of(const char *text, int quoted)
{
    unsigned bits = 0;
    for (int i = 0; i < N_PARAMETERS; i++)
        bits |= has_word(text, parameters[i], quoted) ? 1U << i : 0;
    return bits;
}

/* How an error names parameters: by a member of its own, in quotes, or as a word of its text before any advice. */
struct named {
    unsigned bits;
    int is_member, is_quoted;
    char text[4000];  /* small letters, without the advice */
    int says_renamed; /* the advice included */
};

static void find_named(const struct sg_server_error *e, struct named *n)
{
    size_t len = strlen(e->text);
    *n = (struct named){.bits = words_of(e->loc, 0) | words_of(e->param, 0)};
    n->is_member = n->bits != 0;
    for (size_t i = 0; i <= len; i++)
        n->text[i] = (char)tolower((unsigned char)e->text[i]);
    n->says_renamed = has_word(n->text, renamed, 0);
    char *end = (char *)(uintptr_t)find_any(n->text, advice);
    if (end)
        *end = 0;
    if (!n->bits) {
        n->bits = words_of(n->text, 1);
        n->is_quoted = n->bits != 0;
    }
    if (!n->bits && !find_any(n->text, of_content))
        n->bits = words_of(n->text, 0);
}

/* What q was sent with, on the wire. */
static unsigned sent_bits(const struct sg_adapt *sent, const json_t *wire)
{
    unsigned bits = 0;
    for (int i = 0; i < N_PARAMETERS; i++)
        bits |= !is_refused(sent, i) && json_object_get(wire, parameters[i]) ? 1U << i : 0;
    return bits;
}

/* Of two that a server does not take together, the one that says least: 1 is the APIs' own default of both. */
static unsigned one_of(unsigned bits, const json_t *wire)
{
    const unsigned pair = 1U << TEMPERATURE | 1U << TOP_P;
    if ((bits & pair) != pair)
        return bits;
    int drops_temperature =
        sg_json_number_or(wire, "top_p", 0) != 1 && sg_json_number_or(wire, "temperature", 0) == 1;
    return drops_temperature ? 1U << TEMPERATURE : 1U << TOP_P;
}

static unsigned to_learn(const json_t *wire, unsigned sent, long http_status, const struct sg_server_error *e)
{
    struct named n;
    int is_client = http_status == 400 || http_status == 422,
        is_server = http_status == 500 || http_status == 501;
    if (!is_client && !is_server)
        return 0;
    find_named(e, &n);
    unsigned format = sent & 1U << RESPONSE_FORMAT;
    if (format && ((n.bits & format && (n.is_member || n.is_quoted)) || find_any(n.text, of_format)))
        return format;
    /* TGI takes a top_p below 1 alone; that of 1 says nothing. */
    unsigned says_nothing = sg_json_number_or(wire, "top_p", 0) == 1 ? 1U << TOP_P : 0;
    if (n.bits & sent & says_nothing && n.bits == 1U << TOP_P && (n.is_member || n.is_quoted))
        return 1U << TOP_P;
    int by_code = strncmp(e->code, "unsupported", 11) == 0 || strncmp(e->type, "unsupported", 11) == 0 ||
                  strncmp(e->type, "extra_forbidden", 15) == 0 || strncmp(e->code, "unknown_param", 13) == 0;
    if (!by_code && (!find_any(n.text, refusals) || find_any(n.text, of_values)))
        return 0;
    unsigned bits = n.bits & sent;
    if (is_server && !n.is_member && !n.is_quoted)
        return 0;
    if (!bits && n.says_renamed && sent & 1U << MAX_TOKENS)
        return 1U << MAX_TOKENS;
    return find_any(n.text, of_several) ? one_of(bits, wire) : bits;
}

int sg_adapt_learn(struct sg_adapt *adapt, const struct sg_adapt *sent, const struct sg_request *q,
                   long http_status, const struct sg_server_error *e)
{
    json_t *wire = wire_of(q, sent);
    unsigned bits = to_learn(wire, sent_bits(sent, wire), http_status, e);
    json_decref(wire);
    adapt->refused |= bits;
    return bits != 0;
}

void sg_adapt_named(const struct sg_adapt *sent, const struct sg_request *q, const struct sg_server_error *e,
                    char out[80])
{
    struct named n;
    json_t *wire = wire_of(q, sent);
    find_named(e, &n);
    bits_text(n.bits & sent_bits(sent, wire), out);
    json_decref(wire);
}
