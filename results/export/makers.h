/* Who has made the examples of an export, and whose licences apply to them. */
#ifndef SG_RESULTS_EXPORT_MAKERS_H
#define SG_RESULTS_EXPORT_MAKERS_H

#include "base/buf.h"
#include "results/export/pools.h"
#include "results/h5/pool_maker.h"

/* Of a planned pool: an LLM. */
enum sg_pool_maker sg_maker_of(const struct sg_export_pool *x);

/* Whether a maker has made pools with examples. */
int sg_makers_have(const struct sg_export_pools *p, enum sg_pool_maker m);

/* "gpt-x", "raw rows, words changed by eda", "file a.jsonl, SHA-256 01ab...": names are safe for a terminal. Nothing for a planned pool. */
void sg_makers_name(struct sg_buf *out, const struct sg_export_pool *x);

/* "written by language models, made of the tasks' raw rows by changing words and taken from files of others": those that there are. */
void sg_makers_say(struct sg_buf *out, const struct sg_export_pools *p);

/* Sentences on the licences of what no LLM has written, each with a blank in front; nothing where there is no such pool. */
void sg_makers_licences(struct sg_buf *out, const struct sg_export_pools *p);

#endif
