/* A site's settings for `synthgrid submit`: one small YAML file, so that nobody types partition and account twice
 * (slurm/site.example.yaml has all of them, with their help).
 *
 *     SG_TRY(sg_site_read(path_or_null, &site, err));      --site FILE, else $SYNTHGRID_SITE, else ~/.config/synthgrid/site.yaml
 *     ... site->partition ...
 *     sg_site_destroy(site);
 *
 * No file at all is fine where none was named. An unknown key is an error with the nearest known one; a text that looks like an API
 * key is refused, as in a study: a key stands in a file of its own, whose path is here. */
#ifndef SG_SLURM_SITE_H
#define SG_SLURM_SITE_H

#include "base/err.h"

#include <stdint.h>

/* scheduler: */
enum sg_scheduler_kind {
    SG_SCHEDULER_AUTO,
    SG_SCHEDULER_SLURM,
    SG_SCHEDULER_PBS,
    SG_SCHEDULER_LSF,
    SG_N_SCHEDULERS
};

/* generator.api_key_env -> the file that has the key. */
struct sg_site_key {
    const char *variable;
    char *path; /* ~/ is the home folder here */
};

struct sg_site {
    const char *path; /* of the file; NULL: there is none */
    int scheduler;    /* enum sg_scheduler_kind */
    char *partition, *account, *qos, *constraint, *mail, *generate_partition;
    int n_modules, n_options;
    char **module, **option;
    char *env_file, *launcher;
    int n_keys;
    struct sg_site_key *key;
    int64_t max_cores, max_nodes; /* of a node; of a job; 0: not known */
    double max_mem_gb;            /* of a node */
    char *max_time;
    int64_t max_time_s;
    void *arena; /* what all of it lives in */
};

/* Local. SG_INPUT with file:line:column for what the file must not say, and for a named file that is not there. */
sg_status sg_site_read(const char *path, struct sg_site **out, struct sg_err *err) SG_MUST_USE;
void sg_site_destroy(struct sg_site *s);

/* Local. Slurm's ways to write a time: minutes, minutes:seconds, hours:minutes:seconds, days-hours[:minutes[:seconds]]. 0 where it is none. */
int sg_time_parse(const char *text, int64_t *seconds);

#endif
