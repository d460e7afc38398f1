/* synthgrid predict: a saved classifier applied to rows. */
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/tell.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/row_options.h"
#include "experiments/study/paths.h"
#include "model/train.h"
#include "results/stats/metrics.h"

#include <jansson.h>
#include <math.h>

/* Rows a call of sg_predict: enough to keep all threads busy, few enough that output starts soon. */
enum { CHUNK = 512 };

/* softmax: p_k = exp(z_k - max z) / sum_j exp(z_j - max z) */
static void softmax(const float *logits, int n_classes, double *p)
{
    double top = logits[sg_argmax(logits, n_classes)], sum = 0;
    for (int k = 0; k < n_classes; k++)
        sum += p[k] = exp((double)logits[k] - top);
    for (int k = 0; k < n_classes; k++)
        p[k] /= sum;
}

/* What each class is called in a row's object: its name, told apart where several have the same. */
struct keys {
    int n;
    char **text;
    int n_shared; /* classes that share a name */
};

static void keys_free(struct keys *keys)
{
    for (int k = 0; keys->text && k < keys->n; k++)
        sg_free(keys->text[k]);
    sg_free(keys->text);
}

static sg_status make_keys(const struct sg_model *m, struct keys *keys, struct sg_err *err)
{
    sg_status status = SG_OK;
    json_t *count = json_object(), *taken = NULL;
    keys->n = sg_model_n_classes(m);
    keys->text = sg_alloc((size_t)keys->n, sizeof *keys->text);
    int bad = !count || !keys->text;
    for (int k = 0; !bad && k < keys->n; k++) {
        const char *name = sg_model_class_name(m, k);
        bad = json_object_set_new(count, name, json_integer(sg_json_int_or(count, name, 0) + 1)) != 0;
    }
    taken = json_copy(count);
    for (int k = 0; !bad && k < keys->n; k++) {
        const char *name = sg_model_class_name(m, k);
        int shared = sg_json_int_or(count, name, 0) > 1;
        keys->n_shared += shared;
        keys->text[k] = sg_strdup(name);
        while (shared && keys->text[k] && json_object_get(taken, keys->text[k])) {
            char *longer = sg_strf("%s (class %d)", keys->text[k], k);
            sg_free(keys->text[k]);
            keys->text[k] = longer;
        }
        bad = !keys->text[k] || json_object_set_new(taken, keys->text[k], json_true()) != 0;
    }
    if (bad)
        status = sg_fail_memory(err, (size_t)keys->n * sizeof *keys->text);
    json_decref(count);
    json_decref(taken);
    return status;
}

/* {name: number, ...} in class order. */
static json_t *named(const struct keys *keys, const double *x)
{
    json_t *object = json_object();
    for (int k = 0; object && k < keys->n; k++)
        if (json_object_set_new(object, keys->text[k], json_real(x[k])) != 0) {
            json_decref(object);
            return NULL;
        }
    return object;
}

/* The part of a row's object that depends on the problem; p (K) is room for numbers. */
static int put_meaning(const struct sg_model *m, const struct keys *keys, const float *logits, double *p,
                       json_t *object)
{
    enum sg_problem problem = sg_model_problem(m);
    int bad = 0;
    if (problem == SG_REGRESSION || problem == SG_ONE_LABEL) {
        for (int k = 0; k < keys->n; k++)
            p[k] = sg_model_value(m, logits[k]);
        bad |= keys->n == 1 ? json_object_set_new(object, "value", json_real(p[0]))
                            : json_object_set_new(object, "values", named(keys, p));
    }
    if (problem == SG_REGRESSION)
        return bad;
    if (problem == SG_SINGLE_LABEL)
        softmax(logits, keys->n, p);
    else
        for (int k = 0; k < keys->n; k++)
            p[k] = 1.0 / (1.0 + exp(-(double)logits[k]));
    if (problem == SG_MULTI_LABEL) {
        json_t *labels = json_array();
        for (int k = 0; k < keys->n; k++)
            if (p[k] >= 0.5)
                bad |= json_array_append_new(labels, json_string(keys->text[k]));
        bad |= json_object_set_new(object, "labels", labels);
    }
    return bad | json_object_set_new(object, "probabilities", named(keys, p));
}

static sg_status print_row(const struct sg_model *m, const struct keys *keys, const float *logits, double *p,
                           struct sg_err *err)
{
    int bad = 0;
    json_t *object = json_object(), *z = json_array();
    bad |=
        json_object_set_new(object, "label", json_string(sg_model_class_name(m, sg_argmax(logits, keys->n))));
    bad |= put_meaning(m, keys, logits, p, object);
    for (int k = 0; k < keys->n; k++)
        bad |= json_array_append_new(z, json_real((double)logits[k])); /* fails on NaN */
    bad |= json_object_set_new(object, "logits", z);
    /* 9 digits give a float32 back exactly. */
    bad = bad || json_dumpf(object, stdout, JSON_REAL_PRECISION(9)) != 0;
    json_decref(object);
    putchar('\n');
    if (bad && !ferror(stdout))
        return sg_fail(err, SG_FAILED, "a row cannot be written as JSON; hint: does the model give NaN?");
    return SG_OK;
}

/* The last line with --json. Seconds from texts to logits: neither loading nor printing is in them. */
static sg_status print_summary(int64_t n_rows, double seconds, struct sg_err *err)
{
    json_t *object = json_pack("{s:I,s:f,s:f,s:I}", "rows", (json_int_t)n_rows, "seconds", seconds,
                               "rows_per_s", seconds > 0 ? (double)n_rows / seconds : 0.0, "peak_rss_bytes",
                               (json_int_t)sg_cli_peak_rss());
    return sg_cli_print_json(object, "the summary", err);
}

static void warn_shared(const struct keys *keys, const char *dir)
{
    sg_tell_warning(
        "%.200s: %d of %d classes share a name, and are told apart by their numbers: \"... (class 0)\"", dir,
        keys->n_shared, keys->n);
}

static sg_status predict(const char *name, const char *input, struct sg_row_options *row_options,
                         int64_t max_length, int64_t threads, enum sg_precision precision, int with_summary,
                         struct sg_err *err)
{
    struct sg_model *m = NULL;
    struct sg_rows rows = {0};
    struct keys keys = {0};
    char *dir = NULL;
    float *logits = NULL;
    double *p = NULL, seconds = 0;
    sg_status status = SG_OK;
    SG_TRY_DONE(sg_path_encoder("--model", name, &dir, err));
    SG_TRY_DONE(sg_model_load(dir, &m, err));
    SG_TRY_DONE(make_keys(m, &keys, err));
    if (keys.n_shared)
        warn_shared(&keys, dir);
    SG_TRY_DONE(sg_row_options_parse(row_options, err));
    SG_TRY_DONE(sg_rows_read(input, &row_options->fields, 0, 0, &rows, err));
    sg_rows_tell(&rows);
    int n_classes = sg_model_n_classes(m);
    logits = sg_alloc((size_t)CHUNK * (size_t)n_classes, sizeof *logits);
    p = sg_alloc((size_t)n_classes, sizeof *p);
    if (!logits || !p) {
        status = sg_fail_memory(err, (size_t)CHUNK * (size_t)n_classes * sizeof *logits);
        goto done;
    }
    for (int64_t at = 0; at < rows.n && !ferror(stdout); at += CHUNK) {
        struct sg_examples x = {.n = rows.n - at < CHUNK ? rows.n - at : CHUNK,
                                .row = rows.row + at,
                                .cut = rows.cut,
                                .n_classes = n_classes};
        double begin_s = sg_now_s();
        SG_TRY_DONE(sg_predict(m, &x, max_length, threads, precision, logits, err));
        seconds += sg_now_s() - begin_s;
        for (int64_t i = 0; i < x.n; i++)
            SG_TRY_DONE(print_row(m, &keys, logits + i * n_classes, p, err));
    }
    if (with_summary)
        status = print_summary(rows.n, seconds, err);
done:
    sg_free(p);
    sg_free(logits);
    keys_free(&keys);
    sg_rows_free(&rows);
    sg_free(dir);
    sg_model_destroy(m);
    return status;
}

int sg_cmd_predict(int argc, char **argv)
{
    const char *model = NULL, *input = NULL, *precision_word = "fp32";
    int64_t max_length = sg_train_defaults().max_length, threads = 0;
    int with_summary = 0;
    struct sg_row_options row_options = {0};
    const struct sg_option option[] = {
        {"model", SG_OPT_TEXT, "DIR", "a saved classifier (synthgrid train --save, or transformers)",
         .text = &model, .required = 1},
        {"input", SG_OPT_TEXT, "FILE", "rows: .jsonl, .csv, .tsv, also .gz; - is standard input (JSON Lines)",
         .text = &input, .required = 1},
        SG_ROW_OPTIONS(&row_options),
        {"max-length", SG_OPT_COUNT, "N", "cut to N tokens, as in training (default 256)",
         .count = &max_length, .min = 5, .max = 1 << 20},
        {"threads", SG_OPT_COUNT, "N", "threads (default: the cores that this process may use)",
         .count = &threads, .min = 0, .max = 4096},
        {"precision", SG_OPT_TEXT, "NAME", "fp32 (default) or bf16: of matrix products, as train.precision",
         .text = &precision_word},
        {"json", SG_OPT_FLAG, NULL, "end with one more object: rows, seconds (loading apart), peak_rss_bytes",
         .flag = &with_summary},
    };
    const struct sg_usage usage = {
        .command = "predict",
        .about =
            "Prints one JSON object a row: label, probabilities by class name, logits in class order (9 "
            "significant digits).\n"
            "By problem_type of config.json: softmax; a sigmoid each and `labels` from 0.5 on "
            "(multi-label); `value` or "
            "`values` (regression, one label).\n"
            "Rows have `text`, or a pair under a known name (`sentence1` and `sentence2`, `question` and "
            "`passage`, ...); labels are not needed.",
        .option = option,
        .n_options = sizeof option / sizeof option[0],
    };
    struct sg_args args;
    struct sg_err err = {0};
    int code;
    if (!sg_cli_begin(&usage, argc, argv, &args, NULL, &code))
        return code;
    enum sg_precision precision;
    sg_status status = sg_precision_parse(precision_word, &precision, &err);
    if (status == SG_OK)
        status = predict(model, input, &row_options, max_length, threads, precision, with_summary, &err);
    else
        status = sg_err_at(&err, "--precision");
    sg_row_options_free(&row_options);
    return sg_cli_end(&args, NULL, status, &err);
}
