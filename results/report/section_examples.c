#include "results/report/example_prompts.h"
#include "results/report/example_sample.h"
#include "results/report/section.h"

#include "base/mem.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_CHARS = 16 };

static const char *noun_of(const char *resembles)
{
    return strcmp(resembles, "raw") == 0    ? "training row"
           : strcmp(resembles, "test") == 0 ? "test row"
                                            : "example";
}

static void both(struct sg_doc *doc, const struct sg_sample_example *e)
{
    sg_doc_textf(doc, "%s%s%s", e->text, e->text_pair[0] ? " | " : "", e->text_pair);
}

/* "0.88 training row 14", and what that says where results.h5 has it. */
static void nearest(struct sg_doc *doc, const struct sg_sample *s, const struct sg_sample_near *near)
{
    const struct sg_sample_example *e = near->example >= 0 ? &s->example[near->example] : NULL;
    const char *text = e && e->text ? e->text : near->text ? near->text : "";
    sg_doc_textf(doc, "%.2f %s %lld%s%s", near->similarity, noun_of(near->resembles), (long long)near->row,
                 text[0] ? ": " : "", text);
}

static void seeds(struct sg_doc *doc, const struct sg_report_pool *p)
{
    if (p->seed_data >= 0)
        sg_doc_textf(doc, "%lld, draw %lld", (long long)p->seed_generation, (long long)p->seed_data);
    else
        sg_doc_textf(doc, "%lld", (long long)p->seed_generation);
}

static void provenance(struct sg_doc *doc, const struct sg_report_pool *p, const char *completion)
{
    const char *slash = strrchr(p->model, '/');
    sg_doc_text(doc, slash ? slash + 1 : p->model);
    seeds(doc, p);
    sg_doc_textf(doc, "%.*s", KEY_CHARS, completion);
}

static void examples(struct sg_doc *doc, const struct sg_report_data *d, const struct sg_sample *s)
{
    static const struct sg_doc_column column[] = {
        {"task", SG_DOC_TEXT, ""},        {"method", SG_DOC_TEXT, ""},
        {"class", SG_DOC_TEXT, ""},       {"outcome", SG_DOC_TEXT, ""},
        {"place", SG_DOC_TEXT, ""},       {"text", SG_DOC_TEXT, ""},
        {"second text", SG_DOC_TEXT, ""}, {"in other words", SG_DOC_TEXT, ""},
        {"resembles", SG_DOC_TEXT, ""},   {"written by", SG_DOC_TEXT, ""},
        {"pool", SG_DOC_TEXT, ""},        {"completion", SG_DOC_TEXT, ""}};
    sg_doc_table(doc, "examples", "Synthetic examples", SG_DOC_BROWSE, 12, column);
    for (int64_t i = 0; i < s->n; i++) {
        const struct sg_sample_example *e = &s->example[i];
        if (e->rank >= s->per_class)
            continue;
        const struct sg_report_pool *p = &d->pool[e->pool];
        sg_doc_text(doc, p->task);
        sg_doc_text(doc, p->method);
        sg_doc_text(doc, e->class_);
        sg_doc_text(doc, e->near >= 0 ? "kept, marked as near-duplicate" : "kept");
        sg_doc_textf(doc, "%lld", (long long)e->position);
        sg_doc_text(doc, e->text);
        sg_doc_text(doc, e->text_pair);
        if (e->source >= 0)
            both(doc, &s->example[e->source]);
        else
            sg_doc_text(doc, "");
        if (e->near >= 0)
            nearest(doc, s, &s->near[e->near]);
        else
            sg_doc_text(doc, "");
        provenance(doc, p, e->completion);
    }
    for (int64_t i = 0; i < s->n_near; i++) {
        const struct sg_sample_near *near = &s->near[i];
        if (!near->is_rejected)
            continue;
        const struct sg_report_pool *p = &d->pool[near->pool];
        sg_doc_text(doc, p->task);
        sg_doc_text(doc, p->method);
        sg_doc_text(doc, "");
        sg_doc_text(doc, "rejected: near-duplicate");
        for (int k = 0; k < 4; k++)
            sg_doc_text(doc, "");
        nearest(doc, s, near);
        provenance(doc, p, near->completion);
    }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* p: (n) ascending. How many have the most common value, which is the smallest of several. */
static int64_t most_common(const double *p, int64_t n, double *value)
{
    int64_t best = 0;
    for (int64_t i = 0, next; i < n; i = next) {
        for (next = i; next < n && p[next] == p[i]; next++)
            ;
        if (next - i > best) {
            best = next - i;
            *value = p[i];
        }
    }
    return best;
}

/* What the LLM said of its own texts, a row a pool that was asked for it. p: room for all. */
static void probabilities(struct sg_doc *doc, const struct sg_report_data *d, const struct sg_sample *s,
                          double *p)
{
    static const struct sg_doc_column column[] = {
        {"task", SG_DOC_TEXT, ""},      {"method", SG_DOC_TEXT, ""},        {"pool", SG_DOC_TEXT, ""},
        {"known", SG_DOC_NUMBER, ""},   {"lowest", SG_DOC_NUMBER, ""},      {"median", SG_DOC_NUMBER, ""},
        {"highest", SG_DOC_NUMBER, ""}, {"most common", SG_DOC_NUMBER, ""}, {"of texts", SG_DOC_NUMBER, "%"}};
    int any = 0;
    for (int64_t i = 0, next; i < s->n; i = next) {
        const struct sg_report_pool *pool = &d->pool[s->example[i].pool];
        int64_t n = 0;
        double common = NAN;
        for (next = i; next < s->n && s->example[next].pool == s->example[i].pool; next++)
            if (!isnan(s->example[next].probability))
                p[n++] = s->example[next].probability;
        if (!n)
            continue;
        qsort(p, (size_t)n, sizeof *p, by_size);
        if (!any++)
            sg_doc_table(doc, "probabilities", "Probabilities that the LLM gave its texts", 0, 9, column);
        int64_t n_common = most_common(p, n, &common);
        sg_doc_text(doc, pool->task);
        sg_doc_text(doc, pool->method);
        seeds(doc, pool);
        sg_doc_number(doc, (double)n, "%lld of %lld", (long long)n, (long long)(next - i));
        sg_doc_real(doc, p[0], 3);
        sg_doc_real(doc, (p[(n - 1) / 2] + p[n / 2]) / 2, 3);
        sg_doc_real(doc, p[n - 1], 3);
        sg_doc_real(doc, common, 3);
        sg_doc_real(doc, 100.0 * (double)n_common / (double)n, 0);
    }
    if (any)
        sg_doc_note(doc, "As they were written, from 0 to 1; where most texts of a pool have the same one it "
                         "tells nothing. /examples in results.h5 has all.");
}

/* Why answers gave no example: a row a pool and reason. */
static void rejected(struct sg_doc *doc, const struct sg_report_data *d)
{
    static const struct sg_doc_column column[] = {
        {"task", SG_DOC_TEXT, ""},   {"method", SG_DOC_TEXT, ""},  {"pool", SG_DOC_TEXT, ""},
        {"reason", SG_DOC_TEXT, ""}, {"count", SG_DOC_NUMBER, ""}, {"completions", SG_DOC_NUMBER, ""}};
    int any = 0;
    for (int64_t i = 0; i < d->n_pools; i++) {
        const struct sg_report_pool *p = &d->pool[i];
        const char *reason;
        json_t *count;
        json_object_foreach (p->rejects, reason, count) {
            if (json_integer_value(count) <= 0)
                continue;
            if (!any++)
                sg_doc_table(doc, "rejected", "Rejected, by reason", 0, 6, column);
            sg_doc_text(doc, p->task);
            sg_doc_text(doc, p->method);
            seeds(doc, p);
            sg_doc_text(doc, reason);
            sg_doc_int(doc, json_integer_value(count));
            sg_doc_real(doc, p->n_attempts, 0);
        }
    }
    if (any)
        sg_doc_note(doc, "The reasons are those of docs/pools.md; one completion may hold several examples. "
                         "The rejected texts are in "
                         "the ledger's completions.");
}

sg_status sg_section_examples(const struct sg_section_input *in, struct sg_doc *doc, struct sg_err *err)
{
    struct sg_sample s = {0};
    sg_status status;
    int64_t n_prompts;
    if (!in->file || !in->d->n_pools)
        return SG_OK;
    SG_TRY(sg_sample_read(in->file, in->d, &s, err));
    if (s.n_shown == s.n && s.n)
        sg_doc_paragraph(doc, "All %lld %s of %lld %s.", (long long)s.n,
                         sg_plural(s.n, "example", "examples"), (long long)in->d->n_pools,
                         sg_plural(in->d->n_pools, "pool", "pools"));
    else if (s.n)
        sg_doc_paragraph(
            doc,
            "A sample: the first %lld of each class of each pool, %lld of %lld examples; /examples in "
            "results.h5 has all.",
            (long long)s.per_class, (long long)s.n_shown, (long long)s.n);
    if (s.n)
        examples(doc, in->d, &s);
    if (s.n_rejected > SG_SAMPLE_MAX_REJECTED)
        sg_doc_note(doc,
                    "Of %lld rejected near-duplicates %d are listed; /near_duplicates in results.h5 has all.",
                    (long long)s.n_rejected, SG_SAMPLE_MAX_REJECTED);
    if (s.n)
        sg_doc_note(
            doc,
            "completion: the first %d digits of its key in the ledger. resembles: the Jaccard index of both "
            "texts' runs of three words, where that is high.",
            KEY_CHARS);
    double *p = sg_alloc((size_t)s.n + 1, sizeof *p);
    if (!p) {
        sg_sample_free(&s);
        return sg_fail_memory(err, (size_t)s.n * sizeof *p);
    }
    probabilities(doc, in->d, &s, p);
    sg_free(p);
    status = sg_prompts_write(in->file, in->d, &s, doc, &n_prompts, err);
    if (status == SG_OK && n_prompts)
        sg_doc_note(doc, "Of the first example of each class of each pool, each text at most %d bytes of it.",
                    SG_PROMPT_BYTES);
    else if (status == SG_OK && s.n)
        sg_doc_note(doc, "Prompts and whole answers are in the ledger, which is not beside this file, or "
                         "cannot be read now.");
    rejected(doc, in->d);
    sg_sample_free(&s);
    return status;
}
