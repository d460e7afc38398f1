/* experiments/run/resample.h: the settings that a ledger has, as overrides, make the same study of whatever the file says now. */
#include "experiments/run/resample.h"

#include "base/file.h"
#include "experiments/study/study.h"

#include "scratch.h"

static struct sg_err err;

static const char base[] = "study: s\ntasks: [single]\nsizes: [10, 20]\nraw: [40]\ngenerator: "
                           "{usd_per_1m_input: 0, usd_per_1m_output: 0}\n";

static void read_ok(const char *path, int n, const char *const *overrides, struct sg_study **s)
{
    if (sg_study_read(path, n, overrides, s, &err) != SG_OK)
        fail_msg("%s", err.text);
}

/* What is pinned is what was resolved: of a file that was edited, too. */
static void pinned_settings_are_the_study(void **state)
{
    (void)state;
    static const struct {
        const char *file, *edited;
        const char *override[6];
        int n;
    } of[] = {
        {base, "study: t\ntasks: [single]\nsizes: [7]\nraw: [9]\ntrain: {epochs: 9, lr: 0.5}\n", {0}, 0},
        {base,
         base,
         {"generator.extra={a: {b: [1, \"x\"]}, c: null, text: \"a=b: c\"}", "train.lr=1.5e-4",
          "train.dropout=0", "mixes=[synthetic,raw]", "llm_eval.shots=[0,3]", "filter.near_duplicates=0.9"},
         6},
        {"study: s\ntasks: [single]\nsizes: [5]\nmixes: [synthetic]\ngenerators:\n  a: {model: m, "
         "api_key_env: A, extra: {k: "
         "{v: 1}}}\n  b: {model: n, api_key_env: B, "
         "base_url: http://127.0.0.1:1/v1}\n",
         "study: s\ntasks: [single]\nsizes: [5]\nmixes: [synthetic]\ngenerators:\n  a: {model: other, "
         "api_key_env: A}\n  b: "
         "{model: n, api_key_env: B, base_url: "
         "http://127.0.0.1:2/v1, temperature: 0.5}\n",
         {"generators.b.temperature=0.25"},
         1},
    };
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        struct sg_study *then = NULL, *now = NULL;
        const char *pinned[200];
        json_t *list = NULL;
        put("then.yaml", of[i].file);
        put("now.yaml", of[i].edited);
        read_ok("then.yaml", of[i].n, of[i].override, &then);
        assert_int_equal(sg_resample_settings(then->resolved, &list, &err), SG_OK);
        int n = (int)json_array_size(list);
        assert_true(n > 40 && n < 200);
        for (int k = 0; k < n; k++)
            pinned[k] = json_string_value(json_array_get(list, (size_t)k));
        read_ok("now.yaml", n, pinned, &now);
        assert_string_equal(now->resolved, then->resolved);
        json_decref(list);
        sg_study_destroy(then);
        sg_study_destroy(now);
    }
    json_t *none = NULL;
    assert_int_equal(sg_resample_settings("{\"train\":", &none, &err), SG_INPUT);
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pinned_settings_are_the_study)};
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
