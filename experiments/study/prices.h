/* Published prices, for studies that state none: data/prices.yaml, shipped with dates and sources.
 *
 * A price is the provider's at its own address alone: a server elsewhere may charge anything for a model of the same
 * name, and stays unknown. */
#ifndef SG_EXPERIMENTS_STUDY_PRICES_H
#define SG_EXPERIMENTS_STUDY_PRICES_H

#include "base/buf.h"
#include "experiments/study/study.h"

/* A price that is older may well have changed. */
enum { SG_PRICE_OLD_DAYS = 180 };

/* Local. Gives generators without a price that of the file, if it has one for their address and model: prices,
 * price_as_of and price_source; and all generators the day their model ends (retired_on, retired_source). file: NULL: data/prices.yaml, here or installed; none there: no prices. SG_INPUT with
 * the place for a file that is wrong; then nothing is changed. */
sg_status sg_prices_fill(struct sg_study *s, const char *file, struct sg_err *err) SG_MUST_USE;

/* Adds "0.15 and 0.6 USD for a million tokens in and out (cached in: 0.075), as of 2026-05-27 (https://...)"; ", as the
 * study says" for its own; "" without a price. */
void sg_price_describe(const struct sg_generator *g, struct sg_buf *out);

/* Adds a sentence when the file's price is old on that day (seconds since 1970). 1: it is. */
int sg_price_warn(const struct sg_generator *g, double unix_s, struct sg_buf *out);

/* Adds a sentence when the file has a day from which the provider does not answer for the model: it is behind us, or ahead. */
enum sg_model_end { SG_MODEL_STAYS, SG_MODEL_GOES, SG_MODEL_GONE };
enum sg_model_end sg_price_retired(const struct sg_generator *g, double unix_s, struct sg_buf *out);

/* As JSON, for the results and the plan (sg_free); NULL without memory. "null" without a price. */
char *sg_price_json(const struct sg_generator *g);

#endif
