/* The digests of a table: over its names, types and rows; one of the content (without volatile columns), one
 * of everything. */
#ifndef SG_RESULTS_H5_H5_TABLE_HASH_H
#define SG_RESULTS_H5_H5_TABLE_HASH_H

#include "results/h5/h5_table.h"

struct sg_h5_table_hash;

/* NULL without memory. The spec is borrowed. */
struct sg_h5_table_hash *sg_h5_table_hash_create(const struct sg_h5_table_spec *spec);
void sg_h5_table_hash_add(struct sg_h5_table_hash *h, const union sg_value *row);
/* Both digests; destroys h. */
void sg_h5_table_hash_finish(struct sg_h5_table_hash *h, char content[SG_HEX], char all[SG_HEX]);
void sg_h5_table_hash_discard(struct sg_h5_table_hash *h); /* NULL is fine */

#endif
