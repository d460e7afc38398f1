/* Parts that the work of many items reads (mpi/engine.h): rank 0's table of what each rank has of which, and a rank's own store.
 * Internal to mpi/. The table is the service thread's of rank 0, the store the compute slot's thread's of each rank: messages about parts come
 * through the slot's queue, so that nothing changes under work that reads. */
#ifndef SG_MPI_PARTS_H
#define SG_MPI_PARTS_H

#include "mpi/engine.h"
#include "mpi/mailbox.h"

/* What an item needs. */
struct sg_part_needs {
    struct sg_engine_part *part;
    int64_t n, cap;
};
sg_status sg_part_needs_add(struct sg_part_needs *x, const struct sg_engine_part *part,
                            struct sg_err *err) SG_MUST_USE;

/* ---- rank 0 ---- */

struct sg_part_table;
sg_status sg_part_table_create(int n_ranks, struct sg_part_table **out, struct sg_err *err) SG_MUST_USE;
void sg_part_table_destroy(struct sg_part_table *t); /* NULL is fine */

/* Adds to *out the messages after which the rank has what is needed, to be sent in this order and before the work. On failure it has none, and
 * *out may hold some, which must not be sent. */
sg_status sg_part_table_give(struct sg_part_table *t, int rank, const struct sg_part_needs *needs,
                             struct sg_message_list *out, struct sg_err *err) SG_MUST_USE;

/* Nothing is known of what the rank has: it is told to drop all of it before it gets more. */
void sg_part_table_forget(struct sg_part_table *t, int rank);

/* ---- each rank ---- */

struct sg_part_store {
    struct sg_stored_part {
        int64_t number;
        size_t n;
        char *data;
    } * part;
    int64_t n;
};
void sg_part_store_message_take(struct sg_part_store *s, struct sg_message *message);
const void *sg_part_store_get(const struct sg_part_store *s, int64_t number, size_t *n);
void sg_part_store_free(struct sg_part_store *s);

#endif
