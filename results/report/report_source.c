#include "results/report/report_source.h"

#include "base/file.h"
#include "base/mem.h"
#include "results/h5/store.h"
#include "results/ledger/lease.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int has_bytes(const char *folder, const char *name)
{
    struct stat st;
    char *path = sg_path_join(folder, name);
    int has = path && stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0;
    sg_free(path);
    return has;
}

/* A run that ends leaves no log behind, and its results.h5 has all of the ledger. */
static int is_beyond_h5(const char *folder, int runs)
{
    return has_bytes(folder, "ledger.sqlite") &&
           (runs || has_bytes(folder, "ledger.sqlite-wal") || !has_bytes(folder, "results.h5"));
}

static int is_held(const char *folder)
{
    char *holder = sg_lease_holder(folder);
    sg_free(holder);
    return holder != NULL;
}

static sg_status build(const char *folder, struct sg_report_source *s, struct sg_err *err)
{
    struct sg_ledger *ledger = NULL;
    SG_TRY(sg_ledger_open(folder, SG_LEDGER_COPY, &ledger, err));
    sg_status status = sg_temp_dir(&s->folder, err);
    if (status == SG_OK && !(s->file = sg_path_join(s->folder, "results.h5")))
        status = sg_fail_memory(err, strlen(s->folder));
    if (status == SG_OK)
        status = sg_store_write(ledger, s->file, NULL, err);
    sg_ledger_close(ledger);
    return status;
}

sg_status sg_report_source_open(const char *path, struct sg_report_source *out, struct sg_err *err)
{
    struct sg_report_source s = {0};
    sg_status status = SG_OK;
    int is_folder = sg_dir_exists(path);
    s.runs = is_folder && is_held(path);
    s.is_unfinished = is_folder && is_beyond_h5(path, s.runs);
    if (s.is_unfinished)
        status = build(path, &s, err);
    else if (!(s.file = is_folder ? sg_path_join(path, "results.h5") : sg_strdup(path)))
        status = sg_fail_memory(err, strlen(path));
    if (status == SG_OK)
        *out = s;
    else
        sg_report_source_close(&s);
    return status;
}

void sg_report_source_close(struct sg_report_source *s)
{
    if (s->folder) {
        if (s->file)
            unlink(s->file);
        rmdir(s->folder);
    }
    sg_free(s->file);
    sg_free(s->folder);
    *s = (struct sg_report_source){0};
}
