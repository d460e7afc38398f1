#include "experiments/run/provenance.h"

#include "base/file.h"
#include "base/mem.h"
#include "generated/version.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* "model name" of the first processor, or the machine's kind. */
static void cpu_name(char *out, size_t n)
{
    struct utsname u;
    snprintf(out, n, "%s", uname(&u) == 0 ? u.machine : "unknown");
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[512];
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
            char *value = strchr(line, ':') + 1;
            value[strcspn(value, "\n")] = 0;
            snprintf(out, n, "%s", value + strspn(value, " "));
            break;
        }
    if (f)
        fclose(f);
}

/* Nothing where a task has none, so that the inputs of such a study stay what they are. */
static void add_test_sets(json_t *task, const struct sg_task_data *d)
{
    if (!d->n_sets)
        return;
    json_t *sets = json_object();
    for (int i = 0; i < d->n_sets; i++)
        json_object_set_new(
            sets, d->set[i].name,
            json_pack("{s:s,s:I}", "data_sha256", d->set[i].digest, "n", (json_int_t)d->set[i].rows.n));
    json_object_set_new(task, "test_sets", sets);
}

static sg_status set_inputs(struct sg_ledger *l, const struct sg_prepared *p, struct sg_err *err)
{
    const struct sg_study *s = p->study;
    json_t *tasks = json_object();
    for (int t = 0; t < s->n_tasks; t++) {
        json_t *task = json_pack("{s:s,s:s,s:I,s:I}", "task_file_sha256", s->task[t].digest, "data_sha256",
                                 p->data[t].digest, "n_train", (json_int_t)p->data[t].train.n, "n_test",
                                 (json_int_t)p->data[t].test.n);
        add_test_sets(task, &p->data[t]);
        json_object_set_new(tasks, s->task[t].name, task);
    }
    char *text = json_dumps(tasks, JSON_SORT_KEYS | JSON_COMPACT);
    json_decref(tasks);
    sg_status status = text ? sg_ledger_meta_set(l, "inputs", text, err) : sg_fail_memory(err, 1024);
    free(text);
    return status;
}

/* One folder is one study's: another's cells and spend would be taken for its own. */
static sg_status check_owner(struct sg_ledger *l, const struct sg_study *s, struct sg_err *err)
{
    char *owner = NULL;
    SG_TRY(sg_ledger_meta_get(l, "study", &owner, err));
    sg_status status = SG_OK;
    if (owner && strcmp(owner, s->name) != 0)
        status = sg_fail(err, SG_INPUT,
                         "%s: holds the results of the study \"%.64s\", and %s is \"%s\"; hint: results=DIR "
                         "names another folder; "
                         "if it was only renamed, call it \"%.64s\" again (`study:`)",
                         s->results, owner, s->path, s->name, owner);
    sg_free(owner);
    return status;
}

sg_status sg_provenance_write(struct sg_ledger *l, const struct sg_prepared *p, const struct sg_team *world,
                              struct sg_err *err)
{
    char stamp[21], host[256] = "", cpu[256], ranks[16], mpi[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int n = 0;
    SG_TRY(check_owner(l, p->study, err));
    sg_utc(stamp);
    gethostname(host, sizeof host - 1);
    cpu_name(cpu, sizeof cpu);
    snprintf(ranks, sizeof ranks, "%d", world->size);
    MPI_Get_library_version(mpi, &n);
    mpi[strcspn(mpi, ",\n")] = 0;
    const char *const rows[][2] = {
        {"study", p->study->name},
        {"study_file", p->study->path},
        {"study_text", p->study->text},
        {"settings", p->study->resolved},
        {"encoder_sha256", sg_encoder_digest(p->encoder)},
        {"program", "synthgrid " SG_VERSION},
        {"run_git", SG_GIT},
        {"run_updated", stamp},
        {"run_host", host},
        {"run_cpu", cpu},
        {"run_ranks", ranks},
        {"run_mpi", mpi},
        {"run_curl", curl_version()},
        {"run_slurm_job", getenv("SLURM_JOB_ID") ? getenv("SLURM_JOB_ID") : ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        SG_TRY(sg_ledger_meta_set(l, rows[i][0], rows[i][1], err));
    char *created = NULL;
    SG_TRY(sg_ledger_meta_get(l, "run_created", &created, err));
    if (!created)
        SG_TRY(sg_ledger_meta_set(l, "run_created", stamp, err));
    sg_free(created);
    return set_inputs(l, p, err);
}
