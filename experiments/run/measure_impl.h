/* Inside of measuring embeddings: parts (measure_parts.c), what the ledger keeps of them (measure_records.c), the way through them
 * (measure.c). */
#ifndef SG_EXPERIMENTS_RUN_MEASURE_IMPL_H
#define SG_EXPERIMENTS_RUN_MEASURE_IMPL_H

#include "experiments/run/measure.h"
#include "experiments/run/vectors.h"
#include "results/h5/embeddings.h"
#include "results/measures/measures.h"
#include "results/stats/diversity.h"

#include <jansson.h>

/* What is embedded in one go. Parts of a task stand together: raw rows, test rows, complete pools. Rank 0 has them. */
struct sg_part {
    int task;
    int64_t pool;   /* -1: rows of a file */
    int is_test;    /* of the test file */
    int64_t n;      /* rows */
    int64_t *index; /* (n): which of the file; NULL for a pool */
    char texts[SG_HEX];
    int is_first, is_last; /* of its task */
    int is_stored;         /* embeddings.h5 holds it */
    int is_held;           /* this run's probes have embedded it */
    int diversity,
        against;     /* what the ledger lacks: of a pool; `against` of test rows goes with `task_record` */
    int task_record; /* the task's record is made again */
    int is_needed;   /* anything of its task is to be measured */
};
struct sg_parts {
    int64_t n;
    struct sg_part *part;
};

/* Rank 0. All parts of tasks that have a complete pool. What is stored and lacking is not looked at. */
sg_status sg_parts_list(const struct sg_prepared *p, struct sg_parts *out, struct sg_err *err) SG_MUST_USE;
void sg_parts_free(struct sg_parts *x);

/* "raw", "test" or the pool's id. */
const char *sg_part_name(const struct sg_prepared *p, const struct sg_part *x);

/* Rank 0. Whether the vectors (NULL: no) have all of the part. */
int sg_part_is_held(const struct sg_prepared *p, const struct sg_part *x, const struct sg_vectors *vectors);

/* Rank 0. The part for all ranks: a JSON object with its fields, and with its texts where it is neither stored nor held. */
sg_status sg_part_message(const struct sg_prepared *p, const struct sg_part *x, struct sg_buf *b,
                          struct sg_err *err) SG_MUST_USE;

/* Where rank 0 has a part's embeddings from, if it has. */
struct sg_part_source {
    const char *path;                 /* of embeddings.h5 */
    const struct sg_vectors *vectors; /* rank 0, NULL: none */
    const struct sg_part *part;       /* rank 0 */
};

/* Collective. The embeddings of such a message's part, whole on every rank: new memory. */
sg_status sg_part_embed(const struct sg_team *world, const struct sg_prepared *p, const json_t *message,
                        const struct sg_part_source *from, float **x, struct sg_err *err) SG_MUST_USE;

/* What numbers depend on besides the texts: {"encoder_sha256", "max_length", "rounding"}; embeddings are always in fp32. */
json_t *sg_measured_with(const struct sg_prepared *p);

/* Rank 0. Sets of each part what the ledger lacks. */
sg_status sg_records_lack(struct sg_ledger *l, const struct sg_prepared *p, struct sg_parts *x,
                          struct sg_err *err) SG_MUST_USE;

/* Rank 0, uncommitted. diversity, against: NULL where they were not measured; the rest of the record stays. raw: the task's part. */
sg_status sg_record_put_pool(struct sg_ledger *l, const struct sg_prepared *p, const struct sg_part *x,
                             const struct sg_part *raw, const struct sg_diversity *diversity,
                             const struct sg_measures *against, struct sg_err *err) SG_MUST_USE;

/* Rank 0, uncommitted. part: the n parts of the task, raw rows, test rows, pools; distance (n - 2, n - 2). */
sg_status sg_record_put_task(struct sg_ledger *l, const struct sg_prepared *p, const struct sg_part *part,
                             int64_t n, const struct sg_measures *test, const double *distance,
                             struct sg_err *err) SG_MUST_USE;

#endif
