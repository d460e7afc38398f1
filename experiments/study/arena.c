#include "experiments/study/arena.h"

#include "base/mem.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

struct block {
    struct block *next;
    size_t used, cap; /* of the bytes behind the header */
};
enum { HEADER = 64, BLOCK = 8192 - HEADER };

struct sg_arena {
    struct block *first;
};

struct sg_arena *sg_arena_create(void)
{
    return sg_alloc(1, sizeof(struct sg_arena));
}

void sg_arena_destroy(struct sg_arena *a)
{
    if (!a)
        return;
    for (struct block *b = a->first, *next; b; b = next) {
        next = b->next;
        sg_free(b);
    }
    sg_free(a);
}

void *sg_arena_alloc(struct sg_arena *a, size_t n, size_t size)
{
    const size_t align = alignof(max_align_t);
    if (size && n > (SIZE_MAX - HEADER - align) / size)
        return NULL;
    size_t bytes = (n * size + align - 1) / align * align;
    struct block *b = a->first;
    if (!b || b->cap - b->used < bytes) {
        size_t cap = bytes > BLOCK ? bytes : BLOCK;
        b = sg_alloc(1, HEADER + cap);
        if (!b)
            return NULL;
        b->cap = cap;
        b->next = a->first;
        a->first = b;
    }
    char *p = (char *)b + HEADER + b->used;
    b->used += bytes;
    return p;
}

char *sg_arena_strndup(struct sg_arena *a, const char *text, size_t n)
{
    char *copy = sg_arena_alloc(a, n + 1, 1);
    if (copy && n)
        memcpy(copy, text, n);
    return copy;
}

char *sg_arena_strdup(struct sg_arena *a, const char *text)
{
    return sg_arena_strndup(a, text, strlen(text));
}
