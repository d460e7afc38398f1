/* The pools of results.h5 as JSON Lines, and what a dataset card says of them. */
#ifndef SG_RESULTS_EXPORT_POOLS_H
#define SG_RESULTS_EXPORT_POOLS_H

#include "results/export/out.h"

#include <hdf5.h>
#include <jansson.h>

struct sg_export_task {
    char *name;
    int64_t n_classes;
    char **class_;         /* (n_classes) names, by label */
    int has_pairs;         /* some example has a second text */
    int has_probabilities; /* some example has one that the LLM gave it */
    int has_labels;        /* the names can stand for the labels: none is empty or there twice */
};

struct sg_export_pool {
    int64_t task, config; /* config -1: it has no examples, and no file */
    char *method, *model, *status, *shortfall, *id;
    json_t *settings;                        /* of the generator; NULL: none are known */
    int64_t seed_generation, seed_data;      /* seed_data -1: its prompts show no raw rows */
    double n_wanted, n_attempts, n_rejected; /* NaN: not known */
    int64_t n;                               /* examples in the file */
    char *file;                              /* "data/sst2/zero_shot-g0.jsonl" */
    char *completion;                        /* key of its first example's */
};

/* All pools of a task and method. */
struct sg_export_config {
    char *name; /* "sst2-zero_shot" */
    int64_t task, n;
    const char *method; /* borrowed of a pool */
};

struct sg_export_pools {
    int64_t n_tasks, n, n_configs;
    struct sg_export_task *task;
    struct sg_export_pool *pool;
    struct sg_export_config *config; /* in the order of their first pools */
};

/* SG_INPUT for a file whose tables do not fit together. */
sg_status sg_export_pools_read(hid_t file, const char *path, struct sg_export_pools *out,
                               struct sg_err *err) SG_MUST_USE;
void sg_export_pools_free(struct sg_export_pools *p);

/* Fields of an example. text_pair is in those of tasks with pairs alone. */
struct sg_export_field {
    const char *name, *type; /* "string" or "int64" */
    const char *description;
};
extern const struct sg_export_field sg_export_fields[];
extern const int sg_n_export_fields;
int sg_export_has_field(const struct sg_export_task *t, const struct sg_export_field *f);

/* A file a pool that has examples. */
sg_status sg_export_pools_write(struct sg_out *o, hid_t file, const char *path,
                                const struct sg_export_pools *p, struct sg_err *err) SG_MUST_USE;

#endif
