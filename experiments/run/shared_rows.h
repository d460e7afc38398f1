/* The rows that a study's cells read, as parts of the engine (mpi/engine.h): a rank gets a task's rows and a pool's examples once, and a cell's
 * message has the numbers of those that it takes.
 *
 *     sg_shared_rows_create(p, &s, err);
 *     sg_shared_rows_draw(s, cell, &row, err);                 rank 0: which training rows the cell takes
 *     sg_shared_rows_place(s, cell->task, row[0]);             rank 0: where that stands in the task's part
 *     sg_shared_rows_need(s, engine, SG_SHARED_TRAIN, cell->task, err);   rank 0, in `prepare`
 *     sg_shared_rows_get(w, SG_SHARED_TRAIN, task, &rows, err);           the team, in `work`
 *
 * A part: int64 n; int64 (n,2) where in the part the row's first and second text begin (-1: it has none); int32 labels (n); the texts,
 * each with its NUL. */
#ifndef SG_EXPERIMENTS_RUN_SHARED_ROWS_H
#define SG_EXPERIMENTS_RUN_SHARED_ROWS_H

#include "experiments/study/prepare.h"
#include "mpi/engine.h"

/* What parts there are, by index of the task or the pool. */
enum sg_shared {
    SG_SHARED_TRAIN,    /* of a task: training rows that some draw of the study takes */
    SG_SHARED_HELD_OUT, /* the rows that its cells predict */
    SG_SHARED_POOL,     /* all examples of a pool, which is complete */
    SG_SHARED_VECTORS   /* from here on: embeddings (experiments/run/vectors.h), by enum sg_vectors_of */
};
static inline int64_t sg_shared_number(int of, int64_t index)
{
    return (int64_t)of << 40 | index;
}

/* Each rank; p is borrowed. */
struct sg_shared_rows;
sg_status sg_shared_rows_create(const struct sg_prepared *p, struct sg_shared_rows **out,
                                struct sg_err *err) SG_MUST_USE;
void sg_shared_rows_destroy(struct sg_shared_rows *s); /* NULL is fine */

/* Rank 0. *row: (c->raw) which of the training file's rows, in the order of sg_raw_draw; borrowed. Drawn once for all cells of that draw. */
sg_status sg_shared_rows_draw(struct sg_shared_rows *s, const struct sg_cell *c, const int64_t **row,
                              struct sg_err *err) SG_MUST_USE;

/* Rank 0. The place in the task's SG_SHARED_TRAIN of a row that a draw has taken. */
int32_t sg_shared_rows_place(const struct sg_shared_rows *s, int task, int64_t row);

/* Rank 0, in `prepare`. */
sg_status sg_shared_rows_need(struct sg_shared_rows *s, struct sg_engine *e, enum sg_shared of, int64_t index,
                              struct sg_err *err) SG_MUST_USE;

/* A part as a rank has it. Borrowed until the work returns. */
struct sg_packed_rows {
    const char *bytes;
    size_t n_bytes;
    int64_t n;
    const int64_t *at;    /* (n,2) */
    const int32_t *label; /* (n) */
};

/* Local. SG_FAILED where it is not there or damaged. */
sg_status sg_shared_rows_get(const struct sg_work *w, enum sg_shared of, int64_t index,
                             struct sg_packed_rows *out, struct sg_err *err) SG_MUST_USE;

/* The same of any bytes, 8-byte aligned. */
sg_status sg_packed_rows_read(const void *bytes, size_t n_bytes, struct sg_packed_rows *out,
                              struct sg_err *err) SG_MUST_USE;

/* Row i, its texts borrowed. SG_FAILED where there is none, or it is damaged. */
sg_status sg_packed_rows_row(const struct sg_packed_rows *x, int64_t i, struct sg_row *row, int32_t *label,
                             struct sg_err *err) SG_MUST_USE;

#endif
