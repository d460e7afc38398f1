/* The one allocator: 64-byte aligned (a cache line, an AVX-512 register), zeroed, counted, and able to fail
 * for tests.
 *
 * Everything that synthgrid allocates itself comes from here; libraries keep their own heaps. Thread-safe.
 *
 * Blocks of a megabyte and more that are freed are kept for the next ones, as the arrays of one cell follow those of another: the
 * system clears a page each time that it gives it out. What is kept and what is in use are together never more than
 * sg_mem_peak, so that no process becomes larger by it. */
#ifndef SG_BASE_MEM_H
#define SG_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed memory for n things of `size` bytes, or NULL (also when n*size overflows). n = 0 gives a valid
 * pointer. */
void *sg_alloc(size_t n, size_t size);

/* The same, but what it holds is not defined: for large arrays that are written before they are read. */
void *sg_alloc_unset(size_t n, size_t size);

/* As realloc: keeps what was there, zeroes what is new; on NULL the old block is untouched. `p` may be NULL.
 */
void *sg_realloc(void *p, size_t n, size_t size);

/* Room for one more behind the n things of a list that grew one by one through this function: at powers of two it
 * doubles. On NULL the old block is untouched. */
void *sg_grown(void *p, int64_t n, size_t size);

/* NULL is fine. */
void sg_free(void *p);

/* Gives back to the system what is kept: before others need the memory. */
void sg_mem_trim(void);

/* Gives whole pages between these places of one large block back to the system: what stood there is lost, and nobody reads it again. */
void sg_mem_forget(char *from, char *to);

/* A copy of a string (NULL gives NULL), or NULL without memory. Texts are aligned to 8 bytes: the rest would be half of a row. */
char *sg_strdup(const char *text);
char *sg_strndup(const char *text, size_t n);

/* printf into new memory. */
char *sg_strf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Bytes in use now, and the most so far (the caller's own sizes, without the allocator's overhead). */
size_t sg_mem_now(void);
size_t sg_mem_peak(void);

/* Adds memory that is not from here, such as a mapping, to both counts; less than 0 when it goes. */
void sg_mem_count(int64_t n_bytes);

/* For tests: the n-th allocation from now on fails, once (n = 1 is the next; 0 switches it off). Returns
 * whether the previous setting had fired. */
int sg_mem_fail_at(long n);

#endif
