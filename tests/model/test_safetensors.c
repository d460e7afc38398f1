#include "model/safetensors.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "tests/model/temp.h"

#include <math.h>
#include <sys/stat.h>

/* Writes the header's length, the header and n zero bytes of data. */
static void write_file(const char *path, const char *header, size_t n)
{
    struct sg_buf b = sg_buf_make(1 << 20);
    uint64_t len = strlen(header);
    sg_buf_add(&b, &len, 8);
    sg_buf_puts(&b, header);
    static const char zeros[4096];
    sg_buf_add(&b, zeros, n);
    assert_int_equal(sg_file_write(path, sg_buf_text(&b), b.len, NULL), SG_OK);
    sg_buf_free(&b);
}

static void refuses_hostile_headers(void **state)
{
    static const struct {
        const char *header, *reason;
        size_t n_data;
    } cases[] = {
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", NULL, 8},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}     ", NULL, 8}, /* padded */
        {"{}", NULL, 0},
        {"{\"__metadata__\":{\"format\":\"pt\"}}", NULL, 0},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", NULL, 4},    /* a scalar */
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[3,0],\"data_offsets\":[0,0]}}", NULL, 0}, /* an empty tensor */
        {"{\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]},\"a\":{\"dtype\":\"I32\",\"shape\":["
         "1],"
         "\"data_offsets\":[0,4]},\"e\":{\"dtype\":\"F64\",\"shape\":[0],\"data_offsets\":[4,4]}}",
         NULL, 8}, /* any order */

        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", "bytes of data", 7},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", "bytes of data", 9},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", "do not fit", 8},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", "hole", 12},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", "do not fit", 8},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", "do not fit", 8},
        {"{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,8]}}", "do not fit", 8},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", "shape", 8},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", "shape", 8},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[\"2\"],\"data_offsets\":[0,8]}}", "shape", 8},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", "shape", 0},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2305843009213693952,2],\"data_offsets\":[0,0]}}", "do not fit",
         0},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,0]}}", "not JSON",
         0},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", "dimensions", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"F32\",\"shape\":"
         "[1],"
         "\"data_offsets\":[0,4]}}",
         "overlaps", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"F32\",\"shape\":"
         "[1],"
         "\"data_offsets\":[8,12]}}",
         "hole", 12},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"F32\",\"shape\":"
         "[1],"
         "\"data_offsets\":[4,8]}}",
         "duplicate", 8},
        {"{\"a\":{\"dtype\":\"Q7\",\"shape\":[1],\"data_offsets\":[0,4]}}", "unknown dtype", 4},
        {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", "lacks", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", "lacks", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", "lacks", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", "lacks", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", "lacks", 4},
        {"{\"a\":{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,4]}}", "lacks", 4},
        {"{\"a\":7}", "lacks", 0},
        {"{\"__metadata__\":7}", "__metadata__", 0},
        {"{\"__metadata__\":{\"a\":7}}", "__metadata__", 0},
        {"{\"a\xff\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", "not JSON", 4},
        {"{\"a\":", "not JSON", 4},
        {"[]", "no safetensors header", 0},
        {" {}", "no safetensors header", 0},
        {"{", "no safetensors header", 0},
        {"", "no safetensors header", 0},
    };
    char *path = temp_path(*state, "hostile.safetensors");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sg_safetensors *s = NULL;
        struct sg_err err = {0};
        write_file(path, cases[i].header, cases[i].n_data);
        sg_status status = sg_safetensors_open(path, &s, &err);
        if (!cases[i].reason) {
            if (status != SG_OK)
                fail_msg("case %zu: %s", i, err.text);
            sg_safetensors_close(s);
            continue;
        }
        if (status != SG_INPUT || s || !strstr(err.text, cases[i].reason))
            fail_msg("case %zu: status %d, \"%s\" instead of \"%s\"", i, (int)status, err.text,
                     cases[i].reason);
    }
    sg_free(path);
}

static void refuses_what_is_no_safetensors(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *reason;
    } cases[] = {
        {"", 0, "too few"},
        {"\2\0\0\0\0\0\0", 7, "too few"},
        {"\0\0\0\0\0\0\0\0", 8, "no safetensors header"},                    /* N = 0 */
        {"\2\0\0\0\0\0\0\0", 8, "no safetensors header"},                    /* N past the end */
        {"\1\xe1\xf5\5\0\0\0\0{}", 10, "no safetensors header"},             /* N = 100,000,001 */
        {"\0\0\0\0\0\0\0\x80{}", 10, "no safetensors header"},               /* N = 2^63 */
        {"\xff\xff\xff\xff\xff\xff\xff\xff{}", 10, "no safetensors header"}, /* N = 2^64 - 1 */
        {"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", 61, "git lfs pull"},
        {"PK\3\4\0\0\0\0\0\0\0\0", 12, "pickle"},
        {"\x80\2}q\0.\0\0\0\0", 10, "pickle"},
        {"<!DOCTYPE html><html></html>", 28, "web page"},
    };
    char *path = temp_path(*state, "other.safetensors");
    struct sg_safetensors *s = NULL;
    struct sg_err err = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(sg_file_write(path, cases[i].bytes, cases[i].n, &err), SG_OK);
        sg_status status = sg_safetensors_open(path, &s, &err);
        if (status != SG_INPUT || !strstr(err.text, cases[i].reason))
            fail_msg("case %zu: status %d, \"%s\" instead of \"%s\"", i, (int)status, err.text,
                     cases[i].reason);
    }
    assert_int_equal(sg_safetensors_open("/nowhere/x.safetensors", &s, &err), SG_INPUT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(sg_safetensors_open(path, &s, &err), SG_INPUT); /* and does not hang */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(sg_safetensors_open(*state, &s, &err), SG_INPUT); /* a folder without weights */
    assert_non_null(strstr(err.text, "no model.safetensors"));
    sg_free(path);
}

static void reads_what_it_writes(void **state)
{
    const float a[6] = {1, -2, 3.5f, INFINITY, 0x1p-149f, -0.0f}, b[1] = {7}, none[1] = {0};
    const struct sg_tensor tensor[3] = {
        {"z.weight", 2, {2, 3}, a}, {"a \"quoted\" näme", 0, {0}, b}, {"empty", 2, {0, 5}, none}};
    char *path = temp_path(*state, "model.safetensors");
    struct sg_err err = {0};
    assert_int_equal(sg_safetensors_write(path, tensor, 3, &err), SG_OK);
    struct sg_safetensors *s = NULL;
    assert_int_equal(sg_safetensors_open(*state, &s, &err), SG_OK); /* by its folder */
    assert_int_equal(sg_safetensors_count(s), 3);
    assert_string_equal(sg_safetensors_at(s, 0)->name, "a \"quoted\" näme");
    assert_string_equal(sg_safetensors_files(s)[0], path);
    assert_null(sg_safetensors_files(s)[1]);
    assert_null(sg_safetensors_find(s, "z"));
    const struct sg_tensor_info *t = sg_safetensors_find(s, "z.weight");
    assert_true(t && t->n == 6 && t->n_dims == 2 && t->shape[0] == 2 && t->shape[1] == 3 &&
                t->dtype == SG_DTYPE_F32);
    float back[6];
    assert_int_equal(sg_safetensors_read(s, t, back, &err), SG_OK);
    assert_memory_equal(back, a, sizeof a);
    assert_int_equal(sg_safetensors_read(s, sg_safetensors_at(s, 0), back, &err), SG_OK);
    assert_true(back[0] == 7);
    assert_int_equal(sg_safetensors_read(s, sg_safetensors_find(s, "empty"), NULL, &err), SG_OK);

    assert_int_equal(truncate(path, 40), 0); /* while it is open: an error, no signal */
    assert_int_equal(sg_safetensors_read(s, t, back, &err), SG_FAILED);
    assert_non_null(strstr(err.text, "ends before"));
    sg_safetensors_close(s);

    const struct sg_tensor twice[2] = {tensor[0], tensor[0]};
    assert_int_equal(sg_safetensors_write(path, twice, 2, &err), SG_FAILED);
    assert_int_equal(sg_safetensors_write("/nowhere/x", tensor, 3, &err), SG_FAILED);
    assert_int_equal(unlink(path), 0);
    sg_free(path);
}

static void header_is_aligned_and_says_pt(void **state)
{
    const float x[1] = {1};
    char *path = temp_path(*state, "aligned.safetensors"), *text = NULL;
    for (int len = 1; len < 10; len++) {
        char name[16] = "nnnnnnnnnn";
        name[len] = 0;
        const struct sg_tensor t = {name, 1, {1}, x};
        size_t n;
        uint64_t header;
        assert_int_equal(sg_safetensors_write(path, &t, 1, NULL), SG_OK);
        assert_int_equal(sg_file_read(path, 4096, &text, &n, NULL), SG_OK);
        memcpy(&header, text, 8);
        assert_int_equal(header % 8, 0);
        assert_int_equal(n, 8 + header + 4);
        assert_non_null(strstr(text + 8, "{\"__metadata__\":{\"format\":\"pt\"}"));
        sg_free(text);
    }
    sg_free(path);
}

static void converts_other_floats(void **state)
{
    static const uint16_t half[8] = {0x3c00, 0xc000, 0x7bff, 0x0001, 0x8001, 0x7c00, 0x03ff, 0x8000};
    static const float half_is[8] = {1, -2, 65504, 0x1p-24f, -0x1p-24f, INFINITY, 1023 * 0x1p-24f, -0.0f};
    static const uint16_t brain[2] = {0x3fc0, 0xff80};
    static const double wide[2] = {0.1, 1e300};
    static const char header[] = "{\"h\":{\"dtype\":\"F16\",\"shape\":[8],\"data_offsets\":[0,16]},\"b\":{"
                                 "\"dtype\":\"BF16\",\"shape\":[2],"
                                 "\"data_offsets\":[16,20]},\"d\":{\"dtype\":\"F64\",\"shape\":[2],\"data_"
                                 "offsets\":[20,36]},\"i\":{\"dtype\":"
                                 "\"I64\",\"shape\":[1],\"data_offsets\":[36,44]}}";
    struct sg_buf file = sg_buf_make(4096);
    uint64_t n = strlen(header), integer = 3;
    sg_buf_add(&file, &n, 8);
    sg_buf_puts(&file, header);
    sg_buf_add(&file, half, sizeof half);
    sg_buf_add(&file, brain, sizeof brain);
    sg_buf_add(&file, wide, sizeof wide);
    sg_buf_add(&file, &integer, 8);
    char *path = temp_path(*state, "floats.safetensors");
    assert_int_equal(sg_file_write(path, file.data, file.len, NULL), SG_OK);
    sg_buf_free(&file);

    struct sg_safetensors *s = NULL;
    struct sg_err err = {0};
    float x[8];
    assert_int_equal(sg_safetensors_open(path, &s, &err), SG_OK);
    assert_int_equal(sg_safetensors_read(s, sg_safetensors_find(s, "h"), x, &err), SG_OK);
    assert_memory_equal(x, half_is, sizeof x);
    assert_int_equal(sg_safetensors_read(s, sg_safetensors_find(s, "b"), x, &err), SG_OK);
    assert_true(x[0] == 1.5f && x[1] == -INFINITY);
    assert_int_equal(sg_safetensors_read(s, sg_safetensors_find(s, "d"), x, &err), SG_OK);
    assert_true(x[0] == 0.1f && x[1] == INFINITY);
    assert_int_equal(sg_safetensors_find(s, "i")->dtype, SG_DTYPE_OTHER);
    assert_int_equal(sg_safetensors_read(s, sg_safetensors_find(s, "i"), x, &err), SG_INPUT);
    sg_safetensors_close(s);
    sg_free(path);
}

static void reads_shards(void **state)
{
    static const struct {
        const char *index, *reason;
    } cases[] = {
        {"{\"metadata\":{\"total_size\":8},\"weight_map\":{\"a\":\"m-1.safetensors\",\"b\":\"m-2."
         "safetensors\"}}",
         NULL},
        {"{\"weight_map\":{\"a\":\"m-2.safetensors\",\"b\":\"m-1.safetensors\"}}", "not in the file"},
        {"{\"weight_map\":{\"a\":\"m-1.safetensors\",\"c\":\"m-2.safetensors\"}}", "not in the file"},
        {"{\"weight_map\":{\"a\":\"m-1.safetensors\",\"b\":\"m-3.safetensors\"}}",
         "is also in"}, /* m-3 has a too */
        {"{\"weight_map\":{\"a\":\"m-9.safetensors\"}}", "No such file"},
        {"{\"weight_map\":{\"a\":\"../m-1.safetensors\"}}", "without folders"},
        {"{\"weight_map\":{\"a\":\"/etc/x.safetensors\"}}", "without folders"},
        {"{\"weight_map\":{\"a\":\"..\"}}", "without folders"},
        {"{\"weight_map\":{\"a\":\"passwd\"}}", "without folders"},
        {"{\"weight_map\":{\"a\":7}}", "without folders"},
        {"{\"weight_map\":{}}", "weight_map"},
        {"{}", "weight_map"},
        {"[", "not JSON"},
    };
    const float x[1] = {1}, y[1] = {2};
    const struct sg_tensor a = {"a", 1, {1}, x}, b = {"b", 1, {1}, y}, both[2] = {a, b};
    char *dir = temp_path(*state, "shards");
    struct sg_err err = {0};
    assert_int_equal(sg_mkdirs(dir, &err), SG_OK);
    char *one = sg_path_join(dir, "m-1.safetensors"), *two = sg_path_join(dir, "m-2.safetensors");
    char *three = sg_path_join(dir, "m-3.safetensors"),
         *index = sg_path_join(dir, "model.safetensors.index.json");
    assert_int_equal(sg_safetensors_write(one, &a, 1, &err), SG_OK);
    assert_int_equal(sg_safetensors_write(two, &b, 1, &err), SG_OK);
    assert_int_equal(sg_safetensors_write(three, both, 2, &err), SG_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sg_safetensors *s = NULL;
        assert_int_equal(sg_file_write(index, cases[i].index, strlen(cases[i].index), &err), SG_OK);
        sg_status status = sg_safetensors_open(dir, &s, &err);
        if (cases[i].reason) {
            if (status != SG_INPUT || !strstr(err.text, cases[i].reason))
                fail_msg("case %zu: status %d, \"%s\" instead of \"%s\"", i, (int)status, err.text,
                         cases[i].reason);
            continue;
        }
        if (status != SG_OK)
            fail_msg("case %zu: %s", i, err.text);
        float v;
        assert_int_equal(sg_safetensors_read(s, sg_safetensors_find(s, "b"), &v, &err), SG_OK);
        assert_true(v == 2);
        assert_string_equal(sg_safetensors_files(s)[0], index);
        assert_string_equal(sg_safetensors_files(s)[2], two);
        sg_safetensors_close(s);
    }
    sg_free(one);
    sg_free(two);
    sg_free(three);
    sg_free(index);
    sg_free(dir);
}

static void survives_without_memory(void **state)
{
    const float x[2] = {1, 2};
    const struct sg_tensor t = {"a", 1, {2}, x};
    char *path = temp_path(*state, "memory.safetensors");
    assert_int_equal(sg_safetensors_write(path, &t, 1, NULL), SG_OK);
    size_t before = sg_mem_now();
    for (long n = 1, fired = 1; fired; n++) {
        struct sg_safetensors *s = NULL;
        struct sg_err err = {0};
        sg_mem_fail_at(n);
        sg_status status = sg_safetensors_open(path, &s, &err);
        if (status == SG_OK)
            status = sg_safetensors_write(path, &t, 1, &err);
        fired = sg_mem_fail_at(0);
        assert_int_equal(status, fired ? SG_FAILED : SG_OK);
        sg_safetensors_close(s);
        assert_int_equal(sg_mem_now(), before);
    }
    sg_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_hostile_headers), cmocka_unit_test(refuses_what_is_no_safetensors),
        cmocka_unit_test(reads_what_it_writes),    cmocka_unit_test(header_is_aligned_and_says_pt),
        cmocka_unit_test(converts_other_floats),   cmocka_unit_test(reads_shards),
        cmocka_unit_test(survives_without_memory),
    };
    return cmocka_run_group_tests(tests, temp_setup, temp_teardown);
}
