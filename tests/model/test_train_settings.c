/* The one list of what a fine-tuning is told. */
#include "base/mem.h"
#include "model/train_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Every byte that can be is another one than 0 and than its neighbours: a field that a list forgets comes back as 0. */
static void fill(struct sg_train_settings *s)
{
    memset(s, 0, sizeof *s);
    for (int i = 0; i < SG_N_TRAIN_FIELDS; i++) {
        const struct sg_train_field *f = &sg_train_field[i];
        char *at = (char *)s + f->offset;
        double real = 1.0 / (3 + i);
        int64_t wide = 1000003 * (i + 1);
        int narrow = 1; /* each enum has two values */
        if (f->kind == SG_TRAIN_REAL)
            memcpy(at, &real, sizeof real);
        else if (f->kind == SG_TRAIN_WHOLE)
            memcpy(at, &wide, sizeof wide);
        else
            memcpy(at, &narrow, sizeof narrow);
    }
}

static void each_setting_is_packed(void **state)
{
    (void)state;
    struct sg_train_settings s;
    fill(&s);
    json_t *o = json_object();
    assert_int_equal(sg_train_settings_pack(&s, o), 0);
    assert_int_equal(json_object_size(o), SG_N_TRAIN_FIELDS);
    char *text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    o = json_loads(text, 0, NULL);
    free(text);
    for (int i = 0; i < SG_N_TRAIN_FIELDS; i++) { /* not one may be missing, and no bit of a number */
        const struct sg_train_field *f = &sg_train_field[i];
        const json_t *v = json_object_get(o, f->name);
        assert_true(f->kind == SG_TRAIN_REAL
                        ? json_real_value(v) == 1.0 / (3 + i)
                        : json_integer_value(v) == (f->kind == SG_TRAIN_WHOLE ? 1000003 * (i + 1) : 1));
    }
    json_decref(o);
}

/* Lines that the ids of today's ledgers were made of. */
static void an_id_has_its_line(void **state)
{
    (void)state;
    char line[SG_TRAIN_ID];
    struct sg_train_settings s = {.epochs = 3,
                                  .batch = 16,
                                  .max_length = 256,
                                  .lr = 2e-4,
                                  .warmup = 0.1,
                                  .weight_decay = 0.01,
                                  .clip = 1,
                                  .dropout = -1,
                                  .threads = 8};
    const char *const start = "train 0 epochs 3 steps 0 batch 16 max_length 256 lanes 0 lr 0.0002 warmup 0.1 "
                              "weight_decay 0.01 clip 1 dropout -1";
    sg_train_settings_id(&s, line);
    assert_string_equal(line, start);
    s.threads = 1;
    s.reduce = SG_TRAIN_MPI_ALLREDUCE;
    sg_train_settings_id(&s, line);
    assert_string_equal(line, start);
    s.min_steps = 100;
    s.precision = SG_BF16;
    sg_train_settings_id(&s, line);
    assert_memory_equal(line, start, strlen(start));
    assert_string_equal(line + strlen(start), " precision bf16 min_steps 100");
    s.layers = 4;
    s.freeze = 2;
    sg_train_settings_id(&s, line);
    assert_string_equal(line + strlen(start), " precision bf16 min_steps 100 layers 4 freeze 2");
    s.steps = 20;
    s.seed = 4294967295u;
    sg_train_settings_id(&s, line);
    assert_non_null(strstr(line, "train 4294967295 epochs 0 steps 20 "));
    assert_null(strstr(line, "min_steps"));
}

/* Ids and ledgers hold them: a number that is as long as numbers get has room. */
static void the_longest_fits(void **state)
{
    (void)state;
    char line[SG_TRAIN_ID];
    struct sg_train_settings s;
    fill(&s);
    for (int i = 0; i < SG_N_TRAIN_FIELDS; i++) {
        double real = -1.2345678901234567e-300;
        int64_t wide = INT64_MIN;
        if (sg_train_field[i].kind == SG_TRAIN_REAL)
            memcpy((char *)&s + sg_train_field[i].offset, &real, sizeof real);
        else if (sg_train_field[i].kind == SG_TRAIN_WHOLE && i != SG_TRAIN_FIELD_steps)
            memcpy((char *)&s + sg_train_field[i].offset, &wide, sizeof wide);
    }
    s.steps = 0;
    sg_train_settings_id(&s, line);
    assert_true(strlen(line) < SG_TRAIN_ID - 100);
    assert_non_null(strstr(line, "min_steps -9223372036854775808"));
}

static void the_ledger_has_what_it_had(void **state)
{
    (void)state;
    struct sg_train_settings s = {
        .epochs = 3, .batch = 16, .max_length = 256, .lr = 0.5, .warmup = 0.25, .clip = 1};
    for (int bf16 = 0; bf16 < 2; bf16++) {
        json_t *o = json_object();
        s.precision = bf16 ? SG_BF16 : SG_FP32;
        assert_int_equal(sg_train_settings_describe(&s, o), 0);
        char *text = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
        assert_string_equal(
            text,
            bf16 ? "{\"batch\":16,\"clip\":1.0,\"dropout\":0.0,\"epochs\":3,\"lr\":0.5,\"max_length\":256,"
                   "\"min_steps\":0,\"precision\":\"bf16\",\"steps\":0,\"warmup\":0.25,\"weight_decay\":0.0}"
                 : "{\"batch\":16,\"clip\":1.0,\"dropout\":0.0,\"epochs\":3,\"lr\":0.5,\"max_length\":256,"
                   "\"min_steps\":0,\"steps\":0,\"warmup\":0.25,\"weight_decay\":0.0}");
        free(text);
        json_decref(o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_setting_is_packed), cmocka_unit_test(an_id_has_its_line),
        cmocka_unit_test(the_longest_fits), cmocka_unit_test(the_ledger_has_what_it_had)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
