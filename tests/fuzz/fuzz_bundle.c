/* Fuzzes what reads bundles: input 'F'... is the text of a file; 'S'... its lines behind the header, which get right seals here, so that
 * what comes behind the seals is reached, too. What opens is described and unpacked.
 *
 *     build-fuzz/tests/fuzz/fuzz_bundle -max_total_time=60 tests/fuzz/corpus/bundle */
#include "base/file.h"
#include "base/mem.h"
#include "experiments/bundle/bundle.h"
#include "gen/llm/recording.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static char folder[] = "/tmp/synthgrid-fuzz-XXXXXX", file[64], out[64];

static void leave(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0)
        abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    if (!mkdtemp(folder) || atexit(leave) != 0)
        abort();
    snprintf(file, sizeof file, "%s/b", folder);
    snprintf(out, sizeof out, "%s/out", folder);
    return 0;
}

/* 0: not all lines are JSON. */
static int write_sealed(const char *text, size_t n)
{
    struct sg_recording_writer *w = NULL;
    struct sg_err err;
    char digest[SG_HEX];
    if (sg_sealed_create(file, &w, &err) != SG_OK)
        abort();
    for (size_t i = 0; i < n;) {
        const char *end = memchr(text + i, '\n', n - i);
        size_t len = end ? (size_t)(end - text) - i : n - i;
        json_t *o = json_loadb(text + i, len, 0, NULL);
        if (!o || sg_sealed_put(w, o, &err) != SG_OK) {
            if (sg_sealed_finish(w, digest, NULL) != SG_OK)
                abort();
            return 0;
        }
        i += len + 1;
    }
    return sg_sealed_finish(w, digest, &err) == SG_OK;
}

static int write_plain(const char *text, size_t n)
{
    FILE *f = fopen(file, "wb");
    if (!f || (n && fwrite(text, 1, n, f) != n) || fclose(f) != 0)
        abort();
    return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *text = (const char *)data;
    struct sg_bundle b;
    struct sg_err err = {0};
    if (n == 0 || !(data[0] == 'S' ? write_sealed(text + 1, n - 1) : write_plain(text + 1, n - 1)))
        return 0;
    sg_status status = sg_bundle_open(file, &b, &err);
    if (status == SG_OK) {
        char *study = NULL;
        struct sg_buf said = sg_buf_make(1 << 20);
        sg_bundle_describe(&b, &said);
        sg_buf_free(&said);
        status = sg_bundle_unpack(&b, file, out, &study, &err);
        if (status == SG_OK && strncmp(study, out, strlen(out)) != 0)
            abort();
        sg_free(study);
        sg_bundle_free(&b);
    }
    if (status != SG_OK && (status != SG_INPUT || !err.text[0]))
        abort();
    if (sg_mem_now() != 0)
        abort();
    return 0;
}
