#include "model/config.h"

#include "base/mem.h"
#include "tests/model/temp.h"

#include <jansson.h>
#include <sys/stat.h>

static sg_status parse(const char *text, struct sg_config *c, struct sg_err *err)
{
    return sg_config_parse(text, strlen(text), "config.json", c, err);
}

static void has_the_defaults_of_transformers(void **state)
{
    (void)state;
    struct sg_config c;
    struct sg_err err = {0};
    assert_int_equal(parse("{\"model_type\":\"bert\"}", &c, &err), SG_OK);
    assert_true(c.family == sg_family_find("bert") && c.V == 30522 && c.C == 768 && c.L == 12 && c.H == 12 &&
                c.F == 3072);
    assert_true(c.n_positions == 512 && c.max_length == 512 && c.n_types == 2 && c.pad_id == 0 &&
                c.eps == 1e-12);
    assert_true(c.init_std == 0.02 && c.dropout == 0.1 && c.attention_dropout == 0.1 &&
                c.classifier_dropout == 0.1);
    assert_true(c.activation == SG_GELU_ERF);
    sg_config_free(&c);
    assert_int_equal(parse("{\"model_type\":\"roberta\"}", &c, &err), SG_OK);
    assert_true(c.family == sg_family_find("roberta") && c.V == 50265 && c.pad_id == 1 && c.eps == 1e-12 &&
                c.n_types == 2);
    assert_true(c.n_positions == 512 && c.max_length == 510);
    sg_config_free(&c);
}

static void reads_what_is_given(void **state)
{
    (void)state;
    struct sg_config c, copy;
    struct sg_err err = {0};
    assert_int_equal(
        parse("{\"model_type\":\"xlm-roberta\",\"vocab_size\":99,\"hidden_size\":24,\"num_hidden_layers\":3,"
              "\"num_attention_heads\":4,\"intermediate_size\":48,\"max_position_embeddings\":34,"
              "\"type_vocab_size\":1,\"pad_token_id\":1,\"layer_norm_eps\":1e-05,\"hidden_dropout_prob\":0.2,"
              "\"attention_probs_dropout_prob\":0,\"classifier_dropout\":null,\"hidden_act\":\"gelu_new\","
              "\"initializer_range\":0.5,\"unknown\":[1]}",
              &c, &err),
        SG_OK);
    assert_true(c.V == 99 && c.C == 24 && c.L == 3 && c.H == 4 && c.F == 48 && c.max_length == 32 &&
                c.n_types == 1);
    assert_true(c.eps == 1e-5 && c.dropout == 0.2 && c.attention_dropout == 0 && c.classifier_dropout == 0.2);
    assert_true(c.activation == SG_GELU_TANH && c.init_std == 0.5);
    assert_int_equal(sg_config_copy(&c, &copy, &err), SG_OK);
    sg_config_free(&c);
    assert_non_null(strstr(copy.json, "xlm-roberta"));
    sg_config_free(&copy);
}

static void refuses_hostile_values(void **state)
{
    (void)state;
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"", "not JSON"},
        {"[]", "object"},
        {"{\"model_type\":\"bert\",\"model_type\":\"bert\"}", "duplicate"},
        {"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"},
        {"{}", "model_type"},
        {"{\"model_type\":7}", "model_type"},
        {"{\"model_type\":\"gpt2\"}", "gpt2"},
        {"{\"model_type\":\"bert\",\"hidden_size\":770}", "multiple"},
        {"{\"model_type\":\"bert\",\"num_attention_heads\":0}", "num_attention_heads"},
        {"{\"model_type\":\"bert\",\"hidden_size\":0}", "hidden_size"},
        {"{\"model_type\":\"bert\",\"hidden_size\":-768}", "hidden_size"},
        {"{\"model_type\":\"bert\",\"hidden_size\":\"768\"}", "hidden_size"},
        {"{\"model_type\":\"bert\",\"hidden_size\":768.0}", "hidden_size"},
        {"{\"model_type\":\"bert\",\"hidden_size\":4294968064}", "hidden_size"}, /* 768 in 32 bits */
        {"{\"model_type\":\"bert\",\"hidden_size\":99999999999999999999}", "not JSON"},
        {"{\"model_type\":\"bert\",\"num_hidden_layers\":1000000}", "num_hidden_layers"},
        {"{\"model_type\":\"bert\",\"vocab_size\":9223372036854775807}", "vocab_size"},
        {"{\"model_type\":\"bert\",\"vocab_size\":16777216,\"hidden_size\":65536,\"num_attention_heads\":1}",
         "parameters"},
        {"{\"model_type\":\"bert\",\"intermediate_size\":0}", "intermediate_size"},
        {"{\"model_type\":\"bert\",\"max_position_embeddings\":4}", "no room"},
        {"{\"model_type\":\"roberta\",\"max_position_embeddings\":6}", "no room"},
        {"{\"model_type\":\"roberta\",\"pad_token_id\":50265}", "pad_token_id"},
        {"{\"model_type\":\"roberta\",\"pad_token_id\":-1}", "pad_token_id"},
        {"{\"model_type\":\"roberta\",\"pad_token_id\":600}", "no room"},
        {"{\"model_type\":\"bert\",\"type_vocab_size\":0}", "type_vocab_size"},
        {"{\"model_type\":\"bert\",\"layer_norm_eps\":0}", "layer_norm_eps"},
        {"{\"model_type\":\"bert\",\"layer_norm_eps\":-1e-12}", "layer_norm_eps"},
        {"{\"model_type\":\"bert\",\"layer_norm_eps\":\"1e-12\"}", "layer_norm_eps"},
        {"{\"model_type\":\"bert\",\"layer_norm_eps\":1e999}", "not JSON"},
        {"{\"model_type\":\"bert\",\"layer_norm_eps\":NaN}", "not JSON"},
        {"{\"model_type\":\"bert\",\"layer_norm_eps\":\"\\ud800\"}", "not JSON"},
        {"{\"model_type\":\"bert\xff\"}", "not JSON"},
        {"{\"model_type\":\"bert\",\"hidden_dropout_prob\":1}", "hidden_dropout_prob"},
        {"{\"model_type\":\"bert\",\"hidden_dropout_prob\":-0.1}", "hidden_dropout_prob"},
        {"{\"model_type\":\"bert\",\"classifier_dropout\":2}", "classifier_dropout"},
        {"{\"model_type\":\"bert\",\"hidden_act\":\"relu\"}", "relu"},
        {"{\"model_type\":\"bert\",\"hidden_act\":\"gelu_10\"}", "gelu_10"},
        {"{\"model_type\":\"bert\",\"hidden_act\":3}", "hidden_act"},
        {"{\"model_type\":\"bert\",\"is_decoder\":true}", "is_decoder"},
        {"{\"model_type\":\"bert\",\"position_embedding_type\":\"relative_key\"}", "relative_key"},
        {"{\"model_type\":\"bert\",\"pruned_heads\":{\"0\":[1]}}", "pruned_heads"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sg_config c;
        struct sg_err err = {0};
        sg_status status = parse(cases[i].text, &c, &err);
        if (status != SG_INPUT || !strstr(err.text, cases[i].reason))
            fail_msg("%s: status %d, \"%s\"", cases[i].text, (int)status, err.text);
    }
    static const char nul[] = "{\"model_type\":\"bert\",\"type_vocab_size\":2\0}";
    struct sg_config c;
    struct sg_err err = {0};
    assert_int_equal(sg_config_parse(nul, sizeof nul - 1, "config.json", &c, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "NUL"));
}

/* Rows fit together; what none knows is refused with the names of all. */
static void families_are_rows(void **state)
{
    (void)state;
    static const char *const types[] = {"bert", "roberta", "xlm-roberta"};
    struct sg_err e = {0};
    struct sg_config c;
    for (int i = 0; i < 3; i++) {
        const struct sg_family *f = sg_family_find(types[i]);
        assert_non_null(f);
        for (int k = 0; k < SG_N_HEAD; k++)
            assert_non_null(f->head[k]);
        assert_int_equal(strncmp(f->head[SG_HEAD_DENSE_W], f->prefix, strlen(f->prefix)) == 0, f->has_pooler);
        assert_true(f->prefix[strlen(f->prefix) - 1] == '.' && f->pad_id < f->vocab_size && f->hidden_act);
    }
    static const char other[] = "{\"model_type\": \"electra\"}";
    assert_null(sg_family_find("electra"));
    assert_null(sg_family_find(NULL));
    assert_int_equal(sg_config_parse(other, sizeof other - 1, "x", &c, &e), SG_INPUT);
    assert_non_null(strstr(e.text, "\"electra\" is not supported; hint: bert, roberta and xlm-roberta are"));
}

static void writes_a_classifier(void **state)
{
    struct sg_config c, back;
    struct sg_err err = {0};
    assert_int_equal(
        parse("{\"model_type\":\"roberta\",\"architectures\":[\"RobertaForMaskedLM\"],\"vocab_size\":99,"
              "\"hidden_size\":24,\"num_attention_heads\":4,\"layer_norm_eps\":1e-5,\"bos_token_id\":0,"
              "\"torch_dtype\":\"float16\",\"num_labels\":7,\"problem_type\":\"regression\",\"sentence_"
              "transformers\":{},\"mine\":{\"x\":[1,2]}}",
              &c, &err),
        SG_OK);
    static const char *const names[3] = {"law, \"crime\" and family", "été", "c"}, *const same[2] = {"a",
                                                                                                     "a"};
    assert_int_equal(sg_config_write(&c, same, 2, *state, &err), SG_INPUT);
    c.dropout = 0.25;
    assert_int_equal(sg_config_write(&c, names, 3, *state, &err), SG_OK);
    assert_int_equal(sg_config_load(*state, &back, &err), SG_OK);
    assert_true(back.family == sg_family_find("roberta") && back.V == 99 && back.C == 24 && back.H == 4 &&
                back.eps == c.eps);
    assert_true(back.L == 12 && back.dropout == 0.25 && back.classifier_dropout == 0.1);
    struct sg_outputs outputs;
    assert_int_equal(sg_config_outputs(&back, "config.json", &outputs, &err), SG_OK);
    assert_true(outputs.n_classes == 3 && outputs.problem == SG_SINGLE_LABEL);
    for (int k = 0; k < 3; k++)
        assert_string_equal(outputs.class_name[k], names[k]);
    sg_outputs_free(&outputs);
    json_t *json = json_loads(back.json, 0, NULL);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_array_get(json_object_get(json, "architectures"), 0)),
                        "RobertaForSequenceClassification");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "label2id"), "c")), 2);
    assert_int_equal(json_array_size(json_object_get(json_object_get(json, "mine"), "x")), 2);
    assert_string_equal(json_string_value(json_object_get(json, "dtype")), "float32");
    assert_null(json_object_get(json, "torch_dtype"));
    assert_null(json_object_get(json, "num_labels"));
    assert_null(json_object_get(json, "sentence_transformers"));
    assert_int_equal(json_integer_value(json_object_get(json, "num_hidden_layers")), 12);
    json_decref(json);
    sg_config_free(&back);

    assert_int_equal(sg_config_write(&c, NULL, 2, *state, &err), SG_OK);
    assert_int_equal(sg_config_load(*state, &back, &err), SG_OK);
    assert_int_equal(sg_config_outputs(&back, "config.json", &outputs, &err), SG_OK);
    assert_string_equal(outputs.class_name[1], "LABEL_1");
    sg_outputs_free(&outputs);
    sg_config_free(&back);
    assert_int_equal(sg_config_write(&c, NULL, 2, "/nowhere", &err), SG_FAILED);
    sg_config_free(&c);
    assert_int_equal(sg_config_load("/nowhere", &back, &err), SG_INPUT);
}

static void refuses_what_is_no_file(void **state)
{
    struct sg_config c;
    struct sg_err err;
    char *path = temp_path(*state, "config.json"), deep[200001];
    unlink(path); /* another test's */
    assert_int_equal(sg_config_load(*state, &c, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "no such file"));
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(sg_config_load(*state, &c, &err), SG_INPUT); /* and does not hang */
    assert_non_null(strstr(err.text, "no regular one"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(sg_config_load(*state, &c, &err), SG_INPUT);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(symlink("/dev/zero", path), 0);
    assert_int_equal(sg_config_load(*state, &c, &err), SG_INPUT);
    assert_int_equal(unlink(path), 0);
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = 0;
    memcpy(deep, "{\"a\":", 5);
    assert_int_equal(parse(deep, &c, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "depth"));
    sg_free(path);
}

static void survives_without_memory(void **state)
{
    (void)state;
    size_t before = sg_mem_now();
    for (long n = 1, fired = 1; fired; n++) {
        struct sg_config c = {0}, copy = {0};
        struct sg_err err = {0};
        sg_mem_fail_at(n);
        sg_status status = parse("{\"model_type\":\"bert\"}", &c, &err);
        if (status == SG_OK)
            status = sg_config_copy(&c, &copy, &err);
        fired = sg_mem_fail_at(0);
        assert_int_equal(status, fired ? SG_FAILED : SG_OK);
        sg_config_free(&c);
        sg_config_free(&copy);
        assert_int_equal(sg_mem_now(), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_defaults_of_transformers),
        cmocka_unit_test(reads_what_is_given),
        cmocka_unit_test(refuses_hostile_values),
        cmocka_unit_test(families_are_rows),
        cmocka_unit_test(writes_a_classifier),
        cmocka_unit_test(survives_without_memory),
        cmocka_unit_test(refuses_what_is_no_file),
    };
    return cmocka_run_group_tests(tests, temp_setup, temp_teardown);
}
