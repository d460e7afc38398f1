/* What the tests of texts share: tests/oracle/texts.json (made by make_texts.py), texts of its lists, made-up pools. */
#ifndef SG_TESTS_RESULTS_TEXTS_ORACLE_H
#define SG_TESTS_RESULTS_TEXTS_ORACLE_H

#include "base/rng.h"
#include "tests/base/check.h"

#include <jansson.h>
#include <math.h>

static json_t *oracle; /* borrowed strings of it are the texts */

static int read_oracle(void)
{
    json_error_t why;
    oracle = json_load_file("tests/oracle/texts.json", 0, &why);
    if (!oracle)
        fprintf(stderr, "tests/oracle/texts.json: %s\n", why.text);
    return oracle == NULL;
}

static inline double number_of(const json_t *o, const char *name)
{
    const json_t *x = json_object_get(o, name);
    return json_is_number(x) ? json_number_value(x) : (double)NAN;
}

static inline const char **texts_of(const json_t *o, int64_t *n)
{
    const json_t *list = json_object_get(o, "texts"), *x;
    const char **text = sg_alloc(json_array_size(list) + 1, sizeof *text);
    size_t i;
    *n = (int64_t)json_array_size(list);
    json_array_foreach (list, i, x)
        text[i] = json_string_value(x);
    return text;
}

static inline int32_t *labels_of(const json_t *o)
{
    const json_t *list = json_object_get(o, "label"), *x;
    int32_t *label = sg_alloc(json_array_size(list) + 1, sizeof *label);
    size_t i;
    json_array_foreach (list, i, x)
        label[i] = (int32_t)json_integer_value(x);
    return label;
}

/* What is measured is rounded to 9 digits. */
static inline void assert_close(const char *what, double is, double wanted)
{
    if (isnan(wanted) ? !isnan(is) : !(fabs(is - wanted) <= 6e-9 * (1 + fabs(wanted))))
        fail_msg("%s: %.12g is not %.12g", what, is, wanted);
}

enum { MADE_MOST = 200, MADE_BYTES = 200 };

/* A pool of n texts of two classes, words drawn alike; a share `gives_away` of those of class 0 has the word "giveaway". */
struct made_pool {
    char bytes[MADE_MOST][MADE_BYTES];
    const char *text[MADE_MOST];
    int32_t label[MADE_MOST];
};

static inline void make_pool(struct made_pool *m, int n, uint64_t seed, double gives_away)
{
    struct sg_rng r = sg_rng_make(seed, 0);
    for (int i = 0; i < n; i++) {
        m->label[i] = i % 2;
        m->text[i] = m->bytes[i];
        char *p = m->bytes[i];
        int n_words = 5 + (int)sg_rng_below(&r, 8);
        for (int j = 0; j < n_words; j++) /* the square of a share: some words are common */
            p += snprintf(p, 12, "%sw%d", j ? " " : "", (int)(300 * pow(sg_rng_uniform(&r), 2)));
        if (m->label[i] == 0 && sg_rng_uniform(&r) < gives_away)
            snprintf(p, 12, " giveaway");
    }
}

#endif
