#include "experiments/run/explain_impl.h"

#include "base/json.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void line(struct sg_buf *out, const char *name, const char *text)
{
    if (!text[0])
        return;
    sg_buf_printf(out, "%-9s", name);
    sg_buf_safe(out, text, 8000);
    sg_buf_puts(out, "\n");
}

/* ", NAME value" of a text member that is there. */
static void put_text(const json_t *o, const char *key, const char *before, size_t most, struct sg_buf *out)
{
    const char *text = sg_json_text_or(o, key, "");
    if (!text[0])
        return;
    sg_buf_puts(out, before);
    sg_buf_safe(out, text, most);
}

static void put_duration(const json_t *o, const char *key, const char *before, struct sg_buf *out)
{
    double s = sg_json_number_or(o, key, -1);
    char text[24];
    if (s < 0)
        return;
    if (s < 100)
        sg_buf_printf(out, "%s%.2f s", before, s);
    else {
        sg_format_duration(s, text);
        sg_buf_printf(out, "%s%s", before, text);
    }
}

static void where(const json_t *o, struct sg_buf *out)
{
    int64_t rank = sg_json_int_or(o, "rank", -1), ranks = sg_json_int_or(o, "ranks", 0),
            threads = sg_json_int_or(o, "threads", 0), attempts = sg_json_int_or(o, "attempts", 0),
            first = sg_json_int_or(o, "first_step", 0), teams = sg_json_int_or(o, "teams", 0);
    if (!ranks && !attempts)
        return;
    sg_buf_puts(out, "where    ");
    put_text(o, "host", "", 100, out);
    if (rank >= 0)
        sg_buf_printf(out, ", rank %lld", (long long)rank);
    if (ranks)
        sg_buf_printf(out, ", %lld %s", (long long)ranks, sg_plural(ranks, "rank", "ranks"));
    if (threads)
        sg_buf_printf(out, " x %lld %s", (long long)threads, sg_plural(threads, "thread", "threads"));
    put_text(o, "kernels", ", kernels ", 20, out);
    put_text(o, "rounding", ", rounding ", 20, out);
    sg_buf_puts(out, "\ntook     ");
    put_duration(o, "wall_s", "", out);
    put_duration(o, "train_s", ": training ", out);
    put_duration(o, "eval_s", ", evaluation ", out);
    if (attempts)
        sg_buf_printf(out, "; %lld %s", (long long)attempts, sg_plural(attempts, "attempt", "attempts"));
    if (teams > 1)
        sg_buf_printf(out, "; by %lld teams, one after the other", (long long)teams);
    if (first)
        sg_buf_printf(out, "; went on from step %lld", (long long)first);
    put_text(o, "program", "; by ", 160, out);
    sg_buf_puts(out, "\n");
}

static void trained_on(const json_t *o, struct sg_buf *out)
{
    int64_t n_raw = sg_json_int_or(o, "n_raw", -1), n_removed = sg_json_int_or(o, "n_removed", 0);
    sg_buf_puts(out, "data     ");
    if (n_raw >= 0)
        sg_buf_printf(out, "%lld raw and %lld synthetic examples", (long long)n_raw,
                      (long long)sg_json_int_or(o, "n_synthetic", 0));
    if (n_removed)
        sg_buf_printf(out, " (%lld more were taken out)", (long long)n_removed);
    put_text(o, "rows_sha256", n_raw >= 0 ? "; rows " : "rows ", 12, out);
    put_text(o, "examples_sha256", ", examples ", 12, out);
    put_text(o, "verdicts_sha256", ", verdicts ", 12, out);
    put_text(o, "data_sha256", sg_json_text_or(o, "rows_sha256", "")[0] ? ", files " : "files ", 12, out);
    put_text(o, "encoder_sha256", ", encoder ", 12, out);
    put_text(o, "encoder", " (", 200, out);
    sg_buf_puts(out, sg_json_text_or(o, "encoder", "")[0] ? ")\n" : "\n");
}

/* Of money that is not known, "what it cost is not known". */
static void pool(const json_t *o, struct sg_buf *out)
{
    double usd = sg_json_number_or(o, "usd", (double)NAN);
    int64_t n = sg_json_int_or(o, "n_requests", 0), n_failed = sg_json_int_or(o, "n_failed", 0),
            n_imported = sg_json_int_or(o, "n_imported", 0), n_cells = sg_json_int_or(o, "n_cells", 0);
    if (!o)
        return;
    sg_buf_puts(out, "pool     ");
    put_text(o, "id", "", 12, out);
    put_text(o, "status", ", ", 16, out);
    sg_buf_printf(out, ", %lld examples", (long long)sg_json_int_or(o, "n", 0));
    put_text(o, "shortfall", "; short: ", 300, out);
    sg_buf_printf(out, "\ncost     %lld %s", (long long)n, sg_plural(n, "request", "requests"));
    if (n_failed)
        sg_buf_printf(out, " (%lld failed)", (long long)n_failed);
    if (n_imported)
        sg_buf_printf(out, " (%lld of them bought by others)", (long long)n_imported);
    sg_buf_printf(out, ", %lld tokens in, %lld out; ", (long long)sg_json_int_or(o, "tokens_in", 0),
                  (long long)sg_json_int_or(o, "tokens_out", 0));
    if (isfinite(usd))
        sg_buf_printf(out, "%.4f USD, %.4f a cell of the %lld that %s it\n", usd,
                      sg_json_number_or(o, "usd_a_cell", usd), (long long)n_cells,
                      sg_plural(n_cells, "uses", "use"));
    else
        sg_buf_puts(out, "what that cost is not known\n");
}

static void result(const json_t *o, struct sg_buf *out)
{
    if (!o)
        return;
    double accuracy = sg_json_number_or(o, "accuracy", (double)NAN);
    sg_buf_puts(out, "result   ");
    if (isfinite(accuracy))
        sg_buf_printf(out, "accuracy %.4f, macro-F1 %.4f, loss %.4f on %lld test rows", accuracy,
                      sg_json_number_or(o, "macro_f1", (double)NAN),
                      sg_json_number_or(o, "loss", (double)NAN), (long long)sg_json_int_or(o, "n_test", 0));
    else
        sg_buf_puts(out, "its predictions, or its test rows, are not in the ledger");
    if (sg_json_int_or(o, "n_steps", 0))
        sg_buf_printf(out, "; %lld steps", (long long)sg_json_int_or(o, "n_steps", 0));
    put_text(o, "weights_sha256", "; weights ", 12, out);
    sg_buf_puts(out, "\n");
}

/* What is not said above: numbers, flags and words of the training. */
static void settings(const json_t *o, struct sg_buf *out)
{
    static const char *const said[] = {
        "task",       "method",          "mix",        "size",       "raw",
        "classifier", "seed_generation", "seed_data",  "seed_train", "class_names",
        "encoder",    "encoder_sha256",  "data_sha256"};
    const char *key;
    json_t *x;
    int n = 0;
    json_object_foreach ((json_t *)o, key, x) {
        int is_said = json_is_null(x) || json_is_object(x) || json_is_array(x);
        for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
            is_said |= strcmp(key, said[i]) == 0;
        if (is_said)
            continue;
        sg_buf_puts(out, n++ ? ", " : "settings ");
        sg_buf_safe(out, key, 40);
        if (json_is_string(x)) {
            sg_buf_puts(out, " ");
            sg_buf_safe(out, json_string_value(x), 60);
        } else if (json_is_boolean(x))
            sg_buf_puts(out, json_is_true(x) ? " true" : " false");
        else
            sg_buf_printf(out, " %.12g", json_number_value(x));
    }
    sg_buf_puts(out, n ? "\n" : "");
}

void sg_explain_text(const json_t *facts, struct sg_buf *out)
{
    const json_t *waits = json_object_get(facts, "waits"), *kept = json_object_get(facts, "snapshot");
    line(out, "cell", sg_json_text_or(facts, "cell", ""));
    line(out, "what", sg_json_text_or(facts, "words", ""));
    sg_buf_puts(out, "status   ");
    sg_buf_safe(out, sg_json_text_or(facts, "status", ""), 16);
    put_text(facts, "recorded", ", ", 40, out);
    if (!json_is_true(json_object_get(facts, "in_study")))
        sg_buf_puts(out, "; not part of the study as it was run last");
    sg_buf_puts(out, "\n");
    line(out, "waits", sg_json_text_or(waits, "words", ""));
    if (waits && sg_json_text_or(waits, "last_failure", "")[0]) {
        sg_buf_puts(out, "failure  the last request without an answer, ");
        put_text(waits, "last_failure_at", "", 40, out);
        put_text(waits, "last_failure", ": ", 600, out);
        sg_buf_puts(out, "\n");
    }
    line(out, strcmp(sg_json_text_or(facts, "status", ""), "failed") == 0 ? "reason" : "note",
         sg_json_text_or(facts, "reason", ""));
    where(json_object_get(facts, "where"), out);
    trained_on(json_object_get(facts, "trained_on"), out);
    pool(json_object_get(facts, "pool"), out);
    result(json_object_get(facts, "result"), out);
    if (json_is_object(kept)) {
        char age[24];
        sg_format_duration(sg_json_number_or(kept, "age_s", 0), age);
        sg_buf_printf(out, "snapshot %lld bytes, written %s ago: the training goes on from there\n",
                      (long long)sg_json_int_or(kept, "bytes", 0), age);
    }
    settings(json_object_get(facts, "settings"), out);
}
