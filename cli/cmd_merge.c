#include "base/mem.h"
#include "base/tell.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "results/h5/store.h"
#include "results/ledger/merge.h"

#include <stdio.h>
#include <string.h>

/* What has the word: an input as it was given, or its letter. -1: none. */
static int preferred(const struct sg_args *args, const char *word)
{
    for (int i = 0; i < args->n_positional; i++)
        if (strcmp(args->positional[i], word) == 0)
            return i;
    return word[0] >= 'A' && word[0] <= 'Z' && !word[1] && word[0] - 'A' < args->n_positional ? word[0] - 'A'
                                                                                              : -1;
}

/* The preferred one comes first: it wins. */
static sg_status order(struct sg_args *args, const char *prefer, struct sg_err *err)
{
    int first = preferred(args, prefer);
    if (first < 0)
        return sg_fail(err, SG_INPUT,
                       "merge --prefer %.100s: is none of the inputs; hint: A is the first, B the second",
                       prefer);
    const char *input = args->positional[first];
    memmove(args->positional + 1, args->positional, (size_t)first * sizeof *args->positional);
    args->positional[0] = input;
    return SG_OK;
}

struct made {
    const struct sg_merge_found *found;
    struct sg_ledger_totals totals;
    char digest[SG_HEX];
};

/* Where inputs have different plans, only a run knows the study's own. */
static sg_status built(void *context, struct sg_ledger *l, const char *folder, struct sg_err *err)
{
    struct made *made = context;
    SG_TRY(sg_ledger_totals(l, &made->totals, err));
    if (!made->found->is_same_plan)
        return SG_OK;
    char *path = sg_strf("%s/results.h5", folder);
    sg_status status =
        path ? sg_store_write(l, path, made->digest, err) : sg_fail_memory(err, strlen(folder));
    sg_free(path);
    return status;
}

static void print(const char *kind, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        printf("%s: %s\n", kind, json_string_value(json_array_get(list, i)));
}

static void print_made(const struct made *made, const char *out)
{
    const struct sg_ledger_totals *t = &made->totals;
    sg_tell_result("merged   %s: %lld of %lld cells are done, %lld completions", out,
                   (long long)t->n_cells_done, (long long)t->n_cells, (long long)t->n_completions);
    if (made->digest[0])
        sg_tell_result("digest   %s", made->digest);
    else
        sg_tell_result("next     the inputs ran different parts of the study: `synthgrid run STUDY "
                       "results=%s` puts them "
                       "into one plan and writes results.h5",
                       out);
}

static sg_status merge(struct sg_args *args, const char *out, const char *prefer, int live,
                       struct sg_err *err)
{
    struct sg_merge_found found = {.conflicts = json_array(), .remarks = json_array()};
    struct made made = {.found = &found};
    sg_status status = found.conflicts && found.remarks ? SG_OK : sg_fail_memory(err, 100);
    if (status == SG_OK && prefer)
        status = order(args, prefer, err);
    if (status == SG_OK)
        status = sg_ledger_merge(&(struct sg_merge_options){.n = args->n_positional,
                                                            .input = args->positional,
                                                            .out = out,
                                                            .first_wins = prefer != NULL,
                                                            .takes_live = live,
                                                            .built = built,
                                                            .context = &made},
                                 &found, err);
    print("conflict", found.conflicts);
    print("remark", found.remarks);
    if (status == SG_OK)
        print_made(&made, out);
    json_decref(found.conflicts);
    json_decref(found.remarks);
    return status;
}

int sg_cmd_merge(int argc, char **argv)
{
    const char *out = NULL, *prefer = NULL;
    int live = 0;
    const struct sg_option options[] = {
        {.name = "output",
         .letter = 'o',
         .type = SG_OPT_TEXT,
         .argument = "C",
         .help = "the folder that is made",
         .text = &out,
         .required = 1},
        {.name = "prefer",
         .type = SG_OPT_TEXT,
         .argument = "A|B",
         .help = "whose content counts where they differ: an input, or its letter",
         .text = &prefer},
        {.name = "live",
         .type = SG_OPT_FLAG,
         .help = "of a run that goes on, what it has committed so far",
         .flag = &live},
    };
    const struct sg_usage usage = {
        .command = "merge",
        .positional = "A B [...]",
        .n_positional = SG_MERGE_MAX,
        .n_optional = SG_MERGE_MAX - 2,
        .about = "Joins the results of one study that ran in several places: folders, or their "
                 "ledger.sqlite. The result is a "
                 "results folder with all completions, spend, finished cells, evaluations and measures; "
                 "`synthgrid run STUDY "
                 "results=C` goes on from there, and buys and trains only what none of them had. Inputs are "
                 "only read. "
                 "Where two have different contents for the same thing, each is named, and nothing is made "
                 "(exit code 1) "
                 "unless --prefer says whose counts. Another study's folder is refused (2).",
        .option = options,
        .n_options = 3};
    struct sg_args args;
    struct sg_err err = {0};
    int code;
    if (!sg_cli_begin(&usage, argc, argv, &args, NULL, &code))
        return code;
    return sg_cli_end(&args, NULL, merge(&args, out, prefer, live, &err), &err);
}
