/* `synthgrid fetch`: models and data sets from the Hugging Face Hub, before a run and where there is a network.
 *
 * fetch/fetch.py does it, in Python, with huggingface_hub: $SYNTHGRID_PYTHON or python3. HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_HUB_OFFLINE, HF_TOKEN (and the token that
 * `hf auth login` keeps), proxies, SSL_CERT_FILE and pip's own variables are heeded. HF_TOKEN is taken out of the environment and goes to the
 * program through its standard input; API keys of LLMs do not go to it, and neither does another variable of HF_ or PIP_ whose name has TOKEN, KEY, PASSWORD or
 * SECRET. Proxies and PIP_INDEX_URL go to it as they are, with a password that is in them.
 *
 * A model stays in the Hub's cache (base/hub.h), where `train.encoder: owner/name` finds it. A task's rows are written as
 *     <dir>/<task>/train.jsonl, test.jsonl    in the task's own columns, labels as its classes are called
 *     <dir>/<task>/fetched.json               the commit, its files' digests, those of the two files, row counts, licence
 * and fetched.json is the lock: what `main` was once is fetched again, until `update`. While files are replaced it has the digests of the old ones, too. Files that were not fetched are never written over. */
#ifndef SG_EXPERIMENTS_FETCH_FETCH_H
#define SG_EXPERIMENTS_FETCH_FETCH_H

#include "base/err.h"

struct sg_fetch_options {
    const char *dir; /* of the tasks' rows */
    int update;      /* ask the Hub anew what a branch is */
};

/* Local. owner/name or owner/name@revision: config.json, tokenizer, weights; each file's digest is checked. Prints the folder. A model that is there
 * is checked, and nobody is asked. */
sg_status sg_fetch_model(const char *name, const struct sg_fetch_options *o, struct sg_err *err) SG_MUST_USE;

/* Local. A task (or a task file), TASK@REVISION, or "all" the tasks that there are. Prints a line a task. Rows are counted and read as a study
 * reads them before anything is written. SG_PARTIAL: some tasks of "all" failed, which was told. */
sg_status sg_fetch_data(const char *task, const struct sg_fetch_options *o, struct sg_err *err) SG_MUST_USE;

#endif
