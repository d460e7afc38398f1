#include "base/mem.h"
#include "base/text.h"
#include "experiments/run/cell_items.h"
#include "experiments/run/plan_job.h"
#include "experiments/run/raw_models.h"
#include "experiments/run/texts.h"
#include "experiments/run/vectors.h"

#include <string.h>

double sg_plan_usd(const struct sg_study *s, const struct sg_plan_counts *n)
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

/* Whether the ledger has the cell done, on the texts that the study has now. */
static sg_status is_done(struct sg_plan_sources *from, struct sg_texts *texts, const struct sg_cell *c,
                         struct sg_plan_counts *n, int *done, struct sg_err *err)
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

static void count_few(const struct sg_prepared *p, const struct sg_cell *c, struct sg_plan_counts *n)
{
    const struct sg_train_settings *s = &p->study->train;
    if (c->classifier == SG_PROBE)
        return;
    int64_t rows = c->raw + c->size, steps = sg_train_n_steps(s, rows);
    if (sg_train_effective_steps(p->encoder, s, rows) >= SG_TRAIN_FEW_STEPS)
        return;
    n->few_steps = !n->n_few || steps < n->few_steps ? steps : n->few_steps;
    n->n_few++;
}

static void add_cost(const struct sg_prepared *p, const struct sg_cell *c, struct sg_plan_counts *n)
{
    struct sg_policy_item item = sg_cell_as_item(p, c);
    double cost = item.cost;
    item.id = n->n_left;
    n->left[n->n_left++] = item;
    n->cost += cost;
    n->longest = cost > n->longest ? cost : n->longest;
}

size_t sg_plan_memory(const struct sg_prepared *p, int n_ranks, int64_t n_threads)
{
    int k = 2;
    for (int t = 0; t < p->study->n_tasks; t++)
        k = p->study->task[t].n_classes > k ? p->study->task[t].n_classes : k;
    struct sg_train_settings job = p->study->train;
    job.threads = n_threads;
    return sg_train_memory(p->encoder, &job, k, sg_cell_most_rows(p), n_ranks);
}

sg_status sg_plan_count_cells(struct sg_prepared *p, struct sg_plan_sources *from, struct sg_plan_counts *n,
                              struct sg_err *err)
{
    struct sg_texts *texts = NULL;
    SG_TRY(sg_texts_create(p, &texts, err));
    sg_status status = SG_OK;
    n->mem_bytes = sg_plan_memory(p, 1, n->n_threads);
    n->node_mem_bytes = sg_plan_memory(p, (int)n->n_ranks, n->n_threads);
    n->n_cells = p->grid.n_cells;
    n->left = sg_alloc((size_t)n->n_cells + 1, sizeof *n->left);
    if (!n->left) {
        sg_texts_destroy(texts);
        return sg_fail_memory(err, (size_t)n->n_cells * sizeof *n->left);
    }
    for (int64_t i = 0; status == SG_OK && i < p->grid.n_cells; i++) {
        const struct sg_cell *c = &p->grid.cell[i];
        int done;
        status = is_done(from, texts, c, n, &done, err);
        n->n_cells_done += done;
        n->n_raw_only += c->pool < 0;
        n->n_probes += c->classifier == SG_PROBE;
        count_few(p, c, n);
        if (!done)
            add_cost(p, c, n);
    }
    if (n->n_cells > n->n_cells_done)
        n->cost += sg_vectors_cost(p) + sg_raw_models_cost(p);
    sg_texts_destroy(texts);
    return status;
}

/* Work that waits for none: pools are there, and embeddings go before. */
sg_status sg_plan_simulate(const struct sg_study *s, const char *ranks, struct sg_plan_counts *n,
                           struct sg_err *err)
{
    double lanes = s->train.lanes ? (double)s->train.lanes : SG_PLAN_LANES;
    double threads = (double)n->n_threads < lanes ? (double)n->n_threads : lanes;
    struct sg_policy_item *item = sg_alloc((size_t)n->n_left + 1, sizeof *item);
    char *text = sg_strdup(ranks), *rest = text;
    sg_status status = item && text ? SG_OK : sg_fail_memory(err, (size_t)n->n_left * sizeof *item);
    for (int64_t i = 0; status == SG_OK && i < n->n_left; i++) {
        item[i] = n->left[i];
        item[i].cost /= threads;
    }
    for (char *word; status == SG_OK && (word = strsep(&rest, ","));) {
        int64_t n_ranks = 0;
        if (!sg_parse_int64(sg_text_trim(word), &n_ranks) || n_ranks < 1 || n_ranks > SG_PLAN_MOST_RANKS) {
            status =
                sg_fail(err, SG_INPUT,
                        "--simulate: \"%.40s\" is no number of ranks from 1 to %d; hint: --simulate 64,256",
                        word, SG_PLAN_MOST_RANKS);
            break;
        }
        struct sg_simulation *list = sg_grown(n->simulated, n->n_simulated, sizeof *list);
        if (!list) {
            status = sg_fail_memory(err, sizeof *list);
            break;
        }
        n->simulated = list;
        status = sg_simulate(item, n->n_left, (int)n_ranks, SG_POLICY_TEAM_GAIN, &list[n->n_simulated], err);
        n->n_simulated += status == SG_OK;
    }
    sg_free(item);
    sg_free(text);
    return status;
}

double sg_plan_hours(const struct sg_study *s, const struct sg_plan_counts *n)
{
    double lanes = s->train.lanes ? (double)s->train.lanes : SG_PLAN_LANES,
           threads = (double)n->n_threads < lanes ? (double)n->n_threads : lanes,
           cores = threads * (double)n->n_ranks, of_cell = cores < lanes ? cores : lanes;
    double all = n->cost / cores, one = n->longest / of_cell;
    return (all > one ? all : one) / 3600;
}

void sg_plan_sbatch(const struct sg_study *s, const struct sg_plan_counts *n, struct sg_buf *out)
{
    int64_t minutes = sg_job_minutes(sg_plan_hours(s, n)),
            mb = sg_job_mem_mb((double)n->mem_bytes, n->n_threads);
    sg_buf_printf(out,
                  "sbatch --ntasks=%lld --cpus-per-task=%lld --mem-per-cpu=%lldM --time=%lld:%02lld:00 "
                  "slurm/study.sbatch %s",
                  (long long)n->n_ranks, (long long)n->n_threads, (long long)mb, (long long)(minutes / 60),
                  (long long)(minutes % 60), s->path);
}
