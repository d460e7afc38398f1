/* A training run on disk or in memory, between two steps: what a run that was cut off goes on from, on a team of any size.
 *
 * One file, little-endian, without gaps:
 *
 *     "SGSNAP02"  int64 bytes of the file  64 hex: the run (encoder, settings, tokens, labels, program)
 *     int64 steps done  int64 steps  int64 tokens trained on  float64 seconds trained, and these times the ranks  int64 teams, most ranks
 *     float32 loss (steps)  struct sg_adam (steps)  float32 parameters (words in use alone; nothing that is frozen)
 *     for word, position, type, none of them where they are frozen: float32 m, v (rows,C)  int64 steps done (rows)  uint8 has state (rows)
 *     float32 m, v of the dense part  64 hex: SHA-256 of everything before
 *
 * In memory it begins with float64 seconds since the run was last on disk and the int64 step that it was resumed at from there, and has no digest. Team rank 0 alone reads and writes it; a file
 * is written beside its name and renamed. Inside model/ only. */
#ifndef SG_MODEL_SNAPSHOT_H
#define SG_MODEL_SNAPSHOT_H

#include "model/trainer.h"

/* What the steps have brought besides weights. */
struct sg_snapshot_at {
    int64_t step, n_tokens;
    double train_s, rank_s;      /* rank_s: each team's seconds times its ranks */
    int64_t n_teams, most_ranks; /* that trained it, one after the other; of the largest */
    double unsaved_s;            /* in memory: since it was last on disk, */
    int64_t first_step;          /* and after how many steps that was gone on from; 0: never */
    int is_memory;               /* read from there */
    float *loss;                 /* (n_steps), the caller's */
};

/* Collective. Writes it after at->step steps; t->adamw.g is lost (the next step makes it anew). What the disk
 * refuses is no failure: why->status and its sentence tell all ranks alike, and the file is as it was. Only
 * MPI makes it fail. */
sg_status sg_snapshot_write(struct sg_trainer *t, const char *path, const struct sg_snapshot_at *at,
                            struct sg_err *why, struct sg_err *err) SG_MUST_USE;

/* Local. Bytes of one in memory. */
size_t sg_snapshot_bytes(struct sg_trainer *t);

/* Collective. The same into memory: team rank 0 gets *out, of sg_snapshot_bytes, to be freed with sg_free; others NULL. Where there is no
 * memory for it why->status says so, on all ranks, and *out is NULL. */
sg_status sg_snapshot_keep(struct sg_trainer *t, const struct sg_snapshot_at *at, void **out,
                           struct sg_err *why, struct sg_err *err) SG_MUST_USE;

/* Collective. Puts the trainer where it was written: into memory (n bytes on team rank 0, NULL on others), or where that is NULL into the
 * file (path NULL: none); where there is neither, trainer and *at are left as they are. So they are when it is damaged, cut off, or another
 * run's: SG_INPUT. */
sg_status sg_snapshot_read(struct sg_trainer *t, const void *memory, size_t n, const char *path,
                           struct sg_snapshot_at *at, struct sg_err *err) SG_MUST_USE;

#endif
