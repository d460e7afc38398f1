#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/guard.h"
#include "results/h5/store_check.h"
#include "results/ledger/ledger.h"

#include <stdio.h>
#include <string.h>

static sg_status check(const char *path, const char *folder, json_t *misfits, struct sg_err *err)
{
    struct sg_ledger *ledger = NULL;
    char *beside = folder ? sg_path_join(folder, "ledger.sqlite") : NULL;
    if (folder && !beside)
        return sg_fail_memory(err, strlen(folder));
    int has_ledger = beside && sg_file_exists(beside);
    sg_free(beside);
    SG_TRY(sg_store_check_file(path, misfits, err));
    if (json_array_size(misfits))
        return SG_OK; /* what is damaged tells nothing more */
    SG_TRY(sg_store_check_complete(path, misfits, err));
    if (!has_ledger)
        return SG_OK;
    SG_TRY(sg_ledger_open(folder, SG_LEDGER_READ, &ledger, err));
    sg_status status = sg_store_check_ledger(path, ledger, misfits, err);
    sg_ledger_close(ledger);
    return status;
}

static sg_status print(const json_t *misfits, const char *path, struct sg_err *err)
{
    size_t n = json_array_size(misfits);
    struct sg_buf b = sg_buf_make(1 << 20);
    for (size_t i = 0; i < n; i++) {
        sg_buf_safe(&b, json_string_value(json_array_get(misfits, i)), 1000);
        sg_buf_puts(&b, "\n");
    }
    if (!n) {
        sg_buf_safe(&b, path, 1000);
        sg_buf_puts(&b, ": whole and complete\n");
    }
    sg_status status = sg_buf_check(&b, "what does not fit", err);
    if (status == SG_OK)
        fputs(sg_buf_text(&b), stdout);
    sg_buf_free(&b);
    if (status == SG_OK && n)
        status = sg_fail(err, SG_FAILED, "%s: %lld %s", path, (long long)n,
                         sg_plural((int64_t)n, "thing does not fit", "things do not fit"));
    return status;
}

int sg_cmd_verify(int argc, char **argv)
{
    const struct sg_usage usage = {
        .command = "verify",
        .positional = "DIR|results.h5",
        .n_positional = 1,
        .about = "Reads results.h5 whole: each table against its digests, what is missing, and of a folder "
                 "whether the "
                 "ledger says the same. Exit code 0: all fits; 1: each misfit is named."};
    struct sg_args args;
    struct sg_err err = {0};
    int code;
    if (!sg_cli_begin(&usage, argc, argv, &args, NULL, &code))
        return code;
    const char *folder = sg_dir_exists(args.positional[0]) ? args.positional[0] : NULL;
    char *path = folder ? sg_path_join(folder, "results.h5") : sg_strdup(args.positional[0]);
    json_t *misfits = json_array();
    sg_status status = path && misfits ? SG_OK : sg_fail_memory(&err, 100);
    if (status == SG_OK && !sg_file_exists(path))
        status = sg_fail(&err, SG_INPUT,
                         "%s: no such file; hint: `synthgrid run` writes results.h5 when it ends", path);
    if (status == SG_OK) {
        sg_cli_guard_reading(path, NULL);
        status = check(path, folder, misfits, &err);
    }
    if (status == SG_OK)
        status = print(misfits, path, &err);
    json_decref(misfits);
    sg_free(path);
    return sg_cli_end(&args, NULL, status, &err);
}
