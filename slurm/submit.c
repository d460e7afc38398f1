#include "slurm/submit_impl.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/tell.h"
#include "base/text.h"
#include "results/ledger/merge.h"
#include "slurm/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_ARGS = 600, GENERATE_MEM_MB = 2000, GENERATE_LIMIT_S = 24 * 3600 };

void sg_submitted_free(struct sg_submitted *s)
{
    struct sg_submit_job *const job[] = {&s->generate, &s->shares, &s->run};
    for (int i = 0; i < 3; i++) {
        sg_free(job[i]->script);
        sg_free(job[i]->path);
        sg_free(job[i]->log);
    }
    *s = (struct sg_submitted){0};
}

/* ---- make ---- */

/* What a job would end at is told before it has waited for hours. */
static sg_status check_lacks(const struct sg_job_facts *f, int force, struct sg_err *err)
{
    const struct sg_lacks *list[] = {&f->p->lacks, &f->n.lacks};
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < list[k]->n; i++) {
            const struct sg_lack *l = &list[k]->item[i];
            int ends_all = strcmp(l->what, "rows") == 0 || strcmp(l->what, "encoder") == 0;
            if (ends_all && !force)
                return sg_fail(err, SG_INPUT,
                               "%s (%s); hint: `synthgrid plan` lists all that is missing; --force submits "
                               "where only the "
                               "nodes have it",
                               l->text, l->what);
            sg_tell_warning("missing %s: %s", l->what, l->text);
        }
    return SG_OK;
}

/* The study's key variables that the site, or the environment, has a file for. */
static sg_status find_keys(const struct sg_study *study, const struct sg_site *site, struct sg_site_key *key,
                           int *n, struct sg_err *err)
{
    *n = 0;
    for (int g = 0; g < study->n_generators; g++) {
        const char *variable = study->generator[g].api_key_env, *path = NULL;
        char name[160];
        int twice = 0;
        snprintf(name, sizeof name, "%.140s_FILE", variable);
        for (int k = 0; k < site->n_keys; k++)
            if (strcmp(site->key[k].variable, variable) == 0)
                path = site->key[k].path;
        path = path ? path : getenv(name);
        for (int k = 0; k < *n; k++)
            twice |= strcmp(key[k].variable, variable) == 0;
        if (!path || !path[0] || twice)
            continue;
        SG_TRY(sg_secret_file_check(path, err));
        key[*n].variable = variable;
        key[*n].path = realpath(path, NULL); /* by free: it is not ours */
        if (!key[(*n)++].path)
            return sg_fail_memory(err, strlen(path));
    }
    return SG_OK;
}

static sg_status find_places(struct sg_script *s, const struct sg_study *study, char program[4096],
                             char dir[4096], char results[8400], struct sg_err *err)
{
    ssize_t n = readlink("/proc/self/exe", program, 4095);
    if (n <= 0 || !getcwd(dir, 4096))
        return sg_fail(err, SG_FAILED, "where this program, or the current folder, is cannot be found out");
    program[n] = 0;
    if (study->results[0] == '/')
        snprintf(results, 8400, "%.4090s", study->results);
    else
        snprintf(results, 8400, "%s/%.4090s", dir, study->results);
    s->program = program;
    s->dir = dir;
    s->results = results;
    return SG_OK;
}

static sg_status choose_scheduler(const struct sg_submit_options *o, const struct sg_site *site,
                                  const struct sg_scheduler **out, struct sg_err *err)
{
    *out = sg_scheduler_of((enum sg_scheduler_kind)site->scheduler);
    if (o->scheduler && strcmp(o->scheduler, "auto") != 0) {
        *out = sg_scheduler_find(o->scheduler);
        if (!*out)
            return sg_fail(err, SG_INPUT, "--scheduler %.60s: must be auto, slurm, pbs or lsf", o->scheduler);
    }
    return *out ? SG_OK : sg_scheduler_detect(out, err);
}

/* STUDY, options, key=value: (MAX_ARGS) of the caller's. What buys gets the LLM server. */
static sg_status list_args(const struct sg_submit_options *o, int offline, const char **arg, int *n,
                           struct sg_err *err)
{
    *n = 0;
    if (o->n_overrides + o->n_passed + 4 > MAX_ARGS)
        return sg_fail(err, SG_INPUT, "more than %d settings; hint: write them into a study file",
                       MAX_ARGS - 4);
    arg[(*n)++] = o->study;
    if (offline)
        arg[(*n)++] = "--offline";
    if (!offline && o->with_llm) {
        arg[(*n)++] = "--with-llm";
        arg[(*n)++] = o->with_llm;
    }
    for (int i = 0; i < o->n_passed; i++)
        arg[(*n)++] = o->passed[i];
    for (int i = 0; i < o->n_overrides; i++)
        arg[(*n)++] = o->overrides[i];
    return SG_OK;
}

static sg_status write_script(struct sg_script *s, const char *name, struct sg_submit_job *job,
                              struct sg_err *err)
{
    struct sg_buf b = sg_buf_make(1 << 20);
    job->path = sg_strf("%s/%s%s", s->results, name, s->scheduler->suffix);
    job->log = sg_strf("%s/%s-*.log", s->results, s->command);
    if (!job->path || !job->log)
        return sg_fail_memory(err, strlen(s->results));
    s->path = job->path;
    sg_status status = sg_script_write(s, &b, err);
    job->script = status == SG_OK ? sg_buf_take(&b) : NULL;
    sg_buf_free(&b);
    return status == SG_OK && !job->script ? sg_fail_memory(err, 1) : status;
}

/* One process that waits for a server most of the time. */
static sg_status make_generate(const struct sg_submit_options *o, const struct sg_script *run,
                               const char *partition, int64_t max_time_s, struct sg_submitted *out,
                               struct sg_err *err)
{
    const char *arg[MAX_ARGS];
    struct sg_script s = *run;
    s.command = "generate";
    s.partition = partition;
    s.constraint = NULL;
    s.size = (struct sg_job_size){.n_ranks = 1, .n_threads = 2, .mem_mb = GENERATE_MEM_MB};
    s.size.time_s = out->size.time_s > GENERATE_LIMIT_S ? out->size.time_s : GENERATE_LIMIT_S;
    if (max_time_s > 0 && s.size.time_s > max_time_s)
        s.size.time_s = max_time_s;
    s.is_alone = 1;
    s.ahead = 0;
    s.n_options = 0;
    if (o->with_llm) /* which takes what the person says behind -- */
        s.size.mem_mb = SG_JOB_NO_MEM;
    else
        s.n_extra = 0;
    SG_TRY(list_args(o, 0, arg, &s.n_args, err));
    s.arg = arg;
    out->has_generate = 1;
    return write_script(&s, "generate", &out->generate, err);
}

/* What Slurm's configuration says of MaxArraySize (indices stay below it); its default where Slurm cannot be asked. */
static int64_t max_array(void)
{
    static const char *const argv[] = {"scontrol", "show", "config", NULL};
    int64_t max = 1001;
    struct sg_buf said = sg_buf_make(1 << 20);
    struct sg_err ignored;
    char number[24];
    if (sg_submit_ask(argv[0], argv, "", &said, &ignored) == SG_OK) {
        const char *at = strstr(sg_buf_text(&said), "MaxArraySize"), *value = at ? strchr(at, '=') : NULL;
        if (value) {
            value += 1 + strspn(value + 1, " ");
            snprintf(number, sizeof number, "%.*s", (int)strspn(value, "0123456789") % 20, value);
            (void)sg_parse_int64(number, &max);
        }
    }
    sg_buf_free(&said);
    return max;
}

/* How many tasks the array gets: no more than Slurm takes, than `merge` joins beside the folder itself, and than cells are left. */
static sg_status count_shares(const struct sg_submit_options *o, const struct sg_job_facts *f,
                              int buys_before, struct sg_submitted *out, struct sg_err *err)
{
    if (o->n_shares <= 0)
        return SG_OK;
    if (!out->scheduler->has_phases)
        return sg_fail(err, SG_INPUT,
                       "--array is for Slurm alone; hint: more ranks (--ntasks) do the same in one job");
    if (o->ahead)
        return sg_fail(
            err, SG_INPUT,
            "--array and --ahead do not go together: each task goes back into the queue by itself");
    if (f->n.n_missing && !buys_before)
        return sg_fail(err, SG_INPUT,
                       "--array trains on what is bought, and %lld %s missing; hint: --generate-on P buys "
                       "first, or `synthgrid generate %s`",
                       (long long)f->n.n_missing,
                       sg_plural(f->n.n_missing, "completion is", "completions are"), o->study);
    int64_t most = max_array() - 1, n = o->n_shares;
    most = most < SG_MERGE_MAX - 1 ? most : SG_MERGE_MAX - 1;
    most = most < out->n_cells_left ? most : out->n_cells_left;
    if (most < 2)
        return sg_fail(err, SG_INPUT,
                       "--array %lld: there are no two cells left, or Slurm takes no array of two",
                       (long long)n);
    if (n > most)
        sg_tell_warning("--array %lld: cut to %lld, as Slurm (MaxArraySize), `merge` (%d folders) and the "
                        "cells that are left allow",
                        (long long)n, (long long)most, SG_MERGE_MAX);
    out->n_shares = n < most ? n : most;
    return SG_OK;
}

/* Each task is a job of the size of one. */
static sg_status make_shares(const struct sg_submit_options *o, const struct sg_script *run,
                             struct sg_submitted *out, struct sg_err *err)
{
    const char *arg[MAX_ARGS];
    struct sg_script s = *run;
    s.n_shares = out->n_shares;
    SG_TRY(list_args(o, 1, arg, &s.n_args, err));
    s.arg = arg;
    return write_script(&s, "shares", &out->shares, err);
}

/* Slurm takes one word on memory alone; and how much a server takes that runs beside the ranks is the person's to say. */
static int says_memory(const struct sg_submit_options *o, const struct sg_site *site)
{
    int says = 0;
    for (int i = 0; i < o->n_extra; i++)
        says |= strncmp(o->extra[i], "--mem", 5) == 0;
    for (int i = 0; i < site->n_options; i++)
        says |= strncmp(site->option[i], "--mem", 5) == 0;
    return says;
}

static sg_status make(const struct sg_submit_options *o, const struct sg_site *site, struct sg_job_facts *f,
                      struct sg_submitted *out, struct sg_err *err)
{
    const struct sg_study *study = f->p->study;
    const struct sg_job_limits limits = {.cores = site->max_cores,
                                         .n_nodes = site->max_nodes,
                                         .mem_bytes = site->max_mem_gb * 1e9,
                                         .time_s = site->max_time_s,
                                         .source = site->path};
    const char *generate_on = o->generate_on ? o->generate_on
                              : o->with_llm  ? NULL /* the job buys from its own server */
                                             : site->generate_partition,
               *arg[MAX_ARGS];
    char program[4096], dir[4096], results[8400], about[300], hours[24];
    struct sg_site_key key[SG_MAX_GENERATORS];
    int n_keys = 0;
    char *shares = NULL;
    SG_TRY(choose_scheduler(o, site, &out->scheduler, err));
    if (generate_on && o->offline)
        return sg_fail(err, SG_INPUT,
                       "--offline buys nothing, and --generate-on %s buys first: only one of them",
                       generate_on);
    if (generate_on && !out->scheduler->has_phases)
        return sg_fail(err, SG_INPUT,
                       "--generate-on is for Slurm alone; hint: `synthgrid generate %s` on a machine with a "
                       "network, then "
                       "`synthgrid submit %s --offline`",
                       o->study, o->study);
    if (o->with_llm && (o->offline || (o->n_shares && !generate_on)))
        return sg_fail(
            err, SG_INPUT,
            "--with-llm starts a server to be asked, and %s asks nobody; hint: --generate-on P buys first",
            o->offline ? "--offline" : "--array");
    SG_TRY(check_lacks(f, o->force, err));
    out->n_cells_left = f->n.n_cells - f->n.n_cells_done;
    SG_TRY(count_shares(o, f, generate_on != NULL, out, err));
    struct sg_job_wish wish = o->wish;
    if (!wish.mem_mb && (says_memory(o, site) || (o->with_llm && !generate_on)))
        wish.mem_mb = SG_JOB_NO_MEM;
    SG_TRY(sg_job_choose(f, &wish, &limits, &out->size, err));
    out->n_missing = f->n.n_missing;
    out->core_h = f->n.cost / 3600;
    sg_format_duration(f->n.cost, hours);
    snprintf(about, sizeof about,
             "Study %.60s: %lld of %lld cells are left, about %s on one core; %lld %s to buy.", study->name,
             (long long)out->n_cells_left, (long long)f->n.n_cells, hours, (long long)f->n.n_missing,
             sg_plural(f->n.n_missing, "completion", "completions"));
    struct sg_script s = {.scheduler = out->scheduler,
                          .name = study->name,
                          .about = about,
                          .command = "run",
                          .size = out->size,
                          .ahead = o->ahead,
                          .partition = o->partition ? o->partition : site->partition,
                          .account = o->account ? o->account : site->account,
                          .qos = o->qos ? o->qos : site->qos,
                          .constraint = o->constraint ? o->constraint : site->constraint,
                          .mail = site->mail,
                          .launcher = site->launcher,
                          .env_file = site->env_file,
                          .n_modules = site->n_modules,
                          .module = site->module,
                          .n_options = site->n_options,
                          .option = site->option,
                          .n_extra = o->n_extra,
                          .extra = o->extra,
                          .key = key};
    sg_status status = find_places(&s, study, program, dir, results, err);
    if (status == SG_OK)
        status = find_keys(study, site, key, &n_keys, err);
    s.n_keys = n_keys;
    if (status == SG_OK && generate_on)
        status = make_generate(o, &s, generate_on, site->max_time_s, out, err);
    int offline = o->offline || generate_on || out->n_shares;
    if (offline) /* what never buys needs no key */
        s.n_keys = 0;
    if (out->n_shares && !(shares = sg_strf("%s/shares", results)))
        status = sg_fail_memory(err, sizeof results);
    s.shares = shares;
    if (generate_on && o->with_llm)
        s.n_extra = 0;
    if (status == SG_OK && out->n_shares)
        status = make_shares(o, &s, out, err);
    if (status == SG_OK)
        status = list_args(o, offline, arg, &s.n_args, err);
    s.arg = arg;
    if (status == SG_OK)
        status = write_script(&s, "run", &out->run, err);
    for (int k = 0; k < n_keys; k++)
        free(key[k].path);
    sg_free(shares);
    return status;
}

sg_status sg_submit_make(const struct sg_submit_options *o, struct sg_submitted *out, struct sg_err *err)
{
    struct sg_site *site = NULL;
    struct sg_job_facts facts = {0};
    const struct sg_run_options plan = {.study = o->study,
                                        .n_overrides = o->n_overrides,
                                        .overrides = o->overrides,
                                        .max_usd = -1,
                                        .with_llm = o->with_llm};
    *out = (struct sg_submitted){0};
    sg_status status = sg_site_read(o->site, &site, err);
    if (status == SG_OK)
        status = sg_job_facts_read(&plan, &facts, err);
    if (status == SG_OK)
        status = make(o, site, &facts, out, err);
    sg_job_facts_free(&facts);
    sg_site_destroy(site);
    return status;
}
