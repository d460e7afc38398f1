#include "experiments/run/explain_impl.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "experiments/run/cell_words.h"
#include "results/ledger/lease.h"
#include "results/stats/metrics.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static json_t *text_of(const char *text)
{
    return sg_json_safe(text, 8000);
}

/* Members of `from` by these names, those that it has. */
static json_t *picked(const json_t *from, const char *const *name, size_t n)
{
    json_t *o = json_object();
    for (size_t i = 0; i < n; i++) {
        json_t *x = json_object_get(from, name[i]);
        if (x)
            json_object_set(o, name[i], x);
    }
    return o;
}

static json_t *where(const struct sg_explained *c)
{
    static const char *const name[] = {"host",       "rank",           "ranks",   "threads", "kernels",
                                       "rounding",   "wall_s",         "train_s", "eval_s",  "attempts",
                                       "first_step", "peak_mem_bytes", "program", "teams",   "rank_s"};
    return picked(c->result, name, sizeof name / sizeof name[0]);
}

static json_t *trained_on(const struct sg_explained *c)
{
    static const char *const of_result[] = {"n_train",     "n_raw",           "n_synthetic",
                                            "rows_sha256", "examples_sha256", "verdicts_sha256"},
                             *const of_settings[] = {"data_sha256", "encoder", "encoder_sha256"};
    json_t *o = picked(c->result, of_result, sizeof of_result / sizeof of_result[0]),
           *more = picked(c->settings, of_settings, sizeof of_settings / sizeof of_settings[0]);
    json_object_update(o, more);
    json_decref(more);
    json_t *n_removed = json_object_get(json_object_get(c->result, "view"), "n_removed");
    if (n_removed)
        json_object_set(o, "n_removed", n_removed);
    return o;
}

/* Where its training goes on from, should it be begun again. */
static json_t *snapshot(const char *folder, const struct sg_explained *c)
{
    struct stat st;
    char *path = sg_strf("%s/%s.run", folder, c->id);
    json_t *o = path && stat(path, &st) == 0 ? json_pack("{s:I,s:f}", "bytes", (json_int_t)st.st_size,
                                                         "age_s", difftime(time(NULL), st.st_mtime))
                                             : NULL;
    sg_free(path);
    return o;
}

static sg_status add_pool(struct sg_ledger *l, const struct sg_explained *c, json_t *facts,
                          struct sg_err *err)
{
    struct sg_ledger_pool_seen p;
    if (!c->pool[0])
        return SG_OK;
    SG_TRY(sg_ledger_pool_see(l, c->pool, &p, err));
    double usd = p.n_cost_unknown ? (double)NAN : p.usd;
    json_t *o =
        json_pack("{s:o,s:o,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:I,s:o}", "id", text_of(c->pool), "status",
                  text_of(p.found ? p.status : "planned"), "shortfall", text_of(p.shortfall), "n",
                  (json_int_t)p.n, "n_requests", (json_int_t)p.n_requests, "n_failed", (json_int_t)p.n_failed,
                  "n_imported", (json_int_t)p.n_imported, "tokens_in", (json_int_t)p.tokens_in, "tokens_out",
                  (json_int_t)p.tokens_out, "usd", sg_json_real(usd), "n_cells", (json_int_t)p.n_cells,
                  "usd_a_cell", sg_json_real(p.n_cells ? usd / (double)p.n_cells : usd));
    sg_ledger_pool_seen_free(&p);
    json_object_set_new(facts, "pool", o);
    return SG_OK;
}

static sg_status add_result(struct sg_ledger *l, const struct sg_explained *c, json_t *facts,
                            struct sg_err *err)
{
    static const char *const name[] = {"n_steps", "n_tokens", "weights_sha256", "probe_c"};
    struct sg_ledger_predicted p;
    struct sg_metrics m = sg_metrics_none();
    if (strcmp(c->status, "done") != 0)
        return SG_OK;
    SG_TRY(sg_ledger_predicted(l, c->id, sg_json_text_or(c->settings, "task", ""), &p, err));
    sg_status status = p.n ? sg_metrics_of(p.gold, p.logits, p.n, (int)p.n_classes, &m, NULL, err) : SG_OK;
    sg_free(p.gold);
    if (status != SG_OK)
        return status;
    json_t *o = picked(c->result, name, sizeof name / sizeof name[0]);
    json_object_set_new(o, "n_test", json_integer((json_int_t)m.n));
    json_object_set_new(o, "accuracy", sg_json_real(m.accuracy));
    json_object_set_new(o, "macro_f1", sg_json_real(m.macro_f1));
    json_object_set_new(o, "loss", sg_json_real(m.loss));
    json_object_set_new(facts, "result", o);
    return SG_OK;
}

/* ---- why it is not there yet ---- */

/* What a run says that it trains now, if it goes on: the rank's row; NULL: it does not, or there is no row (of many ranks a few have one). */
static json_t *row_of(const char *folder, const char *id)
{
    char *path = sg_path_join(folder, "status.json"), *bytes = NULL;
    struct sg_err unsaid;
    json_t *found = NULL;
    size_t i;
    json_t *x;
    if (path && sg_file_exists(path) && sg_file_read(path, 1 << 20, &bytes, NULL, &unsaid) == SG_OK) {
        json_t *o = json_loads(bytes, JSON_REJECT_DUPLICATES, NULL);
        json_array_foreach (json_object_get(o, "ranks"), i, x) {
            if (!found && strcmp(sg_json_text_or(x, "cell", ""), id) == 0 &&
                sg_json_int_or(x, "team", -1) == sg_json_int_or(x, "rank", -2))
                found = json_incref(x);
        }
        json_decref(o);
    }
    sg_free(bytes);
    sg_free(path);
    return found;
}

/* Adds "sst2 zero_shot, which has 3 of 10 examples and lacks at least 7 answers", and what that waits for in turn. */
static sg_status put_consumer(struct sg_ledger *l, const struct sg_ledger_waited *w, const char *unit,
                              struct sg_buf *out, struct sg_err *err)
{
    struct sg_ledger_waited before = {0};
    sg_buf_safe(out, w->what, 200);
    sg_buf_printf(out, ", which has %lld of %lld %s", (long long)w->n_have, (long long)w->n_wanted, unit);
    if (w->n_missing > 0)
        sg_buf_printf(out, " and lacks at least %lld %s", (long long)w->n_missing,
                      sg_plural(w->n_missing, "answer", "answers"));
    if (strcmp(w->waits_for, "fit") == 0)
        sg_buf_puts(out, "; a classifier has to be fitted before its next round");
    else if (w->waits_for[0]) {
        SG_TRY(sg_ledger_waiting_get(l, w->waits_for, &before, err));
        if (before.found) {
            sg_buf_puts(out, "; that waits for ");
            sg_buf_safe(out, before.what, 200);
            if (before.n_missing > 0)
                sg_buf_printf(out, ", which lacks at least %lld %s", (long long)before.n_missing,
                              sg_plural(before.n_missing, "answer", "answers"));
        }
        sg_ledger_waited_free(&before);
    }
    return SG_OK;
}

/* Waits for answers: *found 1, and why is filled. */
static sg_status for_answers(struct sg_ledger *l, const char *kind, const char *id, const char *unit,
                             json_t *why, struct sg_buf *words, int *found, struct sg_err *err)
{
    struct sg_ledger_waited w;
    char *reason = NULL, *when = NULL;
    SG_TRY(sg_ledger_waiting_get(l, id, &w, err));
    *found = w.found;
    if (!w.found)
        return SG_OK;
    json_object_set_new(why, "for", json_string(kind));
    json_object_set_new(why, "id", text_of(id));
    json_object_set_new(why, "what", text_of(w.what));
    json_object_set_new(why, "n_have", json_integer((json_int_t)w.n_have));
    json_object_set_new(why, "n_wanted", json_integer((json_int_t)w.n_wanted));
    json_object_set_new(why, "n_missing",
                        w.n_missing < 0 ? json_null() : json_integer((json_int_t)w.n_missing));
    json_object_set_new(why, "waits_for", text_of(w.waits_for));
    json_object_set_new(why, "updated", text_of(w.updated));
    sg_buf_printf(words, "for %s ",
                  strcmp(kind, "pool") == 0 ? "its pool" : "what the LLM says of its pool:");
    sg_status status = put_consumer(l, &w, unit, words, err);
    sg_ledger_waited_free(&w);
    if (status == SG_OK)
        status = sg_ledger_last_failure(l, &reason, &when, err);
    if (reason) {
        json_object_set_new(why, "last_failure", text_of(reason));
        json_object_set_new(why, "last_failure_at", text_of(when));
    }
    sg_free(reason);
    sg_free(when);
    return status;
}

static void training_now(const json_t *row, json_t *why, struct sg_buf *words)
{
    char since[24];
    static const char *const name[] = {"rank", "host", "n_team", "work_s"};
    json_t *members = picked(row, name, sizeof name / sizeof name[0]);
    json_object_set_new(why, "for", json_string("training"));
    json_object_update(why, members);
    json_decref(members);
    sg_format_duration(sg_json_number_or(row, "work_s", 0), since);
    sg_buf_printf(words, "for nothing: rank %lld on ", (long long)sg_json_int_or(row, "rank", 0));
    sg_buf_safe(words, sg_json_text_or(row, "host", ""), 64);
    sg_buf_printf(words, " trains it, for %s so far", since);
}

static sg_status add_why_waits(struct sg_ledger *l, const char *folder, const struct sg_explained *c,
                               json_t *facts, struct sg_err *err)
{
    const char *verification = sg_json_text_or(c->settings, "verification", "");
    char *holder = sg_lease_holder(folder);
    json_t *row = holder ? row_of(folder, c->id) : NULL, *why = json_object();
    struct sg_buf words = sg_buf_make(4000);
    int found = row != NULL;
    sg_status status = SG_OK;
    if (row)
        training_now(row, why, &words);
    if (!found && c->pool[0])
        status = for_answers(l, "pool", c->pool, "examples", why, &words, &found, err);
    if (status == SG_OK && !found && verification[0])
        status = for_answers(l, "evaluation", verification, "answers", why, &words, &found, err);
    if (!found) {
        json_object_set_new(why, "for", json_string(holder ? "rank" : "run"));
        sg_buf_puts(&words, holder ? "for a free rank: all that it needs is there"
                                   : "for a run: all that it needs is there");
    }
    if (!holder)
        sg_buf_puts(&words, "; no run is at work here");
    json_object_set_new(why, "words", text_of(sg_buf_text(&words)));
    json_object_set_new(facts, "waits", why);
    sg_buf_free(&words);
    json_decref(row);
    sg_free(holder);
    return status;
}

sg_status sg_explain_facts(struct sg_ledger *l, const char *folder, const struct sg_explained *c,
                           json_t **out, struct sg_err *err)
{
    struct sg_buf words = sg_buf_make(1000);
    struct sg_cell_words w;
    int is_planned = strcmp(c->status, "planned") == 0;
    sg_cell_words_read(c->settings, &w);
    sg_cell_words_put(&w, &words);
    json_t *o =
        json_pack("{s:o,s:o,s:o,s:b,s:o,s:o}", "cell", text_of(c->id), "words", text_of(sg_buf_text(&words)),
                  "status", text_of(c->status), "in_study", c->ordinal >= 0, "recorded",
                  text_of(is_planned ? "" : c->created), "reason", text_of(is_planned ? "" : c->reason));
    sg_buf_free(&words);
    sg_status status = o ? SG_OK : sg_fail_memory(err, 1000);
    if (status == SG_OK && is_planned)
        status = add_why_waits(l, folder, c, o, err);
    if (status == SG_OK) {
        json_t *kept = snapshot(folder, c);
        json_object_set_new(o, "where", where(c));
        json_object_set_new(o, "trained_on", trained_on(c));
        json_object_set_new(o, "snapshot", kept ? kept : json_null());
        status = add_pool(l, c, o, err);
    }
    if (status == SG_OK)
        status = add_result(l, c, o, err);
    if (status != SG_OK) {
        json_decref(o);
        return status;
    }
    json_object_set(o, "settings", c->settings);
    *out = o;
    return SG_OK;
}
