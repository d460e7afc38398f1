/* What studies share of what they have bought: a folder of recordings (gen/llm/recording.h), one file a results folder.
 *
 *     <cache>/<study>-<16 hex digits: SHA-256 of the results folder's absolute path>.jsonl.gz
 *
 * Only the run that holds a results folder's lease writes its file, whole, under a temporary name that is then renamed, and
 * nobody changes another's: so there are no locks, a network file system is fine, and any number of studies run at once. A
 * file holds the answers (SG_OK) that its study has bought; what came from elsewhere stays where it was. Files are 0600,
 * a folder that is made here 0700.
 *
 *     SG_TRY(sg_cache_open(study, &c, err));            NULL: the study has none, which the other functions take
 *     do {
 *         ... sg_cache_want(c, &missing, err) for all that is missing
 *         SG_TRY(sg_cache_fetch(c, each, context, &n, err));
 *     } while (n);                                      what was found may ask for more
 *
 * A file that cannot be read, or is damaged anywhere, is told of on stderr by its name and left out whole. Rank 0 only. */
#ifndef SG_EXPERIMENTS_BUYING_CACHE_H
#define SG_EXPERIMENTS_BUYING_CACHE_H

#include "experiments/buying/requests.h"

struct sg_cache;

/* Reads nothing yet. */
sg_status sg_cache_open(const struct sg_study *s, struct sg_cache **out, struct sg_err *err) SG_MUST_USE;
void sg_cache_close(struct sg_cache *c);

/* Adds keys to those that the next fetch looks for. */
sg_status sg_cache_want(struct sg_cache *c, const struct sg_request_list *missing,
                        struct sg_err *err) SG_MUST_USE;

/* The same of one key; "": none. */
sg_status sg_cache_want_key(struct sg_cache *c, const char *key, struct sg_err *err) SG_MUST_USE;

/* Hands on each wanted answer that is there, once, with "cache <file>"; forgets what was wanted. The first one reads the folder;
 * later ones only the files that have something of it. */
typedef sg_status (*sg_cache_each)(void *context, const char *source, const struct sg_request *q,
                                   const struct sg_answer *a, struct sg_err *err);
sg_status sg_cache_fetch(struct sg_cache *c, sg_cache_each each, void *context, int64_t *n,
                         struct sg_err *err) SG_MUST_USE;

/* Puts into the ledger what the study misses and the cache has, until that is nothing, and commits. *n: how many. */
sg_status sg_cache_import(struct sg_cache *c, struct sg_requests *r, struct sg_ledger *l, int64_t *n,
                          struct sg_err *err) SG_MUST_USE;

/* Whether the study's own file is there. 1 for NULL. */
int sg_cache_has_own(const struct sg_cache *c);

/* Writes the study's own file anew; none when it has bought nothing. What it has and the ledger lacks (a results folder that was deleted, or another machine's of the
 * same path) is put into the ledger first, so that nothing that was paid for leaves the cache. */
sg_status sg_cache_write(struct sg_cache *c, struct sg_ledger *l, struct sg_err *err) SG_MUST_USE;

#endif
