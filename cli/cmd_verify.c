#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/guard.h"
#include "results/h5/store_check.h"
#include "results/ledger/lease.h"
#include "results/ledger/ledger.h"

#include <stdio.h>
#include <string.h>

struct verified {
    const char *path;   /* of results.h5 */
    const char *folder; /* NULL: a file alone is looked at */
    json_t *misfits, *remarks;
};

/* The ledger as it is, read from a copy so that nothing of the folder is touched; NULL where there is none. */
static sg_status open_ledger(const struct verified *v, struct sg_ledger **out, struct sg_err *err)
{
    char *path = v->folder ? sg_path_join(v->folder, "ledger.sqlite") : NULL, *holder = NULL;
    sg_status status = SG_OK;
    *out = NULL;
    if (v->folder && !path)
        return sg_fail_memory(err, strlen(v->folder));
    int is_there = path && sg_file_exists(path);
    sg_free(path);
    if (!is_there)
        return SG_OK;
    if ((holder = sg_lease_holder(v->folder)))
        status = sg_fail(err, SG_INPUT, "%s: a run is at work there (%s); hint: verify when it has ended",
                         v->folder, holder);
    sg_free(holder);
    return status == SG_OK ? sg_ledger_open(v->folder, SG_LEDGER_COPY, out, err) : status;
}

static sg_status check(struct verified *v, struct sg_err *err)
{
    struct sg_ledger *ledger = NULL;
    if (!sg_file_exists(v->path))
        return sg_fail(err, SG_INPUT,
                       "%s: no such file; hint: `synthgrid run` writes results.h5 when it ends", v->path);
    SG_TRY(open_ledger(v, &ledger, err));
    sg_cli_guard_reading(v->path, NULL);
    sg_status status = sg_store_check_file(v->path, v->misfits, err);
    /* What is damaged tells nothing more. */
    int is_whole = status == SG_OK && !json_array_size(v->misfits);
    if (is_whole)
        status = sg_store_check_complete(v->path, v->misfits, v->remarks, err);
    if (is_whole && status == SG_OK && ledger)
        status = sg_store_check_ledger(v->path, ledger, v->misfits, err);
    sg_ledger_close(ledger);
    return status;
}

static void put_all(const char *before, const json_t *list, struct sg_buf *b)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        sg_buf_puts(b, before);
        sg_buf_safe(b, json_string_value(json_array_get(list, i)), 1000);
        sg_buf_puts(b, "\n");
    }
}

static sg_status print(const struct verified *v, struct sg_err *err)
{
    size_t n = json_array_size(v->misfits);
    struct sg_buf b = sg_buf_make(1 << 24);
    put_all("", v->misfits, &b);
    put_all("remark: ", v->remarks, &b);
    if (!n) {
        sg_buf_safe(&b, v->path, 1000);
        sg_buf_puts(&b, ": whole and complete\n");
    }
    sg_status status = sg_buf_check(&b, "what does not fit", err);
    if (status == SG_OK)
        fputs(sg_buf_text(&b), stdout);
    sg_buf_free(&b);
    if (status == SG_OK && n)
        status = sg_fail(err, SG_FAILED, "%s: %lld %s", v->path, (long long)n,
                         sg_plural((int64_t)n, "thing does not fit", "things do not fit"));
    return status;
}

int sg_cmd_verify(int argc, char **argv)
{
    const struct sg_usage usage = {
        .command = "verify",
        .positional = "DIR|results.h5",
        .n_positional = 1,
        .about =
            "Reads results.h5 whole: each table against its digests, what is missing, and of a folder "
            "whether the ledger says the same. A pool whose completions ran out is complete, and remarked. "
            "Exit code 0: all fits; 1: each misfit is named."};
    struct sg_args args;
    struct sg_err err = {0};
    int code;
    if (!sg_cli_begin(&usage, argc, argv, &args, NULL, &code))
        return code;
    const char *folder = sg_dir_exists(args.positional[0]) ? args.positional[0] : NULL;
    char *path = folder ? sg_path_join(folder, "results.h5") : sg_strdup(args.positional[0]);
    struct verified v = {path, folder, json_array(), json_array()};
    sg_status status = path && v.misfits && v.remarks ? SG_OK : sg_fail_memory(&err, 100);
    if (status == SG_OK)
        status = check(&v, &err);
    if (status == SG_OK)
        status = print(&v, &err);
    json_decref(v.misfits);
    json_decref(v.remarks);
    sg_free(path);
    return sg_cli_end(&args, NULL, status, &err);
}
