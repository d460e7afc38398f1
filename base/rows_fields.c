/* Which columns of a file are its texts and its label. */
#include "base/hash.h"
#include "base/mem.h"
#include "base/rows_impl.h"
#include "base/text.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Pairs as data sets name them on the Hugging Face Hub, in GLUE's and SuperGLUE's files, SNLI's, MRPC's, SICK's and QQP's. The
 * first one found counts; a weak one only where no other is. A passage that is looked things up in is what gets cut. */
static const struct {
    const char *first, *second;
    enum sg_cut cut;
    int weak;
} pairs[] = {
    {"sentence1", "sentence2", SG_CUT_LONGEST, 0},   {"premise", "hypothesis", SG_CUT_LONGEST, 0},
    {"question", "passage", SG_CUT_SECOND, 0},       {"question", "context", SG_CUT_SECOND, 0},
    {"question", "sentence", SG_CUT_LONGEST, 0},     {"question1", "question2", SG_CUT_LONGEST, 0},
    {"query", "passage", SG_CUT_SECOND, 0},          {"query", "document", SG_CUT_SECOND, 0},
    {"text", "text_pair", SG_CUT_LONGEST, 0},        {"text1", "text2", SG_CUT_LONGEST, 0},
    {"text_1", "text_2", SG_CUT_LONGEST, 0},         {"text_a", "text_b", SG_CUT_LONGEST, 0},
    {"sentence_1", "sentence_2", SG_CUT_LONGEST, 0}, {"sentence_a", "sentence_b", SG_CUT_LONGEST, 0},
    {"sent1", "sent2", SG_CUT_LONGEST, 0},           {"#1 string", "#2 string", SG_CUT_LONGEST, 0},
    {"claim", "evidence", SG_CUT_LONGEST, 0},        {"question", "answer", SG_CUT_LONGEST, 1},
};
static const char *const singles[] = {"text", "sentence"};
static const char *const labels[] = {
    "label", "gold_label", "labels", "quality", "is_duplicate", "entailment_label", "entailment_judgment",
    "answer"};
enum {
    N_PAIRS = sizeof pairs / sizeof pairs[0],
    N_SINGLES = sizeof singles / sizeof singles[0],
    N_LABELS = sizeof labels / sizeof labels[0]
};

/* Columns that hold no text of a row, whatever stands in them. */
static int is_beside_name(const char *name)
{
    static const char *const word[] = {
        "id",     "idx",    "index",    "guid",    "uid",      "uuid",     "key",       "url",
        "link",   "date",   "time",     "lang",    "language", "split",    "file",      "path",
        "label",  "labels", "gold",     "parse",   "stars",    "rating",   "score",     "annotator",
        "user",   "author", "reviewer", "labeler", "filename", "username", "timestamp", "annotators",
        "number", "class",  "genre",    "domain"};
    /* A name's words: gold_label, pairID, sentence1_binary_parse, label1. */
    for (const char *s = name; *s;) {
        size_t n = 0;
        if (!isalpha((unsigned char)*s)) {
            s++;
            continue;
        }
        while (isalpha((unsigned char)s[n]) &&
               (n == 0 || !isupper((unsigned char)s[n]) || isupper((unsigned char)s[n - 1])))
            n++;
        for (size_t i = 0; i < sizeof word / sizeof word[0]; i++)
            if (strlen(word[i]) == n && strncasecmp(s, word[i], n) == 0)
                return 1;
        s += n;
    }
    return 0;
}

/* Columns that are texts however short. */
static int is_text_name(const char *name)
{
    static const char *const word[] = {
        "text",    "sentence", "title",    "body",     "content",  "headline",   "summary",   "description",
        "review",  "question", "passage",  "context",  "premise",  "hypothesis", "query",     "document",
        "comment", "message",  "tweet",    "abstract", "subject",  "utterance",  "paragraph", "article",
        "post",    "claim",    "evidence", "string",   "response", "dialogue",   "prompt",    "caption"};
    for (size_t i = 0; i < sizeof word / sizeof word[0]; i++)
        for (const char *s = name; *s; s++)
            if (strncasecmp(s, word[i], strlen(word[i])) == 0)
                return 1;
    return 0;
}

void sg_columns_free(struct sg_columns *c)
{
    for (int i = 0; i < c->n; i++) {
        sg_free(c->column[i].name);
        sg_free(c->column[i].hash);
    }
    *c = (struct sg_columns){0};
}

static struct sg_column *column_of(struct sg_columns *c, const char *name, size_t n)
{
    for (int i = 0; i < c->n; i++)
        if (strlen(c->column[i].name) == n && memcmp(c->column[i].name, name, n) == 0)
            return &c->column[i];
    if (c->n == SG_MAX_COLUMNS)
        return NULL;
    char *own = sg_strndup(name, n);
    if (!own) {
        c->failed = 1;
        return NULL;
    }
    c->column[c->n] = (struct sg_column){.name = own};
    return &c->column[c->n++];
}

/* Runs of letters; where writing has no blanks, two characters of it. Numbers, dates and ids have none. */
static int64_t count_words(const char *s, size_t n)
{
    int64_t n_words = 0, n_wide = 0;
    int inside = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == ' ' || c == '\t' || c == '\n' || (c == '\\' && i + 1 < n && s[i + 1] == 'n'))
            inside = 0;
        else if (c == '\\' && i + 5 < n && s[i + 1] == 'u') { /* as JSON may have it: \u6a4b */
            n_wide += s[i + 2] > '2';
            i += 5;
        } else if (c >= 0xe0)
            n_wide++;
        else if (!inside && (isalpha(c) || c >= 0xc0))
            inside = 1, n_words++;
    }
    return n_words + n_wide / 2;
}

void sg_columns_see(struct sg_columns *c, const char *name, size_t n_name, enum sg_cell kind,
                    const char *value, size_t n)
{
    struct sg_column *x = column_of(c, name, n_name);
    if (!x)
        return;
    x->n_flags += kind == SG_CELL_FLAG;
    x->holds_rows |= kind == SG_CELL_LIST && n > 1 && value[1 + (value[1] == '\n')] == '{';
    if (kind == SG_CELL_LIST || kind == SG_CELL_NONE || n == 0)
        return;
    x->n_texts += kind == SG_CELL_TEXT;
    x->n_words += kind == SG_CELL_TEXT ? count_words(value, n) : 0;
    uint64_t h = 14695981039346656037u; /* FNV-1a; two texts that collide are one: fewer distinct ones */
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)value[i]) * 1099511628211u;
    if (!x->hash)
        x->hash = sg_alloc(SG_SAMPLE_ROWS, sizeof *x->hash);
    c->failed |= !x->hash;
    int i = 0;
    while (x->hash && i < x->n_distinct && x->hash[i] != h)
        i++;
    if (x->hash && i == x->n_distinct && i < SG_SAMPLE_ROWS)
        x->hash[x->n_distinct++] = h;
}

/* ---- looking for names ---- */

static const struct sg_column *by_name(const struct sg_columns *c, const char *name)
{
    const struct sg_column *found = NULL;
    for (int i = 0; i < c->n; i++) {
        if (strcmp(c->column[i].name, name) == 0)
            return &c->column[i];
        if (!found && strcasecmp(c->column[i].name, name) == 0)
            found = &c->column[i];
    }
    return found;
}

static int has(const struct sg_columns *c, const char *name)
{
    for (int i = 0; i < c->n; i++)
        if (strcmp(c->column[i].name, name) == 0)
            return 1;
    return 0;
}

/* Texts: words, and not a class's name over and over. A few texts that come back (the topics of debates) are more than the
 * label has. */
static int is_text(const struct sg_columns *c, const struct sg_column *x)
{
    if (!x->n_texts || x->n_flags || is_beside_name(x->name))
        return 0;
    if (is_text_name(x->name))
        return x->n_words > 0;
    int varies = x->n_texts < 8 || 2 * x->n_distinct > x->n_texts;
    const struct sg_column *label = NULL;
    for (int i = 0; i < N_LABELS && !label; i++)
        label = by_name(c, labels[i]);
    return varies ? x->n_words >= 2 * x->n_texts
                  : x->n_words >= 3 * x->n_texts && label && label != x && x->n_distinct > label->n_distinct;
}

static void add_names(struct sg_buf *b, const struct sg_columns *c, int texts_only)
{
    int n = 0;
    for (int i = 0; i < c->n && b->len < 260; i++)
        if (!texts_only || is_text(c, &c->column[i])) {
            sg_buf_puts(b, n++ ? ", " : "");
            sg_buf_safe(b, c->column[i].name, 40);
        }
    if (b->len >= 260)
        sg_buf_puts(b, ", ...");
}

/* What a person types: for a command, and for a task. */
static const char *the_way(const struct sg_rows_reader *in)
{
    return in->fields.way ? in->fields.way
                          : "--fields first=NAME,second=NAME,label=NAME (fields: {first: NAME, second: NAME, "
                            "label: NAME} in a task file; a single text has no second)";
}

static sg_status fail_many(struct sg_rows_reader *in, const char *what, const char *a, const char *b,
                           struct sg_err *err)
{
    struct sg_buf names = sg_buf_make(1000);
    add_names(&names, &in->columns, 1);
    sg_status status = sg_fail(err, SG_INPUT, "%s: %s (%s%s%s); hint: %s", in->path, what,
                               a ? a : sg_buf_text(&names), b ? " and " : "", b ? b : "", the_way(in));
    sg_buf_free(&names);
    return status;
}

/* Index into pairs, -1: none, -2: it has failed. */
static int find_pair(struct sg_rows_reader *in, struct sg_err *err)
{
    const struct sg_columns *c = &in->columns;
    int found = -1;
    for (int i = 0; i < N_PAIRS; i++) {
        const struct sg_column *a = by_name(c, pairs[i].first), *b = by_name(c, pairs[i].second);
        if (!a || !b || !a->n_texts || !b->n_texts || (pairs[i].weak && (found >= 0 || !is_text(c, b))))
            continue;
        if (found >= 0) {
            fail_many(in, "columns of two pairs", NULL, NULL, err);
            return -2;
        }
        found = i;
    }
    return found;
}

/* The one known text column, when there is no other column of texts. */
static sg_status find_single(struct sg_rows_reader *in, const char **name, struct sg_err *err)
{
    const struct sg_columns *c = &in->columns;
    int n_texts = 0;
    for (int i = 0; i < c->n; i++)
        n_texts += is_text(c, &c->column[i]);
    if (n_texts > 1)
        return fail_many(in, "more than one column of texts, and no pair by its names", NULL, NULL, err);
    for (int i = 0; i < N_SINGLES && !*name; i++) {
        const struct sg_column *x = by_name(c, singles[i]);
        if (x)
            *name = x->name;
    }
    return SG_OK;
}

static sg_status fail_none(struct sg_rows_reader *in, int is_table, int64_t line, struct sg_err *err)
{
    struct sg_buf names = sg_buf_make(1000);
    add_names(&names, &in->columns, 0);
    const char *inner = NULL;
    for (int i = 0; i < in->columns.n; i++)
        if (in->columns.column[i].holds_rows)
            inner = in->columns.column[i].name;
    sg_status status;
    if (inner)
        status = sg_fail(
            err, SG_INPUT,
            "%s:%lld: no text field: the rows are inside \"%.60s\"; hint: take them out: jq -c '.%.60s[]'",
            in->path, (long long)line, inner, inner);
    else
        status = sg_fail(err, SG_INPUT,
                         "%s:%lld: no text field among %s; hint: name the columns `text`, or as a pair "
                         "(`sentence1` and `sentence2`), or say which they are: %s%s",
                         in->path, (long long)line, sg_buf_text(&names), the_way(in),
                         is_table ? "; a table's first line names its columns" : "");
    sg_buf_free(&names);
    return status;
}

static sg_status find_texts(struct sg_rows_reader *in, int is_table, int64_t line, struct sg_err *err)
{
    struct sg_fields *f = &in->fields;
    const char *single = NULL;
    int pair = find_pair(in, err);
    if (pair == -2)
        return SG_INPUT;
    if (pair < 0)
        SG_TRY(find_single(in, &single, err));
    if (pair < 0 && !single)
        return fail_none(in, is_table, line, err);
    const char *first = single ? single : by_name(&in->columns, pairs[pair].first)->name;
    const char *second = single ? NULL : by_name(&in->columns, pairs[pair].second)->name;
    if (f->way && ((second && !f->second) || (single && f->second)))
        return sg_fail(err, SG_INPUT, "%s: %s%s%s%s, but the task has %s; hint: %s", in->path,
                       second ? "pairs of `" : "single texts (`", first, second ? "` and `" : "`)",
                       second ? second : "", f->second ? "pairs" : "single texts", f->way);
    if (f->is_task && second && !f->second)
        return sg_fail(err, SG_INPUT,
                       "%s: pairs of `%s` and `%s`, but the task has single texts; hint: fields: {first: %s, "
                       "second: %s} in the task file, or name the one column that is meant",
                       in->path, first, second, first, second);
    if (f->is_task && single && f->second)
        return sg_fail(
            err, SG_INPUT,
            "%s: single texts (`%s`), but the task has pairs of `%s` and `%s`; hint: fields in the task file",
            in->path, single, f->first ? f->first : "first", f->second);
    if (f->is_task && f->first)
        sg_rows_note(&in->rows, in->path, "has no column `%s`: %s`%s`%s%s%s", f->first,
                     second ? "the pair is read from " : "texts are read from ", first,
                     second ? " and `" : "", second ? second : "", second ? "`" : "");
    if (!f->is_task || !f->first)
        f->cut = single ? SG_CUT_LONGEST : pairs[pair].cut;
    f->first = first;
    f->second = second;
    return SG_OK;
}

/* Without any, `label` stays NULL. */
static void find_label(struct sg_rows_reader *in)
{
    struct sg_fields *f = &in->fields;
    const char *wanted = f->label;
    f->label = NULL;
    for (int i = 0; i < N_LABELS && !f->label; i++) {
        const struct sg_column *x = by_name(&in->columns, labels[i]);
        if (x && x->name != f->first && x->name != f->second)
            f->label = x->name;
    }
    if (wanted && f->label)
        sg_rows_note(&in->rows, in->path, "has no column `%s`: labels are read from `%s`", wanted, f->label);
    if (wanted && !f->label)
        f->label = wanted;
}

static sg_status fail_absent(struct sg_rows_reader *in, int64_t line, const char *name, struct sg_err *err)
{
    struct sg_buf names = sg_buf_make(1000);
    add_names(&names, &in->columns, 0);
    sg_status status =
        sg_fail(err, SG_INPUT, "%s:%lld: field \"%s\" is missing; the columns are %s; hint: %s", in->path,
                (long long)line, name, sg_buf_text(&names), the_way(in));
    sg_buf_free(&names);
    return status;
}

sg_status sg_rows_find_fields(struct sg_rows_reader *in, int is_table, int64_t line, struct sg_err *err)
{
    struct sg_fields *f = &in->fields;
    const struct sg_columns *c = &in->columns;
    if (c->failed)
        return sg_fail_memory(err, SG_SAMPLE_ROWS * sizeof *c->column->hash);
    int absent = f->first && (!has(c, f->first) || (f->second && !has(c, f->second)));
    if (!f->first || (absent && f->is_task))
        SG_TRY(find_texts(in, is_table, line, err));
    else if (absent)
        return fail_absent(in, line, has(c, f->first) ? f->second : f->first, err);
    if (!f->label || (f->is_task && !has(c, f->label)))
        find_label(in);
    if (in->need_label && (!f->label || !has(c, f->label)))
        return fail_absent(in, line, f->label ? f->label : "label", err);
    return SG_OK;
}

sg_status sg_fields_parse(const char *text, struct sg_fields *out, char **copy, struct sg_err *err)
{
    static const char *const key[] = {"first=", "second=", "label="};
    const char *value[3] = {0};
    char *own = sg_strdup(text);
    if (!own)
        return sg_fail_memory(err, strlen(text));
    sg_status status = SG_OK;
    for (char *s = own; status == SG_OK && s;) {
        int k = 0;
        while (k < 3 && strncmp(s, key[k], strlen(key[k])) != 0)
            k++;
        char *next = NULL;
        for (char *p = s; k < 3 && (p = strchr(p, ',')) && !next; p++) /* a name may hold a comma */
            for (int i = 0; i < 3; i++)
                if (strncmp(p + 1, key[i], strlen(key[i])) == 0)
                    next = p;
        if (next)
            *next++ = 0;
        if (k == 3 || value[k] || !s[strlen(key[k])])
            status =
                sg_fail(err, SG_INPUT,
                        "\"%.200s\" is no list of columns; hint: first=NAME,second=NAME,label=NAME, each at "
                        "most once, second only for pairs",
                        text);
        else
            value[k] = s + strlen(key[k]);
        s = next;
    }
    if (status == SG_OK && value[1] && !value[0])
        status =
            sg_fail(err, SG_INPUT, "second=%.200s without first=; hint: a pair has two columns", value[1]);
    if (status != SG_OK) {
        sg_free(own);
        return status;
    }
    out->first = value[0];
    out->second = value[1];
    out->label = value[2];
    *copy = own;
    return SG_OK;
}
