/* What the parts of submit share; used by submit*.c alone. */
#ifndef SG_SLURM_SUBMIT_IMPL_H
#define SG_SLURM_SUBMIT_IMPL_H

#include "base/buf.h"
#include "slurm/submit.h"

/* Runs a program of the batch system, with the few variables of ours that it may see; appends what it says. SG_FAILED, with its words, where
 * it ends in anything but 0. */
sg_status sg_submit_ask(const char *program, const char *const *argv, const char *input, struct sg_buf *said,
                        struct sg_err *err) SG_MUST_USE;

#endif
