#include "model/train_settings.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

const struct sg_train_field sg_train_field[SG_N_TRAIN_FIELDS] = {
#define X(type, field, k, id, ledger, study, text)                                                           \
    {.name = #field,                                                                                         \
     .what = text,                                                                                           \
     .offset = offsetof(struct sg_train_settings, field),                                                    \
     .kind = SG_TRAIN_##k,                                                                                   \
     .in_id = SG_ID_##id,                                                                                    \
     .in_ledger = SG_LEDGER_##ledger,                                                                        \
     .in_study = SG_STUDY_##study},
    SG_TRAIN_SETTINGS(X)
#undef X
};

/* The two integer types are read and written as one, and both enums as int. */
_Static_assert(sizeof(enum sg_precision) == sizeof(int) && sizeof(enum sg_train_reduce) == sizeof(int),
               "an enum of the settings is an int");

static int64_t whole_of(const struct sg_train_settings *s, const struct sg_train_field *f)
{
    const char *at = (const char *)s + f->offset;
    int64_t wide;
    int narrow;
    if (f->kind == SG_TRAIN_WHOLE) {
        memcpy(&wide, at, sizeof wide);
        return wide;
    }
    memcpy(&narrow, at, sizeof narrow);
    return narrow;
}

static double real_of(const struct sg_train_settings *s, const struct sg_train_field *f)
{
    double x;
    memcpy(&x, (const char *)s + f->offset, sizeof x);
    return x;
}

static json_t *number_of(const struct sg_train_settings *s, const struct sg_train_field *f)
{
    return f->kind == SG_TRAIN_REAL ? json_real(real_of(s, f)) : json_integer((json_int_t)whole_of(s, f));
}

int sg_train_settings_pack(const struct sg_train_settings *s, json_t *o)
{
    int bad = 0;
    for (int i = 0; i < SG_N_TRAIN_FIELDS; i++)
        bad |= json_object_set_new(o, sg_train_field[i].name, number_of(s, &sg_train_field[i])) != 0;
    return bad;
}

int sg_train_settings_describe(const struct sg_train_settings *s, json_t *o)
{
    int bad = 0;
    for (int i = 0; i < SG_N_TRAIN_FIELDS; i++) {
        const struct sg_train_field *f = &sg_train_field[i];
        if (f->in_ledger == SG_LEDGER_NO || (f->in_ledger == SG_LEDGER_LATER && whole_of(s, f) == 0))
            continue;
        json_t *v = f->kind == SG_TRAIN_PRECISION ? json_string(sg_precision_name((int)whole_of(s, f)))
                                                  : number_of(s, f);
        bad |= json_object_set_new(o, f->name, v) != 0;
    }
    return bad;
}

static void print(const struct sg_train_settings *s, const struct sg_train_field *f, char out[32])
{
    if (f->kind == SG_TRAIN_REAL)
        sg_format_double(real_of(s, f), out);
    else if (f->kind == SG_TRAIN_PRECISION)
        snprintf(out, 32, "%s", sg_precision_name((int)whole_of(s, f)));
    else
        snprintf(out, 32, "%lld", (long long)whole_of(s, f));
}

void sg_train_settings_id(const struct sg_train_settings *s, char out[SG_TRAIN_ID])
{
    struct sg_train_settings c = *s;
    size_t n = 0;
    if (c.steps)
        c.epochs = c.min_steps = 0;
    for (int i = 0; i < SG_N_TRAIN_FIELDS; i++) {
        const struct sg_train_field *f = &sg_train_field[i];
        char value[32];
        if (f->in_id == SG_ID_NO || (f->in_id == SG_ID_LATER && whole_of(&c, f) == 0))
            continue;
        print(&c, f, value);
        /* The line began with the seed before there was a list: "train" is its word. */
        n += (size_t)snprintf(out + n, SG_TRAIN_ID - n, "%s%s %s", i ? " " : "",
                              i == SG_TRAIN_FIELD_seed ? "train" : f->name, value);
    }
}
