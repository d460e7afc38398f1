/* Fuzzes the reading of rows: as JSON, CSV and TSV, whatever quotes are. What is read is valid UTF-8 and whole; a file that is
 * refused leaves nothing behind.
 *
 *     build-fuzz/tests/fuzz/fuzz_rows -max_total_time=60 tests/fuzz/corpus/rows */
#define _GNU_SOURCE /* memfd_create */
#include "base/mem.h"
#include "base/rows.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void read_as(const char *path, const struct sg_fields *f, int need_label)
{
    struct sg_rows rows = {0};
    struct sg_err err = {0};
    size_t before = sg_mem_now();
    sg_status status = sg_rows_read(path, f, need_label, 0, &rows, &err);
    if (status != SG_OK && (status != SG_INPUT || !err.text[0] || rows.n))
        abort();
    for (int64_t i = 0; i < rows.n; i++) {
        const struct sg_row *r = &rows.row[i];
        if (!r->first || !sg_utf8_valid(r->first, strlen(r->first)) || !r->second != !rows.row[0].second ||
            (need_label && (!r->label || !*r->label)) || r->line < 1 || (i && r->line < r[-1].line))
            abort();
        if (r->second && !sg_utf8_valid(r->second, strlen(r->second)))
            abort();
    }
    sg_rows_free(&rows);
    if (sg_mem_now() != before)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 1)
        return 0;
    /* The name's end says the format: a link to one file in memory. */
    static const char *const end[] = {"jsonl", "csv", "tsv", "txt"};
    char path[100], link[64];
    int fd = memfd_create("rows", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data + 1, n - 1) != (ssize_t)(n - 1))
        abort();
    snprintf(path, sizeof path, "/tmp/fuzz-rows-%ld.%s", (long)getpid(), end[data[0] % 4]);
    snprintf(link, sizeof link, "/proc/%ld/fd/%d", (long)getpid(), fd);
    unlink(path);
    if (symlink(link, path) != 0)
        abort();
    const struct sg_fields by_task = {.first = "text", .label = "label", .is_task = 1};
    const struct sg_fields quoted = {.quotes = data[0] & 4 ? SG_QUOTES_CSV : SG_QUOTES_PLAIN};
    read_as(path, NULL, 1);
    read_as(path, &quoted, 0);
    read_as(path, &by_task, 1);
    unlink(path);
    close(fd);
    return 0;
}
