/* What the frozen layers give for each training text.
 *
 * It does not change while the others are trained, as there is no dropout in them, and a text's numbers depend on the
 * text alone (model/kernels/gemm.h). So it is computed once and kept, for as many texts as fit into SG_FROZEN_BYTES; what
 * has no room there is computed anew in each step, by the same function and to the same bits. Nothing is kept where no
 * text is used twice. Inside model/ only.
 *
 *     sg_frozen_make(&f, &job, 1, cores, threads, team, err);       the ranks of a team share the work
 *     sg_frozen_take(&f, thread, example, n, acts.input + ...);     in each step, each thread its lanes' texts
 *     sg_frozen_free(&f);
 *
 * Each rank has all of it: any text may come to any of its lanes. */
#ifndef SG_MODEL_FROZEN_H
#define SG_MODEL_FROZEN_H

#include "model/infer.h"
#include "mpi/comm.h"

/* Bytes a rank keeps at most. The environment's SG_FROZEN_BYTES counts instead where it is a number: for nodes with little memory,
 * and for tests. It changes no result. */
#define SG_FROZEN_BYTES ((size_t)1 << 30)

struct sg_frozen {
    struct sg_infer job;   /* what to compute; its shape is the one below */
    struct sg_shape shape; /* L: the frozen layers */
    int64_t n_kept;        /* the first texts, those that are kept */
    float *kept;   /* (T,C) of their tokens, or where all layers are frozen (n_kept,C) of first ones */
    int n_workers; /* 0: all are kept */
    struct sg_infer_worker *worker;
};

/* Collective over the team. job: of the whole encoder and all training texts; what it points to is borrowed until
 * sg_frozen_free. cores: to fill it with. threads: of sg_frozen_take. is_kept: texts are used more than once. On failure *f is empty, on all ranks. */
sg_status sg_frozen_make(struct sg_frozen *f, const struct sg_infer *job, int is_kept, int cores, int threads,
                         const struct sg_team *team, struct sg_err *err) SG_MUST_USE;
void sg_frozen_free(struct sg_frozen *f);

/* Local, by thread `thread`: of each text all tokens' rows, or that of its first token where all layers are frozen, one after the
 * other. Allocates nothing. */
void sg_frozen_take(const struct sg_frozen *f, int thread, const int64_t *example, int64_t n, float *out);

/* Bytes of it on one rank, for texts of so many tokens, up to `longest` each. */
size_t sg_frozen_bytes(const struct sg_shape *s, int64_t n_texts, double n_tokens, int64_t longest,
                       int threads);

/* The share of the texts that is kept then. */
double sg_frozen_share(const struct sg_shape *s, int64_t n_texts, double n_tokens);

#endif
