/* The APIs that synthgrid speaks, a row each: where they live and how they are addressed. What their messages look
 * like is in gen/llm/reply.c. */
#ifndef SG_GEN_LLM_PROVIDER_H
#define SG_GEN_LLM_PROVIDER_H

#include "gen/llm/request.h"

struct sg_provider {
    const char *name;
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
    int in_process;           /* no server: gen/llm/llama.h; nothing of the above but the name counts */
};

/* NULL: no such provider. */
const struct sg_provider *sg_provider_find(const char *name);

/* The name of provider i, NULL behind the last. */
const char *sg_provider_name(int i);

/* The names of all providers, "a, b or c". */
void sg_provider_names(char out[80]);

/* The address that was asked for: the study's, else the environment's; NULL: neither. In process: the model's file. */
const char *sg_provider_address(const struct sg_generator *g);

#endif
