#include "base/file.h"
#include "base/mem.h"
#include "base/set.h"
#include "base/text.h"
#include "experiments/asking.h"
#include "experiments/batch.h"
#include "experiments/cache.h"
#include "experiments/generators.h"
#include "experiments/own_data.h"
#include "experiments/prepare.h"
#include "experiments/prices.h"
#include "experiments/progress.h"
#include "experiments/run.h"
#include "experiments/texts.h"
#include "gen/recording.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Where completions may come from without asking anybody: the ledger of an earlier run, the recording, the cache. */
struct sources {
    struct sg_ledger *ledger; /* NULL: none yet */
    json_t *recorded;         /* key -> [status, text, finish_reason] */
    int64_t n_recorded, n_cached;
};

static sg_status remember(void *context, const struct sg_request *q, const struct sg_answer *a,
                          struct sg_err *err)
{
    struct sources *s = context;
    (void)err;
    json_object_set_new(
        s->recorded, q->key,
        json_pack("[iss]", (int)a->status, a->text ? a->text : "", a->finish_reason ? a->finish_reason : ""));
    s->n_recorded++;
    return SG_OK;
}

static sg_status lookup(void *context, const char *key, struct sg_found *out, struct sg_err *err)
{
    struct sources *s = context;
    out->found = 0;
    if (s->ledger) {
        struct sg_ledger_answer a;
        SG_TRY(sg_ledger_answer_get(s->ledger, key, &out->found, &a, err));
        if (out->found) {
            *out = (struct sg_found){1, (sg_status)a.status, a.text, a.finish_reason};
            return SG_OK;
        }
    }
    const json_t *a = json_object_get(s->recorded, key);
    if (a)
        *out = (struct sg_found){1, (sg_status)json_integer_value(json_array_get(a, 0)),
                                 json_string_value(json_array_get(a, 1)),
                                 json_string_value(json_array_get(a, 2))};
    return SG_OK;
}

static sg_status remember_cached(void *context, const char *source, const struct sg_request *q,
                                 const struct sg_answer *a, struct sg_err *err)
{
    struct sources *s = context;
    (void)source;
    s->n_recorded--;
    s->n_cached++;
    return remember(s, q, a, err);
}

/* What pool or evaluation i needs next, part by part. */
static sg_status advance(struct sg_prepared *p, int64_t i, struct sources *from, struct sg_requests *part,
                         struct sg_err *err)
{
    int64_t e = i - p->grid.n_pools;
    return e < 0 ? sg_pool_advance(p->pool[i], lookup, from, part, err)
                 : sg_evaluation_advance(p->evaluation[e], lookup, from, part, err);
}

/* Adds to what is wanted of the cache what pool or evaluation i misses. */
static sg_status want(struct sg_prepared *p, int64_t i, struct sources *from, struct sg_cache *c,
                      struct sg_err *err)
{
    struct sg_requests part = {.max = SG_ASKING_PART};
    do {
        sg_status status = advance(p, i, from, &part, err);
        if (status == SG_OK)
            status = sg_cache_want(c, &part, err);
        sg_requests_free(&part);
        SG_TRY(status);
    } while (part.next);
    return SG_OK;
}

static sg_status look_into_cache(struct sg_prepared *p, struct sources *from, struct sg_err *err)
{
    struct sg_cache *c = NULL;
    SG_TRY(sg_cache_open(p->study, &c, err));
    sg_status status = SG_OK;
    for (int64_t found = c != NULL; status == SG_OK && found;) {
        for (int64_t i = 0; status == SG_OK && i < p->grid.n_pools + p->n_evaluations; i++)
            status = want(p, i, from, c, err);
        if (status == SG_OK)
            status = sg_cache_fetch(c, remember_cached, from, &found, err);
    }
    sg_cache_close(c);
    return status;
}

struct counts {
    struct sg_set *seen, *lists;               /* keys of what is missing, and of the lists of topics */
    int64_t n_requests, tokens_in, tokens_out; /* of full pools, if nothing is rejected, and of evaluations */
    int64_t n_missing, missing_in, missing_out; /* of those that are not there yet */
    struct {
        int64_t n, in, out;
    } of[SG_MAX_GENERATORS]; /* the same, of each generator */
    int64_t n_classify;      /* of n_requests, those that ask for the class of a test row */
    int64_t n_cells, n_cells_done, n_raw_only;
    int64_t n_stale; /* cells that were done on other texts: to be trained again */
    struct sg_batches_out batches;
    int64_t n_few;      /* cells of too few steps to learn much */
    int64_t few_steps;  /* the fewest of them */
    double cost;        /* of the cells that are left */
    size_t mem_bytes;   /* a rank */
    struct sg_buf data; /* what the rows lack, a line each */
};

static void add_missing(struct counts *n, int generator, int64_t missing, int64_t in, int64_t out)
{
    n->n_missing += missing;
    n->missing_in += missing * in;
    n->missing_out += missing * out;
    n->of[generator].n += missing;
    n->of[generator].in += missing * in;
    n->of[generator].out += missing * out;
}

/* What is missing costs so much; < 0: a price is unknown. */
static double missing_usd(const struct sg_study *s, const struct counts *n)
{
    double sum = 0;
    for (int g = 0; g < s->n_generators; g++) {
        double usd = sg_generator_usd(&s->generator[g], (double)n->of[g].in, (double)n->of[g].out);
        if (usd < 0 && (n->of[g].n || s->n_generators == 1))
            return -1;
        sum += usd < 0 ? 0 : usd;
    }
    return sum;
}

/* What pool or evaluation i needs next that nobody before it does: a run buys it once for all. */
static sg_status count_new(struct sg_prepared *p, int64_t i, struct sources *from, struct counts *n,
                           int64_t *n_new, struct sg_err *err)
{
    struct sg_requests part = {.max = SG_ASKING_PART};
    int64_t before = sg_set_n(n->seen);
    do {
        sg_status status = advance(p, i, from, &part, err);
        for (int64_t k = 0; status == SG_OK && k < part.n; k++)
            status = sg_set_add_hex(n->seen, part.item[k].key, err);
        sg_requests_free(&part);
        SG_TRY(status);
    } while (part.next);
    *n_new = sg_set_n(n->seen) - before;
    return SG_OK;
}

static sg_status count_pools(struct sg_prepared *p, struct sources *from, struct counts *n,
                             struct sg_err *err)
{
    for (int64_t i = 0; i < p->grid.n_pools; i++) {
        int64_t requests, in, out, left, source = p->grid.pool[i].source, lists = sg_set_n(n->lists);
        char list[SG_HEX];
        SG_TRY(sg_pool_topics_key(p->pool[i], list, err));
        if (list[0])
            SG_TRY(sg_set_add_hex(n->lists, list, err));
        sg_pool_estimate(p->pool[i], &requests, &in, &out);
        requests -= list[0] && sg_set_n(n->lists) == lists; /* another pool has the same list */
        n->n_requests += requests;
        n->tokens_in += requests * in;
        n->tokens_out += requests * out;
        SG_TRY(count_new(p, i, from, n, &left, err));
        /* A pool that still lacks its topic list, or its source, lacks all its examples, too. */
        if (sg_pool_lacks_topics(p->pool[i]) || (source >= 0 && !sg_pool_complete(p->pool[source])))
            left = left < requests ? requests : left;
        add_missing(n, p->grid.pool[i].arm.generator, left, in, out);
    }
    return SG_OK;
}

static sg_status count_evaluations(struct sg_prepared *p, struct sources *from, struct counts *n,
                                   struct sg_err *err)
{
    for (int64_t i = 0; i < p->n_evaluations; i++) {
        int64_t requests, in, out, left;
        sg_evaluation_estimate(p->evaluation[i], &requests, &in, &out);
        SG_TRY(count_new(p, p->grid.n_pools + i, from, n, &left, err));
        n->n_requests += requests;
        n->tokens_in += requests * in;
        n->tokens_out += requests * out;
        add_missing(n, sg_evaluation_generator(p->evaluation[i]), left, in, out);
        n->n_classify += requests;
    }
    return SG_OK;
}

/* Whether the ledger has the cell done, on the texts that the study has now. */
static sg_status is_done(struct sources *from, struct sg_texts *texts, const struct sg_cell *c,
                         struct counts *n, int *done, struct sg_err *err)
{
    char status[16] = "";
    int rows = 1, examples = 1;
    *done = 0;
    if (!from->ledger)
        return SG_OK;
    SG_TRY(sg_ledger_cell_status(from->ledger, c->id, status, err));
    if (strcmp(status, "done") != 0)
        return SG_OK;
    SG_TRY(sg_texts_fits_rows(texts, from->ledger, c, &rows, err));
    SG_TRY(sg_texts_fits_examples(texts, from->ledger, c, &examples, err));
    *done = rows && examples;
    n->n_stale += !*done;
    return SG_OK;
}

static void count_few(const struct sg_prepared *p, const struct sg_cell *c, struct counts *n)
{
    const struct sg_train_settings *s = &p->study->train;
    int64_t rows = c->raw + c->size, steps = sg_train_n_steps(s, rows);
    if (sg_train_effective_steps(p->encoder, s, rows) >= SG_TRAIN_FEW_STEPS)
        return;
    n->few_steps = !n->n_few || steps < n->few_steps ? steps : n->few_steps;
    n->n_few++;
}

/* "         warning: 15 of 15 cells have 12 steps and more at a rate of 5e-05: too few to learn much (...)" */
static void print_few(const struct sg_prepared *p, const struct counts *n, struct sg_buf *out)
{
    if (!n->n_few)
        return;
    sg_buf_printf(
        out,
        "         warning: %lld of %lld %s too few steps to learn much (%lld and more, at a rate of %.3g): "
        "such a "
        "cell often predicts one class for all test rows; hint: at least %d at %.3g, this encoder's "
        "train.lr=auto; train.min_steps=100 is the default\n",
        (long long)n->n_few, (long long)n->n_cells, sg_plural(n->n_cells, "cell has", "cells have"),
        (long long)n->few_steps, p->study->train.lr, SG_TRAIN_FEW_STEPS, sg_train_auto_lr(p->encoder));
}

static sg_status count_cells(struct sg_prepared *p, struct sources *from, struct counts *n,
                             struct sg_err *err)
{
    int k = 2;
    struct sg_texts *texts = NULL;
    SG_TRY(sg_texts_create(p, &texts, err));
    sg_status status = SG_OK;
    for (int t = 0; t < p->study->n_tasks; t++)
        k = p->study->task[t].n_classes > k ? p->study->task[t].n_classes : k;
    n->mem_bytes = sg_train_memory(p->encoder, &p->study->train, k);
    n->n_cells = p->grid.n_cells;
    for (int64_t i = 0; status == SG_OK && i < p->grid.n_cells; i++) {
        const struct sg_cell *c = &p->grid.cell[i];
        int done;
        status = is_done(from, texts, c, n, &done, err);
        n->n_cells_done += done;
        n->n_raw_only += c->pool < 0;
        count_few(p, c, n);
        if (!done)
            n->cost += sg_cell_cost(p, c);
    }
    sg_texts_destroy(texts);
    return status;
}

static void print_price(const struct sg_generator *g, struct sg_buf *out)
{
    sg_buf_printf(out, "price    %s%s", g->name ? g->name : "", g->name ? ": " : "");
    sg_price_describe(g, out);
    sg_buf_puts(out, "\n");
    struct sg_buf old = sg_buf_make(2000);
    if (sg_price_warn(g, (double)time(NULL), &old))
        sg_buf_printf(out, "         warning: %s\n", sg_buf_text(&old));
    sg_buf_free(&old);
}

/* "         small (llama3): 60 requests, about ...; about 0.0100 USD" */
static void print_generator(const struct sg_generator *g, const struct counts *n, int i, struct sg_buf *out)
{
    double usd = sg_generator_usd(g, (double)n->of[i].in, (double)n->of[i].out);
    sg_buf_printf(out, "         %s (%s): %lld %s, about %lld %s in, %lld out", g->name, g->model,
                  (long long)n->of[i].n, sg_plural(n->of[i].n, "request", "requests"), (long long)n->of[i].in,
                  sg_plural(n->of[i].in, "token", "tokens"), (long long)n->of[i].out);
    if (n->of[i].n == 0)
        sg_buf_puts(out, "\n");
    else if (usd < 0)
        sg_buf_printf(out, "; cost unknown: generators.%s.usd_per_1m_input and _output are not set\n",
                      g->name);
    else
        sg_buf_printf(out, "; about %.4f USD\n", usd);
    if (n->of[i].n && usd >= 0 && g->usd_per_1m_input + g->usd_per_1m_output > 0)
        print_price(g, out);
}

/* How many pools there would be if all draws of the raw rows shared them. */
static int64_t n_shared_pools(const struct sg_prepared *p)
{
    int64_t n = 0;
    for (int64_t i = 0; i < p->grid.n_pools; i++)
        n += p->grid.pool[i].seed_data <= 0;
    return n;
}

static void print_text(const struct sg_prepared *p, const struct sources *from, const struct counts *n,
                       struct sg_buf *out)
{
    const struct sg_study *s = p->study;
    char generators[40] = "";
    if (s->n_generators > 1)
        snprintf(generators, sizeof generators, "%d generators x ", s->n_generators);
    sg_buf_printf(out, "study    %s (%s)\n", s->name, s->path);
    sg_buf_printf(out, "grid     %d %s x %s%d %s x %d %s, %d %s: %lld %s, %lld of them raw-only\n",
                  s->n_tasks, sg_plural(s->n_tasks, "task", "tasks"), generators, s->n_methods,
                  sg_plural(s->n_methods, "method", "methods"), s->n_sizes,
                  sg_plural(s->n_sizes, "size", "sizes"), s->n_mixes, sg_plural(s->n_mixes, "mix", "mixes"),
                  (long long)n->n_cells, sg_plural(n->n_cells, "cell", "cells"), (long long)n->n_raw_only);
    for (int t = 0; t < s->n_tasks; t++) {
        int64_t cells = 0;
        for (int64_t i = 0; i < p->grid.n_cells; i++)
            cells += p->grid.cell[i].task == t;
        sg_buf_printf(out, "         %-10s %4lld %s, %2d %s, %lld train %s, %lld test %s\n", s->task[t].name,
                      (long long)cells, sg_plural(cells, "cell", "cells"), s->task[t].n_classes,
                      sg_plural(s->task[t].n_classes, "class", "classes"), (long long)p->data[t].train.n,
                      sg_plural(p->data[t].train.n, "row", "rows"), (long long)p->data[t].test.n,
                      sg_plural(p->data[t].test.n, "row", "rows"));
    }
    for (const char *line = sg_buf_text(&n->data); *line; line += strcspn(line, "\n") + 1)
        sg_buf_printf(out, "data     %.*s\n", (int)strcspn(line, "\n"), line);
    int64_t n_each = s->n_sizes ? s->size[s->n_sizes - 1] : 0; /* a study of raw rows alone has no sizes */
    sg_buf_printf(out, "pools    %lld, %lld %s each\n", (long long)p->grid.n_pools, (long long)n_each,
                  sg_plural(n_each, "example", "examples"));
    if (p->n_draws > 1)
        sg_buf_printf(out,
                      "         few-shot pools are bought for each of %lld draws of the raw rows "
                      "(few_shot_rows: own); `first` would be %lld pools\n",
                      (long long)p->n_draws, (long long)n_shared_pools(p));
    else if (s->seeds_data > 1 && s->few_shot_rows == SG_FEW_SHOT_FIRST)
        sg_buf_puts(
            out,
            "         few-shot prompts show rows of the first draw, and their pools are mixed with it alone "
            "(few_shot_rows: first)\n");
    if (p->n_evaluations)
        sg_buf_printf(out, "LLM      asked for the class of %lld test %s, in %lld %s\n",
                      (long long)n->n_classify, sg_plural(n->n_classify, "row", "rows"),
                      (long long)p->n_evaluations, sg_plural(p->n_evaluations, "evaluation", "evaluations"));
    sg_buf_printf(
        out, "requests %lld at least (rejected answers are asked for again), about %lld %s in, %lld out\n",
        (long long)n->n_requests, (long long)n->tokens_in, sg_plural(n->tokens_in, "token", "tokens"),
        (long long)n->tokens_out);
    if (from->n_recorded)
        sg_buf_printf(out, "         %s holds %lld %s\n", s->generator->recording,
                      (long long)from->n_recorded, sg_plural(from->n_recorded, "completion", "completions"));
    if (from->n_cached)
        sg_buf_printf(out, "         %lld of them %s in the cache (%s)\n", (long long)from->n_cached,
                      sg_plural(from->n_cached, "is", "are"), s->cache);
    sg_buf_printf(out, "to ask   %lld %s now, about %lld %s in, %lld out", (long long)n->n_missing,
                  sg_plural(n->n_missing, "request", "requests"), (long long)n->missing_in,
                  sg_plural(n->missing_in, "token", "tokens"), (long long)n->missing_out);
    double cost = missing_usd(s, n);
    int is_one = !s->generator->name;
    int tells_price = is_one && n->n_missing && cost >= 0 &&
                      s->generator->usd_per_1m_input + s->generator->usd_per_1m_output > 0;
    if (n->n_missing == 0)
        sg_buf_printf(out, ": nothing to buy\n");
    else if (cost < 0)
        sg_buf_printf(out, "; cost unknown%s\n",
                      is_one ? ": generator.usd_per_1m_input and _output are not set" : "");
    else
        sg_buf_printf(out, "; about %.4f USD\n", cost);
    if (tells_price)
        print_price(s->generator, out);
    for (int g = 0; !is_one && n->n_missing && g < s->n_generators; g++)
        print_generator(&s->generator[g], n, g, out);
    if (n->batches.n + n->batches.n_abandoned)
        sg_buf_printf(
            out,
            "batches  %lld of these %s out in %lld %s (--collect), %lld %s abandoned; at most %.4f USD\n",
            (long long)n->batches.n_requests, sg_plural(n->batches.n_requests, "is", "are"),
            (long long)n->batches.n, sg_plural(n->batches.n, "batch", "batches"),
            (long long)n->batches.n_abandoned, sg_plural(n->batches.n_abandoned, "batch is", "batches are"),
            n->batches.usd);
    sg_buf_printf(
        out, "training %lld %s to train, %lld done; roughly %.2f core hours at 100 GFLOP/s a core\n",
        (long long)(n->n_cells - n->n_cells_done), sg_plural(n->n_cells - n->n_cells_done, "cell", "cells"),
        (long long)n->n_cells_done, n->cost / 3600);
    print_few(p, n, out);
    if (n->n_stale)
        sg_buf_printf(out, "         %lld of them %s trained on other texts than the study has now\n",
                      (long long)n->n_stale, sg_plural(n->n_stale, "was", "were"));
    sg_buf_printf(out, "memory   %.0f MB a rank\n", (double)n->mem_bytes / 1e6);
    sg_buf_printf(out, "results  %s\n", s->results);
}

static json_t *price_json(const struct sg_generator *g)
{
    char *price = sg_price_json(g);
    json_t *o = price ? json_loads(price, JSON_DECODE_ANY, NULL) : NULL;
    sg_free(price);
    return o;
}

static json_t *generators_json(const struct sg_study *s, const struct counts *n)
{
    json_t *list = json_array();
    for (int g = 0; g < s->n_generators; g++) {
        double usd = sg_generator_usd(&s->generator[g], (double)n->of[g].in, (double)n->of[g].out);
        json_array_append_new(
            list, json_pack("{s:s,s:s,s:I,s:I,s:I,s:o,s:o}", "name", s->generator[g].name, "model",
                            s->generator[g].model, "n_requests_missing", (json_int_t)n->of[g].n,
                            "tokens_in_missing", (json_int_t)n->of[g].in, "tokens_out_missing",
                            (json_int_t)n->of[g].out, "cost_usd_missing",
                            usd < 0 ? json_null() : json_real(usd), "price", price_json(&s->generator[g])));
    }
    return list;
}

static sg_status print_json(const struct sg_prepared *p, const struct counts *n, struct sg_buf *out,
                            struct sg_err *err)
{
    const struct sg_study *s = p->study;
    double cost = missing_usd(s, n);
    json_t *o = json_pack(
        "{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:I,s:I,s:f,s:I,s:s}", "study", s->name,
        "n_cells_stale", (json_int_t)n->n_stale, "n_few_shot_draws", (json_int_t)p->n_draws, "n_cells",
        (json_int_t)n->n_cells, "n_cells_done", (json_int_t)n->n_cells_done, "n_pools",
        (json_int_t)p->grid.n_pools, "n_evaluations", (json_int_t)p->n_evaluations, "n_requests",
        (json_int_t)n->n_requests, "tokens_in", (json_int_t)n->tokens_in, "tokens_out",
        (json_int_t)n->tokens_out, "n_requests_missing", (json_int_t)n->n_missing, "tokens_in_missing",
        (json_int_t)n->missing_in, "tokens_out_missing", (json_int_t)n->missing_out, "cost_usd_missing",
        cost < 0 ? json_null() : json_real(cost), "n_batches",
        (json_int_t)(n->batches.n + n->batches.n_abandoned), "n_batch_requests",
        (json_int_t)n->batches.n_requests, "core_s", n->cost, "mem_bytes_per_rank", (json_int_t)n->mem_bytes,
        "results", s->results);
    json_t *data = json_array();
    for (const char *line = sg_buf_text(&n->data); *line; line += strcspn(line, "\n") + 1)
        json_array_append_new(data, json_stringn(line, strcspn(line, "\n")));
    if (o)
        json_object_set_new(o, "data", data);
    if (o)
        json_object_set_new(o, "n_cells_few_steps", json_integer(n->n_few));
    if (o && s->generator->name)
        json_object_set_new(o, "generators", generators_json(s, n));
    else if (o)
        json_object_set_new(o, "price", price_json(s->generator));
    char *text = o ? json_dumps(o, JSON_INDENT(2)) : NULL;
    json_decref(o);
    if (!text)
        return sg_fail_memory(err, 1024);
    sg_buf_printf(out, "%s\n", text);
    free(text);
    return SG_OK;
}

sg_status sg_plan(const struct sg_run_options *o, int json, struct sg_buf *out, struct sg_err *err)
{
    struct sg_prepared *p = NULL;
    struct sources from = {.recorded = json_object()};
    struct counts n = {.data = sg_buf_make(1 << 20)};
    char *ledger = NULL;
    sg_status status = sg_prepare(o->study, o->n_overrides, o->overrides, SG_PREPARE_NO_WEIGHTS, &p, err);
    if (status != SG_OK)
        goto done;
    ledger = sg_path_join(p->study->results, "ledger.sqlite");
    if (ledger && sg_file_exists(ledger))
        SG_TRY_DONE(sg_ledger_open(p->study->results, SG_LEDGER_READ, &from.ledger, err));
    if (sg_study_reads_recording(p->study))
        if ((status = sg_recording_read(p->study->generator->recording, remember, &from, err)) != SG_OK) {
            sg_err_at(err, "generator.recording");
            goto done;
        }
    SG_TRY_DONE(sg_own_data_look(p->study, p->data, &n.data, err));
    SG_TRY_DONE(sg_set_create(&n.seen, err));
    SG_TRY_DONE(sg_set_create(&n.lists, err));
    SG_TRY_DONE(look_into_cache(p, &from, err));
    SG_TRY_DONE(count_pools(p, &from, &n, err));
    SG_TRY_DONE(count_evaluations(p, &from, &n, err));
    SG_TRY_DONE(count_cells(p, &from, &n, err));
    if (from.ledger)
        SG_TRY_DONE(sg_batch_count(from.ledger, &n.batches, err));
    if (json)
        status = print_json(p, &n, out, err);
    else
        print_text(p, &from, &n, out);
done:
    sg_buf_free(&n.data);
    sg_set_destroy(n.seen);
    sg_set_destroy(n.lists);
    sg_ledger_close(from.ledger);
    json_decref(from.recorded);
    sg_free(ledger);
    sg_prepared_destroy(p);
    return status;
}
