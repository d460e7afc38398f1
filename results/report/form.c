#include "results/report/form.h"

#include "base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { HEAD_MAX = 100 /* characters */, NAMED_MAX = 6 /* tables in a message */ };

#define SG_FORM(name, file_end, about) {#name, about, file_end, sg_form_##name},
const struct sg_form sg_forms[] = {SG_FORMS(SG_FORM)};
const int sg_n_forms = (int)(sizeof sg_forms / sizeof *sg_forms);

const struct sg_form *sg_form_of(const char *name)
{
    for (int i = 0; i < sg_n_forms; i++)
        if (strcmp(sg_forms[i].name, name) == 0)
            return &sg_forms[i];
    return NULL;
}

void sg_form_names(char *out, size_t n_bytes)
{
    size_t n = 0;
    for (int i = 0; i < sg_n_forms && n < n_bytes; i++)
        n += (size_t)snprintf(out + n, n_bytes - n, "%s%s", i ? ", " : "", sg_forms[i].name);
}

void sg_form_text(struct sg_buf *out, const char *text, size_t max_chars, const struct sg_escape *escape,
                  int n)
{
    struct sg_buf safe = sg_buf_make(SIZE_MAX / 4);
    sg_buf_safe(&safe, text, max_chars ? max_chars : SIZE_MAX);
    const char *from = sg_buf_text(&safe), *s = from;
    for (; *s; s++) {
        const char *words = NULL;
        for (int i = 0; i < n && !words; i++)
            words = escape[i].c == *s ? escape[i].words : NULL;
        if (!words)
            continue;
        sg_buf_add(out, from, (size_t)(s - from));
        sg_buf_puts(out, words);
        from = s + 1;
    }
    sg_buf_add(out, from, (size_t)(s - from));
    if (safe.failed)
        out->failed = safe.failed;
    sg_buf_free(&safe);
}

void sg_form_head(struct sg_buf *out, const struct sg_doc_table *t, int64_t column,
                  const struct sg_escape *escape, int n)
{
    const char *name = t->column[column].name, *unit = t->column[column].unit;
    sg_form_text(out, name, HEAD_MAX, escape, n);
    if (!unit[0] || strstr(name, unit))
        return;
    sg_buf_puts(out, ", ");
    sg_form_text(out, unit, HEAD_MAX, escape, n);
}

sg_status sg_form_only_table(const struct sg_doc *doc, const struct sg_doc_table **out, struct sg_err *err)
{
    char names[400] = "";
    size_t len = 0;
    int64_t n = 0;
    const struct sg_doc_table *only = NULL;
    for (int64_t s = 0; s < doc->n_sections; s++)
        for (int64_t b = 0; b < doc->section[s].n_blocks; b++) {
            const struct sg_doc_table *t = doc->section[s].block[b].table;
            if (!t)
                continue;
            only = t;
            n++;
            if (n <= NAMED_MAX)
                len += (size_t)snprintf(names + len, sizeof names - len, "%s%.60s", n > 1 ? ", " : "",
                                        n < NAMED_MAX ? t->name : "...");
        }
    if (n == 1) {
        *out = only;
        return SG_OK;
    }
    if (doc->n_sections == 1 && doc->section[0].is_empty) {
        *out = NULL;
        return SG_OK;
    }
    return n ? sg_fail(
                   err, SG_INPUT,
                   "one file cannot hold %lld tables (%s); hint: --output DIR for all of them, or --section "
                   "NAME with one table",
                   (long long)n, names)
             : sg_fail(err, SG_INPUT, "there is no table in it; hint: --section NAME with one table");
}
