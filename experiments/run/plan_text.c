#include "base/text.h"
#include "experiments/run/plan.h"
#include "experiments/study/prices.h"
#include "model/kernels/ops.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* "         warning: 15 of 15 cells have 12 steps and more at a rate of 5e-05: too few to learn much (...)" */
static void print_few(const struct sg_prepared *p, const struct sg_plan_counts *n, struct sg_buf *out)
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

static void print_price(const struct sg_generator *g, struct sg_buf *out)
{
    sg_buf_printf(out, "price    %s%s", g->name ? g->name : "", g->name ? ": " : "");
    sg_price_describe(g, out);
    sg_buf_puts(out, "\n");
    struct sg_buf old = sg_buf_make(2000);
    if (sg_price_warn(g, (double)time(NULL), &old))
        sg_buf_printf(out, "         warning: %s\n", sg_buf_text(&old));
    sg_buf_clear(&old);
    if (sg_price_retired(g, (double)time(NULL), &old) == SG_MODEL_GOES)
        sg_buf_printf(out, "         warning: %s\n", sg_buf_text(&old));
    sg_buf_free(&old);
}

/* "         small (llama3): 60 requests, about ...; about 0.0100 USD" */
static void print_generator(const struct sg_generator *g, const struct sg_plan_counts *n, int i,
                            struct sg_buf *out)
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

static int is_free(const struct sg_prepared *p, int64_t pool)
{
    return sg_method_is_free((enum sg_method)p->grid.pool[pool].arm.method);
}

int64_t sg_plan_n_free_pools(const struct sg_prepared *p)
{
    int64_t n = 0;
    for (int64_t i = 0; i < p->grid.n_pools; i++)
        n += is_free(p, i) && p->grid.pool[i].arm.method != SG_IMPORTED;
    return n;
}

int64_t sg_plan_n_imported_pools(const struct sg_prepared *p)
{
    int64_t n = 0;
    for (int64_t i = 0; i < p->grid.n_pools; i++)
        n += p->grid.pool[i].arm.method == SG_IMPORTED;
    return n;
}

/* "imports  theirs for sst2: 400 rows of theirs.jsonl, 397 good ones ..." as far as the pool's classes need them. */
static void print_imports(const struct sg_prepared *p, struct sg_buf *out)
{
    const struct sg_study *s = p->study;
    for (int64_t i = 0; i < p->grid.n_pools; i++) {
        const struct sg_pool_key *k = &p->grid.pool[i];
        if (k->arm.method != SG_IMPORTED)
            continue;
        const struct sg_import *x = &s->import[k->arm.import];
        const struct sg_imported *rows = &p->imported[k->task * s->n_imports + k->arm.import];
        sg_buf_printf(out, "imports  %s for %s: %lld %s of %s, %lld %s in the pool\n", x->name,
                      s->task[k->task].name, (long long)rows->rows.n, sg_plural(rows->rows.n, "row", "rows"),
                      x->pool, (long long)sg_pool_n(p->pool[i]),
                      sg_plural(sg_pool_n(p->pool[i]), "example", "examples"));
        if (sg_pool_shortfall(p->pool[i])[0])
            sg_buf_printf(out, "         short: %s\n", sg_pool_shortfall(p->pool[i]));
    }
}

/* Whether pools of a further draw of the raw rows are bought. */
static int buys_draws(const struct sg_prepared *p)
{
    int yes = 0;
    for (int64_t i = 0; i < p->grid.n_pools; i++)
        yes |= p->grid.pool[i].seed_data > 0 && !is_free(p, i);
    return yes;
}

/* How many pools there would be if all draws of the raw rows shared them. */
static int64_t n_shared_pools(const struct sg_prepared *p)
{
    int64_t n = 0;
    for (int64_t i = 0; i < p->grid.n_pools; i++)
        n += p->grid.pool[i].seed_data <= 0;
    return n;
}

/* "         75 tokens of a row are trained on, 74 at test, cut at 256 (sst2) ..." */
static void print_training(const struct sg_prepared *p, struct sg_buf *out)
{
    const struct sg_study *s = p->study;
    double least = p->length[0].train, most = least;
    for (int t = 1; t < s->n_tasks; t++) {
        least = p->length[t].train < least ? p->length[t].train : least;
        most = p->length[t].train > most ? p->length[t].train : most;
    }
    int64_t cut = sg_encoder_max_length(p->encoder);
    cut = s->train.max_length < cut ? s->train.max_length : cut;
    sg_buf_printf(out, "         rows of %.0f to %.0f tokens, cut at %lld%s\n", least, most, (long long)cut,
                  cut < s->train.max_length ? ", the encoder's positions" : "");
    const struct sg_ops *bf16 = sg_ops_best(SG_BF16);
    if (s->train.precision == SG_BF16)
        sg_buf_printf(
            out,
            "         bf16 is counted as %.1f times faster, which takes AVX512-BF16: this processor %s\n",
            SG_BF16_FACTOR,
            !bf16                               ? "has no bf16 at all"
            : strcmp(bf16->name, "avx512") == 0 ? "has it"
                                                : "has it not, and is no faster than with fp32");
}

/* Memory, and for a job that was asked for its hours and its sbatch line. */
static void print_job(const struct sg_study *s, const struct sg_plan_counts *n, struct sg_buf *out)
{
    sg_buf_printf(out, "memory   %.0f MB a rank with %lld %s", (double)n->mem_bytes / 1e6,
                  (long long)n->n_threads, sg_plural(n->n_threads, "thread", "threads"));
    if (!n->is_asked) {
        sg_buf_puts(out, "; --ranks N --threads T tells what a job of such a size takes\n");
        return;
    }
    sg_buf_printf(out, "; %.1f GB for %lld %s on one node, the program itself not counted\n",
                  (double)n->node_mem_bytes / 1e9, (long long)n->n_ranks,
                  sg_plural(n->n_ranks, "rank", "ranks"));
    sg_buf_printf(out,
                  "hours    about %.2f on %lld %s with %lld %s each, all of them busy all the time; buying "
                  "not counted\n",
                  sg_plan_hours(s, n), (long long)n->n_ranks, sg_plural(n->n_ranks, "rank", "ranks"),
                  (long long)n->n_threads, sg_plural(n->n_threads, "thread", "threads"));
    int64_t lanes = s->train.lanes ? s->train.lanes : SG_PLAN_LANES;
    if (n->n_threads > lanes)
        sg_buf_printf(out, "         a rank uses %lld threads at most (train.lanes)\n", (long long)lanes);
    sg_buf_puts(out, "submit   ");
    sg_plan_sbatch(s, n, out);
    sg_buf_puts(out, "\n");
}

static void print_assumed(const struct sg_prepared *p, struct sg_buf *out)
{
    const struct sg_study *s = p->study;
    if (p->assumed[0])
        sg_buf_printf(out, "assumed  the encoder has %s\n", p->assumed);
    for (int t = 0; t < s->n_tasks; t++) {
        const struct sg_task_data *d = &p->data[t];
        const char *by =
            s->task[t].source.row_bytes ? "as the task file says" : "by the length of completions";
        if (d->train_is_assumed)
            sg_buf_printf(out, "assumed  %s: %lld training rows of %.0f tokens, %s\n", s->task[t].name,
                          (long long)d->train.n, p->length[t].train, by);
        if (d->test_is_assumed)
            sg_buf_printf(out, "assumed  %s: %lld test rows of %.0f tokens\n", s->task[t].name,
                          (long long)d->test.n, p->length[t].test);
        for (int i = 0; i < d->n_sets; i++)
            if (d->set[i].is_assumed)
                sg_buf_printf(out, "assumed  %s: %lld rows of %s\n", s->task[t].name,
                              (long long)d->set[i].rows.n, d->set[i].name);
    }
}

static void print_lacks(const struct sg_prepared *p, const struct sg_plan_counts *n, struct sg_buf *out)
{
    const struct sg_lacks *list[] = {&p->lacks, &n->lacks};
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < list[k]->n; i++) {
            sg_buf_printf(out, "missing  %s: ", list[k]->item[i].what);
            sg_buf_safe(out, list[k]->item[i].text, 1500);
            sg_buf_puts(out, "\n");
        }
}

/* Where there are probes. */
static void tell_classifiers(const struct sg_prepared *p, const struct sg_plan_counts *n, struct sg_buf *out)
{
    const struct sg_study *s = p->study;
    int64_t n_probes = n->n_probes;
    if (!n_probes)
        return;
    sg_buf_printf(out, "train    %lld %s (%s pooling, C %s%.4g), %lld fine-tuned%s", (long long)n_probes,
                  sg_plural(n_probes, "probe", "probes"), sg_pooling_name(s->probe.pooling),
                  s->probe.c == SG_PROBE_C_AUTO ? "auto, up to " : "",
                  s->probe.c == SG_PROBE_C_AUTO ? 100.0 : s->probe.c, (long long)(p->grid.n_cells - n_probes),
                  s->n_fine_tune_tasks ? " (" : "\n");
    for (int i = 0; i < s->n_fine_tune_tasks; i++)
        sg_buf_printf(out, "%s%s", s->fine_tune_task[i], i + 1 < s->n_fine_tune_tasks ? ", " : ")\n");
}

static void tell_views(const struct sg_prepared *p, struct sg_buf *out)
{
    int64_t n_views = 0, n_llm = 0;
    for (int64_t i = 0; i < p->grid.n_cells; i++) {
        n_views += sg_arm_needs_raw_model(&p->grid.cell[i].arm);
        n_llm += p->grid.cell[i].arm.verify == SG_VERIFY_LLM;
    }
    if (n_views)
        sg_buf_printf(out,
                      "views    %lld of the cells weight or verify their synthetic examples by a classifier "
                      "of their raw rows\n",
                      (long long)n_views);
    if (n_llm)
        sg_buf_printf(out, "views    %lld of the cells %s examples out of which an LLM says another class\n",
                      (long long)n_llm, sg_plural(n_llm, "leaves", "leave"));
}

/* A table of ends. */
static void print_simulated(const struct sg_plan_counts *n, struct sg_buf *out)
{
    sg_buf_printf(
        out,
        "packing  %lld %s, when the last one ends; all that %s for is there, a team of twice as many "
        "ranks is %.1f times as fast,\n"
        "         and grows when ranks fall idle (a change takes it %.0f s; fixed: none grows)\n"
        "           ranks           end         bound  of bound  idle  teams  largest   fixed  first come  "
        "static "
        "waves\n",
        (long long)n->n_left, sg_plural(n->n_left, "cell", "cells"),
        sg_plural(n->n_left, "it waits", "they wait"), SG_POLICY_TEAM_GAIN, SG_POLICY_CHANGE_S);
    for (int i = 0; i < n->n_simulated; i++) {
        const struct sg_simulation *s = &n->simulated[i];
        char end[24], bound[24];
        double unit = s->bound_s > 0 ? s->bound_s : 1;
        sg_format_duration(s->makespan_s, end);
        sg_format_duration(s->bound_s, bound);
        sg_buf_printf(out, "         %7d  %12s  %12s  %7.2fx %4.0f%%  %5lld  %7d  %5.2fx  %9.2fx  %11.2fx\n",
                      s->n_ranks, end, bound, s->makespan_s / unit, 100 * s->idle_share,
                      (long long)s->n_teams, s->largest_team, s->fixed_s / unit, s->first_come_s / unit,
                      s->waves_s / unit);
    }
}

void sg_plan_text(const struct sg_prepared *p, const struct sg_plan_sources *from,
                  const struct sg_plan_counts *n, struct sg_buf *out)
{
    const struct sg_study *s = p->study;
    char generators[40] = "";
    int n_methods = s->n_methods + s->n_imports;
    if (s->n_generators > 1)
        snprintf(generators, sizeof generators, "%d generators x ", s->n_generators);
    sg_buf_printf(out, "study    %s (%s)\n", s->name, s->path);
    sg_buf_printf(out,
                  "grid     %d %s x %s%d %s x %d %s x %lld x %lld x %lld seeds (generation, data, training), "
                  "%d %s: %lld %s, %lld of them raw-only\n",
                  s->n_tasks, sg_plural(s->n_tasks, "task", "tasks"), generators, n_methods,
                  sg_plural(n_methods, "method", "methods"), s->n_sizes,
                  sg_plural(s->n_sizes, "size", "sizes"), (long long)s->seeds_generation,
                  (long long)s->seeds_data, (long long)s->seeds_train, s->n_mixes,
                  sg_plural(s->n_mixes, "mix", "mixes"), (long long)n->n_cells,
                  sg_plural(n->n_cells, "cell", "cells"), (long long)n->n_raw_only);
    for (int t = 0; t < s->n_tasks; t++) {
        int64_t cells = 0;
        for (int64_t i = 0; i < p->grid.n_cells; i++)
            cells += p->grid.cell[i].task == t;
        sg_buf_printf(out, "         %-10s %4lld %s, %2d %s, %lld train %s, %lld test %s\n", s->task[t].name,
                      (long long)cells, sg_plural(cells, "cell", "cells"), s->task[t].n_classes,
                      sg_plural(s->task[t].n_classes, "class", "classes"), (long long)p->data[t].train.n,
                      sg_plural(p->data[t].train.n, "row", "rows"), (long long)p->data[t].test.n,
                      sg_plural(p->data[t].test.n, "row", "rows"));
        for (int i = 0; i < p->data[t].n_sets; i++)
            sg_buf_printf(out, "         %-10s test set %s: %lld %s in %s\n", "", p->data[t].set[i].name,
                          (long long)p->data[t].set[i].rows.n,
                          sg_plural(p->data[t].set[i].rows.n, "row", "rows"), p->data[t].set[i].path);
    }
    tell_classifiers(p, n, out);
    tell_views(p, out);
    if (s->seeds_generation * s->seeds_data * s->seeds_train == 1)
        sg_buf_puts(out,
                    "seeds    one of each: the luck of a pool, a draw and a training will be in no interval; "
                    "seeds.data and seeds.train buy little or nothing\n");
    if (s->n_raw)
        sg_buf_printf(out, "raw      %s\n",
                      s->raw_draw == SG_RAW_BALANCED
                          ? "drawn balanced by class, as far as there are rows (raw_draw: balanced)"
                          : "drawn with each class's share of the training rows (raw_draw: proportional)");
    for (int t = 0; t < s->n_tasks; t++)
        if (p->data[t].train_is_beside || p->data[t].test_is_beside)
            sg_buf_printf(out, "rows     %s: %s in %s, beside the task file\n", s->task[t].name,
                          !p->data[t].test_is_beside    ? s->task[t].train_file
                          : !p->data[t].train_is_beside ? s->task[t].test_file
                                                        : "training and test rows",
                          s->task[t].dir);
    for (const char *line = sg_buf_text(&n->data); *line; line += strcspn(line, "\n") + 1)
        sg_buf_printf(out, "data     %.*s\n", (int)strcspn(line, "\n"), line);
    int64_t n_each = s->n_sizes ? s->size[s->n_sizes - 1] : 0; /* a study of raw rows alone has no sizes */
    sg_buf_printf(out, "pools    %lld, %lld %s each\n", (long long)p->grid.n_pools, (long long)n_each,
                  sg_plural(n_each, "example", "examples"));
    int64_t n_free = sg_plan_n_free_pools(p);
    if (n_free)
        sg_buf_printf(out, "         %lld of them %s free: made of raw rows, without requests\n",
                      (long long)n_free, sg_plural(n_free, "is", "are"));
    print_imports(p, out);
    if (buys_draws(p))
        sg_buf_printf(out,
                      "         few-shot pools are bought for each of %lld draws of the raw rows "
                      "(few_shot_rows: own); `first` would be %lld pools\n",
                      (long long)p->n_draws, (long long)n_shared_pools(p));
    else if (p->n_draws == 1 && s->seeds_data > 1 && s->few_shot_rows == SG_FEW_SHOT_FIRST)
        sg_buf_puts(
            out,
            "         few-shot prompts show rows of the first draw, and their pools are mixed with it alone "
            "(few_shot_rows: first)\n");
    int64_t n_probes = 0, n_verified = 0;
    for (int64_t i = 0; i < p->n_evaluations; i++) {
        n_probes += sg_evaluation_is_contamination(p->evaluation[i]);
        n_verified += sg_evaluation_pool(p->evaluation[i]) >= 0;
    }
    int64_t n_classifiers = p->n_evaluations - n_probes - n_verified;
    if (n_classifiers)
        sg_buf_printf(out, "LLM      asked for the class of %lld test %s, in %lld %s\n",
                      (long long)n->n_classify, sg_plural(n->n_classify, "row", "rows"),
                      (long long)n_classifiers, sg_plural(n_classifiers, "evaluation", "evaluations"));
    if (n_probes)
        sg_buf_printf(
            out,
            "LLM      asked to complete %lld test %s, with and without the data set's name, in %lld "
            "contamination %s\n",
            (long long)n->n_contamination / 2, sg_plural(n->n_contamination / 2, "row", "rows"),
            (long long)n_probes, sg_plural(n_probes, "probe", "probes"));
    if (n_verified)
        sg_buf_printf(out, "LLM      asked for the class of %lld synthetic %s, of %lld %s (verify: llm)\n",
                      (long long)n->n_verify, sg_plural(n->n_verify, "example", "examples"),
                      (long long)n_verified, sg_plural(n_verified, "pool", "pools"));
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
    double cost = sg_plan_usd(s, n);
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
        out, "training %lld %s to train, %lld done; roughly %.2f core hours at %.0f GFLOP/s a core\n",
        (long long)(n->n_cells - n->n_cells_done), sg_plural(n->n_cells - n->n_cells_done, "cell", "cells"),
        (long long)n->n_cells_done, n->cost / 3600, SG_CORE_FLOPS / 1e9);
    print_training(p, out);
    print_few(p, n, out);
    if (n->n_stale)
        sg_buf_printf(out, "         %lld of them %s trained on other texts than the study has now\n",
                      (long long)n->n_stale, sg_plural(n->n_stale, "was", "were"));
    if (n->n_left_behind)
        sg_buf_printf(out, "         %s\n", sg_buf_text(&n->left_behind));
    print_job(s, n, out);
    if (n->n_simulated)
        print_simulated(n, out);
    sg_buf_printf(out, "results  %s\n", s->results);
    print_assumed(p, out);
    print_lacks(p, n, out);
}
