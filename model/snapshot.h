/* A training run on disk, between two steps: what a run that was cut off goes on from, on a team of any size.
 *
 * One file, little-endian, without gaps:
 *
 *     "SGSNAP01"  int64 bytes of the file  64 hex: the run (encoder, settings, tokens, labels, program)
 *     int64 steps done  int64 steps  int64 tokens trained on  float64 seconds trained
 *     float32 loss (steps)  struct sg_adam (steps)  float32 parameters (words in use alone; nothing that is frozen)
 *     for word, position, type, none of them where they are frozen: float32 m, v (rows,C)  int64 steps done (rows)  uint8 has state (rows)
 *     float32 m, v of the dense part  64 hex: SHA-256 of everything before
 *
 * Team rank 0 alone reads and writes it; it is written beside its name and renamed. Inside model/ only. */
#ifndef SG_MODEL_SNAPSHOT_H
#define SG_MODEL_SNAPSHOT_H

#include "model/trainer.h"

/* What the steps have brought besides weights. */
struct sg_snapshot_at {
    int64_t step, n_tokens;
    double train_s;
    float *loss; /* (n_steps), the caller's */
};

/* Collective. Writes it after at->step steps; t->adamw.g is lost (the next step makes it anew). What the disk
 * refuses is no failure: why->status and its sentence tell all ranks alike, and the file is as it was. Only
 * MPI makes it fail. */
sg_status sg_snapshot_write(struct sg_trainer *t, const char *path, const struct sg_snapshot_at *at,
                            struct sg_err *why, struct sg_err *err) SG_MUST_USE;

/* Collective. Puts the trainer where the file was written; where there is none, both are left as they are. So
 * they are when the file is damaged, cut off, or another run's: SG_INPUT. */
sg_status sg_snapshot_read(struct sg_trainer *t, const char *path, struct sg_snapshot_at *at,
                           struct sg_err *err) SG_MUST_USE;

#endif
