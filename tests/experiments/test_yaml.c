#include "scratch.h"

#include "base/mem.h"
#include "experiments/study/yaml.h"

static sg_status parse(const char *text, size_t n, struct sg_arena **arena, struct sg_yaml **root,
                       struct sg_err *err)
{
    *arena = sg_arena_create();
    *root = NULL;
    assert_non_null(*arena);
    return sg_yaml_parse("f.yaml", 1, text, n, *arena, root, err);
}

static void test_tree(void **state)
{
    (void)state;
    static const char text[] = "a: 1\n"
                               "b:\n"
                               "  - x\n"
                               "  - \"\"\n"
                               "  -\n"
                               "no: {d: ~, e: |\n"
                               "  f\n";
    struct sg_arena *arena;
    struct sg_yaml *root;
    struct sg_err err = {0};
    assert_int_equal(parse(text, strlen(text), &arena, &root, &err), SG_INPUT); /* the { is never closed */
    sg_arena_destroy(arena);
    static const char good[] = "a: 1\nb:\n  - x\n  - \"\"\n  -\nno: {d: ~, e: 'null'}\n";
    assert_int_equal(parse(good, strlen(good), &arena, &root, &err), SG_OK);
    assert_int_equal(root->kind, SG_YAML_MAP);
    assert_int_equal(root->n, 3);
    const struct sg_yaml *a = root->child, *b = a->next, *no = b->next;
    assert_string_equal(a->key, "a");
    assert_string_equal(a->text, "1");
    assert_int_equal(a->line, 1);
    assert_int_equal(a->column, 4);
    assert_int_equal(b->kind, SG_YAML_LIST);
    assert_int_equal(b->n, 3);
    assert_int_equal(b->key_line, 2);
    assert_int_equal(b->child->line, 3);
    assert_int_equal(b->child->column, 5);
    assert_false(sg_yaml_is_null(b->child));
    assert_false(sg_yaml_is_null(b->child->next));
    assert_true(sg_yaml_is_null(b->child->next->next));
    assert_string_equal(no->key, "no"); /* text, whatever YAML 1.1 says */
    assert_true(sg_yaml_is_null(no->child));
    assert_false(sg_yaml_is_null(no->child->next));
    assert_null(no->next);
    sg_arena_destroy(arena);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } row[] = {
        {"a: 1\nb: 2\na: 3\n", "f.yaml:3:1: \"a\" stands twice, first in line 1; hint: keep one of them"},
        {"a: &x 1\n", "f.yaml:1:4: anchors and aliases (&name, *name) are not supported; hint: quote a text "
                      "that begins with "
                      "* or &, or write the value twice"},
        {"a: *x\n", "f.yaml:1:4: anchors and aliases (&name, *name) are not supported; hint: quote a text "
                    "that begins with * "
                    "or &, or write the value twice"},
        {"a: !!python/object 1\n",
         "f.yaml:1:4: tags (!name) are not supported; hint: quote a text that begins with !"},
        {"a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document begins here; hint: one document a file"},
        {"[1, 2]: 3\n", "f.yaml:1:1: a key must be plain text, not a list or a group"},
        {"a: \"x\\0y\"\n", "f.yaml:1:4: the text holds a NUL character"},
        {"a: [1\n", "f.yaml:2:1: not YAML: did not find expected ',' or ']' (while parsing a flow sequence); "
                    "hint: check "
                    "indentation, brackets and quotes"},
        {"a:\tb: c: d\n", NULL},
        {"a: 1\n b: 2\n",
         "f.yaml:2:3: not YAML: mapping values are not allowed in this context; hint: check indentation, "
         "brackets and quotes"},
        {"a: \xff\n",
         "f.yaml: not YAML: invalid leading UTF-8 octet at byte 3; hint: save the file as UTF-8"},
        {"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]\n", "f.yaml:1:17: more than 16 levels inside one another"},
        {"a: 1\n  # sk-abcdefgh12345678\n", "f.yaml:2:5: this looks like an API key; hint: keys stay out of "
                                            "files: put it into an environment variable and write "
                                            "the variable's name (generator.api_key_env: OPENAI_API_KEY)"},
        {"a: \"s\\x6b-abcdefgh12345678\"\n", "f.yaml:1:4: this looks like an API key; hint: keys stay out of "
                                             "files: put it into an environment variable and write "
                                             "the variable's name (generator.api_key_env: OPENAI_API_KEY)"},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sg_arena *arena;
        struct sg_yaml *root;
        struct sg_err err = {0};
        assert_int_equal(parse(row[i].text, strlen(row[i].text), &arena, &root, &err), SG_INPUT);
        assert_null(root);
        if (row[i].message)
            assert_string_equal(err.text, row[i].message);
        sg_arena_destroy(arena);
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct sg_arena *arena;
    struct sg_yaml *root;
    struct sg_err err = {0};
    size_t n = SG_YAML_MAX_BYTES + 1;
    char *text = sg_alloc(n + 1, 1);
    memset(text, ' ', n);
    assert_int_equal(parse(text, n, &arena, &root, &err), SG_INPUT);
    assert_string_equal(err.text, "f.yaml: larger than the limit of 1048576 bytes");
    sg_arena_destroy(arena);
    text[0] = '[';
    for (size_t i = 1; i < 1 + 2 * (SG_YAML_MAX_NODES + 1); i++)
        text[i] = i % 2 ? 'x' : ',';
    text[1 + 2 * (SG_YAML_MAX_NODES + 1)] = ']';
    assert_int_equal(parse(text, 4 + 2 * SG_YAML_MAX_NODES, &arena, &root, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "more than 20000 values in one file"));
    sg_arena_destroy(arena);
    sg_free(text);
    assert_int_equal(parse("# nothing\n", 10, &arena, &root, &err), SG_OK);
    assert_null(root);
    sg_arena_destroy(arena);
}

static void test_secrets(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        long at;
    } row[] = {
        {"sk-proj-abc123", 0},         {"key=sk-12345678", 4},
        {"task-specific-prompts", -1}, {"sk-short", -1},
        {"OPENAI_API_KEY", -1},        {"hf_abcdefghijklmnopqrst", 0},
        {"disk-abcdefghijkl", -1},     {"", -1},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        assert_int_equal(sg_yaml_find_secret(row[i].text, strlen(row[i].text)), row[i].at);
}

/* Every allocation fails once: no crash, no leak, the right status. */
static void test_memory(void **state)
{
    (void)state;
    static const char text[] = "a: [1, 2]\nb: {c: d}\n";
    size_t before = sg_mem_now();
    for (long n = 1; n < 100; n++) {
        sg_mem_fail_at(n);
        struct sg_arena *arena = sg_arena_create();
        struct sg_yaml *root = NULL;
        struct sg_err err = {0};
        sg_status status = arena ? sg_yaml_parse("f", 1, text, strlen(text), arena, &root, &err) : SG_FAILED;
        sg_arena_destroy(arena);
        assert_int_equal(sg_mem_now(), before);
        if (!sg_mem_fail_at(0)) {
            assert_int_equal(status, SG_OK);
            assert_true(n > 2);
            return;
        }
        assert_int_equal(status, SG_FAILED);
    }
    fail();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),    cmocka_unit_test(test_refused), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_secrets), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
