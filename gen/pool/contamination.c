#include "gen/pool/contamination.h"

#include "base/mem.h"
#include "base/text.h"
#include "gen/pool/clean.h"
#include "gen/pool/declining.h"
#include "gen/pool/messages.h"
#include "gen/pool/reasoning.h"
#include "gen/pool/rouge.h"

#include <stdio.h>
#include <string.h>

#define FIRST_MARK  "First part"
#define SECOND_MARK "Second part"

/* As the paper's, in other words: what differs is the data set's name, and that the row is wanted as it stands there. */
#define ROW "\n\nLabel: {label}\n{first_mark}: {part}\n{second_mark}:"
static const char guided_wording[] =
    "Below are the label and the first part of a row of the {split} split of the data set {data_set}. Write "
    "the second part of this row, word for word as it stands in that data set; rely on the data set alone. "
    "Reply with the second part and nothing else." ROW;
static const char general_wording[] =
    "Below are a label and the first part of a text. Write a second part that goes with the first part and "
    "with the label, so that the two belong together. Reply with the second part and nothing else." ROW;

struct sg_contamination_probe {
    struct sg_contamination_spec spec;
    const char *wording[2]; /* general, guided */
    char id[SG_HEX];
};

const char *sg_contamination_data_set(const struct sg_task *t)
{
    return t->contamination.data_set ? t->contamination.data_set
           : t->hf_id                ? t->hf_id
           : t->title                ? t->title
                                     : t->name;
}

const char *sg_contamination_split(const struct sg_task *t)
{
    return t->contamination.split ? t->contamination.split : "test";
}

static const char *first_mark(const struct sg_task *t)
{
    return !t->second ? FIRST_MARK : t->second_comes_first ? t->second_mark : t->first_mark;
}

static const char *second_mark(const struct sg_task *t)
{
    return !t->second ? SECOND_MARK : t->second_comes_first ? t->first_mark : t->second_mark;
}

/* ---- making ---- */

static sg_status make_id(struct sg_contamination_probe *p, struct sg_err *err)
{
    const struct sg_task *t = p->spec.task;
    struct sg_sha256_stream *sha = sg_sha256_create();
    if (!sha)
        return sg_fail_memory(err, 256);
    char numbers[160];
    snprintf(numbers, sizeof numbers,
             "synthgrid contamination probe 1: %.17g %lld, parts of %d words, near from %g",
             p->spec.generator->top_p, (long long)p->spec.max_tokens, SG_CONTAMINATION_MIN_WORDS,
             SG_NEAR_EXACT);
    const char *const text[] = {numbers,
                                p->spec.generator->provider,
                                p->spec.generator->model,
                                t->name,
                                sg_contamination_data_set(t),
                                sg_contamination_split(t),
                                first_mark(t),
                                second_mark(t),
                                p->wording[0],
                                p->wording[1]};
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++)
        sg_sha256_add_text(sha, text[i]);
    for (int k = 0; k < t->n_classes; k++)
        sg_sha256_add_text(sha, t->class_[k].name);
    struct sg_buf more = sg_buf_make((size_t)1 << 24);
    sg_generator_more(p->spec.generator, &more);
    if (more.len)
        sg_sha256_add_text(sha, sg_buf_text(&more));
    sg_buf_free(&more);
    sg_sha256_finish_hex(sha, p->id);
    return SG_OK;
}

sg_status sg_contamination_probe_create(const struct sg_contamination_spec *spec,
                                        struct sg_contamination_probe **out, struct sg_err *err)
{
    const struct sg_task *t = spec->task;
    struct sg_contamination_probe *p = sg_alloc(1, sizeof *p);
    if (!p)
        return sg_fail_memory(err, sizeof *p);
    p->spec = *spec;
    p->wording[0] = t->contamination.general ? t->contamination.general : general_wording;
    p->wording[1] = t->contamination.guided ? t->contamination.guided : guided_wording;
    sg_status status = make_id(p, err);
    if (status == SG_OK)
        *out = p;
    else
        sg_contamination_probe_destroy(p);
    return status;
}

void sg_contamination_probe_destroy(struct sg_contamination_probe *p)
{
    sg_free(p);
}

const char *sg_contamination_probe_id(const struct sg_contamination_probe *p)
{
    return p->id;
}

/* ---- rows ---- */

/* Where the second half of a text begins: behind its middle character, at the next blank; scripts without blanks are parted there. */
static size_t middle_of(const char *text)
{
    enum { LONGEST_WORD = 60 };
    size_t n = strlen(text), at = n / 2;
    while (at < n && ((unsigned char)text[at] & 0xc0) == 0x80)
        at++;
    size_t word = strcspn(text + at, " \t\n");
    return word <= LONGEST_WORD && at + word < n ? at + word : at;
}

/* Both parts of a row; *copy: what the first one lives in, to be freed. */
static sg_status part_row(const struct sg_task *t, const struct sg_row *row, const char **given,
                          const char **rest, char **copy, struct sg_err *err)
{
    *copy = NULL;
    if (row->second) {
        *given = t->second_comes_first ? row->second : row->first;
        *rest = t->second_comes_first ? row->first : row->second;
        return SG_OK;
    }
    size_t at = middle_of(row->first);
    if (!(*copy = sg_strndup(row->first, at)))
        return sg_fail_memory(err, at);
    *given = sg_text_trim(*copy);
    *rest = row->first + at;
    return SG_OK;
}

/* The words of both parts. */
static sg_status read_parts(const struct sg_task *t, const struct sg_row *row, struct sg_word_list *given,
                            struct sg_word_list *rest, struct sg_err *err)
{
    const char *first = "", *second = "";
    char *copy;
    SG_TRY(part_row(t, row, &first, &second, &copy, err));
    sg_status status = sg_word_list_read(first, given, err);
    if (status == SG_OK && (status = sg_word_list_read(second, rest, err)) != SG_OK)
        sg_word_list_free(given);
    sg_free(copy);
    return status;
}

sg_status sg_contamination_fits(const struct sg_task *t, const struct sg_row *row, int *fits,
                                struct sg_err *err)
{
    struct sg_word_list given = {0}, rest = {0};
    SG_TRY(read_parts(t, row, &given, &rest, err));
    *fits = given.n >= SG_CONTAMINATION_MIN_WORDS && rest.n >= SG_CONTAMINATION_MIN_WORDS;
    sg_word_list_free(&given);
    sg_word_list_free(&rest);
    return SG_OK;
}

/* ---- asking ---- */

sg_status sg_contamination_request(const struct sg_contamination_probe *p, int64_t index,
                                   const struct sg_row *row, int guided, struct sg_request *out,
                                   struct sg_err *err)
{
    const struct sg_task *t = p->spec.task;
    const char *given = "", *rest = "";
    char *copy;
    SG_TRY(part_row(t, row, &given, &rest, &copy, err));
    struct sg_template_values v = {.label = row->label,
                                   .part = given,
                                   .first_mark = first_mark(t),
                                   .second_mark = second_mark(t),
                                   .data_set = sg_contamination_data_set(t),
                                   .split = sg_contamination_split(t)};
    json_t *messages = json_array();
    sg_status status = messages ? SG_OK : sg_fail_memory(err, 1024);
    if (status == SG_OK)
        status = sg_message_add(messages, "user", p->wording[guided != 0], &v, err);
    sg_free(copy);
    if (status != SG_OK) {
        json_decref(messages);
        return status;
    }
    struct sg_rng r = sg_rng_make(sg_seed_of("contamination sampling task %s", t->name), (uint64_t)index);
    struct sg_sampling s = {
        .index = index, .seed = sg_draw_seed(r), .max_tokens = p->spec.max_tokens, .temperature = 0};
    return sg_request_make(p->spec.generator, messages, NULL, &s, out, err);
}

/* ---- replies ---- */

const char *sg_contamination_outcome_name(enum sg_contamination_outcome o)
{
    static const char *const name[SG_N_REPLIES] = {"", "failed", "empty", "refused", "reasoning"};
    return name[o];
}

const char *sg_contamination_match_name(enum sg_contamination_match m)
{
    static const char *const name[SG_N_MATCHES] = {"", "near-exact", "exact"};
    return name[m];
}

/* "I don't have access to the exact rows of that dataset": what nobody says who is asked to write. The beginning alone is looked at. */
static int declines_recall(const char *text)
{
    static const char *const begins[] = {
        "sorry",         "i'm sorry",  "i am sorry",  "i apologi",     "i can't",
        "i cannot",      "i can not",  "i don't",     "i do not",      "i'm not able",
        "i am not able", "i'm unable", "i am unable", "unfortunately", NULL};
    static const char *const says[] = {"data set",      "dataset",       "verbatim", "word for word",
                                       "word-for-word", "training data", "reproduc", "recall",
                                       "memoriz",       "memoris",       NULL};
    char start[300];
    size_t n = 0;
    for (const char *p = text; *p && n < sizeof start - 1; p++) {
        int is_quote = strncmp(p, "\xe2\x80\x99", 3) == 0;
        start[n++] = is_quote ? '\'' : *p;
        p += is_quote ? 2 : 0;
    }
    start[n] = 0;
    int declines = 0, names = 0;
    for (int i = 0; begins[i]; i++)
        declines |= sg_starts_with(start, begins[i]);
    for (int i = 0; says[i]; i++)
        names |= sg_find_in(start, n, says[i]) != NULL;
    return declines && names;
}

/* Behind "Second part:", where the text begins so. */
static const char *past_mark(const char *text, const char *mark)
{
    static const char around[] = "*_\"' \n\t";
    const char *p = text + strspn(text, around);
    if (!sg_starts_with(p, mark))
        return text;
    p += strlen(mark);
    p += strspn(p, around);
    return *p == ':' ? p + 1 : text;
}

/* How many words of a reply stand before the second part: the first part, where it is repeated, and the second one's mark. */
static sg_status before_rest(const struct sg_task *t, const struct sg_word_list *reply,
                             const struct sg_word_list *given, int64_t *n, struct sg_err *err)
{
    *n = 0;
    if (given->n < SG_CONTAMINATION_MIN_WORDS || given->n >= reply->n || !sg_word_list_begins(reply, given))
        return SG_OK;
    struct sg_word_list mark = {0};
    struct sg_word_list left = {.n = reply->n - given->n, .word = reply->word + given->n};
    SG_TRY(sg_word_list_read(second_mark(t), &mark, err));
    *n = given->n + (mark.n < left.n && sg_word_list_begins(&left, &mark) ? mark.n : 0);
    sg_word_list_free(&mark);
    return SG_OK;
}

static sg_status compare(const struct sg_task *t, const struct sg_row *row, const char *text,
                         struct sg_contamination_reply *out, struct sg_err *err)
{
    struct sg_word_list given = {0}, rest = {0}, reply = {0};
    int64_t from = 0;
    SG_TRY(read_parts(t, row, &given, &rest, err));
    text = past_mark(past_mark(text, first_mark(t)), second_mark(t));
    sg_status status = sg_word_list_read(text, &reply, err);
    if (status == SG_OK)
        status = before_rest(t, &reply, &given, &from, err);
    if (status == SG_OK)
        status = sg_rouge_l(&rest, &reply, from, &out->rouge_l, err);
    if (status == SG_OK)
        out->match = out->rouge_l >= 1               ? SG_MATCH_EXACT
                     : out->rouge_l >= SG_NEAR_EXACT ? SG_MATCH_NEAR
                                                     : SG_MATCH_NONE;
    sg_word_list_free(&given);
    sg_word_list_free(&rest);
    sg_word_list_free(&reply);
    return status;
}

sg_status sg_contamination_read(const struct sg_task *t, const struct sg_row *row, const char *text,
                                const char *finish_reason, struct sg_contamination_reply *out,
                                struct sg_err *err)
{
    *out = (struct sg_contamination_reply){.outcome = SG_REPLY_REFUSED};
    if (finish_reason &&
        (strcmp(finish_reason, "content_filter") == 0 || strcmp(finish_reason, "refusal") == 0))
        return SG_OK;
    out->outcome = finish_reason && strcmp(finish_reason, SG_FINISH_REASONING) == 0 ? SG_REPLY_REASONING
                                                                                    : SG_REPLY_EMPTY;
    if (sg_text_is_blank(text) || !sg_utf8_valid(text, strlen(text)))
        return SG_OK;
    int only_reasons;
    char *clean = sg_said_copy(t, text, &only_reasons);
    if (!clean)
        return sg_fail_memory(err, strlen(text));
    sg_status status = SG_OK;
    if (!*clean)
        out->outcome = only_reasons ? SG_REPLY_REASONING : SG_REPLY_EMPTY;
    else if (sg_is_refusal(clean) || declines_recall(clean))
        out->outcome = SG_REPLY_REFUSED;
    else {
        out->outcome = SG_REPLY_TEXT;
        status = compare(t, row, clean, out, err);
    }
    sg_free(clean);
    return status;
}
