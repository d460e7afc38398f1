#define _XOPEN_SOURCE 700 /* nftw, wordexp */

#include "experiments/run/external.h"

#include "base/child.h"
#include "base/cores.h"
#include "base/file.h"
#include "base/job.h"
#include "base/launcher.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"

#include <errno.h>
#include <ftw.h>
#include <jansson.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wordexp.h>

static const size_t FILE_MAX = (size_t)1 << 31;
enum { LINE_MAX_BYTES = 1 << 20, N_FIXED = 3 };

extern char **environ;

/* --- its environment --- */

/* What others' programs need of ours; one that ends in '*' is a beginning. A name with TOKEN or KEY in it never goes on. */
static const char *const passed[] = {
    "PATH",  "HOME",     "USER",    "LOGNAME",        "LANG",        "LC_*",      "TZ",     "TMPDIR", "TERM",
    "LD_*",  "PYTHON*",  "CONDA_*", "VIRTUAL_ENV",    "CUDA_*",      "NVIDIA_*",  "ROCR_*", "HIP_*",  "HSA_*",
    "ZE_*",  "ONEAPI_*", "HF_*",    "TRANSFORMERS_*", "TORCH*",      "PYTORCH_*", "XDG_*",  "MKL_*",  "OMP_*",
    "KMP_*", "R_*",      "JULIA_*", "SSL_CERT_*",     "SYNTHGRID_*", NULL,
};

static int is_passed(const char *variable)
{
    static const char *const own[] = {"OMP_NUM_THREADS", "SYNTHGRID_LOCAL_RANK", NULL};
    char name[128];
    size_t n = strcspn(variable, "=");
    if (n >= sizeof name)
        return 0;
    memcpy(name, variable, n);
    name[n] = 0;
    return !strstr(name, "TOKEN") && !strstr(name, "KEY") && sg_child_is_one_of(variable, passed) &&
           !sg_child_is_one_of(variable, own);
}

/* "NAME=value" each, borrowed from ours; the list is new memory, and so are the first two texts. */
static const char **make_environment(int threads)
{
    size_t n = 0;
    while (environ && environ[n])
        n++;
    const char **list = sg_alloc(n + N_FIXED, sizeof *list);
    char *count = sg_strf("OMP_NUM_THREADS=%d", threads),
         *rank = sg_strf("SYNTHGRID_LOCAL_RANK=%s", sg_launcher_local_rank());
    if (!list || !count || !rank) {
        sg_free(list);
        sg_free(count);
        sg_free(rank);
        return NULL;
    }
    size_t at = 0;
    list[at++] = count;
    list[at++] = rank;
    for (size_t i = 0; i < n; i++)
        if (is_passed(environ[i]))
            list[at++] = environ[i];
    list[at] = NULL;
    return list;
}

static void free_environment(const char **list)
{
    if (list) {
        sg_free((void *)(uintptr_t)list[0]);
        sg_free((void *)(uintptr_t)list[1]);
    }
    sg_free(list);
}

/* --- what it gets --- */

static sg_status write_json(const char *dir, const char *name, const char *text, size_t n, struct sg_err *err)
{
    char *path = sg_path_join(dir, name);
    sg_status status = path ? sg_file_write(path, text, n, err) : sg_fail_memory(err, n);
    sg_free(path);
    return status;
}

/* One line; 0 without memory, or where it cannot be written (then errno is set). */
static int write_row(FILE *f, const struct sg_examples *x, int64_t i, int with_label)
{
    json_t *o = json_pack("{s:s}", "text", x->row[i].first);
    int good = o != NULL;
    if (good && x->row[i].second)
        good = json_object_set_new(o, "text_pair", json_string(x->row[i].second)) == 0;
    if (good && with_label)
        good = json_object_set_new(o, "label", json_integer(x->label[i])) == 0;
    good = good && json_dumpf(o, f, JSON_COMPACT) == 0 && putc('\n', f) != EOF;
    json_decref(o);
    return good;
}

/* Line by line: test rows may be millions. */
static sg_status write_rows(const char *dir, const char *name, const struct sg_examples *x, int with_labels,
                            struct sg_err *err)
{
    char *path = sg_path_join(dir, name);
    FILE *f = path ? fopen(path, "we") : NULL;
    int good = f != NULL, why = errno;
    for (int64_t i = 0; good && i < x->n; i++) {
        errno = 0;
        good = write_row(f, x, i, with_labels);
        why = errno;
    }
    if (f && fclose(f) != 0 && good) {
        good = 0;
        why = errno;
    }
    sg_status status = SG_OK;
    if (!path || (!good && !why))
        status = sg_fail_memory(err, 1000);
    else if (!good)
        status = sg_fail(err, sg_write_status(why), "%s: cannot be written: %s", path, strerror(why));
    sg_free(path);
    return status;
}

static sg_status write_cell(const char *dir, const struct sg_study *s, const struct sg_task *task,
                            const struct sg_train_settings *settings, const struct sg_examples *train,
                            const struct sg_examples *test, int threads, struct sg_err *err)
{
    json_t *names = json_array(), *all = json_object();
    for (int k = 0; k < task->n_classes; k++)
        json_array_append_new(names, json_string(task->class_[k].name));
    if (all && sg_train_settings_pack(settings, all)) {
        json_decref(all);
        all = NULL;
    }
    json_object_del(all, "reduce");
    json_t *o = json_pack(
        "{s:i,s:s,s:o,s:b,s:I,s:I,s:I,s:i,s:I,s:o,s:s}", "format", 1, "task", task->name, "classes", names,
        "pairs", test->n && test->row[0].second != NULL, "n_train", (json_int_t)train->n, "n_test",
        (json_int_t)test->n, "seed", (json_int_t)settings->seed, "threads", threads, "steps",
        (json_int_t)sg_train_n_steps(settings, train->n), "settings", all, "encoder", s->encoder);
    char *text = o ? json_dumps(o, JSON_INDENT(2)) : NULL;
    json_decref(o);
    if (!text)
        return sg_fail_memory(err, 4096);
    sg_status status = write_json(dir, "cell.json", text, strlen(text), err);
    free(text);
    return status;
}

/* --- what it gives --- */

/* One line: K finite numbers, of probabilities none negative and not all zero. */
static const char *read_line(const json_t *o, int K, float *logits)
{
    const json_t *p = json_object_get(o, "probabilities"), *l = json_object_get(o, "logits"),
                 *list = p ? p : l;
    double sum = 0;
    if (!list)
        return "neither \"probabilities\" nor \"logits\"";
    if (!json_is_array(list) || json_array_size(list) != (size_t)K)
        return "not a number for each class";
    for (int k = 0; k < K; k++) {
        const json_t *v = json_array_get(list, (size_t)k);
        double x = json_number_value(v);
        if (!json_is_number(v) || !isfinite((float)x))
            return "a value that is no finite number";
        if (p && x < 0)
            return "a negative probability";
        sum += x;
        logits[k] = (float)x;
    }
    if (p && !(sum > 0))
        return "probabilities that are all zero";
    for (int k = 0; p && k < K; k++) /* softmax gives them back; what is none at all is e^-100 */
        logits[k] = logits[k] > 0 ? (float)log((double)logits[k] / sum) : -100.0f;
    return NULL;
}

static sg_status read_predictions(const char *dir, int64_t n, int K, float *logits, struct sg_err *err)
{
    char *path = sg_path_join(dir, "predictions.jsonl"), *text = NULL;
    struct sg_err why = {0};
    size_t n_text = 0;
    if (!path)
        return sg_fail_memory(err, 100);
    struct stat st;
    int is_there = lstat(path, &st) == 0,
        is_file =
            is_there && S_ISREG(st.st_mode); /* no pipe that nobody writes, no link to what has no end */
    sg_status status = is_file ? sg_file_read(path, FILE_MAX, &text, &n_text, &why) : SG_FAILED;
    sg_free(path);
    if (is_there && !is_file)
        return sg_fail(err, SG_FAILED, "train.external: predictions.jsonl is no regular file");
    if (is_file && status != SG_OK)
        return sg_fail(err, SG_FAILED, "train.external: %s", why.text);
    if (status != SG_OK)
        return sg_fail(err, SG_FAILED, "train.external: the program has ended without predictions.jsonl");
    int64_t row = 0;
    const char *end = text + n_text;
    for (const char *at = text; status == SG_OK && at < end; row++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((stop ? stop : end) - at);
        json_error_t bad;
        json_t *o = row < n && len <= LINE_MAX_BYTES ? json_loadb(at, len, 0, &bad) : NULL;
        const char *wrong =
            row >= n ? NULL
            : o      ? read_line(o, K, logits + row * K)
            : len > LINE_MAX_BYTES
                ? "a line of more than 1 MiB"
                : "not JSON, which has no NaN and no Infinity either; has the training diverged?";
        json_decref(o);
        if (wrong)
            status = sg_fail(err, SG_FAILED, "train.external: predictions.jsonl:%lld: %s", (long long)row + 1,
                             wrong);
        at = stop ? stop + 1 : end;
    }
    sg_free(text);
    if (status == SG_OK && row != n)
        status =
            sg_fail(err, SG_FAILED, "train.external: predictions.jsonl has %lld lines for %lld test rows",
                    (long long)row, (long long)n);
    return status;
}

/* --- its run --- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    remove(path); /* what cannot go stays, and the rest goes */
    return 0;
}

static int stopping(void *context)
{
    const struct sg_work *w = context;
    return w->stopping(w);
}

/* "exit code 1: ValueError: ...": the last line that says something. */
static void add_last_words(const struct sg_buf *words, struct sg_err *err)
{
    const char *text = sg_buf_text(words), *end = text + words->len;
    while (end > text && (end[-1] == '\n' || end[-1] == ' ' || end[-1] == '\r'))
        end--;
    const char *line = end;
    while (line > text && line[-1] != '\n')
        line--;
    if (line == end)
        return;
    char *own = sg_alloc((size_t)(end - line) + 1, 1);
    for (ptrdiff_t i = 0; own && i < end - line; i++)
        own[i] = line[i] ? line[i] : ' ';
    struct sg_buf said = sg_buf_make(1000);
    if (own)
        sg_buf_foreign(&said, own, 300);
    struct sg_err before = *err;
    sg_fail(err, SG_FAILED, "%.600s: %.350s", before.text, sg_buf_text(&said));
    sg_text_whole(err->text);
    sg_buf_free(&said);
    sg_free(own);
}

static sg_status start(const struct sg_study *s, const char *dir, int threads, const struct sg_work *w,
                       struct sg_err *err)
{
    wordexp_t words;
    if (wordexp(s->external, &words, WRDE_NOCMD | WRDE_UNDEF) != 0)
        return sg_fail(err, SG_INPUT, "train.external cannot be split into words");
    const char **argv = sg_alloc(words.we_wordc + 2, sizeof *argv), **environment = make_environment(threads);
    sg_status status = argv && environment ? SG_OK : sg_fail_memory(err, 1000);
    if (status == SG_OK) {
        for (size_t i = 0; i < words.we_wordc; i++)
            argv[i] = words.we_wordv[i];
        argv[words.we_wordc] = dir;
        argv[words.we_wordc + 1] = NULL;
        struct sg_job job = {
            .argv = argv, .environment = environment, .stopping = stopping, .context = (void *)(uintptr_t)w};
        struct sg_buf last = sg_buf_make(2 * SG_JOB_LAST_WORDS);
        status = sg_job_run(&job, &last, err);
        if (status == SG_FAILED)
            add_last_words(&last, err);
        sg_buf_free(&last);
    }
    sg_free(argv);
    free_environment(environment);
    wordfree(&words);
    return status == SG_INPUT ? SG_FAILED : status; /* the cell's failure, not the run's */
}

sg_status sg_external_train(const struct sg_study *s, const struct sg_task *task,
                            const struct sg_train_settings *settings, const struct sg_examples *train,
                            const struct sg_examples *test, const struct sg_work *w,
                            struct sg_train_result *r, struct sg_err *err)
{
    char *dir = NULL;
    int threads = settings->threads > 0 ? (int)settings->threads : sg_cores();
    double begin_s = sg_now_s();
    *r = (struct sg_train_result){.n_eval = test->n,
                                  .n_classes = task->n_classes,
                                  .threads = threads,
                                  .kernels = "external",
                                  .rounding = "external"};
    SG_TRY(sg_temp_dir(&dir, err));
    sg_status status = write_cell(dir, s, task, settings, train, test, threads, err);
    if (status == SG_OK)
        status = write_rows(dir, "train.jsonl", train, 1, err);
    if (status == SG_OK)
        status = write_rows(dir, "test.jsonl", test, 0, err);
    if (status == SG_OK)
        status = start(s, dir, threads, w, err);
    r->train_s = sg_now_s() - begin_s;
    size_t n = (size_t)(test->n * task->n_classes);
    if (status == SG_OK && !(r->logits = sg_alloc(n + 1, sizeof *r->logits)))
        status = sg_fail_memory(err, n * sizeof *r->logits);
    if (status == SG_OK)
        status = read_predictions(dir, test->n, task->n_classes, r->logits, err);
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    sg_free(dir);
    return status;
}
