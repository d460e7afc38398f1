#include "check.h"

#include "base/file.h"
#include "base/sha256.h"
#include "tests/results/scratch.h"

/* FIPS 180-2, appendix B, and the empty message. */
static const struct {
    const char *text, *hex;
} vectors[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};
static const char million_a[] = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

static void known_answers(void **state)
{
    (void)state;
    char hex[SG_HEX];
    unsigned char digest[32];
    for (int i = 0; i < N_OF(vectors); i++) {
        sg_sha256_hex(vectors[i].text, strlen(vectors[i].text), hex);
        assert_string_equal(hex, vectors[i].hex);
        sg_sha256(vectors[i].text, strlen(vectors[i].text), digest);
        char first[3];
        snprintf(first, sizeof first, "%02x", digest[0]);
        assert_memory_equal(first, hex, 2);
    }
}

static void pieces_and_files(void **state)
{
    (void)state;
    char hex[SG_HEX], *text = sg_alloc(1000000, 1);
    memset(text, 'a', 1000000);
    struct sg_sha256_stream *s = sg_sha256_create();
    assert_non_null(s);
    for (size_t at = 0, n; at < 1000000; at += n) {
        n = 1 + at % 977 < 1000000 - at ? 1 + at % 977 : 1000000 - at;
        sg_sha256_add(s, text + at, n);
    }
    sg_sha256_finish_hex(s, hex);
    assert_string_equal(hex, million_a);

    assert_int_equal(scratch_make(), 0);
    OK(sg_file_write(in_scratch("a"), text, 1000000, &err));
    OK(sg_sha256_file(in_scratch("a"), hex, &err));
    assert_string_equal(hex, million_a);
    FAILS(SG_INPUT, "none: No such file", sg_sha256_file(in_scratch("none"), hex, &err));
    assert_int_not_equal(sg_sha256_file(scratch, hex, &err), SG_OK); /* a folder */
    scratch_remove(scratch);
    sg_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_answers), cmocka_unit_test(pieces_and_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
