/* Seals: a chain of digests over the lines of a file, so that a line that was changed, lost, added or moved is found, and where.
 *
 * A seal is the SHA-256 of the seal before it, the lines since then (each with its newline), and "more" or "end". The last one
 * stands for the whole file. It is no signature: who can change the file can seal it again, but then the last seal is another. */
#ifndef SG_GEN_LLM_SEAL_H
#define SG_GEN_LLM_SEAL_H

#include "base/err.h"
#include "base/sha256.h"

#include <stdint.h>

/* How many lines a writer lets go by before a seal. */
enum { SG_SEAL_EVERY = 1000 };

struct sg_seal {
    struct sg_sha256_stream *sha; /* NULL before the first line since the last seal */
    char last[SG_HEX];
    int64_t line;  /* lines so far, seals included */
    int64_t first; /* line that the next seal begins with; 0: there is none */
    int is_over;
};

/* Adds a line (n bytes, without its newline). SG_FAILED without memory. */
sg_status sg_seal_add(struct sg_seal *s, const char *line, size_t n, struct sg_err *err) SG_MUST_USE;

/* Closes the lines since the last seal; hex: the seal. It is counted as a line itself. */
sg_status sg_seal_close(struct sg_seal *s, int is_end, char hex[SG_HEX], struct sg_err *err) SG_MUST_USE;

void sg_seal_free(struct sg_seal *s);

#endif
