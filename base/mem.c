#include "base/mem.h"

#include <pthread.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A block is [slack][size, offset, capacity][data]; data is aligned. Capacity is 0 for what is not kept when it is freed. */
enum { SIZE, OFFSET, CAPACITY, N_WORDS };
enum { ALIGN = 64, HEADER = N_WORDS * sizeof(size_t) };

/* A sanitizer that looks for blocks in use after they were freed must see them go. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED
#endif
#ifdef SANITIZED
enum { MAX_KEPT = 0 };
#else
enum { MAX_KEPT = 16 };
#endif
enum { KEPT_LEAST = 1 << 20 };

static struct {
    char *data;
    size_t capacity;
} kept[MAX_KEPT + 1];
static int n_kept;
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_size_t
    idle_bytes; /* of what is kept, and of blocks in use that are smaller than their capacity */

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

static size_t *header_of(void *data)
{
    return (size_t *)(void *)((char *)data - HEADER);
}

static void give_back(char *data)
{
    free(data - header_of(data)[OFFSET]);
}

/* Under the lock. */
static char *remove_kept(int i)
{
    char *data = kept[i].data;
    atomic_fetch_sub(&idle_bytes, kept[i].capacity);
    kept[i] = kept[--n_kept];
    return data;
}

/* The smallest kept block that holds `bytes` and is at most twice as large, or NULL. */
static char *reuse(size_t bytes)
{
    int best = -1;
    char *data = NULL;
    if (bytes < KEPT_LEAST || atomic_load(&idle_bytes) == 0)
        return NULL;
    pthread_mutex_lock(&kept_lock);
    for (int i = 0; i < n_kept; i++)
        if (kept[i].capacity >= bytes && kept[i].capacity / 2 <= bytes &&
            (best < 0 || kept[i].capacity < kept[best].capacity))
            best = i;
    if (best >= 0) {
        data = remove_kept(best);
        atomic_fetch_add(&idle_bytes, header_of(data)[CAPACITY] - bytes);
    }
    pthread_mutex_unlock(&kept_lock);
    return data;
}

/* Gives back what is kept until `bytes` more in use leave the process no larger than it has been: first the largest block that
 * is too small, most likely what the new one is instead of; else the smallest. */
static void make_room(size_t bytes)
{
    while (atomic_load(&idle_bytes) > 0) {
        size_t use = atomic_load(&now_bytes) + bytes, peak = atomic_load(&peak_bytes);
        if (use + atomic_load(&idle_bytes) <= peak)
            return;
        int out = -1;
        pthread_mutex_lock(&kept_lock);
        for (int i = 0; i < n_kept; i++) {
            size_t a = kept[i].capacity, b = out < 0 ? 0 : kept[out].capacity;
            if (out < 0 || (a < bytes && (b >= bytes || a > b)) || (a >= bytes && b >= bytes && a < b))
                out = i;
        }
        char *data = out < 0 ? NULL : remove_kept(out);
        pthread_mutex_unlock(&kept_lock);
        if (!data)
            return;
        give_back(data);
    }
}

static int keep(char *data)
{
    size_t capacity = header_of(data)[CAPACITY], bytes = header_of(data)[SIZE];
    if (capacity == 0)
        return 0;
    pthread_mutex_lock(&kept_lock);
    int room = n_kept < MAX_KEPT;
    atomic_fetch_sub(&idle_bytes, capacity - bytes);
    if (room) {
        kept[n_kept].data = data;
        kept[n_kept++].capacity = capacity;
        atomic_fetch_add(&idle_bytes, capacity);
    }
    pthread_mutex_unlock(&kept_lock);
    return room;
}

void sg_mem_trim(void)
{
    pthread_mutex_lock(&kept_lock);
    while (n_kept > 0)
        give_back(remove_kept(n_kept - 1));
    pthread_mutex_unlock(&kept_lock);
#ifdef __GLIBC__
    malloc_trim(0); /* small blocks of SQLite and JSON, too */
#endif
}

void sg_mem_forget(char *from, char *to)
{
#ifdef MADV_DONTNEED
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t a = ((uintptr_t)from + page - 1) / page * page, b = (uintptr_t)to / page * page;
    if (b > a)
        madvise((void *)a, b - a, MADV_DONTNEED); /* a wish */
#else
    (void)from;
    (void)to;
#endif
}

static char *fresh_block(size_t bytes, size_t align)
{
    /* Large blocks come from calloc's fresh pages without touching them; aligned_alloc would need a memset.
     */
    char *raw = calloc(1, bytes + HEADER + align - 1);
    if (!raw)
        return NULL;
    char *data = (char *)(((uintptr_t)raw + HEADER + align - 1) / align * align);
    header_of(data)[OFFSET] = (size_t)(data - raw);
    header_of(data)[CAPACITY] = bytes < KEPT_LEAST ? 0 : bytes;
    want_huge_pages(data, bytes);
    return data;
}

static void *allocate(size_t n, size_t size, int is_zeroed, size_t align)
{
    if ((size && n > (SIZE_MAX - 2 * ALIGN) / size) || should_fail())
        return NULL;
    size_t bytes = n * size;
    char *data = reuse(bytes);
    if (data && is_zeroed)
        memset(data, 0, bytes);
    if (!data) {
        make_room(bytes);
        data = fresh_block(bytes, align);
    }
    if (!data) {
        sg_mem_trim();
        data = fresh_block(bytes, align);
    }
    if (!data)
        return NULL;
    header_of(data)[SIZE] = bytes;
    count_up(bytes);
    return data;
}

void *sg_alloc(size_t n, size_t size)
{
    return allocate(n, size, 1, ALIGN);
}

void *sg_alloc_unset(size_t n, size_t size)
{
    return allocate(n, size, 0, ALIGN);
}

static size_t size_of(void *p)
{
    return header_of(p)[SIZE];
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
    atomic_fetch_sub(&now_bytes, size_of(p));
    if (!keep(p))
        give_back(p);
}

/* A million rows have two texts each, and no kernel reads one. A block that may be kept for an array is aligned as such. */
static char *text_block(size_t n)
{
    return allocate(n, 1, 1, n < KEPT_LEAST ? sizeof(size_t) : ALIGN);
}

char *sg_strndup(const char *text, size_t n)
{
    char *copy = text_block(n + 1);
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
    char *text = n < 0 ? NULL : text_block((size_t)n + 1);
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
