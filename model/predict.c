#include "base/cores.h"
#include "model/checkpoint.h"
#include "model/infer.h"

static sg_status infer_rows(const struct sg_config *config, const struct sg_source *source,
                            const struct sg_layout *layout, const struct sg_params *params,
                            const struct sg_examples *x, int64_t max_length, int64_t threads,
                            enum sg_precision precision, enum sg_infer_what what, enum sg_pooling pooling,
                            float *out, struct sg_err *err)
{
    struct sg_tokens tokens;
    const struct sg_ops *ops;
    SG_TRY(sg_ops_choose(precision, &ops, err));
    SG_TRY(sg_tokens_create(config, source->tokenizer, x, max_length, &tokens, err));
    struct sg_infer job = {.config = config,
                           .ops = ops,
                           .shape = &layout->shape,
                           .params = params,
                           .tokens = &tokens,
                           .what = what,
                           .pooling = pooling};
    sg_status status = sg_infer_run(&job, 0, x->n, threads > 0 ? (int)threads : sg_cores(), out, err);
    sg_tokens_destroy(&tokens);
    return status;
}

sg_status sg_predict(const struct sg_model *m, const struct sg_examples *x, int64_t max_length,
                     int64_t threads, enum sg_precision precision, float *logits, struct sg_err *err)
{
    return infer_rows(&m->config, m->source, &m->layout, &m->params, x, max_length, threads, precision,
                      SG_INFER_LOGITS, SG_POOLING_MEAN, logits, err);
}

const char *sg_pooling_name(int pooling)
{
    static const char *const name[] = {[SG_POOLING_MEAN] = "mean", [SG_POOLING_FIRST] = "first"};
    return pooling >= 0 && pooling < SG_N_POOLINGS ? name[pooling] : NULL;
}

sg_status sg_embed(const struct sg_encoder *e, const struct sg_examples *x, int64_t max_length,
                   enum sg_pooling pooling, int64_t threads, float *out, struct sg_err *err)
{
    return infer_rows(&e->config, e->source, &e->layout, &e->params, x, max_length, threads, SG_FP32,
                      SG_INFER_EMBEDDING, pooling, out, err);
}
