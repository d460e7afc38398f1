#include "slurm/script.h"

#include "base/child.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

extern const char sg_embedded_study_sbatch[];

/* Where the parts of study.sbatch begin. */
static const char slurm_mark[] = "# ==== Slurm ====\n", every_mark[] = "# ==== every scheduler ====\n",
                  export_mark[] = "#SBATCH --export=";

void sg_script_quote(const char *text, struct sg_buf *out)
{
    sg_buf_puts(out, "'");
    for (; *text; text++)
        if (*text == '\'')
            sg_buf_puts(out, "'\\''");
        else
            sg_buf_add(out, text, 1);
    sg_buf_puts(out, "'");
}

const char *sg_script_exports(void)
{
    return strstr(sg_embedded_study_sbatch, export_mark) + sizeof export_mark - 1;
}

/* NAME='value' in a line of its own. */
static void assign(struct sg_buf *out, const char *name, const char *value)
{
    if (!value)
        return;
    sg_buf_printf(out, "%s=", name);
    sg_script_quote(value, out);
    sg_buf_puts(out, "\n");
}

/* Short jobs are warned later, or they would do nothing else; and by a clock of their own, as Slurm's warning may come a minute early
 * (sbatch's manual; seen: after 28 s of 60). */
static int is_short(const struct sg_script *s)
{
    return s->size.time_s < 480;
}

static int64_t warn_s(const struct sg_script *s)
{
    int64_t tenth = s->size.time_s / 10;
    return !is_short(s) ? 120 : tenth > 5 ? tenth : 5;
}

/* ---- directives ---- */

static void directive(const struct sg_script *s, struct sg_buf *out, const char *before, const char *value)
{
    if (!value)
        return;
    int plain = value[0] != 0;
    for (const char *p = value; *p; p++)
        plain &= isalnum((unsigned char)*p) || strchr("-_=:,./%@+[]^~", *p) != NULL;
    sg_buf_printf(out, "%s %s", s->scheduler->directive, before);
    if (plain)
        sg_buf_puts(out, value);
    else {
        sg_buf_puts(out, "\"");
        for (const char *p = value; *p; p++)
            sg_buf_printf(out, "%s%c", *p == '"' || *p == '\\' ? "\\" : "", *p);
        sg_buf_puts(out, "\"");
    }
    sg_buf_puts(out, "\n");
}

/* The words of `extra`, an option with its value on a line. */
static void extra(const struct sg_script *s, struct sg_buf *out)
{
    for (int i = 0; i < s->n_extra; i++) {
        int takes_next = i + 1 < s->n_extra && s->extra[i + 1][0] != '-';
        struct sg_buf before = sg_buf_make(4096);
        sg_buf_printf(&before, "%s ", s->extra[i]);
        if (takes_next)
            directive(s, out, sg_buf_text(&before), s->extra[++i]);
        else
            directive(s, out, "", s->extra[i]);
        sg_buf_free(&before);
    }
}

/* A path in which the batch system's own sign for the job's number follows. */
static char *log_path(const struct sg_script *s, const char *sign)
{
    struct sg_buf b = sg_buf_make(1 << 16);
    for (const char *p = s->results; *p; p++)
        sg_buf_printf(&b, "%s%c", *p == '%' ? "%" : "", *p);
    sg_buf_printf(&b, "/%s-%s.log", s->command, sign);
    return sg_buf_take(&b);
}

static void slurm_head(const struct sg_script *s, struct sg_buf *out)
{
    const struct sg_job_size *z = &s->size;
    char *log = log_path(s, s->n_shares ? "%A_%a" : "%j");
    directive(s, out, "--job-name=", s->name);
    directive(s, out, "--output=", log);
    if (s->n_shares)
        sg_buf_printf(out, "#SBATCH --array=1-%lld\n", (long long)s->n_shares);
    if (z->n_nodes)
        sg_buf_printf(out, "#SBATCH --nodes=%lld\n", (long long)z->n_nodes);
    if (z->n_per_node)
        sg_buf_printf(out, "#SBATCH --ntasks-per-node=%lld\n", (long long)z->n_per_node);
    sg_buf_printf(out, "#SBATCH --ntasks=%lld\n#SBATCH --cpus-per-task=%lld\n", (long long)z->n_ranks,
                  (long long)z->n_threads);
    if (z->mem_mb > 0)
        sg_buf_printf(out, "#SBATCH --mem-per-cpu=%lldM\n", (long long)z->mem_mb);
    int64_t minutes = (z->time_s + 59) / 60;
    sg_buf_printf(out, "#SBATCH --time=%lld:%02lld:00\n", (long long)(minutes / 60),
                  (long long)(minutes % 60));
    directive(s, out, "--partition=", s->partition);
    directive(s, out, "--account=", s->account);
    directive(s, out, "--qos=", s->qos);
    directive(s, out, "--constraint=", s->constraint);
    if (s->mail) {
        directive(s, out, "--mail-user=", s->mail);
        sg_buf_puts(out, "#SBATCH --mail-type=END,FAIL\n");
    }
    if (!is_short(s))
        sg_buf_printf(out, "#SBATCH --signal=B:USR1@%lld\n", (long long)warn_s(s));
    sg_buf_puts(out, "#SBATCH --open-mode=append\n");
    /* One that has its successor in the queue must not come back beside it. */
    sg_buf_puts(out, s->ahead ? "#SBATCH --no-requeue\n" : "#SBATCH --requeue\n");
    const char *names = sg_script_exports();
    sg_buf_printf(out, "%s%.*s\n", export_mark, (int)strcspn(names, "\n"), names);
    sg_free(log);
}

static void pbs_head(const struct sg_script *s, struct sg_buf *out)
{
    const struct sg_job_size *z = &s->size;
    int64_t n_chunks = z->n_per_node ? z->n_nodes : z->n_ranks, n_in = z->n_per_node ? z->n_per_node : 1,
            t = z->time_s;
    char name[16];
    snprintf(name, sizeof name, "%s", s->name); /* 15 characters go everywhere */
    struct sg_buf log = sg_buf_make(1 << 16);
    sg_buf_printf(&log, "%s/", s->results);
    directive(s, out, "-N ", name);
    sg_buf_puts(out, "#PBS -j oe\n");
    directive(s, out, "-o ", sg_buf_text(&log));
    sg_buf_printf(out, "#PBS -l select=%lld:ncpus=%lld:mpiprocs=%lld", (long long)n_chunks,
                  (long long)(n_in * z->n_threads), (long long)n_in);
    if (z->mem_mb > 0)
        sg_buf_printf(out, ":mem=%lldmb", (long long)(n_in * z->n_threads * z->mem_mb));
    sg_buf_puts(out, "\n");
    sg_buf_printf(out, "#PBS -l walltime=%02lld:%02lld:%02lld\n", (long long)(t / 3600),
                  (long long)(t / 60 % 60), (long long)(t % 60));
    directive(s, out, "-q ", s->partition);
    directive(s, out, "-A ", s->account);
    if (s->mail) {
        directive(s, out, "-M ", s->mail);
        sg_buf_puts(out, "#PBS -m ae\n");
    }
    sg_buf_puts(out, s->ahead ? "#PBS -r n\n" : "#PBS -r y\n");
    sg_buf_free(&log);
}

static void lsf_head(const struct sg_script *s, struct sg_buf *out)
{
    const struct sg_job_size *z = &s->size;
    int64_t minutes = (z->time_s + 59) / 60;
    char *log = log_path(s, "%J");
    directive(s, out, "-J ", s->name);
    directive(s, out, "-o ", log);
    sg_buf_printf(out, "#BSUB -n %lld\n", (long long)z->n_ranks);
    if (z->n_per_node)
        sg_buf_printf(out, "#BSUB -R \"span[ptile=%lld]\"\n", (long long)z->n_per_node);
    sg_buf_printf(out, "#BSUB -R \"affinity[core(%lld)]\"\n", (long long)z->n_threads);
    if (z->mem_mb > 0)
        sg_buf_printf(out, "#BSUB -R \"rusage[mem=%lldMB]\"\n", (long long)(z->mem_mb * z->n_threads));
    sg_buf_printf(out, "#BSUB -W %lld:%02lld\n", (long long)(minutes / 60), (long long)(minutes % 60));
    directive(s, out, "-q ", s->partition);
    directive(s, out, "-P ", s->account);
    if (s->mail) {
        directive(s, out, "-u ", s->mail);
        sg_buf_puts(out, "#BSUB -N\n");
    }
    sg_buf_puts(out, s->ahead ? "#BSUB -rn\n" : "#BSUB -r\n");
    sg_free(log);
}

/* ---- the whole ---- */

static sg_status check_lines(const struct sg_script *s, struct sg_err *err)
{
    const char *const one[] = {s->name,    s->about, s->dir,        s->results, s->partition,
                               s->account, s->qos,   s->constraint, s->mail,    s->path};
    for (size_t i = 0; i < sizeof one / sizeof one[0] + (size_t)s->n_extra; i++) {
        const char *text = i < sizeof one / sizeof one[0] ? one[i] : s->extra[i - sizeof one / sizeof one[0]];
        for (const char *p = text ? text : ""; *p; p++)
            if (iscntrl((unsigned char)*p))
                return sg_fail(
                    err, SG_INPUT,
                    "\"%.*s...\" holds a line's end or another control character, which no job can have",
                    (int)(p - text > 60 ? 60 : p - text), text);
    }
    return SG_OK;
}

static void settings(const struct sg_script *s, struct sg_buf *out)
{
    sg_buf_puts(out, "\ncd ");
    sg_script_quote(s->dir, out);
    sg_buf_puts(out, " || exit 2\n");
    assign(out, "SYNTHGRID", s->program);
    assign(out, "SG_COMMAND", s->command);
    assign(out, "SG_RESULTS", s->results);
    if (s->n_shares) {
        assign(out, "SG_FROM", s->results);
        sg_buf_puts(out, "SG_RESULTS=");
        sg_script_quote(s->shares, out);
        sg_buf_puts(out, "/$SLURM_ARRAY_TASK_ID\n");
    } else
        assign(out, "SG_SHARES", s->shares);
    if (s->scheduler->part) { /* what Slurm tells its jobs */
        assign(out, "SG_SCRIPT", s->path);
        sg_buf_printf(out, "SG_RANKS=%lld SG_THREADS=%lld\n", (long long)s->size.n_ranks,
                      (long long)s->size.n_threads);
    }
    if (s->scheduler->part || is_short(s))
        sg_buf_printf(out, "SG_TIME_S=%lld SG_WARN_S=%lld\n", (long long)s->size.time_s,
                      (long long)warn_s(s));
    if (is_short(s)) /* cells that run get a part of what is left; the rest is for writing */
        sg_buf_printf(out, "SG_DRAIN_S=%lld\n", (long long)(warn_s(s) / 3));
    if (s->ahead)
        sg_buf_puts(out, "SG_AHEAD=1\n");
    assign(out, "SG_LAUNCH", s->is_alone ? "env" : s->launcher); /* `env PROGRAM` starts one process */
    assign(out, "SG_ENV_FILE", s->env_file);
    if (s->n_modules) {
        struct sg_buf names = sg_buf_make(1 << 16);
        for (int i = 0; i < s->n_modules; i++)
            sg_buf_printf(&names, "%s%s", i ? " " : "", s->module[i]);
        assign(out, "SG_MODULES", sg_buf_text(&names));
        sg_buf_free(&names);
    }
    for (int i = 0; i < s->n_keys; i++) {
        sg_buf_printf(out, "export %s_FILE=", s->key[i].variable);
        sg_script_quote(s->key[i].path, out);
        sg_buf_puts(out, "\n");
    }
    sg_buf_puts(out, "set --");
    for (int i = 0; i < s->n_args; i++) {
        sg_buf_puts(out, " ");
        sg_script_quote(s->arg[i], out);
    }
    if (s->n_shares)
        sg_buf_printf(out, " \"--share=$SLURM_ARRAY_TASK_ID/%lld\" \"results=$SG_RESULTS\"",
                      (long long)s->n_shares);
    sg_buf_puts(out, "\n\n");
}

/* Slurm's part stands in study.sbatch itself, before the one for all. */
static void add_part(const struct sg_scheduler *s, struct sg_buf *out)
{
    const char *part = s->part ? s->part : strstr(sg_embedded_study_sbatch, slurm_mark),
               *end = strstr(part, every_mark);
    sg_buf_add(out, part, end ? (size_t)(end - part) : strlen(part));
}

sg_status sg_script_write(const struct sg_script *s, struct sg_buf *out, struct sg_err *err)
{
    SG_TRY(check_lines(s, err));
    sg_buf_printf(out, "#!/bin/bash\n# %s\n# Made by `synthgrid submit`. To submit it again as it is: %s %s",
                  s->about, s->scheduler->program, s->scheduler->reads_stdin ? "< " : "");
    sg_script_quote(s->path, out);
    sg_buf_puts(out, "\n");
    s->scheduler->head(s, out);
    for (int i = 0; i < s->n_options; i++)
        sg_buf_printf(out, "%s %s\n", s->scheduler->directive, s->option[i]);
    extra(s, out);
    settings(s, out);
    add_part(s->scheduler, out);
    sg_buf_puts(out, s->scheduler->part ? "\n" : "");
    sg_buf_puts(out, strstr(sg_embedded_study_sbatch, every_mark));
    return sg_buf_check(out, "the job's script", err);
}

/* ---- batch systems ---- */

extern const char sg_embedded_pbs_part[], sg_embedded_lsf_part[];

static int slurm_after(const char *ok, const char *any, const char **out, char *text)
{
    if (!ok && !any)
        return 0;
    snprintf(text, 240, "--dependency=%s%.80s%s%s%.80s", ok ? "afterok:" : "", ok ? ok : "",
             ok && any ? "," : "", any ? "afterany:" : "", any ? any : "");
    out[0] = text;
    out[1] = "--kill-on-invalid-dep=yes";
    return 2;
}

/* "123" or "123;cluster", in a line of its own among warnings. */
static const char *slurm_id(char *said)
{
    for (char *line = strtok(said, "\n"); line; line = strtok(NULL, "\n")) {
        size_t n = strspn(line, "0123456789");
        if (n && (!line[n] || line[n] == ';')) {
            line[n] = 0;
            return line;
        }
    }
    return NULL;
}

/* "123.server" */
static const char *pbs_id(char *said)
{
    for (char *line = strtok(said, "\n"); line; line = strtok(NULL, "\n")) {
        size_t n = strspn(line, "0123456789");
        if (n && (!line[n] || line[n] == '.') && !strchr(line, ' '))
            return line;
    }
    return NULL;
}

/* "Job <123> is submitted to queue <normal>." */
static const char *lsf_id(char *said)
{
    char *id = strstr(said, "Job <"), *end = id ? strchr(id, '>') : NULL;
    if (!end)
        return NULL;
    *end = 0;
    return id + strlen("Job <");
}

static const struct sg_scheduler rows[] = {
    {.name = "slurm",
     .program = "sbatch",
     .title = "Slurm",
     .suffix = ".sbatch",
     .directive = "#SBATCH",
     .head = slurm_head,
     .after = slurm_after,
     .job_id = slurm_id,
     .has_phases = 1},
    {.name = "pbs",
     .program = "qsub",
     .title = "PBS",
     .suffix = ".pbs",
     .directive = "#PBS",
     .part = sg_embedded_pbs_part,
     .head = pbs_head,
     .job_id = pbs_id},
    {.name = "lsf",
     .program = "bsub",
     .title = "LSF",
     .suffix = ".lsf",
     .directive = "#BSUB",
     .part = sg_embedded_lsf_part,
     .head = lsf_head,
     .reads_stdin = 1,
     .job_id = lsf_id},
};

const struct sg_scheduler *sg_scheduler_of(enum sg_scheduler_kind kind)
{
    return kind == SG_SCHEDULER_AUTO ? NULL : &rows[kind - 1];
}

const struct sg_scheduler *sg_scheduler_find(const char *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

sg_status sg_scheduler_detect(const struct sg_scheduler **out, struct sg_err *err)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sg_child_exists(rows[i].program)) {
            *out = &rows[i];
            return SG_OK;
        }
    return sg_fail(
        err, SG_INPUT,
        "neither sbatch nor qsub nor bsub is in PATH; hint: submit from a login node of the cluster "
        "(module load slurm?), or look at the script with --scheduler slurm --print");
}
