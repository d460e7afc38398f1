/* Memory that is given back all at once: what a study's strings and lists live in. */
#ifndef SG_EXPERIMENTS_STUDY_ARENA_H
#define SG_EXPERIMENTS_STUDY_ARENA_H

#include <stddef.h>

struct sg_arena;

/* NULL without memory. destroy(NULL) is fine. */
struct sg_arena *sg_arena_create(void);
void sg_arena_destroy(struct sg_arena *a);

/* Zeroed memory for n things of `size` bytes, aligned for anything; NULL without memory. */
void *sg_arena_alloc(struct sg_arena *a, size_t n, size_t size);
char *sg_arena_strndup(struct sg_arena *a, const char *text, size_t n);
char *sg_arena_strdup(struct sg_arena *a, const char *text);

#endif
