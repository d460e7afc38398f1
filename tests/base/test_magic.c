#include "rows_check.h"

#include "base/magic.h"

#include <zlib.h>

#define BYTES(text) (text), sizeof(text) - 1

static void what_is_no_text(void **state)
{
    (void)state;
    static const struct {
        const char *name, *bytes;
        size_t n;
        const char *words;
    } file[] = {
        {"a.parquet", BYTES("PAR1\x15\x04\0\0"), "a Parquet file; rows are read from"},
        {"a.jsonl", BYTES("PAR1\x15\x04\0\0"), "to_json(\"rows.jsonl\", orient=\"records\", lines=True)"},
        {"a.feather", BYTES("ARROW1\0\0"), "an Arrow (Feather) file"},
        {"a.arrow", BYTES("\xff\xff\xff\xff\x10\0\0\0\0\0"), "an Arrow stream"},
        {"a.jsonl.zst", BYTES("\x28\xb5\x2f\xfd\x04\x58"), "compressed by zstd; rows are read"},
        {"a.csv.xz",
         BYTES("\xfd"
               "7zXZ\0\0\4"),
         "hint: xz -dc '"},
        {"a.csv.bz2", BYTES("BZh91AY&SY"), "hint: bzip2 -dc '"},
        {"a.csv.lz4", BYTES("\x04\x22\x4d\x18@"), "compressed by lz4"},
        {"a.csv.Z", BYTES("\x1f\x9d\x90th"), "compressed by compress"},
        {"a.zip", BYTES("PK\3\4\x14\0\0\0\x08\0aaaabbbbccccdddd\x09\0\0\0train.csvxx"), "a zip archive; "},
        {"a.xlsx", BYTES("PK\3\4\x14\0\6\0\x08\0aaaabbbbccccdddd\x13\0\0\0[Content_Types].xml"),
         "an Excel workbook (.xlsx)"},
        {"a.xls", BYTES("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1xx"), "an Excel workbook (.xls)"},
        {"a.7z", BYTES("7z\xbc\xaf\x27\x1cxx"), "a 7-Zip archive"},
        {"a.db", BYTES("SQLite format 3\0xx"), "an SQLite database"},
        {"a.pkl", BYTES("\x80\x04\x95xx"), "a Python pickle"},
        {"a.tsv", BYTES("\xff\xfet\0e\0x\0t\0\t\0l\0"), "UTF-16 text; rows are read"},
        {"a.tsv", BYTES("\xfe\xff\0t\0e\0x\0t"), "hint: iconv -f UTF-16 -t UTF-8 '"},
        {"a.csv", BYTES("t\0e\0x\0t\0,\0l\0a\0b\0"), "UTF-16 text"},
        {"a.csv", BYTES("\xff\xfe\0\0t\0\0\0e\0\0\0"), "UTF-32 text"},
        {"a.jsonl", BYTES("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"),
         "a Git LFS pointer"},
        {"a.csv", BYTES("\n<!DOCTYPE html>\n<html><head>"), "a web page"},
    };
    for (int i = 0; i < N_OF(file); i++) {
        struct sg_rows rows = {0};
        const char *path = put_bytes(file[i].name, file[i].bytes, file[i].n);
        FAILS(SG_INPUT, file[i].words, sg_rows_read(path, NULL, 1, 0, &rows, &err));
    }
}

/* A tar archive, and what gzip holds, are looked at too. */
static void inside_gzip(void **state)
{
    (void)state;
    struct sg_rows rows = {0};
    char tar[512] = "train.csv";
    memcpy(tar + 257, "ustar", 5);
    gzFile f = gzopen(in_scratch("a.tar.gz"), "wb");
    gzwrite(f, tar, sizeof tar);
    gzclose(f);
    FAILS(SG_INPUT, "a tar archive", sg_rows_read(in_scratch("a.tar.gz"), NULL, 1, 0, &rows, &err));
}

/* What a command would not write over. */
static void databases(void **state)
{
    (void)state;
    assert_string_equal(sg_magic_database(BYTES("SQLite format 3\0\x10")), "an SQLite database");
    assert_string_equal(sg_magic_database(BYTES("\211HDF\r\n\032\n")), "an HDF5 file");
    assert_null(sg_magic_database(BYTES("SQLite format 4")));
    assert_null(sg_magic_database(BYTES("\211HD")));
    assert_null(sg_magic_database(BYTES("PAR1\x15\x04")));
    assert_null(sg_magic_database("", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_no_text), cmocka_unit_test(inside_gzip),
                                       cmocka_unit_test(databases)};
    return cmocka_run_group_tests(tests, start, stop);
}
