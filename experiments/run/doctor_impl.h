/* What the parts of doctor share; used by doctor*.c alone. */
#ifndef SG_EXPERIMENTS_RUN_DOCTOR_IMPL_H
#define SG_EXPERIMENTS_RUN_DOCTOR_IMPL_H

#include "experiments/run/doctor.h"
#include "experiments/study/prepare.h"

/* Adds a finding, with the generator's name in front where there are several, and without keys. */
sg_status sg_doctor_note(struct sg_findings *f, const char *topic, enum sg_health health, struct sg_err *err,
                         const char *format, ...) SG_PRINTF(5, 6);

/* ranks x memory and ranks x threads of a study, against what each node has. */
sg_status sg_doctor_check_room(const struct sg_prepared *p, struct sg_findings *f,
                               struct sg_err *err) SG_MUST_USE;

/* The endpoint of generator i: key, price, two of the study's requests. */
sg_status sg_doctor_check_endpoint(const struct sg_prepared *all, int i, struct sg_findings *f,
                                   struct sg_err *err) SG_MUST_USE;

#endif
