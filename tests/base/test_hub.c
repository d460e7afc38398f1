#include "check.h"

#include "base/file.h"
#include "base/hub.h"
#include "base/mem.h"
#include "tests/results/scratch.h"

#include <stdlib.h>
#include <unistd.h>

static void names(void **state)
{
    (void)state;
    struct sg_hub_name n;
    static const struct {
        const char *text, *repo, *revision;
    } good[] = {{"FacebookAI/roberta-base", "FacebookAI/roberta-base", ""},
                {"a/b_c.d@v1.0", "a/b_c.d", "v1.0"},
                {"a/b@refs/pr/1", "a/b", "refs/pr/1"}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(sg_hub_name_parse(good[i].text, &n));
        assert_string_equal(n.repo, good[i].repo);
        assert_string_equal(n.revision, good[i].revision);
    }
    static const char *const bad[] = {"",         "roberta", "/a/b",     "a/b/c", "../b",
                                      "a/..",     "./a",     "a/",       "/b",    "a/b@",
                                      "a/b@../c", "a/b@/c",  "a/b@c//d", "a b/c", "a--b/c",
                                      "a/b@c d",  "a/.git",  "a/b@c/..", "-a/b",  "a/b@-c"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (sg_hub_name_parse(bad[i], &n))
            fail_msg("\"%s\" passes for a name", bad[i]);
    assert_string_equal(n.repo, "a/b"); /* untouched */
    char long_name[300] = "a/";
    memset(long_name + 2, 'b', 250);
    assert_false(sg_hub_name_parse(long_name, &n));
}

static void expect_cache(const char *wanted)
{
    char *cache = sg_hub_cache();
    assert_string_equal(cache, wanted);
    sg_free(cache);
}

static void caches(void **state)
{
    (void)state;
    setenv("HOME", "/home/me", 1);
    expect_cache("/home/me/.cache/huggingface/hub");
    setenv("XDG_CACHE_HOME", "/x", 1);
    expect_cache("/x/huggingface/hub");
    setenv("HF_HOME", "~/hf", 1);
    expect_cache("/home/me/hf/hub");
    setenv("HF_HUB_CACHE", "", 1);
    expect_cache("/home/me/hf/hub");
    setenv("HUGGINGFACE_HUB_CACHE", "/old", 1);
    expect_cache("/old");
    setenv("HF_HUB_CACHE", "/hub", 1);
    expect_cache("/hub");
}

static void put(const char *path, const char *text)
{
    char *file = sg_path_join(scratch, path), *dir = sg_path_dir(file);
    OK(sg_mkdirs(dir, &err));
    OK(sg_file_write(file, text, strlen(text), &err));
    sg_free(dir);
    sg_free(file);
}

/* wanted: below the repository's folder; NULL: nothing is found. */
static void expect_model(const char *name, const char *wanted)
{
    char *found = sg_hub_find_model(name), path[400];
    snprintf(path, sizeof path, "%s/models--me--x/%s", scratch, wanted ? wanted : "");
    if (!found != !wanted || (found && strcmp(found, path) != 0))
        fail_msg("%s: %s, not %s", name, found ? found : "nothing", wanted ? path : "nothing");
    sg_free(found);
}

static void models(void **state)
{
    (void)state;
    setenv("HF_HUB_CACHE", scratch, 1);
    expect_model("me/x", NULL);
    put("models--me--x/blobs/11", "{}");
    put("models--me--x/snapshots/c0ffee/other", "");
    expect_model("me/x", NULL); /* begun, without a config.json */
    assert_int_equal(symlink("../../blobs/11", in_scratch("models--me--x/snapshots/c0ffee/config.json")), 0);
    expect_model("me/x", "snapshots/c0ffee"); /* the only one */
    expect_model("me/x@c0ffee", "snapshots/c0ffee");
    expect_model("me/x@main", NULL);
    put("models--me--x/snapshots/beef/config.json", "{}");
    expect_model("me/x", NULL); /* which of the two? */
    put("models--me--x/refs/main", "beef\n");
    put("models--me--x/refs/pr/1", "c0ffee");
    expect_model("me/x", "snapshots/beef");
    expect_model("me/x@main", "snapshots/beef");
    expect_model("me/x@pr/1", "snapshots/c0ffee");
    expect_model("me/x@v2", NULL);
    expect_model("me/x@be/ef", NULL);
    put("models--me--x/refs/main", "../../../../etc");
    expect_model("me/x@main", NULL);
    expect_model("../x", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names), cmocka_unit_test(caches),
                                       cmocka_unit_test(models)};
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
