#include "gen/llm/provider.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const no_seed_no_format[] = {"seed", "response_format", NULL};
static const char *const no_format[] = {"response_format", NULL};

static const struct sg_provider table[] = {
    {.name = "openai",
     .wire = &sg_wire_openai,
     .base_url = "https://api.openai.com/v1",
     .base_url_env = "OPENAI_BASE_URL",
     .api_key_env = "OPENAI_API_KEY",
     .chat_path = "/chat/completions",
     .key_header = "Authorization: Bearer ",
     .has_batches = 1,
     .has_own_servers = 1,
     .rehearsed_as = "openai"},
    {.name = "anthropic",
     .wire = &sg_wire_anthropic,
     .lacks = no_seed_no_format,
     .base_url = "https://api.anthropic.com/v1",
     .base_url_env = "ANTHROPIC_BASE_URL",
     .api_key_env = "ANTHROPIC_API_KEY",
     .chat_path = "/messages",
     .key_header = "x-api-key: ",
     .other_header = "anthropic-version: 2023-06-01",
     .version_path = "/v1",
     .needs_model = 1,
     .rehearsed_as = "anthropic"},
    /* learn.microsoft.com, "Azure OpenAI in Azure AI Foundry Models v1 API" */
    {.name = "azure",
     .wire = &sg_wire_openai,
     .base_url_env = "AZURE_OPENAI_ENDPOINT",
     .api_key_env = "AZURE_OPENAI_API_KEY",
     .chat_path = "/chat/completions",
     .key_header = "api-key: ",
     .version_path = "/openai/v1",
     .classic_path = "/openai/deployments/",
     .classic_query = "api-version=",
     .needs_model = 1,
     .lists_no_deployments = 1,
     .rehearsed_as = "openai"},
    {.name = "llama",
     .lacks = no_format,
     .api_key_env = "LLAMA_API_KEY",
     .in_process = 1,
     .needs_model = 1,
     .rehearsed_as = "openai"},
};
enum { N = sizeof table / sizeof table[0] };

const struct sg_provider *sg_provider_at(int i)
{
    return i < N ? &table[i] : NULL;
}

const struct sg_provider *sg_provider_find(const char *name)
{
    for (int i = 0; i < N; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

void sg_provider_names(char out[80])
{
    out[0] = 0;
    for (int i = 0; i < N; i++)
        snprintf(out + strlen(out), 80 - strlen(out), "%s%s",
                 i == 0      ? ""
                 : i < N - 1 ? ", "
                             : " or ",
                 table[i].name);
}

const char *sg_provider_address(const struct sg_generator *g)
{
    const struct sg_provider *p = sg_provider_find(g->provider);
    if (p->in_process)
        return g->model_file;
    const char *from_env = getenv(p->base_url_env);
    return g->base_url ? g->base_url : from_env && from_env[0] ? from_env : NULL;
}
