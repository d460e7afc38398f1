#include "experiments/run/doctor.h"

#include "base/cores.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/memory.h"
#include "base/secret.h"
#include "base/text.h"
#include "experiments/run/own_data.h"
#include "experiments/study/prepare.h"
#include "experiments/study/prices.h"
#include "gen/llm/probe.h"
#include "gen/llm/provider.h"
#include "gen/pool/reasoning.h"
#include "model/kernels/ops.h"
#include "results/h5/store.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

/* How long one of the two requests may take: a study's own limit (generator.timeout_s, 600 s) is for long answers. */
#define PROBE_S 60.0

const char *sg_health_name(enum sg_health h)
{
    static const char *const names[] = {"ok", "note", "PROBLEM"};
    return names[h];
}

void sg_findings_free(struct sg_findings *f)
{
    for (int64_t i = 0; i < f->n; i++)
        sg_free(f->item[i].text);
    sg_free(f->item);
    sg_free(f->node);
    *f = (struct sg_findings){0};
}

SG_PRINTF(5, 6)
static sg_status note(struct sg_findings *f, const char *topic, enum sg_health health, struct sg_err *err,
                      const char *format, ...)
{
    char text[1200], *copy;
    int n = f->of ? snprintf(text, sizeof text, "%s: ", f->of) : 0;
    va_list args;
    va_start(args, format);
    vsnprintf(text + n, sizeof text - (size_t)n, format, args);
    va_end(args);
    sg_redact(text);
    struct sg_finding *more = sg_grown(f->item, f->n, sizeof *more);
    if (more)
        f->item = more;
    if (!more || !(copy = sg_strdup(text)))
        return sg_fail_memory(err, sizeof text);
    f->item[f->n++] = (struct sg_finding){topic, health, copy};
    return SG_OK;
}

/* ---- the machine ---- */

struct rank_facts {
    char host[64], kernels[24], bf16[24]; /* "": none */
    int32_t cores, node_cores;            /* of the rank; of its node */
    double mem_bytes;                     /* available there */
};

/* Facts of the first rank whose products in bfloat16 are this. */
static const struct rank_facts *with_bf16(const struct rank_facts *fact, int n, const char *kernels)
{
    for (int i = 0; i < n; i++)
        if (strcmp(fact[i].bf16, kernels) == 0)
            return &fact[i];
    return NULL;
}

/* A study can ask for bf16 where all ranks have it. */
static sg_status note_training(const struct rank_facts *fact, int n, struct sg_findings *f,
                               struct sg_err *err)
{
    char bf16[160];
    int same = 1, most = fact[0].cores;
    const struct rank_facts *none = with_bf16(fact, n, "");
    for (int i = 0; i < n; i++) {
        same &= strcmp(fact[0].kernels, fact[i].kernels) == 0;
        most = fact[i].cores > most ? fact[i].cores : most;
    }
    if (none)
        snprintf(bf16, sizeof bf16, "not possible%s%s: it takes AVX2 with FMA", n > 1 ? " on " : "",
                 n > 1 ? none->host : "");
    else if (with_bf16(fact, n, "avx2"))
        snprintf(bf16, sizeof bf16, "by AVX2%s, not faster than fp32 there",
                 with_bf16(fact, n, "avx512") ? " on some ranks" : "");
    else
        snprintf(bf16, sizeof bf16, "by %s, faster than fp32",
                 strcmp(fact[0].bf16, "avx512") == 0 ? "AVX512-BF16" : fact[0].bf16);
    return note(f, "training", SG_HEALTH_FINE, err,
                "up to %d %s a rank; fp32 by kernels %s%s; train.precision=bf16 %s", most,
                sg_plural(most, "thread", "threads"), fact[0].kernels,
                same ? "" : " on rank 0, others elsewhere (the results are the same)", bf16);
}

static sg_status note_ranks(const struct rank_facts *fact, int n, struct sg_findings *f, struct sg_err *err)
{
    int n_nodes = 0, least = fact[0].cores, most = fact[0].cores;
    for (int i = 0; i < n; i++) {
        int first = 1;
        for (int k = 0; k < i; k++)
            first &= strcmp(fact[k].host, fact[i].host) != 0;
        n_nodes += first;
        least = fact[i].cores < least ? fact[i].cores : least;
        most = fact[i].cores > most ? fact[i].cores : most;
    }
    char cores[40];
    snprintf(cores, sizeof cores, least == most ? "%d" : "%d to %d", least, most);
    SG_TRY(note(f, "ranks", SG_HEALTH_FINE, err, "%d on %d %s, %s %s each", n, n_nodes,
                sg_plural(n_nodes, "node", "nodes"), cores, sg_plural(most, "core", "cores")));
    if (n == 1)
        return note(f, "ranks", SG_HEALTH_NOTE, err,
                    "one process alone; hint: `mpirun -n 2 synthgrid doctor` shows whether ranks meet");
    return SG_OK;
}

static sg_status note_mpi(int size, struct sg_findings *f, struct sg_err *err)
{
    char library[MPI_MAX_LIBRARY_VERSION_STRING] = "?";
    int n = 0, level = 0;
    MPI_Get_library_version(library, &n);
    library[strcspn(library, ",\n")] = 0;
    MPI_Query_thread(&level);
    return note(f, "mpi", level == MPI_THREAD_MULTIPLE ? SG_HEALTH_FINE : SG_HEALTH_PROBLEM, err,
                "%s, %d %s, threads %s", library, size, sg_plural(size, "rank", "ranks"),
                level == MPI_THREAD_MULTIPLE ? "may all send"
                                             : "may not all send: this MPI was built without "
                                               "MPI_THREAD_MULTIPLE, which synthgrid needs");
}

/* That the launcher's ranks and Slurm's agree is sg_mpi_start's to refuse; here it is only told. */
static sg_status note_slurm(struct sg_findings *f, struct sg_err *err)
{
    const char *job = getenv("SLURM_JOB_ID"), *tasks = getenv("SLURM_NTASKS");
    if (!job)
        return note(f, "slurm", SG_HEALTH_NOTE, err, "not inside a job");
    return note(f, "slurm", SG_HEALTH_FINE, err, "job %.40s, %.20s tasks", job, tasks ? tasks : "?");
}

/* The nodes and their ranks, for what a study takes of them. */
static sg_status keep_nodes(const struct rank_facts *fact, int n, struct sg_findings *f, struct sg_err *err)
{
    if (!(f->node = sg_alloc((size_t)n, sizeof *f->node)))
        return sg_fail_memory(err, (size_t)n * sizeof *f->node);
    for (int i = 0; i < n; i++) {
        int k = 0;
        while (k < f->n_nodes && strcmp(f->node[k].host, fact[i].host) != 0)
            k++;
        if (k == f->n_nodes) {
            struct sg_doctor_node *node = &f->node[f->n_nodes++];
            snprintf(node->host, sizeof node->host, "%s", fact[i].host);
            node->cores = fact[i].node_cores;
            node->mem_bytes = fact[i].mem_bytes;
        }
        f->node[k].n_ranks++;
        f->node[k].n_threads += fact[i].cores;
        if (fact[i].mem_bytes < f->node[k].mem_bytes)
            f->node[k].mem_bytes = fact[i].mem_bytes;
    }
    return SG_OK;
}

static sg_status note_memory(struct sg_findings *f, struct sg_err *err)
{
    const struct sg_doctor_node *least = &f->node[0];
    for (int k = 1; k < f->n_nodes; k++)
        if (f->node[k].mem_bytes < least->mem_bytes)
            least = &f->node[k];
    if (least->mem_bytes < 0)
        return note(f, "memory", SG_HEALTH_NOTE, err, "how much is available on %s is not known",
                    least->host);
    return note(
        f, "memory", least->mem_bytes < 0.5e9 ? SG_HEALTH_PROBLEM : SG_HEALTH_FINE, err,
        "%.1f GB available on %s%s, within the limits of its job or container; `synthgrid plan STUDY` says "
        "what a rank needs",
        least->mem_bytes / 1e9, least->host, f->n_nodes > 1 ? ", the node that has least" : "");
}

/* ranks x memory and ranks x threads of a study, against what each node has. */
static sg_status check_room(const struct sg_prepared *p, struct sg_findings *f, struct sg_err *err)
{
    const struct sg_study *s = p->study;
    int classes = 2;
    for (int t = 0; t < s->n_tasks; t++)
        classes = s->task[t].n_classes > classes ? s->task[t].n_classes : classes;
    for (int k = 0; k < f->n_nodes; k++) {
        const struct sg_doctor_node *node = &f->node[k];
        double all = (double)sg_train_memory(p->encoder, &s->train, classes, node->n_ranks);
        int64_t wanted = s->train.threads ? s->train.threads * node->n_ranks : node->n_threads;
        if (node->mem_bytes >= 0)
            SG_TRY(note(
                f, "memory", all > node->mem_bytes ? SG_HEALTH_PROBLEM : SG_HEALTH_FINE, err,
                "%d %s of this study on %s take %.1f GB, and %.1f GB are available%s", node->n_ranks,
                sg_plural(node->n_ranks, "rank", "ranks"), node->host, all / 1e9, node->mem_bytes / 1e9,
                all > node->mem_bytes ? "; hint: fewer ranks with more threads each, a smaller train.batch "
                                        "or train.max_length, or a smaller encoder"
                                      : ""));
        SG_TRY(note(f, "threads", wanted > node->cores ? SG_HEALTH_NOTE : SG_HEALTH_FINE, err,
                    "%d %s with %lld %s together on %s, which has %d %s%s", node->n_ranks,
                    sg_plural(node->n_ranks, "rank", "ranks"), (long long)wanted,
                    sg_plural(wanted, "thread", "threads"), node->host, node->cores,
                    sg_plural(node->cores, "core", "cores"),
                    wanted <= node->cores ? ""
                    : s->train.threads
                        ? ": they take each other's time; hint: train.threads=auto, or fewer ranks"
                        : ": they take each other's time; hint: fewer ranks on a node"));
    }
    return SG_OK;
}

sg_status sg_doctor_machine(const struct sg_team *world, struct sg_findings *f, struct sg_err *err)
{
    struct rank_facts mine = {.cores = sg_cores()}, *all = NULL;
    sg_status status = SG_OK;
    gethostname(mine.host, sizeof mine.host - 1);
    const struct sg_ops *bf16 = sg_ops_best(SG_BF16);
    snprintf(mine.kernels, sizeof mine.kernels, "%s", sg_ops_best(SG_FP32)->name);
    snprintf(mine.bf16, sizeof mine.bf16, "%s", bf16 ? bf16->name : "");
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    int quota = sg_cpu_quota("");
    mine.node_cores = quota && quota < online ? quota : (int32_t)online;
    mine.mem_bytes = sg_mem_available("");
    if (world->rank == 0 && !(all = sg_alloc((size_t)world->size, sizeof *all)))
        status = sg_fail_memory(err, (size_t)world->size * sizeof *all);
    SG_TRY(sg_agree(world, status, err));
    int rc = MPI_Gather(&mine, (int)sizeof mine, MPI_BYTE, all, (int)sizeof mine, MPI_BYTE, 0, world->comm);
    status = sg_mpi_check(rc, "MPI_Gather", err);
    if (status == SG_OK && world->rank == 0) {
        status = note_mpi(world->size, f, err);
        if (status == SG_OK)
            status = note_ranks(all, world->size, f, err);
        if (status == SG_OK)
            status = note_training(all, world->size, f, err);
        if (status == SG_OK)
            status = keep_nodes(all, world->size, f, err);
        if (status == SG_OK)
            status = note_memory(f, err);
        if (status == SG_OK)
            status = note_slurm(f, err);
    }
    sg_free(all);
    return sg_agree(world, status, err);
}

/* ---- the results' file system ---- */

/* The path itself, or the nearest one above it that is there, folder or not; sg_free. NULL without memory. */
static char *existing(const char *dir)
{
    char *at = sg_strdup(dir);
    while (at && !sg_dir_exists(at) && !sg_file_exists(at)) {
        char *up = sg_path_dir(at);
        sg_free(at);
        at = up;
    }
    return at;
}

/* Removes a folder of files and of folders of files. */
static void remove_tree(const char *dir, int depth)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    while (d && (e = readdir(d))) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        char *path = sg_path_join(dir, e->d_name);
        if (path && unlink(path) != 0 && depth)
            remove_tree(path, depth - 1);
        sg_free(path);
    }
    if (d)
        closedir(d);
    rmdir(dir);
}

/* Does there what a run does: takes a lease, commits to a ledger, writes a results file. */
static sg_status try_folder(const char *dir, double *commit_s, struct sg_err *err)
{
    struct sg_ledger *l = NULL;
    char *h5 = sg_path_join(dir, "results.h5");
    if (!h5)
        return sg_fail_memory(err, 256);
    sg_status status = sg_ledger_open(dir, SG_LEDGER_WRITE, &l, err);
    if (status == SG_OK)
        status = sg_ledger_meta_set(l, "study", "doctor", err);
    double before = sg_now_s();
    if (status == SG_OK)
        status = sg_ledger_commit(l, err);
    *commit_s = sg_now_s() - before;
    if (status == SG_OK)
        status = sg_store_write(l, h5, NULL, err);
    sg_ledger_close(l);
    sg_free(h5);
    return status;
}

static sg_status check_results(const struct sg_study *s, struct sg_findings *f, struct sg_err *err)
{
    char *above = existing(s->results),
         *dir = above ? sg_strf("%s/.synthgrid-doctor-%ld", above, (long)getpid()) : NULL;
    struct statvfs room;
    double commit_s = 0;
    struct sg_err why = {0};
    sg_status status = dir ? SG_OK : sg_fail_memory(err, 256);
    if (status == SG_OK && try_folder(dir, &commit_s, &why) != SG_OK)
        status = note(f, "results", SG_HEALTH_PROBLEM, err, "%s: a run could not write there: %s", s->results,
                      why.text);
    else if (status == SG_OK && statvfs(above, &room) == 0) {
        double gb = (double)room.f_bavail * (double)room.f_frsize / 1e9;
        status = note(f, "results", gb < 1 ? SG_HEALTH_NOTE : SG_HEALTH_FINE, err,
                      "%s: lease, ledger and results.h5 can be written; %.1f GB free; a durable write takes "
                      "%.1f ms",
                      s->results, gb, commit_s * 1e3);
    }
    if (dir)
        remove_tree(dir, 1);
    sg_free(dir);
    sg_free(above);
    return status;
}

/* ---- the endpoint ---- */

static sg_status note_key(const struct sg_generator *g, const char *key, struct sg_findings *f,
                          struct sg_err *err)
{
    if (key)
        return note(f, "key", SG_HEALTH_FINE, err, "%s is set (%zu characters)", g->api_key_env, strlen(key));
    return note(f, "key", SG_HEALTH_NOTE, err, "%s is not set: right for a server that needs no key",
                g->api_key_env);
}

static sg_status note_price(const struct sg_study *s, const struct sg_generator *g, struct sg_client *c,
                            struct sg_findings *f, struct sg_err *err)
{
    if (!sg_generator_has_prices(g))
        return note(f, "price",
                    sg_client_is_local(c) || g->allow_unknown_price ? SG_HEALTH_NOTE : SG_HEALTH_PROBLEM, err,
                    "not known; hint: set generator.usd_per_1m_input and generator.usd_per_1m_output%s",
                    sg_client_is_local(c)    ? " if this server costs something"
                    : g->allow_unknown_price ? ": no budget can hold without them"
                                             : ": a run needs them");
    struct sg_buf price = sg_buf_make(2000), old = sg_buf_make(2000);
    sg_price_describe(g, &price);
    int free_of_charge = g->usd_per_1m_input == 0 && g->usd_per_1m_output == 0;
    sg_status status =
        !free_of_charge && s->budget_usd < 0
            ? note(f, "price", SG_HEALTH_PROBLEM, err,
                   "%s, but no limit; hint: set budget.usd, or run with --max-usd", sg_buf_text(&price))
            : note(f, "price", SG_HEALTH_FINE, err, "%s", sg_buf_text(&price));
    if (status == SG_OK && sg_price_warn(g, (double)time(NULL), &old))
        status = note(f, "price", SG_HEALTH_NOTE, err, "%s", sg_buf_text(&old));
    sg_buf_free(&price);
    sg_buf_free(&old);
    return status;
}

static sg_status note_limits(const struct sg_server_limits *l, struct sg_findings *f, struct sg_err *err)
{
    char text[200] = "";
    size_t n = 0;
    if (l->limit_requests >= 0)
        n += (size_t)snprintf(text, sizeof text, "%g requests", l->limit_requests);
    if (l->limit_tokens >= 0)
        snprintf(text + n, sizeof text - n, "%s%g tokens", n ? " and " : "", l->limit_tokens);
    return text[0] ? note(f, "limits", SG_HEALTH_FINE, err, "the server allows %s a minute", text)
                   : note(f, "limits", SG_HEALTH_NOTE, err,
                          "the server tells none; hint: set generator.requests_per_min and tokens_per_min if "
                          "you know them");
}

static sg_status note_answer(const struct sg_generator *g, const struct sg_probe *p, struct sg_findings *f,
                             struct sg_err *err)
{
    const struct sg_answer *a = &p->answer;
    char refused[80], cost[60] = "", version[8];
    snprintf(version, sizeof version, "%d", p->http_major);
    sg_adapt_text(&p->adapt, refused);
    if (a->cost_usd > 0)
        snprintf(cost, sizeof cost, ", %.6f USD (not counted in the study)", a->cost_usd);
    struct sg_buf said = sg_buf_make(1000);
    sg_buf_safe(&said, a->text ? a->text : "", 60);
    sg_status status = note(
        f, "answer", SG_HEALTH_FINE, err,
        "\"%s\" by model \"%s\" after %.2f s %s%s; %lld %s in, %lld out%s%s", sg_buf_text(&said),
        a->model ? a->model : "?", a->latency_s, p->http_major ? "over HTTP/" : "in this process",
        p->http_major ? version : "", (long long)a->tokens_in, sg_plural(a->tokens_in, "token", "tokens"),
        (long long)a->tokens_out, a->tokens_estimated ? " (estimated: the server does not tell)" : "", cost);
    sg_buf_free(&said);
    if (status == SG_OK && a->model && strcmp(a->model, g->model) != 0)
        status = note(f, "model", SG_HEALTH_NOTE, err,
                      "asked for \"%s\", and \"%s\" answered: right for an alias or a server of one model",
                      g->model, a->model);
    if (status == SG_OK && a->text && sg_said_find(NULL, a->text).reasons)
        status = note(
            f, "reasoning", SG_HEALTH_NOTE, err,
            "the model thinks aloud in its answers: what stands behind its last closing mark counts, and "
            "answers without that are rejected as `reasoning`; hint: let the server take it out, switch "
            "thinking off, or raise generator.max_tokens");
    if (status == SG_OK && refused[0])
        status =
            note(f, "parameters", SG_HEALTH_NOTE, err,
                 "the endpoint refuses %s: a run leaves that out or renames it, and says so in results.h5",
                 refused);
    return status == SG_OK ? note_limits(&p->attempt.limits, f, err) : status;
}

/* What is wrong with the endpoint, where that is known; what is wrong with the request, else. */
static const char *words_of(const struct sg_attempt *a)
{
    return a->kind == SG_ATTEMPT_REFUSED && a->endpoint_reason[0] ? a->endpoint_reason : a->reason;
}

static const char *advice(const struct sg_attempt *a)
{
    if (a->kind == SG_ATTEMPT_REFUSED && a->endpoint_reason[0])
        return "";
    switch (a->kind) {
    case SG_ATTEMPT_RATE:
        return "; hint: too many requests for now, a run waits and goes on";
    case SG_ATTEMPT_OVERLOAD:
        return "; hint: the server has no room now, a run waits and goes on";
    case SG_ATTEMPT_REFUSED:
        return "; hint: the server does not take such a request: is it a chat model, and are temperature and "
               "max_tokens in its range?";
    case SG_ATTEMPT_TIMEOUT:
    case SG_ATTEMPT_FAULT:
        return "; hint: a run tries again; if this stays, look at the server, a proxy ($https_proxy), or "
               "generator.timeout_s (of which this test waits 60 s at most)";
    default:
        return "";
    }
}

/* One of the study's requests, and whose it is. */
struct sample {
    struct sg_request q; /* canonical NULL: none */
    struct sg_pool *pool;
    struct sg_evaluation *evaluation;
};

static sg_status find_nothing(void *context, const char *key, struct sg_found *out, struct sg_err *err)
{
    (void)context, (void)key, (void)err;
    *out = (struct sg_found){0};
    return SG_OK;
}

static void keep_longest(struct sample *s, struct sg_request_list *list, struct sg_pool *pool,
                         struct sg_evaluation *evaluation)
{
    for (int64_t i = 0; i < list->n; i++) {
        if (s->q.canonical && strlen(list->item[i].canonical) <= strlen(s->q.canonical))
            continue;
        sg_free(s->q.canonical);
        *s = (struct sample){list->item[i], pool, evaluation};
        list->item[i].canonical = NULL;
    }
    sg_request_list_free(list);
}

/* The longest of the first requests of each pool and evaluation of a generator: those of rephrasings are not known yet. */
static sg_status pick_sample(const struct sg_prepared *p, int g, struct sample *s, struct sg_err *err)
{
    enum { LOOKED_AT = 4 };
    for (int64_t i = 0; i < p->grid.n_pools; i++) {
        struct sg_request_list part = {.max = LOOKED_AT};
        if (p->grid.pool[i].arm.generator != g || p->grid.pool[i].source >= 0)
            continue;
        SG_TRY(sg_pool_advance(p->pool[i], find_nothing, NULL, &part, err));
        keep_longest(s, &part, p->pool[i], NULL);
    }
    for (int64_t i = 0; i < p->n_evaluations; i++) {
        struct sg_request_list part = {.max = LOOKED_AT};
        if (sg_evaluation_generator(p->evaluation[i]) != g)
            continue;
        SG_TRY(sg_evaluation_advance(p->evaluation[i], find_nothing, NULL, &part, err));
        keep_longest(s, &part, NULL, p->evaluation[i]);
    }
    return SG_OK;
}

/* Whether the study could use the answer. */
static sg_status note_use(const struct sample *s, const struct sg_answer *a, const struct sg_generator *g,
                          struct sg_findings *f, struct sg_err *err)
{
    struct sg_found found = {.found = 1, .status = SG_OK, .text = a->text, .finish_reason = a->finish_reason};
    enum sg_reject reason = sg_text_is_blank(a->text) ? SG_REJECT_EMPTY : SG_ACCEPTED;
    if (s->pool)
        SG_TRY(sg_pool_preview(s->pool, &s->q, &found, &reason, err));
    else if (s->evaluation)
        SG_TRY(sg_evaluation_preview(s->evaluation, &found, &reason, err));
    if (reason == SG_ACCEPTED)
        return SG_OK;
    if (reason == SG_REJECT_REASONING)
        return note(f, "answer", SG_HEALTH_NOTE, err,
                    "all of it is reasoning, and holds no text: a run would pay for it and reject it; hint: "
                    "switch thinking off "
                    "with generator.extra ({chat_template_kwargs: {enable_thinking: false}}, or "
                    "{reasoning_effort: low}), or "
                    "raise generator.max_tokens");
    return note(f, "answer", SG_HEALTH_NOTE, err,
                "%sa run would reject it (%s), and end after %lld of these in a row; hint: is it a chat "
                "model that follows instructions?",
                sg_text_is_blank(a->text) ? "it holds no text: " : "", sg_reject_name(reason),
                (long long)g->max_rejected);
}

/* The same request with another seed: a server that ignores it, and the temperature, has one text to sell. */
static sg_status ask_again(const struct sg_generator *g, struct sg_client *c, const struct sample *s,
                           const struct sg_answer *first, struct sg_findings *f, struct sg_err *err)
{
    struct sg_request q = {0};
    struct sg_probe p;
    if (!s->pool || sg_text_is_blank(first->text) || g->temperature < 0.5)
        return SG_OK;
    SG_TRY(sg_probe_reseed(&s->q, &q, err));
    sg_status status = sg_probe_send(c, g, &q, &p, err);
    sg_free(q.canonical);
    SG_TRY(status);
    if (p.attempt.kind != SG_ATTEMPT_ANSWERED)
        status = note(f, "seeds", SG_HEALTH_NOTE, err, "asked again with another seed: %s%s",
                      words_of(&p.attempt), advice(&p.attempt));
    else if (p.answer.text && strcmp(p.answer.text, first->text) == 0)
        status =
            note(f, "seeds", SG_HEALTH_PROBLEM, err,
                 "the same text for two seeds at temperature %g: the server ignores both, and a pool would "
                 "hold it once; hint: "
                 "transformers serve samples only where the model's generation_config.json has do_sample",
                 g->temperature);
    else
        status = note(f, "seeds", SG_HEALTH_FINE, err, "another seed gives another text");
    sg_probe_free(&p);
    return status;
}

static sg_status note_models(const struct sg_generator *g, struct sg_client *c, struct sg_findings *f,
                             struct sg_err *err)
{
    const struct sg_models *m = sg_client_models(c);
    const char *tls = strncmp(sg_client_origin(c), "https:", 6) == 0 ? ", its certificate is trusted" : "";
    if (m->http_status >= 400 && m->http_status != 404 && m->http_status != 405)
        return note(f, "endpoint", SG_HEALTH_NOTE, err, "%s answers GET /models with HTTP %ld%s%s%s",
                    sg_client_origin(c), m->http_status, m->error[0] ? ": " : "", m->error, tls);
    SG_TRY(note(f, "endpoint", SG_HEALTH_FINE, err, "%s answers%s", sg_client_origin(c), tls));
    return m->n && !m->has_it && !sg_provider_find(g->provider)->lists_no_deployments
               ? note(f, "model", SG_HEALTH_NOTE, err,
                      "\"%s\" is not among the server's models (%s): right where it answers to any name",
                      g->model, m->names)
               : SG_OK;
}

static sg_status ask(const struct sg_prepared *all, int i, const struct sg_generator *g, struct sg_client *c,
                     struct sg_findings *f, struct sg_err *err)
{
    struct sample s = {0};
    struct sg_err why = {0};
    if (sg_client_check(c, &why) != SG_OK)
        return note(f, "endpoint", SG_HEALTH_PROBLEM, err, "%s", why.text);
    SG_TRY(note_models(g, c, f, err));
    struct sg_probe p = {0};
    sg_status status = pick_sample(all, i, &s, err);
    if (status == SG_OK)
        status = sg_probe_send(c, g, s.q.canonical ? &s.q : NULL, &p, err);
    int answered = p.attempt.kind == SG_ATTEMPT_ANSWERED;
    if (status == SG_OK)
        status = answered ? note_answer(g, &p, f, err)
                          : note(f, "answer", SG_HEALTH_PROBLEM, err, "%s%s", words_of(&p.attempt),
                                 advice(&p.attempt));
    if (status == SG_OK && answered)
        status = note_use(&s, &p.answer, g, f, err);
    if (status == SG_OK && answered)
        status = ask_again(g, c, &s, &p.answer, f, err);
    sg_probe_free(&p);
    sg_free(s.q.canonical);
    return status;
}

static sg_status check_endpoint(const struct sg_prepared *all, int i, struct sg_findings *f,
                                struct sg_err *err)
{
    const struct sg_study *s = all->study;
    const struct sg_generator *g = &s->generator[i];
    const char *key, *address = sg_provider_address(g);
    struct sg_client *c = NULL;
    struct sg_generator probed = *g;
    if (probed.timeout_s > PROBE_S)
        probed.timeout_s = PROBE_S;
    struct sg_err why = {0};
    if (sg_secret_take(g->api_key_env, &key, &why) != SG_OK)
        return note(f, "key", SG_HEALTH_PROBLEM, err, "%s", why.text);
    if (!key && !address && g->recording)
        return note(f, "endpoint", SG_HEALTH_NOTE, err,
                    "no server is named: completions come from %s; hint: generator.base_url=... names one",
                    g->recording);
    if (!key && !address)
        return note(f, "endpoint", SG_HEALTH_PROBLEM, err,
                    "neither a key nor a server; hint: export %s, or set generator.base_url", g->api_key_env);
    struct sg_buf gone = sg_buf_make(1000);
    enum sg_model_end end = sg_price_retired(g, (double)time(NULL), &gone);
    sg_status told = end == SG_MODEL_STAYS
                         ? SG_OK
                         : note(f, "model", end == SG_MODEL_GONE ? SG_HEALTH_PROBLEM : SG_HEALTH_NOTE, err,
                                "%s", sg_buf_text(&gone));
    sg_buf_free(&gone);
    SG_TRY(told);
    SG_TRY(note_key(g, key, f, err));
    if (sg_client_create(&probed, key, 1, &c, &why) != SG_OK)
        return note(f, "endpoint", SG_HEALTH_PROBLEM, err, "%s", why.text);
    sg_status status = ask(all, i, g, c, f, err);
    if (status == SG_OK)
        status = note_price(s, g, c, f, err);
    sg_client_destroy(c);
    return status;
}

/* ---- the study ---- */

static sg_status check_rows(const struct sg_prepared *p, struct sg_findings *f, struct sg_err *err)
{
    struct sg_buf text = sg_buf_make(1 << 20);
    sg_status status = sg_own_data_look(p->study, p->data, &text, err);
    for (const char *line = sg_buf_text(&text); status == SG_OK && *line; line += strcspn(line, "\n") + 1)
        status = note(f, "data", SG_HEALTH_NOTE, err, "%.*s", (int)strcspn(line, "\n"), line);
    sg_buf_free(&text);
    return status;
}

sg_status sg_doctor_study(const char *study, int n_overrides, const char *const *overrides,
                          struct sg_findings *f, struct sg_err *err)
{
    struct sg_prepared *p = NULL;
    struct sg_err why = {0};
    if (sg_prepare(study, n_overrides, overrides, 0, &p, &why) != SG_OK)
        return note(f, "study", SG_HEALTH_PROBLEM, err, "%s", why.text);
    sg_status status =
        note(f, "study", SG_HEALTH_FINE, err,
             "%s: %lld %s, %lld %s; encoder %s; `synthgrid plan` says what it costs", p->study->name,
             (long long)p->grid.n_cells, sg_plural(p->grid.n_cells, "cell", "cells"),
             (long long)p->grid.n_pools, sg_plural(p->grid.n_pools, "pool", "pools"), p->study->encoder);
    if (status == SG_OK)
        status = check_rows(p, f, err);
    if (status == SG_OK)
        status = check_room(p, f, err);
    if (status == SG_OK)
        status = check_results(p->study, f, err);
    for (int g = 0; status == SG_OK && g < p->study->n_generators; g++) {
        f->of = p->study->generator[g].name;
        status = check_endpoint(p, g, f, err);
    }
    f->of = NULL;
    sg_prepared_destroy(p);
    return status;
}
