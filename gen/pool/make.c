#include "gen/pool/make.h"

#include "base/mem.h"
#include "base/set.h"
#include "base/text.h"

#include <string.h>

static sg_status sort_rows(struct sg_maker *m, struct sg_err *err)
{
    const struct sg_task *t = m->spec.task;
    const struct sg_rows *rows = m->spec.rows;
    int64_t n = 0;
    for (int k = 0; k < t->n_classes; k++) {
        m->start[k] = n;
        for (int64_t i = 0; i < rows->n; i++)
            if (rows->row[i].label && strcmp(rows->row[i].label, t->class_[k].name) == 0)
                m->by_class[n++] = i;
    }
    m->start[t->n_classes] = n;
    if (n != rows->n)
        return sg_fail(
            err, SG_INPUT,
            "%lld of the rows that method %s of task %s is made of %s a label that is not among its classes",
            (long long)(rows->n - n), m->method, t->name, sg_plural(rows->n - n, "has", "have"));
    return SG_OK;
}

/* Adds the words of a text that `seen` does not have. */
static sg_status add_words(struct sg_maker_words *w, const char *text, struct sg_set *seen,
                           struct sg_err *err)
{
    struct sg_spans found = {0};
    sg_status status = sg_spans_find(text, &found, err);
    for (int64_t i = 0; status == SG_OK && i < found.n; i++) {
        struct sg_word core = {text + found.span[i].core, found.span[i].core_end - found.span[i].core};
        if (sg_set_has(seen, core.text, core.n))
            continue;
        struct sg_word *grown = sg_grown(w->word, w->n, sizeof *grown);
        if (!grown) {
            status = sg_fail_memory(err, 2 * (size_t)w->n * sizeof *grown);
            break;
        }
        w->word = grown;
        w->word[w->n++] = core;
        status = sg_set_add(seen, core.text, core.n, err);
    }
    sg_spans_free(&found);
    return status;
}

static sg_status collect_words(struct sg_maker *m, int class_, int side, struct sg_err *err)
{
    struct sg_set *seen = NULL;
    SG_TRY(sg_set_create(&seen, err));
    sg_status status = SG_OK;
    for (int64_t i = m->start[class_]; status == SG_OK && i < m->start[class_ + 1]; i++) {
        const struct sg_row *r = &m->spec.rows->row[m->by_class[i]];
        const char *text = side ? r->second : r->first;
        if (text)
            status = add_words(&m->words[2 * class_ + side], text, seen, err);
    }
    sg_set_destroy(seen);
    return status;
}

sg_status sg_maker_create(const struct sg_maker_spec *spec, struct sg_maker **out, struct sg_err *err)
{
    const struct sg_task *t = spec->task;
    const char *method = sg_method_name(spec->method);
    int64_t n = spec->rows ? spec->rows->n : 0;
    if (n == 0)
        return sg_fail(
            err, SG_INPUT,
            "method %s of task %s is made of raw rows, but there are none; hint: set raw: to 1 or more",
            method, t->name);
    struct sg_maker *m = sg_alloc(1, sizeof *m);
    if (!m)
        return sg_fail_memory(err, sizeof *m);
    m->spec = *spec;
    m->method = method;
    m->by_class = sg_alloc((size_t)n, sizeof *m->by_class);
    m->start = sg_alloc((size_t)t->n_classes + 1, sizeof *m->start);
    m->seed = sg_alloc((size_t)t->n_classes, sizeof *m->seed);
    m->words = sg_alloc(2 * (size_t)t->n_classes, sizeof *m->words);
    m->guesses = sg_alloc((size_t)t->n_classes, sizeof *m->guesses);
    sg_status status = m->by_class && m->start && m->seed && m->words && m->guesses
                           ? sort_rows(m, err)
                           : sg_fail_memory(err, (size_t)n * sizeof *m->by_class);
    for (int i = 0; status == SG_OK && i < 2 * t->n_classes; i++)
        status = collect_words(m, i / 2, i % 2, err);
    for (int k = 0; status == SG_OK && k < t->n_classes; k++)
        m->seed[k] = sg_seed_of("make task %s method %s raw %lld seed %lld class %s", t->name, method,
                                (long long)spec->raw_draw, (long long)spec->seed, t->class_[k].name);
    if (status == SG_OK)
        *out = m;
    else
        sg_maker_destroy(m);
    return status;
}

void sg_maker_destroy(struct sg_maker *m)
{
    if (!m)
        return;
    for (int i = 0; m->words && i < 2 * m->spec.task->n_classes; i++)
        sg_free(m->words[i].word);
    sg_free(m->words);
    sg_maker_forget_words(m);
    sg_free(m->guesses);
    sg_free(m->by_class);
    sg_free(m->start);
    sg_free(m->seed);
    sg_free(m);
}

struct sg_rng sg_maker_rng(const struct sg_maker *m, int class_, int64_t draw)
{
    return sg_rng_make(m->seed[class_], (uint64_t)draw);
}

/* Whether a text is another one but for case, blanks and punctuation. */
static sg_status is_same(const char *a, const char *b, int *yes, struct sg_err *err)
{
    struct sg_buf x = sg_buf_make((size_t)1 << 26), y = sg_buf_make((size_t)1 << 26);
    sg_buf_folded(&x, a);
    sg_buf_folded(&y, b);
    sg_status status = sg_buf_check(&x, "a text", err);
    if (status == SG_OK)
        status = sg_buf_check(&y, "a text", err);
    *yes = strcmp(sg_buf_text(&x), sg_buf_text(&y)) == 0;
    sg_buf_free(&x);
    sg_buf_free(&y);
    return status;
}

sg_status sg_make_changed_take(const struct sg_row *row, int side, char *changed, struct sg_made *out,
                               struct sg_err *err)
{
    const char *text = side ? row->second : row->first, *other = side ? row->first : row->second;
    char *kept = NULL;
    int same = 0;
    sg_status status = is_same(text, changed, &same, err);
    if (status == SG_OK && other && !(kept = sg_strdup(other)))
        status = sg_fail_memory(err, strlen(other));
    if (status != SG_OK) {
        sg_free(changed);
        return status;
    }
    out->state = SG_MADE;
    out->reason = !changed[0] ? SG_REJECT_EMPTY : same ? SG_REJECT_ECHO : SG_ACCEPTED;
    out->x = (struct sg_parsed){side ? kept : changed, side ? changed : kept};
    return SG_OK;
}

const struct sg_row *sg_maker_row(const struct sg_maker *m, const struct sg_draw *d)
{
    int64_t from = m->start[d->class_], n = m->start[d->class_ + 1] - from;
    return n ? &m->spec.rows->row[m->by_class[from + d->draw % n]] : NULL;
}
