/* In place of llama.c where there is no libllama. */
#include "gen/llm/llama.h"

sg_status sg_llama_create(const struct sg_generator *g, int64_t connections, struct sg_llama **out,
                          struct sg_err *err)
{
    (void)g, (void)connections, (void)out;
    return sg_fail(
        err, SG_INPUT,
        "generator.provider: llama: this synthgrid was built without libllama; hint: install "
        "llama.cpp (its llama.pc must be found by pkg-config) and run ./setup again, or use a server");
}

void sg_llama_destroy(struct sg_llama *l)
{
    (void)l;
}

const char *sg_llama_origin(const struct sg_llama *l)
{
    (void)l;
    return "llama";
}

sg_status sg_llama_send(struct sg_llama *l, int64_t id, const struct sg_request *q, struct sg_err *err)
{
    (void)l, (void)id, (void)q;
    return sg_fail(err, SG_FAILED, "no libllama");
}

sg_status sg_llama_turn(struct sg_llama *l, int timeout_ms, sg_client_each each, void *context,
                        struct sg_err *err)
{
    (void)l, (void)timeout_ms, (void)each, (void)context;
    return sg_fail(err, SG_FAILED, "no libllama");
}

int sg_llama_is_busy(const struct sg_llama *l)
{
    (void)l;
    return 0;
}

void sg_llama_abandon(struct sg_llama *l)
{
    (void)l;
}

const char *sg_llama_version(void)
{
    return NULL;
}
