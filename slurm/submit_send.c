/* What is written and run: scripts into the results folder, sbatch and its like. */
#include "slurm/submit_impl.h"

#include "base/child.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"
#include "slurm/script.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

extern char **environ;

enum { SUBMIT_LIMIT_S = 120 };

/* Whether a variable of ours may be seen by the program that submits, and by the job where that passes on all that it has (LSF): what
 * a job gets under Slurm, and what batch systems are told by. Keys are in none of these. */
static int may_pass(const char *entry)
{
    static const char *const prefix[] = {
        "SLURM_CONF=", "SLURM_CLUSTERS=", "SBATCH_", "PBS_", "LSF_", "LSB_", "LC_", "LMOD_", "KRB5CCNAME="};
    size_t n = strcspn(entry, "=");
    if (strncmp(entry, "SBATCH_EXPORT=", 14) == 0 || strncmp(entry, "SG_RESTARTS=", 12) == 0)
        return 0;
    for (size_t i = 0; i < sizeof prefix / sizeof prefix[0]; i++)
        if (strncmp(entry, prefix[i], strlen(prefix[i])) == 0)
            return 1;
    for (const char *name = sg_script_exports(); *name && *name != '\n'; name += *name == ',') {
        size_t len = strcspn(name, ",\n");
        if (len == n && strncmp(name, entry, n) == 0)
            return 1;
        name += len;
    }
    return 0;
}

sg_status sg_submit_ask(const char *program, const char *const *argv, const char *input, struct sg_buf *said,
                        struct sg_err *err)
{
    size_t n = 0, k = 0;
    int code = 0;
    while (environ[n])
        n++;
    const char **mine = sg_alloc(n + 1, sizeof *mine);
    if (!mine)
        return sg_fail_memory(err, n * sizeof *mine);
    for (size_t i = 0; i < n; i++)
        if (may_pass(environ[i]))
            mine[k++] = environ[i];
    sg_status status = sg_child_ask(argv, mine, input, strlen(input), SUBMIT_LIMIT_S, said, &code, err);
    sg_free(mine);
    if (status == SG_OK && code) {
        struct sg_buf words = sg_buf_make(2000);
        sg_buf_foreign(&words, sg_buf_text(said), 600);
        status = sg_fail(err, SG_FAILED, "%s refuses the job (exit code %d): %s", program, code,
                         sg_buf_text(&words));
        sg_buf_free(&words);
    }
    return status;
}

static sg_status send_one(const struct sg_scheduler *sched, struct sg_submit_job *job, const char *ok,
                          const char *any, struct sg_err *err)
{
    const char *argv[12], *id = NULL;
    char text[240];
    int n = 0;
    SG_TRY(sg_file_write(job->path, job->script, strlen(job->script), err));
    argv[n++] = sched->program;
    if (sched->has_phases)
        argv[n++] = "--parsable";
    if (sched->after)
        n += sched->after(ok, any, argv + n, text);
    if (!sched->reads_stdin)
        argv[n++] = job->path;
    argv[n] = NULL;
    struct sg_buf said = sg_buf_make(1 << 16);
    sg_status status = sg_submit_ask(sched->program, argv, sched->reads_stdin ? job->script : "", &said, err);
    char *copy = status == SG_OK ? sg_strdup(sg_buf_text(&said)) : NULL;
    if (status == SG_OK && copy && (id = sched->job_id(copy)))
        snprintf(job->id, sizeof job->id, "%s", id);
    else if (status == SG_OK)
        status = sg_fail(err, SG_FAILED, "%s took the job, but names no number: %.300s", sched->program,
                         sg_buf_text(&said));
    sg_free(copy);
    sg_buf_free(&said);
    return status;
}

/* Shares that are in the study's own folder already go to shares.1, shares.2, ...: those that are trained now begin with what that folder
 * has by then, and are not joined yet. */
static sg_status set_joined_aside(const char *shares, struct sg_err *err)
{
    struct stat st;
    char *joined = sg_path_join(shares, "joined"), *aside = NULL;
    sg_status status = joined ? SG_OK : sg_fail_memory(err, strlen(shares));
    if (status == SG_OK && lstat(joined, &st) == 0) {
        for (int i = 1; !aside && status == SG_OK; i++) {
            aside = sg_strf("%s.%d", shares, i);
            if (!aside)
                status = sg_fail_memory(err, strlen(shares));
            else if (lstat(aside, &st) == 0) {
                sg_free(aside);
                aside = NULL;
            }
        }
        if (status == SG_OK && rename(shares, aside) != 0)
            status = sg_fail(err, SG_FAILED, "%s: shares of an earlier array cannot be renamed to %s: %s",
                             shares, aside, strerror(errno));
    }
    sg_free(aside);
    sg_free(joined);
    return status;
}

sg_status sg_submit_send(struct sg_submitted *s, struct sg_err *err)
{
    char *folder = sg_path_dir(s->run.path);
    sg_status status = folder ? sg_mkdirs(folder, err) : sg_fail_memory(err, 1);
    sg_free(folder);
    const char *bought = NULL, *trained = NULL;
    if (status == SG_OK && s->n_shares) {
        char *shares = sg_strf("%.*s/shares", (int)(strrchr(s->run.path, '/') - s->run.path), s->run.path);
        status = shares ? set_joined_aside(shares, err) : sg_fail_memory(err, 1);
        sg_free(shares);
    }
    if (status == SG_OK && s->has_generate) {
        status = send_one(s->scheduler, &s->generate, NULL, NULL, err);
        bought = s->generate.id;
    }
    if (status == SG_OK && s->n_shares) {
        status = send_one(s->scheduler, &s->shares, bought, NULL, err);
        trained = s->shares.id;
    }
    if (status == SG_OK)
        status = send_one(s->scheduler, &s->run, bought, trained, err);
    if (status != SG_OK && s->shares.id[0])
        return sg_err_at(err, "array %s, which trains, is submitted, but not the job that joins its shares",
                         s->shares.id);
    if (status != SG_OK && s->generate.id[0])
        return sg_err_at(err, "job %s, which buys, is submitted, but not the one that trains",
                         s->generate.id);
    return status;
}
