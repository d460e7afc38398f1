#include "experiments/study/study.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum { MAX_CELLS = 10000000 };

/* The grid's loops, run twice: cell NULL only counts. */
struct expansion {
    const struct sg_study *s;
    struct sg_cell *cell;
    int64_t n;
};

static void add(struct expansion *e, struct sg_cell c)
{
    if (e->cell)
        e->cell[e->n] = c;
    e->n++;
}

/* Nothing of a probe is drawn. */
static int64_t n_trainings(const struct sg_study *s, enum sg_cell_classifier c)
{
    return c == SG_PROBE ? 1 : s->seeds_train;
}

static void add_raw(struct expansion *e, int task, enum sg_cell_classifier classifier)
{
    const struct sg_study *s = e->s;
    for (int r = 0; r < s->n_raw; r++)
        for (int64_t d = 0; d < s->seeds_data; d++)
            for (int64_t t = 0; t < n_trainings(s, classifier); t++)
                add(e, (struct sg_cell){.task = task,
                                        .classifier = classifier,
                                        .arm = {.method = -1},
                                        .mix = SG_MIX_RAW,
                                        .raw = s->raw[r],
                                        .seed_generation = -1,
                                        .seed_data = d,
                                        .seed_train = classifier == SG_PROBE ? -1 : t,
                                        .pool = -1});
}

static int shows_rows(const struct sg_arm *a)
{
    return sg_method_shows_rows((enum sg_method)a->method);
}

int64_t sg_arm_draws(const struct sg_study *s, const struct sg_arm *a)
{
    /* Without a raw size all rows are shown, whatever the draw. */
    return shows_rows(a) && s->few_shot_rows == SG_FEW_SHOT_OWN && s->n_raw ? s->seeds_data : 1;
}

/* Draws of the raw rows that a cell of this arm and mix is trained for. A synthetic-only one has no raw rows but those in its pool's
 * prompts. Rows of one draw with a pool that shows those of another would be more labelled rows than the cell says. */
static int64_t n_draws(const struct sg_study *s, const struct sg_cell *c)
{
    int64_t own = sg_arm_draws(s, &c->arm);
    return c->mix != SG_MIX_BOTH || (shows_rows(&c->arm) && s->n_raw) ? own : s->seeds_data;
}

/* All seeds of one synthetic or mixed cell. */
static void add_seeds(struct expansion *e, struct sg_cell c, int first_pool)
{
    const struct sg_study *s = e->s;
    int64_t n_data = n_draws(s, &c), has_own = sg_arm_draws(s, &c.arm) > 1, n_seeds = sg_arm_seeds(s, &c.arm);
    for (int64_t g = 0; g < n_seeds; g++)
        for (int64_t d = 0; d < n_data; d++)
            for (int64_t t = 0; t < n_trainings(s, c.classifier); t++) {
                c.seed_generation = g;
                c.seed_data = c.mix == SG_MIX_BOTH || has_own ? d : -1;
                c.seed_train = c.classifier == SG_PROBE ? -1 : t;
                c.pool = first_pool + (int)((has_own ? d : 0) * n_seeds + g);
                add(e, c);
            }
}

int sg_study_has_rounds(const struct sg_study *s)
{
    int has_pools = 0, has = 0;
    for (int i = 0; i < s->n_mixes; i++)
        has_pools |= s->mix[i] != SG_MIX_RAW;
    for (int i = 0; i < s->n_methods; i++)
        has |= sg_method_has_rounds(s->method[i]);
    return has_pools && has;
}

static int has_mix(const struct sg_study *s, enum sg_mix mix)
{
    for (int i = 0; i < s->n_mixes; i++)
        if (s->mix[i] == mix)
            return 1;
    return 0;
}

/* All sizes and mixes of one view of one way to generate. Without views there is one of raw+synthetic cells, of the others always. */
static void add_view(struct expansion *e, struct sg_cell c, int first_pool, int has_mixed)
{
    const struct sg_study *s = e->s;
    int is_plain = !sg_arm_is_view(&c.arm);
    for (int z = 0; z < s->n_sizes; z++)
        for (int x = 0; x < s->n_mixes; x++) {
            c.mix = s->mix[x];
            c.size = s->size[z];
            c.raw = 0;
            if (c.mix == SG_MIX_SYNTHETIC && is_plain)
                add_seeds(e, c, first_pool);
            for (int r = 0; c.mix == SG_MIX_BOTH && has_mixed && r < s->n_raw; r++) {
                c.raw = s->raw[r];
                add_seeds(e, c, first_pool);
            }
        }
}

static int has_weighting(const struct sg_study *s, enum sg_weighting w)
{
    int has = 0;
    for (int i = 0; i < s->n_weightings; i++)
        has |= s->weighting[i] == w;
    return has;
}

static int has_verify(const struct sg_study *s, enum sg_verify v)
{
    int has = 0;
    for (int i = 0; i < s->n_verifies; i++)
        has |= s->verify[i] == v;
    return has;
}

int sg_arm_is_view(const struct sg_arm *a)
{
    return a->weighting != SG_WEIGHT_NONE || a->verify != SG_VERIFY_NONE;
}

int sg_arm_needs_raw_model(const struct sg_arm *a)
{
    return a->weighting == SG_WEIGHT_DIMP || a->verify == SG_VERIFY_RAW_CLASSIFIER;
}

int sg_study_needs_raw_models(const struct sg_study *s)
{
    return has_weighting(s, SG_WEIGHT_DIMP) || has_verify(s, SG_VERIFY_RAW_CLASSIFIER);
}

int sg_study_asks_llm_to_verify(const struct sg_study *s)
{
    return has_verify(s, SG_VERIFY_LLM);
}

int sg_study_has_views(const struct sg_study *s)
{
    return sg_study_needs_raw_models(s) || sg_study_asks_llm_to_verify(s);
}

int sg_arm_verifier(const struct sg_study *s, const struct sg_arm *a)
{
    for (int g = 0; s->verify_generator && g < s->n_generators; g++)
        if (s->generator[g].name && strcmp(s->generator[g].name, s->verify_generator) == 0)
            return g;
    return a->generator;
}

/* All views of one way to generate: that without any first. */
static void add_arm(struct expansion *e, struct sg_cell c, int first_pool)
{
    for (int v = 0; v < SG_N_VERIFIES; v++)
        for (int w = 0; w < SG_N_WEIGHTINGS; w++) {
            c.arm.weighting = (enum sg_weighting)w;
            c.arm.verify = (enum sg_verify)v;
            add_view(e, c, first_pool,
                     has_weighting(e->s, c.arm.weighting) && has_verify(e->s, c.arm.verify));
        }
}

static int has_rephrase(const struct sg_study *s, int which)
{
    for (int i = 0; i < s->n_rephrase; i++)
        if (s->rephrase[i] == which)
            return 1;
    return 0;
}

/* How many of the study's methods are free; at: NULL, or where the i-th that is or is not free goes. */
static int n_methods(const struct sg_study *s, int free, int i, enum sg_method *at)
{
    int n = 0;
    for (int m = 0; m < s->n_methods; m++)
        if (sg_method_is_free(s->method[m]) == free) {
            if (at && n == i)
                *at = s->method[m];
            n++;
        }
    return n;
}

/* Arms that are bought, and no rephrasings. */
static int64_t n_bought(const struct sg_study *s)
{
    return (int64_t)s->n_generators * n_methods(s, 0, 0, NULL) * s->n_conditionings * s->n_variants;
}

/* Arms that are no rephrasings. A free method has one, whatever LLMs and prompts there are, and so has an imported one. */
static int64_t n_sources(const struct sg_study *s)
{
    return n_bought(s) + n_methods(s, 1, 0, NULL) + s->n_imports;
}

/* A list of tasks that is empty holds all of them. */
static int lists(int n, char *const *name, const struct sg_task *task)
{
    int listed = n == 0;
    for (int i = 0; i < n; i++)
        listed |= strcmp(name[i], task->name) == 0;
    return listed;
}

int sg_import_is_of(const struct sg_study *s, int import, int task)
{
    return lists(s->import[import].n_tasks, s->import[import].task, &s->task[task]);
}

static int is_of(const struct sg_study *s, int task, const struct sg_arm *a)
{
    return a->method != SG_IMPORTED || sg_import_is_of(s, a->import, task);
}

int64_t sg_arm_seeds(const struct sg_study *s, const struct sg_arm *a)
{
    return a->method == SG_IMPORTED ? 1 : s->seeds_generation;
}

int sg_task_is_rephrased(const struct sg_study *s, int task)
{
    return has_rephrase(s, 1) && lists(s->n_rephrase_tasks, s->rephrase_task, &s->task[task]);
}

int sg_task_has_classifier(const struct sg_study *s, int task, enum sg_cell_classifier c)
{
    int has = 0;
    for (int i = 0; i < s->n_classifiers; i++)
        has |= s->classifier[i] == c;
    return has && (c != SG_FINE_TUNE || lists(s->n_fine_tune_tasks, s->fine_tune_task, &s->task[task]));
}

int64_t sg_study_draws(const struct sg_study *s)
{
    int64_t most = 1;
    for (int64_t a = 0; a < n_sources(s); a++) {
        struct sg_arm arm = sg_arm_get(s, a);
        int64_t n = sg_arm_draws(s, &arm);
        most = n > most ? n : most;
    }
    return most;
}

static int64_t arm_pools(const struct sg_study *s, int task, int64_t i)
{
    struct sg_arm a = sg_arm_get(s, i);
    return is_of(s, task, &a) ? sg_arm_draws(s, &a) * sg_arm_seeds(s, &a) : 0;
}

int64_t sg_arm_count(const struct sg_study *s, int task)
{
    return n_sources(s) + (sg_task_is_rephrased(s, task) ? n_bought(s) : 0);
}

struct sg_arm sg_arm_get(const struct sg_study *s, int64_t i)
{
    struct sg_arm a = {.rephrase = i >= n_sources(s)};
    enum sg_method method = SG_ZERO_SHOT;
    int n = n_methods(s, 0, 0, NULL);
    i -= a.rephrase ? n_sources(s) : 0;
    if (i >=
        n_bought(
            s)) { /* free; those that are bought come first, as their rephrasings follow in the same order */
        int n_free = n_methods(s, 1, 0, NULL), at = (int)(i - n_bought(s));
        n_methods(s, 1, at, &method);
        a.method = at < n_free ? (int)method : SG_IMPORTED;
        a.import = at < n_free ? 0 : at - n_free;
        return a;
    }
    a.variant = (int)(i % s->n_variants);
    i /= s->n_variants;
    a.conditioning = (int)s->conditioning[i % s->n_conditionings];
    i /= s->n_conditionings;
    n_methods(s, 0, (int)(i % n), &method);
    a.method = (int)method;
    a.generator = (int)(i / n);
    return a;
}

int sg_arm_has_cells(const struct sg_study *s, int task, const struct sg_arm *a)
{
    return is_of(s, task, a) && (has_rephrase(s, a->rephrase) || !sg_task_is_rephrased(s, task) ||
                                 sg_method_is_free((enum sg_method)a->method));
}

void sg_arm_name(const struct sg_study *s, const struct sg_arm *a, char name[SG_ARM_NAME])
{
    name[0] = '\0';
    if (a->method < 0)
        return;
    int is_free = sg_method_is_free((enum sg_method)a->method);
    const char *v = s->variant[a->variant];
    int is_default = is_free || strcmp(v, "default") == 0;
    const char *by = is_free ? NULL : s->generator[a->generator].name;
    const char *method =
        a->method == SG_IMPORTED ? s->import[a->import].name : sg_method_name((enum sg_method)a->method);
    snprintf(name, SG_ARM_NAME, "%s%s%s%s%s%s%s%s%s", method,
             a->conditioning == SG_BY_NONE ? " unconditioned" : "", is_default ? "" : " ",
             is_default ? "" : v, a->rephrase ? " rephrased" : "", by ? " by " : "", by ? by : "",
             a->verify == SG_VERIFY_NONE  ? ""
             : a->verify == SG_VERIFY_LLM ? " llm_verified"
                                          : " verified",
             a->weighting == SG_WEIGHT_NONE ? "" : " dimp");
}

/* A task's cells of one classifier; its pools begin with pool `first`. Returns the first of the next task. */
static int expand_task(struct expansion *e, int task, enum sg_cell_classifier classifier, int first)
{
    const struct sg_study *s = e->s;
    int has = sg_task_has_classifier(s, task, classifier), pool = first;
    if (has && has_mix(s, SG_MIX_RAW))
        add_raw(e, task, classifier);
    for (int64_t a = 0; a < sg_arm_count(s, task); pool += (int)arm_pools(s, task, a++)) {
        struct sg_cell c = {.task = task, .classifier = classifier, .arm = sg_arm_get(s, a)};
        if (has && sg_arm_has_cells(s, task, &c.arm))
            add_arm(e, c, pool);
    }
    return pool;
}

static void expand(struct expansion *e)
{
    int pool = 0, next = 0;
    for (int task = 0; task < e->s->n_tasks; task++, pool = next)
        for (int k = 0; k < SG_N_CELL_CLASSIFIERS; k++)
            next = expand_task(e, task, (enum sg_cell_classifier)k, pool);
}

/* In floating point, where nothing overflows: an upper bound is enough. */
static double bound(const struct sg_study *s)
{
    double seeds = (double)s->seeds_generation * (double)s->seeds_data * (double)s->seeds_train;
    double raw = s->n_raw + 1.0,
           synthetic =
               (has_rephrase(s, 1) ? 2.0 : 1.0) * (double)n_sources(s) * s->n_sizes * s->n_mixes + 1.0;
    return (double)s->n_classifiers * s->n_weightings * s->n_verifies * s->n_tasks * seeds * raw * synthetic;
}

/* A task's pools, the first of which is pool `first`; returns how many. */
static int64_t add_pools(const struct sg_study *s, int task, int64_t first, struct sg_pool_key *pool)
{
    int64_t n = 0, n_of_sources = 0;
    for (int64_t a = 0; a < sg_arm_count(s, task); a++) {
        struct sg_arm arm = sg_arm_get(s, a);
        int64_t n_seeds = sg_arm_seeds(s, &arm), n_pools = arm_pools(s, task, a);
        n_of_sources += arm.rephrase ? 0 : n_pools;
        for (int64_t i = 0; i < n_pools; i++, n++)
            pool[n] = (struct sg_pool_key){.task = task,
                                           .arm = arm,
                                           .seed_data = shows_rows(&arm) ? i / n_seeds : -1,
                                           .seed_generation = i % n_seeds,
                                           .source = arm.rephrase ? first + n - n_of_sources : -1};
    }
    return n;
}

sg_status sg_grid_expand(const struct sg_study *s, struct sg_grid *out, struct sg_err *err)
{
    if (bound(s) > MAX_CELLS)
        return sg_fail(
            err, SG_INPUT,
            "%s: the grid has up to %.3g cells, and %d are the limit; hint: fewer seeds, sizes or methods",
            s->path, bound(s), MAX_CELLS);
    struct expansion e = {.s = s};
    expand(&e);
    int pools = has_mix(s, SG_MIX_SYNTHETIC) || has_mix(s, SG_MIX_BOTH);
    struct sg_grid g = {.n_cells = e.n};
    for (int t = 0; pools && t < s->n_tasks; t++)
        for (int64_t a = 0; a < sg_arm_count(s, t); a++)
            g.n_pools += arm_pools(s, t, a);
    g.cell = sg_alloc((size_t)g.n_cells, sizeof *g.cell);
    g.pool = sg_alloc((size_t)g.n_pools, sizeof *g.pool);
    if (!g.cell || !g.pool) {
        sg_grid_free(&g);
        return sg_fail_memory(err, (size_t)e.n * sizeof *g.cell);
    }
    e = (struct expansion){.s = s, .cell = g.cell};
    expand(&e);
    for (int64_t t = 0, i = 0; i < g.n_pools; t++)
        i += add_pools(s, (int)t, i, g.pool + i);
    *out = g;
    return SG_OK;
}

/* Of what a cell sees of its task: name, classes in order, how pairs are cut. Prompts reach it through its
 * pool's id alone, so that new wording leaves raw-only cells as they are. A chain, h = sha(h, sha(text)),
 * needs no memory. */
static void task_digest(const struct sg_task *t, char hex[SG_HEX])
{
    unsigned char chain[64] = {0};
    for (int k = -1; k < t->n_classes; k++) {
        const char *text = k < 0 ? t->name : t->class_[k].name;
        sg_sha256(text, strlen(text), chain + 32);
        sg_sha256(chain, sizeof chain, chain);
    }
    chain[32] = (unsigned char)t->cut;
    sg_sha256_hex(chain, 33, hex);
}

/* What a probe's id has in the place of the settings of a training. */
static void probe_id(const struct sg_study *s, char out[SG_TRAIN_ID])
{
    char c[32] = "auto";
    if (s->probe.c != SG_PROBE_C_AUTO)
        sg_format_double(s->probe.c, c);
    snprintf(out, SG_TRAIN_ID, "probe %s c %s max_length %lld", sg_pooling_name(s->probe.pooling), c,
             (long long)s->train.max_length);
}

/* What a view's id has beside its pool's: what the classifier of the raw rows is, and what the LLM is asked. */
static void view_id(const struct sg_cell *c, const char *probe, const char *const *verification_id, char *out,
                    size_t n)
{
    int is_llm = c->arm.verify == SG_VERIFY_LLM, has_model = sg_arm_needs_raw_model(&c->arm);
    out[0] = '\0';
    if (sg_arm_is_view(&c->arm))
        snprintf(out, n, " verify %s%s%s weighting %s%s%s", sg_verify_name(c->arm.verify), is_llm ? " " : "",
                 is_llm ? verification_id[c->pool] : "", sg_weighting_name(c->arm.weighting),
                 has_model ? " by " : "", has_model ? probe : "");
}

void sg_grid_ids(const struct sg_study *s, struct sg_grid *g, const char *const *pool_id,
                 const char *const *verification_id, const char *const *data_digest,
                 const char *encoder_digest)
{
    char train[SG_N_CELL_CLASSIFIERS][SG_TRAIN_ID], task[SG_HEX] = "";
    sg_train_settings_id(&s->train, train[SG_FINE_TUNE]);
    if (s->external) {
        size_t at = strlen(train[SG_FINE_TUNE]);
        snprintf(train[SG_FINE_TUNE] + at, SG_TRAIN_ID - at, " external %s", s->external_digest);
    }
    probe_id(s, train[SG_PROBE]);
    int last = -1;
    for (int64_t i = 0; i < g->n_cells; i++) {
        struct sg_cell *c = &g->cell[i];
        if (c->task != last)
            task_digest(&s->task[c->task], task);
        last = c->task;
        char text[2048];
        char view[SG_TRAIN_ID + SG_HEX + 100];
        view_id(c, train[SG_PROBE], verification_id, view, sizeof view);
        const char *draw = c->raw && s->raw_draw == SG_RAW_PROPORTIONAL ? " raw_draw proportional" : "";
        /* The first draw's pool is what it is without others, and so are its synthetic-only cells. */
        int64_t seed_data = c->mix == SG_MIX_SYNTHETIC && c->seed_data == 0 ? -1 : c->seed_data;
        int n = snprintf(text, sizeof text,
                         "synthgrid cell 1\ntask %s\ndata %s\nencoder %s\npool %s\nmix %s\nsize %lld\nraw "
                         "%lld\nseeds %lld %lld\n%s%s%s\n",
                         task, data_digest[c->task], encoder_digest, c->pool >= 0 ? pool_id[c->pool] : "-",
                         sg_mix_name(c->mix), (long long)c->size, (long long)c->raw, (long long)seed_data,
                         (long long)c->seed_train, train[c->classifier], draw, view);
        sg_sha256_hex(text, n < (int)sizeof text ? (size_t)n : sizeof text - 1, c->id);
    }
}

void sg_grid_free(struct sg_grid *g)
{
    if (!g)
        return;
    sg_free(g->cell);
    sg_free(g->pool);
    *g = (struct sg_grid){0};
}
