/* The masked-LM head against transformers (tests/oracle/mask, make_mask.py), and the words that it chooses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "model/checkpoint.h"
#include "model/mask_head.h"
#include "model/tokenizer/token_words.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

struct loaded {
    struct sg_encoder *e;
    struct sg_mask_head *h;
};

static struct loaded load(const char *model)
{
    char dir[100];
    struct loaded x = {0};
    struct sg_err err = {0};
    snprintf(dir, sizeof dir, "tests/oracle/mask/%s", model);
    if (sg_encoder_identify(dir, &x.e, &err) != SG_OK || sg_mask_head_load(x.e, &x.h, &err) != SG_OK ||
        sg_encoder_read(x.e, NULL, &err) != SG_OK)
        fail_msg("%s", err.text);
    return x;
}

static void unload(struct loaded *x)
{
    sg_mask_head_destroy(x->h);
    sg_encoder_destroy(x->e);
}

enum { MOST_GAPS = 8 };

/* Of a text of the oracle. */
static struct sg_mask_text text_of(const json_t *o, const char **piece)
{
    static const char *const nots[MOST_GAPS];
    static const double us[MOST_GAPS];
    const json_t *list = json_object_get(o, "piece");
    for (size_t i = 0; i < json_array_size(list); i++)
        piece[i] = json_string_value(json_array_get(list, i));
    return (struct sg_mask_text){(int64_t)json_array_size(list) - 1, piece, nots, us};
}

/* 24 channels in float32: sums of that length differ by a few units in the last place. */
static void check_model(const char *model)
{
    char path[100];
    struct loaded x = load(model);
    struct sg_err err = {0};
    int64_t V = x.e->config.V, n_rows = 0;
    snprintf(path, sizeof path, "tests/oracle/mask/%s/masks.json", model);
    json_t *all = json_load_file(path, 0, NULL);
    const json_t *o, *row;
    size_t i, r;
    json_array_foreach (all, i, o) {
        const char *piece[MOST_GAPS + 1];
        struct sg_mask_text text = text_of(o, piece);
        float *logits = sg_alloc((size_t)(text.n_gaps * V), sizeof *logits);
        assert_int_equal(sg_mask_logits(x.h, &text, logits, &err), SG_OK);
        json_array_foreach (json_object_get(o, "logits"), r, row) {
            assert_int_equal(json_array_size(row), V);
            for (int64_t v = 0; v < V; v++) {
                double want = json_number_value(json_array_get(row, (size_t)v)),
                       got = (double)logits[(int64_t)r * V + v];
                if (!(fabs(got - want) < 2e-5))
                    fail_msg("%s: text %zu, mask %zu, word %lld: %.8g instead of %.8g", model, i, r,
                             (long long)v, got, want);
            }
            n_rows++;
        }
        sg_free(logits);
    }
    assert_int_equal(n_rows, 7);
    json_decref(all);
    unload(&x);
}

static void logits_are_transformers(void **state)
{
    (void)state;
    check_model("bert");
    check_model("roberta");
    check_model("bert_untied");
}

/* One gap between two pieces. */
static char *guess(const struct loaded *x, const char *before, const char *after, const char *not_, double u)
{
    const char *piece[2] = {before, after};
    struct sg_mask_text text = {1, piece, &not_, &u};
    struct sg_err err = {0};
    char *word = NULL;
    assert_int_equal(sg_mask_guess(x->h, &text, 1, 1, &word, &err), SG_OK);
    return word;
}

/* The candidates of u = 0 to 1, in their order, each with the share of u that gives it; n of them. */
static int candidates(const struct loaded *x, const char *before, const char *after, const char *not_,
                      char word[][32], double *share)
{
    int n = 0;
    for (int i = 0; i < 2000; i++) {
        char *w = guess(x, before, after, not_, (i + 0.5) / 2000);
        assert_non_null(w);
        if (!n || strcmp(word[n - 1], w) != 0) {
            assert_true(n < 2 * SG_MASK_TOP);
            snprintf(word[n], sizeof word[n], "%s", w);
            share[n++] = 0;
        }
        share[n - 1] += 1.0 / 2000;
        sg_free(w);
    }
    return n;
}

/* As worked out from the logits: whole words of letters by descending probability, and their shares of it. */
static void check_choice(const char *model, const char *not_)
{
    struct loaded x = load(model);
    struct sg_err err = {0};
    struct sg_token_words words;
    const char *piece[2] = {"the ", " was bad"}, *nots[1] = {not_};
    double u[1] = {0}, share[2 * SG_MASK_TOP], sum = 0;
    struct sg_mask_text text = {1, piece, nots, u};
    char word[2 * SG_MASK_TOP][32];
    int64_t V = x.e->config.V;
    float *logits = sg_alloc((size_t)V, sizeof *logits);
    int n = candidates(&x, piece[0], piece[1], not_, word, share);
    assert_int_equal(sg_mask_logits(x.h, &text, logits, &err), SG_OK);
    assert_int_equal(sg_token_words_create(x.e->source->tokenizer, &words, &err), SG_OK);
    assert_int_equal(n, SG_MASK_TOP);
    int32_t best[SG_MASK_TOP];
    for (int k = 0; k < SG_MASK_TOP; k++) {
        best[k] = -1;
        for (int32_t v = 0; v < V; v++) {
            int taken = !words.text[v] || !(words.position[v] & SG_TOKEN_AFTER_BLANK) ||
                        (not_ && strcmp(words.text[v], "film") == 0);
            for (int i = 0; i < k; i++)
                taken |= best[i] == v;
            if (!taken && (best[k] < 0 || logits[v] > logits[best[k]]))
                best[k] = v;
        }
        assert_string_equal(word[k], words.text[best[k]]);
        sum += exp((double)(logits[best[k]] - logits[best[0]]));
    }
    for (int k = 0; k < SG_MASK_TOP; k++)
        assert_true(fabs(share[k] - exp((double)(logits[best[k]] - logits[best[0]])) / sum) < 1.1 / 2000);
    sg_token_words_free(&words);
    sg_free(logits);
    unload(&x);
}

static void words_are_the_likeliest(void **state)
{
    (void)state;
    check_choice("bert", NULL);
    check_choice("roberta", NULL);
    check_choice("bert", "FILM");
    check_choice("roberta", "Film");
}

/* Tokens that are no word of letters, or continue one, are never chosen; nor those of another place in a word. */
static void only_whole_words(void **state)
{
    (void)state;
    struct sg_token_words words;
    struct sg_err err;
    struct loaded x = load("roberta");
    int after = 0, alone = 0;
    assert_int_equal(sg_token_words_create(x.e->source->tokenizer, &words, &err), SG_OK);
    for (int32_t v = 0; v < words.n; v++) {
        const char *w = words.text[v];
        after += w && words.position[v] == SG_TOKEN_AFTER_BLANK && strcmp(w, "film") == 0;
        alone += w && words.position[v] == SG_TOKEN_ALONE && strcmp(w, "film") == 0;
        assert_true(!w || (w[0] && strspn(w, "abcdefghijklmnopqrstuvwxyz") == strlen(w)));
    }
    assert_true(after == 1 && alone == 1);
    sg_token_words_free(&words);
    unload(&x);
    x = load("bert");
    assert_int_equal(sg_token_words_create(x.e->source->tokenizer, &words, &err), SG_OK);
    int n = 0;
    for (int32_t v = 0; v < words.n; v++)
        n += words.text[v] != NULL;
    assert_int_equal(n, 20 + 1); /* the words and "that": no mark, no special token, no "##s" */
    sg_token_words_free(&words);
    unload(&x);
}

/* A text's words are the same alone and among others, on any number of threads. */
static void texts_do_not_matter_to_each_other(void **state)
{
    (void)state;
    enum { N = 40 };
    struct loaded x = load("roberta");
    struct sg_err err;
    static const char *const first[2] = {"the ", "a dull plot and never "}, *const last[2] = {" was bad",
                                                                                              " again"};
    const char *piece[N][2], *nots[N][1];
    double u[N][1];
    struct sg_mask_text text[N];
    for (int i = 0; i < N; i++) {
        piece[i][0] = first[i % 2];
        piece[i][1] = last[i / 2 % 2];
        nots[i][0] = NULL;
        u[i][0] = (i + 0.5) / N;
        text[i] = (struct sg_mask_text){1, piece[i], nots[i], u[i]};
    }
    char *one[N] = {0}, *four[N] = {0};
    assert_int_equal(sg_mask_guess(x.h, text, N, 1, one, &err), SG_OK);
    assert_int_equal(sg_mask_guess(x.h, text, N, 4, four, &err), SG_OK);
    for (int i = 0; i < N; i++) {
        char *alone = guess(&x, piece[i][0], piece[i][1], NULL, u[i][0]);
        assert_string_equal(one[i], alone);
        assert_string_equal(one[i], four[i]);
        sg_free(alone);
        sg_free(one[i]);
        sg_free(four[i]);
    }
    unload(&x);
}

static void some_gaps_stay_empty(void **state)
{
    (void)state;
    struct loaded x = load("bert");
    char *word = guess(&x, "a [MASK] and a ", " film", NULL, 0);
    assert_null(word); /* which of the masks is the gap? */
    char longer[1000] = "";
    for (int i = 0; i < 80; i++)
        strcat(longer, "film ");
    word = guess(&x, longer, " end", NULL, 0);
    assert_null(word); /* behind the last position */
    word = guess(&x, "", longer, NULL, 0);
    assert_non_null(word);
    sg_free(word);
    unload(&x);
}

static void folders_without_one_are_refused(void **state)
{
    (void)state;
    struct sg_encoder *e = NULL;
    struct sg_mask_head *h = NULL;
    struct sg_err err = {0};
    assert_int_equal(sg_encoder_identify("tests/oracle/mask/none", &e, &err), SG_OK);
    assert_int_equal(sg_mask_head_check(e, &err), SG_INPUT);
    assert_non_null(strstr(err.text,
                           "tests/oracle/mask/none: no masked-LM head "
                           "(cls.predictions.transform.dense.weight), which mlm_insert and mlm_replace need; "
                           "hint: train.encoder: a folder of roberta-base or bert-base"));
    assert_int_equal(sg_mask_head_load(e, &h, &err), SG_INPUT);
    assert_null(h);
    sg_encoder_destroy(e);
}

static void memory_may_run_out(void **state)
{
    (void)state;
    struct loaded x = load("bert");
    struct sg_err err;
    const char *piece[2] = {"the ", " was bad"}, *nots[1] = {NULL};
    double u[1] = {0.5};
    struct sg_mask_text text = {1, piece, nots, u};
    for (long k = 1;; k++) {
        char *word = NULL;
        sg_mem_fail_at(k);
        sg_status status = sg_mask_guess(x.h, &text, 1, 1, &word, &err);
        int fired = sg_mem_fail_at(0);
        assert_int_equal(status == SG_OK, !fired);
        assert_int_equal(word != NULL, !fired);
        sg_free(word);
        if (!fired)
            break;
    }
    unload(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_are_transformers), cmocka_unit_test(words_are_the_likeliest),
        cmocka_unit_test(only_whole_words),        cmocka_unit_test(texts_do_not_matter_to_each_other),
        cmocka_unit_test(some_gaps_stay_empty),    cmocka_unit_test(folders_without_one_are_refused),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
