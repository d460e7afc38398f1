#include "scratch.h"

#include "base/mem.h"
#include "experiments/study/study.h"

static struct sg_study *make(int n, const char *const *overrides)
{
    struct sg_study *s = NULL;
    struct sg_err err = {0};
    put("s.yaml", base_study);
    if (sg_study_read("s.yaml", n, overrides, &s, &err) != SG_OK)
        fail_msg("%s", err.text);
    return s;
}

static void put_task(const char *name)
{
    char path[64], text[2000];
    snprintf(path, sizeof path, "tasks/%s.yaml", name);
    snprintf(text, sizeof text, "task: %s%s", name, strchr(single_task, '\n'));
    put(path, text);
}

static int count(const struct sg_grid *g, enum sg_mix mix)
{
    int n = 0;
    for (int64_t i = 0; i < g->n_cells; i++)
        n += g->cell[i].mix == mix;
    return n;
}

/* The quickstart's shape: 6 tasks x (1 raw + 5 methods x 2 sizes x 2 mixes). */
static void test_quickstart(void **state)
{
    (void)state;
    static const char *const name[] = {"t1", "t2", "t3", "t4", "t5", "t6"};
    for (int i = 0; i < 6; i++)
        put_task(name[i]);
    const char *o[] = {"tasks=[t1,t2,t3,t4,t5,t6]"};
    struct sg_study *s = make(1, o);
    struct sg_grid g;
    struct sg_err err = {0};
    assert_int_equal(sg_grid_expand(s, &g, &err), SG_OK);
    assert_int_equal(g.n_cells, 126);
    assert_int_equal(g.n_pools, 30);
    assert_int_equal(count(&g, SG_MIX_RAW), 6);
    assert_int_equal(count(&g, SG_MIX_SYNTHETIC), 60);
    assert_int_equal(count(&g, SG_MIX_BOTH), 60);
    assert_int_equal(g.pool[29].task, 5);
    assert_int_equal(g.pool[29].arm.method, SG_FEW_SHOT_5);
    sg_grid_free(&g);
    sg_study_destroy(s);
}

static void test_counts(void **state)
{
    (void)state;
    static const struct {
        const char *o[4];
        int n, raw, synthetic, both, pools;
    } row[] = {
        {{"mixes=[raw]", "raw=[10,20]", "seeds={data: 3, train: 2, generation: 5}"}, 3, 12, 0, 0, 0},
        {{"mixes=[raw]", "sizes="}, 2, 1, 0, 0, 0},
        /* synthetic-only: generation x train, whatever raw sizes and data seeds there are */
        {{"mixes=[synthetic]", "raw=[10,20]", "seeds={data: 3, train: 2, generation: 5}",
          "methods=[zero_shot]"},
         4,
         0,
         20,
         0,
         5},
        {{"mixes=[synthetic]", "raw="}, 2, 0, 10, 0, 5},
        {{"mixes=[raw+synthetic]", "raw=[10,20]", "seeds={data: 3, train: 2, generation: 5}",
          "methods=[zero_shot]"},
         4,
         0,
         0,
         120,
         5},
        /* each draw has a one_shot pool of its own; or the first one's is for it alone */
        {{"raw=[10,20]", "seeds.data=2", "seeds.train=3", "methods=[one_shot, zero_shot]"}, 4, 12, 18, 48, 3},
        {{"raw=[10,20]", "seeds={data: 2, train: 3}", "methods=[one_shot, zero_shot]", "few_shot_rows=first"},
         4,
         12,
         12,
         36,
         2},
        /* without raw rows, prompts show all rows there are: no draws */
        {{"mixes=[synthetic]", "raw=", "seeds.data=3"}, 3, 0, 10, 0, 5},
        {{"mixes=[synthetic]", "seeds.data=3"}, 2, 0, 22, 0, 11},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sg_study *s = make(row[i].n, row[i].o);
        struct sg_grid g;
        struct sg_err err = {0};
        assert_int_equal(sg_grid_expand(s, &g, &err), SG_OK);
        assert_int_equal(count(&g, SG_MIX_RAW), row[i].raw);
        assert_int_equal(count(&g, SG_MIX_SYNTHETIC), row[i].synthetic);
        assert_int_equal(count(&g, SG_MIX_BOTH), row[i].both);
        assert_int_equal(g.n_cells, row[i].raw + row[i].synthetic + row[i].both);
        assert_int_equal(g.n_pools, row[i].pools);
        for (int64_t k = 0; k < g.n_cells; k++) {
            const struct sg_cell *c = &g.cell[k];
            if (c->mix == SG_MIX_RAW)
                assert_true(c->pool == -1 && c->arm.method == -1 && c->size == 0 && c->raw > 0 &&
                            c->seed_generation == -1);
            else {
                const struct sg_pool_key *p = &g.pool[c->pool];
                assert_true(p->task == c->task && p->arm.method == c->arm.method &&
                            p->seed_generation == c->seed_generation);
                assert_true(c->size > 0 && (c->mix == SG_MIX_BOTH) == (c->raw > 0));
                int shows = sg_method_shows_rows((enum sg_method)c->arm.method);
                int has_own = sg_arm_draws(s, &c->arm) > 1;
                assert_true((c->mix == SG_MIX_BOTH || has_own) == (c->seed_data >= 0));
                assert_true(shows ? p->seed_data == (c->seed_data < 0 ? 0 : c->seed_data)
                                  : p->seed_data == -1);
            }
        }
        sg_grid_free(&g);
        sg_study_destroy(s);
    }
}

/* Conditioning and wording are axes of the synthetic cells alone, each arm with pools of its own. */
static void test_arms(void **state)
{
    (void)state;
    put("tasks/worded.yaml",
        "task: worded\nclasses: {no: negative, yes: positive}\n"
        "prompts: {zero_shot: 'A {class} one.'}\n"
        "unconditioned: {zero_shot: 'One of {classes}.'}\n"
        "prompt_variants:\n"
        "  formal: {zero_shot: 'Sir, a {class} one.', unconditioned: {zero_shot: 'Sir, {classes}.'}}\n");
    const char *o[] = {"tasks=[worded]", "methods=[zero_shot]", "conditioning=[label,none]",
                       "prompt_variants=[formal,default]", "seeds.generation=3"};
    struct sg_study *s = make(5, o);
    struct sg_grid g;
    struct sg_err err = {0};
    assert_int_equal(sg_grid_expand(s, &g, &err), SG_OK);
    assert_int_equal(g.n_pools, 12);
    assert_int_equal(count(&g, SG_MIX_RAW), 1);
    assert_int_equal(count(&g, SG_MIX_SYNTHETIC), 4 * 2 * 3);
    int seen[2][2][3] = {0};
    for (int64_t i = 0; i < g.n_pools; i++)
        seen[g.pool[i].arm.conditioning][g.pool[i].arm.variant][g.pool[i].seed_generation]++;
    for (int i = 0; i < 12; i++)
        assert_int_equal(((int *)seen)[i], 1);
    for (int64_t i = 0; i < g.n_cells; i++)
        if (g.cell[i].pool >= 0) {
            const struct sg_pool_key *k = &g.pool[g.cell[i].pool];
            assert_int_equal(k->arm.conditioning, g.cell[i].arm.conditioning);
            assert_int_equal(k->arm.variant, g.cell[i].arm.variant);
            assert_int_equal(k->seed_generation, g.cell[i].seed_generation);
        }
    static const char *const name[2][2] = {{"zero_shot formal", "zero_shot"},
                                           {"zero_shot unconditioned formal", "zero_shot unconditioned"}};
    for (int c = 0; c < 2; c++)
        for (int v = 0; v < 2; v++) {
            char arm[SG_ARM_NAME];
            sg_arm_name(s, &(struct sg_arm){.method = SG_ZERO_SHOT, .conditioning = c, .variant = v}, arm);
            assert_string_equal(arm, name[c][v]);
        }
    sg_grid_free(&g);
    sg_study_destroy(s);
}

/* Generators as an axis: pools and cells of each, with its name; raw-only cells have none; rephrasings stay with theirs. */
static void test_generators(void **state)
{
    (void)state;
    const char *o[] = {"generators={b: {model: y}, a: {model: x}}", "generators.b.api_key_env=KEY",
                       "methods=[zero_shot,one_shot]", "seeds.generation=3", "rephrase=[false,true]"};
    put("tasks/again.yaml",
        "task: again\nclasses: {no: negative, yes: positive}\n"
        "prompts: {zero_shot: 'A {class} one.', few_shot: 'A {class} one like {examples}', "
        "example: '{text}', rephrase: 'Say {text} again.'}\n");
    const char *with_task[6] = {"tasks=[again]"};
    memcpy(with_task + 1, o, sizeof o);
    struct sg_study *s = make(6, with_task);
    struct sg_grid g;
    struct sg_err err = {0};
    assert_int_equal(sg_grid_expand(s, &g, &err), SG_OK);
    assert_int_equal(g.n_pools, 2 * 2 * 2 * 3);
    assert_int_equal(count(&g, SG_MIX_RAW), 1);
    assert_int_equal(count(&g, SG_MIX_SYNTHETIC), 2 * 2 * 2 * 2 * 3);
    for (int64_t i = 0; i < g.n_pools; i++) {
        const struct sg_pool_key *k = &g.pool[i];
        assert_int_equal(k->arm.generator, i / 6 % 2);
        if (k->source < 0)
            continue;
        const struct sg_pool_key *from = &g.pool[k->source];
        assert_true(from->arm.generator == k->arm.generator && from->arm.method == k->arm.method &&
                    from->seed_generation == k->seed_generation && !from->arm.rephrase);
    }
    for (int64_t i = 0; i < g.n_cells; i++)
        if (g.cell[i].pool >= 0) {
            assert_int_equal(g.pool[g.cell[i].pool].arm.generator, g.cell[i].arm.generator);
            assert_int_equal(g.pool[g.cell[i].pool].arm.method, g.cell[i].arm.method);
        }
    char name[SG_ARM_NAME];
    sg_arm_name(s, &g.pool[0].arm, name);
    assert_string_equal(name, "zero_shot by a");
    sg_arm_name(s, &g.pool[g.n_pools - 1].arm, name);
    assert_string_equal(name, "one_shot rephrased by b");
    sg_arm_name(s, &g.cell[0].arm, name);
    assert_string_equal(name, ""); /* raw-only */
    sg_grid_free(&g);
    sg_study_destroy(s);
}

/* A free method has one arm, whatever generators, conditionings, wordings and rephrasings there are, and cells with each mix; what is bought
 * stays as it is without it. */
static void test_free_methods(void **state)
{
    (void)state;
    put("tasks/free.yaml", "task: free\nclasses: {no: negative, yes: positive}\n"
                           "prompts: {zero_shot: 'A {class} one.', rephrase: 'Say {text} again.'}\n"
                           "unconditioned: {zero_shot: 'One of {classes}.'}\n"
                           "prompt_variants: {formal: {zero_shot: 'Sir, {class}.', unconditioned: "
                           "{zero_shot: 'Sir, {classes}.'}}}\n");
    const char *o[] = {"tasks=[free]",
                       "methods=[eda,zero_shot]",
                       "generators={b: {model: y}, a: {model: x}}",
                       "conditioning=[none,label]",
                       "prompt_variants=[formal,default]",
                       "seeds={generation: 2, data: 3}",
                       "rephrase=[true]"};
    struct sg_study *s = make(7, o);
    struct sg_grid g, without;
    struct sg_err err = {0};
    assert_int_equal(sg_grid_expand(s, &g, &err), SG_OK);
    assert_int_equal(g.n_pools, (2 * 2 * 2) * 2 + 3 * 2 + (2 * 2 * 2) * 2);
    int n_free = 0;
    for (int64_t i = 0; i < g.n_pools; i++) {
        const struct sg_pool_key *k = &g.pool[i];
        char name[SG_ARM_NAME];
        if (k->source >= 0) /* the same place among those that are bought, which come first */
            assert_int_equal(k->source, i - 16 - 6);
        if (k->arm.method != SG_EDA)
            continue;
        sg_arm_name(s, &k->arm, name);
        assert_string_equal(name, "eda");
        assert_true(k->seed_data == n_free / 2 && k->seed_generation == n_free % 2 && k->source < 0);
        assert_true(!k->arm.rephrase && !k->arm.generator && !k->arm.variant &&
                    k->arm.conditioning == SG_BY_LABEL);
        n_free++;
    }
    assert_int_equal(n_free, 6);
    int n_mixed = 0;
    for (int64_t i = 0; i < g.n_cells; i++) {
        const struct sg_cell *c = &g.cell[i];
        assert_true(c->arm.method == SG_EDA ? !c->arm.rephrase : c->pool < 0 || c->arm.rephrase);
        n_mixed += c->arm.method == SG_EDA && c->mix == SG_MIX_BOTH;
        if (c->arm.method == SG_EDA)
            assert_int_equal(g.pool[c->pool].seed_data, c->seed_data);
    }
    assert_int_equal(n_mixed, 2 * s->n_raw * 6); /* sizes, raw sizes, draws and seeds of pools */
    sg_study_destroy(s);
    o[1] = "methods=[zero_shot]";
    s = make(7, o);
    assert_int_equal(sg_grid_expand(s, &without, &err), SG_OK);
    assert_int_equal(without.n_pools, g.n_pools - 6);
    for (int64_t i = 0; i < 16; i++)
        assert_memory_equal(&without.pool[i].arm, &g.pool[i].arm, sizeof g.pool[i].arm);
    sg_grid_free(&g);
    sg_grid_free(&without);
    sg_study_destroy(s);
}

/* Views are raw+synthetic cells of the same pools; the others, and their ids, are what they are without. */
static void test_views(void **state)
{
    (void)state;
    const char *o[] = {"methods=[zero_shot,one_shot]", "seeds.train=2", "weighting=[none,dimp]",
                       "verify=[raw_classifier,llm,none]"};
    static const char *const names[] = {"zero_shot",
                                        "zero_shot dimp",
                                        "zero_shot verified",
                                        "zero_shot verified dimp",
                                        "zero_shot llm_verified",
                                        "zero_shot llm_verified dimp"};
    const char *pool[] = {"pool 0", "pool 1"}, *said[] = {"said 0", "said 1"},
               *other[] = {"said 2", "said 1"}, *data[] = {"data"};
    struct sg_study *plain = make(2, o), *s = make(4, o),
                    *only = make(3, (const char *[]){o[0], o[1], "weighting=[dimp]"});
    struct sg_grid a, g, b, h;
    struct sg_err err = {0};
    assert_int_equal(sg_grid_expand(plain, &a, &err), SG_OK);
    assert_int_equal(sg_grid_expand(s, &h, &err), SG_OK);
    assert_int_equal(sg_grid_expand(s, &g, &err), SG_OK);
    assert_int_equal(sg_grid_expand(only, &b, &err), SG_OK);
    assert_true(!sg_study_has_views(plain) && sg_study_has_views(s) && sg_study_has_views(only));
    assert_true(!sg_study_asks_llm_to_verify(only) && sg_study_asks_llm_to_verify(s));
    sg_grid_ids(plain, &a, pool, NULL, data, "encoder");
    sg_grid_ids(s, &g, pool, said, data, "encoder");
    sg_grid_ids(s, &h, pool, other, data, "encoder");
    assert_int_equal(g.n_pools, a.n_pools);
    assert_int_equal(count(&g, SG_MIX_RAW), count(&a, SG_MIX_RAW));
    assert_int_equal(count(&g, SG_MIX_SYNTHETIC), count(&a, SG_MIX_SYNTHETIC));
    assert_int_equal(count(&g, SG_MIX_BOTH), 6 * count(&a, SG_MIX_BOTH));
    assert_int_equal(b.n_cells, a.n_cells);
    int64_t n_same = 0;
    int seen[6] = {0};
    for (int64_t i = 0; i < g.n_cells; i++) {
        const struct sg_cell *c = &g.cell[i];
        char name[SG_ARM_NAME];
        sg_arm_name(s, &c->arm, name);
        for (int k = 0; k < 6; k++)
            seen[k] += strcmp(name, names[k]) == 0;
        /* Whoever asks another question has other cells. */
        assert_int_equal(strcmp(h.cell[i].id, c->id) != 0, c->pool == 0 && c->arm.verify == SG_VERIFY_LLM);
        assert_int_equal(sg_arm_needs_raw_model(&c->arm),
                         c->arm.weighting == SG_WEIGHT_DIMP || c->arm.verify == SG_VERIFY_RAW_CLASSIFIER);
        for (int64_t k = 0; k < i; k++)
            assert_string_not_equal(g.cell[k].id, c->id);
        for (int64_t k = 0; k < a.n_cells; k++)
            n_same += strcmp(a.cell[k].id, c->id) == 0;
        assert_true(!sg_arm_is_view(&c->arm) || (c->mix == SG_MIX_BOTH && c->pool >= 0 && c->raw > 0));
    }
    for (int64_t i = 0; i < b.n_cells; i++)
        assert_int_equal(sg_arm_is_view(&b.cell[i].arm), b.cell[i].mix == SG_MIX_BOTH);
    assert_int_equal(n_same, a.n_cells);
    assert_true(seen[0] > seen[1] && seen[1] > 0);
    for (int k = 2; k < 6; k++)
        assert_int_equal(seen[k], seen[1]);
    sg_grid_free(&h);
    sg_grid_free(&a);
    sg_grid_free(&g);
    sg_grid_free(&b);
    sg_study_destroy(plain);
    sg_study_destroy(s);
    sg_study_destroy(only);
}

static void test_too_large(void **state)
{
    (void)state;
    const char *o[] = {"seeds={data: 1000, train: 1000, generation: 1000}"};
    struct sg_study *s = make(1, o);
    struct sg_grid g = {.n_cells = 7};
    struct sg_err err = {0};
    assert_int_equal(sg_grid_expand(s, &g, &err), SG_INPUT);
    assert_int_equal(g.n_cells, 7);
    assert_string_equal(err.text, "s.yaml: the grid has up to 6.2e+10 cells, and 10000000 are the limit; "
                                  "hint: fewer seeds, sizes or methods");
    sg_study_destroy(s);
}

/* What is shipped reads without a complaint, and is as large as it says. Runs in the source folder, before
 * the scratch one. */
static void test_shipped(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int64_t n_cells, n_pools;
    } row[] = {{"experiments/grid.yaml", 126, 30},
               {"experiments/paper.yaml",
                6 * (9 + 5 * 4 * 3 + 4 * (2 * 9 + 3 * 3)) + 5 * 4 * 3 + 4 * (2 * 9 + 3 * 3), 35}};
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sg_study *s;
        struct sg_grid g;
        struct sg_err err = {0};
        if (sg_study_read(row[i].path, 0, NULL, &s, &err) != SG_OK)
            fail_msg("%s", err.text);
        assert_int_equal(s->n_tasks, 6);
        assert_int_equal(sg_grid_expand(s, &g, &err), SG_OK);
        assert_int_equal(g.n_cells, row[i].n_cells);
        assert_int_equal(g.n_pools, row[i].n_pools);
        sg_grid_free(&g);
        sg_study_destroy(s);
    }
}

/* The sample rows suit their tasks, and there are enough of them. */
static void test_sample(void **state)
{
    (void)state;
    struct sg_study *s;
    struct sg_err err = {0};
    assert_int_equal(sg_study_read("experiments/grid.yaml", 0, NULL, &s, &err), SG_OK);
    for (int t = 0; t < s->n_tasks; t++) {
        struct sg_task_data d;
        int64_t index[1000], raw = s->raw[s->n_raw - 1];
        if (sg_task_data_read(s, t, &d, &err) != SG_OK)
            fail_msg("%s", err.text);
        assert_true(d.test.n >= 60 && raw <= 1000);
        if (sg_raw_draw(&d, s->task[t].n_classes, raw, 0, index, &err) != SG_OK)
            fail_msg("%s", err.text);
        sg_task_data_free(&d);
    }
    sg_study_destroy(s);
}

/* The ids of a study's cells, joined by blanks. */
static void ids(int n, const char *const *overrides, const char *pool, const char *data, const char *encoder,
                char *out)
{
    struct sg_study *s = make(n, overrides);
    struct sg_grid g;
    struct sg_err err = {0};
    assert_int_equal(sg_grid_expand(s, &g, &err), SG_OK);
    const char *pools[64];
    for (int i = 0; i < 64; i++)
        pools[i] = pool;
    sg_grid_ids(s, &g, pools, pools, &data, encoder);
    *out = 0;
    for (int64_t i = 0; i < g.n_cells; i++) {
        assert_int_equal(strlen(g.cell[i].id), 64);
        assert_null(strstr(out, g.cell[i].id)); /* all different */
        strcat(strcat(out, g.cell[i].id), " ");
    }
    sg_grid_free(&g);
    sg_study_destroy(s);
}

static void test_ids(void **state)
{
    (void)state;
    static char a[8000], b[8000];
    const char *base[] = {"methods=[zero_shot]", "raw=[10,20]", "seeds.train=2"};
    ids(3, base, "pool", "data", "encoder", a);
    ids(3, base, "pool", "data", "encoder", b);
    assert_string_equal(a, b);
    static const char *const same[] = {"train.threads=2", "results=/elsewhere",      "study=other",
                                       "budget.usd=3",    "generator.connections=1", "train.precision=fp32",
                                       "train.freeze=0"};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        const char *o[] = {base[0], base[1], base[2], same[i]};
        ids(4, o, "pool", "data", "encoder", b);
        assert_string_equal(a, b);
    }
    static const char *const other[] = {
        "train.epochs=4",      "train.steps=9",  "train.batch=8",        "train.lr=1e-5",
        "train.max_length=64", "train.warmup=0", "train.weight_decay=0", "train.clip=0",
        "train.dropout=0",     "train.lanes=2",  "train.precision=bf16", "train.min_steps=7",
        "train.min_steps=0",   "train.layers=1", "train.freeze=1",       "tasks=[again]"};
    /* How raw rows are drawn: of cells that have some. */
    const char *draw[] = {base[0], base[1], base[2], "raw_draw=balanced"};
    ids(4, draw, "pool", "data", "encoder", b);
    assert_string_equal(a, b);
    draw[3] = "raw_draw=proportional";
    ids(4, draw, "pool", "data", "encoder", b);
    assert_memory_not_equal(a, b, 64);
    static char c[8000];
    const char *synthetic[] = {"methods=[zero_shot]", "mixes=[synthetic]", "raw_draw=balanced"};
    ids(3, synthetic, "pool", "data", "encoder", b);
    synthetic[2] = "raw_draw=proportional";
    ids(3, synthetic, "pool", "data", "encoder", c);
    assert_string_equal(b, c);
    put_task("again");
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
        const char *o[] = {base[0], base[1], base[2], other[i]};
        ids(4, o, "pool", "data", "encoder", b);
        for (size_t k = 0; a[k]; k += 65)
            assert_memory_not_equal(a + k, b + k, 64);
    }
    ids(3, base, "pool", "data2", "encoder", b);
    assert_memory_not_equal(a, b, 64);
    ids(3, base, "pool", "data", "encoder2", b);
    assert_memory_not_equal(a, b, 64);
    ids(3, base, "pool2", "data", "encoder", b);
    assert_memory_equal(a, b, 4 * 65); /* the four raw-only cells have no pool */
    assert_memory_not_equal(a + 4 * 65, b + 4 * 65, 64);
}

/* New wording of a prompt, or a title, leaves raw-only cells alone; another order of classes does not. */
static void test_ids_of_task(void **state)
{
    (void)state;
    static char a[8000], b[8000];
    const char *o[] = {"mixes=[raw]"};
    ids(1, o, "pool", "data", "encoder", a);
    char text[2000];
    snprintf(text, sizeof text, "%stitle: Another\n", single_task);
    put("tasks/single.yaml", text);
    ids(1, o, "pool", "data", "encoder", b);
    assert_string_equal(a, b);
    put("tasks/single.yaml", "task: single\nclasses: [yes, no]\n");
    ids(1, o, "pool", "data", "encoder", b);
    put("tasks/single.yaml", single_task);
    assert_string_not_equal(a, b);
}

static void test_memory(void **state)
{
    (void)state;
    struct sg_study *s = make(0, NULL);
    size_t before = sg_mem_now();
    for (long n = 1; n <= 2; n++) {
        struct sg_grid g;
        struct sg_err err = {0};
        sg_mem_fail_at(n);
        assert_int_equal(sg_grid_expand(s, &g, &err), SG_FAILED);
        assert_true(sg_mem_fail_at(0));
        assert_int_equal(sg_mem_now(), before);
    }
    sg_study_destroy(s);
}

/* A pool of rephrasings follows its source, and takes nothing from it but the arm; with [true] alone the sources have no
 * cells; the grid of [false] is what it was before there was this axis. */
static void test_rephrase(void **state)
{
    (void)state;
    static const struct {
        const char *rephrase;
        int n_pools, n_synthetic, n_plain;
    } rows[] = {{"rephrase=[false]", 4, 8, 8},
                {"rephrase=[false,true]", 8, 16, 8},
                {"rephrase=[true]", 8, 8, 0},
                {"rephrase=[true,false]", 8, 16, 8}};
    struct sg_err err = {0};
    char text[2000];
    snprintf(text, sizeof text, "task: again%s  rephrase: Say %s in other words.\n",
             strchr(single_task, '\n'), "{text}");
    put("tasks/again.yaml", text);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        const char *o[] = {"tasks=[again]", "methods=[zero_shot,one_shot]", "seeds.generation=2",
                           "mixes=[synthetic]", rows[r].rephrase};
        struct sg_study *s = make(5, o);
        struct sg_grid g;
        assert_int_equal(sg_grid_expand(s, &g, &err), SG_OK);
        assert_int_equal(g.n_pools, rows[r].n_pools);
        assert_int_equal(g.n_cells, rows[r].n_synthetic);
        for (int64_t i = 0; i < g.n_pools; i++) {
            struct sg_pool_key k = g.pool[i];
            assert_int_equal(k.arm.rephrase, i >= 4);
            assert_int_equal(k.source, i >= 4 ? i - 4 : -1);
            if (k.source < 0)
                continue;
            struct sg_pool_key from = g.pool[k.source];
            assert_true(from.arm.method == k.arm.method && from.seed_generation == k.seed_generation &&
                        !from.arm.rephrase);
        }
        int n_plain = 0;
        for (int64_t i = 0; i < g.n_cells; i++) {
            n_plain += !g.cell[i].arm.rephrase;
            assert_int_equal(g.pool[g.cell[i].pool].arm.rephrase, g.cell[i].arm.rephrase);
            assert_int_equal(g.pool[g.cell[i].pool].arm.method, g.cell[i].arm.method);
            assert_int_equal(g.pool[g.cell[i].pool].seed_generation, g.cell[i].seed_generation);
        }
        assert_int_equal(n_plain, rows[r].n_plain);
        char name[SG_ARM_NAME];
        sg_arm_name(s, &g.pool[g.n_pools - 1].arm, name);
        assert_string_equal(name, r ? "one_shot rephrased" : "one_shot");
        sg_grid_free(&g);
        sg_study_destroy(s);
    }
}

/* Of the tasks that are named alone; the others have their cells whatever `rephrase` says. */
static void test_rephrase_tasks(void **state)
{
    (void)state;
    const char *o[] = {"tasks=[single,again]", "methods=[zero_shot,one_shot]", "mixes=[synthetic]",
                       "rephrase=[true]",      "rephrase_tasks=[again]",       "seeds.generation=2"};
    struct sg_study *s = make(6, o);
    struct sg_err err = {0};
    struct sg_grid g;
    assert_int_equal(sg_grid_expand(s, &g, &err), SG_OK);
    assert_int_equal(g.n_pools, 4 + 8);
    assert_int_equal(g.n_cells, 8 + 8);
    for (int64_t i = 0; i < g.n_pools; i++) {
        assert_int_equal(g.pool[i].task, i >= 4);
        assert_int_equal(g.pool[i].source, i >= 8 ? i - 4 : -1);
    }
    for (int64_t i = 0; i < g.n_cells; i++) {
        assert_int_equal(g.cell[i].arm.rephrase, g.cell[i].task == 1);
        assert_int_equal(g.pool[g.cell[i].pool].task, g.cell[i].task);
        assert_int_equal(g.pool[g.cell[i].pool].arm.rephrase, g.cell[i].arm.rephrase);
        assert_int_equal(g.pool[g.cell[i].pool].seed_generation, g.cell[i].seed_generation);
    }
    sg_grid_free(&g);
    sg_study_destroy(s);
    const char *bad = "rephrase_tasks=[agian]";
    assert_int_equal(sg_study_read("s.yaml", 1, &bad, &s, &err), SG_INPUT);
    assert_non_null(strstr(err.text, "rephrase_tasks names \"agian\""));
}

int main(void)
{
    const struct CMUnitTest shipped[] = {cmocka_unit_test(test_shipped), cmocka_unit_test(test_sample)};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quickstart),   cmocka_unit_test(test_counts),
        cmocka_unit_test(test_arms),         cmocka_unit_test(test_generators),
        cmocka_unit_test(test_free_methods), cmocka_unit_test(test_views),
        cmocka_unit_test(test_too_large),    cmocka_unit_test(test_ids),
        cmocka_unit_test(test_ids_of_task),  cmocka_unit_test(test_memory),
        cmocka_unit_test(test_rephrase),     cmocka_unit_test(test_rephrase_tasks),
    };
    int n_failed = cmocka_run_group_tests(shipped, NULL, NULL);
    return n_failed + cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
