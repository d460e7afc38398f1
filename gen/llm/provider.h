/* The APIs that synthgrid speaks, a row each: where they live, how they are addressed, which wire format they speak
 * (gen/llm/wire.h), and what they do not have.
 *
 * Another one is a row in provider.c and a sentence in SG_PROVIDER_HELP. One with a wire format of its own is, besides, a file like
 * wire_anthropic.c, whose name stands below. docs/buying.md has a table for the users. A row needs name, api_key_env, and, unless it is in
 * process, wire, chat_path, key_header, rehearsed_as, and base_url or needs_model (tests/gen/test_provider.c holds all rows against that). */
#ifndef SG_GEN_LLM_PROVIDER_H
#define SG_GEN_LLM_PROVIDER_H

#include "gen/llm/request.h"
#include "gen/llm/wire.h"

extern const struct sg_wire sg_wire_openai, sg_wire_anthropic;

struct sg_provider {
    const char *name;
    const struct sg_wire *wire; /* NULL in process */
    const char *const *lacks;   /* parameters that it has never had, up to a NULL; NULL: none */
    const char *base_url,
        *base_url_env;        /* where it lives, unless the study or this variable says otherwise */
    const char *api_key_env;  /* where its users keep their key */
    const char *chat_path;    /* behind the base URL */
    const char *key_header;   /* the key follows */
    const char *other_header; /* NULL: none */
    /* What the base URL's path ends in; added where it is missing: $ANTHROPIC_BASE_URL comes without it. NULL: the
     * base URL is taken as it is. */
    const char *version_path;
    /* A base URL with this in its path is taken as it is, and needs that in its query: Azure's older addresses, which
     * name the deployment. */
    const char *classic_path, *classic_query;
    int needs_model;          /* generator.model has no default that could be meant */
    int lists_no_deployments; /* what GET /models lists is not what generator.model names */
    int has_batches;          /* OpenAI's batch API: gen/llm/batch.h */
    int has_own_servers;      /* people start servers themselves that speak it: vLLM, llama.cpp */
    int in_process;           /* no server: gen/llm/llama.h; no addresses then */
    /* The provider as which `rehearse` asks a stub server, which speaks OpenAI's and Anthropic's formats at plain addresses: it does not
     * try another format. tests/gen/test_reply.c and tests/fuzz/fuzz_reply.c read replies of all. */
    const char *rehearsed_as;
};

/* What generator.provider may be, for its help. */
#define SG_PROVIDER_HELP                                                                                     \
    "openai: any endpoint that speaks OpenAI's chat completions; azure: the same with Azure's header and "   \
    "addresses; anthropic: its messages; llama: a model in this process"

/* NULL: no such provider. */
const struct sg_provider *sg_provider_find(const char *name);

/* Provider i, NULL behind the last. */
const struct sg_provider *sg_provider_at(int i);

/* The names of all providers, "a, b or c". */
void sg_provider_names(char out[80]);

/* The address that was asked for: the study's, else the environment's; NULL: neither. In process: the model's file. */
const char *sg_provider_address(const struct sg_generator *g);

#endif
