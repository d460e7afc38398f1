/* What a fine-tuning is told: one list. The struct, what a rank that trains a cell is sent, what the ledger says of a cell and the part of a
 * cell's id come from it; the rows of a study's settings (experiments/study/settings.c) have bounds and help of their own, and a test holds
 * them against it. A new setting is a line here and a row there. */
#ifndef SG_MODEL_TRAIN_SETTINGS_H
#define SG_MODEL_TRAIN_SETTINGS_H

#include "base/err.h"
#include "model/kernels/precision.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* How gradients meet. MPI's own sum depends on the library and on the number of ranks, and keeps the whole optimiser on each: it is
 * there to be measured against (tests/bench), and no study or option reaches it. */
enum sg_train_reduce { SG_TRAIN_EXACT, SG_TRAIN_MPI_ALLREDUCE };

#define SG_TRAIN_LR_AUTO (-1.0)

/* What a value is, and how it is written. */
enum sg_train_kind {
    SG_TRAIN_WHOLE,     /* int64_t or uint64_t */
    SG_TRAIN_REAL,      /* double: in its shortest form */
    SG_TRAIN_PRECISION, /* enum sg_precision: its name in ledger and id */
    SG_TRAIN_REDUCE,    /* enum sg_train_reduce: its number */
};

/* Whether a setting is part of a cell's id. What came later is left out where it is 0, as if it did not exist: ids stay. */
enum sg_train_in_id { SG_ID_NO, SG_ID_YES, SG_ID_LATER };

/* Whether the ledger's `settings` of a cell hold it. LATER: as above. */
enum sg_train_in_ledger { SG_LEDGER_NO, SG_LEDGER_YES, SG_LEDGER_LATER };

/* Whether a study sets it (train.<name>). */
enum sg_train_in_study { SG_STUDY_NO, SG_STUDY_YES };

/* X(type, name, kind, in id, in ledger, in study, what it is). The order is that of the id. lr: or SG_TRAIN_LR_AUTO, sg_train_auto_lr. */
/* clang-format off */
#define SG_TRAIN_SETTINGS(X)                                                                                                        \
    X(uint64_t,             seed,         WHOLE,     YES,   NO,    YES, "head initialisation, shuffles, dropout")                   \
    X(int64_t,              epochs,       WHOLE,     YES,   YES,   YES, "passes over the rows: epochs * ceil(n / batch) steps")     \
    X(int64_t,              steps,        WHOLE,     YES,   YES,   YES, "exactly so many optimiser steps; 0: epochs and min_steps") \
    X(int64_t,              batch,        WHOLE,     YES,   YES,   YES, "examples a step; an epoch's last may be smaller")          \
    X(int64_t,              max_length,   WHOLE,     YES,   YES,   YES, "tokens; cut to what the encoder has positions for")        \
    X(int64_t,              lanes,        WHOLE,     YES,   NO,    YES, "a power of two; 0: auto (sg_lanes_auto)")                  \
    X(double,               lr,           REAL,      YES,   YES,   YES, "peak, after linear warm-up; then linear decay to 0")       \
    X(double,               warmup,       REAL,      YES,   YES,   YES, "share of the steps (sg_train_n_warmup)")                   \
    X(double,               weight_decay, REAL,      YES,   YES,   YES, "decoupled; none on biases and LayerNorm")                  \
    X(double,               clip,         REAL,      YES,   YES,   YES, "largest global gradient norm; 0: none")                    \
    X(double,               dropout,      REAL,      YES,   YES,   YES, "of all three kinds; < 0: as config.json says")             \
    X(enum sg_precision,    precision,    PRECISION, LATER, LATER, YES, "of training and of the evaluation behind it")              \
    X(int64_t,              min_steps,    WHOLE,     LATER, YES,   YES, "at least so many, whatever epochs says")                   \
    X(int64_t,              layers,       WHOLE,     LATER, LATER, YES, "the encoder's first layers are used; 0: all")              \
    X(int64_t,              freeze,       WHOLE,     LATER, LATER, YES, "embeddings and first layers that stay as they are")        \
    X(int64_t,              threads,      WHOLE,     NO,    NO,    YES, "0: auto (sg_cores); changes no result")                    \
    X(enum sg_train_reduce, reduce,       REDUCE,    NO,    NO,    NO,  "how gradients meet")
/* clang-format on */

struct sg_train_settings {
#define X(type, name, kind, id, ledger, study, what) type name;
    SG_TRAIN_SETTINGS(X)
#undef X
};

/* The list as rows. */
struct sg_train_field {
    const char *name, *what;
    size_t offset; /* in struct sg_train_settings */
    enum sg_train_kind kind;
    enum sg_train_in_id in_id;
    enum sg_train_in_ledger in_ledger;
    enum sg_train_in_study in_study;
};
enum {
#define X(type, name, kind, id, ledger, study, what) SG_TRAIN_FIELD_##name,
    SG_TRAIN_SETTINGS(X)
#undef X
        SG_N_TRAIN_FIELDS
};
extern const struct sg_train_field sg_train_field[SG_N_TRAIN_FIELDS];

/* Local. Adds all of them to an object, for a trainer of the user's own (train.external). Returns whether that failed (memory). */
int sg_train_settings_pack(const struct sg_train_settings *s, json_t *o);

/* Local. Adds those that the ledger holds of a cell. Returns whether that failed. */
int sg_train_settings_describe(const struct sg_train_settings *s, json_t *o);

/* Local. The line of a cell's id: "train 0 epochs 3 steps 0 ... dropout -1 precision bf16". Epochs and min_steps count for nothing, and
 * are 0 here, where steps are set. */
enum { SG_TRAIN_ID = 800 };
void sg_train_settings_id(const struct sg_train_settings *s, char out[SG_TRAIN_ID]);

#endif
