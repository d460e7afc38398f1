#include "experiments/study/evaluation_impl.h"

struct own {
    struct sg_evaluation_classes c; /* first */
    struct sg_pool *pool;           /* borrowed */
    int64_t i_pool;                 /* its place in the grid */
    char arm[SG_ARM_NAME];
};

static void make_id(struct sg_evaluation *e)
{
    const struct own *o = e->own;
    char text[300];
    int n = snprintf(text, sizeof text, "synthgrid verification 1\nclassifier %s\npool %s\n",
                     sg_classifier_id(o->c.classifier), sg_pool_id(o->pool));
    sg_sha256_hex(text, (size_t)n, e->id);
}

static sg_status make(const struct sg_evaluation_source *from, struct sg_evaluation *e, int64_t pool,
                      struct sg_err *err)
{
    const struct sg_study *s = from->study;
    struct own *o = e->own;
    o->c.spec = (struct sg_classifier_spec){.task = e->task,
                                            .generator = e->generator,
                                            .temperature = 0,
                                            .max_tokens = s->eval.max_tokens,
                                            .structured = s->structured_output};
    o->pool = from->pool[pool];
    o->i_pool = pool;
    e->n_expected = s->size[s->n_sizes - 1];
    sg_arm_name(s, &from->grid->pool[pool].arm, o->arm);
    SG_TRY(sg_classifier_create(&o->c.spec, &o->c.classifier, err));
    make_id(e);
    return SG_OK;
}

/* Whether a cell sees the pool by what an LLM says of it. */
static int is_wanted(const struct sg_grid *g, int64_t pool)
{
    int yes = 0;
    for (int64_t i = 0; i < g->n_cells && !yes; i++)
        yes = g->cell[i].pool == pool && g->cell[i].arm.verify == SG_VERIFY_LLM;
    return yes;
}

int64_t sg_evaluations_verify_most(const struct sg_evaluation_source *from)
{
    return sg_study_asks_llm_to_verify(from->study) ? from->grid->n_pools : 0;
}

sg_status sg_evaluations_verify(const struct sg_evaluation_source *from, struct sg_evaluation **list,
                                int64_t *n, struct sg_err *err)
{
    int64_t most = sg_evaluations_verify_most(from);
    for (int64_t i = 0; i < most; i++) {
        const struct sg_pool_key *k = &from->grid->pool[i];
        struct sg_evaluation *e;
        if (!is_wanted(from->grid, i))
            continue;
        SG_TRY(sg_evaluation_begin(&sg_evaluation_verify, from, k->task,
                                   sg_arm_verifier(from->study, &k->arm), sizeof(struct own), &e, err));
        sg_status status = make(from, e, i, err);
        if (status != SG_OK) {
            sg_evaluation_destroy(e);
            return status;
        }
        list[(*n)++] = e; /* no two are of one pool */
    }
    return SG_OK;
}

/* ---- asking ---- */

static sg_status open_(struct sg_evaluation *e, struct sg_err *err)
{
    struct own *o = e->own;
    if (!sg_pool_complete(o->pool))
        return SG_OK;
    int64_t n = sg_pool_n(o->pool);
    if (!o->c.answer && !(o->c.answer = sg_alloc((size_t)n + 1, sizeof *o->c.answer)))
        return sg_fail_memory(err, (size_t)n * sizeof *o->c.answer);
    SG_TRY(sg_evaluation_make_room(e, n, err));
    for (int64_t i = 0; i < n; i++)
        e->row[i] = i;
    return SG_OK;
}

/* Before there are examples a training row stands for one, for estimates. */
static sg_status request(const struct sg_evaluation *e, int64_t i, struct sg_request *out, struct sg_err *err)
{
    const struct own *o = e->own;
    if (!e->is_open)
        return e->data->train.n ? sg_classifier_request(o->c.classifier, i, &e->data->train.row[0], out, err)
                                : sg_fail(err, SG_FAILED, "there are no rows to estimate a request by");
    struct sg_pool_example x = sg_pool_get(o->pool, i);
    struct sg_row row = {.first = (char *)(uintptr_t)x.first, .second = (char *)(uintptr_t)x.second};
    return sg_classifier_request(o->c.classifier, i, &row, out, err);
}

/* ---- what there is ---- */

static int64_t seed(const struct sg_evaluation *e)
{
    (void)e;
    return 0;
}

static void name(const struct sg_evaluation *e, char *what, size_t size)
{
    const struct own *o = e->own;
    snprintf(what, size, "verification of %s", o->arm);
}

static json_t *settings(const struct sg_evaluation *e)
{
    const struct own *o = e->own;
    return json_pack("{s:s, s:s, s:I, s:f, s:I, s:b}", "pool", sg_pool_id(o->pool), "method", o->arm, "n",
                     (json_int_t)e->n_expected, "temperature", o->c.spec.temperature, "max_tokens",
                     (json_int_t)o->c.spec.max_tokens, "structured", o->c.spec.structured);
}

int64_t sg_evaluation_pool(const struct sg_evaluation *e)
{
    const struct own *o = e->own;
    return e->kind == &sg_evaluation_verify ? o->i_pool : -1;
}

static struct sg_evaluation_row get(const struct sg_evaluation *e, int64_t i)
{
    const struct own *o = e->own;
    return sg_evaluation_class_row(e, i, i, sg_pool_get(o->pool, i).label);
}

const struct sg_evaluation_kind sg_evaluation_verify = {.destroy = sg_evaluation_destroy_classes,
                                                        .open = open_,
                                                        .request = request,
                                                        .read = sg_evaluation_read_class,
                                                        .preview = sg_evaluation_preview_class,
                                                        .is_unparsable = sg_evaluation_is_no_class,
                                                        .tokens_out = sg_evaluation_tokens_of_class,
                                                        .seed = seed,
                                                        .name = name,
                                                        .settings = settings,
                                                        .get = get};
