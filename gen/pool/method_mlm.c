/* Contextual augmentation by a masked language model: Kobayashi, "Contextual Augmentation: Data Augmentation by Words with Paradigmatic
 * Relations", NAACL 2018, and Kumar, Choudhary and Cho, "Data Augmentation using Pre-trained Transformer Models", 2020, for replacing words by
 * the model's own guesses; insertion as in Garg and Ramakrishnan, "BAE", EMNLP 2020. They compare well with LLM text in Cegin et al., NAACL 2025.
 *
 * Each draw takes one row of its class, and of l words of a text of it masks round(0.15 l), one at least, 15 % being BERT's own share: of words, drawn,
 * (mlm_replace), or of the places before words (mlm_insert). All masks of a text are filled at once by the study's encoder (model/mask_head.h): a
 * word is drawn from its ten likeliest, in proportion to their probabilities. The label is kept, as in these papers' plain variants: the
 * model does not know it. Of a pair one text, drawn, is changed, as eda does it. */
#include "base/mem.h"
#include "gen/pool/make.h"

#include <stdlib.h>

static int64_t n_masks(int64_t n_words)
{
    int64_t n = (15 * n_words + 50) / 100;
    return n < 1 && n_words ? 1 : n;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* n distinct words of n_words, ascending: new memory. NULL without it. */
static int64_t *draw_words(struct sg_rng *r, int64_t n_words, int64_t n)
{
    int64_t *place = sg_alloc((size_t)n_words + 1, sizeof *place);
    for (int64_t i = 0; place && i < n_words; i++)
        place[i] = i;
    for (int64_t i = 0; place && i < n; i++) {
        int64_t j = i + (int64_t)sg_rng_below(r, (uint64_t)(n_words - i)), t = place[i];
        place[i] = place[j];
        place[j] = t;
    }
    if (place)
        qsort(place, (size_t)n, sizeof *place, ascending);
    return place;
}

static struct sg_gap gap_at(const char *text, const struct sg_span *s, int inserts)
{
    if (inserts)
        return (struct sg_gap){.from = s->from, .to = s->from, .blank_after = 1};
    return (struct sg_gap){
        .from = s->core, .to = s->core_end, .not_ = {text + s->core, s->core_end - s->core}};
}

static sg_status find_gaps(const struct sg_maker *m, const struct sg_draw *d, int inserts,
                           struct sg_gaps *out, struct sg_err *err)
{
    const struct sg_row *row = sg_maker_row(m, d);
    struct sg_spans s = {0};
    struct sg_gaps g = {.row = row};
    if (!row) {
        *out = g;
        return SG_OK;
    }
    struct sg_rng r = sg_maker_rng(m, d->class_, d->draw);
    g.side = row->second ? (int)sg_rng_below(&r, 2) : 0;
    const char *text = g.side ? row->second : row->first;
    SG_TRY(sg_spans_find(text, &s, err));
    g.n = n_masks(s.n);
    int64_t *place = draw_words(&r, s.n, g.n);
    g.gap = sg_alloc((size_t)g.n + 1, sizeof *g.gap);
    for (int64_t i = 0; place && g.gap && i < g.n; i++)
        g.gap[i] = gap_at(text, &s.span[place[i]], inserts);
    for (int64_t i = 0; place && g.gap && i < g.n; i++)
        g.gap[i].u = sg_rng_uniform(&r);
    int good = place && g.gap;
    sg_free(place);
    sg_spans_free(&s);
    if (!good) {
        sg_gaps_free(&g);
        return sg_fail_memory(err, (size_t)g.n * sizeof *g.gap);
    }
    *out = g;
    return SG_OK;
}

static sg_status insertions(const struct sg_maker *m, const struct sg_draw *d, struct sg_gaps *out,
                            struct sg_err *err)
{
    return find_gaps(m, d, 1, out, err);
}

static sg_status replacements(const struct sg_maker *m, const struct sg_draw *d, struct sg_gaps *out,
                              struct sg_err *err)
{
    return find_gaps(m, d, 0, out, err);
}

const struct sg_method_row sg_method_mlm_insert = {
    .name = "mlm_insert",
    .recipe = "mlm_insert 1: masks before 15 % of the words, filled from the encoder's ten likeliest",
    .gaps = insertions,
    .make = sg_make_filled_gaps,
};

const struct sg_method_row sg_method_mlm_replace = {
    .name = "mlm_replace",
    .recipe = "mlm_replace 1: masks for 15 % of the words, filled from the encoder's ten likeliest others",
    .gaps = replacements,
    .make = sg_make_filled_gaps,
};
