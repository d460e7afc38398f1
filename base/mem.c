#include "base/mem.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A block is [slack][size, offset][data]; data is aligned. */
enum { ALIGN = 64, HEADER = 2 * sizeof(size_t) };

static atomic_size_t now_bytes, peak_bytes;
static atomic_long fail_in;
static atomic_int fail_fired;

static int should_fail(void)
{
    if (atomic_load_explicit(&fail_in, memory_order_relaxed) == 0)
        return 0;
    if (atomic_fetch_sub(&fail_in, 1) != 1)
        return 0;
    atomic_store(&fail_fired, 1);
    return 1;
}

static void count_up(size_t n)
{
    size_t total = atomic_fetch_add(&now_bytes, n) + n;
    size_t peak = atomic_load(&peak_bytes);
    while (total > peak && !atomic_compare_exchange_weak(&peak_bytes, &peak, total))
        ;
}

/* Large arrays in pages of 2 MB where the system has them: touching 4 KB pages for the first time took a tenth of a short
 * training. A wish, so that its failure means nothing. */
static void want_huge_pages(char *data, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    const uintptr_t page = (uintptr_t)1 << 21;
    uintptr_t from = ((uintptr_t)data + page - 1) / page * page, to = ((uintptr_t)data + bytes) / page * page;
    if (to > from)
        madvise((void *)from, to - from, MADV_HUGEPAGE);
#else
    (void)data;
    (void)bytes;
#endif
}

void *sg_alloc(size_t n, size_t size)
{
    if ((size && n > (SIZE_MAX - 2 * ALIGN) / size) || should_fail())
        return NULL;
    size_t bytes = n * size;
    /* Large blocks come from calloc's fresh pages without touching them; aligned_alloc would need a memset.
     */
    char *raw = calloc(1, bytes + HEADER + ALIGN);
    if (!raw)
        return NULL;
    char *data = (char *)(((uintptr_t)raw + HEADER + ALIGN - 1) / ALIGN * ALIGN);
    size_t *header = (size_t *)(void *)(data - HEADER);
    header[0] = bytes;
    header[1] = (size_t)(data - raw);
    want_huge_pages(data, bytes);
    count_up(bytes);
    return data;
}

static size_t size_of(void *p)
{
    return ((size_t *)(void *)((char *)p - HEADER))[0];
}

void *sg_realloc(void *p, size_t n, size_t size)
{
    void *fresh = sg_alloc(n, size);
    if (!fresh || !p)
        return fresh;
    size_t old = size_of(p);
    memcpy(fresh, p, old < n * size ? old : n * size);
    sg_free(p);
    return fresh;
}

void *sg_grown(void *p, int64_t n, size_t size)
{
    return (n & (n - 1)) == 0 ? sg_realloc(p, n ? 2 * (size_t)n : 1, size) : p;
}

void sg_free(void *p)
{
    if (!p)
        return;
    size_t *header = (size_t *)(void *)((char *)p - HEADER);
    atomic_fetch_sub(&now_bytes, header[0]);
    free((char *)p - header[1]);
}

char *sg_strndup(const char *text, size_t n)
{
    char *copy = sg_alloc(n + 1, 1);
    if (copy && n)
        memcpy(copy, text, n);
    return copy;
}

char *sg_strdup(const char *text)
{
    return text ? sg_strndup(text, strlen(text)) : NULL;
}

char *sg_strf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = n < 0 ? NULL : sg_alloc((size_t)n + 1, 1);
    if (text) {
        va_start(args, format);
        vsnprintf(text, (size_t)n + 1, format, args);
        va_end(args);
    }
    return text;
}

void sg_mem_count(int64_t n_bytes)
{
    if (n_bytes >= 0)
        count_up((size_t)n_bytes);
    else
        atomic_fetch_sub(&now_bytes, (size_t)-n_bytes);
}

size_t sg_mem_now(void)
{
    return atomic_load(&now_bytes);
}

size_t sg_mem_peak(void)
{
    return atomic_load(&peak_bytes);
}

int sg_mem_fail_at(long n)
{
    int fired = atomic_exchange(&fail_fired, 0);
    atomic_store(&fail_in, n);
    return fired;
}
