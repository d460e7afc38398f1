/* Which synthetic examples a report shows, with what stands beside each: read from results.h5.
 *
 * Of every class of every pool the first k, by their place in the pool; k is the largest number whose texts fit SG_SAMPLE_BYTES, and 1 at
 * least. So the same file gives the same sample, and a small study's is all of them. */
#ifndef SG_RESULTS_REPORT_EXAMPLE_SAMPLE_H
#define SG_RESULTS_REPORT_EXAMPLE_SAMPLE_H

#include "results/report/report_data.h"

enum { SG_SAMPLE_BYTES = 700000, SG_SAMPLE_MAX_REJECTED = 100 };

struct sg_sample_example {
    int64_t pool, position, source; /* source: index of the example that it rephrases; -1: none */
    int64_t rank;                   /* among its pool's examples of its class, from 0 */
    double probability;             /* that the LLM gave it; NaN: none, or not known */
    int64_t near;                   /* index of what it resembles most, or -1 */
    int is_needed;                  /* its texts are here */
    char *text, *text_pair, *class_, *completion;
};
struct sg_sample_near {
    int64_t pool, row, example; /* example: it resembles this one, or -1; -1: its text is not in results.h5 */
    double similarity;
    int is_rejected;
    char *resembles, *completion, *text; /* text: of a test row, or NULL */
};
struct sg_sample {
    int64_t n, n_near, n_rejected; /* near-duplicates that were rejected, of which near[] has some */
    struct sg_sample_example *example;
    struct sg_sample_near *near;
    int64_t per_class, n_shown; /* shown: rank < per_class */
};

/* Local. d: of the same file. SG_INPUT for a damaged one. */
sg_status sg_sample_read(const char *path, const struct sg_report_data *d, struct sg_sample *out,
                         struct sg_err *err) SG_MUST_USE;
void sg_sample_free(struct sg_sample *s);

#endif
