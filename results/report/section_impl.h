/* What sections share. Private to results/report/. */
#ifndef SG_RESULTS_REPORT_SECTION_IMPL_H
#define SG_RESULTS_REPORT_SECTION_IMPL_H

#include "results/report/doc.h"
#include "results/report/report_data.h"

#include <math.h>

/* A pool's generation seed, and where that tells pools apart, the draw of the rows that its prompts show. */
static inline void sg_section_pool_seed(struct sg_doc *doc, const struct sg_report_data *d,
                                        const struct sg_report_pool *p)
{
    if (d->has_draws && p->seed_data >= 0)
        sg_doc_number(doc, (double)p->seed_generation, "%lld, draw %lld", (long long)p->seed_generation,
                      (long long)p->seed_data);
    else
        sg_doc_int(doc, p->seed_generation);
}

/* USD with four decimals. */
static inline void sg_section_cost(struct sg_doc *doc, double usd)
{
    if (isnan(usd))
        sg_doc_number(doc, NAN, "unknown");
    else
        sg_doc_real(doc, usd, 4);
}

#endif
