#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/guard.h"
#include "experiments/run/resample.h"
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

/* "5%", "0.5%" or "5": of the done cells. */
static sg_status read_share(const char *text, double *share, struct sg_err *err)
{
    char number[32];
    size_t n = strlen(text);
    n -= n && text[n - 1] == '%';
    if (n < sizeof number) {
        memcpy(number, text, n);
        number[n] = 0;
        if (sg_parse_double(number, share) && *share > 0 && *share <= 100) {
            *share /= 100;
            return SG_OK;
        }
    }
    return sg_fail(err, SG_INPUT,
                   "verify --sample %.100s: must be a share of the done cells, like 5%%, above 0 and at most "
                   "100%%",
                   text);
}

/* --sample is for all ranks, so that MPI has to start; what is only read needs none. */
static int wants_ranks(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strncmp(argv[i], "--sample", 8) == 0)
            return 1;
    return 0;
}

/* Collective. */
static sg_status sample(const struct sg_team *world, const struct sg_resample_options *o, struct verified *v,
                        struct sg_err *err)
{
    struct sg_resample_options options = *o;
    options.folder = v->folder;
    options.misfits = v->misfits;
    SG_TRY(sg_resample(world, &options, err));
    char text[200];
    snprintf(text, sizeof text, "%lld of %lld done %s trained again, %lld of them to the same weights",
             (long long)options.n_trained, (long long)options.n_done,
             sg_plural(options.n_done, "cell was", "cells were"), (long long)options.n_same);
    json_t *remark = json_string(text);
    return remark && json_array_append_new(v->remarks, remark) == 0 ? SG_OK : sg_fail_memory(err, 200);
}

/* world NULL: this process alone, without a sample. */
static sg_status verify(const struct sg_team *world, const struct sg_args *args,
                        const struct sg_resample_options *o, struct sg_err *err)
{
    const char *name = args->positional[0], *folder = sg_dir_exists(name) ? name : NULL;
    char *path = folder ? sg_path_join(folder, "results.h5") : sg_strdup(name);
    struct verified v = {path, folder, json_array(), json_array()};
    sg_status status = path && v.misfits && v.remarks ? SG_OK : sg_fail_memory(err, 100);
    if (status == SG_OK && world && !folder)
        status = sg_fail(err, SG_INPUT, "%s: --sample needs the results folder, with its ledger", name);
    if (status == SG_OK && (!world || world->rank == 0)) {
        status = check(&v, err);
        sg_cli_guard_end();
    }
    if (world) {
        sg_status waited = sg_wait_all(world, err); /* asleep, while rank 0 reads */
        status = sg_agree(world, status == SG_OK ? waited : status, err);
    }
    if (status == SG_OK && world)
        status = sample(world, o, &v, err);
    if (status == SG_OK && (!world || world->rank == 0))
        status = print(&v, err);
    json_decref(v.misfits);
    json_decref(v.remarks);
    sg_free(path);
    return world ? sg_agree(world, status, err) : status;
}

int sg_cmd_verify(int argc, char **argv)
{
    const char *share = NULL;
    struct sg_resample_options o = {0};
    const struct sg_option options[] = {
        {.name = "sample",
         .type = SG_OPT_TEXT,
         .argument = "P%",
         .help = "train this share of the done cells again, and compare their weights",
         .text = &share},
        {.name = "study",
         .type = SG_OPT_TEXT,
         .argument = "FILE",
         .help = "for --sample: the study file, where it is no more where it was",
         .text = &o.study},
    };
    const struct sg_usage usage = {
        .command = "verify",
        .positional = "DIR|results.h5",
        .n_positional = 1,
        .overrides = "data.dir=DIR train.encoder=DIR",
        .about =
            "Reads results.h5 whole: each table against its digests, what is missing, and of a folder "
            "whether the ledger says the same. A pool that is short by the study's rules is complete, and "
            "remarked. "
            "With --sample, under mpirun too, a share of the done cells is trained again from the ledger's "
            "completions, "
            "the same cells on any machine, and weights that differ are named; key=value says where data and "
            "encoder "
            "are now. Nothing is written. Exit code 0: all fits; 1: each misfit is named.",
        .option = options,
        .n_options = 2};
    struct sg_args args;
    struct sg_team world;
    struct sg_err err = {0};
    int code, is_sampled = wants_ranks(argc, argv);
    const struct sg_team *team = is_sampled ? &world : NULL;
    if (!sg_cli_begin(&usage, argc, argv, &args, is_sampled ? &world : NULL, &code))
        return code;
    sg_status status = share ? read_share(share, &o.share, &err) : SG_OK;
    if (status == SG_OK && !share && (o.study || args.n_overrides))
        status = sg_fail(&err, SG_INPUT, "--study and key=value are for --sample; hint: add --sample 10%%");
    o.n_overrides = args.n_overrides;
    o.overrides = args.override;
    if (status == SG_OK)
        status = verify(team, &args, &o, &err);
    return sg_cli_end(&args, team, status, &err);
}
