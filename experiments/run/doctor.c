#include "experiments/run/doctor_impl.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "experiments/run/own_data.h"
#include "results/h5/store.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

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

sg_status sg_doctor_note(struct sg_findings *f, const char *topic, enum sg_health health, struct sg_err *err,
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
    int works = status == SG_OK && try_folder(dir, &commit_s, &why) == SG_OK;
    if (status == SG_OK && !works)
        status = sg_doctor_note(f, "results", SG_HEALTH_PROBLEM, err, "%s: a run could not write there: %s",
                                s->results, why.text);
    else if (status == SG_OK && statvfs(above, &room) == 0) {
        double gb = (double)room.f_bavail * (double)room.f_frsize / 1e9;
        status = sg_doctor_note(
            f, "results", gb < 1 ? SG_HEALTH_NOTE : SG_HEALTH_FINE, err,
            "%s: lease, ledger and results.h5 can be written; %.1f GB free; a durable write takes "
            "%.1f ms",
            s->results, gb, commit_s * 1e3);
    }
    if (status == SG_OK && works)
        status = sg_doctor_check_files(dir, commit_s, f, err);
    if (dir)
        remove_tree(dir, 1);
    sg_free(dir);
    sg_free(above);
    return status;
}

static sg_status check_rows(const struct sg_prepared *p, struct sg_findings *f, struct sg_err *err)
{
    struct sg_buf text = sg_buf_make(1 << 20);
    sg_status status = sg_own_data_look(p->study, p->data, &text, err);
    for (const char *line = sg_buf_text(&text); status == SG_OK && *line; line += strcspn(line, "\n") + 1)
        status = sg_doctor_note(f, "data", SG_HEALTH_NOTE, err, "%.*s", (int)strcspn(line, "\n"), line);
    sg_buf_free(&text);
    return status;
}

/* What a run would end at; what stands for it in the estimates is told, too. */
static sg_status note_lacks(const struct sg_prepared *p, struct sg_findings *f, struct sg_err *err)
{
    for (int64_t i = 0; i < p->lacks.n; i++)
        SG_TRY(sg_doctor_note(f, "study", SG_HEALTH_PROBLEM, err, "%s", p->lacks.item[i].text));
    return p->assumed[0]
               ? sg_doctor_note(f, "study", SG_HEALTH_NOTE, err,
                                "what is said of memory and time assumes that the encoder has %s", p->assumed)
               : SG_OK;
}

sg_status sg_doctor_study(const char *study, int n_overrides, const char *const *overrides,
                          struct sg_findings *f, struct sg_err *err)
{
    struct sg_prepared *p = NULL;
    struct sg_err why = {0};
    if (sg_prepare(study, n_overrides, overrides, SG_PREPARE_ASSUME, &p, &why) != SG_OK)
        return sg_doctor_note(f, "study", SG_HEALTH_PROBLEM, err, "%s", why.text);
    sg_status status = sg_doctor_note(f, "study", SG_HEALTH_FINE, err,
                                      "%s: %lld %s, %lld %s; encoder %s; `synthgrid plan` says what it costs",
                                      p->study->name, (long long)p->grid.n_cells,
                                      sg_plural(p->grid.n_cells, "cell", "cells"), (long long)p->grid.n_pools,
                                      sg_plural(p->grid.n_pools, "pool", "pools"), p->study->encoder);
    if (status == SG_OK)
        status = note_lacks(p, f, err);
    if (status == SG_OK)
        status = check_rows(p, f, err);
    if (status == SG_OK)
        status = sg_doctor_check_room(p, f, err);
    if (status == SG_OK)
        status = check_results(p->study, f, err);
    for (int g = 0; status == SG_OK && g < p->study->n_generators; g++) {
        f->of = p->study->generator[g].name;
        status = sg_doctor_check_endpoint(p, g, f, err);
    }
    f->of = NULL;
    sg_prepared_destroy(p);
    return status;
}
