/* EDA: Wei and Zou, "EDA: Easy Data Augmentation Techniques for Boosting Performance on Text Classification Tasks", EMNLP-IJCNLP 2019,
 * sections 2 and 3.
 *
 * Each draw takes one row of its class and does one of the paper's four operations to a text of it: n = max(1, alpha l) of its l words
 * replaced, n words inserted, n times two words swapped, or each word deleted with probability alpha. What is otherwise than there:
 *
 *   - a word comes from the raw rows of the same class instead of WordNet (any language, no download), uniformly from its distinct words;
 *     so no list of stop words is needed, for which the paper asks a synonym of another word;
 *   - case and punctuation stay: a replaced word leaves the punctuation around it, a swapped or deleted one takes it along;
 *   - how many texts a row gives (the paper's n_aug) follows from the size of the pool: the class's rows are taken in turn;
 *   - a text that comes out as it was is no example.
 *
 * Of a pair one text, drawn, is changed and the other kept: the label is what holds between the two, and each change is a chance to break
 * it. The paper has single sentences alone. */
#include "base/buf.h"
#include "base/mem.h"
#include "gen/pool/make.h"

#include <string.h>

/* Table 3 of the paper: alpha 0.05 for 500 and 2,000 rows, 0.1 for 5,000 and more. */
enum { MANY_ROWS = 5000 };
static double alpha_of(const struct sg_maker *m)
{
    return m->spec.rows->n < MANY_ROWS ? 0.05 : 0.1;
}

/* A word with the punctuation that goes with it. */
struct item {
    struct sg_word before, word, after;
};
struct sentence {
    int64_t n;
    struct item *item; /* (n), room for twice as many and one */
};

static sg_status take_apart(const char *text, struct sentence *s, struct sg_err *err)
{
    struct sg_spans w = {0};
    SG_TRY(sg_spans_find(text, &w, err));
    s->n = w.n;
    s->item = sg_alloc(2 * (size_t)w.n + 1, sizeof *s->item);
    for (int64_t i = 0; s->item && i < w.n; i++) {
        const struct sg_span *x = &w.span[i];
        s->item[i] = (struct item){{text + x->from, x->core - x->from},
                                   {text + x->core, x->core_end - x->core},
                                   {text + x->core_end, x->to - x->core_end}};
    }
    sg_spans_free(&w);
    return s->item ? SG_OK : sg_fail_memory(err, 2 * (size_t)s->n * sizeof *s->item);
}

static char *put_together(const struct sentence *s)
{
    struct sg_buf b = sg_buf_make((size_t)1 << 26);
    for (int64_t i = 0; i < s->n; i++) {
        const struct item *x = &s->item[i];
        sg_buf_puts(&b, i ? " " : "");
        sg_buf_add(&b, x->before.text, x->before.n);
        sg_buf_add(&b, x->word.text, x->word.n);
        sg_buf_add(&b, x->after.text, x->after.n);
    }
    return sg_buf_take(&b);
}

static const struct sg_word *any_word(const struct sg_maker_words *from, struct sg_rng *r)
{
    return &from->word[sg_rng_below(r, (uint64_t)from->n)];
}

static void swap_items(struct item *a, struct item *b)
{
    struct item t = *a;
    *a = *b;
    *b = t;
}

/* n distinct places: the first n of a shuffle. */
static sg_status replace(struct sentence *s, int64_t n, const struct sg_maker_words *from, struct sg_rng *r,
                         struct sg_err *err)
{
    int64_t *place = sg_alloc((size_t)s->n, sizeof *place);
    if (!place)
        return sg_fail_memory(err, (size_t)s->n * sizeof *place);
    for (int64_t i = 0; i < s->n; i++)
        place[i] = i;
    for (int64_t i = 0; i < n; i++) {
        int64_t j = i + (int64_t)sg_rng_below(r, (uint64_t)(s->n - i)), t = place[i];
        place[i] = place[j];
        place[j] = t;
        s->item[place[i]].word = *any_word(from, r);
    }
    sg_free(place);
    return SG_OK;
}

static void insert(struct sentence *s, int64_t n, const struct sg_maker_words *from, struct sg_rng *r)
{
    for (int64_t i = 0; i < n; i++) {
        const struct sg_word *w = any_word(from, r);
        int64_t at = (int64_t)sg_rng_below(r, (uint64_t)s->n + 1);
        memmove(&s->item[at + 1], &s->item[at], (size_t)(s->n - at) * sizeof *s->item);
        s->item[at] = (struct item){{"", 0}, *w, {"", 0}};
        s->n++;
    }
}

static void swap(struct sentence *s, int64_t n, struct sg_rng *r)
{
    for (int64_t i = 0; i < n && s->n > 1; i++) {
        int64_t a = (int64_t)sg_rng_below(r, (uint64_t)s->n),
                b = (int64_t)sg_rng_below(r, (uint64_t)s->n - 1);
        swap_items(&s->item[a], &s->item[b + (b >= a)]);
    }
}

/* Where all would go, one of them, drawn, stays. */
static void delete (struct sentence *s, double alpha, struct sg_rng *r)
{
    int64_t n = 0;
    for (int64_t i = 0; i < s->n; i++)
        if (sg_rng_uniform(r) >= alpha)
            s->item[n++] = s->item[i];
    if (n == 0)
        s->item[n++] = s->item[sg_rng_below(r, (uint64_t)s->n)];
    s->n = n;
}

enum operation { REPLACE, INSERT, SWAP, DELETE, N_OPERATIONS };

/* The text with one operation done to it: new memory. */
static sg_status change(const char *text, const struct sg_maker_words *from, double alpha, struct sg_rng *r,
                        char **out, struct sg_err *err)
{
    struct sentence s = {0};
    SG_TRY(take_apart(text, &s, err));
    int64_t n = (int64_t)(alpha * (double)s.n);
    n = n < 1 ? 1 : n;
    sg_status status = SG_OK;
    enum operation o = s.n ? (enum operation)sg_rng_below(r, N_OPERATIONS) : N_OPERATIONS;
    if (o == REPLACE)
        status = replace(&s, n, from, r, err);
    else if (o == INSERT)
        insert(&s, n, from, r);
    else if (o == SWAP)
        swap(&s, n, r);
    else if (o == DELETE)
        delete (&s, alpha, r);
    if (status == SG_OK && !(*out = put_together(&s)))
        status = sg_fail_memory(err, strlen(text));
    sg_free(s.item);
    return status;
}

static sg_status make(const struct sg_maker *m, const struct sg_draw *d, struct sg_made *out,
                      struct sg_err *err)
{
    const struct sg_row *row = sg_maker_row(m, d);
    if (!row)
        return SG_OK;
    struct sg_rng r = sg_maker_rng(m, d->class_, d->draw);
    int side = row->second ? (int)sg_rng_below(&r, 2) : 0;
    char *changed = NULL;
    SG_TRY(change(side ? row->second : row->first, &m->words[2 * d->class_ + side], alpha_of(m), &r, &changed,
                  err));
    return sg_make_changed_take(row, side, changed, out, err);
}

const struct sg_method_row sg_method_eda = {
    .name = "eda",
    .recipe = "eda 1: replace, insert, swap or delete; words of the class; alpha 0.05, from 5000 rows on 0.1",
    .make = make,
};
