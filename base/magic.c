#include "base/magic.h"

#include <string.h>
#include <strings.h>

/* Hints: %1$s the path. */
#define WITH_PANDAS(read)                                                                                    \
    "python3 -c 'import pandas; pandas." read                                                                \
    "(\"%1$s\").to_json(\"rows.jsonl\", orient=\"records\", lines=True)'"
#define UNPACK(command) command " '%1$s' > rows.jsonl, with the end of the name as it is inside (.csv, .tsv)"

enum {
    N_DATABASES = 2
}; /* the first ones below: results may be in them, which are not made again in a moment */

/* Bytes as the formats' specifications have them (file(1)'s magic(5) lists them too). */
static const struct {
    size_t at, n;
    const char *bytes, *what, *hint;
} known[] = {
    {0, 16, "SQLite format 3", "an SQLite database",
     "sqlite3 -csv -header '%1$s' 'SELECT * FROM ...' > rows.csv"},
    {0, 4, "\x89HDF", "an HDF5 file", WITH_PANDAS("read_hdf")},
    {0, 4, "PAR1", "a Parquet file", WITH_PANDAS("read_parquet")},
    {0, 6, "ARROW1", "an Arrow (Feather) file", WITH_PANDAS("read_feather")},
    {0, 8, "\xff\xff\xff\xff\x10\0\0\0", "an Arrow stream",
     "python3 -c 'import datasets; datasets.Dataset.from_file(\"%1$s\").to_json(\"rows.jsonl\")'"},
    {0, 3, "ORC", "an ORC file", WITH_PANDAS("read_orc")},
    {0, 4, "Obj\x01", "an Avro file", "convert it to JSON Lines, with fastavro for one"},
    {0, 4, "\x28\xb5\x2f\xfd", "compressed by zstd", UNPACK("zstd -dc")},
    {0, 6,
     "\xfd"
     "7zXZ\0",
     "compressed by xz", UNPACK("xz -dc")},
    {0, 3, "BZh", "compressed by bzip2", UNPACK("bzip2 -dc")},
    {0, 4, "\x04\x22\x4d\x18", "compressed by lz4", UNPACK("lz4 -dc")},
    {0, 4, "LZIP", "compressed by lzip", UNPACK("lzip -dc")},
    {0, 2, "\x1f\x9d", "compressed by compress", UNPACK("gzip -dc")},
    {0, 6, "7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "7z x '%1$s', then name the file that was in it"},
    {0, 4, "Rar!", "a RAR archive", "unrar x '%1$s', then name the file that was in it"},
    {257, 5, "ustar", "a tar archive", "tar -xf '%1$s', then name the file that was in it"},
    {0, 8, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook (.xls)",
     "save it as \"CSV UTF-8\" in Excel, or libreoffice --convert-to csv '%1$s'"},
    {0, 6, "\x93NUMPY", "a NumPy file", "convert it to JSON Lines"},
    {0, 2, "\x80\x02", "a Python pickle", WITH_PANDAS("read_pickle")},
    {0, 2, "\x80\x03", "a Python pickle", WITH_PANDAS("read_pickle")},
    {0, 2, "\x80\x04", "a Python pickle", WITH_PANDAS("read_pickle")},
    {0, 2, "\x80\x05", "a Python pickle", WITH_PANDAS("read_pickle")},
    {0, 5, "%PDF-", "a PDF document", "convert it to a CSV or JSON Lines file"},
    {0, 5, "{\\rtf", "a rich text document", "save it as plain text"},
    {0, 23, "version https://git-lfs", "a Git LFS pointer, not the file itself", "git lfs pull"},
    {0, 4, "\xff\xfe\0\0", "UTF-32 text", "iconv -f UTF-32 -t UTF-8 '%1$s' > rows.csv"},
    {0, 4, "\0\0\xfe\xff", "UTF-32 text", "iconv -f UTF-32 -t UTF-8 '%1$s' > rows.csv"},
};

static sg_status refuse(const char *path, const char *what, const char *hint, struct sg_err *err)
{
    char command[600];
    size_t n = 0;
    for (const char *s = hint; *s && n + 1 < sizeof command;) { /* no printf: the format is no literal */
        if (strncmp(s, "%1$s", 4) == 0) {
            for (const char *p = path; *p && n + 1 < sizeof command; p++)
                command[n++] = *p;
            s += 4;
        } else {
            command[n++] = *s++;
        }
    }
    command[n] = 0;
    return sg_fail(err, SG_INPUT,
                   "%s: %s; rows are read from JSON Lines, JSON, CSV and TSV, also .gz; hint: %s", path, what,
                   command);
}

/* Text of two bytes a character: every other byte of the first ones is NUL. */
static int looks_like_utf16(const char *text, size_t n)
{
    size_t zeros[2] = {0, 0}, most = n < 64 ? n & ~(size_t)1 : 64;
    for (size_t i = 0; i < most; i++)
        zeros[i % 2] += text[i] == 0;
    return most >= 4 &&
           ((zeros[0] * 10 >= most * 4 && !zeros[1]) || (zeros[1] * 10 >= most * 4 && !zeros[0]));
}

static sg_status check_zip(const char *path, const char *text, size_t n, struct sg_err *err)
{
    size_t name_length = n > 30 ? (unsigned char)text[26] : 0;
    int is_office = n > 30 + name_length &&
                    (memcmp(text + 30, "xl/", 3) == 0 || memcmp(text + 30, "[Content_", 9) == 0 ||
                     memcmp(text + 30, "_rels/", 6) == 0 || memcmp(text + 30, "docProps", 8) == 0);
    size_t end = strlen(path);
    is_office |= end > 5 && strcasecmp(path + end - 5, ".xlsx") == 0;
    if (is_office)
        return refuse(path, "an Excel workbook (.xlsx)", WITH_PANDAS("read_excel"), err);
    return refuse(path, "a zip archive", "unzip '%1$s', then name the file that was in it", err);
}

static int begins_with(size_t i, const char *bytes, size_t n)
{
    return n >= known[i].at + known[i].n && memcmp(bytes + known[i].at, known[i].bytes, known[i].n) == 0;
}

const char *sg_magic_database(const char *bytes, size_t n)
{
    for (size_t i = 0; i < N_DATABASES; i++)
        if (begins_with(i, bytes, n))
            return known[i].what;
    return NULL;
}

sg_status sg_magic_check(const char *path, const char *text, size_t n, struct sg_err *err)
{
    if (n >= 4 && memcmp(text, "PK\3\4", 4) == 0)
        return check_zip(path, text, n, err);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (begins_with(i, text, n))
            return refuse(path, known[i].what, known[i].hint, err);
    if ((n >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0)) ||
        looks_like_utf16(text, n))
        return refuse(path, "UTF-16 text", "iconv -f UTF-16 -t UTF-8 '%1$s' > rows.csv (or .tsv, .jsonl)",
                      err);
    const char *begin = text + strspn(text, " \t\r\n");
    if (strncasecmp(begin, "<!doctype html", 14) == 0 || strncasecmp(begin, "<html", 5) == 0)
        return refuse(path, "a web page, which a download gives where a file is not open to all",
                      "fetch the file itself", err);
    return SG_OK;
}
