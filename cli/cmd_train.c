/* synthgrid train: one fine-tuning with its measures, outside any study. */
#include "base/file.h"
#include "base/mem.h"
#include "base/tell.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/labels.h"
#include "cli/row_options.h"
#include "experiments/run/same_ranks.h"
#include "experiments/study/paths.h"
#include "experiments/study/settings.h"
#include "model/train.h"
#include "results/ledger/output_check.h"
#include "results/stats/metrics.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <string.h>

struct job {
    const char *encoder_name, *train_path, *eval_path, *save_dir, *checkpoint;
    int as_json;
    char *encoder_dir;
    struct sg_row_options row_options;
    struct sg_train_settings settings;
    struct sg_encoder *encoder;
    struct sg_rows train, eval;
    int32_t *train_label, *eval_label;
    struct sg_labels labels;
    struct sg_model *model;
    struct sg_train_result result;
    double *step_end_s; /* (result.n_steps) when each step was done, on rank 0 */
};

static void job_free(struct job *j)
{
    sg_free(j->encoder_dir);
    sg_encoder_destroy(j->encoder);
    sg_rows_free(&j->train);
    sg_rows_free(&j->eval);
    sg_free(j->train_label);
    sg_free(j->eval_label);
    sg_labels_free(&j->labels);
    sg_row_options_free(&j->row_options);
    sg_model_destroy(j->model);
    sg_train_result_free(&j->result);
    sg_free(j->step_end_s);
}

/* A pair in one file and a single text in the other would train one thing and measure another. */
static sg_status check_pairs(const struct job *j, struct sg_err *err)
{
    int train_pairs = j->train.row[0].second != NULL, eval_pairs = j->eval.row[0].second != NULL;
    if (train_pairs != eval_pairs)
        return sg_fail(err, SG_INPUT, "%s has %s, but %s has %s; hint: both files need the same fields",
                       j->train_path, train_pairs ? "text pairs" : "single texts", j->eval_path,
                       eval_pairs ? "text pairs" : "single texts");
    return SG_OK;
}

/* Local: everything that can be wrong with what the user gave. */
static sg_status job_load(struct job *j, const struct sg_args *args, const struct sg_team *world,
                          struct sg_err *err)
{
    SG_TRY(sg_settings_train(args->n_overrides, args->override, &j->settings, err));
    if (world->size > 1 && (strcmp(j->train_path, "-") == 0 || strcmp(j->eval_path, "-") == 0))
        return sg_fail(
            err, SG_INPUT,
            "standard input reaches one rank alone; hint: give files when there are several ranks");
    SG_TRY(sg_path_encoder("--encoder", j->encoder_name, &j->encoder_dir, err));
    SG_TRY(sg_row_options_parse(&j->row_options, err));
    SG_TRY(sg_rows_read(j->train_path, &j->row_options.fields, 1, 0, &j->train, err));
    SG_TRY(sg_rows_read(j->eval_path, &j->row_options.fields, 1, 0, &j->eval, err));
    SG_TRY(check_pairs(j, err));
    SG_TRY(sg_labels_drop_none(NULL, j->train_path, &j->train, err));
    SG_TRY(sg_labels_find(j->train_path, &j->train, &j->labels, err));
    sg_labels_note_alike(&j->labels, j->train_path, &j->train);
    SG_TRY(sg_labels_drop_none(&j->labels, j->eval_path, &j->eval, err));
    if (world->rank == 0) {
        sg_rows_tell(&j->train);
        sg_rows_tell(&j->eval);
    }
    j->train_label = sg_alloc((size_t)j->train.n, sizeof *j->train_label);
    j->eval_label = sg_alloc((size_t)j->eval.n, sizeof *j->eval_label);
    if (!j->train_label || !j->eval_label)
        return sg_fail_memory(err, (size_t)(j->train.n + j->eval.n) * sizeof *j->train_label);
    SG_TRY(sg_labels_index(&j->labels, j->train_path, &j->train, j->train_label, err));
    SG_TRY(sg_labels_index(&j->labels, j->eval_path, &j->eval, j->eval_label, err));
    const char *const inputs[] = {j->encoder_dir, j->train_path, j->eval_path};
    SG_TRY(sg_output_check_folder("--save", j->save_dir, inputs, 3, err));
    SG_TRY(sg_output_check("--checkpoint", j->checkpoint, inputs, 3, err));
    if (j->save_dir && world->rank == 0) /* now, and not after an hour of training */
        SG_TRY(sg_mkdirs(j->save_dir, err));
    if (j->checkpoint && world->rank == 0 && sg_train_snapshot_check(j->checkpoint, err) != SG_OK)
        return sg_err_at(err, "--checkpoint");
    SG_TRY(sg_encoder_identify(j->encoder_dir, &j->encoder, err));
    return sg_train_check_layers(j->encoder, &j->settings, err);
}

static void describe_rows(const char *name, const struct sg_rows *rows, struct sg_buf *out)
{
    char hex[SG_HEX];
    struct sg_sha256_stream *h = sg_sha256_create();
    for (int64_t i = 0; h && i < rows->n; i++) {
        sg_sha256_add_text(h, rows->row[i].first);
        sg_sha256_add_text(h, rows->row[i].second);
        sg_sha256_add_text(h, rows->row[i].label);
    }
    if (h) {
        sg_sha256_finish_hex(h, hex);
        sg_buf_printf(out, "%s\t%s\n", name, hex);
    }
}

/* Collective: each rank has read its own copies. */
static sg_status same_job(const struct job *j, const struct sg_team *world, struct sg_err *err)
{
    struct sg_buf mine = sg_buf_make(1 << 20);
    sg_same_ranks_describe(j->encoder, &mine);
    sg_status status = sg_same_ranks_rounding(world, j->settings.precision, &mine, err);
    describe_rows("the rows of --train", &j->train, &mine);
    describe_rows("the rows of --eval", &j->eval, &mine);
    if (status == SG_OK)
        status = sg_same_ranks(world, &mine, err);
    sg_buf_free(&mine);
    return status;
}

struct progress {
    double start_s, last_s;
    int64_t first_step;  /* of this process; others were done before it */
    double **step_end_s; /* the job's */
};

static void show_progress(void *context, int64_t step, int64_t n_steps, double loss)
{
    struct progress *p = context;
    double now_s = sg_now_s();
    if (!*p->step_end_s)
        *p->step_end_s = sg_alloc((size_t)n_steps, sizeof **p->step_end_s);
    if (*p->step_end_s)
        (*p->step_end_s)[step - 1] = now_s;
    if (p->first_step < 0)
        p->first_step = step - 1;
    if (now_s - p->last_s < (sg_tell_is_terminal() ? 0.1 : 60) && step < n_steps)
        return;
    p->last_s = now_s;
    char left[24];
    sg_format_duration((now_s - p->start_s) / (double)(step - p->first_step) * (double)(n_steps - step),
                       left);
    char line[200];
    snprintf(line, sizeof line, "step %" PRId64 "/%" PRId64 "  loss %.4f  %s left", step, n_steps, loss,
             left);
    sg_tell_progress(step < n_steps ? line : "", step == n_steps);
}

static void show_warning(void *context, const char *text)
{
    (void)context;
    sg_tell_warning("%s", text);
}

/* With --checkpoint, a signal ends the training between two steps, and what is done is kept. */
static volatile sig_atomic_t stop_asked;

static void on_signal(int signal_number)
{
    (void)signal_number;
    stop_asked = 1;
}

static void take_signals(void (*handler)(int))
{
    struct sigaction a = {.sa_handler = handler, .sa_flags = SA_RESTART};
    const int stop[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
    sigemptyset(&a.sa_mask);
    for (size_t i = 0; i < sizeof stop / sizeof stop[0]; i++)
        sigaction(stop[i], &a, NULL);
}

static int is_stopping(void *context)
{
    (void)context;
    return stop_asked;
}

/* Collective over the job. Trains on the largest team of 2^k ranks; the others sleep until it is done. */
static sg_status job_train(struct job *j, const struct sg_team *world, struct sg_err *err)
{
    int n_team = sg_pow2_floor(world->size), works = world->rank < n_team;
    struct sg_team team = {MPI_COMM_NULL, world->rank, n_team};
    SG_TRY(sg_mpi_check(MPI_Comm_split(world->comm, works ? 0 : MPI_UNDEFINED, world->rank, &team.comm),
                        "MPI_Comm_split", err));
    sg_status status = SG_OK;
    if (j->checkpoint) /* on idle ranks too: one that a signal ends takes the others with it */
        take_signals(on_signal);
    if (works) {
        struct sg_examples train = {j->train.n,   j->train.row, j->train_label,
                                    j->train.cut, j->labels.n,  NULL};
        struct sg_examples eval = {j->eval.n, j->eval.row, j->eval_label, j->eval.cut, j->labels.n, NULL};
        struct progress p = {
            .start_s = sg_now_s(), .last_s = sg_now_s(), .first_step = -1, .step_end_s = &j->step_end_s};
        const struct sg_train_hooks hooks = {.progress = show_progress,
                                             .stopping = j->checkpoint ? is_stopping : NULL,
                                             .warn = show_warning,
                                             .context = &p,
                                             .snapshot = {.path = j->checkpoint, .every_s = 60}};
        status = sg_train(j->encoder, &j->settings, &train, &eval, &team, &hooks,
                          j->save_dir ? &j->model : NULL, &j->result, err);
        if (status == SG_OK && j->save_dir && world->rank == 0)
            status = sg_model_save(j->model, (const char *const *)j->labels.name, j->save_dir, err);
        if (status == SG_STOPPED) {
            struct sg_err why = *err;
            status = sg_fail(err, SG_STOPPED, "%s; hint: the same command goes on where this one stopped",
                             why.text);
        }
        MPI_Comm_free(&team.comm);
    }
    struct sg_err why = {0};
    sg_status waited = sg_wait_all(world, &why);
    if (status == SG_OK && waited != SG_OK)
        status = sg_fail(err, waited, "%s", why.text);
    if (j->checkpoint)
        take_signals(SIG_DFL);
    return sg_agree(world, status, err);
}

/* Seconds of each step; 0 for those of a run that was resumed. No call tells when the first begins: it has
 * what the others leave of the whole. */
static json_t *step_seconds(const struct job *j)
{
    const double *end_s = j->step_end_s;
    int64_t n = j->result.n_steps;
    json_t *list = end_s ? json_array() : NULL;
    for (int64_t i = 0; list && i < n; i++) {
        double s = i > j->result.first_step ? end_s[i] - end_s[i - 1]
                   : i == 0 && j->result.first_step == 0
                       ? fmax(j->result.train_s - (end_s[n - 1] - end_s[0]), 0.0)
                       : 0.0;
        if (json_array_append_new(list, json_real(s)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static sg_status print_json(const struct job *j, const struct sg_metrics *m, struct sg_err *err)
{
    const struct sg_train_result *r = &j->result;
    json_t *loss = json_array();
    int bad = !loss;
    for (int64_t i = 0; i < r->n_steps; i++)
        bad |= json_array_append_new(loss, json_real((double)r->loss[i]));
    json_t *object = json_pack(
        "{s:f,s:f,s:I,s:f,s:f,s:f,s:o,s:s,s:I,s:f,s:I,s:I,s:I,s:I,s:I,s:I,s:i,s:o?,s:I,s:f}", "seconds",
        r->train_s, "tokens_per_s", r->tokens_per_s, "steps", (json_int_t)r->n_steps, "accuracy", m->accuracy,
        "macro_f1", m->macro_f1, "eval_loss", m->loss, "loss", loss, "digest", r->digest, "peak_mem_bytes",
        (json_int_t)r->peak_mem_bytes, "eval_seconds", r->eval_s, "tokens", (json_int_t)r->n_tokens,
        "rows_train", (json_int_t)j->train.n, "rows_eval", (json_int_t)j->eval.n, "lanes",
        (json_int_t)r->lanes, "threads", (json_int_t)r->threads, "seed", (json_int_t)j->settings.seed,
        "classes", j->labels.n, "step_seconds", step_seconds(j), "peak_rss_bytes",
        (json_int_t)sg_cli_peak_rss(), "lr", sg_train_lr(j->encoder, &j->settings));
    if (bad) {
        json_decref(object);
        object = NULL;
    }
    return sg_cli_print_json(object, "the result", err);
}

static void print_table(const struct job *j, const struct sg_metrics *m, const struct sg_class_metrics *c)
{
    const struct sg_train_result *r = &j->result;
    char took[24];
    sg_format_duration(r->train_s, took);
    printf("accuracy %.4f   macro-F1 %.4f   loss %.4f   on %" PRId64 " rows\n\n", m->accuracy, m->macro_f1,
           m->loss, m->n);
    printf("%-32s %9s %9s %9s %8s\n", "class", "precision", "recall", "F1", "rows");
    for (int k = 0; k < j->labels.n; k++) {
        struct sg_buf name = sg_buf_make(1024);
        sg_buf_safe(&name, j->labels.name[k], 32);
        printf("%-32s %9.4f %9.4f %9.4f %8" PRId64 "\n", sg_buf_text(&name), c[k].precision, c[k].recall,
               c[k].f1, c[k].n_gold);
        sg_buf_free(&name);
    }
    printf("\n%" PRId64 " %s in %s, %.0f tokens a second; training loss %.4f at first, %.4f at last\n",
           r->n_steps, sg_plural(r->n_steps, "step", "steps"), took, r->tokens_per_s, (double)r->loss[0],
           (double)r->loss[r->n_steps - 1]);
    printf("learning rate %.3g\n", sg_train_lr(j->encoder, &j->settings));
    printf("weights %s\n", r->digest);
    if (j->save_dir)
        printf("saved in %s\n", j->save_dir);
}

static sg_status job_print(const struct job *j, struct sg_err *err)
{
    struct sg_metrics m;
    struct sg_class_metrics *c = sg_alloc((size_t)j->labels.n, sizeof *c);
    if (!c)
        return sg_fail_memory(err, (size_t)j->labels.n * sizeof *c);
    sg_status status = sg_metrics_of(j->eval_label, j->result.logits, j->eval.n, j->labels.n, &m, c, err);
    if (status == SG_OK && j->as_json)
        status = print_json(j, &m, err);
    else if (status == SG_OK)
        print_table(j, &m, c);
    sg_free(c);
    return status;
}

int sg_cmd_train(int argc, char **argv)
{
    struct job j = {0};
    const struct sg_option option[] = {
        {"encoder", SG_OPT_TEXT, "DIR",
         "pre-trained encoder in Hugging Face format, or a name that `synthgrid fetch model` has fetched",
         .text = &j.encoder_name, .required = 1},
        {"train", SG_OPT_TEXT, "FILE", "labelled rows to train on: .jsonl, .json, .csv, .tsv, also .gz",
         .text = &j.train_path, .required = 1},
        {"eval", SG_OPT_TEXT, "FILE", "labelled rows to measure on", .text = &j.eval_path, .required = 1},
        SG_ROW_OPTIONS(&j.row_options),
        {"save", SG_OPT_TEXT, "DIR", "write the classifier there, as transformers loads it",
         .text = &j.save_dir},
        {"checkpoint", SG_OPT_TEXT, "FILE",
         "put the run there every minute and when a signal stops it; go on from it where it is",
         .text = &j.checkpoint},
        {"json", SG_OPT_FLAG, NULL, "end with one JSON object instead of a table", .flag = &j.as_json},
    };
    const struct sg_usage usage = {
        .command = "train",
        .overrides = "train.KEY=VALUE",
        .about =
            "Fine-tunes the encoder on --train and measures it on --eval; runs under mpirun with any "
            "number of ranks, and gives the\n"
            "same weights with each. Rows have `text`, or a pair under a known name (`sentence1` and "
            "`sentence2`, `question` and `passage`, ...), and `label`.\n"
            "Keys: train.epochs train.steps train.min_steps train.batch train.lr train.seed train.dropout "
            "train.max_length train.warmup\n"
            "train.weight_decay train.clip train.layers train.freeze train.lanes train.precision "
            "train.threads.",
        .option = option,
        .n_options = sizeof option / sizeof option[0],
    };
    struct sg_args args;
    struct sg_team world;
    struct sg_err err = {0};
    int code;
    if (!sg_cli_begin(&usage, argc, argv, &args, &world, &code))
        return code;
    sg_status status = sg_agree(&world, job_load(&j, &args, &world, &err), &err);
    if (status == SG_OK)
        status = same_job(&j, &world, &err);
    if (status == SG_OK)
        status = sg_encoder_read(j.encoder, &world, &err);
    if (status == SG_OK)
        status = job_train(&j, &world, &err);
    if (status == SG_OK && world.rank == 0)
        status = job_print(&j, &err);
    /* What it was kept for is safe: on a full disk the result is not printed, and the checkpoint stays. */
    if (status == SG_OK && world.rank == 0 && j.checkpoint && fflush(stdout) == 0 && !ferror(stdout))
        sg_train_snapshot_remove(j.checkpoint);
    job_free(&j);
    return sg_cli_end(&args, &world, status, &err);
}
