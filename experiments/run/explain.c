#include "experiments/run/explain_impl.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "experiments/run/cell_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LISTED = 40 };

struct search {
    const struct sg_explain_options *o;
    struct sg_explained found[MAX_LISTED];
    int64_t n_found, n_rows;
    int *known; /* (n_words) whether any cell has that setting */
};

static void free_row(struct sg_explained *c)
{
    sg_free(c->id);
    sg_free(c->pool);
    sg_free(c->status);
    sg_free(c->reason);
    sg_free(c->created);
    json_decref(c->settings);
    json_decref(c->result);
}

static json_t *object_of(const char *text)
{
    json_t *o = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (json_is_object(o))
        return o;
    json_decref(o);
    return json_object();
}

static sg_status keep_row(const struct sg_ledger_cell_row *c, json_t *settings, struct sg_explained *out,
                          struct sg_err *err)
{
    const char *const text[] = {c->id, c->pool, c->status, c->reason, c->created};
    char **const copy[] = {&out->id, &out->pool, &out->status, &out->reason, &out->created};
    out->ordinal = c->ordinal;
    out->settings = json_incref(settings);
    out->result = object_of(c->result);
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++)
        if (!(*copy[i] = sg_strdup(text[i] ? text[i] : "")))
            return sg_fail_memory(err, 100);
    return out->result ? SG_OK : sg_fail_memory(err, 100);
}

/* Numbers as numbers: 1e-3 is 0.001. */
static int is_value(const json_t *x, const char *value)
{
    char *end, text[40];
    if (json_is_string(x))
        return strcmp(json_string_value(x), value) == 0;
    if (json_is_number(x)) {
        double number = strtod(value, &end);
        return end != value && !*end && number == json_number_value(x);
    }
    snprintf(text, sizeof text, "%s", json_is_true(x) ? "true" : json_is_false(x) ? "false" : "null");
    return json_is_null(x) ? !value[0] || strcmp(value, text) == 0 : strcmp(value, text) == 0;
}

/* known: whether the cell has such a setting. */
static int has_word(const struct sg_ledger_cell_row *c, const json_t *settings, const char *word, int *known)
{
    char key[80];
    const char *value = strchr(word, '=') + 1;
    if (strncmp(word, "train.", 6) == 0)
        word += 6;
    snprintf(key, sizeof key, "%.*s", (int)strcspn(word, "="), word);
    if (strcmp(key, "status") == 0) {
        *known = 1;
        return c->status && strcmp(c->status, value) == 0;
    }
    if (strcmp(key, "classifier") == 0) { /* unsaid where it is the usual one */
        struct sg_cell_words w;
        sg_cell_words_read(settings, &w);
        *known = 1;
        return strcmp(w.classifier, value) == 0;
    }
    const json_t *x = json_object_get(settings, key);
    *known |= x != NULL;
    return x && is_value(x, value);
}

static sg_status look(void *context, const struct sg_ledger_cell_row *c, struct sg_err *err)
{
    struct search *s = context;
    const struct sg_explain_options *o = s->o;
    s->n_rows++;
    if (o->id && strncmp(c->id, o->id, strcspn(o->id, ".")) != 0) /* shown as "9fa7f3506fa3..." */
        return SG_OK;
    /* What is no part of the study any more is found by its id, or where nothing else is. */
    if (c->ordinal < 0 && !o->id && s->n_found && s->found[0].ordinal >= 0)
        return SG_OK;
    json_t *settings = object_of(c->settings);
    int fits = 1;
    for (int i = 0; i < o->n_words; i++)
        fits &= has_word(c, settings, o->word[i], &s->known[i]);
    sg_status status = SG_OK;
    if (fits && s->n_found++ < MAX_LISTED)
        status = keep_row(c, settings, &s->found[s->n_found - 1], err);
    json_decref(settings);
    return status;
}

static sg_status nothing(const struct search *s, struct sg_err *err)
{
    const struct sg_explain_options *o = s->o;
    for (int i = 0; s->n_rows && !o->id && i < o->n_words; i++)
        if (!s->known[i])
            return sg_fail(
                err, SG_INPUT,
                "no cell has \"%.*s\"; hint: task, method, mix, size, raw, classifier, seed_generation, "
                "seed_data, seed_train, status, or a setting of train.*",
                (int)strcspn(o->word[i], "="), o->word[i]);
    if (!s->n_rows)
        return sg_fail(err, SG_INPUT, "%s: there are no cells yet; hint: `synthgrid run` plans them",
                       o->folder);
    return sg_fail(err, SG_INPUT,
                   "%s: no cell is that%s%.64s; hint: `synthgrid explain %s` lists what there is", o->folder,
                   o->id ? ": " : "", o->id ? o->id : "", o->folder);
}

static void put_words(const struct sg_explained *c, struct sg_buf *out)
{
    struct sg_cell_words w;
    sg_cell_words_read(c->settings, &w);
    sg_cell_words_put(&w, out);
}

static void list_text(const struct search *s, struct sg_buf *out)
{
    for (int64_t i = 0; i < s->n_found && i < MAX_LISTED; i++) {
        const struct sg_explained *c = &s->found[i];
        sg_buf_safe(out, c->id, 12);
        sg_buf_puts(out, "  ");
        size_t at = out->len;
        sg_buf_safe(out, c->ordinal < 0 ? "no more" : c->status, 8);
        do
            sg_buf_puts(out, " ");
        while (!out->failed && out->len < at + 9);
        put_words(c, out);
        sg_buf_puts(out, "\n");
    }
    if (s->n_found > MAX_LISTED)
        sg_buf_printf(out, "... and %lld more; say more of it, as in size=20 status=failed\n",
                      (long long)(s->n_found - MAX_LISTED));
}

static sg_status list_json(const struct search *s, struct sg_buf *out, struct sg_err *err)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < s->n_found && i < MAX_LISTED; i++) {
        const struct sg_explained *c = &s->found[i];
        struct sg_buf words = sg_buf_make(1000);
        put_words(c, &words);
        json_array_append_new(list,
                              json_pack("{s:o,s:o,s:b,s:o}", "cell", sg_json_safe(c->id, 8000), "status",
                                        sg_json_safe(c->status, 8000), "in_study", c->ordinal >= 0, "words",
                                        sg_json_safe(sg_buf_text(&words), 8000)));
        sg_buf_free(&words);
    }
    SG_TRY(
        sg_json_put(out, json_pack("{s:I,s:o}", "n_matches", (json_int_t)s->n_found, "matches", list), err));
    sg_buf_puts(out, "\n");
    return SG_OK;
}

static sg_status one(struct sg_ledger *l, const struct search *s, struct sg_buf *out, struct sg_err *err)
{
    json_t *facts = NULL;
    SG_TRY(sg_explain_facts(l, s->o->folder, &s->found[0], &facts, err));
    if (!s->o->as_json) {
        sg_explain_text(facts, out);
        json_decref(facts);
        return SG_OK;
    }
    SG_TRY(sg_json_put(out, facts, err));
    sg_buf_puts(out, "\n");
    return SG_OK;
}

sg_status sg_explain(const struct sg_explain_options *o, struct sg_buf *out, struct sg_err *err)
{
    struct sg_ledger *l = NULL;
    struct search *s = sg_alloc(1, sizeof *s);
    sg_status status = s && (s->known = sg_alloc((size_t)o->n_words + 1, sizeof *s->known))
                           ? SG_OK
                           : sg_fail_memory(err, sizeof *s);
    if (status == SG_OK) {
        s->o = o;
        status = sg_ledger_open(o->folder, SG_LEDGER_COPY, &l, err);
    }
    if (status == SG_OK)
        status = sg_ledger_cells_each(l, look, s, err);
    if (status == SG_OK && !s->n_found)
        status = nothing(s, err);
    else if (status == SG_OK && s->n_found == 1)
        status = one(l, s, out, err);
    else if (status == SG_OK && o->as_json)
        status = list_json(s, out, err);
    else if (status == SG_OK)
        list_text(s, out);
    for (int64_t i = 0; s && i < s->n_found && i < MAX_LISTED; i++)
        free_row(&s->found[i]);
    if (s)
        sg_free(s->known);
    sg_free(s);
    sg_ledger_close(l);
    return status == SG_OK ? sg_buf_check(out, "the explanation", err) : status;
}
