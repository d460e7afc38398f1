#include "base/json.h"
#include "base/mem.h"
#include "gen/pool/make.h"

#include <string.h>

void sg_gaps_free(struct sg_gaps *g)
{
    sg_free(g->gap);
    *g = (struct sg_gaps){0};
}

/* ---- words that have come ---- */

static const struct sg_guess *guess_at(const struct sg_maker *m, const struct sg_draw *d)
{
    const struct sg_guesses *g = &m->guesses[d->class_];
    return d->draw < g->n && g->draw[d->draw].is_there ? &g->draw[d->draw] : NULL;
}

int sg_maker_has_words(const struct sg_maker *m, const struct sg_draw *d)
{
    return guess_at(m, d) != NULL;
}

static void free_guess(struct sg_guess *g)
{
    for (int64_t i = 0; i < g->n; i++)
        sg_free(g->word[i]);
    sg_free(g->word);
    *g = (struct sg_guess){0};
}

void sg_maker_forget_words(struct sg_maker *m)
{
    for (int k = 0; m->guesses && k < m->spec.task->n_classes; k++) {
        for (int64_t i = 0; i < m->guesses[k].n; i++)
            free_guess(&m->guesses[k].draw[i]);
        sg_free(m->guesses[k].draw);
        m->guesses[k] = (struct sg_guesses){0};
    }
}

/* Room for the draw. */
static sg_status reserve(struct sg_guesses *g, int64_t draw, struct sg_err *err)
{
    while (g->n <= draw) {
        struct sg_guess *grown = sg_grown(g->draw, g->n, sizeof *grown);
        if (!grown)
            return sg_fail_memory(err, 2 * (size_t)g->n * sizeof *grown);
        g->draw = grown;
        g->draw[g->n++] = (struct sg_guess){0};
    }
    return SG_OK;
}

sg_status sg_maker_put_words(struct sg_maker *m, const struct sg_draw *d, const json_t *words,
                             struct sg_err *err)
{
    int64_t n = (int64_t)json_array_size(words);
    SG_TRY(reserve(&m->guesses[d->class_], d->draw, err));
    struct sg_guess g = {.n = n, .is_there = 1, .word = sg_alloc((size_t)n + 1, sizeof *g.word)};
    sg_status status = g.word ? SG_OK : sg_fail_memory(err, (size_t)n * sizeof *g.word);
    for (int64_t i = 0; status == SG_OK && i < n; i++) {
        const char *word = json_string_value(json_array_get(words, (size_t)i));
        if (word && !(g.word[i] = sg_strdup(word)))
            status = sg_fail_memory(err, strlen(word));
    }
    if (status != SG_OK) {
        free_guess(&g);
        return status;
    }
    free_guess(&m->guesses[d->class_].draw[d->draw]);
    m->guesses[d->class_].draw[d->draw] = g;
    return SG_OK;
}

/* ---- what is asked ---- */

static const char *text_of(const struct sg_gaps *g)
{
    return g->side ? g->row->second : g->row->first;
}

/* The text between gap g - 1 and gap g, with the blanks that an inserted word takes along. */
static json_t *piece(const struct sg_gaps *x, int64_t g)
{
    const char *text = text_of(x);
    size_t from = g ? x->gap[g - 1].to : 0, to = g < x->n ? x->gap[g].from : strlen(text);
    char *copy = sg_strf("%s%.*s", g && x->gap[g - 1].blank_after ? " " : "", (int)(to - from), text + from);
    json_t *s = copy ? json_string(copy) : NULL;
    sg_free(copy);
    return s;
}

sg_status sg_maker_ask(const struct sg_maker *m, const struct sg_draw *d, json_t *list, struct sg_err *err)
{
    struct sg_gaps x = {0};
    SG_TRY(sg_method_row(m->spec.method)->gaps(m, d, &x, err));
    json_t *pieces = json_array(), *nots = json_array(), *us = json_array();
    int bad = 0;
    for (int64_t g = 0; x.row && g <= x.n; g++)
        bad |= json_array_append_new(pieces, piece(&x, g));
    for (int64_t g = 0; g < x.n; g++) {
        const struct sg_word *w = &x.gap[g].not_;
        bad |= json_array_append_new(nots, w->text ? json_stringn(w->text, w->n) : json_null());
        bad |= json_array_append_new(us, json_real(x.gap[g].u));
    }
    bad |= json_array_append_new(list, json_pack("{sisIsososo}", "class", d->class_, "draw",
                                                 (json_int_t)d->draw, "piece", pieces, "not", nots, "u", us));
    sg_gaps_free(&x);
    return bad ? sg_fail_memory(err, 4096) : SG_OK;
}

/* ---- what is made of them ---- */

/* The text with the words that have come in its gaps: new memory. */
static sg_status fill_gaps(const struct sg_gaps *x, const struct sg_guess *words, char **out,
                           struct sg_err *err)
{
    struct sg_buf b = sg_buf_make((size_t)1 << 26);
    const char *text = text_of(x);
    size_t at = 0;
    for (int64_t g = 0; g < x->n; g++) {
        const struct sg_gap *gap = &x->gap[g];
        const char *word = g < words->n ? words->word[g] : NULL;
        sg_buf_add(&b, text + at, gap->from - at);
        if (word) {
            sg_buf_puts(&b, word);
            sg_buf_puts(&b, gap->blank_after ? " " : "");
        } else
            sg_buf_add(&b, text + gap->from, gap->to - gap->from);
        at = gap->to;
    }
    sg_buf_puts(&b, text + at);
    sg_status status = sg_buf_check(&b, "a text", err);
    if (status == SG_OK && !(*out = sg_buf_take(&b)))
        status = sg_fail_memory(err, strlen(text));
    sg_buf_free(&b);
    return status;
}

sg_status sg_make_filled_gaps(const struct sg_maker *m, const struct sg_draw *d, struct sg_made *out,
                              struct sg_err *err)
{
    const struct sg_guess *words = guess_at(m, d);
    struct sg_gaps x = {0};
    char *text = NULL;
    if (!sg_maker_row(m, d))
        return SG_OK;
    out->state = SG_MADE_LATER;
    if (!words)
        return SG_OK;
    SG_TRY(sg_method_row(m->spec.method)->gaps(m, d, &x, err));
    sg_status status = fill_gaps(&x, words, &text, err);
    if (status == SG_OK)
        status = sg_make_changed_take(x.row, x.side, text, out, err);
    sg_gaps_free(&x);
    return status;
}
