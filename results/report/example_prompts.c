#include "results/report/example_prompts.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "results/ledger/ledger.h"

#include <string.h>

static const size_t REQUEST_MAX = (size_t)1 << 24;

static void add_message(struct sg_buf *out, const char *role, const json_t *content)
{
    sg_buf_printf(out, "%s%s: ", out->len ? " | " : "", role);
    if (json_is_string(content))
        sg_buf_puts(out, json_string_value(content));
    size_t i;
    json_t *part;
    json_array_foreach (content, i, part)
        sg_buf_puts(out, sg_json_text_or(part, "text", ""));
}

void sg_prompt_text(const char *request, struct sg_buf *out)
{
    json_t *j = NULL, *message;
    size_t i;
    if (sg_json_parse(request, strlen(request), "a request", &j, NULL) != SG_OK) {
        sg_buf_puts(out, request);
        return;
    }
    const json_t *messages = json_object_get(j, "messages"), *system = json_object_get(j, "system");
    if (system)
        add_message(out, "system", system);
    json_array_foreach (messages, i, message)
        add_message(out, sg_json_text_or(message, "role", "?"), json_object_get(message, "content"));
    if (!out->len)
        sg_buf_puts(out, request);
    json_decref(j);
}

/* A text cut to SG_PROMPT_BYTES, with dots where it was longer. */
static size_t cut(struct sg_doc *doc, const char *text)
{
    char some[SG_PROMPT_BYTES + 1];
    size_t n = strlen(text);
    if (n <= SG_PROMPT_BYTES) {
        sg_doc_text(doc, text);
        return n;
    }
    memcpy(some, text, SG_PROMPT_BYTES);
    some[SG_PROMPT_BYTES] = 0;
    sg_text_whole(some);
    sg_doc_textf(doc, "%s ...", some);
    return SG_PROMPT_BYTES;
}

static void begin(struct sg_doc *doc)
{
    static const struct sg_doc_column column[] = {
        {"task", SG_DOC_TEXT, ""},     {"method", SG_DOC_TEXT, ""}, {"class", SG_DOC_TEXT, ""},
        {"pool", SG_DOC_TEXT, ""},     {"prompt", SG_DOC_TEXT, ""}, {"whole answer", SG_DOC_TEXT, ""},
        {"came from", SG_DOC_TEXT, ""}};
    sg_doc_table(doc, "prompts", "Prompts and whole answers", SG_DOC_BROWSE, 7, column);
}

static sg_status write(struct sg_ledger *l, const struct sg_report_data *d, const struct sg_sample *s,
                       struct sg_doc *doc, int64_t *n, struct sg_err *err)
{
    size_t used = 0;
    for (int64_t i = 0; i < s->n && used < SG_PROMPTS_BYTES; i++) {
        const struct sg_sample_example *e = &s->example[i];
        const struct sg_report_pool *p = &d->pool[e->pool];
        struct sg_ledger_completion c = {0};
        int found = 0;
        if (e->rank || !e->completion)
            continue;
        SG_TRY(sg_ledger_completion_get(l, e->completion, &found, &c, err));
        if (!found || !c.request)
            continue;
        struct sg_buf prompt = sg_buf_make(REQUEST_MAX);
        sg_prompt_text(c.request, &prompt);
        if (!(*n)++)
            begin(doc);
        sg_doc_text(doc, p->task);
        sg_doc_text(doc, p->method);
        sg_doc_text(doc, e->class_);
        if (p->seed_data >= 0)
            sg_doc_textf(doc, "%lld, draw %lld", (long long)p->seed_generation, (long long)p->seed_data);
        else
            sg_doc_textf(doc, "%lld", (long long)p->seed_generation);
        used += cut(doc, sg_buf_text(&prompt)) + cut(doc, c.text ? c.text : "");
        sg_doc_text(doc, c.source ? c.source : "");
        sg_status status = sg_buf_check(&prompt, "a prompt", err);
        sg_buf_free(&prompt);
        if (status != SG_OK)
            return status;
    }
    return SG_OK;
}

sg_status sg_prompts_write(const char *h5, const struct sg_report_data *d, const struct sg_sample *s,
                           struct sg_doc *doc, int64_t *n, struct sg_err *err)
{
    struct sg_ledger *l = NULL;
    char *folder = sg_path_dir(h5), *file = folder ? sg_path_join(folder, "ledger.sqlite") : NULL;
    sg_status status = folder && file ? SG_OK : sg_fail_memory(err, strlen(h5));
    *n = 0;
    if (status == SG_OK && sg_file_exists(file) &&
        sg_ledger_open(folder, SG_LEDGER_READ, &l, NULL) == SG_OK) {
        status = write(l, d, s, doc, n, err);
        sg_ledger_close(l);
    }
    sg_free(folder);
    sg_free(file);
    return status;
}
