#include "base/mem.h"
#include "model/config.h"
#include "tests/model/temp.h"

/* What a config.json with these keys says of its logits. */
static sg_status read_outputs(const char *keys, struct sg_outputs *out, struct sg_err *err)
{
    char text[1024];
    struct sg_config c;
    int n = snprintf(text, sizeof text, "{\"model_type\":\"bert\"%s%s}", keys[0] ? "," : "", keys);
    sg_status status = sg_config_parse(text, (size_t)n, "config.json", &c, err);
    if (status != SG_OK)
        return status;
    status = sg_config_outputs(&c, "config.json", out, err);
    sg_config_free(&c);
    return status;
}

#define ONE     "\"id2label\":{\"0\":\"x\"}"
#define TWO     "\"id2label\":{\"0\":\"x\",\"1\":\"y\"}"
#define TYPE(t) ",\"problem_type\":\"" t "\""
#define ST(a)   ",\"sentence_transformers\":{\"activation_fn\":\"torch.nn.modules." a "\"}"

static void reads_what_transformers_reads(void **state)
{
    (void)state;
    static const struct {
        const char *keys, *names; /* names: joined by commas */
        enum sg_problem problem;
        int is_default, value_is_sigmoid;
    } cases[] = {
        {"", "LABEL_0,LABEL_1", SG_SINGLE_LABEL, 1, 0},
        {"\"id2label\":null", "LABEL_0,LABEL_1", SG_SINGLE_LABEL, 1, 0},
        {"\"label2id\":{\"a\":0,\"b\":1,\"c\":2}", "LABEL_0,LABEL_1", SG_SINGLE_LABEL, 1, 0},
        {"\"num_labels\":3", "LABEL_0,LABEL_1,LABEL_2", SG_SINGLE_LABEL, 0, 0},
        {"\"num_labels\":1", "LABEL_0", SG_ONE_LABEL, 0, 0},
        {"\"id2label\":{\"1\":\"yes\",\"0\":\"no\",\"2\":3}", "no,yes,3", SG_SINGLE_LABEL, 0, 0},
        {"\"id2label\":{\"00\":\"a\",\"01\":\"b\"}", "a,b", SG_SINGLE_LABEL, 0, 0},
        {"\"id2label\":{\"0\":\"a\",\"1\":\"a\"}", "a,a", SG_SINGLE_LABEL, 0, 0},
        {"\"num_labels\":2," TWO, "x,y", SG_SINGLE_LABEL, 0, 0},
        {TWO TYPE("single_label_classification"), "x,y", SG_SINGLE_LABEL, 0, 0},
        {TWO TYPE("multi_label_classification"), "x,y", SG_MULTI_LABEL, 0, 0},
        {TWO TYPE("regression"), "x,y", SG_REGRESSION, 0, 0},
        {TWO ",\"problem_type\":null", "x,y", SG_SINGLE_LABEL, 0, 0},
        {ONE, "x", SG_ONE_LABEL, 0, 0},
        {ONE TYPE("multi_label_classification"), "x", SG_MULTI_LABEL, 0, 0},
        {ONE TYPE("regression"), "x", SG_REGRESSION, 0, 0},
        {ONE ST("linear.Identity"), "x", SG_ONE_LABEL, 0, 0},
        {ONE ST("activation.Sigmoid"), "x", SG_ONE_LABEL, 0, 1},
        {ONE ",\"sbert_ce_default_activation_function\":\"torch.nn.modules.activation.Sigmoid\"", "x",
         SG_ONE_LABEL, 0, 1},
        {TWO ST("activation.Tanh"), "x,y", SG_SINGLE_LABEL, 0, 0}, /* of a sole class alone */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sg_outputs o;
        struct sg_err err = {0};
        if (read_outputs(cases[i].keys, &o, &err) != SG_OK)
            fail_msg("%s: \"%s\"", cases[i].keys, err.text);
        char names[256] = "";
        for (int k = 0, at = 0; k < o.n_classes; k++)
            at += snprintf(names + at, sizeof names - (size_t)at, "%s%s", k ? "," : "", o.class_name[k]);
        if (strcmp(names, cases[i].names) != 0 || o.problem != cases[i].problem ||
            o.is_default != cases[i].is_default || o.value_is_sigmoid != cases[i].value_is_sigmoid)
            fail_msg("%s: %s, problem %d, default %d, sigmoid %d", cases[i].keys, names, (int)o.problem,
                     o.is_default, o.value_is_sigmoid);
        sg_outputs_free(&o);
    }
}

static void refuses_what_would_be_guessed(void **state)
{
    (void)state;
    static const struct {
        const char *keys, *reason;
    } cases[] = {
        {"\"id2label\":{}", "id2label"},
        {"\"id2label\":[\"a\"]", "id2label"},
        {"\"id2label\":{\"1\":\"a\",\"2\":\"b\"}", "class 0"},
        {"\"id2label\":{\"0\":\"a\",\"2\":\"b\"}", "class 1"},
        {"\"id2label\":{\"0\":\"a\",\"00\":\"b\"}", "class 0 twice"},
        {"\"id2label\":{\"a\":\"0\"}", "no class's number"},
        {"\"id2label\":{\"-1\":\"a\"}", "no class's number"},
        {"\"id2label\":{\"99999999999\":\"a\"}", "no class's number"},
        {"\"id2label\":{\"0\":null,\"1\":\"b\"}", "class 0"},
        {"\"id2label\":{\"0\":false,\"1\":true}", "class 0"},
        {"\"id2label\":{\"0\":0.5,\"1\":1.5}", "class 0"},
        {"\"num_labels\":3," TWO, "which is right"},
        {"\"num_labels\":0", "num_labels"},
        {"\"num_labels\":10001", "num_labels"},
        {"\"num_labels\":\"3\"", "num_labels"},
        {ONE TYPE("single_label_classification"), "sole class"},
        {TWO TYPE("ranking"), "ranking"},
        {TWO ",\"problem_type\":3", "problem_type"},
        {ONE ST("activation.Tanh"), "Tanh"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sg_outputs o = {.n_classes = -1};
        struct sg_err err = {0};
        sg_status status = read_outputs(cases[i].keys, &o, &err);
        if (status != SG_INPUT || !strstr(err.text, cases[i].reason) || o.n_classes != -1)
            fail_msg("%s: status %d, \"%s\"", cases[i].keys, (int)status, err.text);
    }
}

static void survives_without_memory(void **state)
{
    (void)state;
    size_t before = sg_mem_now();
    for (long n = 1, fired = 1; fired; n++) {
        struct sg_outputs o = {0};
        struct sg_err err = {0};
        sg_mem_fail_at(n);
        sg_status status = read_outputs(TWO, &o, &err);
        fired = sg_mem_fail_at(0);
        assert_int_equal(status, fired ? SG_FAILED : SG_OK);
        sg_outputs_free(&o);
        assert_int_equal(sg_mem_now(), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_transformers_reads),
        cmocka_unit_test(refuses_what_would_be_guessed),
        cmocka_unit_test(survives_without_memory),
    };
    return cmocka_run_group_tests(tests, temp_setup, temp_teardown);
}
