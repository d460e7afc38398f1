#include "base/buf.h"
#include "base/file.h"
#include "base/hub.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/tell.h"
#include "base/text.h"
#include "experiments/fetch/fetch.h"
#include "experiments/fetch/fetch_impl.h"
#include "experiments/study/study.h"
#include "experiments/study/task_file.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TRAIN, TEST, N_PARTS, MAX_TASKS = 200, MAX_LOCK = 1 << 20 };
static const size_t max_rows_bytes = (size_t)1 << 33;

/* One of the files that are written. */
struct part {
    char *path, *text; /* text: (n_bytes) what is written */
    size_t n_bytes;
    int64_t n_rows, n_wanted; /* n_wanted: as the task file says; 0: it does not */
    const char *wanted_sha256;
    char sha256[SG_HEX],
        found[SG_HEX]; /* found: of the file that is there, which an earlier fetch wrote; or "" */
};

struct job {
    struct sg_task task;
    const char *repo, *revision; /* revision NULL: main */
    int is_pinned;               /* the revision is the task file's, so that its counts and digests hold */
    char *folder, *lock_path, *scratch;
    json_t *lock; /* of an earlier fetch, or NULL */
    struct part part[N_PARTS];
};

static const char *const part_name[N_PARTS] = {"train", "test"};
static const char *const part_says[N_PARTS] = {"training", "test"};

static void remove_scratch(char *dir)
{
    for (int i = 0; dir && i < N_PARTS; i++) {
        char *file = sg_strf("%s/%s.jsonl", dir, part_name[i]);
        if (file)
            unlink(file);
        sg_free(file);
    }
    if (dir)
        rmdir(dir);
    sg_free(dir);
}

static void job_free(struct job *j)
{
    remove_scratch(j->scratch);
    for (int i = 0; i < N_PARTS; i++) {
        sg_free(j->part[i].path);
        sg_free(j->part[i].text);
    }
    sg_free(j->folder);
    sg_free(j->lock_path);
    json_decref(j->lock);
    sg_task_free(&j->task);
}

/* The task, and where its files go. */
static sg_status job_make(struct job *j, const char *task, const char *dir, struct sg_err *err)
{
    const struct sg_yaml at = {.source = "fetch data"};
    char *file = NULL;
    SG_TRY(sg_task_find(task, ".", &at, &file, err));
    sg_status status = sg_task_read(file, &j->task, err);
    sg_free(file);
    SG_TRY(status);
    const struct sg_task_source *s = &j->task.source;
    j->folder = sg_path_join(dir, j->task.name);
    j->lock_path = j->folder ? sg_path_join(j->folder, "fetched.json") : NULL;
    j->part[TRAIN] = (struct part){.n_wanted = s->n_train, .wanted_sha256 = s->train_sha256};
    j->part[TEST] = (struct part){.n_wanted = s->n_test, .wanted_sha256 = s->test_sha256};
    for (int i = 0; j->folder && i < N_PARTS; i++)
        if (!(j->part[i].path = sg_strf("%s/%s.jsonl", j->folder, part_name[i])))
            return sg_fail_memory(err, 256);
    if (!j->lock_path)
        return sg_fail_memory(err, 256);
    if (sg_file_exists(j->lock_path))
        SG_TRY(sg_json_read(j->lock_path, MAX_LOCK, &j->lock, err));
    j->repo = s->hf ? s->hf : j->task.hf_id;
    struct sg_hub_name hub;
    if (s->elsewhere)
        return sg_fail(err, SG_INPUT, "task %s: %s", j->task.name, s->elsewhere);
    if (!j->repo || !sg_hub_name_parse(j->repo, &hub) || hub.revision[0])
        return sg_fail(
            err, SG_INPUT,
            "task %s: its file names no data set on the Hub; hint: source: {hf: owner/name} there, or "
            "put the rows into %s yourself",
            j->task.name, j->folder);
    return SG_OK;
}

/* Which state: the user's, the task file's, the one of the last fetch, main. */
static sg_status choose_revision(struct job *j, const char *given, int update, struct sg_err *err)
{
    char name[SG_HUB_REPO + SG_HUB_REVISION];
    struct sg_hub_name hub;
    const char *locked = sg_json_text_or(j->lock, "commit", NULL);
    const char *same = sg_json_text_or(j->lock, "data_set", NULL);
    locked = same && strcmp(same, j->repo) == 0 ? locked : NULL;
    j->revision = given ? given : j->task.source.revision;
    j->is_pinned =
        j->revision && j->task.source.revision && strcmp(j->revision, j->task.source.revision) == 0;
    if (!j->task.source.revision && !given) {
        j->is_pinned = 1; /* what counts the file has are meant of what it names */
        j->revision = update ? NULL : locked;
    }
    int n = snprintf(name, sizeof name, "%s@%s", j->repo, j->revision ? j->revision : "main");
    return n < (int)sizeof name && sg_hub_name_parse(name, &hub)
               ? SG_OK
               : sg_fail(err, SG_INPUT, "\"%.100s\" is no revision; hint: a commit, a branch or a tag of %s",
                         j->revision, j->repo);
}

/* Whether an earlier fetch has left a file just so; SG_INPUT for one that is there and is not its. Not kept, and not refused: the file that a fetch was about
 * to replace when it ended (`before`). */
static sg_status is_kept(struct job *j, int i, int *kept, struct sg_err *err)
{
    const char *path = j->part[i].path;
    const json_t *locked = json_object_get(j->lock, part_name[i]);
    const char *wanted = sg_json_text_or(locked, "sha256", NULL),
               *before = sg_json_text_or(locked, "before", "");
    char *hex = j->part[i].found;
    *kept = 0;
    if (access(path, F_OK) != 0)
        return SG_OK;
    SG_TRY(sg_sha256_file(path, hex, err));
    *kept = wanted && strcmp(hex, wanted) == 0;
    if (!*kept && strcmp(hex, before) != 0)
        return sg_fail(
            err, SG_INPUT,
            "%s is there and is not what `fetch` %s; nothing was changed; hint: move it away, or --dir names "
            "another folder",
            path, wanted ? "wrote: it was changed since" : "writes");
    return SG_OK;
}

static sg_status all_kept(struct job *j, int *kept, struct sg_err *err)
{
    *kept = 1;
    for (int i = 0; i < N_PARTS; i++) {
        int one = 0;
        SG_TRY(is_kept(j, i, &one, err));
        *kept &= one;
    }
    return SG_OK;
}

/* The rows as they are written: the task's columns alone. */
static sg_status put_rows(const struct sg_task *t, const struct sg_rows *rows, struct sg_buf *out,
                          struct sg_err *err)
{
    for (int64_t i = 0; i < rows->n; i++) {
        const struct sg_row *r = &rows->row[i];
        json_t *o = json_object();
        int bad = !o || json_object_set_new(o, t->first, json_string(r->first)) != 0;
        if (!bad && t->second)
            bad = json_object_set_new(o, t->second, json_string(r->second)) != 0;
        bad = bad || json_object_set_new(o, t->label, json_string(r->label)) != 0;
        if (bad) {
            json_decref(o);
            return sg_fail_memory(err, 256);
        }
        SG_TRY(sg_json_put(out, o, err));
        sg_buf_puts(out, "\n");
    }
    return SG_OK;
}

/* One split, as the program has left it: read as a study reads it, counted, and made ready to be written. */
static sg_status take_part(struct job *j, int i, const char *file, struct sg_err *err)
{
    struct part *p = &j->part[i];
    struct sg_rows rows = {0};
    struct sg_buf out = sg_buf_make(max_rows_bytes);
    sg_status status = sg_task_rows_read(&j->task, file, i == TRAIN, &rows, err);
    if (status != SG_OK)
        return sg_err_at(err, "task %s: the %s rows of %s do not fit the task file", j->task.name,
                         part_says[i], j->repo);
    p->n_rows = rows.n;
    for (const char *s = rows.notes; s && *s; s += strcspn(s, "\n"), s += *s == '\n')
        sg_tell("synthgrid: task %s: %.*s", j->task.name, (int)strcspn(s, "\n"), s);
    if (j->is_pinned && p->n_wanted && rows.n != p->n_wanted)
        status = sg_fail(err, SG_INPUT,
                         "task %s: %s has %lld %s rows, and the task file says %lld; nothing was written; "
                         "hint: source.%s_rows "
                         "and source.revision of the task file must fit each other",
                         j->task.name, j->repo, (long long)rows.n, part_says[i], (long long)p->n_wanted,
                         part_name[i]);
    if (status == SG_OK)
        status = put_rows(&j->task, &rows, &out, err);
    if (status == SG_OK)
        status = sg_buf_check(&out, file, err);
    sg_rows_free(&rows);
    if (status != SG_OK) {
        sg_buf_free(&out);
        return status;
    }
    p->n_bytes = out.len;
    sg_sha256_hex(out.data, out.len, p->sha256);
    p->text = sg_buf_take(&out);
    if (j->is_pinned && p->wanted_sha256 && strcmp(p->wanted_sha256, p->sha256) != 0)
        return sg_fail(err, SG_INPUT,
                       "task %s: the %s rows of %s have the digest %s, not source.%s_sha256 of the task "
                       "file; nothing was written; hint: both must be of one revision",
                       j->task.name, part_says[i], j->repo, p->sha256, part_name[i]);
    return SG_OK;
}

static const char *licence_of(const struct job *j, const json_t *done)
{
    const char *licence =
        j->task.source.licence ? j->task.source.licence : sg_json_text_or(done, "licence", NULL);
    return licence ? licence : "none stated";
}

/* What the file had before, where it is another; NULL where not. */
static const char *replaced(const struct part *p)
{
    return p->found[0] && strcmp(p->found, p->sha256) != 0 ? p->found : NULL;
}

static sg_status write_lock(const struct job *j, const json_t *done, int is_before, struct sg_err *err)
{
    const struct part *p = j->part;
    char now[21];
    sg_utc(now);
    json_t *lock =
        json_pack("{s:s,s:s?,s:s,s:s,s:s,s:s,s:O,s:{s:I,s:s,s:s*},s:{s:I,s:s,s:s*}}", "data_set", j->repo,
                  "config", j->task.source.config, "commit", sg_json_text_or(done, "commit", ""), "asked",
                  j->revision ? j->revision : "main", "fetched", now, "licence", licence_of(j, done), "files",
                  json_object_get(done, "files"), part_name[TRAIN], "rows", (json_int_t)p[TRAIN].n_rows,
                  "sha256", p[TRAIN].sha256, "before", is_before ? replaced(&p[TRAIN]) : NULL,
                  part_name[TEST], "rows", (json_int_t)p[TEST].n_rows, "sha256", p[TEST].sha256, "before",
                  is_before ? replaced(&p[TEST]) : NULL);
    char *text = lock ? json_dumps(lock, JSON_INDENT(1) | JSON_PRESERVE_ORDER) : NULL;
    sg_status status =
        text ? sg_file_write(j->lock_path, text, strlen(text), err) : sg_fail_memory(err, 1024);
    free(text);
    json_decref(lock);
    return status;
}

/* fetched.json first: whoever ends between the three has files that are known for what they are, also those that are still to be replaced. */
static sg_status write_all(const struct job *j, const json_t *done, struct sg_err *err)
{
    SG_TRY(sg_mkdirs(j->folder, err));
    SG_TRY(write_lock(j, done, 1, err));
    for (int i = 0; i < N_PARTS; i++)
        SG_TRY(sg_file_write(j->part[i].path, j->part[i].text, j->part[i].n_bytes, err));
    return replaced(&j->part[TRAIN]) || replaced(&j->part[TEST]) ? write_lock(j, done, 0, err) : SG_OK;
}

static void tell_task(const struct job *j, const char *commit, int64_t n_train, int64_t n_test,
                      const char *licence)
{
    sg_tell_result("%-10s %lld training rows, %lld test rows in %s, from %s at %.12s; licence: %s",
                   j->task.name, (long long)n_train, (long long)n_test, j->folder, j->repo, commit, licence);
}

static int64_t locked_rows(const struct job *j, int i)
{
    return sg_json_int_or(json_object_get(j->lock, part_name[i]), "rows", 0);
}

static sg_status fetch_job(struct job *j, int update, struct sg_err *err)
{
    int kept = 0;
    const char *locked = sg_json_text_or(j->lock, "commit", ""),
               *asked = sg_json_text_or(j->lock, "asked", ""),
               *from = sg_json_text_or(j->lock, "data_set", "");
    SG_TRY(all_kept(j, &kept, err));
    if (kept && j->revision && strcmp(from, j->repo) == 0 &&
        (strcmp(j->revision, locked) == 0 || (!update && strcmp(j->revision, asked) == 0))) {
        tell_task(j, locked, locked_rows(j, TRAIN), locked_rows(j, TEST),
                  sg_json_text_or(j->lock, "licence", "none stated"));
        return SG_OK;
    }
    SG_TRY(sg_temp_dir(&j->scratch, err));
    json_t *done = NULL;
    SG_TRY(sg_fetch_ask("data",
                        json_pack("{s:s,s:s?,s:s?,s:{s:s,s:s},s:s}", "repo", j->repo, "revision", j->revision,
                                  "config", j->task.source.config, "splits", part_name[TRAIN],
                                  j->task.source.train_split, part_name[TEST], j->task.source.test_split,
                                  "scratch", j->scratch),
                        &done, err));
    const json_t *rows = json_object_get(done, "rows");
    sg_status status = SG_OK;
    for (int i = 0; status == SG_OK && i < N_PARTS; i++)
        status = take_part(j, i, sg_json_text_or(rows, part_name[i], ""), err);
    if (status == SG_OK)
        status = write_all(j, done, err);
    if (status == SG_OK) {
        const char *commit = sg_json_text_or(done, "commit", "");
        if (!j->revision)
            sg_tell("synthgrid: task %s: %s was %s when it was fetched, and stays so until --update (%s)",
                    j->task.name, "main", commit, j->lock_path);
        else if (!j->is_pinned && (j->part[TRAIN].n_wanted || j->part[TEST].n_wanted))
            sg_tell(
                "synthgrid: task %s: its file's row counts are of another revision and were not looked at",
                j->task.name);
        tell_task(j, commit, j->part[TRAIN].n_rows, j->part[TEST].n_rows, licence_of(j, done));
    }
    json_decref(done);
    return status;
}

static sg_status fetch_task(const char *text, const struct sg_fetch_options *o, struct sg_err *err)
{
    struct job j = {0};
    size_t n = strcspn(text, "@");
    char *name = sg_strndup(text, n);
    if (!name)
        return sg_fail_memory(err, n);
    sg_status status = job_make(&j, name, o->dir, err);
    if (status == SG_OK)
        status = choose_revision(&j, text[n] ? text + n + 1 : NULL, o->update, err);
    if (status == SG_OK)
        status = fetch_job(&j, o->update, err);
    job_free(&j);
    sg_free(name);
    return status;
}

/* Whether the Hub has none of the task's rows, which is told. */
static int is_elsewhere(const char *name)
{
    const struct sg_yaml at = {.source = "fetch data"};
    struct sg_err ignored = {0};
    struct sg_task t = {0};
    char *file = NULL;
    int yes = 0;
    if (sg_task_find(name, ".", &at, &file, &ignored) == SG_OK && sg_task_read(file, &t, &ignored) == SG_OK) {
        yes = t.source.elsewhere || (!t.source.hf && !t.hf_id);
        if (yes)
            sg_tell("synthgrid: task %s is left out: %s", name,
                    t.source.elsewhere ? t.source.elsewhere : "its file names no data set on the Hub");
        sg_task_free(&t);
    }
    sg_free(file);
    return yes;
}

sg_status sg_fetch_data(const char *task, const struct sg_fetch_options *o, struct sg_err *err)
{
    if (strcmp(task, "all") != 0)
        return fetch_task(task, o, err);
    char *name[MAX_TASKS];
    int n = sg_task_names(".", name, MAX_TASKS), n_failed = 0;
    sg_status status = SG_OK;
    for (int i = 0; i < n && status != SG_FAILED; i++) {
        if (is_elsewhere(name[i]))
            continue;
        status = fetch_task(name[i], o, err);
        if (status == SG_INPUT) { /* of this data set; what else fails will fail for the next one, too */
            sg_tell_sentence(err->text);
            n_failed++;
        }
    }
    for (int i = 0; i < n; i++)
        sg_free(name[i]);
    if (status == SG_FAILED || !n_failed)
        return status == SG_FAILED ? status : SG_OK;
    return sg_fail(err, SG_PARTIAL, "%d of %d tasks were not fetched, for the reasons above", n_failed, n);
}
