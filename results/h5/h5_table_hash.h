/* The digests of a table: over its names, types and rows; one of the content (without volatile columns), one
 * of everything. */
#ifndef SG_RESULTS_H5_H5_TABLE_HASH_H
#define SG_RESULTS_H5_H5_TABLE_HASH_H

#include "results/h5/h5_table_impl.h"

struct sg_h5_table_hash;

/* NULL without memory. The spec is borrowed. */
struct sg_h5_table_hash *sg_h5_table_hash_create(const struct sg_h5_table_spec *spec);
void sg_h5_table_hash_add(struct sg_h5_table_hash *h, const union sg_value *row);
/* Whether a table is of numbers that are all content. */
int sg_h5_table_hash_is_plain(const struct sg_h5_table_spec *spec);
/* The same of such a table's rows as they lie in memory. */
void sg_h5_table_hash_add_rows(struct sg_h5_table_hash *h, const struct sg_h5_layout *l, const char *rows,
                               int64_t n);
/* Both digests; destroys h. */
void sg_h5_table_hash_finish(struct sg_h5_table_hash *h, char content[SG_HEX], char all[SG_HEX]);
void sg_h5_table_hash_discard(struct sg_h5_table_hash *h); /* NULL is fine */

#endif
