/* Fuzzes the reader of safetensors: what it accepts can be read whole.
 *
 *     build-fuzz/tests/fuzz/fuzz_safetensors -max_total_time=60 -max_len=4096 tests/fuzz/corpus/safetensors
 */
#define _GNU_SOURCE
#include "base/mem.h"
#include "model/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void read_all(const struct sg_safetensors *s)
{
    struct sg_err err = {0};
    for (int64_t i = 0; i < sg_safetensors_count(s); i++) {
        const struct sg_tensor_info *t = sg_safetensors_at(s, i);
        if (sg_safetensors_find(s, t->name) != t)
            abort();
        float *x = sg_alloc((size_t)t->n, sizeof *x); /* n is bounded by the file: its bytes were counted */
        sg_status status = x ? sg_safetensors_read(s, t, x, &err) : SG_FAILED;
        int readable = t->dtype != SG_DTYPE_OTHER;
        if (status != (readable ? SG_OK : SG_INPUT))
            abort();
        sg_free(x);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    int fd = memfd_create("fuzz", 0);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (fd < 0 || write(fd, data, n) != (ssize_t)n)
        abort();
    struct sg_safetensors *s = NULL;
    struct sg_err err = {0};
    size_t before = sg_mem_now();
    sg_status status = sg_safetensors_open(path, &s, &err);
    if (status == SG_OK)
        read_all(s);
    else if (status != SG_INPUT || !err.text[0])
        abort();
    sg_safetensors_close(s);
    close(fd);
    if (sg_mem_now() != before)
        abort();
    return 0;
}
