#include "base/text.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/version.h"
#include "experiments/run/doctor.h"

#include <stdio.h>
#include <string.h>

static int count(const struct sg_findings *f, enum sg_health h)
{
    int n = 0;
    for (int64_t i = 0; i < f->n; i++)
        n += f->item[i].health == h;
    return n;
}

/* Texts may hold what a server said. */
static sg_status print_text(const struct sg_findings *f, struct sg_err *err)
{
    struct sg_buf b = sg_buf_make(1 << 20);
    sg_version_text(&b);
    sg_buf_puts(&b, "\n");
    for (int64_t i = 0; i < f->n; i++) {
        sg_buf_printf(&b, "%-8s %-10s ", sg_health_name(f->item[i].health), f->item[i].topic);
        sg_buf_safe(&b, f->item[i].text, 2000);
        sg_buf_puts(&b, "\n");
    }
    sg_status status = sg_buf_check(&b, "the findings", err);
    if (status == SG_OK)
        fputs(sg_buf_text(&b), stdout);
    sg_buf_free(&b);
    return status;
}

static sg_status print_json(const struct sg_findings *f, struct sg_err *err)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < f->n; i++) {
        struct sg_buf b = sg_buf_make(1 << 16);
        sg_buf_safe(&b, f->item[i].text, 2000);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "topic", f->item[i].topic, "health",
                                              sg_health_name(f->item[i].health), "text", sg_buf_text(&b)));
        sg_buf_free(&b);
    }
    return sg_cli_print_json(
        json_pack("{s:o, s:i}", "findings", list, "n_problems", count(f, SG_HEALTH_PROBLEM)), "the findings",
        err);
}

/* Collective: the others wait asleep, an endpoint may take its time. */
static sg_status on_rank_0(const struct sg_team *world, const struct sg_args *args, int as_json,
                           struct sg_findings *f, struct sg_err *err)
{
    sg_status status = SG_OK;
    if (world->rank == 0 && args->n_positional)
        status = sg_doctor_study(args->positional[0], args->n_overrides, args->override, f, err);
    if (world->rank == 0 && status == SG_OK)
        status = as_json ? print_json(f, err) : print_text(f, err);
    struct sg_err second = {0};
    sg_status waited = sg_wait_all(world, &second);
    if (status == SG_OK && waited != SG_OK)
        *err = second, status = waited;
    return sg_agree(world, status, err);
}

int sg_cmd_doctor(int argc, char **argv)
{
    int as_json = 0;
    const struct sg_option option[] = {
        {.name = "json", .type = SG_OPT_FLAG, .help = "one JSON object instead of text", .flag = &as_json},
    };
    const struct sg_usage usage = {
        .command = "doctor",
        .positional = "[STUDY]",
        .n_positional = 1,
        .n_optional = 1,
        .overrides = "key=value",
        .about = "What works here: MPI and its ranks, cores, memory, Slurm; with a study also its files, the "
                 "file system of its results, key, prices, and its endpoint, which gets two of the study's "
                 "requests ("
                 "paid where the endpoint has a price). Without a study no network is used. "
                 "Under mpirun it shows all ranks. Ends with 1 when there is a problem.",
        .option = option,
        .n_options = 1};
    struct sg_args args;
    struct sg_team world;
    struct sg_err err = {0};
    struct sg_findings f = {0};
    int code;
    if (!sg_cli_begin(&usage, argc, argv, &args, &world, &code))
        return code;
    sg_status status = SG_OK;
    if (args.n_overrides && !args.n_positional)
        status =
            sg_fail(&err, SG_INPUT, "doctor: %.100s is a setting, but no STUDY is given", args.override[0]);
    if (status == SG_OK)
        status = sg_doctor_machine(&world, &f, &err);
    if (status == SG_OK)
        status = on_rank_0(&world, &args, as_json, &f, &err);
    int n_problems = count(&f, SG_HEALTH_PROBLEM);
    if (status == SG_OK)
        status = sg_mpi_check(MPI_Bcast(&n_problems, 1, MPI_INT, 0, world.comm), "MPI_Bcast", &err);
    if (status == SG_OK && n_problems)
        status =
            sg_fail(&err, SG_FAILED, "%d %s found", n_problems, sg_plural(n_problems, "problem", "problems"));
    sg_findings_free(&f);
    return sg_cli_end(&args, &world, status, &err);
}
