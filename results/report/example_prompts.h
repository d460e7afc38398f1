/* What was asked, and what came back whole: from the ledger that lies beside results.h5. */
#ifndef SG_RESULTS_REPORT_EXAMPLE_PROMPTS_H
#define SG_RESULTS_REPORT_EXAMPLE_PROMPTS_H

#include "results/report/doc.h"
#include "results/report/example_sample.h"

/* Local. A table of the first example of each class of each pool, cut after SG_PROMPT_BYTES each, until SG_PROMPTS_BYTES are used. *n: its rows. Nothing,
 * where there is no ledger beside `h5`, or it cannot be read: results.h5 may be on its own, and a run may be at work. */
enum { SG_PROMPT_BYTES = 3000, SG_PROMPTS_BYTES = 300000 };
sg_status sg_prompts_write(const char *h5, const struct sg_report_data *d, const struct sg_sample *s,
                           struct sg_doc *doc, int64_t *n, struct sg_err *err) SG_MUST_USE;

/* The messages of a request in the order of the conversation: "system: ... | user: ... | assistant: ..."; one of another shape as it is. */
void sg_prompt_text(const char *request, struct sg_buf *out);

#endif
