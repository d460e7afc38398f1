#include "gen/pool/classify.h"

#include "base/mem.h"
#include "base/text.h"
#include "gen/pool/class_name.h"
#include "gen/pool/clean.h"
#include "gen/pool/declining.h"
#include "gen/pool/messages.h"
#include "gen/pool/prompt.h"
#include "gen/pool/reasoning.h"
#include "gen/pool/records.h"
#include "gen/pool/words.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ANSWER_BYTES = 20000, MAX_NAME_BYTES = 2000 };

struct sg_classifier {
    struct sg_classifier_spec spec;
    char *classes;
    int64_t *by_class; /* (raw->n) row indices, class by class */
    int64_t *start;    /* (K+1) */
    char id[SG_HEX];
};

/* ---- making ---- */

static sg_status make_id(struct sg_classifier *c, struct sg_err *err)
{
    const struct sg_classifier_spec *s = &c->spec;
    const struct sg_task *t = s->task;
    struct sg_sha256_stream *sha = sg_sha256_create();
    if (!sha)
        return sg_fail_memory(err, 256);
    char numbers[300];
    snprintf(numbers, sizeof numbers, "synthgrid classifier 1: %.17g %.17g %lld %d shots %d seed %lld",
             s->temperature, s->generator->top_p, (long long)s->max_tokens, s->structured, s->n_shots,
             (long long)s->seed);
    sg_sha256_add_text(sha, numbers);
    sg_sha256_add_text(sha, s->generator->provider);
    sg_sha256_add_text(sha, s->generator->model);
    sg_sha256_add_text(sha, t->name);
    sg_sha256_add_text(sha, t->prompt.classify);
    for (int k = 0; k < t->n_classes; k++) {
        sg_sha256_add_text(sha, t->class_[k].name);
        sg_sha256_add_text(sha, t->class_[k].readable);
    }
    for (int64_t i = 0; s->n_shots && i < s->raw->n; i++) {
        sg_sha256_add_text(sha, s->raw->row[i].first);
        sg_sha256_add_text(sha, s->raw->row[i].second);
        sg_sha256_add_text(sha, s->raw->row[i].label);
    }
    struct sg_buf more = sg_buf_make((size_t)1 << 24);
    sg_generator_more(s->generator, &more);
    if (more.len)
        sg_sha256_add_text(sha, sg_buf_text(&more));
    sg_buf_free(&more);
    sg_sha256_finish_hex(sha, c->id);
    return SG_OK;
}

static sg_status sort_rows(struct sg_classifier *c, struct sg_err *err)
{
    const struct sg_task *t = c->spec.task;
    const struct sg_rows *raw = c->spec.raw;
    int64_t n = raw && c->spec.n_shots ? raw->n : 0, n_sorted = 0;
    c->by_class = sg_alloc((size_t)n + 1, sizeof *c->by_class);
    c->start = sg_alloc((size_t)t->n_classes + 1, sizeof *c->start);
    if (!c->by_class || !c->start)
        return sg_fail_memory(err, (size_t)n * sizeof *c->by_class);
    for (int k = 0; k < t->n_classes; k++) {
        c->start[k] = n_sorted;
        for (int64_t i = 0; i < n; i++)
            if (raw->row[i].label && strcmp(raw->row[i].label, t->class_[k].name) == 0)
                c->by_class[n_sorted++] = i;
    }
    c->start[t->n_classes] = n_sorted;
    if (n_sorted == n)
        return SG_OK;
    return sg_fail(err, SG_INPUT, "%lld of the raw rows of task %s %s a label that is not among its classes",
                   (long long)(n - n_sorted), t->name, sg_plural(n - n_sorted, "has", "have"));
}

sg_status sg_classifier_create(const struct sg_classifier_spec *spec, struct sg_classifier **out,
                               struct sg_err *err)
{
    int64_t n_raw = spec->raw ? spec->raw->n : 0;
    if (!spec->task->prompt.classify)
        return sg_fail(err, SG_INPUT, "task %s has no prompts.classify; hint: add it to the task file",
                       spec->task->name);
    if (spec->n_shots > n_raw || spec->n_shots > SG_CLASSIFY_MAX_SHOTS)
        return sg_fail(err, SG_INPUT,
                       "llm_eval shows %d %s of task %s, but there %s %lld raw %s; hint: larger numbers "
                       "in raw, or fewer shots",
                       spec->n_shots, sg_plural(spec->n_shots, "example", "examples"), spec->task->name,
                       sg_plural(n_raw, "is", "are"), (long long)n_raw, sg_plural(n_raw, "row", "rows"));
    struct sg_classifier *c = sg_alloc(1, sizeof *c);
    if (!c)
        return sg_fail_memory(err, sizeof *c);
    c->spec = *spec;
    sg_status status =
        (c->classes = sg_class_list(spec->task)) ? SG_OK : sg_fail_memory(err, SG_MAX_PROMPT_BYTES);
    if (status == SG_OK)
        status = sort_rows(c, err);
    if (status == SG_OK)
        status = make_id(c, err);
    if (status == SG_OK)
        *out = c;
    else
        sg_classifier_destroy(c);
    return status;
}

void sg_classifier_destroy(struct sg_classifier *c)
{
    if (!c)
        return;
    sg_free(c->classes);
    sg_free(c->by_class);
    sg_free(c->start);
    sg_free(c);
}

const char *sg_classifier_id(const struct sg_classifier *c)
{
    return c->id;
}

/* ---- asking ---- */

static struct sg_rng draw(const struct sg_classifier *c, const char *purpose, int64_t index)
{
    uint64_t seed = sg_seed_of("classify %s task %s shots %d seed %lld", purpose, c->spec.task->name,
                               c->spec.n_shots, (long long)c->spec.seed);
    return sg_rng_make(seed, (uint64_t)index);
}

void sg_classifier_shots(const struct sg_classifier *c, int64_t index, int64_t *shot)
{
    int n_classes = c->spec.task->n_classes, n = 0;
    int64_t order[1000], used[1000] = {0};
    struct sg_rng r = draw(c, "examples", index);
    for (int k = 0; k < n_classes; k++)
        order[k] = k;
    sg_rng_shuffle(&r, order, n_classes);
    /* Class after class in turn, while it has rows. There are at least n_shots rows, so this ends. */
    for (int turn = 0; n < c->spec.n_shots; turn++) {
        int64_t k = order[turn % n_classes], first = c->start[k], n_own = c->start[k + 1] - first;
        if (used[k] == n_own)
            continue;
        int64_t row;
        int seen;
        do {
            row = c->by_class[first + (int64_t)sg_rng_below(&r, (uint64_t)n_own)];
            seen = 0;
            for (int i = 0; i < n; i++)
                seen |= shot[i] == row;
        } while (seen);
        used[k]++;
        shot[n++] = row;
    }
    sg_rng_shuffle(&r, shot, n);
}

/* One turn: the question about a row and, for an example, its answer. */
static sg_status add_turn(const struct sg_classifier *c, const struct sg_row *row, int class_,
                          json_t *messages, struct sg_err *err)
{
    const struct sg_task *t = c->spec.task;
    struct sg_template_values v = {
        .classes = c->classes, .first = row->first, .second = row->second ? row->second : ""};
    SG_TRY(sg_message_add(messages, "user", t->prompt.classify, &v, err));
    if (class_ < 0)
        return SG_OK;
    json_t *said = c->spec.structured ? json_pack("{ss}", "label", t->class_[class_].readable) : NULL;
    char *json = said ? json_dumps(said, JSON_COMPACT) : NULL;
    json_decref(said);
    if (c->spec.structured && !json)
        return sg_fail_memory(err, 256);
    json_t *m =
        json_pack("{ss ss}", "role", "assistant", "content", json ? json : t->class_[class_].readable);
    free(json);
    return m && json_array_append_new(messages, m) == 0
               ? SG_OK
               : sg_fail(err, SG_FAILED, "a class name is not valid UTF-8, or memory ran out");
}

static json_t *response_format(const struct sg_task *t)
{
    json_t *properties = json_object(), *required = json_array();
    int bad = sg_schema_add(properties, required, "label", sg_schema_classes(t));
    json_t *o = sg_schema_format("answer", sg_schema_object(properties, required));
    if (!bad)
        return o;
    json_decref(o);
    return NULL;
}

sg_status sg_classifier_request(const struct sg_classifier *c, int64_t index, const struct sg_row *row,
                                struct sg_request *out, struct sg_err *err)
{
    int64_t shot[SG_CLASSIFY_MAX_SHOTS];
    json_t *messages = json_array(), *format = NULL;
    sg_status status = messages ? SG_OK : sg_fail_memory(err, 1024);
    sg_classifier_shots(c, index, shot);
    for (int i = 0; status == SG_OK && i < c->spec.n_shots; i++) {
        const struct sg_row *x = &c->spec.raw->row[shot[i]];
        status = add_turn(c, x, sg_task_class(c->spec.task, x->label), messages, err);
    }
    if (status == SG_OK)
        status = add_turn(c, row, -1, messages, err);
    if (status == SG_OK && c->spec.structured && !(format = response_format(c->spec.task)))
        status = sg_fail_memory(err, 4096);
    if (status != SG_OK) {
        json_decref(messages);
        return status;
    }
    struct sg_sampling s = {.index = index,
                            .seed = sg_draw_seed(draw(c, "sampling", index)),
                            .max_tokens = c->spec.max_tokens + (c->spec.structured ? SG_JSON_TOKENS : 0),
                            .temperature = c->spec.temperature};
    return sg_request_make(c->spec.generator, messages, format, &s, out, err);
}

/* ---- answers ---- */

const char *sg_class_answer_name(enum sg_class_answer v)
{
    static const char *const name[SG_N_CLASS_ANSWERS] = {"",         "failed",  "empty",    "refused",
                                                         "no class", "several", "reasoning"};
    return name[v];
}

/* What has been named so far. */
struct named {
    int class_; /* -1: none */
    int several;
};

static void name_class(struct named *x, int class_)
{
    x->several |= x->class_ >= 0 && x->class_ != class_;
    x->class_ = class_;
}

/* Behind "Label:", "The answer is:", "2. ", "(b) ..." and the like. */
static const char *past_lead(const char *s, const char *end)
{
    static const char *const lead[] = {"the correct answer is",
                                       "the answer is",
                                       "answer",
                                       "label",
                                       "class",
                                       "category",
                                       "sentiment",
                                       "emotion",
                                       "rating",
                                       "topic",
                                       "final answer",
                                       "output",
                                       "prediction"};
    const char *p = sg_skip_bullet(s);
    p += strspn(p, "*_ \"'");
    for (size_t i = 0; i < sizeof lead / sizeof lead[0]; i++) {
        size_t n = strlen(lead[i]);
        if (!sg_starts_with(p, lead[i]))
            continue;
        const char *q = p + n + strspn(p + n, "*_ \"'");
        int is_verb = strncmp(lead[i], "the ", 4) == 0 && (p[n] == ' ' || *q == ':');
        if (*q == ':')
            q++;
        else if (strncmp(q, "：", 3) == 0)
            q += 3;
        else if (!is_verb)
            continue;
        return q < end ? q : s;
    }
    return s;
}

/* A piece of an answer that is nothing but a class. */
static sg_status name_exactly(const struct sg_class_names *names, const char *s, const char *end,
                              struct named *x, struct sg_err *err)
{
    const char *body[] = {s, past_lead(s, end), sg_skip_bullet(s)};
    for (int b = 0; b < 3; b++) {
        if ((b && body[b] == s) || body[b] >= end || end - body[b] > MAX_NAME_BYTES)
            continue;
        int class_;
        SG_TRY(sg_class_names_find(names, body[b], (size_t)(end - body[b]), &class_, err));
        if (class_ >= 0) {
            name_class(x, class_);
            break;
        }
    }
    return SG_OK;
}

/* Where the sentence or line at s ends. */
static const char *piece_end(const char *s)
{
    while (*s && *s != '\n' && !(strchr(".!?;", *s) && (isspace((unsigned char)s[1]) || !s[1])))
        s++;
    return s;
}

static sg_status name_by_pieces(const struct sg_class_names *names, const char *s, struct named *x,
                                struct sg_err *err)
{
    for (const char *p = s, *end; *p; p = *end ? end + 1 : end) {
        end = piece_end(p);
        SG_TRY(name_exactly(names, p, end, x, err));
    }
    if (x->class_ >= 0)
        return SG_OK;
    const char *stop = piece_end(s);
    for (const char *p = s, *end; p < stop; p = end + 1) {
        end = memchr(p, ',', (size_t)(stop - p));
        end = end ? end : stop;
        SG_TRY(name_exactly(names, p, end, x, err));
    }
    return SG_OK;
}

/* Whether one of the three words before `at` says that the class is not meant, or the one before it. */
static int is_negated(const char *text, const char *at)
{
    static const char *const word[] = {
        "not",   "isnt",     "arent",    "wasnt",    "doesnt",  "dont",    "didnt",  "cannot", "cant",
        "never", "nor",      "neither",  "rather",   "than",    "without", "hardly", "barely", "lack",
        "lacks", "scarcely", "anything", "opposite", "absence", "werent",  "far",    "wont",   "nothing"};
    static const char *const beside[] = {"no", "non", "isn", "zero", "less"};
    const char *p = at;
    for (int i = 0; i < 3 && p > text; i++) {
        const char *end = p - 1;
        for (p = end; p > text && p[-1] != ' ';)
            p--;
        size_t n = (size_t)(end - p);
        for (size_t w = 0; w < sizeof word / sizeof word[0]; w++)
            if (strlen(word[w]) == n && strncmp(p, word[w], n) == 0)
                return 1;
        for (size_t w = 0; i == 0 && w < sizeof beside / sizeof beside[0]; w++)
            if (strlen(beside[w]) == n && strncmp(p, beside[w], n) == 0)
                return 1;
    }
    return 0;
}

/* "no" is a word of many sentences: an answer only first, last, or where answers stand. */
static int is_stray_no(const char *text, const char *at, const char *name)
{
    static const char *const before[] = {"answer is ", "answer ", "label "};
    if (strcmp(name, "no") != 0 || at == text || !at[2])
        return 0;
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        size_t n = strlen(before[i]);
        if ((size_t)(at - text) >= n && strncmp(at - n, before[i], n) == 0)
            return 0;
    }
    return 1;
}

/* The longest name at a word's beginning; -1: none. */
static int name_at(const struct sg_class_names *names, const char *s, size_t *length)
{
    int best = -1;
    *length = 0;
    for (int i = 0; i < names->n; i++) {
        size_t n = strlen(names->folded[i]);
        if (n > *length && strncmp(s, names->folded[i], n) == 0 && (s[n] == ' ' || s[n] == 0)) {
            best = i;
            *length = n;
        }
    }
    return best;
}

static sg_status name_anywhere(const struct sg_class_names *names, const char *answer, struct named *x,
                               struct sg_err *err)
{
    char *text = sg_folded(answer, strlen(answer));
    if (!text)
        return sg_fail_memory(err, strlen(answer));
    for (const char *p = text; *p;) {
        size_t n;
        int i = name_at(names, p, &n);
        if (i >= 0 && !is_stray_no(text, p, names->folded[i]) &&
            !sg_class_names_differ(sg_class_names_text(names, i), answer, strlen(answer))) {
            x->several |= is_negated(text, p);
            name_class(x, i / 2);
        }
        p += i >= 0 ? n : strcspn(p, " ");
        p += *p == ' ';
    }
    sg_free(text);
    return SG_OK;
}

/* What stands in the last \boxed{...}, where models put what mathematics asks for; NULL: there is none. New memory. */
static char *boxed(const char *text)
{
    static const char mark[] = "\\boxed{", inner[] = "\\text{";
    const char *last = NULL;
    for (const char *s = text; (s = strstr(s, mark)); s += sizeof mark - 1)
        last = s + sizeof mark - 1;
    if (last && strncmp(last, inner, sizeof inner - 1) == 0)
        last += sizeof inner - 1;
    return last ? sg_strndup(last, strcspn(last, "}")) : NULL;
}

/* What the answer says of the class where it comes as JSON, a table or tags; else the text itself. New memory. */
static char *unwrapped(const struct sg_task *t, const char *text)
{
    int broken;
    json_t *records = sg_records_read(t, text, &broken);
    struct sg_record r = sg_record_pick(t, json_array_get(records, 0));
    const char *said = r.label ? r.label : r.first;
    char *copy = said ? sg_strdup(said) : boxed(text);
    json_decref(records);
    return copy ? copy : sg_strdup(text);
}

static sg_status read_answer(const struct sg_task *t, char *text, struct named *x, struct sg_err *err)
{
    struct sg_class_names names;
    SG_TRY(sg_class_names_create(t, &names, err));
    sg_status status = name_exactly(&names, text, text + strlen(text), x, err);
    if (status == SG_OK && x->class_ < 0)
        status = name_by_pieces(&names, text, x, err);
    if (status == SG_OK && x->class_ < 0)
        status = name_anywhere(&names, text, x, err);
    sg_class_names_free(&names);
    return status;
}

sg_status sg_classify_answer(const struct sg_task *t, const char *text, const char *finish_reason,
                             enum sg_class_answer *answer, int *class_, struct sg_err *err)
{
    *class_ = -1;
    *answer = SG_CLASS_REFUSED;
    if (finish_reason &&
        (strcmp(finish_reason, "content_filter") == 0 || strcmp(finish_reason, "refusal") == 0))
        return SG_OK;
    *answer = SG_CLASS_EMPTY;
    if (!text || !*text)
        return SG_OK;
    *answer = SG_CLASS_NONE;
    if (!sg_utf8_valid(text, strlen(text)))
        return SG_OK;
    int only_reasons;
    char *clean = sg_said_copy(t, text, &only_reasons), *said = NULL;
    if (!clean)
        return sg_fail_memory(err, strlen(text));
    struct named x = {.class_ = -1};
    sg_status status = SG_OK;
    if (!*clean)
        *answer = only_reasons ? SG_CLASS_REASONING : SG_CLASS_EMPTY;
    else if (sg_is_refusal(clean))
        *answer = SG_CLASS_REFUSED;
    else if (strlen(clean) <= MAX_ANSWER_BYTES) {
        said = unwrapped(t, clean);
        status = said ? read_answer(t, said, &x, err) : sg_fail_memory(err, strlen(clean));
        *answer = x.several ? SG_CLASS_SEVERAL : x.class_ >= 0 ? SG_CLASS_ONE : SG_CLASS_NONE;
    }
    if (status == SG_OK && *answer == SG_CLASS_ONE)
        *class_ = x.class_;
    sg_free(clean);
    sg_free(said);
    return status;
}
