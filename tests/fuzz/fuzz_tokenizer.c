/* Fuzzes tokenizers. The first byte says what the rest is: 'j' a tokenizer.json, 'v' a vocab.txt, 'm' a
 * vocab.json and, after a NUL, a merges.txt; else a text for the small tokenizers of tests/oracle (run it in
 * the repository's root).
 *
 *     build-fuzz/tests/fuzz/fuzz_tokenizer -max_total_time=60 -max_len=8192 tests/fuzz/corpus/tokenizer */
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/tokenizer/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MAX_LENGTH = 64 };
static char dir[] = "/tmp/sg_fuzz_XXXXXX";

/* Whatever the tokenizer: a length within bounds, and ids that the model has rows for. */
static void encode(const struct sg_tokenizer *t, const char *first, const char *second)
{
    int32_t ids[MAX_LENGTH], types[MAX_LENGTH];
    int64_t n = -1;
    struct sg_err err = {0};
    sg_status status =
        sg_tokenizer_encode(t, first, second, SG_CUT_LONGEST, MAX_LENGTH, ids, types, &n, &err);
    if (status != SG_OK || n < 0 || n > MAX_LENGTH)
        abort();
    for (int64_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= sg_tokenizer_vocab_size(t))
            abort();
    status = sg_tokenizer_encode(t, first, second, SG_CUT_SECOND, 20, ids, NULL, &n, &err);
    if (status != SG_OK || n > 20)
        abort();
}

static void write_plain(const char *name, const void *bytes, size_t n)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, n, f) != n || fclose(f) != 0)
        abort();
}

static void load_files(char kind, const uint8_t *data, size_t n)
{
    static const char *const names[] = {"tokenizer.json", "vocab.txt", "vocab.json", "merges.txt"};
    char path[64];
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    const uint8_t *nul = kind == 'm' ? memchr(data, 0, n) : NULL;
    size_t n_first = nul ? (size_t)(nul - data) : n;
    write_plain(kind == 'j' ? names[0] : kind == 'v' ? names[1] : names[2], data, n_first);
    if (kind == 'm')
        write_plain(names[3], nul ? nul + 1 : data, nul ? n - n_first - 1 : 0);
    struct sg_tokenizer *t = NULL;
    struct sg_err err = {0};
    sg_status status = sg_tokenizer_load(dir, &t, &err);
    if (status == SG_OK) {
        encode(t, "The trams' [SEP] <mask> caf\xc3\xa9  \xe4\xb8\xad", NULL);
        encode(t, "abcabc", " a b\n");
    } else if (status != SG_INPUT || !err.text[0]) {
        abort();
    }
    sg_tokenizer_destroy(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct sg_tokenizer *fixed[3];
    static const char *const folders[3] = {"tests/oracle/wordpiece_cased", "tests/oracle/bpe",
                                           "tests/oracle/bpe_prefix"};
    static int ready;
    struct sg_err err = {0};
    if (!ready && !mkdtemp(dir))
        abort();
    for (int i = 0; !ready && i < 3; i++)
        if (sg_dir_exists(folders[i]) && sg_tokenizer_load(folders[i], &fixed[i], &err) != SG_OK)
            abort();
    ready = 1;
    if (n == 0)
        return 0;
    size_t before = sg_mem_now();
    if (data[0] == 'j' || data[0] == 'v' || data[0] == 'm') {
        load_files((char)data[0], data + 1, n - 1);
    } else if (sg_utf8_valid((const char *)data, n)) {
        char *text = sg_strndup((const char *)data, n);
        for (int i = 0; i < 3; i++)
            if (fixed[i]) {
                encode(fixed[i], text, NULL);
                encode(fixed[i], text, text);
            }
        sg_free(text);
    }
    if (sg_mem_now() != before)
        abort();
    return 0;
}
