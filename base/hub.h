/* Names on the Hugging Face Hub, and where this machine keeps what was fetched by them: huggingface_hub's cache, which `synthgrid fetch`,
 * transformers and the `hf` command share.
 *
 *     <cache>/models--FacebookAI--roberta-base/refs/main              the commit that `main` was when it was fetched
 *     <cache>/models--FacebookAI--roberta-base/snapshots/<commit>/    its files: links into ../../blobs/
 *
 * <cache> is $HF_HUB_CACHE, $HUGGINGFACE_HUB_CACHE, $HF_HOME/hub, $XDG_CACHE_HOME/huggingface/hub or ~/.cache/huggingface/hub, the first that
 * is set. (Layout and variables: huggingface.co/docs/huggingface_hub, "Understand caching" and "Environment variables".) */
#ifndef SG_BASE_HUB_H
#define SG_BASE_HUB_H

#include "base/err.h"

enum { SG_HUB_REPO = 200, SG_HUB_REVISION = 120 };

struct sg_hub_name {
    char repo[SG_HUB_REPO];         /* "FacebookAI/roberta-base" */
    char revision[SG_HUB_REVISION]; /* a branch, tag or commit; "": none is given, which means main */
};

/* Local. Whether `text` may be a name on the Hub, owner/name or owner/name@revision, which *out has then. A path with one '/' may be
 * one, too: look for the folder first. */
int sg_hub_name_parse(const char *text, struct sg_hub_name *out);

/* Local. The cache, in new memory (sg_free); NULL without memory. */
char *sg_hub_cache(void);

/* Local. The folder in the cache that has the model's config.json, in new memory; NULL where `text` is no name or its model was not fetched
 * in that revision (or there is no memory). Without a revision: what `main` was, else the one that is there. */
char *sg_hub_find_model(const char *text);

#endif
