#include "experiments/run/left_behind.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/set.h"
#include "base/text.h"
#include "results/ledger/ledger_look.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_TOLD = 3 }; /* so many settings are named */

struct search {
    const struct sg_prepared *p;
    struct sg_set *ids; /* of the study's cells */
    json_t *values;     /* setting -> value -> true: what the study's cells have; NULL until it is needed */
    json_t *train;      /* the settings of train.* */
    json_t *count;      /* "train.epochs 3" -> cells */
    int64_t n;
};

/* Of a number, text or flag; "" of anything else. */
static void value_text(const json_t *x, char *text, size_t n)
{
    if (json_is_integer(x))
        snprintf(text, n, "%lld", (long long)json_integer_value(x));
    else if (json_is_real(x))
        snprintf(text, n, "%.12g", json_real_value(x));
    else
        snprintf(text, n, "%s",
                 json_is_string(x)  ? json_string_value(x)
                 : json_is_true(x)  ? "true"
                 : json_is_false(x) ? "false"
                                    : "");
    sg_text_whole(text);
}

static sg_status take_values(struct search *s, struct sg_err *err)
{
    const struct sg_prepared *p = s->p;
    const char *key;
    json_t *x;
    s->values = json_object();
    s->train = json_object();
    if (!s->train || sg_train_settings_describe(&p->study->train, s->train))
        return sg_fail_memory(err, 1000);
    for (int64_t i = 0; i < p->grid.n_cells; i++) {
        char *text = sg_cell_settings(p, &p->grid.cell[i]), value[200];
        json_t *settings = text ? json_loads(text, 0, NULL) : NULL;
        sg_free(text);
        if (!settings)
            return sg_fail_memory(err, 4096);
        json_object_foreach (settings, key, x) {
            json_t *of = json_object_get(s->values, key);
            value_text(x, value, sizeof value);
            if (!of)
                json_object_set_new(s->values, key, of = json_object());
            json_object_set_new(of, value, json_true());
        }
        json_decref(settings);
    }
    return SG_OK;
}

/* Whether the study has no such value; text: "train.epochs 3". */
static int is_foreign(const struct search *s, const json_t *settings, const char *key, char *text, size_t n)
{
    char value[200];
    const json_t *x = json_object_get(settings, key);
    if (!x)
        return 0;
    value_text(x, value, sizeof value);
    if (!value[0] || json_object_get(json_object_get(s->values, key), value)) /* no method: raw rows alone */
        return 0;
    if (strcmp(key, "data_sha256") == 0)
        snprintf(text, n, "other rows of %.60s", sg_json_text_or(settings, "task", ""));
    else if (strcmp(key, "encoder_sha256") == 0)
        snprintf(text, n, "another encoder in the same place");
    else
        snprintf(text, n, "%s%.60s %.100s", json_object_get(s->train, key) ? "train." : "", key, value);
    sg_text_whole(text);
    return 1;
}

/* What it is known by: the first setting whose value the study does not have. */
static void name_of(const struct search *s, const json_t *settings, char *text, size_t n)
{
    static const char *const first[] = {"task",       "mix",     "method",          "classifier",
                                        "size",       "raw",     "seed_generation", "seed_data",
                                        "seed_train", "encoder", "data_sha256",     "encoder_sha256"};
    const char *key;
    json_t *x;
    for (size_t i = 0; i < sizeof first / sizeof first[0]; i++)
        if (is_foreign(s, settings, first[i], text, n))
            return;
    json_object_foreach ((json_t *)settings, key, x) {
        if (!json_is_array(x) && is_foreign(s, settings, key, text, n))
            return;
    }
    snprintf(text, n, "other settings");
}

static sg_status look(void *context, const struct sg_ledger_cell_row *c, struct sg_err *err)
{
    struct search *s = context;
    char text[240];
    if (!c->status || strcmp(c->status, "done") != 0 || sg_set_has(s->ids, c->id, strlen(c->id)))
        return SG_OK;
    if (!s->values)
        SG_TRY(take_values(s, err));
    json_t *settings = c->settings ? json_loads(c->settings, JSON_REJECT_DUPLICATES, NULL) : NULL;
    name_of(s, settings, text, sizeof text);
    json_decref(settings);
    json_object_set_new(s->count, text, json_integer(sg_json_int_or(s->count, text, 0) + 1));
    s->n++;
    return SG_OK;
}

/* The settings, the most frequent first; "8 of train.epochs 3, 4 of size 20", without the number where there is one. */
static void put_names(struct search *s, struct sg_buf *out)
{
    size_t n_names = json_object_size(s->count);
    for (int told = 0; json_object_size(s->count) && told < N_TOLD; told++) {
        const char *key, *most = NULL;
        json_t *x;
        int64_t n = 0;
        json_object_foreach (s->count, key, x) {
            if (json_integer_value(x) > n) {
                n = json_integer_value(x);
                most = key;
            }
        }
        sg_buf_puts(out, told ? ", " : "");
        if (n_names > 1)
            sg_buf_printf(out, "%lld of ", (long long)n);
        sg_buf_safe(out, most, 200);
        json_object_del(s->count, most);
    }
    if (json_object_size(s->count))
        sg_buf_puts(out, ", and others");
}

static void tell(struct search *s, struct sg_buf *out)
{
    int is_one = json_object_size(s->count) == 1;
    sg_buf_printf(out, "%lld finished %s", (long long)s->n, sg_plural(s->n, "cell", "cells"));
    if (is_one) {
        sg_buf_puts(out, " of ");
        put_names(s, out);
    }
    sg_buf_printf(out, " %s in the ledger and no part of this study; %s", sg_plural(s->n, "is", "are"),
                  sg_plural(s->n, "it stays", "they stay"));
    if (!is_one) {
        sg_buf_puts(out, ": ");
        put_names(s, out);
    }
}

sg_status sg_left_behind(const struct sg_prepared *p, struct sg_ledger *l, int64_t *n, struct sg_buf *out,
                         struct sg_err *err)
{
    struct search s = {.p = p, .count = json_object()};
    sg_status status = s.count ? sg_set_create(&s.ids, err) : sg_fail_memory(err, 100);
    for (int64_t i = 0; status == SG_OK && i < p->grid.n_cells; i++)
        status = sg_set_add(s.ids, p->grid.cell[i].id, strlen(p->grid.cell[i].id), err);
    if (status == SG_OK)
        status = sg_ledger_cells_each(l, look, &s, err);
    if (status == SG_OK && s.n)
        tell(&s, out);
    if (status == SG_OK)
        *n = s.n;
    sg_set_destroy(s.ids);
    json_decref(s.values);
    json_decref(s.train);
    json_decref(s.count);
    return status;
}
